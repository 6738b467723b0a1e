//! What the limit tree is asked, and what it answers: plain values, no behaviour.
//!
//! Units: lots, prices in nanos, money in nanos of the tree's one currency as `i128`, times in ns of engine time.

use records::{KillNew, KillResting, Metric, RejectCode, Side, UNDEF_PRICE};

use crate::cells::Delta;

/// How much memory the tree takes when it is made; nothing grows afterwards, and what does not fit is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Nodes of the tree.
    pub nodes_max: usize,
    /// Limits, removed ones included (their revision is remembered).
    pub limits_max: usize,
    /// Kill entries: one for each node and selector ever killed.
    pub kills_max: usize,
    /// Highest instrument id.
    pub instruments_max: usize,
    /// Instruments at venues.
    pub listings_max: usize,
    /// Highest tick table number.
    pub tick_tables_max: usize,
    /// Bindings: account × trader × venue × instrument.
    pub bindings_max: usize,
    /// Permissions, removed ones included.
    pub permissions_max: usize,
    /// New orders remembered for the control of duplicates: as many as pass within its longest window.
    pub recent_max: usize,
}

impl Default for Capacity {
    fn default() -> Self {
        Self {
            nodes_max: 256,
            limits_max: 4_096,
            kills_max: 1_024,
            instruments_max: 2_048,
            listings_max: 8_192,
            tick_tables_max: 64,
            bindings_max: 4_096,
            permissions_max: 1_024,
            recent_max: 32_768,
        }
    }
}

/// What became of a configuration record. `records::Applied.outcome` has the same codes, but for `InSet`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// In force now.
    Applied,
    /// Not newer than what stands.
    Older,
    /// Makes no sense, or does not fit; nothing changed.
    Refused(Refused),
    /// Waits for the last record of its set; the set's outcome is told with that one.
    InSet,
}

impl Outcome {
    /// The code of `records::Applied.outcome` (4: waits for its set).
    pub const fn code(self) -> u8 {
        match self {
            Self::Applied => 1,
            Self::Older => 2,
            Self::Refused(_) => 3,
            Self::InSet => 4,
        }
    }
}

/// Why a configuration record or a binding was refused.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No room of that kind is left ([`Capacity`]).
    Capacity = 1,
    /// The node is not known, its parent is not, or its level is not below its parent's.
    Node = 2,
    /// A code this build does not know, or one that is not allowed here.
    Code = 3,
    /// A negative value, a rate without window, a percentage beyond 100.
    Value = 4,
    /// The instrument is not known.
    Instrument = 5,
    /// The instrument is not listed at that venue.
    Listing = 6,
    /// The tick table is not known, or its rows do not rise from 0.
    TickTable = 7,
    /// Another currency than the tree's.
    Currency = 8,
    /// Reference data is fixed once an instrument is bound, but for what [`crate::LimitTree::apply_definition`] names.
    Bound = 9,
    /// Another record of the same set was refused.
    Set = 10,
    /// A bound of this metric cannot be divided into parts.
    Enforcement = 11,
    /// The limit is not known.
    Limit = 12,
    /// The part is another engine's.
    Holder = 13,
}

records::state_codes!(Refused {
    Capacity,
    Node,
    Code,
    Value,
    Instrument,
    Listing,
    TickTable,
    Currency,
    Bound,
    Set,
    Enforcement,
    Limit,
    Holder,
});

/// A resolved pair of (account, trader) and (venue, instrument): what orders are checked against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Binding(pub u32);

impl records::StateValue for Binding {
    fn put(&self, out: &mut records::StateWriter) {
        self.0.put(out);
    }

    fn take(from: &mut records::StateReader<'_>) -> Result<Self, records::StateError> {
        u32::take(from).map(Self)
    }
}

/// What the engine knows of prices at the order's venue when it asks. Absent: price undefined, time 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Best bid, or undefined.
    pub bid_nanos: i64,
    /// Best ask, or undefined.
    pub ask_nanos: i64,
    /// When the feed last confirmed the touch (engine time); 0: never today.
    pub touch_time_ns: u64,
    /// The last trade's price, or undefined.
    pub last_nanos: i64,
    /// When it printed (engine time); 0: never today.
    pub last_time_ns: u64,
    /// Whether the feed is live; the touch of another one is not looked at.
    pub live: bool,
}

impl Reference {
    /// Nothing was seen today: the prior close stands in where the reference data has one.
    pub const NONE: Self = Self {
        bid_nanos: UNDEF_PRICE,
        ask_nanos: UNDEF_PRICE,
        touch_time_ns: 0,
        last_nanos: UNDEF_PRICE,
        last_time_ns: 0,
        live: false,
    };
}

/// The first check that failed, as an officer needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which check.
    pub code: RejectCode,
    /// The limit, 0: none is set or none is concerned.
    pub limit: u32,
    /// Its node (for a missing limit: the node that lacks it), 0: none.
    pub node: u32,
    /// The bound, in the metric's unit; [`RejectCode::NoLimit`]: the [`Metric`] code that is missing.
    pub bound: i128,
    /// What would have been, in the same unit.
    pub observed: i128,
    /// The reference price used, or undefined.
    pub reference_nanos: i64,
}

/// A soft bound was crossed upwards. Told once for each crossing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The limit.
    pub limit: u32,
    /// Its node.
    pub node: u32,
    /// What it measures.
    pub metric: Metric,
    /// Its hard bound.
    pub bound: i128,
    /// Its use after the order.
    pub observed: i128,
    /// The binding whose order crossed it.
    pub binding: Binding,
}

records::state_value!(Warning { limit, node, metric, bound, observed, binding });

/// The strictest of each kill field along a binding's path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KillFields {
    /// New orders.
    pub new_orders: KillNew,
    /// Resting orders.
    pub resting: KillResting,
    /// Whether the position is to be closed.
    pub flatten: bool,
}

records::state_value!(KillFields { new_orders, resting, flatten });

impl KillFields {
    /// Nothing is killed.
    pub const ARMED: Self = Self { new_orders: KillNew::Allow, resting: KillResting::Keep, flatten: false };

    /// The strictest of each field.
    pub fn strictest(self, other: Self) -> Self {
        Self {
            new_orders: self.new_orders.max(other.new_orders),
            resting: self.resting.max(other.resting),
            flatten: self.flatten | other.flatten,
        }
    }
}

/// What is booked and held. Sums of bindings are exact: nothing is rounded between a binding and its limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exposure {
    /// Signed lots booked.
    pub position_lots: i64,
    /// Lots held by buys: open, unknown, or filled and not yet booked.
    pub open_buy_lots: i64,
    /// The same of sales.
    pub open_sell_lots: i64,
    /// Lots reserved that count in no position yet ([`crate::Reserve`]).
    pub spare_lots: i64,
    /// Orders that may be alive.
    pub open_orders: i64,
    /// Lots traded in this trading day, both sides.
    pub traded_lots: i64,
    /// Notional traded in this trading day.
    pub gross_used_nanos: i128,
    /// Notional that the held lots may still trade for.
    pub gross_held_nanos: i128,
}

records::state_value!(Exposure {
    position_lots,
    open_buy_lots,
    open_sell_lots,
    spare_lots,
    open_orders,
    traded_lots,
    gross_used_nanos,
    gross_held_nanos,
});

impl Exposure {
    /// Nothing booked, nothing held.
    pub const ZERO: Self = Self {
        position_lots: 0,
        open_buy_lots: 0,
        open_sell_lots: 0,
        spare_lots: 0,
        open_orders: 0,
        traded_lots: 0,
        gross_used_nanos: 0,
        gross_held_nanos: 0,
    };

    #[inline]
    pub(crate) fn book(&mut self, side: Side, delta: &Delta) {
        self.position_lots += delta.position_lots;
        let open_lots = match side {
            Side::Buy => &mut self.open_buy_lots,
            Side::Sell => &mut self.open_sell_lots,
        };
        *open_lots += delta.open_lots;
        self.spare_lots += delta.spare_lots;
        self.open_orders += delta.orders;
        self.traded_lots = self.traded_lots.saturating_add(delta.traded_lots);
        self.gross_used_nanos = self.gross_used_nanos.saturating_add(delta.used_nanos);
        self.gross_held_nanos += delta.held_nanos;
        let least_lots = (*open_lots).min(self.spare_lots).min(self.open_orders);
        assert!(least_lots >= 0 && self.gross_held_nanos >= 0, "more released than held");
    }
}

/// How far a limit is used, in its metric's unit. What is looked at order by order (quantity, notional, collar) and rates
/// have no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The limit.
    pub limit: u32,
    /// Its node.
    pub node: u32,
    /// What it measures.
    pub metric: Metric,
    /// Whether its bound is divided over engines.
    pub global: bool,
    /// What binds here: the bound, or this engine's part of it; `None`: there is no part.
    pub bound: Option<i128>,
    /// Booked: a position on that side, or what was traded today; in the instrument that has least left where each counts
    /// apart.
    pub filled: i128,
    /// Held by orders that may still trade.
    pub open: i128,
    /// That instrument, 0: it counts none apart.
    pub instrument: u32,
}

impl Usage {
    /// Booked and held, in the worst case.
    pub fn used(&self) -> i128 {
        self.filled.saturating_add(self.open)
    }

    /// What is left; below zero, the side is closed until it is inside again.
    pub fn free(&self) -> i128 {
        match self.bound {
            Some(bound) => bound.saturating_sub(self.used()),
            None => self.used().saturating_neg().min(0),
        }
    }
}
