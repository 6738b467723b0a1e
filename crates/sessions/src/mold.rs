//! MoldUDP64 (Nasdaq, "MoldUDP64 Protocol Specification", v1.00): packing for the publisher, arbitration for the receiver.
//!
//! A packet is a 20-byte header (session, sequence of its first message, count) and length-prefixed messages. Count 0 is a
//! heartbeat that names the next sequence, 0xffff the end of the session. A request has the same header and names what is
//! wanted.
//!
//! Invariant: the receiver delivers each sequence once, in order; a sequence that it passes over is reported as a gap.

use records::broken::{Variant, is_broken};
use wire::moldudp64::{Downstream, RequestFields};

use crate::ByteQueue;

/// Bytes of a packet's header.
pub const HEADER_BYTES: usize = 20;
/// Count that marks the end of the session.
pub const COUNT_END: u16 = 0xffff;
/// Payload of a packet that fits an Ethernet frame.
pub const PACKET_BYTES_MAX: usize = 1_400;

/// Sequences above this are nonsense (a day of the busiest feed stays below 2^40).
pub const SEQUENCE_MAX: u64 = 1 << 48;

/// A packet's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketHeader {
    /// Session name, ten characters.
    pub session: [u8; 10],
    /// Sequence of the first message, or the next one when there is none.
    pub sequence: u64,
    /// Messages in the packet, 0 or [`COUNT_END`].
    pub count: u16,
}

impl PacketHeader {
    /// Reads the header at the start of a packet.
    pub fn read(packet: &[u8]) -> Option<Self> {
        let view = Downstream::new(packet).ok()?;
        Some(Self { session: view.session(), sequence: view.sequence_number(), count: view.message_count() })
    }

    /// Sequence after the last message; where there is none, the one that is to come.
    pub fn end(&self) -> u64 {
        self.sequence.saturating_add(if self.count == COUNT_END { 0 } else { u64::from(self.count) })
    }

    /// Writes the header: a request, a heartbeat, or the start of a packet.
    pub fn write(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let Self { session, sequence: sequence_number, count: message_count } = *self;
        RequestFields { session, sequence_number, message_count }.encode(&mut bytes);
        bytes
    }
}

/// Packs messages into packets.
#[derive(Debug)]
pub struct Packer {
    header: PacketHeader,
    packet: Vec<u8>,
}

impl Packer {
    /// A packer whose next message has this sequence.
    pub fn new(session: [u8; 10], next_sequence: u64) -> Self {
        let header = PacketHeader { session, sequence: next_sequence, count: 0 };
        let mut packet = Vec::with_capacity(PACKET_BYTES_MAX);
        packet.extend_from_slice(&header.write());
        Self { header, packet }
    }

    /// Sequence of the next message.
    pub fn next_sequence(&self) -> u64 {
        self.header.sequence + u64::from(self.header.count)
    }

    /// Messages waiting in the packet.
    pub fn pending(&self) -> u16 {
        self.header.count
    }

    /// Adds a message; `false` when the packet must be sent first.
    ///
    /// # Panics
    /// When a message is longer than a packet: our own messages are not.
    pub fn push(&mut self, message: &[u8]) -> bool {
        assert!(HEADER_BYTES + 2 + message.len() <= PACKET_BYTES_MAX);
        if self.packet.len() + 2 + message.len() > PACKET_BYTES_MAX {
            return false;
        }
        self.packet.extend_from_slice(&(message.len() as u16).to_be_bytes());
        self.packet.extend_from_slice(message);
        self.header.count += 1;
        true
    }

    /// The packet as it is to be sent (a heartbeat when no message waits). Call [`Packer::sent`] afterwards.
    pub fn packet(&mut self) -> &[u8] {
        let header = self.header.write();
        self.packet[..HEADER_BYTES].copy_from_slice(&header);
        &self.packet
    }

    /// Starts the next packet.
    pub fn sent(&mut self) {
        self.header.sequence = self.next_sequence();
        self.header.count = 0;
        self.packet.truncate(HEADER_BYTES);
    }

    /// The packet that ends the session.
    pub fn end_of_session(&self) -> [u8; HEADER_BYTES] {
        PacketHeader { count: COUNT_END, sequence: self.next_sequence(), ..self.header }.write()
    }
}

/// What the receiver says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The next message.
    Message {
        /// Its sequence.
        sequence: u64,
        /// Its bytes.
        bytes: &'a [u8],
    },
    /// Messages from `from` to before `to` are missing: ask for them.
    Gap {
        /// First missing.
        from: u64,
        /// First not missing, as far as it is known.
        to: u64,
    },
    /// The gap is closed.
    Recovered,
    /// The venue ended the session.
    End,
    /// The packet is not one, and why.
    Malformed(Malformed),
    /// Another session than the one followed: a new day, or a restart of the venue.
    NewSession([u8; 10]),
}

/// Why bytes are no packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Shorter than a header.
    Short,
    /// A message's length runs past the packet's end.
    Truncated,
    /// Bytes after the last message.
    Trailing,
    /// A sequence number beyond all that a session can have.
    Sequence,
}

/// Arbitrates lines A and B and retransmissions into one sequence.
///
/// Packets ahead of a gap are kept (bounded) until it closes; when the memory is full the oldest stay, so that what is kept
/// is always the part that is needed first.
#[derive(Debug)]
pub struct Receiver {
    session: Option<[u8; 10]>,
    next: u64,
    /// Highest sequence known to exist, exclusive.
    known: u64,
    ahead: Ahead,
    in_gap: bool,
    held: bool,
    /// Kept messages that one call delivers at most.
    burst: usize,
    /// Kept messages that could be delivered wait for [`Receiver::resume`].
    waiting: bool,
}

/// Messages ahead of the gap: framed as (sequence, length, bytes), sorted by arrival.
#[derive(Debug)]
struct Ahead {
    queue: ByteQueue,
    scratch: Vec<u8>,
    /// What was kept last without a hole, from and to (exclusive): the second line's copies are not kept again.
    run: (u64, u64),
}

const FRAME_BYTES: usize = 10;
/// Messages further ahead than that are not kept: memory ends long before, and a wrong number must not stay.
const AHEAD_MESSAGES_MAX: u64 = 1 << 20;

impl Receiver {
    /// A receiver that starts with the first packet it sees (late joiners then set `next` from a snapshot), or at `next`.
    pub fn new(next: Option<u64>, ahead_bytes: usize) -> Self {
        Self {
            session: None,
            next: next.unwrap_or(0),
            known: next.unwrap_or(0),
            ahead: Ahead {
                queue: ByteQueue::with_capacity(ahead_bytes),
                scratch: vec![0; FRAME_BYTES + usize::from(u16::MAX)],
                run: (0, 0),
            },
            in_gap: false,
            held: false,
            burst: usize::MAX,
            waiting: false,
        }
    }

    /// Bounds how many kept messages one call delivers, for a caller whose own way out is bounded. What remains is told by
    /// [`Receiver::is_waiting`] and delivered by [`Receiver::resume`].
    pub fn set_burst(&mut self, messages: usize) {
        self.burst = messages;
    }

    /// Whether kept messages wait for [`Receiver::resume`] only because of the bound on a burst.
    pub fn is_waiting(&self) -> bool {
        self.waiting
    }

    /// While held, nothing is delivered: messages are kept (bounded) until [`Receiver::skip_to`] lets them go.
    pub fn hold(&mut self) {
        self.held = true;
    }

    /// Sequence of the message that is to come next; 0 before the first packet.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Highest sequence known to exist, exclusive.
    pub fn known(&self) -> u64 {
        self.known
    }

    /// What is missing now: from, to (exclusive).
    pub fn gap(&self) -> Option<(u64, u64)> {
        (self.next != 0 && self.next < self.known).then_some((self.next, self.known))
    }

    /// The session followed.
    pub fn session(&self) -> Option<[u8; 10]> {
        self.session
    }

    /// Goes on from `next`: after a snapshot that contains everything before it. Kept messages are delivered by
    /// [`Receiver::resume`] or with the next packet.
    ///
    /// What was said to exist before is forgotten but for what is kept: a number that came by mistake must not leave a gap
    /// that nobody can close.
    pub fn skip_to(&mut self, next: u64) {
        self.held = false;
        self.next = next;
        self.ahead.forget(next);
        self.known = self.ahead.last().map_or(next, |last| next.max(last + 1));
    }

    /// Forgets what is kept ahead of a gap.
    pub fn forget_kept(&mut self) {
        self.ahead.clear();
    }

    /// Follows another session from its first message.
    pub fn follow(&mut self, session: [u8; 10]) {
        self.session = Some(session);
        (self.next, self.known, self.in_gap, self.held, self.waiting) = (1, 1, false, false, false);
        self.ahead.clear();
    }

    /// Takes a packet of any line, or a retransmission.
    pub fn on_packet(&mut self, packet: &[u8], event: &mut impl FnMut(Event<'_>)) {
        let Some(header) = PacketHeader::read(packet) else { return event(Event::Malformed(Malformed::Short)) };
        let count = if header.count == COUNT_END { 0 } else { u64::from(header.count) };
        if header.sequence > SEQUENCE_MAX {
            return event(Event::Malformed(Malformed::Sequence));
        }
        if let Err(malformed) = check_frames(&packet[HEADER_BYTES..], count) {
            return event(Event::Malformed(malformed));
        }
        match self.session {
            None => self.session = Some(header.session),
            Some(session) if session != header.session => return event(Event::NewSession(header.session)),
            Some(_) => {}
        }
        if self.next == 0 {
            (self.next, self.known) = (header.sequence, header.sequence);
        }
        if header.sequence > self.next && is_broken(Variant::FeedGapsSkipped) {
            (self.next, self.known) = (header.sequence, header.sequence);
        }
        self.take_messages(header.sequence, &packet[HEADER_BYTES..], event);
        self.known = self.known.max(header.sequence.saturating_add(count));
        self.take_ahead(event);
        self.report(event);
        if header.count == COUNT_END {
            event(Event::End);
        }
    }

    /// Delivers kept messages after [`Receiver::skip_to`], without waiting for a packet.
    pub fn resume(&mut self, event: &mut impl FnMut(Event<'_>)) {
        self.take_ahead(event);
        self.report(event);
    }

    fn take_messages(&mut self, first: u64, mut frames: &[u8], event: &mut impl FnMut(Event<'_>)) {
        let mut sequence = first;
        while let Some((bytes, rest)) = split_frame(frames) {
            let again = sequence < self.next && is_broken(Variant::FeedMessagesTakenAgain);
            if again {
                event(Event::Message { sequence, bytes });
            } else if sequence == self.next && !self.held && !self.waiting {
                event(Event::Message { sequence, bytes });
                self.next += 1;
            } else if sequence >= self.next && sequence - self.next < AHEAD_MESSAGES_MAX {
                self.ahead.keep(sequence, bytes);
            }
            (sequence, frames) = (sequence + 1, rest);
        }
    }

    fn take_ahead(&mut self, event: &mut impl FnMut(Event<'_>)) {
        self.waiting = false;
        if self.held || self.ahead.queue.is_empty() {
            return;
        }
        let end = self.next.saturating_add(self.burst as u64);
        // Lines interleave, so what is kept may be out of order: go round until nothing more fits on.
        loop {
            let before = self.next;
            self.ahead.deliver(&mut self.next, end, event);
            if self.next == before {
                break;
            }
            if self.next == end {
                self.waiting = !self.ahead.queue.is_empty();
                break;
            }
        }
    }

    fn report(&mut self, event: &mut impl FnMut(Event<'_>)) {
        if self.held {
            return;
        }
        match self.gap() {
            Some((from, to)) => {
                self.in_gap = true;
                event(Event::Gap { from, to: self.ahead.first().unwrap_or(to).min(to) });
            }
            None if self.in_gap => {
                self.in_gap = false;
                event(Event::Recovered);
            }
            None => {}
        }
    }
}

impl Ahead {
    fn keep(&mut self, sequence: u64, bytes: &[u8]) {
        if (self.run.0..self.run.1).contains(&sequence) {
            return;
        }
        let length = (bytes.len() as u16).to_le_bytes();
        // Full: dropped here, asked for again when the gap before it is closed.
        if self.queue.push(&[&sequence.to_le_bytes(), &length, bytes]) {
            self.run = if sequence == self.run.1 { (self.run.0, sequence + 1) } else { (sequence, sequence + 1) };
        }
    }

    fn clear(&mut self) {
        self.queue.clear();
        self.run = (0, 0);
    }

    /// Forgets what is past, and what is too far ahead to have been meant.
    fn forget(&mut self, next: u64) {
        let mut left = self.queue.len();
        while left > 0 {
            let Some((sequence, bytes, _)) = split_kept(self.queue.as_slice()) else {
                unreachable!("kept frames are whole")
            };
            let length = FRAME_BYTES + bytes.len();
            left -= length;
            if (next..next.saturating_add(AHEAD_MESSAGES_MAX)).contains(&sequence) {
                self.scratch[..length].copy_from_slice(&self.queue.as_slice()[..length]);
                self.queue.consume(length);
                assert!(self.queue.push(&[&self.scratch[..length]]));
            } else {
                self.queue.consume(length);
            }
        }
        self.run = (0, 0);
    }

    fn last(&self) -> Option<u64> {
        let mut last = None;
        let mut frames = self.queue.as_slice();
        while let Some((sequence, _, rest)) = split_kept(frames) {
            last = last.max(Some(sequence));
            frames = rest;
        }
        last
    }

    fn first(&self) -> Option<u64> {
        let mut first = None;
        let mut frames = self.queue.as_slice();
        while let Some((sequence, _, rest)) = split_kept(frames) {
            first = Some(first.map_or(sequence, |least: u64| least.min(sequence)));
            frames = rest;
        }
        first
    }

    /// One pass over what is kept: delivers what comes next up to `end`, forgets what is past, keeps the rest.
    fn deliver(&mut self, next: &mut u64, end: u64, event: &mut impl FnMut(Event<'_>)) {
        let total = self.queue.len();
        let mut seen = 0;
        while seen < total && *next < end {
            let Some((sequence, bytes, _)) = split_kept(self.queue.as_slice()) else {
                unreachable!("kept frames are whole")
            };
            let length = FRAME_BYTES + bytes.len();
            seen += length;
            if sequence > *next {
                self.scratch[..length].copy_from_slice(&self.queue.as_slice()[..length]);
                self.queue.consume(length);
                assert!(self.queue.push(&[&self.scratch[..length]]));
                continue;
            }
            if sequence == *next {
                event(Event::Message { sequence, bytes });
                *next += 1;
            }
            self.queue.consume(length);
        }
        if self.queue.is_empty() {
            self.run = (0, 0);
        }
    }
}

fn split_frame(frames: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = usize::from(u16::from_be_bytes(*frames.first_chunk::<2>()?));
    frames[2..].split_at_checked(length)
}

fn split_kept(frames: &[u8]) -> Option<(u64, &[u8], &[u8])> {
    let sequence = u64::from_le_bytes(*frames.first_chunk::<8>()?);
    let length = usize::from(u16::from_le_bytes(*frames[8..].first_chunk::<2>()?));
    let (bytes, rest) = frames[FRAME_BYTES..].split_at_checked(length)?;
    Some((sequence, bytes, rest))
}

/// A packet is taken whole or not at all.
fn check_frames(mut frames: &[u8], count: u64) -> Result<(), Malformed> {
    for _ in 0..count {
        (_, frames) = split_frame(frames).ok_or(Malformed::Truncated)?;
    }
    if frames.is_empty() { Ok(()) } else { Err(Malformed::Trailing) }
}

#[cfg(test)]
#[path = "mold_tests.rs"]
mod tests;
