//! From what a strategy wants to a command that left: checks of form, venue state, risk; then hold, then send.
//!
//! Invariant: exposure is held before a command exists for anyone else. Cancels are never refused for risk; one that cannot
//! be sent now and is owed (kill, disabled slot) is sent as soon as it can be.

use records::{
    CancelOrder, INTENT_QUOTE, Intent, IntentKind, LOTS_MAX, MoneyNanos, NewOrder, OrderIntent, OrderState, OrderType,
    OrderView, Owner, Reason, RejectCode, ReplaceOrder, RiskReject, Side, SlotRun, TimeInForce, UNDEF_PRICE,
    WORKING_MAX,
};
use risk::{Binding, Hold, Refusal};

use super::{Engine, Told, absent};
use crate::orders::Order;
use crate::outbox::{Outbox, Stage};

/// A refusal of the engine itself, where no limit is concerned.
pub(super) fn refusal(code: RejectCode) -> Refusal {
    Refusal { code, limit: 0, node: 0, bound: 0, observed: 0, reference_nanos: UNDEF_PRICE }
}

impl Engine {
    /// Takes one intent of a slot; `false` when the slot is disabled for it.
    pub(super) fn intend(&mut self, slot: u8, intent: &OrderIntent, feedback: bool, out: &mut dyn Outbox) -> bool {
        if intent.intent & INTENT_QUOTE != 0 {
            return self.intend_quote(slot, intent, feedback, out);
        }
        let outcome = match u8::try_from(intent.intent).ok().and_then(IntentKind::from_code) {
            Some(IntentKind::New) => self.intend_new(slot, intent, None, out),
            Some(IntentKind::Replace) => self.intend_replace(slot, intent, out),
            Some(IntentKind::Cancel) => self.intend_cancel(slot, intent, out),
            Some(IntentKind::CancelSide) => self.intend_cancel_side(slot, intent, out),
            Some(IntentKind::CancelAll) => {
                self.cancel_slot_softly(slot, None, None, out);
                Ok(())
            }
            Some(IntentKind::Signal) => self.intend_signal(slot, intent, out),
            Some(IntentKind::Leg) => self.intend_leg(slot, intent),
            Some(IntentKind::MultiLeg) => self.intend_multi_leg(slot, intent, feedback, out),
            None => Err(refusal(RejectCode::BadIntent)),
        };
        match outcome {
            Ok(()) => true,
            Err(refusal) => {
                // A flood is not answered: the answer would be the next drop of it.
                let feedback = feedback && refusal.code != RejectCode::SignalFlood;
                self.refuse(slot, intent, &refusal, feedback, out);
                self.goes_on_after_refusal(slot, out)
            }
        }
    }

    /// An intent of a strategy in its own process.
    pub(super) fn on_intent_record(&mut self, record: &Intent, out: &mut dyn Outbox) {
        let listing = self.listing(record.header.venue, record.header.instrument);
        let Some(Some(cell)) = self.slots.get(usize::from(record.slot)) else {
            self.statistics.unused += 1;
            return;
        };
        let index = listing.and_then(|listing| cell.index_of(listing));
        let intent = OrderIntent {
            order_id: record.order_id,
            price_nanos: record.price_nanos,
            lots: record.lots,
            display_lots: record.display_lots,
            expire_time_ns: record.expire_time_ns,
            intent: u32::from(record.intent) | if record.quote == 1 { INTENT_QUOTE } else { 0 },
            listing: index.map_or(u32::MAX, |index| index as u32),
            side: u32::from(record.side),
            order_type: u16::from(record.order_type),
            time_in_force: record.time_in_force,
            post_only: record.post_only,
        };
        let only_cancels = (IntentKind::Cancel.code()..=IntentKind::CancelAll.code()).contains(&record.intent);
        if (cell.run != SlotRun::Running || cell.record.origin != 0) && !only_cancels {
            self.refuse(record.slot, &intent, &refusal(RejectCode::SlotStopped), false, out);
            return;
        }
        self.intend(record.slot, &intent, true, out);
        self.end_quote_sets(record.slot, out);
    }

    /// A new order; `instead_of`: an order that is cancelled as soon as it is sure that the new one goes.
    pub(super) fn intend_new(
        &mut self,
        slot: u8,
        intent: &OrderIntent,
        instead_of: Option<u32>,
        out: &mut dyn Outbox,
    ) -> Result<(), Refusal> {
        let Some(cell) = &self.slots[usize::from(slot)] else { return Err(refusal(RejectCode::SlotStopped)) };
        let index = intent.listing as usize;
        if index >= cell.listings_count {
            return Err(refusal(RejectCode::UnknownInstrument));
        }
        let (place, binding) = (cell.listings[index], cell.bindings[index]);
        let working_count = cell.working_count;
        if cell.view.listings[index].watch_only == 1 || binding == Binding(0) {
            return Err(refusal(RejectCode::UnknownInstrument));
        }
        let side = u8::try_from(intent.side).ok().and_then(Side::from_code);
        let (Some(side), true) = (side, is_well_formed(intent)) else { return Err(refusal(RejectCode::BadIntent)) };
        self.can_trade(place, intent.time_in_force)?;
        if working_count == WORKING_MAX || !self.orders.has_room() {
            return Err(refusal(RejectCode::Capacity));
        }
        let mut command = self.new_order(slot, place, intent);
        let reference = self.reference(place);
        self.limits.protect(binding, &mut command, self.time_ns, &reference)?;
        let hold = match self.limits.check_new(binding, &command, self.time_ns, &reference) {
            Err(refusal) if refusal.code == RejectCode::SelfTrade => {
                self.prevent_self_trade(binding, &mut command, &reference, out)?
            }
            checked => checked?,
        };
        out.stage(Stage::RiskPassed);
        if let Some(former) = instead_of {
            self.cancel(former, Reason::UserRequested, false, out);
        }
        command.quote = self.joins_set(command.header.venue);
        self.send_new(command, side, hold, out);
        Ok(())
    }

    /// Sends a new order that is held; its id.
    pub(super) fn send_new(&mut self, mut command: NewOrder, side: Side, hold: Hold, out: &mut dyn Outbox) -> u64 {
        command.owner.order_id = self.use_order_id();
        let order = Order { asked_ns: self.time_ns, ..Order::new(&command, side) };
        let order = self.orders.insert(order, hold);
        self.order_goes(command.header.venue);
        self.exposures += 1;
        self.statistics.orders += 1;
        self.hash_cell(order);
        self.show_order(order);
        self.send(command, out);
        command.owner.order_id
    }

    /// Whether new exposure can go to a listing now.
    fn can_trade(&mut self, place: u16, time_in_force: u8) -> Result<(), Refusal> {
        self.can_trade_beside(place, time_in_force, 0)
    }

    /// The same, together with so many other new orders for its venue.
    pub(super) fn can_trade_beside(&mut self, place: u16, time_in_force: u8, others: usize) -> Result<(), Refusal> {
        let listing = &self.listings[usize::from(place)];
        let venue = &self.venues[usize::from(listing.venue)];
        if !venue.up {
            return Err(refusal(RejectCode::GatewayNotReady));
        }
        let at_auction = time_in_force >= TimeInForce::AtOpen.code();
        if !listing.tradable(venue) && !listing.collects(venue, at_auction) {
            return Err(refusal(RejectCode::Halted));
        }
        if !venue.guard.passes_beside(self.time_ns, others) {
            let venue = listing.venue;
            return Err(self.guarded(venue));
        }
        Ok(())
    }

    pub(super) fn owner(&self, slot: u8, order_id: u64) -> Owner {
        let mut owner = Owner::zeroed();
        owner.order_id = order_id;
        owner.firm = self.identity.firm;
        owner.shard = self.identity.shard;
        owner.epoch = self.identity.epoch;
        if let Some(Some(cell)) = self.slots.get(usize::from(slot)) {
            owner.strategy = cell.record.strategy;
            owner.trader = cell.record.trader;
            owner.account = cell.record.account;
            owner.desk = cell.record.desk as u16;
            owner.slot_version = cell.record.slot_version;
        }
        owner
    }

    pub(super) fn new_order(&self, slot: u8, place: u16, intent: &OrderIntent) -> NewOrder {
        let listing = &self.listings[usize::from(place)];
        let mut command = NewOrder::new();
        command.header.venue = listing.venue;
        command.header.instrument = listing.instrument;
        command.owner = self.owner(slot, self.next_order_id());
        command.price_nanos = intent.price_nanos;
        command.lots = intent.lots;
        command.display_lots = intent.display_lots;
        command.expire_time_ns = intent.expire_time_ns;
        command.side = intent.side as u8;
        command.order_type = intent.order_type as u8;
        command.time_in_force = intent.time_in_force;
        command.post_only = intent.post_only;
        command.self_trade = self.slots[usize::from(slot)].as_ref().map_or(0, |cell| cell.record.self_trade);
        command.slot = slot;
        command
    }

    /// The slot's order that an intent names.
    fn named(&self, slot: u8, order_id: u64) -> Result<u32, Refusal> {
        let place = self.orders.find(order_id).ok_or(refusal(RejectCode::UnknownOrder))?;
        let order = self.orders.get(place);
        if order.slot != slot || order.ended.is_some() {
            return Err(refusal(RejectCode::UnknownOrder));
        }
        Ok(place)
    }

    fn intend_replace(&mut self, slot: u8, intent: &OrderIntent, out: &mut dyn Outbox) -> Result<(), Refusal> {
        let place = self.named(slot, intent.order_id)?;
        let order = *self.orders.get(place);
        let busy = order.state() != OrderState::Live && !self.was_pulled_for_a_quote(&order);
        if busy || self.multi_legs.find(order.owner.parent_id).is_some() {
            return Err(refusal(RejectCode::OrderBusy)); // A multi-leg order moves its legs itself.
        }
        let in_range = (1..=LOTS_MAX).contains(&intent.lots) && (0..=intent.lots).contains(&intent.display_lots);
        if absent(intent.price_nanos) || absent(order.price_nanos) || !in_range || intent.lots <= order.filled_lots {
            return Err(refusal(RejectCode::BadIntent));
        }
        let listing = self.listing(order.venue, order.instrument).ok_or(refusal(RejectCode::UnknownInstrument))?;
        if self.is_requoted(&order, intent) {
            return self.requote(place, listing, intent, out);
        }
        self.can_trade(listing, order.time_in_force)?;
        self.check_replace(place, &order, intent, listing)?;
        out.stage(Stage::RiskPassed);
        let id = self.use_order_id();
        let mut command = ReplaceOrder::new();
        command.header.venue = order.venue;
        command.header.instrument = order.instrument;
        command.owner = Owner { order_id: id, epoch: self.identity.epoch, ..order.owner };
        command.original_id = order.owner.order_id;
        command.price_nanos = intent.price_nanos;
        command.lots = intent.lots;
        command.display_lots = intent.display_lots;
        command.side = order.side.code();
        command.time_in_force = order.time_in_force;
        command.post_only = order.post_only;
        command.slot = slot;
        let gone = self.orders.get_mut(place).replace_sent(id, intent.price_nanos, intent.lots);
        self.orders.get_mut(place).asks(self.time_ns);
        self.order_goes(order.venue);
        self.orders.add_id(place, id, gone);
        self.exposures += 1;
        self.statistics.replaces += 1;
        self.hash_cell(place);
        self.show_order(place);
        self.send(command, out);
        Ok(())
    }

    /// Risk's word on a replace; where it may cross an order of our own, after a look at those.
    fn check_replace(&mut self, place: u32, order: &Order, intent: &OrderIntent, listing: u16) -> Result<(), Refusal> {
        let reference = self.reference(listing);
        let (now_ns, filled_lots, price_nanos) = (self.time_ns, order.filled_lots, intent.price_nanos);
        let cell = self.slots[usize::from(order.slot)].as_ref();
        let guarded = cell.is_some_and(|cell| cell.record.self_trade != 0);
        let hold = self.orders.hold_mut(place);
        let checked =
            self.limits.check_replace(hold, intent.lots, filled_lots, price_nanos, guarded, now_ns, &reference);
        match checked {
            Err(refusal) if refusal.code == RejectCode::SelfTrade => {}
            checked => return checked,
        }
        if let Some(refusal) = self.replace_crosses(order, price_nanos) {
            return Err(refusal);
        }
        let hold = self.orders.hold_mut(place);
        self.limits.check_replace(hold, intent.lots, filled_lots, price_nanos, false, now_ns, &reference)
    }

    fn intend_cancel(&mut self, slot: u8, intent: &OrderIntent, out: &mut dyn Outbox) -> Result<(), Refusal> {
        let place = self.named(slot, intent.order_id)?;
        if self.orders.get(place).cancel_sent {
            return Err(refusal(RejectCode::OrderBusy));
        }
        self.cancel(place, Reason::UserRequested, false, out);
        Ok(())
    }

    fn intend_cancel_side(&mut self, slot: u8, intent: &OrderIntent, out: &mut dyn Outbox) -> Result<(), Refusal> {
        let side = match intent.side {
            0 => None,
            code => Some(u8::try_from(code).ok().and_then(Side::from_code).ok_or(refusal(RejectCode::BadIntent))?),
        };
        let listings_count = self.slots[usize::from(slot)].as_ref().map_or(0, |cell| cell.listings_count);
        if intent.listing as usize >= listings_count {
            return Err(refusal(RejectCode::UnknownInstrument));
        }
        self.cancel_slot_softly(slot, Some(intent.listing), side, out);
        Ok(())
    }

    /// Cancels the slot's orders that match and are not being cancelled already.
    fn cancel_slot_softly(&mut self, slot: u8, listing: Option<u32>, side: Option<Side>, out: &mut dyn Outbox) {
        let Some(cell) = &self.slots[usize::from(slot)] else { return };
        let (working, count) = (cell.working, cell.working_count);
        let place_of = listing.map(|index| cell.listings[index as usize]);
        for place in &working[..count] {
            let order = self.orders.get(*place);
            let there = place_of.is_none() || self.listing(order.venue, order.instrument) == place_of;
            if there && side.is_none_or(|side| order.side == side) {
                self.cancel(*place, Reason::UserRequested, false, out);
            }
        }
    }

    /// Cancels all of a slot's orders and sees to it that they go.
    pub(super) fn cancel_slot(&mut self, slot: u8, reason: Reason, out: &mut dyn Outbox) {
        let Some(cell) = &self.slots[usize::from(slot)] else { return };
        let (working, count) = (cell.working, cell.working_count);
        for place in &working[..count] {
            self.cancel(*place, reason, true, out);
        }
        self.stop_multi_legs(slot, out);
    }

    /// Cancels all of a slot's orders, those too that it is known to have asked to cancel: nobody may have heard it.
    pub(super) fn cancel_again(&mut self, slot: u8, out: &mut dyn Outbox) {
        let Some(cell) = &self.slots[usize::from(slot)] else { return };
        let (working, count) = (cell.working, cell.working_count);
        for place in &working[..count] {
            self.orders.get_mut(*place).cancel_sent = false;
        }
        self.cancel_slot(slot, Reason::Risk, out);
    }

    /// Asks the venue to cancel. `owed`: it is asked again until the order is gone or the venue refuses.
    pub(super) fn cancel(&mut self, place: u32, reason: Reason, owed: bool, out: &mut dyn Outbox) {
        let order = self.orders.get_mut(place);
        if order.ended.is_some() {
            return;
        }
        if owed {
            order.cancel_owed = reason.code();
        }
        if order.cancel_sent {
            return;
        }
        let venue = self.venues.get(usize::from(order.venue));
        if venue.is_none_or(|venue| !venue.up) {
            // With the session down the gateway cannot carry it: it is owed until the session is back.
            order.cancel_owed = reason.code();
            return;
        }
        self.send_cancel(place, 0, reason, out);
    }

    /// Asks the venue to leave an order so many lots in all, 0: none.
    pub(super) fn send_cancel(&mut self, place: u32, total_lots: i64, reason: Reason, out: &mut dyn Outbox) {
        let order = self.orders.get_mut(place);
        order.cancel_sent = true;
        order.asks(self.time_ns);
        let order = *order;
        let quote = self.joins_set(order.venue);
        let mut command = CancelOrder::new();
        command.header.venue = order.venue;
        command.header.instrument = order.instrument;
        command.owner = Owner { epoch: self.identity.epoch, ..order.owner };
        command.lots = total_lots;
        command.reason = reason.code();
        (command.slot, command.quote) = (order.slot, quote);
        self.limits.count_cancel(self.orders.hold(place).binding(), self.time_ns);
        self.statistics.cancels += 1;
        self.hash_cell(place);
        self.show_order(place);
        self.send(command, out);
    }

    /// Sends the cancels that are owed and could not be sent before.
    pub(super) fn send_owed_cancels(&mut self, out: &mut dyn Outbox) {
        // Cancelling ends no order, so the list stands still.
        for at in 0..self.orders.live().len() {
            let place = self.orders.live()[at];
            let order = self.orders.get(place);
            if let Some(reason) = Reason::from_code(order.cancel_owed)
                && !order.cancel_sent
            {
                self.cancel(place, reason, true, out);
            }
        }
    }

    pub(super) fn refuse(
        &mut self,
        slot: u8,
        intent: &OrderIntent,
        refusal: &Refusal,
        feedback: bool,
        out: &mut dyn Outbox,
    ) {
        self.statistics.refused += 1;
        let no_order = [IntentKind::New, IntentKind::Leg, IntentKind::MultiLeg].map(|kind| u32::from(kind.code()));
        let is_new = no_order.contains(&intent.intent);
        let (mut venue, mut instrument) = (0, 0);
        if let Some(cell) = &self.slots[usize::from(slot)]
            && (intent.listing as usize) < cell.listings_count
        {
            let listing = &self.listings[usize::from(cell.listings[intent.listing as usize])];
            (venue, instrument) = (listing.venue, listing.instrument);
        }
        let mut record = RiskReject::new();
        record.header.venue = venue;
        record.header.instrument = instrument;
        let id = if is_new { self.next_order_id() } else { intent.order_id };
        record.owner = self.owner(slot, id);
        record.bound = MoneyNanos::new(refusal.bound);
        record.observed = MoneyNanos::new(refusal.observed);
        record.reference_nanos = refusal.reference_nanos;
        record.price_nanos = intent.price_nanos;
        record.lots = intent.lots;
        record.time_ns = self.time_ns;
        record.limit = refusal.limit;
        record.node = refusal.node;
        record.slot = slot;
        record.code = refusal.code.code();
        record.side = intent.side as u8;
        record.intent = intent.intent as u8;
        self.say(record, out);
        let hears =
            self.slots.get(usize::from(slot)).and_then(Option::as_ref).is_some_and(|cell| cell.wants.order_calls);
        if !feedback || !hears {
            return;
        }
        let mut view = OrderView::zeroed();
        view.time_ns = self.time_ns;
        view.order_id = if is_new { 0 } else { intent.order_id };
        view.price_nanos = intent.price_nanos;
        view.lots = intent.lots;
        view.instrument = instrument;
        view.venue = u32::from(venue);
        view.listing = if instrument == 0 { 0 } else { intent.listing };
        view.side = intent.side;
        view.state = match self.orders.find(view.order_id) {
            Some(place) if !is_new => u32::from(self.orders.get(place).state().code()),
            _ => u32::from(OrderState::Rejected.code()),
        };
        view.reason = u32::from(refusal.code.code());
        view.limit = refusal.limit;
        self.enqueue(slot, Told::Order(view));
    }
}

/// Whether type, price, lots and time in force of a new order fit together. The lot and the tick are risk's.
pub(super) fn is_well_formed(intent: &OrderIntent) -> bool {
    let order_type = u8::try_from(intent.order_type).ok().and_then(OrderType::from_code);
    let priced = match order_type {
        Some(OrderType::Limit) => !absent(intent.price_nanos),
        Some(OrderType::Market) => absent(intent.price_nanos),
        None => false,
    };
    let lived = match TimeInForce::from_code(intent.time_in_force) {
        Some(TimeInForce::GoodTillTime) => intent.expire_time_ns > 0,
        Some(_) => true,
        None => false,
    };
    let sized = (1..=LOTS_MAX).contains(&intent.lots) && (0..=intent.lots).contains(&intent.display_lots);
    priced && lived && sized && intent.post_only <= 1
}
