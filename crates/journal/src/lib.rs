//! Append-only segments with checksums; replay.
