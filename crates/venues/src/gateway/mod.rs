//! The gateway tile: order commands in, a venue's protocol out (OUCH 5.0 over SoupBinTCP, or FIX), order events back.
//!
//! Invariant: every command is answered: by the venue, or by the gateway's own statement that the bytes never reached the
//! socket (`NotSent`), that the venue does not have it (`NotFound`), or that nobody can say (`Unknown`). The map from our
//! ids to the venue's is journaled before the bytes leave. Commands of an older epoch are refused.

mod core;
mod events;
pub mod fix;
mod orders;
mod ouch;
mod protocol;
mod recovery;
mod socket;
mod sweep;

use links::Subscription;
use records::broken::{Variant, is_broken};
use records::{
    CancelOrder, Heartbeat, NewOrder, OrderEventKind, Owner, RECORD_BYTES_MAX, Reason, RecordRef, ReplaceOrder,
    SessionState, bytes_of, parse,
};
use tiles::{Context, StartError, Tile};

pub use self::core::Core;
pub use orders::{Entry, Orders, Phase};
pub use ouch::{Ouch, OuchConfig, client_order_id};
pub use protocol::{Protocol, Stream};
pub use recovery::OuchVenue;
pub use sweep::Sweep;

use self::core::statement;

/// Commands handled in one cycle at most.
const COMMANDS_A_CYCLE: usize = 64;
/// Room that must be free in the session's output before a command is taken: the longest message and its frame.
const OUTPUT_ROOM_BYTES: usize = 512;
/// Bytes that may wait for the socket before new orders are refused: what one cycle may write. They are never queued behind a
/// venue that does not read; cancels are.
const ORDERS_BEHIND_BYTES_MAX: usize = COMMANDS_A_CYCLE * 256;

/// What a gateway tile needs to know, whatever its venue speaks.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// The tile's name.
    pub name: String,
    /// Venue id.
    pub venue: u16,
    /// Session id, for `header.source`.
    pub source: u32,
    /// Where the venue listens.
    pub address: std::net::SocketAddrV4,
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

/// The tile.
pub struct GatewayTile<P: Protocol = OuchVenue> {
    core: Core,
    protocol: P,
    commands: Box<dyn Subscription>,
    heard_engine_ns: u64,
    engine_silent: bool,
    /// When all that a silent engine had open was last told to go.
    pulled_ns: u64,
    /// An engine was heard in this life.
    greeted: bool,
    /// The command under way.
    command: [u8; RECORD_BYTES_MAX],
    /// Latencies of this cycle's orders, counted when their bytes are gone.
    noted: [u64; COMMANDS_A_CYCLE],
    noted_count: usize,
    /// When the packet came that the oldest quote of the gathered set answers, 0: not known.
    set_received_ns: u64,
}

impl<P: Protocol> GatewayTile<P> {
    /// Takes its memory and its links.
    ///
    /// # Errors
    /// When the context lacks a link that the configuration names.
    pub fn new(config: GatewayConfig, protocol: P, context: &mut Context) -> Result<Self, StartError> {
        let missing =
            |key: &str, link: &str| StartError(format!("tile {}: {key}: {link} is not one of its links", config.name));
        let commands =
            context.subscriptions.remove(&config.commands).ok_or_else(|| missing("commands", &config.commands))?;
        let events = context.publications.remove(&config.events).ok_or_else(|| missing("events", &config.events))?;
        let mut core = Core::new(config, events, context);
        core.quotes = protocol.quotes_in_sets();
        Ok(Self {
            core,
            protocol,
            commands,
            heard_engine_ns: 0,
            engine_silent: false,
            pulled_ns: 0,
            greeted: false,
            command: [0; RECORD_BYTES_MAX],
            noted: [0; COMMANDS_A_CYCLE],
            noted_count: 0,
            set_received_ns: 0,
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
            self.on_command(length, now_ns);
        }
        work
    }

    /// Whatever is no part of a set ends the one before it, also where the record that says so was lost; what it makes of a
    /// quote itself leaves at once.
    fn on_command(&mut self, length: usize, now_ns: u64) {
        let command = parse(&self.command[..length]);
        let part = match &command {
            Ok(RecordRef::NewOrder(order)) => order.quote == 1,
            Ok(RecordRef::CancelOrder(order)) => order.quote == 1,
            _ => false,
        };
        if !part {
            self.end_set(true, now_ns);
        }
        match command {
            Ok(RecordRef::NewOrder(order)) => self.on_new(order, now_ns),
            Ok(RecordRef::ReplaceOrder(order)) => self.on_replace(order, now_ns),
            Ok(RecordRef::CancelOrder(order)) => self.on_cancel(&order, now_ns),
            Ok(RecordRef::MassCancel(order)) => self.on_mass_cancel(&order, now_ns),
            Ok(RecordRef::Heartbeat(beat)) => self.on_heartbeat(&beat, now_ns),
            Ok(RecordRef::QuoteSet(_)) => {}
            _ => self.core.counts.unknown_records.add(1),
        }
        if !part || self.protocol.is_set_full() {
            self.end_set(true, now_ns);
        }
    }

    /// Sends the quotes that are gathered; `asked`: its cancels are the engine's own.
    fn end_set(&mut self, asked: bool, now_ns: u64) {
        if self.protocol.gathered_bytes() == 0 {
            return;
        }
        let received_ns = std::mem::take(&mut self.set_received_ns);
        if self.protocol.end_set(&mut self.core, asked, now_ns) {
            self.note(received_ns);
        }
    }

    /// Notes how long an order took from its packet, 0: from none.
    fn note(&mut self, received_ns: u64) {
        if received_ns != 0 && self.noted_count < COMMANDS_A_CYCLE {
            self.noted[self.noted_count] = self.core.clock.now_ns().saturating_sub(received_ns);
            self.noted_count += 1;
        }
    }

    /// Writes what was queued, and counts how long it took to get there.
    fn flush(&mut self, now_ns: u64) {
        if !self.core.socket.flush(self.protocol.stream()) {
            self.core.socket.close(now_ns);
            self.protocol.on_lost(&mut self.core, now_ns);
        }
        for latency_ns in &self.noted[..self.noted_count] {
            self.core.counts.packet_to_wire.record(*latency_ns);
        }
        self.noted_count = 0;
    }

    fn has_room(&mut self) -> bool {
        self.core.events.has_room() && self.has_output_room()
    }

    /// Room for the longest message beside the set that is gathered.
    fn has_output_room(&mut self) -> bool {
        self.protocol.stream().room() >= OUTPUT_ROOM_BYTES + self.protocol.gathered_bytes()
    }

    fn on_heartbeat(&mut self, beat: &Heartbeat, now_ns: u64) {
        self.obey(beat.epoch, now_ns);
    }

    /// An engine of a newer epoch has started and takes every session for down until it is told otherwise, whatever it says
    /// first. What this gateway had to say to the one before lies ahead of this in the link. The epoch is journaled: a gateway
    /// that starts again goes on refusing the engines that it has refused.
    fn obey(&mut self, epoch: u16, now_ns: u64) {
        let newer = epoch > self.core.epoch;
        if epoch >= self.core.epoch {
            // One that another has followed may go on saying what it likes.
            self.heard_engine_ns = now_ns;
            self.engine_silent = false;
            self.core.events.set_unheard(false);
        }
        if newer {
            self.core.epoch = epoch;
            let mut beat = Heartbeat::new();
            (beat.epoch, beat.time_ns) = (epoch, now_ns);
            // One that is not kept is heard again, and orders are refused as long as nothing can be kept.
            let _kept = self.core.journal(bytes_of(&beat), now_ns);
        }
        if newer || (!self.greeted && epoch == self.core.epoch) {
            self.greeted = true;
            let state = if self.core.recovered { SessionState::Up } else { SessionState::Down };
            self.core.publish_state(state, now_ns);
        }
    }

    /// Whether a command may go out at all; states why not.
    fn admit(&mut self, owner: &Owner, now_ns: u64) -> Result<(), Reason> {
        self.core.counts.commands.add(1);
        if owner.epoch < self.core.epoch && !is_broken(Variant::OlderEpochsTaken) {
            self.core.counts.stale_epoch.add(1);
            return Err(Reason::StaleEpoch);
        }
        self.obey(owner.epoch, now_ns);
        if self.core.recovered && self.protocol.is_up() { Ok(()) } else { Err(Reason::Closed) }
    }

    /// As [`Self::admit`], of a command that adds to what we have at the venue: it goes out now, or not at all. One from before the
    /// last that an earlier life sent, and that it did not send, was refused then: the engine knows it as never sent.
    fn admit_order(&mut self, owner: &Owner, cause: u64, now_ns: u64) -> Result<(), Reason> {
        self.admit(owner, now_ns)?;
        if (owner.epoch, cause) < self.core.taken {
            return Err(Reason::Closed);
        }
        let behind = self.protocol.stream().output().len();
        if behind > ORDERS_BEHIND_BYTES_MAX { Err(Reason::BackPressure) } else { Ok(()) }
    }

    /// Whether the session has this order already: a link gives again what its consumer took when it took too long to say so, or
    /// ended first. What becomes of the order is told of its first sending.
    fn is_repeated(&mut self, owner: &Owner, now_ns: u64) -> bool {
        let repeated = self.protocol.orders().reference(owner.order_id).is_some();
        if repeated {
            self.core.counts.repeated.add(1);
            self.obey(owner.epoch, now_ns);
        }
        repeated
    }

    fn on_new(&mut self, mut order: NewOrder, now_ns: u64) {
        if self.is_repeated(&order.owner, now_ns) {
            return;
        }
        let next = self.protocol.orders().next_ref();
        // As it is journaled: a restart knows by it what the venue calls the order.
        order.quote = u8::from(order.quote == 1 && self.protocol.takes_as_quote(&order));
        let admitted = self.admit_order(&order.owner, order.header.sequence, now_ns);
        let result = admitted.and_then(|()| self.protocol.enter(&order, now_ns));
        order.header.source = next;
        match result.and_then(|()| self.send(bytes_of(&order), now_ns, order.header.receive_time_ns)) {
            Ok(()) => {}
            Err(reason) => self.core.refuse(&order.owner, 0, &order.header, reason, now_ns),
        }
    }

    fn on_replace(&mut self, mut order: ReplaceOrder, now_ns: u64) {
        if self.is_repeated(&order.owner, now_ns) {
            return;
        }
        let next = self.protocol.orders().next_ref();
        let admitted = self.admit_order(&order.owner, order.header.sequence, now_ns);
        let result = admitted.and_then(|()| self.protocol.replace(&order, now_ns));
        order.header.source = next;
        match result.and_then(|()| self.send(bytes_of(&order), now_ns, order.header.receive_time_ns)) {
            Ok(()) => {}
            Err(reason) => self.core.refuse(&order.owner, order.original_id, &order.header, reason, now_ns),
        }
    }

    /// A cancel of an order that is gone is answered with a rejected cancel; one that cannot leave, too.
    fn on_cancel(&mut self, order: &CancelOrder, now_ns: u64) {
        let sent = self.admit(&order.owner, now_ns).and_then(|()| self.cancel(order, now_ns));
        if let Err(reason) = sent {
            self.core.counts.not_sent.add(1);
            let orders = self.protocol.orders();
            // The map is whole, so an order that is not in it never left: the statement that said so died with a gateway.
            let never_left =
                reason == Reason::UnknownOrder && orders.is_whole() && orders.reference(order.owner.order_id).is_none();
            let kind = if never_left { OrderEventKind::NotFound } else { OrderEventKind::CancelRejected };
            let mut event = statement(&order.owner, &order.header, kind, reason, now_ns);
            event.slot = order.slot;
            self.core.events.offer(&event);
        } else {
            self.core.counts.sent.add(1);
        }
    }

    fn cancel(&mut self, order: &CancelOrder, now_ns: u64) -> Result<(), Reason> {
        let user_ref = self.protocol.orders().reference(order.owner.order_id).ok_or(Reason::UnknownOrder)?;
        self.end_set_of(user_ref, now_ns);
        self.protocol.cancel(user_ref, order.lots, now_ns)?;
        self.protocol.send(now_ns)
    }

    /// Journals the map, then queues the message that was made ready.
    fn send(&mut self, record: &[u8], now_ns: u64, received_ns: u64) -> Result<(), Reason> {
        let user_ref = self.protocol.orders().next_ref() - 1;
        let kept = self.core.journal(record, now_ns);
        let sent = if kept { self.protocol.send(now_ns) } else { Err(Reason::BackPressure) };
        if sent.is_err() {
            if let Some(entry) = self.protocol.orders().get(user_ref) {
                (entry.phase, entry.leaves_lots) = (Phase::Gone, 0);
            }
            return sent;
        }
        self.core.counts.sent.add(1);
        if self.protocol.orders().get(user_ref).is_some_and(|entry| entry.quote) {
            // Its set leaves later.
            let oldest = self.set_received_ns;
            self.set_received_ns = if oldest == 0 { received_ns } else { oldest.min(received_ns.max(1)) };
        } else {
            self.note(received_ns);
        }
        Ok(())
    }

    /// A quote that is gathered and not sent is sent before it is cancelled.
    fn end_set_of(&mut self, user_ref: u32, now_ns: u64) {
        let gathered = |entry: &mut Entry| entry.quote && entry.sent_number == 0;
        if self.protocol.orders().get(user_ref).is_some_and(gathered) {
            self.end_set(true, now_ns);
        }
    }

    /// Takes what the journal of an earlier life holds: a restart in the middle of the day.
    fn restore(&mut self) -> Result<(), StartError> {
        let protocol = &mut self.protocol;
        let (mut epoch, mut taken) = (0, (0, 0));
        self.core.open(&mut |stamp, record| {
            let orders = protocol.orders();
            let (user_ref, cause, entry) = match &record {
                RecordRef::Heartbeat(beat) => return epoch = epoch.max(beat.epoch),
                RecordRef::NewOrder(order) => {
                    (order.header.source, order.header.sequence, Entry::of_new(order, stamp.time_ns))
                }
                RecordRef::ReplaceOrder(order) => {
                    let original = orders.reference(order.original_id).unwrap_or(0);
                    let mut entry = Entry::of_replace(order, original, stamp.time_ns);
                    entry.instrument = order.header.instrument;
                    (order.header.source, order.header.sequence, entry)
                }
                _ => return protocol.restore(stamp, &record),
            };
            epoch = epoch.max(entry.owner.epoch);
            taken = taken.max((entry.owner.epoch, cause));
            protocol.restore_order(user_ref, entry);
        })?;
        self.core.taken = taken;
        self.core.begun = taken == (0, 0);
        self.core.epoch = if is_broken(Variant::EpochForgotten) { 0 } else { epoch };
        Ok(())
    }
}

impl<P: Protocol> Tile for GatewayTile<P> {
    fn name(&self) -> &str {
        &self.core.config.name
    }

    fn on_start(&mut self, now_ns: u64) -> Result<(), StartError> {
        self.restore()?;
        self.heard_engine_ns = now_ns;
        Ok(())
    }

    fn do_work(&mut self, now_ns: u64) -> usize {
        let mut work = self.core.events.drain();
        let commands = self.take_commands(now_ns);
        if commands > 0 {
            self.flush(now_ns);
        }
        work += commands;
        work += self.sweep(now_ns);
        work += self.protocol.run(&mut self.core, now_ns);
        self.watch_engine(now_ns);
        if work == 0 {
            self.core.prepare_journal();
            self.protocol.mark(&mut self.core, now_ns);
        }
        self.core.write_samples();
        work
    }

    fn on_close(&mut self, now_ns: u64) {
        self.protocol.log_out(now_ns);
        self.core.socket.flush(self.protocol.stream());
        self.core.publish_state(SessionState::Down, now_ns);
        let _best_effort = self.core.close_journal();
    }
}
