//! Permissions, the restricted list, the engine's epoch and the reference data: delivered each by itself, acknowledged each.
//!
//! Invariant: as with limits: only a newer value of the trusted store goes to the engine, again until it has answered; a key
//! that is gone changes nothing; an epoch never goes back.

use records::{Applied, Kind};

use super::deliver::{APPLIED, OLDER, REFUSED, Sent, due, sent};
use super::store::Entry;
use super::{Action, Agent, Known};
use crate::keys::{self, Key};
use crate::rules::Rule;
use crate::values::Version;

impl Agent {
    /// Takes a rule of the trusted store; `None` where the key is of another thing.
    pub(super) fn take_rule(&mut self, key: &Key, entry: &Entry, version: Version) -> Option<Result<bool, String>> {
        if matches!(key, Key::Epoch(holder) if *holder != self.holder()) {
            return None;
        }
        let read = Rule::read(key, &entry.value, &self.directory)?;
        let known = self.rules.get(&entry.key).map(|known| (known.version, known.value.epoch()));
        if self.is_repeated(known.map(|known| known.0), version) {
            return Some(Ok(true));
        }
        let went_back = |rule: &Rule| known.is_some_and(|known| rule.epoch() < known.1);
        Some(match read {
            Ok(rule) if went_back(&rule) => Err("the epoch went back; the engine keeps the newer one".to_owned()),
            Ok(value) => {
                self.rules.insert(entry.key.clone(), Known { value, version });
                Ok(true)
            }
            Err(why) => Err(why),
        })
    }

    /// Sends what the engine does not have.
    pub(super) fn deliver_rules(&mut self) {
        let waiting: Vec<(String, Version, Vec<u8>)> = self
            .rules
            .iter()
            .filter(|(key, known)| due(self.delivery.rules.get(*key), known.version, &(), self.now_ns))
            .map(|(key, known)| (key.clone(), known.version, known.value.record(known.version)))
            .collect();
        for (key, version, record) in waiting {
            self.actions.push_back(Action::ToEngine(record));
            self.delivery.rules.insert(key, sent(version, (), self.now_ns));
        }
    }

    /// The engine's answer to a rule. One that it refuses but follows (other reference data) is told as refused, with why.
    pub(super) fn rule_applied(&mut self, applied: &Applied) {
        let version = (applied.generation, applied.revision);
        // Several may have one version: answers come in the order in which they were sent.
        let waits = |(key, sent): &(&String, &Sent<()>)| {
            sent.version == version && self.rules.get(*key).is_some_and(|known| known.value.is_answered_by(applied))
        };
        let found = self.delivery.rules.iter().filter(waits).min_by_key(|(_, sent)| sent.confirmed.is_some());
        let Some(key) = found.map(|(key, _)| key.clone()) else { return };
        let sent = self.delivery.rules.get_mut(&key).expect("found above");
        if applied.outcome == REFUSED {
            sent.refused = true;
            self.findings.insert(key.clone(), why_refused(applied).to_owned());
            self.acknowledge(key, version, REFUSED, 0, false);
            return;
        }
        let fresh = sent.confirmed.is_none();
        let input = *sent.confirmed.get_or_insert(applied.input);
        sent.refused = false;
        self.findings.remove(&key);
        if fresh && applied.outcome == OLDER {
            self.keep_input(&key, version);
        }
        self.acknowledge(key, version, APPLIED, input, true);
    }

    /// Rules whose keys are gone: what they said stays in force.
    pub(super) fn gone_rules(&self, entries: &[Entry]) -> Vec<String> {
        let there = |key: &&String| !entries.iter().any(|entry| entry.key == **key);
        self.rules.keys().filter(there).cloned().collect()
    }

    /// The epoch that the store has for this engine.
    pub(super) fn store_epoch(&self) -> Option<u16> {
        self.rules.get(&keys::epoch(&self.holder())).and_then(|known| known.value.epoch())
    }

    /// What keeps the engine from opening positions, as sentences and as words.
    pub(super) fn standing(&self) -> Vec<(&'static str, String)> {
        let (bits, own) = (self.engine.standing, self.engine.epoch);
        let mut told = Vec::new();
        if bits & 1 != 0 {
            let text =
                format!("engine: epoch {own} is not confirmed by the store: only orders that reduce positions pass");
            told.push(("epoch_unconfirmed", text));
        }
        if bits & 2 != 0 {
            let text =
                format!("engine: an engine of a newer epoch than {own} is in its place: nothing new leaves this one");
            told.push(("fenced", text));
        }
        if bits & 4 != 0 {
            let text =
                "engine: it runs other reference data than the store names: only orders that reduce positions pass";
            told.push(("reference_differs", text.to_owned()));
        }
        if bits & 8 != 0 {
            let text = format!("engine: a gateway does not obey epoch {own} yet: nothing new leaves before each does");
            told.push(("not_obeyed", text));
        }
        told
    }
}

fn why_refused(applied: &Applied) -> &'static str {
    match Kind::from_code(applied.control) {
        Some(Kind::ReferenceSet) => {
            "the engine runs other reference data: until it is started with these, only orders that reduce positions pass"
        }
        Some(Kind::EpochSet) => "the engine's epoch is newer: the store is behind, and confirms nothing",
        _ => "the engine refuses it; what was before stays in force",
    }
}
