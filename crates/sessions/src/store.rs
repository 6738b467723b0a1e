//! The sequenced messages of a session, kept for those who reconnect and ask from a number on.
//!
//! Invariant: message `n` is returned byte for byte as it was appended, or the store said at the time that it is full.

/// The store has no room: the session must end before it lies about what it kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreFull;

/// Messages by sequence number, from 1.
pub trait MessageStore {
    /// Keeps a message; returns its number.
    ///
    /// # Errors
    /// [`StoreFull`] when it cannot be kept; nothing was kept then.
    fn append(&mut self, message: &[u8]) -> Result<u64, StoreFull>;
    /// Message `sequence`, or `None` when there is none.
    fn get(&self, sequence: u64) -> Option<&[u8]>;
    /// Number of the last message, 0 when there is none.
    fn last(&self) -> u64;
}

/// Messages in memory taken once.
#[derive(Debug)]
pub struct MemoryStore {
    bytes: Vec<u8>,
    /// End of each message in `bytes`.
    ends: Vec<usize>,
}

impl MemoryStore {
    /// Room for that many messages and bytes.
    pub fn with_capacity(messages: usize, bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), ends: Vec::with_capacity(messages) }
    }
}

impl MessageStore for MemoryStore {
    fn append(&mut self, message: &[u8]) -> Result<u64, StoreFull> {
        let fits = self.ends.len() < self.ends.capacity() && self.bytes.capacity() - self.bytes.len() >= message.len();
        if !fits {
            return Err(StoreFull);
        }
        self.bytes.extend_from_slice(message);
        self.ends.push(self.bytes.len());
        Ok(self.last())
    }

    fn get(&self, sequence: u64) -> Option<&[u8]> {
        let index = usize::try_from(sequence.checked_sub(1)?).ok()?;
        let end = *self.ends.get(index)?;
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        Some(&self.bytes[start..end])
    }

    fn last(&self) -> u64 {
        self.ends.len() as u64
    }
}
