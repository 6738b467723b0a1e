//! A leg that another engine runs, as this one knows it: what was asked, what was answered, when it is asked again.
//!
//! Invariant: what is not answered may have happened: an order that was asked for counts as one that may trade until the other
//! engine has said otherwise, and time alone ends nothing.

use records::{
    ANSWER_BUSY, ANSWER_CLOSED, ANSWER_DISABLED, ANSWER_LOST, ANSWER_UNKNOWN, ANSWER_UNWINDING, ExecutorAnswer, LegAsk,
    LegState, Peer, RejectCode,
};

use crate::multi_leg::Facts;

/// What is known of the leg.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Far {
    /// The engine that runs it.
    pub shard: u16,
    pub ask: LegAsk,
    /// Number of the latest request, 0: none was made.
    pub request: u32,
    /// Lots that the latest request to unwind was about.
    pub unwind_lots: i64,
    /// The request for its order, 0: none was made.
    pub send_request: u32,
    /// The latest request to unwind it, 0: none was made.
    pub unwind_request: u32,
    /// When the latest request is said again.
    pub due_ns: u64,
    /// When the other engine was last heard of this leg; before, when it was first asked.
    pub heard_ns: u64,
    /// The newest answer; version 0: none.
    pub answer: ExecutorAnswer,
    repeat_ns: u64,
    silence_ns: u64,
}

records::state_value!(Far {
    shard,
    ask,
    request,
    unwind_lots,
    send_request,
    unwind_request,
    due_ns,
    heard_ns,
    answer,
    repeat_ns,
    silence_ns,
});

impl Far {
    /// A leg for this engine, of which nothing was asked yet.
    pub fn new(peer: &Peer, now_ns: u64) -> Self {
        Self {
            shard: peer.shard,
            ask: LegAsk::Reserve,
            request: 0,
            unwind_lots: 0,
            send_request: 0,
            unwind_request: 0,
            due_ns: u64::MAX,
            heard_ns: now_ns,
            answer: ExecutorAnswer::new(),
            repeat_ns: peer.repeat_ns,
            silence_ns: peer.silence_ns,
        }
    }

    /// Asks for something new.
    pub fn asks(&mut self, ask: LegAsk, lots: i64) {
        self.ask = ask;
        self.request += 1;
        match ask {
            LegAsk::Send => self.send_request = self.request,
            LegAsk::Unwind => (self.unwind_request, self.unwind_lots) = (self.request, lots),
            _ => {}
        }
    }

    /// The request is said now.
    pub fn said(&mut self, now_ns: u64) {
        self.due_ns = now_ns.saturating_add(self.repeat_ns);
    }

    /// Takes an answer, if it is no older than what is known.
    pub fn hear(&mut self, answer: &ExecutorAnswer, now_ns: u64) {
        if answer.flags & ANSWER_LOST != 0 {
            // What was told before is all that is known.
            self.answer.flags |= ANSWER_LOST | ANSWER_CLOSED;
        } else if answer.version >= self.answer.version && !self.is_closed() {
            self.answer = *answer;
        }
        self.heard_ns = now_ns;
    }

    fn has(&self, bit: u8) -> bool {
        self.answer.flags & bit != 0
    }

    /// What it may need is reserved there, or it went further.
    pub fn is_reserved(&self) -> bool {
        let waits = self.answer.version > 0 && self.answer.state == LegState::Waiting.code();
        self.send_request != 0 || (waits && !self.is_closed() && self.refused().is_none())
    }

    /// Why it was refused there.
    pub fn refused(&self) -> Option<(RejectCode, u32)> {
        RejectCode::from_code(self.answer.reason).map(|code| (code, self.answer.limit))
    }

    /// Nothing is held for it there any more.
    pub fn is_closed(&self) -> bool {
        self.has(ANSWER_CLOSED)
    }

    /// Its executor may trade back what it filled.
    pub fn may_unwind(&self) -> bool {
        !self.is_closed() && !self.has(ANSWER_DISABLED)
    }

    /// The other engine has not been heard of it for too long.
    pub fn is_silent(&self, now_ns: u64) -> bool {
        !self.is_closed() && now_ns.saturating_sub(self.heard_ns) >= self.silence_ns
    }

    /// How its order stands; `None`: none was asked for.
    pub fn order(&self, lots: i64, now_ns: u64) -> Option<Facts> {
        if self.send_request == 0 {
            return None;
        }
        let answered = self.answer.request >= self.send_request;
        let busy = !self.is_closed() && (!answered || self.has(ANSWER_BUSY));
        let may_fill = if answered { self.answer.open_lots } else { lots };
        Some(Facts {
            busy,
            unknown: busy && (self.is_silent(now_ns) || self.has(ANSWER_UNKNOWN)),
            filled_lots: self.answer.filled_lots,
            open_lots: if busy { may_fill } else { 0 },
        })
    }

    /// How the latest order that unwinds it stands, of which others before traded `before_lots` back; `None`: none was asked for.
    pub fn unwind(&self, before_lots: i64) -> Option<Facts> {
        if self.unwind_request == 0 {
            return None;
        }
        let answered = self.answer.request >= self.unwind_request;
        let busy = !self.is_closed() && (!answered || self.has(ANSWER_UNWINDING));
        let filled_lots = self.answer.unwound_lots - before_lots;
        let open_lots = if busy { (self.unwind_lots - filled_lots).max(0) } else { 0 };
        Some(Facts { busy, unknown: false, filled_lots, open_lots })
    }
}
