//! Quarantine: a call that ended or hung the process once is not made again, and where the engine says which call it is at.
//!
//! A mark names a call: slot, input, and which call of that input's pass. At that call the slot fails, as any failed slot, with status
//! Quarantined; so everything before the call, commands that have left among it, is folded as it was.
//!
//! Invariant: marks are facts about inputs. Engines that have them before the input, standby, replay or a new life, agree behind it;
//! one that is past it without having known does not take the mark.

use links::{Counter, Counters};
use records::{
    CallStatus, Callback, Quarantine, Reason, Slot, SlotRun, StateError, StateReader, StateValue, StateWriter,
};

use super::Engine;
use super::control::{APPLIED, REFUSED};
use crate::marks::{MARKS_MAX, is_same};
use crate::outbox::Outbox;

/// Begins what a state says of quarantine; a state of an engine that never had any ends before it.
const TAG: u64 = u64::from_le_bytes(*b"QUARANT1");

/// Where an engine tells, for whoever finds its process ended, which call it is at.
#[derive(Clone, Debug)]
pub struct Inside {
    /// Slot, callback, call of the pass, slot's version: 8, 8, 16 and 32 bits from the lowest; 0: at none.
    pub call: Counter,
    /// Its input.
    pub input: Counter,
    /// The first eight bytes of the code's hash, little-endian.
    pub code: Counter,
}

impl Inside {
    /// Beside a tile's other counters.
    pub fn new(counters: &Counters) -> Self {
        let [call, input, code] = ["inside_call", "inside_input", "inside_code"].map(|name| counters.counter(name));
        Self { call, input, code }
    }

    /// Before a call, which is the so-and-so-manieth of its pass.
    #[inline(always)]
    pub fn enter(&self, input: u64, record: &Slot, callback: Callback, call: u64) {
        self.input.set(input);
        self.code.set(code_of(record));
        let about = u64::from(record.slot) | u64::from(callback as u8) << 8 | call.min(u64::from(u16::MAX)) << 16;
        self.call.set(about | u64::from(record.slot_version) << 32);
    }

    /// Behind it.
    #[inline(always)]
    pub fn leave(&self) {
        self.call.set(0);
    }
}

#[inline(always)]
fn code_of(record: &Slot) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = record.code_hash;
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// What became of a mark that an engine was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkTaken {
    /// It takes effect when its input comes.
    Waits,
    /// It was known, or is in effect already.
    Known,
    /// The engine is past its input without having known it.
    Late,
    /// There is no room for it.
    Full,
}

/// A mark that was in effect at its input.
#[derive(Clone, Copy, Debug)]
struct Honoured {
    input: u64,
    call: u32,
    slot: u8,
    /// The journal tells of it, too.
    journaled: bool,
}

records::state_value!(Honoured { input, call, slot, journaled });

impl Honoured {
    fn is_of(&self, mark: &Quarantine) -> bool {
        (self.input, self.call, self.slot) == (mark.input, mark.call, mark.slot)
    }
}

/// Marks and what came of them.
#[derive(Debug)]
pub(super) struct Marked {
    /// Given from outside: part of no state.
    known: Vec<Quarantine>,
    /// Of these, those of another input, engine or code than the journal has there.
    refused: Vec<Quarantine>,
    honoured: Vec<Honoured>,
    /// Slots in quarantine, by bit.
    slots: u64,
    /// The next input that marks ask to look at; `u64::MAX`: none.
    pub(super) due: u64,
    /// A mark is of this pass.
    pub(super) armed: bool,
    /// Calls before this pass.
    pub(super) calls_before: u64,
}

impl Default for Marked {
    fn default() -> Self {
        Self {
            known: Vec::with_capacity(MARKS_MAX),
            refused: Vec::with_capacity(MARKS_MAX),
            honoured: Vec::with_capacity(MARKS_MAX),
            slots: 0,
            due: u64::MAX,
            armed: false,
            calls_before: 0,
        }
    }
}

impl Marked {
    fn honours(&self, mark: &Quarantine) -> bool {
        self.honoured.iter().any(|one| one.is_of(mark))
    }

    fn waits(&self, mark: &Quarantine) -> bool {
        !self.honours(mark) && !self.refused.iter().any(|one| is_same(one, mark))
    }

    fn look_ahead(&mut self) {
        let waiting = self.known.iter().filter(|mark| self.waits(mark)).map(|mark| mark.input);
        self.due = waiting.min().unwrap_or(u64::MAX);
    }

    fn honour(&mut self, mark: &Quarantine, journaled: bool) {
        if self.honoured.len() == MARKS_MAX {
            self.honoured.remove(0);
        }
        self.honoured.push(Honoured { input: mark.input, call: mark.call, slot: mark.slot, journaled });
        self.slots |= 1 << mark.slot;
    }

    pub(super) fn save(&self, out: &mut StateWriter) {
        if !self.honoured.is_empty() {
            (TAG, self.slots).put(out);
            out.list(self.honoured.iter());
        }
    }

    pub(super) fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        if !from.of("Engine.quarantine").begins_with(&TAG.to_le_bytes()) {
            return Ok(());
        }
        let (_, slots) = <(u64, u64)>::take(from)?;
        self.slots = slots;
        let honoured = &mut self.honoured;
        from.list(MARKS_MAX, |one| honoured.push(one))?;
        if self.honoured.is_empty() {
            return Err(from.wrong("no marks; allowed is one at least where any are told".to_owned()));
        }
        Ok(())
    }
}

impl Engine {
    /// Says from now on which call it is at.
    pub fn tell_calls(&mut self, inside: Inside) {
        self.inside = Some(inside);
    }

    /// Takes a mark for an input that is to come.
    pub fn expect_mark(&mut self, mark: &Quarantine) -> MarkTaken {
        let marked = &mut self.marked;
        if marked.known.iter().any(|known| is_same(known, mark)) {
            return MarkTaken::Known;
        }
        let honoured = marked.honours(mark);
        if mark.input <= self.input && !honoured {
            return MarkTaken::Late;
        }
        if marked.known.len() == MARKS_MAX {
            return MarkTaken::Full;
        }
        marked.known.push(*mark);
        marked.look_ahead();
        if honoured { MarkTaken::Known } else { MarkTaken::Waits }
    }

    /// Marks that its journal does not tell of yet.
    pub fn marks_to_journal(&self) -> impl Iterator<Item = &Quarantine> {
        let journaled = |mark: &&Quarantine| self.marked.honoured.iter().any(|one| one.is_of(mark) && one.journaled);
        self.marked.known.iter().filter(move |mark| !journaled(mark))
    }

    /// Marks that name another input, engine or strategy than it has there, and that nothing put in effect since.
    pub fn marks_refused(&self) -> impl Iterator<Item = &Quarantine> {
        self.marked.refused.iter().filter(|mark| !self.marked.honours(mark))
    }

    /// The slots in quarantine, by bit.
    pub fn quarantined(&self) -> u64 {
        self.marked.slots
    }

    /// Whether a slot stays in quarantine when it is loaded with this record: it is the same code in the same version.
    pub(super) fn stays_quarantined(&self, record: &Slot) -> bool {
        let cell = self.slots.get(usize::from(record.slot)).and_then(Option::as_ref);
        let same = cell.is_some_and(|cell| {
            (cell.record.code_hash, cell.record.slot_version) == (record.code_hash, record.slot_version)
        });
        same && self.is_quarantined(record.slot)
    }

    pub(super) fn is_quarantined(&self, slot: u8) -> bool {
        slot < 64 && self.marked.slots & (1 << slot) != 0
    }

    pub(super) fn lift_quarantine(&mut self, slot: u8) {
        self.marked.slots &= !(1_u64.checked_shl(u32::from(slot)).unwrap_or(0));
    }

    /// Before the pass of an input that marks ask to look at.
    #[cold]
    pub(super) fn reach_marks(&mut self, out: &mut dyn Outbox) {
        self.marked.armed = false;
        for at in 0..self.marked.known.len() {
            let mark = self.marked.known[at];
            if mark.input > self.input || !self.marked.waits(&mark) {
                continue;
            }
            let here = mark.input != self.input || mark.input_time_ns == self.time_ns;
            if !here || !self.is_about(&mark) {
                self.marked.refused.push(mark);
            } else if mark.input == self.input {
                self.marked.armed = true;
            } else {
                // The pass went by without that call.
                self.quarantine(&mark, false, out);
            }
        }
        self.marked.look_ahead();
        if self.marked.armed {
            self.marked.due = self.input + 1;
        }
    }

    /// Whether a mark is of this engine, and of the code that its slot has now.
    fn is_about(&self, mark: &Quarantine) -> bool {
        let cell = self.slots.get(usize::from(mark.slot)).and_then(Option::as_ref);
        let ours = (mark.firm, mark.shard) == (self.identity.firm, self.identity.shard);
        let same = |record: &Slot| (code_of(record), record.slot_version) == (mark.code, mark.slot_version);
        ours && cell.is_some_and(|cell| cell.record.origin == 0 && same(&cell.record))
    }

    /// Whether the call that is next is a marked one; then its slot fails instead.
    #[cold]
    pub(super) fn fails_by_mark(&mut self, slot: u8, out: &mut dyn Outbox) -> bool {
        let call = self.statistics.calls - self.marked.calls_before;
        let is_here = |mark: &&Quarantine| {
            let at = (mark.slot, mark.input) == (slot, self.input);
            at && u64::from(mark.call) <= call && self.marked.waits(mark)
        };
        let Some(mark) = self.marked.known.iter().find(is_here).copied() else { return false };
        self.quarantine(&mark, false, out);
        true
    }

    fn quarantine(&mut self, mark: &Quarantine, journaled: bool, out: &mut dyn Outbox) {
        self.marked.honour(mark, journaled);
        self.set_run(mark.slot, SlotRun::Disabled, CallStatus::Quarantined.code(), mark.callback, 0, out);
        self.cancel_slot(mark.slot, Reason::Risk, out);
    }

    /// The journal tells of a mark: behind the input where it took effect, or, where the journal had lost that, here.
    pub(super) fn on_quarantine(&mut self, mark: &Quarantine, out: &mut dyn Outbox) {
        let known = self.marked.honoured.iter_mut().find(|one| one.is_of(mark));
        let outcome = if let Some(known) = known {
            known.journaled = true;
            if self.is_quarantined(mark.slot) {
                // Who listens now did not hear it at its input, and its cancels of then may have left for nobody.
                self.say_slot_stop(mark.slot, mark.callback, out);
                self.cancel_again(mark.slot, out);
            }
            APPLIED
        } else if self.is_about(mark) && mark.call > 0 {
            self.quarantine(mark, true, out);
            APPLIED
        } else {
            REFUSED
        };
        self.marked.look_ahead();
        self.applied(mark, u32::from(mark.slot), (0, 0, 0), outcome, out);
    }
}
