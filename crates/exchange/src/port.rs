//! An order session's socket: SoupBinTCP server, OUCH 5.0 inside.
//!
//! Invariant: one session outlives its connections and has at most one that is logged in, at place 0; a new login with the
//! right password takes the place of an old connection, which a dead peer may have left behind. Those that have not logged
//! in wait at the other places, by the rules of the [`Door`], and never disturb the one that has. A request that the journal
//! has no room for ends the connection: every answer of the protocol stands in the journal, and silence would be a lie.

use std::net::Ipv4Addr;

use links::Counter;
use records::{ExchangeAction, ExchangeEnter, ExchangeReplace, Header, Kind, Reason, Record, bytes_of, read_from};
use sessions::soup::{End, Server, ServerEvent, ServerKept, ServerState};
use tiles::{Context, Door, StartError, Tcp, TcpListener, TcpRead, Waiting};

use crate::config::{ExchangeConfig, PortConfig, padded};

use crate::handover::{Part, Parts, Said, Words};
use crate::ouch::inbound::{self, Origin};
use crate::sequencer::{Sequencer, Use};
use crate::throttle::Throttle;

/// Bytes that a client may leave unread.
const OUTPUT_BYTES: usize = 1 << 18;
/// Reads of one connection in one cycle at most.
const READS_A_CYCLE: usize = 8;

/// Place of the connection that is logged in.
const SESSION: usize = 0;

/// One connection, logged in or about to.
struct Connection {
    server: Server,
    socket: Option<Box<dyn Tcp>>,
    waiting: Waiting,
}

struct Login {
    username: [u8; 6],
    password: [u8; 10],
    session: [u8; 10],
    sequence: u64,
}

/// The listener and its connections.
pub(crate) struct Port {
    session: u32,
    name: [u8; 10],
    username: [u8; 6],
    password: [u8; 10],
    participant: [u8; 4],
    venue: u16,
    midnight_ns: u64,
    throttle: Throttle,
    throttled: Counter,
    door: Door,
    /// The one that is logged in, and those that would like to be.
    connections: Box<[Connection]>,
    /// How many of these have a socket, the first not counted.
    waiting: usize,
    logins: Counter,
    logins_refused: Counter,
    requests: Counter,
    bad_requests: Counter,
    disconnects: Counter,
    up: Counter,
    /// The core does not know yet that the connection is lost: its journal had no room.
    disconnect_due: bool,
}

impl Port {
    /// Listens.
    pub fn open(
        port: &PortConfig,
        config: &ExchangeConfig,
        context: &Context,
        now_ns: u64,
    ) -> Result<Self, StartError> {
        let listener = context.net.tcp_listen(port.listen).map_err(|error| {
            StartError(format!("tile {}: ports.{}.listen = {}: {error}", config.name, port.session, port.listen))
        })?;
        Ok(Self::at(listener, port, config, context, now_ns))
    }

    fn at(
        listener: Box<dyn TcpListener>,
        port: &PortConfig,
        config: &ExchangeConfig,
        context: &Context,
        now_ns: u64,
    ) -> Self {
        let scope = context.counters.scope(&format!("port{}", port.session));
        let nobody = Waiting { address: Ipv4Addr::UNSPECIFIED, since_ns: 0 };
        let connection = |_| Connection { server: Server::new(now_ns, OUTPUT_BYTES), socket: None, waiting: nobody };
        Self {
            session: port.session,
            name: padded(&config.feed_session),
            username: padded(&port.username),
            password: padded(&port.password),
            participant: if port.participant.is_empty() { [0; 4] } else { padded(&port.participant) },
            venue: config.venue,
            midnight_ns: config.midnight_ns,
            throttle: Throttle::new(&port.throttle),
            throttled: scope.counter("throttled"),
            door: Door::new(listener, config.door.clone(), &scope),
            connections: (0..=config.door.waiting_max).map(connection).collect(),
            waiting: 0,
            logins: scope.counter("logins"),
            logins_refused: scope.counter("logins_refused"),
            requests: scope.counter("requests"),
            bad_requests: scope.counter("bad_requests"),
            disconnects: scope.counter("disconnects"),
            up: scope.counter("up"),
            disconnect_due: false,
        }
    }

    /// What a successor goes on with: the listener, and the connection that is logged in. Who has not logged in comes again.
    pub fn give(&self) -> Option<Part> {
        let mut sockets = vec![self.door.handle()?];
        let session = &self.connections[SESSION];
        let connected = session.socket.is_some();
        let given = session.server.kept().zip(session.socket.as_ref().and_then(|socket| socket.handle()));
        let words = Words::of(u64::from(self.session)).numbers(self.throttle.came_ns());
        let lost = self.disconnect_due || connected && given.is_none();
        let words = words.number(u64::from(lost)).number(u64::from(given.is_some()));
        let Some((kept, socket)) = given else { return Some((words, sockets)) };
        sockets.push(socket);
        let words = words.number(u64::from(session.waiting.address.to_bits())).number(session.waiting.since_ns);
        let words = words.number(kept.next_sequence).numbers(kept.times_ns.into_iter());
        Some((words.bytes(&kept.input).bytes(&kept.output), sockets))
    }

    /// Goes on with what its predecessor gave.
    ///
    /// # Errors
    /// When that is of another port, or does not fit.
    pub fn take(
        parts: &mut Parts,
        port: &PortConfig,
        config: &ExchangeConfig,
        context: &Context,
        now_ns: u64,
    ) -> Result<Self, StartError> {
        let wrong = || StartError(format!("tile {}: ports.{}: what was given does not fit", config.name, port.session));
        let (bytes, mut sockets) = parts.next().ok_or_else(wrong)?;
        let mut said = Said(&bytes);
        let (number, came_ns) = said.number().zip(said.numbers()).ok_or_else(wrong)?;
        let (lost, given) = said.number().zip(said.number()).ok_or_else(wrong)?;
        let listener = context.net.listener_given(sockets.pop_front().ok_or_else(wrong)?)?;
        let mut own = Self::at(listener, port, config, context, now_ns);
        own.throttle.go_on(&came_ns);
        own.disconnect_due = lost != 0;
        if given != 0 {
            let socket = context.net.tcp_given(sockets.pop_front().ok_or_else(wrong)?)?;
            let (waiting, kept) = kept(&mut said).ok_or_else(wrong)?;
            let session = &mut own.connections[SESSION];
            if !session.server.resume(&kept) {
                return Err(wrong());
            }
            (session.socket, session.waiting) = (Some(socket), waiting);
        }
        if number == u64::from(port.session) && said.is_over() { Ok(own) } else { Err(wrong()) }
    }

    /// Whether a client is logged in.
    fn is_up(&self) -> bool {
        let session = &self.connections[SESSION];
        session.socket.is_some() && session.server.state() == ServerState::Up
    }

    /// Places to look at: those beyond the first only while somebody waits.
    fn places(&self) -> usize {
        if self.waiting == 0 { 1 } else { self.connections.len() }
    }

    /// Takes connections and requests.
    pub fn receive(&mut self, now_ns: u64, sequencer: &mut Sequencer) -> usize {
        let mut work = self.accept(now_ns, sequencer);
        if self.disconnect_due {
            self.tell_disconnected(now_ns, sequencer);
        }
        for at in 0..self.places() {
            work += self.read(at, now_ns, sequencer);
        }
        work
    }

    fn accept(&mut self, now_ns: u64, sequencer: &mut Sequencer) -> usize {
        let Some((socket, newcomer)) = self.door.accept(now_ns) else { return 0 };
        let waiting = self.connections.iter().enumerate().skip(1).filter(|(_, place)| place.socket.is_some());
        if let Some(goes) = self.door.makes_room(newcomer, waiting.map(|(at, place)| (at, place.waiting))) {
            self.close(goes, now_ns, sequencer);
        }
        let free = self.connections.iter().skip(1).position(|place| place.socket.is_none());
        let place = &mut self.connections[1 + free.expect("as many places as may wait")];
        place.server.reset(now_ns);
        (place.socket, place.waiting) = (Some(socket), newcomer);
        self.waiting += 1;
        1
    }

    fn read(&mut self, at: usize, now_ns: u64, sequencer: &mut Sequencer) -> usize {
        let mut work = 0;
        for _ in 0..READS_A_CYCLE {
            let connection = &mut self.connections[at];
            let Some(socket) = &mut connection.socket else { return work };
            match socket.read(connection.server.space()) {
                TcpRead::Bytes(count) => self.on_bytes(at, now_ns, count, sequencer),
                TcpRead::Idle => break,
                TcpRead::Closed => {
                    self.close(at, now_ns, sequencer);
                    return work + 1;
                }
            }
            work += 1;
        }
        let place = &mut self.connections[at];
        let mut ended = at != SESSION && self.door.is_late(place.waiting, now_ns);
        place.server.on_time(now_ns, &mut |event| ended |= matches!(event, ServerEvent::Down(_)));
        if ended {
            self.close(at, now_ns, sequencer);
        }
        work
    }

    fn on_bytes(&mut self, at: usize, now_ns: u64, count: usize, sequencer: &mut Sequencer) {
        let (mut login, mut ended) = (None, false);
        self.hand_over(at, now_ns, Some(count), sequencer, &mut login, &mut ended);
        while let Some(wanted) = login.take() {
            let at = self.on_login(at, now_ns, &wanted, sequencer);
            self.hand_over(at, now_ns, None, sequencer, &mut login, &mut ended);
            if ended {
                return self.close(at, now_ns, sequencer);
            }
        }
        if ended {
            self.close(at, now_ns, sequencer);
        }
    }

    /// Lets the state machine handle new bytes (or what waited behind a login).
    fn hand_over(
        &mut self,
        at: usize,
        now_ns: u64,
        count: Option<usize>,
        sequencer: &mut Sequencer,
        login: &mut Option<Login>,
        ended: &mut bool,
    ) {
        let (session, venue, midnight_ns, participant) = (self.session, self.venue, self.midnight_ns, self.participant);
        let (requests, bad_requests) = (&self.requests, &self.bad_requests);
        let (throttle, throttled) = (&mut self.throttle, &self.throttled);
        let mut on_event = |event: ServerEvent<'_>| match event {
            ServerEvent::Login { username, password, session, sequence } => {
                *login = Some(Login { username, password, session, sequence });
            }
            ServerEvent::Unsequenced(bytes) => {
                requests.add(1);
                let mut command = Command::default();
                let listings = &sequencer.outputs.listings;
                let origin = Origin { venue, session, now_ns, midnight_ns, participant, listings };
                match inbound::command(bytes, &origin, |record| command.set(record)) {
                    Ok(()) => {
                        let what = if command.only_takes_away() { Use::Other } else { Use::Order };
                        if *ended || !sequencer.has_room(now_ns, 1, what) {
                            sequencer.refuse_for_room();
                            *ended = true;
                            return;
                        }
                        if command.is_order_message() && !throttle.takes(now_ns, command.only_takes_away()) {
                            throttled.add(1);
                            command.refuse(Reason::Throttled);
                        }
                        sequencer.submit(now_ns, command.bytes());
                    }
                    Err(_) => bad_requests.add(1),
                }
            }
            ServerEvent::Debug(_) => {}
            ServerEvent::Down(_) => *ended = true,
        };
        let server = &mut self.connections[at].server;
        match count {
            Some(count) => server.on_bytes(now_ns, count, &mut on_event),
            None => server.go_on(&mut on_event),
        }
    }

    /// Answers a login; returns which place it has afterwards.
    fn on_login(&mut self, at: usize, now_ns: u64, login: &Login, sequencer: &mut Sequencer) -> usize {
        let answers = sequencer.outputs.answers[self.session as usize].as_ref().expect("a port has its answers");
        let known = login.username == self.username && login.password == self.password;
        let same_session = login.session == [b' '; 10] || login.session == self.name;
        let full = answers.full || self.disconnect_due || !sequencer.has_room(now_ns, 1, Use::Other);
        if !known || !same_session || full {
            self.logins_refused.add(1);
            let end = if known { End::NoSuchSession } else { End::NotAuthorized };
            self.connections[at].server.reject(end);
            return at;
        }
        self.logins.add(1);
        if at != SESSION {
            self.close(SESSION, now_ns, sequencer);
            self.connections.swap(SESSION, at);
            self.waiting -= 1;
        }
        let store = &sequencer.outputs.answers[self.session as usize].as_ref().expect("looked at above").store;
        self.connections[SESSION].server.accept(self.name, login.sequence, store);
        sequencer.control(now_ns, ExchangeAction::Connect, self.session, 0);
        SESSION
    }

    /// Ends a connection. If it was the session's, the core hears of it and cancels as configured.
    fn close(&mut self, at: usize, now_ns: u64, sequencer: &mut Sequencer) {
        let connection = &mut self.connections[at];
        let Some(mut socket) = connection.socket.take() else { return };
        let _goodbye_if_it_fits = socket.write(connection.server.output());
        // The place says whether it was logged in: the state machine is down already.
        if at == SESSION {
            self.disconnects.add(1);
            self.tell_disconnected(now_ns, sequencer);
        } else {
            self.waiting -= 1;
        }
    }

    /// The core hears that the connection is lost, as soon as its journal has room for that.
    fn tell_disconnected(&mut self, now_ns: u64, sequencer: &mut Sequencer) {
        self.disconnect_due = !sequencer.has_room(now_ns, 1, Use::Own);
        if !self.disconnect_due {
            sequencer.control(now_ns, ExchangeAction::Disconnect, self.session, 0);
        }
    }

    /// Sends what the session has to say.
    pub fn send(&mut self, now_ns: u64, sequencer: &mut Sequencer) -> usize {
        let mut work = 0;
        for at in 0..self.places() {
            let connection = &mut self.connections[at];
            let Some(socket) = &mut connection.socket else { continue };
            let answers = sequencer.outputs.answers[self.session as usize].as_ref().expect("a port has its answers");
            work += connection.server.pump(now_ns, &answers.store);
            let mut broken = false;
            if !connection.server.output().is_empty() {
                match socket.write(connection.server.output()) {
                    Ok(count) => connection.server.written(count),
                    Err(_) => broken = true,
                }
            }
            let over = connection.server.state() == ServerState::Down && connection.server.output().is_empty();
            if broken || over || answers.full {
                self.close(at, now_ns, sequencer);
            }
        }
        self.up.set(u64::from(self.is_up()));
        work
    }

    /// Ends what is connected.
    pub fn shut(&mut self) {
        for connection in &mut self.connections {
            if let Some(mut socket) = connection.socket.take() {
                let _last_words = socket.write(connection.server.output());
            }
        }
    }
}

/// A connection as its predecessor left it.
fn kept(said: &mut Said<'_>) -> Option<(Waiting, ServerKept)> {
    let address = Ipv4Addr::from_bits(u32::try_from(said.number()?).ok()?);
    let waiting = Waiting { address, since_ns: said.number()? };
    let (next_sequence, times_ns) = (said.number()?, said.array()?);
    let (input, output) = (said.bytes()?.to_vec(), said.bytes()?.to_vec());
    Some((waiting, ServerKept { next_sequence, times_ns, input, output }))
}

/// One command, copied out of the closure that made it.
pub(crate) struct Command {
    bytes: [u8; records::RECORD_BYTES_MAX],
    length: usize,
}

impl Default for Command {
    fn default() -> Self {
        Self { bytes: [0; records::RECORD_BYTES_MAX], length: 0 }
    }
}

impl Command {
    pub fn set(&mut self, record: &[u8]) {
        self.bytes[..record.len()].copy_from_slice(record);
        self.length = record.len();
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn kind(&self) -> Option<Kind> {
        read_from::<Header>(self.bytes()).and_then(|header| header.kind())
    }

    /// Whether it asks something of an order: what a throttle counts.
    fn is_order_message(&self) -> bool {
        self.kind() != Some(Kind::ExchangeControl)
    }

    fn only_takes_away(&self) -> bool {
        !matches!(self.kind(), Some(Kind::ExchangeEnter | Kind::ExchangeReplace))
    }

    /// Makes it an order or a replace that is refused, in sequence.
    pub fn refuse(&mut self, reason: Reason) {
        if let Some(order) =
            read_from::<ExchangeEnter>(self.bytes()).filter(|order| order.header.kind == ExchangeEnter::KIND as u16)
        {
            self.set(bytes_of(&ExchangeEnter { refused: reason.code(), ..order }));
        } else if let Some(replace) = read_from::<ExchangeReplace>(self.bytes())
            .filter(|replace| replace.header.kind == ExchangeReplace::KIND as u16)
        {
            self.set(bytes_of(&ExchangeReplace { refused: reason.code(), ..replace }));
        }
    }
}
