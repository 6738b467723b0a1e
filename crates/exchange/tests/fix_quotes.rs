//! Mass quotes over FIX, and what the exchange does to orders by itself: corrections, busts, the end of the day.

mod support;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use exchange::{CommandSource, ExchangeConfig};
use records::{ExchangeAction, ExchangeControl, ExchangeCorrection, RECORD_BYTES_MAX, UNDEF_PRICE, bytes_of};
use support::fix::{hold_against_dictionary, line, log_on, port, told, value};
use support::{House, config, until};
use tiles::Clock;

const VERSIONS: [(&str, &str); 5] =
    [("FIX.4.3", ""), ("FIX.4.4", ""), ("FIXT.1.1", "7"), ("FIXT.1.1", "8"), ("FIXT.1.1", "9")];

fn house_config(version: &str, application: &str) -> ExchangeConfig {
    let mut config = config();
    config.fix_ports = vec![port(11, "orders", version), port(12, "orders", version)];
    config.fix_ports.iter_mut().for_each(|port| port.default_appl_ver_id = application.into());
    config
}

/// What rests: side, price in cents, lots.
fn resting(house: &House) -> Vec<(usize, i64, i64)> {
    let mut found = Vec::new();
    house.tile.for_each_resting(|order| {
        found.push((order.side.index(), order.price_nanos / 10_000_000, order.front_lots + order.reserve_lots));
    });
    found
}

/// A quote message of one set.
fn quotes(name: &str, entries: &[(&str, &str, &str)]) -> String {
    let count = entries.len();
    let mut body = format!("117={name}|301=2|296=1|302=1|304={count}|295={count}");
    for (entry, symbol, terms) in entries {
        body += &format!("|299={entry}|55={symbol}|{terms}");
    }
    body
}

#[test]
fn an_entry_is_a_bid_and_an_offer_that_take_the_place_of_its_former_ones() {
    for (version, application) in VERSIONS {
        let mut house = House::start(house_config(version, application), None);
        let (mut maker, mut taker) = (log_on(&mut house, 0), log_on(&mut house, 1));
        let mut quote = |house: &mut House, name: &str, entries: &[(&str, &str, &str)], answers: usize| {
            let before = maker.told().len();
            maker.send_plain(house.clock.now_ns(), "i", &quotes(name, entries));
            told(house, &mut maker, before + answers);
            maker.told()[before..]
                .iter()
                .map(|told| line(told, &[35, 117, 297, 299, 368, 11, 150, 39, 151]))
                .collect::<Vec<_>>()
        };
        let first =
            [("1", "AAPL", "132=99|133=101|134=10|135=10"), ("2", "ESH4", "132=5|134=3"), ("3", "NOPE", "132=1|134=1")];
        let refused = "35=b|117=Q1|297=5|299=3|368=1";
        assert_eq!(quote(&mut house, "Q1", &first, 3), [refused, refused, "35=b|117=Q1|297=0"], "{version}");
        assert_eq!(resting(&house), [(0, 9_900, 10), (1, 10_100, 10), (0, 500, 3)]);
        // Higher than the offer that stands: it moves first, and nothing trades.
        let up = [("1", "AAPL", "132=101.5|133=102|134=10|135=12")];
        assert_eq!(quote(&mut house, "Q2", &up, 1), ["35=b|117=Q2|297=0"]);
        assert_eq!(resting(&house), [(0, 10_150, 10), (1, 10_200, 12), (0, 500, 3)]);
        taker.send(house.clock.now_ns(), "D", "11=T1|21=1|55=AAPL|54=1|38=4|40=2|44=102");
        told(&mut house, &mut taker, 2);
        // The fill is told under the name of the entry's side; then the size is the quoted one again.
        let again = [("1", "AAPL", "132=101.5|133=102|134=10|135=12")];
        let lines = quote(&mut house, "Q3", &again, 2);
        assert_eq!(lines, ["35=8|11=1/1S|150=F|39=1|151=8", "35=b|117=Q3|297=0"]);
        assert_eq!(resting(&house), [(0, 10_150, 10), (1, 10_200, 12), (0, 500, 3)]);
        let crossed = [("1", "AAPL", "132=103|133=102|134=1|135=1"), ("2", "ESH4", "132=6|134=0")];
        let refused = "35=b|117=Q4|297=5|299=1|368=8";
        assert_eq!(quote(&mut house, "Q4", &crossed, 3), [refused, refused, "35=b|117=Q4|297=0"]);
        assert_eq!(
            resting(&house),
            [(0, 10_150, 10), (1, 10_200, 12)],
            "a size of nothing pulls; a refused entry stands"
        );
        let down = [("1", "AAPL", "132=98|133=99|134=1|135=1")];
        quote(&mut house, "Q5", &down, 1);
        assert_eq!(resting(&house), [(0, 9_800, 1), (1, 9_900, 1)]);
        hold_against_dictionary(&house.config.fix_ports[0], &maker);
        assert!(maker.session_words().is_empty(), "{:?}", maker.session_words());
        // A restart knows the entries.
        let (config, storage) = (house.config.clone(), house.storage.clone());
        drop(house);
        maker.hang_up(1);
        let mut house = House::start_on(config, storage, None);
        maker.connect(house.clock.now_ns());
        until(&mut house, "a logon", |house| {
            maker.step(house.clock.now_ns());
            maker.is_up()
        });
        let before = maker.told().len();
        maker.send_plain(house.clock.now_ns(), "i", &quotes("Q6", &[("1", "AAPL", "132=98|133=99|134=0|135=2")]));
        told(&mut house, &mut maker, before + 1);
        assert_eq!(resting(&house), [(1, 9_900, 2)]);
    }
}

/// Commands of the exchange's own, from inside the process.
#[derive(Clone, Default)]
struct Hand(Rc<RefCell<VecDeque<Vec<u8>>>>);

impl CommandSource for Hand {
    fn next(&mut self, _: u64, out: &mut [u8; RECORD_BYTES_MAX]) -> Option<usize> {
        let command = self.0.borrow_mut().pop_front()?;
        out[..command.len()].copy_from_slice(&command);
        Some(command.len())
    }
}

#[test]
fn a_quote_cancel_pulls_those_of_its_symbols_or_all_and_no_order() {
    for (version, application) in VERSIONS {
        let mut house = House::start(house_config(version, application), None);
        let (mut maker, mut other) = (log_on(&mut house, 0), log_on(&mut house, 1));
        let mut ask = |house: &mut House, kind: &str, body: &str| {
            let before = maker.told().len();
            maker.send_plain(house.clock.now_ns(), kind, body);
            told(house, &mut maker, before + 1);
            line(maker.told().last().unwrap(), &[35, 117, 297, 300, 11, 150, 39])
        };
        let both = [("1", "AAPL", "132=99|133=101|134=10|135=10"), ("2", "ESH4", "132=5|133=6|134=2|135=2")];
        assert_eq!(ask(&mut house, "i", &quotes("Q1", &both)), "35=b|117=Q1|297=0");
        let order = |side: u8, price: &str| {
            format!("11=O{side}|21=1|55=AAPL|54={side}|38=7|40=2|44={price}|60=20260115-14:30:00")
        };
        assert_eq!(ask(&mut house, "D", &order(1, "90")), "35=8|11=O1|150=0|39=0");
        other.send_plain(house.clock.now_ns(), "i", &quotes("T1", &[("1", "AAPL", "132=98|134=3")]));
        told(&mut house, &mut other, 1);
        let one = |name: &str, symbol: &str| format!("117={name}|298=1|301=2|295=1|55={symbol}");
        assert_eq!(ask(&mut house, "Z", &one("Z1", "NOPE")), "35=b|117=Z1|297=5|300=1");
        assert_eq!(resting(&house).len(), 6, "an unknown symbol pulls nothing");
        assert_eq!(ask(&mut house, "Z", &one("Z2", "AAPL")), "35=b|117=Z2|297=1");
        let left = [(0, 9_000, 7), (0, 9_800, 3), (0, 500, 2), (1, 600, 2)];
        let mut found = resting(&house);
        found.sort_unstable();
        let mut wanted = left.to_vec();
        wanted.sort_unstable();
        assert_eq!(found, wanted, "{version}: orders, and quotes of others, stand");
        assert_eq!(ask(&mut house, "Z", "117=Z3|298=4|301=2"), "35=b|117=Z3|297=4");
        assert_eq!(resting(&house).len(), 2);
        assert_eq!(ask(&mut house, "i", &quotes("Q2", &both)), "35=b|117=Q2|297=0");
        hold_against_dictionary(&house.config.fix_ports[0], &maker);
        let (config, storage, before) = (house.config.clone(), house.storage.clone(), resting(&house));
        drop(house);
        assert_eq!(before.len(), 6);
        assert_eq!(resting(&House::start_on(config, storage, None)), before, "the journal says the same");
    }
}

#[test]
fn corrections_and_busts_name_their_fill_and_the_end_of_the_day_expires_orders() {
    for (version, application) in [("FIX.4.2", ""), VERSIONS[1], VERSIONS[4]] {
        let hand = Hand::default();
        let mut house = House::start(house_config(version, application), Some(Box::new(hand.clone())));
        let (mut maker, mut taker) = (log_on(&mut house, 0), log_on(&mut house, 1));
        let control = |action: ExchangeAction, value: u64| {
            let mut command = ExchangeControl::new();
            (command.header.venue, command.action, command.value, command.letter) = (1, action.code(), value, b'E');
            hand.0.borrow_mut().push_back(bytes_of(&command).to_vec());
        };
        let correct = |match_id: u64, price_nanos: i64, lots: i64| {
            let mut command = ExchangeCorrection::new();
            (command.match_id, command.price_nanos, command.lots) = (match_id, price_nanos, lots);
            hand.0.borrow_mut().push_back(bytes_of(&command).to_vec());
        };
        maker.send(house.clock.now_ns(), "D", "11=A1|21=1|55=AAPL|54=2|38=10|40=2|44=100");
        told(&mut house, &mut maker, 1);
        taker.send(house.clock.now_ns(), "D", "11=B1|21=1|55=AAPL|54=1|38=4|40=2|44=100");
        told(&mut house, &mut taker, 2);
        maker.send(house.clock.now_ns(), "G", "11=A2|41=A1|21=1|55=AAPL|54=2|38=9|40=2|44=101");
        told(&mut house, &mut maker, 3);
        let shown = [11, 20, 150, 39, 19, 32, 31, 151, 14, 6];
        // More lots than were traded, a price between ticks, no such trade: refused, and nobody is told.
        correct(1, UNDEF_PRICE, 5);
        correct(1, 100_001_000_000, 0);
        correct(2, UNDEF_PRICE, 1);
        correct(1, 99_500_000_000, 3);
        told(&mut house, &mut maker, 4);
        told(&mut house, &mut taker, 3);
        let expected = match version {
            "FIX.4.2" => [
                "11=A2|20=2|150=1|39=1|19=M1A|32=3|31=99.5|151=5|14=3|6=99.5",
                "11=B1|20=2|150=4|39=4|19=M1R|32=3|31=99.5|151=0|14=3|6=99.5",
            ],
            _ => [
                "11=A2|150=G|39=1|19=M1A|32=3|31=99.5|151=5|14=3|6=99.5",
                "11=B1|150=G|39=4|19=M1R|32=3|31=99.5|151=0|14=3|6=99.5",
            ],
        };
        assert_eq!([line(&maker.told()[3], &shown), line(&taker.told()[2], &shown)], expected);
        control(ExchangeAction::Bust, 1);
        told(&mut house, &mut maker, 5);
        told(&mut house, &mut taker, 4);
        correct(1, 99_000_000_000, 0);
        let expected = match version {
            "FIX.4.2" => [
                "11=A2|20=1|150=0|39=0|19=M1A|32=3|31=99.5|151=5|14=0|6=0",
                "11=B1|20=1|150=4|39=4|19=M1R|32=3|31=99.5|151=0|14=0|6=0",
            ],
            _ => [
                "11=A2|150=H|39=0|19=M1A|32=3|31=99.5|151=5|14=0|6=0",
                "11=B1|150=H|39=4|19=M1R|32=3|31=99.5|151=0|14=0|6=0",
            ],
        };
        assert_eq!([line(&maker.told()[4], &shown), line(&taker.told()[3], &shown)], expected);
        assert_eq!([value(&maker.told()[1], 17), value(&taker.told()[1], 17)], ["M1A", "M1R"]);
        control(ExchangeAction::DayRoll, 0);
        told(&mut house, &mut maker, 6);
        assert_eq!(line(&maker.told()[5], &[11, 150, 39, 151, 14]), "11=A2|150=C|39=C|151=0|14=0");
        // A new day: names may be used again, and what was before is unknown.
        maker.send(house.clock.now_ns(), "F", "11=C1|41=A2|55=AAPL|54=2");
        maker.send(house.clock.now_ns(), "D", "11=A1|21=1|55=AAPL|54=2|38=10|40=2|44=100");
        told(&mut house, &mut maker, 8);
        assert_eq!(house.count("exchange.changes_refused"), 4);
        let lines: Vec<String> = maker.told()[6..].iter().map(|told| line(told, &[35, 11, 150, 39, 102])).collect();
        assert_eq!(lines, ["35=9|11=C1|39=8|102=1", "35=8|11=A1|150=0|39=0"]);
        hold_against_dictionary(&house.config.fix_ports[0], &maker);
        hold_against_dictionary(&house.config.fix_ports[1], &taker);
    }
}
