//! The journal: what is kept, what survives, what is refused.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

use tiles::{Segment, Storage};

use super::*;

type Bytes = Rc<RefCell<Vec<u8>>>;

/// Files in memory that a test may look into; it has room for so many bytes.
#[derive(Clone)]
pub(super) struct Disk {
    files: Rc<RefCell<BTreeMap<String, Bytes>>>,
    room: Rc<RefCell<usize>>,
}

/// A file of a [`Disk`], its bytes copied in and out.
struct File {
    bytes: Bytes,
    /// What the segment sees; written back at each borrow.
    view: *mut [u8],
}

impl Segment for File {
    fn bytes(&self) -> &[u8] {
        // SAFETY: the vector is never resized, and tests are one thread that holds no other borrow meanwhile.
        unsafe { &*self.view }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above.
        unsafe { &mut *self.view }
    }

    fn sync(&mut self) -> io::Result<()> {
        assert!(Rc::strong_count(&self.bytes) > 0);
        Ok(())
    }
}

impl Storage for Disk {
    fn open(&self, name: &str, size: usize) -> io::Result<Box<dyn Segment>> {
        let mut files = self.files.borrow_mut();
        if !files.contains_key(name) {
            let mut room = self.room.borrow_mut();
            *room = room.checked_sub(size).ok_or_else(|| io::Error::other("no space left on device"))?;
            files.insert(name.to_owned(), Rc::new(RefCell::new(vec![0; size])));
        }
        let bytes = Rc::clone(&files[name]);
        assert_eq!(bytes.borrow().len(), size);
        let view = std::ptr::from_mut(bytes.borrow_mut().as_mut_slice());
        Ok(Box::new(File { bytes, view }))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.files.borrow().keys().cloned().collect())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match self.files.borrow_mut().remove(name) {
            Some(bytes) => {
                *self.room.borrow_mut() += bytes.borrow().len();
                // A view may still be open: the bytes stay until the test ends.
                std::mem::forget(bytes);
                Ok(())
            }
            None => Err(io::Error::from(io::ErrorKind::NotFound)),
        }
    }
}

impl Disk {
    pub fn with_room(bytes: usize) -> Self {
        Self { files: Rc::default(), room: Rc::new(RefCell::new(bytes)) }
    }

    /// Changes bytes in whatever file holds them.
    pub fn replace(&self, from: &[u8], to: &[u8]) {
        assert_eq!(from.len(), to.len());
        let mut found = 0;
        for bytes in self.files.borrow().values() {
            let mut bytes = bytes.borrow_mut();
            let places: Vec<usize> =
                bytes.windows(from.len()).enumerate().filter(|(_, part)| *part == from).map(|(at, _)| at).collect();
            for at in places {
                bytes[at..at + to.len()].copy_from_slice(to);
                found += 1;
            }
        }
        assert!(found > 0, "nothing to change");
    }

    /// There is more room.
    pub fn gives_room(&self, bytes: usize) {
        *self.room.borrow_mut() += bytes;
    }

    /// What a file holds.
    pub fn bytes_of(&self, name: &str) -> Vec<u8> {
        self.files.borrow()[name].borrow().clone()
    }

    /// A copy as a kill would leave it: what was written, in new files.
    fn copied(&self) -> Self {
        let copy = |(name, bytes): (&String, &Bytes)| (name.clone(), Rc::new(RefCell::new(bytes.borrow().clone())));
        let files = self.files.borrow().iter().map(copy).collect();
        Self { files: Rc::new(RefCell::new(files)), room: Rc::new(RefCell::new(*self.room.borrow())) }
    }

    fn store(&self) -> Result<JournalStore, StoreError> {
        JournalStore::open(Rc::new(self.clone()), "test", SIZE, START_NS)
    }
}

const SIZE: JournalSize = JournalSize { segment_bytes: 65_536, segments_max: 4, messages_max: 10_000 };

/// A journal on a disk that the test may look into.
pub(super) fn journal(_: &str) -> (Disk, Box<dyn Store>) {
    let disk = Disk::with_room(1 << 20);
    let store = disk.store().unwrap();
    (disk, Box::new(store))
}

fn stored(store: &mut JournalStore, sequence: u64) -> Option<Vec<u8>> {
    match store.read(sequence) {
        Stored::Message { bytes, .. } => Some(bytes.to_vec()),
        _ => None,
    }
}

#[test]
fn what_was_kept_is_there_after_a_restart_over_segments_and_skipped_numbers() {
    for ahead_bytes in [0, 10_000, 1 << 20] {
        what_was_kept_is_there_after_a_restart(ahead_bytes);
    }
}

/// With the pages of so many bytes met before they are needed.
fn what_was_kept_is_there_after_a_restart(ahead_bytes: usize) {
    let disk = Disk::with_room(1 << 20);
    let mut store = disk.store().unwrap().with_ahead(ahead_bytes);
    let text =
        |sequence: u64| format!("message {sequence} {}", "x".repeat((sequence * 37 % 300) as usize)).into_bytes();
    for sequence in 1..=500 {
        if sequence % 10 == 0 {
            store.set_outgoing(sequence + 1);
        } else {
            store.append(sequence, START_NS, &text(sequence)).unwrap();
        }
        store.maintain();
        store.set_incoming(sequence * 2);
    }
    let mut again = disk.copied().store().unwrap().with_ahead(ahead_bytes);
    assert_eq!(again.numbers(), Numbers { incoming: 1_000, outgoing: 501, created_ns: START_NS });
    for sequence in 1..=500 {
        let expected = (sequence % 10 != 0).then(|| text(sequence));
        assert_eq!(stored(&mut again, sequence), expected, "{sequence}");
    }
    again.append(501, START_NS, b"next").unwrap();
    assert_eq!(stored(&mut again, 501), Some(b"next".to_vec()));
    assert_eq!(again.damaged(), 0);
}

#[test]
fn a_kill_between_any_two_writes_loses_nothing_that_was_kept() {
    // A message cut short at each of its bytes: it was never kept, and its number is given again.
    let disk = Disk::with_room(1 << 20);
    let mut store = disk.store().unwrap();
    store.append(1, START_NS, b"first").unwrap();
    store.set_incoming(5);
    let before = disk.copied();
    store.append(2, START_NS, b"second message").unwrap();
    let after = disk.copied();
    let segment = "test.00000001.000000";
    let (old, new) = (before.files.borrow()[segment].borrow().clone(), after.files.borrow()[segment].borrow().clone());
    let mut changed: Vec<usize> = (0..old.len()).filter(|at| old[*at] != new[*at]).collect();
    // The message is written before its entry, which begins behind the first message's span of 48.
    changed.sort_by_key(|at| *at < 48 + 40);
    for cut in 0..changed.len() {
        let torn = before.copied();
        for at in &changed[..cut] {
            torn.files.borrow()[segment].borrow_mut()[*at] = new[*at];
        }
        let mut store = torn.store().unwrap();
        assert_eq!(stored(&mut store, 1), Some(b"first".to_vec()));
        assert_eq!((store.numbers().incoming, store.numbers().outgoing), (5, 2), "cut at {cut}");
        store.append(2, START_NS, b"another").unwrap();
        assert_eq!(stored(&mut store, 2), Some(b"another".to_vec()));
    }
}

#[test]
fn a_half_written_slot_leaves_the_other_one() {
    let disk = Disk::with_room(1 << 20);
    let mut store = disk.store().unwrap();
    store.set_incoming(7);
    store.set_incoming(8);
    let numbers = disk.files.borrow()["test.numbers"].clone();
    for at in [0, 2048] {
        let copy = disk.copied();
        copy.files.borrow()["test.numbers"].borrow_mut()[at] ^= 1;
        let incoming = copy.store().unwrap().numbers().incoming;
        assert!([7, 8].contains(&incoming), "slot {at}: {incoming}");
    }
    for at in [0, 2048] {
        numbers.borrow_mut()[at] ^= 1;
    }
    let Err(error) = disk.copied().store() else { panic!("both slots are damaged") };
    assert!(error.0.contains("damaged"), "{error:?}");
}

#[test]
fn rot_in_one_message_leaves_the_others() {
    let disk = Disk::with_room(1 << 20);
    let mut store = disk.store().unwrap();
    for sequence in 1..=9 {
        store.append(sequence, START_NS, format!("message {sequence}").as_bytes()).unwrap();
    }
    store.set_incoming(2);
    let segment = "test.00000001.000000";
    let length = 9 * 56;
    for at in 0..length {
        let copy = disk.copied();
        copy.files.borrow()[segment].borrow_mut()[at] ^= 0x40;
        let mut store = copy.store().unwrap();
        let sound = (1..=9).filter(|sequence| stored(&mut store, *sequence).is_some()).count();
        let untouched = at % 56 >= 40 + 9;
        assert_eq!(sound, 8 + usize::from(untouched), "byte {at}");
        assert_eq!(store.numbers().outgoing, 10, "no number is used twice");
        assert!(untouched || store.damaged() > 0);
        store.append(10, START_NS, b"goes on").unwrap();
        assert_eq!(stored(&mut store, 10), Some(b"goes on".to_vec()));
    }
}

#[test]
fn rot_is_counted_by_the_session_that_opens_the_store() {
    let disk = Disk::with_room(1 << 20);
    let mut store = disk.store().unwrap();
    for sequence in 1..=3 {
        store.append(sequence, START_NS, b"message").unwrap();
    }
    let session = |disk: &Disk| {
        let table = json!({"begin_string": "FIX.4.4", "sender_comp_id": "ISLD", "target_comp_id": "TW"});
        Session::new(profile(table), Box::new(disk.store().unwrap()), None)
    };
    assert_eq!(session(&disk.copied()).counts().get(Count::StoreDamaged), 0);
    let rotten = disk.copied();
    rotten.files.borrow()["test.00000001.000000"].borrow_mut()[8] ^= 1;
    assert_eq!(session(&rotten).counts().get(Count::StoreDamaged), 1);
}

#[test]
fn a_full_disk_is_said_and_forgotten_when_there_is_room() {
    // Room for the numbers and one segment.
    let disk = Disk::with_room(4096 + 65_536);
    let mut store = disk.store().unwrap();
    let mut kept = 0;
    while store.append(kept + 1, START_NS, &[b'x'; 1_000]).is_ok() {
        kept += 1;
        store.maintain();
    }
    assert_eq!(kept, 63);
    assert_eq!(store.numbers().outgoing, kept + 1, "what was refused has no number");
    assert_eq!(store.append(kept + 1, START_NS, &[b'x'; 1_000]), Err(StoreFailed));
    *disk.room.borrow_mut() += 65_536;
    store.append(kept + 1, START_NS, &[b'x'; 1_000]).unwrap();
    assert_eq!(stored(&mut disk.copied().store().unwrap(), kept + 1), Some(vec![b'x'; 1_000]));
}

#[test]
fn a_reset_is_whole_or_did_not_happen() {
    let disk = Disk::with_room(1 << 20);
    let mut store = disk.store().unwrap();
    store.append(1, START_NS, b"old").unwrap();
    store.set_incoming(9);
    let before = disk.copied();
    store.reset(START_NS + 5).unwrap();
    assert_eq!(store.numbers(), Numbers { incoming: 1, outgoing: 1, created_ns: START_NS + 5 });
    assert_eq!(stored(&mut store, 1), None);
    store.append(1, START_NS, b"new").unwrap();
    // Killed before the slot was written: the old store with a segment that nobody needs.
    let stray = before.copied();
    stray.open("test.00000002.000000", 65_536).unwrap();
    let mut old = stray.store().unwrap();
    assert_eq!((old.numbers().incoming, stored(&mut old, 1)), (9, Some(b"old".to_vec())));
    assert_eq!(stray.list().unwrap(), ["test.00000001.000000", "test.numbers"]);
    // Killed after it, before the old segments went.
    let late = disk.copied();
    late.open("test.00000001.000000", 65_536).unwrap();
    let mut new = late.store().unwrap();
    assert_eq!((new.numbers().incoming, stored(&mut new, 1)), (1, Some(b"new".to_vec())));
    // No room for a new beginning.
    let full = before.copied();
    *full.room.borrow_mut() = 0;
    let mut store = full.store().unwrap();
    assert_eq!(store.reset(START_NS), Err(StoreFailed));
    assert_eq!((store.numbers().incoming, stored(&mut store, 1)), (9, Some(b"old".to_vec())));
}

#[test]
fn another_segment_size_is_refused_in_words() {
    let disk = Disk::with_room(1 << 20);
    disk.store().unwrap();
    let size = JournalSize { segment_bytes: 131_072, ..SIZE };
    let Err(error) = JournalStore::open(Rc::new(disk), "test", size, START_NS) else { panic!("it is another size") };
    assert!(error.0.contains("segments of 65536 bytes"), "{error:?}");
}

#[test]
fn a_session_over_a_journal_goes_on_after_a_kill_of_either_side_at_any_point() {
    // After each of the steps one side is killed and comes back from its files.
    let steps = 12;
    for killed in 0..steps {
        for who in ["initiator", "acceptor"] {
            let disks = BTreeMap::from(["initiator", "acceptor"].map(|name| (name, Disk::with_room(1 << 20))));
            let both = json!({"replay_order_age_ns_max": u64::MAX});
            let mut pair = Pair::with(both.clone(), |name| Box::new(disks[name].store().unwrap()));
            pair.connect();
            let mut sent = 0;
            let mut got = Vec::new();
            for step in 0..steps {
                if step % 3 == 0 {
                    pair.run();
                }
                sent += u64::from(pair.initiator.order(pair.now_ns, &format!("o{sent}")).is_ok());
                if step == killed {
                    got.extend(pair.acceptor.orders());
                    pair.acceptor.notes.0.borrow_mut().messages.clear();
                    let disk = disks[who].copied();
                    let fresh = Pair::with(both.clone(), |name| {
                        if name == who { Box::new(disk.store().unwrap()) } else { journal("").1 }
                    });
                    if who == "initiator" {
                        pair.initiator.session = fresh.initiator.session;
                        pair.acceptor.said();
                        pair.acceptor.session.disconnected(pair.now_ns);
                    } else {
                        pair.acceptor.session = fresh.acceptor.session;
                        pair.initiator.said();
                        pair.initiator.session.disconnected(pair.now_ns);
                    }
                    pair.connect();
                }
            }
            pair.run();
            got.extend(pair.acceptor.orders());
            let expected: Vec<String> = (0..sent).map(|at| format!("o{at}")).collect();
            assert_eq!(got, expected, "{who} killed after step {killed}");
        }
    }
}
