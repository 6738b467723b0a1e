//! `meridian._native.engine`: replays of journals, and what they show of orders, fills and positions.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use engine::{Engine, EngineConfig, Host, Order, Outbox, PositionCell, ReplayError, Statistics};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use records::{Kind, OrderEvent, OrderEventKind, OrderState, Owner, RecordRef, UNDEF_PRICE, read_from};
use strategies::CompiledHost;

/// Adds this room's classes and functions.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(replay, module)?)?;
    module.add_function(wrap_pyfunction!(run, module)?)?;
    module.add_class::<crate::shadow::JournalShadow>()?;
    module.add("MARKS_FILE", engine::MARKS_FILE)?;
    module.add_function(wrap_pyfunction!(crate::quarantine::mark_of, module)?)?;
    module.add_function(wrap_pyfunction!(crate::quarantine::marks, module)?)?;
    module.add_function(wrap_pyfunction!(crate::quarantine::with_marks, module)?)?;
    module.add_function(wrap_pyfunction!(crate::shadow::snapshots, module)?)?;
    module.add_function(wrap_pyfunction!(crate::explain::paths, module)?)?;
    module.add_function(wrap_pyfunction!(crate::explain::ouch_bytes, module)?)?;
    module.add_function(wrap_pyfunction!(bootstrap_problems, module)?)
}

/// What runs a slot's code in a replay: object code, found by the hash that the journal names.
pub(crate) fn host(libraries: Option<&Path>) -> Box<dyn Host> {
    Box::new(CompiledHost::new(libraries.unwrap_or(Path::new(""))))
}

/// Journals and folds inputs (engine time in ns, record bytes) in a new directory; the rolling hash at the end.
///
/// Raises ValueError when time goes back or a record is empty or too long, OSError when the directory cannot be written.
#[pyfunction]
#[pyo3(signature = (directory, inputs, libraries=None, segment_bytes=1 << 20))]
fn run(
    py: Python<'_>,
    directory: PathBuf,
    inputs: Vec<(u64, Vec<u8>)>,
    libraries: Option<PathBuf>,
    segment_bytes: usize,
) -> PyResult<String> {
    let whole = inputs.iter().all(|(_, record)| (1..=records::RECORD_BYTES_MAX).contains(&record.len()));
    if !whole || !inputs.is_sorted_by_key(|(time_ns, _)| *time_ns) {
        return Err(PyValueError::new_err("inputs: records of 1 to 512 bytes in the order of their times are allowed"));
    }
    let hash = py.detach(|| fold_inputs(&directory, &inputs, libraries.as_deref(), segment_bytes))?;
    Ok(format!("{hash:016x}"))
}

fn fold_inputs(
    directory: &Path,
    inputs: &[(u64, Vec<u8>)],
    libraries: Option<&Path>,
    segment_bytes: usize,
) -> std::io::Result<u64> {
    let storage: Rc<dyn tiles::Storage> = Rc::new(tiles::RealStorage::new(directory)?);
    let config = EngineConfig::default();
    let identity = journal::Identity { settings: config.words(), ..journal::Identity::default() };
    let journal = journal::JournalConfig { segment_bytes, ..journal::JournalConfig::new(identity) };
    let writer = journal::Writer::create(Rc::clone(&storage), journal)?;
    let mut merger = engine::Merger::new(Some(writer), records::Stamp::zeroed());
    let mut engine = Engine::new(config, host(libraries));
    for (time_ns, record) in inputs {
        let stamp = merger.stamp(*time_ns, record).map_err(std::io::Error::other)?;
        engine.apply(stamp, record, &mut engine::NoOutbox);
        merger.prepare()?;
    }
    engine::Recorded::of(&engine, true).write(storage.open(engine::STATE_FILE, engine::STATE_FILE_BYTES)?.bytes_mut());
    merger.close()?;
    Ok(engine.state_hash())
}

/// What is wrong with a file of first inputs: the place and the reason; None when it is whole.
#[pyfunction]
fn bootstrap_problems(data: &[u8]) -> Option<String> {
    let mut at = 0;
    while at < data.len() {
        match records::parse(&data[at..]) {
            Ok(_) => at += usize::from(read_from::<records::Header>(&data[at..]).map_or(1, |header| header.length)),
            Err(error) => return Some(format!("byte {at}: {error:?}")),
        }
    }
    None
}

struct Fill {
    sequence: u64,
    time_ns: u64,
    event: OrderEvent,
    owner: Owner,
    side: u8,
}

#[derive(Default)]
struct Seen {
    touched: Vec<u64>,
    outputs: Vec<u8>,
    keeps_outputs: bool,
    /// Slots whose code was not found.
    slots_refused: Vec<u32>,
}

/// Keeps outputs, and the ids that commands name.
#[derive(Clone, Default)]
struct Collector(Rc<RefCell<Seen>>);

impl Outbox for Collector {
    fn command(&mut self, _venue: u16, record: &[u8]) {
        let owner = record.get(size_of::<records::Header>()..).and_then(read_from::<Owner>);
        self.0.borrow_mut().touched.extend(owner.map(|owner| owner.order_id));
    }

    fn output(&mut self, record: &[u8]) {
        let mut seen = self.0.borrow_mut();
        if seen.keeps_outputs {
            seen.outputs.extend_from_slice(record);
        }
        if let Ok(RecordRef::Applied(applied)) = records::parse(record)
            && applied.control == Kind::Slot as u16
            && applied.outcome == 3
        {
            seen.slots_refused.push(applied.subject);
        }
    }
}

/// What a replay is asked to keep beside its hashes.
#[derive(Default)]
struct Collected {
    orders: BTreeMap<u64, (u64, Order)>,
    fills: Vec<Fill>,
    counted: Statistics,
}

impl Collected {
    fn take(&mut self, record: &[u8], engine: &Engine, seen: &Collector) {
        let mut seen = seen.0.borrow_mut();
        let statistics = engine.statistics();
        if let Some(event) = order_event(record) {
            seen.touched.extend([event.owner.order_id, event.original_id]);
            let filled = event.event == OrderEventKind::Filled.code();
            if filled && statistics.fills > self.counted.fills {
                let order = engine.order(event.owner.order_id);
                let owner = order.map_or(event.owner, |order| order.owner);
                let side = order.map_or(event.side, |order| order.side.code());
                self.fills.push(Fill { sequence: engine.input(), time_ns: engine.time_ns(), event, owner, side });
            }
        }
        self.counted = statistics;
        for id in seen.touched.drain(..) {
            if let Some(order) = engine.order(id) {
                let sent_ns = self.orders.get(&order.first_id).map_or(engine.time_ns(), |(sent_ns, _)| *sent_ns);
                self.orders.insert(order.first_id, (sent_ns, *order));
            }
        }
    }
}

fn order_event(record: &[u8]) -> Option<OrderEvent> {
    match records::parse(record) {
        Ok(RecordRef::OrderEvent(event)) => Some(event),
        _ => None,
    }
}

fn state_name(state: OrderState) -> &'static str {
    OrderState::ALL.iter().find(|(known, _, _)| *known == state).map_or("", |(_, name, _)| name)
}

fn price(price_nanos: i64) -> Option<i64> {
    (price_nanos != UNDEF_PRICE).then_some(price_nanos)
}

fn order_entry<'py>(py: Python<'py>, sent_ns: u64, order: &Order) -> PyResult<Bound<'py, PyDict>> {
    let entry = PyDict::new(py);
    entry.set_item("order_id", order.owner.order_id)?;
    entry.set_item("first_id", order.first_id)?;
    entry.set_item("sent_time_ns", sent_ns)?;
    entry.set_item("venue", order.venue)?;
    entry.set_item("instrument", order.instrument)?;
    entry.set_item("account", order.owner.account)?;
    entry.set_item("strategy", order.owner.strategy)?;
    entry.set_item("slot", order.slot)?;
    entry.set_item("side", order.side.code())?;
    entry.set_item("price_nanos", price(order.price_nanos))?;
    entry.set_item("lots", order.lots)?;
    entry.set_item("filled_lots", order.filled_lots)?;
    entry.set_item("leaves_lots", order.leaves_lots)?;
    entry.set_item("state", state_name(order.state()))?;
    Ok(entry)
}

fn fill_entry<'py>(py: Python<'py>, fill: &Fill) -> PyResult<Bound<'py, PyDict>> {
    let entry = PyDict::new(py);
    entry.set_item("sequence", fill.sequence)?;
    entry.set_item("time_ns", fill.time_ns)?;
    entry.set_item("venue_time_ns", fill.event.header.venue_time_ns)?;
    entry.set_item("order_id", fill.event.owner.order_id)?;
    entry.set_item("execution_id", fill.event.execution_id)?;
    entry.set_item("venue", fill.event.header.venue)?;
    entry.set_item("instrument", fill.event.header.instrument)?;
    entry.set_item("account", fill.owner.account)?;
    entry.set_item("strategy", fill.owner.strategy)?;
    entry.set_item("side", fill.side)?;
    entry.set_item("price_nanos", fill.event.price_nanos)?;
    entry.set_item("lots", fill.event.lots)?;
    entry.set_item("liquidity", fill.event.liquidity)?;
    entry.set_item("fee_nanos", fill.event.fee_nanos)?;
    Ok(entry)
}

/// Why a journal was not folded, as Python hears it.
pub(crate) fn raised(error: &ReplayError) -> PyErr {
    match error {
        ReplayError::Journal(inner) => crate::journal::raised(inner),
        ReplayError::Settings | ReplayError::State | ReplayError::Snapshot(..) | ReplayError::Marks(_) => PyValueError::new_err(error.to_string()),
    }
}

/// What the fold counted, by name.
pub(crate) fn statistics_entry<'py>(py: Python<'py>, statistics: &Statistics) -> PyResult<Bound<'py, PyDict>> {
    let entry = PyDict::new(py);
    for (name, count) in [
        ("orders", statistics.orders),
        ("replaces", statistics.replaces),
        ("cancels", statistics.cancels),
        ("fills", statistics.fills),
        ("refused", statistics.refused),
        ("breaks", statistics.breaks),
        ("repeated", statistics.repeated),
        ("calls", statistics.calls),
        ("unlisted", statistics.unlisted),
        ("unused", statistics.unused),
        ("unreadable", statistics.unreadable),
        ("book_anomalies", statistics.book_anomalies),
        ("untold", statistics.untold),
    ] {
        entry.set_item(name, count)?;
    }
    Ok(entry)
}

/// A position as it stands at the end; money as Python integers of nanos.
pub(crate) fn position_entry<'py>(py: Python<'py>, cell: &PositionCell) -> PyResult<Bound<'py, PyDict>> {
    let entry = PyDict::new(py);
    entry.set_item("account", cell.account)?;
    entry.set_item("instrument", cell.instrument)?;
    entry.set_item("strategy", cell.strategy)?;
    entry.set_item("lots", cell.lots)?;
    entry.set_item("bought_lots", cell.bought_lots)?;
    entry.set_item("sold_lots", cell.sold_lots)?;
    entry.set_item("mark_nanos", cell.mark_nanos)?;
    entry.set_item("cash_nanos", cell.cash_nanos())?;
    entry.set_item("realised_nanos", cell.realised_nanos())?;
    entry.set_item("unrealised_nanos", cell.unrealised_nanos())?;
    entry.set_item("fees_nanos", cell.fees_nanos)?;
    Ok(entry)
}

/// Folds a journal again; with `from_input` from the snapshot of that input on.
///
/// Raises FileNotFoundError when there is none, ValueError when it is damaged or not an engine's.
#[pyfunction]
#[pyo3(signature = (directory, libraries=None, collect=false, from_input=None))]
fn replay(
    py: Python<'_>,
    directory: PathBuf,
    libraries: Option<PathBuf>,
    collect: bool,
    from_input: Option<u64>,
) -> PyResult<Bound<'_, PyDict>> {
    let folded = py.detach(|| {
        let mut outbox = Collector::default();
        let collector = outbox.clone();
        collector.0.borrow_mut().keeps_outputs = collect;
        let mut collected = Collected::default();
        let mut positions = Vec::new();
        let host = host(libraries.as_deref());
        let mut seen = |record: &[u8], engine: &Engine| {
            if collect {
                collected.take(record, engine, &collector);
                if engine.positions().len() != positions.len() || order_event(record).is_some() {
                    positions.clear();
                    positions.extend_from_slice(engine.positions());
                }
            } else {
                collector.0.borrow_mut().touched.clear();
            }
        };
        let replayed = match from_input {
            None => engine::replay(&directory, host, &mut outbox, &mut seen),
            Some(input) => engine::replay_from(&directory, input, host, &mut outbox, &mut seen),
        };
        let seen = collector.0.take();
        replayed.map(|replayed| (replayed, collected, positions, seen.outputs, seen.slots_refused))
    });
    let (replayed, collected, positions, outputs, slots_refused) = folded.map_err(|error| raised(&error))?;
    let entry = crate::journal::summary_entry(py, &replayed.summary)?;
    entry.set_item("state_hash", format!("{:016x}", replayed.state_hash))?;
    entry.set_item("full_hash", format!("{:016x}", replayed.full_hash))?;
    let recorded = replayed.recorded;
    entry.set_item("recorded_input", recorded.map(|recorded| recorded.input))?;
    entry.set_item("recorded_hash", recorded.map(|recorded| format!("{:016x}", recorded.state_hash)))?;
    entry.set_item("recorded_full_hash", replayed.recorded_full().map(|hash| format!("{hash:016x}")))?;
    entry.set_item("recorded_closed", recorded.map(|recorded| recorded.closed))?;
    entry.set_item("replayed_hash", replayed.at_recorded.map(|hash| format!("{hash:016x}")))?;
    entry.set_item("agrees", replayed.agrees())?;
    entry.set_item("statistics", statistics_entry(py, &replayed.statistics)?)?;
    entry.set_item("slots_refused", slots_refused)?;
    if collect {
        let mut rows: Vec<_> = collected.orders.values().collect();
        rows.sort_by_key(|(sent_ns, order)| (*sent_ns, order.first_id));
        let orders =
            rows.iter().map(|(sent_ns, order)| order_entry(py, *sent_ns, order)).collect::<PyResult<Vec<_>>>()?;
        entry.set_item("orders", PyList::new(py, orders)?)?;
        let fills = collected.fills.iter().map(|fill| fill_entry(py, fill)).collect::<PyResult<Vec<_>>>()?;
        entry.set_item("fills", PyList::new(py, fills)?)?;
        let positions = positions.iter().map(|cell| position_entry(py, cell)).collect::<PyResult<Vec<_>>>()?;
        entry.set_item("positions", PyList::new(py, positions)?)?;
        entry.set_item("outputs", PyBytes::new(py, &outputs))?;
    }
    Ok(entry)
}
