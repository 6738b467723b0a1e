//! Big-endian loads and stores at fixed offsets.
//!
//! Invariant: offsets come from the wire tables and lie inside the array, so that the compiler drops every bounds check.

macro_rules! integers {
    ($($load:ident $store:ident $ty:ident $size:literal),* $(,)?) => {$(
        #[doc = concat!("Reads a `", stringify!($ty), "`.")]
        #[inline(always)]
        pub(crate) fn $load<const N: usize>(bytes: &[u8; N], at: usize) -> $ty {
            let mut word = [0; $size];
            word.copy_from_slice(&bytes[at..at + $size]);
            $ty::from_be_bytes(word)
        }

        #[doc = concat!("Writes a `", stringify!($ty), "`.")]
        #[inline(always)]
        pub(crate) fn $store<const N: usize>(bytes: &mut [u8; N], at: usize, value: $ty) {
            bytes[at..at + $size].copy_from_slice(&value.to_be_bytes());
        }
    )*};
}
integers!(u8 put_u8 u8 1, u16 put_u16 u16 2, u32 put_u32 u32 4, u64 put_u64 u64 8);

/// Reads a signed offset; they stand in appendages alone, which are built by their own buffer.
#[inline(always)]
pub(crate) fn i32<const N: usize>(bytes: &[u8; N], at: usize) -> i32 {
    u32(bytes, at).cast_signed()
}

/// Reads a 48-bit integer.
#[inline(always)]
pub(crate) fn u48<const N: usize>(bytes: &[u8; N], at: usize) -> u64 {
    u64::from(u16(bytes, at)) << 32 | u64::from(u32(bytes, at + 2))
}

/// Writes the low 48 bits.
#[inline(always)]
pub(crate) fn put_u48<const N: usize>(bytes: &mut [u8; N], at: usize, value: u64) {
    bytes[at..at + 6].copy_from_slice(&value.to_be_bytes()[2..]);
}

/// Reads letters.
#[inline(always)]
pub(crate) fn text<const N: usize, const M: usize>(bytes: &[u8; N], at: usize) -> [u8; M] {
    let mut text = [0; M];
    text.copy_from_slice(&bytes[at..at + M]);
    text
}

/// Writes letters.
#[inline(always)]
pub(crate) fn put_text<const N: usize, const M: usize>(bytes: &mut [u8; N], at: usize, value: [u8; M]) {
    bytes[at..at + M].copy_from_slice(&value);
}

/// A number in ASCII digits, spaces around it allowed; `None` where it is blank, no number or too large.
pub fn digits(text: &[u8]) -> Option<u64> {
    let digits = text.trim_ascii();
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// A number as ASCII digits, padded with spaces on the left.
pub fn digits20(mut value: u64) -> [u8; 20] {
    let mut text = [b' '; 20];
    for place in text.iter_mut().rev() {
        *place = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    text
}

/// Letters padded with spaces on the right; `None` when they are too many.
pub fn padded<const N: usize>(letters: &[u8]) -> Option<[u8; N]> {
    let mut text = [b' '; N];
    text.get_mut(..letters.len())?.copy_from_slice(letters);
    Some(text)
}

/// Letters padded with spaces on the left; `None` when they are too many.
pub fn padded_left<const N: usize>(letters: &[u8]) -> Option<[u8; N]> {
    let mut text = [b' '; N];
    let start = N.checked_sub(letters.len())?;
    text[start..].copy_from_slice(letters);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_survives_its_digits() {
        for value in [0, 7, 10, 12_345_678_901_234_567_890, u64::MAX] {
            assert_eq!(digits(&digits20(value)), Some(value));
        }
        assert_eq!(digits(b"    "), None);
        assert_eq!(digits(b" 1 2"), None);
        assert_eq!(digits(b"99999999999999999999"), None);
    }

    #[test]
    fn letters_are_padded_to_their_side() {
        assert_eq!(padded(b"AB"), Some(*b"AB  "));
        assert_eq!(padded_left(b"AB"), Some(*b"  AB"));
        assert_eq!(padded::<2>(b"ABC"), None);
        assert_eq!(padded_left::<2>(b"ABC"), None);
    }
}
