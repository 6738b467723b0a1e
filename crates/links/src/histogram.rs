//! The arithmetic of latency histograms: log-linear buckets, 128 to an octave, fixed memory.
//!
//! Invariant: a bucket is never wider than 1/128 of its lower edge, so a percentile is right to two significant digits;
//! values past [`VALUE_MAX`] are counted in the last bucket.

/// Values up to here fall into buckets of their own width.
pub const VALUE_MAX: u64 = (1 << 40) - 1;
const LINEAR_BITS: u32 = 8;
const HALF: usize = 1 << (LINEAR_BITS - 1);
/// How many buckets.
pub const BUCKETS: usize = (1 << LINEAR_BITS) + (40 - LINEAR_BITS as usize) * HALF;

/// The bucket of a value.
#[inline]
pub fn bucket(value: u64) -> usize {
    let value = value.min(VALUE_MAX);
    let bits = 64 - value.leading_zeros();
    if bits <= LINEAR_BITS {
        return value as usize;
    }
    let octave = bits - LINEAR_BITS;
    // The top 8 bits of the value, their leading one always set: 128 further buckets for each octave.
    (octave as usize) * HALF + (value >> octave) as usize
}

/// The largest value of a bucket.
pub fn bucket_upper(bucket: usize) -> u64 {
    if bucket < 1 << LINEAR_BITS {
        return bucket as u64;
    }
    let octave = bucket / HALF - 1;
    let top = (bucket - octave * HALF) as u64;
    ((top + 1) << octave) - 1
}

/// What a histogram held at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistogramSnapshot {
    counts: Vec<u64>,
    sum: u128,
}

impl HistogramSnapshot {
    pub(crate) fn new(counts: Vec<u64>, sum: u64) -> Self {
        assert_eq!(counts.len(), BUCKETS, "a histogram of another layout");
        Self { counts, sum: u128::from(sum) }
    }

    /// A histogram of nothing.
    pub fn empty() -> Self {
        Self { counts: vec![0; BUCKETS], sum: 0 }
    }

    /// Values recorded.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Their sum, ns.
    pub fn sum_ns(&self) -> u128 {
        self.sum
    }

    /// The smallest value that at least this share (0 to 1) of all values do not exceed, in ns; 0 when empty.
    pub fn percentile_ns(&self, share: f64) -> u64 {
        let count = self.count();
        if count == 0 {
            return 0;
        }
        let rank = ((share.clamp(0.0, 1.0) * count as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, in_bucket) in self.counts.iter().enumerate() {
            seen += in_bucket;
            if seen >= rank {
                return bucket_upper(bucket);
            }
        }
        VALUE_MAX
    }

    /// The largest value, as far as the buckets tell; 0 when empty.
    pub fn max_ns(&self) -> u64 {
        self.counts.iter().rposition(|count| *count > 0).map_or(0, bucket_upper)
    }

    /// How many values lie at or below this one, as far as the buckets tell.
    pub fn count_up_to_ns(&self, value: u64) -> u64 {
        self.counts
            .iter()
            .enumerate()
            .take_while(|(index, _)| bucket_upper(*index) <= value)
            .map(|(_, count)| count)
            .sum()
    }

    /// What came since an earlier snapshot of the same histogram.
    pub fn since(&self, earlier: &Self) -> Self {
        let counts = self.counts.iter().zip(&earlier.counts).map(|(now, then)| now.saturating_sub(*then)).collect();
        Self { counts, sum: self.sum.saturating_sub(earlier.sum) }
    }

    /// Adds another histogram's values.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.sum += other.sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_its_bucket_and_buckets_are_narrow() {
        let mut values: Vec<u64> = (0..5000).collect();
        for shift in 0..40 {
            values.extend([(1 << shift) - 1, 1 << shift, (1 << shift) + 1, (1 << shift) + (1 << shift) / 3]);
        }
        for value in values {
            let index = bucket(value);
            let upper = bucket_upper(index);
            assert!(upper >= value.min(VALUE_MAX), "{value} in {index} up to {upper}");
            assert!(index == 0 || bucket_upper(index - 1) < value, "{value} in {index}");
            assert!(upper - value <= value / 127, "{value}: {upper}");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }
}
