//! Other engines of the firm that run legs for this one, or ask it to: the tables below an engine's `peers`.
//!
//! Invariant: what comes out of [`PeerSettings::record`] of settings without problems is what the fold takes.

use records::Peer;
use tiles::settings;

settings! {
    /// What stands under `[tiles.NAME.settings.peers.SHARD]`.
    pub struct PeerSettings {
        /// The link that leads to it; what it says comes by one of `inputs`.
        pub link: String, "the name of a link";
        /// So often a request is said again until it is answered.
        pub repeat_ns: u64 = 50_000_000, "a whole number of ns from 1000000 to 60000000000", is_time;
        /// A peer that answers nothing for so long is silent: what it was to do is asked back.
        pub silence_ns: u64 = 1_000_000_000, "a whole number of ns from 1000000 to 60000000000", is_time;
        /// A request that was said longer ago, by this engine's clock, begins nothing.
        pub age_ns_max: u64 = 500_000_000, "a whole number of ns from 1000000 to 60000000000", is_time;
    }
}

fn is_time(ns: &u64) -> bool {
    (1_000_000..=60_000_000_000).contains(ns)
}

impl PeerSettings {
    /// What its keys say of one another, and of this engine's own shard, that cannot be.
    pub fn problems(&self, key: &str, shard: u16, own: u16) -> Vec<String> {
        let mut problems = Vec::new();
        if !(1..=255).contains(&shard) || shard == own {
            problems.push(format!("{key}: must be named by another engine's shard, from 1 to 255; this one is {own}"));
        }
        if self.repeat_ns > self.silence_ns {
            let (repeat, silence) = (self.repeat_ns, self.silence_ns);
            problems.push(format!("{key}.repeat_ns = {repeat}: must be at most silence_ns = {silence}"));
        }
        problems
    }

    /// As an engine takes it.
    pub fn record(&self, shard: u16) -> Peer {
        let mut record = Peer::new();
        (record.shard, record.repeat_ns) = (shard, self.repeat_ns);
        (record.silence_ns, record.age_ns_max) = (self.silence_ns, self.age_ns_max);
        record
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<PeerSettings, Vec<String>> {
        let mut errors = Vec::new();
        let value: tiles::Json = text.parse().unwrap();
        let read = <PeerSettings as tiles::Setting>::read(&value, "p", "", &mut errors);
        errors.extend(read.iter().flat_map(|read| read.problems("p", 2, 1)));
        if errors.is_empty() { Ok(read.unwrap()) } else { Err(errors) }
    }

    #[test]
    fn everything_wrong_is_told_with_key_value_and_what_is_allowed() {
        let record = read(r#"{"link": "engine_line"}"#).unwrap().record(2);
        assert_eq!((record.shard, record.repeat_ns, record.silence_ns), (2, 50_000_000, 1_000_000_000));
        assert_eq!(
            read(r#"{"link": "x", "repeat_ns": 2000000000}"#).unwrap_err(),
            ["p.repeat_ns = 2000000000: must be at most silence_ns = 1000000000"]
        );
        let own = PeerSettings { link: "x".to_owned(), repeat_ns: 1, silence_ns: 1, age_ns_max: 1 };
        let sentence = "p: must be named by another engine's shard, from 1 to 255; this one is 1";
        assert_eq!(own.problems("p", 1, 1), [sentence]);
        assert_eq!(
            read(r#"{"link": "x", "age_ns_max": 5}"#).unwrap_err(),
            ["p.age_ns_max = 5: must be a whole number of ns from 1000000 to 60000000000"]
        );
    }
}
