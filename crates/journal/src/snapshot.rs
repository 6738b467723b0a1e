//! Snapshots: an engine's state in a file beside its segments, with the place in the journal where it goes on.
//!
//! Invariant: a snapshot is there whole or not at all, and every byte of it is covered by a checksum: a cut, a changed bit or
//! another journal's file is refused with its place. Whoever writes one reads it back before it counts.

use std::io;
use std::path::Path;

use records::{Hash64, Stamp};
use tiles::Storage;

use crate::frame::{word32, word64};
use crate::head::{Head, Identity, SETTINGS};
use crate::reader::{JournalError, Reader};

/// Version of the file's format; the state inside has its own.
pub const SNAPSHOT_FORMAT: u32 = 1;

const MAGIC: [u8; 8] = *b"MRDSNAP1";
const HEAD_BYTES: usize = 320;
const SUM_AT: usize = 288;
const SETTINGS_AT: usize = 160;
/// Bytes of the state in a block, the last one's but for what is left.
const BLOCK_BYTES: usize = 64 << 10;
const BLOCK_HEAD_BYTES: usize = 8;

/// The file's name: by the last input that it holds.
pub fn snapshot_name(sequence: u64) -> String {
    format!("snapshot-{sequence:016}.state")
}

/// The last input of a snapshot by its file's name.
pub fn snapshot_sequence(name: &str) -> Option<u64> {
    name.strip_prefix("snapshot-")?.strip_suffix(".state")?.parse().ok()
}

/// A place in a journal: behind a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// The record's sequence.
    pub sequence: u64,
    /// Its engine time.
    pub time_ns: u64,
    /// The segment that it lies in.
    pub segment: u64,
    /// Where its frame ends in that segment's file.
    pub offset: u64,
}

/// What a snapshot says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotHead {
    /// Whose journal: as the segment says that the mark lies in.
    pub identity: Identity,
    /// The last input that the state holds.
    pub mark: Mark,
    /// The engine's rolling hash there.
    pub state_hash: u64,
    /// The hash of the state's bytes.
    pub full_hash: u64,
    /// The layout of the state's bytes.
    pub state_version: u32,
}

/// A snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// What it says of itself.
    pub head: SnapshotHead,
    /// The state.
    pub state: Vec<u8>,
}

/// Why a file is no snapshot.
#[derive(Debug)]
pub enum SnapshotError {
    /// It cannot be read.
    Io(io::Error),
    /// It does not begin as a snapshot does.
    Magic,
    /// Its format is another one.
    Format(u32),
    /// Its head is damaged.
    Head,
    /// It ends after so many bytes; so many were due.
    Short(u64, u64),
    /// Bytes follow its end, which is here.
    Longer(u64),
    /// The block that begins here is damaged.
    Block(u64),
    /// Its state is not the one that its head tells of.
    State,
}

impl std::fmt::Display for SnapshotError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => formatter.write_str(&tiles::reason(error)),
            Self::Magic => formatter.write_str("its file does not begin as a snapshot does"),
            Self::Format(version) => {
                write!(formatter, "its format is version {version}, this build reads {SNAPSHOT_FORMAT}")
            }
            Self::Head => formatter.write_str("its head is damaged"),
            Self::Short(bytes, due) => write!(formatter, "it ends at byte {bytes}; {due} are due"),
            Self::Longer(end) => write!(formatter, "its end is at byte {end}, and more follows"),
            Self::Block(at) => write!(formatter, "the block at byte {at} is damaged"),
            Self::State => formatter.write_str("its state has another hash than its head says"),
        }
    }
}

impl std::error::Error for SnapshotError {}

fn hash_of(state: &[u8]) -> u64 {
    let mut hash = Hash64::default();
    hash.bytes(state);
    hash.value()
}

impl SnapshotHead {
    fn bytes(&self, state_bytes: usize) -> [u8; HEAD_BYTES] {
        let Self { identity, mark, state_hash, full_hash, state_version } = self;
        let mut bytes = [0; HEAD_BYTES];
        let mut put = |at: usize, part: &[u8]| bytes[at..at + part.len()].copy_from_slice(part);
        put(0, &MAGIC);
        put(8, &SNAPSHOT_FORMAT.to_le_bytes());
        for (at, number) in [(12, identity.firm), (14, identity.shard), (16, identity.epoch)] {
            put(at, &number.to_le_bytes());
        }
        put(20, &state_version.to_le_bytes());
        let places = [mark.sequence, mark.time_ns, mark.segment, mark.offset];
        let words = places.into_iter().chain([*state_hash, *full_hash, state_bytes as u64]);
        words.enumerate().for_each(|(at, word)| put(24 + 8 * at, &word.to_le_bytes()));
        put(96, &identity.reference_hash);
        put(128, &identity.release_hash);
        for (at, word) in identity.settings.iter().enumerate() {
            put(SETTINGS_AT + 8 * at, &word.to_le_bytes());
        }
        let sum = crc32fast::hash(&bytes[..SUM_AT]);
        bytes[SUM_AT..SUM_AT + 4].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// The head, and how many bytes the state has.
    fn read(from: &[u8]) -> Result<(Self, usize), SnapshotError> {
        if from.len() < HEAD_BYTES {
            return Err(SnapshotError::Short(from.len() as u64, HEAD_BYTES as u64));
        }
        if from[..8] != MAGIC {
            return Err(SnapshotError::Magic);
        }
        if word32(from, 8) != SNAPSHOT_FORMAT {
            return Err(SnapshotError::Format(word32(from, 8)));
        }
        let unwritten = from[SUM_AT + 4..HEAD_BYTES].iter().any(|byte| *byte != 0);
        if unwritten || crc32fast::hash(&from[..SUM_AT]) != word32(from, SUM_AT) {
            return Err(SnapshotError::Head);
        }
        let word16 = |at: usize| u16::from_le_bytes([from[at], from[at + 1]]);
        let mut settings = [0; SETTINGS];
        for (at, word) in settings.iter_mut().enumerate() {
            *word = word64(from, SETTINGS_AT + 8 * at);
        }
        let identity = Identity {
            firm: word16(12),
            shard: word16(14),
            epoch: word16(16),
            reference_hash: from[96..128].try_into().expect("32 bytes"),
            release_hash: from[128..160].try_into().expect("32 bytes"),
            settings,
        };
        let [sequence, time_ns, segment, offset] = [24, 32, 40, 48].map(|at| word64(from, at));
        let mark = Mark { sequence, time_ns, segment, offset };
        let (state_hash, full_hash, state_version) = (word64(from, 56), word64(from, 64), word32(from, 20));
        let head = Self { identity, mark, state_hash, full_hash, state_version };
        Ok((head, usize::try_from(word64(from, 72)).map_err(|_| SnapshotError::Head)?))
    }
}

fn block_sum(number: u64, state: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&number.to_le_bytes());
    hasher.update(&(state.len() as u32).to_le_bytes());
    hasher.update(state);
    hasher.finalize()
}

impl Snapshot {
    /// Of a state: the full hash is made of its bytes.
    pub fn new(identity: Identity, mark: Mark, state_hash: u64, state_version: u32, state: Vec<u8>) -> Self {
        Self { head: SnapshotHead { identity, mark, state_hash, full_hash: hash_of(&state), state_version }, state }
    }

    /// The file's bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head.bytes(self.state.len()).to_vec();
        for (number, block) in (0_u64..).zip(self.state.chunks(BLOCK_BYTES)) {
            bytes.extend_from_slice(&(block.len() as u32).to_le_bytes());
            bytes.extend_from_slice(&block_sum(number, block).to_le_bytes());
            bytes.extend_from_slice(block);
        }
        bytes
    }

    /// Reads a file's bytes.
    ///
    /// # Errors
    /// [`SnapshotError`] at the first thing that does not fit.
    pub fn read(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let (head, state_bytes) = SnapshotHead::read(bytes)?;
        let blocks = state_bytes.div_ceil(BLOCK_BYTES);
        let due =
            (HEAD_BYTES as u64).saturating_add((state_bytes as u64).saturating_add((blocks * BLOCK_HEAD_BYTES) as u64));
        let mut state = Vec::with_capacity(state_bytes.min(bytes.len()));
        let mut at = HEAD_BYTES;
        for number in 0..blocks {
            let length = BLOCK_BYTES.min(state_bytes - number * BLOCK_BYTES);
            let end = at + BLOCK_HEAD_BYTES + length;
            let Some(block) = bytes.get(at..end) else { return Err(SnapshotError::Short(bytes.len() as u64, due)) };
            let part = &block[BLOCK_HEAD_BYTES..];
            if word32(block, 0) as usize != length || word32(block, 4) != block_sum(number as u64, part) {
                return Err(SnapshotError::Block(at as u64));
            }
            state.extend_from_slice(part);
            at = end;
        }
        if at != bytes.len() {
            return Err(SnapshotError::Longer(at as u64));
        }
        if hash_of(&state) != head.full_hash {
            return Err(SnapshotError::State);
        }
        Ok(Self { head, state })
    }

    /// The snapshot of this name.
    ///
    /// # Errors
    /// [`SnapshotError`] when it cannot be read or is none.
    pub fn load(storage: &dyn Storage, sequence: u64) -> Result<Self, SnapshotError> {
        Self::read(&storage.read(&snapshot_name(sequence)).map_err(SnapshotError::Io)?)
    }

    /// Puts it beside the segments, reads it back, and takes away all but the newest `keep`.
    ///
    /// # Errors
    /// When it cannot be written, or what was read back differs: then it is taken away again.
    pub fn store(&self, storage: &dyn Storage, keep: usize) -> io::Result<()> {
        let sequence = self.head.mark.sequence;
        storage.put(&snapshot_name(sequence), &self.bytes())?;
        if !Self::load(storage, sequence).is_ok_and(|found| found == *self) {
            storage.remove(&snapshot_name(sequence))?;
            return Err(io::Error::other(format!("{}: what was read back differs", snapshot_name(sequence))));
        }
        for older in snapshots(storage)?.into_iter().skip(keep.max(1)) {
            storage.remove(&snapshot_name(older))?;
        }
        Ok(())
    }
}

/// The snapshots that stand beside the segments, by their last inputs, the newest first.
///
/// # Errors
/// When the storage cannot be listed.
pub fn snapshots(storage: &dyn Storage) -> io::Result<Vec<u64>> {
    let mut found: Vec<u64> = storage.list()?.iter().filter_map(|name| snapshot_sequence(name)).collect();
    found.sort_unstable_by(|one, other| other.cmp(one));
    Ok(found)
}

impl Mark {
    /// Reads a journal, opened at the mark's segment, up to the mark; `false` when the journal has no such place, or ends before.
    ///
    /// # Errors
    /// [`JournalError`] when the journal is damaged on the way.
    pub fn reach(&self, reader: &mut Reader) -> Result<bool, JournalError> {
        while let Some((stamp, _)) = reader.next()? {
            if stamp.sequence >= self.sequence {
                let found = Stamp { sequence: self.sequence, time_ns: self.time_ns };
                return Ok(stamp == found && reader.position() == (self.segment, self.offset));
            }
        }
        Ok(false)
    }

    /// The segment that the mark lies in, of the journal in a directory, closed behind the mark: with it begins a journal that goes on
    /// from there. Its writer may write behind the mark meanwhile. `None` when the journal has no such place.
    ///
    /// # Errors
    /// [`JournalError`] when the journal cannot be read up to the mark.
    pub fn segment_in(&self, directory: &Path) -> Result<Option<(Head, Vec<u8>)>, JournalError> {
        let mut reader = Reader::open_at(directory, self.segment)?;
        if !self.reach(&mut reader)? {
            return Ok(None);
        }
        Ok(reader.segment().map(|(head, bytes)| {
            let mut bytes = bytes.to_vec();
            Head::cut(&mut bytes, reader.end_of_frames());
            (*head, bytes)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{JournalConfig, MemoryStorage, Writer};

    fn snapshot(bytes: usize) -> Snapshot {
        let identity = Identity { firm: 3, shard: 7, epoch: 2, settings: [9; SETTINGS], ..Identity::default() };
        let mark = Mark { sequence: 40, time_ns: 50, segment: 2, offset: 800 };
        Snapshot::new(identity, mark, 11, 1, (0..bytes).map(|at| (at * 7 % 251) as u8).collect())
    }

    #[test]
    fn it_is_read_as_it_was_written_and_every_flipped_bit_and_cut_is_refused() {
        for length in [0, 1, 700, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES + 5] {
            let one = snapshot(length);
            let bytes = one.bytes();
            assert_eq!(Snapshot::read(&bytes).expect("whole"), one);
            let step = if length > 1_000 { 997 } else { 1 };
            for at in (0..bytes.len()).step_by(step).chain(0..HEAD_BYTES + 16.min(length)) {
                for bit in 0..8 {
                    let mut changed = bytes.clone();
                    changed[at] ^= 1 << bit;
                    assert!(Snapshot::read(&changed).is_err(), "length {length}, byte {at}, bit {bit}");
                }
                let cut = Snapshot::read(&bytes[..at]).expect_err("cut").to_string();
                assert!(cut.starts_with(&format!("it ends at byte {at};")), "{cut}");
            }
            let more = Snapshot::read(&[&bytes[..], &[0]].concat()).expect_err("longer").to_string();
            assert_eq!(more, format!("its end is at byte {}, and more follows", bytes.len()));
        }
    }

    #[test]
    fn blocks_cannot_change_their_places() {
        let mut bytes = snapshot(2 * BLOCK_BYTES).bytes();
        let whole = BLOCK_HEAD_BYTES + BLOCK_BYTES;
        let (first, second) = bytes[HEAD_BYTES..].split_at_mut(whole);
        first.swap_with_slice(second);
        assert!(matches!(Snapshot::read(&bytes), Err(SnapshotError::Block(at)) if at == HEAD_BYTES as u64));
    }

    #[test]
    fn the_newest_are_kept_and_a_full_disk_takes_none_away() {
        let storage = MemoryStorage::new();
        let mut one = snapshot(90);
        for sequence in [5, 30, 7, 200, 41] {
            one.head.mark.sequence = sequence;
            one.store(&*storage, 3).expect("room");
        }
        assert_eq!(snapshots(&*storage).expect("listed"), [200, 41, 30]);
        storage.set_capacity(storage.used());
        one.head.mark.sequence = 900;
        assert!(one.store(&*storage, 1).is_err());
        assert_eq!(snapshots(&*storage).expect("listed"), [200, 41, 30]);
    }

    #[test]
    fn a_mark_is_reached_in_its_own_journal_alone() {
        let write = |time_ns: u64, count: u64| {
            let storage = MemoryStorage::new();
            let config = JournalConfig { segment_bytes: 1 << 12, ..JournalConfig::new(Identity::default()) };
            let mut writer = Writer::create(storage.clone(), config).expect("a fresh segment");
            let mut marks = Vec::new();
            for sequence in 1..=count {
                let record = records::Timer::new();
                let stamp = Stamp { sequence, time_ns: time_ns + sequence };
                writer.append(stamp, records::bytes_of(&record)).expect("room");
                let (segment, offset) = writer.position();
                marks.push(Mark { sequence, time_ns: stamp.time_ns, segment, offset: offset as u64 });
                writer.prepare().expect("room");
            }
            (storage, marks)
        };
        let (storage, marks) = write(0, 200);
        for mark in &marks {
            let mut reader = Reader::from_storage_at(&*storage, 1 << 12, mark.segment).expect("there");
            assert!(mark.reach(&mut reader).expect("whole"), "{mark:?}");
            assert_eq!(
                reader.next().expect("whole").map(|found| found.0.sequence),
                marks.get(mark.sequence as usize).map(|next| next.sequence)
            );
            let (other, _) = write(1, 200);
            let mut reader = Reader::from_storage_at(&*other, 1 << 12, mark.segment).expect("there");
            assert!(!mark.reach(&mut reader).expect("whole"));
        }
        let (shorter, _) = write(0, 150);
        let mut reader = Reader::from_storage_at(&*shorter, 1 << 12, 0).expect("there");
        assert!(!marks[199].reach(&mut reader).expect("whole"), "the journal ends before it");
    }

    #[test]
    fn a_journal_begins_with_the_segment_of_a_mark_and_ends_there_while_its_writer_goes_on() {
        let directory = std::env::temp_dir().join(format!("meridian-mark-{}", std::process::id()));
        let storage = std::rc::Rc::new(tiles::RealStorage::new(&directory).expect("storage"));
        let config = JournalConfig { segment_bytes: 1 << 12, ..JournalConfig::new(Identity::default()) };
        let mut writer = Writer::create(storage, config).expect("a fresh segment");
        let mut marks = Vec::new();
        for sequence in 1..=200 {
            writer.prepare().expect("room");
            let stamp = Stamp { sequence, time_ns: sequence };
            writer.append(stamp, records::bytes_of(&records::Timer::new())).expect("room");
            let (segment, offset) = writer.position();
            marks.push(Mark { sequence, time_ns: sequence, segment, offset: offset as u64 });
        }
        for mark in &marks {
            let (head, bytes) = mark.segment_in(&directory).expect("whole").expect("there");
            assert_eq!((head.segment, bytes.len()), (mark.segment, 1 << 12));
            let summary = Reader::from_segments(vec![(head.segment, bytes)]).expect("whole").verify().expect("whole");
            assert_eq!((summary.first.sequence, summary.last.sequence), (head.first_sequence, mark.sequence));
            assert!(summary.closed && summary.torn_bytes == 0);
            let other = Mark { time_ns: mark.time_ns + 1, ..*mark };
            assert!(other.segment_in(&directory).expect("whole").is_none());
        }
        std::fs::remove_dir_all(directory).expect("ours");
    }
}
