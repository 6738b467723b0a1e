//! Tiles: one job with one owner of its state, run by a thread, by turns in one thread, or by the simulator.
//!
//! Invariant: a tile reaches the world through its [`Context`] alone (clock, sockets, links, files, counters), so that
//! the same code runs against the machine and against a seeded simulation.

pub mod context;
mod tile;

pub use context::{Clock, Context, Net, Segment, Storage, Tcp, TcpListener, TcpRead, Udp};
pub use tile::{StartError, Tile};
