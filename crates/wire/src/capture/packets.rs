//! From a capture file to transport payloads.
//!
//! Invariant: the network header's length decides what is payload; trailers that taps and switches add are not.

use super::CaptureError;
use etherparse::{SlicedPacket, TransportSlice};
use pcap_parser::traits::PcapNGPacketBlock;
use pcap_parser::{Block, PcapBlockOwned, PcapError, create_reader};
use std::io::Cursor;
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
    let refuse = |what: String| CaptureError(format!("no packet capture (pcap or pcapng): {what}"));
    let mut reader =
        create_reader(BUFFER_BYTES, Cursor::new(file)).map_err(|_| refuse("it begins as neither".to_owned()))?;
    let mut interfaces: Vec<Interface> = Vec::new();
    let mut number = 0;
    loop {
        match reader.next() {
            Ok((consumed, block)) => {
                if let Some((interface, ticks, data)) = read_block(&block, &mut interfaces) {
                    number += 1;
                    take(read_packet(number, interface, ticks, data));
                }
                reader.consume(consumed);
            }
            Err(PcapError::Eof) => return Ok(()),
            Err(PcapError::Incomplete(_)) => {
                reader.refill().map_err(|_| {
                    refuse(format!("the block after packet {number} is longer than {BUFFER_BYTES} bytes"))
                })?;
                if reader.reader_exhausted() && matches!(reader.next(), Err(PcapError::Incomplete(_))) {
                    return Err(CaptureError(format!("the capture ends within packet {}", number + 1)));
                }
            }
            Err(PcapError::UnexpectedEof) => {
                return Err(CaptureError(format!("the capture ends within packet {}", number + 1)));
            }
            Err(_) => return Err(refuse(format!("the block after packet {number} is damaged"))),
        }
    }
}

/// The packet of a block, if it holds one; interfaces are remembered.
fn read_block<'a>(
    block: &'a PcapBlockOwned<'a>,
    interfaces: &mut Vec<Interface>,
) -> Option<(Interface, u128, &'a [u8])> {
    match block {
        PcapBlockOwned::LegacyHeader(header) => {
            let ticks_per_second = if header.is_nanosecond_precision() { 1_000_000_000 } else { 1_000_000 };
            interfaces.push(Interface { link: header.network.0, ticks_per_second, offset_s: 0 });
            None
        }
        PcapBlockOwned::Legacy(packet) => {
            let interface = *interfaces.first()?;
            let ticks = u128::from(packet.ts_sec) * interface.ticks_per_second + u128::from(packet.ts_usec);
            Some((interface, ticks, packet.data))
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
            Some((interface, u128::from(packet.ts_high) << 32 | u128::from(packet.ts_low), packet.packet_data()))
        }
        PcapBlockOwned::NG(Block::SimplePacket(packet)) => Some((*interfaces.first()?, 0, packet.packet_data())),
        PcapBlockOwned::NG(_) => None,
    }
}

fn read_packet(number: u64, interface: Interface, ticks: u128, data: &[u8]) -> Packet<'_> {
    let since = ticks.saturating_mul(1_000_000_000) / interface.ticks_per_second;
    let time_ns = (since as i128 + i128::from(interface.offset_s) * 1_000_000_000).clamp(0, u64::MAX.into()) as u64;
    let other = Packet { number, time_ns, transport: Transport::Other, from: None, to: None, payload: &[] };
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
