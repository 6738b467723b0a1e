//! The reader: every record of a journal in order, or where and why it ends early.
//!
//! Invariant: a record is handed over only when its checksum, its sequence and its time fit. The last segment of a writer
//! that died may end in a torn frame, which is cut; so is the tail that a lost host's device wrote in another order than it was
//! written in (`left`). Damage anywhere else is an error with its place, never skipped.

use std::io;
use std::path::Path;

use records::Stamp;

use crate::frame::{self, Found, frame_bytes};
use crate::head::{HEAD_BYTES, Head, HeadError, Identity};
use crate::left::Left;
use crate::retained::Retained;
use crate::source::{self, Source};

/// What is wrong with a journal, and where.
#[derive(Debug)]
pub enum JournalError {
    /// A file cannot be read.
    Io(io::Error),
    /// There is no segment.
    Empty,
    /// Its begin was lost with its host, and nothing that stands behind it had been promised.
    Lost {
        /// Whole records behind it.
        records: u64,
    },
    /// A segment's head.
    Head {
        /// Which segment.
        segment: u64,
        /// What is wrong.
        error: HeadError,
    },
    /// A segment is missing, or belongs to another journal.
    Sequence {
        /// Which segment.
        segment: u64,
        /// Sequence that was due.
        expected: u64,
        /// Sequence that was found.
        found: u64,
    },
    /// A segment between two others is not there.
    Missing {
        /// The one that was due.
        segment: u64,
        /// The one that is there instead.
        found: u64,
    },
    /// A segment is another engine's.
    Foreign {
        /// Which segment.
        segment: u64,
        /// Firm and shard that the journal is of.
        due: (u16, u16),
        /// Firm and shard of the segment.
        found: (u16, u16),
    },
    /// A segment's file is shorter or longer than it was made.
    Length {
        /// Which segment.
        segment: u64,
        /// Bytes of its file.
        bytes: u64,
        /// Bytes that its head says.
        made: u64,
    },
    /// A compressed segment cannot be read.
    Packed {
        /// Which segment.
        segment: u64,
        /// Where in its compressed file.
        offset: u64,
        /// What is wrong there: the end of a sentence.
        what: String,
    },
    /// The journal's begin is asked for and is not here.
    Begin {
        /// The first segment that is here.
        segment: u64,
        /// The first record.
        sequence: u64,
        /// Where what was taken away was put before, if it is known.
        shipped_to: Option<String>,
    },
    /// Bytes inside the journal were changed after they were written.
    Damaged {
        /// Which segment.
        segment: u64,
        /// Where in its file.
        offset: u64,
        /// Sequence of the record that should be there.
        sequence: u64,
    },
}

impl std::fmt::Display for JournalError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => write!(formatter, "journal: {}", tiles::reason(error)),
            Self::Empty => formatter.write_str("journal: no segment here"),
            Self::Lost { records } => write!(
                formatter,
                "journal: its begin was lost with its host, before the device had anything of it; {records} records behind \
                 it are nobody's: move the segments away to begin anew"
            ),
            Self::Head { segment, error } => write!(formatter, "journal: segment {segment}: {error}"),
            Self::Sequence { segment, expected, found } => {
                write!(formatter, "journal: segment {segment}: sequence {expected} is due, {found} is there")
            }
            Self::Missing { segment, found } => {
                write!(formatter, "journal: segment {segment} is missing; segment {found} comes in its place")
            }
            Self::Foreign { segment, due, found } => {
                let [(firm, shard), (other_firm, other_shard)] = [due, found];
                write!(
                    formatter,
                    "journal: segment {segment} is another engine's: firm {other_firm}, shard {other_shard}; \
                     the journal is of firm {firm}, shard {shard}"
                )
            }
            Self::Length { segment, bytes, made } => {
                let how = if bytes < made { "truncated" } else { "longer than it was made" };
                write!(formatter, "journal: segment {segment} is {how}: {bytes} bytes are there, {made} were made")
            }
            Self::Packed { segment, offset, what } => {
                write!(formatter, "journal: segment {segment}, compressed, byte {offset}: {what}")
            }
            Self::Begin { segment, sequence, shipped_to } => {
                let last = sequence - 1;
                write!(
                    formatter,
                    "journal: it begins at record {sequence} (segment {segment}); 1 to {last} are needed: "
                )?;
                match shipped_to {
                    Some(place) => write!(formatter, "`meridian journal fetch` brings them from {place}"),
                    None => formatter.write_str("put the missing segments back from where they were copied to"),
                }
            }
            Self::Damaged { segment, offset, sequence } => {
                write!(formatter, "journal: segment {segment}, byte {offset}: record {sequence} is damaged")
            }
        }
    }
}

impl std::error::Error for JournalError {}

impl JournalError {
    /// The segment and the place in its file; `None` where it is not about a place.
    pub fn place(&self) -> Option<(u64, u64)> {
        match self {
            Self::Io(_) | Self::Empty | Self::Lost { .. } => None,
            Self::Head { segment, error } => Some((*segment, error.offset())),
            Self::Sequence { segment, .. } => Some((*segment, 32)),
            Self::Missing { segment, .. } => Some((*segment, 0)),
            Self::Foreign { segment, .. } => Some((*segment, 12)),
            Self::Length { segment, bytes, made } => Some((*segment, *bytes.min(made))),
            Self::Damaged { segment, offset, .. } | Self::Packed { segment, offset, .. } => Some((*segment, *offset)),
            Self::Begin { segment, .. } => Some((*segment, 32)),
        }
    }
}

impl From<io::Error> for JournalError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What a journal holds, after it was read to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Summary {
    /// Segments read.
    pub segments: u64,
    /// Records.
    pub records: u64,
    /// Bytes of records and their frames.
    pub bytes: u64,
    /// First stamp.
    pub first: Stamp,
    /// Last stamp.
    pub last: Stamp,
    /// Whether the writer closed it.
    pub closed: bool,
    /// Bytes of a torn frame cut from the end, with all that stands behind it.
    pub torn_bytes: u64,
    /// Whole records that stand behind it.
    pub torn_records: u64,
    /// Whether what is cut is the tail that a lost host left: also later segments, and what stands before a segment's end.
    pub cut: bool,
    /// Number of the last segment.
    pub last_segment: u64,
}

/// Reads a journal's segments one after the other.
pub struct Reader {
    sources: Vec<(u64, Source)>,
    next_source: usize,
    bytes: Vec<u8>,
    head: Option<Head>,
    identity: Identity,
    at: usize,
    summary: Summary,
    done: bool,
    /// The host's start in which this is read; 0: unknown, and every hole is damage.
    boot: u64,
}

impl Reader {
    /// Opens the journal in a directory.
    ///
    /// # Errors
    /// When there is none, or its first head cannot be read.
    pub fn open(directory: &Path) -> Result<Self, JournalError> {
        Self::start(Self::sources(directory)?, tiles::boot())
    }

    /// The segments of a directory, in order.
    pub(crate) fn sources(directory: &Path) -> Result<Vec<(u64, Source)>, JournalError> {
        let found = source::segments_in(directory)?;
        Ok(found.into_iter().map(|number| (number, Source::Directory(directory.to_owned(), number))).collect())
    }

    /// As [`Reader::open`], for who needs every record from the first one on.
    ///
    /// # Errors
    /// As for [`Reader::open`]; [`JournalError::Begin`] when the first segments were taken away.
    pub fn open_whole(directory: &Path) -> Result<Self, JournalError> {
        let mut reader = Self::open(directory)?;
        reader.require_begin(&|| Retained::of(directory))?;
        Ok(reader)
    }

    /// Whether nothing comes before what this reader reads first; `retained` says what is known of that which does.
    ///
    /// # Errors
    /// [`JournalError::Begin`] when something does; [`JournalError::Lost`] when nobody took it away and its host was lost before
    /// the device had anything of the journal for certain.
    pub fn require_begin(&mut self, retained: &dyn Fn() -> Option<Retained>) -> Result<(), JournalError> {
        let Some(head) = self.head.filter(|head| self.summary.segments == 1 && head.first_sequence > 1) else {
            return Ok(());
        };
        let retained = retained();
        let lost = retained.is_none().then(|| self.left(true, None)).flatten();
        if let Some(left) = lost.filter(|left| left.may_be_lost(self.boot, Stamp::default())) {
            return Err(JournalError::Lost { records: left.records });
        }
        let shipped_to = retained.and_then(|retained| retained.shipped_to);
        Err(JournalError::Begin { segment: head.segment, sequence: head.first_sequence, shipped_to })
    }

    /// Opens the journal in a directory at the segment that holds the record after this sequence; what stands before it in
    /// that segment is read too.
    ///
    /// # Errors
    /// As for [`Reader::open`].
    pub fn open_after(directory: &Path, sequence: u64) -> Result<Self, JournalError> {
        let mut sources = Self::sources(directory)?;
        let begins_before = |source: &Source| source.first_sequence().is_some_and(|first| first <= sequence + 1);
        let passed = sources.iter().skip(1).take_while(|(_, source)| begins_before(source)).count();
        sources.drain(..passed);
        Self::start(sources, tiles::boot())
    }

    /// Reads segments that are in memory (with their numbers).
    ///
    /// # Errors
    /// As for [`Reader::open`].
    pub fn from_segments(segments: Vec<(u64, Vec<u8>)>) -> Result<Self, JournalError> {
        Self::start(segments.into_iter().map(|(number, bytes)| (number, Source::Bytes(bytes))).collect(), 0)
    }

    /// Reads the journal that stands in a tile's storage.
    ///
    /// # Errors
    /// As for [`Reader::open`].
    pub fn from_storage(storage: &dyn tiles::Storage, segment_bytes: usize) -> Result<Self, JournalError> {
        Self::from_storage_at(storage, segment_bytes, 0)
    }

    /// The same from this segment on.
    ///
    /// # Errors
    /// As for [`Reader::open`].
    pub fn from_storage_at(
        storage: &dyn tiles::Storage,
        segment_bytes: usize,
        first: u64,
    ) -> Result<Self, JournalError> {
        Self::start(source::sources_of(storage, segment_bytes, first)?, storage.boot())
    }

    pub(crate) fn start(mut sources: Vec<(u64, Source)>, boot: u64) -> Result<Self, JournalError> {
        sources.sort_by_key(|(number, _)| *number);
        let mut reader = Self {
            sources,
            next_source: 0,
            bytes: Vec::new(),
            head: None,
            identity: Identity::default(),
            at: 0,
            summary: Summary::default(),
            done: false,
            boot,
        };
        if !reader.next_segment()? {
            let records = reader.summary.torn_records;
            return Err(if reader.summary.cut { JournalError::Lost { records } } else { JournalError::Empty });
        }
        reader.identity = reader.head.map(|head| head.identity).unwrap_or_default();
        Ok(reader)
    }

    /// Whose journal it is (of its first segment).
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What was read so far; whole once [`Reader::next`] gave `None`.
    pub fn summary(&self) -> Summary {
        self.summary
    }

    /// The segment that is read: its head and its bytes.
    pub(crate) fn segment(&self) -> Option<(&Head, &[u8])> {
        self.head.as_ref().map(|head| (head, self.bytes.as_slice()))
    }

    /// Opens the journal in a directory at this segment.
    ///
    /// # Errors
    /// As for [`Reader::open`].
    pub fn open_at(directory: &Path, first: u64) -> Result<Self, JournalError> {
        let mut sources = Self::sources(directory)?;
        sources.retain(|(number, _)| *number >= first);
        Self::start(sources, tiles::boot())
    }

    /// The segment that is read, and where the frames read so far end in it.
    pub fn position(&self) -> (u64, u64) {
        (self.summary.last_segment, self.at as u64)
    }

    /// Where the frames read so far end in their segment.
    pub(crate) fn end_of_frames(&self) -> usize {
        self.at
    }

    /// The next record, `None` at the end.
    ///
    /// # Errors
    /// [`JournalError`] at the first thing that does not fit.
    #[allow(clippy::should_implement_trait)] // Lends from the reader, which `Iterator` cannot say.
    pub fn next(&mut self) -> Result<Option<(Stamp, &[u8])>, JournalError> {
        loop {
            if self.done {
                return Ok(None);
            }
            let Some(head) = self.head else { return Ok(None) };
            let end = if head.end == 0 { self.bytes.len() } else { (head.end as usize).min(self.bytes.len()) };
            let expected = self.summary.last.sequence + 1;
            match frame::read(&self.bytes[self.at.min(end)..end]) {
                Found::Frame(stamp, record) => {
                    let in_order = self.summary.records == 0 || stamp.sequence == expected;
                    if !in_order || stamp.time_ns < self.summary.last.time_ns {
                        return Err(self.damaged(head.segment));
                    }
                    let length = record.len();
                    let start = self.at + frame::FRAME_HEAD_BYTES;
                    self.at += frame_bytes(length);
                    if self.summary.records == 0 {
                        self.summary.first = stamp;
                    }
                    self.summary.records += 1;
                    self.summary.bytes += frame_bytes(length) as u64;
                    self.summary.last = stamp;
                    return Ok(Some((stamp, &self.bytes[start..start + length])));
                }
                _ if head.end != 0 && self.at < end => self.end_before(self.damaged(head.segment), true, None)?,
                _ if head.end != 0 => {
                    self.summary.closed = true;
                    if !self.next_segment()? {
                        self.done = true;
                    }
                }
                _ => self.end_open(head.segment)?,
            }
        }
    }

    /// Reads to the end.
    ///
    /// # Errors
    /// [`JournalError`] at the first thing that does not fit.
    pub fn verify(&mut self) -> Result<Summary, JournalError> {
        while self.next()?.is_some() {}
        Ok(self.summary)
    }

    fn damaged(&self, segment: u64) -> JournalError {
        let sequence = if self.summary.records == 0 {
            self.head.map_or(1, |head| head.first_sequence)
        } else {
            self.summary.last.sequence + 1
        };
        JournalError::Damaged { segment, offset: self.at as u64, sequence }
    }

    /// The end of a segment that was not closed: its writer died there.
    fn end_open(&mut self, segment: u64) -> Result<(), JournalError> {
        let damaged = self.damaged(segment);
        let mut behind = Left::default();
        behind.look(None, &self.bytes, self.at);
        let ended = self.sources[self.next_source..].iter().all(|(_, source)| source.is_unused());
        if !ended || behind.records > 0 {
            let next = self.sources.get(self.next_source).filter(|_| behind.records == 0);
            if let Some((segment, error)) = next.and_then(|(number, source)| Some((*number, source.head_error()?))) {
                return Err(JournalError::Head { segment, error });
            }
            return self.end_before(damaged, true, None);
        }
        // Nothing follows but what it was about to write.
        self.next_segment()?;
        self.summary.closed = false;
        self.summary.torn_bytes = behind.bytes;
        self.done = true;
        Ok(())
    }

    /// Ends the journal before a hole, where a lost host may have left it and nothing promised is behind; else says what is `wrong`.
    /// `here`: the hole is in the segment that is read; `next`: the bytes of the next one, where they were read already.
    fn end_before(&mut self, wrong: JournalError, here: bool, next: Option<Vec<u8>>) -> Result<(), JournalError> {
        let left = self.left(here, next).filter(|left| left.may_be_lost(self.boot, self.summary.last));
        let Some(left) = left else { return Err(wrong) };
        (self.summary.torn_bytes, self.summary.torn_records) = (left.bytes, left.records);
        (self.summary.closed, self.summary.cut, self.done) = (false, true, true);
        Ok(())
    }

    /// What stands behind: in the segment that is read where it is `here`, in `next` and in all that follow. `None` where one of
    /// them is of no kind that a device may leave, or the host's start is not known.
    fn left(&mut self, here: bool, next: Option<Vec<u8>>) -> Option<Left> {
        if self.boot == 0 {
            return None;
        }
        let mut left = Left::default();
        if here {
            left.look(self.head.as_ref(), &self.bytes, self.at);
        }
        let rest = next.map(Some).into_iter();
        let rest = rest.chain(self.sources[self.next_source..].iter_mut().map(|(_, source)| source.load_plain()));
        for bytes in rest {
            let bytes = bytes?;
            match Head::read(&bytes) {
                Ok(head) => left.look(Some(&head), &bytes, HEAD_BYTES),
                Err(HeadError::Unused | HeadError::Short(0)) => left.look(None, &bytes, 0),
                Err(_) => return None,
            }
        }
        Some(left)
    }

    /// Goes to the next used segment; `false` when there is none.
    fn next_segment(&mut self) -> Result<bool, JournalError> {
        let Some((number, source)) = self.sources.get_mut(self.next_source) else { return Ok(false) };
        let number = *number;
        let bytes = source.load()?;
        self.next_source += 1;
        let number_due = self.head.map_or(number, |before| before.segment + 1);
        let head = match Head::read(&bytes) {
            Ok(head) => head,
            // The spare; and with it the one before, where the host was lost before that was forced.
            Err(HeadError::Unused) if self.sources[self.next_source..].iter().all(|(_, source)| source.is_unused()) => {
                return Ok(false);
            }
            // Its writer died while it made the file.
            Err(HeadError::Short(0)) if self.next_source == self.sources.len() && self.head.is_some() => {
                return Ok(false);
            }
            Err(error) => {
                let lost = matches!(error, HeadError::Unused | HeadError::Short(0));
                let wrong = JournalError::Head { segment: number, error };
                return if lost { self.end_before(wrong, false, Some(bytes)).map(|()| false) } else { Err(wrong) };
            }
        };
        let due = if self.head.is_some() { self.summary.last.sequence + 1 } else { head.first_sequence };
        if head.segment != number || number != number_due {
            let wrong = JournalError::Missing { segment: number_due, found: head.segment };
            return if number > number_due {
                self.end_before(wrong, false, Some(bytes)).map(|()| false)
            } else {
                Err(wrong)
            };
        }
        let of = |head: &Head| (head.identity.firm, head.identity.shard);
        if let Some(before) = self.head.as_ref().filter(|before| of(before) != of(&head)) {
            return Err(JournalError::Foreign { segment: number, due: of(before), found: of(&head) });
        }
        if head.segment_bytes != bytes.len() as u64 {
            let (bytes, made) = (bytes.len() as u64, head.segment_bytes);
            return Err(JournalError::Length { segment: number, bytes, made });
        }
        if head.first_sequence != due {
            let wrong = JournalError::Sequence { segment: number, expected: due, found: head.first_sequence };
            let later = head.first_sequence > due;
            return if later { self.end_before(wrong, false, Some(bytes)).map(|()| false) } else { Err(wrong) };
        }
        self.bytes = bytes;
        self.head = Some(head);
        self.at = HEAD_BYTES;
        self.summary.segments += 1;
        self.summary.last_segment = number;
        Ok(true)
    }
}
