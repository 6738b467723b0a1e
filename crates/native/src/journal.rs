//! `meridian._native.journal`: reading and checking journals.

use std::path::{Path, PathBuf};

use engine::{Recorded, ReplayError};
use journal::{JournalError, Summary};
use pyo3::exceptions::{PyFileNotFoundError, PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

/// Adds this room's classes and functions.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Reader>()?;
    module.add_function(wrap_pyfunction!(verify, module)?)
}

/// The journal's trouble as an exception: absent, unreadable, or damaged.
pub(crate) fn raised(error: &JournalError) -> PyErr {
    match error {
        JournalError::Empty => PyFileNotFoundError::new_err(error.to_string()),
        JournalError::Io(inner) if inner.kind() == std::io::ErrorKind::NotFound => {
            PyFileNotFoundError::new_err(error.to_string())
        }
        JournalError::Io(_) => PyOSError::new_err(error.to_string()),
        _ => PyValueError::new_err(error.to_string()),
    }
}

pub(crate) fn summary_entry<'py>(py: Python<'py>, summary: &Summary) -> PyResult<Bound<'py, PyDict>> {
    let entry = PyDict::new(py);
    entry.set_item("segments", summary.segments)?;
    entry.set_item("records", summary.records)?;
    entry.set_item("bytes", summary.bytes)?;
    entry.set_item("first_sequence", summary.first.sequence)?;
    entry.set_item("last_sequence", summary.last.sequence)?;
    entry.set_item("first_time_ns", summary.first.time_ns)?;
    entry.set_item("last_time_ns", summary.last.time_ns)?;
    entry.set_item("closed", summary.closed)?;
    entry.set_item("torn_bytes", summary.torn_bytes)?;
    Ok(entry)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is gone from a journal whose remaining records are whole: its beginning, or an end that the engine's state file knows.
fn lost(recorded: Result<Option<Recorded>, ReplayError>, summary: &Summary) -> Option<String> {
    let (first, last) = (summary.first.sequence, summary.last.sequence);
    if summary.records > 0 && first != 1 {
        return Some(format!("journal: it begins at record {first}; 1 to {} are missing", first - 1));
    }
    match recorded {
        Ok(Some(recorded)) if recorded.input > last => Some(format!(
            "journal: it ends at record {last}, but the engine had taken {} (state.json): the last {} are missing",
            recorded.input,
            recorded.input - last
        )),
        Err(error) => Some(error.to_string()),
        Ok(_) => None,
    }
}

/// Reads a journal to its end and checks every record.
///
/// `damage` names the first thing that does not fit, with its place; None when there is none.
#[pyfunction]
fn verify(py: Python<'_>, directory: PathBuf) -> PyResult<Bound<'_, PyDict>> {
    let checked = py.detach(|| -> Result<_, JournalError> {
        // Before the journal: what a live engine adds meanwhile is no loss.
        let recorded = engine::recorded(&directory);
        let mut reader = journal::Reader::open(&directory)?;
        let damage = reader.verify().err().map(|error| error.to_string());
        let damage = damage.or_else(|| lost(recorded, &reader.summary()));
        Ok((reader.summary(), *reader.identity(), damage))
    });
    let (summary, identity, damage) = checked.map_err(|error| raised(&error))?;
    let entry = summary_entry(py, &summary)?;
    entry.set_item("firm", identity.firm)?;
    entry.set_item("shard", identity.shard)?;
    entry.set_item("epoch", identity.epoch)?;
    entry.set_item("reference_hash", hex(&identity.reference_hash))?;
    entry.set_item("release_hash", hex(&identity.release_hash))?;
    entry.set_item("damage", damage)?;
    Ok(entry)
}

/// Iterates over a journal: (sequence, engine time in ns, record bytes), from the record after sequence `after`.
#[pyclass(unsendable)]
struct Reader {
    reader: journal::Reader,
    after: u64,
}

#[pymethods]
impl Reader {
    #[new]
    #[pyo3(signature = (directory, after = 0))]
    fn new(directory: PathBuf, after: u64) -> PyResult<Self> {
        let reader = journal::Reader::open_after(Path::new(&directory), after).map_err(|error| raised(&error))?;
        Ok(Self { reader, after })
    }

    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__<'py>(&mut self, py: Python<'py>) -> PyResult<Option<(u64, u64, Bound<'py, PyBytes>)>> {
        let after = self.after;
        while let Some((stamp, record)) = self.reader.next().map_err(|error| raised(&error))? {
            if stamp.sequence > after {
                return Ok(Some((stamp.sequence, stamp.time_ns, PyBytes::new(py, record))));
            }
        }
        Ok(None)
    }
}
