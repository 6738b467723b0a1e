//! Bad input at a FIX port: whatever comes, the exchange goes on, other sessions are untouched, and a replay agrees.

mod support;

use exchange::{ExchangeConfig, RestingOrder};
use support::fix::{FixTrader, line, log_on, port, told, up, value};
use support::{House, config, until};
use tiles::{Clock, Net, RealNet};
use wire::fix::{SOH, seal};

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len() as u64) as usize]
    }
}

fn house_config() -> ExchangeConfig {
    let mut config = config();
    config.fix_ports = vec![
        port(11, "orders", "FIX.4.4"),
        port(12, "orders", "FIXT.1.1"),
        port(13, "drop_copy", "FIX.4.4"),
        port(14, "market_data", "FIX.4.4"),
        port(15, "orders", "FIX.4.4"),
    ];
    config.fix_ports[2].copies = vec![11, 12];
    config
}

const KINDS: [&str; 12] = ["D", "F", "G", "q", "H", "AF", "i", "V", "8", "9", "ZZ", "AE"];
const VALUES: [&str; 22] = [
    "",
    "0",
    "1",
    "2",
    "7",
    "-1",
    "1.5",
    "99.5",
    "100",
    "999999999999",
    "9223372036854775807",
    "1e9",
    "AAPL",
    "ESH4",
    "NOPE",
    "A1",
    "A2",
    "20260101-00:00:00",
    "99991231-23:59:59.999",
    "6",
    "/////",
    "\u{7f}\u{2}",
];
const TAGS: [u32; 34] = [
    1, 11, 18, 38, 40, 41, 44, 54, 55, 59, 60, 110, 111, 117, 126, 132, 133, 134, 135, 146, 262, 263, 264, 265, 267,
    269, 295, 296, 299, 301, 302, 530, 584, 585,
];

/// A message of fields that messages have, in any order and number.
fn nonsense(random: &mut Random) -> (&'static str, String) {
    let mut fields = Vec::new();
    for _ in 0..random.below(14) {
        let tag = TAGS[random.below(TAGS.len() as u64) as usize];
        fields.push(format!("{tag}={}", random.pick(&VALUES)));
    }
    let sound = match random.below(4) {
        0 => format!("11=R{}|55=AAPL|54={}|40=2|44=100|", random.below(40), 1 + random.below(2)),
        1 => format!("117=Q|296=1|302={}|304=2|295=2|299=1|55=AAPL|132=99|", random.below(3)),
        2 => format!("11=S{}|41=R{}|55=AAPL|54=1|40=2|38=5|", random.below(1_000), random.below(40)),
        _ => String::new(),
    };
    (random.pick(&KINDS), sound + &fields.join("|") + if fields.is_empty() { "58=x" } else { "|58=x" })
}

fn resting(house: &House) -> Vec<RestingOrder> {
    let mut found = Vec::new();
    house.tile.for_each_resting(|order| found.push(*order));
    found
}

#[test]
fn nonsense_moves_nobody_but_who_sends_it_and_replays_alike_seeds_1_to_6() {
    for seed in 1..=6 {
        let mut random = Random(seed);
        let mut house = House::start(house_config(), None);
        let mut bystander = log_on(&mut house, 4);
        let mut senders: Vec<FixTrader> = (0..4).map(|at| log_on(&mut house, at)).collect();
        let mut answered = 0;
        for round in 0..1_500 {
            let sender = &mut senders[random.below(4) as usize];
            let now_ns = house.clock.now_ns();
            if !sender.is_up() {
                up(&mut house, sender);
            }
            let (kind, body) = nonsense(&mut random);
            let _may_end = sender.try_send(now_ns, kind, &body);
            sender.step(now_ns);
            house.step();
            sender.step(now_ns);
            if round % 300 == 0 {
                bystander.send(now_ns, "D", &format!("11=B{round}|55=ESH4|54=1|38=1|40=2|44=1"));
                answered += 1;
                told(&mut house, &mut bystander, answered);
                assert_eq!(value(&bystander.told()[answered - 1], 150), "0", "seed {seed}");
            }
        }
        let answers: usize = senders.iter().map(|sender| sender.told().len() + sender.session_words().len()).sum();
        assert!(answers > 1_000, "seed {seed}: {answers} answers");
        let before = resting(&house);
        let (config, storage) = (house.config.clone(), house.storage.clone());
        drop(house);
        // No session promised that its orders go with its connection.
        assert_eq!(resting(&House::start_on(config, storage, None)), before, "seed {seed}");
        assert!(!before.is_empty());
    }
}

#[test]
fn bytes_before_a_logon_close_the_connection_and_nothing_else() {
    let mut house = House::start(house_config(), None);
    let mut trader = log_on(&mut house, 0);
    let listen = house.config.fix_ports[0].listen;
    let with = |body: &str| seal(b"FIX.4.4", body.replace('|', "\u{1}").as_bytes());
    let rows: [Vec<u8>; 6] = [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        with("35=D|49=CLIENT11|56=HOUSE|34=1|52=20260101-00:00:00|11=A|"),
        with("35=A|49=NOBODY|56=HOUSE|34=1|52=20260101-00:00:00|98=0|108=30|"),
        with("35=A|49=CLIENT11|56=HOUSE|34=1|52=20260101-00:00:00|98=0|108=30|"),
        [b"8=FIX.4.4\x019=999999999\x01".to_vec(), vec![SOH; 64]].concat(),
        vec![b'8'; 8_192],
    ];
    for bytes in rows {
        let mut socket = RealNet.tcp_connect(listen).unwrap();
        let mut sent = 0;
        let mut buffer = [0; 512];
        until(&mut house, "the end of the connection", |house| {
            trader.step(house.clock.now_ns());
            if sent < bytes.len() {
                sent += socket.write(&bytes[sent..]).unwrap_or(bytes.len());
            }
            matches!(socket.read(&mut buffer), tiles::TcpRead::Closed)
        });
    }
    assert!(trader.is_up(), "the one that had logged on goes on");
    trader.send(house.clock.now_ns(), "D", "11=A1|55=AAPL|54=1|38=1|40=2|44=1");
    told(&mut house, &mut trader, 1);
}

#[test]
fn who_does_not_read_waits_alone_and_loses_nothing() {
    let mut house = House::start(house_config(), None);
    let (mut maker, mut taker) = (log_on(&mut house, 0), log_on(&mut house, 1));
    let mut copy = log_on(&mut house, 2);
    // The maker does not read and the drop copy is not there while the taker trades with the maker's order.
    copy.hang_up(house.clock.now_ns());
    maker.send(house.clock.now_ns(), "D", "11=M|55=AAPL|54=2|38=900000|40=2|44=100");
    maker.step(house.clock.now_ns());
    for number in 0..3_500 {
        taker.send(house.clock.now_ns(), "D", &format!("11=T{number}|55=AAPL|54=1|38=1|40=2|44=100"));
        taker.step(house.clock.now_ns());
        house.step();
    }
    told(&mut house, &mut taker, 7_000);
    // The copy's reports found no room: its session cannot go on, the others do.
    copy.connect(house.clock.now_ns());
    until(&mut house, "the refusal of the copy's logon", |house| {
        copy.step(house.clock.now_ns());
        copy.session_words().iter().any(|words| value(words, 58) == "Too many reports wait")
    });
    told(&mut house, &mut maker, 3_501);
    assert_eq!(value(&maker.told()[3_500], 14), "3500");
    let mut config = house.config.clone();
    config.fix_ports[2].reports_waiting_max = 1 << 14;
    let storage = house.storage.clone();
    drop(house);
    copy.hang_up(1);
    let mut house = House::start_on(config, storage, None);
    up(&mut house, &mut copy);
    told(&mut house, &mut copy, 10_501);
    let mut ids: Vec<&str> = copy.told().iter().map(|told| value(told, 17)).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 10_501, "each report once");
}

/// Reports up to the last place wait for a session that is away: it is let in, told them all, and goes on.
#[test]
fn who_comes_back_to_nearly_too_many_reports_is_let_in() {
    let mut config = house_config();
    config.fix_ports[0].reports_waiting_max = 1 << 10;
    let mut house = House::start(config, None);
    let (mut maker, mut taker) = (log_on(&mut house, 0), log_on(&mut house, 1));
    maker.send(house.clock.now_ns(), "D", "11=M|55=AAPL|54=2|38=900000|40=2|44=100");
    told(&mut house, &mut maker, 1);
    maker.hang_up(house.clock.now_ns());
    let trades = (1 << 10) - 1;
    for number in 0..trades {
        taker.send(house.clock.now_ns(), "D", &format!("11=T{number}|55=AAPL|54=1|38=1|40=2|44=100"));
        told(&mut house, &mut taker, 2 * number + 2);
    }
    up(&mut house, &mut maker);
    told(&mut house, &mut maker, 1 + trades);
    assert_eq!(value(&maker.told()[trades], 14), trades.to_string());
    maker.send(house.clock.now_ns(), "F", "11=C|41=M|55=AAPL|54=2");
    told(&mut house, &mut maker, 2 + trades);
    assert_eq!(line(&maker.told()[1 + trades], &[39, 41]), "39=4|41=M");
}

#[test]
fn numbers_that_begin_anew_repeat_nothing_over_kills() {
    let mut house = House::start(house_config(), None);
    let mut ids: Vec<String> = Vec::new();
    for life in 0..6 {
        // A client that keeps nothing and says so, every time.
        let mut trader = FixTrader::resetting(&house.config.fix_ports[0]);
        up(&mut house, &mut trader);
        for number in 0..10 {
            let body = format!("11=A{life}-{number}|55=AAPL|54={}|38=5|40=2|44=100", 1 + number % 2);
            trader.send(house.clock.now_ns(), "D", &body);
        }
        told(&mut house, &mut trader, 20);
        for told in trader.told().iter().filter(|told| value(told, 150) == "0") {
            assert_eq!(line(told, &[11])[..5], *format!("11=A{life}"), "what was said before is not said again");
        }
        ids.extend(trader.told().iter().map(|told| value(told, 17).to_owned()));
        let (config, storage) = (house.config.clone(), house.storage.clone());
        drop(house);
        trader.hang_up(1);
        house = House::start_on(config, storage, None);
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), count), (120, 120));
}

#[test]
fn a_full_store_ends_the_session_and_a_reset_goes_on_with_what_was_not_said() {
    let mut config = house_config();
    config.fix_ports[0].store_messages_max = 16;
    let mut house = House::start(config, None);
    let mut trader = log_on(&mut house, 0);
    for number in 0..40 {
        trader.send(house.clock.now_ns(), "D", &format!("11=A{number}|55=AAPL|54=1|38=1|40=2|44=1"));
    }
    until(&mut house, "the end of the session", |house| {
        trader.step(house.clock.now_ns());
        !trader.is_connected()
    });
    let words: Vec<&str> = trader.session_words().iter().map(|words| value(words, 58)).collect();
    assert_eq!(words, ["Message store is full"]);
    let mut names: Vec<String> = trader.told().iter().map(|told| value(told, 11).to_owned()).collect();
    assert_eq!(names.len(), 16);
    while names.len() < 40 {
        let mut anew = FixTrader::resetting(&house.config.fix_ports[0]);
        anew.connect(house.clock.now_ns());
        told(&mut house, &mut anew, 16.min(40 - names.len()));
        names.extend(anew.told().iter().map(|told| value(told, 11).to_owned()));
        anew.hang_up(house.clock.now_ns());
        (0..50).for_each(|_| {
            house.step();
        });
    }
    assert_eq!(names, (0..40).map(|number| format!("A{number}")).collect::<Vec<_>>(), "each once, in order");
}
