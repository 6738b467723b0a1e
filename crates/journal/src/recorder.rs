//! The recorder tile: keeps what comes over its links, for those who look at a run or report on it.
//!
//! Invariant: records are kept in the order of arrival of each link. What finds no room is counted, never waited for: who
//! records must not hold up who trades.

use std::rc::Rc;

use links::{Counter, Subscription};
use records::{RECORD_BYTES_MAX, Stamp};
use tiles::{Context, Ends, StartError, Storage, Tile, TileKind, TileSpec};

use crate::{Identity, JournalConfig, Writer};

/// Records taken from one link in one cycle at most.
const RECORDS_A_CYCLE: usize = 256;
const SEGMENT_BYTES: usize = 4 << 20;

/// The tile.
pub struct RecorderTile {
    name: String,
    storage: Rc<dyn Storage>,
    links: Vec<Box<dyn Subscription>>,
    journal: Option<Writer>,
    next: u64,
    recorded: Counter,
    dropped: Counter,
}

/// The kind `recorder` of topology files: two segments on disk.
pub const RECORDER: TileKind =
    TileKind { check: check_recorder, disk_bytes: |_| 2 * SEGMENT_BYTES as u64, make: make_recorder };

/// What is wrong with a recorder's settings.
fn check_recorder(spec: &TileSpec, _: &Ends) -> Vec<String> {
    spec.unknown_settings()
}

/// Makes a recorder of every link that leads to it: the kind `recorder` of topology files. It takes no settings.
///
/// # Errors
/// When it is given settings.
fn make_recorder(spec: &TileSpec, mut context: Context) -> Result<Box<dyn Tile>, StartError> {
    let errors = check_recorder(spec, &Ends::default());
    if !errors.is_empty() {
        return Err(StartError(errors.join("\n")));
    }
    Ok(Box::new(RecorderTile {
        name: spec.name.clone(),
        storage: context.storage.clone(),
        links: std::mem::take(&mut context.subscriptions).into_values().collect(),
        journal: None,
        next: 1,
        recorded: context.counters.counter("recorder.records"),
        dropped: context.counters.counter("recorder.records_dropped"),
    }))
}

impl Tile for RecorderTile {
    fn name(&self) -> &str {
        &self.name
    }

    fn on_start(&mut self, _now_ns: u64) -> Result<(), StartError> {
        let next = crate::resume(&*self.storage, SEGMENT_BYTES, &mut |_, _| {})
            .map_err(|error| StartError(format!("tile {}: {error}", self.name)))?;
        let config = JournalConfig { segment_bytes: SEGMENT_BYTES, next, ..JournalConfig::new(Identity::default()) };
        self.next = next.1;
        self.journal = Some(Writer::create(self.storage.clone(), config)?);
        Ok(())
    }

    fn do_work(&mut self, now_ns: u64) -> usize {
        let Some(journal) = &mut self.journal else { return 0 };
        let mut work = 0;
        for link in &mut self.links {
            work += link.poll(RECORDS_A_CYCLE, &mut |record| {
                let stamp = Stamp { sequence: self.next, time_ns: now_ns };
                if record.len() <= RECORD_BYTES_MAX && journal.append(stamp, record).is_ok() {
                    self.next += 1;
                    self.recorded.add(1);
                } else {
                    self.dropped.add(1);
                }
            });
        }
        // A segment that cannot be prepared shows as dropped records when it is needed.
        let _prepared = journal.prepare();
        work
    }

    fn on_close(&mut self, now_ns: u64) {
        self.do_work(now_ns);
        if let Some(journal) = &mut self.journal {
            let _best_effort = journal.close();
        }
    }
}
