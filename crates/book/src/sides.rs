//! The sorted prices of every book side: keys rise, the best price is the last.
//!
//! Invariant: keys of a side are distinct and rising; each has the level that carries its price. A buy's key is its price
//! and a sale's the bitwise complement, so that "better" is "greater" on both sides.

use crate::memory::FixedArray;

/// Steps from the best price before a search halves instead: most orders join near the touch.
const LINEAR_STEPS: usize = 24;

/// The key of a price on a numbered side (its lowest bit is [`records::Side::index`]).
#[inline(always)]
pub(crate) const fn key_at(side: u32, price_nanos: i64) -> i64 {
    price_nanos ^ -((side & 1) as i64)
}

/// Sorted keys and level indices of all sides, in two arrays.
pub(crate) struct Sides {
    keys: FixedArray<i64>,
    levels: FixedArray<u32>,
    lengths: FixedArray<u32>,
    capacity: usize,
    stride: usize,
}

impl Sides {
    pub(crate) fn new(sides: usize, levels_per_side: usize) -> Self {
        // An odd number of cache lines between sides: equal offsets of many books do not meet in the same cache sets.
        let stride = levels_per_side.next_multiple_of(16) + 8;
        Self {
            keys: FixedArray::zeroed(sides * stride),
            levels: FixedArray::zeroed(sides * stride),
            lengths: FixedArray::zeroed(sides),
            capacity: levels_per_side,
            stride,
        }
    }

    #[inline(always)]
    pub(crate) fn count(&self) -> usize {
        self.lengths.len()
    }

    #[inline(always)]
    pub(crate) fn length(&self, side: u32) -> usize {
        self.lengths[side as usize] as usize
    }

    #[inline(always)]
    pub(crate) fn is_full(&self, side: u32) -> bool {
        self.length(side) >= self.capacity
    }

    /// Level indices of a side, best last.
    #[inline(always)]
    pub(crate) fn levels(&self, side: u32) -> &[u32] {
        let base = side as usize * self.stride;
        &self.levels[base..base + self.length(side)]
    }

    #[inline(always)]
    fn keys(&self, side: u32) -> &[i64] {
        let base = side as usize * self.stride;
        &self.keys[base..base + self.length(side)]
    }

    /// The level of a key, or where it would go.
    #[inline(always)]
    pub(crate) fn find(&self, side: u32, key: i64) -> Result<u32, usize> {
        let keys = self.keys(side);
        let mut position = keys.len();
        let floor = position.saturating_sub(LINEAR_STEPS);
        while position > floor {
            let here = keys[position - 1];
            if here <= key {
                return self.at(side, position, here == key);
            }
            position -= 1;
        }
        position = keys[..floor].partition_point(|&other| other <= key);
        self.at(side, position, position > 0 && keys[position - 1] == key)
    }

    #[inline(always)]
    fn at(&self, side: u32, position: usize, equal: bool) -> Result<u32, usize> {
        if equal { Ok(self.levels[side as usize * self.stride + position - 1]) } else { Err(position) }
    }

    /// Puts a level where `find` said.
    #[inline(always)]
    pub(crate) fn insert(&mut self, side: u32, position: usize, key: i64, level: u32) {
        let base = side as usize * self.stride;
        let length = self.length(side);
        assert!(position <= length && length < self.capacity);
        self.keys.copy_within(base + position..base + length, base + position + 1);
        self.levels.copy_within(base + position..base + length, base + position + 1);
        self.keys[base + position] = key;
        self.levels[base + position] = level;
        self.lengths[side as usize] = length as u32 + 1;
    }

    /// Takes a key out.
    ///
    /// # Panics
    /// When the key is not there: a level without its key is a broken book.
    #[inline(always)]
    pub(crate) fn remove(&mut self, side: u32, key: i64) {
        let base = side as usize * self.stride;
        let length = self.length(side);
        let keys = self.keys(side);
        let mut position = length - 1;
        let floor = length.saturating_sub(LINEAR_STEPS);
        while position > floor && keys[position] > key {
            position -= 1;
        }
        if keys[position] != key {
            position = keys[..position].partition_point(|&other| other < key);
            assert!(keys[position] == key, "a level's key is among its side's keys");
        }
        self.keys.copy_within(base + position + 1..base + length, base + position);
        self.levels.copy_within(base + position + 1..base + length, base + position);
        self.lengths[side as usize] = length as u32 - 1;
    }

    /// Forgets all keys of a side.
    pub(crate) fn clear(&mut self, side: u32) {
        self.lengths[side as usize] = 0;
    }

    /// Whether a key is, or before its removal was, among the best `depth` keys of its side.
    #[inline(always)]
    pub(crate) fn is_within(&self, side: u32, key: i64, depth: usize) -> bool {
        let keys = self.keys(side);
        keys.len() < depth || key >= keys[keys.len() - depth]
    }

    /// Asks for the lines that a search near the touch reads.
    #[inline(always)]
    pub(crate) fn prefetch(&self, side: u32) {
        if let Some(&length) = self.lengths.get(side as usize) {
            let last = side as usize * self.stride + length as usize;
            self.keys.prefetch(last.saturating_sub(1));
            self.keys.prefetch(last.saturating_sub(9));
            self.levels.prefetch(last.saturating_sub(1));
        }
    }

    /// Writes to every page.
    pub(crate) fn touch(&mut self) {
        self.keys.touch();
        self.levels.touch();
        self.lengths.touch();
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
            match sides.find(1, key) {
                Ok(level) => {
                    let position = twin.binary_search_by_key(&key, |entry| entry.0).unwrap();
                    assert_eq!(twin.remove(position).1, level);
                    sides.remove(1, key);
                }
                Err(position) if !sides.is_full(1) => {
                    assert_eq!(twin.binary_search_by_key(&key, |entry| entry.0), Err(position));
                    twin.insert(position, (key, step));
                    sides.insert(1, position, key, step);
                }
                Err(_) => assert_eq!(twin.len(), 200),
            }
        }
        assert!(sides.levels(1).iter().eq(twin.iter().map(|entry| &entry.1)) && twin.len() > 60);
        assert_eq!(sides.length(0), 0);
    }
}
