//! Whether what the store says may be used.
//!
//! Invariant: within a generation the store only goes forward, in one cluster. A store that is empty, older, another one, or
//! that has a key older than what is known of it is not trusted until an operator has raised the generation's number. Whoever
//! fills an emptied store again writes the generation again: written again with the same number, it is not believed either.

use serde::{Deserialize, Serialize};

use super::Agent;
use super::store::Entry;
use crate::keys::{self, Key};
use crate::values;

/// The store that was trusted last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    /// Its cluster's id.
    pub cluster: u64,
    /// The generation's number.
    pub generation: u64,
    /// Its revision when it was last read whole.
    pub revision: u64,
    /// The revision that wrote the generation; 0: not known.
    #[serde(default)]
    pub written: u64,
}

/// How the store is seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// Nothing was heard of it since the start.
    Never,
    /// It answers and is trusted.
    Present,
    /// It does not answer, since.
    Away(u64),
}

/// What is known of the store.
#[derive(Clone, Debug)]
pub(crate) struct StoreState {
    pub sight: Sight,
    /// What was trusted, kept for the next start.
    kept: Option<Trust>,
    /// Why the store that answers is not trusted.
    pub suspect: Option<String>,
    /// Newest revision seen in the trusted generation.
    pub revision: u64,
    /// Newest revision that changed something for this region.
    pub changed: u64,
    pub repeated: u64,
    pub resyncs: u64,
}

impl StoreState {
    pub fn new(kept: Option<Trust>) -> Self {
        let revision = kept.as_ref().map_or(0, |trust| trust.revision);
        Self { sight: Sight::Never, kept, suspect: None, revision, changed: 0, repeated: 0, resyncs: 0 }
    }

    pub fn trust(&self) -> Option<Trust> {
        self.kept.clone()
    }

    pub fn generation(&self) -> u64 {
        self.kept.as_ref().map_or(0, |trust| trust.generation)
    }

    /// Whether the generation is the one that was trusted, as it was written then.
    pub fn is_known_generation(&self, number: u64, written: u64) -> bool {
        let same = |trust: &Trust| trust.generation == number && [0, written].contains(&trust.written);
        self.kept.as_ref().is_some_and(same)
    }

    pub fn is_trusted(&self) -> bool {
        self.kept.is_some() && self.suspect.is_none() && self.sight != Sight::Never
    }

    /// Whether own keys can be written.
    pub fn is_present(&self) -> bool {
        self.sight == Sight::Present
    }

    pub fn keep(&mut self, trust: Trust) {
        self.revision = trust.revision;
        self.kept = Some(trust);
        self.suspect = None;
    }
}

impl Agent {
    /// Whether the store as it was read may be used: its generation's number and the revision that wrote it, or why not.
    pub(super) fn judge(&self, cluster: u64, revision: u64, entries: &[Entry]) -> Result<(u64, u64), String> {
        let key = format!("{}generation", keys::ROOT);
        let Some(entry) = entries.iter().find(|entry| entry.key == key) else {
            return Err("it has no generation: it is empty or was emptied".to_owned());
        };
        let generation = values::generation(&entry.value).map_err(|why| format!("generation: {why}"))?;
        let named = generation.cluster.as_deref().map(|text| u64::from_str_radix(text, 16));
        if named.is_some_and(|named| named != Ok(cluster)) {
            let text = generation.cluster.unwrap_or_default();
            return Err(format!("its generation was raised for cluster {text}, but this is {cluster:x}: raise it"));
        }
        let number = generation.generation;
        let known =
            self.store.kept.as_ref().map_or((0, 0, cluster), |t| (t.generation, self.store.revision, t.cluster));
        let engine = self.engine.newest;
        if number < known.0.max(engine.0) {
            return Err(format!("its generation is {number}, {} is in force", known.0.max(engine.0)));
        }
        if number == known.0 && cluster != known.2 {
            return Err(format!("it is cluster {cluster:x}, {:x} is known: raise the generation", known.2));
        }
        let newest = known.1.max(if number == engine.0 { engine.1 } else { 0 });
        if number == known.0 && revision < newest {
            return Err(format!("it is at revision {revision}, {newest} is known: raise the generation"));
        }
        if number == known.0 && self.store.kept.is_some() && !self.store.is_known_generation(number, entry.revision) {
            return Err(format!("its generation {number} was written again and not raised: raise it"));
        }
        match entries.iter().find(|entry| entry.revision < self.version_of(entry, number)) {
            Some(older) => {
                let key = &older.key;
                Err(format!("{key} is from revision {}, a newer one is known: raise the generation", older.revision))
            }
            None => Ok((number, entry.revision)),
        }
    }

    /// The revision of what is known of a key in this generation; 0: nothing.
    fn version_of(&self, entry: &Entry, generation: u64) -> u64 {
        let version = match keys::parse(&entry.key) {
            Key::Limit(id) => self.limits.get(&id).map(|known| known.version),
            Key::Part(id, holder) if holder == self.holder() => self.parts.get(&id).map(|known| known.version),
            Key::Kill(place) => self.kills.get(&place).map(|known| known.version),
            _ => self.rules.get(&entry.key).map(|known| known.version),
        };
        version.filter(|version| version.0 == generation).map_or(0, |version| version.1)
    }
}
