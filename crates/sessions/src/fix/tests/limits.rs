//! What a session may send and take in a time, whose messages it takes, and what it writes down.

use tiles::Storage;

use super::stores::Disk;
use super::*;

fn order(now_ns: u64, sequence: u64) -> Vec<u8> {
    from_tw(now_ns, "D", sequence, |body| body.field(11, b"one").field(55, b"AAPL").at())
}

#[test]
fn what_is_beyond_our_rate_is_refused_where_it_comes_from_and_uses_no_number() {
    let mut pair = Pair::new(json!({"out_messages_max": 3, "replay_order_age_ns_max": u64::MAX}));
    pair.connect();
    let sent: Vec<_> = (0..5).map(|at| pair.initiator.order(pair.now_ns, &format!("o{at}"))).collect();
    assert_eq!(sent[..3], [Ok(2), Ok(3), Ok(4)]);
    assert_eq!(sent[3..], [Err(SendError::Throttled); 2]);
    assert_eq!(pair.initiator.session.counts().get(Count::Throttled), 2);
    let cancel = pair.initiator.session.send(pair.now_ns, b"F", |body| body.field(11, b"c").field(41, b"o0").at());
    assert_eq!(cancel, Ok(5), "cancels pass");
    // The three are lost on the wire: given again they count too, and wait for their time.
    pair.cut();
    pair.acceptor.session.connect(pair.now_ns);
    pair.initiator.session.connect(pair.now_ns);
    for step in 0..30 {
        for _ in 0..4 {
            let (there, back) = (take(&mut pair.initiator), take(&mut pair.acceptor));
            there.iter().for_each(|message| pair.acceptor.hears(pair.now_ns, message));
            back.iter().for_each(|message| pair.initiator.hears(pair.now_ns, message));
        }
        assert!(pair.is_up());
        assert_eq!(pair.acceptor.orders().is_empty(), step < 10, "a second later");
        pair.now_ns += SECOND / 10;
        pair.initiator.passes(pair.now_ns);
    }
    assert_eq!(pair.acceptor.orders(), ["o0", "o1", "o2", "c"]);
    assert!(pair.initiator.order(pair.now_ns, "late").is_ok());
}

#[test]
fn what_is_beyond_their_rate_is_answered_and_the_session_goes_on() {
    let mut side = acceptor(json!({"in_messages_max": 2}));
    for sequence in 2..6 {
        side.hears(START_NS, &order(START_NS, sequence));
    }
    let said = side.said();
    assert_eq!(said.len(), 2, "{said:?}");
    let reject = |at: usize| [45, 58, 372, 380].map(|tag| value(&said[at], tag).unwrap());
    assert_eq!(reject(0), ["4", "Message rate exceeded", "D", "0"]);
    assert_eq!(side.session.counts().get(Count::TooMany), 2);
    side.hears(START_NS + SECOND, &order(START_NS + SECOND, 6));
    assert_eq!(side.orders().len(), 3);
    assert_eq!(side.session.numbers().0, 7);
}

#[test]
fn what_is_beyond_their_rate_ends_a_session_that_is_told_so() {
    let mut side = acceptor(json!({"in_messages_max": 1, "in_excess": "logout"}));
    side.hears(START_NS, &order(START_NS, 2));
    side.hears(START_NS, &order(START_NS, 3));
    let said = side.said();
    assert_eq!((value(&said[0], 35), value(&said[0], 58)), (Some("5"), Some("Message rate exceeded")));
    assert_eq!(side.session.ended(), Some(End::TooMany));
}

#[test]
fn sub_ids_must_be_ours_turned_round_where_that_is_asked() {
    let table = json!({"sender_sub_id": "desk", "target_sub_id": "algo", "checks_sub_ids": true});
    let mut side = {
        let mut whole = json!({"begin_string": "FIX.4.4", "sender_comp_id": "ISLD", "target_comp_id": "TW"});
        whole.as_object_mut().unwrap().extend(table.as_object().unwrap().clone());
        Side::memory(whole)
    };
    let named = |kind: &str, sequence: u64, from: &[u8], to: &[u8]| {
        from_tw(START_NS, kind, sequence, |body| {
            body.header_field(50, from).header_field(57, to);
            if kind == "A" {
                body.unsigned(98, 0).unsigned(108, 30);
            }
        })
    };
    side.session.connect(START_NS);
    side.hears(START_NS, &named("A", 1, b"algo", b"other"));
    assert_eq!(side.session.ended(), Some(End::BadLogon));
    side.session.disconnected(START_NS);
    side.session.connect(START_NS);
    side.hears(START_NS, &named("A", 1, b"algo", b"desk"));
    assert_eq!(side.session.state(), State::Up);
    side.said();
    side.hears(START_NS, &named("0", 2, b"someone", b"desk"));
    let said = side.said();
    assert_eq!((value(&said[0], 35), value(&said[0], 373)), (Some("3"), Some("9")));
    assert_eq!(value(&said[1], 35), Some("5"));
}

#[test]
fn a_logon_that_lists_message_types_is_taken() {
    let rules = |version: wire::fix::Version| {
        let dictionary = version.with_overlays(Vec::new()).expect("ours are sound");
        Rc::new(DictionaryRules::new(Rc::new(dictionary), wire::fix::Validation::FULL)) as Rc<dyn Rules>
    };
    let table = json!({
        "begin_string": "FIXT.1.1", "sender_comp_id": "ISLD", "target_comp_id": "TW", "default_appl_ver_id": "9"
    });
    let store = Box::new(MemoryStore::with_capacity(100, 1 << 16, START_NS));
    let mut session = Session::new(profile(table), store, Some(rules(wire::fix::Version::Fix50Sp2)));
    session.connect(START_NS);
    let header = Header::new("FIXT.1.1", "TW", "ISLD");
    let mut out = vec![0; 4096];
    let mut builder = Builder::new(&header, &mut out);
    builder.begin(b"A").unsigned(98, 0).unsigned(108, 30).unsigned(384, 2);
    for (kind, way) in [(b"D", b"S"), (b"8", b"R")] {
        builder.field(372, kind).field(385, way);
    }
    builder.field(1137, b"9");
    let logon = builder.finish(1, START_NS).expect("it fits").to_vec();
    session.receive(START_NS, &logon, &mut Fields::default(), &mut Notes::default());
    assert_eq!(session.state(), State::Up);
}

#[test]
fn a_logon_names_the_extension_pack_where_the_profile_does() {
    for (more, said) in [(json!({}), None), (json!({"default_appl_ext_id": 97}), Some("97"))] {
        let mut table = json!({
            "begin_string": "FIXT.1.1", "sender_comp_id": "TW", "target_comp_id": "ISLD", "default_appl_ver_id": "9",
            "initiator": true
        });
        table.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut side = Side::memory(table);
        side.session.connect(START_NS);
        let logon = side.said().remove(0);
        assert_eq!((value(&logon, 1137), value(&logon, 1407)), (Some("9"), said));
    }
}

const LOG: LogSize = LogSize { file_bytes: 65_536, files_max: 3 };

/// What the log files hold, in order.
fn written(disk: &Disk) -> String {
    let names = disk.list().unwrap().into_iter().filter(|name| name.ends_with(".log"));
    let texts = names.map(|name| String::from_utf8(disk.bytes_of(&name)).unwrap());
    texts.map(|text| text.trim_end_matches('\0').replace('\x01', "|")).collect()
}

#[test]
fn every_message_is_written_down_with_time_and_way() {
    let disk = Disk::with_room(1 << 20);
    let mut side = acceptor(json!({}));
    side.session.disconnected(START_NS);
    let log = FileLog::open(Rc::new(disk.clone()), "tw", LOG).unwrap();
    let memory = MemoryStore::with_capacity(1_000, 1 << 20, START_NS);
    let table = json!({"begin_string": "FIX.4.4", "sender_comp_id": "ISLD", "target_comp_id": "TW"});
    side.session = Session::new(profile(table), Box::new(memory), None).with_log(Box::new(log));
    side.session.connect(START_NS);
    side.hears(START_NS, &from_tw(START_NS, "A", 1, |body| body.unsigned(98, 0).unsigned(108, 30).at()));
    side.order(START_NS + 1, "mine").unwrap();
    side.hears(START_NS + 2, &from_tw(START_NS, "2", 2, |body| body.unsigned(7, 1).unsigned(16, 0).at()));
    let (text, said) = (written(&disk), side.said());
    let lines: Vec<&str> = text.lines().collect();
    let ways: Vec<String> =
        lines.iter().map(|line| format!("{} {}", &line[28..31], value(line, 35).unwrap())).collect();
    assert_eq!(ways, ["in  A", "out A", "out D", "in  2", "out 4", "out D"]);
    assert!(lines[0].starts_with("20260115-14:30:00.000000000 in  8=FIX.4.4|"), "{}", lines[0]);
    assert!(lines[3].starts_with("20260115-14:30:00.000000002 in  "));
    let out: Vec<&str> = lines.iter().filter(|line| line[28..].starts_with("out")).map(|line| &line[32..]).collect();
    assert_eq!(out, said);
}

#[test]
fn a_password_is_not_written_down_and_the_line_is_still_a_message() {
    let disk = Disk::with_room(1 << 20);
    let mut log = FileLog::open(Rc::new(disk.clone()), "tw", LOG).unwrap();
    let logon = from_tw(START_NS, "A", 1, |body| {
        body.unsigned(98, 0).unsigned(108, 30).field(553, b"firm").field(554, b"secret").field(925, b"newer").at();
    });
    assert!(log.write(START_NS, Direction::In, &logon));
    let text = written(&disk);
    assert!(text.contains("|554=******|925=*****|") && text.contains("|553=firm|"), "{text}");
    let message = text.trim_end()[32..].replace('|', "\x01").into_bytes();
    assert_eq!(frame(&message, 4096), Framed::Message { length: logon.len() });
}

#[test]
fn a_reset_that_is_asked_for_once_is_asked_for_once() {
    let mut pair = Pair::new(json!({}));
    pair.connect();
    pair.pass(SECOND);
    pair.initiator.order(pair.now_ns, "one").unwrap();
    pair.run();
    pair.cut();
    pair.initiator.session.reset_at_next_logon();
    pair.connect();
    assert!(pair.is_up());
    assert_eq!(pair.initiator.session.numbers(), (2, 2));
    pair.cut();
    pair.connect();
    assert!(pair.is_up());
    assert_eq!(pair.initiator.session.numbers(), (3, 3));
}

#[test]
fn a_log_keeps_the_latest_files_and_goes_on_in_a_new_one() {
    let disk = Disk::with_room(1 << 20);
    let message = vec![b'x'; 30_000];
    for run in 0..3 {
        let mut log = FileLog::open(Rc::new(disk.clone()), "tw", LOG).unwrap();
        for _ in 0..6 {
            assert!(log.write(START_NS, Direction::In, &message), "run {run}");
            log.maintain(START_NS);
        }
        assert!(disk.list().unwrap().len() <= LOG.files_max);
    }
    assert!(!FileLog::open(Rc::new(disk), "tw", LOG).unwrap().write(0, Direction::In, &[b'x'; 70_000]));
}

#[test]
fn a_full_disk_costs_the_log_its_messages_and_the_session_nothing() {
    let disk = Disk::with_room(65_536);
    let log = FileLog::open(Rc::new(disk.clone()), "tw", LOG).unwrap();
    let memory = MemoryStore::with_capacity(10_000, 4 << 20, START_NS);
    let table = json!({"begin_string": "FIX.4.4", "sender_comp_id": "ISLD", "target_comp_id": "TW"});
    let mut side = Side::new(profile(table), Box::new(memory));
    side.session = std::mem::replace(&mut side.session, acceptor(json!({})).session).with_log(Box::new(log));
    side.session.connect(START_NS);
    side.hears(START_NS, &from_tw(START_NS, "A", 1, |body| body.unsigned(98, 0).unsigned(108, 30).at()));
    for at in 0..1_000 {
        side.order(START_NS, &format!("o{at}")).unwrap();
        side.said();
    }
    assert_eq!(side.session.state(), State::Up);
    let lost = side.session.counts().get(Count::LogLost);
    let kept = written(&disk).lines().count() as u64;
    assert_eq!(lost + kept, 1_002, "each is kept or counted");
    assert!(lost > 100);
    // There is room again: a second later the log goes on.
    disk.gives_room(1 << 20);
    side.passes(START_NS + 2 * SECOND);
    side.order(START_NS + 2 * SECOND, "again").unwrap();
    assert!(written(&disk).contains("11=again"));
}
