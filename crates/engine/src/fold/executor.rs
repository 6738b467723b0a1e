//! Legs that another engine asks for: each becomes an order of an executor slot, under that slot's limits and rights.
//!
//! Invariant: a leg is begun once, whatever is lost, doubled or late, and after any restart: what was asked of it is folded
//! state. Its worst case is held before the answer that says so; it is let go when the other engine says that it is done, when
//! its slot is disabled, or never.

use records::{
    ANSWER_BUSY, ANSWER_CLOSED, ANSWER_DISABLED, ANSWER_LOST, ANSWER_UNKNOWN, ANSWER_UNWINDING, ExecutorAnswer,
    ExecutorRequest, IntentKind, LegAsk, OrderIntent, OrderType, RejectCode, SlotRun, bytes_of,
};
use risk::{Hold, Refusal};

use super::Engine;
use super::intents::refusal;
use super::legs::empty;
use crate::executor::{Executor, answer_to};
use crate::multi_leg::MultiLeg;
use crate::outbox::Outbox;

impl Engine {
    /// Another engine asks for a leg, or for what is to become of it.
    pub(super) fn on_executor_request(&mut self, record: &ExecutorRequest, out: &mut dyn Outbox) {
        let ask = LegAsk::from_code(record.ask);
        let age_ns_max = self.peer(record.origin).map(|peer| peer.age_ns_max);
        let (Some(ask), Some(age_ns_max)) = (ask, age_ns_max.filter(|_| record.shard == self.identity.shard)) else {
            self.statistics.unused += 1;
            return;
        };
        let near = |one_ns: u64, other_ns: u64| one_ns <= other_ns.saturating_add(age_ns_max);
        let fresh = near(self.time_ns, record.asked_ns) && near(record.asked_ns, self.time_ns);
        let begins = matches!(ask, LegAsk::Reserve | LegAsk::Send | LegAsk::Unwind);
        if begins && !fresh {
            // It is said again as long as it is wanted.
            self.statistics.late += 1;
            return;
        }
        match self.multi_legs.find_executor(record.origin, record.multi_leg_id, record.leg) {
            Some(at) => self.ask_again(at, record, ask, out),
            None => {
                let until_ns = record.asked_ns.saturating_add(age_ns_max);
                let answer = match self.settled.find(record, until_ns) {
                    Some(known) => Some(known),
                    None if ask == LegAsk::Reserve => self.begin_executor(record, until_ns, out),
                    None => self.settle_unknown(record, until_ns),
                };
                if let Some(answer) = answer {
                    self.tell_answer(answer, out);
                }
            }
        }
    }

    /// A request for a leg that stands here. One that is said again is answered with how the leg stands.
    fn ask_again(&mut self, at: u8, record: &ExecutorRequest, ask: LegAsk, out: &mut dyn Outbox) {
        let Some(executor) = &mut self.multi_legs.get_mut(at).executor else { return };
        let told = executor.told.version;
        if record.request > executor.request {
            executor.take(record, ask);
        }
        self.advance(at, out);
        if self.multi_legs.find_executor(record.origin, record.multi_leg_id, record.leg) != Some(at) {
            return; // It ended with this, and that was said.
        }
        let executor = self.multi_legs.get(at).executor;
        if let Some(executor) = executor.filter(|executor| executor.told.version == told && told > 0) {
            self.tell_answer(executor.told, out);
        }
    }

    /// A leg that nobody here knows, and that is not to begin: remembered, so that what was said before cannot begin it.
    fn settle_unknown(&mut self, record: &ExecutorRequest, until_ns: u64) -> Option<ExecutorAnswer> {
        let mut answer = answer_to(record);
        (answer.flags, answer.version) = (ANSWER_CLOSED | ANSWER_LOST, u64::MAX);
        self.keep_refused(answer, until_ns)
    }

    /// Remembers what is said of a request that began nothing. Where there is no room it is not said: the request counts as one
    /// that was lost, and comes again, which a request that was refused and forgotten must not.
    fn keep_refused(&mut self, answer: ExecutorAnswer, until_ns: u64) -> Option<ExecutorAnswer> {
        let kept = self.settled.keep_refused(&answer, until_ns, self.time_ns);
        self.statistics.crowded += u64::from(!kept);
        kept.then_some(answer)
    }

    /// Begins a leg: its worst case is held. An answer where it is refused, which is then remembered.
    fn begin_executor(
        &mut self,
        record: &ExecutorRequest,
        until_ns: u64,
        out: &mut dyn Outbox,
    ) -> Option<ExecutorAnswer> {
        let mut told = None;
        let refused = match self.slot_of(record) {
            None => refusal(RejectCode::NotPermitted),
            Some(slot) => {
                let intent = self.intent_of(slot, record);
                match self.reserve_executor(slot, record, &intent) {
                    Ok(at) => {
                        self.multi_leg_changed(at, out);
                        self.advance(at, out);
                        return None;
                    }
                    Err(refused) => {
                        told = Some((slot, intent));
                        refused
                    }
                }
            }
        };
        let mut answer = answer_to(record);
        (answer.flags, answer.version) = (ANSWER_CLOSED, 1);
        (answer.state, answer.reason, answer.limit) =
            (records::LegState::Ended.code(), refused.code.code(), refused.limit);
        let answer = self.keep_refused(answer, until_ns)?;
        if let Some((slot, intent)) = told {
            self.refuse(slot, &intent, &refused, false, out);
        }
        Some(answer)
    }

    /// The executor slot that serves this strategy of that engine.
    fn slot_of(&self, record: &ExecutorRequest) -> Option<u8> {
        let serves = |cell: &super::SlotCell| {
            cell.record.origin == record.origin && record.origin != 0 && cell.record.serves == record.strategy
        };
        self.slots.iter().flatten().find(|cell| serves(cell)).map(|cell| cell.record.slot)
    }

    /// The leg as an intent of the executor slot; a listing that it has not is none.
    fn intent_of(&self, slot: u8, record: &ExecutorRequest) -> OrderIntent {
        let listing = self.listing(record.header.venue, record.header.instrument);
        let cell = self.slots[usize::from(slot)].as_ref();
        let index = listing.and_then(|listing| cell.and_then(|cell| cell.index_of(listing)));
        OrderIntent {
            price_nanos: record.price_nanos,
            lots: record.lots,
            expire_time_ns: record.unwind_nanos.cast_unsigned(),
            intent: u32::from(IntentKind::Leg.code()),
            listing: index.map_or(u32::MAX, |index| index as u32),
            side: u32::from(record.side),
            order_type: u16::from(OrderType::Limit.code()),
            time_in_force: record.time_in_force,
            ..OrderIntent::zeroed()
        }
    }

    /// Holds what the leg and its unwinding may need, or nothing.
    fn reserve_executor(&mut self, slot: u8, record: &ExecutorRequest, intent: &OrderIntent) -> Result<u8, Refusal> {
        let cell = self.slots[usize::from(slot)].as_ref();
        if cell.is_none_or(|cell| cell.run != SlotRun::Running) || self.rolls_day {
            return Err(refusal(RejectCode::SlotStopped));
        }
        let timed = record.until_ns > self.time_ns && (1..=i64::MAX as u64).contains(&record.unwind_ns);
        if !timed || record.leg == 0 || record.multi_leg_id == 0 {
            return Err(refusal(RejectCode::BadIntent));
        }
        let live = self.multi_legs.executors();
        if !self.settled.has_room(live, self.time_ns) {
            return Err(refusal(RejectCode::Capacity));
        }
        let mut multi_leg = empty();
        (multi_leg.slot, multi_leg.legs_count) = (slot, 1);
        multi_leg.tag = record.multi_leg_id.cast_signed();
        (multi_leg.until_ns, multi_leg.legs_until_ns) = (record.until_ns, record.until_ns);
        multi_leg.unwind_ns = record.unwind_ns;
        multi_leg.executor = Some(Executor::new(record, LegAsk::Reserve));
        multi_leg.legs[0] = self.read_leg(slot, intent)?;
        if multi_leg.legs[0].far.is_some() {
            return Err(refusal(RejectCode::UnknownInstrument)); // Not from one engine to the next.
        }
        self.look_at_legs(&multi_leg).map_err(|(_, refusal)| refusal)?;
        let mut holds = [Hold::default(); records::LEGS_MAX];
        self.limits.begin_group();
        if let Err((_, failed)) = self.hold_legs(&mut multi_leg, &mut holds) {
            self.let_go(&mut multi_leg, &mut holds);
            self.limits.undo_group();
            return Err(failed);
        }
        self.limits.keep_group();
        multi_leg.id = self.use_order_id();
        multi_leg.legs[0].command.owner.parent_id = multi_leg.id;
        self.exposures += 1;
        Ok(self.multi_legs.insert(&multi_leg))
    }

    /// Says how a leg stands where that is not what was said last.
    pub(super) fn tell_executor(&mut self, at: u8, out: &mut dyn Outbox) {
        let multi_leg = *self.multi_legs.get(at);
        let Some(executor) = multi_leg.executor else { return };
        let mut answer = self.answer_of(&multi_leg, &executor);
        (answer.version, answer.time_ns) = (executor.told.version, executor.told.time_ns);
        if bytes_of(&answer) != bytes_of(&executor.told) {
            (answer.version, answer.time_ns) = (executor.told.version + 1, self.time_ns);
            if let Some(executor) = &mut self.multi_legs.get_mut(at).executor {
                executor.told = answer;
            }
            self.tell_answer(answer, out);
        }
        self.multi_leg_due(at);
    }

    /// Says that nothing of a leg is held any more, and remembers it.
    pub(super) fn close_executor(&mut self, multi_leg: &MultiLeg, out: &mut dyn Outbox) {
        let Some(executor) = multi_leg.executor else { return };
        let mut answer = self.answer_of(multi_leg, &executor);
        answer.flags |= ANSWER_CLOSED;
        (answer.version, answer.time_ns) = (executor.told.version + 1, self.time_ns);
        let age_ns_max = self.peer(executor.origin).map_or(0, |peer| peer.age_ns_max);
        self.settled.keep(&answer, executor.asked_ns.saturating_add(age_ns_max), self.time_ns);
        self.tell_answer(answer, out);
    }

    fn tell_answer(&mut self, answer: ExecutorAnswer, out: &mut dyn Outbox) {
        self.tell_peer(answer.origin, answer, out);
    }

    fn answer_of(&self, multi_leg: &MultiLeg, executor: &Executor) -> ExecutorAnswer {
        let leg = &multi_leg.legs[0];
        let run = self.slots[usize::from(multi_leg.slot)].as_ref().map(|cell| cell.run);
        let mut answer = ExecutorAnswer::new();
        answer.header.venue = leg.command.header.venue;
        answer.header.instrument = leg.command.header.instrument;
        (answer.multi_leg_id, answer.leg, answer.request) = (executor.id, executor.leg, executor.request);
        (answer.origin, answer.shard) = (executor.origin, self.identity.shard);
        answer.order_id = leg.latest_id();
        (answer.filled_lots, answer.open_lots) = (leg.order.filled_lots, leg.order.open_lots);
        (answer.unwound_lots, answer.state) = (leg.unwound_lots(), leg.state.code());
        let bits = [
            (ANSWER_BUSY, leg.order.busy),
            (ANSWER_UNKNOWN, leg.order.unknown || leg.unwind.unknown),
            (ANSWER_UNWINDING, leg.unwind.busy),
            (ANSWER_DISABLED, run.is_none_or(|run| run == SlotRun::Disabled)),
        ];
        answer.flags = bits.iter().filter(|(_, set)| *set).fold(0, |flags, (bit, _)| flags | bit);
        let (code, limit) = multi_leg.refused.map_or((0, 0), |(code, limit)| (code.code(), limit));
        (answer.reason, answer.limit) = (code, limit);
        answer
    }
}
