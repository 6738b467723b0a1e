//! Session state machines, both sides of each, without I/O: bytes and time in; bytes and events out.
//!
//! The same code serves the gateway, the house exchange, the simulator and the fuzzer. A caller owns the socket: it hands
//! over what arrived, asks for what is to be sent, and calls `on_time` once a cycle.
//!
//! Invariant: a sequenced message is delivered once and in order, or its loss is reported; malformed bytes end the session
//! with a counted reason, never the process.

mod bytes;
pub mod fix;
pub mod mold;
pub mod soup;
mod store;

pub use bytes::ByteQueue;
pub use store::{MemoryStore, MessageStore, StoreFull};
