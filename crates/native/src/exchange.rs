//! `meridian._native.exchange`: the matching core for research and tests, and its benchmark.
//!
//! Invariant: a command's `receive_time_ns` is its stamp's time, never running backwards; its sequence counts from 1.

use exchange::{Capacity, Matching, Sink};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use records::{ExchangeEvent, ExchangeIndication, Header, Side, Stamp, bytes_of, read_from};

/// Adds this room's classes and functions.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("HANDOVER_VERSION", exchange::HANDOVER_VERSION)?;
    module.add_class::<PyMatching>()?;
    module.add_function(wrap_pyfunction!(bench_matching, module)?)?;
    module.add_function(wrap_pyfunction!(bench_pipeline, module)?)
}

#[derive(Default)]
struct Bytes {
    events: Vec<u8>,
    indications: Vec<u8>,
}

impl Sink for Bytes {
    fn event(&mut self, event: &ExchangeEvent) {
        self.events.extend_from_slice(bytes_of(event));
    }

    fn indication(&mut self, indication: &ExchangeIndication) {
        self.indications.extend_from_slice(bytes_of(indication));
    }
}

/// The matching core.
#[pyclass(name = "Matching", unsendable)]
struct PyMatching {
    core: Matching,
    last: Stamp,
    /// What calls said during the last commands.
    indications: Vec<u8>,
}

#[pymethods]
impl PyMatching {
    #[new]
    #[pyo3(signature = (*, instruments = 64, sessions = 64, orders = 65536, levels_per_side = 8192, trades = 65536))]
    fn new(instruments: usize, sessions: usize, orders: usize, levels_per_side: usize, trades: usize) -> Self {
        let core = Matching::new(Capacity { instruments, sessions, orders, levels_per_side, trades });
        Self { core, last: Stamp::default(), indications: Vec::new() }
    }

    /// Applies command records, one after another; returns the event records they cause.
    fn apply<'py>(&mut self, py: Python<'py>, records: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let mut said = Bytes::default();
        let mut at = 0;
        while at < records.len() {
            let rest = &records[at..];
            let header: Header =
                read_from(rest).ok_or_else(|| PyValueError::new_err(format!("no whole record at byte {at}")))?;
            self.last.sequence += 1;
            self.last.time_ns = self.last.time_ns.max(header.receive_time_ns);
            self.core
                .apply(self.last, rest, &mut said)
                .map_err(|error| PyValueError::new_err(format!("the record at byte {at} is no command: {error:?}")))?;
            at += usize::from(header.length);
        }
        self.indications = said.indications;
        Ok(PyBytes::new(py, &said.events))
    }

    /// What calls said during the last commands that were applied, as `ExchangeIndication` records.
    fn indications<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.indications)
    }

    /// Best price and the lots behind it, or None.
    fn best(&self, instrument: u32, side: u8) -> PyResult<Option<(i64, i64)>> {
        let side =
            Side::from_code(side).ok_or_else(|| PyValueError::new_err(format!("side = {side}: 1 buys, 2 sells")))?;
        Ok(self.core.best(instrument, side))
    }

    /// Every resting order in the fixed order, as tuples (instrument, side, price_nanos, front_lots, reserve_lots,
    /// hidden, order_ref, session, user_ref, executed_lots).
    #[allow(clippy::type_complexity)]
    fn orders(&self) -> Vec<(u32, u8, i64, i64, i64, bool, u64, u32, u64, i64)> {
        let mut orders = Vec::with_capacity(self.core.resting());
        self.core.for_each_resting(|order| {
            orders.push((
                order.instrument,
                order.side.code(),
                order.price_nanos,
                order.front_lots,
                order.reserve_lots,
                order.hidden,
                order.order_ref,
                order.session,
                order.user_ref,
                order.executed_lots,
            ));
        });
        orders
    }

    /// Orders that rest.
    fn __len__(&self) -> usize {
        self.core.resting()
    }

    /// Hash over resting orders, numbers to be given next and events so far.
    #[getter]
    fn state_hash(&self) -> u64 {
        self.core.state_hash()
    }

    /// Hash that rolls over every event.
    #[getter]
    fn events_hash(&self) -> u64 {
        self.core.events_hash()
    }
}

/// Times `commands` seeded commands on a fresh core; see `exchange::bench`.
#[pyfunction]
fn bench_matching(py: Python<'_>, commands: usize, seed: u64) -> PyResult<Bound<'_, PyDict>> {
    let report = py.detach(|| exchange::bench::run(commands, seed));
    let found = PyDict::new(py);
    found.set_item("commands", report.commands)?;
    found.set_item("elapsed_ns", report.elapsed_ns)?;
    found.set_item("ns_per_command", report.ns_per_command())?;
    found.set_item("trades", report.trades)?;
    found.set_item("events", report.events)?;
    found.set_item("refused", report.refused)?;
    found.set_item("resting", report.resting)?;
    found.set_item("state_hash", report.state_hash)?;
    Ok(found)
}

/// Times `commands` seeded requests through a fresh exchange with its journal in `directory`; see `exchange::bench`.
#[pyfunction]
fn bench_pipeline<'py>(
    py: Python<'py>,
    directory: std::path::PathBuf,
    commands: usize,
    seed: u64,
) -> PyResult<Bound<'py, PyDict>> {
    let report = py
        .detach(|| exchange::bench::run_pipeline(&directory, commands, seed))
        .map_err(|error| PyValueError::new_err(error.0))?;
    let found = PyDict::new(py);
    found.set_item("commands", report.commands)?;
    found.set_item("elapsed_ns", report.elapsed_ns)?;
    found.set_item("median_ps", report.median_ps)?;
    found.set_item("packets", report.packets)?;
    found.set_item("feed_bytes", report.feed_bytes)?;
    found.set_item("feed_messages", report.feed_messages)?;
    found.set_item("answers", report.answers)?;
    found.set_item("answer_bytes", report.answer_bytes)?;
    found.set_item("request_bytes", report.request_bytes)?;
    found.set_item("state_hash", report.state_hash)?;
    Ok(found)
}
