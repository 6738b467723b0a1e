//! The static description of a protocol, and the readable (cold) way through it.
//!
//! Invariant: descriptions are generated from the same tables as the codecs; what is read here re-encodes to the same bytes.

use crate::check::{Elements, append, append_appendage, append_element, put_prefix};
use crate::error::WireError;

/// A protocol.
#[derive(Debug)]
pub struct Protocol {
    /// Short name, as commands take it.
    pub name: &'static str,
    /// Full name with version.
    pub title: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// Whether messages start with two length bytes.
    pub prefixed: bool,
    /// Whether messages have a type letter.
    pub typed: bool,
    /// Its messages.
    pub messages: &'static [Message],
    /// Optional fields of appendages.
    pub elements: &'static [Field],
}

/// A message.
#[derive(Debug)]
pub struct Message {
    /// Its name.
    pub name: &'static str,
    /// The enumeration it belongs to.
    pub group: &'static str,
    /// Its type letter.
    pub code: Option<u8>,
    /// Bytes up to its variable part.
    pub size: usize,
    /// What follows.
    pub tail: Tail,
    /// What it says.
    pub about: &'static str,
    /// Its fields.
    pub fields: &'static [Field],
}

/// What follows a message's fixed part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// Nothing.
    None,
    /// Bytes to the end.
    Bytes,
    /// An appendage.
    Appendage,
    /// An appendage, or nothing.
    OptionalAppendage,
}

/// A field.
#[derive(Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Offset from the message's start.
    pub offset: usize,
    /// Tag of an optional field, else 0.
    pub tag: u8,
    /// What it holds.
    pub kind: Kind,
    /// What it says.
    pub about: &'static str,
    /// Codes and their meaning, where they are enumerated.
    pub values: &'static [(&'static str, &'static str)],
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A big-endian integer with implied decimals.
    Number {
        /// Its size.
        bytes: u8,
        /// Whether it has a sign.
        signed: bool,
        /// Implied decimals.
        decimals: u8,
    },
    /// One letter.
    Char,
    /// Letters padded with spaces.
    Alpha(usize),
    /// Digits padded with spaces.
    Digits(usize),
    /// Bytes to the end.
    Tail,
}

impl Kind {
    /// Its bytes on the wire; 0 for a tail.
    pub const fn size(self) -> usize {
        match self {
            Self::Number { bytes, .. } => bytes as usize,
            Self::Char => 1,
            Self::Alpha(size) | Self::Digits(size) => size,
            Self::Tail => 0,
        }
    }
}

/// A field's value, as people and Python see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// An integer, decimals still implied.
    Number(i128),
    /// Bytes: letters with their padding, or a tail.
    Bytes(Vec<u8>),
}

impl Field {
    /// Its meaning for a value, where it is enumerated.
    pub fn meaning(&self, value: &Value) -> Option<&'static str> {
        let code = match value {
            Value::Number(number) => number.to_string(),
            Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        };
        let wanted = if code.trim().is_empty() { code.as_str() } else { code.trim() };
        self.values.iter().find(|(known, _)| *known == wanted).map(|(_, meaning)| *meaning)
    }

    fn read(&self, bytes: &[u8]) -> Value {
        let Kind::Number { signed, .. } = self.kind else { return Value::Bytes(bytes.to_vec()) };
        let value = bytes.iter().fold(0_i128, |value, byte| value << 8 | i128::from(*byte));
        let negative = signed && bytes.first().is_some_and(|first| first & 0x80 != 0);
        Value::Number(if negative { value - (1 << (8 * bytes.len())) } else { value })
    }

    /// The value's bytes; `None` when it is of another sort or does not fit.
    pub fn write(&self, value: &Value) -> Option<Vec<u8>> {
        let size = self.kind.size();
        match (self.kind, value) {
            (Kind::Number { signed, .. }, Value::Number(number)) => {
                let bits = 8 * size as u32;
                let (low, high) = if signed { (-(1 << (bits - 1)), 1 << (bits - 1)) } else { (0, 1 << bits) };
                (low..high).contains(number).then(|| number.to_be_bytes()[16 - size..].to_vec())
            }
            (Kind::Tail, Value::Bytes(bytes)) => Some(bytes.clone()),
            (Kind::Alpha(_) | Kind::Char, Value::Bytes(bytes)) if bytes.len() <= size => {
                let mut padded = bytes.clone();
                padded.resize(size, b' ');
                Some(padded)
            }
            (Kind::Digits(_), Value::Bytes(bytes)) if bytes.len() <= size => {
                let mut padded = vec![b' '; size - bytes.len()];
                padded.extend_from_slice(bytes);
                Some(padded)
            }
            _ => None,
        }
    }
}

/// One message taken apart.
#[derive(Debug)]
pub struct Readable {
    /// Which message.
    pub message: &'static Message,
    /// Its fields in order.
    pub fields: Vec<(&'static Field, Value)>,
    /// Its optional fields in order: tag, field where known, value. `None` where the message ends before them.
    pub appendage: Option<Vec<(u8, Option<&'static Field>, Value)>>,
}

impl Protocol {
    /// The message of a group with this type letter.
    pub fn by_code(&self, group: Option<&str>, code: u8) -> Option<&'static Message> {
        self.messages.iter().find(|each| each.code == Some(code) && group.is_none_or(|group| each.group == group))
    }

    /// The message of this name.
    pub fn by_name(&self, name: &str) -> Option<&'static Message> {
        self.messages.iter().find(|each| each.name == name)
    }

    /// Takes a message apart; `bytes` was accepted by its codec.
    pub fn read(&self, message: &'static Message, bytes: &[u8]) -> Readable {
        let field = |each: &'static Field| {
            let end = if each.kind == Kind::Tail { bytes.len() } else { each.offset + each.kind.size() };
            (each, each.read(bytes.get(each.offset..end).unwrap_or(&[])))
        };
        let with = matches!(message.tail, Tail::Appendage | Tail::OptionalAppendage);
        let elements = bytes.get(message.size + 2..).filter(|_| with);
        Readable {
            message,
            fields: message.fields.iter().map(field).collect(),
            appendage: elements
                .map(|elements| Elements::new(elements).map(|(tag, value)| self.element(tag, value)).collect()),
        }
    }

    fn element(&self, tag: u8, value: &[u8]) -> (u8, Option<&'static Field>, Value) {
        let field = self.elements.iter().find(|each| each.tag == tag && each.kind.size() == value.len());
        (tag, field, field.map_or_else(|| Value::Bytes(value.to_vec()), |field| field.read(value)))
    }

    /// Puts a message together; the error is the name of the field that is missing or does not fit.
    ///
    /// # Errors
    /// The first field whose value is absent, of another sort or too large.
    pub fn write(
        &self,
        message: &Message,
        value_of: &dyn Fn(&Field) -> Option<Value>,
        appendage: Option<&[(u8, Vec<u8>)]>,
    ) -> Result<Vec<u8>, &'static str> {
        let mut out = vec![b' '; message.size];
        let start = if self.prefixed { 2 } else { 0 };
        if let Some(code) = message.code {
            out[start] = code;
        }
        for field in message.fields {
            let bytes = value_of(field).and_then(|value| field.write(&value)).ok_or(field.name)?;
            out.resize(out.len().max(field.offset + bytes.len()), 0);
            append(&mut out, field.offset, &bytes);
        }
        if matches!(message.tail, Tail::Appendage) || (message.tail == Tail::OptionalAppendage && appendage.is_some()) {
            let mut elements = [0; 1024];
            let mut end = 0;
            for (tag, value) in appendage.unwrap_or(&[]) {
                if end + 2 + value.len() > elements.len() || value.len() > 254 {
                    return Err("appendage");
                }
                end = append_element(&mut elements, end, *tag, value);
            }
            out.resize(message.size + 2 + end, 0);
            append_appendage(&mut out, message.size, Some(&elements[..end]));
        }
        if self.prefixed {
            if out.len() > usize::from(u16::MAX) + 2 {
                return Err("length");
            }
            let end = out.len();
            put_prefix(&mut out, end);
        }
        Ok(out)
    }
}

/// Which protocols there are, for commands that take a name.
pub static PROTOCOLS: [&Protocol; 4] =
    [&crate::itch50::PROTOCOL, &crate::ouch50::PROTOCOL, &crate::soupbin::PROTOCOL, &crate::moldudp64::PROTOCOL];

/// Checks a message of any protocol by its codec and says which it is and how many bytes it takes.
///
/// # Errors
/// The codec's own.
pub fn identify(
    protocol: &Protocol,
    group: Option<&str>,
    bytes: &[u8],
) -> Result<(&'static Message, usize), WireError> {
    let size = match protocol.name {
        "itch50" => crate::itch50::decode(bytes)?.bytes().len(),
        "soupbin" => crate::soupbin::decode(bytes)?.bytes().len(),
        "ouch50" if group == Some("Inbound") => crate::ouch50::decode_inbound(bytes)?.bytes().len(),
        "ouch50" => crate::ouch50::decode_outbound(bytes)?.bytes().len(),
        _ => {
            let name = if group == Some("Request") { "Request" } else { "Downstream" };
            let message = protocol.by_name(name).ok_or(WireError::Empty)?;
            if bytes.len() < message.size {
                return Err(WireError::Truncated { needed: message.size, found: bytes.len() });
            }
            return Ok((message, bytes.len()));
        }
    };
    let code = bytes[if protocol.prefixed { 2 } else { 0 }];
    let group = if protocol.name == "ouch50" { group.or(Some("Outbound")) } else { None };
    protocol.by_code(group, code).map(|message| (message, size)).ok_or(WireError::UnknownType { code, skip: size })
}
