//! What happens to held orders: fills, answers to replaces, ends; and what venues impose.
//!
//! Invariant: every change goes through `book`, which adds the same numbers to the binding and to each counter of its path,
//! so that the sums stay exact. An unknown state is no event: nothing moves.

use records::Side;

use crate::cells::Delta;
use crate::check::warn;
use crate::hold::{Hold, Phase};
use crate::path::Counter;
use crate::tree::LimitTree;
use crate::types::{Binding, Warning};

impl LimitTree {
    /// Books a fill, once for each execution id (the engine keeps those). Returns the lots beyond what was held: 0, or an
    /// overfill, which is booked all the same and leaves its side beyond the bound until others bring it back.
    pub fn on_fill(&mut self, hold: &mut Hold, lots: i64, price_nanos: i64) -> i64 {
        let (excess, change) = self.filled(hold, lots, price_nanos);
        self.change(hold, change, |hold| hold.fill(lots));
        if hold.phase == Phase::Draining && hold.held_lots() == 0 {
            hold.phase = Phase::Closed;
        }
        excess
    }

    /// Books the fill that ends a live order: [`LimitTree::on_fill`] and [`LimitTree::on_closed`] at once.
    pub fn on_last_fill(&mut self, hold: &mut Hold, lots: i64, price_nanos: i64, unbooked_lots: i64) -> i64 {
        assert!(hold.is_alive() && unbooked_lots >= 0, "an order that ends twice");
        let (excess, change) = self.filled(hold, lots, price_nanos);
        let instrument = self.path(hold.binding()).subject.instrument;
        self.own.remove(instrument, hold.side());
        self.change(hold, Delta { orders: -1, ..change }, |hold| {
            hold.fill(lots);
            hold.close(unbooked_lots);
        });
        excess
    }

    /// The venue took lots off a live order without ending it.
    pub fn on_reduced(&mut self, hold: &mut Hold, lots_off: i64) {
        assert!(lots_off >= 0 && hold.is_alive(), "lots taken off an order that is gone");
        self.change(hold, Delta::default(), |hold| hold.reduce(lots_off));
    }

    /// A replace took effect: `leaves_lots` are open now (−1: the venue does not say), and `unbooked_lots` of its fills are
    /// still to come.
    pub fn on_replaced(&mut self, hold: &mut Hold, leaves_lots: i64, unbooked_lots: i64) {
        assert!(hold.phase == Phase::Replacing && unbooked_lots >= 0, "an answer to a replace that was not asked");
        self.change(hold, Delta::default(), |hold| hold.replaced(leaves_lots, unbooked_lots));
    }

    /// A replace was refused, or surely never reached the venue: the order stands as it was.
    pub fn on_replace_rejected(&mut self, hold: &mut Hold) {
        assert!(hold.phase == Phase::Replacing, "an answer to a replace that was not asked");
        self.change(hold, Delta::default(), Hold::end_replace);
    }

    /// The order is gone: filled, cancelled, expired, rejected, or surely never sent. `unbooked_lots` stay held until their
    /// fills are booked.
    ///
    /// # Panics
    /// When it had ended before: a hold is released exactly once. The engine's order states filter what venues repeat.
    pub fn on_closed(&mut self, hold: &mut Hold, unbooked_lots: i64) {
        assert!(hold.is_alive() && unbooked_lots >= 0, "an order that ends twice");
        let change = Delta { orders: -1, ..Delta::default() };
        let instrument = self.path(hold.binding()).subject.instrument;
        self.own.remove(instrument, hold.side());
        self.change(hold, change, |hold| hold.close(unbooked_lots));
    }

    /// The venue broke a trade of ours on `side`. What it traded for today stays counted: a bust gives no money and no lots of
    /// the day back.
    pub fn on_bust(&mut self, binding: Binding, side: Side, lots: i64) {
        self.book(binding, side, &Delta { position_lots: -side.sign() * lots, ..Delta::default() });
    }

    /// The venue corrected a trade. Gross grows where the corrected trade is worth more, and never shrinks.
    pub fn on_correction(
        &mut self,
        binding: Binding,
        side: Side,
        old_lots: i64,
        old_price_nanos: i64,
        new_lots: i64,
        new_price_nanos: i64,
    ) {
        let path = self.path(binding);
        let old_nanos = path.notional_nanos(old_lots, old_price_nanos.saturating_abs());
        let new_nanos = path.notional_nanos(new_lots, new_price_nanos.saturating_abs());
        let used_nanos = (new_nanos - old_nanos).max(0);
        let position_lots = side.sign() * (new_lots - old_lots);
        let traded_lots = (new_lots - old_lots).max(0);
        self.book(binding, side, &Delta { position_lots, traded_lots, used_nanos, ..Delta::default() });
    }

    /// Books lots that did not come from an order here: yesterday's position, a transfer, the venue's truth. Unchecked.
    pub fn adopt_position(&mut self, binding: Binding, lots: i64) {
        self.book(binding, Side::Buy, &Delta { position_lots: lots, ..Delta::default() });
    }

    /// Holds an order that the venue has and we did not check (a lost journal). Unchecked: it is there.
    pub fn adopt_order(&mut self, binding: Binding, side: Side, lots: i64, price_nanos: i64) -> Hold {
        assert!(lots > 0, "an order of nothing");
        let path = self.path(binding);
        let hold = Hold::new(binding, side, lots, price_nanos.saturating_abs(), path.replace_remaining);
        let held_nanos = path.notional_nanos(lots, hold.held_price_nanos());
        let instrument = path.subject.instrument;
        self.own.add(instrument, side, price_nanos);
        self.book(binding, side, &Delta { open_lots: lots, orders: 1, held_nanos, ..Delta::default() });
        hold
    }

    /// A replace for `lots` more that is known from its answer alone: from now on the larger of both is held, whatever limits say.
    pub fn adopt_replace(&mut self, hold: &mut Hold, lots: i64, price_nanos: i64) {
        assert!(hold.phase == Phase::Open, "a replace of an order that is not open, or busy");
        let instrument = self.path(hold.binding()).subject.instrument;
        self.own.reprice(instrument, hold.side(), price_nanos);
        self.change(hold, Delta::default(), |hold| hold.ask_replace(lots, price_nanos.saturating_abs()));
    }

    /// The oldest soft warning not yet taken.
    pub fn take_warning(&mut self) -> Option<Warning> {
        self.warnings.take()
    }

    /// Soft warnings lost because nobody took them in time.
    pub fn warnings_dropped(&self) -> u64 {
        self.warnings.dropped()
    }

    /// Lots of a fill beyond what is held, and what it books beside the hold.
    #[inline(always)]
    fn filled(&self, hold: &Hold, lots: i64, price_nanos: i64) -> (i64, Delta) {
        assert!(lots > 0, "a fill of nothing");
        let used_nanos = self.path(hold.binding()).notional_nanos(lots, price_nanos.saturating_abs());
        let position_lots = hold.side().sign() * lots;
        let change = Delta { position_lots, traded_lots: lots, used_nanos, ..Delta::default() };
        ((lots - hold.held_lots()).max(0), change)
    }

    /// Changes a hold and books by how much what it holds has changed.
    fn change(&mut self, hold: &mut Hold, change: Delta, act: impl FnOnce(&mut Hold)) {
        let binding = hold.binding();
        let path = self.path(binding);
        let (old_lots, old_price_nanos) = (hold.held_lots(), hold.held_price_nanos());
        act(hold);
        let (new_lots, new_price_nanos) = (hold.held_lots(), hold.held_price_nanos());
        let old_nanos = path.notional_nanos(old_lots, old_price_nanos);
        let held_nanos = path.notional_nanos(new_lots, new_price_nanos) - old_nanos;
        self.book(binding, hold.side(), &Delta { open_lots: new_lots - old_lots, held_nanos, ..change });
    }

    /// Books a change in the binding and in every counter of its path, and tells of soft bounds crossed.
    #[inline]
    pub(crate) fn book(&mut self, binding: Binding, side: Side, delta: &Delta) {
        assert!(binding.0 != 0, "an unused binding");
        let Self { paths, positions, totals, .. } = self;
        let path = &mut paths[binding.0 as usize];
        path.exposure.book(side, delta);
        let mut unsettled = false;
        for place in path.counters.of(Counter::Position) {
            let cell = &mut positions[*place as usize];
            cell.book(side, delta);
            unsettled |= cell.is_unsettled();
        }
        for place in path.counters.of(Counter::Total) {
            let cell = &mut totals[*place as usize];
            cell.book(delta);
            unsettled |= cell.is_unsettled();
        }
        if unsettled {
            self.settle_soft_bounds(binding);
        }
    }

    /// Tells of soft bounds that a path's counters have just crossed.
    #[cold]
    fn settle_soft_bounds(&mut self, binding: Binding) {
        let Self { paths, positions, position_slots, totals, limits, warnings, .. } = self;
        let path = &paths[binding.0 as usize];
        for place in path.counters.of(Counter::Position) {
            let cell = &mut positions[*place as usize];
            for side in [Side::Buy, Side::Sell] {
                if cell.settle(side) {
                    let slot = position_slots[*place as usize][side.index()].soft;
                    warn(warnings, limits.get(slot), cell.worst_lots(side, 0).into(), binding);
                }
            }
        }
        for place in path.counters.of(Counter::Total) {
            let cell = &mut totals[*place as usize];
            let (orders, lots, nanos) = (cell.orders, cell.total_lots(), cell.total_nanos());
            if cell.orders_bound.crosses(orders) {
                warn(warnings, limits.get(cell.orders_bound.soft_slot), orders.into(), binding);
            }
            if cell.lots_bound.crosses(lots) {
                warn(warnings, limits.get(cell.lots_bound.soft_slot), lots.into(), binding);
            }
            if cell.money_bound.crosses(nanos) {
                warn(warnings, limits.get(cell.money_bound.soft_slot), nanos, binding);
            }
        }
    }

    /// The best price of our own orders on a side, found by looking at them all; `None`: there is none.
    pub fn set_own_best(&mut self, instrument: u32, side: Side, price_nanos: Option<i64>) {
        self.own.set_best(instrument, side, price_nanos);
    }
}
