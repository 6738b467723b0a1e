//! What an engine's tile has around it in a test: links, no network, a clock.
#![allow(dead_code)] // Each test file uses its part.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::rc::Rc;

use links::{Offer, Publication, Subscription};
use tiles::{Clock, Net, Tcp, TcpListener, Udp};

/// Records of a link.
pub type Queue = Rc<RefCell<VecDeque<Vec<u8>>>>;

/// Both ends of a link that may be full.
pub struct End {
    pub queue: Queue,
    pub full: Rc<Cell<bool>>,
}

impl End {
    /// One that is never full.
    pub fn of(queue: Queue) -> Self {
        Self { queue, full: Rc::default() }
    }
}

impl Publication for End {
    fn offer(&mut self, record: &[u8]) -> Offer {
        if self.full.get() {
            return Offer::Full;
        }
        self.queue.borrow_mut().push_back(record.to_vec());
        Offer::Sent
    }

    fn has_room(&self, _records: usize) -> bool {
        !self.full.get()
    }
}

impl Subscription for End {
    fn poll(&mut self, limit: usize, take: &mut dyn FnMut(&[u8])) -> usize {
        let mut taken = 0;
        while taken < limit {
            let Some(record) = self.queue.borrow_mut().pop_front() else { break };
            take(&record);
            taken += 1;
        }
        taken
    }

    fn lost(&self) -> u64 {
        0
    }

    fn connected(&self) -> bool {
        true
    }
}

/// A network that has nothing.
pub struct NoNet;

fn no<T>() -> io::Result<T> {
    Err(io::ErrorKind::Unsupported.into())
}

impl Net for NoNet {
    fn udp_multicast(&self, _group: SocketAddrV4, _interface: Ipv4Addr) -> io::Result<Box<dyn Udp>> {
        no()
    }
    fn udp(&self, _bind: SocketAddrV4, _interface: Ipv4Addr) -> io::Result<Box<dyn Udp>> {
        no()
    }
    fn tcp_connect(&self, _to: SocketAddrV4) -> io::Result<Box<dyn Tcp>> {
        no()
    }
    fn tcp_listen(&self, _at: SocketAddrV4) -> io::Result<Box<dyn TcpListener>> {
        no()
    }
}

/// A clock that a test sets.
pub struct At(pub Cell<u64>);

impl Clock for At {
    fn now_ns(&self) -> u64 {
        self.0.get()
    }
}
