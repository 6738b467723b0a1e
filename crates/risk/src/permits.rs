//! Who may trade what (21): permissions at nodes, and the firm's restricted list of instruments.
//!
//! Invariant: default deny where the firm switched permissions on; what forbids below the firm forbids whatever others
//! allow. An entry changes only by a record newer than the one it has.

use records::{KillNew, NodeLevel, Permission, Restricted};

use crate::limits::{Selector, Subject};
use crate::nodes::Nodes;
use crate::types::{Outcome, Refused};

#[derive(Clone, Copy, Debug)]
struct Entry {
    node: u32,
    selector: Selector,
    allow: bool,
    removed: bool,
    version: (u64, u64),
}

records::state_value!(Entry { node, selector, allow, removed, version });

#[derive(Debug)]
pub(crate) struct Permissions {
    entries: Vec<Entry>,
    permissions_max: usize,
}

records::state!(Permissions { entries } without { permissions_max });

impl Permissions {
    pub fn new(permissions_max: usize) -> Self {
        Self { entries: Vec::with_capacity(permissions_max), permissions_max }
    }

    pub fn apply(&mut self, record: &Permission) -> Outcome {
        let entry = match Self::read(record) {
            Ok(entry) => entry,
            Err(refused) => return Outcome::Refused(refused),
        };
        let same = |known: &&mut Entry| (known.node, known.selector) == (entry.node, entry.selector);
        if let Some(known) = self.entries.iter_mut().find(same) {
            if entry.version <= known.version {
                return Outcome::Older;
            }
            *known = entry;
            return Outcome::Applied;
        }
        if self.entries.len() == self.permissions_max {
            return Outcome::Refused(Refused::Capacity);
        }
        self.entries.push(entry);
        Outcome::Applied
    }

    fn read(record: &Permission) -> Result<Entry, Refused> {
        if record.allow > 1 || record.removed > 1 {
            return Err(Refused::Code);
        }
        Ok(Entry {
            node: record.node,
            selector: Selector::read(record.selector, record.selected, record.venue, record.trader)?,
            allow: record.allow == 1,
            removed: record.removed == 1,
            version: (record.generation, record.revision),
        })
    }

    /// The node that forbids a path, 0: it is permitted.
    pub fn resolve(&self, nodes: &Nodes, path: &[u32], subject: &Subject) -> u32 {
        let (mut switched_on, mut allowed) = (0, false);
        let concerns = |entry: &&Entry| !entry.removed && path.contains(&entry.node) && entry.selector.matches(subject);
        for entry in self.entries.iter().filter(concerns) {
            match (nodes.level(entry.node) == Some(NodeLevel::Firm), entry.allow) {
                (true, false) => switched_on = entry.node,
                (true, true) => {}
                (false, true) => allowed = true,
                (false, false) => return entry.node,
            }
        }
        if allowed { 0 } else { switched_on }
    }

    pub fn words(&self) -> impl Iterator<Item = u64> {
        self.entries.iter().flat_map(|entry| {
            let flags = u64::from(entry.allow) | u64::from(entry.removed) << 1;
            [u64::from(entry.node) << 32 | u64::from(entry.selector.selected), flags, entry.version.0, entry.version.1]
        })
    }

    /// Node, venue, selected and version of every entry.
    pub fn versions(&self) -> impl Iterator<Item = (u32, u16, u32, (u64, u64))> {
        self.entries.iter().map(|one| (one.node, one.selector.venue, one.selector.selected, one.version))
    }
}

/// The restricted list: by instrument, what new orders may do.
#[derive(Debug)]
pub(crate) struct RestrictedList {
    entries: Box<[(KillNew, (u64, u64))]>,
}

records::state!(RestrictedList { entries });

impl RestrictedList {
    pub fn new(instruments_max: usize) -> Self {
        Self { entries: vec![(KillNew::Allow, (0, 0)); instruments_max + 1].into_boxed_slice() }
    }

    pub fn apply(&mut self, record: &Restricted) -> Outcome {
        let Some(new_orders) = KillNew::from_code(record.new_orders) else {
            return Outcome::Refused(Refused::Code);
        };
        let version = (record.generation, record.revision);
        match self.entries.get_mut(record.header.instrument as usize) {
            Some(entry) if record.header.instrument != 0 && version > entry.1 => *entry = (new_orders, version),
            Some(_) if record.header.instrument != 0 => return Outcome::Older,
            _ => return Outcome::Refused(Refused::Instrument),
        }
        Outcome::Applied
    }

    pub fn of(&self, instrument: u32) -> KillNew {
        self.entries[instrument as usize].0
    }

    pub fn words(&self) -> impl Iterator<Item = u64> {
        let listed = (0_u64..).zip(&self.entries).filter(|(_, entry)| entry.1 != (0, 0));
        listed.flat_map(|(at, entry)| [at << 8 | u64::from(entry.0.code()), entry.1.0, entry.1.1])
    }

    /// Instrument and version of every instrument that was ever listed.
    pub fn versions(&self) -> impl Iterator<Item = (u32, (u64, u64))> {
        (0_u32..).zip(&self.entries).filter(|(_, entry)| entry.1 != (0, 0)).map(|(at, entry)| (at, entry.1))
    }
}
