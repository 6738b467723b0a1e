//! From a venue's order reference to the place of the order: open addressing, eight bytes an entry.
//!
//! Invariant: an entry lies at its home slot or after it with no empty slot between (removal shifts back instead of
//! leaving marks), so a search ends at the first empty slot; at most half of the slots are ever full.

use crate::memory::FixedArray;
use crate::orders::Order;

/// Where a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Search {
    /// The entry's slot and the order's index.
    Found(usize, u32),
    /// The slot where the reference would go.
    Vacant(usize),
}

/// Entries are `hash << 32 | (index + 1)`; 0 is empty. The home slot is the hash's upper bits, so removal needs no order.
pub(crate) struct OrderMap {
    entries: FixedArray<u64>,
    mask: usize,
    shift: u32,
}

/// Mixes all 64 bits of a reference into 32: venues number orders densely, in strides, or at random.
#[inline(always)]
fn hash(order_ref: u64) -> u32 {
    let folded = (order_ref ^ (order_ref >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (folded >> 32) as u32
}

impl OrderMap {
    /// Room for `orders` entries at a load of at most one half.
    pub(crate) fn new(orders: usize) -> Self {
        let slots = (orders * 2).next_power_of_two().max(16);
        assert!(slots <= 1 << 32, "a venue's map holds at most 2^31 orders");
        Self { entries: FixedArray::zeroed(slots), mask: slots - 1, shift: 32 - slots.trailing_zeros() }
    }

    #[inline(always)]
    fn home(&self, hash: u32) -> usize {
        // A shift by 32 does not occur: there are at least 16 slots.
        (hash >> self.shift) as usize
    }

    /// Asks for the line that a search starts at.
    #[inline(always)]
    pub(crate) fn prefetch(&self, order_ref: u64) {
        self.entries.prefetch(self.home(hash(order_ref)));
    }

    /// The first order whose hash agrees: almost always the one meant. Touches no order.
    #[inline(always)]
    pub(crate) fn guess(&self, order_ref: u64) -> Option<u32> {
        let hash = hash(order_ref);
        let mut slot = self.home(hash);
        loop {
            let entry = self.entries[slot];
            if entry == 0 {
                return None;
            }
            if (entry >> 32) as u32 == hash {
                return Some(entry as u32 - 1);
            }
            slot = (slot + 1) & self.mask;
        }
    }

    /// Looks a reference up.
    #[inline(always)]
    pub(crate) fn search(&self, order_ref: u64, orders: &[Order]) -> Search {
        let hash = hash(order_ref);
        let mut slot = self.home(hash);
        loop {
            let entry = self.entries[slot];
            if entry == 0 {
                return Search::Vacant(slot);
            }
            let index = (entry as u32).wrapping_sub(1);
            if (entry >> 32) as u32 == hash && orders[index as usize].order_ref == order_ref {
                return Search::Found(slot, index);
            }
            slot = (slot + 1) & self.mask;
        }
    }

    /// Fills the vacant slot that a search of `order_ref` ended at.
    #[inline(always)]
    pub(crate) fn insert(&mut self, slot: usize, order_ref: u64, index: u32) {
        debug_assert_eq!(self.entries[slot], 0);
        self.entries[slot] = (u64::from(hash(order_ref)) << 32) | u64::from(index + 1);
    }

    /// Empties a slot and closes the gap.
    #[inline(always)]
    pub(crate) fn remove(&mut self, slot: usize) {
        let mut hole = slot;
        let mut next = slot;
        loop {
            next = (next + 1) & self.mask;
            let entry = self.entries[next];
            if entry == 0 {
                break;
            }
            let home = self.home((entry >> 32) as u32);
            let distance_home = next.wrapping_sub(home) & self.mask;
            let distance_hole = next.wrapping_sub(hole) & self.mask;
            if distance_home >= distance_hole {
                self.entries[hole] = entry;
                hole = next;
            }
        }
        self.entries[hole] = 0;
    }

    /// Writes to every page.
    pub(crate) fn touch(&mut self) {
        self.entries.touch();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn the_map_agrees_with_a_hash_map_on_crowded_keys() {
        let mut orders = vec![Order::default(); 64];
        let mut map = OrderMap::new(64);
        let mut twin: HashMap<u64, u32> = HashMap::new();
        let mut free: Vec<u32> = (0..64).collect();
        let mut state = 1_u64;
        for _ in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let order_ref = (state >> 40) % 96;
            match (map.search(order_ref, &orders), twin.get(&order_ref)) {
                (Search::Found(slot, index), Some(&expected)) => {
                    assert_eq!(index, expected);
                    map.remove(slot);
                    twin.remove(&order_ref);
                    free.push(index);
                }
                (Search::Vacant(slot), None) => {
                    if let Some(index) = free.pop() {
                        orders[index as usize].order_ref = order_ref;
                        map.insert(slot, order_ref, index);
                        twin.insert(order_ref, index);
                    }
                }
                other => panic!("{order_ref}: {other:?}"),
            }
        }
        assert!(twin.len() > 16);
    }
}
