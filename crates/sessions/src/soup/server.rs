//! The server's side of one connection: checks the login's form, replays, keeps the connection alive.
//!
//! Who may log in, and the store of sequenced messages, belong to the caller: one session outlives its connections.
//!
//! Invariant: a connection sends the store's messages from the number asked for on, each once and in order.

use wire::soupbin::{LoginAcceptedFields, LoginRequest};

use super::{
    End, FRAME_BYTES_MAX, HEARTBEAT_NS, LOGIN_BYTES_MAX, LOGIN_NS, PACKET_HEADER_BYTES, SILENCE_NS, Side, Then,
    frame_out, packet, take_frames,
};
use crate::{ByteQueue, MessageStore};

/// Where the connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerState {
    /// Waits for a login.
    Waiting,
    /// Logged in.
    Up,
    /// Over.
    Down,
}

/// What the connection says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerEvent<'a> {
    /// A client wants in: answer with [`Server::accept`] or [`Server::reject`] before more bytes are handed over.
    Login {
        /// Six characters.
        username: [u8; 6],
        /// Ten characters.
        password: [u8; 10],
        /// Session asked for; spaces: the current one.
        session: [u8; 10],
        /// First message wanted; 0: only new ones.
        sequence: u64,
    },
    /// An unsequenced message (an order).
    Unsequenced(&'a [u8]),
    /// Text for people.
    Debug(&'a [u8]),
    /// The session ended; close the connection.
    Down(End),
}

/// A connection that is logged in, as another process goes on with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerKept {
    /// Number of the next sequenced message.
    pub next_sequence: u64,
    /// When it was opened, when something was sent last, and heard last, ns UTC.
    pub times_ns: [u64; 3],
    /// What was read and is no whole packet yet.
    pub input: Vec<u8>,
    /// What is framed and not written yet.
    pub output: Vec<u8>,
}

/// The server's state machine for one connection.
#[derive(Debug)]
pub struct Server {
    state: ServerState,
    next_sequence: u64,
    input: ByteQueue,
    output: ByteQueue,
    opened_ns: u64,
    last_sent_ns: u64,
    last_heard_ns: u64,
}

impl Side for Server {
    fn input(&mut self) -> &mut ByteQueue {
        &mut self.input
    }

    fn is_over(&self) -> bool {
        self.state == ServerState::Down
    }
}

impl Server {
    /// A fresh connection.
    pub fn new(now_ns: u64, output_bytes: usize) -> Self {
        Self {
            state: ServerState::Waiting,
            next_sequence: 0,
            input: ByteQueue::with_capacity(4 * FRAME_BYTES_MAX),
            output: ByteQueue::with_capacity(output_bytes),
            opened_ns: now_ns,
            last_sent_ns: now_ns,
            last_heard_ns: now_ns,
        }
    }

    /// Takes the state back to a fresh connection; memory is kept.
    pub fn reset(&mut self, now_ns: u64) {
        self.input.clear();
        self.output.clear();
        (self.state, self.next_sequence) = (ServerState::Waiting, 0);
        (self.opened_ns, self.last_sent_ns, self.last_heard_ns) = (now_ns, now_ns, now_ns);
    }

    /// All of it, for another process; `None` where it is not logged in.
    pub fn kept(&self) -> Option<ServerKept> {
        (self.state == ServerState::Up).then(|| ServerKept {
            next_sequence: self.next_sequence,
            times_ns: [self.opened_ns, self.last_sent_ns, self.last_heard_ns],
            input: self.input.as_slice().to_vec(),
            output: self.output.as_slice().to_vec(),
        })
    }

    /// Goes on with a connection that another process kept; `false`: there is no room for what waits on it.
    #[must_use]
    pub fn resume(&mut self, kept: &ServerKept) -> bool {
        self.input.clear();
        self.output.clear();
        [self.opened_ns, self.last_sent_ns, self.last_heard_ns] = kept.times_ns;
        (self.state, self.next_sequence) = (ServerState::Up, kept.next_sequence);
        self.input.push(&[&kept.input]) && self.output.push(&[&kept.output])
    }

    /// Where the connection stands.
    pub fn state(&self) -> ServerState {
        self.state
    }

    /// Number of the next sequenced message that this connection will send.
    pub fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    /// Lets the client in; it gets messages from `sequence` on (0: after the store's last), bounded by what the store has.
    pub fn accept(&mut self, session: [u8; 10], sequence: u64, store: &dyn MessageStore) {
        let after_last = store.last() + 1;
        self.next_sequence = if sequence == 0 { after_last } else { sequence.min(after_last) };
        let answer = LoginAcceptedFields { session, sequence_number: wire::digits20(self.next_sequence) };
        let length = answer.encode(self.output.space(LOGIN_BYTES_MAX).expect("an empty queue holds an answer"));
        self.output.commit(length);
        self.state = ServerState::Up;
    }

    /// Refuses the client; close the connection once the output is written.
    pub fn reject(&mut self, end: End) {
        let reason = if end == End::NoSuchSession { b"S" } else { b"A" };
        let _best_effort = frame_out(&mut self.output, packet::LOGIN_REJECTED, reason);
        self.state = ServerState::Down;
    }

    /// Memory to read into, at least one packet's worth.
    pub fn space(&mut self) -> &mut [u8] {
        self.input.space(FRAME_BYTES_MAX).expect("whole frames are consumed, so at most one partial frame is queued")
    }

    /// `count` bytes were read into [`Server::space`]. After a [`ServerEvent::Login`] what follows waits for [`Server::go_on`].
    pub fn on_bytes(&mut self, now_ns: u64, count: usize, event: &mut impl FnMut(ServerEvent<'_>)) {
        self.input.commit(count);
        if self.state == ServerState::Down {
            return self.input.clear(); // Whatever comes after the end is not for us.
        }
        self.last_heard_ns = now_ns;
        self.go_on(event);
    }

    /// Handles whole packets that wait.
    pub fn go_on(&mut self, event: &mut impl FnMut(ServerEvent<'_>)) {
        if let Err(end) = take_frames(self, |server, kind, length| server.on_frame(kind, length, event)) {
            self.end(end, event);
        }
    }

    /// Sends what the store has beyond what was sent, as far as the output has room; returns how many messages.
    pub fn pump(&mut self, now_ns: u64, store: &dyn MessageStore) -> usize {
        let mut count = 0;
        while self.state == ServerState::Up {
            let Some(message) = store.get(self.next_sequence) else { break };
            if !frame_out(&mut self.output, packet::SEQUENCED, message) {
                break;
            }
            self.next_sequence += 1;
            self.last_sent_ns = now_ns;
            count += 1;
        }
        count
    }

    /// Sends heartbeats, notices silence and missing logins.
    pub fn on_time(&mut self, now_ns: u64, event: &mut impl FnMut(ServerEvent<'_>)) {
        let silent_ns = now_ns.saturating_sub(self.last_heard_ns);
        match self.state {
            // Whatever it says meanwhile: a login a byte at a time is none.
            ServerState::Waiting if now_ns.saturating_sub(self.opened_ns) > LOGIN_NS => self.end(End::NoLogin, event),
            ServerState::Up if silent_ns > SILENCE_NS => self.end(End::Silence, event),
            ServerState::Up if now_ns.saturating_sub(self.last_sent_ns) >= HEARTBEAT_NS => {
                self.last_sent_ns = now_ns;
                if self.output.is_empty() {
                    let _fits = frame_out(&mut self.output, packet::SERVER_HEARTBEAT, &[]);
                }
            }
            _ => {}
        }
    }

    /// Says that the session is over.
    pub fn end_of_session(&mut self) {
        let _best_effort = frame_out(&mut self.output, packet::END_OF_SESSION, &[]);
        self.state = ServerState::Down;
    }

    /// Bytes for the socket.
    pub fn output(&self) -> &[u8] {
        self.output.as_slice()
    }

    /// The socket took so many.
    pub fn written(&mut self, count: usize) {
        self.output.consume(count);
    }

    fn end(&mut self, end: End, event: &mut impl FnMut(ServerEvent<'_>)) {
        self.state = ServerState::Down;
        event(ServerEvent::Down(end));
    }

    fn on_frame(&mut self, kind: u8, length: usize, event: &mut impl FnMut(ServerEvent<'_>)) -> Result<Then, End> {
        let payload = &self.input.as_slice()[PACKET_HEADER_BYTES..PACKET_HEADER_BYTES + length];
        match (self.state, kind) {
            (_, packet::DEBUG) => event(ServerEvent::Debug(payload)),
            (ServerState::Waiting, packet::LOGIN_REQUEST) => {
                on_login(&self.input.as_slice()[..PACKET_HEADER_BYTES + length], event)?;
                return Ok(Then::Wait);
            }
            (ServerState::Up, packet::UNSEQUENCED) => event(ServerEvent::Unsequenced(payload)),
            (ServerState::Up, packet::CLIENT_HEARTBEAT) if length == 0 => {}
            (ServerState::Up, packet::LOGOUT_REQUEST) => return Err(End::Goodbye),
            (_, packet::CLIENT_HEARTBEAT) => return Err(End::Length(kind, length as u16 + 1)),
            _ => return Err(End::UnexpectedType(kind)),
        }
        Ok(Then::GoOn)
    }
}

fn on_login(packet: &[u8], event: &mut impl FnMut(ServerEvent<'_>)) -> Result<(), End> {
    let length = packet.len().saturating_sub(PACKET_HEADER_BYTES) as u16 + 1;
    let view = LoginRequest::new(packet).map_err(|_| End::Length(LoginRequest::TYPE, length))?;
    let number = view.requested_sequence_number();
    // Blank asks for new messages only.
    let blank = number.trim_ascii().is_empty();
    let sequence = if blank { 0 } else { view.requested_sequence_number_value().ok_or(End::BadLogin)? };
    event(ServerEvent::Login {
        username: view.username(),
        password: view.password(),
        session: view.requested_session(),
        sequence,
    });
    Ok(())
}
