//! Lots by price on one side of a book by level.
//!
//! Most updates are of prices near the touch: those lie in one row with a place for every tick, so that none is searched for.
//! The others are in a tree.
//!
//! Invariant: keys are ticks, lots are above zero; every far key is below the row, and something is in the row where
//! anything is far. A bit stands for each place of the row that has lots.

use std::collections::BTreeMap;

/// Ticks in the row.
const ROW: usize = 2_048;
const WORDS: usize = ROW / 64;

/// One side.
#[derive(Default)]
pub(crate) struct Ladder {
    /// Lots by tick from `base` on; empty before the first.
    row: Vec<i64>,
    base: i64,
    held: [u64; WORDS],
    /// Places of the row that have lots.
    count: usize,
    far: BTreeMap<i64, i64>,
}

impl Ladder {
    /// Sets the lots of a key, 0 takes it out; what it had.
    #[inline]
    pub fn set(&mut self, key: i64, lots: i64) -> i64 {
        let place = key.wrapping_sub(self.base).cast_unsigned() as usize;
        if place < self.row.len() { self.set_near(place, lots) } else { self.set_outside(key, lots) }
    }

    /// Place and lots of a key in the row; `None`: it lies elsewhere.
    #[inline(always)]
    pub fn near(&self, key: i64) -> Option<(usize, i64)> {
        let place = key.wrapping_sub(self.base).cast_unsigned() as usize;
        self.row.get(place).map(|lots| (place, *lots))
    }

    /// Sets the lots of a place that [`Ladder::near`] gave; what it had.
    #[inline(always)]
    pub fn set_near(&mut self, place: usize, lots: i64) -> i64 {
        let before = std::mem::replace(&mut self.row[place], lots);
        if (before == 0) != (lots == 0) {
            self.begin_or_end(place, lots == 0);
        }
        before
    }

    #[inline(never)]
    fn begin_or_end(&mut self, place: usize, ends: bool) {
        self.held[place / 64] ^= 1 << (place % 64);
        if !ends {
            self.count += 1;
            return;
        }
        self.count -= 1;
        if self.count == 0
            && let Some((best, _)) = self.far.last_key_value()
        {
            self.move_to(best - ROW as i64 * 3 / 4);
        }
    }

    fn set_outside(&mut self, key: i64, lots: i64) -> i64 {
        if self.row.is_empty() {
            self.row = vec![0; ROW];
        }
        if key < self.base && (lots == 0 || self.count > 0) {
            let before = if lots == 0 { self.far.remove(&key) } else { self.far.insert(key, lots) };
            return before.unwrap_or(0);
        }
        if lots == 0 {
            return 0;
        }
        self.move_to(key - ROW as i64 * 3 / 4);
        self.set(key, lots)
    }

    /// The row begins at another tick.
    #[cold]
    fn move_to(&mut self, base: i64) {
        let all: Vec<(i64, i64)> = self.row_entries().collect();
        self.row.fill(0);
        (self.held, self.count, self.base) = ([0; WORDS], 0, base);
        self.far.extend(all);
        for (key, lots) in self.far.split_off(&base) {
            self.set(key, lots);
        }
    }

    /// The lots of a key.
    pub fn get(&self, key: i64) -> i64 {
        let place = key.wrapping_sub(self.base).cast_unsigned() as usize;
        self.row.get(place).or_else(|| self.far.get(&key)).copied().unwrap_or(0)
    }

    fn row_entries(&self) -> impl Iterator<Item = (i64, i64)> {
        let (mut word, mut bits) = (WORDS - 1, self.held[WORDS - 1]);
        std::iter::from_fn(move || {
            while bits == 0 {
                word = word.checked_sub(1)?;
                bits = self.held[word];
            }
            let bit = 63 - bits.leading_zeros() as usize;
            bits ^= 1 << bit;
            let place = word * 64 + bit;
            Some((self.base + place as i64, self.row[place]))
        })
    }

    /// Keys and lots, best first.
    pub fn iter(&self) -> impl Iterator<Item = (i64, i64)> {
        self.row_entries().chain(self.far.iter().rev().map(|(key, lots)| (*key, *lots)))
    }

    /// Takes everything out.
    pub fn clear(&mut self) {
        self.row.fill(0);
        (self.held, self.count) = ([0; WORDS], 0);
        self.far.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ladder_agrees_with_a_tree() {
        let (mut ladder, mut twin) = (Ladder::default(), BTreeMap::new());
        let mut random = book::flow::Random::new(5);
        let mut drained = 0;
        for step in 0..60_000_i64 {
            // The touch wanders, far at times; now and then the best are traded through.
            let touch = step / 50 % 300 + if step / 9_000 % 2 == 0 { 1_000 } else { 20_000 };
            let key = if random.below(4) == 0 { random.below(22_000) as i64 } else { touch - random.below(30) as i64 };
            let lots = if random.below(3) == 0 { 0 } else { 1 + random.below(100) as i64 };
            let before = if lots == 0 { twin.remove(&key) } else { twin.insert(key, lots) };
            assert_eq!(ladder.set(key, lots), before.unwrap_or(0), "step {step}");
            assert_eq!(ladder.get(key), lots);
            if step % 1_000 == 999 {
                for _ in 0..70 {
                    let Some((best, lots)) = twin.pop_last() else { break };
                    assert_eq!(ladder.set(best, 0), lots);
                    drained += 1;
                }
            }
            if step % 97 == 0 {
                assert!(ladder.iter().eq(twin.iter().rev().map(|(key, lots)| (*key, *lots))), "step {step}");
                assert_eq!(ladder.get(30_000), 0);
            }
        }
        assert!(drained > 2_000 && ladder.far.len() > 100, "{drained} {}", ladder.far.len());
        ladder.clear();
        assert_eq!(ladder.iter().next(), None);
    }
}
