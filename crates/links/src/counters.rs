//! Counters and latency histograms that the hot path writes and nobody else does.
//!
//! Invariant: one writer each; a write is a plain store to memory taken at the start, on the heap or shared.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where a tile's counters live.
#[derive(Clone, Debug, Default)]
pub struct Counters {}

/// A number that its one writer raises or sets.
#[derive(Clone, Debug)]
pub struct Counter(Arc<AtomicU64>);

/// A latency histogram in ns.
#[derive(Clone, Debug)]
pub struct Histogram(Arc<AtomicU64>);

impl Counters {
    /// Counters that only this process reads.
    pub fn local() -> Self {
        Self {}
    }

    /// The counter of this name; made at start, never on the hot path. Name: `feed.packets`, unit last where it has one.
    pub fn counter(&self, _name: &str) -> Counter {
        Counter(Arc::new(AtomicU64::new(0)))
    }

    /// The histogram of this name, in ns.
    pub fn histogram(&self, _name: &str) -> Histogram {
        Histogram(Arc::new(AtomicU64::new(0)))
    }
}

impl Counter {
    /// Adds.
    #[inline]
    pub fn add(&self, more: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
    }

    /// Sets.
    #[inline]
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Reads.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Histogram {
    /// Records one latency.
    #[inline]
    pub fn record(&self, _latency_ns: u64) {
        self.0.store(self.0.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
}
