//! An order session that drops at every byte of its conversation, one run for each: first in what we say, then in what the
//! venue says. Orders, replaces, cancels and fills are the same in every run, so each byte of each message is met.

use records::{NANOS, Side, TimeInForce};

use crate::flow::{ASK, Desk};
use crate::strategy::Step;
use crate::world::{MILLISECOND, Setup, World, order_port};

const PRICE: i64 = 585 * NANOS;
const TICK: i64 = NANOS / 100;

/// Over FIX a conversation has ten times the bytes, most of them in fields that all messages have.
fn stride() -> usize {
    if Setup::new(1).fix.is_some() { 13 } else { 1 }
}

/// The conversation: orders that rest, fill in part, are replaced and cancelled, fills crossing all of it.
fn converse(world: &mut World, desk: &Desk) {
    world.script(Step::New(Side::Buy, PRICE - TICK, 10, TimeInForce::Day));
    world.script(Step::New(Side::Buy, PRICE, 20, TimeInForce::Day));
    world.run(2 * MILLISECOND);
    desk.hit(Side::Sell, PRICE, 5);
    world.script(Step::Replace(PRICE, PRICE + TICK, 18));
    world.script(Step::New(Side::Buy, ASK, 7, TimeInForce::ImmediateOrCancel));
    world.run(2 * MILLISECOND);
    desk.hit(Side::Sell, PRICE + TICK, 4);
    world.script(Step::Cancel(PRICE - TICK));
    world.run(2 * MILLISECOND);
    desk.hit(Side::Sell, PRICE + TICK, 3);
    world.script(Step::Replace(PRICE + TICK, PRICE + 2 * TICK, 16));
    world.run(2 * MILLISECOND);
    world.script(Step::Cancel(PRICE + 2 * TICK));
    desk.hit(Side::Sell, PRICE, 2);
    world.script(Step::New(Side::Sell, PRICE + 3 * TICK, 6, TimeInForce::Day));
    world.run(2 * MILLISECOND);
    desk.hit(Side::Buy, PRICE + 3 * TICK, 6);
    world.run(2 * MILLISECOND);
}

/// Runs the conversation with the session cut after so many bytes in one direction.
fn run(towards_venue: bool, cut_after: Option<u64>) -> (World, u64) {
    let (mut world, desk) = World::scripted(Setup { run_ns: 30 * MILLISECOND, ..Setup::new(1) });
    let before = world.sim.net.bytes_taken(order_port(1), towards_venue);
    if let Some(bytes) = cut_after {
        world.sim.net.cut_after(order_port(1), towards_venue, bytes);
    }
    converse(&mut world, &desk);
    let said = world.sim.net.bytes_taken(order_port(1), towards_venue) - before;
    world.finish();
    (world, said)
}

fn cut_at_every_byte(towards_venue: bool) {
    let (mut world, whole) = run(towards_venue, None);
    let calm = world.check_at_rest();
    assert!(calm.fills >= 5 && calm.accepted >= 4, "{calm:?}");
    assert_eq!(world.counter("gateway1.gateway.disconnects"), 0);
    assert!(whole > 300, "{whole} bytes are a conversation");
    let mut fewer = 0;
    for at in (0..whole).step_by(stride()) {
        let (mut world, _) = run(towards_venue, Some(at));
        let place = format!("cut after byte {at} of {whole}, towards the venue: {towards_venue}");
        assert_eq!(world.counter("gateway1.gateway.disconnects"), 1, "{place}");
        assert_eq!(world.counter("gateway1.gateway.state"), 1, "{place}: up again");
        let checked = world.check_at_rest();
        fewer += u64::from(checked.fills < calm.fills);
        assert_eq!(world.breaks(), [""; 0], "{place}");
        if at % 16 == 0 {
            assert_eq!(world.replay().agrees(), Some(true), "{place}");
        }
    }
    assert!(fewer > 0, "orders that could not leave traded less");
}

#[test]
pub fn session_dropped_at_every_byte_that_we_say_loses_and_doubles_nothing() {
    cut_at_every_byte(true);
}

#[test]
pub fn session_dropped_at_every_byte_that_the_venue_says_loses_and_doubles_nothing() {
    cut_at_every_byte(false);
}

/// A status answer that breaks off is none: what was held stays held until a whole one has come (FAILURES R8).
#[test]
pub fn r8_a_status_query_that_breaks_off_at_any_byte_is_not_taken_for_flat() {
    let recover = |cut_after: Option<u64>| {
        let (mut world, _) = World::scripted(Setup { run_ns: 30 * MILLISECOND, ..Setup::new(2) });
        world.script(Step::New(Side::Buy, PRICE, 30, TimeInForce::Day));
        world.script(Step::New(Side::Buy, PRICE - TICK, 40, TimeInForce::Day));
        world.run(2 * MILLISECOND);
        let before = world.sim.net.bytes_taken(order_port(1), false);
        world.sim.net.cut_streams();
        if let Some(bytes) = cut_after {
            world.sim.net.cut_after(order_port(1), false, bytes);
            while world.counter("gateway1.gateway.connects") < 4 && world.counter("gateway1.gateway.state") != 1 {
                world.run(100_000);
                let (held, unknown) = world.held();
                assert_eq!(held, 70, "cut after byte {bytes}");
                assert!(unknown == 2 || world.counter("gateway1.gateway.state") != 2, "cut after byte {bytes}");
            }
        }
        world.run(8 * MILLISECOND);
        assert_eq!((world.live(), world.held()), (vec![PRICE - TICK, PRICE], (70, 0)), "cut after byte {cut_after:?}");
        (world.sim.net.bytes_taken(order_port(1), false) - before, world)
    };
    let (whole, _) = recover(None);
    assert!(whole > 60, "{whole} bytes of login, replay and answer");
    for at in (0..whole).step_by(stride()) {
        let (_, mut world) = recover(Some(at));
        world.finish();
        world.check_at_rest();
        assert_eq!(world.breaks(), [""; 0], "cut after byte {at} of {whole}");
    }
}
