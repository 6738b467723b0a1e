//! Kill fields, each by itself and together: what they stop, what they pull, and what is under way meanwhile.

mod support;

use records::*;
use support::{PRICE, SHARE, TICK, VENUE, World, new_intent, replace_intent};

fn kill(new_orders: KillNew, resting: KillResting, flatten: u8, revision: u64) -> Kill {
    let mut record = Kill::new();
    (record.node, record.selector) = (1, SelectorKind::All.code());
    (record.new_orders, record.resting, record.flatten) = (new_orders.code(), resting.code(), flatten);
    (record.generation, record.revision) = (1, revision);
    record
}

fn cancels(world: &World) -> Vec<u64> {
    world.commands::<CancelOrder>().iter().map(|cancel| cancel.owner.order_id).collect()
}

/// A position of ten lots bought, with an order on each side.
fn long_world() -> (World, u64, u64) {
    let mut world = World::new();
    let bought = world.live_order(Side::Buy, 10);
    world.fill(bought, 10);
    let (buy, sale) = (world.live_order(Side::Buy, 5), world.live_order(Side::Sell, 10));
    world.clear();
    (world, buy, sale)
}

#[test]
fn cancel_increasing_leaves_what_reduces_the_position() {
    let (mut world, buy, sale) = long_world();
    world.give(&kill(KillNew::Allow, KillResting::CancelIncreasing, 0, 1));
    assert_eq!(cancels(&world), [buy]);
    assert_eq!(world.state(sale), OrderState::Live);
    // All sales together would go through zero: any of them may be the one that does.
    let (mut world, buy, sale) = long_world();
    let more = world.live_order(Side::Sell, 1);
    world.clear();
    world.give(&kill(KillNew::Allow, KillResting::CancelIncreasing, 0, 1));
    let mut pulled = cancels(&world);
    pulled.sort_unstable();
    assert_eq!(pulled, [buy, sale, more]);
}

#[test]
fn the_fields_are_independent_and_the_strictest_counts() {
    let (mut world, _, _) = long_world();
    world.give(&kill(KillNew::None, KillResting::Keep, 0, 1));
    assert!(cancels(&world).is_empty(), "none and keep");
    world.intend(vec![OrderIntent { side: u32::from(Side::Sell.code()), ..new_intent(Side::Sell, 1) }]);
    assert_eq!(world.outputs::<RiskReject>()[0].code, RejectCode::StateNone.code());
    let mut other = kill(KillNew::Allow, KillResting::Cancel, 0, 1);
    other.node = 3;
    world.give(&other);
    assert_eq!(cancels(&world).len(), 2, "the strategy's node pulls, the firm's stops");
    world.intend(vec![new_intent(Side::Buy, 1)]);
    assert_eq!(world.outputs::<RiskReject>().len(), 2, "still none");
}

#[test]
fn a_kill_while_a_replace_is_under_way_pulls_whichever_comes_of_it() {
    for replaced in [true, false] {
        let mut world = World::new();
        let id = world.live_order(Side::Buy, 5);
        world.intend(vec![replace_intent(id, PRICE - TICK, 8)]);
        let replacement = world.commands::<ReplaceOrder>()[0].owner.order_id;
        world.give(&kill(KillNew::None, KillResting::Cancel, 0, 1));
        assert_eq!(cancels(&world), [id]);
        assert_eq!(world.held(), 8, "the larger of both");
        world.clear();
        if replaced {
            world.report(replacement, OrderEventKind::Replaced, |event| {
                (event.original_id, event.lots, event.leaves_lots) = (id, 8, 8);
            });
            assert_eq!(cancels(&world), [replacement], "the cancel of what it was is worth nothing now");
            world.report(replacement, OrderEventKind::Canceled, |event| event.lots = 8);
        } else {
            world.report(id, OrderEventKind::Canceled, |event| event.lots = 5);
        }
        assert_eq!((world.held(), world.engine.live_orders().count()), (0, 0));
    }
}

#[test]
fn a_kill_while_a_cancel_is_under_way_sends_no_second_and_stays_owed() {
    let mut world = World::new();
    let id = world.live_order(Side::Buy, 5);
    world.intend(vec![support::cancel_intent(id)]);
    world.give(&kill(KillNew::None, KillResting::Cancel, 0, 1));
    assert_eq!(cancels(&world), [id]);
    world.report(id, OrderEventKind::CancelRejected, |event| event.reason = Reason::Closed.code());
    world.give(&Timer::new());
    assert_eq!(cancels(&world), [id, id]);
}

#[test]
fn unknown_orders_keep_their_holds_and_are_pulled_when_the_session_is_back() {
    let mut world = World::new();
    let id = world.live_order(Side::Buy, 5);
    world.session(VENUE, SessionState::Down);
    world.clear();
    world.give(&kill(KillNew::None, KillResting::Cancel, 0, 1));
    assert_eq!((world.state(id), world.held()), (OrderState::Unknown, 5));
    assert!(cancels(&world).is_empty(), "nothing can carry it");
    world.session(VENUE, SessionState::Up);
    assert_eq!((cancels(&world), world.held()), (vec![id], 5));
}

#[test]
fn an_order_that_turns_up_after_the_kill_is_pulled_too() {
    let mut world = World::new();
    world.give(&kill(KillNew::None, KillResting::Cancel, 0, 1));
    let stray = records::OrderId::new(OrderIdParts { day: 2000, shard: 1, epoch: 1, counter: 900 }).0;
    world.report(stray, OrderEventKind::Accepted, |event| {
        (event.side, event.lots, event.leaves_lots, event.price_nanos) = (Side::Buy.code(), 7, 7, PRICE);
        (event.header.venue, event.header.instrument) = (VENUE, SHARE);
    });
    assert_eq!((cancels(&world), world.held()), (vec![stray], 7));
}

#[test]
fn flatten_is_answered_as_not_carried_out_and_the_rest_of_the_kill_is_in_force() {
    let (mut world, buy, sale) = long_world();
    world.give(&kill(KillNew::None, KillResting::Cancel, 1, 1));
    let mut pulled = cancels(&world);
    pulled.sort_unstable();
    assert_eq!(pulled, [buy, sale]);
    assert_eq!(world.outputs::<Applied>()[0].outcome, 5);
    assert!(world.commands::<NewOrder>().is_empty());
    world.give(&kill(KillNew::None, KillResting::Cancel, 2, 2));
    assert_eq!(world.outputs::<Applied>()[1].outcome, 3, "2 is no answer to yes or no");
}
