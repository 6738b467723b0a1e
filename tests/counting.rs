//! An allocator that counts, for the Rust tests of every crate: `#[path = "../../../tests/counting.rs"] mod counting;`.
//!
//! Invariant: only what this thread does within [`counted`] counts, giving memory back included; counting takes no memory.

#![allow(dead_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// Calls so far, while they count.
    static COUNTED: Cell<Option<u64>> = const { Cell::new(None) };
}

struct Counting;

fn count() {
    COUNTED.with(|counted| counted.set(counted.get().map(|calls| calls + 1)));
}

// SAFETY: passes every call on to the system's allocator; the counter is a thread's own cell without destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count();
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What the work gives, and how often it called the allocator.
pub fn counted<R>(work: impl FnOnce() -> R) -> (R, u64) {
    let before = COUNTED.replace(Some(0));
    assert_eq!(before, None, "counted already");
    let done = work();
    (done, COUNTED.take().expect("set above"))
}

/// Does what does not count, within [`counted`] or not.
pub fn uncounted<R>(work: impl FnOnce() -> R) -> R {
    let counted = COUNTED.take();
    let done = work();
    COUNTED.set(counted);
    done
}

#[test]
fn the_count_sees_an_allocation_and_its_end() {
    let ((), calls) = counted(|| drop(std::hint::black_box(Box::new(7))));
    assert_eq!(calls, 2);
    let ((), calls) = counted(|| uncounted(|| drop(std::hint::black_box(Box::new(7)))));
    assert_eq!(calls, 0);
}
