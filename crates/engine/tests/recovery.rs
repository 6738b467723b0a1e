//! Failures that others had with fills, busts and crossings, one test each by its name in the list of failures.

mod support;

use OrderEventKind::{
    Accepted, Broken, CancelRejected, Canceled, Corrected, Expired, Filled, NotFound, ReplaceRejected, Replaced,
};
use records::{BreakKind, OrderEventKind, OrderState, Reason, Session, SessionState, Side};
use support::{ACCOUNT, PRICE, SHARE, VENUE, World, cancel_intent, replace_intent};

const LOTS: i64 = 10;

fn headroom(world: &World) -> i64 {
    world.engine.limits().headroom(risk::Binding(1)).0
}

/// A live order of [`LOTS`], and the id of its replacement by 15 that is under way.
fn replacing() -> (World, u64, u64) {
    let mut world = World::new();
    let id = world.live_order(Side::Buy, LOTS);
    world.intend(vec![replace_intent(id, PRICE, 15)]);
    let replacement = world.commands::<records::ReplaceOrder>()[0].owner.order_id;
    world.clear();
    (world, id, replacement)
}

/// The fill that was booked before a restart is replayed, with the report that closes the order behind it.
#[test]
fn v3_a_duplicate_execution_is_booked_once_and_its_order_still_closes() {
    let mut world = World::new();
    let id = world.live_order(Side::Buy, LOTS);
    let execution = world.fill(id, 4);
    world.session(VENUE, SessionState::Down);
    let replayed = |number: u64, lots: i64, leaves: i64| {
        move |event: &mut records::OrderEvent| {
            (event.lots, event.price_nanos, event.execution_id) = (lots, PRICE, number);
            (event.leaves_lots, event.cumulative_lots, event.possible_duplicate) = (leaves, LOTS - leaves, 1);
        }
    };
    world.report(id, Accepted, |event| event.possible_duplicate = 1);
    world.report(id, Filled, replayed(execution, 4, 6));
    world.report(id, Filled, replayed(execution + 1, 6, 0));
    assert_eq!((world.state(id), world.position(SHARE), world.held()), (OrderState::Filled, LOTS, 0));
    assert!(world.breaks().is_empty(), "{:?}", world.breaks());
    // The whole day again.
    world.report(id, Filled, replayed(execution, 4, 6));
    world.report(id, Filled, replayed(execution + 1, 6, 0));
    assert_eq!((world.position(SHARE), world.held(), world.engine.statistics().fills), (LOTS, 0, 2));
    assert!(world.breaks().is_empty(), "{:?}", world.breaks());
}

/// The engine's memory is gone; what it hears again of one order is its acceptance, two replacements, a trade, and its end.
#[test]
fn v3_an_order_that_was_replaced_in_an_earlier_life_is_followed_to_its_end() {
    let again = |event: &mut records::OrderEvent, lots: i64, leaves: i64| {
        (event.side, event.price_nanos, event.possible_duplicate) = (Side::Buy.code(), PRICE, 1);
        (event.owner.account, event.lots, event.leaves_lots) = (ACCOUNT, lots, leaves);
    };
    let (first, second, third) = (901, 905, 909);
    let told = || {
        let mut world = World::new();
        world.report(first, Accepted, |event| again(event, 10, 10));
        world.report(second, Replaced, |event| {
            again(event, 25, 25);
            event.original_id = first;
        });
        assert_eq!((world.state(second), world.held()), (OrderState::Live, 25));
        world.report(third, Replaced, |event| {
            again(event, 8, 8);
            event.original_id = second;
        });
        assert_eq!((world.state(third), world.held()), (OrderState::Live, 8));
        assert_eq!(world.breaks(), [BreakKind::UnknownOrder; 3], "nothing is taken in silence");
        world
    };
    let mut world = told();
    world.report(third, Filled, |event| {
        again(event, 3, 5);
        event.execution_id = 5;
    });
    assert_eq!((world.position(SHARE), world.held()), (3, 5));
    world.report(third, Canceled, |event| {
        again(event, 5, 0);
        event.original_id = second;
    });
    assert_eq!((world.state(third), world.held(), world.position(SHARE)), (OrderState::Canceled, 0, 3));
    // The whole day again changes nothing.
    world.report(second, Replaced, |event| {
        again(event, 25, 25);
        event.original_id = first;
    });
    assert_eq!((world.held(), world.breaks().len()), (0, 3));
    // One that the venue still has when it is all told.
    let mut world = told();
    world.report(second, Replaced, |event| {
        again(event, 25, 25);
        event.original_id = first;
    });
    assert_eq!((world.state(third), world.held(), world.breaks().len()), (OrderState::Live, 8, 3));
}

/// The engine's memory is gone, and whose account it was, too: position and hold stand at the firm, and are breaks.
#[test]
fn v3_a_fill_of_an_unknown_order_of_no_known_account_counts_at_the_firm() {
    let mut world = World::new();
    let before = headroom(&world);
    let nobody = |event: &mut records::OrderEvent| {
        (event.owner.account, event.side) = (0, Side::Buy.code());
        event.price_nanos = PRICE;
    };
    world.report(999, Accepted, |event| {
        nobody(event);
        (event.lots, event.leaves_lots, event.possible_duplicate) = (600, 600, 1);
    });
    assert_eq!((world.held(), world.breaks()), (600, vec![BreakKind::UnknownOrder]));
    assert_eq!(headroom(&world), before.min(1_000 - 600), "the firm's limit knows of it");
    world.report(999, Filled, |event| {
        nobody(event);
        (event.lots, event.execution_id, event.leaves_lots) = (600, 5, 0);
    });
    assert_eq!((world.held(), world.position(SHARE)), (0, 600));
    // And one of which not even the acceptance was told.
    world.report(998, Filled, |event| {
        nobody(event);
        (event.lots, event.execution_id) = (200, 6);
    });
    assert_eq!((world.position(SHARE), headroom(&world)), (800, 200));
    assert_eq!(world.breaks(), [BreakKind::UnknownOrder; 2]);
    assert_eq!(world.engine.positions().iter().filter(|cell| cell.lots != 0 && cell.account == ACCOUNT).count(), 0);
}

#[test]
fn v4_a_bust_gives_the_position_back_and_is_told_as_a_break() {
    let mut world = World::new();
    let before = headroom(&world);
    let id = world.live_order(Side::Buy, 400);
    let execution = world.fill(id, 400);
    assert_eq!((world.position(SHARE), headroom(&world)), (400, before.min(600)));
    world.clear();
    world.report(id, Broken, |event| (event.execution_id, event.header.sequence) = (execution, 7));
    assert_eq!((world.position(SHARE), headroom(&world), world.held()), (0, before, 0));
    assert_eq!(world.breaks(), [BreakKind::Bust]);
    // Replayed, it is neither booked nor told again, and neither is the fill that it broke.
    let again = |event: &mut records::OrderEvent| {
        (event.execution_id, event.header.sequence, event.possible_duplicate) = (execution, 7, 1);
        (event.lots, event.price_nanos) = (400, PRICE);
    };
    world.report(id, Filled, again);
    world.report(id, Broken, again);
    assert_eq!((world.position(SHARE), world.breaks()), (0, vec![BreakKind::Bust]));
}

#[test]
fn v4_corrections_that_are_replayed_change_nothing_and_are_not_told_again() {
    let mut world = World::new();
    let id = world.live_order(Side::Buy, LOTS);
    let execution = world.fill(id, 8);
    let correct = |lots: i64, number: u64, again: u8| {
        move |event: &mut records::OrderEvent| {
            (event.execution_id, event.lots, event.price_nanos) = (execution, lots, PRICE - 5);
            (event.header.sequence, event.possible_duplicate) = (number, again);
        }
    };
    world.report(id, Corrected, correct(6, 11, 0));
    world.report(id, Corrected, correct(5, 12, 0));
    assert_eq!((world.position(SHARE), world.breaks()), (5, vec![BreakKind::Bust; 2]));
    let cash = world.engine.positions()[0].cash_nanos();
    world.clear();
    world.report(id, Filled, |event| {
        (event.execution_id, event.lots, event.price_nanos) = (execution, 8, PRICE);
        event.possible_duplicate = 1;
    });
    world.report(id, Corrected, correct(6, 11, 1));
    assert_eq!(world.position(SHARE), 5, "an older correction does not come back");
    world.report(id, Corrected, correct(5, 12, 1));
    assert_eq!((world.position(SHARE), world.engine.positions()[0].cash_nanos()), (5, cash));
    assert!(world.breaks().is_empty() && world.heard().is_empty(), "{:?}", world.breaks());
    // One that was missed while nobody listened is news all the same.
    world.report(id, Corrected, correct(4, 13, 1));
    assert_eq!((world.position(SHARE), world.breaks()), (4, vec![BreakKind::Bust]));
}

#[test]
fn v5_a_cancel_that_crosses_a_fill_leaves_one_of_both_and_no_hold() {
    // The fill was first: the venue has nothing left to cancel.
    let mut world = World::new();
    let id = world.live_order(Side::Buy, LOTS);
    world.intend(vec![cancel_intent(id)]);
    world.fill(id, LOTS);
    world.report(id, OrderEventKind::CancelRejected, |event| event.reason = records::Reason::UnknownOrder.code());
    assert_eq!((world.state(id), world.position(SHARE), world.held()), (OrderState::Filled, LOTS, 0));
    // A part was filled first: what was left is cancelled.
    let id = world.live_order(Side::Buy, LOTS);
    world.intend(vec![cancel_intent(id)]);
    world.fill(id, 4);
    world.report(id, Canceled, |event| (event.lots, event.leaves_lots, event.cumulative_lots) = (6, 0, 4));
    assert_eq!((world.state(id), world.position(SHARE), world.held()), (OrderState::Canceled, LOTS + 4, 0));
    assert!(world.breaks().is_empty(), "{:?}", world.breaks());
}

#[test]
fn v5_a_replace_that_crosses_a_fill_counts_the_childs_fill_once() {
    let (mut world, id, replacement) = replacing();
    world.fill(id, 4);
    world.report(replacement, Replaced, |event| {
        (event.original_id, event.lots, event.leaves_lots, event.cumulative_lots) = (id, 15, 11, 4);
    });
    // The child's fill names the child and its parent.
    let execution = world.execution + 1;
    let fill = |again: u8| {
        move |event: &mut records::OrderEvent| {
            (event.original_id, event.lots, event.price_nanos, event.execution_id) = (id, 11, PRICE, execution);
            (event.leaves_lots, event.cumulative_lots, event.possible_duplicate) = (0, 15, again);
        }
    };
    world.report(replacement, Filled, fill(0));
    world.report(replacement, Filled, fill(1));
    assert_eq!((world.state(id), world.position(SHARE), world.held()), (OrderState::Filled, 15, 0));
    assert!(world.breaks().is_empty(), "{:?}", world.breaks());
    assert_eq!(world.engine.statistics().fills, 2);
}

#[test]
fn v5_a_replace_for_no_more_than_has_traded_ends_the_order_and_not_the_position() {
    let (mut world, id, replacement) = replacing();
    world.fill(id, LOTS);
    world.report(replacement, ReplaceRejected, |event| event.original_id = id);
    assert_eq!((world.state(id), world.position(SHARE), world.held()), (OrderState::Filled, LOTS, 0));
    assert!(world.breaks().is_empty(), "{:?}", world.breaks());
}

/// A gateway that starts again says the day again: also that an earlier replacement was refused.
#[test]
fn r7_a_refusal_said_again_of_an_earlier_replacement_leaves_the_one_under_way() {
    let (mut world, id, first) = replacing();
    world.report(first, ReplaceRejected, |event| event.original_id = id);
    world.clear();
    world.intend(vec![replace_intent(id, PRICE, 20)]);
    let second = world.commands::<records::ReplaceOrder>()[0].owner.order_id;
    assert!(second != first && world.held() == 20);
    let again = |event: &mut records::OrderEvent| (event.original_id, event.possible_duplicate) = (id, 1);
    world.report(first, ReplaceRejected, again);
    assert_eq!((world.state(id), world.held()), (OrderState::PendingReplace, 20), "nobody refused the second");
    world.report(second, Replaced, |event| {
        (event.original_id, event.lots, event.leaves_lots) = (id, 20, 20);
    });
    world.report(first, ReplaceRejected, again);
    assert_eq!((world.state(id), world.held()), (OrderState::Live, 20));
    assert!(world.breaks().is_empty(), "{:?}", world.breaks());
}

/// Some venues say "canceled" of the order that a replace took the place of.
#[test]
fn r7_a_cancel_of_the_replaced_order_does_not_end_its_replacement() {
    for kind in [Canceled, Expired, NotFound] {
        let (mut world, id, replacement) = replacing();
        world.report(replacement, Replaced, |event| {
            (event.original_id, event.lots, event.leaves_lots) = (id, 15, 15);
        });
        world.report(id, kind, |event| (event.lots, event.leaves_lots) = (LOTS, 0));
        assert_eq!((world.state(id), world.held()), (OrderState::Live, 15), "{kind:?}");
        world.report(replacement, kind, |event| (event.original_id, event.lots, event.leaves_lots) = (id, 15, 0));
        assert_eq!(world.held(), if kind == NotFound { 15 } else { 0 }, "{kind:?} of the order in force counts");
    }
    // The replacement was refused, so its end is not the order's.
    let (mut world, id, replacement) = replacing();
    world.report(replacement, ReplaceRejected, |event| event.original_id = id);
    world.report(id, Canceled, |event| event.lots = LOTS);
    assert_eq!((world.state(id), world.held()), (OrderState::Canceled, 0));
}

#[test]
fn r7_a_disconnect_leaves_positions_and_holds_as_they_are() {
    let mut world = World::new();
    let filled = world.live_order(Side::Buy, LOTS);
    world.fill(filled, 4);
    let sold = world.live_order(Side::Sell, 3);
    world.fill(sold, 3);
    let (position, held, room) = (world.position(SHARE), world.held(), headroom(&world));
    for state in [SessionState::Down, SessionState::Recovering, SessionState::Down, SessionState::Up] {
        world.session(VENUE, state);
        assert_eq!((world.position(SHARE), world.held(), headroom(&world)), (position, held, room), "{state:?}");
    }
    assert!(world.breaks().is_empty());
}

/// Another session at the venue (a new day, a venue that lost its memory) has no word on orders of the one before.
#[test]
fn r8_a_session_that_knows_nothing_of_our_orders_does_not_make_us_flat() {
    let mut world = World::new();
    let id = world.live_order(Side::Buy, LOTS);
    world.fill(id, 4);
    world.session(VENUE, SessionState::Down);
    let mut up = Session::new();
    (up.header.venue, up.state, up.renewed) = (VENUE, SessionState::Up.code(), 1);
    world.clear();
    world.give(&up);
    assert_eq!((world.state(id), world.held(), world.position(SHARE)), (OrderState::Unknown, 6, 4));
    assert_eq!(world.breaks(), [BreakKind::ImpossibleTransition], "someone has to look");
    assert!(world.commands::<records::CancelOrder>().is_empty(), "that session has nothing to cancel");
    // It stays so through further reconnects, and new orders can be sent.
    world.session(VENUE, SessionState::Down);
    world.session(VENUE, SessionState::Up);
    assert_eq!((world.state(id), world.held()), (OrderState::Unknown, 6));
    let other = world.live_order(Side::Buy, 1);
    assert_eq!((world.state(other), world.held()), (OrderState::Live, 7));
    // A late word of the venue ends it.
    world.report(id, Canceled, |event| (event.lots, event.leaves_lots, event.possible_duplicate) = (6, 0, 1));
    assert_eq!((world.state(id), world.held()), (OrderState::Canceled, 1));
}

/// A cancel that went down with its session, or with the gateway that was to take it, is asked of the next one, for an order that
/// nobody has answered either.
#[test]
fn h1_a_cancel_that_was_lost_with_its_session_is_sent_again_to_the_next() {
    for is_acknowledged in [true, false] {
        let mut world = World::new();
        let id = if is_acknowledged { world.live_order(Side::Buy, LOTS) } else { world.order(Side::Buy, LOTS) };
        world.intend(vec![cancel_intent(id)]);
        for life in 1..=3 {
            let cancels = world.commands::<records::CancelOrder>();
            assert_eq!(cancels.len(), 1, "acknowledged: {is_acknowledged}, life {life}");
            assert_eq!(cancels[0].owner.order_id, id);
            assert_eq!(world.held(), LOTS);
            world.clear();
            world.session(VENUE, SessionState::Down);
            world.session(VENUE, SessionState::Up);
        }
        world.report(id, Canceled, |event| (event.lots, event.leaves_lots) = (LOTS, 0));
        assert_eq!((world.state(id), world.held()), (OrderState::Canceled, 0));
    }
}

/// Two lives of an engine asked, and the gateway says of each cancel that it could not leave: the second word is no break.
#[test]
fn v5_a_cancel_that_never_left_may_be_told_once_for_each_life_that_asked() {
    let mut world = World::new();
    let id = world.live_order(Side::Buy, LOTS);
    world.intend(vec![cancel_intent(id)]);
    for reason in [Reason::Closed, Reason::Disconnected, Reason::Disconnected] {
        world.report(id, CancelRejected, |event| event.reason = reason.code());
        assert_eq!((world.state(id), world.held()), (OrderState::Live, LOTS), "{reason:?}");
    }
    assert!(world.breaks().is_empty(), "{:?}", world.breaks());
    world.report(id, CancelRejected, |event| event.reason = Reason::TooLate.code());
    assert_eq!(world.breaks(), [BreakKind::ImpossibleTransition], "a venue that refuses what nobody asked is one");
}

/// Another session counts its executions from the start again: the same number is another trade.
#[test]
fn v3_an_execution_number_of_another_session_is_another_execution() {
    let mut world = World::new();
    let id = world.live_order(Side::Buy, LOTS);
    let execution = world.fill(id, 4);
    let mut up = Session::new();
    (up.header.venue, up.state, up.renewed) = (VENUE, SessionState::Up.code(), 1);
    world.session(VENUE, SessionState::Down);
    world.give(&up);
    world.clear();
    let other = world.live_order(Side::Buy, 6);
    let fill = |again: u8, lots: i64| {
        move |event: &mut records::OrderEvent| {
            (event.lots, event.price_nanos, event.execution_id) = (lots, PRICE, execution);
            event.possible_duplicate = again;
        }
    };
    // The venue kept its name and replays what we know already.
    world.report(id, Filled, fill(1, 4));
    assert_eq!((world.position(SHARE), world.state(other)), (4, OrderState::Live));
    world.report(other, Filled, fill(0, 6));
    assert_eq!((world.position(SHARE), world.state(other)), (LOTS, OrderState::Filled));
    assert!(world.breaks().is_empty(), "{:?}", world.breaks());
    world.report(other, Filled, fill(1, 6));
    assert_eq!(world.position(SHARE), LOTS);
    // In the session that told it, it stays a break.
    world.report(other, Filled, fill(0, 6));
    assert_eq!((world.position(SHARE), world.breaks()), (LOTS, vec![BreakKind::DuplicateExecution]));
}
