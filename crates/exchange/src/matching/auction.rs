//! Auctions: a call collects orders without trading, and its end trades what can trade at one price.
//!
//! Orders that live for one auction alone wait beside the book, by time, and are never shown. In a call, orders that would be
//! shown are not ([`Terms::veiled`]): the feed shows what the auction would give, not a crossed book; what is left of them is
//! shown when it is over. Priority: market orders, then price, then displayed (or to be displayed) before hidden, then time.
//! Prevention of trades within a group, minimum quantities and post-only say nothing in an auction; reserves take part whole.
//!
//! Invariant: the two orders of each trade are within their limits at the one price; lots are neither made nor lost; no book is
//! crossed while it trades. Nothing is allocated.
//!
//! [`Terms::veiled`]: super::orders::Terms

use records::{
    AuctionAction, AuctionKind, ExchangeAuction, ExchangeEventKind, ExchangeIndication, Reason, Side, Stamp,
    TimeInForce, TradingState, UNDEF_PRICE,
};

use super::clearing::{Clearing, Point, clear, surplus_at};
use super::crossing::Incoming;
use super::enter::Wanted;
use super::orders::Order;
use super::trades::Trade;
use super::{Book, Matching, Moment, Sink, event_of};

/// What `restricts` says.
const NO_CANCELS: u8 = 1;
const NO_INCREASE: u8 = 2;

/// A call that is on.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    pub kind: AuctionKind,
    reference_nanos: i64,
    cutoff_ns: u64,
    restricts: u8,
    /// Side of the imbalance as it was said last, 0: none.
    side: u8,
}

impl Call {
    fn forbids(&self, what: u8, now_ns: u64) -> bool {
        self.restricts & what != 0 && self.cutoff_ns != 0 && now_ns >= self.cutoff_ns
    }
}

/// One trade of an auction.
#[derive(Clone, Copy)]
struct Cross {
    price_nanos: i64,
    lots: i64,
    match_id: u64,
    letter: u8,
}

impl Book {
    /// What becomes of a new order where trading is not continuous, or which is for an auction: whether it is collected.
    #[cold]
    pub(super) fn collects(&self, code: u8, side: u8, now_ns: u64, recorded: bool) -> Result<bool, Reason> {
        let waits = TimeInForce::from_code(code).is_some_and(TimeInForce::is_at_auction);
        let opens = code == TimeInForce::AtOpen.code();
        match (self.rules.state, &self.call) {
            // Some records say that everything trades long before the opening auction.
            (TradingState::Trading | TradingState::QuoteOnly, _) if opens && !recorded => Err(Reason::Closed),
            (TradingState::Trading | TradingState::QuoteOnly, _) => Ok(waits),
            (TradingState::Auction, Some(call)) => {
                let takes_part = call.kind.takes(code);
                if waits && opens && !takes_part {
                    Err(Reason::Closed)
                } else if (takes_part || !waits) && side == call.side && side != 0 && call.forbids(NO_INCREASE, now_ns)
                {
                    Err(Reason::TooLate)
                } else {
                    Ok(true)
                }
            }
            // A record says that a call is on, not on which terms.
            (TradingState::Auction, None) if recorded => Ok(true),
            (TradingState::Closed, _) => Err(Reason::Closed),
            _ if waits => Ok(true),
            (TradingState::Halted | TradingState::Paused, _) => Err(Reason::Halted),
            (TradingState::Auction | TradingState::PreOpen, _) => Err(Reason::Closed),
        }
    }
}

impl Matching {
    /// A call begins, says where it stands, or ends.
    pub fn auction<S: Sink>(&mut self, stamp: Stamp, command: &ExchangeAuction, sink: &mut S) {
        let moment = self.begin(stamp, command.header.venue, sink);
        let Some(action) = AuctionAction::from_code(command.action) else { return };
        for instrument in self.meant(command.header.instrument) {
            match action {
                AuctionAction::Call => self.call(moment, instrument, command, sink),
                AuctionAction::Indicate => self.indicate(moment, instrument, sink),
                AuctionAction::Uncross => self.uncross(moment, instrument, command.then, [0; 4], sink),
            }
        }
    }

    /// Books whose call is on.
    pub fn calls(&self) -> u32 {
        self.calls
    }

    /// Letter of the auction whose call is on, 0: none.
    pub fn call_letter(&self, instrument: u32) -> u8 {
        self.book(instrument).and_then(|book| book.call.as_ref()).map_or(0, |call| call.kind.letter())
    }

    /// The instruments that a command names: 0 is all.
    pub(super) fn meant(&self, instrument: u32) -> std::ops::Range<u32> {
        let all = 1..self.books.len() as u32;
        if instrument == 0 { all } else { instrument.min(all.end)..instrument.saturating_add(1).min(all.end) }
    }

    /// Begins a call, or gives one that is on other terms.
    pub(super) fn call<S: Sink>(&mut self, moment: Moment, instrument: u32, command: &ExchangeAuction, sink: &mut S) {
        let last_nanos = self.trades.last_price_nanos(instrument);
        let Some(book) = self.books.get_mut(instrument as usize).and_then(Option::as_mut) else { return };
        let by_state = match (book.rules.state, &book.call) {
            (_, Some(call)) => call.kind,
            (TradingState::Halted | TradingState::Paused, _) => AuctionKind::Halt,
            (TradingState::PreOpen | TradingState::Closed, _) => AuctionKind::Opening,
            _ => AuctionKind::Intraday,
        };
        let kind = AuctionKind::from_code(command.kind).unwrap_or(by_state);
        let sound = |price_nanos: &i64| *price_nanos != UNDEF_PRICE && book.rules.price_is_valid(*price_nanos);
        let reference_nanos = Some(command.reference_nanos).filter(sound).or(last_nanos.filter(sound));
        let fresh = book.call.is_none();
        book.call = Some(Call {
            kind,
            reference_nanos: reference_nanos.unwrap_or(UNDEF_PRICE),
            cutoff_ns: command.cutoff_ns,
            restricts: command.restricts,
            side: 0,
        });
        book.rules.state = TradingState::Auction;
        self.calls += u32::from(fresh);
        self.say_state(moment, instrument, [0; 4], kind.letter(), sink);
    }

    /// Whether a session may not take this order off any more.
    #[cold]
    pub(super) fn is_frozen(&self, order: &Order, code: u8, now_ns: u64) -> bool {
        let call = self.book(order.instrument).and_then(|book| book.call.as_ref());
        call.is_some_and(|call| (order.waits == 0 || call.kind.takes(code)) && call.forbids(NO_CANCELS, now_ns))
    }

    /// Takes an order in without trading: beside the book if it is for an auction alone, else where its price belongs, not shown.
    #[cold]
    pub(super) fn collect<S: Sink>(&mut self, moment: Moment, incoming: &mut Incoming, wanted: &Wanted, sink: &mut S) {
        let waits = wanted.time_in_force.is_at_auction();
        incoming.terms.veiled = u8::from(!waits && incoming.hidden == 0);
        incoming.hidden = 1;
        let number = match self.orders.is_full() {
            true => None,
            false if waits => self.book(incoming.instrument).map(|book| book.waiting[incoming.side.index()]),
            false => self.level_for(incoming),
        };
        let Some(number) = number else {
            return self.cancel_incoming(moment, incoming, i64::MAX, UNDEF_PRICE, Reason::BackPressure, sink);
        };
        let place = self.orders.take();
        self.settle(place, number, incoming);
        self.orders.hot[place as usize].waits = u8::from(waits);
        self.say_rested(moment, place, sink);
    }

    /// What a call gives now, and what is left at the price that counts; `alone`: its own orders only.
    fn clearing(&mut self, instrument: u32, call: &Call, alone: bool) -> (Option<Clearing>, i64) {
        let mut points = std::mem::take(&mut self.points);
        points.clear();
        let book = self.book(instrument).expect("a book with a call is listed");
        let mut market_lots = [0; 2];
        for side in [Side::Buy, Side::Sell] {
            let at = side.index();
            let mut push = |price_nanos: i64, lots: i64| {
                let mut point = Point { price_nanos, lots: [0; 2] };
                point.lots[at] = lots;
                points.push(point);
            };
            let mut next = self.orders.first_of(book.waiting[at], 1);
            while let Some(place) = next {
                let order = &self.orders.hot[place as usize];
                next = self.orders.after(place);
                if !call.kind.takes(self.orders.terms[place as usize].time_in_force) {
                } else if order.price_nanos == UNDEF_PRICE {
                    market_lots[at] += order.leaves_lots();
                } else {
                    push(order.price_nanos, order.leaves_lots());
                }
            }
            let ladder = &book.ladders[at];
            let mut next = ladder.best().map(|(_, number)| number).filter(|_| !alone);
            while let Some(number) = next {
                let level = &self.levels.all[number as usize];
                push(side.sign() * level.key, level.lots);
                next = ladder.worse_than(level.key, &self.levels);
            }
        }
        let found = clear(&mut points, market_lots, call.reference_nanos);
        let left = found
            .map_or_else(|| surplus_at(&points, market_lots, call.reference_nanos), |clearing| clearing.surplus_lots);
        self.points = points;
        (found, left)
    }

    /// Says what a call would give now.
    fn indicate<S: Sink>(&mut self, moment: Moment, instrument: u32, sink: &mut S) {
        let Some(call) = self.book(instrument).and_then(|book| book.call) else { return };
        let (found, left) = self.clearing(instrument, &call, false);
        let (far, _) = self.clearing(instrument, &call, true);
        let mut indication = ExchangeIndication::new();
        indication.header.venue = moment.venue;
        indication.header.instrument = instrument;
        indication.header.sequence = moment.stamp.sequence;
        indication.header.venue_time_ns = moment.stamp.time_ns;
        indication.price_nanos = found.map_or(UNDEF_PRICE, |clearing| clearing.price_nanos);
        indication.far_nanos = far.map_or(UNDEF_PRICE, |clearing| clearing.price_nanos);
        indication.reference_nanos = found.map_or(call.reference_nanos, |clearing| clearing.price_nanos);
        indication.paired_lots = found.map_or(0, |clearing| clearing.paired_lots);
        indication.imbalance_lots = left.abs();
        indication.side = match left.signum() {
            1 => Side::Buy.code(),
            -1 => Side::Sell.code(),
            _ => 0,
        };
        indication.kind = call.kind.code();
        if let Some(call) = self.books[instrument as usize].as_mut().and_then(|book| book.call.as_mut()) {
            call.side = indication.side;
        }
        self.hash.word(indication.price_nanos as u64 ^ u64::from(instrument).rotate_left(32));
        self.hash.word(indication.paired_lots as u64);
        self.hash.word(left as u64);
        sink.indication(&indication);
    }

    /// Ends a call: trades, ends what was for it alone, shows what is left, and goes on in a state (0: the usual one).
    pub(super) fn uncross<S: Sink>(
        &mut self,
        moment: Moment,
        instrument: u32,
        then: u8,
        reason: [u8; 4],
        sink: &mut S,
    ) {
        let Some(call) = self.book(instrument).and_then(|book| book.call) else { return };
        let (found, _) = self.clearing(instrument, &call, false);
        if let Some(clearing) = &found {
            self.trade_all(moment, instrument, &call, clearing, sink);
        }
        let lots = found.map_or(0, |clearing| clearing.paired_lots);
        self.say_uncrossed(
            moment,
            instrument,
            call.kind,
            (found.map_or(0, |clearing| clearing.price_nanos), lots),
            sink,
        );
        self.end_waiting(moment, instrument, call.kind, sink);
        self.unveil(moment, instrument, sink);
        let usual = if call.kind == AuctionKind::Closing { TradingState::Closed } else { TradingState::Trading };
        let book = self.books[instrument as usize].as_mut().expect("looked at above");
        book.call = None;
        book.rules.state =
            TradingState::from_code(then).filter(|state| *state != TradingState::Auction).unwrap_or(usual);
        self.calls -= 1;
        self.say_state(moment, instrument, reason, call.kind.letter(), sink);
    }

    /// The auction as a whole. Its number is no trade's: there is nothing to break but the trades that it is made of.
    fn say_uncrossed<S: Sink>(
        &mut self,
        moment: Moment,
        instrument: u32,
        kind: AuctionKind,
        (price_nanos, lots): (i64, i64),
        sink: &mut S,
    ) {
        let mut event = event_of(moment, ExchangeEventKind::Uncrossed, instrument, 0);
        let whole = Trade { instrument, price_nanos, lots, broken: true, ..Trade::default() };
        (event.match_id, event.price_nanos, event.lots) = (self.trades.keep(whole), price_nanos, lots);
        event.letter = kind.letter();
        self.say(&event, sink);
    }

    /// Trades the lots that pair, the first of both sides with each other.
    fn trade_all<S: Sink>(&mut self, moment: Moment, instrument: u32, call: &Call, clearing: &Clearing, sink: &mut S) {
        let mut queues = std::mem::take(&mut self.queues);
        for side in [Side::Buy, Side::Sell] {
            self.line_up(instrument, side, call.kind, clearing, &mut queues[side.index()]);
        }
        let (mut at, mut open_lots) = ([0; 2], clearing.paired_lots);
        while open_lots > 0 {
            let [buy, sell] = [0, 1].map(|side| queues[side][at[side]]);
            let [buys, sells] = [buy, sell].map(|place| self.orders.hot[place as usize]);
            let lots = open_lots.min(buys.leaves_lots()).min(sells.leaves_lots());
            open_lots -= lots;
            let match_id = self.trades.keep(Trade {
                match_id: 0,
                price_nanos: clearing.price_nanos,
                lots,
                resting_user_ref: sells.user_ref,
                incoming_user_ref: buys.user_ref,
                resting_session: sells.session,
                incoming_session: buys.session,
                instrument,
                side: Side::Sell.code(),
                broken: false,
            });
            let letter = call.kind.letter();
            let cross = Cross { price_nanos: clearing.price_nanos, lots, match_id, letter };
            at[1] += usize::from(self.cross_place(moment, sell, buys.order_ref, &cross, sink));
            at[0] += usize::from(self.cross_place(moment, buy, sells.order_ref, &cross, sink));
        }
        self.queues = queues;
    }

    /// The orders of a side within the price, the first to trade first; as many at least as have lots to trade.
    fn line_up(&self, instrument: u32, side: Side, kind: AuctionKind, clearing: &Clearing, into: &mut Vec<u32>) {
        into.clear();
        let book = self.book(instrument).expect("a book with a call is listed");
        // Better prices have larger keys.
        let key = |order: &Order| match order.price_nanos {
            UNDEF_PRICE => i64::MAX,
            price_nanos => side.sign() * price_nanos,
        };
        let least = side.sign() * clearing.price_nanos;
        let mut next = self.orders.first_of(book.waiting[side.index()], 1);
        while let Some(place) = next {
            next = self.orders.after(place);
            let takes_part = kind.takes(self.orders.terms[place as usize].time_in_force);
            if takes_part && key(&self.orders.hot[place as usize]) >= least {
                into.push(place);
            }
        }
        let ladder = &book.ladders[side.index()];
        let (mut lots, mut level) = (0, ladder.best());
        while let Some((level_key, number)) = level.filter(|(key, _)| *key >= least && lots < clearing.paired_lots) {
            for queue in [0, 1] {
                let mut next = self.orders.first_of(number, queue);
                while let Some(place) = next {
                    into.push(place);
                    next = self.orders.after(place);
                }
            }
            lots += self.levels.all[number as usize].lots;
            let worse = ladder.worse_than(level_key, &self.levels);
            level = worse.map(|number| (self.levels.all[number as usize].key, number));
        }
        into.sort_unstable_by_key(|place| {
            let (order, terms) = (&self.orders.hot[*place as usize], &self.orders.terms[*place as usize]);
            (std::cmp::Reverse(key(order)), order.hides(terms), order.order_ref)
        });
    }

    /// One order's side of a trade; whether the order is gone.
    fn cross_place<S: Sink>(
        &mut self,
        moment: Moment,
        place: u32,
        other_ref: u64,
        cross: &Cross,
        sink: &mut S,
    ) -> bool {
        let order = &mut self.orders.hot[place as usize];
        let front_lots = cross.lots.min(order.front_lots);
        order.front_lots -= front_lots;
        order.reserve_lots -= cross.lots - front_lots;
        let order = *order;
        self.orders.terms[place as usize].executed_lots += cross.lots;
        self.levels.all[order.level as usize].lots -= cross.lots;
        let mut event = event_of(moment, ExchangeEventKind::Crossed, order.instrument, order.session);
        (event.order_ref, event.other_ref, event.user_ref) = (order.order_ref, other_ref, order.user_ref);
        (event.match_id, event.price_nanos, event.lots) = (cross.match_id, cross.price_nanos, cross.lots);
        (event.leaves_lots, event.shown_lots) = (order.leaves_lots(), order.shown_lots());
        event.shown_change_lots = if order.hidden == 0 { front_lots } else { 0 };
        (event.side, event.resting, event.hidden) = (order.side + 1, 1, order.hidden);
        event.letter = cross.letter;
        self.say(&event, sink);
        if order.leaves_lots() == 0 {
            self.remove(place);
            return true;
        }
        if order.front_lots == 0 {
            self.refill(moment, place, sink);
        }
        false
    }

    /// What was for this auction alone ends.
    fn end_waiting<S: Sink>(&mut self, moment: Moment, instrument: u32, kind: AuctionKind, sink: &mut S) {
        for side in 0..2 {
            let waiting = self.book(instrument).expect("a book with a call is listed").waiting[side];
            let mut next = self.orders.first_of(waiting, 1);
            while let Some(place) = next {
                next = self.orders.after(place);
                if kind.takes(self.orders.terms[place as usize].time_in_force) {
                    self.cancel_place(moment, place, i64::MAX, Reason::Timeout, sink);
                }
            }
        }
    }

    /// What came in during the call and is to be shown is shown.
    fn unveil<S: Sink>(&mut self, moment: Moment, instrument: u32, sink: &mut S) {
        for side in 0..2 {
            let ladder = |matching: &Self, after: Option<i64>| {
                let ladder = &matching.book(instrument)?.ladders[side];
                match after {
                    Some(key) => ladder.worse_than(key, &matching.levels),
                    None => ladder.best().map(|(_, number)| number),
                }
            };
            let mut level = ladder(self, None);
            while let Some(number) = level {
                let mut next = self.orders.first_of(number, 1);
                while let Some(place) = next {
                    next = self.orders.after(place);
                    self.unveil_place(moment, place, sink);
                }
                level = ladder(self, Some(self.levels.all[number as usize].key));
            }
        }
    }

    fn unveil_place<S: Sink>(&mut self, moment: Moment, place: u32, sink: &mut S) {
        if std::mem::take(&mut self.orders.terms[place as usize].veiled) == 1 {
            self.orders.unlink(place);
            self.orders.hot[place as usize].hidden = 0;
            self.orders.link(place);
            self.say_rested(moment, place, sink);
        }
    }

    /// What guests sent during a recorded call is shown.
    pub fn show_collected<S: Sink>(&mut self, stamp: Stamp, venue: u16, instrument: u32, sink: &mut S) {
        for instrument in self.meant(instrument) {
            self.unveil(Moment { stamp, venue }, instrument, sink);
        }
    }

    /// One of them is, if it is not yet.
    pub fn show_order<S: Sink>(&mut self, stamp: Stamp, venue: u16, (session, user_ref): (u32, u64), sink: &mut S) {
        if let Some(place) = self.ids.get(session, user_ref) {
            self.unveil_place(Moment { stamp, venue }, place, sink);
        }
    }

    /// A recorded auction: orders of ours that are for it, and in a call all of ours, trade at its price as far as they are priced
    /// through it, by price and time and up to its lots. At the price itself the record does not say who was ahead: nothing
    /// trades. What was for it alone ends.
    pub fn cross_recorded<S: Sink>(
        &mut self,
        stamp: Stamp,
        venue: u16,
        instrument: u32,
        letter: u8,
        (price_nanos, lots): (i64, i64),
        sink: &mut S,
    ) {
        let (moment, kind) = (Moment { stamp, venue }, AuctionKind::from_letter(letter));
        let Some(kind) = kind.filter(|_| self.book(instrument).is_some()) else { return };
        let mut queues = std::mem::take(&mut self.queues);
        // Of the ladders' orders so many lots: all, or none where everything traded before.
        let paired_lots = if self.state(instrument) == Some(TradingState::Auction) { i64::MAX } else { 0 };
        for side in [Side::Buy, Side::Sell] {
            // Of a price beyond the auction's by the least amount.
            let beyond = Clearing { price_nanos: price_nanos + side.sign(), paired_lots, surplus_lots: 0 };
            self.line_up(instrument, side, kind, &beyond, &mut queues[side.index()]);
            queues[side.index()].retain(|place| self.orders.hot[*place as usize].session != self.recorded_session);
            let mut open_lots = lots;
            for place in &queues[side.index()] {
                let cross_lots = open_lots.min(self.orders.hot[*place as usize].leaves_lots());
                if cross_lots > 0 {
                    open_lots -= cross_lots;
                    // Who met it the record does not say: a number of its own, for one order's side alone.
                    let part = Trade { instrument, price_nanos, lots: cross_lots, broken: true, ..Trade::default() };
                    let cross = Cross { price_nanos, lots: cross_lots, match_id: self.trades.keep(part), letter };
                    self.cross_place(moment, *place, 0, &cross, sink);
                }
            }
        }
        self.queues = queues;
        self.end_waiting(moment, instrument, kind, sink);
    }

    /// Says the state that an instrument is in now.
    pub(super) fn say_state<S: Sink>(
        &mut self,
        moment: Moment,
        instrument: u32,
        reason: [u8; 4],
        letter: u8,
        sink: &mut S,
    ) {
        let Some(state) = self.state(instrument) else { return };
        let mut event = event_of(moment, ExchangeEventKind::State, instrument, 0);
        (event.state, event.letters, event.letter) = (state.code(), reason, letter);
        self.say(&event, sink);
    }
}
