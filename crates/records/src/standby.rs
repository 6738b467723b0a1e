//! What an engine and its standby say to each other, over one link each way.
//!
//! Invariant: a frame is followed by the record that it stamps, in the same message, and is of no use without it.

use crate::layout::record;

/// Where a standby stands: it asks for what it lacks.
pub const STANDBY_BEHIND: u8 = 0;
/// It has all that it was sent, and its hash was never seen to differ.
pub const STANDBY_IN_STEP: u8 = 1;
/// It folds the same inputs to another state, or has inputs that its leader never had: it does not lead any more.
pub const STANDBY_DIVERGED: u8 = 2;

record! {
    /// One input of the engine that leads, as it stamped it; the record comes behind it.
    pub struct InputFrame [72] v 1 {
        /// The input's sequence; 0: no input, but how far the link was read.
        pub input: u64,
        /// The engine's time of it, ns UTC.
        pub time_ns: u64,
        /// Which record of the link that it came over, as the link counts.
        pub link_sequence: u64,
        /// Which of the engine's input links it came over, from 1; 0: over none, or it is no longer known.
        pub link: u16,
        /// Zero.
        pub reserved: [u8; 6],
    }
}

record! {
    /// How the engine that leads stands: said often, so that silence means something.
    pub struct LeaderMark [88] v 1 {
        /// Its last input.
        pub input: u64,
        /// Its rolling hash behind it.
        pub state_hash: u64,
        /// The first input of its epoch: another life's journal is the same only before it.
        pub first_input: u64,
        /// From this input on it sends; 0: nobody has asked yet, or for what it cannot send any more.
        pub sends_from: u64,
        /// When, by its clock.
        pub time_ns: u64,
        /// Its epoch.
        pub epoch: u16,
        /// Its shard.
        pub shard: u16,
        /// Schema of the records that it writes; 0: of a build that does not say it.
        pub schema: u32,
    }
}

record! {
    /// How a standby stands.
    pub struct StandbyWord [64] v 1 {
        /// The last input in its journal.
        pub input: u64,
        /// It asks for this input and those behind it; 0: it lacks nothing.
        pub asks: u64,
        /// The epoch that it follows; 0 before it has heard any.
        pub epoch: u16,
        /// Its shard.
        pub shard: u16,
        /// A `STANDBY_*` code.
        pub state: u8,
        /// Zero.
        pub reserved: [u8; 3],
    }
}

record! {
    /// The engine that follows is to lead, with this epoch, which the coordination store gave to nobody else. To one that leads with
    /// it already: its standby will not be taken for whole, and need not be waited for.
    pub struct Lead [48] v 1 {
        /// Its shard.
        pub shard: u16,
        /// The epoch.
        pub epoch: u16,
        /// Zero.
        pub reserved: [u8; 4],
    }
}

record! {
    /// The engine that leads with this epoch is to take no input any more until its standby has all that it took: the standby is
    /// to lead then. It goes on by itself when nothing comes of it.
    pub struct Cede [48] v 1 {
        /// Its shard.
        pub shard: u16,
        /// Its epoch.
        pub epoch: u16,
        /// Zero.
        pub reserved: [u8; 4],
    }
}
