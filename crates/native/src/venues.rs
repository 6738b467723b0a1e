//! `meridian._native.venues`.

use pyo3::prelude::*;

use crate::fix_session::PyFixSession;

/// Adds this room's classes and functions.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyFixSession>()
}
