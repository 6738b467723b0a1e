//! The nodes that a venue's books share: price levels and resting orders in one fixed array, with two free lists.
//!
//! Invariant: a level and its orders form one ring: the level's `next` is the first to trade, its `previous` the last, and
//! following `next` from any of them comes back to the level. So no link is ever absent, and joining or leaving a queue
//! asks no question. A level's lots and count are the sums over its ring; a level with no order is free.

use records::{Element, Plain};

use crate::memory::FixedArray;

/// In an order's `extra`: it is no order, but the lots that a venue tells of for the whole price ([`crate::levels`]).
pub(crate) const SUM: u32 = 1 << 31;
/// The end of a free list.
const NIL: u32 = u32::MAX;

/// A level or an order; 32 bytes, two a cache line.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Node {
    /// An order's reference; a level's price in nanos, bit for bit.
    pub(crate) key: u64,
    pub(crate) lots: i64,
    /// An order's level; a level's side: book index times two, plus the side's index.
    pub(crate) owner: u32,
    pub(crate) next: u32,
    pub(crate) previous: u32,
    /// An order's flags, or [`SUM`]; how many orders a level has.
    pub(crate) extra: u32,
}

// SAFETY: repr(C), numbers only, 8+8+4*4 bytes without padding.
unsafe impl Plain for Node {
    const ELEMENT: Element = Element::Array(&Element::Scalar("u8"), 4);
}
const _: () = assert!(size_of::<Node>() == 32);

impl Node {
    /// A level's price.
    #[inline(always)]
    pub(crate) const fn price_nanos(&self) -> i64 {
        self.key.cast_signed()
    }
}

/// Places of the array that are taken and given back, linked through `next`.
#[derive(Clone, Copy, Debug)]
struct Free {
    first: u32,
    /// Places from here on were never used; their pages need not exist yet.
    unused: u32,
    end: u32,
}

impl Free {
    #[inline(always)]
    fn take(&mut self, items: &[Node]) -> Option<u32> {
        if self.first != NIL {
            let place = self.first;
            self.first = items[place as usize].next;
            return Some(place);
        }
        if self.unused < self.end {
            self.unused += 1;
            return Some(self.unused - 1);
        }
        None
    }

    #[inline(always)]
    fn give(&mut self, place: u32, items: &mut [Node]) {
        items[place as usize].next = self.first;
        self.first = place;
    }
}

/// All nodes: levels first, then orders.
pub(crate) struct Nodes {
    pub(crate) items: FixedArray<Node>,
    levels: Free,
    orders: Free,
}

impl Nodes {
    pub(crate) fn new(levels: usize, orders: usize) -> Self {
        assert!(levels + orders < NIL as usize, "levels and orders together are fewer than 2^32 - 1");
        let (middle, end) = (levels as u32, (levels + orders) as u32);
        Self {
            items: FixedArray::zeroed(levels + orders),
            levels: Free { first: NIL, unused: 0, end: middle },
            orders: Free { first: NIL, unused: middle, end },
        }
    }

    /// Whether another order can be taken.
    #[inline(always)]
    pub(crate) fn has_room(&self) -> bool {
        self.orders.first != NIL || self.orders.unused < self.orders.end
    }

    /// A place for an order, or `None` when all are taken.
    #[inline(always)]
    pub(crate) fn take_order(&mut self) -> Option<u32> {
        self.orders.take(&self.items)
    }

    /// Takes an order's place back.
    #[inline(always)]
    pub(crate) fn give_order(&mut self, place: u32) {
        self.orders.give(place, &mut self.items);
    }

    /// A level without orders, or `None` when all are taken.
    #[inline(always)]
    pub(crate) fn take_level(&mut self, side: u32, price_nanos: i64) -> Option<u32> {
        let level = self.levels.take(&self.items)?;
        let key = price_nanos.cast_unsigned();
        self.items[level as usize] = Node { key, lots: 0, owner: side, next: level, previous: level, extra: 0 };
        Some(level)
    }

    /// Takes a level's place back.
    #[inline(always)]
    pub(crate) fn give_level(&mut self, level: u32) {
        self.levels.give(level, &mut self.items);
    }

    /// Links an order to the end of a level's queue.
    #[inline(always)]
    pub(crate) fn append(&mut self, place: u32, level: u32, lots: i64) {
        let node = &mut self.items[level as usize];
        let last = node.previous;
        node.previous = place;
        node.extra += 1;
        node.lots += lots;
        self.items[last as usize].next = place;
        let order = &mut self.items[place as usize];
        order.owner = level;
        order.lots = lots;
        order.previous = last;
        order.next = level;
    }

    /// Links what a venue tells of a whole price to the front of a level's queue.
    #[inline(always)]
    pub(crate) fn prepend(&mut self, place: u32, level: u32, lots: i64) {
        let node = &mut self.items[level as usize];
        let first = node.next;
        node.next = place;
        node.extra += 1;
        node.lots += lots;
        self.items[first as usize].previous = place;
        self.items[place as usize] = Node { key: 0, lots, owner: level, next: first, previous: level, extra: SUM };
    }

    /// Unlinks an order from its level; says how many orders are left there.
    #[inline(always)]
    pub(crate) fn unlink(&mut self, place: u32, level: u32) -> u32 {
        let Node { lots, next, previous, .. } = self.items[place as usize];
        self.items[previous as usize].next = next;
        self.items[next as usize].previous = previous;
        let node = &mut self.items[level as usize];
        node.extra -= 1;
        node.lots -= lots;
        node.extra
    }
}
