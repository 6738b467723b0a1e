//! The tree's nodes.
//!
//! Invariant: a parent's level is above its child's and exists before it, so that a path to the firm always ends.

use records::{Node, NodeLevel, StateError, StateReader, StateValue, StateWriter};

use crate::types::{Outcome, Refused};

/// Levels of the tree; a path has at most one node of each.
pub(crate) const LEVELS: usize = 5;

/// A list of at most `N` numbers, in place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct List<const N: usize> {
    items: [u32; N],
    len: u32,
}

impl<const N: usize> StateValue for List<N> {
    fn put(&self, out: &mut StateWriter) {
        let Self { items, len } = self;
        items.put(out);
        len.put(out);
    }

    fn take(from: &mut StateReader<'_>) -> Result<Self, StateError> {
        Ok(Self { items: StateValue::take(from)?, len: from.below::<u32>(N + 1)? })
    }
}

impl<const N: usize> List<N> {
    pub const EMPTY: Self = Self { items: [0; N], len: 0 };

    #[must_use]
    pub fn push(&mut self, item: u32) -> bool {
        let at = self.len as usize;
        if at == N {
            return false;
        }
        self.items[at] = item;
        self.len += 1;
        true
    }

    #[inline]
    pub fn as_slice(&self) -> &[u32] {
        &self.items[..self.len as usize]
    }
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    parent: u32,
    level: NodeLevel,
}

records::state_value!(Entry { parent, level });

#[derive(Debug)]
pub(crate) struct Nodes {
    /// By id; index 0 is unused.
    entries: Box<[Option<Entry>]>,
}

records::state!(Nodes { entries });

impl Nodes {
    pub fn new(nodes_max: usize) -> Self {
        Self { entries: vec![None; nodes_max + 1].into_boxed_slice() }
    }

    pub fn apply(&mut self, record: &Node) -> Outcome {
        let Some(level) = NodeLevel::from_code(record.level) else {
            return Outcome::Refused(Refused::Code);
        };
        let parent_level = self.level(record.parent);
        let placed = match parent_level {
            Some(parent) => parent < level,
            None => record.parent == 0 && level == NodeLevel::Firm,
        };
        if record.node == 0 || !placed {
            return Outcome::Refused(Refused::Node);
        }
        let Some(entry) = self.entries.get_mut(record.node as usize) else {
            return Outcome::Refused(Refused::Capacity);
        };
        match entry {
            Some(known) if (known.parent, known.level) != (record.parent, level) => Outcome::Refused(Refused::Node),
            _ => {
                *entry = Some(Entry { parent: record.parent, level });
                Outcome::Applied
            }
        }
    }

    pub fn level(&self, node: u32) -> Option<NodeLevel> {
        self.entries.get(node as usize).copied().flatten().map(|entry| entry.level)
    }

    /// From the account up to the firm; `None` unless `account` is an account.
    pub fn path(&self, account: u32) -> Option<List<LEVELS>> {
        if self.level(account)? != NodeLevel::Account {
            return None;
        }
        let mut path = List::EMPTY;
        let mut node = account;
        while let Some(entry) = self.entries.get(node as usize).copied().flatten() {
            assert!(path.push(node), "a path longer than the levels");
            node = entry.parent;
        }
        Some(path)
    }

    /// The firm's node alone, for what belongs to no account; `None` before the firm is there.
    pub fn firm_path(&self) -> Option<List<LEVELS>> {
        let is_firm = |entry: &Option<Entry>| entry.is_some_and(|entry| entry.level == NodeLevel::Firm);
        let mut path = List::EMPTY;
        let firm = self.entries.iter().position(is_firm)?;
        path.push(u32::try_from(firm).ok()?).then_some(path)
    }

    /// The node of a level on a path, 0: none.
    pub fn at_level(&self, path: &[u32], level: NodeLevel) -> u32 {
        path.iter().copied().find(|node| self.level(*node) == Some(level)).unwrap_or(0)
    }
}
