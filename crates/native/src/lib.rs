//! The only Python extension, `meridian._native`: one submodule a room, which the room's package re-exports.
//!
//! Invariant: nothing is decided here; a binding converts, calls one crate and converts back.

use pyo3::prelude::*;

mod consolidated;
mod explain;
mod fix;
mod fix_session;
mod fix_speed;
mod parity;
mod quarantine;
mod shadow;

macro_rules! rooms {
    ($($room:ident),* $(,)?) => {
        $(mod $room;)*

        #[pymodule]
        fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
            module.add("__version__", env!("CARGO_PKG_VERSION"))?;
            module.add("PROFILE", if cfg!(debug_assertions) { "dev" } else { "release" })?;
            let loaded = module.py().import("sys")?.getattr("modules")?;
            $({
                let name = concat!("meridian._native.", stringify!($room));
                let part = PyModule::new(module.py(), name)?;
                $room::register(&part)?;
                // Named in sys.modules, so that `from meridian._native.book import …` and pickling find it.
                loaded.set_item(name, &part)?;
                module.add(stringify!($room), &part)?;
            })*
            Ok(())
        }
    };
}

rooms!(
    alpha,
    analytics,
    backtest,
    bench,
    book,
    coordination,
    engine,
    exchange,
    journal,
    links,
    records,
    risk,
    strategies,
    tiles,
    venues,
    wire
);
