//! From (session, order number) to the order's place: open addressing, all memory taken at the start.
//!
//! Invariant: at most half full, so that a probe ends soon; removal shifts back, so that no tombstones gather.

use super::orders::NIL;

#[derive(Clone, Copy)]
struct Entry {
    user_ref: u64,
    session: u32,
    place: u32,
}

const EMPTY: Entry = Entry { user_ref: 0, session: 0, place: NIL };

/// The map. Keys are unique.
pub(crate) struct Ids {
    entries: Box<[Entry]>,
    shift: u32,
}

impl Ids {
    /// Room for `orders` keys.
    pub fn with_capacity(orders: usize) -> Self {
        let size = (orders * 2).next_power_of_two().max(16);
        Self { entries: vec![EMPTY; size].into_boxed_slice(), shift: 64 - size.trailing_zeros() }
    }

    #[inline]
    fn home(&self, session: u32, user_ref: u64) -> usize {
        let mixed = (user_ref ^ u64::from(session).rotate_left(48)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> self.shift) as usize
    }

    #[inline]
    fn find(&self, session: u32, user_ref: u64) -> Option<usize> {
        let mask = self.entries.len() - 1;
        let mut at = self.home(session, user_ref);
        loop {
            let entry = self.entries[at & mask];
            if entry.place == NIL {
                return None;
            }
            if entry.user_ref == user_ref && entry.session == session {
                return Some(at & mask);
            }
            at += 1;
        }
    }

    /// Asks for the memory that a look for this key begins at.
    #[inline]
    pub fn prefetch(&self, session: u32, user_ref: u64) {
        let mask = self.entries.len() - 1;
        records::prefetch(&self.entries[self.home(session, user_ref) & mask]);
    }

    /// The place of a key.
    #[inline]
    pub fn get(&self, session: u32, user_ref: u64) -> Option<u32> {
        self.find(session, user_ref).map(|at| self.entries[at].place)
    }

    /// Adds a key that is not there.
    #[inline]
    pub fn insert(&mut self, session: u32, user_ref: u64, place: u32) {
        let mask = self.entries.len() - 1;
        let mut at = self.home(session, user_ref) & mask;
        while self.entries[at].place != NIL {
            at = (at + 1) & mask;
        }
        self.entries[at] = Entry { user_ref, session, place };
    }

    /// Takes a key away.
    ///
    /// # Panics
    /// When it is not there: the books and the map would disagree.
    #[inline]
    pub fn remove(&mut self, session: u32, user_ref: u64) {
        let mask = self.entries.len() - 1;
        let mut hole = self.find(session, user_ref).expect("a live order is in the map");
        let mut at = (hole + 1) & mask;
        while self.entries[at].place != NIL {
            let entry = self.entries[at];
            let home = self.home(entry.session, entry.user_ref) & mask;
            // The entry may fill the hole when its home does not lie between the hole and itself.
            if (at.wrapping_sub(home) & mask) >= (at.wrapping_sub(hole) & mask) {
                self.entries[hole] = entry;
                hole = at;
            }
            at = (at + 1) & mask;
        }
        self.entries[hole] = EMPTY;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn the_map_agrees_with_a_plain_one() {
        let mut ids = Ids::with_capacity(64);
        let mut plain = BTreeMap::new();
        let mut state = 7u64;
        for step in 0..20_000u32 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let key = ((state >> 33) as u32 % 3, (state >> 40) % 60);
            if plain.contains_key(&key) {
                ids.remove(key.0, key.1);
                plain.remove(&key);
            } else if plain.len() < 64 {
                ids.insert(key.0, key.1, step);
                plain.insert(key, step);
            }
            let probe = ((state >> 20) as u32 % 3, (state >> 50) % 60);
            assert_eq!(ids.get(probe.0, probe.1), plain.get(&probe).copied());
        }
    }
}
