//! A slot whose code ends the process: the next life, a replay and a standby do not make that call again, and all else goes on.
//!
//! The code panics, the tile is dropped as it stands, and what its counters say is what a dead process leaves.

#[path = "support/outside.rs"]
mod outside;
#[path = "support/quoter.rs"]
mod quoter;
mod support;
#[path = "support/two.rs"]
mod two;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use engine::{
    EngineTile, EngineTileConfig, EventRef, Host, MARKS_FILE, Marks, NoOutbox, Replay, ReplayError, Shadow, mark_of,
    replay,
};
use journal::{MemoryStorage, Reader};
use links::{Counters, Offer, Publication, Subscription};
use outside::{At, End, NoNet, Queue};
use quoter::{Quoter, bid, bootstrap_of, opening};
use records::*;
use support::{SHARE, Script, VENUE, new_intent};
use tiles::{Context, RealStorage, StartError, Storage, Tile};
use two::{STEP_NS, World};

/// At a bid of so many lots the first slot's code ends the process: at once, or when its order of that pass is refused.
const POISON_LOTS: i64 = 13;
const LATER_POISON_LOTS: i64 = 14;
const POISONED: u8 = 1;
const OTHER: u8 = 2;
/// The reference of the one bid there is.
const BID: u64 = 5;

/// Two quoters, the first of which ends the process.
#[derive(Default)]
struct Poisonous {
    bid_lots: i64,
}

impl Host for Poisonous {
    fn call(&mut self, slot: u8, callback: Callback, event: EventRef<'_>, orders: &mut OrdersView) -> u32 {
        if let EventRef::Book(view) = event {
            self.bid_lots = view.bids[0].lots;
        }
        let own = slot == POISONED && matches!(event, EventRef::Book(_) | EventRef::Order(_));
        if own {
            assert!(self.bid_lots != POISON_LOTS, "what fuel cannot catch");
            if self.bid_lots == LATER_POISON_LOTS {
                assert!(callback == Callback::Book, "what fuel cannot catch, later");
                orders.intents[0] = new_intent(Side::Buy, 1);
                orders.intents[1] = new_intent(Side::Buy, 1 << 40);
                orders.intents_count = 2;
                return 0;
            }
        }
        Quoter.call(slot, callback, event, orders)
    }
}

struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let place = std::env::temp_dir().join(format!("meridian-quarantine-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&place);
        std::fs::create_dir_all(&place).unwrap();
        Self(place)
    }

    fn mark(&self, marks: &Marks) {
        std::fs::write(self.0.join(MARKS_FILE), marks.to_bytes()).unwrap();
    }

    fn replayed(&self) -> Result<Replay, ReplayError> {
        replay(&self.0, Box::new(Poisonous::default()), &mut NoOutbox, &mut |_, _| {})
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct Life {
    tile: EngineTile,
    input: Queue,
    commands: Queue,
    outputs: Queue,
    counters: Counters,
    now_ns: u64,
}

fn bootstrap(epoch: u16, slot_version: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    for record in support::records_of(&bootstrap_of(epoch, 2)) {
        match parse(&record).unwrap() {
            RecordRef::Slot(slot) => bytes.extend_from_slice(bytes_of(&Slot { slot_version, ..slot })),
            _ => bytes.extend_from_slice(&record),
        }
    }
    bytes
}

fn begin(place: &Path, epoch: u16, slot_version: u32) -> (Counters, Result<Life, StartError>) {
    let (input, commands, outputs) = (Queue::default(), Queue::default(), Queue::default());
    let counters = Counters::local();
    let now_ns = support::START_NS + u64::from(epoch) * 1_000_000_000;
    let context = Context {
        clock: Rc::new(At(Cell::new(now_ns))),
        net: Rc::new(NoNet),
        storage: Rc::new(RealStorage::new(place).unwrap()),
        publications: BTreeMap::from([
            ("engine_gateway".to_owned(), Box::new(End::of(commands.clone())) as Box<dyn Publication>),
            ("engine_report".to_owned(), Box::new(End::of(outputs.clone())) as Box<dyn Publication>),
        ]),
        subscriptions: BTreeMap::from([(
            "feed_engine".to_owned(),
            Box::new(End::of(input.clone())) as Box<dyn Subscription>,
        )]),
        counters: counters.clone(),
    };
    let config = EngineTileConfig {
        engine: support::config(),
        segment_bytes: 64 << 10,
        inputs: vec!["feed_engine".into()],
        commands: vec![(VENUE, "engine_gateway".into())],
        outputs: Some("engine_report".into()),
        ..EngineTileConfig::new("engine", bootstrap(epoch, slot_version))
    };
    let mut tile = EngineTile::new(context, config, Box::new(Poisonous::default())).unwrap();
    // A start that ends the process leaves its counters all the same.
    let started = catch_unwind(AssertUnwindSafe(|| tile.on_start(now_ns)));
    let started = started.unwrap_or_else(|_| Err(StartError("it died".to_owned())));
    (counters.clone(), started.map(|()| Life { tile, input, commands, outputs, counters, now_ns }))
}

fn life(place: &Path, epoch: u16) -> Life {
    let mut life = begin(place, epoch, 1).1.unwrap();
    opening().iter().for_each(|record| life.give(record));
    life
}

impl Life {
    fn give(&mut self, record: &[u8]) {
        self.input.borrow_mut().push_back(record.to_vec());
        self.now_ns += 1_000_000;
        self.tile.do_work(self.now_ns);
    }

    /// The best bid is replaced by one of so many lots.
    fn touch(&mut self, lots: i64) {
        let mut gone = MarketOrder::new();
        (gone.header.venue, gone.header.instrument) = (VENUE, SHARE);
        (gone.order_ref, gone.action) = (BID, BookAction::Delete.code());
        self.give(bytes_of(&gone));
        self.give(&bid(BID, lots));
    }

    /// The same, which its process does not outlive; where it was then.
    fn dies_at(mut self, lots: i64) -> [u64; 3] {
        let died = catch_unwind(AssertUnwindSafe(|| self.touch(lots)));
        assert!(died.is_err(), "its code ends the process");
        inside(&self.counters)
    }

    fn run(&self, slot: u8) -> Option<SlotRun> {
        self.tile.engine().slot_run(slot)
    }

    fn sent<T: Record>(queue: &Queue) -> Vec<T> {
        let records = queue.borrow();
        let of_kind = records.iter().filter(|record| read_from::<Header>(record).unwrap().kind == T::KIND as u16);
        of_kind.map(|record| read_from(record).unwrap()).collect()
    }

    fn ends(mut self) -> u64 {
        self.tile.on_close(self.now_ns);
        self.tile.engine().full_hash()
    }
}

fn inside(counters: &Counters) -> [u64; 3] {
    ["inside_call", "inside_input", "inside_code"].map(|name| counters.counter(name).get())
}

/// The first life's end, and the mark of it.
fn died(place: &Place, lots: i64) -> Quarantine {
    let mut life = life(&place.0, 1);
    for lots in [7, 8, 9] {
        life.touch(lots);
    }
    assert_eq!(inside(&life.counters)[0], 0, "between two calls it is in none");
    mark_of(&place.0, life.dies_at(lots)).unwrap().expect("it was in a call")
}

fn marks_of(mark: &Quarantine) -> Marks {
    let mut marks = Marks::default();
    assert_eq!(marks.add(mark), Ok(true));
    marks
}

#[test]
fn a_call_that_ended_the_process_is_not_made_again_and_the_other_slot_trades_on() {
    let place = Place::new("single");
    let mark = died(&place, POISON_LOTS);
    assert_eq!((mark.slot, mark.callback, mark.slot_version), (POISONED, Callback::Book.code(), 1));
    // Without the mark the next life dies of the same.
    let (counters, again) = begin(&place.0, 2, 1);
    assert_eq!(again.err().map(|error| error.0).as_deref(), Some("it died"));
    assert_eq!(mark_of(&place.0, inside(&counters)).unwrap(), Some(mark));

    place.mark(&marks_of(&mark));
    let mut second = life(&place.0, 3);
    assert_eq!((second.run(POISONED), second.run(OTHER)), (Some(SlotRun::Disabled), Some(SlotRun::Running)));
    assert_eq!(second.counters.counter("quarantined_slots").get(), 1 << POISONED);
    let told: Vec<_> = Life::sent::<SlotState>(&second.outputs).iter().map(|one| (one.slot, one.status)).collect();
    assert!(told.contains(&(POISONED, CallStatus::Quarantined.code())), "{told:?}");
    for lots in [POISON_LOTS, 7, POISON_LOTS, 9] {
        second.touch(lots);
    }
    let orders = Life::sent::<NewOrder>(&second.commands);
    assert!(!orders.is_empty() && orders.iter().all(|order| order.slot == OTHER), "{orders:?}");
    let hash = second.ends();

    // With the file and without: then by what the journal itself tells.
    assert_eq!(place.replayed().unwrap().full_hash, hash);
    std::fs::remove_file(place.0.join(MARKS_FILE)).unwrap();
    let replayed = place.replayed().unwrap();
    assert_eq!((replayed.agrees(), replayed.full_hash), (Some(true), hash));
    // A life more says it no second time.
    place.mark(&marks_of(&mark));
    let third = life(&place.0, 4);
    assert_eq!(third.run(POISONED), Some(SlotRun::Disabled));
    let hash = third.ends();
    let mut journaled = 0;
    let mut count = |record: &[u8], _: &engine::Engine| {
        journaled += usize::from(read_from::<Header>(record).unwrap().kind == Quarantine::KIND as u16);
    };
    let replayed = replay(&place.0, Box::new(Poisonous::default()), &mut NoOutbox, &mut count).unwrap();
    assert_eq!((journaled, replayed.full_hash), (1, hash));
}

#[test]
fn what_left_before_the_call_is_known_and_its_orders_are_cancelled() {
    let place = Place::new("later");
    let mark = died(&place, LATER_POISON_LOTS);
    assert_eq!(mark.callback, Callback::Order.code());
    assert!(mark.call > 1, "the slot was called before in this pass, and an order left");
    place.mark(&marks_of(&mark));
    let second = life(&place.0, 2);
    assert_eq!(second.run(POISONED), Some(SlotRun::Disabled));
    let own: Vec<_> = second.tile.engine().live_orders().map(|(order, _)| (order.slot, order.cancel_owed)).collect();
    assert!(own.iter().any(|(slot, _)| *slot == POISONED), "{own:?}");
    assert!(own.iter().all(|(_, owed)| *owed != 0), "{own:?}");
    let hash = second.ends();
    assert_eq!(place.replayed().unwrap().full_hash, hash);
}

#[test]
fn a_quarantined_slot_is_started_by_who_says_so_or_in_another_version() {
    let place = Place::new("lifted");
    let mark = died(&place, POISON_LOTS);
    place.mark(&marks_of(&mark));
    let mut second = life(&place.0, 2);
    let mut start = StrategyControl::new();
    (start.slot, start.run) = (POISONED, SlotRun::Running.code());
    second.give(bytes_of(&start));
    assert_eq!(second.run(POISONED), Some(SlotRun::Disabled), "not as any other");
    start.status = CallStatus::Quarantined.code();
    second.give(bytes_of(&start));
    assert_eq!(second.run(POISONED), Some(SlotRun::Running));
    second.touch(7);
    let hash = second.ends();
    assert_eq!(place.replayed().unwrap().full_hash, hash);
    // The mark is of the past: a life more does not put it back.
    let third = life(&place.0, 3);
    assert_eq!(third.run(POISONED), Some(SlotRun::Running));
    // It dies again, and is marked again.
    let again = mark_of(&place.0, third.dies_at(POISON_LOTS)).unwrap().unwrap();
    let mut marks = marks_of(&mark);
    assert_eq!(marks.add(&again), Ok(true));
    place.mark(&marks);
    let fourth = life(&place.0, 4);
    assert_eq!(fourth.run(POISONED), Some(SlotRun::Disabled));
    let orders: Vec<u64> = fourth
        .tile
        .engine()
        .live_orders()
        .filter(|(order, _)| order.slot == POISONED)
        .map(|(order, _)| order.owner.order_id)
        .collect();
    let mut fourth = fourth;
    for id in orders {
        let mut event = support::event_of(id, OrderEventKind::Canceled);
        event.owner = fourth.tile.engine().order(id).unwrap().owner;
        fourth.give(bytes_of(&event));
    }
    fourth.ends();
    let (_, fifth) = begin(&place.0, 5, 2);
    let fifth = fifth.unwrap();
    assert_eq!(
        (fifth.run(POISONED), fifth.tile.engine().quarantined()),
        (Some(SlotRun::Running), 0),
        "another version"
    );
    let hash = fifth.ends();
    assert_eq!(place.replayed().unwrap().full_hash, hash);
}

#[test]
fn marks_that_are_damaged_or_anothers_refuse_the_start_with_what_to_do() {
    let place = Place::new("refused");
    let mark = died(&place, POISON_LOTS);
    let refused = |marks: &[u8]| {
        std::fs::write(place.0.join(MARKS_FILE), marks).unwrap();
        let error = begin(&place.0, 2, 1).1.err().expect("it is refused").0;
        assert!(error.starts_with("engine: quarantine.marks: "), "{error}");
        assert!(matches!(place.replayed(), Err(ReplayError::Marks(_))));
        error
    };
    let whole = marks_of(&mark).to_bytes();
    assert!(refused(&whole[..whole.len() - 1]).contains("is damaged"));
    for other in [
        Quarantine { code: 1, ..mark },
        Quarantine { slot_version: 9, ..mark },
        Quarantine { shard: 7, ..mark },
        Quarantine { slot: 9, ..mark },
        Quarantine { input_time_ns: 3, ..mark },
    ] {
        let mut marks = marks_of(&mark);
        marks.add(&Quarantine { call: other.call + 1, ..other }).unwrap();
        let told = refused(&marks.to_bytes());
        assert!(told.contains("this journal has another input, engine or strategy there"), "{told}");
    }
}

#[test]
fn a_mark_takes_effect_at_the_start_where_the_journal_lost_its_input() {
    let place = Place::new("lost");
    let mark = died(&place, POISON_LOTS);
    let ahead = Quarantine { input: mark.input + 2, ..mark };
    // The call at the input before is marked as well, so that there is a life at all.
    let mut marks = marks_of(&mark);
    marks.add(&ahead).unwrap();
    place.mark(&marks);
    let second = life(&place.0, 2);
    assert_eq!(second.run(POISONED), Some(SlotRun::Disabled));
    assert_eq!(second.tile.engine().marks_to_journal().count(), 0);
    let hash = second.ends();
    assert_eq!(place.replayed().unwrap().full_hash, hash);
    let third = life(&place.0, 3);
    let hash = third.ends();
    assert_eq!(place.replayed().unwrap().full_hash, hash);
}

#[test]
fn a_snapshot_behind_the_call_that_was_made_without_the_mark_is_passed_over() {
    let place = Place::new("snapshot");
    let mark = died(&place, POISON_LOTS);
    // A shadow that is not poisoned is past the input: as one whose memory was whole, where the engine's was not.
    let mut shadow = Shadow::open(&place.0, Box::new(Script::default())).unwrap().unwrap();
    while shadow.poll(&mut NoOutbox).unwrap() > 0 {}
    let storage = RealStorage::new(&place.0).unwrap();
    shadow.snapshot().unwrap().store(&storage, 2).unwrap();
    place.mark(&marks_of(&mark));
    let second = life(&place.0, 2);
    assert_eq!(second.counters.counter("started_from_input").get(), 0);
    assert_eq!(second.counters.counter("snapshots_foreign").get(), 1);
    assert_eq!(second.run(POISONED), Some(SlotRun::Disabled));
    second.ends();

    // One that knew it is gone on from.
    let mut shadow = Shadow::open(&place.0, Box::new(Poisonous::default())).unwrap().unwrap();
    while shadow.poll(&mut NoOutbox).unwrap() > 0 {}
    let input = shadow.engine().input();
    shadow.snapshot().unwrap().store(&storage, 2).unwrap();
    let mut third = life(&place.0, 3);
    assert_eq!(third.counters.counter("started_from_input").get(), input);
    assert_eq!(third.run(POISONED), Some(SlotRun::Disabled));
    let mut start = StrategyControl::new();
    (start.slot, start.run) = (POISONED, SlotRun::Running.code());
    third.give(bytes_of(&start));
    assert_eq!(third.run(POISONED), Some(SlotRun::Disabled), "what a snapshot tells of quarantine is whole");
    let hash = third.ends();
    assert_eq!(place.replayed().unwrap().full_hash, hash);
}

/// A quoter that ends its process at a bid of so many lots.
struct PoisonousAlone;

impl Host for PoisonousAlone {
    fn call(&mut self, slot: u8, callback: Callback, event: EventRef<'_>, orders: &mut OrdersView) -> u32 {
        let ends = matches!(event, EventRef::Book(view) if view.bids[0].lots == POISON_LOTS);
        assert!(!ends, "what fuel cannot catch");
        Quoter.call(slot, callback, event, orders)
    }
}

/// Both of a pair whose leader has died of a call, and its mark.
fn poisoned() -> (World, Quarantine) {
    let mut world = World::of(false, 4_096, &|| Box::new(PoisonousAlone));
    world.keep_history();
    world.a_while();
    world.session_is_up(1);
    world.open();
    for lots in [7, 8, 9] {
        world.touch(lots);
        world.both();
        world.answer(0);
    }
    world.a_while();
    assert_eq!(world.counter(0, "partner"), 2, "in step");
    world.touch(POISON_LOTS);
    world.now_ns += STEP_NS;
    let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.work(0)));
    assert!(died.is_err());
    let (call, input) = (world.counter(0, "inside_call"), world.counter(0, "inside_input"));
    let mut mark = Quarantine::new();
    let mut reader = Reader::from_segments(world.engines[0].storage.segments()).unwrap();
    while let Some((stamp, _)) = reader.next().unwrap() {
        (mark.input, mark.input_time_ns) = (stamp.sequence, stamp.time_ns);
    }
    assert_eq!(mark.input, input, "it was in the call of its last input");
    (mark.firm, mark.shard) = (reader.identity().firm, reader.identity().shard);
    (mark.code, mark.slot_version) = (world.counter(0, "inside_code"), (call >> 32) as u32);
    [mark.slot, mark.callback, ..] = call.to_le_bytes();
    mark.call = (call >> 16) as u32 & 0xffff;
    world.engines[0].tile = None;
    (world, mark)
}

#[test]
fn a_standby_that_is_told_of_the_mark_leads_and_does_not_make_the_call() {
    let (mut world, mark) = poisoned();
    assert!(world.tile(1).engine().input() < mark.input, "it is not sent what its leader did not outlive");
    let mut marks = engine::Marks::default();
    marks.add(&mark).unwrap();
    assert_eq!(world.lead[1].producer().offer(bytes_of(&mark)), Offer::Sent);
    world.lead(1, 2);
    world.now_ns += STEP_NS;
    world.work(1);
    assert!(world.tile(1).leads());
    world.give_place(1);
    let engine = world.tile(1).engine();
    assert_eq!((engine.slot_run(1), engine.quarantined()), (Some(SlotRun::Disabled), 1 << 1));

    // The one that died follows with a new journal, and does not die of it again.
    world.engines[0].storage = MemoryStorage::new();
    world.engines[0].storage.put(engine::MARKS_FILE, &marks.to_bytes()).unwrap();
    world.start(0, 0, Box::new(PoisonousAlone));
    world.keep_history();
    world.a_while();
    for lots in [POISON_LOTS, 8] {
        world.touch(lots);
        world.both();
    }
    world.a_while();
    let [first, second] = world.states();
    assert_eq!(first, second);
    assert_eq!((world.counter(0, "partner"), world.counter(0, "unfit")), (2, 0));
}

#[test]
fn a_standby_that_is_past_the_marked_call_does_not_lead_without_it() {
    let (mut world, mark) = poisoned();
    let past = Quarantine { input: world.tile(1).engine().input(), ..mark };
    assert_eq!(world.lead[1].producer().offer(bytes_of(&past)), Offer::Sent);
    world.now_ns += STEP_NS;
    world.work(1);
    assert_eq!(world.counter(1, "unfit"), 6);
    world.lead(1, 2);
    world.now_ns += STEP_NS;
    world.work(1);
    assert!(!world.tile(1).leads() && world.counter(1, "unfit") == 6);
}
