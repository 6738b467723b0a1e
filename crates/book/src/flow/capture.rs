//! ITCH 5.0 in a packet capture (pcap, pcapng): the MoldUDP64 datagrams of one session, as the bytes of an ITCH file.
//!
//! A message block of MoldUDP64 is a message behind its two length bytes ("MoldUDP64 Protocol Specification" 1.00, 2), which is
//! how files of ITCH frame it, so that what follows reads both alike. Two lines of one session in one capture are one sequence.
//! `FILE:PORT` reads the datagrams to that port alone.
//!
//! Invariant: each sequence is given once and in order; one that never comes ends the reading with its number.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};

use wire::capture::{Fault, Packet, Packets, Transport};
use wire::moldudp64::Downstream;

const HEADER_BYTES: usize = 20;
/// Count that ends a session.
const COUNT_END: u16 = 0xffff;
/// Datagrams that may overtake a missing one: two lines of one feed are further apart than this in no capture.
const WAITING_MAX: usize = 4_096;
/// How the words begin when a capture is sound and none of it is MoldUDP64.
pub(crate) const NONE: &str = "holds no MoldUDP64 datagram";
const PORTS_TOLD: usize = 12;

/// Why the reading ended, in words for a person.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) String);

impl std::fmt::Display for Refused {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// The file that a path means, and the port where it names one: `FILE:PORT`.
pub(crate) fn named(path: &Path) -> (PathBuf, Option<u16>) {
    let whole = (path.to_path_buf(), None);
    if path.exists() {
        return whole;
    }
    let Some((file, port)) = path.to_str().and_then(|name| name.rsplit_once(':')) else { return whole };
    match port.parse() {
        Ok(port) if Path::new(file).is_file() => (PathBuf::from(file), Some(port)),
        _ => whole,
    }
}

/// Whether a file that begins so is a capture.
pub(crate) fn is_capture(head: &[u8]) -> bool {
    const MAGICS: [[u8; 4]; 5] = [
        [0xa1, 0xb2, 0xc3, 0xd4],
        [0xd4, 0xc3, 0xb2, 0xa1],
        [0xa1, 0xb2, 0x3c, 0x4d],
        [0x4d, 0x3c, 0xb2, 0xa1],
        [0x0a, 0x0d, 0x0d, 0x0a],
    ];
    MAGICS.iter().any(|magic| head.starts_with(magic))
}

/// The messages of a capture.
pub(crate) struct Blocks {
    packets: Packets<'static>,
    sequence: Sequence,
    /// When the first datagram of the session was captured, ns UTC; 0 before.
    pub(crate) first_ns: u64,
    given: usize,
}

/// The session as far as it was read.
struct Sequence {
    port: Option<u16>,
    session: Option<[u8; 10]>,
    /// Where datagrams of it went.
    to_ports: BTreeSet<u16>,
    other_ports: BTreeSet<u16>,
    datagrams: u64,
    next: u64,
    /// The next sequence as the venue last told it.
    told: u64,
    /// Datagrams after a missing one, by sequence: the packet, and its blocks.
    waiting: BTreeMap<u64, (u64, Vec<u8>)>,
    out: Vec<u8>,
}

impl Blocks {
    /// Over the bytes of a capture; `port`: of datagrams to it alone.
    pub(crate) fn open(source: impl Read + Send + 'static, port: Option<u16>) -> Result<Self, String> {
        let packets = Packets::open(source).map_err(|error| error.0)?;
        let sequence = Sequence {
            port,
            session: None,
            to_ports: BTreeSet::new(),
            other_ports: BTreeSet::new(),
            datagrams: 0,
            next: 0,
            told: 0,
            waiting: BTreeMap::new(),
            out: Vec::new(),
        };
        Ok(Self { packets, sequence, first_ns: 0, given: 0 })
    }

    /// Reads until there are messages to give; false at the end.
    fn more(&mut self) -> Result<bool, String> {
        self.sequence.out.clear();
        self.given = 0;
        while self.sequence.out.is_empty() {
            let (sequence, first_ns) = (&mut self.sequence, &mut self.first_ns);
            let mut result = Ok(());
            let more = self.packets.next(&mut |packet| {
                result = sequence.take(&packet);
                if *first_ns == 0 && sequence.session.is_some() {
                    *first_ns = packet.time_ns;
                }
            });
            let more = more.map_err(|error| format!("{}; a whole capture is allowed", error.0))?;
            result?;
            if !more {
                self.sequence.ended(self.packets.number())?;
                return Ok(!self.sequence.out.is_empty());
            }
        }
        Ok(true)
    }
}

impl Read for Blocks {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.given == self.sequence.out.len()
            && !self.more().map_err(|words| std::io::Error::other(Refused(words)))?
        {
            return Ok(0);
        }
        let left = &self.sequence.out[self.given..];
        let count = left.len().min(out.len());
        out[..count].copy_from_slice(&left[..count]);
        self.given += count;
        Ok(count)
    }
}

impl Sequence {
    fn take(&mut self, packet: &Packet<'_>) -> Result<(), String> {
        let number = packet.number;
        match packet.fault {
            Some(Fault::Link(link)) => {
                let allowed = "Ethernet (1), Linux cooked (113), bare IP (12, 14, 101, 228, 229) and loopback (0, 108) are allowed";
                return Err(format!("packet {number} is of link type {link}; {allowed}"));
            }
            Some(Fault::Cut { captured_bytes, sent_bytes }) => {
                let words = "a capture of whole packets is allowed";
                return Err(format!("packet {number} was cut to {captured_bytes} of its {sent_bytes} bytes; {words}"));
            }
            None => {}
        }
        let (Transport::Udp, Some((_, port))) = (packet.transport, packet.to) else { return Ok(()) };
        self.datagrams += 1;
        if self.port.is_some_and(|wanted| wanted != port) {
            self.other_ports.insert(port);
            return Ok(());
        }
        let Some((session, first, count)) = header(packet.payload) else {
            if self.to_ports.contains(&port) {
                return Err(format!(
                    "packet {number} to port {port} is no MoldUDP64 datagram, as those before it were"
                ));
            }
            self.other_ports.insert(port);
            return Ok(());
        };
        if *self.session.get_or_insert(session) != session {
            let ports = told(&self.to_ports);
            return Err(format!(
                "packet {number} to port {port} is of session {}, those before it to {ports} of {}; one session is allowed, \
                 FILE:PORT chooses one",
                words(session),
                words(self.session.unwrap_or_default()),
            ));
        }
        self.to_ports.insert(port);
        self.place(number, first, count, &packet.payload[HEADER_BYTES..])
    }

    fn place(&mut self, number: u64, first: u64, count: u64, blocks: &[u8]) -> Result<(), String> {
        if self.next == 0 {
            self.next = first;
        }
        self.told = self.told.max(first.saturating_add(count));
        if first > self.next {
            if count > 0 && !self.waiting.contains_key(&first) {
                self.waiting.insert(first, (number, blocks.to_vec()));
            }
            return if self.waiting.len() > WAITING_MAX { Err(self.gap()) } else { Ok(()) };
        }
        self.give(first, blocks);
        while let Some(entry) = self.waiting.first_entry() {
            if *entry.key() > self.next {
                break;
            }
            let (first, (_, blocks)) = entry.remove_entry();
            self.give(first, &blocks);
        }
        Ok(())
    }

    /// The messages of a datagram that were not given yet. One without a byte says nothing, and would end a file.
    fn give(&mut self, first: u64, mut blocks: &[u8]) {
        let mut sequence = first;
        while let Some(length) = blocks.first_chunk::<2>() {
            let (block, rest) = blocks.split_at(2 + usize::from(u16::from_be_bytes(*length)));
            if sequence >= self.next {
                if block.len() > 2 {
                    self.out.extend_from_slice(block);
                }
                self.next = sequence + 1;
            }
            sequence += 1;
            blocks = rest;
        }
    }

    fn gap(&self) -> String {
        let until = self.waiting.first_key_value().map_or(self.told, |(first, _)| *first);
        let place = self.waiting.first_key_value().map_or_else(
            || "to the end of the capture".to_owned(),
            |(_, (packet, _))| format!("before packet {packet}"),
        );
        let session = words(self.session.unwrap_or_default());
        format!(
            "messages {} to {} of session {session} are missing {place}; a capture without gaps is allowed",
            self.next,
            until - 1
        )
    }

    fn ended(&self, packets: u64) -> Result<(), String> {
        if self.session.is_none() {
            let ports = told(&self.other_ports);
            return Err(match self.port {
                Some(port) if self.datagrams > 0 && !self.other_ports.contains(&port) => {
                    format!("{NONE} to port {port}; its datagrams went to {ports}")
                }
                _ if self.datagrams > 0 => format!("{NONE}; its {} datagrams went to {ports}", self.datagrams),
                _ => format!("{NONE}; none of its {packets} packets is of UDP"),
            });
        }
        if self.told > self.next { Err(self.gap()) } else { Ok(()) }
    }
}

/// Session, first sequence and count of a datagram whose blocks fill it exactly.
fn header(payload: &[u8]) -> Option<([u8; 10], u64, u64)> {
    let view = Downstream::new(payload).ok()?;
    let (count, mut rest, mut blocks) = (view.message_count(), payload.get(HEADER_BYTES..)?, 0_u64);
    while let Some(length) = rest.first_chunk::<2>() {
        rest = rest.get(2 + usize::from(u16::from_be_bytes(*length))..)?;
        blocks += 1;
    }
    let told = if count == COUNT_END { 0 } else { u64::from(count) };
    let sound = rest.is_empty() && blocks == told && view.sequence_number() > 0;
    sound.then(|| (view.session(), view.sequence_number(), told))
}

fn words(session: [u8; 10]) -> String {
    String::from_utf8_lossy(&session).trim().escape_debug().to_string()
}

fn told(ports: &BTreeSet<u16>) -> String {
    let first = ports.iter().take(PORTS_TOLD).map(u16::to_string).collect::<Vec<_>>().join(", ");
    match ports.len() {
        0 => "no port".to_owned(),
        1 => format!("port {first}"),
        count if count > PORTS_TOLD => format!("ports {first} and {} more", count - PORTS_TOLD),
        _ => format!("ports {first}"),
    }
}

#[cfg(test)]
#[path = "capture_tests.rs"]
mod tests;
