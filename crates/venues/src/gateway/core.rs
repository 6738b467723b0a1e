//! What every gateway has whatever its venue speaks: the way back to the engine, the journal of ids, epoch, counters, samples.
//!
//! Invariant: the map from our ids to the venue's is journaled before the bytes leave; what is published is counted.

use std::io;
use std::rc::Rc;

use journal::{Identity, JournalConfig, JournalError, Writer};
use links::{Counter, Counters, Histogram, Publication};
use records::{OrderEvent, OrderEventKind, Owner, Reason, RecordRef, SessionState, Stamp, UNDEF_PRICE, parse};
use tiles::{Clock, Context, Net, StartError, Storage};

use super::GatewayConfig;
use super::events::{About, Events};
use super::socket::Socket;
use crate::samples::SamplesFile;

/// Bad messages kept for inspection at once, and in all.
const SAMPLES: (usize, u64) = (64, 10_000);

/// What a gateway counts.
pub struct Counts {
    pub(super) commands: Counter,
    pub(super) sent: Counter,
    pub(super) not_sent: Counter,
    pub(super) stale_epoch: Counter,
    pub(super) repeated: Counter,
    pub(super) malformed: Counter,
    pub(super) unknown_records: Counter,
    pub(super) messages: Counter,
    pub(super) connects: Counter,
    pub(super) disconnects: Counter,
    pub(super) renewed: Counter,
    pub(super) disbelieved: Counter,
    pub(super) adopted: Counter,
    pub(super) pulled: Counter,
    pub(super) state: Counter,
    pub(super) round_trip: Histogram,
    pub(super) packet_to_wire: Histogram,
}

/// The part of a gateway that knows no protocol.
pub struct Core {
    pub(super) config: GatewayConfig,
    pub(super) clock: Rc<dyn Clock>,
    pub(super) net: Rc<dyn Net>,
    storage: Rc<dyn Storage>,
    pub(super) events: Events,
    pub(super) socket: Socket,
    journal: Option<Writer>,
    journal_next: u64,
    /// Highest epoch that commands or heartbeats carried.
    pub(super) epoch: u16,
    /// Epoch and input that caused the last order of an earlier life.
    pub(super) taken: (u16, u64),
    /// Nothing that an earlier life took can come again any more: there was none, or the session has been up since.
    pub(super) begun: bool,
    /// All that the venue said is in, and commands are taken.
    pub(super) recovered: bool,
    /// The venue's session is not the one that the engine knows of: told with the next `Up`.
    pub(super) renewed: bool,
    /// Quotes leave in sets: told with every state.
    pub(super) quotes: bool,
    pub(super) counts: Counts,
    pub(super) sampler: wire::Sampler,
    samples: Option<SamplesFile>,
}

impl Core {
    /// Takes its memory; `events` is the link to the engine.
    pub fn new(config: GatewayConfig, events: Box<dyn Publication>, context: &Context) -> Self {
        Self {
            clock: context.clock.clone(),
            net: context.net.clone(),
            storage: context.storage.clone(),
            events: Events::new(events, &context.counters),
            socket: Socket::new(config.address, config.reconnect_ns),
            journal: None,
            journal_next: 1,
            epoch: 0,
            taken: (0, 0),
            begun: true,
            recovered: false,
            renewed: false,
            quotes: false,
            counts: Counts::new(&context.counters),
            sampler: wire::Sampler::new(SAMPLES.0, SAMPLES.1),
            samples: None,
            config,
        }
    }

    /// Opens the files, handing over what the journal of an earlier life holds.
    pub fn open(&mut self, restore: &mut dyn FnMut(Stamp, RecordRef)) -> Result<(), StartError> {
        let segment_bytes = self.config.journal_segment_bytes;
        let next = journal::resume(&*self.storage, segment_bytes, &mut |stamp, bytes| {
            if let Ok(record) = parse(bytes) {
                restore(stamp, record);
            }
        });
        let said = |error: JournalError| StartError(format!("tile {}: journal: {error}", self.config.name));
        let next = next.map_err(said)?;
        let config = JournalConfig { segment_bytes, next, ..JournalConfig::new(Identity::default()) };
        self.journal_next = next.1;
        self.journal = Some(Writer::create(self.storage.clone(), config)?);
        self.samples = Some(SamplesFile::open(&*self.storage)?);
        Ok(())
    }

    /// Journals a record; whether it is kept.
    pub fn journal(&mut self, record: &[u8], now_ns: u64) -> bool {
        let stamp = Stamp { sequence: self.journal_next, time_ns: now_ns };
        let journaled = self.journal.as_mut().is_some_and(|journal| journal.append(stamp, record).is_ok());
        self.journal_next += u64::from(journaled);
        journaled
    }

    /// Cold work, for cycles without other. A segment that cannot be prepared shows as back-pressure when it is needed.
    pub fn prepare_journal(&mut self) {
        if let Some(journal) = &mut self.journal {
            let _prepared = journal.prepare();
        }
    }

    /// Ends the journal in order.
    pub fn close_journal(&mut self) -> io::Result<()> {
        self.journal.as_mut().map_or(Ok(()), Writer::close)
    }

    /// Writes the samples of bad messages to their file; a full one keeps the first.
    pub fn write_samples(&mut self) {
        if let Some(samples) = self.samples.as_mut().filter(|_| !self.sampler.samples().is_empty()) {
            let _full = self.sampler.drain(samples);
        }
    }

    /// Tells the engine how the session stands.
    pub fn publish_state(&mut self, state: SessionState, now_ns: u64) {
        self.counts.state.set(u64::from(state.code()));
        self.begun |= state == SessionState::Up;
        let about = About {
            venue: self.config.venue,
            source: self.config.source,
            cancel_on_disconnect: self.config.cancel_on_disconnect,
            quotes: self.quotes,
            epoch: self.epoch,
            renewed: self.renewed,
        };
        self.events.session(state, &about, now_ns);
        self.renewed &= state != SessionState::Up;
    }

    /// The command's bytes never reached the socket, and this says why.
    pub fn refuse(&mut self, owner: &Owner, original_id: u64, header: &records::Header, reason: Reason, now_ns: u64) {
        self.counts.not_sent.add(1);
        let mut event = statement(owner, header, OrderEventKind::NotSent, reason, now_ns);
        event.original_id = original_id;
        // A command that an earlier life refused may come again until the session is up, or is from before that life's last order.
        let again = !self.begun || (owner.epoch, header.sequence) <= self.taken;
        event.possible_duplicate = u8::from(again);
        self.events.offer(&event);
    }
}

/// An event about a command that this session does not hold.
pub fn statement(
    owner: &Owner,
    header: &records::Header,
    kind: OrderEventKind,
    reason: Reason,
    now_ns: u64,
) -> OrderEvent {
    let mut event = OrderEvent::new();
    event.owner = *owner;
    (event.header.venue, event.header.instrument) = (header.venue, header.instrument);
    (event.header.receive_time_ns, event.header.venue_time_ns) = (now_ns, now_ns);
    (event.event, event.reason) = (kind.code(), reason.code());
    (event.price_nanos, event.leaves_lots, event.cumulative_lots) = (UNDEF_PRICE, -1, -1);
    event
}

impl Counts {
    fn new(counters: &Counters) -> Self {
        Self {
            commands: counters.counter("gateway.commands"),
            sent: counters.counter("gateway.sent"),
            not_sent: counters.counter("gateway.not_sent"),
            repeated: counters.counter("gateway.commands_repeated"),
            stale_epoch: counters.counter("gateway.stale_epoch"),
            malformed: counters.counter("gateway.messages_malformed"),
            unknown_records: counters.counter("gateway.unknown_records"),
            messages: counters.counter("gateway.messages"),
            connects: counters.counter("gateway.connects"),
            disconnects: counters.counter("gateway.disconnects"),
            renewed: counters.counter("gateway.sessions_renewed"),
            disbelieved: counters.counter("gateway.queries_disbelieved"),
            adopted: counters.counter("gateway.orders_adopted"),
            pulled: counters.counter("gateway.pulled"),
            state: counters.counter("gateway.state"),
            round_trip: counters.histogram("gateway.round_trip_ns"),
            packet_to_wire: counters.histogram("gateway.packet_to_wire_ns"),
        }
    }
}
