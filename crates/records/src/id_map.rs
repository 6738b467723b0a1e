//! A map from 64-bit ids to small values in memory taken once: what the hot path keeps orders by.
//!
//! Ids of orders count up, so neighbours in number are neighbours in memory: the lines of the latest ids stay in the cache,
//! and the next id's is on its way before the id exists.
//!
//! Invariant: never more than half full, so that a probe is short; removal shifts back, so that no tombstones gather.

/// Ids in a row that share a stretch of memory, where each begins at its own turn: ids that differ by a multiple of this do
/// not meet.
const STRETCH: u64 = 16;

/// Id → value. The id 0 is "absent" and is never stored.
#[derive(Clone, Debug)]
pub struct IdMap<V> {
    slots: Box<[(u64, V)]>,
    /// Leaves the number of a stretch of a hash's upper bits.
    shift: u32,
    len: usize,
}

impl<V: Copy + Default> IdMap<V> {
    /// Room for `capacity` ids.
    pub fn with_capacity(capacity: usize) -> Self {
        let slots = (capacity.max(STRETCH as usize) * 2).next_power_of_two();
        let shift = 64 - slots.trailing_zeros() + STRETCH.trailing_zeros();
        Self { slots: vec![(0, V::default()); slots].into_boxed_slice(), shift, len: 0 }
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
        self.prefetch(id.wrapping_add(1));
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
        if self.is_empty() {
            return;
        }
        self.slots.fill((0, V::default()));
        self.len = 0;
    }

    /// Where an id belongs: its stretch by hash, its place there by its own low bits, turned by the hash.
    #[inline]
    fn home(&self, id: u64) -> usize {
        let hash = (id / STRETCH).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((hash >> self.shift) * STRETCH + id.wrapping_add(hash >> 16) % STRETCH) as usize
    }

    /// Asks for the line of an id that will be looked for.
    #[inline]
    pub fn prefetch(&self, id: u64) {
        crate::prefetch(&raw const self.slots[self.home(id)]);
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

    #[test]
    fn probes_are_short_whatever_the_ids_have_in_common() {
        for (stride, below) in [(1, 20), (16, 6), (1 << 20, 6), (1 << 32, 6), ((1 << 44) + 1, 6)] {
            let mut map = IdMap::<u32>::with_capacity(4_096);
            let ids = (1..=4_096_u64).map(|index| index.wrapping_mul(stride));
            ids.clone().for_each(|id| assert!(map.insert(id, 1)));
            let mask = map.slots.len() - 1;
            let probes: usize = ids.map(|id| (map.find(id).wrapping_sub(map.home(id)) & mask) + 1).sum();
            assert!(probes / 4_096 < below, "stride {stride}: {}", probes / 4_096);
        }
    }

    #[test]
    fn ids_in_a_row_lie_together() {
        let map = IdMap::<u32>::with_capacity(4_096);
        let first = 1 << 40;
        let homes: std::collections::BTreeSet<_> = (first..first + STRETCH).map(|id| map.home(id)).collect();
        assert_eq!(homes.len(), STRETCH as usize);
        assert_eq!(homes.last().unwrap() - homes.first().unwrap(), STRETCH as usize - 1);
    }
}
