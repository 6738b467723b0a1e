//! `meridian._native.book`: order-by-order books, recorded flow, its figures, and the books benchmark.

use std::path::PathBuf;

use book::flow::{self, BookSummary, FlowFit, FlowRecord};
use book::measure::{measure_books, scattered};
use book::{Anomaly, Capacity, OrderBook, itch_flow};
use pyo3::exceptions::{PyKeyError, PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use records::{Hash64, Level, MarketOrder, Side, bytes_of, read_from};

/// Adds this room's classes and functions.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Book>()?;
    module.add_class::<FlowFile>()?;
    module.add("ANOMALIES", Anomaly::ALL.map(|(_, name)| name).to_vec())?;
    module.add("TOUCH_COLUMNS", flow::TouchRecorder::COLUMNS)?;
    module.add_function(wrap_pyfunction!(open_flow, module)?)?;
    module.add_function(wrap_pyfunction!(check_figures, module)?)?;
    module.add_function(wrap_pyfunction!(itch_stream, module)?)?;
    module.add_function(wrap_pyfunction!(bench_books, module)?)?;
    crate::consolidated::register(module)
}

fn side_of(name: &str) -> PyResult<Side> {
    match name {
        "buy" => Ok(Side::Buy),
        "sell" => Ok(Side::Sell),
        _ => Err(PyValueError::new_err(format!("side is {name:?}; \"buy\" and \"sell\" are allowed"))),
    }
}

type LevelRow = (i64, i64, i64);

fn level_rows(levels: &[Level]) -> Vec<LevelRow> {
    levels.iter().map(|level| (level.price_nanos, level.lots, level.orders)).collect()
}

/// The book of one instrument.
#[pyclass]
struct Book {
    book: OrderBook,
}

#[pymethods]
impl Book {
    #[new]
    #[pyo3(signature = (orders_max=65_536))]
    fn new(orders_max: usize) -> PyResult<Self> {
        if !(1..=1 << 28).contains(&orders_max) {
            return Err(PyValueError::new_err(format!("orders_max is {orders_max}; 1 to {} is allowed", 1 << 28)));
        }
        Ok(Self { book: OrderBook::with_capacity(orders_max) })
    }

    /// Applies `MarketOrder` records; the number of anomalies among them.
    fn apply(&mut self, orders: &[u8]) -> PyResult<usize> {
        let (chunks, rest) = orders.as_chunks::<{ size_of::<MarketOrder>() }>();
        if !rest.is_empty() {
            let words = format!("{} bytes; a multiple of {} is allowed", orders.len(), size_of::<MarketOrder>());
            return Err(PyValueError::new_err(words));
        }
        let parsed = chunks.iter().filter_map(|chunk| read_from::<MarketOrder>(chunk));
        Ok(parsed.filter(|record| self.book.apply(record).anomaly.is_some()).count())
    }

    /// Best levels of a side: price, lots, orders.
    #[pyo3(signature = (side, count=10))]
    fn levels(&self, side: &str, count: usize) -> PyResult<Vec<LevelRow>> {
        let side = side_of(side)?;
        let mut levels = vec![Level::zeroed(); count.min(self.book.level_count(side))];
        self.book.fill_levels(side, &mut levels);
        Ok(level_rows(&levels))
    }

    /// The orders of a side as they would trade: reference, price, lots.
    fn orders(&self, side: &str) -> PyResult<Vec<(u64, i64, i64)>> {
        let mut orders = Vec::new();
        self.book.visit(side_of(side)?, |order| {
            orders.push((order.order_ref, order.price_nanos, order.lots));
            true
        });
        Ok(orders)
    }

    /// Lots that trade before an order at its price.
    fn lots_ahead(&self, order_ref: u64) -> PyResult<i64> {
        self.book.lots_ahead(order_ref).ok_or_else(|| PyKeyError::new_err(order_ref))
    }

    fn clear(&mut self) {
        self.book.clear();
    }

    /// Anomalies by name; only those seen.
    #[getter]
    fn anomalies<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        counts(py, self.book.anomalies().seen())
    }

    /// Hash over the whole state.
    #[getter]
    fn state_hash(&self) -> u64 {
        let mut hash = Hash64::default();
        self.book.hash(&mut hash);
        hash.value()
    }

    fn __len__(&self) -> usize {
        self.book.live_orders()
    }
}

fn counts<'py>(py: Python<'py>, counts: impl Iterator<Item = (&'static str, u64)>) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (name, count) in counts {
        dict.set_item(name, count)?;
    }
    Ok(dict)
}

/// A checked file of recorded flow.
#[pyclass(frozen)]
struct FlowFile {
    file: flow::FlowFile,
}

#[pymethods]
impl FlowFile {
    #[getter]
    fn path(&self) -> PathBuf {
        self.file.path.clone()
    }

    #[getter]
    fn format(&self) -> &'static str {
        self.file.format.name()
    }

    #[getter]
    fn messages(&self) -> u64 {
        self.file.counts.messages
    }

    /// Messages that gave no record, by reason.
    #[getter]
    fn left_out<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        counts(py, self.file.counts.left_out.iter().map(|(name, count)| (*name, *count)))
    }

    #[getter]
    fn symbols<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for symbol in &self.file.symbols {
            let dict = PyDict::new(py);
            dict.set_item("name", &symbol.name)?;
            dict.set_item("instrument", symbol.instrument)?;
            dict.set_item("live_records", symbol.live_records)?;
            dict.set_item("setup_records", symbol.setup_records)?;
            dict.set_item("live_from_ns", symbol.live_span_ns.0)?;
            dict.set_item("live_to_ns", symbol.live_span_ns.1)?;
            list.append(dict)?;
        }
        Ok(list)
    }

    /// `MarketOrder` records in file order, of one instrument or (0) of all.
    #[pyo3(signature = (instrument=0))]
    fn orders<'py>(&self, py: Python<'py>, instrument: u32) -> Bound<'py, PyBytes> {
        let bytes = self.bytes(instrument, |record| match record {
            FlowRecord::Order(order) => Some(bytes_of(order)),
            _ => None,
        });
        PyBytes::new(py, &bytes)
    }

    /// `Trade` records in file order, of one instrument or (0) of all.
    #[pyo3(signature = (instrument=0))]
    fn trades<'py>(&self, py: Python<'py>, instrument: u32) -> Bound<'py, PyBytes> {
        let bytes = self.bytes(instrument, |record| match record {
            FlowRecord::Trade(trade) => Some(bytes_of(trade)),
            _ => None,
        });
        PyBytes::new(py, &bytes)
    }

    /// Every book at the end of the file, as dicts; `touches_of` names the symbol whose best prices go to `touches_to`.
    #[pyo3(signature = (levels=10, touches_of=None, touches_to=None))]
    fn replay<'py>(
        &self,
        py: Python<'py>,
        levels: usize,
        touches_of: Option<&str>,
        touches_to: Option<PathBuf>,
    ) -> PyResult<Bound<'py, PyList>> {
        let summaries = py.detach(|| flow::replay(&self.file, levels));
        let list = PyList::empty(py);
        for summary in &summaries {
            if let Some(path) = touches_to.as_ref().filter(|_| touches_of == Some(summary.symbol.as_str())) {
                let mut text = Vec::new();
                let written = summary.touches.write(&mut text).and_then(|()| std::fs::write(path, &text));
                written.map_err(|error| PyOSError::new_err((error.raw_os_error(), error.to_string())))?;
            }
            list.append(summary_dict(py, summary)?)?;
        }
        Ok(list)
    }

    /// The figures of one instrument's flow as text, or `None` when it has too few events.
    fn figures(&self, py: Python<'_>, instrument: u32, tick_nanos: i64, source: &str) -> PyResult<Option<String>> {
        if tick_nanos <= 0 {
            return Err(PyValueError::new_err(format!("tick_nanos is {tick_nanos}; a number above 0 is allowed")));
        }
        let fit = py.detach(|| FlowFit::measure(&self.file, instrument, tick_nanos));
        Ok(fit.map(|fit| fit.to_toml(source)))
    }
}

impl FlowFile {
    fn bytes(&self, instrument: u32, pick: impl Fn(&FlowRecord) -> Option<&[u8]>) -> Vec<u8> {
        let mut bytes = Vec::new();
        for record in self.file.records() {
            if instrument == 0 || record.header().instrument == instrument {
                bytes.extend_from_slice(pick(&record).unwrap_or(&[]));
            }
        }
        bytes
    }
}

fn summary_dict<'py>(py: Python<'py>, summary: &BookSummary) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("symbol", &summary.symbol)?;
    dict.set_item("events", summary.events)?;
    dict.set_item("order_records", summary.order_records)?;
    dict.set_item("executed_lots", summary.executed_lots)?;
    dict.set_item("trades", summary.trades)?;
    dict.set_item("orders", summary.orders)?;
    dict.set_item("bids", level_rows(&summary.bids))?;
    dict.set_item("asks", level_rows(&summary.asks))?;
    dict.set_item("crossed", summary.crossed)?;
    dict.set_item("anomalies", counts(py, summary.anomalies.seen())?)?;
    dict.set_item("state_hash", summary.hash)?;
    dict.set_item("touch_rows", summary.touches.rows().len())?;
    Ok(dict)
}

type Skipped = Vec<(PathBuf, String)>;

/// Opens files and directories of recorded flow: the files, and what was skipped with the reason.
#[pyfunction]
fn open_flow(py: Python<'_>, paths: Vec<PathBuf>) -> PyResult<(Vec<FlowFile>, Skipped)> {
    let opened = py.detach(|| flow::open(&paths)).map_err(|errors| PyValueError::new_err(errors.to_string()))?;
    let files = opened.files.into_iter().map(|file| FlowFile { file }).collect();
    Ok((files, opened.skipped.into_iter().map(|skipped| (skipped.path, skipped.reason)).collect()))
}

/// What is wrong with a text of figures; nothing when it is sound.
#[pyfunction]
fn check_figures(text: &str) -> Vec<String> {
    FlowFit::parse(text).err().unwrap_or_default()
}

/// A seeded ITCH stream: its bytes, its mix by message letter, and the most orders that rested at once.
#[pyfunction]
#[pyo3(signature = (messages, symbols=500, seed=42))]
fn itch_stream<'py>(
    py: Python<'py>,
    messages: usize,
    symbols: u16,
    seed: u64,
) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyDict>, usize)> {
    if !(1..=10_000).contains(&symbols) {
        return Err(PyValueError::new_err(format!("symbols is {symbols}; 1 to 10000 is allowed")));
    }
    let flow = py.detach(|| itch_flow::generate(messages, symbols, seed));
    let mix = PyDict::new(py);
    for (code, count) in &flow.mix {
        mix.set_item(code.to_string(), count)?;
    }
    Ok((PyBytes::new(py, &flow.bytes), mix, flow.live_orders_max))
}

/// ITCH decoding and order-by-order books of all locates; with `bijection` every order number is passed through a
/// 64-bit bijection first, outside the timed part.
#[pyfunction]
#[pyo3(signature = (data, bijection, symbols=500, orders_max=262_144, passes=1))]
fn bench_books<'py>(
    py: Python<'py>,
    data: &[u8],
    bijection: bool,
    symbols: usize,
    orders_max: usize,
    passes: u32,
) -> PyResult<Bound<'py, PyDict>> {
    if !(1..=65_535).contains(&symbols) || !(1..=1 << 28).contains(&orders_max) || passes == 0 {
        return Err(PyValueError::new_err(
            "symbols from 1 to 65535, orders_max from 1 to 268435456 and passes from 1 are allowed",
        ));
    }
    let capacity = Capacity { instruments: symbols, orders: orders_max, levels_per_side: 1_024 };
    let measured = py.detach(|| {
        let changed;
        let bytes = if bijection {
            changed = scattered(data);
            &changed[..]
        } else {
            data
        };
        measure_books(bytes, capacity, passes)
    });
    let dict = PyDict::new(py);
    dict.set_item("messages", measured.messages)?;
    dict.set_item("bad", measured.bad)?;
    dict.set_item("ns_per_message", measured.elapsed_ns as f64 / measured.messages.max(1) as f64)?;
    dict.set_item("processor_ns_per_message", measured.processor_ns as f64 / measured.messages.max(1) as f64)?;
    dict.set_item("touch_changes", measured.touch_changes)?;
    dict.set_item("anomalies", measured.anomalies)?;
    dict.set_item("live_orders", measured.live_orders)?;
    dict.set_item("state_hash", measured.hash)?;
    Ok(dict)
}
