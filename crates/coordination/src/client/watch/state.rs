//! What a watch knows, without I/O: which changes are new, what the keys should be, whether a store is still the same one.
//!
//! Invariant: `position.revision` only rises within one store and generation; a change at or below it was delivered.

use std::collections::BTreeMap;

use super::super::types::KeyValue;
use super::{Change, Position, Reason};

/// Where a watch stands and what it delivered.
#[derive(Debug, Default)]
pub(super) struct State {
    pub position: Option<Position>,
    /// Each key with the revision of its last change, as delivered; none until a full set was.
    pub delivered: Option<BTreeMap<Vec<u8>, i64>>,
}

impl State {
    /// Why the full set is needed before the watch can go on with a store that now says this; none: it can go on.
    pub fn resync_reason(&self, cluster_id: u64, generation: i64, revision: i64) -> Option<Reason> {
        let Some(position) = self.position else { return Some(Reason::Start) };
        if position.cluster_id != cluster_id || revision < position.revision {
            Some(Reason::Replaced)
        } else if position.generation != generation {
            Some(Reason::Generation)
        } else {
            None
        }
    }

    /// Begins anew with a full set.
    pub fn reset(&mut self, position: Position, key_values: &[KeyValue]) {
        self.position = Some(position);
        self.delivered = Some(key_values.iter().map(|one| (one.key.clone(), one.mod_revision)).collect());
    }

    /// The changes that were not delivered before, and how many were.
    pub fn admit(&mut self, changes: Vec<Change>) -> (Vec<Change>, u64) {
        let Some(position) = &mut self.position else { return (Vec::new(), changes.len() as u64) };
        let before = changes.len();
        let from = position.revision;
        let fresh: Vec<Change> = changes.into_iter().filter(|one| one.key_value.mod_revision > from).collect();
        let repeated = (before - fresh.len()) as u64;
        for change in &fresh {
            position.revision = position.revision.max(change.key_value.mod_revision);
            if let Some(delivered) = &mut self.delivered {
                if change.deleted {
                    delivered.remove(&change.key_value.key);
                } else {
                    delivered.insert(change.key_value.key.clone(), change.key_value.mod_revision);
                }
            }
        }
        (fresh, repeated)
    }

    /// The store says that everything up to `revision` was delivered.
    pub fn progress(&mut self, revision: i64) {
        if let Some(position) = &mut self.position {
            position.revision = position.revision.max(revision);
        }
    }

    /// Whether the keys as read at the position are the ones delivered; true as long as nothing is known.
    pub fn agrees(&self, read: &[KeyValue]) -> bool {
        let Some(delivered) = &self.delivered else { return true };
        delivered.len() == read.len() && read.iter().all(|one| delivered.get(&one.key) == Some(&one.mod_revision))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(key: &str, revision: i64, deleted: bool) -> Change {
        let key_value = KeyValue {
            key: key.into(),
            value: Vec::new(),
            create_revision: 1,
            mod_revision: revision,
            version: 1,
            lease: 0,
        };
        Change { deleted, key_value }
    }

    fn at(revision: i64) -> State {
        let mut state = State::default();
        state.reset(Position { cluster_id: 7, generation: 2, revision }, &[]);
        state
    }

    #[test]
    fn repeated_changes_are_left_out_and_counted() {
        let mut state = at(10);
        let (fresh, repeated) =
            state.admit(vec![change("a", 9, false), change("a", 10, false), change("a", 11, false)]);
        assert_eq!((fresh.len(), repeated), (1, 2));
        let (fresh, repeated) = state.admit(vec![change("a", 11, false)]);
        assert_eq!((fresh.len(), repeated), (0, 1));
    }

    #[test]
    fn changes_of_one_revision_are_all_kept() {
        let mut state = at(10);
        assert_eq!(state.admit(vec![change("a", 11, false), change("b", 11, false)]).0.len(), 2);
    }

    #[test]
    fn another_store_or_an_earlier_state_or_generation_asks_for_the_full_set() {
        let state = at(10);
        assert_eq!(state.resync_reason(7, 2, 10), None);
        assert_eq!(state.resync_reason(7, 2, 12), None);
        assert_eq!(state.resync_reason(7, 2, 9), Some(Reason::Replaced));
        assert_eq!(state.resync_reason(8, 2, 12), Some(Reason::Replaced));
        assert_eq!(state.resync_reason(7, 3, 12), Some(Reason::Generation));
        assert_eq!(State::default().resync_reason(7, 0, 1), Some(Reason::Start));
    }

    #[test]
    fn a_missed_delete_or_change_is_found_by_comparison() {
        let mut state = at(10);
        state.admit(vec![change("a", 11, false), change("b", 12, false)]);
        let keys =
            |pairs: &[(&str, i64)]| pairs.iter().map(|(k, r)| change(k, *r, false).key_value).collect::<Vec<_>>();
        assert!(state.agrees(&keys(&[("a", 11), ("b", 12)])));
        assert!(!state.agrees(&keys(&[("a", 11)])), "b's deletion was missed");
        assert!(!state.agrees(&keys(&[("a", 11), ("b", 13)])), "b's change was missed");
        assert!(!state.agrees(&keys(&[("a", 11), ("b", 12), ("c", 12)])), "c was missed");
        state.admit(vec![change("b", 14, true)]);
        assert!(state.agrees(&keys(&[("a", 11)])));
    }

    #[test]
    fn progress_never_goes_back() {
        let mut state = at(10);
        state.progress(15);
        state.progress(12);
        assert_eq!(state.position.map(|position| position.revision), Some(15));
    }
}
