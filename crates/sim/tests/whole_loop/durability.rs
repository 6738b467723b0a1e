//! A host that is lost, at durability `disk`: what its venues know of, the engine that comes back knows of, too.

use crate::world::{MILLISECOND, Setup, World};

/// The host is lost with what its disk was not made to take, in the middle of its orders; the gateway begins a new life, too, and asks the
/// venue for its day. What the venue says of before is no news to the engine but for fills, which are booked.
#[test]
pub fn an_engine_whose_host_was_lost_knows_every_order_that_its_venue_does() {
    for seed in 1..=12 {
        let setup = Setup { run_ns: 120 * MILLISECOND, segment_bytes: 1 << 16, held_max: 64, ..Setup::new(seed) };
        let mut world = World::new(setup);
        while world.with_engine(|engine| engine.live_orders().count()) < 10 {
            world.run(MILLISECOND / 8);
        }
        world.run(seed % 40 * MILLISECOND / 20);
        assert!(world.with_engine(|engine| engine.live_orders().count()) > 0, "seed {seed}");
        world.kill_gateway(1);
        let (tile, id) = world.engine.take().expect("an engine runs");
        world.sim.kill(id);
        drop(tile);
        world.sim.disk("engine").lose_host();
        world.start_engine();
        world.start_gateway(1);
        world.run_to_rest();
        let checked = world.check_at_rest();
        assert!(checked.fills > 0, "seed {seed}: {checked:?}");
        assert_eq!(world.breaks(), [""; 0], "seed {seed}");
    }
}
