//! Going on with a journal whose writer stopped, or died.
//!
//! Invariant: what was readable before stays readable: a torn tail is cut by closing its segment where the last whole
//! frame ends, and only then may a writer open the next segment.

use records::Stamp;
use tiles::Storage;

use crate::head::Head;
use crate::reader::{JournalError, Reader};
use crate::writer::{remove_from, segment_name};

/// Hands over every record, closes the last segment and takes unused spares away. Returns the segment number and sequence
/// for [`crate::JournalConfig::next`]; (0, 1) when there is no journal.
///
/// # Errors
/// As for [`Reader::next`]: a damaged journal is not gone on with.
pub fn resume(
    storage: &dyn Storage,
    segment_bytes: usize,
    take: &mut dyn FnMut(Stamp, &[u8]),
) -> Result<(u64, u64), JournalError> {
    let mut reader = match Reader::from_storage(storage, segment_bytes) {
        Err(JournalError::Empty) => {
            remove_from(storage, 0)?;
            return Ok((0, 1));
        }
        reader => reader?,
    };
    while let Some((stamp, record)) = reader.next()? {
        take(stamp, record);
    }
    let summary = reader.summary();
    if summary.cut {
        remove_from(storage, summary.last_segment + 1)?;
    }
    if !summary.closed {
        let mut segment = storage.open(&segment_name(summary.last_segment), segment_bytes)?;
        Head::cut(segment.bytes_mut(), reader.end_of_frames());
        segment.sync()?;
    }
    remove_from(storage, summary.last_segment + 1)?;
    Ok((summary.last_segment + 1, summary.last.sequence + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Identity, JournalConfig, MemoryStorage, Writer};
    use records::{Record, Timer, bytes_of};

    fn write(storage: &std::rc::Rc<MemoryStorage>, next: (u64, u64), count: u64, close: bool) {
        let config = JournalConfig { segment_bytes: 1 << 12, next, ..JournalConfig::new(Identity::default()) };
        let mut writer = Writer::create(storage.clone(), config).expect("a fresh segment");
        for sequence in next.1..next.1 + count {
            let mut timer = Timer::new();
            timer.header_mut().sequence = sequence;
            writer.append(Stamp { sequence, time_ns: sequence }, bytes_of(&timer)).expect("room");
            writer.prepare().expect("room");
        }
        if close {
            writer.close().expect("closes");
        }
    }

    #[test]
    fn a_journal_goes_on_after_any_number_of_stops_and_deaths() {
        let storage = MemoryStorage::new();
        let mut expected = 0;
        for (round, count) in [3_u64, 100, 1, 57].into_iter().enumerate() {
            let mut seen = 0;
            let next = resume(&*storage, 1 << 12, &mut |stamp, _| {
                seen += 1;
                assert_eq!(stamp.sequence, seen);
            });
            assert_eq!(seen, expected);
            write(&storage, next.expect("readable"), count, round % 2 == 0);
            expected += count;
        }
        let mut reader = Reader::from_segments(storage.segments()).expect("a journal");
        assert_eq!(reader.verify().expect("whole").last.sequence, expected);
    }
}
