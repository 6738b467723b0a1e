//! The messages of a hand-over as bytes: numbers of eight bytes, little-endian, and runs of bytes behind their length.
//!
//! Invariant: what one process writes another one reads word for word, or not at all.

/// Writes.
#[derive(Default)]
pub(crate) struct Words(Vec<u8>);

impl Words {
    /// A message of this kind.
    pub fn of(kind: u64) -> Self {
        Self::default().number(kind)
    }

    #[must_use]
    pub fn number(mut self, number: u64) -> Self {
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    #[must_use]
    pub fn numbers(self, numbers: impl ExactSizeIterator<Item = u64>) -> Self {
        let count = numbers.len() as u64;
        numbers.fold(self.number(count), Self::number)
    }

    #[must_use]
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self = self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

/// Reads; `None` where the message is another.
pub(crate) struct Said<'a>(pub &'a [u8]);

impl<'a> Said<'a> {
    pub fn number(&mut self) -> Option<u64> {
        let (first, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*first))
    }

    pub fn numbers(&mut self) -> Option<Vec<u64>> {
        let count = usize::try_from(self.number()?).ok().filter(|count| *count <= self.0.len() / 8)?;
        (0..count).map(|_| self.number()).collect()
    }

    pub fn array<const N: usize>(&mut self) -> Option<[u64; N]> {
        self.numbers()?.try_into().ok()
    }

    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let count = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    /// Whether nothing is left.
    pub fn is_over(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_that_is_cut_short() {
        let words = Words::of(7).numbers([1, 2, 3].into_iter()).bytes(b"partial").number(9);
        let mut said = Said(words.as_slice());
        assert_eq!((said.number(), said.array()), (Some(7), Some([1, 2, 3])));
        assert_eq!((said.bytes(), said.number(), said.is_over()), (Some(&b"partial"[..]), Some(9), true));
        assert!(said.number().is_none() && Said(words.as_slice()).array::<3>().is_none());
        for length in 0..words.as_slice().len() {
            let mut said = Said(&words.as_slice()[..length]);
            let whole = said.number().is_some() && said.numbers().is_some() && said.bytes().is_some();
            assert!(!whole || said.number().is_none());
        }
        let mut huge = Said(&[0xff; 24]);
        assert!(huge.numbers().is_none());
    }
}
