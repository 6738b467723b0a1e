//! The merger: gives every input its place and the engine's time, and journals it, before the fold sees it.
//!
//! Invariant: sequences have no gap, time never goes back, and the fold is given nothing that is not in the journal.

use journal::{Back, Cursor, Full, Writer};
use records::Stamp;
use records::broken::{Variant, is_broken};
use tiles::FlushFailed;

/// Stamps and journals.
pub struct Merger {
    writer: Option<Writer>,
    last: Stamp,
}

impl Merger {
    /// A merger that goes on after `last` (a zero stamp for a new engine). Without a writer the durability is `none`.
    pub fn new(writer: Option<Writer>, last: Stamp) -> Self {
        Self { writer, last }
    }

    /// The stamp of a record, which is in the journal when this returns.
    ///
    /// # Errors
    /// [`Full`]: the record is not journaled and must not be folded.
    #[inline]
    pub fn stamp(&mut self, now_ns: u64, record: &[u8]) -> Result<Stamp, Full> {
        let stamp = Stamp { sequence: self.last.sequence + 1, time_ns: now_ns.max(self.last.time_ns) };
        let kept = !(is_broken(Variant::InputsNotJournaled) && stamp.sequence.is_multiple_of(512));
        if let Some(writer) = self.writer.as_mut().filter(|_| kept) {
            writer.append(stamp, record)?;
        }
        self.last = stamp;
        Ok(stamp)
    }

    /// Takes the stamp that another merger gave, and journals: `false` where it does not follow the last one.
    ///
    /// # Errors
    /// [`Full`]: the record is not journaled and must not be folded.
    pub fn follow(&mut self, stamp: Stamp, record: &[u8]) -> Result<bool, Full> {
        if stamp.sequence != self.last.sequence + 1 || stamp.time_ns < self.last.time_ns {
            return Ok(false);
        }
        if let Some(writer) = &mut self.writer {
            writer.append(stamp, record)?;
        }
        self.last = stamp;
        Ok(true)
    }

    /// As [`Writer::cursor`].
    pub fn cursor(&self, sequence: u64) -> Option<Cursor> {
        self.writer.as_ref()?.cursor(sequence)
    }

    /// As [`Writer::read`].
    #[inline]
    pub fn read(&self, cursor: &mut Cursor) -> Back<'_> {
        self.writer.as_ref().map_or(Back::Gone, |writer| writer.read(cursor))
    }

    /// The last stamp given.
    pub fn last(&self) -> Stamp {
        self.last
    }

    /// One bounded piece of the journal's cold work; see [`Writer::prepare`].
    ///
    /// # Errors
    /// When the storage has no room for the next segment.
    pub fn prepare(&mut self) -> std::io::Result<bool> {
        self.writer.as_mut().map_or(Ok(false), Writer::prepare)
    }

    /// Up to which input the device has everything.
    ///
    /// # Errors
    /// [`FlushFailed`], for good, once it refused.
    #[inline]
    pub fn durable(&mut self) -> Result<u64, FlushFailed> {
        self.writer.as_mut().map_or(Ok(self.last.sequence), Writer::durable)
    }

    /// How often a pass waited for the storage.
    pub fn rolls_unprepared(&self) -> u64 {
        self.writer.as_ref().map_or(0, Writer::rolls_unprepared)
    }

    /// Closes the journal.
    ///
    /// # Errors
    /// When the device refuses.
    pub fn close(&mut self) -> std::io::Result<()> {
        self.writer.as_mut().map_or(Ok(()), Writer::close)
    }
}
