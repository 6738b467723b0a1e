//! How large an engine is and when it calls things silent. Part of its input: it stands in its journal's head.
//!
//! Invariant: two engines with equal configuration and equal input are equal; so every field here is a journaled word.

use journal::SETTINGS;

/// Sizes and times of an engine. All memory is taken from it at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineConfig {
    /// Orders kept: live ones, and ended ones for late reports.
    pub orders_max: usize,
    /// Executions of a day kept against repetition; beyond it the oldest are forgotten.
    pub executions_max: usize,
    /// Pairs of account and instrument.
    pub positions_max: usize,
    /// Highest instrument id.
    pub instruments_max: usize,
    /// Highest venue id.
    pub venues_max: usize,
    /// Instruments at venues.
    pub listings_max: usize,
    /// Highest slot number.
    pub slots_max: usize,
    /// Resting orders of a venue's books.
    pub book_orders_max: usize,
    /// Price levels on each side of a book.
    pub book_levels_max: usize,
    /// A feed that says nothing for so long is silent.
    pub feed_silence_ns: u64,
    /// How often changed marks are told as positions.
    pub position_interval_ns: u64,
    /// A slot whose intents and orders were refused so often within `reject_storm_ns` is disabled; 0: never.
    pub reject_storm_count: u64,
    /// See `reject_storm_count`.
    pub reject_storm_ns: u64,
    /// How often the use of limits is told where it has changed; 0: never.
    pub usage_interval_ns: u64,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            orders_max: 16_384,
            executions_max: 131_072,
            positions_max: 1_024,
            instruments_max: 512,
            venues_max: 8,
            listings_max: 512,
            slots_max: 32,
            book_orders_max: 131_072,
            book_levels_max: 4_096,
            feed_silence_ns: 5_000_000_000,
            position_interval_ns: 1_000_000_000,
            reject_storm_count: 1_000,
            reject_storm_ns: 1_000_000_000,
            usage_interval_ns: 100_000_000,
        }
    }
}

impl EngineConfig {
    /// The words that a journal keeps.
    pub fn words(&self) -> [u64; SETTINGS] {
        let mut words = [0; SETTINGS];
        words[0] = 2; // Version of this list. 1 had no words 12 and 13.
        words[1] = self.orders_max as u64;
        words[2] = self.executions_max as u64;
        words[3] = self.positions_max as u64;
        words[4] = self.instruments_max as u64;
        words[5] = self.venues_max as u64;
        words[6] = self.listings_max as u64;
        words[7] = self.slots_max as u64;
        words[8] = self.book_orders_max as u64;
        words[9] = self.book_levels_max as u64;
        words[10] = self.feed_silence_ns;
        words[11] = self.position_interval_ns;
        words[12] = self.reject_storm_count;
        words[13] = self.reject_storm_ns;
        words[14] = self.usage_interval_ns;
        words
    }

    /// The configuration of a journal's words; `None` when another program wrote them.
    pub fn from_words(words: &[u64; SETTINGS]) -> Option<Self> {
        let config = Self {
            orders_max: words[1] as usize,
            executions_max: words[2] as usize,
            positions_max: words[3] as usize,
            instruments_max: words[4] as usize,
            venues_max: words[5] as usize,
            listings_max: words[6] as usize,
            slots_max: words[7] as usize,
            book_orders_max: words[8] as usize,
            book_levels_max: words[9] as usize,
            feed_silence_ns: words[10],
            position_interval_ns: words[11],
            reject_storm_count: words[12],
            reject_storm_ns: words[13].max(u64::from(words[0] == 1) * Self::default().reject_storm_ns),
            usage_interval_ns: words[14], // Zero in what was written before there was such a word.
        };
        ((1..=2).contains(&words[0]) && config.problems().is_empty()).then_some(config)
    }

    /// What the books of a venue hold.
    pub(crate) fn books(&self) -> book::Capacity {
        book::Capacity {
            instruments: self.instruments_max,
            orders: self.book_orders_max,
            levels_per_side: self.book_levels_max,
        }
    }

    /// The names that [`EngineConfig::set`] takes.
    pub const KEYS: [&str; 14] = [
        "orders_max",
        "executions_max",
        "positions_max",
        "instruments_max",
        "venues_max",
        "listings_max",
        "slots_max",
        "book_orders_max",
        "book_levels_max",
        "feed_silence_ns",
        "position_interval_ns",
        "reject_storm_count",
        "reject_storm_ns",
        "usage_interval_ns",
    ];

    /// Sets a field by its name; `false` when there is none of that name.
    pub fn set(&mut self, key: &str, value: u64) -> bool {
        let size = usize::try_from(value).unwrap_or(usize::MAX);
        match key {
            "orders_max" => self.orders_max = size,
            "executions_max" => self.executions_max = size,
            "positions_max" => self.positions_max = size,
            "instruments_max" => self.instruments_max = size,
            "venues_max" => self.venues_max = size,
            "listings_max" => self.listings_max = size,
            "slots_max" => self.slots_max = size,
            "book_orders_max" => self.book_orders_max = size,
            "book_levels_max" => self.book_levels_max = size,
            "feed_silence_ns" => self.feed_silence_ns = value,
            "position_interval_ns" => self.position_interval_ns = value,
            "reject_storm_count" => self.reject_storm_count = value,
            "reject_storm_ns" => self.reject_storm_ns = value,
            "usage_interval_ns" => self.usage_interval_ns = value,
            _ => return false,
        }
        true
    }

    /// Everything wrong with it, a sentence each.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut within = |key: &str, value: usize, low: usize, high: usize| {
            if value < low || value > high {
                problems.push(format!("{key} = {value}: allowed are {low} to {high}"));
            }
        };
        within("orders_max", self.orders_max, 64, 1 << 24);
        within("executions_max", self.executions_max, 64, 1 << 26);
        within("positions_max", self.positions_max, 4, 1 << 20);
        within("instruments_max", self.instruments_max, 1, 1 << 20);
        within("venues_max", self.venues_max, 1, 255);
        within("listings_max", self.listings_max, 1, 60_000);
        within("slots_max", self.slots_max, 1, 63);
        within("book_orders_max", self.book_orders_max, 64, 1 << 27);
        within("book_levels_max", self.book_levels_max, 16, 1 << 20);
        within("feed_silence_ns", self.feed_silence_ns as usize, 1_000_000, usize::MAX);
        within("position_interval_ns", self.position_interval_ns as usize, 1_000_000, usize::MAX);
        within("reject_storm_count", self.reject_storm_count as usize, 0, 1 << 30);
        within("reject_storm_ns", self.reject_storm_ns as usize, 1_000_000, 3_600_000_000_000);
        if self.usage_interval_ns != 0 {
            within("usage_interval_ns", self.usage_interval_ns as usize, 1_000_000, usize::MAX);
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_names_reach_every_field() {
        let mut config = EngineConfig::default();
        for (index, key) in EngineConfig::KEYS.into_iter().enumerate() {
            assert!(config.set(key, 1_000_000_000 + index as u64));
        }
        assert!(!config.set("orders", 1));
        assert_eq!(config.words()[1..15], (0..14).map(|index| 1_000_000_000 + index).collect::<Vec<u64>>());
        let config = EngineConfig { orders_max: 77, feed_silence_ns: 1 << 40, ..EngineConfig::default() };
        assert_eq!(EngineConfig::from_words(&config.words()), Some(config));
        assert_eq!(EngineConfig::from_words(&[0; SETTINGS]), None);
        let mut earlier = config.words();
        (earlier[0], earlier[12], earlier[13]) = (1, 0, 0);
        let earlier = EngineConfig::from_words(&earlier).expect("journals outlive code");
        assert_eq!(earlier.reject_storm_count, 0, "an earlier engine disabled nobody for it");
        assert_eq!(EngineConfig { slots_max: 64, ..config }.problems(), ["slots_max = 64: allowed are 1 to 63"]);
    }
}
