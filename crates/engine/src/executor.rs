//! Legs that this engine runs for another: what was asked of each, what was last said of it, and which ones have ended.
//!
//! Invariant: a leg is begun once: one that has ended is remembered until no request for it can be young enough to begin it anew.
//! Where there is no room to remember one more, nothing is begun; nothing that must be remembered makes room for anything.

use records::{ExecutorAnswer, ExecutorRequest, LegAsk};

/// Legs that have ended and are remembered, and requests that began nothing and are.
pub(crate) const SETTLED_MAX: usize = 1_024;

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

records::state_value!(Executor { origin, id, leg, ask, request, unwind_lots, tried, asked_ns, stopped, told });

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

/// Until when each is remembered, and what is said of it.
type Rows = Vec<(u64, ExecutorAnswer)>;

/// The last words on legs that have ended, and on what never began.
#[derive(Debug)]
pub(crate) struct Settled {
    /// Legs that were begun. Room for one is kept from its beginning on, so none is ever forgotten before its time.
    begun: Rows,
    /// Requests that were refused, or that spoke of a leg that nobody knows. However many they are, they take no room from the
    /// others.
    refused: Rows,
}

records::state!(Settled { begun, refused });

impl Settled {
    pub fn new() -> Self {
        Self { begun: Vec::with_capacity(SETTLED_MAX), refused: Vec::with_capacity(SETTLED_MAX) }
    }

    /// What is said of a leg that has ended or never began; it is remembered until then at least.
    pub fn find(&mut self, record: &ExecutorRequest, until_ns: u64) -> Option<ExecutorAnswer> {
        let is = |answer: &ExecutorAnswer| {
            (answer.origin, answer.multi_leg_id, answer.leg) == (record.origin, record.multi_leg_id, record.leg)
        };
        let row = self.begun.iter_mut().chain(&mut self.refused).find(|(_, answer)| is(answer))?;
        row.0 = row.0.max(until_ns);
        Some(row.1)
    }

    /// Whether one more leg may begin beside so many that live: there is room to remember all of them when they have ended.
    pub fn has_room(&mut self, live: usize, now_ns: u64) -> bool {
        forget(&mut self.begun, now_ns);
        self.begun.len() + live < SETTLED_MAX
    }

    /// Remembers a leg that has ended.
    ///
    /// # Panics
    /// Without room: no leg begins unless [`Settled::has_room`].
    pub fn keep(&mut self, answer: &ExecutorAnswer, until_ns: u64, now_ns: u64) {
        forget(&mut self.begun, now_ns);
        assert!(self.begun.len() < SETTLED_MAX, "a leg has ended that began without room to remember it");
        self.begun.push((until_ns, *answer));
    }

    /// Remembers a request that began nothing; false where there is no room, and it is to be taken for lost.
    pub fn keep_refused(&mut self, answer: &ExecutorAnswer, until_ns: u64, now_ns: u64) -> bool {
        forget(&mut self.refused, now_ns);
        let room = self.refused.len() < SETTLED_MAX;
        if room {
            self.refused.push((until_ns, *answer));
        }
        room
    }
}

/// Forgets those whose time is over.
fn forget(rows: &mut Rows, now_ns: u64) {
    rows.retain(|(until_ns, _)| now_ns <= *until_ns);
}
