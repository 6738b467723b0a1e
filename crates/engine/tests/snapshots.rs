//! The state as bytes: what is refused, and what is given back. That what is read goes on as what was written is shown by every
//! test of a `World` (`support/twin.rs`).

mod support;

use engine::{Engine, EngineConfig, STATE_VERSION};
use records::*;
use support::{PRICE, Rng, Script, TICK, VENUE, World, config, new_intent};

/// An engine in the middle of things.
fn busy(seed: u64) -> World {
    let (mut world, mut random) = (World::with_slots(2), Rng(seed));
    for _ in 0..60 {
        let side = if random.below(2) == 0 { Side::Buy } else { Side::Sell };
        let lots = 1 + random.below(20) as i64;
        match random.below(4) {
            0 => {
                world.live_order(side, lots);
            }
            1 => {
                let id = world.live_order(side, lots);
                world.fill(id, 1 + random.below(lots as u64) as i64);
            }
            2 => world.intend(vec![new_intent(side, 1 << 40)]),
            _ => {
                let away = (1 + random.below(9) as i64) * TICK;
                world.rest(VENUE, support::FUTURE, side, PRICE - side.sign() * away, lots);
            }
        }
        world.clear();
    }
    world
}

fn restored(state: &[u8]) -> Result<Engine, String> {
    Engine::restore(config(), Box::new(Script::default()), state).map_err(|unrestored| unrestored.error.to_string())
}

#[test]
fn equal_histories_give_equal_bytes_and_others_do_not() {
    let (one, same, other) = (busy(1).engine.save(), busy(1).engine.save(), busy(2).engine.save());
    assert!(one == same && one != other);
    assert_eq!(Engine::hash_of(&one), busy(1).engine.full_hash());
}

#[test]
fn bytes_that_are_cut_changed_or_continued_are_refused_or_another_state_and_never_panic() {
    let mut refused = 0;
    for seed in 1..=4 {
        let state = busy(seed).engine.save();
        let mut random = Rng(seed);
        for _ in 0..300 {
            let mut changed = state.clone();
            let at = random.below(state.len() as u64) as usize;
            changed[at] ^= 1 << random.below(8);
            match restored(&changed) {
                Ok(engine) => {
                    assert!(Engine::hash_of(&engine.save()) != Engine::hash_of(&state), "seed {seed}, byte {at}")
                }
                Err(_) => refused += 1,
            }
            let cut = restored(&state[..at]).err().expect("what is cut is refused");
            assert!(cut.contains("bytes are left"), "{cut}");
        }
        let longer = restored(&[&state[..], &[0]].concat()).err().expect("what goes on is refused");
        assert!(longer.ends_with("1 bytes follow; allowed are none"), "{longer}");
    }
    assert!(refused > 20, "{refused} refused");
}

#[test]
fn a_state_of_other_settings_is_refused_and_the_host_comes_back() {
    let world = busy(3);
    let state = world.engine.save();
    let larger = EngineConfig { orders_max: 512, ..config() };
    let unrestored = Engine::restore(larger, Box::new(Script::default()), &state).err().expect("another engine's");
    assert_eq!(
        unrestored.error.to_string(),
        "byte 128 of the state, Engine.config: the settings of another engine; allowed are this one's"
    );
    let engine = Engine::restore(config(), unrestored.host, &state).ok().expect("the host serves another try");
    assert_eq!(engine.full_hash(), world.engine.full_hash());
}

#[test]
fn a_slot_whose_code_is_not_there_is_said_by_its_number() {
    let script = Script::default();
    script.0.borrow_mut().refuse_load = true;
    let unrestored = Engine::restore(config(), Box::new(script), &busy(4).engine.save()).err().expect("no code");
    assert!(unrestored.error.to_string().ends_with("slot 1: its strategy's code is not there"), "{}", unrestored.error);
}

/// Bytes of another layout must have another version: when this fails, `STATE_VERSION` grows by one, and so does the row here.
#[test]
fn the_layout_has_its_version() {
    let state = Engine::new(config(), Box::new(Script::default())).save();
    assert_eq!((STATE_VERSION, state.len(), Engine::hash_of(&state)), (2, 4454, 13_283_652_740_500_078_368));
}
