//! The fold: one stamped record in, commands and outputs out.
//!
//! Invariant: the state after a record depends on the state before it and the record alone. No clock, no random number, no
//! environment, no memory taken after configuration, and no panic for anything that a venue or a strategy does.

mod calls;
mod cells;
mod consolidated;
mod control;
mod executor;
mod guard;
mod intents;
mod legs;
mod market;
mod multi_leg;
mod peers;
mod quarantine;
mod quotes;
mod regions;
mod reports;
mod run;
mod self_trade;
mod signals;
mod snapshot;
mod standing;
mod states;
mod usage;

use std::collections::VecDeque;

use records::{
    FillView, Hash64, Header, MarketLevel, MarketOrder, MultiLegView, OrderEvent, OrderId, OrderIdParts, OrderView,
    Peer, Record, RecordRef, SignalView, Stamp, StateError, StateReader, StateValue, StateWriter, UNDEF_PRICE,
    bytes_of, read_from, view_of,
};
use risk::LimitTree;

use crate::config::EngineConfig;
use crate::executions::Executions;
use crate::executor::Settled;
use crate::host::Host;
use crate::multi_leg::{MULTI_LEGS_MAX, MultiLegs};
use crate::order_table::{OrderTable, touch_ring};
use crate::orders::Order;
use crate::outbox::Outbox;
use crate::positions::{PositionCell, Positions};
use cells::{ListingCell, SlotCell, VenueCell};
use consolidated::Consolidations;
pub use quarantine::{Inside, MarkTaken};
pub use run::MarketRun;
pub use snapshot::{STATE_VERSION, Unrestored};
pub use standing::Standing;

const NO_LISTING: u16 = u16::MAX;
const QUEUE_MAX: usize = 8_192;
/// Changes of multi-leg orders that wait to be told.
const MULTI_LEG_VIEWS_MAX: usize = 4 * MULTI_LEGS_MAX;
/// Engines that legs are run for, or that run them.
const PEERS_MAX: usize = 8;
/// Earlier epochs and days of which it is known how far order ids went.
const LAST_IDS: usize = 64;

/// What the engine counted. Part of no hash; the same in a replay all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Inputs that were no record of this build.
    pub unreadable: u64,
    /// Records that the fold has no use for (outputs and commands fed back).
    pub unused: u64,
    /// Market records of instruments that are not listed here.
    pub unlisted: u64,
    /// Records that a book did not take as they stand.
    pub book_anomalies: u64,
    /// Reports that were repetitions.
    pub repeated: u64,
    /// Breaks told.
    pub breaks: u64,
    /// New orders sent.
    pub orders: u64,
    /// Replaces sent.
    pub replaces: u64,
    /// Cancels sent.
    pub cancels: u64,
    /// Fills booked.
    pub fills: u64,
    /// Intents refused.
    pub refused: u64,
    /// Soft limits told as reached.
    pub warnings: u64,
    /// Slots that were disabled: they failed, or too much of what they asked for was refused.
    pub disabled: u64,
    /// Strategy calls.
    pub calls: u64,
    /// Events that a slot was not told because the queue was full.
    pub untold: u64,
    /// How often breakers of venue sessions opened.
    pub trips: u64,
    /// Multi-leg orders begun.
    pub multi_legs: u64,
    /// Requests of other engines that came too late to begin anything.
    pub late: u64,
    /// Requests of other engines that were taken for lost: there was no room to remember that they were refused.
    pub crowded: u64,
    /// Intents among those refused that an open breaker refused.
    pub refused_breaker: u64,
    /// Intents among those refused that would have met a venue's throttle.
    pub refused_throttle: u64,
}

records::state_value!(Statistics {
    unreadable,
    unused,
    unlisted,
    book_anomalies,
    repeated,
    breaks,
    orders,
    replaces,
    cancels,
    fills,
    refused,
    warnings,
    disabled,
    calls,
    untold,
    trips,
    multi_legs,
    late,
    crowded,
    refused_breaker,
    refused_throttle,
});

/// Something a slot has to be told within this pass.
#[derive(Clone, Copy, Debug)]
enum Told {
    Order(OrderView),
    Fill(FillView),
    Signal(SignalView),
    /// The oldest of the views that wait beside the queue: they are large.
    MultiLeg,
}

impl StateValue for Told {
    fn put(&self, out: &mut StateWriter) {
        match self {
            Self::Order(view) => (1_u8, *view).put(out),
            Self::Fill(view) => (2_u8, *view).put(out),
            Self::Signal(view) => (3_u8, *view).put(out),
            Self::MultiLeg => 4_u8.put(out),
        }
    }

    fn take(from: &mut StateReader<'_>) -> Result<Self, StateError> {
        match u8::take(from)? {
            1 => StateValue::take(from).map(Self::Order),
            2 => StateValue::take(from).map(Self::Fill),
            3 => StateValue::take(from).map(Self::Signal),
            4 => Ok(Self::MultiLeg),
            other => Err(from.wrong(format!("{other} for what is told; allowed are 1 to 4"))),
        }
    }
}

/// Which engine this is; from its first record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineIdentity {
    /// Firm.
    pub firm: u16,
    /// Shard.
    pub shard: u16,
    /// Epoch.
    pub epoch: u16,
    /// Trading day, days since 2020-01-01.
    pub day: u32,
}

records::state_value!(EngineIdentity { firm, shard, epoch, day });

/// The deterministic engine.
pub struct Engine {
    config: EngineConfig,
    host: Box<dyn Host>,
    identity: EngineIdentity,
    standing: Standing,
    started: bool,
    order_counter: u32,
    /// The last order id of earlier epochs and days, the latest ones.
    last_ids: [u64; LAST_IDS],
    input: u64,
    time_ns: u64,
    /// When the record under way reached us; commands carry it, for latency.
    received_ns: u64,
    limits: LimitTree,
    orders: OrderTable,
    executions: Executions,
    positions: Positions,
    venues: Vec<VenueCell>,
    listings: Vec<ListingCell>,
    listing_of: Box<[u16]>,
    instrument_units_e8: Box<[i64]>,
    marks: Box<[i64]>,
    consolidations: Consolidations,
    ticks: control::TickTables,
    slots: Vec<Option<SlotCell>>,
    queue: VecDeque<(u8, Told)>,
    multi_legs: MultiLegs,
    multi_leg_views: VecDeque<MultiLegView>,
    peers: Vec<Peer>,
    settled: Settled,
    /// The day rolls: nothing new is sent until it has.
    rolls_day: bool,
    exposures: u64,
    next_due_ns: u64,
    positions_due_ns: u64,
    usages: usage::Usages,
    guards_due_ns: u64,
    /// Slots that are told of risk, by bit.
    risk_slots: u64,
    /// What they were told of last: versions of exposures and of venues.
    risk_seen: (u64, u64),
    /// Version of what venues' sessions and breakers allow.
    venue_changes: u64,
    /// Numbers published in this pass.
    signals: usize,
    /// What tiles said last, a channel each, where they said when they speak again.
    heard: Vec<signals::Heard>,
    quotes: quotes::Quotes,
    marked: quarantine::Marked,
    /// Where it says which call it is at; part of no state.
    inside: Option<Inside>,
    hash: Hash64,
    statistics: Statistics,
}

impl Engine {
    /// An engine with all the memory it will ever need, waiting for its first record.
    ///
    /// # Panics
    /// When the configuration has problems ([`EngineConfig::problems`]).
    pub fn new(config: EngineConfig, host: Box<dyn Host>) -> Self {
        assert!(config.problems().is_empty(), "{:?}", config.problems());
        let capacity = risk::Capacity {
            instruments_max: config.instruments_max,
            listings_max: config.listings_max,
            ..risk::Capacity::default()
        };
        Self {
            config,
            host,
            identity: EngineIdentity::default(),
            standing: Standing::default(),
            started: false,
            order_counter: 0,
            last_ids: [0; LAST_IDS],
            input: 0,
            time_ns: 0,
            received_ns: 0,
            limits: LimitTree::new(capacity),
            orders: OrderTable::new(config.orders_max),
            executions: Executions::new(config.executions_max),
            positions: Positions::new(config.positions_max),
            venues: (0..=config.venues_max).map(|_| VenueCell::new()).collect(),
            listings: Vec::with_capacity(config.listings_max),
            listing_of: vec![NO_LISTING; (config.venues_max + 1) * (config.instruments_max + 1)].into_boxed_slice(),
            instrument_units_e8: vec![0; config.instruments_max + 1].into_boxed_slice(),
            marks: vec![0; config.instruments_max + 1].into_boxed_slice(),
            consolidations: Consolidations::new(&config),
            ticks: control::TickTables::default(),
            slots: (0..=config.slots_max).map(|_| None).collect(),
            queue: VecDeque::with_capacity(QUEUE_MAX),
            multi_legs: MultiLegs::new(multi_leg::empty()),
            multi_leg_views: VecDeque::with_capacity(MULTI_LEG_VIEWS_MAX),
            peers: Vec::with_capacity(PEERS_MAX),
            settled: Settled::new(),
            rolls_day: false,
            exposures: 1,
            next_due_ns: u64::MAX,
            positions_due_ns: u64::MAX,
            usages: usage::Usages::new(capacity.limits_max),
            guards_due_ns: u64::MAX,
            risk_slots: 0,
            risk_seen: (0, 0),
            venue_changes: 0,
            signals: 0,
            heard: Vec::with_capacity(records::TILE_CHANNELS_MAX),
            quotes: quotes::Quotes::default(),
            marked: quarantine::Marked::default(),
            inside: None,
            hash: Hash64::default(),
            statistics: Statistics::default(),
        }
    }

    /// Folds one record.
    ///
    /// # Panics
    /// When sequence or time go back: the input is not a merger's.
    #[inline]
    pub fn apply(&mut self, stamp: Stamp, record: &[u8], out: &mut dyn Outbox) {
        assert!(stamp.sequence > self.input && stamp.time_ns >= self.time_ns, "input goes forward");
        self.input = stamp.sequence;
        self.time_ns = stamp.time_ns;
        self.signals = 0;
        self.marked.calls_before = self.statistics.calls;
        if stamp.sequence >= self.marked.due {
            self.reach_marks(out);
        }
        self.received_ns = match view_of::<Header>(record) {
            Some(header) => header.receive_time_ns,
            None => read_from::<Header>(record).map_or(0, |header| header.receive_time_ns),
        };
        if let Some(record) = as_record::<MarketLevel>(record) {
            self.on_market_level(record, out);
        } else if let Some(record) = as_record::<MarketOrder>(record) {
            self.on_market_order(record, out);
        } else if let Some(record) = as_record::<OrderEvent>(record) {
            self.on_order_event(record, out);
        } else {
            self.apply_other(record, out);
        }
        self.tell(out);
        if self.time_ns >= self.next_due_ns {
            self.on_due(out);
        }
        if self.risk_slots != 0 {
            self.tell_risk(out);
        }
    }

    /// Asks for the memory that [`Engine::apply`] of this record will look at first: for a merger that journals it meanwhile.
    #[inline]
    pub fn prefetch(&self, record: &[u8]) {
        if let Some(record) = as_record::<MarketOrder>(record)
            && let Some(books) =
                self.venues.get(usize::from(record.header.venue)).and_then(|venue| venue.books.as_ref())
        {
            books.prefetch(record);
        }
    }

    #[inline(never)]
    fn apply_other(&mut self, record: &[u8], out: &mut dyn Outbox) {
        match records::parse(record) {
            Ok(RecordRef::MarketOrder(record)) => self.on_market_order(&record, out),
            Ok(RecordRef::MarketLevel(record)) => self.on_market_level(&record, out),
            Ok(RecordRef::Trade(record)) => self.on_trade(&record, out),
            Ok(RecordRef::Status(record)) => self.on_status(&record, out),
            Ok(RecordRef::OrderEvent(record)) => self.on_order_event(&record, out),
            Ok(RecordRef::Intent(record)) => self.on_intent_record(&record, out),
            Ok(RecordRef::Timer(_)) => self.on_timer(out),
            Ok(RecordRef::Session(record)) => self.on_session(&record, out),
            Ok(RecordRef::DayRoll(record)) => self.on_day_roll(&record, out),
            Ok(RecordRef::EngineStart(record)) => self.on_engine_start(&record, out),
            Ok(RecordRef::TickBand(record)) => self.on_tick_band(&record, out),
            Ok(RecordRef::Definition(record)) => self.on_definition(&record, out),
            Ok(RecordRef::Listing(record)) => self.on_listing(&record, out),
            Ok(RecordRef::Node(record)) => self.on_node(&record, out),
            Ok(RecordRef::LimitSet(record)) => self.on_limit(&record, out),
            Ok(RecordRef::Kill(record)) => self.on_kill(&record, out),
            Ok(RecordRef::Allocation(record)) => self.on_allocation(&record, out),
            Ok(RecordRef::Permission(record)) => self.on_permission(&record, out),
            Ok(RecordRef::Restricted(record)) => self.on_restricted(&record, out),
            Ok(RecordRef::EpochSet(record)) => self.on_epoch_set(&record, out),
            Ok(RecordRef::ReferenceSet(record)) => self.on_reference_set(&record, out),
            Ok(RecordRef::StateRequest(record)) => self.on_state_request(&record, out),
            Ok(RecordRef::SessionGuard(record)) => self.on_session_guard(&record, out),
            Ok(RecordRef::SessionReset(record)) => self.on_session_reset(&record, out),
            Ok(RecordRef::Slot(record)) => self.on_slot(&record, out),
            Ok(RecordRef::SlotBind(record)) => self.on_slot_bind(&record, out),
            Ok(RecordRef::StrategyControl(record)) => self.on_strategy_control(&record, out),
            Ok(RecordRef::Parameter(record)) => self.on_parameter(&record, out),
            Ok(RecordRef::Imbalance(record)) => self.on_imbalance(&record, out),
            Ok(RecordRef::Signal(record)) => self.on_signal_record(&record, out),
            Ok(RecordRef::RegionPosition(record)) => self.on_region_position(&record),
            Ok(RecordRef::RegionQuote(record)) => self.on_region_quote(&record),
            Ok(RecordRef::Peer(record)) => self.on_peer(&record, out),
            Ok(RecordRef::ExecutorRequest(record)) => self.on_executor_request(&record, out),
            Ok(RecordRef::ExecutorAnswer(record)) => self.on_executor_answer(&record, out),
            Ok(RecordRef::KeptState(record)) => self.on_kept_state(&record, out),
            Ok(RecordRef::Quarantine(record)) => self.on_quarantine(&record, out),
            // Rights come with the rooms that use them; commands and outputs are not input.
            Ok(_) => self.statistics.unused += 1,
            Err(_) => self.statistics.unreadable += 1,
        }
    }

    /// The hash over everything said and every cell changed so far. Primary, standby and replay must agree on it.
    pub fn state_hash(&self) -> u64 {
        self.hash.value()
    }

    /// Its sizes and times.
    pub fn config(&self) -> EngineConfig {
        self.config
    }

    /// Input sequence so far.
    pub fn input(&self) -> u64 {
        self.input
    }

    /// Engine time.
    pub fn time_ns(&self) -> u64 {
        self.time_ns
    }

    /// Who this engine is.
    pub fn identity(&self) -> EngineIdentity {
        self.identity
    }

    /// What was counted.
    pub fn statistics(&self) -> Statistics {
        self.statistics
    }

    /// All positions, in the order in which they were opened.
    pub fn positions(&self) -> &[PositionCell] {
        self.positions.cells()
    }

    /// The orders that have not ended, with the lots held for each.
    pub fn live_orders(&self) -> impl Iterator<Item = (&Order, i64)> {
        self.orders.live().iter().map(|place| (self.orders.get(*place), self.orders.hold(*place).held_lots()))
    }

    /// The order that has or had this id, as long as it is kept.
    pub fn order(&self, id: u64) -> Option<&Order> {
        self.orders.find(id).map(|place| self.orders.get(place))
    }

    /// What the checks of an order that lives look at, each with its bound; for people who ask afterwards.
    pub fn checks_of(&self, order_id: u64) -> Vec<risk::Refusal> {
        let Some(place) = self.orders.find(order_id) else { return Vec::new() };
        let (order, hold) = (self.orders.get(place), self.orders.hold(place));
        let Some(listing) = self.listing(order.venue, order.instrument).filter(|_| hold.is_alive()) else {
            return Vec::new();
        };
        let asked = if order.pending_id == order_id {
            (order.side, order.pending_lots - order.filled_lots, order.pending_price_nanos)
        } else {
            (order.side, order.leaves_lots, order.price_nanos)
        };
        self.limits.checked(hold.binding(), asked, self.time_ns, &self.reference(listing))
    }

    /// The middle of the book of an instrument that changed last, 0 before the first.
    pub fn mark_nanos(&self, instrument: u32) -> i64 {
        self.mark(instrument)
    }

    /// The limit tree.
    pub fn limits(&self) -> &LimitTree {
        &self.limits
    }

    /// The slot's run state.
    pub fn slot_run(&self, slot: u8) -> Option<records::SlotRun> {
        self.slots.get(usize::from(slot))?.as_ref().map(|cell| cell.run)
    }

    /// The book of a listing as strategies see it.
    pub fn book_view(&self, venue: u16, instrument: u32) -> Option<&records::BookView> {
        self.listing(venue, instrument).map(|listing| &self.listings[usize::from(listing)].view)
    }

    /// Writes to the pages of books, orders and executions, so that none is met for the first time in a pass. After the bootstrap
    /// records.
    pub fn touch_memory(&mut self) {
        self.orders.touch_memory();
        self.executions.touch_memory();
        touch_ring(&mut self.queue, (0, Told::MultiLeg));
        self.touch_some_memory();
    }

    /// The same for books and the ids of orders alone: where many small runs follow each other, pages that few of them reach cost
    /// more than they save.
    pub fn touch_some_memory(&mut self) {
        self.orders.touch_ids();
        for venue in &mut self.venues {
            if let Some(books) = &mut venue.books {
                books.touch_memory();
            }
        }
    }

    fn listing(&self, venue: u16, instrument: u32) -> Option<u16> {
        let (venue, instrument) = (usize::from(venue), instrument as usize);
        if venue > self.config.venues_max || instrument > self.config.instruments_max {
            return None;
        }
        let listing = self.listing_of[venue * (self.config.instruments_max + 1) + instrument];
        (listing != NO_LISTING).then_some(listing)
    }

    fn units_e8(&self, instrument: u32) -> i64 {
        self.instrument_units_e8.get(instrument as usize).copied().unwrap_or(0)
    }

    fn mark(&self, instrument: u32) -> i64 {
        self.marks.get(instrument as usize).copied().unwrap_or(0)
    }

    /// Only looks: the id is used up by [`Engine::use_order_id`].
    fn next_order_id(&self) -> u64 {
        let EngineIdentity { shard, epoch, day, .. } = self.identity;
        let counter = self.order_counter.wrapping_add(1).max(1);
        OrderId::new(OrderIdParts {
            day,
            shard: u32::from(shard),
            epoch: u32::from(epoch) & records::EPOCH_MAX,
            counter,
        })
        .0
    }

    fn use_order_id(&mut self) -> u64 {
        let id = self.next_order_id();
        self.order_counter = self.order_counter.checked_add(1).expect("2^32 orders in an epoch");
        id
    }

    /// Begins new order ids: the epoch or the day is about to change.
    fn end_order_ids(&mut self) {
        if self.order_counter > 0 {
            self.last_ids.rotate_right(1);
            self.last_ids[0] = self.next_order_id() - 1;
        }
        self.order_counter = 0;
    }

    /// Whether this engine gave an order this id, though it may have forgotten which: orders and ids are kept for a while.
    fn has_given(&self, order_id: u64) -> bool {
        let next = self.next_order_id();
        let given = |last: u64| order_id >> 32 == last >> 32 && (1..=last as u32).contains(&(order_id as u32));
        given(next - 1) || self.last_ids.iter().any(|last| given(*last))
    }

    fn say<T: Record>(&mut self, mut record: T, out: &mut dyn Outbox) {
        let (input, time_ns) = (self.input, self.time_ns);
        let header = record.header_mut();
        (header.sequence, header.venue_time_ns) = (input, time_ns);
        self.hash.bytes(bytes_of(&record));
        out.output(bytes_of(&record));
    }

    fn send<T: Record>(&mut self, mut record: T, out: &mut dyn Outbox) {
        let (input, time_ns, received_ns) = (self.input, self.time_ns, self.received_ns);
        let header = record.header_mut();
        (header.sequence, header.venue_time_ns, header.receive_time_ns) = (input, time_ns, received_ns);
        let venue = header.venue;
        if let Some(cell) = self.venues.get_mut(usize::from(venue)) {
            self.next_due_ns = self.next_due_ns.min(cell.guard.sent(time_ns));
        }
        self.hash.bytes(bytes_of(&record));
        out.command(venue, bytes_of(&record));
    }

    fn hash_cell(&mut self, place: u32) {
        hash_order(&mut self.hash, self.orders.get(place));
    }
}

/// The record where it lies, if it is one of this kind, as most are of one of two; others, and what lies at no multiple of
/// eight, go the long way.
#[inline(always)]
fn as_record<T: Record>(record: &[u8]) -> Option<&T> {
    let whole = view_of::<T>(record)?;
    let header = whole.header();
    let is_one =
        header.kind == T::KIND as u16 && usize::from(header.length) == size_of::<T>() && header.version == T::VERSION;
    is_one.then_some(whole)
}

fn hash_order(hash: &mut Hash64, order: &Order) {
    hash.word(order.owner.order_id);
    hash.word(u64::from(order.state().code()) | (order.unbooked_lots as u64) << 8);
    hash.word(order.leaves_lots as u64);
    hash.word(order.filled_lots as u64);
    hash.word(order.price_nanos as u64);
}

/// A price that risk and records take for "none".
const fn absent(price_nanos: i64) -> bool {
    price_nanos == UNDEF_PRICE
}
