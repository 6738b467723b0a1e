//! What waits until the input that caused it is durable: the release of commands at durability `disk`.
//!
//! A pass ends with its commands in a ring that was there before; between two passes those leave whose input the device has.
//! A cancel does not wait: it takes nothing on. One for an order that waits here takes that order back instead; one for an order
//! whose replacement waits here takes the replacement back and goes out.
//!
//! Invariant: a command that takes something on leaves after its input is durable, in the order of the passes. What never leaves is
//! told to the fold as a `NotSent`, as with a full link: a full ring is one, and a device that refused is one for good.

use records::broken::{Variant, is_broken};
use records::{CancelOrder, Header, Kind, Owner, Reason, ReplaceOrder, read_from};

/// Bytes of the longest command or message to another engine.
const BYTES_MAX: usize = 128;

/// Where something goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    /// The gateway of a venue.
    Venue(u16),
    /// The engine of a shard.
    Peer(u16),
}

/// What becomes of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It leaves at once.
    Leaves,
    /// It waits.
    Waits,
    /// It never leaves.
    Refused(Reason),
    /// It and the order that it was to cancel never leave.
    TakesBack(usize),
    /// It leaves at once; the replacement of what it cancels never does.
    LeavesAlone(usize),
}

/// Something that waits.
#[derive(Clone, Copy)]
pub(crate) struct Held {
    pub(crate) to: To,
    /// The input that caused it.
    cause: u64,
    /// When the packet came that led to it, or 0.
    pub(crate) received_ns: u64,
    /// When it began to wait.
    pub(crate) since_ns: u64,
    /// The order that it enters, and the one that it replaces.
    order_id: u64,
    original_id: u64,
    /// Taken back: it is passed over.
    gone: bool,
    length: usize,
    bytes: [u8; BYTES_MAX],
}

impl Held {
    /// The record.
    pub(crate) fn record(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// The ring.
pub(crate) struct Release {
    held: Box<[Held]>,
    first: usize,
    count: usize,
    up_to: u64,
    failed: bool,
    /// The standby is away: until it is back nothing that takes something on leaves.
    pub(crate) away: bool,
    /// The input that is folded.
    pub(crate) cause: u64,
}

impl Release {
    /// Room for so many, taken at once.
    pub(crate) fn new(depth: usize) -> Self {
        let empty = Held {
            to: To::Venue(0),
            cause: u64::MAX,
            received_ns: 0,
            since_ns: 0,
            order_id: 0,
            original_id: 0,
            gone: true,
            length: 0,
            // Not zeros: the pages are to be there before they are needed.
            bytes: [1; BYTES_MAX],
        };
        let held = vec![empty; depth].into_boxed_slice();
        Self { held, first: 0, count: 0, up_to: 0, failed: false, away: false, cause: 0 }
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.count
    }

    /// Says what becomes of a command, and keeps it where it waits.
    pub(crate) fn judge(&mut self, to: To, record: &[u8], received_ns: u64, now_ns: u64) -> Verdict {
        let kind = read_from::<Header>(record).and_then(|header| header.kind());
        if kind == Some(Kind::CancelOrder)
            && let Some(cancel) = read_from::<CancelOrder>(record)
            && let Some(verdict) = self.judge_cancel(&cancel)
        {
            return verdict;
        }
        if self.failed || self.away {
            return Verdict::Refused(Reason::NotDurable);
        }
        if (self.cause <= self.up_to && self.count == 0) || is_broken(Variant::CommandsBeforeDurable) {
            return Verdict::Leaves;
        }
        if self.count == self.held.len() || record.len() > BYTES_MAX {
            return Verdict::Refused(Reason::BackPressure);
        }
        let owner = || read_from::<Owner>(&record[size_of::<Header>()..]).map_or(0, |owner| owner.order_id);
        let (order_id, original_id) = match kind {
            Some(Kind::NewOrder) => (owner(), 0),
            Some(Kind::ReplaceOrder) => {
                (owner(), read_from::<ReplaceOrder>(record).map_or(0, |order| order.original_id))
            }
            _ => (0, 0),
        };
        let at = self.place(self.count);
        let place = &mut self.held[at];
        (place.to, place.cause, place.received_ns, place.since_ns) = (to, self.cause, received_ns, now_ns);
        (place.order_id, place.original_id, place.gone, place.length) = (order_id, original_id, false, record.len());
        place.bytes[..record.len()].copy_from_slice(record);
        self.count += 1;
        Verdict::Waits
    }

    /// `None`: as any other command. A cancel that is part of a set of quotes leaves with its set, and a reduction of what waits
    /// behind it.
    fn judge_cancel(&mut self, cancel: &CancelOrder) -> Option<Verdict> {
        let id = cancel.owner.order_id;
        let found = (0..self.count)
            .map(|index| self.place(index))
            .find(|at| !self.held[*at].gone && (self.held[*at].order_id == id || self.held[*at].original_id == id));
        let whole = cancel.lots == 0;
        match found {
            None if cancel.quote == 0 => Some(Verdict::Leaves),
            None if self.failed || self.away => Some(Verdict::Leaves),
            Some(at) if whole && cancel.quote == 0 && self.held[at].original_id == id => {
                self.held[at].gone = true;
                Some(Verdict::LeavesAlone(at))
            }
            Some(at) if whole && cancel.quote == 0 && self.held[at].original_id == 0 => {
                self.held[at].gone = true;
                Some(Verdict::TakesBack(at))
            }
            _ => None,
        }
    }

    /// One that was taken back, before anything else is asked of the ring.
    pub(crate) fn taken_back(&self, at: usize) -> Held {
        self.held[at]
    }

    /// Everything up to here is durable.
    pub(crate) fn durable(&mut self, up_to: u64) {
        assert!(up_to >= self.up_to, "what was durable stays so");
        self.up_to = up_to;
    }

    /// From now on nothing that takes something on leaves. Whether that is news.
    pub(crate) fn fail(&mut self) -> bool {
        !std::mem::replace(&mut self.failed, true)
    }

    /// The next one that may leave.
    pub(crate) fn next(&mut self) -> Option<Held> {
        self.pop(|release, held| !release.failed && !release.away && held.cause <= release.up_to)
    }

    /// The next one that is never to leave: once the device refused, or when the engine ends.
    pub(crate) fn next_refused(&mut self) -> Option<Held> {
        self.pop(|_, _| true)
    }

    fn pop(&mut self, may: impl Fn(&Self, &Held) -> bool) -> Option<Held> {
        while self.count > 0 {
            let held = self.held[self.first];
            if !held.gone && !may(self, &held) {
                return None;
            }
            self.first = self.place(1);
            self.count -= 1;
            if !held.gone {
                return Some(held);
            }
        }
        None
    }

    fn place(&self, index: usize) -> usize {
        let at = self.first + index;
        if at < self.held.len() { at } else { at - self.held.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use records::{NewOrder, QuoteSet, Record, bytes_of};

    fn order(id: u64) -> NewOrder {
        let mut order = NewOrder::new();
        order.owner.order_id = id;
        order
    }

    fn replace(id: u64, original: u64) -> ReplaceOrder {
        let mut replace = ReplaceOrder::new();
        (replace.owner.order_id, replace.original_id) = (id, original);
        replace
    }

    fn cancel(id: u64, lots: i64, quote: u8) -> CancelOrder {
        let mut cancel = CancelOrder::new();
        (cancel.owner.order_id, cancel.lots, cancel.quote) = (id, lots, quote);
        cancel
    }

    fn judge<T: Record>(release: &mut Release, cause: u64, record: &T) -> Verdict {
        release.cause = cause;
        release.judge(To::Venue(1), bytes_of(record), 0, 0)
    }

    fn ids(release: &mut Release) -> Vec<u64> {
        std::iter::from_fn(|| release.next())
            .map(|held| read_from::<NewOrder>(held.record()).map_or(0, |order| order.owner.order_id))
            .collect()
    }

    #[test]
    fn orders_leave_in_order_when_their_input_is_durable() {
        let mut release = Release::new(3);
        for (cause, id) in [(5, 1), (5, 2), (7, 3)] {
            assert_eq!(judge(&mut release, cause, &order(id)), Verdict::Waits);
        }
        assert_eq!(judge(&mut release, 8, &order(4)), Verdict::Refused(Reason::BackPressure));
        release.durable(4);
        assert!(release.next().is_none());
        release.durable(6);
        assert_eq!(ids(&mut release), [1, 2]);
        // Round the ring's end; what comes later stays behind what waits.
        assert_eq!(judge(&mut release, 6, &order(5)), Verdict::Waits);
        assert_eq!(judge(&mut release, 9, &order(6)), Verdict::Waits);
        release.durable(8);
        assert_eq!(ids(&mut release), [3, 5]);
        release.durable(9);
        assert_eq!((ids(&mut release), release.waiting()), (vec![6], 0));
        assert_eq!(judge(&mut release, 9, &order(7)), Verdict::Leaves);
    }

    #[test]
    fn a_cancel_leaves_at_once_or_takes_back_what_waits() {
        let mut release = Release::new(8);
        assert_eq!(judge(&mut release, 1, &order(1)), Verdict::Waits);
        assert_eq!(judge(&mut release, 1, &replace(3, 2)), Verdict::Waits);
        assert_eq!(judge(&mut release, 1, &cancel(9, 0, 0)), Verdict::Leaves);
        assert_eq!(judge(&mut release, 1, &cancel(9, 5, 0)), Verdict::Leaves);
        assert_eq!(judge(&mut release, 1, &cancel(1, 0, 0)), Verdict::TakesBack(0));
        assert_eq!(judge(&mut release, 1, &cancel(2, 0, 0)), Verdict::LeavesAlone(1));
        assert_eq!(release.taken_back(1).record(), bytes_of(&replace(3, 2)));
        // Of an order that waits a part: behind it. Of a set: with it.
        assert_eq!(judge(&mut release, 2, &order(4)), Verdict::Waits);
        assert_eq!(judge(&mut release, 2, &cancel(4, 1, 0)), Verdict::Waits);
        assert_eq!(judge(&mut release, 2, &cancel(9, 0, 1)), Verdict::Waits);
        assert_eq!(judge(&mut release, 2, &QuoteSet::new()), Verdict::Waits);
        release.durable(2);
        assert_eq!(std::iter::from_fn(|| release.next()).count(), 4);
    }

    #[test]
    fn a_device_that_refused_lets_cancels_alone_pass() {
        let mut release = Release::new(4);
        assert_eq!(judge(&mut release, 1, &order(1)), Verdict::Waits);
        assert!(release.fail() && !release.fail());
        assert!(release.next().is_none());
        assert_eq!(release.next_refused().map(|held| held.order_id), Some(1));
        assert_eq!(judge(&mut release, 2, &order(2)), Verdict::Refused(Reason::NotDurable));
        assert_eq!(judge(&mut release, 2, &cancel(1, 0, 1)), Verdict::Leaves);
        assert_eq!(release.waiting(), 0);
    }
}
