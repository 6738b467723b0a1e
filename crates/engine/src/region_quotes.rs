//! The best prices that engines of other regions are told: which, how often, and how they stand when they are said.
//!
//! They are said beside the fold, between two of its inputs, and decide nothing here. What is newest goes: a listing that changed,
//! at most once an interval; one that did not, once in `repeat_ns`, which mends what a line lost and keeps the age honest.
//!
//! Invariant: what is said of a listing carries a time of this engine that grows each time, and was so at that time. A turn looks at
//! [`TURN_MAX`] listings at most and takes no memory.

use std::collections::BTreeMap;

use records::{RegionQuote, RegionQuoteState, UNDEF_PRICE, bytes_of, region_number};
use tiles::settings;

use crate::fold::Engine;

/// Listings that one engine tells of, over all that it tells.
pub const QUOTED_MAX: usize = 256;
/// Listings looked at between two inputs.
const TURN_MAX: usize = 16;

settings! {
    /// A listing by its numbers.
    pub struct QuotedListing {
        /// The venue.
        pub venue: u16, "the number of a venue";
        /// The instrument.
        pub instrument: u32, "the number of an instrument";
    }
}

settings! {
    /// What stands under `[tiles.NAME.settings.quotes]`.
    pub struct QuoteSettings {
        /// The region that the prices are of: this engine's.
        pub region: String, "the name of this engine's region", |name| !name.is_empty();
        /// A listing is told at most once in so long.
        pub interval_ns: u64 = 1_000_000, "a whole number of ns from 10000 to 10000000000",
            |ns| (10_000..=10_000_000_000).contains(ns);
        /// One that did not change is told again after so long.
        pub repeat_ns: u64 = 200_000_000, "a whole number of ns from 1000000 to 60000000000",
            |ns| (1_000_000..=60_000_000_000).contains(ns);
        /// Shard of an engine that is told → the listings that it is told of.
        pub to: BTreeMap<u16, Vec<QuotedListing>> = BTreeMap::new(), "lists of listings by the number of a shard";
    }
}

impl QuoteSettings {
    /// What its keys say of one another, and of the engines that there is a way to, that cannot be.
    pub fn problems(&self, key: &str, peers: &[u16]) -> Vec<String> {
        let mut problems = Vec::new();
        if self.interval_ns > self.repeat_ns {
            let (interval, repeat) = (self.interval_ns, self.repeat_ns);
            problems.push(format!("{key}.interval_ns = {interval}: must be at most repeat_ns = {repeat}"));
        }
        for (shard, listings) in &self.to {
            if !peers.contains(shard) {
                let known: Vec<String> = peers.iter().map(u16::to_string).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                problems.push(format!("{key}.to.{shard}: there is no way to this engine; allowed are peers: {known}"));
            }
            for (at, one) in listings.iter().enumerate() {
                let same = |other: &QuotedListing| (other.venue, other.instrument) == (one.venue, one.instrument);
                if listings[..at].iter().any(same) {
                    let QuotedListing { venue, instrument } = one;
                    let value = format!("instrument {instrument} at venue {venue}");
                    problems.push(format!("{key}.to.{shard}[{at}] = {value}: stands twice; each listing once"));
                }
            }
        }
        let count = self.to.values().map(Vec::len).sum::<usize>();
        if count > QUOTED_MAX {
            problems.push(format!("{key}.to: names {count} listings; allowed are {QUOTED_MAX} at most"));
        }
        problems
    }
}

/// A listing's best prices, as others may rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BestPrices {
    /// Price and lots of the best bid; undefined and 0: none.
    pub bid: (i64, i64),
    /// The same of the best ask.
    pub ask: (i64, i64),
    /// Why there are none, where there are none.
    pub state: RegionQuoteState,
    /// Engine time at which the touch changed last, 0: never.
    pub changed_ns: u64,
}

impl BestPrices {
    /// No price, for this reason.
    pub fn none(state: RegionQuoteState, changed_ns: u64) -> Self {
        Self { bid: (UNDEF_PRICE, 0), ask: (UNDEF_PRICE, 0), state, changed_ns }
    }
}

/// What an engine is told of a listing.
struct Told {
    shard: u16,
    venue: u16,
    instrument: u32,
    said: Option<BestPrices>,
    time_ns: u64,
    again_ns: u64,
}

/// Says them.
pub struct RegionQuotes {
    region: u32,
    interval_ns: u64,
    repeat_ns: u64,
    listings: Vec<Told>,
    /// The next listing of the round under way.
    at: usize,
    /// When the next round begins.
    due_ns: u64,
}

impl RegionQuotes {
    /// One that has said nothing yet; without settings it never says anything.
    pub fn new(settings: Option<&QuoteSettings>) -> Self {
        let Some(settings) = settings else {
            return Self { region: 0, interval_ns: 0, repeat_ns: 0, listings: Vec::new(), at: 0, due_ns: u64::MAX };
        };
        let told = |shard: u16, one: &QuotedListing| Told {
            shard,
            venue: one.venue,
            instrument: one.instrument,
            said: None,
            time_ns: 0,
            again_ns: 0,
        };
        let listings: Vec<Told> =
            settings.to.iter().flat_map(|(shard, listings)| listings.iter().map(|one| told(*shard, one))).collect();
        Self {
            region: region_number(&settings.region),
            interval_ns: settings.interval_ns,
            repeat_ns: settings.repeat_ns,
            due_ns: if listings.is_empty() { u64::MAX } else { 0 },
            listings,
            at: 0,
        }
    }

    /// Listings that the engine does not know, a sentence each.
    pub fn problems(&self, key: &str, engine: &Engine) -> Vec<String> {
        let unknown = |told: &&Told| engine.best_prices(told.venue, told.instrument).is_none();
        let sentence = |told: &Told| {
            let Told { shard, venue, instrument, .. } = told;
            format!(
                "{key}.to.{shard}: instrument {instrument} at venue {venue}: must be a listing of the reference data"
            )
        };
        self.listings.iter().filter(unknown).map(sentence).collect()
    }

    /// Says what is due. `say` answers whether the record is on its way: what is not is due again at once.
    #[inline]
    pub fn work(&mut self, now_ns: u64, engine: &Engine, say: &mut dyn FnMut(u16, &[u8]) -> bool) {
        if now_ns >= self.due_ns {
            self.turn(now_ns, engine, say);
        }
    }

    fn turn(&mut self, now_ns: u64, engine: &Engine, say: &mut dyn FnMut(u16, &[u8]) -> bool) {
        let end = (self.at + TURN_MAX).min(self.listings.len());
        for at in self.at..end {
            self.look(at, now_ns, engine, say);
        }
        self.at = end;
        if end == self.listings.len() {
            (self.at, self.due_ns) = (0, now_ns.saturating_add(self.interval_ns));
        }
    }

    fn look(&mut self, at: usize, now_ns: u64, engine: &Engine, say: &mut dyn FnMut(u16, &[u8]) -> bool) {
        let (region, repeat_ns) = (self.region, self.repeat_ns);
        let told = &mut self.listings[at];
        let Some(best) = engine.best_prices(told.venue, told.instrument) else { return };
        if told.said == Some(best) && now_ns < told.again_ns {
            return;
        }
        // An engine's time stands still while its clock is behind; what is said later is later all the same.
        let time_ns = engine.time_ns().max(told.time_ns + 1);
        let mut record = RegionQuote::new();
        (record.header.venue, record.header.instrument) = (told.venue, told.instrument);
        (record.header.sequence, record.header.venue_time_ns) = (engine.input(), time_ns);
        (record.bid_nanos, record.bid_lots) = best.bid;
        (record.ask_nanos, record.ask_lots) = best.ask;
        (record.time_ns, record.changed_ns) = (time_ns, best.changed_ns);
        (record.region, record.state) = (region, best.state.code());
        if say(told.shard, bytes_of(&record)) {
            (told.said, told.time_ns) = (Some(best), time_ns);
            told.again_ns = now_ns.saturating_add(repeat_ns);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<QuoteSettings, Vec<String>> {
        let mut errors = Vec::new();
        let value: tiles::Json = text.parse().unwrap();
        let read = <QuoteSettings as tiles::Setting>::read(&value, "q", "", &mut errors);
        errors.extend(read.iter().flat_map(|read| read.problems("q", &[2])));
        if errors.is_empty() { Ok(read.unwrap()) } else { Err(errors) }
    }

    #[test]
    fn everything_wrong_is_told_with_key_value_and_what_is_allowed() {
        let good = read(r#"{"region": "new-york", "to": {"2": [{"venue": 1, "instrument": 2}]}}"#).unwrap();
        assert_eq!((good.interval_ns, good.repeat_ns), (1_000_000, 200_000_000));
        assert_eq!(
            read(
                r#"{"region": "x", "interval_ns": 2000000, "repeat_ns": 1000000, "to": {"3": [], "2":
                [{"venue": 1, "instrument": 2}, {"venue": 1, "instrument": 2}]}}"#
            )
            .unwrap_err(),
            [
                "q.interval_ns = 2000000: must be at most repeat_ns = 1000000",
                "q.to.2[1] = instrument 2 at venue 1: stands twice; each listing once",
                "q.to.3: there is no way to this engine; allowed are peers: 2",
            ]
        );
        assert_eq!(
            read(r#"{"region": "", "interval_ns": 1, "to": {"two": []}}"#).unwrap_err(),
            [
                "q.region = \"\": must be the name of this engine's region",
                "q.interval_ns = 1: must be a whole number of ns from 10000 to 10000000000",
                "q.to.two = []: must be lists of listings by the number of a shard",
            ]
        );
        let many: Vec<String> = (0..257).map(|number| format!(r#"{{"venue": 1, "instrument": {number}}}"#)).collect();
        let text = format!(r#"{{"region": "x", "to": {{"2": [{}]}}}}"#, many.join(","));
        assert_eq!(read(&text).unwrap_err(), ["q.to: names 257 listings; allowed are 256 at most"]);
    }
}
