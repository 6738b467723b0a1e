//! How far limits are used, said at an interval and when someone asks for the whole state.
//!
//! Invariant: outside the path of an order: nothing here is done between a packet and its order, and one pass looks at few
//! limits only. What is said depends on the input alone, and the memory for it is taken at the start.

use records::{Applied, Enforcement, LimitUsage, MoneyNanos, OrderState, Session, StateRequest};
use risk::Usage;

use super::Engine;
use super::guard::Telling;
use crate::outbox::Outbox;

/// Limits that one pass looks at.
const LIMITS_A_PASS: u32 = 8;

/// What was said last of a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Told {
    bound: Option<i128>,
    filled: i128,
    open: i128,
    unknown: i128,
    instrument: u32,
    no_part: bool,
}

records::state_value!(Told { bound, filled, open, unknown, instrument, no_part });

/// Where the round over all limits stands.
#[derive(Debug)]
pub(crate) struct Usages {
    /// By the limit's place in the tree.
    told: Box<[Told]>,
    high: Box<[i128]>,
    /// The limit to look at next; the round is over at the last.
    next: u32,
    /// The version of exposures that the last whole round began with.
    seen: u64,
    begun: u64,
    pub due_ns: u64,
}

records::state!(Usages { told, high, next, seen, begun, due_ns });

impl Usages {
    pub fn new(limits_max: usize) -> Self {
        Self {
            told: vec![Told::default(); limits_max].into_boxed_slice(),
            high: vec![0; limits_max].into_boxed_slice(),
            next: 0,
            seen: 0,
            begun: 0,
            due_ns: u64::MAX,
        }
    }

    /// The day began: the most that was used is what is used now.
    pub fn day_roll(&mut self) {
        self.high.fill(i128::MIN);
        self.seen = 0;
    }
}

impl Engine {
    /// Says the limits whose use has changed, a few a pass; returns when to go on.
    pub(super) fn tell_usages(&mut self, out: &mut dyn Outbox) -> u64 {
        if self.time_ns < self.usages.due_ns {
            return self.usages.due_ns;
        }
        let count = self.limits.limits_count();
        if self.usages.next == 0 {
            self.usages.begun = self.exposures;
        }
        if self.usages.next > 0 || self.usages.seen != self.usages.begun {
            let end = (self.usages.next + LIMITS_A_PASS).min(count);
            for place in self.usages.next..end {
                self.tell_usage(place, false, out);
            }
            self.usages.next = end;
            if end < count {
                return self.time_ns; // The next record goes on with it.
            }
            (self.usages.next, self.usages.seen) = (0, self.usages.begun);
        }
        self.usages.due_ns = self.time_ns.saturating_add(self.config.usage_interval_ns);
        self.usages.due_ns
    }

    /// Says the use of the limit at a place; `always`: whether or not it has changed.
    pub(super) fn tell_usage(&mut self, place: u32, always: bool, out: &mut dyn Outbox) {
        let Some(usage) = self.limits.usage(place) else { return };
        let told = Told {
            bound: usage.bound,
            filled: usage.filled,
            open: usage.open,
            unknown: self.unknown_of(&usage),
            instrument: usage.instrument,
            no_part: usage.bound.is_none(),
        };
        let at = place as usize;
        let high = &mut self.usages.high[at];
        *high = usage.used().max(*high);
        if !always && told == self.usages.told[at] {
            return;
        }
        self.usages.told[at] = told;
        let high_water = MoneyNanos::new(*high);
        let mut record = LimitUsage::new();
        record.header.instrument = usage.instrument;
        (record.limit, record.node, record.metric) = (usage.limit, usage.node, usage.metric.code());
        record.enforcement = if usage.global { Enforcement::Global.code() } else { 0 };
        record.no_part = u8::from(told.no_part);
        record.bound = MoneyNanos::new(usage.bound.unwrap_or(0));
        record.used_filled = MoneyNanos::new(usage.filled);
        record.reserved_open = MoneyNanos::new(usage.open);
        record.unknown = MoneyNanos::new(told.unknown);
        record.free = MoneyNanos::new(usage.free());
        record.high_water = high_water;
        (record.input, record.time_ns) = (self.input, self.time_ns);
        self.say(record, out);
    }

    /// The use of a limit by its id, said whether or not it has changed.
    pub(super) fn tell_usage_of(&mut self, limit: u32, out: &mut dyn Outbox) {
        if let Some(place) = self.limits.limit_place(limit) {
            self.tell_usage(place, true, out);
        }
    }

    /// What orders in an unknown state hold of a limit's use.
    fn unknown_of(&self, usage: &Usage) -> i128 {
        if usage.open == 0 {
            return 0;
        }
        let unknown = self.orders.live().iter().filter(|place| self.orders.get(**place).state() == OrderState::Unknown);
        unknown.map(|place| self.limits.held_of(usage, self.orders.hold(*place))).sum()
    }

    /// Says the whole state, and then that it was said.
    pub(super) fn on_state_request(&mut self, record: &StateRequest, out: &mut dyn Outbox) {
        for at in 0..self.positions.cells().len() {
            let cell = self.positions.cells()[at];
            let position = cell.record(0, self.time_ns);
            self.say(position, out);
        }
        for place in 0..self.limits.limits_count() {
            self.tell_usage(place, true, out);
        }
        for slot in 1..self.slots.len() {
            let Some(cell) = &self.slots[slot] else { continue };
            let (number, run) = (cell.record.slot, cell.run);
            self.say_slot_state(number, run, out);
        }
        for venue in 1..self.venues.len() {
            let cell = &self.venues[venue];
            if cell.books.is_none() {
                continue; // Nothing is listed there.
            }
            let mut session = Session::new();
            session.header.venue = venue as u16;
            session.state = cell.guard.session;
            session.cancel_on_disconnect = cell.cancel_on_disconnect;
            session.quotes = u8::from(cell.quotes);
            session.epoch = u64::from(self.identity.epoch);
            self.say(session, out);
            self.tell_health(venue as u16, Telling::Asked, out);
        }
        self.say_versions(out);
        self.applied(record, 0, (0, 0, record.request), 1, out);
    }

    /// Says of everything that was configured with a version that it is in force.
    fn say_versions(&mut self, out: &mut dyn Outbox) {
        let (input, time_ns) = (self.input, self.time_ns);
        let Self { limits, hash, .. } = self;
        limits.in_force(&mut |one| {
            let mut record = Applied::new();
            (record.header.sequence, record.header.venue_time_ns) = (input, time_ns);
            (record.header.venue, record.header.instrument) = (one.venue, one.selected);
            record.input = input;
            (record.generation, record.revision) = one.version;
            record.subject = one.subject;
            record.control = one.control as u16;
            record.outcome = 1;
            hash.bytes(records::bytes_of(&record));
            out.output(records::bytes_of(&record));
        });
    }
}
