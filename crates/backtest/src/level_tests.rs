//! Orders of ours behind levels: filled by trades at and through their price, and by what crosses them.

use records::{OrderEvent, bytes_of};

use super::*;

const TICK: i64 = 10_000_000;
const PRICE: i64 = 100 * 1_000_000_000;

fn venue(model: QueueModel) -> Levels {
    let listed = Listed {
        instrument: 1,
        units_e8: 1,
        tick_nanos: TICK,
        price_min_nanos: TICK,
        price_max_nanos: i64::MAX / 4,
        increment_lots: 1,
    };
    Levels::new(1, &[listed], model, Fees::default())
}

fn level(side: Side, price_nanos: i64, lots: i64) -> FlowRecord {
    let mut record = MarketLevel::new();
    (record.header.instrument, record.header.flags) = (1, FLAG_LAST);
    (record.side, record.price_nanos, record.lots) = (side.code(), price_nanos, lots);
    record.action = BookAction::Modify.code();
    FlowRecord::Level(record)
}

fn trade(rested: Side, price_nanos: i64, lots: i64) -> FlowRecord {
    let mut record = Trade::new();
    record.header.instrument = 1;
    (record.side, record.price_nanos, record.lots) = (rested.code(), price_nanos, lots);
    FlowRecord::Trade(record)
}

fn order(id: u64, side: Side, price_nanos: i64, lots: i64, time_in_force: TimeInForce) -> NewOrder {
    let mut command = NewOrder::new();
    (command.header.venue, command.header.instrument, command.owner.order_id) = (1, 1, id);
    (command.price_nanos, command.lots, command.side) = (price_nanos, lots, side.code());
    (command.order_type, command.time_in_force) = (OrderType::Limit.code(), time_in_force.code());
    command
}

fn happens(venue: &mut Levels, record: &FlowRecord) -> Vec<(u64, i64, i64)> {
    let mut made = Made::default();
    venue.on_record(1, record, &mut made);
    fills(&made.reports.take())
}

fn sends(venue: &mut Levels, command: &[u8]) -> Made {
    let mut made = Made::default();
    venue.on_command(1, command, &mut made);
    made
}

fn fills(reports: &[OrderEvent]) -> Vec<(u64, i64, i64)> {
    let filled = reports.iter().filter(|report| report.event == OrderEventKind::Filled.code());
    filled.map(|report| (report.owner.order_id, report.lots, report.price_nanos)).collect()
}

#[test]
fn trades_fill_an_order_behind_its_level() {
    let mut venue = venue(QueueModel::Pessimistic);
    happens(&mut venue, &level(Side::Buy, PRICE, 100));
    sends(&mut venue, bytes_of(&order(7, Side::Buy, PRICE, 50, TimeInForce::Day)));
    assert!(happens(&mut venue, &trade(Side::Buy, PRICE, 60)).is_empty());
    assert!(happens(&mut venue, &level(Side::Buy, PRICE, 40)).is_empty());
    assert_eq!(happens(&mut venue, &trade(Side::Buy, PRICE, 60)), [(7, 20, PRICE)]);
    assert_eq!(happens(&mut venue, &trade(Side::Sell, PRICE, 60)), [], "those met the other side");
    assert_eq!(happens(&mut venue, &trade(Side::Buy, PRICE - TICK, 1)), [(7, 30, PRICE)], "a trade through the price");
}

#[test]
fn two_orders_of_ours_share_what_a_trade_leaves() {
    let mut venue = venue(QueueModel::Pessimistic);
    sends(&mut venue, bytes_of(&order(7, Side::Buy, PRICE, 50, TimeInForce::Day)));
    sends(&mut venue, bytes_of(&order(8, Side::Buy, PRICE, 50, TimeInForce::Day)));
    assert_eq!(happens(&mut venue, &trade(Side::Buy, PRICE, 60)), [(7, 50, PRICE), (8, 10, PRICE)]);
}

#[test]
fn a_level_that_crosses_fills_and_an_incoming_order_takes_once() {
    let mut venue = venue(QueueModel::Power(3));
    sends(&mut venue, bytes_of(&order(7, Side::Buy, PRICE, 50, TimeInForce::Day)));
    assert_eq!(happens(&mut venue, &level(Side::Sell, PRICE, 10)), [(7, 50, PRICE)]);
    let mut took = sends(&mut venue, bytes_of(&order(8, Side::Buy, PRICE, 30, TimeInForce::ImmediateOrCancel)));
    assert_eq!(fills(&took.reports.take()), [(8, 10, PRICE)]);
    let mut again = sends(&mut venue, bytes_of(&order(9, Side::Buy, PRICE, 30, TimeInForce::ImmediateOrCancel)));
    assert!(fills(&again.reports.take()).is_empty(), "it is gone until the record tells of it again");
    assert_eq!(venue.impact.taken_lots, 10);
    happens(&mut venue, &level(Side::Sell, PRICE, 10));
    let mut renewed = sends(&mut venue, bytes_of(&order(10, Side::Buy, PRICE, 5, TimeInForce::FillOrKill)));
    assert_eq!(fills(&renewed.reports.take()), [(10, 5, PRICE)]);
}

#[test]
fn post_only_fill_or_kill_and_bad_levels_are_refused() {
    let mut venue = venue(QueueModel::Power(1));
    happens(&mut venue, &level(Side::Sell, PRICE, 10));
    let mut crossing = order(7, Side::Buy, PRICE, 5, TimeInForce::Day);
    crossing.post_only = 1;
    let mut made = sends(&mut venue, bytes_of(&crossing));
    assert_eq!(made.reports.take()[1].reason, Reason::WouldCross.code());
    let mut made = sends(&mut venue, bytes_of(&order(8, Side::Buy, PRICE, 50, TimeInForce::FillOrKill)));
    assert_eq!(made.reports.take()[1].reason, Reason::MinimumQuantity.code());
    for bad in [level(Side::Buy, -PRICE, 5), level(Side::Buy, PRICE + 1, 5), level(Side::Buy, PRICE, -5)] {
        happens(&mut venue, &bad);
    }
    assert_eq!(venue.impact.refused[&Reason::InvalidPrice.code()], 2);
    assert_eq!(venue.impact.refused[&Reason::InvalidQuantity.code()], 1);
}

#[test]
fn a_cancel_ends_an_order_and_a_replace_moves_it() {
    let mut venue = venue(QueueModel::Power(2));
    sends(&mut venue, bytes_of(&order(7, Side::Buy, PRICE, 50, TimeInForce::Day)));
    let mut replace = ReplaceOrder::new();
    (replace.header.venue, replace.header.instrument) = (1, 1);
    (replace.owner.order_id, replace.original_id) = (8, 7);
    (replace.price_nanos, replace.lots, replace.side) = (PRICE - TICK, 40, Side::Buy.code());
    let mut made = sends(&mut venue, bytes_of(&replace));
    assert_eq!(made.reports.take()[0].event, OrderEventKind::Replaced.code());
    assert_eq!(happens(&mut venue, &trade(Side::Buy, PRICE - TICK, 15)), [(8, 15, PRICE - TICK)]);
    let mut cancel = CancelOrder::new();
    (cancel.header.venue, cancel.header.instrument, cancel.owner.order_id) = (1, 1, 8);
    let mut made = sends(&mut venue, bytes_of(&cancel));
    let report = made.reports.take()[0];
    let lots = report.lots;
    assert_eq!((report.event, lots, report.leaves_lots), (OrderEventKind::Canceled.code(), 25, 0));
    assert_eq!(venue.resting, 0);
}
