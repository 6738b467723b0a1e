//! What sessions count, as counters of the tile that keeps them.
//!
//! Invariant: every [`Count`], [`Garbled`] and [`super::End`] has its counter, by the same word wherever sessions are kept.

use links::{Counter, Counters};
use wire::fix::Garbled;

use super::connection::GarbledCounts;
use super::counts::Count;
use super::session::Session;

/// How often counters are written.
const TELL_NS: u64 = 100_000_000;

/// The counters of one session, or of all of a tile.
pub struct SessionCounters {
    sums: Vec<Counter>,
    garbled: [Counter; Garbled::COUNT],
    /// Connections by why they ended.
    ends: Counters,
    told_ns: u64,
}

impl SessionCounters {
    /// Under this scope.
    pub fn new(scope: &Counters) -> Self {
        let garbled = scope.scope("garbled");
        Self {
            sums: Count::ALL.iter().map(|count| scope.counter(count.name())).collect(),
            garbled: Garbled::ALL.map(|why| garbled.counter(why.name())),
            ends: scope.scope("ends"),
            told_ns: 0,
        }
    }

    /// A connection of this session is gone: why.
    pub fn ended(&self, session: &Session) {
        if let Some(end) = session.ended() {
            self.ends.counter(end.name()).add(1);
        }
    }

    /// Whether it is time to write them again.
    pub fn is_due(&mut self, now_ns: u64) -> bool {
        let due = now_ns.saturating_sub(self.told_ns) >= TELL_NS;
        if due {
            self.told_ns = now_ns;
        }
        due
    }

    /// Writes what was counted; `seen`: how often, in all sessions.
    pub fn tell(&self, seen: impl Fn(Count) -> u64, garbled: &GarbledCounts) {
        for (counter, count) in self.sums.iter().zip(Count::ALL) {
            counter.set(seen(*count));
        }
        for (counter, count) in self.garbled.iter().zip(garbled) {
            counter.set(*count);
        }
    }
}
