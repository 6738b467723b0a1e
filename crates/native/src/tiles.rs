//! `meridian._native.tiles`: runs the tiles of one process.
//!
//! Invariant: while tiles run the interpreter's lock is free; this thread takes it only to let signal handlers run.

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use tiles::{Ends, Factory, ProcessSpec, TileSpec};

/// Every kind of tile that a topology may name. A room adds its own here, one line each.
fn factory() -> Factory {
    let factory = Factory::new();
    let factory = factory.with("exchange", exchange::KIND).with("feed", venues::FEED).with("gateway", venues::GATEWAY);
    let factory = factory.with("fix-acceptor", venues::fix::ACCEPTOR).with("fix_gateway", venues::gateway::fix::KIND);
    let factory = factory.with("fix_drop_copy", venues::gateway::fix::DROP_COPY);
    let factory = factory.with("engine", strategies::ENGINE).with("recorder", journal::RECORDER);
    tiles::probe::register(factory.with("inbox", engine::INBOX).with("line", tiles::LINE))
}

/// A request to stop, raised by a signal handler or another thread.
#[pyclass(frozen, module = "meridian._native.tiles")]
#[derive(Default)]
pub struct Stop(pub(crate) tiles::Stop);

#[pymethods]
impl Stop {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Asks; whoever runs ends in its own time.
    fn ask(&self) {
        self.0.ask();
    }

    /// Whether it was asked.
    fn asked(&self) -> bool {
        self.0.asked()
    }
}

/// Lets Python's signal handlers run; what they raise asks to stop and is kept for the caller.
pub(crate) fn signals(stop: &tiles::Stop, raised: &mut Option<PyErr>) {
    Python::attach(|py| {
        if let Err(error) = py.check_signals() {
            stop.ask();
            raised.get_or_insert(error);
        }
    });
}

/// Runs the process that the specification describes until `stop` is asked.
///
/// Raises ValueError when the specification is wrong, RuntimeError with one sentence a line when a tile could not start or died.
#[pyfunction]
fn run(py: Python<'_>, spec_json: &str, stop: &Stop) -> PyResult<()> {
    let spec = ProcessSpec::parse(spec_json).map_err(|error| PyValueError::new_err(error.0))?;
    let stop = stop.0.clone();
    let mut raised = None;
    let ended = py.detach(|| tiles::run_process(spec, &factory(), &stop, || signals(&stop, &mut raised)));
    match (raised, ended) {
        (Some(error), _) => Err(error),
        (None, Err(error)) => Err(PyRuntimeError::new_err(error.0)),
        (None, Ok(())) => Ok(()),
    }
}

/// The kinds of tile that this build knows, sorted.
#[pyfunction]
fn kinds() -> Vec<&'static str> {
    factory().kinds()
}

/// Everything that is wrong with one tile, given as a process's specification has it, with the links that it produces and
/// consumes; a sentence each. The tile's own constructor refuses by the same code.
#[pyfunction]
fn check(
    py: Python<'_>,
    tile_json: &str,
    publications: Vec<String>,
    subscriptions: Vec<String>,
) -> PyResult<Vec<String>> {
    let spec = TileSpec::parse(tile_json).map_err(|error| PyValueError::new_err(error.0))?;
    Ok(py.detach(|| factory().check(&spec, &Ends { publications, subscriptions })))
}

/// Bytes of the files that a tile makes below the data directory when it starts.
#[pyfunction]
fn disk_bytes(tile_json: &str) -> PyResult<u64> {
    let spec = TileSpec::parse(tile_json).map_err(|error| PyValueError::new_err(error.0))?;
    Ok(factory().disk_bytes(&spec))
}

/// Adds this room's classes and functions.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Stop>()?;
    module.add_function(wrap_pyfunction!(run, module)?)?;
    module.add_function(wrap_pyfunction!(kinds, module)?)?;
    module.add_function(wrap_pyfunction!(check, module)?)?;
    module.add_function(wrap_pyfunction!(disk_bytes, module)?)?;
    Ok(())
}
