//! The snapshot for late joiners, GLIMPSE-style (Nasdaq, "GLIMPSE 5.0 Specification"): ITCH messages over SoupBinTCP that
//! end with the sequence from which the live stream goes on.
//!
//! Invariant: a snapshot is complete, or it failed and its books are cleared before the next one.

use std::net::SocketAddrV4;

use sessions::soup::{Client, ClientConfig, ClientEvent};
use tiles::{Net, Tcp, TcpRead};

use super::output::Output;
use super::{FeedConfig, ROOM_RECORDS};

/// Type of the message that ends a snapshot; the number follows in twenty characters.
const END: u8 = b'G';
/// Reads in one cycle at most.
const READS_A_CYCLE: usize = 16;
/// A snapshot that takes longer has failed.
const AGE_NS_MAX: u64 = 30_000_000_000;

/// How a snapshot ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotEnd {
    /// The live stream goes on at this sequence.
    Complete {
        /// First sequence that is not in the snapshot.
        next_sequence: u64,
    },
    /// It broke off.
    Failed,
}

/// A snapshot under way, or none.
pub struct Snapshot {
    address: SocketAddrV4,
    soup: Client,
    stream: Option<Box<dyn Tcp>>,
    connected: bool,
    started_ns: u64,
    /// Steps since they were last asked for in which bytes went or came, or a connection was made or lost.
    moved: usize,
}

impl Snapshot {
    /// None under way.
    pub fn new(config: &FeedConfig) -> Self {
        Self {
            address: config.snapshot,
            soup: Client::new(login(config), 4_096),
            stream: None,
            connected: false,
            started_ns: 0,
            moved: 0,
        }
    }

    /// Whether one is under way.
    pub fn is_running(&self) -> bool {
        self.stream.is_some()
    }

    /// What was done since this was last asked: 0 while the venue is only waited for.
    pub fn take_moved(&mut self) -> usize {
        std::mem::take(&mut self.moved)
    }

    /// Starts to connect. A failure shows in the next [`Snapshot::work`].
    pub fn start(&mut self, net: &dyn Net, now_ns: u64) {
        self.soup.set_next_sequence(1);
        (self.stream, self.connected, self.started_ns) = (net.tcp_connect(self.address).ok(), false, now_ns);
        self.moved += 1;
    }

    /// Breaks off.
    pub fn stop(&mut self) {
        self.moved += usize::from(self.stream.take().is_some());
        self.soup.on_disconnected();
    }

    /// Goes on; returns how it ended, once it did.
    pub fn work(&mut self, now_ns: u64, received_ns: u64, output: &mut Output) -> Option<SnapshotEnd> {
        let end = self.step(now_ns, received_ns, output);
        if end.is_some() {
            self.stop();
        }
        end
    }

    fn step(&mut self, now_ns: u64, received_ns: u64, output: &mut Output) -> Option<SnapshotEnd> {
        let Some(stream) = &mut self.stream else { return Some(SnapshotEnd::Failed) };
        if now_ns.saturating_sub(self.started_ns) > AGE_NS_MAX {
            return Some(SnapshotEnd::Failed);
        }
        if !self.connected {
            match stream.connected() {
                Ok(true) => {
                    self.connected = true;
                    self.moved += 1;
                    self.soup.on_connected(now_ns);
                }
                Ok(false) => return None,
                Err(_) => return Some(SnapshotEnd::Failed),
            }
        }
        let mut end = None;
        for _ in 0..READS_A_CYCLE {
            match stream.write(self.soup.output()) {
                Ok(count) => {
                    self.moved += usize::from(count > 0);
                    self.soup.written(count);
                }
                Err(_) => return Some(SnapshotEnd::Failed),
            }
            if !output.has_room(ROOM_RECORDS) {
                break;
            }
            let read = stream.read(self.soup.space());
            self.moved += usize::from(matches!(read, TcpRead::Bytes(_)));
            match read {
                TcpRead::Idle => break,
                TcpRead::Closed => return Some(end.unwrap_or(SnapshotEnd::Failed)),
                TcpRead::Bytes(count) => self.soup.on_bytes(now_ns, count, &mut |event| match event {
                    ClientEvent::Sequenced { bytes, .. } => match bytes.split_first() {
                        Some((&END, number)) => {
                            let next = wire::digits(number);
                            end =
                                Some(next.map_or(SnapshotEnd::Failed, |next_sequence| SnapshotEnd::Complete {
                                    next_sequence,
                                }));
                        }
                        _ => output.snapshot_message(bytes, received_ns),
                    },
                    ClientEvent::Down(_) => end = end.or(Some(SnapshotEnd::Failed)),
                    _ => {}
                }),
            }
            if end.is_some() {
                return end;
            }
        }
        self.soup.on_time(now_ns, &mut |event| {
            if let ClientEvent::Down(_) = event {
                end = Some(SnapshotEnd::Failed);
            }
        });
        end
    }
}

fn login(config: &FeedConfig) -> ClientConfig {
    ClientConfig { username: config.username, password: config.password, session: [b' '; 10], first_sequence: 1 }
}
