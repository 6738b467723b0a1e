//! Backtests: recorded flow, venues in which our orders trade, latency and fees, around the live engine's own fold.
//!
//! Invariant: simulated time only; equal inputs, models and seeds give equal results.

mod alpha;
mod blotter;
mod capture;
mod exact;
mod exact_events;
mod fees;
mod flow;
mod impact;
mod ladder;
mod latency;
mod level;
mod level_book;
mod own;
pub mod parity;
mod prices;
mod queue;
mod quiet;
mod simulation;
mod source;
mod venue;
mod words;

pub use alpha::{AlphaConfig, Score};
pub use blotter::{Blotter, EquityRow, FillRow, HORIZONS_NS, OrderRow, PositionRow, SlotRow};
pub use capture::Captured;
pub use fees::{Fee, Fees};
pub use impact::Impact;
pub use latency::Latency;
pub use queue::QueueModel;
pub use simulation::{Config, Progress, Simulation};
pub use source::{InMemory, Records, SOURCES_MAX, Source};
pub use venue::{Listed, VenueConfig};
