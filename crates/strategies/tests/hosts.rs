//! Hosts: records, parameters, choice by code, failures.

use engine::{EventRef, Host, Settable};
use records::{
    CallStatus, Callback, Hash64, KeptState, OrdersView, Parameter, Slot, StateError, StateReader, StateValue,
    StateWriter, TimerView,
};
use strategies::{
    CompiledHost, Failure, Hosts, KeptPlace, Library, LoadError, ParameterPlace, RustHost, RustStrategy, SlotRecord,
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

    fn save_state(&self, out: &mut StateWriter) {
        (self.calls, self.limit).put(out);
    }

    fn load_state(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        (self.calls, self.limit) = StateValue::take(from)?;
        Ok(())
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

fn rust_hosts() -> Hosts {
    let mut rust = RustHost::default();
    rust.register([7; 32], Box::new(|_| Box::<Counter>::default()));
    Hosts::new(vec![Box::new(CompiledHost::new(&std::env::temp_dir())), Box::new(rust)])
}

#[test]
fn what_a_slot_goes_on_from_is_written_and_read_back_and_ends_with_a_load_that_is_refused() {
    let mut hosts = rust_hosts();
    assert_eq!(hosts.load(&slot(2, 7)), Ok(()));
    assert_eq!(hosts.set_parameter(&parameter(2, "limit", 0, 1, 2)), Ok(()));
    let (timer, mut orders) = (TimerView::zeroed(), Box::new(OrdersView::zeroed()));
    assert_eq!(hosts.call(2, Callback::Timer, EventRef::Timer(&timer), &mut orders), 0);
    let mut out = StateWriter::default();
    hosts.save_state(2, &mut out);
    let bytes = out.into_bytes();

    let mut others = rust_hosts();
    assert_eq!(others.load(&slot(2, 7)), Ok(()));
    assert!(others.load_state(2, &mut StateReader::new(&bytes[1..])).is_err());
    let mut from = StateReader::new(&bytes);
    assert_eq!(others.load_state(2, &mut from).and_then(|()| from.end()), Ok(()));
    assert_eq!(others.state_hash(2), hosts.state_hash(2));
    for host in [&mut hosts, &mut others] {
        assert_eq!(host.call(2, Callback::Timer, EventRef::Timer(&timer), &mut orders), 0);
        let status = host.call(2, Callback::Timer, EventRef::Timer(&timer), &mut orders);
        assert_eq!(status & 0xff, u32::from(CallStatus::Raised.code()), "the limit came with it");
    }
    assert_eq!(hosts.load(&slot(2, 9)), Err(CallStatus::Raised));
    assert_eq!(hosts.state_hash(2), 0);
}

#[test]
fn a_record_is_read_back_with_what_a_start_puts_back_and_into_one_of_its_length_alone() {
    let kept = [kept_place("total", 8, 1, 0)];
    let mut record = SlotRecord::new(&[0; 32], 0, &[]).keeping(&kept, None);
    write(&mut record, 8, 5);
    record.save(&mut |_| {});
    write(&mut record, 8, 6);
    write(&mut record, 16, 7);
    let mut out = StateWriter::default();
    record.save_state(&mut out);
    let bytes = out.into_bytes();
    let mut other = SlotRecord::new(&[0; 32], 0, &[]).keeping(&kept, None);
    other.load_state(&mut StateReader::new(&bytes)).expect("of the same class");
    assert_eq!([8, 16].map(|at| read(&other, at)), [6, 7]);
    other.reset();
    assert_eq!([8, 16].map(|at| read(&other, at)), [5, 0]);
    for length in [24, 40] {
        let mut longer = SlotRecord::new(&vec![0; length], 0, &[]);
        assert!(longer.load_state(&mut StateReader::new(&bytes)).is_err(), "{length} bytes");
    }
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

fn kept_place(name: &str, offset: u32, scalar: u32, length: u32) -> KeptPlace {
    let place = place(name, offset, scalar);
    KeptPlace { name: place.name, offset, scalar, length, reserved: 0 }
}

fn write(record: &mut SlotRecord, at: usize, value: u64) {
    // SAFETY: the record has 32 bytes and is aligned to 8.
    unsafe { record.as_mut_ptr().add(at).cast::<u64>().write(value) };
}

fn read(record: &SlotRecord, at: usize) -> u64 {
    u64::from_ne_bytes(record.bytes()[at..at + 8].try_into().expect("eight bytes"))
}

#[test]
fn kept_state_outlives_a_stop_in_good_order_and_no_other() {
    let kept = [kept_place("total", 8, 1, 0), kept_place("counts", 16, 1, 2)];
    let mut record = SlotRecord::new(&[0; 40], 0, &[]).keeping(&kept, None);
    for at in [0, 8, 16, 24, 32] {
        write(&mut record, at, at as u64 + 1);
    }
    let mut said = Vec::new();
    record.save(&mut |one| said.push(one));
    assert_eq!(
        said.iter().map(|one| (one.element, one.length, one.bits)).collect::<Vec<_>>(),
        [(0, 0, 9), (0, 2, 17), (1, 2, 25)]
    );
    record.reset();
    assert_eq!([0, 8, 16, 24, 32].map(|at| read(&record, at)), [0, 9, 17, 25, 0], "what is not kept begins anew");
    write(&mut record, 8, 99);
    record.reset();
    assert_eq!(read(&record, 8), 9, "what a failed call left is gone");

    // Another version of the class, which keeps one of them at another place, and another of that name of another kind.
    let other = [kept_place("total", 24, 1, 0), kept_place("counts", 0, 2, 2)];
    let later = SlotRecord::new(&[0; 40], 0, &[]).keeping(&other, Some(&record));
    assert_eq!([0, 8, 24].map(|at| read(&later, at)), [0, 0, 9]);

    // A new journal is given the words that the old one ends with.
    let mut fresh = SlotRecord::new(&[0; 40], 0, &[]).keeping(&kept, None);
    assert!(said.iter().all(|one| fresh.restore(one).is_ok()));
    fresh.reset();
    assert_eq!([8, 16, 24].map(|at| read(&fresh, at)), [9, 17, 25]);
    let wrong = |change: fn(&mut KeptState)| {
        let mut one = said[2];
        change(&mut one);
        one
    };
    for one in [
        wrong(|one| one.name[0] = b'x'),
        wrong(|one| one.element = 2),
        wrong(|one| one.length = 3),
        wrong(|one| one.scalar = 2),
    ] {
        assert_eq!(fresh.restore(&one), Err(CallStatus::OutOfBounds));
    }
}

#[test]
fn a_parameter_tells_when_it_may_be_set() {
    let places = [place("old", 0, 1), place("live", 8, 0x101), place("fixed", 16, 0x201)];
    let mut record = SlotRecord::new(&[0; 32], 24, &places);
    let told = |name, offset| record.settable(&parameter(1, name, offset, 1, 5));
    assert_eq!(
        [told("old", 0), told("live", 8), told("fixed", 16)],
        [Settable::Always, Settable::Live, Settable::Stopped]
    );
    assert_eq!(record.set(&parameter(1, "live", 8, 1, 5)), Ok(()));
    assert_eq!(record.set(&parameter(1, "fixed", 16, 1, 5)), Ok(()));
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
