//! Bytes looked at many at a time: where fields end, and their sum.
//!
//! Invariant: the vector code and the portable code give equal answers for all bytes; a test compares them.

use super::SOH;

/// Bytes that [`soh_mask`] looks at.
pub(super) const STRIDE: usize = 64;

/// Bit k: byte k is SOH. Of whole sixteens, a stride of them at most.
#[inline(always)]
pub(super) fn soh_mask<const N: usize>(bytes: &[u8; N]) -> u64 {
    const { assert!(N.is_multiple_of(16) && N <= STRIDE) };
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{__m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_set1_epi8};
        let part = |at: usize| {
            // SAFETY: sixteen bytes from `at` on lie in the array; every x86-64 processor has these.
            let mask = unsafe {
                let loaded = _mm_loadu_si128(bytes.as_ptr().add(at).cast::<__m128i>());
                _mm_movemask_epi8(_mm_cmpeq_epi8(loaded, _mm_set1_epi8(SOH.cast_signed())))
            };
            u64::from(mask.cast_unsigned())
        };
        let mut ends = part(0);
        let mut at = 16;
        while at < N {
            ends |= part(at) << at;
            at += 16;
        }
        ends
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    soh_mask_portable(bytes)
}

#[cfg(any(test, miri, not(target_arch = "x86_64")))]
fn soh_mask_portable<const N: usize>(bytes: &[u8; N]) -> u64 {
    bytes.iter().enumerate().fold(0, |mask, (at, byte)| mask | u64::from(*byte == SOH) << at)
}

/// From place n on: sixteen bytes of which the last n are set.
#[cfg(all(target_arch = "x86_64", not(miri)))]
const FRESH: [u8; 32] = {
    let mut bytes = [0; 32];
    let mut at = 16;
    while at < 32 {
        bytes[at] = 0xff;
        at += 1;
    }
    bytes
};

/// The sum of all bytes modulo 256, as tag 10 has it.
#[inline]
pub fn checksum(bytes: &[u8]) -> u8 {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{
            __m128i, _mm_add_epi64, _mm_and_si128, _mm_cvtsi128_si64, _mm_loadu_si128, _mm_sad_epu8, _mm_setzero_si128,
            _mm_unpackhi_epi64,
        };
        let (blocks, rest) = bytes.as_chunks::<16>();
        let Some(last) = bytes.last_chunk::<16>() else { return checksum_portable(bytes) };
        // SAFETY: a block is sixteen bytes, the mask is read inside its array, and every x86-64 processor has these.
        unsafe {
            let zero = _mm_setzero_si128();
            let block = |bytes: &[u8; 16]| _mm_loadu_si128(bytes.as_ptr().cast::<__m128i>());
            // The last sixteen bytes without those that a block before has.
            let fresh = _mm_loadu_si128(FRESH.as_ptr().add(rest.len()).cast::<__m128i>());
            let mut sums = _mm_sad_epu8(_mm_and_si128(block(last), fresh), zero);
            for bytes in blocks {
                sums = _mm_add_epi64(sums, _mm_sad_epu8(block(bytes), zero));
            }
            _mm_cvtsi128_si64(_mm_add_epi64(sums, _mm_unpackhi_epi64(sums, sums))) as u8
        }
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    checksum_portable(bytes)
}

fn checksum_portable(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vector_and_portable_code_agree() {
        let mut state = 1_u64;
        let mut bytes = [0_u8; 300];
        for round in 0..300 {
            for byte in &mut bytes {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                *byte = if state >> 62 == 0 { SOH } else { (state >> 40) as u8 };
            }
            let window: &[u8; STRIDE] = bytes[round % 200..][..STRIDE].try_into().unwrap();
            assert_eq!(soh_mask(window), soh_mask_portable(window));
            assert_eq!(checksum(&bytes[..round]), checksum_portable(&bytes[..round]));
        }
    }
}
