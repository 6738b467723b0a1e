//! Walking all resting orders in one fixed order: by instrument, bids before asks, those for one auction alone first, then
//! best price first, displayed before hidden, oldest first. Snapshots, mass cancels and the state hash all use it.
//!
//! Invariant: the successor of an order is found before the order goes, and does not move when it goes.

use records::{Hash64, Side};

use super::Matching;
use super::orders::{Order, Terms};

/// A resting order as a snapshot shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestingOrder {
    /// Instrument.
    pub instrument: u32,
    /// Side.
    pub side: Side,
    /// Price.
    pub price_nanos: i64,
    /// Lots that trade now; what the feed shows unless hidden.
    pub front_lots: i64,
    /// Lots held back.
    pub reserve_lots: i64,
    /// Whether the feed does not show it.
    pub hidden: bool,
    /// Reference on the feed.
    pub order_ref: u64,
    /// Session.
    pub session: u32,
    /// The session's number.
    pub user_ref: u64,
    /// Lots executed in its chain.
    pub executed_lots: i64,
    /// Attribution, or zeros.
    pub participant: [u8; 4],
}

impl Matching {
    /// Every resting order, in the fixed order.
    pub fn for_each_resting(&self, mut take: impl FnMut(&RestingOrder)) {
        let mut next = self.first_resting();
        while let Some(place) = next {
            next = self.next_resting(place);
            take(&self.shown(&self.orders.hot[place as usize], &self.orders.terms[place as usize]));
        }
    }

    /// Hash over all resting orders in the fixed order, the numbers to be given next, and the events so far.
    pub fn state_hash(&self) -> u64 {
        let mut hash = Hash64::default();
        self.for_each_resting(|order| {
            let flags = u64::from(order.hidden) << 1 | order.side.index() as u64;
            hash.word(u64::from(order.instrument) << 32 | flags);
            hash.word(order.price_nanos as u64);
            hash.word(order.front_lots as u64);
            hash.word(order.reserve_lots as u64);
            hash.word(order.order_ref);
            hash.word(u64::from(order.session));
            hash.word(order.user_ref);
            hash.word(order.executed_lots as u64);
        });
        hash.word(self.next_order_ref);
        hash.word(self.trades.next_match());
        hash.word(self.hash.value());
        hash.value()
    }

    /// One resting order by its session's number.
    pub fn resting_order(&self, session: u32, user_ref: u64) -> Option<RestingOrder> {
        let place = self.ids.get(session, user_ref)? as usize;
        Some(self.shown(&self.orders.hot[place], &self.orders.terms[place]))
    }

    fn shown(&self, order: &Order, terms: &Terms) -> RestingOrder {
        RestingOrder {
            instrument: terms.instrument,
            side: if order.side == 0 { Side::Buy } else { Side::Sell },
            price_nanos: order.price_nanos,
            front_lots: order.front_lots,
            reserve_lots: order.reserve_lots,
            hidden: order.hidden != 0,
            order_ref: order.order_ref,
            session: order.session,
            user_ref: order.user_ref,
            executed_lots: terms.executed_lots,
            participant: terms.participant,
        }
    }

    /// The displayed part of one side of a book, best price first: price, lots and orders of at most `depth` levels.
    pub fn for_each_displayed(&self, instrument: u32, side: Side, depth: usize, mut take: impl FnMut(i64, i64, u32)) {
        let Some(book) = self.book(instrument) else { return };
        let ladder = &book.ladders[side.index()];
        let (mut next, mut given) = (ladder.best().map(|(_, number)| number), 0);
        while let Some(number) = next.filter(|_| given < depth) {
            let (mut lots, mut orders) = (0, 0);
            let mut at = self.orders.first_of(number, 0);
            while let Some(place) = at {
                lots += self.orders.hot[place as usize].shown_lots();
                orders += 1;
                at = self.orders.after(place);
            }
            let key = self.levels.all[number as usize].key;
            if orders > 0 {
                take(side.sign() * key, lots, orders);
                given += 1;
            }
            next = ladder.worse_than(key, &self.levels);
        }
    }

    /// The first order of the walk.
    pub(super) fn first_resting(&self) -> Option<u32> {
        self.first_from(0, 0)
    }

    /// The one after it.
    pub(super) fn next_resting(&self, place: u32) -> Option<u32> {
        let order = &self.orders.hot[place as usize];
        if let Some(next) = self.orders.after(place) {
            return Some(next);
        }
        if order.hidden == 0
            && let Some(next) = self.orders.first_of(order.level, 1)
        {
            return Some(next);
        }
        let instrument = order.instrument as usize;
        let side = usize::from(order.side);
        let ladder = &self.books[instrument].as_ref().expect("an order's book is listed").ladders[side];
        let next = match order.waits {
            0 => ladder.worse_than(self.levels.all[order.level as usize].key, &self.levels),
            _ => ladder.best().map(|(_, number)| number),
        };
        match next {
            Some(number) => Some(self.orders.first(number)),
            None if side == 0 => self.first_from(instrument, 1),
            None => self.first_from(instrument + 1, 0),
        }
    }

    fn first_from(&self, instrument: usize, side: usize) -> Option<u32> {
        let mut from = side;
        for book in self.books.get(instrument..)? {
            for (waiting, ladder) in book.iter().flat_map(|book| book.waiting.iter().zip(&book.ladders).skip(from)) {
                let waits = self.orders.first_of(*waiting, 1);
                if let Some(place) = waits.or_else(|| ladder.best().map(|(_, number)| self.orders.first(number))) {
                    return Some(place);
                }
            }
            from = 0;
        }
        None
    }
}
