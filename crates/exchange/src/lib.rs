//! The house exchange: a matching engine that is a venue of its own and stands in for others.
//!
//! [`Matching`] is the pure core. [`ExchangeTile`] is the whole exchange as one tile: it takes OUCH 5.0 over SoupBinTCP,
//! sequences and journals every command, and publishes ITCH 5.0 over MoldUDP64 with retransmission and snapshots.
//!
//! Invariant: one sequenced input; everything that comes out is a function of it.

pub mod bench;
mod config;
mod feed;
mod fix;
mod flow;
mod fold;
mod handover;
mod listings;
mod matching;
mod ouch;
mod port;
mod schedule;
mod sequencer;
mod snapshot;
mod throttle;
mod tile;

pub use config::{ExchangeConfig, InnerConfig, ListingConfig, PortConfig};
pub use fix::FixPortConfig;
pub use flow::{FlowConfig, FlowSource};
pub use handover::VERSION as HANDOVER_VERSION;
pub use matching::{Capacity, Matching, NoSink, RecordedChange, RecordedOrder, RestingOrder, Sink};
pub use schedule::PhaseConfig;
pub use throttle::ThrottleConfig;
pub use tile::{CommandSource, ExchangeTile, KIND, Observer};
pub use tiles::DoorConfig;
