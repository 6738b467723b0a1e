//! The house exchange: matching, sequencer, publishers, ingress.

pub mod bench;
mod matching;

pub use matching::{Capacity, Matching, NoSink, RestingOrder, Sink};
