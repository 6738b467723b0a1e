//! What engines of a firm say to one another: legs of multi-leg orders that another engine runs.
//!
//! Invariant: each message carries the whole of what it means, so that one that is lost, late, doubled or overtaken does no harm:
//! a request of a lower number than one that was taken changes nothing, an answer of a lower version than one heard neither.

use crate::layout::record;

/// Answer bit: the leg's order may trade, or trades of it are still to be booked.
pub const ANSWER_BUSY: u8 = 1;
/// The same: nobody there can say how that order stands.
pub const ANSWER_UNKNOWN: u8 = 2;
/// The same: the order that unwinds the leg may trade.
pub const ANSWER_UNWINDING: u8 = 4;
/// The same: nothing is held or reserved there for the leg any more, and nothing will be sent.
pub const ANSWER_CLOSED: u8 = 8;
/// The same: the executor may send nothing more, not even to unwind.
pub const ANSWER_DISABLED: u8 = 16;
/// The same: that engine knows nothing of the leg; what became of it is for someone to find out.
pub const ANSWER_LOST: u8 = 32;

record! {
    /// Another engine of the firm that runs legs for this one, or asks this one to. In each life anew.
    pub struct Peer [72] v 1 {
        /// So often a request is said again until it is answered, and how a leg stands is asked for.
        pub repeat_ns: u64,
        /// A peer that answers nothing for so long is silent: what it was to do is asked back.
        pub silence_ns: u64,
        /// A request that was said longer ago than this, by this engine's clock, begins nothing.
        pub age_ns_max: u64,
        /// Its shard.
        pub shard: u16,
        /// Zero.
        pub reserved: [u8; 6],
    }
}

record! {
    /// One engine asks another for a leg at a listing there (`header.venue`, `header.instrument`): all of its terms each time.
    pub struct ExecutorRequest [128] v 1 {
        /// The multi-leg order, by its id at the engine that asks.
        pub multi_leg_id: u64,
        /// The leg's price.
        pub price_nanos: i64,
        /// The leg's lots.
        pub lots: i64,
        /// The worst price at which the leg is unwound; undefined: what it filled is kept.
        pub unwind_nanos: i64,
        /// Until then the leg may trade, ns UTC. The executor cancels its order by itself.
        pub until_ns: u64,
        /// Time that unwinding has.
        pub unwind_ns: u64,
        /// When this was said, ns UTC.
        pub asked_ns: u64,
        /// With `Unwind`: lots to trade back.
        pub unwind_lots: i64,
        /// Number of the request, from 1 for each leg; one that is said again has the same.
        pub request: u32,
        /// The strategy node at the engine that asks.
        pub strategy: u32,
        /// Shard that asks.
        pub origin: u16,
        /// Shard that is asked.
        pub shard: u16,
        /// Which leg, from 1.
        pub leg: u8,
        /// A [`crate::LegAsk`] code.
        pub ask: u8,
        /// A [`crate::Side`] code.
        pub side: u8,
        /// A [`crate::TimeInForce`] code.
        pub time_in_force: u8,
        /// Zero.
        pub reserved: [u8; 8],
    }
}

record! {
    /// How a leg stands at the engine that runs it: said after each request, and whenever it changes.
    pub struct ExecutorAnswer [120] v 1 {
        /// The multi-leg order, by its id at the engine that asked.
        pub multi_leg_id: u64,
        /// The leg's order there, or the one that unwinds it; 0: none was sent.
        pub order_id: u64,
        /// Lots that it filled, broken trades taken off.
        pub filled_lots: i64,
        /// Lots of it that may still fill.
        pub open_lots: i64,
        /// Lots of it that were traded back.
        pub unwound_lots: i64,
        /// Engine time there.
        pub time_ns: u64,
        /// Grows with every change of the leg there.
        pub version: u64,
        /// The latest request that was taken.
        pub request: u32,
        /// The limit that refused, 0: none.
        pub limit: u32,
        /// Shard that asked.
        pub origin: u16,
        /// Shard that answers.
        pub shard: u16,
        /// Which leg, from 1.
        pub leg: u8,
        /// A [`crate::LegState`] code.
        pub state: u8,
        /// `ANSWER_*` bits.
        pub flags: u8,
        /// A [`crate::RejectCode`] code, 0: nothing was refused.
        pub reason: u8,
        /// Zero.
        pub reserved: [u8; 8],
    }
}
