//! Quotes at a venue whose session takes them in sets: what is marked, where a set ends, and what is held while it is under way.

mod support;

use records::*;
use support::{
    OTHER_VENUE, PRICE, SLOT, TICK, VENUE, World, cancel_all_intent, cancel_intent, new_intent, replace_intent,
};

/// As `orders.quote` marks it.
fn quote(intent: OrderIntent) -> OrderIntent {
    OrderIntent { intent: intent.intent | INTENT_QUOTE, ..intent }
}

fn in_sets(venue: u16) -> World {
    let mut world = World::new();
    let mut session = Session::new();
    (session.header.venue, session.state, session.quotes) = (venue, SessionState::Up.code(), 1);
    world.give(&session);
    world.clear();
    world
}

/// Kinds of the commands, with what each says of sets: whether it is part of one, or how many commands one had.
fn sent(world: &World) -> Vec<(Kind, u32)> {
    world
        .out
        .commands
        .iter()
        .map(|command| match command {
            RecordRef::NewOrder(order) => (Kind::NewOrder, u32::from(order.quote)),
            RecordRef::ReplaceOrder(_) => (Kind::ReplaceOrder, 0),
            RecordRef::CancelOrder(order) => (Kind::CancelOrder, u32::from(order.quote)),
            RecordRef::QuoteSet(set) => {
                assert_eq!((set.header.venue, set.slot), (VENUE, SLOT));
                (Kind::QuoteSet, set.commands)
            }
            other => panic!("{other:?}"),
        })
        .collect()
}

fn live_quote(world: &mut World, side: Side, lots: i64, price_nanos: i64) -> u64 {
    world.clear();
    world.intend(vec![quote(OrderIntent { price_nanos, ..new_intent(side, lots) })]);
    let id = world.commands::<NewOrder>()[0].owner.order_id;
    world.report(id, OrderEventKind::Accepted, |_| ());
    world.clear();
    id
}

#[test]
fn the_quotes_of_a_callback_are_a_set_that_ends_once() {
    let mut world = in_sets(VENUE);
    world.intend(vec![
        quote(OrderIntent { price_nanos: PRICE - TICK, ..new_intent(Side::Buy, 10) }),
        new_intent(Side::Buy, 3),
        quote(OrderIntent { price_nanos: PRICE + TICK, ..new_intent(Side::Sell, 10) }),
    ]);
    let set = [(Kind::NewOrder, 1), (Kind::NewOrder, 0), (Kind::NewOrder, 1), (Kind::QuoteSet, 2)];
    assert_eq!(sent(&world), set);
    world.clear();
    world.intend(vec![new_intent(Side::Buy, 3)]);
    assert_eq!(sent(&world), [(Kind::NewOrder, 0)], "no quote, no set");
    // A set ends also where its last intent is refused, or the slot's own calls have it end.
    world.clear();
    world.intend(vec![quote(new_intent(Side::Buy, 5)), quote(new_intent(Side::Buy, 501))]);
    assert_eq!(sent(&world), [(Kind::NewOrder, 1), (Kind::QuoteSet, 1)]);
    assert_eq!(world.outputs::<RiskReject>()[0].intent, IntentKind::New.code());
}

#[test]
fn where_quotes_leave_as_orders_nothing_is_marked() {
    let mut world = in_sets(OTHER_VENUE);
    let id = live_quote(&mut world, Side::Buy, 10, PRICE - TICK);
    world.intend(vec![quote(replace_intent(id, PRICE - 2 * TICK, 10)), quote(new_intent(Side::Sell, 4))]);
    assert_eq!(sent(&world), [(Kind::ReplaceOrder, 0), (Kind::NewOrder, 0)]);
    // And again, once the session says that it takes no sets any more.
    let mut world = in_sets(VENUE);
    world.session(VENUE, SessionState::Up);
    world.intend(vec![quote(new_intent(Side::Sell, 4))]);
    assert_eq!(sent(&world), [(Kind::NewOrder, 0)]);
}

#[test]
fn a_quote_that_moves_is_a_new_order_beside_the_old_one_and_both_are_held() {
    let mut world = in_sets(VENUE);
    let id = live_quote(&mut world, Side::Buy, 100, PRICE - TICK);
    world.fill(id, 30);
    world.clear();
    // In all 130, of which 30 are filled.
    world.intend(vec![quote(replace_intent(id, PRICE, 130))]);
    assert_eq!(sent(&world), [(Kind::CancelOrder, 1), (Kind::NewOrder, 1), (Kind::QuoteSet, 2)]);
    let order = world.commands::<NewOrder>()[0];
    assert_eq!((order.lots, order.price_nanos, order.side, order.slot), (100, PRICE, Side::Buy.code(), SLOT));
    assert_eq!(world.commands::<CancelOrder>()[0].reason, Reason::UserRequested.code());
    assert_eq!(world.held(), 170, "what is left of the old one may fill, and all of the new one");
    // The old one fills to its end on the wire, and the new one is taken all the same: no difference to anybody.
    world.fill(id, 70);
    world.report(order.owner.order_id, OrderEventKind::Accepted, |_| ());
    assert_eq!((world.held(), world.state(id), world.breaks()), (100, OrderState::Filled, vec![]));
    assert_eq!(world.state(order.owner.order_id), OrderState::Live);
}

#[test]
fn a_quote_that_is_too_large_beside_the_old_one_is_taken_out_first() {
    let mut world = in_sets(VENUE);
    let id = live_quote(&mut world, Side::Buy, 450, PRICE - TICK);
    live_quote(&mut world, Side::Buy, 300, PRICE - 3 * TICK);
    world.intend(vec![quote(replace_intent(id, PRICE, 450))]);
    assert_eq!(sent(&world), [(Kind::CancelOrder, 1), (Kind::QuoteSet, 1)]);
    assert_eq!(world.commands::<CancelOrder>()[0].reason, Reason::Risk.code());
    assert!(world.outputs::<RiskReject>().is_empty());
    world.clear();
    // A refusal by another control leaves the old one: nothing was asked for yet.
    let mut world = in_sets(VENUE);
    let id = live_quote(&mut world, Side::Buy, 10, PRICE - TICK);
    world.intend(vec![quote(replace_intent(id, 2 * PRICE, 10))]);
    assert_eq!((sent(&world), world.outputs::<RiskReject>().len()), (vec![], 1));
    assert_eq!(world.state(id), OrderState::Live);
}

#[test]
fn cancels_of_a_set_join_it_and_others_do_not() {
    let mut world = in_sets(VENUE);
    let (bid, ask) =
        (live_quote(&mut world, Side::Buy, 10, PRICE - TICK), live_quote(&mut world, Side::Sell, 10, PRICE + TICK));
    world.intend(vec![quote(cancel_intent(bid))]);
    assert_eq!(sent(&world), [(Kind::CancelOrder, 1), (Kind::QuoteSet, 1)]);
    world.clear();
    world.intend(vec![cancel_all_intent()]);
    assert_eq!(sent(&world), [(Kind::CancelOrder, 0)], "of {ask:x}");
    assert!(world.engine.statistics().cancels == 2);
}

#[test]
fn an_order_that_a_quote_cannot_stand_for_is_replaced_as_ever() {
    let mut world = in_sets(VENUE);
    world.intend(vec![quote(OrderIntent { post_only: 1, price_nanos: PRICE - TICK, ..new_intent(Side::Buy, 10) })]);
    let id = world.commands::<NewOrder>()[0].owner.order_id;
    world.report(id, OrderEventKind::Accepted, |_| ());
    world.clear();
    world.intend(vec![quote(replace_intent(id, PRICE - 2 * TICK, 10))]);
    assert_eq!(sent(&world), [(Kind::ReplaceOrder, 0)]);
}

#[test]
fn an_intent_of_another_process_is_a_set_of_its_own() {
    let mut world = in_sets(VENUE);
    let mut intent = Intent::new();
    (intent.header.venue, intent.header.instrument) = (VENUE, support::SHARE);
    (intent.slot, intent.intent, intent.quote) = (SLOT, IntentKind::New.code(), 1);
    (intent.side, intent.order_type, intent.time_in_force) =
        (Side::Buy.code(), OrderType::Limit.code(), TimeInForce::Day.code());
    (intent.price_nanos, intent.lots) = (PRICE, 7);
    world.give(&intent);
    assert_eq!(sent(&world), [(Kind::NewOrder, 1), (Kind::QuoteSet, 1)]);
}
