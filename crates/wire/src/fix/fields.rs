//! Every field of a message, found in place: tag, and where its value begins and ends.
//!
//! A data field (RawData, EncodedText and their like) ends where its length field says, so a SOH inside it is data.
//!
//! Invariant: reading takes time linear in the message and memory taken once; a fault is told with the standard's reason,
//! and what could be read stands in the table all the same, so that a session can answer.

use std::sync::atomic::{AtomicU64, Ordering};

use super::scan::{STRIDE, soh_mask};
use super::{SOH, reject, values};

/// Fields that a table holds unless told otherwise.
pub const FIELDS_MAX_DEFAULT: usize = 1024;

/// A field of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Field {
    /// Its number; 0 for a field whose tag is none.
    pub tag: u32,
    /// Where its value begins.
    pub start: u32,
    /// Where its value ends: its SOH.
    pub end: u32,
}

/// What is wrong with a field's form.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FieldFault {
    /// The tag is no number: the message is garbled.
    TagNotANumber = 0,
    /// There is no `=`: the message is garbled.
    NoEquals = 1,
    /// The tag is a number that none can be: zero, negative, or more than nine digits.
    TagNumber = 2,
    /// A data field's length is no number, or the data does not end there.
    DataLength = 3,
    /// More fields than the table holds.
    TooMany = 4,
    /// The bytes do not end with a SOH.
    Unterminated = 5,
}

/// The first fault of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// What is wrong.
    pub fault: FieldFault,
    /// The field's tag where it has one: of a data field, its length field's.
    pub tag: u32,
    /// Where the tag's letters begin, for an answer that repeats them.
    pub start: u32,
    /// Where they end.
    pub end: u32,
}

impl FieldError {
    /// The session reject reason; `None` where the message is garbled and a session ignores it.
    pub const fn reason(self) -> Option<u16> {
        match self.fault {
            FieldFault::TagNotANumber | FieldFault::NoEquals | FieldFault::Unterminated => None,
            FieldFault::TagNumber => Some(reject::INVALID_TAG),
            FieldFault::DataLength => Some(reject::DATA_FORMAT),
            FieldFault::TooMany => Some(reject::OTHER),
        }
    }
}

/// Which fields hold data, and which field tells the length of each.
#[derive(Clone, Debug)]
pub struct DataFields {
    /// Another for each content: what was remembered of one is no use for another.
    identity: u64,
    /// Bit per tag below `64 * LENGTHS_WORDS`: is a length field.
    lengths: [u64; LENGTHS_WORDS],
    /// (length, data), in order of the length's tag.
    pairs: Vec<(u32, u32)>,
    /// Some length field's tag lies above the bits.
    beyond: bool,
}

/// Enough for every tag of four digits, so that the quick way looks no further.
const LENGTHS_WORDS: usize = 256;

/// Length and data of the standard's own fields; 93 and 89 stand the other way round there.
const STANDARD: [(u32, u32); 37] = [
    (90, 91),
    (93, 89),
    (95, 96),
    (212, 213),
    (348, 349),
    (350, 351),
    (352, 353),
    (354, 355),
    (356, 357),
    (358, 359),
    (360, 361),
    (362, 363),
    (364, 365),
    (445, 446),
    (618, 619),
    (621, 622),
    (1184, 1185),
    (1277, 1278),
    (1280, 1281),
    (1282, 1283),
    (1397, 1398),
    (1401, 1402),
    (1403, 1404),
    (1468, 1469),
    (1525, 1527),
    (1578, 1579),
    (1620, 1621),
    (1664, 1665),
    (1678, 1697),
    (1871, 1872),
    (2111, 2112),
    (2179, 2180),
    (2287, 2288),
    (2351, 2352),
    (2372, 2373),
    (2481, 2482),
    (2493, 2494),
];

impl DataFields {
    /// None.
    pub const fn none() -> Self {
        Self { identity: 0, lengths: [0; LENGTHS_WORDS], pairs: Vec::new(), beyond: false }
    }

    /// The standard's.
    pub fn standard() -> Self {
        STANDARD.into_iter().fold(Self::none(), |fields, (length, data)| fields.with(length, data))
    }

    /// One more; a length field that is there already is given a new data field.
    #[must_use]
    pub fn with(mut self, length: u32, data: u32) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        self.identity = NEXT.fetch_add(1, Ordering::Relaxed);
        match self.lengths.get_mut(length as usize / 64) {
            Some(word) => *word |= 1 << (length % 64),
            None => self.beyond = true,
        }
        match self.pairs.binary_search_by_key(&length, |pair| pair.0) {
            Ok(at) => self.pairs[at].1 = data,
            Err(at) => self.pairs.insert(at, (length, data)),
        }
        self
    }

    /// Every pair, in order of the length's tag.
    pub fn pairs(&self) -> &[(u32, u32)] {
        &self.pairs
    }

    #[inline(always)]
    fn is_length(&self, tag: u32) -> bool {
        match self.lengths.get(tag as usize / 64) {
            Some(word) => word >> (tag % 64) & 1 != 0,
            None => self.beyond && self.data_of(tag).is_some(),
        }
    }

    fn data_of(&self, length: u32) -> Option<u32> {
        self.pairs.binary_search_by_key(&length, |pair| pair.0).ok().map(|at| self.pairs[at].1)
    }
}

impl PartialEq for DataFields {
    fn eq(&self, other: &Self) -> bool {
        self.pairs == other.pairs
    }
}

impl Eq for DataFields {}

impl Default for DataFields {
    fn default() -> Self {
        Self::standard()
    }
}

/// A tag as it was last read at a place: messages of a session have the same tags in the same order, nearly all of them.
#[derive(Clone, Copy, Debug)]
struct Memo {
    /// `tag=`.
    letters: u64,
    /// Which bytes of a word these are.
    keep: u64,
    tag: u32,
    /// How many they are, `=` included.
    count: u32,
}

impl Memo {
    /// Of no tag: no word is equal to it.
    const NONE: Self = Self { letters: 1, keep: 0, tag: 0, count: 0 };

    /// Of the tag that a word begins with, of at most four digits.
    #[inline(always)]
    const fn of(word: u64, tag: u32, equals: usize) -> Self {
        let keep = !0 >> (56 - 8 * equals as u32 % 64);
        Self { letters: word & keep, keep, tag, count: equals as u32 + 1 }
    }
}

/// The fields of one message at a time, in memory taken once.
#[derive(Debug)]
pub struct Fields {
    table: Box<[Field]>,
    /// By place, one more than the table has.
    memos: Box<[Memo]>,
    /// Whose length fields none of these is.
    memos_of: u64,
    count: usize,
    /// Bytes of the message that was read.
    length: usize,
}

impl Default for Fields {
    fn default() -> Self {
        Self::new(FIELDS_MAX_DEFAULT)
    }
}

impl Fields {
    /// Room for so many fields, at least one.
    pub fn new(fields_max: usize) -> Self {
        let fields_max = fields_max.max(1);
        let table = vec![Field::default(); fields_max].into_boxed_slice();
        let memos = vec![Memo::NONE; fields_max + 1].into_boxed_slice();
        Self { table, memos, memos_of: 0, count: 0, length: 0 }
    }

    /// Finds every field of a message. It need not have been framed; every field ends with a SOH.
    ///
    /// # Errors
    /// The first fault. The table then holds every field up to the end, or as many as fit; a field without a sound tag
    /// has tag 0.
    #[inline]
    pub fn read(&mut self, bytes: &[u8], data: &DataFields) -> Result<(), FieldError> {
        self.length = bytes.len();
        // Places are u32; no frame is that long.
        let bytes = &bytes[..bytes.len().min(u32::MAX as usize)];
        if self.memos_of != data.identity {
            self.memos.fill(Memo::NONE);
            self.memos_of = data.identity;
        }
        let (table, memos) = (&mut *self.table, &mut *self.memos);
        let mut reader = Reader { bytes, data, table, memos, count: 0, start: 0, error: None };
        if bytes.len() < 8 {
            reader.slowly();
        } else {
            reader.quickly();
        }
        if reader.start < bytes.len() {
            reader.fault(FieldFault::Unterminated, 0, reader.start, bytes.len());
        }
        self.count = reader.count;
        reader.error.map_or(Ok(()), Err)
    }

    /// The message that was read last, given again.
    ///
    /// # Panics
    /// When it is not as long as that one.
    #[inline]
    pub fn message<'a>(&'a self, bytes: &'a [u8]) -> Message<'a> {
        assert_eq!(bytes.len(), self.length, "these are not the bytes that were read");
        Message { bytes, fields: &self.table[..self.count] }
    }

    /// The fields alone.
    pub fn as_slice(&self) -> &[Field] {
        &self.table[..self.count]
    }

    /// How many a message may have.
    pub fn capacity(&self) -> usize {
        self.table.len()
    }
}

/// A message with its fields.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    bytes: &'a [u8],
    fields: &'a [Field],
}

impl<'a> Message<'a> {
    /// The first field of this tag.
    #[inline]
    pub fn get(&self, tag: u32) -> Option<&'a [u8]> {
        self.find_after(0, tag).map(|(_, value)| value)
    }

    /// The first field of this tag from a position on: its position and its value.
    #[inline]
    pub fn find_after(&self, position: usize, tag: u32) -> Option<(usize, &'a [u8])> {
        let rest = self.fields.get(position..)?;
        let at = position + rest.iter().position(|field| field.tag == tag)?;
        Some((at, self.value(self.fields[at])))
    }

    /// Tag and value of every field, in order.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = (u32, &'a [u8])> + use<'a> {
        let bytes = self.bytes;
        self.fields.iter().map(move |field| (field.tag, &bytes[field.start as usize..field.end as usize]))
    }

    /// A field's value.
    #[inline]
    pub fn value(&self, field: Field) -> &'a [u8] {
        &self.bytes[field.start as usize..field.end as usize]
    }

    /// [`super::integer`] of a field.
    #[inline(always)]
    pub fn integer(&self, field: Field) -> Option<i64> {
        values::integer_in(self.bytes, field.start as usize, field.end as usize)
    }

    /// [`super::decimal_nanos`] of a field.
    #[inline(always)]
    pub fn decimal_nanos(&self, field: Field) -> Option<i64> {
        values::decimal_in(self.bytes, field.start as usize, field.end as usize)
    }

    /// Every field, in order.
    #[inline]
    pub const fn fields(&self) -> &'a [Field] {
        self.fields
    }

    /// The bytes from BeginString to the end.
    #[inline]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// MsgType (35): the third field of a framed message, else the first of that tag; empty where there is none.
    #[inline]
    pub fn kind(&self) -> &'a [u8] {
        match self.fields.get(2) {
            Some(field) if field.tag == 35 => self.value(*field),
            _ => self.get(35).unwrap_or(&[]),
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    data: &'a DataFields,
    table: &'a mut [Field],
    memos: &'a mut [Memo],
    count: usize,
    /// Where the field that is being read begins.
    start: usize,
    error: Option<FieldError>,
}

impl Reader<'_> {
    /// All fields of at least eight bytes.
    #[inline(always)]
    fn quickly(&mut self) {
        let bytes = self.bytes;
        // A field that ends before this has eight bytes to read from its start on.
        let readable = bytes.len() - 7;
        let (mut base, mut ends) = (0, ends_from(bytes, 0, readable));
        while self.known(bytes, readable, &mut base, &mut ends) {
            self.next(base, &mut ends);
        }
        self.last(readable);
    }

    /// Fields whose tags are those of the last message at their places; whether one came that is not. `ends` has the ends of
    /// fields from `base` on. The state stays in registers.
    #[inline(always)]
    fn known(&mut self, bytes: &[u8], readable: usize, base: &mut usize, ends: &mut u64) -> bool {
        let (mut start, mut mask, mut at) = (self.start, *ends, *base);
        // SAFETY: `count` is at most the table's length, and there is one memo more, which is never one of a tag: so before
        // it there is a place in the table.
        let (mut memo, mut place) =
            unsafe { (self.memos.as_ptr().add(self.count), self.table.as_mut_ptr().add(self.count)) };
        let first = place;
        let unknown = 'windows: loop {
            while mask != 0 {
                let end = at.wrapping_add(mask.trailing_zeros() as usize);
                // SAFETY: the field ends at least eight bytes before the end, and `start` is no later; pointers as above.
                unsafe {
                    let word = u64::from_le_bytes(*bytes.as_ptr().add(start).cast::<[u8; 8]>());
                    let Memo { letters, keep, tag, count } = *memo;
                    if word & keep != letters {
                        break 'windows true;
                    }
                    // The letters hold no SOH, so the value begins at its end or before.
                    place.write(Field { tag, start: (start as u32).wrapping_add(count), end: end as u32 });
                    (memo, place) = (memo.add(1), place.add(1));
                }
                start = end.wrapping_add(1);
                mask &= mask.wrapping_sub(1);
            }
            at = at.wrapping_add(STRIDE);
            if at >= readable {
                break false;
            }
            mask = ends_from(bytes, at, readable);
            if start > at {
                // Data reaches into this window, and a SOH inside it ends nothing.
                mask &= from(start, at);
            }
        };
        // SAFETY: both point into the table or behind its last place.
        self.count = self.count.wrapping_add(unsafe { place.offset_from_unsigned(first) });
        (self.start, *ends, *base) = (start, mask, at);
        unknown
    }

    /// Fields that end in the last seven bytes: nearly always the checksum and no other.
    #[inline(always)]
    fn last(&mut self, readable: usize) {
        let word = last_word(self.bytes) >> 8;
        let is_checksum = word & 0x00ff_0000_00ff_ffff == 0x0001_0000_003d_3031;
        let one = values::zero_bytes((word | 0xff00_0000_0000_0000) ^ 0x0101_0101_0101_0101).trailing_zeros() == 55;
        let is_length = self.data.lengths[0] >> 10 & 1 != 0;
        match self.table.get_mut(self.count) {
            Some(place) if self.start == readable && is_checksum && one && !is_length => {
                let (start, end) = (readable as u32 + 3, readable as u32 + 6);
                *place = Field { tag: 10, start, end };
                (self.count, self.start) = (self.count + 1, self.bytes.len());
            }
            _ => self.careful(readable),
        }
    }

    #[cold]
    fn careful(&mut self, readable: usize) {
        for end in readable..self.bytes.len() {
            if self.bytes[end] == SOH && end >= self.start {
                self.next(end, &mut 1);
            }
        }
    }

    /// The next field, any one, which begins before its end; its tag is remembered at its place where it can be.
    #[inline(never)]
    fn next(&mut self, base: usize, ends: &mut u64) {
        let (bytes, start) = (self.bytes, self.start);
        let end = base + ends.trailing_zeros() as usize;
        *ends &= ends.wrapping_sub(1);
        let word = match bytes[start..].first_chunk::<8>() {
            Some(word) => u64::from_le_bytes(*word),
            // The letters before it are shifted out.
            None => last_word(bytes) >> (8 * (start + 8 - bytes.len()) as u32 % 64),
        };
        let mut memo = self.memos[self.count];
        if word & memo.keep != memo.letters {
            let (tag, equals) = quick_tag(word);
            let value = start + equals + 1;
            // Where there is no tag, `tag` is 0.
            if (tag == 0) | (value > end) | (self.count >= self.table.len()) | self.data.is_length(tag) {
                self.field(end);
                *ends &= from(self.start, base);
                return;
            }
            memo = Memo::of(word, tag, equals);
            self.memos[self.count] = memo;
        }
        self.table[self.count] = Field { tag: memo.tag, start: start as u32 + memo.count, end: end as u32 };
        (self.count, self.start) = (self.count + 1, end + 1);
    }

    /// All fields, one byte after the other.
    #[cold]
    fn slowly(&mut self) {
        for end in 0..self.bytes.len() {
            if self.bytes[end] == SOH && end >= self.start {
                self.field(end);
            }
        }
    }

    /// Any one field, its SOH at `end`.
    #[inline(never)]
    fn field(&mut self, end: usize) {
        let start = self.start;
        let (tag, letters) = self.rare_tag(start, end);
        let Some(place) = self.table.get_mut(self.count) else {
            self.fault(FieldFault::TooMany, tag, start, start + letters);
            self.start = end + 1;
            return;
        };
        let value = (start + letters + 1).min(end);
        *place = Field { tag, start: value as u32, end: end as u32 };
        self.count += 1;
        self.start = end + 1;
        if self.data.is_length(tag) {
            self.data_field(tag, start, value, end);
        }
    }

    /// The tag before `=`, and how many letters it has; 0 after a fault.
    fn rare_tag(&mut self, start: usize, end: usize) -> (u32, usize) {
        let field = &self.bytes[start..end];
        let Some(letters) = field.iter().position(|byte| *byte == b'=') else {
            self.fault(FieldFault::NoEquals, 0, start, end);
            return (0, 0);
        };
        let (negative, digits) = match &field[..letters] {
            [b'-', digits @ ..] => (true, digits),
            digits => (false, digits),
        };
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            self.fault(FieldFault::TagNotANumber, 0, start, start + letters);
            return (0, letters);
        }
        match values::unsigned(digits) {
            Some(tag) if tag != 0 && !negative && digits.len() <= 9 => (tag as u32, letters),
            _ => {
                self.fault(FieldFault::TagNumber, 0, start, start + letters);
                (0, letters)
            }
        }
    }

    /// After a length field: where its data field follows, that one ends where the length says.
    #[cold]
    fn data_field(&mut self, length_tag: u32, length_start: usize, value: usize, value_end: usize) {
        let start = self.start;
        let after = &self.bytes[start.min(self.bytes.len())..];
        let Some(letters) = after.iter().take(10).position(|byte| *byte == b'=') else { return };
        let tag = values::unsigned(&after[..letters]).unwrap_or(0) as u32;
        if self.data.data_of(length_tag) != Some(tag) {
            return;
        }
        let data = start + letters + 1;
        let length = values::unsigned(&self.bytes[value..value_end]).and_then(|length| usize::try_from(length).ok());
        let end = length.and_then(|length| data.checked_add(length)).filter(|end| self.bytes.get(*end) == Some(&SOH));
        let Some(end) = end else {
            self.fault(FieldFault::DataLength, length_tag, length_start, value.saturating_sub(1));
            return;
        };
        match self.table.get_mut(self.count) {
            Some(place) => {
                *place = Field { tag, start: data as u32, end: end as u32 };
                self.count += 1;
            }
            None => self.fault(FieldFault::TooMany, tag, start, data - 1),
        }
        self.start = end + 1;
    }

    #[cold]
    fn fault(&mut self, fault: FieldFault, tag: u32, start: usize, end: usize) {
        self.error.get_or_insert(FieldError { fault, tag, start: start as u32, end: end as u32 });
    }
}

/// The bits of places from `start` on, in a window that begins at `base`.
#[inline(always)]
const fn from(start: usize, base: usize) -> u64 {
    match start.saturating_sub(base) {
        skipped @ 0..STRIDE => !0 << skipped,
        _ => 0,
    }
}

/// The ends of fields from a place on, a stride of them at most, none from `readable` on.
#[inline(always)]
fn ends_from(bytes: &[u8], base: usize, readable: usize) -> u64 {
    let whole = &bytes[..readable];
    match whole[base..].first_chunk::<STRIDE>() {
        Some(window) => soh_mask(window),
        None => last_ends(whole, base),
    }
}

/// The ends of the last fields, where fewer than a stride of bytes is left.
#[inline(always)]
fn last_ends(bytes: &[u8], base: usize) -> u64 {
    match bytes.last_chunk::<STRIDE>() {
        Some(window) => soh_mask(window) >> (STRIDE - (bytes.len() - base)),
        None => {
            let mut window = [0; STRIDE];
            window[..bytes.len() - base].copy_from_slice(&bytes[base..]);
            soh_mask(&window)
        }
    }
}

/// The last eight bytes of at least as many.
#[inline(always)]
fn last_word(bytes: &[u8]) -> u64 {
    bytes.last_chunk::<8>().map_or(0, |word| u64::from_le_bytes(*word))
}

/// A tag of one to four digits, and how many they are; 0 where there is another. Nearly all have two or three, in the same
/// order message after message, which branches foretell.
#[inline(always)]
const fn quick_tag(word: u64) -> (u32, usize) {
    let letters = word.to_le_bytes();
    let (first, second, third) =
        (letters[0].wrapping_sub(b'0'), letters[1].wrapping_sub(b'0'), letters[2].wrapping_sub(b'0'));
    if letters[2] == b'=' {
        let tag = first as u32 * 10 + second as u32;
        return (if first <= 9 && second <= 9 { tag } else { 0 }, 2);
    }
    if letters[3] == b'=' {
        let tag = first as u32 * 100 + second as u32 * 10 + third as u32;
        return (if first <= 9 && second <= 9 && third <= 9 { tag } else { 0 }, 3);
    }
    if letters[1] == b'=' {
        return (if first <= 9 { first as u32 } else { 0 }, 1);
    }
    if letters[4] == b'=' {
        let digits = word as u32 ^ 0x3030_3030;
        let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
        let tag = (pairs & 0x00ff_00ff).wrapping_mul(0x0064_0001) >> 16;
        let sound = (digits.wrapping_add(0x7676_7676) | digits) & 0x8080_8080 == 0;
        return (if sound { tag } else { 0 }, 4);
    }
    (0, 0)
}

#[cfg(test)]
#[path = "fields_tests.rs"]
mod tests;
