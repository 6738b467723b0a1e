//! Where a message ends in a stream of bytes: BeginString, BodyLength, CheckSum.
//!
//! Invariant: [`Framed::Message`] is said only of bytes whose length and checksum are right; anything else is skipped with a
//! reason, at least one byte at a time, and never more than `max` bytes are waited for.

use super::SOH;
use super::scan::{checksum, soh_mask};
use super::values::four_digits;

/// What the first bytes of a stream are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framed {
    /// The start of a message, or nothing: wait for more.
    Incomplete,
    /// A whole message of so many bytes, length and checksum right.
    Message {
        /// From `8=` to the SOH after the checksum.
        length: usize,
    },
    /// No message: leave `skip` bytes behind and look again.
    Garbled {
        /// At least 1.
        skip: usize,
        /// Why.
        why: Garbled,
    },
}

/// Why bytes are no message. Counted by index: appended, never renumbered.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Garbled {
    /// They do not begin with `8=FIX` and a version of at most twelve letters.
    Begin = 0,
    /// `9=` and up to nine digits do not follow, or no checksum stands where that length ends.
    Length = 1,
    /// The message would be longer than allowed.
    TooLong = 2,
    /// The checksum is not the sum.
    Checksum = 3,
    /// MsgType does not follow as the third field.
    Type = 4,
}

impl Garbled {
    /// How many there are.
    pub const COUNT: usize = 5;
    /// All, by index.
    pub const ALL: [Self; Self::COUNT] = [Self::Begin, Self::Length, Self::TooLong, Self::Checksum, Self::Type];

    /// A word for counters and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::Length => "length",
            Self::TooLong => "too_long",
            Self::Checksum => "checksum",
            Self::Type => "type",
        }
    }
}

const BEGIN: &[u8] = b"8=FIX";
/// The longest BeginString is `FIXT.1.1`; others leave a little room for what may come.
const VERSION_BYTES_MAX: usize = 12;
const LENGTH_DIGITS_MAX: usize = 9;
/// More than begin string, body length of four digits and their ends take.
const START_BYTES: usize = 32;
/// `10=nnn` and its SOH.
const TRAILER_BYTES: usize = 7;

/// What the first bytes are. A message longer than `max` bytes is garbled as soon as its length is known.
#[inline]
pub fn frame(bytes: &[u8], max: usize) -> Framed {
    let body = match quick_start(bytes).map_or_else(|| body_start(bytes), |start| Ok(Some(start))) {
        Ok(Some((body, length))) => (body, length),
        Ok(None) => return Framed::Incomplete,
        Err(why) => return garbled(bytes, why),
    };
    let total = body.0 + body.1 + TRAILER_BYTES;
    if total > max {
        return garbled(bytes, Garbled::TooLong);
    }
    let Some(message) = bytes.get(..total) else { return Framed::Incomplete };
    let summed = &message[..total - TRAILER_BYTES];
    let Some(stated) = message.last_chunk::<8>().and_then(|letters| stated_sum(*letters)) else {
        return garbled(bytes, Garbled::Length);
    };
    // Its length is right, so it is left behind whole: a message inside its data must not come to life.
    if stated != u32::from(checksum(summed)) {
        return Framed::Garbled { skip: total, why: Garbled::Checksum };
    }
    if !summed[body.0..].starts_with(b"35=") {
        return Framed::Garbled { skip: total, why: Garbled::Type };
    }
    Framed::Message { length: total }
}

/// The sum that a trailer tells, with the SOH before it: `|10=nnn|`.
#[inline(always)]
fn stated_sum(letters: [u8; 8]) -> Option<u32> {
    const FORM: u64 = u64::from_le_bytes(*b"\x0110=\0\0\0\x01");
    const DIGITS: u64 = 0x00ff_ffff_0000_0000;
    let word = u64::from_le_bytes(letters);
    (word & !DIGITS == FORM).then(|| four_digits((word >> 24) as u32, 3)).flatten()
}

/// Where the body begins and how long it is, of bytes that are as nearly all are; `None` for any others, not all of them bad.
#[inline(always)]
fn quick_start(bytes: &[u8]) -> Option<(usize, usize)> {
    let window = bytes.first_chunk::<START_BYTES>()?;
    let ends = soh_mask(window);
    let first = ends.trailing_zeros() as usize;
    let second = (ends & ends.wrapping_sub(1)).trailing_zeros() as usize;
    let version_sound = window.starts_with(BEGIN) && (BEGIN.len()..=2 + VERSION_BYTES_MAX).contains(&first);
    // Lengths of one to four digits: the four bytes before their end hold them.
    let digits = second.wrapping_sub(first + 3);
    if !version_sound || second >= START_BYTES || !(1..=4).contains(&digits) || window[first + 1..first + 3] != *b"9=" {
        return None;
    }
    let length = four_digits(u32::from_le_bytes(*window[second - 4..second].first_chunk()?), digits)?;
    (length > 0).then_some((second + 1, length as usize))
}

/// Where the body begins and how long it is; `None` while that is not known.
#[cold]
fn body_start(bytes: &[u8]) -> Result<Option<(usize, usize)>, Garbled> {
    let known = bytes.len().min(BEGIN.len());
    if bytes[..known] != BEGIN[..known] {
        return Err(Garbled::Begin);
    }
    let version = &bytes[known..bytes.len().min(2 + VERSION_BYTES_MAX + 1)];
    let Some(version) = version.iter().position(|byte| *byte == SOH) else {
        return if bytes.len() > 2 + VERSION_BYTES_MAX { Err(Garbled::Begin) } else { Ok(None) };
    };
    let at = known + version + 1;
    let rest = &bytes[at..];
    let stated = b"9=";
    if rest.len() < 2 {
        return if stated.starts_with(rest) { Ok(None) } else { Err(Garbled::Length) };
    }
    if &rest[..2] != stated {
        return Err(Garbled::Length);
    }
    let mut length = 0;
    for (digits, byte) in rest[2..].iter().take(LENGTH_DIGITS_MAX + 1).enumerate() {
        match byte {
            b'0'..=b'9' if digits < LENGTH_DIGITS_MAX => length = length * 10 + usize::from(byte - b'0'),
            // An empty body has no MsgType.
            &SOH if digits > 0 && length > 0 => return Ok(Some((at + 2 + digits + 1, length))),
            _ => return Err(Garbled::Length),
        }
    }
    Ok(None)
}

/// Skips to the next place where a message may begin.
#[cold]
fn garbled(bytes: &[u8], why: Garbled) -> Framed {
    let next = |at: &usize| {
        let rest = &bytes[*at..];
        let known = rest.len().min(BEGIN.len());
        rest[..known] == BEGIN[..known]
    };
    Framed::Garbled { skip: (1..bytes.len()).find(next).unwrap_or(bytes.len()).max(1), why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soh(text: &str) -> Vec<u8> {
        text.bytes().map(|byte| if byte == b'|' { SOH } else { byte }).collect()
    }

    fn whole(body: &str) -> Vec<u8> {
        let mut message = soh(&format!("8=FIX.4.4|9={}|{body}", body.len()));
        let sum = checksum(&message);
        message.extend(soh(&format!("10={sum:03}|")));
        message
    }

    #[test]
    fn a_whole_message_is_told_at_its_last_byte_and_not_before() {
        let message = whole("35=0|49=A|56=B|34=1|52=20260115-14:30:00|");
        for cut in 0..message.len() {
            assert_eq!(frame(&message[..cut], 4096), Framed::Incomplete, "{cut} bytes");
        }
        assert_eq!(frame(&message, 4096), Framed::Message { length: message.len() });
        let two = [message.clone(), message.clone()].concat();
        assert_eq!(frame(&two, 4096), Framed::Message { length: message.len() });
        let untyped = whole("34=1|35=0|");
        assert_eq!(frame(&untyped, 4096), Framed::Garbled { skip: untyped.len(), why: Garbled::Type });
        assert_eq!(frame(&message, message.len()), Framed::Message { length: message.len() });
        assert_eq!(frame(&message, message.len() - 1), Framed::Garbled { skip: message.len(), why: Garbled::TooLong });
    }

    #[test]
    fn a_wrong_checksum_leaves_the_message_behind_whole() {
        let inner = whole("35=0|");
        let mut message = soh("8=FIX.4.4|9=");
        let body = [soh(&format!("35=B|95={}|96=", inner.len())), inner, soh("|")].concat();
        message.extend(soh(&format!("{}|", body.len())));
        message.extend(body);
        message.extend(soh("10=000|"));
        let sum = checksum(&message[..message.len() - 7]);
        assert_ne!(sum, 0);
        assert_eq!(frame(&message, 4096), Framed::Garbled { skip: message.len(), why: Garbled::Checksum });
    }

    #[test]
    fn after_garbage_the_next_message_is_found() {
        let good = whole("35=0|");
        for (bad, why) in [
            ("x", Garbled::Begin),
            ("8=FUX|", Garbled::Begin),
            ("8=FIX.4.4.4.4.4.4.4|9=5|", Garbled::Begin),
            ("8=FIX.4.4|35=0|", Garbled::Length),
            ("8=FIX.4.4|9=|", Garbled::Length),
            ("8=FIX.4.4|9=0|10=000|", Garbled::Length),
            ("8=FIX.4.4|9=-5|", Garbled::Length),
            ("8=FIX.4.4|9=12345678901|", Garbled::Length),
            ("8=FIX.4.4|9=999999999|", Garbled::TooLong),
            ("8=FIX.4.4|9=4|35=0|10=000|", Garbled::Length),
            ("8=FIX.4.4|9=6|35=0|10=000|", Garbled::Length),
        ] {
            let bytes = [soh(bad), good.clone()].concat();
            assert_eq!(frame(&bytes, 4096), Framed::Garbled { skip: bad.len(), why }, "{bad}");
        }
    }

    #[test]
    fn every_skip_moves_on_whatever_the_bytes() {
        let mut state = 7_u64;
        let letters = b"8=FIX.4|9=1250\x01\x0110=";
        for _ in 0..2_000 {
            let mut bytes: Vec<u8> = (0..60)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    letters[(state >> 40) as usize % letters.len()]
                })
                .collect();
            loop {
                match frame(&bytes, 50) {
                    Framed::Incomplete => break,
                    Framed::Message { length } => drop(bytes.drain(..length)),
                    Framed::Garbled { skip, .. } => {
                        assert!(skip >= 1 && skip <= bytes.len());
                        bytes.drain(..skip);
                    }
                }
            }
        }
    }
}
