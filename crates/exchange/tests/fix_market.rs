//! Market data over FIX: whoever takes the snapshot and what follows has the displayed book, in each version.

mod support;

use std::collections::BTreeMap;

use exchange::ExchangeConfig;
use support::fix::{FixTrader, Told, hold_against_dictionary, line, log_on, port, told, value};
use support::{House, config};
use tiles::{Clock, Tile};

const VERSIONS: [(&str, &str); 6] =
    [("FIX.4.2", ""), ("FIX.4.3", ""), ("FIX.4.4", ""), ("FIXT.1.1", "7"), ("FIXT.1.1", "8"), ("FIXT.1.1", "9")];

fn house_config(version: &str, application: &str) -> ExchangeConfig {
    let mut config = config();
    config.fix_ports = vec![port(11, "orders", "FIX.4.4"), port(14, "market_data", version)];
    config.fix_ports[1].default_appl_ver_id = application.into();
    config
}

/// Price, lots and orders by side and price.
type Book = BTreeMap<(String, String), (String, String)>;

/// Applies what came; returns the trades among it.
fn apply(book: &mut Book, told: &[Told]) -> Vec<String> {
    let mut trades = Vec::new();
    for message in told {
        let first = match value(message, 35) {
            "W" => {
                book.clear();
                269
            }
            "X" => 279,
            other => panic!("{other} is no market data"),
        };
        let starts: Vec<usize> = (0..message.len()).filter(|at| message[*at].0 == first).collect();
        assert_eq!(starts.len().to_string(), value(message, 268));
        for (at, start) in starts.iter().enumerate() {
            let entry: Told = message[*start..*starts.get(at + 1).unwrap_or(&message.len())].to_vec();
            let key = (value(&entry, 269).to_owned(), value(&entry, 270).to_owned());
            if key.0 == "2" {
                trades.push(line(&entry, &[278, 270, 271]));
                continue;
            }
            let level = (value(&entry, 271).to_owned(), value(&entry, 346).to_owned());
            match value(&entry, 279) {
                "2" => assert!(book.remove(&key).is_some(), "{key:?} was there"),
                "1" => assert!(book.insert(key, level).is_some(), "a change of what is there"),
                _ => assert!(book.insert(key, level).is_none(), "new"),
            }
        }
    }
    trades
}

/// The displayed book as the exchange's own state has it.
fn displayed(house: &House) -> Book {
    let mut levels: BTreeMap<(String, i64), (i64, i64)> = BTreeMap::new();
    house.tile.for_each_resting(|order| {
        if !order.hidden && order.instrument == 1 {
            let level = levels.entry((order.side.index().to_string(), order.price_nanos)).or_default();
            (level.0, level.1) = (level.0 + order.front_lots, level.1 + 1);
        }
    });
    let text = |nanos: i64| format!("{:.2}", nanos as f64 / 1e9).trim_end_matches('0').trim_end_matches('.').to_owned();
    let line = |((side, price), (lots, orders)): ((String, i64), (i64, i64))| {
        ((side, text(price)), (lots.to_string(), orders.to_string()))
    };
    levels.into_iter().map(line).collect()
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

#[test]
fn snapshot_and_increments_make_the_displayed_book_in_every_version() {
    for (at, (version, application)) in VERSIONS.into_iter().enumerate() {
        let mut house = House::start(house_config(version, application), None);
        let (mut trader, mut reader) = (log_on(&mut house, 0), log_on(&mut house, 1));
        let mut random = Random(at as u64 + 1);
        let mut order = |house: &mut House, trader: &mut FixTrader, number: u64| {
            let (side, price, lots) = (1 + random.below(2), 9_990 + random.below(20), 1 + random.below(40));
            let display = if lots > 10 && random.below(3) == 0 { "111=5|" } else { "" };
            let price = format!("{}.{:02}", price / 100, price % 100);
            let body = format!("11=A{number}|55=AAPL|54={side}|{display}38={lots}|40=2|44={price}");
            trader.send(house.clock.now_ns(), "D", &body);
        };
        (0..30).for_each(|number| order(&mut house, &mut trader, number));
        told(&mut house, &mut trader, 30);
        reader.send_plain(house.clock.now_ns(), "V", "262=R1|263=1|264=0|265=1|267=3|269=0|269=1|269=2|146=1|55=AAPL");
        told(&mut house, &mut reader, 1);
        let mut book = Book::new();
        apply(&mut book, &reader.told()[..1]);
        assert_eq!(book, displayed(&house), "{version} {application}: the snapshot");
        let mut read = 1;
        let mut trades = Vec::new();
        for number in 30..300 {
            order(&mut house, &mut trader, number);
            for _ in 0..3 {
                trader.step(house.clock.now_ns());
                house.step();
                reader.step(house.clock.now_ns());
            }
            trades.extend(apply(&mut book, &reader.told()[read..]));
            read = reader.told().len();
        }
        for _ in 0..50 {
            house.step();
            trader.step(house.clock.now_ns());
            reader.step(house.clock.now_ns());
        }
        trades.extend(apply(&mut book, &reader.told()[read..]));
        assert_eq!(book, displayed(&house), "{version} {application}: after {read} messages");
        let fills =
            trader.told().iter().filter(|told| value(told, 851) == "2" && value(told, 527).parse::<u64>().unwrap() > 0);
        let fills: Vec<String> = fills
            .map(|told| format!("278={}|270={}|271={}", value(told, 527), value(told, 31), value(told, 32)))
            .collect();
        assert!(trades.len() > 20 && fills.ends_with(&trades), "{version} {application}: every trade since, once");
        hold_against_dictionary(&house.config.fix_ports[1], &reader);
    }
}

#[test]
fn requests_are_refused_by_what_they_ask_and_ended_by_their_name() {
    let mut house = House::start(house_config("FIX.4.4", ""), None);
    let (mut trader, mut reader) = (log_on(&mut house, 0), log_on(&mut house, 1));
    let rows = [
        ("262=A|263=0|264=1|267=1|269=0|146=1|55=AAPL", "35=W|262=A|55=AAPL|268=0"),
        ("262=B|263=1|264=1|265=1|267=2|269=0|269=1|146=1|55=AAPL", "35=W|262=B|55=AAPL|268=0"),
        ("262=B|263=1|264=1|265=1|267=1|269=0|146=1|55=AAPL", "35=Y|262=B|281=1"),
        ("262=C|263=1|264=1|265=2|267=1|269=0|146=1|55=AAPL", "35=Y|262=C|281=6"),
        ("262=C|263=1|264=1|265=1|267=1|269=6|146=1|55=AAPL", "35=Y|262=C|281=8"),
        ("262=C|263=1|264=1|265=1|267=1|269=0|146=1|55=NOPE", "35=Y|262=C|281=0"),
        ("262=C|263=3|264=1|265=1|267=1|269=0|146=1|55=AAPL", "35=Y|262=C|281=4"),
        ("262=C|263=1|264=1|265=1|266=N|267=1|269=0|146=1|55=AAPL", "35=Y|262=C|281=7"),
        ("262=C|263=2|264=1|267=1|269=0|146=1|55=AAPL", "35=Y|262=C"),
        ("262=D|263=1|264=0|265=0|267=1|269=1|146=1|55=ESH4", "35=W|262=D|55=ESH4|268=0"),
    ];
    for (at, (body, answer)) in rows.into_iter().enumerate() {
        reader.send_plain(house.clock.now_ns(), "V", body);
        told(&mut house, &mut reader, at + 1);
        assert_eq!(line(&reader.told()[at], &[35, 262, 281, 55, 268]), answer, "{body}");
    }
    let mut order = |house: &mut House, name: &str, symbol: &str, price: &str| {
        trader.send(house.clock.now_ns(), "D", &format!("11={name}|55={symbol}|54=2|38=5|40=2|44={price}"));
        trader.step(house.clock.now_ns());
        for _ in 0..20 {
            house.step();
        }
    };
    // Only the best level is shown to one, whole books to the other.
    order(&mut house, "1", "AAPL", "101");
    order(&mut house, "2", "AAPL", "100");
    order(&mut house, "3", "ESH4", "7");
    told(&mut house, &mut reader, rows.len() + 3);
    let lines: Vec<String> =
        reader.told()[rows.len()..].iter().map(|told| line(told, &[35, 262, 279, 270, 271])).collect();
    assert_eq!(lines, ["35=X|262=B|279=0|270=101|271=5", "35=X|262=B|279=0|270=100|271=5", "35=W|262=D|270=7|271=5"]);
    assert_eq!(value(&reader.told()[rows.len() + 1], 268), "2", "the better one is new, the other one no longer shown");
    reader.send_plain(house.clock.now_ns(), "V", "262=B|263=2|264=1|267=1|269=0|146=1|55=AAPL");
    (0..20).for_each(|_| {
        reader.step(house.clock.now_ns());
        house.step();
    });
    order(&mut house, "4", "AAPL", "99");
    order(&mut house, "5", "ESH4", "6");
    told(&mut house, &mut reader, rows.len() + 4);
    assert_eq!(value(reader.told().last().unwrap(), 262), "D");
    reader.send(house.clock.now_ns(), "D", "11=1|55=AAPL|54=2|38=5|40=2|44=1");
    told(&mut house, &mut reader, rows.len() + 5);
    assert_eq!(line(reader.told().last().unwrap(), &[35, 372, 380]), "35=j|372=D|380=3");
    house.tile.on_close(1);
}
