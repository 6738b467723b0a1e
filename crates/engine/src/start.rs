//! Where an engine goes on from: the newest snapshot that is whole and of this journal, and the journal from there; else the
//! whole journal.
//!
//! Invariant: a snapshot decides how long a start takes and nothing else. One that is damaged, another engine's, or no place of
//! the journal is passed over and counted by why; the journal itself, where it is damaged, is never passed over.

use std::path::Path;

use journal::{Follower, Identity, JournalError, Mark, Reader, Snapshot, SnapshotError, snapshot_name, snapshots};
use records::Stamp;
use tiles::Storage;

use crate::config::EngineConfig;
use crate::fold::{Engine, STATE_VERSION};
use crate::host::Host;
use crate::marks::Marks;
use crate::outbox::Outbox;

/// Why a snapshot was passed over.
#[derive(Debug)]
pub enum PassedOver {
    /// Its file is damaged or cut.
    Damaged(SnapshotError),
    /// It is another engine's, or its state is of another build; or a strategy's code is not there.
    Foreign(String),
    /// The journal has no such place.
    Unfit,
}

impl std::fmt::Display for PassedOver {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Damaged(error) => error.fmt(formatter),
            Self::Foreign(what) => formatter.write_str(what),
            Self::Unfit => {
                formatter.write_str("the journal has no such place; it ends before, or was another one then")
            }
        }
    }
}

/// How often each was the reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PassedOverCounts {
    /// [`PassedOver::Damaged`].
    pub damaged: u64,
    /// [`PassedOver::Foreign`].
    pub foreign: u64,
    /// [`PassedOver::Unfit`].
    pub unfit: u64,
}

/// An engine at a place of its journal.
pub struct Started {
    /// As it was behind the mark; new where there is none.
    pub engine: Engine,
    /// Where it goes on; `None`: at the journal's begin.
    pub mark: Option<Mark>,
    /// Snapshots that were not taken, by their last inputs, with the reasons.
    pub passed_over: Vec<(u64, PassedOver)>,
}

impl Started {
    /// A new engine, before everything.
    pub fn anew(config: EngineConfig, host: Box<dyn Host>) -> Self {
        Self { engine: Engine::new(config, host), mark: None, passed_over: Vec::new() }
    }

    /// The newest snapshot beside a journal that can be gone on from, with the marks that lie there. `open` opens the journal at a
    /// segment.
    ///
    /// # Errors
    /// When the storage cannot be listed, or the marks are damaged. A journal that is damaged is left to whoever reads it from its begin.
    pub fn newest(
        storage: &dyn Storage,
        open: &dyn Fn(u64) -> Result<Reader, JournalError>,
        config: EngineConfig,
        host: Box<dyn Host>,
    ) -> std::io::Result<Self> {
        let (mut host, mut passed_over) = (host, Vec::new());
        let marks = Marks::in_storage(storage).map_err(std::io::Error::other)?;
        // A shadow may have seen what the device was never given.
        let end = journal::end_before_lost(storage).unwrap_or(None).unwrap_or(u64::MAX);
        for sequence in snapshots(storage)? {
            if sequence > end {
                passed_over.push((sequence, PassedOver::Unfit));
                continue;
            }
            let read = Snapshot::load(storage, sequence).map_err(PassedOver::Damaged);
            let fit = read.and_then(|snapshot| fits(&snapshot, open, config).map(|()| snapshot));
            let reason = match fit {
                Err(reason) => reason,
                Ok(snapshot) => match restore(config, host, &snapshot, &marks) {
                    Ok(engine) => return Ok(Self { engine, mark: Some(snapshot.head.mark), passed_over }),
                    Err((back, reason)) => {
                        host = back;
                        reason
                    }
                },
            };
            passed_over.push((sequence, reason));
        }
        let mut anew = Self::anew(config, host);
        marks.give(&mut anew.engine).map_err(std::io::Error::other)?;
        Ok(Self { passed_over, ..anew })
    }

    /// The same in a directory.
    ///
    /// # Errors
    /// As for [`Started::newest`].
    pub fn newest_in(directory: &Path, config: EngineConfig, host: Box<dyn Host>) -> std::io::Result<Self> {
        let storage = tiles::RealStorage::new(directory)?;
        Self::newest(&storage, &|segment| Reader::open_at(directory, segment), config, host)
    }

    /// The snapshot of this input and no other.
    ///
    /// # Errors
    /// Why it cannot be gone on from.
    pub fn at(directory: &Path, sequence: u64, config: EngineConfig, host: Box<dyn Host>) -> Result<Self, PassedOver> {
        let failed = |error| PassedOver::Damaged(SnapshotError::Io(error));
        let storage = tiles::RealStorage::new(directory).map_err(failed)?;
        let snapshot = Snapshot::load(&storage, sequence).map_err(PassedOver::Damaged)?;
        fits(&snapshot, &|segment| Reader::open_at(directory, segment), config)?;
        let marks = Marks::in_storage(&storage).map_err(|error| failed(std::io::Error::other(error)))?;
        let engine = restore(config, host, &snapshot, &marks).map_err(|(_, reason)| reason)?;
        Ok(Self { engine, mark: Some(snapshot.head.mark), passed_over: Vec::new() })
    }

    /// How many snapshots were passed over, by reason.
    pub fn counts(&self) -> PassedOverCounts {
        let mut counts = PassedOverCounts::default();
        for (_, reason) in &self.passed_over {
            *match reason {
                PassedOver::Damaged(_) => &mut counts.damaged,
                PassedOver::Foreign(_) => &mut counts.foreign,
                PassedOver::Unfit => &mut counts.unfit,
            } += 1;
        }
        counts
    }

    /// Opens the journal where the engine goes on.
    ///
    /// # Errors
    /// As for [`Reader::next`].
    pub fn reader(&self, open: &dyn Fn(u64) -> Result<Reader, JournalError>) -> Result<Reader, JournalError> {
        Self::reader_behind(self.mark.as_ref(), open)
    }

    pub(crate) fn reader_behind(
        mark: Option<&Mark>,
        open: &dyn Fn(u64) -> Result<Reader, JournalError>,
    ) -> Result<Reader, JournalError> {
        let Some(mark) = mark else { return open(0) };
        let mut reader = open(mark.segment)?;
        mark.reach(&mut reader)?;
        Ok(reader)
    }
}

/// Whether a snapshot's mark is a place of this journal, and of an engine with these settings.
fn fits(
    snapshot: &Snapshot,
    open: &dyn Fn(u64) -> Result<Reader, JournalError>,
    config: EngineConfig,
) -> Result<(), PassedOver> {
    let head = &snapshot.head;
    let foreign = |what: String| Err(PassedOver::Foreign(what));
    if head.state_version != STATE_VERSION {
        let version = head.state_version;
        return foreign(format!("its state is of layout {version}; this build reads layout {STATE_VERSION}"));
    }
    if head.identity.settings != config.words() {
        return foreign("its state is of an engine with other settings".to_owned());
    }
    let mut reader = open(head.mark.segment).map_err(|_| PassedOver::Unfit)?;
    let found = *reader.identity();
    if (found.firm, found.shard) != (head.identity.firm, head.identity.shard) {
        let Identity { firm, shard, .. } = head.identity;
        return foreign(format!(
            "it is of firm {firm}, shard {shard}; the journal is of firm {}, shard {}",
            found.firm, found.shard
        ));
    }
    if found.reference_hash != head.identity.reference_hash {
        return foreign("its reference data is not the journal's".to_owned());
    }
    match head.mark.reach(&mut reader) {
        Ok(true) if found == head.identity => Ok(()),
        Ok(_) | Err(_) => Err(PassedOver::Unfit),
    }
}

fn restore(
    config: EngineConfig,
    host: Box<dyn Host>,
    snapshot: &Snapshot,
    marks: &Marks,
) -> Result<Engine, (Box<dyn Host>, PassedOver)> {
    let head = &snapshot.head;
    match Engine::restore(config, host, &snapshot.state) {
        Ok(mut engine) if (engine.input(), engine.state_hash()) == (head.mark.sequence, head.state_hash) => {
            match marks.give(&mut engine) {
                Ok(()) => Ok(engine),
                Err(late) => Err((engine.into_host(), PassedOver::Foreign(late.to_string()))),
            }
        }
        Ok(engine) => Err((
            engine.into_host(),
            PassedOver::Foreign("its state is of another input than its head says".to_owned()),
        )),
        Err(unrestored) => Err((unrestored.host, PassedOver::Foreign(unrestored.error.to_string()))),
    }
}

/// Why a shadow cannot go on.
#[derive(Debug)]
pub enum ShadowError {
    /// The journal cannot be followed.
    Journal(JournalError),
    /// The engine had another rolling hash at this input: nothing that is folded here is written any more.
    Diverged {
        /// The input.
        input: u64,
        /// The engine's.
        theirs: u64,
        /// The shadow's.
        ours: u64,
    },
}

impl std::fmt::Display for ShadowError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Journal(error) => error.fmt(formatter),
            Self::Diverged { input, theirs, ours } => write!(
                formatter,
                "at input {input} the engine has state hash {theirs:016x} and its shadow {ours:016x}; no snapshot is made"
            ),
        }
    }
}

impl std::error::Error for ShadowError {}

impl From<JournalError> for ShadowError {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

/// Folds an engine's journal beside it, for snapshots that the engine has no time for.
pub struct Shadow {
    engine: Engine,
    follower: Follower,
    /// What the engine said of itself last and is compared here: input and rolling hash.
    due: Option<(u64, u64)>,
    /// How often that was equal.
    compared: u64,
}

impl Shadow {
    /// Begins to follow the journal in a directory, from its newest snapshot where there is one; `None` while nothing was written.
    ///
    /// # Errors
    /// When the journal cannot be read, or is not an engine's of this build.
    pub fn open(directory: &Path, host: Box<dyn Host>) -> Result<Option<Self>, crate::ReplayError> {
        let Some(identity) = Follower::identity_in(directory)? else { return Ok(None) };
        let words = identity.settings;
        let config = EngineConfig::from_words(&words).ok_or(crate::ReplayError::Settings)?;
        let started = Started::newest_in(directory, config, host).map_err(JournalError::from)?;
        let behind = match &started.mark {
            Some(mark) => Follower::open_behind(directory, mark)?,
            None => None,
        };
        let Some(follower) = behind.map_or_else(|| Follower::open(directory), |follower| Ok(Some(follower)))? else {
            return Ok(None);
        };
        Ok(Some(Self { engine: started.engine, follower, due: None, compared: 0 }))
    }

    /// Folds what was written since, about a buffer full; how many inputs.
    ///
    /// # Errors
    /// [`ShadowError`] when the journal does not go on, or the engine has done something else.
    pub fn poll(&mut self, out: &mut dyn Outbox) -> Result<usize, ShadowError> {
        let Self { engine, follower, due, compared } = self;
        let mut diverged = None;
        let taken = follower.poll(&mut |stamp: Stamp, record: &[u8]| {
            engine.apply(stamp, record, out);
            if let Some((input, theirs)) = due.take_if(|(input, _)| *input <= stamp.sequence) {
                let ours = engine.state_hash();
                if theirs != ours {
                    diverged = Some(ShadowError::Diverged { input, theirs, ours });
                }
                *compared += 1;
            }
        })?;
        match diverged {
            Some(diverged) => Err(diverged),
            None => Ok(taken),
        }
    }

    /// The engine has this rolling hash after this input: it is compared here, now or when the input is reached. What lies behind is
    /// left out.
    ///
    /// # Errors
    /// [`ShadowError::Diverged`] when it is not the same.
    pub fn expect(&mut self, input: u64, theirs: u64) -> Result<(), ShadowError> {
        let ours = self.engine.state_hash();
        if input > self.engine.input() {
            self.due.get_or_insert((input, theirs));
        } else if input == self.engine.input() {
            self.compared += 1;
            if theirs != ours {
                return Err(ShadowError::Diverged { input, theirs, ours });
            }
        }
        Ok(())
    }

    /// The engine as it is here.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// How often its hash was compared with the engine's and equal.
    pub fn compared(&self) -> u64 {
        self.compared
    }

    /// The state behind the last input; `None` before the first.
    pub fn snapshot(&self) -> Option<Snapshot> {
        let mark = self.follower.mark()?;
        let state = self.engine.save();
        Some(Snapshot::new(*self.follower.identity(), mark, self.engine.state_hash(), STATE_VERSION, state))
    }
}

/// What is wrong with each snapshot beside a journal: its name and a sentence; `None`: it is whole and can be gone on from by an
/// engine that has its strategies' code.
///
/// # Errors
/// When the directory cannot be listed.
pub fn verify_snapshots(directory: &Path) -> std::io::Result<Vec<(String, Option<String>)>> {
    let storage = tiles::RealStorage::new(directory)?;
    let open = |segment: u64| Reader::open_at(directory, segment);
    let check = |sequence: u64| {
        let snapshot = Snapshot::load(&storage, sequence).map_err(PassedOver::Damaged)?;
        let config = EngineConfig::from_words(&snapshot.head.identity.settings);
        let config =
            config.ok_or(PassedOver::Foreign("its settings are not those of an engine of this build".to_owned()))?;
        fits(&snapshot, &open, config)
    };
    let told = |sequence: u64| (snapshot_name(sequence), check(sequence).err().map(|reason| reason.to_string()));
    Ok(snapshots(&storage)?.into_iter().map(told).collect())
}
