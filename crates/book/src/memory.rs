//! Fixed arrays that never move and never grow, on large pages where the system has them.
//!
//! Invariant: all memory is taken and zeroed when the array is made; untouched parts cost address space only.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use records::Plain;

/// Arrays from this size on are aligned to, and advised for, large pages: a random walk over a venue's orders misses the
/// translation cache far less often.
const LARGE_PAGE_BYTES: usize = 2 << 20;

/// A zeroed array of fixed length.
pub(crate) struct FixedArray<T: Plain> {
    start: NonNull<T>,
    length: usize,
    origin: Origin,
}

/// How the memory was taken, to give it back.
enum Origin {
    Heap(Layout),
    #[cfg(all(target_os = "linux", not(miri)))]
    Mapped(*mut libc::c_void, usize),
}

// SAFETY: the array owns its memory alone, and Plain types are plain numbers without threads' affinity.
unsafe impl<T: Plain> Send for FixedArray<T> {}
// SAFETY: as for Send; shared access only reads.
unsafe impl<T: Plain> Sync for FixedArray<T> {}

/// Maps zeroed memory for large pages: aligned to one, advised before it is touched, so that untouched parts cost nothing.
#[cfg(all(target_os = "linux", not(miri)))]
fn map_large(bytes: usize) -> Option<(NonNull<u8>, Origin)> {
    let mapped_bytes = bytes.checked_add(LARGE_PAGE_BYTES)?;
    let (access, kind) =
        (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE);
    // SAFETY: a new anonymous mapping; nothing that exists is touched.
    let base = unsafe { libc::mmap(std::ptr::null_mut(), mapped_bytes, access, kind, -1, 0) };
    if base == libc::MAP_FAILED {
        return None;
    }
    let gap = base.addr().next_multiple_of(LARGE_PAGE_BYTES) - base.addr();
    // SAFETY: the mapping is a large page longer than what is used, so the aligned start lies in it.
    let start = unsafe { base.cast::<u8>().add(gap) };
    // SAFETY: advice on memory that was just mapped; where it is not taken, nothing changes.
    unsafe { libc::madvise(start.cast(), bytes, libc::MADV_HUGEPAGE) };
    Some((NonNull::new(start)?, Origin::Mapped(base, mapped_bytes)))
}

#[cfg(not(all(target_os = "linux", not(miri))))]
fn map_large(_bytes: usize) -> Option<(NonNull<u8>, Origin)> {
    None
}

impl<T: Plain> FixedArray<T> {
    /// An array of `length` zero values.
    ///
    /// # Panics
    /// When `length` is zero or the array is larger than the address space.
    pub(crate) fn zeroed(length: usize) -> Self {
        assert!(length > 0 && size_of::<T>() > 0, "a fixed array holds something");
        let layout = Layout::array::<T>(length).expect("the array fits the address space");
        if layout.size() >= LARGE_PAGE_BYTES
            && let Some((start, origin)) = map_large(layout.size())
        {
            return Self { start: start.cast(), length, origin };
        }
        let layout = layout.align_to(64).expect("a power of two").pad_to_align();
        // SAFETY: the layout's size is not zero: length and the type's size are not.
        let start = unsafe { alloc_zeroed(layout) };
        let Some(start) = NonNull::new(start) else { handle_alloc_error(layout) };
        Self { start: start.cast(), length, origin: Origin::Heap(layout) }
    }

    /// Writes to every page, so that none is first touched later.
    pub(crate) fn touch(&mut self) {
        let step = (4096 / size_of::<T>()).max(1);
        for index in (0..self.length).step_by(step) {
            let value = self[index];
            // SAFETY: the index is in range; volatile so that writing back the same value is not left out.
            unsafe { self.start.as_ptr().add(index).write_volatile(value) };
        }
    }

    /// Asks the processor to fetch an element; out-of-range indices are ignored.
    #[inline(always)]
    pub(crate) fn prefetch(&self, index: usize) {
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        if index < self.length {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            // SAFETY: the address lies in the array; a prefetch has no effect that can be observed.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(self.start.as_ptr().add(index).cast()) };
        }
        #[cfg(not(all(target_arch = "x86_64", not(miri))))]
        let _ = index;
    }
}

impl<T: Plain> Deref for FixedArray<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        // SAFETY: `start` is valid for `length` initialised (zeroed, Plain) values for as long as self lives.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl<T: Plain> DerefMut for FixedArray<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as for `deref`, and self is borrowed alone.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }
}

impl<T: Plain> Drop for FixedArray<T> {
    fn drop(&mut self) {
        match self.origin {
            // SAFETY: allocated with this layout in `zeroed`, freed once.
            Origin::Heap(layout) => unsafe { dealloc(self.start.as_ptr().cast(), layout) },
            #[cfg(all(target_os = "linux", not(miri)))]
            Origin::Mapped(base, bytes) => {
                // SAFETY: mapped with this base and length in `map_large`, given back once.
                unsafe { libc::munmap(base, bytes) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_zero_and_keeps_what_is_written() {
        for length in [1, 100, 1 << 19] {
            let mut array = FixedArray::<u64>::zeroed(length);
            assert!(array.iter().all(|&value| value == 0));
            array[length - 1] = 7;
            array.touch();
            array.prefetch(length);
            assert_eq!((array.len(), array[length - 1]), (length, 7));
        }
    }
}
