//! What an operator asks of a region through the store: that an open breaker lets probes through.
//!
//! Invariant: a request is carried out while it is young or never, and is answered once: by the input at which the engine did
//! it, or by why it did not. One that was answered is not done again, whoever's life that was in.

use std::collections::BTreeMap;

use records::{Applied, SessionReset, bytes_of};
use serde::Deserialize;
use serde_json::{Value, json};

use super::store::Entry;
use super::{Action, Agent};
use crate::keys;
use crate::values::{Version, json as read_json};

/// Between two tries: an engine that is there answers in a fraction of it.
const AGAIN_NS: u64 = 1_000_000_000;
/// Requests under way at once.
const REQUESTS_MAX: usize = 64;

/// A request as it stands in the store.
#[derive(Clone, Debug, Deserialize)]
struct RequestValue {
    kind: String,
    venue: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    by: String,
    expires_ns: u64,
}

#[derive(Clone, Debug)]
struct UnderWay {
    key: String,
    version: Version,
    record: SessionReset,
    expires_ns: u64,
    sent_ns: Option<u64>,
}

/// Requests that the engine has not answered, by their number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Requests(BTreeMap<u64, UnderWay>);

impl Agent {
    /// Takes a request of the trusted store.
    pub(super) fn take_request(&mut self, number: u64, entry: &Entry, version: Version) -> Result<bool, String> {
        let answered = self.outbound.has(&keys::ack(&self.region, &entry.key));
        if answered || self.requests.0.contains_key(&number) {
            return Ok(true);
        }
        let found = self.read_request(number, &entry.value);
        match found {
            Ok((_, expires_ns)) if expires_ns <= self.now_ns => {
                self.answer_request(&entry.key, version, Err("it came when its time was over; ask again"), 0);
            }
            Ok(_) if self.requests.0.len() >= REQUESTS_MAX => {
                self.answer_request(&entry.key, version, Err("too many requests are under way"), 0);
            }
            Ok((record, expires_ns)) => {
                let under_way = UnderWay { key: entry.key.clone(), version, record, expires_ns, sent_ns: None };
                self.requests.0.insert(number, under_way);
            }
            Err(why) => self.answer_request(&entry.key, version, Err(&why), 0),
        }
        Ok(true)
    }

    fn read_request(&self, number: u64, value: &[u8]) -> Result<(SessionReset, u64), String> {
        let request: RequestValue = read_json(value)?;
        if request.kind != "session_reset" {
            return Err(format!("kind = {}: must be session_reset", request.kind));
        }
        let venue = self.directory.venues.get(&request.venue);
        let venue = venue.ok_or_else(|| format!("venue = {}: no venue has this name here", request.venue))?;
        let mut record = SessionReset::new();
        (record.header.venue, record.request) = (*venue, number);
        fill(&mut record.by, &request.by);
        fill(&mut record.reason, &request.reason);
        Ok((record, request.expires_ns))
    }

    /// Sends what is due, and gives up what nobody answered in time.
    pub(super) fn send_requests(&mut self) {
        let now_ns = self.now_ns;
        let over: Vec<u64> =
            self.requests.0.iter().filter(|(_, one)| one.expires_ns <= now_ns).map(|(number, _)| *number).collect();
        for number in over {
            if let Some(one) = self.requests.0.remove(&number) {
                self.answer_request(&one.key, one.version, Err("the engine did not answer in time"), 0);
            }
        }
        for one in self.requests.0.values_mut() {
            if one.sent_ns.is_none_or(|sent_ns| now_ns >= sent_ns.saturating_add(AGAIN_NS)) {
                one.sent_ns = Some(now_ns);
                self.actions.push_back(Action::ToEngine(bytes_of(&one.record).to_vec()));
            }
        }
    }

    /// The engine answered.
    pub(super) fn request_applied(&mut self, applied: &Applied) {
        let Some(one) = self.requests.0.remove(&applied.request) else { return };
        let outcome = match applied.outcome {
            1 => Ok(None),
            2 => Ok(Some("its breaker was not open")),
            _ => Err("its session is down, or has no breaker"),
        };
        self.answer_request(&one.key, one.version, outcome, applied.input);
    }

    fn answer_request(&mut self, key: &str, version: Version, outcome: Result<Option<&'static str>, &str>, input: u64) {
        let (word, why): (&str, Value) = match outcome {
            Ok(note) => ("in_force", json!(note)),
            Err(why) => ("refused", json!(why)),
        };
        let value = json!({
            "v": 1, "revision": version.1, "generation": version.0, "outcome": word, "input": input,
            "inside": true, "at_ns": self.now_ns, "why": why,
        });
        self.outbound.set(keys::ack(&self.region, key), Some(value.to_string()), false);
    }
}

/// As much of a text as fits, at a letter's end.
fn fill(field: &mut [u8], text: &str) {
    let mut end = text.len().min(field.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    field[..end].copy_from_slice(&text.as_bytes()[..end]);
}
