//! A FIX session's socket: listener, door, one connection that is logged on, and what the input has to say to it.
//!
//! Invariant: one session outlives its connections and has at most one; a second one in its name is closed without a word. The
//! core hears of each logon and of each end of a connection that was logged on, in the order of the requests between them.

use std::rc::Rc;

use links::{Counter, Counters};
use records::{ExchangeAction, ExchangeControl, Reason, bytes_of};
use sessions::fix::{
    Answer, Application, Connection, FileLog, GarbledCounts, Inbound, Next, Session, SessionCounters, SessionKept,
    State,
};
use tiles::{Context, Door, StartError, TcpListener, TlsServer, Waiting};
use wire::fix::{DataFields, Fields, Garbled, Message};

use super::config::{FixPortConfig, FixRole, OUTPUT_BYTES};
use super::market::Watch;
use super::quote::{self, Quoter};
use super::request::{self, Origin};
use super::said::Said;
use super::start::Kept;
use super::write::{self, Dialect, Reader};
use crate::config::ExchangeConfig;
use crate::handover::{self, Part, Parts, Words};
use crate::port::Command;
use crate::sequencer::{Sequencer, Use};
use crate::throttle::Throttle;

/// Bytes that a connection may send before it has logged on.
const LOGON_BYTES_MAX: usize = 4096;
/// Messages of one session in one cycle at most.
const MESSAGES_A_CYCLE: usize = 64;
/// Fields of a message at most.
const FIELDS_MAX: usize = 1024;
/// A connection whose session has ended is closed by then, written or not.
const LINGER_NS: u64 = 1_000_000_000;
/// Reports that one request may cause besides those of each open order: room is kept for them.
const REPORTS_A_REQUEST: usize = 64;
/// What is said where the journal has no room.
const NO_ROOM: &str = "The exchange has no room to keep requests";

struct Visitor {
    connection: Connection,
    waiting: Waiting,
}

struct Tells {
    logons: Counter,
    refused: Counter,
    second_connections: Counter,
    requests: Counter,
    bad_requests: Counter,
    throttled: Counter,
    trades_left_out: Counter,
    waiting: Counter,
    said: Counter,
    full: Counter,
    disconnects: Counter,
    up: Counter,
    store_full: Counter,
    session: SessionCounters,
}

impl Tells {
    fn new(scope: &Counters) -> Self {
        Self {
            logons: scope.counter("logons"),
            refused: scope.counter("connections_refused"),
            second_connections: scope.counter("second_connections"),
            requests: scope.counter("requests"),
            bad_requests: scope.counter("bad_requests"),
            throttled: scope.counter("throttled"),
            trades_left_out: scope.counter("trades_left_out"),
            waiting: scope.counter("reports_waiting"),
            said: scope.counter("reports_said"),
            full: scope.counter("reports_full"),
            disconnects: scope.counter("disconnects"),
            up: scope.counter("up"),
            store_full: scope.counter("store_full"),
            session: SessionCounters::new(scope),
        }
    }
}

/// What a session's application needs besides the sequencer.
struct Manners {
    session: u32,
    role: FixRole,
    venue: u16,
    dialect: Dialect,
    tied_accounts: Vec<String>,
    throttle: Throttle,
    tells: Tells,
    /// The core knows that it is connected.
    connected: bool,
    /// It is not any more, and the core does not know that yet.
    disconnect_due: bool,
}

/// The listener, the session and its connection.
pub(crate) struct FixPort {
    session: Session,
    manners: Manners,
    said: Option<Said>,
    watch: Option<Watch>,
    door: Door,
    visitors: Vec<Visitor>,
    connection: Option<Connection>,
    ended_ns: Option<u64>,
    fields: Fields,
    data: DataFields,
    garbled: GarbledCounts,
    /// Their names by session, for drop copies.
    clients: Vec<(u32, Vec<u8>)>,
}

impl FixPort {
    /// Listens. `kept` is the session's own, as the start found it.
    pub fn open(
        port: &FixPortConfig,
        config: &ExchangeConfig,
        context: &Context,
        sequencer: &mut Sequencer,
        kept: Kept,
    ) -> Result<Self, StartError> {
        let listener = context.net.tcp_listen(port.listen).map_err(|error| named(port, config, &error))?;
        Self::at(listener, port, config, context, sequencer, kept)
    }

    fn at(
        listener: Box<dyn TcpListener>,
        port: &FixPortConfig,
        config: &ExchangeConfig,
        context: &Context,
        sequencer: &mut Sequencer,
        kept: Kept,
    ) -> Result<Self, StartError> {
        let named = |error: &dyn std::fmt::Display| named(port, config, error);
        let listener = match &port.tls {
            Some(tls) => TlsServer::new(tls, "tls").map_err(|errors| named(&errors.join("\n")))?.over(listener),
            None => listener,
        };
        let scope = context.counters.scope(&format!("fix{}", port.session));
        let mut session = Session::new(port.profile(), kept.store, Some(kept.rules));
        if let Some(size) = &port.log {
            let name = format!("messages{}", port.session);
            let log = FileLog::open(Rc::clone(&context.storage), &name, size.clone()).map_err(|error| named(&error))?;
            session = session.with_log(Box::new(log));
        }
        if port.role() == FixRole::Orders {
            // Requests that are in the journal were taken, whether or not the session had time to note it.
            let desk = sequencer.outputs.desks.desk(port.session);
            let (incoming, outgoing) = session.numbers();
            if desk.began_ns == session.numbers_began_ns() && desk.taken >= incoming {
                session.set_numbers(desk.taken + 1, outgoing);
            }
        }
        let clients = config.fix_ports.iter().map(|port| (port.session, port.target_comp_id.clone().into_bytes()));
        Ok(Self {
            session,
            manners: Manners {
                session: port.session,
                role: port.role(),
                venue: config.venue,
                dialect: port.dialect(),
                tied_accounts: port.cancel_on_disconnect_accounts.clone(),
                throttle: Throttle::new(&port.throttle),
                tells: Tells::new(&scope),
                connected: false,
                disconnect_due: false,
            },
            said: kept.said,
            watch: (port.role() == FixRole::MarketData).then(|| Watch::new(port.book_interval_ns, port.dialect())),
            door: Door::new(listener, config.door.clone(), &scope),
            visitors: Vec::with_capacity(config.door.waiting_max + 1),
            connection: None,
            ended_ns: None,
            fields: Fields::new(FIELDS_MAX),
            data: DataFields::standard(),
            garbled: [0; Garbled::COUNT],
            clients: clients.collect(),
        })
    }

    /// What a successor goes on with: the listener, and the connection that is logged on, where nothing is under way on it that only
    /// this process can end. Who watches the market asks anew.
    pub fn give(&self) -> Option<Part> {
        let mut sockets = vec![self.door.handle()?];
        let manners = &self.manners;
        let quiet = manners.connected && manners.role != FixRole::MarketData;
        let connection = self.connection.as_ref().filter(|connection| quiet && !connection.is_over());
        let given = connection
            .and_then(|connection| Some((connection.bytes(), connection.socket().handle()?, self.session.kept()?)));
        let lost = manners.disconnect_due || manners.connected && given.is_none();
        let words = Words::of(u64::from(manners.session)).numbers(manners.throttle.came_ns());
        let words = words.number(u64::from(lost)).number(u64::from(given.is_some()));
        let Some((read, socket, kept)) = given else { return Some((words, sockets)) };
        sockets.push(socket);
        let words = words.numbers(kept.numbers.into_iter()).number(kept.heartbeat_ns);
        let words = words.numbers(kept.times_ns.into_iter()).number(kept.tests);
        Some((words.bytes(&kept.output).bytes(read), sockets))
    }

    /// Goes on with what its predecessor gave.
    ///
    /// # Errors
    /// When that is of another port, or does not fit.
    pub fn take(
        parts: &mut Parts,
        port: &FixPortConfig,
        config: &ExchangeConfig,
        context: &Context,
        sequencer: &mut Sequencer,
        kept: Kept,
    ) -> Result<Self, StartError> {
        let wrong = || named(port, config, &"what was given does not fit");
        let (bytes, mut sockets) = parts.next().ok_or_else(wrong)?;
        let mut said = handover::Said(&bytes);
        let (number, came_ns) = said.number().zip(said.numbers()).ok_or_else(wrong)?;
        let (lost, given) = said.number().zip(said.number()).ok_or_else(wrong)?;
        let listener = context.net.listener_given(sockets.pop_front().ok_or_else(wrong)?)?;
        let mut own = Self::at(listener, port, config, context, sequencer, kept)?;
        own.manners.throttle.go_on(&came_ns);
        own.manners.disconnect_due = lost != 0 && port.role() == FixRole::Orders;
        if given != 0 {
            let socket = context.net.tcp_given(sockets.pop_front().ok_or_else(wrong)?)?;
            let (kept, read) = session_kept(&mut said).ok_or_else(wrong)?;
            if !own.session.resume(&kept) {
                return Err(wrong());
            }
            let message_bytes_max = own.session.profile().message_bytes_max;
            own.connection = Some(Connection::resumed(socket, message_bytes_max, read).ok_or_else(wrong)?);
            own.manners.connected = true;
        }
        if number == u64::from(port.session) && said.is_over() { Ok(own) } else { Err(wrong()) }
    }

    /// Takes connections and requests.
    pub fn receive(&mut self, now_ns: u64, sequencer: &mut Sequencer) -> usize {
        let mut work = self.accept(now_ns);
        if !self.visitors.is_empty() {
            work += self.receive_visitors(now_ns);
        }
        work + self.receive_session(now_ns, sequencer)
    }

    fn accept(&mut self, now_ns: u64) -> usize {
        let Some((socket, waiting)) = self.door.accept(now_ns) else { return 0 };
        let others = self.visitors.iter().enumerate().map(|(at, visitor)| (at, visitor.waiting));
        if let Some(goes) = self.door.makes_room(waiting, others) {
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
            let late = self.door.is_late(visitor.waiting, now_ns);
            match visitor.connection.next(&mut self.garbled) {
                Next::Message(length) => {
                    let visitor = self.visitors.swap_remove(at);
                    self.on_first(now_ns, visitor.connection, length);
                }
                Next::Garbled => drop(self.visitors.swap_remove(at)),
                Next::Nothing if late || visitor.connection.is_over() => drop(self.visitors.swap_remove(at)),
                Next::Nothing => at += 1,
            }
        }
        work
    }

    /// The first message of a connection: a logon in the session's names makes it the session's, anything else ends it.
    fn on_first(&mut self, now_ns: u64, connection: Connection, length: usize) {
        let bytes = &connection.bytes()[..length];
        let sound = self.fields.read(bytes, &self.data).is_ok();
        let message = self.fields.message(bytes);
        let profile = self.session.profile();
        let names = [(8, &profile.begin_string), (49, &profile.target_comp_id), (56, &profile.sender_comp_id)];
        let named = names.into_iter().all(|(tag, name)| message.get(tag) == Some(name.as_bytes()));
        if !sound || message.kind() != b"A" || !named {
            return self.manners.tells.refused.add(1);
        }
        if self.connection.is_some() {
            return self.manners.tells.second_connections.add(1);
        }
        self.session.connect(now_ns);
        self.connection = Some(connection.grown(self.session.profile().message_bytes_max));
    }

    fn receive_session(&mut self, now_ns: u64, sequencer: &mut Sequencer) -> usize {
        let Some(connection) = &mut self.connection else { return 0 };
        let mut work = usize::from(connection.read());
        let mut desk = AtDesk { now_ns, manners: &mut self.manners, sequencer, watch: self.watch.as_mut() };
        for _ in 0..MESSAGES_A_CYCLE {
            // Whoever does not read what he is told is not heard either, but for his logon: only after it he can be told.
            let state = self.session.state();
            if state == State::Down || state == State::Up && !desk.has_room() {
                break;
            }
            match connection.next(&mut self.garbled) {
                Next::Message(length) => {
                    let bytes = &connection.bytes()[..length];
                    self.session.receive(now_ns, bytes, &mut self.fields, &mut desk);
                    connection.consume(length);
                }
                Next::Garbled => self.session.garbled(),
                Next::Nothing => break,
            }
            work += 1;
        }
        self.session.on_time(now_ns, &mut desk);
        if connection.is_over() && connection.next_is_nothing() {
            self.session.disconnected(now_ns);
        }
        work
    }

    /// Says what waits, and writes.
    pub fn send(&mut self, now_ns: u64, sequencer: &mut Sequencer) -> usize {
        let work = self.say(now_ns, sequencer) + self.write(now_ns);
        self.tell_disconnected(now_ns, sequencer);
        if self.manners.tells.session.is_due(now_ns) {
            self.tell(sequencer);
        }
        work
    }

    fn write(&mut self, now_ns: u64) -> usize {
        let Some(connection) = &mut self.connection else { return 0 };
        let (mut work, mut broken) = (0, false);
        while !self.session.output().is_empty() {
            match connection.write(self.session.output()) {
                Some(0) => break,
                Some(count) => self.session.written(count),
                None => {
                    broken = true;
                    break;
                }
            }
            work += 1;
        }
        if broken {
            self.session.disconnected(now_ns);
        }
        if self.session.state() == State::Down {
            let since_ns = *self.ended_ns.get_or_insert(now_ns);
            let unwritten = !broken && !self.session.output().is_empty();
            if !unwritten || now_ns.saturating_sub(since_ns) > LINGER_NS {
                self.leave(now_ns);
            }
        }
        work
    }

    /// Says the reports that wait, as many as leave half of the output free for the session's own needs.
    fn say(&mut self, now_ns: u64, sequencer: &mut Sequencer) -> usize {
        if self.session.state() != State::Up {
            return 0;
        }
        if let Some(watch) = &mut self.watch {
            let (core, outputs) = (&sequencer.core, &sequencer.outputs);
            let room = OUTPUT_BYTES / 2;
            return watch.publish(&mut self.session, now_ns, core, &outputs.market, &outputs.listings, room);
        }
        let Some(said) = &mut self.said else { return 0 };
        let outputs = &mut sequencer.outputs;
        let (reports, listings) = (outputs.desks.reports_mut(self.manners.session), &outputs.listings);
        if reports.is_full() {
            self.session.log_out(now_ns, "Too many reports wait");
            return 1;
        }
        let copies = self.manners.role == FixRole::DropCopy;
        let mut work = 0;
        while let Some((number, report)) = reports.first() {
            if self.session.output_room() < OUTPUT_BYTES / 2 {
                break;
            }
            let client = self.clients.iter().find(|(session, _)| copies && *session == report.session);
            let on_behalf_of = client.map(|(_, name)| &name[..]);
            let reader = Reader { dialect: self.manners.dialect, listings, on_behalf_of };
            said.say(number, self.session.numbers().1, self.session.numbers_began_ns());
            let sent = self.session.send(now_ns, &[report.kind], |body| write::write(report, &reader, body));
            if sent.is_err() {
                // The session has ended, and says it when it is up again.
                said.not_said(number);
                break;
            }
            reports.pass();
            work += 1;
        }
        work
    }

    /// The connection is gone.
    fn leave(&mut self, now_ns: u64) {
        self.manners.tells.session.ended(&self.session);
        (self.connection, self.ended_ns) = (None, None);
        if let Some(watch) = &mut self.watch {
            watch.clear();
        }
        self.session.disconnected(now_ns);
        if std::mem::take(&mut self.manners.connected) {
            self.manners.tells.disconnects.add(1);
            self.manners.disconnect_due = self.manners.role == FixRole::Orders;
        }
    }

    /// The core hears that the connection is lost, as soon as its journal has room for that.
    fn tell_disconnected(&mut self, now_ns: u64, sequencer: &mut Sequencer) {
        if self.manners.disconnect_due && sequencer.has_room(now_ns, 1, Use::Own) {
            self.manners.disconnect_due = false;
            sequencer.control(now_ns, ExchangeAction::Disconnect, self.manners.session, 0);
        }
    }

    fn tell(&mut self, sequencer: &Sequencer) {
        let full = self.session.is_store_full();
        self.manners.tells.store_full.set(u64::from(full));
        let tells = &self.manners.tells;
        tells.up.set(u64::from(self.session.state() == State::Up));
        if let Some(watch) = &self.watch {
            tells.trades_left_out.set(watch.trades_left_out + sequencer.outputs.market.trades_left_out);
        }
        if self.said.is_some() {
            let reports = sequencer.outputs.desks.reports(self.manners.session);
            tells.waiting.set(reports.waiting() as u64);
            tells.said.set(reports.counts().1);
            tells.full.set(u64::from(reports.is_full()));
        }
        tells.session.tell(|count| self.session.counts().get(count), &self.garbled);
    }

    /// Ends what is connected.
    pub fn shut(&mut self, now_ns: u64) {
        if let Some(connection) = &mut self.connection {
            self.session.log_out(now_ns, "Going down");
            let _last_words = connection.write(self.session.output());
        }
    }
}

/// What is wrong with a port, by its key.
fn named(port: &FixPortConfig, config: &ExchangeConfig, error: &dyn std::fmt::Display) -> StartError {
    let (session, listen) = (port.session, port.listen);
    StartError(format!("tile {}: fix_ports.{session}.listen = {listen}: {error}", config.name))
}

/// A session as its predecessor left it, and what was read from its connection.
fn session_kept<'a>(said: &mut handover::Said<'a>) -> Option<(SessionKept, &'a [u8])> {
    let (numbers, heartbeat_ns, times_ns) = (said.array()?, said.number()?, said.array()?);
    let (tests, output) = (said.number()?, said.bytes()?.to_vec());
    Some((SessionKept { numbers, heartbeat_ns, times_ns, tests, output }, said.bytes()?))
}

/// The application of one session for one turn.
struct AtDesk<'a> {
    now_ns: u64,
    manners: &'a mut Manners,
    sequencer: &'a mut Sequencer,
    watch: Option<&'a mut Watch>,
}

impl AtDesk<'_> {
    /// Whether reports of another request have room.
    fn has_room(&self) -> bool {
        let desks = &self.sequencer.outputs.desks;
        self.manners.role != FixRole::Orders || desks.reports(self.manners.session).room() > REPORTS_A_REQUEST
    }

    /// A request of a session that orders.
    fn on_request(&mut self, now_ns: u64, inbound: &Inbound<'_>) -> Answer {
        let manners = &mut *self.manners;
        let kind = inbound.message.kind();
        let unknown = match manners.dialect {
            Dialect::Fix42 => matches!(kind, b"q" | b"AF" | b"i" | b"Z"),
            Dialect::Fix43 => kind == b"AF",
            _ => false,
        };
        if unknown {
            return Answer::Unsupported;
        }
        let takes_away = matches!(kind, b"F" | b"q" | b"Z");
        let open = self.sequencer.outputs.desks.desk(manners.session).entries.open();
        let what = if takes_away || matches!(kind, b"H" | b"AF") { Use::Other } else { Use::Order };
        if !self.sequencer.has_room(now_ns, quote::commands(inbound, open), what) {
            self.sequencer.refuse_for_room();
            return Answer::NotNow(NO_ROOM);
        }
        if matches!(kind, b"i" | b"Z") {
            return self.on_quotes(now_ns, inbound);
        }
        let outputs = &self.sequencer.outputs;
        let desk = outputs.desks.desk(manners.session);
        let origin = Origin {
            venue: manners.venue,
            session: manners.session,
            now_ns,
            sequence: inbound.sequence,
            listings: &outputs.listings,
            desk,
            tied_accounts: &manners.tied_accounts,
        };
        let mut command = Command::default();
        if let Err(answer) = request::command(inbound, &origin, |record| command.set(record)) {
            manners.tells.bad_requests.add(1);
            return answer;
        }
        let asks_all = kind == b"AF";
        if !manners.throttle.takes(now_ns, takes_away) {
            manners.tells.throttled.add(1);
            if matches!(kind, b"H" | b"AF") {
                return Answer::Refused { reason: 4, tag: 0 };
            }
            command.refuse(Reason::Throttled);
        }
        if asks_all && outputs.desks.reports(manners.session).room() < desk.entries.open() + REPORTS_A_REQUEST {
            return Answer::Refused { reason: 4, tag: 0 };
        }
        manners.tells.requests.add(1);
        self.sequencer.submit(now_ns, command.bytes());
        Answer::Taken
    }
}

impl AtDesk<'_> {
    /// A MassQuote or a QuoteCancel: one message by the throttle's count.
    fn on_quotes(&mut self, now_ns: u64, inbound: &Inbound<'_>) -> Answer {
        let manners = &mut *self.manners;
        let (venue, session) = (manners.venue, manners.session);
        if self.sequencer.outputs.desks.reports(session).room() < 4 * quote::ENTRIES_MAX {
            return Answer::Refused { reason: 4, tag: 0 };
        }
        let cancels = inbound.message.kind() == b"Z";
        if !manners.throttle.takes(now_ns, cancels) {
            manners.tells.throttled.add(1);
            return Answer::Refused { reason: 4, tag: 0 };
        }
        manners.tells.requests.add(1);
        let mut quoter = Quoter { venue, session, now_ns, sequencer: self.sequencer };
        if cancels { quote::cancel(inbound, &mut quoter) } else { quote::take(inbound, &mut quoter) }
    }
}

impl Application for AtDesk<'_> {
    fn may_log_on(&mut self, _: &Message<'_>) -> Result<(), &'static str> {
        let told = self.manners.role != FixRole::MarketData;
        if told && self.sequencer.outputs.desks.reports(self.manners.session).is_full() {
            return Err("Too many reports wait");
        }
        // What ended the last connection comes before what begins the next.
        let orders = self.manners.role == FixRole::Orders;
        if orders && (self.manners.disconnect_due || !self.sequencer.has_room(self.now_ns, 1, Use::Other)) {
            self.sequencer.refuse_for_room();
            return Err(NO_ROOM);
        }
        Ok(())
    }

    fn on_logon(&mut self, session: &mut Session, now_ns: u64) {
        self.manners.connected = true;
        self.manners.tells.logons.add(1);
        if self.manners.role != FixRole::Orders {
            return;
        }
        let mut command = ExchangeControl::new();
        command.header.venue = self.manners.venue;
        command.header.source = self.manners.session;
        command.action = ExchangeAction::Connect.code();
        command.numbers_began_ns = session.numbers_began_ns();
        self.sequencer.submit(now_ns, bytes_of(&command));
    }

    fn on_message(&mut self, session: &mut Session, now_ns: u64, inbound: &Inbound<'_>) -> Answer {
        match self.manners.role {
            FixRole::Orders => self.on_request(now_ns, inbound),
            // FIX.4.2 has no "not authorized".
            FixRole::DropCopy if self.manners.dialect == Dialect::Fix42 => Answer::Refused { reason: 0, tag: 0 },
            FixRole::DropCopy => Answer::Refused { reason: 6, tag: 0 },
            FixRole::MarketData if matches!(inbound.message.kind(), b"V" | b"e" | b"g") => {
                let watch = self.watch.as_mut().expect("its role has one");
                let (core, outputs) = (&self.sequencer.core, &self.sequencer.outputs);
                self.manners.tells.requests.add(1);
                watch.on_request(session, now_ns, inbound, core, &outputs.market, &outputs.listings)
            }
            FixRole::MarketData => Answer::Unsupported,
        }
    }
}
