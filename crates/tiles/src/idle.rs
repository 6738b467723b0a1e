//! What a runner does in a cycle in which no tile had work.
//!
//! Invariant: the wait is bounded by [`PARK_NS_MAX`], so that a tile with timers is called again in time.

use std::time::Duration;

/// The longest that a parked runner stays away, ns.
pub const PARK_NS_MAX: u64 = 1_000_000;
const PARK_NS_MIN: u64 = 2_000;
const SPINS: u32 = 64;
const YIELDS: u32 = 32;

/// How a runner waits. `BackOff` is the default: with fewer cores than tiles, spinning starves the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Idle {
    /// Never leaves the core.
    Spin,
    /// Offers the core to others.
    Yield,
    /// Sleeps [`PARK_NS_MAX`] at once.
    Park,
    /// Spins a little, yields a little, then parks ever longer.
    #[default]
    BackOff,
}

/// An idle strategy with its state.
#[derive(Clone, Debug)]
pub struct Idler {
    idle: Idle,
    rounds: u32,
    park_ns: u64,
}

impl Idler {
    /// At rest.
    pub fn new(idle: Idle) -> Self {
        Self { idle, rounds: 0, park_ns: PARK_NS_MIN }
    }

    /// After a cycle with that much work.
    #[inline]
    pub fn after(&mut self, work: usize) {
        if work > 0 {
            self.rounds = 0;
            self.park_ns = PARK_NS_MIN;
            return;
        }
        match self.idle {
            Idle::Spin => std::hint::spin_loop(),
            Idle::Yield => std::thread::yield_now(),
            Idle::Park => park(PARK_NS_MAX),
            Idle::BackOff => self.back_off(),
        }
    }

    fn back_off(&mut self) {
        self.rounds = self.rounds.saturating_add(1);
        if self.rounds <= SPINS {
            std::hint::spin_loop();
        } else if self.rounds <= SPINS + YIELDS {
            std::thread::yield_now();
        } else {
            park(self.park_ns);
            self.park_ns = (self.park_ns * 2).min(PARK_NS_MAX);
        }
    }
}

fn park(ns: u64) {
    // tidy: allow(sleep): the runner's wait, outside every tile
    std::thread::sleep(Duration::from_nanos(ns));
}
