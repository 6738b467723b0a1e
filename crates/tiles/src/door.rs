//! Who may stand at a listener before having logged in: how long, how many, and who makes room for a newcomer.
//!
//! Invariant: a newcomer always gets a place, and takes it from nobody who is logged in: first from its own address's
//! oldest, where that address has its share, else from the oldest of all. So sockets that say nothing, or a byte at a time,
//! keep nobody out for longer than a login takes.

use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;

use crate::{Tcp, TcpListener, settings};
use links::{Counter, Counters};

settings! {
    /// The rules, the same for every listener of a tile.
    pub struct DoorConfig {
        /// A connection that has not logged in by then is closed, whatever it says meanwhile.
        pub login_ns_max: u64 = 2_000_000_000, "a whole number of ns from 1000000 to 60000000000",
            |ns| (1_000_000..=60_000_000_000).contains(ns);
        /// Connections that may wait at one listener.
        pub waiting_max: usize = 16, "a whole number from 1 to 1024", |places| (1..=1_024).contains(places);
        /// How many of them may come from one address.
        pub waiting_per_address_max: usize = 8, "a whole number from 1 to 1024", |places| (1..=1_024).contains(places);
    }
}

impl Default for DoorConfig {
    fn default() -> Self {
        Self { login_ns_max: 2_000_000_000, waiting_max: 16, waiting_per_address_max: 8 }
    }
}

/// Since when a place is taken, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Their address.
    pub address: Ipv4Addr,
    /// When the connection was taken, ns UTC.
    pub since_ns: u64,
}

/// A listener with its rules.
pub struct Door {
    listener: Box<dyn TcpListener>,
    config: DoorConfig,
    connections: Counter,
    displaced: Counter,
    late: Counter,
    accept_failed: Counter,
}

impl Door {
    /// Counts under `scope`.
    pub fn new(listener: Box<dyn TcpListener>, config: DoorConfig, scope: &Counters) -> Self {
        Self {
            listener,
            config,
            connections: scope.counter("connections"),
            displaced: scope.counter("displaced"),
            late: scope.counter("late_logins"),
            accept_failed: scope.counter("accept_failed"),
        }
    }

    /// Who has connected, if anybody has.
    pub fn accept(&mut self, now_ns: u64) -> Option<(Box<dyn Tcp>, Waiting)> {
        match self.listener.accept() {
            Ok(Some((socket, peer))) => {
                self.connections.add(1);
                Some((socket, Waiting { address: *peer.ip(), since_ns: now_ns }))
            }
            Ok(None) => None,
            Err(_) => {
                self.accept_failed.add(1);
                None
            }
        }
    }

    /// One more handle of its listener, for another process.
    pub fn handle(&self) -> Option<OwnedFd> {
        self.listener.handle()
    }

    /// Which of those that wait (by index) must go before `newcomer` waits too; `None`: there is room.
    pub fn makes_room(&self, newcomer: Waiting, waiting: impl Iterator<Item = (usize, Waiting)>) -> Option<usize> {
        let (mut all, mut own) = (Group::default(), Group::default());
        for (at, place) in waiting {
            all.add(at, place);
            if place.address == newcomer.address {
                own.add(at, place);
            }
        }
        let goes = if own.count >= self.config.waiting_per_address_max {
            own.oldest
        } else if all.count >= self.config.waiting_max {
            all.oldest
        } else {
            None
        };
        self.displaced.add(u64::from(goes.is_some()));
        goes.map(|(at, _)| at)
    }

    /// Whether one that waits has had its time.
    pub fn is_late(&self, place: Waiting, now_ns: u64) -> bool {
        let late = now_ns.saturating_sub(place.since_ns) > self.config.login_ns_max;
        self.late.add(u64::from(late));
        late
    }
}

/// How many wait, and who has waited longest.
#[derive(Default)]
struct Group {
    count: usize,
    oldest: Option<(usize, u64)>,
}

impl Group {
    fn add(&mut self, at: usize, place: Waiting) {
        self.count += 1;
        if self.oldest.is_none_or(|(_, since_ns)| place.since_ns < since_ns) {
            self.oldest = Some((at, place.since_ns));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nobody;

    impl TcpListener for Nobody {
        fn accept(&mut self) -> std::io::Result<Option<(Box<dyn Tcp>, std::net::SocketAddrV4)>> {
            Ok(None)
        }

        fn local(&self) -> std::net::SocketAddrV4 {
            std::net::SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1)
        }
    }

    fn waiting(rows: &[(u8, u64)]) -> Vec<(usize, Waiting)> {
        let place = |&(last, since_ns)| Waiting { address: Ipv4Addr::new(10, 0, 0, last), since_ns };
        rows.iter().map(place).enumerate().collect()
    }

    #[test]
    fn an_address_with_its_share_makes_room_itself_and_else_the_oldest_of_all_does() {
        let config = DoorConfig { login_ns_max: 1_000_000, waiting_max: 4, waiting_per_address_max: 2 };
        let counters = Counters::local();
        let door = Door::new(Box::new(Nobody), config, &counters);
        let newcomer = |last| Waiting { address: Ipv4Addr::new(10, 0, 0, last), since_ns: 50 };
        let goes = |rows: &[(u8, u64)], last| door.makes_room(newcomer(last), waiting(rows).into_iter());
        assert_eq!(goes(&[], 1), None);
        assert_eq!(goes(&[(1, 10), (2, 5), (3, 20)], 1), None, "there is room, and it has one of two");
        assert_eq!(goes(&[(2, 5), (1, 20), (1, 10)], 1), Some(2), "its own oldest, though there is room");
        assert_eq!(goes(&[(2, 5), (1, 20), (1, 10)], 3), None);
        assert_eq!(goes(&[(1, 20), (2, 30), (3, 5), (2, 7)], 4), Some(2), "the oldest of all");
        assert_eq!(goes(&[(1, 20), (2, 30), (3, 5), (2, 7)], 2), Some(3), "its own oldest, not the oldest of all");
        assert_eq!(door.displaced.get(), 3);
        assert!(!door.is_late(newcomer(1), 50 + 1_000_000));
        assert!(door.is_late(newcomer(1), 51 + 1_000_000));
        assert_eq!(door.late.get(), 1);
    }

    #[test]
    fn rules_out_of_range_are_refused() {
        let read = |text: &str| {
            let mut errors = Vec::new();
            let rules = crate::TileSpec::parse(text).unwrap().settings::<DoorConfig>();
            errors.extend(rules.err().iter().flat_map(|error| error.0.lines()).map(str::to_owned));
            errors.len()
        };
        assert_eq!(read(r#"{"name": "d", "kind": "x", "settings": {}}"#), 0);
        assert_eq!(read(r#"{"name": "d", "kind": "x", "settings": {"login_ns_max": 0, "waiting_max": 0}}"#), 2);
    }
}
