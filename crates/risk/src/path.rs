//! A binding resolved: everything an order of one (account, trader) at one listing is checked against.
//!
//! Invariant: `gather` finds every limit whose node lies on the path and whose selector matches, and nothing else. It runs
//! when a binding is made or limits change, never for an order.

use records::{Metric, NodeLevel, UNITS_E8};

use crate::cells::{Bound, NO_SLOT};
use crate::limits::{LimitTable, Subject};
use crate::nodes::{LEVELS, List, Nodes};
use crate::types::{Exposure, KillFields};

/// Counters of one kind that a path can have.
pub(crate) const COUNTERS_MAX: usize = 16;
/// One order counts for no more (1e24 of the currency), so that sums of absurd reports stay far from the end of `i128`.
pub(crate) const MONEY_NANOS_MAX: i128 = 1_000_000_000_000_000_000_000_000_000_000_000;
/// Metrics of which the firm and the strategy need a matching limit each.
pub(crate) const MANDATORY: [Metric; 8] = [
    Metric::OrderQuantity,
    Metric::OrderNotional,
    Metric::PriceCollar,
    Metric::MessageRate,
    Metric::OpenOrders,
    Metric::PositionLong,
    Metric::PositionShort,
    Metric::GrossExposure,
];

/// The strictest limit on an order's money.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MoneyBound {
    pub hard_nanos: i128,
    pub soft_nanos: i128,
    pub slot: u32,
    pub warned: bool,
}

impl MoneyBound {
    const NONE: Self = Self { hard_nanos: i128::MAX, soft_nanos: i128::MAX, slot: NO_SLOT, warned: false };

    /// As [`Bound::crosses`].
    pub fn crosses(&mut self, used_nanos: i128) -> bool {
        let above = used_nanos > self.soft_nanos;
        let crossed = above && !self.warned;
        self.warned = above;
        crossed
    }
}

/// Where positions are counted: with the instrument it is the key of a position counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    pub node: u32,
    pub venue: u16,
    pub trader: u32,
    pub bounds: [Bound; 2],
}

/// The limits that concern a path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gathered {
    /// The account's own scope first, whether or not a limit sits there.
    pub scopes: [Scope; COUNTERS_MAX],
    pub scopes_count: usize,
    pub order_lots: Bound,
    pub order_notional: MoneyBound,
    /// Parts per million.
    pub collar: Bound,
    pub reference_age_ns_max: u64,
    pub reference_age_slot: u32,
    pub gross: List<COUNTERS_MAX>,
    pub open: List<COUNTERS_MAX>,
    pub rates: List<COUNTERS_MAX>,
    pub cancel_rates: List<COUNTERS_MAX>,
    /// First mandatory metric without a limit, and the node that lacks it (0: the path has no node of that level).
    pub missing: Option<(Metric, u32)>,
}

impl Gathered {
    fn new(account: u32) -> Self {
        let base = Scope { node: account, venue: 0, trader: 0, bounds: [Bound::NONE; 2] };
        Self {
            scopes: [base; COUNTERS_MAX],
            scopes_count: 1,
            order_lots: Bound::NONE,
            order_notional: MoneyBound::NONE,
            collar: Bound::NONE,
            reference_age_ns_max: u64::MAX,
            reference_age_slot: NO_SLOT,
            gross: List::EMPTY,
            open: List::EMPTY,
            rates: List::EMPTY,
            cancel_rates: List::EMPTY,
            missing: None,
        }
    }

    fn tighten_scope(&mut self, scope: Scope, side: usize, bound: Bound) -> bool {
        let same =
            |known: &&mut Scope| (known.node, known.venue, known.trader) == (scope.node, scope.venue, scope.trader);
        if let Some(known) = self.scopes[..self.scopes_count].iter_mut().find(same) {
            known.bounds[side].tighten(bound);
            return true;
        }
        let Some(free) = self.scopes.get_mut(self.scopes_count) else {
            return false;
        };
        *free = scope;
        free.bounds[side].tighten(bound);
        self.scopes_count += 1;
        true
    }

    #[must_use]
    fn add(&mut self, slot: u32, limit: &crate::limits::Limit) -> bool {
        let bound = limit.bound(slot);
        let (venue, trader) = (limit.selector.venue, limit.selector.trader);
        let scope = Scope { node: limit.node, venue, trader, bounds: [Bound::NONE; 2] };
        match limit.metric {
            Metric::OrderQuantity => self.order_lots.tighten(bound),
            Metric::OrderNotional => {
                if self.order_notional.slot == NO_SLOT || limit.value < self.order_notional.hard_nanos {
                    self.order_notional =
                        MoneyBound { hard_nanos: limit.value, soft_nanos: limit.soft_value(), slot, warned: false };
                }
            }
            Metric::PriceCollar => {
                self.collar.tighten(bound);
                if limit.window_ns < self.reference_age_ns_max {
                    (self.reference_age_ns_max, self.reference_age_slot) = (limit.window_ns, slot);
                }
            }
            Metric::MessageRate => return self.rates.push(slot),
            Metric::OpenOrders => return self.open.push(slot),
            Metric::PositionLong => return self.tighten_scope(scope, 0, bound),
            Metric::PositionShort => return self.tighten_scope(scope, 1, bound),
            Metric::GrossExposure => return self.gross.push(slot),
            Metric::CancelRate => return self.cancel_rates.push(slot),
        }
        true
    }
}

/// Finds the limits that concern a path; `None` when there are more than a path can have.
pub(crate) fn gather(limits: &LimitTable, nodes: &Nodes, path: &[u32], subject: &Subject) -> Option<Gathered> {
    let mut gathered = Gathered::new(path[0]);
    let mut found = [0_u32; LEVELS]; // By node on the path: a bit for each mandatory metric.
    for (level, node) in path.iter().enumerate() {
        for (slot, limit) in limits.at_node(*node).filter(|(_, limit)| limit.selector.matches(subject)) {
            if let Some(at) = MANDATORY.iter().position(|metric| *metric == limit.metric) {
                found[level] |= 1 << at;
            }
            if !gathered.add(slot, limit) {
                return None;
            }
        }
    }
    gathered.missing = [NodeLevel::Firm, NodeLevel::Strategy].into_iter().find_map(|level| {
        let node = nodes.at_level(path, level);
        let bits = path.iter().position(|other| *other == node).map_or(0, |at| found[at]);
        let metric = MANDATORY.iter().enumerate().find(|(at, _)| bits & (1 << at) == 0)?;
        Some((*metric.1, node))
    });
    Some(gathered)
}

/// A resolved binding. What every order reads stands first.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(crate) struct Path {
    /// Instrument and listing are active.
    pub active: bool,
    pub replace_remaining: bool,
    /// Quantity, notional or collar has a soft bound.
    pub has_soft_order_bounds: bool,
    pub kill: KillFields,
    pub missing: Option<(Metric, u32)>,
    pub tick_table: u32,
    pub increment_lots: i64,
    pub price_min_nanos: i64,
    pub price_max_nanos: i64,
    pub prior_close_nanos: i64,
    pub units_per_lot_e8: i64,
    /// Whole units of a lot, 0 when they are not whole: spares the division.
    pub units_per_lot: i64,
    pub reference_age_ns_max: u64,
    pub reference_age_slot: u32,
    pub order_lots: Bound,
    pub collar: Bound,
    pub order_notional: MoneyBound,
    pub exposure: Exposure,
    pub positions: List<COUNTERS_MAX>,
    pub gross: List<COUNTERS_MAX>,
    pub open: List<COUNTERS_MAX>,
    pub rates: List<COUNTERS_MAX>,
    pub cancel_rates: List<COUNTERS_MAX>,
    pub nodes: List<LEVELS>,
    pub subject: Subject,
}

impl Path {
    /// An empty path: the place of bindings that are none.
    pub const fn unused() -> Self {
        Self {
            active: false,
            replace_remaining: false,
            has_soft_order_bounds: false,
            kill: KillFields::ARMED,
            missing: None,
            tick_table: 0,
            increment_lots: 1,
            price_min_nanos: 0,
            price_max_nanos: 0,
            prior_close_nanos: i64::MAX,
            units_per_lot_e8: 0,
            units_per_lot: 0,
            reference_age_ns_max: 0,
            reference_age_slot: NO_SLOT,
            order_lots: Bound::NONE,
            collar: Bound::NONE,
            order_notional: MoneyBound::NONE,
            exposure: Exposure::ZERO,
            positions: List::EMPTY,
            gross: List::EMPTY,
            open: List::EMPTY,
            rates: List::EMPTY,
            cancel_rates: List::EMPTY,
            nodes: List::EMPTY,
            subject: Subject { venue: 0, instrument: 0, underlying: 0, sector: 0, trader: 0 },
        }
    }

    /// Money of `lots` at a price without sign, rounded up: [`records::notional_nanos`], up to [`MONEY_NANOS_MAX`].
    #[inline]
    pub fn notional_nanos(&self, lots: i64, price_nanos: i64) -> i128 {
        let nanos = match lots.checked_mul(self.units_per_lot) {
            Some(units) if self.units_per_lot != 0 => i128::from(units) * i128::from(price_nanos),
            _ => records::notional_nanos(lots, price_nanos, self.units_per_lot_e8),
        };
        nanos.min(MONEY_NANOS_MAX)
    }

    pub fn set_units(&mut self, units_per_lot_e8: i64) {
        self.units_per_lot_e8 = units_per_lot_e8;
        let whole = i128::from(units_per_lot_e8) % UNITS_E8 == 0;
        self.units_per_lot = if whole { (i128::from(units_per_lot_e8) / UNITS_E8) as i64 } else { 0 };
    }
}
