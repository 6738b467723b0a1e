//! Cancels: of one order, wholly or in part, and of many.
//!
//! Invariant: an order that is reduced keeps its place in its queue; lots come off the reserve first.

use records::{
    ExchangeCancel, ExchangeEventKind, ExchangeMassCancel, ExchangeRequest, Reason, Side, Stamp, TimeInForce,
    UNDEF_PRICE,
};

use super::crossing::Incoming;
use super::orders::{Order, Terms};
use super::{Matching, Moment, Sink, event_of};

impl Matching {
    /// Cancels or reduces one order.
    pub fn cancel<S: Sink>(&mut self, stamp: Stamp, command: &ExchangeCancel, sink: &mut S) {
        let moment = self.begin(stamp, command.header.venue, sink);
        let session = command.header.source;
        let Some(place) = self.ids.get(session, command.user_ref) else {
            return self.say_cancel_rejected(moment, command, Reason::UnknownOrder, sink);
        };
        let order = &self.orders.hot[place as usize];
        if self.calls != 0 && self.is_frozen(order, self.orders.terms[place as usize].time_in_force, stamp.time_ns) {
            return self.say_cancel_rejected(moment, command, Reason::TooLate, sink);
        }
        let leaves_lots = order.leaves_lots();
        let off_lots = if command.relative == 1 {
            command.lots
        } else if command.lots == 0 {
            leaves_lots
        } else {
            // Total wanted, less what traded, is what may stay.
            let executed_lots = self.orders.terms[place as usize].executed_lots;
            leaves_lots - command.lots.saturating_sub(executed_lots).max(0).min(leaves_lots)
        };
        if command.lots < 0 || off_lots == 0 {
            return self.say_cancel_rejected(moment, command, Reason::InvalidQuantity, sink);
        }
        let reason = Reason::from_code(command.reason).unwrap_or(Reason::UserRequested);
        if command.short_sale != 0 {
            self.orders.terms[place as usize].short_sale = command.short_sale;
        }
        self.cancel_place_for(moment, place, off_lots, reason, command.modify, sink);
    }

    /// Cancels all orders that match, book by book in price-time order, bids first.
    pub fn mass_cancel<S: Sink>(&mut self, stamp: Stamp, command: &ExchangeMassCancel, sink: &mut S) {
        let moment = self.begin(stamp, command.header.venue, sink);
        let reason = Reason::from_code(command.reason).unwrap_or(Reason::UserRequested);
        let (session, instrument) = (command.header.source, command.header.instrument);
        let side = Side::from_code(command.side).map(|side| side.index() as u8);
        // What the exchange itself takes off is never too late.
        let bound = self.calls != 0 && session != 0;
        self.cancel_where(moment, reason, sink, |matching, order, terms| {
            (session == 0 || order.session == session)
                && (instrument == 0 || terms.instrument == instrument)
                && (command.owner == 0 || order.owner == command.owner)
                && side.is_none_or(|side| order.side == side)
                && !(bound && matching.is_frozen(order, terms.time_in_force, stamp.time_ns))
        });
        if command.user_ref != 0 {
            self.say_answered(moment, session, instrument, command.user_ref, b'C', sink);
        }
    }

    /// A request by name: cancels do what they say; questions, and what is refused, only have their place in the sequence.
    pub fn request<S: Sink>(&mut self, stamp: Stamp, command: &ExchangeRequest, sink: &mut S) {
        match (command.what, command.refused) {
            (b'F' | b'P', 0) => {
                let mut cancel = ExchangeCancel::new();
                cancel.header =
                    records::Header { kind: cancel.header.kind, length: cancel.header.length, ..command.header };
                cancel.user_ref = command.original_ref;
                cancel.reason = Reason::UserRequested.code();
                self.cancel(stamp, &cancel, sink);
            }
            (b'q', 0) => {
                let mut cancel = ExchangeMassCancel::new();
                cancel.header =
                    records::Header { kind: cancel.header.kind, length: cancel.header.length, ..command.header };
                cancel.side = command.side;
                cancel.reason = Reason::UserRequested.code();
                self.mass_cancel(stamp, &cancel, sink);
            }
            _ => {
                self.begin(stamp, command.header.venue, sink);
            }
        }
    }

    /// DAY and good-till-time orders do not live past the day.
    pub(super) fn cancel_day_orders<S: Sink>(&mut self, moment: Moment, sink: &mut S) {
        self.cancel_where(moment, Reason::DayEnd, sink, |_, _, terms| {
            terms.time_in_force != TimeInForce::GoodTillCancel.code()
        });
    }

    /// Cancels every resting order that the predicate picks.
    pub(super) fn cancel_where<S: Sink>(
        &mut self,
        moment: Moment,
        reason: Reason,
        sink: &mut S,
        picks: impl Fn(&Self, &Order, &Terms) -> bool,
    ) {
        let mut next = self.first_resting();
        while let Some(place) = next {
            // Taken before the order goes: the successor stays where it is.
            next = self.next_resting(place);
            if picks(self, &self.orders.hot[place as usize], &self.orders.terms[place as usize]) {
                self.cancel_place(moment, place, i64::MAX, reason, sink);
            }
        }
    }

    /// Takes lots (at most all) off a resting order.
    pub(super) fn cancel_place<S: Sink>(
        &mut self,
        moment: Moment,
        place: u32,
        lots: i64,
        reason: Reason,
        sink: &mut S,
    ) {
        self.cancel_place_for(moment, place, lots, reason, 0, sink);
    }

    #[inline]
    fn cancel_place_for<S: Sink>(
        &mut self,
        moment: Moment,
        place: u32,
        lots: i64,
        reason: Reason,
        modify: u8,
        sink: &mut S,
    ) {
        let before = self.orders.hot[place as usize];
        let terms = self.orders.terms[place as usize];
        let lots = lots.min(before.leaves_lots());
        let gone = lots == before.leaves_lots();
        let mut after = before;
        if gone {
            after.front_lots = 0;
            after.reserve_lots = 0;
            self.remove(place);
        } else {
            after = self.reduce(place, lots);
        }
        let mut event = event_of(moment, ExchangeEventKind::Canceled, terms.instrument, before.session);
        event.order_ref = before.order_ref;
        event.user_ref = before.user_ref;
        event.price_nanos = before.price_nanos;
        event.lots = lots;
        event.leaves_lots = after.leaves_lots();
        event.shown_lots = after.shown_lots();
        event.shown_change_lots = before.shown_lots() - after.shown_lots();
        event.side = before.side + 1;
        event.resting = 1;
        event.hidden = before.hidden;
        event.reason = reason.code();
        event.letter = modify;
        event.other_leaves_lots = terms.executed_lots;
        event.short_sale = terms.short_sale;
        self.say(&event, sink);
    }

    /// Takes fewer lots than all off an order, which keeps its place in its queue.
    pub(super) fn reduce(&mut self, place: u32, lots: i64) -> Order {
        let order = &mut self.orders.hot[place as usize];
        let from_reserve = lots.min(order.reserve_lots);
        order.reserve_lots -= from_reserve;
        order.front_lots -= lots - from_reserve;
        self.levels.all[order.level as usize].lots -= lots;
        *order
    }

    /// Takes lots (at most all) off an order that does not rest yet.
    #[cold]
    pub(super) fn cancel_incoming<S: Sink>(
        &mut self,
        moment: Moment,
        incoming: &mut Incoming,
        lots: i64,
        price_nanos: i64,
        reason: Reason,
        sink: &mut S,
    ) {
        let lots = lots.min(incoming.open_lots);
        incoming.open_lots -= lots;
        let mut event = event_of(moment, ExchangeEventKind::Canceled, incoming.instrument, incoming.session);
        event.order_ref = incoming.order_ref;
        event.user_ref = incoming.user_ref;
        event.price_nanos = if price_nanos == UNDEF_PRICE { incoming.price_nanos } else { price_nanos };
        event.lots = lots;
        event.leaves_lots = incoming.open_lots;
        event.other_leaves_lots = incoming.terms.executed_lots;
        event.side = incoming.side.code();
        event.hidden = incoming.hidden;
        event.reason = reason.code();
        self.say(&event, sink);
    }

    #[cold]
    fn say_cancel_rejected<S: Sink>(&mut self, moment: Moment, command: &ExchangeCancel, reason: Reason, sink: &mut S) {
        let header = &command.header;
        let mut event = event_of(moment, ExchangeEventKind::CancelRejected, header.instrument, header.source);
        event.user_ref = command.user_ref;
        event.lots = command.lots;
        event.reason = reason.code();
        event.letter = command.modify;
        self.say(&event, sink);
    }
}
