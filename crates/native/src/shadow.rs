//! `meridian._native.engine.Shadow`: an engine's journal folded beside it, and the snapshots that are made so.
//!
//! Invariant: a snapshot is written only of a state whose rolling hash was never seen to differ from the engine's.

use std::path::{Path, PathBuf};

use engine::{NoOutbox, Shadow, ShadowError};
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;

fn failed(error: &ShadowError) -> PyErr {
    match error {
        ShadowError::Journal(inner) => crate::journal::raised(inner),
        ShadowError::Diverged { .. } => PyRuntimeError::new_err(error.to_string()),
    }
}

/// What the engine says of itself, where two looks agree: it may be writing it.
fn recorded(directory: &Path) -> Option<(u64, u64)> {
    let look = || engine::recorded(directory).ok().flatten().map(|found| (found.input, found.state_hash));
    look().filter(|first| look() == Some(*first))
}

/// Follows the journal of an engine, whether it runs or not, and keeps its state.
#[pyclass(name = "Shadow", module = "meridian._native.engine", unsendable)]
pub struct JournalShadow {
    shadow: Shadow,
    directory: PathBuf,
}

#[pymethods]
impl JournalShadow {
    /// From the newest snapshot that fits, else from the begin; `None` while the journal has not begun.
    ///
    /// Raises ValueError when the journal is damaged or not an engine's.
    #[staticmethod]
    #[pyo3(signature = (directory, libraries=None))]
    fn open(directory: PathBuf, libraries: Option<PathBuf>) -> PyResult<Option<Self>> {
        let host = crate::engine::host(libraries.as_deref());
        let opened = Shadow::open(&directory, host).map_err(|error| crate::engine::raised(&error))?;
        Ok(opened.map(|shadow| Self { shadow, directory }))
    }

    /// Folds what was written since, at most about 256 KiB of it; how many inputs. On the way its hash is compared with what the
    /// engine says of itself.
    ///
    /// Raises ValueError when the journal is damaged, RuntimeError when the hashes differ.
    fn poll(&mut self) -> PyResult<usize> {
        if let Some((input, state_hash)) = recorded(&self.directory) {
            self.shadow.expect(input, state_hash).map_err(|error| failed(&error))?;
        }
        self.shadow.poll(&mut NoOutbox).map_err(|error| failed(&error))
    }

    /// The last input that was folded.
    #[getter]
    fn input(&self) -> u64 {
        self.shadow.engine().input()
    }

    /// The rolling hash there.
    #[getter]
    fn state_hash(&self) -> String {
        format!("{:016x}", self.shadow.engine().state_hash())
    }

    /// How often the hash was compared with the engine's own, and equal.
    #[getter]
    fn compared(&self) -> u64 {
        self.shadow.compared()
    }

    /// Writes the state beside the segments, reads it back, and takes away all but the newest `keep` snapshots: the file's name,
    /// the full hash and the file's bytes; `None` before the first input.
    ///
    /// Raises OSError when it cannot be written.
    fn snapshot(&self, keep: usize) -> PyResult<Option<(String, String, usize)>> {
        let Some(snapshot) = self.shadow.snapshot() else { return Ok(None) };
        let storage = tiles::RealStorage::new(&self.directory)?;
        snapshot.store(&storage, keep).map_err(|error| PyOSError::new_err(tiles::reason(&error)))?;
        let name = journal::snapshot_name(snapshot.head.mark.sequence);
        Ok(Some((name, format!("{:016x}", snapshot.head.full_hash), snapshot.bytes().len())))
    }
}

/// The snapshots beside a journal, the newest first: file name, last input, and what is wrong with each (None: nothing).
///
/// Raises OSError when the directory cannot be read.
#[pyfunction]
pub fn snapshots(directory: PathBuf) -> PyResult<Vec<(String, u64, Option<String>)>> {
    if !directory.is_dir() {
        return Err(PyValueError::new_err(format!("{}: no such directory", directory.display())));
    }
    let found = engine::verify_snapshots(&directory).map_err(|error| PyOSError::new_err(tiles::reason(&error)))?;
    let told = |(name, wrong): (String, Option<String>)| {
        let sequence = journal::snapshot_sequence(&name).unwrap_or_default();
        (name, sequence, wrong)
    };
    Ok(found.into_iter().map(told).collect())
}
