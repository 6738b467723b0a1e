//! Recorded flow as the record has it, with orders of other sessions (guests) among it: the venue of a backtest.
//!
//! A recorded order came to rest once already: it is not admitted, acknowledged or told again. It trades with guests, by
//! price and time as every order, and never with recorded orders: what those did to each other the record says itself.
//!
//! Invariant: without guests the book is the record's, however odd that is; with them each recorded order has the lots of
//! the record less what guests took from it. Nothing allocates, and nothing that a record says panics.

use records::{LOTS_MAX, Reason, Side, Stamp, TradingState};

use super::crossing::{Incoming, limit_key};
use super::orders::{NO_TIMER, Order, Terms};
use super::{Matching, Moment, Sink};

/// An order as the record adds it.
#[derive(Clone, Copy, Debug)]
pub struct RecordedOrder {
    /// Session of the record's orders.
    pub session: u32,
    /// Instrument.
    pub instrument: u32,
    /// The record's own reference.
    pub user_ref: u64,
    /// Side.
    pub side: Side,
    /// Price.
    pub price_nanos: i64,
    /// Lots.
    pub lots: i64,
}

/// What became of a recorded execution or reduction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordedChange {
    /// Lots that guests ahead of the order gave instead of it.
    pub guest_lots: i64,
    /// Lots taken off the order itself.
    pub off_lots: i64,
    /// Lots that it has left.
    pub left_lots: i64,
}

impl Matching {
    /// Says which session the record's orders are of; before the first of them.
    pub fn expect_recorded(&mut self, session: u32) {
        self.recorded_session = session;
    }

    /// Asks for the memory that a record about this order will look at first; `near`: it comes very soon.
    #[inline]
    pub fn prefetch_recorded(&self, session: u32, user_ref: u64, near: bool) {
        if !near {
            self.ids.prefetch(session, user_ref);
        } else if let Some(place) = self.ids.get(session, user_ref) {
            records::prefetch(&self.orders.hot[place as usize]);
        }
    }

    /// Whether any order rests that is not the record's.
    #[inline]
    pub fn has_guests(&self) -> bool {
        self.orders.live() != self.recorded
    }

    /// A recorded order comes to rest, after it traded with the guests that it meets; says how many of its lots rest.
    ///
    /// # Errors
    /// Why it cannot rest: its instrument, price, quantity or reference is none, or there is no room. Nothing changed then.
    #[inline]
    pub fn add_recorded<S: Sink>(
        &mut self,
        stamp: Stamp,
        venue: u16,
        order: &RecordedOrder,
        sink: &mut S,
    ) -> Result<i64, Reason> {
        let book = self.books.get(order.instrument as usize).and_then(Option::as_ref);
        let book = book.ok_or(Reason::InvalidInstrument)?;
        if !book.rules.price_is_valid(order.price_nanos) {
            return Err(Reason::InvalidPrice);
        }
        if !(1..=LOTS_MAX).contains(&order.lots) {
            return Err(Reason::InvalidQuantity);
        }
        if self.ids.get(order.session, order.user_ref).is_some() {
            return Err(Reason::DuplicateId);
        }
        if self.orders.is_full() {
            return Err(Reason::BackPressure);
        }
        let trades = book.rules.state == TradingState::Trading;
        let mut incoming = incoming_of(order.session, order.instrument, order.side, order.price_nanos, order.lots);
        incoming.user_ref = order.user_ref;
        incoming.order_ref = order.user_ref;
        if trades && self.has_guests() {
            self.meet_guests(Moment { stamp, venue }, &mut incoming, None, sink);
        }
        if incoming.open_lots > 0 {
            let number = self.level_for(&incoming).ok_or(Reason::BackPressure)?;
            let place = self.orders.take();
            self.orders.hot[place as usize] = Order {
                price_nanos: incoming.price_nanos,
                front_lots: incoming.open_lots,
                reserve_lots: 0,
                order_ref: order.user_ref,
                user_ref: order.user_ref,
                level: number,
                session: order.session,
                owner: 0,
                instrument: order.instrument,
                side: order.side.index() as u8,
                hidden: 0,
                waits: 0,
            };
            self.orders.terms[place as usize] = incoming.terms;
            self.join(place);
            self.ids.insert(order.session, order.user_ref, place);
            self.recorded += 1;
        }
        Ok(incoming.open_lots)
    }

    /// Lots of a recorded order traded, by the record: guests ahead of it are filled first, and the order has fewer all the
    /// same. `None`: there is no such order.
    #[inline]
    pub fn execute_recorded<S: Sink>(
        &mut self,
        stamp: Stamp,
        venue: u16,
        (session, user_ref): (u32, u64),
        lots: i64,
        sink: &mut S,
    ) -> Option<RecordedChange> {
        let place = self.ids.get(session, user_ref)?;
        let mut guest_lots = 0;
        if self.has_guests() && self.state(self.orders.hot[place as usize].instrument) == Some(TradingState::Trading) {
            let order = self.orders.hot[place as usize];
            let side = if order.side == 0 { Side::Sell } else { Side::Buy };
            let mut aggressor = incoming_of(session, order.instrument, side, order.price_nanos, lots);
            self.meet_guests(Moment { stamp, venue }, &mut aggressor, Some(place), sink);
            guest_lots = lots - aggressor.open_lots;
        }
        Some(RecordedChange { guest_lots, ..self.take_off_recorded(place, lots) })
    }

    /// A recorded trade that no displayed order explains: guests at its price or better would have been met first. Says how
    /// many lots they gave.
    pub fn trade_recorded<S: Sink>(&mut self, stamp: Stamp, venue: u16, trade: &RecordedOrder, sink: &mut S) -> i64 {
        let trading = self.state(trade.instrument) == Some(TradingState::Trading);
        if !trading || trade.lots <= 0 || !self.has_guests() {
            return 0;
        }
        let mut aggressor =
            incoming_of(trade.session, trade.instrument, trade.side.opposite(), trade.price_nanos, trade.lots);
        self.meet_guests(Moment { stamp, venue }, &mut aggressor, None, sink);
        trade.lots - aggressor.open_lots
    }

    /// Lots (at most all) come off a recorded order. `None`: there is no such order.
    #[inline]
    pub fn reduce_recorded(&mut self, session: u32, user_ref: u64, lots: i64) -> Option<RecordedChange> {
        let place = self.ids.get(session, user_ref)?;
        Some(self.take_off_recorded(place, lots))
    }

    /// Displayed lots of the record that stand before an order; `None`: there is no such order. It walks the book: not for
    /// the hot path.
    pub fn recorded_ahead(&self, session: u32, user_ref: u64) -> Option<i64> {
        let place = self.ids.get(session, user_ref)?;
        let order = &self.orders.hot[place as usize];
        let ladder = &self.book(order.instrument)?.ladders[usize::from(order.side)];
        let (mut next, mut ahead_lots) = (ladder.best().map(|(_, number)| number), 0);
        while let Some(number) = next {
            let mut at = self.orders.first_of(number, 0);
            while let Some(before) = at {
                if before == place {
                    return Some(ahead_lots);
                }
                let before_order = &self.orders.hot[before as usize];
                if before_order.session == self.recorded_session {
                    ahead_lots += before_order.shown_lots();
                }
                at = self.orders.after(before);
            }
            if number == order.level {
                return Some(ahead_lots);
            }
            next = ladder.worse_than(self.levels.all[number as usize].key, &self.levels);
        }
        Some(ahead_lots)
    }

    #[inline]
    fn take_off_recorded(&mut self, place: u32, lots: i64) -> RecordedChange {
        let leaves_lots = self.orders.hot[place as usize].leaves_lots();
        let off_lots = lots.clamp(0, leaves_lots);
        if off_lots == leaves_lots {
            self.remove(place);
        } else {
            self.reduce(place, off_lots);
        }
        RecordedChange { guest_lots: 0, off_lots, left_lots: leaves_lots - off_lots }
    }

    /// Trades with guests only, by price and time, as far as the limit and, on its own side, as far as one recorded order.
    #[cold]
    fn meet_guests<S: Sink>(&mut self, moment: Moment, incoming: &mut Incoming, until: Option<u32>, sink: &mut S) {
        while incoming.open_lots > 0
            && let Some(place) = self.first_guest(incoming, until)
        {
            self.trade(moment, incoming, place, sink);
        }
    }

    /// The guest that trades first of those within the limit and ahead of `until`.
    fn first_guest(&self, incoming: &Incoming, until: Option<u32>) -> Option<u32> {
        let ladder = &self.book(incoming.instrument)?.ladders[incoming.side.opposite().index()];
        let mut next = ladder.best().map(|(_, number)| number);
        while let Some(number) = next {
            let key = self.levels.all[number as usize].key;
            if key < incoming.limit_key {
                return None;
            }
            for queue in [0, 1] {
                let mut at = self.orders.first_of(number, queue);
                while let Some(place) = at {
                    if until == Some(place) {
                        return None;
                    }
                    if self.orders.hot[place as usize].session != self.recorded_session {
                        return Some(place);
                    }
                    at = self.orders.after(place);
                }
            }
            next = ladder.worse_than(key, &self.levels);
        }
        None
    }
}

fn incoming_of(session: u32, instrument: u32, side: Side, price_nanos: i64, lots: i64) -> Incoming {
    Incoming {
        instrument,
        session,
        user_ref: 0,
        order_ref: 0,
        side,
        price_nanos,
        limit_key: limit_key(side, price_nanos),
        open_lots: lots,
        owner: 0,
        hidden: 0,
        terms: Terms { instrument, expiry: NO_TIMER, ..Terms::default() },
    }
}
