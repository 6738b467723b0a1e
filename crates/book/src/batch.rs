//! Applying the records of a packet together: while one record is worked on, the memory of the next is on its way.
//!
//! Invariant: the result is the same as applying the records one by one; prefetching only reads.

use records::{BookAction, MarketOrder, Side};

use crate::anomaly::Change;
use crate::books::VenueBooks;
use crate::orders::NIL;
use crate::sides::key_at;

/// Records worked on together: enough to keep the memory busy, few enough that what was fetched is still there.
const GROUP: usize = 24;

impl VenueBooks {
    /// Applies records in order, as [`VenueBooks::apply`] does, fetching ahead; `visitor` sees each with what it did.
    #[inline]
    pub fn apply_batch(&mut self, records: &[MarketOrder], mut visitor: impl FnMut(&MarketOrder, Change)) {
        for group in records.chunks(GROUP) {
            group.iter().for_each(|record| self.fetch_entry(record));
            group.iter().for_each(|record| self.fetch_order(record));
            group.iter().for_each(|record| self.fetch_neighbours(record));
            for record in group {
                visitor(record, self.apply(record));
            }
        }
    }

    /// First: the map's lines, and the prices that an add searches.
    #[inline(always)]
    fn fetch_entry(&self, record: &MarketOrder) {
        self.map.prefetch(record.order_ref);
        if record.action == BookAction::Replace as u8 {
            self.map.prefetch(record.new_order_ref);
        }
        if let Some(side) = added_side(record) {
            self.sides.prefetch(side);
        }
    }

    /// Second: the order, and the level that an add joins.
    #[inline(always)]
    fn fetch_order(&self, record: &MarketOrder) {
        if record.action == BookAction::Add as u8 {
            if let Some(level) = self.joined_level(record) {
                self.levels.items.prefetch(level as usize);
            }
        } else if let Some(index) = self.map.guess(record.order_ref) {
            self.orders.items.prefetch(index as usize);
        }
    }

    /// Third: the order's neighbours in its queue and its level; for an add the queue's end.
    #[inline(always)]
    fn fetch_neighbours(&self, record: &MarketOrder) {
        if record.action == BookAction::Add as u8 {
            if let Some(level) = self.joined_level(record) {
                let tail = self.levels.items[level as usize].tail;
                if tail != NIL {
                    self.orders.items.prefetch(tail as usize);
                }
            }
        } else if let Some(index) = self.map.guess(record.order_ref) {
            let order = &self.orders.items[index as usize];
            self.levels.items.prefetch(order.level as usize);
            if order.next != NIL {
                self.orders.items.prefetch(order.next as usize);
            }
            if order.previous != NIL {
                self.orders.items.prefetch(order.previous as usize);
            }
        }
    }

    #[inline(always)]
    fn joined_level(&self, record: &MarketOrder) -> Option<u32> {
        let side = added_side(record)?;
        if side as usize >= self.sides.count() {
            return None;
        }
        self.sides.find(side, key_at(side, record.price_nanos)).ok()
    }
}

#[inline(always)]
fn added_side(record: &MarketOrder) -> Option<u32> {
    if record.action != BookAction::Add as u8 {
        return None;
    }
    let side = Side::from_code(record.side)?;
    record.header.instrument.checked_mul(2)?.checked_add(side.index() as u32)
}
