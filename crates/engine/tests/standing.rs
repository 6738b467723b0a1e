//! An engine's place among others: epochs that nobody confirmed, newer ones, and reference data that the store does not name.

mod support;

use records::*;
use support::{START_NS, World, event_of, new_intent};

fn start(epoch: u16, unconfirmed: u8) -> EngineStart {
    let mut record = EngineStart::new();
    (record.day, record.day_start_ns) = (OrderId::day_of(START_NS), START_NS);
    (record.shard, record.epoch, record.firm, record.unconfirmed) = (1, epoch, 1, unconfirmed);
    record
}

fn epoch_set(epoch: u16, revision: u64) -> EpochSet {
    let mut record = EpochSet::new();
    (record.epoch, record.generation, record.revision) = (epoch, 1, revision);
    record
}

fn reference_set(first: u8, revision: u64) -> ReferenceSet {
    let mut record = ReferenceSet::new();
    (record.hash[0], record.generation, record.revision) = (first, 1, revision);
    record
}

/// A position of ten lots bought.
fn long_world() -> World {
    let mut world = World::new();
    let bought = world.live_order(Side::Buy, 10);
    world.fill(bought, 10);
    world.clear();
    world
}

fn answer(world: &mut World, record: &impl Record) -> u8 {
    world.clear();
    world.give(record);
    world.outputs::<Applied>()[0].outcome
}

/// The codes of what refuses a buy and a sale; 0: it passes.
fn refused(world: &mut World) -> [u8; 2] {
    [Side::Buy, Side::Sell].map(|side| {
        world.clear();
        world.intend(vec![new_intent(side, 1)]);
        world.outputs::<RiskReject>().first().map_or(0, |reject| reject.code)
    })
}

const REDUCE: u8 = RejectCode::StateReduceOnly.code();
const NONE: u8 = RejectCode::StateNone.code();

#[test]
fn a_journals_epoch_that_no_store_confirmed_only_reduces_until_one_does() {
    let mut world = long_world();
    assert_eq!(refused(&mut world), [0, 0]);
    assert_eq!(answer(&mut world, &start(1, 0)), 3, "the same life twice is refused");
    assert_eq!(answer(&mut world, &start(1, 1)), 1);
    assert_eq!((refused(&mut world), world.engine.standing().bits()), ([REDUCE, 0], 1));
    assert_eq!(answer(&mut world, &epoch_set(1, 5)), 1);
    assert_eq!((refused(&mut world), world.engine.standing().bits()), ([0, 0], 0));
    // Again, and by the same value of the store as before.
    assert_eq!(answer(&mut world, &start(1, 1)), 1);
    assert_eq!(refused(&mut world), [REDUCE, 0]);
    assert_eq!(answer(&mut world, &epoch_set(1, 5)), 1);
    assert_eq!(refused(&mut world), [0, 0]);
    assert_eq!(answer(&mut world, &epoch_set(1, 5)), 2, "older");
}

#[test]
fn a_store_that_is_behind_confirms_nothing_and_a_newer_epoch_ends_this_life() {
    let mut world = long_world();
    assert_eq!(answer(&mut world, &start(4, 1)), 1);
    world.session(support::VENUE, SessionState::Up);
    assert_eq!(answer(&mut world, &epoch_set(3, 5)), 3);
    assert_eq!(refused(&mut world), [REDUCE, 0]);
    assert_eq!(answer(&mut world, &epoch_set(5, 6)), 1);
    assert_eq!((refused(&mut world), world.engine.standing().fenced), ([NONE, NONE], true));
    assert_eq!(answer(&mut world, &epoch_set(4, 7)), 1, "known, but the newer one was there");
    assert_eq!(refused(&mut world), [NONE, NONE]);
    // The next life has an epoch of its own.
    assert_eq!(answer(&mut world, &start(6, 0)), 1);
    world.session(support::VENUE, SessionState::Up);
    assert_eq!(refused(&mut world), [0, 0]);
}

#[test]
fn a_gateways_word_of_a_newer_epoch_ends_this_life_and_that_of_an_earlier_life_does_not() {
    let mut world = long_world();
    assert_eq!(answer(&mut world, &start(2, 0)), 1);
    world.session(support::VENUE, SessionState::Up);
    let mut event = event_of(77, OrderEventKind::NotSent);
    (event.owner.shard, event.owner.epoch, event.reason) = (1, 1, Reason::StaleEpoch.code());
    world.give(&event);
    assert_eq!(refused(&mut world), [0, 0], "what the life before sent");
    event.owner.epoch = 2;
    world.give(&event);
    assert_eq!(refused(&mut world), [NONE, NONE]);
}

#[test]
fn other_reference_data_than_the_stores_only_reduces() {
    let mut world = long_world();
    assert_eq!(answer(&mut world, &reference_set(0, 5)), 1);
    assert_eq!(refused(&mut world), [0, 0]);
    assert_eq!(answer(&mut world, &reference_set(9, 6)), 3);
    assert_eq!((refused(&mut world), world.engine.standing().bits()), ([REDUCE, 0], 4));
    assert_eq!(answer(&mut world, &reference_set(0, 5)), 3, "older, and nothing changes");
    assert_eq!(refused(&mut world), [REDUCE, 0]);
    assert_eq!(answer(&mut world, &reference_set(0, 7)), 1);
    assert_eq!(refused(&mut world), [0, 0]);
}
