//! Hosts: records, parameters, choice by code, failures.

use engine::{EventRef, Host};
use records::{CallStatus, Callback, Hash64, OrdersView, Parameter, Slot, TimerView};
use strategies::{
    CompiledHost, Failure, Hosts, Library, LoadError, ParameterPlace, RustHost, RustStrategy, SlotRecord,
};

#[derive(Default)]
struct Counter {
    calls: i64,
    limit: i64,
}

impl RustStrategy for Counter {
    fn set_parameter(&mut self, parameter: &Parameter) -> Result<(), CallStatus> {
        if parameter.offset != 0 {
            return Err(CallStatus::OutOfBounds);
        }
        self.limit = parameter.bits as i64;
        Ok(())
    }

    fn reset(&mut self) {
        self.calls = 0;
    }

    fn call(&mut self, _callback: Callback, _event: EventRef<'_>, orders: &mut OrdersView) -> Result<(), Failure> {
        self.calls += 1;
        if self.calls > self.limit {
            return Err(Failure { status: CallStatus::Raised, line: line!() });
        }
        orders.intents_count = 1;
        Ok(())
    }

    fn state_hash(&self) -> u64 {
        let mut hash = Hash64::default();
        hash.word(self.calls as u64);
        hash.value()
    }
}

fn slot(number: u8, code: u8) -> Slot {
    let mut slot = Slot::new();
    (slot.slot, slot.code_hash) = (number, [code; 32]);
    slot
}

fn parameter(number: u8, name: &str, offset: u32, scalar: u8, bits: u64) -> Parameter {
    let mut parameter = Parameter::new();
    parameter.name[..name.len()].copy_from_slice(name.as_bytes());
    (parameter.slot, parameter.offset, parameter.scalar, parameter.bits) = (number, offset, scalar, bits);
    parameter
}

fn place(name: &str, offset: u32, scalar: u32) -> ParameterPlace {
    let mut padded = [0; 32];
    padded[..name.len()].copy_from_slice(name.as_bytes());
    ParameterPlace { name: padded, offset, scalar }
}

#[test]
fn a_slot_goes_to_the_host_that_has_its_code() {
    let mut rust = RustHost::default();
    rust.register([7; 32], Box::new(|_| Box::<Counter>::default()));
    let directory = std::env::temp_dir();
    let mut hosts = Hosts::new(vec![Box::new(CompiledHost::new(&directory)), Box::new(rust)]);
    assert_eq!(hosts.load(&slot(1, 9)), Err(CallStatus::Raised));
    assert_eq!(hosts.load(&slot(2, 7)), Ok(()));
    assert_eq!(hosts.set_parameter(&parameter(1, "limit", 0, 1, 1)), Err(CallStatus::OutOfBounds));
    assert_eq!(hosts.set_parameter(&parameter(2, "limit", 0, 1, 1)), Ok(()));

    let timer = TimerView::zeroed();
    let mut orders = Box::new(OrdersView::zeroed());
    assert_eq!(hosts.call(1, Callback::Timer, EventRef::Timer(&timer), &mut orders), 1);
    assert_eq!(hosts.call(2, Callback::Timer, EventRef::Timer(&timer), &mut orders), 0);
    assert_eq!(orders.intents_count, 1);
    let status = hosts.call(2, Callback::Timer, EventRef::Timer(&timer), &mut orders);
    assert_eq!(status & 0xff, u32::from(CallStatus::Raised.code()));
    assert!(status >> 8 > 0);
    let before = hosts.state_hash(2);
    hosts.reset(2);
    assert_ne!(hosts.state_hash(2), before);
}

#[test]
fn a_record_takes_its_own_parameters_alone() {
    let places = [place("size", 0, 1), place("share", 8, 2), place("quick", 16, 3)];
    let mut record = SlotRecord::new(&[0; 32], 24, &places);
    assert_eq!(record.set(&parameter(1, "size", 0, 1, 5)), Ok(()));
    assert_eq!(record.set(&parameter(1, "share", 8, 2, 0.5f64.to_bits())), Ok(()));
    assert_eq!(record.set(&parameter(1, "quick", 16, 3, 1)), Ok(()));
    for wrong in [
        parameter(1, "size", 8, 1, 5),
        parameter(1, "size", 0, 2, 5),
        parameter(1, "quick", 16, 3, 2),
        parameter(1, "state", 24, 1, 5),
    ] {
        assert_eq!(record.set(&wrong), Err(CallStatus::OutOfBounds));
    }
    assert_eq!(record.bytes()[0], 5);
    assert_eq!(record.bytes()[16], 1);
    let before = record.hash();
    record.reset();
    assert_eq!(record.hash(), before, "parameters stay, and the state was not touched");
}

#[test]
fn what_is_no_strategy_is_refused() {
    let directory = std::env::temp_dir().join(format!("meridian-strategies-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a temporary directory");
    let file = directory.join("name-0707070707070707.so");
    std::fs::write(&file, b"nothing").expect("written");
    assert!(matches!(Library::find(&directory, &[7; 32]), Err(LoadError::WrongHash(_))));
    assert!(matches!(Library::find(&directory, &[8; 32]), Err(LoadError::NotFound(_))));
    assert!(matches!(Library::open(&file, None), Err(LoadError::NotOpened(_))));
    assert!(matches!(Library::find(&directory.join("absent"), &[8; 32]), Err(LoadError::Unreadable(..))));
    std::fs::remove_dir_all(&directory).expect("removed");
}
