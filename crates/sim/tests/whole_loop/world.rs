//! A whole region in one thread: stand-in venues, feeds, gateways, an engine with a strategy; and what must hold at its end.
//!
//! Invariant: the truth about orders is the exchange's own journal, folded by the exchange's own core, not what any of our
//! tiles believes.

use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::rc::Rc;
use std::sync::Arc;

use engine::{
    EngineConfig, EngineTile, EngineTileConfig, NoOutbox, Outbox, PositionCell, Recorded, Replay, STATE_FILE,
    STATE_FILE_BYTES, SessionSettings,
};
use exchange::{CommandSource, DoorConfig, ExchangeConfig, ExchangeTile, InnerConfig, PortConfig, ThrottleConfig};
use journal::Reader;
use links::{Reading, RingConfig};
use records::*;
use sessions::soup::ClientConfig;
use sim::{Faults, Simulation, TileId};
use strategies::RustHost;
use tiles::{Clock, Context, Net, StartError, Storage, Tile};
use venues::feed::{FeedConfig, FeedListing, FeedTile};
use venues::gateway::{GatewayConfig, GatewayTile, OuchConfig, OuchVenue};

use crate::bootstrap::{self, CODE, INSTRUMENT, SYMBOL};
use crate::fix::{fix_ports, fix_venue};
use crate::flow::{ASK, BID, Desk, FLOW_SESSION, Storm};
use crate::strategy::{Flaw, Plan, Script, Seen, Step, Wanderer};
use crate::truth::{TrueOrder, Truth};

pub const OUR_SESSION: u32 = 1;
pub const MILLISECOND: u64 = 1_000_000;
const LIVES: u32 = 8;

/// A tile that the test can look into while the simulation runs it.
pub struct Shared<T>(Rc<RefCell<T>>, String, Around);

/// Called around every cycle of a tile, with its name.
pub type Around = fn(&str, &mut dyn FnMut() -> usize) -> usize;
/// What tiles get instead of the simulation's network.
pub type Wrap = fn(Rc<dyn Net>) -> Rc<dyn Net>;

pub type Held<T> = Option<(Rc<RefCell<T>>, TileId)>;

impl<T: Tile> Tile for Shared<T> {
    fn name(&self) -> &str {
        &self.1
    }
    fn on_start(&mut self, now_ns: u64) -> Result<(), StartError> {
        self.0.borrow_mut().on_start(now_ns)
    }
    fn do_work(&mut self, now_ns: u64) -> usize {
        let Self(tile, name, around) = self;
        around(name, &mut || tile.borrow_mut().do_work(now_ns))
    }
    fn on_close(&mut self, now_ns: u64) {
        self.0.borrow_mut().on_close(now_ns);
    }
}

/// What a test chooses.
#[derive(Clone)]
pub struct Setup {
    pub seed: u64,
    pub venues: u16,
    pub faults: Faults,
    /// How long flow and strategy go on.
    pub run_ns: u64,
    pub flow_gap_ns: u64,
    pub flaw: Flaw,
    pub feed_messages: usize,
    pub gap_messages_max: u64,
    pub link_depth: usize,
    pub step_ns: (u64, u64),
    /// The word of both sides' settings.
    pub cancel_on_disconnect: &'static str,
    /// What the gateway is told that the venue does, where that is not what it does.
    pub promised: Option<&'static str>,
    /// The strategy does what the test says.
    pub scripted: bool,
    pub orders_max: usize,
    /// Where this world listens, for those that share a machine's sockets with others.
    pub ports: Ports,
    pub engine_silence_ns_max: u64,
    pub segment_bytes: usize,
    pub held_max: usize,
    /// What the ports take in a window, and what the engine is told of sessions.
    pub throttle: ThrottleConfig,
    pub guard: SessionGuard,
    pub around: Around,
    pub wrap: Wrap,
    /// The version of FIX that venues and gateways speak; else OUCH.
    pub fix: Option<&'static str>,
    /// More keys of the gateway's FIX profile and dialect, as JSON tables.
    pub fix_keys: (&'static str, &'static str),
}

impl Setup {
    /// Ample and calm. `LOOP_SEED_OFFSET` in the environment moves every seed, for a search beyond the usual ones.
    pub fn new(seed: u64) -> Self {
        let offset = std::env::var("LOOP_SEED_OFFSET").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
        Self {
            seed: seed + offset,
            venues: 1,
            faults: Faults::NONE,
            run_ns: 200 * MILLISECOND,
            flow_gap_ns: 100_000,
            flaw: Flaw::None,
            feed_messages: 1 << 14,
            gap_messages_max: 5_000,
            link_depth: 4_096,
            step_ns: (1_000, 30_000),
            cancel_on_disconnect: "none",
            promised: None,
            scripted: false,
            orders_max: 20_000,
            ports: Ports::default(),
            engine_silence_ns_max: 60 * MILLISECOND,
            segment_bytes: 1 << 20,
            held_max: 0,
            throttle: ThrottleConfig::default(),
            guard: SessionSettings::default().record(0),
            around: |_, work| work(),
            wrap: |net| net,
            fix: crate::fix::spoken(),
            fix_keys: ("{}", "{}"),
        }
    }
}

/// The first port of each kind; a venue's number is added.
#[derive(Clone, Copy)]
pub struct Ports {
    pub lines: u16,
    pub retransmission: u16,
    pub snapshot: u16,
    pub orders: u16,
}

impl Ports {
    fn lines(&self, venue: u16) -> Vec<SocketAddrV4> {
        let port = self.lines + venue;
        (1..=2).map(|number| SocketAddrV4::new(*line(venue, number).ip(), port)).collect()
    }
}

impl Default for Ports {
    fn default() -> Self {
        Self { lines: 5_000, retransmission: 7_000, snapshot: 7_100, orders: 7_200 }
    }
}

pub struct Venue {
    pub exchange: Held<ExchangeTile>,
    pub feed: Held<FeedTile>,
    pub gateway: Option<(Rc<RefCell<dyn Tile>>, TileId)>,
    /// Reads what the venue repeats of our session, over FIX.
    pub drop_copy: Option<TileId>,
    lives: u32,
    /// Its own day: each has a journal of its own, and a session's name unless the venue keeps it.
    day: u32,
    pub keeps_session_name: bool,
}

pub struct World {
    pub setup: Setup,
    pub sim: Simulation,
    pub venues: Vec<Venue>,
    pub engine: Held<EngineTile>,
    pub seen: Arc<Seen>,
    pub stop_ns: u64,
    pub script: Script,
    pub engine_lives: u16,
}

fn exchange_disk(venue: u16, day: u32) -> String {
    if day == 0 { format!("exchange{venue}") } else { format!("exchange{venue} day {day}") }
}

pub fn line(venue: u16, line: u8) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::new(239, 77, venue as u8, line), 5_000 + venue)
}

pub fn at(port: u16, venue: u16) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::LOCALHOST, port + venue)
}

pub fn order_port(venue: u16) -> SocketAddrV4 {
    at(7_200, venue)
}

pub fn snapshot_port(venue: u16) -> SocketAddrV4 {
    at(7_100, venue)
}

fn ouch_ports(setup: &Setup, venue: u16) -> Vec<PortConfig> {
    if setup.fix.is_some() {
        return Vec::new();
    }
    vec![PortConfig {
        session: OUR_SESSION,
        listen: at(setup.ports.orders, venue),
        username: "mrdn".into(),
        password: "secret".into(),
        owner: 1,
        participant: String::new(),
        cancel_on_disconnect: setup.cancel_on_disconnect.into(),
        self_trade: "oldest".into(),
        throttle: setup.throttle.clone(),
    }]
}

pub fn exchange_config(setup: &Setup, venue: u16) -> ExchangeConfig {
    ExchangeConfig {
        name: format!("exchange{venue}"),
        venue,
        feed_session: format!("HOUSE{venue:05}"),
        lines: setup.ports.lines(venue),
        interface: Ipv4Addr::LOCALHOST,
        retransmission: at(setup.ports.retransmission, venue),
        snapshot: at(setup.ports.snapshot, venue),
        snapshot_username: "feed".into(),
        snapshot_password: "secret".into(),
        fix_ports: fix_ports(setup, venue),
        ports: ouch_ports(setup, venue),
        inner: (FLOW_SESSION..FLOW_SESSION + LIVES).map(|session| InnerConfig { session, owner: 0 }).collect(),
        flow: Vec::new(),
        door: DoorConfig::default(),
        listings: vec![sim::system::configs::listing()],
        timetable: Vec::new(),
        indicate_ms: 1,
        orders: 1 << 13,
        levels_per_side: 512,
        trades: 1 << 12,
        midnight_ns: bootstrap::midnight_ns(),
        feed_messages: setup.feed_messages,
        session_messages: 1 << 14,
        segment_bytes: setup.segment_bytes,
    }
}

pub fn feed_config(setup: &Setup, venue: u16) -> FeedConfig {
    FeedConfig {
        name: format!("feed{venue}"),
        venue,
        lines: setup.ports.lines(venue),
        interface: Ipv4Addr::LOCALHOST,
        retransmission: at(setup.ports.retransmission, venue),
        snapshot: at(setup.ports.snapshot, venue),
        username: *b"feed  ",
        password: *b"secret    ",
        listings: vec![FeedListing { symbol: SYMBOL, instrument: INSTRUMENT }],
        midnight_ns: bootstrap::midnight_ns(),
        link: format!("feed{venue}_engine"),
        requests: Some(format!("engine_feed{venue}")),
        request_interval_ns: MILLISECOND,
        gap_age_ns_max: 20 * MILLISECOND,
        gap_messages_max: setup.gap_messages_max,
        silence_ns: 3_000 * MILLISECOND,
    }
}

fn gateway_config(setup: &Setup, venue: u16) -> GatewayConfig {
    GatewayConfig {
        name: format!("gateway{venue}"),
        venue,
        source: OUR_SESSION,
        address: at(setup.ports.orders, venue),
        commands: format!("engine_gateway{venue}"),
        events: format!("gateway{venue}_engine"),
        engine_silence_ns_max: setup.engine_silence_ns_max,
        reconnect_ns: 2 * MILLISECOND,
        cancel_on_disconnect: CancelOnDisconnect::code_of_word(setup.promised.unwrap_or(setup.cancel_on_disconnect))
            .unwrap(),
        journal_segment_bytes: setup.segment_bytes,
    }
}

fn ouch(setup: &Setup, venue: u16) -> OuchVenue {
    let login = ClientConfig { username: *b"mrdn  ", password: *b"secret    ", session: [b' '; 10], first_sequence: 1 };
    let symbols = vec![(INSTRUMENT, SYMBOL)];
    let ouch = OuchConfig { venue, source: OUR_SESSION, symbols, midnight_ns: bootstrap::midnight_ns() };
    OuchVenue::new(login, ouch, setup.orders_max)
}

pub fn engine_config(setup: &Setup, bootstrap: Vec<u8>) -> EngineTileConfig {
    let mut config = EngineTileConfig::new("engine", bootstrap);
    config.engine = EngineConfig {
        orders_max: setup.orders_max,
        executions_max: setup.orders_max,
        positions_max: 16,
        instruments_max: 4,
        venues_max: 2,
        listings_max: 8,
        slots_max: 4,
        book_orders_max: 1 << 13,
        book_levels_max: 512,
        ..EngineConfig::default()
    };
    (config.segment_bytes, config.held_max) = (setup.segment_bytes, setup.held_max);
    for venue in 1..=setup.venues {
        config.inputs.push(format!("gateway{venue}_engine"));
        config.inputs.push(format!("feed{venue}_engine"));
        config.commands.push((venue, format!("engine_gateway{venue}")));
        config.feeds.push((venue, format!("engine_feed{venue}")));
        let header = Header { venue, ..setup.guard.header };
        config.guards.push(SessionGuard { header, ..setup.guard });
    }
    (config.timer_ns, config.heartbeat_ns) = (MILLISECOND, 10 * MILLISECOND);
    config
}

impl World {
    /// One venue whose flow is the test's own, with a book of one order a side; the strategy follows the test's script.
    pub fn scripted(setup: Setup) -> (Self, Desk) {
        let mut world = Self::empty(Setup {
            scripted: true,
            orders_max: 256,
            feed_messages: 1 << 10,
            segment_bytes: 64 << 10,
            step_ns: (10_000, 60_000),
            ..setup
        });
        let desk = Desk::new(FLOW_SESSION);
        desk.enter(Side::Buy, BID, 5_000, TimeInForce::Day);
        desk.enter(Side::Sell, ASK, 5_000, TimeInForce::Day);
        world.start_exchange(1, Box::new(desk.clone()));
        world.start_rest();
        world.start_feed(1);
        world.run(10 * MILLISECOND);
        (world, desk)
    }

    /// Runs until the strategy has taken back what it has, and all is at rest.
    pub fn finish(&mut self) {
        while self.sim.clock.now_ns() < self.stop_ns + 30 * MILLISECOND {
            self.sim.run_for(MILLISECOND);
        }
    }

    /// Prices of the live orders.
    pub fn live(&self) -> Vec<i64> {
        let mut prices: Vec<_> =
            self.with_engine(|engine| engine.live_orders().map(|(order, _)| order.price_nanos).collect());
        prices.sort_unstable();
        prices
    }

    /// Lots held for orders, and how many orders nobody can say anything of.
    pub fn held(&self) -> (i64, usize) {
        self.with_engine(|engine| (engine.live_orders().map(|(_, held)| held).sum(), engine.unknown_orders()))
    }

    pub fn kill_gateway(&mut self, venue: u16) {
        let (tile, id) = self.venue(venue).gateway.take().expect("a gateway runs");
        self.sim.kill(id);
        drop(tile);
    }

    /// Everything made and started, the order session not yet up.
    pub fn new(setup: Setup) -> Self {
        let mut world = Self::without_feeds(setup);
        for venue in 1..=world.setup.venues {
            world.start_feed(venue);
        }
        world
    }

    /// As [`World::new`], the feeds for the test to start.
    pub fn without_feeds(setup: Setup) -> Self {
        let mut world = Self::empty(setup);
        for venue in 1..=world.setup.venues {
            let storm = world.storm(venue);
            world.start_exchange(venue, storm);
        }
        world.start_rest();
        world
    }

    /// Links and places, no tile.
    pub fn empty(setup: Setup) -> Self {
        let mut sim = Simulation::new(setup.seed, setup.faults);
        sim.set_step_ns(setup.step_ns.0, setup.step_ns.1);
        let ring = |depth: usize| RingConfig { depth_records: depth, record_bytes_max: 192, reliable: vec![true] };
        let (depth, orders) = (ring(setup.link_depth), ring(1_024));
        for venue in 1..=setup.venues {
            let (feed, gateway) = (format!("feed{venue}"), format!("gateway{venue}"));
            sim.link(&format!("feed{venue}_engine"), &depth, &feed, &["engine"]).unwrap();
            sim.link(&format!("gateway{venue}_engine"), &orders, &gateway, &["engine"]).unwrap();
            sim.link(&format!("engine_gateway{venue}"), &orders, "engine", &[&gateway]).unwrap();
            sim.link(&format!("engine_feed{venue}"), &orders, "engine", &[&feed]).unwrap();
        }
        let stop_ns = sim.clock.now_ns() + setup.run_ns;
        let venue = |_| Venue {
            exchange: None,
            feed: None,
            gateway: None,
            drop_copy: None,
            lives: 0,
            day: 0,
            keeps_session_name: false,
        };
        let venues = (1..=setup.venues).map(venue).collect();
        Self {
            setup,
            sim,
            venues,
            engine: None,
            seen: Arc::default(),
            stop_ns,
            script: Script::default(),
            engine_lives: 0,
        }
    }

    /// Gateways and engine.
    pub fn start_rest(&mut self) {
        for venue in 1..=self.setup.venues {
            self.start_gateway(venue);
            if self.setup.fix.is_some() {
                self.start_drop_copy(venue);
            }
        }
        self.start_engine();
    }

    pub fn storm(&self, venue: u16) -> Box<dyn CommandSource> {
        let session = FLOW_SESSION + self.venues[usize::from(venue) - 1].lives;
        let seed = self.setup.seed * 1_000 + u64::from(venue) * 10 + u64::from(session);
        Box::new(Storm::new(seed, session, self.stop_ns, self.setup.flow_gap_ns))
    }

    fn add<T: Tile + 'static>(&mut self, name: String, tile: T) -> (Rc<RefCell<T>>, TileId) {
        let tile = Rc::new(RefCell::new(tile));
        let id = self.sim.add(Box::new(Shared(Rc::clone(&tile), name, self.setup.around))).unwrap();
        (tile, id)
    }

    pub fn venue(&mut self, venue: u16) -> &mut Venue {
        &mut self.venues[usize::from(venue) - 1]
    }

    pub fn context(&mut self, name: &str) -> Context {
        let mut context = self.sim.context(name);
        context.net = (self.setup.wrap)(context.net);
        context
    }

    pub fn start_exchange(&mut self, venue: u16, source: Box<dyn CommandSource>) {
        let mut config = exchange_config(&self.setup, venue);
        let (day, keeps) = (self.venue(venue).day, self.venue(venue).keeps_session_name);
        if day > 0 && !keeps {
            config.feed_session = format!("DAY{day}");
        }
        let mut context = self.context(&config.name);
        context.storage = Rc::new(self.sim.disk(&exchange_disk(venue, day)));
        let name = config.name.clone();
        let tile = ExchangeTile::new(config, context).unwrap().with_source(source);
        let held = self.add(name, tile);
        let venue = self.venue(venue);
        (venue.exchange, venue.lives) = (Some(held), venue.lives + 1);
    }

    /// The venue's day ends and the next one begins: nothing of the old one is known, numbers count from the start.
    pub fn next_day(&mut self, venue: u16, source: Box<dyn CommandSource>) {
        if let Some((tile, id)) = self.venue(venue).exchange.take() {
            self.sim.kill(id);
            drop(tile);
        }
        self.venue(venue).day += 1;
        self.start_exchange(venue, source);
    }

    /// Has the strategy do this next.
    pub fn script(&mut self, step: Step) {
        self.script.lock().unwrap().push((self.sim.clock.now_ns(), step));
    }

    pub fn start_feed(&mut self, venue: u16) {
        let config = feed_config(&self.setup, venue);
        let mut context = self.context(&config.name);
        let name = config.name.clone();
        let tile = FeedTile::new(config, &mut context).unwrap();
        let held = self.add(name, tile);
        self.venue(venue).feed = Some(held);
    }

    pub fn start_gateway(&mut self, venue: u16) {
        let config = gateway_config(&self.setup, venue);
        let mut context = self.context(&config.name);
        let name = config.name.clone();
        let held = if self.setup.fix.is_some() {
            let speaks = fix_venue(&self.setup, venue, &context);
            let (tile, id) = self.add(name, GatewayTile::new(config, speaks, &mut context).unwrap());
            (tile as Rc<RefCell<dyn Tile>>, id)
        } else {
            let (tile, id) = self.add(name, GatewayTile::new(config, ouch(&self.setup, venue), &mut context).unwrap());
            (tile as Rc<RefCell<dyn Tile>>, id)
        };
        self.venue(venue).gateway = Some(held);
    }

    pub fn host(&self) -> Box<RustHost> {
        let plan = Plan {
            script: self.setup.scripted.then(|| Arc::clone(&self.script)),
            seed: self.setup.seed,
            stop_ns: self.stop_ns,
            flaw: self.setup.flaw,
            seen: Arc::clone(&self.seen),
        };
        let mut host = RustHost::default();
        host.register(CODE, Box::new(move |_| Box::new(Wanderer::new(plan.clone()))));
        Box::new(host)
    }

    pub fn start_engine(&mut self) {
        self.engine_lives += 1;
        let life = self.engine_lives;
        let bootstrap = if life == 1 { bootstrap::first_life(self.setup.venues) } else { bootstrap::later_life(life) };
        let (context, config) = (self.context("engine"), engine_config(&self.setup, bootstrap));
        self.leave_snapshot(&context, &config);
        let tile = EngineTile::new(context, config, self.host()).unwrap();
        self.engine = Some(self.add("engine".into(), tile));
    }

    /// An engine that remembers nothing, as on a new host.
    pub fn begin_engine_anew(&mut self) {
        self.engine_lives = 0;
        self.start_engine();
    }

    pub fn run(&mut self, ns: u64) {
        self.sim.run_for(ns);
    }

    /// Until flow and strategy have stopped, and a while longer, for all to come to rest.
    pub fn run_to_rest(&mut self) {
        while self.sim.clock.now_ns() < self.stop_ns {
            self.sim.run_for(MILLISECOND);
        }
        self.sim.run_for(120 * MILLISECOND);
    }

    pub fn counter(&self, name: &str) -> u64 {
        let found = self.sim.counters.readings().into_iter().find(|(found, _)| found == name);
        match found {
            Some((_, Reading::Counter(value))) => value,
            _ => panic!("no counter {name}"),
        }
    }

    /// The fold, to look at.
    pub fn with_engine<R>(&self, look: impl FnOnce(&engine::Engine) -> R) -> R {
        look(self.engine.as_ref().expect("an engine runs").0.borrow().engine())
    }

    pub fn exchange_hash(&self, venue: u16) -> u64 {
        self.venues[usize::from(venue) - 1].exchange.as_ref().expect("an exchange runs").0.borrow().state_hash()
    }

    pub fn close_engine(&mut self) {
        let (tile, id) = self.engine.take().expect("an engine runs");
        self.sim.close(id);
        drop(tile);
    }

    /// Replays the engine's journal; it must be closed or dead.
    pub fn replay(&mut self) -> Replay {
        let disk = self.sim.disk("engine");
        let recorded = {
            let segment = disk.open(STATE_FILE, STATE_FILE_BYTES).unwrap();
            Recorded::read(std::str::from_utf8(segment.bytes()).unwrap())
        };
        let mut reader = Reader::from_storage(&disk, self.setup.segment_bytes).unwrap();
        engine::replay_reader(&mut reader, recorded, self.host(), &mut NoOutbox, &mut |_, _| {}).unwrap()
    }

    /// The differences that the engine told, each with the input that it came from. Ends the engine.
    pub fn breaks(&mut self) -> Vec<String> {
        if self.engine.is_some() {
            self.close_engine();
        }
        let disk = self.sim.disk("engine");
        let mut reader = Reader::from_storage(&disk, self.setup.segment_bytes).unwrap();
        let told = Rc::new(RefCell::new(Vec::new()));
        let mut out = Breaks(Rc::clone(&told));
        let mut described = Vec::new();
        engine::replay_reader(&mut reader, None, self.host(), &mut out, &mut |record, engine| {
            for one in told.borrow_mut().drain(..) {
                let order = engine.order(one.owner.order_id);
                described.push(format!("{one:?}\n  by {:?}\n  order {order:?}", parse(record)));
            }
        })
        .unwrap();
        described
    }

    /// How many of the engine's inputs are such. Its journal must be closed or dead.
    pub fn inputs(&mut self, mut such: impl FnMut(RecordRef) -> bool) -> u64 {
        let disk = self.sim.disk("engine");
        let mut reader = Reader::from_storage(&disk, self.setup.segment_bytes).unwrap();
        let mut count = 0;
        while let Some((_, record)) = reader.next().unwrap() {
            count += u64::from(parse(record).is_ok_and(&mut such));
        }
        count
    }

    /// What the exchange itself wrote down; its tile is killed for that.
    pub fn truth(&mut self, venue: u16) -> Truth {
        if let Some((tile, id)) = self.venue(venue).exchange.take() {
            self.sim.kill(id);
            drop(tile);
        }
        let day = self.venue(venue).day;
        Truth::read(&self.sim.disk(&exchange_disk(venue, day)), self.setup.segment_bytes)
    }

    /// Everything that must hold once all is at rest: positions, fills, orders, holds, books. Ends the exchanges.
    pub fn check_at_rest(&mut self) -> Checked {
        let seed = self.setup.seed;
        let mut all = Checked::default();
        let (mut position, mut notional_nanos) = (0, 0);
        for venue in 1..=self.setup.venues {
            let truth = self.truth(venue);
            position += truth.position;
            notional_nanos += truth.notional_nanos;
            all.fills += truth.fills;
            all.accepted += truth.orders.len();
            self.check_orders(venue, &truth);
            self.check_drop_copy(venue, &truth);
            self.check_book(venue, &truth);
        }
        if let Some(id) = self.with_engine(|engine| engine.live_orders().next().map(|(order, _)| order.owner.order_id))
        {
            panic!("seed {seed}: an order is left: {:?}\n{}", self.with_engine(left), self.story(id));
        }
        self.with_engine(|engine| {
            let ours: i64 = engine.positions().iter().map(|cell| cell.lots).sum();
            assert_eq!(ours, position, "seed {seed}: position");
            let paid = |cell: &PositionCell| -(cell.cash_e8 / UNITS_E8 + cell.fees_nanos);
            let paid: i128 = engine.positions().iter().map(paid).sum();
            assert_eq!(paid, notional_nanos, "seed {seed}: what was paid");
            assert_eq!(engine.statistics().fills, all.fills, "seed {seed}: fills");
            engine.limits().usages(&mut |usage| {
                let bound = match usage.metric {
                    Metric::OpenOrders => 0,
                    Metric::PositionLong => i128::from(position.max(0)),
                    Metric::PositionShort => i128::from((-position).max(0)),
                    _ => return,
                };
                assert_eq!(usage.used().max(0), bound, "seed {seed}: {usage:?} is held by nothing");
            });
            all.breaks = engine.statistics().breaks;
            all.position = position;
        });
        all
    }

    fn check_orders(&mut self, venue: u16, truth: &Truth) {
        let seed = self.setup.seed;
        let wrong = self.with_engine(|engine| {
            let right = |order: &&TrueOrder| {
                engine
                    .order(order.id)
                    .is_some_and(|found| found.filled_lots == order.filled && found.ended.is_none() == order.resting)
            };
            truth
                .orders
                .values()
                .find(|order| !right(order))
                .map(|order| (order.clone(), engine.order(order.id).copied()))
        });
        if let Some((order, found)) = wrong {
            let story = self.story(order.id);
            panic!("seed {seed}: venue {venue} has {order:?}\nthe engine {found:?}\n{story}");
        }
    }

    /// What was said of an order, both ways, one line each. Ends the engine.
    fn story(&mut self, id: u64) -> String {
        if self.engine.is_some() {
            self.close_engine();
        }
        let lines = Rc::new(RefCell::new(Vec::new()));
        let (mut out, lines_in) = (Story { id, lines: Rc::clone(&lines) }, Rc::clone(&lines));
        let disk = self.sim.disk("engine");
        let mut reader = Reader::from_storage(&disk, self.setup.segment_bytes).unwrap();
        engine::replay_reader(&mut reader, None, self.host(), &mut out, &mut |record, engine| match parse(record) {
            Ok(RecordRef::OrderEvent(event)) if event.owner.order_id == id || event.original_id == id => {
                let (kind, reason) = (OrderEventKind::from_code(event.event), Reason::from_code(event.reason));
                let (order, again) = (event.owner.order_id, event.possible_duplicate);
                lines_in.borrow_mut().push(format!(
                    "{} {kind:?} {reason:?} {order:x} lots {} leaves {} of session message {} again {again}",
                    engine.time_ns(),
                    event.lots,
                    event.leaves_lots,
                    event.header.sequence
                ));
            }
            Ok(RecordRef::Session(session)) => {
                let state = SessionState::from_code(session.state);
                lines_in.borrow_mut().push(format!("{} session {} {state:?}", engine.time_ns(), session.header.venue));
            }
            _ => {}
        })
        .unwrap();
        let lines = lines.borrow();
        lines.join("\n")
    }

    /// The engine's book against what rests in the exchange that runs. Nothing may be under way.
    pub fn check_book_now(&self, venue: u16) {
        let mut truth = Truth::default();
        let tile = self.venues[usize::from(venue) - 1].exchange.as_ref().expect("an exchange runs");
        tile.0.borrow().for_each_resting(|order| truth.resting.push(*order));
        self.check_book(venue, &truth);
    }

    /// The engine's book against the exchange's own.
    pub fn check_book(&self, venue: u16, truth: &Truth) {
        let seed = self.setup.seed;
        self.with_engine(|engine| {
            let view = engine.book_view(venue, INSTRUMENT).unwrap();
            assert_eq!(view.flags & BOOK_STALE, 0, "seed {seed}: the feed of venue {venue} is live");
            for (side, levels) in [(Side::Buy, &view.bids), (Side::Sell, &view.asks)] {
                let told: Vec<_> = levels
                    .iter()
                    .filter(|level| level.price_nanos != UNDEF_PRICE)
                    .map(|level| (level.price_nanos, level.lots, level.orders))
                    .collect();
                assert_eq!(told, truth.levels(side), "seed {seed}: venue {venue} {side:?}");
            }
        });
    }
}

/// Writes down the commands about one order.
struct Story {
    id: u64,
    lines: Rc<RefCell<Vec<String>>>,
}

impl Outbox for Story {
    fn command(&mut self, venue: u16, record: &[u8]) {
        let line = match parse(record) {
            Ok(RecordRef::NewOrder(order)) if order.owner.order_id == self.id => format!("new {} lots", order.lots),
            Ok(RecordRef::ReplaceOrder(order)) if order.owner.order_id == self.id || order.original_id == self.id => {
                format!("replace {:x} by {:x}", order.original_id, order.owner.order_id)
            }
            Ok(RecordRef::CancelOrder(order)) if order.owner.order_id == self.id => {
                format!("cancel {:?}", order.reason)
            }
            _ => return,
        };
        self.lines.borrow_mut().push(format!("  to {venue}: {line}"));
    }

    fn output(&mut self, _record: &[u8]) {}
}

/// Keeps the breaks.
struct Breaks(Rc<RefCell<Vec<Break>>>);

impl Outbox for Breaks {
    fn command(&mut self, _venue: u16, _record: &[u8]) {}

    fn output(&mut self, record: &[u8]) {
        if let Ok(RecordRef::Break(told)) = parse(record) {
            self.0.borrow_mut().push(told);
        }
    }
}

fn left(engine: &engine::Engine) -> Vec<String> {
    engine.live_orders().take(3).map(|(order, held)| format!("{:?} held {held} {order:?}", order.state())).collect()
}

/// What a run came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    pub fills: u64,
    pub accepted: usize,
    pub breaks: u64,
    pub position: i64,
}
