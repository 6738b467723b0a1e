//! What the store of a FIX session writes to its files.
//!
//! Invariant: an entry's and a slot's last word is the CRC-32 of all before it, so that one that was half written, or rotted,
//! is known as such.

use crate::layout::part;

part! {
    /// Stands before each message that was sent.
    pub struct FixStoreEntry [40] {
        /// Its MsgSeqNum.
        pub sequence: u64,
        /// When it was stored, ns UTC.
        pub stored_ns: u64,
        /// Bytes of the message that follows; the next entry begins at the next multiple of eight.
        pub length: u32,
        /// CRC-32 of the message.
        pub message_sum: u32,
        /// Zero.
        pub reserved: [u8; 12],
        /// CRC-32 of the bytes before.
        pub sum: u32,
    }
}

part! {
    /// The session's numbers; two slots are written in turn, the one with the higher `change` holds.
    pub struct FixStoreNumbers [64] {
        /// The MsgSeqNum that is expected next.
        pub incoming: u64,
        /// The MsgSeqNum that is sent next.
        pub outgoing: u64,
        /// When the numbers began at 1, ns UTC.
        pub created_ns: u64,
        /// Bytes of a segment.
        pub segment_bytes: u64,
        /// How often this slot pair was written.
        pub change: u64,
        /// Which series of segments belongs to the numbers; a reset begins the next.
        pub generation: u32,
        /// Zero.
        pub reserved: [u8; 16],
        /// CRC-32 of the bytes before.
        pub sum: u32,
    }
}

part! {
    /// How far a venue has told a FIX session what its sequenced input made; two slots are written in turn, the one with the
    /// higher `change` holds.
    pub struct FixStoreSaid [48] {
        /// Number of the report that is being said; all before it were.
        pub report: u64,
        /// The MsgSeqNum under which it is kept.
        pub sequence: u64,
        /// When the session's numbers began at 1, ns UTC.
        pub began_ns: u64,
        /// How often this slot pair was written.
        pub change: u64,
        /// Zero.
        pub reserved: [u8; 12],
        /// CRC-32 of the bytes before.
        pub sum: u32,
    }
}

part! {
    /// How the last connection of a FIX session of ours ended, for people; overwritten by the next.
    pub struct FixSessionEnding [160] {
        /// When, ns UTC.
        pub ended_ns: u64,
        /// Endings so far; 0: none.
        pub change: u64,
        /// The word for why, as counters have it; zeros after it.
        pub end: [u8; 24],
        /// What they said last (58 of a logout or reject): its beginning, zeros after it.
        pub words: [u8; 112],
        /// Zero.
        pub reserved: [u8; 4],
        /// CRC-32 of the bytes before.
        pub sum: u32,
    }
}
