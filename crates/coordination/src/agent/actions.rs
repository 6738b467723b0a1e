//! What an agent asks its process to do.

use super::Memory;

/// One thing to do. The process does them in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Offer this control record to the engine. If the link does not take it, drop it: it is sent again.
    ToEngine(Vec<u8>),
    /// Write a key of this region (`None`: take it away); answer by [`super::Agent::on_stored`].
    ToStore {
        /// The key.
        key: String,
        /// JSON, or nothing.
        value: Option<String>,
        /// Under the membership's lease.
        lease: bool,
    },
    /// Send this datagram to the agents of all other regions.
    ToPeers(Vec<u8>),
    /// Read the whole store again and say it by a reset.
    Resync,
    /// Keep this for the next start.
    Remember(Memory),
}
