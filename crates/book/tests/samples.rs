//! Readers and books against real samples, where they are; each test says "not checked" where they are not.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use book::flow::{self, FlowFile, FlowRecord, Format, replay};
use book::{Capacity, OrderBook, VenueBooks};
use records::{BookAction, FLAG_SYNTHETIC, Level, Side};

#[path = "../../../tests/samples.rs"]
mod beside;

fn sample(path: &str) -> Option<PathBuf> {
    beside::sample(path, "books of recorded flow")
}

fn open_one(path: PathBuf) -> FlowFile {
    flow::open(&[path]).unwrap_or_else(|errors| panic!("{errors}")).files.remove(0)
}

const ESM4: &str = "dbn/esm4_mbo_2024-05-08_2s.dbn.zst";
const ESH4: &str = "dbn/esh4-glbx-mdp3-20231224.mbo.dbn.zst";
const AAPL: &str = "lobster/AAPL_2012-06-21_message_10_rows1-500.csv";

#[test]
fn esm4_gives_the_reference_best_prices_row_for_row() {
    let (Some(path), Some(reference)) = (sample(ESM4), sample("dbn/esm4_mbo_2024-05-08_2s.bbo.csv")) else { return };
    let file = open_one(path);
    assert_eq!(file.symbols.len(), 1);
    assert_eq!(file.symbols[0].name, "ESM4");
    let books = replay(&file, 10);
    assert_eq!(books[0].anomalies.total(), 0, "{:?}", books[0].anomalies);
    let mut written = Vec::new();
    books[0].touches.write(&mut written).unwrap();
    let reference = std::fs::read_to_string(reference).unwrap();
    assert_eq!(String::from_utf8(written).unwrap().trim_end(), reference.trim_end());
    assert_eq!(books[0].touches.rows().len(), 136);
    assert_eq!(books[0].executed_lots, 6);
}

#[test]
fn esh4_is_a_snapshot_alone() {
    let Some(path) = sample(ESH4) else { return };
    let file = open_one(path);
    let symbol = &file.symbols[0];
    assert_eq!((symbol.name.as_str(), symbol.live_records, symbol.setup_records), ("ESH4", 0, 8_725));
    let books = replay(&file, 1);
    assert_eq!((books[0].orders, books[0].anomalies.total()), (8_725, 0));
    assert_eq!((books[0].bids[0].price_nanos, books[0].bids[0].lots), (4_799_000_000_000, 16));
    assert_eq!((books[0].asks[0].price_nanos, books[0].asks[0].lots), (4_799_500_000_000, 23));
}

/// The order-book file's rows as maps from (side, price) to lots.
fn reference_rows(path: &Path) -> Vec<HashMap<(Side, i64), i64>> {
    let name = path.to_str().unwrap().replace("_message_", "_orderbook_");
    let text = std::fs::read_to_string(name).unwrap();
    let row = |line: &str| {
        let numbers: Vec<i64> = line.split(',').map(|field| field.parse().unwrap()).collect();
        let mut levels = HashMap::new();
        for level in numbers.chunks(4) {
            levels.insert((Side::Sell, level[0] * 100_000), level[1]);
            levels.insert((Side::Buy, level[2] * 100_000), level[3]);
        }
        levels
    };
    text.lines().map(row).collect()
}

fn our_levels(book: &OrderBook, depth: usize) -> HashMap<(Side, i64), i64> {
    let mut ours = HashMap::new();
    for side in [Side::Buy, Side::Sell] {
        let mut levels = vec![Level::zeroed(); depth];
        let count = book.fill_levels(side, &mut levels);
        ours.extend(levels[..count].iter().map(|level| ((side, level.price_nanos), level.lots)));
    }
    ours
}

#[test]
fn lobster_books_change_by_their_message_and_agree_on_ten_levels() {
    let Some(path) = sample(AAPL) else { return };
    let rows = reference_rows(&path);
    let messages = std::fs::read_to_string(&path).unwrap();
    let messages: Vec<Vec<String>> =
        messages.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect();
    let file = open_one(path);
    assert_eq!((file.format, file.counts.messages), (Format::Lobster, 500));
    let mut book = OrderBook::with_capacity(4_096);
    let mut records = file.records().peekable();
    let mut seeded = 0;
    while let Some(FlowRecord::Order(seed)) = records.next_if(|record| record.header().flags & FLAG_SYNTHETIC != 0) {
        assert!(book.apply(&seed).anomaly.is_none());
    }
    for (at, reference) in rows.iter().enumerate() {
        let before = our_levels(&book, 4_096);
        let sequence = at as u64 + 1;
        let of_row = |record: &FlowRecord| record.header().sequence == sequence;
        let is_seed = |record: &FlowRecord| record.header().flags & FLAG_SYNTHETIC != 0;
        while let Some(record) = records.next_if(|record| of_row(record) && !is_seed(record)) {
            if let FlowRecord::Order(order) = record {
                assert_eq!(book.apply(&order).anomaly, None, "row {sequence}");
            }
        }
        assert_eq!(change(&before, &our_levels(&book, 4_096)), expected_change(&messages[at]), "row {sequence}");
        // A level that comes into view: what happened to it before, no message tells.
        while let Some(FlowRecord::Order(seed)) = records.next_if(of_row) {
            assert!(seed.header.flags & FLAG_SYNTHETIC != 0);
            let key = (Side::from_code(seed.side).unwrap(), seed.price_nanos);
            assert!(at > 0 && !rows[at - 1].contains_key(&key), "row {sequence}: {key:?} was in view");
            assert_eq!(book.apply(&seed).anomaly, None);
            seeded += 1;
        }
        assert_eq!(our_levels(&book, 10), *reference, "row {sequence}");
    }
    assert_eq!((book.anomalies().total(), file.counts.left_out.len()), (0, 0));
    println!("levels seeded when a row first showed them: {seeded}");
}

type Levels = HashMap<(Side, i64), i64>;

fn change(before: &Levels, after: &Levels) -> Vec<((Side, i64), i64)> {
    let keys = before.keys().chain(after.keys().filter(|key| !before.contains_key(key)));
    let lots = |levels: &Levels, key| levels.get(key).copied().unwrap_or(0);
    keys.map(|key| (*key, lots(after, key) - lots(before, key))).filter(|(_, change)| *change != 0).collect()
}

fn expected_change(message: &[String]) -> Vec<((Side, i64), i64)> {
    let side = if message[5] == "1" { Side::Buy } else { Side::Sell };
    let key = (side, message[4].parse::<i64>().unwrap() * 100_000);
    let lots: i64 = message[3].parse().unwrap();
    match message[1].as_str() {
        "1" => vec![(key, lots)],
        "2" | "3" | "4" => vec![(key, -lots)],
        _ => vec![],
    }
}

#[test]
fn a_directory_names_what_it_skips() {
    let Some(path) = sample("dbn") else { return };
    let opened = flow::open(&[path]).unwrap_or_else(|errors| panic!("{errors}"));
    let names: Vec<&str> =
        opened.files.iter().flat_map(|file| &file.symbols).map(|symbol| symbol.name.as_str()).collect();
    assert_eq!(names, ["ESH4", "ESM4"]);
    assert_eq!(opened.skipped.len(), 2, "{:?}", opened.skipped);
    let Some(units) = sample("dbn/unit") else { return };
    let opened = flow::open(&[units]).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(opened.files.len(), 5, "mbo files: plain v2 and v3, packed v1, v2 and v3");
    for file in &opened.files {
        let orders = file.records().filter(|record| matches!(record, FlowRecord::Order(order) if order.action == BookAction::Delete as u8 || order.action == BookAction::Reduce as u8));
        assert_eq!((file.counts.messages, orders.count()), (2, 2), "{}", file.path.display());
    }
    assert!(opened.skipped.iter().any(|skipped| skipped.reason.contains("mbp-10")));
}

#[test]
fn simulated_itch_is_read_whole() {
    let Some(path) = sample("itch_synthetic/ex20101224.TEST_ITCH_50") else { return };
    let file = open_one(path);
    assert_eq!((file.format, file.counts.messages), (Format::Itch, 12_012));
    let mut books =
        VenueBooks::new(Capacity { instruments: file.symbols.len(), orders: 20_000, levels_per_side: 4_096 });
    for record in file.records() {
        if let FlowRecord::Order(order) = record {
            books.apply(&order);
        }
    }
    println!("symbols {} orders {} anomalies {:?}", file.symbols.len(), books.live_orders(), books.anomalies());
    assert!(books.live_orders() > 0);
}
