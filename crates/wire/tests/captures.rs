//! Real captures decode whole and re-encode to the same bytes. Without `../shared/data` this says "not checked".
#![cfg(feature = "capture")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use wire::capture::{Choice, Found, Summary, decode};
use wire::describe::Protocol;
use wire::{itch50, moldudp64, ouch50, soupbin};

#[path = "../../../tests/samples.rs"]
mod samples;

/// The folder of samples, or `None` after saying what is not checked.
fn samples(part: &str) -> Option<PathBuf> {
    samples::sample(part, "wire captures")
}

fn captures(part: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for folder in samples(part).iter().flat_map(std::fs::read_dir).flatten().flatten() {
        files.extend(std::fs::read_dir(folder.path()).into_iter().flatten().flatten().map(|file| file.path()));
    }
    files.sort();
    files
}

fn encoded(protocol: &Protocol, name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0; bytes.len() + 8];
    let length = match protocol.name {
        "itch50" => itch50::decode(bytes).unwrap().encode(&mut out),
        "soupbin" => soupbin::decode(bytes).unwrap().encode(&mut out),
        "ouch50" => match ouch50::PROTOCOL.by_name(name).unwrap().group {
            "Inbound" => ouch50::decode_inbound(bytes).unwrap().encode(&mut out),
            _ => ouch50::decode_outbound(bytes).unwrap().encode(&mut out),
        },
        _ => moldudp64::Downstream::new(bytes).unwrap().fields().encode(&mut out),
    };
    out.truncate(length);
    out
}

#[test]
fn real_captures_decode_whole_and_come_back_equal() {
    let mut total = Summary::default();
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    for path in captures("pcap/Nasdaq") {
        let file = std::fs::read(&path).unwrap();
        let mut visit = |found: &Found<'_>| {
            let message = found.message.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert_eq!(encoded(found.protocol, message.name, found.bytes), found.bytes, "{}", path.display());
            *seen.entry(format!("{} {}", found.protocol.name, message.name)).or_default() += 1;
        };
        let summary = decode(&file, Choice::Any, &mut visit).unwrap();
        assert_eq!((summary.uncovered_bytes, summary.unknown), (0, 0), "{}", path.display());
        assert!(summary.messages > 0, "{}", path.display());
        total.packets += summary.packets;
        total.messages += summary.messages;
    }
    println!("{total:?} {seen:#?}");
}

#[test]
fn captures_of_other_venues_are_counted_as_uncovered_and_never_panic() {
    for venue in ["Cme", "Iex", "Nyse", "Eurex", "Cboe", "Asx"] {
        for path in captures(&format!("pcap/{venue}")) {
            let file = std::fs::read(&path).unwrap();
            for choice in [Choice::Any, Choice::Itch50, Choice::Ouch50, Choice::SoupBin, Choice::MoldUdp64] {
                let summary = decode(&file, choice, &mut |_| {}).unwrap();
                assert!(summary.uncovered_bytes <= summary.bytes, "{}", path.display());
            }
        }
    }
}

#[test]
fn a_foreign_or_cut_file_is_refused() {
    assert!(decode(b"not a capture at all, but long enough to be one", Choice::Any, &mut |_| {}).is_err());
    assert!(decode(b"", Choice::Any, &mut |_| {}).is_err());
    let Some(path) = captures("pcap/Nasdaq").into_iter().next() else { return };
    let file = std::fs::read(path).unwrap();
    assert!(decode(&file[..file.len() - 1], Choice::Any, &mut |_| {}).is_err());
}

#[test]
fn the_synthetic_file_decodes() {
    let Some(folder) = samples("itch_synthetic") else { return };
    for path in std::fs::read_dir(folder).unwrap().flatten() {
        let file = std::fs::read(path.path()).unwrap();
        let done = wire::files::decode_all(&file);
        println!("{}: {done:?}", path.path().display());
        assert_eq!((done.messages, done.bad), (12_012, 0));
        for message in wire::files::Messages::new(&file) {
            let message = message.unwrap();
            assert_eq!(encoded(&itch50::PROTOCOL, "", message), message);
        }
    }
}
