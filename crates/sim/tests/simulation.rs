//! Toy tiles over the simulated network, links and disk: what was sent arrives as the faults allow, and a seed repeats itself.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::rc::Rc;

use links::{Offer, Publication, RingConfig, Subscription};
use sim::{Faults, Simulation};
use tiles::{Clock, Context, StartError, Storage, Tcp, TcpListener, TcpRead, Tile, Udp};

const GROUP: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(239, 1, 1, 1), 5000);
const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 7000);
const PACKETS: u64 = 2000;

type Log = Rc<RefCell<Vec<u64>>>;

/// Sends numbers to the group.
struct Publisher {
    context: Context,
    socket: Option<Box<dyn Udp>>,
    next: u64,
}

/// Hears the group and passes what it hears over a link.
struct Listener {
    context: Context,
    socket: Option<Box<dyn Udp>>,
    out: Box<dyn Publication>,
}

/// Writes down what comes over the link.
struct Writer {
    input: Box<dyn Subscription>,
    log: Log,
}

impl Tile for Publisher {
    fn name(&self) -> &str {
        "publisher"
    }

    fn on_start(&mut self, _now_ns: u64) -> Result<(), StartError> {
        let any = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
        self.socket = Some(self.context.net.udp(any, Ipv4Addr::LOCALHOST)?);
        Ok(())
    }

    fn do_work(&mut self, _now_ns: u64) -> usize {
        if self.next == PACKETS {
            return 0;
        }
        self.socket.as_mut().unwrap().send_to(&self.next.to_le_bytes(), GROUP).unwrap();
        self.next += 1;
        1
    }

    fn on_close(&mut self, _now_ns: u64) {}
}

impl Tile for Listener {
    fn name(&self) -> &str {
        "listener"
    }

    fn on_start(&mut self, _now_ns: u64) -> Result<(), StartError> {
        self.socket = Some(self.context.net.udp_multicast(GROUP, Ipv4Addr::LOCALHOST)?);
        Ok(())
    }

    fn do_work(&mut self, _now_ns: u64) -> usize {
        let mut buffer = [0; 64];
        let socket = self.socket.as_mut().unwrap();
        let mut work = 0;
        while let Some((length, _)) = socket.receive(&mut buffer).unwrap() {
            assert_eq!(self.out.offer(&buffer[..length]), Offer::Sent);
            work += 1;
        }
        work
    }

    fn on_close(&mut self, _now_ns: u64) {}
}

impl Tile for Writer {
    fn name(&self) -> &str {
        "writer"
    }

    fn on_start(&mut self, _now_ns: u64) -> Result<(), StartError> {
        Ok(())
    }

    fn do_work(&mut self, _now_ns: u64) -> usize {
        let log = &self.log;
        self.input.poll(16, &mut |record| log.borrow_mut().push(u64::from_le_bytes(record.try_into().unwrap())))
    }

    fn on_close(&mut self, _now_ns: u64) {}
}

fn multicast(seed: u64, faults: Faults) -> Vec<u64> {
    let mut sim = Simulation::new(seed, faults);
    let config = RingConfig { depth_records: 8192, record_bytes_max: 8, reliable: vec![true] };
    sim.link("listener_writer", &config, "listener", &["writer"]).unwrap();
    let log = Log::default();
    let context = sim.context("publisher");
    sim.add(Box::new(Publisher { context, socket: None, next: 0 })).unwrap();
    let mut context = sim.context("listener");
    let out = context.take_publication("listener", "listener_writer").unwrap();
    sim.add(Box::new(Listener { context, socket: None, out })).unwrap();
    let input = sim.context("writer").take_subscription("writer", "listener_writer").unwrap();
    sim.add(Box::new(Writer { input, log: Rc::clone(&log) })).unwrap();
    sim.run_for(50_000_000);
    drop(sim);
    log.take()
}

#[test]
fn a_good_network_delivers_every_packet_once_and_in_order() {
    let seen = multicast(1, Faults::NONE);
    // The first may be sent before the listener's turn, but it joined at start: nothing is missed.
    assert_eq!(seen, (0..PACKETS).collect::<Vec<_>>());
}

#[test]
fn a_bad_network_loses_doubles_and_reorders_and_the_same_seed_does_the_same() {
    let seen = multicast(7, Faults::BAD);
    let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
    for number in &seen {
        *counts.entry(*number).or_default() += 1;
    }
    assert!(counts.len() < PACKETS as usize, "some are lost");
    assert!(counts.len() > PACKETS as usize * 9 / 10, "most arrive");
    assert!(counts.values().any(|count| *count == 2), "some come twice");
    assert!(seen.windows(2).any(|pair| pair[0] > pair[1]), "some are overtaken");
    assert_eq!(seen, multicast(7, Faults::BAD));
    assert_ne!(seen, multicast(8, Faults::BAD));
}

/// Streams bytes 0, 1, 2 … to whoever connects; `sent` counts over all connections.
struct Streamer {
    listener: Box<dyn TcpListener>,
    stream: Option<Box<dyn Tcp>>,
    sent: u64,
}

/// Reads bytes, connecting again after every break.
struct Reader {
    context: Context,
    stream: Option<Box<dyn Tcp>>,
    runs: Rc<RefCell<Vec<Vec<u8>>>>,
}

impl Tile for Streamer {
    fn name(&self) -> &str {
        "streamer"
    }

    fn on_start(&mut self, _now_ns: u64) -> Result<(), StartError> {
        Ok(())
    }

    fn do_work(&mut self, _now_ns: u64) -> usize {
        if let Some((stream, _)) = self.listener.accept().unwrap() {
            self.stream = Some(stream);
            self.sent = 0;
        }
        let bytes: Vec<u8> = (self.sent..self.sent + 50).map(|number| number as u8).collect();
        match self.stream.as_mut().map(|stream| stream.write(&bytes)) {
            Some(Ok(taken)) => {
                self.sent += taken as u64;
                taken
            }
            Some(Err(_)) => {
                self.stream = None;
                1
            }
            None => 0,
        }
    }

    fn on_close(&mut self, _now_ns: u64) {}
}

impl Tile for Reader {
    fn name(&self) -> &str {
        "reader"
    }

    fn on_start(&mut self, _now_ns: u64) -> Result<(), StartError> {
        Ok(())
    }

    fn do_work(&mut self, _now_ns: u64) -> usize {
        let Some(stream) = &mut self.stream else {
            self.stream = Some(self.context.net.tcp_connect(SERVER).unwrap());
            self.runs.borrow_mut().push(Vec::new());
            return 1;
        };
        let mut buffer = [0; 37];
        match stream.read(&mut buffer) {
            TcpRead::Bytes(length) => {
                self.runs.borrow_mut().last_mut().unwrap().extend_from_slice(&buffer[..length]);
                1
            }
            TcpRead::Idle => 0,
            TcpRead::Closed => {
                self.stream = None;
                1
            }
        }
    }

    fn on_close(&mut self, _now_ns: u64) {}
}

fn streams(seed: u64, faults: Faults, cut: bool) -> Vec<Vec<u8>> {
    let mut sim = Simulation::new(seed, faults);
    let runs = Rc::new(RefCell::new(Vec::new()));
    let listener = sim.context("streamer").net.tcp_listen(SERVER).unwrap();
    sim.add(Box::new(Streamer { listener, stream: None, sent: 0 })).unwrap();
    let context = sim.context("reader");
    sim.add(Box::new(Reader { context, stream: None, runs: Rc::clone(&runs) })).unwrap();
    sim.run_for(20_000_000);
    if cut {
        sim.net.cut_streams();
        sim.run_for(20_000_000);
    }
    drop(sim);
    runs.take()
}

#[test]
fn streams_carry_every_byte_in_order_up_to_where_they_break() {
    for seed in 1..20 {
        let runs = streams(seed, Faults { tcp_cut: 20_000, ..Faults::BAD }, false);
        assert!(runs.len() > 1, "seed {seed}: no stream broke");
        for run in &runs {
            assert!(run.iter().enumerate().all(|(index, byte)| *byte == index as u8), "seed {seed}");
        }
        assert_eq!(runs, streams(seed, Faults { tcp_cut: 20_000, ..Faults::BAD }, false), "seed {seed}");
    }
}

#[test]
fn a_cut_breaks_the_stream_and_a_new_one_can_be_made() {
    let runs = streams(3, Faults::NONE, true);
    assert_eq!(runs.len(), 2);
    assert!(runs.iter().all(|run| run.len() > 1000));
}

#[test]
fn nobody_listening_refuses_after_the_way_there_and_back() {
    let mut sim = Simulation::new(1, Faults::NONE);
    let mut stream = sim.context("client").net.tcp_connect(SERVER).unwrap();
    assert!(!stream.connected().unwrap());
    sim.run_for(100_000);
    assert!(stream.connected().is_err());
    assert_eq!(stream.read(&mut [0; 8]), TcpRead::Closed);
}

#[test]
fn files_outlive_their_tile_and_only_synced_bytes_outlive_the_host() {
    let mut sim = Simulation::new(1, Faults::NONE);
    let disk = sim.disk("engine");
    let mut segment = disk.open("journal", 16).unwrap();
    segment.bytes_mut()[0] = 1;
    segment.sync().unwrap();
    segment.bytes_mut()[1] = 2;
    assert!(disk.open("journal", 16).is_err(), "open once at a time");
    drop(segment);
    assert_eq!(&sim.disk("engine").open("journal", 16).unwrap().bytes()[..3], [1, 2, 0]);
    disk.lose_host();
    assert_eq!(&disk.open("journal", 16).unwrap().bytes()[..3], [1, 0, 0]);
    disk.flip_bit("journal", 9);
    assert_eq!(disk.open("journal", 16).unwrap().bytes()[1], 2);
    assert!(disk.open("journal", 17).is_err(), "another size");
    assert_eq!(sim.disk("engine").list().unwrap(), ["journal"]);
    assert!(sim.clock.now_ns() >= Simulation::START_NS);
}
