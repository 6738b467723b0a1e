//! A FIX session and the bytes that were read for it, from one connection to the next.
//!
//! Invariant: bytes that are no message are left behind, counted and sampled; a message is taken only while what it becomes has
//! room. Each connection that ends is counted once by why it ended, and the next one waits for longer where logons are refused.

use links::{Counter, Counters};
use sessions::ByteQueue;
use sessions::fix::{Application, GarbledCounts, Session, SessionCounters, State};
use wire::fix::{Fields, Framed, Garbled, frame};

use super::ending::EndingFile;
use crate::gateway::Stream;
use crate::gateway::socket::Socket;

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
    connected: bool,
    /// The session was up over it.
    was_up: bool,
    fields: Fields,
    garbled: GarbledCounts,
    counters: SessionCounters,
    refused: Counter,
    ending: Option<EndingFile>,
}

impl FixStream {
    /// Without a connection; it counts under this scope.
    ///
    /// # Panics
    /// When the session is an acceptor.
    pub fn new(session: Session, scope: &Counters) -> Self {
        assert!(session.profile().initiator, "it logs on");
        let input = ByteQueue::with_capacity(4 * session.profile().message_bytes_max);
        Self {
            session,
            input,
            connected: false,
            was_up: false,
            fields: Fields::default(),
            garbled: [0; Garbled::COUNT],
            counters: SessionCounters::new(scope),
            refused: scope.counter("refused_in_a_row"),
            ending: None,
        }
    }

    /// Writes down how each connection ended.
    pub fn tell_endings(&mut self, file: EndingFile) {
        self.ending = Some(file);
    }

    /// Takes whole messages, as many as one cycle may; returns how many.
    pub fn take(&mut self, taker: &mut dyn Taker, now_ns: u64) -> usize {
        let Self { session, input, fields, garbled, .. } = self;
        let most = session.profile().message_bytes_max;
        let mut work = 0;
        while work < MESSAGES_A_CYCLE && taker.has_room() && session.state() != State::Down {
            match frame(input.as_slice(), most) {
                Framed::Incomplete => break,
                Framed::Message { length } => {
                    session.receive(now_ns, &input.as_slice()[..length], fields, taker);
                    input.consume(length);
                    // Also where the very next message ends it.
                    self.was_up |= session.state() == State::Up;
                }
                Framed::Garbled { skip, why } => {
                    taker.on_garbled(&input.as_slice()[..skip], why, now_ns);
                    input.consume(skip);
                    garbled[why as usize] += 1;
                    session.garbled();
                }
            }
            work += 1;
        }
        work
    }

    /// The connection is there and the session over: what is left is to be written, then it is closed.
    pub fn has_ended(&self) -> bool {
        self.connected && self.session.state() == State::Down
    }

    /// After messages were taken: a logon among them makes the venue one that takes ours.
    pub fn settle(&self, socket: &mut Socket) {
        if self.was_up && socket.refused() > 0 {
            socket.had_logon(true);
            self.refused.set(0);
        }
    }

    /// The connection is at its end, or gone: closes it and says why.
    pub fn lose(&mut self, socket: &mut Socket, now_ns: u64) {
        if self.connected {
            socket.had_logon(self.was_up);
            // Before the end itself is counted: who reads both the other way round never sees an end that this does not explain.
            self.refused.set(u64::from(socket.refused()));
        }
        socket.close(now_ns);
        self.session.disconnected(now_ns);
        if std::mem::take(&mut self.connected) {
            self.counters.ended(&self.session);
            if let Some(file) = &mut self.ending {
                file.write(&self.session, now_ns);
            }
        }
    }

    /// Writes the counters now and then.
    pub fn tell(&mut self, now_ns: u64) {
        if self.counters.is_due(now_ns) {
            self.counters.tell(|count| self.session.counts().get(count), &self.garbled);
        }
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
