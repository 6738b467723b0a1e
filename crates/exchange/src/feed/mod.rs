//! The feed: messages in sequence, packed and sent on every line, sent again when asked for.
//!
//! Invariant: every line carries the same packets; a packet that a socket does not take is counted and left to the
//! retransmission server, so a slow line never holds the exchange up.

mod history;
pub(crate) mod itch;

use std::net::SocketAddrV4;

use links::{Counter, Counters};
use sessions::mold::{Packer, PacketHeader};
use tiles::{Context, StartError, Udp};

pub(crate) use history::History;

use crate::config::{ExchangeConfig, padded};
use crate::handover::{Part, Parts, Words};

/// A line that has sent nothing for so long sends a heartbeat.
const HEARTBEAT_NS: u64 = 1_000_000_000;
/// Packets sent in one cycle at most.
const PACKETS_A_CYCLE: usize = 64;
/// Messages sent for one request at most.
const REQUESTED_MAX: u64 = 256;
/// Requests answered in one cycle at most.
const REQUESTS_A_CYCLE: usize = 16;

/// Sends what the history holds.
pub(crate) struct Feed {
    session: [u8; 10],
    packer: Packer,
    lines: Vec<(SocketAddrV4, Box<dyn Udp>)>,
    requests: Box<dyn Udp>,
    request: [u8; 64],
    last_sent_ns: u64,
    packets: Counter,
    packets_not_sent: Counter,
    retransmitted: Counter,
    requests_refused: Counter,
    sequence: Counter,
}

impl Feed {
    /// Opens the sockets. `sent`: the last message that an earlier life of this exchange sent.
    pub fn open(config: &ExchangeConfig, context: &Context, sent: u64) -> Result<Self, StartError> {
        Self::with(context.net.udp(config.retransmission, config.interface)?, config, context, sent)
    }

    /// What a successor goes on with: the socket to which requests come.
    pub fn give(&self) -> Option<Part> {
        Some((Words::default(), vec![self.requests.handle()?]))
    }

    /// Goes on with what its predecessor gave, behind the last message that it sent.
    ///
    /// # Errors
    /// When a socket cannot be opened.
    pub fn take(parts: &mut Parts, config: &ExchangeConfig, context: &Context, sent: u64) -> Result<Self, StartError> {
        let given = parts.next().and_then(|(_, mut sockets)| sockets.pop_front());
        let requests = given.ok_or_else(|| StartError(format!("tile {}: no feed was given", config.name)))?;
        Self::with(context.net.udp_given(requests)?, config, context, sent)
    }

    fn with(requests: Box<dyn Udp>, config: &ExchangeConfig, context: &Context, sent: u64) -> Result<Self, StartError> {
        let session = padded(&config.feed_session);
        let mut lines = Vec::new();
        for line in &config.lines {
            let any = SocketAddrV4::new(config.interface, 0);
            lines.push((*line, context.net.udp(any, config.interface)?));
        }
        let counters: &Counters = &context.counters;
        Ok(Self {
            session,
            packer: Packer::new(session, sent + 1),
            lines,
            requests,
            request: [0; 64],
            last_sent_ns: 0,
            packets: counters.counter("feed.packets"),
            packets_not_sent: counters.counter("feed.packets_not_sent"),
            retransmitted: counters.counter("feed.messages_retransmitted"),
            requests_refused: counters.counter("feed.requests_refused"),
            sequence: counters.counter("feed.sequence"),
        })
    }

    /// Sends what is new; a heartbeat when nothing was for a while.
    pub fn flush(&mut self, now_ns: u64, history: &History) -> usize {
        let mut packets = 0;
        while packets < PACKETS_A_CYCLE {
            let full = match history.get(self.packer.next_sequence()) {
                Some(message) => !self.packer.push(message),
                None if self.packer.pending() == 0 => break,
                None => true,
            };
            if full {
                self.send(now_ns);
                packets += 1;
            }
        }
        if packets == 0 && now_ns.saturating_sub(self.last_sent_ns) >= HEARTBEAT_NS {
            self.send(now_ns);
        }
        self.sequence.set(history.last());
        packets
    }

    fn send(&mut self, now_ns: u64) {
        let packet = self.packer.packet();
        for (group, socket) in &mut self.lines {
            match socket.send_to(packet, *group) {
                Ok(true) => self.packets.add(1),
                Ok(false) | Err(_) => self.packets_not_sent.add(1),
            }
        }
        self.packer.sent();
        self.last_sent_ns = now_ns;
    }

    /// Answers requests for messages that were sent before.
    pub fn retransmit(&mut self, history: &History) -> usize {
        for answered in 0..REQUESTS_A_CYCLE {
            let Ok(Some((length, from))) = self.requests.receive(&mut self.request) else { return answered };
            let request = PacketHeader::read(&self.request[..length]).filter(|header| header.session == self.session);
            let Some(request) = request else {
                self.requests_refused.add(1);
                continue;
            };
            // Only what was sent: a message that waits for its packet goes out with it.
            let end = self.packer.next_sequence() - u64::from(self.packer.pending());
            let wanted = u64::from(request.count).min(REQUESTED_MAX);
            if !self.send_again(request.sequence, end.min(request.sequence.saturating_add(wanted)), from, history) {
                self.requests_refused.add(1);
            }
        }
        REQUESTS_A_CYCLE
    }

    fn send_again(&mut self, from: u64, end: u64, to: SocketAddrV4, history: &History) -> bool {
        let mut packer = Packer::new(self.session, from);
        let mut sequence = from;
        while sequence < end {
            let Some(message) = history.get(sequence) else { break };
            if packer.push(message) {
                sequence += 1;
            } else {
                let _lost_is_asked_for_again = self.requests.send_to(packer.packet(), to);
                packer.sent();
            }
        }
        if packer.pending() > 0 {
            let _lost_is_asked_for_again = self.requests.send_to(packer.packet(), to);
        }
        self.retransmitted.add(sequence - from.min(sequence));
        sequence > from
    }
}
