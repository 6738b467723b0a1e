//! The checks of one order, cheap to expensive; the first that fails is the answer. On success the order is held.
//!
//! Order: intent, instrument, a limit for each mandatory metric (NO_LIMIT), kill fields (31), tick and lot (1), quantity (2),
//! notional (3), collar (4), rate (8), open orders (11), position (12), gross (14).
//!
//! Invariant: nothing is changed before the last check has passed, but for the warned flag of a soft bound.

use records::{KillNew, NewOrder, OrderType, RejectCode, Side, UNDEF_PRICE};

use crate::cells::{Delta, NO_SLOT};
use crate::hold::{Hold, Phase};
use crate::limits::{Limit, LimitTable};
use crate::path::Path;
use crate::tree::LimitTree;
use crate::types::{Binding, Reference, Refusal, Warning};
use crate::warnings::Warnings;

const PARTS: i64 = 1_000_000;

/// What an order would do.
#[derive(Clone, Copy)]
struct Ask {
    side: Side,
    /// Lots that may trade from now on.
    lots: i64,
    /// Undefined for a market order.
    price_nanos: i64,
}

/// What the price checks found.
#[derive(Clone, Copy)]
struct Priced {
    /// The worst price at which the order may trade, without sign.
    worst_nanos: i64,
    /// The reference price.
    middle: i64,
}

/// What it would add to the counters.
#[derive(Clone, Copy)]
struct Growth {
    side: Side,
    lots: i64,
    orders: i64,
    held_nanos: i128,
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
        self.gate(binding, path, ask.side, ask.lots)?;
        let priced = self.check_order(path, &ask, now_ns, reference)?;
        let held_nanos = path.notional_nanos(ask.lots, priced.worst_nanos);
        let growth = Growth { side: ask.side, lots: ask.lots, orders: 1, held_nanos };
        self.check_counters(path, &growth, now_ns)?;
        let remaining = path.replace_remaining;
        self.take_message(binding, &ask, &priced, now_ns);
        let delta = Delta { open_lots: ask.lots, orders: 1, held_nanos, ..Delta::default() };
        self.book(binding, ask.side, &delta);
        Ok(Hold::new(binding, ask.side, ask.lots, priced.worst_nanos, remaining))
    }

    /// Checks a replace and holds the larger of old and new until its answer. `total_lots` includes `filled_lots`, the fills
    /// booked for the order and those before it in its chain.
    ///
    /// # Errors
    /// The first check that failed; the order stands as it was.
    ///
    /// # Panics
    /// When the hold is not that of a working order: the engine refuses those first (`UnknownOrder`, `OrderBusy`).
    pub fn check_replace(
        &mut self,
        hold: &mut Hold,
        total_lots: i64,
        filled_lots: i64,
        price_nanos: i64,
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
        let growth = Growth { side: ask.side, lots: more_lots, orders: 0, held_nanos };
        self.check_counters(path, &growth, now_ns)?;
        self.take_message(binding, &ask, &priced, now_ns);
        let delta = Delta { open_lots: next.held_lots() - held.0, held_nanos, ..Delta::default() };
        self.book(binding, ask.side, &delta);
        *hold = next;
        Ok(())
    }

    /// Counts a cancel against the cancel rates. It is never refused: over the rate there is a warning, and the cancel goes.
    pub fn count_cancel(&mut self, binding: Binding, now_ns: u64) {
        let Self { paths, rates, limits, warnings, .. } = self;
        for slot in paths[binding.0 as usize].cancel_rates.as_slice() {
            let cell = &mut rates[*slot as usize];
            if cell.take(now_ns) {
                warn(warnings, limits.get(*slot), cell.observed(now_ns).into(), binding);
            }
        }
    }

    /// Lots that a further buy and a further sale may have now: under positions, order quantity and kill fields, rounded
    /// down to the listing's increment. Other checks may still refuse.
    #[inline]
    pub fn headroom(&self, binding: Binding) -> (i64, i64) {
        let path = self.path(binding);
        if !path.active || path.missing.is_some() || path.kill.new_orders == KillNew::None {
            return (0, 0);
        }
        let mut room = [path.order_lots.hard; 2];
        for cell in path.positions.as_slice() {
            let cell = &self.positions[*cell as usize];
            for side in [Side::Buy, Side::Sell] {
                let free = cell.bounds[side.index()].hard.saturating_sub(cell.worst_lots(side, 0));
                room[side.index()] = room[side.index()].min(free);
            }
        }
        if path.kill.new_orders == KillNew::ReduceOnly {
            let account = self.account_cell(binding);
            for side in [Side::Buy, Side::Sell] {
                room[side.index()] = room[side.index()].min(-account.worst_lots(side, 0));
            }
        }
        let whole = |lots: i64| lots.max(0) / path.increment_lots * path.increment_lots;
        (whole(room[0]), whole(room[1]))
    }

    /// Whether an order's side may carry the account's position away from zero if all of the side fills: such orders go
    /// under "cancel increasing".
    pub fn increases(&self, hold: &Hold) -> bool {
        hold.is_alive() && self.account_cell(hold.binding()).worst_lots(hold.side(), 0) > 0
    }

    /// What concerns every order here, whatever its price: activity, missing limits, kill fields.
    #[inline]
    fn gate(&self, binding: Binding, path: &Path, side: Side, more_lots: i64) -> Result<(), Refusal> {
        if !path.active {
            return Err(Refusal::plain(RejectCode::UnknownInstrument));
        }
        if let Some((metric, node)) = path.missing {
            let plain = Refusal::plain(RejectCode::NoLimit);
            return Err(Refusal { node, bound: i128::from(metric.code()), ..plain });
        }
        match path.kill.new_orders {
            KillNew::Allow => Ok(()),
            KillNew::None => Err(Refusal::plain(RejectCode::StateNone)),
            KillNew::ReduceOnly => {
                // Towards zero and never through it, so that the worst case of neither side grows.
                let worst = self.account_cell(binding).worst_lots(side, more_lots);
                if worst <= 0 {
                    return Ok(());
                }
                Err(Refusal { observed: i128::from(worst), ..Refusal::plain(RejectCode::StateReduceOnly) })
            }
        }
    }

    /// Controls 1 to 4.
    #[inline]
    fn check_order(&self, path: &Path, ask: &Ask, now_ns: u64, reference: &Reference) -> Result<Priced, Refusal> {
        let market = ask.price_nanos == UNDEF_PRICE;
        if ask.lots <= 0 || ask.lots % path.increment_lots != 0 {
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

    /// Controls 8, 11, 12, 14. A part that does not grow is not checked: what shrinks exposure passes beyond a bound too.
    #[inline]
    fn check_counters(&self, path: &Path, growth: &Growth, now_ns: u64) -> Result<(), Refusal> {
        for slot in path.rates.as_slice() {
            let cell = &self.rates[*slot as usize];
            if !cell.has_token(now_ns) {
                let (bound, observed) = (cell.bucket.into(), cell.observed(now_ns).into());
                return Err(self.refuse(RejectCode::MsgRate, *slot, bound, observed, UNDEF_PRICE));
            }
        }
        if growth.orders > 0 {
            for slot in path.open.as_slice() {
                let cell = &self.open[*slot as usize];
                if cell.orders >= cell.bound.hard {
                    let (bound, observed) = (cell.bound.hard.into(), i128::from(cell.orders) + 1);
                    return Err(self.refuse(RejectCode::MaxOpenOrders, *slot, bound, observed, UNDEF_PRICE));
                }
            }
        }
        if growth.lots > 0 {
            let code = if growth.side == Side::Buy { RejectCode::PosLong } else { RejectCode::PosShort };
            for cell in path.positions.as_slice() {
                let cell = &self.positions[*cell as usize];
                let bound = &cell.bounds[growth.side.index()];
                let worst_lots = cell.worst_lots(growth.side, growth.lots);
                if worst_lots > bound.hard {
                    return Err(self.refuse(code, bound.slot, bound.hard.into(), worst_lots.into(), UNDEF_PRICE));
                }
            }
        }
        if growth.held_nanos > 0 {
            for slot in path.gross.as_slice() {
                let cell = &self.gross[*slot as usize];
                let total_nanos = cell.total_nanos().saturating_add(growth.held_nanos);
                if total_nanos > cell.bound_nanos {
                    let bound = cell.bound_nanos;
                    return Err(self.refuse(RejectCode::GrossExposure, *slot, bound, total_nanos, UNDEF_PRICE));
                }
            }
        }
        Ok(())
    }

    /// Counts a message that passed.
    #[inline]
    fn take_message(&mut self, binding: Binding, ask: &Ask, priced: &Priced, now_ns: u64) {
        let Self { paths, rates, limits, warnings, .. } = self;
        let path = &mut paths[binding.0 as usize];
        for slot in path.rates.as_slice() {
            let cell = &mut rates[*slot as usize];
            if cell.take(now_ns) {
                warn(warnings, limits.get(*slot), cell.observed(now_ns).into(), binding);
            }
        }
        if path.has_soft_order_bounds {
            warn_of_order(path, binding, ask, priced, limits, warnings);
        }
    }

    #[cold]
    fn refuse(&self, code: RejectCode, slot: u32, bound: i128, observed: i128, reference_nanos: i64) -> Refusal {
        let (limit, node) =
            if slot == NO_SLOT { (0, 0) } else { (self.limits.get(slot).id, self.limits.get(slot).node) };
        Refusal { code, limit, node, bound, observed, reference_nanos }
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
fn read_intent(order: &NewOrder) -> Result<Ask, Refusal> {
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
fn reference_price(path: &Path, reference: &Reference, now_ns: u64) -> Option<i64> {
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

fn touch_age_ns(reference: &Reference, now_ns: u64) -> i128 {
    let newest_ns = reference.touch_time_ns.max(reference.last_time_ns);
    if newest_ns == 0 { i128::MAX } else { i128::from(now_ns.saturating_sub(newest_ns)) }
}

/// How far the collar reaches from its middle, rounded up.
#[inline]
fn collar_width(middle: i64, parts_per_million: i64) -> i64 {
    let size = middle.saturating_abs();
    let part = (size % PARTS).saturating_mul(parts_per_million).saturating_add(PARTS - 1) / PARTS;
    (size / PARTS).saturating_mul(parts_per_million).saturating_add(part)
}

/// Distance of a price from the reference in parts per million, rounded up.
fn parts_from(middle: i64, price_nanos: i64) -> i128 {
    let size = i128::from(middle.unsigned_abs());
    let distance = i128::from(price_nanos.abs_diff(middle)) * i128::from(PARTS);
    if size == 0 { if distance == 0 { 0 } else { i128::MAX } } else { (distance + size - 1) / size }
}

#[cold]
pub(crate) fn warn(warnings: &mut Warnings, limit: &Limit, observed: i128, binding: Binding) {
    let Limit { id, node, metric, value, .. } = *limit;
    warnings.push(Warning { limit: id, node, metric, bound: value, observed, binding });
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
        warn(warnings, limits.get(path.order_lots.slot), ask.lots.into(), binding);
    }
    let price_nanos = if ask.price_nanos == UNDEF_PRICE { priced.worst_nanos } else { ask.price_nanos };
    let notional_nanos = path.notional_nanos(ask.lots, price_nanos.saturating_abs());
    if path.order_notional.crosses(notional_nanos) {
        warn(warnings, limits.get(path.order_notional.slot), notional_nanos, binding);
    }
    if ask.price_nanos != UNDEF_PRICE {
        let parts = parts_from(priced.middle, ask.price_nanos);
        if path.collar.crosses(i64::try_from(parts).unwrap_or(i64::MAX)) {
            warn(warnings, limits.get(path.collar.slot), parts, binding);
        }
    }
}
