//! A slot's record: parameters first, then state, in memory that never moves.
//!
//! What a start puts back stands beside it; of kept state that is what was saved or restored last.
//!
//! Invariant: parameters change only through `set`, at a place the class declares; the length never changes. Kept state is
//! saved by a stop in good order alone: what a failed call left half written is gone with the next start.

use engine::Settable;
use records::{CallStatus, Hash64, KeptState, Parameter, StateError, StateReader, StateValue, StateWriter};

use crate::library::{KeptPlace, ParameterPlace};

/// The record of one slot.
#[derive(Debug)]
pub struct SlotRecord {
    words: Box<[u64]>,
    initial: Box<[u64]>,
    state_offset: usize,
    parameters: Vec<ParameterPlace>,
    kept: Vec<KeptPlace>,
}

impl SlotRecord {
    /// A record with these initial bytes (a multiple of eight), its state from `state_offset` on.
    pub fn new(initial: &[u8], state_offset: usize, parameters: &[ParameterPlace]) -> Self {
        assert!(initial.len().is_multiple_of(8) && state_offset <= initial.len());
        let words: Box<[u64]> =
            initial.chunks_exact(8).map(|word| u64::from_ne_bytes(word.try_into().expect("eight bytes"))).collect();
        Self { initial: words.clone(), words, state_offset, parameters: parameters.to_vec(), kept: Vec::new() }
    }

    /// The same, which keeps these fields of its state over stops and starts. Those that another record keeps under the same
    /// name and of the same kind begin as they were saved there.
    #[must_use]
    pub fn keeping(mut self, kept: &[KeptPlace], before: Option<&Self>) -> Self {
        self.kept = kept.to_vec();
        for place in kept {
            let same = |other: &&KeptPlace| {
                (other.name, other.scalar, other.length) == (place.name, place.scalar, place.length)
            };
            let Some(before) = before else { break };
            let Some(other) = before.kept.iter().find(same) else { continue };
            let from = &records::bytes_of_slice(&before.initial)[other.offset as usize..][..other.bytes()];
            let (at, from) = (place.offset as usize, from.to_vec());
            bytes_of_words(&mut self.initial)[at..at + from.len()].copy_from_slice(&from);
        }
        self.words.copy_from_slice(&self.initial);
        self
    }

    /// When a parameter may be set.
    pub fn settable(&self, parameter: &Parameter) -> Settable {
        let place = self.parameters.iter().find(|place| place.name == parameter.name);
        place.map_or(Settable::Always, ParameterPlace::settable)
    }

    /// Saves the kept state as it is now, and hands over each word of it.
    pub fn save(&mut self, say: &mut dyn FnMut(KeptState)) {
        for place in &self.kept {
            let count = place.element_bytes();
            for element in 0..place.length.max(1) {
                let at = place.offset as usize + element as usize * count;
                let mut bits = [0; 8];
                bits[..count].copy_from_slice(&records::bytes_of_slice(&self.words)[at..at + count]);
                bytes_of_words(&mut self.initial)[at..at + count].copy_from_slice(&bits[..count]);
                let mut record = KeptState::new();
                (record.name, record.bits) = (place.name, u64::from_le_bytes(bits));
                (record.element, record.length) = (element, place.length);
                record.scalar = place.scalar as u8;
                say(record);
            }
        }
    }

    /// Gives a word of kept state: the next start begins with it.
    ///
    /// # Errors
    /// [`CallStatus::OutOfBounds`] when the class keeps no such word.
    pub fn restore(&mut self, record: &KeptState) -> Result<(), CallStatus> {
        let kind = (u32::from(record.scalar), record.length);
        let mut places = self.kept.iter();
        let place = places.find(|place| place.name == record.name && (place.scalar, place.length) == kind);
        let place = *place.ok_or(CallStatus::OutOfBounds)?;
        if record.element >= place.length.max(1) || (place.scalar == 3 && record.bits > 1) {
            return Err(CallStatus::OutOfBounds);
        }
        let count = place.element_bytes();
        let at = place.offset as usize + record.element as usize * count;
        bytes_of_words(&mut self.initial)[at..at + count].copy_from_slice(&record.bits.to_le_bytes()[..count]);
        Ok(())
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
        bytes_of_words(&mut self.words)
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
            .filter(|place| place.kind() == u32::from(parameter.scalar))
            .copied()
            .ok_or(CallStatus::OutOfBounds)?;
        if place.kind() == 3 && parameter.bits > 1 {
            return Err(CallStatus::OutOfBounds);
        }
        let offset = place.offset as usize;
        let count = place.bytes();
        self.bytes_mut()[offset..offset + count].copy_from_slice(&parameter.bits.to_le_bytes()[..count]);
        Ok(())
    }

    /// Writes it, and what a start puts back.
    pub fn save_state(&self, out: &mut StateWriter) {
        let Self { words, initial, state_offset: _, parameters: _, kept: _ } = self;
        out.list(words.iter());
        out.list(initial.iter());
    }

    /// Reads it back into a record of the same class.
    ///
    /// # Errors
    /// [`StateError`] when it has another length.
    pub fn load_state(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        for part in [&mut self.words, &mut self.initial] {
            let count = from.of("SlotRecord.words").count(part.len())?;
            if count != part.len() {
                return Err(from.wrong(format!("{count} words; allowed are the class's {}", part.len())));
            }
            for word in part.iter_mut() {
                *word = u64::take(from)?;
            }
        }
        Ok(())
    }

    /// Hash of its bytes.
    pub fn hash(&self) -> u64 {
        let mut hash = Hash64::default();
        hash.bytes(self.bytes());
        hash.value()
    }
}

/// The bytes of words.
fn bytes_of_words(words: &mut [u64]) -> &mut [u8] {
    let length = words.len() * 8;
    // SAFETY: the words are borrowed mutably, a u64 has no padding, and any bytes are one.
    unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast::<u8>(), length) }
}
