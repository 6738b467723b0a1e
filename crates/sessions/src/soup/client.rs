//! The client's side: logs in, counts sequenced messages, keeps the connection alive.
//!
//! Invariant: `next_sequence` is the number of the first message that was not yet handed over; it survives reconnects, so
//! that a message is delivered once and in order however often the connection breaks.

use wire::soupbin::{LoginAccepted, LoginRequestFields};

use super::{
    End, FRAME_BYTES_MAX, HEARTBEAT_NS, LOGIN_BYTES_MAX, LOGIN_NS, PACKET_HEADER_BYTES, SILENCE_NS, Side, Then,
    frame_out, packet, take_frames,
};
use crate::ByteQueue;

/// Who logs in.
#[derive(Clone, Copy)]
pub struct ClientConfig {
    /// Six characters, padded with spaces.
    pub username: [u8; 6],
    /// Ten characters, padded with spaces.
    pub password: [u8; 10],
    /// Session asked for; spaces: the current one.
    pub session: [u8; 10],
    /// First message wanted; 1: all of the day, 0: only new ones.
    pub first_sequence: u64,
}

impl std::fmt::Debug for ClientConfig {
    /// Without the password: configurations are logged.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let user = String::from_utf8_lossy(&self.username);
        write!(formatter, "ClientConfig {{ username: {user:?}, first_sequence: {} }}", self.first_sequence)
    }
}

/// Where the session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientState {
    /// No connection.
    Down,
    /// Connected, login sent.
    LoggingIn,
    /// Logged in.
    Up,
}

/// What the session says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientEvent<'a> {
    /// Logged in; the next sequenced message has this number.
    Up {
        /// The session's name.
        session: [u8; 10],
        /// Number of the next message.
        sequence: u64,
    },
    /// The server goes on from a number later than the one asked for: messages in between are lost.
    Gap {
        /// First lost.
        from: u64,
        /// First that will come.
        to: u64,
    },
    /// A sequenced message.
    Sequenced {
        /// Its number.
        sequence: u64,
        /// Its bytes.
        bytes: &'a [u8],
    },
    /// An unsequenced message.
    Unsequenced(&'a [u8]),
    /// Text for people.
    Debug(&'a [u8]),
    /// The session ended; close the connection.
    Down(End),
}

/// The client's state machine.
#[derive(Debug)]
pub struct Client {
    config: ClientConfig,
    state: ClientState,
    session: [u8; 10],
    next_sequence: u64,
    input: ByteQueue,
    output: ByteQueue,
    last_sent_ns: u64,
    last_heard_ns: u64,
}

impl Side for Client {
    fn input(&mut self) -> &mut ByteQueue {
        &mut self.input
    }

    fn is_over(&self) -> bool {
        self.state == ClientState::Down
    }
}

impl Client {
    /// A client with room for `output_bytes` that the socket did not take at once.
    pub fn new(config: ClientConfig, output_bytes: usize) -> Self {
        Self {
            config,
            state: ClientState::Down,
            session: config.session,
            next_sequence: config.first_sequence,
            input: ByteQueue::with_capacity(4 * FRAME_BYTES_MAX),
            output: ByteQueue::with_capacity(output_bytes),
            last_sent_ns: 0,
            last_heard_ns: 0,
        }
    }

    /// Where the session stands.
    pub fn state(&self) -> ClientState {
        self.state
    }

    /// Number of the next sequenced message.
    pub fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    /// Goes on from a number that a journal knows.
    pub fn set_next_sequence(&mut self, next: u64) {
        self.next_sequence = next;
    }

    /// The connection is made: logs in.
    pub fn on_connected(&mut self, now_ns: u64) {
        self.input.clear();
        self.output.clear();
        (self.last_sent_ns, self.last_heard_ns) = (now_ns, now_ns);
        self.state = ClientState::LoggingIn;
        let login = LoginRequestFields {
            username: self.config.username,
            password: self.config.password,
            requested_session: self.session,
            requested_sequence_number: wire::digits20(self.next_sequence),
        };
        let length = login.encode(self.output.space(LOGIN_BYTES_MAX).expect("an empty queue holds a login"));
        self.output.commit(length);
    }

    /// The connection is gone.
    pub fn on_disconnected(&mut self) {
        self.state = ClientState::Down;
        self.output.clear();
    }

    /// Memory to read into, at least one packet's worth.
    pub fn space(&mut self) -> &mut [u8] {
        self.input.space(FRAME_BYTES_MAX).expect("whole frames are consumed, so at most one partial frame is queued")
    }

    /// `count` bytes were read into [`Client::space`].
    pub fn on_bytes(&mut self, now_ns: u64, count: usize, event: &mut impl FnMut(ClientEvent<'_>)) {
        self.input.commit(count);
        if self.state == ClientState::Down {
            return self.input.clear(); // Whatever comes after the end is not for us.
        }
        self.last_heard_ns = now_ns;
        if let Err(end) = take_frames(self, |client, kind, length| client.on_frame(kind, length, event)) {
            self.end(end, event);
        }
    }

    /// Sends heartbeats, notices silence.
    pub fn on_time(&mut self, now_ns: u64, event: &mut impl FnMut(ClientEvent<'_>)) {
        if self.state == ClientState::Down {
            return;
        }
        let patience_ns = if self.state == ClientState::LoggingIn { LOGIN_NS } else { SILENCE_NS };
        if now_ns.saturating_sub(self.last_heard_ns) > patience_ns {
            return self.end(End::Silence, event);
        }
        if now_ns.saturating_sub(self.last_sent_ns) >= HEARTBEAT_NS && self.state == ClientState::Up {
            self.last_sent_ns = now_ns;
            if self.output.is_empty() && !frame_out(&mut self.output, packet::CLIENT_HEARTBEAT, &[]) {
                self.end(End::Overflow, event);
            }
        }
    }

    /// Queues an unsequenced message (an order); `false` when not logged in or when it does not fit: nothing was queued.
    pub fn send(&mut self, now_ns: u64, message: &[u8]) -> bool {
        let sent = self.state == ClientState::Up && frame_out(&mut self.output, packet::UNSEQUENCED, message);
        if sent {
            self.last_sent_ns = now_ns;
        }
        sent
    }

    /// Queues a logout.
    pub fn logout(&mut self) {
        let _best_effort = frame_out(&mut self.output, packet::LOGOUT_REQUEST, &[]);
    }

    /// Bytes for the socket.
    pub fn output(&self) -> &[u8] {
        self.output.as_slice()
    }

    /// The socket took so many.
    pub fn written(&mut self, count: usize) {
        self.output.consume(count);
    }

    fn end(&mut self, end: End, event: &mut impl FnMut(ClientEvent<'_>)) {
        self.state = ClientState::Down;
        event(ClientEvent::Down(end));
    }

    fn on_frame(&mut self, kind: u8, length: usize, event: &mut impl FnMut(ClientEvent<'_>)) -> Result<Then, End> {
        let payload = &self.input.as_slice()[PACKET_HEADER_BYTES..PACKET_HEADER_BYTES + length];
        match (self.state, kind) {
            (_, packet::DEBUG) => event(ClientEvent::Debug(payload)),
            (ClientState::LoggingIn, packet::LOGIN_ACCEPTED) => self.on_accepted(length, event)?,
            (ClientState::LoggingIn, packet::LOGIN_REJECTED) if payload == b"S" => {
                // The session that we knew is no more: the next login asks for the one there is.
                self.session = self.config.session;
                return Err(End::NoSuchSession);
            }
            (ClientState::LoggingIn, packet::LOGIN_REJECTED) => return Err(End::NotAuthorized),
            (ClientState::Up, packet::SEQUENCED) => {
                let sequence = self.next_sequence;
                event(ClientEvent::Sequenced { sequence, bytes: payload });
                self.next_sequence += 1;
            }
            (ClientState::Up, packet::UNSEQUENCED) => event(ClientEvent::Unsequenced(payload)),
            (_, packet::SERVER_HEARTBEAT) if length == 0 => {}
            (_, packet::SERVER_HEARTBEAT) => return Err(End::Length(kind, length as u16 + 1)),
            (ClientState::Up, packet::END_OF_SESSION) => return Err(End::Goodbye),
            _ => return Err(End::UnexpectedType(kind)),
        }
        Ok(Then::GoOn)
    }

    fn on_accepted(&mut self, length: usize, event: &mut impl FnMut(ClientEvent<'_>)) -> Result<(), End> {
        let packet = &self.input.as_slice()[..PACKET_HEADER_BYTES + length];
        let view = LoginAccepted::new(packet).map_err(|_| End::Length(LoginAccepted::TYPE, length as u16 + 1))?;
        let sequence = view.sequence_number_value().ok_or(End::BadLogin)?;
        self.session = view.session();
        let wanted = self.next_sequence;
        self.next_sequence = sequence;
        self.state = ClientState::Up;
        event(ClientEvent::Up { session: self.session, sequence });
        if wanted != 0 && sequence > wanted {
            event(ClientEvent::Gap { from: wanted, to: sequence });
        }
        Ok(())
    }
}
