//! `meridian._native.engine`: marks of calls of slots that ended their process, for whoever writes and shows them.
//!
//! Invariant: what is read and written here is what an engine reads (`crates/engine/src/marks.rs`).

use std::path::PathBuf;

use engine::Marks;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use records::{Quarantine, QuarantineCause, bytes_of, read_from};

fn refused(error: &engine::MarksError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// The mark, a `Quarantine` record, of the call that an engine was in: `inside` is what its counters `inside_call`, `inside_input` and
/// `inside_code` say. `None`: it was in none.
///
/// Raises ValueError for a cause that is none, FileNotFoundError, OSError or ValueError where its journal does not have that input.
#[pyfunction]
pub fn mark_of(
    py: Python<'_>,
    directory: PathBuf,
    inside: [u64; 3],
    cause: u8,
    signal: u8,
    time_ns: u64,
) -> PyResult<Option<Bound<'_, PyBytes>>> {
    if QuarantineCause::from_code(cause).is_none() {
        return Err(PyValueError::new_err(format!("cause = {cause}: allowed are the codes of QuarantineCause")));
    }
    let found = py.detach(|| engine::mark_of(&directory, inside)).map_err(|error| crate::journal::raised(&error))?;
    Ok(found.map(|mark| PyBytes::new(py, bytes_of(&Quarantine { cause, signal, time_ns, ..mark }))))
}

/// The marks in the content of a file of them, `Quarantine` records.
///
/// Raises ValueError when it is damaged.
#[pyfunction]
pub fn marks<'py>(py: Python<'py>, content: &[u8]) -> PyResult<Vec<Bound<'py, PyBytes>>> {
    let marks = Marks::read(content).map_err(|error| refused(&error))?;
    Ok(marks.all().iter().map(|mark| PyBytes::new(py, bytes_of(mark))).collect())
}

/// The content of a file of marks with these added, or as it is where it has them; without any content, a new one.
///
/// Raises ValueError when it is damaged or full, or one of them is no mark.
#[pyfunction]
#[pyo3(signature = (content, added))]
pub fn with_marks<'py>(py: Python<'py>, content: Option<&[u8]>, added: Vec<Vec<u8>>) -> PyResult<Bound<'py, PyBytes>> {
    let mut marks = content.map_or(Ok(Marks::default()), Marks::read).map_err(|error| refused(&error))?;
    for bytes in &added {
        let whole = (bytes.len() == size_of::<Quarantine>()).then(|| read_from::<Quarantine>(bytes)).flatten();
        let mark = whole.ok_or_else(|| PyValueError::new_err("a mark: allowed are Quarantine records"))?;
        marks.add(&mark).map_err(|error| refused(&error))?;
    }
    Ok(PyBytes::new(py, &marks.to_bytes()))
}
