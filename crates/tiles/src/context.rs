//! What a tile is given: clock, sockets, files, links and counters, each behind a trait with a real and a simulated form.
//!
//! Invariant: nothing here blocks. A socket that cannot go on says so, and the tile comes back in a later cycle.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::rc::Rc;

use links::{Publication, Subscription};

use crate::{Neighbour, Neighbours};

const PAGE_BYTES: usize = 4096;

/// UTC time. Read once a cycle by the runner and passed down; tiles ask themselves only for stage stamps.
pub trait Clock {
    /// Nanoseconds since 1970, UTC.
    fn now_ns(&self) -> u64;
}

/// A datagram socket, never blocking.
pub trait Udp {
    /// One datagram into `buffer`: its length and sender, or `None` when nothing waits.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddrV4)>>;
    /// Sends one datagram; `false` when the socket's buffer is full (the datagram is not sent).
    fn send_to(&mut self, bytes: &[u8], to: SocketAddrV4) -> io::Result<bool>;
    /// Where it is bound.
    fn local(&self) -> SocketAddrV4;
    /// One more handle of it, for another process; `None`: it cannot be given.
    fn handle(&self) -> Option<OwnedFd> {
        None
    }
}

/// Outcome of a read from a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpRead {
    /// That many bytes were read.
    Bytes(usize),
    /// Nothing waits (also while still connecting).
    Idle,
    /// The peer closed, or the connection broke.
    Closed,
}

/// A stream, never blocking, without delay (TCP_NODELAY).
pub trait Tcp {
    /// Reads what waits.
    fn read(&mut self, buffer: &mut [u8]) -> TcpRead;
    /// Writes as much as fits; 0 while connecting or full.
    ///
    /// # Errors
    /// When the connection is broken.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Whether the connection is made. `Err` when it failed.
    fn connected(&mut self) -> io::Result<bool>;
    /// The system's number for it, where the system has one: for a [`Poller`].
    fn descriptor(&self) -> Option<i32> {
        None
    }
    /// One more handle of it, for another process; `None`: it cannot be given.
    fn handle(&self) -> Option<OwnedFd> {
        None
    }
}

/// Tells which of many streams have something to read, so that idle ones cost nothing.
pub trait Poller {
    /// Watches a stream under this number, until it is closed; `false`: it cannot be watched and is to be read each time.
    fn watch(&mut self, stream: &dyn Tcp, number: u64) -> bool;
    /// Hands over the numbers of streams that can be read (or are closed), a bounded part of them each time.
    fn readable(&mut self, each: &mut dyn FnMut(u64));
}

/// A listening socket, never blocking.
pub trait TcpListener {
    /// A new connection and its peer, or `None`.
    fn accept(&mut self) -> io::Result<Option<(Box<dyn Tcp>, SocketAddrV4)>>;
    /// Where it listens.
    fn local(&self) -> SocketAddrV4;
    /// One more handle of it, for another process; `None`: it cannot be given.
    fn handle(&self) -> Option<OwnedFd> {
        None
    }
}

/// The network.
pub trait Net {
    /// Joins `group` on the interface with this address.
    fn udp_multicast(&self, group: SocketAddrV4, interface: Ipv4Addr) -> io::Result<Box<dyn Udp>>;
    /// A socket to send from (multicast with TTL 0 through `interface`) and to be answered at.
    fn udp(&self, bind: SocketAddrV4, interface: Ipv4Addr) -> io::Result<Box<dyn Udp>>;
    /// Starts to connect.
    fn tcp_connect(&self, to: SocketAddrV4) -> io::Result<Box<dyn Tcp>>;
    /// Listens.
    fn tcp_listen(&self, at: SocketAddrV4) -> io::Result<Box<dyn TcpListener>>;
    /// Watches many streams; `None`: they are to be read each time.
    fn poller(&self) -> Option<Box<dyn Poller>> {
        None
    }
    /// A datagram socket that another process gave.
    fn udp_given(&self, _socket: OwnedFd) -> io::Result<Box<dyn Udp>> {
        Err(io::ErrorKind::Unsupported.into())
    }
    /// A connection that another process gave.
    fn tcp_given(&self, _socket: OwnedFd) -> io::Result<Box<dyn Tcp>> {
        Err(io::ErrorKind::Unsupported.into())
    }
    /// A listener that another process gave.
    fn listener_given(&self, _socket: OwnedFd) -> io::Result<Box<dyn TcpListener>> {
        Err(io::ErrorKind::Unsupported.into())
    }
    /// Where a successor of this tile comes to; `None`: it gives its place to nobody.
    fn successors(&self) -> io::Result<Option<Neighbours>> {
        Ok(None)
    }
    /// The tile whose place this one takes; `None`: it begins by itself.
    fn predecessor(&self) -> io::Result<Option<Neighbour>> {
        Ok(None)
    }
}

/// A file of fixed size, mapped.
pub trait Segment {
    /// Its bytes.
    fn bytes(&self) -> &[u8];
    /// Its bytes, to write.
    fn bytes_mut(&mut self) -> &mut [u8];
    /// Some of its bytes, to write: a device that is a model need not look for what changed in the others.
    fn part_mut(&mut self, bytes: Range<usize>) -> &mut [u8] {
        &mut self.bytes_mut()[bytes]
    }
    /// Forces them to the device (fdatasync). A device that takes its time (a simulated one) may say
    /// [`io::ErrorKind::WouldBlock`], and is asked again; any other error is for good.
    fn sync(&mut self) -> io::Result<()>;
    /// The same file for a [`crate::Flusher`]; `None` where its owner is to force it between two cycles.
    ///
    /// # Errors
    /// When the system has no further descriptor.
    fn forced(&self) -> io::Result<Option<Box<dyn crate::Forced>>> {
        Ok(None)
    }
    /// Writes to each page of these bytes what it holds, so that nobody meets it for the first time later.
    fn meet(&mut self, bytes: Range<usize>) {
        for page in self.bytes_mut()[bytes].chunks_mut(PAGE_BYTES) {
            page[0] = std::hint::black_box(page[0]);
        }
    }
}

/// Files by name below the tile's own directory.
pub trait Storage {
    /// Creates (zero-filled, space reserved) or opens a file of `size` bytes.
    fn open(&self, name: &str, size: usize) -> io::Result<Box<dyn Segment>>;
    /// Which start of its host this is: a number that no other start has, not 0. 0: unknown. What a file held in memory outlives a
    /// process, and not this.
    fn boot(&self) -> u64 {
        0
    }
    /// Where the files lie, for who reads there what another process writes; `None`: nowhere that another process sees.
    fn directory(&self) -> Option<&Path> {
        None
    }
    /// Names present, sorted.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Takes a file away.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Forces a file that is not open to the device; one that was taken away meanwhile is nobody's any more.
    fn force(&self, name: &str, size: usize) -> io::Result<()> {
        self.open(name, size)?.sync()
    }
    /// All bytes of a file, whatever its size; it is not open.
    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        Err(io::Error::new(io::ErrorKind::Unsupported, format!("file {name}: this storage reads no whole files")))
    }
    /// Puts a file there whole or not at all, also when the host is lost meanwhile; what stood there under the name is gone then.
    fn put(&self, name: &str, _bytes: &[u8]) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::Unsupported, format!("file {name}: this storage takes no whole files")))
    }
}

/// All that a tile is given.
pub struct Context {
    /// Time.
    pub clock: Rc<dyn Clock>,
    /// Network.
    pub net: Rc<dyn Net>,
    /// Files.
    pub storage: Rc<dyn Storage>,
    /// Producer's ends by link name; a tile takes what it needs out of the map.
    pub publications: BTreeMap<String, Box<dyn Publication>>,
    /// Consumer's ends by link name.
    pub subscriptions: BTreeMap<String, Box<dyn Subscription>>,
    /// Counters and histograms of this tile.
    pub counters: links::Counters,
}

impl Context {
    /// Takes this link's producer's end out of the map.
    ///
    /// # Errors
    /// When the topology gives the tile no such link to produce.
    pub fn take_publication(&mut self, tile: &str, link: &str) -> Result<Box<dyn Publication>, crate::StartError> {
        let known: Vec<String> = self.publications.keys().cloned().collect();
        self.publications.remove(link).ok_or_else(|| missing(tile, link, "produces", &known))
    }

    /// Takes this link's consumer's end out of the map.
    ///
    /// # Errors
    /// When the topology gives the tile no such link to consume.
    pub fn take_subscription(&mut self, tile: &str, link: &str) -> Result<Box<dyn Subscription>, crate::StartError> {
        let known: Vec<String> = self.subscriptions.keys().cloned().collect();
        self.subscriptions.remove(link).ok_or_else(|| missing(tile, link, "consumes", &known))
    }
}

fn missing(tile: &str, link: &str, verb: &str, known: &[String]) -> crate::StartError {
    let known = if known.is_empty() { "no link".to_owned() } else { known.join(", ") };
    crate::StartError(format!("tile {tile}: link {link:?} is not its own; in the topology it {verb} {known}"))
}
