//! What went wrong elsewhere, each by its name.

use super::*;

fn request(sequence: u64, begin: u64, end: u64) -> Vec<u8> {
    from_tw(START_NS, "2", sequence, |body| body.unsigned(7, begin).unsigned(16, end).at())
}

/// F1: two sides that ask each other for messages for ever.
#[test]
fn f1_a_mutual_resend_loop_ends() {
    let mut pair = Pair::new(json!({"replay_order_age_ns_max": u64::MAX}));
    pair.connect();
    for name in ["a", "b", "c"] {
        pair.initiator.order(pair.now_ns, name).unwrap();
        pair.acceptor.order(pair.now_ns, name).unwrap();
    }
    // Both lose everything, and both notice at the same time.
    pair.initiator.said();
    pair.acceptor.said();
    pair.initiator.order(pair.now_ns, "d").unwrap();
    pair.acceptor.order(pair.now_ns, "d").unwrap();
    pair.run();
    assert_eq!((pair.acceptor.orders().len(), pair.initiator.orders().len()), (4, 4));
    for side in [&pair.initiator, &pair.acceptor] {
        assert_eq!(side.session.counts().get(Count::ResendsAsked), 1, "one range, asked for once");
    }
    // One that asks for the same again and again is let go.
    let mut side = acceptor(json!({"resend_repeats_max": 5}));
    side.order(START_NS, "a").unwrap();
    for sequence in 2..20 {
        side.hears(START_NS, &request(sequence, 1, 0));
    }
    assert_eq!(side.session.ended(), Some(End::ResendLoop));
    let said = side.said();
    assert_eq!(value(said.last().unwrap(), 35), Some("5"));
    assert!(said.len() < 20, "it gave a few times: {}", said.len());
}

/// F2: overlapping requests; a low gap fill that is marked as a possible duplicate.
#[test]
fn f2_overlapping_requests_are_one_range_and_a_low_gap_fill_is_left_out() {
    let mut side = acceptor(json!({"replay_messages_a_cycle": 2}));
    for name in 0..10 {
        side.order(START_NS, &format!("o{name}")).unwrap();
    }
    side.said();
    side.hears(START_NS, &request(2, 2, 0));
    side.hears(START_NS, &request(3, 3, 0));
    side.hears(START_NS, &request(4, 6, 8));
    let mut numbers = Vec::new();
    while side.session.is_replaying() || !side.session.output().is_empty() {
        numbers.extend(side.said().iter().map(|message| value(message, 34).unwrap().parse::<u64>().unwrap()));
        side.passes(START_NS);
    }
    let mut each = numbers.clone();
    each.sort_unstable();
    each.dedup();
    assert_eq!(each, (2..=11).collect::<Vec<_>>());
    assert!(numbers.len() <= 15, "not each request in full: {numbers:?}");
    let low = from_tw(START_NS, "4", 2, |body| {
        body.header_field(43, b"Y").unsigned(36, 4).boolean(123, true);
    });
    let before = side.session.numbers();
    side.hears(START_NS, &low);
    assert_eq!((side.session.numbers(), side.said().len()), (before, 0));
}

/// F3: a gap fill whose NewSeqNo goes past the chunk that was asked for.
#[test]
fn f3_a_gap_fill_stays_in_its_chunk_and_one_that_does_not_is_followed() {
    let mut side = acceptor(json!({}));
    for sequence in 2..12 {
        side.hears(START_NS, &from_tw(START_NS, "1", sequence, |body| body.field(112, b"x").at()));
    }
    side.said();
    side.hears(START_NS, &request(12, 3, 5));
    let said = side.said();
    assert_eq!((said.len(), value(&said[0], 34), value(&said[0], 36)), (1, Some("3"), Some("6")));
    // The other way round: what they pass over is not asked for again.
    let mut side = acceptor(json!({"resend_chunk": 3}));
    side.hears(START_NS, &from_tw(START_NS, "0", 20, |_| ()));
    let asked = side.said();
    assert_eq!((value(&asked[0], 7), value(&asked[0], 16)), (Some("2"), Some("4")));
    side.hears(
        START_NS,
        &from_tw(START_NS, "4", 2, |body| {
            body.header_field(43, b"Y").unsigned(36, 15).boolean(123, true);
        }),
    );
    let asked = side.said();
    assert_eq!((value(&asked[0], 7), value(&asked[0], 16)), (Some("15"), Some("17")));
}

/// F4: a request for everything that takes all memory.
#[test]
fn f4_a_request_for_everything_takes_no_memory() {
    let more = json!({"output_bytes": 65_536, "message_bytes_max": 1024});
    let mut table = json!({"begin_string": "FIX.4.4", "sender_comp_id": "ISLD", "target_comp_id": "TW"});
    table.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let store = MemoryStore::with_capacity(50_000, 16 << 20, START_NS);
    let mut side = Side::new(profile(table), Box::new(store));
    side.session.connect(START_NS);
    side.hears(START_NS, &from_tw(START_NS, "A", 1, |body| body.unsigned(98, 0).unsigned(108, 30).at()));
    for name in 0..50_000_u32 {
        side.order(START_NS, &name.to_string()).unwrap();
        let waiting = side.session.output().len();
        side.session.written(waiting);
    }
    side.hears(START_NS, &request(2, 1, 0));
    let mut given = 0;
    while side.session.is_replaying() || !side.session.output().is_empty() {
        assert!(side.session.output().len() <= 32_768 + 1_024);
        given += side.said().len();
        side.passes(START_NS);
    }
    assert_eq!(given, 50_001);
    // And numbers far ahead without a message cost one gap fill.
    side.session.disconnected(START_NS);
    side.session.set_numbers(3, 100_000_000);
    side.session.connect(START_NS);
    side.hears(START_NS, &from_tw(START_NS, "A", 3, |body| body.unsigned(98, 0).unsigned(108, 30).at()));
    side.said();
    side.hears(START_NS, &request(4, 60_000, 90_000));
    while side.session.is_replaying() {
        side.passes(START_NS);
    }
    let said = side.said();
    assert_eq!((said.len(), value(&said[0], 36)), (1, Some("90001")));
}

/// F5: a message comes back from its file with fields missing.
#[test]
fn f5_a_damaged_message_is_passed_over_and_never_sent() {
    let (storage, store) = stores::journal("f5");
    let mut table = json!({"begin_string": "FIX.4.4", "sender_comp_id": "ISLD", "target_comp_id": "TW"});
    table.as_object_mut().unwrap().extend(json!({}).as_object().unwrap().clone());
    let mut side = Side::new(profile(table), store);
    side.session.connect(START_NS);
    side.hears(START_NS, &from_tw(START_NS, "A", 1, |body| body.unsigned(98, 0).unsigned(108, 30).at()));
    for name in ["whole", "rotten", "sound"] {
        side.order(START_NS, name).unwrap();
    }
    side.said();
    storage.replace(b"rotten", b"rottem");
    side.hears(START_NS, &request(2, 2, 0));
    let said = side.said();
    let heads: Vec<_> = said.iter().map(|message| (value(message, 35).unwrap(), value(message, 34).unwrap())).collect();
    assert_eq!(heads, [("D", "2"), ("4", "3"), ("D", "4")]);
    assert_eq!(side.session.counts().get(Count::StoreDamaged), 1);
}

/// F6: a store that stays stuck after the disk was full; a replay that sends the session's own messages.
#[test]
fn f6_a_full_store_ends_the_session_before_it_sends_and_room_brings_it_back() {
    let mut table = json!({"begin_string": "FIX.4.4", "sender_comp_id": "ISLD", "target_comp_id": "TW"});
    table.as_object_mut().unwrap().extend(json!({"reset_on_logon": true}).as_object().unwrap().clone());
    let mut side = Side::new(profile(table), Box::new(MemoryStore::with_capacity(3, 4_096, START_NS)));
    let logon = from_tw(START_NS, "A", 1, |body| body.unsigned(98, 0).unsigned(108, 30).at());
    side.session.connect(START_NS);
    side.hears(START_NS, &logon);
    for name in ["a", "b", "c"] {
        side.order(START_NS, name).unwrap();
    }
    side.said();
    assert_eq!(side.order(START_NS, "d"), Err(SendError::StoreFailed));
    assert_eq!(side.session.ended(), Some(End::StoreFailed));
    let said = side.said();
    assert_eq!(said.len(), 1, "what is not kept is not sent: {said:?}");
    assert_eq!((value(&said[0], 35), value(&said[0], 58)), (Some("5"), Some("Message store is full")));
    side.session.connect(START_NS);
    side.hears(START_NS, &logon);
    assert_eq!(side.session.state(), State::Up, "a new day, a new store");
    assert!(side.order(START_NS, "e").is_ok());
    side.said();
    side.hears(START_NS, &request(2, 1, 0));
    for message in side.said() {
        assert!(matches!(value(&message, 35), Some("D" | "4")), "{message}");
    }
}

/// F7: an engine that passes over everything, and falls over ranges.
#[test]
fn f7_messages_are_given_again_and_no_range_is_a_surprise() {
    let mut side = acceptor(json!({"resend_repeats_max": 1000}));
    for name in 0..20 {
        side.order(START_NS, &format!("o{name}")).unwrap();
    }
    side.said();
    side.hears(START_NS, &request(2, 2, 21));
    let said = side.said();
    assert_eq!(said.iter().filter(|message| value(message, 35) == Some("D")).count(), 20);
    let ends = [0, 1, 2, 20, 21, 22, 999_999, u64::MAX];
    let mut sequence = 3;
    for begin in ends {
        for end in ends {
            side.hears(START_NS, &request(sequence, begin, end));
            sequence += 1;
            for message in side.said() {
                assert!(value(&message, 34).unwrap().parse::<u64>().unwrap() <= side.session.numbers().1, "{message}");
            }
            assert_eq!(side.session.state(), State::Up, "{begin} to {end}");
        }
    }
}

/// F8: both sides disagree after a reset; numbers that begin anew without a reason.
#[test]
fn f8_after_a_reset_both_sides_expect_two_and_a_disagreement_is_told() {
    let mut pair = Pair::new(json!({"reset_on_logon": true}));
    pair.connect();
    pair.initiator.order(pair.now_ns, "a").unwrap();
    pair.run();
    pair.cut();
    pair.connect();
    assert_eq!((pair.initiator.session.numbers(), pair.acceptor.session.numbers()), ((2, 2), (2, 2)));
    // An acceptor that answers a reset with numbers of its own.
    let mut initiator = Pair::new(json!({"reset_on_logon": true})).initiator;
    initiator.session.connect(START_NS);
    let header = Header::new("FIX.4.4", "ISLD", "TW");
    let mut out = vec![0; 4096];
    let mut builder = Builder::new(&header, &mut out);
    builder.begin(b"A").unsigned(98, 0).unsigned(108, 30);
    let answer = builder.finish(7, START_NS).unwrap().to_vec();
    initiator.hears(START_NS, &answer);
    assert_eq!(initiator.session.ended(), Some(End::ResetDisagreed));
    // A reset whose logon is not the first message.
    let mut side = Side::memory(json!({"begin_string": "FIX.4.4", "sender_comp_id": "ISLD", "target_comp_id": "TW"}));
    side.session.connect(START_NS);
    side.hears(
        START_NS,
        &from_tw(START_NS, "A", 4, |body| {
            body.unsigned(98, 0).unsigned(108, 30).boolean(141, true);
        }),
    );
    assert_eq!(side.session.ended(), Some(End::ResetDisagreed));
    // And one that nobody agreed to: a standby with an older store, say.
    let mut side = Side::memory(
        json!({"begin_string": "FIX.4.4", "sender_comp_id": "ISLD", "target_comp_id": "TW", "takes_reset": false}),
    );
    side.session.connect(START_NS);
    side.hears(
        START_NS,
        &from_tw(START_NS, "A", 1, |body| {
            body.unsigned(98, 0).unsigned(108, 30).boolean(141, true);
        }),
    );
    assert_eq!(side.session.ended(), Some(End::ResetRefused));
}

/// F9: an old order that is given again and executed.
#[test]
fn f9_an_old_order_is_passed_over_and_not_given_again() {
    let mut pair = Pair::new(json!({}));
    pair.connect();
    pair.initiator.order(pair.now_ns, "old").unwrap();
    pair.initiator.session.send(pair.now_ns, b"8", |body| body.field(37, b"1").at()).unwrap();
    pair.cut();
    pair.connect();
    assert!(pair.is_up());
    let messages = pair.acceptor.notes.0.borrow().messages.clone();
    assert_eq!(
        messages.iter().map(|message| message.0.as_str()).collect::<Vec<_>>(),
        ["8"],
        "the order is passed over"
    );
    assert!(messages[0].3, "and what is given again is marked");
    assert_eq!(pair.initiator.session.counts().get(Count::OrdersPassedOver), 1);
    // Where a profile lets young orders be given again, the old ones are still not.
    let mut pair = Pair::new(json!({"replay_order_age_ns_max": 2 * SECOND}));
    pair.connect();
    pair.initiator.order(pair.now_ns, "old").unwrap();
    pair.initiator.said();
    pair.now_ns += 3 * SECOND;
    pair.initiator.order(pair.now_ns, "young").unwrap();
    pair.cut();
    pair.connect();
    assert_eq!(pair.acceptor.orders(), ["young"]);
}
