//! Dates in file names and New York's midnight in UTC.
//!
//! Invariant: the rules of daylight saving are those in force in the year asked for (United States, from 1987).

/// A calendar date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Date {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
}

const DAY_SECONDS: i64 = 86_400;

impl Date {
    /// The date, when there is such a day between 1987 and 2199.
    pub(crate) fn new(year: i64, month: i64, day: i64) -> Option<Self> {
        let lengths = [31, if is_leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let length = *lengths.get(usize::try_from(month - 1).ok()?)?;
        ((1987..2200).contains(&year) && (1..=length).contains(&day)).then_some(Self { year, month, day })
    }

    /// Days since 1970-01-01 (Gregorian calendar, counted in eras of 400 years).
    pub(crate) fn days(self) -> i64 {
        let year = if self.month <= 2 { self.year - 1 } else { self.year };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * ((self.month + 9) % 12) + 2) / 5 + self.day - 1;
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
    }

    /// 0 is Sunday.
    fn weekday(self) -> i64 {
        (self.days() + 4).rem_euclid(7)
    }

    /// UTC of 00:00 in New York with the offset of that day's trading hours, ns. A feed counts its day from there.
    pub(crate) fn new_york_midnight_ns(self) -> u64 {
        let offset_hours = if self.is_daylight_saving() { 4 } else { 5 };
        ((self.days() * DAY_SECONDS + offset_hours * 3_600) * 1_000_000_000).unsigned_abs()
    }

    fn is_daylight_saving(self) -> bool {
        let (start, end) = if self.year >= 2007 {
            (sunday(self.year, 3, 8), sunday(self.year, 11, 1))
        } else {
            (sunday(self.year, 4, 1), sunday(self.year, 10, 25))
        };
        self >= start && self < end
    }
}

/// New York's midnight of the day that a file's name bears, else of the day in which a capture began; 0 without either.
pub(crate) fn midnight_of(name: &str, captured_ns: Option<u64>) -> u64 {
    let captured = captured_ns.filter(|time_ns| *time_ns > 0).and_then(new_york_date);
    date_in_name(name).or(captured).map_or(0, Date::new_york_midnight_ns)
}

/// The date in New York at a time, ns UTC.
fn new_york_date(time_ns: u64) -> Option<Date> {
    let seconds = i64::try_from(time_ns / 1_000_000_000).ok()?;
    let today = date_of_days(seconds.div_euclid(DAY_SECONDS))?;
    if today.new_york_midnight_ns() <= time_ns { Some(today) } else { date_of_days(today.days() - 1) }
}

/// The date of so many days since 1970-01-01: the inverse of [`Date::days`].
fn date_of_days(days: i64) -> Option<Date> {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let part = (5 * day_of_year + 2) / 153;
    let month = if part < 10 { part + 3 } else { part - 9 };
    Date::new(year_of_era + era * 400 + i64::from(month <= 2), month, day_of_year - (153 * part + 2) / 5 + 1)
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// The first Sunday of a month on or after a day.
fn sunday(year: i64, month: i64, from: i64) -> Date {
    let first = Date { year, month, day: from };
    Date { day: from + (7 - first.weekday()) % 7, ..first }
}

/// The date in a file name: `2012-06-21`, or eight digits (`20101224`, `01302019`), or `S` and six (`S081321`).
pub(crate) fn date_in_name(name: &str) -> Option<Date> {
    let bytes = name.as_bytes();
    let number = |from: usize, length: usize| -> Option<i64> {
        let digits = bytes.get(from..from + length)?;
        digits.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
    };
    for at in 0..bytes.len() {
        if bytes.get(at + 4) == Some(&b'-')
            && bytes.get(at + 7) == Some(&b'-')
            && let (Some(year), Some(month), Some(day)) = (number(at, 4), number(at + 5, 2), number(at + 8, 2))
        {
            return Date::new(year, month, day);
        }
    }
    let starts = |at: &usize| *at == 0 || !bytes[at - 1].is_ascii_digit();
    for at in (0..bytes.len()).filter(starts) {
        let run = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let date = match run {
            8 => Date::new(number(at, 4)?, number(at + 4, 2)?, number(at + 6, 2)?)
                .or_else(|| Date::new(number(at + 4, 4)?, number(at, 2)?, number(at + 2, 2)?)),
            6 => Date::new(2000 + number(at + 4, 2)?, number(at, 2)?, number(at + 2, 2)?),
            _ => None,
        };
        if date.is_some() {
            return date;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn midnight_of_new_york_follows_daylight_saving() {
        let midnight = |year, month, day| Date::new(year, month, day).unwrap().new_york_midnight_ns() / 1_000_000_000;
        assert_eq!(midnight(2012, 6, 21), 1_340_251_200); // 04:00 UTC.
        assert_eq!(midnight(2024, 1, 2), 1_704_171_600); // 05:00 UTC.
        assert_eq!(midnight(2024, 3, 8), 1_709_874_000);
        assert_eq!(midnight(2024, 3, 11), 1_710_129_600);
        assert_eq!(midnight(2024, 11, 1), 1_730_433_600);
        assert_eq!(midnight(2024, 11, 4), 1_730_696_400);
        assert_eq!(midnight(2006, 3, 20), 1_142_830_800);
    }

    #[test]
    fn days_and_dates_are_each_others_inverse() {
        for days in (6_300..80_000).step_by(7) {
            assert_eq!(date_of_days(days).map(Date::days), Some(days));
        }
        let midnight = Date::new(2023, 8, 22).unwrap().new_york_midnight_ns();
        assert_eq!(midnight_of("feed.pcap", Some(midnight + 1)), midnight);
        assert_eq!(midnight_of("feed.pcap", Some(midnight - 1)), midnight - 86_400_000_000_000);
        assert_eq!(midnight_of("08212023.pcap", Some(midnight + 1)), midnight - 86_400_000_000_000);
        assert_eq!((midnight_of("feed.pcap", None), midnight_of("feed.pcap", Some(0))), (0, 0));
    }

    #[test]
    fn dates_are_found_in_the_names_that_vendors_use() {
        let date = |year, month, day| Date::new(year, month, day);
        assert_eq!(date_in_name("AAPL_2012-06-21_34200000_57600000_message_10.csv"), date(2012, 6, 21));
        assert_eq!(date_in_name("01302019.NASDAQ_ITCH50.gz"), date(2019, 1, 30));
        assert_eq!(date_in_name("ex20101224.TEST_ITCH_50"), date(2010, 12, 24));
        assert_eq!(date_in_name("S081321-v50.txt.gz"), date(2021, 8, 13));
        assert_eq!(date_in_name("flow.itch"), None);
        assert_eq!(date_in_name("2012-13-41"), None);
    }
}
