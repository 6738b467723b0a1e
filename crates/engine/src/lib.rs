//! The deterministic engine: books, orders, positions, strategy slots, and the tile that runs it.
//!
//! Invariant: state is the fold of stamped records. Live trading, recovery, replay and backtest run this same code.

mod host;
mod outbox;

pub use host::{EventRef, Host, NoHost};
pub use outbox::{NoOutbox, Outbox, Stage};
