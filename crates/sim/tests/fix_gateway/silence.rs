//! An engine that says nothing any more: its orders are pulled until none is open, whatever is in the way of it.

use records::OrderEventKind::*;
use records::*;

use crate::venue::Do;
use crate::world::{MILLISECOND, Setup, World};

const SILENCE_MS: u64 = 40;
/// What is open is asked for again so often, ms.
const AGAIN_MS: u64 = 1_000;

fn setup(seed: u64) -> Setup {
    Setup { silence_ms: SILENCE_MS, ..Setup::new(seed) }
}

fn open(world: &World) -> usize {
    world.books.borrow().orders.iter().filter(|order| order.open).count()
}

#[test]
fn a_cancel_that_the_venue_refuses_is_asked_for_again() {
    let mut world = World::up(setup(301));
    let id = world.buy(100, 58_533);
    world.run(2);
    world.books.borrow_mut().ways.refuses = Some(2);
    world.books.borrow_mut().ways.unsupported.push("q");
    world.run(SILENCE_MS + 2);
    assert_eq!((world.taken(&["F"]).len(), open(&world)), (1, 1), "refused once, and not asked for all the time");
    world.books.borrow_mut().ways.refuses = None;
    world.run(AGAIN_MS + 2);
    assert_eq!((world.taken(&["F"]).len(), open(&world)), (2, 0));
    assert_eq!(world.last_event(id).reason, Reason::EngineSilent.code());
    world.run(2 * AGAIN_MS);
    assert_eq!(world.taken(&["F"]).len(), 2, "what is gone is left alone");
}

#[test]
fn cancels_that_a_lost_connection_took_along_are_asked_for_in_the_next() {
    for (seed, kind) in (311..).zip(["F", "q"]) {
        let mut world = World::up(setup(seed));
        let ids: Vec<_> = (0..20).map(|cents| world.buy(10, 58_000 + cents)).collect();
        world.run(2);
        world.books.borrow_mut().ways.ignores.push(kind);
        if kind == "F" {
            world.books.borrow_mut().ways.unsupported.push("q");
        }
        world.run(SILENCE_MS + 2);
        assert_eq!(open(&world), 20, "what was asked for is lost");
        world.books.borrow_mut().ways.ignores.clear();
        world.sim.net.cut_streams();
        world.run(12 + AGAIN_MS);
        assert_eq!(open(&world), 0, "{kind}");
        assert!(ids.iter().all(|id| world.kinds(*id).contains(&Canceled)), "{kind}");
    }
}

#[test]
fn a_reduction_under_way_does_not_keep_its_order() {
    let mut world = World::up(setup(341));
    let id = world.buy(100, 58_533);
    world.run(2);
    world.books.borrow_mut().ways.ignores.push("G");
    world.cancel(id, 40);
    world.run(SILENCE_MS + AGAIN_MS + 4);
    assert_eq!(open(&world), 0);
}

/// A host was lost, the engine does not come back, and the link is full of what nobody reads.
#[test]
fn a_gateway_whose_link_is_full_pulls_all_the_same_and_keeps_what_it_has_to_say() {
    for (seed, profile) in [(351, "{}"), (352, r#"{"reset_on_logon":true}"#)] {
        let mut world = World::up(Setup { ring_records: 64, profile, ..setup(seed) });
        let ids: Vec<_> = (0..50).map(|cents| world.buy(10, 58_000 + cents)).collect();
        world.run(2);
        (0..40).for_each(|at| world.venue_does(Do::Fill(at, 5, 58_000 + at as i64)));
        world.sim.run_for(2 * MILLISECOND);
        world.kill_gateway();
        world.start_gateway();
        world.sim.run_for((SILENCE_MS + AGAIN_MS) * MILLISECOND);
        assert_eq!(open(&world), 0, "seed {seed}: nobody reads, and all are gone");
        world.run(40);
        let filled: i64 = world.books.borrow().orders.iter().map(|order| order.filled).sum();
        let mut told = std::collections::BTreeMap::new();
        for event in world.events.iter().filter(|event| event.event == Filled.code()) {
            told.insert((event.owner.order_id, event.execution_id), event.lots);
        }
        assert_eq!((told.values().sum::<i64>(), filled), (200, 200), "seed {seed}: what waited is told");
        assert!(ids.iter().all(|id| world.kinds(*id).contains(&Canceled)), "seed {seed}");
        world.kill_gateway();
        world.start_gateway();
        world.run(12);
        assert_eq!(world.states.last(), Some(&SessionState::Up), "seed {seed}");
    }
}
