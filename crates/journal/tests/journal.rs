//! What is appended comes back; what is torn is cut; what is damaged is named.

use std::rc::Rc;

use journal::{Full, HEAD_BYTES, HeadError, Identity, JournalConfig, JournalError, MemoryStorage, Reader, Writer};
use records::{MarketOrder, Stamp, Timer, bytes_of};
use tiles::Storage;

fn config(segment_bytes: usize) -> JournalConfig {
    let identity =
        Identity { firm: 1, shard: 2, epoch: 3, release_hash: [7; 32], settings: [9; 16], ..Identity::default() };
    JournalConfig { segment_bytes, ..JournalConfig::new(identity) }
}

fn stamp(sequence: u64) -> Stamp {
    Stamp { sequence, time_ns: 1000 + sequence / 3 }
}

fn record(sequence: u64) -> MarketOrder {
    let mut order = MarketOrder::new();
    order.order_ref = sequence;
    order
}

fn written(count: u64, close: bool) -> Rc<MemoryStorage> {
    let storage = MemoryStorage::new();
    let mut writer = Writer::create(storage.clone(), config(4096)).unwrap();
    for sequence in 1..=count {
        if sequence % 3 == 0 {
            writer.append(stamp(sequence), bytes_of(&Timer::new())).unwrap();
        } else {
            writer.append(stamp(sequence), bytes_of(&record(sequence))).unwrap();
        }
        while writer.prepare().unwrap() {}
    }
    assert_eq!(writer.rolls_unprepared(), 0);
    if close {
        writer.close().unwrap();
    }
    storage
}

#[test]
fn records_come_back_in_order_across_segments() {
    for close in [true, false] {
        let mut reader = Reader::from_segments(written(1000, close).segments()).unwrap();
        assert_eq!(*reader.identity(), config(0).identity);
        let mut due = 1;
        while let Some((found, bytes)) = reader.next().unwrap() {
            assert_eq!(found, stamp(due));
            if due % 3 != 0 {
                assert_eq!(bytes, bytes_of(&record(due)));
            }
            due += 1;
        }
        assert_eq!(due, 1001);
        let summary = reader.summary();
        assert!(summary.segments > 20 && summary.closed == close && summary.torn_bytes == 0, "{summary:?}");
    }
}

#[test]
fn a_torn_tail_is_cut_and_counted() {
    let mut segments = written(10, false).segments();
    // The last frame (record 10, at the end of what is written) loses its second half, as after a lost host.
    let bytes = &mut segments[0].1;
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    let last_frame = end.next_multiple_of(8) - 60;
    bytes[last_frame..].fill(0);
    let mut reader = Reader::from_segments(segments).unwrap();
    let summary = reader.verify().unwrap();
    assert_eq!(summary.last.sequence, 9);
    assert!(summary.torn_bytes > 0 && !summary.closed);
}

#[test]
fn every_flipped_bit_is_found_and_placed() {
    let segments = written(60, true).segments();
    let (_, first) = &segments[0];
    let used = u64::from_le_bytes(first[296..304].try_into().unwrap()) as usize;
    for at in 0..used {
        // Padding between the head's fields is covered by its checksum too; only its unused tail is not.
        if (292..296).contains(&at) || (308..HEAD_BYTES).contains(&at) {
            continue;
        }
        let mut changed = segments.clone();
        changed[0].1[at] ^= 1 << (at % 8);
        let result = Reader::from_segments(changed).and_then(|mut reader| reader.verify());
        match result {
            Err(JournalError::Damaged { segment: 0, offset, .. }) => {
                assert!(at >= HEAD_BYTES && offset as usize <= at && at < offset as usize + 120, "byte {at}: {offset}");
            }
            Err(JournalError::Head { segment: 0, .. }) => assert!(at < HEAD_BYTES, "byte {at}"),
            other => panic!("byte {at}: {other:?}"),
        }
    }
}

#[test]
fn damage_before_the_end_of_an_open_journal_is_no_torn_tail() {
    let mut segments = written(12, false).segments();
    segments[0].1[HEAD_BYTES + 130] ^= 4;
    let result = Reader::from_segments(segments).unwrap().verify();
    assert!(matches!(result, Err(JournalError::Damaged { segment: 0, sequence: 2, .. })), "{result:?}");
}

#[test]
fn a_missing_segment_is_found() {
    let mut segments = written(200, true).segments();
    segments.remove(1);
    let result = Reader::from_segments(segments).unwrap().verify();
    assert!(matches!(result, Err(JournalError::Missing { segment: 1, found: 2 })), "{result:?}");
    assert!(matches!(Reader::from_segments(Vec::new()), Err(JournalError::Empty)));
    let spare = vec![(0, vec![0; 4096])];
    assert!(matches!(Reader::from_segments(spare), Err(JournalError::Empty)));
    let foreign = vec![(0, vec![1; 4096])];
    assert!(matches!(Reader::from_segments(foreign), Err(JournalError::Head { error: HeadError::Magic, .. })));
}

/// A host that is lost just after a roll leaves the new segment's name and the spare's, and nothing in either.
#[test]
fn segments_that_hold_nothing_end_a_journal_and_none_follows_them() {
    let mut segments = written(200, true).segments();
    let last = segments.last().expect("several").0;
    let records = Reader::from_segments(segments.clone()).unwrap().verify().unwrap().records;
    for more in 1..=2 {
        segments.push((last + more, vec![0; 4096]));
        let summary = Reader::from_segments(segments.clone()).unwrap().verify().unwrap();
        assert_eq!((summary.records, summary.last_segment), (records, last), "{more}");
    }
    segments.push((last + 3, segments[0].1.clone()));
    let result = Reader::from_segments(segments).unwrap().verify();
    let unused = |segment: &u64| *segment == last + 1;
    assert!(
        matches!(&result, Err(JournalError::Head { segment, error: HeadError::Unused }) if unused(segment)),
        "{result:?}"
    );
}

#[test]
fn a_full_disk_refuses_the_start_or_the_append() {
    assert!(Writer::create(MemoryStorage::with_capacity(4096), config(4096)).is_err());
    let mut writer = Writer::create(MemoryStorage::with_capacity(8192), config(4096)).unwrap();
    let mut appended = 0;
    while writer.append(stamp(appended + 1), bytes_of(&record(appended + 1))).is_ok() {
        appended += 1;
        let _ = writer.prepare();
    }
    assert_eq!(writer.last().sequence, appended);
    assert_eq!(writer.append(stamp(appended + 1), bytes_of(&record(1))), Err(Full));
}

#[test]
fn a_journal_that_stands_is_not_written_over() {
    let storage = written(10, true);
    assert!(Writer::create(storage.clone(), config(4096)).is_err());
    let next = JournalConfig { next: (1, 11), ..config(4096) };
    let mut writer = Writer::create(storage.clone(), next).unwrap();
    writer.append(stamp(11), bytes_of(&record(11))).unwrap();
    writer.close().unwrap();
    assert_eq!(storage.list().unwrap().len(), 2);
    assert_eq!(Reader::from_segments(storage.segments()).unwrap().verify().unwrap().last.sequence, 11);
}

#[test]
fn a_journal_goes_on_after_a_writer_that_died() {
    let storage = written(10, false);
    // Half a record after the last whole one.
    let summary = Reader::from_segments(storage.segments()).unwrap().verify().unwrap();
    let mut first = storage.open(&journal::segment_name(0), 4096).unwrap();
    let end = HEAD_BYTES + summary.bytes as usize;
    first.bytes_mut()[end] = 96;
    first.bytes_mut()[end + 30] = 1;
    assert_eq!(Reader::from_segments(storage.segments()).unwrap().verify().unwrap().torn_bytes, 31);
    let next = JournalConfig { next: (1, 11), ..config(4096) };
    let mut writer = Writer::create(storage.clone(), next).unwrap();
    writer.append(stamp(11), bytes_of(&record(11))).unwrap();
    drop(writer);
    let summary = Reader::from_segments(storage.segments()).unwrap().verify().unwrap();
    assert_eq!((summary.last.sequence, summary.segments, summary.torn_bytes), (11, 2, 0));
}

#[test]
fn an_append_is_fast() {
    let mut writer = Writer::create(MemoryStorage::new(), config(16 << 20)).unwrap();
    let mut times = Vec::with_capacity(50_000);
    for sequence in 1..=50_000 {
        let bytes = record(sequence);
        let start = std::time::Instant::now();
        writer.append(stamp(sequence), bytes_of(&bytes)).unwrap();
        times.push(start.elapsed().as_nanos() as u64);
    }
    times.sort_unstable();
    println!("append of 96 bytes: p50 {} ns, p99 {} ns (clock included)", times[25_000], times[49_500]);
    // Far above the goal (100 ns): an unoptimised build on a busy machine must pass too.
    assert!(times[25_000] < 20_000);
}
