//! What the store says: read whole or change by change, in whatever order a watch may show it.
//!
//! Invariant: a value that cannot be used changes nothing: the old one stays in force and the finding names the key. A key
//! that is gone without the tombstone of its limit changes nothing either.

use std::collections::BTreeSet;

use super::trust::{Sight, Trust};
use super::{Agent, Known};
use crate::keys::{self, Key};
use crate::values::{self, KillFields, Version};

/// A key as it is in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Its value.
    pub value: Vec<u8>,
    /// The revision that wrote it.
    pub revision: u64,
}

/// An event of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreEvent {
    /// Everything below the root, as of a revision.
    Reset {
        /// The cluster's id.
        cluster: u64,
        /// The revision.
        revision: u64,
        /// Every key.
        entries: Vec<Entry>,
    },
    /// A key was written.
    Put(Entry),
    /// A key was taken away.
    Delete {
        /// The key.
        key: String,
        /// The revision that did it.
        revision: u64,
    },
    /// Everything up to this revision was told.
    Progress(u64),
    /// The store does not answer.
    Lost,
}

impl Agent {
    /// Takes an event of the store.
    pub fn on_store(&mut self, event: StoreEvent) {
        match event {
            StoreEvent::Reset { cluster, revision, entries } => self.on_reset(cluster, revision, &entries),
            StoreEvent::Put(entry) => {
                self.on_present();
                self.on_put(&entry);
            }
            StoreEvent::Delete { key, revision } => {
                self.on_present();
                self.on_delete(&key, revision);
            }
            StoreEvent::Progress(revision) => {
                self.on_present();
                self.seen(revision);
            }
            StoreEvent::Lost => {
                if self.store.sight == Sight::Present {
                    self.store.sight = Sight::Away(self.now_ns);
                }
            }
        }
    }

    fn on_present(&mut self) {
        // Before the first reset nothing is known of the store, whatever a watch says.
        if self.store.sight != Sight::Never {
            self.store.sight = Sight::Present;
        }
    }

    fn seen(&mut self, revision: u64) {
        if self.store.is_trusted() {
            self.store.revision = self.store.revision.max(revision);
        }
    }

    fn on_reset(&mut self, cluster: u64, revision: u64, entries: &[Entry]) {
        self.store.sight = Sight::Present;
        self.store.resyncs += 1;
        self.outbound.found(&self.region, entries);
        match self.judge(cluster, revision, entries) {
            Ok((generation, written)) => {
                self.store.keep(Trust { cluster, generation, revision, written, doubted: false });
                self.findings.clear();
                self.take_all(generation, entries);
            }
            Err(doubt) => {
                self.store.doubt(doubt);
                for entry in entries {
                    self.take_tightening(entry);
                }
            }
        }
    }

    fn take_all(&mut self, generation: u64, entries: &[Entry]) {
        self.other_parts.clear();
        // The tree first: limits may sit at nodes that it adds.
        // Local kills last: they are compared with what the store says at their place.
        let turn = |entry: &&Entry| match keys::parse(&entry.key) {
            Key::Tree => 0,
            Key::LocalKill(..) => 2,
            _ => 1,
        };
        let mut ordered: Vec<&Entry> = entries.iter().collect();
        ordered.sort_by_key(turn);
        for entry in ordered {
            self.take(entry, generation);
        }
        let there: BTreeSet<Key> = entries.iter().map(|entry| keys::parse(&entry.key)).collect();
        let holder = self.holder();
        let gone_limits = self
            .limits
            .iter()
            .filter(|(id, known)| known.value.record.removed == 0 && !there.contains(&Key::Limit(**id)));
        let gone_parts = self.parts.keys().filter(|id| !there.contains(&Key::Part(**id, holder.clone())));
        let gone_kills = self.kills.iter().filter(|(place, known)| {
            known.value.fields != KillFields::ARMED && !there.contains(&Key::Kill((*place).clone()))
        });
        let gone: Vec<String> = gone_limits
            .map(|(id, _)| keys::limit(*id))
            .chain(gone_parts.map(|id| keys::part(*id, &holder)))
            .chain(gone_kills.map(|(place, _)| keys::kill(place)))
            .chain(self.gone_rules(entries))
            .collect();
        for key in gone {
            self.find_gone(key);
        }
    }

    fn find_gone(&mut self, key: String) {
        // A part may go with the tombstone of its limit.
        if let Key::Part(id, _) = keys::parse(&key)
            && self.limits.get(&id).is_none_or(|known| known.value.record.removed == 1)
        {
            self.parts.remove(&id);
            return;
        }
        if let Key::Kill(place) = keys::parse(&key) {
            self.keep_kill(&place, "its key in the store was deleted by hand");
        }
        self.findings.insert(key, "it was deleted by hand; what it said stays in force".to_owned());
    }

    fn on_put(&mut self, entry: &Entry) {
        if keys::parse(&entry.key) == Key::Generation {
            self.on_generation(entry);
            return;
        }
        if !self.store.is_trusted() {
            self.take_tightening(entry);
            return;
        }
        self.outbound.put_seen(&self.region, entry);
        let generation = self.store.generation();
        self.take(entry, generation);
        self.seen(entry.revision);
    }

    /// A new number is believed by the reading of the whole that follows, no other way.
    fn on_generation(&mut self, entry: &Entry) {
        let number = values::generation(&entry.value).map(|read| read.generation);
        let same = self.store.is_known_generation(number.unwrap_or(0), entry.revision);
        if !same || !self.store.is_trusted() {
            if self.store.suspect.is_none() {
                self.store.suspect = Some("its generation changes".to_owned());
            }
            self.actions.push_back(super::Action::Resync);
        }
    }

    fn on_delete(&mut self, key: &str, revision: u64) {
        let parsed = keys::parse(key);
        if parsed == Key::Generation && revision >= self.store.revision {
            self.store.suspect = Some("its generation was deleted: it was emptied".to_owned());
            self.actions.push_back(super::Action::Resync);
        }
        if !self.store.is_trusted() {
            return;
        }
        let generation = self.store.generation();
        let older = |version: Version| version > (generation, revision);
        let holder = self.holder();
        let gone = match parsed {
            Key::Limit(id) => {
                self.limits.get(&id).is_some_and(|known| known.value.record.removed == 0 && !older(known.version))
            }
            Key::Part(id, at) if at == holder => self.parts.get(&id).is_some_and(|known| !older(known.version)),
            Key::Part(id, at) => {
                self.other_parts.remove(&(id, at));
                false
            }
            Key::Kill(place) => {
                let in_force = |known: &Known<values::KillAt>| known.value.fields != KillFields::ARMED;
                self.kills.get(&place).is_some_and(|known| in_force(known) && !older(known.version))
            }
            Key::Region(region) if region == self.region => {
                self.outbound.forget(key);
                false
            }
            _ => self.rules.get(key).is_some_and(|known| !older(known.version)),
        };
        if gone {
            self.find_gone(key.to_owned());
        }
        self.seen(revision);
    }

    /// Takes a value of the trusted store.
    fn take(&mut self, entry: &Entry, generation: u64) {
        let version = (generation, entry.revision);
        let taken = match keys::parse(&entry.key) {
            Key::Limit(id) => self.take_limit(id, entry, version),
            Key::Part(id, holder) if holder == self.holder() => self.take_part(id, entry, version),
            Key::Part(id, holder) => {
                // One that cannot be read is its holder's to tell of.
                if let Ok(value) = values::part(&entry.value) {
                    self.other_parts.insert((id, holder), value);
                }
                Ok(false)
            }
            Key::Kill(place) => self.take_kill(&place, entry, version),
            Key::Tree => self.take_tree(entry),
            Key::Request(region, number) if region == self.region => self.take_request(number, entry, version),
            Key::LocalKill(region, place) if region == self.region => {
                self.local_kill_published(&place, &entry.value, version);
                Ok(false)
            }
            key => self.take_rule(&key, entry, version).unwrap_or(Ok(false)),
        };
        match taken {
            Ok(true) => {
                self.store.changed = self.store.changed.max(entry.revision);
                self.findings.remove(&entry.key);
            }
            Ok(false) => {}
            Err(why) => {
                self.findings.insert(entry.key.clone(), why);
            }
        }
    }

    fn take_limit(&mut self, id: u32, entry: &Entry, version: Version) -> Result<bool, String> {
        if self.is_repeated(self.limits.get(&id).map(|known| known.version), version) {
            return Ok(true);
        }
        let mut value = values::limit(id, &entry.value, &self.directory)?;
        // Whoever raises the generation says that the store counts as it is. Of several writes at once (the watch was
        // interrupted) the last may be by one person after two.
        let now = self.limits.get(&id).filter(|known| known.version.0 == version.0 && known.value.record.removed == 0);
        let next = |known: &&Known<values::Limit>| value.count <= known.value.count.saturating_add(1);
        if !value.confirmed && now.filter(next).is_some_and(|known| value.loosens(&known.value)) {
            return Err(
                "it lets more through and no second person confirmed it; what was before stays in force".to_owned()
            );
        }
        (value.record.generation, value.record.revision) = version;
        self.limits.insert(id, Known { value, version });
        Ok(true)
    }

    fn take_part(&mut self, id: u32, entry: &Entry, version: Version) -> Result<bool, String> {
        if self.is_repeated(self.parts.get(&id).map(|known| known.version), version) {
            return Ok(true);
        }
        let value = values::part(&entry.value)?;
        self.parts.insert(id, Known { value, version });
        Ok(true)
    }

    fn take_kill(&mut self, place: &str, entry: &Entry, version: Version) -> Result<bool, String> {
        if self.is_repeated(self.kills.get(place).map(|known| known.version), version) {
            return Ok(true);
        }
        let known = self.kills.get(place).map(|known| &known.value);
        let (now, count) = known.map_or((KillFields::ARMED, 0), |known| (known.fields, known.count));
        // By one person a kill only tightens, and none is written that stops nothing. Of several writes at once (the watch was
        // interrupted) the last may be by one person after two.
        let after_two = |value: &values::KillAt| value.confirmed || value.count > count.saturating_add(1);
        let tightens = |value: &values::KillAt| value.fields.covers(now) || after_two(value);
        match values::kill(place, &entry.value, &self.directory) {
            Ok(value) if value.confirmed || (value.fields != KillFields::ARMED && tightens(&value)) => {
                let by_two = after_two(&value);
                self.kills.insert(place.to_owned(), Known { value, version });
                self.take_over(place, by_two);
                Ok(true)
            }
            Ok(_) => {
                self.keep_kill(place, "loosened in the store without a second person");
                Err("it stops less and no second person confirmed it; what was before stays in force".to_owned())
            }
            Err(why) => {
                self.keep_kill(place, "its key in the store was edited by hand");
                Err(why)
            }
        }
    }

    pub(super) fn is_repeated(&mut self, known: Option<Version>, version: Version) -> bool {
        let repeated = known.is_some_and(|known| known >= version);
        self.store.repeated += u64::from(repeated);
        repeated
    }

    /// Adds nodes; those that are known must be as they are.
    fn take_tree(&mut self, entry: &Entry) -> Result<bool, String> {
        let mut wrong = Vec::new();
        for node in values::tree(&entry.value)? {
            let same_id = self.directory.nodes.values().find(|known| known.id == node.id);
            match self.directory.nodes.get(&node.name).or(same_id) {
                Some(known) if *known == node => {}
                Some(known) => wrong.push(format!("nodes.{}: here {} has the id {}", node.name, known.name, known.id)),
                None => {
                    self.delivery.nodes.insert(node.id, node.name.clone());
                    self.directory.nodes.insert(node.name.clone(), node);
                }
            }
        }
        if wrong.is_empty() { Ok(true) } else { Err(wrong.join("; ")) }
    }

    /// From a store that is not trusted only what kills more is taken.
    fn take_tightening(&mut self, entry: &Entry) {
        if let Key::Kill(place) = keys::parse(&entry.key)
            && let Ok(kill) = values::kill(&place, &entry.value, &self.directory)
        {
            self.tighten(kill);
        }
    }
}
