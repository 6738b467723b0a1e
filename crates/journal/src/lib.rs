//! The journal: an engine's input, append-only, in preallocated mapped segments, and its way back.
//!
//! Invariant: what was appended is read back whole and in order, or the place where it is not is named.

mod checksum;
mod follow;
mod frame;
mod head;
mod join;
mod left;
mod memory;
mod pack;
mod reader;
mod recorder;
mod resume;
mod retained;
mod segments;
mod snapshot;
mod source;
mod survey;
mod writer;

pub use follow::Follower;
pub use frame::{FRAME_HEAD_BYTES, frame_bytes};
pub use head::{FORMAT_VERSION, HEAD_BYTES, Head, HeadError, Identity, SETTINGS};
pub use join::join;
pub use left::end_before_lost;
pub use memory::MemoryStorage;
pub use pack::{
    PACK_BLOCK_BYTES, PACK_FORMAT, PACKED_HEAD_BYTES, PackError, pack, packed_head, packed_name, packed_number, unpack,
};
pub use reader::{JournalError, Reader, Summary};
pub use recorder::{RECORDER, RecorderTile};
pub use resume::resume;
pub use retained::{RETAINED_FILE, Retained};
pub use segments::{Stored, stored};
pub use snapshot::{
    Mark, SNAPSHOT_FORMAT, Snapshot, SnapshotError, SnapshotHead, snapshot_name, snapshot_sequence, snapshots,
};
pub use source::is_segment;
pub use survey::{Fault, Rest, Run, Survey, survey, survey_segments};
pub use writer::{Back, Cursor, Full, JournalConfig, Writer, segment_name, segment_number};
