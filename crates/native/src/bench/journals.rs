//! The journal's append beside a copy of the same bytes into memory that is there already.
//!
//! Invariant: both touch their pages before the clock starts, and both write each byte once.

use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

use journal::{Identity, JournalConfig, Writer, frame_bytes};
use records::{MarketOrder, Stamp, bytes_of};
use tiles::RealStorage;

/// Market orders appended to a fresh journal in `directory`: ns a record.
pub fn append_ns(directory: &Path, records: usize) -> std::io::Result<f64> {
    let record = MarketOrder::new();
    let bytes = bytes_of(&record);
    let segment_bytes = (records * frame_bytes(bytes.len()) + (1 << 16)).next_multiple_of(4_096);
    let config = JournalConfig { segment_bytes, ..JournalConfig::new(Identity::default()) };
    let mut writer = Writer::create(Rc::new(RealStorage::new(directory)?), config)?;
    let begun = Instant::now();
    for sequence in 1..=records as u64 {
        writer
            .append(Stamp { sequence, time_ns: sequence }, std::hint::black_box(bytes))
            .map_err(std::io::Error::other)?;
    }
    let spent_ns = begun.elapsed().as_nanos();
    writer.close()?;
    Ok(spent_ns as f64 / records as f64)
}

/// As many bytes copied one record after the other: ns a record.
pub fn copy_ns(records: usize) -> f64 {
    let record = MarketOrder::new();
    let bytes = bytes_of(&record);
    let stride = frame_bytes(bytes.len());
    let mut memory = vec![1_u8; records * stride];
    let begun = Instant::now();
    for place in memory.chunks_exact_mut(stride) {
        place[..bytes.len()].copy_from_slice(std::hint::black_box(bytes));
    }
    let spent_ns = begun.elapsed().as_nanos();
    std::hint::black_box(&memory);
    spent_ns as f64 / records as f64
}
