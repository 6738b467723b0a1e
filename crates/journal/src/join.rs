//! One journal of several that are parts of one history, each of which may repeat what the one before has.
//!
//! Invariant: each record of the history is in it once, in order; a part that does not go on where the ones before end is refused.

use std::io;
use std::path::PathBuf;
use std::rc::Rc;

use records::Stamp;
use tiles::Storage;

use crate::reader::{JournalError, Reader};
use crate::writer::{JournalConfig, Writer, remove_from};

/// Writes the journals of directories, the oldest first, each up to a sequence, into an empty storage; the last stamp.
///
/// # Errors
/// As for [`Reader::next`]; [`JournalError::Begin`] when the first one has not its begin, [`JournalError::Sequence`] when records
/// between two are missing, [`JournalError::Damaged`] when one has another record where the one before ends.
pub fn join(parts: &[(PathBuf, u64)], storage: &Rc<dyn Storage>) -> Result<Stamp, JournalError> {
    let (mut last, mut next, mut size) = (Stamp { sequence: 0, time_ns: 0 }, 0, None);
    for (directory, to) in parts {
        let mut reader = if next == 0 { Reader::open_whole(directory)? } else { Reader::open(directory)? };
        let own = reader.segment().map_or(0, |(head, _)| head.segment_bytes as usize);
        let segment_bytes = *size.get_or_insert(own);
        let going_on = (next, last.sequence + 1);
        let config = JournalConfig { segment_bytes, next: going_on, ..JournalConfig::new(*reader.identity()) };
        let mut writer = Writer::create(storage.clone(), config)?;
        while let Some((stamp, record)) = reader.next()? {
            let other = stamp.sequence == last.sequence && stamp.time_ns != last.time_ns;
            if other || stamp.sequence > last.sequence + 1 {
                let (expected, found) = (last.sequence + 1, stamp.sequence);
                let (segment, offset) = reader.position();
                return Err(match other {
                    true => JournalError::Damaged { segment, offset, sequence: found },
                    false => JournalError::Sequence { segment, expected, found },
                });
            }
            if stamp.sequence > *to {
                break;
            }
            if stamp.sequence > last.sequence {
                writer.prepare()?;
                writer.append(stamp, record).map_err(|full| io::Error::other(full.to_string()))?;
                last = stamp;
            }
        }
        writer.close()?;
        next = writer.position().0 + 1;
        drop(writer);
        remove_from(storage.as_ref(), next)?;
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::Identity;
    use records::{Timer, bytes_of};
    use std::path::Path;
    use tiles::RealStorage;

    fn part(directory: &Path, segment_bytes: usize, sequences: std::ops::RangeInclusive<u64>, time_ns: u64) {
        let storage = Rc::new(RealStorage::new(directory).expect("storage"));
        let next = (0, *sequences.start());
        let config = JournalConfig { segment_bytes, next, ..JournalConfig::new(Identity::default()) };
        let mut writer = Writer::create(storage, config).expect("a fresh segment");
        for sequence in sequences {
            writer.prepare().expect("room");
            let stamp = Stamp { sequence, time_ns: time_ns + sequence };
            writer.append(stamp, bytes_of(&Timer::new())).expect("room");
        }
        writer.close().expect("closes");
    }

    #[test]
    fn parts_that_repeat_each_other_are_one_journal_and_a_gap_or_another_history_is_refused() {
        let folder = std::env::temp_dir().join(format!("meridian-join-{}", std::process::id()));
        let [first, second, third, other] = ["1", "2", "3", "other"].map(|name| folder.join(name));
        part(&first, 2_048, 1..=120, 0);
        part(&second, 3_000, 40..=200, 0);
        part(&third, 4_096, 195..=300, 0);
        part(&other, 4_096, 101..=300, 1);
        let all = [(first.clone(), 100), (second, 199), (third.clone(), u64::MAX)];
        let made = |name: &str| Rc::new(RealStorage::new(&folder.join(name)).expect("storage")) as Rc<dyn Storage>;
        assert_eq!(join(&all, &made("whole")).expect("one history").sequence, 300);
        let mut reader = Reader::open_whole(&folder.join("whole")).expect("a journal");
        let read =
            std::iter::from_fn(|| reader.next().expect("whole").map(|(stamp, _)| (stamp.sequence, stamp.time_ns)));
        assert!(read.eq((1..=300).map(|sequence| (sequence, sequence))));
        assert!(reader.summary().closed);
        let gap = join(&[(first.clone(), 100), (third.clone(), 300)], &made("gap"));
        assert!(matches!(gap, Err(JournalError::Sequence { expected: 101, found: 195, .. })));
        let another = join(&[(first, 110), (other, 300)], &made("another"));
        assert!(matches!(another, Err(JournalError::Damaged { sequence: 110, .. })));
        assert!(matches!(join(&[(third, 300)], &made("begin")), Err(JournalError::Begin { sequence: 195, .. })));
        std::fs::remove_dir_all(folder).expect("ours");
    }
}
