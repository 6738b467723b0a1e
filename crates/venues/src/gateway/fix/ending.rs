//! How the last connection ended, in a file, for who asks after a session that is not up: why, and in whose words.
//!
//! Invariant: it is written without a system call, and told apart from a half-written one by its sum.

use records::{FixSessionEnding, bytes_of};
use sessions::fix::Session;
use tiles::{Segment, Storage};

/// In the tile's folder. Not of the store's name: a store takes what begins with it for its own.
const NAME: &str = "session-ending";
const FILE_BYTES: usize = 4096;

/// Bytes of the file, for the room that a tile asks for.
pub(super) const ENDING_BYTES: u64 = FILE_BYTES as u64;

/// The file.
pub struct EndingFile {
    segment: Box<dyn Segment>,
    change: u64,
}

impl EndingFile {
    /// Opens or makes it.
    ///
    /// # Errors
    /// When the storage refuses.
    pub fn open(storage: &dyn Storage) -> std::io::Result<Self> {
        let segment = storage.open(NAME, FILE_BYTES)?;
        let change = records::read_from::<FixSessionEnding>(segment.bytes()).map_or(0, |last| last.change);
        Ok(Self { segment, change })
    }

    /// The session's connection is gone.
    pub fn write(&mut self, session: &Session, now_ns: u64) {
        let Some(end) = session.ended() else { return };
        self.change += 1;
        let mut record = FixSessionEnding { ended_ns: now_ns, change: self.change, ..FixSessionEnding::zeroed() };
        let word = end.name().as_bytes();
        record.end[..word.len()].copy_from_slice(word);
        let words = session.last_words();
        record.words[..words.len()].copy_from_slice(words);
        let bytes = bytes_of(&record);
        record.sum = crc32fast::hash(&bytes[..bytes.len() - 4]);
        self.segment.bytes_mut()[..size_of::<FixSessionEnding>()].copy_from_slice(bytes_of(&record));
    }
}
