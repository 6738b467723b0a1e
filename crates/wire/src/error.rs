//! Why bytes are no message, and how many of them to skip.
//!
//! Invariant: every error says how many bytes its reader leaves behind, so that one bad message never takes its
//! neighbours with it. Reasons are counted by index: appended, never renumbered.

/// Bytes that are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireError {
    /// No bytes where a message should be.
    Empty,
    /// A type this build does not know.
    UnknownType {
        /// The type's byte.
        code: u8,
        /// The whole message.
        skip: usize,
    },
    /// A length that is not the type's.
    Length {
        /// The type's byte, 0 where the protocol has none.
        code: u8,
        /// What the type asks for: exactly, or at least where it has a variable part.
        expected: usize,
        /// What was there.
        found: usize,
    },
    /// The bytes end before the message does. On a stream: wait for more; in a packet: the rest is lost.
    Truncated {
        /// Bytes that the whole message needs.
        needed: usize,
        /// Bytes that are there.
        found: usize,
    },
    /// An appendage whose elements do not add up.
    Appendage {
        /// The message's type.
        code: u8,
        /// The whole message.
        skip: usize,
    },
    /// A field holds what the protocol does not allow there.
    Value {
        /// The message's type.
        code: u8,
        /// Offset of the field.
        offset: usize,
        /// The whole message.
        skip: usize,
    },
}

/// The kind of a [`WireError`], for counters.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// [`WireError::Empty`].
    Empty = 0,
    /// [`WireError::UnknownType`].
    UnknownType = 1,
    /// [`WireError::Length`].
    Length = 2,
    /// [`WireError::Truncated`].
    Truncated = 3,
    /// [`WireError::Appendage`].
    Appendage = 4,
    /// [`WireError::Value`].
    Value = 5,
}

impl Reason {
    /// How many there are.
    pub const COUNT: usize = 6;
    /// All, by index.
    pub const ALL: [Self; Self::COUNT] =
        [Self::Empty, Self::UnknownType, Self::Length, Self::Truncated, Self::Appendage, Self::Value];

    /// A word for tables and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::UnknownType => "unknown_type",
            Self::Length => "length",
            Self::Truncated => "truncated",
            Self::Appendage => "appendage",
            Self::Value => "value",
        }
    }
}

impl WireError {
    /// Its kind.
    pub const fn reason(self) -> Reason {
        match self {
            Self::Empty => Reason::Empty,
            Self::UnknownType { .. } => Reason::UnknownType,
            Self::Length { .. } => Reason::Length,
            Self::Truncated { .. } => Reason::Truncated,
            Self::Appendage { .. } => Reason::Appendage,
            Self::Value { .. } => Reason::Value,
        }
    }

    /// Bytes to leave behind.
    pub const fn skip(self) -> usize {
        match self {
            Self::Empty => 0,
            Self::UnknownType { skip, .. } | Self::Appendage { skip, .. } | Self::Value { skip, .. } => skip,
            Self::Length { found, .. } | Self::Truncated { found, .. } => found,
        }
    }
}

impl std::fmt::Display for WireError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self::Empty => write!(f, "no bytes where a message should be"),
            Self::UnknownType { code, skip } => write!(f, "unknown type {:?} in {skip} bytes", char::from(code)),
            Self::Length { code, expected, found } => {
                write!(f, "type {:?} needs {expected} bytes, {found} are there", char::from(code))
            }
            Self::Truncated { needed, found } => write!(f, "{needed} bytes needed, {found} are there"),
            Self::Appendage { code, .. } => write!(f, "type {:?}: the appendage does not add up", char::from(code)),
            Self::Value { code, offset, .. } => {
                write!(f, "type {:?}: the value at offset {offset} is not allowed", char::from(code))
            }
        }
    }
}

impl std::error::Error for WireError {}
