//! The FIX gateway tile alone, on one thread and without sockets: an order's record in to its bytes at the socket, a report's
//! bytes in to its record in the link.
//!
//! The tile is the one that trades, with its links, its journal and its session's store; the venue at the other end of the memory
//! is a session, too, and answers between what is timed.
//!
//! Invariant: one order is under way at a time; each is written in the cycle that finds its record, and its report becomes one fill.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::rc::Rc;

use links::{Counters, Offer, Publication, Ring, RingConfig, RingProducer, Subscription};
use records::{
    NewOrder, OrderEventKind, OrderId, OrderIdParts, OrderType, RECORD_BYTES_MAX, RecordRef, SessionState, Side,
    TimeInForce, bytes_of, parse,
};
use sessions::fix::{JournalStore, Session};
use tiles::{
    Clock, Context, Net, RealClock, RealStorage, Setting, StartError, Tcp, TcpListener, TcpRead, Tile, Udp,
};
use venues::gateway::fix::{Dialect, FixConfig, FixVenue, Symbol};
use venues::gateway::{GatewayConfig, GatewayTile};

use super::fix_wire::{End, Venue, profile, size};

const VENUE: u16 = 3;
const INSTRUMENT: u32 = 1;
const RING_RECORDS: usize = 4_096;
const SEGMENT_BYTES: usize = 16 << 20;
/// Nothing of anybody's patience plays a part.
const NEVER_NS: u64 = 1 << 62;
/// More turns than this mean that the session never comes up.
const TURNS_MAX: usize = 100_000;

/// What was measured, ns, a list for each block.
#[derive(Debug, Default)]
pub struct Figures {
    /// Order record in to bytes at the socket.
    pub orders_ns: Vec<Vec<u32>>,
    /// Report bytes in to its record in the link.
    pub reports_ns: Vec<Vec<u32>>,
}

/// Bytes one way, and when the first of them came.
struct Lane {
    bytes: RefCell<Vec<u8>>,
    written_ns: Cell<u64>,
    clock: Rc<RealClock>,
}

/// One end of two lanes.
struct Line {
    into: Rc<Lane>,
    out: Rc<Lane>,
}

/// What the gateway takes for its network.
struct MemoryNet {
    to_venue: Rc<Lane>,
    to_gateway: Rc<Lane>,
}

/// A link that notes when the first record went in.
struct Noted {
    link: RingProducer,
    offered_ns: Rc<Cell<u64>>,
    clock: Rc<RealClock>,
}

/// The tile, its venue, and what lies between.
struct Bench {
    tile: GatewayTile<FixVenue>,
    venue: End,
    answers: Venue,
    to_venue: Rc<Lane>,
    commands: RingProducer,
    events: Box<dyn Subscription + Send>,
    offered_ns: Rc<Cell<u64>>,
    clock: Rc<RealClock>,
    order: NewOrder,
    sent: u32,
}

/// Runs it below `directory`: `blocks` of so many orders after one that warms up; `done` is told after each.
pub fn run(
    directory: &Path,
    blocks: usize,
    orders: u64,
    done: &mut dyn FnMut() -> bool,
) -> Result<Figures, StartError> {
    let mut bench = Bench::start(directory, (blocks as u64 + 1) * orders)?;
    let mut figures = Figures::default();
    for block in 0..=blocks {
        let (mut out, mut back) = (Vec::with_capacity(orders as usize), Vec::with_capacity(orders as usize));
        for _ in 0..orders {
            let (order_ns, report_ns) = bench.trip()?;
            out.push(order_ns);
            back.push(report_ns);
        }
        if block > 0 {
            figures.orders_ns.push(out);
            figures.reports_ns.push(back);
        }
        if !done() {
            break;
        }
    }
    bench.tile.on_close(bench.clock.now_ns());
    Ok(figures)
}

impl Bench {
    fn start(directory: &Path, orders: u64) -> Result<Self, StartError> {
        let clock = Rc::new(RealClock::new());
        let lane = || {
            let bytes = RefCell::new(Vec::with_capacity(1 << 20));
            Rc::new(Lane { bytes, written_ns: Cell::new(0), clock: clock.clone() })
        };
        let (to_venue, to_gateway) = (lane(), lane());
        let ring = || {
            let record_bytes_max = RECORD_BYTES_MAX;
            Ring::heap(&RingConfig { depth_records: RING_RECORDS, record_bytes_max, reliable: vec![true] })
        };
        let (commands, events) = (ring()?, ring()?);
        let offered_ns = Rc::new(Cell::new(0));
        let noted = Noted { link: events.producer(), offered_ns: offered_ns.clone(), clock: clock.clone() };
        let mut context = Context {
            clock: clock.clone(),
            net: Rc::new(MemoryNet { to_venue: to_venue.clone(), to_gateway: to_gateway.clone() }),
            storage: Rc::new(RealStorage::new(&directory.join("gateway"))?),
            publications: [("events".to_owned(), Box::new(noted) as Box<dyn Publication>)].into(),
            subscriptions: [("commands".to_owned(), commands.consumer(0)? as Box<dyn Subscription>)].into(),
            counters: Counters::local(),
        };
        let tile = gateway(&mut context, orders, clock.now_ns())?;
        let line = Line { into: to_venue.clone(), out: to_gateway };
        let venue = End::new(&directory.join("venue"), size(orders + 64), "HOUSEVEN1", "MERIDNY1", Box::new(line))?;
        let (commands, events) = (commands.producer(), events.consumer(0)?);
        let order = order();
        let answers = Venue::default();
        let mut bench =
            Self { tile, venue, answers, to_venue, commands, events, offered_ns, clock, order, sent: 0 };
        bench.tile.on_start(bench.clock.now_ns())?;
        bench.log_on()?;
        Ok(bench)
    }

    fn log_on(&mut self) -> Result<(), StartError> {
        let mut up = false;
        for _ in 0..TURNS_MAX {
            self.tile.do_work(self.clock.now_ns());
            self.venue.step(&mut self.answers)?;
            self.events.poll(RING_RECORDS, &mut |record| {
                if let Ok(RecordRef::Session(session)) = parse(record) {
                    up = session.state == SessionState::Up.code();
                }
            });
            if up {
                return Ok(());
            }
        }
        Err(StartError("the gateway's session never comes up".to_owned()))
    }

    /// An order and its report: ns of each.
    fn trip(&mut self) -> Result<(u32, u32), StartError> {
        self.sent += 1;
        self.order.owner.order_id =
            OrderId::new(OrderIdParts { day: 2_500, shard: 1, epoch: 1, counter: self.sent }).0;
        if self.commands.offer(bytes_of(&self.order)) != Offer::Sent {
            return Err(StartError("the gateway takes no orders".to_owned()));
        }
        self.to_venue.written_ns.set(0);
        let start_ns = self.clock.now_ns();
        self.tile.do_work(start_ns);
        let order_ns = self.to_venue.written_ns.get().saturating_sub(start_ns);
        self.venue.step(&mut self.answers)?;
        self.offered_ns.set(0);
        let start_ns = self.clock.now_ns();
        self.tile.do_work(start_ns);
        let report_ns = self.offered_ns.get().saturating_sub(start_ns);
        let (mut fills, wanted) = (0, self.order.owner.order_id);
        self.events.poll(RING_RECORDS, &mut |record| {
            if let Ok(RecordRef::OrderEvent(event)) = parse(record) {
                let filled = event.event == OrderEventKind::Filled.code() && event.owner.order_id == wanted;
                fills += u32::from(filled && event.lots == 200);
            }
        });
        if fills != 1 || order_ns == 0 {
            return Err(StartError(format!("order {}: {fills} fills, written after {order_ns} ns", self.sent)));
        }
        Ok((short(order_ns), short(report_ns)))
    }
}

fn gateway(context: &mut Context, orders: u64, now_ns: u64) -> Result<GatewayTile<FixVenue>, StartError> {
    let size = size(orders + 64);
    let store = JournalStore::open(context.storage.clone(), "fix", size, now_ns).map_err(|error| StartError(error.0))?;
    let session = Session::new(profile("MERIDNY1", "HOUSEVEN1")?, Box::new(store.with_ahead(size.segment_bytes)), None);
    let mut errors = Vec::new();
    let table = serde_json::json!({"account": "DESK07", "handling": true, "mass_status": false, "mass_cancel": false});
    let dialect = Dialect::read(&table, "dialect", "a table", &mut errors);
    let dialect = dialect.ok_or_else(|| StartError(errors.join("\n")))?;
    let symbols = vec![(INSTRUMENT, Symbol::new("QXZT"))];
    let orders_max = orders as usize + 64;
    let fix = FixConfig { venue: VENUE, source: 7, symbols, dialect, orders_max };
    let config = GatewayConfig {
        name: "gateway".to_owned(),
        venue: VENUE,
        source: 7,
        address: SocketAddrV4::new(Ipv4Addr::LOCALHOST, 2),
        commands: "commands".to_owned(),
        events: "events".to_owned(),
        engine_silence_ns_max: NEVER_NS,
        reconnect_ns: NEVER_NS,
        cancel_on_disconnect: 0,
        journal_segment_bytes: SEGMENT_BYTES,
    };
    let venue = FixVenue::new(fix, session, &context.counters);
    GatewayTile::new(config, venue, context)
}

/// As the other rows send it.
fn order() -> NewOrder {
    let mut order = NewOrder::new();
    (order.header.venue, order.header.instrument) = (VENUE, INSTRUMENT);
    (order.owner.epoch, order.owner.strategy, order.slot) = (1, 5, 1);
    (order.lots, order.price_nanos) = (700, 402_750_000_000);
    (order.side, order.order_type) = (Side::Sell.code(), OrderType::Limit.code());
    order.time_in_force = TimeInForce::Day.code();
    order
}

fn short(nanoseconds: u64) -> u32 {
    u32::try_from(nanoseconds).unwrap_or(u32::MAX)
}

impl Tcp for Line {
    fn read(&mut self, buffer: &mut [u8]) -> TcpRead {
        let mut waiting = self.into.bytes.borrow_mut();
        let count = waiting.len().min(buffer.len());
        if count == 0 {
            return TcpRead::Idle;
        }
        buffer[..count].copy_from_slice(&waiting[..count]);
        waiting.drain(..count);
        TcpRead::Bytes(count)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.bytes.borrow_mut().extend_from_slice(bytes);
        if self.out.written_ns.get() == 0 {
            self.out.written_ns.set(self.out.clock.now_ns());
        }
        Ok(bytes.len())
    }

    fn connected(&mut self) -> io::Result<bool> {
        Ok(true)
    }
}

impl Net for MemoryNet {
    fn udp_multicast(&self, _: SocketAddrV4, _: Ipv4Addr) -> io::Result<Box<dyn Udp>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn udp(&self, _: SocketAddrV4, _: Ipv4Addr) -> io::Result<Box<dyn Udp>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn tcp_connect(&self, _: SocketAddrV4) -> io::Result<Box<dyn Tcp>> {
        Ok(Box::new(Line { into: self.to_gateway.clone(), out: self.to_venue.clone() }))
    }

    fn tcp_listen(&self, _: SocketAddrV4) -> io::Result<Box<dyn TcpListener>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Publication for Noted {
    fn offer(&mut self, record: &[u8]) -> Offer {
        let offer = self.link.offer(record);
        if self.offered_ns.get() == 0 {
            self.offered_ns.set(self.clock.now_ns());
        }
        offer
    }

    fn has_room(&self, records: usize) -> bool {
        self.link.has_room(records)
    }
}
