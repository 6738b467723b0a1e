//! Two engines of one shard over rings, their feed, and a venue that answers.
#![allow(dead_code, reason = "each test of two engines uses its part")]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use engine::{EngineTile, EngineTileConfig, History, Host, PartnerSettings, SessionSettings, WaitsFor};
use journal::{JournalError, MemoryStorage, Reader};
use links::{Counters, Offer, Publication, Ring, RingConfig};
use records::*;
use tiles::{Context, Tile};

use crate::outside::{At, End, NoNet, Queue};
use crate::quoter::{Quoter, bid, bootstrap_of, opening};
use crate::support::{self, Rng, SHARE, VENUE};

pub const STEP_NS: u64 = 1_000;
pub const A_WHILE: usize = 400;
pub const SILENCE_NS: u64 = 20_000_000;

/// One of the two, by its place in the rings.
pub struct Engine {
    pub tile: Option<EngineTile>,
    pub storage: Rc<MemoryStorage>,
    pub counters: Counters,
    pub commands: Queue,
    pub answered: usize,
}

pub struct World {
    pub input: Ring,
    pub between: [Ring; 2],
    pub lead: [Ring; 2],
    pub feed: Box<dyn Publication>,
    pub engines: [Engine; 2],
    pub now_ns: u64,
    pub reference: u64,
    pub wait: bool,
    /// Orders at the venue: lots.
    pub resting: BTreeMap<u64, i64>,
}

/// The other's journal, as it lies in memory.
pub struct Theirs(Rc<MemoryStorage>);

impl History for Theirs {
    fn read(&mut self, after: u64, each: &mut dyn FnMut(Stamp, &[u8])) -> Result<usize, JournalError> {
        let mut reader = Reader::from_segments(self.0.segments())?;
        let mut taken = 0;
        while let Some((stamp, record)) = reader.next()? {
            if stamp.sequence > after {
                each(stamp, record);
                taken += 1;
            }
        }
        Ok(taken)
    }
}

pub fn ring(depth_records: usize, reliable: &[bool]) -> Ring {
    Ring::heap(&RingConfig { depth_records, record_bytes_max: 640, reliable: reliable.to_vec() }).unwrap()
}

impl World {
    /// The first leads, the second follows; `wait`: at durability `standby`.
    pub fn new(wait: bool, depth: usize) -> Self {
        Self::of(wait, depth, &|| Box::new(Quoter))
    }

    /// The same with another strategy.
    pub fn of(wait: bool, depth: usize, host: &dyn Fn() -> Box<dyn Host>) -> Self {
        let engine = || Engine {
            tile: None,
            storage: MemoryStorage::new(),
            counters: Counters::local(),
            commands: Queue::default(),
            answered: 0,
        };
        let input = ring(depth, &[true, false]);
        let feed = Box::new(input.producer());
        let between = [ring(depth, &[true]), ring(depth, &[true])];
        let lead = [ring(8, &[true]), ring(8, &[true])];
        let engines = [engine(), engine()];
        let now_ns = support::START_NS;
        let mut world =
            Self { input, between, lead, feed, engines, now_ns, reference: 0, wait, resting: BTreeMap::new() };
        world.start(0, 1, host());
        world.start(1, 0, host());
        world
    }

    /// Begins a life of one of them: with epoch 0 it follows.
    pub fn start(&mut self, which: usize, epoch: u16, host: Box<dyn Host>) {
        let config = EngineTileConfig {
            engine: support::config(),
            segment_bytes: 64 << 10,
            held_max: if self.wait { 64 } else { 0 },
            waits_for: WaitsFor { device: false, standby: self.wait },
            partner: Some(PartnerSettings {
                to: "to".into(),
                from: "from".into(),
                lead: "lead".into(),
                history: None,
                silence_ns: SILENCE_NS,
            }),
            inputs: vec!["feed_engine".into()],
            commands: vec![(VENUE, "engine_gateway".into())],
            guards: vec![SessionSettings::default().record(VENUE)],
            ..EngineTileConfig::new("engine", bootstrap_of(epoch, 1))
        };
        let engine = &mut self.engines[which];
        engine.counters = Counters::local();
        let context = Context {
            clock: Rc::new(At(Cell::new(self.now_ns))),
            net: Rc::new(NoNet),
            storage: engine.storage.clone(),
            publications: [
                ("engine_gateway".to_owned(), Box::new(End::of(engine.commands.clone())) as Box<dyn Publication>),
                ("to".to_owned(), Box::new(self.between[which].producer())),
            ]
            .into(),
            subscriptions: [
                ("feed_engine".to_owned(), self.input.consumer(which).unwrap() as _),
                ("from".to_owned(), self.between[1 - which].consumer(0).unwrap() as _),
                ("lead".to_owned(), self.lead[which].consumer(0).unwrap() as _),
            ]
            .into(),
            counters: engine.counters.clone(),
        };
        let mut tile = EngineTile::new(context, config, host).unwrap();
        tile.on_start(self.now_ns).unwrap();
        engine.tile = Some(tile);
    }

    /// Each reads the other's journal where it lacks something.
    pub fn keep_history(&mut self) {
        for which in 0..2 {
            let theirs = Box::new(Theirs(self.engines[1 - which].storage.clone()));
            self.engines[which].tile = self.engines[which].tile.take().map(|tile| tile.with_history(theirs));
        }
    }

    pub fn work(&mut self, which: usize) {
        if let Some(tile) = &mut self.engines[which].tile {
            tile.do_work(self.now_ns);
        }
    }

    pub fn both(&mut self) {
        self.now_ns += STEP_NS;
        self.work(0);
        self.work(1);
    }

    pub fn a_while(&mut self) {
        (0..A_WHILE).for_each(|_| self.pause());
        // What came last is heard on both sides, too.
        (0..8).for_each(|_| self.both());
    }

    pub fn pause(&mut self) {
        self.now_ns += 100_000;
        self.work(0);
        self.work(1);
    }

    pub fn offer(&mut self, record: &[u8]) {
        assert_eq!(self.feed.offer(record), Offer::Sent, "nothing holds the feed back");
    }

    pub fn session_is_up(&mut self, epoch: u64) {
        let mut session = Session::new();
        (session.header.venue, session.state, session.epoch) = (VENUE, SessionState::Up.code(), epoch);
        self.offer(bytes_of(&session));
        self.both();
    }

    pub fn open(&mut self) {
        for record in opening() {
            self.offer(&record);
        }
        self.both();
    }

    /// The touch has this many lots, which tells the strategy what to do.
    pub fn touch(&mut self, lots: i64) {
        if self.reference > 0 {
            let mut gone = MarketOrder::new();
            (gone.header.venue, gone.header.instrument) = (VENUE, SHARE);
            (gone.order_ref, gone.action) = (self.reference, BookAction::Delete.code());
            self.offer(bytes_of(&gone));
        }
        self.reference += 1;
        let record = bid(self.reference, lots);
        self.offer(&record);
    }

    /// Something happens at the venue, and both work in any order and at any distance from one another.
    pub fn trade(&mut self, random: &mut Rng) {
        self.touch(1 + random.below(30) as i64);
        for _ in 0..random.below(4) {
            self.now_ns += STEP_NS;
            self.work(random.below(2) as usize);
        }
        if random.below(3) == 0 {
            self.answer(0);
        }
    }

    /// The venue answers what it was sent.
    pub fn answer(&mut self, which: usize) {
        let records: Vec<_> =
            self.engines[which].commands.borrow().iter().skip(self.engines[which].answered).cloned().collect();
        self.engines[which].answered += records.len();
        for record in records {
            let event = match read_from::<Header>(&record).unwrap().kind() {
                Some(Kind::NewOrder) => {
                    let order: NewOrder = read_from(&record).unwrap();
                    assert!(self.resting.insert(order.owner.order_id, order.lots).is_none(), "an order is sent once");
                    let mut event = support::event_of(order.owner.order_id, OrderEventKind::Accepted);
                    (event.owner, event.lots, event.leaves_lots) = (order.owner, order.lots, order.lots);
                    (event.price_nanos, event.venue_order_ref) = (order.price_nanos, order.owner.order_id);
                    event
                }
                Some(Kind::ReplaceOrder) => {
                    let order: ReplaceOrder = read_from(&record).unwrap();
                    let mut event = support::event_of(order.owner.order_id, OrderEventKind::ReplaceRejected);
                    (event.owner, event.original_id) = (order.owner, order.original_id);
                    event
                }
                Some(Kind::CancelOrder) => {
                    let order: CancelOrder = read_from(&record).unwrap();
                    let lots = self.resting.remove(&order.owner.order_id);
                    let kind = if lots.is_some() { OrderEventKind::Canceled } else { OrderEventKind::NotFound };
                    let mut event = support::event_of(order.owner.order_id, kind);
                    (event.owner, event.lots) = (order.owner, lots.unwrap_or(0));
                    if lots.is_some() {
                        (event.leaves_lots, event.cumulative_lots) = (0, 0);
                    }
                    event
                }
                _ => continue,
            };
            self.offer(bytes_of(&event));
        }
    }

    pub fn lead(&mut self, which: usize, epoch: u16) {
        let mut lead = Lead::new();
        (lead.shard, lead.epoch) = (1, epoch);
        assert_eq!(self.lead[which].producer().offer(bytes_of(&lead)), Offer::Sent);
    }

    pub fn cede(&mut self, which: usize, epoch: u16) {
        let mut cede = Cede::new();
        (cede.shard, cede.epoch) = (1, epoch);
        assert_eq!(self.lead[which].producer().offer(bytes_of(&cede)), Offer::Sent);
    }

    /// As whoever watches them does once the new one leads and the old one is gone.
    pub fn give_place(&mut self, to: usize) {
        self.input.set_reliable(to, true).unwrap();
        self.input.set_reliable(1 - to, false).unwrap();
    }

    pub fn tile(&self, which: usize) -> &EngineTile {
        self.engines[which].tile.as_ref().unwrap()
    }

    pub fn counter(&self, which: usize, name: &str) -> u64 {
        self.engines[which].counters.counter(name).get()
    }

    pub fn seen<T: Record>(&self, which: usize) -> Vec<T> {
        let records = self.engines[which].commands.borrow();
        let of_kind = records.iter().filter(|record| read_from::<Header>(record).unwrap().kind == T::KIND as u16);
        of_kind.map(|record| read_from(record).unwrap()).collect()
    }

    pub fn states(&self) -> [(u64, u64, u64); 2] {
        [0, 1].map(|which| {
            let engine = self.tile(which).engine();
            (engine.input(), engine.state_hash(), engine.full_hash())
        })
    }

    /// Every record of the feed that an engine's journal has, by how often.
    pub fn journaled(&self, which: usize) -> BTreeMap<u64, usize> {
        let mut found = BTreeMap::new();
        let mut reader = Reader::from_segments(self.engines[which].storage.segments()).unwrap();
        while let Some((_, record)) = reader.next().unwrap() {
            if let Some(order) =
                read_from::<MarketOrder>(record).filter(|order| order.header.kind == MarketOrder::KIND as u16)
                && order.action == BookAction::Add.code()
            {
                *found.entry(order.order_ref).or_default() += 1;
            }
        }
        found
    }
}
