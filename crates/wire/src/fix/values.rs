//! Values: letters to numbers and times, and back. Integers only.
//!
//! Invariant: a value is either what the standard's type allows, whole and in range, or `None`; nothing is rounded.

const NANOS: i64 = 1_000_000_000;
const NANOS_OF_DAY: u64 = 86_400 * NANOS as u64;

/// Eight digits, each a byte of 0 to 9, the last digit in the highest byte: their number.
#[inline(always)]
pub(super) const fn packed_digits(digits: u64) -> u64 {
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let low = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(0x000f_4240_0000_0064);
    let high = ((pairs >> 16) & 0x0000_00ff_0000_00ff).wrapping_mul(0x0000_2710_0000_0001);
    low.wrapping_add(high) >> 32
}

/// Digits alone, leading zeros allowed.
#[inline]
pub fn unsigned(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() || bytes.len() > 20 {
        return None;
    }
    let mut value = 0_u64;
    for byte in bytes {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    Some(value)
}

/// The standard's `int`: digits, a minus sign before them allowed, a plus sign not.
#[inline]
pub fn integer(bytes: &[u8]) -> Option<i64> {
    match bytes {
        [b'-', digits @ ..] => 0_i64.checked_sub_unsigned(unsigned(digits)?),
        digits => unsigned(digits)?.try_into().ok(),
    }
}

/// The standard's `float` (price, quantity, amount) in nanos: digits with at most one point and at most nine digits that
/// count after it; a minus sign allowed, a plus sign and an exponent not.
#[inline]
pub fn decimal_nanos(bytes: &[u8]) -> Option<i64> {
    let (negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let (whole, part) = match digits.iter().position(|byte| *byte == b'.') {
        Some(at) => (&digits[..at], &digits[at + 1..]),
        None => (digits, &digits[..0]),
    };
    if whole.is_empty() && part.is_empty() {
        return None;
    }
    let mut value = if whole.is_empty() { 0 } else { unsigned(whole)? }.checked_mul(NANOS as u64)?;
    let mut unit = NANOS as u64 / 10;
    for byte in part {
        let digit = byte.wrapping_sub(b'0');
        // A tenth digit after the point can only be a zero: nothing is rounded.
        if digit > 9 || (unit == 0 && digit != 0) {
            return None;
        }
        value = value.checked_add(u64::from(digit) * unit)?;
        unit /= 10;
    }
    if negative { 0_i64.checked_sub_unsigned(value) } else { value.try_into().ok() }
}

/// `Y` or `N`.
#[inline]
pub const fn boolean(bytes: &[u8]) -> Option<bool> {
    match bytes {
        [b'Y'] => Some(true),
        [b'N'] => Some(false),
        _ => None,
    }
}

/// One letter.
#[inline]
pub const fn character(bytes: &[u8]) -> Option<u8> {
    match bytes {
        [letter] if letter.is_ascii_graphic() || *letter == b' ' => Some(*letter),
        _ => None,
    }
}

#[inline]
fn two(bytes: &[u8]) -> Option<u64> {
    let [tens, ones] = *bytes else { return None };
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then_some(u64::from(tens) * 10 + u64::from(ones))
}

/// Days since 1970-01-01 of a date in the proleptic Gregorian calendar.
///
/// Howard Hinnant, "chrono-compatible low-level date algorithms", `days_from_civil`, for years from 1970 on.
const fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day of days since 1970-01-01; the reverse of [`days`].
const fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + (month <= 2) as u64, month, day)
}

/// `YYYYMMDD`, from 1970 on, as days since 1970-01-01.
#[inline]
pub fn utc_date_days(bytes: &[u8]) -> Option<u32> {
    if bytes.len() != 8 {
        return None;
    }
    let year = two(&bytes[..2])? * 100 + two(&bytes[2..4])?;
    let (month, day) = (two(&bytes[4..6])?, two(&bytes[6..8])?);
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let last = match month {
        2 => 28 + u64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    (year >= 1970 && (1..=last).contains(&day)).then(|| days(year, month, day) as u32)
}

/// LocalMktDate: the same letters as [`utc_date_days`], of the market's place.
#[inline]
pub fn local_date_days(bytes: &[u8]) -> Option<u32> {
    utc_date_days(bytes)
}

/// `HH:MM:SS`, then nothing or a point and three, six, nine or twelve digits; a leap second is the next one's zeroth.
#[inline]
pub fn time_of_day_ns(bytes: &[u8]) -> Option<u64> {
    let (clock, part) = bytes.split_at_checked(8)?;
    if clock[2] != b':' || clock[5] != b':' {
        return None;
    }
    let (hour, minute, second) = (two(&clock[..2])?, two(&clock[3..5])?, two(&clock[6..])?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let nanos = match part {
        [] => 0,
        [b'.', digits @ ..] => match digits.len() {
            3 => unsigned(digits)? * 1_000_000,
            6 => unsigned(digits)? * 1_000,
            9 => unsigned(digits)?,
            // Picoseconds: checked, and cut.
            12 => unsigned(digits)? / 1_000,
            _ => return None,
        },
        _ => return None,
    };
    Some((hour * 3_600 + minute * 60 + second) * NANOS as u64 + nanos)
}

/// UTCTimestamp, `YYYYMMDD-HH:MM:SS[.sss]` and finer, as ns since 1970; `None` before then and after 2554.
#[inline]
pub fn utc_time_ns(bytes: &[u8]) -> Option<u64> {
    let (date, rest) = bytes.split_at_checked(8)?;
    let [b'-', clock @ ..] = rest else { return None };
    let days = u64::from(utc_date_days(date)?);
    days.checked_mul(NANOS_OF_DAY)?.checked_add(time_of_day_ns(clock)?)
}

/// Digits of a fraction of a second in a time that is written.
#[repr(u8)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// None: FIX 4.0 and 4.1 know no other.
    Seconds = 0,
    /// Three.
    #[default]
    Milliseconds = 3,
    /// Six.
    Microseconds = 6,
    /// Nine.
    Nanoseconds = 9,
}

impl Precision {
    /// Letters of a UTCTimestamp.
    pub const fn letters(self) -> usize {
        match self {
            Self::Seconds => 17,
            other => 18 + other as usize,
        }
    }
}

/// Letters of the longest time.
pub(super) const TIME_LETTERS_MAX: usize = 27;

/// Writes a UTCTimestamp into the first bytes of `out`, cutting what the precision leaves out; how many letters it has.
#[inline]
pub fn write_time(out: &mut [u8; TIME_LETTERS_MAX], time_ns: u64, precision: Precision) -> usize {
    let (day, of_day) = (time_ns / NANOS_OF_DAY, time_ns % NANOS_OF_DAY);
    let (year, month, day) = civil(day);
    let (seconds, nanos) = (of_day / NANOS as u64, (of_day % NANOS as u64) as u32);
    write_two(out, 0, year / 100);
    write_two(out, 2, year % 100);
    write_two(out, 4, month);
    write_two(out, 6, day);
    out[8] = b'-';
    write_two(out, 9, seconds / 3_600);
    out[11] = b':';
    write_two(out, 12, seconds / 60 % 60);
    out[14] = b':';
    write_two(out, 15, seconds % 60);
    if precision != Precision::Seconds {
        out[17] = b'.';
        let mut rest = nanos;
        for place in (18..27).rev() {
            out[place] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
    }
    precision.letters()
}

#[inline(always)]
fn write_two(out: &mut [u8], at: usize, value: u64) {
    out[at] = b'0' + (value / 10) as u8;
    out[at + 1] = b'0' + (value % 10) as u8;
}

/// Letters of the longest integer.
pub(super) const INTEGER_LETTERS_MAX: usize = 20;

/// Writes an integer at the end of `out`; where it begins.
#[inline]
pub fn write_integer(out: &mut [u8; INTEGER_LETTERS_MAX], value: i64) -> usize {
    let mut at = write_unsigned(out, value.unsigned_abs());
    if value < 0 {
        at -= 1;
        out[at] = b'-';
    }
    at
}

#[inline]
pub(super) fn write_unsigned(out: &mut [u8; INTEGER_LETTERS_MAX], value: u64) -> usize {
    let mut at = out.len();
    let mut rest = value;
    loop {
        at -= 1;
        out[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            return at;
        }
    }
}

/// Letters of the longest decimal: sign, ten digits, point, nine digits.
pub(super) const DECIMAL_LETTERS_MAX: usize = 21;

/// Writes nanos as a decimal at the end of `out`, no zeros at its end; where it begins.
#[inline]
pub(super) fn write_decimal(out: &mut [u8; DECIMAL_LETTERS_MAX], nanos: i64) -> usize {
    let (whole, mut part) = (nanos.unsigned_abs() / NANOS as u64, nanos.unsigned_abs() % NANOS as u64);
    let mut at = out.len();
    if part != 0 {
        let mut digits = 9;
        while part.is_multiple_of(10) {
            part /= 10;
            digits -= 1;
        }
        for _ in 0..digits {
            at -= 1;
            out[at] = b'0' + (part % 10) as u8;
            part /= 10;
        }
        at -= 1;
        out[at] = b'.';
    }
    let mut rest = whole;
    loop {
        at -= 1;
        out[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if nanos < 0 {
        at -= 1;
        out[at] = b'-';
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_whole_and_in_range_or_none() {
        for (text, value) in [
            ("0", Some(0)),
            ("-7", Some(-7)),
            ("0007", Some(7)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("-9223372036854775809", None),
            ("99999999999999999999999", None),
            ("+7", None),
            ("", None),
            ("-", None),
            ("1.0", None),
            (" 1", None),
            ("--1", None),
        ] {
            assert_eq!(integer(text.as_bytes()), value, "{text}");
        }
        for (text, value) in [
            ("187.25", Some(187_250_000_000)),
            ("-0.5", Some(-500_000_000)),
            (".5", Some(500_000_000)),
            ("5.", Some(5_000_000_000)),
            ("200.00", Some(200_000_000_000)),
            ("0.000000001", Some(1)),
            ("0.0000000010", Some(1)),
            ("0.0000000011", None),
            ("9223372036.854775807", Some(i64::MAX)),
            ("-9223372036.854775808", Some(i64::MIN)),
            ("9223372036.854775808", None),
            ("+200.00", None),
            ("1e5", None),
            (".", None),
            ("-", None),
            ("-.", None),
            ("", None),
            ("1.2.3", None),
            ("1,5", None),
        ] {
            assert_eq!(decimal_nanos(text.as_bytes()), value, "{text}");
        }
        assert_eq!([boolean(b"Y"), boolean(b"N"), boolean(b"y"), boolean(b"")], [Some(true), Some(false), None, None]);
        assert_eq!([character(b"F"), character(b"FF"), character(b"\x02")], [Some(b'F'), None, None]);
    }

    #[test]
    fn times_are_read_and_written_back() {
        let time = utc_time_ns(b"20260115-14:30:00.123").unwrap();
        assert_eq!(time, 1_768_487_400_123_000_000);
        for (text, precision) in [
            ("20260115-14:30:00", Precision::Seconds),
            ("20260115-14:30:00.123", Precision::Milliseconds),
            ("20260115-14:30:00.123456", Precision::Microseconds),
            ("20260115-14:30:00.123456789", Precision::Nanoseconds),
            ("19700101-00:00:00.000", Precision::Milliseconds),
            ("20000229-23:59:59.999", Precision::Milliseconds),
            ("25540721-23:34:33.709551615", Precision::Nanoseconds),
        ] {
            let mut out = [0; TIME_LETTERS_MAX];
            let letters = write_time(&mut out, utc_time_ns(text.as_bytes()).unwrap(), precision);
            assert_eq!(out[..letters].escape_ascii().to_string(), text);
        }
        assert_eq!(utc_time_ns(b"20260115-14:30:00.123456789123"), utc_time_ns(b"20260115-14:30:00.123456789"));
        for bad in [
            "20260115-14:30:00.",
            "20260115-14:30:00.12",
            "20260115 14:30:00",
            "20260115-24:00:00",
            "20260115-14:60:00",
            "20260115-14:30:61",
            "20260229-14:30:00",
            "20261301-14:30:00",
            "20260100-14:30:00",
            "19691231-23:59:59",
            "99991231-23:59:59",
            "2026011-14:30:00",
            "",
            "20260115-1430:00",
        ] {
            assert_eq!(utc_time_ns(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(utc_date_days(b"19700102"), Some(1));
        assert_eq!(time_of_day_ns(b"00:00:01"), Some(1_000_000_000));
    }

    #[test]
    fn every_day_of_four_centuries_is_its_own_date() {
        let mut expected = (1970, 1, 1);
        for day in 0..150_000 {
            let (year, month, of_month) = civil(day);
            assert_eq!((year, month, of_month), expected);
            assert_eq!(days(year, month, of_month), day);
            let text = format!("{year:04}{month:02}{of_month:02}");
            assert_eq!(utc_date_days(text.as_bytes()), Some(day as u32));
            let next = format!("{year:04}{month:02}{:02}", of_month + 1);
            expected = match utc_date_days(next.as_bytes()) {
                Some(_) => (year, month, of_month + 1),
                None if month < 12 => (year, month + 1, 1),
                None => (year + 1, 1, 1),
            };
        }
    }

    #[test]
    fn numbers_are_written_as_they_are_read() {
        for value in [0, 1, -1, 9, 10, 12_345, 1_000_000_000, 123_456_789_012, i64::MAX, i64::MIN] {
            let mut out = [0; INTEGER_LETTERS_MAX];
            let at = write_integer(&mut out, value);
            assert_eq!(out[at..].escape_ascii().to_string(), value.to_string());
            let mut out = [0; DECIMAL_LETTERS_MAX];
            let at = write_decimal(&mut out, value);
            assert_eq!(decimal_nanos(&out[at..]), Some(value));
            assert!(!out[at..].ends_with(b"0") || !out[at..].contains(&b'.'));
        }
    }

    #[test]
    fn eight_digits_are_one_number() {
        let digits: [u8; 8] = [0, 0, 0, 1, 2, 3, 4, 5];
        assert_eq!(packed_digits(u64::from_le_bytes(digits)), 12_345);
        assert_eq!(packed_digits(u64::from_le_bytes([9; 8])), 99_999_999);
    }
}
