//! The most important recoveries once more over the machine's own sockets: lines that go dark, connections that break, a
//! venue that stops without a word. Time is still the simulation's, so that no test waits for a timeout.

use std::cell::{Cell, RefCell};
use std::io::{Error, ErrorKind, Result};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::rc::Rc;
use std::sync::atomic::Ordering;

use sim::Random;
use tiles::{Net, RealNet, Tcp, TcpListener, TcpRead, Udp};

use crate::world::{MILLISECOND, Ports, Setup, World};

thread_local! {
    /// What is received of lines A and B is thrown away.
    static DARK: Cell<[bool; 2]> = const { Cell::new([false; 2]) };
    /// Connections made before the latest cut are broken.
    static CUTS: Cell<u64> = const { Cell::new(0) };
    /// The exchange's process is stopped; its sockets stay open.
    static STOPPED: Cell<bool> = const { Cell::new(false) };
}

/// The machine's network, with what a test breaks of it.
struct Breakable;

struct Line(RefCell<Box<dyn Udp>>, usize);

struct Connection(Box<dyn Tcp>, u64);

impl Net for Breakable {
    fn udp_multicast(&self, group: SocketAddrV4, interface: Ipv4Addr) -> Result<Box<dyn Udp>> {
        let line = usize::from(group.ip().octets()[3] - 1);
        Ok(Box::new(Line(RefCell::new(RealNet.udp_multicast(group, interface)?), line)))
    }
    fn udp(&self, bind: SocketAddrV4, interface: Ipv4Addr) -> Result<Box<dyn Udp>> {
        RealNet.udp(bind, interface)
    }
    fn tcp_connect(&self, to: SocketAddrV4) -> Result<Box<dyn Tcp>> {
        Ok(Box::new(Connection(RealNet.tcp_connect(to)?, CUTS.get())))
    }
    fn tcp_listen(&self, at: SocketAddrV4) -> Result<Box<dyn TcpListener>> {
        RealNet.tcp_listen(at)
    }
}

impl Udp for Line {
    fn receive(&mut self, buffer: &mut [u8]) -> Result<Option<(usize, SocketAddrV4)>> {
        let inner = self.0.get_mut();
        while DARK.get()[self.1] && inner.receive(buffer)?.is_some() {}
        if DARK.get()[self.1] { Ok(None) } else { inner.receive(buffer) }
    }
    fn send_to(&mut self, bytes: &[u8], to: SocketAddrV4) -> Result<bool> {
        self.0.get_mut().send_to(bytes, to)
    }
    fn local(&self) -> SocketAddrV4 {
        self.0.borrow().local()
    }
}

impl Tcp for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> TcpRead {
        if self.1 < CUTS.get() { TcpRead::Closed } else { self.0.read(buffer) }
    }
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        if self.1 < CUTS.get() { Err(Error::from(ErrorKind::BrokenPipe)) } else { self.0.write(bytes) }
    }
    fn connected(&mut self) -> Result<bool> {
        self.0.connected()
    }
}

/// A port that nobody has now, for venue 1.
fn free(tcp: bool) -> u16 {
    let at = (Ipv4Addr::LOCALHOST, 0);
    let port = if tcp {
        std::net::TcpListener::bind(at).and_then(|socket| socket.local_addr()).unwrap().port()
    } else {
        UdpSocket::bind(at).and_then(|socket| socket.local_addr()).unwrap().port()
    };
    port - 1
}

fn setup(seed: u64) -> Setup {
    DARK.set([false; 2]);
    CUTS.set(0);
    STOPPED.set(false);
    let ports = Ports { lines: free(false), retransmission: free(false), snapshot: free(true), orders: free(true) };
    Setup {
        ports,
        run_ns: 150 * MILLISECOND,
        wrap: |_| Rc::new(Breakable),
        around: |name, work| if STOPPED.get() && name.starts_with("exchange") { 0 } else { work() },
        ..Setup::new(seed)
    }
}

/// To the end, and until a heartbeat has told of what was lost last; in long steps, for sockets take their own time.
fn heal(world: &mut World) {
    world.run_to_rest();
    world.sim.set_step_ns(50_000, 150_000);
    world.run(1_500 * MILLISECOND);
}

#[test]
fn real_lines_lost_in_turn_and_together_are_healed() {
    let mut world = World::new(Setup { feed_messages: 256, run_ns: 250 * MILLISECOND, ..setup(1) });
    world.run(20 * MILLISECOND);
    for (dark, for_ms) in [([true, false], 20), ([false, true], 20)] {
        DARK.set(dark);
        world.run(for_ms * MILLISECOND);
        DARK.set([false; 2]);
    }
    assert_eq!(world.counter("feed1.feed.gaps"), 0, "one line carries everything");
    DARK.set([true; 2]);
    world.run(4 * MILLISECOND);
    DARK.set([false; 2]);
    world.run(30 * MILLISECOND);
    assert!(world.counter("feed1.feed.gaps") > 0 && world.counter("feed1.feed.retransmission_requests") > 0);
    DARK.set([true; 2]);
    world.run(80 * MILLISECOND);
    DARK.set([false; 2]);
    heal(&mut world);
    assert!(world.counter("feed1.feed.snapshots") > 0, "that was more than is sent again");
    assert!(world.seen.stale.load(Ordering::Relaxed) > 0, "and the strategy was told");
    world.check_at_rest();
    assert_eq!(world.breaks(), [""; 0]);
}

#[test]
fn real_connections_that_break_and_a_gateway_that_dies_lose_and_double_nothing() {
    let mut world = World::new(setup(2));
    let mut random = Random::new(2);
    for round in 0..6 {
        world.run(random.between(8 * MILLISECOND, 20 * MILLISECOND));
        if round % 3 == 2 {
            world.kill_gateway(1);
            world.run(random.between(0, 3 * MILLISECOND));
            world.start_gateway(1);
        } else {
            CUTS.set(CUTS.get() + 1);
        }
    }
    heal(&mut world);
    assert!(world.counter("gateway1.gateway.connects") > 8);
    assert!(world.check_at_rest().fills > 10);
    assert_eq!(world.breaks(), [""; 0]);
    assert_eq!(world.replay().agrees(), Some(true));
}

/// Stopped, the venue's host still takes what is sent to it (SIGSTOP, OpenAlice 294).
#[test]
fn v2_a_real_half_open_socket_is_noticed_and_its_orders_stay_held() {
    let mut world = World::new(setup(3));
    while world.with_engine(|engine| engine.live_orders().count()) < 5 {
        world.run(MILLISECOND);
    }
    STOPPED.set(true);
    world.sim.set_step_ns(500_000, 1_500_000);
    world.run(10_000 * MILLISECOND);
    assert_eq!(world.counter("gateway1.gateway.state"), 1, "it looks healthy");
    world.run(10_000 * MILLISECOND);
    assert_ne!(world.counter("gateway1.gateway.state"), 1, "fifteen seconds of silence are a session that is down");
    let (held, unknown) = world.held();
    assert!(held > 0 && unknown == world.live().len(), "{unknown} unknown, {held} held");
    STOPPED.set(false);
    world.sim.set_step_ns(1_000, 30_000);
    heal(&mut world);
    world.check_at_rest();
    assert_eq!(world.breaks(), [""; 0]);
}
