//! The tile: links in, journal, fold, links out; what it recorded is what a replay finds.

#[path = "support/outside.rs"]
mod outside;
mod support;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use engine::{
    Engine, EngineTile, EngineTileConfig, NoHost, NoOutbox, QuoteSettings, QuotedListing, Recorded, STATE_FILE,
    STATE_VERSION, replay_reader,
};
use journal::{Mark, MemoryStorage, Reader, Snapshot, snapshot_name};
use links::{Counters, Publication, Subscription};
use outside::{At, End, NoNet, Queue};
use records::*;
use support::{PRICE, SHARE, Script, TICK, VENUE, new_intent};
use tiles::{Context, Storage, Tile};

struct Bench {
    tile: EngineTile,
    script: Script,
    storage: Rc<MemoryStorage>,
    input: Queue,
    commands: Queue,
    outputs: Queue,
    full: Rc<Cell<bool>>,
    counters: Counters,
    now_ns: u64,
}

fn tile_config(epoch: u16) -> EngineTileConfig {
    let mut bootstrap = support::bootstrap(1);
    let mut start: EngineStart = read_from(&bootstrap).unwrap();
    start.epoch = epoch;
    bootstrap[..size_of::<EngineStart>()].copy_from_slice(bytes_of(&start));
    EngineTileConfig {
        engine: support::config(),
        segment_bytes: 64 << 10,
        inputs: vec!["feed_engine".into()],
        commands: vec![(VENUE, "engine_gateway".into())],
        outputs: Some("engine_report".into()),
        ..EngineTileConfig::new("engine", bootstrap)
    }
}

fn bench(storage: Rc<MemoryStorage>, epoch: u16) -> Bench {
    bench_of(storage, epoch, tile_config(epoch), &Queue::default(), &Rc::default())
}

/// The same with a link to another engine, which may be full.
fn bench_of(
    storage: Rc<MemoryStorage>,
    epoch: u16,
    config: EngineTileConfig,
    line: &Queue,
    cut: &Rc<Cell<bool>>,
) -> Bench {
    let script = Script::default();
    let (input, commands, outputs) = (Queue::default(), Queue::default(), Queue::default());
    let full = Rc::new(Cell::new(false));
    let end = |queue: &Queue, full: &Rc<Cell<bool>>| End { queue: queue.clone(), full: full.clone() };
    let never = Rc::new(Cell::new(false));
    let counters = Counters::local();
    let context = Context {
        clock: Rc::new(At(Cell::new(support::START_NS))),
        net: Rc::new(NoNet),
        storage: storage.clone(),
        publications: BTreeMap::from([
            ("engine_gateway".to_owned(), Box::new(end(&commands, &full)) as Box<dyn Publication>),
            ("engine_report".to_owned(), Box::new(end(&outputs, &never)) as Box<dyn Publication>),
            ("engine_line".to_owned(), Box::new(end(line, cut)) as Box<dyn Publication>),
        ]),
        subscriptions: BTreeMap::from([(
            "feed_engine".to_owned(),
            Box::new(end(&input, &never)) as Box<dyn Subscription>,
        )]),
        counters: counters.clone(),
    };
    let tile = EngineTile::new(context, config, Box::new(script.clone())).unwrap();
    let mut bench = Bench {
        tile,
        script,
        storage,
        input,
        commands,
        outputs,
        full,
        counters,
        now_ns: support::START_NS + u64::from(epoch) * 1_000,
    };
    bench.tile.on_start(bench.now_ns).unwrap();
    bench
}

impl Bench {
    fn give<T: Record>(&mut self, record: T) {
        self.input.borrow_mut().push_back(bytes_of(&record).to_vec());
        self.work(2);
    }

    fn work(&mut self, cycles: usize) {
        for _ in 0..cycles {
            self.now_ns += 1_000_000;
            self.tile.do_work(self.now_ns);
        }
    }

    fn rest(&mut self, reference: u64, side: Side, price_nanos: i64) {
        let mut record = MarketOrder::new();
        (record.header.venue, record.header.instrument, record.header.flags) = (VENUE, SHARE, FLAG_LAST);
        record.header.receive_time_ns = self.now_ns;
        (record.order_ref, record.action, record.side) = (reference, BookAction::Add.code(), side.code());
        (record.price_nanos, record.lots) = (price_nanos, 10);
        self.give(record);
    }

    fn up(&mut self) {
        let mut session = Session::new();
        (session.header.venue, session.state) = (VENUE, SessionState::Up.code());
        self.give(session);
        let mut status = Status::new();
        (status.header.venue, status.header.instrument) = (VENUE, SHARE);
        status.trading = TradingState::Trading.code();
        self.give(status);
    }

    fn taken<T: Record>(queue: &Queue) -> Vec<T> {
        let records = queue.borrow();
        let of_kind = records.iter().filter(|record| read_from::<Header>(record).unwrap().kind == T::KIND as u16);
        of_kind.map(|record| read_from(record).unwrap()).collect()
    }

    fn recorded(&self) -> Recorded {
        let segment = self.storage.open(STATE_FILE, engine::STATE_FILE_BYTES).unwrap();
        Recorded::read(std::str::from_utf8(segment.bytes()).unwrap()).unwrap()
    }
}

#[test]
fn the_loop_runs_and_a_replay_agrees() {
    let mut bench = bench(MemoryStorage::new(), 1);
    bench.up();
    bench.rest(1, Side::Buy, PRICE - TICK);
    let plan = (Callback::Book, vec![new_intent(Side::Buy, 5)]);
    bench.script.0.borrow_mut().plans.push_back(plan);
    bench.rest(2, Side::Sell, PRICE + TICK);
    let orders = Bench::taken::<NewOrder>(&bench.commands);
    assert_eq!(orders.len(), 1);
    assert!(!Bench::taken::<Heartbeat>(&bench.commands).is_empty());
    assert!(!Bench::taken::<Applied>(&bench.outputs).is_empty());
    let mut event = support::event_of(orders[0].owner.order_id, OrderEventKind::Filled);
    (event.owner, event.lots, event.price_nanos, event.execution_id) = (orders[0].owner, 5, PRICE, 9);
    bench.give(event);
    assert_eq!(Bench::taken::<Position>(&bench.outputs)[0].lots, 5);
    for reference in 3..2_000 {
        bench.rest(reference, Side::Buy, PRICE - TICK * (reference as i64 % 20 + 1));
    }
    bench.tile.on_close(bench.now_ns);
    let recorded = bench.recorded();
    assert!(recorded.closed && recorded.input > 2_000);
    let mut reader = Reader::from_segments(bench.storage.segments()).unwrap();
    let script = Script::default();
    let mut playback = script.clone();
    // The same plan at the same call: the second book callback of the run.
    let _ = &mut playback;
    script.0.borrow_mut().plans.push_back((Callback::Start, vec![]));
    script.0.borrow_mut().plans.push_back((Callback::Status, vec![]));
    script.0.borrow_mut().plans.push_back((Callback::Status, vec![]));
    script.0.borrow_mut().plans.push_back((Callback::Book, vec![]));
    script.0.borrow_mut().plans.push_back((Callback::Book, vec![new_intent(Side::Buy, 5)]));
    let replay = replay_reader(&mut reader, Some(recorded), Box::new(script), &mut NoOutbox, &mut |_, _| {}).unwrap();
    assert_eq!(replay.agrees(), Some(true), "{replay:?}");
    assert!(replay.summary.segments > 1 && replay.summary.closed);
    // Another strategy is another run, and the comparison says so.
    let mut reader = Reader::from_segments(bench.storage.segments()).unwrap();
    let replay = replay_reader(&mut reader, Some(recorded), Box::new(NoHost), &mut NoOutbox, &mut |_, _| {}).unwrap();
    assert_eq!(replay.agrees(), Some(false));
}

#[test]
fn a_full_link_gives_the_hold_back_through_the_journal() {
    let mut bench = bench(MemoryStorage::new(), 1);
    bench.up();
    bench.rest(2, Side::Sell, PRICE + TICK);
    bench.full.set(true);
    let plan = (Callback::Book, vec![new_intent(Side::Buy, 5)]);
    bench.script.0.borrow_mut().plans.push_back(plan);
    bench.rest(1, Side::Buy, PRICE - TICK);
    assert_eq!(bench.tile.engine().statistics().orders, 1);
    assert_eq!(bench.tile.engine().live_orders().count(), 0);
    let told = bench.script.0.borrow().heard.iter().any(|(_, heard)| {
        matches!(heard, support::Heard::Order(view) if view.state == u32::from(OrderState::NotSent.code())
            && view.reason == u32::from(Reason::BackPressure.code()))
    });
    assert!(told);
}

/// An engine that tells the engine of shard 2 of a listing.
fn telling(instrument: u32) -> EngineTileConfig {
    let mut peer = Peer::new();
    (peer.shard, peer.repeat_ns, peer.silence_ns, peer.age_ns_max) = (2, 1_000_000, 2_000_000, 2_000_000);
    let listings = vec![QuotedListing { venue: VENUE, instrument }];
    let quotes = QuoteSettings {
        region: "new-york".to_owned(),
        interval_ns: 1_000_000,
        repeat_ns: 50_000_000,
        to: [(2, listings)].into(),
    };
    EngineTileConfig { peers: vec![(peer, "engine_line".into())], quotes: Some(quotes), ..tile_config(1) }
}

#[test]
fn best_prices_leave_beside_the_fold_and_a_full_link_delays_them() {
    let (line, cut) = (Queue::default(), Rc::new(Cell::new(false)));
    let mut bench = bench_of(MemoryStorage::new(), 1, telling(SHARE), &line, &cut);
    bench.up();
    bench.rest(1, Side::Buy, PRICE - TICK);
    let told: Vec<RegionQuote> = Bench::taken(&line);
    let last = told.last().unwrap();
    assert_eq!((last.bid_nanos, last.bid_lots, last.ask_nanos), (PRICE - TICK, 10, UNDEF_PRICE));
    assert_eq!(told[0].state, RegionQuoteState::NotTrading.code(), "before the venue said that it trades");
    cut.set(true);
    bench.rest(2, Side::Sell, PRICE + TICK);
    bench.work(3);
    assert_eq!(Bench::taken::<RegionQuote>(&line).len(), told.len());
    cut.set(false);
    bench.work(1);
    let after: Vec<RegionQuote> = Bench::taken(&line);
    assert_eq!((after.len(), after.last().unwrap().ask_nanos), (told.len() + 1, PRICE + TICK));
    bench.work(100);
    assert_eq!(Bench::taken::<RegionQuote>(&line).len(), told.len() + 3, "and again every 50 ms");
    // They are no part of what is journaled.
    bench.tile.on_close(bench.now_ns);
    let recorded = bench.recorded();
    let mut reader = Reader::from_segments(bench.storage.segments()).unwrap();
    let mut kinds = Vec::new();
    let mut note = |record: &[u8], _: &engine::Engine| kinds.push(read_from::<Header>(record).unwrap().kind);
    let host = Box::new(Script::default());
    let replay = replay_reader(&mut reader, Some(recorded), host, &mut NoOutbox, &mut note).unwrap();
    assert_eq!(replay.agrees(), Some(true), "{replay:?}");
    assert!(!kinds.contains(&(RegionQuote::KIND as u16)) && kinds.len() > 10);
}

#[test]
fn a_listing_that_the_engine_does_not_know_refuses_the_start() {
    let context = Context {
        clock: Rc::new(At(Cell::new(support::START_NS))),
        net: Rc::new(NoNet),
        storage: MemoryStorage::new(),
        publications: ["engine_gateway", "engine_report", "engine_line"]
            .map(|name| {
                (
                    name.to_owned(),
                    Box::new(End { queue: Queue::default(), full: Rc::default() }) as Box<dyn Publication>,
                )
            })
            .into(),
        subscriptions: BTreeMap::from([(
            "feed_engine".to_owned(),
            Box::new(End { queue: Queue::default(), full: Rc::default() }) as Box<dyn Subscription>,
        )]),
        counters: Counters::local(),
    };
    let mut tile = EngineTile::new(context, telling(77), Box::new(NoHost)).unwrap();
    let error = tile.on_start(support::START_NS).unwrap_err();
    assert_eq!(error.0, "engine.quotes.to.2: instrument 77 at venue 1: must be a listing of the reference data");
}

#[test]
fn silence_becomes_timers() {
    let mut bench = bench(MemoryStorage::new(), 1);
    bench.work(100);
    let before = bench.tile.engine().input();
    bench.work(100);
    assert_eq!(bench.tile.engine().input() - before, 10);
}

#[test]
fn a_restart_goes_on_where_the_journal_ends() {
    let storage = MemoryStorage::new();
    let mut first = bench(storage.clone(), 1);
    first.up();
    first.rest(2, Side::Sell, PRICE + TICK);
    let plan = (Callback::Book, vec![new_intent(Side::Buy, 5)]);
    first.script.0.borrow_mut().plans.push_back(plan.clone());
    first.rest(1, Side::Buy, PRICE - TICK);
    let id = Bench::taken::<NewOrder>(&first.commands)[0].owner.order_id;
    let input = first.tile.engine().input();
    drop(first); // Not closed: it died.
    // Code is the same on both sides of a restart, so the script is played again for the journal's part.
    let script = Script::default();
    for callback in [Callback::Start, Callback::Status, Callback::Status, Callback::Book] {
        script.0.borrow_mut().plans.push_back((callback, vec![]));
    }
    script.0.borrow_mut().plans.push_back(plan);
    let context = Context {
        clock: Rc::new(At(Cell::new(support::START_NS))),
        net: Rc::new(NoNet),
        storage: storage.clone(),
        publications: BTreeMap::from([
            (
                "engine_gateway".to_owned(),
                Box::new(End { queue: Queue::default(), full: Rc::default() }) as Box<dyn Publication>,
            ),
            (
                "engine_report".to_owned(),
                Box::new(End { queue: Queue::default(), full: Rc::default() }) as Box<dyn Publication>,
            ),
        ]),
        subscriptions: BTreeMap::from([(
            "feed_engine".to_owned(),
            Box::new(End { queue: Queue::default(), full: Rc::default() }) as Box<dyn Subscription>,
        )]),
        counters: Counters::local(),
    };
    let mut second = EngineTile::new(context, tile_config(2), Box::new(script)).unwrap();
    second.on_start(support::START_NS + 1_000_000_000).unwrap();
    assert!(second.engine().input() > input);
    assert_eq!(second.engine().identity().epoch, 2);
    assert_eq!(second.engine().order(id).unwrap().state(), OrderState::Unknown);
    assert_eq!(second.engine().live_orders().next().unwrap().1, 5);
    second.on_close(support::START_NS + 1_000_000_000);
    let summary = Reader::from_segments(storage.segments()).and_then(|mut reader| reader.verify());
    assert_eq!(summary.map(|summary| summary.last.sequence).unwrap_or(0), second.engine().input());
}

#[test]
fn the_journal_of_another_engine_refuses_the_start() {
    let storage = MemoryStorage::new();
    drop(bench(storage.clone(), 1));
    let mut config = tile_config(2);
    let mut start: EngineStart = read_from(&config.bootstrap).unwrap();
    let ours = start.shard;
    start.shard = 9;
    config.bootstrap[..size_of::<EngineStart>()].copy_from_slice(bytes_of(&start));
    let end = || Box::new(End { queue: Queue::default(), full: Rc::default() });
    let context = Context {
        clock: Rc::new(At(Cell::new(support::START_NS))),
        net: Rc::new(NoNet),
        storage,
        publications: ["engine_gateway", "engine_report"]
            .map(|name| (name.to_owned(), end() as Box<dyn Publication>))
            .into(),
        subscriptions: [("feed_engine".to_owned(), end() as Box<dyn Subscription>)].into(),
        counters: Counters::local(),
    };
    let mut tile = EngineTile::new(context, config, Box::new(NoHost)).unwrap();
    let error = tile.on_start(support::START_NS + 1_000_000).unwrap_err();
    let text = "engine: the journal that stands is of firm 1, shard SHARD; this engine is firm 1, shard 9";
    assert_eq!(error.0, text.replace("SHARD", &ours.to_string()));
}

#[test]
fn everything_wrong_with_a_wiring_is_said_at_once() {
    let context = Context {
        clock: Rc::new(At(Cell::new(0))),
        net: Rc::new(NoNet),
        storage: MemoryStorage::new(),
        publications: BTreeMap::new(),
        subscriptions: BTreeMap::new(),
        counters: Counters::local(),
    };
    let mut config = tile_config(1);
    config.engine.orders_max = 1;
    config.bootstrap.clear();
    config.commands.push((99, "engine_gateway".into()));
    let Err(error) = EngineTile::new(context, config, Box::new(NoHost)) else { panic!() };
    for part in
        ["orders_max = 1", "no link feed_engine", "no link engine_gateway", "no link engine_report", "EngineStart"]
    {
        assert!(error.0.contains(part), "{part}: {error}");
    }
}

#[test]
fn code_that_is_not_there_refuses_the_start() {
    let script = Script::default();
    script.0.borrow_mut().refuse_load = true;
    let error = start_with(script).unwrap_err();
    assert!(error.0.contains("Slot of 1") && error.0.contains("refused"), "{error}");
}

fn start_with(script: Script) -> Result<(), tiles::StartError> {
    let end = || End { queue: Queue::default(), full: Rc::default() };
    let context = Context {
        clock: Rc::new(At(Cell::new(support::START_NS))),
        net: Rc::new(NoNet),
        storage: MemoryStorage::new(),
        publications: BTreeMap::from([
            ("engine_gateway".to_owned(), Box::new(end()) as Box<dyn Publication>),
            ("engine_report".to_owned(), Box::new(end()) as Box<dyn Publication>),
        ]),
        subscriptions: BTreeMap::from([("feed_engine".to_owned(), Box::new(end()) as Box<dyn Subscription>)]),
        counters: Counters::local(),
    };
    EngineTile::new(context, tile_config(1), Box::new(script))?.on_start(support::START_NS)
}

/// The state behind each of these inputs of a journal that stands, as a shadow would have put it beside the segments.
fn shadowed(storage: &Rc<MemoryStorage>, inputs: &[u64]) -> Vec<Snapshot> {
    let mut reader = Reader::from_segments(storage.segments()).unwrap();
    let mut engine = Engine::new(support::config(), Box::new(Script::default()));
    let mut made = Vec::new();
    while let Some((stamp, record)) = reader.next().unwrap() {
        engine.apply(stamp, record, &mut NoOutbox);
        if inputs.contains(&stamp.sequence) {
            let (segment, offset) = reader.position();
            let mark = Mark { sequence: stamp.sequence, time_ns: stamp.time_ns, segment, offset };
            let single = storage.segments().into_iter().filter(|(number, _)| *number == segment).collect();
            let identity = *Reader::from_segments(single).unwrap().identity();
            made.push(Snapshot::new(identity, mark, engine.state_hash(), STATE_VERSION, engine.save()));
        }
    }
    assert_eq!(made.len(), inputs.len());
    made
}

/// A journal of more than one segment, its writer closed or killed, and the hash that its engine had.
fn lived(storage: &Rc<MemoryStorage>, close: bool) -> (u64, u64) {
    let mut bench = bench(storage.clone(), 1);
    bench.up();
    for reference in 1..1_200 {
        bench.rest(reference, Side::Buy, PRICE - TICK * (reference as i64 % 20 + 1));
    }
    let engine = bench.tile.engine();
    let (hash, input) = (engine.full_hash(), engine.input());
    if close {
        bench.tile.on_close(bench.now_ns);
    }
    (hash, input)
}

#[test]
fn an_engine_goes_on_from_the_newest_snapshot_as_from_its_whole_journal() {
    for close in [true, false] {
        let whole = MemoryStorage::new();
        let (_, last) = lived(&whole, close);
        let (from_begin, from_snapshot) = (MemoryStorage::new(), MemoryStorage::new());
        lived(&from_begin, close);
        lived(&from_snapshot, close);
        for snapshot in shadowed(&from_snapshot, &[10, last / 2, last - 3]) {
            snapshot.store(&*from_snapshot, 3).unwrap();
        }
        let ends: Vec<_> = [(&from_begin, 0), (&from_snapshot, last - 3)]
            .into_iter()
            .map(|(storage, from)| {
                let mut bench = bench(storage.clone(), 2);
                assert_eq!(bench.counters.counter("started_from_input").get(), from);
                bench.up();
                for reference in 2_000..2_200 {
                    bench.rest(reference, Side::Sell, PRICE + TICK * (reference as i64 % 9 + 1));
                }
                let engine = bench.tile.engine();
                let hashes = (engine.input(), engine.state_hash(), engine.full_hash());
                bench.tile.on_close(bench.now_ns);
                let recorded = bench.recorded();
                let mut reader = Reader::from_segments(storage.segments()).unwrap();
                let host = Box::new(Script::default());
                let replay = replay_reader(&mut reader, Some(recorded), host, &mut NoOutbox, &mut |_, _| {}).unwrap();
                assert_eq!((replay.agrees(), replay.recorded_full()), (Some(true), Some(replay.full_hash)));
                hashes
            })
            .collect();
        assert_eq!(ends[0], ends[1], "closed: {close}");
    }
}

#[test]
fn a_snapshot_that_is_damaged_foreign_or_of_no_place_here_is_passed_over_and_counted() {
    let storage = MemoryStorage::new();
    let (_, last) = lived(&storage, true);
    let mut made = shadowed(&storage, &[last - 9, last - 8, last - 7, last - 6, last - 5, last - 4]).into_iter();
    let mut put = |change: &dyn Fn(&mut Snapshot)| {
        let mut snapshot = made.next().unwrap();
        change(&mut snapshot);
        let name = snapshot_name(snapshot.head.mark.sequence);
        storage.put(&name, &snapshot.bytes()).unwrap();
        name
    };
    put(&|_| {});
    put(&|snapshot| snapshot.head.identity.shard += 1);
    put(&|snapshot| snapshot.head.state_version += 1);
    put(&|snapshot| snapshot.head.mark.time_ns += 1);
    put(&|snapshot| snapshot.head.mark.offset += 8);
    let torn = put(&|_| {});
    let bytes = storage.read(&torn).unwrap();
    storage.put(&torn, &bytes[..bytes.len() / 2]).unwrap();
    let bench = bench(storage, 2);
    let counts = ["started_from_input", "snapshots_damaged", "snapshots_foreign", "snapshots_unfit"];
    assert_eq!(counts.map(|name| bench.counters.counter(name).get()), [last - 9, 1, 2, 2]);
}

#[test]
fn a_snapshot_behind_the_hole_of_a_lost_host_is_passed_over() {
    let storage = MemoryStorage::new();
    storage.set_boot(1);
    let (_, last) = lived(&storage, false);
    for snapshot in shadowed(&storage, &[10, last - 3]) {
        snapshot.store(&*storage, 3).unwrap();
    }
    let bytes = tile_config(1).segment_bytes;
    let hole = bytes / 2..bytes / 2 + 512;
    storage.open(&journal::segment_name(0), bytes).unwrap().bytes_mut()[hole].fill(0);
    storage.set_boot(2);
    let mut bench = bench(storage.clone(), 2);
    let counts = ["started_from_input", "snapshots_unfit"];
    assert_eq!(counts.map(|name| bench.counters.counter(name).get()), [10, 1]);
    assert!(bench.tile.engine().input() < last - 3 && bench.counters.counter("journal_torn_bytes").get() > 512);
    bench.tile.on_close(bench.now_ns);
    let mut reader = Reader::from_segments(storage.segments()).unwrap();
    let replay =
        replay_reader(&mut reader, Some(bench.recorded()), Box::new(Script::default()), &mut NoOutbox, &mut |_, _| {});
    assert_eq!(replay.unwrap().agrees(), Some(true));
}

#[test]
fn a_snapshot_ahead_of_its_journal_is_passed_over_and_without_another_all_is_folded() {
    let storage = MemoryStorage::new();
    let (_, last) = lived(&storage, true);
    let ahead = shadowed(&storage, &[last]).remove(0);
    let shorter = MemoryStorage::new();
    let mut short = bench(shorter.clone(), 1);
    short.up();
    short.tile.on_close(short.now_ns);
    ahead.store(&*shorter, 3).unwrap();
    let bench = bench(shorter, 2);
    let counts = ["started_from_input", "snapshots_unfit"];
    assert_eq!(counts.map(|name| bench.counters.counter(name).get()), [0, 1]);
    assert!(bench.tile.engine().input() > 20);
}

#[test]
fn an_engine_whose_journal_lost_its_begin_starts_from_its_snapshot_or_is_refused_with_what_is_missing() {
    let storage = MemoryStorage::new();
    let (_, last) = lived(&storage, true);
    let first = Reader::from_segments(storage.segments().split_off(1)).unwrap().verify().unwrap().first.sequence;
    let snapshot = shadowed(&storage, &[last - 3]).remove(0);
    assert!(first > 1 && snapshot.head.mark.segment > 0, "{first}");
    storage.remove(&journal::segment_name(0)).unwrap();
    let text = format!(r#"{{"version": 1, "segment": 1, "sequence": {first}, "shipped_to": "s3://kept/here"}}"#);
    storage.put(journal::RETAINED_FILE, text.as_bytes()).unwrap();
    let end = || Box::new(End { queue: Queue::default(), full: Rc::default() });
    let context = Context {
        clock: Rc::new(At(Cell::new(support::START_NS))),
        net: Rc::new(NoNet),
        storage: storage.clone(),
        publications: ["engine_gateway", "engine_report"]
            .map(|name| (name.to_owned(), end() as Box<dyn Publication>))
            .into(),
        subscriptions: [("feed_engine".to_owned(), end() as Box<dyn Subscription>)].into(),
        counters: Counters::local(),
    };
    let mut refused = EngineTile::new(context, tile_config(2), Box::new(Script::default())).unwrap();
    let told = refused.on_start(support::START_NS + 1_000_000).expect_err("its begin is gone").0;
    let needed = format!("engine: journal: it begins at record {first} (segment 1); 1 to {} are needed: ", first - 1);
    let rest = "`meridian journal fetch` brings them from s3://kept/here; no snapshot beside it fits";
    assert_eq!(told, format!("{needed}{rest}"));
    snapshot.store(&*storage, 3).unwrap();
    let bench = bench(storage, 2);
    assert_eq!(bench.counters.counter("started_from_input").get(), last - 3);
}
