//! The checks of one order, cheap to expensive; the first that fails is the answer. On success the order is held.
//!
//! Order: intent, instrument, a limit for each mandatory metric (NO_LIMIT), permission and restricted list (21), kill fields
//! (31), tick and lot (1), bands (23), quantity (2), notional (3), collar (4), rate (8), open orders (11), position (12), money
//! (14, 15) and lots (15) of the day, duplicates (7), our own orders (25). A limit whose bound is divided over engines answers
//! with GLOBAL_QUOTA (32) in its place.
//!
//! Invariant: nothing is changed before the last check has passed, but for the warned flag of a soft bound.

use records::broken::{Variant, is_broken};
use records::{KillNew, Metric, NewOrder, OrderType, RejectCode, Side, TimeInForce, UNDEF_PRICE, prefetch};

use crate::cells::{Delta, NO_SLOT, capped_money_sum, capped_sum};
use crate::hold::{Hold, Phase};
use crate::limits::{Limit, LimitTable};
use crate::path::{Counter, Path};
use crate::recent::{Sender, fingerprint};
use crate::tree::LimitTree;
use crate::types::{Binding, Reference, Refusal, Warning};
use crate::warnings::Warnings;

const PARTS: i64 = 1_000_000;

/// What an order would do.
#[derive(Clone, Copy)]
pub(crate) struct Ask {
    pub side: Side,
    /// Lots that may trade from now on.
    pub lots: i64,
    /// Undefined for a market order.
    pub price_nanos: i64,
}

/// What the price checks found.
#[derive(Clone, Copy)]
pub(crate) struct Priced {
    /// The worst price at which the order may trade, without sign.
    pub worst_nanos: i64,
    /// The reference price.
    pub middle: i64,
}

/// What it would add to the counters.
#[derive(Clone, Copy)]
pub(crate) struct Growth {
    pub side: Side,
    /// Lots that may trade more.
    pub lots: i64,
    /// Those of them by which a position may grow.
    pub position_lots: i64,
    /// Orders more.
    pub orders: i64,
    /// Messages that are about to be sent.
    pub messages: i64,
    pub held_nanos: i128,
}

impl LimitTree {
    /// Checks a new order and holds its worst case.
    ///
    /// # Errors
    /// The first check that failed; nothing is held then, and no message is counted.
    #[inline]
    pub fn check_new(
        &mut self,
        binding: Binding,
        order: &NewOrder,
        now_ns: u64,
        reference: &Reference,
    ) -> Result<Hold, Refusal> {
        let ask = read_intent(order)?;
        let path = self.path(binding);
        let instrument = path.subject.instrument;
        let mark = fingerprint(path.identity, ask.side.code(), ask.price_nanos, ask.lots);
        self.ask_for_lines(path, instrument, mark);
        self.gate(binding, path, ask.side, ask.lots)?;
        let priced = self.check_order(path, &ask, now_ns, reference)?;
        let held_nanos = path.notional_nanos(ask.lots, priced.worst_nanos);
        let growth =
            Growth { side: ask.side, lots: ask.lots, position_lots: ask.lots, orders: 1, messages: 1, held_nanos };
        self.check_counters(path, &growth, now_ns)?;
        let sender = self.check_duplicate(path, mark, now_ns)?;
        if order.self_trade != 0 && self.own.may_cross(instrument, ask.side, ask.price_nanos) {
            return Err(self.refuse_crossing(instrument, &ask));
        }
        let remaining = path.replace_remaining;
        if let Some(sender) = sender {
            let noted = self.recent.note(mark, now_ns, sender);
            self.group.noted(noted);
        }
        self.own.add(instrument, ask.side, ask.price_nanos);
        self.take_message(binding, &ask, &priced, now_ns);
        let delta = Delta { open_lots: ask.lots, orders: 1, held_nanos, ..Delta::default() };
        if !is_broken(Variant::OrdersNotHeld) {
            self.book(binding, ask.side, &delta);
        }
        Ok(Hold::new(binding, ask.side, ask.lots, priced.worst_nanos, remaining))
    }

    /// Checks a replace and holds the larger of old and new until its answer. `total_lots` includes `filled_lots`, the fills
    /// booked for the order and those before it in its chain. `guarded`: it must not cross an order of our own.
    ///
    /// # Errors
    /// The first check that failed; the order stands as it was.
    ///
    /// # Panics
    /// When the hold is not that of a working order: the engine refuses those first (`UnknownOrder`, `OrderBusy`).
    #[allow(clippy::too_many_arguments)] // What a replace is, when, and against which prices.
    pub fn check_replace(
        &mut self,
        hold: &mut Hold,
        total_lots: i64,
        filled_lots: i64,
        price_nanos: i64,
        guarded: bool,
        now_ns: u64,
        reference: &Reference,
    ) -> Result<(), Refusal> {
        assert!(hold.phase == Phase::Open, "a replace of an order that is not open, or busy");
        let binding = hold.binding();
        let lots = total_lots.saturating_sub(filled_lots);
        let ask = Ask { side: hold.side(), lots, price_nanos };
        if price_nanos == UNDEF_PRICE {
            return Err(Refusal::plain(RejectCode::BadIntent));
        }
        let path = self.path(binding);
        let held = (hold.held_lots(), path.notional_nanos(hold.held_lots(), hold.held_price_nanos()));
        // A quantity that makes no sense is refused by the checks; it must not overflow on the way there.
        let mut next = *hold;
        next.ask_replace(lots.clamp(0, i64::MAX / 4), 0);
        let more_lots = (next.held_lots() - held.0).max(0);
        self.gate(binding, path, ask.side, more_lots)?;
        let priced = self.check_order(path, &ask, now_ns, reference)?;
        next.asked_price_nanos = priced.worst_nanos;
        let held_nanos = path.notional_nanos(next.held_lots(), next.held_price_nanos()) - held.1;
        let growth =
            Growth { side: ask.side, lots: more_lots, position_lots: more_lots, orders: 0, messages: 1, held_nanos };
        if !is_broken(Variant::ReplacementsUnchecked) {
            self.check_counters(path, &growth, now_ns)?;
        }
        let instrument = path.subject.instrument;
        if guarded && self.own.may_cross(instrument, ask.side, price_nanos) {
            return Err(self.refuse_crossing(instrument, &ask));
        }
        self.own.reprice(instrument, ask.side, price_nanos);
        self.take_message(binding, &ask, &priced, now_ns);
        let delta = Delta { open_lots: next.held_lots() - held.0, held_nanos, ..Delta::default() };
        self.book(binding, ask.side, &delta);
        *hold = next;
        Ok(())
    }

    /// Counts a cancel against the cancel rates. It is never refused: over the rate there is a warning, and the cancel goes.
    pub fn count_cancel(&mut self, binding: Binding, now_ns: u64) {
        let Self { paths, rates, limits, warnings, .. } = self;
        for slot in paths[binding.0 as usize].counters.of(Counter::CancelRate) {
            let cell = &mut rates[*slot as usize];
            if cell.take(now_ns) {
                warn(warnings, limits.get(*slot), cell.observed(now_ns).into(), binding);
            }
        }
    }

    /// Gives a market order the worst price that its limits allow (5): so far through a fresh touch, and within the collar;
    /// it becomes a limit order that trades at once or not at all. Where no limit says how far, the order stays as it is.
    ///
    /// # Errors
    /// Market orders are not allowed here, or there is no fresh touch to measure from.
    #[inline]
    pub fn protect(
        &self,
        binding: Binding,
        order: &mut NewOrder,
        now_ns: u64,
        reference: &Reference,
    ) -> Result<(), Refusal> {
        if order.order_type != OrderType::Market.code() {
            return Ok(());
        }
        self.protect_market(binding, order, now_ns, reference)
    }

    #[cold]
    fn protect_market(
        &self,
        binding: Binding,
        order: &mut NewOrder,
        now_ns: u64,
        reference: &Reference,
    ) -> Result<(), Refusal> {
        let path = self.path(binding);
        let limit = &path.market;
        let Some(side) = Side::from_code(order.side) else { return Ok(()) };
        if limit.slot == NO_SLOT {
            return Ok(());
        }
        if limit.hard == 0 {
            return Err(self.refuse(RejectCode::MarketNotAllowed, limit.slot, 0, 1, UNDEF_PRICE));
        }
        if TimeInForce::from_code(order.time_in_force).is_some_and(TimeInForce::is_at_auction) {
            return self.protect_at_auction(path, side, order, now_ns, reference);
        }
        let touch_nanos = if side == Side::Buy { reference.ask_nanos } else { reference.bid_nanos };
        let age = touch_age_ns(reference, now_ns);
        let fresh = reference.live && reference.touch_time_ns != 0 && age <= i128::from(path.reference_age_ns_max);
        if touch_nanos == UNDEF_PRICE || !fresh {
            let bound = path.reference_age_ns_max.into();
            return Err(self.refuse(RejectCode::RefStale, limit.slot, bound, age, UNDEF_PRICE));
        }
        let reach = |from: i64, parts: i64| reach(from, parts, side);
        let mut worst_nanos = reach(touch_nanos, limit.hard);
        if let Some(middle) = reference_price(path, reference, now_ns) {
            let edge_nanos = reach(middle, path.collar.hard);
            worst_nanos = if side == Side::Buy { worst_nanos.min(edge_nanos) } else { worst_nanos.max(edge_nanos) };
        }
        worst_nanos = worst_nanos.clamp(path.price_min_nanos, path.price_max_nanos);
        let table = self.reference_tables.tick_table(path.tick_table).expect("a listing's tick table");
        order.price_nanos = table.inward(worst_nanos, side);
        order.order_type = OrderType::Limit.code();
        if order.time_in_force != TimeInForce::FillOrKill.code() {
            (order.time_in_force, order.expire_time_ns) = (TimeInForce::ImmediateOrCancel.code(), 0);
        }
        Ok(())
    }

    /// A market order for an auction alone becomes a limit order there at the collar's end: there need be no touch before the
    /// open, and one price for all is not to be feared for what lies beyond the touch.
    fn protect_at_auction(
        &self,
        path: &Path,
        side: Side,
        order: &mut NewOrder,
        now_ns: u64,
        reference: &Reference,
    ) -> Result<(), Refusal> {
        let Some(middle) = reference_price(path, reference, now_ns) else {
            let (bound, age) = (path.reference_age_ns_max.into(), touch_age_ns(reference, now_ns));
            return Err(self.refuse(RejectCode::RefStale, path.market.slot, bound, age, UNDEF_PRICE));
        };
        let edge_nanos = reach(middle, path.collar.hard, side).clamp(path.price_min_nanos, path.price_max_nanos);
        let table = self.reference_tables.tick_table(path.tick_table).expect("a listing's tick table");
        order.price_nanos = table.inward(edge_nanos, side);
        order.order_type = OrderType::Limit.code();
        Ok(())
    }

    /// As [`Self::headroom_at`], money not looked at.
    #[inline]
    pub fn headroom(&self, binding: Binding) -> (i64, i64) {
        self.headroom_at(binding, UNDEF_PRICE)
    }

    /// Lots that a further buy and a further sale may have now, rounded down to the listing's increment: under permissions,
    /// kill fields, order quantity, open orders, positions, lots of the day, and, at a price near the one given, under
    /// notional and money of the day. What turns with time (rates, duplicates, stale references) may still refuse.
    #[inline]
    pub fn headroom_at(&self, binding: Binding, price_nanos: i64) -> (i64, i64) {
        let path = self.path(binding);
        if path.is_shut() || path.duplicate_zero {
            return (0, 0);
        }
        let mut room = [path.order_lots.hard; 2];
        let mut free_nanos = path.order_notional.hard_nanos;
        for place in path.counters.of(Counter::Position) {
            let cell = &self.positions[*place as usize];
            for side in [Side::Buy, Side::Sell] {
                let free = cell.hard[side.index()].saturating_sub(cell.worst_lots(side, 0));
                room[side.index()] = room[side.index()].min(free);
            }
        }
        for place in path.counters.of(Counter::Total) {
            let cell = &self.totals[*place as usize];
            let orders_left = cell.orders < cell.orders_bound.hard;
            let free = if orders_left { cell.lots_bound.hard.saturating_sub(cell.total_lots()) } else { 0 };
            room = room.map(|lots| lots.min(free));
            free_nanos = free_nanos.min(cell.money_bound.hard_nanos.saturating_sub(cell.total_nanos()));
        }
        if path.counters.of(Counter::Rate).iter().any(|slot| self.rates[*slot as usize].bucket == 0) {
            return (0, 0);
        }
        if path.new_orders() == KillNew::ReduceOnly {
            let account = self.account_cell(binding);
            for side in [Side::Buy, Side::Sell] {
                room[side.index()] = room[side.index()].min(account.worst_lots(side, 0).saturating_neg());
            }
        }
        if price_nanos != UNDEF_PRICE {
            // A sale is held at the collar's end.
            let edge_nanos = price_nanos.saturating_add(collar_width(price_nanos, path.collar.hard)).saturating_abs();
            for (lots, price_nanos) in room.iter_mut().zip([price_nanos.saturating_abs(), edge_nanos]) {
                if *lots > 0 && path.notional_nanos(*lots, price_nanos) > free_nanos {
                    *lots = lots_for(path, free_nanos, price_nanos);
                }
            }
        }
        let increment_lots = path.increment_lots;
        let whole = |lots: i64| {
            let lots = lots.max(0);
            if increment_lots == 1 { lots } else { lots / increment_lots * increment_lots }
        };
        (whole(room[0]), whole(room[1]))
    }

    /// Whether an order's side may carry the account's position away from zero if all of the side fills: such orders go
    /// under "cancel increasing".
    pub fn increases(&self, hold: &Hold) -> bool {
        hold.is_alive() && self.account_cell(hold.binding()).worst_lots(hold.side(), 0) > 0
    }

    /// Asks for the memory that the later checks look at, so that it is there when they come: seldom is any of it warm.
    #[inline]
    fn ask_for_lines(&self, path: &Path, instrument: u32, mark: u64) {
        for place in path.counters.of(Counter::Position) {
            prefetch(self.positions.as_ptr().wrapping_add(*place as usize));
        }
        self.own.prefetch(instrument);
        self.recent.prefetch(mark);
    }

    /// What concerns every order here, whatever its price: activity, missing limits, permission, kill fields.
    #[inline]
    pub(crate) fn gate(&self, binding: Binding, path: &Path, side: Side, more_lots: i64) -> Result<(), Refusal> {
        if path.clear { Ok(()) } else { self.gate_shut(binding, path, side, more_lots) }
    }

    #[cold]
    fn gate_shut(&self, binding: Binding, path: &Path, side: Side, more_lots: i64) -> Result<(), Refusal> {
        if !path.active {
            return Err(Refusal::plain(RejectCode::UnknownInstrument));
        }
        if let Some((metric, node)) = path.missing {
            let plain = Refusal::plain(RejectCode::NoLimit);
            return Err(Refusal { node, bound: i128::from(metric.code()), ..plain });
        }
        if path.forbidden_by != 0 {
            return Err(Refusal { node: path.forbidden_by, ..Refusal::plain(RejectCode::NotPermitted) });
        }
        let listed = path.restricted >= path.kill.new_orders;
        match path.new_orders() {
            KillNew::Allow => Ok(()),
            KillNew::None if listed => Err(Refusal::plain(RejectCode::Restricted)),
            KillNew::None => Err(Refusal::plain(RejectCode::StateNone)),
            KillNew::ReduceOnly => {
                // Towards zero and never through it, so that the worst case of neither side grows.
                let worst = self.account_cell(binding).worst_lots(side, more_lots);
                if worst <= 0 {
                    return Ok(());
                }
                let code = if listed { RejectCode::Restricted } else { RejectCode::StateReduceOnly };
                Err(Refusal { observed: i128::from(worst), ..Refusal::plain(code) })
            }
        }
    }

    /// Controls 1 to 4.
    #[inline]
    pub(crate) fn check_order(
        &self,
        path: &Path,
        ask: &Ask,
        now_ns: u64,
        reference: &Reference,
    ) -> Result<Priced, Refusal> {
        let market = ask.price_nanos == UNDEF_PRICE;
        if ask.lots <= 0 || (path.increment_lots != 1 && ask.lots % path.increment_lots != 0) {
            let plain = Refusal::plain(RejectCode::BadLot);
            return Err(Refusal { bound: i128::from(path.increment_lots), observed: i128::from(ask.lots), ..plain });
        }
        if !market {
            self.check_tick(path, ask.price_nanos)?;
        }
        if ask.lots > path.order_lots.hard {
            let (bound, observed) = (path.order_lots.hard.into(), ask.lots.into());
            return Err(self.refuse(RejectCode::MaxOrderQty, path.order_lots.slot, bound, observed, UNDEF_PRICE));
        }
        if !market {
            self.check_notional(path, ask.lots, ask.price_nanos, UNDEF_PRICE)?;
        }
        let Some(middle) = reference_price(path, reference, now_ns) else {
            let age = touch_age_ns(reference, now_ns);
            let (slot, bound) = (path.reference_age_slot, path.reference_age_ns_max.into());
            return Err(self.refuse(RejectCode::RefStale, slot, bound, age, UNDEF_PRICE));
        };
        let width = collar_width(middle, path.collar.hard);
        let (low, high) = (middle.saturating_sub(width), middle.saturating_add(width));
        if market && path.market.slot != NO_SLOT {
            // Where a limit says how far a market order may go, one without a price goes nowhere.
            let (slot, bound) = (path.market.slot, path.market.hard.into());
            return Err(self.refuse(RejectCode::MarketNotAllowed, slot, bound, i128::MAX, middle));
        }
        if market {
            let worst_nanos = low.saturating_abs().max(high.saturating_abs());
            self.check_notional(path, ask.lots, worst_nanos, middle)?;
            return Ok(Priced { worst_nanos, middle });
        }
        let distance = i128::from(ask.price_nanos.abs_diff(middle)) * i128::from(PARTS);
        if distance > i128::from(path.collar.hard) * i128::from(middle.unsigned_abs()) {
            let (slot, bound) = (path.collar.slot, path.collar.hard.into());
            return Err(self.refuse(RejectCode::PriceCollar, slot, bound, parts_from(middle, ask.price_nanos), middle));
        }
        // A sale may fill above its limit, as far as the collar's end; a buy below its own, which counts where that is
        // below zero.
        let better = if ask.side == Side::Sell { high.saturating_abs() } else { low.min(0).saturating_abs() };
        Ok(Priced { worst_nanos: ask.price_nanos.saturating_abs().max(better), middle })
    }

    #[inline]
    fn check_tick(&self, path: &Path, price_nanos: i64) -> Result<(), Refusal> {
        let inside = (path.price_min_nanos..=path.price_max_nanos).contains(&price_nanos);
        let table = self.reference_tables.tick_table(path.tick_table).expect("a listing's tick table");
        if inside && table.holds(price_nanos) {
            return Ok(());
        }
        let (low, high) = path.bands_nanos;
        if price_nanos < low || price_nanos > high {
            let bound = if price_nanos < low { low } else { high };
            let plain = Refusal::plain(RejectCode::PriceBand);
            return Err(Refusal { bound: bound.into(), observed: price_nanos.into(), ..plain });
        }
        Err(Refusal { observed: i128::from(price_nanos), ..Refusal::plain(RejectCode::BadTick) })
    }

    #[inline]
    fn check_notional(&self, path: &Path, lots: i64, price_nanos: i64, middle: i64) -> Result<(), Refusal> {
        let limit = &path.order_notional;
        let notional_nanos = path.notional_nanos(lots, price_nanos.saturating_abs());
        if notional_nanos <= limit.hard_nanos {
            return Ok(());
        }
        Err(self.refuse(RejectCode::MaxOrderNotional, limit.slot, limit.hard_nanos, notional_nanos, middle))
    }

    /// Controls 8, 11, 12, 14, 15, and 32 in the place of each. A part that does not grow is not checked: what shrinks
    /// exposure passes beyond a bound too.
    #[inline]
    pub(crate) fn check_counters(&self, path: &Path, growth: &Growth, now_ns: u64) -> Result<(), Refusal> {
        let mut beyond = false;
        for slot in path.counters.of(Counter::Rate) {
            beyond |= (growth.messages > 0) & !self.rates[*slot as usize].has_token(now_ns);
        }
        let (more_orders, more_lots, more_nanos) = (growth.orders > 0, growth.lots > 0, growth.held_nanos > 0);
        for place in path.counters.of(Counter::Position) {
            let cell = &self.positions[*place as usize];
            let counted = if is_broken(Variant::OpenLotsNotCounted) { cell.open_lots[growth.side.index()] } else { 0 };
            let worst_lots = cell.worst_lots(growth.side, growth.position_lots) - counted;
            beyond |= (growth.position_lots > 0) & (worst_lots > cell.hard[growth.side.index()]);
        }
        for place in path.counters.of(Counter::Total) {
            let cell = &self.totals[*place as usize];
            beyond |= more_orders & (cell.orders >= cell.orders_bound.hard);
            beyond |= more_lots & (capped_sum(cell.total_lots(), growth.lots) > cell.lots_bound.hard);
            let total_nanos = capped_money_sum(cell.total_nanos(), growth.held_nanos);
            beyond |= more_nanos & (total_nanos > cell.money_bound.hard_nanos);
        }
        if beyond { Err(self.beyond(path, growth, now_ns)) } else { Ok(()) }
    }

    /// Which of the counters refuses: the first in the order of the controls.
    #[cold]
    fn beyond(&self, path: &Path, growth: &Growth, now_ns: u64) -> Refusal {
        for slot in path.counters.of(Counter::Rate) {
            let cell = &self.rates[*slot as usize];
            if growth.messages > 0 && !cell.has_token(now_ns) {
                let (bound, observed) = (cell.bucket.into(), cell.observed(now_ns).into());
                return self.refuse(RejectCode::MsgRate, *slot, bound, observed, UNDEF_PRICE);
            }
        }
        let totals = || path.counters.of(Counter::Total).iter().map(|place| &self.totals[*place as usize]);
        if let Some(cell) = totals().find(|cell| growth.orders > 0 && cell.orders >= cell.orders_bound.hard) {
            let (bound, observed) = (cell.orders_bound.hard.into(), i128::from(cell.orders) + 1);
            return self.refuse(RejectCode::MaxOpenOrders, cell.orders_bound.slot, bound, observed, UNDEF_PRICE);
        }
        let code = if growth.side == Side::Buy { RejectCode::PosLong } else { RejectCode::PosShort };
        for place in path.counters.of(Counter::Position) {
            let cell = &self.positions[*place as usize];
            let hard = cell.hard[growth.side.index()];
            let worst_lots = cell.worst_lots(growth.side, growth.position_lots);
            if growth.position_lots > 0 && worst_lots > hard {
                let slot = self.position_slots[*place as usize][growth.side.index()].hard;
                return self.refuse(code, slot, hard.into(), worst_lots.into(), UNDEF_PRICE);
            }
        }
        for cell in totals() {
            let (bound, total_nanos) = (&cell.money_bound, cell.total_nanos().saturating_add(growth.held_nanos));
            if growth.held_nanos > 0 && total_nanos > bound.hard_nanos {
                let of_day = self.limits.get(bound.slot).metric == Metric::DailyValue;
                let code = if of_day { RejectCode::DailyValue } else { RejectCode::GrossExposure };
                return self.refuse(code, bound.slot, bound.hard_nanos, total_nanos, UNDEF_PRICE);
            }
        }
        for cell in totals() {
            let (bound, total_lots) = (&cell.lots_bound, cell.total_lots().saturating_add(growth.lots));
            if growth.lots > 0 && total_lots > bound.hard {
                return self.refuse(
                    RejectCode::DailyQty,
                    bound.slot,
                    bound.hard.into(),
                    total_lots.into(),
                    UNDEF_PRICE,
                );
            }
        }
        unreachable!("a counter was beyond its bound");
    }

    /// Control 7. Who is to be remembered when the order passes, where any limit wants to know.
    #[inline]
    fn check_duplicate(&self, path: &Path, mark: u64, now_ns: u64) -> Result<Option<Sender>, Refusal> {
        let window_ns = path.duplicate_window_ns_max;
        if window_ns == 0 {
            return Ok(None);
        }
        let rare = path.duplicate_zero | self.recent.is_full(now_ns, window_ns);
        if rare || self.recent.has_seen(mark, now_ns, window_ns) {
            self.count_duplicates(path, mark, now_ns)?;
        }
        Ok(Some(Sender { trader: path.subject.trader, venue: path.subject.venue }))
    }

    #[cold]
    fn count_duplicates(&self, path: &Path, mark: u64, now_ns: u64) -> Result<(), Refusal> {
        for slot in path.counters.of(Counter::Duplicate) {
            let limit = self.limits.get(*slot);
            let selected = Sender { trader: limit.selector.trader, venue: limit.selector.venue };
            let seen = self.recent.count(mark, now_ns, limit.window_ns, selected);
            // Where the memory of the window is full, nobody can say that it was not seen more often.
            let seen = if self.recent.is_full(now_ns, limit.window_ns) { u64::MAX - 1 } else { seen };
            if i128::from(seen) >= limit.value {
                let observed = i128::from(seen) + 1;
                return Err(self.refuse(RejectCode::Duplicate, *slot, limit.value, observed, UNDEF_PRICE));
            }
        }
        Ok(())
    }

    #[cold]
    fn refuse_crossing(&self, instrument: u32, ask: &Ask) -> Refusal {
        let resting_nanos = self.own.best_nanos(instrument, ask.side.opposite());
        let plain = Refusal::plain(RejectCode::SelfTrade);
        Refusal { bound: resting_nanos.into(), observed: ask.price_nanos.into(), ..plain }
    }

    /// Counts a message that passed.
    #[inline]
    fn take_message(&mut self, binding: Binding, ask: &Ask, priced: &Priced, now_ns: u64) {
        let Self { paths, rates, limits, warnings, group, .. } = self;
        let path = &mut paths[binding.0 as usize];
        for slot in path.counters.of(Counter::Rate) {
            let cell = &mut rates[*slot as usize];
            group.takes(*slot, cell);
            if cell.take(now_ns) {
                warn(warnings, limits.get(*slot), cell.observed(now_ns).into(), binding);
            }
        }
        if path.has_soft_order_bounds {
            warn_of_order(path, binding, ask, priced, limits, warnings);
        }
    }

    #[cold]
    pub(crate) fn refuse(
        &self,
        code: RejectCode,
        slot: u32,
        bound: i128,
        observed: i128,
        reference_nanos: i64,
    ) -> Refusal {
        if slot == NO_SLOT {
            return Refusal { code, limit: 0, node: 0, bound, observed, reference_nanos };
        }
        let limit = self.limits.get(slot);
        let code = if limit.global { RejectCode::GlobalQuota } else { code };
        let bound = if limit.in_force().is_some() { bound } else { 0 };
        Refusal { code, limit: limit.id, node: limit.node, bound, observed, reference_nanos }
    }
}

impl Refusal {
    /// A refusal that no limit stands behind.
    #[cold]
    pub(crate) fn plain(code: RejectCode) -> Self {
        Self { code, limit: 0, node: 0, bound: 0, observed: 0, reference_nanos: UNDEF_PRICE }
    }
}

#[inline]
pub(crate) fn read_intent(order: &NewOrder) -> Result<Ask, Refusal> {
    let side = Side::from_code(order.side);
    let kind = OrderType::from_code(order.order_type);
    let priced = order.price_nanos != UNDEF_PRICE;
    match (side, kind) {
        (Some(side), Some(OrderType::Limit)) if priced => {
            Ok(Ask { side, lots: order.lots, price_nanos: order.price_nanos })
        }
        (Some(side), Some(OrderType::Market)) if !priced => {
            Ok(Ask { side, lots: order.lots, price_nanos: UNDEF_PRICE })
        }
        _ => Err(Refusal::plain(RejectCode::BadIntent)),
    }
}

/// The middle of a fresh touch; else a fresh last trade; else, as long as nothing was seen today, the prior close. A touch
/// with one side only, or crossed, is no reference: a single foolish order must not move the collar.
#[inline]
pub(crate) fn reference_price(path: &Path, reference: &Reference, now_ns: u64) -> Option<i64> {
    let fresh = |time_ns: u64| time_ns != 0 && now_ns.saturating_sub(time_ns) <= path.reference_age_ns_max;
    let Reference { bid_nanos, ask_nanos, last_nanos, .. } = *reference;
    let two_sided = bid_nanos != UNDEF_PRICE && ask_nanos != UNDEF_PRICE && bid_nanos <= ask_nanos;
    if reference.live && two_sided && fresh(reference.touch_time_ns) {
        return Some(bid_nanos.midpoint(ask_nanos));
    }
    if last_nanos != UNDEF_PRICE && fresh(reference.last_time_ns) {
        return Some(last_nanos);
    }
    let nothing_seen = reference.touch_time_ns == 0 && reference.last_time_ns == 0;
    (nothing_seen && path.prior_close_nanos != UNDEF_PRICE).then_some(path.prior_close_nanos)
}

/// So many millionths of a price further, the way that a side's prices get worse.
fn reach(from: i64, parts: i64, side: Side) -> i64 {
    let width = i128::from(from.unsigned_abs()) * i128::from(parts) / i128::from(PARTS);
    from.saturating_add(i64::try_from(side.sign() as i128 * width).unwrap_or(i64::MAX / 2 * side.sign()))
}

fn touch_age_ns(reference: &Reference, now_ns: u64) -> i128 {
    let newest_ns = reference.touch_time_ns.max(reference.last_time_ns);
    if newest_ns == 0 { i128::MAX } else { i128::from(now_ns.saturating_sub(newest_ns)) }
}

/// The most lots whose money is within a bound.
#[cold]
pub(crate) fn lots_for(path: &Path, free_nanos: i128, price_nanos: i64) -> i64 {
    let units_e8 = i128::from(path.units_per_lot_e8) * i128::from(price_nanos.max(1));
    let lots = free_nanos.max(0).saturating_mul(records::UNITS_E8) / units_e8;
    i64::try_from(lots).unwrap_or(i64::MAX)
}

/// How far the collar reaches from its middle, rounded up.
#[inline]
pub(crate) fn collar_width(middle: i64, parts_per_million: i64) -> i64 {
    let size = middle.saturating_abs();
    let part = (size % PARTS).saturating_mul(parts_per_million).saturating_add(PARTS - 1) / PARTS;
    (size / PARTS).saturating_mul(parts_per_million).saturating_add(part)
}

/// Distance of a price from the reference in parts per million, rounded up.
pub(crate) fn parts_from(middle: i64, price_nanos: i64) -> i128 {
    let size = i128::from(middle.unsigned_abs());
    let distance = i128::from(price_nanos.abs_diff(middle)) * i128::from(PARTS);
    if size == 0 { if distance == 0 { 0 } else { i128::MAX } } else { (distance + size - 1) / size }
}

#[cold]
pub(crate) fn warn(warnings: &mut Warnings, limit: &Limit, observed: i128, binding: Binding) {
    let Limit { id, node, metric, .. } = *limit;
    warnings.push(Warning { limit: id, node, metric, bound: limit.in_force().unwrap_or(0), observed, binding });
}

/// Soft bounds of what is looked at order by order.
#[cold]
fn warn_of_order(
    path: &mut Path,
    binding: Binding,
    ask: &Ask,
    priced: &Priced,
    limits: &LimitTable,
    warnings: &mut Warnings,
) {
    if path.order_lots.crosses(ask.lots) {
        warn(warnings, limits.get(path.order_lots.soft_slot), ask.lots.into(), binding);
    }
    let price_nanos = if ask.price_nanos == UNDEF_PRICE { priced.worst_nanos } else { ask.price_nanos };
    let notional_nanos = path.notional_nanos(ask.lots, price_nanos.saturating_abs());
    if path.order_notional.crosses(notional_nanos) {
        warn(warnings, limits.get(path.order_notional.soft_slot), notional_nanos, binding);
    }
    if ask.price_nanos != UNDEF_PRICE {
        let parts = parts_from(priced.middle, ask.price_nanos);
        if path.collar.crosses(i64::try_from(parts).unwrap_or(i64::MAX)) {
            warn(warnings, limits.get(path.collar.soft_slot), parts, binding);
        }
    }
}
