//! An incoming order meets the other side: price, then displayed before hidden, then time.
//!
//! Invariant: a trade happens at the resting order's price, never outside the incoming order's limit; an order of the same
//! self-trade group is never traded with when the incoming order asks for prevention.

use records::{ExchangeEventKind, Reason, SelfTrade, Side};

use super::orders::{Order, Terms};
use super::trades::Trade;
use super::{Matching, Moment, Sink, event_of};

/// An order on its way in: new, or the replacement of one.
#[derive(Clone, Copy)]
pub(crate) struct Incoming {
    pub instrument: u32,
    pub session: u32,
    pub user_ref: u64,
    pub order_ref: u64,
    pub side: Side,
    pub price_nanos: i64,
    /// Worst key of the other side that it may trade with.
    pub limit_key: i64,
    pub open_lots: i64,
    pub owner: u32,
    pub hidden: u8,
    pub terms: Terms,
}

impl Incoming {
    /// Whether an order of the other side may not be traded with.
    #[inline]
    fn is_own(&self, resting: &Order) -> bool {
        self.terms.self_trade != 0 && resting.owner == self.owner && self.owner != 0
    }
}

/// The key, on the other side's ladder, of a limit price.
#[inline]
pub(crate) fn limit_key(side: Side, price_nanos: i64) -> i64 {
    side.opposite().sign() * price_nanos
}

impl Matching {
    /// Whether the best of the other side is within the limit.
    #[inline]
    pub(super) fn is_marketable(&self, incoming: &Incoming) -> bool {
        let ladders = self.book(incoming.instrument).map(|book| &book.ladders);
        let best = ladders.and_then(|ladders| ladders[incoming.side.opposite().index()].best());
        best.is_some_and(|(key, _)| key >= incoming.limit_key)
    }

    /// Trades until the order is done, the other side is out of reach, or self-trade prevention ends it.
    #[inline]
    pub(super) fn cross<S: Sink>(&mut self, moment: Moment, incoming: &mut Incoming, sink: &mut S) {
        let other = incoming.side.opposite().index();
        while incoming.open_lots > 0 {
            let book = self.books[incoming.instrument as usize].as_ref().expect("looked up before");
            let Some((key, number)) = book.ladders[other].best() else { return };
            if key < incoming.limit_key {
                return;
            }
            let place = self.orders.first(number);
            if incoming.is_own(&self.orders.hot[place as usize]) {
                self.prevent(moment, incoming, place, sink);
            } else {
                self.trade(moment, incoming, place, sink);
            }
        }
    }

    #[inline]
    pub(super) fn trade<S: Sink>(&mut self, moment: Moment, incoming: &mut Incoming, place: u32, sink: &mut S) {
        let order = &mut self.orders.hot[place as usize];
        let lots = order.front_lots.min(incoming.open_lots);
        order.front_lots -= lots;
        incoming.open_lots -= lots;
        incoming.terms.executed_lots += lots;
        let order = *order;
        self.orders.terms[place as usize].executed_lots += lots;
        self.levels.all[order.level as usize].lots -= lots;
        let resting_side = incoming.side.opposite();
        let match_id = self.trades.keep(Trade {
            match_id: 0,
            price_nanos: order.price_nanos,
            lots,
            resting_user_ref: order.user_ref,
            incoming_user_ref: incoming.user_ref,
            resting_session: order.session,
            incoming_session: incoming.session,
            instrument: incoming.instrument,
            side: resting_side.code(),
            broken: false,
        });
        let mut event = event_of(moment, ExchangeEventKind::Executed, incoming.instrument, order.session);
        event.order_ref = order.order_ref;
        event.other_ref = incoming.order_ref;
        event.user_ref = order.user_ref;
        event.other_user_ref = incoming.user_ref;
        event.match_id = match_id;
        event.price_nanos = order.price_nanos;
        event.lots = lots;
        event.leaves_lots = order.leaves_lots();
        event.other_leaves_lots = incoming.open_lots;
        event.shown_lots = order.shown_lots();
        event.shown_change_lots = if order.hidden == 0 { lots } else { 0 };
        event.other_source = incoming.session;
        event.side = resting_side.code();
        event.resting = 1;
        event.hidden = order.hidden;
        self.say(&event, sink);
        if order.front_lots == 0 {
            if order.reserve_lots > 0 {
                self.refill(moment, place, sink);
            } else {
                self.remove(place);
            }
        }
    }

    /// The next part of a reserve order comes forward: a new reference, at the end of its queue.
    #[cold]
    pub(super) fn refill<S: Sink>(&mut self, moment: Moment, place: u32, sink: &mut S) {
        let terms = self.orders.terms[place as usize];
        let order = &mut self.orders.hot[place as usize];
        let old_ref = order.order_ref;
        order.order_ref = self.next_order_ref;
        self.next_order_ref += 1;
        order.front_lots = order.reserve_lots.min(terms.display_lots);
        order.reserve_lots -= order.front_lots;
        let order = *order;
        // It stays in its level, with the lots that are left of it.
        self.orders.unlink(place);
        self.orders.link(place);
        let mut event = event_of(moment, ExchangeEventKind::Refilled, terms.instrument, order.session);
        event.order_ref = order.order_ref;
        event.other_ref = old_ref;
        event.user_ref = order.user_ref;
        event.price_nanos = order.price_nanos;
        event.lots = order.front_lots;
        event.leaves_lots = order.leaves_lots();
        event.shown_lots = order.shown_lots();
        event.participant = terms.participant;
        event.side = order.side + 1;
        event.resting = 1;
        event.hidden = order.hidden;
        self.say(&event, sink);
    }

    /// Two orders of one group met: the incoming order says what happens.
    #[cold]
    fn prevent<S: Sink>(&mut self, moment: Moment, incoming: &mut Incoming, place: u32, sink: &mut S) {
        let reason = Reason::SelfTradePrevention;
        let price_nanos = self.orders.hot[place as usize].price_nanos;
        match SelfTrade::from_code(incoming.terms.self_trade) {
            Some(SelfTrade::CancelOldest) => self.cancel_place(moment, place, i64::MAX, reason, sink),
            Some(SelfTrade::CancelBoth) => {
                self.cancel_place(moment, place, i64::MAX, reason, sink);
                self.cancel_incoming(moment, incoming, i64::MAX, price_nanos, reason, sink);
            }
            Some(SelfTrade::Decrement) => {
                let lots = self.orders.hot[place as usize].leaves_lots().min(incoming.open_lots);
                self.cancel_place(moment, place, lots, reason, sink);
                self.cancel_incoming(moment, incoming, lots, price_nanos, reason, sink);
            }
            Some(SelfTrade::CancelNewest) | None => {
                self.cancel_incoming(moment, incoming, i64::MAX, price_nanos, reason, sink);
            }
        }
    }

    /// Whether at least `least` lots could trade at once. Lots behind an own order count only when prevention would
    /// cancel that order alone.
    pub(super) fn can_trade(&self, incoming: &Incoming, least: i64) -> bool {
        let book = self.book(incoming.instrument).expect("looked up before");
        let skips_own = incoming.terms.self_trade == SelfTrade::CancelOldest.code();
        let ladder = &book.ladders[incoming.side.opposite().index()];
        let mut found = 0;
        let mut next = ladder.best().map(|(_, number)| number);
        while let Some(number) = next {
            let level = &self.levels.all[number as usize];
            if found >= least || level.key < incoming.limit_key {
                break;
            }
            let (own_lots, before_own_lots) = self.own_in_level(incoming, number);
            match before_own_lots {
                None => found += level.lots,
                Some(_) if skips_own => found += level.lots - own_lots,
                Some(before) => return found + before >= least,
            }
            next = ladder.worse_than(level.key, &self.levels);
        }
        found >= least
    }

    /// Lots of own orders in a level, and lots that trade before the first of them (`None`: there is none).
    fn own_in_level(&self, incoming: &Incoming, number: u32) -> (i64, Option<i64>) {
        if incoming.terms.self_trade == 0 || incoming.owner == 0 {
            return (0, None);
        }
        let [displayed, hidden] = [0, 1].map(|queue| self.orders.first_of(number, queue));
        let displayed_has_own = self.queue(displayed).any(|order| incoming.is_own(order));
        let (mut own, mut before, mut met) = (0, 0, false);
        for order in self.queue(displayed).chain(self.queue(hidden)) {
            if incoming.is_own(order) {
                own += order.leaves_lots();
                met = true;
            } else if !met {
                // Reserves come forward behind all displayed orders: they count only if no own order is displayed.
                before += if displayed_has_own { order.front_lots } else { order.leaves_lots() };
            }
        }
        (own, met.then_some(before))
    }

    /// The orders of a queue from one on.
    fn queue(&self, first: Option<u32>) -> impl Iterator<Item = &Order> {
        std::iter::successors(first, |place| self.orders.after(*place)).map(|place| &self.orders.hot[place as usize])
    }

    /// What is left of the order rests; `None` when there is no room for it.
    #[inline]
    pub(super) fn rest(&mut self, incoming: &Incoming) -> Option<u32> {
        if self.orders.is_full() {
            return None;
        }
        let number = self.level_for(incoming)?;
        let place = self.orders.take();
        self.settle(place, number, incoming);
        Some(place)
    }

    /// The level of an order's price; `None` when there is no room for it.
    #[inline]
    pub(super) fn level_for(&mut self, incoming: &Incoming) -> Option<u32> {
        let book = self.books[incoming.instrument as usize].as_mut().expect("looked up before");
        let key = incoming.side.sign() * incoming.price_nanos;
        book.ladders[incoming.side.index()].find_or_make(key, &mut self.levels)
    }

    /// Writes an order down at its place and makes it the last of its queue in its level.
    #[inline(always)]
    pub(super) fn settle(&mut self, place: u32, number: u32, incoming: &Incoming) {
        let display = incoming.terms.display_lots;
        let front_lots = if display > 0 { display.min(incoming.open_lots) } else { incoming.open_lots };
        self.orders.hot[place as usize] = Order {
            price_nanos: incoming.price_nanos,
            front_lots,
            reserve_lots: incoming.open_lots - front_lots,
            order_ref: incoming.order_ref,
            user_ref: incoming.user_ref,
            level: number,
            session: incoming.session,
            owner: incoming.owner,
            instrument: incoming.instrument,
            side: incoming.side.index() as u8,
            hidden: incoming.hidden,
            waits: 0,
        };
        self.orders.terms[place as usize] = incoming.terms;
        self.join(place);
        self.ids.insert(incoming.session, incoming.user_ref, place);
        if incoming.terms.expire_time_ns != 0 {
            self.set_timer(place, incoming.order_ref, incoming.terms.expire_time_ns);
        }
    }
}
