//! The engine's state written and read back into a new engine that goes on beside it: every test of a world is one of it, too.
//!
//! At inputs that a seed chooses a new twin is read; until the next such input it must say, send and hash the same at every one.

use std::rc::Rc;

use engine::{Engine, EventRef, Host, Outbox, Wants};
use records::*;

use super::{Recorder, Script, World};

/// One call: the hash of what the strategy was given, and what it answered.
pub struct Answer {
    pub slot: u8,
    pub given: u64,
    pub intents: Vec<OrderIntent>,
    pub status: u32,
}

/// The hash of what a strategy is given: the whole view, and the event.
pub fn given(callback: Callback, event: EventRef<'_>, orders: &OrdersView) -> u64 {
    let mut hash = Hash64::default();
    hash.word(u64::from(callback.code()));
    hash.bytes(bytes_of(orders));
    match event {
        EventRef::Book(view) => hash.bytes(bytes_of(view)),
        EventRef::Trade(view) => hash.bytes(bytes_of(view)),
        EventRef::Status(view) => hash.bytes(bytes_of(view)),
        EventRef::Order(view) => hash.bytes(bytes_of(view)),
        EventRef::Fill(view) => hash.bytes(bytes_of(view)),
        EventRef::Timer(view) => hash.bytes(bytes_of(view)),
        EventRef::Consolidated(view) => hash.bytes(bytes_of(view)),
        EventRef::Risk(view) => hash.bytes(bytes_of(view)),
        EventRef::Auction(view) => hash.bytes(bytes_of(view)),
        EventRef::Signal(view) => hash.bytes(bytes_of(view)),
        EventRef::MultiLeg(view) => hash.bytes(bytes_of(view)),
    }
    hash.value()
}

/// In the strategy's place: it must be called as the strategy was, and answers as it did.
struct Echo(Script);

impl Host for Echo {
    fn load(&mut self, slot: &Slot) -> Result<(), CallStatus> {
        self.0.load(slot)
    }

    fn set_parameter(&mut self, parameter: &Parameter) -> Result<(), CallStatus> {
        self.0.set_parameter(parameter)
    }

    fn wants(&self, slot: u8) -> Wants {
        self.0.wants(slot)
    }

    fn call(&mut self, slot: u8, callback: Callback, event: EventRef<'_>, orders: &mut OrdersView) -> u32 {
        let answer = self.0.0.borrow_mut().answers.pop_front().expect("a call that the strategy had, too");
        assert_eq!((slot, given(callback, event, orders)), (answer.slot, answer.given), "{callback:?}: another view");
        orders.intents[..answer.intents.len()].copy_from_slice(&answer.intents);
        orders.intents_count = answer.intents.len() as u32;
        answer.status
    }
}

pub struct Twin {
    engine: Engine,
    script: Script,
}

/// Everything that a twin said and sent, as bytes.
#[derive(Default)]
struct Said {
    commands: Vec<Vec<u8>>,
    outputs: Vec<Vec<u8>>,
    peers: Vec<(u16, Vec<u8>)>,
}

impl Outbox for Said {
    fn command(&mut self, _venue: u16, record: &[u8]) {
        self.commands.push(record.to_vec());
    }

    fn output(&mut self, record: &[u8]) {
        self.outputs.push(record.to_vec());
    }

    fn peer(&mut self, shard: u16, record: &[u8]) {
        self.peers.push((shard, record.to_vec()));
    }
}

impl Recorder {
    pub(super) fn counts(&self) -> [usize; 3] {
        [self.commands.len(), self.outputs.len(), self.peers.len()]
    }
}

/// Inputs that a young world's twin lives for, on average; longer in a world that has seen many.
const LIFE: u64 = 24;

impl World {
    /// At some inputs, before they are taken: the twin's whole state is the engine's, and a new one is read from it.
    pub(super) fn cut(&mut self) {
        // A test that puts another engine in its place goes on with that one.
        self.twin.take_if(|twin| {
            let same =
                twin.engine.state_hash() == self.engine.state_hash() && twin.engine.input() == self.engine.input();
            !same || !Rc::ptr_eq(&twin.script.0, &self.script.0)
        });
        let mut chance = Hash64::default();
        [self.sequence, self.engine.state_hash()].into_iter().for_each(|word| chance.word(word));
        if !chance.value().is_multiple_of(LIFE + self.sequence / 16) {
            return;
        }
        let state = self.engine.save();
        if let Some(twin) = &self.twin {
            assert!(twin.engine.save() == state, "another state before input {}", self.sequence);
        }
        let echo = Echo(self.script.clone());
        let read = Engine::restore(self.engine.config(), Box::new(echo), &state);
        let engine = read.unwrap_or_else(|unrestored| panic!("input {}: {}", self.sequence, unrestored.error));
        assert!(engine.save() == state, "what was read is not what was written, before input {}", self.sequence);
        assert_eq!((engine.input(), engine.statistics()), (self.engine.input(), self.engine.statistics()));
        self.twin = Some(Twin { engine, script: self.script.clone() });
        self.cuts += 1;
    }

    /// The twin takes the input that the engine took, and must say and send the same.
    pub(super) fn follow(&mut self, stamp: Stamp, record: &[u8], before: [usize; 3]) {
        let Some(twin) = &mut self.twin else { return };
        let mut said = Said::default();
        twin.engine.apply(stamp, record, &mut said);
        let Recorder { commands, outputs, peers } = &self.out;
        let bytes = |records: &[RecordRef]| records.iter().map(raw).collect::<Vec<_>>();
        assert!(said.commands == bytes(&commands[before[0]..]), "input {}: other commands", stamp.sequence);
        assert!(said.outputs == bytes(&outputs[before[1]..]), "input {}: other outputs", stamp.sequence);
        assert!(said.peers == peers[before[2]..], "input {}: other words to other engines", stamp.sequence);
        assert_eq!(twin.engine.state_hash(), self.engine.state_hash(), "input {}", stamp.sequence);
        assert!(self.script.0.borrow().answers.is_empty(), "input {}: a call less", stamp.sequence);
    }
}

fn raw(record: &RecordRef) -> Vec<u8> {
    record.as_bytes().to_vec()
}
