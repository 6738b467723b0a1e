//! Every bit that is flipped and every byte that is cut off is found, at its place, with what can be recovered.

use std::rc::Rc;

use journal::{
    HEAD_BYTES, Identity, JournalConfig, MemoryStorage, Reader, Survey, Writer, frame_bytes, survey_segments,
};
use records::{MarketOrder, Stamp, Timer, bytes_of};

const SEGMENT_BYTES: usize = 1_024;

/// A frame: segment, place, bytes.
type Place = (u64, usize, usize);

/// A journal of a few segments; records of whole words and of others. Open ones have a segment that is not used yet, too.
fn small(close: bool) -> (Vec<(u64, Vec<u8>)>, Vec<Place>) {
    let storage = MemoryStorage::new();
    let identity = Identity { firm: 1, shard: 2, epoch: 3, ..Identity::default() };
    let config = JournalConfig { segment_bytes: SEGMENT_BYTES, ..JournalConfig::new(identity) };
    let mut writer = Writer::create(Rc::<MemoryStorage>::clone(&storage), config).unwrap();
    let mut frames = Vec::new();
    for sequence in 1..=22_u64 {
        let (order, timer) = (MarketOrder::new(), Timer::new());
        let record: &[u8] = match sequence % 3 {
            0 => bytes_of(&order),
            1 => bytes_of(&timer),
            _ => &[7; 13],
        };
        writer.append(Stamp { sequence, time_ns: 5 * sequence }, record).unwrap();
        let (segment, end) = writer.position();
        frames.push((segment, end - frame_bytes(record.len()), frame_bytes(record.len())));
        while writer.prepare().unwrap() {}
    }
    if close {
        writer.close().unwrap();
    }
    (storage.segments(), frames)
}

fn places(survey: &Survey) -> Vec<(u64, u64)> {
    survey.faults.iter().map(|fault| (fault.segment, fault.offset)).collect()
}

/// Where a flipped bit of this byte is to be told: the begin of what it lies in.
fn told_at(frames: &[Place], segment: u64, at: usize, closed: bool) -> usize {
    match at {
        0..8 => 0,
        8..12 => 8,
        12..292 => 0,
        296..304 => 296,
        304..308 => {
            if closed {
                296
            } else {
                304
            }
        }
        308..312 => 308,
        292..296 | 312..HEAD_BYTES => at,
        _ => {
            let within = |(of, from, bytes): &&Place| *of == segment && (*from..from + bytes).contains(&at);
            // What fills up a record of 13 bytes is told by itself.
            frames
                .iter()
                .find(within)
                .map_or(at, |(_, from, bytes)| if *bytes == 40 && at >= from + 37 { at } else { *from })
        }
    }
}

#[test]
fn a_journal_that_is_whole_has_no_fault() {
    for close in [true, false] {
        let (segments, frames) = small(close);
        let survey = survey_segments(&segments).unwrap();
        assert!(survey.faults.is_empty() && survey.torn_at.is_none() && survey.after.is_empty(), "{survey:?}");
        assert_eq!((survey.before.records, survey.summary.closed), (frames.len() as u64, close));
        assert!(frames.last().unwrap().0 >= 2, "of three segments at least");
    }
}

#[test]
fn every_flipped_bit_is_found_and_told_at_its_place() {
    for close in [true, false] {
        let (segments, frames) = small(close);
        let last = frames.last().unwrap();
        let mut flipped = 0;
        for (index, (segment, bytes)) in segments.iter().enumerate() {
            let spare = *segment > last.0;
            let open = !close && *segment == last.0;
            for bit in 0..bytes.len() * 8 {
                let at = bit / 8;
                let mut changed = segments.clone();
                changed[index].1[at] ^= 1 << (bit % 8);
                let found = survey_segments(&changed).unwrap();
                flipped += 1;
                if spare {
                    let place = if at < HEAD_BYTES { 0 } else { at };
                    assert_eq!(places(&found), [(*segment, place as u64)], "segment {segment}, bit {bit}");
                    continue;
                }
                let place = told_at(&frames, *segment, at, !open);
                if open && at >= last.1 && place == last.1 || open && at >= last.1 + last.2 {
                    // In the last frame, or behind it: what a writer that died leaves.
                    let end = if at < last.1 + last.2 { last.1 } else { last.1 + last.2 };
                    assert_eq!(found.torn_at, Some((*segment, end as u64)), "segment {segment}, bit {bit}");
                    assert!(found.summary.torn_bytes as usize > at - end);
                    assert!(found.faults.is_empty());
                    continue;
                }
                assert_eq!(places(&found), [(*segment, place as u64)], "segment {segment}, bit {bit}: {found:?}");
                recovered(&found, &frames, *segment, at);
            }
        }
        assert_eq!(flipped, segments.len() * SEGMENT_BYTES * 8);
    }
}

/// Before a damaged frame all frames are told, and behind it all but itself.
fn recovered(found: &Survey, frames: &[Place], segment: u64, at: usize) {
    let after: u64 = found.after.iter().map(|rest| rest.records.records).sum();
    let all = frames.len() as u64;
    if found.stopped.is_none() {
        assert_eq!((found.before.records, after), (all, 0), "nothing that matters was changed");
        return;
    }
    let before = frames.iter().filter(|frame| (frame.0, frame.1 + frame.2) <= (segment, at)).count() as u64;
    let of_frame = u64::from(at >= HEAD_BYTES);
    assert_eq!((found.before.records, found.before.last.sequence), (before, before));
    assert_eq!(before + of_frame + after, all, "segment {segment}, byte {at}");
    let later = found.after.iter().filter(|rest| rest.segment > segment);
    assert!(later.clone().all(|rest| rest.whole), "{found:?}");
    assert_eq!(later.count() as u64, frames.last().unwrap().0 - segment);
}

#[test]
fn every_cut_is_found_and_told_at_its_place() {
    for close in [true, false] {
        let (segments, frames) = small(close);
        let last = frames.last().unwrap().0;
        for (index, (segment, bytes)) in segments.iter().enumerate() {
            for length in 0..bytes.len() {
                let mut cut = segments.clone();
                cut[index].1.truncate(length);
                let found = survey_segments(&cut).unwrap();
                if *segment > last && length == 0 {
                    assert!(found.faults.is_empty(), "its writer died while it made the file");
                    continue;
                }
                assert_eq!(
                    places(&found),
                    [(*segment, length as u64)],
                    "segment {segment}, cut at {length}: {found:?}"
                );
                // Without what fills it up, a record is whole, too.
                let used = |bytes: usize| if bytes == 40 { 37 } else { bytes };
                let there = |frame: &Place| frame.1 + used(frame.2) <= length;
                let whole = |frame: &&Place| frame.0 < *segment || frame.0 == *segment && there(frame);
                let before = frames.iter().filter(whole).count() as u64;
                if length >= HEAD_BYTES {
                    assert_eq!(found.before.records, before, "segment {segment}, cut at {length}");
                }
                let reads = Reader::from_segments(cut).and_then(|mut reader| reader.verify());
                let unused = *segment > last && length >= HEAD_BYTES;
                let emptied = index + 1 == segments.len() && *segment == last && length == 0;
                assert_eq!(reads.is_ok(), unused || emptied, "segment {segment}, cut at {length}: {reads:?}");
            }
        }
    }
}

#[test]
fn journals_of_newer_releases_and_of_other_engines_are_refused() {
    let (segments, _) = small(true);
    let resum = |bytes: &mut Vec<u8>| {
        let sum = crc32fast::hash(&bytes[..288]);
        bytes[288..292].copy_from_slice(&sum.to_le_bytes());
    };
    let mut newer = segments.clone();
    newer[1].1[8] = 3;
    resum(&mut newer[1].1);
    let found = survey_segments(&newer).unwrap();
    assert_eq!(places(&found), [(1, 8)]);
    assert_eq!(found.faults[0].what, "journal: segment 1: its format is version 3, this build reads up to 2");
    let mut newer = segments.clone();
    newer[0].1[48..52].copy_from_slice(&(records::SCHEMA + 1).to_le_bytes());
    resum(&mut newer[0].1);
    let found = survey_segments(&newer).unwrap();
    assert_eq!(places(&found), [(0, 48)]);
    let (theirs, ours) = (records::SCHEMA + 1, records::SCHEMA);
    let said = format!("a newer release wrote it: records of schema {theirs}, this build reads up to {ours}");
    assert_eq!(found.faults[0].what, format!("journal: segment 0: {said}"));
    assert!(Reader::from_segments(newer).is_err());
    let mut foreign = segments.clone();
    foreign[1].1[14] = 9;
    resum(&mut foreign[1].1);
    let found = survey_segments(&foreign).unwrap();
    assert_eq!(places(&found), [(1, 12)]);
    let said = "journal: segment 1 is another engine's: firm 1, shard 9; the journal is of firm 1, shard 2";
    assert_eq!(found.faults[0].what, said);
    // The first release did not say the schema, and did not clear what it cut.
    let mut older = segments;
    older[0].1[48..52].fill(0);
    older[0].1[308..312].fill(0);
    older[0].1[SEGMENT_BYTES - 1] = 1;
    resum(&mut older[0].1);
    assert!(survey_segments(&older).unwrap().faults.is_empty());
}
