//! Where a segment's bytes come from: its file, the compressed one that took its place, or memory.
//!
//! Invariant: of a segment that is there both ways the plain file is read, unless nothing was written to it; one that is compressed
//! while a reader is on its way is found under its other name.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use tiles::Storage;

use crate::head::{HEAD_BYTES, Head, HeadError};
use crate::pack::{self, PACKED_HEAD_BYTES, PackError, packed_name, packed_number};
use crate::reader::JournalError;
use crate::writer::{segment_name, segment_number};

pub(crate) enum Source {
    /// A segment of a directory.
    Directory(PathBuf, u64),
    /// A segment's bytes.
    Bytes(Vec<u8>),
    /// A compressed segment's bytes.
    Packed(u64, Vec<u8>),
}

/// A file as it stands.
enum Stored {
    Plain(Vec<u8>),
    Packed(Vec<u8>),
}

/// Whether a file of this name is a segment, compressed or not.
pub fn is_segment(name: &str) -> bool {
    number_of(name).is_some()
}

/// The number in the name of a segment's file, compressed or not.
fn number_of(name: &str) -> Option<u64> {
    segment_number(name).or_else(|| packed_number(name))
}

/// The segments of a directory, in order.
pub(crate) fn segments_in(directory: &Path) -> io::Result<BTreeSet<u64>> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(directory)? {
        found.extend(entry?.file_name().to_str().and_then(number_of));
    }
    Ok(found)
}

/// The segments of a tile's storage from this one on, in order.
pub(crate) fn sources_of(storage: &dyn Storage, size: usize, first: u64) -> io::Result<Vec<(u64, Source)>> {
    let found: BTreeSet<u64> = storage.list()?.iter().filter_map(|name| number_of(name)).collect();
    let read = |number: u64| {
        let source = match stored_in(storage, size, number)? {
            Stored::Plain(bytes) => Source::Bytes(bytes),
            Stored::Packed(bytes) => Source::Packed(number, bytes),
        };
        Ok((number, source))
    };
    found.into_iter().filter(|number| *number >= first).map(read).collect()
}

fn stored_in(storage: &dyn Storage, size: usize, number: u64) -> io::Result<Stored> {
    either(
        &mut |name, plain| match storage.read(name) {
            // Storage that reads no whole files has what it lists.
            Err(error) if error.kind() == io::ErrorKind::Unsupported && plain => {
                Ok(storage.open(name, size)?.bytes().to_vec())
            }
            Err(error) if error.kind() == io::ErrorKind::Unsupported => Err(io::ErrorKind::NotFound.into()),
            read => read,
        },
        number,
    )
}

/// The plain file, or the compressed one where that is not there or holds nothing; `read` is given the name and which of them it is.
fn either(read: &mut dyn FnMut(&str, bool) -> io::Result<Vec<u8>>, number: u64) -> io::Result<Stored> {
    let gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let plain = match read(&segment_name(number), true) {
        Ok(bytes) if !is_unused(&bytes) => return Ok(Stored::Plain(bytes)),
        Err(error) if !gone(&error) => return Err(error),
        plain => plain,
    };
    match (read(&packed_name(number), false), plain) {
        (Ok(bytes), _) => Ok(Stored::Packed(bytes)),
        (Err(error), _) if !gone(&error) => Err(error),
        (_, Ok(bytes)) => Ok(Stored::Plain(bytes)),
        (Err(error), _) => Err(io::Error::new(error.kind(), format!("segment {number} was taken away meanwhile"))),
    }
}

fn is_unused(bytes: &[u8]) -> bool {
    matches!(Head::read(bytes), Err(HeadError::Unused | HeadError::Short(0)))
}

/// What of a compressed segment is wrong, as the journal's trouble.
pub(crate) fn damaged(segment: u64, error: PackError) -> JournalError {
    JournalError::Packed { segment, offset: error.offset, what: error.what }
}

impl Source {
    fn stored(&mut self) -> io::Result<(u64, Stored)> {
        match self {
            Self::Directory(directory, number) => {
                let read = &mut |name: &str, _| std::fs::read(directory.join(name));
                Ok((*number, either(read, *number)?))
            }
            Self::Bytes(bytes) => Ok((0, Stored::Plain(std::mem::take(bytes)))),
            Self::Packed(number, bytes) => Ok((*number, Stored::Packed(std::mem::take(bytes)))),
        }
    }

    /// The segment.
    pub(crate) fn load(&mut self) -> Result<Vec<u8>, JournalError> {
        match self.stored()? {
            (_, Stored::Plain(bytes)) => Ok(bytes),
            (number, Stored::Packed(bytes)) => pack::unpack(&bytes).map_err(|error| damaged(number, error)),
        }
    }

    /// What can be read of the segment, with zeros for the blocks that cannot, and what is wrong with each of those.
    pub(crate) fn load_sound(&mut self) -> io::Result<(Vec<u8>, Vec<PackError>)> {
        Ok(match self.stored()? {
            (_, Stored::Plain(bytes)) => (bytes, Vec::new()),
            (_, Stored::Packed(bytes)) => pack::unpack_sound(&bytes),
        })
    }

    /// The segment's plain file, which has not been compressed since; `None` where there is none or it cannot be read.
    pub(crate) fn load_plain(&mut self) -> Option<Vec<u8>> {
        match self.stored() {
            Ok((_, Stored::Plain(bytes))) => Some(bytes),
            _ => None,
        }
    }

    /// What is wrong with its head, where one was written and cannot be read.
    pub(crate) fn head_error(&self) -> Option<HeadError> {
        let error = match self {
            Self::Directory(directory, number) => {
                let mut bytes = Vec::new();
                let file = File::open(directory.join(segment_name(*number))).ok()?;
                file.take(HEAD_BYTES as u64).read_to_end(&mut bytes).ok()?;
                Head::read(&bytes).err()
            }
            Self::Bytes(bytes) => Head::read(bytes).err(),
            Self::Packed(..) => None,
        };
        error.filter(|error| !matches!(error, HeadError::Unused | HeadError::Short(0)))
    }

    /// Whether its head was never written.
    pub(crate) fn is_unused(&self) -> bool {
        match self {
            Self::Directory(directory, number) => {
                let path = directory.join(segment_name(*number));
                let empty = std::fs::metadata(&path).is_ok_and(|about| about.len() == 0);
                let unused = empty || begin_of(&path, HEAD_BYTES).is_some_and(|bytes| is_unused(&bytes));
                unused && !directory.join(packed_name(*number)).exists()
            }
            Self::Bytes(bytes) => is_unused(bytes),
            Self::Packed(..) => false,
        }
    }

    /// Of the first frame, by the head alone; `None` when it has none.
    pub(crate) fn first_sequence(&self) -> Option<u64> {
        let head = match self {
            Self::Directory(directory, number) => head_of(directory, *number),
            Self::Bytes(bytes) => Head::read(bytes).ok(),
            Self::Packed(_, bytes) => pack::packed_head(bytes).ok(),
        };
        head.map(|head| head.first_sequence)
    }
}

/// The head of a segment in a directory, of whichever of its files is read.
pub(crate) fn head_of(directory: &Path, number: u64) -> Option<Head> {
    let plain = begin_of(&directory.join(segment_name(number)), HEAD_BYTES).and_then(|bytes| Head::read(&bytes).ok());
    let packed = || begin_of(&directory.join(packed_name(number)), PACKED_HEAD_BYTES);
    plain.or_else(|| pack::packed_head(&packed()?).ok())
}

fn begin_of(path: &Path, count: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; count];
    File::open(path).and_then(|mut file| file.read_exact(&mut bytes)).ok().map(|()| bytes)
}
