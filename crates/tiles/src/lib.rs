//! Tiles: one job with one owner of its state, run by a thread, by turns in one thread, or by the simulator.
//!
//! Invariant: a tile reaches the world through its [`Context`] alone (clock, sockets, links, files, counters), so that
//! the same code runs against the machine and against a seeded simulation.

pub mod clock;
pub mod context;
mod door;
mod flush;
pub mod idle;
mod line;
mod neighbour;
pub mod net;
mod poll;
pub mod probe;
pub mod process;
pub mod runner;
pub mod settings;
pub mod spec;
pub mod storage;
mod tile;
pub mod tls;

pub use clock::RealClock;
pub use context::{Clock, Context, Net, Poller, Segment, Storage, Tcp, TcpListener, TcpRead, Udp};
pub use door::{Door, DoorConfig, Waiting};
pub use flush::{FlushFailed, Flusher, Forced};
pub use idle::Idle;
pub use line::LINE;
pub use links::reason;
pub use neighbour::{Message, Neighbour, Neighbours};
pub use net::{RealNet, SucceedingNet};
pub use process::{Factory, TileKind, run_process};
pub use runner::{Stop, pin_to_core, run};
pub use serde_json::Value as Json;
pub use settings::{Ends, Setting};
pub use spec::{LinkKind, LinkSpec, ProcessSpec, Succession, ThreadSpec, TileSpec};
pub use storage::{RealStorage, boot};
pub use tile::{StartError, Tile};
pub use tls::{TlsClient, TlsClientSettings, TlsServer, TlsServerSettings};
