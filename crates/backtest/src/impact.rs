//! Where a record and a venue with our orders in it part, counted.
//!
//! Invariant: every record that did not go into the feed as it stands is in one of these.

use std::collections::BTreeMap;

use records::Reason;

/// The counts of one venue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Impact {
    /// Lots that our orders took of recorded orders.
    pub taken_lots: i64,
    /// Recorded orders that met ours on their way in, and what traded so.
    pub crossed_records: u64,
    /// See `crossed_records`.
    pub crossed_lots: i64,
    /// Recorded executions that met orders of ours first; the recorded order is withdrawn by as much, since the record has
    /// no later word of those lots.
    pub displaced_records: u64,
    /// See `displaced_records`.
    pub displaced_lots: i64,
    /// Records about orders of which ours had taken everything.
    pub skipped_records: u64,
    /// Records of which a part was about such lots.
    pub reduced_records: u64,
    /// Lots of both.
    pub skipped_lots: i64,
    /// Records about orders that the record never began: a gap, or a start in the middle.
    pub unknown: u64,
    /// Records that no venue could take, by reason: bad prices, double references, no room.
    pub refused: BTreeMap<u8, u64>,
}

impl Impact {
    /// Counts one that cannot be taken.
    #[cold]
    pub(crate) fn refuse(&mut self, reason: Reason) {
        *self.refused.entry(reason.code()).or_default() += 1;
    }
}
