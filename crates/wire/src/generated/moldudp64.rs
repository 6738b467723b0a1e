//! MoldUDP64 1.0. Made by tools/gen.py from venues/nasdaq/wire/moldudp64.toml: change the table, then run `make
//! gen`.
//!
//! Sequenced messages in UDP packets: a header, then message blocks of two length bytes and the message. A count
//! of 0 is a heartbeat, 65535 ends the session; both carry the next sequence number.

use crate::check;
use crate::error::WireError;
use crate::load;

/// A packet of the feed, or the answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Downstream<'a> {
    fixed: &'a [u8; 20],
    bytes: &'a [u8],
}
impl<'a> Downstream<'a> {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 20;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        let fixed = check::at_least(bytes, 0)?;
        Ok(Self { fixed, bytes })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }
    /// Session, left-padded.
    #[inline]
    pub fn session(self) -> [u8; 10] {
        load::text(self.fixed, 0)
    }
    /// Number of the packet's first message.
    #[inline]
    pub fn sequence_number(self) -> u64 {
        load::u64(self.fixed, 10)
    }
    /// Message blocks that follow; 0: heartbeat; 65535: end of session.
    #[inline]
    pub fn message_count(self) -> u16 {
        load::u16(self.fixed, 18)
    }
    /// The message blocks.
    #[inline]
    pub fn blocks(self) -> &'a [u8] {
        &self.bytes[20..]
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> DownstreamFields<'a> {
        DownstreamFields {
            session: self.session(),
            sequence_number: self.sequence_number(),
            message_count: self.message_count(),
            blocks: self.blocks(),
        }
    }
}

/// What a [`Downstream`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DownstreamFields<'a> {
    /// Session, left-padded.
    pub session: [u8; 10],
    /// Number of the packet's first message.
    pub sequence_number: u64,
    /// Message blocks that follow; 0: heartbeat; 65535: end of session.
    pub message_count: u16,
    /// The message blocks.
    pub blocks: &'a [u8],
}
impl Default for DownstreamFields<'_> {
    fn default() -> Self {
        Self { session: [b' '; 10], sequence_number: 0, message_count: 0, blocks: &[] }
    }
}
impl DownstreamFields<'_> {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 20;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<20>(out);
        load::put_text(fixed, 0, self.session);
        load::put_u64(fixed, 10, self.sequence_number);
        load::put_u16(fixed, 18, self.message_count);
        check::append(out, 20, self.blocks)
    }
}

/// Asks a request server for messages again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    fixed: &'a [u8; 20],
}
impl<'a> Request<'a> {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 20;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        Ok(Self { fixed: check::exact(bytes, 0)? })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.fixed
    }
    /// Session, left-padded.
    #[inline]
    pub fn session(self) -> [u8; 10] {
        load::text(self.fixed, 0)
    }
    /// Number of the first message wanted.
    #[inline]
    pub fn sequence_number(self) -> u64 {
        load::u64(self.fixed, 10)
    }
    /// How many messages are wanted.
    #[inline]
    pub fn message_count(self) -> u16 {
        load::u16(self.fixed, 18)
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> RequestFields {
        RequestFields {
            session: self.session(),
            sequence_number: self.sequence_number(),
            message_count: self.message_count(),
        }
    }
}

/// What a [`Request`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestFields {
    /// Session, left-padded.
    pub session: [u8; 10],
    /// Number of the first message wanted.
    pub sequence_number: u64,
    /// How many messages are wanted.
    pub message_count: u16,
}
impl Default for RequestFields {
    fn default() -> Self {
        Self { session: [b' '; 10], sequence_number: 0, message_count: 0 }
    }
}
impl RequestFields {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 20;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<20>(out);
        load::put_text(fixed, 0, self.session);
        load::put_u64(fixed, 10, self.sequence_number);
        load::put_u16(fixed, 18, self.message_count);
        20
    }
}
pub use description::PROTOCOL;
mod description {
    use crate::describe::{Field, Kind, Message, Protocol, Tail};

    /// Every message and field, for people and for tests.
    pub static PROTOCOL: Protocol = Protocol {
        name: "moldudp64",
        title: "MoldUDP64 1.0",
        about: "Sequenced messages in UDP packets: a header, then message blocks of two length bytes and the message. A count of 0 is a heartbeat, 65535 ends the session; both carry the next sequence number.",
        prefixed: false,
        typed: false,
        messages: &[
            Message {
                name: "Downstream",
                group: "",
                code: None,
                size: 20,
                tail: Tail::Bytes,
                about: "A packet of the feed, or the answer to a request.",
                fields: &[
                    Field {
                        name: "session",
                        offset: 0,
                        tag: 0,
                        kind: Kind::Alpha(10),
                        about: "Session, left-padded",
                        values: &[],
                    },
                    Field {
                        name: "sequence_number",
                        offset: 10,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "Number of the packet's first message",
                        values: &[],
                    },
                    Field {
                        name: "message_count",
                        offset: 18,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "Message blocks that follow; 0: heartbeat; 65535: end of session",
                        values: &[],
                    },
                    Field {
                        name: "blocks",
                        offset: 20,
                        tag: 0,
                        kind: Kind::Tail,
                        about: "The message blocks",
                        values: &[],
                    },
                ],
            },
            Message {
                name: "Request",
                group: "",
                code: None,
                size: 20,
                tail: Tail::None,
                about: "Asks a request server for messages again.",
                fields: &[
                    Field {
                        name: "session",
                        offset: 0,
                        tag: 0,
                        kind: Kind::Alpha(10),
                        about: "Session, left-padded",
                        values: &[],
                    },
                    Field {
                        name: "sequence_number",
                        offset: 10,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "Number of the first message wanted",
                        values: &[],
                    },
                    Field {
                        name: "message_count",
                        offset: 18,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "How many messages are wanted",
                        values: &[],
                    },
                ],
            },
        ],
        elements: &[],
    };
}
