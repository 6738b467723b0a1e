//! `meridian._native.alpha`: what an alpha tile is given, live from an engine's journal.
//!
//! Invariant: rows are the crate's, as bytes; scores are made in Python, and enter an engine as records alone.

use std::path::PathBuf;

use engine::{EngineConfig, TAP_BEAT, TAP_BOOK, TAP_LISTINGS_MAX, TAP_TRADE, TAP_WORDS, Tap, TapRow};
use journal::Follower;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// The rows as numpy takes them.
pub(crate) fn row_bytes<'py>(py: Python<'py>, rows: &[TapRow]) -> Bound<'py, PyBytes> {
    PyBytes::new(py, &rows.iter().flatten().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>())
}

/// Follows the journal of an engine that runs, and sees books and trades of listings (venue, instrument) as its strategies do.
#[pyclass(module = "meridian._native.alpha", unsendable)]
struct JournalTap {
    follower: Follower,
    tap: Tap,
    rows: Vec<TapRow>,
}

#[pymethods]
impl JournalTap {
    /// `None` while the journal has not begun. Raises RuntimeError when it is no engine's, or damaged; ValueError for too many
    /// listings.
    #[staticmethod]
    fn open(directory: PathBuf, listings: Vec<(u16, u32)>, beat_ns: u64) -> PyResult<Option<Self>> {
        if listings.len() > TAP_LISTINGS_MAX {
            return Err(PyValueError::new_err(format!("{} listings: at most {TAP_LISTINGS_MAX}", listings.len())));
        }
        let failed = |error: journal::JournalError| PyRuntimeError::new_err(error.to_string());
        let Some(follower) = Follower::open(&directory).map_err(failed)? else { return Ok(None) };
        let config = EngineConfig::from_words(&follower.identity().settings)
            .ok_or_else(|| PyRuntimeError::new_err("journal: its settings are not those of an engine of this build"))?;
        Ok(Some(Self { follower, tap: Tap::new(config, listings, beat_ns), rows: Vec::new() }))
    }

    /// Records taken in, and the rows that they gave, as bytes; at once. Raises RuntimeError when the journal is damaged.
    fn poll<'py>(&mut self, py: Python<'py>) -> PyResult<(usize, Bound<'py, PyBytes>)> {
        let Self { follower, tap, rows } = self;
        let taken = follower
            .poll(&mut |stamp, record| tap.see(stamp, record))
            .map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
        rows.clear();
        tap.drain(rows);
        Ok((taken, row_bytes(py, rows)))
    }
}

/// Adds this room's classes and numbers.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<JournalTap>()?;
    module.add("WORDS", TAP_WORDS)?;
    module.add("LISTINGS_MAX", TAP_LISTINGS_MAX)?;
    module.add("BOOK", TAP_BOOK)?;
    module.add("TRADE", TAP_TRADE)?;
    module.add("BEAT", TAP_BEAT)
}
