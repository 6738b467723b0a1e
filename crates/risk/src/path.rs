//! A binding resolved: everything an order of one (account, trader) at one listing is checked against.
//!
//! Invariant: `gather` finds every limit whose node lies on the path and whose selector matches, and nothing else. It runs
//! when a binding is made or limits change, never for an order.

use records::{KillNew, Metric, NodeLevel, StateError, StateReader, StateValue, StateWriter, UNITS_E8};

use crate::cells::{Bound, MoneyBound, NO_SLOT};
use crate::limits::{Limit, LimitTable, Selector, Subject};
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

/// Where positions are counted: with the instrument it is the key of a position counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    pub node: u32,
    pub venue: u16,
    pub trader: u32,
    pub bounds: [Bound; 2],
}

/// Where everything else is counted, with the bounds there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TotalScope {
    pub node: u32,
    pub selector: Selector,
    pub orders: Bound,
    pub lots: Bound,
    pub money: MoneyBound,
}

/// The limits that concern a path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gathered {
    /// The account's own scope first, whether or not a limit sits there.
    pub scopes: [Scope; COUNTERS_MAX],
    pub scopes_count: usize,
    pub totals: [Option<TotalScope>; COUNTERS_MAX],
    pub totals_count: usize,
    pub order_lots: Bound,
    pub order_notional: MoneyBound,
    /// Parts per million.
    pub collar: Bound,
    /// Parts per million through the touch, for market orders.
    pub market: Bound,
    pub reference_age_ns_max: u64,
    pub reference_age_slot: u32,
    pub rates: List<COUNTERS_MAX>,
    pub cancel_rates: List<COUNTERS_MAX>,
    pub duplicates: List<COUNTERS_MAX>,
    pub duplicate_window_ns_max: u64,
    pub duplicate_zero: bool,
    /// First mandatory metric without a limit, and the node that lacks it (0: the path has no node of that level).
    pub missing: Option<(Metric, u32)>,
}

impl Gathered {
    fn new(account: u32) -> Self {
        let base = Scope { node: account, venue: 0, trader: 0, bounds: [Bound::NONE; 2] };
        Self {
            scopes: [base; COUNTERS_MAX],
            scopes_count: 1,
            totals: [None; COUNTERS_MAX],
            totals_count: 0,
            order_lots: Bound::NONE,
            order_notional: MoneyBound::NONE,
            collar: Bound::NONE,
            market: Bound::NONE,
            reference_age_ns_max: u64::MAX,
            reference_age_slot: NO_SLOT,
            rates: List::EMPTY,
            cancel_rates: List::EMPTY,
            duplicates: List::EMPTY,
            duplicate_window_ns_max: 0,
            duplicate_zero: false,
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

    /// The totals of a limit's node and selector; `None` when there is no room for more.
    fn total(&mut self, limit: &Limit) -> Option<&mut TotalScope> {
        let same = |known: &Option<TotalScope>| {
            known.is_some_and(|known| (known.node, known.selector) == (limit.node, limit.selector))
        };
        let at = self.totals[..self.totals_count].iter().position(same).unwrap_or(self.totals_count);
        let place = self.totals.get_mut(at)?;
        self.totals_count = self.totals_count.max(at + 1);
        Some(place.get_or_insert(TotalScope {
            node: limit.node,
            selector: limit.selector,
            orders: Bound::NONE,
            lots: Bound::NONE,
            money: MoneyBound::NONE,
        }))
    }

    #[must_use]
    fn add(&mut self, slot: u32, limit: &Limit) -> bool {
        let bound = limit.bound(slot);
        let (venue, trader) = (limit.selector.venue, limit.selector.trader);
        let scope = Scope { node: limit.node, venue, trader, bounds: [Bound::NONE; 2] };
        match limit.metric {
            Metric::OrderQuantity => self.order_lots.tighten(bound),
            Metric::OrderNotional => self.order_notional.tighten(limit.money_bound(slot)),
            Metric::PriceCollar => {
                self.collar.tighten(bound);
                if limit.window_ns < self.reference_age_ns_max {
                    (self.reference_age_ns_max, self.reference_age_slot) = (limit.window_ns, slot);
                }
            }
            Metric::MarketOrder => self.market.tighten(bound),
            Metric::DuplicateOrders => {
                self.duplicate_window_ns_max = self.duplicate_window_ns_max.max(limit.window_ns);
                self.duplicate_zero |= limit.value == 0;
                return self.duplicates.push(slot);
            }
            Metric::MessageRate => return self.rates.push(slot),
            Metric::CancelRate => return self.cancel_rates.push(slot),
            Metric::PositionLong => return self.tighten_scope(scope, 0, bound),
            Metric::PositionShort => return self.tighten_scope(scope, 1, bound),
            Metric::OpenOrders => return self.total(limit).map(|total| total.orders.tighten(bound)).is_some(),
            Metric::DailyQuantity => return self.total(limit).map(|total| total.lots.tighten(bound)).is_some(),
            Metric::GrossExposure | Metric::DailyValue => {
                let bound = limit.money_bound(slot);
                return self.total(limit).map(|total| total.money.tighten(bound)).is_some();
            }
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

/// A kind of counter, in the order in which a path names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counter {
    Position = 0,
    Total = 1,
    Rate = 2,
    Duplicate = 3,
    CancelRate = 4,
}

const COUNTER_KINDS: usize = 5;

/// The places of a path's counters, close together: kind after kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counters {
    ends: [u8; COUNTER_KINDS],
    places: [u32; COUNTER_KINDS * COUNTERS_MAX],
}

impl StateValue for Counters {
    fn put(&self, out: &mut StateWriter) {
        let Self { ends, places } = self;
        ends.put(out);
        places.put(out);
    }

    fn take(from: &mut StateReader<'_>) -> Result<Self, StateError> {
        let ends: [u8; COUNTER_KINDS] = StateValue::take(from.of("Counters.ends"))?;
        if !ends.is_sorted() || usize::from(ends[COUNTER_KINDS - 1]) > COUNTER_KINDS * COUNTERS_MAX {
            return Err(from.wrong(format!("ends {ends:?}; allowed are rising ones with room for each")));
        }
        Ok(Self { ends, places: StateValue::take(from.of("Counters.places"))? })
    }
}

impl Counters {
    pub const EMPTY: Self = Self { ends: [0; COUNTER_KINDS], places: [0; COUNTER_KINDS * COUNTERS_MAX] };

    #[inline]
    pub fn of(&self, kind: Counter) -> &[u32] {
        let begin = if kind as usize == 0 { 0 } else { self.ends[kind as usize - 1] };
        &self.places[usize::from(begin)..usize::from(self.ends[kind as usize])]
    }

    /// Adds the counters of the next kind.
    pub fn set(&mut self, kind: Counter, places: impl Iterator<Item = u32>) {
        let begin = if kind as usize == 0 { 0 } else { usize::from(self.ends[kind as usize - 1]) };
        let mut end = begin;
        for place in places {
            self.places[end] = place;
            end += 1;
        }
        self.ends[kind as usize..].fill(end as u8);
    }
}

/// A resolved binding. What every order reads stands first.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Path {
    /// Active, limited, permitted, not restricted, not killed: nothing stands in the way of every order.
    pub clear: bool,
    pub replace_remaining: bool,
    /// Quantity, notional or collar has a soft bound.
    pub has_soft_order_bounds: bool,
    pub duplicate_zero: bool,
    pub tick_table: u32,
    pub increment_lots: i64,
    /// The listing's prices, within the instrument's bands.
    pub price_min_nanos: i64,
    pub price_max_nanos: i64,
    /// Whole units of a lot, 0 when they are not whole: spares the division.
    pub units_per_lot: i64,
    pub reference_age_ns_max: u64,
    pub prior_close_nanos: i64,
    pub order_notional: MoneyBound,
    pub order_lots: Bound,
    pub collar: Bound,
    /// Account and instrument in a word, for fingerprints.
    pub identity: u64,
    pub duplicate_window_ns_max: u64,
    pub exposure: Exposure,
    pub subject: Subject,
    pub counters: Counters,
    pub units_per_lot_e8: i64,
    pub market: Bound,
    pub reference_age_slot: u32,
    /// Instrument and listing are active.
    pub active: bool,
    pub kill: KillFields,
    pub restricted: KillNew,
    /// The node whose permission is lacking or forbids, 0: permitted.
    pub forbidden_by: u32,
    pub missing: Option<(Metric, u32)>,
    /// The instrument's bands.
    pub bands_nanos: (i64, i64),
    pub nodes: List<LEVELS>,
}

records::state_value!(Path {
    clear,
    replace_remaining,
    has_soft_order_bounds,
    duplicate_zero,
    tick_table,
    increment_lots,
    price_min_nanos,
    price_max_nanos,
    units_per_lot,
    reference_age_ns_max,
    prior_close_nanos,
    order_notional,
    order_lots,
    collar,
    identity,
    duplicate_window_ns_max,
    exposure,
    subject,
    counters,
    units_per_lot_e8,
    market,
    reference_age_slot,
    active,
    kill,
    restricted,
    forbidden_by,
    missing,
    bands_nanos,
    nodes,
});

impl Path {
    /// An empty path: the place of bindings that are none.
    pub const fn unused() -> Self {
        Self {
            clear: false,
            replace_remaining: false,
            has_soft_order_bounds: false,
            duplicate_zero: false,
            tick_table: 0,
            increment_lots: 1,
            price_min_nanos: 0,
            price_max_nanos: 0,
            units_per_lot: 0,
            reference_age_ns_max: 0,
            prior_close_nanos: i64::MAX,
            order_notional: MoneyBound::NONE,
            order_lots: Bound::NONE,
            collar: Bound::NONE,
            identity: 0,
            duplicate_window_ns_max: 0,
            counters: Counters::EMPTY,
            exposure: Exposure::ZERO,
            units_per_lot_e8: 0,
            market: Bound::NONE,
            reference_age_slot: NO_SLOT,
            active: false,
            kill: KillFields::ARMED,
            restricted: KillNew::Allow,
            forbidden_by: 0,
            missing: None,
            bands_nanos: (i64::MIN, i64::MAX),
            nodes: List::EMPTY,
            subject: Subject { venue: 0, instrument: 0, underlying: 0, sector: 0, trader: 0 },
        }
    }

    /// The strictest of kill fields and restricted list.
    pub fn new_orders(&self) -> KillNew {
        self.kill.new_orders.max(self.restricted)
    }

    /// Whether no order at all passes, whatever it is.
    pub fn is_shut(&self) -> bool {
        !self.active || self.missing.is_some() || self.forbidden_by != 0 || self.new_orders() == KillNew::None
    }

    /// After any of what concerns every order has changed.
    pub fn settle(&mut self) {
        self.clear = !self.is_shut() && self.new_orders() == KillNew::Allow;
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
