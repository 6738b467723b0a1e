//! Order sessions that break at any byte, gateways, exchanges and engines that die: no order lost, doubled or held for ever.

use records::*;
use sim::{Faults, Random};

use crate::world::{MILLISECOND, Setup, World};

/// Streams are slow, arrive in pieces, and take little at a time.
const SLOW: Faults = Faults { tcp_delay_ns: (5_000, 300_000), tcp_window_bytes: 300, ..Faults::NONE };

fn setup(seed: u64) -> Setup {
    Setup { faults: SLOW, run_ns: 120 * MILLISECOND, ..Setup::new(seed) }
}

/// Goes on to the end, with something happening every few milliseconds.
fn trouble(world: &mut World, between_ns: (u64, u64), mut happen: impl FnMut(&mut World, &mut Random)) {
    let mut random = Random::new(world.setup.seed + 77);
    while tiles::Clock::now_ns(&world.sim.clock) < world.stop_ns {
        world.run(random.between(between_ns.0, between_ns.1));
        happen(world, &mut random);
    }
    world.run_to_rest();
}

#[test]
pub fn session_cut_at_any_byte_loses_and_doubles_nothing() {
    let (mut fills, mut reconnects, mut unknown) = (0, 0, 0);
    for seed in 1..=24 {
        let mut world =
            World::new(Setup { cancel_on_disconnect: ["all", "day_orders", "none"][seed as usize % 3], ..setup(seed) });
        trouble(&mut world, (3 * MILLISECOND, 15 * MILLISECOND), |world, random| {
            if random.between(0, 2) == 0 {
                world.sim.net.cut_streams()
            } else {
                world.sim.net.break_streams()
            }
            world.run(MILLISECOND);
            unknown += world.with_engine(|engine| engine.unknown_orders());
        });
        let checked = world.check_at_rest();
        fills += checked.fills;
        reconnects += world.counter("gateway1.gateway.connects") - 1;
        assert_eq!(world.breaks(), [""; 0], "seed {seed}");
        assert_eq!(world.replay().agrees(), Some(true), "seed {seed}");
    }
    assert!(
        fills > 300 && reconnects > 100 && unknown > 50,
        "{fills} fills, {reconnects} reconnects, {unknown} unknown"
    );
}

#[test]
pub fn session_cut_in_the_midst_of_writes_by_the_network_itself() {
    for seed in 101..=112 {
        let faults = Faults { tcp_cut: 4_000, ..SLOW };
        let mut world = World::new(Setup { faults, ..setup(seed) });
        trouble(&mut world, (5 * MILLISECOND, 5 * MILLISECOND), |_, _| {});
        world.sim.net.set_faults(SLOW);
        world.run(100 * MILLISECOND);
        world.check_at_rest();
        assert!(world.counter("gateway1.gateway.disconnects") > 0, "seed {seed}");
        assert_eq!(world.breaks(), [""; 0], "seed {seed}");
    }
}

#[test]
pub fn gateway_killed_and_started_again_goes_on_from_its_journal() {
    for seed in 1..=16 {
        let mut world = World::new(setup(seed));
        let mut kills = 0;
        trouble(&mut world, (5 * MILLISECOND, 25 * MILLISECOND), |world, random| {
            kills += 1;
            world.kill_gateway(1);
            world.run(random.between(0, 3 * MILLISECOND));
            // What it took before it died may come again.
            world.sim.give_again("gateway1", random.between(0, 12) as usize);
            world.start_gateway(1);
        });
        let checked = world.check_at_rest();
        assert!(checked.fills > 5 && kills > 3, "seed {seed}: {checked:?}, {kills} kills");
        assert_eq!(world.breaks(), [""; 0], "seed {seed}");
        assert_eq!(world.replay().agrees(), Some(true), "seed {seed}");
    }
}

#[test]
pub fn exchange_killed_and_started_again_goes_on_from_its_journal() {
    for seed in 1..=8 {
        let mut world = World::new(Setup { run_ns: 160 * MILLISECOND, ..setup(seed) });
        for _ in 0..2 {
            world.run(40 * MILLISECOND);
            let (tile, id) = world.venue(1).exchange.take().expect("an exchange runs");
            world.sim.kill(id);
            drop(tile);
            world.run(3 * MILLISECOND);
            let storm = world.storm(1);
            world.start_exchange(1, storm);
        }
        world.run_to_rest();
        // What was made and not sent before a death shows with the next heartbeat at the latest.
        world.run(1_200 * MILLISECOND);
        let checked = world.check_at_rest();
        assert!(checked.fills > 10, "seed {seed}: {checked:?}");
        assert_eq!(world.breaks(), [""; 0], "seed {seed}");
    }
}

#[test]
pub fn engine_that_falls_silent_has_its_orders_pulled_and_each_is_reported() {
    let mut all_pulled = 0;
    for seed in 1..=6 {
        let mut world = World::new(Setup { run_ns: 300 * MILLISECOND, ..setup(seed) });
        while world.with_engine(|engine| engine.live_orders().count()) < 10 {
            world.run(MILLISECOND);
        }
        let (tile, id) = world.engine.take().expect("an engine runs");
        world.sim.kill(id);
        drop(tile);
        world.run(30 * MILLISECOND);
        assert_eq!(world.counter("gateway1.gateway.pulled"), 0, "seed {seed}: it is not silent for long enough yet");
        world.run(60 * MILLISECOND);
        let pulled = world.counter("gateway1.gateway.pulled");
        world.start_engine();
        world.run_to_rest();
        let checked = world.check_at_rest();
        assert!(checked.fills > 0, "seed {seed}: {checked:?}");
        assert_eq!(world.breaks(), [""; 0], "seed {seed}");
        let silent = world.inputs(|record| match record {
            RecordRef::OrderEvent(event) => event.reason == Reason::EngineSilent.code(),
            _ => false,
        });
        assert!(silent <= pulled, "seed {seed}: {silent} of {pulled} reported as pulled");
        all_pulled += silent;
        assert_eq!(world.replay().agrees(), Some(true), "seed {seed}");
    }
    assert!(all_pulled > 10, "{all_pulled} pulled");
}

#[test]
pub fn everything_dies_by_turns_and_the_truth_is_found_again() {
    for seed in 1..=10 {
        let mut world = World::new(Setup { venues: 2, run_ns: 200 * MILLISECOND, ..setup(seed) });
        let mut lives = 1;
        trouble(&mut world, (10 * MILLISECOND, 30 * MILLISECOND), |world, random| match random.between(0, 3) {
            0 => {
                world.kill_gateway(1);
                world.run(random.between(0, 3 * MILLISECOND));
                world.start_gateway(1);
            }
            1 if lives < 6 => {
                lives += 1;
                let (tile, id) = world.venue(2).exchange.take().expect("an exchange runs");
                world.sim.kill(id);
                drop(tile);
                let storm = world.storm(2);
                world.start_exchange(2, storm);
            }
            2 => {
                let (tile, id) = world.engine.take().expect("an engine runs");
                world.sim.kill(id);
                drop(tile);
                world.run(random.between(0, 20 * MILLISECOND));
                world.start_engine();
            }
            _ => world.sim.net.break_streams(),
        });
        world.run(1_200 * MILLISECOND);
        world.check_at_rest();
        assert_eq!(world.breaks(), [""; 0], "seed {seed}");
        assert_eq!(world.replay().agrees(), Some(true), "seed {seed}");
    }
}

#[test]
pub fn a_cancel_of_an_order_that_never_left_is_told_that_the_venue_does_not_have_it() {
    let mut world = World::empty(setup(1));
    let storm = world.storm(1);
    world.start_exchange(1, storm);
    world.start_gateway(1);
    let mut engine = world.sim.context("engine");
    world.run(10 * MILLISECOND);
    let mut cancel = CancelOrder::new();
    (cancel.header.venue, cancel.owner.order_id, cancel.owner.epoch) = (1, 77, 1);
    engine.publications.get_mut("engine_gateway1").unwrap().offer(bytes_of(&cancel));
    world.run(MILLISECOND);
    let mut told = Vec::new();
    engine.subscriptions.get_mut("gateway1_engine").unwrap().poll(100, &mut |record| {
        if let Ok(RecordRef::OrderEvent(event)) = parse(record) {
            told.push((event.owner.order_id, OrderEventKind::from_code(event.event)));
        }
    });
    assert_eq!(told, [(77, Some(OrderEventKind::NotFound))]);
}
