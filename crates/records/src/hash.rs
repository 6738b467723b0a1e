//! The hash over states and outputs that primary, standby and replay must agree on.
//!
//! Invariant: the result depends on the order and the bytes alone: no seed, no address, no word size of the machine.

/// A rolling 64-bit hash (multiply and fold, two words at a time). Not for keys chosen by an adversary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hash64(u64);

const FIRST: u64 = 0x9e37_79b9_7f4a_7c15;
const SECOND: u64 = 0xd6e8_feb8_6659_fd93;

impl Default for Hash64 {
    fn default() -> Self {
        Self(FIRST)
    }
}

impl Hash64 {
    /// Adds one word.
    #[inline]
    pub fn word(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word.wrapping_mul(FIRST)) * u128::from(SECOND ^ word.rotate_left(32));
        self.0 = (product as u64 ^ (product >> 64) as u64).wrapping_add(FIRST).rotate_left(23);
    }

    /// Adds bytes; the length counts too, so that ("ab", "c") and ("a", "bc") differ.
    #[inline]
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u64);
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.word(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            self.word(u64::from_le_bytes(last));
        }
    }

    /// The value so far.
    pub const fn value(self) -> u64 {
        self.0
    }
}

impl crate::StateValue for Hash64 {
    fn put(&self, out: &mut crate::StateWriter) {
        self.0.put(out);
    }

    fn take(from: &mut crate::StateReader<'_>) -> Result<Self, crate::StateError> {
        u64::take(from).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(parts: &[&[u8]]) -> u64 {
        let mut hash = Hash64::default();
        parts.iter().for_each(|part| hash.bytes(part));
        hash.value()
    }

    #[test]
    fn order_and_boundaries_count() {
        assert_ne!(of(&[b"ab", b"c"]), of(&[b"a", b"bc"]));
        assert_ne!(of(&[b"a", b"b"]), of(&[b"b", b"a"]));
        assert_ne!(of(&[b"a"]), of(&[b"a\0"]));
    }
}
