//! `quarantine.marks` beside a journal: calls of slots that ended or hung the process, for lives and replays that come after.
//!
//! Invariant: what is read is what was written, whole, or a sentence says why not; a mark is never lost by adding another one.

use std::path::Path;

use journal::{JournalError, Reader};
use records::{Hash64, Kind, Quarantine, bytes_of, read_from};
use tiles::Storage;

use crate::fold::{Engine, MarkTaken};

/// The file's name.
pub const MARKS_FILE: &str = "quarantine.marks";
/// Marks of one journal.
pub const MARKS_MAX: usize = 64;

const MAGIC: [u8; 8] = *b"MRDNQUA1";
/// Magic, and how many marks follow.
const HEAD_BYTES: usize = 16;
const MARK_BYTES: usize = size_of::<Quarantine>();
const SUM_BYTES: usize = 8;
const SLOT_MAX: u8 = 63;

/// Marks, in the order in which they were made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Marks(Vec<Quarantine>);

/// Why there are no marks to be had, or not one more.
#[derive(Debug, PartialEq, Eq)]
pub struct MarksError(String);

impl std::fmt::Display for MarksError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{MARKS_FILE}: {}", self.0)
    }
}

impl std::error::Error for MarksError {}

fn damaged(what: &str) -> MarksError {
    MarksError(format!(
        "is damaged: {what}; put back a whole one, or take it away: the next start then calls what ended the process again"
    ))
}

/// Whether two marks are of one call.
pub(crate) fn is_same(one: &Quarantine, other: &Quarantine) -> bool {
    (one.slot, one.input, one.call) == (other.slot, other.input, other.call)
}

fn sum_of(bytes: &[u8]) -> [u8; SUM_BYTES] {
    let mut hash = Hash64::default();
    hash.bytes(bytes);
    hash.value().to_le_bytes()
}

fn is_whole(mark: &Quarantine) -> bool {
    let header = mark.header;
    let framed =
        header.kind == Kind::Quarantine as u16 && usize::from(header.length) == MARK_BYTES && header.version == 1;
    framed && (1..=SLOT_MAX).contains(&mark.slot) && mark.input > 0 && mark.call > 0
}

/// The mark of the call that an engine was in when its process ended, by what it told ([`crate::Inside`]: call, input, code) and its
/// journal; `None`: it was in none.
///
/// # Errors
/// When the journal does not have that input, or is damaged before it.
pub fn mark_of(directory: &Path, [call, input, code]: [u64; 3]) -> Result<Option<Quarantine>, JournalError> {
    if call == 0 {
        return Ok(None);
    }
    let mut reader = Reader::open_after(directory, input.saturating_sub(1))?;
    let mut mark = Quarantine::new();
    while let Some((stamp, _)) = reader.next()? {
        if stamp.sequence == input {
            mark.input_time_ns = stamp.time_ns;
        }
    }
    if mark.input_time_ns == 0 {
        let missing = format!("the journal has no input {input}");
        return Err(JournalError::Io(std::io::Error::new(std::io::ErrorKind::InvalidData, missing)));
    }
    let identity = reader.identity();
    (mark.firm, mark.shard) = (identity.firm, identity.shard);
    (mark.input, mark.code, mark.slot_version) = (input, code, (call >> 32) as u32);
    [mark.slot, mark.callback, ..] = call.to_le_bytes();
    mark.call = (call >> 16) as u32 & u32::from(u16::MAX);
    Ok(Some(mark))
}

impl Marks {
    /// All of them.
    pub fn all(&self) -> &[Quarantine] {
        &self.0
    }

    /// Adds one; `false`: its call is marked already.
    ///
    /// # Errors
    /// When it is no mark, or there are [`MARKS_MAX`].
    pub fn add(&mut self, mark: &Quarantine) -> Result<bool, MarksError> {
        if !is_whole(mark) {
            let Quarantine { slot, input, call, .. } = mark;
            return Err(MarksError(format!(
                "slot {slot} at input {input}, call {call}, is no mark; allowed are slots 1 to {SLOT_MAX}, inputs and calls from 1"
            )));
        }
        if self.0.iter().any(|known| is_same(known, mark)) {
            return Ok(false);
        }
        if self.0.len() == MARKS_MAX {
            return Err(MarksError(format!("has {MARKS_MAX} marks, the most that a journal may have")));
        }
        self.0.push(*mark);
        Ok(true)
    }

    /// The file's content.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&(self.0.len() as u64).to_le_bytes());
        self.0.iter().for_each(|mark| bytes.extend_from_slice(bytes_of(mark)));
        let sum = sum_of(&bytes);
        bytes.extend_from_slice(&sum);
        bytes
    }

    /// From the file's content.
    ///
    /// # Errors
    /// When it is not what was written.
    pub fn read(bytes: &[u8]) -> Result<Self, MarksError> {
        if bytes.len() < HEAD_BYTES + SUM_BYTES || bytes[..MAGIC.len()] != MAGIC {
            return Err(damaged("it does not begin as a file of marks"));
        }
        let (content, sum) = bytes.split_at(bytes.len() - SUM_BYTES);
        if sum_of(content) != *sum {
            return Err(damaged("its sum does not fit"));
        }
        let count = u64::from_le_bytes(content[MAGIC.len()..HEAD_BYTES].try_into().expect("eight bytes"));
        let rest = &content[HEAD_BYTES..];
        if count > MARKS_MAX as u64 || rest.len() != count as usize * MARK_BYTES {
            return Err(damaged("it has not the marks that it names"));
        }
        let mut marks = Self::default();
        for mark in rest.chunks_exact(MARK_BYTES) {
            let mark = read_from::<Quarantine>(mark).ok_or_else(|| damaged("a mark is cut"))?;
            if !marks.add(&mark)? {
                return Err(damaged("a mark is there twice"));
            }
        }
        Ok(marks)
    }

    /// Those beside a journal; none where there is no file.
    ///
    /// # Errors
    /// When the file cannot be read, or is damaged.
    pub fn in_storage(storage: &dyn Storage) -> Result<Self, MarksError> {
        let read = || match storage.list()?.iter().any(|name| name == MARKS_FILE) {
            true => storage.read(MARKS_FILE).map(Some),
            false => Ok(None),
        };
        let bytes = read().map_err(|error| MarksError(format!("cannot be read: {}", tiles::reason(&error))))?;
        bytes.map_or(Ok(Self::default()), |bytes| Self::read(&bytes))
    }

    /// The same in a directory.
    ///
    /// # Errors
    /// As for [`Marks::in_storage`].
    pub fn in_directory(directory: &Path) -> Result<Self, MarksError> {
        match std::fs::read(directory.join(MARKS_FILE)) {
            Ok(bytes) => Self::read(&bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(MarksError(format!("cannot be read: {}", tiles::reason(&error)))),
        }
    }

    /// Gives them to an engine that stands before their inputs, or knows them.
    ///
    /// # Errors
    /// The first that it is past without having known it.
    pub(crate) fn give(&self, engine: &mut Engine) -> Result<(), MarksError> {
        let late = self.0.iter().find(|mark| matches!(engine.expect_mark(mark), MarkTaken::Late | MarkTaken::Full));
        late.map_or(Ok(()), |mark| {
            let Quarantine { slot, input, .. } = mark;
            Err(MarksError(format!(
                "slot {slot} at input {input}: this state is past it and was made without the mark"
            )))
        })
    }

    /// Adds those that the journal itself tells of: a journal alone is replayed with them.
    ///
    /// # Errors
    /// When the journal is damaged.
    pub(crate) fn add_journaled(&mut self, reader: &mut Reader) -> Result<(), JournalError> {
        while let Some((stamp, record)) = reader.next()? {
            let found = read_from::<records::Header>(record).filter(|header| header.kind == Kind::Quarantine as u16);
            if let Some(mark) = found.and_then(|_| read_from::<Quarantine>(record))
                && mark.input < stamp.sequence
            {
                // What is no mark is refused by the fold; what is too much, found again by whoever dies of it.
                let _ = self.add(&mark);
            }
        }
        Ok(())
    }
}

/// What a mark says of an engine that the fold did not take it for, for people.
pub(crate) fn refusal(mark: &Quarantine) -> MarksError {
    let Quarantine { slot, slot_version, input, code, .. } = mark;
    MarksError(format!(
        "slot {slot} (version {slot_version}, code {:016x}...) at input {input}: this journal has another input, engine or strategy \
         there; take away the file of another journal, or put back its own",
        code.swap_bytes()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(slot: u8, input: u64) -> Quarantine {
        let mut mark = Quarantine::new();
        (mark.slot, mark.input, mark.call) = (slot, input, 1);
        (mark.input_time_ns, mark.code, mark.slot_version) = (1 << 60, 0x0123_4567_89ab_cdef, 7);
        (mark.firm, mark.shard, mark.callback, mark.cause, mark.signal) = (1, 2, 2, 1, 11);
        mark
    }

    fn some() -> Marks {
        let mut marks = Marks::default();
        assert_eq!(marks.add(&mark(1, 10)), Ok(true));
        assert_eq!(marks.add(&mark(2, 10)), Ok(true));
        marks
    }

    #[test]
    fn marks_are_read_as_they_were_written_and_each_is_there_once() {
        let mut marks = some();
        assert_eq!(Marks::read(&marks.to_bytes()), Ok(marks.clone()));
        assert_eq!(Marks::read(&Marks::default().to_bytes()), Ok(Marks::default()));
        let again = Quarantine { time_ns: 9, ..mark(2, 10) };
        assert_eq!(marks.add(&again), Ok(false));
        assert_eq!(marks.all().len(), 2);
    }

    #[test]
    fn every_cut_every_flipped_bit_and_what_is_appended_is_refused() {
        let bytes = some().to_bytes();
        for at in 0..bytes.len() {
            assert!(Marks::read(&bytes[..at]).is_err(), "cut at {at}");
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                assert!(Marks::read(&changed).is_err(), "byte {at}, bit {bit}");
            }
        }
        assert!(Marks::read(&[&bytes[..], &[0]].concat()).is_err());
        let told = Marks::read(&bytes[..40]).unwrap_err().to_string();
        assert!(told.starts_with("quarantine.marks: is damaged: its sum does not fit; put back"), "{told}");
    }

    #[test]
    fn what_is_no_mark_and_one_too_many_is_refused() {
        for wrong in [mark(0, 1), mark(64, 1), mark(1, 0), Quarantine { call: 0, ..mark(1, 1) }] {
            assert!(Marks::default().add(&wrong).is_err());
        }
        let mut marks = Marks::default();
        (1..=MARKS_MAX as u64).for_each(|input| assert_eq!(marks.add(&mark(1, input)), Ok(true)));
        let full = marks.add(&mark(1, 1 << 30)).unwrap_err().to_string();
        assert_eq!(full, "quarantine.marks: has 64 marks, the most that a journal may have");
        assert_eq!(Marks::read(&marks.to_bytes()), Ok(marks));
    }
}
