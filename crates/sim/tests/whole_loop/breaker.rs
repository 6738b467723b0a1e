//! Venues that refuse, slow down, fall silent, drop the session and come back; and a venue with a throttle, at full load: the
//! breaker opens for its reason and closes again, the throttle is met by nobody, and cancels always pass.

use std::cell::RefCell;
use std::rc::Rc;

use engine::{Outbox, SessionSettings};
use exchange::ThrottleConfig;
use journal::Reader;
use records::*;
use sim::Faults;

use crate::strategy::Flaw;
use crate::world::{MILLISECOND, Setup, World};

/// Rules for a loop that runs for a few hundred milliseconds.
fn rules() -> SessionGuard {
    let settings = SessionSettings {
        rejects_max: 8,
        slow_max: 6,
        window_ns: 50 * MILLISECOND,
        round_trip_ns_max: 4 * MILLISECOND,
        answer_ns_max: 30 * MILLISECOND,
        hold_ns_min: 10 * MILLISECOND,
        hold_ns_max: 40 * MILLISECOND,
        ..SessionSettings::default()
    };
    settings.record(0)
}

/// What a replay of the engine's journal says of one venue's breaker.
#[derive(Default)]
struct Told {
    health: SessionHealth,
    /// State and cause after each change.
    changes: Vec<(u8, u8)>,
    /// Commands that went out while it was open.
    orders_while_open: u64,
    cancels_while_open: u64,
    /// Cancels that went out while no new order would have passed the throttle.
    cancels_while_full: u64,
    orders: u64,
    cancels: u64,
    /// Intents refused by breaker or throttle, by code; those that ask for a cancel apart.
    refused: Vec<u8>,
    cancels_refused: u64,
    full: bool,
    breaks: u64,
}

struct Teller(Rc<RefCell<Told>>);

impl Outbox for Teller {
    fn command(&mut self, _venue: u16, record: &[u8]) {
        let mut told = self.0.borrow_mut();
        let open = told.health.state == BreakerState::Open.code();
        match parse(record) {
            Ok(RecordRef::NewOrder(_) | RecordRef::ReplaceOrder(_)) => {
                told.orders += 1;
                told.orders_while_open += u64::from(open);
                told.full = false;
            }
            Ok(RecordRef::CancelOrder(_)) => {
                told.cancels += 1;
                told.cancels_while_open += u64::from(open);
                told.cancels_while_full += u64::from(told.full);
            }
            _ => {}
        }
    }

    fn output(&mut self, record: &[u8]) {
        let mut told = self.0.borrow_mut();
        match parse(record) {
            Ok(RecordRef::SessionHealth(health)) => {
                told.health = health;
                if health.changed == 1 {
                    told.changes.push((health.state, health.cause));
                }
            }
            Ok(RecordRef::Break(_)) => told.breaks += 1,
            Ok(RecordRef::RiskReject(reject)) => {
                let guards = [RejectCode::BreakerOpen.code(), RejectCode::Throttle.code()];
                if guards.contains(&reject.code) {
                    told.full |= reject.code == RejectCode::Throttle.code();
                    told.refused.push(reject.code);
                    told.cancels_refused += u64::from(reject.intent >= IntentKind::Cancel.code());
                }
            }
            _ => {}
        }
    }
}

/// Ends the engine, checks that its journal gives the same engine again, and what that said.
fn told(world: &mut World) -> Told {
    let seed = world.setup.seed;
    world.close_engine();
    assert_eq!(world.replay().agrees(), Some(true), "seed {seed}");
    let told = Rc::new(RefCell::new(Told::default()));
    let mut reader = Reader::from_storage(&world.sim.disk("engine"), world.setup.segment_bytes).unwrap();
    let mut teller = Teller(Rc::clone(&told));
    engine::replay_reader(&mut reader, None, world.host(), &mut teller, &mut |_, _| {}).unwrap();
    let told = told.take();
    assert_eq!((told.cancels_refused, told.orders_while_open), (0, 0), "seed {seed}");
    told
}

fn state(state: BreakerState, cause: BreakerCause) -> (u8, u8) {
    (state.code(), cause.code())
}

fn opened(told: &Told, cause: BreakerCause) -> usize {
    told.changes.iter().filter(|change| **change == state(BreakerState::Open, cause)).count()
}

#[test]
fn a_venue_that_refuses_opens_the_breaker_and_is_tried_again() {
    let mut trips = 0;
    for seed in 1..=6 {
        // The engine is not told that this venue takes few messages.
        let throttle = ThrottleConfig { messages: 10, window_ns: 20 * MILLISECOND };
        let mut world = World::new(Setup { guard: rules(), throttle, ..Setup::new(seed) });
        world.run_to_rest();
        world.check_at_rest();
        let told = told(&mut world);
        assert_eq!(told.breaks, 0, "seed {seed}");
        assert!(opened(&told, BreakerCause::Rejects) > 0, "seed {seed}: {:?}", told.changes);
        assert!(told.changes.iter().any(|(state, _)| *state == BreakerState::HalfOpen.code()), "seed {seed}");
        assert!(told.health.rejects >= 8 && told.refused.contains(&RejectCode::BreakerOpen.code()), "seed {seed}");
        trips += told.health.trips;
    }
    assert!(trips > 12, "{trips} trips");
}

#[test]
fn a_venue_that_turns_slow_opens_it_and_one_that_is_itself_again_closes_it() {
    let mut cancels_while_open = 0;
    for seed in 1..=6 {
        let mut world = World::new(Setup { guard: rules(), run_ns: 400 * MILLISECOND, ..Setup::new(seed) });
        world.run(60 * MILLISECOND);
        let delay_ns = 6 * MILLISECOND;
        world.sim.net.set_faults(Faults { tcp_delay_ns: (delay_ns, delay_ns), ..Faults::NONE });
        world.run(80 * MILLISECOND);
        assert_eq!(world.with_engine(|engine| engine.breakers_open()), 1, "seed {seed}");
        world.sim.net.set_faults(Faults::NONE);
        world.run(200 * MILLISECOND);
        assert_eq!(world.with_engine(|engine| engine.breakers_open()), 0, "seed {seed}");
        world.run_to_rest();
        world.check_at_rest();
        let told = told(&mut world);
        assert!(opened(&told, BreakerCause::RoundTrip) > 0, "seed {seed}: {:?}", told.changes);
        assert_eq!(told.changes.last().unwrap().0, BreakerState::Closed.code(), "seed {seed}");
        cancels_while_open += told.cancels_while_open;
    }
    assert!(cancels_while_open > 10, "{cancels_while_open} cancels passed an open breaker");
}

#[test]
fn a_venue_that_falls_silent_while_its_connection_stands_opens_it() {
    for seed in 1..=4 {
        let mut world = World::new(Setup { guard: rules(), run_ns: 300 * MILLISECOND, ..Setup::new(seed) });
        world.run(60 * MILLISECOND);
        // Everything is on its way for longer than an answer may take, and arrives after all.
        let delay_ns = 70 * MILLISECOND;
        world.sim.net.set_faults(Faults { tcp_delay_ns: (delay_ns, delay_ns), ..Faults::NONE });
        world.run(50 * MILLISECOND);
        assert_eq!(world.with_engine(|engine| engine.breakers_open()), 1, "seed {seed}");
        world.sim.net.set_faults(Faults::NONE);
        world.run_to_rest();
        world.check_at_rest();
        let told = told(&mut world);
        assert!(opened(&told, BreakerCause::Unanswered) > 0, "seed {seed}: {:?}", told.changes);
        assert_eq!(told.health.state, BreakerState::Closed.code(), "seed {seed}");
    }
}

#[test]
fn a_session_that_drops_is_probed_when_it_is_back() {
    for seed in 1..=6 {
        let mut world = World::new(Setup { guard: rules(), run_ns: 300 * MILLISECOND, ..Setup::new(seed) });
        for _ in 0..3 {
            world.run(50 * MILLISECOND);
            world.sim.net.break_streams();
        }
        world.run_to_rest();
        world.check_at_rest();
        let told = told(&mut world);
        assert_eq!(told.breaks, 0, "seed {seed}");
        let round = [BreakerState::Open, BreakerState::HalfOpen, BreakerState::Closed];
        let rounds = round.map(|at| state(at, BreakerCause::Session)).repeat(3);
        assert_eq!(told.changes, rounds, "seed {seed}");
    }
}

#[test]
fn the_mirror_keeps_every_message_below_the_venues_throttle_at_full_load_and_cancels_pass() {
    let (mut refused, mut cancels_while_full) = (0, 0);
    for seed in 1..=6 {
        let throttle = ThrottleConfig { messages: 60, window_ns: 20 * MILLISECOND };
        let settings = SessionSettings {
            throttle_messages: throttle.messages,
            throttle_window_ns: throttle.window_ns,
            throttle_slack_ns: 2 * MILLISECOND,
            throttle_reserved_percent: 40,
            ..SessionSettings::default()
        };
        // Streams are slow and arrive in pieces: messages reach the venue closer together than they were sent.
        let faults = Faults { tcp_delay_ns: (5_000, 300_000), ..Faults::NONE };
        let flaw = Flaw::Floods(sim::Simulation::START_NS + 100 * MILLISECOND);
        let mut world = World::new(Setup { guard: settings.record(0), throttle, faults, flaw, ..Setup::new(seed) });
        world.run_to_rest();
        let checked = world.check_at_rest();
        assert_eq!(world.counter("exchange1.port1.throttled"), 0, "seed {seed}: the venue refused nothing for it");
        let told = told(&mut world);
        let throttled = told.refused.iter().filter(|code| **code == RejectCode::Throttle.code()).count();
        assert!(told.orders > 60 && checked.accepted > 40, "seed {seed}: {} orders, {checked:?}", told.orders);
        assert_eq!((told.health.throttled, told.health.refused_throttle), (0, throttled as u64), "seed {seed}");
        refused += throttled;
        cancels_while_full += told.cancels_while_full;
    }
    assert!(refused > 100 && cancels_while_full > 20, "{refused} refused, {cancels_while_full} cancels meanwhile");
}
