//! The socket around the session: connects, reads, writes, connects again.
//!
//! Invariant: what the session queued is written in order; a broken connection is told to the session once.

use std::net::SocketAddrV4;

use tiles::{Net, Tcp, TcpRead};

use super::Stream;

/// A connection that is not made by then is tried anew: what answers later is a network's ghost.
const CONNECT_NS_MAX: u64 = 3_000_000_000;

/// The pause grows up to this where a venue refuses one logon after the other.
const PAUSE_NS_MAX: u64 = 30_000_000_000;
/// Refusals after which it grows.
const PATIENT_REFUSALS: u32 = 2;

/// What became of a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// Nothing to tell.
    Nothing,
    /// The connection was made; the login is queued.
    Connected,
    /// That many bytes were read into the session's space.
    Read(usize),
    /// The connection is gone.
    Lost,
}

/// The connection, or the wait for the next one.
pub struct Socket {
    address: SocketAddrV4,
    reconnect_ns: u64,
    stream: Option<Box<dyn Tcp>>,
    connected: bool,
    /// When the connection under way was begun.
    begun_ns: u64,
    again_ns: u64,
    /// Connections, one after the other, that ended before their logon was taken.
    refused: u32,
}

impl Socket {
    /// Connects to `address`, again after `reconnect_ns` when that fails.
    pub fn new(address: SocketAddrV4, reconnect_ns: u64) -> Self {
        Self { address, reconnect_ns, stream: None, connected: false, begun_ns: 0, again_ns: 0, refused: 0 }
    }

    /// Connects where that is due; reads once.
    pub fn step(&mut self, net: &dyn Net, session: &mut impl Stream, now_ns: u64) -> Happened {
        let Some(stream) = &mut self.stream else {
            if now_ns >= self.again_ns {
                (self.begun_ns, self.again_ns) = (now_ns, now_ns + self.reconnect_ns);
                self.stream = net.tcp_connect(self.address).ok();
            }
            return Happened::Nothing;
        };
        if !self.connected {
            match stream.connected() {
                Ok(true) => {
                    self.connected = true;
                    session.on_connected(now_ns);
                    return Happened::Connected;
                }
                Ok(false) if now_ns.saturating_sub(self.begun_ns) <= CONNECT_NS_MAX => return Happened::Nothing,
                Ok(false) => return self.close(now_ns),
                Err(_) => return self.close(now_ns),
            }
        }
        let space = session.space();
        if space.is_empty() {
            return Happened::Nothing; // What was read is handled first.
        }
        match stream.read(space) {
            TcpRead::Bytes(count) => Happened::Read(count),
            TcpRead::Idle => Happened::Nothing,
            TcpRead::Closed => self.close(now_ns),
        }
    }

    /// Writes what the session queued, as far as the socket takes it; `false` when the connection broke.
    pub fn flush(&mut self, session: &mut impl Stream) -> bool {
        let Some(stream) = self.stream.as_mut().filter(|_| self.connected) else { return true };
        while !session.output().is_empty() {
            match stream.write(session.output()) {
                Ok(0) => break,
                Ok(count) => session.written(count),
                Err(_) => return false,
            }
        }
        true
    }

    /// Closes the connection and makes the next one at once.
    pub fn connect_again(&mut self, now_ns: u64) {
        (self.stream, self.connected, self.again_ns) = (None, false, now_ns);
    }

    /// Closes the connection; the next one is tried after the pause, a longer one where logons are refused.
    pub fn close(&mut self, now_ns: u64) -> Happened {
        (self.stream, self.connected) = (None, false);
        let doublings = self.refused.saturating_sub(PATIENT_REFUSALS).min(16);
        let pause_ns = (self.reconnect_ns << doublings).min(PAUSE_NS_MAX.max(self.reconnect_ns));
        self.again_ns = now_ns + pause_ns;
        Happened::Lost
    }

    /// Whether the connection that ends now had its logon taken.
    pub fn had_logon(&mut self, taken: bool) {
        self.refused = if taken { 0 } else { self.refused.saturating_add(1) };
    }

    /// Connections, one after the other, that ended before their logon was taken.
    pub fn refused(&self) -> u32 {
        self.refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_venue_that_refuses_again_and_again_is_asked_less_often() {
        let mut socket = Socket::new("127.0.0.1:1".parse().expect("an address"), 500_000_000);
        let mut pauses = Vec::new();
        for _ in 0..12 {
            socket.had_logon(false);
            socket.close(0);
            pauses.push(socket.again_ns / 500_000_000);
        }
        assert_eq!(pauses, [1, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60]);
        assert_eq!(socket.refused(), 12);
        socket.had_logon(true);
        socket.close(0);
        assert_eq!((socket.again_ns, socket.refused()), (500_000_000, 0));
    }
}
