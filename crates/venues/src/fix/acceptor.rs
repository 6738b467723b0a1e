//! Many FIX sessions behind one listener, in one tile.
//!
//! A connection waits at the door until its first message, a logon, names a session; then the session's seat is its place.
//! Each turn takes a few messages of each connection, so that one that floods costs the others a share of a turn and no more.
//!
//! Invariant: a session has one connection at most, and a second one in its name is closed without a word; every reason for
//! which a connection is closed has its counter.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;

use links::{Counter, Counters};
use sessions::fix::{Application, Connection, GarbledCounts, Next, Session, SessionCounters, State};
use tiles::{Context, Door, DoorConfig, Poller, StartError, Tile, TlsServer, Waiting};
use wire::fix::{DataFields, Fields, Garbled};

/// Bytes that a connection may send before it has logged on.
const LOGON_BYTES_MAX: usize = 4096;
/// Connections taken in one cycle at most.
const ACCEPTS_A_CYCLE: usize = 16;
/// How often time passes for every seat, whether anything came for it or not: heartbeats need no more.
const SWEEP_NS: u64 = 50_000_000;
/// Seats for which it passes in one cycle at most, so that ten thousand hold up nobody.
const SWEPT_A_CYCLE: usize = 128;
/// A connection whose session has ended is closed by then, written or not.
const LINGER_NS: u64 = 1_000_000_000;

/// The tile's own part of its settings.
pub(super) struct AcceptorConfig {
    pub name: String,
    pub listen: SocketAddrV4,
    pub tls: Option<TlsServer>,
    pub door: DoorConfig,
    pub messages_a_cycle: usize,
}

/// A session, its application, and its connection while there is one.
pub(super) struct Seat {
    session: Session,
    application: Box<dyn Application>,
    connection: Option<Connection>,
    /// When the session ended while its last words were still to be written.
    ended_ns: Option<u64>,
    /// It has its turn in the next cycle: there is more to read, to take, to write or to give again.
    busy: bool,
    /// No poller tells when it can be read.
    unwatched: bool,
}

impl Seat {
    /// A seat that nobody has taken.
    pub fn new(session: Session, application: Box<dyn Application>) -> Self {
        Self { session, application, connection: None, ended_ns: None, busy: false, unwatched: false }
    }
}

/// Version, their name, our name: as the first message has them.
type Names = (Vec<u8>, Vec<u8>, Vec<u8>);

struct Visitor {
    connection: Connection,
    waiting: Waiting,
}

struct Tells {
    logons: Counter,
    sessions_up: Counter,
    visitors: Counter,
    unknown_names: Counter,
    not_a_logon: Counter,
    second_connections: Counter,
    sessions: SessionCounters,
}

impl Tells {
    fn new(counters: &Counters) -> Self {
        Self {
            logons: counters.counter("logons"),
            sessions_up: counters.counter("sessions_up"),
            visitors: counters.counter("visitors"),
            unknown_names: counters.counter("unknown_names"),
            not_a_logon: counters.counter("not_a_logon"),
            second_connections: counters.counter("second_connections"),
            sessions: SessionCounters::new(counters),
        }
    }
}

/// The tile.
pub(super) struct AcceptorTile {
    config: AcceptorConfig,
    context: Context,
    door: Option<Door>,
    visitors: Vec<Visitor>,
    seats: Vec<Seat>,
    by_names: BTreeMap<Names, usize>,
    fields: Fields,
    data: DataFields,
    garbled: GarbledCounts,
    tells: Tells,
    poller: Option<Box<dyn Poller>>,
    /// Seats that have a turn in this cycle, and in the next.
    turns: Vec<usize>,
    next_turns: Vec<usize>,
    swept_ns: u64,
    /// Where the sweep goes on; 0: it waits for the next one.
    sweep_at: usize,
}

impl AcceptorTile {
    /// Takes all its memory.
    ///
    /// # Errors
    /// When two sessions have the same names.
    pub fn new(config: AcceptorConfig, seats: Vec<Seat>, context: Context) -> Result<Self, StartError> {
        let mut by_names = BTreeMap::new();
        for (at, seat) in seats.iter().enumerate() {
            let profile = seat.session.profile();
            let names = [&profile.begin_string, &profile.target_comp_id, &profile.sender_comp_id];
            let [version, theirs, ours] = names.map(|name| name.as_bytes().to_vec());
            if by_names.insert((version, theirs, ours), at).is_some() {
                return Err(StartError(format!("tile {}: two sessions have the same names", config.name)));
            }
        }
        let tells = Tells::new(&context.counters);
        let visitors = Vec::with_capacity(config.door.waiting_max);
        let turns = || Vec::with_capacity(seats.len());
        let (turns, next_turns) = (turns(), turns());
        Ok(Self {
            config,
            context,
            door: None,
            visitors,
            seats,
            by_names,
            fields: Fields::default(),
            data: DataFields::standard(),
            garbled: [0; Garbled::COUNT],
            tells,
            poller: None,
            turns,
            next_turns,
            swept_ns: 0,
            sweep_at: 0,
        })
    }

    fn accept(&mut self, now_ns: u64) -> usize {
        let Some(door) = &mut self.door else { return 0 };
        let Some((socket, waiting)) = door.accept(now_ns) else { return 0 };
        let others = self.visitors.iter().enumerate().map(|(at, visitor)| (at, visitor.waiting));
        if let Some(goes) = door.makes_room(waiting, others) {
            self.visitors.swap_remove(goes);
        }
        self.visitors.push(Visitor { connection: Connection::new(socket, LOGON_BYTES_MAX), waiting });
        1
    }

    /// Reads those that have not logged on.
    fn receive_visitors(&mut self, now_ns: u64) -> usize {
        let (mut work, mut at) = (0, 0);
        while at < self.visitors.len() {
            let visitor = &mut self.visitors[at];
            work += usize::from(visitor.connection.read());
            let next = visitor.connection.next(&mut self.garbled);
            let late = self.door.as_ref().is_some_and(|door| door.is_late(visitor.waiting, now_ns));
            match next {
                Next::Message(length) => {
                    let visitor = self.visitors.swap_remove(at);
                    self.on_first(now_ns, visitor, length);
                }
                // Whoever begins with what is no message does not speak FIX, or not well enough.
                Next::Garbled => drop(self.visitors.swap_remove(at)),
                Next::Nothing if late || visitor.connection.is_over() => drop(self.visitors.swap_remove(at)),
                Next::Nothing => at += 1,
            }
        }
        work
    }

    /// The first message of a connection: a logon leads to its session's seat, anything else out.
    fn on_first(&mut self, now_ns: u64, visitor: Visitor, length: usize) {
        let bytes = &visitor.connection.bytes()[..length];
        let sound = self.fields.read(bytes, &self.data).is_ok();
        let message = self.fields.message(bytes);
        if !sound || message.kind() != b"A" {
            return self.tells.not_a_logon.add(1);
        }
        let name = |tag| message.get(tag).unwrap_or(&[]).to_vec();
        let Some(&at) = self.by_names.get(&(name(8), name(49), name(56))) else {
            return self.tells.unknown_names.add(1);
        };
        let seat = &mut self.seats[at];
        if seat.connection.is_some() {
            return self.tells.second_connections.add(1);
        }
        self.tells.logons.add(1);
        seat.session.connect(now_ns);
        let connection = visitor.connection.grown(seat.session.profile().message_bytes_max);
        let watched = self.poller.as_mut().is_some_and(|poller| poller.watch(connection.socket(), at as u64));
        (seat.connection, seat.unwatched) = (Some(connection), !watched);
        self.mark(at);
    }

    /// This seat has a turn in the next round.
    fn mark(&mut self, at: usize) {
        if !std::mem::replace(&mut self.seats[at].busy, true) {
            self.next_turns.push(at);
        }
    }

    /// The turns of those for whom something came, who have something to do, or, now and then, of all.
    fn work_seats(&mut self, now_ns: u64) -> usize {
        if let Some(poller) = &mut self.poller {
            let (seats, turns) = (&mut self.seats, &mut self.next_turns);
            poller.readable(&mut |at| {
                if let Some(seat) = seats.get_mut(at as usize)
                    && !std::mem::replace(&mut seat.busy, true)
                {
                    turns.push(at as usize);
                }
            });
        }
        self.sweep(now_ns);
        std::mem::swap(&mut self.turns, &mut self.next_turns);
        let mut work = 0;
        while let Some(at) = self.turns.pop() {
            self.seats[at].busy = false;
            work += self.work_seat(at, now_ns);
        }
        work
    }

    /// Lets time pass for a part of the seats; those that have something to say then have a turn.
    fn sweep(&mut self, now_ns: u64) {
        if self.sweep_at == 0 {
            if now_ns.saturating_sub(self.swept_ns) < SWEEP_NS {
                return;
            }
            self.swept_ns = now_ns;
        }
        let end = (self.sweep_at + SWEPT_A_CYCLE).min(self.seats.len());
        for at in self.sweep_at..end {
            let seat = &mut self.seats[at];
            if seat.connection.is_none() {
                continue;
            }
            seat.session.on_time(now_ns, &mut *seat.application);
            if !seat.session.output().is_empty() || seat.session.state() == State::Down {
                self.mark(at);
            }
        }
        self.sweep_at = if end == self.seats.len() { 0 } else { end };
    }

    /// One seat's turn: reads, takes messages, lets time pass, writes.
    fn work_seat(&mut self, at: usize, now_ns: u64) -> usize {
        let seat = &mut self.seats[at];
        let Some(connection) = &mut seat.connection else { return 0 };
        let mut work = usize::from(connection.read());
        for _ in 0..self.config.messages_a_cycle {
            if seat.session.state() == State::Down {
                break;
            }
            match connection.next(&mut self.garbled) {
                Next::Message(length) => {
                    let bytes = &connection.bytes()[..length];
                    seat.session.receive(now_ns, bytes, &mut self.fields, &mut *seat.application);
                    connection.consume(length);
                }
                Next::Garbled => seat.session.garbled(),
                Next::Nothing => break,
            }
            work += 1;
        }
        seat.session.on_time(now_ns, &mut *seat.application);
        let mut broken = false;
        while !seat.session.output().is_empty() {
            match connection.write(seat.session.output()) {
                Some(0) => break,
                Some(count) => seat.session.written(count),
                None => {
                    broken = true;
                    break;
                }
            }
            work += 1;
        }
        let quiet = connection.next_is_nothing();
        let more = !quiet || !seat.session.output().is_empty() || seat.session.is_replaying() || seat.unwatched;
        if broken || connection.is_over() && quiet {
            seat.session.disconnected(now_ns);
        }
        if seat.session.state() == State::Down {
            let since_ns = *seat.ended_ns.get_or_insert(now_ns);
            let unwritten = !broken && !seat.session.output().is_empty();
            if !unwritten || now_ns.saturating_sub(since_ns) > LINGER_NS {
                self.leave(at, now_ns);
                return work;
            }
        }
        if more {
            self.mark(at);
        }
        work
    }

    /// The seat is free again.
    fn leave(&mut self, at: usize, now_ns: u64) {
        let seat = &mut self.seats[at];
        self.tells.sessions.ended(&seat.session);
        (seat.connection, seat.ended_ns) = (None, None);
        seat.session.disconnected(now_ns);
    }

    fn tell(&mut self, now_ns: u64) {
        if !self.tells.sessions.is_due(now_ns) {
            return;
        }
        self.write_counters();
    }

    fn write_counters(&self) {
        let up = self.seats.iter().filter(|seat| seat.session.state() == State::Up).count();
        self.tells.sessions_up.set(up as u64);
        self.tells.visitors.set(self.visitors.len() as u64);
        let seen = |count| self.seats.iter().map(|seat| seat.session.counts().get(count)).sum();
        self.tells.sessions.tell(seen, &self.garbled);
    }
}

impl Tile for AcceptorTile {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn on_start(&mut self, _: u64) -> Result<(), StartError> {
        let listen = self.config.listen;
        let listener = self
            .context
            .net
            .tcp_listen(listen)
            .map_err(|error| StartError(format!("tile {}: listen = {listen}: {error}", self.config.name)))?;
        let listener = match &self.config.tls {
            Some(tls) => tls.over(listener),
            None => listener,
        };
        self.poller = self.context.net.poller();
        self.door = Some(Door::new(listener, self.config.door.clone(), &self.context.counters));
        Ok(())
    }

    fn do_work(&mut self, now_ns: u64) -> usize {
        let mut work = 0;
        for _ in 0..ACCEPTS_A_CYCLE {
            match self.accept(now_ns) {
                0 => break,
                accepted => work += accepted,
            }
        }
        work += self.receive_visitors(now_ns);
        work += self.work_seats(now_ns);
        self.tell(now_ns);
        work
    }

    fn on_close(&mut self, now_ns: u64) {
        for seat in &mut self.seats {
            if let Some(connection) = &mut seat.connection {
                seat.session.log_out(now_ns, "Going down");
                let _last_words = connection.write(seat.session.output());
            }
        }
        self.write_counters();
    }
}
