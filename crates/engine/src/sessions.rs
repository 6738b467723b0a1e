//! When the order session of a venue is trusted, and how many messages it takes: the tables below an engine's `sessions`.
//!
//! Invariant: what comes out of [`SessionSettings::record`] of settings without problems is rules that the fold takes.

use records::SessionGuard;
use tiles::settings;

const SECOND_NS: u64 = 1_000_000_000;

settings! {
    /// What stands under `[tiles.NAME.settings.sessions.VENUE]`.
    pub struct SessionSettings {
        /// Whether the circuit breaker works; without it the session is trusted as long as it is up.
        pub breaker: bool = true, "true or false";
        /// How many of the venue's latest answers are looked at.
        pub answers: u32 = 64, "a whole number from 1 to 65536", |count| (1..=65_536).contains(count);
        /// So many rejects among them open the breaker.
        pub rejects_max: u32 = 32, "a whole number from 1 to 65536", |count| (1..=65_536).contains(count);
        /// So many slow ones among them open it, too.
        pub slow_max: u32 = 16, "a whole number from 1 to 65536", |count| (1..=65_536).contains(count);
        /// For how long an answer is looked at.
        pub window_ns: u64 = 10 * SECOND_NS, "a whole number of ns from 1000000 to 3600000000000", is_time;
        /// An answer that took longer is slow.
        pub round_trip_ns_max: u64 = SECOND_NS / 2, "a whole number of ns from 1000 to 3600000000000",
            |ns| (1_000..=3_600 * SECOND_NS).contains(ns);
        /// A request that waits for its answer for so long opens the breaker.
        pub answer_ns_max: u64 = 3 * SECOND_NS, "a whole number of ns from 1000000 to 3600000000000", is_time;
        /// Orders that pass while the breaker is half open; as many good answers close it.
        pub probes: u32 = 4, "a whole number from 1 to 65536", |count| (1..=65_536).contains(count);
        /// How long it stays open at first.
        pub hold_ns_min: u64 = SECOND_NS, "a whole number of ns from 1000000 to 3600000000000", is_time;
        /// The hold doubles with every probe that fails, up to this.
        pub hold_ns_max: u64 = 60 * SECOND_NS, "a whole number of ns from 1000000 to 3600000000000", is_time;
        /// Messages that the venue takes in a window; 0: any number.
        pub throttle_messages: u32 = 0, "a whole number from 0 to 65536", |count| *count <= 65_536;
        /// The venue's window.
        pub throttle_window_ns: u64 = SECOND_NS, "a whole number of ns from 1000000 to 3600000000000", is_time;
        /// How much later than another a message may be on its way: the venue's window is taken to be longer by it.
        pub throttle_slack_ns: u64 = SECOND_NS / 20, "a whole number of ns from 0 to 60000000000",
            |ns| *ns <= 60 * SECOND_NS;
        /// The share of the messages that is left to cancels.
        pub throttle_reserved_percent: u32 = 20, "a whole number from 0 to 90", |percent| *percent <= 90;
    }
}

fn is_time(ns: &u64) -> bool {
    (1_000_000..=3_600 * SECOND_NS).contains(ns)
}

impl Default for SessionSettings {
    fn default() -> Self {
        <Self as tiles::Setting>::read(&tiles::Json::Object(Default::default()), "", "", &mut Vec::new())
            .expect("every key has its default")
    }
}

impl SessionSettings {
    /// What its keys say of one another that cannot be.
    pub fn problems(&self, key: &str) -> Vec<String> {
        let mut problems = Vec::new();
        for (name, value) in [("rejects_max", self.rejects_max), ("slow_max", self.slow_max)] {
            if value > self.answers {
                problems.push(format!("{key}.{name} = {value}: must be at most answers = {}", self.answers));
            }
        }
        if self.hold_ns_min > self.hold_ns_max {
            let (least, most) = (self.hold_ns_min, self.hold_ns_max);
            problems.push(format!("{key}.hold_ns_min = {least}: must be at most hold_ns_max = {most}"));
        }
        if self.throttle_messages != 0 && self.reserved() >= self.throttle_messages {
            let (messages, percent) = (self.throttle_messages, self.throttle_reserved_percent);
            let left = format!("leaves new orders nothing of throttle_messages = {messages}; use 0 or more messages");
            problems.push(format!("{key}.throttle_reserved_percent = {percent}: {left}"));
        }
        problems
    }

    /// Messages left to cancels, rounded up.
    fn reserved(&self) -> u32 {
        (u64::from(self.throttle_messages) * u64::from(self.throttle_reserved_percent)).div_ceil(100) as u32
    }

    /// The rules as an engine takes them.
    pub fn record(&self, venue: u16) -> SessionGuard {
        let mut record = SessionGuard::new();
        record.header.venue = venue;
        record.breaker = u8::from(self.breaker);
        (record.answers, record.rejects_max, record.slow_max) = (self.answers, self.rejects_max, self.slow_max);
        (record.window_ns, record.round_trip_ns_max) = (self.window_ns, self.round_trip_ns_max);
        (record.answer_ns_max, record.probes) = (self.answer_ns_max, self.probes);
        (record.hold_ns_min, record.hold_ns_max) = (self.hold_ns_min, self.hold_ns_max);
        (record.throttle_messages, record.throttle_reserved) = (self.throttle_messages, self.reserved());
        record.throttle_window_ns = self.throttle_window_ns + self.throttle_slack_ns;
        record
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<SessionSettings, Vec<String>> {
        let mut errors = Vec::new();
        let value: tiles::Json = text.parse().unwrap();
        let read = <SessionSettings as tiles::Setting>::read(&value, "s", "", &mut errors);
        errors.extend(read.iter().flat_map(|read| read.problems("s")));
        if errors.is_empty() { Ok(read.unwrap()) } else { Err(errors) }
    }

    #[test]
    fn what_is_not_named_has_its_default() {
        let record = read("{}").unwrap().record(3);
        assert_eq!((record.header.venue, record.breaker, record.throttle_messages), (3, 1, 0));
        let record = read(r#"{"throttle_messages": 7, "throttle_reserved_percent": 10}"#).unwrap().record(3);
        assert_eq!((record.throttle_messages, record.throttle_reserved), (7, 1));
        assert_eq!(record.throttle_window_ns, 1_050_000_000);
    }

    #[test]
    fn everything_wrong_is_told_with_key_value_and_what_is_allowed() {
        assert_eq!(
            read(r#"{"breaker": 1, "answers": 0, "answer_ns_max": 5, "probe": 1}"#).unwrap_err(),
            [
                "s.probe = 1: is not a key here; allowed are breaker, answers, rejects_max, slow_max, window_ns, \
                 round_trip_ns_max, answer_ns_max, probes, hold_ns_min, hold_ns_max, throttle_messages, \
                 throttle_window_ns, throttle_slack_ns, throttle_reserved_percent",
                "s.breaker = 1: must be true or false",
                "s.answers = 0: must be a whole number from 1 to 65536",
                "s.answer_ns_max = 5: must be a whole number of ns from 1000000 to 3600000000000",
            ]
        );
        assert_eq!(
            read(r#"{"answers": 8, "slow_max": 8, "hold_ns_min": 2000000, "hold_ns_max": 1000000, "throttle_messages": 1}"#)
                .unwrap_err(),
            [
                "s.rejects_max = 32: must be at most answers = 8",
                "s.hold_ns_min = 2000000: must be at most hold_ns_max = 1000000",
                "s.throttle_reserved_percent = 20: leaves new orders nothing of throttle_messages = 1; use 0 or more \
                 messages",
            ]
        );
    }
}
