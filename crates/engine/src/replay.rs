//! Replay: a journal through the fold, and the comparison with what the live engine recorded.
//!
//! Invariant: a replay uses the journal and the strategies' code alone; equal journals give equal hashes.

use std::path::Path;

use journal::{JournalError, Reader, Summary};

use crate::config::EngineConfig;
use crate::fold::{Engine, Statistics};
use crate::host::Host;
use crate::marks::{self, Marks, MarksError};
use crate::outbox::Outbox;
use crate::start::{PassedOver, Started};
use crate::state_file::{Recorded, STATE_FILE};

/// What a replay found.
#[derive(Clone, Copy, Debug)]
pub struct Replay {
    /// The journal.
    pub summary: Summary,
    /// Rolling hash at its end.
    pub state_hash: u64,
    /// Hash over the whole state at its end.
    pub full_hash: u64,
    /// What the live engine recorded, when it did.
    pub recorded: Option<Recorded>,
    /// The replay's rolling hash at the recorded input.
    pub at_recorded: Option<u64>,
    /// What the fold counted.
    pub statistics: Statistics,
}

impl Replay {
    /// Whether replay and live run agree; `None` when the live run recorded nothing to compare with.
    pub fn agrees(&self) -> Option<bool> {
        let recorded = self.recorded?;
        let whole = self.recorded_full().is_none_or(|full_hash| full_hash == self.full_hash);
        Some(whole && self.at_recorded == Some(recorded.state_hash))
    }

    /// The full hash of the live engine at the journal's end; `None` when it recorded none that this build can compare.
    pub fn recorded_full(&self) -> Option<u64> {
        let recorded = self.recorded?;
        recorded.has_full_hash(self.summary.last.sequence).then_some(recorded.full_hash)
    }
}

/// Why a journal cannot be replayed.
#[derive(Debug)]
pub enum ReplayError {
    /// The journal itself.
    Journal(JournalError),
    /// Its settings are not those of an engine that this build knows.
    Settings,
    /// The file beside the journal with the live engine's hash.
    State,
    /// The snapshot of this input.
    Snapshot(u64, PassedOver),
    /// The marks beside it.
    Marks(MarksError),
}

impl std::fmt::Display for ReplayError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Journal(error) => error.fmt(formatter),
            Self::State => {
                write!(formatter, "{STATE_FILE} beside the journal is damaged; take it away to replay without it")
            }
            Self::Snapshot(sequence, reason) => write!(formatter, "{}: {reason}", journal::snapshot_name(*sequence)),
            Self::Marks(error) => error.fmt(formatter),
            Self::Settings => formatter.write_str("journal: its settings are not those of an engine of this build"),
        }
    }
}

impl std::error::Error for ReplayError {}

impl From<JournalError> for ReplayError {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

/// Folds the journal in a directory. `seen` is given each input and the engine after it. Calls that are marked, beside the journal
/// or in it, are not made.
///
/// # Errors
/// [`ReplayError`] when the journal is damaged, not an engine's, or its begin was taken away; or when marks are damaged, or another
/// journal's.
pub fn replay(
    directory: &Path,
    host: Box<dyn Host>,
    out: &mut dyn Outbox,
    seen: &mut dyn FnMut(&[u8], &Engine),
) -> Result<Replay, ReplayError> {
    let recorded = recorded(directory)?;
    let mut reader = Reader::open_whole(directory)?;
    let config = EngineConfig::from_words(&reader.identity().settings).ok_or(ReplayError::Settings)?;
    let mut engine = Engine::new(config, host);
    let mut marks = Marks::in_directory(directory).map_err(ReplayError::Marks)?;
    marks.add_journaled(&mut Reader::open_whole(directory)?)?;
    marks.give(&mut engine).map_err(ReplayError::Marks)?;
    fold(&mut reader, engine, recorded, out, seen)
}

/// As [`replay`], from the snapshot of this input on.
///
/// # Errors
/// As for [`replay`]; [`ReplayError::Snapshot`] when there is none that can be gone on from.
pub fn replay_from(
    directory: &Path,
    sequence: u64,
    host: Box<dyn Host>,
    out: &mut dyn Outbox,
    seen: &mut dyn FnMut(&[u8], &Engine),
) -> Result<Replay, ReplayError> {
    let recorded = recorded(directory)?;
    let open = |segment: u64| Reader::open_at(directory, segment);
    let words = Reader::open(directory)?.identity().settings;
    let config = EngineConfig::from_words(&words).ok_or(ReplayError::Settings)?;
    let started =
        Started::at(directory, sequence, config, host).map_err(|reason| ReplayError::Snapshot(sequence, reason))?;
    let mut reader = started.reader(&open)?;
    fold(&mut reader, started.engine, recorded, out, seen)
}

/// What the live engine recorded beside its journal; `None` when it wrote nothing yet.
///
/// # Errors
/// [`ReplayError::State`] when the file is there and says nothing that an engine writes.
pub fn recorded(directory: &Path) -> Result<Option<Recorded>, ReplayError> {
    match std::fs::read_to_string(directory.join(STATE_FILE)) {
        Ok(text) if text.trim_matches(['\0', ' ', '\n']).is_empty() => Ok(None),
        Ok(text) => Recorded::read(&text).map(Some).ok_or(ReplayError::State),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => Err(ReplayError::State),
        Err(error) => Err(ReplayError::Journal(error.into())),
    }
}

/// As [`replay`], from a reader.
///
/// # Errors
/// As for [`replay`].
pub fn replay_reader(
    reader: &mut Reader,
    recorded: Option<Recorded>,
    host: Box<dyn Host>,
    out: &mut dyn Outbox,
    seen: &mut dyn FnMut(&[u8], &Engine),
) -> Result<Replay, ReplayError> {
    let config = EngineConfig::from_words(&reader.identity().settings).ok_or(ReplayError::Settings)?;
    fold(reader, Engine::new(config, host), recorded, out, seen)
}

fn fold(
    reader: &mut Reader,
    mut engine: Engine,
    recorded: Option<Recorded>,
    out: &mut dyn Outbox,
    seen: &mut dyn FnMut(&[u8], &Engine),
) -> Result<Replay, ReplayError> {
    // What the live engine recorded before the snapshot cannot be compared.
    let recorded = recorded.filter(|recorded| recorded.input >= engine.input());
    let mut at_recorded = recorded.filter(|recorded| recorded.input == engine.input()).map(|_| engine.state_hash());
    while let Some((stamp, record)) = reader.next()? {
        engine.apply(stamp, record, out);
        seen(record, &engine);
        if recorded.is_some_and(|recorded| recorded.input == stamp.sequence) {
            at_recorded = Some(engine.state_hash());
        }
    }
    if let Some(mark) = engine.marks_refused().next() {
        return Err(ReplayError::Marks(marks::refusal(mark)));
    }
    Ok(Replay {
        summary: reader.summary(),
        state_hash: engine.state_hash(),
        full_hash: engine.full_hash(),
        recorded,
        at_recorded,
        statistics: engine.statistics(),
    })
}
