//! Control 33: a slot whose intents and orders are refused too often within a short time is disabled, and its orders go.

mod support;

use records::*;
use support::{SLOT, World, config, new_intent};

const COUNT: u64 = 40;
const WITHIN_NS: u64 = 1_000_000;

fn world() -> World {
    World::with_config(engine::EngineConfig { reject_storm_count: COUNT, reject_storm_ns: WITHIN_NS, ..config() }, 1)
}

/// A book callback that asks for `count` orders that make no sense.
fn nonsense(world: &mut World, count: usize) {
    world.intend(vec![OrderIntent { lots: 0, ..new_intent(Side::Buy, 1) }; count]);
}

fn runs(world: &World) -> Option<SlotRun> {
    world.engine.slot_run(SLOT)
}

#[test]
fn a_storm_of_refusals_over_many_callbacks_disables_the_slot_and_pulls_its_orders() {
    let mut world = world();
    let id = world.live_order(Side::Buy, 10);
    for _ in 0..13 {
        nonsense(&mut world, 3);
    }
    assert_eq!(runs(&world), Some(SlotRun::Running), "39 of 40");
    world.clear();
    nonsense(&mut world, 3);
    assert_eq!(runs(&world), Some(SlotRun::Disabled));
    assert_eq!(world.outputs::<RiskReject>().len(), 1, "what is left of the callback's intents is dropped");
    let state = world.outputs::<SlotState>()[0];
    assert_eq!((state.status, state.callback), (CallStatus::RejectStorm.code(), 0));
    assert_eq!(world.commands::<CancelOrder>().iter().map(|cancel| cancel.owner.order_id).collect::<Vec<_>>(), [id]);
    world.clear();
    world.intend(vec![new_intent(Side::Buy, 1)]);
    assert!(world.commands::<NewOrder>().is_empty() && world.heard().is_empty(), "it is not called again");
}

#[test]
fn refusals_far_apart_are_no_storm_and_a_start_counts_anew() {
    let mut world = world();
    for _ in 0..10 {
        nonsense(&mut world, 30);
        world.now_ns += WITHIN_NS;
    }
    assert_eq!(runs(&world), Some(SlotRun::Running));
    nonsense(&mut world, 30);
    nonsense(&mut world, 10);
    assert_eq!(runs(&world), Some(SlotRun::Disabled));
    let mut control = StrategyControl::new();
    (control.slot, control.run) = (SLOT, SlotRun::Running.code());
    world.give(&control);
    nonsense(&mut world, 30);
    assert_eq!(runs(&world), Some(SlotRun::Running), "armed again by a person, from nothing");
}

#[test]
fn orders_that_a_venue_refuses_count_too() {
    let mut world = world();
    for _ in 0..COUNT {
        assert_eq!(runs(&world), Some(SlotRun::Running));
        let id = world.order(Side::Sell, 1);
        world.report(id, OrderEventKind::Rejected, |event| event.reason = Reason::Other.code());
    }
    assert_eq!(runs(&world), Some(SlotRun::Disabled));
}
