//! Bad bytes: counted per reason, sampled for people.
//!
//! Invariant: the hot side neither allocates nor formats: a full sampler counts what it drops. Cold code drains it.

use crate::error::{Reason, WireError};
use std::io::{self, Write};

/// Bytes kept of one sample.
pub const SAMPLE_BYTES_MAX: usize = 64;

/// How many messages were bad, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BadCounts {
    by_reason: [u64; Reason::COUNT],
    /// Bytes skipped in all.
    pub bytes: u64,
}

impl BadCounts {
    /// Counts one.
    #[inline]
    pub fn add(&mut self, error: WireError) {
        self.by_reason[error.reason() as usize] += 1;
        self.bytes += error.skip() as u64;
    }

    /// How many of this reason.
    pub const fn of(&self, reason: Reason) -> u64 {
        self.by_reason[reason as usize]
    }

    /// How many in all.
    pub fn total(&self) -> u64 {
        self.by_reason.iter().sum()
    }
}

/// One bad message, cut to its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When it came.
    pub time_ns: u64,
    /// Its place in its stream.
    pub sequence: u64,
    /// What was wrong.
    pub reason: Reason,
    /// Its whole length.
    pub length: u32,
    bytes: [u8; SAMPLE_BYTES_MAX],
}

impl Sample {
    /// Its first bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..SAMPLE_BYTES_MAX.min(self.length as usize)]
    }
}

/// A bounded store of samples between the code that meets bad bytes and the code that writes them to a file.
#[derive(Debug)]
pub struct Sampler {
    samples: Box<[Sample]>,
    held: usize,
    /// Kept at most over the sampler's life, so that a file stays small.
    left: u64,
    /// All counts, samples or not.
    pub counts: BadCounts,
    /// Bad messages of which no sample was kept.
    pub dropped: u64,
}

impl Sampler {
    /// Room for `held_max` samples between two drains and `kept_max` over its life.
    pub fn new(held_max: usize, kept_max: u64) -> Self {
        let empty = Sample { time_ns: 0, sequence: 0, reason: Reason::Empty, length: 0, bytes: [0; SAMPLE_BYTES_MAX] };
        let samples = vec![empty; held_max].into_boxed_slice();
        Self { samples, held: 0, left: kept_max, counts: BadCounts::default(), dropped: 0 }
    }

    /// Counts a bad message and keeps its first bytes where there is room. Never allocates.
    pub fn add(&mut self, error: WireError, bytes: &[u8], sequence: u64, time_ns: u64) {
        self.counts.add(error);
        if self.held == self.samples.len() || self.left == 0 {
            self.dropped += 1;
            return;
        }
        let kept = bytes.len().min(SAMPLE_BYTES_MAX);
        let sample = &mut self.samples[self.held];
        sample.time_ns = time_ns;
        sample.sequence = sequence;
        sample.reason = error.reason();
        sample.length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        sample.bytes[..kept].copy_from_slice(&bytes[..kept]);
        self.held += 1;
        self.left -= 1;
    }

    /// The samples held now.
    pub fn samples(&self) -> &[Sample] {
        &self.samples[..self.held]
    }

    /// Writes and forgets the samples held: a line each of time, sequence, reason, length, bytes in hexadecimal.
    ///
    /// # Errors
    /// The writer's own; the samples are forgotten all the same.
    pub fn drain(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let held = std::mem::take(&mut self.held);
        for sample in &self.samples[..held] {
            write!(out, "{} {} {} {} ", sample.time_ns, sample.sequence, sample.reason.name(), sample.length)?;
            for byte in sample.bytes() {
                write!(out, "{byte:02x}")?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_counted_and_the_rest_is_written() {
        let mut sampler = Sampler::new(2, 3);
        for sequence in 0..3 {
            sampler.add(WireError::UnknownType { code: b'?', skip: 70 }, &[b'?'; 70], sequence, 9);
        }
        let mut file = Vec::new();
        sampler.drain(&mut file).unwrap();
        let text = String::from_utf8(file).unwrap();
        assert_eq!(text.lines().count(), 2);
        assert!(text.starts_with(&format!("9 0 unknown_type 70 {}", "3f".repeat(64))));
        sampler.add(WireError::Empty, &[], 3, 9);
        sampler.add(WireError::Empty, &[], 4, 9);
        assert_eq!(sampler.samples().len(), 1, "the life-long bound holds");
        assert_eq!((sampler.dropped, sampler.counts.total(), sampler.counts.bytes), (2, 5, 210));
        assert_eq!(sampler.counts.of(Reason::UnknownType), 3);
    }
}
