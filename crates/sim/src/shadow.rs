//! What a shadow would have left beside an engine's journal: a snapshot of the state behind some input of it.
//!
//! Invariant: it follows from the journal and the chance alone. An engine that starts with it does what it would do without.

use engine::{Engine, EngineConfig, Host, NoOutbox, STATE_VERSION};
use journal::{Mark, Reader, Snapshot};
use tiles::Storage;

use crate::random::Random;

/// Leaves a snapshot of an input that chance takes; its sequence. `None`: there is no journal, it is damaged, or there is no room.
pub fn leave_snapshot(
    storage: &dyn Storage,
    segment_bytes: usize,
    config: EngineConfig,
    host: Box<dyn Host>,
    chance: &mut Random,
) -> Option<u64> {
    let summary = Reader::from_storage(storage, segment_bytes).ok()?.verify().ok()?;
    let due = chance.between(summary.first.sequence, summary.last.sequence);
    let mut engine = Engine::new(config, host);
    let mut reader = Reader::from_storage(storage, segment_bytes).ok()?;
    while let Some((stamp, record)) = reader.next().ok()? {
        engine.apply(stamp, record, &mut NoOutbox);
        if stamp.sequence == due {
            let (segment, offset) = reader.position();
            let mark = Mark { sequence: due, time_ns: stamp.time_ns, segment, offset };
            let identity = *Reader::from_storage_at(storage, segment_bytes, segment).ok()?.identity();
            let snapshot = Snapshot::new(identity, mark, engine.state_hash(), STATE_VERSION, engine.save());
            return snapshot.store(storage, 2).ok().map(|()| due);
        }
    }
    None
}
