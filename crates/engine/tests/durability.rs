//! Durability `disk`: what takes something on is seen by a venue only when the input that caused it cannot be lost any more.

#[path = "support/outside.rs"]
mod outside;
#[path = "support/quoter.rs"]
mod quoter;
mod support;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

use engine::{EngineTile, EngineTileConfig, Outbox, STATE_FILE, replay_reader};
use journal::{Reader, segment_number};
use links::{Counters, Offer, Publication, Subscription};
use outside::{At, End, NoNet, Queue};
use quoter::{Quoter, bid, bootstrap_of, opening};
use records::*;
use support::{Rng, SHARE, VENUE};
use tiles::{Context, RealStorage, Segment, Storage, Tile};

/// What a flush comes to.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Flush {
    Done,
    /// Not yet: to be asked again.
    Busy,
    Refused,
}

#[derive(Default)]
struct File {
    bytes: Vec<u8>,
    device: Vec<u8>,
}

/// Files that lose with the host what was not forced to the device.
#[derive(Clone)]
struct Disk {
    files: Rc<RefCell<BTreeMap<String, File>>>,
    flush: Rc<Cell<Flush>>,
}

struct DiskSegment {
    name: String,
    bytes: Vec<u8>,
    disk: Disk,
}

impl Disk {
    fn new() -> Self {
        Self { files: Rc::default(), flush: Rc::new(Cell::new(Flush::Done)) }
    }

    /// The host is lost, and comes back with what the device has.
    fn lose_host(&self) {
        for file in self.files.borrow_mut().values_mut() {
            let size = file.bytes.len();
            file.bytes = file.device.clone();
            file.bytes.resize(size, 0);
        }
    }

    fn segments(&self) -> Vec<(u64, Vec<u8>)> {
        let files = self.files.borrow();
        files.iter().filter_map(|(name, file)| Some((segment_number(name)?, file.bytes.clone()))).collect()
    }
}

impl Storage for Disk {
    fn open(&self, name: &str, size: usize) -> io::Result<Box<dyn Segment>> {
        let mut files = self.files.borrow_mut();
        let file = files.entry(name.to_owned()).or_default();
        file.bytes.resize(size, 0);
        Ok(Box::new(DiskSegment { name: name.to_owned(), bytes: file.bytes.clone(), disk: self.clone() }))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.files.borrow().keys().cloned().collect())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.files.borrow_mut().remove(name);
        Ok(())
    }
}

impl Segment for DiskSegment {
    fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    fn sync(&mut self) -> io::Result<()> {
        match self.disk.flush.get() {
            Flush::Done => {}
            Flush::Busy => return Err(io::ErrorKind::WouldBlock.into()),
            Flush::Refused => return Err(io::Error::other("the device does not answer")),
        }
        if let Some(file) = self.disk.files.borrow_mut().get_mut(&self.name) {
            file.device.clone_from(&self.bytes);
        }
        Ok(())
    }
}

impl Drop for DiskSegment {
    fn drop(&mut self) {
        if let Some(file) = self.disk.files.borrow_mut().get_mut(&self.name) {
            file.bytes.clone_from(&self.bytes);
        }
    }
}

struct Bench {
    tile: EngineTile,
    counters: Counters,
    input: Queue,
    commands: Queue,
    now_ns: u64,
    reference: u64,
}

const HELD: usize = 8;

fn config(epoch: u16) -> EngineTileConfig {
    EngineTileConfig {
        engine: support::config(),
        segment_bytes: 64 << 10,
        held_max: HELD,
        inputs: vec!["feed_engine".into()],
        commands: vec![(VENUE, "engine_gateway".into())],
        ..EngineTileConfig::new("engine", bootstrap_of(epoch, 1))
    }
}

fn context(storage: Rc<dyn Storage>, input: &Queue, commands: Box<dyn Publication>, counters: &Counters) -> Context {
    Context {
        clock: Rc::new(At(Cell::new(support::START_NS))),
        net: Rc::new(NoNet),
        storage,
        publications: [("engine_gateway".to_owned(), commands)].into(),
        subscriptions: [("feed_engine".to_owned(), Box::new(End::of(input.clone())) as Box<dyn Subscription>)].into(),
        counters: counters.clone(),
    }
}

fn bench(storage: Rc<dyn Storage>, epoch: u16) -> Bench {
    let (input, commands, counters) = (Queue::default(), Queue::default(), Counters::local());
    let context = context(storage, &input, Box::new(End::of(commands.clone())), &counters);
    let tile = EngineTile::new(context, config(epoch), Box::new(Quoter)).unwrap();
    let now_ns = support::START_NS + u64::from(epoch) * 1_000_000_000;
    let mut bench = Bench { tile, counters, input, commands, now_ns, reference: u64::from(epoch) << 32 };
    bench.tile.on_start(bench.now_ns).unwrap();
    for record in opening() {
        bench.give(&record);
    }
    bench
}

impl Bench {
    fn give(&mut self, record: &[u8]) {
        self.input.borrow_mut().push_back(record.to_vec());
        self.work();
    }

    fn work(&mut self) {
        self.now_ns += 1_000;
        self.tile.do_work(self.now_ns);
    }

    /// The touch has this many lots, which tells the strategy what to do.
    fn touch(&mut self, lots: i64) {
        let mut gone = MarketOrder::new();
        (gone.header.venue, gone.header.instrument) = (VENUE, SHARE);
        (gone.order_ref, gone.action) = (self.reference, BookAction::Delete.code());
        if self.reference & 0xffff_ffff > 0 {
            self.input.borrow_mut().push_back(bytes_of(&gone).to_vec());
        }
        self.reference += 1;
        let record = bid(self.reference, lots);
        self.give(&record);
    }

    fn seen<T: Record>(&self) -> Vec<T> {
        let records = self.commands.borrow();
        let of_kind = records.iter().filter(|record| read_from::<Header>(record).unwrap().kind == T::KIND as u16);
        of_kind.map(|record| read_from(record).unwrap()).collect()
    }

    fn accept(&mut self, order: &NewOrder) {
        let mut event = support::event_of(order.owner.order_id, OrderEventKind::Accepted);
        (event.owner, event.lots, event.leaves_lots) = (order.owner, order.lots, order.lots);
        (event.price_nanos, event.venue_order_ref) = (order.price_nanos, order.owner.order_id);
        self.give(bytes_of(&event));
    }

    fn counter(&self, name: &str) -> u64 {
        self.counters.counter(name).get()
    }
}

/// What a replay of these segments commands.
#[derive(Default)]
struct Commands(Vec<Vec<u8>>);

impl Outbox for Commands {
    fn command(&mut self, _venue: u16, record: &[u8]) {
        self.0.push(record.to_vec());
    }

    fn output(&mut self, _record: &[u8]) {}
}

fn commanded(mut reader: Reader) -> Vec<Vec<u8>> {
    let mut commands = Commands::default();
    replay_reader(&mut reader, None, Box::new(Quoter), &mut commands, &mut |_, _| {}).unwrap();
    commands.0
}

fn takes_on(record: &[u8]) -> bool {
    let kind = read_from::<Header>(record).and_then(|header| header.kind());
    matches!(kind, Some(Kind::NewOrder | Kind::ReplaceOrder))
}

#[test]
fn an_order_waits_for_the_device_and_a_cancel_does_not() {
    let disk = Disk::new();
    let mut bench = bench(Rc::new(disk.clone()), 1);
    bench.touch(15);
    bench.work();
    let first = bench.seen::<NewOrder>();
    assert_eq!(first.len(), 1, "the device has all");
    bench.accept(&first[0]);
    disk.flush.set(Flush::Busy);
    bench.touch(16);
    bench.touch(17);
    for _ in 0..100 {
        bench.work();
    }
    assert_eq!(bench.seen::<NewOrder>().len(), 1, "the device is busy");
    bench.touch(10);
    let cancels = bench.seen::<CancelOrder>();
    assert_eq!(cancels.iter().map(|cancel| cancel.owner.order_id).collect::<Vec<_>>(), [first[0].owner.order_id]);
    disk.flush.set(Flush::Done);
    bench.work();
    let ids: Vec<u64> = bench.seen::<NewOrder>().iter().map(|order| order.owner.order_id).collect();
    assert_eq!(ids.len(), 3);
    assert!(ids.is_sorted());
    assert_eq!(bench.counter("commands_returned"), 0);
}

#[test]
fn a_cancel_of_what_waits_takes_it_back_through_the_journal() {
    let disk = Disk::new();
    let mut bench = bench(Rc::new(disk.clone()), 1);
    disk.flush.set(Flush::Busy);
    bench.touch(15);
    assert_eq!(bench.tile.engine().live_orders().count(), 1);
    bench.touch(10);
    bench.work();
    assert_eq!(bench.tile.engine().live_orders().count(), 0, "the hold is released by an input");
    disk.flush.set(Flush::Done);
    bench.work();
    assert_eq!((bench.seen::<NewOrder>().len(), bench.seen::<CancelOrder>().len()), (0, 0));
    assert_eq!(bench.counter("commands_returned"), 1);
    let hash = bench.tile.engine().state_hash();
    bench.tile.on_close(bench.now_ns);
    drop(bench);
    let mut reader = Reader::from_segments(disk.segments()).unwrap();
    let replay = replay_reader(&mut reader, None, Box::new(Quoter), &mut Commands::default(), &mut |_, _| {}).unwrap();
    assert_eq!(replay.state_hash, hash);
}

#[test]
fn a_full_ring_is_a_full_link() {
    let disk = Disk::new();
    let mut bench = bench(Rc::new(disk.clone()), 1);
    disk.flush.set(Flush::Busy);
    for _ in 0..HELD + 3 {
        bench.touch(15);
        bench.touch(16);
    }
    let returned = bench.counter("commands_returned");
    assert!(returned > 0);
    bench.work();
    assert_eq!(bench.tile.engine().live_orders().count(), HELD);
    disk.flush.set(Flush::Done);
    bench.work();
    assert_eq!(bench.seen::<NewOrder>().len(), HELD);
    // An engine that ends gives back what still waits, and says so to its next life.
    disk.flush.set(Flush::Busy);
    bench.touch(15);
    let live = bench.tile.engine().live_orders().count();
    disk.flush.set(Flush::Done);
    bench.tile.on_close(bench.now_ns);
    assert_eq!(bench.tile.engine().live_orders().count(), live - 1);
}

#[test]
fn a_device_that_refused_is_never_believed_again() {
    let disk = Disk::new();
    let mut bench = bench(Rc::new(disk.clone()), 1);
    bench.touch(15);
    bench.work();
    let first = bench.seen::<NewOrder>();
    bench.accept(&first[0]);
    disk.flush.set(Flush::Refused);
    bench.touch(16);
    bench.work();
    assert_eq!(bench.counter("journal_flush_failed"), 1);
    // It says that it works again, as the system does of pages that it has dropped.
    disk.flush.set(Flush::Done);
    for _ in 0..10 {
        bench.touch(15);
        bench.touch(17);
    }
    bench.work();
    assert_eq!(bench.seen::<NewOrder>().len(), 1);
    assert_eq!(bench.tile.engine().live_orders().count(), 1, "nothing is held for what never left");
    bench.touch(10);
    assert_eq!(bench.seen::<CancelOrder>().len(), 1, "cancels go on");
    let closing = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| bench.tile.on_close(bench.now_ns)));
    assert!(closing.is_err(), "it does not close as if it were whole");
}

/// Whatever the host loses, and whenever: every order that the venue saw follows from what the device has.
#[test]
fn no_venue_knows_an_order_that_the_device_does_not() {
    let mut orders = [0; 3];
    for seed in 0..200 {
        let disk = Disk::new();
        let mut random = Rng(seed);
        for epoch in 1..=3 {
            let mut bench = bench(Rc::new(disk.clone()), epoch);
            for _ in 0..20 + random.below(120) {
                disk.flush.set(if random.below(4) == 0 { Flush::Done } else { Flush::Busy });
                let lots = 10 + random.below(30) as i64;
                bench.touch(lots);
                if random.below(3) == 0
                    && let Some(order) = bench.seen::<NewOrder>().last()
                {
                    bench.accept(order);
                }
            }
            let seen: Vec<Vec<u8>> =
                bench.commands.borrow().iter().filter(|record| takes_on(record)).cloned().collect();
            orders[usize::from(epoch - 1)] += seen.len();
            // It dies, and the host with it.
            disk.flush.set(Flush::Done);
            let Bench { tile, .. } = bench;
            drop(tile);
            disk.lose_host();
            let commanded = commanded(Reader::from_segments(disk.segments()).unwrap());
            let unknown = seen.iter().filter(|record| !commanded.contains(record)).count();
            assert_eq!(unknown, 0, "seed {seed}, life {epoch}: of {}", seen.len());
        }
    }
    assert!(orders.iter().all(|of_life| *of_life > 500), "{orders:?}");
}

/// The same at `process` loses some: the test above can fail.
#[test]
fn without_it_a_lost_host_takes_orders_along() {
    let disk = Disk::new();
    let (input, commands, counters) = (Queue::default(), Queue::default(), Counters::local());
    let context = context(Rc::new(disk.clone()), &input, Box::new(End::of(commands.clone())), &counters);
    let config = EngineTileConfig { held_max: 0, ..config(1) };
    let mut tile = EngineTile::new(context, config, Box::new(Quoter)).unwrap();
    tile.on_start(support::START_NS + 1).unwrap();
    disk.flush.set(Flush::Done);
    for (at, record) in opening().iter().chain([&bid(1, 15)]).enumerate() {
        input.borrow_mut().push_back(record.clone());
        tile.do_work(support::START_NS + 2 + at as u64);
    }
    assert!(commands.borrow().iter().any(|record| takes_on(record)));
    drop(tile);
    disk.lose_host();
    assert!(Reader::from_segments(disk.segments()).is_err(), "nothing was ever forced");
}

/// Says each command to its standard output, as a venue would see it.
struct Pipe;

impl Publication for Pipe {
    fn offer(&mut self, record: &[u8]) -> Offer {
        use std::io::Write;
        let mut line: String = record.iter().map(|byte| format!("{byte:02x}")).collect();
        line.insert_str(0, "command ");
        line.push('\n');
        let mut out = io::stdout().lock();
        out.write_all(line.as_bytes()).and_then(|()| out.flush()).unwrap();
        Offer::Sent
    }

    fn has_room(&self, _records: usize) -> bool {
        true
    }
}

const DIRECTORY: &str = "MERIDIAN_TEST_JOURNAL";
const EPOCH: &str = "MERIDIAN_TEST_EPOCH";

/// The engine that is killed: another process of this program. By itself this test does nothing but look whether it is that.
#[test]
fn engine_to_be_killed() {
    let Ok(directory) = std::env::var(DIRECTORY) else { return };
    let epoch: u16 = std::env::var(EPOCH).unwrap().parse().unwrap();
    let storage = Rc::new(RealStorage::new(std::path::Path::new(&directory)).unwrap());
    let (input, counters) = (Queue::default(), Counters::local());
    let mut tile =
        EngineTile::new(context(storage, &input, Box::new(Pipe), &counters), config(epoch), Box::new(Quoter)).unwrap();
    let mut now_ns = support::START_NS + u64::from(epoch) * 1_000_000_000_000;
    tile.on_start(now_ns).unwrap();
    input.borrow_mut().extend(opening());
    for reference in 1_u64.. {
        let mut gone = MarketOrder::new();
        (gone.header.venue, gone.header.instrument) = (VENUE, SHARE);
        (gone.order_ref, gone.action) = (u64::from(epoch) << 32 | (reference - 1), BookAction::Delete.code());
        input.borrow_mut().push_back(bytes_of(&gone).to_vec());
        input.borrow_mut().push_back(bid(u64::from(epoch) << 32 | reference, 10 + (reference * 7 % 30) as i64));
        for _ in 0..20 {
            now_ns += 1_000;
            tile.do_work(now_ns);
            std::thread::sleep(std::time::Duration::from_micros(20));
        }
    }
}

#[test]
fn an_engine_that_is_killed_has_sent_nothing_that_its_journal_does_not_know() {
    let directory = std::env::temp_dir().join(format!("meridian-durability-{}", std::process::id()));
    let mut orders = 0;
    for epoch in 1..=20_u16 {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "engine_to_be_killed", "--nocapture"])
            .env(DIRECTORY, &directory)
            .env(EPOCH, epoch.to_string())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let output = child.stdout.take().unwrap();
        let venue = std::thread::spawn(move || {
            io::BufRead::lines(io::BufReader::new(output)).map_while(Result::ok).collect::<Vec<_>>()
        });
        std::thread::sleep(std::time::Duration::from_millis(60 + u64::from(epoch) * 7 % 50));
        child.kill().unwrap();
        child.wait().unwrap();
        let seen: Vec<Vec<u8>> = venue.join().unwrap().iter().filter_map(|line| bytes_in(line)).collect();
        let reader = match Reader::open(&directory) {
            Err(journal::JournalError::Io(_) | journal::JournalError::Empty) if seen.is_empty() => continue,
            reader => reader.unwrap(),
        };
        let commanded = commanded(reader);
        for record in seen.iter().filter(|record| takes_on(record)) {
            assert!(commanded.contains(record), "life {epoch}: an order that no journal knows");
            orders += 1;
        }
    }
    assert!(orders > 20, "{orders} orders in twenty lives");
    let state = directory.join(STATE_FILE);
    assert!(state.exists());
    std::fs::remove_dir_all(directory).unwrap();
}

/// A whole line of the pipe as bytes.
fn bytes_in(line: &str) -> Option<Vec<u8>> {
    let (_, digits) = line.split_once("command ")?;
    let bytes: Option<Vec<u8>> =
        (0..digits.len() / 2).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).ok()).collect();
    bytes.filter(|bytes| read_from::<Header>(bytes).is_some_and(|header| usize::from(header.length) == bytes.len()))
}
