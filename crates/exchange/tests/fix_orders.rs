//! Orders over FIX, whole conversations by table: what is asked, what is answered, in each version.

mod support;

use exchange::{ExchangeConfig, ThrottleConfig};
use support::fix::{FixTrader, Told, hold_against_dictionary, line, log_on, port, told, value};
use support::{House, config, until};
use tiles::Clock;
use wire::fix::Precision;

/// What a line of an answer shows.
const SHOWN: [u32; 17] = [35, 11, 41, 20, 150, 39, 103, 378, 102, 434, 38, 44, 32, 31, 151, 14, 6];

fn house_config(version: &str) -> ExchangeConfig {
    let mut config = config();
    config.fix_ports = vec![port(11, "orders", version), port(12, "orders", version), port(13, "drop_copy", version)];
    config.fix_ports[2].copies = vec![11, 12];
    config.session_messages = 1 << 10;
    config
}

/// Sends and waits for so many answers; their lines.
fn ask(house: &mut House, trader: &mut FixTrader, kind: &str, body: &str, answers: usize) -> Vec<String> {
    let before = trader.told().len();
    trader.send(house.clock.now_ns(), kind, body);
    told(house, trader, before + answers);
    trader.told()[before..].iter().map(|told| line(told, &SHOWN)).collect()
}

const LIMIT: &str = "21=1|55=AAPL|54=1|38=100|40=2|44=99.5";

/// Every version's ports; of FIX 5.0 all three.
const VERSIONS: [(&str, &str); 6] =
    [("FIX.4.2", ""), ("FIX.4.3", ""), ("FIX.4.4", ""), ("FIXT.1.1", "7"), ("FIXT.1.1", "8"), ("FIXT.1.1", "9")];

/// How a version says it: what 4.4 says, and what this one says instead.
fn in_words_of(version: &str, line: &str) -> String {
    let answer = line.to_owned();
    if version != "FIX.4.2" {
        return if version == "FIX.4.3" { answer.replace("|39=4|102=0", "|39=5|102=0") } else { answer };
    }
    let is = |part: &str| answer.contains(part);
    if !is("35=8") {
        return answer.replace("|39=4|102=0", "|39=5|102=0");
    }
    let kind = match () {
        () if is("150=I|39=0") => "20=3|150=0|39=0",
        () if is("150=5|39=0") => "20=0|150=5|39=5",
        () if is("150=F|39=1") => "20=0|150=1|39=1",
        () if is("150=F|39=2") => "20=0|150=2|39=2",
        () => "20=0|150=",
    };
    let old = ["150=I|39=0", "150=5|39=0", "150=F|39=1", "150=F|39=2"].into_iter().find(|old| is(old));
    answer.replace(old.unwrap_or("150="), kind)
}

#[test]
fn an_order_lives_and_ends_as_its_reports_say_in_every_version() {
    for (version, application) in VERSIONS {
        let mut config = house_config(version);
        config.fix_ports.iter_mut().for_each(|port| port.default_appl_ver_id = application.into());
        let mut house = House::start(config, None);
        live_and_end(&mut house, version);
    }
}

fn live_and_end(house: &mut House, version: &str) {
    let (mut maker, mut taker) = (log_on(house, 0), log_on(house, 1));
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
        let body = if matches!(kind, "D" | "G") { format!("21=1|{body}") } else { body.to_owned() };
        // A cancelled order's status is the same word everywhere.
        let told =
            |line: &&str| if body.contains("C4") { in_words_of("FIX.4.4", line) } else { in_words_of(version, line) };
        let expected: Vec<String> = answers.iter().map(told).collect();
        assert_eq!(ask(house, &mut maker, kind, &body, answers.len()), expected, "{version} {kind} {body}");
    }
    ask(house, &mut maker, "D", "11=M1|21=1|55=AAPL|54=2|38=100|40=2|44=100.01", 1);
    ask(house, &mut maker, "D", "11=M2|21=1|55=AAPL|54=2|38=100|40=2|44=100.02|59=0", 1);
    let lines = ask(house, &mut taker, "D", "11=T1|21=1|55=AAPL|54=1|38=250|40=2|44=100.02|59=3", 4);
    let expected = [
        "35=8|11=T1|150=0|39=0|38=250|44=100.02|151=250|14=0|6=0",
        "35=8|11=T1|150=F|39=1|38=250|44=100.02|32=100|31=100.01|151=150|14=100|6=100.01",
        "35=8|11=T1|150=F|39=1|38=250|44=100.02|32=100|31=100.02|151=50|14=200|6=100.015",
        "35=8|11=T1|150=4|39=4|38=250|44=100.02|151=0|14=200|6=100.015",
    ];
    assert_eq!(lines, expected.map(|line| in_words_of(version, line)));
    let maker_before = 11;
    told(house, &mut maker, maker_before + 2);
    let fills: Vec<String> = maker.told()[maker_before..].iter().map(|told| line(told, &[11, 39, 32, 31])).collect();
    assert_eq!(fills, ["11=M1|39=2|32=100|31=100.01", "11=M2|39=2|32=100|31=100.02"]);
    assert_eq!((value(&maker.told()[maker_before], 17), value(&taker.told()[1], 17)), ("M1A", "M1R"));
    let named = [value(&taker.told()[1], 527), value(&taker.told()[1], 880)].concat();
    assert_eq!(named, if version == "FIX.4.2" { "" } else { "1" });
    ask_of_many(house, &mut taker, version);
    let mut copy = log_on(house, 2);
    told(house, &mut copy, 8);
    for (at, trader) in [&maker, &taker, &copy].into_iter().enumerate() {
        hold_against_dictionary(&house.config.fix_ports[at], trader);
        let refused = usize::from(version == "FIX.4.2" && at == 1);
        assert_eq!(trader.session_words().len(), refused, "{version}: {:?}", trader.session_words());
    }
}

/// Mass cancels and the status of all, as far as the version has them.
fn ask_of_many(house: &mut House, taker: &mut FixTrader, version: &str) {
    ask(house, taker, "D", "11=T2|21=1|55=NOPE|54=5|38=1|40=2|44=1", 1);
    ask(house, taker, "D", "11=T3|21=1|55=AAPL|54=5|38=50|40=2|44=120|111=10|59=6|126=20991231-00:00:00|18=o", 1);
    if version == "FIX.4.2" {
        // A type that the version does not have.
        taker.send(house.clock.now_ns(), "q", "11=Q1|530=7");
        until(house, "the reject", |house| {
            taker.step(house.clock.now_ns());
            !taker.session_words().is_empty()
        });
        assert_eq!(line(&taker.session_words()[0], &[35, 372, 373]), "35=3|372=q|373=11");
    } else {
        let lines = ask(house, taker, "q", "11=Q1|530=7", 2);
        assert!(lines[0].starts_with("35=8|11=T3|150=4|39=4"), "{lines:?}");
        assert_eq!(line(taker.told().last().unwrap(), &[35, 11, 530, 531, 533]), "35=r|11=Q1|530=7|531=7|533=1");
        ask(house, taker, "q", "11=Q2|530=1|55=NOPE", 1);
        assert_eq!(line(taker.told().last().unwrap(), &[35, 11, 530, 531, 532]), "35=r|11=Q2|530=1|531=0|532=1");
    }
    if !matches!(version, "FIX.4.2" | "FIX.4.3") {
        ask(house, taker, "AF", "584=S1|585=7", 1);
        assert_eq!(
            line(taker.told().last().unwrap(), &[35, 584, 150, 39, 911, 912]),
            "35=8|584=S1|150=I|39=8|911=0|912=Y"
        );
        (1..=3).for_each(|number| drop(ask(house, taker, "D", &format!("11=U{number}|{LIMIT}"), 1)));
        ask(house, taker, "D", "11=U4|21=1|55=ESH4|54=1|38=5|40=2|44=10", 1);
        ask(house, taker, "AF", "584=S2|585=7", 4);
        let of_all: Vec<String> =
            taker.told().iter().rev().take(4).rev().map(|told| line(told, &[11, 150, 911, 912])).collect();
        let expected = [
            "11=U1|150=I|911=4|912=N",
            "11=U2|150=I|911=4|912=N",
            "11=U3|150=I|911=4|912=N",
            "11=U4|150=I|911=4|912=Y",
        ];
        assert_eq!(of_all, expected);
        ask(house, taker, "AF", "584=S3|585=1|55=ESH4", 1);
        assert_eq!(line(taker.told().last().unwrap(), &[11, 911, 912]), "11=U4|911=1|912=Y");
    }
}

/// What is wrong with a request, and the answer: type, reasons, the tag named.
#[test]
fn requests_that_are_not_sound_are_answered_by_what_is_wrong_with_them() {
    let mut house = House::start(house_config("FIX.4.4"), None);
    let mut trader = log_on(&mut house, 0);
    let rows = [
        ("D", "11=B1|55=AAPL|54=1|38=1.5|40=2|44=99", "35=8|103=13"),
        ("D", "11=B2|55=AAPL|54=1|38=1|40=2|44=99.001", "35=8|103=99"),
        ("D", "11=B3|55=TOOLONGNAME|54=1|38=1|40=2|44=99", "35=8|103=1"),
        ("D", "11=B4|55=AAPL|54=1|38=1|40=3|44=99", "35=8|103=11"),
        ("D", "11=B5|55=AAPL|54=1|38=1|40=2|44=99|59=1", "35=8|103=11"),
        ("D", "11=B6|55=AAPL|54=1|38=1|40=2|44=99|18=G", "35=8|103=11"),
        ("D", "11=B7|55=AAPL|54=1|38=10|40=2|44=99|111=2.5", "35=8|103=11"),
        ("D", "11=B8|55=AAPL|54=1|38=1|40=2|44=99|59=6|126=20200101-00:00:00", "35=8|103=11"),
        ("D", "11=B9|55=AAPL|54=1|38=1|40=2", "35=j|372=D|380=5"),
        ("D", "11=B10|55=AAPL|54=1|40=2|44=99", "35=j|372=D|380=5"),
        ("D", "11=B11|55=AAPL|54=1|38=1|40=2|44=99|59=6", "35=j|372=D|380=5"),
        ("BE", "923=U|924=1|553=me", "35=j|372=BE|380=3"),
        ("q", "11=B12|530=5", "35=r|531=0|532=99"),
        ("AF", "584=S|585=3", "35=8|39=8|103=11"),
        ("H", "11=NONE|55=AAPL|54=1", "35=8|39=8|103=5"),
    ];
    for (kind, body, answer) in rows {
        let before = trader.told().len();
        ask(&mut house, &mut trader, kind, body, 1);
        let shown = line(&trader.told()[before], &[35, 531, 532, 39, 103, 372, 380]);
        let answer = if answer.contains("|103=") && !answer.contains("39=") {
            answer.replace("|103", "|39=8|103")
        } else {
            answer.into()
        };
        assert_eq!(shown, answer, "{kind} {body}");
    }
    let faults = [
        ("D", "11=ABCDEFGHIJKLMNOPQ|55=AAPL|54=1|38=1|40=2|44=99", "373=5|371=11"),
        ("D", "11=B13|55=AAPL|38=1|40=2|44=99", "373=1|371=54"),
        ("D", "11=B14|55=AAPL|54=X|38=1|40=2|44=99", "373=5|371=54"),
        ("D", "11=B15|55=AAPL|54=1|38=one|40=2|44=99", "373=6|371=38"),
        ("D", "11=B16|55=AAPL|54=1|38=1|40=2|44=", "373=4|371=44"),
        ("D", "11=B17|11=B18|55=AAPL|54=1|38=1|40=2|44=99", "373=13|371=11"),
        ("F", "11=B19|55=AAPL|54=1", "373=1|371=41"),
        ("q", "11=B20|530=X", "373=5|371=530"),
    ];
    for (at, (kind, body, answer)) in faults.into_iter().enumerate() {
        trader.send(house.clock.now_ns(), kind, body);
        until(&mut house, body, |house| {
            trader.step(house.clock.now_ns());
            trader.session_words().len() > at
        });
        assert_eq!(line(&trader.session_words()[at], &[373, 371]), answer, "{kind} {body}");
    }
    let still = ask(&mut house, &mut trader, "D", &format!("11=OK|{LIMIT}"), 1);
    assert!(still[0].starts_with("35=8|11=OK|150=0"), "{still:?}");
}

#[test]
fn orders_end_with_their_connection_as_the_session_the_order_or_its_account_says() {
    let mut config = house_config("FIX.4.4");
    config.fix_ports[0].cancel_on_disconnect_accounts = vec!["ACCT1".into()];
    config.fix_ports[1].cancel_on_disconnect = "day_orders".into();
    let mut house = House::start(config, None);
    let (mut one, mut other) = (log_on(&mut house, 0), log_on(&mut house, 1));
    for (tag, extra) in [("A1", "1=ACCT1"), ("A2", "1=ACCT2"), ("A3", "18=6 o"), ("A4", "59=0")] {
        ask(&mut house, &mut one, "D", &format!("11={tag}|{LIMIT}|{extra}"), 1);
    }
    for (tag, extra) in
        [("B1", "59=0"), ("B2", "59=6|126=20991231-00:00:00"), ("B3", "59=6|126=20991231-00:00:00|18=o")]
    {
        ask(&mut house, &mut other, "D", &format!("11={tag}|{LIMIT}|{extra}"), 1);
    }
    for trader in [&mut one, &mut other] {
        trader.hang_up(house.clock.now_ns());
    }
    (0..200).for_each(|_| {
        house.step();
    });
    for trader in [&mut one, &mut other] {
        trader.connect(house.clock.now_ns());
    }
    told(&mut house, &mut one, 6);
    told(&mut house, &mut other, 5);
    let ends = |trader: &FixTrader, from: usize| -> Vec<String> {
        trader.told()[from..].iter().map(|told| line(told, &[11, 150, 39, 378])).collect()
    };
    assert_eq!(ends(&one, 4), ["11=A1|150=4|39=4|378=7", "11=A3|150=4|39=4|378=7"]);
    assert_eq!(ends(&other, 3), ["11=B1|150=4|39=4|378=7", "11=B3|150=4|39=4|378=7"]);
}

#[test]
fn a_session_that_sends_too_much_is_refused_and_its_cancels_pass() {
    let mut config = house_config("FIX.4.4");
    config.fix_ports[0].throttle = ThrottleConfig { messages: 3, window_ns: 3_600_000_000_000 };
    let mut house = House::start(config, None);
    let mut trader = log_on(&mut house, 0);
    ask(&mut house, &mut trader, "D", &format!("11=A1|{LIMIT}"), 1);
    ask(&mut house, &mut trader, "D", &format!("11=A2|{LIMIT}"), 1);
    ask(&mut house, &mut trader, "D", &format!("11=A3|{LIMIT}"), 1);
    let refused = ask(&mut house, &mut trader, "D", &format!("11=A4|{LIMIT}"), 1);
    assert_eq!(refused, ["35=8|11=A4|150=8|39=8|103=99|38=100|44=99.5|151=0|14=0|6=0"]);
    let refused = ask(&mut house, &mut trader, "G", &format!("11=A5|41=A1|{LIMIT}"), 1);
    assert_eq!(refused, ["35=9|11=A5|41=A1|39=0|102=99|434=2"]);
    assert_eq!(ask(&mut house, &mut trader, "AF", "584=S|585=7", 1), ["35=j"]);
    assert_eq!(
        ask(&mut house, &mut trader, "F", "11=C1|41=A2|55=AAPL|54=1", 1)[0][..26],
        *"35=8|11=C1|41=A2|150=4|39="
    );
    assert_eq!(ask(&mut house, &mut trader, "q", "11=Q1|530=7", 3).len(), 3);
}

#[test]
fn a_logon_must_have_the_right_names_and_words() {
    let mut house = House::start(house_config("FIX.4.4"), None);
    let mut port = house.config.fix_ports[0].clone();
    port.password = "guess".into();
    let mut stranger = FixTrader::new(&port);
    stranger.connect(house.clock.now_ns());
    until(&mut house, "the refusal", |house| {
        stranger.step(house.clock.now_ns());
        !stranger.is_connected()
    });
    assert_eq!(stranger.session_words().len(), 0, "a word would take one of the session's numbers");
    port.target_comp_id = "NOBODY".into();
    let mut stranger = FixTrader::new(&port);
    stranger.connect(house.clock.now_ns());
    until(&mut house, "the end", |house| {
        stranger.step(house.clock.now_ns());
        !stranger.is_connected()
    });
    let mut trader = log_on(&mut house, 0);
    let mut second = FixTrader::new(&house.config.fix_ports[0]);
    second.connect(house.clock.now_ns());
    until(&mut house, "the second to be closed", |house| {
        second.step(house.clock.now_ns());
        trader.step(house.clock.now_ns());
        !second.is_connected()
    });
    assert!(trader.is_up());
}

#[test]
fn fix_tables_that_do_not_fit_together_are_refused_with_every_error() {
    let mut config = house_config("FIX.4.4");
    config.fix_ports[1].target_comp_id = "CLIENT11".into();
    config.fix_ports[1].listen = config.fix_ports[0].listen;
    config.fix_ports[1].session = 1;
    config.fix_ports[1].copies = vec![11];
    config.fix_ports[2].copies = vec![12, 11, 11];
    config.fix_ports[0].default_appl_ver_id = "9".into();
    let wrong = config.check().unwrap_err().0;
    let keys = [
        "fix_ports[1].session = 1: stands twice",
        "fix_ports[1].target_comp_id = \"CLIENT11\"",
        "fix_ports[1].listen",
        "fix_ports[1].copies = [11]: is for role",
        "fix_ports[2].copies = 12: must be a session",
        "fix_ports[2].copies = [12, 11, 11]: names a session twice",
        "fix_ports[0].default_appl_ver_id = \"9\"",
    ];
    for key in keys {
        assert!(wrong.lines().any(|line| line.contains(key)), "{key} in {wrong}");
    }
    assert_eq!(wrong.lines().count(), keys.len(), "{wrong}");
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

#[test]
fn an_order_that_may_have_been_sent_before_is_answered_by_its_state() {
    let mut house = House::start(house_config("FIX.4.4"), None);
    let mut trader = log_on(&mut house, 0);
    ask(&mut house, &mut trader, "D", &format!("11=A1|{LIMIT}"), 1);
    for (name, answer) in [("A1", "11=A1|150=I|39=0|151=100"), ("A2", "11=A2|150=0|39=0|151=100")] {
        let (before, now_ns) = (trader.told().len(), house.clock.now_ns());
        let sent = trader.session.send(now_ns, b"D", |body| {
            body.header_field(97, b"Y").field(11, name.as_bytes()).field(55, b"AAPL").field(54, b"1");
            body.field(38, b"100").field(40, b"2").field(44, b"99.5").time(60, now_ns, Precision::Milliseconds);
        });
        assert!(sent.is_ok());
        told(&mut house, &mut trader, before + 1);
        assert_eq!(line(&trader.told()[before], &[11, 150, 39, 151]), answer);
    }
}
