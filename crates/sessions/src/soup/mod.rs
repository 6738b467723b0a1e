//! SoupBinTCP 3.0 (Nasdaq, "SoupBinTCP Specification", 3.00), client and server.
//!
//! A packet is a two-byte length, a type and a payload. The server's `S` packets are numbered by counting from the number
//! that its login acceptance names; a client that reconnects asks to go on from where it was.
//!
//! Invariant: each side ends the session on bytes that the specification does not allow, says why, and sends nothing more.

mod client;
mod server;

pub use client::{Client, ClientConfig, ClientEvent, ClientState};
pub use server::{Server, ServerEvent, ServerKept, ServerState};

use crate::ByteQueue;

/// Length prefix and type.
pub const PACKET_HEADER_BYTES: usize = 3;
/// Longest payload taken: far above any message of the protocols inside.
pub const PAYLOAD_BYTES_MAX: usize = 1_024;
/// A side that has sent nothing for so long sends a heartbeat (specification 2.2: one second).
pub const HEARTBEAT_NS: u64 = 1_000_000_000;
/// A side that has heard nothing for so long gives the other up (specification 2.2: fifteen seconds).
pub const SILENCE_NS: u64 = 15_000_000_000;
/// A connection that has not logged in by then is closed (specification 2.2.2: thirty seconds).
pub const LOGIN_NS: u64 = 30_000_000_000;

/// Packet types, by their letters.
pub(crate) mod packet {
    use wire::soupbin;

    pub const DEBUG: u8 = soupbin::Debug::TYPE;
    pub const LOGIN_ACCEPTED: u8 = soupbin::LoginAccepted::TYPE;
    pub const LOGIN_REJECTED: u8 = soupbin::LoginRejected::TYPE;
    pub const SEQUENCED: u8 = soupbin::SequencedData::TYPE;
    pub const UNSEQUENCED: u8 = soupbin::UnsequencedData::TYPE;
    pub const SERVER_HEARTBEAT: u8 = soupbin::ServerHeartbeat::TYPE;
    pub const END_OF_SESSION: u8 = soupbin::EndOfSession::TYPE;
    pub const LOGIN_REQUEST: u8 = soupbin::LoginRequest::TYPE;
    pub const CLIENT_HEARTBEAT: u8 = soupbin::ClientHeartbeat::TYPE;
    pub const LOGOUT_REQUEST: u8 = soupbin::LogoutRequest::TYPE;
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The connection broke or was closed by the other side.
    Disconnected,
    /// Nothing was heard for [`SILENCE_NS`].
    Silence,
    /// No login within [`LOGIN_NS`].
    NoLogin,
    /// Login refused: not authorised (`A`).
    NotAuthorized,
    /// Login refused: no such session (`S`).
    NoSuchSession,
    /// The other side said goodbye (end of session, logout).
    Goodbye,
    /// A packet type that is not allowed here.
    UnexpectedType(u8),
    /// A packet too long or too short for its type.
    Length(u8, u16),
    /// A login packet whose numbers are not numbers.
    BadLogin,
    /// What is to be sent does not fit any more: the other side does not read.
    Overflow,
}

/// Longest login packet of either side.
pub(crate) const LOGIN_BYTES_MAX: usize = 64;

/// Longest frame that [`frame_in`] assembles.
pub(crate) const FRAME_BYTES_MAX: usize = PACKET_HEADER_BYTES + PAYLOAD_BYTES_MAX;

/// What [`frame_in`] found: type, payload, bytes to consume.
pub(crate) type Frame<'a> = (u8, &'a [u8], usize);

/// The first whole frame in `queue`: type, payload, bytes to consume. `Err` for a length that is not allowed.
pub(crate) fn frame_in(queue: &[u8]) -> Result<Option<Frame<'_>>, End> {
    let Some(prefix) = queue.first_chunk::<2>() else { return Ok(None) };
    let length = u16::from_be_bytes(*prefix);
    let kind = queue.get(2).copied().unwrap_or(0);
    if length == 0 || usize::from(length) > PAYLOAD_BYTES_MAX + 1 {
        return Err(End::Length(kind, length));
    }
    let whole = 2 + usize::from(length);
    Ok(queue.get(PACKET_HEADER_BYTES..whole).map(|payload| (kind, payload, whole)))
}

/// A side of a session, as the frame loop sees it.
pub(crate) trait Side {
    /// What was read and not handled yet.
    fn input(&mut self) -> &mut ByteQueue;
    /// Whether the session is over: what follows is not handled.
    fn is_over(&self) -> bool;
}

/// What follows a frame.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// The next one.
    GoOn,
    /// Nothing, until the caller says so.
    Wait,
}

/// Hands over the whole frames that wait (type and length of the payload; the frame stands first in the input), each once
/// and in order. `Err`: the session must end.
#[inline]
pub(crate) fn take_frames<S: Side>(
    side: &mut S,
    mut on_frame: impl FnMut(&mut S, u8, usize) -> Result<Then, End>,
) -> Result<(), End> {
    while !side.is_over() {
        let Some((kind, payload, whole)) = frame_in(side.input().as_slice())? else { return Ok(()) };
        let length = payload.len();
        let then = on_frame(side, kind, length);
        side.input().consume(whole);
        if then? == Then::Wait {
            return Ok(());
        }
    }
    Ok(())
}

/// Queues a frame; `false` when it does not fit.
pub(crate) fn frame_out(queue: &mut ByteQueue, kind: u8, payload: &[u8]) -> bool {
    assert!(payload.len() <= PAYLOAD_BYTES_MAX);
    queue.push(&[&((payload.len() + 1) as u16).to_be_bytes(), &[kind], payload])
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
