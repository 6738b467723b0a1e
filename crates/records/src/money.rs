//! Money: `i128` nanos in memory, two 64-bit words in records.
//!
//! Invariant: arithmetic saturates, so that an absurd product is over every limit; rounding is against ourselves.

use crate::layout::part;

/// Units of one lot are stored times 1e8: 1 share = 1e8, one ES contract = 50e8, 1e-8 coin = 1.
pub const UNITS_E8: i128 = 100_000_000;

/// 1e8 without its factor of 2^8, and that factor's bits.
const ODD: u64 = 390_625;
const EVEN_BITS: u32 = 8;

part! {
    /// An amount in nanos of its currency, as two words.
    pub struct MoneyNanos [16] {
        /// Low 64 bits.
        pub low: u64,
        /// High 64 bits, signed.
        pub high: i64,
    }
}

impl MoneyNanos {
    /// From the in-memory form.
    pub const fn new(nanos: i128) -> Self {
        Self { low: nanos as u64, high: (nanos >> 64) as i64 }
    }

    /// The in-memory form.
    pub const fn get(self) -> i128 {
        ((self.high as i128) << 64) | self.low as i128
    }
}

/// A part of 1e8, rounded down. Money is divided by that at each check and each fill, and a division of 128 bits costs more than the
/// rest of a check: this one is made of products.
#[inline]
pub const fn down_e8(amount_e8: i128) -> i128 {
    // What is below zero is its distance from -1, turned.
    let sign = amount_e8 >> 127;
    (quotient_e8((amount_e8 ^ sign).cast_unsigned()).cast_signed()) ^ sign
}

/// A part of 1e8, in steps of numbers that a word holds.
#[inline]
const fn quotient_e8(amount_e8: u128) -> u128 {
    let rest = amount_e8 >> EVEN_BITS;
    let (high, low) = ((rest >> 64) as u64, rest as u64);
    if high == 0 {
        return (low / ODD) as u128;
    }
    // A remainder has 19 bits: with 32 more it is a word.
    let middle = (high % ODD) << 32 | low >> 32;
    let last = (middle % ODD) << 32 | low & 0xffff_ffff;
    ((high / ODD) as u128) << 64 | ((middle / ODD) as u128) << 32 | (last / ODD) as u128
}

/// Notional of `lots` at a price, rounded up: against ourselves. The sign of a price (spreads) is dropped.
pub fn notional_nanos(lots: i64, price_nanos: i64, units_per_lot_e8: i64) -> i128 {
    let units_e8 = i128::from(lots.unsigned_abs()) * i128::from(units_per_lot_e8.unsigned_abs());
    down_e8(units_e8.saturating_mul(i128::from(price_nanos).abs()).saturating_add(UNITS_E8 - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_survives_the_way_through_its_words() {
        for nanos in [0, 1, -1, i128::MAX, i128::MIN, 9_223_372_036_854_775_808, -9_223_372_036_854_775_809] {
            assert_eq!(MoneyNanos::new(nanos).get(), nanos);
        }
    }

    #[test]
    fn a_part_of_1e8_is_what_division_gives() {
        let mut amounts = vec![0, 1, 99_999_999, 100_000_000, 100_000_001, i128::MAX, i128::MAX - 1];
        let mut bits = 0x2545_f491_4f6c_dd1d_8422_2325_cbf2_9ce4_u128;
        for step in 0..20_000_u32 {
            bits = bits.wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645).wrapping_add(1).rotate_left(29);
            let amount = (bits >> 1 >> (step % 126)) as i128;
            amounts.extend([amount, amount / UNITS_E8 * UNITS_E8]);
        }
        for amount in amounts {
            assert_eq!(down_e8(amount), amount.div_euclid(UNITS_E8), "{amount}");
            assert_eq!(down_e8(-amount), (-amount).div_euclid(UNITS_E8), "-{amount}");
        }
        assert_eq!(down_e8(i128::MIN), i128::MIN.div_euclid(UNITS_E8));
    }

    #[test]
    fn notional_rounds_against_ourselves() {
        assert_eq!(notional_nanos(3, 1, 50_000_000), 2); // 1.5 nanos.
        assert_eq!(notional_nanos(10, 585_330_000_000, 100_000_000), 5_853_300_000_000);
        assert_eq!(notional_nanos(i64::MAX, i64::MAX, i64::MAX), i128::MAX / UNITS_E8);
    }
}
