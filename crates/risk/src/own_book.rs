//! Our own resting orders by instrument, over all strategies and venues: would an order cross one of them (25)?
//!
//! Invariant: the best prices kept here are never worse than the best that is alive, so that "does not cross" is certain.
//! They may be better, since the end of an order leaves them as they are; whoever hears "may cross" looks at the orders
//! themselves and then sets the exact price.

use records::{Side, UNDEF_PRICE, prefetch};

const NO_BID: i64 = i64::MIN;
const NO_ASK: i64 = i64::MAX;

#[derive(Clone, Copy, Debug)]
struct Cell {
    /// Bid and ask.
    best_nanos: [i64; 2],
    orders: [u32; 2],
}

records::state_value!(Cell { best_nanos, orders });

#[derive(Debug)]
pub(crate) struct OwnBook {
    cells: Box<[Cell]>,
}

records::state!(OwnBook { cells });

impl OwnBook {
    pub fn new(instruments_max: usize) -> Self {
        let empty = Cell { best_nanos: [NO_BID, NO_ASK], orders: [0; 2] };
        Self { cells: vec![empty; instruments_max + 1].into_boxed_slice() }
    }

    /// Asks for an instrument's prices, which will be looked at soon.
    #[inline]
    pub fn prefetch(&self, instrument: u32) {
        prefetch(self.cells.as_ptr().wrapping_add(instrument as usize));
    }

    /// Whether an order may cross one of the other side; an undefined price crosses all.
    #[inline]
    pub fn may_cross(&self, instrument: u32, side: Side, price_nanos: i64) -> bool {
        let cell = &self.cells[instrument as usize];
        let other = side.opposite().index();
        if cell.orders[other] == 0 {
            return false;
        }
        crosses(side, price_nanos, cell.best_nanos[other])
    }

    /// The best price of the other side, for a refusal.
    pub fn best_nanos(&self, instrument: u32, side: Side) -> i64 {
        self.cells[instrument as usize].best_nanos[side.index()]
    }

    /// An order may rest from now on.
    #[inline]
    pub fn add(&mut self, instrument: u32, side: Side, price_nanos: i64) {
        self.cells[instrument as usize].orders[side.index()] += 1;
        self.reprice(instrument, side, price_nanos);
    }

    /// An order may rest at another price, too.
    #[inline]
    pub fn reprice(&mut self, instrument: u32, side: Side, price_nanos: i64) {
        let best = &mut self.cells[instrument as usize].best_nanos[side.index()];
        *best = match side {
            Side::Buy if price_nanos == UNDEF_PRICE => i64::MAX,
            Side::Sell if price_nanos == UNDEF_PRICE => i64::MIN,
            Side::Buy => price_nanos.max(*best),
            Side::Sell => price_nanos.min(*best),
        };
    }

    /// An order is gone.
    #[inline]
    pub fn remove(&mut self, instrument: u32, side: Side) {
        let cell = &mut self.cells[instrument as usize];
        let orders = &mut cell.orders[side.index()];
        *orders = orders.checked_sub(1).expect("more own orders ended than began");
        if *orders == 0 {
            cell.best_nanos[side.index()] = if side == Side::Buy { NO_BID } else { NO_ASK };
        }
    }

    /// The best price of a side was found by looking at every order.
    pub fn set_best(&mut self, instrument: u32, side: Side, price_nanos: Option<i64>) {
        let none = if side == Side::Buy { NO_BID } else { NO_ASK };
        self.cells[instrument as usize].best_nanos[side.index()] = price_nanos.unwrap_or(none);
    }
}

/// Whether an order of `side` at a price would trade with one that rests at `resting_nanos`. Undefined prices trade with all.
#[inline]
pub(crate) fn crosses(side: Side, price_nanos: i64, resting_nanos: i64) -> bool {
    match side {
        _ if price_nanos == UNDEF_PRICE => true,
        Side::Buy => price_nanos >= resting_nanos,
        Side::Sell => price_nanos <= resting_nanos,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_is_never_worse_than_what_is_alive() {
        let mut book = OwnBook::new(2);
        assert!(!book.may_cross(1, Side::Sell, 1));
        book.add(1, Side::Buy, 100);
        book.add(1, Side::Buy, 99);
        for (price, crossed) in [(101, false), (100, true), (99, true)] {
            assert_eq!(book.may_cross(1, Side::Sell, price), crossed, "{price}");
        }
        book.remove(1, Side::Buy); // Which of the two nobody says.
        assert!(book.may_cross(1, Side::Sell, 100));
        book.set_best(1, Side::Buy, Some(99));
        assert!(!book.may_cross(1, Side::Sell, 100) && book.may_cross(1, Side::Sell, 99));
        book.reprice(1, Side::Buy, 98);
        assert!(book.may_cross(1, Side::Sell, 99));
        book.remove(1, Side::Buy);
        assert!(!book.may_cross(1, Side::Sell, UNDEF_PRICE) && !book.may_cross(2, Side::Sell, 1));
    }

    #[test]
    fn a_market_order_crosses_whatever_rests() {
        let mut book = OwnBook::new(1);
        book.add(1, Side::Sell, UNDEF_PRICE);
        assert!(book.may_cross(1, Side::Buy, 1) && book.may_cross(1, Side::Buy, UNDEF_PRICE));
        book.add(1, Side::Buy, 10);
        assert!(book.may_cross(1, Side::Sell, UNDEF_PRICE) && !book.may_cross(1, Side::Sell, 11));
    }
}
