//! The consolidated books of instruments at several venues as counters, for whoever watches the engine.
//!
//! Invariant: counters are made when the tile is; writing them takes no memory and a search in a sorted list an instrument.

use links::Counter;
use records::{Definition, Header, Listing, Record, UNDEF_PRICE, read_from};

use crate::fold::Engine;

/// Instruments shown; the first ones of those at several venues.
const INSTRUMENTS_MAX: usize = 64;
const NAMES: [&str; 9] =
    ["state", "bid_nanos", "bid_lots", "ask_nanos", "ask_lots", "live", "locked_ns", "crossed_ns", "crossings"];

struct Shown {
    instrument: u32,
    counters: [Counter; NAMES.len()],
}

/// A row of counters for each instrument.
pub(crate) struct ConsolidatedCounters {
    shown: Vec<Shown>,
}

impl ConsolidatedCounters {
    /// Counters for the instruments that the bootstrap records list more than once, by their keys.
    pub fn new(bootstrap: &[u8], counters: &links::Counters) -> Self {
        let mut listed: Vec<(u32, usize)> = Vec::new();
        each(bootstrap, |listing: Listing| {
            match listed.iter_mut().find(|(instrument, _)| *instrument == listing.header.instrument) {
                Some((_, count)) => *count += 1,
                None => listed.push((listing.header.instrument, 1)),
            }
        });
        let several = listed.iter().filter(|(_, count)| *count > 1).take(INSTRUMENTS_MAX);
        let mut shown: Vec<Shown> = Vec::new();
        for (instrument, _) in several {
            let key = key_of(bootstrap, *instrument);
            let counter = |name: &&str| counters.counter(&format!("consolidated.{key}.{name}"));
            shown.push(Shown { instrument: *instrument, counters: NAMES.each_ref().map(counter) });
        }
        shown.sort_by_key(|shown| shown.instrument);
        Self { shown }
    }

    /// Writes how the books stand. A side without a price has 0.
    pub fn write(&self, engine: &Engine) {
        for (view, spells) in engine.consolidated() {
            let Ok(at) = self.shown.binary_search_by_key(&view.instrument, |shown| shown.instrument) else { continue };
            let price = |nanos: i64| if nanos == UNDEF_PRICE { 0 } else { nanos as u64 };
            let values = [
                u64::from(view.state),
                price(view.bid_nanos),
                view.bid_lots as u64,
                price(view.ask_nanos),
                view.ask_lots as u64,
                u64::from(view.live_count),
                spells.locked_ns,
                spells.crossed_ns,
                spells.crossed,
            ];
            for (counter, value) in self.shown[at].counters.iter().zip(values) {
                counter.set(value);
            }
        }
    }
}

/// The instrument's key as it may stand in a counter's name; its number where it has none.
fn key_of(bootstrap: &[u8], instrument: u32) -> String {
    let mut key = String::new();
    each(bootstrap, |definition: Definition| {
        if definition.header.instrument == instrument {
            let letters = definition.key.iter().take_while(|byte| **byte != 0);
            key = letters
                .map(|byte| if byte.is_ascii_graphic() && *byte != b'.' { char::from(*byte) } else { '_' })
                .collect();
        }
    });
    if key.is_empty() { instrument.to_string() } else { key }
}

fn each<T: Record>(mut bytes: &[u8], mut take: impl FnMut(T)) {
    while let Some(header) = read_from::<Header>(bytes) {
        if header.kind() == Some(T::KIND)
            && header.version == T::VERSION
            && let Some(record) = read_from(bytes)
        {
            take(record);
        }
        bytes = bytes.get(usize::from(header.length).max(size_of::<Header>())..).unwrap_or_default();
    }
}
