//! Strategies that fail, ask for more than there is room for, or flood: the slot is disabled or refused, its orders are
//! pulled, the engine goes on, and a replay does the same.

use records::SlotRun;
use tiles::Clock;

use crate::bootstrap::SLOT;
use crate::strategy::Flaw;
use crate::world::{MILLISECOND, Setup, World};

fn run(seed: u64, flaw: fn(u64) -> Flaw) -> World {
    let mut setup = Setup { run_ns: 100 * MILLISECOND, ..Setup::new(seed) };
    setup.flaw = flaw(sim::Simulation::START_NS + 50 * MILLISECOND);
    let mut world = World::new(setup);
    world.run(45 * MILLISECOND);
    assert!(world.with_engine(|engine| engine.live_orders().count()) > 0, "seed {seed}: orders to pull");
    world
}

fn is_disabled_and_the_engine_goes_on(world: &mut World, seed: u64) {
    assert_eq!(world.with_engine(|engine| engine.slot_run(SLOT)), Some(SlotRun::Disabled), "seed {seed}");
    assert_eq!(world.with_engine(|engine| engine.live_orders().count()), 0, "seed {seed}: all are pulled");
    let input = world.with_engine(|engine| engine.input());
    world.run_to_rest();
    assert!(world.with_engine(|engine| engine.input()) > input + 100, "seed {seed}: the engine goes on");
    assert!(world.check_at_rest().fills > 0, "seed {seed}");
    let hash = world.with_engine(|engine| engine.full_hash());
    assert_eq!(world.breaks(), [""; 0], "seed {seed}");
    let replay = world.replay();
    assert_eq!((replay.agrees(), replay.full_hash), (Some(true), hash), "seed {seed}");
}

#[test]
fn a_strategy_that_fails_is_disabled_its_orders_pulled_and_the_engine_goes_on() {
    for (seed, flaw) in [(1, Flaw::Fails as fn(u64) -> Flaw), (2, Flaw::Overfills), (3, Flaw::Fails)] {
        let mut world = run(seed, flaw);
        world.run(20 * MILLISECOND);
        assert!(world.sim.clock.now_ns() < world.stop_ns);
        is_disabled_and_the_engine_goes_on(&mut world, seed);
    }
}

#[test]
fn a_strategy_that_floods_is_refused_then_disabled_and_the_engine_goes_on() {
    for seed in 4..=6 {
        let mut world = run(seed, Flaw::Floods);
        world.run(30 * MILLISECOND);
        let refused = world.with_engine(|engine| engine.statistics().refused);
        assert!((1_000..2_000).contains(&refused), "seed {seed}: {refused} within a second, and no more");
        is_disabled_and_the_engine_goes_on(&mut world, seed);
    }
}
