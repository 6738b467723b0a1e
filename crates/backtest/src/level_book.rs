//! One instrument of a venue by level: its levels, our orders behind them, and what a word of the record does to both.
//!
//! Invariant: `reach` has the prices of our worst and best orders of a side, turned so that the best is the greatest; a trade
//! that [`Book::quiet_trade`] does not take has changed nothing.

use book::LevelTold;
use records::{Reason, Side, Trade, TradingState, UNDEF_PRICE};

use crate::ladder::Ladder;
use crate::queue::{Place, QueueModel};
use crate::venue::Listed;

/// One resting order of ours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resting {
    pub id: u64,
    pub feed_ref: u64,
    pub price_nanos: i64,
    pub leaves_lots: i64,
    pub expire_time_ns: u64,
    pub place: Place,
}

/// Prices that are multiples of a tick.
struct Grid {
    tick_nanos: i64,
    /// 2^63 / tick, rounded up.
    inverse: u64,
}

impl Grid {
    fn new(tick_nanos: i64) -> Self {
        Self { tick_nanos, inverse: (1_u64 << 63).div_ceil(tick_nanos.unsigned_abs().max(1)) }
    }

    /// The number of a price's tick; `None`: it is no multiple.
    #[inline(always)]
    fn tick(&self, price_nanos: i64) -> Option<i64> {
        let tick = if price_nanos < 0 {
            price_nanos / self.tick_nanos
        } else {
            // What the inverse is too large by makes less than one of any price: of a multiple this is the tick.
            ((u128::from(price_nanos.cast_unsigned()) * u128::from(self.inverse)) >> 63) as i64
        };
        (tick.wrapping_mul(self.tick_nanos) == price_nanos).then_some(tick)
    }
}

/// What a level that is told comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Nothing: the book stands so already.
    Same,
    /// The level at this place, and what hangs on it.
    Renewed(usize),
    /// More than that.
    More,
}

/// Prices between which our orders of a side stand, turned.
#[derive(Clone, Copy)]
struct Reach {
    worst: i64,
    best: i64,
}

const NO_REACH: Reach = Reach { worst: i64::MAX, best: i64::MIN };

/// One instrument.
pub(crate) struct Book {
    pub listed: Listed,
    /// From the least price to the greatest; an undefined price is beyond.
    span_nanos: u64,
    grid: Grid,
    /// By key: a bid's tick, an ask's negated one; the best is the greatest.
    pub levels: [Ladder; 2],
    own: [Vec<Resting>; 2],
    reach: [Reach; 2],
    pub trading: TradingState,
}

impl Book {
    pub fn new(listed: Listed) -> Self {
        let most_nanos = listed.price_max_nanos.min(UNDEF_PRICE - 1).max(listed.price_min_nanos);
        Self {
            listed,
            span_nanos: most_nanos.wrapping_sub(listed.price_min_nanos).cast_unsigned(),
            grid: Grid::new(listed.tick_nanos),
            levels: Default::default(),
            own: Default::default(),
            reach: [NO_REACH; 2],
            trading: TradingState::Trading,
        }
    }

    pub fn lots_at(&self, side: Side, price_nanos: i64) -> i64 {
        self.levels[side.index()].get(side.sign() * (price_nanos / self.listed.tick_nanos))
    }

    /// Our orders of a side, in the order in which they came.
    pub fn own(&self, side: Side) -> &[Resting] {
        &self.own[side.index()]
    }

    /// The same; prices stay.
    pub fn own_mut(&mut self, side: Side) -> &mut [Resting] {
        &mut self.own[side.index()]
    }

    /// One more of ours rests.
    pub fn rest(&mut self, side: Side, order: Resting) {
        self.own[side.index()].push(order);
        self.renew_reach(side);
    }

    /// Takes one of ours out.
    pub fn take_out(&mut self, side: Side, at: usize) -> Resting {
        let order = self.own[side.index()].remove(at);
        self.renew_reach(side);
        order
    }

    fn renew_reach(&mut self, side: Side) {
        let keys = self.own[side.index()].iter().map(|order| turned(side, order.price_nanos));
        let widened = |reach: Reach, key: i64| Reach { worst: reach.worst.min(key), best: reach.best.max(key) };
        self.reach[side.index()] = keys.fold(NO_REACH, widened);
    }

    /// The key of a level that is told, unless no venue could tell it.
    #[inline(always)]
    pub fn key_of(&self, level: &LevelTold) -> Result<i64, Reason> {
        let from_least = level.price_nanos.wrapping_sub(self.listed.price_min_nanos).cast_unsigned();
        let tick = if from_least <= self.span_nanos { self.grid.tick(level.price_nanos) } else { None };
        let tick = tick.ok_or(Reason::InvalidPrice)?;
        if level.lots < 0 {
            return Err(Reason::InvalidQuantity);
        }
        Ok(turned(level.side, tick))
    }

    /// Whether a level stands at or through prices of ours.
    #[inline(always)]
    pub fn crosses(&self, level: &LevelTold) -> bool {
        let other = level.side.opposite();
        level.lots > 0 && self.reach[other.index()].best >= turned(other, level.price_nanos)
    }

    /// A level is as it was told; false: it was so before.
    #[inline]
    pub fn renew(&mut self, key: i64, level: &LevelTold, model: QueueModel) -> bool {
        let before_lots = self.levels[level.side.index()].set(key, level.lots);
        if before_lots == level.lots {
            return false;
        }
        self.queue(level, before_lots, model);
        true
    }

    /// Our orders at a level that is renewed. Apart: with it in their loop, runs would keep less in registers.
    #[inline(never)]
    fn queue(&mut self, level: &LevelTold, before_lots: i64, model: QueueModel) {
        for order in &mut self.own[level.side.index()] {
            if order.price_nanos == level.price_nanos {
                order.place.on_level(model, before_lots, level.lots);
            }
        }
    }

    /// What a level of the record comes to. Nothing has changed yet.
    #[inline(always)]
    pub fn told(&self, level: &LevelTold) -> Told {
        match self.key_of(level) {
            Ok(key) if !self.crosses(level) => match self.levels[level.side.index()].near(key) {
                Some((_, before_lots)) if before_lots == level.lots => Told::Same,
                Some((place, _)) => Told::Renewed(place),
                None => Told::More,
            },
            _ => Told::More,
        }
    }

    /// The level at a place that [`Book::told`] gave is as it was told.
    #[inline(always)]
    pub fn renew_at(&mut self, place: usize, level: &LevelTold, model: QueueModel) {
        let before_lots = self.levels[level.side.index()].set_near(place, level.lots);
        let (reach, key) = (self.reach[level.side.index()], turned(level.side, level.price_nanos));
        if reach.worst <= key && key <= reach.best {
            self.queue(level, before_lots, model);
        }
    }

    /// A trade of the record, where it reaches none of our orders; false: it reaches one, and nothing was done.
    #[inline(never)]
    pub fn quiet_trade(&mut self, trade: &Trade) -> bool {
        if !self.counts(trade) {
            return true;
        }
        for side in resting_sides(trade) {
            let reach = self.reach[side.index()].best;
            let key = turned(side, trade.price_nanos);
            let filled = |order: &Resting| order.price_nanos == trade.price_nanos && !order.place.holds(trade.lots);
            if reach > key || reach == key && self.own[side.index()].iter().any(filled) {
                return false;
            }
        }
        for side in resting_sides(trade) {
            for order in &mut self.own[side.index()] {
                if order.price_nanos == trade.price_nanos {
                    order.place.on_trade(trade.lots);
                }
            }
        }
        true
    }

    /// Whether a trade can have met orders of ours.
    #[inline(always)]
    pub fn counts(&self, trade: &Trade) -> bool {
        let is_one = trade.busted != 1 && trade.price_nanos != UNDEF_PRICE && trade.lots > 0;
        is_one && self.trading == TradingState::Trading
    }
}

/// A price or tick of a side as a key: the best is the greatest. Sides come at random, so there is no branch.
#[inline(always)]
const fn turned(side: Side, price: i64) -> i64 {
    let sign = -(side.index() as i64);
    (price ^ sign).wrapping_sub(sign)
}

/// The sides on which a trade's lots may have rested: where the record does not say which, both.
#[inline(always)]
pub(crate) fn resting_sides(trade: &Trade) -> impl Iterator<Item = Side> + use<> {
    let code = trade.side;
    [Side::Buy, Side::Sell].into_iter().filter(move |side| code == 0 || code == side.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_has_the_tick_that_division_gives() {
        let mut random = book::flow::Random::new(9);
        for tick_nanos in [1, 2, 3, 7, 100, 10_000_000, 1_000_000_000, i64::MAX / 3, i64::MAX] {
            let grid = Grid::new(tick_nanos);
            let mut prices =
                vec![0, 1, tick_nanos, i64::MAX, i64::MAX - 1, i64::MAX / tick_nanos * tick_nanos, -tick_nanos];
            for _ in 0..2_000 {
                let bits = 1 + random.below(62);
                let price_nanos = random.below(1 << bits) as i64;
                prices.extend([price_nanos, price_nanos / tick_nanos * tick_nanos, -price_nanos]);
            }
            for price_nanos in prices {
                let expected = (price_nanos % tick_nanos == 0).then_some(price_nanos / tick_nanos);
                assert_eq!(grid.tick(price_nanos), expected, "{price_nanos} in ticks of {tick_nanos}");
            }
        }
    }
}
