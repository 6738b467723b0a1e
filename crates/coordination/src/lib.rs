//! Coordination between regions: the client of the store (etcd).
//!
//! Invariant: nothing here stands between a packet and an order; the hot crates know the store by control records alone.

pub mod client;
