//! A calm network: orders flow, fills happen, everybody agrees, and the same seed does the same again.

use exchange::{CommandSource, FlowConfig, FlowSource};
use records::RECORD_BYTES_MAX;
use tiles::Storage;

use crate::flow::FLOW_SESSION;
use crate::world::{Checked, MILLISECOND, Setup, World};

fn hashes(setup: &Setup) -> (u64, u64, u64, Checked) {
    let mut world = World::new(setup.clone());
    world.run_to_rest();
    let exchanges = world.exchange_hash(1) ^ world.exchange_hash(setup.venues).rotate_left(1);
    let checked = world.check_at_rest();
    let engine = world.with_engine(|engine| engine.full_hash());
    world.close_engine();
    let replay = world.replay();
    assert_eq!(replay.agrees(), Some(true), "seed {}: {replay:?}", setup.seed);
    (engine, exchanges, replay.full_hash, checked)
}

#[test]
pub fn calm_two_venues_agree_with_the_engine_and_a_seed_repeats_itself() {
    for seed in 1..=3 {
        let setup = Setup { venues: 2, ..Setup::new(seed) };
        let (engine, exchanges, replayed, checked) = hashes(&setup);
        assert!(checked.fills > 100 && checked.accepted > 300, "seed {seed}: {checked:?}");
        assert_eq!(checked.breaks, 0, "seed {seed}");
        assert_eq!(engine, replayed, "seed {seed}");
        assert_eq!(
            (engine, exchanges),
            {
                let again = hashes(&setup);
                (again.0, again.1)
            },
            "seed {seed}"
        );
        assert_ne!(engine, hashes(&Setup { venues: 2, ..Setup::new(seed + 100) }).0, "seed {seed}");
    }
}

/// The fitted generator, its time run faster so that a short run sees much of it.
struct Faster {
    flow: FlowSource,
    start_ns: u64,
    stop_ns: u64,
}

impl CommandSource for Faster {
    fn next(&mut self, now_ns: u64, out: &mut [u8; RECORD_BYTES_MAX]) -> Option<usize> {
        let start_ns = *std::cmp::Ord::max(&mut self.start_ns, &mut 1);
        if now_ns >= self.stop_ns { None } else { self.flow.next(start_ns + (now_ns - start_ns) * 200, out) }
    }

    fn heard(&mut self, event: &records::ExchangeEvent) {
        self.flow.heard(event);
    }
}

#[test]
pub fn calm_fitted_generator_drives_the_loop() {
    let seed = 11;
    let mut world = World::empty(Setup::new(seed));
    let flow = FlowConfig {
        session: FLOW_SESSION,
        instrument: 1,
        symbol: "AAPL".into(),
        file: None,
        fit: "aapl".into(),
        seed,
        speed_ppm: 1_000_000,
        lag_ns: 0,
        leave_out_ppm: 0,
        shift_ppm: 0,
        jitter_ns: 0,
        orders_max: 1 << 12,
    };
    let storage: std::rc::Rc<dyn Storage> = std::rc::Rc::new(world.sim.disk("exchange1"));
    let (start_ns, stop_ns) = (tiles::Clock::now_ns(&world.sim.clock), world.stop_ns);
    let flow = FlowSource::read(&[flow], storage).unwrap();
    world.start_exchange(1, Box::new(Faster { flow, start_ns, stop_ns }));
    world.start_feed(1);
    world.start_rest();
    world.run(10 * MILLISECOND);
    world.run_to_rest();
    let checked = world.check_at_rest();
    assert!(checked.fills > 20 && checked.accepted > 100, "seed {seed}: {checked:?}");
    assert_eq!(world.breaks(), [""; 0], "seed {seed}");
}
