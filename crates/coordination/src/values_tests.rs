use super::*;

pub fn directory() -> Directory {
    let text = r#"{"nodes": {"firm": {"id": 1, "name": "firm", "level": "firm"},
        "desk": {"id": 2, "name": "desk", "level": "desk", "parent": "firm"}},
        "instruments": {"AAPL": 7, "ES/Z6": 8}, "sectors": {"tech": 3}, "venues": {"XNAS": 4}, "reference": "aa"}"#;
    serde_json::from_str(text).expect("a directory")
}

fn limit_of(text: &str) -> Result<Limit, String> {
    limit(5, text.as_bytes(), &directory())
}

const GOOD: &str = r#"{"v":1,"id":5,"node":"desk","metric":"order_notional","value":"1500.25","selector":{"instrument":"AAPL",
    "venue":"XNAS","trader":9},"soft_percent":70,"enforcement":"global","pending":{"value":"1","parts":{"ny-1":
    {"upper":"0.5","lower":"-1"}}},"reason":"r","by":"b","at_ns":1,"version":3,"another_release":true}"#;

#[test]
fn a_limit_becomes_a_record() {
    let limit = limit_of(GOOD).expect("a good limit");
    let record = limit.record;
    assert_eq!((record.limit, record.node, record.metric), (5, 2, Metric::OrderNotional.code()));
    assert_eq!((record.selector, record.selected), (SelectorKind::Instrument.code(), 7));
    assert_eq!((record.venue, record.trader, record.soft_percent, record.enforcement), (4, 9, 70, 1));
    assert_eq!(record.value.get(), 1_500_250_000_000);
    assert_eq!(limit.pending["ny-1"], Part { upper: 500_000_000, lower: -1_000_000_000 });
}

#[test]
fn a_limit_that_makes_no_sense_is_refused_with_its_field() {
    let cases = [
        ("{", "it is no JSON"),
        ("[]", "v: must be 1"),
        (&GOOD.replace("\"v\":1", "\"v\":2"), "v: must be 1"),
        (&GOOD.replace("\"id\":5", "\"id\":6"), "id = 6: must be the key's, 5"),
        (&GOOD.replace("\"desk\"", "\"moon\""), "node = moon"),
        (&GOOD.replace("order_notional", "order_notion"), "metric = order_notion"),
        (&GOOD.replace("1500.25", "-1"), "value = -1"),
        (&GOOD.replace("1500.25", "1e9"), "value = 1e9"),
        (&GOOD.replace("1500.25", "1.0000000001"), "at most 9 decimals"),
        (&GOOD.replace("1500.25", "99999999999999999999999999999999999999999"), "must be a number"),
        (&GOOD.replace("\"1500.25\"", "1500.25"), "expected a string"),
        (&GOOD.replace("AAPL", "AAPM"), "selector.instrument = AAPM"),
        (&GOOD.replace("XNAS", "XNYS"), "selector.venue = XNYS"),
        (&GOOD.replace("\"instrument\":\"AAPL\"", "\"instrument\":\"AAPL\",\"sector\":\"tech\""), "allowed is one of"),
        (&GOOD.replace("\"trader\"", "\"tradr\""), "tradr"),
        (&GOOD.replace("70", "101"), "soft_percent = 101"),
        (&GOOD.replace("global", "world"), "enforcement = world"),
        (&GOOD.replace("0.5", "x"), "pending.parts.ny-1.upper = x"),
        (&GOOD.replace("order_notional", "message_rate").replace("1500.25", "5"), "must be given with message_rate"),
    ];
    for (text, expected) in cases {
        let refused = limit_of(text).expect_err(text);
        assert!(refused.contains(expected), "{refused} does not say {expected}");
    }
}

#[test]
fn amounts_are_read_and_written_without_loss() {
    for (text, decimals, value) in [
        ("0", 0, 0),
        ("-7", 0, -7),
        ("1.5", 9, 1_500_000_000),
        ("-0.000000001", 9, -1),
        ("0.0001", 4, 1),
        ("170141183460469231731", 9, 170_141_183_460_469_231_731_000_000_000),
    ] {
        assert_eq!(amount(text, decimals), Ok(value), "{text}");
        assert_eq!(amount_text(value, decimals), text);
    }
    for bad in ["", "-", ".5", "5.", "1.5.5", "+1", " 1", "0x1", "1_000", "٣", "170141183460469231731687303716"] {
        assert!(amount(bad, 9).is_err(), "{bad}");
    }
    assert!(amount("1.5", 0).is_err());
}

#[test]
fn a_kill_must_stand_at_its_own_place() {
    let text = r#"{"v":1,"node":"firm","selector":{"instrument":"ES/Z6"},"new_orders":"none","resting":"cancel",
        "flatten":false,"version":1,"reason":"","by":"x","at_ns":0}"#;
    let at = kill("firm/instrument=ES%2FZ6", text.as_bytes(), &directory()).expect("a good kill");
    assert_eq!((at.record.node, at.record.selected), (1, 8));
    assert_eq!(at.fields, KillFields { new_orders: 3, resting: 3, flatten: false });
    assert!(kill("firm/all", text.as_bytes(), &directory()).expect_err("another place").contains("must be the key's"));
    let other = text.replace("none", "nothing");
    assert!(kill("firm/all", other.as_bytes(), &directory()).expect_err("a word").contains("new_orders = nothing"));
}

#[test]
fn every_metric_of_the_records_has_a_name_and_a_unit() {
    for (metric, name, _) in Metric::ALL {
        assert_eq!(super::metric(&metric_name(name)).as_ref(), Ok(metric));
        assert!(decimals(*metric) <= 9);
    }
    assert_eq!(metric_name("PositionLong"), "position_long");
}

#[test]
fn strictest_is_field_by_field() {
    let first = KillFields { new_orders: 3, resting: 1, flatten: false };
    let second = KillFields { new_orders: 2, resting: 2, flatten: true };
    let both = first.strictest(second);
    assert_eq!(both, KillFields { new_orders: 3, resting: 2, flatten: true });
    assert!(both.covers(first) && both.covers(second) && !first.covers(second));
    assert_eq!(KillFields::read("none", "keep", false), Ok(first));
    assert_eq!(first.words(), ("none", "keep", false));
}
