//! `meridian._native.journal`: reading and checking journals.

use std::path::{Path, PathBuf};

use engine::{Recorded, ReplayError};
use journal::{Fault, JournalError, Rest, Run, Summary, Survey};
use pyo3::exceptions::{PyFileNotFoundError, PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

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

fn run_entry<'py>(py: Python<'py>, run: &Run) -> PyResult<Bound<'py, PyDict>> {
    let entry = PyDict::new(py);
    entry.set_item("records", run.records)?;
    entry.set_item("bytes", run.bytes)?;
    entry.set_item("first_sequence", run.first.sequence)?;
    entry.set_item("last_sequence", run.last.sequence)?;
    entry.set_item("last_time_ns", run.last.time_ns)?;
    Ok(entry)
}

fn rest_entry<'py>(py: Python<'py>, rest: &Rest) -> PyResult<Bound<'py, PyDict>> {
    let entry = run_entry(py, &rest.records)?;
    entry.set_item("segment", rest.segment)?;
    entry.set_item("whole", rest.whole)?;
    Ok(entry)
}

fn fault_entry<'py>(py: Python<'py>, fault: &Fault) -> PyResult<Bound<'py, PyDict>> {
    let entry = PyDict::new(py);
    entry.set_item("segment", fault.segment)?;
    entry.set_item("offset", fault.offset)?;
    entry.set_item("what", &fault.what)?;
    Ok(entry)
}

fn survey_entry<'py>(py: Python<'py>, survey: &Survey, lost: Option<String>) -> PyResult<Bound<'py, PyDict>> {
    let entry = summary_entry(py, &survey.summary)?;
    let identity = survey.identity.as_ref();
    entry.set_item("firm", identity.map(|identity| identity.firm))?;
    entry.set_item("shard", identity.map(|identity| identity.shard))?;
    entry.set_item("epoch", identity.map(|identity| identity.epoch))?;
    entry.set_item("reference_hash", identity.map(|identity| hex(&identity.reference_hash)))?;
    entry.set_item("release_hash", identity.map(|identity| hex(&identity.release_hash)))?;
    // What ended the reading matters more than what lies beside the records.
    let first = survey.stopped.as_ref().or(survey.faults.first()).map(|fault| fault.what.clone());
    entry.set_item("damage", first.or(lost))?;
    let faults = survey.faults.iter().map(|fault| fault_entry(py, fault)).collect::<PyResult<Vec<_>>>()?;
    entry.set_item("faults", PyList::new(py, faults)?)?;
    entry.set_item("before", run_entry(py, &survey.before)?)?;
    let after = survey.after.iter().map(|rest| rest_entry(py, rest)).collect::<PyResult<Vec<_>>>()?;
    entry.set_item("after", PyList::new(py, after)?)?;
    entry.set_item("torn_segment", survey.torn_at.map(|(segment, _)| segment))?;
    entry.set_item("torn_offset", survey.torn_at.map(|(_, offset)| offset))?;
    Ok(entry)
}

/// Reads a journal to its end and checks every byte of it.
///
/// `damage` names what ended the reading, with its place, or else the first thing that does not fit; None when there is none.
#[pyfunction]
fn verify(py: Python<'_>, directory: PathBuf) -> PyResult<Bound<'_, PyDict>> {
    let checked = py.detach(|| -> Result<_, JournalError> {
        // Before the journal: what a live engine adds meanwhile is no loss.
        let recorded = engine::recorded(&directory);
        let survey = journal::survey(&directory)?;
        let lost = if survey.stopped.is_none() { lost(recorded, &survey.summary) } else { None };
        Ok((survey, lost))
    });
    let (survey, lost) = checked.map_err(|error| raised(&error))?;
    survey_entry(py, &survey, lost)
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
