//! What venues and gateways say of orders: booked at once, held or released, told to whom it concerns.
//!
//! Invariant: a fill is booked once and always, even when nothing fits it; a difference is a break that someone sees; a
//! hold is let go only as far as the venue or the gateway has said.

use records::broken::{Variant, is_broken};
use records::{
    Break, BreakKind, DayRoll, FillView, LOTS_MAX, NewOrder, OrderEvent, OrderEventKind, OrderState, Owner, Reason,
    Session, SessionState, Side, TimeInForce, UNDEF_PRICE,
};
use risk::{Binding, Hold};

use super::{Engine, Told, absent};
use crate::executions::{Execution, Key};
use crate::orders::{Order, Step};
use crate::outbox::Outbox;

/// A trade to book.
#[derive(Clone, Copy)]
struct Booking {
    owner: Owner,
    venue: u16,
    instrument: u32,
    slot: u8,
    side: Side,
    lots: i64,
    price_nanos: i64,
    fee_nanos: i64,
}

impl Engine {
    pub(super) fn on_order_event(&mut self, event: &OrderEvent, out: &mut dyn Outbox) {
        let Some(kind) = OrderEventKind::from_code(event.event) else {
            self.statistics.unreadable += 1;
            return;
        };
        self.look_for_fence(event);
        let known = [event.lots, event.leaves_lots.max(0), event.cumulative_lots.max(0)];
        let trades = matches!(kind, OrderEventKind::Filled | OrderEventKind::Corrected);
        let whole = !trades || (event.lots > 0 && !absent(event.price_nanos));
        if known.iter().any(|lots| !(0..=LOTS_MAX).contains(lots)) || !whole {
            // Nothing in it can be believed.
            self.tell_break(event, event.owner, (BreakKind::ImpossibleTransition, event.lots, 0), out);
            return;
        }
        if kind != OrderEventKind::NotSent {
            self.session_spoke(event.header.venue);
        }
        let place = self.orders.find(event.owner.order_id).or_else(|| self.orders.find(event.original_id));
        match (kind, place) {
            (OrderEventKind::Broken | OrderEventKind::Corrected, _) => {
                self.on_execution_changed(event, kind, place, out)
            }
            (OrderEventKind::Filled, _) if self.was_booked(event, place, out) => {}
            (_, Some(place)) => self.on_known(place, event, kind, out),
            (OrderEventKind::Filled, None) => self.on_stray_fill(event, out),
            (_, None) => self.on_stray(event, kind, out),
        }
    }

    fn on_known(&mut self, place: u32, event: &OrderEvent, kind: OrderEventKind, out: &mut dyn Outbox) {
        if kind == OrderEventKind::Replaced {
            self.remember_replace(place, event, out);
        }
        let order = self.orders.get_mut(place);
        let before = order.state();
        let was_ended = order.ended.is_some();
        let (asked_ns, was_acknowledged) = (order.asked_ns, order.acknowledged);
        let step = order.step(event, kind);
        order.hears(kind, self.time_ns);
        let order = *order;
        if step.repeated {
            self.statistics.repeated += 1;
            return;
        }
        if let Some(found) = step.found {
            self.tell_break(event, order.owner, found, out);
        }
        self.move_hold(place, &step, event.price_nanos);
        if step.filled > 0 {
            self.on_booked_fill(place, event, step.filled, out);
        }
        if step.closed {
            assert!(!was_ended && order.ended.is_some());
            self.orders.end(place);
        }
        self.hash_cell(place);
        self.show_order(place);
        let state = order.state();
        if step.told && (step.filled == 0 || state != before) {
            self.tell_order(place, event.event, event.reason);
        }
        if asked_ns != 0 && (kind != OrderEventKind::Filled || !was_acknowledged) {
            self.time_answer((order.venue, order.instrument), event, asked_ns);
            self.answered(order.venue, event, kind, asked_ns, out);
        }
        if matches!(kind, OrderEventKind::Rejected | OrderEventKind::ReplaceRejected | OrderEventKind::NotSent) {
            self.goes_on_after_refusal(order.slot, out);
        }
        if step.reopened.is_some() {
            self.pull_if_killed(place, out);
        }
        let asked_again = step.replaced.is_some() || step.reopened.is_some();
        if let Some(reason) = Reason::from_code(order.cancel_owed)
            && asked_again
        {
            self.cancel(place, reason, true, out);
        }
        if order.owner.parent_id != 0 {
            self.leg_moved(place, out);
        }
    }

    /// A replace that an earlier life asked for, whose journal is lost: it is taken for asked, with its hold, before its answer is
    /// heard; else what replaced it in turn, trades of it and its end would find nothing, and the order would stay open for ever.
    fn remember_replace(&mut self, place: u32, event: &OrderEvent, out: &mut dyn Outbox) {
        let id = event.owner.order_id;
        let order = *self.orders.get(place);
        if !order.is_replaced_unasked(event) || self.has_given(id) || self.orders.find(id).is_some() {
            return;
        }
        let open = if event.leaves_lots >= 0 { event.leaves_lots } else { event.lots - order.filled_lots };
        let price_nanos = if absent(event.price_nanos) { order.price_nanos } else { event.price_nanos };
        if open < 0 || absent(price_nanos) {
            return;
        }
        self.tell_break(event, order.owner, (BreakKind::UnknownOrder, event.lots, order.leaves_lots), out);
        self.limits.adopt_replace(self.orders.hold_mut(place), open, price_nanos);
        let gone = self.orders.get_mut(place).replace_sent(id, price_nanos, order.filled_lots + open);
        self.orders.add_id(place, id, gone);
        self.exposures += 1;
    }

    /// Carries a step over to the order's hold.
    fn move_hold(&mut self, place: u32, step: &Step, price_nanos: i64) {
        let order = *self.orders.get(place);
        if let Some(leaves) = step.reopened {
            let binding = self.orders.hold(place).binding();
            let price_nanos = if absent(order.price_nanos) { self.mark(order.instrument) } else { order.price_nanos };
            let hold = self.limits.adopt_order(binding, order.side, leaves, price_nanos);
            self.orders.reopen(place, hold);
        }
        let hold = self.orders.hold_mut(place);
        if let Some((leaves, unbooked)) = step.replaced {
            self.limits.on_replaced(hold, leaves, unbooked);
        }
        if step.replace_rejected {
            self.limits.on_replace_rejected(hold);
        }
        if step.reduced > 0 {
            self.limits.on_reduced(hold, step.reduced);
        }
        if step.filled > 0 && step.closed {
            self.limits.on_last_fill(hold, step.filled, price_nanos, order.unbooked_lots);
        } else if step.filled > 0 {
            self.limits.on_fill(hold, step.filled, price_nanos);
        } else if step.closed {
            self.limits.on_closed(hold, order.unbooked_lots);
        }
        self.exposures += 1;
    }

    fn key_of(event: &OrderEvent, order: Option<&Order>) -> Option<Key> {
        let side = Side::from_code(event.side).or(order.map(|order| order.side))?;
        let venue = order.map_or(event.header.venue, |order| order.venue);
        let instrument = order.map_or(event.header.instrument, |order| order.instrument);
        Some(Key { execution_id: event.execution_id, instrument, venue, side })
    }

    /// Whether this execution is booked already; then it is a repetition, and a break unless the venue says so itself.
    fn was_booked(&mut self, event: &OrderEvent, place: Option<u32>, out: &mut dyn Outbox) -> bool {
        let order = place.map(|place| self.orders.get(place));
        let Some(key) = Self::key_of(event, order) else { return false };
        if event.execution_id == 0 {
            return false;
        }
        let Some(booked) = self.executions.find(key) else { return false };
        let booked = *self.executions.get_mut(booked);
        if booked.generation != self.generation(key.venue) {
            // Told by a session that is no more. Only its own words, said again of the same order, are a repetition.
            let same_order = booked.owner.order_id == event.owner.order_id
                || (place.is_some() && self.orders.find(booked.owner.order_id) == place);
            let again = event.possible_duplicate == 1 && booked.is_told_as(event.lots, event.price_nanos);
            if !(same_order && again) {
                return false;
            }
        }
        self.statistics.repeated += 1;
        if event.possible_duplicate != 1 || !booked.is_told_as(event.lots, event.price_nanos) {
            self.tell_break(event, booked.owner, (BreakKind::DuplicateExecution, event.lots, booked.lots), out);
        }
        true
    }

    fn generation(&self, venue: u16) -> u16 {
        self.venues.get(usize::from(venue)).map_or(0, |cell| cell.generation)
    }

    /// Books a fill of a known order and queues it for its slot.
    fn on_booked_fill(&mut self, place: u32, event: &OrderEvent, lots: i64, out: &mut dyn Outbox) {
        let order = *self.orders.get(place);
        let booking = Booking {
            owner: order.owner,
            venue: order.venue,
            instrument: order.instrument,
            slot: order.slot,
            side: order.side,
            lots,
            price_nanos: event.price_nanos,
            fee_nanos: event.fee_nanos,
        };
        self.book(booking, event.execution_id, out);
        self.tell_fill(&order, event, (lots, event.price_nanos), false);
    }

    fn book(&mut self, booking: Booking, execution_id: u64, out: &mut dyn Outbox) {
        self.statistics.fills += 1;
        if execution_id != 0 {
            self.executions.enter(Execution {
                execution_id,
                owner: booking.owner,
                price_nanos: booking.price_nanos,
                lots: booking.lots,
                first_price_nanos: booking.price_nanos,
                first_lots: booking.lots,
                generation: self.generation(booking.venue),
                changed_by: 0,
                instrument: booking.instrument,
                venue: booking.venue,
                side: booking.side,
                slot: booking.slot,
                broken: false,
            });
        }
        self.book_trade(booking, 1, out);
    }

    /// Changes the position: `direction` −1 takes a trade back.
    fn book_trade(&mut self, booking: Booking, direction: i64, out: &mut dyn Outbox) {
        let units_e8 = self.units_e8(booking.instrument);
        let mark_nanos = self.mark(booking.instrument);
        let time_ns = self.time_ns;
        let cell = self.positions.cell(booking.owner.account, booking.instrument, units_e8);
        cell.trade(booking.side.sign() * direction * booking.lots, booking.price_nanos);
        let today = if booking.side == Side::Buy { &mut cell.bought_lots } else { &mut cell.sold_lots };
        *today = today.saturating_add(direction * booking.lots);
        if booking.fee_nanos != 0 {
            cell.fee(booking.fee_nanos);
        }
        if mark_nanos != 0 {
            cell.mark_nanos = mark_nanos;
        }
        cell.strategy = booking.owner.strategy;
        cell.slot = booking.slot;
        cell.told_mark_nanos = cell.mark_nanos;
        let cell = *cell;
        cell.hash(&mut self.hash);
        self.exposures += 1;
        self.say(cell.record(booking.venue, time_ns), out);
    }

    fn tell_fill(&mut self, order: &Order, event: &OrderEvent, (lots, price_nanos): (i64, i64), broken: bool) {
        let Some(Some(cell)) = self.slots.get(usize::from(order.slot)) else { return };
        if !cell.wants.fill_calls {
            return;
        }
        let listing = self.listing(order.venue, order.instrument).and_then(|listing| cell.index_of(listing));
        let mut view = FillView::zeroed();
        view.time_ns = self.time_ns;
        view.order_id = order.owner.order_id;
        view.execution_id = event.execution_id;
        view.price_nanos = price_nanos;
        view.lots = lots;
        view.leaves_lots = order.leaves_lots;
        view.position_lots = self.positions.lots(order.owner.account, order.instrument);
        view.instrument = order.instrument;
        view.venue = u32::from(order.venue);
        view.listing = listing.unwrap_or(0) as u32;
        view.side = u32::from(order.side.code());
        view.liquidity = u32::from(event.liquidity);
        view.broken = u32::from(broken);
        self.enqueue(order.slot, Told::Fill(view));
    }

    fn tell_break(&mut self, event: &OrderEvent, owner: Owner, found: (BreakKind, i64, i64), out: &mut dyn Outbox) {
        self.statistics.breaks += 1;
        let mut record = Break::new();
        record.header.venue = event.header.venue;
        record.header.instrument = event.header.instrument;
        record.owner = owner;
        record.execution_id = event.execution_id;
        (record.kind, record.venue_lots, record.our_lots) = (found.0.code(), found.1, found.2);
        record.price_nanos = event.price_nanos;
        record.time_ns = self.time_ns;
        record.input = self.input;
        record.event = event.event;
        self.say(record, out);
    }

    fn binding_for(&mut self, owner: &Owner, venue: u16, instrument: u32) -> Option<Binding> {
        match self.limits.bind(owner.account, owner.trader, venue, instrument) {
            Ok(binding) => Some(binding),
            // Nobody's as far as we know, and the firm's all the same.
            Err(_) => self.limits.bind_unassigned(venue, instrument).ok(),
        }
    }

    /// A fill of an order that we do not know: the venue is right, so it is booked, to the account that it names.
    fn on_stray_fill(&mut self, event: &OrderEvent, out: &mut dyn Outbox) {
        self.tell_break(event, event.owner, (BreakKind::UnknownOrder, event.lots, 0), out);
        let Some(side) = Side::from_code(event.side) else { return };
        let (venue, instrument) = (event.header.venue, event.header.instrument);
        if let Some(binding) = self.binding_for(&event.owner, venue, instrument) {
            let mut hold = self.limits.adopt_order(binding, side, event.lots, event.price_nanos);
            self.limits.on_fill(&mut hold, event.lots, event.price_nanos);
            self.limits.on_closed(&mut hold, 0);
        }
        let booking = Booking {
            owner: event.owner,
            venue,
            instrument,
            slot: 0,
            side,
            lots: event.lots,
            price_nanos: event.price_nanos,
            fee_nanos: event.fee_nanos,
        };
        self.book(booking, event.execution_id, out);
    }

    /// Any other report of an order that we do not know. One that is alive is adopted, with its hold.
    fn on_stray(&mut self, event: &OrderEvent, kind: OrderEventKind, out: &mut dyn Outbox) {
        let forgotten = || self.has_given(event.owner.order_id);
        if event.possible_duplicate == 1 && (kind != OrderEventKind::Accepted || forgotten()) {
            self.statistics.repeated += 1;
            return;
        }
        self.tell_break(event, event.owner, (BreakKind::UnknownOrder, event.lots, 0), out);
        let alive = matches!(kind, OrderEventKind::Accepted | OrderEventKind::Replaced) && event.dead != 1;
        let lots = if event.leaves_lots >= 0 { event.leaves_lots } else { event.lots };
        let Some(side) = Side::from_code(event.side) else { return };
        if !alive || lots == 0 || event.owner.order_id == 0 || !self.orders.has_room() {
            return;
        }
        let (venue, instrument) = (event.header.venue, event.header.instrument);
        let Some(binding) = self.binding_for(&event.owner, venue, instrument) else { return };
        let price_nanos = if absent(event.price_nanos) { self.mark(instrument) } else { event.price_nanos };
        let hold: Hold = self.limits.adopt_order(binding, side, lots, price_nanos);
        let mut command = NewOrder::new();
        command.header.venue = venue;
        command.header.instrument = instrument;
        command.owner = event.owner;
        command.price_nanos = event.price_nanos;
        command.lots = lots;
        command.time_in_force = TimeInForce::Day.code();
        let mut order = Order::new(&command, side);
        order.acknowledged = true;
        order.venue_order_ref = event.venue_order_ref;
        let place = self.orders.insert(order, hold);
        self.exposures += 1;
        self.hash_cell(place);
        self.pull_if_killed(place, out);
    }

    /// Carries a bust, or a correction to lots and price, over to the limits.
    fn change_limits(&mut self, was: &Execution, corrected: Option<(i64, i64)>) {
        let Some(binding) = self.binding_for(&was.owner, was.venue, was.instrument) else { return };
        match corrected {
            None => self.limits.on_bust(binding, was.side, was.lots),
            Some((lots, price_nanos)) => {
                self.limits.on_correction(binding, was.side, was.lots, was.price_nanos, lots, price_nanos);
            }
        }
    }

    /// A trade was broken or corrected by its venue.
    fn on_execution_changed(
        &mut self,
        event: &OrderEvent,
        kind: OrderEventKind,
        place: Option<u32>,
        out: &mut dyn Outbox,
    ) {
        if is_broken(Variant::BustsNotBooked) {
            return;
        }
        let order = place.map(|place| *self.orders.get(place));
        let found = match Self::key_of(event, order.as_ref()) {
            Some(key) => self.executions.find(key),
            None => None,
        };
        let Some(found) = found else {
            self.tell_break(event, event.owner, (BreakKind::UnknownExecution, event.lots, 0), out);
            return;
        };
        let entry = self.executions.get_mut(found);
        let was = *entry;
        if was.broken {
            self.statistics.repeated += 1;
            if event.possible_duplicate != 1 {
                self.tell_break(event, was.owner, (BreakKind::DuplicateExecution, event.lots, 0), out);
            }
            return;
        }
        let broken = kind == OrderEventKind::Broken;
        let corrected = (!broken).then_some((event.lots, event.price_nanos));
        if event.possible_duplicate == 1 && was.was_changed_by(event.header.sequence, corrected) {
            self.statistics.repeated += 1;
            return;
        }
        entry.changed_by = event.header.sequence;
        if broken {
            entry.broken = true;
        } else {
            (entry.lots, entry.price_nanos) = (event.lots, event.price_nanos);
        }
        let now_lots = if broken { 0 } else { event.lots };
        self.tell_break(event, was.owner, (BreakKind::Bust, now_lots, was.lots), out);
        let mut booking = Booking {
            owner: was.owner,
            venue: was.venue,
            instrument: was.instrument,
            slot: was.slot,
            side: was.side,
            lots: was.lots,
            price_nanos: was.price_nanos,
            fee_nanos: 0,
        };
        self.change_limits(&was, corrected);
        self.book_trade(booking, -1, out);
        if !broken {
            (booking.lots, booking.price_nanos) = (event.lots, event.price_nanos);
            self.book_trade(booking, 1, out);
        }
        if let Some(place) = place {
            self.orders.get_mut(place).broken_lots += was.lots - now_lots;
            self.hash_cell(place);
            self.leg_moved(place, out);
        }
        if let Some(order) = order {
            self.tell_fill(&order, event, (was.lots, was.price_nanos), true);
            if !broken {
                self.tell_fill(&order, event, (event.lots, event.price_nanos), false);
            }
        }
    }

    pub(super) fn on_session(&mut self, record: &Session, out: &mut dyn Outbox) {
        let venue = record.header.venue;
        let Some(cell) = self.venues.get_mut(usize::from(venue)) else {
            self.statistics.unused += 1;
            return;
        };
        let up = record.state == SessionState::Up.code();
        cell.obeys = cell.obeys.max(u16::try_from(record.epoch).unwrap_or(0));
        if up && record.epoch != 0 && record.epoch < u64::from(self.identity.epoch) {
            // Said to an engine before this one; its gateway has more to say before it obeys this one.
            self.session_spoke(venue);
            return;
        }
        let was_up = cell.up;
        cell.up = up;
        cell.cancel_on_disconnect = record.cancel_on_disconnect;
        cell.quotes = record.quotes == 1;
        let renewed = up && record.renewed == 1;
        cell.generation = cell.generation.wrapping_add(u16::from(renewed));
        cell.guard.session = SessionState::from_code(record.state).unwrap_or(SessionState::Down).code();
        self.session_spoke(venue);
        self.look_for_obedience();
        if up == was_up {
            return;
        }
        self.session_changed(venue, up, out);
        for at in 0..self.orders.live().len() {
            let place = self.orders.live()[at];
            let order = self.orders.get_mut(place);
            if order.venue != venue {
                continue;
            }
            if renewed {
                self.forsake(place, out);
            }
            let order = self.orders.get_mut(place);
            order.asked_ns = 0; // What was asked on a lost connection is answered by the replay, or by nobody.
            // Cancel-on-disconnect is the venue's promise, not a fact: only its reports end an order.
            let certain = if up { order.session_up() } else { !order.session_down() };
            if up && !certain && !order.forsaken {
                self.cancel(place, Reason::Disconnected, true, out);
            }
            if !up && is_broken(Variant::UnknownOrdersReleased) {
                let hold = self.orders.hold_mut(place);
                self.limits.on_reduced(hold, hold.held_lots());
            }
            self.hash_cell(place);
            self.show_order(place);
        }
        if up {
            self.send_owed_cancels(out);
        }
        self.advance_multi_legs(out);
        self.venue_changed(venue, out);
    }

    /// The venue's new session knows nothing of this order: held until someone has looked, or the day ends.
    fn forsake(&mut self, place: u32, out: &mut dyn Outbox) {
        let order = self.orders.get_mut(place);
        order.forsake();
        let order = *order;
        let event = report_of(&order, OrderEventKind::Unknown, Reason::Disconnected);
        self.tell_break(&event, order.owner, (BreakKind::ImpossibleTransition, 0, order.leaves_lots), out);
    }

    pub(super) fn on_day_roll(&mut self, record: &DayRoll, out: &mut dyn Outbox) {
        let day = record.day;
        let forward = day > self.identity.day && day < 1 << 14;
        let outcome = if forward { 1 } else { 2 };
        if forward {
            self.roll_day(day, out);
        }
        self.applied(record, 0, (0, 0, 0), outcome, out);
    }

    fn roll_day(&mut self, day: u32, out: &mut dyn Outbox) {
        self.end_order_ids();
        self.identity.day = day;
        self.executions.clear();
        self.limits.day_roll();
        self.usages.day_roll();
        for cell in self.positions.cells_mut() {
            (cell.bought_lots, cell.sold_lots) = (0, 0);
        }
        self.rolls_day = true;
        let mut at = 0;
        while let Some(place) = self.orders.live().get(at).copied() {
            let order = *self.orders.get(place);
            let stays = [TimeInForce::GoodTillCancel, TimeInForce::GoodTillTime];
            if TimeInForce::from_code(order.time_in_force).is_some_and(|lives| stays.contains(&lives)) {
                at += 1;
                continue;
            }
            // Ending it puts another one at this place of the list.
            self.end_of_day(place, &order, out);
        }
        self.rolls_day = false;
        self.exposures += 1;
        self.advance_multi_legs(out);
    }

    fn end_of_day(&mut self, place: u32, order: &Order, out: &mut dyn Outbox) {
        let event = report_of(order, OrderEventKind::Expired, Reason::DayEnd);
        if order.state() == OrderState::Unknown {
            // Nobody ever said what became of it: the venue's day is over, and someone must look.
            self.tell_break(&event, order.owner, (BreakKind::ImpossibleTransition, 0, order.leaves_lots), out);
        }
        self.on_known(place, &event, OrderEventKind::Expired, out);
        self.tell(out);
    }
}

/// A report of the engine's own making.
fn report_of(order: &Order, kind: OrderEventKind, reason: Reason) -> OrderEvent {
    let mut event = OrderEvent::new();
    (event.header.venue, event.header.instrument) = (order.venue, order.instrument);
    event.owner = order.owner;
    (event.event, event.reason) = (kind.code(), reason.code());
    event.price_nanos = UNDEF_PRICE;
    (event.leaves_lots, event.cumulative_lots) = (-1, -1);
    event
}
