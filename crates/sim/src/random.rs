//! Random numbers from a seed (SplitMix64, Steele, Lea and Flood 2014): small, the same everywhere, good enough for faults.

/// A stream of numbers that its seed decides.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl records::StateValue for Random {
    fn put(&self, out: &mut records::StateWriter) {
        self.0.put(out);
    }

    fn take(from: &mut records::StateReader<'_>) -> Result<Self, records::StateError> {
        u64::take(from).map(Self)
    }
}

impl Random {
    /// The stream of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        let width = u128::from(high.saturating_sub(low)) + 1;
        low + ((u128::from(self.number()) * width) >> 64) as u64
    }

    /// True so many times in a million.
    pub fn chance(&mut self, per_million: u32) -> bool {
        per_million > 0 && self.between(1, 1_000_000) <= u64::from(per_million)
    }
}
