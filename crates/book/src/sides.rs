//! The sorted prices of every book side: keys rise, the best price is the last.
//!
//! Invariant: keys of a side are distinct and rising; each has the level that carries its price; a side's head repeats its
//! best and its last visible key. A buy's key is its price and a sale's the bitwise complement, so that "better" is
//! "greater" on both sides.

use records::{Element, Plain, VIEW_LEVELS};

use crate::memory::FixedArray;

/// Steps from the best price before a search halves instead: most levels come and go near the touch.
const LINEAR_STEPS: usize = 4;

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
    length: u32,
    reserved: [u32; 3],
}

/// A key and its level.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    key: i64,
    /// The level's place.
    pub(crate) level: u32,
    reserved: u32,
}

// SAFETY: repr(C), numbers only, 8+8+4*4 bytes without padding.
unsafe impl Plain for Head {
    const ELEMENT: Element = Element::Array(&Element::Scalar("u8"), 4);
}
// SAFETY: repr(C), numbers only, 8+4+4 bytes without padding.
unsafe impl Plain for Entry {
    const ELEMENT: Element = Element::Array(&Element::Scalar("u8"), 2);
}
const _: () = assert!(size_of::<Head>() == 32 && size_of::<Entry>() == 16);

/// Heads and sorted entries of all sides.
pub(crate) struct Sides {
    heads: FixedArray<Head>,
    entries: FixedArray<Entry>,
    capacity: usize,
    stride: usize,
}

impl Sides {
    pub(crate) fn new(sides: usize, levels_per_side: usize) -> Self {
        // An odd number of cache lines between sides: equal offsets of many books do not meet in the same cache sets.
        let stride = levels_per_side.next_multiple_of(8) + 4;
        let mut sides = Self {
            heads: FixedArray::zeroed(sides),
            entries: FixedArray::zeroed(sides * stride),
            capacity: levels_per_side,
            stride,
        };
        (0..sides.count() as u32).for_each(|side| sides.renew_head(side, 0));
        sides
    }

    #[inline(always)]
    pub(crate) fn count(&self) -> usize {
        self.heads.len()
    }

    #[inline(always)]
    fn length(&self, side: u32) -> usize {
        self.heads[side as usize].length as usize
    }

    #[inline(always)]
    pub(crate) fn is_full(&self, side: u32) -> bool {
        self.length(side) >= self.capacity
    }

    /// Entries of a side, best last.
    #[inline(always)]
    pub(crate) fn entries(&self, side: u32) -> &[Entry] {
        let base = side as usize * self.stride;
        &self.entries[base..base + self.length(side)]
    }

    /// How many keys are below this one.
    #[inline(always)]
    fn position(&self, side: u32, key: i64) -> usize {
        let entries = self.entries(side);
        let mut position = entries.len();
        let floor = position.saturating_sub(LINEAR_STEPS);
        while position > floor {
            if entries[position - 1].key < key {
                return position;
            }
            position -= 1;
        }
        entries[..floor].partition_point(|entry| entry.key < key)
    }

    /// Puts in a key that is not there.
    pub(crate) fn insert(&mut self, side: u32, key: i64, level: u32) {
        let (base, length, position) = (side as usize * self.stride, self.length(side), self.position(side, key));
        assert!(length < self.capacity, "whoever inserts has looked whether there is room");
        self.entries.copy_within(base + position..base + length, base + position + 1);
        self.entries[base + position] = Entry { key, level, reserved: 0 };
        self.renew_head(side, length + 1);
    }

    /// Takes a key out.
    ///
    /// # Panics
    /// When the key is not there: a level without its key is a broken book.
    pub(crate) fn remove(&mut self, side: u32, key: i64) {
        let (base, length, position) = (side as usize * self.stride, self.length(side), self.position(side, key));
        assert!(self.entries(side)[position].key == key, "a level's key is among its side's keys");
        self.entries.copy_within(base + position + 1..base + length, base + position);
        self.renew_head(side, length - 1);
    }

    /// Forgets all keys of a side.
    pub(crate) fn clear(&mut self, side: u32) {
        self.renew_head(side, 0);
    }

    #[inline(always)]
    fn renew_head(&mut self, side: u32, length: usize) {
        let end = side as usize * self.stride + length;
        let at = |depth: usize| if length < depth { i64::MIN } else { self.entries[end - depth].key };
        let (best, visible) = (at(1), at(VIEW_LEVELS));
        self.heads[side as usize] = Head { best, visible, length: length as u32, reserved: [0; 3] };
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

    #[test]
    fn a_side_agrees_with_a_sorted_vector() {
        let mut sides = Sides::new(2, 200);
        let mut twin: Vec<(i64, u32)> = Vec::new();
        let mut state = 1_u64;
        for step in 0..50_000_u32 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let key = (state >> 40) as i64 % 230;
            match twin.binary_search_by_key(&key, |entry| entry.0) {
                Ok(position) => {
                    twin.remove(position);
                    sides.remove(1, key);
                }
                Err(position) if twin.len() < 200 => {
                    assert!(!sides.is_full(1));
                    twin.insert(position, (key, step));
                    sides.insert(1, key, step);
                }
                Err(_) => assert!(sides.is_full(1)),
            }
            let above = twin.iter().filter(|entry| entry.0 > key).count();
            assert_eq!(sides.is_best_is_visible(1, key), (above == 0, above < VIEW_LEVELS));
        }
        assert!(sides.entries(1).iter().map(|entry| (entry.key, entry.level)).eq(twin.iter().copied()));
        assert!(twin.len() > 60 && sides.entries(0).is_empty());
        sides.clear(1);
        assert_eq!((sides.entries(1).len(), sides.is_best_is_visible(1, i64::MIN)), (0, (true, true)));
    }
}
