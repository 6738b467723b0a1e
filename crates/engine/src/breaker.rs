//! A venue session's circuit breaker: closed, open, half-open. Engine time and answers in, a state out; no I/O, no clock.
//!
//! Invariant: whatever was sent before the breaker last let anything through decides nothing afterwards; while it is open no
//! time but its own hold, no answer and nobody but a reset or the session's return lets a probe through. Cancels never ask.

use records::{BreakerCause, BreakerState, SessionGuard, StateError, StateReader, StateValue, StateWriter};

/// More answers than it makes sense to look at.
pub(crate) const ANSWERS_MAX: u32 = 65_536;

/// The latest bad answers of one sort: whether there are too many is one look at the oldest that is kept.
#[derive(Clone, Debug)]
struct Bad {
    /// Number and engine time of an answer; number 0: none.
    kept: Box<[(u64, u64)]>,
    /// The place of the oldest.
    oldest: usize,
}

impl StateValue for Bad {
    fn put(&self, out: &mut StateWriter) {
        let Self { kept, oldest } = self;
        out.list(kept.iter());
        oldest.put(out);
    }

    fn take(from: &mut StateReader<'_>) -> Result<Self, StateError> {
        let mut kept = Vec::new();
        from.of("Bad.kept").list(ANSWERS_MAX as usize, |bad| kept.push(bad))?;
        let oldest = from.of("Bad.oldest").below::<u64>(kept.len())? as usize;
        Ok(Self { kept: kept.into_boxed_slice(), oldest })
    }
}

impl Bad {
    fn new(most: u32) -> Self {
        Self { kept: vec![(0, 0); most.max(1) as usize].into_boxed_slice(), oldest: 0 }
    }

    fn note(&mut self, number: u64, now_ns: u64) {
        self.kept[self.oldest] = (number, now_ns);
        self.oldest = if self.oldest + 1 == self.kept.len() { 0 } else { self.oldest + 1 };
    }

    /// Whether as many as are kept count now.
    fn is_too_many(&self, rules: &SessionGuard, number: u64, now_ns: u64) -> bool {
        counts(self.kept[self.oldest], rules, number, now_ns)
    }

    fn count(&self, rules: &SessionGuard, number: u64, now_ns: u64) -> u32 {
        self.kept.iter().filter(|bad| counts(**bad, rules, number, now_ns)).count() as u32
    }

    fn forget(&mut self) {
        self.kept.fill((0, 0));
    }
}

fn counts((bad, at_ns): (u64, u64), rules: &SessionGuard, number: u64, now_ns: u64) -> bool {
    bad != 0 && number - bad < u64::from(rules.answers) && now_ns - at_ns < rules.window_ns
}

/// The breaker of one session.
#[derive(Clone, Debug)]
pub(crate) struct Breaker {
    rules: SessionGuard,
    pub state: BreakerState,
    /// Why it opened last.
    pub cause: Option<BreakerCause>,
    /// Half open: probes that may still pass.
    pub probes_left: u32,
    /// Half open: probes that were answered well.
    good: u32,
    /// How long it stays open the next time.
    pub hold_ns: u64,
    /// Open: when probes may pass; 0: when the session is up.
    pub until_ns: u64,
    /// Requests sent before this decide nothing.
    pub since_ns: u64,
    rejects_kept: Bad,
    slow_kept: Bad,
    pub answers: u64,
    pub rejects: u64,
    pub slow: u64,
    pub trips: u64,
}

records::state_value!(Breaker {
    rules,
    state,
    cause,
    probes_left,
    good,
    hold_ns,
    until_ns,
    since_ns,
    rejects_kept,
    slow_kept,
    answers,
    rejects,
    slow,
    trips,
});

impl Breaker {
    /// A closed one under these rules.
    pub fn new(rules: &SessionGuard) -> Self {
        Self {
            rules: *rules,
            state: BreakerState::Closed,
            cause: None,
            probes_left: 0,
            good: 0,
            hold_ns: rules.hold_ns_min,
            until_ns: 0,
            since_ns: 0,
            rejects_kept: Bad::new(rules.rejects_max),
            slow_kept: Bad::new(rules.slow_max),
            answers: 0,
            rejects: 0,
            slow: 0,
            trips: 0,
        }
    }

    /// The same one under other rules: bad answers are counted anew.
    pub fn under(&self, rules: &SessionGuard) -> Self {
        let mut changed = Self { rules: *rules, ..self.clone() };
        (changed.rejects_kept, changed.slow_kept) = (Bad::new(rules.rejects_max), Bad::new(rules.slow_max));
        changed.hold_ns = self.hold_ns.clamp(rules.hold_ns_min, rules.hold_ns_max);
        changed.probes_left = self.probes_left.min(rules.probes);
        if rules.breaker == 0 {
            changed.close();
        }
        changed
    }

    /// Whether a new order or a replace may go out.
    #[inline]
    pub fn passes(&self) -> bool {
        self.state == BreakerState::Closed || self.probes_left > 0
    }

    /// One went out.
    #[inline]
    pub fn sent(&mut self) {
        if self.state != BreakerState::Closed {
            self.probes_left = self.probes_left.saturating_sub(1);
        }
    }

    /// One that went out never reached the venue: as a probe it proved nothing.
    pub fn returned(&mut self, asked_ns: u64) {
        if self.state == BreakerState::HalfOpen && asked_ns >= self.since_ns {
            self.probes_left = (self.probes_left + 1).min(self.rules.probes);
        }
    }

    /// The venue answered a request of `asked_ns`; whether the state changed.
    pub fn answered(&mut self, now_ns: u64, asked_ns: u64, rejected: bool) -> bool {
        let slow = now_ns - asked_ns > self.rules.round_trip_ns_max;
        self.answers += 1;
        if rejected {
            self.rejects += 1;
            self.rejects_kept.note(self.answers, now_ns);
        }
        if slow {
            self.slow += 1;
            self.slow_kept.note(self.answers, now_ns);
        }
        if self.rules.breaker == 0 || asked_ns < self.since_ns {
            return false;
        }
        match self.state {
            BreakerState::Closed if rejected && self.rejects_kept.is_too_many(&self.rules, self.answers, now_ns) => {
                self.trip(now_ns, BreakerCause::Rejects)
            }
            BreakerState::Closed if slow && self.slow_kept.is_too_many(&self.rules, self.answers, now_ns) => {
                self.trip(now_ns, BreakerCause::RoundTrip)
            }
            BreakerState::HalfOpen if rejected => self.trip(now_ns, BreakerCause::Rejects),
            BreakerState::HalfOpen if slow => self.trip(now_ns, BreakerCause::RoundTrip),
            BreakerState::HalfOpen => {
                self.good += 1;
                self.good >= self.rules.probes && self.close()
            }
            BreakerState::Closed | BreakerState::Open => false,
        }
    }

    /// A request of `asked_ns` is still unanswered; whether the state changed.
    pub fn waits(&mut self, now_ns: u64, asked_ns: u64) -> bool {
        let overdue = now_ns - asked_ns >= self.rules.answer_ns_max && asked_ns >= self.since_ns;
        let counts = self.rules.breaker != 0 && self.state != BreakerState::Open;
        overdue && counts && self.trip(now_ns, BreakerCause::Unanswered)
    }

    /// The session went down, or is up and reconciled; whether the state changed.
    pub fn session(&mut self, now_ns: u64, up: bool) -> bool {
        if self.rules.breaker == 0 {
            return false;
        }
        let waits_for_it = self.state == BreakerState::Open && self.until_ns == 0;
        match up {
            true if waits_for_it => self.probe(now_ns),
            true => false,
            // What was under way says nothing of the session: only a probe that fails makes the hold longer.
            false if waits_for_it => false,
            false => self.open(0, BreakerCause::Session),
        }
    }

    /// Time passed; whether the state changed.
    pub fn on_time(&mut self, now_ns: u64) -> bool {
        let due = self.state == BreakerState::Open && self.until_ns != 0 && now_ns >= self.until_ns;
        due && self.probe(now_ns)
    }

    /// Someone wants probes to pass now. `None`: that cannot be, since the session is down; else whether the state changed.
    pub fn reset(&mut self, now_ns: u64) -> Option<bool> {
        match self.state {
            BreakerState::Open if self.until_ns == 0 => None,
            BreakerState::Open => Some(self.probe(now_ns)),
            BreakerState::Closed | BreakerState::HalfOpen => Some(false),
        }
    }

    /// When [`Breaker::on_time`] has something to do.
    pub fn due_ns(&self) -> u64 {
        if self.state == BreakerState::Open && self.until_ns != 0 { self.until_ns } else { u64::MAX }
    }

    /// Rejects and slow answers that count now.
    pub fn bad_now(&self, now_ns: u64) -> (u32, u32) {
        let count = |kept: &Bad| kept.count(&self.rules, self.answers, now_ns);
        (count(&self.rejects_kept), count(&self.slow_kept))
    }

    fn trip(&mut self, now_ns: u64, cause: BreakerCause) -> bool {
        if self.state == BreakerState::HalfOpen {
            self.hold_ns = self.hold_ns.saturating_mul(2).min(self.rules.hold_ns_max);
        }
        self.open(now_ns.saturating_add(self.hold_ns).max(1), cause)
    }

    fn open(&mut self, until_ns: u64, cause: BreakerCause) -> bool {
        (self.state, self.cause) = (BreakerState::Open, Some(cause));
        (self.until_ns, self.probes_left) = (until_ns, 0);
        self.trips += 1;
        true
    }

    fn probe(&mut self, now_ns: u64) -> bool {
        self.state = BreakerState::HalfOpen;
        (self.probes_left, self.good, self.until_ns, self.since_ns) = (self.rules.probes, 0, 0, now_ns);
        self.rejects_kept.forget();
        self.slow_kept.forget();
        true
    }

    fn close(&mut self) -> bool {
        self.state = BreakerState::Closed;
        (self.probes_left, self.hold_ns) = (0, self.rules.hold_ns_min);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use BreakerCause::{Rejects, RoundTrip, Session, Unanswered};
    use BreakerState::{Closed, HalfOpen, Open};

    fn rules() -> SessionGuard {
        let mut rules = SessionGuard::new();
        (rules.answers, rules.rejects_max, rules.slow_max, rules.probes, rules.breaker) = (6, 3, 2, 2, 1);
        (rules.window_ns, rules.round_trip_ns_max, rules.answer_ns_max) = (1_000, 10, 100);
        (rules.hold_ns_min, rules.hold_ns_max) = (50, 150);
        rules
    }

    /// What happens, at a time.
    enum Do {
        /// A request of this time is answered well.
        Good(u64),
        Reject(u64),
        Waits(u64),
        Up,
        Down,
        Time,
        Reset,
        Sent,
        Returned(u64),
    }

    fn happen(breaker: &mut Breaker, now_ns: u64, what: &Do) -> bool {
        match what {
            Do::Good(asked_ns) => breaker.answered(now_ns, *asked_ns, false),
            Do::Reject(asked_ns) => breaker.answered(now_ns, *asked_ns, true),
            Do::Waits(asked_ns) => breaker.waits(now_ns, *asked_ns),
            Do::Up => breaker.session(now_ns, true),
            Do::Down => breaker.session(now_ns, false),
            Do::Time => breaker.on_time(now_ns),
            Do::Reset => breaker.reset(now_ns).unwrap_or(false),
            Do::Sent => {
                breaker.sent();
                false
            }
            Do::Returned(asked_ns) => {
                breaker.returned(*asked_ns);
                false
            }
        }
    }

    /// Rows: when, what, the state after it, and whether a new order passes then.
    fn play(title: &str, rows: &[(u64, Do, BreakerState, bool)]) -> Breaker {
        let mut breaker = Breaker::new(&rules());
        for (at, (now_ns, what, state, passes)) in rows.iter().enumerate() {
            let before = breaker.state;
            let changed = happen(&mut breaker, *now_ns, what);
            assert_eq!((breaker.state, breaker.passes()), (*state, *passes), "{title}, row {at}");
            assert!(!changed || before != breaker.state, "{title}, row {at}: a change that is told is one");
            assert!(changed || before == breaker.state, "{title}, row {at}: every change is told");
        }
        breaker
    }

    #[test]
    fn rejects_open_it_time_lets_probes_through_and_good_answers_close_it() {
        let breaker = play(
            "the whole round",
            &[
                (10, Do::Reject(9), Closed, true),
                (20, Do::Reject(19), Closed, true),
                (30, Do::Reject(29), Open, false),
                (79, Do::Time, Open, false),
                (80, Do::Time, HalfOpen, true),
                (81, Do::Sent, HalfOpen, true),
                (82, Do::Sent, HalfOpen, false),
                (83, Do::Good(29), HalfOpen, false), // Sent before: it proves nothing.
                (84, Do::Reject(70), HalfOpen, false),
                (85, Do::Good(81), HalfOpen, false),
                (86, Do::Good(82), Closed, true),
                (87, Do::Reject(86), Closed, true), // The rejects of before are forgotten.
            ],
        );
        assert_eq!((breaker.cause, breaker.trips, breaker.hold_ns), (Some(Rejects), 1, 50));
        assert_eq!((breaker.answers, breaker.rejects, breaker.slow), (8, 5, 2));
    }

    #[test]
    fn a_bad_probe_opens_it_for_twice_as_long_up_to_a_bound_and_a_close_forgets_that() {
        play(
            "growing hold",
            &[
                (100, Do::Waits(0), Open, false),
                (150, Do::Time, HalfOpen, true),
                (151, Do::Reject(150), Open, false), // 100 now.
                (250, Do::Time, Open, false),
                (251, Do::Time, HalfOpen, true),
                (265, Do::Good(252), Open, false), // Slow: 150, the most.
                (414, Do::Time, Open, false),
                (415, Do::Time, HalfOpen, true),
                (515, Do::Waits(415), Open, false), // Still 150.
                (664, Do::Time, Open, false),
                (665, Do::Time, HalfOpen, true),
                (666, Do::Good(665), HalfOpen, true),
                (667, Do::Good(665), Closed, true),
                (800, Do::Waits(700), Open, false),
                (849, Do::Time, Open, false),
                (850, Do::Time, HalfOpen, true), // 50 again.
            ],
        );
    }

    #[test]
    fn bad_answers_count_while_they_are_young_and_among_the_latest() {
        play(
            "too old",
            &[
                (10, Do::Reject(10), Closed, true),
                (500, Do::Reject(500), Closed, true),
                (1_010, Do::Reject(1_010), Closed, true), // The first is a window old.
                (1_499, Do::Reject(1_499), Open, false),
            ],
        );
        play(
            "too many good ones between",
            &[
                (1, Do::Reject(1), Closed, true),
                (2, Do::Reject(2), Closed, true),
                (3, Do::Good(3), Closed, true),
                (4, Do::Good(4), Closed, true),
                (5, Do::Good(5), Closed, true),
                (6, Do::Good(6), Closed, true),
                (7, Do::Reject(7), Closed, true), // The first is the seventh last.
                (8, Do::Good(8), Closed, true),
                (9, Do::Reject(9), Closed, true),
                (10, Do::Reject(10), Open, false),
            ],
        );
    }

    #[test]
    fn slow_answers_open_it_and_so_does_none() {
        let slow = play("slow", &[(11, Do::Good(0), Closed, true), (22, Do::Good(11), Open, false)]);
        assert_eq!((slow.cause, slow.slow), (Some(RoundTrip), 2));
        let none = play("none", &[(99, Do::Waits(0), Closed, true), (100, Do::Waits(0), Open, false)]);
        assert_eq!(none.cause, Some(Unanswered));
    }

    #[test]
    fn a_session_that_drops_opens_it_until_it_is_back_whatever_the_time() {
        let breaker = play(
            "session",
            &[
                (1, Do::Up, Closed, true), // The first time there is nothing to doubt.
                (2, Do::Down, Open, false),
                (3, Do::Down, Open, false),
                (9_000, Do::Time, Open, false),
                (9_001, Do::Reset, Open, false),
                (9_002, Do::Good(1), Open, false),
                (9_003, Do::Up, HalfOpen, true),
                (9_004, Do::Down, Open, false),
                (9_005, Do::Up, HalfOpen, true),
                (9_006, Do::Reject(9_005), Open, false),
                (9_007, Do::Up, Open, false), // It opened for another reason since.
                (9_106, Do::Time, HalfOpen, true),
            ],
        );
        assert_eq!((breaker.cause, breaker.trips), (Some(Rejects), 3));
        let mut down = Breaker::new(&rules());
        down.session(5, false);
        assert_eq!((down.cause, down.reset(6)), (Some(Session), None), "nobody can reset a session that is down");
    }

    #[test]
    fn a_reset_lets_probes_through_at_once_and_only_when_open() {
        play(
            "reset",
            &[
                (1, Do::Reset, Closed, true),
                (100, Do::Waits(0), Open, false),
                (101, Do::Reset, HalfOpen, true),
                (102, Do::Reset, HalfOpen, true),
                (103, Do::Sent, HalfOpen, true),
                (104, Do::Sent, HalfOpen, false),
                (105, Do::Reset, HalfOpen, false),        // It gives no more probes.
                (106, Do::Returned(103), HalfOpen, true), // One that never left does.
                (107, Do::Returned(5), HalfOpen, true),
                (108, Do::Sent, HalfOpen, false),
                (109, Do::Waits(0), HalfOpen, false), // What opened it is over.
                (204, Do::Waits(104), Open, false),
            ],
        );
    }

    #[test]
    fn one_that_is_switched_off_counts_and_never_opens() {
        let mut breaker = Breaker::new(&SessionGuard { breaker: 0, ..rules() });
        for at in 1..50 {
            assert!(!breaker.answered(at * 20, at, true) && !breaker.waits(at * 1_000, 0));
            assert!(!breaker.session(at, at % 2 == 0) && breaker.passes());
        }
        assert_eq!((breaker.rejects, breaker.answers, breaker.bad_now(1_000).0), (49, 49, 3));
    }
}
