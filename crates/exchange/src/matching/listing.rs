//! What an instrument allows: ticks, bounds, increments, state.
//!
//! Invariant: a price or quantity that passes here can be added up over the whole book without overflow.

use records::{ExchangeListing, TradingState, UNDEF_PRICE};

/// No price lies further out; keys are negated prices, sums of prices do not happen.
const PRICE_ABS_MAX: i64 = i64::MAX / 4;
/// No order is larger; a million of them add up.
const LOTS_MAX: i64 = 1 << 40;
const MILLION: i128 = 1_000_000;

/// Whether a number is a multiple of a divisor, without dividing: multiply by the inverse of its odd part, rotate its even
/// part out; multiples land at or below the limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Multiple {
    inverse: u64,
    shift: u32,
    limit: u64,
    divisor: i64,
}

impl Multiple {
    /// Of a positive divisor; others count as 1.
    pub fn of(divisor: i64) -> Self {
        let divisor = divisor.max(1) as u64;
        let shift = divisor.trailing_zeros();
        let odd = divisor >> shift;
        let mut inverse = odd; // Right to three bits; each round doubles them.
        for _ in 0..5 {
            inverse = inverse.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(inverse)));
        }
        Self { inverse, shift, limit: u64::MAX / divisor, divisor: divisor as i64 }
    }

    /// The quotient of a multiple (of another number: nothing useful).
    #[inline]
    pub fn quotient(&self, number: i64) -> i64 {
        ((number >> self.shift) as u64).wrapping_mul(self.inverse) as i64
    }

    /// The largest whole quotient at or below, of any number.
    pub fn floor(&self, number: i64) -> i64 {
        number.div_euclid(self.divisor)
    }

    #[inline]
    pub fn holds(&self, number: i64) -> bool {
        number.unsigned_abs().wrapping_mul(self.inverse).rotate_right(self.shift) <= self.limit
    }
}

/// The rules of one listed instrument.
pub(crate) struct Rules {
    pub record: ExchangeListing,
    pub state: TradingState,
    price_min_nanos: i64,
    price_max_nanos: i64,
    small_below_nanos: i64,
    tick: Multiple,
    small_tick: Multiple,
    increment: Multiple,
    lots_max: i64,
}

impl Rules {
    /// From the listing; absent bounds are the widest.
    pub fn new(record: &ExchangeListing) -> Self {
        let small = record.small_tick_nanos > 0;
        Self {
            record: *record,
            state: TradingState::from_code(record.state).unwrap_or(TradingState::Trading),
            price_min_nanos: record.price_min_nanos.max(-PRICE_ABS_MAX),
            price_max_nanos: match record.price_max_nanos {
                0 | UNDEF_PRICE => PRICE_ABS_MAX,
                most => most.min(PRICE_ABS_MAX),
            },
            small_below_nanos: if small { record.small_below_nanos } else { i64::MIN },
            tick: Multiple::of(record.tick_nanos),
            small_tick: Multiple::of(record.small_tick_nanos),
            increment: Multiple::of(record.increment_lots),
            lots_max: if record.lots_max > 0 { record.lots_max.min(LOTS_MAX) } else { LOTS_MAX },
        }
    }

    /// The finest tick, for the ladders.
    pub fn unit(&self) -> Multiple {
        if self.small_below_nanos == i64::MIN { self.tick } else { self.small_tick }
    }

    #[inline]
    pub fn price_is_valid(&self, price_nanos: i64) -> bool {
        let tick = if price_nanos < self.small_below_nanos { &self.small_tick } else { &self.tick };
        price_nanos >= self.price_min_nanos && price_nanos <= self.price_max_nanos && tick.holds(price_nanos)
    }

    #[inline]
    pub fn lots_are_valid(&self, lots: i64) -> bool {
        lots > 0 && lots <= self.lots_max && self.increment.holds(lots)
    }

    /// The worst price a market order may trade at, from the touch it meets. `sign` is +1 for a buy.
    pub fn protection_nanos(&self, touch_nanos: i64, sign: i64) -> i64 {
        if self.record.protection_ppm == 0 {
            return sign * PRICE_ABS_MAX;
        }
        let room = i128::from(touch_nanos).abs() * i128::from(self.record.protection_ppm) / MILLION;
        let room = i64::try_from(room).unwrap_or(PRICE_ABS_MAX).min(PRICE_ABS_MAX);
        touch_nanos + sign * room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiples_are_those_of_division() {
        for divisor in [1, 2, 3, 5, 10, 100, 10_000_000, 250_000_000, 7 << 40, 100_000] {
            let multiple = Multiple::of(divisor);
            for number in (-300..300).map(|n| n * divisor / 3).chain([0, i64::MAX, i64::MIN + 1, 585_330_000_000]) {
                assert_eq!(multiple.holds(number), number % divisor == 0, "{number} of {divisor}");
                assert_eq!(multiple.floor(number), number.div_euclid(divisor));
                if number % divisor == 0 {
                    assert_eq!(multiple.quotient(number), number / divisor);
                }
            }
        }
    }
}
