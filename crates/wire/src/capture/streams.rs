//! One direction of a TCP connection, put in order.
//!
//! Invariant: bytes come out once and in sequence; what a capture misses is skipped only when later bytes wait for it.

use std::collections::BTreeMap;

/// Bytes that may wait for a missing segment before it is given up.
const WAITING_BYTES_MAX: usize = 1 << 20;

/// Segments of one direction.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// In order and not yet taken.
    pub ready: Vec<u8>,
    /// Whether its first bytes were a SoupBinTCP packet; `None` until they are there.
    pub framed: Option<bool>,
    /// Number of the next sequenced message, once a login told it.
    pub sequence: u64,
    next: Option<u32>,
    waiting: BTreeMap<u32, Vec<u8>>,
    waiting_bytes: usize,
}

impl Stream {
    /// Takes a segment in. Returns bytes given up: what was ready before a gap cannot be completed any more.
    pub fn push(&mut self, sequence: u32, opens: bool, payload: &[u8]) -> u64 {
        if opens {
            let lost = self.ready.len() + self.waiting_bytes;
            *self = Self { next: Some(sequence.wrapping_add(1)), ..Self::default() };
            return lost as u64;
        }
        if payload.is_empty() {
            return 0;
        }
        let next = *self.next.get_or_insert(sequence);
        let ahead = sequence.wrapping_sub(next).cast_signed();
        if ahead > 0 {
            self.wait(sequence, payload);
            return if self.waiting_bytes > WAITING_BYTES_MAX { self.give_up_gap() } else { 0 };
        }
        self.append(ahead.unsigned_abs() as usize, payload);
        self.release();
        0
    }

    /// Gives up the first gap; to be repeated at the capture's end until nothing waits.
    pub fn give_up_gap(&mut self) -> u64 {
        let Some(next) = self.next else { return 0 };
        let nearest = self.waiting.keys().copied().min_by_key(|sequence| sequence.wrapping_sub(next));
        let Some(nearest) = nearest else { return 0 };
        let lost = self.ready.len();
        self.ready.clear();
        self.next = Some(nearest);
        self.release();
        lost as u64
    }

    /// Whether segments wait for a missing one.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    fn wait(&mut self, sequence: u32, payload: &[u8]) {
        let held = self.waiting.entry(sequence).or_default();
        if held.len() < payload.len() {
            self.waiting_bytes += payload.len() - held.len();
            *held = payload.to_vec();
        }
    }

    /// Appends a segment of which `known` bytes were there before.
    fn append(&mut self, known: usize, payload: &[u8]) {
        if let Some(fresh) = payload.get(known..) {
            self.ready.extend_from_slice(fresh);
            self.next = self.next.map(|next| next.wrapping_add(fresh.len() as u32));
        }
    }

    fn release(&mut self) {
        while let Some(next) = self.next {
            let found = self.waiting.keys().copied().find(|sequence| sequence.wrapping_sub(next).cast_signed() <= 0);
            let Some(found) = found else { return };
            let payload = self.waiting.remove(&found).unwrap_or_default();
            self.waiting_bytes -= payload.len();
            self.append(next.wrapping_sub(found) as usize, &payload);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_come_out_in_order_and_once() {
        let mut stream = Stream::default();
        stream.push(u32::MAX - 1, true, b"");
        stream.push(1, false, b"cd");
        assert!(stream.ready.is_empty());
        stream.push(u32::MAX, false, b"ab");
        stream.push(0, false, b"bcde");
        assert_eq!(stream.ready, b"abcde");
        assert!(!stream.is_waiting());
    }

    #[test]
    fn a_gap_is_given_up_with_what_it_broke() {
        let mut stream = Stream::default();
        stream.push(10, false, b"ab");
        stream.push(20, false, b"cd");
        assert!(stream.is_waiting());
        assert_eq!(stream.give_up_gap(), 2);
        assert_eq!(stream.ready, b"cd");
    }
}
