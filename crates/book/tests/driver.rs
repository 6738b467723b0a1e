//! The driver against a small exchange: undisturbed it rebuilds the recorded book; disturbed it counts what was taken.
//!
//! Invariant: the driver's mirror and the exchange's book hold the same orders whenever all was told.

use std::collections::VecDeque;

use book::OrderBook;
use book::flow::{self, AAPL, DriverConfig, FlowCommand, FlowDriver, FlowFit, FlowRecord, Noise};
use records::{BookAction, FLAG_LAST, Hash64, Level, MarketOrder, Record, Side};

#[path = "../../../tests/samples.rs"]
mod samples;

const START_NS: u64 = 1_000_000_000_000;

fn config() -> DriverConfig {
    DriverConfig {
        seed: 7,
        speed_ppm: 1_000_000,
        lag_ns: 0,
        noise: Noise::default(),
        fit: FlowFit::parse(AAPL).unwrap(),
        orders_max: 1 << 14,
        goes_on: false,
    }
}

/// Price-time matching of limit orders, nothing else.
#[derive(Default)]
struct Exchange {
    /// Reference, side, price, lots, in time order.
    orders: Vec<(u64, Side, i64, i64)>,
    fills: VecDeque<(u64, i64)>,
    traded: i64,
}

impl Exchange {
    fn best(&self, side: Side) -> Option<usize> {
        let of_side = |order: &&(usize, &(u64, Side, i64, i64))| order.1.1 == side;
        let better = |order: &(usize, &(u64, Side, i64, i64))| (order.1.2 * -side.sign(), order.0);
        self.orders.iter().enumerate().filter(|order| of_side(&order)).min_by_key(better).map(|order| order.0)
    }

    fn trade(&mut self, flow_ref: u64, side: Side, price: i64, mut lots: i64) -> i64 {
        while lots > 0
            && let Some(at) = self.best(side.opposite())
            && (price - self.orders[at].2) * side.sign() >= 0
        {
            let traded = lots.min(self.orders[at].3);
            lots -= traded;
            self.traded += traded;
            self.fills.push_back((self.orders[at].0, traded));
            self.fills.push_back((flow_ref, traded));
            self.orders[at].3 -= traded;
            if self.orders[at].3 == 0 {
                self.orders.remove(at);
            }
        }
        lots
    }

    fn take(&mut self, command: FlowCommand) {
        match command {
            FlowCommand::Enter { flow_ref, side, price_nanos, lots } => {
                let left = self.trade(flow_ref, side, price_nanos, lots);
                if left > 0 {
                    self.orders.push((flow_ref, side, price_nanos, left));
                }
            }
            FlowCommand::Ioc { flow_ref, side, price_nanos, lots } => {
                self.trade(flow_ref, side, price_nanos, lots);
            }
            FlowCommand::Cancel { flow_ref, lots } => {
                let Some(at) = self.orders.iter().position(|order| order.0 == flow_ref) else { return };
                self.orders[at].3 -= if lots == 0 { self.orders[at].3 } else { lots };
                if self.orders[at].3 <= 0 {
                    self.orders.remove(at);
                }
            }
        }
    }

    fn levels(&self, side: Side) -> Vec<(i64, i64)> {
        let mut levels = std::collections::BTreeMap::new();
        for order in self.orders.iter().filter(|order| order.1 == side) {
            *levels.entry(order.2).or_insert(0) += order.3;
        }
        levels.into_iter().collect()
    }
}

fn levels_of(book: &OrderBook, side: Side) -> Vec<(i64, i64)> {
    let mut levels = vec![Level::zeroed(); book.level_count(side)];
    book.fill_levels(side, &mut levels);
    let mut levels: Vec<_> = levels.iter().map(|level| (level.price_nanos, level.lots)).collect();
    levels.sort_unstable();
    levels
}

/// Runs until `end_ns`, every fill told before the next record.
fn run(driver: &mut FlowDriver, exchange: &mut Exchange, end_ns: u64) -> u64 {
    let mut commands = 0;
    loop {
        while let Some((flow_ref, lots)) = exchange.fills.pop_front() {
            driver.on_filled(flow_ref, lots);
        }
        let given = driver.poll(end_ns, 1, &mut |command| exchange.take(command));
        commands += given as u64;
        if exchange.fills.is_empty() && driver.due_ns() > end_ns {
            return commands;
        }
    }
}

fn order(action: BookAction, sequence: u64, order_ref: u64, side: Side, price_nanos: i64, lots: i64) -> FlowRecord {
    let mut record = MarketOrder::new();
    record.header_mut().flags = FLAG_LAST;
    record.header_mut().sequence = sequence;
    record.header_mut().venue_time_ns = 5_000_000_000 + sequence;
    (record.action, record.side, record.order_ref) = (action as u8, side as u8, order_ref);
    (record.price_nanos, record.lots) = (price_nanos, lots);
    FlowRecord::Order(record)
}

#[test]
fn undisturbed_replay_of_a_sample_rebuilds_its_book() {
    let part = "lobster/AAPL_2012-06-21_message_10_rows1-500.csv";
    let Some(path) = samples::sample(part, "replay of recorded flow") else { return };
    let file = flow::open(&[path]).unwrap_or_else(|errors| panic!("{errors}")).files.remove(0);
    let records: Vec<FlowRecord> = file.records().collect();
    let mut reference = OrderBook::with_capacity(4_096);
    for record in &records {
        if let FlowRecord::Order(order) = record {
            reference.apply(order);
        }
    }
    let mut driver = FlowDriver::new(records, config(), START_NS);
    let mut exchange = Exchange::default();
    run(&mut driver, &mut exchange, START_NS + 60_000_000_000);
    assert_eq!(driver.records_left(), 0);
    for side in [Side::Buy, Side::Sell] {
        assert_eq!(levels_of(&reference, side), exchange.levels(side));
        assert_eq!(levels_of(driver.mirror(), side), exchange.levels(side));
    }
    let counts = driver.counts();
    assert!(counts.dropped.is_empty(), "{counts:?}");
    assert_eq!(counts.replayed + counts.skipped.values().sum::<u64>(), 500);
    let real_s = driver.real_ns(START_NS + 60_000_000_000) / 1_000_000_000;
    println!("{counts:?}, {real_s} s real, {} lots traded", exchange.traded);
    assert!((10..60).contains(&real_s));
}

#[test]
fn records_for_quantity_that_was_taken_are_counted_and_dropped() {
    use BookAction::{Add, Delete, Execute, Reduce};
    let (buy, sell) = (Side::Buy, Side::Sell);
    let records = vec![
        order(Add, 1, 11, buy, 100_000_000_000, 10),
        order(Add, 2, 12, sell, 101_000_000_000, 10),
        order(Reduce, 1_000_000_001, 11, buy, 0, 2),
        order(Execute, 1_000_000_002, 11, buy, records::UNDEF_PRICE, 3),
        order(Delete, 1_000_000_003, 12, sell, 0, 0),
    ];
    let mut driver = FlowDriver::new(records, config(), START_NS);
    let mut exchange = Exchange::default();
    run(&mut driver, &mut exchange, START_NS + 500_000_000);
    assert_eq!(exchange.orders.len(), 2);
    // Someone takes nine of the ten bid and all of the offer.
    exchange.trade(u64::MAX, sell, 100_000_000_000, 9);
    exchange.trade(u64::MAX, buy, 101_000_000_000, 10);
    run(&mut driver, &mut exchange, START_NS + 2_000_000_000);
    // The cancel of two finds one where the record leaves eight: dropped; the execution of three trades the one.
    let counts = driver.counts();
    assert_eq!(counts.replayed, 3, "{counts:?}");
    assert_eq!(counts.dropped.values().sum::<u64>(), 2);
    assert_eq!(counts.dropped_lots, 2 + 2 + 10);
    assert!(exchange.orders.is_empty());
    assert_eq!(driver.due_ns(), u64::MAX);
}

#[test]
fn a_cancel_leaves_no_more_than_the_record_leaves() {
    use BookAction::{Add, Modify, Reduce, Replace};
    let records = vec![
        order(Add, 1, 1, Side::Buy, 100_000_000_000, 10),
        order(Reduce, 2, 1, Side::Buy, 0, 4),
        order(Modify, 3, 1, Side::Buy, 100_000_000_000, 5),
        order(Modify, 4, 1, Side::Buy, 99_000_000_000, 7),
        order(Replace, 5, 1, Side::Buy, 98_000_000_000, 3),
    ];
    let sizes = [10, 6, 5, 7];
    let mut driver = FlowDriver::new(records, config(), START_NS);
    let mut exchange = Exchange::default();
    for (sequence, lots) in (1..).zip(sizes) {
        run(&mut driver, &mut exchange, START_NS + sequence - 1);
        assert_eq!(exchange.orders.iter().map(|order| order.3).sum::<i64>(), lots, "after record {sequence}");
    }
}

#[test]
fn the_generator_goes_on_from_nothing_and_repeats_itself() {
    let make = || {
        let config = DriverConfig { goes_on: true, ..config() };
        let mut driver = FlowDriver::new(Vec::new(), config, START_NS);
        let mut exchange = Exchange::default();
        run(&mut driver, &mut exchange, START_NS + 300_000_000_000);
        (driver, exchange)
    };
    let ((driver, exchange), (again, _)) = (make(), make());
    let hash = |driver: &FlowDriver| {
        let mut hash = Hash64::default();
        driver.mirror().hash(&mut hash);
        hash.value()
    };
    assert_eq!(hash(&driver), hash(&again));
    assert!(driver.counts().generated > 1_000 && exchange.traded > 100, "{:?} {}", driver.counts(), exchange.traded);
    for side in [Side::Buy, Side::Sell] {
        assert_eq!(levels_of(driver.mirror(), side), exchange.levels(side));
        assert!(exchange.levels(side).len() >= 5 && driver.mirror().live_orders() < 1_000);
    }
    let (bid, ask) = (driver.mirror().best(Side::Buy).unwrap(), driver.mirror().best(Side::Sell).unwrap());
    println!("after 300 s: {} at {}; {} orders", bid.price_nanos, ask.price_nanos, driver.mirror().live_orders());
    assert!(bid.price_nanos < ask.price_nanos && ask.price_nanos - bid.price_nanos < 5_000_000_000);
    assert_eq!(driver.real_ns(u64::MAX), 0);
}

#[test]
fn a_lagged_copy_differs_and_comes_later() {
    let records: Vec<FlowRecord> =
        (1..=400).map(|at| order(BookAction::Add, at * 1_000, at, Side::Buy, 100_000_000_000 + at as i64, 1)).collect();
    let noise = Noise { leave_out_ppm: 200_000, shift_ppm: 100_000, jitter_ns: 5_000 };
    let config = DriverConfig { lag_ns: 2_000_000, noise, ..config() };
    let mut driver = FlowDriver::new(records, config, START_NS);
    let mut exchange = Exchange::default();
    assert_eq!(run(&mut driver, &mut exchange, START_NS + 1_999_999), 0);
    run(&mut driver, &mut exchange, START_NS + 1_000_000_000);
    let left_out: u64 = driver.counts().skipped.values().sum();
    assert!((40..140).contains(&left_out) && driver.counts().replayed == 400 - left_out);
}
