//! Calling strategies: their views are brought up to date before, their intents taken after.
//!
//! Invariant: a slot sees its own orders, positions and headroom as they are at the call; a call that fails leaves no
//! intent behind, disables its slot and pulls its orders.

use records::{
    CallStatus, Callback, INTENTS_MAX, MultiLegState, OrderIntent, OrderView, Reason, Side, SlotRun, SlotState,
    TimerView, UNDEF_PRICE, WORKING_MAX, WorkingOrder,
};

use super::cells::SlotCell;
use super::{Engine, QUEUE_MAX, Told};
use crate::host::EventRef;
use crate::outbox::{Outbox, Stage};

impl Engine {
    /// Notes that the next call of a slot brings a listing's touch up to date; its index there if the slot runs.
    #[inline(always)]
    pub(super) fn note_touch(&mut self, slot: u8, place: u16) -> Option<u8> {
        let index = self.listings[usize::from(place)].index_in[usize::from(slot)];
        let cell = self.slots[usize::from(slot)].as_mut()?;
        cell.touched |= 1 << index;
        (cell.run == SlotRun::Running).then_some(index)
    }

    pub(super) fn call_book(&mut self, slot: u8, place: u16, index: u8, out: &mut dyn Outbox) {
        let listing = &mut self.listings[usize::from(place)];
        listing.view.listing = u32::from(index);
        let received_ns = self.venues[usize::from(listing.venue)].received_ns;
        listing.view.age_ns = self.time_ns.saturating_sub(received_ns).min(i64::MAX as u64) as i64;
        let view = listing.view;
        self.call(slot, Callback::Book, EventRef::Book(&view), u32::from(index), true, out);
    }

    /// Whether a slot runs legs for another engine instead of code.
    pub(super) fn is_executor(&self, slot: u8) -> bool {
        self.slots.get(usize::from(slot)).and_then(Option::as_ref).is_some_and(|cell| cell.record.origin != 0)
    }

    /// Calls a slot that runs. `feedback`: whether it is told of intents that are refused.
    pub(super) fn call(
        &mut self,
        slot: u8,
        callback: Callback,
        event: EventRef<'_>,
        current: u32,
        feedback: bool,
        out: &mut dyn Outbox,
    ) {
        let called = |cell: &SlotCell| cell.run == SlotRun::Running && cell.record.origin == 0;
        if !self.slots[usize::from(slot)].as_ref().is_some_and(called) {
            return;
        }
        self.refresh(slot, current);
        self.statistics.calls += 1;
        if self.marked.armed && self.fails_by_mark(slot, out) {
            return;
        }
        let Some(cell) = &mut self.slots[usize::from(slot)] else { return };
        if let Some(inside) = &self.inside {
            inside.enter(self.input, &cell.record, callback, self.statistics.calls - self.marked.calls_before);
        }
        let status = self.host.call(slot, callback, event, &mut cell.view);
        if let Some(inside) = &self.inside {
            inside.leave();
        }
        let count = cell.view.intents_count as usize;
        if status != 0 || count > INTENTS_MAX {
            let status = if status == 0 { u32::from(CallStatus::TooManyIntents.code()) } else { status };
            self.fail(slot, callback, status, out);
            return;
        }
        if count == 0 {
            return;
        }
        out.stage(Stage::Decided);
        cell.legs_count = 0;
        let mut intents = [OrderIntent::zeroed(); INTENTS_MAX];
        intents[..count].copy_from_slice(&cell.view.intents[..count]);
        let goes_on = intents[..count].iter().all(|intent| self.intend(slot, intent, feedback, out));
        if goes_on {
            self.refuse_loose_legs(slot, feedback, out);
        }
        self.end_quote_sets(slot, out);
    }

    /// Tells slots what happened to their orders in this pass. A refusal is told once; what is then refused is not.
    #[inline]
    pub(super) fn tell(&mut self, out: &mut dyn Outbox) {
        while let Some((slot, told)) = self.queue.pop_front() {
            match told {
                Told::Order(view) => {
                    self.call(slot, Callback::Order, EventRef::Order(&view), view.listing, view.event != 0, out);
                }
                Told::Fill(view) => self.call(slot, Callback::Fill, EventRef::Fill(&view), view.listing, true, out),
                Told::MultiLeg => self.tell_multi_leg(slot, out),
                Told::Signal(view) => self.call(slot, Callback::Signal, EventRef::Signal(&view), 0, true, out),
            }
        }
    }

    /// Tells the oldest change of a multi-leg order that waits.
    fn tell_multi_leg(&mut self, slot: u8, out: &mut dyn Outbox) {
        let view = self.multi_leg_views.pop_front().expect("each waits with its place in the queue");
        let began = view.state != u32::from(MultiLegState::Refused.code());
        let current = self.slots[usize::from(slot)].as_ref().map_or(0, |cell| {
            let leg = &view.legs[view.leg as usize];
            let listing = self.listing(leg.venue as u16, leg.instrument);
            listing.and_then(|listing| cell.index_of(listing)).unwrap_or(0)
        });
        self.call(slot, Callback::MultiLeg, EventRef::MultiLeg(&view), current as u32, began, out);
    }

    pub(super) fn enqueue(&mut self, slot: u8, told: Told) {
        if self.queue.len() == QUEUE_MAX {
            self.statistics.untold += 1;
            return;
        }
        self.queue.push_back((slot, told));
    }

    /// Queues what an order's owner is told of it.
    pub(super) fn tell_order(&mut self, place: u32, event: u8, reason: u8) {
        let order = self.orders.get(place);
        let slot = order.slot;
        let Some(Some(cell)) = self.slots.get(usize::from(slot)) else { return };
        if !cell.wants.order_calls {
            return;
        }
        let listing = self.listing(order.venue, order.instrument).and_then(|listing| cell.index_of(listing));
        let mut view = OrderView::zeroed();
        view.time_ns = self.time_ns;
        view.order_id = order.owner.order_id;
        view.price_nanos = order.price_nanos;
        view.lots = order.lots;
        view.leaves_lots = order.leaves_lots;
        view.filled_lots = order.filled_lots;
        view.instrument = order.instrument;
        view.venue = u32::from(order.venue);
        view.listing = listing.unwrap_or(0) as u32;
        view.side = u32::from(order.side.code());
        view.state = u32::from(order.state().code());
        view.event = u32::from(event);
        view.reason = u32::from(reason);
        self.enqueue(slot, Told::Order(view));
    }

    fn fail(&mut self, slot: u8, callback: Callback, status: u32, out: &mut dyn Outbox) {
        self.set_run(slot, SlotRun::Disabled, status as u8, callback as u8, status >> 8, out);
        self.cancel_slot(slot, Reason::Risk, out);
    }

    /// Notes that something the slot asked for was refused, here or by a venue (control 33); `false` when that was once too
    /// often and the slot is disabled.
    #[cold]
    pub(super) fn goes_on_after_refusal(&mut self, slot: u8, out: &mut dyn Outbox) -> bool {
        let (count, within_ns) = (self.config.reject_storm_count, self.config.reject_storm_ns);
        let Some(Some(cell)) = self.slots.get_mut(usize::from(slot)) else { return true };
        if cell.run != SlotRun::Running || !cell.is_storm(self.time_ns, count, within_ns) {
            return true;
        }
        self.set_run(slot, SlotRun::Disabled, CallStatus::RejectStorm.code(), 0, 0, out);
        self.cancel_slot(slot, Reason::Risk, out);
        false
    }

    pub(super) fn set_run(
        &mut self,
        slot: u8,
        run: SlotRun,
        status: u8,
        callback: u8,
        line: u32,
        out: &mut dyn Outbox,
    ) {
        let Some(cell) = &mut self.slots[usize::from(slot)] else { return };
        cell.run = run;
        cell.refusals = 0;
        self.statistics.disabled += u64::from(run == SlotRun::Disabled);
        cell.timer_due_ns = match (run, cell.record.timer_ns) {
            (SlotRun::Running, 1..) => self.time_ns.saturating_add(cell.record.timer_ns),
            _ => u64::MAX,
        };
        self.next_due_ns = self.next_due_ns.min(cell.timer_due_ns);
        let mut record = self.slot_state(slot, run);
        (record.status, record.callback, record.line) = (status, callback, line);
        self.say(record, out);
    }

    fn slot_state(&self, slot: u8, run: SlotRun) -> SlotState {
        let mut record = SlotState::new();
        (record.slot, record.run) = (slot, run.code());
        (record.time_ns, record.input) = (self.time_ns, self.input);
        if run == SlotRun::Disabled && self.is_quarantined(slot) {
            record.status = CallStatus::Quarantined.code(); // Who asks later hears it, too.
        }
        record
    }

    /// Says how a slot stands.
    pub(super) fn say_slot_state(&mut self, slot: u8, run: SlotRun, out: &mut dyn Outbox) {
        let record = self.slot_state(slot, run);
        self.say(record, out);
    }

    /// Says again that a slot is disabled since it is in quarantine.
    pub(super) fn say_slot_stop(&mut self, slot: u8, callback: u8, out: &mut dyn Outbox) {
        let record = SlotState { callback, ..self.slot_state(slot, SlotRun::Disabled) };
        self.say(record, out);
    }

    /// Calls the timers that are due; returns when the next one is.
    pub(super) fn call_timers(&mut self, out: &mut dyn Outbox) -> u64 {
        let mut next = u64::MAX;
        for slot in 1..self.slots.len() as u8 {
            let Some(cell) = &mut self.slots[usize::from(slot)] else { continue };
            if cell.timer_due_ns <= self.time_ns {
                let due_ns = cell.timer_due_ns;
                // What was missed is missed: one call, and on from there in the slot's own beat.
                let behind = (self.time_ns - due_ns) / cell.record.timer_ns.max(1);
                let ahead = cell.record.timer_ns.max(1).saturating_mul(behind.saturating_add(1));
                cell.timer_due_ns = due_ns.saturating_add(ahead);
                let view = TimerView { time_ns: self.time_ns, due_ns, callback: Callback::Timer as u64 };
                self.call(slot, Callback::Timer, EventRef::Timer(&view), 0, true, out);
                self.tell(out);
            }
            if let Some(cell) = &self.slots[usize::from(slot)] {
                next = next.min(cell.timer_due_ns);
            }
        }
        next
    }

    pub(super) fn call_plain(&mut self, slot: u8, callback: Callback, out: &mut dyn Outbox) {
        let view = TimerView { time_ns: self.time_ns, due_ns: self.time_ns, callback: callback as u64 };
        self.call(slot, callback, EventRef::Timer(&view), 0, true, out);
    }

    /// Brings a slot's view up to date.
    pub(super) fn refresh(&mut self, slot: u8, current: u32) {
        let Some(cell) = &mut self.slots[usize::from(slot)] else { return };
        cell.view.time_ns = self.time_ns;
        cell.view.fuel = cell.record.fuel.min(i64::MAX as u64) as i64;
        cell.view.current = current;
        cell.view.intents_count = 0;
        let mut touched = cell.touched;
        cell.touched = 0;
        while touched != 0 {
            let index = touched.trailing_zeros() as usize;
            touched &= touched - 1;
            if index >= cell.listings_count {
                break;
            }
            let listing = &self.listings[usize::from(cell.listings[index])];
            let flags = listing.flags(&self.venues[usize::from(listing.venue)]);
            let view = &mut cell.view.listings[index];
            view.bid_nanos = listing.view.bids[0].price_nanos;
            view.bid_lots = listing.view.bids[0].lots;
            view.ask_nanos = listing.view.asks[0].price_nanos;
            view.ask_lots = listing.view.asks[0].lots;
            view.flags = flags;
        }
        let mut touched = cell.consolidated_touched;
        cell.consolidated_touched = 0;
        while touched != 0 {
            let index = touched.trailing_zeros() as usize;
            touched &= touched - 1;
            let listing = &self.listings[usize::from(cell.listings[index])];
            cell.view.consolidated[index] = self.consolidations.top(listing.consolidated_cell);
        }
        if cell.orders_changed {
            cell.orders_changed = false;
            sum_open(cell);
        }
        if cell.exposures_seen != self.exposures {
            cell.exposures_seen = self.exposures;
            for index in 0..cell.listings_count {
                let binding = cell.bindings[index];
                if binding == risk::Binding(0) {
                    continue; // It is only watched, by an account that the limits do not know.
                }
                let view = &mut cell.view.listings[index];
                let mark_nanos = self.marks[view.instrument as usize];
                let price_nanos = if mark_nanos == 0 { UNDEF_PRICE } else { mark_nanos };
                (view.headroom_buy_lots, view.headroom_sell_lots) = self.limits.headroom_at(binding, price_nanos);
                view.position_lots = self.limits.account_position(binding);
            }
        }
        if cell.looks {
            self.refresh_looked_at(slot);
        }
    }

    /// Shows an order in its slot's view; takes it out when it has ended.
    pub(super) fn show_order(&mut self, place: u32) {
        let order = self.orders.get(place);
        let Some(Some(cell)) = self.slots.get_mut(usize::from(order.slot)) else { return };
        cell.orders_changed = true;
        let at = cell.working[..cell.working_count].iter().position(|working| *working == place);
        if order.ended.is_some() {
            let Some(at) = at else { return };
            cell.working_count -= 1;
            cell.working[at] = cell.working[cell.working_count];
            cell.view.working[at] = cell.view.working[cell.working_count];
            cell.view.queues[at] = cell.view.queues[cell.working_count];
            cell.queued_at[at] = cell.queued_at[cell.working_count];
            cell.view.working_count = cell.working_count as u32;
            return;
        }
        let at = match at {
            Some(at) => at,
            // An order that came back to life finds its slot full: it is held and reported, but not shown.
            None if cell.working_count == WORKING_MAX => return,
            None => {
                cell.working[cell.working_count] = place;
                cell.working_count += 1;
                cell.view.working_count = cell.working_count as u32;
                cell.working_count - 1
            }
        };
        let key = usize::from(order.venue) * (self.config.instruments_max + 1) + order.instrument as usize;
        let listing = cell.index_of(self.listing_of[key]).unwrap_or(0);
        let replacing = order.pending_id != 0;
        cell.view.working[at] = WorkingOrder {
            order_id: order.owner.order_id,
            price_nanos: order.price_nanos,
            lots: order.lots,
            leaves_lots: order.leaves_lots,
            pending_nanos: if replacing { order.pending_price_nanos } else { UNDEF_PRICE },
            listing: listing as u32,
            side: u32::from(order.side.code()),
            state: u32::from(order.state().code()),
            time_in_force: u32::from(order.time_in_force),
        };
    }
}

fn sum_open(cell: &mut SlotCell) {
    let mut open = [[0_i64; 2]; records::LISTINGS_MAX];
    for order in &cell.view.working[..cell.working_count] {
        if let Some(sums) = open.get_mut(order.listing as usize) {
            let side = usize::from(order.side != u32::from(Side::Buy.code()));
            sums[side] = sums[side].saturating_add(order.leaves_lots);
        }
    }
    for (view, sums) in cell.view.listings.iter_mut().zip(open) {
        [view.open_buy_lots, view.open_sell_lots] = sums;
    }
}
