//! FIX: the acceptor, many sessions in one tile.
//!
//! Invariant: a connection belongs to no session before its logon, and then to one; what one session does costs the others
//! no more than its budget.

mod acceptance;
mod acceptor;
mod settings;

pub use settings::{ACCEPTOR, HoursSettings};
