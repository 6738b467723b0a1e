//! Coordination between regions: the client of the store (etcd), its keys and values, and what a region's agent decides.
//!
//! Invariant: nothing here stands between a packet and an order; the hot crates know the store by control records alone.

pub mod agent;
pub mod client;
pub mod keys;
pub mod rules;
pub mod values;
