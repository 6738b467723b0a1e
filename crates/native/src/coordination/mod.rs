//! `meridian._native.coordination`: the client of the coordination store, and the region agent's state machine.
//!
//! Invariant: while a call waits, the interpreter's lock is free and signals are heard. With `done` a call returns at once and
//! `done(answer, error)` is called later, from a thread of its own.

mod agent;
mod answers;
mod client;
mod handles;

use pyo3::prelude::*;

/// Adds this room's classes.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<client::Client>()?;
    module.add_class::<answers::KeyValue>()?;
    module.add_class::<answers::Pending>()?;
    module.add_class::<handles::Watch>()?;
    module.add_class::<handles::Lease>()?;
    module.add_class::<agent::Agent>()?;
    module.add_function(wrap_pyfunction!(agent::datagram_region, module)?)?;
    module.add_function(wrap_pyfunction!(agent::agent_key, module)?)?;
    module.add("VERSION_MIN", coordination::client::VERSION_MIN)?;
    module.add_function(wrap_pyfunction!(client::version_is_safe, module)?)?;
    answers::add_errors(module)
}
