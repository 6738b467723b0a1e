//! Messages of a capture's payloads.
//!
//! Invariant: a bad message costs its own bytes and nothing else, as long as the framing around it holds.

use super::packets::{Packet, Transport};
use super::streams::Stream;
use super::{Choice, Found, Summary};
use crate::describe::{Message, Protocol, identify};
use crate::error::WireError;
use crate::{itch50, moldudp64, ouch50, soupbin};
use std::collections::BTreeMap;
use std::net::IpAddr;

type Endpoint = (IpAddr, u16);

/// Count of a MoldUDP64 packet that ends its session.
const END_OF_SESSION: u16 = u16::MAX;

pub(super) struct Decoder<'v> {
    choice: Choice,
    visit: &'v mut dyn FnMut(&Found<'_>),
    summary: Summary,
    streams: BTreeMap<(Endpoint, Endpoint), Stream>,
    packet: u64,
    time_ns: u64,
}

impl<'v> Decoder<'v> {
    pub fn new(choice: Choice, visit: &'v mut dyn FnMut(&Found<'_>)) -> Self {
        Self { choice, visit, summary: Summary::default(), streams: BTreeMap::new(), packet: 0, time_ns: 0 }
    }

    pub fn packet(&mut self, packet: Packet<'_>) {
        (self.packet, self.time_ns) = (packet.number, packet.time_ns);
        self.summary.packets += 1;
        self.summary.bytes += packet.payload.len() as u64;
        match (packet.transport, packet.from, packet.to) {
            (Transport::Udp, ..) => self.datagram(packet.payload),
            (Transport::Tcp { sequence, opens }, Some(from), Some(to)) => {
                let mut stream = self.streams.remove(&(from, to)).unwrap_or_default();
                self.summary.uncovered_bytes += stream.push(sequence, opens, packet.payload);
                self.stream(&mut stream);
                self.streams.insert((from, to), stream);
            }
            _ => self.summary.uncovered_bytes += packet.payload.len() as u64,
        }
    }

    /// Gives up what waits for segments that the capture does not hold.
    pub fn finish(mut self) -> Summary {
        for (_, mut stream) in std::mem::take(&mut self.streams) {
            while stream.is_waiting() {
                self.summary.uncovered_bytes += stream.give_up_gap();
                self.stream(&mut stream);
            }
            self.summary.uncovered_bytes += stream.ready.len() as u64;
        }
        self.summary
    }

    fn found(
        &mut self,
        protocol: &'static Protocol,
        message: &'static Message,
        bytes: &[u8],
        sequence: u64,
        counted: bool,
    ) {
        self.summary.messages += u64::from(counted);
        let (packet, time_ns) = (self.packet, self.time_ns);
        (self.visit)(&Found { packet, time_ns, sequence, protocol, message: Ok(message), bytes, counted });
    }

    /// A framed message that is none: counted, its bytes uncovered.
    fn bad(&mut self, protocol: &'static Protocol, error: WireError, bytes: &[u8], sequence: u64) {
        self.summary.unknown += 1;
        self.summary.uncovered_bytes += bytes.len() as u64;
        let (packet, time_ns) = (self.packet, self.time_ns);
        (self.visit)(&Found { packet, time_ns, sequence, protocol, message: Err(error), bytes, counted: true });
    }

    fn datagram(&mut self, payload: &[u8]) {
        let mold = matches!(self.choice, Choice::Any | Choice::Itch50 | Choice::MoldUdp64);
        let Some(header) = moldudp64::Downstream::new(payload).ok().filter(|_| mold) else {
            self.summary.uncovered_bytes += payload.len() as u64;
            return;
        };
        let count = header.message_count();
        let name =
            if header.blocks().is_empty() && count != 0 && count != END_OF_SESSION { "Request" } else { "Downstream" };
        let message = moldudp64::PROTOCOL.by_name(name).expect("a message of the table");
        let carries = count != END_OF_SESSION && !header.blocks().is_empty();
        if self.choice == Choice::Any && !blocks_fit(header) {
            self.summary.uncovered_bytes += payload.len() as u64;
            return;
        }
        let head = &payload[..moldudp64::Downstream::SIZE];
        self.found(
            &moldudp64::PROTOCOL,
            message,
            head,
            header.sequence_number(),
            !carries || self.choice == Choice::MoldUdp64,
        );
        self.blocks(header);
    }

    fn blocks(&mut self, header: moldudp64::Downstream<'_>) {
        let mut rest = header.blocks();
        let mut sequence = header.sequence_number();
        let blocks = if header.message_count() == END_OF_SESSION { 0 } else { header.message_count() };
        for _ in 0..blocks {
            let Some((message, after)) = split_block(rest) else { break };
            match identify(&itch50::PROTOCOL, None, message) {
                _ if self.choice == Choice::MoldUdp64 => {}
                Ok((found, _)) => self.found(&itch50::PROTOCOL, found, message, sequence, true),
                Err(error) => self.bad(&itch50::PROTOCOL, error, message, sequence),
            }
            rest = after;
            sequence = sequence.wrapping_add(1);
        }
        self.summary.uncovered_bytes += rest.len() as u64;
    }

    /// Takes every whole packet off a stream.
    fn stream(&mut self, stream: &mut Stream) {
        let ready = std::mem::take(&mut stream.ready);
        if stream.framed.is_none() && ready.len() >= 3 {
            stream.framed =
                Some(self.choice != Choice::MoldUdp64 && (self.choice != Choice::Any || looks_framed(&ready)));
        }
        let mut rest = ready.as_slice();
        match stream.framed {
            None => {}
            Some(false) => {
                self.summary.uncovered_bytes += rest.len() as u64;
                rest = &[];
            }
            Some(true) => {
                while let Some(after) = self.soup_packet(rest, stream) {
                    rest = after;
                }
            }
        }
        stream.ready = rest.to_vec();
    }

    /// One SoupBinTCP packet; `None` when it is not all there.
    fn soup_packet<'b>(&mut self, bytes: &'b [u8], stream: &mut Stream) -> Option<&'b [u8]> {
        let length = match soupbin::decode(bytes) {
            Ok(packet) => {
                self.soup_payload(packet, stream);
                packet.bytes().len()
            }
            Err(WireError::Truncated { .. } | WireError::Empty) => return None,
            Err(error) => {
                self.bad(&soupbin::PROTOCOL, error, &bytes[..error.skip()], 0);
                error.skip()
            }
        };
        Some(&bytes[length..])
    }

    fn soup_payload(&mut self, packet: soupbin::Packet<'_>, stream: &mut Stream) {
        let message = soupbin::PROTOCOL.by_name(packet.name()).expect("a packet of the table");
        let (payload, group) = match packet {
            soupbin::Packet::SequencedData(view) => (view.message(), "Outbound"),
            soupbin::Packet::UnsequencedData(view) => (view.message(), "Inbound"),
            soupbin::Packet::LoginAccepted(view) => {
                stream.sequence = view.sequence_number_value().unwrap_or(0);
                return self.found(&soupbin::PROTOCOL, message, packet.bytes(), 0, true);
            }
            _ => return self.found(&soupbin::PROTOCOL, message, packet.bytes(), 0, true),
        };
        let mut sequence = 0;
        if group == "Outbound" && stream.sequence > 0 {
            sequence = stream.sequence;
            stream.sequence += 1;
        }
        self.found(&soupbin::PROTOCOL, message, packet.bytes(), sequence, self.choice == Choice::SoupBin);
        let orders = identify(&ouch50::PROTOCOL, Some(group), payload);
        let feed = identify(&itch50::PROTOCOL, None, payload);
        match (self.choice, orders, feed) {
            (Choice::SoupBin, ..) => {}
            (Choice::Any | Choice::Ouch50, Ok((found, _)), _) => {
                self.found(&ouch50::PROTOCOL, found, payload, sequence, true)
            }
            (Choice::Any | Choice::Itch50, _, Ok((found, _))) => {
                self.found(&itch50::PROTOCOL, found, payload, sequence, true)
            }
            (Choice::Itch50, _, Err(error)) => self.bad(&itch50::PROTOCOL, error, payload, sequence),
            (_, Err(error), _) => self.bad(&ouch50::PROTOCOL, error, payload, sequence),
            (_, Ok(_), _) => unreachable!("orders are taken for every choice that comes here"),
        }
    }
}

/// Whether the message blocks fill the packet: how a MoldUDP64 packet is told from any other datagram.
fn blocks_fit(header: moldudp64::Downstream<'_>) -> bool {
    let mut rest = header.blocks();
    if rest.is_empty() {
        return header.session().iter().all(|letter| letter.is_ascii_graphic() || *letter == b' ');
    }
    for _ in 0..header.message_count() {
        let Some((_, after)) = split_block(rest) else { return false };
        rest = after;
    }
    rest.is_empty()
}

fn split_block(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

/// Whether a stream starts like SoupBinTCP: a known packet, whole or cut at the end of what is there.
fn looks_framed(bytes: &[u8]) -> bool {
    match soupbin::decode(bytes) {
        Ok(_) => true,
        Err(WireError::Truncated { .. }) => soupbin::PROTOCOL.by_code(None, bytes[2]).is_some(),
        Err(_) => false,
    }
}
