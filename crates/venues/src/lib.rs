//! Feed tiles (multicast in, records out) and gateway tiles (order commands in, venue bytes out, order events back).
//!
//! Invariant: what a venue sends is delivered once and in order, or the feed says that it is stale; what the engine asks
//! for is sent once, or the gateway says that it was not.

pub mod feed;
pub mod fix;
pub mod gateway;
pub mod route;
mod samples;
mod settings;

pub use settings::{FEED, GATEWAY};
