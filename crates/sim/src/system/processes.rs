//! Processes in one thread: each is called when something arrives for it, when it has more to do, and else once a tick; it can
//! be killed, paused, slowed, and its host's clock can be wrong.
//!
//! Invariant: nothing but the seed and the caller's own calls decides who is called when. A process that stands still is called
//! by nobody, whatever arrives.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::rc::Rc;

use links::{Counters, Merged, Offer, Publication, Reading, Ring, RingConfig, Subscription};
use tiles::{Clock, Context, StartError, Tile};

use crate::again::Tail;
use crate::net::{Faults, SimNet};
use crate::random::Random;
use crate::simulation::SimClock;
use crate::storage::SimDisk;

use super::deaths;

/// Number of a process.
pub type ProcessId = usize;
/// Producer of a link that no process writes to.
pub const NOBODY: ProcessId = usize::MAX;

/// A tile's run time between two looks of the simulator, ns: how long a cycle with work takes.
const CYCLE_NS: (u64, u64) = (1_000, 8_000);
/// From one tile's link to the next tile's look at it.
const LINK_NS: u64 = 400;

/// A host's clock: the simulation's time, with an offset and a rate of its own; never running backwards.
#[derive(Clone, Debug)]
pub struct HostClock {
    base: SimClock,
    wrong: Rc<Cell<Wrong>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Wrong {
    since_ns: u64,
    offset_ns: i64,
    rate_ppm: i64,
    told_ns: u64,
}

impl HostClock {
    fn new(base: SimClock) -> Self {
        Self { base, wrong: Rc::default() }
    }

    /// From now on it runs so many parts per million faster, and is this much ahead (less: behind, reached by standing still).
    pub fn set(&self, offset_ns: i64, rate_ppm: i64) {
        let told_ns = self.wrong.get().told_ns;
        self.wrong.set(Wrong { since_ns: self.base.now_ns(), offset_ns, rate_ppm, told_ns });
    }
}

impl Clock for HostClock {
    fn now_ns(&self) -> u64 {
        let mut wrong = self.wrong.get();
        let true_ns = self.base.now_ns();
        let since_ns = true_ns.saturating_sub(wrong.since_ns);
        let drift_ns = match wrong.rate_ppm {
            0 => 0,
            rate_ppm => (i128::from(since_ns) * i128::from(rate_ppm) / 1_000_000) as i64,
        };
        let ahead = wrong.offset_ns + drift_ns;
        wrong.told_ns = wrong.told_ns.max(true_ns.saturating_add_signed(ahead));
        self.wrong.set(wrong);
        wrong.told_ns
    }
}

/// When somebody has to be called.
#[derive(Clone, Default)]
struct Wakes(Rc<RefCell<Vec<(u64, ProcessId)>>>);

/// A link's producing end that wakes those who read it.
struct Waking {
    inner: Box<dyn Publication>,
    readers: Vec<ProcessId>,
    wakes: Wakes,
    clock: SimClock,
}

impl Publication for Waking {
    fn offer(&mut self, record: &[u8]) -> Offer {
        let offer = self.inner.offer(record);
        if offer == Offer::Sent {
            let at_ns = self.clock.now_ns() + LINK_NS;
            self.wakes.0.borrow_mut().extend(self.readers.iter().map(|reader| (at_ns, *reader)));
        }
        offer
    }

    fn has_room(&self, records: usize) -> bool {
        self.inner.has_room(records)
    }
}

struct Link {
    /// Who reads it knows it by that; two of one name are one for them.
    name: String,
    config: RingConfig,
    ring: Ring,
    producer: ProcessId,
    readers: Vec<ProcessId>,
    tails: BTreeMap<ProcessId, Tail>,
}

struct Process {
    name: String,
    host: u8,
    clock: HostClock,
    tile: Option<Box<dyn Tile>>,
    tick_ns: u64,
    /// As last put on the list.
    listed_ns: u64,
    /// When its next tick is.
    tick_due_ns: u64,
    paused_until_ns: u64,
    /// While it is slow it is called once in so long, 0: at once.
    slow_ns: u64,
    called_ns: u64,
    started_ns: u64,
}

/// What became of a run of the processes.
pub enum Ran {
    /// Time is up.
    Done,
    /// A process died of an assertion of its own: which, and what it said.
    Died(ProcessId, String),
}

/// All processes, their clocks, links, disks and network.
pub struct Processes {
    /// True time.
    pub clock: SimClock,
    /// The network.
    pub net: SimNet,
    /// Counters; each process has a scope of its name.
    pub counters: Counters,
    random: Random,
    grain_ns: u64,
    processes: Vec<Process>,
    clocks: BTreeMap<u8, HostClock>,
    disks: BTreeMap<String, SimDisk>,
    links: Vec<Link>,
    list: BinaryHeap<Reverse<(u64, u64, ProcessId)>>,
    number: u64,
    wakes: Wakes,
    hash: u64,
    calls: u64,
}

impl Processes {
    /// None yet. What arrives is looked at in steps of `grain_ns`.
    pub fn new(seed: u64, start_ns: u64, faults: Faults, grain_ns: u64) -> Self {
        deaths::are_told_by_the_run();
        let clock = SimClock::at(start_ns);
        let mut random = Random::new(seed);
        let net = SimNet::new(clock.clone(), random.number(), faults);
        net.note_wakes();
        Self {
            clock,
            net,
            counters: Counters::local(),
            random,
            grain_ns,
            processes: Vec::new(),
            clocks: BTreeMap::new(),
            disks: BTreeMap::new(),
            links: Vec::new(),
            list: BinaryHeap::new(),
            number: 0,
            wakes: Wakes::default(),
            hash: 0,
            calls: 0,
        }
    }

    /// A process that is not started; called once in `tick_ns` at least once it is.
    pub fn add(&mut self, name: &str, host: u8, tick_ns: u64) -> ProcessId {
        let clock = self.host_clock(host);
        self.processes.push(Process {
            name: name.to_owned(),
            host,
            clock,
            tile: None,
            tick_ns,
            listed_ns: u64::MAX,
            tick_due_ns: 0,
            paused_until_ns: 0,
            slow_ns: 0,
            called_ns: 0,
            started_ns: 0,
        });
        self.processes.len() - 1
    }

    /// A process's name.
    pub fn name(&self, id: ProcessId) -> &str {
        &self.processes[id].name
    }

    /// When its latest life began.
    pub fn started_ns(&self, id: ProcessId) -> u64 {
        self.processes[id].started_ns
    }

    /// Whether it runs.
    pub fn runs(&self, id: ProcessId) -> bool {
        self.processes[id].tile.is_some()
    }

    /// Whether it runs, has done so for this long, and does not stand still.
    pub fn has_run(&self, id: ProcessId, ns: u64) -> bool {
        let process = &self.processes[id];
        self.runs(id) && process.called_ns > 0 && !self.stands(id) && self.clock.now_ns() >= process.started_ns + ns
    }

    /// A link between processes.
    ///
    /// # Panics
    /// When depth or record size is outside a ring's bounds.
    pub fn link(&mut self, name: &str, config: &RingConfig, producer: ProcessId, readers: &[ProcessId]) {
        let ring = Ring::heap(config).expect("a ring within its bounds");
        self.links.push(Link {
            name: name.to_owned(),
            config: config.clone(),
            ring,
            producer,
            readers: readers.to_vec(),
            tails: BTreeMap::new(),
        });
    }

    /// A second link of this name, with another producer; its readers see one.
    pub fn twin(&mut self, name: &str, producer: ProcessId) {
        let link = self.links.iter().find(|known| known.name == name).expect("a link of this name");
        let (config, readers) = (link.config.clone(), link.readers.clone());
        self.link(name, &config, producer, &readers);
    }

    /// Of the links that both read, the first holds the producer back and the second does not.
    ///
    /// # Panics
    /// When they are made for one reader alone.
    pub fn wait_for(&mut self, first: ProcessId, second: ProcessId) {
        for link in &self.links {
            let place = |id: ProcessId| link.readers.iter().position(|reader| *reader == id);
            if let (Some(first), Some(second)) = (place(first), place(second)) {
                link.ring.set_reliable(first, true).expect("a ring for two");
                link.ring.set_reliable(second, false).expect("a ring for two");
            }
        }
    }

    /// What lies in a link is lost. Nobody may hold an end.
    pub fn renew_link(&mut self, name: &str) {
        for link in self.links.iter_mut().filter(|link| link.name == name) {
            link.ring = Ring::heap(&link.config).expect("a ring within its bounds");
        }
    }

    /// From this process's next start on, what it takes of a link can come again.
    pub fn watch_tail(&mut self, link: &str, id: ProcessId) {
        let link = self.links.iter_mut().find(|known| known.name == link).expect("a link of this name");
        link.tails.insert(id, Tail::default());
    }

    /// What it took last of the links that are watched, so many records of each at most, comes again at its next start; how many.
    pub fn give_again(&mut self, id: ProcessId, records: usize) -> usize {
        self.links.iter().filter_map(|link| link.tails.get(&id)).map(|tail| tail.give_again(records)).sum()
    }

    /// Every link of this process is lost with what lies in it, and made anew. Nobody may hold an end.
    pub fn renew_links(&mut self, id: ProcessId) {
        for link in self.links.iter_mut().filter(|link| link.producer == id || link.readers.contains(&id)) {
            link.ring = Ring::heap(&link.config).expect("a ring within its bounds");
            link.tails.values_mut().for_each(|tail| *tail = Tail::default());
        }
    }

    /// A link's producing end, for somebody who pretends to be its producer.
    pub fn producer(&mut self, name: &str, id: ProcessId) -> Box<dyn Publication> {
        let link = self.links.iter().find(|link| link.name == name && link.producer == id);
        Box::new(self.waking(link.expect("a link of this name and producer")))
    }

    fn waking(&self, link: &Link) -> Waking {
        let inner = Box::new(link.ring.producer());
        Waking { inner, readers: link.readers.clone(), wakes: self.wakes.clone(), clock: self.clock.clone() }
    }

    /// The disk of this name; it outlives its process.
    pub fn disk(&mut self, name: &str) -> SimDisk {
        self.disks.entry(name.to_owned()).or_default().clone()
    }

    /// Bytes on all disks.
    pub fn disk_bytes(&self) -> usize {
        self.disks.values().map(SimDisk::bytes).sum()
    }

    /// A host's clock.
    pub fn host_clock(&mut self, host: u8) -> HostClock {
        let base = self.clock.clone();
        self.clocks.entry(host).or_insert_with(|| HostClock::new(base)).clone()
    }

    /// What a process is given at a start.
    pub fn context(&mut self, id: ProcessId) -> Context {
        let mut publications: BTreeMap<String, Box<dyn Publication>> = BTreeMap::new();
        let mut subscriptions: BTreeMap<String, Box<dyn Subscription>> = BTreeMap::new();
        let mut tails = Vec::new();
        for link in &self.links {
            if link.producer == id {
                publications.insert(link.name.clone(), Box::new(self.waking(link)));
            }
            let Some(place) = link.readers.iter().position(|reader| *reader == id) else { continue };
            let mut end: Box<dyn Subscription> = link.ring.consumer(place).expect("a place of the ring");
            if let Some(first) = subscriptions.remove(&link.name) {
                end = Box::new(Merged::new(first, end));
            }
            subscriptions.insert(link.name.clone(), end);
            tails.extend(link.tails.get(&id).map(|tail| (link.name.clone(), tail)));
        }
        for (name, tail) in tails {
            if let Some(end) = subscriptions.remove(&name) {
                subscriptions.insert(name, tail.of(end));
            }
        }
        let Process { name, host, clock, .. } = &self.processes[id];
        let (name, host, clock) = (name.clone(), *host, clock.clone());
        Context {
            clock: Rc::new(clock),
            net: Rc::new(self.net.of(id, host)),
            storage: Rc::new(self.disk(&name)),
            publications,
            subscriptions,
            counters: self.counters.scope(&name),
        }
    }

    /// Starts it.
    ///
    /// # Errors
    /// What the tile says when it refuses, or its assertion's words.
    pub fn start(&mut self, id: ProcessId, mut tile: Box<dyn Tile>) -> Result<(), String> {
        let now_ns = self.processes[id].clock.now_ns();
        deaths::outlived(|| tile.on_start(now_ns))?.map_err(|StartError(why)| why)?;
        let process = &mut self.processes[id];
        (process.tile, process.listed_ns, process.paused_until_ns, process.slow_ns) = (Some(tile), u64::MAX, 0, 0);
        (process.tick_due_ns, process.called_ns) = (0, 0);
        process.started_ns = self.clock.now_ns();
        let at_ns = self.clock.now_ns() + self.random.between(0, 1_000);
        self.list(at_ns, id);
        Ok(())
    }

    /// Kills it as a crash would. Its disk and what lies in its links stay.
    pub fn kill(&mut self, id: ProcessId) {
        self.processes[id].tile = None;
    }

    /// It stands still until then.
    pub fn pause(&mut self, id: ProcessId, until_ns: u64) {
        self.processes[id].paused_until_ns = until_ns;
    }

    /// Whether it stands still.
    pub fn stands(&self, id: ProcessId) -> bool {
        self.processes[id].paused_until_ns > self.clock.now_ns()
    }

    /// From now on it is called once in so long at most; 0: as before.
    pub fn slow(&mut self, id: ProcessId, slow_ns: u64) {
        self.processes[id].slow_ns = slow_ns;
    }

    /// Goes on with everybody: nobody stands still, nobody is slow.
    pub fn hurry(&mut self) {
        for process in &mut self.processes {
            (process.paused_until_ns, process.slow_ns) = (0, 0);
        }
        for (id, process) in self.processes.iter().enumerate() {
            if process.tile.is_some() {
                self.wakes.0.borrow_mut().push((self.clock.now_ns(), id));
            }
        }
    }

    fn list(&mut self, at_ns: u64, id: ProcessId) {
        let process = &mut self.processes[id];
        let at_ns = at_ns.max(process.paused_until_ns).max(process.called_ns + process.slow_ns);
        if process.listed_ns == at_ns {
            return;
        }
        process.listed_ns = at_ns;
        self.number += 1;
        self.list.push(Reverse((at_ns, self.number, id)));
    }

    /// Puts those on the list for whom something arrives.
    fn take_wakes(&mut self) {
        let grain_ns = self.grain_ns;
        let mut told = std::mem::take(&mut *self.wakes.0.borrow_mut());
        self.net.take_wakes(&mut |at_ns, id| told.push((at_ns.next_multiple_of(grain_ns), id)));
        for (at_ns, id) in told.drain(..) {
            if self.processes[id].tile.is_some() {
                self.list(at_ns, id);
            }
        }
        *self.wakes.0.borrow_mut() = told;
    }

    /// Has this process called at a time, by somebody who knows that it has something to do then.
    pub fn waker(&self, id: ProcessId) -> Box<dyn Fn(u64)> {
        let wakes = self.wakes.clone();
        Box::new(move |at_ns| wakes.0.borrow_mut().push((at_ns, id)))
    }

    /// Runs everybody until then.
    pub fn run_until(&mut self, end_ns: u64) -> Ran {
        self.take_wakes();
        while let Some(Reverse((at_ns, _, id))) = self.list.peek().copied().filter(|next| next.0.0 <= end_ns) {
            self.list.pop();
            let process = &mut self.processes[id];
            // What arrives for it at one moment is one call.
            if process.tile.is_none() || process.called_ns == at_ns {
                continue;
            }
            if process.paused_until_ns > at_ns {
                let later_ns = process.paused_until_ns;
                self.list(later_ns, id);
                continue;
            }
            if let Some(why) = self.call(at_ns, id) {
                return Ran::Died(id, why);
            }
        }
        let now_ns = self.clock.now_ns();
        self.clock.advance(end_ns.saturating_sub(now_ns));
        Ran::Done
    }

    fn call(&mut self, at_ns: u64, id: ProcessId) -> Option<String> {
        let now_ns = self.clock.now_ns();
        self.clock.advance(at_ns.saturating_sub(now_ns));
        let process = &mut self.processes[id];
        let host_ns = process.clock.now_ns();
        process.called_ns = at_ns;
        let next_tick_ns = (at_ns >= process.tick_due_ns).then_some(at_ns + process.tick_ns);
        process.tick_due_ns = next_tick_ns.unwrap_or(process.tick_due_ns);
        let tile = process.tile.as_mut().expect("it runs");
        let work = match deaths::outlived(|| tile.do_work(host_ns)) {
            Ok(work) => work,
            Err(why) => return Some(why),
        };
        self.calls += 1;
        let word = (at_ns << 12) ^ ((id as u64) << 6) ^ work as u64;
        self.hash = (self.hash.rotate_left(5) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        if work > 0 {
            let cycle_ns = self.random.between(CYCLE_NS.0, CYCLE_NS.1);
            self.list(at_ns + cycle_ns, id);
        }
        if let Some(tick_ns) = next_tick_ns {
            self.list(tick_ns, id);
        }
        self.take_wakes();
        None
    }

    /// Hash over every call so far: when, who, how much it did.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// Every counter that is not zero.
    pub fn readings(&self) -> Vec<(String, u64)> {
        let value = |(name, reading): (String, Reading)| match reading {
            Reading::Counter(value) if value > 0 => Some((name, value)),
            _ => None,
        };
        self.counters.readings().into_iter().filter_map(value).collect()
    }

    /// Calls so far.
    pub fn calls(&self) -> u64 {
        self.calls
    }
}
