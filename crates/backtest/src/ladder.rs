//! Lots by price on one side of a book by level, the best last.
//!
//! Most updates are of prices near the touch: those lie in one short row, found from its end. The others are in a tree.
//!
//! Invariant: keys are distinct, lots are above zero; near keys rise, and every far key is below every near one; nothing is
//! far unless something is near.

use std::collections::BTreeMap;

/// The most keys in the row.
const NEAR_MAX: usize = 48;
/// Keys in it after it overflowed, or ran dry.
const KEPT: usize = 24;

/// One side.
#[derive(Default)]
pub(crate) struct Ladder {
    near: Vec<(i64, i64)>,
    far: BTreeMap<i64, i64>,
}

impl Ladder {
    /// Sets the lots of a key, 0 takes it out; what it had.
    #[inline]
    pub fn set(&mut self, key: i64, lots: i64) -> i64 {
        let place = self.near.iter().rposition(|level| level.0 <= key);
        if place.is_none() && !self.far.is_empty() {
            return self.set_far(key, lots);
        }
        if let Some(level) = place.map(|place| &mut self.near[place])
            && level.0 == key
        {
            let before = std::mem::replace(&mut level.1, lots);
            if lots == 0 {
                self.take_out(place.unwrap_or(0));
            }
            return before;
        }
        if lots != 0 {
            self.near.insert(place.map_or(0, |place| place + 1), (key, lots));
            if self.near.len() > NEAR_MAX {
                self.far.extend(self.near.drain(..NEAR_MAX - KEPT));
            }
        }
        0
    }

    fn take_out(&mut self, place: usize) {
        self.near.remove(place);
        if self.near.is_empty() {
            for _ in 0..KEPT {
                self.near.extend(self.far.pop_last());
            }
            self.near.reverse();
        }
    }

    fn set_far(&mut self, key: i64, lots: i64) -> i64 {
        let before = if lots == 0 { self.far.remove(&key) } else { self.far.insert(key, lots) };
        before.unwrap_or(0)
    }

    /// The lots of a key.
    pub fn get(&self, key: i64) -> i64 {
        let near = self.near.iter().rev().find(|level| level.0 == key).map(|level| level.1);
        near.or_else(|| self.far.get(&key).copied()).unwrap_or(0)
    }

    /// Keys and lots, best first.
    pub fn iter(&self) -> impl Iterator<Item = (i64, i64)> {
        self.near.iter().rev().copied().chain(self.far.iter().rev().map(|(key, lots)| (*key, *lots)))
    }

    /// Takes everything out.
    pub fn clear(&mut self) {
        self.near.clear();
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
            // The touch wanders; now and then the best are traded through.
            let touch = 1_000 + step / 50 % 300;
            let key = if random.below(4) == 0 { random.below(2_000) as i64 } else { touch - random.below(30) as i64 };
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
                assert_eq!(ladder.get(3_000), 0);
            }
        }
        assert!(drained > 2_000 && ladder.far.len() > 100, "{drained} {}", ladder.far.len());
        ladder.clear();
        assert_eq!(ladder.iter().next(), None);
    }
}
