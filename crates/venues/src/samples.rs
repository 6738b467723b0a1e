//! The mapped file of bad messages that a tile keeps for inspection.
//!
//! Invariant: it is written from its start; once full it keeps the first ones.

use std::io::{Result, Write};

use tiles::{Segment, Storage};

/// Its name, and its size.
const FILE: (&str, usize) = ("bad-messages", SAMPLES_BYTES as usize);
/// Its size.
pub const SAMPLES_BYTES: u64 = 1 << 20;

/// The file.
pub struct SamplesFile {
    segment: Box<dyn Segment>,
    at: usize,
}

impl SamplesFile {
    /// Opens it among the tile's own files.
    ///
    /// # Errors
    /// When the storage has no room.
    pub fn open(storage: &dyn Storage) -> Result<Self> {
        Ok(Self { segment: storage.open(FILE.0, FILE.1)?, at: 0 })
    }
}

impl Write for SamplesFile {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let room = &mut self.segment.bytes_mut()[self.at..];
        let count = room.len().min(bytes.len());
        room[..count].copy_from_slice(&bytes[..count]);
        self.at += count;
        Ok(count)
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}
