//! A slot's record: parameters first, then state, in memory that never moves.
//!
//! Invariant: parameters change only through `set`, at a place the class declares; the length never changes.

use records::{CallStatus, Hash64, Parameter};

use crate::library::ParameterPlace;

/// The record of one slot.
#[derive(Debug)]
pub struct SlotRecord {
    words: Box<[u64]>,
    initial: Box<[u64]>,
    state_offset: usize,
    parameters: Vec<ParameterPlace>,
}

impl SlotRecord {
    /// A record with these initial bytes (a multiple of eight), its state from `state_offset` on.
    pub fn new(initial: &[u8], state_offset: usize, parameters: &[ParameterPlace]) -> Self {
        assert!(initial.len().is_multiple_of(8) && state_offset <= initial.len());
        let words: Box<[u64]> =
            initial.chunks_exact(8).map(|word| u64::from_ne_bytes(word.try_into().expect("eight bytes"))).collect();
        Self { initial: words.clone(), words, state_offset, parameters: parameters.to_vec() }
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        records::bytes_of_slice(&self.words)
    }

    /// Its address.
    #[inline]
    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        self.words.as_mut_ptr().cast()
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        let length = self.words.len() * 8;
        // SAFETY: the words are ours, borrowed mutably, and any bytes are a u64.
        unsafe { std::slice::from_raw_parts_mut(self.words.as_mut_ptr().cast::<u8>(), length) }
    }

    /// Puts the state, not the parameters, back to the initial values.
    pub fn reset(&mut self) {
        let from = self.state_offset;
        let initial = std::mem::take(&mut self.initial);
        self.bytes_mut()[from..].copy_from_slice(&records::bytes_of_slice(&initial)[from..]);
        self.initial = initial;
    }

    /// Writes a parameter.
    ///
    /// # Errors
    /// [`CallStatus::OutOfBounds`] when name, offset and scalar are not one of the class's parameters.
    pub fn set(&mut self, parameter: &Parameter) -> Result<(), CallStatus> {
        let place = self
            .parameters
            .iter()
            .find(|place| place.name == parameter.name && place.offset == parameter.offset)
            .filter(|place| place.scalar == u32::from(parameter.scalar))
            .copied()
            .ok_or(CallStatus::OutOfBounds)?;
        if place.scalar == 3 && parameter.bits > 1 {
            return Err(CallStatus::OutOfBounds);
        }
        let offset = place.offset as usize;
        let count = place.bytes();
        self.bytes_mut()[offset..offset + count].copy_from_slice(&parameter.bits.to_le_bytes()[..count]);
        Ok(())
    }

    /// Hash of its bytes.
    pub fn hash(&self) -> u64 {
        let mut hash = Hash64::default();
        hash.bytes(self.bytes());
        hash.value()
    }
}
