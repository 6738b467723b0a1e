//! From a capture file to transport payloads.
//!
//! Invariant: the network header's length decides what is payload; trailers that taps and switches add are not.

use super::CaptureError;
use etherparse::{SlicedPacket, TransportSlice};
use pcap_parser::traits::{PcapNGPacketBlock, PcapReaderIterator};
use pcap_parser::{Block, PcapBlockOwned, PcapError, create_reader};
use std::io::{Cursor, Read};
use std::net::IpAddr;

/// Reading buffer: larger than any packet.
const BUFFER_BYTES: usize = 1 << 20;

/// How a payload travelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A datagram.
    Udp,
    /// A segment: sequence number of its first byte, and whether it opens the stream.
    Tcp {
        /// Number of its first byte.
        sequence: u32,
        /// SYN.
        opens: bool,
    },
    /// Neither, or a fragment: its payload is not looked at.
    Other,
}

/// Why a packet's payload is not there to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Its link type, which is none of those that are known.
    Link(i32),
    /// Fewer bytes were captured than were sent.
    Cut {
        /// Captured.
        captured_bytes: usize,
        /// Sent.
        sent_bytes: usize,
    },
}

/// One packet's payload.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// From 1.
    pub number: u64,
    /// Capture time, ns UTC.
    pub time_ns: u64,
    /// How it travelled.
    pub transport: Transport,
    /// Sender's address and port.
    pub from: Option<(IpAddr, u16)>,
    /// Receiver's address and port.
    pub to: Option<(IpAddr, u16)>,
    /// The payload.
    pub payload: &'a [u8],
    /// What is wrong with it.
    pub fault: Option<Fault>,
}

/// An interface of the file: link type and the unit of its times.
#[derive(Clone, Copy)]
struct Interface {
    link: i32,
    ticks_per_second: u128,
    offset_s: i64,
}

/// Hands over every packet of a capture in order.
///
/// # Errors
/// [`CaptureError`] when the file is no capture or ends within a packet.
pub fn packets(file: &[u8], take: &mut dyn FnMut(Packet<'_>)) -> Result<(), CaptureError> {
    let mut reading = Packets::open(Cursor::new(file))?;
    while reading.next(take)? {}
    Ok(())
}

/// A capture that is read packet by packet: memory does not grow with it.
pub struct Packets<'r> {
    reader: Box<dyn PcapReaderIterator + Send + 'r>,
    interfaces: Vec<Interface>,
    number: u64,
}

impl<'r> Packets<'r> {
    /// Over the bytes of a capture, unpacked.
    ///
    /// # Errors
    /// [`CaptureError`] when it begins as none.
    pub fn open(source: impl Read + Send + 'r) -> Result<Self, CaptureError> {
        let reader = create_reader(BUFFER_BYTES, source).map_err(|_| refuse("it begins as neither"))?;
        Ok(Self { reader, interfaces: Vec::new(), number: 0 })
    }

    /// Packets so far.
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Hands over the packet of the next block, where it holds one; false at the end.
    ///
    /// # Errors
    /// [`CaptureError`] when the capture is damaged or ends within a packet.
    pub fn next(&mut self, take: &mut dyn FnMut(Packet<'_>)) -> Result<bool, CaptureError> {
        let number = self.number;
        loop {
            match self.reader.next() {
                Ok((consumed, block)) => {
                    if let Some((interface, ticks, data, sent_bytes)) = read_block(&block, &mut self.interfaces) {
                        self.number += 1;
                        take(read_packet(self.number, interface, ticks, (data, sent_bytes)));
                    }
                    self.reader.consume(consumed);
                    return Ok(true);
                }
                Err(PcapError::Eof) => return Ok(false),
                Err(PcapError::Incomplete(_)) => {
                    self.reader.refill().map_err(|error| match error {
                        PcapError::ReadError => {
                            CaptureError(format!("the capture cannot be read after packet {number}"))
                        }
                        _ => refuse(&format!("the block after packet {number} is longer than {BUFFER_BYTES} bytes")),
                    })?;
                    if self.reader.reader_exhausted() && matches!(self.reader.next(), Err(PcapError::Incomplete(_))) {
                        return Err(ends_within(number));
                    }
                }
                Err(PcapError::UnexpectedEof) => return Err(ends_within(number)),
                Err(_) => return Err(refuse(&format!("the block after packet {number} is damaged"))),
            }
        }
    }
}

fn refuse(what: &str) -> CaptureError {
    CaptureError(format!("no packet capture (pcap or pcapng): {what}"))
}

fn ends_within(number: u64) -> CaptureError {
    CaptureError(format!("the capture ends within packet {}", number + 1))
}

/// The packet of a block, if it holds one, and how many bytes were sent of it; interfaces are remembered.
fn read_block<'a>(
    block: &'a PcapBlockOwned<'a>,
    interfaces: &mut Vec<Interface>,
) -> Option<(Interface, u128, &'a [u8], usize)> {
    match block {
        PcapBlockOwned::LegacyHeader(header) => {
            let ticks_per_second = if header.is_nanosecond_precision() { 1_000_000_000 } else { 1_000_000 };
            interfaces.push(Interface { link: header.network.0, ticks_per_second, offset_s: 0 });
            None
        }
        PcapBlockOwned::Legacy(packet) => {
            let interface = *interfaces.first()?;
            let ticks = u128::from(packet.ts_sec) * interface.ticks_per_second + u128::from(packet.ts_usec);
            Some((interface, ticks, packet.data, packet.origlen as usize))
        }
        PcapBlockOwned::NG(Block::SectionHeader(_)) => {
            interfaces.clear();
            None
        }
        PcapBlockOwned::NG(Block::InterfaceDescription(description)) => {
            let exponent = u32::from(description.if_tsresol & 0x7f).min(63);
            let binary = description.if_tsresol & 0x80 != 0;
            let ticks_per_second = if binary { 1_u128 << exponent } else { 10_u128.pow(exponent.min(30)) };
            interfaces.push(Interface {
                link: description.linktype.0,
                ticks_per_second,
                offset_s: description.if_tsoffset,
            });
            None
        }
        PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
            let interface = *interfaces.get(packet.if_id as usize)?;
            let ticks = u128::from(packet.ts_high) << 32 | u128::from(packet.ts_low);
            Some((interface, ticks, packet.packet_data(), packet.origlen as usize))
        }
        PcapBlockOwned::NG(Block::SimplePacket(packet)) => {
            Some((*interfaces.first()?, 0, packet.packet_data(), packet.origlen as usize))
        }
        PcapBlockOwned::NG(_) => None,
    }
}

fn read_packet(number: u64, interface: Interface, ticks: u128, (data, sent_bytes): (&[u8], usize)) -> Packet<'_> {
    let since = ticks.saturating_mul(1_000_000_000) / interface.ticks_per_second;
    let time_ns = (since as i128 + i128::from(interface.offset_s) * 1_000_000_000).clamp(0, u64::MAX.into()) as u64;
    let cut = Fault::Cut { captured_bytes: data.len(), sent_bytes };
    let fault = match interface.link {
        0 | 1 | 12 | 14 | 101 | 108 | 113 | 228 | 229 => (data.len() < sent_bytes).then_some(cut),
        link => Some(Fault::Link(link)),
    };
    let other = Packet { number, time_ns, transport: Transport::Other, from: None, to: None, payload: &[], fault };
    // Link types: 0 and 108 loopback (four bytes of family), 1 Ethernet, 12, 14, 101, 228, 229 bare IP, 113 Linux cooked.
    let sliced = match interface.link {
        0 | 108 if data.len() > 4 => SlicedPacket::from_ip(&data[4..]).ok(),
        1 => SlicedPacket::from_ethernet(data).ok(),
        12 | 14 | 101 | 228 | 229 => SlicedPacket::from_ip(data).ok(),
        113 => SlicedPacket::from_linux_sll(data).ok(),
        _ => None,
    };
    let Some((sliced, (from, to))) = sliced.and_then(|sliced| addresses(&sliced).map(|pair| (sliced, pair))) else {
        return other;
    };
    match &sliced.transport {
        Some(TransportSlice::Udp(udp)) => Packet {
            transport: Transport::Udp,
            from: Some((from, udp.source_port())),
            to: Some((to, udp.destination_port())),
            payload: udp.payload(),
            ..other
        },
        Some(TransportSlice::Tcp(tcp)) => Packet {
            transport: Transport::Tcp { sequence: tcp.sequence_number(), opens: tcp.syn() },
            from: Some((from, tcp.source_port())),
            to: Some((to, tcp.destination_port())),
            payload: tcp.payload(),
            ..other
        },
        _ => other,
    }
}

fn addresses(sliced: &SlicedPacket<'_>) -> Option<(IpAddr, IpAddr)> {
    match sliced.net.as_ref()? {
        etherparse::NetSlice::Ipv4(ip) => {
            Some((ip.header().source_addr().into(), ip.header().destination_addr().into()))
        }
        etherparse::NetSlice::Ipv6(ip) => {
            Some((ip.header().source_addr().into(), ip.header().destination_addr().into()))
        }
        etherparse::NetSlice::Arp(_) => None,
    }
}
