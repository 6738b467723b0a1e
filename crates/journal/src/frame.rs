//! One record in a segment: length, checksum, stamp, bytes.
//!
//! Invariant: frames are 8-byte aligned and follow each other without holes; the length word is written last, so that a
//! process that dies while it appends leaves a zero length, never half a frame that looks whole.

use records::Stamp;
use records::broken::{Variant, is_broken};

use crate::checksum::checksum;

/// The length word's lower half is the record's length; its upper half says how far before this record the device was known to have
/// everything when it was written. 0: nothing is said, as in journals of format 1, those that nobody forces, and further back than this.
const LENGTH_BITS: u32 = 16;
const BACK_MAX: u64 = (1 << (32 - LENGTH_BITS)) - 1;
const _: () = assert!(records::RECORD_BYTES_MAX < 1 << LENGTH_BITS);

/// Bytes before a record: length (u32), checksum (u32), stamp (16).
pub const FRAME_HEAD_BYTES: usize = 24;

/// Bytes that a record of this length takes in a segment.
pub const fn frame_bytes(record_bytes: usize) -> usize {
    FRAME_HEAD_BYTES + record_bytes.next_multiple_of(8)
}

/// Writes one frame at the start of `to`, which must be long enough; `durable`: up to which sequence the device is known to have
/// everything, the stamp's own or a later one where nothing is known.
#[inline]
pub(crate) fn write(to: &mut [u8], stamp: Stamp, record: &[u8], durable: u64) {
    let back = stamp.sequence.saturating_sub(durable);
    let back = if back > BACK_MAX { 0 } else { back as u32 };
    let length = record.len() as u32 | back << LENGTH_BITS;
    let sum = checksum(length, stamp, record);
    to[4..8].copy_from_slice(&sum.to_le_bytes());
    to[8..16].copy_from_slice(&stamp.sequence.to_le_bytes());
    to[16..24].copy_from_slice(&stamp.time_ns.to_le_bytes());
    to[FRAME_HEAD_BYTES..FRAME_HEAD_BYTES + record.len()].copy_from_slice(record);
    // Not before the rest, even where the mapping outlives this process.
    std::sync::atomic::fence(std::sync::atomic::Ordering::Release);
    to[..4].copy_from_slice(&length.to_le_bytes());
}

/// What stands at a place of a segment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Found<'a> {
    /// A whole frame: its stamp and record.
    Frame(Stamp, &'a [u8]),
    /// Zero length: nothing was written here.
    Empty,
    /// Neither: cut off while it was written, or damaged later.
    Damaged,
}

/// Reads the frame at the start of `from`.
pub(crate) fn read(from: &[u8]) -> Found<'_> {
    if from.len() < FRAME_HEAD_BYTES {
        return Found::Empty;
    }
    let word = word32(from, 0);
    if word == 0 {
        return Found::Empty;
    }
    let length = (word & ((1 << LENGTH_BITS) - 1)) as usize;
    let stamp = Stamp { sequence: word64(from, 8), time_ns: word64(from, 16) };
    let end = FRAME_HEAD_BYTES + length;
    if length == 0 || length > records::RECORD_BYTES_MAX || end > from.len() {
        return Found::Damaged;
    }
    let record = &from[FRAME_HEAD_BYTES..end];
    let whole = checksum(word, stamp, record) == word32(from, 4) || is_broken(Variant::DamageBelieved);
    if whole { Found::Frame(stamp, record) } else { Found::Damaged }
}

/// Up to which sequence the device was known to have everything when this whole frame was written; 0 where it does not say.
pub(crate) fn durable(from: &[u8]) -> u64 {
    match word32(from, 0) >> LENGTH_BITS {
        0 => 0,
        back => word64(from, 8).saturating_sub(u64::from(back)),
    }
}

pub(crate) fn word32(from: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(from[at..at + 4].try_into().expect("four bytes"))
}

pub(crate) fn word64(from: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(from[at..at + 8].try_into().expect("eight bytes"))
}
