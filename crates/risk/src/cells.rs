//! The counters of the tree: what is booked and held in the scope of a limit, beside its bound.
//!
//! Invariant: a counter is the exact sum of the bindings in its scope and is never clamped: after a bust or an overfill it
//! may stand beyond its bound, and that side stays closed until it is inside again. Held parts are never negative.

use records::Side;

/// A change to book in every counter of a binding's path.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Delta {
    pub position_lots: i64,
    /// Lots traded, whatever the side; never taken back.
    pub traded_lots: i64,
    /// On the order's side.
    pub open_lots: i64,
    /// Lots that may trade and count in no position yet: what unwinding a leg may trade, as far as the leg has not filled.
    pub spare_lots: i64,
    pub orders: i64,
    pub used_nanos: i128,
    pub held_nanos: i128,
}

/// A bound with a soft one; the slots are the limits' places in the table, [`NO_SLOT`]: no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bound {
    pub hard: i64,
    pub soft: i64,
    pub slot: u32,
    pub soft_slot: u32,
    pub warned: bool,
}

records::state_value!(Bound { hard, soft, slot, soft_slot, warned });

/// The limits' places in the table behind a bound: of the hard one and of the soft one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slots {
    pub hard: u32,
    pub soft: u32,
}

records::state_value!(Slots { hard, soft });

/// A saturating sum, of which the end of the numbers is the seldom case: a branch never taken is cheaper than a choice.
#[inline(always)]
pub(crate) fn capped_sum(left: i64, right: i64) -> i64 {
    #[cold]
    fn capped(left: i64, right: i64) -> i64 {
        left.saturating_add(right)
    }
    left.checked_add(right).unwrap_or_else(|| capped(left, right))
}

/// As [`capped_sum`], of money.
#[inline(always)]
pub(crate) fn capped_money_sum(left: i128, right: i128) -> i128 {
    #[cold]
    fn capped(left: i128, right: i128) -> i128 {
        left.saturating_add(right)
    }
    left.checked_add(right).unwrap_or_else(|| capped(left, right))
}

/// No limit stands there.
pub(crate) const NO_SLOT: u32 = u32::MAX;

impl Bound {
    pub const NONE: Self = Self { hard: i64::MAX, soft: i64::MAX, slot: NO_SLOT, soft_slot: NO_SLOT, warned: false };

    /// The stricter of each, hard and soft; of equals the one that came first in the table.
    pub fn tighten(&mut self, other: Self) {
        if self.slot == NO_SLOT || (other.hard, other.slot) < (self.hard, self.slot) {
            (self.hard, self.slot) = (other.hard, other.slot);
        }
        if other.soft < self.soft {
            (self.soft, self.soft_slot) = (other.soft, other.soft_slot);
        }
    }

    /// Whether [`Self::crosses`] would change anything.
    #[inline]
    pub fn is_unsettled(&self, used: i64) -> bool {
        (used > self.soft) != self.warned
    }

    /// Whether `used` crosses the soft bound now, for the first time since it was last below.
    #[inline]
    pub fn crosses(&mut self, used: i64) -> bool {
        let above = used > self.soft;
        let crossed = above && !self.warned;
        self.warned = above;
        crossed
    }
}

/// As [`Bound`], of money.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MoneyBound {
    pub hard_nanos: i128,
    pub soft_nanos: i128,
    pub slot: u32,
    pub soft_slot: u32,
    pub warned: bool,
}

records::state_value!(MoneyBound { hard_nanos, soft_nanos, slot, soft_slot, warned });

impl MoneyBound {
    pub const NONE: Self =
        Self { hard_nanos: i128::MAX, soft_nanos: i128::MAX, slot: NO_SLOT, soft_slot: NO_SLOT, warned: false };

    /// As [`Bound::tighten`].
    pub fn tighten(&mut self, other: Self) {
        if self.slot == NO_SLOT || (other.hard_nanos, other.slot) < (self.hard_nanos, self.slot) {
            (self.hard_nanos, self.slot) = (other.hard_nanos, other.slot);
        }
        if other.soft_nanos < self.soft_nanos {
            (self.soft_nanos, self.soft_slot) = (other.soft_nanos, other.soft_slot);
        }
    }

    /// As [`Bound::is_unsettled`].
    #[inline]
    pub fn is_unsettled(&self, used_nanos: i128) -> bool {
        (used_nanos > self.soft_nanos) != self.warned
    }

    /// As [`Bound::crosses`].
    #[inline]
    pub fn crosses(&mut self, used_nanos: i128) -> bool {
        let above = used_nanos > self.soft_nanos;
        let crossed = above && !self.warned;
        self.warned = above;
        crossed
    }
}

/// Lots of one instrument in the scope (node, venue, trader): limits 12. One line of memory: an order looks at one for each
/// level, and they are seldom warm. Which limits stand behind the bounds is kept apart, for those who are refused.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct PositionCell {
    pub position_lots: i64,
    /// Open lots by side.
    pub open_lots: [i64; 2],
    /// Largest worst case by side: long, short.
    pub hard: [i64; 2],
    soft: [i64; 2],
    warned: [bool; 2],
}

records::state_value!(PositionCell { position_lots, open_lots, hard, soft, warned });

const _: () = assert!(size_of::<PositionCell>() == 64);

impl PositionCell {
    /// Nothing counted yet under these bounds.
    pub fn new(bounds: &[Bound; 2]) -> Self {
        let (hard, soft) = (bounds.map(|bound| bound.hard), bounds.map(|bound| bound.soft));
        Self { position_lots: 0, open_lots: [0; 2], hard, soft, warned: [false; 2] }
    }

    /// Whether a soft bound was crossed, in either direction, since [`Self::settle`] looked at it last.
    #[inline]
    pub fn is_unsettled(&self) -> bool {
        let changed = |side: Side| {
            let at = side.index();
            (self.worst_lots(side, 0) > self.soft[at]) != self.warned[at]
        };
        changed(Side::Buy) | changed(Side::Sell)
    }

    /// Whether the soft bound of a side is crossed upwards now, for the first time since it was last below.
    pub fn settle(&mut self, side: Side) -> bool {
        let at = side.index();
        let above = self.worst_lots(side, 0) > self.soft[at];
        let was_above = std::mem::replace(&mut self.warned[at], above);
        above && !was_above
    }

    /// The worst case of a side after `lots` more: positive where it is long (buys) or short (sales).
    #[inline]
    pub fn worst_lots(&self, side: Side, lots: i64) -> i64 {
        let position = match side {
            Side::Buy => self.position_lots,
            Side::Sell => -self.position_lots,
        };
        capped_sum(capped_sum(position, self.open_lots[side.index()]), lots)
    }

    #[inline]
    pub fn book(&mut self, side: Side, delta: &Delta) {
        let open = &mut self.open_lots[side.index()];
        *open += delta.open_lots;
        assert!(*open >= 0, "more lots released than held");
        self.position_lots += delta.position_lots;
    }
}

/// Everything else that is counted in the scope of a limit (a node and a selector): live orders (11), money and lots traded
/// today and held (14, 15). Limits of one scope share it; the strictest of each kind binds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TotalCell {
    pub orders: i64,
    pub used_lots: i64,
    pub held_lots: i64,
    pub used_nanos: i128,
    pub held_nanos: i128,
    pub orders_bound: Bound,
    pub lots_bound: Bound,
    pub money_bound: MoneyBound,
}

records::state_value!(TotalCell {
    orders,
    used_lots,
    held_lots,
    used_nanos,
    held_nanos,
    orders_bound,
    lots_bound,
    money_bound,
});

impl TotalCell {
    pub const EMPTY: Self = Self {
        orders: 0,
        used_lots: 0,
        held_lots: 0,
        used_nanos: 0,
        held_nanos: 0,
        orders_bound: Bound::NONE,
        lots_bound: Bound::NONE,
        money_bound: MoneyBound::NONE,
    };

    #[inline]
    pub fn total_nanos(&self) -> i128 {
        capped_money_sum(self.used_nanos, self.held_nanos)
    }

    #[inline]
    pub fn total_lots(&self) -> i64 {
        capped_sum(self.used_lots, self.held_lots)
    }

    /// Whether a soft bound was crossed, in either direction, since it was looked at last.
    #[inline]
    pub fn is_unsettled(&self) -> bool {
        self.orders_bound.is_unsettled(self.orders)
            | self.lots_bound.is_unsettled(self.total_lots())
            | self.money_bound.is_unsettled(self.total_nanos())
    }

    #[inline]
    pub fn book(&mut self, delta: &Delta) {
        self.orders += delta.orders;
        self.used_lots = self.used_lots.saturating_add(delta.traded_lots);
        self.held_lots += delta.open_lots + delta.spare_lots;
        self.used_nanos = self.used_nanos.saturating_add(delta.used_nanos);
        self.held_nanos += delta.held_nanos;
        assert!(self.orders >= 0 && self.held_lots >= 0 && self.held_nanos >= 0, "more released than held");
    }
}

/// A token bucket by engine time (limit 8), kept as the time when it will be full again: one word of state, and no refill.
///
/// `burst` messages may pass at once above the steady pace of one an interval, so that any window sees at most its count
/// plus the burst.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RateCell {
    pub full_at_ns: u64,
    pub interval_ns: u64,
    /// How far ahead of now `full_at_ns` may lie when a message asks.
    pub ahead_ns_max: u64,
    pub soft_ahead_ns: u64,
    /// 1 + burst; 0 forbids.
    pub bucket: u64,
    pub warned: bool,
}

records::state_value!(RateCell { full_at_ns, interval_ns, ahead_ns_max, soft_ahead_ns, bucket, warned });

impl RateCell {
    pub const EMPTY: Self =
        Self { full_at_ns: 0, interval_ns: 1, ahead_ns_max: 0, soft_ahead_ns: u64::MAX, bucket: 0, warned: false };

    /// Sets pace and burst; what was spent stays spent.
    pub fn set(&mut self, count: u64, window_ns: u64, burst: u32, soft_percent: u8) {
        self.interval_ns = window_ns.div_ceil(count.max(1)).max(1);
        self.ahead_ns_max = self.interval_ns.saturating_mul(u64::from(burst));
        self.bucket = if count == 0 { 0 } else { u64::from(burst) + 1 };
        let full_ns = u128::from(self.interval_ns) * u128::from(self.bucket);
        self.soft_ahead_ns = match soft_percent {
            0 => u64::MAX,
            percent => u64::try_from(full_ns * u128::from(percent) / 100).unwrap_or(u64::MAX),
        };
        self.warned = false;
    }

    #[inline]
    pub fn has_token(&self, now_ns: u64) -> bool {
        self.bucket > 0 && self.full_at_ns.saturating_sub(now_ns) <= self.ahead_ns_max
    }

    /// Messages that the bucket would hold with one more.
    pub fn observed(&self, now_ns: u64) -> u64 {
        self.full_at_ns.saturating_sub(now_ns).div_ceil(self.interval_ns) + 1
    }

    /// Takes a token, whether or not there is one (cancels); whether the soft bound is crossed.
    #[inline]
    pub fn take(&mut self, now_ns: u64) -> bool {
        self.full_at_ns = self.full_at_ns.max(now_ns).saturating_add(self.interval_ns);
        let above = self.full_at_ns - now_ns > self.soft_ahead_ns;
        let crossed = above && !self.warned;
        self.warned = above;
        crossed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_window_sees_more_than_count_and_burst() {
        let (count, window_ns, burst) = (7_u64, 1_000_u64, 3_u32);
        let mut cell = RateCell::EMPTY;
        cell.set(count, window_ns, burst, 0);
        let mut passed = Vec::new();
        for now in 10_000..20_000 {
            while cell.has_token(now) {
                cell.take(now);
                passed.push(now);
            }
        }
        for (index, start) in passed.iter().enumerate() {
            let seen = passed[index..].iter().take_while(|time| **time < start + window_ns).count() as u64;
            assert!(seen <= count + u64::from(burst), "{seen} messages from {start}");
        }
        assert!(passed.len() as u64 >= 10 * (count - 1)); // Rounding the interval up costs less than one a window.
    }

    #[test]
    fn a_count_of_zero_forbids() {
        let mut cell = RateCell::EMPTY;
        cell.set(0, 1_000, 5, 0);
        assert!(!cell.has_token(1_000_000));
    }

    #[test]
    #[should_panic(expected = "more lots released than held")]
    fn releasing_more_than_held_is_our_own_bug() {
        let mut cell = PositionCell::new(&[Bound::NONE; 2]);
        cell.book(Side::Buy, &Delta { open_lots: -1, ..Delta::default() });
    }
}
