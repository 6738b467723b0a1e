//! Applying the records of a packet together: while one record is worked on, the memory of the next is on its way.
//!
//! Invariant: the result is the same as applying the records one by one; prefetching only reads. Nothing here asks what a
//! record's action is: actions alternate, and a guess gone wrong costs more than a line fetched in vain.

use records::MarketOrder;

use crate::anomaly::Change;
use crate::books::VenueBooks;
use crate::map::Mixed;

/// Records worked on together: the messages of a full packet. Fewer wait longer for memory.
const GROUP: usize = 48;

impl VenueBooks {
    /// Applies records in order, as [`VenueBooks::apply`] does, fetching ahead; `visitor` sees each with what it did.
    #[inline]
    pub fn apply_batch(&mut self, records: &[MarketOrder], mut visitor: impl FnMut(&MarketOrder, Change)) {
        let mut guesses = [(0_u32, 0_u32); GROUP];
        for group in records.chunks(GROUP) {
            group.iter().for_each(|record| self.fetch_entries(record));
            for (record, guess) in group.iter().zip(&mut guesses) {
                *guess = self.fetch_nodes(record);
            }
            guesses[..group.len()].iter().for_each(|&guess| self.fetch_neighbours(guess));
            for record in group {
                visitor(record, self.apply(record));
            }
        }
    }

    /// For a record that will be applied on its own, soon: asks for what [`VenueBooks::prefetch_found`] and then
    /// [`VenueBooks::apply`] look at first.
    #[inline]
    pub fn prefetch(&self, record: &MarketOrder) {
        self.fetch_entries(record);
    }

    /// The second step, some work later: asks for the order and the level that the record names.
    #[inline]
    pub fn prefetch_found(&self, record: &MarketOrder) {
        self.fetch_nodes(record);
    }

    /// First: the maps' lines of the references and the price, and the heads of the book's sides.
    #[inline(always)]
    fn fetch_entries(&self, record: &MarketOrder) {
        self.map.prefetch(Mixed::order(record.order_ref));
        self.map.prefetch(Mixed::order(record.new_order_ref));
        self.prices.prefetch(Mixed::level(record.header.instrument, record.price_nanos));
        self.sides.prefetch((record.header.instrument as usize) << 1);
    }

    /// Second: the order and the level at the record's price, where there are such. Absent ones give the first node.
    #[inline(always)]
    fn fetch_nodes(&self, record: &MarketOrder) -> (u32, u32) {
        let order = self.map.guess(Mixed::order(record.order_ref));
        let level = self.prices.guess(Mixed::level(record.header.instrument, record.price_nanos));
        self.nodes.items.prefetch(order as usize);
        self.nodes.items.prefetch(level as usize);
        (order, level)
    }

    /// Third: the order's level and its neighbours in the queue; the end of the queue that a new order joins.
    #[inline(always)]
    fn fetch_neighbours(&self, (order, level): (u32, u32)) {
        let order = &self.nodes.items[order as usize];
        self.nodes.items.prefetch(order.owner as usize);
        self.nodes.items.prefetch(order.next as usize);
        self.nodes.items.prefetch(order.previous as usize);
        self.nodes.items.prefetch(self.nodes.items[level as usize].previous as usize);
    }
}
