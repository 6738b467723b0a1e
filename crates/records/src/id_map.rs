//! A map from 64-bit ids to small values in memory taken once: what the hot path keeps orders by.
//!
//! Invariant: never more than half full, so that a probe is short; removal shifts back, so that no tombstones gather.

/// Id → value. The id 0 is "absent" and is never stored.
#[derive(Clone, Debug)]
pub struct IdMap<V> {
    slots: Box<[(u64, V)]>,
    shift: u32,
    len: usize,
}

impl<V: Copy + Default> IdMap<V> {
    /// Room for `capacity` ids.
    pub fn with_capacity(capacity: usize) -> Self {
        let slots = (capacity.max(8) * 2).next_power_of_two();
        Self { slots: vec![(0, V::default()); slots].into_boxed_slice(), shift: 64 - slots.trailing_zeros(), len: 0 }
    }

    /// Writes to its pages, so that none is met for the first time on the hot path. After making it, before use.
    pub fn touch_memory(&mut self) {
        const PAGE_BYTES: usize = 4_096;
        for place in (0..self.slots.len()).step_by((PAGE_BYTES / size_of::<(u64, V)>()).max(1)) {
            let slot = self.slots[place];
            // Opaque, so that the write is not left out for changing nothing.
            self.slots[place] = std::hint::black_box(slot);
        }
    }

    /// Ids held.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no id is held.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether one more id fits.
    pub fn has_room(&self) -> bool {
        self.len < self.slots.len() / 2
    }

    /// Ids and values, in no order that may reach an output.
    pub fn iter(&self) -> impl Iterator<Item = (u64, V)> + '_ {
        self.slots.iter().copied().filter(|(id, _)| *id != 0)
    }

    /// The value of `id`.
    #[inline]
    pub fn get(&self, id: u64) -> Option<V> {
        let at = self.find(id);
        (self.slots[at].0 == id && id != 0).then(|| self.slots[at].1)
    }

    /// Sets the value of `id`; `false` when there is no room, or for the id 0.
    #[inline]
    pub fn insert(&mut self, id: u64, value: V) -> bool {
        if id == 0 {
            return false;
        }
        let at = self.find(id);
        if self.slots[at].0 == 0 {
            if !self.has_room() {
                return false;
            }
            self.len += 1;
        }
        self.slots[at] = (id, value);
        true
    }

    /// Takes `id` out.
    #[inline]
    pub fn remove(&mut self, id: u64) -> Option<V> {
        let mut hole = self.find(id);
        if id == 0 || self.slots[hole].0 != id {
            return None;
        }
        let value = self.slots[hole].1;
        let mask = self.slots.len() - 1;
        let mut at = hole;
        loop {
            at = (at + 1) & mask;
            let other = self.slots[at].0;
            if other == 0 {
                break;
            }
            // Moves back only if its home does not lie behind the hole.
            if (at.wrapping_sub(self.home(other)) & mask) >= (at.wrapping_sub(hole) & mask) {
                self.slots[hole] = self.slots[at];
                hole = at;
            }
        }
        self.slots[hole] = (0, V::default());
        self.len -= 1;
        Some(value)
    }

    /// Forgets everything; memory is kept.
    pub fn clear(&mut self) {
        self.slots.fill((0, V::default()));
        self.len = 0;
    }

    #[inline]
    fn home(&self, id: u64) -> usize {
        (id.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize
    }

    /// Where `id` is, or the free slot where it belongs.
    #[inline]
    fn find(&self, id: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = self.home(id);
        while self.slots[at].0 != id && self.slots[at].0 != 0 {
            at = (at + 1) & mask;
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn it_agrees_with_a_plain_map_on_random_commands() {
        for seed in 1..20_u64 {
            let (mut map, mut oracle) = (IdMap::<u32>::with_capacity(64), BTreeMap::new());
            let mut random = seed;
            for step in 0..20_000_u32 {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let id = (random >> 40) % 100;
                if random >> 63 == 0 {
                    let fits = id != 0 && (oracle.contains_key(&id) || map.has_room());
                    assert_eq!(map.insert(id, step), fits);
                    if fits {
                        oracle.insert(id, step);
                    }
                } else {
                    assert_eq!(map.remove(id), oracle.remove(&id));
                }
                assert_eq!((map.len(), map.get(id)), (oracle.len(), oracle.get(&id).copied()));
            }
            let mut held: Vec<_> = map.iter().collect();
            held.sort_unstable();
            assert_eq!(held, oracle.into_iter().collect::<Vec<_>>(), "seed {seed}");
        }
    }
}
