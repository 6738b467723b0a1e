//! The feed's latest messages, by sequence: what packets are made of and what the retransmission server sends again.
//!
//! Invariant: message `n` is here while it is one of the last `capacity`; each has one slot, so appending never moves.

/// Longest message of the feed with its length.
const SLOT_BYTES: usize = 64;

#[derive(Clone, Copy)]
#[repr(align(64))]
struct Slot {
    bytes: [u8; SLOT_BYTES - 1],
    length: u8,
}

/// A ring of messages.
pub(crate) struct History {
    slots: Box<[Slot]>,
    last: u64,
}

impl History {
    /// Room for at least that many messages.
    pub fn with_capacity(messages: usize) -> Self {
        let empty = Slot { bytes: [0; SLOT_BYTES - 1], length: 0 };
        Self { slots: vec![empty; messages.next_power_of_two()].into_boxed_slice(), last: 0 }
    }

    /// Appends what `encode` writes; it returns the length.
    #[inline]
    pub fn append(&mut self, encode: impl FnOnce(&mut [u8]) -> usize) {
        self.last += 1;
        let at = self.last as usize & (self.slots.len() - 1);
        let slot = &mut self.slots[at];
        slot.length = encode(&mut slot.bytes) as u8;
    }

    /// Sequence of the last message, 0: none yet.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// A message, or `None` when it is not there (any more).
    #[inline]
    pub fn get(&self, sequence: u64) -> Option<&[u8]> {
        let kept = sequence != 0 && sequence <= self.last && self.last - sequence < self.slots.len() as u64;
        let slot = &self.slots[sequence as usize & (self.slots.len() - 1)];
        kept.then(|| &slot.bytes[..usize::from(slot.length)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_messages_are_kept_and_older_ones_are_not() {
        let mut history = History::with_capacity(4);
        assert_eq!(history.get(0), None);
        for number in 1..=6_u8 {
            history.append(|out| {
                out[0] = number;
                1
            });
        }
        assert_eq!(history.get(2), None);
        assert_eq!(history.get(3), Some(&[3][..]));
        assert_eq!(history.get(6), Some(&[6][..]));
        assert_eq!(history.get(7), None);
    }
}
