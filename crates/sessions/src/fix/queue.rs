//! Messages that arrived ahead of their turn, kept while a gap before them is filled.
//!
//! Invariant: memory is taken once; what does not fit is refused and will be asked for again, and what is handed out is
//! exactly what was put in, each number once.

/// Where a message lies.
#[derive(Clone, Copy, Debug)]
struct Place {
    sequence: u64,
    start: usize,
    end: usize,
}

/// Messages by number, in memory taken once.
#[derive(Debug)]
pub(super) struct AheadQueue {
    bytes: Vec<u8>,
    /// In order of number.
    places: Vec<Place>,
}

impl AheadQueue {
    /// Room for that many messages and bytes.
    pub fn with_capacity(messages: usize, bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), places: Vec::with_capacity(messages) }
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.places.clear();
    }

    /// Keeps a message; `false` when there is no room for it. One whose number waits already is left out.
    pub fn put(&mut self, sequence: u64, message: &[u8]) -> bool {
        let Err(at) = self.places.binary_search_by_key(&sequence, |place| place.sequence) else { return true };
        let room = self.bytes.capacity() - self.bytes.len() >= message.len();
        if !room || self.places.len() == self.places.capacity() {
            return false;
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(message);
        self.places.insert(at, Place { sequence, start, end: self.bytes.len() });
        true
    }

    /// Takes the message of this number out, into `into`; drops all before it. `None`: it does not wait.
    pub fn take(&mut self, sequence: u64, into: &mut Vec<u8>) -> Option<()> {
        let past = self.places.partition_point(|place| place.sequence < sequence);
        self.places.drain(..past);
        let found = self.places.first().filter(|place| place.sequence == sequence).copied();
        if let Some(place) = found {
            into.clear();
            into.extend_from_slice(&self.bytes[place.start..place.end]);
            self.places.remove(0);
        }
        if self.places.is_empty() {
            self.bytes.clear();
        }
        found.map(drop)
    }
}
