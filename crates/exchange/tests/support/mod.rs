//! A whole exchange on loopback sockets, with clients that speak its protocols.
//!
//! Invariant: everything is stepped by the test's own loop in one thread; nothing sleeps.

#![allow(dead_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, UdpSocket};
use std::rc::Rc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use exchange::{
    CommandSource, DoorConfig, ExchangeConfig, ExchangeTile, InnerConfig, ListingConfig, PortConfig, ThrottleConfig,
};
use journal::MemoryStorage;
use links::Counters;
use sessions::mold::{Event, PacketHeader, Receiver};
use sessions::soup::{Client, ClientConfig, ClientEvent};
use tiles::{Clock, Context, Net, RealClock, RealNet, StartError, Storage, Tcp, TcpRead, Tile, Udp};
use wire::itch50::{Message, decode};

/// Longest that anything on loopback may take.
const PATIENCE: Duration = Duration::from_secs(10);

pub mod fix;
pub mod ouch;

/// An address that nobody listens at and that was not given before.
pub fn free_tcp() -> SocketAddrV4 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        if GIVEN.lock().unwrap().insert(port) {
            return SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
        }
    }
}

fn free_udp_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Two instruments, two order sessions, one inner session, free ports.
pub fn config() -> ExchangeConfig {
    let port = |session: u32| PortConfig {
        session,
        listen: free_tcp(),
        username: format!("user{session}"),
        password: "secret".into(),
        owner: session,
        participant: if session == 1 { "MMKR".into() } else { String::new() },
        cancel_on_disconnect: if session == 1 { "all" } else { "none" }.into(),
        self_trade: "newest".into(),
        throttle: ThrottleConfig::default(),
    };
    let listing = |instrument: u32, symbol: &str, tick_nanos: i64| ListingConfig {
        instrument,
        symbol: symbol.into(),
        locate: 100 + instrument as u16,
        tick_nanos,
        small_tick_nanos: 0,
        small_below_nanos: 0,
        price_max_nanos: 0,
        increment_lots: 1,
        round_lot: 100,
        protection_ppm: 50_000,
    };
    ExchangeConfig {
        fix_ports: Vec::new(),
        flow: Vec::new(),
        door: DoorConfig::default(),
        name: "exchange1".into(),
        venue: 1,
        feed_session: "HOUSE1".into(),
        lines: vec![
            SocketAddrV4::new(Ipv4Addr::new(239, 77, 0, 1), free_udp_port()),
            SocketAddrV4::new(Ipv4Addr::new(239, 77, 0, 2), free_udp_port()),
        ],
        interface: Ipv4Addr::LOCALHOST,
        retransmission: SocketAddrV4::new(Ipv4Addr::LOCALHOST, free_udp_port()),
        snapshot: free_tcp(),
        snapshot_username: "glimps".into(),
        snapshot_password: "secret".into(),
        ports: vec![port(1), port(2)],
        inner: vec![InnerConfig { session: 3, owner: 0 }],
        listings: vec![listing(1, "AAPL", 10_000_000), listing(2, "ESH4", 250_000_000)],
        timetable: Vec::new(),
        indicate_ms: 1000,
        orders: 1 << 14,
        levels_per_side: 1024,
        trades: 1 << 12,
        midnight_ns: 0,
        feed_messages: 1 << 17,
        session_messages: 1 << 14,
        segment_bytes: 1 << 22,
    }
}

fn context(storage: Rc<MemoryStorage>, counters: Counters) -> Context {
    Context {
        clock: Rc::new(RealClock::new()),
        net: Rc::new(RealNet),
        storage,
        publications: BTreeMap::new(),
        subscriptions: BTreeMap::new(),
        counters,
    }
}

/// Starts a tile alone, which may refuse.
pub fn try_start(config: ExchangeConfig, storage: Rc<MemoryStorage>) -> Result<ExchangeTile, StartError> {
    let mut tile = ExchangeTile::new(config, context(storage, Counters::local()))?;
    tile.on_start(RealClock::new().now_ns())?;
    Ok(tile)
}

/// The exchange and its time.
pub struct House {
    pub config: ExchangeConfig,
    pub storage: Rc<MemoryStorage>,
    pub tile: ExchangeTile,
    pub clock: RealClock,
    counters: Counters,
}

impl House {
    /// Starts one.
    pub fn start(config: ExchangeConfig, source: Option<Box<dyn CommandSource>>) -> Self {
        Self::start_on(config, MemoryStorage::new(), source)
    }

    /// Starts one on the files of an earlier one.
    pub fn start_on(
        config: ExchangeConfig,
        storage: Rc<MemoryStorage>,
        source: Option<Box<dyn CommandSource>>,
    ) -> Self {
        let counters = Counters::local();
        let context = context(storage.clone(), counters.clone());
        let mut tile = ExchangeTile::new(config.clone(), context).unwrap();
        if let Some(source) = source {
            tile = tile.with_source(source);
        }
        let clock = RealClock::new();
        tile.on_start(clock.now_ns()).unwrap();
        Self { config, storage, tile, clock, counters }
    }

    /// Starts one with this network and on these files.
    pub fn start_with(config: ExchangeConfig, net: Rc<dyn Net>, storage: Rc<dyn Storage>) -> Result<Self, StartError> {
        let (counters, clock) = (Counters::local(), RealClock::new());
        let context = Context { net, storage, ..context(MemoryStorage::new(), counters.clone()) };
        let mut tile = ExchangeTile::new(config.clone(), context)?;
        tile.on_start(clock.now_ns())?;
        Ok(Self { config, storage: MemoryStorage::new(), tile, clock, counters })
    }

    /// A counter by its name.
    pub fn count(&self, name: &str) -> u64 {
        self.counters.counter(name).get()
    }

    /// One cycle.
    pub fn step(&mut self) -> usize {
        let now_ns = self.clock.now_ns();
        self.tile.do_work(now_ns)
    }
}

/// Steps until something holds.
pub fn until(house: &mut House, what: &str, mut holds: impl FnMut(&mut House) -> bool) {
    let start = Instant::now();
    while !holds(house) {
        house.step();
        assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
    }
}

/// A SoupBinTCP client that keeps what it is told.
pub struct Trader {
    client: Client,
    socket: Option<Box<dyn Tcp>>,
    greeted: bool,
    pub told: Vec<Vec<u8>>,
    pub ended: bool,
    pub up: bool,
}

impl Trader {
    /// Connects; the login goes out by and by.
    pub fn connect(at: SocketAddrV4, username: &str, password: &str, first_sequence: u64) -> Self {
        let config = ClientConfig {
            username: wire::padded(username.as_bytes()).unwrap(),
            password: wire::padded(password.as_bytes()).unwrap(),
            session: [b' '; 10],
            first_sequence,
        };
        Self {
            client: Client::new(config, 1 << 16),
            socket: Some(RealNet.tcp_connect(at).unwrap()),
            greeted: false,
            told: Vec::new(),
            ended: false,
            up: false,
        }
    }

    /// Moves bytes both ways.
    pub fn step(&mut self, now_ns: u64) {
        let Some(socket) = &mut self.socket else { return };
        if !self.greeted {
            if !socket.connected().unwrap() {
                return;
            }
            self.client.on_connected(now_ns);
            self.greeted = true;
        }
        let written = socket.write(self.client.output()).unwrap_or(0);
        self.client.written(written);
        let count = match socket.read(self.client.space()) {
            TcpRead::Bytes(count) => count,
            TcpRead::Idle => return,
            TcpRead::Closed => {
                self.ended = true;
                return;
            }
        };
        let (told, up, ended) = (&mut self.told, &mut self.up, &mut self.ended);
        self.client.on_bytes(now_ns, count, &mut |event| match event {
            ClientEvent::Up { .. } => *up = true,
            ClientEvent::Sequenced { bytes, .. } => told.push(bytes.to_vec()),
            ClientEvent::Down(_) => *ended = true,
            _ => {}
        });
    }

    /// Sends a request.
    pub fn send(&mut self, now_ns: u64, message: &[u8]) {
        assert!(self.client.send(now_ns, message));
    }

    /// Sends so many bytes of what waits, and no more.
    pub fn send_some(&mut self, most: usize) {
        let written = self.socket.as_mut().unwrap().write(&self.client.output()[..most]).unwrap();
        assert_eq!(written, most);
        self.client.written(written);
    }

    /// Breaks the connection without a word.
    pub fn hang_up(&mut self) {
        self.socket = None;
    }
}

/// Steps house and trader until the trader was told so many messages.
pub fn told(house: &mut House, trader: &mut Trader, count: usize) {
    until(house, &format!("{count} messages"), |house| {
        trader.step(house.clock.now_ns());
        trader.told.len() >= count
    });
}

/// A receiver of both lines.
pub struct Listener {
    lines: Vec<Box<dyn Udp>>,
    receiver: Receiver,
    pub messages: Vec<Vec<u8>>,
}

impl Listener {
    /// Joins the lines given.
    pub fn join(config: &ExchangeConfig, lines: &[usize]) -> Self {
        let join = |line: &usize| RealNet.udp_multicast(config.lines[*line], config.interface).unwrap();
        Self {
            lines: lines.iter().map(join).collect(),
            receiver: Receiver::new(Some(1), 1 << 20),
            messages: Vec::new(),
        }
    }

    /// Takes what arrived.
    pub fn step(&mut self) {
        let mut packet = [0; 2048];
        for line in &mut self.lines {
            while let Some((length, _)) = line.receive(&mut packet).unwrap() {
                let messages = &mut self.messages;
                self.receiver.on_packet(&packet[..length], &mut |event| {
                    if let Event::Message { bytes, .. } = event {
                        messages.push(bytes.to_vec());
                    }
                });
            }
        }
    }
}

/// Asks for messages again; what comes back.
pub fn ask_again(house: &mut House, session: [u8; 10], sequence: u64, count: u16) -> Vec<Vec<u8>> {
    let any = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
    let mut socket = RealNet.udp(any, Ipv4Addr::LOCALHOST).unwrap();
    let request = PacketHeader { session, sequence, count }.write();
    assert!(socket.send_to(&request, house.config.retransmission).unwrap());
    let mut receiver = Receiver::new(Some(sequence), 1 << 16);
    let mut messages = Vec::new();
    let mut packet = [0; 2048];
    until(house, "a retransmission", |_| {
        while let Some((length, _)) = socket.receive(&mut packet).unwrap() {
            receiver.on_packet(&packet[..length], &mut |event| {
                if let Event::Message { bytes, .. } = event {
                    messages.push(bytes.to_vec());
                }
            });
        }
        messages.len() >= usize::from(count)
    });
    messages
}

/// What a feed shows of one order: locate, side letter, shares, price.
pub type Shown = (u16, u8, u32, u32);

/// The displayed book that ITCH messages add up to, by order reference.
#[derive(Default, Debug, PartialEq, Eq)]
pub struct FeedBook {
    pub orders: BTreeMap<u64, Shown>,
    pub trades: u64,
}

impl FeedBook {
    /// Applies a message.
    pub fn apply(&mut self, message: &[u8]) {
        match decode(message).expect("the exchange publishes whole messages") {
            Message::AddOrder(view) => {
                let order = (view.stock_locate(), view.buy_sell_indicator(), view.shares(), view.price());
                assert_eq!(self.orders.insert(view.order_reference_number(), order), None, "a reference again");
            }
            Message::AddOrderMpid(view) => {
                let order = (view.stock_locate(), view.buy_sell_indicator(), view.shares(), view.price());
                assert_eq!(self.orders.insert(view.order_reference_number(), order), None, "a reference again");
            }
            Message::OrderExecuted(view) => {
                self.trades += 1;
                self.take(view.order_reference_number(), view.executed_shares());
            }
            Message::OrderCancel(view) => {
                let left = self.take(view.order_reference_number(), view.canceled_shares());
                assert!(left > 0, "a cancel of everything is a delete");
            }
            Message::OrderDelete(view) => {
                assert!(self.orders.remove(&view.order_reference_number()).is_some(), "unknown reference");
            }
            Message::OrderReplace(view) => {
                let old = self.orders.remove(&view.original_order_reference_number()).expect("unknown reference");
                let order = (old.0, old.1, view.shares(), view.price());
                assert_eq!(self.orders.insert(view.new_order_reference_number(), order), None, "a reference again");
            }
            _ => {}
        }
    }

    fn take(&mut self, reference: u64, shares: u32) -> u32 {
        let order = self.orders.get_mut(&reference).expect("unknown reference");
        order.2 = order.2.checked_sub(shares).expect("more than is displayed");
        let left = order.2;
        if left == 0 {
            self.orders.remove(&reference);
        }
        left
    }
}
