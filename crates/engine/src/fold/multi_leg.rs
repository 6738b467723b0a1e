//! Carrying out what a multi-leg order wants: the next leg, cancels, unwinding, its end; and what is said of it.
//!
//! Invariant: before anything else is looked at, what is reserved follows from the facts of its orders; when it ends nothing is
//! reserved. Orders that unwind pass every check as any other does: a kill stops them, and the price asked for bounds them.

use records::{
    IntentKind, LegAsk, LegView, MultiLegCause, MultiLegState, MultiLegView, NewOrder, OrderIntent, Owner, Reason,
    RejectCode, Side, SlotRun, TimeInForce, WORKING_MAX,
};
use risk::Refusal;

pub(super) use super::legs::empty;
use super::legs::unwinding;
use super::{Engine, MULTI_LEG_VIEWS_MAX, Told};
use crate::multi_leg::{Facts, Leg, MultiLeg, Want};
use crate::outbox::Outbox;

impl Engine {
    /// An order that belongs to a multi-leg order changed. One whose multi-leg order has ended must not live on.
    pub(super) fn leg_moved(&mut self, place: u32, out: &mut dyn Outbox) {
        let order = self.orders.get(place);
        let (parent_id, alive, slot) = (order.owner.parent_id, order.ended.is_none(), order.slot);
        match self.multi_legs.find(parent_id) {
            Some(at) => self.advance(at, out),
            None if parent_id != 0 && slot != 0 && alive => self.cancel(place, Reason::UserRequested, true, out),
            None => {}
        }
    }

    /// Goes on with all of them, for time or a session changed; when time is due for one next.
    pub(super) fn advance_multi_legs(&mut self, out: &mut dyn Outbox) -> u64 {
        let mut at = 0;
        let mut due_ns = u64::MAX;
        while let Some(live) = self.multi_legs.live().get(at).copied() {
            let id = self.multi_legs.get(live).id;
            self.advance(live, out);
            if self.multi_legs.find(id) == Some(live) {
                due_ns = due_ns.min(self.multi_legs.get(live).due_ns(self.time_ns));
                at += 1;
            }
        }
        self.next_due_ns = self.next_due_ns.min(due_ns);
        due_ns
    }

    /// Whether a slot has one that has not ended.
    pub(super) fn has_multi_legs(&self, slot: u8) -> bool {
        self.multi_legs.live().iter().any(|at| self.multi_legs.get(*at).slot == slot)
    }

    /// A slot's orders are cancelled: its multi-leg orders do not go on.
    pub(super) fn stop_multi_legs(&mut self, slot: u8, out: &mut dyn Outbox) {
        if !self.has_multi_legs(slot) {
            return;
        }
        let time_ns = self.time_ns;
        for at in 0..self.multi_legs.live().len() {
            let live = self.multi_legs.live()[at];
            let multi_leg = self.multi_legs.get_mut(live);
            if multi_leg.slot == slot {
                multi_leg.fail(0, MultiLegCause::Stopped, time_ns);
                if let Some(executor) = &mut multi_leg.executor {
                    executor.stopped = true;
                }
            }
        }
        self.advance_multi_legs(out);
    }

    /// Asks one what it wants until it wants nothing.
    pub(super) fn advance(&mut self, at: u8, out: &mut dyn Outbox) {
        let before = self.multi_legs.get(at).id;
        let told = self.told_of(at);
        self.hear(at);
        self.repeat_requests(at, out);
        while !self.rolls_day {
            let slot = self.multi_legs.get(at).slot;
            let run = self.slots[usize::from(slot)].as_ref().map(|cell| cell.run);
            let may_begin = run == Some(SlotRun::Running);
            let may_unwind = run.is_some_and(|run| run != SlotRun::Disabled);
            match self.multi_legs.get_mut(at).want(self.time_ns, may_begin, may_unwind) {
                Want::Nothing => break,
                Want::Send(leg) => self.send_leg(at, leg, out),
                Want::Cancel(leg) => self.cancel_leg(at, leg, false, out),
                Want::CancelUnwind(leg) => self.cancel_leg(at, leg, true, out),
                Want::Unwind(leg) => self.unwind_leg(at, leg, out),
                Want::Close(leg) => self.ask_peer(at, leg, LegAsk::Close, 0, out),
                Want::End(state) => {
                    self.end_multi_leg(at, state, out);
                    return;
                }
            }
            self.hear(at);
        }
        debug_assert_eq!(self.multi_legs.get(at).id, before);
        if self.told_of(at) != told {
            self.multi_leg_changed(at, out);
        }
        self.tell_executor(at, out);
        self.multi_leg_due(at);
    }

    /// States of the whole and of its legs, in a word each.
    fn told_of(&self, at: u8) -> ([u8; records::LEGS_MAX], u8) {
        let multi_leg = self.multi_legs.get(at);
        (multi_leg.legs.map(|leg| leg.state.code()), multi_leg.state.code())
    }

    /// Lets time have its turn.
    pub(super) fn multi_leg_due(&mut self, at: u8) {
        let due_ns = self.multi_legs.get(at).due_ns(self.time_ns);
        self.next_due_ns = self.next_due_ns.min(due_ns);
    }

    /// How an order stands; `None`: it is forgotten, or was never sent.
    fn facts(&self, order_id: u64, late: bool) -> Option<Facts> {
        let order = self.orders.get(self.orders.find(order_id).filter(|_| order_id != 0)?);
        Some(Facts {
            // The venue counts lots as filled that were not told yet: they are waited for, as long as there is time.
            busy: order.ended.is_none() || (order.unbooked_lots > 0 && !late),
            unknown: order.ended.is_none() && order.unknown,
            filled_lots: order.filled_lots - order.broken_lots,
            open_lots: order.leaves_lots + order.unbooked_lots,
        })
    }

    /// Tells it how its orders stand, and reserves what they leave to do.
    fn hear(&mut self, at: u8) {
        let late = self.multi_legs.get(at).is_late(self.time_ns);
        let time_ns = self.time_ns;
        let decided = self.multi_legs.get(at).decided.is_some();
        for place in 0..self.multi_legs.get(at).legs_count {
            let leg = &self.multi_legs.get(at).legs[place];
            let facts = match &leg.far {
                Some(far) => (far.order(leg.command.lots, time_ns), far.unwind(leg.unwound_before_lots)),
                None => (self.facts(leg.order_id, late), self.facts(leg.unwind_id, late)),
            };
            let leg = &mut self.multi_legs.get_mut(at).legs[place];
            if decided {
                leg.note(facts.0, facts.1);
            } else {
                leg.hear(facts.0, facts.1);
            }
            self.reserve_for(at, place);
        }
        self.multi_legs.get_mut(at).hear(time_ns);
    }

    fn reserve_for(&mut self, at: u8, place: usize) {
        let Self { multi_legs, limits, .. } = self;
        let multi_leg = multi_legs.get_mut(at);
        let decided = multi_leg.decided.is_some();
        let leg = &mut multi_leg.legs[place];
        let (lots, spare_lots, orders) = if decided { (0, 0, 0) } else { leg.needs() };
        limits.set_reserve(&mut leg.back, lots, spare_lots, orders);
        if leg.state != records::LegState::Waiting {
            limits.set_reserve(&mut leg.ahead, 0, 0, 0);
        }
        self.exposures += 1;
    }

    /// Sends a leg whose turn has come, with what was reserved for it.
    fn send_leg(&mut self, at: u8, place: usize, out: &mut dyn Outbox) {
        let leg = &mut self.multi_legs.get_mut(at).legs[place];
        self.limits.set_reserve(&mut leg.ahead, 0, 0, 0);
        if leg.far.is_some() {
            leg.sent(0);
            self.ask_peer(at, place, LegAsk::Send, 0, out);
            return;
        }
        let leg = *leg;
        match self.send_for(&leg, leg.command, out) {
            Ok(order_id) => self.multi_legs.get_mut(at).legs[place].sent(order_id),
            Err(refusal) => {
                let time_ns = self.time_ns;
                let multi_leg = self.multi_legs.get_mut(at);
                multi_leg.refused = Some((refusal.code, refusal.limit));
                multi_leg.fail(place, MultiLegCause::LegRefused, time_ns);
                multi_leg.legs[place].refused();
            }
        }
    }

    /// Sends the order that trades back what a leg filled; where it is refused, it is tried again.
    fn unwind_leg(&mut self, at: u8, place: usize, out: &mut dyn Outbox) {
        let leg = self.multi_legs.get(at).legs[place];
        let executor = self.multi_legs.get(at).executor;
        let lots = executor.map_or(i64::MAX, |executor| executor.unwind_lots.max(1)).min(leg.unwinding_lots());
        if leg.far.is_some() {
            self.unwind_far(at, place, lots, out);
            return;
        }
        let stored = &mut self.multi_legs.get_mut(at).legs[place];
        self.limits.set_reserve(&mut stored.back, 0, 0, 0);
        let sent = self.send_for(&leg, unwinding(&leg, lots), out);
        let time_ns = self.time_ns;
        let multi_leg = self.multi_legs.get_mut(at);
        multi_leg.tries(place, time_ns);
        if let Some(executor) = &mut multi_leg.executor {
            executor.tried = executor.request;
        }
        if let Ok(order_id) = sent {
            multi_leg.legs[place].unwinds(order_id, lots);
        }
    }

    /// Asks the engine that runs a leg to trade back what it filled.
    fn unwind_far(&mut self, at: u8, place: usize, lots: i64, out: &mut dyn Outbox) {
        let time_ns = self.time_ns;
        let multi_leg = self.multi_legs.get_mut(at);
        multi_leg.tries(place, time_ns);
        multi_leg.legs[place].unwinds(0, lots);
        self.ask_peer(at, place, LegAsk::Unwind, lots, out);
    }

    /// Sends an order of a multi-leg order if every check of a new order lets it pass.
    fn send_for(&mut self, leg: &Leg, command: NewOrder, out: &mut dyn Outbox) -> Result<u64, Refusal> {
        let epoch = self.identity.epoch;
        let command = NewOrder { owner: Owner { order_id: 0, epoch, ..command.owner }, ..command };
        let sent = self.try_to_send(leg, command, out);
        if let Err(refusal) = &sent {
            let index = self.slots[usize::from(command.slot)].as_ref().and_then(|cell| cell.index_of(leg.listing));
            let intent = OrderIntent {
                price_nanos: command.price_nanos,
                lots: command.lots,
                intent: u32::from(IntentKind::New.code()),
                listing: index.map_or(u32::MAX, |index| index as u32),
                side: u32::from(command.side),
                order_type: u16::from(command.order_type),
                time_in_force: command.time_in_force,
                ..OrderIntent::zeroed()
            };
            self.refuse(command.slot, &intent, refusal, false, out);
        }
        sent
    }

    fn try_to_send(&mut self, leg: &Leg, command: NewOrder, out: &mut dyn Outbox) -> Result<u64, Refusal> {
        let plain = super::intents::refusal;
        let Some(side) = Side::from_code(command.side) else { return Err(plain(RejectCode::BadIntent)) };
        self.can_trade_beside(leg.listing, TimeInForce::Day.code(), 0)?;
        let working_count = self.slots[usize::from(command.slot)].as_ref().map_or(0, |cell| cell.working_count);
        if working_count == WORKING_MAX || !self.orders.has_room() {
            return Err(plain(RejectCode::Capacity));
        }
        if let Some(refusal) = self.leg_crosses(&command) {
            return Err(refusal);
        }
        let reference = self.reference(leg.listing);
        let asked = NewOrder { self_trade: 0, ..command };
        let hold = self.limits.check_new(leg.binding, &asked, self.time_ns, &reference)?;
        Ok(self.send_new(command, side, hold, out))
    }

    /// Asks for the end of a leg's order, or of the one that unwinds it, until it is gone.
    fn cancel_leg(&mut self, at: u8, place: usize, unwind: bool, out: &mut dyn Outbox) {
        let leg = &mut self.multi_legs.get_mut(at).legs[place];
        leg.cancel_asked = true;
        if leg.far.is_some() {
            self.ask_peer(at, place, if unwind { LegAsk::StopUnwind } else { LegAsk::Cancel }, 0, out);
            return;
        }
        let order_id = if unwind { leg.unwind_id } else { leg.order_id };
        if let Some(order) = self.orders.find(order_id) {
            self.cancel(order, Reason::UserRequested, true, out);
        }
    }

    fn end_multi_leg(&mut self, at: u8, state: MultiLegState, out: &mut dyn Outbox) {
        let Self { multi_legs, limits, .. } = self;
        let multi_leg = multi_legs.get_mut(at);
        multi_leg.end(state);
        for leg in multi_leg.legs_mut() {
            limits.set_reserve(&mut leg.ahead, 0, 0, 0);
            limits.set_reserve(&mut leg.back, 0, 0, 0);
        }
        self.exposures += 1;
        let ended = *multi_leg;
        self.multi_leg_changed(at, out);
        self.multi_legs.remove(at);
        self.close_executor(&ended, out);
    }

    /// Says how one and its legs stand, and queues it for its slot.
    pub(super) fn multi_leg_changed(&mut self, at: u8, out: &mut dyn Outbox) {
        let multi_leg = *self.multi_legs.get(at);
        self.say(self.multi_leg_record(&multi_leg, None), out);
        for place in 0..multi_leg.legs_count {
            self.say(self.multi_leg_record(&multi_leg, Some(place)), out);
        }
        if multi_leg.executor.is_none() {
            self.queue_multi_leg(&multi_leg, multi_leg.state);
        }
    }

    fn multi_leg_record(&self, multi_leg: &MultiLeg, place: Option<usize>) -> records::MultiLeg {
        let mut record = records::MultiLeg::new();
        record.owner = self.owner(multi_leg.slot, multi_leg.id);
        record.tag = multi_leg.tag;
        (record.until_ns, record.time_ns, record.input) = (multi_leg.until_ns, self.time_ns, self.input);
        (record.legs, record.slot) = (multi_leg.legs_count as u8, multi_leg.slot);
        record.cause = multi_leg.cause.map_or(0, MultiLegCause::code);
        let (code, limit) = multi_leg.refused.map_or((0, 0), |(code, limit)| (code.code(), limit));
        (record.reason, record.limit) = (code, limit);
        let Some(place) = place else {
            record.state = multi_leg.state.code();
            return record;
        };
        let leg = &multi_leg.legs[place];
        record.header.venue = leg.command.header.venue;
        record.header.instrument = leg.command.header.instrument;
        record.leg_order_id = leg.latest_id();
        (record.price_nanos, record.unwind_nanos) = (leg.command.price_nanos, leg.unwind_nanos);
        (record.lots, record.side) = (leg.command.lots, leg.command.side);
        (record.filled_lots, record.unwound_lots) = (leg.order.filled_lots, leg.unwound_lots());
        (record.leg, record.state) = (place as u8 + 1, leg.state.code());
        record
    }

    pub(super) fn queue_multi_leg(&mut self, multi_leg: &MultiLeg, state: MultiLegState) {
        if self.multi_leg_views.len() == MULTI_LEG_VIEWS_MAX || self.queue.len() == super::QUEUE_MAX {
            self.statistics.untold += 1;
            return;
        }
        let mut view = MultiLegView::zeroed();
        (view.time_ns, view.multi_leg_id, view.tag) = (self.time_ns, multi_leg.id, multi_leg.tag);
        view.state = u32::from(state.code());
        view.cause = multi_leg.cause.map_or(0, |cause| u32::from(cause.code()));
        (view.reason, view.limit) = multi_leg.refused.map_or((0, 0), |(code, limit)| (u32::from(code.code()), limit));
        (view.leg, view.legs_count) = (multi_leg.failed_leg as u32, multi_leg.legs_count as u32);
        for (shown, leg) in view.legs.iter_mut().zip(multi_leg.legs()) {
            *shown = LegView {
                order_id: if leg.far.is_some() { leg.latest_id() } else { leg.order_id },
                price_nanos: leg.command.price_nanos,
                lots: leg.command.lots,
                filled_lots: leg.order.filled_lots,
                unwound_lots: leg.unwound_lots(),
                instrument: leg.command.header.instrument,
                venue: u32::from(leg.command.header.venue),
                side: u32::from(leg.command.side),
                state: u32::from(leg.state.code()),
            };
        }
        self.multi_leg_views.push_back(view);
        self.enqueue(multi_leg.slot, Told::MultiLeg);
    }
}
