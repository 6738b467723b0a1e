//! The new orders that passed last, for the control of duplicates (7): how often the same order was sent in a window.
//!
//! Invariant: memory is a ring taken at the start; what a window must still count is never overwritten: an order that would
//! have to is refused by the check (`is_full`). An order is found by a fingerprint of account, instrument, side, type, price
//! and lots; nothing but engine time ends a window, so that a replay counts alike.

use records::{State, StateError, StateReader, StateValue, StateWriter, prefetch};

/// An order that passed.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    fingerprint: u64,
    time_ns: u64,
    trader: u32,
    venue: u16,
    /// Its number before it in the same bucket, 0: none. Numbers wrap, and one that is too old is no longer there.
    previous: u32,
}

/// Who sent an order, and where: what a limit's selector looks at among equal orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sender {
    pub trader: u32,
    pub venue: u16,
}

/// The newest order of a bucket: about when it was stands here, so that a bucket without any in the window costs one line.
#[derive(Clone, Copy, Debug, Default)]
struct Head {
    /// Engine time in steps of 2^[`STEP_BITS`] ns, the lower 32 bits.
    step: u32,
    /// Its number, 0: none.
    number: u32,
}

/// What stood where an order was noted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Noted {
    bucket: usize,
    head: Head,
    place: usize,
    entry: Entry,
    newest: u32,
    count: usize,
}

/// 16 µs: steps wrap after 19 hours.
const STEP_BITS: u32 = 14;

impl Head {
    /// Whether an order of the window may stand in the bucket: certain when it says no. What is older than half the wrap may
    /// look young, and then its own time is looked at.
    #[inline]
    fn may_be_within(self, now_ns: u64, window_ns: u64) -> bool {
        let steps = ((now_ns >> STEP_BITS) as u32).wrapping_sub(self.step) as i32;
        self.number != 0 && i64::from(steps) <= (window_ns >> STEP_BITS) as i64 + 1
    }
}

#[derive(Debug)]
pub(crate) struct Recent {
    entries: Box<[Entry]>,
    heads: Box<[Head]>,
    newest: u32,
    /// How many orders there have been, up to the ring's length.
    count: usize,
}

/// The orders that are kept, oldest first; the buckets, and what stood before each in its own, follow from them.
impl State for Recent {
    fn save(&self, out: &mut StateWriter) {
        let Self { entries: _, heads: _, newest, count } = self;
        newest.save(out);
        out.count(*count);
        self.words().for_each(|word| word.save(out));
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        let Self { entries, heads, newest, count } = self;
        entries.fill(Entry::default());
        heads.fill(Head::default());
        let last = u32::take(from.of("Recent.newest"))?;
        let kept = from.of("Recent.count").count(entries.len())?;
        (*newest, *count) = (last.wrapping_sub(kept as u32), 0);
        for _ in 0..kept {
            let [fingerprint, time_ns, sender] = <[u64; 3]>::take(from.of("Recent.entries"))?;
            let trader = u32::try_from(sender >> 16);
            let trader = trader.map_err(|_| from.wrong(format!("sender {sender}; allowed are 48 bits")))?;
            self.note(fingerprint, time_ns, Sender { trader, venue: sender as u16 });
        }
        Ok(())
    }
}

impl Recent {
    /// Room for `recent_max` orders, rounded up to a power of two.
    pub fn new(recent_max: usize) -> Self {
        let length = recent_max.max(16).next_power_of_two();
        Self {
            entries: vec![Entry::default(); length].into_boxed_slice(),
            heads: vec![Head::default(); length / 2].into_boxed_slice(),
            newest: 0,
            count: 0,
        }
    }

    /// Whether the next order would overwrite one that is not older than a window.
    #[inline]
    pub fn is_full(&self, now_ns: u64, window_ns: u64) -> bool {
        let oldest = &self.entries[self.place(self.newest.wrapping_add(1))];
        oldest.time_ns != 0 && now_ns.saturating_sub(oldest.time_ns) < window_ns
    }

    /// Asks for what is read and written when an order with this fingerprint passes.
    #[inline]
    pub fn prefetch(&self, fingerprint: u64) {
        prefetch(self.heads.as_ptr().wrapping_add(self.bucket(fingerprint)));
    }

    /// Whether the same order was sent at all within a window.
    #[inline]
    pub fn has_seen(&self, fingerprint: u64, now_ns: u64, window_ns: u64) -> bool {
        let head = self.heads[self.bucket(fingerprint)];
        head.may_be_within(now_ns, window_ns) && self.same(fingerprint, now_ns, window_ns).next().is_some()
    }

    /// How often the same order was sent within a window, looked at by a limit that selects a venue or a trader (0: all).
    pub fn count(&self, fingerprint: u64, now_ns: u64, window_ns: u64, selected: Sender) -> u64 {
        let concerns = |entry: &&Entry| {
            (selected.venue == 0 || selected.venue == entry.venue)
                && (selected.trader == 0 || selected.trader == entry.trader)
        };
        self.same(fingerprint, now_ns, window_ns).filter(concerns).count() as u64
    }

    /// An order passed. What [`Self::undo`] needs to forget it.
    #[inline]
    pub fn note(&mut self, fingerprint: u64, now_ns: u64, sender: Sender) -> Noted {
        let (newest, count) = (self.newest, self.count);
        self.newest = self.newest.wrapping_add(1).max(1);
        let bucket = self.bucket(fingerprint);
        let head = Head { step: (now_ns >> STEP_BITS) as u32, number: self.newest };
        let head = std::mem::replace(&mut self.heads[bucket], head);
        let place = self.place(self.newest);
        let Sender { trader, venue } = sender;
        let entry = Entry { fingerprint, time_ns: now_ns.max(1), trader, venue, previous: head.number };
        let entry = std::mem::replace(&mut self.entries[place], entry);
        self.count = (self.count + 1).min(self.entries.len());
        Noted { bucket, head, place, entry, newest, count }
    }

    /// Forgets the order that was noted last.
    #[cold]
    pub fn undo(&mut self, noted: &Noted) {
        (self.newest, self.count) = (noted.newest, noted.count);
        self.heads[noted.bucket] = noted.head;
        self.entries[noted.place] = noted.entry;
    }

    /// What decides about later orders, oldest first.
    pub fn words(&self) -> impl Iterator<Item = u64> {
        let oldest = self.newest.wrapping_sub(self.count as u32);
        (1..=self.count as u32).flat_map(move |at| {
            let entry = &self.entries[self.place(oldest.wrapping_add(at))];
            [entry.fingerprint, entry.time_ns, u64::from(entry.trader) << 16 | u64::from(entry.venue)]
        })
    }

    /// Equal orders, newest first, until one is older than the window.
    #[inline]
    fn same(&self, fingerprint: u64, now_ns: u64, window_ns: u64) -> impl Iterator<Item = &Entry> {
        let mut number = self.heads[self.bucket(fingerprint)].number;
        let mut age = 0;
        let within = move || {
            let older = self.newest.wrapping_sub(number) as usize;
            // Numbers only grow older along a chain; anything else is a bucket's end that was overwritten.
            if number == 0 || older >= self.count || older < age {
                return None;
            }
            age = older + 1;
            let entry = &self.entries[self.place(number)];
            number = entry.previous;
            (now_ns.saturating_sub(entry.time_ns) < window_ns).then_some(entry)
        };
        std::iter::from_fn(within).filter(move |entry| entry.fingerprint == fingerprint)
    }

    #[inline]
    fn place(&self, number: u32) -> usize {
        number as usize & (self.entries.len() - 1)
    }

    #[inline]
    fn bucket(&self, fingerprint: u64) -> usize {
        (fingerprint >> 32) as usize & (self.heads.len() - 1)
    }
}

/// What makes an order the same as another, mixed into one word. `identity` stands for account and instrument.
#[inline]
pub(crate) fn fingerprint(identity: u64, side: u8, price_nanos: i64, lots: i64) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mixed = (identity.rotate_left(29) ^ price_nanos as u64).wrapping_mul(ODD);
    let mixed = (mixed.rotate_left(29) ^ ((lots as u64) << 2 | u64::from(side))).wrapping_mul(ODD);
    mixed ^ mixed >> 29
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    const NOBODY: Sender = Sender { trader: 0, venue: 0 };

    #[test]
    fn it_counts_as_a_plain_list_does() {
        for seed in 1..30_u64 {
            let (mut recent, mut list) = (Recent::new(32), VecDeque::<(u64, u64, Sender)>::new());
            let (mut random, mut now_ns) = (seed, 1_000_u64);
            for _ in 0..5_000 {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                now_ns += random >> 61;
                let sender = Sender { trader: 1 + (random >> 40) as u32 % 2, venue: 1 + (random >> 50) as u16 % 2 };
                // Few fingerprints, several of them in one bucket.
                let fingerprint = (((random >> 33) % 3) << 40) | ((random >> 20) % 2);
                let window_ns = 1 + (random >> 30) % 60;
                for selected in [NOBODY, Sender { trader: 1, venue: 0 }, Sender { trader: 2, venue: 1 }] {
                    let counted = list.iter().filter(|(known, time_ns, by)| {
                        *known == fingerprint
                            && now_ns - time_ns < window_ns
                            && (selected.trader == 0 || selected.trader == by.trader)
                            && (selected.venue == 0 || selected.venue == by.venue)
                    });
                    assert_eq!(
                        recent.count(fingerprint, now_ns, window_ns, selected),
                        counted.count() as u64,
                        "{seed}"
                    );
                }
                let full = list.len() == 32 && now_ns - list[0].1 < window_ns;
                assert_eq!(recent.is_full(now_ns, window_ns), full, "{seed}");
                recent.note(fingerprint, now_ns, sender);
                list.push_back((fingerprint, now_ns, sender));
                if list.len() > 32 {
                    list.pop_front();
                }
            }
        }
    }

    #[test]
    fn every_part_of_an_order_makes_it_another() {
        let base = fingerprint(77, 1, 100, 5);
        for other in [fingerprint(78, 1, 100, 5), fingerprint(77, 2, 100, 5), fingerprint(77, 1, 101, 5)] {
            assert_ne!(base, other);
        }
        assert_ne!(base, fingerprint(77, 1, 100, 6));
    }
}
