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
    layout: Layout,
}

// SAFETY: the array owns its memory alone, and Plain types are plain numbers without threads' affinity.
unsafe impl<T: Plain> Send for FixedArray<T> {}
// SAFETY: as for Send; shared access only reads.
unsafe impl<T: Plain> Sync for FixedArray<T> {}

impl<T: Plain> FixedArray<T> {
    /// An array of `length` zero values.
    ///
    /// # Panics
    /// When `length` is zero or the array is larger than the address space.
    pub(crate) fn zeroed(length: usize) -> Self {
        assert!(length > 0 && size_of::<T>() > 0, "a fixed array holds something");
        let layout = Layout::array::<T>(length).expect("the array fits the address space");
        let large = layout.size() >= LARGE_PAGE_BYTES;
        let align = if large { LARGE_PAGE_BYTES } else { 64 };
        let layout = layout.align_to(align).expect("a power of two").pad_to_align();
        // SAFETY: the layout's size is not zero: length and the type's size are not.
        let start = unsafe { alloc_zeroed(layout) };
        let Some(start) = NonNull::new(start) else { handle_alloc_error(layout) };
        #[cfg(all(target_os = "linux", not(miri)))]
        if large {
            // SAFETY: advice on memory that we own; where it is not taken, nothing changes.
            unsafe { libc::madvise(start.as_ptr().cast(), layout.size(), libc::MADV_HUGEPAGE) };
        }
        Self { start: start.cast(), length, layout }
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
        // SAFETY: allocated with this layout in `zeroed`, freed once.
        unsafe { dealloc(self.start.as_ptr().cast(), self.layout) };
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
