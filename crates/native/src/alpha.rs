//! `meridian._native.alpha`: what an alpha tile is given, live from an engine's journal.
//!
//! Invariant: rows are the crate's, as bytes; scores are made in Python, and enter an engine as records alone.

use std::path::PathBuf;

use engine::{EngineConfig, TAP_BEAT, TAP_BOOK, TAP_LISTINGS_MAX, TAP_TRADE, TAP_WORDS, Tap, TapRow};
use journal::{Follower, JournalError};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use records::{EngineStart, Header, Record, Stamp, read_from};

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
    /// The input taken in last; before the first its sequence is 0.
    last: Stamp,
    /// The journal's begin is gone: what comes before a life's begin, which says again what there is, is left out.
    waits_for_start: bool,
}

fn raised(error: &JournalError) -> PyErr {
    PyRuntimeError::new_err(error.to_string())
}

#[pymethods]
impl JournalTap {
    /// `None` while the journal has not begun. Where its begin was taken away, from the first life on that begins in the rest. Raises
    /// RuntimeError when it is no engine's, or damaged; ValueError for too many listings.
    #[staticmethod]
    fn open(directory: PathBuf, listings: Vec<(u16, u32)>, beat_ns: u64) -> PyResult<Option<Self>> {
        if listings.len() > TAP_LISTINGS_MAX {
            return Err(PyValueError::new_err(format!("{} listings: at most {TAP_LISTINGS_MAX}", listings.len())));
        }
        let (opened, waits_for_start) = match Follower::open(&directory) {
            Err(JournalError::Begin { .. }) => (Follower::open_kept(&directory), true),
            opened => (opened, false),
        };
        let Some(follower) = opened.map_err(|error| raised(&error))? else { return Ok(None) };
        let config = EngineConfig::from_words(&follower.identity().settings)
            .ok_or_else(|| PyRuntimeError::new_err("journal: its settings are not those of an engine of this build"))?;
        let tap = Tap::new(config, listings, beat_ns);
        Ok(Some(Self { follower, tap, rows: Vec::new(), last: Stamp::default(), waits_for_start }))
    }

    /// Records taken in, and the rows that they gave, as bytes; at once. Raises RuntimeError when the journal is damaged.
    fn poll<'py>(&mut self, py: Python<'py>) -> PyResult<(usize, Bound<'py, PyBytes>)> {
        let Self { follower, tap, rows, last, waits_for_start } = self;
        let mut fits = true;
        let mut see = |stamp: Stamp, record: &[u8]| {
            if stamp.sequence <= last.sequence {
                fits &= stamp.sequence < last.sequence || stamp.time_ns == last.time_ns;
                return;
            }
            *last = stamp;
            let starts = || read_from::<Header>(record).is_some_and(|header| header.kind == EngineStart::KIND as u16);
            *waits_for_start = *waits_for_start && !starts();
            if fits && !*waits_for_start {
                tap.see(stamp, record);
            }
        };
        let taken = follower.poll(&mut see).map_err(|error| raised(&error))?;
        if !fits {
            return Err(PyRuntimeError::new_err("journal: it has another input where this tap goes on"));
        }
        rows.clear();
        tap.drain(rows);
        Ok((taken, row_bytes(py, rows)))
    }

    /// Goes on in the journal of the other engine of a shard, which has the same inputs, behind the one taken in last. False while it has
    /// not begun, and nothing is changed. Where that journal turns out to have another input there, `poll` raises RuntimeError, as this does
    /// when it cannot be read.
    fn go_on(&mut self, directory: PathBuf) -> PyResult<bool> {
        let before = self.last.sequence.saturating_sub(1);
        let Some(follower) = Follower::open_after(&directory, before).map_err(|error| raised(&error))? else {
            return Ok(false);
        };
        self.follower = follower;
        Ok(true)
    }

    /// The input taken in last; 0 before the first.
    #[getter]
    fn last(&self) -> u64 {
        self.last.sequence
    }

    /// Whether it leaves out what it reads until a life of the engine begins.
    #[getter]
    fn waits_for_start(&self) -> bool {
        self.waits_for_start
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
