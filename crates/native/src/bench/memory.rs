//! The loop in memory: packet bytes in, order bytes out, one thread, no socket.
//!
//! A pass begins before the feed tile's turn with one packet to read and ends when the gateway writes; answers of the venue
//! and whatever else is due happen between passes.
//!
//! Invariant: one packet is in flight at a time, and the next pass begins when the tiles have nothing left to do.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::rc::Rc;

use links::{Counter, HistogramSnapshot};
use tiles::{Clock, Net, RealClock, StartError, Tcp, TcpListener, TcpRead, Udp};

use super::acceptor::Acceptor;
use super::packets::Packets;
use super::plant::{Addresses, Plant, Setup, midnight_ns};

const LINE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(239, 0, 0, 1), 1);
const OTHER_LINE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(239, 0, 0, 2), 1);
const PORT: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 2);
/// More turns than this between two packets mean that the tiles never come to rest.
const TURNS_MAX: usize = 100_000;

/// What lies between the tiles and the measuring code.
struct Wires {
    packets: Rc<Packets>,
    /// The packet that waits to be read.
    waiting: Cell<Option<usize>>,
    to_client: RefCell<Vec<u8>>,
    from_client: RefCell<Vec<u8>>,
    written_ns: Cell<u64>,
    /// A connection was made that the venue does not know of yet.
    connected: Cell<bool>,
    clock: Rc<RealClock>,
}

struct MemoryNet(Rc<Wires>);

struct Line(Rc<Wires>);

struct Quiet;

struct Connection(Rc<Wires>);

impl Net for MemoryNet {
    fn udp_multicast(&self, group: SocketAddrV4, _interface: Ipv4Addr) -> io::Result<Box<dyn Udp>> {
        Ok(if group == LINE { Box::new(Line(self.0.clone())) } else { Box::new(Quiet) })
    }

    fn udp(&self, _bind: SocketAddrV4, _interface: Ipv4Addr) -> io::Result<Box<dyn Udp>> {
        Ok(Box::new(Quiet))
    }

    fn tcp_connect(&self, _to: SocketAddrV4) -> io::Result<Box<dyn Tcp>> {
        self.0.connected.set(true);
        self.0.to_client.borrow_mut().clear();
        self.0.from_client.borrow_mut().clear();
        Ok(Box::new(Connection(self.0.clone())))
    }

    fn tcp_listen(&self, _at: SocketAddrV4) -> io::Result<Box<dyn TcpListener>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Udp for Line {
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddrV4)>> {
        let Some(index) = self.0.waiting.take() else { return Ok(None) };
        let packet = self.0.packets.get(index);
        buffer[..packet.len()].copy_from_slice(packet);
        Ok(Some((packet.len(), LINE)))
    }

    fn send_to(&mut self, _bytes: &[u8], _to: SocketAddrV4) -> io::Result<bool> {
        Ok(true)
    }

    fn local(&self) -> SocketAddrV4 {
        LINE
    }
}

impl Udp for Quiet {
    fn receive(&mut self, _buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddrV4)>> {
        Ok(None)
    }

    fn send_to(&mut self, _bytes: &[u8], _to: SocketAddrV4) -> io::Result<bool> {
        Ok(true)
    }

    fn local(&self) -> SocketAddrV4 {
        OTHER_LINE
    }
}

impl Tcp for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> TcpRead {
        let mut waiting = self.0.to_client.borrow_mut();
        if waiting.is_empty() {
            return TcpRead::Idle;
        }
        let count = waiting.len().min(buffer.len());
        buffer[..count].copy_from_slice(&waiting[..count]);
        waiting.drain(..count);
        TcpRead::Bytes(count)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.from_client.borrow_mut().extend_from_slice(bytes);
        if self.0.written_ns.get() == 0 {
            self.0.written_ns.set(self.0.clock.now_ns());
        }
        Ok(bytes.len())
    }

    fn connected(&mut self) -> io::Result<bool> {
        Ok(true)
    }
}

/// The loop and its venue.
pub struct MemoryLoop {
    plant: Plant,
    wires: Rc<Wires>,
    acceptor: Acceptor,
    clock: Rc<RealClock>,
    session_state: Counter,
    at: usize,
}

/// What passes took, in order.
#[derive(Debug, Default)]
pub struct Passes {
    /// Passes that ended in order bytes, in ns.
    pub order_ns: Vec<u32>,
    /// Passes that ended without, to the end of the cycle, in ns.
    pub quiet_ns: Vec<u32>,
    /// Whether each packet led to order bytes.
    pub sends: Vec<bool>,
}

impl MemoryLoop {
    /// Starts the tiles, logs in, and reads the directory's packets.
    pub fn start(setup: &Setup, packets: Rc<Packets>) -> Result<Self, StartError> {
        let clock = Rc::new(RealClock::new());
        let directory = packets.directory;
        let wires = Rc::new(Wires {
            packets,
            waiting: Cell::new(None),
            to_client: RefCell::default(),
            from_client: RefCell::new(Vec::with_capacity(1 << 20)),
            written_ns: Cell::new(0),
            connected: Cell::new(false),
            clock: clock.clone(),
        });
        let net: Rc<dyn Net> = Rc::new(MemoryNet(wires.clone()));
        let at = Addresses { lines: vec![LINE, OTHER_LINE], port: PORT };
        let plant = Plant::start(setup, &net, &clock, &at)?;
        let now_ns = clock.now_ns();
        let acceptor = Acceptor::new(setup.orders_max, midnight_ns(now_ns), now_ns);
        let session_state = plant.counter("gateway.gateway.state");
        let mut all = Self { plant, wires, acceptor, clock, session_state, at: 0 };
        all.rest()?;
        all.run(directory)?;
        Ok(all)
    }

    /// Packets not yet read.
    pub fn left(&self) -> usize {
        self.wires.packets.len() - self.at
    }

    /// Counters of the tiles.
    pub fn counters(&self) -> Vec<(String, u64)> {
        self.plant.counters()
    }

    /// Latency histograms of the tiles.
    pub fn stages(&self) -> Vec<(String, HistogramSnapshot)> {
        self.plant.stages()
    }

    /// Requests that the venue answered, and bytes that were none.
    pub fn requests(&self) -> (u64, u64) {
        (self.acceptor.requests, self.acceptor.malformed)
    }

    /// Runs the next packets, each a pass of its own.
    pub fn run(&mut self, packets: usize) -> Result<Passes, StartError> {
        let count = packets.min(self.left());
        let mut passes = Passes {
            order_ns: Vec::with_capacity(count),
            quiet_ns: Vec::with_capacity(count),
            sends: Vec::with_capacity(count),
        };
        for _ in 0..count {
            self.wires.waiting.set(Some(self.at));
            self.at += 1;
            self.wires.written_ns.set(0);
            let start_ns = self.clock.now_ns();
            self.plant.cycle(start_ns);
            let end_ns = self.clock.now_ns();
            let written_ns = self.wires.written_ns.get();
            passes.sends.push(written_ns != 0);
            match written_ns {
                0 => passes.quiet_ns.push(short(end_ns - start_ns)),
                written_ns => passes.order_ns.push(short(written_ns - start_ns)),
            }
            self.rest()?;
        }
        Ok(passes)
    }

    /// Lets venue and tiles finish what is under way.
    fn rest(&mut self) -> Result<(), StartError> {
        for _ in 0..TURNS_MAX {
            let now_ns = self.clock.now_ns();
            if self.wires.connected.take() {
                self.acceptor.reconnected(now_ns);
            }
            let said = !self.wires.from_client.borrow().is_empty();
            if said {
                self.acceptor.on_bytes(now_ns, &self.wires.from_client.borrow());
                self.wires.from_client.borrow_mut().clear();
            }
            let count = self.acceptor.output().len();
            self.wires.to_client.borrow_mut().extend_from_slice(self.acceptor.output());
            self.acceptor.written(count);
            let work = self.plant.cycle(now_ns);
            self.plant.drain();
            if work == 0 && !said && count == 0 && self.session_state.get() == UP {
                return Ok(());
            }
        }
        Err(StartError("the tiles never come to rest, or the order session never comes up".to_owned()))
    }

    /// Ends it.
    pub fn close(&mut self) {
        self.plant.close();
    }
}

const UP: u64 = records::SessionState::Up as u64;

fn short(nanoseconds: u64) -> u32 {
    u32::try_from(nanoseconds).unwrap_or(u32::MAX)
}
