//! Files in memory that outlive the tile that wrote them, as mapped files outlive a process, but not always a host.
//!
//! Invariant: a file is open once at a time; after `lose_host` it holds what was last synced and nothing newer.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Result};
use std::rc::Rc;

use tiles::{Segment, Storage};

#[derive(Default)]
struct File {
    /// Empty while the file is open: its segment holds them.
    bytes: Vec<u8>,
    synced: Vec<u8>,
    open: bool,
    size: usize,
}

type Files = Rc<RefCell<BTreeMap<String, File>>>;

/// The directory of one tile. Clones see the same files.
#[derive(Clone, Default)]
pub struct SimDisk {
    files: Files,
    full: Rc<Cell<bool>>,
}

struct SimSegment {
    name: String,
    bytes: Vec<u8>,
    files: Files,
}

impl SimDisk {
    /// No files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether there is room for another file.
    pub fn set_full(&self, full: bool) {
        self.full.set(full);
    }

    /// The host is lost: every file goes back to what was last synced. Close the tile first.
    pub fn lose_host(&self) {
        for file in self.files.borrow_mut().values_mut() {
            file.bytes = file.synced.clone();
            file.bytes.resize(file.size, 0);
        }
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

impl Storage for SimDisk {
    fn open(&self, name: &str, size: usize) -> Result<Box<dyn Segment>> {
        let mut files = self.files.borrow_mut();
        if self.full.get() && !files.contains_key(name) {
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
        let bytes = std::mem::take(&mut file.bytes);
        Ok(Box::new(SimSegment { name: name.to_owned(), bytes, files: Rc::clone(&self.files) }))
    }

    fn read(&self, name: &str) -> Result<Vec<u8>> {
        let files = self.files.borrow();
        let file =
            files.get(name).ok_or_else(|| Error::new(ErrorKind::NotFound, format!("file {name}: is not there")))?;
        Ok(file.bytes.clone())
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let file = File { bytes: bytes.to_vec(), synced: bytes.to_vec(), open: false, size: bytes.len() };
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
        &self.bytes
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    fn sync(&mut self) -> Result<()> {
        if let Some(file) = self.files.borrow_mut().get_mut(&self.name) {
            file.synced.clone_from(&self.bytes);
        }
        Ok(())
    }
}

impl Drop for SimSegment {
    fn drop(&mut self) {
        if let Some(file) = self.files.borrow_mut().get_mut(&self.name) {
            file.bytes = std::mem::take(&mut self.bytes);
            file.open = false;
        }
    }
}
