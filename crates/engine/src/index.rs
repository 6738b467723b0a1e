//! A hash index of fixed size: finds the place of an entry that lies elsewhere.
//!
//! Invariant: equal operations give equal layouts (no seed), nothing is allocated after it is made, and at most half of it
//! is used, so that a probe is short.

const FREE: u32 = u32::MAX;

/// Spreads a key's bits.
#[inline]
pub(crate) const fn spread(key: u64) -> u64 {
    let product = (key ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xd6e8_feb8_6659_fd93);
    product ^ (product >> 32)
}

/// Places by hash; keys are compared where the entries lie.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    places: Box<[u32]>,
    mask: usize,
    used: usize,
    used_max: usize,
}

impl Index {
    /// Room for `entries`.
    pub fn new(entries: usize) -> Self {
        let size = (entries.max(4) * 2).next_power_of_two();
        Self { places: vec![FREE; size].into_boxed_slice(), mask: size - 1, used: 0, used_max: entries.max(4) }
    }

    /// The place whose entry `is` the one sought.
    #[inline]
    pub fn find(&self, hash: u64, is: impl Fn(u32) -> bool) -> Option<u32> {
        let mut at = hash as usize & self.mask;
        loop {
            let place = self.places[at];
            if place == FREE {
                return None;
            }
            if is(place) {
                return Some(place);
            }
            at = (at + 1) & self.mask;
        }
    }

    /// Adds a place.
    ///
    /// # Panics
    /// When there is no room: the owner counts its entries.
    #[inline]
    pub fn insert(&mut self, hash: u64, place: u32) {
        assert!(self.used < self.used_max, "an index holds no more than it was made for");
        let mut at = hash as usize & self.mask;
        while self.places[at] != FREE {
            at = (at + 1) & self.mask;
        }
        self.places[at] = place;
        self.used += 1;
    }

    /// Takes the place out for which `is` holds among those of this hash; `hash_of` gives the hash of any place's entry.
    pub fn remove(&mut self, hash: u64, is: impl Fn(u32) -> bool, hash_of: impl Fn(u32) -> u64) -> bool {
        let mut at = hash as usize & self.mask;
        loop {
            let place = self.places[at];
            if place == FREE {
                return false;
            }
            if is(place) {
                break;
            }
            at = (at + 1) & self.mask;
        }
        // Those behind it move up, so that no probe ends early.
        let mut hole = at;
        loop {
            at = (at + 1) & self.mask;
            let place = self.places[at];
            if place == FREE {
                break;
            }
            let home = hash_of(place) as usize & self.mask;
            let from_home = at.wrapping_sub(home) & self.mask;
            let from_hole = at.wrapping_sub(hole) & self.mask;
            if from_home >= from_hole {
                self.places[hole] = place;
                hole = at;
            }
        }
        self.places[hole] = FREE;
        self.used -= 1;
        true
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.places.fill(FREE);
        self.used = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn it_agrees_with_a_set_under_random_inserts_and_removes() {
        let keys: Vec<u64> = (0..64).map(|index| index * 4096).collect();
        let hash_of = |place: u32| spread(keys[place as usize]) & 15; // Few homes: long probes.
        let mut index = Index::new(64);
        let mut twin = BTreeSet::new();
        let mut random = 1_u64;
        for _ in 0..20_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let place = (random >> 33) as u32 % 64;
            if twin.contains(&place) {
                assert!(index.remove(hash_of(place), |other| other == place, hash_of));
                twin.remove(&place);
            } else {
                index.insert(hash_of(place), place);
                twin.insert(place);
            }
            let probe = (random >> 40) as u32 % 64;
            assert_eq!(index.find(hash_of(probe), |other| other == probe).is_some(), twin.contains(&probe));
            assert_eq!(index.used, twin.len());
        }
    }
}
