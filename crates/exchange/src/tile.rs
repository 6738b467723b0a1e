//! The exchange as one tile: ports, sequencer and core, feed, retransmission and snapshots, by turns.
//!
//! Invariant: within a cycle, commands come first from the sources in this process and over links, then from the ports; a
//! cycle's messages leave in its packets, the feed before the answers.

use links::{Counter, Publication, Subscription};
use records::{ExchangeEvent, RECORD_BYTES_MAX, bytes_of};
use tiles::{Context, StartError, Tile};

use crate::config::ExchangeConfig;
use crate::feed::Feed;
use crate::fix::FixPort;
use crate::flow::{FLOW_FILE, FlowSource};
use crate::handover::{Giver, Stage, Taken, Taker, Turn, begun};
use crate::matching::RestingOrder;
use crate::port::Port;
use crate::sequencer::{Sequencer, Use};
use crate::snapshot::Snapshots;

/// Commands of one source in one cycle at most.
const COMMANDS_A_CYCLE: usize = 256;

/// Something in this process that orders: historical flow, a generator.
pub trait CommandSource {
    /// Writes the next command that is due into `out` and returns its length; `None`: nothing is due now.
    fn next(&mut self, now_ns: u64, out: &mut [u8; RECORD_BYTES_MAX]) -> Option<usize>;

    /// What the exchange said to sessions without a socket because of the command just given (and since the last one).
    fn heard(&mut self, _event: &ExchangeEvent) {}

    /// After everything else has stopped.
    fn on_close(&mut self) {}
}

/// Sees what the matching core does, event by event, in this process.
pub type Observer = Box<dyn FnMut(&ExchangeEvent)>;

/// What runs once the tile has started.
struct Running {
    sequencer: Sequencer,
    ports: Vec<Port>,
    fix_ports: Vec<FixPort>,
    feed: Feed,
    snapshots: Snapshots,
}

/// The tile.
pub struct ExchangeTile {
    config: ExchangeConfig,
    context: Context,
    links: Vec<Box<dyn Subscription>>,
    operators: Vec<Box<dyn Publication>>,
    sources: Vec<Box<dyn CommandSource>>,
    observer: Option<Observer>,
    running: Option<Running>,
    giver: Option<Giver>,
    /// Until it has the place of its predecessor.
    taker: Option<Taker>,
    /// How long nothing was taken before it had its place.
    held_ns: Counter,
}

impl ExchangeTile {
    /// Checks the configuration. Every subscription of the context is a source of commands; every publication is told what
    /// became of busts and corrections.
    ///
    /// # Errors
    /// Everything that is wrong with the configuration.
    pub fn new(config: ExchangeConfig, mut context: Context) -> Result<Self, StartError> {
        config.check()?;
        let links = std::mem::take(&mut context.subscriptions).into_values().collect();
        let operators = std::mem::take(&mut context.publications).into_values().collect();
        let held_ns = context.counters.scope("handover").counter("held_ns");
        let (sources, observer, running, giver, taker) = (Vec::new(), None, None, None, None);
        Ok(Self { config, context, links, operators, sources, observer, running, giver, taker, held_ns })
    }

    /// Adds a source in this process.
    #[must_use]
    pub fn with_source(mut self, source: Box<dyn CommandSource>) -> Self {
        self.sources.push(source);
        self
    }

    /// Shows every event to this observer, from the end of the start on.
    #[must_use]
    pub fn with_observer(mut self, observer: Observer) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Hash over the core's state and events; 0 before the start.
    pub fn state_hash(&self) -> u64 {
        self.running.as_ref().map_or(0, |running| running.sequencer.core.state_hash())
    }
}

impl ExchangeTile {
    /// Every resting order, in the fixed order; none before the start.
    pub fn for_each_resting(&self, take: impl FnMut(&RestingOrder)) {
        if let Some(running) = &self.running {
            running.sequencer.core.for_each_resting(take);
        }
    }
}

impl Running {
    fn open(config: &ExchangeConfig, context: &Context, now_ns: u64) -> Result<Self, StartError> {
        let (mut sequencer, stores) = Sequencer::open(config, context, now_ns)?;
        let ports: Result<Vec<_>, _> =
            config.ports.iter().map(|port| Port::open(port, config, context, now_ns)).collect();
        let fix_ports: Result<Vec<_>, _> = (config.fix_ports.iter().zip(stores))
            .map(|(port, store)| FixPort::open(port, config, context, &mut sequencer, store))
            .collect();
        // What an earlier life said was sent by it; a receiver that missed some of it asks.
        let sent = sequencer.replayed_messages();
        let feed = Feed::open(config, context, sent)?;
        let snapshots = Snapshots::open(config, context)?;
        Ok(Self { sequencer, ports: ports?, fix_ports: fix_ports?, feed, snapshots })
    }

    /// Goes on where its predecessor stopped, with what that gave.
    fn take(config: &ExchangeConfig, context: &Context, taken: Taken, now_ns: u64) -> Result<Self, StartError> {
        let Taken { mut fold, segment, mut parts, .. } = taken;
        let kept = fold.outputs.desks.open(config, context, now_ns)?;
        let next = (segment, fold.last.sequence + 1);
        let mut sequencer = Sequencer::over(fold, (next, false), config, context, now_ns)?;
        let ports: Result<Vec<_>, _> =
            config.ports.iter().map(|port| Port::take(&mut parts, port, config, context, now_ns)).collect();
        let ports = ports?;
        let fix_ports: Result<Vec<_>, _> = (config.fix_ports.iter().zip(kept))
            .map(|(port, kept)| FixPort::take(&mut parts, port, config, context, &mut sequencer, kept))
            .collect();
        let fix_ports = fix_ports?;
        let sent = sequencer.replayed_messages();
        let feed = Feed::take(&mut parts, config, context, sent)?;
        let snapshots = Snapshots::take(&mut parts, config, context)?;
        Ok(Self { sequencer, ports, fix_ports, feed, snapshots })
    }

    /// Sends all that there is for the feed, and gives everything that a successor goes on with.
    fn give(&mut self, now_ns: u64, config: &ExchangeConfig, giver: &mut Giver) {
        while self.feed.flush(now_ns, &self.sequencer.outputs.history) > 0 {}
        let ports = self.ports.iter().map(Port::give);
        let fix_ports = self.fix_ports.iter().map(FixPort::give);
        let rest = [self.feed.give(), self.snapshots.give()];
        let mark = self.sequencer.mark(config);
        giver.give(ports.chain(fix_ports).chain(rest), &mark);
    }

    fn poll_sources(&mut self, now_ns: u64, sources: &mut [Box<dyn CommandSource>]) -> usize {
        let mut work = 0;
        let mut command = [0; RECORD_BYTES_MAX];
        for source in sources.iter_mut() {
            for _ in 0..COMMANDS_A_CYCLE {
                // What is not taken now stays with its source.
                if !self.sequencer.has_room(now_ns, 1, Use::Order) {
                    break;
                }
                let Some(length) = source.next(now_ns, &mut command) else { break };
                self.sequencer.submit(now_ns, &command[..length]);
                self.sequencer.outputs.heard.iter().for_each(|event| source.heard(event));
                self.sequencer.outputs.heard.clear();
                work += 1;
            }
        }
        work
    }

    fn poll_links(&mut self, now_ns: u64, links: &mut [Box<dyn Subscription>]) -> usize {
        let sequencer = &mut self.sequencer;
        let mut work = 0;
        for link in links {
            if sequencer.has_room(now_ns, COMMANDS_A_CYCLE, Use::Order) {
                work += link.poll(COMMANDS_A_CYCLE, &mut |record: &[u8]| sequencer.submit(now_ns, record));
            }
        }
        work
    }

    /// Operators hear what became of trades that were to change. Who is not there finds it in the journal and the counters.
    fn tell_operators(&mut self, operators: &mut [Box<dyn Publication>]) {
        for event in self.sequencer.outputs.changed.drain(..) {
            for operator in operators.iter_mut() {
                let _if_there = operator.offer(bytes_of(&event));
            }
        }
    }

    /// Sources hear what the ports' orders did to theirs.
    fn tell_sources(&mut self, sources: &mut [Box<dyn CommandSource>]) {
        for event in &self.sequencer.outputs.heard {
            sources.iter_mut().for_each(|source| source.heard(event));
        }
        self.sequencer.outputs.heard.clear();
    }
}

impl ExchangeTile {
    /// Comes for a place, or gives its own; `None`: neither, and the turn is as ever.
    fn hand_over(&mut self, now_ns: u64) -> Option<usize> {
        if let Some(taker) = &mut self.taker {
            let (work, has_the_place) = taker.work();
            if has_the_place {
                self.take_place(now_ns);
            }
            return Some(work);
        }
        let (giver, config) = (self.giver.as_mut()?, &self.config);
        let mark = || self.running.as_ref().map(|running| running.sequencer.mark(config)).unwrap_or_default();
        match giver.turn(now_ns, mark) {
            Turn::Own => return None,
            Turn::Give => {
                if let Some(running) = &mut self.running {
                    running.give(now_ns, config, giver);
                }
                return Some(1);
            }
            Turn::Hold => return Some(1),
            // Its journal, its stores and its sockets go with it: there is nothing left to write with.
            Turn::Over => self.running = None,
            Turn::Again => self.begin_again(now_ns),
        }
        Some(0)
    }

    /// The place is its own.
    ///
    /// # Panics
    /// When it cannot begin: its process ends, and its predecessor begins again.
    #[cold]
    fn take_place(&mut self, now_ns: u64) {
        let Some((taken, mut line)) = self.taker.take().map(Taker::taken) else { return };
        let held_ns = taken.held_ns;
        let (net, counters) = (self.context.net.as_ref(), &self.context.counters);
        let begun = Running::take(&self.config, &self.context, taken, now_ns).and_then(|running| {
            let giver = Giver::open(net, counters, Stage::Took)?;
            begun(&mut line);
            Ok((running, giver))
        });
        match begun {
            Ok((mut running, giver)) => {
                running.sequencer.outputs.observer = self.observer.take();
                (self.running, self.giver) = (Some(running), Some(giver));
                // What waited at the sockets is taken from the next turn on.
                self.held_ns.set(self.context.clock.now_ns().saturating_sub(held_ns).max(1));
            }
            Err(error) => panic!("tile {}: does not take the place that was given: {error}", self.config.name),
        }
    }

    /// Who was to follow is gone: as after a death, from the journal.
    ///
    /// # Panics
    /// When it cannot begin: its process ends.
    #[cold]
    fn begin_again(&mut self, now_ns: u64) {
        let begun = Running::open(&self.config, &self.context, now_ns).and_then(|running| {
            self.running = Some(running);
            Giver::open(self.context.net.as_ref(), &self.context.counters, Stage::Keeps)
        });
        match begun {
            Ok(giver) => self.giver = Some(giver),
            Err(error) => panic!("tile {}: does not begin again: {error}", self.config.name),
        }
    }
}

impl Tile for ExchangeTile {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn on_start(&mut self, now_ns: u64) -> Result<(), StartError> {
        if let Some(line) = self.context.net.predecessor()? {
            self.taker = Some(Taker::open(&self.config, &self.context, line, &self.context.counters)?);
            return Ok(());
        }
        let mut running = Running::open(&self.config, &self.context, now_ns)?;
        running.sequencer.outputs.observer = self.observer.take();
        self.running = Some(running);
        self.giver = Some(Giver::open(self.context.net.as_ref(), &self.context.counters, Stage::Keeps)?);
        Ok(())
    }

    fn do_work(&mut self, now_ns: u64) -> usize {
        if let Some(work) = self.hand_over(now_ns) {
            return work;
        }
        let Some(running) = &mut self.running else { return 0 };
        let mut work = running.sequencer.on_time(now_ns);
        work += running.poll_sources(now_ns, &mut self.sources);
        work += running.poll_links(now_ns, &mut self.links);
        running.tell_operators(&mut self.operators);
        for port in &mut running.ports {
            work += port.receive(now_ns, &mut running.sequencer);
        }
        for port in &mut running.fix_ports {
            work += port.receive(now_ns, &mut running.sequencer);
        }
        running.tell_sources(&mut self.sources);
        let history = &running.sequencer.outputs.history;
        work += running.feed.flush(now_ns, history);
        work += running.feed.retransmit(history);
        for port in &mut running.ports {
            work += port.send(now_ns, &mut running.sequencer);
        }
        for port in &mut running.fix_ports {
            work += port.send(now_ns, &mut running.sequencer);
        }
        running.sequencer.outputs.market.forget_trades();
        work + running.snapshots.work(now_ns, &running.sequencer)
    }

    fn on_close(&mut self, now_ns: u64) {
        let Some(mut running) = self.running.take() else { return };
        running.feed.flush(now_ns, &running.sequencer.outputs.history);
        running.ports.iter_mut().for_each(Port::shut);
        running.fix_ports.iter_mut().for_each(|port| port.shut(now_ns));
        if let Err(error) = running.sequencer.close() {
            // tidy: allow(print): at close, after the last cycle
            eprintln!("tile {}: the journal did not reach the device: {error}", self.config.name);
        }
        self.sources.iter_mut().for_each(|source| source.on_close());
    }
}

/// The kind `exchange` of topology files.
pub const KIND: tiles::TileKind = tiles::TileKind { check, disk_bytes, make };

/// Two journal segments, the account of the flow, and what FIX sessions keep.
fn disk_bytes(spec: &tiles::TileSpec) -> u64 {
    let flow = |config: &ExchangeConfig| if config.flow.is_empty() { 0 } else { FLOW_FILE.1 };
    let fix = |config: &ExchangeConfig| -> usize { config.fix_ports.iter().map(|port| port.disk_bytes()).sum() };
    spec.settings::<ExchangeConfig>()
        .map_or(0, |config| (2 * config.segment_bytes + flow(&config) + fix(&config)) as u64)
}

/// Everything that is wrong with the settings of an exchange, files of flow included.
fn check(spec: &tiles::TileSpec, _: &tiles::Ends) -> Vec<String> {
    spec.errors::<ExchangeConfig>(|config, errors| {
        if config.name != spec.name {
            errors.push(format!("{}.name = {:?}: must be the tile's name, {:?}", spec.key(), config.name, spec.name));
        }
        if let Err(wrong) = config.check() {
            errors.extend(wrong.0.lines().map(str::to_owned));
        }
        errors.extend(crate::flow::problems(&config.flow).iter().map(|error| format!("{}.{error}", spec.key())));
    })
}

/// Makes the tile from the settings of a topology, for a process's factory (kind `exchange`).
///
/// # Errors
/// Everything that is wrong with the settings.
fn make(spec: &tiles::TileSpec, context: Context) -> Result<Box<dyn Tile>, StartError> {
    let config: ExchangeConfig = spec.settings()?;
    let flow = FlowSource::read(&config.flow, context.storage.clone())?;
    Ok(Box::new(ExchangeTile::new(config, context)?.with_source(Box::new(flow))))
}
