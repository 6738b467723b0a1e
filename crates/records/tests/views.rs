//! Values seen where they lie.
//!
//! Invariant: what is too short, or lies at no multiple of the type's alignment, is not seen; what is seen is what reading gives.

use records::{MarketLevel, bytes_of, read_from, view_of};

/// Bytes at a multiple of eight.
#[repr(align(8))]
struct Aligned([u8; 96]);

#[test]
fn a_view_is_what_reading_gives_and_short_or_crooked_bytes_have_none() {
    let mut level = MarketLevel::new();
    (level.price_nanos, level.lots, level.header.receive_time_ns) = (-7, 1 << 40, u64::MAX);
    let mut held = Aligned([0; 96]);
    for offset in 0..=16 {
        held.0.fill(0);
        held.0[offset..][..80].copy_from_slice(bytes_of(&level));
        let bytes = &held.0[offset..][..80];
        assert_eq!(view_of::<MarketLevel>(bytes).copied(), (offset % 8 == 0).then_some(level), "offset {offset}");
        assert_eq!(read_from::<MarketLevel>(bytes), Some(level));
    }
    assert_eq!(view_of::<MarketLevel>(&held.0[..79]), None);
    assert_eq!(view_of::<u8>(&[]), None);
}
