//! What a link gives a second time to a consumer that comes back: what the one before took, and did not get to say so.
//!
//! A consumer's place in a link is told after its records were handled, so a kill between the two gives them again. Over a media
//! driver it is many: one that takes a process for dead keeps the place that it last saw, and the process, when it was only
//! paused, reads on in its own memory for a moment.
//!
//! Invariant: records come again in their order, before all that are new, and none that was not taken.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use links::Subscription;

/// Records that can come again.
const RECORDS_MAX: usize = 64;

#[derive(Default)]
struct Taken {
    records: VecDeque<Vec<u8>>,
    /// Of these, from the end, are still to be given again.
    due: usize,
}

/// What a link's consumer took last; it outlives the consumer.
#[derive(Clone, Default)]
pub struct Tail(Rc<RefCell<Taken>>);

impl Tail {
    /// The consumer's end, watched.
    pub fn of(&self, inner: Box<dyn Subscription>) -> Box<dyn Subscription> {
        Box::new(Again { inner, tail: self.clone() })
    }

    /// Asked when its consumer is gone: the last records, so many of them at most, come again to the next; how many do.
    pub fn give_again(&self, records: usize) -> usize {
        let mut taken = self.0.borrow_mut();
        taken.due = taken.due.max(records.min(taken.records.len()));
        taken.due
    }

    fn next_due(&self) -> Option<Vec<u8>> {
        let mut taken = self.0.borrow_mut();
        let at = taken.records.len().checked_sub(taken.due).filter(|_| taken.due > 0)?;
        taken.due -= 1;
        Some(taken.records[at].clone())
    }

    fn keep(&self, bytes: &[u8]) {
        let mut taken = self.0.borrow_mut();
        let full = taken.records.len() == RECORDS_MAX;
        let mut kept = if full { taken.records.pop_front().unwrap_or_default() } else { Vec::new() };
        kept.clear();
        kept.extend_from_slice(bytes);
        taken.records.push_back(kept);
    }
}

struct Again {
    inner: Box<dyn Subscription>,
    tail: Tail,
}

impl Subscription for Again {
    fn poll(&mut self, limit: usize, take: &mut dyn FnMut(&[u8])) -> usize {
        let mut count = 0;
        while count < limit {
            let Some(record) = self.tail.next_due() else { break };
            take(&record);
            count += 1;
        }
        count + self.take_new(limit - count, take)
    }

    fn lost(&self) -> u64 {
        self.inner.lost()
    }

    fn connected(&self) -> bool {
        self.inner.connected()
    }

    fn sequence(&self) -> u64 {
        self.inner.sequence()
    }
}

impl Again {
    fn take_new(&mut self, limit: usize, take: &mut dyn FnMut(&[u8])) -> usize {
        let Self { inner, tail } = self;
        inner.poll(limit, &mut |bytes| {
            tail.keep(bytes);
            take(bytes);
        })
    }
}
