//! Exposure set aside for an order that is not sent yet: a leg that waits for its turn, or what unwinds a leg if another fails.
//!
//! A leg that waits counts as an open order does. Unwinding trades on the other side of what its leg fills: each lot that
//! fills turns room on the leg's side into as much on the other, so that the worst case of a position does not move; until
//! then its lots are spare, which count in money and lots of the day alone.
//!
//! Invariant: a reserve grows only by [`LimitTree::reserve`], which checks every limit; afterwards it is a pure function of the
//! facts that the engine tells, never of more lots than were reserved.

use records::{NewOrder, Side};

use crate::cells::Delta;
use crate::check::{Growth, read_intent};
use crate::tree::LimitTree;
use crate::types::{Binding, Reference, Refusal};

/// What is reserved for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// An order that is sent later.
    Later,
    /// The order that trades back what another fills.
    Unwind,
}

/// Exposure reserved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reserve {
    /// On its side, as open lots.
    lots: i64,
    spare_lots: i64,
    orders: i64,
    /// The most that `lots` and `spare_lots` may be together.
    lots_max: i64,
    /// The worst price at which they may trade, without sign.
    price_nanos: i64,
    /// 0: nothing was ever reserved.
    binding: u32,
    side: u8,
}

records::state_value!(Reserve { lots, spare_lots, orders, lots_max, price_nanos, binding, side });

impl Reserve {
    /// Lots that count as open.
    pub fn lots(&self) -> i64 {
        self.lots
    }

    /// Lots that count in money and lots of the day alone.
    pub fn spare_lots(&self) -> i64 {
        self.spare_lots
    }

    /// Whether it was ever made.
    pub fn is_made(&self) -> bool {
        self.binding != 0
    }

    /// What decides about later orders.
    pub fn words(&self) -> [u64; 3] {
        [self.lots as u64, self.spare_lots as u64, self.orders as u64]
    }
}

impl LimitTree {
    /// Checks an order that is not sent now, and reserves its worst case. Rates, duplicates and our own orders are looked at when
    /// it is sent; for [`Purpose::Unwind`] kill fields, positions and open orders, too, which it does not make worse.
    ///
    /// # Errors
    /// The first check that failed; nothing is reserved then.
    pub fn reserve(
        &mut self,
        binding: Binding,
        order: &NewOrder,
        purpose: Purpose,
        now_ns: u64,
        reference: &Reference,
    ) -> Result<Reserve, Refusal> {
        let ask = read_intent(order)?;
        let path = self.path(binding);
        let later = purpose == Purpose::Later;
        if later {
            self.gate(binding, path, ask.side, ask.lots)?;
        }
        let priced = self.check_order(path, &ask, now_ns, reference)?;
        let growth = Growth {
            side: ask.side,
            lots: ask.lots,
            position_lots: if later { ask.lots } else { 0 },
            orders: i64::from(later),
            messages: 0,
            held_nanos: path.notional_nanos(ask.lots, priced.worst_nanos),
        };
        self.check_counters(path, &growth, now_ns)?;
        let mut reserve = Reserve {
            lots_max: ask.lots,
            price_nanos: priced.worst_nanos,
            binding: binding.0,
            side: ask.side.code(),
            ..Reserve::default()
        };
        match purpose {
            Purpose::Later => self.set_reserve(&mut reserve, ask.lots, 0, 1),
            Purpose::Unwind => self.set_reserve(&mut reserve, 0, ask.lots, 0),
        }
        Ok(reserve)
    }

    /// Sets what is reserved, as far as there was as much at the begin: lots that count as open, spare lots, orders.
    pub fn set_reserve(&mut self, reserve: &mut Reserve, lots: i64, spare_lots: i64, orders: i64) {
        let Some(side) = Side::from_code(reserve.side) else { return };
        let lots = lots.clamp(0, reserve.lots_max);
        let spare_lots = spare_lots.clamp(0, reserve.lots_max - lots);
        if (lots, spare_lots, orders) == (reserve.lots, reserve.spare_lots, reserve.orders) {
            return;
        }
        let binding = Binding(reserve.binding);
        let path = self.path(binding);
        let nanos = |lots: i64| path.notional_nanos(lots, reserve.price_nanos);
        let held_nanos = nanos(lots + spare_lots) - nanos(reserve.lots + reserve.spare_lots);
        let delta = Delta {
            open_lots: lots - reserve.lots,
            spare_lots: spare_lots - reserve.spare_lots,
            orders: orders - reserve.orders,
            held_nanos,
            ..Delta::default()
        };
        self.book(binding, side, &delta);
        (reserve.lots, reserve.spare_lots, reserve.orders) = (lots, spare_lots, orders);
    }
}
