//! Bytes that nobody should send: on the lines, on the retransmission port, to the order port, from something that poses as
//! the venue. Counted, kept as samples, never a panic, and everybody finds the truth again.

use std::net::{Ipv4Addr, SocketAddrV4};

use sessions::soup::{Server, ServerEvent};
use sessions::{MemoryStore, MessageStore};
use sim::{Random, SimDisk};
use tiles::{Clock, Context, StartError, Storage, Tcp, TcpListener, TcpRead, Tile};
use wire::ouch50::{AccountQueryResponseFields, SystemEventFields};

use crate::world::{MILLISECOND, Setup, World, line, order_port};

const LOCAL: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
const SESSION: [u8; 10] = *b"HOUSE00001";

fn bytes(random: &mut Random, most: u64) -> Vec<u8> {
    (0..random.between(0, most)).map(|_| random.number() as u8).collect()
}

fn packet(session: [u8; 10], sequence: u64, count: u16, rest: &[u8]) -> Vec<u8> {
    [&session[..], &sequence.to_be_bytes(), &count.to_be_bytes(), rest].concat()
}

fn message(random: &mut Random, length: u16) -> Vec<u8> {
    let body: Vec<u8> = (0..length).map(|_| random.number() as u8).collect();
    [&length.to_be_bytes()[..], &body].concat()
}

/// One bad datagram of the `kind`-th sort.
fn bad(random: &mut Random, kind: u64) -> Vec<u8> {
    let (far, near) = (random.between(1 << 30, 1 << 47), random.between(50_000, 400_000));
    match kind {
        0 => bytes(random, 1_400),
        1 => packet(*b"SOMEOTHER ", 1, 1, &message(random, 30)),
        2 => packet(SESSION, far, 0, &[]),
        3 => packet(SESSION, u64::MAX - 3, 9, &[]),
        4 => packet(SESSION, 1, 7, &bytes(random, 100)),
        5 => packet(SESSION, near, 1, &message(random, 40)),
        6 => packet(SESSION, near, 1, &message(random, 60_000)),
        _ => packet(SESSION, near, 0xffff, &[]),
    }
}

#[test]
fn garbage_on_the_lines_is_counted_and_the_book_is_right_in_the_end() {
    for seed in 1..=12 {
        let mut world = World::new(Setup { run_ns: 100 * MILLISECOND, ..Setup::new(seed) });
        let mut random = Random::new(seed);
        let mut vandal = world.sim.context("vandal").net.udp(LOCAL, Ipv4Addr::LOCALHOST).unwrap();
        world.run(20 * MILLISECOND);
        let snapshots = world.counter("feed1.feed.snapshots");
        for _ in 0..40 {
            let kind = if seed <= 8 { seed - 1 } else { random.between(0, 7) };
            let datagram = bad(&mut random, kind);
            vandal.send_to(&datagram, line(1, random.between(1, 2) as u8)).unwrap();
            vandal.send_to(&datagram, SocketAddrV4::new(Ipv4Addr::LOCALHOST, 7_001)).unwrap();
            world.run(random.between(10_000, 2 * MILLISECOND));
        }
        world.run_to_rest();
        world.run(1_200 * MILLISECOND);
        let counted = world.counter("feed1.feed.packets_malformed")
            + world.counter("feed1.feed.packets_of_another_session")
            + world.counter("feed1.feed.gaps");
        assert!(counted > 0, "seed {seed}");
        // Strays of another session disturb nothing.
        assert!(seed != 2 || world.counter("feed1.feed.snapshots") == snapshots, "seed {seed}");
        // Those of seed 5 look like requests for what there is.
        assert!(seed == 5 || world.counter("exchange1.feed.requests_refused") > 0, "seed {seed}");
        world.check_at_rest();
    }
}

#[test]
fn garbage_at_the_order_and_snapshot_ports_does_not_reach_the_book() {
    for seed in 1..=6 {
        let mut world = World::new(Setup { run_ns: 100 * MILLISECOND, ..Setup::new(seed) });
        let mut random = Random::new(seed);
        let net = world.sim.context("vandal").net;
        for round in 0..20_u64 {
            let to = if round % 2 == 0 { order_port(1) } else { SocketAddrV4::new(Ipv4Addr::LOCALHOST, 7_101) };
            let mut stream = net.tcp_connect(to).unwrap();
            world.run(200_000);
            for _ in 0..4 {
                let _may_be_closed = stream.write(&bytes(&mut random, 400));
                world.run(200_000);
            }
            drop(stream);
            world.run(MILLISECOND);
        }
        world.run_to_rest();
        let checked = world.check_at_rest();
        assert!(checked.fills > 0, "seed {seed}");
        assert_eq!(world.breaks(), [""; 0], "seed {seed}");
    }
}

/// Listens where the venue does and writes whatever it is told to whoever connects.
struct Impostor {
    listener: Box<dyn TcpListener>,
    streams: Vec<Box<dyn Tcp>>,
    random: Random,
}

impl Tile for Impostor {
    fn name(&self) -> &str {
        "impostor"
    }

    fn on_start(&mut self, _now_ns: u64) -> Result<(), StartError> {
        Ok(())
    }

    fn do_work(&mut self, _now_ns: u64) -> usize {
        while let Ok(Some((stream, _))) = self.listener.accept() {
            self.streams.push(stream);
        }
        let random = &mut self.random;
        self.streams.retain_mut(|stream| {
            let kind = random.between(0, 60);
            let garbage = match kind {
                0 => bytes(random, 200),
                1 => vec![0, 2, b'J', b'A'],
                2 => vec![0xff; 40],
                3 => vec![0, 1, b'Z'],
                _ => Vec::new(),
            };
            stream.write(&garbage).is_ok() && kind != 5
        });
        1
    }

    fn on_close(&mut self, _now_ns: u64) {}
}

#[test]
fn something_that_poses_as_the_venue_is_survived() {
    for seed in 1..=6 {
        let mut world = World::new(Setup { run_ns: 160 * MILLISECOND, ..Setup::new(seed) });
        world.run(50 * MILLISECOND);
        let (tile, id) = world.venue(1).exchange.take().expect("an exchange runs");
        world.sim.kill(id);
        drop(tile);
        let mut impostors = Vec::new();
        for port in [order_port(1), SocketAddrV4::new(Ipv4Addr::LOCALHOST, 7_101)] {
            let listener = world.sim.context("impostor").net.tcp_listen(port).unwrap();
            let impostor = Impostor { listener, streams: Vec::new(), random: Random::new(seed) };
            impostors.push(world.sim.add(Box::new(impostor)).unwrap());
        }
        world.run(30 * MILLISECOND);
        impostors.into_iter().for_each(|id| world.sim.kill(id));
        let storm = world.storm(1);
        world.start_exchange(1, storm);
        world.run_to_rest();
        world.run(1_200 * MILLISECOND);
        assert!(world.counter("gateway1.gateway.connects") > 4, "seed {seed}");
        let checked = world.check_at_rest();
        assert!(checked.fills > 0, "seed {seed}");
        assert_eq!(world.breaks(), [""; 0], "seed {seed}");
    }
}

/// A session that is right in every frame and wrong in every message.
struct Babbler {
    listener: Box<dyn TcpListener>,
    stream: Option<(Box<dyn Tcp>, Server)>,
    store: MemoryStore,
    random: Random,
    said: usize,
}

impl Babbler {
    fn new(context: &Context) -> Self {
        let mut store = MemoryStore::with_capacity(1_000, 100_000);
        let mut message = [0; 64];
        let length = SystemEventFields { event_code: b'S', ..Default::default() }.encode(&mut message);
        store.append(&message[..length]).unwrap();
        let listener = context.net.tcp_listen(order_port(1)).unwrap();
        Self { listener, stream: None, store, random: Random::new(5), said: 0 }
    }

    fn babble(&mut self) {
        let kind = b"AUCDEBJXP?zq!"[self.random.between(0, 12) as usize];
        // Too short for any message of these kinds.
        let rest = bytes(&mut self.random, 6);
        self.store.append(&[&[kind][..], &rest].concat()).unwrap();
        self.said += 1;
    }
}

impl Tile for Babbler {
    fn name(&self) -> &str {
        "babbler"
    }

    fn on_start(&mut self, _now_ns: u64) -> Result<(), StartError> {
        Ok(())
    }

    fn do_work(&mut self, now_ns: u64) -> usize {
        if let Ok(Some((stream, _))) = self.listener.accept() {
            self.stream = Some((stream, Server::new(now_ns, 1 << 16)));
        }
        if self.said < 300 && self.random.between(0, 9) == 0 {
            self.babble();
        }
        let Some((stream, server)) = &mut self.stream else { return 0 };
        let (mut login, mut asked) = (None, false);
        if let TcpRead::Bytes(count) = stream.read(server.space()) {
            server.on_bytes(now_ns, count, &mut |event| match event {
                ServerEvent::Login { sequence, .. } => login = Some(sequence),
                ServerEvent::Unsequenced(_) => asked = true,
                _ => {}
            });
        }
        if let Some(sequence) = login {
            server.accept(*b"BABBLE    ", sequence, &self.store);
        }
        if asked {
            let mut message = [0; 64];
            let answer = AccountQueryResponseFields { next_user_ref_num: 1, ..Default::default() };
            let length = answer.encode(&mut message);
            self.store.append(&message[..length]).unwrap();
        }
        server.pump(now_ns, &self.store);
        if let Ok(count) = stream.write(server.output()) {
            server.written(count);
        }
        1
    }

    fn on_close(&mut self, _now_ns: u64) {}
}

#[test]
fn malformed_messages_in_a_session_are_counted_sampled_and_skipped() {
    let mut world = World::empty(Setup::new(3));
    let context = world.sim.context("babbler");
    world.sim.add(Box::new(Babbler::new(&context))).unwrap();
    world.start_rest();
    world.run(100 * MILLISECOND);
    assert_eq!(world.counter("gateway1.gateway.messages_malformed"), 300);
    assert_eq!(world.counter("gateway1.gateway.state"), 1, "the session is up all the same");
    assert_eq!(world.counter("gateway1.gateway.disconnects"), 0);
    assert!(world.sim.clock.now_ns() > 0);
    let (tile, id) = world.venue(1).gateway.take().expect("a gateway runs");
    world.sim.kill(id);
    drop(tile);
    assert!(sampled(&world.sim.disk("gateway1")) > 1_000, "samples of them are kept");
}

fn sampled(disk: &SimDisk) -> usize {
    let file = disk.open("bad-messages", 1 << 20).unwrap();
    file.bytes().iter().filter(|byte| **byte != 0).count()
}
