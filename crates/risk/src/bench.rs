//! The benchmark's row: check and hold of a new order under every control built, on a five-level tree, 1,000 instruments.
//!
//! Invariant: every measured order passes every check, so that none is cheap by being refused; the choice of instruments is
//! Zipf's and comes from the seed alone.

use std::hint::black_box;
use std::time::Instant;

use records::{
    Allocation, Definition, Enforcement, LimitSet, Listing, Metric, MoneyNanos, NewOrder, Node, NodeLevel, OrderType,
    Permission, SelectorKind, SelfTrade, Side, TickBand, UNDEF_PRICE,
};

use crate::nodes::LEVELS;
use crate::path::MANDATORY;
use crate::{Binding, Capacity, Hold, LimitTree, Outcome, Reference};

/// Instruments of the row.
pub const INSTRUMENTS: u32 = 1_000;
/// Numbers in RISK_CONTROLS' catalogue of the controls that each measured order passes.
pub const CONTROLS: [u8; 15] = [1, 2, 3, 4, 7, 8, 11, 12, 14, 15, 21, 23, 25, 31, 32];
/// Metrics limited at each level beside the mandatory ones.
const FURTHER: [Metric; 3] = [Metric::DuplicateOrders, Metric::DailyValue, Metric::DailyQuantity];
/// Engine time between two orders.
const PACE_NS: u64 = 1_000;
const HOLDER: u32 = 1;

const DOLLAR: i64 = 1_000_000_000;
const START_NS: u64 = 1_000_000_000_000;
/// Wishes made ahead; the measured loop goes round them.
const PREPARED: usize = 1 << 14;
/// Orders made, untimed, right before they are checked: few enough to stand in the first-level cache, where a strategy's
/// intents stand when the engine takes them.
const BLOCK: usize = 64;
/// Orders alive at a time.
const ALIVE: usize = 1_024;
/// One order in so many is filled before it ends; the others are cancelled.
const FILLED_ONE_IN: usize = 4;

/// What a run saw, in nanoseconds an order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// A check that holds.
    pub check_hold_ns: f64,
    /// The end of an order: release, after a fill of every fourth.
    pub release_ns: f64,
    /// Headroom of both sides.
    pub headroom_ns: f64,
    /// One limit's change with all bindings in place: every counter is summed up anew.
    pub limit_change_ns: f64,
}

/// Runs `orders` new orders, ends those of long before, and asks headrooms as many.
pub fn run(orders: usize, seed: u64) -> Measured {
    let (mut tree, bindings) = firm();
    let wishes = wish(seed);
    let rounds = orders.div_ceil(PREPARED).max(1);
    let mut holds = vec![(Hold::default(), 0); ALIVE];
    let mut asked = vec![(bindings[0], NewOrder::new(), Reference::NONE); BLOCK];
    let mut now_ns = START_NS;
    let mut sums_ns = [0_u128; 3];
    for round in 0..=rounds {
        let mut spent_ns = [0_u128; 3];
        for (block, wishes) in wishes.chunks_exact(BLOCK).enumerate() {
            let oldest = &mut holds[block * BLOCK % ALIVE..][..BLOCK];
            let begun = Instant::now();
            end_orders(&mut tree, oldest);
            spent_ns[1] += begun.elapsed().as_nanos();
            for (ask, wish) in asked.iter_mut().zip(wishes) {
                wish.write(ask, &bindings, now_ns);
            }
            let begun = Instant::now();
            for ((binding, order, reference), (hold, price_nanos)) in asked.iter().zip(oldest) {
                now_ns += PACE_NS;
                let held = tree.check_new(*binding, order, now_ns, reference);
                *hold = held.expect("every measured order passes");
                *price_nanos = order.price_nanos;
            }
            spent_ns[0] += begun.elapsed().as_nanos();
        }
        let begun = Instant::now();
        for wish in &wishes {
            black_box(tree.headroom(bindings[wish.rank]));
        }
        spent_ns[2] += begun.elapsed().as_nanos();
        if round > 0 {
            // The first round warms up.
            sums_ns.iter_mut().zip(spent_ns).for_each(|(sum_ns, spent_ns)| *sum_ns += spent_ns);
        }
    }
    let an_order = |total_ns: u128| total_ns as f64 / (rounds * PREPARED) as f64;
    Measured {
        check_hold_ns: an_order(sums_ns[0]),
        release_ns: an_order(sums_ns[1]),
        headroom_ns: an_order(sums_ns[2]),
        limit_change_ns: change_limits(&mut tree),
    }
}

/// Ends orders with the prices they were held at; a place that never held one stays as it is.
fn end_orders(tree: &mut LimitTree, holds: &mut [(Hold, i64)]) {
    for (at, (hold, price_nanos)) in holds.iter_mut().enumerate().filter(|(_, (hold, _))| hold.is_alive()) {
        if at % FILLED_ONE_IN == 0 {
            let lots = hold.held_lots();
            tree.on_fill(hold, lots, *price_nanos);
        }
        tree.on_closed(hold, 0);
    }
}

fn change_limits(tree: &mut LimitTree) -> f64 {
    let changes = 20;
    let begun = Instant::now();
    for revision in 2..2 + changes {
        let record = LimitSet {
            limit: 1,
            node: 1,
            metric: Metric::OrderQuantity.code(),
            value: MoneyNanos::new(1_000_000),
            selector: SelectorKind::All.code(),
            revision,
            last_of_set: 1,
            ..LimitSet::new()
        };
        assert_eq!(tree.apply_limit(&record), Outcome::Applied);
    }
    begun.elapsed().as_nanos() as f64 / changes as f64
}

/// Every metric limited at each of the five levels; the firm's positions are divided over engines, and permissions are on.
fn firm() -> (LimitTree, Vec<Binding>) {
    let mut tree = LimitTree::new(Capacity::default());
    tree.set_holder(HOLDER);
    let done = |outcome: Outcome| assert_eq!(outcome, Outcome::Applied);
    let wide = i128::from(DOLLAR) * i128::from(DOLLAR);
    let mut limit = 0;
    for (at, (_, _, level)) in NodeLevel::ALL.iter().enumerate() {
        let node = at as u32 + 1;
        done(tree.apply_node(&Node { node, parent: at as u32, level: *level as u8, ..Node::new() }));
        for metric in MANDATORY.into_iter().chain(FURTHER) {
            limit += 1;
            let divided = node == 1 && matches!(metric, Metric::PositionLong | Metric::PositionShort);
            done(tree.apply_limit(&LimitSet {
                limit,
                node,
                metric: metric.code(),
                value: MoneyNanos::new(match metric {
                    Metric::PriceCollar => 100_000,
                    Metric::GrossExposure | Metric::DailyValue => wide * 1_000_000_000,
                    _ => wide,
                }),
                window_ns: match metric {
                    Metric::DuplicateOrders => 1_000 * PACE_NS,
                    _ => 1_000_000_000,
                },
                burst: if metric == Metric::MessageRate { u32::MAX } else { 0 },
                selector: SelectorKind::All.code(),
                soft_percent: if matches!(metric, Metric::PositionLong | Metric::GrossExposure) { 70 } else { 0 },
                enforcement: if divided { Enforcement::Global.code() } else { 0 },
                revision: 1,
                last_of_set: 1,
                ..LimitSet::new()
            }));
            if divided {
                let part = MoneyNanos::new(wide);
                let (holder, upper, lower) = (HOLDER, part, part);
                done(tree.apply_allocation(&Allocation {
                    limit,
                    holder,
                    upper,
                    lower,
                    revision: 1,
                    ..Allocation::new()
                }));
            }
        }
    }
    for (node, allow) in [(1, 0), (3, 1)] {
        let selector = SelectorKind::All.code();
        done(tree.apply_permission(&Permission { node, allow, selector, revision: 1, ..Permission::new() }));
    }
    done(tree.apply_tick_band(&TickBand { table: 1, tick_nanos: 100_000, ..TickBand::new() }));
    done(tree.apply_tick_band(&TickBand {
        table: 1,
        row: 1,
        from_nanos: DOLLAR,
        tick_nanos: 10_000_000,
        ..TickBand::new()
    }));
    let bindings = (1..=INSTRUMENTS).map(|instrument| list(&mut tree, instrument)).collect();
    (tree, bindings)
}

fn list(tree: &mut LimitTree, instrument: u32) -> Binding {
    let mut definition = Definition {
        units_per_lot_e8: 100_000_000,
        prior_close_nanos: 100 * DOLLAR,
        band_low_nanos: DOLLAR,
        band_high_nanos: 1_000 * DOLLAR,
        currency: *b"USD\0",
        active: 1,
        ..Definition::new()
    };
    definition.header.instrument = instrument;
    assert_eq!(tree.apply_definition(&definition), Outcome::Applied);
    let mut listing = Listing {
        tick_table: 1,
        increment_lots: 1,
        price_min_nanos: UNDEF_PRICE,
        price_max_nanos: UNDEF_PRICE,
        active: 1,
        replace_quantity: 1,
        ..Listing::new()
    };
    (listing.header.instrument, listing.header.venue) = (instrument, 1);
    assert_eq!(tree.apply_listing(&listing), Outcome::Applied);
    tree.bind(LEVELS as u32, 1, 1, instrument).expect("a known listing")
}

/// What an order will be.
struct Wish {
    rank: usize,
    side: Side,
    lots: i64,
}

impl Wish {
    fn write(
        &self,
        (binding, order, reference): &mut (Binding, NewOrder, Reference),
        bindings: &[Binding],
        now_ns: u64,
    ) {
        *binding = bindings[self.rank];
        // Buys below and sales above one price an instrument: no order crosses another of ours.
        let middle = (50 + self.rank as i64 % 100) * DOLLAR;
        *order = NewOrder {
            side: self.side.code(),
            order_type: OrderType::Limit.code(),
            lots: self.lots,
            self_trade: SelfTrade::CancelNewest.code(),
            price_nanos: middle - self.side.sign() * 10_000_000,
            ..NewOrder::new()
        };
        *reference = Reference {
            bid_nanos: middle - 10_000_000,
            ask_nanos: middle + 10_000_000,
            touch_time_ns: now_ns,
            live: true,
            ..Reference::NONE
        };
    }
}

fn wish(seed: u64) -> Vec<Wish> {
    let mut state = seed;
    let mut random = move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15); // splitmix64 (Steele, Lea, Flood 2014).
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    };
    let weights: Vec<f64> = (1..=INSTRUMENTS).map(|rank| 1.0 / f64::from(rank)).collect();
    let total: f64 = weights.iter().sum();
    let choose = |word: u64| {
        let mut left = word as f64 / u64::MAX as f64 * total;
        weights.iter().position(|weight| {
            left -= weight;
            left <= 0.0
        })
    };
    (0..PREPARED)
        .map(|_| {
            let rank = choose(random()).unwrap_or(0);
            let word = random();
            let side = if word & 1 == 0 { Side::Buy } else { Side::Sell };
            Wish { rank, side, lots: 1 + (word >> 32) as i64 % 50_000 }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_row_runs_and_leaves_nothing_held() {
        let measured = run(1, 7);
        assert!(measured.check_hold_ns > 0.0 && measured.release_ns > 0.0 && measured.headroom_ns > 0.0);
    }
}
