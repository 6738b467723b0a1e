//! What the checks of an order look at, each with its bound, for people who ask afterwards.
//!
//! Invariant: bounds, counters and reference are those of the checks themselves; nothing is changed. Not for the hot path.

use records::{RejectCode, Side, UNDEF_PRICE};

use crate::cells::NO_SLOT;
use crate::check::{parts_from, reference_price};
use crate::path::Counter;
use crate::tree::LimitTree;
use crate::types::{Binding, Reference, Refusal};

impl LimitTree {
    /// Every check with a bound that an order of this binding meets, as the refusal that it would be beyond its bound. The
    /// order is held already: what counts open orders and lots has it in.
    pub fn checked(
        &self,
        binding: Binding,
        (side, lots, price_nanos): (Side, i64, i64),
        now_ns: u64,
        reference: &Reference,
    ) -> Vec<Refusal> {
        let path = self.path(binding);
        let mut found = Vec::new();
        let mut add = |code, slot: u32, bound: i128, observed: i128| {
            if slot != NO_SLOT {
                found.push(self.refuse(code, slot, bound, observed, UNDEF_PRICE));
            }
        };
        add(RejectCode::MaxOrderQty, path.order_lots.slot, path.order_lots.hard.into(), lots.into());
        let limit = &path.order_notional;
        let notional_nanos = path.notional_nanos(lots, price_nanos.saturating_abs());
        add(RejectCode::MaxOrderNotional, limit.slot, limit.hard_nanos, notional_nanos);
        if let Some(middle) = reference_price(path, reference, now_ns)
            && price_nanos != UNDEF_PRICE
        {
            let parts = parts_from(middle, price_nanos);
            add(RejectCode::PriceCollar, path.collar.slot, path.collar.hard.into(), parts);
        }
        for slot in path.counters.of(Counter::Rate) {
            let cell = &self.rates[*slot as usize];
            add(RejectCode::MsgRate, *slot, cell.bucket.into(), cell.observed(now_ns).into());
        }
        for place in path.counters.of(Counter::Position) {
            let cell = &self.positions[*place as usize];
            let code = if side == Side::Buy { RejectCode::PosLong } else { RejectCode::PosShort };
            let slot = self.position_slots[*place as usize][side.index()].hard;
            add(code, slot, cell.hard[side.index()].into(), cell.worst_lots(side, 0).into());
        }
        for place in path.counters.of(Counter::Total) {
            let cell = &self.totals[*place as usize];
            let (orders, lots, money) = (&cell.orders_bound, &cell.lots_bound, &cell.money_bound);
            add(RejectCode::MaxOpenOrders, orders.slot, orders.hard.into(), i128::from(cell.orders));
            add(RejectCode::DailyQty, lots.slot, lots.hard.into(), cell.total_lots().into());
            add(RejectCode::GrossExposure, money.slot, money.hard_nanos, cell.total_nanos());
        }
        found
    }
}
