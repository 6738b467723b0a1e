//! Several hosts as one: each slot goes to the first that has its code.
//!
//! Invariant: a slot's host is chosen at `load` and stays until the next `load`.

use engine::{EventRef, Host, Settable, Wants};
use records::{CallStatus, Callback, KeptState, OrdersView, Parameter, Slot, StateError, StateReader, StateWriter};

/// Hosts in the order in which they are asked for a slot's code.
#[derive(Default)]
pub struct Hosts {
    hosts: Vec<Box<dyn Host + Send>>,
    chosen: Vec<Option<usize>>,
}

impl Hosts {
    /// Without any host every load is refused.
    pub fn new(hosts: Vec<Box<dyn Host + Send>>) -> Self {
        Self { hosts, chosen: vec![None; 256] }
    }

    fn of(&mut self, slot: u8) -> Option<&mut (dyn Host + Send)> {
        let chosen = self.chosen[usize::from(slot)]?;
        Some(self.hosts[chosen].as_mut())
    }
}

impl Host for Hosts {
    fn load(&mut self, slot: &Slot) -> Result<(), CallStatus> {
        let chosen = self.hosts.iter_mut().position(|host| host.load(slot).is_ok());
        self.chosen[usize::from(slot.slot)] = chosen;
        // What another host kept of the slot's earlier code is not the state of the fold, and would come back with that code.
        let others = self.hosts.iter_mut().enumerate().filter(|(index, _)| Some(*index) != chosen);
        others.for_each(|(_, host)| host.forget(slot.slot));
        chosen.map(|_| ()).ok_or(CallStatus::Raised)
    }

    fn set_parameter(&mut self, parameter: &Parameter) -> Result<(), CallStatus> {
        self.of(parameter.slot).ok_or(CallStatus::OutOfBounds)?.set_parameter(parameter)
    }

    fn settable(&self, parameter: &Parameter) -> Settable {
        let chosen = self.chosen[usize::from(parameter.slot)];
        chosen.map_or(Settable::Always, |chosen| self.hosts[chosen].settable(parameter))
    }

    fn save(&mut self, slot: u8, say: &mut dyn FnMut(KeptState)) {
        if let Some(host) = self.of(slot) {
            host.save(slot, say);
        }
    }

    fn restore(&mut self, record: &KeptState) -> Result<(), CallStatus> {
        self.of(record.slot).ok_or(CallStatus::OutOfBounds)?.restore(record)
    }

    fn reset(&mut self, slot: u8) {
        if let Some(host) = self.of(slot) {
            host.reset(slot);
        }
    }

    fn call(&mut self, slot: u8, callback: Callback, event: EventRef<'_>, orders: &mut OrdersView) -> u32 {
        match self.of(slot) {
            Some(host) => host.call(slot, callback, event, orders),
            None => u32::from(CallStatus::Raised.code()),
        }
    }

    fn wants(&self, slot: u8) -> Wants {
        self.chosen[usize::from(slot)].map_or(Wants::default(), |chosen| self.hosts[chosen].wants(slot))
    }

    fn state_hash(&self, slot: u8) -> u64 {
        self.chosen[usize::from(slot)].map_or(0, |chosen| self.hosts[chosen].state_hash(slot))
    }

    fn save_state(&self, slot: u8, out: &mut StateWriter) {
        if let Some(chosen) = self.chosen[usize::from(slot)] {
            self.hosts[chosen].save_state(slot, out);
        }
    }

    fn load_state(&mut self, slot: u8, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.of(slot).map_or(Ok(()), |host| host.load_state(slot, from))
    }

    fn forget(&mut self, slot: u8) {
        self.chosen[usize::from(slot)] = None;
        self.hosts.iter_mut().for_each(|host| host.forget(slot));
    }
}
