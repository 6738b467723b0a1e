//! Hosts for strategies: compiled object code, Rust, and several of these side by side.
//!
//! Plain Python has its host in the extension, over the same trait and the same record.
//!
//! Invariant: a host calls a strategy with the slot's own record, the event and the orders view, and nothing else; the same
//! calls give the same intents, record and status in every host.

mod compiled;
mod hosts;
mod library;
mod measure;
mod orders;
mod record;
mod rust;
mod tile;

pub use compiled::CompiledHost;
pub use hosts::Hosts;
pub use library::{ABI_VERSION, KEPT_WORDS_MAX, KeptPlace, Library, LoadError, ParameterPlace, code_hash};
pub use measure::{Measured, measure_calls, time_calls};
pub use orders::{Orders, QUOTE_LEVELS_MAX};
pub use record::SlotRecord;
pub use rust::{Failure, RustHost, RustStrategy};
pub use tile::ENGINE;
