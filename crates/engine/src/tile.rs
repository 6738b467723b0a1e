//! The engine's tile: links in, merger, fold, links out; heartbeats, stage stamps, the state file.
//!
//! Invariant: whatever changes the engine's state goes through the merger; a command whose link is full comes back as a
//! journaled `NotSent`. A journal that can take no more stops the tile: its gateways hear the silence and pull its orders.

use std::collections::VecDeque;
use std::rc::Rc;

use journal::{Identity, JournalConfig, Mark, Reader, Writer};
use links::{Counter, Histogram, Offer, Publication, Subscription};
use records::{
    Applied, CancelOrder, EngineStart, Heartbeat, Kind, NewOrder, OrderEvent, OrderEventKind, Owner, Peer, Reason,
    Record, ReplaceOrder, Resync, SessionGuard, Stamp, Timer, UNDEF_PRICE, bytes_of, read_from,
};
use tiles::{Clock, Context, Segment, StartError, Storage, Tile};

use crate::config::EngineConfig;
use crate::consolidated_counters::ConsolidatedCounters;
use crate::fold::{Engine, Inside};
use crate::host::{Host, NoHost};
use crate::merger::Merger;
use crate::outbox::{NoOutbox, Outbox, Stage};
use crate::partner::PartnerSettings;
use crate::region_quotes::{QuoteSettings, RegionQuotes};
use crate::release::{Release, To, Verdict};
use crate::start::Started;
use crate::state_file::{Recorded, STATE_FILE, STATE_FILE_BYTES};
use wiring::{command_links, feed_links, peer_links};

mod holding;
mod marked;
mod pair;
mod wiring;

/// How an engine's tile is wired.
#[derive(Clone, Debug)]
pub struct EngineTileConfig {
    /// Name in topology and counters.
    pub name: String,
    /// The fold's sizes and times.
    pub engine: EngineConfig,
    /// Concatenated records, `EngineStart` first: the first inputs.
    pub bootstrap: Vec<u8>,
    /// Size of a journal segment; 0: no journal (durability `none`).
    pub segment_bytes: usize,
    /// Commands that may wait until their input is durable; 0: none waits (`process`).
    pub held_max: usize,
    /// Whether they wait for the device (`disk`), and for the standby (`standby`).
    pub waits_for: WaitsFor,
    /// The other engine of this shard, which leads while this one follows, or the other way round.
    pub partner: Option<PartnerSettings>,
    /// Subscriptions to poll, by link name.
    pub inputs: Vec<String>,
    /// The command link of each venue.
    pub commands: Vec<(u16, String)>,
    /// When the sessions of venues are trusted with orders, and how many they take; a venue without is trusted always.
    pub guards: Vec<SessionGuard>,
    /// The request link to the feed of each venue, where there is one.
    pub feeds: Vec<(u16, String)>,
    /// Other engines of the firm, each with the link that leads to it: legs go there, or come from there.
    pub peers: Vec<(Peer, String)>,
    /// The best prices that some of them are told.
    pub quotes: Option<QuoteSettings>,
    /// Link for outputs, if anyone listens.
    pub outputs: Option<String>,
    /// Records taken from one subscription before the next one's turn.
    pub poll_limit: usize,
    /// A timer enters when nothing else did for so long.
    pub timer_ns: u64,
    /// Heartbeats to gateways.
    pub heartbeat_ns: u64,
}

/// What commands wait for, where they wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitsFor {
    /// The device has the input that caused them.
    pub device: bool,
    /// The standby has it.
    pub standby: bool,
}

impl EngineTileConfig {
    /// A configuration with the usual times and no links.
    pub fn new(name: &str, bootstrap: Vec<u8>) -> Self {
        Self {
            name: name.to_owned(),
            engine: EngineConfig::default(),
            bootstrap,
            segment_bytes: 16 << 20,
            held_max: 0,
            waits_for: WaitsFor { device: true, standby: false },
            partner: None,
            inputs: Vec::new(),
            commands: Vec::new(),
            guards: Vec::new(),
            feeds: Vec::new(),
            peers: Vec::new(),
            quotes: None,
            outputs: None,
            poll_limit: 16,
            timer_ns: 10_000_000,
            heartbeat_ns: 100_000_000,
        }
    }
}

/// The report that a command never left: what an outbox gives the fold when a link is full. A cancel names its order twice.
pub fn not_sent(command: &[u8], reason: Reason) -> Option<OrderEvent> {
    let header: records::Header = read_from(command)?;
    let (owner, original_id, side): (Owner, u64, u8) = match header.kind()? {
        Kind::NewOrder => read_from::<NewOrder>(command).map(|order| (order.owner, 0, order.side))?,
        Kind::ReplaceOrder => {
            read_from::<ReplaceOrder>(command).map(|order| (order.owner, order.original_id, order.side))?
        }
        Kind::CancelOrder => read_from::<CancelOrder>(command).map(|order| (order.owner, order.owner.order_id, 0))?,
        _ => return None,
    };
    let mut event = OrderEvent::new();
    event.header.venue = header.venue;
    event.header.instrument = header.instrument;
    event.owner = owner;
    event.original_id = original_id;
    event.price_nanos = UNDEF_PRICE;
    (event.leaves_lots, event.cumulative_lots) = (-1, -1);
    event.event = OrderEventKind::NotSent.code();
    event.reason = reason.code();
    event.side = side;
    Some(event)
}

/// The sentence for a control record that the fold refused.
fn refusal(output: &[u8]) -> Option<String> {
    let applied: Applied = read_from(output)?;
    if applied.header.kind != Applied::KIND as u16 || applied.outcome != 3 {
        return None;
    }
    let Applied { input, subject, .. } = applied;
    let (venue, instrument) = (applied.header.venue, applied.header.instrument);
    let kind = Kind::from_code(applied.control).map_or_else(String::new, |kind| format!("{kind:?}"));
    Some(format!("bootstrap: record {input}, {kind} of {subject} (venue {venue}, instrument {instrument}): refused"))
}

/// Stage stamps that wait to be counted.
const STAMPS: usize = 64;
/// The place of the last stage's histogram, after those of [`Stage`].
const SENT: usize = 3;

/// Stage stamps: noted in a pass, counted after it, since a histogram's lines are rarely in the cache.
struct Stamps {
    histograms: [Histogram; 4],
    noted: [(usize, u64); STAMPS],
    count: usize,
}

impl Stamps {
    fn new(counters: &links::Counters) -> Self {
        let names = ["receive_to_book_ns", "receive_to_decision_ns", "receive_to_risk_ns", "receive_to_sent_ns"];
        Self { histograms: names.map(|name| counters.histogram(name)), noted: [(0, 0); STAMPS], count: 0 }
    }

    #[inline]
    fn note(&mut self, stage: usize, latency_ns: u64) {
        if self.count == STAMPS {
            self.write();
        }
        self.noted[self.count] = (stage, latency_ns);
        self.count += 1;
    }

    #[inline(never)]
    fn write(&mut self) {
        for (stage, latency_ns) in &self.noted[..self.count] {
            self.histograms[*stage].record(*latency_ns);
        }
        self.count = 0;
    }
}

/// The way to ask a feed for everything again.
struct FeedLink {
    venue: u16,
    link: Box<dyn Publication>,
    owed: bool,
}

/// Carries commands and outputs to their links.
struct TileOutbox {
    clock: Rc<dyn Clock>,
    commands: Vec<Option<Box<dyn Publication>>>,
    outputs: Option<Box<dyn Publication>>,
    /// The way to each other engine, by its shard.
    peers: Vec<(u16, Box<dyn Publication>)>,
    returned: VecDeque<OrderEvent>,
    received_ns: u64,
    /// What waits until its input is durable, where the durability asks for that.
    release: Option<Release>,
    /// When the cycle began.
    now_ns: u64,
    /// First inputs that the fold refused; only while the tile starts.
    refused: Option<Vec<String>>,
    stamps: Stamps,
    commands_sent: Counter,
    commands_returned: Counter,
    held_ns: Histogram,
    flush_failed: Counter,
    outputs_dropped: Counter,
    peers_dropped: Counter,
    quotes_said: Counter,
    quotes_dropped: Counter,
}

impl TileOutbox {
    /// Whether a listing's best prices are on their way to another engine.
    fn say_quote(&mut self, shard: u16, record: &[u8]) -> bool {
        let link = self.peers.iter_mut().find(|(known, _)| *known == shard);
        let sent = link.map(|(_, link)| link.offer(record)) == Some(Offer::Sent);
        (if sent { &self.quotes_said } else { &self.quotes_dropped }).add(1);
        sent
    }

    #[inline]
    fn since_receipt(&mut self, stage: usize) {
        if self.received_ns != 0 {
            self.stamps.note(stage, self.clock.now_ns().saturating_sub(self.received_ns));
        }
    }
}

impl TileOutbox {
    /// Offers a command to its link, or gives it back.
    #[inline]
    fn send(&mut self, venue: u16, record: &[u8]) {
        let link = self.commands.get_mut(usize::from(venue)).and_then(Option::as_mut);
        if link.map(|link| link.offer(record)) == Some(Offer::Sent) {
            self.commands_sent.add(1);
            self.since_receipt(SENT);
            return;
        }
        self.give_back(record, Reason::BackPressure);
    }

    /// A command never left: the fold hears so.
    fn give_back(&mut self, record: &[u8], reason: Reason) {
        self.commands_returned.add(1);
        if let Some(event) = not_sent(record, reason) {
            assert!(self.returned.len() < self.returned.capacity(), "more commands returned than orders exist");
            self.returned.push_back(event);
        }
    }
}

impl Outbox for TileOutbox {
    #[inline]
    fn command(&mut self, venue: u16, record: &[u8]) {
        if self.release.is_some() { self.judge(venue, record) } else { self.send(venue, record) }
    }

    fn output(&mut self, record: &[u8]) {
        if let Some(refused) = &mut self.refused {
            refused.extend(refusal(record));
        }
        if let Some(link) = &mut self.outputs
            && link.offer(record) != Offer::Sent
        {
            self.outputs_dropped.add(1);
        }
    }

    fn peer(&mut self, shard: u16, record: &[u8]) {
        let verdict =
            self.release.as_mut().map(|held| held.judge(To::Peer(shard), record, self.received_ns, self.now_ns));
        match verdict {
            None | Some(Verdict::Leaves) => self.tell_peer(shard, record),
            Some(Verdict::Waits) => {}
            Some(_) => self.peers_dropped.add(1),
        }
    }

    fn stage(&mut self, stage: Stage) {
        self.since_receipt(match stage {
            Stage::Booked => 0,
            Stage::Decided => 1,
            Stage::RiskPassed => 2,
        });
    }
}

struct TileCounters {
    inputs: Counter,
    lost: Counter,
    rolls_unprepared: Counter,
    prepare_failed: Counter,
    torn_bytes: Counter,
    held: Counter,
    orders: Counter,
    fills: Counter,
    breaks: Counter,
    refused: Counter,
    warnings: Counter,
    disabled: Counter,
    quarantined: Counter,
    inside: Inside,
    breakers_open: Counter,
    breaker_trips: Counter,
    refused_breaker: Counter,
    refused_throttle: Counter,
    peer_late: Counter,
    peer_crowded: Counter,
    state_hash: Counter,
    epoch: Counter,
    standing: Counter,
    started_from: Counter,
    snapshots_damaged: Counter,
    snapshots_foreign: Counter,
    snapshots_unfit: Counter,
}

/// The tile.
pub struct EngineTile {
    config: EngineTileConfig,
    storage: Rc<dyn Storage>,
    engine: Engine,
    /// The snapshot that this life began with.
    mark: Option<Mark>,
    merger: Merger,
    pair: Option<pair::Pair>,
    subscriptions: Vec<Box<dyn Subscription>>,
    turn: usize,
    outbox: TileOutbox,
    feeds: Vec<FeedLink>,
    region_quotes: RegionQuotes,
    /// The latest request: the input sequence at which it was made. It grows from life to life, as the journal does, also
    /// where a life has its epoch from the one before.
    resync: u64,
    state: Option<Box<dyn Segment>>,
    counters: TileCounters,
    consolidated: ConsolidatedCounters,
    last_input_ns: u64,
    heartbeat_due_ns: u64,
    state_due_ns: u64,
}

impl TileCounters {
    fn new(counters: &links::Counters) -> Self {
        Self {
            inputs: counters.counter("inputs"),
            lost: counters.counter("records_lost"),
            rolls_unprepared: counters.counter("journal_rolls_unprepared"),
            prepare_failed: counters.counter("journal_prepare_failed"),
            torn_bytes: counters.counter("journal_torn_bytes"),
            held: counters.counter("held_until_durable"),
            orders: counters.counter("orders"),
            fills: counters.counter("fills"),
            breaks: counters.counter("breaks"),
            refused: counters.counter("refused"),
            warnings: counters.counter("soft_limits_reached"),
            disabled: counters.counter("slots_disabled"),
            quarantined: counters.counter("quarantined_slots"),
            inside: Inside::new(counters),
            breakers_open: counters.counter("breakers_open"),
            breaker_trips: counters.counter("breaker_trips"),
            refused_breaker: counters.counter("refused_by_breaker"),
            refused_throttle: counters.counter("refused_for_throttle"),
            peer_late: counters.counter("peer_requests_late"),
            peer_crowded: counters.counter("peer_requests_crowded"),
            state_hash: counters.counter("state_hash"),
            epoch: counters.counter("epoch"),
            standing: counters.counter("standing"),
            started_from: counters.counter("started_from_input"),
            snapshots_damaged: counters.counter("snapshots_damaged"),
            snapshots_foreign: counters.counter("snapshots_foreign"),
            snapshots_unfit: counters.counter("snapshots_unfit"),
        }
    }
}

const STATE_INTERVAL_NS: u64 = 1_000_000_000;

impl EngineTile {
    /// Takes links and counters out of the context, and all memory.
    ///
    /// # Errors
    /// [`StartError`] with every link that is missing and every setting that is wrong.
    pub fn new(mut context: Context, config: EngineTileConfig, host: Box<dyn Host>) -> Result<Self, StartError> {
        let mut problems = config.engine.problems();
        let mut subscriptions = Vec::new();
        for name in &config.inputs {
            match context.subscriptions.remove(name) {
                Some(subscription) => subscriptions.push(subscription),
                None => problems.push(format!("{}.inputs: no link {name}", config.name)),
            }
        }
        let commands = command_links(&config, &mut context, &mut problems);
        let feeds = feed_links(&config, &mut context, &mut problems);
        let peers = peer_links(&config, &mut context, &mut problems);
        let pair = pair::Pair::new(&config, &mut context, &mut problems);
        let outputs = config.outputs.as_ref().and_then(|name| context.publications.remove(name));
        if let (Some(name), None) = (&config.outputs, &outputs) {
            problems.push(format!("{}.outputs: no link {name}", config.name));
        }
        if read_from::<EngineStart>(&config.bootstrap).is_none_or(|start| start.header.kind != EngineStart::KIND as u16)
        {
            problems.push(format!("{}.bootstrap: must begin with an EngineStart record", config.name));
        }
        if !problems.is_empty() {
            return Err(StartError(problems.join("\n")));
        }
        let counters = &context.counters;
        let outbox = TileOutbox {
            clock: context.clock.clone(),
            commands,
            outputs,
            peers,
            returned: VecDeque::with_capacity(config.engine.orders_max + 64),
            received_ns: 0,
            release: (config.held_max > 0).then(|| Release::new(config.held_max)),
            now_ns: 0,
            refused: None,
            stamps: Stamps::new(counters),
            commands_sent: counters.counter("commands_sent"),
            commands_returned: counters.counter("commands_returned"),
            held_ns: counters.histogram("held_until_durable_ns"),
            flush_failed: counters.counter("journal_flush_failed"),
            outputs_dropped: counters.counter("outputs_dropped"),
            peers_dropped: counters.counter("peer_messages_dropped"),
            quotes_said: counters.counter("region_quotes_said"),
            quotes_dropped: counters.counter("region_quotes_dropped"),
        };
        Ok(Self {
            consolidated: ConsolidatedCounters::new(&config.bootstrap, counters),
            engine: Engine::new(config.engine, host),
            mark: None,
            region_quotes: RegionQuotes::new(config.quotes.as_ref()),
            config,
            storage: context.storage,
            merger: Merger::new(None, Stamp::zeroed()),
            pair,
            subscriptions,
            turn: 0,
            outbox,
            feeds,
            resync: 0,
            state: None,
            counters: TileCounters::new(counters),
            last_input_ns: 0,
            heartbeat_due_ns: 0,
            state_due_ns: 0,
        })
    }

    /// The fold, to look at.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Opens the journal: a new one, or one that stands, which is folded first.
    fn open_journal(&mut self) -> Result<Merger, StartError> {
        if self.config.segment_bytes == 0 {
            return Ok(Merger::new(None, Stamp::zeroed()));
        }
        let start: EngineStart = read_from(&self.config.bootstrap).unwrap_or_default();
        let identity = Identity {
            firm: start.firm,
            shard: start.shard,
            epoch: start.epoch,
            reference_hash: start.reference_hash,
            release_hash: start.release_hash,
            settings: self.config.engine.words(),
        };
        let stands = self.storage.list()?.iter().any(|name| journal::is_segment(name)) && !self.begins_anew()?;
        let segment_bytes = self.config.segment_bytes;
        let forced = self.config.held_max > 0 && self.config.waits_for.device;
        let read_back = self.pair.is_some();
        let mut journal = JournalConfig { segment_bytes, forced, read_back, ..JournalConfig::new(identity) };
        let mut last = Stamp::zeroed();
        if stands {
            self.start_from_snapshot()?;
        }
        self.engine.tell_calls(self.counters.inside.clone());
        self.give_marks()?;
        if stands {
            let error = |error: journal::JournalError| StartError(format!("{}: {error}", self.config.name));
            let mut reader = self.reader().map_err(error)?;
            if self.mark.is_none() {
                let retained = || journal::Retained::of_storage(self.storage.as_ref());
                let told = |missing| StartError(format!("{}: {missing}; no snapshot beside it fits", self.config.name));
                reader.require_begin(&retained).map_err(told)?;
            }
            let found = reader.identity();
            if (found.firm, found.shard) != (identity.firm, identity.shard) {
                let (name, firm, shard) = (&self.config.name, identity.firm, identity.shard);
                let theirs = format!("firm {}, shard {}", found.firm, found.shard);
                let text = format!(
                    "{name}: the journal that stands is of {theirs}; this engine is firm {firm}, shard {shard}"
                );
                return Err(StartError(text));
            }
            if reader.identity().settings != identity.settings {
                let text =
                    "the journal that stands was written with other engine settings; take it away or restore them";
                return Err(StartError(format!("{}: {text}", self.config.name)));
            }
            while let Some((stamp, record)) = reader.next().map_err(error)? {
                self.engine.apply(stamp, record, &mut NoOutbox);
            }
            let summary = reader.summary();
            self.counters.torn_bytes.set(summary.torn_bytes);
            last = summary.last;
            assert_eq!(last.sequence, self.engine.input(), "every record of the journal is folded");
            journal.next = (summary.last_segment + 1, last.sequence + 1);
            journal.cut = summary.cut;
            self.check_marks()?;
        }
        Ok(Merger::new(Some(Writer::create(self.storage.clone(), journal)?), last))
    }

    /// Puts the engine of the newest snapshot that fits in the place of the new one.
    fn start_from_snapshot(&mut self) -> Result<(), StartError> {
        let Self { engine, storage, config, counters, .. } = self;
        if journal::snapshots(storage.as_ref())?.is_empty() {
            return Ok(());
        }
        let open = |segment: u64| Reader::from_storage_at(storage.as_ref(), config.segment_bytes, segment);
        let host = std::mem::replace(engine, Engine::new(config.engine, Box::new(NoHost))).into_host();
        let started = Started::newest(storage.as_ref(), &open, config.engine, host)?;
        let counts = started.counts();
        counters.snapshots_damaged.set(counts.damaged);
        counters.snapshots_foreign.set(counts.foreign);
        counters.snapshots_unfit.set(counts.unfit);
        (self.engine, self.mark) = (started.engine, started.mark);
        self.counters.started_from.set(self.mark.map_or(0, |mark| mark.sequence));
        Ok(())
    }

    /// The journal, behind what the engine knows of it.
    fn reader(&self) -> Result<Reader, journal::JournalError> {
        let open = |segment| Reader::from_storage_at(self.storage.as_ref(), self.config.segment_bytes, segment);
        Started::reader_behind(self.mark.as_ref(), &open)
    }

    fn take(&mut self, now_ns: u64, record: &[u8]) {
        take(&mut self.merger, &mut self.engine, &mut self.outbox, now_ns, record);
    }

    fn bootstrap(&mut self, now_ns: u64) -> Result<(), StartError> {
        let bytes = std::mem::take(&mut self.config.bootstrap);
        // A journal that stands has them already: what is then refused is what runs.
        self.outbox.refused = (self.merger.last().sequence == 0).then(Vec::new);
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let length = match records::parse(rest) {
                Ok(_) => usize::from(read_from::<records::Header>(rest).map_or(0, |header| header.length)),
                Err(error) => {
                    let text = format!("{}.bootstrap: byte {at}: {error:?}", self.config.name);
                    return Err(StartError(text));
                }
            };
            self.take(now_ns, &rest[..length]);
            at += length;
        }
        // In each life anew: they are of the topology, not of what the first life was told.
        for guard in std::mem::take(&mut self.config.guards) {
            self.take(now_ns, bytes_of(&guard));
        }
        for (peer, _) in std::mem::take(&mut self.config.peers) {
            self.take(now_ns, bytes_of(&peer));
        }
        self.journal_marks(now_ns);
        let refused = self.outbox.refused.take().unwrap_or_default();
        let mut problems: Vec<_> = refused.iter().map(|line| format!("{}.{line}", self.config.name)).collect();
        problems.extend(self.region_quotes.problems(&format!("{}.quotes", self.config.name), &self.engine));
        if problems.is_empty() { Ok(()) } else { Err(StartError(problems.join("\n"))) }
    }

    fn heartbeat(&mut self, now_ns: u64) {
        self.heartbeat_due_ns = now_ns + self.config.heartbeat_ns;
        self.consolidated.write(&self.engine);
        let identity = self.engine.identity();
        let mut record = Heartbeat::new();
        record.input = self.engine.input();
        record.time_ns = now_ns;
        record.epoch = identity.epoch;
        record.shard = identity.shard;
        record.standing = self.engine.standing().bits();
        for link in self.outbox.commands.iter_mut().flatten() {
            // A full link means its gateway is behind; it will hear the next one.
            link.offer(bytes_of(&record));
        }
        if let Some(link) = &mut self.outbox.outputs {
            link.offer(bytes_of(&record));
        }
    }

    /// Asks the feeds for everything again where that is owed; a feed that does not listen yet is asked again.
    #[cold]
    fn ask_feeds(&mut self) {
        for feed in self.feeds.iter_mut().filter(|feed| feed.owed) {
            let mut record = Resync::new();
            record.header.venue = feed.venue;
            (record.epoch, record.request) = (u64::from(self.engine.identity().epoch), self.resync);
            feed.owed = feed.link.offer(bytes_of(&record)) != Offer::Sent;
        }
    }

    fn open_state(&mut self) -> Result<(), StartError> {
        if self.config.segment_bytes != 0 {
            self.state = Some(self.storage.open(STATE_FILE, STATE_FILE_BYTES)?);
        }
        Ok(())
    }

    fn owe_resync(&mut self) {
        self.resync = self.merger.last().sequence;
        self.feeds.iter_mut().for_each(|feed| feed.owed = true);
    }

    #[cold]
    fn write_state(&mut self, now_ns: u64, closed: bool) {
        self.state_due_ns = now_ns + STATE_INTERVAL_NS;
        let statistics = self.engine.statistics();
        self.counters.orders.set(statistics.orders);
        self.counters.fills.set(statistics.fills);
        self.counters.breaks.set(statistics.breaks);
        self.counters.refused.set(statistics.refused);
        self.counters.warnings.set(statistics.warnings);
        self.counters.disabled.set(statistics.disabled);
        self.counters.quarantined.set(self.engine.quarantined());
        self.counters.breakers_open.set(self.engine.breakers_open() as u64);
        self.counters.breaker_trips.set(statistics.trips);
        self.counters.refused_breaker.set(statistics.refused_breaker);
        self.counters.refused_throttle.set(statistics.refused_throttle);
        self.counters.peer_late.set(statistics.late);
        self.counters.peer_crowded.set(statistics.crowded);
        self.counters.state_hash.set(self.engine.state_hash());
        self.counters.epoch.set(u64::from(self.engine.identity().epoch));
        self.counters.standing.set(u64::from(self.engine.standing().bits()));
        let lost = self.subscriptions.iter().map(|subscription| subscription.lost()).sum();
        if lost > self.counters.lost.get() {
            self.owe_resync();
        }
        self.counters.lost.set(lost);
        self.counters.rolls_unprepared.set(self.merger.rolls_unprepared());
        self.counters.held.set(self.outbox.release.as_ref().map_or(0, Release::waiting) as u64);
        if let Some(state) = &mut self.state {
            Recorded::of(&self.engine, closed).write(state.bytes_mut());
        }
    }

    fn poll_inputs(&mut self, now_ns: u64) -> usize {
        let Self { merger, engine, outbox, subscriptions, config, pair, .. } = self;
        let count = subscriptions.len();
        let mut taken = 0;
        for offset in 0..count {
            let index = (self.turn + offset) % count;
            let subscription = &mut subscriptions[index];
            let polled =
                subscription.poll(config.poll_limit, &mut |record| take(merger, engine, outbox, now_ns, record));
            if let Some(pair) = pair.as_mut().filter(|_| polled > 0) {
                pair.came(merger.last().sequence, polled, index, subscription.sequence());
            }
            taken += polled;
        }
        self.turn = if count == 0 { 0 } else { (self.turn + 1) % count };
        taken
    }
}

/// One record through merger and fold.
#[inline]
fn take(merger: &mut Merger, engine: &mut Engine, outbox: &mut TileOutbox, now_ns: u64, record: &[u8]) {
    engine.prefetch(record);
    match merger.stamp(now_ns, record) {
        Ok(stamp) => {
            if let Some(release) = &mut outbox.release {
                release.cause = stamp.sequence;
            }
            outbox.received_ns = read_from::<records::Header>(record).map_or(0, |header| header.receive_time_ns);
            engine.apply(stamp, record, outbox);
        }
        // Going on would say things that no journal knows.
        Err(full) => panic!("{full}"),
    }
}

impl Tile for EngineTile {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn on_start(&mut self, now_ns: u64) -> Result<(), StartError> {
        self.merger = self.open_journal()?;
        if self.start_pair(now_ns) {
            self.open_state()?;
            self.engine.touch_memory();
            self.write_state(now_ns, false);
            return Ok(());
        }
        if self.merger.last().sequence > 0 {
            // What the feeds said between that life and this one may have gone past.
            self.owe_resync();
        }
        self.open_state()?;
        self.bootstrap(now_ns)?;
        self.engine.touch_memory();
        self.write_state(now_ns, false);
        self.last_input_ns = now_ns;
        Ok(())
    }

    fn do_work(&mut self, now_ns: u64) -> usize {
        if self.follows() {
            return self.follow(now_ns);
        }
        let mut work = 0;
        if self.outbox.release.is_some() {
            let (device, standby) = (self.device_durable(), self.standby_durable());
            work += self.outbox.release(now_ns, device, standby);
        }
        let left = work;
        // Those that come back while these are folded wait for the next cycle.
        for _ in 0..self.outbox.returned.len() {
            let Some(event) = self.outbox.returned.pop_front() else { break };
            self.take(now_ns, bytes_of(&event));
            work += 1;
        }
        let cedes = self.cedes();
        if !cedes {
            work += self.poll_inputs(now_ns);
        }
        if work > left {
            self.counters.inputs.add((work - left) as u64);
            self.last_input_ns = now_ns;
        } else if !cedes && now_ns >= self.last_input_ns.saturating_add(self.config.timer_ns) {
            self.last_input_ns = now_ns;
            self.take(now_ns, bytes_of(&Timer::new()));
        }
        if self.pair.is_some() {
            work += self.lead(now_ns);
        }
        let Self { region_quotes, engine, outbox, .. } = self;
        region_quotes.work(now_ns, engine, &mut |shard, record| outbox.say_quote(shard, record));
        if now_ns >= self.heartbeat_due_ns {
            self.heartbeat(now_ns);
            self.ask_feeds();
        }
        if work == 0 || self.outbox.stamps.count > STAMPS / 2 {
            self.outbox.stamps.write();
        }
        if work == 0 && self.merger.prepare().is_err() {
            self.counters.prepare_failed.add(1);
        }
        if now_ns >= self.state_due_ns {
            self.write_state(now_ns, false);
        }
        work
    }

    fn on_close(&mut self, now_ns: u64) {
        self.outbox.stamps.write();
        // The next life is to know that they never left.
        for _ in 0..self.outbox.give_back_all(Reason::Closed) {
            let Some(event) = self.outbox.returned.pop_front() else { break };
            self.take(now_ns, bytes_of(&event));
        }
        self.write_state(now_ns, true);
        if let Some(state) = &mut self.state {
            // The journal itself is whole without it.
            let _ = state.sync();
        }
        if let Err(error) = self.merger.close() {
            panic!("{}: the journal cannot be closed: {}", self.config.name, tiles::reason(&error));
        }
    }
}
