//! Price levels: each side of a book is a sorted array of keys, the best one last, beside the numbers of its levels.
//!
//! Invariant: keys rise strictly; a level in a ladder holds at least one order; `lots` is the sum over its orders.
//! A bid's key is its price, an ask's the negated one, so that the best is the largest on both sides. Touches change far
//! more often than depth, so the search starts at the best end.

use super::orders::NIL;

/// Two queues in time order: displayed orders trade before hidden ones of the same price.
#[derive(Clone, Copy, Default)]
pub(crate) struct Level {
    pub key: i64,
    pub lots: i64,
    pub heads: [u32; 2],
    pub tails: [u32; 2],
    pub orders: u32,
}

impl Level {
    /// The order that trades next.
    #[inline]
    pub fn first(&self) -> u32 {
        if self.heads[0] == NIL { self.heads[1] } else { self.heads[0] }
    }
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

    fn take(&mut self, key: i64) -> Option<u32> {
        let number = self.free.pop()?;
        self.all[number as usize] = Level { key, lots: 0, heads: [NIL; 2], tails: [NIL; 2], orders: 0 };
        Some(number)
    }
}

/// One side of a book.
pub(crate) struct Ladder {
    keys: Box<[i64]>,
    numbers: Box<[u32]>,
    length: usize,
}

const NEAR: usize = 12;

impl Ladder {
    pub fn with_capacity(levels: usize) -> Self {
        Self { keys: vec![0; levels].into_boxed_slice(), numbers: vec![0; levels].into_boxed_slice(), length: 0 }
    }

    /// Key and number of the best level.
    #[inline]
    pub fn best(&self) -> Option<(i64, u32)> {
        let last = self.length.checked_sub(1)?;
        Some((self.keys[last], self.numbers[last]))
    }

    /// Numbers of the levels, the worst first.
    pub fn numbers(&self) -> &[u32] {
        &self.numbers[..self.length]
    }

    /// Where the key stands, or where it would.
    #[inline]
    fn position(&self, key: i64) -> Result<usize, usize> {
        let keys = &self.keys[..self.length];
        let from = keys.len().saturating_sub(NEAR);
        for at in (from..keys.len()).rev() {
            if keys[at] <= key {
                return if keys[at] == key { Ok(at) } else { Err(at + 1) };
            }
        }
        keys[..from].binary_search(&key)
    }

    /// The level of a key, made when it is not there; `None` when there is no room.
    #[inline]
    pub fn find_or_make(&mut self, key: i64, levels: &mut Levels) -> Option<u32> {
        match self.position(key) {
            Ok(at) => Some(self.numbers[at]),
            Err(at) => self.make(at, key, levels),
        }
    }

    fn make(&mut self, at: usize, key: i64, levels: &mut Levels) -> Option<u32> {
        if self.length == self.keys.len() {
            return None;
        }
        let number = levels.take(key)?;
        self.keys.copy_within(at..self.length, at + 1);
        self.numbers.copy_within(at..self.length, at + 1);
        self.keys[at] = key;
        self.numbers[at] = number;
        self.length += 1;
        Some(number)
    }

    /// Whether [`Ladder::find_or_make`] would give a level.
    pub fn has_room_for(&self, key: i64, levels: &Levels) -> bool {
        (self.length < self.keys.len() && !levels.free.is_empty()) || self.position(key).is_ok()
    }

    /// The level next worse than the one of this key.
    pub fn worse_than(&self, key: i64) -> Option<u32> {
        let at = self.position(key).unwrap_or_else(|at| at);
        at.checked_sub(1).map(|at| self.numbers[at])
    }

    /// Takes an empty level away.
    #[inline]
    pub fn drop_level(&mut self, key: i64, levels: &mut Levels) {
        let at = self.position(key).expect("a level in use is in its ladder");
        levels.free.push(self.numbers[at]);
        self.keys.copy_within(at + 1..self.length, at);
        self.numbers.copy_within(at + 1..self.length, at);
        self.length -= 1;
    }
}
