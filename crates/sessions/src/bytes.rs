//! A queue of bytes in fixed memory: what arrived and is not yet a whole frame, or what is to be sent and did not fit.
//!
//! Invariant: memory is taken once; a push that does not fit is refused whole.

/// First in, first out, contiguous.
#[derive(Debug)]
pub struct ByteQueue {
    memory: Box<[u8]>,
    start: usize,
    end: usize,
}

impl ByteQueue {
    /// A queue of that many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { memory: vec![0; bytes].into_boxed_slice(), start: 0, end: 0 }
    }

    /// Has room for so many bytes in all from now on, or for what is queued where that is more.
    pub fn resize(&mut self, bytes: usize) {
        let mut memory = vec![0; bytes.max(self.len())].into_boxed_slice();
        memory[..self.len()].copy_from_slice(self.as_slice());
        (self.start, self.end, self.memory) = (0, self.len(), memory);
    }

    /// Bytes that it takes in all.
    pub fn capacity(&self) -> usize {
        self.memory.len()
    }

    /// What is queued.
    pub fn as_slice(&self) -> &[u8] {
        &self.memory[self.start..self.end]
    }

    /// Bytes queued.
    pub fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether nothing is queued.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Bytes that still fit.
    pub fn room(&self) -> usize {
        self.memory.len() - self.len()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    /// Takes `count` bytes off the front.
    ///
    /// # Panics
    /// When fewer are queued.
    pub fn consume(&mut self, count: usize) {
        assert!(count <= self.len());
        self.start += count;
        if self.start == self.end {
            self.clear();
        }
    }

    /// Free memory behind the queue, at least `bytes` of it, or `None`. Follow with [`ByteQueue::commit`].
    pub fn space(&mut self, bytes: usize) -> Option<&mut [u8]> {
        if self.room() < bytes {
            return None;
        }
        if self.memory.len() - self.end < bytes {
            self.memory.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        Some(&mut self.memory[self.end..])
    }

    /// Adds `count` bytes that were written into [`ByteQueue::space`].
    pub fn commit(&mut self, count: usize) {
        assert!(self.end + count <= self.memory.len());
        self.end += count;
    }

    /// Adds all of `parts` or nothing.
    pub fn push(&mut self, parts: &[&[u8]]) -> bool {
        let total = parts.iter().map(|part| part.len()).sum();
        let Some(space) = self.space(total) else { return false };
        let mut at = 0;
        for part in parts {
            space[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        self.commit(total);
        true
    }
}
