//! The feed's way out: messages become records on the link, for the instruments that are wanted.
//!
//! Invariant: whoever calls has made sure of room for what one packet can become, so a record offered here is taken.

use links::{Counter, Counters, Offer, Publication};
use records::{BookAction, FLAG_LAST, FLAG_SNAPSHOT, FeedState, MarketOrder, Status, bytes_of};
use wire::normalise::{ItchNormaliser, Normalised};
use wire::{BadCounts, Sampler};

use super::FeedConfig;

/// Bad messages kept for inspection at once, and in all.
const SAMPLES: (usize, u64) = (64, 10_000);

/// Normaliser and publication.
pub struct Output {
    venue: u16,
    midnight_ns: u64,
    instruments: Vec<u32>,
    normaliser: ItchNormaliser,
    link: Link,
    bad: BadCounts,
    sampler: Sampler,
    messages: Counter,
    unmapped: Counter,
    malformed: Counter,
}

struct Link {
    publication: Box<dyn Publication>,
    records: Counter,
    refused: Counter,
    /// A record did not reach the reader: its books are not what the feed thinks.
    broken: bool,
}

impl Output {
    /// Around the feed's publication.
    pub fn new(config: &FeedConfig, publication: Box<dyn Publication>, counters: &Counters) -> Self {
        let mut normaliser = ItchNormaliser::new(config.venue);
        for listing in &config.listings {
            normaliser.list(listing.symbol, listing.instrument);
        }
        Self {
            venue: config.venue,
            midnight_ns: config.midnight_ns,
            instruments: config.listings.iter().map(|listing| listing.instrument).collect(),
            normaliser,
            link: Link {
                publication,
                records: counters.counter("feed.records"),
                refused: counters.counter("feed.records_refused"),
                broken: false,
            },
            bad: BadCounts::default(),
            sampler: Sampler::new(SAMPLES.0, SAMPLES.1),
            messages: counters.counter("feed.messages"),
            unmapped: counters.counter("feed.messages_unmapped"),
            malformed: counters.counter("feed.messages_malformed"),
        }
    }

    /// Whether so many records surely fit now.
    pub fn has_room(&self, records: usize) -> bool {
        self.link.publication.has_room(records)
    }

    /// Records that the reader was given so far.
    pub fn published(&self) -> u64 {
        self.link.records.get()
    }

    /// Whether a record was lost on its way to the reader since the last call.
    pub fn take_broken(&mut self) -> bool {
        std::mem::take(&mut self.link.broken)
    }

    /// Writes samples of bad messages out; for a cycle without other work. A full file keeps the first ones.
    pub fn drain_samples(&mut self, file: &mut dyn std::io::Write) {
        if !self.sampler.samples().is_empty() {
            let _full = self.sampler.drain(file);
        }
    }

    /// A message of the live stream.
    #[inline]
    pub fn message(&mut self, bytes: &[u8], sequence: u64, received_ns: u64) {
        let link = &mut self.link;
        let result =
            self.normaliser
                .normalise(bytes, sequence, received_ns, self.midnight_ns, &mut |record: &[u8]| link.send(record));
        self.count(result, bytes, sequence, received_ns);
    }

    /// A message of a snapshot: the same record, marked.
    pub fn snapshot_message(&mut self, bytes: &[u8], received_ns: u64) {
        let link = &mut self.link;
        let mut marked = [0; records::RECORD_BYTES_MAX];
        let result = self.normaliser.normalise(bytes, 0, received_ns, self.midnight_ns, &mut |record: &[u8]| {
            marked[..record.len()].copy_from_slice(record);
            marked[std::mem::offset_of!(records::Header, flags)] |= FLAG_SNAPSHOT;
            link.send(&marked[..record.len()]);
        });
        self.count(result, bytes, 0, received_ns);
    }

    /// Every book of the feed is empty from here on.
    pub fn clear_books(&mut self, now_ns: u64) {
        for instrument in &self.instruments {
            let mut record = MarketOrder::new();
            (record.header.venue, record.header.instrument) = (self.venue, *instrument);
            record.header.flags = FLAG_LAST | FLAG_SNAPSHOT;
            record.header.receive_time_ns = now_ns;
            record.action = BookAction::Clear.code();
            self.link.send(bytes_of(&record));
        }
    }

    /// Says how far the feed is to be trusted.
    pub fn feed_state(&mut self, state: FeedState, lost: u64, now_ns: u64) {
        let mut record = Status::new();
        (record.header.venue, record.header.flags) = (self.venue, FLAG_LAST);
        (record.header.receive_time_ns, record.header.venue_time_ns) = (now_ns, now_ns);
        (record.feed, record.lost) = (state.code(), lost);
        self.link.send(bytes_of(&record));
    }

    fn count(&mut self, result: Result<Normalised, wire::WireError>, bytes: &[u8], sequence: u64, received_ns: u64) {
        self.messages.add(1);
        match result {
            Ok(Normalised::Record | Normalised::Silent) => {}
            Ok(Normalised::Unmapped) => self.unmapped.add(1),
            Err(error) => {
                self.malformed.add(1);
                self.bad.add(error);
                self.sampler.add(error, bytes, sequence, received_ns);
            }
        }
    }
}

impl Link {
    #[inline]
    fn send(&mut self, record: &[u8]) {
        match self.publication.offer(record) {
            Offer::Sent => self.records.add(1),
            // Room was made sure of, so this is a link that nobody reads now: who comes later needs a snapshot.
            Offer::Full | Offer::NotConnected => {
                self.refused.add(1);
                self.broken = true;
            }
        }
    }
}
