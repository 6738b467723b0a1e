//! The gateway tile: order commands in, OUCH 5.0 over SoupBinTCP out, order events back.
//!
//! Invariant: every command is answered: by the venue, or by the gateway's own statement that the bytes never reached the
//! socket (`NotSent`), that the venue does not have it (`NotFound`), or that nobody can say (`Unknown`). The map from our
//! ids to the venue's is journaled before the bytes leave. Commands of an older epoch are refused.

mod events;
mod orders;
mod ouch;
mod recovery;
mod socket;

use std::rc::Rc;

use journal::{Identity, JournalConfig, Writer};
use links::{Counter, Histogram, Subscription};
use records::{
    CancelOrder, Heartbeat, MassCancel, NewOrder, OrderEvent, OrderEventKind, Owner, RECORD_BYTES_MAX, Reason,
    RecordRef, ReplaceOrder, SessionState, Stamp, UNDEF_PRICE, VenueSession, bytes_of, parse,
};
use sessions::soup::{Client, ClientConfig, ClientState};
use tiles::{Clock, Context, Net, StartError, Storage, Tile};

pub use orders::{Entry, Orders, Phase};
pub use ouch::{Ouch, OuchConfig, client_order_id};

use crate::samples::SamplesFile;
use events::{About, Events};
use recovery::Sweep;
use socket::Socket;

/// Commands handled in one cycle at most.
const COMMANDS_A_CYCLE: usize = 64;
/// Room that must be free in the session's output before a command is taken: the longest message and its frame.
const OUTPUT_ROOM_BYTES: usize = 256;
/// Bytes that the socket may be behind.
const OUTPUT_BYTES: usize = 1 << 20;
/// Bytes that may wait for the socket before new orders are refused: what one cycle may write. They are never queued behind a
/// venue that does not read; cancels are.
const ORDERS_BEHIND_BYTES_MAX: usize = COMMANDS_A_CYCLE * OUTPUT_ROOM_BYTES;
/// Sweeps (mass cancels, pulling on silence) under way at once.
const SWEEPS_MAX: usize = 8;
/// Bad messages kept for inspection at once, and in all.
const SAMPLES: (usize, u64) = (64, 10_000);

/// What a gateway tile needs to know.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// The tile's name.
    pub name: String,
    /// Where the venue listens.
    pub address: std::net::SocketAddrV4,
    /// Login; its `first_sequence` should be 1: all of the day.
    pub login: ClientConfig,
    /// What it trades.
    pub ouch: OuchConfig,
    /// Orders and replaces a day.
    pub orders_max: usize,
    /// Link that commands come from.
    pub commands: String,
    /// Link that events go to.
    pub events: String,
    /// An engine that is silent for so long has its orders pulled.
    pub engine_silence_ns_max: u64,
    /// Pause before connecting again.
    pub reconnect_ns: u64,
    /// What the venue promises to cancel when the session drops: a `CancelOnDisconnect` code, 0: none.
    pub cancel_on_disconnect: u8,
    /// Size of a segment of the map's journal.
    pub journal_segment_bytes: usize,
}

struct Counts {
    commands: Counter,
    sent: Counter,
    not_sent: Counter,
    stale_epoch: Counter,
    malformed: Counter,
    unknown_records: Counter,
    messages: Counter,
    connects: Counter,
    disconnects: Counter,
    renewed: Counter,
    disbelieved: Counter,
    adopted: Counter,
    pulled: Counter,
    state: Counter,
    round_trip: Histogram,
    packet_to_wire: Histogram,
}

/// The tile.
pub struct GatewayTile {
    config: GatewayConfig,
    clock: Rc<dyn Clock>,
    net: Rc<dyn Net>,
    storage: Rc<dyn Storage>,
    commands: Box<dyn Subscription>,
    events: Events,
    soup: Client,
    socket: Socket,
    ouch: Ouch,
    journal: Option<Writer>,
    journal_next: u64,
    /// Highest epoch that commands or heartbeats carried.
    epoch: u16,
    heard_engine_ns: u64,
    engine_silent: bool,
    sweeps: Vec<Sweep>,
    recovered: bool,
    queried: bool,
    /// First message of the venue that was not handed on.
    next_sequence: u64,
    /// Where the venue's messages ended when it was last asked: what comes before is replay. `None`: to be asked.
    replay_end: Option<u64>,
    /// The venue's session as it was last known, and how far it was heard.
    venue_session: Option<VenueSession>,
    /// It is not the one that the engine knows of: told with the next `Up`.
    renewed: bool,
    /// Answers to the account query, one after the other, that cannot be.
    disbelieved_in_a_row: u32,
    /// When how far it was heard was last journaled.
    marked_ns: u64,
    /// Reconciling goes on: the next number that the venue would take, and the number looked at next.
    reconciling: Option<(u32, u32)>,
    counts: Counts,
    sampler: wire::Sampler,
    samples: Option<SamplesFile>,
    message: [u8; 512],
    /// The command under way.
    command: [u8; RECORD_BYTES_MAX],
    /// Latencies of this cycle's orders, counted when their bytes are gone.
    noted: [u64; COMMANDS_A_CYCLE],
    noted_count: usize,
}

impl GatewayTile {
    /// Takes its memory and its links.
    ///
    /// # Errors
    /// When the context lacks a link that the configuration names.
    pub fn new(config: GatewayConfig, context: &mut Context) -> Result<Self, StartError> {
        let missing =
            |key: &str, link: &str| StartError(format!("tile {}: {key}: {link} is not one of its links", config.name));
        let commands =
            context.subscriptions.remove(&config.commands).ok_or_else(|| missing("commands", &config.commands))?;
        let events = context.publications.remove(&config.events).ok_or_else(|| missing("events", &config.events))?;
        let counters = &context.counters;
        Ok(Self {
            clock: context.clock.clone(),
            net: context.net.clone(),
            storage: context.storage.clone(),
            commands,
            events: Events::new(events, counters),
            soup: Client::new(config.login, OUTPUT_BYTES),
            socket: Socket::new(config.address, config.reconnect_ns),
            ouch: Ouch::new(config.ouch.clone(), config.orders_max),
            journal: None,
            journal_next: 1,
            epoch: 0,
            heard_engine_ns: 0,
            engine_silent: false,
            sweeps: Vec::with_capacity(SWEEPS_MAX),
            recovered: false,
            queried: false,
            next_sequence: config.login.first_sequence.max(1),
            replay_end: None,
            venue_session: None,
            renewed: false,
            disbelieved_in_a_row: 0,
            marked_ns: 0,
            reconciling: None,
            counts: Counts::new(counters),
            sampler: wire::Sampler::new(SAMPLES.0, SAMPLES.1),
            samples: None,
            message: [0; 512],
            command: [0; RECORD_BYTES_MAX],
            noted: [0; COMMANDS_A_CYCLE],
            noted_count: 0,
            config,
        })
    }

    /// Takes commands while the session has room for what they become.
    fn take_commands(&mut self, now_ns: u64) -> usize {
        let mut work = 0;
        while work < COMMANDS_A_CYCLE && self.has_room() {
            let (mut length, command) = (0, &mut self.command);
            self.commands.poll(1, &mut |bytes| {
                length = bytes.len();
                command[..length].copy_from_slice(bytes);
            });
            if length == 0 {
                break;
            }
            work += 1;
            self.heard_engine_ns = now_ns;
            self.engine_silent = false;
            match parse(&self.command[..length]) {
                Ok(RecordRef::NewOrder(order)) => self.on_new(order, now_ns),
                Ok(RecordRef::ReplaceOrder(order)) => self.on_replace(order, now_ns),
                Ok(RecordRef::CancelOrder(order)) => self.on_cancel(&order, now_ns),
                Ok(RecordRef::MassCancel(order)) => self.on_mass_cancel(&order),
                Ok(RecordRef::Heartbeat(beat)) => self.on_heartbeat(&beat, now_ns),
                _ => self.counts.unknown_records.add(1),
            }
        }
        work
    }

    /// Writes what was queued, and counts how long it took to get there.
    fn flush(&mut self, now_ns: u64) {
        if !self.socket.flush(&mut self.soup) {
            self.socket.close(now_ns);
            self.on_lost(now_ns);
        }
        for latency_ns in &self.noted[..self.noted_count] {
            self.counts.packet_to_wire.record(*latency_ns);
        }
        self.noted_count = 0;
    }

    fn has_room(&self) -> bool {
        self.events.has_room() && OUTPUT_BYTES - self.soup.output().len() >= OUTPUT_ROOM_BYTES
    }

    /// An engine of a newer epoch has started and takes every session for down until it is told otherwise. What this
    /// gateway had to say to the one before lies ahead of this in the link.
    fn on_heartbeat(&mut self, beat: &Heartbeat, now_ns: u64) {
        if beat.epoch > self.epoch {
            self.epoch = beat.epoch;
            let state = if self.recovered { SessionState::Up } else { SessionState::Down };
            self.publish_state(state, now_ns);
        }
    }

    /// Whether a command may go out at all; states why not.
    fn admit(&mut self, owner: &Owner) -> Result<(), Reason> {
        self.counts.commands.add(1);
        if owner.epoch < self.epoch {
            self.counts.stale_epoch.add(1);
            return Err(Reason::StaleEpoch);
        }
        self.epoch = owner.epoch;
        if self.recovered && self.soup.state() == ClientState::Up { Ok(()) } else { Err(Reason::Closed) }
    }

    /// As [`Self::admit`], of a command that adds to what we have at the venue: it goes out now, or not at all.
    fn admit_order(&mut self, owner: &Owner) -> Result<(), Reason> {
        self.admit(owner)?;
        if self.soup.output().len() > ORDERS_BEHIND_BYTES_MAX { Err(Reason::BackPressure) } else { Ok(()) }
    }

    fn on_new(&mut self, mut order: NewOrder, now_ns: u64) {
        let next = self.ouch.orders.next_ref();
        let result = self.admit_order(&order.owner).and_then(|()| self.ouch.enter(&order, now_ns, &mut self.message));
        order.header.source = next;
        match result.and_then(|length| self.send(bytes_of(&order), length, now_ns, order.header.receive_time_ns)) {
            Ok(()) => {}
            Err(reason) => self.refuse(&order.owner, 0, &order.header, reason, now_ns),
        }
    }

    fn on_replace(&mut self, mut order: ReplaceOrder, now_ns: u64) {
        let next = self.ouch.orders.next_ref();
        let result = self.admit_order(&order.owner).and_then(|()| self.ouch.replace(&order, now_ns, &mut self.message));
        order.header.source = next;
        match result.and_then(|length| self.send(bytes_of(&order), length, now_ns, order.header.receive_time_ns)) {
            Ok(()) => {}
            Err(reason) => self.refuse(&order.owner, order.original_id, &order.header, reason, now_ns),
        }
    }

    /// A cancel of an order that is gone is answered with a rejected cancel; one that cannot leave, too.
    fn on_cancel(&mut self, order: &CancelOrder, now_ns: u64) {
        let result = self.admit(&order.owner).and_then(|()| self.ouch.cancel(order, &mut self.message));
        let sent =
            result.and_then(
                |length| if self.soup.send(now_ns, &self.message[..length]) { Ok(()) } else { Err(Reason::Closed) },
            );
        if let Err(reason) = sent {
            self.counts.not_sent.add(1);
            // The map is whole, so an order that is not in it never left: the statement that said so died with a gateway.
            let never_left = reason == Reason::UnknownOrder
                && self.ouch.orders.is_whole()
                && self.ouch.orders.reference(order.owner.order_id).is_none();
            let kind = if never_left { OrderEventKind::NotFound } else { OrderEventKind::CancelRejected };
            let mut event = statement(&order.owner, &order.header, kind, reason, now_ns);
            event.slot = order.slot;
            self.events.offer(&event);
        } else {
            self.counts.sent.add(1);
        }
    }

    /// Starts a sweep. One more than [`SWEEPS_MAX`] widens the last of them to everything: cancelling too much is safe.
    fn on_mass_cancel(&mut self, order: &MassCancel) {
        if order.owner.epoch < self.epoch {
            self.counts.stale_epoch.add(1);
            return;
        }
        self.epoch = order.owner.epoch;
        if self.sweeps.len() < SWEEPS_MAX {
            self.sweeps.push(Sweep::of(order));
        } else {
            self.sweeps[SWEEPS_MAX - 1] = Sweep::everything(false);
        }
    }

    /// Journals the map, then queues the message.
    fn send(&mut self, record: &[u8], length: usize, now_ns: u64, received_ns: u64) -> Result<(), Reason> {
        let user_ref = self.ouch.orders.next_ref() - 1;
        let stamp = Stamp { sequence: self.journal_next, time_ns: now_ns };
        let journaled = self.journal.as_mut().is_some_and(|journal| journal.append(stamp, record).is_ok());
        self.journal_next += u64::from(journaled);
        if !journaled || !self.soup.send(now_ns, &self.message[..length]) {
            if let Some(entry) = self.ouch.orders.get(user_ref) {
                (entry.phase, entry.leaves_lots) = (Phase::Gone, 0);
            }
            return Err(if journaled { Reason::Closed } else { Reason::BackPressure });
        }
        self.counts.sent.add(1);
        if received_ns != 0 {
            self.noted[self.noted_count] = self.clock.now_ns().saturating_sub(received_ns);
            self.noted_count += 1;
        }
        Ok(())
    }

    fn refuse(&mut self, owner: &Owner, original_id: u64, header: &records::Header, reason: Reason, now_ns: u64) {
        self.counts.not_sent.add(1);
        let mut event = statement(owner, header, OrderEventKind::NotSent, reason, now_ns);
        event.original_id = original_id;
        self.events.offer(&event);
    }

    fn publish_state(&mut self, state: SessionState, now_ns: u64) {
        self.counts.state.set(u64::from(state.code()));
        let cancel_on_disconnect = self.config.cancel_on_disconnect;
        let about = About { cancel_on_disconnect, epoch: self.epoch, renewed: self.renewed };
        self.events.session(state, &self.config.ouch, &about, now_ns);
        self.renewed &= state != SessionState::Up;
    }
}

/// An event about a command that this session does not hold.
fn statement(owner: &Owner, header: &records::Header, kind: OrderEventKind, reason: Reason, now_ns: u64) -> OrderEvent {
    let mut event = OrderEvent::new();
    event.owner = *owner;
    (event.header.venue, event.header.instrument) = (header.venue, header.instrument);
    (event.header.receive_time_ns, event.header.venue_time_ns) = (now_ns, now_ns);
    (event.event, event.reason) = (kind.code(), reason.code());
    (event.price_nanos, event.leaves_lots, event.cumulative_lots) = (UNDEF_PRICE, -1, -1);
    event
}

impl Tile for GatewayTile {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn on_start(&mut self, now_ns: u64) -> Result<(), StartError> {
        self.open_journal(now_ns)?;
        self.samples = Some(SamplesFile::open(&*self.storage)?);
        self.heard_engine_ns = now_ns;
        Ok(())
    }

    fn do_work(&mut self, now_ns: u64) -> usize {
        let mut work = self.events.drain();
        let commands = self.take_commands(now_ns);
        if commands > 0 {
            self.flush(now_ns);
        }
        work += commands;
        work += self.sweep(now_ns);
        work += self.run_socket(now_ns);
        work += self.reconcile(now_ns);
        self.watch_engine(now_ns);
        if let Some(journal) = self.journal.as_mut().filter(|_| work == 0) {
            // Cold work, for cycles without other. A segment that cannot be prepared shows as back-pressure when it is needed.
            let _prepared = journal.prepare();
            self.mark_session(now_ns);
        }
        if let Some(samples) = self.samples.as_mut().filter(|_| !self.sampler.samples().is_empty()) {
            // A full file keeps the first ones.
            let _full = self.sampler.drain(samples);
        }
        work
    }

    fn on_close(&mut self, now_ns: u64) {
        self.soup.logout();
        self.socket.flush(&mut self.soup);
        self.publish_state(SessionState::Down, now_ns);
        if let Some(journal) = &mut self.journal {
            let _best_effort = journal.close();
        }
    }
}

impl GatewayTile {
    fn open_journal(&mut self, _now_ns: u64) -> Result<(), StartError> {
        let next = self.recover_map()?;
        let config = JournalConfig {
            segment_bytes: self.config.journal_segment_bytes,
            next,
            ..JournalConfig::new(Identity::default())
        };
        self.journal_next = next.1;
        self.journal = Some(Writer::create(self.storage.clone(), config)?);
        Ok(())
    }
}

impl Counts {
    fn new(counters: &links::Counters) -> Self {
        Self {
            commands: counters.counter("gateway.commands"),
            sent: counters.counter("gateway.sent"),
            not_sent: counters.counter("gateway.not_sent"),
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
