//! The one schema: every event and command that crosses a link, reaches a journal or is handed to a strategy.
//!
//! Invariant: a record is `#[repr(C)]`, has no padding, is a multiple of 8 bytes and keeps its layout for good. A changed
//! layout is a new type with a new version. Any bytes of the right length are a valid record: enumerations are stored as
//! codes and read through typed accessors, so that bytes from a link can never be undefined behaviour.
//!
//! Units: prices in nanos (1e-9 of the quote currency), money in nanos as two words, sizes in lots, times in ns UTC.

pub mod broken;
mod codes;
mod control;
mod exchange;
mod fix;
mod hash;
mod header;
mod id_map;
mod ids;
mod layout;
mod market;
mod money;
mod orders;
mod outputs;
mod parse;
mod peers;
mod prefetch;
mod standby;
mod state;
mod strategy;
mod tables;

pub use codes::*;
pub use control::*;
pub use exchange::*;
pub use fix::{FixSessionEnding, FixStoreEntry, FixStoreNumbers, FixStoreSaid};
pub use hash::Hash64;
pub use header::{FLAG_LAST, FLAG_SNAPSHOT, FLAG_SYNTHETIC, Header, Kind, Stamp};
pub use id_map::IdMap;
pub use ids::{EPOCH_MAX, ORDER_DAY_ZERO_NS, OrderId, OrderIdParts, region_number};
pub use layout::{Element, Field, LAYOUTS, Layout, Plain, Record, bytes_of, bytes_of_slice, read_from, view_of};
pub use market::*;
pub use money::{MoneyNanos, UNITS_E8, down_e8, notional_nanos};
pub use orders::*;
pub use outputs::*;
pub use parse::{ParseError, RecordRef, SCHEMA, parse, version_of};
pub use peers::*;
pub use prefetch::{prefetch, prefetch_bytes};
pub use standby::*;
pub use state::{State, StateError, StateReader, StateValue, StateWriter};
pub use strategy::*;
pub use tables::{CODES, CONSTANTS, CodeTable};

/// An absent price. No venue quotes it; arithmetic on it is a bug.
pub const UNDEF_PRICE: i64 = i64::MAX;
/// An absent instrument, venue, node or slot is zero; real ones start at 1.
pub const NONE: u32 = 0;
/// The longest record, so that readers can keep one buffer.
pub const RECORD_BYTES_MAX: usize = 512;
/// More lots than any venue has: what says more is refused as a whole, and sums of what says less stay numbers.
pub const LOTS_MAX: i64 = 1 << 50;
/// Nanoseconds in a day.
pub const DAY_NS: u64 = 86_400_000_000_000;
/// Nanos of one whole currency unit.
pub const NANOS: i64 = 1_000_000_000;
