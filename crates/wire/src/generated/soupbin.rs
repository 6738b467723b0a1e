//! SoupBinTCP 3.0. Made by tools/gen.py from venues/nasdaq/wire/soupbin.toml: change the table, then run `make
//! gen`.
//!
//! Sessions over TCP: the server's messages are sequenced, the client's are not. Views and encoders cover whole
//! packets, length bytes included.

use crate::check;
use crate::error::WireError;
use crate::load;

/// Text for people, from either side; ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Debug<'a> {
    fixed: &'a [u8; 3],
    bytes: &'a [u8],
}
impl<'a> Debug<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'+';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 3;
    /// Reads one from the start of `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        let bytes = check::prefixed(bytes)?;
        check::code(bytes, 2, Self::TYPE)?;
        let fixed = check::at_least(bytes, Self::TYPE)?;
        Ok(Self { fixed, bytes })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The length bytes: how many bytes follow them.
    #[inline]
    pub fn length(self) -> u16 {
        load::u16(self.fixed, 0)
    }
    /// The text.
    #[inline]
    pub fn text(self) -> &'a [u8] {
        &self.bytes[3..]
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> DebugFields<'a> {
        DebugFields { text: self.text() }
    }
}

/// What a [`Debug`] says, to be encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DebugFields<'a> {
    /// The text.
    pub text: &'a [u8],
}

impl DebugFields<'_> {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 3;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<3>(out);
        fixed[2] = b'+';
        let end = check::append(out, 3, self.text);
        check::put_prefix(out, end);
        end
    }
}

/// Server: logged in; the next sequenced message has this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginAccepted<'a> {
    fixed: &'a [u8; 33],
}
impl<'a> LoginAccepted<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'A';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 33;
    /// Reads one from the start of `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        let bytes = check::prefixed(bytes)?;
        check::code(bytes, 2, Self::TYPE)?;
        Ok(Self { fixed: check::exact(bytes, Self::TYPE)? })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.fixed
    }

    /// The length bytes: how many bytes follow them.
    #[inline]
    pub fn length(self) -> u16 {
        load::u16(self.fixed, 0)
    }
    /// Session, left-padded with spaces.
    #[inline]
    pub fn session(self) -> [u8; 10] {
        load::text(self.fixed, 3)
    }
    /// Number of the next sequenced message, ASCII, left-padded with spaces.
    #[inline]
    pub fn sequence_number(self) -> [u8; 20] {
        load::text(self.fixed, 13)
    }
    /// `sequence_number` as a number; `None` where it is none.
    pub fn sequence_number_value(self) -> Option<u64> {
        load::digits(&self.sequence_number())
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> LoginAcceptedFields {
        LoginAcceptedFields { session: self.session(), sequence_number: self.sequence_number() }
    }
}

/// What a [`LoginAccepted`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginAcceptedFields {
    /// Session, left-padded with spaces.
    pub session: [u8; 10],
    /// Number of the next sequenced message, ASCII, left-padded with spaces.
    pub sequence_number: [u8; 20],
}
impl Default for LoginAcceptedFields {
    fn default() -> Self {
        Self { session: [b' '; 10], sequence_number: [b' '; 20] }
    }
}
impl LoginAcceptedFields {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 33;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<33>(out);
        fixed[2] = b'A';
        load::put_text(fixed, 3, self.session);
        load::put_text(fixed, 13, self.sequence_number);
        let end = 33;
        check::put_prefix(out, end);
        end
    }
}

/// Server: refused; the connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginRejected<'a> {
    fixed: &'a [u8; 4],
}
impl<'a> LoginRejected<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'J';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 4;
    /// Reads one from the start of `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        let bytes = check::prefixed(bytes)?;
        check::code(bytes, 2, Self::TYPE)?;
        Ok(Self { fixed: check::exact(bytes, Self::TYPE)? })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.fixed
    }

    /// The length bytes: how many bytes follow them.
    #[inline]
    pub fn length(self) -> u16 {
        load::u16(self.fixed, 0)
    }
    /// Why.
    #[inline]
    pub fn reject_reason_code(self) -> u8 {
        load::u8(self.fixed, 3)
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> LoginRejectedFields {
        LoginRejectedFields { reject_reason_code: self.reject_reason_code() }
    }
}

/// What a [`LoginRejected`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginRejectedFields {
    /// Why.
    pub reject_reason_code: u8,
}
impl Default for LoginRejectedFields {
    fn default() -> Self {
        Self { reject_reason_code: b' ' }
    }
}
impl LoginRejectedFields {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 4;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<4>(out);
        fixed[2] = b'J';
        load::put_u8(fixed, 3, self.reject_reason_code);
        let end = 4;
        check::put_prefix(out, end);
        end
    }
}

/// Server: the next message of the sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequencedData<'a> {
    fixed: &'a [u8; 3],
    bytes: &'a [u8],
}
impl<'a> SequencedData<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'S';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 3;
    /// Reads one from the start of `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        let bytes = check::prefixed(bytes)?;
        check::code(bytes, 2, Self::TYPE)?;
        let fixed = check::at_least(bytes, Self::TYPE)?;
        Ok(Self { fixed, bytes })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The length bytes: how many bytes follow them.
    #[inline]
    pub fn length(self) -> u16 {
        load::u16(self.fixed, 0)
    }
    /// The message.
    #[inline]
    pub fn message(self) -> &'a [u8] {
        &self.bytes[3..]
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> SequencedDataFields<'a> {
        SequencedDataFields { message: self.message() }
    }
}

/// What a [`SequencedData`] says, to be encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SequencedDataFields<'a> {
    /// The message.
    pub message: &'a [u8],
}

impl SequencedDataFields<'_> {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 3;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<3>(out);
        fixed[2] = b'S';
        let end = check::append(out, 3, self.message);
        check::put_prefix(out, end);
        end
    }
}

/// Server: nothing else was sent for a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerHeartbeat<'a> {
    fixed: &'a [u8; 3],
}
impl<'a> ServerHeartbeat<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'H';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 3;
    /// Reads one from the start of `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        let bytes = check::prefixed(bytes)?;
        check::code(bytes, 2, Self::TYPE)?;
        Ok(Self { fixed: check::exact(bytes, Self::TYPE)? })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.fixed
    }

    /// The length bytes: how many bytes follow them.
    #[inline]
    pub fn length(self) -> u16 {
        load::u16(self.fixed, 0)
    }

    /// All fields by value.
    #[inline]
    pub fn fields(self) -> ServerHeartbeatFields {
        ServerHeartbeatFields {}
    }
}

/// What a [`ServerHeartbeat`] says, to be encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerHeartbeatFields {}

impl ServerHeartbeatFields {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 3;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<3>(out);
        fixed[2] = b'H';
        let end = 3;
        check::put_prefix(out, end);
        end
    }
}

/// Server: the session is over; no more messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndOfSession<'a> {
    fixed: &'a [u8; 3],
}
impl<'a> EndOfSession<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'Z';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 3;
    /// Reads one from the start of `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        let bytes = check::prefixed(bytes)?;
        check::code(bytes, 2, Self::TYPE)?;
        Ok(Self { fixed: check::exact(bytes, Self::TYPE)? })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.fixed
    }

    /// The length bytes: how many bytes follow them.
    #[inline]
    pub fn length(self) -> u16 {
        load::u16(self.fixed, 0)
    }

    /// All fields by value.
    #[inline]
    pub fn fields(self) -> EndOfSessionFields {
        EndOfSessionFields {}
    }
}

/// What a [`EndOfSession`] says, to be encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndOfSessionFields {}

impl EndOfSessionFields {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 3;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<3>(out);
        fixed[2] = b'Z';
        let end = 3;
        check::put_prefix(out, end);
        end
    }
}

/// Client: first packet of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginRequest<'a> {
    fixed: &'a [u8; 49],
}
impl<'a> LoginRequest<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'L';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 49;
    /// Reads one from the start of `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        let bytes = check::prefixed(bytes)?;
        check::code(bytes, 2, Self::TYPE)?;
        Ok(Self { fixed: check::exact(bytes, Self::TYPE)? })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.fixed
    }

    /// The length bytes: how many bytes follow them.
    #[inline]
    pub fn length(self) -> u16 {
        load::u16(self.fixed, 0)
    }
    /// User, right-padded with spaces.
    #[inline]
    pub fn username(self) -> [u8; 6] {
        load::text(self.fixed, 3)
    }
    /// Password, right-padded with spaces.
    #[inline]
    pub fn password(self) -> [u8; 10] {
        load::text(self.fixed, 9)
    }
    /// Session, left-padded with spaces; blank for the current one.
    #[inline]
    pub fn requested_session(self) -> [u8; 10] {
        load::text(self.fixed, 19)
    }
    /// First message wanted, ASCII, left-padded with spaces; 0 for the newest on.
    #[inline]
    pub fn requested_sequence_number(self) -> [u8; 20] {
        load::text(self.fixed, 29)
    }
    /// `requested_sequence_number` as a number; `None` where it is none.
    pub fn requested_sequence_number_value(self) -> Option<u64> {
        load::digits(&self.requested_sequence_number())
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> LoginRequestFields {
        LoginRequestFields {
            username: self.username(),
            password: self.password(),
            requested_session: self.requested_session(),
            requested_sequence_number: self.requested_sequence_number(),
        }
    }
}

/// What a [`LoginRequest`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginRequestFields {
    /// User, right-padded with spaces.
    pub username: [u8; 6],
    /// Password, right-padded with spaces.
    pub password: [u8; 10],
    /// Session, left-padded with spaces; blank for the current one.
    pub requested_session: [u8; 10],
    /// First message wanted, ASCII, left-padded with spaces; 0 for the newest on.
    pub requested_sequence_number: [u8; 20],
}
impl Default for LoginRequestFields {
    fn default() -> Self {
        Self {
            username: [b' '; 6],
            password: [b' '; 10],
            requested_session: [b' '; 10],
            requested_sequence_number: [b' '; 20],
        }
    }
}
impl LoginRequestFields {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 49;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<49>(out);
        fixed[2] = b'L';
        load::put_text(fixed, 3, self.username);
        load::put_text(fixed, 9, self.password);
        load::put_text(fixed, 19, self.requested_session);
        load::put_text(fixed, 29, self.requested_sequence_number);
        let end = 49;
        check::put_prefix(out, end);
        end
    }
}

/// Client: a message without a number, which may be lost with the connection. A server may send one too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnsequencedData<'a> {
    fixed: &'a [u8; 3],
    bytes: &'a [u8],
}
impl<'a> UnsequencedData<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'U';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 3;
    /// Reads one from the start of `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        let bytes = check::prefixed(bytes)?;
        check::code(bytes, 2, Self::TYPE)?;
        let fixed = check::at_least(bytes, Self::TYPE)?;
        Ok(Self { fixed, bytes })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The length bytes: how many bytes follow them.
    #[inline]
    pub fn length(self) -> u16 {
        load::u16(self.fixed, 0)
    }
    /// The message.
    #[inline]
    pub fn message(self) -> &'a [u8] {
        &self.bytes[3..]
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> UnsequencedDataFields<'a> {
        UnsequencedDataFields { message: self.message() }
    }
}

/// What a [`UnsequencedData`] says, to be encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnsequencedDataFields<'a> {
    /// The message.
    pub message: &'a [u8],
}

impl UnsequencedDataFields<'_> {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 3;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<3>(out);
        fixed[2] = b'U';
        let end = check::append(out, 3, self.message);
        check::put_prefix(out, end);
        end
    }
}

/// Client: nothing else was sent for a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientHeartbeat<'a> {
    fixed: &'a [u8; 3],
}
impl<'a> ClientHeartbeat<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'R';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 3;
    /// Reads one from the start of `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        let bytes = check::prefixed(bytes)?;
        check::code(bytes, 2, Self::TYPE)?;
        Ok(Self { fixed: check::exact(bytes, Self::TYPE)? })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.fixed
    }

    /// The length bytes: how many bytes follow them.
    #[inline]
    pub fn length(self) -> u16 {
        load::u16(self.fixed, 0)
    }

    /// All fields by value.
    #[inline]
    pub fn fields(self) -> ClientHeartbeatFields {
        ClientHeartbeatFields {}
    }
}

/// What a [`ClientHeartbeat`] says, to be encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientHeartbeatFields {}

impl ClientHeartbeatFields {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 3;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<3>(out);
        fixed[2] = b'R';
        let end = 3;
        check::put_prefix(out, end);
        end
    }
}

/// Client: close the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogoutRequest<'a> {
    fixed: &'a [u8; 3],
}
impl<'a> LogoutRequest<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'O';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 3;
    /// Reads one from the start of `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        let bytes = check::prefixed(bytes)?;
        check::code(bytes, 2, Self::TYPE)?;
        Ok(Self { fixed: check::exact(bytes, Self::TYPE)? })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.fixed
    }

    /// The length bytes: how many bytes follow them.
    #[inline]
    pub fn length(self) -> u16 {
        load::u16(self.fixed, 0)
    }

    /// All fields by value.
    #[inline]
    pub fn fields(self) -> LogoutRequestFields {
        LogoutRequestFields {}
    }
}

/// What a [`LogoutRequest`] says, to be encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogoutRequestFields {}

impl LogoutRequestFields {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 3;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<3>(out);
        fixed[2] = b'O';
        let end = 3;
        check::put_prefix(out, end);
        end
    }
}

/// Any packet, of either side; no letter is used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// Text for people, from either side; ignored.
    Debug(Debug<'a>),
    /// Server: logged in; the next sequenced message has this number.
    LoginAccepted(LoginAccepted<'a>),
    /// Server: refused; the connection is closed.
    LoginRejected(LoginRejected<'a>),
    /// Server: the next message of the sequence.
    SequencedData(SequencedData<'a>),
    /// Server: nothing else was sent for a second.
    ServerHeartbeat(ServerHeartbeat<'a>),
    /// Server: the session is over; no more messages.
    EndOfSession(EndOfSession<'a>),
    /// Client: first packet of a connection.
    LoginRequest(LoginRequest<'a>),
    /// Client: a message without a number, which may be lost with the connection. A server may send one too.
    UnsequencedData(UnsequencedData<'a>),
    /// Client: nothing else was sent for a second.
    ClientHeartbeat(ClientHeartbeat<'a>),
    /// Client: close the connection.
    LogoutRequest(LogoutRequest<'a>),
}
/// Reads the packet at the start of `bytes`; what follows it is left alone.
///
/// # Errors
/// [`WireError`] when its type is unknown or its length is wrong; it says how many bytes to skip.
#[inline]
pub fn decode(bytes: &[u8]) -> Result<Packet<'_>, WireError> {
    let bytes = check::prefixed(bytes)?;
    match bytes.get(2) {
        Some(b'+') => Debug::new(bytes).map(Packet::Debug),
        Some(b'A') => LoginAccepted::new(bytes).map(Packet::LoginAccepted),
        Some(b'J') => LoginRejected::new(bytes).map(Packet::LoginRejected),
        Some(b'S') => SequencedData::new(bytes).map(Packet::SequencedData),
        Some(b'H') => ServerHeartbeat::new(bytes).map(Packet::ServerHeartbeat),
        Some(b'Z') => EndOfSession::new(bytes).map(Packet::EndOfSession),
        Some(b'L') => LoginRequest::new(bytes).map(Packet::LoginRequest),
        Some(b'U') => UnsequencedData::new(bytes).map(Packet::UnsequencedData),
        Some(b'R') => ClientHeartbeat::new(bytes).map(Packet::ClientHeartbeat),
        Some(b'O') => LogoutRequest::new(bytes).map(Packet::LogoutRequest),
        Some(&code) => Err(WireError::UnknownType { code, skip: bytes.len() }),
        None => Err(WireError::Empty),
    }
}
impl<'a> Packet<'a> {
    /// The message's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Debug(_) => "Debug",
            Self::LoginAccepted(_) => "LoginAccepted",
            Self::LoginRejected(_) => "LoginRejected",
            Self::SequencedData(_) => "SequencedData",
            Self::ServerHeartbeat(_) => "ServerHeartbeat",
            Self::EndOfSession(_) => "EndOfSession",
            Self::LoginRequest(_) => "LoginRequest",
            Self::UnsequencedData(_) => "UnsequencedData",
            Self::ClientHeartbeat(_) => "ClientHeartbeat",
            Self::LogoutRequest(_) => "LogoutRequest",
        }
    }
    /// The bytes it was read from.
    pub fn bytes(self) -> &'a [u8] {
        match self {
            Self::Debug(view) => view.bytes(),
            Self::LoginAccepted(view) => view.bytes(),
            Self::LoginRejected(view) => view.bytes(),
            Self::SequencedData(view) => view.bytes(),
            Self::ServerHeartbeat(view) => view.bytes(),
            Self::EndOfSession(view) => view.bytes(),
            Self::LoginRequest(view) => view.bytes(),
            Self::UnsequencedData(view) => view.bytes(),
            Self::ClientHeartbeat(view) => view.bytes(),
            Self::LogoutRequest(view) => view.bytes(),
        }
    }
    /// Writes it anew, field by field, and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    pub fn encode(self, out: &mut [u8]) -> usize {
        match self {
            Self::Debug(view) => view.fields().encode(out),
            Self::LoginAccepted(view) => view.fields().encode(out),
            Self::LoginRejected(view) => view.fields().encode(out),
            Self::SequencedData(view) => view.fields().encode(out),
            Self::ServerHeartbeat(view) => view.fields().encode(out),
            Self::EndOfSession(view) => view.fields().encode(out),
            Self::LoginRequest(view) => view.fields().encode(out),
            Self::UnsequencedData(view) => view.fields().encode(out),
            Self::ClientHeartbeat(view) => view.fields().encode(out),
            Self::LogoutRequest(view) => view.fields().encode(out),
        }
    }
}
pub use description::PROTOCOL;
mod description {
    use crate::describe::{Field, Kind, Message, Protocol, Tail};

    const REJECT_REASON_VALUES: &[(&str, &str)] =
        &[("A", "not authorised: wrong user name or password"), ("S", "session not available")];

    /// Every message and field, for people and for tests.
    pub static PROTOCOL: Protocol = Protocol {
        name: "soupbin",
        title: "SoupBinTCP 3.0",
        about: "Sessions over TCP: the server's messages are sequenced, the client's are not. Views and encoders cover whole packets, length bytes included.",
        prefixed: true,
        typed: true,
        messages: &[
            Message {
                name: "Debug",
                group: "Packet",
                code: Some(b'+'),
                size: 3,
                tail: Tail::Bytes,
                about: "Text for people, from either side; ignored.",
                fields: &[Field { name: "text", offset: 3, tag: 0, kind: Kind::Tail, about: "The text", values: &[] }],
            },
            Message {
                name: "LoginAccepted",
                group: "Packet",
                code: Some(b'A'),
                size: 33,
                tail: Tail::None,
                about: "Server: logged in; the next sequenced message has this number.",
                fields: &[
                    Field {
                        name: "session",
                        offset: 3,
                        tag: 0,
                        kind: Kind::Alpha(10),
                        about: "Session, left-padded with spaces",
                        values: &[],
                    },
                    Field {
                        name: "sequence_number",
                        offset: 13,
                        tag: 0,
                        kind: Kind::Digits(20),
                        about: "Number of the next sequenced message, ASCII, left-padded with spaces",
                        values: &[],
                    },
                ],
            },
            Message {
                name: "LoginRejected",
                group: "Packet",
                code: Some(b'J'),
                size: 4,
                tail: Tail::None,
                about: "Server: refused; the connection is closed.",
                fields: &[Field {
                    name: "reject_reason_code",
                    offset: 3,
                    tag: 0,
                    kind: Kind::Char,
                    about: "Why",
                    values: REJECT_REASON_VALUES,
                }],
            },
            Message {
                name: "SequencedData",
                group: "Packet",
                code: Some(b'S'),
                size: 3,
                tail: Tail::Bytes,
                about: "Server: the next message of the sequence.",
                fields: &[Field {
                    name: "message",
                    offset: 3,
                    tag: 0,
                    kind: Kind::Tail,
                    about: "The message",
                    values: &[],
                }],
            },
            Message {
                name: "ServerHeartbeat",
                group: "Packet",
                code: Some(b'H'),
                size: 3,
                tail: Tail::None,
                about: "Server: nothing else was sent for a second.",
                fields: &[],
            },
            Message {
                name: "EndOfSession",
                group: "Packet",
                code: Some(b'Z'),
                size: 3,
                tail: Tail::None,
                about: "Server: the session is over; no more messages.",
                fields: &[],
            },
            Message {
                name: "LoginRequest",
                group: "Packet",
                code: Some(b'L'),
                size: 49,
                tail: Tail::None,
                about: "Client: first packet of a connection.",
                fields: &[
                    Field {
                        name: "username",
                        offset: 3,
                        tag: 0,
                        kind: Kind::Alpha(6),
                        about: "User, right-padded with spaces",
                        values: &[],
                    },
                    Field {
                        name: "password",
                        offset: 9,
                        tag: 0,
                        kind: Kind::Alpha(10),
                        about: "Password, right-padded with spaces",
                        values: &[],
                    },
                    Field {
                        name: "requested_session",
                        offset: 19,
                        tag: 0,
                        kind: Kind::Alpha(10),
                        about: "Session, left-padded with spaces; blank for the current one",
                        values: &[],
                    },
                    Field {
                        name: "requested_sequence_number",
                        offset: 29,
                        tag: 0,
                        kind: Kind::Digits(20),
                        about: "First message wanted, ASCII, left-padded with spaces; 0 for the newest on",
                        values: &[],
                    },
                ],
            },
            Message {
                name: "UnsequencedData",
                group: "Packet",
                code: Some(b'U'),
                size: 3,
                tail: Tail::Bytes,
                about: "Client: a message without a number, which may be lost with the connection. A server may send one too.",
                fields: &[Field {
                    name: "message",
                    offset: 3,
                    tag: 0,
                    kind: Kind::Tail,
                    about: "The message",
                    values: &[],
                }],
            },
            Message {
                name: "ClientHeartbeat",
                group: "Packet",
                code: Some(b'R'),
                size: 3,
                tail: Tail::None,
                about: "Client: nothing else was sent for a second.",
                fields: &[],
            },
            Message {
                name: "LogoutRequest",
                group: "Packet",
                code: Some(b'O'),
                size: 3,
                tail: Tail::None,
                about: "Client: close the connection.",
                fields: &[],
            },
        ],
        elements: &[],
    };
}
