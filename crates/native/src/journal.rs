//! `meridian._native.journal`.

use pyo3::prelude::*;

/// Adds this room's classes and functions.
pub fn register(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
