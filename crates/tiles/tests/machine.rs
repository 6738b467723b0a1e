//! The machine's sockets, files and runners: real ones, on loopback and in a temporary directory.

use std::cell::{Cell, RefCell};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use links::Counters;
use tiles::{Clock, Idle, Net, RealClock, RealNet, RealStorage, StartError, Stop, Storage, TcpRead, Tile, run};

const ANY: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);

fn soon<T>(mut ready: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(start.elapsed() < Duration::from_secs(5), "nothing came in five seconds");
        std::thread::yield_now();
    }
}

fn directory(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("meridian-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

#[test]
fn multicast_reaches_every_member_on_loopback_alone() {
    let net = RealNet;
    let probe = net.udp(ANY, Ipv4Addr::LOCALHOST).unwrap();
    let group = SocketAddrV4::new(Ipv4Addr::new(239, 195, 1, 7), probe.local().port());
    drop(probe);
    let mut first = net.udp_multicast(group, Ipv4Addr::LOCALHOST).unwrap();
    let mut second = net.udp_multicast(group, Ipv4Addr::LOCALHOST).unwrap();
    let mut sender = net.udp(ANY, Ipv4Addr::LOCALHOST).unwrap();
    assert_eq!(first.receive(&mut [0; 64]).unwrap(), None);
    assert!(sender.send_to(b"packet", group).unwrap());
    for member in [&mut first, &mut second] {
        let mut buffer = [0; 64];
        let (length, from) = soon(|| member.receive(&mut buffer).unwrap());
        assert_eq!((&buffer[..length], from), (&b"packet"[..], sender.local()));
    }
}

#[test]
fn a_stream_connects_carries_bytes_and_says_when_it_is_closed() {
    let net = RealNet;
    let mut listener = net.tcp_listen(ANY).unwrap();
    assert!(listener.accept().unwrap().is_none());
    let mut client = net.tcp_connect(listener.local()).unwrap();
    let (mut server, _) = soon(|| listener.accept().unwrap());
    soon(|| client.connected().unwrap().then_some(()));
    assert_eq!(server.read(&mut [0; 8]), TcpRead::Idle);
    assert_eq!(client.write(b"login").unwrap(), 5);
    let mut buffer = [0; 8];
    let length = soon(|| match server.read(&mut buffer) {
        TcpRead::Bytes(length) => Some(length),
        TcpRead::Idle => None,
        TcpRead::Closed => panic!("closed"),
    });
    assert_eq!(&buffer[..length], b"login");
    drop(server);
    soon(|| (client.read(&mut buffer) == TcpRead::Closed).then_some(()));
    // Nobody listens: refused, at once or a moment later, and never a hang.
    let nowhere = listener.local();
    drop(listener);
    if let Ok(mut refused) = net.tcp_connect(nowhere) {
        soon(|| refused.connected().is_err().then_some(()));
    }
}

#[test]
fn a_stream_whose_peer_does_not_read_takes_no_more_and_does_not_block() {
    let net = RealNet;
    let mut listener = net.tcp_listen(ANY).unwrap();
    let mut client = net.tcp_connect(listener.local()).unwrap();
    let _server = soon(|| listener.accept().unwrap());
    soon(|| client.connected().unwrap().then_some(()));
    let block = vec![0; 1 << 20];
    soon(|| (client.write(&block).unwrap() == 0).then_some(()));
}

#[test]
fn files_keep_their_bytes_and_their_size_and_stay_in_their_directory() {
    let path = directory("storage");
    let storage = RealStorage::new(&path).unwrap();
    let mut segment = storage.open("journal-0001", 8192).unwrap();
    assert!(segment.bytes().iter().all(|byte| *byte == 0));
    segment.bytes_mut()[8191] = 7;
    segment.sync().unwrap();
    drop(segment);
    assert_eq!(storage.open("journal-0001", 8192).unwrap().bytes()[8191], 7);
    assert!(storage.open("journal-0001", 4096).is_err(), "another size");
    for name in ["../outside", "a/b", "", ".hidden"] {
        assert!(storage.open(name, 10).is_err(), "{name}");
    }
    assert_eq!(storage.list().unwrap(), ["journal-0001"]);
    storage.remove("journal-0001").unwrap();
    assert!(storage.list().unwrap().is_empty());
    std::fs::remove_dir_all(path).unwrap();
}

struct Toy {
    name: &'static str,
    log: Rc<RefCell<Vec<String>>>,
    cycles_left: usize,
    stop: Stop,
    refuses: bool,
}

impl Tile for Toy {
    fn name(&self) -> &str {
        self.name
    }

    fn on_start(&mut self, _now_ns: u64) -> Result<(), StartError> {
        self.log.borrow_mut().push(format!("start {}", self.name));
        if self.refuses { Err(StartError("port = 1: taken".into())) } else { Ok(()) }
    }

    fn do_work(&mut self, _now_ns: u64) -> usize {
        if self.cycles_left == 0 {
            self.stop.ask();
            return 0;
        }
        self.cycles_left -= 1;
        1
    }

    fn on_close(&mut self, _now_ns: u64) {
        self.log.borrow_mut().push(format!("close {}", self.name));
    }
}

type Log = Rc<RefCell<Vec<String>>>;

fn toys(refuses: bool) -> (Vec<Box<dyn Tile>>, Log, Stop) {
    let (log, stop) = (Rc::new(RefCell::new(Vec::new())), Stop::new());
    let toy = |name, cycles_left, refuses| -> Box<dyn Tile> {
        Box::new(Toy { name, log: Rc::clone(&log), cycles_left, stop: stop.clone(), refuses })
    };
    (vec![toy("first", 100, false), toy("second", 50, refuses)], log, stop)
}

#[test]
fn one_thread_runs_tiles_in_turn_and_closes_them_in_reverse() {
    let (mut tiles, log, stop) = toys(false);
    let counters = Counters::local();
    run(&mut tiles, &RealClock::new(), Idle::BackOff, &stop, &counters, || (), || true).unwrap();
    assert_eq!(*log.borrow(), ["start first", "start second", "close second", "close first"]);
    assert!(counters.scope("first").counter("busy_cycles").get() >= 50);
    assert!(counters.scope("second").counter("cycles").get() >= 50);
    assert!(counters.scope("second").counter("heartbeat_ns").get() > 0);
}

#[test]
fn a_tile_that_cannot_start_is_named_and_the_others_are_closed() {
    let (mut tiles, log, stop) = toys(true);
    let error =
        run(&mut tiles, &RealClock::new(), Idle::BackOff, &stop, &Counters::local(), || (), || true).unwrap_err();
    assert_eq!(error.0, "tile second: port = 1: taken");
    assert_eq!(*log.borrow(), ["start first", "start second", "close first"]);
}

/// A clock that goes on by so much at each look but for one, and stands still before that for seconds.
struct Standing(Cell<u64>);

impl Clock for Standing {
    fn now_ns(&self) -> u64 {
        let looks = self.0.get() + 1;
        self.0.set(looks);
        looks * 1_000 + if looks < 40 { 0 } else { 3_000_000_000 }
    }
}

#[test]
fn a_thread_that_stood_still_asks_before_its_next_turn_and_ends_where_it_is_told_no() {
    for goes_on in [true, false] {
        let (mut tiles, log, stop) = toys(false);
        let (counters, asked) = (Counters::local(), Cell::new(0));
        let go_on = || {
            asked.set(asked.get() + 1);
            goes_on
        };
        run(&mut tiles, &Standing(Cell::new(0)), Idle::BackOff, &stop, &counters, || (), go_on).unwrap();
        let cycles = counters.scope("first").counter("cycles").get() + counters.scope("second").counter("cycles").get();
        assert_eq!((asked.get(), goes_on), (1, cycles > 90), "{cycles} cycles");
        assert!(goes_on || (30..40).contains(&cycles), "{cycles} cycles");
        assert_eq!(log.borrow()[2..], ["close second", "close first"]);
    }
}
