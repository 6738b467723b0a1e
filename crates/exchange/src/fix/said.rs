//! How far a session was told what the input made, in a file: the number of the report that is being said and the MsgSeqNum
//! under which it is kept.
//!
//! It is written before the session keeps the report. Whether the session did is then read off the session's own numbers,
//! as long as they are of the same beginning; a reset comes only after the report before it was kept or given up.
//!
//! Invariant: after any end of the process the number of reports said is known exactly.

use records::{FixStoreSaid, bytes_of, read_from};
use sessions::fix::Numbers;
use tiles::{Segment, Storage};

const FILE_BYTES: usize = 4096;
/// The second slot stands in another cache line and another sector.
const SLOT_STRIDE: usize = 2048;

/// The file.
pub(crate) struct Said {
    segment: Box<dyn Segment>,
    slot: FixStoreSaid,
}

impl Said {
    /// Opens or makes the file of this name.
    ///
    /// # Errors
    /// A sentence: not to be opened, or damaged.
    pub fn open(storage: &dyn Storage, name: &str) -> Result<Self, String> {
        let file = name;
        let segment = storage.open(file, FILE_BYTES).map_err(|error| format!("{file}: {error}"))?;
        let found = [0, SLOT_STRIDE].map(|at| slot(&segment.bytes()[at..]));
        let newest = found.into_iter().flatten().max_by_key(|slot| slot.change);
        if newest.is_none() && segment.bytes().iter().any(|byte| *byte != 0) {
            return Err(format!("{file}: both slots are damaged"));
        }
        Ok(Self { segment, slot: newest.unwrap_or(FixStoreSaid::zeroed()) })
    }

    /// How many reports were said, by the numbers of the session's store as it was found.
    pub fn settle(&mut self, numbers: Numbers) -> u64 {
        let same = self.slot.began_ns == numbers.created_ns;
        let unkept = same && self.slot.report != 0 && numbers.outgoing <= self.slot.sequence;
        let said = self.slot.report - u64::from(unkept);
        self.not_said(said + 1);
        said
    }

    /// The session is about to keep this report under this number.
    #[inline]
    pub fn say(&mut self, report: u64, sequence: u64, began_ns: u64) {
        self.slot = FixStoreSaid { report, sequence, began_ns, ..self.slot };
        self.write();
    }

    /// The session did not keep it: those before it are said.
    pub fn not_said(&mut self, report: u64) {
        self.slot = FixStoreSaid { report: report - 1, sequence: 0, ..self.slot };
        self.write();
    }

    fn write(&mut self) {
        self.slot.change += 1;
        let bytes = bytes_of(&self.slot);
        self.slot.sum = crc32fast::hash(&bytes[..bytes.len() - 4]);
        let at = if self.slot.change.is_multiple_of(2) { 0 } else { SLOT_STRIDE };
        self.segment.bytes_mut()[at..at + size_of::<FixStoreSaid>()].copy_from_slice(bytes_of(&self.slot));
    }
}

fn slot(bytes: &[u8]) -> Option<FixStoreSaid> {
    let slot: FixStoreSaid = read_from(bytes)?;
    let sum = crc32fast::hash(&bytes[..size_of::<FixStoreSaid>() - 4]);
    (slot.change != 0 && slot.sum == sum).then_some(slot)
}

#[cfg(test)]
mod tests {
    use journal::MemoryStorage;

    use super::*;

    fn numbers(outgoing: u64, created_ns: u64) -> Numbers {
        Numbers { incoming: 1, outgoing, created_ns }
    }

    #[test]
    fn a_kill_before_or_after_the_store_kept_the_report_is_told_apart() {
        // Outgoing number and beginning as the next life finds them, after report 7 was to be kept under number 20.
        let rows = [((20, 5), 6), ((21, 5), 7), ((40, 5), 7), ((1, 9), 7)];
        for ((outgoing, began_ns), said) in rows {
            let storage = MemoryStorage::new();
            let mut file = Said::open(&*storage, "said").unwrap();
            assert_eq!(file.settle(numbers(1, 5)), 0, "a fresh one");
            file.say(6, 19, 5);
            file.say(7, 20, 5);
            let mut again = Said::open(&*storage, "said").unwrap();
            assert_eq!(again.settle(numbers(outgoing, began_ns)), said, "{outgoing} {began_ns}");
            // The session's own messages go on from there, and change nothing.
            let mut third = Said::open(&*storage, "said").unwrap();
            assert_eq!(third.settle(numbers(outgoing + 3, began_ns)), said, "{outgoing} {began_ns}");
        }
    }

    #[test]
    fn a_mark_that_a_kill_cut_short_was_never_made() {
        let storage = MemoryStorage::new();
        let mut file = Said::open(&*storage, "said").unwrap();
        (1..=8).for_each(|report| file.say(report, 10 + report, 5));
        let latest = if file.slot.change.is_multiple_of(2) { 0 } else { SLOT_STRIDE };
        storage.open("said", FILE_BYTES).unwrap().bytes_mut()[latest + 3] ^= 0x40;
        let mut again = Said::open(&*storage, "said").unwrap();
        assert_eq!(again.settle(numbers(18, 5)), 7);
        storage.open("said", FILE_BYTES).unwrap().bytes_mut().fill(0x11);
        assert!(Said::open(&*storage, "said").is_err());
    }

    #[test]
    fn what_the_store_refused_is_not_said() {
        let storage = MemoryStorage::new();
        let mut file = Said::open(&*storage, "said").unwrap();
        file.say(1, 2, 5);
        file.say(2, 3, 5);
        file.not_said(2);
        // The client begins anew, and the mark is of the old numbers.
        assert_eq!(Said::open(&*storage, "said").unwrap().settle(numbers(1, 9)), 1);
    }
}
