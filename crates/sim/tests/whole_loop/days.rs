//! The venue's next day: another session, or the same name counting from the start again. Books are the new day's; what was
//! open the day before is held and looked at, never taken for gone.

use records::*;

use crate::bootstrap::INSTRUMENT;
use crate::world::{MILLISECOND, Setup, World};

fn setup(seed: u64) -> Setup {
    Setup { run_ns: 200 * MILLISECOND, ..Setup::new(seed) }
}

fn is_stale(world: &World) -> bool {
    world.with_engine(|engine| engine.book_view(1, INSTRUMENT).unwrap().flags & BOOK_STALE != 0)
}

/// Trades, then the venue's next day begins.
fn into_the_next_day(seed: u64, keeps_session_name: bool, gateway_dies: bool) -> World {
    let mut world = World::new(setup(seed));
    world.venue(1).keeps_session_name = keeps_session_name;
    world.run(60 * MILLISECOND);
    while world.with_engine(|engine| engine.live_orders().count()) < 5 {
        world.run(MILLISECOND / 4);
    }
    if gateway_dies {
        // How far it heard is journaled each second; this one has been told of its session when it came up.
        world.kill_gateway(1);
    }
    let storm = world.storm(1);
    world.next_day(1, storm);
    if gateway_dies {
        world.start_gateway(1);
    }
    world
}

#[test]
fn a_new_day_of_a_feed_under_another_name_is_followed_from_its_first_message() {
    for seed in 1..=4 {
        let mut world = into_the_next_day(seed, false, false);
        world.run(20 * MILLISECOND);
        assert!(!is_stale(&world), "seed {seed}: it follows");
        world.run_to_rest();
        world.run(1_200 * MILLISECOND);
        assert!(world.counter("feed1.feed.packets_of_another_session") >= 8, "seed {seed}");
        assert_eq!(world.counter("feed1.feed.mode"), 1, "seed {seed}");
        world.check_book_now(1);
    }
}

#[test]
fn a_feed_that_counts_from_the_start_again_under_its_name_is_stale_until_a_snapshot() {
    for seed in 5..=8 {
        let mut world = into_the_next_day(seed, true, false);
        world.run_to_rest();
        // Nothing but the past was heard for the time that is called silence.
        world.run(3_500 * MILLISECOND);
        assert!(world.counter("feed1.feed.packets_of_the_past") > 0, "seed {seed}");
        assert_eq!(world.counter("feed1.feed.snapshots"), 1, "seed {seed}");
        world.run(1_200 * MILLISECOND);
        assert_eq!((world.counter("feed1.feed.mode"), is_stale(&world)), (1, false), "seed {seed}");
        world.check_book_now(1);
    }
}

/// A gateway that finds another session has no word on what the one before did with our orders (FAILURES R8, H1).
#[test]
fn r8_a_session_of_a_new_day_is_not_mistaken_for_a_venue_where_we_are_flat() {
    for (seed, keeps_session_name, gateway_dies) in
        [(11, false, false), (12, false, true), (13, true, false), (14, true, true)]
    {
        let mut world = into_the_next_day(seed, keeps_session_name, gateway_dies);
        world.run(60 * MILLISECOND);
        assert_eq!(world.counter("gateway1.gateway.sessions_renewed"), 1, "seed {seed}");
        assert_eq!(world.counter("gateway1.gateway.state"), 1, "seed {seed}: it is up");
        world.run_to_rest();
        world.run(4_000 * MILLISECOND);
        let (held, unknown) = world.held();
        assert!(held > 0 && unknown >= 5, "seed {seed}: {unknown} unknown, {held} held");
        world.with_engine(|engine| {
            for (order, _) in engine.live_orders() {
                assert_eq!(order.state(), OrderState::Unknown, "seed {seed}: {order:?}");
                assert!(order.forsaken, "seed {seed}: of the new day none is left: {order:?}");
            }
            assert!(engine.statistics().breaks >= unknown as u64, "seed {seed}: someone has to look");
        });
        let kind = |wanted: OrderEventKind| move |record: RecordRef| matches!(record, RecordRef::OrderEvent(event) if event.event == wanted.code());
        world.close_engine();
        assert_eq!(
            world.inputs(kind(OrderEventKind::NotFound)),
            0,
            "seed {seed}: nobody said that they were not there"
        );
        assert!(!world.truth(1).orders.is_empty(), "seed {seed}: the new day traded");
    }
}
