//! What a venue charges for a fill, and what it pays.
//!
//! Invariant: integers; a fee is rounded up and a rebate down, against ourselves.

use records::UNITS_E8;

/// A charge: so much a lot and so much of the notional. Below zero: a rebate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fee {
    /// Nanos of the currency a lot.
    pub nanos_per_lot: i64,
    /// Parts per billion of the notional.
    pub notional_ppb: i64,
}

/// A venue's charges by liquidity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fees {
    /// For what rested.
    pub maker: Fee,
    /// For what came in.
    pub taker: Fee,
}

const BILLION: i128 = 1_000_000_000;

impl Fee {
    /// The fee of a fill, nanos; `units_e8`: units of one lot times 1e8.
    pub fn of(&self, lots: i64, price_nanos: i64, units_e8: i64) -> i64 {
        let flat = i128::from(self.nanos_per_lot) * i128::from(lots);
        if self.notional_ppb == 0 {
            return i64::try_from(flat).unwrap_or(i64::MAX);
        }
        let notional_e8 = (i128::from(lots) * i128::from(units_e8)).saturating_mul(i128::from(price_nanos).abs());
        let rate = notional_e8.saturating_mul(i128::from(self.notional_ppb));
        let scale = UNITS_E8 * BILLION;
        let rounded_up = -(-rate).div_euclid(scale);
        i64::try_from(flat.saturating_add(rounded_up)).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fees_are_rounded_against_ourselves() {
        let share = 100_000_000;
        let fee = Fee { nanos_per_lot: 3_000_000, notional_ppb: 0 };
        assert_eq!(fee.of(100, 50_000_000_000, share), 300_000_000);
        // 0.1 basis points of 100 × 50: 0.05.
        let fee = Fee { nanos_per_lot: 0, notional_ppb: 10_000 };
        assert_eq!(fee.of(100, 50_000_000_000, share), 50_000_000);
        assert_eq!(Fee { nanos_per_lot: 0, notional_ppb: 1 }.of(1, 1, share), 1);
        assert_eq!(Fee { nanos_per_lot: 0, notional_ppb: -1 }.of(1, 1, share), 0);
        assert_eq!(Fee { nanos_per_lot: -2, notional_ppb: 0 }.of(3, 1, share), -6);
    }
}
