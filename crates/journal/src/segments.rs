//! The segments of a journal as whoever keeps it sees them: which are closed, which are compressed, which a restart may still change.
//!
//! Invariant: a restart opens, cuts and closes the last segment that was begun; after a host was lost, whose memory took that one's
//! head with it, the one before. Those two are never [`Stored::settled`]; every other one never changes again.

use std::path::Path;

use crate::head::Head;
use crate::pack::packed_name;
use crate::reader::JournalError;
use crate::source;
use crate::writer::segment_name;

/// A segment of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its number.
    pub segment: u64,
    /// Its head; `None` where nothing was written to it yet.
    pub head: Option<Head>,
    /// Bytes of its plain file, if that is there.
    pub plain_bytes: Option<u64>,
    /// Bytes of its compressed file, if that is there.
    pub packed_bytes: Option<u64>,
    /// Whether it is closed and two begun ones follow it.
    pub settled: bool,
}

/// The segments of the journal in a directory, in order.
///
/// # Errors
/// When the directory cannot be read.
pub fn stored(directory: &Path) -> Result<Vec<Stored>, JournalError> {
    let length = |name: String| std::fs::metadata(directory.join(name)).ok().map(|about| about.len());
    let about = |segment: u64| Stored {
        segment,
        head: source::head_of(directory, segment),
        plain_bytes: length(segment_name(segment)),
        packed_bytes: length(packed_name(segment)),
        settled: false,
    };
    let mut found: Vec<Stored> = source::segments_in(directory)?.into_iter().map(about).collect();
    let mut begun_behind = 0;
    for one in found.iter_mut().rev() {
        one.settled = begun_behind >= 2 && one.head.is_some_and(|head| head.end != 0);
        begun_behind += u32::from(one.head.is_some());
    }
    Ok(found)
}
