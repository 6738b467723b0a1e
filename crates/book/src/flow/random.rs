//! Seeded random numbers, the same on every machine.
//!
//! Invariant: the sequence depends on the seed alone; integers only.

/// The generator known as splitmix64: every seed is good, every state gives one number.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// From a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 random bits.
    pub const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound` (0 for a bound of 0).
    pub const fn below(&mut self, bound: u64) -> u64 {
        ((self.bits() as u128 * bound as u128) >> 64) as u64
    }

    /// True in so many of a million cases.
    pub const fn happens(&mut self, parts_per_million: u64) -> bool {
        self.below(1_000_000) < parts_per_million
    }

    /// A value between the quantiles of a distribution (rising, equally spaced, first the minimum, last the maximum).
    pub fn from_quantiles(&mut self, quantiles: &[i64]) -> i64 {
        let Some(steps) = quantiles.len().checked_sub(1).filter(|&steps| steps > 0) else {
            return quantiles.first().copied().unwrap_or(0);
        };
        let at = self.below(steps as u64) as usize;
        let span = quantiles[at + 1].saturating_sub(quantiles[at]).max(0).unsigned_abs();
        quantiles[at].saturating_add_unsigned(self.below(span.saturating_add(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_give_their_own_range_and_middle() {
        let mut random = Random::new(7);
        let mut values: Vec<i64> = (0..10_001).map(|_| random.from_quantiles(&[-2, 0, 10, 100])).collect();
        values.sort_unstable();
        assert!(values[0] == -2 && values[10_000] == 100);
        assert!((3..8).contains(&values[5_000]), "{}", values[5_000]);
        assert_eq!(random.from_quantiles(&[]), 0);
        assert_eq!(random.from_quantiles(&[5]), 5);
    }
}
