//! What a lost host left behind a hole of its journal.
//!
//! A device may write pages, and files, in any order. When its host is lost, a page that was never written reads as zeros and later
//! ones stand there whole. Nothing that was forced is among them. A byte that was changed later looks the same to a checksum, and may
//! be of what was promised; three things tell one from the other. A journal's segment says in which start of its host it was
//! begun: what one start wrote and a later one went on behind was read back whole then. Each frame of a journal that is forced says how
//! far the device was known to be when it was written: what stands behind a hole and knows of it proves it to be damage. Where nobody
//! forces, the system writes what is older than a while by itself.
//!
//! Invariant: a hole at or before what any frame or head behind it calls durable is damage; so is one in what this start of the host
//! wrote, or one that other starts went on behind.

use records::Stamp;
use tiles::Storage;

use crate::frame::{self, Found, frame_bytes};
use crate::head::Head;
use crate::reader::{JournalError, Reader};
use crate::writer::{segment_name, segment_number};

/// How long what nobody forces may stay in the system's memory, ns: four times Linux's own bound (`vm.dirty_expire_centisecs`).
const UNFORCED_NS: u64 = 120_000_000_000;

/// What stands behind a hole.
#[derive(Default)]
pub(crate) struct Left {
    /// Bytes up to the last one that is not zero, segment by segment, without their heads.
    pub(crate) bytes: u64,
    /// Whole records.
    pub(crate) records: u64,
    /// The start of the host in which its segments were begun; 0 where none says so.
    boot: u64,
    /// Of several starts, or of none that is known.
    mixed: bool,
    /// Somebody forced it.
    forced: bool,
    /// The furthest that it calls durable.
    durable: u64,
    /// Of the first record and of the last one.
    first_ns: Option<u64>,
    last_ns: u64,
}

impl Left {
    /// Looks at a segment from this place on; `head`, where it has one.
    pub(crate) fn look(&mut self, head: Option<&Head>, bytes: &[u8], from: usize) {
        if let Some(head) = head {
            self.mixed |= head.boot == 0 || (self.boot != 0 && self.boot != head.boot);
            self.boot = head.boot;
            self.forced |= head.durable.is_some();
            self.durable = self.durable.max(head.durable.unwrap_or(0));
        }
        let rest = bytes.get(from..).unwrap_or_default();
        let Some(last) = rest.iter().rposition(|byte| *byte != 0) else { return };
        self.bytes += last as u64 + 1;
        let mut at = 0;
        while at <= last {
            if let Found::Frame(stamp, record) = frame::read(&rest[at..]) {
                self.records += 1;
                self.durable = self.durable.max(frame::durable(&rest[at..]));
                self.first_ns.get_or_insert(stamp.time_ns);
                self.last_ns = self.last_ns.max(stamp.time_ns);
                at += frame_bytes(record.len());
            } else {
                at += 8;
            }
        }
    }

    /// Whether a host that is no more may have left it so, with nothing promised behind `last`, the stamp before the hole.
    pub(crate) fn may_be_lost(&self, boot: u64, last: Stamp) -> bool {
        let gone = self.boot != 0 && !self.mixed && self.boot != boot;
        // Of what stood in a hole at the journal's begin no time is known but that it is older than all behind it.
        let hole_ns = if last.sequence == 0 { self.first_ns.unwrap_or(self.last_ns) } else { last.time_ns };
        let recent = self.last_ns.saturating_sub(hole_ns) <= UNFORCED_NS;
        gone && self.durable <= last.sequence && (self.forced || recent)
    }
}

/// The last record before what a lost host left behind a hole, where that is to be cut; `None` where nothing is. Only what may not
/// have been on the device is read, of a journal that is forced; of another one, all that the last host's start wrote.
///
/// # Errors
/// When the storage cannot be listed.
pub fn end_before_lost(storage: &dyn Storage) -> Result<Option<u64>, JournalError> {
    let mut numbers: Vec<u64> = storage.list()?.iter().filter_map(|name| segment_number(name)).collect();
    numbers.sort_unstable();
    let (mut newest, mut first) = (None, None);
    for number in numbers.into_iter().rev() {
        let bytes = storage.read(&segment_name(number)).unwrap_or_default();
        let Ok(head) = Head::read(&bytes) else { continue };
        let newest: &Head = newest.get_or_insert(head);
        if [0, storage.boot()].contains(&newest.boot) || storage.boot() == 0 {
            return Ok(None);
        }
        first = Some((number, bytes.len()));
        // The segment that holds the last record known to be durable: its own end may be missing.
        if head.boot != newest.boot || newest.durable.is_some_and(|durable| head.first_sequence <= durable) {
            break;
        }
    }
    let Some((first, size)) = first else { return Ok(None) };
    let found = Reader::from_storage_at(storage, size, first).and_then(|mut reader| reader.verify());
    // A journal that is damaged is left to whoever reads it.
    Ok(found.ok().filter(|summary| summary.cut).map(|summary| summary.last.sequence))
}
