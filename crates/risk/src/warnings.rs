//! Soft warnings waiting for the engine to say them.
//!
//! Invariant: a warning costs an order nothing but this push; when nobody takes them, the newest are counted and dropped.

use crate::types::Warning;

const WAITING_MAX: usize = 64;

#[derive(Debug)]
pub(crate) struct Warnings {
    waiting: Vec<Warning>,
    dropped: u64,
}

records::state!(Warnings { waiting, dropped });

impl Warnings {
    pub fn new() -> Self {
        Self { waiting: Vec::with_capacity(WAITING_MAX), dropped: 0 }
    }

    #[cold]
    pub fn push(&mut self, warning: Warning) {
        if self.waiting.len() < WAITING_MAX {
            self.waiting.push(warning);
        } else {
            self.dropped += 1;
        }
    }

    pub fn take(&mut self) -> Option<Warning> {
        // Oldest first: at most 64 to move, and only when something was crossed.
        if self.waiting.is_empty() { None } else { Some(self.waiting.remove(0)) }
    }

    /// How many wait.
    pub fn count(&self) -> usize {
        self.waiting.len()
    }

    /// Takes back those that came since there were so many.
    #[cold]
    pub fn take_back(&mut self, count: usize) {
        self.waiting.truncate(count);
    }

    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}
