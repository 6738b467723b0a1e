//! Market data on a bad network: lines that lose, double and reorder, late joins, blackouts, readers that die. The engine's
//! book is the exchange's in the end, and until then its strategy knows that it is not.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use records::BOOK_STALE;
use sim::Faults;

use crate::bootstrap::INSTRUMENT;
use crate::flow::Held;
use crate::world::{MILLISECOND, Setup, World, line};

const LOSSY: Faults = Faults {
    udp_delay_ns: (5_000, 200_000),
    udp_loss: 100_000,
    udp_duplicate: 50_000,
    udp_reorder: 30_000,
    ..Faults::NONE
};
const DARK: Faults = Faults { udp_loss: 1_000_000, ..Faults::NONE };
/// Until a heartbeat of the feed has told whoever missed the last message.
const HEARTBEAT: u64 = 1_200 * MILLISECOND;

fn setup(seed: u64) -> Setup {
    Setup { run_ns: 100 * MILLISECOND, ..Setup::new(seed) }
}

fn set_lines(world: &World, a: Faults, b: Faults) {
    world.sim.net.set_faults_to(line(1, 1), a);
    world.sim.net.set_faults_to(line(1, 2), b);
}

fn heal(world: &mut World) {
    world.run_to_rest();
    set_lines(world, Faults::NONE, Faults::NONE);
    world.sim.net.set_faults(Faults::NONE);
    world.run(HEARTBEAT);
}

#[test]
fn one_bad_line_costs_nothing_and_two_are_healed_by_retransmission() {
    let mut requests = [0; 3];
    for seed in 1..=9 {
        let mut world = World::new(setup(seed));
        world.run(MILLISECOND);
        let kind = seed as usize % 3;
        match kind {
            0 => set_lines(&world, LOSSY, Faults::NONE),
            1 => set_lines(&world, Faults::NONE, LOSSY),
            _ => set_lines(&world, LOSSY, LOSSY),
        }
        heal(&mut world);
        requests[kind] += world.counter("feed1.feed.retransmission_requests");
        if kind == 2 {
            assert!(world.counter("feed1.feed.gaps") > 0, "seed {seed}");
            assert!(world.counter("exchange1.feed.messages_retransmitted") > 0, "seed {seed}");
            assert!(world.seen.stale.load(Ordering::Relaxed) > 0, "seed {seed}: the strategy was told");
            assert!(world.seen.live_again.load(Ordering::Relaxed) > 0, "seed {seed}");
        }
        assert!(world.check_at_rest().fills > 0, "seed {seed}");
        assert_eq!(world.breaks(), [""; 0], "seed {seed}");
        assert_eq!(world.replay().agrees(), Some(true), "seed {seed}");
    }
    assert_eq!(requests[..2], [0, 0], "with one good line nothing is missing");
    assert!(requests[2] > 10, "{requests:?}");
}

/// The engine's book is the exchange's whenever flow rests, and stale while a line's loss has left it with less.
#[test]
fn lines_lost_in_turn_and_together_leave_the_book_right_or_stale() {
    for seed in 61..=66 {
        let mut world = World::empty(Setup { feed_messages: 256, run_ns: 20_000 * MILLISECOND, ..setup(seed) });
        let holds = Rc::new(Cell::new(false));
        let storm = world.storm(1);
        world.start_exchange(1, Box::new(Held { source: storm, holds: Rc::clone(&holds) }));
        world.start_rest();
        world.start_feed(1);
        let is_stale = |world: &World| {
            world.with_engine(|engine| engine.book_view(1, INSTRUMENT).unwrap().flags & BOOK_STALE != 0)
        };
        let rest = |world: &mut World, holds: &Cell<bool>, what: &str| {
            holds.set(true);
            // A heartbeat tells of what was lost last.
            world.run(HEARTBEAT);
            assert!(!is_stale(world) && world.counter("feed1.feed.mode") == 1, "seed {seed}, {what}");
            world.check_book_now(1);
            holds.set(false);
        };
        world.run(10 * MILLISECOND);
        // One line after the other: the other one carries everything.
        for (what, a, b) in [("A is lost", DARK, Faults::NONE), ("B is lost", Faults::NONE, DARK)] {
            set_lines(&world, a, b);
            for _ in 0..20 {
                world.run(MILLISECOND);
                assert!(!is_stale(&world), "seed {seed}, {what}");
            }
            rest(&mut world, &holds, what);
            assert_eq!(world.counter("feed1.feed.gaps"), 0, "seed {seed}, {what}");
        }
        // Both for a moment: retransmission closes the gap.
        set_lines(&world, DARK, DARK);
        world.run(4 * MILLISECOND);
        set_lines(&world, Faults::NONE, Faults::NONE);
        rest(&mut world, &holds, "both are lost for a moment");
        let asked = world.counter("feed1.feed.retransmission_requests");
        assert!(world.counter("feed1.feed.gaps") > 0 && asked > 0, "seed {seed}");
        assert_eq!(world.counter("feed1.feed.snapshots"), 0, "seed {seed}");
        // Both for longer than what is kept to be sent again, flow going on: a snapshot, and stale until it is in.
        set_lines(&world, DARK, DARK);
        world.run(80 * MILLISECOND);
        set_lines(&world, Faults::NONE, Faults::NONE);
        let mut was_stale = false;
        while world.counter("feed1.feed.snapshots") == 0 || world.counter("feed1.feed.mode") != 1 {
            world.run(100_000);
            let incomplete = world.counter("feed1.feed.mode") != 1;
            was_stale |= incomplete && is_stale(&world);
        }
        assert!(was_stale, "seed {seed}");
        rest(&mut world, &holds, "both are lost beyond the window");
        assert_eq!(world.with_engine(|engine| engine.statistics().book_anomalies), 0, "seed {seed}");
    }
}

#[test]
fn a_bad_network_everywhere_is_healed_too() {
    for seed in 21..=26 {
        let faults = Faults { tcp_cut: 200, ..Faults::BAD };
        let mut world = World::new(Setup { faults, venues: 2, ..setup(seed) });
        heal(&mut world);
        world.check_at_rest();
        assert_eq!(world.breaks(), [""; 0], "seed {seed}");
    }
}

#[test]
fn a_late_feed_joins_by_snapshot_when_the_retransmission_window_is_past() {
    for seed in 1..=6 {
        let (feed_messages, gap_messages_max) = if seed % 2 == 0 { (128, 5_000) } else { (1 << 14, 50) };
        let mut world = World::without_feeds(Setup { feed_messages, gap_messages_max, ..setup(seed) });
        world.run(50 * MILLISECOND);
        world.start_feed(1);
        heal(&mut world);
        assert!(world.counter("feed1.feed.snapshots") > 0, "seed {seed}");
        assert!(world.check_at_rest().accepted > 0, "seed {seed}: it traded after it joined");
        assert_eq!(world.breaks(), [""; 0], "seed {seed}");
    }
}

#[test]
fn a_late_feed_within_the_window_is_given_everything_again() {
    let mut world = World::without_feeds(setup(31));
    world.run(30 * MILLISECOND);
    world.start_feed(1);
    heal(&mut world);
    assert_eq!(world.counter("feed1.feed.snapshots"), 0);
    assert!(world.counter("feed1.feed.retransmission_requests") > 2);
    assert!(world.check_at_rest().accepted > 0);
}

#[test]
fn a_blackout_beyond_the_window_is_stale_then_healed_by_snapshot() {
    for seed in 1..=6 {
        let mut world = World::new(Setup { feed_messages: 128, ..setup(seed) });
        world.run(30 * MILLISECOND);
        set_lines(&world, DARK, DARK);
        world.run(30 * MILLISECOND);
        set_lines(&world, Faults::NONE, Faults::NONE);
        heal(&mut world);
        assert!(world.counter("feed1.feed.snapshots") > 0, "seed {seed}");
        assert!(world.seen.stale.load(Ordering::Relaxed) > 0, "seed {seed}");
        assert!(world.seen.live_again.load(Ordering::Relaxed) > 0, "seed {seed}");
        world.check_at_rest();
    }
}

#[test]
fn a_feed_killed_and_started_again_leaves_no_order_of_before_in_the_book() {
    for seed in 1..=6 {
        let mut world = World::new(setup(seed));
        for _ in 0..3 {
            world.run(20 * MILLISECOND);
            let (tile, id) = world.venue(1).feed.take().expect("a feed runs");
            world.sim.kill(id);
            drop(tile);
            world.run(2 * MILLISECOND);
            world.start_feed(1);
        }
        heal(&mut world);
        world.check_at_rest();
        assert_eq!(world.with_engine(|engine| engine.statistics().book_anomalies), 0, "seed {seed}");
    }
}

#[test]
fn a_small_link_holds_the_feed_back_and_loses_nothing() {
    for seed in 1..=4 {
        let mut world = World::without_feeds(Setup { link_depth: 700, flow_gap_ns: 20_000, ..setup(seed) });
        world.run(40 * MILLISECOND);
        world.start_feed(1);
        heal(&mut world);
        world.check_at_rest();
        assert_eq!(world.counter("feed1.feed.records_refused"), 0, "seed {seed}");
    }
}

#[test]
fn a_market_where_nothing_happens_is_quiet_and_not_silent() {
    let mut world = World::new(setup(41));
    world.run_to_rest();
    world.run(20_000 * MILLISECOND);
    assert_eq!(world.with_engine(|engine| engine.book_view(1, INSTRUMENT).unwrap().flags & BOOK_STALE), 0);
    let told = world.seen.stale.load(Ordering::Relaxed);
    // Without heartbeats of the venue it is silent.
    set_lines(&world, DARK, DARK);
    world.run(9_000 * MILLISECOND);
    assert_eq!(world.with_engine(|engine| engine.book_view(1, INSTRUMENT).unwrap().flags & BOOK_STALE), BOOK_STALE);
    assert_eq!(world.seen.stale.load(Ordering::Relaxed), told + 1, "told once");
    set_lines(&world, Faults::NONE, Faults::NONE);
    world.run(HEARTBEAT);
    world.check_at_rest();
}

#[test]
fn an_engine_that_starts_again_is_told_everything_that_went_past_it() {
    for seed in 51..=54 {
        let mut world = World::new(Setup { engine_silence_ns_max: 5_000 * MILLISECOND, ..setup(seed) });
        world.run(40 * MILLISECOND);
        let (tile, id) = world.engine.take().expect("an engine runs");
        world.sim.kill(id);
        drop(tile);
        // As over a link that has not noticed yet that its reader is gone, and keeps nothing for it.
        let mut gone = world.sim.context("engine");
        world.run(10 * MILLISECOND);
        let link = gone.subscriptions.get_mut("feed1_engine").expect("the engine reads it");
        let mut lost = 0;
        while link.poll(100, &mut |_| lost += 1) > 0 {}
        drop(gone);
        assert!(lost > 10, "seed {seed}: {lost} records went past");
        world.start_engine();
        heal(&mut world);
        assert_eq!(world.counter("feed1.feed.resyncs"), 1, "seed {seed}");
        assert_eq!(world.counter("exchange1.snapshot.given"), 1, "seed {seed}");
        world.check_at_rest();
        assert_eq!(world.breaks(), [""; 0], "seed {seed}");
        assert_eq!(world.replay().agrees(), Some(true), "seed {seed}");
    }
}
