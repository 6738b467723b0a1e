//! The 64-bit order id: (day, shard, epoch, counter), never reused.
//!
//! Invariant: two orders of one firm never share an id: the counter is per epoch, the epoch only grows within a day's
//! shard, and the day is the engine's trading day.

use crate::DAY_NS;

/// Days are counted from 2020-01-01T00:00:00Z.
pub const ORDER_DAY_ZERO_NS: u64 = 1_577_836_800_000_000_000;
/// Epochs a shard may see in one id space.
pub const EPOCH_MAX: u32 = 1023; // An engine's epoch may be beyond: its ids hold the rest, and the day.

/// An order id as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct OrderId(pub u64);

/// An order id taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderIdParts {
    /// Days since 2020-01-01, 14 bits.
    pub day: u32,
    /// Engine shard, 8 bits.
    pub shard: u32,
    /// Epoch of the shard, 10 bits.
    pub epoch: u32,
    /// From 1, 32 bits.
    pub counter: u32,
}

/// A region's number in records and before strategies: its name's FNV-1a of 32 bits, so that it is the same everywhere and needs
/// no list. Never 0, which stands for no region.
pub fn region_number(name: &str) -> u32 {
    let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash.max(1)
}

impl OrderId {
    /// Puts an id together.
    ///
    /// # Panics
    /// When a part does not fit its bits: a reused id is worse than a dead tile.
    pub fn new(parts: OrderIdParts) -> Self {
        assert!(parts.day < 1 << 14 && parts.shard < 1 << 8 && parts.epoch <= EPOCH_MAX && parts.counter > 0);
        let high = (u64::from(parts.day) << 50) | (u64::from(parts.shard) << 42) | (u64::from(parts.epoch) << 32);
        Self(high | u64::from(parts.counter))
    }

    /// Takes an id apart.
    pub fn parts(self) -> OrderIdParts {
        OrderIdParts {
            day: ((self.0 >> 50) & 0x3fff) as u32,
            shard: ((self.0 >> 42) & 0xff) as u32,
            epoch: ((self.0 >> 32) & 0x3ff) as u32,
            counter: self.0 as u32,
        }
    }

    /// The day part of a UTC time.
    pub fn day_of(time_ns: u64) -> u32 {
        (time_ns.saturating_sub(ORDER_DAY_ZERO_NS) / DAY_NS) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_the_way_there_and_back() {
        let parts = OrderIdParts { day: 2516, shard: 3, epoch: 1023, counter: u32::MAX };
        assert_eq!(OrderId::new(parts).parts(), parts);
    }

    #[test]
    #[should_panic]
    fn an_epoch_beyond_its_bits_is_refused() {
        OrderId::new(OrderIdParts { day: 1, shard: 1, epoch: 1024, counter: 1 });
    }
}
