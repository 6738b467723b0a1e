//! Orders over FIX, whole conversations by table: what is asked, what is answered, in each version.

mod support;

use exchange::ExchangeConfig;
use support::fix::{FixTrader, Told, line, port, value};
use support::{House, config, until};
use tiles::Clock;

/// What a line of an answer shows.
const SHOWN: [u32; 17] = [35, 11, 41, 20, 150, 39, 103, 378, 102, 434, 38, 44, 32, 31, 151, 14, 6];

fn house_config(version: &str) -> ExchangeConfig {
    let mut config = config();
    config.fix_ports = vec![port(11, "orders", version), port(12, "orders", version), port(13, "drop_copy", version)];
    config.fix_ports[2].copies = vec![11, 12];
    config.session_messages = 1 << 10;
    config
}

fn log_on(house: &mut House, at: usize) -> FixTrader {
    let mut trader = FixTrader::new(&house.config.fix_ports[at]);
    trader.connect(house.clock.now_ns());
    until(house, "a logon", |house| {
        trader.step(house.clock.now_ns());
        trader.is_up()
    });
    trader
}

/// Steps until a trader was told so many messages.
fn told(house: &mut House, trader: &mut FixTrader, count: usize) {
    until(house, &format!("message {count}"), |house| {
        trader.step(house.clock.now_ns());
        trader.told().len() >= count
    });
}

/// Sends and waits for so many answers; their lines.
fn ask(house: &mut House, trader: &mut FixTrader, kind: &str, body: &str, answers: usize) -> Vec<String> {
    let before = trader.told().len();
    trader.send(house.clock.now_ns(), kind, body);
    told(house, trader, before + answers);
    trader.told()[before..].iter().map(|told| line(told, &SHOWN)).collect()
}

const LIMIT: &str = "21=1|55=AAPL|54=1|38=100|40=2|44=99.5";

#[test]
fn an_order_lives_and_ends_as_its_reports_say() {
    let mut house = House::start(house_config("FIX.4.4"), None);
    let (mut maker, mut taker) = (log_on(&mut house, 0), log_on(&mut house, 1));
    let steps: [(&str, &str, &[&str]); 9] = [
        ("D", "11=A1|55=AAPL|54=1|38=100|40=2|44=99.5", &["35=8|11=A1|150=0|39=0|38=100|44=99.5|151=100|14=0|6=0"]),
        ("H", "11=A1|55=AAPL|54=1", &["35=8|11=A1|150=I|39=0|38=100|44=99.5|151=100|14=0|6=0"]),
        (
            "G",
            "11=A2|41=A1|55=AAPL|54=1|38=80|40=2|44=99.5",
            &["35=8|11=A2|41=A1|150=5|39=0|38=80|44=99.5|151=80|14=0|6=0"],
        ),
        ("F", "11=C1|41=A1|55=AAPL|54=1", &["35=9|11=C1|41=A1|39=4|102=0|434=1"]),
        ("F", "11=C2|41=NONE|55=AAPL|54=1", &["35=9|11=C2|41=NONE|39=8|102=1|434=1"]),
        ("G", "11=A3|41=NONE|55=AAPL|54=1|38=80|40=2|44=99.5", &["35=9|11=A3|41=NONE|39=8|102=1|434=2"]),
        ("D", "11=A2|55=AAPL|54=1|38=1|40=2|44=99.5", &["35=8|11=A2|150=8|39=8|103=6|38=1|44=99.5|151=0|14=0|6=0"]),
        ("F", "11=C3|41=A2|55=AAPL|54=1", &["35=8|11=C3|41=A2|150=4|39=4|38=80|44=99.5|151=0|14=0|6=0"]),
        ("F", "11=C4|41=A2|55=AAPL|54=1", &["35=9|11=C4|41=A2|39=4|102=0|434=1"]),
    ];
    for (kind, body, answers) in steps {
        assert_eq!(ask(&mut house, &mut maker, kind, body, answers.len()), answers, "{kind} {body}");
    }
    ask(&mut house, &mut maker, "D", "11=M1|55=AAPL|54=2|38=100|40=2|44=100.01", 1);
    ask(&mut house, &mut maker, "D", "11=M2|55=AAPL|54=2|38=100|40=2|44=100.02|59=0", 1);
    let lines = ask(&mut house, &mut taker, "D", "11=T1|55=AAPL|54=1|38=250|40=2|44=100.02|59=3", 4);
    assert_eq!(
        lines,
        [
            "35=8|11=T1|150=0|39=0|38=250|44=100.02|151=250|14=0|6=0",
            "35=8|11=T1|150=F|39=1|38=250|44=100.02|32=100|31=100.01|151=150|14=100|6=100.01",
            "35=8|11=T1|150=F|39=1|38=250|44=100.02|32=100|31=100.02|151=50|14=200|6=100.015",
            "35=8|11=T1|150=4|39=4|38=250|44=100.02|151=0|14=200|6=100.015",
        ]
    );
    let maker_before = 11;
    told(&mut house, &mut maker, maker_before + 2);
    let fills: Vec<String> =
        maker.told()[maker_before..].iter().map(|told| line(told, &[11, 150, 39, 32, 31, 851])).collect();
    assert_eq!(fills, ["11=M1|150=F|39=2|32=100|31=100.01|851=1", "11=M2|150=F|39=2|32=100|31=100.02|851=1"]);
    assert_eq!(value(&maker.told()[maker_before], 17), "M1A");
    assert_eq!(value(&taker.told()[1], 17), "M1R");
    assert_eq!(value(&taker.told()[1], 527), "1");
}

#[test]
fn a_drop_copy_has_every_report_of_its_sessions_and_takes_no_orders() {
    let mut house = House::start(house_config("FIX.4.4"), None);
    let (mut one, mut other) = (log_on(&mut house, 0), log_on(&mut house, 1));
    ask(&mut house, &mut one, "D", &format!("11=A1|{LIMIT}"), 1);
    ask(&mut house, &mut other, "D", "11=B1|55=AAPL|54=2|38=30|40=1", 2);
    told(&mut house, &mut one, 2);
    ask(&mut house, &mut one, "H", "11=A1|55=AAPL|54=1", 1);
    ask(&mut house, &mut one, "F", "11=C1|41=A1|55=AAPL|54=1", 1);
    ask(&mut house, &mut one, "F", "11=C2|41=A1|55=AAPL|54=1", 1);
    let mut copy = log_on(&mut house, 2);
    told(&mut house, &mut copy, 5);
    let own = |told: &Told| {
        told.iter().filter(|(tag, _)| ![8, 9, 34, 52, 49, 56, 10, 115, 797].contains(tag)).cloned().collect::<Told>()
    };
    for (trader, name) in [(&one, "CLIENT11"), (&other, "CLIENT12")] {
        let copied: Vec<Told> = copy.told().iter().filter(|told| value(told, 115) == name).map(own).collect();
        let reports = trader.told().iter().filter(|told| value(told, 35) == "8" && value(told, 150) != "I");
        assert_eq!(copied, reports.map(own).collect::<Vec<_>>());
        assert!(copy.told().iter().all(|told| value(told, 797) == "Y"));
    }
    let refused = ask(&mut house, &mut copy, "D", &format!("11=A1|{LIMIT}"), 1);
    assert_eq!(refused, ["35=j"]);
    assert_eq!(value(copy.told().last().unwrap(), 380), "6");
}
