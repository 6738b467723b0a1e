//! The fold takes no memory after its configuration: an allocator that counts proves it, with the journal's append included.

#[path = "../../../tests/counting.rs"]
mod counting;
mod pair;
mod support;

use std::cell::Cell;

use engine::{Engine, EngineConfig, EventRef, Host, Merger, Outbox, QuoteSettings, QuotedListing, RegionQuotes, Wants};
use journal::{Identity, JournalConfig, MemoryStorage, Writer};
use records::*;
use support::{OTHER_VENUE, PRICE, SHARE, TICK, VENUE};

/// Quotes, replaces, cancels, and asks for too much now and then.
#[derive(Default)]
struct Quoter {
    turn: u64,
    /// Multi-leg orders instead.
    legs: bool,
    /// With one leg in another engine.
    far: bool,
    consolidated: std::rc::Rc<Cell<u64>>,
}

impl Host for Quoter {
    fn wants(&self, _slot: u8) -> Wants {
        Wants::new(u64::MAX, |_| true)
    }

    fn call(&mut self, _slot: u8, callback: Callback, _event: EventRef<'_>, orders: &mut OrdersView) -> u32 {
        if callback == Callback::Consolidated {
            self.consolidated.set(self.consolidated.get() + 1);
        }
        if callback == Callback::Book {
            self.turn += 1;
            let turn = self.turn / 3;
            let working = orders.working[0];
            let side = if orders.listings[0].position_lots > 0 { Side::Sell } else { Side::Buy };
            let other = if orders.listings[2].position_lots > 0 { Side::Sell } else { Side::Buy };
            let count = orders.working_count;
            let mut put = |intent: OrderIntent| {
                orders.intents[orders.intents_count as usize] = intent;
                orders.intents_count += 1;
            };
            match (count, turn % 5) {
                _ if self.far => {
                    put(support::leg_intent(0, side, PRICE, if turn % 20 < 10 { 2 } else { 5 }, PRICE));
                    put(support::leg_intent(1, other, PRICE, 2, PRICE));
                    put(support::multi_leg_intent(30_000_000, 90_000_000, turn % 4 == 3, turn));
                }
                (0, _) => {
                    put(support::new_intent(side, 5));
                    put(support::new_intent(Side::Sell, 100_000));
                }
                (0..8, _) if self.legs => {
                    put(support::leg_intent(0, side, PRICE, if turn % 20 < 10 { 2 } else { 5 }, PRICE));
                    put(support::leg_intent(2, other, PRICE, 2, PRICE));
                    put(support::multi_leg_intent(3_000_000, 9_000_000, turn % 4 == 3, turn));
                }
                (_, 0) => put(support::cancel_intent(working.order_id)),
                (_, 1) => put(support::replace_intent(working.order_id, PRICE - TICK, 7)),
                (1..4, _) => put(support::new_intent(side, 5)),
                _ => {}
            }
        }
        0
    }
}

/// Keeps the last few commands for a venue to answer.
struct Venue {
    commands: [Option<RecordRef>; 64],
    count: usize,
    /// What was said to another engine.
    peers: [Option<RecordRef>; 64],
    peers_count: usize,
}

impl Venue {
    fn new() -> Self {
        Self { commands: [None; 64], count: 0, peers: [None; 64], peers_count: 0 }
    }
}

impl Outbox for Venue {
    fn command(&mut self, _venue: u16, record: &[u8]) {
        if self.count < self.commands.len() {
            self.commands[self.count] = parse(record).ok();
            self.count += 1;
        }
    }

    fn output(&mut self, _record: &[u8]) {}

    fn peer(&mut self, _shard: u16, record: &[u8]) {
        if self.peers_count < self.peers.len() {
            self.peers[self.peers_count] = parse(record).ok();
            self.peers_count += 1;
        }
    }
}

fn market(turn: u64) -> MarketOrder {
    let mut record = MarketOrder::new();
    (record.header.venue, record.header.instrument, record.header.flags) = (VENUE, SHARE, FLAG_LAST);
    record.side = 1 + (turn % 2) as u8;
    let add = (turn / 2).is_multiple_of(2);
    record.order_ref = turn / 4 * 2 + turn % 2 + 1;
    record.action = if add { BookAction::Add.code() } else { BookAction::Delete.code() };
    record.price_nanos = if turn.is_multiple_of(2) { PRICE - TICK } else { PRICE + TICK };
    record.lots = if add { 10 } else { 0 };
    record
}

/// An order of the other venue that locks the market, and goes.
fn elsewhere(turn: u64) -> MarketOrder {
    let mut record = MarketOrder::new();
    (record.header.venue, record.header.instrument, record.header.flags) = (OTHER_VENUE, SHARE, FLAG_LAST);
    record.side = Side::Sell.code();
    record.order_ref = turn / 2 + 1;
    let add = turn.is_multiple_of(2);
    record.action = if add { BookAction::Add.code() } else { BookAction::Delete.code() };
    (record.price_nanos, record.lots) = (PRICE - TICK, i64::from(add));
    record
}

fn answer(command: &RecordRef, execution: u64, out: &mut [OrderEvent; 3]) -> usize {
    let event = |owner: Owner, kind: OrderEventKind, side: u8| {
        let mut event = OrderEvent::new();
        (event.header.venue, event.header.instrument, event.owner) = (VENUE, SHARE, owner);
        (event.event, event.side) = (kind.code(), side);
        (event.price_nanos, event.leaves_lots, event.cumulative_lots) = (UNDEF_PRICE, -1, -1);
        event
    };
    match command {
        RecordRef::NewOrder(order) => {
            out[0] = event(order.owner, OrderEventKind::Accepted, order.side);
            out[1] = event(order.owner, OrderEventKind::Filled, order.side);
            (out[1].lots, out[1].price_nanos, out[1].execution_id) = (2, PRICE, execution);
            2
        }
        RecordRef::ReplaceOrder(order) => {
            out[0] = event(order.owner, OrderEventKind::Replaced, order.side);
            (out[0].original_id, out[0].lots) = (order.original_id, order.lots);
            1
        }
        RecordRef::CancelOrder(order) => {
            out[0] = event(order.owner, OrderEventKind::Canceled, 0);
            1
        }
        _ => 0,
    }
}

struct Loop {
    engine: Engine,
    merger: Merger,
    venue: Venue,
    now_ns: u64,
}

impl Loop {
    fn give(&mut self, record: &[u8]) {
        self.now_ns += 700_000;
        let stamp = self.merger.stamp(self.now_ns, record).unwrap();
        self.engine.apply(stamp, record, &mut self.venue);
    }

    fn turn(&mut self, turn: u64) {
        self.give(bytes_of(&market(turn)));
        self.give(bytes_of(&elsewhere(turn)));
        self.answer(turn);
    }

    /// The venues answer what was sent.
    fn answer(&mut self, turn: u64) {
        let mut events = [OrderEvent::new(); 3];
        let mut at = 0;
        while at < self.venue.count {
            if let Some(command) = self.venue.commands[at] {
                let count = answer(&command, turn * 64 + at as u64 + 1, &mut events);
                for event in &mut events[..count] {
                    if let RecordRef::NewOrder(order) = &command {
                        event.header.venue = order.header.venue;
                    }
                    self.give(bytes_of(event));
                }
            }
            at += 1;
        }
        self.venue.count = 0;
    }
}

/// An engine with a journal and two slots, whose venues trade.
fn configured(quoter: Quoter) -> Loop {
    configured_by(quoter, &support::bootstrap(2))
}

fn configured_by(quoter: Quoter, first_inputs: &[u8]) -> Loop {
    let identity = Identity { settings: support::config().words(), ..Identity::default() };
    let journal = JournalConfig { segment_bytes: 1 << 26, ..JournalConfig::new(identity) };
    let writer = Writer::create(MemoryStorage::new(), journal).unwrap();
    let mut world = Loop {
        engine: Engine::new(support::config(), Box::new(quoter)),
        merger: Merger::new(Some(writer), Stamp::zeroed()),
        venue: Venue::new(),
        now_ns: support::START_NS,
    };
    for record in support::records_of(first_inputs) {
        world.give(&record);
    }
    for venue in [VENUE, OTHER_VENUE] {
        let mut session = Session::new();
        (session.header.venue, session.state) = (venue, SessionState::Up.code());
        world.give(bytes_of(&session));
    }
    for (venue, instrument) in [(VENUE, SHARE), (VENUE, support::FUTURE), (OTHER_VENUE, SHARE)] {
        let mut status = Status::new();
        (status.header.venue, status.header.instrument) = (venue, instrument);
        status.trading = TradingState::Trading.code();
        world.give(bytes_of(&status));
    }
    world
}

#[test]
fn no_allocation_after_configuration() {
    let told = std::rc::Rc::new(Cell::new(0));
    let mut world = configured(Quoter { consolidated: told.clone(), ..Quoter::default() });
    let ((), calls) = counting::counted(|| (0..50_000).for_each(|turn| world.turn(turn)));
    let statistics = world.engine.statistics();
    assert!(statistics.orders > 10_000 && statistics.fills > 10_000 && statistics.refused > 1_000, "{statistics:?}");
    assert!(statistics.replaces > 100 && statistics.cancels > 100, "{statistics:?}");
    assert!(told.get() > 50_000, "{} changes of the consolidated book were told", told.get());
    assert_eq!(calls, 0);
}

#[test]
fn no_allocation_for_multi_leg_orders() {
    let mut world = configured(Quoter { legs: true, ..Quoter::default() });
    let ((), calls) = counting::counted(|| (0..20_000).for_each(|turn| world.turn(turn)));
    let statistics = world.engine.statistics();
    assert!(statistics.multi_legs > 1_000 && statistics.cancels > 100, "{statistics:?}");
    assert!(statistics.orders > 2 * statistics.multi_legs, "some are unwound: {statistics:?}");
    assert_eq!(calls, 0);
}

/// What one engine said reaches the other.
fn carry(from: &mut Loop, to: &mut Loop) {
    to.now_ns = to.now_ns.max(from.now_ns);
    for at in 0..std::mem::take(&mut from.venue.peers_count) {
        match from.venue.peers[at] {
            Some(RecordRef::ExecutorRequest(record)) => to.give(bytes_of(&record)),
            Some(RecordRef::ExecutorAnswer(record)) => to.give(bytes_of(&record)),
            _ => {}
        }
    }
}

#[test]
fn no_allocation_for_legs_in_another_engine() {
    let quoter = Quoter { legs: true, far: true, ..Quoter::default() };
    let mut near = configured_by(quoter, &pair::first_inputs(pair::NEAR));
    let mut far = configured_by(Quoter::default(), &pair::first_inputs(pair::FAR));
    for (world, shard) in [(&mut near, pair::FAR), (&mut far, pair::NEAR)] {
        let mut peer = pair::peer(shard);
        (peer.repeat_ns, peer.silence_ns, peer.age_ns_max) = (5_000_000, 500_000_000, 400_000_000);
        world.give(bytes_of(&peer));
    }
    let ((), calls) = counting::counted(|| {
        for turn in 0..10_000 {
            near.turn(turn);
            carry(&mut near, &mut far);
            far.give(bytes_of(&Timer::new()));
            far.answer(turn);
            carry(&mut far, &mut near);
            near.answer(turn);
        }
    });
    let (asked, run) = (near.engine.statistics(), far.engine.statistics());
    assert!(asked.multi_legs > 1_000 && run.orders > 1_000, "{asked:?} {run:?}");
    assert_eq!(calls, 0);
}

#[test]
fn no_allocation_for_best_prices_of_other_regions() {
    let mut near = configured(Quoter::default());
    let mut far = configured(Quoter::default());
    let listings = [(VENUE, SHARE), (OTHER_VENUE, SHARE)];
    let listings = listings.map(|(venue, instrument)| QuotedListing { venue, instrument }).to_vec();
    let mut teller = RegionQuotes::new(Some(&QuoteSettings {
        region: "far".to_owned(),
        interval_ns: 1_000_000,
        repeat_ns: 100_000_000,
        to: [(1, listings)].into(),
    }));
    let mut told = 0;
    let ((), calls) = counting::counted(|| {
        for turn in 0..10_000 {
            far.turn(turn);
            near.now_ns = near.now_ns.max(far.now_ns);
            let Loop { engine, now_ns, .. } = &far;
            teller.work(*now_ns, engine, &mut |_, record| {
                near.give(record);
                told += 1;
                true
            });
            near.turn(turn);
            far.now_ns = near.now_ns;
        }
    });
    assert!(told > 10_000 && near.engine.statistics().unused == 0, "{told} were told");
    assert_eq!(calls, 0);
}

/// Pages that this thread met for the first time until now.
fn pages_met() -> u64 {
    let line = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
    let (_, behind_name) = line.rsplit_once(')').unwrap();
    behind_name.split_whitespace().nth(7).unwrap().parse().unwrap()
}

#[test]
fn no_page_is_met_for_the_first_time_in_a_pass() {
    let config = EngineConfig { executions_max: 1 << 17, orders_max: 1 << 15, ..support::config() };
    let mut world = without_journal(config);
    world.engine.touch_memory();
    // The strategy's own and the stack's pages.
    (0..200).for_each(|turn| world.turn(turn));
    let before = pages_met();
    (200..50_000).for_each(|turn| world.turn(turn));
    let met = pages_met() - before;
    let statistics = world.engine.statistics();
    assert!(statistics.fills > 10_000, "a page is met each forty of them: {statistics:?}");
    assert!(met < 20, "{met} pages");
}

fn without_journal(config: EngineConfig) -> Loop {
    let mut world = Loop {
        engine: Engine::new(config, Box::new(Quoter::default())),
        merger: Merger::new(None, Stamp::zeroed()),
        venue: Venue::new(),
        now_ns: support::START_NS,
    };
    for record in support::records_of(&support::bootstrap(1)) {
        world.give(&record);
    }
    let mut session = Session::new();
    (session.header.venue, session.state) = (VENUE, SessionState::Up.code());
    world.give(bytes_of(&session));
    for instrument in [support::SHARE, support::FUTURE] {
        let mut status = Status::new();
        (status.header.venue, status.header.instrument) = (VENUE, instrument);
        status.trading = TradingState::Trading.code();
        world.give(bytes_of(&status));
    }
    world
}

#[test]
fn a_pass_is_fast() {
    // Far above what a release build takes: only that it is no other order of magnitude.
    let mut world = without_journal(support::config());
    let turns = 50_000;
    let start = std::time::Instant::now();
    for turn in 0..turns {
        world.turn(turn);
    }
    let inputs = world.engine.input();
    let each = start.elapsed().as_nanos() as u64 / inputs;
    println!("{each} ns an input ({inputs} inputs, {:?})", world.engine.statistics());
    assert!(each < 50_000);
}
