//! Price levels: each side of a book has a window of ticks around its first price, found by index, with a bit for each
//! tick in use; prices off the window or off the tick go into a sorted array.
//!
//! Invariant: a level in a ladder holds at least one order and `lots` is the sum over its orders; the cached best is the
//! largest key of both parts. A bid's key is its price, an ask's the negated one, so that the best is the largest on both
//! sides.

use super::listing::Multiple;
use super::orders::NIL;

/// A price; its two queues are links of the orders' slab ([`super::orders::Orders`]).
#[derive(Clone, Copy, Default)]
pub(crate) struct Level {
    pub key: i64,
    pub lots: i64,
    pub orders: u32,
}

/// All levels of all books.
pub(crate) struct Levels {
    pub all: Box<[Level]>,
    free: Vec<u32>,
}

impl Levels {
    pub fn with_capacity(levels: usize) -> Self {
        Self { all: vec![Level::default(); levels].into_boxed_slice(), free: (0..levels as u32).rev().collect() }
    }

    /// A level without orders.
    pub fn take(&mut self, key: i64) -> Option<u32> {
        let number = self.free.pop()?;
        self.all[number as usize] = Level { key, lots: 0, orders: 0 };
        Some(number)
    }
}

/// Ticks of a window: 64 words of 64 for each bit of the summary's two words.
const WINDOW: usize = 8192;
const WORDS: usize = WINDOW / 64;

/// The levels within the window, by tick.
struct Near {
    unit: Multiple,
    /// Tick of slot 0.
    base: i64,
    numbers: Box<[u32; WINDOW]>,
    words: Box<[u64; WORDS]>,
    summary: [u64; WORDS / 64],
}

impl Near {
    fn new(unit: Multiple) -> Self {
        let numbers = vec![NIL; WINDOW].into_boxed_slice().try_into().expect("as long as it was made");
        Self { unit, base: 0, numbers, words: Box::new([0; WORDS]), summary: [0; WORDS / 64] }
    }

    /// The slot of a key, if the window has one for it.
    #[inline]
    fn slot(&self, key: i64) -> Option<usize> {
        let slot = self.unit.quotient(key).wrapping_sub(self.base) as u64;
        (slot < WINDOW as u64 && self.unit.holds(key)).then_some(slot as usize)
    }

    /// Moves the empty window so that the key is in its middle.
    fn centre(&mut self, key: i64) {
        self.base = self.unit.quotient(key) - WINDOW as i64 / 2;
    }

    fn is_empty(&self) -> bool {
        self.summary == [0; WORDS / 64]
    }

    #[inline]
    fn set(&mut self, slot: usize, number: u32) {
        self.numbers[slot] = number;
        self.words[slot / 64] |= 1 << (slot % 64);
        self.summary[slot / 4096] |= 1 << (slot / 64 % 64);
    }

    #[inline]
    fn clear(&mut self, slot: usize) {
        self.numbers[slot] = NIL;
        self.words[slot / 64] &= !(1 << (slot % 64));
        if self.words[slot / 64] == 0 {
            self.summary[slot / 4096] &= !(1 << (slot / 64 % 64));
        }
    }

    /// The highest slot in use below one (`WINDOW`: of all).
    #[inline]
    fn below(&self, slot: usize) -> Option<usize> {
        let word = slot / 64;
        if word < WORDS {
            let bits = self.words[word] & ((1 << (slot % 64)) - 1);
            if bits != 0 {
                return Some(word * 64 + top(bits));
            }
        }
        let mut part = word / 64;
        let mut bits = if part < self.summary.len() { self.summary[part] & ((1 << (word % 64)) - 1) } else { 0 };
        while bits == 0 {
            part = part.checked_sub(1)?;
            bits = self.summary[part];
        }
        let word = part * 64 + top(bits);
        Some(word * 64 + top(self.words[word]))
    }
}

/// Place of the highest bit of a word that is not 0.
#[inline]
fn top(bits: u64) -> usize {
    63 - bits.leading_zeros() as usize
}

/// The levels elsewhere, sorted by key.
struct Far {
    keys: Vec<i64>,
    numbers: Vec<u32>,
}

impl Far {
    /// The number of the largest key below one (all keys with `None`).
    fn below(&self, key: Option<i64>) -> Option<(i64, u32)> {
        let at = key.map_or(self.keys.len(), |key| self.keys.partition_point(|held| *held < key));
        let at = at.checked_sub(1)?;
        Some((self.keys[at], self.numbers[at]))
    }
}

/// One side of a book.
pub(crate) struct Ladder {
    near: Near,
    far: Far,
    best: Option<(i64, u32)>,
    length: usize,
    capacity: usize,
}

impl Ladder {
    /// Room for that many levels; `unit` is the finest tick.
    pub fn new(capacity: usize, unit: Multiple) -> Self {
        let far = Far { keys: Vec::with_capacity(capacity), numbers: Vec::with_capacity(capacity) };
        Self { near: Near::new(unit), far, best: None, length: 0, capacity }
    }

    /// Key and number of the best level.
    #[inline]
    pub fn best(&self) -> Option<(i64, u32)> {
        self.best
    }

    /// The level of a key, made when it is not there; `None` when there is no room.
    #[inline]
    pub fn find_or_make(&mut self, key: i64, levels: &mut Levels) -> Option<u32> {
        match self.near.slot(key) {
            Some(slot) if self.near.numbers[slot] != NIL => Some(self.near.numbers[slot]),
            Some(slot) => {
                let number = self.take(key, levels)?;
                self.near.set(slot, number);
                Some(number)
            }
            None => self.find_or_make_far(key, levels),
        }
    }

    #[cold]
    fn find_or_make_far(&mut self, key: i64, levels: &mut Levels) -> Option<u32> {
        if self.near.is_empty() && self.near.unit.holds(key) {
            self.near.centre(key);
            self.draw_near();
            return self.find_or_make(key, levels);
        }
        match self.far.keys.binary_search(&key) {
            Ok(at) => Some(self.far.numbers[at]),
            Err(at) => {
                let number = self.take(key, levels)?;
                self.far.keys.insert(at, key);
                self.far.numbers.insert(at, number);
                Some(number)
            }
        }
    }

    /// Levels that the moved window covers go into it: a key has one place.
    fn draw_near(&mut self) {
        let (near, far) = (&mut self.near, &mut self.far);
        let mut kept = 0;
        for at in 0..far.keys.len() {
            match near.slot(far.keys[at]) {
                Some(slot) => near.set(slot, far.numbers[at]),
                None => {
                    (far.keys[kept], far.numbers[kept]) = (far.keys[at], far.numbers[at]);
                    kept += 1;
                }
            }
        }
        far.keys.truncate(kept);
        far.numbers.truncate(kept);
    }

    #[inline]
    fn take(&mut self, key: i64, levels: &mut Levels) -> Option<u32> {
        if self.length == self.capacity {
            return None;
        }
        let number = levels.take(key)?;
        self.length += 1;
        if self.best.is_none_or(|(best, _)| key > best) {
            self.best = Some((key, number));
        }
        Some(number)
    }

    /// Whether [`Ladder::find_or_make`] would give a level.
    pub fn has_room_for(&self, key: i64, levels: &Levels) -> bool {
        let there = || match self.near.slot(key) {
            Some(slot) if self.near.numbers[slot] != NIL => true,
            _ => self.far.keys.binary_search(&key).is_ok(),
        };
        (self.length < self.capacity && !levels.free.is_empty()) || there()
    }

    /// The level next worse than the one of this key.
    pub fn worse_than(&self, key: i64, levels: &Levels) -> Option<u32> {
        let slot = match self.near.slot(key) {
            Some(slot) => slot,
            // Off the window or the tick: every slot whose tick is below.
            None => (self.near.unit.floor(key) + 1).saturating_sub(self.near.base).clamp(0, WINDOW as i64) as usize,
        };
        let near = self.near.below(slot).map(|slot| self.near.numbers[slot]);
        let near = near.map(|number| (levels.all[number as usize].key, number));
        near.max(self.far.below(Some(key))).map(|(_, number)| number)
    }

    /// Takes an empty level away.
    #[inline]
    pub fn drop_level(&mut self, key: i64, levels: &mut Levels) {
        let number = match self.near.slot(key) {
            Some(slot) if self.near.numbers[slot] != NIL => {
                let number = self.near.numbers[slot];
                self.near.clear(slot);
                number
            }
            _ => self.drop_far(key),
        };
        levels.free.push(number);
        self.length -= 1;
        if self.best.is_some_and(|(best, _)| best == key) {
            let near = self.near.below(WINDOW).map(|slot| self.near.numbers[slot]);
            let near = near.map(|number| (levels.all[number as usize].key, number));
            self.best = if self.far.keys.is_empty() { near } else { near.max(self.far.below(None)) };
        }
    }

    #[cold]
    fn drop_far(&mut self, key: i64) -> u32 {
        let at = self.far.keys.binary_search(&key).expect("a level in use is in its ladder");
        self.far.keys.remove(at);
        self.far.numbers.remove(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn the_ladder_agrees_with_a_sorted_map_in_and_off_its_window() {
        for (unit, spread, drift) in [(5, 30, 0), (1, 20_000, 0), (7, 200_000, 0), (3, 40, 1), (2, 9_000, 3)] {
            let (mut ladder, mut levels) = (Ladder::new(64, Multiple::of(unit)), Levels::with_capacity(80));
            let mut plain: BTreeMap<i64, u32> = BTreeMap::new();
            let mut state = 3u64;
            for step in 0..30_000 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let tick = (state >> 33) as i64 % spread - spread / 2 + step * drift;
                let key = tick * unit + i64::from(state >> 60 == 0);
                if plain.contains_key(&key) && state & 1 << 30 != 0 {
                    ladder.drop_level(key, &mut levels);
                    plain.remove(&key);
                } else if let Some(number) = ladder.find_or_make(key, &mut levels) {
                    assert_eq!(*plain.entry(key).or_insert(number), number);
                } else {
                    assert!(plain.len() == 64 && !ladder.has_room_for(key, &levels));
                    // The oldest end goes first, so that with drift the window empties and moves.
                    let drop = *plain.keys().nth(if drift > 0 { 0 } else { (state >> 40) as usize % 64 }).unwrap();
                    ladder.drop_level(drop, &mut levels);
                    plain.remove(&drop);
                }
                assert_eq!(ladder.best(), plain.last_key_value().map(|(key, number)| (*key, *number)));
                let worse = plain.range(..key).next_back().map(|(_, number)| *number);
                assert_eq!(ladder.worse_than(key, &levels), worse, "below {key}");
            }
        }
    }
}
