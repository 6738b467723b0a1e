//! Strategies written in Rust.
//!
//! Invariant: a Rust strategy sees what the others see, and its failure disables its slot as theirs does.

use std::collections::BTreeMap;

use engine::{EventRef, Host, Settable, Wants};
use records::{
    CallStatus, Callback, KeptState, OrdersView, Parameter, Slot, StateError, StateReader, StateValue, StateWriter,
};

/// Why a callback failed: the status and a line of the strategy's source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The status.
    pub status: CallStatus,
    /// The line, 0: not told.
    pub line: u32,
}

/// A strategy in Rust. Integers of its own state are its own business; what it asks for goes into the view.
pub trait RustStrategy: Send {
    /// Sets a parameter.
    ///
    /// # Errors
    /// [`CallStatus::OutOfBounds`] for one that it does not have.
    fn set_parameter(&mut self, parameter: &Parameter) -> Result<(), CallStatus>;

    /// Puts its state back to the initial values.
    fn reset(&mut self);

    /// One callback.
    ///
    /// # Errors
    /// A failure disables the slot.
    fn call(&mut self, callback: Callback, event: EventRef<'_>, orders: &mut OrdersView) -> Result<(), Failure>;

    /// When a parameter may be set.
    fn settable(&self, _parameter: &Parameter) -> Settable {
        Settable::Always
    }

    /// Saves what it keeps over stops and starts, and says each word of it.
    fn save(&mut self, _say: &mut dyn FnMut(KeptState)) {}

    /// Is given a word of what it keeps, before a start.
    ///
    /// # Errors
    /// [`CallStatus::OutOfBounds`] for one that it does not keep.
    fn restore(&mut self, _record: &KeptState) -> Result<(), CallStatus> {
        Err(CallStatus::OutOfBounds)
    }

    /// What it looks at.
    fn wants(&self) -> Wants {
        Wants::default()
    }

    /// Hash of its state and parameters.
    fn state_hash(&self) -> u64;

    /// Writes all that its next call depends on, kept state too; without it, an engine that starts again folds its whole journal.
    fn save_state(&self, out: &mut StateWriter) {
        self.state_hash().put(out);
    }

    /// Reads it back into a strategy that was just made.
    ///
    /// # Errors
    /// [`StateError`] when the bytes are no state of it.
    fn load_state(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        if u64::take(from)? == self.state_hash() {
            return Ok(());
        }
        Err(from.wrong("a strategy that writes no state; allowed are those that have save_state".to_owned()))
    }
}

/// Makes a strategy for a slot.
pub type Make = Box<dyn Fn(&Slot) -> Box<dyn RustStrategy> + Send>;

/// Runs Rust strategies, by the code hash that they are registered under.
#[derive(Default)]
pub struct RustHost {
    makers: BTreeMap<[u8; 32], Make>,
    slots: BTreeMap<u8, Box<dyn RustStrategy>>,
}

impl RustHost {
    /// Registers a strategy.
    pub fn register(&mut self, code_hash: [u8; 32], make: Make) {
        self.makers.insert(code_hash, make);
    }
}

impl Host for RustHost {
    fn load(&mut self, slot: &Slot) -> Result<(), CallStatus> {
        self.slots.remove(&slot.slot);
        let make = self.makers.get(&slot.code_hash).ok_or(CallStatus::Raised)?;
        self.slots.insert(slot.slot, make(slot));
        Ok(())
    }

    fn set_parameter(&mut self, parameter: &Parameter) -> Result<(), CallStatus> {
        self.slots.get_mut(&parameter.slot).ok_or(CallStatus::OutOfBounds)?.set_parameter(parameter)
    }

    fn settable(&self, parameter: &Parameter) -> Settable {
        self.slots.get(&parameter.slot).map_or(Settable::Always, |strategy| strategy.settable(parameter))
    }

    fn save(&mut self, slot: u8, say: &mut dyn FnMut(KeptState)) {
        if let Some(strategy) = self.slots.get_mut(&slot) {
            strategy.save(say);
        }
    }

    fn restore(&mut self, record: &KeptState) -> Result<(), CallStatus> {
        self.slots.get_mut(&record.slot).ok_or(CallStatus::OutOfBounds)?.restore(record)
    }

    fn reset(&mut self, slot: u8) {
        if let Some(strategy) = self.slots.get_mut(&slot) {
            strategy.reset();
        }
    }

    fn call(&mut self, slot: u8, callback: Callback, event: EventRef<'_>, orders: &mut OrdersView) -> u32 {
        orders.intents_count = 0;
        orders.failure = 0;
        let Some(strategy) = self.slots.get_mut(&slot) else {
            return u32::from(CallStatus::Raised.code());
        };
        match strategy.call(callback, event, orders) {
            Ok(()) => 0,
            Err(failure) => u32::from(failure.status.code()) | failure.line << 8,
        }
    }

    fn wants(&self, slot: u8) -> Wants {
        self.slots.get(&slot).map_or(Wants::default(), |strategy| strategy.wants())
    }

    fn state_hash(&self, slot: u8) -> u64 {
        self.slots.get(&slot).map_or(0, |strategy| strategy.state_hash())
    }

    fn save_state(&self, slot: u8, out: &mut StateWriter) {
        self.slots.get(&slot).inspect(|strategy| strategy.save_state(out));
    }

    fn load_state(&mut self, slot: u8, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.slots.get_mut(&slot).map_or(Ok(()), |strategy| strategy.load_state(from))
    }

    fn forget(&mut self, slot: u8) {
        self.slots.remove(&slot);
    }
}
