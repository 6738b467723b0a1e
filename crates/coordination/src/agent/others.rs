//! What is known of other regions' positions, for this region's engine: strategies look at it, nothing is decided by it.
//!
//! Invariant: a record says a region's whole position in an instrument, as that region told it last. What changed is told at
//! once, what stayed again and again, since its age is of what was heard: an engine that hears nothing sees ages that grow.

use std::collections::BTreeMap;

use records::{RegionPosition, bytes_of};

use super::{Action, Agent};
use crate::keys;

/// So often a position that stays is told again. One of nothing, too, for as long as the region is known: the age that a strategy
/// reads is that of its own account's row in one instrument, and a row that came no more would look like a region that is not
/// heard. A strategy that waits for a fresh position before it trades could then never trade again where its position is none.
/// What is told so is bounded by what the accounts here have ever held there.
const AGAIN_NS: u64 = 1_000_000_000;

/// What the engine was given of a region, by account and instrument: lots, unsure, and when.
pub(crate) type Given = BTreeMap<(u32, u32), (i64, bool, u64)>;

impl Agent {
    /// Tells the engine what is known of a region, where that is not what it was told. The limit tree and the instruments are the
    /// same in every region; what this one has no name for, no strategy of it can ask for.
    pub(super) fn tell_engine_of(&mut self, region: &str) {
        let Some(view) = self.peers.get_mut(region).filter(|_| self.engine.heard_ns.is_some()) else { return };
        let unsure = view.stale || view.unsure;
        let mut rows: BTreeMap<(u32, u32), i64> = view.given.keys().map(|key| (*key, 0)).collect();
        for ((account, instrument), (lots, _)) in &view.rows {
            let account = self.directory.nodes.get(account).map(|node| node.id);
            if let (Some(account), Some(instrument)) = (account, self.directory.instruments.get(instrument)) {
                rows.insert((account, *instrument), *lots);
            }
        }
        for (key, lots) in rows {
            let known = |&(before, sure, at_ns): &(i64, bool, u64)| {
                (before, sure) == (lots, unsure) && self.now_ns < at_ns.saturating_add(AGAIN_NS)
            };
            if view.given.get(&key).is_some_and(known) {
                continue;
            }
            view.given.insert(key, (lots, unsure, self.now_ns));
            let mut record = RegionPosition::new();
            (record.account, record.header.instrument, record.lots) = (key.0, key.1, lots);
            (record.watermark, record.time_ns) = (view.watermark, view.time_ns);
            (record.region, record.unsure) = (keys::region_number(region), u8::from(unsure));
            self.actions.push_back(Action::ToEngine(bytes_of(&record).to_vec()));
        }
    }

    /// An engine that began anew was told nothing.
    pub(super) fn forget_given(&mut self) {
        for view in self.peers.values_mut() {
            view.given.clear();
        }
    }
}
