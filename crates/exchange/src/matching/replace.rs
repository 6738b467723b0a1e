//! Replaces: new terms for a resting order, under a new number.
//!
//! Invariant: what was executed in an order's chain counts against the new quantity. Fewer or equal lots at the same price,
//! displayed as before, keep the order's place and reference; anything else loses both.

use records::{
    BookEffect, ExchangeEventKind, ExchangeReplace, Reason, Side, Stamp, TimeInForce, TradingState, UNDEF_PRICE,
};

use super::crossing::{Incoming, limit_key};
use super::enter::Wanted;
use super::orders::{NO_TIMER, Order, Terms};
use super::{Matching, Moment, Sink, event_of};

/// A replace that passed the checks.
struct Change {
    place: u32,
    order: Order,
    terms: Terms,
    wanted: Wanted,
    leaves_lots: i64,
}

impl Change {
    /// Whether the order keeps its place.
    #[inline(always)]
    fn keeps_priority(&self, command: &ExchangeReplace) -> bool {
        self.order.price_nanos == command.price_nanos
            && self.leaves_lots <= self.order.leaves_lots()
            && self.terms.display_lots == command.display_lots
            && self.order.hides(&self.terms) == command.hidden
            && !self.wanted.is_immediate()
    }
}

impl Matching {
    /// Replaces an order.
    pub fn replace<S: Sink>(&mut self, stamp: Stamp, command: &ExchangeReplace, sink: &mut S) {
        let moment = self.begin(stamp, command.header.venue, sink);
        match self.admit_replace(moment, command) {
            Err(reason) => self.say_replace_rejected(moment, command, reason, sink),
            // Everything the new quantity allows has traded already: the replacement never lives, the original ends.
            Ok(change) if change.leaves_lots <= 0 => {
                self.say_replace_rejected(moment, command, Reason::InvalidQuantity, sink);
                self.cancel_place(moment, change.place, i64::MAX, Reason::UserRequested, sink);
            }
            Ok(change) if change.keeps_priority(command) => self.replace_in_place(moment, command, &change, sink),
            Ok(change) => self.replace_anew(moment, command, &change, sink),
        }
    }

    #[inline(always)]
    fn admit_replace(&mut self, moment: Moment, command: &ExchangeReplace) -> Result<Change, Reason> {
        let session = command.header.source;
        self.admit_number(session, command.user_ref)?;
        if command.refused != 0 {
            return Err(Reason::from_code(command.refused).unwrap_or(Reason::InvalidField));
        }
        let place = self.ids.get(session, command.original_ref).ok_or(Reason::UnknownOrder)?;
        let order = self.orders.hot[place as usize];
        let terms = self.orders.terms[place as usize];
        // A protocol that names an order's auction apart says of its life in a replace that it is the day's.
        let day = order.waits == 1 && command.time_in_force == TimeInForce::Day.code();
        let code = if command.time_in_force == 0 || day { terms.time_in_force } else { command.time_in_force };
        let time_in_force = TimeInForce::from_code(code).ok_or(Reason::InvalidField)?;
        if command.post_only > 1 || command.hidden > 1 {
            return Err(Reason::InvalidField);
        }
        let kept_expiry = command.time_in_force == 0 && command.expire_time_ns == 0;
        let wanted = Wanted {
            price_nanos: command.price_nanos,
            lots: command.lots,
            minimum_lots: command.minimum_lots,
            display_lots: command.display_lots,
            expire_time_ns: if kept_expiry { terms.expire_time_ns } else { command.expire_time_ns },
            time_in_force,
            post_only: command.post_only == 1,
            hidden: command.hidden == 1,
            market: false,
            collected: false,
        };
        let book = self.book(terms.instrument).expect("a resting order's book is listed");
        if let Some(reason) = wanted.refusal(&book.rules, moment.stamp.time_ns) {
            return Err(reason);
        }
        let state = book.rules.state;
        let leaves_lots = command.lots - terms.executed_lots;
        let mut change = Change { place, order, terms, wanted, leaves_lots };
        let plain = state == TradingState::Trading && code < TimeInForce::AtOpen.code() && order.waits == 0;
        if !plain && time_in_force.is_at_auction() != (order.waits == 1) {
            return Err(Reason::InvalidField);
        }
        if self.calls != 0 && self.is_frozen(&order, terms.time_in_force, moment.stamp.time_ns) {
            return Err(Reason::TooLate);
        }
        if leaves_lots > 0 && !change.keeps_priority(command) {
            if !plain {
                let book = self.book(terms.instrument).expect("looked at above");
                change.wanted.collected =
                    book.collects(code, order.side + 1, moment.stamp.time_ns, self.recorded_session != 0)?;
            }
            if change.wanted.collected && wanted.is_immediate() {
                return Err(Reason::Closed);
            }
            if state == TradingState::QuoteOnly
                && !change.wanted.collected
                && (change.wanted.is_immediate() || self.is_marketable(&incoming_of(command, &change)))
            {
                return Err(Reason::Halted);
            }
        }
        Ok(change)
    }

    #[inline(never)]
    fn replace_in_place<S: Sink>(&mut self, moment: Moment, command: &ExchangeReplace, change: &Change, sink: &mut S) {
        let place = change.place;
        let before = change.order;
        self.ids.remove(before.session, before.user_ref);
        self.ids.insert(before.session, command.user_ref, place);
        self.orders.hot[place as usize].user_ref = command.user_ref;
        let after = self.reduce(place, before.leaves_lots() - change.leaves_lots);
        self.clear_timer(place);
        let terms = &mut self.orders.terms[place as usize];
        terms.time_in_force = change.wanted.time_in_force.code();
        terms.expire_time_ns = change.wanted.expire_time_ns;
        if change.wanted.expire_time_ns != 0 {
            self.set_timer(place, after.order_ref, change.wanted.expire_time_ns);
        }
        let incoming = Incoming { order_ref: before.order_ref, ..incoming_of(command, change) };
        let shown_change_lots = before.shown_lots() - after.shown_lots();
        let effect = if shown_change_lots > 0 { BookEffect::Reduced } else { BookEffect::None };
        self.say_replaced(moment, command, change, &incoming, (effect, after.shown_lots()), sink);
    }

    #[inline(always)]
    fn replace_anew<S: Sink>(&mut self, moment: Moment, command: &ExchangeReplace, change: &Change, sink: &mut S) {
        let mut incoming = incoming_of(command, change);
        incoming.order_ref = self.next_order_ref;
        self.next_order_ref += 1;
        self.withdraw(change.place);
        let collected = change.wanted.collected;
        let rests_at_once = !collected && !change.wanted.is_immediate() && !self.is_marketable(&incoming) && {
            let book = self.book(incoming.instrument).expect("a resting order's book is listed");
            book.ladders[incoming.side.index()].has_room_for(incoming.side.sign() * incoming.price_nanos, &self.levels)
        };
        let (was_shown, is_shown) = (change.order.hidden == 0, incoming.hidden == 0);
        let effect = match (was_shown, rests_at_once && is_shown) {
            (true, true) => BookEffect::Replaced,
            (true, false) => BookEffect::Removed,
            (false, _) => BookEffect::None,
        };
        let shown_lots = match (effect, change.wanted.display_lots) {
            (BookEffect::Replaced, 0) => incoming.open_lots,
            (BookEffect::Replaced, display) => display.min(incoming.open_lots),
            _ => 0,
        };
        self.say_replaced(moment, command, change, &incoming, (effect, shown_lots), sink);
        if !rests_at_once {
            self.orders.give_back(change.place);
            if collected {
                return self.collect(moment, &mut incoming, &change.wanted, sink);
            }
            return self.work(moment, &mut incoming, &change.wanted, effect != BookEffect::Replaced, sink);
        }
        let number = self.level_for(&incoming).expect("looked for room above");
        self.settle(change.place, number, &incoming);
        if effect != BookEffect::Replaced {
            self.say_rested(moment, change.place, sink);
        }
    }

    #[inline(always)]
    fn say_replaced<S: Sink>(
        &mut self,
        moment: Moment,
        command: &ExchangeReplace,
        change: &Change,
        incoming: &Incoming,
        (effect, shown_lots): (BookEffect, i64),
        sink: &mut S,
    ) {
        let mut event = event_of(moment, ExchangeEventKind::Replaced, incoming.instrument, incoming.session);
        event.order_ref = incoming.order_ref;
        event.other_ref = change.order.order_ref;
        event.user_ref = command.user_ref;
        event.other_user_ref = command.original_ref;
        event.price_nanos = command.price_nanos;
        event.lots = change.leaves_lots;
        event.leaves_lots = change.leaves_lots;
        event.shown_lots = shown_lots;
        event.shown_change_lots = change.order.shown_lots() - shown_lots;
        event.tag = command.tag;
        event.participant = incoming.terms.participant;
        event.side = incoming.side.code();
        event.resting = 1;
        event.hidden = incoming.hidden;
        event.effect = effect.code();
        event.letters = incoming.terms.letters;
        event.time_in_force = incoming.terms.time_in_force;
        event.short_sale = incoming.terms.short_sale;
        self.say(&event, sink);
    }

    #[cold]
    fn say_replace_rejected<S: Sink>(
        &mut self,
        moment: Moment,
        command: &ExchangeReplace,
        reason: Reason,
        sink: &mut S,
    ) {
        let header = &command.header;
        let mut event = event_of(moment, ExchangeEventKind::ReplaceRejected, header.instrument, header.source);
        event.user_ref = command.user_ref;
        event.other_user_ref = command.original_ref;
        event.price_nanos = if command.price_nanos == UNDEF_PRICE { 0 } else { command.price_nanos };
        event.lots = command.lots;
        event.tag = command.tag;
        event.reason = reason.code();
        self.say(&event, sink);
    }
}

/// The replacement as an order on its way in. It keeps side, owner, group and what was executed.
#[inline(always)]
fn incoming_of(command: &ExchangeReplace, change: &Change) -> Incoming {
    let side = if change.order.side == 0 { Side::Buy } else { Side::Sell };
    let letters = change.terms.letters;
    Incoming {
        instrument: change.terms.instrument,
        session: change.order.session,
        user_ref: command.user_ref,
        order_ref: 0,
        side,
        price_nanos: command.price_nanos,
        limit_key: limit_key(side, command.price_nanos),
        open_lots: change.leaves_lots,
        owner: change.order.owner,
        hidden: command.hidden,
        terms: Terms {
            display_lots: command.display_lots,
            expire_time_ns: change.wanted.expire_time_ns,
            expiry: NO_TIMER,
            // Capacity and cross type stay; sweep eligibility and display are the replacement's.
            letters: [letters[0], command.letters[0], letters[2], command.letters[1]],
            time_in_force: change.wanted.time_in_force.code(),
            ..change.terms
        },
    }
}
