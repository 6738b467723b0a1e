//! The books against a naive twin: the same random records, good and bad, must leave the same state.
//!
//! Invariant: after every record hash, touch, anomaly count and what is said to have changed agree.

use std::collections::BTreeMap;

use book::{Anomaly, Capacity, Change, VenueBooks};
use records::{BookAction, FLAG_LAST, Hash64, Level, MarketOrder, Record, Side, UNDEF_PRICE, VIEW_LEVELS};

const CAPACITY: Capacity = Capacity { instruments: 3, orders: 60, levels_per_side: 12 };

#[derive(Clone)]
struct TwinOrder {
    order_ref: u64,
    instrument: u32,
    side: Side,
    price: i64,
    lots: i64,
}

/// All orders of the venue in time priority; everything else is searched for.
#[derive(Default)]
struct Twin {
    orders: Vec<TwinOrder>,
}

impl Twin {
    fn levels(&self, instrument: u32, side: Side) -> Vec<Level> {
        let mut levels: BTreeMap<i64, Level> = BTreeMap::new();
        for order in self.orders.iter().filter(|order| order.instrument == instrument && order.side == side) {
            let level = levels.entry(order.price).or_insert(Level { price_nanos: order.price, ..Level::zeroed() });
            level.lots += order.lots;
            level.orders += 1;
        }
        let rising: Vec<Level> = levels.into_values().collect();
        if side == Side::Buy { rising.into_iter().rev().collect() } else { rising }
    }

    fn hash(&self, instrument: u32, hash: &mut Hash64) {
        for side in [Side::Buy, Side::Sell] {
            let levels = self.levels(instrument, side);
            hash.word(levels.len() as u64);
            for level in levels {
                hash.word(level.price_nanos as u64);
                hash.word(level.lots as u64);
                hash.word(level.orders as u64);
                let at_level = |order: &&TwinOrder| {
                    order.instrument == instrument && order.side == side && order.price == level.price_nanos
                };
                for order in self.orders.iter().filter(at_level) {
                    hash.word(order.order_ref);
                    hash.word(order.lots as u64);
                }
            }
        }
    }

    fn position(&self, record: &MarketOrder) -> Result<usize, Anomaly> {
        let position = self.orders.iter().position(|order| order.order_ref == record.order_ref);
        let position = position.ok_or(Anomaly::UnknownOrder)?;
        if self.orders[position].instrument != record.header.instrument {
            return Err(Anomaly::WrongInstrument);
        }
        Ok(position)
    }

    fn room_at(&self, instrument: u32, side: Side, price: i64) -> Result<(), Anomaly> {
        let levels = self.levels(instrument, side);
        let there = levels.iter().any(|level| level.price_nanos == price);
        if there || levels.len() < CAPACITY.levels_per_side { Ok(()) } else { Err(Anomaly::LevelsFull) }
    }

    fn enter(&mut self, order: TwinOrder) -> Result<(), Anomaly> {
        if order.lots <= 0 {
            return Err(Anomaly::BadLots);
        }
        if order.price == UNDEF_PRICE {
            return Err(Anomaly::BadPrice);
        }
        if self.orders.iter().any(|other| other.order_ref == order.order_ref) {
            return Err(Anomaly::DuplicateOrder);
        }
        if self.orders.len() == CAPACITY.orders {
            return Err(Anomaly::OrdersFull);
        }
        self.room_at(order.instrument, order.side, order.price)?;
        self.orders.push(order);
        Ok(())
    }

    fn apply(&mut self, record: &MarketOrder) -> Result<(), Anomaly> {
        let instrument = record.header.instrument;
        let known = || if instrument <= 3 { Ok(()) } else { Err(Anomaly::UnknownInstrument) };
        match BookAction::from_code(record.action).ok_or(Anomaly::BadAction)? {
            BookAction::Add => {
                known()?;
                let side = Side::from_code(record.side).ok_or(Anomaly::BadSide)?;
                let (order_ref, price, lots) = (record.order_ref, record.price_nanos, record.lots);
                self.enter(TwinOrder { order_ref, instrument, side, price, lots })
            }
            action @ (BookAction::Execute | BookAction::Reduce) => {
                if record.lots <= 0 {
                    return Err(Anomaly::BadLots);
                }
                let position = self.position(record)?;
                let left = self.orders[position].lots - record.lots;
                self.orders[position].lots = left;
                if left <= 0 {
                    self.orders.remove(position);
                }
                match (left < 0, action) {
                    (false, _) => Ok(()),
                    (true, BookAction::Execute) => Err(Anomaly::ExecutedBeyondSize),
                    (true, _) => Err(Anomaly::ReducedBeyondSize),
                }
            }
            BookAction::Delete => self.position(record).map(|position| {
                self.orders.remove(position);
            }),
            BookAction::Replace => {
                let position = self.position(record)?;
                let mut order = self.orders.remove(position);
                (order.order_ref, order.price, order.lots) = (record.new_order_ref, record.price_nanos, record.lots);
                self.enter(order)
            }
            BookAction::Modify => self.modify(record),
            BookAction::Clear => {
                known()?;
                if record.side > 2 {
                    return Err(Anomaly::BadSide);
                }
                let cleared = |side: Side| record.side == 0 || record.side == side as u8;
                self.orders.retain(|order| order.instrument != instrument || !cleared(order.side));
                Ok(())
            }
        }
    }

    fn modify(&mut self, record: &MarketOrder) -> Result<(), Anomaly> {
        let position = self.position(record)?;
        let order = self.orders[position].clone();
        if record.side != 0 && record.side != order.side as u8 {
            return Err(Anomaly::BadSide);
        }
        if record.lots <= 0 {
            return Err(Anomaly::BadLots);
        }
        if record.price_nanos == UNDEF_PRICE {
            return Err(Anomaly::BadPrice);
        }
        if record.price_nanos == order.price && record.lots <= order.lots {
            self.orders[position].lots = record.lots;
            return Ok(());
        }
        self.room_at(order.instrument, order.side, record.price_nanos)?;
        self.orders.remove(position);
        self.orders.push(TwinOrder { price: record.price_nanos, lots: record.lots, ..order });
        Ok(())
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

fn random_record(random: &mut Random) -> MarketOrder {
    let mut record = MarketOrder::new();
    record.header_mut().flags = FLAG_LAST;
    record.header_mut().instrument =
        if random.below(200) == 0 { 4 + random.below(1 << 31) as u32 } else { 1 + random.below(3) as u32 };
    record.action = [1, 1, 1, 1, 2, 3, 4, 4, 5, 7][random.below(10) as usize];
    if random.below(300) == 0 {
        record.action = random.below(10) as u8;
    }
    // Instruments share few references, so that most hit and some hit another instrument's order.
    let reference = |random: &mut Random, instrument: u32| random.below(40) * 4 + u64::from(instrument & 3);
    record.order_ref = reference(random, record.header.instrument);
    record.new_order_ref = reference(random, record.header.instrument);
    if random.below(50) == 0 {
        record.order_ref = random.below(160);
    }
    record.side = if random.below(40) == 0 { random.below(4) as u8 } else { 1 + random.below(2) as u8 };
    if record.action == BookAction::Modify as u8 && random.below(2) == 0 {
        record.side = 0;
    }
    record.price_nanos = random.below(18) as i64 - 4;
    if random.below(100) == 0 {
        record.price_nanos = UNDEF_PRICE;
    }
    record.lots = if random.below(60) == 0 { random.below(3) as i64 - 2 } else { 1 + random.below(9) as i64 };
    record
}

fn top(books: &VenueBooks, instrument: u32, side: Side, depth: usize) -> Vec<Level> {
    let mut levels = vec![Level::zeroed(); depth];
    let count = books.fill_levels(instrument, side, &mut levels);
    levels.truncate(count);
    levels
}

fn differs(before: &[Vec<Level>; 2], after: &[Vec<Level>; 2], depth: usize) -> bool {
    before.iter().zip(after).any(|(before, after)| before[..before.len().min(depth)] != after[..after.len().min(depth)])
}

fn run(seed: u64, steps: usize) {
    let mut random = Random(seed);
    let mut books = VenueBooks::new(CAPACITY);
    let mut twin = Twin::default();
    let mut seen = book::Anomalies::default();
    for step in 0..steps {
        let record = random_record(&mut random);
        let instrument = record.header.instrument;
        let levels = |twin: &Twin| [twin.levels(instrument, Side::Buy), twin.levels(instrument, Side::Sell)];
        let before = levels(&twin);
        let expected = twin.apply(&record);
        let after = levels(&twin);
        let change: Change = books.apply(&record);
        assert_eq!(change.anomaly, expected.err(), "seed {seed} step {step} {record:?}");
        if let Err(anomaly) = expected {
            seen.count(anomaly);
        }
        assert!(change.touch_changed || !differs(&before, &after, 1), "seed {seed} step {step}");
        assert!(change.visible_changed || !differs(&before, &after, VIEW_LEVELS), "seed {seed} step {step}");
        for (side, levels) in [Side::Buy, Side::Sell].into_iter().zip(&after) {
            let shown = top(&books, instrument, side, 4);
            assert_eq!(shown[..], levels[..levels.len().min(4)], "seed {seed} step {step}");
        }
        if step % 16 == 0 {
            for instrument in 0..=3 {
                let (mut ours, mut naive) = (Hash64::default(), Hash64::default());
                books.hash(instrument, &mut ours);
                twin.hash(instrument, &mut naive);
                assert_eq!(ours, naive, "seed {seed} step {step} instrument {instrument}");
            }
        }
        assert_eq!(books.live_orders(), twin.orders.len());
    }
    assert_eq!(*books.anomalies(), seen);
    assert_eq!(seen.seen().count(), Anomaly::ALL.len(), "every anomaly was met: {seen:?}");
    for order in &twin.orders {
        let same = |other: &&TwinOrder| {
            other.instrument == order.instrument && other.side == order.side && other.price == order.price
        };
        let ahead: i64 = twin
            .orders
            .iter()
            .take_while(|other| other.order_ref != order.order_ref)
            .filter(same)
            .map(|other| other.lots)
            .sum();
        assert_eq!(books.lots_ahead(order.order_ref), Some(ahead));
    }
}

fn with_overflow(seed: u64) {
    run(seed, if cfg!(miri) { 400 } else { 40_000 });
}

#[test]
fn books_agree_with_the_twin_seed_1() {
    with_overflow(1);
}

#[test]
fn books_agree_with_the_twin_seed_2() {
    with_overflow(2);
}

#[test]
fn books_agree_with_the_twin_seed_3() {
    with_overflow(3);
}

#[test]
fn a_batch_does_what_its_records_do_one_by_one() {
    let mut random = Random(9);
    let records: Vec<MarketOrder> = (0..5_000).map(|_| random_record(&mut random)).collect();
    let (mut single, mut batched) = (VenueBooks::new(CAPACITY), VenueBooks::new(CAPACITY));
    let expected: Vec<Change> = records.iter().map(|record| single.apply(record)).collect();
    let mut changes = Vec::new();
    batched.apply_batch(&records, |_, change| changes.push(change));
    assert_eq!(changes, expected);
    for instrument in 0..=3 {
        let (mut first, mut second) = (Hash64::default(), Hash64::default());
        single.hash(instrument, &mut first);
        batched.hash(instrument, &mut second);
        assert_eq!(first, second);
    }
}

#[test]
fn a_cleared_book_is_no_longer_suspect() {
    let mut books = VenueBooks::new(CAPACITY);
    let mut record = MarketOrder::new();
    record.header_mut().instrument = 2;
    record.action = BookAction::Delete as u8;
    books.apply(&record);
    assert!(books.is_suspect(2) && !books.is_suspect(1));
    record.action = BookAction::Clear as u8;
    books.apply(&record);
    assert!(!books.is_suspect(2));
}
