//! Who comes in, and with which numbers.

use super::*;

fn waiting(more: serde_json::Value) -> Side {
    let mut table = json!({"begin_string": "FIX.4.4", "sender_comp_id": "ISLD", "target_comp_id": "TW"});
    table.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let mut side = Side::memory(table);
    side.session.connect(START_NS);
    side
}

fn logon(sequence: u64, write: impl FnOnce(&mut Builder<'_>)) -> Vec<u8> {
    from_tw(START_NS, "A", sequence, |body| {
        body.unsigned(98, 0).unsigned(108, 30);
        write(body);
    })
}

#[test]
fn what_is_no_sound_logon_ends_the_connection_without_a_word() {
    for message in [
        from_tw(START_NS, "0", 1, |_| ()),
        from_tw(START_NS - 121 * SECOND, "A", 1, |body| body.unsigned(98, 0).unsigned(108, 30).at()),
        from_tw(START_NS, "A", 1, |body| body.unsigned(98, 0).at()),
        from_tw(START_NS, "A", 1, |body| body.unsigned(108, 30).field(58, b"").fields(b"x=1\x01").at()),
    ] {
        let mut side = waiting(json!({}));
        side.hears(START_NS, &message);
        assert_eq!(side.session.ended(), Some(End::BadLogon), "{}", shown(&message));
        assert_eq!(side.said(), Vec::<String>::new());
    }
}

#[test]
fn nobody_waits_for_ever() {
    let mut side = waiting(json!({}));
    side.passes(START_NS + 10 * SECOND);
    assert_eq!(side.session.state(), State::Waiting);
    side.passes(START_NS + 10 * SECOND + 1);
    assert_eq!(side.session.ended(), Some(End::NoLogon));
}

#[test]
fn a_negative_interval_is_refused_in_words() {
    let mut side = waiting(json!({}));
    side.hears(START_NS, &from_tw(START_NS, "A", 1, |body| body.unsigned(98, 0).integer(108, -1).at()));
    let said = side.said();
    assert_eq!((value(&said[0], 35), value(&said[0], 58)), (Some("5"), Some("HeartBtInt must not be negative")));
    assert_eq!(side.session.state(), State::Down);
}

#[test]
fn a_wrong_password_stays_out() {
    let folder = std::env::temp_dir().join(format!("fix-password-{}", std::process::id()));
    std::fs::write(&folder, "right\n").unwrap();
    for (password, state) in [("right", State::Up), ("wrong", State::Down)] {
        let mut side = waiting(json!({"username": "tw", "password_file": folder.to_str().unwrap()}));
        side.hears(START_NS, &logon(1, |body| body.field(553, b"tw").field(554, password.as_bytes()).at()));
        assert_eq!(side.session.state(), state, "{password}");
    }
    std::fs::remove_file(&folder).unwrap();
}

#[test]
fn a_logon_that_is_too_high_is_answered_and_then_asked_about() {
    let mut side = waiting(json!({}));
    side.hears(START_NS, &logon(5, |_| ()));
    let said = side.said();
    assert_eq!((value(&said[0], 35), value(&said[0], 34)), (Some("A"), Some("1")));
    assert_eq!((value(&said[1], 35), value(&said[1], 7), value(&said[1], 16)), (Some("2"), Some("1"), Some("0")));
    side.hears(
        START_NS,
        &from_tw(START_NS, "4", 1, |body| {
            body.header_field(43, b"Y").header_field(122, b"20260115-14:30:00").unsigned(36, 5).boolean(123, true);
        }),
    );
    assert_eq!(side.session.numbers().0, 6, "the logon itself had come already");
}

#[test]
fn a_logon_that_is_too_low_is_the_end_and_says_so() {
    let mut pair = Pair::new(json!({}));
    pair.connect();
    pair.initiator.order(pair.now_ns, "one").unwrap();
    pair.run();
    pair.cut();
    // The initiator comes back with a store that knows nothing.
    pair.initiator = Pair::new(json!({})).initiator;
    pair.connect();
    assert_eq!(pair.acceptor.session.ended(), Some(End::TooLow));
    assert_eq!(pair.initiator.notes.0.borrow().texts, ["MsgSeqNum too low, expecting 3 but received 1"]);
    assert_eq!(pair.initiator.session.state(), State::Down, "it does not guess at numbers");
}

#[test]
fn with_next_expected_both_gaps_are_filled_without_a_request() {
    let mut pair = Pair::new(json!({"next_expected": true, "replay_order_age_ns_max": u64::MAX}));
    pair.connect();
    for name in ["a", "b"] {
        pair.initiator.order(pair.now_ns, name).unwrap();
        pair.acceptor.order(pair.now_ns, name).unwrap();
    }
    pair.cut();
    pair.connect();
    assert!(pair.is_up());
    assert_eq!(
        (pair.acceptor.orders(), pair.initiator.orders()),
        (vec!["a".into(), "b".into()], vec!["a".into(), "b".into()])
    );
    for side in [&pair.initiator, &pair.acceptor] {
        assert_eq!(side.session.counts().get(Count::ResendsAsked), 0);
        assert!(!side.session.has_gap());
    }
    pair.initiator.order(pair.now_ns, "c").unwrap();
    pair.acceptor.order(pair.now_ns, "c").unwrap();
    pair.run();
    assert_eq!((pair.acceptor.orders().len(), pair.initiator.orders().len()), (3, 3));
}

#[test]
fn a_next_expected_beyond_what_was_sent_is_the_end() {
    let mut side = waiting(json!({"next_expected": true}));
    side.hears(START_NS, &logon(1, |body| body.unsigned(789, 2).at()));
    let said = side.said();
    assert_eq!(value(&said[1], 58), Some("NextExpectedMsgSeqNum too high, expecting 1 but received 2"));
    assert_eq!(side.session.state(), State::Down);
}

#[test]
fn a_reset_while_the_session_is_up_begins_both_sides_at_one() {
    let mut pair = Pair::new(json!({}));
    pair.connect();
    for name in ["a", "b", "c"] {
        pair.initiator.order(pair.now_ns, name).unwrap();
    }
    pair.run();
    pair.initiator.session.reset_numbers(pair.now_ns).unwrap();
    pair.run();
    assert!(pair.is_up());
    assert_eq!((pair.initiator.session.numbers(), pair.acceptor.session.numbers()), ((2, 2), (2, 2)));
    pair.initiator.order(pair.now_ns, "d").unwrap();
    pair.run();
    assert_eq!(pair.acceptor.orders(), ["a", "b", "c", "d"]);
}

#[test]
fn hours_open_and_close_a_session_and_begin_its_numbers() {
    // New York in January: five hours behind. Open 09:30 to 16:00, 14:30 to 21:00 UTC.
    let hours = |weekdays| {
        let span = Span::Daily { start_s: 34_200, end_s: 57_600 };
        Hours::new(span, vec![(0, -18_000)], weekdays, Vec::new()).unwrap()
    };
    let mut side = Side::memory(json!({"begin_string": "FIX.4.4", "sender_comp_id": "ISLD", "target_comp_id": "TW"}));
    side.session = side.session.with_hours(hours(0x1f));
    side.session.connect(START_NS - 1);
    assert_eq!(side.session.ended(), Some(End::OutOfHours));
    side.session.set_numbers(7, 9);
    side.session.connect(START_NS);
    assert_eq!((side.session.state(), side.session.numbers()), (State::Waiting, (7, 9)), "this day's numbers");
    side.hears(START_NS, &logon(7, |_| ()));
    assert_eq!(side.session.state(), State::Up);
    side.said();
    let close_ns = START_NS + 23_400 * SECOND;
    side.hears(close_ns - SECOND, &from_tw(close_ns - SECOND, "0", 8, |_| ()));
    side.passes(close_ns - 1);
    assert_eq!(side.session.state(), State::Up);
    side.passes(close_ns);
    assert_eq!(side.session.state(), State::LogoutSent);
    side.session.disconnected(close_ns);
    side.session.connect(START_NS + 86_400 * SECOND);
    assert_eq!(side.session.numbers(), (1, 1), "a new day");
}

#[test]
fn hours_follow_the_clocks_of_their_place_and_weeks_and_holidays() {
    // A place that is one hour ahead from the 100th day on.
    let day = 86_400;
    let zone = vec![(0, 0), (100 * day, 3_600)];
    let daily = Hours::new(Span::Daily { start_s: 82_800, end_s: 3_600 }, zone.clone(), 0x7f, vec![50]).unwrap();
    let at = |seconds: i64| seconds as u64 * SECOND;
    assert_eq!(daily.open_since(at(10 * day + 82_799)), None);
    assert_eq!(daily.open_since(at(10 * day + 82_800)), Some(at(10 * day + 82_800)));
    assert_eq!(daily.open_since(at(11 * day + 3_599)), Some(at(10 * day + 82_800)), "over midnight");
    assert_eq!(daily.open_since(at(11 * day + 3_600)), None);
    assert_eq!(daily.open_since(at(50 * day + 82_800)), None, "a holiday");
    assert_eq!(daily.open_since(at(101 * day + 79_200)), Some(at(101 * day + 79_200)), "23:00 there");
    // Sunday 17:00 to Friday 17:00; 1970-01-04 was a Sunday.
    let weekly = Span::Weekly { start_s: 6 * 86_400 + 61_200, end_s: 4 * 86_400 + 61_200 };
    let weekly = Hours::new(weekly, zone, 0, Vec::new()).unwrap();
    let sunday = 3 * day + 61_200;
    assert_eq!(weekly.open_since(at(sunday - 1)), None);
    for open in [sunday, sunday + day, sunday + 5 * day - 1] {
        assert_eq!(weekly.open_since(at(open)), Some(at(sunday)), "{open}");
    }
    assert_eq!(weekly.open_since(at(sunday + 5 * day)), None);
    let wrong = Hours::new(Span::Daily { start_s: 90_000, end_s: 90_000 }, Vec::new(), 0, Vec::new());
    assert_eq!(wrong.unwrap_err().len(), 4);
}

/// What a venue says to an initiator whose store is gone.
fn refused(more: serde_json::Value, text: &str) -> Side {
    let mut table =
        json!({"begin_string": "FIX.4.4", "sender_comp_id": "ISLD", "target_comp_id": "TW", "initiator": true});
    table.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let mut side = Side::memory(table);
    side.session.connect(START_NS);
    side.hears(START_NS, &from_tw(START_NS, "5", 9, |body| body.field(58, text.as_bytes()).at()));
    side
}

#[test]
fn a_lost_store_goes_on_from_the_number_that_a_refusal_expects_where_the_profile_says_so() {
    for (takes, text, end, next) in [
        (true, "MsgSeqNum too low, expecting 48213 but received 1", End::OursTooLow, 48_213),
        (true, "MsgSeqNum(34) TOO LOW: Expected [7], received [1]", End::OursTooLow, 7),
        (false, "MsgSeqNum too low, expecting 48213 but received 1", End::OursTooLow, 2),
        // No number, the number that comes next by itself would be, one that goes back, and one that nobody reaches.
        (true, "MsgSeqNum too low", End::NotAuthorized, 2),
        (true, "Not what we expect", End::NotAuthorized, 2),
        (true, "expecting 2", End::OursTooLow, 2),
        (true, "MsgSeqNum too low, expecting 1 but received 1", End::NotAuthorized, 2),
        (true, "MsgSeqNum too low, expecting 99999999999 but received 1", End::NotAuthorized, 2),
    ] {
        let mut side = refused(json!({"takes_expected": takes}), text);
        assert_eq!((side.session.ended(), side.session.numbers()), (Some(end), (1, next)), "{text}");
        let taken = u64::from(takes && end == End::OursTooLow);
        assert_eq!(
            (side.session.counts().get(Count::NumbersTaken), side.session.state()),
            (taken, State::Down),
            "{text}"
        );
        side.said();
        side.session.connect(START_NS + SECOND);
        assert_eq!(value(&side.said()[0], 34), Some(next.to_string().as_str()), "{text}");
        assert_eq!(side.notes.0.borrow().texts, [text]);
    }
}
