//! Values: letters to numbers and times, and back. Integers only.
//!
//! Invariant: a value is either what the standard's type allows, whole and in range, or `None`; nothing is rounded.

use std::cell::Cell;

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

/// The number that the last `count` of eight letters are, one to eight; `None` where one is no digit.
#[inline(always)]
pub(super) const fn eight_digits(letters: &[u8; 8], count: usize) -> Option<u64> {
    let keep = !0_u64 << (64 - 8 * count as u32 % 65);
    let digits = (u64::from_le_bytes(*letters) ^ ZEROS) & keep;
    if all_digits(digits) { Some(packed_digits(digits)) } else { None }
}

/// The same of the last `count` of four letters, one to four, the first one in the lowest byte.
#[inline(always)]
pub(super) const fn four_digits(letters: u32, count: usize) -> Option<u32> {
    let digits = (letters ^ ZEROS as u32) & !0 << (32 - 8 * count as u32 % 33);
    let sound = (digits.wrapping_add(0x7676_7676) | digits) & 0x8080_8080 == 0;
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    if sound { Some((pairs & 0x00ff_00ff).wrapping_mul(0x0064_0001) >> 16) } else { None }
}

const ZEROS: u64 = 0x3030_3030_3030_3030;

/// Whether each byte is 0 to 9.
#[inline(always)]
const fn all_digits(digits: u64) -> bool {
    (digits.wrapping_add(0x7676_7676_7676_7676) | digits) & 0x8080_8080_8080_8080 == 0
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

/// The eight letters that end at `end`, and which of their bytes are of a value that begins at `start`; `None` for values of
/// no letter, or more than eight, and near the start of the bytes.
#[inline(always)]
fn letters_before(bytes: &[u8], start: usize, end: usize) -> Option<(u64, u64)> {
    let count = end.wrapping_sub(start);
    let before = bytes.get(end.wrapping_sub(8)..end)?.first_chunk::<8>()?;
    (count.wrapping_sub(1) < 8).then(|| (u64::from_le_bytes(*before), !0 << (64 - 8 * count as u32)))
}

/// [`integer`] of a value in its message.
#[inline(always)]
pub(super) fn integer_in(bytes: &[u8], start: usize, end: usize) -> Option<i64> {
    if let Some((word, keep)) = letters_before(bytes, start, end) {
        let digits = (word ^ ZEROS) & keep;
        if all_digits(digits) {
            return Some(packed_digits(digits) as i64);
        }
    }
    long_integer(bytes, start, end)
}

#[cold]
fn long_integer(bytes: &[u8], start: usize, end: usize) -> Option<i64> {
    integer(&bytes[start..end])
}

/// The digits around a point, closed up; how many stand after it.
#[inline(always)]
fn without_point(word: u64, keep: u64) -> (u64, usize) {
    let points = zero_bytes(word ^ 0x2e2e_2e2e_2e2e_2e2e) & keep;
    let digits = (word ^ ZEROS) & keep;
    if points == 0 {
        return (digits, 0);
    }
    // The lowest bit is sound: bytes below a value's first are no points of it.
    let bit = points.trailing_zeros() & 56;
    let after = digits & (!0xff_u64 << bit);
    let before = (digits & ((1 << bit) - 1)) << 8;
    (after | before, 7 - bit as usize / 8)
}

/// [`decimal_nanos`] of a value in its message.
#[inline(always)]
pub(super) fn decimal_in(bytes: &[u8], start: usize, end: usize) -> Option<i64> {
    const UNITS: [u64; 8] = [1_000_000_000, 100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1_000, 100];
    if let Some((word, keep)) = letters_before(bytes, start, end) {
        let (digits, decimals) = without_point(word, keep);
        // What begins with a point goes the long way.
        if all_digits(digits) && bytes[start] != b'.' {
            return Some((packed_digits(digits) * UNITS[decimals % 8]) as i64);
        }
    }
    long_decimal(bytes, start, end)
}

#[inline(never)]
fn long_decimal(bytes: &[u8], start: usize, end: usize) -> Option<i64> {
    decimal_nanos(&bytes[start..end])
}

/// Whether a value in its message is surely digits alone; false also where that takes a closer look.
#[inline(always)]
pub(super) fn is_digits_in(bytes: &[u8], start: usize, end: usize) -> bool {
    letters_before(bytes, start, end).is_some_and(|(word, keep)| all_digits((word ^ ZEROS) & keep))
}

/// Whether a value in its message is surely digits with at most one point; false also where that takes a closer look.
#[inline(always)]
pub(super) fn is_decimal_in(bytes: &[u8], start: usize, end: usize) -> bool {
    let sound = |(word, keep)| all_digits(without_point(word, keep).0) && bytes[start] != b'.';
    letters_before(bytes, start, end).is_some_and(sound)
}

/// Bit 7 of the first byte that is zero, and maybe of later ones.
#[inline(always)]
pub(super) const fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(0x0101_0101_0101_0101) & !word & 0x8080_8080_8080_8080
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
    let number = eight_digits(bytes.try_into().ok()?, 8)? as u32;
    let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let last = LAST_DAYS[month as usize % 16] + u32::from(leap && month == 2);
    let sound = year >= 1970 && (1..=12).contains(&month) && (1..=last).contains(&day);
    sound.then(|| days(year.into(), month.into(), day.into()) as u32)
}

/// The last day of each month of a year that is no leap year.
const LAST_DAYS: [u32; 16] = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 0, 0, 0];

/// LocalMktDate: the same letters as [`utc_date_days`], of the market's place.
#[inline]
pub fn local_date_days(bytes: &[u8]) -> Option<u32> {
    utc_date_days(bytes)
}

/// Seconds of `HH:MM:SS`; a leap second is the next one's zeroth.
#[inline(always)]
fn clock_seconds(letters: &[u8; 8]) -> Option<u64> {
    // Digits become 0 to 9, the colons 0.
    let parts = u64::from_le_bytes(*letters) ^ 0x3030_3a30_303a_3030;
    let pairs = parts.wrapping_mul(10).wrapping_add(parts >> 8);
    let (hour, minute, second) = (pairs & 0xff, pairs >> 24 & 0xff, pairs >> 48 & 0xff);
    let sound = parts & 0x0000_ff00_00ff_0000 == 0 && all_digits(parts) && hour <= 23 && minute <= 59 && second <= 60;
    sound.then_some(hour * 3_600 + minute * 60 + second)
}

/// `HH:MM:SS`, then nothing or a point and three, six, nine or twelve digits; a leap second is the next one's zeroth.
#[inline]
pub fn time_of_day_ns(bytes: &[u8]) -> Option<u64> {
    let clock = bytes.first_chunk::<8>()?;
    let seconds = clock_seconds(clock)?;
    Some(seconds * NANOS as u64 + fraction_ns(bytes)?)
}

/// What stands after the eight letters of the clock: nothing, or a point and three, six, nine or twelve digits.
#[inline(always)]
fn fraction_ns(bytes: &[u8]) -> Option<u64> {
    let part = &bytes[8..];
    if part.is_empty() {
        return Some(0);
    }
    if part[0] != b'.' {
        return None;
    }
    // The eight letters before the end hold three digits, or six: the clock stands before the point.
    match part.len() - 1 {
        3 => Some(eight_digits(bytes.last_chunk()?, 3)? * 1_000_000),
        6 => Some(eight_digits(bytes.last_chunk()?, 6)? * 1_000),
        9 => unsigned(&part[1..]),
        // Picoseconds: checked, and cut.
        12 => Some(unsigned(&part[1..])? / 1_000),
        _ => None,
    }
}

/// UTCTimestamp, `YYYYMMDD-HH:MM:SS[.sss]` and finer, as ns since 1970; `None` before then and after 2554.
#[inline]
pub fn utc_time_ns(bytes: &[u8]) -> Option<u64> {
    let (date, rest) = bytes.split_at_checked(8)?;
    let [b'-', clock @ ..] = rest else { return None };
    let days = u64::from(utc_date_days(date)?);
    days.checked_mul(NANOS_OF_DAY)?.checked_add(time_of_day_ns(clock)?)
}

/// Whether the letters are those of a UTCTimestamp.
#[inline]
pub(super) fn is_utc_time(bytes: &[u8]) -> bool {
    let Some((date, [b'-', clock @ ..])) = bytes.split_first_chunk::<8>() else { return false };
    let digits = u64::from_le_bytes(*date) ^ ZEROS;
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let (century, month, day) = (pairs & 0xff, pairs >> 32 & 0xff, pairs >> 48 & 0xff);
    // A day that every month has, in this century; any other is looked at closely.
    let plain = all_digits(digits) && century == 20 && month.wrapping_sub(1) < 12 && day.wrapping_sub(1) < 28;
    (plain || utc_date_days(date).is_some()) && time_of_day_ns(clock).is_some()
}

/// Date and `-`, clock, and fraction of a time with milliseconds.
#[inline(always)]
const fn parts(letters: &[u8; 21]) -> (&[u8; 9], &[u8; 8], &[u8; 4]) {
    let (date, rest) = letters.split_first_chunk().expect("21 letters");
    let (clock, fraction) = rest.split_first_chunk().expect("12 letters");
    (date, clock, fraction.first_chunk().expect("4 letters"))
}

/// The number in `.nnn`.
#[inline(always)]
const fn millis(letters: [u8; 4]) -> Option<u64> {
    let digits = u32::from_le_bytes(letters) ^ 0x3030_302e;
    let sound = (digits.wrapping_add(0x7676_7600) | digits) & 0x8080_80ff == 0;
    let (hundreds, tens, ones) = (digits >> 8 & 0xff, digits >> 16 & 0xff, digits >> 24);
    if sound { Some((hundreds * 100 + tens * 10 + ones) as u64) } else { None }
}

/// The day and the second that were read last: nearly every time of a session is of the same day, most are of the same second.
#[derive(Clone, Copy, Debug, Default)]
pub struct DayCache {
    /// The date's letters, and where its day begins.
    letters: u64,
    day_ns: u64,
    /// The letters of the second on that day, and where it begins; 0 before the first.
    clock: u64,
    second_ns: u64,
}

impl DayCache {
    /// [`utc_time_ns`], the letters of date and second compared with the last ones.
    #[inline(always)]
    pub fn utc_time_ns(&mut self, bytes: &[u8]) -> Option<u64> {
        // With milliseconds, as nearly all are, and of the second before.
        if let Ok(letters) = <&[u8; 21]>::try_from(bytes)
            && let ([date @ .., b'-'], clock, fraction) = parts(letters)
            && (u64::from_le_bytes(*date) == self.letters) & (u64::from_le_bytes(*clock) == self.clock)
            && let Some(millis) = millis(*fraction)
            && self.second_ns != 0
        {
            return self.second_ns.checked_add(millis * 1_000_000);
        }
        self.any_time_ns(bytes)
    }

    #[inline(never)]
    fn any_time_ns(&mut self, bytes: &[u8]) -> Option<u64> {
        let (date, rest) = bytes.split_first_chunk::<8>()?;
        let [b'-', clock @ ..] = rest else { return None };
        let letters = u64::from_le_bytes(*date);
        let second = u64::from_le_bytes(*clock.first_chunk::<8>()?);
        if (letters != self.letters) | (second != self.clock) | (self.second_ns == 0) {
            self.enter_second(date, letters, clock.first_chunk()?)?;
        }
        self.second_ns.checked_add(fraction_ns(clock)?)
    }

    #[inline(never)]
    fn enter_second(&mut self, date: &[u8; 8], letters: u64, clock: &[u8; 8]) -> Option<()> {
        if letters != self.letters {
            let day_ns = u64::from(utc_date_days(date)?).checked_mul(NANOS_OF_DAY)?;
            *self = Self { letters, day_ns, ..Self::default() };
        }
        let second_ns = self.day_ns.checked_add(clock_seconds(clock)? * NANOS as u64)?;
        (self.clock, self.second_ns) = (u64::from_le_bytes(*clock), second_ns);
        Some(())
    }
}

/// The time that was written last: a message's times are often the same, and of the second of the message before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written {
    time_ns: u64,
    second_ns: u64,
    /// `YYYYMMDD`, `-HH:MM:S`, `S.nnnnnn` and `nnn`, the first letter in the lowest byte.
    words: [u64; 3],
    last: u32,
}

/// The time 0.
impl Default for Written {
    fn default() -> Self {
        Self::of_second(0)
    }
}

impl Written {
    /// [`write_time`], what is equal to the last time taken from it; up to [`TIME_ROOM`] bytes are written.
    #[inline(always)]
    pub fn write(kept: &Cell<Self>, out: &mut [u8; TIME_ROOM], time_ns: u64, precision: Precision) -> usize {
        let mut last = kept.get();
        if time_ns != last.time_ns {
            last = last.followed_by(time_ns);
            kept.set(last);
        }
        last.lay(out, precision)
    }

    #[inline(always)]
    const fn followed_by(self, time_ns: u64) -> Self {
        let same = time_ns.wrapping_sub(self.second_ns) < NANOS as u64;
        let second = if same { self } else { Self::of_second(time_ns) };
        let nanos = time_ns.wrapping_sub(second.second_ns);
        let (head, ninth) = (unpacked_digits(nanos / 10) | ZEROS, nanos % 10 + b'0' as u64);
        let [date, clock, tail] = second.words;
        let last = (head >> 48) as u32 | (ninth as u32) << 16;
        Self { time_ns, second_ns: second.second_ns, words: [date, clock, tail & 0xffff | head << 16], last }
    }

    #[cold]
    const fn of_second(time_ns: u64) -> Self {
        let (day, of_day) = (time_ns / NANOS_OF_DAY, time_ns % NANOS_OF_DAY);
        let (clock, second_ns) = (clock_letters(of_day), time_ns - time_ns % NANOS as u64);
        let words = [date_letters(day), clock << 8 | b'-' as u64, ZEROS << 16 | (b'.' as u64) << 8 | clock >> 56];
        Self { time_ns: second_ns, second_ns, words, last: 0x30_3030 }
    }

    #[inline(always)]
    fn lay(&self, out: &mut [u8; TIME_ROOM], precision: Precision) -> usize {
        out[..8].copy_from_slice(&self.words[0].to_le_bytes());
        out[8..16].copy_from_slice(&self.words[1].to_le_bytes());
        if precision == Precision::Seconds {
            out[16] = self.words[2] as u8;
        } else {
            out[16..24].copy_from_slice(&self.words[2].to_le_bytes());
            out[24..].copy_from_slice(&self.last.to_le_bytes());
        }
        precision.letters()
    }
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
/// The same, up to whole words.
pub(super) const TIME_ROOM: usize = 28;

/// Eight digits of a number below 10^8, the first one in the lowest byte, as values of 0 to 9.
#[inline(always)]
const fn unpacked_digits(number: u64) -> u64 {
    // Fours of digits, then pairs, then digits, each in its own lane: (x * 5243) >> 19 is x / 100 for x below 10^4.
    let halves = (number / 10_000) | (number % 10_000) << 32;
    let hundreds = (halves.wrapping_mul(5_243) >> 19) & 0x0000_007f_0000_007f;
    let pairs = hundreds | halves.wrapping_sub(hundreds.wrapping_mul(100)) << 16;
    let tens = (pairs.wrapping_mul(103) >> 10) & 0x000f_000f_000f_000f;
    tens | pairs.wrapping_sub(tens.wrapping_mul(10)) << 8
}

/// A number below 10^8 as letters from the lowest byte on, and how many they are.
#[inline(always)]
pub(super) const fn number_letters(number: u64) -> (u64, usize) {
    let digits = unpacked_digits(number);
    let zeros = if digits == 0 { 56 } else { digits.trailing_zeros() & 56 };
    ((digits | ZEROS) >> zeros, 8 - zeros as usize / 8)
}

/// The eight letters of a number below 10^8, zeros first, and how many of them are its own.
#[inline(always)]
pub(super) const fn padded_letters(number: u64) -> (u64, usize) {
    let digits = unpacked_digits(number);
    let zeros = if digits == 0 { 7 } else { digits.trailing_zeros() as usize / 8 };
    (digits | ZEROS, 8 - zeros)
}

/// Letters of a price that is plain, as nearly all are: below 10^4, four decimals at most.
pub(super) struct Plain {
    /// The digits before the point, from the lowest byte on.
    whole: u32,
    /// The four after it.
    part: u32,
    /// How many digits stand before it.
    digits: usize,
    /// How many of those after it count.
    decimals: usize,
}

impl Plain {
    /// Of nanos from 0 on; `None` for what is not plain.
    #[inline(always)]
    pub const fn of(nanos: u64) -> Option<Self> {
        let (tenthousandths, beyond) = (nanos / 100_000, nanos % 100_000);
        if beyond != 0 || tenthousandths >= 100_000_000 {
            return None;
        }
        let digits = unpacked_digits(tenthousandths);
        let (whole, part) = (digits as u32, (digits >> 32) as u32);
        // The bit keeps the last digit before the point: a zero alone counts.
        let zeros = (whole | 1 << 24).trailing_zeros() & 24;
        let decimals = 4 - part.leading_zeros() as usize / 8;
        let letters = ZEROS as u32;
        Some(Self { whole: (whole | letters) >> zeros, part: part | letters, digits: 4 - zeros as usize / 8, decimals })
    }

    /// How many letters it has.
    #[inline(always)]
    pub const fn count(&self) -> usize {
        self.digits + self.decimals + (self.decimals != 0) as usize
    }

    /// Writes them, and some bytes behind them.
    #[inline(always)]
    pub fn lay(&self, out: &mut [u8; 16]) {
        out[..4].copy_from_slice(&self.whole.to_le_bytes());
        let rest = u64::from(self.part) << 8 | u64::from(b'.');
        let at = self.digits % 8;
        out[at..at + 8].copy_from_slice(&rest.to_le_bytes());
    }
}

/// Writes a UTCTimestamp into the first bytes of `out`, cutting what the precision leaves out; how many letters it has.
#[inline]
pub fn write_time(out: &mut [u8; TIME_LETTERS_MAX], time_ns: u64, precision: Precision) -> usize {
    let mut letters = [0; TIME_ROOM];
    let count = Written::of_second(time_ns).followed_by(time_ns).lay(&mut letters, precision);
    out.copy_from_slice(&letters[..TIME_LETTERS_MAX]);
    count
}

/// The eight letters of a day's date.
const fn date_letters(day: u64) -> u64 {
    let (year, month, day) = civil(day);
    unpacked_digits(year * 10_000 + month * 100 + day) | ZEROS
}

/// `HH:MM:SS` of a time of day: a zero stands where each colon goes.
const fn clock_letters(of_day_ns: u64) -> u64 {
    let seconds = of_day_ns / NANOS as u64;
    let clock = seconds / 3_600 * 1_000_000 + seconds / 60 % 60 * 1_000 + seconds % 60;
    unpacked_digits(clock) + 0x3030_3a30_303a_3030
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
    if rest < 100_000_000 {
        let digits = unpacked_digits(rest);
        out[at - 8..].copy_from_slice(&(digits | ZEROS).to_le_bytes());
        // Zeros before the first digit are none of its letters; a zero alone is.
        return at - 8 + (digits.trailing_zeros() as usize / 8).min(7);
    }
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
    let (whole, part) = (nanos.unsigned_abs() / NANOS as u64, nanos.unsigned_abs() % NANOS as u64);
    let mut at = out.len();
    if part != 0 {
        // Nine digits, the last of which is most often a zero.
        let (head, last) = (part / 10, part % 10);
        let digits = unpacked_digits(head);
        let count = if last != 0 { 9 } else { 8 - digits.leading_zeros() as usize / 8 };
        let mut letters = [b'0' + last as u8; 9];
        letters[..8].copy_from_slice(&(digits | ZEROS).to_le_bytes());
        at -= count;
        out[at..].copy_from_slice(&letters[..count]);
        at -= 1;
        out[at] = b'.';
    }
    let mut letters = [0; INTEGER_LETTERS_MAX];
    let from = write_unsigned(&mut letters, whole);
    let count = letters.len() - from;
    at -= count;
    out[at..at + count].copy_from_slice(&letters[from..]);
    if nanos < 0 {
        at -= 1;
        out[at] = b'-';
    }
    at
}

#[cfg(test)]
#[path = "values_tests.rs"]
mod tests;
