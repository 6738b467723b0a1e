//! A small world for tests: two venues, two instruments, slots with a scripted host, everything recorded.
#![allow(dead_code)] // Each test file uses its part.

mod twin;

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use engine::{Engine, EngineConfig, EventRef, Host, Outbox, Wants};
use records::*;

pub const VENUE: u16 = 1;
pub const OTHER_VENUE: u16 = 2;
pub const SHARE: u32 = 1;
pub const FUTURE: u32 = 2;
pub const ACCOUNT: u32 = 4;
pub const SLOT: u8 = 1;
pub const PRICE: i64 = 100 * NANOS;
pub const TICK: i64 = NANOS / 100;
pub const START_NS: u64 = ORDER_DAY_ZERO_NS + 2000 * DAY_NS;

/// Numbers by seed (splitmix64).
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// What a scripted strategy was told.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant)] // A test's notes.
pub enum Heard {
    Book(BookView),
    Trade(TradeView),
    Status(StatusView),
    Order(OrderView),
    Fill(FillView),
    Timer(u64),
    Consolidated(ConsolidatedView),
    Risk(RiskView),
    Auction(AuctionView),
    Signal(SignalView),
    MultiLeg(MultiLegView),
}

/// A host that writes what it is told to write.
#[derive(Clone, Default)]
pub struct Script(pub Rc<RefCell<ScriptState>>);

#[derive(Default)]
pub struct ScriptState {
    pub heard: Vec<(u8, Heard)>,
    pub views: Vec<OrdersView>,
    pub keep_views: bool,
    /// Intents for the next callback of this kind.
    pub plans: VecDeque<(Callback, Vec<OrderIntent>)>,
    /// The status of the next callback of this kind.
    pub failure: Option<(Callback, u32)>,
    /// The same intent at every callback of this kind.
    pub always: Option<(Callback, OrderIntent)>,
    pub refuse_load: bool,
    /// What every slot's class looks at.
    pub wants: Wants,
    /// Calls so far, and which of them made which intents.
    pub calls: usize,
    pub taken: Vec<(usize, Vec<OrderIntent>)>,
    /// The intents of calls by their number: what another run took.
    pub by_call: BTreeMap<usize, Vec<OrderIntent>>,
    /// What the calls of this pass were given and what came of them, for the twin.
    pub answers: VecDeque<twin::Answer>,
}

impl Host for Script {
    fn load(&mut self, _slot: &Slot) -> Result<(), CallStatus> {
        if self.0.borrow().refuse_load { Err(CallStatus::Raised) } else { Ok(()) }
    }

    fn set_parameter(&mut self, parameter: &Parameter) -> Result<(), CallStatus> {
        if parameter.offset > 64 { Err(CallStatus::OutOfBounds) } else { Ok(()) }
    }

    fn wants(&self, _slot: u8) -> Wants {
        self.0.borrow().wants
    }

    fn call(&mut self, slot: u8, callback: Callback, event: EventRef<'_>, orders: &mut OrdersView) -> u32 {
        let given = twin::given(callback, event, orders);
        let status = self.answer(slot, callback, event, orders);
        let intents = orders.intents[..orders.intents_count as usize].to_vec();
        self.0.borrow_mut().answers.push_back(twin::Answer { slot, given, intents, status });
        status
    }
}

impl Script {
    fn answer(&self, slot: u8, callback: Callback, event: EventRef<'_>, orders: &mut OrdersView) -> u32 {
        let mut state = self.0.borrow_mut();
        let heard = match event {
            EventRef::Book(view) => Heard::Book(*view),
            EventRef::Trade(view) => Heard::Trade(*view),
            EventRef::Status(view) => Heard::Status(*view),
            EventRef::Order(view) => Heard::Order(*view),
            EventRef::Fill(view) => Heard::Fill(*view),
            EventRef::Timer(view) => Heard::Timer(view.callback),
            EventRef::Consolidated(view) => Heard::Consolidated(*view),
            EventRef::Risk(view) => Heard::Risk(*view),
            EventRef::Auction(view) => Heard::Auction(*view),
            EventRef::Signal(view) => Heard::Signal(*view),
            EventRef::MultiLeg(view) => Heard::MultiLeg(*view),
        };
        state.heard.push((slot, heard));
        if state.keep_views {
            state.views.push(*orders);
        }
        let planned = match state.plans.front() {
            Some((due, _)) if *due == callback => state.plans.pop_front().map(|(_, intents)| intents),
            _ => None,
        };
        let planned = planned.or(state.always.filter(|(due, _)| *due == callback).map(|(_, intent)| vec![intent]));
        let call = state.calls;
        let planned = planned.or(state.by_call.remove(&call));
        state.calls += 1;
        if let Some(intents) = planned {
            for intent in &intents {
                orders.intents[orders.intents_count as usize] = *intent;
                orders.intents_count += 1;
            }
            state.taken.push((call, intents));
        }
        match state.failure.take() {
            Some((due, status)) if due == callback => status,
            other => {
                state.failure = other;
                0
            }
        }
    }
}

/// Everything said and sent.
#[derive(Default)]
pub struct Recorder {
    pub commands: Vec<RecordRef>,
    pub outputs: Vec<RecordRef>,
    /// What was said to other engines, with their shards.
    pub peers: Vec<(u16, Vec<u8>)>,
}

impl Outbox for Recorder {
    fn command(&mut self, venue: u16, record: &[u8]) {
        let header: Header = read_from(record).unwrap();
        assert_eq!(header.venue, venue);
        self.commands.push(parse(record).unwrap());
    }

    fn output(&mut self, record: &[u8]) {
        self.outputs.push(parse(record).unwrap());
    }

    fn peer(&mut self, shard: u16, record: &[u8]) {
        self.peers.push((shard, record.to_vec()));
    }
}

pub fn config() -> EngineConfig {
    EngineConfig {
        orders_max: 256,
        executions_max: 4096,
        positions_max: 16,
        instruments_max: 4,
        venues_max: 2,
        listings_max: 8,
        slots_max: 4,
        book_orders_max: 1024,
        book_levels_max: 64,
        feed_silence_ns: 1_000_000_000,
        position_interval_ns: 1_000_000_000,
        reject_storm_count: 0,
        reject_storm_ns: 1_000_000,
        usage_interval_ns: 100_000_000,
    }
}

fn push<T: Record>(bytes: &mut Vec<u8>, record: T) {
    bytes.extend_from_slice(bytes_of(&record));
}

fn node(bytes: &mut Vec<u8>, node: u32, parent: u32, level: NodeLevel) {
    let mut record = Node::new();
    (record.node, record.parent, record.level) = (node, parent, level.code());
    record.name[0] = b'a' + node as u8;
    push(bytes, record);
}

pub fn limit(id: u32, node: u32, metric: Metric, value: i128) -> LimitSet {
    let mut record = LimitSet::new();
    (record.limit, record.node, record.metric) = (id, node, metric.code());
    record.value = MoneyNanos::new(value);
    record.selector = SelectorKind::All.code();
    record.generation = 1;
    record.revision = 1;
    record.last_of_set = 1;
    if metric == Metric::MessageRate {
        (record.window_ns, record.burst) = (1_000_000_000, 100_000);
    }
    if metric == Metric::PriceCollar {
        record.window_ns = 1_000_000_000_000;
    }
    record
}

pub const POSITION_MAX: i128 = 1_000;

/// The first inputs: reference data, limits, one slot (unless more are asked for), bound to both instruments' listings.
pub fn bootstrap(slots: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut start = EngineStart::new();
    (start.day, start.day_start_ns) = (OrderId::day_of(START_NS), START_NS);
    (start.shard, start.epoch, start.firm) = (1, 1, 1);
    push(&mut bytes, start);
    let mut band = TickBand::new();
    (band.table, band.tick_nanos) = (1, TICK);
    push(&mut bytes, band);
    for (instrument, units) in [(SHARE, 100_000_000), (FUTURE, 5_000_000_000)] {
        let mut definition = Definition::new();
        definition.header.instrument = instrument;
        definition.key[0] = b'A' + instrument as u8;
        definition.units_per_lot_e8 = units;
        definition.prior_close_nanos = PRICE;
        (definition.band_low_nanos, definition.band_high_nanos) = (UNDEF_PRICE, UNDEF_PRICE);
        definition.currency = *b"USD\0";
        (definition.class, definition.active) = (1, 1);
        push(&mut bytes, definition);
    }
    for (venue, instrument) in [(VENUE, SHARE), (OTHER_VENUE, SHARE), (VENUE, FUTURE)] {
        let mut listing = Listing::new();
        (listing.header.venue, listing.header.instrument) = (venue, instrument);
        listing.symbol[0] = b'A';
        (listing.tick_table, listing.increment_lots, listing.round_lot_lots) = (1, 1, 100);
        (listing.price_min_nanos, listing.price_max_nanos) = (TICK, 100_000 * NANOS);
        (listing.active, listing.replace_quantity) = (1, 1);
        push(&mut bytes, listing);
    }
    node(&mut bytes, 1, 0, NodeLevel::Firm);
    node(&mut bytes, 2, 1, NodeLevel::Desk);
    node(&mut bytes, 3, 2, NodeLevel::Strategy);
    node(&mut bytes, 4, 3, NodeLevel::Account);
    let mut id = 0;
    for at in [1, 3] {
        for (metric, value) in [
            (Metric::OrderQuantity, 500),
            (Metric::OrderNotional, 1_000_000_000 * i128::from(NANOS)),
            (Metric::PriceCollar, 100_000),
            (Metric::MessageRate, 1_000_000_000),
            (Metric::OpenOrders, 200),
            (Metric::PositionLong, POSITION_MAX),
            (Metric::PositionShort, POSITION_MAX),
            (Metric::GrossExposure, 1_000_000_000_000 * i128::from(NANOS)),
        ] {
            id += 1;
            push(&mut bytes, limit(id, at, metric, value));
        }
    }
    for number in 1..=slots {
        let mut slot = Slot::new();
        (slot.account, slot.strategy, slot.desk, slot.trader) = (ACCOUNT, 3, 2, 9);
        (slot.slot, slot.slot_version, slot.fuel) = (number, 1, 1000);
        push(&mut bytes, slot);
        for (index, (venue, instrument)) in [(VENUE, SHARE), (OTHER_VENUE, SHARE), (VENUE, FUTURE)].iter().enumerate() {
            let mut bind = SlotBind::new();
            (bind.header.venue, bind.header.instrument) = (*venue, *instrument);
            (bind.slot, bind.index) = (number, index as u8);
            push(&mut bytes, bind);
        }
        let mut control = StrategyControl::new();
        (control.slot, control.run) = (number, SlotRun::Running.code());
        push(&mut bytes, control);
    }
    bytes
}

pub fn records_of(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let header: Header = read_from(bytes).unwrap();
        records.push(bytes[..usize::from(header.length)].to_vec());
        bytes = &bytes[usize::from(header.length)..];
    }
    records
}

pub struct World {
    pub engine: Engine,
    pub script: Script,
    pub out: Recorder,
    pub now_ns: u64,
    pub sequence: u64,
    pub inputs: Vec<(Stamp, Vec<u8>)>,
    pub execution: u64,
    /// The engine's state read back, which goes on beside it.
    twin: Option<twin::Twin>,
    /// How often that was done anew.
    pub cuts: u64,
}

impl World {
    pub fn new() -> Self {
        Self::with_slots(1)
    }

    pub fn with_slots(slots: u8) -> Self {
        Self::with_config(config(), slots)
    }

    pub fn with_config(config: EngineConfig, slots: u8) -> Self {
        let mut world = Self::untold(config, slots);
        world.quote_all();
        world
    }

    /// Every venue trades and quotes a tick around the price.
    pub fn quote_all(&mut self) {
        for (venue, instrument) in [(VENUE, SHARE), (OTHER_VENUE, SHARE), (VENUE, FUTURE)] {
            self.trading(venue, instrument, TradingState::Trading);
            self.rest(venue, instrument, Side::Buy, PRICE - TICK, 100);
            self.rest(venue, instrument, Side::Sell, PRICE + TICK, 100);
        }
        self.clear();
    }

    /// Sessions are up; no venue has said anything of an instrument.
    pub fn untold(config: EngineConfig, slots: u8) -> Self {
        Self::of(config, &bootstrap(slots))
    }

    /// The same from other first inputs.
    pub fn of(config: EngineConfig, bootstrap: &[u8]) -> Self {
        let script = Script::default();
        let engine = Engine::new(config, Box::new(script.clone()));
        let mut world = Self {
            engine,
            script,
            out: Recorder::default(),
            now_ns: START_NS + 1,
            sequence: 0,
            inputs: Vec::new(),
            execution: 0,
            twin: None,
            cuts: 0,
        };
        for record in records_of(bootstrap) {
            world.give_bytes(&record);
        }
        for applied in world.outputs::<Applied>() {
            assert_eq!(applied.outcome, 1, "{applied:?}");
        }
        for venue in [VENUE, OTHER_VENUE] {
            world.session(venue, SessionState::Up);
        }
        world.clear();
        world
    }

    pub fn clear(&mut self) {
        self.out.commands.clear();
        self.out.outputs.clear();
        self.script.0.borrow_mut().heard.clear();
    }

    /// Which call of the host made which intents.
    pub fn plans_taken(&self) -> Vec<(usize, Vec<OrderIntent>)> {
        self.script.0.borrow().taken.clone()
    }

    pub fn give_bytes(&mut self, record: &[u8]) {
        self.now_ns += 1_000;
        self.give_at_once(record);
    }

    /// As [`World::give_bytes`], at the time of the input before.
    pub fn give_at_once(&mut self, record: &[u8]) {
        self.sequence += 1;
        let stamp = Stamp { sequence: self.sequence, time_ns: self.now_ns };
        self.inputs.push((stamp, record.to_vec()));
        self.cut();
        let before = self.out.counts();
        self.script.0.borrow_mut().answers.clear();
        self.engine.apply(stamp, record, &mut self.out);
        self.follow(stamp, record, before);
    }

    pub fn give<T: Record>(&mut self, record: &T) {
        self.give_bytes(bytes_of(record));
    }

    pub fn session(&mut self, venue: u16, state: SessionState) {
        let mut record = Session::new();
        record.header.venue = venue;
        record.state = state.code();
        self.give(&record);
    }

    /// A venue says how an instrument trades.
    pub fn trading(&mut self, venue: u16, instrument: u32, state: TradingState) {
        let mut status = Status::new();
        (status.header.venue, status.header.instrument, status.trading) = (venue, instrument, state.code());
        self.give(&status);
    }

    /// An order of someone else rests in a venue's book.
    pub fn rest(&mut self, venue: u16, instrument: u32, side: Side, price_nanos: i64, lots: i64) -> u64 {
        let mut record = MarketOrder::new();
        (record.header.venue, record.header.instrument, record.header.flags) = (venue, instrument, FLAG_LAST);
        record.header.receive_time_ns = self.now_ns;
        record.order_ref = self.sequence + 1_000_000;
        (record.action, record.side) = (BookAction::Add.code(), side.code());
        (record.price_nanos, record.lots) = (price_nanos, lots);
        self.give(&record);
        record.order_ref
    }

    pub fn plan(&mut self, callback: Callback, intents: Vec<OrderIntent>) {
        self.script.0.borrow_mut().plans.push_back((callback, intents));
    }

    /// The slot's next book callback makes these intents; one happens at once.
    pub fn intend(&mut self, intents: Vec<OrderIntent>) {
        self.plan(Callback::Book, intents);
        let price = PRICE - 2 * TICK;
        self.rest(VENUE, SHARE, Side::Buy, price, 1);
    }

    pub fn outputs<T: Record>(&self) -> Vec<T> {
        self.out.outputs.iter().filter_map(|record| pick::<T>(record)).collect()
    }

    pub fn commands<T: Record>(&self) -> Vec<T> {
        self.out.commands.iter().filter_map(|record| pick::<T>(record)).collect()
    }

    pub fn breaks(&self) -> Vec<BreakKind> {
        self.outputs::<Break>().iter().map(|record| BreakKind::from_code(record.kind).unwrap()).collect()
    }

    pub fn heard(&self) -> Vec<Heard> {
        self.script.0.borrow().heard.iter().map(|(_, heard)| heard.clone()).collect()
    }

    /// A new order that left, and its id.
    pub fn order(&mut self, side: Side, lots: i64) -> u64 {
        let before = self.commands::<NewOrder>().len();
        self.intend(vec![new_intent(side, lots)]);
        let commands = self.commands::<NewOrder>();
        assert_eq!(commands.len(), before + 1, "{:?}", self.outputs::<RiskReject>());
        commands[before].owner.order_id
    }

    pub fn live_order(&mut self, side: Side, lots: i64) -> u64 {
        let id = self.order(side, lots);
        self.report(id, OrderEventKind::Accepted, |event| event.venue_order_ref = id ^ 7);
        id
    }

    /// A report of an order.
    pub fn report(&mut self, id: u64, kind: OrderEventKind, change: impl FnOnce(&mut OrderEvent)) {
        let mut event = event_of(id, kind);
        if let Some(order) = self.engine.order(id) {
            event.owner = Owner { order_id: id, ..order.owner };
            event.side = order.side.code();
            event.header.venue = order.venue;
            event.header.instrument = order.instrument;
        }
        change(&mut event);
        self.give(&event);
    }

    pub fn fill(&mut self, id: u64, lots: i64) -> u64 {
        self.execution += 1;
        let execution_id = self.execution;
        self.report(id, OrderEventKind::Filled, |event| {
            (event.lots, event.price_nanos, event.execution_id) = (lots, PRICE, execution_id);
        });
        execution_id
    }

    pub fn state(&self, id: u64) -> OrderState {
        self.engine.order(id).unwrap().state()
    }

    pub fn held(&self) -> i64 {
        self.engine.live_orders().map(|(_, held)| held).sum()
    }

    pub fn position(&self, instrument: u32) -> i64 {
        self.engine.positions().iter().filter(|cell| cell.instrument == instrument).map(|cell| cell.lots).sum()
    }
}

fn pick<T: Record>(record: &RecordRef) -> Option<T> {
    macro_rules! pick {
        ($($name:ident),*) => { match record { $(RecordRef::$name(found) if T::KIND == Kind::$name => read_from(bytes_of(found)),)* _ => None } };
    }
    pick!(
        NewOrder,
        ReplaceOrder,
        CancelOrder,
        RiskReject,
        SlotState,
        Position,
        Break,
        Applied,
        LimitWarning,
        LimitUsage,
        Session,
        SessionHealth,
        MultiLeg,
        Signal
    )
}

pub fn event_of(id: u64, kind: OrderEventKind) -> OrderEvent {
    let mut event = OrderEvent::new();
    event.header.venue = VENUE;
    event.header.instrument = SHARE;
    event.owner.order_id = id;
    event.owner.account = ACCOUNT;
    event.event = kind.code();
    event.price_nanos = UNDEF_PRICE;
    (event.leaves_lots, event.cumulative_lots) = (-1, -1);
    event
}

pub fn new_intent(side: Side, lots: i64) -> OrderIntent {
    let mut intent = OrderIntent::zeroed();
    intent.intent = u32::from(IntentKind::New.code());
    intent.side = u32::from(side.code());
    intent.price_nanos = PRICE;
    intent.lots = lots;
    intent.order_type = u16::from(OrderType::Limit.code());
    intent.time_in_force = TimeInForce::Day.code();
    intent
}

pub fn replace_intent(id: u64, price_nanos: i64, lots: i64) -> OrderIntent {
    let mut intent = OrderIntent::zeroed();
    intent.intent = u32::from(IntentKind::Replace.code());
    (intent.order_id, intent.price_nanos, intent.lots) = (id, price_nanos, lots);
    intent
}

pub fn cancel_intent(id: u64) -> OrderIntent {
    let mut intent = OrderIntent::zeroed();
    intent.intent = u32::from(IntentKind::Cancel.code());
    intent.order_id = id;
    intent
}

pub fn cancel_all_intent() -> OrderIntent {
    let mut intent = OrderIntent::zeroed();
    intent.intent = u32::from(IntentKind::CancelAll.code());
    intent
}

/// A leg at the slot's listing of this index; undefined: what it fills is kept.
pub fn leg_intent(listing: u32, side: Side, price_nanos: i64, lots: i64, unwind_nanos: i64) -> OrderIntent {
    let mut intent = new_intent(side, lots);
    intent.intent = u32::from(IntentKind::Leg.code());
    (intent.listing, intent.price_nanos, intent.expire_time_ns) = (listing, price_nanos, unwind_nanos.cast_unsigned());
    intent
}

/// The legs before it as one multi-leg order.
pub fn multi_leg_intent(within_ns: u64, unwind_ns: i64, one_by_one: bool, tag: u64) -> OrderIntent {
    let mut intent = OrderIntent::zeroed();
    intent.intent = u32::from(IntentKind::MultiLeg.code());
    (intent.order_id, intent.expire_time_ns, intent.lots) = (tag, within_ns, unwind_ns);
    intent.post_only = u8::from(one_by_one);
    intent
}
