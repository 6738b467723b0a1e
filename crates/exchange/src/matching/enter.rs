//! New orders: checked, accepted, crossed, rested.
//!
//! Invariant: a refused order changes nothing but the session's last number; an accepted one is fully accounted for by
//! the events that follow its acceptance.

use records::{
    ExchangeEnter, ExchangeEventKind, OrderType, Reason, SelfTrade, Side, Stamp, TimeInForce, TradingState, UNDEF_PRICE,
};

use super::crossing::{Incoming, limit_key};
use super::listing::Rules;
use super::orders::{NO_TIMER, Terms};
use super::{Matching, Moment, Sink, event_of};

/// What new orders and replacements have in common.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    pub price_nanos: i64,
    pub lots: i64,
    pub minimum_lots: i64,
    pub display_lots: i64,
    pub expire_time_ns: u64,
    pub time_in_force: TimeInForce,
    pub post_only: bool,
    pub hidden: bool,
    pub market: bool,
    /// Collected by a call, or for an auction: does not trade now.
    pub collected: bool,
}

impl Wanted {
    /// Trades at once or not at all.
    pub fn is_immediate(&self) -> bool {
        self.market && !self.time_in_force.is_at_auction()
            || matches!(self.time_in_force, TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill)
    }

    /// Least lots that must trade at once.
    pub fn least_lots(&self, open_lots: i64) -> i64 {
        if self.time_in_force == TimeInForce::FillOrKill { open_lots } else { self.minimum_lots.min(open_lots) }
    }

    /// Why the terms are refused, if they are.
    #[inline(always)]
    pub fn refusal(&self, rules: &Rules, now_ns: u64) -> Option<Reason> {
        if !rules.lots_are_valid(self.lots) {
            return Some(Reason::InvalidQuantity);
        }
        let free_price = self.market && self.price_nanos == UNDEF_PRICE;
        if !free_price && !rules.price_is_valid(self.price_nanos) {
            return Some(Reason::InvalidPrice);
        }
        if self.display_lots != 0
            && (!rules.lots_are_valid(self.display_lots)
                || self.display_lots > self.lots
                || self.hidden
                || self.time_in_force.is_at_auction())
        {
            return Some(Reason::InvalidField);
        }
        if self.post_only && self.is_immediate() {
            return Some(Reason::InvalidField);
        }
        if (self.time_in_force == TimeInForce::GoodTillTime) != (self.expire_time_ns > now_ns) {
            return Some(Reason::InvalidField);
        }
        let minimum_is_valid = (0..=self.lots).contains(&self.minimum_lots);
        if !minimum_is_valid || (self.minimum_lots > 0 && !self.is_immediate()) {
            return Some(Reason::MinimumQuantity);
        }
        None
    }
}

/// A command's codes, read.
struct Read {
    side: Side,
    wanted: Wanted,
}

fn read(command: &ExchangeEnter) -> Option<Read> {
    let side = Side::from_code(command.side)?;
    let market = OrderType::from_code(command.order_type)? == OrderType::Market;
    let time_in_force = TimeInForce::from_code(command.time_in_force)?;
    if command.self_trade != 0 {
        SelfTrade::from_code(command.self_trade)?;
    }
    if command.short_sale > 2 || command.hidden > 1 || command.post_only > 1 || command.ends_with_connection > 1 {
        return None;
    }
    Some(Read {
        side,
        wanted: Wanted {
            price_nanos: command.price_nanos,
            lots: command.lots,
            minimum_lots: command.minimum_lots,
            display_lots: command.display_lots,
            expire_time_ns: command.expire_time_ns,
            time_in_force,
            post_only: command.post_only == 1,
            hidden: command.hidden == 1,
            market,
            collected: false,
        },
    })
}

impl Matching {
    /// A new order.
    pub fn enter<S: Sink>(&mut self, stamp: Stamp, command: &ExchangeEnter, sink: &mut S) {
        let moment = self.begin(stamp, command.header.venue, sink);
        match self.admit(moment, command) {
            Ok((mut incoming, wanted)) => {
                incoming.order_ref = self.next_order_ref;
                if command.ends_with_connection == 1 {
                    self.tie(command.header.source);
                }
                self.next_order_ref += 1;
                self.say_accepted(moment, command, &incoming, sink);
                if wanted.collected {
                    return self.collect(moment, &mut incoming, &wanted, sink);
                }
                self.work(moment, &mut incoming, &wanted, true, sink);
            }
            Err(reason) => self.say_rejected(moment, command, reason, sink),
        }
    }

    /// Checks a new order without changing anything but the session's last number.
    #[inline]
    fn admit(&mut self, moment: Moment, command: &ExchangeEnter) -> Result<(Incoming, Wanted), Reason> {
        let (session, instrument) = (command.header.source, command.header.instrument);
        self.admit_number(session, command.user_ref)?;
        if command.refused != 0 {
            return Err(Reason::from_code(command.refused).unwrap_or(Reason::InvalidField));
        }
        if self.port(session).is_some_and(|port| port.disabled) {
            return Err(Reason::Closed);
        }
        let book = self.books.get(instrument as usize).and_then(Option::as_ref).ok_or(Reason::InvalidInstrument)?;
        let plain = book.rules.state == TradingState::Trading && command.time_in_force < TimeInForce::AtOpen.code();
        let recorded = self.recorded_session != 0;
        let collected = !plain && book.collects(command.time_in_force, command.side, moment.stamp.time_ns, recorded)?;
        let Read { side, mut wanted } = read(command).ok_or(Reason::InvalidField)?;
        if let Some(reason) = wanted.refusal(&book.rules, moment.stamp.time_ns) {
            return Err(reason);
        }
        if collected && wanted.is_immediate() {
            return Err(Reason::Closed);
        }
        wanted.collected = collected;
        let port = self.port(session).ok_or(Reason::InvalidField)?.record;
        let protected = wanted.market && !collected;
        let limit_nanos = if protected { self.market_limit(instrument, side, &wanted) } else { wanted.price_nanos };
        let incoming = Incoming {
            instrument,
            session,
            user_ref: command.user_ref,
            order_ref: 0,
            side,
            price_nanos: limit_nanos,
            limit_key: limit_key(side, limit_nanos),
            open_lots: wanted.lots,
            owner: if command.owner == 0 { port.owner } else { command.owner },
            hidden: command.hidden,
            terms: Terms {
                executed_lots: 0,
                display_lots: wanted.display_lots,
                expire_time_ns: wanted.expire_time_ns,
                instrument,
                expiry: NO_TIMER,
                participant: command.participant,
                letters: command.letters,
                time_in_force: command.time_in_force,
                self_trade: if command.self_trade == 0 { port.self_trade } else { command.self_trade },
                short_sale: command.short_sale,
                ends_with_connection: command.ends_with_connection,
                veiled: 0,
            },
        };
        let quote_only = book.rules.state == TradingState::QuoteOnly && !collected;
        if quote_only && (wanted.is_immediate() || self.is_marketable(&incoming)) {
            return Err(Reason::Halted);
        }
        if self.orders.is_full() && !wanted.is_immediate() {
            return Err(Reason::BackPressure);
        }
        Ok((incoming, wanted))
    }

    /// Whether a session may use this number now; a rising session's number is used up even if the order is refused.
    #[inline(always)]
    pub(super) fn admit_number(&mut self, session: u32, user_ref: u64) -> Result<(), Reason> {
        let port = self.ports.get_mut(session as usize).and_then(Option::as_mut).ok_or(Reason::InvalidField)?;
        if port.record.rising != 0 {
            if user_ref <= port.last_user_ref {
                return Err(Reason::DuplicateId);
            }
            port.last_user_ref = user_ref;
        }
        if self.ids.get(session, user_ref).is_some() {
            return Err(Reason::DuplicateId);
        }
        Ok(())
    }

    /// The worst price of a market order: its own, and the listing's protection from the touch.
    fn market_limit(&self, instrument: u32, side: Side, wanted: &Wanted) -> i64 {
        let book = self.book(instrument).expect("looked up before");
        let touch = book.ladders[side.opposite().index()].best();
        let protection = touch.map(|(key, _)| book.rules.protection_nanos(side.opposite().sign() * key, side.sign()));
        match (wanted.price_nanos, protection) {
            (UNDEF_PRICE, protection) => protection.unwrap_or(0),
            (own, None) => own,
            (own, Some(protection)) => match side {
                Side::Buy => own.min(protection),
                Side::Sell => own.max(protection),
            },
        }
    }

    /// Works an accepted order or replacement to its end: trades, then rests or is cancelled. `announce`: the feed hears
    /// of the resting order by a `Rested` event (else the replace event said it all).
    #[inline]
    pub(super) fn work<S: Sink>(
        &mut self,
        moment: Moment,
        incoming: &mut Incoming,
        wanted: &Wanted,
        announce: bool,
        sink: &mut S,
    ) {
        let cancel = |reason| (i64::MAX, UNDEF_PRICE, reason);
        let marketable = self.is_marketable(incoming);
        if marketable && wanted.post_only {
            let (lots, price, reason) = cancel(Reason::WouldCross);
            return self.cancel_incoming(moment, incoming, lots, price, reason, sink);
        }
        let least_lots = wanted.least_lots(incoming.open_lots);
        if least_lots > 0 && !self.can_trade(incoming, least_lots) {
            let (lots, price, reason) = cancel(Reason::MinimumQuantity);
            return self.cancel_incoming(moment, incoming, lots, price, reason, sink);
        }
        if marketable {
            self.cross(moment, incoming, sink);
        }
        if incoming.open_lots == 0 {
            return;
        }
        let place = if wanted.is_immediate() { None } else { self.rest(incoming) };
        match place {
            Some(place) if announce => self.say_rested(moment, place, sink),
            Some(_) => {}
            None => {
                let reason = if wanted.is_immediate() { Reason::Immediate } else { Reason::BackPressure };
                let (lots, price, reason) = cancel(reason);
                self.cancel_incoming(moment, incoming, lots, price, reason, sink);
            }
        }
    }

    fn say_accepted<S: Sink>(&mut self, moment: Moment, command: &ExchangeEnter, incoming: &Incoming, sink: &mut S) {
        let mut event = event_of(moment, ExchangeEventKind::Accepted, incoming.instrument, incoming.session);
        event.order_ref = incoming.order_ref;
        event.user_ref = incoming.user_ref;
        event.price_nanos = command.price_nanos;
        event.lots = incoming.open_lots;
        event.leaves_lots = incoming.open_lots;
        event.tag = command.tag;
        event.participant = incoming.terms.participant;
        event.side = command.side;
        event.hidden = command.hidden;
        event.letters = command.letters;
        event.time_in_force = command.time_in_force;
        event.short_sale = command.short_sale;
        self.say(&event, sink);
    }

    #[cold]
    fn say_rejected<S: Sink>(&mut self, moment: Moment, command: &ExchangeEnter, reason: Reason, sink: &mut S) {
        let header = &command.header;
        let mut event = event_of(moment, ExchangeEventKind::Rejected, header.instrument, header.source);
        event.user_ref = command.user_ref;
        event.price_nanos = command.price_nanos;
        event.lots = command.lots;
        event.tag = command.tag;
        event.side = command.side;
        event.reason = reason.code();
        self.say(&event, sink);
    }

    pub(super) fn say_rested<S: Sink>(&mut self, moment: Moment, place: u32, sink: &mut S) {
        let order = self.orders.hot[place as usize];
        let terms = self.orders.terms[place as usize];
        let mut event = event_of(moment, ExchangeEventKind::Rested, terms.instrument, order.session);
        event.order_ref = order.order_ref;
        event.user_ref = order.user_ref;
        event.price_nanos = order.price_nanos;
        event.lots = order.shown_lots();
        event.leaves_lots = order.leaves_lots();
        event.shown_lots = order.shown_lots();
        event.participant = terms.participant;
        event.side = order.side + 1;
        event.resting = 1;
        event.hidden = order.hidden;
        self.say(&event, sink);
    }
}
