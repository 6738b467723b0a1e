//! What the engine says: what is in force, positions, usage, slots, sessions.
//!
//! Invariant: positions are those at the watermark, or are said not to be whole. Whatever may be missing (outputs lost, another
//! start of the engine) is asked for; until the answer is complete, what was known stays.

use std::collections::BTreeMap;

use records::{Applied, LimitUsage, Position, RecordRef, Session, SessionHealth, SlotState, StateRequest, bytes_of};

use super::{Action, Agent};
use crate::values::Version;

/// An engine says something at least so often.
const SILENT_NS: u64 = 1_000_000_000;
/// An answer that takes longer was lost.
const REQUEST_NS: u64 = 1_000_000_000;
/// How long a use is waited for before it is asked for.
const USE_NS: u64 = 200_000_000;

/// Lots of an account in an instrument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PositionRow {
    pub lots: i64,
    pub bought: i64,
    pub sold: i64,
    pub realised: i128,
}

/// By account and instrument.
pub(crate) type Positions = BTreeMap<(u32, u32), PositionRow>;

/// The engine as its outputs show it.
#[derive(Clone, Debug, Default)]
pub(crate) struct EngineView {
    pub heard_ns: Option<u64>,
    /// Input sequence that everything here is at least from.
    pub watermark: u64,
    pub epoch: u16,
    /// What keeps it from opening positions, as in its heartbeats.
    pub standing: u8,
    pub restarts: u64,
    pub lost: u64,
    pub unreadable: u64,
    pub rejects: u64,
    /// Newest version in force, of any limit or kill.
    pub newest: Version,
    /// Whether nothing is missing of positions, usage and states.
    pub whole: bool,
    pub positions: Positions,
    pub usage: BTreeMap<u32, LimitUsage>,
    pub slots: BTreeMap<u8, SlotState>,
    pub sessions: BTreeMap<(u16, u32), Session>,
    /// By venue.
    pub health: BTreeMap<u16, SessionHealth>,
    /// What a request under way has told so far.
    told: Option<Positions>,
    request: u64,
    requested_ns: Option<u64>,
    /// Parts whose use was not told since they came into force.
    uncertain_ns: Option<u64>,
}

impl EngineView {
    /// Whether the use of a global limit was within its part at or after this input.
    pub fn is_inside(&self, limit: u32, input: u64) -> bool {
        self.usage.get(&limit).is_some_and(|usage| usage.input >= input && usage.free.get() >= 0)
    }

    /// Whether it said something lately.
    pub fn word(&self, now_ns: u64) -> &'static str {
        match self.heard_ns {
            None => "never heard",
            Some(heard) if now_ns.saturating_sub(heard) > SILENT_NS => "silent",
            Some(_) => "up",
        }
    }
}

impl Agent {
    /// Takes an output of the engine.
    pub fn on_engine(&mut self, output: &[u8]) {
        let Ok(record) = records::parse(output) else {
            self.engine.unreadable += 1;
            return;
        };
        self.engine.heard_ns = Some(self.now_ns);
        let (input, told_by_fold) = match &record {
            RecordRef::Heartbeat(heartbeat) => (heartbeat.input, false),
            _ => (records::read_from::<records::Header>(output).map_or(0, |header| header.sequence), true),
        };
        if input < self.engine.watermark && (told_by_fold || input > 0) {
            self.engine_restarted(true);
        }
        self.engine.watermark = self.engine.watermark.max(input);
        match record {
            RecordRef::Heartbeat(heartbeat) => {
                (self.engine.epoch, self.engine.standing) = (heartbeat.epoch, heartbeat.standing);
            }
            RecordRef::Applied(applied) => {
                if matches!(applied.outcome, 1 | 5) {
                    self.engine.newest = self.engine.newest.max((applied.generation, applied.revision));
                }
                self.on_applied(&applied);
            }
            RecordRef::Position(position) => self.on_position(&position),
            RecordRef::LimitUsage(usage) => {
                self.engine.usage.insert(usage.limit, usage);
                self.acknowledge_limit(usage.limit);
            }
            RecordRef::SlotState(state) => {
                self.engine.slots.insert(state.slot, state);
            }
            RecordRef::Session(session) => {
                self.engine.sessions.insert((session.header.venue, session.header.source), session);
            }
            RecordRef::SessionHealth(health) => {
                self.engine.health.insert(health.header.venue, health);
            }
            RecordRef::RiskReject(_) => self.engine.rejects += 1,
            _ => {}
        }
    }

    /// Outputs of the engine were lost.
    pub fn on_engine_lost(&mut self, count: u64) {
        if count == 0 {
            return;
        }
        self.engine.lost += count;
        self.engine.whole = false;
        // An answer under way is not whole either. It is asked for again in a while: at once would lose it again, where the
        // link is too short for it.
        self.engine.told = None;
        let asked = self.engine.requested_ns.is_some_and(|asked| self.now_ns < asked.saturating_add(REQUEST_NS));
        if !asked {
            self.request_state();
        }
    }

    fn on_position(&mut self, position: &Position) {
        let key = (position.account, position.header.instrument);
        let row = PositionRow {
            lots: position.lots,
            bought: position.bought_lots,
            sold: position.sold_lots,
            realised: position.realised.get(),
        };
        self.engine.positions.insert(key, row);
        if let Some(told) = &mut self.engine.told {
            told.insert(key, row);
        }
    }

    pub(super) fn engine_started(&mut self, applied: &Applied) {
        // Its journal may stand: what it says then of each key is that it is older.
        if applied.input > 1 || self.engine.watermark > applied.input {
            self.engine_restarted(false);
        }
    }

    fn engine_restarted(&mut self, anew: bool) {
        let view = &mut self.engine;
        view.restarts += 1;
        if anew {
            view.watermark = 0;
            view.newest = (0, 0);
            view.usage.clear();
            view.slots.clear();
            view.sessions.clear();
            view.health.clear();
        }
        self.forget_confirmed(anew);
        self.forget_given();
        self.request_state();
    }

    /// Asks the engine for everything.
    pub(super) fn request_state(&mut self) {
        let view = &mut self.engine;
        view.whole = false;
        view.request += 1;
        view.requested_ns = Some(self.now_ns);
        view.told = Some(Positions::new());
        let mut record = StateRequest::new();
        record.request = self.start ^ view.request;
        self.actions.push_back(Action::ToEngine(bytes_of(&record).to_vec()));
    }

    /// A request is answered whole.
    pub(super) fn state_told(&mut self, request: u64) {
        let view = &mut self.engine;
        if request == self.start ^ view.request
            && let Some(told) = view.told.take()
        {
            view.positions = told;
            view.whole = true;
            view.requested_ns = None;
            let ids: Vec<u32> = self.delivery.parts.keys().copied().collect();
            for id in ids {
                self.acknowledge_limit(id);
            }
        }
    }

    /// Asks where an answer is missing.
    pub(super) fn watch_engine(&mut self) {
        let now_ns = self.now_ns;
        let waits = |since: Option<u64>, limit: u64| since.is_none_or(|since| now_ns >= since.saturating_add(limit));
        if !self.engine.whole && waits(self.engine.requested_ns, REQUEST_NS) {
            self.request_state();
        }
        let untold = self.delivery.parts.iter().any(|(id, sent)| {
            let told = |input: u64| self.engine.usage.get(id).is_some_and(|usage| usage.input >= input);
            sent.confirmed.is_some_and(|input| !told(input))
        });
        match (untold, self.engine.uncertain_ns) {
            (false, _) => self.engine.uncertain_ns = None,
            (true, None) => self.engine.uncertain_ns = Some(now_ns),
            (true, Some(since)) if now_ns >= since.saturating_add(USE_NS) && self.engine.whole => {
                self.engine.uncertain_ns = Some(now_ns.saturating_add(REQUEST_NS));
                self.request_state();
            }
            _ => {}
        }
    }
}
