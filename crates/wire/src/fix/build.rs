//! Messages written into the caller's buffer.
//!
//! The body is written first, behind room for the longest header; the header, whose length, number and time are known last,
//! is then laid right before it. So the message begins somewhere inside the buffer, and nothing is ever moved. Header fields
//! stand in order of their tags behind 8, 9 and 35.
//!
//! Invariant: a message that does not fit, or a value that cannot stand in one, gives [`Full`] and no bytes.

use super::scan::checksum;
use super::values::{
    DECIMAL_LETTERS_MAX, INTEGER_LETTERS_MAX, TIME_LETTERS_MAX, Written, write_decimal, write_integer, write_unsigned,
};
use super::{SOH, values};
use std::cell::Cell;

pub use values::Precision;

/// Bytes for header fields of one message: PossDupFlag, OrigSendingTime, OnBehalfOfCompID and their like.
const EXTRAS_BYTES_MAX: usize = 256;
/// Bytes of a MsgType.
const KIND_BYTES_MAX: usize = 8;
/// The longest time and a field's end, rounded up.
const TIME_ROOM: usize = 32;
const MSG_SEQ_NUM: u32 = 34;
const SENDING_TIME: u32 = 52;

/// The message did not fit into the buffer, or a value held a SOH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl std::fmt::Display for Full {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the message does not fit into its buffer, or a value holds a field's end")
    }
}

impl std::error::Error for Full {}

/// What every message of a session begins with, laid out once.
#[derive(Clone, Debug)]
pub struct Header {
    /// `8=…` and `9=`.
    begin: Vec<u8>,
    /// What stands between the letters of MsgSeqNum and those of SendingTime.
    before: Vec<u8>,
    /// What stands behind the letters of SendingTime.
    after: Vec<u8>,
    fields: Vec<(u32, Vec<u8>)>,
    precision: Precision,
    /// The time that was written last.
    time: Cell<Written>,
}

impl Header {
    /// Of a version (`FIX.4.4`, `FIXT.1.1`) and two parties.
    pub fn new(begin_string: &str, sender_comp_id: &str, target_comp_id: &str) -> Self {
        let header = Self {
            begin: [b"8=", begin_string.as_bytes(), b"\x019="].concat(),
            before: Vec::new(),
            after: Vec::new(),
            fields: Vec::new(),
            precision: Precision::Milliseconds,
            time: Cell::default(),
        };
        header.with(49, sender_comp_id.as_bytes()).with(56, target_comp_id.as_bytes())
    }

    /// A field that stands in every message, SenderSubID (50) say; one of that tag is replaced.
    #[must_use]
    pub fn with(mut self, tag: u32, value: &[u8]) -> Self {
        match self.fields.binary_search_by_key(&tag, |field| field.0) {
            Ok(at) => self.fields[at].1 = value.to_vec(),
            Err(at) => self.fields.insert(at, (tag, value.to_vec())),
        }
        let part = |of: &dyn Fn(u32) -> bool| {
            let mut bytes = Vec::new();
            for (tag, value) in self.fields.iter().filter(|field| of(field.0)) {
                bytes.extend_from_slice(tag.to_string().as_bytes());
                bytes.push(b'=');
                bytes.extend_from_slice(value);
                bytes.push(SOH);
            }
            bytes
        };
        let (before, after) = (part(&|tag| tag < SENDING_TIME), part(&|tag| tag > SENDING_TIME));
        self.before = [&[SOH], &before[..], b"52="].concat();
        self.after = [&[SOH], &after[..]].concat();
        self
    }

    /// Digits of SendingTime's seconds.
    #[must_use]
    pub const fn with_precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// A time's letters.
    #[inline(always)]
    fn write_time(&self, letters: &mut [u8; TIME_ROOM], time_ns: u64, precision: Precision) -> usize {
        let letters = letters.first_chunk_mut().expect("there is room");
        Written::write(&self.time, letters, time_ns, precision)
    }

    /// Digits of SendingTime's seconds.
    pub const fn precision(&self) -> Precision {
        self.precision
    }

    /// Bytes of a buffer that a message of this header may need besides its body.
    pub const fn room(&self) -> usize {
        let numbers = 2 * (INTEGER_LETTERS_MAX + 1) + 3 + TIME_LETTERS_MAX + 4 + KIND_BYTES_MAX + 4;
        EXTRAS_BYTES_MAX + self.begin.len() + numbers + self.before.len() + self.after.len()
    }
}

/// A whole message around a body that is there already, from MsgType on: for tests, tools and people, not for the hot path.
pub fn seal(begin_string: &[u8], body: &[u8]) -> Vec<u8> {
    let mut message = [b"8=", begin_string, b"\x019="].concat();
    message.extend_from_slice(body.len().to_string().as_bytes());
    message.push(SOH);
    message.extend_from_slice(body);
    let sum = checksum(&message);
    message.extend_from_slice(format!("10={sum:03}\x01").as_bytes());
    message
}

/// A message under construction.
#[derive(Debug)]
pub struct Builder<'a> {
    header: &'a Header,
    out: &'a mut [u8],
    /// Where the body begins.
    body: usize,
    /// Where the next field goes.
    at: usize,
    /// Where the message that was finished last begins.
    start: usize,
    /// Bytes of header fields of this message, at the start of `out`.
    extras: usize,
    kind: [u8; KIND_BYTES_MAX],
    kind_bytes: usize,
    full: bool,
}

impl<'a> Builder<'a> {
    /// Writes into `out`, which takes [`Header::room`], the body, and seven bytes.
    #[inline]
    pub fn new(header: &'a Header, out: &'a mut [u8]) -> Self {
        let body = header.room();
        let full = out.len() < body;
        Self { header, out, body, at: body, start: body, extras: 0, kind: [0; KIND_BYTES_MAX], kind_bytes: 0, full }
    }

    /// Begins a message of this MsgType; what was written before is forgotten.
    #[inline]
    pub fn begin(&mut self, kind: &[u8]) -> &mut Self {
        self.at = self.body;
        self.extras = 0;
        self.full = self.out.len() < self.body || kind.is_empty() || kind.len() > KIND_BYTES_MAX;
        self.kind_bytes = kind.len().min(KIND_BYTES_MAX);
        self.kind[..self.kind_bytes].copy_from_slice(&kind[..self.kind_bytes]);
        self
    }

    /// A field of the header that this message alone has; at most 256 bytes of them. Not for 8, 9, 34, 35, 49, 52, 56.
    pub fn header_field(&mut self, tag: u32, value: &[u8]) -> &mut Self {
        let mut letters = [0; INTEGER_LETTERS_MAX];
        let tag_at = write_unsigned(&mut letters, u64::from(tag));
        let field = [&letters[tag_at..], b"=", value, &[SOH]];
        let needed: usize = field.iter().map(|part| part.len()).sum();
        self.full |= self.extras + needed > EXTRAS_BYTES_MAX || value.contains(&SOH);
        if !self.full {
            for part in field {
                self.out[self.extras..self.extras + part.len()].copy_from_slice(part);
                self.extras += part.len();
            }
        }
        self
    }

    /// A field of the body. A value with a SOH inside makes the message [`Full`].
    #[inline(always)]
    pub fn field(&mut self, tag: u32, value: &[u8]) -> &mut Self {
        self.text(tag_letters(tag), value)
    }

    /// A field whose value may hold any byte, behind the field that tells its length.
    #[inline]
    pub fn data(&mut self, length_tag: u32, tag: u32, value: &[u8]) -> &mut Self {
        self.unsigned(length_tag, value.len() as u64);
        let (letters, count) = tag_letters(tag);
        self.put(&letters.to_le_bytes()[..count]);
        self.put(value);
        self.put(&[SOH]);
        self
    }

    /// A number.
    #[inline(always)]
    pub fn integer(&mut self, tag: u32, value: i64) -> &mut Self {
        if value < 0 { self.negative(tag, value) } else { self.unsigned(tag, value.cast_unsigned()) }
    }

    /// A number without a sign: sequence numbers, lengths, counts of groups.
    #[inline(always)]
    pub fn unsigned(&mut self, tag: u32, value: u64) -> &mut Self {
        self.number(tag_letters(tag), value)
    }

    /// A price, quantity or amount in nanos.
    #[inline(always)]
    pub fn decimal(&mut self, tag: u32, nanos: i64) -> &mut Self {
        self.nanos(tag_letters(tag), nanos)
    }

    /// A UTCTimestamp.
    #[inline(always)]
    pub fn time(&mut self, tag: u32, time_ns: u64, precision: Precision) -> &mut Self {
        self.timestamp(tag_letters(tag), time_ns, precision)
    }

    /// `Y` or `N`.
    #[inline]
    pub fn boolean(&mut self, tag: u32, value: bool) -> &mut Self {
        self.field(tag, if value { b"Y" } else { b"N" })
    }

    /// Bytes of fields that are sound already, as they stood in another message: each with its tag and its SOH.
    pub fn fields(&mut self, bytes: &[u8]) -> &mut Self {
        self.full |= bytes.last().is_some_and(|last| *last != SOH);
        self.put(bytes);
        self
    }

    /// Lays header and trailer around the body; the message.
    ///
    /// # Errors
    /// [`Full`] when something did not fit. The builder may go on with another message after `begin`.
    #[inline]
    pub fn finish(&mut self, sequence: u64, sending_time_ns: u64) -> Result<&[u8], Full> {
        if self.full || self.kind_bytes == 0 || self.out.len() - self.at < 7 {
            return Err(Full);
        }
        let start = self.lay_header(sequence, sending_time_ns);
        let sum = checksum(&self.out[start..self.at]);
        let digits = [b'0' + sum / 100, b'0' + sum / 10 % 10, b'0' + sum % 10];
        self.start = start;
        let trailer = &mut self.out[self.at..self.at + 7];
        trailer.copy_from_slice(&[b'1', b'0', b'=', digits[0], digits[1], digits[2], SOH]);
        Ok(&self.out[start..self.at + 7])
    }

    /// Where in the buffer the message that was finished last begins.
    #[inline]
    pub const fn start(&self) -> usize {
        self.start
    }

    /// Lays the header before the body, from its end to its start; where it begins.
    #[inline]
    fn lay_header(&mut self, sequence: u64, sending_time_ns: u64) -> usize {
        let mut letters = [0; TIME_ROOM];
        let count = self.header.write_time(&mut letters, sending_time_ns, self.header.precision);
        let mut back = Back { out: &mut *self.out, at: self.body };
        if self.extras == 0 {
            back.put(&self.header.after);
            back.put(&letters[..count]);
            back.put(&self.header.before);
            back.number(sequence);
            back.put(b"34=");
        } else {
            let mut number = [0; INTEGER_LETTERS_MAX];
            let number_at = write_unsigned(&mut number, sequence);
            back.merged(self.header, self.extras, &number[number_at..], &letters[..count]);
        }
        back.put(&[SOH]);
        back.put(&self.kind[..self.kind_bytes]);
        back.put(b"35=");
        let length = self.at - back.at;
        back.put(&[SOH]);
        back.number(length as u64);
        back.put(&self.header.begin);
        back.at
    }

    /// Room for a field of so many letters, its tag written: the bytes from its value on, and some more that the next field
    /// covers. `None` where the buffer is nearly full.
    #[inline(always)]
    fn place(&mut self, (letters, count): (u128, usize), value: usize) -> Option<&mut [u8]> {
        let place = self.out.get_mut(self.at..self.at + value + ROOM_MAX).filter(|_| !self.full)?;
        place[..16].copy_from_slice(&letters.to_le_bytes());
        self.at += count + value + 1;
        place.get_mut(count..)
    }

    #[inline(always)]
    fn text(&mut self, tag: (u128, usize), value: &[u8]) -> &mut Self {
        let Some(place) = self.place(tag, value.len()) else { return self.slowly(tag, value) };
        let sound = copy_checked(place, value);
        place[value.len()] = SOH;
        self.full |= !sound;
        self
    }

    #[inline]
    fn number(&mut self, tag: (u128, usize), value: u64) -> &mut Self {
        if value < 100_000_000 {
            let (letters, count) = values::number_letters(value);
            if let Some(place) = self.place(tag, count) {
                place[..8].copy_from_slice(&letters.to_le_bytes());
                place[count] = SOH;
                return self;
            }
        }
        let mut letters = [0; INTEGER_LETTERS_MAX];
        let at = write_unsigned(&mut letters, value);
        self.slowly(tag, &letters[at..])
    }

    #[cold]
    fn negative(&mut self, tag: u32, value: i64) -> &mut Self {
        let mut letters = [0; INTEGER_LETTERS_MAX];
        let at = write_integer(&mut letters, value);
        self.slowly(tag_letters(tag), &letters[at..])
    }

    #[inline]
    fn nanos(&mut self, tag: (u128, usize), nanos: i64) -> &mut Self {
        // Up to eight digits before the point, and no sign: nearly every price and size.
        if (0..100_000_000 * 1_000_000_000).contains(&nanos) {
            let (whole, part, last, decimals) = values::decimal_parts(nanos.cast_unsigned());
            let (letters, digits) = values::number_letters(whole);
            let count = digits + decimals + usize::from(decimals > 0);
            if let Some(place) = self.place(tag, count) {
                place[..8].copy_from_slice(&letters.to_le_bytes());
                place[digits] = b'.';
                place[digits + 1..digits + 9].copy_from_slice(&part.to_le_bytes());
                place[digits + 9] = last;
                place[count] = SOH;
                return self;
            }
        }
        let mut letters = [0; DECIMAL_LETTERS_MAX];
        let at = write_decimal(&mut letters, nanos);
        self.slowly(tag, &letters[at..])
    }

    #[inline]
    fn timestamp(&mut self, tag: (u128, usize), time_ns: u64, precision: Precision) -> &mut Self {
        let header = self.header;
        let count = precision.letters();
        if let Some(letters) = self.place(tag, count).and_then(|place| place.first_chunk_mut()) {
            header.write_time(letters, time_ns, precision);
            letters[count % TIME_ROOM] = SOH;
            return self;
        }
        let mut letters = [0; TIME_ROOM];
        header.write_time(&mut letters, time_ns, precision);
        self.slowly(tag, &letters[..count])
    }

    /// Any field, byte by byte: where the buffer is nearly full, and what is rare.
    #[cold]
    fn slowly(&mut self, (letters, count): (u128, usize), value: &[u8]) -> &mut Self {
        self.full |= value.contains(&SOH);
        self.put(&letters.to_le_bytes()[..count]);
        self.put(value);
        self.put(&[SOH]);
        self
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        let end = self.at + bytes.len();
        match self.out.get_mut(self.at..end) {
            Some(place) if !self.full => {
                place.copy_from_slice(bytes);
                self.at = end;
            }
            _ => self.full = true,
        }
    }
}

/// Bytes that a field may take besides its value, those among them that are written before the next field covers them.
const ROOM_MAX: usize = 48;

/// A tag's digits and `=`, the first one in the lowest byte, and how many they are. Of a constant, a constant.
#[inline(always)]
const fn tag_letters(tag: u32) -> (u128, usize) {
    let (mut word, mut count, mut rest) = (b'=' as u128, 1, tag);
    loop {
        word = word << 8 | (b'0' + (rest % 10) as u8) as u128;
        count += 1;
        rest /= 10;
        if rest == 0 {
            return (word, count);
        }
    }
}

/// Copies a value, and nothing behind it; false where a SOH is inside.
#[inline(always)]
fn copy_checked(to: &mut [u8], value: &[u8]) -> bool {
    let count = value.len();
    let soh = |word: u64| values::zero_bytes(word ^ 0x0101_0101_0101_0101) != 0;
    if let (Some(first), Some(last)) = (value.first_chunk::<8>(), value.last_chunk::<8>())
        && count <= 16
    {
        to[..8].copy_from_slice(first);
        to[count - 8..count].copy_from_slice(last);
        !(soh(u64::from_le_bytes(*first)) | soh(u64::from_le_bytes(*last)))
    } else if let (Some(first), Some(last)) = (value.first_chunk::<4>(), value.last_chunk::<4>())
        && count < 8
    {
        to[..4].copy_from_slice(first);
        to[count - 4..count].copy_from_slice(last);
        !soh(u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last)))
    } else if let [only] = value {
        to[0] = *only;
        *only != SOH
    } else if count < 4 {
        to[..count].iter_mut().zip(value).for_each(|(to, from)| *to = *from);
        value.iter().all(|byte| *byte != SOH)
    } else {
        to[..count].copy_from_slice(value);
        !value.contains(&SOH)
    }
}

/// Copies a value, and nothing behind it. A call to copy memory takes longer than these.
#[inline(always)]
fn copy_short(to: &mut [u8], value: &[u8]) {
    let count = value.len();
    if let (Some(first), Some(last)) = (value.first_chunk::<16>(), value.last_chunk::<16>())
        && count <= 32
    {
        to[..16].copy_from_slice(first);
        to[count - 16..count].copy_from_slice(last);
    } else if let (Some(first), Some(last)) = (value.first_chunk::<8>(), value.last_chunk::<8>())
        && count < 16
    {
        to[..8].copy_from_slice(first);
        to[count - 8..count].copy_from_slice(last);
    } else if let (Some(first), Some(last)) = (value.first_chunk::<4>(), value.last_chunk::<4>())
        && count < 8
    {
        to[..4].copy_from_slice(first);
        to[count - 4..count].copy_from_slice(last);
    } else if let [only] = value {
        to[0] = *only;
    } else if let [first, middle @ .., last] = value
        && count < 4
    {
        to[0] = *first;
        to[1] = *middle.first().unwrap_or(last);
        to[count - 1] = *last;
    } else {
        to[..count].copy_from_slice(value);
    }
}

/// Writes from an end to a start.
struct Back<'a> {
    out: &'a mut [u8],
    at: usize,
}

impl Back<'_> {
    #[inline(always)]
    fn put(&mut self, bytes: &[u8]) {
        let start = self.at - bytes.len();
        copy_short(&mut self.out[start..self.at], bytes);
        self.at = start;
    }

    /// A number; below 10^8, the zeros written before it are covered by what is put next.
    #[inline(always)]
    fn number(&mut self, value: u64) {
        if value < 100_000_000 {
            let (letters, count) = values::padded_letters(value);
            self.out[self.at - 8..self.at].copy_from_slice(&letters.to_le_bytes());
            self.at -= count;
        } else {
            let mut letters = [0; INTEGER_LETTERS_MAX];
            let at = write_unsigned(&mut letters, value);
            self.put(&letters[at..]);
        }
    }

    /// The header's fields and those of this message, in order of their tags, the highest first.
    #[cold]
    fn merged(&mut self, header: &Header, extras: usize, sequence: &[u8], time: &[u8]) {
        let mut copy = [0; EXTRAS_BYTES_MAX];
        copy[..extras].copy_from_slice(&self.out[..extras]);
        let number = |field: &[u8]| {
            let letters = field.iter().position(|byte| *byte == b'=').unwrap_or(0);
            values::unsigned(&field[..letters]).unwrap_or(0) as u32
        };
        let mut below = u32::MAX;
        loop {
            // Few fields: the highest tag below the last one is looked for each time.
            let own = copy[..extras].split_inclusive(|byte| *byte == SOH).map(|field| (number(field), Some(field)));
            let fixed = header.fields.iter().map(|field| (field.0, None));
            let always = [(MSG_SEQ_NUM, None), (SENDING_TIME, None)];
            let next = own.chain(fixed).chain(always).filter(|field| field.0 < below).max_by_key(|field| field.0);
            let Some((tag, field)) = next else { return };
            below = tag;
            if let Some(field) = field {
                self.put(field);
                continue;
            }
            self.put(&[SOH]);
            match tag {
                MSG_SEQ_NUM => self.put(sequence),
                SENDING_TIME => self.put(time),
                _ => {
                    let at = header.fields.binary_search_by_key(&tag, |field| field.0).unwrap_or(0);
                    self.put(&header.fields[at].1);
                }
            }
            self.put(b"=");
            let mut letters = [0; INTEGER_LETTERS_MAX];
            let at = write_unsigned(&mut letters, u64::from(tag));
            self.put(&letters[at..]);
        }
    }
}

#[cfg(test)]
#[path = "build_tests.rs"]
mod tests;
