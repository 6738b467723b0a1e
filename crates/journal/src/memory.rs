//! Storage in memory, with a size: for backtests without a disk and for tests of a full one.
//!
//! Invariant: what was written through a segment is seen by whoever opens the same name again.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

use tiles::{Segment, Storage};

type File = Rc<UnsafeCell<Box<[u8]>>>;

/// Files in memory.
#[derive(Debug, Default)]
pub struct MemoryStorage {
    files: RefCell<BTreeMap<String, File>>,
    capacity: Cell<Option<usize>>,
    boot: Cell<u64>,
}

impl MemoryStorage {
    /// Storage without a bound.
    pub fn new() -> Rc<Self> {
        Rc::new(Self::default())
    }

    /// Storage that holds this many bytes in all.
    pub fn with_capacity(bytes: usize) -> Rc<Self> {
        Rc::new(Self { capacity: Cell::new(Some(bytes)), ..Self::default() })
    }

    /// Bytes in all files.
    pub fn used(&self) -> usize {
        // SAFETY: as in `segments`.
        self.files.borrow().values().map(|file| unsafe { (&(*file.get())).len() }).sum()
    }

    /// From now on it holds this many bytes in all; what stands there stays.
    pub fn set_capacity(&self, bytes: usize) {
        self.capacity.set(Some(bytes));
    }

    /// From now on it is of this start of its host ([`Storage::boot`]); 0, as it is made: unknown.
    pub fn set_boot(&self, boot: u64) {
        self.boot.set(boot);
    }

    /// The journal's segments, to read them back.
    pub fn segments(&self) -> Vec<(u64, Vec<u8>)> {
        let files = self.files.borrow();
        let numbered = files.iter().filter_map(|(name, file)| Some((crate::segment_number(name)?, file)));
        // SAFETY: segments of this storage are used by one thread, and no borrow of their bytes lives across this call.
        numbered.map(|(number, file)| (number, unsafe { (*file.get()).to_vec() })).collect()
    }
}

struct MemorySegment(File);

impl Segment for MemorySegment {
    fn bytes(&self) -> &[u8] {
        // SAFETY: one thread; as with a mapped file, two segments of one name are not used at the same time.
        unsafe { &*self.0.get() }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above.
        unsafe { &mut *self.0.get() }
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Storage for MemoryStorage {
    fn open(&self, name: &str, size: usize) -> io::Result<Box<dyn Segment>> {
        let used = self.used();
        let mut files = self.files.borrow_mut();
        if let Some(file) = files.get(name) {
            return Ok(Box::new(MemorySegment(file.clone())));
        }
        if self.capacity.get().is_some_and(|capacity| used + size > capacity) {
            return Err(io::Error::new(io::ErrorKind::StorageFull, format!("{name}: no room for {size} bytes")));
        }
        let file: File = Rc::new(UnsafeCell::new(vec![0; size].into_boxed_slice()));
        files.insert(name.to_owned(), file.clone());
        Ok(Box::new(MemorySegment(file)))
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let files = self.files.borrow();
        let file = files.get(name).ok_or(io::ErrorKind::NotFound)?;
        // SAFETY: as in `segments`.
        Ok(unsafe { (*file.get()).to_vec() })
    }

    fn boot(&self) -> u64 {
        self.boot.get()
    }

    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let file: File = Rc::new(UnsafeCell::new(bytes.into()));
        if self.capacity.get().is_some_and(|capacity| self.used() + bytes.len() > capacity) {
            return Err(io::Error::new(io::ErrorKind::StorageFull, format!("{name}: no room for {}", bytes.len())));
        }
        self.files.borrow_mut().insert(name.to_owned(), file);
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.files.borrow().keys().cloned().collect())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.files.borrow_mut().remove(name).map(|_| ()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}
