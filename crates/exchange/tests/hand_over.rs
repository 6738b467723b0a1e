//! A running exchange gives its place to another one: members notice a pause, the feed goes on, one of both writes; and whenever the
//! one that comes dies, is late or differs, the other one goes on and nothing is lost.

mod support;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;

use exchange::{Capacity, ExchangeConfig, Matching, NoSink};
use journal::Reader;
use records::{ExchangeAction, ExchangeControl, Kind, read_from};
use support::fix::{self, FixTrader, port, value};
use support::ouch::{enter, log_in, send};
use support::{House, Listener, Trader, ask_again, config, told, until};
use tiles::{Clock, RealStorage, SucceedingNet, Succession, Tile};

const SESSION: [u8; 10] = *b"HOUSE1    ";
/// Between two turns that look at the line.
const TURN_NS: u64 = 6_000_000;
const KEEPS: u64 = 0;
const GIVES: u64 = 3;
const GAVE: u64 = 4;
const TOOK: u64 = 5;
const GONE: u64 = 6;

/// Where an exchange has its files and its place.
struct Place {
    directory: PathBuf,
}

impl Drop for Place {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.directory).unwrap();
    }
}

impl Place {
    fn new(name: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("meridian-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        Self { directory }
    }

    /// An exchange with this place, or one that comes for it.
    fn house(&self, config: &ExchangeConfig, takes_over: bool) -> House {
        let storage = RealStorage::new(&self.directory.join("data")).unwrap();
        let net = SucceedingNet(Succession { at: self.directory.join("place"), takes_over });
        House::start_with(config.clone(), Rc::new(net), Rc::new(storage)).unwrap()
    }

    /// All bytes of its files.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let entries = std::fs::read_dir(self.directory.join("data")).unwrap().map(|entry| entry.unwrap().path());
        entries.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
    }

    /// The state that its journal makes, how many orders it has, and how often a connection was lost.
    fn replayed(&self) -> (u64, usize, usize) {
        let mut reader = Reader::open(&self.directory.join("data")).unwrap();
        let mut core = Matching::new(Capacity {
            instruments: 2,
            sessions: 13,
            orders: 1 << 14,
            levels_per_side: 1024,
            trades: 1 << 12,
        });
        let (mut orders, mut lost) = (0, 0);
        while let Some((stamp, record)) = reader.next().unwrap() {
            core.apply(stamp, record, &mut NoSink).unwrap();
            let kind = read_from::<records::Header>(record).and_then(|header| header.kind());
            orders += usize::from(kind == Some(Kind::ExchangeEnter));
            let control = read_from::<ExchangeControl>(record).filter(|_| kind == Some(Kind::ExchangeControl));
            lost += usize::from(control.is_some_and(|one| one.action == ExchangeAction::Disconnect.code()));
        }
        (core.state_hash(), orders, lost)
    }
}

fn house_config() -> ExchangeConfig {
    let mut config = config();
    config.fix_ports = vec![port(11, "orders", "FIX.4.4"), port(13, "drop_copy", "FIX.4.4")];
    config.fix_ports[1].copies = vec![11];
    config.fix_ports[0].cancel_on_disconnect = "all".into();
    (config.segment_bytes, config.session_messages, config.feed_messages) = (64 << 10, 1 << 10, 1 << 12);
    config
}

/// Steps both until the one that comes has the place.
fn handed_over(old: &mut House, new: &mut House, mut now_ns: impl FnMut() -> u64) {
    for _ in 0..1_000_000 {
        new.tile.do_work(now_ns());
        old.tile.do_work(now_ns());
        if new.count("handover.stage") == TOOK {
            return;
        }
    }
    panic!("it does not take the place: {}", new.count("handover.why"));
}

/// A time that goes on by a turn each time.
fn turns(from_ns: u64) -> impl FnMut() -> u64 {
    let mut now_ns = from_ns;
    move || {
        now_ns += TURN_NS;
        now_ns
    }
}

fn letters(trader: &Trader) -> String {
    trader.told.iter().map(|message| char::from(message[0])).collect()
}

#[test]
fn members_notice_a_pause_and_nothing_else() {
    let place = Place::new("pause");
    let config = house_config();
    let mut old = place.house(&config, false);
    let mut listener = Listener::join(&config, &[0, 1]);
    let (mut maker, mut client) = (log_in(&mut old, 0, 1), fix::log_on(&mut old, 0));
    let mut copy = fix::log_on(&mut old, 1);
    send(&old, &mut maker, |out| enter(1, b'B', 10, 990_000).encode(out));
    told(&mut old, &mut maker, 2);
    client.send(old.clock.now_ns(), "D", "11=A1|55=AAPL|54=2|21=1|38=5|40=2|44=101");
    fix::told(&mut old, &mut client, 1);
    // A part of an order is with the one that gives, its rest comes while nobody takes anything.
    send(&old, &mut maker, |out| enter(2, b'B', 20, 980_000).encode(out));
    maker.send_some(7);
    for _ in 0..3 {
        old.step();
    }
    let mut new = place.house(&config, true);
    assert_eq!(new.tile.state_hash(), 0, "it has no place yet");
    let clock = tiles::RealClock::new();
    handed_over(&mut old, &mut new, || clock.now_ns());
    assert_eq!((old.tile.state_hash(), old.count("handover.stage")), (0, GAVE), "it has nothing to write with");
    maker.step(new.clock.now_ns());
    until(&mut new, "the answer to an order of two halves", |house| {
        maker.step(house.clock.now_ns());
        maker.told.len() == 3
    });
    client.send(new.clock.now_ns(), "D", "11=A2|55=AAPL|54=2|21=1|38=10|40=2|44=99");
    fix::told(&mut new, &mut client, 3);
    fix::told(&mut new, &mut copy, 3);
    told(&mut new, &mut maker, 4);
    assert_eq!(letters(&maker), "SAAE");
    let states: Vec<&str> = client.told().iter().map(|told| value(told, 150)).collect();
    assert_eq!(states, ["0", "0", "F"], "each report once, on the connection that it had");
    assert!(!maker.ended && client.is_up() && copy.is_up() && client.session_words().is_empty());
    // The feed has no gap and no number twice, and what was sent before is sent again.
    let sequence = new.count("feed.sequence");
    until(&mut new, "the feed", |_| {
        listener.step();
        listener.messages.len() as u64 >= sequence
    });
    assert_eq!(listener.messages.len() as u64, sequence);
    assert_eq!(ask_again(&mut new, SESSION, 2, 9), listener.messages[1..10]);
    // Who comes anew finds the same door.
    let mut other = log_in(&mut new, 1, 1);
    send(&new, &mut other, |out| enter(1, b'S', 1, 1_010_000).encode(out));
    told(&mut new, &mut other, 2);
    let before = place.files();
    for turn in 0..1_000 {
        assert_eq!(old.tile.do_work(new.clock.now_ns() + turn * TURN_NS), 0);
    }
    old.tile.on_close(new.clock.now_ns());
    assert!(place.files() == before, "woken late, it writes nothing");
    let (hash, orders, lost) = place.replayed();
    assert_eq!((hash, orders, lost), (new.tile.state_hash(), 5, 0));
    assert!((1..1_000_000_000).contains(&new.count("handover.held_ns")));
}

/// Sends an order until it is answered; a trader whose connection ends comes back and gives it again.
fn answered(house: &mut House, trader: &mut Trader, number: u32, mut now_ns: impl FnMut() -> u64) {
    let price = 1_000_000 - 10_000 * u64::from(number);
    let (count, mut given) = (trader.told.len() + 1, false);
    for _ in 0..1_000_000 {
        house.tile.do_work(now_ns());
        if trader.ended {
            let (port, heard) = (&house.config.ports[0], std::mem::take(&mut trader.told));
            *trader = Trader::connect(port.listen, &port.username, &port.password, heard.len() as u64 + 1);
            (trader.told, given) = (heard, false);
        }
        if trader.up && !given {
            send(house, trader, |out| enter(number, b'B', 10, price).encode(out));
            given = true;
        }
        trader.step(now_ns());
        if trader.told.len() >= count {
            return;
        }
    }
    panic!("not answered: {}", letters(trader));
}

#[test]
fn whenever_the_one_that_comes_dies_the_other_one_goes_on_and_no_order_is_lost() {
    let (mut stages, mut took) = (Vec::new(), false);
    for lived in 0..60 {
        let place = Place::new(&format!("dies-{lived}"));
        let mut config = house_config();
        config.ports[0].cancel_on_disconnect = "none".into();
        let mut old = place.house(&config, false);
        let mut trader = log_in(&mut old, 0, 1);
        told(&mut old, &mut trader, 1);
        let mut now_ns = turns(old.clock.now_ns());
        answered(&mut old, &mut trader, 1, &mut now_ns);
        let mut new = place.house(&config, true);
        for _ in 0..lived {
            new.tile.do_work(now_ns());
            old.tile.do_work(now_ns());
        }
        took = new.count("handover.stage") == TOOK;
        if took {
            break;
        }
        stages.push(old.count("handover.stage"));
        // A death: nothing is said, nothing is closed in order.
        drop(new);
        answered(&mut old, &mut trader, 2, &mut now_ns);
        assert_eq!((letters(&trader).as_str(), old.count("handover.stage")), ("SAA", KEEPS), "after {lived} turns");
        let (hash, orders, _) = place.replayed();
        assert_eq!((hash, orders), (old.tile.state_hash(), 2), "after {lived} turns");
        // The next one that comes has the place.
        let mut next = place.house(&config, true);
        handed_over(&mut old, &mut next, &mut now_ns);
        answered(&mut next, &mut trader, 3, &mut now_ns);
        assert_eq!((letters(&trader).as_str(), trader.ended), ("SAAA", false));
    }
    assert!(took && stages.contains(&KEEPS) && stages.contains(&GIVES) && stages.contains(&GAVE), "{stages:?}");
}

#[test]
fn one_that_stood_still_while_it_gave_keeps_its_place() {
    let place = Place::new("still");
    let config = house_config();
    let mut old = place.house(&config, false);
    let mut trader = log_in(&mut old, 0, 1);
    let mut client = FixTrader::new(&config.fix_ports[0]);
    fix::up(&mut old, &mut client);
    let mut new = place.house(&config, true);
    let mut now_ns = old.clock.now_ns();
    while old.count("handover.stage") != GIVES {
        now_ns += TURN_NS;
        new.tile.do_work(now_ns);
        old.tile.do_work(now_ns);
    }
    let before = place.files();
    for _ in 0..100 {
        new.tile.do_work(now_ns);
    }
    assert!(place.files() == before && new.tile.state_hash() == 0, "nothing is its own before it is told so");
    old.tile.do_work(now_ns + 10_000_000_000);
    new.tile.do_work(now_ns);
    assert_eq!((old.count("handover.stage"), new.count("handover.stage")), (KEEPS, GONE));
    assert_eq!(new.count("handover.why"), 2);
    send(&old, &mut trader, |out| enter(1, b'B', 10, 990_000).encode(out));
    told(&mut old, &mut trader, 2);
    client.send(old.clock.now_ns(), "D", "11=A1|55=AAPL|54=2|21=1|38=5|40=2|44=101");
    fix::told(&mut old, &mut client, 1);
    assert!(!trader.ended && client.is_up(), "their connections are the old ones");
    assert_eq!(place.replayed().2, 0);
}

#[test]
fn one_that_makes_something_else_of_the_input_does_not_get_the_place() {
    let place = Place::new("differs");
    let config = house_config();
    let mut old = place.house(&config, false);
    let mut trader = log_in(&mut old, 0, 1);
    let other = ExchangeConfig { fix_ports: Vec::new(), ..config };
    let mut new = place.house(&other, true);
    let from_ns = old.clock.now_ns();
    for turn in 1..20 {
        new.tile.do_work(from_ns + turn * TURN_NS);
        old.tile.do_work(from_ns + turn * TURN_NS);
    }
    assert_eq!((new.count("handover.stage"), new.count("handover.why")), (GONE, 1));
    send(&old, &mut trader, |out| enter(1, b'B', 10, 990_000).encode(out));
    told(&mut old, &mut trader, 2);
    assert_eq!((old.count("handover.stage"), trader.ended), (KEEPS, false));
}
