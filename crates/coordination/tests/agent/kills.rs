//! Kills against a store that somebody edits by hand: nothing but a second person's confirmation loosens one.

use coordination::agent::StoreEvent;

use super::tables::{Desk, local, stood};
use super::{agent, alone, generation, kill, limit};

const PLACE: &str = "kill/firm/all";
const LOCAL: &str = "local/ny/kill/firm/all";
const K1: (u8, u8, u8) = (2, 2, 0);
const K2: (u8, u8, u8) = (3, 1, 0);
const K3: (u8, u8, u8) = (3, 3, 0);
const ARMED: (u8, u8, u8) = (1, 1, 0);

/// A desk whose store says K3, and the revision at which it does.
fn stopped() -> (Desk, u64) {
    let mut desk = stood();
    desk.put(PLACE, &alone(&kill("firm", K3)), 11);
    assert_eq!(desk.fields(1), Some(K3));
    (desk, 11)
}

/// Whether everybody is told of a kill that the agent keeps.
fn published(desk: &Desk) -> bool {
    desk.stored.get(&format!("/meridian/v1/{LOCAL}")).is_some_and(|text| text.contains("\"resting\":\"cancel\""))
}

/// The store as it is, read whole by an agent that begins anew with what was remembered.
fn begins_anew(desk: &mut Desk, revision: u64, entries: &[(&str, &str, u64)]) {
    desk.agent = agent("ny", "chicago", 2, desk.memory.clone());
    let mut all: Vec<(&str, String, u64)> = vec![("generation", generation(1), 2)];
    all.extend(entries.iter().map(|(key, text, at)| (*key, (*text).to_owned(), *at)));
    let all: Vec<(&str, &str, u64)> = all.iter().map(|(key, text, at)| (*key, text.as_str(), *at)).collect();
    desk.reset(0xa, revision, &all);
}

#[test]
fn one_person_tightens_and_only_two_loosen() {
    type Case = (&'static str, (u8, u8, u8), bool, (u8, u8, u8));
    let cases: [Case; 5] = [
        ("armed by one", ARMED, false, K3),
        ("less by one", K1, false, K3),
        ("one field less by one", K2, false, K3),
        ("armed by two", ARMED, true, ARMED),
        ("less by two", K2, true, K2),
    ];
    for (about, fields, confirmed, expected) in cases {
        let (mut desk, at) = stopped();
        let text = if confirmed { kill("firm", fields) } else { alone(&kill("firm", fields)) };
        desk.put(PLACE, &text, at + 1);
        assert_eq!(desk.fields(1), Some(expected), "{about}");
        assert_eq!(desk.says("no second person confirmed it"), !confirmed, "{about}");
        assert_eq!(published(&desk), !confirmed, "{about}");
        // So it is for an agent that was away meanwhile, and for one that starts later.
        let (mut away, at) = stopped();
        begins_anew(&mut away, at + 1, &[(PLACE, &text, at + 1)]);
        assert_eq!(away.fields(1), Some(expected), "{about}");
        let memory = (desk.memory.local_kills.clone(), desk.memory.store_kills.clone());
        begins_anew(&mut desk, at + 1, &[(PLACE, &text, at + 1)]);
        assert_eq!(desk.fields(1), Some(expected), "{about}");
        assert_eq!((desk.memory.local_kills, desk.memory.store_kills), memory, "{about}");
    }
}

#[test]
fn the_last_of_several_writes_that_were_missed_may_be_by_one_person() {
    let counted = |text: String, count: u64| text.replace(r#""v":1"#, &format!(r#""v":1,"version":{count}"#));
    let bound = |lots: i64, count: u64| counted(limit(5, lots).replace(r#","version":1"#, ""), count);
    for memory in [true, false] {
        let mut desk = stood();
        desk.put(PLACE, &counted(alone(&kill("firm", K3)), 4), 11);
        desk.put("limits/5", &bound(100, 4), 11);
        // Two re-armed it and raised the limit, one killed it again and lowered the limit; this agent sees the end of it.
        let (killed, lowered) = (counted(alone(&kill("firm", K1)), 6), alone(&bound(150, 6)));
        if memory {
            begins_anew(&mut desk, 14, &[(PLACE, &killed, 13), ("limits/5", &lowered, 14)]);
        } else {
            desk.put(PLACE, &killed, 13);
            desk.put("limits/5", &lowered, 14);
        }
        assert_eq!((desk.fields(1), desk.lots(5)), (Some(K1), Some(150)), "{:?}", desk.agent.sentences());
        assert!(!published(&desk));
    }
}

#[test]
fn a_second_name_that_is_the_first_ones_confirms_nothing() {
    let (mut desk, at) = stopped();
    for name in ["a", ""] {
        desk.put(
            PLACE,
            &kill("firm", ARMED).replace(r#""confirmed_by":"b""#, &format!(r#""confirmed_by":"{name}""#)),
            at + 1,
        );
        assert_eq!(desk.fields(1), Some(K3));
    }
}

#[test]
fn a_kill_whose_key_is_deleted_or_spoilt_is_kept_published_and_re_armed_by_two() {
    for what in ["deleted", "spoilt", "deleted while away"] {
        let (mut desk, at) = stopped();
        match what {
            "deleted" => desk.delete(PLACE, at + 1),
            "spoilt" => desk.put(PLACE, "{\"v\": 1", at + 1),
            _ => begins_anew(&mut desk, at + 1, &[]),
        }
        assert_eq!(desk.fields(1), Some(K3), "{what}");
        assert!(desk.says("by hand; in force until it is re-armed by the API"), "{what}: {:?}", desk.agent.sentences());
        assert!(published(&desk), "{what}");
        // An engine without its journal is told it by an agent that starts with the store away.
        desk.agent = agent("ny", "chicago", 3, desk.memory.clone());
        desk.twin.restart(true);
        desk.twin.heartbeat();
        desk.settle();
        assert_eq!(desk.fields(1), Some(K3), "{what}");
        // Two persons who could see it let go on.
        let text = desk.stored[&format!("/meridian/v1/{LOCAL}")].clone();
        let armed = kill("firm", ARMED);
        begins_anew(&mut desk, at + 2, &[(LOCAL, &text, at + 2)]);
        assert_eq!(desk.fields(1), Some(K3), "{what}");
        desk.put(PLACE, &armed, at + 3);
        assert_eq!(desk.fields(1), Some(ARMED), "{what}");
        assert!(!published(&desk) && !desk.says("in force until"), "{what}");
    }
}

#[test]
fn a_local_kill_gives_way_to_what_stops_as_much_or_was_confirmed() {
    for (text, expected) in [
        (alone(&kill("firm", K1)), K3),
        (alone(&kill("firm", K2)), K3),
        (alone(&kill("firm", (3, 3, 1))), K3),
        (alone(&kill("firm", K3)), K3),
        (kill("firm", K1), K1),
    ] {
        let mut desk = stood();
        desk.agent.on_local_kill(local("firm")).expect("a kill");
        desk.settle();
        let mine = desk.stored[&format!("/meridian/v1/{LOCAL}")].clone();
        desk.put(LOCAL, &mine, 11);
        desk.put(PLACE, &text, 12);
        assert_eq!(desk.fields(1), Some(expected), "{text}");
        // Whoever reads the store anew comes to the same, remembering or not.
        for memory in [desk.memory.clone(), coordination::agent::Memory::default()] {
            desk.memory = memory;
            begins_anew(&mut desk, 12, &[(LOCAL, &mine, 11), (PLACE, &text, 12)]);
            assert_eq!(desk.fields(1), Some(expected), "{text}");
        }
    }
}

#[test]
fn a_kill_that_comes_on_two_ways_is_one_and_a_later_one_is_another() {
    let mut desk = stood();
    let mut asked = local("firm");
    asked.asked_ns = 5;
    desk.agent.on_local_kill(asked.clone()).expect("a kill");
    desk.settle();
    let first = desk.stored[&format!("/meridian/v1/{LOCAL}")].clone();
    desk.agent.on_local_kill(asked.clone()).expect("a kill");
    desk.settle();
    assert_eq!(desk.stored[&format!("/meridian/v1/{LOCAL}")], first, "what is asked once is published once");
    asked.asked_ns = 6;
    desk.agent.on_local_kill(asked).expect("a kill");
    desk.settle();
    assert_ne!(desk.stored[&format!("/meridian/v1/{LOCAL}")], first, "a re-arm that was proposed before it is stale");
}

#[test]
fn a_generation_that_is_written_again_without_being_raised_is_not_believed() {
    let (mut desk, at) = stopped();
    let first = generation(1);
    // Somebody emptied the store and filled it again: the same cluster, a later revision, the same number.
    let filled: [(&str, &str, u64); 2] =
        [("generation", &first, at + 5), ("kill/firm/all", &kill("firm", ARMED), at + 5)];
    desk.reset(0xa, at + 5, &filled);
    assert!(desk.says("not trusted") && desk.says("was written again and not raised: raise it"));
    assert_eq!(desk.fields(1), Some(K3));
    // The same, seen change by change.
    let (mut desk, at) = stopped();
    desk.put("generation", &first, at + 1);
    assert!(desk.resyncs > 0 && desk.says("not trusted"));
    desk.put(PLACE, &kill("firm", ARMED), at + 2);
    assert_eq!(desk.fields(1), Some(K3));
    desk.agent.on_store(StoreEvent::Lost);
    desk.reset(0xa, at + 3, &[("generation", &generation(2), at + 3), ("kill/firm/all", &kill("firm", ARMED), at + 2)]);
    assert_eq!(desk.fields(1), Some(ARMED));
    assert!(!desk.says("not trusted"));
}
