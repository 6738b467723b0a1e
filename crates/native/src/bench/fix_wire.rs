//! FIX over loopback TCP: an order out, its report in, both ends real sessions with their stores; and the same sockets with
//! nothing between.
//!
//! One thread is the firm: it sends orders and awaits reports, one after the other or many under way. The other spins as the
//! venue: it reads each order's values and answers with a full execution report; or it echoes as many bytes as a report has.
//!
//! Invariant: every order has been answered by a report with its own ClOrdID before a block ends.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use sessions::ByteQueue;
use sessions::fix::{Answer, Application, Inbound, JournalSize, JournalStore, Profile, Session, State};
use tiles::{
    Clock, Net, RealClock, RealNet, RealStorage, Setting, StartError, Tcp, TcpListener, TcpRead, pin_to_core,
};
use wire::fix::{Fields, Framed, Precision, decimal_nanos, frame, unsigned, utc_time_ns};

/// Longest wait for anything; on a busy machine a thread may be away for long.
const PATIENCE: Duration = Duration::from_secs(10);
const ORDER_BYTES: usize = 185;
const REPORT_BYTES: usize = 263;
/// What a message takes in a store, with its entry.
const STORED_BYTES_MAX: usize = 320;
const MESSAGE_BYTES_MAX: usize = 1_024;
/// Bytes that a session may be behind, and what one read may bring.
const QUEUE_BYTES: usize = 1 << 20;
/// How often time passes for a session: heartbeats and patience need no more.
const TIME_NS: u64 = 1_000_000;
/// Orders written to the socket together where many are under way.
const BATCH: u64 = 64;
/// Letters of a ClOrdID, its number at the end.
const ID: &[u8; 15] = b"N20260302000000";

const SESSIONS: u8 = 1;
const ECHO: u8 = 2;
const STOP: u8 = 3;
/// Whoever is told of a block may measure something else meanwhile: nobody spins then.
const REST: u8 = 4;

/// Which cores, how many blocks, how large.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// The firm's core and the venue's.
    pub cores: (usize, usize),
    /// Blocks after the one that warms up.
    pub blocks: usize,
    /// Orders of a block, one after the other.
    pub orders: u64,
    /// Orders of a block, many under way.
    pub pipelined: u64,
    /// How many these are at most.
    pub window: u64,
}

/// What was measured.
#[derive(Debug, Default)]
pub struct Figures {
    /// Order out to report in, ns, a list for each block.
    pub trips_ns: Vec<Vec<u32>>,
    /// As many bytes there and back.
    pub echo_ns: Vec<Vec<u32>>,
    /// Orders a second with many under way, for each block.
    pub rates: Vec<f64>,
    /// Bytes of an order and of a report, as they were on the wire last.
    pub bytes: (usize, usize),
}

/// Runs it all below `directory`; `done` is told after each block.
pub fn run(directory: &Path, shape: Shape, done: &mut dyn FnMut() -> bool) -> Result<Figures, StartError> {
    let any = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
    let mut listener = RealNet.tcp_listen(any)?;
    let mut echo_listener = RealNet.tcp_listen(any)?;
    let (at, echo_at) = (listener.local(), echo_listener.local());
    let mode = Arc::new(AtomicU8::new(SESSIONS));
    let store = size((shape.blocks as u64 + 2) * (shape.orders + shape.pipelined) + 64);
    let venue = {
        let (mode, directory) = (mode.clone(), directory.join("venue"));
        std::thread::Builder::new().name("bench-venue".to_owned()).spawn(move || -> Result<(), StartError> {
            pin_to_core(shape.cores.1)?;
            let ended = spin(&directory, store, at, echo_at, &mode);
            mode.store(STOP, Ordering::Release);
            ended
        })?
    };
    let measured = (|| {
        pin_to_core(shape.cores.0)?;
        // The venue's thread connects: a listener stays in the thread that made it.
        let sockets = (accept(&mut *listener)?, accept(&mut *echo_listener)?);
        let mut firm = Firm::log_on(&directory.join("firm"), store, sockets, mode.clone())?;
        let figures = firm.all(shape, done);
        // The venue looks away before the sockets close.
        mode.store(STOP, Ordering::Release);
        figures
    })();
    mode.store(STOP, Ordering::Release);
    let ended = venue.join().map_err(|_| failed("the venue died"))?;
    match (measured, ended) {
        (Ok(figures), Ok(())) => Ok(figures),
        (Err(error), Ok(())) => Err(StartError(format!("firm: {}", error.0))),
        (_, Err(error)) => Err(StartError(format!("venue: {}", error.0))),
    }
}

fn failed(why: &str) -> StartError {
    StartError(why.to_owned())
}

/// Room for every message of the run, made and met in advance as a trading day's is.
pub(super) fn size(messages: u64) -> JournalSize {
    let segment_bytes = (messages as usize * STORED_BYTES_MAX).next_multiple_of(1 << 20);
    JournalSize { segment_bytes, segments_max: 1, messages_max: messages as usize }
}

/// A session, its socket, and what was read from it.
pub(super) struct End {
    session: Session,
    socket: Box<dyn Tcp>,
    input: ByteQueue,
    fields: Fields,
    clock: RealClock,
    timed_ns: u64,
}

/// A side's rules.
pub(super) fn profile(ours: &str, theirs: &str) -> Result<Profile, StartError> {
    let table = serde_json::json!({
        "begin_string": "FIX.4.4", "sender_comp_id": ours, "target_comp_id": theirs, "initiator": ours == "MERIDNY1",
        "message_bytes_max": MESSAGE_BYTES_MAX, "output_bytes": QUEUE_BYTES,
    });
    let mut errors = Vec::new();
    let profile = Profile::read(&table, "profile", "a table", &mut errors);
    profile.ok_or_else(|| StartError(errors.join("\n")))
}

impl End {
    pub(super) fn new(directory: &Path, size: JournalSize, ours: &str, theirs: &str, socket: Box<dyn Tcp>) -> Result<Self, StartError> {
        let clock = RealClock::new();
        let now_ns = clock.now_ns();
        let storage = Rc::new(RealStorage::new(directory)?);
        let store = JournalStore::open(storage, "session", size, now_ns).map_err(|error| StartError(error.0))?;
        let store = store.with_ahead(size.segment_bytes);
        let mut session = Session::new(profile(ours, theirs)?, Box::new(store), None);
        session.connect(now_ns);
        let input = ByteQueue::with_capacity(QUEUE_BYTES);
        Ok(Self { session, socket, input, fields: Fields::default(), clock, timed_ns: now_ns })
    }

    /// Reads what came, hands every whole message over, writes what that made.
    #[inline]
    pub(super) fn step(&mut self, application: &mut dyn Application) -> Result<(), StartError> {
        let room = self.input.room();
        if let Some(space) = self.input.space(room).filter(|space| !space.is_empty()) {
            match self.socket.read(space) {
                TcpRead::Bytes(count) => {
                    self.input.commit(count);
                    self.take(application)?;
                    self.flush()?;
                }
                TcpRead::Idle => {}
                TcpRead::Closed => return Err(failed("a connection was closed")),
            }
        }
        let now_ns = self.clock.now_ns();
        if now_ns.saturating_sub(self.timed_ns) >= TIME_NS {
            self.timed_ns = now_ns;
            self.session.on_time(now_ns, application);
            self.flush()?;
        }
        Ok(())
    }

    #[inline]
    fn take(&mut self, application: &mut dyn Application) -> Result<(), StartError> {
        let (mut at, now_ns) = (0, self.clock.now_ns());
        loop {
            let bytes = &self.input.as_slice()[at..];
            match frame(bytes, MESSAGE_BYTES_MAX) {
                Framed::Message { length } => {
                    self.session.receive(now_ns, &bytes[..length], &mut self.fields, application);
                    at += length;
                }
                Framed::Incomplete => break,
                Framed::Garbled { why, .. } => return Err(failed(why.name())),
            }
        }
        self.input.consume(at);
        Ok(())
    }

    #[inline]
    fn flush(&mut self) -> Result<(), StartError> {
        while !self.session.output().is_empty() {
            match self.socket.write(self.session.output())? {
                0 => break,
                count => self.session.written(count),
            }
        }
        Ok(())
    }
}

/// The venue's application: every order is filled in part.
#[derive(Default)]
pub(super) struct Venue {
    fills: u64,
}

impl Application for Venue {
    fn on_message(&mut self, session: &mut Session, now_ns: u64, inbound: &Inbound<'_>) -> Answer {
        let message = &inbound.message;
        let value = |tag| message.get(tag).unwrap_or_default();
        let typed = || Some((decimal_nanos(value(38))?, decimal_nanos(value(44))?, utc_time_ns(value(60))?));
        let Some((lots_nanos, price_nanos, _)) = typed() else {
            return Answer::Refused { reason: 5, tag: 38 };
        };
        let lots = lots_nanos / 1_000_000_000;
        self.fills += 1;
        let sent = session.send(now_ns, b"8", |body| {
            body.field(37, b"V00000048213377")
                .field(11, value(11))
                .field(17, b"E000000482130")
                .field(150, b"F")
                .field(39, b"1")
                .field(1, value(1))
                .field(55, value(55))
                .field(54, value(54))
                .integer(38, lots)
                .field(40, value(40))
                .decimal(44, price_nanos)
                .integer(32, 200)
                .decimal(31, price_nanos)
                .integer(151, lots - 200)
                .integer(14, 200)
                .decimal(6, price_nanos)
                .time(60, now_ns, Precision::Milliseconds);
        });
        if sent.is_ok() { Answer::Taken } else { Answer::Unsupported }
    }
}

fn spin(
    directory: &Path,
    size: JournalSize,
    at: SocketAddrV4,
    echo_at: SocketAddrV4,
    mode: &AtomicU8,
) -> Result<(), StartError> {
    let (socket, mut echo) = (connect(at)?, connect(echo_at)?);
    let mut end = End::new(directory, size, "HOUSEVEN1", "MERIDNY1", socket)?;
    let mut venue = Venue::default();
    let mut buffer = vec![0; QUEUE_BYTES];
    let answer = [b'8'; REPORT_BYTES];
    let mut heard = 0;
    loop {
        match mode.load(Ordering::Acquire) {
            SESSIONS => end.step(&mut venue)?,
            ECHO => {
                if let TcpRead::Bytes(count) = echo.read(&mut buffer) {
                    heard += count;
                    while heard >= ORDER_BYTES {
                        heard -= ORDER_BYTES;
                        echo.write(&answer)?;
                    }
                }
            }
            REST => std::thread::sleep(Duration::from_millis(1)),
            _ => return Ok(()),
        }
    }
}

/// The firm's application: what the latest report said.
#[derive(Default)]
struct Reports {
    count: u64,
    last: u64,
    lots: i64,
    wrong: u64,
    bytes: usize,
}

impl Application for Reports {
    fn on_message(&mut self, _: &mut Session, _: u64, inbound: &Inbound<'_>) -> Answer {
        let message = &inbound.message;
        let value = |tag| message.get(tag).unwrap_or_default();
        let (typed, number) = (
            [6, 14, 31, 32, 38, 44, 151].map(|tag| decimal_nanos(value(tag))),
            unsigned(value(11).get(9..).unwrap_or_default()),
        );
        let sound = typed.iter().all(Option::is_some) && utc_time_ns(value(60)).is_some();
        match number.filter(|_| sound) {
            Some(number) => {
                self.last = number;
                self.lots += typed[3].unwrap_or(0) / 1_000_000_000;
            }
            None => self.wrong += 1,
        }
        self.count += 1;
        self.bytes = message.bytes().len();
        Answer::Taken
    }
}

/// The thread that orders.
struct Firm {
    end: End,
    echo: Box<dyn Tcp>,
    reports: Reports,
    sent: u64,
    mode: Arc<AtomicU8>,
    buffer: Vec<u8>,
    figures: Figures,
}

impl Firm {
    fn log_on(
        directory: &Path,
        size: JournalSize,
        (socket, echo): (Box<dyn Tcp>, Box<dyn Tcp>),
        mode: Arc<AtomicU8>,
    ) -> Result<Self, StartError> {
        let begun = Instant::now();
        let end = End::new(directory, size, "MERIDNY1", "HOUSEVEN1", socket)?;
        let (reports, buffer, figures) = (Reports::default(), vec![0; QUEUE_BYTES], Figures::default());
        let mut firm = Self { end, echo, reports, sent: 0, mode, buffer, figures };
        firm.end.flush()?;
        while firm.end.session.state() != State::Up {
            firm.end.step(&mut firm.reports)?;
            if begun.elapsed() > PATIENCE || firm.mode.load(Ordering::Acquire) == STOP {
                return Err(failed("the sessions did not come up"));
            }
        }
        Ok(firm)
    }

    fn all(&mut self, shape: Shape, done: &mut dyn FnMut() -> bool) -> Result<Figures, StartError> {
        // The first block warms up.
        for block in 0..=shape.blocks {
            let turns = if block % 2 == 0 { [SESSIONS, ECHO] } else { [ECHO, SESSIONS] };
            for mode in turns {
                self.mode.store(mode, Ordering::Release);
                let figures = if mode == SESSIONS { self.trips(shape.orders)? } else { self.echoes(shape.orders)? };
                match (block, mode) {
                    (0, _) => {}
                    (_, SESSIONS) => self.figures.trips_ns.push(figures),
                    _ => self.figures.echo_ns.push(figures),
                }
            }
            self.mode.store(SESSIONS, Ordering::Release);
            let rate = self.pipelined(shape.pipelined, shape.window)?;
            if block > 0 {
                self.figures.rates.push(rate);
            }
            self.mode.store(REST, Ordering::Release);
            if !done() {
                return Err(failed("interrupted"));
            }
        }
        if self.reports.wrong > 0 || self.reports.lots != 200 * self.sent as i64 {
            return Err(failed("the reports do not say what the venue did"));
        }
        self.figures.bytes.1 = self.reports.bytes;
        Ok(std::mem::take(&mut self.figures))
    }

    /// One order with a ClOrdID of its own, queued.
    #[inline]
    fn order(&mut self) -> Result<(), StartError> {
        let mut id = *ID;
        let mut number = self.sent;
        for place in id[9..].iter_mut().rev() {
            *place = b'0' + (number % 10) as u8;
            number /= 10;
        }
        let now_ns = self.end.clock.now_ns();
        let sent = self.end.session.send(now_ns, b"D", |body| {
            body.field(11, &id)
                .field(1, b"DESK07")
                .field(21, b"1")
                .field(55, b"QXZT")
                .field(54, b"2")
                .time(60, now_ns, Precision::Milliseconds)
                .integer(38, 700)
                .field(40, b"2")
                .decimal(44, 402_750_000_000)
                .field(59, b"0");
        });
        sent.map_err(|error| StartError(format!("an order was not sent: {error:?}")))?;
        self.sent += 1;
        Ok(())
    }

    /// Orders one after the other: ns of each.
    fn trips(&mut self, orders: u64) -> Result<Vec<u32>, StartError> {
        let mut figures = Vec::with_capacity(orders as usize);
        for _ in 0..orders {
            let start_ns = self.end.clock.now_ns();
            let number = self.sent % 1_000_000;
            self.order()?;
            self.figures.bytes.0 = self.end.session.output().len();
            self.end.flush()?;
            self.wait(self.sent)?;
            figures.push(short(self.end.clock.now_ns() - start_ns));
            if self.reports.last != number {
                return Err(failed("a report is not its order's"));
            }
        }
        Ok(figures)
    }

    /// Many under way: orders a second.
    fn pipelined(&mut self, orders: u64, window: u64) -> Result<f64, StartError> {
        let start_ns = self.end.clock.now_ns();
        let last = self.sent + orders;
        let batch = BATCH.min(window);
        while self.sent < last {
            for _ in 0..batch.min(last - self.sent) {
                self.order()?;
            }
            self.end.flush()?;
            self.wait((self.sent + batch).saturating_sub(window))?;
        }
        self.wait(last)?;
        let elapsed_ns = self.end.clock.now_ns() - start_ns;
        Ok(orders as f64 * 1e9 / elapsed_ns as f64)
    }

    /// Until so many reports have come.
    #[inline]
    fn wait(&mut self, reports: u64) -> Result<(), StartError> {
        let mut begun = None;
        for turn in 1_u64.. {
            if self.reports.count >= reports {
                break;
            }
            self.end.step(&mut self.reports)?;
            if turn.is_multiple_of(1 << 16) && begun.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
                let (session, reports) = (&self.end.session, self.reports.count);
                return Err(StartError(format!("{reports} of {} reports came: {session:?}", self.sent)));
            }
        }
        Ok(())
    }

    fn echoes(&mut self, trips: u64) -> Result<Vec<u32>, StartError> {
        let mut figures = Vec::with_capacity(trips as usize);
        let order = [b'D'; ORDER_BYTES];
        for _ in 0..trips {
            let start_ns = self.end.clock.now_ns();
            self.echo.write(&order)?;
            let mut heard = 0;
            let mut begun = None;
            for turn in 1_u64.. {
                match self.echo.read(&mut self.buffer) {
                    TcpRead::Bytes(count) => heard += count,
                    TcpRead::Idle => {}
                    TcpRead::Closed => return Err(failed("the echo was closed")),
                }
                if heard >= REPORT_BYTES {
                    break;
                }
                if turn.is_multiple_of(1 << 16) && begun.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
                    return Err(failed("the echo does not answer"));
                }
            }
            figures.push(short(self.end.clock.now_ns() - start_ns));
        }
        Ok(figures)
    }
}

fn accept(listener: &mut dyn TcpListener) -> Result<Box<dyn Tcp>, StartError> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some((stream, _)) = listener.accept()? {
            return Ok(stream);
        }
    }
    Err(failed("nobody connected"))
}

fn connect(at: SocketAddrV4) -> Result<Box<dyn Tcp>, StartError> {
    let begun = Instant::now();
    let mut stream = RealNet.tcp_connect(at)?;
    while !stream.connected()? {
        if begun.elapsed() > PATIENCE {
            return Err(failed("the venue does not listen"));
        }
    }
    Ok(stream)
}

fn short(nanoseconds: u64) -> u32 {
    u32::try_from(nanoseconds).unwrap_or(u32::MAX)
}
