//! The follower: a journal's records as they are written, for who works beside its writer.
//!
//! Invariant: what it hands over is what a reader of the same journal hands over, in order, once; the writer knows nothing of it
//! and waits for nobody. A frame that is not whole yet is looked at again.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use records::Stamp;

use crate::frame::{self, Found, frame_bytes};
use crate::head::{HEAD_BYTES, Head, Identity};
use crate::pack::{self, packed_name};
use crate::reader::{JournalError, Reader};
use crate::retained::Retained;
use crate::snapshot::Mark;
use crate::source;
use crate::writer::segment_name;

/// Read at once.
const BUFFER_BYTES: usize = 256 * 1024;

/// A segment that is read: its file, which is still there for who has it open when it was taken away, or what a compressed one
/// holds.
enum Opened {
    File(File),
    Bytes(Vec<u8>),
}

impl Opened {
    fn read_at(&self, to: &mut [u8], at: u64) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read_at(to, at),
            Self::Bytes(bytes) => {
                let rest = usize::try_from(at).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
                let count = rest.len().min(to.len());
                to[..count].copy_from_slice(&rest[..count]);
                Ok(count)
            }
        }
    }
}

/// Follows the journal in a directory from its first record on.
pub struct Follower {
    directory: PathBuf,
    file: Opened,
    identity: Identity,
    number: u64,
    at: u64,
    last: Option<Stamp>,
    buffer: Vec<u8>,
}

impl Follower {
    /// Opens the journal at its first record; `None` while nothing was written.
    ///
    /// # Errors
    /// When the directory is there and cannot be read, or the segment is none of this format; [`JournalError::Begin`] when the
    /// first segments were taken away.
    pub fn open(directory: &Path) -> Result<Option<Self>, JournalError> {
        Self::from(directory, 1)
    }

    /// As [`Follower::open`], at the first record that is there, whatever was taken away before it.
    ///
    /// # Errors
    /// As for [`Follower::open`], but for that.
    pub fn open_kept(directory: &Path) -> Result<Option<Self>, JournalError> {
        Ok(Self::first(directory)?.map(|(follower, _)| follower))
    }

    /// At the first segment, which must not begin behind this sequence.
    fn from(directory: &Path, sequence: u64) -> Result<Option<Self>, JournalError> {
        let Some((follower, head)) = Self::first(directory)? else { return Ok(None) };
        if head.first_sequence > sequence {
            let shipped_to = Retained::of(directory).and_then(|retained| retained.shipped_to);
            return Err(JournalError::Begin { segment: head.segment, sequence: head.first_sequence, shipped_to });
        }
        Ok(Some(follower))
    }

    /// Whose the journal in a directory is, by its first segment; `None` while nothing was written.
    ///
    /// # Errors
    /// As for [`Follower::open`].
    pub fn identity_in(directory: &Path) -> Result<Option<Identity>, JournalError> {
        Ok(Self::first(directory)?.map(|(_, head)| head.identity))
    }

    fn first(directory: &Path) -> Result<Option<(Self, Head)>, JournalError> {
        let found = match source::segments_in(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            found => found?,
        };
        let Some(number) = found.first().copied() else { return Ok(None) };
        let Some((file, head)) = open_segment(directory, number)? else { return Ok(None) };
        let identity = head.identity;
        let (directory, buffer) = (directory.to_owned(), vec![0; BUFFER_BYTES]);
        Ok(Some((Self { directory, file, identity, number, at: HEAD_BYTES as u64, last: None, buffer }, head)))
    }

    /// Opens the journal at the segment that holds the record after this sequence; what stands before it in that segment is handed
    /// over too. `None` as for [`Follower::open`].
    ///
    /// # Errors
    /// As for [`Follower::open`].
    pub fn open_after(directory: &Path, sequence: u64) -> Result<Option<Self>, JournalError> {
        let Some(mut found) = Self::from(directory, sequence + 1)? else { return Ok(None) };
        while let Some((file, head)) = open_segment(directory, found.number + 1)? {
            if head.first_sequence > sequence + 1 {
                break;
            }
            (found.file, found.identity, found.number) = (file, head.identity, found.number + 1);
        }
        Ok(Some(found))
    }

    /// Opens the journal behind a mark: the next record handed over is the one after it. `None` when the journal has no such place.
    ///
    /// # Errors
    /// As for [`Follower::open`], and when the journal is damaged up to the mark.
    pub fn open_behind(directory: &Path, mark: &Mark) -> Result<Option<Self>, JournalError> {
        if !mark.reach(&mut Reader::open_at(directory, mark.segment)?)? {
            return Ok(None);
        }
        let Some((file, head)) = open_segment(directory, mark.segment)? else { return Ok(None) };
        let (directory, buffer) = (directory.to_owned(), vec![0; BUFFER_BYTES]);
        let last = Some(Stamp { sequence: mark.sequence, time_ns: mark.time_ns });
        Ok(Some(Self { directory, file, identity: head.identity, number: mark.segment, at: mark.offset, last, buffer }))
    }

    /// The place behind the record handed over last; `None` before the first.
    pub fn mark(&self) -> Option<Mark> {
        let last = self.last?;
        Some(Mark { sequence: last.sequence, time_ns: last.time_ns, segment: self.number, offset: self.at })
    }

    /// Whose journal it is, as the segment says that was read last.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Hands over what was written since, at most about a buffer full; returns how many records.
    ///
    /// # Errors
    /// [`JournalError`] when what follows is no part of this journal.
    pub fn poll(&mut self, each: &mut dyn FnMut(Stamp, &[u8])) -> Result<usize, JournalError> {
        let taken = self.read(each)?;
        if taken > 0 {
            return Ok(taken);
        }
        // Nothing new: the segment may have ended, with frames before its end written since.
        let mut bytes = [0; HEAD_BYTES];
        self.file.read_at(&mut bytes, 0)?;
        let ended = Head::read(&bytes).is_ok_and(|head| head.end != 0 && self.at >= head.end);
        if !ended {
            return Ok(0);
        }
        let Some((file, head)) = open_segment(&self.directory, self.number + 1)? else { return self.none_missing() };
        let expected = self.last.map_or(head.first_sequence, |last| last.sequence + 1);
        if head.first_sequence != expected {
            return Err(JournalError::Sequence { segment: self.number + 1, expected, found: head.first_sequence });
        }
        (self.file, self.at, self.number) = (file, HEAD_BYTES as u64, self.number + 1);
        self.identity = head.identity;
        self.read(each)
    }

    /// Nothing is to be read, unless what comes next was taken away: later segments are there.
    fn none_missing(&self) -> Result<usize, JournalError> {
        let (due, found) = (self.number + 1, source::segments_in(&self.directory)?);
        match found.range(due..).next() {
            Some(next) if *next > due && open_segment(&self.directory, due)?.is_none() => {
                Err(JournalError::Missing { segment: due, found: *next })
            }
            _ => Ok(0),
        }
    }

    fn read(&mut self, each: &mut dyn FnMut(Stamp, &[u8])) -> Result<usize, JournalError> {
        let count = self.file.read_at(&mut self.buffer, self.at)?;
        let (mut at, mut taken) = (0, 0);
        while let Found::Frame(stamp, record) = frame::read(&self.buffer[at..count]) {
            if self.last.is_some_and(|last| stamp.sequence != last.sequence + 1 || stamp.time_ns < last.time_ns) {
                let sequence = self.last.map_or(1, |last| last.sequence + 1);
                return Err(JournalError::Damaged { segment: self.number, offset: self.at + at as u64, sequence });
            }
            each(stamp, record);
            self.last = Some(stamp);
            at += frame_bytes(record.len());
            taken += 1;
        }
        self.at += at as u64;
        Ok(taken)
    }
}

/// A segment that has a head; `None` while it has none.
fn open_segment(directory: &Path, number: u64) -> Result<Option<(Opened, Head)>, JournalError> {
    let gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let mut bytes = [0; HEAD_BYTES];
    let plain = File::open(directory.join(segment_name(number))).and_then(|file| {
        let read = file.read_at(&mut bytes, 0)?;
        Ok((read == HEAD_BYTES && bytes[..8].iter().any(|byte| *byte != 0)).then_some(file))
    });
    match plain {
        Ok(Some(file)) => {
            let head = Head::read(&bytes).map_err(|error| JournalError::Head { segment: number, error })?;
            return Ok(Some((Opened::File(file), head)));
        }
        Err(error) if !gone(&error) => return Err(error.into()),
        _ => {}
    }
    let packed = match fs::read(directory.join(packed_name(number))) {
        Err(error) if gone(&error) => return Ok(None),
        packed => packed?,
    };
    let bytes = pack::unpack(&packed).map_err(|error| source::damaged(number, error))?;
    let head = Head::read(&bytes).map_err(|error| JournalError::Head { segment: number, error })?;
    Ok(Some((Opened::Bytes(bytes), head)))
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use records::{Timer, bytes_of};
    use tiles::RealStorage;

    use super::*;
    use crate::writer::{JournalConfig, Writer};

    #[test]
    fn it_hears_each_record_once_in_order_while_it_is_written_and_in_the_next_life() {
        let directory = std::env::temp_dir().join(format!("meridian-follow-{}", std::process::id()));
        assert!(Follower::open(&directory).expect("no directory is no error").is_none());
        let storage = Rc::new(RealStorage::new(&directory).expect("storage"));
        let config = JournalConfig { segment_bytes: 2_048, ..JournalConfig::new(Identity::default()) };
        let mut writer = Writer::create(storage.clone(), config).expect("writer");
        let mut follower = Follower::open(&directory).expect("readable").expect("there");
        let mut heard = Vec::new();
        let write = |writer: &mut Writer, sequence: u64| {
            writer.prepare().expect("room");
            writer.append(Stamp { sequence, time_ns: sequence }, bytes_of(&Timer::new())).expect("room");
        };
        for sequence in 1..=100 {
            write(&mut writer, sequence);
            if sequence % 7 == 0 {
                while follower.poll(&mut |stamp, _| heard.push(stamp.sequence)).expect("sound") > 0 {}
                assert_eq!(heard.last(), Some(&sequence));
            }
        }
        let (number, _) = writer.position();
        assert!(number > 3, "it rolled");
        // The first writer dies without closing; the next one seals its segment.
        drop(writer);
        let spare = directory.join(segment_name(number + 1));
        fs::remove_file(spare).expect("the spare");
        let config = JournalConfig { next: (number + 1, 101), ..config };
        let mut writer = Writer::create(storage, config).expect("next life");
        write(&mut writer, 101);
        while follower.poll(&mut |stamp, _| heard.push(stamp.sequence)).expect("sound") > 0 {}
        assert_eq!(heard, (1..=101).collect::<Vec<_>>());
        fs::remove_dir_all(directory).expect("ours");
    }
}
