//! Messages written into the caller's buffer.
//!
//! The body is written first, behind room for the longest header; the header, whose length, number and time are known last,
//! is then laid right before it. So the message begins somewhere inside the buffer, and nothing is ever moved. Header fields
//! stand in order of their tags behind 8, 9 and 35.
//!
//! Invariant: a message that does not fit, or a value that cannot stand in one, gives [`Full`] and no bytes.

use super::scan::checksum;
use super::values::{
    DECIMAL_LETTERS_MAX, INTEGER_LETTERS_MAX, Plain, TIME_LETTERS_MAX, TIME_ROOM, Written, write_decimal,
    write_integer, write_unsigned,
};
use super::{SOH, values};
use std::cell::Cell;

pub use values::Precision;

/// Bytes for header fields of one message: PossDupFlag, OrigSendingTime, OnBehalfOfCompID and their like.
const EXTRAS_BYTES_MAX: usize = 256;
/// Bytes of a MsgType.
const KIND_BYTES_MAX: usize = 8;
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
    laid: Laid,
    /// Bytes that all of them may need.
    room: usize,
    fields: Vec<(u32, Vec<u8>)>,
    precision: Precision,
    /// The time that was written last.
    time: Cell<Written>,
}

/// The same parts at the ends of blocks, which are copied whole: what stands before a part in its block is covered by the one
/// that is laid next.
#[derive(Clone, Copy, Debug)]
struct Laid {
    begin: [u8; BEGIN_BLOCK],
    begin_bytes: usize,
    before: [u8; PART_BLOCK],
    before_bytes: usize,
    after_bytes: usize,
    /// All of them fit; longer ones are laid part by part.
    fits: bool,
}

impl Laid {
    fn of(begin: &[u8], before: &[u8], after: &[u8]) -> Self {
        let fits = begin.len() <= BEGIN_BLOCK && before.len() <= PART_BLOCK && AFTER_BYTES.contains(&after.len());
        let mut laid = Self {
            begin: [0; BEGIN_BLOCK],
            begin_bytes: begin.len(),
            before: [0; PART_BLOCK],
            before_bytes: before.len(),
            after_bytes: after.len(),
            fits,
        };
        if fits {
            laid.begin[BEGIN_BLOCK - begin.len()..].copy_from_slice(begin);
            laid.before[PART_BLOCK - before.len()..].copy_from_slice(before);
        }
        laid
    }
}

/// Bytes of the block that ends with `8=…|9=`.
const BEGIN_BLOCK: usize = 16;
/// Bytes of the block that ends with what stands before SendingTime.
const PART_BLOCK: usize = 64;
/// Bytes behind SendingTime: no fewer than a time's letters may run over, no more than are copied in one step.
const AFTER_BYTES: std::ops::RangeInclusive<usize> = 8..=32;

impl Header {
    /// Of a version (`FIX.4.4`, `FIXT.1.1`) and two parties.
    pub fn new(begin_string: &str, sender_comp_id: &str, target_comp_id: &str) -> Self {
        let header = Self {
            begin: [b"8=", begin_string.as_bytes(), b"\x019="].concat(),
            before: Vec::new(),
            after: Vec::new(),
            laid: Laid::of(&[], &[], &[]),
            room: 0,
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
        self.laid = Laid::of(&self.begin, &self.before, &self.after);
        let numbers = 2 * (INTEGER_LETTERS_MAX + 1) + 3 + TIME_LETTERS_MAX + 4 + KIND_BYTES_MAX + 4;
        self.room = EXTRAS_BYTES_MAX + self.begin.len() + numbers + self.before.len() + self.after.len();
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
        Written::write(&self.time, letters, time_ns, precision)
    }

    /// Digits of SendingTime's seconds.
    pub const fn precision(&self) -> Precision {
        self.precision
    }

    /// Bytes of a buffer that a message of this header may need besides its body.
    pub const fn room(&self) -> usize {
        self.room
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
///
/// What the field functions do in the usual case is inlined where they are called, and what is rare is given values and no
/// `self`: so the place of the next field stays in a register.
#[derive(Debug)]
pub struct Builder<'a> {
    header: &'a Header,
    out: &'a mut [u8],
    /// Where the body begins.
    body: usize,
    /// Where the next field goes; the end of `out` when something did not fit. Never beyond it.
    at: usize,
    /// Where the message that was finished last begins.
    start: usize,
    /// Bytes of header fields of this message, at the start of `out`.
    extras: usize,
    /// What stands between the letters of BodyLength and those of MsgSeqNum: these bytes end with it.
    kind: u128,
    /// Bytes of MsgType.
    kind_bytes: usize,
    /// No value held a SOH.
    sound: bool,
}

impl<'a> Builder<'a> {
    /// Writes into `out`, which takes [`Header::room`], the body, and seven bytes.
    #[inline]
    pub fn new(header: &'a Header, out: &'a mut [u8]) -> Self {
        let (body, at) = (header.room(), out.len());
        Self { header, out, body, at, start: body, extras: 0, kind: 0, kind_bytes: 0, sound: false }
    }

    /// Begins a message of this MsgType; what was written before is forgotten.
    #[inline(always)]
    pub fn begin(&mut self, kind: &[u8]) -> &mut Self {
        self.sound = self.out.len() >= self.body && !kind.is_empty() && kind.len() <= KIND_BYTES_MAX;
        self.at = if self.sound { self.body } else { self.out.len() };
        self.extras = 0;
        self.kind_bytes = kind.len();
        self.kind = kind_letters(kind);
        self
    }

    /// A field of the header that this message alone has; at most 256 bytes of them. Not for 8, 9, 34, 35, 49, 52, 56.
    pub fn header_field(&mut self, tag: u32, value: &[u8]) -> &mut Self {
        let mut letters = [0; INTEGER_LETTERS_MAX];
        let tag_at = write_unsigned(&mut letters, u64::from(tag));
        let field = [&letters[tag_at..], b"=", value, &[SOH]];
        let needed: usize = field.iter().map(|part| part.len()).sum();
        self.sound &= self.extras + needed <= EXTRAS_BYTES_MAX && !value.contains(&SOH);
        if self.sound {
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
        let (letters, count) = tag_letters(tag);
        if value.len() <= SHORT_BYTES_MAX
            && let Some(place) = self.place()
        {
            lay_tag(place, letters, count);
            let sound = copy_checked(&mut place[count..], value);
            place[count + value.len()] = SOH;
            return self.went(sound, count + value.len() + 1);
        }
        self.at = append_field(self.out, self.at, letters, count, value);
        self
    }

    /// A field whose value may hold any byte, behind the field that tells its length.
    #[inline]
    pub fn data(&mut self, length_tag: u32, tag: u32, value: &[u8]) -> &mut Self {
        self.unsigned(length_tag, value.len() as u64);
        let (letters, count) = tag_letters(tag);
        for part in [&letters.to_le_bytes()[..count], value, &[SOH]] {
            self.at = append(self.out, self.at, part);
        }
        self
    }

    /// A number.
    #[inline(always)]
    pub fn integer(&mut self, tag: u32, value: i64) -> &mut Self {
        if value >= 0 {
            return self.unsigned(tag, value.cast_unsigned());
        }
        let (letters, count) = tag_letters(tag);
        self.at = append_negative(self.out, self.at, letters, count, value);
        self
    }

    /// A number without a sign: sequence numbers, lengths, counts of groups.
    #[inline(always)]
    pub fn unsigned(&mut self, tag: u32, value: u64) -> &mut Self {
        let (letters, count) = tag_letters(tag);
        if value < 100_000_000
            && let Some(place) = self.place()
        {
            let (number, digits) = values::number_letters(value);
            lay_tag(place, letters, count);
            place[count..count + 8].copy_from_slice(&number.to_le_bytes());
            place[count + digits] = SOH;
            return self.went(true, count + digits + 1);
        }
        self.at = append_unsigned(self.out, self.at, letters, count, value);
        self
    }

    /// A price, quantity or amount in nanos.
    #[inline(always)]
    pub fn decimal(&mut self, tag: u32, nanos: i64) -> &mut Self {
        let (letters, count) = tag_letters(tag);
        if let Some(plain) = Plain::of(nanos.cast_unsigned())
            && let Some(place) = self.place()
        {
            lay_tag(place, letters, count);
            plain.lay(place[count..].first_chunk_mut().expect("there is room"));
            place[count + plain.count()] = SOH;
            return self.went(true, count + plain.count() + 1);
        }
        self.at = append_decimal(self.out, self.at, letters, count, nanos);
        self
    }

    /// A UTCTimestamp.
    #[inline(always)]
    pub fn time(&mut self, tag: u32, time_ns: u64, precision: Precision) -> &mut Self {
        let (header, (letters, count)) = (self.header, tag_letters(tag));
        if let Some(place) = self.place() {
            lay_tag(place, letters, count);
            let time = place[count..].first_chunk_mut().expect("there is room");
            let digits = header.write_time(time, time_ns, precision);
            place[count + digits] = SOH;
            return self.went(true, count + digits + 1);
        }
        self.at = append_time(self.out, self.at, letters, count, (time_ns, precision));
        self
    }

    /// `Y` or `N`.
    #[inline(always)]
    pub fn boolean(&mut self, tag: u32, value: bool) -> &mut Self {
        self.field(tag, if value { b"Y" } else { b"N" })
    }

    /// Bytes of fields that are sound already, as they stood in another message: each with its tag and its SOH.
    #[inline]
    pub fn fields(&mut self, bytes: &[u8]) -> &mut Self {
        self.sound &= bytes.last().is_none_or(|last| *last == SOH);
        self.at = append(self.out, self.at, bytes);
        self
    }

    /// Lays header and trailer around the body; the message.
    ///
    /// # Errors
    /// [`Full`] when something did not fit. The builder may go on with another message after `begin`.
    #[inline(always)]
    pub fn finish(&mut self, sequence: u64, sending_time_ns: u64) -> Result<&[u8], Full> {
        if !self.sound || self.out.len() - self.at < 7 {
            return Err(Full);
        }
        let quick = self.extras == 0 && self.header.laid.fits && sequence < 100_000_000 && self.at < 100_000_000;
        let start = if quick {
            self.lay_header(sequence, sending_time_ns)
        } else {
            let body = self.body..self.at;
            lay_slowly(
                self.header,
                self.out,
                body,
                (self.kind, self.kind_bytes),
                self.extras,
                sequence,
                sending_time_ns,
            )
        };
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

    /// Lays a header whose parts fit their blocks before the body, from its end to its start; where it begins.
    #[inline(always)]
    fn lay_header(&mut self, sequence: u64, sending_time_ns: u64) -> usize {
        let (header, laid) = (self.header, &self.header.laid);
        let after = self.body - laid.after_bytes;
        let time = after - header.precision.letters();
        // The time's letters run over into what is laid behind them next.
        header.write_time(chunk(self.out, time), sending_time_ns, header.precision);
        copy_short(&mut self.out[after..self.body], &header.after);
        *chunk(self.out, time - PART_BLOCK) = laid.before;
        let mut at = time - laid.before_bytes;
        let (letters, count) = values::padded_letters(sequence);
        *chunk(self.out, at - 8) = letters.to_le_bytes();
        at -= count;
        *chunk(self.out, at - 16) = self.kind.to_le_bytes();
        at -= KIND_FIXED_BYTES + self.kind_bytes;
        // The length counts from MsgType on, behind the SOH that ends its own field.
        let (letters, count) = values::padded_letters((self.at - at - 1) as u64);
        *chunk(self.out, at - 8) = letters.to_le_bytes();
        at -= count;
        *chunk(self.out, at - BEGIN_BLOCK) = laid.begin;
        at - laid.begin_bytes
    }

    /// Room for a field of no more than usual length.
    #[inline(always)]
    fn place(&mut self) -> Option<&mut [u8; PLACE_BYTES]> {
        if self.out.len().wrapping_sub(self.at) < PLACE_BYTES {
            return None;
        }
        // SAFETY: `at` is never beyond the end, and behind it there are so many bytes.
        Some(unsafe { &mut *self.out.as_mut_ptr().add(self.at).cast::<[u8; PLACE_BYTES]>() })
    }

    /// A field of so many bytes was written.
    #[inline(always)]
    const fn went(&mut self, sound: bool, bytes: usize) -> &mut Self {
        self.sound &= sound;
        self.at = self.at.wrapping_add(bytes);
        self
    }
}

/// Bytes that a field of no more than usual length takes, with those that are written behind it before the next covers them.
const PLACE_BYTES: usize = 48;
/// The longest value that is copied without a loop.
const SHORT_BYTES_MAX: usize = 16;
/// `|35=` and `|34=`.
const KIND_FIXED_BYTES: usize = 8;

/// So many bytes of a buffer, from a place that is known to have them.
#[inline(always)]
fn chunk<const N: usize>(out: &mut [u8], at: usize) -> &mut [u8; N] {
    out[at..].first_chunk_mut().expect("a header has its room")
}

/// A MsgType with `|35=` before and `|34=` behind, in the highest bytes.
#[inline(always)]
fn kind_letters(kind: &[u8]) -> u128 {
    const BEFORE: u128 = u32::from_le_bytes(*b"\x0135=") as u128;
    const BEHIND: u128 = u32::from_le_bytes(*b"\x0134=") as u128;
    let mut bytes = [0; KIND_BYTES_MAX];
    let count = kind.len().min(KIND_BYTES_MAX);
    bytes[..count].copy_from_slice(&kind[..count]);
    let letters = u128::from(u64::from_le_bytes(bytes));
    let word = BEFORE | letters << 32 | BEHIND << (32 + 8 * count as u32);
    word << (8 * (KIND_BYTES_MAX - count) as u32)
}

/// Lays a header of any parts, with fields of this message alone; where it begins.
#[cold]
fn lay_slowly(
    header: &Header,
    out: &mut [u8],
    body: std::ops::Range<usize>,
    (kind, kind_bytes): (u128, usize),
    extras: usize,
    sequence: u64,
    sending_time_ns: u64,
) -> usize {
    let mut letters = [0; TIME_ROOM];
    let count = header.write_time(&mut letters, sending_time_ns, header.precision);
    let mut back = Back { out, at: body.start };
    let mut number = [0; INTEGER_LETTERS_MAX];
    let number_at = write_unsigned(&mut number, sequence);
    back.merged(header, extras, &number[number_at..], &letters[..count]);
    back.put(&kind.to_le_bytes()[KIND_BYTES_MAX - kind_bytes..][..5 + kind_bytes]);
    let length = body.end - back.at - 1;
    let number_at = write_unsigned(&mut number, length as u64);
    back.put(&number[number_at..]);
    back.put(&header.begin);
    back.at
}

/// Appends bytes; where the next ones go, the end when these did not fit.
#[inline]
fn append(out: &mut [u8], at: usize, bytes: &[u8]) -> usize {
    match out[at..].get_mut(..bytes.len()) {
        Some(place) => {
            place.copy_from_slice(bytes);
            at + bytes.len()
        }
        None => out.len(),
    }
}

/// Any field, part by part: where the buffer is nearly full, and what is long.
fn append_field(out: &mut [u8], at: usize, tag: u128, tag_bytes: usize, value: &[u8]) -> usize {
    if value.contains(&SOH) {
        return out.len();
    }
    let at = append(out, at, &tag.to_le_bytes()[..tag_bytes]);
    let at = append(out, at, value);
    append(out, at, &[SOH])
}

#[cold]
fn append_negative(out: &mut [u8], at: usize, tag: u128, tag_bytes: usize, value: i64) -> usize {
    let mut letters = [0; INTEGER_LETTERS_MAX];
    let from = write_integer(&mut letters, value);
    append_field(out, at, tag, tag_bytes, &letters[from..])
}

#[cold]
fn append_unsigned(out: &mut [u8], at: usize, tag: u128, tag_bytes: usize, value: u64) -> usize {
    let mut letters = [0; INTEGER_LETTERS_MAX];
    let from = write_unsigned(&mut letters, value);
    append_field(out, at, tag, tag_bytes, &letters[from..])
}

#[inline(never)]
fn append_decimal(out: &mut [u8], at: usize, tag: u128, tag_bytes: usize, nanos: i64) -> usize {
    let mut letters = [0; DECIMAL_LETTERS_MAX];
    let from = write_decimal(&mut letters, nanos);
    append_field(out, at, tag, tag_bytes, &letters[from..])
}

#[cold]
fn append_time(out: &mut [u8], at: usize, tag: u128, tag_bytes: usize, time: (u64, Precision)) -> usize {
    let mut letters = [0; TIME_LETTERS_MAX];
    let count = values::write_time(&mut letters, time.0, time.1);
    append_field(out, at, tag, tag_bytes, &letters[..count])
}

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

/// Writes these.
#[inline(always)]
fn lay_tag(place: &mut [u8; PLACE_BYTES], letters: u128, count: usize) {
    if count <= 8 {
        place[..8].copy_from_slice(&(letters as u64).to_le_bytes());
    } else {
        place[..16].copy_from_slice(&letters.to_le_bytes());
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
