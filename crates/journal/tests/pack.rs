//! Compressed segments: read wherever plain ones are, every flipped bit and cut told at its place, and nothing lost by a reader, a
//! follower or a restart that meets one halfway.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use journal::{
    Follower, HEAD_BYTES, Head, Identity, JournalConfig, JournalError, Mark, PACK_BLOCK_BYTES, Reader, Writer, pack,
    packed_head, packed_name, resume, segment_name, stored, survey, unpack,
};
use records::{Stamp, Timer, bytes_of};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use tiles::{RealStorage, Storage};

const SEGMENT_BYTES: usize = 2_048;
/// In the environment of a writer that is to be killed: where it writes.
const WRITES_TO: &str = "MERIDIAN_PACK_WRITES_TO";

/// A directory of this test, gone at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("meridian-pack-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn config(next: (u64, u64), forced: bool) -> JournalConfig {
    let identity = Identity { firm: 1, shard: 2, epoch: 3, ..Identity::default() };
    JournalConfig { segment_bytes: SEGMENT_BYTES, next, forced, ..JournalConfig::new(identity) }
}

fn write(writer: &mut Writer, sequences: std::ops::RangeInclusive<u64>) {
    for sequence in sequences {
        writer.append(Stamp { sequence, time_ns: sequence }, bytes_of(&Timer::new())).unwrap();
        while writer.prepare().unwrap() {}
    }
}

/// A journal of these records; not closed.
fn written(folder: &Path, count: u64) -> Writer {
    let storage = Rc::new(RealStorage::new(folder).unwrap());
    let mut writer = Writer::create(storage, config((0, 1), false)).unwrap();
    write(&mut writer, 1..=count);
    writer
}

fn packed(segment: &[u8]) -> Vec<u8> {
    let blocks: Vec<Vec<u8>> =
        segment.chunks(PACK_BLOCK_BYTES).map(|part| compress_to_vec(part, CompressionLevel::Fastest)).collect();
    pack(segment, &blocks).unwrap()
}

fn compress(folder: &Path, segment: u64) {
    let plain = folder.join(segment_name(segment));
    std::fs::write(folder.join(packed_name(segment)), packed(&std::fs::read(&plain).unwrap())).unwrap();
    std::fs::remove_file(plain).unwrap();
}

fn settled(folder: &Path) -> Vec<u64> {
    stored(folder).unwrap().iter().filter(|one| one.settled).map(|one| one.segment).collect()
}

fn sequences(mut reader: Reader) -> Vec<u64> {
    let mut seen = Vec::new();
    while let Some((stamp, _)) = reader.next().unwrap() {
        seen.push(stamp.sequence);
    }
    seen
}

#[test]
fn every_reader_reads_compressed_segments_as_plain_ones() {
    let folder = Folder::new("readers");
    drop(written(&folder.0, 200));
    let storage = RealStorage::new(&folder.0).unwrap();
    let all: Vec<u64> = (1..=200).collect();
    let mut marks = Vec::new();
    let mut reader = Reader::open(&folder.0).unwrap();
    while let Some((stamp, _)) = reader.next().unwrap() {
        let (segment, offset) = reader.position();
        marks.push(Mark { sequence: stamp.sequence, time_ns: stamp.time_ns, segment, offset });
    }
    let plain = survey(&folder.0).unwrap();
    let whole = settled(&folder.0);
    assert!(whole.len() > 4, "{whole:?}");
    for segment in whole {
        compress(&folder.0, segment);
    }
    assert_eq!(sequences(Reader::open_whole(&folder.0).unwrap()), all);
    assert_eq!(sequences(Reader::from_storage(&storage, SEGMENT_BYTES).unwrap()), all);
    for mark in &marks {
        let mut reader = Reader::open_at(&folder.0, mark.segment).unwrap();
        assert!(mark.reach(&mut reader).unwrap());
        let mut reader = Reader::from_storage_at(&storage, SEGMENT_BYTES, mark.segment).unwrap();
        assert!(mark.reach(&mut reader).unwrap());
        let after = sequences(Reader::open_after(&folder.0, mark.sequence).unwrap());
        assert!(after[0] <= mark.sequence + 1 && after.last() == Some(&200));
        let mut follower = Follower::open_behind(&folder.0, mark).unwrap().unwrap();
        let mut heard = Vec::new();
        while follower.poll(&mut |stamp, _| heard.push(stamp.sequence)).unwrap() > 0 {}
        assert_eq!(heard, all[mark.sequence as usize..]);
    }
    let found = survey(&folder.0).unwrap();
    assert!(found.faults.is_empty(), "{:?}", found.faults);
    assert_eq!(found.summary, plain.summary);
}

#[test]
fn every_flipped_bit_and_every_cut_is_told_with_segment_and_block() {
    let folder = Folder::new("flips");
    drop(written(&folder.0, 90));
    compress(&folder.0, 1);
    let path = folder.0.join(packed_name(1));
    let whole = std::fs::read(&path).unwrap();
    let segment = unpack(&whole).unwrap();
    assert_eq!(packed_head(&whole).unwrap(), Head::read(&segment).unwrap());
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut changed = whole.clone();
            changed[at] ^= 1 << bit;
            let error = unpack(&changed).expect_err("changed");
            assert!(error.offset as usize <= at, "byte {at}, bit {bit}: {error}");
        }
        assert!(unpack(&whole[..at]).is_err(), "cut at {at}");
    }
    assert!(unpack(&[&whole[..], &[0]].concat()).is_err());
    for at in [0, 9, 40, whole.len() - 3] {
        let mut changed = whole.clone();
        changed[at] ^= 16;
        std::fs::write(&path, &changed).unwrap();
        let error = Reader::open(&folder.0).unwrap().verify().expect_err("damaged").to_string();
        assert!(error.starts_with("journal: segment 1, compressed, byte "), "{error}");
        let found = survey(&folder.0).unwrap();
        assert_eq!(found.stopped.as_ref().map(|fault| fault.segment), Some(1));
        assert_eq!(found.stopped.as_ref().map(|fault| fault.what.clone()), Some(error));
        let first_of_two = Reader::open_at(&folder.0, 2).unwrap().verify().unwrap().first.sequence;
        assert!(found.before.last.sequence < first_of_two && found.before.records > 0);
        assert!(found.after.iter().any(|rest| rest.segment == 2 && rest.whole && rest.records.records > 0));
    }
}

#[test]
fn of_a_damaged_block_the_others_are_still_read() {
    let folder = Folder::new("blocks");
    let storage = Rc::new(RealStorage::new(&folder.0).unwrap());
    let large = 3 * PACK_BLOCK_BYTES;
    let mut writer = Writer::create(storage, JournalConfig { segment_bytes: large, ..config((0, 1), false) }).unwrap();
    let count = (5 * large / 64) as u64;
    write(&mut writer, 1..=count);
    drop(writer);
    let whole = stored(&folder.0).unwrap();
    assert!(whole[0].settled);
    compress(&folder.0, 0);
    let path = folder.0.join(packed_name(0));
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 5;
    bytes[last] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let found = survey(&folder.0).unwrap();
    let fault = found.stopped.clone().unwrap();
    assert!(fault.segment == 0 && fault.offset > HEAD_BYTES as u64 && fault.offset <= last as u64, "{fault:?}");
    let rest = found.after.iter().find(|rest| rest.segment == 0).unwrap();
    let third = (large / 3 / 64) as u64;
    assert!(!rest.whole && rest.records.records > third && rest.records.records < 3 * third, "{rest:?}");
}

#[test]
fn only_what_no_restart_changes_is_settled_and_only_closed_whole_segments_are_compressed() {
    let folder = Folder::new("settled");
    let mut writer = written(&folder.0, 60);
    let (open, _) = writer.position();
    assert_eq!(settled(&folder.0), (0..open - 1).collect::<Vec<_>>(), "neither {open} nor the one before");
    let mut segment = std::fs::read(folder.0.join(segment_name(open))).unwrap();
    assert!(pack(&segment, &[]).unwrap_err().to_string().contains("not closed"));
    segment = std::fs::read(folder.0.join(segment_name(0))).unwrap();
    segment[HEAD_BYTES + 40] ^= 1;
    assert!(pack(&segment, &[Vec::new()]).unwrap_err().to_string().contains("damaged"));
    writer.close().unwrap();
    assert_eq!(settled(&folder.0), (0..open - 1).collect::<Vec<_>>(), "closed, the last one is still a restart's");
    // A restart after the host lost the head of the last one: it seals the one before, which is plain.
    std::fs::write(folder.0.join(segment_name(open)), vec![0; SEGMENT_BYTES]).unwrap();
    for segment in settled(&folder.0) {
        compress(&folder.0, segment);
    }
    let storage = Rc::new(RealStorage::new(&folder.0).unwrap());
    let mut last = 0;
    let next = resume(storage.as_ref(), SEGMENT_BYTES, &mut |stamp, _| last = stamp.sequence).unwrap();
    assert_eq!(next, (open, last + 1));
    drop(Writer::create(storage, config(next, true)).unwrap());
}

#[test]
fn a_journal_goes_on_where_all_of_it_is_compressed() {
    for forced in [false, true] {
        let folder = Folder::new(if forced { "fetched-forced" } else { "fetched" });
        let mut writer = written(&folder.0, 100);
        writer.close().unwrap();
        let last = writer.position().0;
        drop(writer);
        (0..=last).for_each(|segment| compress(&folder.0, segment));
        let storage = Rc::new(RealStorage::new(&folder.0).unwrap());
        let mut seen = 0;
        let next = resume(storage.as_ref(), SEGMENT_BYTES, &mut |stamp, _| seen = stamp.sequence).unwrap();
        assert_eq!((next, seen), ((last + 1, 101), 100));
        let mut writer = Writer::create(Rc::<RealStorage>::clone(&storage), config(next, forced)).unwrap();
        write(&mut writer, 101..=140);
        drop(writer);
        assert_eq!(sequences(Reader::open_whole(&folder.0).unwrap()), (1..=140).collect::<Vec<_>>());
        assert!(!storage.list().unwrap().contains(&segment_name(last)), "no empty file took its place");
    }
}

#[test]
fn a_follower_far_behind_goes_on_when_segments_are_compressed_under_it() {
    let folder = Folder::new("follower");
    let mut writer = written(&folder.0, 30);
    let mut follower = Follower::open(&folder.0).unwrap().unwrap();
    let mut heard = Vec::new();
    follower.poll(&mut |stamp, _| heard.push(stamp.sequence)).unwrap();
    for round in 1..=20_u64 {
        write(&mut writer, round * 30 + 1..=(round + 1) * 30);
        for segment in settled(&folder.0) {
            if folder.0.join(segment_name(segment)).exists() {
                compress(&folder.0, segment);
            }
        }
        if round % 4 == 0 {
            while follower.poll(&mut |stamp, _| heard.push(stamp.sequence)).unwrap() > 0 {}
            assert_eq!(heard.last(), Some(&((round + 1) * 30)));
        }
    }
    assert_eq!(heard, (1..=630).collect::<Vec<_>>());
}

#[test]
fn what_is_there_both_ways_is_read_once_and_an_empty_plain_file_counts_for_nothing() {
    let folder = Folder::new("both");
    drop(written(&folder.0, 100));
    let all: Vec<u64> = (1..=100).collect();
    let plain = folder.0.join(segment_name(1));
    let bytes = std::fs::read(&plain).unwrap();
    compress(&folder.0, 1);
    for left in [bytes, vec![0; SEGMENT_BYTES], Vec::new()] {
        std::fs::write(&plain, left).unwrap();
        let storage = RealStorage::new(&folder.0).unwrap();
        assert_eq!(sequences(Reader::open(&folder.0).unwrap()), all);
        assert_eq!(sequences(Reader::from_storage(&storage, SEGMENT_BYTES).unwrap()), all);
        let mut follower = Follower::open(&folder.0).unwrap().unwrap();
        let mut heard = Vec::new();
        while follower.poll(&mut |stamp, _| heard.push(stamp.sequence)).unwrap() > 0 {}
        assert_eq!(heard, all);
    }
}

#[test]
fn a_begin_that_is_gone_is_told_by_who_needs_it() {
    let folder = Folder::new("begin");
    drop(written(&folder.0, 100));
    let mut follower = Follower::open(&folder.0).unwrap().unwrap();
    follower.poll(&mut |_, _| {}).unwrap();
    for segment in 0..2 {
        std::fs::remove_file(folder.0.join(segment_name(segment))).unwrap();
    }
    let first = Reader::open(&folder.0).unwrap().verify().unwrap().first.sequence;
    let missing = Reader::open_whole(&folder.0).err().unwrap().to_string();
    let begin =
        format!("journal: it begins at record {first} (segment 2); 1 to {} are needed: put the missing", first - 1);
    assert!(missing.starts_with(&begin), "{missing}");
    let text = format!(r#"{{"version": 1, "segment": 2, "sequence": {first}, "shipped_to": "s3://kept/here"}}"#);
    std::fs::write(folder.0.join(journal::RETAINED_FILE), text).unwrap();
    let missing = Reader::open_whole(&folder.0).err().unwrap().to_string();
    assert!(missing.ends_with("`meridian journal fetch` brings them from s3://kept/here"), "{missing}");
    assert!(matches!(Follower::open(&folder.0), Err(JournalError::Begin { segment: 2, .. })));
    // One that was on its way is told, too, rather than waiting for ever.
    let told = follower.poll(&mut |_, _| {}).err().unwrap().to_string();
    assert_eq!(told, "journal: segment 1 is missing; segment 2 comes in its place", "{told}");
}

/// As the keeper does it: beside its place, renamed, and only then the plain file goes.
fn keep(folder: &Path) {
    for one in stored(folder).unwrap().into_iter().filter(|one| one.settled && one.plain_bytes.is_some()) {
        let plain = folder.join(segment_name(one.segment));
        let making = folder.join(format!(".{}.making", packed_name(one.segment)));
        std::fs::write(&making, packed(&std::fs::read(&plain).unwrap())).unwrap();
        std::fs::rename(making, folder.join(packed_name(one.segment))).unwrap();
        std::fs::remove_file(plain).unwrap();
    }
}

/// One life of a writer: it goes on with what stands and writes until it is killed. Every other life forces what it finds.
#[test]
fn writer_to_be_killed() {
    let Some(folder) = std::env::var_os(WRITES_TO) else { return };
    let storage = Rc::new(RealStorage::new(Path::new(&folder)).unwrap());
    let mut last = 0;
    let next = resume(storage.as_ref(), SEGMENT_BYTES, &mut |stamp, _| last = stamp.sequence).unwrap();
    let mut writer = Writer::create(storage, config(next, next.0 % 2 == 1)).unwrap();
    for sequence in next.1.. {
        write(&mut writer, sequence..=sequence);
        std::thread::sleep(std::time::Duration::from_micros(20));
    }
}

#[test]
fn a_writer_that_is_killed_and_goes_on_beside_a_keeper_loses_nothing() {
    let folder = Folder::new("killed");
    let (mut last, mut begun) = (0, 0);
    for life in 0..30_u64 {
        let mut writer = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writer_to_be_killed"])
            .env(WRITES_TO, &folder.0)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // While it starts, too: that is when it opens, seals and forces what stands.
        let until = std::time::Instant::now() + std::time::Duration::from_millis(40 + life * 37 % 60);
        while std::time::Instant::now() < until {
            keep(&folder.0);
        }
        assert!(writer.try_wait().unwrap().is_none(), "life {life} ended by itself");
        writer.kill().unwrap();
        writer.wait().unwrap();
        let Ok(mut reader) = Reader::open_whole(&folder.0) else { continue };
        let summary = reader.verify().unwrap_or_else(|error| panic!("life {life}: {error}"));
        assert!(summary.last.sequence >= last, "life {life}: {} after {last}", summary.last.sequence);
        begun += u64::from(summary.last.sequence > last);
        last = summary.last.sequence;
    }
    keep(&folder.0);
    let packed = stored(&folder.0).unwrap().iter().filter(|one| one.packed_bytes.is_some()).count();
    assert!(begun > 5 && packed > 20, "{begun} lives wrote {last} records, {packed} segments are compressed");
    assert!(survey(&folder.0).unwrap().faults.is_empty());
}
