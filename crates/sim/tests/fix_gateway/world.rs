//! Venue and gateway over the simulated network; the test holds the engine's ends of the links.

use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::rc::Rc;

use links::{Offer, Publication, RingConfig, Subscription};
use records::*;
use sessions::fix::{JournalSize, JournalStore, Profile, Session as FixSession};
use sim::{Faults, Simulation, TileId};
use tiles::{Clock, Json, Setting, Storage};
use venues::gateway::fix::{ClientId, Dialect, FixConfig, FixVenue, Symbol};
use venues::gateway::{GatewayConfig, GatewayTile};

use crate::venue::{Books, Do, SharedStore, VenueTile};

pub const MILLISECOND: u64 = 1_000_000;
pub const CENT: i64 = NANOS / 100;
pub const PORT: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9_880);
const SEGMENT_BYTES: usize = 64 << 10;

/// What a test chooses.
#[derive(Clone)]
pub struct Setup {
    pub seed: u64,
    pub version: &'static str,
    /// More keys of the gateway's profile, and of its dialect, as JSON tables.
    pub profile: &'static str,
    pub dialect: &'static str,
    pub faults: Faults,
    /// The engine has fallen silent after so many milliseconds without a word.
    pub silence_ms: u64,
    /// Of each link.
    pub ring_records: usize,
}

impl Setup {
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            version: "FIX.4.4",
            profile: "{}",
            dialect: "{}",
            faults: Faults::NONE,
            silence_ms: 60_000,
            ring_records: 1_024,
        }
    }
}

pub struct World {
    pub setup: Setup,
    pub sim: Simulation,
    pub books: Rc<RefCell<Books>>,
    pub events: Vec<OrderEvent>,
    pub states: Vec<SessionState>,
    /// As the session said it last: quotes leave in sets.
    pub in_sets: u8,
    commands: Box<dyn Publication>,
    reports: Box<dyn Subscription>,
    gateway: Option<TileId>,
    venue: Option<TileId>,
    store: SharedStore,
    counter: u32,
    epoch: u16,
}

pub fn table<T: Setting>(texts: &[&str]) -> T {
    let mut whole = Json::Object(Default::default());
    for text in texts {
        let more: Json = text.parse().expect("a table");
        for (key, value) in more.as_object().expect("a table") {
            whole[key] = value.clone();
        }
    }
    let mut errors = Vec::new();
    let read = T::read(&whole, "test", "", &mut errors);
    read.unwrap_or_else(|| panic!("{errors:?}"))
}

impl World {
    pub fn new(setup: Setup) -> Self {
        let mut sim = Simulation::new(setup.seed, setup.faults);
        sim.set_step_ns(5_000, 40_000);
        let ring = RingConfig { depth_records: setup.ring_records, record_bytes_max: 192, reliable: vec![true] };
        sim.link("engine_gateway", &ring, "engine", &["gateway"]).unwrap();
        sim.link("gateway_engine", &ring, "gateway", &["engine"]).unwrap();
        let mut engine = sim.context("engine");
        let commands = engine.publications.remove("engine_gateway").unwrap();
        let reports = engine.subscriptions.remove("gateway_engine").unwrap();
        let store = SharedStore::new(sim.clock.now_ns());
        let mut world = Self {
            setup,
            sim,
            books: Rc::default(),
            events: Vec::new(),
            states: Vec::new(),
            in_sets: 0,
            commands,
            reports,
            gateway: None,
            venue: None,
            store,
            counter: 0,
            epoch: 1,
        };
        world.start_venue();
        world.start_gateway();
        world
    }

    /// As [`World::new`], with the session up.
    pub fn up(setup: Setup) -> Self {
        let mut world = Self::new(setup);
        world.run(10);
        assert_eq!(world.states.last(), Some(&SessionState::Up), "{:?}", world.states);
        world
    }

    pub fn start_venue(&mut self) {
        let version = format!(r#"{{"begin_string":"{}"}}"#, self.setup.version);
        let fixt = if self.setup.version == "FIXT.1.1" { r#"{"default_appl_ver_id":"9"}"# } else { "{}" };
        let names = r#"{"sender_comp_id":"VENUE","target_comp_id":"MERIDIAN","time_digits":9}"#;
        let profile: Profile = table(&[&version, fixt, names]);
        let context = self.sim.context("venue");
        let tile = VenueTile::new(context, PORT, profile, self.store.clone(), Rc::clone(&self.books));
        self.venue = Some(self.sim.add(Box::new(tile)).unwrap());
    }

    pub fn start_gateway(&mut self) {
        let version = format!(r#"{{"begin_string":"{}"}}"#, self.setup.version);
        let fixt = if self.setup.version == "FIXT.1.1" { r#"{"default_appl_ver_id":"9"}"# } else { "{}" };
        let names = r#"{"sender_comp_id":"MERIDIAN","target_comp_id":"VENUE","initiator":true,"time_digits":9}"#;
        let profile: Profile = table(&[&version, fixt, names, self.setup.profile]);
        let dialect: Dialect = table(&[r#"{"status_ns_max":20000000}"#, self.setup.dialect]);
        let mut context = self.sim.context("gateway");
        let size = JournalSize { segment_bytes: SEGMENT_BYTES, segments_max: 64, messages_max: 10_000 };
        let store = JournalStore::open(context.storage.clone(), "fix", size, self.sim.clock.now_ns()).unwrap();
        let session = FixSession::new(profile, Box::new(store), None);
        let symbols = vec![(1, Symbol::new("AAPL")), (2, Symbol::new("MSFT"))];
        let fix = FixConfig { venue: 3, source: 7, symbols, dialect, orders_max: 1_000 };
        let config = GatewayConfig {
            name: "gateway".into(),
            venue: 3,
            source: 7,
            address: PORT,
            commands: "engine_gateway".into(),
            events: "gateway_engine".into(),
            engine_silence_ns_max: self.setup.silence_ms * MILLISECOND,
            reconnect_ns: 2 * MILLISECOND,
            cancel_on_disconnect: 0,
            journal_segment_bytes: SEGMENT_BYTES,
        };
        let venue = FixVenue::new(fix, session, &context.counters);
        let tile = GatewayTile::new(config, venue, &mut context).unwrap();
        self.gateway = Some(self.sim.add(Box::new(tile)).unwrap());
    }

    pub fn kill_gateway(&mut self) {
        self.sim.kill(self.gateway.take().expect("a gateway runs"));
    }

    pub fn kill_venue(&mut self) {
        self.sim.kill(self.venue.take().expect("a venue runs"));
    }

    pub fn lose_gateway_disk(&mut self) {
        let disk = self.sim.disk("gateway");
        disk.list().unwrap().iter().for_each(|name| disk.remove(name).unwrap());
    }

    /// Runs for so many milliseconds and takes what the gateway says.
    pub fn run(&mut self, milliseconds: u64) {
        for _ in 0..milliseconds * 4 {
            self.sim.run_for(MILLISECOND / 4);
            self.hear();
        }
    }

    pub fn hear(&mut self) {
        let (events, states, in_sets) = (&mut self.events, &mut self.states, &mut self.in_sets);
        self.reports.poll(10_000, &mut |record| match parse(record) {
            Ok(RecordRef::OrderEvent(event)) => events.push(event),
            Ok(RecordRef::Session(session)) => {
                *in_sets = session.quotes;
                states.push(SessionState::from_code(session.state).unwrap());
            }
            other => panic!("{other:?}"),
        });
    }

    fn offer(&mut self, record: &[u8]) {
        assert_eq!(self.commands.offer(record), Offer::Sent);
    }

    fn next_id(&mut self) -> u64 {
        self.counter += 1;
        OrderId::new(OrderIdParts { day: 2_500, shard: 1, epoch: 1, counter: self.counter }).0
    }

    /// A day order to buy AAPL; its id.
    pub fn buy(&mut self, lots: i64, cents: i64) -> u64 {
        self.order(|order| (order.lots, order.price_nanos) = (lots, cents * CENT))
    }

    pub fn order(&mut self, change: impl FnOnce(&mut NewOrder)) -> u64 {
        let mut order = NewOrder::new();
        (order.owner.order_id, order.owner.epoch, order.owner.strategy) = (self.next_id(), self.epoch, 5);
        (order.header.venue, order.header.instrument) = (3, 1);
        (order.lots, order.price_nanos, order.slot) = (100, 58_533 * CENT, 4);
        (order.side, order.order_type) = (Side::Buy.code(), OrderType::Limit.code());
        order.time_in_force = TimeInForce::Day.code();
        change(&mut order);
        self.offer(bytes_of(&order));
        order.owner.order_id
    }

    pub fn replace(&mut self, original_id: u64, lots: i64, cents: i64) -> u64 {
        let mut order = ReplaceOrder::new();
        (order.owner.order_id, order.owner.epoch, order.owner.strategy) = (self.next_id(), self.epoch, 5);
        (order.header.venue, order.header.instrument) = (3, 1);
        (order.original_id, order.lots, order.price_nanos) = (original_id, lots, cents * CENT);
        (order.side, order.time_in_force) = (Side::Buy.code(), TimeInForce::Day.code());
        self.offer(bytes_of(&order));
        order.owner.order_id
    }

    /// A side of a quote in AAPL, which waits for the end of its set; its id.
    pub fn quote(&mut self, side: Side, lots: i64, cents: i64) -> u64 {
        self.order(|order| {
            (order.quote, order.side) = (1, side.code());
            (order.lots, order.price_nanos) = (lots, cents * CENT);
        })
    }

    /// A quote that is to go, in the set.
    pub fn pull(&mut self, id: u64) {
        let mut order = CancelOrder::new();
        (order.owner.order_id, order.owner.epoch, order.quote) = (id, self.epoch, 1);
        order.header.venue = 3;
        self.offer(bytes_of(&order));
    }

    /// The set is whole.
    pub fn end_set(&mut self) {
        let mut set = QuoteSet::new();
        set.header.venue = 3;
        self.offer(bytes_of(&set));
    }

    pub fn heartbeat(&mut self) {
        let mut beat = Heartbeat::new();
        beat.epoch = self.epoch;
        self.offer(bytes_of(&beat));
    }

    pub fn cancel(&mut self, id: u64, lots: i64) {
        let mut order = CancelOrder::new();
        (order.owner.order_id, order.owner.epoch, order.lots) = (id, self.epoch, lots);
        order.header.venue = 3;
        self.offer(bytes_of(&order));
    }

    pub fn mass_cancel(&mut self, change: impl FnOnce(&mut MassCancel)) {
        let mut order = MassCancel::new();
        (order.header.venue, order.owner.epoch) = (3, self.epoch);
        change(&mut order);
        self.offer(bytes_of(&order));
    }

    pub fn venue_does(&mut self, next: Do) {
        self.books.borrow_mut().script.push_back(next);
    }

    /// Types of the messages that the venue took, those of some kinds.
    pub fn taken(&self, kinds: &[&str]) -> Vec<String> {
        let books = self.books.borrow();
        books.taken.iter().map(|(kind, _)| kind.clone()).filter(|kind| kinds.contains(&&**kind)).collect()
    }

    /// The fields of the last message of a type that the venue took.
    pub fn last(&self, kind: &str) -> std::collections::BTreeMap<u32, String> {
        let books = self.books.borrow();
        books.taken.iter().rev().find(|(found, _)| found == kind).expect("one was taken").1.clone()
    }

    /// What was said of an order: kind, lots, leaves, cumulative; those that may be repetitions left out.
    pub fn said(&self, id: u64) -> Vec<(OrderEventKind, i64, i64, i64)> {
        let fresh = self.events.iter().filter(|event| event.owner.order_id == id);
        fresh.map(|event| (kind(event), event.lots, event.leaves_lots, event.cumulative_lots)).collect()
    }

    pub fn kinds(&self, id: u64) -> Vec<OrderEventKind> {
        self.said(id).into_iter().map(|said| said.0).collect()
    }

    pub fn last_event(&self, id: u64) -> OrderEvent {
        *self.events.iter().rev().find(|event| event.owner.order_id == id).expect("something was said of it")
    }

    pub fn counter(&self, name: &str) -> u64 {
        let found = self.sim.counters.readings().into_iter().find(|(found, _)| found == &format!("gateway.{name}"));
        match found {
            Some((_, links::Reading::Counter(value))) => value,
            _ => panic!("no counter {name}"),
        }
    }
}

pub fn kind(event: &OrderEvent) -> OrderEventKind {
    OrderEventKind::from_code(event.event).unwrap()
}

pub fn name(id: u64) -> String {
    String::from_utf8(ClientId::new(id, 0).letters().to_vec()).unwrap()
}
