//! How long things are on their way: market data to the engine, commands to the venue, reports back.
//!
//! Invariant: the same model and seed give the same times; what is on one way never overtakes what left before it.

use book::flow::Random;

/// One way's delay.
#[derive(Clone, Debug)]
pub enum Latency {
    /// Always the same, ns.
    Constant(u64),
    /// One of these at random, ns: measured delays.
    Samples {
        /// What was measured. Not empty.
        samples: Box<[u64]>,
        /// What picks among them.
        random: Random,
    },
}

impl Latency {
    /// Of measured delays; none: no delay.
    pub fn measured(samples: Vec<u64>, seed: u64) -> Self {
        if samples.is_empty() {
            return Self::Constant(0);
        }
        Self::Samples { samples: samples.into_boxed_slice(), random: Random::new(seed) }
    }

    #[inline]
    fn next_ns(&mut self) -> u64 {
        match self {
            Self::Constant(delay_ns) => *delay_ns,
            Self::Samples { samples, random } => samples[random.below(samples.len() as u64) as usize],
        }
    }
}

/// A way with its delay.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    latency: Latency,
    last_ns: u64,
}

impl Way {
    pub(crate) const fn new(latency: Latency) -> Self {
        Self { latency, last_ns: 0 }
    }

    /// Whether what leaves later on the other way always arrives later as well.
    #[inline]
    pub(crate) const fn is_before(&self, other: &Self) -> bool {
        matches!((self.constant_ns(), other.constant_ns()), (Some(delay_ns), Some(other_ns)) if delay_ns < other_ns)
    }

    /// How long it takes, where that is always the same: then what leaves later arrives later, and no step of it need be kept.
    #[inline]
    pub(crate) const fn constant_ns(&self) -> Option<u64> {
        match &self.latency {
            Latency::Constant(delay_ns) => Some(*delay_ns),
            Latency::Samples { .. } => None,
        }
    }

    /// When something that leaves now arrives.
    #[inline]
    pub(crate) fn arrival_ns(&mut self, now_ns: u64) -> u64 {
        let arrival_ns = now_ns.saturating_add(self.latency.next_ns()).max(self.last_ns);
        self.last_ns = arrival_ns;
        arrival_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_overtakes_and_equal_seeds_are_equal() {
        let way = || Way::new(Latency::measured(vec![10, 500, 90_000], 7));
        let (mut one, mut two) = (way(), way());
        let arrivals: Vec<u64> = (0..1_000).map(|at| one.arrival_ns(at * 100)).collect();
        assert!(arrivals.is_sorted());
        assert!((0..1_000).zip(&arrivals).all(|(at, arrival)| *arrival >= at * 100 + 10));
        assert_eq!(arrivals, (0..1_000).map(|at| two.arrival_ns(at * 100)).collect::<Vec<_>>());
        assert_eq!(Way::new(Latency::measured(vec![], 1)).arrival_ns(5), 5);
    }
}
