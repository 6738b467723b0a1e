//! What is ours in a capture, and what is left without it.

use records::Side;

use super::*;

const VENUE: u16 = 3;

fn report(kind: OrderEventKind, order_id: u64, order_ref: u64, execution_id: u64) -> OrderEvent {
    let mut event = OrderEvent::new();
    (event.header.venue, event.owner.order_id, event.venue_order_ref) = (VENUE, order_id, order_ref);
    (event.event, event.execution_id, event.side) = (kind.code(), execution_id, Side::Buy.code());
    (event.price_nanos, event.lots) = (100, 5);
    event
}

fn order(action: BookAction, order_ref: u64, new_order_ref: u64, match_id: u64) -> FlowRecord {
    let mut order = MarketOrder::new();
    (order.header.venue, order.action, order.lots) = (VENUE, action.code(), 5);
    (order.order_ref, order.new_order_ref, order.match_id) = (order_ref, new_order_ref, match_id);
    FlowRecord::Order(order)
}

fn marks() -> OwnMarks {
    let mut marks = OwnMarks::default();
    marks.note(&report(OrderEventKind::Accepted, 1, 70, 0));
    marks.note(&report(OrderEventKind::Replaced, 2, 71, 0));
    // Ours rested in match 9, came in for match 10, and met itself in match 11.
    marks.note(&report(OrderEventKind::Filled, 2, 71, 9));
    marks.note(&report(OrderEventKind::Filled, 4, 90, 10));
    marks.note(&report(OrderEventKind::Filled, 2, 71, 11));
    marks.note(&report(OrderEventKind::Filled, 4, 90, 11));
    marks
}

#[test]
fn each_record_is_the_markets_or_ours_by_what_reports_name() {
    let marks = marks();
    let whose = |flow| marks.whose(VENUE, &flow);
    assert!(matches!(whose(order(BookAction::Add, 70, 0, 0)), Whose::Shown(1)));
    assert!(matches!(whose(order(BookAction::Replace, 70, 71, 0)), Whose::Shown(2)));
    assert!(matches!(whose(order(BookAction::Delete, 71, 0, 0)), Whose::Shown(2)));
    assert!(matches!(whose(order(BookAction::Add, 72, 0, 0)), Whose::Market));
    assert!(matches!(whose(order(BookAction::Execute, 71, 0, 9)), Whose::Rested(own) if own.order_id == 2));
    assert!(matches!(whose(order(BookAction::Execute, 72, 0, 10)), Whose::Took(own) if own.order_id == 4));
    assert!(matches!(whose(order(BookAction::Execute, 71, 0, 11)), Whose::Took(own) if own.order_id == 4));
    assert!(matches!(whose(order(BookAction::Execute, 71, 0, 12)), Whose::Shown(2)), "a fill that nobody reported");
    assert!(matches!(whose(order(BookAction::Execute, 72, 0, 12)), Whose::Market));
    assert!(
        matches!(marks.whose(VENUE + 1, &order(BookAction::Add, 70, 0, 0)), Whose::Market),
        "another venue's number"
    );
    let mut trade = Trade::new();
    (trade.header.venue, trade.match_id) = (VENUE, 10);
    assert!(matches!(whose(FlowRecord::Trade(trade)), Whose::Hidden(own) if own.order_id == 4));
}

#[test]
fn what_met_ours_is_a_trade_and_what_ours_took_leaves_without_one() {
    let FlowRecord::Order(execution) = order(BookAction::Execute, 71, 0, 9) else { unreachable!() };
    let Whose::Rested(own) = marks().whose(VENUE, &FlowRecord::Order(execution)) else { panic!("it is ours") };
    let trade = met_ours(&execution, &own);
    assert_eq!((trade.side, trade.price_nanos, trade.lots, trade.match_id), (Side::Buy.code(), 100, 5, 9));
    let off = taken(&execution);
    assert_eq!((off.action, off.order_ref, off.lots, off.match_id), (BookAction::Reduce.code(), 71, 5, 0));
}
