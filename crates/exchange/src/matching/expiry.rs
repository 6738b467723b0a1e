//! The timers of good-till-time orders: a heap of fixed size in which each order knows its place.
//!
//! Invariant: the earliest (time, reference) stands first; removal is exact, so the heap never holds dead orders.

use super::orders::{NO_TIMER, Terms};

#[derive(Clone, Copy)]
struct Timer {
    time_ns: u64,
    /// Reference when the timer was set: ties expire in this order.
    order_ref: u64,
    place: u32,
}

impl Timer {
    fn before(&self, other: &Self) -> bool {
        (self.time_ns, self.order_ref) < (other.time_ns, other.order_ref)
    }
}

/// The heap.
pub(crate) struct Expiry {
    timers: Vec<Timer>,
}

impl Expiry {
    pub fn with_capacity(orders: usize) -> Self {
        Self { timers: Vec::with_capacity(orders) }
    }

    /// When the next one ends; `u64::MAX`: none.
    #[inline]
    pub fn next_ns(&self) -> u64 {
        self.timers.first().map_or(u64::MAX, |timer| timer.time_ns)
    }

    /// The order that ends next.
    pub fn first(&self) -> Option<u32> {
        self.timers.first().map(|timer| timer.place)
    }

    pub fn set(&mut self, place: u32, order_ref: u64, time_ns: u64, terms: &mut [Terms]) {
        let at = self.timers.len();
        self.timers.push(Timer { time_ns, order_ref, place });
        terms[place as usize].expiry = at as u32;
        self.up(at, terms);
    }

    pub fn clear(&mut self, place: u32, terms: &mut [Terms]) {
        let at = terms[place as usize].expiry as usize;
        terms[place as usize].expiry = NO_TIMER;
        let last = self.timers.pop().expect("a watched order is in the heap");
        if at < self.timers.len() {
            self.timers[at] = last;
            terms[last.place as usize].expiry = at as u32;
            self.down(at, terms);
            self.up(at, terms);
        }
    }

    fn swap(&mut self, one: usize, other: usize, terms: &mut [Terms]) {
        self.timers.swap(one, other);
        terms[self.timers[one].place as usize].expiry = one as u32;
        terms[self.timers[other].place as usize].expiry = other as u32;
    }

    fn up(&mut self, mut at: usize, terms: &mut [Terms]) {
        while at > 0 {
            let parent = (at - 1) / 2;
            if !self.timers[at].before(&self.timers[parent]) {
                return;
            }
            self.swap(at, parent, terms);
            at = parent;
        }
    }

    fn down(&mut self, mut at: usize, terms: &mut [Terms]) {
        loop {
            let mut least = at;
            for child in [2 * at + 1, 2 * at + 2] {
                if child < self.timers.len() && self.timers[child].before(&self.timers[least]) {
                    least = child;
                }
            }
            if least == at {
                return;
            }
            self.swap(at, least, terms);
            at = least;
        }
    }
}
