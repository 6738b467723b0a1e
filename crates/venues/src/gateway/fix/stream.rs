//! A FIX session and the bytes that were read for it.
//!
//! Invariant: bytes that are no message are left behind, counted and sampled; a message is taken only while what it becomes has
//! room.

use sessions::ByteQueue;
use sessions::fix::{Application, Session, State};
use wire::fix::{Fields, Framed, Garbled, frame};

use crate::gateway::Stream;

/// Messages taken from the connection in one cycle at most.
const MESSAGES_A_CYCLE: usize = 64;

/// Who takes a session's messages.
pub trait Taker: Application {
    /// Whether there is room for what one more becomes.
    fn has_room(&self) -> bool;
    /// Bytes that are no message were left behind.
    fn on_garbled(&mut self, bytes: &[u8], why: Garbled, now_ns: u64);
}

/// The session and what was read for it.
pub struct FixStream {
    /// The session.
    pub session: Session,
    /// What was read and is not taken.
    pub input: ByteQueue,
    /// There is a connection.
    pub connected: bool,
    /// The session was up over it.
    pub was_up: bool,
    fields: Fields,
}

impl FixStream {
    /// Without a connection.
    ///
    /// # Panics
    /// When the session is an acceptor.
    pub fn new(session: Session) -> Self {
        assert!(session.profile().initiator, "it logs on");
        let input = ByteQueue::with_capacity(4 * session.profile().message_bytes_max);
        Self { session, input, connected: false, was_up: false, fields: Fields::default() }
    }

    /// Takes whole messages, as many as one cycle may; returns how many.
    pub fn take(&mut self, taker: &mut dyn Taker, now_ns: u64) -> usize {
        let Self { session, input, fields, .. } = self;
        let most = session.profile().message_bytes_max;
        let mut work = 0;
        while work < MESSAGES_A_CYCLE && taker.has_room() && session.state() != State::Down {
            match frame(input.as_slice(), most) {
                Framed::Incomplete => break,
                Framed::Message { length } => {
                    session.receive(now_ns, &input.as_slice()[..length], fields, taker);
                    input.consume(length);
                }
                Framed::Garbled { skip, why } => {
                    taker.on_garbled(&input.as_slice()[..skip], why, now_ns);
                    input.consume(skip);
                    session.garbled();
                }
            }
            work += 1;
        }
        self.was_up |= self.session.state() == State::Up;
        work
    }

    /// The connection is there and the session over: what is left is to be written, then it is closed.
    pub fn has_ended(&self) -> bool {
        self.connected && self.session.state() == State::Down
    }

    /// The connection ends, or ended, before its logon was taken.
    pub fn is_refused(&self) -> bool {
        self.connected && !self.was_up
    }

    /// The connection is gone.
    pub fn on_lost(&mut self, now_ns: u64) {
        self.connected = false;
        self.session.disconnected(now_ns);
    }
}

impl Stream for FixStream {
    fn on_connected(&mut self, now_ns: u64) {
        self.input.clear();
        (self.connected, self.was_up) = (true, false);
        self.session.connect(now_ns);
    }

    fn space(&mut self) -> &mut [u8] {
        let room = self.input.room();
        self.input.space(room).unwrap_or_default()
    }

    fn output(&self) -> &[u8] {
        self.session.output()
    }

    fn written(&mut self, count: usize) {
        self.session.written(count);
    }

    fn room(&self) -> usize {
        self.session.output_room()
    }
}
