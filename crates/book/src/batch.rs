//! Applying the records of a packet together: while one record is worked on, the memory of the next is on its way.
//!
//! A record is pushed as soon as it is decoded. Each push asks for what the record itself names, then for what the answer
//! to an earlier record's question names, so that the fetching overlaps with the decoding of the packet.
//!
//! Invariant: the result is the same as applying the records one by one; prefetching only reads. Nothing here asks what a
//! record's action is: actions alternate, and a guess gone wrong costs more than a line fetched in vain.

use records::MarketOrder;

use crate::anomaly::Change;
use crate::books::VenueBooks;
use crate::map::Mixed;

/// Records worked on together: the messages of a full packet. Fewer wait longer for memory.
const GROUP: usize = 48;
/// By how many records a step of fetching stays behind the step before, whose answer it needs.
const BEHIND: usize = 12;

/// The records of a packet, in order, on their way to the books.
pub struct Batch {
    records: [MarketOrder; GROUP],
    /// What the second step found: an order and a level.
    guesses: [(u32, u32); GROUP],
    count: usize,
}

impl Default for Batch {
    fn default() -> Self {
        Self { records: [MarketOrder::new(); GROUP], guesses: [(0, 0); GROUP], count: 0 }
    }
}

impl Batch {
    /// Whether it must be applied before another record is pushed.
    #[inline(always)]
    pub fn is_full(&self) -> bool {
        self.count == GROUP
    }

    /// Adds a record and asks for memory.
    ///
    /// # Panics
    /// When it is full.
    #[inline(always)]
    pub fn push(&mut self, books: &VenueBooks, record: &MarketOrder) {
        let at = self.count;
        self.records[at] = *record;
        self.count += 1;
        books.fetch_entries(record);
        if at >= BEHIND {
            self.guesses[at - BEHIND] = books.fetch_nodes(&self.records[at - BEHIND]);
        }
        if at >= 2 * BEHIND {
            books.fetch_neighbours(self.guesses[at - 2 * BEHIND]);
        }
    }

    /// Applies what was pushed, as [`VenueBooks::apply`] does, and is empty then; `visitor` sees each with what it did.
    #[inline]
    pub fn apply(&mut self, books: &mut VenueBooks, mut visitor: impl FnMut(&MarketOrder, Change)) {
        let count = self.count;
        for at in count.saturating_sub(BEHIND)..count {
            self.guesses[at] = books.fetch_nodes(&self.records[at]);
        }
        for guess in &self.guesses[count.saturating_sub(2 * BEHIND)..count] {
            books.fetch_neighbours(*guess);
        }
        self.count = 0;
        for record in &self.records[..count] {
            visitor(record, books.apply(record));
        }
    }
}

impl VenueBooks {
    /// Applies records in order, as [`VenueBooks::apply`] does, fetching ahead; `visitor` sees each with what it did.
    #[inline]
    pub fn apply_batch(&mut self, records: &[MarketOrder], mut visitor: impl FnMut(&MarketOrder, Change)) {
        let mut batch = Batch::default();
        for group in records.chunks(GROUP) {
            group.iter().for_each(|record| batch.push(self, record));
            batch.apply(self, &mut visitor);
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
