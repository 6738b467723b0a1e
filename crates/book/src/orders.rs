//! The pools that a venue's books share: resting orders and price levels, each in a fixed array with a free list.
//!
//! Invariant: orders of a level form a doubly linked queue in time priority, first to trade at the head; a level's lots
//! and count are the sums over its queue; a level with no order is free.

use records::{Element, Plain};

use crate::memory::FixedArray;

/// No order, no level.
pub(crate) const NIL: u32 = u32::MAX;

/// A resting order. 32 bytes: two a cache line.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Order {
    pub(crate) order_ref: u64,
    pub(crate) lots: i64,
    pub(crate) level: u32,
    pub(crate) next: u32,
    pub(crate) previous: u32,
    pub(crate) flags: u32,
}

/// A price level. 32 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LevelNode {
    pub(crate) price_nanos: i64,
    pub(crate) lots: i64,
    pub(crate) head: u32,
    pub(crate) tail: u32,
    pub(crate) orders: u32,
    /// Book index times two, plus the side's index.
    pub(crate) side: u32,
}

// SAFETY: repr(C), numbers only, 8+8+4*4 bytes without padding.
unsafe impl Plain for Order {
    const ELEMENT: Element = Element::Array(&Element::Scalar("u8"), 4);
}
// SAFETY: repr(C), numbers only, 8+8+4*4 bytes without padding.
unsafe impl Plain for LevelNode {
    const ELEMENT: Element = Element::Array(&Element::Scalar("u8"), 4);
}
const _: () = assert!(size_of::<Order>() == 32 && size_of::<LevelNode>() == 32);

/// A fixed array with a free list through one of the element's own fields.
pub(crate) struct Pool<T: Plain> {
    pub(crate) items: FixedArray<T>,
    /// Head of the list of freed elements.
    free: u32,
    /// Elements from here on were never used; their pages need not exist yet.
    unused: u32,
}

/// Where an element keeps the link of the free list.
pub(crate) trait Linked {
    /// The link.
    fn link(&mut self) -> &mut u32;
}

impl Linked for Order {
    #[inline(always)]
    fn link(&mut self) -> &mut u32 {
        &mut self.next
    }
}

impl Linked for LevelNode {
    #[inline(always)]
    fn link(&mut self) -> &mut u32 {
        &mut self.head
    }
}

impl<T: Plain + Linked> Pool<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        assert!(capacity < NIL as usize, "a pool holds fewer than 2^32 - 1 elements");
        Self { items: FixedArray::zeroed(capacity), free: NIL, unused: 0 }
    }

    /// Takes an element, or `None` when all are taken.
    #[inline(always)]
    pub(crate) fn take(&mut self) -> Option<u32> {
        if self.free != NIL {
            let index = self.free;
            self.free = *self.items[index as usize].link();
            return Some(index);
        }
        if (self.unused as usize) < self.items.len() {
            self.unused += 1;
            return Some(self.unused - 1);
        }
        None
    }

    /// Gives an element back.
    #[inline(always)]
    pub(crate) fn give(&mut self, index: u32) {
        *self.items[index as usize].link() = self.free;
        self.free = index;
    }

    /// Whether another can be taken.
    #[inline(always)]
    pub(crate) fn has_room(&self) -> bool {
        self.free != NIL || (self.unused as usize) < self.items.len()
    }
}
