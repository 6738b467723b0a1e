//! The head of a segment: whose input it holds, and where it starts.
//!
//! Invariant: the head is written whole and checksummed before the first frame; only its end mark is written later, once,
//! when the segment is closed or rolled: its checksum first, so that a writer that dies meanwhile leaves an open segment. It
//! says, too, that nothing but zeros stands behind the end; segments of the first release do not promise that.

use crate::frame::{word32, word64};

/// Bytes of a head.
pub const HEAD_BYTES: usize = 320;
/// Version of the segment format that is written. Version 1, which is read too, does not say `boot` and `durable`.
pub const FORMAT_VERSION: u32 = 2;
const FORMAT_VERSION_FIRST: u32 = 1;
/// Words of settings that a journal's owner keeps in each head.
pub const SETTINGS: usize = 16;

const MAGIC: [u8; 8] = *b"MRDJRNL1";
const SUMMED_BYTES: usize = 288;
const SUM_AT: usize = 288;
const END_AT: usize = 296;
const END_SUM_AT: usize = 304;
const CLEAN_AT: usize = 308;
const CLEAN: u32 = 0x6e61_656c;
/// Of the records' schema: those of the first release did not say it.
const SCHEMA_AT: usize = 48;
const BOOT_AT: usize = 256;
const DURABLE_AT: usize = 264;
/// Bytes of a head that no checksum covers and no release has written.
const NEVER_WRITTEN: [std::ops::Range<usize>; 2] = [292..296, 312..HEAD_BYTES];

/// Whose journal it is and what it was running; the same in every segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Identity {
    /// Firm.
    pub firm: u16,
    /// Engine shard.
    pub shard: u16,
    /// Epoch of the shard.
    pub epoch: u16,
    /// SHA-256 of the reference data.
    pub reference_hash: [u8; 32],
    /// SHA-256 of the release: code, configuration, strategies.
    pub release_hash: [u8; 32],
    /// The owner's settings that a replay must repeat, as words that this crate does not read.
    pub settings: [u64; SETTINGS],
}

/// A segment's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Whose.
    pub identity: Identity,
    /// Place of the segment in the journal, from 0.
    pub segment: u64,
    /// Sequence of its first frame.
    pub first_sequence: u64,
    /// Size of the file.
    pub segment_bytes: u64,
    /// The host's start in which it was begun ([`tiles::Storage::boot`]); 0: unknown.
    pub boot: u64,
    /// Of a journal that is forced: up to which sequence the device was known to have everything when the segment was begun.
    pub durable: Option<u64>,
    /// Where the frames end, once the segment was closed; 0 while it is open or its writer died.
    pub end: u64,
    /// Whether nothing but zeros stands behind the end.
    pub clean: bool,
}

/// Why a segment cannot be read at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadError {
    /// No frame was ever meant to be here: a spare, all zero.
    Unused,
    /// Not a segment.
    Magic,
    /// The file ends within its head, after so many bytes.
    Short(u64),
    /// Another format version.
    Version(u32),
    /// Records of a newer schema than this build's.
    Schema(u32),
    /// The head's checksum does not match.
    Checksum,
    /// The mark of the end, which is written when a segment is closed, is damaged.
    EndMark,
}

impl HeadError {
    /// Where in the file it is.
    pub fn offset(&self) -> u64 {
        match self {
            Self::Unused | Self::Magic | Self::Checksum => 0,
            Self::Short(bytes) => *bytes,
            Self::Version(_) => 8,
            Self::Schema(_) => SCHEMA_AT as u64,
            Self::EndMark => END_AT as u64,
        }
    }
}

impl std::fmt::Display for HeadError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unused => formatter.write_str("nothing was written to it, and others follow"),
            Self::Magic => formatter.write_str("its file does not begin as a segment does"),
            Self::Short(bytes) => write!(formatter, "it is truncated: its file ends at byte {bytes}, within the head"),
            Self::Version(version) => {
                write!(formatter, "its format is version {version}, this build reads up to {FORMAT_VERSION}")
            }
            Self::Schema(schema) => {
                let known = records::SCHEMA;
                write!(
                    formatter,
                    "a newer release wrote it: records of schema {schema}, this build reads up to {known}"
                )
            }
            Self::Checksum => formatter.write_str("its head is damaged"),
            Self::EndMark => formatter.write_str("the mark of its end is damaged"),
        }
    }
}

impl Head {
    /// Writes the head; the magic last, so that a head is whole or absent.
    pub(crate) fn write(&self, to: &mut [u8]) {
        let mut bytes = [0_u8; HEAD_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes[12..14].copy_from_slice(&self.identity.firm.to_le_bytes());
        bytes[14..16].copy_from_slice(&self.identity.shard.to_le_bytes());
        bytes[16..18].copy_from_slice(&self.identity.epoch.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.segment.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.first_sequence.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.segment_bytes.to_le_bytes());
        bytes[SCHEMA_AT..SCHEMA_AT + 4].copy_from_slice(&records::SCHEMA.to_le_bytes());
        bytes[BOOT_AT..BOOT_AT + 8].copy_from_slice(&self.boot.to_le_bytes());
        // 0: nobody forces it.
        let durable = self.durable.map_or(0, |durable| durable + 1);
        bytes[DURABLE_AT..DURABLE_AT + 8].copy_from_slice(&durable.to_le_bytes());
        bytes[64..96].copy_from_slice(&self.identity.reference_hash);
        bytes[96..128].copy_from_slice(&self.identity.release_hash);
        for (place, word) in bytes[128..].chunks_exact_mut(8).zip(self.identity.settings) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        let sum = crc32fast::hash(&bytes[..SUMMED_BYTES]);
        bytes[SUM_AT..SUM_AT + 4].copy_from_slice(&sum.to_le_bytes());
        to[8..HEAD_BYTES].copy_from_slice(&bytes[8..]);
        std::sync::atomic::fence(std::sync::atomic::Ordering::Release);
        to[..8].copy_from_slice(&bytes[..8]);
    }

    /// Marks where the frames end; nothing but zeros may stand behind it.
    pub(crate) fn write_end(to: &mut [u8], end: u64) {
        to[END_SUM_AT..END_SUM_AT + 4].copy_from_slice(&crc32fast::hash(&end.to_le_bytes()).to_le_bytes());
        to[CLEAN_AT..CLEAN_AT + 4].copy_from_slice(&CLEAN.to_le_bytes());
        std::sync::atomic::fence(std::sync::atomic::Ordering::Release);
        to[END_AT..END_AT + 8].copy_from_slice(&end.to_le_bytes());
    }

    /// As [`Head::write_end`], after whatever a writer that died left behind the end was cleared. The segment may have been closed
    /// further back: it is open meanwhile.
    pub(crate) fn cut(to: &mut [u8], end: usize) {
        to[END_AT..END_AT + 8].fill(0);
        std::sync::atomic::fence(std::sync::atomic::Ordering::Release);
        to[end..].fill(0);
        Self::write_end(to, end as u64);
    }

    /// The first byte of a head that was changed where no checksum would tell; `frames_end`: where the frames end.
    pub(crate) fn stray_byte(&self, from: &[u8], frames_end: u64) -> Option<u64> {
        let stray = |at: &usize| from[*at] != 0;
        let unwritten = NEVER_WRITTEN.into_iter().flatten().find(stray);
        let marks = word32(from, CLEAN_AT);
        let marked = if marks == 0 || marks == CLEAN { None } else { Some(CLEAN_AT) };
        // Where the segment is open, its writer may have died while it wrote the mark.
        let sum = word32(from, END_SUM_AT);
        let dying = self.end == 0 && sum != 0 && sum != crc32fast::hash(&frames_end.to_le_bytes());
        unwritten.or(marked).or(dying.then_some(END_SUM_AT)).map(|at| at as u64)
    }

    /// Reads a head.
    ///
    /// # Errors
    /// [`HeadError`] when these bytes are not the start of a segment of this format.
    pub fn read(from: &[u8]) -> Result<Self, HeadError> {
        if from.len() < HEAD_BYTES {
            return Err(HeadError::Short(from.len() as u64));
        }
        if from[..HEAD_BYTES].iter().all(|byte| *byte == 0) {
            return Err(HeadError::Unused);
        }
        if from[..8] != MAGIC {
            return Err(HeadError::Magic);
        }
        if !(FORMAT_VERSION_FIRST..=FORMAT_VERSION).contains(&word32(from, 8)) {
            return Err(HeadError::Version(word32(from, 8)));
        }
        if crc32fast::hash(&from[..SUMMED_BYTES]) != word32(from, SUM_AT) {
            return Err(HeadError::Checksum);
        }
        if word32(from, SCHEMA_AT) > records::SCHEMA {
            return Err(HeadError::Schema(word32(from, SCHEMA_AT)));
        }
        let word16 = |at: usize| u16::from_le_bytes([from[at], from[at + 1]]);
        let mut settings = [0; SETTINGS];
        for (index, word) in settings.iter_mut().enumerate() {
            *word = word64(from, 128 + 8 * index);
        }
        let identity = Identity {
            firm: word16(12),
            shard: word16(14),
            epoch: word16(16),
            reference_hash: from[64..96].try_into().expect("32 bytes"),
            release_hash: from[96..128].try_into().expect("32 bytes"),
            settings,
        };
        let end = word64(from, END_AT);
        if end != 0 && crc32fast::hash(&end.to_le_bytes()) != word32(from, END_SUM_AT) {
            return Err(HeadError::EndMark);
        }
        let head = Self {
            identity,
            segment: word64(from, 24),
            first_sequence: word64(from, 32),
            segment_bytes: word64(from, 40),
            boot: word64(from, BOOT_AT),
            durable: word64(from, DURABLE_AT).checked_sub(1),
            end,
            clean: end != 0 && word32(from, CLEAN_AT) == CLEAN,
        };
        Ok(head)
    }
}
