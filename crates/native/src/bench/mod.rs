//! `meridian._native.bench`: measuring code that spans rooms: tick to trade in memory and on the wire, the journal's append.
//!
//! Invariant: what is measured is the code that trades; what is here only feeds it and stands for the venue.

mod acceptor;
mod firm;
mod fix_gateway;
mod fix_wire;
mod journals;
mod memory;
mod packets;
mod plant;
mod wire;

use std::path::PathBuf;
use std::rc::Rc;

use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use firm::{ParameterBits, Strategy};
use memory::MemoryLoop;
use packets::Packets;
use plant::Setup;

/// Adds this room's classes and functions.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<TickToTrade>()?;
    module.add_function(wrap_pyfunction!(tick_to_trade_wire, module)?)?;
    module.add_function(wrap_pyfunction!(fix_wire_trips, module)?)?;
    module.add_function(wrap_pyfunction!(fix_gateway_trips, module)?)?;
    module.add_function(wrap_pyfunction!(journal_append, module)?)?;
    module.add_function(wrap_pyfunction!(journal_append_each, module)?)?;
    module.add_function(wrap_pyfunction!(journal_write, module)?)?;
    module.add_function(wrap_pyfunction!(journal_release, module)?)?;
    module.add_function(wrap_pyfunction!(journal_replay, module)?)?;
    module.add_function(wrap_pyfunction!(disk_write, module)?)?;
    module.add_function(wrap_pyfunction!(disk_force, module)?)?;
    module.add_function(wrap_pyfunction!(journal_copy, module)?)
}

fn failed(error: tiles::StartError) -> PyErr {
    PyRuntimeError::new_err(error.0)
}

fn os_error(error: std::io::Error) -> PyErr {
    PyOSError::new_err(error.to_string())
}

/// A strategy by its object code's path, its hash and its parameters, as `meridian.strategies.Artifact` gives them.
#[derive(FromPyObject)]
struct Plan {
    library: PathBuf,
    code_hash: Vec<u8>,
    parameters: Vec<ParameterBits>,
    directory: PathBuf,
    symbols: u16,
    slots: u8,
    orders_max: usize,
}

impl Plan {
    fn setup(self) -> PyResult<Setup> {
        let code_hash: [u8; 32] =
            self.code_hash.try_into().map_err(|_| PyValueError::new_err("code_hash: 32 bytes are allowed"))?;
        if !(1..=500).contains(&self.symbols) || !(1..=31).contains(&self.slots) || u16::from(self.slots) > self.symbols
        {
            return Err(PyValueError::new_err("1 to 500 symbols and 1 to 31 slots, one for a symbol, are allowed"));
        }
        Ok(Setup {
            symbols: self.symbols,
            strategy: Strategy { code_hash, parameters: self.parameters, slots: self.slots },
            libraries: self.library.parent().map(PathBuf::from).unwrap_or_default(),
            directory: self.directory,
            orders_max: self.orders_max,
        })
    }
}

fn little_endian<'py>(py: Python<'py>, values: &[u32]) -> Bound<'py, PyBytes> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    PyBytes::new(py, &bytes)
}

/// Tick to trade in memory; `run` goes on where the last one ended.
#[pyclass(unsendable, module = "meridian._native.bench")]
struct TickToTrade {
    inner: MemoryLoop,
    packets: Rc<Packets>,
}

#[pymethods]
impl TickToTrade {
    #[new]
    fn new(plan: Plan, messages: usize, seed: u64) -> PyResult<Self> {
        let setup = plan.setup()?;
        let packets = Rc::new(Packets::generate(messages, setup.symbols, setup.strategy.slots, seed));
        let inner = MemoryLoop::start(&setup, packets.clone()).map_err(failed)?;
        Ok(Self { inner, packets })
    }

    /// Runs so many packets; ns of the passes that ended in order bytes and of those that did not, u32 little-endian.
    fn run<'py>(&mut self, py: Python<'py>, packets: usize) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
        let passes = self.inner.run(packets).map_err(failed)?;
        Ok((little_endian(py, &passes.order_ns), little_endian(py, &passes.quiet_ns)))
    }

    /// Packets not yet run.
    #[getter]
    fn left(&self) -> usize {
        self.inner.left()
    }

    /// Bytes of all packets.
    #[getter]
    fn packet_bytes(&self) -> usize {
        self.packets.total_bytes()
    }

    /// Requests that the venue answered, and those that it could not read.
    #[getter]
    fn requests(&self) -> (u64, u64) {
        self.inner.requests()
    }

    /// Counters of the tiles by name.
    fn counters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (name, value) in self.inner.counters() {
            dict.set_item(name, value)?;
        }
        Ok(dict)
    }

    /// The tiles' own latency histograms since the start, by name: count, p50, p99, p99.9 in ns.
    fn stages<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (name, histogram) in self.inner.stages() {
            let [median, high, higher] = [0.5, 0.99, 0.999].map(|share| histogram.percentile_ns(share));
            dict.set_item(name, (histogram.count(), median, high, higher))?;
        }
        Ok(dict)
    }

    /// Closes journals and tiles.
    fn close(&mut self) {
        self.inner.close();
    }
}

/// Tick to trade on the wire beside the echo. Returns ns of each block of both, how many packets had no answer in time, and
/// the gaps that the feed saw. `done` is called after each pair of blocks.
#[pyfunction]
#[allow(clippy::too_many_arguments)] // Python names them.
fn tick_to_trade_wire<'py>(
    py: Python<'py>,
    plan: Plan,
    messages: usize,
    seed: u64,
    cores: (usize, usize),
    blocks: usize,
    packets: usize,
    warm_up: usize,
    done: Py<PyAny>,
) -> PyResult<Bound<'py, PyDict>> {
    let setup = plan.setup()?;
    let shape = wire::Shape { asking_core: cores.0, spinning_core: cores.1, blocks, packets, warm_up };
    let figures = told(py, done, |done| {
        let flow = Rc::new(Packets::generate(messages, setup.symbols, setup.strategy.slots, seed));
        wire::run(&setup, &flow, shape, done)
    })?;
    let dict = PyDict::new(py);
    let blocks = |blocks: &[Vec<u32>]| blocks.iter().map(|block| little_endian(py, block)).collect::<Vec<_>>();
    dict.set_item("tiles", blocks(&figures.tiles_ns))?;
    dict.set_item("echo", blocks(&figures.echo_ns))?;
    dict.set_item("unanswered", figures.unanswered)?;
    dict.set_item("gaps", figures.gaps)?;
    Ok(dict)
}

/// Runs something long without Python's lock; `done` is called in it between its parts, and may raise.
fn told<T: Send>(
    py: Python<'_>,
    done: Py<PyAny>,
    work: impl FnOnce(&mut dyn FnMut() -> bool) -> Result<T, tiles::StartError> + Send,
) -> PyResult<T> {
    let mut raised = None;
    let measured = py.detach(|| {
        work(&mut || {
            Python::attach(|py| match py.check_signals().and_then(|()| done.call0(py)) {
                Ok(_) => true,
                Err(error) => {
                    raised = Some(error);
                    false
                }
            })
        })
    });
    match raised {
        Some(error) => Err(error),
        None => measured.map_err(failed),
    }
}

/// FIX orders and reports over loopback TCP below `directory`: ns of round trips and of the echo's by block, orders a second
/// with `window` under way by block, bytes of an order and of a report. `done` is called after each block.
#[pyfunction]
#[pyo3(signature = (directory, *, cores, blocks, orders, pipelined, window, done))]
#[allow(clippy::too_many_arguments)] // Python names them.
fn fix_wire_trips<'py>(
    py: Python<'py>,
    directory: PathBuf,
    cores: (usize, usize),
    blocks: usize,
    orders: u64,
    pipelined: u64,
    window: u64,
    done: Py<PyAny>,
) -> PyResult<Bound<'py, PyDict>> {
    if !(1..=900_000).contains(&orders) || !(1..=900_000).contains(&pipelined) || !(1..=1_024).contains(&window) {
        return Err(PyValueError::new_err("1 to 900000 orders a block and a window of 1 to 1024 are allowed"));
    }
    let shape = fix_wire::Shape { cores, blocks, orders, pipelined, window };
    let figures = told(py, done, |done| fix_wire::run(&directory, shape, done))?;
    let dict = PyDict::new(py);
    let blocks = |blocks: &[Vec<u32>]| blocks.iter().map(|block| little_endian(py, block)).collect::<Vec<_>>();
    dict.set_item("trips", blocks(&figures.trips_ns))?;
    dict.set_item("echo", blocks(&figures.echo_ns))?;
    dict.set_item("rates", figures.rates)?;
    dict.set_item("bytes", figures.bytes)?;
    Ok(dict)
}

/// Orders and reports through the FIX gateway's tile below `directory`, in memory: ns from an order's record to its bytes, and
/// from a report's bytes to its record, by block. `done` is called after each block.
#[pyfunction]
#[pyo3(signature = (directory, *, blocks, orders, done))]
fn fix_gateway_trips<'py>(
    py: Python<'py>,
    directory: PathBuf,
    blocks: usize,
    orders: u64,
    done: Py<PyAny>,
) -> PyResult<Bound<'py, PyDict>> {
    if !(1..=100_000).contains(&orders) {
        return Err(PyValueError::new_err("1 to 100000 orders a block are allowed"));
    }
    let figures = told(py, done, |done| fix_gateway::run(&directory, blocks, orders, done))?;
    let dict = PyDict::new(py);
    let blocks = |blocks: &[Vec<u32>]| blocks.iter().map(|block| little_endian(py, block)).collect::<Vec<_>>();
    dict.set_item("orders", blocks(&figures.orders_ns))?;
    dict.set_item("reports", blocks(&figures.reports_ns))?;
    Ok(dict)
}

/// Appends market orders to a fresh journal in `directory`; ns a record.
#[pyfunction]
fn journal_append(py: Python<'_>, directory: PathBuf, records: usize) -> PyResult<f64> {
    py.detach(|| journals::append_ns(&directory, records)).map_err(os_error)
}

/// Copies the same bytes into memory that is there; ns a record.
#[pyfunction]
fn journal_copy(py: Python<'_>, records: usize) -> f64 {
    py.detach(|| journals::copy_ns(records))
}

/// ns of each of `records` appends at durability `process`, as little-endian u32; the clock's own reading is in them.
#[pyfunction]
fn journal_append_each(py: Python<'_>, directory: PathBuf, records: usize) -> PyResult<Bound<'_, PyBytes>> {
    let spent = py.detach(|| journals::append_each_ns(&directory, records)).map_err(os_error)?;
    Ok(little_endian(py, &spent))
}

/// Seconds to write so many market orders, segments made as they are needed; `forced`: until the device has them.
#[pyfunction]
fn journal_write(
    py: Python<'_>,
    directory: PathBuf,
    records: usize,
    segment_bytes: usize,
    forced: bool,
) -> PyResult<f64> {
    py.detach(|| journals::write_seconds(&directory, records, segment_bytes, forced)).map_err(os_error)
}

/// ns from each append until the device has it, as little-endian u32: what a command waits at durability `disk`.
#[pyfunction]
fn journal_release(py: Python<'_>, directory: PathBuf, records: usize) -> PyResult<Bound<'_, PyBytes>> {
    let spent = py.detach(|| journals::release_ns(&directory, records)).map_err(os_error)?;
    Ok(little_endian(py, &spent))
}

/// Seconds to read the journal in the directory and fold it; one of so many book changes is written there first if there is none.
#[pyfunction]
fn journal_replay(py: Python<'_>, directory: PathBuf, records: u64, seed: u64) -> PyResult<f64> {
    py.detach(|| journals::replay_seconds(&directory, records, seed)).map_err(os_error)
}

/// Seconds to write as many bytes one after the other to a plain file and force them.
#[pyfunction]
fn disk_write(py: Python<'_>, path: PathBuf, bytes: usize) -> PyResult<f64> {
    py.detach(|| journals::plain_seconds(&path, bytes)).map_err(os_error)
}

/// ns of each of so many writes of 4,096 bytes to a plain file, forced one by one, as little-endian u32.
#[pyfunction]
fn disk_force(py: Python<'_>, path: PathBuf, times: usize) -> PyResult<Bound<'_, PyBytes>> {
    let spent = py.detach(|| journals::force_ns(&path, times)).map_err(os_error)?;
    Ok(little_endian(py, &spent))
}
