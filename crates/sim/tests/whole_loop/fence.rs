//! Two engines of one shard at one gateway: the newer epoch fences out the older, which learns it.

use engine::{Engine, EngineConfig, NoOutbox};
use records::*;

use crate::bootstrap::first_life;
use crate::world::{MILLISECOND, Setup, World};

fn order(epoch: u16, id: u64) -> NewOrder {
    let mut order = NewOrder::new();
    (order.header.venue, order.header.instrument) = (1, 1);
    (order.owner.order_id, order.owner.shard, order.owner.epoch) = (id, 1, epoch);
    (order.price_nanos, order.lots, order.side) = (50 * NANOS, 1, Side::Buy.code());
    (order.order_type, order.time_in_force) = (OrderType::Limit.code(), TimeInForce::Day.code());
    order
}

/// Sends a record as an engine does; what the gateway says then of orders.
fn said(world: &mut World, ends: &mut tiles::Context, record: &[u8]) -> Vec<OrderEvent> {
    ends.publications.get_mut("engine_gateway1").unwrap().offer(record);
    world.run(20 * MILLISECOND);
    let mut told = Vec::new();
    ends.subscriptions.get_mut("gateway1_engine").unwrap().poll(1_000, &mut |record| {
        if let Ok(RecordRef::OrderEvent(event)) = parse(record) {
            told.push(event);
        }
    });
    told
}

fn id(epoch: u32, counter: u32) -> u64 {
    OrderId::new(OrderIdParts { day: 2_000, shard: 1, epoch, counter }).0
}

#[test]
fn an_engine_of_a_newer_epoch_fences_out_the_older_one_which_learns_it() {
    let mut world = World::empty(Setup::new(1));
    let storm = world.storm(1);
    world.start_exchange(1, storm);
    world.start_gateway(1);
    let mut ends = world.sim.context("engine");
    world.run(20 * MILLISECOND);
    let first = said(&mut world, &mut ends, bytes_of(&order(1, id(1, 1))));
    assert!(first.iter().all(|event| event.reason != Reason::StaleEpoch.code()), "{first:?}");
    let mut beat = Heartbeat::new();
    (beat.epoch, beat.shard) = (2, 1);
    said(&mut world, &mut ends, bytes_of(&beat));
    // The older one goes on as if nothing were: neither its orders nor its cancels pass.
    let mut refused = said(&mut world, &mut ends, bytes_of(&order(1, id(1, 2))));
    let mut cancel = CancelOrder::new();
    (cancel.header.venue, cancel.owner.order_id, cancel.owner.shard, cancel.owner.epoch) = (1, id(1, 1), 1, 1);
    refused.extend(said(&mut world, &mut ends, bytes_of(&cancel)));
    let kinds: Vec<_> = refused.iter().map(|event| (OrderEventKind::from_code(event.event), event.reason)).collect();
    let stale = Reason::StaleEpoch.code();
    assert_eq!(kinds, [(Some(OrderEventKind::NotSent), stale), (Some(OrderEventKind::CancelRejected), stale)]);
    assert_eq!(world.counter("gateway1.gateway.stale_epoch"), 2);
    let second = said(&mut world, &mut ends, bytes_of(&order(2, id(2, 1))));
    assert!(second.iter().all(|event| event.reason != stale), "the newer one trades: {second:?}");

    let mut older = Engine::new(EngineConfig::default(), world.host());
    let mut sequence = 0;
    let mut give = |engine: &mut Engine, record: &[u8]| {
        sequence += 1;
        engine.apply(Stamp { sequence, time_ns: sequence }, record, &mut NoOutbox);
    };
    let mut rest = &first_life(1)[..];
    while !rest.is_empty() {
        let length = usize::from(read_from::<Header>(rest).unwrap().length);
        give(&mut older, &rest[..length]);
        rest = &rest[length..];
    }
    assert_eq!(older.standing().bits(), 0);
    give(&mut older, bytes_of(&refused[0]));
    assert!(older.standing().fenced, "it sends nothing new from here on");
}

/// Found by the simulator: what waits in the link, or comes late, may be of an engine that was replaced while the gateway was away.
#[test]
fn a_gateway_that_starts_again_goes_on_refusing_the_epoch_that_it_refused() {
    let mut world = World::empty(Setup::new(2));
    let storm = world.storm(1);
    world.start_exchange(1, storm);
    world.start_gateway(1);
    let mut ends = world.sim.context("engine");
    world.run(20 * MILLISECOND);
    let mut beat = Heartbeat::new();
    (beat.epoch, beat.shard) = (2, 1);
    said(&mut world, &mut ends, bytes_of(&beat));
    world.kill_gateway(1);
    world.start_gateway(1);
    world.run(20 * MILLISECOND);
    let refused = said(&mut world, &mut ends, bytes_of(&order(1, id(1, 1))));
    let reasons: Vec<_> = refused.iter().map(|event| event.reason).collect();
    assert_eq!(reasons, [Reason::StaleEpoch.code()]);
    let passed = said(&mut world, &mut ends, bytes_of(&order(2, id(2, 1))));
    assert!(passed.iter().all(|event| event.reason != Reason::StaleEpoch.code()), "{passed:?}");
}
