//! Files in memory that outlive the tile that wrote them, as mapped files outlive a process, but not always a host; on a device
//! that may be busy, stall, refuse, be full, and forget.
//!
//! Invariant: a file is open once at a time; after `lose_host` it holds what was last synced and nothing newer, after
//! `tear_host` each of its sectors holds that or what was written since, in any order.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Result};
use std::ops::Range;
use std::rc::Rc;

use tiles::{Segment, Storage};

use crate::random::Random;

/// What a device writes by itself, and what it writes whole, bytes.
const PAGE_BYTES: usize = 4_096;
const SECTOR_BYTES: usize = 512;

/// How a device is.
#[derive(Default)]
struct Device {
    full: bool,
    stalls: bool,
    refuses: bool,
    /// Syncs of a million that are not done yet when they are asked for.
    busy: u32,
    random: Option<Random>,
}

#[derive(Clone, Default)]
struct File {
    /// Empty while the file is open: its segment holds them.
    bytes: Vec<u8>,
    /// Those of its segment, for who reads beside it.
    live: Option<Live>,
    synced: Vec<u8>,
    open: bool,
    size: usize,
}

/// The bytes of an open file, as who maps it and who reads it see them.
#[derive(Clone)]
struct Live(Rc<UnsafeCell<Vec<u8>>>);

impl Live {
    fn bytes(&self) -> &[u8] {
        // SAFETY: all ends of a file are of one thread, and none of them is borrowed while another one is used: a writer's borrow
        // ends with its call, a reader copies.
        unsafe { &*self.0.get() }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above.
        unsafe { &mut *self.0.get() }
    }
}

/// What a disk had at a time.
#[derive(Clone)]
pub struct Copied(BTreeMap<String, File>);

type Files = Rc<RefCell<BTreeMap<String, File>>>;

/// The directory of one tile. Clones see the same files.
#[derive(Clone, Default)]
pub struct SimDisk {
    files: Files,
    /// Hosts that were lost.
    lost: Rc<Cell<u64>>,
    device: Rc<RefCell<Device>>,
}

struct SimSegment {
    name: String,
    bytes: Live,
    /// Where it may differ from what was synced.
    changed: Range<usize>,
    disk: SimDisk,
}

impl SimDisk {
    /// No files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether there is room for another file.
    pub fn set_full(&self, full: bool) {
        self.device.borrow_mut().full = full;
    }

    /// So many syncs of a million are not done yet when they are asked for, by this seed.
    pub fn set_busy(&self, per_million: u32, seed: u64) {
        let mut device = self.device.borrow_mut();
        (device.busy, device.random) = (per_million, Some(Random::new(seed)));
    }

    /// Whether no sync ends.
    pub fn set_stalls(&self, stalls: bool) {
        self.device.borrow_mut().stalls = stalls;
    }

    /// Whether the device takes nothing.
    pub fn set_refuses(&self, refuses: bool) {
        self.device.borrow_mut().refuses = refuses;
    }

    /// The host is lost: every file goes back to what was last synced. Close the tile first.
    pub fn lose_host(&self) {
        self.lost.set(self.lost.get() + 1);
        for file in self.files.borrow_mut().values_mut() {
            file.bytes = file.synced.clone();
            file.bytes.resize(file.size, 0);
        }
    }

    /// The host is lost while its device was writing: of each file each page is as it was last synced, or as it was written since, or
    /// that sector by sector; a file that was never synced is there so, or gone. Close the tile first.
    pub fn tear_host(&self, random: &mut Random) {
        self.lost.set(self.lost.get() + 1);
        let mut files = self.files.borrow_mut();
        // A device writes most of it, or little.
        let written = random.between(0, 1_000_000) as u32;
        files.retain(|_, file| !file.synced.is_empty() || random.chance(written));
        for file in files.values_mut() {
            file.synced.resize(file.size, 0);
            tear(file, written, random);
            file.bytes.clone_from(&file.synced);
        }
    }

    /// What is on it now, as a copy on another host has it. Close the tile first.
    pub fn copy(&self) -> Copied {
        Copied(self.files.borrow().clone())
    }

    /// Has what was copied and nothing else: a host that was behind takes this one's place. Close the tile first.
    pub fn put_back(&self, copied: &Copied) {
        self.lost.set(self.lost.get() + 1);
        self.files.borrow_mut().clone_from(&copied.0);
    }

    /// Bytes of a closed file up to the last one that is not zero; 0 where it is not there.
    pub fn used_bytes(&self, name: &str) -> usize {
        let files = self.files.borrow();
        files.get(name).and_then(|file| file.bytes.iter().rposition(|byte| *byte != 0)).map_or(0, |last| last + 1)
    }

    /// Bytes of all files, what is forced and what is mapped alike.
    pub fn bytes(&self) -> usize {
        let files = self.files.borrow();
        files.values().map(|file| file.synced.capacity() + file.bytes.capacity().max(file.size)).sum()
    }

    /// Flips one bit of a closed file, as a bad disk would.
    pub fn flip_bit(&self, name: &str, bit: usize) {
        if let Some(file) = self.files.borrow_mut().get_mut(name)
            && let Some(byte) = file.bytes.get_mut(bit / 8)
        {
            *byte ^= 1 << (bit % 8);
        }
    }
}

/// Writes so many of a million of the pages of a file that changed to its device, one of eight of them in part.
fn tear(file: &mut File, per_million: u32, random: &mut Random) {
    let pages = file.synced.chunks_mut(PAGE_BYTES).zip(file.bytes.chunks(PAGE_BYTES));
    for (synced, written) in pages.filter(|(synced, written)| synced != written) {
        let in_part = random.chance(125_000);
        if !in_part && !random.chance(per_million) {
            continue;
        }
        for (synced, written) in synced.chunks_mut(SECTOR_BYTES).zip(written.chunks(SECTOR_BYTES)) {
            if !in_part || random.chance(500_000) {
                synced.copy_from_slice(written);
            }
        }
    }
}

impl Storage for SimDisk {
    fn open(&self, name: &str, size: usize) -> Result<Box<dyn Segment>> {
        let mut files = self.files.borrow_mut();
        if self.device.borrow().full && !files.contains_key(name) {
            return Err(Error::new(ErrorKind::StorageFull, format!("file {name}: no space left on the disk")));
        }
        let fresh = || File { bytes: vec![0; size], size, ..File::default() };
        let file = files.entry(name.to_owned()).or_insert_with(fresh);
        if file.open {
            return Err(Error::new(ErrorKind::ResourceBusy, format!("file {name}: is open already")));
        }
        if file.size != size {
            let text = format!("file {name}: is {} bytes long, must be {size}", file.size);
            return Err(Error::new(ErrorKind::InvalidData, text));
        }
        file.open = true;
        let bytes = Live(Rc::new(UnsafeCell::new(std::mem::take(&mut file.bytes))));
        file.live = Some(bytes.clone());
        let changed = 0..size;
        Ok(Box::new(SimSegment { name: name.to_owned(), bytes, changed, disk: self.clone() }))
    }

    fn read(&self, name: &str) -> Result<Vec<u8>> {
        let files = self.files.borrow();
        let file =
            files.get(name).ok_or_else(|| Error::new(ErrorKind::NotFound, format!("file {name}: is not there")))?;
        Ok(file.live.as_ref().map_or_else(|| file.bytes.clone(), |live| live.bytes().to_vec()))
    }

    fn boot(&self) -> u64 {
        self.lost.get() + 1
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let file = File { bytes: bytes.to_vec(), synced: bytes.to_vec(), size: bytes.len(), ..File::default() };
        self.files.borrow_mut().insert(name.to_owned(), file);
        Ok(())
    }

    fn list(&self) -> Result<Vec<String>> {
        Ok(self.files.borrow().keys().cloned().collect())
    }

    fn remove(&self, name: &str) -> Result<()> {
        let removed = self.files.borrow_mut().remove(name);
        removed.map(drop).ok_or_else(|| Error::new(ErrorKind::NotFound, format!("file {name}: is not there")))
    }
}

impl Segment for SimSegment {
    fn bytes(&self) -> &[u8] {
        self.bytes.bytes()
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self.changed = 0..self.bytes.bytes().len();
        self.bytes.bytes_mut()
    }

    fn part_mut(&mut self, bytes: Range<usize>) -> &mut [u8] {
        self.changed = match self.changed.is_empty() {
            true => bytes.clone(),
            false => self.changed.start.min(bytes.start)..self.changed.end.max(bytes.end),
        };
        &mut self.bytes.bytes_mut()[bytes]
    }

    fn sync(&mut self) -> Result<()> {
        let mut device = self.disk.device.borrow_mut();
        if device.refuses {
            return Err(Error::other(format!("file {}: the device refuses", self.name)));
        }
        let busy = device.busy;
        if device.stalls || device.random.as_mut().is_some_and(|random| random.chance(busy)) {
            return Err(ErrorKind::WouldBlock.into());
        }
        if let Some(file) = self.disk.files.borrow_mut().get_mut(&self.name) {
            let bytes = self.bytes.bytes();
            if file.synced.len() == bytes.len() {
                let changed = self.changed.clone();
                file.synced[changed.clone()].copy_from_slice(&bytes[changed]);
            } else {
                file.synced = bytes.to_vec();
            }
            self.changed = 0..0;
        }
        Ok(())
    }
}

impl Drop for SimSegment {
    fn drop(&mut self) {
        if let Some(file) = self.disk.files.borrow_mut().get_mut(&self.name) {
            // SAFETY: as in `Live`.
            file.bytes = std::mem::take(unsafe { &mut *self.bytes.0.get() });
            (file.open, file.live) = (false, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_host_has_of_each_page_what_was_forced_or_what_was_written() {
        let (mut old, mut new, mut torn, mut gone, mut out_of_order) = (0, 0, 0, 0, 0);
        for seed in 0..64 {
            let disk = SimDisk::new();
            let mut segment = disk.open("journal", 4 * PAGE_BYTES).expect("room");
            segment.bytes_mut().fill(1);
            segment.sync().expect("a device that is well");
            segment.bytes_mut()[PAGE_BYTES..].fill(2);
            drop(segment);
            drop(disk.open("unforced", PAGE_BYTES).expect("room"));
            disk.tear_host(&mut Random::new(seed));
            gone += usize::from(disk.read("unforced").is_err());
            let bytes = disk.read("journal").expect("it was forced");
            assert_eq!(bytes[..PAGE_BYTES], [1; PAGE_BYTES], "seed {seed}: nothing was written there since");
            assert!(disk.list().expect("a list").len() <= 2, "seed {seed}");
            let mut before = 2;
            for page in bytes[PAGE_BYTES..].chunks(PAGE_BYTES) {
                for sector in page.chunks(SECTOR_BYTES) {
                    assert!(sector == [1; SECTOR_BYTES] || sector == [2; SECTOR_BYTES], "seed {seed}");
                }
                let taken = page.iter().filter(|byte| **byte == 2).count();
                *match taken {
                    0 => &mut old,
                    PAGE_BYTES => &mut new,
                    _ => &mut torn,
                } += 1;
                out_of_order += usize::from(taken == PAGE_BYTES && before == 1);
                before = page[PAGE_BYTES - 1];
            }
        }
        let counts = [old, new, torn, gone, out_of_order];
        assert!(counts.iter().all(|count| *count > 8), "{counts:?}");
    }

    #[test]
    fn a_device_stalls_refuses_and_is_well_again() {
        let disk = SimDisk::new();
        let mut segment = disk.open("journal", 16).expect("room");
        let mut kind = |stalls, refuses| {
            disk.set_stalls(stalls);
            disk.set_refuses(refuses);
            segment.sync().err().map(|error| error.kind())
        };
        assert_eq!(kind(true, false), Some(ErrorKind::WouldBlock));
        assert_eq!(kind(false, true), Some(ErrorKind::Other));
        assert_eq!(kind(false, false), None);
        disk.set_busy(500_000, 7);
        let busy = (0..1_000).filter(|_| segment.sync().is_err()).count();
        assert!((400..600).contains(&busy), "{busy}");
    }
}
