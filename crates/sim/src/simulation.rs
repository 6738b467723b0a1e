//! Tiles in one thread on a seeded clock: each step moves time by a seeded amount and calls every tile once, in a seeded order.
//!
//! Invariant: nothing but the seed and the caller's own calls decides what happens.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

use links::{Counters, Publication, Ring, RingConfig, Subscription};
use tiles::{Clock, Context, StartError, Tile};

use crate::again::Tail;
use crate::net::{Faults, SimNet};
use crate::random::Random;
use crate::storage::SimDisk;

/// The simulation's time. Clones are the same clock.
#[derive(Clone, Debug)]
pub struct SimClock(Rc<Cell<u64>>);

impl SimClock {
    /// A clock that stands at this time.
    pub fn at(now_ns: u64) -> Self {
        Self(Rc::new(Cell::new(now_ns)))
    }

    /// Moves it on.
    pub fn advance(&self, ns: u64) {
        self.0.set(self.0.get() + ns);
    }
}

impl Clock for SimClock {
    fn now_ns(&self) -> u64 {
        self.0.get()
    }
}

/// A tile of the simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TileId(usize);

/// A link, kept so that a tile that starts again gets its ends again, as a process attaches to shared memory again.
struct Link {
    name: String,
    ring: Ring,
    producer: String,
    consumers: Vec<String>,
    tails: Vec<Tail>,
}

/// See the module.
pub struct Simulation {
    /// Its time.
    pub clock: SimClock,
    /// Its network.
    pub net: SimNet,
    /// Its counters; each tile has a scope of its name.
    pub counters: Counters,
    random: Random,
    step_ns: (u64, u64),
    disks: BTreeMap<String, SimDisk>,
    links: Vec<Link>,
    tiles: Vec<Option<Box<dyn Tile>>>,
}

impl Simulation {
    /// 2024-01-02 14:30:00 UTC, when New York opens on an ordinary day.
    pub const START_NS: u64 = 1_704_205_800_000_000_000;

    /// An empty one.
    pub fn new(seed: u64, faults: Faults) -> Self {
        let clock = SimClock::at(Self::START_NS);
        let mut random = Random::new(seed);
        let net = SimNet::new(clock.clone(), random.number(), faults);
        Self {
            clock,
            net,
            counters: Counters::local(),
            random,
            step_ns: (500, 5_000),
            disks: BTreeMap::new(),
            links: Vec::new(),
            tiles: Vec::new(),
        }
    }

    /// How far a step moves time: a seeded number from `low` to `high` ns.
    pub fn set_step_ns(&mut self, low: u64, high: u64) {
        self.step_ns = (low, high);
    }

    /// A link: its ends go to the contexts of these tiles.
    ///
    /// # Errors
    /// When depth, record size or the number of consumers is outside a ring's bounds.
    pub fn link(&mut self, name: &str, config: &RingConfig, producer: &str, consumers: &[&str]) -> io::Result<()> {
        let ring = Ring::heap(config)?;
        let tails = vec![Tail::default(); consumers.len()];
        let consumers = consumers.iter().map(|consumer| (*consumer).to_owned()).collect();
        self.links.push(Link { name: name.to_owned(), ring, producer: producer.to_owned(), consumers, tails });
        Ok(())
    }

    /// The disk of a tile; it outlives the tile.
    pub fn disk(&mut self, tile: &str) -> SimDisk {
        self.disks.entry(tile.to_owned()).or_default().clone()
    }

    /// What a tile of this name is given: at its first start and, once it was killed or closed, at the next one, when its
    /// links go on where they stand.
    pub fn context(&mut self, tile: &str) -> Context {
        let mut publications: BTreeMap<String, Box<dyn Publication>> = BTreeMap::new();
        let mut subscriptions: BTreeMap<String, Box<dyn Subscription>> = BTreeMap::new();
        for link in &self.links {
            if link.producer == tile {
                publications.insert(link.name.clone(), Box::new(link.ring.producer()));
            }
            if let Some(slot) = link.consumers.iter().position(|consumer| consumer == tile) {
                let end = link.ring.consumer(slot).expect("a slot that the ring was made with");
                subscriptions.insert(link.name.clone(), link.tails[slot].of(end));
            }
        }
        Context {
            clock: Rc::new(self.clock.clone()),
            net: Rc::new(self.net.clone()),
            storage: Rc::new(self.disk(tile)),
            publications,
            subscriptions,
            counters: self.counters.scope(tile),
        }
    }

    /// Starts a tile and takes it in.
    ///
    /// # Errors
    /// When the tile refuses to start.
    pub fn add(&mut self, mut tile: Box<dyn Tile>) -> Result<TileId, StartError> {
        tile.on_start(self.clock.now_ns())?;
        self.tiles.push(Some(tile));
        Ok(TileId(self.tiles.len() - 1))
    }

    /// Kills a tile as a crash would: it is dropped without a word. Its disk stays.
    pub fn kill(&mut self, tile: TileId) {
        self.tiles[tile.0] = None;
    }

    /// The records that a tile took last of its links, so many of each at most, come again to the one that starts next under its
    /// name; how many do.
    pub fn give_again(&mut self, tile: &str, records: usize) -> usize {
        let ends = self.links.iter().flat_map(|link| link.consumers.iter().zip(&link.tails));
        ends.filter(|(consumer, _)| *consumer == tile).map(|(_, tail)| tail.give_again(records)).sum()
    }

    /// Closes a tile in order.
    pub fn close(&mut self, tile: TileId) {
        if let Some(mut tile) = self.tiles[tile.0].take() {
            tile.on_close(self.clock.now_ns());
        }
    }

    /// One step; returns the work done.
    pub fn step(&mut self) -> usize {
        let (low, high) = self.step_ns;
        self.clock.advance(self.random.between(low, high));
        let mut order: Vec<usize> = (0..self.tiles.len()).collect();
        for index in (1..order.len()).rev() {
            order.swap(index, self.random.between(0, index as u64) as usize);
        }
        let mut work = 0;
        for index in order {
            if let Some(tile) = &mut self.tiles[index] {
                work += tile.do_work(self.clock.now_ns());
            }
        }
        work
    }

    /// Steps until this much time has passed.
    pub fn run_for(&mut self, ns: u64) {
        let end_ns = self.clock.now_ns() + ns;
        while self.clock.now_ns() < end_ns {
            self.step();
        }
    }

    /// Steps until the condition holds; false when it did not within this time.
    pub fn run_until(&mut self, ns_max: u64, mut holds: impl FnMut(&Self) -> bool) -> bool {
        let end_ns = self.clock.now_ns() + ns_max;
        while !holds(self) {
            if self.clock.now_ns() >= end_ns {
                return false;
            }
            self.step();
        }
        true
    }
}
