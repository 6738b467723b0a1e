//! Types of values: which letters each allows.
//!
//! Invariant: a check accepts what the standard's type allows, however large or fine the number is; whether it fits an
//! integer of ours is asked by who converts it.

use super::super::values;

/// How the letters of a value are checked.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Any letters.
    Text = 0,
    /// One letter.
    Character = 1,
    /// An integer with or without a minus sign.
    Integer = 2,
    /// An integer from 0 on.
    Count = 3,
    /// Digits with at most one point.
    Decimal = 4,
    /// `Y` or `N`.
    Boolean = 5,
    /// Date and time, UTC.
    Time = 6,
    /// Time of day, UTC.
    TimeOfDay = 7,
    /// `YYYYMMDD`.
    Date = 8,
    /// `YYYYMM`, `YYYYMMDD` or `YYYYMMwN`.
    MonthYear = 9,
    /// Any bytes, behind a field that tells their number.
    Data = 10,
    /// Words parted by spaces, each one of the values.
    Words = 11,
    /// A day of the month.
    DayOfMonth = 12,
}

/// The names that dictionaries use, and ours.
const NAMES: [(&str, Kind); 42] = [
    ("STRING", Kind::Text),
    ("CHAR", Kind::Character),
    ("INT", Kind::Integer),
    ("PRICE", Kind::Decimal),
    ("AMT", Kind::Decimal),
    ("QTY", Kind::Decimal),
    ("QUANTITY", Kind::Decimal),
    ("FLOAT", Kind::Decimal),
    ("PRICEOFFSET", Kind::Decimal),
    ("PERCENTAGE", Kind::Decimal),
    ("CURRENCY", Kind::Text),
    ("COUNTRY", Kind::Text),
    ("EXCHANGE", Kind::Text),
    ("LANGUAGE", Kind::Text),
    ("PATTERN", Kind::Text),
    ("TENOR", Kind::Text),
    ("XID", Kind::Text),
    ("XIDREF", Kind::Text),
    ("TIME", Kind::Time),
    ("MULTIPLEVALUESTRING", Kind::Words),
    ("MULTIPLESTRINGVALUE", Kind::Words),
    ("MULTIPLECHARVALUE", Kind::Words),
    ("UTCTIMESTAMP", Kind::Time),
    ("UTCTIMEONLY", Kind::TimeOfDay),
    ("UTCDATE", Kind::Date),
    ("UTCDATEONLY", Kind::Date),
    ("LOCALMKTDATE", Kind::Date),
    ("LOCALMKTTIME", Kind::Text),
    ("DATE", Kind::Date),
    ("TZTIMEONLY", Kind::Text),
    ("TZTIMESTAMP", Kind::Text),
    ("MONTHYEAR", Kind::MonthYear),
    ("DAYOFMONTH", Kind::DayOfMonth),
    ("BOOLEAN", Kind::Boolean),
    ("DATA", Kind::Data),
    ("XMLDATA", Kind::Data),
    ("LENGTH", Kind::Count),
    ("SEQNUM", Kind::Count),
    ("NUMINGROUP", Kind::Count),
    ("TAGNUM", Kind::Count),
    ("RESERVED100PLUS", Kind::Integer),
    ("RESERVED1000PLUS", Kind::Integer),
];

impl Kind {
    /// Of a dictionary's type name.
    pub fn from_name(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, kind)| *kind)
    }

    /// Every name that is allowed.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }

    /// Whether these letters are of this type; they are at least one.
    #[inline]
    pub fn allows(self, value: &[u8]) -> bool {
        match self {
            Self::Text | Self::Data | Self::Words => true,
            Self::Character => value.len() == 1,
            Self::Integer => digits(value.strip_prefix(b"-").unwrap_or(value)),
            Self::Count => digits(value),
            Self::Decimal => decimal(value),
            Self::Boolean => values::boolean(value).is_some(),
            Self::Time => values::is_utc_time(value),
            Self::TimeOfDay => values::time_of_day_ns(value).is_some(),
            Self::Date => values::utc_date_days(value).is_some(),
            Self::MonthYear => month_year(value),
            Self::DayOfMonth => matches!(values::unsigned(value), Some(1..=31)),
        }
    }
}

#[inline]
fn digits(value: &[u8]) -> bool {
    !value.is_empty() && value.iter().all(u8::is_ascii_digit)
}

#[inline]
fn decimal(value: &[u8]) -> bool {
    let value = value.strip_prefix(b"-").unwrap_or(value);
    let (mut points, mut digits) = (0, 0);
    for byte in value {
        match byte {
            b'0'..=b'9' => digits += 1,
            b'.' => points += 1,
            _ => return false,
        }
    }
    digits > 0 && points <= 1
}

fn month_year(value: &[u8]) -> bool {
    let Some((month, rest)) = value.split_at_checked(6) else { return false };
    let first: [u8; 8] = [month[0], month[1], month[2], month[3], month[4], month[5], b'0', b'1'];
    values::utc_date_days(&first).is_some()
        && match rest {
            [] => true,
            [b'w', week] => (b'1'..=b'5').contains(week),
            _ => values::utc_date_days(value).is_some(),
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_has_its_letters() {
        for (kind, good, bad) in [
            ("char", "1 Y", "12"),
            ("INT", "0 -5 007 99999999999999999999999", "+5 5.0 - 1e3"),
            ("NUMINGROUP", "0 12", "-1 1.5 a"),
            ("PRICE", "1 1.5 -0.25 .5 5. 0.00000000000001", "+1 1e5 . - 1.2.3 1,5"),
            ("BOOLEAN", "Y N", "y 1 YES"),
            ("UTCTIMESTAMP", "20260115-14:30:00 20260115-14:30:00.123456", "20260115 14:30:00 2026-01-15"),
            ("UTCTIMEONLY", "14:30:00 14:30:00.123", "14:30 25:00:00"),
            ("LOCALMKTDATE", "20260115 20240229", "20260229 260115"),
            ("MONTHYEAR", "202601 20260115 202601w3", "202613 202601w6 2026 20260132"),
            ("DAYOFMONTH", "1 31", "0 32 -1"),
        ] {
            let kind = Kind::from_name(kind).unwrap();
            good.split(' ').for_each(|value| assert!(kind.allows(value.as_bytes()), "{kind:?} {value}"));
            bad.split(' ').for_each(|value| assert!(!kind.allows(value.as_bytes()), "{kind:?} {value}"));
        }
        assert_eq!(Kind::from_name("nothing"), None);
    }
}
