//! The journal: its append beside a copy of the same bytes into memory that is there already, its throughput and its release at
//! durability `disk` beside the device's own, and its replay.
//!
//! Invariant: an append and its copy touch their pages before the clock starts and write each byte once; what is called forced was
//! on the device when the clock stopped.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

use engine::{EngineConfig, NoHost, NoOutbox};
use journal::{Identity, JournalConfig, Writer, frame_bytes};
use records::{BookAction, EngineStart, FLAG_LAST, MarketOrder, Side, Stamp, bytes_of};
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

/// ns of each append, with one reading of the clock in it.
pub fn append_each_ns(directory: &Path, records: usize) -> std::io::Result<Vec<u32>> {
    let record = MarketOrder::new();
    let bytes = bytes_of(&record);
    let segment_bytes = (records * frame_bytes(bytes.len()) + (1 << 16)).next_multiple_of(4_096);
    let config = JournalConfig { segment_bytes, ..JournalConfig::new(Identity::default()) };
    let mut writer = Writer::create(Rc::new(RealStorage::new(directory)?), config)?;
    let mut spent = vec![0; records];
    for (at, spent) in spent.iter_mut().enumerate() {
        let sequence = at as u64 + 1;
        let begun = Instant::now();
        writer
            .append(Stamp { sequence, time_ns: sequence }, std::hint::black_box(bytes))
            .map_err(std::io::Error::other)?;
        *spent = nanoseconds(begun);
    }
    writer.close()?;
    Ok(spent)
}

fn nanoseconds(since: Instant) -> u32 {
    u32::try_from(since.elapsed().as_nanos()).unwrap_or(u32::MAX)
}

/// As an engine writes that has nothing else to do: the next segment is prepared between the records.
pub fn write_seconds(directory: &Path, records: usize, segment_bytes: usize, forced: bool) -> std::io::Result<f64> {
    let record = MarketOrder::new();
    let config = JournalConfig { segment_bytes, forced, ..JournalConfig::new(Identity::default()) };
    let mut writer = Writer::create(Rc::new(RealStorage::new(directory)?), config)?;
    let begun = Instant::now();
    for sequence in 1..=records as u64 {
        writer.append(Stamp { sequence, time_ns: sequence }, bytes_of(&record)).map_err(std::io::Error::other)?;
        if sequence.is_multiple_of(512) {
            writer.prepare()?;
        }
    }
    while forced && writer.durable().map_err(std::io::Error::other)? < records as u64 {
        std::thread::yield_now();
    }
    let spent = begun.elapsed().as_secs_f64();
    writer.close()?;
    Ok(spent)
}

/// One record after the other, each when the device has the one before.
pub fn release_ns(directory: &Path, records: usize) -> std::io::Result<Vec<u32>> {
    let record = MarketOrder::new();
    let config = JournalConfig { forced: true, ..JournalConfig::new(Identity::default()) };
    let mut writer = Writer::create(Rc::new(RealStorage::new(directory)?), config)?;
    let mut spent = vec![0; records];
    for (at, spent) in spent.iter_mut().enumerate() {
        let sequence = at as u64 + 1;
        let begun = Instant::now();
        writer.append(Stamp { sequence, time_ns: sequence }, bytes_of(&record)).map_err(std::io::Error::other)?;
        while writer.durable().map_err(std::io::Error::other)? < sequence {
            std::thread::yield_now();
        }
        *spent = nanoseconds(begun);
    }
    writer.close()?;
    Ok(spent)
}

/// Forced once, at the end.
pub fn plain_seconds(path: &Path, bytes: usize) -> std::io::Result<f64> {
    let block = vec![7_u8; 1 << 20];
    let mut file = File::create(path)?;
    let begun = Instant::now();
    let mut left = bytes;
    while left > 0 {
        let now = left.min(block.len());
        file.write_all(&block[..now])?;
        left -= now;
    }
    file.sync_data()?;
    Ok(begun.elapsed().as_secs_f64())
}

/// Over the same place of a file that is there already.
pub fn force_ns(path: &Path, times: usize) -> std::io::Result<Vec<u32>> {
    let file = OpenOptions::new().create(true).truncate(true).write(true).open(path)?;
    file.write_all_at(&[1; 4_096], 0)?;
    file.sync_all()?;
    let mut spent = vec![0; times];
    for (at, spent) in spent.iter_mut().enumerate() {
        let begun = Instant::now();
        file.write_all_at(&[at as u8; 4_096], 0)?;
        file.sync_data()?;
        *spent = nanoseconds(begun);
    }
    Ok(spent)
}

/// Seconds of one reading and folding of the whole journal.
pub fn replay_seconds(directory: &Path, records: u64, seed: u64) -> std::io::Result<f64> {
    if !directory.join(journal::segment_name(0)).exists() {
        write_flow(directory, records, seed)?;
    }
    let begun = Instant::now();
    let found = engine::replay(directory, Box::new(NoHost), &mut NoOutbox, &mut |_, _| {});
    let spent = begun.elapsed().as_secs_f64();
    let found = found.map_err(std::io::Error::other)?;
    let unread = found.statistics.unreadable + found.statistics.unused;
    if found.summary.records < records || unread > 0 {
        let text = format!("a replay of {} records, {unread} of them unread", found.summary.records);
        return Err(std::io::Error::other(text));
    }
    Ok(spent)
}

/// A book that moves: orders of sixteen instruments come, shrink and go; about two hundred stand in each.
fn write_flow(directory: &Path, records: u64, seed: u64) -> std::io::Result<()> {
    const INSTRUMENTS: u64 = 16;
    const STANDING: u64 = 200 * INSTRUMENTS;
    let identity = Identity { settings: EngineConfig::default().words(), ..Identity::default() };
    let config = JournalConfig::new(identity);
    let mut writer = Writer::create(Rc::new(RealStorage::new(directory)?), config)?;
    let mut start = EngineStart::new();
    (start.firm, start.shard, start.epoch) = (1, 1, 1);
    let mut sequence = 0;
    let mut append = |record: &[u8]| {
        sequence += 1;
        let stamp = Stamp { sequence, time_ns: 1_000 * sequence };
        writer.append(stamp, record).map_err(std::io::Error::other)?;
        while sequence.is_multiple_of(512) && writer.prepare()? {}
        std::io::Result::Ok(())
    };
    append(bytes_of(&start))?;
    for instrument in 1..=INSTRUMENTS as u32 {
        append(bytes_of(&listing(instrument)))?;
    }
    let mut random = seed | 1;
    for number in 1..=records {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut order = MarketOrder::new();
        let add = number.is_multiple_of(2) || number <= STANDING;
        let reference = if add { number } else { number.saturating_sub(STANDING) / 2 * 2 };
        (order.header.venue, order.header.flags) = (1, FLAG_LAST);
        order.header.instrument = 1 + (reference / 2 % INSTRUMENTS) as u32;
        let action = if add { BookAction::Add } else { BookAction::Delete };
        (order.order_ref, order.action, order.lots) = (reference, action.code(), 100 + (random >> 40) as i64 % 900);
        let ticks = 1 + (random >> 50) as i64 % 40;
        let side = if random >> 33 & 1 == 0 { Side::Buy } else { Side::Sell };
        order.side = side.code();
        order.price_nanos = 100_000_000_000 + 10_000_000 * if side == Side::Buy { -ticks } else { ticks };
        append(bytes_of(&order))?;
    }
    writer.close()
}

fn listing(instrument: u32) -> records::Listing {
    let mut listing = records::Listing::new();
    (listing.header.venue, listing.header.instrument) = (1, instrument);
    (listing.increment_lots, listing.round_lot_lots, listing.active) = (1, 100, 1);
    (listing.price_min_nanos, listing.price_max_nanos) = (10_000_000, 1_000_000_000_000_000);
    listing
}
