//! Marks of calls that are not made again, as a tile finds them at its start, hears of them, and has them journaled.
//!
//! Invariant: a life begins with all marks beside its journal, or not at all.

use records::bytes_of;
use tiles::StartError;

use super::EngineTile;
use crate::marks::{self, Marks, MarksError};

impl EngineTile {
    /// Gives the engine, which stands before the rest of its journal, the marks that lie beside it.
    pub(super) fn give_marks(&mut self) -> Result<(), StartError> {
        let given = Marks::in_storage(self.storage.as_ref()).and_then(|marks| marks.give(&mut self.engine));
        given.map_err(|error| self.refused_marks(&error))
    }

    /// Whether those for inputs of the journal were all of this journal.
    pub(super) fn check_marks(&self) -> Result<(), StartError> {
        let refused = self.engine.marks_refused().next();
        refused.map_or(Ok(()), |mark| Err(self.refused_marks(&marks::refusal(mark))))
    }

    fn refused_marks(&self, error: &MarksError) -> StartError {
        StartError(format!("{}: {error}", self.config.name))
    }

    /// From now on the journal tells of them, too.
    pub(super) fn journal_marks(&mut self, now_ns: u64) {
        let marks: Vec<_> = self.engine.marks_to_journal().copied().collect();
        for mark in marks {
            self.take(now_ns, bytes_of(&mark));
        }
    }
}
