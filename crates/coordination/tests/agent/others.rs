//! What an engine is told of another region's positions.

use coordination::agent::Memory;
use coordination::keys::region_number;

use super::agent;
use super::tables::{Desk, stood};

/// Two regions; what chicago's agent sends arrives in New York.
struct Line {
    ny: Desk,
    chicago: Desk,
}

impl Line {
    fn new() -> Self {
        let mut chicago = Desk::of(agent("chicago", "ny", 1, Memory::default()));
        chicago.twin.trade(3, 8, 11);
        chicago.settle();
        Self { ny: stood(), chicago }
    }

    fn carry(&mut self) {
        self.chicago.settle();
        for datagram in std::mem::take(&mut self.chicago.datagrams) {
            self.ny.agent.on_peer(&datagram);
        }
        self.ny.settle();
    }

    /// Lots, and whether they are unsure, as the engine was told.
    fn told(&self) -> Option<(i64, u8)> {
        self.ny.twin.regions.get(&(3, 8)).map(|told| (told.lots, told.unsure))
    }
}

#[test]
fn an_engine_is_told_what_changed_and_again_what_stayed() {
    let mut line = Line::new();
    line.carry();
    line.carry();
    let first = line.ny.twin.regions[&(3, 8)];
    assert_eq!((first.lots, first.unsure, first.region), (11, 0, region_number("chicago")));
    assert_eq!(first.watermark, line.chicago.twin.input);
    line.chicago.twin.trade(3, 8, -4);
    line.carry();
    assert_eq!(line.told(), Some((7, 0)));
    let before = line.ny.twin.regions[&(3, 8)].time_ns;
    line.carry();
    line.carry();
    assert!(line.ny.twin.regions[&(3, 8)].time_ns > before, "what stays is told again, with a newer time");
}

#[test]
fn a_position_of_nothing_is_told_again_too_since_its_age_is_proof_that_the_region_is_heard() {
    let mut line = Line::new();
    line.carry();
    line.carry();
    line.chicago.twin.trade(3, 8, -11);
    line.carry();
    assert_eq!(line.told(), Some((0, 0)));
    let mut before = line.ny.twin.regions[&(3, 8)].time_ns;
    for _ in 0..3 {
        line.carry();
        line.carry();
        let now = line.ny.twin.regions[&(3, 8)];
        assert!(now.lots == 0 && now.time_ns > before, "{now:?}");
        before = now.time_ns;
    }
    line.chicago.twin.trade(3, 8, 2);
    line.carry();
    assert_eq!(line.told(), Some((2, 0)), "and what changes is told at once");
}

#[test]
fn a_gap_makes_it_unsure_until_the_next_snapshot() {
    let mut line = Line::new();
    line.carry();
    line.carry();
    line.chicago.twin.trade(3, 8, 5);
    line.chicago.settle();
    line.chicago.datagrams.clear();
    line.chicago.settle();
    let delta = line.chicago.datagrams.remove(0);
    line.ny.agent.on_peer(&delta);
    line.ny.settle();
    assert_eq!(line.told().map(|told| told.1), Some(1), "something was lost");
    for _ in 0..4 {
        line.carry();
    }
    assert_eq!(line.told(), Some((16, 0)));
}

#[test]
fn an_engine_that_began_anew_is_told_everything_again() {
    let mut line = Line::new();
    line.carry();
    line.carry();
    line.ny.twin.regions.clear();
    line.ny.agent.on_engine_lost(0);
    line.ny.twin.input = 0;
    line.ny.twin.heartbeat();
    line.ny.settle();
    line.carry();
    assert_eq!(line.told(), Some((11, 0)));
}

#[test]
fn a_position_that_the_other_engine_no_longer_has_is_told_as_none() {
    let mut line = Line::new();
    line.carry();
    line.carry();
    line.chicago.twin.positions.clear();
    line.chicago.agent.on_engine_lost(1);
    for _ in 0..6 {
        line.carry();
    }
    assert_eq!(line.told(), Some((0, 0)));
}
