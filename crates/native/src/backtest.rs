//! `meridian._native.backtest`: looking through files of recorded flow, and runs of strategies over them.
//!
//! Invariant: a run's configuration was checked by the room that made it; what is wrong with the data is raised as ValueError
//! in words. A run holds the interpreter while it works: its caller gives it a bounded number of records at a time.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use ::backtest::{
    AlphaConfig, Captured, Config, Fee, Fees, HORIZONS_NS, InMemory, Latency, Listed, Progress, QueueModel, Records, Score, Simulation, Source, VenueConfig,
};
use book::flow::{FlowErrors, FlowRecord, FlowStream};
use engine::EngineConfig;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use records::{BookAction, FLAG_SNAPSHOT, FLAG_SYNTHETIC, MarketOrder, Signal, UNDEF_PRICE, read_from};
use serde_json::Value;

use crate::engine::{position_entry, statistics_entry};
use crate::strategies::StrategyHosts;

/// Adds this room's classes.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("HORIZONS_NS", HORIZONS_NS)?;
    module.add_class::<Scan>()?;
    module.add_class::<Run>()?;
    module.add_function(wrap_pyfunction!(crate::parity::parity, module)?)
}

fn raised(errors: &FlowErrors) -> PyErr {
    PyValueError::new_err(errors.to_string())
}

/// What a file says of one of its symbols.
#[derive(Default)]
struct Seen {
    records: u64,
    setup_records: u64,
    orders_max: usize,
    /// Lots of the orders that rest, by reference.
    resting: HashMap<u64, i64>,
    /// The latest time of what sets the book up before the first live record; 0: nothing does.
    setup_ns: u64,
    first_ns: u64,
    last_ns: u64,
    /// Greatest common divisor of all prices; 0 before the first.
    tick_nanos: u64,
    low_nanos: i64,
    high_nanos: i64,
}

impl Seen {
    fn take(&mut self, record: &FlowRecord, by_level: bool) {
        let header = record.header();
        if header.flags & (FLAG_SNAPSHOT | FLAG_SYNTHETIC) == 0 {
            self.first_ns = if self.records == 0 { header.venue_time_ns } else { self.first_ns };
            self.last_ns = self.last_ns.max(header.venue_time_ns);
            self.records += 1;
        } else {
            self.setup_records += 1;
            if self.records == 0 {
                self.setup_ns = self.setup_ns.max(header.venue_time_ns);
            }
        }
        let price_nanos = match record {
            FlowRecord::Order(order) => {
                self.follow(order);
                self.orders_max = self.orders_max.max(self.resting.len());
                // A trade's price need not be on the tick.
                if order.action == BookAction::Execute.code() { UNDEF_PRICE } else { order.price_nanos }
            }
            FlowRecord::Level(level) => level.price_nanos,
            FlowRecord::Trade(trade) if by_level => trade.price_nanos,
            _ => UNDEF_PRICE,
        };
        if price_nanos == UNDEF_PRICE || price_nanos == 0 {
            return;
        }
        if self.tick_nanos == 0 {
            (self.low_nanos, self.high_nanos) = (price_nanos, price_nanos);
        }
        (self.low_nanos, self.high_nanos) = (self.low_nanos.min(price_nanos), self.high_nanos.max(price_nanos));
        if !price_nanos.unsigned_abs().is_multiple_of(self.tick_nanos.max(1)) || self.tick_nanos == 0 {
            self.tick_nanos = divisor(self.tick_nanos, price_nanos.unsigned_abs());
        }
    }
}

impl Seen {
    /// Which orders rest: how much room a venue needs.
    fn follow(&mut self, order: &MarketOrder) {
        match BookAction::from_code(order.action) {
            Some(BookAction::Add | BookAction::Modify) => {
                self.resting.insert(order.order_ref, order.lots);
            }
            Some(BookAction::Delete) => {
                self.resting.remove(&order.order_ref);
            }
            Some(BookAction::Replace) => {
                self.resting.remove(&order.order_ref);
                self.resting.insert(order.new_order_ref, order.lots);
            }
            Some(BookAction::Execute | BookAction::Reduce) => {
                if let Some(lots) = self.resting.get_mut(&order.order_ref) {
                    *lots = lots.saturating_sub(order.lots);
                    if *lots <= 0 {
                        self.resting.remove(&order.order_ref);
                    }
                }
            }
            Some(BookAction::Clear) => self.resting.clear(),
            None => {}
        }
    }
}

fn divisor(mut one: u64, mut two: u64) -> u64 {
    while two != 0 {
        (one, two) = (two, one % two);
    }
    one
}

/// What is looked through: a file, or one venue of an engine's journal.
enum Flow {
    File(FlowStream),
    Journal(Box<Captured>),
}

impl Flow {
    fn read(&mut self, out: &mut Vec<FlowRecord>) -> Result<bool, FlowErrors> {
        match self {
            Self::File(stream) => stream.read(out),
            Self::Journal(captured) => captured.read(out),
        }
    }
}

/// A look through a whole file, or through what a journal holds of a venue: symbols, spans, ticks, and what is wrong with it.
#[pyclass(module = "meridian._native.backtest", unsendable)]
struct Scan {
    stream: Flow,
    batch: Vec<FlowRecord>,
    seen: BTreeMap<u32, Seen>,
    records: u64,
    venue_states: u64,
}

#[pymethods]
impl Scan {
    /// Opens a file; with `venue` an engine's journal. Raises ValueError in words.
    #[new]
    #[pyo3(signature = (path, venue = None))]
    fn new(path: PathBuf, venue: Option<u16>) -> PyResult<Self> {
        let stream = match venue {
            None => FlowStream::open(&path).map(Flow::File),
            Some(venue) => Captured::open(&path, venue).map(|captured| Flow::Journal(Box::new(captured))),
        };
        let stream = stream.map_err(|errors| raised(&errors))?;
        Ok(Self { stream, batch: Vec::new(), seen: BTreeMap::new(), records: 0, venue_states: 0 })
    }

    /// Looks at about a million more records; False at the end. Raises ValueError for what is no record.
    fn read(&mut self) -> PyResult<bool> {
        let by_level = self.by_level();
        for _ in 0..256 {
            self.batch.clear();
            let more = self.stream.read(&mut self.batch).map_err(|errors| raised(&errors))?;
            for record in &self.batch {
                let instrument = record.header().instrument;
                self.seen.entry(instrument).or_default().take(record, by_level);
                self.venue_states += u64::from(instrument == 0 && matches!(record, FlowRecord::Status(_)));
            }
            self.records += self.batch.len() as u64;
            if !more {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The file's format.
    #[getter]
    fn format(&self) -> &'static str {
        match &self.stream {
            Flow::File(stream) => stream.format().name(),
            Flow::Journal(_) => "journal",
        }
    }

    /// Whether it tells of levels instead of orders.
    #[getter]
    fn by_level(&self) -> bool {
        matches!(&self.stream, Flow::File(stream) if stream.format().is_by_level())
    }

    /// Records so far.
    #[getter]
    fn records(&self) -> u64 {
        self.records
    }

    /// Those among them that are states of the whole venue: a run takes them whatever symbols it asks for.
    #[getter]
    fn venue_states(&self) -> u64 {
        self.venue_states
    }

    /// What was seen of each symbol that has orders, in the order of the file's own numbers.
    fn symbols<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let names = match &self.stream {
            Flow::File(stream) => stream.symbols(),
            Flow::Journal(captured) => captured.symbols().to_vec(),
        };
        let mut found = Vec::new();
        for (number, seen) in &self.seen {
            let name = (*number as usize).checked_sub(1).and_then(|at| names.get(at));
            let Some(name) = name.filter(|name| !name.is_empty()) else { continue };
            if seen.tick_nanos == 0 {
                continue;
            }
            let entry = PyDict::new(py);
            entry.set_item("name", name)?;
            entry.set_item("number", number)?;
            entry.set_item("records", seen.records)?;
            entry.set_item("setup_records", seen.setup_records)?;
            entry.set_item("orders_max", seen.orders_max)?;
            let begins_ns = if seen.setup_ns == 0 { seen.first_ns } else { seen.setup_ns.min(seen.first_ns) };
            entry.set_item("first_ns", begins_ns)?;
            entry.set_item("last_ns", seen.last_ns)?;
            entry.set_item("tick_nanos", seen.tick_nanos)?;
            entry.set_item("low_nanos", seen.low_nanos)?;
            entry.set_item("high_nanos", seen.high_nanos)?;
            found.push(entry);
        }
        Ok(found)
    }
}

fn whole(value: &Value, key: &str) -> PyResult<i64> {
    value[key].as_i64().ok_or_else(|| PyValueError::new_err(format!("{key}: a whole number is needed")))
}

fn latency(value: &Value) -> PyResult<Latency> {
    match value["samples"].as_array() {
        Some(samples) => {
            let samples: Option<Vec<u64>> = samples.iter().map(Value::as_u64).collect();
            let samples = samples.ok_or_else(|| PyValueError::new_err("samples: whole numbers are needed"))?;
            Ok(Latency::measured(samples, whole(value, "seed")?.unsigned_abs()))
        }
        None => Ok(Latency::Constant(whole(value, "constant_ns")?.unsigned_abs())),
    }
}

fn fee(value: &Value) -> PyResult<Fee> {
    Ok(Fee { nanos_per_lot: whole(value, "nanos_per_lot")?, notional_ppb: whole(value, "notional_ppb")? })
}

fn each<T>(value: &Value, take: impl Fn(&Value) -> PyResult<T>) -> PyResult<Vec<T>> {
    value.as_array().map_or(&[][..], Vec::as_slice).iter().map(take).collect()
}

fn listed(value: &Value) -> PyResult<Listed> {
    Ok(Listed {
        instrument: whole(value, "instrument")? as u32,
        units_e8: whole(value, "units_e8")?,
        tick_nanos: whole(value, "tick_nanos")?,
        price_min_nanos: whole(value, "price_min_nanos")?,
        price_max_nanos: whole(value, "price_max_nanos")?,
        increment_lots: whole(value, "increment_lots")?,
    })
}

fn venue(value: &Value) -> PyResult<VenueConfig> {
    let queue = match (value["queue"]["model"].as_str(), value["queue"]["exponent"].as_u64()) {
        (None, _) => None,
        (Some("pessimistic"), _) => Some(QueueModel::Pessimistic),
        (Some(_), exponent) => Some(QueueModel::Power(exponent.unwrap_or(1).clamp(1, 8) as u8)),
    };
    Ok(VenueConfig {
        venue: whole(value, "venue")? as u16,
        listed: each(&value["listed"], listed)?,
        feed: latency(&value["latency"]["feed"])?,
        order: latency(&value["latency"]["order"])?,
        report: latency(&value["latency"]["report"])?,
        fees: Fees { maker: fee(&value["fees"]["maker"])?, taker: fee(&value["fees"]["taker"])? },
        orders_max: whole(value, "orders_max")? as usize,
        queue,
    })
}

fn source(value: &Value) -> PyResult<Source> {
    let path = Path::new(value["path"].as_str().unwrap_or_default());
    if let Some(captured) = value["captured"].as_u64() {
        let captured = Captured::open(path, captured as u16).map_err(|errors| raised(&errors))?;
        return sourced(value, Box::new(captured));
    }
    let mut stream = FlowStream::open(path).map_err(|errors| raised(&errors))?;
    // For measurements: what is read while it runs is not the run's own speed.
    let records: Box<dyn Records> = if value["in_memory"].as_bool() == Some(true) {
        let mut held = Vec::new();
        while stream.read(&mut held).map_err(|errors| raised(&errors))? {}
        Box::new(InMemory(held))
    } else {
        Box::new(stream)
    };
    sourced(value, records)
}

fn sourced(value: &Value, records: Box<dyn Records>) -> PyResult<Source> {
    Ok(Source {
        venue: whole(value, "venue")? as u16,
        records,
        instruments: each(&value["instruments"], |number| Ok(number.as_u64().unwrap_or(0) as u32))?,
    })
}

/// A run over recorded flow.
#[pyclass(module = "meridian._native.backtest", unsendable)]
struct Run {
    simulation: Simulation,
    failed: Failed,
}

/// What a score's code raised, until the run's caller hears it.
type Failed = Rc<RefCell<Option<PyErr>>>;

/// An alpha tile whose numbers `score` makes: bytes of rows to bytes of `Signal` records.
fn alpha(value: &Value, score: Py<PyAny>, failed: &Failed) -> PyResult<AlphaConfig> {
    let number = |value: &Value| value.as_u64().unwrap_or(0);
    let listing = |pair: &Value| Ok((number(&pair[0]) as u16, number(&pair[1]) as u32));
    let failed = Rc::clone(failed);
    let score: Score = Box::new(move |rows| {
        let made = Python::attach(|py| {
            let bytes: Vec<u8> = score.bind(py).call1((crate::alpha::row_bytes(py, rows),))?.extract()?;
            Ok(bytes.chunks(size_of::<Signal>()).filter_map(read_from::<Signal>).collect())
        });
        made.unwrap_or_else(|error| {
            failed.borrow_mut().get_or_insert(error);
            Vec::new()
        })
    });
    Ok(AlphaConfig {
        listings: each(&value["listings"], listing)?,
        beat_ns: whole(value, "beat_ns")?.unsigned_abs(),
        latency: latency(&value["latency"])?,
        score,
    })
}

#[pymethods]
impl Run {
    /// Opens the files and starts the engine. `config`: a JSON document; `bootstrap`: the engine's first inputs.
    /// `score`: that of the alpha tile where the document has one.
    #[new]
    #[pyo3(signature = (config, bootstrap, hosts, score=None))]
    fn new(config: &str, bootstrap: Vec<u8>, hosts: &StrategyHosts, score: Option<Py<PyAny>>) -> PyResult<Self> {
        let value: Value =
            serde_json::from_str(config).map_err(|error| PyValueError::new_err(format!("config: {error}")))?;
        let mut engine = EngineConfig::default();
        for (key, size) in value["engine"].as_object().into_iter().flatten() {
            if !engine.set(key, size.as_u64().unwrap_or(0)) {
                return Err(PyValueError::new_err(format!("engine.{key}: is not a key here")));
            }
        }
        if let problems @ [_, ..] = &engine.problems()[..] {
            return Err(PyValueError::new_err(problems.join("\n")));
        }
        let failed = Failed::default();
        let config = Config {
            engine,
            alpha: score.map(|score| alpha(&value["alpha"], score, &failed)).transpose()?,
            bootstrap,
            venues: each(&value["venues"], venue)?,
            sample_ns: whole(&value, "sample_ns")?.unsigned_abs(),
            timer_ns: whole(&value, "timer_ns")?.unsigned_abs(),
            from_ns: whole(&value, "from_ns")?.unsigned_abs(),
            until_ns: value["until_ns"].as_u64().unwrap_or(u64::MAX),
            reads_ahead: value["reads_ahead"].as_bool() == Some(true),
        };
        let sources = each(&value["sources"], source)?;
        let simulation =
            Simulation::new(config, sources, Box::new(hosts.host())).map_err(|errors| raised(&errors))?;
        Ok(Self { simulation, failed })
    }

    /// Runs on for so many records; False when all is done. Raises ValueError for what is wrong with the data; the run has
    /// ended there and keeps what it has.
    fn run(&mut self, records_max: u64) -> PyResult<bool> {
        let progress = self.simulation.run(records_max).map_err(|errors| raised(&errors))?;
        if let Some(error) = self.failed.borrow_mut().take() {
            return Err(error);
        }
        Ok(progress == Progress::More)
    }

    /// Records taken so far.
    #[getter]
    fn records(&self) -> u64 {
        self.simulation.counts().0
    }

    /// Engine time.
    #[getter]
    fn time_ns(&self) -> u64 {
        self.simulation.span_ns().1
    }

    /// Counts, hashes and positions as they stand.
    fn summary<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (engine, blotter) = (self.simulation.engine(), self.simulation.blotter());
        let (records, inputs, backwards) = self.simulation.counts();
        let (first_ns, last_ns) = self.simulation.span_ns();
        let entry = PyDict::new(py);
        entry.set_item("records", records)?;
        entry.set_item("inputs", inputs)?;
        entry.set_item("backwards", backwards)?;
        entry.set_item("first_ns", first_ns)?;
        entry.set_item("last_ns", last_ns)?;
        entry.set_item("state_hash", format!("{:016x}", engine.state_hash()))?;
        entry.set_item("full_hash", format!("{:016x}", engine.full_hash()))?;
        entry.set_item("statistics", statistics_entry(py, &engine.statistics())?)?;
        entry.set_item("refused", blotter.refused.clone())?;
        entry.set_item("controls_refused", blotter.controls_refused.clone())?;
        entry.set_item("traded_nanos", blotter.traded_nanos)?;
        let positions: Vec<_> =
            engine.positions().iter().map(|cell| position_entry(py, cell)).collect::<PyResult<_>>()?;
        entry.set_item("positions", positions)?;
        let impact = PyDict::new(py);
        for (venue, counts) in self.simulation.impact() {
            let one = PyDict::new(py);
            one.set_item("taken_lots", counts.taken_lots)?;
            one.set_item("crossed_records", counts.crossed_records)?;
            one.set_item("crossed_lots", counts.crossed_lots)?;
            one.set_item("displaced_records", counts.displaced_records)?;
            one.set_item("displaced_lots", counts.displaced_lots)?;
            one.set_item("skipped_records", counts.skipped_records)?;
            one.set_item("reduced_records", counts.reduced_records)?;
            one.set_item("skipped_lots", counts.skipped_lots)?;
            one.set_item("unknown", counts.unknown)?;
            one.set_item("refused", counts.refused.clone())?;
            impact.set_item(venue, one)?;
        }
        entry.set_item("impact", impact)?;
        Ok(entry)
    }

    /// A table's columns by name: numpy's name of the type, and the values. `orders`, `fills`, `equity`, `positions` or
    /// `slots`. Raises ValueError for another name.
    fn table<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyDict>> {
        let blotter = self.simulation.blotter();
        let table = PyDict::new(py);
        macro_rules! columns {
            ($rows:expr, $($column:ident: $type:ident),* $(,)?) => {{
                $({
                    let bytes: Vec<u8> = $rows.iter().flat_map(|row| row.$column.to_le_bytes()).collect();
                    table.set_item(stringify!($column), (stringify!($type), PyBytes::new(py, &bytes)))?;
                })*
            }};
        }
        match name {
            "orders" => columns!(blotter.orders, order_id: uint64, original_id: uint64, sent_ns: uint64,
                answered_ns: uint64, last_ns: uint64, price_nanos: int64, lots: int64, filled_lots: int64,
                instrument: uint32, venue: uint16, slot: uint8, side: uint8, time_in_force: uint8, last_event: uint8,
                reason: uint8),
            "fills" => {
                columns!(blotter.fills, time_ns: uint64, venue_time_ns: uint64, order_id: uint64,
                    execution_id: uint64, price_nanos: int64, lots: int64, fee_nanos: int64, middle_nanos: int64,
                    instrument: uint32, venue: uint16, slot: uint8, side: uint8, liquidity: uint8);
                for (at, horizon_ns) in HORIZONS_NS.iter().enumerate() {
                    let mut later_nanos = blotter.later_nanos[at].clone();
                    later_nanos.resize(blotter.fills.len(), UNDEF_PRICE);
                    let bytes: Vec<u8> = later_nanos.into_iter().flat_map(i64::to_le_bytes).collect();
                    table.set_item(format!("later_{horizon_ns}"), ("int64", PyBytes::new(py, &bytes)))?;
                }
            }
            "equity" => columns!(blotter.equity, time_ns: uint64, equity_nanos: int64, fees_nanos: int64,
                net_nanos: int64, gross_nanos: int64),
            "positions" => columns!(blotter.positions, time_ns: uint64, account: uint32, instrument: uint32,
                lots: int64, mark_nanos: int64),
            "slots" => columns!(blotter.slots, time_ns: uint64, slot: uint8, run: uint8, status: uint8,
                callback: uint8, line: uint32),
            other => return Err(PyValueError::new_err(format!("{other}: there is no such table"))),
        }
        Ok(table)
    }
}
