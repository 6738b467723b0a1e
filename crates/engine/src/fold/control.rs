//! Control records: who the engine is, reference data, limits, kills, slots, time.
//!
//! Invariant: each is answered by one `Applied` output that says whether it is in force, at which input.

use records::{
    Allocation, Applied, CallStatus, Callback, Definition, EngineStart, Kill, KillResting, LISTINGS_MAX, LimitSet,
    LimitWarning, Listing, ListingView, MoneyNanos, Node, OrderState, Parameter, Permission, Reason, Record,
    Restricted, Slot, SlotBind, SlotRun, StrategyControl, TICK_ROWS, TickBand, TickRow, UNDEF_PRICE,
};
use risk::{Binding, Outcome};

use super::cells::{ListingCell, SlotCell};
use super::{Engine, EngineIdentity, NO_LISTING};
use crate::host::Settable;
use crate::outbox::Outbox;

const TICK_TABLES_MAX: usize = 64;
pub(super) const APPLIED: u8 = 1;
pub(super) const OLDER: u8 = 2;
pub(super) const REFUSED: u8 = 3;
const WITHOUT_FLATTEN: u8 = 5;

/// The first rows of every tick table, as strategies see them.
#[derive(Debug)]
pub(crate) struct TickTables {
    rows: Box<[[TickRow; TICK_ROWS]]>,
}

records::state!(TickTables { rows });

impl Default for TickTables {
    fn default() -> Self {
        let unused = TickRow { from_nanos: i64::MAX, tick_nanos: 0 };
        Self { rows: vec![[unused; TICK_ROWS]; TICK_TABLES_MAX + 1].into_boxed_slice() }
    }
}

impl TickTables {
    fn set(&mut self, record: &TickBand) {
        if let Some(rows) = self.rows.get_mut(record.table as usize)
            && let Some(row) = rows.get_mut(record.row as usize)
        {
            *row = TickRow { from_nanos: record.from_nanos, tick_nanos: record.tick_nanos };
        }
    }

    fn get(&self, table: u32) -> [TickRow; TICK_ROWS] {
        self.rows.get(table as usize).copied().unwrap_or(self.rows[0])
    }
}

const fn code_of(outcome: Outcome) -> Option<u8> {
    match outcome {
        Outcome::Applied => Some(APPLIED),
        Outcome::Older => Some(OLDER),
        Outcome::Refused(_) => Some(REFUSED),
        Outcome::InSet => None,
    }
}

impl Engine {
    /// Answers a control record. `about`: generation, revision, request.
    pub(super) fn applied<T: Record>(
        &mut self,
        control: &T,
        subject: u32,
        about: (u64, u64, u64),
        outcome: u8,
        out: &mut dyn Outbox,
    ) {
        let mut record = Applied::new();
        record.header.venue = control.header().venue;
        record.header.instrument = control.header().instrument;
        record.input = self.input;
        (record.generation, record.revision, record.request) = about;
        record.subject = subject;
        record.control = T::KIND as u16;
        record.outcome = outcome;
        self.say(record, out);
    }

    pub(super) fn on_engine_start(&mut self, record: &EngineStart, out: &mut dyn Outbox) {
        let identity = EngineIdentity { firm: record.firm, shard: record.shard, epoch: record.epoch, day: record.day };
        let fits = record.day < 1 << 14 && record.shard < 1 << 8 && record.unconfirmed <= 1 && record.takes_over <= 1;
        let same_engine = (identity.firm, identity.shard) == (self.identity.firm, self.identity.shard);
        let newer = (identity.day, identity.epoch) > (self.identity.day, self.identity.epoch)
            && identity.epoch >= self.identity.epoch;
        if fits && self.started && identity == self.identity && record.unconfirmed == 1 {
            self.standing_again();
            self.applied(record, u32::from(record.shard), (0, 0, 0), APPLIED, out);
            return;
        }
        if !fits || (self.started && !(same_engine && newer)) {
            self.applied(record, u32::from(record.shard), (0, 0, 0), REFUSED, out);
            return;
        }
        let restarted = self.started;
        if restarted && identity.day > self.identity.day {
            // The day ended while nobody ran.
            let mut roll = records::DayRoll::new();
            roll.day = identity.day;
            self.on_day_roll(&roll, out);
        }
        if restarted {
            self.end_order_ids();
        }
        self.started = true;
        self.identity = identity;
        self.standing_at_start(record);
        self.limits.set_holder(u32::from(identity.shard));
        self.positions_due_ns = self.time_ns.saturating_add(self.config.position_interval_ns);
        if self.config.usage_interval_ns != 0 {
            self.usages.due_ns = self.time_ns.saturating_add(self.config.usage_interval_ns);
        }
        self.next_due_ns = self.next_due_ns.min(self.positions_due_ns).min(self.usages.due_ns);
        if restarted {
            // What was under way when the engine before this one ended is not known until the sessions are back.
            for venue in 0..self.venues.len() as u16 {
                let mut down = records::Session::new();
                down.header.venue = venue;
                down.state = records::SessionState::Down.code();
                self.on_session(&down, out);
            }
        }
        self.applied(record, u32::from(record.shard), (0, 0, 0), APPLIED, out);
    }

    fn answer<T: Record>(&mut self, record: &T, subject: u32, outcome: Outcome, out: &mut dyn Outbox) {
        self.exposures += 1;
        if let Some(code) = code_of(outcome) {
            self.applied(record, subject, (0, 0, 0), code, out);
        }
    }

    pub(super) fn on_tick_band(&mut self, record: &TickBand, out: &mut dyn Outbox) {
        let outcome = self.limits.apply_tick_band(record);
        if outcome == Outcome::Applied {
            self.ticks.set(record);
        }
        self.answer(record, record.table, outcome, out);
    }

    pub(super) fn on_definition(&mut self, record: &Definition, out: &mut dyn Outbox) {
        let outcome = self.limits.apply_definition(record);
        if outcome == Outcome::Applied
            && let Some(units) = self.instrument_units_e8.get_mut(record.header.instrument as usize)
        {
            *units = record.units_per_lot_e8;
            let mark = &mut self.marks[record.header.instrument as usize];
            if *mark == 0 && record.prior_close_nanos != UNDEF_PRICE {
                *mark = record.prior_close_nanos;
            }
        }
        self.answer(record, record.header.instrument, outcome, out);
    }

    pub(super) fn on_listing(&mut self, record: &Listing, out: &mut dyn Outbox) {
        let (venue, instrument) = (record.header.venue, record.header.instrument);
        let within = usize::from(venue) <= self.config.venues_max && instrument as usize <= self.config.instruments_max;
        let known = self.listing(venue, instrument);
        let room = known.is_some()
            || (self.listings.len() < self.config.listings_max && self.consolidations.has_room(instrument));
        if !within || !room {
            self.applied(record, instrument, (0, 0, 0), REFUSED, out);
            return;
        }
        let outcome = self.limits.apply_listing(record);
        if outcome == Outcome::Applied {
            match known {
                Some(place) => {
                    self.listings[usize::from(place)].record = *record;
                    if self.consolidate(place) {
                        self.call_consolidated(place, out);
                    }
                }
                None => self.add_listing(record),
            }
        }
        self.answer(record, instrument, outcome, out);
    }

    fn add_listing(&mut self, record: &Listing) {
        let (venue, instrument) = (usize::from(record.header.venue), record.header.instrument);
        let at = venue * (self.config.instruments_max + 1) + instrument as usize;
        assert!(self.listing_of[at] == NO_LISTING);
        self.listing_of[at] = self.listings.len() as u16;
        let ticks = self.ticks.get(record.tick_table);
        self.listings.push(ListingCell::new(record, self.units_e8(instrument), ticks));
        let capacity = self.config.books();
        // Configuration, before the first order: this is where a venue's books take their memory.
        self.venues[venue].books.get_or_insert_with(|| book::VenueBooks::new(capacity));
        self.join_consolidated(self.listings.len() as u16 - 1);
    }

    pub(super) fn on_node(&mut self, record: &Node, out: &mut dyn Outbox) {
        let outcome = self.limits.apply_node(record);
        self.answer(record, record.node, outcome, out);
    }

    pub(super) fn on_limit(&mut self, record: &LimitSet, out: &mut dyn Outbox) {
        let outcome = self.limits.apply_limit(record);
        self.answer_version(record, record.limit, (record.generation, record.revision), outcome, out);
    }

    /// Positions are not closed by the engine: a kill that asks for it stops and pulls all the same, and the answer says
    /// what is left to do by hand.
    pub(super) fn on_kill(&mut self, record: &Kill, out: &mut dyn Outbox) {
        let flatten = record.flatten == 1;
        let outcome = self.limits.apply_kill(&Kill { flatten: if flatten { 0 } else { record.flatten }, ..*record });
        self.exposures += 1;
        if let Some(code) = code_of(outcome) {
            let code = if flatten && code == APPLIED { WITHOUT_FLATTEN } else { code };
            self.applied(record, record.node, (record.generation, record.revision, 0), code, out);
        }
        if outcome == Outcome::Applied {
            self.pull_killed(out);
        }
    }

    pub(super) fn on_allocation(&mut self, record: &Allocation, out: &mut dyn Outbox) {
        let outcome = self.limits.apply_allocation(record);
        self.answer_version(record, record.limit, (record.generation, record.revision), outcome, out);
        if outcome == Outcome::Applied {
            self.tell_usage_of(record.limit, out); // Whether it is inside its part is asked for at once.
        }
    }

    pub(super) fn on_permission(&mut self, record: &Permission, out: &mut dyn Outbox) {
        let outcome = self.limits.apply_permission(record);
        self.answer_version(record, record.node, (record.generation, record.revision), outcome, out);
    }

    pub(super) fn on_restricted(&mut self, record: &Restricted, out: &mut dyn Outbox) {
        let outcome = self.limits.apply_restricted(record);
        let subject = record.header.instrument;
        self.answer_version(record, subject, (record.generation, record.revision), outcome, out);
    }

    fn answer_version<T: Record>(
        &mut self,
        record: &T,
        subject: u32,
        (generation, revision): (u64, u64),
        outcome: Outcome,
        out: &mut dyn Outbox,
    ) {
        self.exposures += 1;
        if let Some(code) = code_of(outcome) {
            self.applied(record, subject, (generation, revision, 0), code, out);
        }
    }

    /// Cancels the resting orders that the kill fields do not leave alone.
    fn pull_killed(&mut self, out: &mut dyn Outbox) {
        for at in 0..self.orders.live().len() {
            let place = self.orders.live()[at];
            self.pull_if_killed(place, out);
        }
    }

    /// Cancels an order where a kill says so: at the kill, and when one turns up that nobody knew then.
    pub(super) fn pull_if_killed(&mut self, place: u32, out: &mut dyn Outbox) {
        let hold = self.orders.hold(place);
        let pulled = match self.limits.kill_fields(hold.binding()).resting {
            KillResting::Keep => false,
            KillResting::CancelIncreasing => self.limits.increases(hold),
            KillResting::Cancel => true,
        };
        if pulled {
            self.cancel(place, Reason::Risk, true, out);
        }
    }

    pub(super) fn on_slot(&mut self, record: &Slot, out: &mut dyn Outbox) {
        let place = usize::from(record.slot);
        let about = (0, 0, 0);
        let stopped = match self.slots.get(place) {
            Some(Some(cell)) => {
                let idle = cell.working_count == 0 && !self.has_multi_legs(record.slot);
                cell.run != SlotRun::Running && idle
            }
            Some(None) => true,
            None => false,
        };
        if place == 0 || !stopped || self.stays_quarantined(record) {
            self.applied(record, u32::from(record.slot), about, REFUSED, out);
            return;
        }
        self.lift_quarantine(record.slot);
        for listing in &mut self.listings {
            for watchers in [&mut listing.watchers, &mut listing.book_watchers, &mut listing.trade_watchers] {
                *watchers &= !(1 << place);
            }
        }
        self.consolidations.forget_slot(record.slot);
        self.risk_slots &= !(1 << place);
        let executor = record.origin != 0;
        let loaded = executor || self.host.load(record).is_ok();
        let mut cell = SlotCell::new(*record);
        cell.loaded = loaded;
        if executor {
            cell.wants = crate::host::Wants::new(0, |_| false);
        } else if loaded {
            cell.wants = self.host.wants(record.slot);
        }
        self.slots[place] = Some(cell);
        self.applied(record, u32::from(record.slot), about, if loaded { APPLIED } else { REFUSED }, out);
    }

    pub(super) fn on_slot_bind(&mut self, record: &SlotBind, out: &mut dyn Outbox) {
        let applied = self.bind_slot(record).is_some();
        self.exposures += 1;
        let outcome = if applied { APPLIED } else { REFUSED };
        self.applied(record, u32::from(record.slot), (0, 0, 0), outcome, out);
    }

    fn bind_slot(&mut self, record: &SlotBind) -> Option<()> {
        let place = self.listing(record.header.venue, record.header.instrument)?;
        let watch_only = record.watch_only == 1 || record.executor != 0;
        let cell = self.slots.get_mut(usize::from(record.slot))?.as_mut()?;
        let index = usize::from(record.index);
        let known = cell.index_of(place);
        if cell.run == SlotRun::Running || index >= LISTINGS_MAX || index > cell.listings_count {
            return None;
        }
        if known.is_some_and(|known| known != index) || (known.is_none() && index < cell.listings_count) {
            return None;
        }
        let (account, trader) = (cell.record.account, cell.record.trader);
        let binding = self.limits.bind(account, trader, record.header.venue, record.header.instrument).ok();
        if binding.is_none() && !watch_only {
            return None;
        }
        cell.bindings[index] = binding.unwrap_or(Binding(0));
        cell.executors[index] = record.executor;
        cell.listings[index] = place;
        cell.listings_count = cell.listings_count.max(index + 1);
        cell.view.listings_count = cell.listings_count as u32;
        let listing = &mut self.listings[usize::from(place)];
        listing.watchers |= 1 << record.slot;
        listing.book_watchers |= u64::from(cell.wants.book_calls) << record.slot;
        listing.trade_watchers |= u64::from(cell.wants.trade_calls) << record.slot;
        listing.index_in[usize::from(record.slot)] = record.index;
        let mut view = ListingView::zeroed();
        let bound = |price: i64, none: i64| if price == UNDEF_PRICE { none } else { price };
        view.price_min_nanos = bound(listing.record.price_min_nanos, i64::MIN);
        view.price_max_nanos = bound(listing.record.price_max_nanos, i64::MAX - 1);
        view.increment_lots = listing.record.increment_lots;
        view.units_per_lot_e8 = listing.units_e8;
        (view.bid_nanos, view.ask_nanos) = (UNDEF_PRICE, UNDEF_PRICE);
        view.instrument = listing.instrument;
        view.venue = u32::from(listing.venue);
        view.watch_only = u32::from(watch_only);
        view.ticks = listing.ticks;
        cell.view.listings[index] = view;
        (cell.touched, cell.exposures_seen, cell.orders_changed) = (u8::MAX, 0, true);
        let wants = cell.wants;
        self.look_at_consolidated(record.slot, place, record.index, wants);
        self.look_at_states(record.slot, place);
        Some(())
    }

    pub(super) fn on_parameter(&mut self, record: &Parameter, out: &mut dyn Outbox) {
        let run = self.slot_run(record.slot);
        let allowed = match run.map(|run| (run, self.host.settable(record))) {
            None => false,
            Some(_) if self.is_executor(record.slot) => false,
            // What someone set in a running slot outlives a restart, which tells the first values again.
            Some((SlotRun::Running, Settable::Live)) => record.request != 0,
            Some((SlotRun::Running, Settable::Stopped)) => false,
            Some(_) => true,
        };
        let set = allowed && self.host.set_parameter(record).is_ok();
        let outcome = if set { APPLIED } else { REFUSED };
        self.applied(record, u32::from(record.slot), (0, 0, record.request), outcome, out);
    }

    pub(super) fn on_strategy_control(&mut self, record: &StrategyControl, out: &mut dyn Outbox) {
        let slot = record.slot;
        let cell = self.slots.get(usize::from(slot)).and_then(Option::as_ref);
        let outcome = match (cell, SlotRun::from_code(record.run)) {
            (Some(cell), Some(SlotRun::Running)) if !cell.loaded || !self.started => REFUSED,
            (Some(_), Some(SlotRun::Running))
                if self.is_quarantined(slot) && record.status != CallStatus::Quarantined.code() =>
            {
                REFUSED
            }
            (Some(cell), Some(run)) if cell.run == run => OLDER,
            (Some(_), Some(SlotRun::Running)) => {
                self.lift_quarantine(slot);
                if !self.is_executor(slot) {
                    self.host.reset(slot);
                }
                if let Some(Some(cell)) = self.slots.get_mut(usize::from(slot)) {
                    (cell.risk_told, cell.states_seen) = ([None; LISTINGS_MAX], 0);
                }
                self.venue_changes += 1;
                self.set_run(slot, SlotRun::Running, 0, 0, 0, out);
                self.call_plain(slot, Callback::Start, out);
                APPLIED
            }
            (Some(_), Some(run)) => {
                self.tell(out);
                self.call_plain(slot, Callback::Stop, out);
                let still = self.slot_run(slot) == Some(SlotRun::Running);
                if still {
                    self.save_kept(slot, out);
                }
                if still || run == SlotRun::Disabled {
                    self.set_run(slot, run, record.status, 0, 0, out);
                }
                if record.cancel == 1 || run == SlotRun::Disabled {
                    self.cancel_slot(slot, Reason::UserRequested, out);
                }
                APPLIED
            }
            _ => REFUSED,
        };
        self.applied(record, u32::from(slot), (0, record.revision, record.request), outcome, out);
    }

    pub(super) fn on_timer(&mut self, out: &mut dyn Outbox) {
        self.send_owed_cancels(out);
        self.tell_warnings(out);
    }

    /// Does what engine time has made due, and finds when it is due next.
    #[cold]
    pub(super) fn on_due(&mut self, out: &mut dyn Outbox) {
        self.next_due_ns = u64::MAX;
        let silence = self.check_silence(out);
        let heard = self.check_heard();
        let timers = self.call_timers(out);
        if self.time_ns >= self.positions_due_ns {
            self.positions_due_ns = self.time_ns.saturating_add(self.config.position_interval_ns);
            self.tell_marks(out);
            self.send_owed_cancels(out);
            self.tell_warnings(out);
        }
        let multi_legs = self.advance_multi_legs(out);
        self.tell(out);
        let usages = self.tell_usages(out);
        let sessions = self.watch_sessions(out);
        let due = silence.min(heard).min(timers).min(self.positions_due_ns).min(usages).min(sessions).min(multi_legs);
        self.next_due_ns = self.next_due_ns.min(due);
    }

    /// Tells the soft limits that were reached: by and by, never between an order and its command.
    fn tell_warnings(&mut self, out: &mut dyn Outbox) {
        while let Some(warning) = self.limits.take_warning() {
            let mut record = LimitWarning::new();
            (record.account, record.trader, record.header.venue, record.header.instrument) =
                self.limits.bound(warning.binding);
            record.bound = MoneyNanos::new(warning.bound);
            record.observed = MoneyNanos::new(warning.observed);
            record.time_ns = self.time_ns;
            record.dropped = self.limits.warnings_dropped();
            self.statistics.warnings += 1;
            (record.limit, record.node, record.metric) = (warning.limit, warning.node, warning.metric.code());
            self.say(record, out);
        }
    }

    /// Tells the positions whose mark has moved.
    fn tell_marks(&mut self, out: &mut dyn Outbox) {
        for at in 0..self.positions.cells().len() {
            let time_ns = self.time_ns;
            let mark_nanos = self.mark(self.positions.cells()[at].instrument);
            let cell = &mut self.positions.cells_mut()[at];
            if mark_nanos == 0 || mark_nanos == cell.told_mark_nanos || cell.lots == 0 {
                continue;
            }
            cell.mark_nanos = mark_nanos;
            cell.told_mark_nanos = mark_nanos;
            let record = cell.record(0, time_ns);
            self.say(record, out);
        }
    }

    /// Whether any order of a venue waits for an answer that a lost session may have swallowed.
    pub fn unknown_orders(&self) -> usize {
        self.orders.live().iter().filter(|place| self.orders.get(**place).state() == OrderState::Unknown).count()
    }
}
