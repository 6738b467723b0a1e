//! The inbox tile: control records from files, for the commands that a person gives on the engine's own host.
//!
//! A command writes a file of [`MESSAGE_BYTES`] under another name and renames it to `*.control`; whoever may write in the
//! directory may command, nobody else. The file holds a length (8 bytes, little endian) and that many bytes of records.
//!
//! Invariant: a file is taken whole or not at all, once, in the order of names; what is no control record is counted and
//! taken away. The answer is the engine's `Applied` output with the request's number.

use std::rc::Rc;

use links::{Counter, Offer, Publication};
use records::{Header, Kind, RECORD_BYTES_MAX, read_from};
use tiles::{Context, Ends, StartError, Storage, Tile, TileKind, TileSpec};

/// Size of a message's file.
pub const MESSAGE_BYTES: usize = 4_096;
/// Ending of a message's name.
const ENDING: &str = ".control";
/// Between two looks.
const LOOK_NS: u64 = 20_000_000;

/// The tile.
pub struct InboxTile {
    name: String,
    storage: Rc<dyn Storage>,
    link: Box<dyn Publication>,
    due_ns: u64,
    taken: Counter,
    refused: Counter,
}

/// The kind `inbox` of topology files.
pub const INBOX: TileKind = TileKind { check: check_inbox, disk_bytes: |_| 0, make: make_inbox };

/// What is wrong with an inbox: settings, or not exactly one link to produce.
fn check_inbox(spec: &TileSpec, ends: &Ends) -> Vec<String> {
    let mut errors = spec.unknown_settings();
    let links = ends.publications.len();
    if links != 1 {
        errors.push(format!("tiles.{}: produces {links} links; an inbox produces one", spec.name));
    }
    errors
}

/// Makes an inbox that feeds its one link: the kind `inbox` of topology files. It takes no settings.
///
/// # Errors
/// When it is given settings, or not exactly one link.
fn make_inbox(spec: &TileSpec, mut context: Context) -> Result<Box<dyn Tile>, StartError> {
    let publications: Vec<String> = context.publications.keys().cloned().collect();
    let errors = check_inbox(spec, &Ends { publications, ..Ends::default() });
    let Some((_, link)) = context.publications.pop_first().filter(|_| errors.is_empty()) else {
        return Err(StartError(errors.join("\n")));
    };
    Ok(Box::new(InboxTile {
        name: spec.name.clone(),
        storage: context.storage.clone(),
        link,
        due_ns: 0,
        taken: context.counters.counter("inbox.messages"),
        refused: context.counters.counter("inbox.messages_refused"),
    }))
}

impl InboxTile {
    /// Whether the message is done with: published whole, or refused.
    fn take(&mut self, name: &str) -> bool {
        let Ok(segment) = self.storage.open(name, MESSAGE_BYTES) else {
            self.refused.add(1);
            return true;
        };
        let Some(records) = controls(segment.bytes()) else {
            self.refused.add(1);
            return true;
        };
        if !self.link.has_room(records.len()) {
            return false; // The engine is behind: next time.
        }
        let sent = records.iter().filter(|record| self.link.offer(record) == Offer::Sent).count();
        self.taken.add(1);
        if sent < records.len() {
            self.refused.add(1);
        }
        true
    }
}

/// The control records of a message; `None` when it holds anything else.
fn controls(message: &[u8]) -> Option<Vec<&[u8]>> {
    let length = usize::try_from(u64::from_le_bytes(*message.first_chunk::<8>()?)).ok()?;
    let mut rest = message.get(8..8_usize.checked_add(length)?)?;
    let mut records = Vec::new();
    while !rest.is_empty() {
        records::parse(rest).ok()?;
        let header: Header = read_from(rest)?;
        let allowed = matches!(
            header.kind()?,
            Kind::StrategyControl
                | Kind::Parameter
                | Kind::Kill
                | Kind::LimitSet
                | Kind::DayRoll
                | Kind::SnapshotMark
                | Kind::SessionReset
                | Kind::KeptState
        );
        let length = usize::from(header.length);
        if !allowed || length > RECORD_BYTES_MAX {
            return None;
        }
        let (record, after) = rest.split_at_checked(length)?;
        records.push(record);
        rest = after;
    }
    (!records.is_empty()).then_some(records)
}

impl Tile for InboxTile {
    fn name(&self) -> &str {
        &self.name
    }

    fn on_start(&mut self, _now_ns: u64) -> Result<(), StartError> {
        self.storage.list()?;
        Ok(())
    }

    fn do_work(&mut self, now_ns: u64) -> usize {
        if now_ns < self.due_ns {
            return 0;
        }
        self.due_ns = now_ns + LOOK_NS;
        let Ok(names) = self.storage.list() else { return 0 };
        let mut work = 0;
        for name in names.iter().filter(|name| name.ends_with(ENDING)) {
            if !self.take(name) {
                break;
            }
            work += 1;
            if self.storage.remove(name).is_err() {
                self.refused.add(1);
                break;
            }
        }
        work
    }

    fn on_close(&mut self, _now_ns: u64) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use records::{NewOrder, SessionReset, StrategyControl, bytes_of};

    fn message(records: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; MESSAGE_BYTES];
        bytes[..8].copy_from_slice(&(records.len() as u64).to_le_bytes());
        bytes[8..8 + records.len()].copy_from_slice(records);
        bytes
    }

    #[test]
    fn only_whole_control_records_are_taken() {
        let control = StrategyControl::new();
        let good = [bytes_of(&control), bytes_of(&control)].concat();
        assert_eq!(controls(&message(&good)).map(|records| records.len()), Some(2));
        assert_eq!(controls(&message(&good[..good.len() - 1])), None);
        assert!(controls(&message(bytes_of(&SessionReset::new()))).is_some());
        assert_eq!(controls(&message(bytes_of(&NewOrder::new()))), None);
        assert_eq!(controls(&message(&[])), None);
        let mut long = message(&good);
        long[..8].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(controls(&long), None);
        assert_eq!(controls(&[1, 2]), None);
    }
}
