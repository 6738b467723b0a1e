//! What keeps new orders from a venue session that does badly, or that takes no more messages now: its breaker and the mirror
//! of its throttle; and what is said of both.
//!
//! Invariant: cancels never ask here. What is refused here never reached a link, so no gateway has anything to queue. Engine
//! time alone moves it, so that a replay refuses alike.

use records::{
    OrderEvent, OrderEventKind, Reason, RejectCode, SessionGuard, SessionHealth, SessionReset, SessionState,
};
use risk::Refusal;

use super::Engine;
use super::control::{APPLIED, OLDER, REFUSED};
use crate::breaker::{ANSWERS_MAX, Breaker};
use crate::outbox::Outbox;
use crate::throttle::{MESSAGES_MAX, Throttle};

/// Breaker and throttle of a venue's session. Without rules, everything passes and nothing is said.
#[derive(Debug)]
pub(crate) struct Guard {
    rules: Option<SessionGuard>,
    breaker: Breaker,
    throttle: Throttle,
    /// A `SessionState` code, as the gateway says it.
    pub session: u8,
    /// When to look for requests without an answer.
    look_ns: u64,
    /// The rules' own; without rules nothing is looked for.
    answer_ns_max: u64,
    /// Engine time of the session's last word.
    pub heard_ns: u64,
    round_trip_ns: u64,
    round_trip_max_ns: u64,
    refused_breaker: u64,
    refused_throttle: u64,
    throttled: u64,
    /// What was said last.
    told: SessionHealth,
}

records::state!(Guard {
    rules,
    breaker,
    throttle,
    session,
    look_ns,
    answer_ns_max,
    heard_ns,
    round_trip_ns,
    round_trip_max_ns,
    refused_breaker,
    refused_throttle,
    throttled,
    told,
});

impl Guard {
    /// Whether orders go to this venue: the rules of its session were told.
    pub fn has_rules(&self) -> bool {
        self.rules.is_some()
    }

    pub fn new() -> Self {
        Self {
            rules: None,
            breaker: Breaker::new(&SessionGuard::new()),
            throttle: Throttle::default(),
            session: SessionState::Down.code(),
            look_ns: u64::MAX,
            answer_ns_max: u64::MAX,
            heard_ns: 0,
            round_trip_ns: 0,
            round_trip_max_ns: 0,
            refused_breaker: 0,
            refused_throttle: 0,
            throttled: 0,
            told: SessionHealth::new(),
        }
    }

    /// Whether a new order or a replace may be sent now, and so many messages before it.
    #[inline]
    pub fn passes(&self, now_ns: u64, before: usize) -> bool {
        self.breaker.passes() && self.throttle.has_room(now_ns, before)
    }

    /// The same of a new order that leaves together with so many others: while probes are counted, each is one.
    pub fn passes_beside(&self, now_ns: u64, others: usize) -> bool {
        let closed = self.breaker.state == records::BreakerState::Closed;
        self.passes(now_ns, others) && (closed || self.breaker.probes_left as usize > others)
    }

    /// A message is sent; when to look whether it stays without an answer.
    #[inline]
    pub fn sent(&mut self, now_ns: u64) -> u64 {
        self.throttle.sent(now_ns);
        self.look_ns = self.look_ns.min(now_ns.saturating_add(self.answer_ns_max));
        self.look_ns
    }

    /// A [`records::BreakerState`] code.
    pub fn breaker_code(&self) -> u32 {
        u32::from(self.breaker.state.code())
    }

    /// Messages that new orders may use now; `i64::MAX` without rules.
    pub fn throttle_left(&self, now_ns: u64) -> i64 {
        match self.throttle.for_orders() as i64 {
            0 => i64::MAX,
            most => (most - i64::from(self.throttle.used(now_ns))).max(0),
        }
    }

    fn refusal(&mut self, now_ns: u64) -> Refusal {
        if !self.breaker.passes() {
            self.refused_breaker += 1;
            return super::intents::refusal(RejectCode::BreakerOpen);
        }
        self.refused_throttle += 1;
        let (bound, observed) = (self.throttle.for_orders() as i128, i128::from(self.throttle.used(now_ns)) + 1);
        Refusal { bound, observed, ..super::intents::refusal(RejectCode::Throttle) }
    }

    fn health(&self, venue: u16, now_ns: u64) -> SessionHealth {
        let (breaker, rules) = (&self.breaker, self.rules.unwrap_or_default());
        let mut record = SessionHealth::new();
        record.header.venue = venue;
        (record.answers, record.rejects, record.slow) = (breaker.answers, breaker.rejects, breaker.slow);
        (record.refused_breaker, record.refused_throttle) = (self.refused_breaker, self.refused_throttle);
        (record.throttled, record.trips) = (self.throttled, breaker.trips);
        (record.round_trip_ns, record.round_trip_max_ns) = (self.round_trip_ns, self.round_trip_max_ns);
        (record.heard_ns, record.until_ns, record.hold_ns) = (self.heard_ns, breaker.until_ns, breaker.hold_ns);
        (record.rejects_now, record.slow_now) = breaker.bad_now(now_ns);
        record.throttle_used = self.throttle.used(now_ns);
        (record.throttle_messages, record.throttle_reserved) = (rules.throttle_messages, rules.throttle_reserved);
        (record.probes_left, record.state) = (breaker.probes_left, breaker.state.code());
        record.cause = breaker.cause.map_or(0, records::BreakerCause::code);
        record.session = self.session;
        record
    }
}

/// Why it is said how a session does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Telling {
    /// Its breaker changed.
    Change,
    /// Someone asked.
    Asked,
    /// It is time to; said where anything differs from what was said last.
    Regular,
}

/// Whether rules make sense.
fn is_sound(rules: &SessionGuard) -> bool {
    let within = |value: u32, most: u32| (1..=most).contains(&value);
    let throttle = rules.throttle_messages == 0
        || (rules.throttle_messages <= MESSAGES_MAX
            && rules.throttle_reserved < rules.throttle_messages
            && rules.throttle_window_ns > 0);
    let times = [rules.window_ns, rules.round_trip_ns_max, rules.answer_ns_max, rules.hold_ns_min];
    within(rules.answers, ANSWERS_MAX)
        && within(rules.rejects_max, rules.answers)
        && within(rules.slow_max, rules.answers)
        && within(rules.probes, ANSWERS_MAX)
        && times.iter().all(|time_ns| *time_ns > 0)
        && rules.hold_ns_min <= rules.hold_ns_max
        && rules.breaker <= 1
        && throttle
}

/// Whether a refusal says something of one order in its market, rather than of the session.
fn is_of_the_order(kind: OrderEventKind, reason: Option<Reason>) -> bool {
    match kind {
        // The order traded or went while the replace was under way.
        OrderEventKind::ReplaceRejected => matches!(reason, Some(Reason::UnknownOrder | Reason::InvalidQuantity)),
        _ => matches!(
            reason,
            Some(
                Reason::WouldCross
                    | Reason::MinimumQuantity
                    | Reason::SelfTradePrevention
                    | Reason::Immediate
                    | Reason::Halted
            )
        ),
    }
}

impl Engine {
    pub(super) fn on_session_guard(&mut self, record: &SessionGuard, out: &mut dyn Outbox) {
        let venue = record.header.venue;
        let cell = self.venues.get_mut(usize::from(venue)).filter(|_| venue != 0 && is_sound(record));
        let Some(cell) = cell else {
            self.applied(record, u32::from(venue), (0, 0, 0), REFUSED, out);
            return;
        };
        let guard = &mut cell.guard;
        // The header tells when it came, not what it says.
        let rules = SessionGuard { header: SessionGuard::new().header, ..*record };
        if guard.rules != Some(rules) {
            guard.breaker = guard.breaker.under(&rules);
            guard.throttle.set(rules.throttle_messages, rules.throttle_reserved, rules.throttle_window_ns);
            (guard.rules, guard.answer_ns_max) = (Some(rules), rules.answer_ns_max);
            self.guards_due_ns = self.time_ns;
            self.next_due_ns = self.next_due_ns.min(self.time_ns);
        }
        self.applied(record, u32::from(venue), (0, 0, 0), APPLIED, out);
    }

    pub(super) fn on_session_reset(&mut self, record: &SessionReset, out: &mut dyn Outbox) {
        let (venue, time_ns) = (record.header.venue, self.time_ns);
        let guard = self.venues.get_mut(usize::from(venue)).map(|cell| &mut cell.guard);
        let changed = guard.filter(|guard| guard.rules.is_some()).and_then(|guard| guard.breaker.reset(time_ns));
        let outcome = match changed {
            None => REFUSED,
            Some(false) => OLDER,
            Some(true) => {
                self.breaker_changed(venue, out);
                APPLIED
            }
        };
        self.applied(record, u32::from(venue), (0, 0, record.request), outcome, out);
    }

    /// Why no new order may be sent to a venue now, though its session is up.
    #[cold]
    pub(super) fn guarded(&mut self, venue: u16) -> Refusal {
        let refusal = self.venues[usize::from(venue)].guard.refusal(self.time_ns);
        match refusal.code {
            RejectCode::BreakerOpen => self.statistics.refused_breaker += 1,
            _ => self.statistics.refused_throttle += 1,
        }
        refusal
    }

    /// A new order or a replace goes out.
    #[inline]
    pub(super) fn order_goes(&mut self, venue: u16) {
        self.venues[usize::from(venue)].guard.breaker.sent();
    }

    /// The gateway of a venue said something.
    #[inline]
    pub(super) fn session_spoke(&mut self, venue: u16) {
        if let Some(cell) = self.venues.get_mut(usize::from(venue)) {
            cell.guard.heard_ns = self.time_ns;
        }
    }

    /// The session of a venue went down or came up.
    pub(super) fn session_changed(&mut self, venue: u16, up: bool, out: &mut dyn Outbox) {
        self.venue_changes += 1;
        let guard = &mut self.venues[usize::from(venue)].guard;
        if guard.rules.is_some() && guard.breaker.session(self.time_ns, up) {
            self.breaker_changed(venue, out);
        }
    }

    /// A report that changed an order, of which a request of `asked_ns` waited for an answer.
    pub(super) fn answered(
        &mut self,
        venue: u16,
        event: &OrderEvent,
        kind: OrderEventKind,
        asked_ns: u64,
        out: &mut dyn Outbox,
    ) {
        let time_ns = self.time_ns;
        let Some(cell) = self.venues.get_mut(usize::from(venue)) else { return };
        let (guard, reason) = (&mut cell.guard, Reason::from_code(event.reason));
        guard.throttled += u64::from(reason == Some(Reason::Throttled) && kind != OrderEventKind::NotSent);
        let rejected = match kind {
            OrderEventKind::Accepted | OrderEventKind::Replaced | OrderEventKind::Filled => false,
            OrderEventKind::Rejected | OrderEventKind::ReplaceRejected => !is_of_the_order(kind, reason),
            OrderEventKind::NotSent => {
                guard.breaker.returned(asked_ns);
                return;
            }
            _ => return,
        };
        if event.possible_duplicate == 1 {
            return; // Replayed after the session was lost: how long it took says nothing.
        }
        guard.round_trip_ns = time_ns - asked_ns;
        guard.round_trip_max_ns = guard.round_trip_max_ns.max(guard.round_trip_ns);
        if guard.rules.is_some() && guard.breaker.answered(time_ns, asked_ns, rejected) {
            self.breaker_changed(venue, out);
        }
    }

    /// Lets time open and half-open breakers, and says how sessions do where that changed; returns when to go on.
    pub(super) fn watch_sessions(&mut self, out: &mut dyn Outbox) -> u64 {
        let mut due = u64::MAX;
        let tells = self.time_ns >= self.guards_due_ns;
        if tells {
            let interval_ns = self.config.usage_interval_ns;
            let next = self.time_ns.saturating_add(interval_ns);
            self.guards_due_ns = if interval_ns == 0 { u64::MAX } else { next };
        }
        for venue in 0..self.venues.len() as u16 {
            let guard = &mut self.venues[usize::from(venue)].guard;
            if guard.rules.is_none() {
                continue;
            }
            if guard.breaker.on_time(self.time_ns) {
                self.breaker_changed(venue, out);
            }
            self.look_for_unanswered(venue, out);
            if tells {
                self.tell_health(venue, Telling::Regular, out);
            }
            let guard = &self.venues[usize::from(venue)].guard;
            due = due.min(guard.look_ns).min(guard.breaker.due_ns());
        }
        if due == u64::MAX && self.guards_due_ns == u64::MAX { u64::MAX } else { due.min(self.guards_due_ns) }
    }

    /// Finds the request that waits longest, when one may have waited too long.
    fn look_for_unanswered(&mut self, venue: u16, out: &mut dyn Outbox) {
        let guard = &self.venues[usize::from(venue)].guard;
        let Some(rules) = guard.rules.filter(|_| self.time_ns >= guard.look_ns) else { return };
        let since_ns = guard.breaker.since_ns;
        let asked = self.orders.live().iter().filter_map(|place| {
            let order = self.orders.get(*place);
            (order.venue == venue && order.asked_ns != 0 && order.asked_ns >= since_ns).then_some(order.asked_ns)
        });
        let oldest = asked.min();
        let guard = &mut self.venues[usize::from(venue)].guard;
        let changed = oldest.is_some_and(|asked_ns| guard.breaker.waits(self.time_ns, asked_ns));
        // One that opened the breaker, or met it open, is looked at again after as long.
        let next = |asked_ns: u64| asked_ns.saturating_add(rules.answer_ns_max);
        guard.look_ns = match oldest.map(next) {
            Some(next_ns) if next_ns > self.time_ns => next_ns,
            Some(_) => next(self.time_ns),
            None => u64::MAX,
        };
        if changed {
            self.breaker_changed(venue, out);
        }
    }

    fn breaker_changed(&mut self, venue: u16, out: &mut dyn Outbox) {
        self.venue_changes += 1;
        let breaker = &self.venues[usize::from(venue)].guard.breaker;
        self.statistics.trips += u64::from(breaker.state == records::BreakerState::Open);
        self.next_due_ns = self.next_due_ns.min(breaker.due_ns());
        self.tell_health(venue, Telling::Change, out);
    }

    /// Says how a session does, as far as its venue has rules.
    pub(super) fn tell_health(&mut self, venue: u16, why: Telling, out: &mut dyn Outbox) {
        let (time_ns, input) = (self.time_ns, self.input);
        let guard = &mut self.venues[usize::from(venue)].guard;
        if guard.rules.is_none() {
            return;
        }
        let mut record = guard.health(venue, time_ns);
        if why == Telling::Regular && record == guard.told {
            return;
        }
        guard.told = record;
        guard.told.round_trip_max_ns = 0;
        guard.round_trip_max_ns = 0;
        (record.time_ns, record.input, record.changed) = (time_ns, input, u8::from(why == Telling::Change));
        self.say(record, out);
    }

    /// Venues whose breaker is open or half open.
    pub fn breakers_open(&self) -> usize {
        let open = |guard: &Guard| guard.breaker.state != records::BreakerState::Closed;
        self.venues.iter().filter(|cell| open(&cell.guard)).count()
    }
}
