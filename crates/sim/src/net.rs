//! A network in memory: datagrams that are delayed, lost, doubled and overtaken; streams that are delayed, arrive in pieces and
//! break at any byte.
//!
//! Invariant: a stream's bytes arrive in order and each once, up to where it breaks; nothing arrives before its time.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io::{Error, ErrorKind, Result};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::rc::Rc;

use tiles::{Clock, Net, Tcp, TcpListener, TcpRead, Udp};

use crate::random::Random;
use crate::simulation::SimClock;

/// How bad the network is. Chances are per million.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    /// Shortest and longest way of a datagram, ns. A wide range reorders.
    pub udp_delay_ns: (u64, u64),
    /// Datagrams lost, for each receiver by itself.
    pub udp_loss: u32,
    /// Datagrams that arrive twice.
    pub udp_duplicate: u32,
    /// Datagrams held up for ten times the longest way.
    pub udp_reorder: u32,
    /// Shortest and longest way of a piece of a stream, ns.
    pub tcp_delay_ns: (u64, u64),
    /// Writes in whose midst the stream breaks, for both sides.
    pub tcp_cut: u32,
    /// Bytes under way in one direction before a write takes no more.
    pub tcp_window_bytes: usize,
}

impl Faults {
    /// A good network: 10 µs everywhere and nothing lost.
    pub const NONE: Self = Self {
        udp_delay_ns: (10_000, 10_000),
        udp_loss: 0,
        udp_duplicate: 0,
        udp_reorder: 0,
        tcp_delay_ns: (10_000, 10_000),
        tcp_cut: 0,
        tcp_window_bytes: 1 << 16,
    };

    /// A bad day: one datagram in fifty lost, some doubled and overtaken, now and then a broken stream.
    pub const BAD: Self = Self {
        udp_delay_ns: (5_000, 200_000),
        udp_loss: 20_000,
        udp_duplicate: 10_000,
        udp_reorder: 10_000,
        tcp_delay_ns: (5_000, 500_000),
        tcp_cut: 500,
        tcp_window_bytes: 1 << 12,
    };
}

struct Datagram {
    at_ns: u64,
    bytes: Vec<u8>,
    from: SocketAddrV4,
}

struct Port {
    id: usize,
    bound: SocketAddrV4,
    group: bool,
    owner: Owner,
    /// What is under way or waits, by arrival time; of equal times what was sent first comes first.
    waiting: VecDeque<Datagram>,
}

/// Bytes of a stream that arrive together.
struct Piece {
    at_ns: u64,
    bytes: Vec<u8>,
    /// Bytes of it that were read.
    read: usize,
}

impl Piece {
    fn left(&self) -> usize {
        self.bytes.len() - self.read
    }
}

/// One direction of a stream.
#[derive(Default)]
struct Pipe {
    pieces: VecDeque<Piece>,
    bytes: usize,
    /// When the end of the stream arrives, once there is one.
    end_ns: Option<u64>,
    last_arrival_ns: u64,
}

struct Stream {
    to: SocketAddrV4,
    /// Towards the listener's side (0) and towards the connecting side (1).
    pipes: [Pipe; 2],
    made_ns: u64,
    refused: bool,
    /// Who reads the pipe of this number.
    readers: [Owner; 2],
    /// Whether that side may still use it.
    open: [bool; 2],
}

/// Datagrams that wait at a socket at most, those under way included: what a socket's buffer holds.
const WAITING_MAX: usize = 4_096;

struct Listener {
    at: SocketAddrV4,
    owner: Owner,
    pending: VecDeque<(u64, usize, SocketAddrV4)>,
}

/// Buffers of datagrams that were read and wait for the next ones, at most.
const SPARE_MAX: usize = 64;

/// Whose a socket is: a number for those who want to be told when something arrives, and the host that it is on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Owner {
    pub tile: usize,
    pub host: u8,
}

/// One way between two hosts, where it is not as the whole network.
#[derive(Clone, Copy, Debug, Default)]
struct Way {
    faults: Option<Faults>,
    /// Nothing gets through before: datagrams are lost, pieces of streams come later.
    closed_until_ns: u64,
}

pub(crate) struct World {
    clock: SimClock,
    random: Random,
    faults: Faults,
    /// Faults of datagrams to these addresses, where they are not those of the whole network.
    to_faults: BTreeMap<SocketAddrV4, Faults>,
    /// Streams to an address, and a direction: break after so many more bytes.
    cuts: BTreeMap<(SocketAddrV4, usize), u64>,
    /// Bytes that streams to an address took so far, by direction.
    taken: BTreeMap<(SocketAddrV4, usize), u64>,
    ways: BTreeMap<(u8, u8), Way>,
    /// When something arrives, and for whom; kept only where somebody takes it.
    wakes: Option<Vec<(u64, usize)>>,
    happened: Happened,
    next_number: u64,
    next_port: u16,
    /// In the order in which they were bound, which is that of their numbers.
    ports: Vec<Port>,
    streams: BTreeMap<usize, Stream>,
    listeners: BTreeMap<usize, Listener>,
    /// Buffers of datagrams that were read.
    spare: Vec<Vec<u8>>,
    /// Places of the ports that hear a datagram; empty between two.
    hearing: Vec<usize>,
}

/// What the network did to those who use it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Happened {
    /// Datagrams lost by chance.
    pub lost: u64,
    /// Datagrams that came twice.
    pub doubled: u64,
    /// Datagrams held up so that others overtook them.
    pub overtaken: u64,
    /// Datagrams lost because their way was closed.
    pub closed: u64,
    /// Streams broken in the midst of a write.
    pub cut: u64,
    /// Datagrams for which a socket had no room.
    pub full: u64,
}

/// The network. Clones are the same network, as the same tile uses it.
#[derive(Clone)]
pub struct SimNet {
    world: Rc<RefCell<World>>,
    owner: Owner,
}

struct SimUdp {
    net: SimNet,
    id: usize,
    /// Where its port was found last.
    place: usize,
    local: SocketAddrV4,
}

struct SimTcp {
    net: SimNet,
    id: usize,
    /// The pipe that this side writes.
    out: usize,
}

struct SimListener {
    net: SimNet,
    id: usize,
    local: SocketAddrV4,
}

impl World {
    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    fn local(&mut self, wanted: SocketAddrV4) -> SocketAddrV4 {
        if wanted.port() != 0 {
            return wanted;
        }
        self.next_port += 1;
        SocketAddrV4::new(*wanted.ip(), self.next_port)
    }

    fn way(&self, from: u8, to: u8) -> Way {
        if self.ways.is_empty() { Way::default() } else { self.ways.get(&(from, to)).copied().unwrap_or_default() }
    }

    fn wake(&mut self, at_ns: u64, owner: Owner) {
        if let Some(wakes) = &mut self.wakes {
            wakes.push((at_ns, owner.tile));
        }
    }

    fn send(&mut self, bytes: &[u8], from: (SocketAddrV4, Owner), to: SocketAddrV4) {
        let now_ns = self.clock.now_ns();
        let mut hearing = std::mem::take(&mut self.hearing);
        hearing.extend((0..self.ports.len()).filter(|place| self.ports[*place].hears(to)));
        for place in hearing.drain(..) {
            let owner = self.ports[place].owner;
            let way = self.way(from.1.host, owner.host);
            let faults = way.faults.or_else(|| self.to_faults.get(&to).copied()).unwrap_or(self.faults);
            if way.closed_until_ns > now_ns {
                self.happened.closed += 1;
                continue;
            }
            if self.random.chance(faults.udp_loss) {
                self.happened.lost += 1;
                continue;
            }
            let copies = if self.random.chance(faults.udp_duplicate) { 2 } else { 1 };
            self.happened.doubled += copies - 1;
            for _ in 0..copies {
                let (low, high) = faults.udp_delay_ns;
                let late = self.random.chance(faults.udp_reorder);
                self.happened.overtaken += u64::from(late);
                let at_ns = now_ns + self.random.between(low, high) + if late { high * 10 } else { 0 };
                let port = &mut self.ports[place];
                if port.waiting.len() >= WAITING_MAX {
                    self.happened.full += 1;
                    continue;
                }
                let mut buffer = self.spare.pop().unwrap_or_default();
                buffer.clear();
                buffer.extend_from_slice(bytes);
                port.put(Datagram { at_ns, bytes: buffer, from: from.0 });
                self.wake(at_ns, owner);
            }
        }
        self.hearing = hearing;
    }

    /// A socket's port, looked for where it was the last time.
    fn port(&mut self, socket: &mut usize, id: usize) -> Option<&mut Port> {
        if self.ports.get(*socket).is_none_or(|port| port.id != id) {
            *socket = self.ports.iter().position(|port| port.id == id)?;
        }
        self.ports.get_mut(*socket)
    }

    /// When a piece sent now arrives: not before the piece ahead of it.
    fn stream_arrival(&mut self, id: usize, out: usize) -> u64 {
        let now_ns = self.clock.now_ns();
        let hosts = self.streams.get(&id).map_or((0, 0), |stream| {
            let [listening, connecting] = stream.readers.map(|owner| owner.host);
            if out == 0 { (connecting, listening) } else { (listening, connecting) }
        });
        let way = self.way(hosts.0, hosts.1);
        let (low, high) = way.faults.unwrap_or(self.faults).tcp_delay_ns;
        let at_ns = now_ns.max(way.closed_until_ns) + self.random.between(low, high);
        let pipe = self.streams.get_mut(&id).map(|stream| (&mut stream.pipes[out], stream.readers[out]));
        let Some((pipe, reader)) = pipe else { return at_ns };
        pipe.last_arrival_ns = pipe.last_arrival_ns.max(at_ns);
        let at_ns = pipe.last_arrival_ns;
        self.wake(at_ns, reader);
        at_ns
    }

    /// How bad the way is that a pipe's bytes take.
    fn stream_faults(&self, id: usize, out: usize) -> Faults {
        let Some(stream) = self.streams.get(&id).filter(|_| !self.ways.is_empty()) else { return self.faults };
        let [listening, connecting] = stream.readers.map(|owner| owner.host);
        let (from, to) = if out == 0 { (connecting, listening) } else { (listening, connecting) };
        self.way(from, to).faults.unwrap_or(self.faults)
    }

    fn end(&mut self, id: usize, out: usize) {
        let at_ns = self.stream_arrival(id, out);
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.pipes[out].end_ns.get_or_insert(at_ns);
        }
    }

    /// The side that writes this pipe is done with the stream; once both are, it is forgotten. Where nobody is woken, in tests of
    /// one region, it is kept: what breaks streams there draws for each that ever was, and seeds were chosen by that.
    fn leave(&mut self, id: usize, out: usize) {
        self.end(id, out);
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.open[1 - out] = false;
            if stream.open == [false; 2] && self.wakes.is_some() {
                self.streams.remove(&id);
            }
        }
    }

    /// Takes away what is under way from a seeded byte on.
    fn lose_under_way(&mut self, id: usize, out: usize) {
        let now_ns = self.clock.now_ns();
        let Some(pipe) = self.streams.get_mut(&id).map(|stream| &mut stream.pipes[out]) else { return };
        let arrived = pipe.pieces.iter().take_while(|piece| piece.at_ns <= now_ns).count();
        let under_way: usize = pipe.pieces.iter().skip(arrived).map(Piece::left).sum();
        let mut kept = self.random.between(0, under_way as u64) as usize;
        for piece in pipe.pieces.iter_mut().skip(arrived) {
            let stays = piece.left().min(kept);
            kept -= stays;
            pipe.bytes -= piece.left() - stays;
            piece.bytes.truncate(piece.read + stays);
        }
        pipe.pieces.retain(|piece| piece.left() > 0);
    }

    fn write(&mut self, id: usize, out: usize, bytes: &[u8]) -> Result<usize> {
        let now_ns = self.clock.now_ns();
        let faults = self.stream_faults(id, out);
        let window = faults.tcp_window_bytes;
        let broken = || Error::new(ErrorKind::BrokenPipe, "the peer has closed");
        let stream = self.streams.get(&id).ok_or_else(broken)?;
        if stream.refused && now_ns >= stream.made_ns {
            return Err(Error::new(ErrorKind::ConnectionRefused, "nobody listens there"));
        }
        if now_ns < stream.made_ns {
            return Ok(0);
        }
        let peer_closed = stream.pipes[1 - out].end_ns.is_some_and(|end_ns| end_ns <= now_ns);
        if stream.pipes[out].end_ns.is_some() || peer_closed {
            return Err(broken());
        }
        let mut taken = bytes.len().min(window - stream.pipes[out].bytes.min(window));
        let mut cut = taken > 0 && self.random.chance(faults.tcp_cut);
        if cut {
            taken = self.random.between(0, taken as u64) as usize;
        }
        let place = (stream.to, out);
        if let Some(left) = self.cuts.get_mut(&place) {
            taken = taken.min(usize::try_from(*left).unwrap_or(taken));
            *left -= taken as u64;
            cut |= *left == 0;
        }
        if cut && self.cuts.remove(&place).is_some() {
            self.lose_under_way(id, 1 - out);
        }
        self.happened.cut += u64::from(cut);
        *self.taken.entry(place).or_default() += taken as u64;
        if taken > 0 {
            let at_ns = self.stream_arrival(id, out);
            let pipe = &mut self.streams.get_mut(&id).ok_or_else(broken)?.pipes[out];
            pipe.pieces.push_back(Piece { at_ns, bytes: bytes[..taken].to_vec(), read: 0 });
            pipe.bytes += taken;
        }
        if cut {
            self.end(id, 0);
            self.end(id, 1);
        }
        Ok(taken)
    }

    fn read(&mut self, id: usize, from: usize, buffer: &mut [u8]) -> TcpRead {
        let now_ns = self.clock.now_ns();
        let piece_share = self.random.number();
        let Some(stream) = self.streams.get_mut(&id) else { return TcpRead::Closed };
        if now_ns < stream.made_ns {
            return TcpRead::Idle;
        }
        let pipe = &mut stream.pipes[from];
        let Some(piece) = pipe.pieces.front_mut().filter(|piece| piece.at_ns <= now_ns) else {
            let ended = stream.refused || pipe.end_ns.is_some_and(|end_ns| end_ns <= now_ns);
            return if ended { TcpRead::Closed } else { TcpRead::Idle };
        };
        // Bytes come in pieces of any size: one time in four only some of what waits.
        let whole = piece.left().min(buffer.len());
        let length = if piece_share.is_multiple_of(4) { 1 + (piece_share >> 2) as usize % whole.max(1) } else { whole };
        let length = length.min(whole);
        buffer[..length].copy_from_slice(&piece.bytes[piece.read..piece.read + length]);
        piece.read += length;
        if piece.left() == 0 {
            pipe.pieces.pop_front();
        }
        pipe.bytes -= length;
        TcpRead::Bytes(length)
    }
}

impl Port {
    /// Puts a datagram behind all that arrive no later.
    fn put(&mut self, datagram: Datagram) {
        let behind = self.waiting.iter().rev().take_while(|other| other.at_ns > datagram.at_ns).count();
        self.waiting.insert(self.waiting.len() - behind, datagram);
    }

    fn hears(&self, to: SocketAddrV4) -> bool {
        let address = self.bound.ip() == to.ip() || (!self.group && self.bound.ip().is_unspecified());
        address && self.bound.port() == to.port()
    }
}

impl SimNet {
    /// A network on this clock, its faults decided by the seed.
    pub fn new(clock: SimClock, seed: u64, faults: Faults) -> Self {
        let world = World {
            clock,
            random: Random::new(seed),
            faults,
            to_faults: BTreeMap::new(),
            cuts: BTreeMap::new(),
            taken: BTreeMap::new(),
            ways: BTreeMap::new(),
            wakes: None,
            happened: Happened::default(),
            next_number: 0,
            next_port: 40_000,
            ports: Vec::new(),
            streams: BTreeMap::new(),
            listeners: BTreeMap::new(),
            spare: Vec::new(),
            hearing: Vec::new(),
        };
        Self { world: Rc::new(RefCell::new(world)), owner: Owner::default() }
    }

    /// The same network as a tile of this number on this host uses it.
    pub(crate) fn of(&self, tile: usize, host: u8) -> Self {
        Self { world: Rc::clone(&self.world), owner: Owner { tile, host } }
    }

    /// From now on it is noted when something arrives for whom.
    pub(crate) fn note_wakes(&self) {
        self.world.borrow_mut().wakes = Some(Vec::new());
    }

    /// Hands over what was noted since the last time.
    pub(crate) fn take_wakes(&self, take: &mut dyn FnMut(u64, usize)) {
        if let Some(wakes) = &mut self.world.borrow_mut().wakes {
            wakes.drain(..).for_each(|(at_ns, tile)| take(at_ns, tile));
        }
    }

    /// Streams that somebody may still use.
    pub(crate) fn streams(&self) -> usize {
        self.world.borrow().streams.len()
    }

    /// What it did so far.
    pub(crate) fn happened(&self) -> Happened {
        self.world.borrow().happened
    }

    /// The way from one host to another is closed until then.
    pub(crate) fn close_way(&self, from: u8, to: u8, until_ns: u64) {
        let mut world = self.world.borrow_mut();
        let way = world.ways.entry((from, to)).or_default();
        way.closed_until_ns = way.closed_until_ns.max(until_ns);
    }

    /// Whether something sent from one host to another now would arrive.
    pub(crate) fn is_open(&self, from: u8, to: u8) -> bool {
        let world = self.world.borrow();
        world.way(from, to).closed_until_ns <= world.clock.now_ns()
    }

    /// How bad the way from one host to another is from now on; `None`: as the whole network.
    pub(crate) fn set_way(&self, from: u8, to: u8, faults: Option<Faults>) {
        self.world.borrow_mut().ways.entry((from, to)).or_default().faults = faults;
    }

    /// Every way is open and as the whole network.
    pub(crate) fn mend_ways(&self) {
        self.world.borrow_mut().ways.clear();
    }

    /// Breaks the streams between two hosts: of the bytes under way a seeded number still arrives.
    pub(crate) fn break_between(&self, one: u8, other: u8) -> usize {
        let mut world = self.world.borrow_mut();
        let between = |stream: &&Stream| {
            let [listening, connecting] = stream.readers.map(|owner| owner.host);
            (listening, connecting) == (one, other) || (listening, connecting) == (other, one)
        };
        let alive = |stream: &&Stream| stream.pipes.iter().all(|pipe| pipe.end_ns.is_none());
        let ids: Vec<usize> =
            world.streams.iter().filter(|(_, stream)| between(stream) && alive(stream)).map(|(id, _)| *id).collect();
        for id in &ids {
            for out in 0..2 {
                world.lose_under_way(*id, out);
                world.end(*id, out);
            }
        }
        ids.len()
    }

    /// Changes how bad it is from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.world.borrow_mut().faults = faults;
    }

    /// Changes how bad the way of datagrams to one address (a line of a feed) is from now on, whatever the rest is like.
    pub fn set_faults_to(&self, to: SocketAddrV4, faults: Faults) {
        self.world.borrow_mut().to_faults.insert(to, faults);
    }

    /// Breaks every stream now: of the bytes that are under way a seeded number still arrives, in each direction by itself.
    pub fn break_streams(&self) {
        let mut world = self.world.borrow_mut();
        let ids: Vec<usize> = world.streams.keys().copied().collect();
        for id in ids {
            for out in 0..2 {
                world.lose_under_way(id, out);
                world.end(id, out);
            }
        }
    }

    /// Breaks every stream at the byte that it has reached.
    pub fn cut_streams(&self) {
        let mut world = self.world.borrow_mut();
        let ids: Vec<usize> = world.streams.keys().copied().collect();
        for id in ids {
            world.end(id, 0);
            world.end(id, 1);
        }
    }

    /// Breaks the streams to an address after so many more bytes towards the listener, or from it; once. What is under way in
    /// the other direction is lost from a seeded byte on.
    pub fn cut_after(&self, to: SocketAddrV4, towards_listener: bool, bytes: u64) {
        self.world.borrow_mut().cuts.insert((to, usize::from(!towards_listener)), bytes);
    }

    /// Bytes that streams to an address took so far, towards the listener or from it.
    pub fn bytes_taken(&self, to: SocketAddrV4, towards_listener: bool) -> u64 {
        self.world.borrow().taken.get(&(to, usize::from(!towards_listener))).copied().unwrap_or(0)
    }

    fn bind(&self, bound: SocketAddrV4, group: bool) -> Result<Box<dyn Udp>> {
        let mut world = self.world.borrow_mut();
        let local = world.local(bound);
        let taken = world.ports.iter().any(|port| port.bound == local && !(group && port.group));
        if taken {
            return Err(Error::new(ErrorKind::AddrInUse, format!("binding {local}: address in use")));
        }
        let id = world.number() as usize;
        let place = world.ports.len();
        world.ports.push(Port { id, bound: local, group, owner: self.owner, waiting: VecDeque::new() });
        Ok(Box::new(SimUdp { net: self.clone(), id, place, local }))
    }
}

impl Net for SimNet {
    fn udp_multicast(&self, group: SocketAddrV4, _interface: Ipv4Addr) -> Result<Box<dyn Udp>> {
        self.bind(group, true)
    }

    fn udp(&self, bind: SocketAddrV4, _interface: Ipv4Addr) -> Result<Box<dyn Udp>> {
        self.bind(bind, false)
    }

    fn tcp_connect(&self, to: SocketAddrV4) -> Result<Box<dyn Tcp>> {
        let mut world = self.world.borrow_mut();
        let now_ns = world.clock.now_ns();
        let listening = world.listeners.values().find(|listener| listener.at == to).map(|listener| listener.owner);
        let host = listening.map_or(self.owner.host, |owner| owner.host);
        let (there, back) = (world.way(self.owner.host, host), world.way(host, self.owner.host));
        let (low, high) = there.faults.unwrap_or(world.faults).tcp_delay_ns;
        let open_ns = now_ns.max(there.closed_until_ns).max(back.closed_until_ns);
        let made_ns = open_ns + world.random.between(low, high) * 2;
        let id = world.number() as usize;
        let from = world.local(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));
        if let Some(listener) = world.listeners.values_mut().find(|listener| listener.at == to) {
            listener.pending.push_back((made_ns, id, from));
        }
        let readers = [listening.unwrap_or(self.owner), self.owner];
        let pipes = [Pipe::default(), Pipe::default()];
        let open = [listening.is_some(), true];
        world.streams.insert(id, Stream { to, pipes, made_ns, refused: listening.is_none(), readers, open });
        world.wake(made_ns, self.owner);
        world.wake(made_ns, readers[0]);
        Ok(Box::new(SimTcp { net: self.clone(), id, out: 0 }))
    }

    fn tcp_listen(&self, at: SocketAddrV4) -> Result<Box<dyn TcpListener>> {
        let mut world = self.world.borrow_mut();
        let local = world.local(at);
        if world.listeners.values().any(|listener| listener.at == local) {
            return Err(Error::new(ErrorKind::AddrInUse, format!("listening at {local}: address in use")));
        }
        let id = world.number() as usize;
        world.listeners.insert(id, Listener { at: local, owner: self.owner, pending: VecDeque::new() });
        Ok(Box::new(SimListener { net: self.clone(), id, local }))
    }
}

impl Udp for SimUdp {
    fn receive(&mut self, buffer: &mut [u8]) -> Result<Option<(usize, SocketAddrV4)>> {
        let mut world = self.net.world.borrow_mut();
        let now_ns = world.clock.now_ns();
        let Some(port) = world.port(&mut self.place, self.id) else { return Ok(None) };
        if port.waiting.front().is_none_or(|datagram| datagram.at_ns > now_ns) {
            return Ok(None);
        }
        let Some(Datagram { bytes, from, .. }) = port.waiting.pop_front() else { return Ok(None) };
        // What does not fit is cut off, as a socket does.
        let length = bytes.len().min(buffer.len());
        buffer[..length].copy_from_slice(&bytes[..length]);
        if world.spare.len() < SPARE_MAX {
            world.spare.push(bytes);
        }
        Ok(Some((length, from)))
    }

    fn send_to(&mut self, bytes: &[u8], to: SocketAddrV4) -> Result<bool> {
        self.net.world.borrow_mut().send(bytes, (self.local, self.net.owner), to);
        Ok(true)
    }

    fn local(&self) -> SocketAddrV4 {
        self.local
    }
}

impl Drop for SimUdp {
    fn drop(&mut self) {
        self.net.world.borrow_mut().ports.retain(|port| port.id != self.id);
    }
}

impl Tcp for SimTcp {
    fn read(&mut self, buffer: &mut [u8]) -> TcpRead {
        self.net.world.borrow_mut().read(self.id, 1 - self.out, buffer)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.net.world.borrow_mut().write(self.id, self.out, bytes)
    }

    fn connected(&mut self) -> Result<bool> {
        let world = self.net.world.borrow();
        let Some(stream) = world.streams.get(&self.id) else { return Ok(false) };
        if world.clock.now_ns() < stream.made_ns {
            return Ok(false);
        }
        if stream.refused { Err(Error::new(ErrorKind::ConnectionRefused, "nobody listens there")) } else { Ok(true) }
    }
}

impl Drop for SimTcp {
    fn drop(&mut self) {
        self.net.world.borrow_mut().leave(self.id, self.out);
    }
}

impl TcpListener for SimListener {
    fn accept(&mut self) -> Result<Option<(Box<dyn Tcp>, SocketAddrV4)>> {
        let mut world = self.net.world.borrow_mut();
        let now_ns = world.clock.now_ns();
        let Some(listener) = world.listeners.get_mut(&self.id) else { return Ok(None) };
        // One whose way is slow does not hold up those behind it.
        let ready = listener.pending.iter().position(|(at_ns, _, _)| *at_ns <= now_ns);
        let Some((_, id, peer)) = ready.and_then(|at| listener.pending.remove(at)) else { return Ok(None) };
        Ok(Some((Box::new(SimTcp { net: self.net.clone(), id, out: 1 }), peer)))
    }

    fn local(&self) -> SocketAddrV4 {
        self.local
    }
}

impl Drop for SimListener {
    fn drop(&mut self) {
        let mut world = self.net.world.borrow_mut();
        let pending = world.listeners.remove(&self.id).map(|listener| listener.pending).unwrap_or_default();
        for (_, id, _) in pending {
            world.leave(id, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 7);

    #[test]
    fn a_stream_that_both_sides_left_is_forgotten_and_one_that_nobody_took_too() {
        let clock = SimClock::at(1);
        let net = SimNet::new(clock.clone(), 1, Faults::NONE);
        net.note_wakes();
        let refused = net.tcp_connect(AT).expect("a socket");
        assert_eq!(net.streams(), 1);
        drop(refused);
        let mut listener = net.tcp_listen(AT).expect("a free address");
        for accepts in [true, false] {
            let mut ours = net.tcp_connect(AT).expect("a socket");
            clock.advance(1_000_000);
            let theirs = accepts.then(|| listener.accept().expect("a listener").expect("somebody came"));
            assert_eq!(ours.write(b"word").expect("a stream"), 4);
            drop(ours);
            // What was said last is still to be read.
            assert_eq!(net.streams(), 1, "accepted: {accepts}");
            clock.advance(1_000_000);
            if let Some((mut stream, _)) = theirs {
                assert!(matches!(stream.read(&mut [0; 8]), TcpRead::Bytes(1..=4)));
            } else {
                drop(std::mem::replace(&mut listener, net.tcp_listen(SocketAddrV4::new(*AT.ip(), 8)).expect("free")));
            }
            assert_eq!(net.streams(), 0, "accepted: {accepts}");
        }
    }

    #[test]
    fn a_socket_that_nobody_reads_takes_so_many_datagrams_and_no_more() {
        let clock = SimClock::at(1);
        let net = SimNet::new(clock.clone(), 1, Faults::NONE);
        let mut reads = net.udp(AT, Ipv4Addr::UNSPECIFIED).expect("a free address");
        let mut sends = net.udp(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0), Ipv4Addr::UNSPECIFIED).expect("a port");
        for _ in 0..WAITING_MAX + 10 {
            assert!(sends.send_to(b"x", AT).expect("a network"));
        }
        clock.advance(1_000_000);
        let mut read = 0;
        while reads.receive(&mut [0; 8]).expect("a socket").is_some() {
            read += 1;
        }
        assert_eq!((read, net.happened().full), (WAITING_MAX, 10));
    }
}
