//! Fixed memory that two ends share: lines on the heap for the threads of one process, a mapped file between processes.
//!
//! Invariant: its size and address never change while anyone holds it, and everything in it is reached through atomics
//! or through slices that the ring's protocol has made exclusive.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::sync::atomic::AtomicU64;

use memmap2::{MmapOptions, MmapRaw};

/// Two cache lines, so that neighbours do not disturb one another through the adjacent-line prefetcher.
#[repr(align(128))]
struct Line(#[allow(dead_code)] [AtomicU64; 16]);

enum Backing {
    Heap(#[allow(dead_code)] Box<[Line]>),
    File(#[allow(dead_code)] MmapRaw),
}

/// See the module.
pub(crate) struct Memory {
    base: *mut u8,
    bytes: usize,
    _backing: Backing,
}

// SAFETY: `base` points into `_backing`, which lives as long as this value and is never moved or resized (a box and a
// mapping both keep their address). All shared access goes through atomics or the ring's exclusive slices.
unsafe impl Send for Memory {}
// SAFETY: as above; a shared reference gives out atomics and raw pointers alone.
unsafe impl Sync for Memory {}

impl Memory {
    /// Zeroed lines of this process.
    pub(crate) fn heap(bytes: usize) -> Self {
        let lines = bytes.div_ceil(128);
        let mut backing: Box<[Line]> = (0..lines).map(|_| Line([const { AtomicU64::new(0) }; 16])).collect();
        Self { base: backing.as_mut_ptr().cast(), bytes: lines * 128, _backing: Backing::Heap(backing) }
    }

    /// A new file of this size, zero-filled, its space reserved so that a store can never meet a full disk.
    ///
    /// The file appears under its name only when `fill` has run: a reader never sees a half-made head.
    pub(crate) fn create_file(path: &Path, bytes: usize, fill: impl FnOnce(&Self)) -> io::Result<Self> {
        use std::os::fd::AsRawFd;
        let making = path.with_extension(format!("making-{}", std::process::id()));
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&making)?;
        let length = libc::off_t::try_from(bytes).map_err(io::Error::other)?;
        // SAFETY: a plain system call on a descriptor that is open for the whole call.
        let code = unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, length) };
        if code != 0 {
            let _ = std::fs::remove_file(&making);
            return Err(crate::no_room(path, bytes as u64, &io::Error::from_raw_os_error(code)));
        }
        let memory = Self::map(&file, bytes)?;
        fill(&memory);
        std::fs::rename(&making, path)?;
        Ok(memory)
    }

    /// An existing file, whole.
    pub(crate) fn open_file(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let bytes = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        Self::map(&file, bytes)
    }

    fn map(file: &std::fs::File, bytes: usize) -> io::Result<Self> {
        let map = MmapOptions::new().len(bytes).map_raw(file)?;
        Ok(Self { base: map.as_mut_ptr(), bytes, _backing: Backing::File(map) })
    }

    /// Its size.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The word at this byte offset.
    #[inline]
    pub(crate) fn word(&self, offset: usize) -> &AtomicU64 {
        assert!(offset & 7 == 0 && offset + 8 <= self.bytes, "a word outside its memory");
        // SAFETY: inside the memory and aligned (checked above; the base is aligned to at least 8); AtomicU64 may be
        // shared, and the memory outlives `self`'s borrow.
        unsafe { &*self.base.add(offset).cast::<AtomicU64>() }
    }

    /// The word at this byte offset, unchecked.
    ///
    /// # Safety
    /// The offset is a multiple of 8 and at least 8 below the size.
    #[inline]
    pub(crate) unsafe fn word_unchecked(&self, offset: usize) -> &AtomicU64 {
        debug_assert!(offset & 7 == 0 && offset + 8 <= self.bytes);
        // SAFETY: inside the memory and aligned (the caller's promise); AtomicU64 may be shared.
        unsafe { &*self.base.add(offset).cast::<AtomicU64>() }
    }

    /// Copies bytes in at this offset.
    ///
    /// # Safety
    /// Nobody may read or write that place meanwhile.
    #[inline]
    pub(crate) unsafe fn write(&self, offset: usize, bytes: &[u8]) {
        assert!(offset + bytes.len() <= self.bytes, "a write outside its memory");
        // SAFETY: inside the memory (checked), and nobody else's meanwhile (the caller's promise).
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.base.add(offset), bytes.len()) };
    }

    /// The bytes from this offset on.
    ///
    /// # Safety
    /// Nobody may write them while the slice lives.
    #[inline]
    pub(crate) unsafe fn slice(&self, offset: usize, length: usize) -> &[u8] {
        assert!(offset + length <= self.bytes, "a slice outside its memory");
        // SAFETY: inside the memory (checked); not written meanwhile (the caller's promise).
        unsafe { std::slice::from_raw_parts(self.base.add(offset), length) }
    }
}
