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
    /// A revision that it had.
    pub revision: u64,
    /// The revision that wrote the generation; 0: not known.
    #[serde(default)]
    pub written: u64,
    /// In this generation the same cluster was found to have gone back: written to for long enough it would pass what is known of it.
    #[serde(default)]
    pub doubted: bool,
}

/// Why a store is not trusted.
pub(crate) struct Doubt {
    pub why: String,
    /// It stays so in this generation, whatever the store becomes.
    pub lasting: bool,
}

impl From<String> for Doubt {
    fn from(why: String) -> Self {
        Self { why, lasting: false }
    }
}

/// Revisions that pass before it is kept anew how far the store is.
const KEPT_EVERY: u64 = 32;

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

    /// What the next start of this agent must know: how far the store was when it last changed something here, and about how far
    /// it went since. A copy from before that is told from the store itself.
    pub fn trust(&self) -> Option<Trust> {
        let kept = self.kept.clone()?;
        let seen = self.revision - self.revision % KEPT_EVERY;
        Some(Trust { revision: kept.revision.max(self.changed.min(self.revision)).max(seen), ..kept })
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

    pub fn doubt(&mut self, doubt: Doubt) {
        self.suspect = Some(doubt.why);
        if let Some(kept) = self.kept.as_mut() {
            kept.doubted |= doubt.lasting;
        }
    }

    pub fn keep(&mut self, trust: Trust) {
        self.revision = trust.revision;
        self.kept = Some(trust);
        self.suspect = None;
    }
}

impl Agent {
    /// Whether the store as it was read may be used: its generation's number and the revision that wrote it, or why not.
    pub(super) fn judge(&self, cluster: u64, revision: u64, entries: &[Entry]) -> Result<(u64, u64), Doubt> {
        let key = format!("{}generation", keys::ROOT);
        let Some(entry) = entries.iter().find(|entry| entry.key == key) else {
            return Err("it has no generation: it is empty or was emptied".to_owned().into());
        };
        let generation = values::generation(&entry.value).map_err(|why| format!("generation: {why}"))?;
        let named = generation.cluster.as_deref().map(|text| u64::from_str_radix(text, 16));
        if named.is_some_and(|named| named != Ok(cluster)) {
            let text = generation.cluster.unwrap_or_default();
            return Err(
                format!("its generation was raised for cluster {text}, but this is {cluster:x}: raise it").into()
            );
        }
        let number = generation.generation;
        let known =
            self.store.kept.as_ref().map_or((0, 0, cluster), |t| (t.generation, self.store.revision, t.cluster));
        let engine = self.engine.newest;
        if number < known.0.max(engine.0) {
            return Err(format!("its generation is {number}, {} is in force", known.0.max(engine.0)).into());
        }
        if number == known.0 && cluster != known.2 {
            return Err(format!("it is cluster {cluster:x}, {:x} is known: raise the generation", known.2).into());
        }
        let newest = known.1.max(if number == engine.0 { engine.1 } else { 0 });
        match self.gone_back(number, entry.revision, (revision, newest), entries) {
            Some(why) if number == known.0 => Err(Doubt { why, lasting: true }),
            Some(why) => Err(why.into()),
            None => Ok((number, entry.revision)),
        }
    }

    /// What shows that a store of the known cluster is an earlier copy of what was known of it.
    fn gone_back(
        &self,
        number: u64,
        written: u64,
        (revision, newest): (u64, u64),
        entries: &[Entry],
    ) -> Option<String> {
        if let Some(kept) = self.store.kept.as_ref().filter(|kept| kept.generation == number) {
            if revision < newest {
                return Some(format!("it is at revision {revision}, {newest} is known: raise the generation"));
            }
            if !self.store.is_known_generation(number, written) {
                return Some(format!("its generation {number} was written again and not raised: raise it"));
            }
            if kept.doubted {
                return Some(format!("it had gone back and is at revision {revision} now: raise the generation"));
            }
        }
        let older = entries.iter().find(|entry| entry.revision < self.version_of(entry, number))?;
        let (key, revision) = (&older.key, older.revision);
        Some(format!("{key} is from revision {revision}, a newer one is known: raise the generation"))
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
