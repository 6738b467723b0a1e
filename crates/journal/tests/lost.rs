//! What a lost host leaves: pages and files that its device wrote in any order.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

use journal::{HEAD_BYTES, Identity, JournalConfig, JournalError, Reader, Retained, Summary, Writer, end_before_lost};
use records::{MarketOrder, Stamp, Timer, bytes_of};
use tiles::{Segment, Storage};

const PAGE_BYTES: usize = 512;
const SEGMENT_BYTES: usize = 8 * PAGE_BYTES;
const SECOND_NS: u64 = 1_000_000_000;

#[derive(Default)]
struct File {
    bytes: Vec<u8>,
    synced: Vec<u8>,
}

/// A host's files, and what its device has of them.
#[derive(Clone, Default)]
struct Host {
    files: Rc<RefCell<BTreeMap<String, Rc<RefCell<File>>>>>,
    starts: Rc<Cell<u64>>,
    /// Syncs that are not done when they are asked for.
    busy: Rc<Cell<bool>>,
}

struct Mapped {
    bytes: Vec<u8>,
    file: Rc<RefCell<File>>,
    host: Host,
}

impl Segment for Mapped {
    fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.host.busy.get() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.file.borrow_mut().synced.clone_from(&self.bytes);
        Ok(())
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        self.file.borrow_mut().bytes = std::mem::take(&mut self.bytes);
    }
}

impl Storage for Host {
    fn open(&self, name: &str, size: usize) -> io::Result<Box<dyn Segment>> {
        let fresh = || Rc::new(RefCell::new(File { bytes: vec![0; size], synced: Vec::new() }));
        let file = self.files.borrow_mut().entry(name.to_owned()).or_insert_with(fresh).clone();
        let bytes = file.borrow().bytes.clone();
        Ok(Box::new(Mapped { bytes, file, host: self.clone() }))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.files.borrow().keys().cloned().collect())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.files.borrow_mut().remove(name).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let files = self.files.borrow();
        Ok(files.get(name).ok_or(io::ErrorKind::NotFound)?.borrow().bytes.clone())
    }

    fn boot(&self) -> u64 {
        self.starts.get() + 1
    }
}

impl Host {
    /// It is lost: each page is as it was forced, or as it was written since.
    fn lose(&self, random: &mut Random) {
        self.starts.set(self.starts.get() + 1);
        let all = random.below(4) == 0;
        self.files.borrow_mut().retain(|_, file| !file.borrow().synced.is_empty() || all || random.below(2) == 0);
        for file in self.files.borrow().values() {
            let mut file = file.borrow_mut();
            file.synced.resize(SEGMENT_BYTES, 0);
            let File { bytes, synced } = &mut *file;
            for (synced, written) in synced.chunks_mut(PAGE_BYTES).zip(bytes.chunks(PAGE_BYTES)) {
                if random.below(2) == 0 {
                    synced.copy_from_slice(written);
                }
            }
            bytes.clone_from(synced);
        }
    }

    /// Changes a file.
    fn change(&self, segment: u64, change: impl FnOnce(&mut Vec<u8>)) {
        let files = self.files.borrow();
        change(&mut files[&journal::segment_name(segment)].borrow_mut().bytes);
    }

    fn verify(&self) -> Result<Summary, JournalError> {
        let mut reader = Reader::from_storage(self, SEGMENT_BYTES)?;
        let mut due = 1;
        while let Some((stamp, record)) = reader.next()? {
            assert_eq!(stamp.sequence, due);
            assert!(records::read_from::<MarketOrder>(record).is_none_or(|order| order.order_ref == due));
            due += 1;
        }
        Ok(reader.summary())
    }

    fn write_on(&self, after: Summary, forced: bool) -> Writer {
        let next = if after.records == 0 { (0, 1) } else { (after.last_segment + 1, after.last.sequence + 1) };
        let identity = Identity::default();
        let config = JournalConfig {
            segment_bytes: SEGMENT_BYTES,
            next,
            cut: after.cut,
            forced,
            ..JournalConfig::new(identity)
        };
        Writer::create(Rc::new(self.clone()), config).expect("room")
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn append(writer: &mut Writer, step_ns: u64) -> u64 {
    let sequence = writer.last().sequence + 1;
    let stamp = Stamp { sequence, time_ns: sequence * step_ns };
    let mut order = MarketOrder::new();
    order.order_ref = sequence;
    let timer = Timer::new();
    let record = if sequence.is_multiple_of(3) { bytes_of(&timer) } else { bytes_of(&order) };
    writer.append(stamp, record).expect("room");
    writer.prepare().expect("room");
    sequence
}

#[test]
fn whatever_order_a_device_wrote_in_all_that_was_promised_is_there_and_the_rest_is_cut() {
    let (mut cuts, mut behind, mut lives) = (0, 0, 0);
    for seed in 0..400 {
        let (host, mut random) = (Host::default(), Random(seed));
        let (mut promised, mut after) = (0, Summary::default());
        for _ in 0..4 {
            let mut writer = host.write_on(after, true);
            // The begin of a life is waited for by whoever starts it.
            append(&mut writer, 1);
            promised = promised.max(writer.durable().expect("well"));
            for _ in 0..random.below(120) {
                host.busy.set(random.below(8) != 0);
                append(&mut writer, 1);
                promised = promised.max(writer.durable().expect("well"));
            }
            host.busy.set(false);
            drop(writer);
            let lost = random.below(3) != 0;
            if lost {
                host.lose(&mut random);
            }
            after = host.verify().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            let end = end_before_lost(&host).expect("listed");
            assert_eq!(end, after.cut.then_some(after.last.sequence), "seed {seed}");
            assert!(after.last.sequence >= promised && (lost || !after.cut), "seed {seed}: {promised}, {after:?}");
            promised = after.last.sequence;
            (cuts, behind, lives) = (cuts + u64::from(after.cut), behind + after.torn_records, lives + 1);
        }
        drop(host.write_on(after, true));
        let whole = host.verify().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert_eq!((whole.last, whole.torn_bytes, whole.cut), (after.last, 0, false), "seed {seed}");
    }
    assert!(lives == 1600 && cuts > 200 && behind > 1_000, "{lives} {cuts} {behind}");
}

#[test]
fn a_hole_in_what_a_later_frame_calls_durable_is_damage() {
    let (mut told, mut passed) = (0, 0);
    for at in (HEAD_BYTES..SEGMENT_BYTES - PAGE_BYTES).step_by(PAGE_BYTES / 2) {
        let host = Host::default();
        let mut writer = host.write_on(Summary::default(), true);
        while writer.position().0 < 2 {
            host.busy.set(writer.position().1 > SEGMENT_BYTES / 2 || writer.position().0 > 0);
            append(&mut writer, 1);
            let _durable = writer.durable().expect("well");
        }
        drop(writer);
        host.starts.set(1);
        host.change(0, |bytes| bytes[at..at + PAGE_BYTES].fill(0));
        match host.verify() {
            Err(JournalError::Damaged { segment: 0, .. }) if at < SEGMENT_BYTES / 2 => told += 1,
            Ok(summary) if at >= SEGMENT_BYTES / 2 && summary.cut && summary.torn_records > 20 => passed += 1,
            found => panic!("byte {at}: {found:?}"),
        }
    }
    assert!(told >= 5 && passed >= 4, "{told} {passed}");
}

#[test]
fn without_a_lost_host_or_long_before_it_or_before_another_start_of_it_a_hole_is_damage() {
    let written = |step_ns| {
        let host = Host::default();
        let mut writer = host.write_on(Summary::default(), false);
        while writer.position().0 < 2 {
            append(&mut writer, step_ns);
        }
        drop(writer);
        host
    };
    let hole = |host: &Host, segment| host.change(segment, |bytes| bytes[1_024..1_536].fill(0));
    let is_damaged = |host: &Host| matches!(host.verify(), Err(JournalError::Damaged { .. }));
    for segment in [0, 1] {
        let host = written(1);
        hole(&host, segment);
        assert!(is_damaged(&host), "the host is the same");
        host.starts.set(1);
        let cut = host.verify().expect("nobody forced it");
        assert!(cut.cut && cut.torn_records > 20 && cut.last_segment == segment, "{cut:?}");
        let host = written(10 * SECOND_NS);
        host.starts.set(1);
        let whole = host.verify().expect("whole");
        hole(&host, segment);
        assert!(is_damaged(&host), "the system wrote it minutes before");
        let host = written(1);
        host.starts.set(1);
        let mut writer = host.write_on(host.verify().expect("whole"), false);
        append(&mut writer, 1);
        drop(writer);
        host.starts.set(2);
        hole(&host, segment);
        assert!(is_damaged(&host) && whole.records > 40, "it was read back whole at the next start");
    }
}

#[test]
fn pages_of_a_segment_whose_head_was_lost_are_not_written_around() {
    let host = Host::default();
    let mut writer = host.write_on(Summary::default(), true);
    while writer.position() < (1, SEGMENT_BYTES * 3 / 4) {
        let sequence = append(&mut writer, 1);
        host.busy.set(sequence > 3);
        let _durable = writer.durable().expect("well");
    }
    drop(writer);
    host.busy.set(false);
    host.starts.set(1);
    host.change(1, |bytes| bytes[..2 * PAGE_BYTES].fill(0));
    let left = host.verify().expect("the first segment is whole");
    let mut writer = host.write_on(left, true);
    append(&mut writer, 1);
    drop(writer);
    let found = host.verify().expect("nothing of the old one is left");
    assert_eq!((found.last.sequence, found.torn_bytes), (left.last.sequence + 1, 0));
}

/// A journal of three segments of whose first one the device had nothing, on a host that was lost.
fn without_its_begin(step_ns: u64, forced: bool, promised: bool) -> Host {
    let host = Host::default();
    let mut writer = host.write_on(Summary::default(), forced);
    host.busy.set(!promised);
    while writer.position() < (2, SEGMENT_BYTES / 2) {
        append(&mut writer, step_ns);
        let _durable = writer.durable().expect("well");
    }
    drop(writer);
    host.busy.set(false);
    host.starts.set(1);
    host.change(0, |bytes| bytes.fill(0));
    host
}

#[test]
fn a_journal_that_lost_its_begin_before_anything_was_promised_says_so() {
    for forced in [false, true] {
        let host = without_its_begin(1, forced, false);
        let Err(JournalError::Lost { records }) = host.verify() else {
            panic!("forced: {forced}: {:?}", host.verify())
        };
        assert!(records > 10);
        host.starts.set(0);
        assert!(matches!(host.verify(), Err(JournalError::Head { segment: 0, .. })), "its host was not lost");
    }
}

#[test]
fn a_begin_that_was_promised_or_is_old_is_damage_where_it_is_gone() {
    for (host, what) in [
        (without_its_begin(1, true, true), "it was promised"),
        (without_its_begin(30 * SECOND_NS, false, false), "the system had written it by itself"),
    ] {
        assert!(matches!(host.verify(), Err(JournalError::Head { segment: 0, .. })), "{what}: {:?}", host.verify());
    }
}

#[test]
fn a_journal_whose_first_files_were_lost_with_their_host_says_so() {
    // The first segment's file is gone, and the second one is there as it was made, or whole.
    for unused in [true, false] {
        let host = without_its_begin(1, true, false);
        host.remove(&journal::segment_name(0)).expect("it is there");
        if unused {
            host.change(1, |bytes| bytes.fill(0));
        }
        let begun = |host: &Host, retained: Option<Retained>| {
            let mut reader = Reader::from_storage(host, SEGMENT_BYTES)?;
            reader.require_begin(&|| retained.clone())
        };
        assert!(matches!(begun(&host, None), Err(JournalError::Lost { records: 10.. })), "{:?}", begun(&host, None));
        if !unused {
            let retained = Retained { segment: 1, sequence: 2, shipped_to: None };
            assert!(matches!(begun(&host, Some(retained)), Err(JournalError::Begin { .. })), "somebody took it away");
        }
        host.starts.set(0);
        let told = begun(&host, None);
        assert!(matches!(told, Err(JournalError::Begin { .. } | JournalError::Head { .. })), "its host was not lost");
    }
    let promised = without_its_begin(1, true, true);
    promised.remove(&journal::segment_name(0)).expect("it is there");
    let told = Reader::from_storage(&promised, SEGMENT_BYTES).and_then(|mut reader| reader.require_begin(&|| None));
    assert!(matches!(told, Err(JournalError::Begin { segment: 1, .. })), "it was promised: {told:?}");
}
