//! What the exchange does by itself: the phases of its timetable, and what a call would give, said again and again.
//!
//! Invariant: each is a command of the sequenced input, so that a replay knows no timetable. After a restart what fell due while
//! nothing ran is done at once, in order; what an earlier life did is not done again.

use records::{
    AuctionAction, AuctionKind, DAY_NS, ExchangeAction, ExchangeAuction, ExchangeControl, RECORD_BYTES_MAX,
    TradingState, UNDEF_PRICE, bytes_of,
};
use tiles::settings;

use crate::config::ExchangeConfig;

const MILLISECOND_NS: u64 = 1_000_000;

settings! {
    /// A phase of the timetable.
    pub struct PhaseConfig {
        /// What begins: `pre_open`, `opening_call`, `closing_call`, `intraday_call`, `halt`, `halt_call`, `trading`, `closed`
        /// or `day_end`. `trading` and `closed` end a call, by its auction.
        pub phase: String, "pre_open, opening_call, closing_call, intraday_call, halt, halt_call, trading, closed or day_end",
            |word| Step::of(word).is_some();
        /// When, in milliseconds since `since`.
        pub at_ms: u64, "a whole number of ms from 0 to 86399999", |at| *at < DAY_NS / MILLISECOND_NS;
        /// `midnight`: the venue's, every day. `start`: the exchange's first start, once.
        pub since: String = "midnight".to_owned(), "midnight or start", |word| ["midnight", "start"].contains(&word.as_str());
        /// Of which instrument; 0: of all.
        pub instrument: u32 = 0, "0 or an instrument of listings";
        /// A call: so long after its beginning it is too late for what `too_late` says; 0: never.
        pub late_ms: u64 = 0, "a whole number of ms from 0 to 86399999", |late| *late < DAY_NS / MILLISECOND_NS;
        /// `cancels` (and replaces), `increases` (new orders of the side that is left over), or `both`.
        pub too_late: String = "both".to_owned(), "cancels, increases or both", |word| restricts(word).is_some();
    }
}

fn restricts(word: &str) -> Option<u8> {
    ["cancels", "increases", "both"].iter().position(|known| *known == word).map(|at| at as u8 + 1)
}

/// What a phase does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Call(AuctionKind),
    State(TradingState),
    DayEnd,
}

impl Step {
    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "pre_open" => Self::State(TradingState::PreOpen),
            "opening_call" => Self::Call(AuctionKind::Opening),
            "closing_call" => Self::Call(AuctionKind::Closing),
            "intraday_call" => Self::Call(AuctionKind::Intraday),
            "halt" => Self::State(TradingState::Halted),
            "halt_call" => Self::Call(AuctionKind::Halt),
            "trading" => Self::State(TradingState::Trading),
            "closed" => Self::State(TradingState::Closed),
            "day_end" => Self::DayEnd,
            _ => return None,
        })
    }
}

#[derive(Clone, Copy)]
struct Phase {
    step: Step,
    at_ns: u64,
    daily: bool,
    instrument: u32,
    late_ns: u64,
    restricts: u8,
}

/// A command of the timetable.
pub(crate) struct Due {
    bytes: [u8; RECORD_BYTES_MAX],
    length: usize,
}

impl Due {
    fn of(record: &[u8]) -> Self {
        let mut due = Self { bytes: [0; RECORD_BYTES_MAX], length: record.len() };
        due.bytes[..record.len()].copy_from_slice(record);
        due
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// The timetable, and where in it the exchange is.
pub(crate) struct Schedule {
    phases: Vec<Phase>,
    venue: u16,
    midnight_ns: u64,
    started_ns: u64,
    /// Time and place in the list from which on nothing is done yet.
    from: (u64, usize),
    /// The next phase's.
    next: (u64, usize),
    indicate_ns: u64,
    indicated_ns: u64,
}

impl Schedule {
    /// `started_ns`: when the exchange first started; `last_ns`: when its input ended so far, 0: it has none.
    pub fn new(config: &ExchangeConfig, started_ns: u64, last_ns: u64, now_ns: u64) -> Self {
        let phases = config.timetable.iter().map(|phase| Phase {
            step: Step::of(&phase.phase).expect("checked when it was read"),
            at_ns: phase.at_ms * MILLISECOND_NS,
            daily: phase.since == "midnight",
            instrument: phase.instrument,
            late_ns: phase.late_ms * MILLISECOND_NS,
            restricts: restricts(&phase.too_late).unwrap_or(0),
        });
        // A first start comes into the day's present phase through all phases before it.
        let since_ns = (last_ns + u64::from(last_ns != 0)).max(now_ns.saturating_sub(DAY_NS));
        let mut schedule = Self {
            phases: phases.collect(),
            venue: config.venue,
            midnight_ns: config.midnight_ns,
            started_ns,
            from: (since_ns, 0),
            next: (u64::MAX, 0),
            indicate_ns: config.indicate_ms * MILLISECOND_NS,
            indicated_ns: 0,
        };
        schedule.look_ahead();
        schedule
    }

    /// Finds what comes next.
    fn look_ahead(&mut self) {
        let times = self.phases.iter().enumerate().map(|(at, phase)| {
            let first_ns = self.first(phase, self.from.0);
            let done = first_ns == self.from.0 && at < self.from.1;
            (if done { self.first(phase, self.from.0 + 1) } else { first_ns }, at)
        });
        self.next = times.min().unwrap_or((u64::MAX, 0));
    }

    /// A phase's first time at or after one.
    fn first(&self, phase: &Phase, from_ns: u64) -> u64 {
        if !phase.daily {
            let once_ns = self.started_ns + phase.at_ns;
            return if once_ns >= from_ns { once_ns } else { u64::MAX };
        }
        let first_ns = self.midnight_ns + phase.at_ns;
        first_ns + from_ns.saturating_sub(first_ns).div_ceil(DAY_NS) * DAY_NS
    }

    /// The command that is due, if one is.
    #[inline]
    pub fn due(&self, now_ns: u64) -> Option<Due> {
        if self.next.0 > now_ns { None } else { Some(self.command()) }
    }

    #[cold]
    fn command(&self) -> Due {
        let (due_ns, at) = self.next;
        let phase = self.phases[at];
        match phase.step {
            Step::Call(kind) => {
                let mut call = ExchangeAuction::new();
                (call.header.venue, call.header.instrument) = (self.venue, phase.instrument);
                (call.action, call.kind) = (AuctionAction::Call.code(), kind.code());
                call.reference_nanos = UNDEF_PRICE;
                if phase.late_ns != 0 {
                    (call.cutoff_ns, call.restricts) = (due_ns + phase.late_ns, phase.restricts);
                }
                Due::of(bytes_of(&call))
            }
            Step::State(state) => {
                let mut control = ExchangeControl::new();
                (control.header.venue, control.header.instrument) = (self.venue, phase.instrument);
                (control.action, control.state) = (ExchangeAction::State.code(), state.code());
                Due::of(bytes_of(&control))
            }
            Step::DayEnd => {
                let mut control = ExchangeControl::new();
                control.header.venue = self.venue;
                control.action = ExchangeAction::DayRoll.code();
                Due::of(bytes_of(&control))
            }
        }
    }

    /// It is in the input.
    pub fn pass(&mut self) {
        self.from = (self.next.0, self.next.1 + 1);
        self.look_ahead();
    }

    /// The command that has calls say where they stand, if it is time; asked while a call is on.
    #[cold]
    pub fn indication(&mut self, now_ns: u64) -> Option<Due> {
        if now_ns.saturating_sub(self.indicated_ns) < self.indicate_ns {
            return None;
        }
        self.indicated_ns = now_ns;
        let mut indicate = ExchangeAuction::new();
        indicate.header.venue = self.venue;
        indicate.action = AuctionAction::Indicate.code();
        Some(Due::of(bytes_of(&indicate)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use records::{Kind, read_from};

    const HOUR_NS: u64 = 3_600_000_000_000;

    fn phase(step: Step, hour: u64, daily: bool) -> Phase {
        Phase { step, at_ns: hour * HOUR_NS, daily, instrument: 0, late_ns: 0, restricts: 0 }
    }

    fn at(from_ns: u64) -> Schedule {
        let phases = vec![
            phase(Step::Call(AuctionKind::Opening), 9, true),
            phase(Step::State(TradingState::Trading), 10, true),
            phase(Step::DayEnd, 10, true),
            phase(Step::State(TradingState::Halted), 1, false),
        ];
        let (from, next) = ((from_ns, 0), (0, 0));
        let mut schedule = Schedule {
            phases,
            venue: 1,
            midnight_ns: 2 * HOUR_NS,
            started_ns: 30 * HOUR_NS,
            from,
            next,
            indicate_ns: 5,
            indicated_ns: 0,
        };
        schedule.look_ahead();
        schedule
    }

    #[test]
    fn phases_come_in_order_every_day_those_of_one_time_as_they_stand() {
        let mut schedule = at(0);
        let mut found = Vec::new();
        for _ in 0..6 {
            found.push((schedule.next.0 / HOUR_NS, schedule.next.1));
            schedule.pass();
        }
        assert_eq!(found, [(11, 0), (12, 1), (12, 2), (31, 3), (35, 0), (36, 1)]);
        assert_eq!((at(11 * HOUR_NS + 1).next.1, at(12 * HOUR_NS).next.1), (1, 1));
        assert!(schedule.due(36 * HOUR_NS - 1).is_none());
        let due = at(12 * HOUR_NS).due(12 * HOUR_NS).expect("it is time");
        let control: ExchangeControl = read_from(due.bytes()).expect("a whole record");
        assert_eq!((control.header.kind(), control.state), (Some(Kind::ExchangeControl), TradingState::Trading.code()));
    }

    #[test]
    fn a_call_says_where_it_stands_no_more_often_than_told() {
        let mut schedule = at(0);
        let said: Vec<bool> = [10, 14, 15, 16, 20].map(|now_ns| schedule.indication(now_ns).is_some()).into();
        assert_eq!(said, [true, false, true, false, true]);
    }
}
