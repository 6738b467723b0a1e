//! What risk, venue and clocks let a slot know: headroom with the limit that binds, sessions, latencies, queue places.
//!
//! Invariant: all of it is computed from what the fold holds at the call, for slots whose class looks and for no other; times
//! are differences of the records' own stamps, so that a replay shows the same.

use records::{
    Callback, ListingState, OrderEvent, OrderEventKind, OrderState, QueuePlace, RISK_LIMIT, RISK_NEW_ORDERS, RISK_SIDE,
    RISK_VENUE, RiskView, SlotRun, UNDEF_PRICE,
};
use risk::Binding;

use super::Engine;
use super::cells::{ListingCell, SlotCell, VenueCell};
use crate::host::EventRef;
use crate::outbox::Outbox;

/// Weight of a new time in a running mean: one of so many parts.
const MEAN_PARTS: i64 = 16;
const UNKNOWN: i64 = -1;

/// A time measured again and again, in ns; -1: never yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    last_ns: i64,
    mean_ns: i64,
}

records::state_value!(Measured { last_ns, mean_ns });

impl Measured {
    pub const NEVER: Self = Self { last_ns: UNKNOWN, mean_ns: UNKNOWN };

    /// Takes the time between two stamps; clocks that disagree give 0.
    fn take(&mut self, from_ns: u64, to_ns: u64) {
        if from_ns == 0 || to_ns == 0 {
            return;
        }
        let taken = i64::try_from(to_ns.saturating_sub(from_ns)).unwrap_or(i64::MAX);
        self.mean_ns = if self.mean_ns == UNKNOWN {
            taken
        } else {
            self.mean_ns + (i128::from(taken) - i128::from(self.mean_ns)).div_euclid(i128::from(MEAN_PARTS)) as i64
        };
        self.last_ns = taken;
    }
}

/// Times measured at a listing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Latencies {
    feed: Measured,
    order: Measured,
    entry: Measured,
    response: Measured,
}

records::state_value!(Latencies { feed, order, entry, response });

impl Latencies {
    pub const NEVER: Self =
        Self { feed: Measured::NEVER, order: Measured::NEVER, entry: Measured::NEVER, response: Measured::NEVER };

    /// A change of the book arrived.
    pub fn book(&mut self, venue_ns: u64, received_ns: u64) {
        self.feed.take(venue_ns, received_ns);
    }

    fn show(&self, state: &mut ListingState) {
        (state.feed_latency_ns, state.feed_latency_mean_ns) = (self.feed.last_ns, self.feed.mean_ns);
        (state.order_latency_ns, state.order_latency_mean_ns) = (self.order.last_ns, self.order.mean_ns);
        (state.entry_latency_ns, state.response_latency_ns) = (self.entry.last_ns, self.response.last_ns);
    }
}

/// What a slot was told of risk at a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RiskTold {
    new_orders: u32,
    open: [bool; 2],
    limits: [u32; 2],
    reasons: [u32; 2],
    venue: [u32; 2],
}

records::state_value!(RiskTold { new_orders, open, limits, reasons, venue });

impl RiskTold {
    fn of(cell: &SlotCell, index: usize) -> Self {
        let (state, view) = (&cell.view.states[index], &cell.view.listings[index]);
        Self {
            new_orders: state.new_orders,
            open: [view.headroom_buy_lots > 0, view.headroom_sell_lots > 0],
            limits: [state.buy_limit, state.sell_limit],
            reasons: [state.buy_reason, state.sell_reason],
            venue: [state.connected, state.breaker],
        }
    }

    /// `RISK_*` bits of what differs.
    fn changed(&self, before: &Self) -> u32 {
        let mut bits = 0;
        for (bit, differs) in [
            (RISK_NEW_ORDERS, self.new_orders != before.new_orders),
            (RISK_SIDE, self.open != before.open),
            (RISK_LIMIT, (self.limits, self.reasons) != (before.limits, before.reasons)),
            (RISK_VENUE, self.venue != before.venue),
        ] {
            bits |= if differs { bit } else { 0 };
        }
        bits
    }
}

fn show_venue(listing: &ListingCell, venue: &VenueCell, now_ns: u64, state: &mut ListingState) {
    listing.latencies.show(state);
    state.connected = u32::from(venue.up);
    state.breaker = venue.guard.breaker_code();
    state.throttle_left = venue.guard.throttle_left(now_ns);
}

impl Engine {
    /// Brings what only some classes look at up to date.
    #[inline(never)]
    pub(super) fn refresh_looked_at(&mut self, slot: u8) {
        let Some(Some(cell)) = self.slots.get(usize::from(slot)) else { return };
        let wants = cell.wants;
        if wants.states || wants.risk_calls {
            self.refresh_states(slot);
        }
        if wants.queues {
            self.refresh_queues(slot);
        }
        if wants.regions {
            self.refresh_regions(slot);
        }
    }

    fn refresh_states(&mut self, slot: u8) {
        let Some(Some(cell)) = self.slots.get_mut(usize::from(slot)) else { return };
        let renewed = cell.states_seen != self.exposures;
        cell.states_seen = self.exposures;
        for index in 0..cell.listings_count {
            let listing = &self.listings[usize::from(cell.listings[index])];
            let venue = &self.venues[usize::from(listing.venue)];
            let state = &mut cell.view.states[index];
            show_venue(listing, venue, self.time_ns, state);
            if !renewed || cell.bindings[index] == Binding(0) {
                continue;
            }
            let mark_nanos = self.marks[listing.instrument as usize];
            let price_nanos = if mark_nanos == 0 { UNDEF_PRICE } else { mark_nanos };
            let allowed = self.limits.allowance(cell.bindings[index], price_nanos);
            let [buy, sell] = allowed.sides;
            debug_assert_eq!((buy.lots, sell.lots), self.limits.headroom_at(cell.bindings[index], price_nanos));
            state.new_orders = u32::from(allowed.new_orders.code());
            (state.buy_limit, state.sell_limit) = (buy.limit, sell.limit);
            (state.buy_reason, state.sell_reason) = (u32::from(buy.reason.code()), u32::from(sell.reason.code()));
        }
    }

    /// Counts the lots ahead of each live order, in the book where the order is found there; else never more than what
    /// rests at its price, and never more than before.
    fn refresh_queues(&mut self, slot: u8) {
        let Some(Some(cell)) = self.slots.get_mut(usize::from(slot)) else { return };
        for at in 0..cell.working_count {
            let order = self.orders.get(cell.working[at]);
            let before = cell.view.queues[at];
            let mut place = QueuePlace { order_id: order.owner.order_id, ahead_lots: UNKNOWN };
            let mut exact = 0;
            let resting =
                matches!(order.state(), OrderState::Live | OrderState::PendingCancel | OrderState::PendingReplace);
            let books = self.venues.get(usize::from(order.venue)).and_then(|venue| venue.books.as_ref());
            if let Some(books) = books.filter(|_| resting && order.price_nanos != UNDEF_PRICE) {
                let found = books.order(order.venue_order_ref).filter(|found| {
                    (found.instrument, found.side, found.price_nanos)
                        == (order.instrument, order.side, order.price_nanos)
                });
                let same = before.order_id == place.order_id && cell.queued_at[at] == order.price_nanos;
                if let Some(ahead) = found.and_then(|_| books.lots_ahead(order.venue_order_ref)) {
                    (place.ahead_lots, exact) = (ahead, 1);
                } else {
                    let there = books.lots_told_at(order.instrument, order.side, order.price_nanos);
                    let known = same && before.ahead_lots != UNKNOWN;
                    place.ahead_lots = if known { there.min(before.ahead_lots) } else { there };
                }
                cell.queued_at[at] = order.price_nanos;
            }
            cell.view.queues[at] = place;
            cell.view.queues_exact[at] = exact;
        }
    }

    /// Takes the times of a report that answers a request.
    pub(super) fn time_answer(&mut self, (venue, instrument): (u16, u32), event: &OrderEvent, asked_ns: u64) {
        use OrderEventKind::{Accepted, CancelRejected, Canceled, Filled, Rejected, ReplaceRejected, Replaced};
        let Some(place) = self.listing(venue, instrument) else { return };
        let listing = &mut self.listings[usize::from(place)];
        let answers = [Accepted, Replaced, Filled, Rejected, ReplaceRejected, Canceled, CancelRejected];
        let is_answer = answers.iter().any(|kind| kind.code() == event.event);
        if !listing.timed || !is_answer || event.possible_duplicate == 1 {
            return;
        }
        let received_ns = if self.received_ns == 0 { self.time_ns } else { self.received_ns };
        listing.latencies.order.take(asked_ns, self.time_ns);
        listing.latencies.entry.take(asked_ns, event.header.venue_time_ns);
        listing.latencies.response.take(event.header.venue_time_ns, received_ns);
    }

    /// Notes what a slot that was bound to a listing looks at.
    pub(super) fn look_at_states(&mut self, slot: u8, place: u16) {
        let Some(Some(cell)) = self.slots.get_mut(usize::from(slot)) else { return };
        cell.looks = cell.wants.states || cell.wants.queues || cell.wants.regions || cell.wants.risk_calls;
        self.listings[usize::from(place)].timed |= cell.wants.states;
        self.risk_slots |= u64::from(cell.wants.risk_calls) << slot;
    }

    /// Tells the slots that ask what risk and venues allow since the last input, where that is something else.
    #[inline(never)]
    pub(super) fn tell_risk(&mut self, out: &mut dyn Outbox) {
        let version = (self.exposures, self.venue_changes);
        if self.risk_seen == version {
            return;
        }
        self.risk_seen = version;
        let mut waiting = self.risk_slots;
        while waiting != 0 {
            let slot = waiting.trailing_zeros() as u8;
            waiting &= waiting - 1;
            let count = match &self.slots[usize::from(slot)] {
                Some(cell) if cell.run == SlotRun::Running => cell.listings_count,
                _ => continue,
            };
            for index in 0..count {
                self.tell_risk_at(slot, index, out);
            }
        }
        self.tell(out);
    }

    fn tell_risk_at(&mut self, slot: u8, index: usize, out: &mut dyn Outbox) {
        self.refresh(slot, index as u32);
        let Some(Some(cell)) = self.slots.get_mut(usize::from(slot)) else { return };
        if cell.run != SlotRun::Running || cell.bindings[index] == Binding(0) {
            return;
        }
        let now = RiskTold::of(cell, index);
        let before = cell.risk_told[index].replace(now);
        if before == Some(now) {
            return;
        }
        let (state, listing) = (&cell.view.states[index], &cell.view.listings[index]);
        let mut view = RiskView::zeroed();
        view.time_ns = self.time_ns;
        (view.headroom_buy_lots, view.headroom_sell_lots) = (listing.headroom_buy_lots, listing.headroom_sell_lots);
        (view.instrument, view.venue, view.listing) = (listing.instrument, listing.venue, index as u32);
        view.changed = before.map_or(0, |before| now.changed(&before));
        view.new_orders = state.new_orders;
        (view.buy_limit, view.sell_limit) = (state.buy_limit, state.sell_limit);
        (view.buy_reason, view.sell_reason) = (state.buy_reason, state.sell_reason);
        (view.connected, view.breaker) = (state.connected, state.breaker);
        self.call(slot, Callback::Risk, EventRef::Risk(&view), index as u32, true, out);
    }
}
