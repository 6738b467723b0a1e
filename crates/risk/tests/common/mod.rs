//! A small firm to test with: one account under five levels, two venues, three instruments, generous limits.

#![allow(dead_code, missing_docs)] // Each test file uses its part.

use records::{
    Definition, Kill, KillNew, KillResting, LimitSet, Listing, Metric, MoneyNanos, NewOrder, Node, NodeLevel,
    OrderType, RejectCode, SelectorKind, Side, TickBand, UNDEF_PRICE,
};
use risk::{Binding, Capacity, Hold, LimitTree, Outcome, Reference, Refusal};

pub const CENT: i64 = 10_000_000;
pub const DOLLAR: i64 = 1_000_000_000;
pub const SECOND: u64 = 1_000_000_000;
pub const NOW: u64 = 1_000 * SECOND;

pub const FIRM: u32 = 1;
pub const REGION: u32 = 2;
pub const DESK: u32 = 3;
pub const STRATEGY: u32 = 4;
pub const ACCOUNT: u32 = 5;
/// A second strategy with its account, under the same desk.
pub const STRATEGY_B: u32 = 6;
pub const ACCOUNT_B: u32 = 7;
pub const TRADER: u32 = 11;

/// Instruments 1 and 2 are shares (sector 1, underlying 1 and 2), 3 is a future of fifty units (sector 2). Venue 2 takes
/// what remains as replace quantity.
pub struct Firm {
    pub tree: LimitTree,
    pub revision: u64,
}

pub fn price(dollars: i64) -> i64 {
    dollars * DOLLAR
}

pub fn order(side: Side, lots: i64, price_nanos: i64) -> NewOrder {
    let kind = if price_nanos == UNDEF_PRICE { OrderType::Market } else { OrderType::Limit };
    NewOrder { side: side.code(), order_type: kind.code(), lots, price_nanos, ..NewOrder::new() }
}

/// A fresh touch one cent around a price.
pub fn touch(middle_nanos: i64, now_ns: u64) -> Reference {
    Reference {
        bid_nanos: middle_nanos - CENT,
        ask_nanos: middle_nanos + CENT,
        touch_time_ns: now_ns,
        live: true,
        ..Reference::NONE
    }
}

pub fn limit(id: u32, node: u32, metric: Metric, value: i128) -> LimitSet {
    let timed =
        matches!(metric, Metric::MessageRate | Metric::CancelRate | Metric::PriceCollar | Metric::DuplicateOrders);
    LimitSet {
        limit: id,
        node,
        metric: metric.code(),
        value: MoneyNanos::new(value),
        window_ns: if timed { SECOND } else { 0 },
        selector: SelectorKind::All.code(),
        last_of_set: 1,
        ..LimitSet::new()
    }
}

/// Ample values for the mandatory metrics.
pub fn ample(metric: Metric) -> i128 {
    match metric {
        Metric::PriceCollar => 500_000,
        Metric::OrderNotional | Metric::GrossExposure | Metric::DailyValue => 1_000_000_000 * i128::from(DOLLAR),
        _ => 1_000_000,
    }
}

impl Firm {
    /// Nodes and reference data, no limits.
    pub fn bare() -> Self {
        Self::bare_with(Capacity { bindings_max: 64, limits_max: 256, ..Capacity::default() })
    }

    fn bare_with(capacity: Capacity) -> Self {
        let mut tree = LimitTree::new(capacity);
        let nodes = [
            (FIRM, 0, NodeLevel::Firm),
            (REGION, FIRM, NodeLevel::Region),
            (DESK, REGION, NodeLevel::Desk),
            (STRATEGY, DESK, NodeLevel::Strategy),
            (ACCOUNT, STRATEGY, NodeLevel::Account),
            (STRATEGY_B, DESK, NodeLevel::Strategy),
            (ACCOUNT_B, STRATEGY_B, NodeLevel::Account),
        ];
        for (node, parent, level) in nodes {
            assert_eq!(tree.apply_node(&Node { node, parent, level: level.code(), ..Node::new() }), Outcome::Applied);
        }
        for (row, from_nanos, tick_nanos) in [(0, 0, CENT / 100), (1, DOLLAR, CENT)] {
            let band = TickBand { table: 1, row, from_nanos, tick_nanos, ..TickBand::new() };
            assert_eq!(tree.apply_tick_band(&band), Outcome::Applied);
        }
        for (instrument, units_e8, sector) in [(1, 100_000_000, 1), (2, 100_000_000, 1), (3, 5_000_000_000, 2)] {
            let mut definition = Definition {
                units_per_lot_e8: units_e8,
                prior_close_nanos: price(100),
                underlying: instrument,
                sector,
                currency: *b"USD\0",
                active: 1,
                ..Definition::new()
            };
            definition.header.instrument = instrument;
            assert_eq!(tree.apply_definition(&definition), Outcome::Applied);
            for venue in [1, 2] {
                let mut listing = Listing {
                    tick_table: 1,
                    increment_lots: 1,
                    price_min_nanos: UNDEF_PRICE,
                    price_max_nanos: UNDEF_PRICE,
                    active: 1,
                    replace_quantity: venue as u8,
                    ..Listing::new()
                };
                listing.header.instrument = instrument;
                listing.header.venue = venue;
                assert_eq!(tree.apply_listing(&listing), Outcome::Applied);
            }
        }
        Self { tree, revision: 0 }
    }

    /// With ample mandatory limits at the firm (ids 1 to 8) and both strategies (ids 11 to 18, 21 to 28).
    pub fn new() -> Self {
        Self::bare().limited()
    }

    /// The same, remembering few orders.
    pub fn with_recent(recent_max: usize) -> Self {
        Self::bare_with(Capacity { recent_max, bindings_max: 64, limits_max: 256, ..Capacity::default() }).limited()
    }

    fn limited(mut self) -> Self {
        let firm = &mut self;
        for (base, node) in [(0, FIRM), (10, STRATEGY), (20, STRATEGY_B)] {
            for (at, metric) in MANDATORY.into_iter().enumerate() {
                let mut record = limit(base + at as u32 + 1, node, metric, ample(metric));
                record.burst = if metric == Metric::MessageRate { 1_000_000 } else { 0 };
                firm.set(record);
            }
        }
        self
    }

    pub fn set(&mut self, record: LimitSet) {
        assert_eq!(self.try_set(record), Outcome::Applied);
    }

    pub fn try_set(&mut self, mut record: LimitSet) -> Outcome {
        self.revision += 1;
        record.revision = self.revision;
        self.tree.apply_limit(&record)
    }

    pub fn kill(&mut self, node: u32, new_orders: KillNew, resting: KillResting) {
        self.revision += 1;
        let record = Kill {
            node,
            selector: SelectorKind::All.code(),
            new_orders: new_orders.code(),
            resting: resting.code(),
            revision: self.revision,
            ..Kill::new()
        };
        assert_eq!(self.tree.apply_kill(&record), Outcome::Applied);
    }

    pub fn bind(&mut self, venue: u16, instrument: u32) -> Binding {
        self.tree.bind(ACCOUNT, TRADER, venue, instrument).expect("a known listing")
    }

    /// An order at 100, with a fresh touch around it.
    pub fn send(&mut self, binding: Binding, side: Side, lots: i64) -> Result<Hold, Refusal> {
        self.tree.check_new(binding, &order(side, lots, price(100)), NOW, &touch(price(100), NOW))
    }

    pub fn refusal(&mut self, binding: Binding, side: Side, lots: i64) -> RejectCode {
        self.send(binding, side, lots).expect_err("a refusal").code
    }

    pub fn replace(&mut self, hold: &mut Hold, total_lots: i64, filled_lots: i64) -> Result<(), Refusal> {
        self.tree.check_replace(hold, total_lots, filled_lots, price(100), false, NOW, &touch(price(100), NOW))
    }
}

pub const MANDATORY: [Metric; 8] = [
    Metric::OrderQuantity,
    Metric::OrderNotional,
    Metric::PriceCollar,
    Metric::MessageRate,
    Metric::OpenOrders,
    Metric::PositionLong,
    Metric::PositionShort,
    Metric::GrossExposure,
];
