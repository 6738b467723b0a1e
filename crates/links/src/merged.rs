//! One consumer's end over two links of one meaning: an engine's and its standby's, of which one speaks at a time.
//!
//! Invariant: every record of either link is handed over once, in the order of its own link. What stands in the link that was
//! read last comes before what the other holds: the words of the engine that led before those of the one that leads now.

use crate::Subscription;

/// Polls that one link may fill before the other has its turn all the same.
const FULL_POLLS_MAX: usize = 256;

/// The end. See the module.
pub struct Merged<S: Subscription + ?Sized> {
    ends: [Box<S>; 2],
    /// The one that was read last.
    current: usize,
    /// Polls in a row that it filled alone.
    full: usize,
}

impl<S: Subscription + ?Sized> Merged<S> {
    /// Reads both; begins with the first.
    pub fn new(first: Box<S>, second: Box<S>) -> Self {
        Self { ends: [first, second], current: 0, full: 0 }
    }
}

impl<S: Subscription + ?Sized> Subscription for Merged<S> {
    #[inline]
    fn poll(&mut self, limit: usize, take: &mut dyn FnMut(&[u8])) -> usize {
        if self.full == FULL_POLLS_MAX {
            (self.current, self.full) = (1 - self.current, 0);
        }
        let taken = self.ends[self.current].poll(limit, take);
        if taken == limit {
            self.full += 1;
            return taken;
        }
        self.full = 0;
        let other = 1 - self.current;
        let more = self.ends[other].poll(limit - taken, take);
        if more > 0 {
            self.current = other;
        }
        taken + more
    }

    fn lost(&self) -> u64 {
        self.ends.iter().map(|end| end.lost()).sum()
    }

    fn connected(&self) -> bool {
        self.ends.iter().any(|end| end.connected())
    }

    fn sequence(&self) -> u64 {
        self.ends[self.current].sequence()
    }
}
