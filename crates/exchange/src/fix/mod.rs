//! FIX, the venue's side: order entry, drop copies, market data, a listener and a session each.
//!
//! Requests become commands of the one sequenced input ([`request`]); what the input makes becomes reports ([`desk`]), numbered
//! for each session; a report is written down as being said before the session keeps it ([`said`]).
//!
//! Invariant: reports are a function of the journal, and each is said to its session exactly once, whenever the process dies.

mod config;
pub(crate) mod desk;
mod entries;
pub(crate) mod market;
mod port;
mod quote;
mod report;
mod request;
mod said;
mod start;
mod status;
mod write;

pub use config::FixPortConfig;
pub(crate) use config::{FixRole, check};
pub(crate) use desk::Desks;
pub(crate) use port::FixPort;
pub(crate) use start::Kept;
