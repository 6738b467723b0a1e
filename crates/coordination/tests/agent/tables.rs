//! One agent, one event after another: what it does about each.

use std::collections::BTreeMap;

use coordination::agent::{Action, Agent, LocalKill, Memory, StoreEvent};
use serde_json::Value;

use super::twin::Twin;
use super::{agent, alone, entry, generation, kill, limit, removed};

/// An agent with its engine; the store takes everything that is written.
pub(super) struct Desk {
    pub agent: Agent,
    pub twin: Twin,
    pub stored: BTreeMap<String, String>,
    pub memory: Memory,
    pub datagrams: Vec<Vec<u8>>,
    pub resyncs: usize,
    now_ns: u64,
}

impl Desk {
    fn new() -> Self {
        Self::of(agent("ny", "chicago", 1, Memory::default()))
    }

    pub fn of(agent: Agent) -> Self {
        let mut desk = Self {
            agent,
            twin: Twin::default(),
            stored: BTreeMap::new(),
            memory: Memory::default(),
            datagrams: Vec::new(),
            resyncs: 0,
            now_ns: 1_000_000_000,
        };
        desk.twin.heartbeat();
        desk.settle();
        desk
    }

    pub fn settle(&mut self) {
        self.now_ns += 600_000_000;
        self.agent.on_tick(self.now_ns);
        loop {
            for output in std::mem::take(&mut self.twin.outputs) {
                self.agent.on_engine(&output);
            }
            let Some(action) = self.agent.next_action() else { break };
            match action {
                Action::ToEngine(record) => self.twin.take(&record),
                Action::ToStore { key, value, .. } => {
                    match value {
                        Some(value) => self.stored.insert(key.clone(), value),
                        None => self.stored.remove(&key),
                    };
                    self.agent.on_stored(&key, true);
                }
                Action::ToPeers(datagram) => self.datagrams.push(datagram),
                Action::Resync => self.resyncs += 1,
                Action::Remember(memory) => self.memory = memory,
            }
        }
    }

    pub fn reset(&mut self, cluster: u64, revision: u64, entries: &[(&str, &str, u64)]) {
        let entries = entries.iter().map(|(key, value, revision)| entry(key, value, *revision)).collect();
        self.agent.on_store(StoreEvent::Reset { cluster, revision, entries });
        self.settle();
    }

    pub fn put(&mut self, key: &str, value: &str, revision: u64) {
        self.agent.on_store(StoreEvent::Put(entry(key, value, revision)));
        self.settle();
    }

    pub fn delete(&mut self, key: &str, revision: u64) {
        self.agent.on_store(StoreEvent::Delete { key: format!("/meridian/v1/{key}"), revision });
        self.settle();
    }

    pub fn ack(&self, key: &str) -> Value {
        let text = self.stored.get(&format!("/meridian/v1/acks/ny/{key}"));
        text.map_or(Value::Null, |text| serde_json::from_str(text).expect("acks are JSON"))
    }

    pub fn says(&self, word: &str) -> bool {
        self.agent.sentences().iter().any(|sentence| sentence.contains(word))
    }

    pub fn lots(&self, id: u32) -> Option<i128> {
        self.twin.limits.get(&id).filter(|known| !known.2).map(|known| known.1)
    }

    pub fn fields(&self, node: u32) -> Option<(u8, u8, u8)> {
        self.twin.kills.get(&(node, 1, 0, 0, 0)).map(|known| known.1)
    }
}

pub(super) fn local(node: &str) -> LocalKill {
    let text = format!(r#"{{"node": "{node}", "new_orders": "none", "resting": "cancel", "by": "me"}}"#);
    serde_json::from_str(&text).expect("a local kill")
}

/// A store at revision 10 with two limits and an armed kill.
pub(super) fn stood() -> Desk {
    let mut desk = Desk::new();
    let (one, two) = (limit(5, 100), limit(6, 200));
    let armed = kill("firm", (1, 1, 0));
    let entries: [(&str, &str, u64); 4] =
        [("generation", &generation(1), 2), ("limits/5", &one, 5), ("limits/6", &two, 6), ("kill/firm/all", &armed, 7)];
    desk.reset(0xa, 10, &entries);
    assert_eq!((desk.lots(5), desk.lots(6)), (Some(100), Some(200)));
    assert_eq!(desk.fields(1), Some((1, 1, 0)));
    desk
}

#[test]
fn acknowledgements_name_the_sequence_in_force() {
    let mut desk = stood();
    let ack = desk.ack("limits/5");
    assert_eq!((ack["outcome"].as_str(), ack["revision"].as_u64()), (Some("in_force"), Some(5)));
    assert_eq!(ack["input"].as_u64(), Some(desk.twin.limits[&5].3));
    assert_eq!(desk.ack("kill/firm/all")["revision"].as_u64(), Some(7));
    desk.put("limits/5", &limit(5, 90), 11);
    assert_eq!(desk.lots(5), Some(90));
    assert_eq!(desk.ack("limits/5")["input"].as_u64(), Some(desk.twin.limits[&5].3));
    assert_eq!(desk.ack("limits/6")["input"].as_u64(), Some(desk.twin.limits[&6].3), "the other one stands as it was");
}

#[test]
fn the_answer_to_an_earlier_version_acknowledges_no_later_one() {
    let mut desk = stood();
    let mut under_way = Vec::new();
    for (lots, revision) in [(90, 11), (80, 12)] {
        desk.agent.on_store(StoreEvent::Put(entry("limits/5", &limit(5, lots), revision)));
        while let Some(action) = desk.agent.next_action() {
            if let Action::ToEngine(record) = action {
                under_way.push(record);
            }
        }
    }
    assert_eq!(under_way.len(), 2);
    desk.twin.take(&under_way[0]);
    desk.twin.outputs.drain(..).for_each(|output| desk.agent.on_engine(&output));
    let row = &desk.agent.status()["limits"][0];
    assert_eq!((row["revision"].as_u64(), row["input"].as_u64()), (Some(12), None), "the engine does not have it yet");
    // The second one is lost and sent again.
    desk.settle();
    desk.settle();
    assert_eq!(desk.lots(5), Some(80));
    let ack = desk.ack("limits/5");
    assert_eq!((ack["revision"].as_u64(), ack["input"].as_u64()), (Some(12), Some(desk.twin.limits[&5].3)));
}

#[test]
fn a_value_edited_by_hand_is_named_and_changes_nothing() {
    let mut desk = stood();
    for (revision, text) in [(11, "{"), (12, "\u{0}"), (13, r#"{"v":1,"id":5}"#), (14, &*limit(6, 1)), (15, "")] {
        desk.put("limits/5", text, revision);
        assert_eq!(desk.lots(5), Some(100), "{text}");
        assert!(desk.says("/meridian/v1/limits/5"), "{text}");
    }
    desk.put("kill/firm/all", r#"{"v":1,"node":"firm","new_orders":"al"}"#, 16);
    assert!(desk.says("kill/firm/all"));
    desk.put("limits/5", &limit(5, 80), 17);
    assert!(!desk.says("limits/5"));
    assert_eq!(desk.lots(5), Some(80));
}

#[test]
fn one_person_tightens_a_limit_and_only_two_loosen_it() {
    let looser = [
        limit(5, 101),
        removed(5),
        limit(5, 100).replace(r#""desk""#, r#""acc""#),
        limit(5, 100).replace("order_quantity", "position_long"),
        limit(5, 100).replace(r#""version""#, r#""selector":{"venue":"XNAS"},"version""#),
    ];
    for text in looser {
        let mut desk = stood();
        desk.put("limits/5", &alone(&text), 11);
        assert_eq!(desk.lots(5), Some(100), "{text}");
        assert!(desk.says("limits/5: it lets more through and no second person confirmed it"), "{text}");
        desk.put("limits/5", &alone(&limit(5, 90)), 12);
        assert_eq!(desk.lots(5), Some(90), "one person tightens");
        assert!(!desk.says("no second person"), "{text}");
        desk.put("limits/5", &text, 13);
        assert_ne!(desk.ack("limits/5")["revision"].as_u64(), Some(12), "two persons are taken: {text}");
    }
    // Of a store that an operator has looked at all counts as it is.
    let mut desk = stood();
    let (second, raised) = (generation(2), alone(&limit(5, 150)));
    desk.reset(0xa, 20, &[("generation", &second, 20), ("limits/5", &raised, 12), ("limits/6", &limit(6, 200), 6)]);
    assert_eq!(desk.lots(5), Some(150));
}

#[test]
fn a_deleted_key_loosens_nothing_but_a_tombstone_ends_the_limit() {
    let mut desk = stood();
    desk.delete("limits/5", 11);
    assert_eq!(desk.lots(5), Some(100));
    assert!(desk.says("limits/5: it was deleted by hand"));
    desk.put("limits/6", &removed(6), 12);
    assert_eq!(desk.lots(6), None);
    desk.delete("limits/6", 13);
    assert!(!desk.says("limits/6"));
    desk.put("kill/firm/all", &kill("firm", (3, 3, 0)), 14);
    desk.delete("kill/firm/all", 15);
    assert_eq!(desk.fields(1), Some((3, 3, 0)));
    assert!(desk.says("kill/firm/all: it was deleted by hand"));
}

#[test]
fn repeated_and_older_events_change_nothing() {
    let mut desk = stood();
    desk.put("limits/5", &limit(5, 90), 11);
    desk.put("limits/5", &limit(5, 100), 5);
    desk.put("limits/5", &limit(5, 90), 11);
    desk.delete("limits/5", 3);
    assert_eq!(desk.lots(5), Some(90));
    assert!(!desk.says("deleted"));
}

#[test]
fn of_a_store_that_is_not_trusted_only_kills_are_taken() {
    let (looser, killed, armed) = (limit(5, 10_000), kill("firm", (3, 3, 0)), kill("firm", (1, 1, 0)));
    let (first, second) = (generation(1), generation(2));
    type Case<'a> = (&'a str, u64, u64, Vec<(&'a str, &'a str, u64)>);
    let cases: [Case; 6] = [
        ("it is empty", 0xa, 20, vec![]),
        ("generation is 0", 0xa, 20, vec![("generation", r#"{"v":1,"generation":0}"#, 2), ("limits/5", &looser, 15)]),
        ("cluster b", 0xb, 20, vec![("generation", &first, 2), ("limits/5", &looser, 15)]),
        ("at revision 9", 0xa, 9, vec![("generation", &first, 2), ("limits/5", &looser, 8)]),
        ("limits/5 is from revision 4", 0xa, 20, vec![("generation", &first, 2), ("limits/5", &looser, 4)]),
        (
            "raised for cluster c",
            0xa,
            20,
            vec![("generation", r#"{"v":1,"generation":2,"cluster":"c"}"#, 12), ("limits/5", &looser, 15)],
        ),
    ];
    for (why, cluster, revision, entries) in cases {
        let mut desk = stood();
        desk.reset(cluster, revision, &entries);
        assert_eq!(desk.lots(5), Some(100), "{why}");
        assert!(desk.says("not trusted") && desk.says(why), "{why}: {:?}", desk.agent.sentences());
        desk.put("limits/5", &looser, 90);
        assert_eq!(desk.lots(5), Some(100), "{why}");
        desk.put("kill/firm/all", &killed, 91);
        assert_eq!(desk.fields(1), Some((3, 3, 0)), "{why}: a kill is taken from anywhere");
        desk.put("kill/firm/all", &armed, 92);
        assert_eq!(desk.fields(1), Some((3, 3, 0)), "{why}: and not taken back");
        // An operator looks at it and raises the number.
        desk.put("generation", &second, 93);
        assert!(desk.resyncs > 0);
        let raised: [(&str, &str, u64); 3] =
            [("generation", &second, 93), ("limits/5", &looser, 90), ("kill/firm/all", &armed, 92)];
        desk.reset(cluster, 93, &raised);
        assert_eq!(desk.lots(5), Some(10_000), "{why}");
        assert_eq!(desk.fields(1), Some((1, 1, 0)), "{why}");
        assert!(!desk.says("not trusted"), "{why}");
        assert!(desk.says("limits/6: it was deleted by hand"), "{why}");
    }
}

#[test]
fn a_local_kill_needs_no_store_and_is_loosened_only_by_who_could_see_it() {
    let mut desk = stood();
    desk.agent.on_store(StoreEvent::Lost);
    desk.agent.on_local_kill(local("firm")).expect("a kill");
    desk.settle();
    assert_eq!(desk.fields(1), Some((3, 3, 0)));
    assert_eq!(desk.memory.local_kills.len(), 1);
    assert!(desk.says("store: away") && desk.says("kill at firm/all: from the local socket"));
    // The store comes back; a value that was put before it knew of the kill does not re-arm.
    let (first, armed) = (generation(1), kill("firm", (1, 1, 0)));
    let (five, six) = (limit(5, 100), limit(6, 200));
    let back = |armed_at: u64, local: Option<(&str, u64)>| {
        let mut entries = vec![("generation", &*first, 2), ("limits/5", &*five, 5), ("limits/6", &*six, 6)];
        entries.push(("kill/firm/all", &*armed, armed_at));
        entries.extend(local.map(|(text, revision)| ("local/ny/kill/firm/all", text, revision)));
        entries.into_iter().map(|(key, text, revision)| (key.to_owned(), text.to_owned(), revision)).collect::<Vec<_>>()
    };
    let reset = |desk: &mut Desk, revision: u64, entries: Vec<(String, String, u64)>| {
        let entries: Vec<_> = entries.iter().map(|(key, text, at)| (key.as_str(), text.as_str(), *at)).collect();
        desk.reset(0xa, revision, &entries);
    };
    reset(&mut desk, 15, back(14, None));
    assert_eq!(desk.fields(1), Some((3, 3, 0)));
    let published = desk.stored["/meridian/v1/local/ny/kill/firm/all"].clone();
    desk.put("local/ny/kill/firm/all", &published, 16);
    assert_eq!(desk.fields(1), Some((3, 3, 0)));
    assert_eq!(desk.ack("local/ny/kill/firm/all")["outcome"].as_str(), Some("in_force"));
    // The agent starts anew and has forgotten everything; the store has not.
    desk.agent = agent("ny", "chicago", 2, Memory::default());
    reset(&mut desk, 17, back(14, Some((&published, 16))));
    assert_eq!(desk.fields(1), Some((3, 3, 0)));
    desk.put("kill/firm/all", &armed, 18);
    assert_eq!(desk.fields(1), Some((1, 1, 0)));
    assert!(!desk.stored.contains_key("/meridian/v1/local/ny/kill/firm/all"));
    assert!(desk.memory.local_kills.is_empty());
}

#[test]
fn a_local_kill_outlives_the_agent_while_the_store_is_away() {
    let mut desk = stood();
    desk.agent.on_store(StoreEvent::Lost);
    desk.agent.on_local_kill(local("desk")).expect("a kill");
    desk.settle();
    desk.agent = agent("ny", "chicago", 2, desk.memory.clone());
    desk.settle();
    desk.twin.restart(true);
    desk.settle();
    assert_eq!(desk.fields(2), Some((3, 3, 0)), "an engine without its journal is told again");
    let armed = kill("desk", (1, 1, 0));
    desk.reset(0xa, 20, &[("generation", &generation(1), 2), ("kill/desk/all", &armed, 19)]);
    assert_eq!(desk.fields(2), Some((3, 3, 0)));
}

#[test]
fn a_flatten_that_is_not_done_is_told_as_such() {
    let mut desk = stood();
    desk.put("kill/firm/all", &kill("firm", (3, 3, 1)), 11);
    assert_eq!(desk.fields(1), Some((3, 3, 0)), "the rest of the kill is in force");
    let ack = desk.ack("kill/firm/all");
    assert_eq!((ack["outcome"].as_str(), ack["revision"].as_u64()), (Some("in_force"), Some(11)));
    assert!(ack["why"].as_str().expect("a reason").contains("flatten"));
    desk.put("kill/firm/all", &kill("firm", (3, 3, 0)), 12);
    let ack = desk.ack("kill/firm/all");
    assert_eq!((ack["why"].as_str(), ack["revision"].as_u64()), (None, Some(12)));
}

#[test]
fn the_local_socket_never_re_arms() {
    let mut desk = stood();
    for (change, why) in [
        (r#"{"node":"firm","new_orders":"allow","resting":"keep"}"#, "never re-arms"),
        (r#"{"node":"moon","new_orders":"none","resting":"keep"}"#, "node = moon"),
        (r#"{"node":"firm","new_orders":"stop","resting":"keep"}"#, "new_orders = stop"),
    ] {
        let kill: LocalKill = serde_json::from_str(change).expect("the shape is right");
        assert!(desk.agent.local_kill_problem(&kill).expect("a problem").contains(why));
        assert!(desk.agent.on_local_kill(kill).is_err());
        desk.settle();
        assert_eq!(desk.fields(1), Some((1, 1, 0)));
    }
}

#[test]
fn an_engine_that_starts_again_is_told_everything() {
    let mut desk = stood();
    desk.put("kill/firm/all", &kill("firm", (3, 1, 0)), 11);
    let before = desk.ack("limits/5");
    desk.twin.restart(false);
    desk.settle();
    desk.settle();
    assert_eq!(desk.ack("limits/5"), before, "its journal stood: it is in force since then");
    desk.twin.restart(true);
    desk.twin.heartbeat();
    desk.settle();
    assert_eq!((desk.lots(5), desk.lots(6), desk.fields(1)), (Some(100), Some(200), Some((3, 1, 0))));
    assert_eq!(desk.ack("limits/5")["input"].as_u64(), Some(desk.twin.limits[&5].3));
}

#[test]
fn what_the_engine_refuses_does_not_hold_up_the_rest() {
    let mut desk = Desk::new();
    desk.twin.refuses = vec![6];
    let (one, two, three) = (limit(5, 100), limit(6, 200), limit(7, 300));
    let entries: [(&str, &str, u64); 4] =
        [("generation", &generation(1), 2), ("limits/5", &one, 5), ("limits/6", &two, 6), ("limits/7", &three, 7)];
    desk.reset(0xa, 10, &entries);
    assert_eq!((desk.lots(5), desk.lots(6), desk.lots(7)), (Some(100), None, Some(300)));
    assert_eq!(desk.ack("limits/6")["outcome"].as_str(), Some("refused"));
    assert_eq!(desk.ack("limits/7")["outcome"].as_str(), Some("in_force"));
    assert!(desk.says("limits/6: the engine refuses it"));
}

fn global(id: u32, lots: i64, pending: Option<(i64, i64)>) -> String {
    let pending = pending.map_or("null".to_owned(), |(value, part)| {
        format!(r#"{{"value":"{value}","parts":{{"ny-1":{{"upper":"{part}","lower":"{part}"}}}}}}"#)
    });
    limit(id, lots)
        .replace("order_quantity", "position_long")
        .replace("\"version\"", &format!("\"enforcement\":\"global\",\"pending\":{pending},\"version\""))
}

#[test]
fn a_lowered_part_tightens_at_once_and_is_acknowledged_when_the_use_is_inside() {
    let mut desk = stood();
    let part = |lots: i64| format!(r#"{{"v":1,"upper":"{lots}","lower":"{lots}"}}"#);
    desk.put("limits/9", &global(9, 100, None), 11);
    assert!(!desk.twin.parts.contains_key(&9), "no part: no rights");
    desk.put("parts/9/chicago-1", &part(40), 12);
    assert!(!desk.twin.parts.contains_key(&9), "another holder's part");
    desk.put("parts/9/ny-1", &part(60), 12);
    assert_eq!((desk.twin.parts[&9].1, desk.twin.parts[&9].0), (60, (1, 12)));
    assert_eq!(desk.ack("limits/9")["inside"].as_bool(), Some(true));
    desk.twin.used.insert(9, 50);
    desk.put("limits/9", &global(9, 100, Some((70, 30))), 13);
    assert_eq!((desk.twin.parts[&9].1, desk.twin.parts[&9].0), (30, (1, 13)));
    let ack = desk.ack("parts/9/ny-1");
    assert_eq!((ack["inside"].as_bool(), ack["revision"].as_u64()), (Some(false), Some(13)));
    desk.twin.used.insert(9, 30);
    desk.twin.usage(9);
    desk.settle();
    let ack = desk.ack("parts/9/ny-1");
    assert_eq!((ack["inside"].as_bool(), ack["input"].as_u64()), (Some(true), Some(desk.twin.parts[&9].3)));
    assert_eq!(desk.ack("limits/9")["inside"].as_bool(), Some(true));
    // The change is taken back: the part is whole again, by a newer version.
    desk.put("limits/9", &global(9, 100, None), 14);
    assert_eq!((desk.twin.parts[&9].1, desk.twin.parts[&9].0), (60, (1, 14)));
}

#[test]
fn parts_that_are_more_than_their_bound_raise_nothing() {
    let part = |lots: i64| format!(r#"{{"v":1,"upper":"{lots}","lower":"{lots}"}}"#);
    let mut desk = stood();
    desk.put("limits/9", &global(9, 100, None), 11);
    desk.put("parts/9/chicago-1", &part(40), 11);
    desk.put("parts/9/ny-1", &part(60), 11);
    for (lots, revision) in [(61, 12), (5_000, 13)] {
        desk.put("parts/9/ny-1", &part(lots), revision);
        assert_eq!(desk.twin.parts[&9].1, 60);
        assert!(desk.says("parts/9/ny-1: the parts of limit 9 are more than its bound"));
    }
    // An engine without its journal gets none of it.
    desk.twin.restart(true);
    desk.twin.heartbeat();
    desk.settle();
    assert!(!desk.twin.parts.contains_key(&9) && desk.lots(9) == Some(100));
    desk.put("parts/9/ny-1", &part(50), 14);
    assert_eq!((desk.twin.parts[&9].1, desk.says("parts/9")), (50, false));
    // A tighter one is always given; and a transfer that is seen key by key comes out whole.
    desk.put("parts/9/chicago-1", &part(90), 15);
    assert!(!desk.says("parts/9"), "what the engine has, it keeps");
    desk.put("parts/9/ny-1", &part(45), 16);
    assert_eq!(desk.twin.parts[&9].1, 45);
    desk.put("parts/9/ny-1", &part(70), 17);
    assert_eq!(desk.twin.parts[&9].1, 45);
    desk.put("parts/9/chicago-1", &part(30), 17);
    assert_eq!((desk.twin.parts[&9].1, desk.twin.parts[&9].0), (70, (1, 17)));
    assert_eq!(desk.ack("parts/9/ny-1")["revision"].as_u64(), Some(17));
    // What a holder has no more counts no more; and the largest number of a limit is one like others.
    desk.delete("parts/9/chicago-1", 18);
    desk.put("parts/9/ny-1", &part(100), 19);
    assert_eq!(desk.twin.parts[&9].1, 100);
    desk.put("limits/4294967295", &global(u32::MAX, 10, None), 20);
    desk.put("parts/4294967295/ny-1", &part(10), 20);
    assert_eq!(desk.twin.parts[&u32::MAX].1, 10);
}

#[test]
fn lost_outputs_are_asked_for() {
    let mut desk = stood();
    desk.twin.trade(3, 7, 500);
    desk.twin.outputs.clear();
    desk.agent.on_engine_lost(1);
    assert!(desk.says("positions may miss something"));
    desk.settle();
    assert!(!desk.says("positions may miss something"));
    let status = desk.agent.status();
    assert_eq!(status["positions"][0]["lots"].as_i64(), Some(500));
    let published: Value = serde_json::from_str(&desk.stored["/meridian/v1/positions/ny"]).expect("JSON");
    assert_eq!(published["rows"].as_array().map(Vec::len), Some(0), "at the next interval");
    desk.settle();
    let published: Value = serde_json::from_str(&desk.stored["/meridian/v1/positions/ny"]).expect("JSON");
    assert_eq!(published["rows"][0]["account"].as_str(), Some("acc"));
}

#[test]
fn garbage_from_peers_is_counted_and_changes_nothing() {
    let mut desk = stood();
    let mut other = agent("chicago", "ny", 1, Memory::default());
    let mut twin = Twin::default();
    twin.trade(3, 8, 11);
    other.on_tick(2_000_000_000);
    twin.outputs.drain(..).for_each(|output| other.on_engine(&output));
    let mut datagrams = Vec::new();
    while let Some(action) = other.next_action() {
        if let Action::ToPeers(datagram) = action {
            datagrams.push(datagram);
        }
    }
    for datagram in &datagrams {
        for cut in 0..datagram.len() {
            desk.agent.on_peer(&datagram[..cut]);
        }
        let mut longer = datagram.clone();
        longer.push(0);
        desk.agent.on_peer(&longer);
    }
    let status = desk.agent.status();
    assert_eq!(status["positions"].as_array().map(Vec::len), Some(0));
    assert!(status["datagrams"]["bad"].as_u64() > Some(10));
    let stranger = agent("ny", "x", 1, Memory::default());
    drop(stranger);
    desk.agent.on_peer(&datagrams[0]);
    assert_eq!(desk.agent.status()["positions"][0]["regions"]["chicago"].as_i64(), Some(11));
}

#[test]
fn nodes_that_the_tree_adds_come_before_their_limits() {
    let mut desk = Desk::new();
    let tree = r#"{"v":1,"nodes":[{"id":4,"name":"pairs","level":"strategy","parent":"desk"},
        {"id":1,"name":"firm","level":"firm"}]}"#;
    let at_pairs = limit(5, 10).replace("desk", "pairs");
    let entries: [(&str, &str, u64); 3] =
        [("generation", &generation(1), 2), ("limits/5", &at_pairs, 5), ("tree", tree, 6)];
    desk.reset(0xa, 10, &entries);
    assert_eq!(desk.lots(5), Some(10));
    desk.put("tree", &tree.replace("\"id\":1", "\"id\":9"), 11);
    assert!(desk.says("tree: nodes.firm"));
}

fn reset(venue: &str, kind: &str, expires_ns: u64) -> String {
    format!(
        r#"{{"v":1,"kind":"{kind}","venue":"{venue}","reason":"it answers","by":"ann","at_ns":1,"expires_ns":{expires_ns}}}"#
    )
}

const YOUNG: u64 = u64::MAX / 4;

#[test]
fn a_reset_reaches_the_engine_once_and_is_answered_by_its_input() {
    for (outcome, word, why) in [
        (1, "in_force", None),
        (2, "in_force", Some("its breaker was not open")),
        (3, "refused", Some("its session is down, or has no breaker")),
    ] {
        let mut desk = Desk::new();
        desk.reset(1, 5, &[("generation", &generation(1), 2)]);
        desk.twin.reset_outcome = outcome;
        desk.put("requests/ny/00000000000000ff", &reset("XNAS", "session_reset", YOUNG), 6);
        desk.settle();
        assert_eq!(desk.twin.resets.len(), 1);
        let sent = desk.twin.resets[0];
        assert_eq!(
            (sent.header.venue, sent.request, &sent.by[..4], &sent.reason[..3]),
            (4, 255, &b"ann\0"[..], &b"it "[..])
        );
        let ack = desk.ack("requests/ny/00000000000000ff");
        assert_eq!(
            (ack["outcome"].as_str(), ack["why"].as_str(), ack["revision"].as_u64()),
            (Some(word), why, Some(6))
        );
        assert!(ack["input"].as_u64().is_some_and(|input| input > 0));
        // A store that is read anew shows the request again.
        let request = reset("XNAS", "session_reset", YOUNG);
        desk.reset(1, 9, &[("generation", &generation(1), 2), ("requests/ny/00000000000000ff", &request, 6)]);
        desk.settle();
        assert_eq!(desk.twin.resets.len(), 1);
    }
}

#[test]
fn a_request_that_is_old_unknown_or_unanswered_is_refused_with_its_reason() {
    let mut desk = Desk::new();
    desk.reset(1, 5, &[("generation", &generation(1), 2)]);
    for (number, value, why) in [
        (1, reset("XBAD", "session_reset", YOUNG), "no venue has this name"),
        (2, reset("XNAS", "session_close", YOUNG), "must be session_reset"),
        (3, reset("XNAS", "session_reset", 1), "its time was over"),
        (4, "[]".to_owned(), "v: must be 1"),
    ] {
        let key = format!("requests/ny/{number:016x}");
        desk.put(&key, &value, 5 + number);
        let ack = desk.ack(&key);
        assert_eq!(ack["outcome"], "refused");
        assert!(ack["why"].as_str().is_some_and(|text| text.contains(why)), "{ack}");
    }
    assert!(desk.twin.resets.is_empty());
    desk.put("requests/chicago/0000000000000001", &reset("XNAS", "session_reset", YOUNG), 20);
    assert!(desk.twin.resets.is_empty(), "another region's");
    let expires_ns = desk.now_ns + 3_000_000_000;
    desk.put("requests/ny/0000000000000009", &reset("XNAS", "session_reset", expires_ns), 21);
    for _ in 0..8 {
        desk.settle();
    }
    assert!((2..=4).contains(&desk.twin.resets.len()), "asked again while it is young: {}", desk.twin.resets.len());
    assert!(
        desk.ack("requests/ny/0000000000000009")["why"].as_str().is_some_and(|text| text.contains("did not answer"))
    );
}

#[test]
fn sessions_are_published_with_their_breakers() {
    let mut desk = Desk::new();
    desk.reset(1, 5, &[("generation", &generation(1), 2)]);
    desk.twin.health(|health| {
        (health.session, health.state, health.cause, health.trips) = (1, 3, 2, 7);
        (health.throttle_used, health.throttle_messages, health.probes_left) = (5, 60, 2);
    });
    desk.settle();
    desk.settle();
    let value: Value =
        serde_json::from_str(&desk.stored["/meridian/v1/sessions/ny"]).expect("what is published is JSON");
    let row = &value["rows"][0];
    let words = ["venue", "state", "breaker", "cause"].map(|name| row[name].as_str().unwrap_or(""));
    assert_eq!(words, ["XNAS", "up", "half_open", "round_trip"]);
    let numbers = ["trips", "throttle_used", "throttle_messages", "probes_left"].map(|name| row[name].as_u64());
    assert_eq!(numbers, [Some(7), Some(5), Some(60), Some(2)]);
}

fn restricted(instrument: &str, new_orders: &str) -> String {
    format!(r#"{{"v":1,"instrument":"{instrument}","new_orders":"{new_orders}"}}"#)
}

#[test]
fn rules_are_delivered_once_each_and_acknowledged_by_the_input_in_force() {
    let mut desk = stood();
    let permitted = r#"{"v":1,"node":"desk","selector":{"instrument":"ES"},"allow":true}"#;
    desk.put("permissions/desk/instrument=ES", permitted, 11);
    desk.put("restricted/AAPL", &restricted("AAPL", "reduce_only"), 12);
    let sent: Vec<_> = desk.twin.rules.iter().map(|(kind, subject, version)| (*kind, *subject, version.1)).collect();
    assert_eq!(sent, [(records::Kind::Permission, 2, 11), (records::Kind::Restricted, 7, 12)]);
    for (key, revision) in [("permissions/desk/instrument=ES", 11), ("restricted/AAPL", 12)] {
        let ack = desk.ack(key);
        assert_eq!((ack["outcome"].as_str(), ack["revision"].as_u64()), (Some("in_force"), Some(revision)), "{key}");
        assert!(ack["input"].as_u64() > Some(0));
    }
    desk.put("restricted/AAPL", &restricted("AAPL", "reduce_only"), 12);
    assert_eq!(desk.twin.rules.len(), 2, "what was seen is not sent again");
}

#[test]
fn rules_edited_by_hand_or_deleted_change_nothing_and_are_named() {
    let mut desk = stood();
    desk.put("restricted/AAPL", &restricted("AAPL", "none"), 11);
    for (at, value) in [(12, "{"), (13, &restricted("ES", "allow")[..]), (14, &restricted("AAPL", "maybe"))] {
        desk.put("restricted/AAPL", value, at);
        assert!(desk.says("restricted/AAPL"), "{value}");
    }
    desk.put("restricted/GOLD", &restricted("GOLD", "none"), 15);
    assert!(desk.says("GOLD"));
    desk.put("permissions/desk/all", r#"{"v":1,"node":"firm","allow":true}"#, 16);
    assert!(desk.says("permissions/desk/all"));
    desk.delete("restricted/AAPL", 17);
    assert!(desk.says("deleted by hand"));
    assert_eq!(desk.twin.rules.len(), 1, "the one that was whole");
}

#[test]
fn an_epoch_only_rises_and_one_of_another_holder_is_not_ours() {
    let mut desk = stood();
    desk.put("epochs/ny-1", r#"{"v":1,"epoch":3}"#, 11);
    desk.put("epochs/chicago-2", r#"{"v":1,"epoch":9}"#, 12);
    desk.put("epochs/ny-1", r#"{"v":1,"epoch":2}"#, 13);
    assert_eq!(desk.twin.rules, [(records::Kind::EpochSet, 3, (1, 11))]);
    assert!(desk.says("went back"));
    assert_eq!(desk.ack("epochs/ny-1")["revision"].as_u64(), Some(11));
    desk.twin.epoch = 7;
    desk.put("epochs/ny-1", r#"{"v":1,"epoch":4}"#, 14);
    assert_eq!(desk.ack("epochs/ny-1")["outcome"].as_str(), Some("refused"), "the engine is ahead of the store");
}

#[test]
fn other_reference_data_is_told_until_the_engine_runs_it() {
    let mut desk = stood();
    let value = |byte: &str| format!(r#"{{"v":1,"hash":"{}"}}"#, byte.repeat(32));
    desk.put("reference", &value("bb"), 11);
    let ack = desk.ack("reference");
    assert_eq!((ack["outcome"].as_str(), ack["revision"].as_u64()), (Some("refused"), Some(11)));
    assert!(desk.says("other reference data"));
    desk.put("reference", &value("aa"), 12);
    assert_eq!(desk.ack("reference")["outcome"].as_str(), Some("in_force"));
    assert!(!desk.says("other reference data"));
}
