//! What a session keeps: the messages that it sent, and the numbers of both directions.
//!
//! Invariant: a message is given back byte for byte as it was kept, or the store says that it is missing or damaged; it
//! says at the time when it cannot keep one. Numbers never run backwards but by a reset.

/// The store cannot keep what it is given: the session must end before it lies about what it kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreFailed;

/// The numbers that a session goes on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// MsgSeqNum that is expected next.
    pub incoming: u64,
    /// MsgSeqNum that is sent next.
    pub outgoing: u64,
    /// When they began at 1, ns UTC.
    pub created_ns: u64,
}

/// What the store has under a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored<'a> {
    /// The message and when it was kept.
    Message {
        /// Its bytes.
        bytes: &'a [u8],
        /// When it was kept, ns UTC.
        stored_ns: u64,
    },
    /// Nothing was kept: the number was skipped.
    Missing,
    /// It was kept, and is not what it was: it must not be sent.
    Damaged,
}

/// Messages by number, and the numbers.
pub trait Store {
    /// The numbers.
    fn numbers(&self) -> Numbers;
    /// Keeps a message under the next outgoing number, which becomes the one after it.
    ///
    /// # Errors
    /// [`StoreFailed`] when it cannot be kept; nothing changed then.
    fn append(&mut self, sequence: u64, now_ns: u64, message: &[u8]) -> Result<(), StoreFailed>;
    /// The number expected next.
    fn set_incoming(&mut self, next: u64);
    /// The number sent next, without a message for those skipped.
    fn set_outgoing(&mut self, next: u64);
    /// What is kept under this number.
    fn read(&mut self, sequence: u64) -> Stored<'_>;
    /// Forgets all messages; both numbers are 1.
    ///
    /// # Errors
    /// [`StoreFailed`] when the new beginning cannot be kept; nothing changed then.
    fn reset(&mut self, now_ns: u64) -> Result<(), StoreFailed>;
    /// Places where something was kept that is not what it was, found so far.
    fn damaged(&self) -> u64 {
        0
    }
    /// Whether a message of ordinary length finds no place. Who asks again learns of room that was made meanwhile.
    fn is_full(&mut self) -> bool {
        false
    }
    /// Does ahead of need what takes time: called between messages.
    fn maintain(&mut self) {}
}

/// Where a kept message lies.
#[derive(Clone, Copy, Debug)]
struct Place {
    sequence: u64,
    stored_ns: u64,
    start: usize,
    end: usize,
}

/// Messages in memory taken once.
#[derive(Debug)]
pub struct MemoryStore {
    numbers: Numbers,
    bytes: Vec<u8>,
    places: Vec<Place>,
}

impl MemoryStore {
    /// Room for that many messages and bytes.
    pub fn with_capacity(messages: usize, bytes: usize, now_ns: u64) -> Self {
        Self {
            numbers: Numbers { incoming: 1, outgoing: 1, created_ns: now_ns },
            bytes: Vec::with_capacity(bytes),
            places: Vec::with_capacity(messages),
        }
    }
}

impl Store for MemoryStore {
    fn numbers(&self) -> Numbers {
        self.numbers
    }

    fn append(&mut self, sequence: u64, now_ns: u64, message: &[u8]) -> Result<(), StoreFailed> {
        assert_eq!(sequence, self.numbers.outgoing, "messages are kept in the order of their numbers");
        let room = self.bytes.capacity() - self.bytes.len() >= message.len();
        if !room || self.places.len() == self.places.capacity() {
            return Err(StoreFailed);
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(message);
        self.places.push(Place { sequence, stored_ns: now_ns, start, end: self.bytes.len() });
        self.numbers.outgoing = sequence + 1;
        Ok(())
    }

    fn set_incoming(&mut self, next: u64) {
        self.numbers.incoming = next;
    }

    fn set_outgoing(&mut self, next: u64) {
        assert!(next >= self.numbers.outgoing, "a number is never used twice");
        self.numbers.outgoing = next;
    }

    fn read(&mut self, sequence: u64) -> Stored<'_> {
        match self.places.binary_search_by_key(&sequence, |place| place.sequence) {
            Ok(at) => {
                let place = self.places[at];
                Stored::Message { bytes: &self.bytes[place.start..place.end], stored_ns: place.stored_ns }
            }
            Err(_) => Stored::Missing,
        }
    }

    fn reset(&mut self, now_ns: u64) -> Result<(), StoreFailed> {
        self.bytes.clear();
        self.places.clear();
        self.numbers = Numbers { incoming: 1, outgoing: 1, created_ns: now_ns };
        Ok(())
    }
}
