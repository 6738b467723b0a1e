//! The book of one instrument, for readers and tests that have no need of a whole venue.
//!
//! Invariant: it is a venue with one book; nothing is kept or decided twice.

use records::{Hash64, Level, MarketOrder, Side};

use crate::anomaly::{Anomalies, Change};
use crate::books::{Capacity, RestingOrder, VenueBooks};

/// An order-by-order book; the instrument named in a record's header is not looked at.
pub struct OrderBook {
    books: VenueBooks,
}

impl OrderBook {
    /// A book with room for so many orders, at as many prices.
    pub fn with_capacity(orders: usize) -> Self {
        Self { books: VenueBooks::new(Capacity { instruments: 0, orders, levels_per_side: orders }) }
    }

    /// Applies one record.
    #[inline]
    pub fn apply(&mut self, record: &MarketOrder) -> Change {
        self.books.apply_to(0, record)
    }

    /// The best level of a side.
    pub fn best(&self, side: Side) -> Option<Level> {
        self.books.best(0, side)
    }

    /// Writes the best levels of a side, best first; says how many there were.
    pub fn fill_levels(&self, side: Side, out: &mut [Level]) -> usize {
        self.books.fill_levels(0, side, out)
    }

    /// How many price levels a side has.
    pub fn level_count(&self, side: Side) -> usize {
        self.books.level_count(0, side)
    }

    /// The level at a price.
    pub fn level_at(&self, side: Side, price_nanos: i64) -> Option<Level> {
        self.books.level_at(0, side, price_nanos)
    }

    /// A resting order.
    pub fn order(&self, order_ref: u64) -> Option<RestingOrder> {
        self.books.order(order_ref)
    }

    /// Lots that trade before this order at its own price.
    pub fn lots_ahead(&self, order_ref: u64) -> Option<i64> {
        self.books.lots_ahead(order_ref)
    }

    /// Visits the orders of a side in the order in which they would trade, until the visitor returns false.
    pub fn visit(&self, side: Side, visitor: impl FnMut(RestingOrder) -> bool) {
        self.books.visit(0, side, visitor);
    }

    /// Resting orders.
    pub fn live_orders(&self) -> usize {
        self.books.live_orders()
    }

    /// Whether an anomaly was seen since the book was last cleared.
    pub fn is_suspect(&self) -> bool {
        self.books.is_suspect(0)
    }

    /// Anomalies since the start.
    pub fn anomalies(&self) -> &Anomalies {
        self.books.anomalies()
    }

    /// Empties the book.
    pub fn clear(&mut self) {
        self.books.clear(0);
    }

    /// Adds the whole state to a hash; see [`VenueBooks::hash`].
    #[allow(clippy::should_implement_trait)] // It hashes state for replay, not a key for a table.
    pub fn hash(&self, hash: &mut Hash64) {
        self.books.hash(0, hash);
    }
}
