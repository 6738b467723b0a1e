//! What holds a further order: headroom as `check.rs` gives it, with the limit that binds and the reason it would be refused for.
//!
//! Invariant: the lots are those of [`LimitTree::headroom_at`], whatever the state; a larger order meets the reason told, as far
//! as no check of the order itself (tick, collar, rate, duplicates, our own orders) comes first.

use records::{KillNew, Metric, RejectCode, Side, UNDEF_PRICE};

use crate::cells::NO_SLOT;
use crate::check::{collar_width, lots_for};
use crate::path::{Counter, Path};
use crate::tree::LimitTree;
use crate::types::Binding;

/// Lots that a further order of one side may have, and what keeps it from more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headroom {
    /// The lots.
    pub lots: i64,
    /// The limit that binds, 0: what binds is no limit.
    pub limit: u32,
    /// What a larger order would be refused for.
    pub reason: RejectCode,
}

/// What risk allows a binding now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Whether new orders are allowed, by kills and the restricted list.
    pub new_orders: KillNew,
    /// By side: buys, sales.
    pub sides: [Headroom; 2],
}

/// What binds: lots, the limit's place in the table, the reason.
#[derive(Clone, Copy)]
struct Room {
    lots: i64,
    slot: u32,
    reason: RejectCode,
}

impl Room {
    fn tighten(&mut self, lots: i64, slot: u32, reason: RejectCode) {
        if lots < self.lots {
            *self = Self { lots, slot, reason };
        }
    }
}

impl LimitTree {
    /// As [`Self::headroom_at`], with what binds each side.
    pub fn allowance(&self, binding: Binding, price_nanos: i64) -> Allowance {
        let path = self.path(binding);
        let new_orders = path.new_orders();
        let rooms = match shut_by(path) {
            Some(reason) => [Room { lots: 0, slot: NO_SLOT, reason }; 2],
            None => self.rooms(binding, price_nanos),
        };
        let sides = rooms.map(|room| {
            let lots = room.lots.max(0) / path.increment_lots.max(1) * path.increment_lots.max(1);
            if room.slot == NO_SLOT {
                return Headroom { lots, limit: 0, reason: room.reason };
            }
            let limit = self.limits.get(room.slot);
            let reason = if limit.global { RejectCode::GlobalQuota } else { room.reason };
            Headroom { lots, limit: limit.id, reason }
        });
        Allowance { new_orders, sides }
    }

    fn rooms(&self, binding: Binding, price_nanos: i64) -> [Room; 2] {
        let path = self.path(binding);
        let first = Room { lots: path.order_lots.hard, slot: path.order_lots.slot, reason: RejectCode::MaxOrderQty };
        let mut rooms = [first; 2];
        for place in path.counters.of(Counter::Position) {
            let (cell, slots) = (&self.positions[*place as usize], &self.position_slots[*place as usize]);
            for (side, reason) in [(Side::Buy, RejectCode::PosLong), (Side::Sell, RejectCode::PosShort)] {
                let free = cell.hard[side.index()].saturating_sub(cell.worst_lots(side, 0));
                rooms[side.index()].tighten(free, slots[side.index()].hard, reason);
            }
        }
        let mut money = (path.order_notional.hard_nanos, path.order_notional.slot, RejectCode::MaxOrderNotional);
        for place in path.counters.of(Counter::Total) {
            let cell = &self.totals[*place as usize];
            let (free, slot, reason) = if cell.orders < cell.orders_bound.hard {
                let free = cell.lots_bound.hard.saturating_sub(cell.total_lots());
                (free, cell.lots_bound.slot, RejectCode::DailyQty)
            } else {
                (0, cell.orders_bound.slot, RejectCode::MaxOpenOrders)
            };
            rooms.iter_mut().for_each(|room| room.tighten(free, slot, reason));
            let free_nanos = cell.money_bound.hard_nanos.saturating_sub(cell.total_nanos());
            if free_nanos < money.0 {
                money = (free_nanos, cell.money_bound.slot, self.money_reason(cell.money_bound.slot));
            }
        }
        if let Some(slot) = path.counters.of(Counter::Rate).iter().find(|slot| self.rates[**slot as usize].bucket == 0)
        {
            return [Room { lots: 0, slot: *slot, reason: RejectCode::MsgRate }; 2];
        }
        if path.new_orders() == KillNew::ReduceOnly {
            let account = self.account_cell(binding);
            let listed = path.restricted >= path.kill.new_orders;
            let reason = if listed { RejectCode::Restricted } else { RejectCode::StateReduceOnly };
            for side in [Side::Buy, Side::Sell] {
                rooms[side.index()].tighten(account.worst_lots(side, 0).saturating_neg(), NO_SLOT, reason);
            }
        }
        if price_nanos != UNDEF_PRICE {
            let edge_nanos = price_nanos.saturating_add(collar_width(price_nanos, path.collar.hard)).saturating_abs();
            for (room, price_nanos) in rooms.iter_mut().zip([price_nanos.saturating_abs(), edge_nanos]) {
                if room.lots > 0 && path.notional_nanos(room.lots, price_nanos) > money.0 {
                    *room = Room { lots: lots_for(path, money.0, price_nanos), slot: money.1, reason: money.2 };
                }
            }
        }
        rooms
    }

    fn money_reason(&self, slot: u32) -> RejectCode {
        let of_day = slot != NO_SLOT && self.limits.get(slot).metric == Metric::DailyValue;
        if of_day { RejectCode::DailyValue } else { RejectCode::GrossExposure }
    }
}

/// Why no order at all passes, if so.
fn shut_by(path: &Path) -> Option<RejectCode> {
    if !path.active {
        Some(RejectCode::UnknownInstrument)
    } else if path.missing.is_some() {
        Some(RejectCode::NoLimit)
    } else if path.forbidden_by != 0 {
        Some(RejectCode::NotPermitted)
    } else if path.new_orders() == KillNew::None {
        let listed = path.restricted >= path.kill.new_orders;
        Some(if listed { RejectCode::Restricted } else { RejectCode::StateNone })
    } else {
        path.duplicate_zero.then_some(RejectCode::Duplicate)
    }
}
