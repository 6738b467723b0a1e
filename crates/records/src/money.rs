//! Money: `i128` nanos in memory, two 64-bit words in records.
//!
//! Invariant: arithmetic saturates, so that an absurd product is over every limit; rounding is against ourselves.

use crate::layout::part;

/// Units of one lot are stored times 1e8: 1 share = 1e8, one ES contract = 50e8, 1e-8 coin = 1.
pub const UNITS_E8: i128 = 100_000_000;

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

/// Notional of `lots` at a price, rounded up: against ourselves. The sign of a price (spreads) is dropped.
pub fn notional_nanos(lots: i64, price_nanos: i64, units_per_lot_e8: i64) -> i128 {
    let units_e8 = i128::from(lots.unsigned_abs()) * i128::from(units_per_lot_e8.unsigned_abs());
    units_e8.saturating_mul(i128::from(price_nanos).abs()).saturating_add(UNITS_E8 - 1) / UNITS_E8
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
    fn notional_rounds_against_ourselves() {
        assert_eq!(notional_nanos(3, 1, 50_000_000), 2); // 1.5 nanos.
        assert_eq!(notional_nanos(10, 585_330_000_000, 100_000_000), 5_853_300_000_000);
        assert_eq!(notional_nanos(i64::MAX, i64::MAX, i64::MAX), i128::MAX / UNITS_E8);
    }
}
