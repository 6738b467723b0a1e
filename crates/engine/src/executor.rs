//! Legs that this engine runs for another: what was asked of each, what was last said of it, and which ones have ended.
//!
//! Invariant: a leg is begun once: one that has ended is remembered until no request for it can be young enough to begin it anew.

use records::{ExecutorAnswer, ExecutorRequest, LegAsk};

/// Legs that have ended and are remembered.
const SETTLED_MAX: usize = 1_024;

/// One leg of another engine's multi-leg order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Executor {
    /// Shard that asked.
    pub origin: u16,
    /// The multi-leg order there.
    pub id: u64,
    /// Which leg of it, from 1.
    pub leg: u8,
    pub ask: LegAsk,
    /// Number of the latest request that was taken.
    pub request: u32,
    /// Lots that the latest request to unwind asks to trade back.
    pub unwind_lots: i64,
    /// The request for which unwinding was tried last.
    pub tried: u32,
    /// When the latest request was said.
    pub asked_ns: u64,
    /// Its slot was stopped with its orders.
    pub stopped: bool,
    /// What was said last.
    pub told: ExecutorAnswer,
}

impl Executor {
    /// What a request begins; nothing of it was said yet.
    pub fn new(record: &ExecutorRequest, ask: LegAsk) -> Self {
        Self {
            origin: record.origin,
            id: record.multi_leg_id,
            leg: record.leg,
            ask,
            request: record.request,
            unwind_lots: 0,
            tried: 0,
            asked_ns: record.asked_ns,
            stopped: false,
            told: ExecutorAnswer::new(),
        }
    }

    /// Whether it is this leg.
    pub fn is(&self, origin: u16, id: u64, leg: u8) -> bool {
        (self.origin, self.id, self.leg) == (origin, id, leg)
    }

    /// Takes a later request.
    pub fn take(&mut self, record: &ExecutorRequest, ask: LegAsk) {
        (self.ask, self.request, self.unwind_lots) = (ask, record.request, record.unwind_lots);
        self.asked_ns = self.asked_ns.max(record.asked_ns);
    }
}

/// An answer to no request yet.
pub(crate) fn answer_to(record: &ExecutorRequest) -> ExecutorAnswer {
    let mut answer = ExecutorAnswer::new();
    (answer.header.venue, answer.header.instrument) = (record.header.venue, record.header.instrument);
    (answer.multi_leg_id, answer.leg, answer.request) = (record.multi_leg_id, record.leg, record.request);
    (answer.origin, answer.shard) = (record.origin, record.shard);
    answer
}

/// The last words on legs that have ended.
#[derive(Debug)]
pub(crate) struct Settled {
    /// Until when each is remembered, and what is said of it.
    rows: Vec<(u64, ExecutorAnswer)>,
}

impl Settled {
    pub fn new() -> Self {
        Self { rows: Vec::with_capacity(SETTLED_MAX) }
    }

    /// What is said of a leg that has ended; it is remembered until then at least.
    pub fn find(&mut self, record: &ExecutorRequest, until_ns: u64) -> Option<ExecutorAnswer> {
        let is = |answer: &ExecutorAnswer| {
            (answer.origin, answer.multi_leg_id, answer.leg) == (record.origin, record.multi_leg_id, record.leg)
        };
        let row = self.rows.iter_mut().find(|(_, answer)| is(answer))?;
        row.0 = row.0.max(until_ns);
        Some(row.1)
    }

    /// Whether so many more can be remembered, those forgotten whose time is over.
    pub fn has_room(&mut self, count: usize, now_ns: u64) -> bool {
        self.rows.retain(|(until_ns, _)| now_ns <= *until_ns);
        self.rows.len() + count <= SETTLED_MAX
    }

    /// Remembers one. Where there is no room, the oldest goes.
    pub fn keep(&mut self, answer: &ExecutorAnswer, until_ns: u64, now_ns: u64) {
        if !self.has_room(1, now_ns) {
            self.rows.remove(0);
        }
        self.rows.push((until_ns, *answer));
    }

    /// What decides about later requests.
    pub fn words(&self) -> impl Iterator<Item = u64> {
        self.rows.iter().flat_map(|(until_ns, answer)| [*until_ns, answer.multi_leg_id, u64::from(answer.leg)])
    }
}
