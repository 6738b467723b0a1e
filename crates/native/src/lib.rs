//! The only Python extension, `meridian._native`: one submodule a room, which the room's package re-exports.
//!
//! Invariant: nothing is decided here; a binding converts, calls one crate and converts back.

use pyo3::prelude::*;

macro_rules! rooms {
    ($($room:ident),* $(,)?) => {
        $(mod $room;)*

        #[pymodule]
        fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
            module.add("__version__", env!("CARGO_PKG_VERSION"))?;
            $({
                let part = PyModule::new(module.py(), stringify!($room))?;
                $room::register(&part)?;
                module.add_submodule(&part)?;
            })*
            Ok(())
        }
    };
}

rooms!(book, engine, exchange, journal, links, records, risk, strategies, tiles, venues, wire);
