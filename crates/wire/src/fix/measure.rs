//! What a benchmark of the codec does a round: a message framed, read, every typed value converted; a message built.
//!
//! Invariant: nothing is left out that a session would need: length and checksum are verified, every field is found, every
//! integer, decimal, time and flag is converted, and all of it goes into a hash that depends on the order.

use super::dictionary::Kind;
use super::{
    Builder, DataFields, DayCache, Dictionary, Field, Fields, Framed, Header, Message, Precision, Validation, frame,
    values,
};

/// Tags whose type is looked up in one step.
const TAGS: usize = 4_096;

/// What a value is converted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    /// Nothing: its length counts.
    Text,
    Integer,
    Decimal,
    Time,
    Boolean,
    Character,
}

impl Type {
    const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Integer | Kind::Count | Kind::DayOfMonth => Self::Integer,
            Kind::Decimal => Self::Decimal,
            Kind::Time => Self::Time,
            Kind::Boolean => Self::Boolean,
            Kind::Character => Self::Character,
            _ => Self::Text,
        }
    }
}

/// A reader with its memory.
pub struct Parser {
    fields: Fields,
    data: DataFields,
    day: DayCache,
    types: Box<[Type; TAGS]>,
    dictionary: Option<Dictionary>,
}

impl Parser {
    /// Types come from the dictionary; `validated` adds its full validation.
    pub fn new(dictionary: Dictionary, validated: bool) -> Self {
        let mut types = Box::new([Type::Text; TAGS]);
        for (tag, field) in dictionary.fields() {
            if let Some(place) = types.get_mut(*tag as usize) {
                *place = Type::of(field.kind);
            }
        }
        let data = dictionary.data_fields().clone();
        Self {
            fields: Fields::default(),
            data,
            day: DayCache::default(),
            types,
            dictionary: validated.then_some(dictionary),
        }
    }

    /// Reads a message and folds it into the hash; `None` where it is not sound.
    #[inline(never)]
    pub fn fold(&mut self, hash: u64, bytes: &[u8]) -> Option<u64> {
        let Framed::Message { length } = frame(bytes, bytes.len()) else { return None };
        let bytes = &bytes[..length];
        self.fields.read(bytes, &self.data).ok()?;
        let message = self.fields.message(bytes);
        if let Some(dictionary) = &self.dictionary {
            dictionary.validate(&message, &Validation::FULL).ok()?;
        }
        let (types, day) = (&*self.types, &mut self.day);
        let mut hash = hash;
        for field in message.fields() {
            let kind = types[field.tag as usize % TAGS];
            // Most are letters alone, many of them one.
            let folded = if kind == Type::Text {
                u64::from(field.end.wrapping_sub(field.start))
            } else if kind == Type::Character {
                values::character(message.value(*field))?.into()
            } else {
                converted(kind, &message, *field, day)?
            };
            hash = hash.rotate_left(5) ^ folded ^ u64::from(field.tag) << 32;
        }
        Some(hash)
    }
}

#[inline(always)]
fn converted(kind: Type, message: &Message<'_>, field: Field, day: &mut DayCache) -> Option<u64> {
    Some(match kind {
        Type::Integer => message.integer(field)?.cast_unsigned(),
        Type::Decimal => message.decimal_nanos(field)?.cast_unsigned(),
        Type::Time => day.utc_time_ns(message.value(field))?,
        _ => values::boolean(message.value(field))?.into(),
    })
}

/// Our own messages: an order of 185 bytes and a report of 263, made once by the builder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sample {
    /// NewOrderSingle.
    Order,
    /// ExecutionReport.
    Report,
}

/// A writer with its memory.
pub struct Writer {
    header: Header,
    out: Vec<u8>,
    sample: Sample,
}

const TIME_NS: u64 = 1_772_442_927_508_000_000;

impl Writer {
    /// Of one of the samples.
    pub fn new(sample: Sample) -> Self {
        let header = match sample {
            Sample::Order => Header::new("FIX.4.4", "MERIDNY1", "HOUSEVEN1"),
            Sample::Report => Header::new("FIX.4.4", "HOUSEVEN1", "MERIDNY1"),
        };
        Self { header, out: vec![0; 2_048], sample }
    }

    /// Builds the message with this number.
    ///
    /// # Panics
    /// Never: the buffer is large enough.
    #[inline]
    pub fn build(&mut self, sequence: u64) -> &[u8] {
        let mut builder = Builder::new(&self.header, &mut self.out);
        let time_ns = TIME_NS + sequence % 1_000 * 1_000_000;
        match self.sample {
            Sample::Order => order(&mut builder, time_ns),
            Sample::Report => report(&mut builder, time_ns),
        }
        let length = builder.finish(sequence, time_ns).expect("the buffer is large enough").len();
        let start = builder.start();
        &self.out[start..start + length]
    }
}

#[inline(always)]
fn order(builder: &mut Builder<'_>, time_ns: u64) {
    builder
        .begin(b"D")
        .field(11, b"N20260302A00417")
        .field(1, b"DESK07")
        .field(21, b"1")
        .field(55, b"QXZT")
        .field(54, b"2")
        .time(60, time_ns, Precision::Milliseconds)
        .integer(38, 700)
        .field(40, b"2")
        .decimal(44, 402_750_000_000)
        .field(59, b"0");
}

#[inline(always)]
fn report(builder: &mut Builder<'_>, time_ns: u64) {
    builder
        .begin(b"8")
        .field(37, b"V00000048213377")
        .field(11, b"N20260302A00417")
        .field(17, b"E000000482130")
        .field(150, b"F")
        .field(39, b"1")
        .field(1, b"DESK07")
        .field(55, b"QXZT")
        .field(54, b"2")
        .integer(38, 700)
        .field(40, b"2")
        .decimal(44, 402_750_000_000)
        .integer(32, 200)
        .decimal(31, 402_750_000_000)
        .integer(151, 500)
        .integer(14, 200)
        .decimal(6, 402_750_000_000)
        .time(60, time_ns, Precision::Milliseconds);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fix::Version;

    #[test]
    fn the_samples_are_sound_and_have_their_sizes() {
        let dictionary = Version::Fix44.dictionary();
        for (sample, bytes) in [(Sample::Order, 185), (Sample::Report, 263)] {
            let mut writer = Writer::new(sample);
            let mut parser = Parser::new(dictionary.clone(), true);
            let message = writer.build(48_213).to_vec();
            assert_eq!(message.len(), bytes, "{}", message.escape_ascii());
            let hash = parser.fold(0, &message).unwrap();
            assert_eq!(Parser::new(dictionary.clone(), false).fold(0, &message), Some(hash));
            assert_ne!(parser.fold(0, writer.build(48_214)), Some(hash));
            assert_eq!(parser.fold(0, &message[..bytes - 1]), None);
        }
    }
}
