//! The exchange dies at any point, and so do connections: no order is forgotten or taken twice, every report is said once.
//!
//! A kill is the end of a life without a word. Half of them come in the middle of a cycle: the journal has the cycle's
//! commands, the sessions' files do not know of them yet.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use exchange::ExchangeConfig;
use journal::MemoryStorage;
use support::fix::{FixTrader, Told, port, value};
use support::{House, config};
use tiles::{Clock, Storage};

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn house_config() -> ExchangeConfig {
    let mut config = config();
    config.fix_ports =
        vec![port(11, "orders", "FIX.4.4"), port(12, "orders", "FIX.4.2"), port(13, "drop_copy", "FIX.4.4")];
    config.fix_ports[2].copies = vec![11, 12];
    config.fix_ports[1].cancel_on_disconnect = "all".into();
    for port in &mut config.fix_ports {
        port.store_bytes = 64 << 10;
    }
    (config.session_messages, config.segment_bytes) = (1 << 12, 64 << 10);
    (config.orders, config.levels_per_side, config.feed_messages) = (1 << 10, 256, 1 << 14);
    config
}

type Files = BTreeMap<String, Vec<u8>>;

fn files(storage: &MemoryStorage, of_sessions: bool) -> Files {
    let names = storage.list().unwrap().into_iter().filter(|name| name.starts_with("fix") == of_sessions);
    names.map(|name| (name.clone(), storage.open(&name, 8).unwrap().bytes().to_vec())).collect()
}

fn storage_of(files: Files) -> Rc<MemoryStorage> {
    let storage = MemoryStorage::new();
    for (name, bytes) in files {
        storage.open(&name, bytes.len()).unwrap().bytes_mut().copy_from_slice(&bytes);
    }
    storage
}

/// A client that orders at random, and gives its orders again when they are asked for.
struct Client {
    trader: FixTrader,
    name: char,
    orders: u64,
    sent: BTreeSet<String>,
}

impl Client {
    fn new(port: &exchange::FixPortConfig, name: char) -> Self {
        Self { trader: FixTrader::new(port), name, orders: 0, sent: BTreeSet::new() }
    }

    fn act(&mut self, now_ns: u64, random: &mut Random) {
        if !self.trader.is_up() {
            return;
        }
        self.orders += 1;
        let (name, number) = (self.name, self.orders);
        let tag = format!("{name}{number}");
        let price = 95 + random.below(10);
        let side = 1 + random.below(2);
        let old = random.below(number) + 1;
        let (kind, body) = match random.below(8) {
            0 => ("F", format!("11={tag}|41={name}{old}|55=AAPL|54={side}")),
            1 => ("G", format!("11={tag}|41={name}{old}|55=AAPL|54={side}|21=1|38=40|40=2|44={price}")),
            _ => {
                let lots = 1 + random.below(50);
                ("D", format!("11={tag}|55=AAPL|54={side}|21=1|38={lots}|40=2|44={price}"))
            }
        };
        if self.trader.try_send(now_ns, kind, &body).is_ok() {
            self.sent.insert(tag);
        }
    }

    fn step(&mut self, now_ns: u64) {
        if !self.trader.is_connected() {
            self.trader.connect(now_ns);
        }
        self.trader.step(now_ns);
    }
}

/// One run: lives, kills, cut connections; then quiet.
fn run(seed: u64, lives: usize) -> Vec<Client> {
    let mut random = Random(seed);
    let mut house = House::start(house_config(), None);
    let ports = &house.config.fix_ports;
    let mut clients: Vec<Client> =
        ports.iter().zip(['A', 'B', 'C']).map(|(port, name)| Client::new(port, name)).collect();
    for _ in 0..lives {
        for _ in 0..20 + random.below(60) {
            let now_ns = house.clock.now_ns();
            for client in &mut clients[..2] {
                if random.below(3) == 0 {
                    client.act(now_ns, &mut random);
                }
            }
            if random.below(60) == 0 {
                clients[random.below(3) as usize].trader.hang_up(now_ns);
            }
            clients.iter_mut().for_each(|client| client.step(now_ns));
            house.step();
        }
        let middle = random.below(3) > 0;
        let now_ns = house.clock.now_ns();
        for client in &mut clients[..2] {
            client.act(now_ns, &mut random);
            client.step(now_ns);
        }
        let before = files(&house.storage, true);
        house.step();
        let mut left = files(&house.storage, false);
        left.extend(if middle { before } else { files(&house.storage, true) });
        let config = house.config.clone();
        drop(house);
        // What was on its way to the clients of a life that ended in the middle never left it.
        clients.iter_mut().for_each(|client| client.trader.hang_up(1));
        house = House::start_on(config, storage_of(left), None);
    }
    let (mut quiet, mut before) = (0, 0);
    while quiet < 400 {
        let now_ns = house.clock.now_ns();
        clients.iter_mut().for_each(|client| client.step(now_ns));
        house.step();
        let told: usize = clients.iter().map(|client| client.trader.told().len()).sum();
        quiet = if told == before { quiet + 1 } else { 0 };
        before = told;
    }
    clients
}

fn answers<'a>(client: &'a Client, tag: &str) -> Vec<&'a Told> {
    // The first word on a request: what comes later under its name is its order's life.
    let first = |told: &&Told| {
        value(told, 35) == "9" || ["0", "5", "8"].contains(&value(told, 150)) || !value(told, 41).is_empty()
    };
    client.trader.told().iter().filter(|told| value(told, 11) == tag).filter(first).collect()
}

fn check(seed: u64) {
    let clients = run(seed, 6);
    let mut matches: BTreeMap<String, usize> = BTreeMap::new();
    for client in &clients[..2] {
        assert!(client.sent.len() > 20, "seed {seed}: something was asked");
        for tag in &client.sent {
            assert_eq!(answers(client, tag).len(), 1, "seed {seed}: {tag} {:?}", answers(client, tag));
        }
        let mut open: BTreeMap<String, (i64, i64)> = BTreeMap::new();
        for told in client.trader.told().iter().filter(|told| value(told, 35) == "8") {
            let number = |tag| value(told, tag).parse::<i64>().unwrap_or(0);
            let original = value(told, 41);
            let chain = if original.is_empty() { value(told, 11) } else { original };
            let (executed, _) = open.remove(chain).unwrap_or((0, 0));
            assert_eq!(executed + number(32), number(14), "seed {seed}: a report is missing before {told:?}");
            open.insert(value(told, 11).to_owned(), (number(14), number(151)));
            if number(32) > 0 {
                *matches.entry(value(told, 17).to_owned()).or_default() += 1;
            }
        }
    }
    assert!(matches.values().all(|count| *count == 1), "seed {seed}: {matches:?}");
    for id in matches.keys() {
        let other = id[..id.len() - 1].to_owned() + if id.ends_with('A') { "R" } else { "A" };
        assert!(matches.contains_key(&other), "seed {seed}: both sides of {id}");
    }
    let ids = |client: &Client| -> Vec<String> {
        let reports = client.trader.told().iter().filter(|told| value(told, 35) == "8");
        let mut ids: Vec<String> = reports.map(|told| value(told, 17).to_owned()).collect();
        ids.sort();
        ids
    };
    let mut own: Vec<String> = clients[..2].iter().flat_map(ids).collect();
    own.sort();
    assert_eq!(own, ids(&clients[2]), "seed {seed}: the drop copy has them all, each once");
}

#[test]
fn nothing_is_lost_or_done_twice_over_kills_seeds_1_to_12() {
    (1..=12).for_each(check);
}
