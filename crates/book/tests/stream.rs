//! Streams of files give what the readers of whole files give; what is wrong ends them with its place.

use std::path::{Path, PathBuf};

use book::flow::{FlowRecord, FlowStream, open};
use records::{BookAction, FLAG_LAST};

#[path = "../../../tests/samples.rs"]
mod beside;

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("book-stream-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&path).expect("a temporary folder");
    path
}

fn all(path: &Path) -> (Vec<FlowRecord>, Vec<String>) {
    let mut stream = FlowStream::open(path).expect("a sound file");
    let mut records = Vec::new();
    while stream.read(&mut records).expect("a sound file") {}
    (records, stream.symbols())
}

/// Records with their symbols' names: numbers may differ.
fn named(records: impl Iterator<Item = FlowRecord>, names: &[String]) -> Vec<(String, FlowRecord)> {
    let of_a_symbol = records.filter(|record| record.header().instrument != 0);
    of_a_symbol
        .map(|mut record| {
            let number = std::mem::take(&mut record.header_mut().instrument);
            (names[number as usize - 1].clone(), record)
        })
        .collect()
}

fn compare(path: &Path) {
    let whole = open(&[path.to_path_buf()]).expect("a sound file");
    let file = &whole.files[0];
    let known: Vec<String> = file.symbols.iter().map(|symbol| symbol.name.clone()).collect();
    let (records, names) = all(path);
    let mine = named(records.into_iter(), &names);
    let theirs = named(file.records(), &known);
    assert!(!theirs.is_empty());
    assert!(mine.iter().filter(|(name, _)| known.contains(name)).eq(theirs.iter()), "{}", path.display());
}

#[test]
fn a_stream_gives_the_whole_files_records() {
    let folder = folder("itch");
    let path = folder.join("01032019.FLOW_ITCH50");
    std::fs::write(&path, book::itch_flow::generate(60_000, 5, 3).bytes).expect("room for a file");
    compare(&path);
    for name in [
        "lobster/AAPL_2012-06-21_message_10_rows1-500.csv",
        "dbn/esm4_mbo_2024-05-08_2s.dbn.zst",
        "dbn/esh4-glbx-mdp3-20231224.mbo.dbn.zst",
        "itch_synthetic/ex20101224.TEST_ITCH_50",
    ] {
        if let Some(path) = beside::sample(name, "streams of recorded flow") {
            compare(&path);
        }
    }
}

#[test]
fn levels_and_trades_of_tardis_are_read() {
    let folder = folder("tardis");
    let path = folder.join("binance_incremental_book_L2_2024-01-01_BTCUSDT.csv");
    let rows = "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\n\
        binance,BTCUSDT,1000,1010,true,bid,42000.10,1.5\n\
        binance,BTCUSDT,1000,1010,true,ask,42000.20,0.25\n\
        binance,BTCUSDT,2000,2010,false,bid,42000.10,0\n";
    std::fs::write(&path, rows).expect("room for a file");
    let (records, names) = all(&path);
    assert_eq!(names, ["BTCUSDT"]);
    let levels: Vec<_> = records
        .iter()
        .map(|record| match record {
            FlowRecord::Level(level) => (
                level.action,
                level.price_nanos,
                level.lots,
                level.header.flags & FLAG_LAST,
                level.header.venue_time_ns,
            ),
            other => panic!("no level: {other:?}"),
        })
        .collect();
    assert_eq!(levels.len(), 4);
    assert_eq!(levels[0].0, BookAction::Clear.code());
    assert_eq!(levels[1], (BookAction::Modify.code(), 42_000_100_000_000, 150_000_000, 0, 1_000_000));
    assert_eq!(levels[2], (BookAction::Modify.code(), 42_000_200_000_000, 25_000_000, FLAG_LAST, 1_000_000));
    assert_eq!(levels[3], (BookAction::Delete.code(), 42_000_100_000_000, 0, FLAG_LAST, 2_000_000));
    std::fs::write(&path, rows.replace("0.25", "a lot")).expect("room for a file");
    let mut stream = FlowStream::open(&path).expect("a sound head");
    let error = stream.read(&mut Vec::new()).expect_err("a bad row");
    assert!(error.to_string().contains("line 3: amount is \"a lot\""), "{error}");
}

#[test]
fn what_is_wrong_ends_a_stream_with_its_place() {
    let folder = folder("bad");
    let path = folder.join("01032019.FLOW_ITCH50");
    let good = book::itch_flow::generate(1_000, 1, 3).bytes;
    std::fs::write(&path, &good[..good.len() - 9]).expect("room for a file");
    let mut stream = FlowStream::open(&path).expect("a sound beginning");
    let mut records = Vec::new();
    let error = loop {
        match stream.read(&mut records) {
            Ok(true) => {}
            Ok(false) => panic!("the file is cut off"),
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("no whole message"), "{error}");
    assert!(FlowStream::open(&folder.join("absent")).is_err());
    std::fs::write(&path, "nothing of the kind").expect("room for a file");
    assert!(FlowStream::open(&path).is_err());
}
