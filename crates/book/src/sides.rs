//! The prices of every book side: those near the touch sorted, those far from it in any order.
//!
//! Invariant: keys of a side are distinct; near keys rise, so that the best is the last, and every far key is below every
//! near one; the visible levels are near ones, or all there are. A side's head repeats what every record asks. A buy's key
//! is its price and a sale's the bitwise complement, so that "better" is "greater" on both sides.
//!
//! Why two parts: most prices far from the touch come and go with a single order, and finding their place among hundreds
//! of others would cost more than all else that such an order asks.

use records::{Element, Plain, VIEW_LEVELS};

use crate::memory::FixedArray;

/// The most near keys: half a kilobyte a side.
const NEAR_MAX: usize = 32;
/// Near keys after so many left that the visible ones were at stake.
const REFILLED: usize = 16;
/// Far keys that a reader sorts at a time.
const SORTED_AT_ONCE: usize = 64;

/// The key of a price on a numbered side (its lowest bit is [`records::Side::index`]).
#[inline(always)]
pub(crate) const fn key_at(side: u32, price_nanos: i64) -> i64 {
    price_nanos ^ -((side & 1) as i64)
}

/// What every record asks of a side. 32 bytes: both sides of a book share a cache line.
#[repr(C, align(32))]
#[derive(Clone, Copy)]
struct Head {
    /// The greatest key; the least possible one when there is none.
    best: i64,
    /// The key at depth `VIEW_LEVELS`; the least possible one when there are fewer.
    visible: i64,
    /// Keys below are far; the least possible one when none is.
    floor: i64,
    near: u32,
    far: u32,
}

/// A key and its level.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Entry {
    key: i64,
    /// The level's place.
    level: u32,
    reserved: u32,
}

// SAFETY: repr(C), numbers only, 8+8+8+4+4 bytes without padding.
unsafe impl Plain for Head {
    const ELEMENT: Element = Element::Array(&Element::Scalar("u8"), 4);
}
// SAFETY: repr(C), numbers only, 8+4+4 bytes without padding.
unsafe impl Plain for Entry {
    const ELEMENT: Element = Element::Array(&Element::Scalar("u8"), 2);
}
const _: () = assert!(size_of::<Head>() == 32 && size_of::<Entry>() == 16);

/// Heads and entries of all sides.
pub(crate) struct Sides {
    heads: FixedArray<Head>,
    /// A side's near entries, then its far ones.
    entries: FixedArray<Entry>,
    /// By level: where among its side's far entries it is.
    far_positions: FixedArray<u32>,
    capacity: usize,
    stride: usize,
}

impl Sides {
    /// For sides `0..sides` and levels at places `0..levels`.
    pub(crate) fn new(sides: usize, levels_per_side: usize, levels: usize) -> Self {
        // An odd number of cache lines between sides: equal offsets of many books do not meet in the same cache sets.
        let stride = NEAR_MAX + levels_per_side.next_multiple_of(8) + 4;
        let mut sides = Self {
            heads: FixedArray::zeroed(sides),
            entries: FixedArray::zeroed(sides * stride),
            far_positions: FixedArray::zeroed(levels),
            capacity: levels_per_side,
            stride,
        };
        (0..sides.count() as u32).for_each(|side| sides.clear(side));
        sides
    }

    #[inline(always)]
    pub(crate) fn count(&self) -> usize {
        self.heads.len()
    }

    /// How many levels a side has.
    #[inline(always)]
    pub(crate) fn length(&self, side: u32) -> usize {
        let head = &self.heads[side as usize];
        (head.near + head.far) as usize
    }

    #[inline(always)]
    pub(crate) fn is_full(&self, side: u32) -> bool {
        self.length(side) >= self.capacity
    }

    #[inline(always)]
    fn near(&self, side: u32) -> &[Entry] {
        let base = side as usize * self.stride;
        &self.entries[base..base + self.heads[side as usize].near as usize]
    }

    #[inline(always)]
    fn far(&self, side: u32) -> &[Entry] {
        let base = side as usize * self.stride + NEAR_MAX;
        &self.entries[base..base + self.heads[side as usize].far as usize]
    }

    /// A level of a side, by a number below its length; in no order.
    pub(crate) fn level(&self, side: u32, number: usize) -> u32 {
        let near = self.near(side);
        near.get(number).unwrap_or_else(|| &self.far(side)[number - near.len()]).level
    }

    /// Puts in a key that is not there.
    pub(crate) fn insert(&mut self, side: u32, key: i64, level: u32) {
        assert!(!self.is_full(side), "whoever inserts has looked whether there is room");
        let entry = Entry { key, level, reserved: 0 };
        let near = self.near(side);
        let is_near_full = near.len() == NEAR_MAX;
        if key < self.heads[side as usize].floor || (is_near_full && key < near[0].key) {
            self.push_far(side, entry);
            if self.heads[side as usize].far == 1 {
                self.renew_head(side);
            }
            return;
        }
        let position = near.partition_point(|other| other.key < key);
        let (base, length) = (side as usize * self.stride, near.len());
        if is_near_full {
            self.push_far(side, near[0]);
            self.entries.copy_within(base + 1..base + position, base);
            self.entries[base + position - 1] = entry;
        } else {
            self.entries.copy_within(base + position..base + length, base + position + 1);
            self.entries[base + position] = entry;
            self.heads[side as usize].near += 1;
        }
        self.renew_head(side);
    }

    #[inline(always)]
    fn push_far(&mut self, side: u32, entry: Entry) {
        let head = &mut self.heads[side as usize];
        self.entries[side as usize * self.stride + NEAR_MAX + head.far as usize] = entry;
        self.far_positions[entry.level as usize] = head.far;
        head.far += 1;
    }

    /// Takes a level's key out.
    ///
    /// # Panics
    /// When the key is not there: a level without its key is a broken book.
    pub(crate) fn remove(&mut self, side: u32, key: i64, level: u32) {
        if key < self.heads[side as usize].floor {
            self.remove_far(side, level);
            if self.heads[side as usize].far == 0 {
                self.renew_head(side);
            }
            return;
        }
        let near = self.near(side);
        let position = near.partition_point(|other| other.key < key);
        assert!(near[position].level == level, "a level's key is among its side's keys");
        let (base, length) = (side as usize * self.stride, near.len());
        self.entries.copy_within(base + position + 1..base + length, base + position);
        self.heads[side as usize].near -= 1;
        if length <= VIEW_LEVELS && self.heads[side as usize].far > 0 {
            self.refill(side);
        }
        self.renew_head(side);
    }

    /// The last far entry takes the place of the one that leaves.
    #[inline(always)]
    fn remove_far(&mut self, side: u32, level: u32) {
        let position = self.far_positions[level as usize] as usize;
        let far = self.far(side);
        assert!(far[position].level == level, "a level's key is among its side's keys");
        let last = far[far.len() - 1];
        self.entries[side as usize * self.stride + NEAR_MAX + position] = last;
        self.far_positions[last.level as usize] = position as u32;
        self.heads[side as usize].far -= 1;
    }

    /// Brings the best far keys near.
    #[cold]
    fn refill(&mut self, side: u32) {
        let mut best = [Entry::default(); REFILLED];
        let near = self.near(side).len();
        let count = self.pick(side, i64::MAX, &mut best[near..]);
        let base = side as usize * self.stride;
        self.entries.copy_within(base..base + near, base + count);
        for (position, &entry) in best[near..near + count].iter().enumerate() {
            self.remove_far(side, entry.level);
            self.entries[base + count - 1 - position] = entry;
        }
        self.heads[side as usize].near += count as u32;
    }

    /// The best far entries below a key, best first; says how many there were.
    fn pick(&self, side: u32, below: i64, out: &mut [Entry]) -> usize {
        let mut count = 0;
        for &entry in self.far(side) {
            let is_wanted = entry.key < below && (count < out.len() || entry.key > out[count - 1].key);
            if !is_wanted {
                continue;
            }
            count = (count + 1).min(out.len());
            let mut position = count - 1;
            while position > 0 && out[position - 1].key < entry.key {
                out[position] = out[position - 1];
                position -= 1;
            }
            out[position] = entry;
        }
        count
    }

    /// Visits the levels of a side, best first, until the visitor returns false. Deep prices cost more than near ones.
    #[inline(always)]
    pub(crate) fn walk(&self, side: u32, mut visitor: impl FnMut(u32) -> bool) {
        for entry in self.near(side).iter().rev() {
            if !visitor(entry.level) {
                return;
            }
        }
        if self.heads[side as usize].far > 0 {
            self.walk_far(side, &mut visitor);
        }
    }

    #[cold]
    fn walk_far(&self, side: u32, visitor: &mut dyn FnMut(u32) -> bool) {
        let mut sorted = [Entry::default(); SORTED_AT_ONCE];
        // No far key is the greatest possible one: a near key is above it.
        let mut below = i64::MAX;
        loop {
            let count = self.pick(side, below, &mut sorted);
            for entry in &sorted[..count] {
                if !visitor(entry.level) {
                    return;
                }
            }
            if count < SORTED_AT_ONCE {
                return;
            }
            below = sorted[count - 1].key;
        }
    }

    /// Forgets all keys of a side.
    pub(crate) fn clear(&mut self, side: u32) {
        let head = &mut self.heads[side as usize];
        (head.near, head.far) = (0, 0);
        self.renew_head(side);
    }

    #[inline(always)]
    fn renew_head(&mut self, side: u32) {
        let near = self.near(side);
        let at = |depth: usize| if near.len() < depth { i64::MIN } else { near[near.len() - depth].key };
        let (best, visible, lowest) = (at(1), at(VIEW_LEVELS), at(near.len().max(1)));
        let head = &mut self.heads[side as usize];
        (head.best, head.visible) = (best, visible);
        head.floor = if head.far == 0 { i64::MIN } else { lowest };
    }

    /// Whether a key is, or before its removal was, the best of its side, and whether it is among the visible ones.
    #[inline(always)]
    pub(crate) fn is_best_is_visible(&self, side: u32, key: i64) -> (bool, bool) {
        let head = &self.heads[side as usize];
        (key >= head.best, key >= head.visible)
    }

    /// Asks for a side's head.
    #[inline(always)]
    pub(crate) fn prefetch(&self, side: usize) {
        self.heads.prefetch(side);
    }

    /// Writes to every page.
    pub(crate) fn touch(&mut self) {
        self.heads.touch();
        self.entries.touch();
        self.far_positions.touch();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_rise_towards_the_better_price() {
        assert!(key_at(0, 2) > key_at(0, 1));
        assert!(key_at(1, 1) > key_at(1, 2));
        assert!(key_at(1, i64::MIN) > key_at(1, i64::MAX));
        assert_eq!((key_at(6, -5), key_at(7, -5)), (-5, 4));
    }

    /// Keys of all magnitudes of churn: most near the best, the best wandering, so that the near part fills and drains.
    #[test]
    fn a_side_agrees_with_a_sorted_vector() {
        let mut sides = Sides::new(2, 200, 4_096);
        let mut twin: Vec<(i64, u32)> = Vec::new();
        let mut state = 1_u64;
        let mut refilled = 0;
        for step in 0..50_000_u32 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let middle = i64::from(step / 40 % 1_000);
            let key = if state >> 63 == 0 { middle + (state >> 40) as i64 % 12 } else { (state >> 40) as i64 % 1_000 };
            match twin.binary_search_by_key(&key, |entry| entry.0) {
                Ok(position) => {
                    let near = sides.near(1).len();
                    sides.remove(1, key, twin.remove(position).1);
                    refilled += usize::from(sides.near(1).len() > near);
                }
                Err(position) if twin.len() < 200 => {
                    assert!(!sides.is_full(1));
                    let level = (0..4_096).find(|level| twin.iter().all(|entry| entry.1 != *level)).unwrap();
                    twin.insert(position, (key, level));
                    sides.insert(1, key, level);
                }
                Err(_) => {
                    // Full: the best go, as if traded through.
                    for (key, level) in twin.split_off(twin.len() - (step % 60) as usize) {
                        let near = sides.near(1).len();
                        sides.remove(1, key, level);
                        refilled += usize::from(sides.near(1).len() > near);
                    }
                }
            }
            let above = twin.iter().filter(|entry| entry.0 > key).count();
            assert_eq!(sides.is_best_is_visible(1, key), (above == 0, above < VIEW_LEVELS), "step {step}");
            assert_eq!(sides.length(1), twin.len());
            if step % 8 == 0 {
                let mut walked = Vec::new();
                sides.walk(1, |level| {
                    walked.push(level);
                    true
                });
                assert!(walked.iter().eq(twin.iter().rev().map(|entry| &entry.1)), "step {step}");
                let mut any: Vec<u32> = (0..twin.len()).map(|number| sides.level(1, number)).collect();
                any.sort_unstable();
                walked.sort_unstable();
                assert_eq!(any, walked);
            }
        }
        assert!(refilled > 50 && twin.len() > 60 && sides.length(0) == 0, "{refilled} {}", twin.len());
        sides.clear(1);
        assert_eq!((sides.length(1), sides.is_best_is_visible(1, i64::MIN)), (0, (true, true)));
    }
}
