//! Snapshots for late joiners, as GLIMPSE gives them: a SoupBinTCP session whose messages are the directory, the states,
//! every displayed order, and at the end the sequence of the first feed message that is not in it.
//!
//! Invariant: a snapshot is made between two commands, so it is the feed's state at exactly one sequence. Making one takes
//! memory for its messages: it is the cold path of an exchange.

use links::Counter;
use sessions::soup::{End, Server, ServerEvent, ServerState};
use sessions::{MemoryStore, MessageStore};
use tiles::{Context, Door, StartError, Tcp, TcpListener, TcpRead, Waiting};
use wire::digits20;
use wire::itch50::EndOfSnapshotFields;

use crate::config::{ExchangeConfig, padded};

use crate::feed::itch::Place;
use crate::handover::{Part, Parts, Words};
use crate::sequencer::Sequencer;

/// Joiners given a snapshot at the same time; one more is cut off and comes again.
const GIVEN_AT_ONCE: usize = 8;
/// Longest that taking a snapshot may last: a joiner that does not read gives its place to others.
const TAKEN_NS_MAX: u64 = 60_000_000_000;
const OUTPUT_BYTES: usize = 1 << 18;
/// Longest message of a snapshot.
const MESSAGE_BYTES_MAX: usize = 64;

struct Joiner {
    socket: Box<dyn Tcp>,
    server: Server,
    messages: MemoryStore,
    since: Waiting,
    /// It has logged in.
    given: bool,
}

/// The server.
pub(crate) struct Snapshots {
    door: Door,
    joiners: Vec<Joiner>,
    session: [u8; 10],
    username: [u8; 6],
    password: [u8; 10],
    midnight_ns: u64,
    given: Counter,
    refused: Counter,
    busy: Counter,
}

impl Snapshots {
    /// Listens.
    pub fn open(config: &ExchangeConfig, context: &Context) -> Result<Self, StartError> {
        let at = config.snapshot;
        let listener = context
            .net
            .tcp_listen(at)
            .map_err(|error| StartError(format!("tile {}: snapshot = {at}: {error}", config.name)))?;
        Ok(Self::with(listener, config, context))
    }

    /// What a successor goes on with: the listener. Who is being given a snapshot comes again.
    pub fn give(&self) -> Option<Part> {
        Some((Words::default(), vec![self.door.handle()?]))
    }

    /// Goes on with what its predecessor gave.
    ///
    /// # Errors
    /// When that is no listener.
    pub fn take(parts: &mut Parts, config: &ExchangeConfig, context: &Context) -> Result<Self, StartError> {
        let given = parts.next().and_then(|(_, mut sockets)| sockets.pop_front());
        let listener = given.ok_or_else(|| StartError(format!("tile {}: no snapshots were given", config.name)))?;
        Ok(Self::with(context.net.listener_given(listener)?, config, context))
    }

    fn with(listener: Box<dyn TcpListener>, config: &ExchangeConfig, context: &Context) -> Self {
        let scope = context.counters.scope("snapshot");
        Self {
            door: Door::new(listener, config.door.clone(), &scope),
            joiners: Vec::with_capacity(GIVEN_AT_ONCE + config.door.waiting_max),
            session: padded(&config.feed_session),
            username: padded(&config.snapshot_username),
            password: padded(&config.snapshot_password),
            midnight_ns: config.midnight_ns,
            given: scope.counter("given"),
            refused: scope.counter("refused"),
            busy: scope.counter("busy"),
        }
    }

    /// Takes joiners, gives snapshots.
    pub fn work(&mut self, now_ns: u64, sequencer: &Sequencer) -> usize {
        let mut work = 0;
        if let Some((socket, since)) = self.door.accept(now_ns) {
            let waiting = self.joiners.iter().enumerate().filter(|(_, joiner)| !joiner.given);
            if let Some(goes) = self.door.makes_room(since, waiting.map(|(at, joiner)| (at, joiner.since))) {
                self.joiners.swap_remove(goes);
            }
            let server = Server::new(now_ns, OUTPUT_BYTES);
            let messages = MemoryStore::with_capacity(0, 0);
            self.joiners.push(Joiner { socket, server, messages, since, given: false });
            work += 1;
        }
        let mut at = 0;
        while at < self.joiners.len() {
            let (done, more) = self.serve(at, now_ns, sequencer);
            work += done;
            if more {
                at += 1;
            } else {
                self.joiners.swap_remove(at);
            }
        }
        work
    }

    /// Serves one joiner: how much was done, and whether it stays.
    fn serve(&mut self, at: usize, now_ns: u64, sequencer: &Sequencer) -> (usize, bool) {
        let (mut wanted, mut work) = (None, 0);
        let served = self.joiners.iter().filter(|joiner| joiner.given).count();
        let joiner = &mut self.joiners[at];
        let mut on_event = |event: ServerEvent<'_>| {
            if let ServerEvent::Login { username, password, sequence, .. } = event {
                wanted = Some((username, password, sequence));
            }
        };
        match joiner.socket.read(joiner.server.space()) {
            TcpRead::Bytes(count) => {
                joiner.server.on_bytes(now_ns, count, &mut on_event);
                work += 1;
            }
            TcpRead::Idle => joiner.server.on_time(now_ns, &mut on_event),
            TcpRead::Closed => return (1, false),
        }
        if let Some((username, password, sequence)) = wanted {
            if username != self.username || password != self.password {
                joiner.server.reject(End::NotAuthorized);
                self.refused.add(1);
            } else if served == GIVEN_AT_ONCE {
                self.busy.add(1);
                return (work, false);
            } else {
                joiner.messages = snapshot(now_ns, self.midnight_ns, sequencer);
                joiner.server.accept(self.session, sequence.max(1), &joiner.messages);
                joiner.given = true;
                self.given.add(1);
            }
        }
        let too_long = joiner.given && now_ns.saturating_sub(joiner.since.since_ns) > TAKEN_NS_MAX;
        if too_long || !joiner.given && self.door.is_late(joiner.since, now_ns) {
            return (work, false);
        }
        work += joiner.server.pump(now_ns, &joiner.messages);
        if !joiner.server.output().is_empty() {
            match joiner.socket.write(joiner.server.output()) {
                Ok(count) => joiner.server.written(count),
                Err(_) => return (work, false),
            }
        }
        (work, joiner.server.state() != ServerState::Down || !joiner.server.output().is_empty())
    }
}

/// The messages of a snapshot of the present state.
fn snapshot(now_ns: u64, midnight_ns: u64, sequencer: &Sequencer) -> MemoryStore {
    let listings = &sequencer.outputs.listings;
    let listed = listings.all().count();
    let most = 2 * listed + sequencer.core.resting() + 1;
    let mut messages = MemoryStore::with_capacity(most, most * MESSAGE_BYTES_MAX);
    let mut put = |encode: &dyn Fn(&mut [u8]) -> usize| {
        let mut message = [0; MESSAGE_BYTES_MAX];
        let length = encode(&mut message);
        messages.append(&message[..length]).expect("sized above");
    };
    for (instrument, listed) in listings.all() {
        let place = Place::at(listed, now_ns, midnight_ns);
        let state = sequencer.core.state(instrument).map_or(0, |state| state.code());
        let letter = sequencer.core.call_letter(instrument);
        put(&|out| place.directory(out));
        put(&|out| place.trading_action(state, [0; 4], letter, out));
    }
    sequencer.core.for_each_resting(|order| {
        if !order.hidden {
            let place = Place::at(listings.get(order.instrument), now_ns, midnight_ns);
            put(&|out| place.resting(order, out));
        }
    });
    let next = sequencer.outputs.history.last() + 1;
    put(&|out| EndOfSnapshotFields { sequence_number: digits20(next) }.encode(out));
    messages
}
