//! When a session is open: daily from one time to another, or weekly from one day and time to another, in a place's time.
//!
//! The place's time is a table of offsets from UTC with the moments from which each holds, made by whoever knows the zones;
//! so the session needs no files and the same hours come out of a replay.
//!
//! Invariant: a moment lies in one session at most, and every moment of that session gives the same opening.

const SECOND_NS: u64 = 1_000_000_000;
const DAY_S: i64 = 86_400;
const WEEK_S: i64 = 7 * DAY_S;
/// 1970-01-01 was a Thursday; weeks begin on Monday.
const EPOCH_WEEKDAY: i64 = 3;

/// When sessions begin and end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// Each open day: seconds after the place's midnight. An end that is not after the start lies on the next day; equal
    /// ones are 24 hours.
    Daily {
        /// Start.
        start_s: u32,
        /// End.
        end_s: u32,
    },
    /// Each week: seconds after Monday's midnight. An end that is not after the start lies in the next week.
    Weekly {
        /// Start.
        start_s: u32,
        /// End.
        end_s: u32,
    },
}

/// A session's hours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours {
    span: Span,
    /// Offsets from UTC in seconds, each from a moment (seconds since 1970) on, in order.
    zone: Vec<(i64, i32)>,
    /// Bit per weekday, Monday lowest: a daily session that begins on it is held.
    weekdays: u8,
    /// Days since 1970, sorted, on which no daily session begins.
    holidays: Vec<u32>,
}

impl Hours {
    /// Hours in a place with these offsets; holidays and weekdays count for daily sessions, by the day on which they begin.
    ///
    /// # Errors
    /// Everything that is wrong, a sentence each.
    pub fn new(span: Span, zone: Vec<(i64, i32)>, weekdays: u8, mut holidays: Vec<u32>) -> Result<Self, Vec<String>> {
        let mut errors = Vec::new();
        let (start_s, end_s, most) = match span {
            Span::Daily { start_s, end_s } => (start_s, end_s, DAY_S),
            Span::Weekly { start_s, end_s } => (start_s, end_s, WEEK_S),
        };
        for (name, value) in [("start_s", start_s), ("end_s", end_s)] {
            if i64::from(value) >= most {
                errors.push(format!("{name} = {value}: must be below {most}"));
            }
        }
        if zone.is_empty() || !zone.is_sorted_by(|one, next| one.0 < next.0) {
            errors.push("zone: must hold offsets from UTC in the order of the moments from which they hold".to_owned());
        }
        if let Some((_, offset)) = zone.iter().find(|(_, offset)| i64::from(offset.unsigned_abs()) > DAY_S) {
            errors.push(format!("zone: an offset of {offset} seconds: must be within a day"));
        }
        if matches!(span, Span::Daily { .. }) && weekdays & 0x7f == 0 {
            errors.push("weekdays: must name one day at least".to_owned());
        }
        holidays.sort_unstable();
        if errors.is_empty() { Ok(Self { span, zone, weekdays, holidays }) } else { Err(errors) }
    }

    /// When the session that is open now opened, ns UTC; `None`: it is closed.
    pub fn open_since(&self, now_ns: u64) -> Option<u64> {
        let local = self.local((now_ns / SECOND_NS) as i64);
        let opened = match self.span {
            Span::Daily { start_s, end_s } => {
                let length = length(start_s, end_s, DAY_S);
                let day = local.div_euclid(DAY_S);
                [day, day - 1].into_iter().find_map(|day| {
                    let opened = day * DAY_S + i64::from(start_s);
                    (self.is_held(day) && (opened..opened + length).contains(&local)).then_some(opened)
                })?
            }
            Span::Weekly { start_s, end_s } => {
                let week = (local + EPOCH_WEEKDAY * DAY_S).div_euclid(WEEK_S);
                let opened = week * WEEK_S - EPOCH_WEEKDAY * DAY_S + i64::from(start_s);
                let opened = if opened > local { opened - WEEK_S } else { opened };
                (local < opened + length(start_s, end_s, WEEK_S)).then_some(opened)?
            }
        };
        u64::try_from(self.utc(opened)).ok().map(|seconds| seconds * SECOND_NS)
    }

    fn is_held(&self, day: i64) -> bool {
        let weekday = (day + EPOCH_WEEKDAY).rem_euclid(7);
        let holiday = u32::try_from(day).is_ok_and(|day| self.holidays.binary_search(&day).is_ok());
        self.weekdays >> weekday & 1 == 1 && !holiday
    }

    fn local(&self, utc: i64) -> i64 {
        let at = self.zone.partition_point(|(from, _)| *from <= utc).saturating_sub(1);
        utc + i64::from(self.zone[at].1)
    }

    /// The first moment with this local time; a time that a changed clock leaves out is the moment of the change.
    fn utc(&self, local: i64) -> i64 {
        for (at, (from, offset)) in self.zone.iter().enumerate() {
            let utc = local - i64::from(*offset);
            let until = self.zone.get(at + 1).map_or(i64::MAX, |(next, _)| *next);
            if utc < until {
                return if at == 0 { utc } else { utc.max(*from) };
            }
        }
        local
    }
}

fn length(start_s: u32, end_s: u32, whole: i64) -> i64 {
    let length = i64::from(end_s) - i64::from(start_s);
    if length <= 0 { length + whole } else { length }
}
