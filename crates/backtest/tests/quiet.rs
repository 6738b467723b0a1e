//! Records of which nothing comes are taken in runs: with them and without them a backtest leaves the same rows.
//!
//! A class that is called for books allows no runs, and this one does nothing then: so the same strategy goes both ways.

use backtest::{
    Blotter, Config, Fee, Fees, InMemory, Latency, Listed, Progress, QueueModel, Simulation, Source, VenueConfig,
};
use book::flow::{FlowRecord, Random};
use engine::{EngineConfig, EventRef, Host, Wants};
use records::*;
use support::*;

#[path = "../../engine/tests/support/mod.rs"]
mod support;

const MICROS: u64 = 1_000;
const RECORDS: u64 = 6_000;

/// Quotes both sides of the future on its timer, now and then through the touch, and takes old quotes back.
struct Quoter {
    shown_books: bool,
    calls: u64,
}

impl Host for Quoter {
    fn wants(&self, _slot: u8) -> Wants {
        Wants::new(0, |callback| self.shown_books && callback == Callback::Book)
    }

    fn call(&mut self, _slot: u8, callback: Callback, _event: EventRef<'_>, orders: &mut OrdersView) -> u32 {
        if callback != Callback::Timer {
            return 0;
        }
        self.calls += 1;
        let mut intents = Vec::new();
        if self.calls.is_multiple_of(3) {
            intents.push(cancel_all_intent());
        }
        let future = &orders.listings[2];
        for (side, price_nanos) in [(Side::Buy, future.bid_nanos), (Side::Sell, future.ask_nanos)] {
            if price_nanos == UNDEF_PRICE {
                continue;
            }
            let inward = if self.calls.is_multiple_of(7) { 2 * TICK } else { 0 };
            let price_nanos = price_nanos + side.sign() * inward;
            intents.push(OrderIntent { listing: 2, price_nanos, ..new_intent(side, 30) });
        }
        for intent in intents {
            orders.intents[orders.intents_count as usize] = intent;
            orders.intents_count += 1;
        }
        0
    }
}

fn first_inputs() -> Vec<u8> {
    let mut bytes = Vec::new();
    for record in records_of(&bootstrap(1)) {
        let header: Header = read_from(&record).unwrap();
        if header.kind() == Some(Kind::Slot) {
            let mut slot: Slot = read_from(&record).unwrap();
            slot.timer_ns = 900 * MICROS;
            bytes.extend_from_slice(bytes_of(&slot));
        } else {
            bytes.extend_from_slice(&record);
        }
    }
    for venue in [VENUE, OTHER_VENUE] {
        let mut session = Session::new();
        (session.header.venue, session.state) = (venue, SessionState::Up.code());
        bytes.extend_from_slice(bytes_of(&session));
        let mut status = Status::new();
        (status.header.venue, status.trading, status.feed) =
            (venue, TradingState::Trading.code(), FeedState::Live.code());
        bytes.extend_from_slice(bytes_of(&status));
        for instrument in [SHARE, FUTURE] {
            status.header.instrument = instrument;
            bytes.extend_from_slice(bytes_of(&status));
        }
    }
    bytes
}

/// Levels around a price that wanders, and trades near it: calm, then many within the feed's delay.
fn flow(seed: u64, trades: bool) -> Vec<FlowRecord> {
    let (mut random, mut time_ns) = (Random::new(seed), START_NS);
    let mut records = Vec::new();
    for at in 0..RECORDS {
        let gap_ns = if at / 500 % 3 == 2 { 3 * MICROS } else { 120 * MICROS };
        time_ns += random.below(if trades { 6 * gap_ns } else { gap_ns });
        let side = if random.below(2) == 0 { Side::Buy } else { Side::Sell };
        let middle = PRICE + (time_ns - START_NS) as i64 / 40_000_000 % 9 * TICK;
        let lots = 1 + random.below(90) as i64;
        let instrument = if random.below(12) == 0 { 1 } else { 2 };
        if trades {
            let mut trade = Trade::new();
            (trade.header.instrument, trade.header.venue_time_ns) = (instrument, time_ns);
            let through = i64::from(random.below(50) == 0);
            trade.price_nanos = middle - side.sign() * (1 - through) * TICK;
            (trade.side, trade.lots) = (if random.below(20) == 0 { 0 } else { side.code() }, lots);
            trade.busted = u8::from(random.below(90) == 0);
            records.push(FlowRecord::Trade(trade));
        } else {
            let mut level = MarketLevel::new();
            (level.header.instrument, level.header.venue_time_ns) = (instrument, time_ns - random.below(2) * 100);
            level.header.flags = if random.below(30) == 0 { 0 } else { FLAG_LAST };
            level.side = side.code();
            let away = 1 + random.below(8) as i64 - i64::from(random.below(200) == 0);
            level.price_nanos = middle - side.sign() * away * TICK + i64::from(random.below(500) == 0);
            level.lots = if random.below(6) == 0 { 0 } else { lots };
            let gone = level.lots == 0;
            level.action = if gone { BookAction::Delete.code() } else { BookAction::Modify.code() };
            if random.below(900) == 0 {
                level.action = BookAction::Clear.code();
            }
            records.push(FlowRecord::Level(level));
        }
    }
    records
}

/// What a run left: rows, hashes and counts; and the hash over its whole state, which holds what slots look at, too.
fn left(
    seed: u64,
    venues: &[u16],
    ways: (&Latency, &Latency),
    model: QueueModel,
    shown_books: bool,
    (at_once, reads_ahead): (u64, bool),
) -> (String, u64) {
    let listed = [SHARE, FUTURE].map(|instrument| Listed {
        instrument,
        units_e8: 100_000_000,
        tick_nanos: TICK,
        price_min_nanos: TICK,
        price_max_nanos: 100_000 * NANOS,
        increment_lots: 1,
    });
    let fee = Fee { nanos_per_lot: 3, notional_ppb: 700 };
    let venue = |venue: &u16| VenueConfig {
        venue: *venue,
        listed: listed.to_vec(),
        feed: ways.0.clone(),
        order: Latency::Constant(20 * MICROS),
        report: ways.1.clone(),
        fees: Fees { maker: fee, taker: fee },
        orders_max: 1_000,
        queue: Some(model),
    };
    let config = Config {
        engine: EngineConfig { feed_silence_ns: u64::MAX / 4, usage_interval_ns: 0, ..config() },
        bootstrap: first_inputs(),
        venues: venues.iter().map(venue).collect(),
        sample_ns: 10_000 * MICROS,
        timer_ns: 2_000 * MICROS,
        from_ns: START_NS + 500 * MICROS,
        until_ns: START_NS + RECORDS * 50 * MICROS,
        alpha: None,
        reads_ahead,
    };
    let mut sources = Vec::new();
    for (at, venue) in venues.iter().enumerate() {
        for trades in [false, true] {
            let records = Box::new(InMemory(flow(seed * 10 + at as u64 * 2 + u64::from(trades), trades)));
            sources.push(Source { venue: *venue, records, instruments: vec![0, SHARE, FUTURE] });
        }
    }
    let host = Box::new(Quoter { shown_books, calls: 0 });
    let mut simulation = Simulation::new(config, sources, host).unwrap_or_else(|_| panic!("records in memory"));
    while matches!(simulation.run(at_once), Ok(Progress::More)) {}
    let engine = simulation.engine();
    let Blotter { orders, fills, later_nanos, equity, positions, slots, refused, .. } = simulation.blotter();
    assert!(orders.len() > 50 && fills.len() > 20, "{} orders, {} fills", orders.len(), fills.len());
    let impact: Vec<_> = simulation.impact().collect();
    let rows = (orders, fills, later_nanos, equity, positions, slots, refused);
    let mut held = Hash64::default();
    engine.limits().hash(&mut held);
    let kept = (held.value(), engine.positions(), engine.live_orders().collect::<Vec<_>>());
    let hashes = (engine.state_hash(), kept, simulation.counts(), simulation.span_ns());
    (format!("{impact:?} {rows:?} {hashes:?}"), engine.full_hash())
}

#[test]
fn runs_leave_the_rows_that_records_leave_one_by_one() {
    for seed in 1..=6 {
        for venues in [&[VENUE][..], &[VENUE, OTHER_VENUE]] {
            let drawn = Latency::measured(vec![2 * MICROS, 10 * MICROS, 400 * MICROS], seed);
            let constant = |micros: u64| Latency::Constant(micros * MICROS);
            for (feed, report, model) in [
                (constant(10), constant(20), QueueModel::Power(3)),
                (constant(90), constant(1), QueueModel::Power(1)),
                (drawn.clone(), drawn, QueueModel::Pessimistic),
            ] {
                let ways = (&feed, &report);
                let in_runs = left(seed, venues, ways, model, false, (u64::MAX >> 1, false));
                let one_by_one = left(seed, venues, ways, model, true, (u64::MAX >> 1, true));
                let (of, about) = (&in_runs.0, format!("seed {seed}, venues {venues:?}"));
                assert!(*of == one_by_one.0, "{about}: {}", differs(of, &one_by_one.0));
                for apart in [(37, false), (u64::MAX >> 1, true), (37, true)] {
                    let other = left(seed, venues, ways, model, false, apart);
                    assert!(in_runs == other, "{about}, {apart:?}: {}", differs(of, &other.0));
                }
            }
        }
    }
}

/// Where two texts part.
fn differs(one: &str, two: &str) -> String {
    let at = one.bytes().zip(two.bytes()).position(|(one, two)| one != two).unwrap_or(0);
    let around = |text: &str| text[at.saturating_sub(200)..(at + 100).min(text.len())].to_owned();
    format!("at {at}:\n{}\n{}", around(one), around(two))
}
