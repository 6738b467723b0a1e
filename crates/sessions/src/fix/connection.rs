//! A socket that speaks FIX: bytes in, whole messages out, a few a cycle.
//!
//! Invariant: bytes that are no message are left behind and counted by reason; memory is bounded whatever arrives.

use tiles::{Tcp, TcpRead};
use wire::fix::{Framed, Garbled, frame};

use crate::ByteQueue;

/// What the next bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// A message of so many bytes stands first in the input.
    Message(usize),
    /// Bytes were left behind.
    Garbled,
    /// Wait for more.
    Nothing,
}

/// How often bytes were no message, by reason.
pub type GarbledCounts = [u64; Garbled::COUNT];

/// A socket and what was read from it.
pub struct Connection {
    socket: Box<dyn Tcp>,
    input: ByteQueue,
    message_bytes_max: usize,
    /// The other side closed its end: what was read before still counts.
    closed: bool,
}

impl Connection {
    /// Messages up to this length.
    pub fn new(socket: Box<dyn Tcp>, message_bytes_max: usize) -> Self {
        Self { socket, input: ByteQueue::with_capacity(2 * message_bytes_max), message_bytes_max, closed: false }
    }

    /// Goes on with one of which another process had read these bytes; `None`: they are more than fit.
    pub fn resumed(socket: Box<dyn Tcp>, message_bytes_max: usize, read: &[u8]) -> Option<Self> {
        let mut connection = Self::new(socket, message_bytes_max);
        connection.input.push(&[read]).then_some(connection)
    }

    /// Reads what waits and fits; returns whether anything came.
    pub fn read(&mut self) -> bool {
        let room = self.input.room();
        // A whole message waits already where there is no room: it is taken first.
        let Some(space) = self.input.space(room).filter(|space| !space.is_empty() && !self.closed) else {
            return false;
        };
        match self.socket.read(space) {
            TcpRead::Bytes(count) => {
                self.input.commit(count);
                true
            }
            TcpRead::Idle => false,
            TcpRead::Closed => {
                self.closed = true;
                true
            }
        }
    }

    /// The same connection for messages up to this length.
    pub fn grown(self, message_bytes_max: usize) -> Self {
        let mut input = ByteQueue::with_capacity(2 * message_bytes_max.max(self.message_bytes_max));
        let fits = input.push(&[self.input.as_slice()]);
        assert!(fits, "it is no smaller than the old one");
        Self { input, message_bytes_max, ..self }
    }

    /// The socket, to be watched.
    pub fn socket(&self) -> &dyn Tcp {
        &*self.socket
    }

    /// Whether no whole message waits.
    pub fn next_is_nothing(&self) -> bool {
        frame(self.input.as_slice(), self.message_bytes_max) == Framed::Incomplete
    }

    /// What the next bytes are.
    pub fn next(&mut self, garbled: &mut GarbledCounts) -> Next {
        match frame(self.input.as_slice(), self.message_bytes_max) {
            Framed::Incomplete => Next::Nothing,
            Framed::Message { length } => Next::Message(length),
            Framed::Garbled { skip, why } => {
                garbled[why as usize] += 1;
                self.input.consume(skip);
                Next::Garbled
            }
        }
    }

    /// The bytes that were read and not left behind yet.
    pub fn bytes(&self) -> &[u8] {
        self.input.as_slice()
    }

    /// Leaves a message behind.
    pub fn consume(&mut self, length: usize) {
        self.input.consume(length);
    }

    /// Whether the other side closed and nothing is left to read.
    pub fn is_over(&self) -> bool {
        self.closed
    }

    /// Writes what it takes; `None` when the connection is broken.
    pub fn write(&mut self, bytes: &[u8]) -> Option<usize> {
        self.socket.write(bytes).ok()
    }
}
