//! The feed tile: lines A and B of a MoldUDP64 multicast, arbitrated, gaps asked for, joined late by snapshot, normalised.
//!
//! Invariant: between a `Status` with feed `Live` and the next `Stale` or `Silent` the records published are all of the
//! venue's messages, each once and in order. A consumer that is behind is never overrun here: packets wait in the socket,
//! the kernel drops what does not fit, and that is a gap like any other: counted and recovered.

mod output;
mod snapshot;

use std::net::{Ipv4Addr, SocketAddrV4};
use std::rc::Rc;

use links::{Counter, Counters, Subscription};
use records::{FeedState, RecordRef};
use sessions::mold::{Event, PacketHeader, Receiver};
use tiles::{Clock, Context, Net, StartError, Storage, Tile, Udp};

use crate::samples::SamplesFile;
use output::Output;
use snapshot::{Snapshot, SnapshotEnd};

/// Packets handled in one cycle at most, so that timers get their turn.
const PACKETS_A_CYCLE: usize = 64;
/// Records that one packet or one read of the snapshot may become.
const ROOM_RECORDS: usize = 512;
/// Kept ahead of a gap.
const AHEAD_BYTES: usize = 4 << 20;
/// Messages asked for in one request: as many as a retransmission server sends in one go.
const REQUEST_MESSAGES_MAX: u64 = 64;
/// Kept messages delivered in one go: with those of a packet they stay below [`ROOM_RECORDS`].
const BURST_MESSAGES: usize = 128;
/// A reader that was told nothing for so long is told how the feed stands.
const ALIVE_NS: u64 = 1_000_000_000;
/// Requests of the reader looked at in one cycle.
const REQUESTS_A_CYCLE: usize = 4;
/// Packets of another session, and none of the present one between them, before the feed believes that it changed.
const SESSION_PACKETS: u32 = 8;

/// A listing as the feed names it.
#[derive(Clone, Debug)]
pub struct FeedListing {
    /// The venue's symbol, padded with spaces.
    pub symbol: [u8; 8],
    /// Our instrument.
    pub instrument: u32,
}

/// What a feed tile needs to know.
#[derive(Clone, Debug)]
pub struct FeedConfig {
    /// The tile's name.
    pub name: String,
    /// Venue id.
    pub venue: u16,
    /// Multicast groups of lines A and B.
    pub lines: Vec<SocketAddrV4>,
    /// Interface to join on.
    pub interface: Ipv4Addr,
    /// Where missing messages are asked for.
    pub retransmission: SocketAddrV4,
    /// Where snapshots are given.
    pub snapshot: SocketAddrV4,
    /// Login of the snapshot, padded with spaces.
    pub username: [u8; 6],
    /// Password of the snapshot, padded with spaces.
    pub password: [u8; 10],
    /// Instruments wanted; others are skipped and counted.
    pub listings: Vec<FeedListing>,
    /// UTC of the venue's midnight: its times count from there.
    pub midnight_ns: u64,
    /// Name of the publication.
    pub link: String,
    /// Name of the subscription by which a reader asks for everything again, if it can.
    pub requests: Option<String>,
    /// A gap is asked for this often.
    pub request_interval_ns: u64,
    /// A gap that is open for so long, or that is longer than `gap_messages_max`, is closed by a snapshot.
    pub gap_age_ns_max: u64,
    /// See `gap_age_ns_max`.
    pub gap_messages_max: u64,
    /// The feed is silent when nothing, no heartbeat either, came for so long.
    pub silence_ns: u64,
}

/// Where the feed stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Complete so far.
    Live,
    /// Messages are missing and asked for.
    Gap { since_ns: u64, asked_ns: u64, asked_to: u64 },
    /// A snapshot is under way, or will be tried again at `retry_ns`.
    Snapshot { retry_ns: u64 },
}

struct Counts {
    packets: Counter,
    malformed: Counter,
    other_session: Counter,
    past: Counter,
    gaps: Counter,
    requests: Counter,
    snapshots: Counter,
    snapshot_failures: Counter,
    next_sequence: Counter,
    mode: Counter,
    link_full: Counter,
    resyncs: Counter,
}

/// The tile.
pub struct FeedTile {
    config: FeedConfig,
    clock: Rc<dyn Clock>,
    net: Rc<dyn Net>,
    storage: Rc<dyn Storage>,
    samples: Option<SamplesFile>,
    lines: Vec<Box<dyn Udp>>,
    requests: Option<Box<dyn Udp>>,
    reader: Option<Box<dyn Subscription>>,
    /// Epoch and number of the reader's last request.
    asked: (u64, u64),
    receiver: Receiver,
    output: Output,
    snapshot: Snapshot,
    mode: Mode,
    /// A session that was heard instead of the present one, and how often in a row.
    other_session: ([u8; 10], u32),
    /// Snapshots since the feed was last complete.
    snapshots_in_a_row: u32,
    silent: bool,
    /// When the reader was last told anything, and what had been published by then.
    told: (u64, u64),
    /// 0: nothing was heard yet.
    heard_ns: u64,
    /// When something was heard that had been heard before.
    past_ns: u64,
    counts: Counts,
    packet: Box<[u8]>,
}

impl FeedTile {
    /// Takes its memory and its publication.
    ///
    /// # Errors
    /// When the context lacks the link that the configuration names.
    pub fn new(config: FeedConfig, context: &mut Context) -> Result<Self, StartError> {
        let publication = context.publications.remove(&config.link).ok_or_else(|| {
            StartError(format!("tile {}: link: {} is not one that it produces", config.name, config.link))
        })?;
        let reader = match &config.requests {
            Some(name) => Some(context.subscriptions.remove(name).ok_or_else(|| {
                StartError(format!("tile {}: requests: {name} is not a link that it reads", config.name))
            })?),
            None => None,
        };
        let mut receiver = Receiver::new(Some(1), AHEAD_BYTES);
        receiver.set_burst(BURST_MESSAGES);
        Ok(Self {
            output: Output::new(&config, publication, &context.counters),
            snapshot: Snapshot::new(&config),
            clock: context.clock.clone(),
            net: context.net.clone(),
            storage: context.storage.clone(),
            samples: None,
            lines: Vec::new(),
            requests: None,
            reader,
            asked: (0, 0),
            receiver,
            mode: Mode::Live,
            other_session: ([0; 10], 0),
            snapshots_in_a_row: 0,
            silent: true,
            told: (0, 0),
            heard_ns: 0,
            past_ns: 0,
            counts: Counts::new(&context.counters),
            packet: vec![0; 64 << 10].into_boxed_slice(),
            config,
        })
    }

    fn read_lines(&mut self, now_ns: u64) -> usize {
        let mut work = 0;
        if self.receiver.is_waiting() {
            return self.resume();
        }
        for line in 0..=self.lines.len() {
            for _ in 0..PACKETS_A_CYCLE {
                if !self.output.has_room(ROOM_RECORDS) {
                    self.counts.link_full.add(1);
                    return work;
                }
                let Some(length) = self.receive(line) else { break };
                work += 1;
                self.on_packet(length, now_ns);
                if self.receiver.is_waiting() {
                    return work;
                }
            }
        }
        work
    }

    /// Delivers kept messages, as many as a burst has.
    fn resume(&mut self) -> usize {
        if !self.output.has_room(ROOM_RECORDS) {
            self.counts.link_full.add(1);
            return 0;
        }
        let (output, received_ns) = (&mut self.output, self.clock.now_ns());
        self.receiver.resume(&mut |event| {
            if let Event::Message { sequence, bytes } = event {
                output.message(bytes, sequence, received_ns);
            }
        });
        1
    }

    /// One datagram of a line; the last "line" is the socket that retransmissions come to.
    fn receive(&mut self, line: usize) -> Option<usize> {
        let socket = match self.lines.get_mut(line) {
            Some(socket) => socket,
            None => self.requests.as_mut()?,
        };
        match socket.receive(&mut self.packet) {
            Ok(found) => found.map(|(length, _)| length),
            Err(_) => {
                self.counts.malformed.add(1);
                None
            }
        }
    }

    fn on_packet(&mut self, length: usize, now_ns: u64) {
        self.counts.packets.add(1);
        let next = self.receiver.next();
        let received_ns = self.clock.now_ns();
        let (output, counts) = (&mut self.output, &self.counts);
        let (mut new_session, mut malformed) = (None, false);
        self.receiver.on_packet(&self.packet[..length], &mut |event| match event {
            Event::Message { sequence, bytes } => output.message(bytes, sequence, received_ns),
            Event::Malformed(_) => malformed = true,
            Event::NewSession(session) => new_session = Some(session),
            Event::Gap { .. } | Event::Recovered | Event::End => {}
        });
        match new_session {
            Some(session) => self.on_other_session(session, received_ns),
            None if malformed => counts.malformed.add(1),
            None => {
                self.other_session.1 = 0;
                // What ends before that which is to come says nothing of now: a line that is late, or a venue that began anew.
                match PacketHeader::read(&self.packet[..length]) {
                    Some(header) if header.end() < next => {
                        counts.past.add(1);
                        self.past_ns = now_ns;
                    }
                    _ => self.heard_ns = now_ns,
                }
            }
        }
        self.counts.next_sequence.set(self.receiver.next());
    }

    /// One packet of another session is a stray; many, and none of ours, are a venue that started again.
    fn on_other_session(&mut self, session: [u8; 10], now_ns: u64) {
        self.counts.other_session.add(1);
        let count = if self.other_session.0 == session { self.other_session.1 + 1 } else { 1 };
        self.other_session = (session, count);
        if count < SESSION_PACKETS {
            return;
        }
        self.other_session.1 = 0;
        self.output.feed_state(FeedState::Stale, 0, now_ns);
        self.output.clear_books(now_ns);
        self.snapshot.stop();
        self.receiver.follow(session);
        self.mode = Mode::Gap { since_ns: now_ns, asked_ns: 0, asked_to: 0 };
    }

    /// Follows the receiver's state: live, gap, snapshot.
    fn steer(&mut self, now_ns: u64) {
        if self.output.take_broken() {
            // Whatever the reader has now, it is not all: it gets everything again once it is there.
            self.snapshot.stop();
            self.receiver.hold();
            self.mode = Mode::Snapshot { retry_ns: now_ns + self.config.request_interval_ns };
        }
        match (self.mode, self.receiver.gap()) {
            (Mode::Live, Some((from, to))) => {
                self.counts.gaps.add(1);
                self.output.feed_state(FeedState::Stale, to - from, now_ns);
                self.mode = Mode::Gap { since_ns: now_ns, asked_ns: 0, asked_to: 0 };
            }
            (Mode::Gap { .. }, Some(_)) if self.receiver.is_waiting() => {}
            (Mode::Gap { .. }, None) => {
                self.snapshots_in_a_row = 0;
                self.mode = Mode::Live;
                self.output.feed_state(self.state(), 0, now_ns);
            }
            (Mode::Gap { since_ns, asked_ns, asked_to }, Some((from, to))) => {
                let due = from >= asked_to || now_ns.saturating_sub(asked_ns) >= self.config.request_interval_ns;
                self.on_gap(now_ns, since_ns, due, from, to);
            }
            (Mode::Snapshot { retry_ns }, _) => self.run_snapshot(now_ns, retry_ns),
            (Mode::Live, None) => {}
        }
        self.counts.mode.set(match self.mode {
            Mode::Live => 1,
            Mode::Gap { .. } => 2,
            Mode::Snapshot { .. } => 3,
        });
    }

    /// Asks for what is missing; gives up for a snapshot when that is hopeless.
    fn on_gap(&mut self, now_ns: u64, since_ns: u64, due: bool, from: u64, to: u64) {
        if to - from > self.config.gap_messages_max || now_ns.saturating_sub(since_ns) > self.config.gap_age_ns_max {
            self.receiver.hold();
            self.mode = Mode::Snapshot { retry_ns: now_ns };
            return;
        }
        if !due {
            return;
        }
        let count = (to - from).min(REQUEST_MESSAGES_MAX) as u16;
        let session = self.receiver.session().unwrap_or([b' '; 10]);
        let request = PacketHeader { session, sequence: from, count }.write();
        if let Some(socket) = &mut self.requests {
            // A request that cannot be sent now is made again after the interval.
            let _again_later = socket.send_to(&request, self.config.retransmission);
            self.counts.requests.add(1);
        }
        self.mode = Mode::Gap { since_ns, asked_ns: now_ns, asked_to: from + u64::from(count) };
    }

    /// A reader has lost what it had, or what was said: it gets everything again.
    fn hear_reader(&mut self, now_ns: u64) {
        let (venue, mut asked) = (self.config.venue, self.asked);
        let Some(reader) = &mut self.reader else { return };
        reader.poll(REQUESTS_A_CYCLE, &mut |bytes| {
            if let Ok(RecordRef::Resync(request)) = records::parse(bytes)
                && request.header.venue == venue
            {
                asked = asked.max((request.epoch, request.request));
            }
        });
        if asked != self.asked {
            self.asked = asked;
            self.counts.resyncs.add(1);
            self.snapshot.stop();
            self.receiver.hold();
            self.mode = Mode::Snapshot { retry_ns: now_ns };
        }
    }

    fn run_snapshot(&mut self, now_ns: u64, retry_ns: u64) {
        if !self.snapshot.is_running() {
            if now_ns < retry_ns {
                return;
            }
            // A reader that is not there yet shows here, before the venue is asked for anything.
            self.output.feed_state(FeedState::Stale, 0, now_ns);
            self.output.clear_books(now_ns);
            if self.output.take_broken() {
                self.mode = Mode::Snapshot { retry_ns: now_ns + self.config.request_interval_ns };
                return;
            }
            self.counts.snapshots.add(1);
            self.snapshot.start(&*self.net, now_ns);
        }
        let received_ns = self.clock.now_ns();
        match self.snapshot.work(now_ns, received_ns, &mut self.output) {
            None => {}
            Some(SnapshotEnd::Complete { next_sequence }) => {
                self.snapshots_in_a_row += 1;
                if self.snapshots_in_a_row > 1 {
                    // One should have been enough: something that is kept has a number that it should not have.
                    self.receiver.forget_kept();
                }
                self.receiver.skip_to(next_sequence);
                self.resume();
                self.mode = Mode::Gap { since_ns: now_ns, asked_ns: 0, asked_to: 0 };
            }
            Some(SnapshotEnd::Failed) => {
                self.counts.snapshot_failures.add(1);
                self.mode = Mode::Snapshot { retry_ns: now_ns + self.config.gap_age_ns_max };
            }
        }
    }

    fn watch_silence(&mut self, now_ns: u64) {
        let silent = self.heard_ns == 0 || now_ns.saturating_sub(self.heard_ns) > self.config.silence_ns;
        if silent == self.silent {
            return;
        }
        self.silent = silent;
        if silent && self.past_ns > self.heard_ns && self.mode == Mode::Live {
            // The venue speaks, and of nothing new: perhaps it counts from the start again. A snapshot says where it stands.
            self.receiver.hold();
            self.mode = Mode::Snapshot { retry_ns: now_ns };
        }
        self.output.feed_state(self.state(), 0, now_ns);
    }

    fn state(&self) -> FeedState {
        match (self.silent, self.mode) {
            (true, _) => FeedState::Silent,
            (false, Mode::Live) => FeedState::Live,
            (false, _) => FeedState::Stale,
        }
    }

    /// A venue that only sends heartbeats is quiet, not silent: the reader hears so.
    fn keep_alive(&mut self, now_ns: u64) {
        let published = self.output.published();
        if published != self.told.1 {
            self.told = (now_ns, published);
        } else if now_ns.saturating_sub(self.told.0) >= ALIVE_NS && self.output.has_room(ROOM_RECORDS) {
            self.told.0 = now_ns;
            self.output.feed_state(self.state(), 0, now_ns);
        }
    }
}

impl Tile for FeedTile {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn on_start(&mut self, now_ns: u64) -> Result<(), StartError> {
        for group in &self.config.lines {
            self.lines.push(self.net.udp_multicast(*group, self.config.interface)?);
        }
        let any = SocketAddrV4::new(self.config.interface, 0);
        self.requests = Some(self.net.udp(any, self.config.interface)?);
        self.samples = Some(SamplesFile::open(&*self.storage)?);
        // A reader may have books of an earlier life of this tile.
        self.output.feed_state(FeedState::Silent, 0, now_ns);
        self.output.clear_books(now_ns);
        Ok(())
    }

    fn do_work(&mut self, now_ns: u64) -> usize {
        let work = self.read_lines(now_ns);
        self.hear_reader(now_ns);
        self.steer(now_ns);
        self.watch_silence(now_ns);
        if work == 0 {
            self.keep_alive(now_ns);
        }
        if work == 0
            && let Some(samples) = &mut self.samples
        {
            self.output.drain_samples(samples);
        }
        work + self.snapshot.take_moved()
    }

    fn on_close(&mut self, _now_ns: u64) {
        self.lines.clear();
        self.requests = None;
    }
}

impl Counts {
    fn new(counters: &Counters) -> Self {
        Self {
            packets: counters.counter("feed.packets"),
            malformed: counters.counter("feed.packets_malformed"),
            other_session: counters.counter("feed.packets_of_another_session"),
            past: counters.counter("feed.packets_of_the_past"),
            gaps: counters.counter("feed.gaps"),
            requests: counters.counter("feed.retransmission_requests"),
            snapshots: counters.counter("feed.snapshots"),
            snapshot_failures: counters.counter("feed.snapshot_failures"),
            next_sequence: counters.counter("feed.next_sequence"),
            mode: counters.counter("feed.mode"),
            link_full: counters.counter("feed.link_full_cycles"),
            resyncs: counters.counter("feed.resyncs"),
        }
    }
}
