//! An alpha tile inside a backtest: it sees the engine's inputs, and its numbers arrive some time after the input that they are
//! based on.
//!
//! Invariant: the code that scores is given the rows that a live tile is given, and nothing later than the input under way.

use std::collections::VecDeque;

use engine::{EngineConfig, Tap, TapRow};
use records::{Signal, Stamp};

use crate::latency::{Latency, Way};

/// Makes the numbers of these rows, in order.
pub type Score = Box<dyn FnMut(&[TapRow]) -> Vec<Signal>>;

/// How an alpha tile is set up.
pub struct AlphaConfig {
    /// What it follows: venue, instrument.
    pub listings: Vec<(u16, u32)>,
    /// Between two beats, ns.
    pub beat_ns: u64,
    /// From an input to the arrival of what is based on it.
    pub latency: Latency,
    /// The model.
    pub score: Score,
}

/// The tile.
pub(crate) struct Alpha {
    tap: Tap,
    score: Score,
    way: Way,
    rows: Vec<TapRow>,
    flying: VecDeque<(u64, Signal)>,
    ended: bool,
}

impl Alpha {
    pub(crate) fn new(engine: EngineConfig, config: AlphaConfig) -> Self {
        Self {
            tap: Tap::new(engine, config.listings, config.beat_ns),
            score: config.score,
            way: Way::new(config.latency),
            rows: Vec::new(),
            flying: VecDeque::new(),
            ended: false,
        }
    }

    /// Looks at nothing more; what is on its way arrives.
    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    /// An input of the engine.
    pub(crate) fn see(&mut self, stamp: Stamp, record: &[u8]) {
        if self.ended {
            return;
        }
        self.tap.see(stamp, record);
        self.tap.drain(&mut self.rows);
        if self.rows.is_empty() {
            return;
        }
        for signal in (self.score)(&self.rows) {
            self.flying.push_back((self.way.arrival_ns(stamp.time_ns), signal));
        }
        self.rows.clear();
    }

    /// When the next number arrives.
    pub(crate) fn due_ns(&self) -> u64 {
        self.flying.front().map_or(u64::MAX, |(due_ns, _)| *due_ns)
    }

    pub(crate) fn take(&mut self) -> Option<Signal> {
        self.flying.pop_front().map(|(_, signal)| signal)
    }
}
