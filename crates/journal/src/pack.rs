//! Compressed segments: `journal-NNN.segment.zst` beside, and later instead of, the segment that was closed.
//!
//! The file is one that every zstd reads: a skippable frame (RFC 8878, section 3.1.2) with the segment's head and the place and
//! checksums of each block, then one zstd frame a block of 256 KiB. Blocks are compressed by whoever keeps the journal; here they
//! are put together and read back.
//!
//! Invariant: every byte is covered by a checksum, and a file is made only of a closed segment whose every frame was walked and
//! whose blocks give the very same bytes when they are read again. Damage is told by the block that it lies in; the other blocks
//! are still read.

use std::io::Read;

use ruzstd::decoding::StreamingDecoder;

use crate::frame::{self, Found, frame_bytes, word32, word64};
use crate::head::{HEAD_BYTES, Head, HeadError};

/// Bytes of a segment in one block, the last one's but for what is left.
pub const PACK_BLOCK_BYTES: usize = 256 << 10;
/// Version of the format.
pub const PACK_FORMAT: u32 = 1;

/// Of a skippable frame; the last digit is ours to choose.
const SKIPPABLE: u32 = 0x184D_2A5D;
const MAGIC: [u8; 8] = *b"MRDPACK1";
const VERSION_AT: usize = 16;
const BLOCKS_AT: usize = 20;
const RAW_AT: usize = 24;
/// The head of the segment as it stands in its file.
const SEGMENT_HEAD_AT: usize = 32;
const TABLE_AT: usize = SEGMENT_HEAD_AT + HEAD_BYTES;
/// Of a block: its bytes (u32), their CRC-32, the CRC-32 of what they hold.
const ENTRY_BYTES: usize = 12;
/// More than a segment has; what a damaged count may ask for.
const BLOCKS_MAX: usize = 1 << 16;

/// The name of a compressed segment's file.
pub fn packed_name(segment: u64) -> String {
    format!("{}.zst", crate::segment_name(segment))
}

/// The number in a compressed segment's file name.
pub fn packed_number(name: &str) -> Option<u64> {
    crate::segment_number(name.strip_suffix(".zst")?)
}

/// Why a file is no compressed segment, or a segment is not compressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackError {
    /// Where in the file.
    pub offset: u64,
    /// What is wrong there: the end of a sentence.
    pub what: String,
}

impl PackError {
    fn new(offset: usize, what: impl Into<String>) -> Self {
        Self { offset: offset as u64, what: what.into() }
    }
}

impl std::fmt::Display for PackError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "byte {}: {}", self.offset, self.what)
    }
}

impl std::error::Error for PackError {}

/// A block of the file.
struct Block {
    at: usize,
    bytes: usize,
    sum: u32,
    raw_at: usize,
    raw_bytes: usize,
    raw_sum: u32,
}

impl Block {
    /// What it holds.
    fn read(&self, from: &[u8]) -> Result<Vec<u8>, PackError> {
        let wrong = |what: &str| PackError::new(self.at, what);
        let Some(packed) = from.get(self.at..self.at + self.bytes) else {
            return Err(PackError::new(from.len(), format!("it is truncated: {} are due", self.at + self.bytes)));
        };
        if crc32fast::hash(packed) != self.sum {
            return Err(wrong("this block was changed after it was written"));
        }
        let mut raw = Vec::with_capacity(self.raw_bytes);
        let decoder = StreamingDecoder::new(packed).map_err(|_| wrong("this block is no zstd frame"))?;
        let read = decoder.take(self.raw_bytes as u64 + 1).read_to_end(&mut raw);
        if read.is_err() || raw.len() != self.raw_bytes || crc32fast::hash(&raw) != self.raw_sum {
            return Err(wrong("this block holds other bytes than its segment had"));
        }
        Ok(raw)
    }
}

/// A closed segment, whose frames are walked, and its blocks, compressed one by one, as the file's bytes.
///
/// # Errors
/// [`PackError`], at a place of the segment, when it is not closed and whole; at a place of the file to be, when a block does not
/// give its part of the segment again.
pub fn pack(segment: &[u8], blocks: &[Vec<u8>]) -> Result<Vec<u8>, PackError> {
    closed(segment)?;
    let parts: Vec<&[u8]> = segment.chunks(PACK_BLOCK_BYTES).collect();
    if parts.len() != blocks.len() {
        return Err(PackError::new(0, format!("{} blocks are due, {} are given", parts.len(), blocks.len())));
    }
    let table_end = TABLE_AT + ENTRY_BYTES * blocks.len();
    let mut bytes = Vec::with_capacity(table_end + 4 + blocks.iter().map(Vec::len).sum::<usize>());
    bytes.extend_from_slice(&SKIPPABLE.to_le_bytes());
    bytes.extend_from_slice(&((table_end + 4 - 8) as u32).to_le_bytes());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&PACK_FORMAT.to_le_bytes());
    bytes.extend_from_slice(&(blocks.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&(segment.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&segment[..HEAD_BYTES]);
    for (part, block) in parts.iter().zip(blocks) {
        for word in [block.len() as u32, crc32fast::hash(block), crc32fast::hash(part)] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
    }
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
    blocks.iter().for_each(|block| bytes.extend_from_slice(block));
    if unpack(&bytes)? != segment {
        return Err(PackError::new(0, "what was read back differs"));
    }
    Ok(bytes)
}

/// The segment of a file.
///
/// # Errors
/// [`PackError`] at the first thing that does not fit.
pub fn unpack(from: &[u8]) -> Result<Vec<u8>, PackError> {
    let (mut segment, mut wrong) = unpack_sound(from);
    if wrong.is_empty() { Ok(std::mem::take(&mut segment)) } else { Err(wrong.swap_remove(0)) }
}

/// What of a segment can be read from its file, zeros where it cannot, and everything that is wrong. Empty where the head is.
pub(crate) fn unpack_sound(from: &[u8]) -> (Vec<u8>, Vec<PackError>) {
    let (blocks, end) = match table(from) {
        Ok(found) => found,
        Err(error) => return (Vec::new(), vec![error]),
    };
    let (mut segment, mut wrong) = (Vec::new(), Vec::new());
    for block in &blocks {
        debug_assert_eq!(segment.len(), block.raw_at);
        match block.read(from) {
            Ok(raw) => segment.extend_from_slice(&raw),
            Err(error) => {
                segment.resize(block.raw_at + block.raw_bytes, 0);
                wrong.push(error);
            }
        }
    }
    if from.len() > end {
        wrong.push(PackError::new(end, "its end is here, and more follows"));
    } else if segment.get(..HEAD_BYTES) != Some(&from[SEGMENT_HEAD_AT..TABLE_AT]) && wrong.is_empty() {
        wrong.push(PackError::new(SEGMENT_HEAD_AT, "the segment inside has another head"));
    }
    (segment, wrong)
}

/// The head of the segment of a file that begins so; the checksum over the table is looked at where the table is there.
///
/// # Errors
/// [`PackError`] when it does not begin as such a file does.
pub fn packed_head(from: &[u8]) -> Result<Head, PackError> {
    first_part(from)?;
    Head::read(&from[SEGMENT_HEAD_AT..TABLE_AT]).map_err(|error| PackError::new(SEGMENT_HEAD_AT, error.to_string()))
}

/// Bytes of a file that [`packed_head`] looks at.
pub const PACKED_HEAD_BYTES: usize = TABLE_AT;

fn first_part(from: &[u8]) -> Result<(), PackError> {
    if from.len() < TABLE_AT {
        return Err(PackError::new(from.len(), "it is truncated, within the head"));
    }
    if word32(from, 0) != SKIPPABLE || from[8..16] != MAGIC {
        return Err(PackError::new(0, "its file does not begin as a compressed segment does"));
    }
    let version = word32(from, VERSION_AT);
    if version != PACK_FORMAT {
        let what = format!("its format is version {version}, this build reads {PACK_FORMAT}");
        return Err(PackError::new(VERSION_AT, what));
    }
    Ok(())
}

/// The blocks, and where the file ends.
fn table(from: &[u8]) -> Result<(Vec<Block>, usize), PackError> {
    first_part(from)?;
    let damaged = || PackError::new(0, "its head is damaged");
    let (count, raw_bytes) = (word32(from, BLOCKS_AT) as usize, word64(from, RAW_AT));
    let table_end = TABLE_AT + ENTRY_BYTES * count.min(BLOCKS_MAX);
    if count > BLOCKS_MAX || word32(from, 4) as usize != table_end + 4 - 8 {
        return Err(damaged());
    }
    if from.len() < table_end + 4 {
        return Err(PackError::new(from.len(), "it is truncated, within the head"));
    }
    let raw_bytes = usize::try_from(raw_bytes).map_err(|_| damaged())?;
    if crc32fast::hash(&from[..table_end]) != word32(from, table_end)
        || raw_bytes.div_ceil(PACK_BLOCK_BYTES) != count
        || raw_bytes < HEAD_BYTES
    {
        return Err(damaged());
    }
    let mut at = table_end + 4;
    let mut blocks = Vec::with_capacity(count);
    for number in 0..count {
        let entry = TABLE_AT + ENTRY_BYTES * number;
        let bytes = word32(from, entry) as usize;
        let raw_at = number * PACK_BLOCK_BYTES;
        let (sum, raw_sum) = (word32(from, entry + 4), word32(from, entry + 8));
        let raw_bytes = PACK_BLOCK_BYTES.min(raw_bytes - raw_at);
        blocks.push(Block { at, bytes, sum, raw_at, raw_bytes, raw_sum });
        at += bytes;
    }
    Ok((blocks, at))
}

/// Whether a segment is closed, every frame of it whole and in order, and nothing but zeros behind its end where it promises that.
fn closed(segment: &[u8]) -> Result<(), PackError> {
    let head =
        Head::read(segment).map_err(|error: HeadError| PackError::new(error.offset() as usize, error.to_string()))?;
    if head.end == 0 {
        return Err(PackError::new(0, "it is not closed yet"));
    }
    if head.segment_bytes != segment.len() as u64 {
        let made = head.segment_bytes;
        return Err(PackError::new(segment.len(), format!("its file is not as long as it was made, {made} bytes")));
    }
    let end = head.end as usize;
    let (mut at, mut due) = (HEAD_BYTES, head.first_sequence);
    while let Some(Found::Frame(stamp, record)) = segment.get(at..end).map(frame::read) {
        if stamp.sequence != due {
            break;
        }
        at += frame_bytes(record.len());
        due += 1;
    }
    if at != end {
        return Err(PackError::new(at, format!("record {due} is damaged")));
    }
    let stray = segment[end..].iter().position(|byte| *byte != 0).filter(|_| head.clean);
    match head.stray_byte(segment, head.end).or(stray.map(|byte| (end + byte) as u64)) {
        Some(byte) => Err(PackError { offset: byte, what: "a byte that holds nothing was changed".to_owned() }),
        None => Ok(()),
    }
}
