//! `meridian._native.journal`: reading and checking journals.

use std::path::{Path, PathBuf};

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

/// Reads a journal to its end and checks every record.
///
/// `damage` names the first thing that does not fit, with its place; None when there is none.
#[pyfunction]
fn verify(py: Python<'_>, directory: PathBuf) -> PyResult<Bound<'_, PyDict>> {
    let checked = py.detach(|| -> Result<_, JournalError> {
        let mut reader = journal::Reader::open(&directory)?;
        let damage = reader.verify().err().map(|error| error.to_string());
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

/// Iterates over a journal: (sequence, engine time in ns, record bytes).
#[pyclass(unsendable)]
struct Reader {
    reader: journal::Reader,
}

#[pymethods]
impl Reader {
    #[new]
    fn new(directory: PathBuf) -> PyResult<Self> {
        let reader = journal::Reader::open(Path::new(&directory)).map_err(|error| raised(&error))?;
        Ok(Self { reader })
    }

    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__<'py>(&mut self, py: Python<'py>) -> PyResult<Option<(u64, u64, Bound<'py, PyBytes>)>> {
        let next = self.reader.next().map_err(|error| raised(&error))?;
        Ok(next.map(|(stamp, record)| (stamp.sequence, stamp.time_ns, PyBytes::new(py, record))))
    }
}
