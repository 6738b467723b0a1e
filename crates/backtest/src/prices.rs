//! The prices at which an instrument may have levels, and their keys: where a level stands in its ladder.
//!
//! Invariant: keys of a side are ticks, turned so that the best price has the greatest; equal keys are equal prices.

use records::{Side, UNDEF_PRICE};

use crate::venue::Listed;

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

/// The prices of an instrument.
pub(crate) struct Prices {
    least_nanos: i64,
    /// From the least price to the greatest; an undefined price is beyond.
    span_nanos: u64,
    grid: Grid,
}

impl Prices {
    pub fn new(listed: &Listed) -> Self {
        let most_nanos = listed.price_max_nanos.min(UNDEF_PRICE - 1).max(listed.price_min_nanos);
        Self {
            least_nanos: listed.price_min_nanos,
            span_nanos: most_nanos.wrapping_sub(listed.price_min_nanos).cast_unsigned(),
            grid: Grid::new(listed.tick_nanos),
        }
    }

    /// The key of a price of a side; `None`: no venue could tell of a level there.
    #[inline(always)]
    pub fn key(&self, side: Side, price_nanos: i64) -> Option<i64> {
        let from_least = price_nanos.wrapping_sub(self.least_nanos).cast_unsigned();
        let tick = if from_least <= self.span_nanos { self.grid.tick(price_nanos) } else { None };
        tick.map(|tick| turned(side, tick))
    }
}

/// A price or tick of a side as a key: the best is the greatest. Sides come at random, so there is no branch.
#[inline(always)]
pub(crate) const fn turned(side: Side, price: i64) -> i64 {
    let sign = -(side.index() as i64);
    (price ^ sign).wrapping_sub(sign)
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
