//! The agent's state machine: by tables of events, and by seeded runs with a store, engines and a network that misbehave.

mod kills;
mod others;
mod random;
mod tables;
mod twin;

use coordination::agent::{Agent, AgentConfig, Entry, Memory};

/// An agent of `region` that knows of one other region.
pub(crate) fn agent(region: &str, peer: &str, start: u64, memory: Memory) -> Agent {
    let directory = r#"{"nodes": {"firm": {"id": 1, "name": "firm", "level": "firm"},
        "desk": {"id": 2, "name": "desk", "level": "desk", "parent": "firm"},
        "acc": {"id": 3, "name": "acc", "level": "account", "parent": "desk"}},
        "instruments": {"AAPL": 7, "ES": 8, "MSFT": 9}, "venues": {"XNAS": 4}, "reference": "aa"}"#;
    Agent::new(AgentConfig {
        region: region.to_owned(),
        shard: 1,
        start,
        peers: vec![peer.to_owned()],
        directory: serde_json::from_str(directory).expect("a directory"),
        memory,
    })
}

pub(crate) fn entry(key: &str, value: &str, revision: u64) -> Entry {
    Entry { key: format!("/meridian/v1/{key}"), value: value.as_bytes().to_vec(), revision }
}

pub(crate) fn generation(number: u64) -> String {
    format!(r#"{{"v":1,"generation":{number}}}"#)
}

/// A limit that two persons wrote.
pub(crate) fn limit(id: u32, lots: i64) -> String {
    format!(
        r#"{{"v":1,"id":{id},"version":1,"node":"desk","metric":"order_quantity","value":"{lots}","by":"a","confirmed_by":"b"}}"#
    )
}

pub(crate) fn removed(id: u32) -> String {
    limit(id, 0).replace("\"version\"", "\"removed\":true,\"version\"")
}

/// Kill fields that two persons wrote.
pub(crate) fn kill(node: &str, fields: (u8, u8, u8)) -> String {
    let new_orders = ["allow", "reduce_only", "none"][usize::from(fields.0) - 1];
    let resting = ["keep", "cancel_increasing", "cancel"][usize::from(fields.1) - 1];
    let flatten = fields.2 == 1;
    format!(
        r#"{{"v":1,"node":"{node}","new_orders":"{new_orders}","resting":"{resting}","flatten":{flatten},"by":"a","confirmed_by":"b"}}"#
    )
}

/// A value as one person wrote it.
pub(crate) fn alone(value: &str) -> String {
    value.replace(r#""confirmed_by":"b""#, r#""confirmed_by":null"#)
}
