//! Orders of ours among recorded ones: their place in the queue, what the record then says, and what is counted.

use std::collections::BTreeMap;

use book::flow::Random;
use records::{FLAG_LAST, OrderEvent, OrderType, TimeInForce, bytes_of};

use super::*;
use crate::fees::Fee;

const TICK: i64 = 10_000_000;
const PRICE: i64 = 100 * 1_000_000_000;

fn venue() -> Exact {
    let listed = Listed {
        instrument: 1,
        units_e8: 100_000_000,
        tick_nanos: TICK,
        price_min_nanos: TICK,
        price_max_nanos: i64::MAX / 4,
        increment_lots: 1,
    };
    let fee = |nanos_per_lot| Fee { nanos_per_lot, notional_ppb: 0 };
    Exact::new(1, &[listed], 1 << 12, Fees { maker: fee(-2), taker: fee(3) })
}

fn change(action: BookAction, order_ref: u64, side: Option<Side>, price_nanos: i64, lots: i64) -> FlowRecord {
    let mut record = MarketOrder::new();
    (record.header.instrument, record.header.flags) = (1, FLAG_LAST);
    (record.action, record.order_ref) = (action.code(), order_ref);
    (record.side, record.price_nanos, record.lots) = (side.map_or(0, Side::code), price_nanos, lots);
    FlowRecord::Order(record)
}

fn add(order_ref: u64, side: Side, price_nanos: i64, lots: i64) -> FlowRecord {
    change(BookAction::Add, order_ref, Some(side), price_nanos, lots)
}

fn execute(order_ref: u64, lots: i64) -> FlowRecord {
    change(BookAction::Execute, order_ref, None, UNDEF_PRICE, lots)
}

fn order(id: u64, side: Side, price_nanos: i64, lots: i64, time_in_force: TimeInForce) -> NewOrder {
    let mut command = NewOrder::new();
    (command.header.venue, command.header.instrument) = (1, 1);
    command.owner.order_id = id;
    (command.price_nanos, command.lots, command.side) = (price_nanos, lots, side.code());
    (command.order_type, command.time_in_force) = (OrderType::Limit.code(), time_in_force.code());
    command
}

/// What one step led to.
#[derive(Default)]
struct Told {
    as_it_stands: bool,
    market: Vec<(u8, u64, i64)>,
    reports: Vec<OrderEvent>,
}

impl Told {
    fn fills(&self) -> Vec<(u64, i64, i64)> {
        let fills = self.reports.iter().filter(|report| report.event == OrderEventKind::Filled.code());
        fills.map(|report| (report.owner.order_id, report.lots, report.leaves_lots)).collect()
    }
}

fn told(as_it_stands: bool, mut made: Made) -> Told {
    let market = made.market.made().map(|record| match record {
        FlowRecord::Order(order) => (order.action, order.order_ref, order.lots),
        FlowRecord::Trade(trade) => (0, trade.match_id, trade.lots),
        other => panic!("no order: {other:?}"),
    });
    Told { as_it_stands, market: market.collect(), reports: made.reports.take() }
}

fn happens(venue: &mut Exact, record: &FlowRecord) -> Told {
    let mut made = Made::default();
    let as_it_stands = venue.on_record(1_000, record, &mut made);
    told(as_it_stands, made)
}

fn sends(venue: &mut Exact, command: &[u8]) -> Told {
    let mut made = Made::default();
    venue.on_command(1_000, command, &mut made);
    told(false, made)
}

const EXECUTE: u8 = BookAction::Execute as u8;
const REDUCE: u8 = BookAction::Reduce as u8;

#[test]
fn an_order_is_filled_when_those_ahead_are_gone_and_not_before() {
    let mut venue = venue();
    assert!(happens(&mut venue, &add(1, Side::Buy, PRICE, 100)).as_it_stands);
    let rests = sends(&mut venue, bytes_of(&order(77, Side::Buy, PRICE, 50, TimeInForce::Day)));
    assert_eq!(rests.market.len(), 1, "the feed shows ours");
    assert!(happens(&mut venue, &add(2, Side::Buy, PRICE, 100)).as_it_stands);
    let first = happens(&mut venue, &execute(1, 100));
    assert!(first.as_it_stands && first.fills().is_empty());
    // The record trades 30 of the order behind ours: ours was there first.
    let second = happens(&mut venue, &execute(2, 30));
    assert_eq!(second.fills(), [(77, 30, 20)]);
    assert_eq!(
        second.market[1..],
        [(REDUCE, 2, 30)],
        "no lots of the recorded order traded, and the record has no later word of them"
    );
    let third = happens(&mut venue, &execute(2, 30));
    assert_eq!(third.fills(), [(77, 20, 0)]);
    assert_eq!(third.market[1..], [(EXECUTE, 2, 10), (REDUCE, 2, 20)]);
    assert!(happens(&mut venue, &execute(2, 40)).as_it_stands, "the record goes on without us");
    assert_eq!((venue.impact.displaced_records, venue.impact.displaced_lots), (2, 50));
    let report = third.reports[0];
    assert_eq!((report.liquidity, report.fee_nanos, report.price_nanos), (1, -40, PRICE));
}

#[test]
fn a_better_price_of_ours_is_met_first_and_a_worse_one_never() {
    let mut venue = venue();
    happens(&mut venue, &add(1, Side::Sell, PRICE, 100));
    sends(&mut venue, bytes_of(&order(7, Side::Sell, PRICE - TICK, 10, TimeInForce::Day)));
    sends(&mut venue, bytes_of(&order(8, Side::Sell, PRICE + TICK, 10, TimeInForce::Day)));
    let traded = happens(&mut venue, &execute(1, 40));
    assert_eq!(traded.fills(), [(7, 10, 0)]);
    assert_eq!(traded.reports[0].price_nanos, PRICE - TICK);
    assert_eq!(traded.market[1..], [(EXECUTE, 1, 30), (REDUCE, 1, 10)]);
    assert!(happens(&mut venue, &execute(1, 60)).as_it_stands);
}

#[test]
fn what_ours_took_the_record_cannot_trade_again() {
    let mut venue = venue();
    happens(&mut venue, &add(1, Side::Buy, PRICE, 100));
    let taken = sends(&mut venue, bytes_of(&order(5, Side::Sell, PRICE, 60, TimeInForce::ImmediateOrCancel)));
    assert_eq!(taken.fills(), [(5, 60, 0)]);
    assert_eq!(taken.market, [(EXECUTE, 1, 60)]);
    assert_eq!(taken.reports[1].fee_nanos, 180);
    let traded = happens(&mut venue, &execute(1, 70));
    assert_eq!(traded.market, [(EXECUTE, 1, 40)]);
    assert_eq!((venue.impact.reduced_records, venue.impact.skipped_lots), (1, 30));
    let rest = happens(&mut venue, &change(BookAction::Delete, 1, None, UNDEF_PRICE, 0));
    assert!(!rest.as_it_stands && rest.market.is_empty());
    assert_eq!((venue.impact.skipped_records, venue.impact.skipped_lots, venue.impact.unknown), (1, 60, 0));
}

#[test]
fn a_recorded_order_that_meets_ours_trades_with_it() {
    let mut venue = venue();
    sends(&mut venue, bytes_of(&order(9, Side::Sell, PRICE, 30, TimeInForce::Day)));
    let met = happens(&mut venue, &add(1, Side::Buy, PRICE, 100));
    assert_eq!(met.fills(), [(9, 30, 0)]);
    assert_eq!(met.market[1..], [(BookAction::Add.code(), 1, 70)]);
    assert_eq!((venue.impact.crossed_records, venue.impact.crossed_lots), (1, 30));
    let deleted = happens(&mut venue, &change(BookAction::Delete, 1, None, UNDEF_PRICE, 0));
    assert!(deleted.as_it_stands);
}

#[test]
fn halts_refuse_ours_and_fill_nothing() {
    let mut venue = venue();
    happens(&mut venue, &add(1, Side::Buy, PRICE, 100));
    sends(&mut venue, bytes_of(&order(7, Side::Buy, PRICE + TICK, 10, TimeInForce::Day)));
    let mut halted = Status::new();
    (halted.header.instrument, halted.trading) = (1, TradingState::Halted.code());
    assert!(happens(&mut venue, &FlowRecord::Status(halted)).as_it_stands);
    assert!(happens(&mut venue, &execute(1, 40)).fills().is_empty());
    let refused = sends(&mut venue, bytes_of(&order(8, Side::Buy, PRICE, 10, TimeInForce::Day)));
    assert_eq!(refused.reports[0].event, OrderEventKind::Rejected.code());
    assert_eq!(refused.reports[0].reason, Reason::Halted.code());
}

#[test]
fn orders_for_a_recorded_auction_trade_at_its_price_when_priced_through_it_and_end_with_it() {
    let mut venue = venue();
    happens(&mut venue, &add(1, Side::Buy, PRICE, 100));
    let open = |id, side, price_nanos, lots| order(id, side, price_nanos, lots, TimeInForce::AtOpen);
    let market = NewOrder { order_type: OrderType::Market.code(), ..open(8, Side::Buy, UNDEF_PRICE, 30) };
    for one in [open(7, Side::Buy, PRICE + 2 * TICK, 20), market, open(9, Side::Buy, PRICE + TICK, 5)] {
        let sent = sends(&mut venue, bytes_of(&one));
        assert!(sent.market.is_empty() && sent.fills().is_empty(), "it waits and is not shown");
    }
    sends(&mut venue, bytes_of(&order(10, Side::Sell, PRICE - TICK, 5, TimeInForce::AtClose)));
    assert!(happens(&mut venue, &execute(1, 40)).fills().is_empty());
    let mut cross = Trade::new();
    (cross.header.instrument, cross.header.flags, cross.match_id) = (1, FLAG_LAST, 77);
    (cross.price_nanos, cross.lots, cross.cross, cross.cross_type) = (PRICE + TICK, 45, 1, b'O');
    let crossed = happens(&mut venue, &FlowRecord::Trade(cross));
    // The market order first, then the better price, together no more than the record; nothing at the price itself.
    assert_eq!(crossed.fills(), [(8, 30, 0), (7, 15, 5)]);
    assert!(crossed.reports.iter().all(|report| [PRICE + TICK, UNDEF_PRICE].contains(&report.price_nanos)));
    assert_eq!(crossed.market, [(0, 77, 45)], "the record's auction stays as it was");
    let ended = crossed.reports.iter().filter(|report| report.event == OrderEventKind::Expired.code());
    assert_eq!(ended.map(|report| (report.owner.order_id, report.lots)).collect::<Vec<_>>(), [(7, 5), (9, 5)]);
    assert_eq!(venue.matching.resting(), 2, "the record's order, and ours for the close");
}

#[test]
fn what_no_venue_could_take_is_counted_and_not_told() {
    let mut venue = venue();
    let words = [(-PRICE, 5), (PRICE + 1, 5), (PRICE, 0), (PRICE, i64::MAX)];
    for bad in words.map(|(price_nanos, lots)| add(1, Side::Buy, price_nanos, lots)) {
        let left_out = happens(&mut venue, &bad);
        assert!(!left_out.as_it_stands && left_out.market.is_empty());
    }
    assert!(happens(&mut venue, &add(1, Side::Buy, PRICE, 5)).as_it_stands);
    happens(&mut venue, &add(1, Side::Buy, PRICE, 5));
    happens(&mut venue, &execute(2, 5));
    assert_eq!(venue.impact.refused[&Reason::InvalidPrice.code()], 2);
    assert_eq!(venue.impact.refused[&Reason::InvalidQuantity.code()], 2);
    assert_eq!(venue.impact.refused[&Reason::DuplicateId.code()], 1);
    assert_eq!(venue.impact.unknown, 1);
    // A record that stands crossed is taken as it is.
    assert!(happens(&mut venue, &add(3, Side::Sell, PRICE - TICK, 5)).as_it_stands);
    assert_eq!(venue.matching.best(1, Side::Sell), Some((PRICE - TICK, 5)));
}

#[test]
fn a_clear_leaves_ours_and_shows_them_again() {
    let mut venue = venue();
    happens(&mut venue, &add(1, Side::Buy, PRICE, 100));
    sends(&mut venue, bytes_of(&order(7, Side::Buy, PRICE, 10, TimeInForce::Day)));
    let cleared = happens(&mut venue, &change(BookAction::Clear, 0, None, UNDEF_PRICE, 0));
    assert_eq!(cleared.market.len(), 2);
    assert_eq!(cleared.market[1].2, 10);
    assert_eq!(venue.matching.resting(), 1);
}

/// Lots of each recorded order as the record alone has them.
#[derive(Default)]
struct Alone(BTreeMap<u64, (i64, i64, Side)>);

fn phase(state: TradingState) -> FlowRecord {
    let mut record = Status::new();
    (record.header.instrument, record.trading) = (1, state.code());
    FlowRecord::Status(record)
}

#[test]
fn in_a_recorded_call_ours_are_collected_take_part_in_its_cross_and_are_shown_after_it() {
    let mut venue = venue();
    sends(&mut venue, bytes_of(&order(1, Side::Buy, PRICE + TICK, 4, TimeInForce::Day)));
    assert!(happens(&mut venue, &phase(TradingState::Auction)).as_it_stands);
    for (id, price_nanos, lots, time_in_force) in [
        (2, PRICE + 2 * TICK, 10, TimeInForce::Day),
        (3, PRICE + 3 * TICK, 5, TimeInForce::AtClose),
        (4, PRICE, 6, TimeInForce::Day),
        (5, PRICE, 7, TimeInForce::AtClose),
    ] {
        let told = sends(&mut venue, bytes_of(&order(id, Side::Buy, price_nanos, lots, time_in_force)));
        assert_eq!((told.reports[0].event, told.market.len()), (OrderEventKind::Accepted.code(), 0), "unseen");
    }
    let mut whole = Trade::new();
    (whole.header.instrument, whole.header.flags) = (1, FLAG_LAST);
    (whole.price_nanos, whole.lots, whole.match_id) = (PRICE, 17, 900);
    (whole.cross, whole.cross_type) = (1, b'C');
    let told = happens(&mut venue, &FlowRecord::Trade(whole));
    // By price, up to its seventeen lots; at its own price the record does not say who was ahead.
    assert_eq!(told.fills(), [(3, 5, 0), (2, 10, 0), (1, 2, 2)]);
    let numbers: std::collections::BTreeSet<u64> = told.reports.iter().map(|report| report.execution_id).collect();
    assert_eq!(numbers.len(), 4, "each fill has its own match number; what ends has none");
    let ended = told.reports.iter().find(|report| report.event == OrderEventKind::Expired.code());
    assert_eq!(ended.map(|report| report.owner.order_id), Some(5));
    // The one in view leaves it by its lots, the auction is the record's, and what came in the call is seen.
    let market: Vec<(u8, i64)> = told.market.iter().map(|(action, _, lots)| (*action, *lots)).collect();
    assert_eq!(market, [(EXECUTE, 2), (0, 17), (BookAction::Add.code(), 6)]);
    assert!(happens(&mut venue, &phase(TradingState::Trading)).as_it_stands);
}

/// Random records and orders: after each, a recorded order has what the record gives it less what ours took.
fn run_random(seed: u64) -> Impact {
    let mut random = Random::new(seed);
    let mut venue = venue();
    let mut alone = Alone::default();
    let mut ours: Vec<u64> = Vec::new();
    let mut feed: BTreeMap<u64, i64> = BTreeMap::new();
    for step in 1..4_000_u64 {
        let side = if random.below(2) == 0 { Side::Buy } else { Side::Sell };
        let price_nanos = PRICE - side.sign() * (random.below(8) as i64 - 2) * TICK;
        let lots = 1 + random.below(50) as i64;
        let known: Vec<u64> = alone.0.keys().copied().collect();
        let pick = |random: &mut Random| known.get(random.below(known.len() as u64) as usize).copied().unwrap_or(0);
        let outcome = match random.below(10) {
            0..4 => {
                alone.0.insert(step, (lots, price_nanos, side));
                let record = add(step, side, price_nanos, lots);
                (Some(record), happens(&mut venue, &record))
            }
            4..6 => {
                // The record trades with its own best order only.
                let best = alone.0.iter().filter(|(_, order)| order.2 == side);
                let Some((&order_ref, order)) = best.max_by_key(|(at, order)| (side.sign() * order.1, u64::MAX - **at))
                else {
                    continue;
                };
                let lots = lots.min(order.0);
                alone.0.get_mut(&order_ref).expect("just found").0 -= lots;
                alone.0.retain(|_, order| order.0 > 0);
                let record = execute(order_ref, lots);
                (Some(record), happens(&mut venue, &record))
            }
            6 => {
                let order_ref = pick(&mut random);
                let Some(order) = alone.0.get_mut(&order_ref) else { continue };
                let lots = lots.min(order.0);
                order.0 -= lots;
                alone.0.retain(|_, order| order.0 > 0);
                let record = change(BookAction::Reduce, order_ref, None, UNDEF_PRICE, lots);
                (Some(record), happens(&mut venue, &record))
            }
            7 => {
                let order_ref = pick(&mut random);
                let Some(order) = alone.0.remove(&order_ref) else { continue };
                alone.0.insert(step, (lots, price_nanos.min(order.1 + TICK), order.2));
                let mut record = change(BookAction::Replace, order_ref, None, price_nanos.min(order.1 + TICK), lots);
                if let FlowRecord::Order(order) = &mut record {
                    order.new_order_ref = step;
                }
                (Some(record), happens(&mut venue, &record))
            }
            8 => {
                ours.push(step);
                let aggressive = price_nanos + side.sign() * random.below(8) as i64 * TICK;
                (None, sends(&mut venue, bytes_of(&order(step, side, aggressive, lots, TimeInForce::Day))))
            }
            _ => {
                let Some(id) = ours.pop() else { continue };
                let mut cancel = CancelOrder::new();
                (cancel.header.venue, cancel.header.instrument, cancel.owner.order_id) = (1, 1, id);
                (None, sends(&mut venue, bytes_of(&cancel)))
            }
        };
        follow(&mut feed, &outcome);
        check(&venue, &alone, &feed, seed, step);
    }
    assert_eq!(venue.impact.unknown, 0, "seed {seed}");
    venue.impact
}

/// The feed's book: what a reader of it has.
fn follow(feed: &mut BTreeMap<u64, i64>, (record, told): &(Option<FlowRecord>, Told)) {
    let mut take = |action: u8, order_ref: u64, new_ref: u64, lots: i64| match BookAction::from_code(action) {
        Some(BookAction::Add) => assert_eq!(feed.insert(order_ref, lots), None),
        Some(BookAction::Execute | BookAction::Reduce) => {
            let left = feed.get_mut(&order_ref).expect("the feed told of it");
            *left -= lots;
            assert!(*left >= 0);
            if *left == 0 {
                feed.remove(&order_ref);
            }
        }
        Some(BookAction::Delete) => assert!(feed.remove(&order_ref).is_some()),
        Some(BookAction::Replace) => {
            assert!(feed.remove(&order_ref).is_some());
            feed.insert(new_ref, lots);
        }
        other => panic!("{other:?}"),
    };
    if let (Some(FlowRecord::Order(record)), true) = (record, told.as_it_stands) {
        take(record.action, record.order_ref, record.new_order_ref, record.lots);
    }
    for (action, order_ref, lots) in &told.market {
        take(*action, *order_ref, 0, *lots);
    }
}

fn check(venue: &Exact, alone: &Alone, feed: &BTreeMap<u64, i64>, seed: u64, step: u64) {
    let mut there = BTreeMap::new();
    let mut shown = BTreeMap::new();
    venue.matching.for_each_resting(|order| {
        if order.session == RECORD {
            there.insert(order.user_ref, order.front_lots);
            shown.insert(order.user_ref, order.front_lots);
        } else {
            shown.insert(OWN_REF | order.order_ref, order.front_lots);
        }
    });
    assert_eq!(shown, *feed, "seed {seed} step {step}: the feed shows the book");
    for (order_ref, (lots, _, _)) in &alone.0 {
        let has = there.remove(order_ref).unwrap_or(0);
        let taken = venue.taken.get(order_ref).copied().unwrap_or(0);
        assert_eq!(has + taken, *lots, "seed {seed} step {step} order {order_ref}");
    }
    assert!(there.is_empty(), "seed {seed} step {step}: {there:?} are over in the record");
}

#[test]
fn recorded_orders_have_the_records_lots_less_what_ours_took_seeds_1_to_8() {
    let runs: Vec<Impact> = (1..=8).map(run_random).collect();
    let met = |lots: fn(&Impact) -> i64| runs.iter().map(lots).sum::<i64>() > 0;
    assert!(met(|run| run.displaced_lots) && met(|run| run.taken_lots) && met(|run| run.crossed_lots), "{runs:?}");
}
