//! From the legs that a strategy asks for to a multi-leg order whose worst case is held before its first leg leaves.
//!
//! Invariant: all legs pass, and all that unwinding them may need is reserved, or nothing is sent, held, counted or remembered;
//! the refusal is the first check's that failed, of the leg that it failed for.

use records::{
    IntentKind, LEGS_MAX, LegAsk, LegState, MultiLegState, NewOrder, OrderIntent, OrderType, RejectCode, Side,
    TimeInForce, UNDEF_PRICE, WORKING_MAX,
};
use risk::{Binding, Hold, Purpose, Refusal, Reserve};

use super::intents::{is_well_formed, refusal};
use super::{Engine, SlotCell, absent};
use crate::far::Far;
use crate::multi_leg::{Facts, Leg, MultiLeg};
use crate::outbox::{Outbox, Stage};

/// Times in force that a leg may have: it lives no longer than its multi-leg order.
const LIVES: [TimeInForce; 3] = [TimeInForce::Day, TimeInForce::ImmediateOrCancel, TimeInForce::FillOrKill];

/// A place without a multi-leg order.
pub(super) fn empty() -> MultiLeg {
    MultiLeg {
        id: 0,
        tag: 0,
        slot: 0,
        state: MultiLegState::Working,
        cause: None,
        refused: None,
        failed_leg: 0,
        one_by_one: false,
        until_ns: u64::MAX,
        legs_until_ns: u64::MAX,
        unwind_ns: 0,
        legs: [empty_leg(); LEGS_MAX],
        legs_count: 0,
        executor: None,
        decided: None,
    }
}

fn empty_leg() -> Leg {
    Leg {
        command: NewOrder::new(),
        binding: Binding(0),
        listing: 0,
        unwind_nanos: UNDEF_PRICE,
        ahead: Reserve::default(),
        back: Reserve::default(),
        order_id: 0,
        unwind_id: 0,
        order: Facts::default(),
        unwind: Facts::default(),
        unwound_before_lots: 0,
        state: LegState::Waiting,
        retry_ns: 0,
        cancel_asked: false,
        far: None,
    }
}

/// The order that trades back lots of a leg, as far as risk looks at it.
pub(super) fn unwinding(leg: &Leg, lots: i64) -> NewOrder {
    let side = Side::from_code(leg.command.side).map_or(0, |side| side.opposite().code());
    let time_in_force = TimeInForce::Day.code();
    NewOrder { side, price_nanos: leg.unwind_nanos, lots, display_lots: 0, time_in_force, ..leg.command }
}

/// Whether two legs would trade with each other.
fn cross(one: &NewOrder, other: &NewOrder) -> bool {
    let (buy, sell) = if one.side == Side::Buy.code() { (one, other) } else { (other, one) };
    let opposite = buy.side == Side::Buy.code() && sell.side == Side::Sell.code();
    opposite && buy.header.instrument == sell.header.instrument && buy.price_nanos >= sell.price_nanos
}

impl Engine {
    /// Keeps a leg for the multi-leg order that is to come.
    pub(super) fn intend_leg(&mut self, slot: u8, intent: &OrderIntent) -> Result<(), Refusal> {
        let Some(cell) = &mut self.slots[usize::from(slot)] else { return Err(refusal(RejectCode::SlotStopped)) };
        let Some(free) = cell.legs.get_mut(cell.legs_count) else {
            cell.legs_count = LEGS_MAX + 1;
            return Err(refusal(RejectCode::Capacity));
        };
        *free = *intent;
        cell.legs_count += 1;
        Ok(())
    }

    /// Refuses legs that a callback asked for without a multi-leg order.
    #[inline]
    pub(super) fn refuse_loose_legs(&mut self, slot: u8, feedback: bool, out: &mut dyn Outbox) {
        let Some(cell) = &mut self.slots[usize::from(slot)] else { return };
        let count = std::mem::take(&mut cell.legs_count);
        if (1..=LEGS_MAX).contains(&count) {
            let intent = cell.legs[0];
            self.refuse(slot, &intent, &refusal(RejectCode::BadIntent), feedback, out);
            self.goes_on_after_refusal(slot, out);
        }
    }

    /// Takes the legs asked for as one multi-leg order.
    pub(super) fn intend_multi_leg(
        &mut self,
        slot: u8,
        intent: &OrderIntent,
        feedback: bool,
        out: &mut dyn Outbox,
    ) -> Result<(), Refusal> {
        let Some(cell) = &mut self.slots[usize::from(slot)] else { return Err(refusal(RejectCode::SlotStopped)) };
        let (legs, count) = (cell.legs, std::mem::take(&mut cell.legs_count));
        let asked = &legs[..count.min(LEGS_MAX)];
        let mut multi_leg = empty();
        multi_leg.slot = slot;
        multi_leg.tag = intent.order_id.cast_signed();
        multi_leg.legs_count = asked.len();
        let begun = self.begin_multi_leg(&mut multi_leg, intent, asked, out);
        let Err((at, refused)) = begun else { return Ok(()) };
        multi_leg.refused = Some((refused.code, refused.limit));
        multi_leg.failed_leg = at;
        if feedback {
            self.queue_multi_leg(&multi_leg, MultiLegState::Refused);
        }
        // The answer names the leg: its listing, side, price and lots.
        let kind = u32::from(IntentKind::MultiLeg.code());
        let named = asked.get(at).map_or(*intent, |leg| OrderIntent { intent: kind, order_id: 0, ..*leg });
        self.refuse(slot, &named, &refused, feedback, out);
        self.goes_on_after_refusal(slot, out);
        Ok(())
    }

    /// Checks, holds and reserves everything, then sends the first leg or all of them; else the leg that fails, and why.
    fn begin_multi_leg(
        &mut self,
        multi_leg: &mut MultiLeg,
        intent: &OrderIntent,
        asked: &[OrderIntent],
        out: &mut dyn Outbox,
    ) -> Result<(), (usize, Refusal)> {
        let within = |time_ns: u64| (1..=i64::MAX as u64).contains(&time_ns);
        let timed = within(intent.expire_time_ns) && within(intent.lots.cast_unsigned());
        if !(2..=LEGS_MAX).contains(&asked.len()) || !timed || intent.post_only > 1 {
            return Err((0, refusal(RejectCode::BadIntent)));
        }
        multi_leg.one_by_one = intent.post_only == 1;
        multi_leg.until_ns = self.time_ns.saturating_add(intent.expire_time_ns);
        multi_leg.legs_until_ns = multi_leg.until_ns;
        multi_leg.unwind_ns = intent.lots.cast_unsigned();
        for (at, leg) in asked.iter().enumerate() {
            multi_leg.legs[at] = self.read_leg(multi_leg.slot, leg).map_err(|refusal| (at, refusal))?;
        }
        self.look_at_legs(multi_leg)?;
        let mut holds = [Hold::default(); LEGS_MAX];
        self.limits.begin_group();
        if let Err(failed) = self.hold_legs(multi_leg, &mut holds) {
            self.let_go(multi_leg, &mut holds);
            self.limits.undo_group();
            return Err(failed);
        }
        self.limits.keep_group();
        out.stage(Stage::RiskPassed);
        multi_leg.id = self.use_order_id();
        self.statistics.multi_legs += 1;
        for (leg, hold) in multi_leg.legs[..asked.len()].iter_mut().zip(holds) {
            leg.command.owner.parent_id = multi_leg.id;
            if hold.is_alive() {
                let (command, side) = (leg.command, hold.side());
                leg.sent(self.send_new(command, side, hold, out));
            }
        }
        let at = self.multi_legs.insert(multi_leg);
        self.exposures += 1;
        for place in 0..asked.len() {
            if self.multi_legs.get(at).legs[place].far.is_some() {
                self.ask_peer(at, place, LegAsk::Reserve, 0, out);
            }
        }
        self.multi_leg_changed(at, out);
        self.multi_leg_due(at);
        Ok(())
    }

    /// A leg as it will be sent, if it makes sense.
    pub(super) fn read_leg(&self, slot: u8, intent: &OrderIntent) -> Result<Leg, Refusal> {
        let Some(cell) = &self.slots[usize::from(slot)] else { return Err(refusal(RejectCode::SlotStopped)) };
        let index = intent.listing as usize;
        let shard = cell.executors.get(index).copied().map_or(0, u16::from);
        let here = |cell: &SlotCell| cell.view.listings[index].watch_only != 1 && cell.bindings[index] != Binding(0);
        if index >= cell.listings_count || (shard == 0 && !here(cell)) {
            return Err(refusal(RejectCode::UnknownInstrument));
        }
        let unwind_nanos = intent.expire_time_ns.cast_signed();
        let plain = OrderIntent { expire_time_ns: 0, order_id: 0, ..*intent };
        let side = u8::try_from(intent.side).ok().and_then(Side::from_code);
        let lives = LIVES.iter().any(|life| life.code() == intent.time_in_force);
        let limit = intent.order_type == u16::from(OrderType::Limit.code());
        if side.is_none() || !lives || !limit || !is_well_formed(&plain) {
            return Err(refusal(RejectCode::BadIntent));
        }
        let mut leg = empty_leg();
        (leg.listing, leg.unwind_nanos) = (cell.listings[index], unwind_nanos);
        if shard == 0 {
            leg.binding = cell.bindings[index];
        } else {
            let peer = self.peer(shard).ok_or(refusal(RejectCode::GatewayNotReady))?;
            leg.far = Some(Far::new(peer, self.time_ns));
        }
        leg.command = self.new_order(slot, leg.listing, &plain);
        Ok(leg)
    }

    /// Room, venues, throttles, and orders of our own that a leg would meet.
    pub(super) fn look_at_legs(&mut self, multi_leg: &MultiLeg) -> Result<(), (usize, Refusal)> {
        let working_count = self.slots[usize::from(multi_leg.slot)].as_ref().map_or(0, |cell| cell.working_count);
        let legs = multi_leg.legs();
        let own = legs.iter().filter(|leg| leg.far.is_none()).count();
        let fits = working_count + own <= WORKING_MAX && self.orders.has_room_for(own);
        if !fits || !self.multi_legs.has_room() {
            return Err((0, refusal(RejectCode::Capacity)));
        }
        for (at, leg) in legs.iter().enumerate() {
            let before = if multi_leg.one_by_one { &[] } else { &legs[..at] };
            let venue = leg.command.header.venue;
            let others = before.iter().filter(|leg| leg.command.header.venue == venue).count();
            let time_in_force = leg.command.time_in_force;
            if leg.far.is_none() {
                self.can_trade_beside(leg.listing, time_in_force, others).map_err(|refusal| (at, refusal))?;
            }
            let crossed =
                legs[..at].iter().find(|other| leg.command.self_trade != 0 && cross(&leg.command, &other.command));
            let plain = refusal(RejectCode::SelfTrade);
            let crossing = crossed.map(|other| Refusal {
                bound: other.command.price_nanos.into(),
                observed: leg.command.price_nanos.into(),
                ..plain
            });
            // What a leg elsewhere would meet there is that engine's to say.
            let met = || if leg.far.is_none() { self.leg_crosses(&leg.command) } else { None };
            if let Some(refusal) = crossing.or_else(met) {
                return Err((at, refusal));
            }
        }
        Ok(())
    }

    /// Holds the legs that leave now, reserves those that wait and what unwinding each may need. Where another engine runs a leg,
    /// all wait until it has reserved it.
    pub(super) fn hold_legs(&mut self, multi_leg: &mut MultiLeg, holds: &mut [Hold]) -> Result<(), (usize, Refusal)> {
        let (now_ns, one_by_one) = (self.time_ns, multi_leg.one_by_one);
        let all_wait = multi_leg.executor.is_some() || multi_leg.goes_far();
        for (at, leg) in multi_leg.legs_mut().iter_mut().enumerate().filter(|(_, leg)| leg.far.is_none()) {
            let reference = self.reference(leg.listing);
            // Whether it meets one of ours was looked at: the other legs are known here, too.
            let asked = NewOrder { self_trade: 0, ..leg.command };
            if all_wait || (one_by_one && at > 0) {
                let reserved = self.limits.reserve(leg.binding, &asked, Purpose::Later, now_ns, &reference);
                leg.ahead = reserved.map_err(|refusal| (at, refusal))?;
            } else {
                let held = self.limits.check_new(leg.binding, &asked, now_ns, &reference);
                holds[at] = held.map_err(|refusal| (at, refusal))?;
            }
            if !absent(leg.unwind_nanos) {
                let back = unwinding(leg, leg.command.lots);
                let reserved = self.limits.reserve(leg.binding, &back, Purpose::Unwind, now_ns, &reference);
                leg.back = reserved.map_err(|refusal| (at, refusal))?;
            }
        }
        Ok(())
    }

    /// Gives back what was held and reserved for legs of which none leaves.
    pub(super) fn let_go(&mut self, multi_leg: &mut MultiLeg, holds: &mut [Hold]) {
        for hold in holds.iter_mut().filter(|hold| hold.is_alive()) {
            self.limits.on_closed(hold, 0);
        }
        for leg in multi_leg.legs_mut() {
            self.limits.set_reserve(&mut leg.ahead, 0, 0, 0);
            self.limits.set_reserve(&mut leg.back, 0, 0, 0);
        }
    }
}
