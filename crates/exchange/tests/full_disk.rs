//! A disk without room: the exchange takes nothing that it cannot keep and says so, over FIX and OUCH; each request that it took is
//! answered once, and with room it goes on where it stands.

mod support;

use std::collections::BTreeMap;
use std::rc::Rc;

use exchange::{ExchangeConfig, ExchangeTile};
use journal::MemoryStorage;
use support::fix::{FixTrader, Told, log_on, port, told, up, value};
use support::ouch::{enter, log_in, send};
use support::{House, config, until};
use tiles::Clock;

const ORDERS_MAX: usize = 4_000;
const REFUSED: &str = "The exchange has no room to keep requests";

fn house_config(store_bytes: usize) -> ExchangeConfig {
    let mut config = config();
    config.fix_ports = vec![port(11, "orders", "FIX.4.4"), port(12, "drop_copy", "FIX.4.4")];
    config.fix_ports[1].copies = vec![11];
    config.fix_ports[0].store_bytes = store_bytes;
    config.segment_bytes = 64 << 10;
    config
}

/// Nothing more finds a place.
fn fill(house: &House) {
    house.storage.set_capacity(house.storage.used());
}

fn make_room(house: &House) {
    house.storage.set_capacity(house.storage.used() + (64 << 20));
}

fn order(house: &mut House, trader: &mut FixTrader, number: usize) -> bool {
    let body = format!("11=A{number}|21=1|55=AAPL|54=1|38=100|40=2|44=9.5");
    trader.try_send(house.clock.now_ns(), "D", &body).is_ok()
}

/// Orders until something is refused; the numbers of those that were sent.
fn order_until_refused(house: &mut House, trader: &mut FixTrader, first: usize) -> usize {
    for number in first..first + ORDERS_MAX {
        let before = trader.told().len();
        if !order(house, trader, number) {
            return number;
        }
        until(house, "an answer, or the end", |house| {
            trader.step(house.clock.now_ns());
            trader.told().len() > before || !trader.is_up()
        });
        if !trader.is_up() || value(trader.told().last().unwrap(), 35) == "j" {
            return number + 1;
        }
    }
    panic!("{ORDERS_MAX} orders were kept on a full disk");
}

/// How often each order was acknowledged.
fn acknowledged(told: &[Told]) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for told in told.iter().filter(|told| value(told, 150) == "0") {
        *found.entry(value(told, 11).to_owned()).or_default() += 1;
    }
    found
}

#[test]
fn without_room_in_the_journal_orders_are_refused_cancels_are_done_and_with_room_it_goes_on() {
    let mut house = House::start(house_config(1 << 20), None);
    let mut trader = log_on(&mut house, 0);
    let mut other = log_in(&mut house, 0, 1);
    fill(&house);
    let sent = order_until_refused(&mut house, &mut trader, 0);
    assert!(trader.is_up(), "{:?}", trader.session_words());
    let refusal = trader.told().last().unwrap();
    assert_eq!([35, 372, 380, 58].map(|tag| value(refusal, tag)), ["j", "D", "4", REFUSED]);
    assert!(sent > 100, "{sent} orders had room");
    let kept = acknowledged(trader.told());
    assert!(kept.len() == sent - 1 && kept.values().all(|times| *times == 1), "all but the last");
    until(&mut house, "the gauge", |house| house.count("exchange.no_room") == 1);
    assert_eq!(house.count("exchange.refused_no_room"), 1);
    // What takes away is done all the same.
    let before = trader.told().len();
    trader.send(house.clock.now_ns(), "F", "11=C0|41=A0|55=AAPL|54=1");
    told(&mut house, &mut trader, before + 1);
    assert_eq!(value(trader.told().last().unwrap(), 150), "4");
    // OUCH has no answer that does not stand in the journal.
    send(&house, &mut other, |out| enter(1, b'B', 100, 90_000).encode(out));
    until(&mut house, "the end of the connection", |house| {
        other.step(house.clock.now_ns());
        other.ended
    });
    assert_eq!(house.count("exchange.refused_no_room"), 2);
    // Requests that take away go on for a while, not for ever; then nobody is let in.
    for number in 1.. {
        let before = trader.told().len();
        trader.send(house.clock.now_ns(), "F", &format!("11=C{number}|41=A{number}|55=AAPL|54=1"));
        told(&mut house, &mut trader, before + 1);
        if value(trader.told().last().unwrap(), 35) == "j" {
            break;
        }
        assert!(number < sent);
    }
    let now_ns = house.clock.now_ns();
    trader.hang_up(now_ns);
    until(&mut house, "the loss is known", |house| house.count("fix11.disconnects") == 1);
    trader.connect(house.clock.now_ns());
    until(&mut house, "a refusal", |house| {
        trader.step(house.clock.now_ns());
        !trader.is_connected()
    });
    assert_eq!(value(trader.session_words().last().unwrap(), 58), REFUSED);
    make_room(&house);
    until(&mut house, "the gauge", |house| house.count("exchange.no_room") == 0);
    up(&mut house, &mut trader);
    let before = trader.told().len();
    assert!(order(&mut house, &mut trader, sent));
    told(&mut house, &mut trader, before + 1);
    assert_eq!(value(trader.told().last().unwrap(), 150), "0");
    let state = house.tile.state_hash();
    let (config, storage) = (house.config.clone(), Rc::clone(&house.storage));
    drop(house);
    let again = House::start_on(config, storage, None);
    assert_ne!(state, 0);
    let mut resting = 0;
    again.tile.for_each_resting(|_| resting += 1);
    let cancelled = trader.told().iter().filter(|told| value(told, 150) == "4").count();
    assert_eq!(resting, acknowledged(trader.told()).len() - cancelled, "what was acknowledged is there");
}

#[test]
fn a_session_whose_store_is_full_is_not_let_in_and_hears_everything_once_there_is_room() {
    let mut house = House::start(ExchangeConfig { segment_bytes: 4 << 20, ..house_config(64 << 10) }, None);
    let mut trader = log_on(&mut house, 0);
    fill(&house);
    let sent = order_until_refused(&mut house, &mut trader, 0);
    until(&mut house, "the end", |house| {
        trader.step(house.clock.now_ns());
        !trader.is_connected()
    });
    assert!(trader.session_words().iter().any(|words| value(words, 58) == "Message store is full"));
    until(&mut house, "the gauge", |house| house.count("fix11.store_full") == 1);
    assert_eq!(house.count("fix11.ends.store_failed"), 1);
    let (logons, commands) = (house.count("fix11.logons"), house.count("exchange.commands"));
    for _ in 0..3 {
        trader.connect(house.clock.now_ns());
        until(&mut house, "a refusal", |house| {
            trader.step(house.clock.now_ns());
            !trader.is_connected()
        });
        assert_eq!(value(trader.session_words().last().unwrap(), 58), "Message store is full");
    }
    assert_eq!(house.count("fix11.logons"), logons, "nobody was let in");
    house.step();
    assert!(house.count("exchange.commands") <= commands + 1, "a refused logon is no input");
    make_room(&house);
    until(&mut house, "the gauge", |house| house.count("fix11.store_full") == 0);
    up(&mut house, &mut trader);
    until(&mut house, "what could not be said", |house| {
        trader.step(house.clock.now_ns());
        acknowledged(trader.told()).len() == sent
    });
    assert!(acknowledged(trader.told()).values().all(|times| *times == 1), "each once");
}

#[test]
fn without_room_it_does_not_start_and_names_the_file() {
    let house = House::start(house_config(1 << 20), None);
    let (config, storage): (_, Rc<MemoryStorage>) = (house.config.clone(), Rc::clone(&house.storage));
    fill(&house);
    drop(house);
    let refused = support::try_start(config, storage).map(|_: ExchangeTile| ()).unwrap_err();
    assert!(refused.0.contains("no room for 65536 bytes"), "{}", refused.0);
}
