//! After a logon: the gap is filled by number, then the venue is asked for the statuses of what is open, then commands are taken.
//! Quotes of which its statuses do not tell are pulled before.
//!
//! One question for all (AF) where the venue has it, then one for each order (H) of which nothing was said. An order of which the
//! venue says nothing at all stays open, its state unknown. A venue that does not answer a question at all, or refuses it, is
//! not asked it again in this connection.
//!
//! Invariant: commands are taken only after the last answer, or when the venue's time for it is over; only the venue's own word
//! about an order ends it.

use records::{OrderEventKind, Reason, SessionState};
use sessions::fix::{SendError, Session, State};

use super::Desk;
use super::orders::Came;
use super::report::Report;
use crate::gateway::Core;
use crate::gateway::orders::{Entry, Phase};

/// Questions for one order each that wait for their answer at once.
const ASKED_AT_ONCE: u32 = 64;
/// Bytes of output that a question may need.
const QUESTION_BYTES: usize = 1024;
/// Orders looked at in one cycle.
const LOOKED_AT_A_CYCLE: u32 = 4_096;
/// Orders to be asked about outside of a recovery, at most; more wait for the next one.
const LATER_MAX: usize = 64;

/// How far the recovery is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// No session.
    #[default]
    Down,
    /// Messages of the venue are missing.
    Filling,
    /// Quotes are pulled, of which no status tells.
    Quotes,
    /// What was open of them is stated.
    Pulled,
    /// All statuses are asked for.
    All,
    /// Each order of which nothing was said is asked for.
    Each,
    /// What nobody said is stated.
    Stating,
    /// Commands are taken.
    Done,
}

/// Questions and what is known of their answers.
#[derive(Debug, Default)]
pub struct Questions {
    /// How far.
    pub stage: Stage,
    /// When something was last heard of a question.
    heard_ns: u64,
    mass_id: u64,
    mass_answers: u64,
    mass_done: bool,
    mass_refused: bool,
    status_refused: bool,
    /// QuoteID of the QuoteCancel of all, 0: none is asked for.
    quotes_id: u64,
    /// The venue did so; or will not.
    quotes_pulled: Option<bool>,
    /// The numbers began anew: what filled before may not have been said.
    renewed: bool,
    /// Order looked at next.
    cursor: u32,
    /// Questions for one order that are not answered.
    open: u32,
    /// Orders to be asked about.
    later: Vec<u32>,
}

impl Questions {
    /// The session is up.
    pub fn begin(&mut self, now_ns: u64) {
        *self = Self { stage: Stage::Filling, heard_ns: now_ns, ..Self::default() };
    }

    /// A report came: notes what it answers. Whether it is a status.
    pub fn hears(&mut self, report: &Report<'_>, now_ns: u64) -> bool {
        let status = report.exec_type == b'I' || report.transaction == b'3';
        let id = wire::fix::unsigned(report.mass_id).unwrap_or(0);
        if self.stage == Stage::All && id == self.mass_id {
            self.heard_ns = now_ns;
            self.mass_answers += 1;
            self.mass_done |= report.last || report.reports.is_some_and(|count| self.mass_answers >= count);
        } else if status && self.stage == Stage::Each && id == 0 {
            self.heard_ns = now_ns;
            self.open = self.open.saturating_sub(1);
        }
        status
    }

    /// An answer about quotes came: whether it is of the QuoteCancel of all.
    pub fn hears_quotes(&mut self, id: u64, taken: bool, now_ns: u64) -> bool {
        let own = self.quotes_id != 0 && self.quotes_id == id;
        if own {
            (self.quotes_pulled, self.heard_ns) = (Some(taken), now_ns);
        }
        own
    }

    /// The venue does not pull all quotes.
    pub fn quotes_refused(&mut self) {
        self.quotes_pulled = Some(false);
    }

    /// The venue does not answer a question for all.
    pub fn mass_refused(&mut self, now_ns: u64) {
        (self.mass_refused, self.heard_ns) = (true, now_ns);
    }

    /// The venue does not answer a question for one.
    pub fn status_refused(&mut self) {
        self.status_refused = true;
    }

    /// An order is to be asked about.
    pub fn asks(&mut self, user_ref: Option<u32>) {
        if let Some(user_ref) = user_ref.filter(|_| self.later.len() < LATER_MAX) {
            self.later.push(user_ref);
        }
    }
}

impl Desk {
    pub(super) fn on_lost(&mut self, core: &mut Core, now_ns: u64) {
        if self.questions.stage != Stage::Down {
            core.counts.disconnects.add(1);
            core.publish_state(SessionState::Down, now_ns);
        }
        core.recovered = false;
        self.questions.stage = Stage::Down;
        self.refuse_gathered(core, Reason::Closed, true, now_ns);
        self.quotes.forget_sent();
        if let Some((_, _, sweep)) = self.mass.take() {
            self.sweeps.insert(0, sweep); // Nobody knows whether it arrived.
        }
    }

    /// One cycle of recovery; returns the work done.
    pub(super) fn recover(&mut self, core: &mut Core, session: &mut Session, now_ns: u64) -> usize {
        if session.state() != State::Up {
            return 0;
        }
        let patience_ns = self.fix.voice.dialect.status_ns_max;
        let late = now_ns.saturating_sub(self.questions.heard_ns) > patience_ns;
        match self.questions.stage {
            Stage::Down => 0,
            Stage::Filling if session.has_gap() => 0,
            Stage::Filling => usize::from(self.begin_questions(core, session, now_ns)),
            Stage::Quotes => self.pull_quotes(session, late, now_ns),
            Stage::Pulled => self.state_pulled(core, session, now_ns),
            Stage::All if self.questions.mass_done || self.questions.mass_refused || late => {
                (self.questions.stage, self.questions.cursor, self.questions.heard_ns) = (Stage::Each, 1, now_ns);
                1
            }
            Stage::All => 0,
            Stage::Each => self.ask_each(session, late, now_ns),
            Stage::Stating => self.state_the_rest(core, session, now_ns),
            Stage::Done => self.ask_later(session, now_ns),
        }
    }

    /// Everything said by number is in. Forgets what is gone where the numbers began anew; asks for all statuses.
    fn begin_questions(&mut self, core: &mut Core, session: &mut Session, now_ns: u64) -> bool {
        let began_ns = session.numbers_began_ns();
        let other = self.venue_session.is_some_and(|known| known.name != super::hexadecimal(began_ns));
        if other || self.venue_session.is_none() {
            let kept = self.journal_session(core, began_ns, session.numbers().0, now_ns);
            if !kept && Self::waits_for_link(core) {
                return false;
            }
            if other && self.renewed_ns != began_ns {
                self.renewed_ns = began_ns;
                core.counts.renewed.add(1);
                self.questions.renewed = true;
                self.fix.orders.forget_gone();
                self.sweeps.iter_mut().for_each(super::Sweep::begin_again);
            }
        }
        let (mut open, mut quotes) = (false, false);
        for (_, entry) in self.fix.orders.iter_mut().filter(|(_, entry)| entry.phase != Phase::Gone) {
            (entry.told, open) = (false, true);
            quotes |= entry.quote;
        }
        if quotes && !self.fix.voice.dialect.quote_status {
            self.questions.stage = Stage::Quotes;
        } else {
            self.ask_all(session, open, now_ns);
        }
        true
    }

    /// Whether the link has to take first what waits for it. An engine that does not listen never does, and has orders that are to be
    /// pulled: then how far the venue was heard is journaled later, and until then an earlier place is taken for it.
    fn waits_for_link(core: &Core) -> bool {
        !core.events.is_empty() && !core.events.is_unheard()
    }

    /// Has all quotes pulled, and waits for the answer; where there is none their states stay unknown.
    fn pull_quotes(&mut self, session: &mut Session, late: bool, now_ns: u64) -> usize {
        match self.questions.quotes_pulled {
            None if self.questions.quotes_id == 0 => {
                let id = self.next_id(now_ns);
                let voice = &self.fix.voice;
                let sent = session.send(now_ns, b"Z", |body| voice.quote_cancel(body, id));
                (self.questions.quotes_id, self.questions.heard_ns) = (id, now_ns);
                self.questions.quotes_pulled = sent.is_err().then_some(false);
            }
            None if !late => return 0,
            Some(true) if !self.questions.renewed => (self.questions.stage, self.questions.cursor) = (Stage::Pulled, 1),
            _ => self.ask_all(session, true, now_ns),
        }
        1
    }

    /// The quotes that were open are gone: what filled of them was said before the answer, by number.
    fn state_pulled(&mut self, core: &mut Core, session: &mut Session, now_ns: u64) -> usize {
        let first = self.questions.cursor;
        for user_ref in first..self.fix.orders.next_ref() {
            if !core.events.has_room() || user_ref - first == LOOKED_AT_A_CYCLE {
                self.questions.cursor = user_ref;
                return 1;
            }
            let open = |entry: &&mut Entry| entry.quote && entry.phase != Phase::Gone;
            if self.fix.orders.get(user_ref).filter(open).is_none() {
                continue;
            }
            let event = self.fix.quote_gone(user_ref, &Came { sequence: 0, again: false, now_ns });
            super::Reader::take(core, &self.counts.unkept, &event, now_ns);
        }
        self.ask_all(session, true, now_ns);
        1
    }

    /// Asks for the statuses of all orders, or of each.
    fn ask_all(&mut self, session: &mut Session, open: bool, now_ns: u64) {
        (self.questions.heard_ns, self.questions.cursor) = (now_ns, 1);
        self.questions.stage = Stage::Each;
        if self.fix.voice.has_mass_status() {
            let id = self.next_id(now_ns);
            let voice = &self.fix.voice;
            if session.send(now_ns, b"AF", |body| voice.mass_status(body, id)).is_ok() {
                (self.questions.stage, self.questions.mass_id) = (Stage::All, id);
            }
        } else if !open {
            self.questions.stage = Stage::Stating;
        }
    }

    /// Asks for the orders of which nothing was said.
    fn ask_each(&mut self, session: &mut Session, late: bool, now_ns: u64) -> usize {
        let asks = self.fix.voice.dialect.order_status && !self.questions.status_refused;
        let end = self.fix.orders.next_ref();
        let first = self.questions.cursor;
        while asks && self.questions.cursor < end && self.questions.open < ASKED_AT_ONCE && !late {
            let room = session.output_room() >= QUESTION_BYTES;
            if !room || self.questions.cursor - first == LOOKED_AT_A_CYCLE {
                return 1;
            }
            match self.ask(session, self.questions.cursor, now_ns) {
                // Our own rate holds it up, or the session has ended.
                Some(Err(_)) => return 0,
                Some(Ok(())) => self.questions.open += 1,
                None => {}
            }
            self.questions.cursor += 1;
        }
        if !asks || late || self.questions.cursor >= end && self.questions.open == 0 {
            (self.questions.stage, self.questions.cursor) = (Stage::Stating, 1);
            return 1;
        }
        usize::from(self.questions.cursor > first)
    }

    /// Asks for the status of an order; `None` where it is gone or something was said of it.
    fn ask(&mut self, session: &mut Session, user_ref: u32, now_ns: u64) -> Option<Result<(), SendError>> {
        let tells = self.fix.voice.dialect.quote_status;
        let unsaid = |entry: &Entry| entry.phase != Phase::Gone && !entry.told && (tells || !entry.quote);
        let entry = self.fix.orders.get(user_ref).copied().filter(unsaid)?;
        let symbol = self.fix.symbol(entry.instrument)?;
        let voice = &self.fix.voice;
        let id = super::ClientId::of(&entry);
        Some(session.send(now_ns, b"H", |body| voice.status(body, id, &entry, &symbol)).map(drop))
    }

    /// Orders that came into doubt since.
    fn ask_later(&mut self, session: &mut Session, now_ns: u64) -> usize {
        let mut work = 0;
        while let Some(user_ref) = self.questions.later.pop() {
            work += 1;
            if let Some(entry) = self.fix.orders.get(user_ref) {
                entry.told = false;
            }
            if self.fix.voice.dialect.order_status && !self.questions.status_refused {
                let _else_at_the_next_logon = self.ask(session, user_ref, now_ns);
            }
        }
        work
    }

    /// States what the venue did not say, as far as there is room for it; then commands are taken again.
    fn state_the_rest(&mut self, core: &mut Core, session: &mut Session, now_ns: u64) -> usize {
        let dialect = &self.fix.voice.dialect;
        let asked = dialect.order_status || self.fix.voice.has_mass_status();
        let first = self.questions.cursor;
        for user_ref in first..self.fix.orders.next_ref() {
            if !core.events.has_room() || user_ref - first == LOOKED_AT_A_CYCLE {
                self.questions.cursor = user_ref;
                return 1;
            }
            let Some(entry) = self.fix.orders.get(user_ref) else { break };
            let cancelling = std::mem::take(&mut entry.cancelling);
            if entry.phase == Phase::Gone {
                continue;
            }
            let unsaid = !entry.told && (asked || entry.phase == Phase::Sent);
            let kinds = [(unsaid, OrderEventKind::Unknown), (cancelling, OrderEventKind::CancelRejected)];
            for (_, kind) in kinds.into_iter().filter(|(told, _)| *told).take(1) {
                let event = self.fix.statement(user_ref, kind, Reason::Disconnected, now_ns);
                core.events.offer(&event);
            }
        }
        let kept = self.journal_session(core, session.numbers_began_ns(), session.numbers().0, now_ns);
        if !kept && Self::waits_for_link(core) {
            self.questions.cursor = self.fix.orders.next_ref();
            return 0;
        }
        self.questions.stage = Stage::Done;
        core.recovered = true;
        core.publish_state(SessionState::Up, now_ns);
        1
    }
}
