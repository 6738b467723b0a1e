//! Memory that a system holds: bytes by an allocator that counts, and the queues of the network between its processes.
//!
//! Invariant: counting changes nothing. What a disk holds is no memory, and what the simulator keeps of the truth grows with the
//! orders of a run; all else stays inside bounds that no run may widen.

use std::alloc::{GlobalAlloc, Layout, System as Allocator};
use std::cell::Cell;

use super::start::System;

/// Bytes that a system may hold beyond what it held when it began: queues that are full, tables of links, histories.
const GROWTH_BYTES_MAX: i64 = 8 << 20;
/// Bytes that the simulator's own truth holds for each order, all maps together.
const ORDER_BYTES: i64 = 512;
/// Connections that are there at once, those included that end.
const STREAMS_MAX: usize = 128;

thread_local! {
    /// Bytes that this thread took and did not give back.
    static LIVE: Cell<i64> = const { Cell::new(0) };
}

/// The system's allocator, counting what each thread holds. A program that has it as its allocator lets a run look at its memory.
pub struct Counting;

fn count(bytes: i64) {
    LIVE.set(LIVE.get() + bytes);
}

// SAFETY: passes every call on to the system's allocator; the counter is a thread's own cell without destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: the caller's promise is passed on.
        unsafe { Allocator.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: as above.
        unsafe { Allocator.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        // SAFETY: as above.
        unsafe { Allocator.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as i64 - layout.size() as i64);
        // SAFETY: as above.
        unsafe { Allocator.realloc(pointer, layout, size) }
    }
}

/// What a system held when it began, and the most since.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    began_bytes: i64,
    /// The most beyond that, bytes; 0 where nothing counts.
    pub growth_bytes_max: i64,
}

impl Memory {
    /// Of a system that has just begun.
    pub fn new(system: &System) -> Self {
        Self { began_bytes: held(system), growth_bytes_max: 0 }
    }

    /// What is beyond its bound, as a sentence.
    pub fn look(&mut self, system: &System) -> Option<String> {
        let growth_bytes = held(system) - self.began_bytes;
        self.growth_bytes_max = self.growth_bytes_max.max(growth_bytes);
        let streams = system.processes.net.streams();
        if growth_bytes > GROWTH_BYTES_MAX {
            return Some(format!(
                "{growth_bytes} bytes more than at the begin are held; allowed are {GROWTH_BYTES_MAX}"
            ));
        }
        (streams > STREAMS_MAX).then(|| format!("{streams} connections are remembered; allowed are {STREAMS_MAX}"))
    }
}

/// Bytes held by this thread that are neither a disk's nor the truth's.
fn held(system: &System) -> i64 {
    let orders: u64 = system.regions.iter().map(|region| region.truth.borrow().accepted).sum();
    LIVE.get() - system.processes.disk_bytes() as i64 - orders as i64 * ORDER_BYTES
}
