//! The seeded simulator: tiles meet a clock, a network and files that are all in memory and all follow from one number.
//!
//! Invariant: the same seed, the same tiles and the same calls give the same run, to the last byte. A failing seed is the
//! reproduction.

mod again;
mod net;
mod random;
mod shadow;
mod simulation;
mod storage;
pub mod system;

pub use net::{Faults, SimNet};
pub use random::Random;
pub use shadow::leave_snapshot;
pub use simulation::{SimClock, Simulation, TileId};
pub use storage::{Copied, SimDisk};
