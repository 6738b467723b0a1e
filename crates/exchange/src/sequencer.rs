//! The one sequenced input: a command is stamped, journaled, applied, and what it says is put into the feed's history and
//! the sessions' stores, in that order.
//!
//! Invariant: nothing reaches a book that is not in the journal; the feed and every session are functions of the journal. Where
//! the journal has no room nothing is taken: whoever has a command asks [`Sequencer::has_room`] first, and says what it means that
//! there is none.

use journal::{Identity, JournalConfig, Writer, frame_bytes};
use links::Counter;
use records::broken::{Variant, is_broken};
use records::{
    ExchangeControl, ExchangeEnter, ExchangeEvent, ExchangeEventKind, ExchangeIndication, ExchangeListing,
    ExchangeReplace, ExchangeRequest, Header, Kind, NONE, Stamp, TradingState, bytes_of, read_from,
};
use tiles::{Context, StartError};

use crate::config::ExchangeConfig;
use crate::feed::{History, itch};
use crate::fix::market::Market;
use crate::fix::{Desks, FixRole, Kept};
use crate::fold::{Fold, Mark, Next};
use crate::listings::Listings;
use crate::matching::{Matching, Sink};
use crate::ouch::outbound::{self, Answers};
use crate::schedule::Schedule;
use crate::tile::Observer;

/// After a disk had no room it is asked again so much later.
const RETRY_NS: u64 = 100_000_000;
/// Of the journal's last room, what orders leave to the rest, at most.
const RESERVE_BYTES_MAX: usize = 1 << 20;
/// The longest frame of a command.
const FRAME_BYTES: usize = frame_bytes(size_of::<ExchangeEnter>());
const _: () = assert!(size_of::<ExchangeListing>() <= size_of::<ExchangeEnter>());
const _: () = assert!(size_of::<ExchangeReplace>() <= size_of::<ExchangeEnter>());
const _: () = assert!(size_of::<ExchangeRequest>() <= size_of::<ExchangeEnter>());

/// How much of the journal's last room a command may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// New orders, replaces, quotes: they stop first.
    Order,
    /// Cancels, questions and logons: they go on for a while.
    Other,
    /// What happens whether it is asked for or not, lost connections and timers: all of it.
    Own,
}

/// Events of one command that a source in this process hears at most: more is a mass cancel, of which it hears the head.
const HEARD_MAX: usize = 4096;

/// Busts, corrections and states of one cycle whose outcome is told over links at most.
const CHANGED_MAX: usize = 256;

/// What events become.
pub(crate) struct Outputs {
    pub history: History,
    /// By session; `None` for sessions without a socket.
    pub answers: Vec<Option<Answers>>,
    pub listings: Listings,
    /// What FIX sessions are told.
    pub desks: Desks,
    /// What those who watch over FIX are told.
    pub market: Market,
    /// Events of sessions without a socket, for the source in this process that asked.
    pub heard: Vec<ExchangeEvent>,
    /// What became of busts, corrections and states, for whoever asked over a link.
    pub changed: Vec<ExchangeEvent>,
    /// Sees every event as it happens; what an earlier life did, it does not see.
    pub observer: Option<Observer>,
    midnight_ns: u64,
    events: u64,
    trades: u64,
    /// Trades broken, trades corrected, and what was refused of either.
    changes: [u64; 3],
    heard_lost: u64,
}

impl Sink for Outputs {
    #[inline]
    fn event(&mut self, event: &ExchangeEvent) {
        if let Some(observer) = &mut self.observer {
            observer(event);
        }
        self.events += 1;
        self.trades += u64::from(event.event == ExchangeEventKind::Executed.code());
        if event.match_id != 0 && !traded(event.event) {
            self.trade_changed(event);
        } else if event.event == ExchangeEventKind::State.code() && self.changed.len() < self.changed.capacity() {
            self.changed.push(*event);
        }
        let place = itch::Place::of(event, &self.listings, self.midnight_ns);
        itch::publish(event, place, &mut self.history);
        let place = outbound::Place::new(place.listed.symbol, event, self.midnight_ns);
        if event.event == ExchangeEventKind::SystemEvent.code() {
            self.answers.iter_mut().flatten().for_each(|answers| answers.tell_all(event, place));
            return;
        }
        self.market.tell(event);
        if event.event == ExchangeEventKind::DayRolled.code() {
            self.desks.roll();
        }
        if self.desks.is_desk(event.header.source) {
            self.desks.tell(event, false);
        } else {
            self.tell_session(event.header.source, event, |answers| answers.tell(event, place));
        }
        if event.other_source == NONE {
        } else if self.desks.is_desk(event.other_source) {
            self.desks.tell(event, true);
        } else {
            self.tell_session(event.other_source, event, |answers| answers.tell_other(event, place));
        }
    }

    fn indication(&mut self, indication: &ExchangeIndication) {
        let header = &indication.header;
        let place = itch::Place::at(self.listings.get(header.instrument), header.venue_time_ns, self.midnight_ns);
        self.history.append(|out| place.imbalance(indication, out));
        self.market.indicate(indication);
    }
}

/// Whether an event tells of a trade, or of an auction as a whole, rather than of what became of one.
#[inline]
fn traded(event: u8) -> bool {
    event == ExchangeEventKind::Executed.code()
        || event == ExchangeEventKind::Crossed.code()
        || event == ExchangeEventKind::Uncrossed.code()
}

impl Outputs {
    /// Takes all memory.
    pub fn new(config: &ExchangeConfig, desks: Desks) -> Self {
        let (sessions, instruments) = config.largest();
        let mut answers: Vec<Option<Answers>> = (0..=sessions).map(|_| None).collect();
        for port in &config.ports {
            answers[port.session as usize] = Some(Answers::with_capacity(config.session_messages));
        }
        Self {
            desks,
            market: Market::new(instruments),
            history: History::with_capacity(config.feed_messages),
            answers,
            listings: Listings::with_capacity(instruments),
            heard: Vec::with_capacity(HEARD_MAX),
            changed: Vec::with_capacity(CHANGED_MAX),
            observer: None,
            midnight_ns: config.midnight_ns,
            events: 0,
            trades: 0,
            changes: [0; 3],
            heard_lost: 0,
        }
    }

    /// A bust or a correction was done or refused.
    #[cold]
    fn trade_changed(&mut self, event: &ExchangeEvent) {
        let which = match ExchangeEventKind::from_code(event.event) {
            Some(ExchangeEventKind::Broken) => 0,
            Some(ExchangeEventKind::Corrected) => 1,
            _ => 2,
        };
        self.changes[which] += 1;
        if self.changed.len() < self.changed.capacity() {
            self.changed.push(*event);
        }
    }

    #[inline]
    fn tell_session(&mut self, session: u32, event: &ExchangeEvent, tell: impl FnOnce(&mut Answers)) {
        match self.answers.get_mut(session as usize) {
            Some(Some(answers)) => tell(answers),
            // One event is heard once, whichever of its sides are inner sessions.
            Some(None) if session != NONE && self.heard.last().is_none_or(|last| last != event) => {
                if self.heard.len() < HEARD_MAX {
                    self.heard.push(*event);
                } else {
                    self.heard_lost += 1;
                }
            }
            _ => {}
        }
    }
}

/// The sequencer.
pub(crate) struct Sequencer {
    pub core: Matching,
    pub outputs: Outputs,
    journal: Writer,
    schedule: Schedule,
    last: Stamp,
    replayed_messages: u64,
    venue: u16,
    commands: Counter,
    events: Counter,
    trades: Counter,
    changes: [Counter; 3],
    resting: Counter,
    bad_commands: Counter,
    heard_lost: Counter,
    reserve_bytes: usize,
    /// The disk had no room then.
    no_room_ns: Option<u64>,
    no_room: Counter,
    refused_no_room: Counter,
}

impl Sequencer {
    /// Opens the journal; what an earlier life of this exchange wrote is applied again.
    pub fn open(config: &ExchangeConfig, context: &Context, now_ns: u64) -> Result<(Self, Vec<Kept>), StartError> {
        let mut desks = Desks::of(config, false);
        let kept = desks.open(config, context, now_ns)?;
        let mut fold = Fold::new(config, desks);
        let next = fold.replay(context, config)?;
        let mut sequencer = Self::over(fold, next, config, context, now_ns)?;
        sequencer.begin(config, now_ns);
        Ok((sequencer, kept))
    }

    /// Goes on with what was folded; the journal is to be written from `next` on.
    pub fn over(
        fold: Fold,
        (next, cut): Next,
        config: &ExchangeConfig,
        context: &Context,
        now_ns: u64,
    ) -> Result<Self, StartError> {
        let Fold { core, mut outputs, first_ns, last } = fold;
        let identity = Identity { shard: config.venue, ..Identity::default() };
        let segment_bytes = config.segment_bytes;
        let journal_config = JournalConfig { segment_bytes, next, cut, ..JournalConfig::new(identity) };
        let started_ns = if last.sequence == 0 { now_ns } else { first_ns };
        let schedule = Schedule::new(config, started_ns, last.time_ns, now_ns);
        outputs.desks.settle(config)?;
        let replayed_messages = outputs.history.last();
        let journal = Writer::create(context.storage.clone(), journal_config)?;
        let counter = |name: &str| context.counters.counter(name);
        outputs.heard.clear();
        outputs.changed.clear();
        if config.fix_ports.iter().any(|port| port.role() == FixRole::MarketData) {
            outputs.market.watch();
        }
        Ok(Self {
            core,
            outputs,
            journal,
            schedule,
            last,
            replayed_messages,
            venue: config.venue,
            commands: counter("exchange.commands"),
            events: counter("exchange.events"),
            trades: counter("exchange.trades"),
            changes: ["exchange.busts", "exchange.corrections", "exchange.changes_refused"].map(counter),
            resting: counter("exchange.resting_orders"),
            bad_commands: counter("exchange.bad_commands"),
            heard_lost: counter("exchange.heard_lost"),
            reserve_bytes: (config.segment_bytes / 8).min(RESERVE_BYTES_MAX),
            no_room_ns: None,
            no_room: counter("exchange.no_room"),
            refused_no_room: counter("exchange.refused_no_room"),
        })
    }

    /// What another process that folds the same input is compared by.
    pub fn mark(&self, config: &ExchangeConfig) -> Mark {
        Mark::of(&self.core, &self.outputs, self.last.sequence, config)
    }

    /// The first commands of a new journal; after a restart, that every connection was lost.
    fn begin(&mut self, config: &ExchangeConfig, now_ns: u64) {
        let fresh = self.last.sequence == 0;
        if fresh {
            self.control(now_ns, records::ExchangeAction::SystemEvent, 0, b'O');
        }
        for listing in &config.listings {
            let first = if config.timetable.is_empty() { TradingState::Trading } else { TradingState::PreOpen };
            let state = self.core.state(listing.instrument).filter(|_| !fresh).unwrap_or(first);
            self.submit(now_ns, bytes_of(&listing.record(config.venue, state)));
        }
        for port in &config.ports {
            self.submit(now_ns, bytes_of(&port.record(config.venue)));
            if !fresh {
                self.control(now_ns, records::ExchangeAction::Disconnect, port.session, 0);
            }
        }
        for port in config.fix_ports.iter().filter(|port| port.role() == FixRole::Orders) {
            self.submit(now_ns, bytes_of(&port.record(config.venue)));
            if !fresh {
                self.control(now_ns, records::ExchangeAction::Disconnect, port.session, 0);
            }
        }
        for inner in &config.inner {
            self.submit(now_ns, bytes_of(&inner.record(config.venue)));
        }
        if fresh {
            self.control(now_ns, records::ExchangeAction::SystemEvent, 0, b'S');
            self.control(now_ns, records::ExchangeAction::SystemEvent, 0, b'Q');
        }
    }

    /// Whether the journal takes so many commands of this use.
    #[inline]
    pub fn has_room(&mut self, now_ns: u64, commands: usize, what: Use) -> bool {
        let kept_back = match what {
            Use::Order => self.reserve_bytes,
            Use::Other => self.reserve_bytes / 2,
            Use::Own => 0,
        };
        let needed = kept_back + commands * FRAME_BYTES;
        if self.journal.room_bytes() < needed && self.may_ask(now_ns) {
            self.no_room_ns = (!self.journal.make_room()).then_some(now_ns);
        }
        self.journal.room_bytes() >= needed
    }

    /// Whether the disk may be asked for room: not again right after it had none.
    fn may_ask(&self, now_ns: u64) -> bool {
        self.no_room_ns.is_none_or(|since_ns| now_ns.saturating_sub(since_ns) >= RETRY_NS)
    }

    /// Counts a request that was not taken because the journal has no room.
    pub fn refuse_for_room(&mut self) {
        self.refused_no_room.add(1);
    }

    /// Stamps, journals and applies one command. Bytes that are none are counted and change nothing.
    ///
    /// # Panics
    /// When the journal is full, of which [`Self::has_room`] tells before: an exchange that goes on without its journal lies.
    #[inline]
    pub fn submit(&mut self, now_ns: u64, record: &[u8]) {
        let header: Option<Header> = read_from(record);
        let is_command = header
            .and_then(|header| header.kind())
            .is_some_and(|kind| (Kind::ExchangeEnter.code()..=Kind::ExchangeAuction.code()).contains(&kind.code()));
        if !is_command || records::parse(record).is_err() {
            self.bad_commands.add(1);
            return;
        }
        if let Some(listing) = read_from::<ExchangeListing>(record)
            && listing.header.kind() == Some(Kind::ExchangeListing)
        {
            self.outputs.listings.list(&listing);
        }
        let stamp = Stamp { sequence: self.last.sequence + 1, time_ns: self.last.time_ns.max(now_ns) };
        if !(is_broken(Variant::VenueNotJournaled) && stamp.sequence.is_multiple_of(512)) {
            self.journal.append(stamp, record).expect("the exchange's journal takes every command");
        }
        self.last = stamp;
        self.outputs.desks.before(stamp, record);
        let applied = self.core.apply(stamp, record, &mut self.outputs);
        debug_assert!(applied.is_ok(), "parsed before");
        self.outputs.desks.after();
    }

    /// Feed messages that an earlier life of this exchange made.
    pub fn replayed_messages(&self) -> u64 {
        self.replayed_messages
    }

    /// Submits a control command of the exchange's own.
    pub fn control(&mut self, now_ns: u64, action: records::ExchangeAction, session: u32, letter: u8) {
        let mut command = ExchangeControl::new();
        command.header.venue = self.venue;
        command.header.source = session;
        command.action = action.code();
        command.letter = letter;
        self.submit(now_ns, bytes_of(&command));
    }

    /// Timers that are due, the journal's cold work, counters. Once a cycle.
    pub fn on_time(&mut self, now_ns: u64) -> usize {
        let due = self.core.next_expiry_ns() <= now_ns && self.has_room(now_ns, 1, Use::Own);
        if due {
            self.control(now_ns, records::ExchangeAction::Timer, 0, 0);
        }
        while let Some(phase) = self.schedule.due(now_ns).filter(|_| self.has_room(now_ns, 1, Use::Own)) {
            self.submit(now_ns, phase.bytes());
            self.schedule.pass();
        }
        if self.core.calls() != 0
            && self.has_room(now_ns, 1, Use::Other)
            && let Some(indicate) = self.schedule.indication(now_ns)
        {
            self.submit(now_ns, indicate.bytes());
        }
        if self.may_ask(now_ns) {
            // Without a spare segment the journal's room is what is left of the present one.
            self.no_room_ns = self.journal.prepare().is_err().then_some(now_ns);
        }
        let room = self.no_room_ns.is_none() || self.has_room(now_ns, 1, Use::Order);
        self.no_room.set(u64::from(!room));
        self.commands.set(self.last.sequence);
        self.events.set(self.outputs.events);
        self.trades.set(self.outputs.trades);
        for (counter, count) in self.changes.iter().zip(self.outputs.changes) {
            counter.set(count);
        }
        self.resting.set(self.core.resting() as u64);
        self.heard_lost.set(self.outputs.heard_lost);
        usize::from(due)
    }

    /// Closes the journal.
    pub fn close(&mut self) -> std::io::Result<()> {
        self.journal.close()
    }
}
