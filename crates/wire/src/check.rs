//! What generated constructors and encoders check: types, lengths, prefixes, appendages.
//!
//! Invariant: a view exists only over bytes whose type, length and appendage add up; its getters cannot fail.

use crate::error::WireError;

/// The packet at the start of `bytes`, cut to the length its first two bytes announce.
#[inline]
pub(crate) fn prefixed(bytes: &[u8]) -> Result<&[u8], WireError> {
    let Some(prefix) = bytes.first_chunk::<2>() else {
        return Err(WireError::Truncated { needed: 3, found: bytes.len() });
    };
    let needed = 2 + usize::from(u16::from_be_bytes(*prefix));
    if needed < 3 {
        return Err(WireError::Length { code: 0, expected: 3, found: 2 });
    }
    bytes.get(..needed).ok_or(WireError::Truncated { needed, found: bytes.len() })
}

/// Whether the type letter is `code`.
#[inline]
pub(crate) fn code(bytes: &[u8], at: usize, code: u8) -> Result<(), WireError> {
    match bytes.get(at) {
        Some(found) if *found == code => Ok(()),
        Some(found) => Err(WireError::UnknownType { code: *found, skip: bytes.len() }),
        None => Err(WireError::Empty),
    }
}

/// Whether a message without variable part has its length.
#[inline]
pub(crate) fn exact<const N: usize>(bytes: &[u8], code: u8) -> Result<&[u8; N], WireError> {
    bytes.try_into().map_err(|_| WireError::Length { code, expected: N, found: bytes.len() })
}

/// Whether a message has its fixed part.
#[inline]
pub(crate) fn at_least<const N: usize>(bytes: &[u8], code: u8) -> Result<&[u8; N], WireError> {
    bytes.first_chunk().ok_or(WireError::Length { code, expected: N, found: bytes.len() })
}

/// Whether the appendage after `size` bytes fills the message and its elements fill the appendage.
#[inline]
pub(crate) fn appendage(bytes: &[u8], size: usize, optional: bool, code: u8) -> Result<(), WireError> {
    let rest = &bytes[size..];
    if rest.is_empty() && optional {
        return Ok(());
    }
    let Some((length, mut rest)) = rest.split_first_chunk::<2>() else {
        return Err(WireError::Length { code, expected: size + 2, found: bytes.len() });
    };
    let length = usize::from(u16::from_be_bytes(*length));
    if length != rest.len() {
        return Err(WireError::Length { code, expected: size + 2 + length, found: bytes.len() });
    }
    while let Some((&length, after)) = rest.split_first() {
        // The length counts the tag, so that it is 1 at least.
        match after.get(usize::from(length)..) {
            Some(next) if length > 0 => rest = next,
            _ => return Err(WireError::Appendage { code, skip: bytes.len() }),
        }
    }
    Ok(())
}

/// The first `N` bytes of an encoder's output.
#[inline]
pub(crate) fn room<const N: usize>(out: &mut [u8]) -> &mut [u8; N] {
    let found = out.len();
    out.first_chunk_mut().unwrap_or_else(|| panic!("a message of {N} bytes does not fit {found}"))
}

/// Writes `bytes` at `at`; returns where they end.
#[inline]
pub(crate) fn append(out: &mut [u8], at: usize, bytes: &[u8]) -> usize {
    out[at..at + bytes.len()].copy_from_slice(bytes);
    at + bytes.len()
}

/// Writes an appendage's length and elements at `at`; returns where they end.
#[inline]
pub(crate) fn append_appendage(out: &mut [u8], at: usize, elements: Option<&[u8]>) -> usize {
    let Some(elements) = elements else { return at };
    let length = u16::try_from(elements.len()).expect("an appendage is shorter than 64 KiB");
    let at = append(out, at, &length.to_be_bytes());
    append(out, at, elements)
}

/// Writes one element at `at`; returns where it ends.
pub(crate) fn append_element(out: &mut [u8], at: usize, tag: u8, value: &[u8]) -> usize {
    let length = u8::try_from(value.len() + 1).expect("an element is shorter than 255 bytes");
    let at = append(out, at, &[length, tag]);
    append(out, at, value)
}

/// Writes the two length bytes of a packet that ends at `end`.
#[inline]
pub(crate) fn put_prefix(out: &mut [u8], end: usize) {
    let length = u16::try_from(end - 2).expect("a packet is shorter than 64 KiB");
    out[..2].copy_from_slice(&length.to_be_bytes());
}

/// Tag and value of each optional field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elements<'a>(&'a [u8]);

impl<'a> Elements<'a> {
    /// Over elements whose lengths were checked; others end the iteration early.
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The value of the first element with this tag.
    pub fn find(mut self, tag: u8) -> Option<&'a [u8]> {
        self.find_map(|(found, value)| (found == tag).then_some(value))
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (&length, after) = self.0.split_first()?;
        let element = after.get(..usize::from(length))?;
        let (&tag, value) = element.split_first()?;
        self.0 = &after[usize::from(length)..];
        Some((tag, value))
    }
}
