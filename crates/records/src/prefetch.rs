//! Asking the processor for memory that will be used soon, while there is something else to do.
//!
//! Invariant: nothing here reads, writes or can fault: an address that is not there is ignored.

const LINE_BYTES: usize = 64;

/// Asks for the line in which `place` begins.
#[inline(always)]
pub fn prefetch<T>(place: *const T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint without an effect that can be observed, at any address; every x86-64 processor has it.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(place.cast()) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = place;
}

/// Asks for every line of the `bytes` from `place` on.
#[inline(always)]
pub fn prefetch_bytes<T>(place: *const T, bytes: usize) {
    for offset in (0..bytes).step_by(LINE_BYTES) {
        prefetch(place.cast::<u8>().wrapping_add(offset));
    }
}
