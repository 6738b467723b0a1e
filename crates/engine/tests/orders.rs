//! The order state machine, row by row: every report in every state, with what it leaves, holds and says.

mod support;

use OrderEventKind::{
    Accepted, CancelPending, CancelRejected, Canceled, Expired, Filled, NotFound, NotSent, Refreshed, Rejected,
    ReplaceRejected, Replaced, Restated, Unknown,
};
use records::{BreakKind, Callback, EngineStart, OrderEventKind, OrderId, OrderState, Reason, ReplaceOrder, Side};
use support::{Heard, PRICE, TICK, World, cancel_intent, replace_intent};

const LOTS: i64 = 10;

/// An order of 10 in this state (and the id of a replacement under way, to 15 lots).
fn in_state(state: OrderState) -> (World, u64, u64) {
    let mut world = World::new();
    let id = if state == OrderState::PendingNew || state == OrderState::Rejected || state == OrderState::NotSent {
        world.order(Side::Buy, LOTS)
    } else {
        world.live_order(Side::Buy, LOTS)
    };
    let mut replacement = 0;
    match state {
        OrderState::PendingNew | OrderState::Live => {}
        OrderState::PendingReplace => {
            world.intend(vec![replace_intent(id, support::PRICE, 15)]);
            replacement = world.commands::<records::ReplaceOrder>()[0].owner.order_id;
        }
        OrderState::PendingCancel => world.intend(vec![cancel_intent(id)]),
        OrderState::Unknown => world.report(id, Unknown, |_| {}),
        OrderState::Filled => {
            world.fill(id, LOTS);
        }
        OrderState::Canceled => world.report(id, Canceled, |event| event.lots = LOTS),
        OrderState::Rejected => world.report(id, Rejected, |_| {}),
        OrderState::NotSent => world.report(id, NotSent, |_| {}),
    }
    assert_eq!(world.state(id), state);
    world.clear();
    (world, id, replacement)
}

const STATES: [OrderState; 9] = [
    OrderState::PendingNew,
    OrderState::Live,
    OrderState::PendingReplace,
    OrderState::PendingCancel,
    OrderState::Unknown,
    OrderState::Filled,
    OrderState::Canceled,
    OrderState::Rejected,
    OrderState::NotSent,
];

/// One column of the table: for each of [`STATES`] the state afterwards and whether it is a break (`!`).
fn check(kind: OrderEventKind, expected: [&str; 9]) {
    for (state, expected) in STATES.into_iter().zip(expected) {
        let (mut world, id, replacement) = in_state(state);
        let named = if matches!(kind, Replaced | ReplaceRejected) && replacement != 0 { replacement } else { id };
        world.report(id, kind, |event| {
            event.owner.order_id = named;
            event.venue_order_ref = if kind == Accepted { id ^ 7 } else { 0 };
            match kind {
                Filled => (event.lots, event.price_nanos, event.execution_id) = (4, support::PRICE, 77),
                Restated => event.lots = 3,
                Accepted => (event.lots, event.leaves_lots) = (LOTS, LOTS),
                Replaced => (event.lots, event.leaves_lots, event.original_id) = (15, 15, id),
                ReplaceRejected => event.original_id = id,
                _ => {}
            }
        });
        let breaks = world.breaks();
        let mark = if breaks.is_empty() { "" } else { "!" };
        let found = format!("{:?}{mark}", world.state(id));
        assert_eq!(found, expected, "{kind:?} in {state:?}: {breaks:?}");
        let order = world.engine.order(id).unwrap();
        let live = order.ended.is_none();
        // What may still trade is held, and nothing else.
        let most = if order.pending_id != 0 && live { 15 - order.filled_lots } else { 0 };
        let worst = most.max(order.leaves_lots + order.unbooked_lots);
        assert_eq!(world.held(), if live { worst } else { 0 }, "{kind:?} in {state:?}");
        let filled = order.filled_lots;
        assert_eq!(world.position(support::SHARE), filled, "{kind:?} in {state:?}");
    }
}

#[test]
fn accepted() {
    check(
        Accepted,
        ["Live", "Live", "PendingReplace", "PendingCancel", "Unknown", "Filled", "Canceled", "Live!", "Live!"],
    );
}

#[test]
fn rejected() {
    check(
        Rejected,
        [
            "Rejected",
            "Live!",
            "PendingReplace!",
            "PendingCancel!",
            "Unknown!",
            "Filled!",
            "Canceled!",
            "Rejected",
            "NotSent!",
        ],
    );
}

#[test]
fn filled() {
    check(
        Filled,
        ["Live", "Live", "PendingReplace", "PendingCancel", "Unknown", "Filled!", "Canceled!", "Rejected!", "NotSent!"],
    );
}

#[test]
fn canceled_and_expired() {
    for kind in [Canceled, Expired] {
        check(
            kind,
            ["Canceled", "Canceled", "Canceled", "Canceled", "Canceled", "Filled", "Canceled", "Rejected!", "NotSent!"],
        );
    }
}

#[test]
fn replaced() {
    check(
        Replaced,
        ["PendingNew!", "Live!", "Live", "PendingCancel!", "Unknown!", "Filled!", "Canceled!", "Rejected!", "NotSent!"],
    );
}

#[test]
fn replace_rejected() {
    check(
        ReplaceRejected,
        ["PendingNew!", "Live!", "Live", "PendingCancel!", "Unknown!", "Filled", "Canceled", "Rejected", "NotSent"],
    );
}

#[test]
fn cancel_rejected() {
    check(
        CancelRejected,
        ["PendingNew!", "Live!", "PendingReplace!", "Live", "Live", "Filled", "Canceled", "Rejected", "NotSent"],
    );
}

#[test]
fn restated() {
    check(
        Restated,
        ["PendingNew", "Live", "PendingReplace", "Live", "Live", "Filled!", "Canceled!", "Rejected!", "NotSent!"],
    );
}

#[test]
fn not_sent() {
    check(
        NotSent,
        ["NotSent", "Live!", "PendingReplace!", "Live", "Unknown!", "Filled", "Canceled", "Rejected", "NotSent"],
    );
}

#[test]
fn unknown() {
    check(
        Unknown,
        ["Unknown", "Unknown", "Unknown", "Unknown", "Unknown", "Filled", "Canceled", "Rejected", "NotSent"],
    );
}

#[test]
fn cancel_pending() {
    check(
        CancelPending,
        [
            "PendingNew!",
            "Live!",
            "PendingReplace!",
            "PendingCancel",
            "Unknown!",
            "Filled",
            "Canceled",
            "Rejected",
            "NotSent",
        ],
    );
}

#[test]
fn not_found() {
    check(
        NotFound,
        ["Canceled", "Unknown!", "Unknown!", "Unknown!", "Canceled", "Filled", "Canceled", "Rejected", "NotSent"],
    );
}

#[test]
fn refreshed() {
    check(
        Refreshed,
        [
            "PendingNew",
            "Live",
            "PendingReplace",
            "PendingCancel",
            "Unknown",
            "Filled!",
            "Canceled!",
            "Rejected!",
            "NotSent!",
        ],
    );
}

#[test]
fn a_full_fill_releases_the_hold() {
    let (mut world, id, _) = in_state(OrderState::Live);
    assert_eq!(world.held(), LOTS);
    world.fill(id, 4);
    assert_eq!((world.held(), world.state(id)), (6, OrderState::Live));
    world.fill(id, 6);
    assert_eq!((world.held(), world.state(id), world.position(1)), (0, OrderState::Filled, 10));
}

#[test]
fn a_fill_may_overtake_its_acceptance() {
    let (mut world, id, _) = in_state(OrderState::PendingNew);
    world.fill(id, 4);
    world.report(id, Accepted, |event| event.venue_order_ref = 5);
    assert_eq!((world.held(), world.state(id)), (6, OrderState::Live));
    assert!(world.breaks().is_empty());
}

#[test]
fn a_cancel_that_overtakes_a_fill_keeps_its_lots_held() {
    let (mut world, id, _) = in_state(OrderState::PendingCancel);
    world.report(id, Canceled, |event| event.lots = 7);
    assert_eq!(world.state(id), OrderState::Canceled);
    assert_eq!(world.breaks(), [BreakKind::CumulativeMismatch]);
    let binding_open = |world: &World| {
        let (buy, _) = headroom(world);
        buy
    };
    let before = binding_open(&world);
    assert_eq!(before, 500); // 1000 − 3 unbooked is above the order quantity.
    world.fill(id, 3);
    assert_eq!(world.position(1), 3);
    assert_eq!(world.breaks().len(), 1);
    // One more fill is one too many: booked, and a break.
    world.fill(id, 1);
    assert_eq!((world.position(1), world.breaks().len()), (4, 2));
}

fn headroom(world: &World) -> (i64, i64) {
    world.engine.limits().headroom(risk::Binding(1))
}

#[test]
fn an_overfill_is_booked_and_told() {
    let (mut world, id, _) = in_state(OrderState::Live);
    world.fill(id, 14);
    assert_eq!((world.state(id), world.position(1), world.held()), (OrderState::Filled, 14, 0));
    assert_eq!(world.breaks(), [BreakKind::Overfill]);
}

#[test]
fn an_execution_is_booked_once() {
    let (mut world, id, _) = in_state(OrderState::Live);
    let execution = world.fill(id, 4);
    let again = |duplicate: u8| {
        move |event: &mut records::OrderEvent| {
            (event.lots, event.price_nanos, event.execution_id) = (4, support::PRICE, execution);
            event.possible_duplicate = duplicate;
        }
    };
    world.report(id, Filled, again(1));
    assert!(world.breaks().is_empty());
    world.report(id, Filled, again(0));
    assert_eq!(world.breaks(), [BreakKind::DuplicateExecution]);
    assert_eq!((world.position(1), world.held()), (4, 6));
    // The same number on the other side is another execution (we traded with ourselves).
    let sale = world.live_order(Side::Sell, 4);
    world.report(sale, Filled, again(0));
    assert_eq!(world.position(1), 0);
}

#[test]
fn a_fill_of_an_unknown_order_is_booked_with_a_break() {
    let mut world = World::new();
    let report = |world: &mut World| {
        world.report(999, Filled, |event| {
            (event.lots, event.price_nanos, event.execution_id, event.side) = (5, support::PRICE, 3, Side::Sell.code());
        });
    };
    report(&mut world);
    assert_eq!((world.position(1), world.breaks()), (-5, vec![BreakKind::UnknownOrder]));
    // Its execution is not burnt and not booked twice.
    report(&mut world);
    assert_eq!(world.position(1), -5);
    assert_eq!(world.breaks(), [BreakKind::UnknownOrder, BreakKind::DuplicateExecution]);
    assert_eq!(world.engine.limits().account_position(risk::Binding(1)), -5);
}

#[test]
fn an_unknown_live_order_is_adopted_with_its_hold() {
    let mut world = World::new();
    world.report(999, Accepted, |event| {
        (event.lots, event.side, event.price_nanos) = (20, Side::Buy.code(), support::PRICE);
    });
    assert_eq!((world.held(), world.breaks()), (20, vec![BreakKind::UnknownOrder]));
    world.fill(999, 20);
    assert_eq!((world.held(), world.position(1)), (0, 20));
}

#[test]
fn a_bust_takes_the_fill_back_and_is_told() {
    let (mut world, id, _) = in_state(OrderState::Live);
    let execution = world.fill(id, 4);
    let bust = |event: &mut records::OrderEvent| event.execution_id = execution;
    world.report(id, OrderEventKind::Broken, bust);
    assert_eq!((world.position(1), world.held()), (0, 6));
    assert_eq!(world.breaks(), [BreakKind::Bust]);
    world.report(id, OrderEventKind::Broken, bust);
    world.report(id, OrderEventKind::Broken, |event| event.execution_id = 4711);
    assert_eq!(world.breaks()[1..], [BreakKind::DuplicateExecution, BreakKind::UnknownExecution]);
    assert_eq!(world.position(1), 0);
    let broken: Vec<_> =
        world.heard().into_iter().filter(|heard| matches!(heard, Heard::Fill(fill) if fill.broken == 1)).collect();
    assert_eq!(broken.len(), 1);
}

#[test]
fn a_correction_changes_lots_and_price() {
    let (mut world, id, _) = in_state(OrderState::Live);
    let execution = world.fill(id, 4);
    world.report(id, OrderEventKind::Corrected, |event| {
        (event.execution_id, event.lots, event.price_nanos) = (execution, 3, support::PRICE - 5);
    });
    let cell = world.engine.positions()[0];
    assert_eq!((cell.lots, cell.bought_lots, cell.cash_nanos()), (3, 3, -3 * i128::from(support::PRICE - 5)));
    assert_eq!(world.breaks(), [BreakKind::Bust]);
}

#[test]
fn a_fill_of_the_replacement_may_overtake_the_answer() {
    let (mut world, id, replacement) = in_state(OrderState::PendingReplace);
    assert_eq!(world.held(), 15);
    world.fill(replacement, 5);
    assert_eq!((world.state(id), world.held()), (OrderState::Live, 10));
    world.report(replacement, Replaced, |event| (event.original_id, event.lots) = (id, 15));
    assert!(world.breaks().is_empty(), "{:?}", world.breaks());
    assert_eq!((world.held(), world.engine.order(id).unwrap().leaves_lots), (10, 10));
}

#[test]
fn a_fill_crossing_a_replace_counts_once() {
    let (mut world, id, replacement) = in_state(OrderState::PendingReplace);
    world.fill(id, 4);
    assert_eq!(world.held(), 11);
    world.report(replacement, Replaced, |event| {
        (event.original_id, event.lots, event.leaves_lots, event.cumulative_lots) = (id, 15, 11, 4);
    });
    assert_eq!((world.state(id), world.held(), world.position(1)), (OrderState::Live, 11, 4));
    // A late fill of the old order, counted by the venue before it replaced: not expected any more, so it takes open lots.
    world.fill(id, 1);
    assert_eq!((world.held(), world.position(1)), (10, 5));
}

#[test]
fn a_replace_that_overtakes_a_fill_keeps_its_lots_held() {
    let (mut world, id, replacement) = in_state(OrderState::PendingReplace);
    world.report(replacement, Replaced, |event| (event.original_id, event.lots, event.leaves_lots) = (id, 15, 11));
    assert_eq!((world.held(), world.breaks()), (15, vec![BreakKind::CumulativeMismatch]));
    world.fill(id, 4);
    assert_eq!((world.held(), world.position(1)), (11, 4));
    world.fill(replacement, 11);
    assert_eq!((world.state(id), world.held()), (OrderState::Filled, 0));
}

#[test]
fn an_order_filled_while_its_replace_was_under_way_is_done() {
    let (mut world, id, replacement) = in_state(OrderState::PendingReplace);
    world.fill(id, 10);
    assert_eq!((world.state(id), world.held()), (OrderState::Filled, 0));
    world.report(replacement, ReplaceRejected, |event| event.original_id = id);
    assert!(world.breaks().is_empty());
    // If the venue says it replaced all the same, it is right: held anew, and a break.
    let (mut world, id, replacement) = in_state(OrderState::PendingReplace);
    world.fill(id, 10);
    world.report(replacement, Replaced, |event| (event.original_id, event.lots, event.leaves_lots) = (id, 15, 5));
    assert_eq!((world.state(id), world.held()), (OrderState::Live, 5));
    assert_eq!(world.breaks(), [BreakKind::ImpossibleTransition]);
}

#[test]
fn a_cancel_of_a_replaced_order_is_sent_again_for_its_replacement() {
    let (mut world, id, replacement) = in_state(OrderState::PendingReplace);
    world.intend(vec![cancel_intent(id)]);
    assert_eq!(world.state(id), OrderState::PendingCancel);
    world.report(replacement, Replaced, |event| (event.original_id, event.lots) = (id, 15));
    let cancels: Vec<_> = world.commands::<records::CancelOrder>().iter().map(|cancel| cancel.owner.order_id).collect();
    assert_eq!(cancels, [id, replacement]);
    assert_eq!((world.state(id), world.held()), (OrderState::PendingCancel, 15));
    world.report(replacement, Canceled, |event| event.lots = 15);
    assert_eq!(world.held(), 0);
}

#[test]
fn unknown_holds_until_the_venue_answers() {
    let (mut world, id, _) = in_state(OrderState::PendingNew);
    world.session(support::VENUE, records::SessionState::Down);
    assert_eq!((world.state(id), world.held()), (OrderState::Unknown, 10));
    world.session(support::VENUE, records::SessionState::Recovering);
    assert_eq!((world.state(id), world.held()), (OrderState::Unknown, 10));
    world.session(support::VENUE, records::SessionState::Up);
    // It was never acknowledged, so only an answer settles it: a cancel asks for one.
    assert_eq!((world.state(id), world.held()), (OrderState::Unknown, 10));
    assert_eq!(world.commands::<records::CancelOrder>()[0].reason, Reason::Disconnected.code());
    world.report(id, NotFound, |_| {});
    assert_eq!((world.state(id), world.held()), (OrderState::Canceled, 0));
}

#[test]
fn a_session_that_is_back_makes_acknowledged_orders_certain() {
    let (mut world, id, _) = in_state(OrderState::Live);
    world.session(support::VENUE, records::SessionState::Down);
    world.fill(id, 3); // Replayed while it recovers.
    assert_eq!((world.state(id), world.held()), (OrderState::Unknown, 7));
    world.session(support::VENUE, records::SessionState::Up);
    assert_eq!((world.state(id), world.held()), (OrderState::Live, 7));
    let connected: Vec<_> = world
        .heard()
        .into_iter()
        .filter_map(|heard| if let Heard::Status(status) = heard { Some(status.connected) } else { None })
        .collect();
    assert_eq!(connected, [0, 0, 1, 1]);
}

#[test]
fn a_cancel_that_never_left_names_its_order_twice() {
    // Not acknowledged yet: the report is about the cancel, and the order stays held.
    let (mut world, id, _) = in_state(OrderState::PendingNew);
    world.intend(vec![cancel_intent(id)]);
    world.report(id, NotSent, |event| event.original_id = id);
    assert_eq!((world.state(id), world.held()), (OrderState::PendingNew, 10));
    world.report(id, NotSent, |_| {});
    assert_eq!((world.state(id), world.held()), (OrderState::NotSent, 0));
}

#[test]
fn the_owner_is_told_of_every_change() {
    let (mut world, id, _) = in_state(OrderState::PendingNew);
    world.report(id, Accepted, |_| {});
    world.fill(id, 4);
    world.fill(id, 6);
    let heard: Vec<_> = world
        .heard()
        .into_iter()
        .map(|heard| match heard {
            Heard::Order(order) => format!("order {} {}", order.state, order.leaves_lots),
            Heard::Fill(fill) => format!("fill {} {} {}", fill.lots, fill.leaves_lots, fill.position_lots),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(heard, ["order 2 10", "fill 4 6 4", "fill 6 0 10", "order 6 0"]);
    let _ = Callback::Order;
}

#[test]
fn a_replayed_acceptance_under_an_id_that_was_forgotten_is_a_repetition_in_this_epoch_and_the_next() {
    let mut world = World::new();
    let first = world.live_order(Side::Buy, 5);
    let mut id = first;
    for turn in 1..=10 {
        world.intend(vec![replace_intent(id, PRICE - turn * TICK, 5)]);
        let replacement = world.commands::<ReplaceOrder>().last().unwrap().owner.order_id;
        world.report(replacement, OrderEventKind::Replaced, |event| (event.original_id, event.lots) = (id, 5));
        id = replacement;
    }
    assert!(world.engine.order(first).is_none(), "ids of one order are kept for a while");
    let replayed = |world: &mut World, order_id: u64| {
        world.report(order_id, OrderEventKind::Accepted, |event| {
            (event.side, event.lots, event.possible_duplicate) = (Side::Buy.code(), 5, 1);
        });
        (world.breaks().len(), world.engine.live_orders().count())
    };
    assert_eq!(replayed(&mut world, first), (0, 1));
    let mut start = EngineStart::new();
    (start.day, start.day_start_ns) = (OrderId::day_of(support::START_NS), support::START_NS);
    (start.shard, start.epoch, start.firm) = (1, 2, 1);
    world.give(&start);
    assert_eq!(replayed(&mut world, first), (0, 1));
    assert_eq!(replayed(&mut world, first + 1_000), (1, 2), "one that we never gave is adopted");
}
