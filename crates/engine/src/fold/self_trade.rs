//! Self-trade prevention (25): what happens when an order would cross one of our own, of any strategy, at any venue.
//!
//! Invariant: nothing is cancelled for an order that another check refuses; what the resting orders still hold stays held until
//! their venues answer. Only orders of slots that ask for prevention are held up; every order of the engine is looked at.

use records::{NewOrder, OrderState, Reason, RejectCode, SelfTrade, Side, UNDEF_PRICE};
use risk::{Binding, Hold, Reference, Refusal};

use super::Engine;
use crate::orders::Order;
use crate::outbox::Outbox;

/// An order that would cross, as far as crossing goes.
#[derive(Clone, Copy)]
struct Incoming {
    instrument: u32,
    side: Side,
    price_nanos: i64,
}

impl Incoming {
    /// The prices at which an order may trade: its own, and the one asked for.
    fn crosses(&self, order: &Order) -> bool {
        let asked = (order.pending_id != 0).then_some(order.pending_price_nanos);
        [Some(order.price_nanos), asked].into_iter().flatten().any(|resting| match self.side {
            _ if self.price_nanos == UNDEF_PRICE || resting == UNDEF_PRICE => true,
            Side::Buy => self.price_nanos >= resting,
            Side::Sell => self.price_nanos <= resting,
        })
    }

    fn is_against(&self, order: &Order) -> bool {
        order.ended.is_none() && order.instrument == self.instrument && order.side != self.side
    }
}

/// The price of an order at which it stands furthest towards the other side.
fn foremost_nanos(order: &Order) -> i64 {
    let asked = if order.pending_id == 0 { order.price_nanos } else { order.pending_price_nanos };
    match order.side {
        Side::Buy if order.price_nanos == UNDEF_PRICE => i64::MAX,
        Side::Sell if order.price_nanos == UNDEF_PRICE => i64::MIN,
        Side::Buy => order.price_nanos.max(asked),
        Side::Sell => order.price_nanos.min(asked),
    }
}

impl Engine {
    /// An order that passed all else may cross one of ours: does what its slot's mode says, and holds what goes on.
    #[cold]
    pub(super) fn prevent_self_trade(
        &mut self,
        binding: Binding,
        command: &mut NewOrder,
        reference: &Reference,
        out: &mut dyn Outbox,
    ) -> Result<Hold, Refusal> {
        let Some(side) = Side::from_code(command.side) else {
            return Err(super::intents::refusal(RejectCode::BadIntent));
        };
        let instrument = command.header.instrument;
        let incoming = Incoming { instrument, side, price_nanos: command.price_nanos };
        let Some(resting) = self.crossed_nanos(&incoming) else {
            return self.limits.check_new(binding, command, self.time_ns, reference);
        };
        let refused = Refusal {
            bound: resting.into(),
            observed: command.price_nanos.into(),
            ..super::intents::refusal(RejectCode::SelfTrade)
        };
        let mode = SelfTrade::from_code(command.self_trade);
        let crossing_lots = self.crossing_lots(&incoming);
        let goes_on_lots = match mode {
            Some(SelfTrade::CancelOldest) => command.lots,
            Some(SelfTrade::Decrement) => (command.lots - crossing_lots).max(0),
            _ => 0,
        };
        let venue = command.header.venue;
        let cancels = self.crossing_orders(&incoming, venue);
        if goes_on_lots > 0 && !self.venues[usize::from(venue)].guard.passes(self.time_ns, cancels) {
            // The cancels that go first would take its place in the venue's throttle.
            return Err(self.guarded(venue));
        }
        let held = if goes_on_lots > 0 {
            let asked = NewOrder { lots: goes_on_lots, self_trade: 0, ..*command };
            Ok(self.limits.check_new(binding, &asked, self.time_ns, reference)?)
        } else {
            Err(refused)
        };
        match mode {
            Some(SelfTrade::CancelOldest | SelfTrade::CancelBoth) => self.take_off(&incoming, i64::MAX, out),
            Some(SelfTrade::Decrement) => self.take_off(&incoming, command.lots, out),
            _ => {}
        }
        command.lots = goes_on_lots;
        command.display_lots = command.display_lots.min(command.lots);
        held
    }

    /// Whether an order of a multi-leg order would cross one of ours, where its slot asks. It is then refused, whatever the mode.
    pub(super) fn leg_crosses(&mut self, command: &NewOrder) -> Option<Refusal> {
        let side = Side::from_code(command.side).filter(|_| command.self_trade != 0)?;
        let incoming = Incoming { instrument: command.header.instrument, side, price_nanos: command.price_nanos };
        let resting = self.crossed_nanos(&incoming)?;
        let plain = super::intents::refusal(RejectCode::SelfTrade);
        Some(Refusal { bound: resting.into(), observed: command.price_nanos.into(), ..plain })
    }

    /// Whether a replace would cross one of ours. It is then refused, whatever the mode: the order that it is about stands.
    pub(super) fn replace_crosses(&mut self, order: &Order, price_nanos: i64) -> Option<Refusal> {
        let incoming = Incoming { instrument: order.instrument, side: order.side, price_nanos };
        let resting = self.crossed_nanos(&incoming)?;
        let plain = super::intents::refusal(RejectCode::SelfTrade);
        Some(Refusal { bound: resting.into(), observed: price_nanos.into(), ..plain })
    }

    /// The best price among our orders against this one, if they cross; the own book learns what is there.
    fn crossed_nanos(&mut self, incoming: &Incoming) -> Option<i64> {
        let mut best: Option<i64> = None;
        for place in self.orders.live() {
            let order = self.orders.get(*place);
            if incoming.is_against(order) {
                let nanos = foremost_nanos(order);
                let better = if order.side == Side::Buy { i64::max } else { i64::min };
                best = Some(best.map_or(nanos, |known| better(known, nanos)));
            }
        }
        self.limits.set_own_best(incoming.instrument, incoming.side.opposite(), best);
        let crosses = match (best, incoming.side) {
            (None, _) => false,
            (Some(_), _) if incoming.price_nanos == UNDEF_PRICE => true,
            (Some(resting), Side::Buy) => incoming.price_nanos >= resting,
            (Some(resting), Side::Sell) => incoming.price_nanos <= resting,
        };
        best.filter(|_| crosses)
    }

    fn crossing_lots(&self, incoming: &Incoming) -> i64 {
        let orders = self.orders.live().iter().map(|place| self.orders.get(*place));
        orders
            .filter(|order| incoming.is_against(order) && incoming.crosses(order))
            .map(|order| order.leaves_lots)
            .sum()
    }

    fn crossing_orders(&self, incoming: &Incoming, venue: u16) -> usize {
        let orders = self.orders.live().iter().map(|place| self.orders.get(*place));
        orders.filter(|order| order.venue == venue && incoming.is_against(order) && incoming.crosses(order)).count()
    }

    /// Takes lots off the crossing orders, oldest first: whole orders are cancelled, and seen to go; the last is reduced.
    fn take_off(&mut self, incoming: &Incoming, lots: i64, out: &mut dyn Outbox) {
        let (mut left, mut after) = (lots, 0);
        while left > 0 {
            // Asking ends no order, so each is met once, in the order of the ids they were first sent with.
            let found = self.orders.live().iter().copied().filter(|place| {
                let order = self.orders.get(*place);
                order.first_id > after && incoming.is_against(order) && incoming.crosses(order)
            });
            let Some(place) = found.min_by_key(|place| self.orders.get(*place).first_id) else { return };
            let order = *self.orders.get(place);
            after = order.first_id;
            let off = order.leaves_lots.min(left);
            // A replace under way may open it anew: such an order goes whole.
            if off == order.leaves_lots || order.state() == OrderState::PendingReplace {
                self.cancel(place, Reason::SelfTradePrevention, true, out);
            } else {
                self.reduce(place, order.lots - off, Reason::SelfTradePrevention, out);
            }
            left -= off;
        }
    }

    /// Asks the venue to leave an order so many lots in all. While a cancel is under way, or the session is down, it goes
    /// whole instead.
    fn reduce(&mut self, place: u32, total_lots: i64, reason: Reason, out: &mut dyn Outbox) {
        let order = self.orders.get(place);
        let up = self.venues.get(usize::from(order.venue)).is_some_and(|venue| venue.up);
        if order.cancel_sent || !up {
            self.cancel(place, reason, true, out);
        } else {
            self.send_cancel(place, total_lots, reason, out);
        }
    }
}
