//! One module a protocol, generated from the wire tables; normalisation of market data; bad bytes counted and sampled.
//!
//! The tables stand beside their venue (`venues/*/wire/*.toml`); `make gen` turns them into `generated/*.rs`. A view is
//! made over bytes that were checked once and reads fields in place; a `…Fields` struct is encoded into a caller's buffer.
//!
//! Invariant: no I/O, no allocation outside [`describe`], and no bytes of any origin cause a panic on the way in.

mod bad;
#[cfg(feature = "capture")]
pub mod capture;
mod check;
pub mod describe;
mod error;
pub mod files;
pub mod fix;
mod generated;
mod load;
pub mod normalise;

pub use bad::{BadCounts, SAMPLE_BYTES_MAX, Sample, Sampler};
pub use check::Elements;
pub use error::{Reason, WireError};
pub use generated::{itch50, moldudp64, ouch50, soupbin};
pub use load::{digits, digits20, padded, padded_left};
