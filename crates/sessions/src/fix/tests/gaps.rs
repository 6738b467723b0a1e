//! Gaps in either direction.

use super::*;

fn order(sequence: u64, name: &str) -> Vec<u8> {
    from_tw(START_NS, "D", sequence, |body| body.field(11, name.as_bytes()).at())
}

fn again(sequence: u64, name: &str) -> Vec<u8> {
    from_tw(START_NS, "D", sequence, |body| {
        body.header_field(43, b"Y").header_field(122, b"20260115-14:29:00").field(11, name.as_bytes());
    })
}

fn fill(sequence: u64, next: u64) -> Vec<u8> {
    from_tw(START_NS, "4", sequence, |body| {
        body.header_field(43, b"Y").header_field(122, b"20260115-14:29:00").unsigned(36, next).boolean(123, true);
    })
}

fn request(sequence: u64, begin: u64, end: u64) -> Vec<u8> {
    from_tw(START_NS, "2", sequence, |body| body.unsigned(7, begin).unsigned(16, end).at())
}

#[test]
fn messages_ahead_wait_and_come_in_their_turn() {
    let mut side = acceptor(json!({}));
    side.hears(START_NS, &order(4, "c"));
    side.hears(START_NS, &order(5, "d"));
    let said = side.said();
    assert_eq!(said.len(), 1, "one request for one gap: {said:?}");
    assert_eq!((value(&said[0], 7), value(&said[0], 16)), (Some("2"), Some("0")));
    side.hears(START_NS, &again(2, "a"));
    assert_eq!(side.orders(), ["a"]);
    side.hears(START_NS, &again(3, "b"));
    assert_eq!(side.orders(), ["a", "b", "c", "d"]);
    assert!(!side.session.has_gap());
    for sequence in 4..=5 {
        side.hears(START_NS, &again(sequence, "x"));
    }
    assert_eq!(side.orders().len(), 4, "what was taken already is left out");
    assert_eq!(side.session.counts().get(Count::Duplicates), 2);
}

#[test]
fn a_large_gap_is_asked_for_in_chunks() {
    let mut side = acceptor(json!({"resend_chunk": 10}));
    side.hears(START_NS, &order(25, "z"));
    let mut asked = Vec::new();
    let mut next = 2;
    for _ in 0..3 {
        let said = side.said();
        assert_eq!(said.len(), 1, "{said:?}");
        let end = value(&said[0], 16).unwrap().parse::<u64>().unwrap();
        asked.push((value(&said[0], 7).unwrap().parse::<u64>().unwrap(), end));
        for sequence in next..=end {
            side.hears(START_NS, &again(sequence, &format!("o{sequence}")));
        }
        next = end + 1;
    }
    assert_eq!(asked, [(2, 11), (12, 21), (22, 24)]);
    assert_eq!(side.orders().len(), 24);
    assert_eq!(side.said(), Vec::<String>::new());
}

#[test]
fn a_gap_that_stays_is_asked_for_again_and_then_ends_the_session() {
    let mut side = acceptor(json!({"resend_ns_max": SECOND, "resend_repeats_max": 3}));
    side.hears(START_NS, &order(9, "z"));
    for step in 0..100 {
        side.passes(START_NS + step * SECOND / 10);
    }
    assert_eq!(side.session.ended(), Some(End::ResendLoop));
    let requests = side.said().iter().filter(|message| value(message, 35) == Some("2")).count();
    assert_eq!(requests, 3);
}

#[test]
fn what_does_not_fit_ahead_is_asked_for_in_its_turn() {
    let mut side = acceptor(json!({"ahead_messages_max": 2}));
    for sequence in [3, 4, 5, 6] {
        side.hears(START_NS, &order(sequence, &format!("o{sequence}")));
    }
    assert_eq!(side.session.counts().get(Count::AheadFull), 2);
    side.hears(START_NS, &again(2, "o2"));
    assert_eq!(side.orders(), ["o2", "o3", "o4"]);
    side.said();
    side.hears(START_NS, &order(7, "o7"));
    let said = side.said();
    assert_eq!((value(&said[0], 7), value(&said[0], 16)), (Some("5"), Some("0")));
}

#[test]
fn what_is_asked_for_is_given_again_with_the_sessions_own_messages_passed_over() {
    let mut side = acceptor(json!({}));
    side.order(START_NS, "a").unwrap();
    side.hears(START_NS, &from_tw(START_NS, "1", 2, |body| body.field(112, b"T").at()));
    side.session
        .send(START_NS + SECOND, b"8", |body| {
            body.header_field(97, b"Y").header_field(128, b"JCD").field(37, b"1").at()
        })
        .unwrap();
    side.said();
    side.hears(START_NS + 2 * SECOND, &request(3, 1, 0));
    let said = side.said();
    let heads: Vec<_> = said.iter().map(|message| (value(message, 35).unwrap(), value(message, 34).unwrap())).collect();
    assert_eq!(heads, [("4", "1"), ("D", "2"), ("4", "3"), ("8", "4")]);
    assert_eq!((value(&said[0], 36), value(&said[2], 36)), (Some("2"), Some("4")));
    let start =
        "|35=8|34=4|43=Y|49=ISLD|52=20260115-14:30:02.000|56=TW|97=Y|122=20260115-14:30:01.000|128=JCD|37=1|10=";
    assert!(said[3].contains(start), "{}", said[3]);
    assert_eq!(side.session.numbers(), (4, 5), "nothing that was given again used a number");
}

#[test]
fn a_request_in_parts_is_given_in_parts_and_never_past_its_end() {
    let mut side = acceptor(json!({}));
    for name in 0..6 {
        side.order(START_NS, &format!("o{name}")).unwrap();
    }
    side.said();
    side.hears(START_NS, &request(2, 3, 4));
    let numbers =
        |said: Vec<String>| said.iter().map(|message| value(message, 34).unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(numbers(side.said()), ["3", "4"]);
    side.hears(START_NS, &request(3, 6, 9_999));
    assert_eq!(numbers(side.said()), ["6", "7"]);
    side.hears(START_NS, &request(4, 1, 1));
    let said = side.said();
    assert_eq!((value(&said[0], 35), value(&said[0], 36)), (Some("4"), Some("2")));
}

#[test]
fn a_request_out_of_range_is_refused_and_one_for_nothing_is_counted() {
    let mut side = acceptor(json!({}));
    for (sequence, begin, end) in [(2, 0, 0), (3, 5, 3)] {
        side.hears(START_NS, &request(sequence, begin, end));
        let said = side.said();
        assert_eq!(
            (value(&said[0], 35), value(&said[0], 373), value(&said[0], 371)),
            (Some("3"), Some("5"), Some("7"))
        );
    }
    let next = side.session.numbers().1;
    side.hears(START_NS, &request(4, next, 0));
    side.hears(START_NS, &request(5, u64::MAX, 0));
    assert_eq!(side.said(), Vec::<String>::new());
    assert_eq!(side.session.counts().get(Count::ResendsEmpty), 2);
    side.hears(
        START_NS,
        &from_tw(START_NS, "2", 6, |body| body.field(7, b"99999999999999999999999").unsigned(16, 0).at()),
    );
    assert_eq!(value(&side.said()[0], 373), Some("6"));
    assert_eq!(side.session.numbers().0, 7);
}

#[test]
fn live_messages_pass_while_a_long_replay_goes_on() {
    let more = json!({"replay_messages_a_cycle": 10, "replay_order_age_ns_max": u64::MAX});
    let mut side = acceptor(more);
    for name in 0..1_000 {
        side.order(START_NS, &format!("o{name}")).unwrap();
        side.said();
    }
    side.hears(START_NS, &request(2, 1, 0));
    side.order(START_NS, "live").unwrap();
    let said = side.said();
    assert!(said.len() <= 12, "a cycle's worth, and the live one: {}", said.len());
    assert_eq!(value(said.last().unwrap(), 11), Some("live"));
    let mut given = said.len() - 2;
    while side.session.is_replaying() {
        side.passes(START_NS);
        given += side.said().len();
    }
    assert_eq!(given, 1_000);
}

#[test]
fn a_replay_waits_for_those_who_do_not_read() {
    let more = json!({"output_bytes": 16_384, "message_bytes_max": 1024});
    let mut side = acceptor(more);
    for name in 0..500 {
        side.order(START_NS, &format!("o{name}")).unwrap();
        side.said();
    }
    side.hears(START_NS, &request(2, 1, 0));
    for _ in 0..50 {
        side.passes(START_NS);
    }
    assert_eq!(side.session.state(), State::Up);
    assert!(side.session.output().len() <= 8_192 + 1_024, "half of the output stays for live messages");
    let mut given = 0;
    while side.session.is_replaying() || !side.session.output().is_empty() {
        given += side.said().len();
        side.passes(START_NS);
    }
    assert_eq!(given, 501, "five hundred, and a gap fill over the logon");
}

#[test]
fn gap_fills_and_resets_move_forward_alone() {
    let mut side = acceptor(json!({}));
    side.hears(START_NS, &fill(2, 20));
    assert_eq!(side.session.numbers().0, 20);
    side.hears(START_NS, &from_tw(START_NS, "4", 1, |body| body.unsigned(36, 30).at()));
    assert_eq!(side.session.numbers().0, 30);
    side.hears(START_NS, &from_tw(START_NS, "4", 1, |body| body.unsigned(36, 29).at()));
    let said = side.said();
    assert_eq!((value(&said[0], 35), value(&said[0], 373), value(&said[0], 45)), (Some("3"), Some("5"), Some("1")));
    assert_eq!(side.session.numbers().0, 30);
    side.hears(START_NS, &fill(40, 50));
    assert_eq!(value(&side.said()[0], 7), Some("30"), "a gap fill ahead of its turn waits");
    side.hears(START_NS, &fill(30, 40));
    assert_eq!(side.session.numbers().0, 50);
}

#[test]
fn whatever_is_lost_on_the_way_arrives_in_order_in_the_end() {
    for seed in 0..40_u64 {
        let more = json!({"replay_order_age_ns_max": u64::MAX, "resend_chunk": seed % 4 * 7, "heartbeat_s": 2, "resend_ns_max": 3 * SECOND});
        let mut pair = Pair::new(more);
        pair.connect();
        let mut random = seed * 7_919 + 1;
        let mut roll = |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % below
        };
        let (mut sent, mut answered) = (0, 0);
        for _ in 0..300 {
            match roll(20) {
                0 => {
                    pair.cut();
                    pair.connect();
                }
                1 => drop(pair.initiator.said()),
                2 => drop(pair.acceptor.said()),
                3 => pair.pass(SECOND),
                4..=8 => pair.run(),
                9..=14 => sent += u64::from(pair.initiator.order(pair.now_ns, &format!("i{sent}")).is_ok()),
                _ => answered += u64::from(pair.acceptor.order(pair.now_ns, &format!("a{answered}")).is_ok()),
            }
            if pair.initiator.session.state() == State::Down || pair.acceptor.session.state() == State::Down {
                pair.cut();
                pair.connect();
            }
        }
        pair.run();
        pair.pass(20 * SECOND);
        assert!(pair.is_up(), "seed {seed}: {:?} {:?}", pair.initiator.session, pair.acceptor.session);
        let names = |letter: &str, count: u64| (0..count).map(|at| format!("{letter}{at}")).collect::<Vec<_>>();
        assert_eq!(pair.acceptor.orders(), names("i", sent), "seed {seed}");
        assert_eq!(pair.initiator.orders(), names("a", answered), "seed {seed}");
    }
}
