//! The row "exchange_pipeline" of the benchmarks: the whole exchange but its sockets, in one thread.
//!
//! OUCH requests in memory → commands → sequence → journal (durability `process`) → matching → ITCH messages packed in
//! MoldUDP64 for both lines → OUCH answers in SoupBinTCP frames. The parts are the exchange's own; only what stands for
//! the sockets is made for the row, and copies every byte once, as a socket would.
//!
//! Invariant: the mix is that of the row "matching"; requests are made before the clock starts; every answer was written
//! when it stops, and both lines carried the same packets.

// tidy: allow-file(clock): a benchmark reads the clock around its block.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

use sessions::soup::Server;
use tiles::{Clock, Context, Net, RealStorage, StartError, Tcp, TcpListener, Udp};
use wire::ouch50::{CancelOrderFields, EnterOrderFields, ReplaceOrderFields};

use super::{Command, TICK_NANOS, WARM, fresh, made};
use crate::config::{ExchangeConfig, ListingConfig, PortConfig};
use crate::feed::Feed;
use crate::matching::{Matching, NoSink};
use crate::ouch::inbound::{self, Origin};
use crate::sequencer::Sequencer;

/// Requests that one read of a socket brings.
const BURST: usize = 32;
/// Nanos of one unit of a wire price.
const UNIT_NANOS: i64 = 100_000;
/// Commands of a block that is timed on its own.
const BLOCK: usize = 32 * BURST;
const SYMBOL: [u8; 8] = *b"BENCH   ";
const OUTPUT_BYTES: usize = 1 << 18;
/// Time of the first command; each takes a microsecond more.
const START_NS: u64 = 1_700_000_000_000_000_000;

/// What a run found.
#[derive(Clone, Copy, Debug, Default)]
pub struct PipelineReport {
    /// Commands timed.
    pub commands: u64,
    /// Wall time over them.
    pub elapsed_ns: u64,
    /// Median over blocks of a thousand commands or so, in picoseconds a command: neighbours disturb some blocks.
    pub median_ps: u64,
    /// MoldUDP64 packets of one line, the commands before the clock started included.
    pub packets: u64,
    /// Their bytes.
    pub feed_bytes: u64,
    /// Messages of the feed.
    pub feed_messages: u64,
    /// OUCH answers.
    pub answers: u64,
    /// Bytes of answers in their frames.
    pub answer_bytes: u64,
    /// Bytes of the requests.
    pub request_bytes: u64,
    /// Hash over the core's state and events: equal for equal commands and seed.
    pub state_hash: u64,
}

/// Requests back to back.
struct Requests {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Requests {
    fn make(commands: usize, seed: u64) -> Self {
        let all = made(commands, seed);
        let (mut core, mut requests) = (fresh(), Self { bytes: Vec::new(), ends: Vec::with_capacity(all.len()) });
        for (at, command) in all.iter().enumerate() {
            let mut message = [0; 256];
            let length = encode(command, &core, &mut message);
            super::apply(&mut core, super::stamp(at), command, &mut NoSink);
            requests.bytes.extend_from_slice(&message[..length]);
            requests.ends.push(requests.bytes.len());
        }
        requests
    }

    fn get(&self, at: usize) -> &[u8] {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.bytes[start..self.ends[at]]
    }
}

/// A command as the request that asks for it.
fn encode(command: &Command, core: &Matching, out: &mut [u8]) -> usize {
    let price = |price_nanos: i64| (price_nanos / UNIT_NANOS) as u64;
    match command {
        Command::Enter(enter) => EnterOrderFields {
            user_ref_num: enter.user_ref as u32,
            side: if enter.side == 1 { b'B' } else { b'S' },
            quantity: enter.lots as u32,
            symbol: SYMBOL,
            price: price(enter.price_nanos),
            time_in_force: if enter.time_in_force == records::TimeInForce::ImmediateOrCancel.code() {
                b'3'
            } else {
                b'0'
            },
            display: b'Y',
            capacity: b'P',
            inter_market_sweep_eligibility: b'N',
            cross_type: b'N',
            cl_ord_id: *b"BENCH000000001",
            appendage: &[],
        }
        .encode(out),
        Command::Replace(replace) => ReplaceOrderFields {
            orig_user_ref_num: replace.original_ref as u32,
            user_ref_num: replace.user_ref as u32,
            quantity: replace.lots as u32,
            price: price(replace.price_nanos),
            time_in_force: b'0',
            display: b'Y',
            inter_market_sweep_eligibility: b'N',
            cl_ord_id: *b"BENCH000000001",
            appendage: &[],
        }
        .encode(out),
        Command::Cancel(cancel) => {
            // The protocol names the total that an order keeps, the core's command may name what is taken off.
            let keeps = core.resting_order(cancel.header.source, cancel.user_ref).map_or(0, |order| {
                let total = order.executed_lots + order.front_lots + order.reserve_lots;
                if order.front_lots + order.reserve_lots > cancel.lots { total - cancel.lots } else { 0 }
            });
            let quantity = if cancel.relative == 1 { keeps as u32 } else { 0 };
            CancelOrderFields { user_ref_num: cancel.user_ref as u32, quantity, appendage: None }.encode(out)
        }
    }
}

/// What both lines carried.
#[derive(Default)]
struct Carried {
    packets: Cell<u64>,
    bytes: Cell<u64>,
}

/// A line into memory.
struct Line {
    memory: Vec<u8>,
    carried: Rc<Carried>,
}

impl Udp for Line {
    fn receive(&mut self, _buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddrV4)>> {
        Ok(None)
    }

    fn send_to(&mut self, bytes: &[u8], _to: SocketAddrV4) -> io::Result<bool> {
        self.memory.clear();
        self.memory.extend_from_slice(bytes);
        std::hint::black_box(&self.memory);
        self.carried.packets.set(self.carried.packets.get() + 1);
        self.carried.bytes.set(self.carried.bytes.get() + bytes.len() as u64);
        Ok(true)
    }

    fn local(&self) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)
    }
}

struct Memory(Rc<Carried>);

impl Net for Memory {
    fn udp_multicast(&self, _group: SocketAddrV4, _interface: Ipv4Addr) -> io::Result<Box<dyn Udp>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn udp(&self, _bind: SocketAddrV4, _interface: Ipv4Addr) -> io::Result<Box<dyn Udp>> {
        Ok(Box::new(Line { memory: Vec::with_capacity(2_048), carried: self.0.clone() }))
    }

    fn tcp_connect(&self, _to: SocketAddrV4) -> io::Result<Box<dyn Tcp>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn tcp_listen(&self, _at: SocketAddrV4) -> io::Result<Box<dyn TcpListener>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

struct Still;

impl Clock for Still {
    fn now_ns(&self) -> u64 {
        START_NS
    }
}

fn config(commands: usize) -> ExchangeConfig {
    let nowhere = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
    let group = |line: u8| SocketAddrV4::new(Ipv4Addr::new(239, 77, 0, line), 1);
    ExchangeConfig {
        fix_ports: Vec::new(),
        name: "exchange".into(),
        venue: 1,
        feed_session: "BENCH".into(),
        lines: vec![group(1), group(2)],
        interface: Ipv4Addr::LOCALHOST,
        retransmission: nowhere,
        snapshot: nowhere,
        snapshot_username: "bench".into(),
        snapshot_password: "bench".into(),
        ports: vec![PortConfig {
            session: 1,
            listen: nowhere,
            username: "bench".into(),
            password: "bench".into(),
            owner: 0,
            participant: String::new(),
            cancel_on_disconnect: "none".into(),
            self_trade: "none".into(),
            throttle: crate::ThrottleConfig::default(),
        }],
        inner: Vec::new(),
        flow: Vec::new(),
        listings: vec![ListingConfig {
            instrument: 1,
            symbol: "BENCH".into(),
            locate: 1,
            tick_nanos: TICK_NANOS,
            small_tick_nanos: 0,
            small_below_nanos: 0,
            price_max_nanos: 0,
            increment_lots: 1,
            round_lot: 100,
            protection_ppm: 0,
        }],
        timetable: Vec::new(),
        indicate_ms: 1000,
        orders: 1 << 14,
        levels_per_side: 4096,
        trades: 1 << 14,
        midnight_ns: 0,
        feed_messages: 1 << 16,
        // A command has at most a few answers, on the whole fewer than two.
        session_messages: 2 * commands + 1024,
        segment_bytes: 16 << 20,
        door: tiles::DoorConfig::default(),
    }
}

/// The exchange without sockets.
struct Pipeline {
    sequencer: Sequencer,
    feed: Feed,
    server: Server,
    now_ns: u64,
    answers: u64,
    answer_bytes: u64,
    reply: Vec<u8>,
}

impl Pipeline {
    fn open(directory: &Path, commands: usize, carried: &Rc<Carried>) -> Result<Self, StartError> {
        let config = config(commands);
        config.check()?;
        let context = Context {
            clock: Rc::new(Still),
            net: Rc::new(Memory(carried.clone())),
            storage: Rc::new(RealStorage::new(directory).map_err(|error| StartError(error.to_string()))?),
            publications: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            counters: links::Counters::local(),
        };
        let (sequencer, _) = Sequencer::open(&config, &context, START_NS)?;
        let feed = Feed::open(&config, &context, 0)?;
        let mut server = Server::new(START_NS, OUTPUT_BYTES);
        let answers = sequencer.outputs.answers[1].as_ref().expect("its only session has a port");
        server.accept(*b"BENCH     ", 1, &answers.store);
        let reply = Vec::with_capacity(OUTPUT_BYTES);
        Ok(Self { sequencer, feed, server, now_ns: START_NS, answers: 0, answer_bytes: 0, reply })
    }

    /// One cycle of the exchange: what a read of the socket brought, the feed, the answers.
    fn cycle(&mut self, requests: &Requests, from: usize, end: usize) {
        let _due = self.sequencer.on_time(self.now_ns);
        for at in from..end {
            self.now_ns += 1_000;
            let listings = &self.sequencer.outputs.listings;
            let (now_ns, midnight_ns, participant) = (self.now_ns, 0, [0; 4]);
            let origin = Origin { venue: 1, session: 1, now_ns, midnight_ns, participant, listings };
            let mut command = crate::port::Command::default();
            inbound::command(requests.get(at), &origin, |record| command.set(record)).expect("our own requests decode");
            self.sequencer.submit(now_ns, command.bytes());
        }
        while self.feed.flush(self.now_ns, &self.sequencer.outputs.history) > 0 {}
        let answers = self.sequencer.outputs.answers[1].as_ref().expect("its only session has a port");
        assert!(!answers.full, "sized for all answers");
        loop {
            let pumped = self.server.pump(self.now_ns, &answers.store);
            let output = self.server.output().len();
            self.reply.clear();
            self.reply.extend_from_slice(self.server.output());
            std::hint::black_box(&self.reply);
            self.server.written(output);
            self.answers += pumped as u64;
            self.answer_bytes += output as u64;
            if pumped == 0 {
                return;
            }
        }
    }

    fn run(&mut self, requests: &Requests, from: usize, end: usize) {
        for start in (from..end).step_by(BURST) {
            self.cycle(requests, start, (start + BURST).min(end));
        }
    }
}

/// Runs `commands` requests of this seed through a fresh exchange with its journal in `directory`, after as many as fill
/// the book.
///
/// # Errors
/// When the journal cannot be made there.
pub fn run(directory: &Path, commands: usize, seed: u64) -> Result<PipelineReport, StartError> {
    let requests = Requests::make(WARM + commands, seed);
    let carried = Rc::new(Carried::default());
    let mut pipeline = Pipeline::open(directory, WARM + commands, &carried)?;
    pipeline.run(&requests, 0, WARM);
    let mut blocks = Vec::with_capacity(commands / BLOCK + 1);
    let start = Instant::now();
    for from in (WARM..WARM + commands).step_by(BLOCK) {
        let (block_start, end) = (Instant::now(), (from + BLOCK).min(WARM + commands));
        pipeline.run(&requests, from, end);
        blocks.push(block_start.elapsed().as_nanos() as u64 * 1_000 / (end - from) as u64);
    }
    let elapsed_ns = start.elapsed().as_nanos() as u64;
    blocks.sort_unstable();
    pipeline.sequencer.close().map_err(|error| StartError(error.to_string()))?;
    Ok(PipelineReport {
        commands: commands as u64,
        elapsed_ns,
        median_ps: blocks.get(blocks.len() / 2).copied().unwrap_or(0),
        packets: carried.packets.get() / 2,
        feed_bytes: carried.bytes.get() / 2,
        feed_messages: pipeline.sequencer.outputs.history.last(),
        answers: pipeline.answers,
        answer_bytes: pipeline.answer_bytes,
        request_bytes: requests.bytes.len() as u64,
        state_hash: pipeline.sequencer.core.state_hash(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_is_answered_and_every_change_is_on_the_feed() {
        let directory = std::env::temp_dir().join(format!("exchange-pipeline-{}", std::process::id()));
        let report = run(&directory, 5_000, 7).unwrap();
        std::fs::remove_dir_all(&directory).unwrap();
        // Refused requests are answered too; only numbers that are gone are not.
        assert!(report.answers > 20_000 && report.feed_messages > 18_000, "{report:?}");
        assert!(report.packets > 500 && report.feed_bytes > report.feed_messages * 20, "{report:?}");
        let again = run(&directory, 5_000, 7).unwrap();
        std::fs::remove_dir_all(&directory).unwrap();
        assert_eq!(
            (report.state_hash, report.feed_bytes, report.answer_bytes),
            (again.state_hash, again.feed_bytes, again.answer_bytes)
        );
    }
}
