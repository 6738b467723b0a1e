//! What this region writes into the store: acknowledgements, membership, positions, usage, states.
//!
//! Invariant: a key is written when it differs from what the store is known to have, and again when a write failed; what the
//! store is read to have counts, not what was written.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::store::Entry;
use super::{Action, Agent};
use crate::keys::{self, ROOT, quoted};
use crate::values::{self, amount_text};

/// Positions and usage, when they changed.
const REGULARLY_NS: u64 = 500_000_000;
/// After a write that failed.
const RETRY_NS: u64 = 500_000_000;

/// Keys of this region: what they are to be and what they are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outbound {
    wanted: BTreeMap<String, (Option<String>, bool)>,
    /// Of what is put together at intervals, as it was last wanted, without its time.
    told: BTreeMap<String, Value>,
    there: BTreeMap<String, String>,
    writing: BTreeMap<String, Option<String>>,
    failed: BTreeMap<String, u64>,
    changed: BTreeSet<String>,
    regularly_ns: u64,
}

impl Outbound {
    pub fn set(&mut self, key: String, value: Option<String>, lease: bool) {
        self.changed.insert(key.clone());
        self.wanted.insert(key, (value, lease));
    }

    pub fn there(&self, key: &str) -> Option<&String> {
        self.there.get(key)
    }

    /// Whether the store has the key, or is to have it.
    pub fn has(&self, key: &str) -> bool {
        self.there.contains_key(key) || self.wanted.contains_key(key)
    }

    /// The key is no longer in the store.
    pub fn forget(&mut self, key: &str) {
        self.there.remove(key);
        self.changed.insert(key.to_owned());
    }

    /// The store as it was read whole.
    pub fn found(&mut self, region: &str, entries: &[Entry]) {
        self.there.clear();
        for entry in entries.iter().filter(|entry| is_own(region, &entry.key)) {
            self.seen_put(entry);
        }
        self.changed.extend(self.wanted.keys().cloned());
    }

    pub fn put_seen(&mut self, region: &str, entry: &Entry) {
        if is_own(region, &entry.key) {
            self.seen_put(entry);
        }
    }

    fn seen_put(&mut self, entry: &Entry) {
        self.there.insert(entry.key.clone(), String::from_utf8_lossy(&entry.value).into_owned());
    }
}

/// Whether this region's agent writes the key.
fn is_own(region: &str, key: &str) -> bool {
    let region = quoted(region);
    let Some(rest) = key.strip_prefix(ROOT) else { return false };
    let mut words = rest.split('/');
    matches!(words.next(), Some("acks" | "local" | "regions" | "positions" | "usage" | "slots" | "sessions"))
        && words.next() == Some(region.as_str())
}

impl Agent {
    /// What became of a write.
    pub fn on_stored(&mut self, key: &str, done: bool) {
        let Some(value) = self.outbound.writing.remove(key) else { return };
        self.outbound.changed.insert(key.to_owned());
        match (done, value) {
            (false, _) => {
                self.outbound.failed.insert(key.to_owned(), self.now_ns.saturating_add(RETRY_NS));
            }
            (true, Some(value)) => {
                self.outbound.there.insert(key.to_owned(), value);
            }
            (true, None) => {
                self.outbound.there.remove(key);
            }
        }
    }

    /// The lease of the membership ended: its key is gone.
    pub fn on_lease_lost(&mut self) {
        let key = keys::of_region("regions", &self.region);
        self.outbound.forget(&key);
    }

    /// Writes what differs, while the store answers.
    pub(super) fn publish(&mut self) {
        self.tell_peers();
        if !self.store.is_present() {
            return;
        }
        let Outbound { wanted, there, writing, failed, changed, .. } = &mut self.outbound;
        let mut later = BTreeSet::new();
        for key in std::mem::take(changed) {
            let Some((value, lease)) = wanted.get(&key) else { continue };
            if there.get(&key) == value.as_ref() {
                if value.is_none() {
                    wanted.remove(&key);
                }
                continue;
            }
            if writing.contains_key(&key) || failed.get(&key).is_some_and(|until| self.now_ns < *until) {
                later.insert(key);
                continue;
            }
            failed.remove(&key);
            writing.insert(key.clone(), value.clone());
            self.actions.push_back(Action::ToStore { key, value: value.clone(), lease: *lease });
        }
        *changed = later;
    }

    /// Puts together what is published at intervals.
    pub(super) fn publish_regularly(&mut self) {
        if self.now_ns < self.outbound.regularly_ns.saturating_add(REGULARLY_NS) {
            return;
        }
        self.outbound.regularly_ns = self.now_ns;
        let region = self.region.clone();
        self.set_value(keys::of_region("regions", &region), self.region_value(), true);
        if self.engine.heard_ns.is_none() {
            return;
        }
        self.set_value(keys::of_region("positions", &region), self.positions_value(), false);
        self.set_value(keys::of_region("usage", &region), self.usage_value(), false);
        self.set_value(keys::of_region("slots", &region), self.slots_value(), false);
        self.set_value(keys::of_region("sessions", &region), self.sessions_value(), false);
    }

    /// Sets a key; its time alone is no change.
    fn set_value(&mut self, key: String, mut value: Value, lease: bool) {
        let at_ns = value.as_object_mut().and_then(|fields| fields.remove("at_ns"));
        value["v"] = json!(1);
        if self.outbound.told.get(&key) == Some(&value) {
            return;
        }
        let mut text = value.clone();
        if let Some(at_ns) = at_ns {
            text["at_ns"] = at_ns;
        }
        self.outbound.told.insert(key.clone(), value);
        self.outbound.set(key, Some(text.to_string()), lease);
    }

    fn region_value(&self) -> Value {
        json!({
            "v": 1, "region": self.region, "holder": self.holder(), "agent_start_ns": self.start,
            "engine": self.engine.word(self.now_ns), "epoch": self.engine.epoch, "store_revision": self.store.changed,
            "standing": self.standing().iter().map(|(word, _)| *word).collect::<Vec<_>>(), "status": self.sentences(),
        })
    }

    fn positions_value(&self) -> Value {
        let rows: Vec<Value> = self
            .engine
            .positions
            .iter()
            .map(|((account, instrument), row)| {
                json!({
                    "account": self.node_or_id(*account), "instrument": self.instrument_or_id(*instrument),
                    "lots": row.lots, "bought": row.bought, "sold": row.sold,
                    "realised": amount_text(row.realised, 9),
                })
            })
            .collect();
        let watermark = self.engine.watermark;
        json!({"v": 1, "watermark": watermark, "whole": self.engine.whole, "at_ns": self.now_ns, "rows": rows})
    }

    fn usage_value(&self) -> Value {
        let rows: Vec<Value> = self
            .engine
            .usage
            .values()
            .map(|usage| {
                let places = records::Metric::from_code(usage.metric).map_or(0, values::decimals);
                let text = |money: records::MoneyNanos| amount_text(money.get(), places);
                let instrument = (usage.header.instrument != 0).then(|| self.instrument_or_id(usage.header.instrument));
                json!({
                    "limit": usage.limit, "instrument": instrument, "bound": text(usage.bound),
                    "filled": text(usage.used_filled), "open": text(usage.reserved_open), "free": text(usage.free),
                    "unknown": text(usage.unknown), "high_water": text(usage.high_water), "no_part": usage.no_part == 1,
                })
            })
            .collect();
        let input = self.engine.usage.values().map(|usage| usage.input).max().unwrap_or(0);
        json!({"v": 1, "at_ns": self.now_ns, "input": input, "rows": rows})
    }

    fn slots_value(&self) -> Value {
        let rows: Vec<Value> = self
            .engine
            .slots
            .values()
            .map(|slot| {
                let run = records::SlotRun::from_code(slot.run).map(|run| format!("{run:?}").to_lowercase());
                json!({"slot": slot.slot, "run": run, "status": slot.status, "line": slot.line, "input": slot.input})
            })
            .collect();
        json!({"v": 1, "at_ns": self.now_ns, "rows": rows})
    }

    /// Sessions as the engine last said, each with its breaker where it has one. A session that was told of only by its health
    /// (the whole state was not asked for since it came up) stands here too.
    fn sessions_value(&self) -> Value {
        let mut rows: BTreeMap<(u16, u32), Value> = BTreeMap::new();
        for ((venue, source), session) in &self.engine.sessions {
            let state = records::SessionState::from_code(session.state).map(|state| words(&format!("{state:?}")));
            let (epoch, window) = (session.epoch, session.window);
            let row = json!({
                "venue": self.venue_or_id(*venue), "source": source, "state": state, "epoch": epoch, "window": window,
            });
            rows.insert((*venue, *source), row);
        }
        for (venue, health) in &self.engine.health {
            let known = rows.range((*venue, 0)..=(*venue, u32::MAX)).next().map(|(place, _)| *place);
            let bare =
                || json!({"venue": self.venue_or_id(*venue), "source": 0, "epoch": self.engine.epoch, "window": 0});
            let row = rows.entry(known.unwrap_or((*venue, 0))).or_insert_with(bare);
            for (name, value) in health_fields(health) {
                row[name] = value;
            }
        }
        json!({"v": 1, "at_ns": self.now_ns, "rows": rows.into_values().collect::<Vec<_>>()})
    }

    fn venue_or_id(&self, venue: u16) -> String {
        let name = self.directory.venues.iter().find(|(_, id)| **id == venue).map(|(name, _)| name.clone());
        name.unwrap_or_else(|| format!("#{venue}"))
    }

    pub(super) fn node_or_id(&self, id: u32) -> String {
        self.directory.node_name(id).map_or_else(|| format!("#{id}"), str::to_owned)
    }

    pub(super) fn instrument_or_id(&self, id: u32) -> String {
        self.directory.instrument_name(id).map_or_else(|| format!("#{id}"), str::to_owned)
    }
}

/// A name of an enumeration as the store has it: `HalfOpen` → `half_open`.
fn words(name: &str) -> String {
    values::metric_name(name)
}

/// What is published of a session's health.
fn health_fields(health: &records::SessionHealth) -> Vec<(&'static str, Value)> {
    let session = records::SessionState::from_code(health.session).map(|state| words(&format!("{state:?}")));
    let breaker = records::BreakerState::from_code(health.state).map(|state| words(&format!("{state:?}")));
    let cause = records::BreakerCause::from_code(health.cause).map(|cause| words(&format!("{cause:?}")));
    vec![
        ("state", json!(session)),
        ("breaker", json!(breaker)),
        ("cause", json!(cause)),
        ("trips", json!(health.trips)),
        ("until_ns", json!(health.until_ns)),
        ("probes_left", json!(health.probes_left)),
        ("answers", json!(health.answers)),
        ("rejects", json!(health.rejects)),
        ("rejects_now", json!(health.rejects_now)),
        ("slow_now", json!(health.slow_now)),
        ("round_trip_ns", json!(health.round_trip_ns)),
        ("throttle_used", json!(health.throttle_used)),
        ("throttle_messages", json!(health.throttle_messages)),
        ("throttle_reserved", json!(health.throttle_reserved)),
        ("refused_breaker", json!(health.refused_breaker)),
        ("refused_throttle", json!(health.refused_throttle)),
        ("heard_ns", json!(health.heard_ns)),
        ("input", json!(health.input)),
    ]
}
