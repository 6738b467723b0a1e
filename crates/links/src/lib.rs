//! Links between tiles, and the counters and histograms that they write.
//!
//! A link has one producer, a depth, and consumers marked reliable (orders, fills, control: never lost, back-pressure to
//! the source) or lossy (market data: may be overrun, the loss counted and resynchronised). Tile code sees the two traits
//! here and never knows whether records cross a thread, a process or a region: the topology chooses.
//!
//! Invariant: a record is delivered whole, in the producer's order, and never twice.

/// What became of an offered record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// It is in the link.
    Sent,
    /// A reliable consumer is behind: try again, or refuse at the source.
    Full,
    /// No consumer is there yet, or none any more.
    NotConnected,
}

/// The producer's end of a link.
pub trait Publication {
    /// Offers one record. Never blocks, never allocates.
    fn offer(&mut self, record: &[u8]) -> Offer;
    /// Whether `records` further records of the largest size surely fit now.
    fn has_room(&self, records: usize) -> bool;
}

/// A consumer's end of a link.
pub trait Subscription {
    /// Hands over at most `limit` records, oldest first; returns how many. Never blocks, never allocates.
    fn poll(&mut self, limit: usize, take: &mut dyn FnMut(&[u8])) -> usize;
    /// Records lost to overrun so far (lossy consumers only).
    fn lost(&self) -> u64;
    /// Whether the producer is there.
    fn connected(&self) -> bool;
    /// The number that the producer gave to the record handed over last, from 1 and one more each; 0 before the first, and on links
    /// that do not number.
    fn sequence(&self) -> u64 {
        0
    }
}

#[cfg(feature = "aeron")]
pub mod aeron;
mod counters;
mod histogram;
mod memory;
mod merged;
mod ring;
mod space;

pub use counters::{Counter, Counters, CountersReader, CountersSize, Histogram, NAME_BYTES_MAX, Reading};
pub use histogram::HistogramSnapshot;
pub use merged::Merged;
pub use ring::{CONSUMERS_MAX, LossyRingConsumer, Ring, RingConfig, RingConsumer, RingProducer};
pub use space::{free_bytes, no_room, reason};
