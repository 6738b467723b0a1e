//! The checksum of a frame: CRC-32 over length, stamp and record.
//!
//! Records are short, where a general CRC spends its time in tables that push the pass's own data out of the cache. Here all
//! of a frame is folded 16 bytes at a time, as V. Gopal and others, "Fast CRC Computation for Generic Polynomials Using
//! PCLMULQDQ Instruction" (Intel, 2009) do it. The beginning is what makes up whole steps: zeros before a message change
//! nothing once the initial value has been put into its first four bytes.
//!
//! Invariant: both ways give the same sum.

use records::Stamp;

/// The checksum of a frame.
#[inline]
pub(crate) fn checksum(length: u32, stamp: Stamp, record: &[u8]) -> u32 {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    if record.len().is_multiple_of(8) && std::arch::is_x86_feature_detected!("pclmulqdq") {
        // SAFETY: the processor has the instruction.
        return unsafe { folded(length, stamp, record) };
    }
    plain(length, stamp, record)
}

fn plain(length: u32, stamp: Stamp, record: &[u8]) -> u32 {
    let mut head = [0; 20];
    head[..4].copy_from_slice(&length.to_le_bytes());
    head[4..12].copy_from_slice(&stamp.sequence.to_le_bytes());
    head[12..].copy_from_slice(&stamp.time_ns.to_le_bytes());
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&head);
    hasher.update(record);
    hasher.finalize()
}

/// For records of whole words.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[target_feature(enable = "pclmulqdq")]
fn folded(length: u32, stamp: Stamp, record: &[u8]) -> u32 {
    use std::arch::x86_64::{
        __m128i, _mm_and_si128, _mm_clmulepi64_si128, _mm_cvtsi128_si64, _mm_set_epi64x, _mm_srli_si128, _mm_xor_si128,
    };
    // Powers of x modulo the polynomial, bits reflected: over 128 bits, over 64, and the two of the last reduction.
    let by_128 = _mm_set_epi64x(0x0_ccaa_009e, 0x1_7519_97d0);
    let by_64 = _mm_set_epi64x(0, 0x1_63cd_6124);
    let reduction = _mm_set_epi64x(0x1_f701_1641, 0x1_db71_0641);
    let low_32 = _mm_set_epi64x(0, 0xffff_ffff);
    let pair = |low: u64, high: u64| _mm_set_epi64x(high.cast_signed(), low.cast_signed());
    let step = |sum: __m128i, next: __m128i| {
        let (low, high) = (_mm_clmulepi64_si128(sum, by_128, 0x00), _mm_clmulepi64_si128(sum, by_128, 0x11));
        _mm_xor_si128(_mm_xor_si128(next, low), high)
    };
    let first = u64::from(!length) << 32;
    let (words, _) = record.as_chunks::<8>();
    let word = |at: usize| u64::from_le_bytes(words[at]);
    let (mut sum, mut at) = if words.len().is_multiple_of(2) {
        (step(pair(0, first), pair(stamp.sequence, stamp.time_ns)), 0)
    } else {
        (step(pair(first, stamp.sequence), pair(stamp.time_ns, word(0))), 1)
    };
    while at < words.len() {
        sum = step(sum, pair(word(at), word(at + 1)));
        at += 2;
    }
    let sum = _mm_xor_si128(_mm_clmulepi64_si128(sum, by_128, 0x10), _mm_srli_si128(sum, 8));
    let low = _mm_clmulepi64_si128(_mm_and_si128(sum, low_32), by_64, 0x00);
    let sum = _mm_xor_si128(low, _mm_srli_si128(sum, 4));
    let quotient = _mm_clmulepi64_si128(_mm_and_si128(sum, low_32), reduction, 0x10);
    let product = _mm_clmulepi64_si128(_mm_and_si128(quotient, low_32), reduction, 0x00);
    !((_mm_cvtsi128_si64(_mm_xor_si128(product, sum)).cast_unsigned() >> 32) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_agree_on_every_length() {
        let mut random = 7_u64;
        let mut next = || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            random ^ random >> 29
        };
        for length in 1..=records::RECORD_BYTES_MAX {
            let record: Vec<u8> = (0..length).map(|_| next() as u8).collect();
            let stamp = Stamp { sequence: next(), time_ns: next() };
            let length = length as u32;
            assert_eq!(checksum(length, stamp, &record), plain(length, stamp, &record), "{length} bytes");
        }
    }

    #[test]
    fn it_is_the_crc_that_journals_carry() {
        let mut bytes = vec![8, 0, 0, 0];
        bytes.extend_from_slice(&3_u64.to_le_bytes());
        bytes.extend_from_slice(&5_u64.to_le_bytes());
        bytes.extend_from_slice(b"12345678");
        assert_eq!(checksum(8, Stamp { sequence: 3, time_ns: 5 }, b"12345678"), crc32fast::hash(&bytes));
    }
}
