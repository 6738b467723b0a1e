//! `meridian._native.analytics`: one pass over an engine's journal for reports, and what exchanges' own journals say.
//!
//! Invariant: nothing is reckoned here; the fold and the matching core say what happened, and tables keep it. A table is
//! rows of signed 64-bit words under its columns' names; prices are nanos, sizes lots, times ns UTC.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;

use engine::{Engine, EngineConfig, Order, Outbox, ReplayError, Statistics};
use exchange::{Capacity, Matching, Sink};
use journal::{Identity, JournalConfig, JournalError, Writer};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use records::{
    Break, BreakKind, ConsolidatedView, ExchangeEvent, ExchangeEventKind, Header, Kind, NONE, OrderEvent, OrderEventKind, OrderState, RecordRef,
    Side, Stamp, UNDEF_PRICE, read_from,
};
use strategies::{CompiledHost, Hosts, RustHost};

use crate::engine::{position_entry, statistics_entry};

/// Adds this room's classes and functions.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(fold, module)?)?;
    module.add_function(wrap_pyfunction!(executions, module)?)?;
    module.add_function(wrap_pyfunction!(write_journal, module)?)
}

/// Rows of words under names.
struct Table {
    columns: &'static [&'static str],
    bytes: Vec<u8>,
}

impl Table {
    fn new(columns: &'static [&'static str]) -> Self {
        Self { columns, bytes: Vec::new() }
    }

    fn row<const COLUMNS: usize>(&mut self, row: [i64; COLUMNS]) {
        assert_eq!(self.columns.len(), COLUMNS);
        row.iter().for_each(|word| self.bytes.extend_from_slice(&word.to_le_bytes()));
    }

    fn entry<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let columns = PyList::new(py, self.columns)?;
        Ok((columns, PyBytes::new(py, &self.bytes)).into_pyobject(py)?.into_any())
    }
}

const MARKS: &[&str] = &["time_ns", "venue", "instrument", "bid_nanos", "ask_nanos", "bid_lots", "ask_lots"];
const FILLS: &[&str] = &[
    "sequence",
    "time_ns",
    "venue_time_ns",
    "kind",
    "order_id",
    "execution_id",
    "venue",
    "instrument",
    "account",
    "strategy",
    "slot",
    "side",
    "price_nanos",
    "lots",
    "liquidity",
    "fee_nanos",
    "bid_nanos",
    "ask_nanos",
    "position_lots",
];
const EVENTS: &[&str] = &[
    "sequence",
    "time_ns",
    "venue_time_ns",
    "venue",
    "instrument",
    "order_id",
    "original_id",
    "event",
    "reason",
    "side",
    "price_nanos",
    "lots",
    "leaves_lots",
    "sent_time_ns",
];
const ORDERS: &[&str] = &[
    "sent_time_ns",
    "changed_time_ns",
    "order_id",
    "first_id",
    "venue",
    "instrument",
    "account",
    "strategy",
    "slot",
    "side",
    "price_nanos",
    "lots",
    "filled_lots",
    "broken_lots",
    "leaves_lots",
    "state",
    "replaced",
];

/// What one pass said.
#[derive(Default)]
struct Said {
    touched: Vec<u64>,
    outputs: Vec<u8>,
    busted: bool,
}

#[derive(Clone, Default)]
struct Collector(Rc<RefCell<Said>>);

impl Outbox for Collector {
    fn command(&mut self, _venue: u16, record: &[u8]) {
        let owner = record.get(size_of::<Header>()..).and_then(read_from::<records::Owner>);
        self.0.borrow_mut().touched.extend(owner.map(|owner| owner.order_id));
    }

    fn output(&mut self, record: &[u8]) {
        let kind = read_from::<Header>(record).and_then(|header| header.kind());
        let mut said = self.0.borrow_mut();
        match kind {
            Some(Kind::Heartbeat | Kind::Applied) | None => return,
            Some(Kind::Break) => {
                said.busted |= read_from::<Break>(record).is_some_and(|found| found.kind == BreakKind::Bust.code());
            }
            Some(_) => {}
        }
        said.outputs.extend_from_slice(record);
    }
}

struct Kept {
    order: Order,
    sent_ns: u64,
    changed_ns: u64,
}

/// The touch of a listing that was told last, and a later one that waits for the interval to end.
#[derive(Default)]
struct Marked {
    told_ns: u64,
    told: Option<[i64; 4]>,
    waiting: Option<(u64, [i64; 4])>,
}

fn mark_row(marks: &mut Table, time_ns: u64, venue: u16, instrument: u32, [bid, ask, bid_lots, ask_lots]: [i64; 4]) {
    marks.row([time_ns as i64, i64::from(venue), i64::from(instrument), bid, ask, bid_lots, ask_lots]);
}

/// Everything that a report wants of a journal.
struct Observer {
    marks_interval_ns: u64,
    marks: Table,
    marked: BTreeMap<(u16, u32), Marked>,
    fills: Table,
    events: Table,
    controls: Vec<u8>,
    orders: BTreeMap<u64, Kept>,
    peaks: BTreeMap<u32, i128>,
    counted: Statistics,
    market_records: BTreeMap<(u16, u32), u64>,
}

impl Observer {
    fn new(marks_interval_ns: u64) -> Self {
        Self {
            marks_interval_ns,
            marks: Table::new(MARKS),
            marked: BTreeMap::new(),
            fills: Table::new(FILLS),
            events: Table::new(EVENTS),
            controls: Vec::new(),
            orders: BTreeMap::new(),
            peaks: BTreeMap::new(),
            counted: Statistics::default(),
            market_records: BTreeMap::new(),
        }
    }

    fn take(&mut self, record: &[u8], engine: &Engine, collector: &Collector) {
        let mut said = collector.0.borrow_mut();
        let header: Option<Header> = read_from(record);
        match header.map(|header| (header.kind(), header)) {
            Some((Some(Kind::MarketOrder | Kind::MarketLevel | Kind::Trade), header)) => {
                *self.market_records.entry((header.venue, header.instrument)).or_default() += 1;
                if header.is_last() {
                    self.mark(engine, header.venue, header.instrument);
                }
            }
            Some((Some(Kind::OrderEvent), _)) => {
                if let Ok(RecordRef::OrderEvent(event)) = records::parse(record) {
                    said.touched.extend([event.owner.order_id, event.original_id]);
                    self.on_event(&event, engine, said.busted);
                }
            }
            Some((Some(Kind::Session), header)) => {
                // Whose state the session settles is told by no report of its own.
                said.touched.extend(self.in_doubt(header.venue));
                self.controls.extend_from_slice(record);
            }
            Some((Some(Kind::Timer | Kind::Status | Kind::Imbalance | Kind::Intent | Kind::Signal), _)) => {}
            Some((Some(Kind::RegionPosition | Kind::RegionQuote) | None, _)) | None => {}
            Some((Some(Kind::ExecutorRequest | Kind::ExecutorAnswer), _)) => {}
            Some(_) => self.controls.extend_from_slice(record),
        }
        said.busted = false;
        self.counted = engine.statistics();
        let changed = !said.touched.is_empty();
        for id in said.touched.drain(..) {
            if let Some(order) = engine.order(id) {
                let now = engine.time_ns();
                let kept = self.orders.entry(order.first_id);
                let kept = kept.or_insert(Kept { order: *order, sent_ns: now, changed_ns: now });
                (kept.order, kept.changed_ns) = (*order, now);
            }
        }
        if changed {
            let peaks = &mut self.peaks;
            engine.limits().usages(&mut |usage| {
                let peak = peaks.entry(usage.limit).or_default();
                *peak = usage.used().max(*peak);
            });
        }
    }

    /// Orders of a venue whose state was unknown when they were last told of.
    fn in_doubt(&self, venue: u16) -> Vec<u64> {
        let unknown = |kept: &&Kept| kept.order.venue == venue && kept.order.state() == OrderState::Unknown;
        self.orders.values().filter(unknown).map(|kept| kept.order.owner.order_id).collect()
    }

    /// Keeps the touch of a listing when it changed: at most once in an interval, and always the last of it.
    fn mark(&mut self, engine: &Engine, venue: u16, instrument: u32) {
        let Some(touch) = touch(engine, venue, instrument) else { return };
        let now = engine.time_ns();
        let marked = self.marked.entry((venue, instrument)).or_default();
        if marked.waiting.map_or(marked.told, |(_, waiting)| Some(waiting)) == Some(touch) {
            return;
        }
        if marked.told.is_none() || now >= marked.told_ns + self.marks_interval_ns {
            if let Some((then, waiting)) = marked.waiting.take() {
                mark_row(&mut self.marks, then, venue, instrument, waiting);
            }
            mark_row(&mut self.marks, now, venue, instrument, touch);
            (marked.told_ns, marked.told) = (now, Some(touch));
        } else {
            marked.waiting = Some((now, touch));
        }
    }

    /// The last touches, which nothing followed.
    fn finish(&mut self) {
        for ((venue, instrument), marked) in &mut self.marked {
            if let Some((then, waiting)) = marked.waiting.take() {
                mark_row(&mut self.marks, then, *venue, *instrument, waiting);
            }
        }
    }

    fn on_event(&mut self, event: &OrderEvent, engine: &Engine, busted: bool) {
        let id = event.owner.order_id;
        let order = engine.order(id).or_else(|| engine.order(event.original_id)).copied();
        let (venue, instrument, side) = order.map_or(
            (event.header.venue, event.header.instrument, event.side),
            |order| (order.venue, order.instrument, order.side.code()),
        );
        let at = [engine.input() as i64, engine.time_ns() as i64, event.header.venue_time_ns as i64];
        let place = [i64::from(venue), i64::from(instrument)];
        self.events.row([
            at[0],
            at[1],
            at[2],
            place[0],
            place[1],
            id as i64,
            event.original_id as i64,
            i64::from(event.event),
            i64::from(event.reason),
            i64::from(side),
            event.price_nanos,
            event.lots,
            event.leaves_lots,
            event.sent_time_ns as i64,
        ]);
        let booked = match OrderEventKind::from_code(event.event) {
            Some(OrderEventKind::Filled) => engine.statistics().fills > self.counted.fills,
            Some(OrderEventKind::Broken | OrderEventKind::Corrected) => busted,
            _ => false,
        };
        if !booked {
            return;
        }
        let owner = order.map_or(event.owner, |order| order.owner);
        let [bid, ask, ..] = touch(engine, venue, instrument).unwrap_or([UNDEF_PRICE; 4]);
        let held = engine.positions().iter().find(|cell| (cell.account, cell.instrument) == (owner.account, instrument));
        self.fills.row([
            at[0],
            at[1],
            at[2],
            i64::from(event.event),
            id as i64,
            event.execution_id as i64,
            place[0],
            place[1],
            i64::from(owner.account),
            i64::from(owner.strategy),
            order.map_or(0, |order| i64::from(order.slot)),
            i64::from(side),
            event.price_nanos,
            event.lots,
            i64::from(event.liquidity),
            event.fee_nanos,
            bid,
            ask,
            held.map_or(0, |cell| cell.lots),
        ]);
    }

    fn orders(&self) -> Table {
        let mut table = Table::new(ORDERS);
        for (first_id, kept) in &self.orders {
            let order = &kept.order;
            table.row([
                kept.sent_ns as i64,
                kept.changed_ns as i64,
                order.owner.order_id as i64,
                *first_id as i64,
                i64::from(order.venue),
                i64::from(order.instrument),
                i64::from(order.owner.account),
                i64::from(order.owner.strategy),
                i64::from(order.slot),
                i64::from(order.side.code()),
                order.price_nanos,
                order.lots,
                order.filled_lots,
                order.broken_lots,
                order.leaves_lots,
                i64::from(order.state().code()),
                i64::from(order.owner.order_id != *first_id),
            ]);
        }
        table
    }
}

/// Best prices and their lots as strategies see them.
fn touch(engine: &Engine, venue: u16, instrument: u32) -> Option<[i64; 4]> {
    let view = engine.book_view(venue, instrument)?;
    let (bid, ask) = (view.bids[0], view.asks[0]);
    Some([bid.price_nanos, ask.price_nanos, bid.lots, ask.lots])
}

/// A position with the slot that took it.
fn slot_position_entry<'py>(py: Python<'py>, cell: &engine::PositionCell) -> PyResult<Bound<'py, PyDict>> {
    let entry = position_entry(py, cell)?;
    entry.set_item("slot", cell.slot)?;
    Ok(entry)
}

/// How often and how long an instrument at several venues was locked and crossed, and how it stood at the end.
fn consolidated_entry<'py>(
    py: Python<'py>,
    (view, spells): &(ConsolidatedView, book::Spells),
) -> PyResult<Bound<'py, PyDict>> {
    let entry = PyDict::new(py);
    entry.set_item("instrument", view.instrument)?;
    let tops = &view.tops[..view.venues_count as usize];
    entry.set_item("venues", tops.iter().map(|top| top.venue).collect::<Vec<_>>())?;
    entry.set_item("state", view.state)?;
    entry.set_item("locked", spells.locked)?;
    entry.set_item("crossed", spells.crossed)?;
    entry.set_item("locked_ns", spells.locked_ns)?;
    entry.set_item("crossed_ns", spells.crossed_ns)?;
    Ok(entry)
}

/// What is taken out of the engine at the end of its journal.
#[derive(Default)]
struct Last {
    positions: Vec<engine::PositionCell>,
    usages: Vec<(u32, u32, u16, i128, i128)>,
    live: u64,
    consolidated: Vec<(ConsolidatedView, book::Spells)>,
}

fn last_of(engine: &Engine) -> Last {
    let mut last = Last { positions: engine.positions().to_vec(), ..Last::default() };
    engine.limits().usages(&mut |usage| {
        last.usages.push((usage.limit, usage.node, usage.metric.code(), usage.bound.unwrap_or(0), usage.used().max(0)));
    });
    last.live = engine.live_orders().count() as u64;
    last.consolidated = engine.consolidated().map(|(view, spells)| (*view, spells)).collect();
    last
}

/// Folds an engine's journal and keeps what a report wants: tables `marks` (touches, at most one a listing in
/// `marks_interval_ns`), `fills`, `order_events`, `orders`; `positions` and `limits` as they stand at the end; `outputs` and
/// `controls`, records one after another.
///
/// Raises FileNotFoundError when there is no journal, ValueError when it is damaged or not an engine's.
#[pyfunction]
#[pyo3(signature = (directory, *, libraries=None, marks_interval_ns=10_000_000))]
fn fold(
    py: Python<'_>,
    directory: PathBuf,
    libraries: Option<PathBuf>,
    marks_interval_ns: u64,
) -> PyResult<Bound<'_, PyDict>> {
    let folded = py.detach(|| {
        let compiled = CompiledHost::new(libraries.as_deref().unwrap_or(std::path::Path::new("")));
        let host = Box::new(Hosts::new(vec![Box::new(compiled), Box::new(RustHost::default())]));
        let mut outbox = Collector::default();
        let collector = outbox.clone();
        let mut observer = Observer::new(marks_interval_ns);
        let records = journal::Reader::open_whole(&directory)?.verify()?.records;
        let mut last = Last::default();
        let mut seen = 0;
        let replayed = engine::replay(&directory, host, &mut outbox, &mut |record, engine| {
            observer.take(record, engine, &collector);
            seen += 1;
            // A journal that is still written may have grown since it was counted.
            if seen >= records {
                last = last_of(engine);
            }
        })?;
        observer.finish();
        let outputs = std::mem::take(&mut collector.0.borrow_mut().outputs);
        Ok::<_, ReplayError>((replayed, observer, last, outputs))
    });
    let (replayed, observer, last, outputs) = folded.map_err(|error| crate::engine::raised(&error))?;
    let entry = crate::journal::summary_entry(py, &replayed.summary)?;
    entry.set_item("state_hash", format!("{:016x}", replayed.state_hash))?;
    entry.set_item("agrees", replayed.agrees())?;
    entry.set_item("marks", observer.marks.entry(py)?)?;
    entry.set_item("fills", observer.fills.entry(py)?)?;
    entry.set_item("order_events", observer.events.entry(py)?)?;
    entry.set_item("orders", observer.orders().entry(py)?)?;
    let positions = last.positions.iter().map(|cell| slot_position_entry(py, cell)).collect::<PyResult<Vec<_>>>()?;
    entry.set_item("positions", PyList::new(py, positions)?)?;
    let peak = |limit: u32| observer.peaks.get(&limit).copied().unwrap_or_default();
    let usages: Vec<_> = last
        .usages
        .iter()
        .map(|(limit, node, metric, bound, used)| (*limit, *node, *metric, *bound, *used, peak(*limit).max(*used)))
        .collect();
    entry.set_item("limits", PyList::new(py, usages)?)?;
    entry.set_item("live_orders", last.live)?;
    let consolidated = last.consolidated.iter().map(|one| consolidated_entry(py, one)).collect::<PyResult<Vec<_>>>()?;
    entry.set_item("consolidated", PyList::new(py, consolidated)?)?;
    entry.set_item("statistics", statistics_entry(py, &replayed.statistics)?)?;
    entry.set_item("market_records", observer.market_records)?;
    entry.set_item("outputs", PyBytes::new(py, &outputs))?;
    entry.set_item("controls", PyBytes::new(py, &observer.controls))?;
    Ok(entry)
}

const EXECUTIONS: &[&str] = &[
    "time_ns",
    "kind",
    "match_id",
    "instrument",
    "session",
    "user_ref",
    "side",
    "price_nanos",
    "lots",
    "resting",
];

/// Keeps trades, busts and corrections of some sessions.
struct Executions {
    sessions: Vec<u32>,
    table: Table,
    trades: u64,
}

impl Executions {
    fn side(&mut self, event: &ExchangeEvent, session: u32, user_ref: u64, side: u8, resting: bool) {
        if session == NONE || !self.sessions.contains(&session) {
            return;
        }
        self.table.row([
            event.header.venue_time_ns as i64,
            i64::from(event.event),
            event.match_id as i64,
            i64::from(event.header.instrument),
            i64::from(session),
            user_ref as i64,
            i64::from(side),
            event.price_nanos,
            event.lots,
            i64::from(resting),
        ]);
    }
}

impl Sink for Executions {
    fn event(&mut self, event: &ExchangeEvent) {
        let kind = ExchangeEventKind::from_code(event.event);
        self.trades += u64::from(kind == Some(ExchangeEventKind::Executed));
        if kind == Some(ExchangeEventKind::Crossed) {
            // One event for each side of a trade: a sale counts it.
            self.trades += u64::from(event.side == Side::Sell.code());
            let trade = ExchangeEvent { event: ExchangeEventKind::Executed.code(), ..*event };
            return self.side(&trade, event.header.source, event.user_ref, event.side, true);
        }
        let changed = matches!(kind, Some(ExchangeEventKind::Broken | ExchangeEventKind::Corrected));
        if kind != Some(ExchangeEventKind::Executed) && !changed {
            return;
        }
        let incoming = Side::from_code(event.side).map_or(0, |side| side.opposite().code());
        self.side(event, event.header.source, event.user_ref, event.side, true);
        self.side(event, event.other_source, event.other_user_ref, incoming, false);
    }
}

/// Applies an exchange's journal to a fresh matching core: the table `executions` (trades, busts and corrections of orders of
/// `sessions`, a row for each of our sides), `trades` of everybody, and what the journal is.
///
/// Raises FileNotFoundError when there is no journal, ValueError when it is damaged or not an exchange's.
#[pyfunction]
#[pyo3(signature = (directory, sessions, *, orders=1 << 18, levels_per_side=8192, trades=1 << 18))]
fn executions(
    py: Python<'_>,
    directory: PathBuf,
    sessions: Vec<u32>,
    orders: usize,
    levels_per_side: usize,
    trades: usize,
) -> PyResult<Bound<'_, PyDict>> {
    let applied = py.detach(|| {
        let mut reader = journal::Reader::open_whole(&directory)?;
        let (instruments, ports) = largest_ids(&directory)?;
        let capacity = Capacity { instruments, sessions: ports, orders, levels_per_side, trades };
        let mut core = Matching::new(capacity);
        let mut sink = Executions { sessions, table: Table::new(EXECUTIONS), trades: 0 };
        let mut refused = 0_u64;
        while let Some((stamp, record)) = reader.next()? {
            refused += u64::from(core.apply(stamp, record, &mut sink).is_err());
        }
        Ok::<_, JournalError>((reader.summary(), sink, refused, core.state_hash()))
    });
    let (summary, sink, refused, state_hash) = applied.map_err(|error| crate::journal::raised(&error))?;
    let entry = crate::journal::summary_entry(py, &summary)?;
    entry.set_item("executions", sink.table.entry(py)?)?;
    entry.set_item("trades", sink.trades)?;
    entry.set_item("not_commands", refused)?;
    entry.set_item("state_hash", format!("{state_hash:016x}"))?;
    Ok(entry)
}

/// Largest instrument and session that a journal names: how large its core has to be.
fn largest_ids(directory: &std::path::Path) -> Result<(usize, usize), JournalError> {
    let (mut instruments, mut sessions) = (1, 1);
    let mut reader = journal::Reader::open_whole(directory)?;
    while let Some((_, record)) = reader.next()? {
        let Some(header) = read_from::<Header>(record) else { continue };
        match header.kind() {
            Some(Kind::ExchangeListing) => instruments = instruments.max(header.instrument as usize),
            Some(Kind::ExchangeSession) => sessions = sessions.max(header.source as usize),
            _ => {}
        }
    }
    Ok((instruments, sessions))
}

/// Writes a journal of these records, (time in ns, record bytes) in the order of time: for research and tests. With
/// `engine_sizes` (names of an engine's configuration → value; may be empty) it is an engine's, else an exchange's.
///
/// Raises ValueError for an unknown size and for times that run backwards, OSError when it cannot be written.
#[pyfunction]
#[pyo3(signature = (directory, entries, *, engine_sizes=None, segment_bytes=1 << 20))]
fn write_journal(
    directory: PathBuf,
    entries: Vec<(u64, Vec<u8>)>,
    engine_sizes: Option<BTreeMap<String, u64>>,
    segment_bytes: usize,
) -> PyResult<()> {
    let mut identity = Identity::default();
    if let Some(sizes) = engine_sizes {
        let mut config = EngineConfig::default();
        for (key, value) in sizes {
            if !config.set(&key, value) {
                return Err(PyValueError::new_err(format!("{key}: unknown; allowed are {}", EngineConfig::KEYS.join(", "))));
            }
        }
        identity.settings = config.words();
    }
    let failed = |error: std::io::Error| PyOSError::new_err(error.to_string());
    let storage = Rc::new(tiles::RealStorage::new(&directory).map_err(failed)?);
    let config = JournalConfig { segment_bytes, ..JournalConfig::new(identity) };
    let mut writer = Writer::create(storage, config).map_err(failed)?;
    let mut last = Stamp::default();
    for (time_ns, record) in &entries {
        if *time_ns < last.time_ns || records::parse(record).is_err() {
            return Err(PyValueError::new_err(format!("entry {}: time runs backwards or no record", last.sequence)));
        }
        last = Stamp { sequence: last.sequence + 1, time_ns: *time_ns };
        writer.append(last, record).map_err(|error| PyOSError::new_err(error.to_string()))?;
    }
    writer.close().map_err(failed)
}
