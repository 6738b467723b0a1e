//! Compiled strategies: object code by its hash from a directory, called by address.
//!
//! Invariant: `call` does no allocation, lock or system call; everything is found and laid out in `load`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::{EventRef, Host, Settable, Wants};
use records::{CallStatus, Callback, KeptState, OrdersView, Parameter, Slot, StateError, StateReader, StateWriter};

use crate::library::{Library, LoadError};
use crate::record::SlotRecord;

#[derive(Debug)]
struct Loaded {
    library: Arc<Library>,
    record: SlotRecord,
}

/// Runs object code that `meridian.strategies.build` made.
#[derive(Debug)]
pub struct CompiledHost {
    directory: PathBuf,
    slots: Vec<Option<Loaded>>,
    refused: Option<LoadError>,
}

impl CompiledHost {
    /// A host that finds object code in `directory`.
    pub fn new(directory: &Path) -> Self {
        Self { directory: directory.into(), slots: (0..=u8::MAX).map(|_| None).collect(), refused: None }
    }

    /// Loads an opened object into a slot.
    pub fn load_library(&mut self, slot: u8, library: Arc<Library>) {
        let before = self.slots[usize::from(slot)].as_ref().map(|loaded| &loaded.record);
        let record = library.record(before);
        self.slots[usize::from(slot)] = Some(Loaded { library, record });
    }

    /// Why the last `load` failed.
    pub fn refused(&self) -> Option<&LoadError> {
        self.refused.as_ref()
    }

    /// The slot's record.
    pub fn record(&self, slot: u8) -> Option<&SlotRecord> {
        self.slots[usize::from(slot)].as_ref().map(|loaded| &loaded.record)
    }
}

impl Host for CompiledHost {
    fn load(&mut self, slot: &Slot) -> Result<(), CallStatus> {
        match Library::find(&self.directory, &slot.code_hash) {
            Ok(library) => {
                self.refused = None;
                self.load_library(slot.slot, Arc::new(library));
                Ok(())
            }
            Err(error) => {
                self.slots[usize::from(slot.slot)] = None;
                self.refused = Some(error);
                Err(CallStatus::Raised)
            }
        }
    }

    fn set_parameter(&mut self, parameter: &Parameter) -> Result<(), CallStatus> {
        let loaded = self.slots[usize::from(parameter.slot)].as_mut().ok_or(CallStatus::OutOfBounds)?;
        loaded.record.set(parameter)
    }

    fn settable(&self, parameter: &Parameter) -> Settable {
        self.record(parameter.slot).map_or(Settable::Always, |record| record.settable(parameter))
    }

    fn save(&mut self, slot: u8, say: &mut dyn FnMut(KeptState)) {
        if let Some(loaded) = &mut self.slots[usize::from(slot)] {
            loaded.record.save(say);
        }
    }

    fn restore(&mut self, record: &KeptState) -> Result<(), CallStatus> {
        let loaded = self.slots[usize::from(record.slot)].as_mut().ok_or(CallStatus::OutOfBounds)?;
        loaded.record.restore(record)
    }

    fn reset(&mut self, slot: u8) {
        if let Some(loaded) = &mut self.slots[usize::from(slot)] {
            loaded.record.reset();
        }
    }

    #[inline]
    fn call(&mut self, slot: u8, callback: Callback, event: EventRef<'_>, orders: &mut OrdersView) -> u32 {
        let Some(loaded) = &mut self.slots[usize::from(slot)] else {
            return u32::from(CallStatus::Raised.code());
        };
        orders.intents_count = 0;
        orders.failure = 0;
        let Some(entry) = loaded.library.entry(callback) else {
            return 0;
        };
        // SAFETY: the entry belongs to the library that the slot holds; the record has the length and the alignment that
        // its class was compiled for, the event's view is the callback's, and the code writes inside these alone (every
        // index is checked before it is used).
        unsafe { entry(loaded.record.as_mut_ptr(), event.as_ptr(), orders) }
    }

    fn wants(&self, slot: u8) -> Wants {
        self.slots[usize::from(slot)].as_ref().map_or(Wants::default(), |loaded| loaded.library.wants())
    }

    fn state_hash(&self, slot: u8) -> u64 {
        self.record(slot).map_or(0, SlotRecord::hash)
    }

    fn save_state(&self, slot: u8, out: &mut StateWriter) {
        self.record(slot).inspect(|record| record.save_state(out));
    }

    fn load_state(&mut self, slot: u8, from: &mut StateReader<'_>) -> Result<(), StateError> {
        match &mut self.slots[usize::from(slot)] {
            Some(loaded) => loaded.record.load_state(from),
            None => Ok(()),
        }
    }

    fn forget(&mut self, slot: u8) {
        self.slots[usize::from(slot)] = None;
    }
}
