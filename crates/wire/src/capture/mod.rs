//! Packet captures taken apart: link, network and transport layers, MoldUDP64 and SoupBinTCP, and the messages inside.
//!
//! Invariant: every byte of transport payload is either part of what was visited as good, a framing byte around it, or
//! counted as uncovered. Cold code: it allocates.

mod messages;
mod packets;
mod streams;

pub use packets::{Fault, Packet, Packets, Transport, packets};

use crate::describe::{Message, Protocol};
use crate::error::WireError;
use messages::Decoder;

/// Why a file is no capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureError(pub String);

impl std::fmt::Display for CaptureError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CaptureError {}

/// What the messages are to be taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Whatever fits: the framing by its structure, the messages by type and length.
    Any,
    /// Market data in MoldUDP64 or SoupBinTCP.
    Itch50,
    /// Orders in SoupBinTCP.
    Ouch50,
    /// SoupBinTCP alone; payloads stay bytes.
    SoupBin,
    /// MoldUDP64 alone; message blocks stay bytes.
    MoldUdp64,
}

impl Choice {
    /// By the protocol's name.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "itch50" => Self::Itch50,
            "ouch50" => Self::Ouch50,
            "soupbin" => Self::SoupBin,
            "moldudp64" => Self::MoldUdp64,
            _ => return None,
        })
    }
}

/// What a capture held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Packets in the file.
    pub packets: u64,
    /// Messages read: innermost ones, and packets of a session protocol that carry none.
    pub messages: u64,
    /// Bytes of transport payload.
    pub bytes: u64,
    /// Of those, bytes in no message and no framing.
    pub uncovered_bytes: u64,
    /// Messages framed but unknown or malformed.
    pub unknown: u64,
}

/// One message, or a framing header that stands for itself.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// The packet that completed it, from 1.
    pub packet: u64,
    /// The packet's time.
    pub time_ns: u64,
    /// Its number in its session where the framing tells it, else 0.
    pub sequence: u64,
    /// Its protocol.
    pub protocol: &'static Protocol,
    /// Which message, or why none.
    pub message: Result<&'static Message, WireError>,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Whether it counts as a message; the header of a packet with messages does not.
    pub counted: bool,
}

/// Reads a whole capture (pcap or pcapng) and visits its messages in order.
///
/// # Errors
/// [`CaptureError`] when the file is no capture or ends within a packet.
pub fn decode(file: &[u8], choice: Choice, visit: &mut dyn FnMut(&Found<'_>)) -> Result<Summary, CaptureError> {
    let mut decoder = Decoder::new(choice, visit);
    packets(file, &mut |packet| decoder.packet(packet))?;
    Ok(decoder.finish())
}
