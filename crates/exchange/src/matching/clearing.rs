//! The price of a call auction: one price for all that can trade.
//!
//! Candidates are the limits of the orders and the reference price. The first of these rules that leaves one of them decides, as
//! exchanges with call auctions publish it (LSE, "MIT201 Guide to the Trading System", auction matching; Deutsche Börse, "T7
//! Market Model Equities", price determination in auctions):
//!
//! 1. most lots trade;
//! 2. fewest lots of one side are left at that price or better (the surplus);
//! 3. market pressure: where buys are left at every such price, the highest; where sells are, the lowest;
//! 4. nearest to the reference price, the lower of two; without one, the lowest.
//!
//! Market orders count at every price. Where nothing but market orders meet and there is no reference price, nothing trades.
//!
//! Invariant: the price is no worse than the limit of any order that trades, and no other price trades more. Integers alone.

use records::UNDEF_PRICE;

/// Lots that want this price or better: limit orders of one price.
#[derive(Clone, Copy, Default)]
pub(crate) struct Point {
    pub price_nanos: i64,
    /// Buys, sells.
    pub lots: [i64; 2],
}

/// What a call gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clearing {
    pub price_nanos: i64,
    pub paired_lots: i64,
    /// Lots left at that price or better: above 0 buys, below 0 sells.
    pub surplus_lots: i64,
}

/// A candidate: its price, and what is left there.
type Candidate = (i64, i64);

/// Candidates that trade equally many lots and leave equally many.
struct Ties {
    paired_lots: i64,
    low: Candidate,
    high: Candidate,
    nearest: Candidate,
}

impl Ties {
    /// By rules 3 and 4. The surplus falls with the price, so that the ends tell of what lies between.
    fn choose(&self, reference_nanos: i64) -> Clearing {
        let (price_nanos, surplus_lots) = match (self.low, self.high) {
            (_, high) if high.1 > 0 => high,
            (low, _) if low.1 < 0 || reference_nanos == UNDEF_PRICE => low,
            _ => self.nearest,
        };
        Clearing { price_nanos, paired_lots: self.paired_lots, surplus_lots }
    }
}

/// The price of a call; `None`: nothing can trade. `points` come in any order and are sorted; `market_lots` are those of market
/// orders. Room for one point more than it is given must be there.
pub(crate) fn clear(points: &mut Vec<Point>, market_lots: [i64; 2], reference_nanos: i64) -> Option<Clearing> {
    if reference_nanos != UNDEF_PRICE {
        points.push(Point { price_nanos: reference_nanos, lots: [0; 2] });
    }
    points.sort_unstable_by_key(|point| point.price_nanos);
    let distance = |price_nanos: i64| price_nanos.abs_diff(reference_nanos);
    let mut demand_lots = market_lots[0] + points.iter().map(|point| point.lots[0]).sum::<i64>();
    let mut supply_lots = market_lots[1];
    let mut best: Option<Ties> = None;
    for level in points.chunk_by(|one, other| one.price_nanos == other.price_nanos) {
        supply_lots += level.iter().map(|point| point.lots[1]).sum::<i64>();
        let candidate = (level[0].price_nanos, demand_lots - supply_lots);
        let paired_lots = demand_lots.min(supply_lots);
        demand_lots -= level.iter().map(|point| point.lots[0]).sum::<i64>();
        match &mut best {
            _ if paired_lots == 0 => {}
            Some(ties)
                if (ties.paired_lots, ties.low.1.unsigned_abs()) == (paired_lots, candidate.1.unsigned_abs()) =>
            {
                ties.high = candidate;
                if distance(candidate.0) < distance(ties.nearest.0) {
                    ties.nearest = candidate;
                }
            }
            Some(ties)
                if ties.paired_lots > paired_lots
                    || ties.paired_lots == paired_lots && ties.low.1.unsigned_abs() < candidate.1.unsigned_abs() => {}
            _ => best = Some(Ties { paired_lots, low: candidate, high: candidate, nearest: candidate }),
        }
    }
    best.map(|ties| ties.choose(reference_nanos))
}

/// What is left at a price where nothing trades; by market orders alone where there is no price.
pub(crate) fn surplus_at(points: &[Point], market_lots: [i64; 2], price_nanos: i64) -> i64 {
    let mut left = market_lots[0] - market_lots[1];
    if price_nanos != UNDEF_PRICE {
        for point in points {
            left += if point.price_nanos >= price_nanos { point.lots[0] } else { 0 };
            left -= if point.price_nanos <= price_nanos { point.lots[1] } else { 0 };
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(buys: &[(i64, i64)], sells: &[(i64, i64)], market: [i64; 2], reference: i64) -> Option<(i64, i64, i64)> {
        let point = |side: usize| {
            move |(price_nanos, lots): &(i64, i64)| {
                let mut point = Point { price_nanos: *price_nanos, lots: [0; 2] };
                point.lots[side] = *lots;
                point
            }
        };
        let mut points: Vec<Point> = buys.iter().map(point(0)).chain(sells.iter().map(point(1))).collect();
        clear(&mut points, market, reference)
            .map(|clearing| (clearing.price_nanos, clearing.paired_lots, clearing.surplus_lots))
    }

    #[test]
    fn each_rule_decides_what_the_one_before_leaves_open() {
        let none = UNDEF_PRICE;
        // 1: 101 trades 30, 100 and 102 fewer.
        assert_eq!(found(&[(102, 10), (101, 20)], &[(100, 20), (101, 10)], [0, 0], none), Some((101, 30, 0)));
        // 2: 20 trade at 100 and at 101; at 101 nothing is left.
        assert_eq!(found(&[(101, 20), (100, 5)], &[(100, 20)], [0, 0], none), Some((101, 20, 0)));
        // 3: buys are left everywhere, then sells are.
        assert_eq!(found(&[(103, 30)], &[(100, 20)], [0, 0], 101), Some((103, 20, 10)));
        assert_eq!(found(&[(103, 20)], &[(100, 30)], [0, 0], 102), Some((100, 20, -10)));
        // 4: nothing is left from 100 to 103: the reference price where it lies between, else the nearer end.
        assert_eq!(found(&[(103, 20)], &[(100, 20)], [0, 0], 101), Some((101, 20, 0)));
        assert_eq!(found(&[(103, 20)], &[(100, 20)], [0, 0], 107), Some((103, 20, 0)));
        assert_eq!(found(&[(103, 20)], &[(100, 20)], [0, 0], 99), Some((100, 20, 0)));
        assert_eq!(found(&[(103, 20)], &[(100, 20)], [0, 0], none), Some((100, 20, 0)));
    }

    #[test]
    fn market_orders_count_at_every_price_and_need_one() {
        assert_eq!(found(&[], &[(100, 5)], [20, 0], UNDEF_PRICE), Some((100, 5, 15)));
        assert_eq!(found(&[], &[], [20, 30], 77), Some((77, 20, -10)));
        assert_eq!(found(&[], &[], [20, 30], UNDEF_PRICE), None);
        // Not at a limit far away that leaves more than the reference price does.
        assert_eq!(found(&[(1, 10)], &[], [100, 100], 50), Some((50, 100, 0)));
        assert_eq!(found(&[(99, 10)], &[(100, 10)], [0, 0], 99), None);
    }

    #[test]
    fn what_is_left_where_nothing_trades_is_told_at_the_reference_price() {
        let points = [Point { price_nanos: 99, lots: [10, 0] }, Point { price_nanos: 98, lots: [7, 0] }];
        assert_eq!(surplus_at(&points, [0, 0], 99), 10);
        assert_eq!(surplus_at(&points, [3, 1], UNDEF_PRICE), 2);
    }
}
