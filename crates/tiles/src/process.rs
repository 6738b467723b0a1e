//! One process of a topology: makes its counters, the ends of its links, its tiles by kind, and a thread for each group of
//! tiles; runs until asked to stop.
//!
//! Invariant: no tile starts before every end of this process's links is attached; when one thread ends, for whatever
//! reason, all are asked to stop.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use links::{Counters, CountersSize, Merged, Publication, Ring, RingConfig, Subscription};

use crate::runner;
use crate::spec::{LinkKind, LinkSpec, ProcessSpec, ThreadSpec, TileSpec};
use crate::{Clock, Context, Ends, Net, RealClock, RealNet, RealStorage, StartError, Stop, SucceedingNet, Tile};

/// How often the process looks whether its threads live, and calls back.
const WATCH: Duration = Duration::from_millis(20);

/// Makes a tile of one kind.
pub type Make = fn(&TileSpec, Context) -> Result<Box<dyn Tile>, StartError>;

/// Names everything that is wrong with a tile's settings, before anything starts; by the code that its constructor reads them
/// with.
pub type Check = fn(&TileSpec, &Ends) -> Vec<String>;

/// A kind of tile.
#[derive(Clone, Copy)]
pub struct TileKind {
    /// Its settings' rules.
    pub check: Check,
    /// Bytes of the files that it makes below the data directory when it starts.
    pub disk_bytes: fn(&TileSpec) -> u64,
    /// Its constructor.
    pub make: Make,
}

/// The kinds of tile by name.
#[derive(Clone, Default)]
pub struct Factory {
    kinds: BTreeMap<&'static str, TileKind>,
}

impl Factory {
    /// Knows no kind yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a kind.
    ///
    /// # Panics
    /// When the kind is taken.
    #[must_use]
    pub fn with(mut self, name: &'static str, kind: TileKind) -> Self {
        assert!(self.kinds.insert(name, kind).is_none(), "tile kind {name} is registered twice");
        self
    }

    /// All kinds, sorted.
    pub fn kinds(&self) -> Vec<&'static str> {
        self.kinds.keys().copied().collect()
    }

    /// Makes a tile.
    ///
    /// # Errors
    /// When the kind is unknown, or its constructor refuses.
    pub fn make(&self, spec: &TileSpec, context: Context) -> Result<Box<dyn Tile>, StartError> {
        let kind = self.kind(spec).map_err(StartError)?;
        (kind.make)(spec, context)
    }

    /// Everything that is wrong with a tile's settings, a sentence each.
    pub fn check(&self, spec: &TileSpec, ends: &Ends) -> Vec<String> {
        match self.kind(spec) {
            Ok(kind) => (kind.check)(spec, ends),
            Err(error) => vec![error],
        }
    }

    /// Bytes that the tile needs below the data directory when it starts; 0 for one whose settings are wrong.
    pub fn disk_bytes(&self, spec: &TileSpec) -> u64 {
        self.kind(spec).map_or(0, |kind| (kind.disk_bytes)(spec))
    }

    fn kind(&self, spec: &TileSpec) -> Result<&TileKind, String> {
        self.kinds.get(spec.kind.as_str()).ok_or_else(|| {
            format!("tiles.{}.kind = {:?}: allowed are {}", spec.name, spec.kind, self.kinds().join(", "))
        })
    }
}

/// What all threads share to make the ends of links.
struct Plant {
    spec: ProcessSpec,
    rings: HashMap<String, Ring>,
    counters: Counters,
    /// A thread stood still, and its links were given to nobody or to another meanwhile.
    given_up: AtomicBool,
    #[cfg(feature = "aeron")]
    aeron: Option<links::aeron::Client>,
}

type Publications = BTreeMap<String, Box<dyn Publication>>;
type Subscriptions = BTreeMap<String, Box<dyn Subscription>>;

/// Runs the process until `stop` is asked. `watch` is called about every 20 ms from the calling thread.
///
/// # Errors
/// Everything that kept it from starting, one sentence a line; or the name of a thread that died.
pub fn run_process(
    spec: ProcessSpec,
    factory: &Factory,
    stop: &Stop,
    mut watch: impl FnMut(),
) -> Result<(), StartError> {
    let plant = Arc::new(Plant::new(spec)?);
    let ready = plant.counters.scope("process").counter("ready");
    let threads = plant.spec.threads.len();
    let (barrier, started) = (Arc::new(Barrier::new(threads)), Arc::new(AtomicUsize::new(0)));
    let mut handles: Vec<(String, JoinHandle<Result<(), StartError>>)> = Vec::new();
    for index in 0..threads {
        let name = plant.spec.threads[index].name.clone();
        let (plant, factory, stop) = (Arc::clone(&plant), factory.clone(), stop.clone());
        let (barrier, started) = (Arc::clone(&barrier), Arc::clone(&started));
        let body = move || plant.run_thread(index, &factory, &stop, &barrier, &started);
        let handle = Builder::new().name(name.clone()).spawn(body)?;
        handles.push((name, handle));
    }
    let mut cut_off = false;
    while !handles.iter().all(|(_, handle)| handle.is_finished()) {
        if started.load(Ordering::Acquire) == threads {
            ready.set(1);
        }
        watch();
        if !cut_off && plant.is_cut_off() {
            cut_off = true;
            stop.ask();
        }
        // tidy: allow(sleep): the process's main thread, which runs no tile
        std::thread::sleep(WATCH);
    }
    cut_off |= plant.given_up.load(Ordering::Acquire);
    ready.set(0);
    let mut errors = Vec::new();
    if cut_off {
        errors.push("the media driver took this process for dead, or is gone: its links cannot come back".to_owned());
    }
    for (name, handle) in handles {
        match handle.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => errors.push(error.0),
            Err(_) => errors.push(format!("thread {name}: a tile broke an invariant and died; its message is above")),
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(StartError(errors.join("\n"))) }
}

/// Asks all to stop when its thread ends, by return or by panic.
struct AskAtEnd<'a>(&'a Stop);

impl Drop for AskAtEnd<'_> {
    fn drop(&mut self) {
        self.0.ask();
    }
}

impl Plant {
    fn new(spec: ProcessSpec) -> Result<Self, StartError> {
        let counters = Counters::create(&spec.counters_path, CountersSize::default())
            .map_err(|error| StartError(format!("counters_path = {}: {error}", spec.counters_path.display())))?;
        let mut rings = HashMap::new();
        for link in &spec.links {
            let named = |error: std::io::Error| StartError(format!("links.{}: {error}", link.name));
            match link.kind {
                LinkKind::Ring => rings.insert(link.name.clone(), Ring::heap(&ring_config(link)).map_err(named)?),
                LinkKind::Shm => rings.insert(link.name.clone(), Ring::open(path(link)?).map_err(named)?),
                LinkKind::AeronIpc | LinkKind::AeronUdp => None,
            };
        }
        #[cfg(feature = "aeron")]
        let aeron = match &spec.aeron_directory {
            Some(directory) if spec.links.iter().any(over_aeron) => Some(
                links::aeron::Client::connect(directory)
                    .map_err(|error| StartError(format!("aeron_directory = {}: {error}", directory.display())))?,
            ),
            _ => None,
        };
        Ok(Self {
            spec,
            rings,
            counters,
            given_up: AtomicBool::new(false),
            #[cfg(feature = "aeron")]
            aeron,
        })
    }

    fn run_thread(
        &self,
        index: usize,
        factory: &Factory,
        stop: &Stop,
        barrier: &Barrier,
        started: &AtomicUsize,
    ) -> Result<(), StartError> {
        let _ask = AskAtEnd(stop);
        let thread = &self.spec.threads[index];
        let ends = self.thread_ends(thread);
        // Reached by every thread, failed or not: else the others would wait for ever.
        barrier.wait();
        let ends = ends?;
        if let Some(core) = thread.core {
            runner::pin_to_core(core).map_err(|error| StartError(format!("threads.{}.{error}", thread.name)))?;
        }
        let clock: Rc<dyn Clock> = Rc::new(RealClock::new());
        let mut tiles = Vec::new();
        for (tile, (publications, subscriptions)) in thread.tiles.iter().zip(ends) {
            let context = Context {
                clock: Rc::clone(&clock),
                net: self.net(),
                storage: Rc::new(RealStorage::new(&self.spec.data_directory.join(&tile.name))?),
                publications,
                subscriptions,
                counters: self.counters.scope(&tile.name),
            };
            tiles.push(factory.make(tile, context)?);
        }
        let started = || {
            started.fetch_add(1, Ordering::AcqRel);
        };
        runner::run(&mut tiles, clock.as_ref(), thread.idle, stop, &self.counters, started, || self.go_on())
    }

    fn net(&self) -> Rc<dyn Net> {
        match &self.spec.succession {
            Some(place) => Rc::new(SucceedingNet(place.clone())),
            None => Rc::new(RealNet),
        }
    }

    fn thread_ends(&self, thread: &ThreadSpec) -> Result<Vec<(Publications, Subscriptions)>, StartError> {
        thread.tiles.iter().map(|tile| self.tile_ends(&tile.name)).collect()
    }

    fn tile_ends(&self, tile: &str) -> Result<(Publications, Subscriptions), StartError> {
        let (mut publications, mut subscriptions) = (Publications::new(), Subscriptions::new());
        for link in &self.spec.links {
            let named = |error: std::io::Error| StartError(format!("links.{}: {error}", link.name));
            let name = link.shown_name();
            if link.producer == tile {
                publications.insert(name.to_owned(), self.publication(link)?);
            }
            for (slot, consumer) in link.consumers.iter().enumerate() {
                if consumer.tile == tile {
                    let subscription = match self.rings.get(&link.name) {
                        Some(ring) => ring.consumer(slot).map_err(named)? as Box<dyn Subscription>,
                        None => self.aeron_subscription(link)?,
                    };
                    let both = match subscriptions.remove(name) {
                        Some(first) => Box::new(Merged::new(first, subscription)),
                        None => subscription,
                    };
                    subscriptions.insert(name.to_owned(), both);
                }
            }
        }
        Ok((publications, subscriptions))
    }

    fn publication(&self, link: &LinkSpec) -> Result<Box<dyn Publication>, StartError> {
        match self.rings.get(&link.name) {
            Some(ring) => Ok(Box::new(ring.producer())),
            None => self.aeron_publication(link),
        }
    }

    #[cfg(feature = "aeron")]
    fn aeron_publication(&self, link: &LinkSpec) -> Result<Box<dyn Publication>, StartError> {
        let (client, channel, stream) = self.aeron_channel(link)?;
        let end = client.publication(channel, stream, link.record_bytes_max);
        Ok(Box::new(end.map_err(|error| StartError(format!("links.{}: {error}", link.name)))?))
    }

    #[cfg(feature = "aeron")]
    fn aeron_subscription(&self, link: &LinkSpec) -> Result<Box<dyn Subscription>, StartError> {
        let (client, channel, stream) = self.aeron_channel(link)?;
        let end = client.subscription(channel, stream);
        Ok(Box::new(end.map_err(|error| StartError(format!("links.{}: {error}", link.name)))?))
    }

    #[cfg(feature = "aeron")]
    fn aeron_channel<'a>(&'a self, link: &'a LinkSpec) -> Result<(&'a links::aeron::Client, &'a str, i32), StartError> {
        match (&self.aeron, &link.channel, link.stream_id) {
            (Some(client), Some(channel), Some(stream)) => Ok((client, channel, stream)),
            _ => Err(StartError(format!(
                "links.{}: needs channel, stream_id and the process's aeron_directory",
                link.name
            ))),
        }
    }

    /// Whether a thread that stood still may go on: what it would read next is its own.
    fn go_on(&self) -> bool {
        let kept = self.is_kept();
        if !kept {
            self.given_up.store(true, Ordering::Release);
        }
        kept
    }

    #[cfg(feature = "aeron")]
    fn is_kept(&self) -> bool {
        self.aeron.as_ref().is_none_or(links::aeron::Client::is_kept)
    }

    #[cfg(not(feature = "aeron"))]
    fn is_kept(&self) -> bool {
        true
    }

    /// Whether the links over Aeron are dead for good.
    #[cfg(feature = "aeron")]
    fn is_cut_off(&self) -> bool {
        self.aeron.as_ref().is_some_and(links::aeron::Client::is_closed)
    }

    #[cfg(not(feature = "aeron"))]
    fn is_cut_off(&self) -> bool {
        false
    }

    #[cfg(not(feature = "aeron"))]
    fn aeron_publication(&self, link: &LinkSpec) -> Result<Box<dyn Publication>, StartError> {
        Err(without_aeron(link))
    }

    #[cfg(not(feature = "aeron"))]
    fn aeron_subscription(&self, link: &LinkSpec) -> Result<Box<dyn Subscription>, StartError> {
        Err(without_aeron(link))
    }
}

#[cfg(not(feature = "aeron"))]
fn without_aeron(link: &LinkSpec) -> StartError {
    StartError(format!("links.{}.kind: this build has no Aeron; allowed are ring and shm", link.name))
}

#[cfg(feature = "aeron")]
fn over_aeron(link: &LinkSpec) -> bool {
    matches!(link.kind, LinkKind::AeronIpc | LinkKind::AeronUdp)
}

/// The ring that a link's specification asks for.
pub fn ring_config(link: &LinkSpec) -> RingConfig {
    RingConfig {
        depth_records: link.depth_records,
        record_bytes_max: link.record_bytes_max,
        reliable: link.consumers.iter().map(|consumer| consumer.reliable).collect(),
    }
}

fn path(link: &LinkSpec) -> Result<&Path, StartError> {
    link.path.as_deref().ok_or_else(|| StartError(format!("links.{}.path: missing; kind shm needs it", link.name)))
}
