//! Limits and kills that change while orders are open: versions, sets, and counters that stay exact.

mod common;

use common::*;
use records::{Hash64, Kill, KillNew, KillResting, LimitSet, Metric, RejectCode, SelectorKind, Side};
use risk::{Capacity, LimitTree, Outcome, Refused};

#[test]
fn only_a_newer_version_changes_a_limit() {
    let mut firm = Firm::new();
    let binding = firm.bind(1, 1);
    let at = |generation, revision, value| {
        let record = limit(99, ACCOUNT, Metric::OrderQuantity, value);
        LimitSet { generation, revision, ..record }
    };
    let table = [
        (at(1, 50, 5), Outcome::Applied, 5),
        (at(1, 50, 6), Outcome::Older, 5),
        (at(1, 49, 6), Outcome::Older, 5),
        (at(2, 1, 7), Outcome::Applied, 7), // A restored store counts from the start, under a higher generation.
        (at(1, 99, 8), Outcome::Older, 7),
        (LimitSet { removed: 1, ..at(2, 2, 0) }, Outcome::Applied, 1_000_000),
        (at(2, 2, 9), Outcome::Older, 1_000_000), // The end is remembered.
        (at(2, 3, 9), Outcome::Applied, 9),
    ];
    for (record, outcome, headroom) in table {
        assert_eq!(firm.tree.apply_limit(&record), outcome);
        assert_eq!(firm.tree.headroom(binding).0, headroom);
    }
}

#[test]
fn a_set_is_applied_whole_or_not_at_all() {
    let mut firm = Firm::new();
    let binding = firm.bind(1, 1);
    let part = |id, value, last_of_set| {
        let record = limit(id, ACCOUNT, Metric::OrderQuantity, value);
        LimitSet { revision: 100, last_of_set, ..record }
    };
    assert_eq!(firm.tree.apply_limit(&part(90, 50, 0)), Outcome::InSet);
    assert_eq!(firm.tree.headroom(binding).0, 1_000_000);
    assert_eq!(firm.tree.apply_limit(&part(91, 40, 1)), Outcome::Applied);
    assert_eq!(firm.tree.headroom(binding).0, 40);
    assert_eq!(firm.tree.apply_limit(&part(92, 30, 0)), Outcome::InSet);
    assert_eq!(firm.tree.apply_limit(&LimitSet { metric: 77, ..part(93, 20, 0) }), Outcome::InSet);
    assert_eq!(firm.tree.apply_limit(&part(94, 10, 1)), Outcome::Refused(Refused::Code));
    assert_eq!(firm.tree.headroom(binding).0, 40);
    assert_eq!(firm.tree.apply_limit(&part(94, 10, 1)), Outcome::Applied);
    assert_eq!(firm.tree.headroom(binding).0, 10);
}

#[test]
fn a_set_that_does_not_fit_leaves_everything_as_it_was() {
    let mut firm = Firm::new();
    let binding = firm.bind(1, 1);
    let before = hash(&firm.tree);
    for id in 100..116 {
        let mut record = limit(id, ACCOUNT, Metric::MessageRate, 3);
        (record.revision, record.last_of_set) = (1_000, u8::from(id == 115));
        let outcome = firm.tree.apply_limit(&record);
        assert_eq!(outcome, if id == 115 { Outcome::Refused(Refused::Capacity) } else { Outcome::InSet });
    }
    assert_eq!(hash(&firm.tree), before);
    assert!((0..4).all(|_| firm.send(binding, Side::Buy, 1).is_ok()));
}

#[test]
fn a_new_limit_counts_what_was_open_and_booked_before_it() {
    let mut firm = Firm::new();
    let (first, second) = (firm.bind(1, 1), firm.tree.bind(ACCOUNT_B, TRADER, 1, 1).unwrap());
    let mut filled = firm.send(first, Side::Buy, 6).unwrap();
    firm.tree.on_fill(&mut filled, 6, price(100));
    firm.tree.on_closed(&mut filled, 0);
    let mut open = firm.send(second, Side::Buy, 7).unwrap();
    let mut by_venue = limit(99, DESK, Metric::PositionLong, 15);
    by_venue.venue = 1;
    firm.set(by_venue);
    firm.set(limit(98, DESK, Metric::OpenOrders, 2));
    firm.set(limit(97, DESK, Metric::GrossExposure, 1_500 * i128::from(DOLLAR)));
    assert_eq!(firm.tree.headroom(first), (2, 1_000_000));
    assert_eq!(firm.refusal(first, Side::Buy, 3), RejectCode::PosLong);
    let _held = firm.send(first, Side::Buy, 2).unwrap();
    assert_eq!(firm.refusal(second, Side::Sell, 1), RejectCode::MaxOpenOrders);
    firm.tree.on_closed(&mut open, 0); // Releases from counters that are younger than the order.
    assert_eq!(firm.refusal(second, Side::Sell, 8), RejectCode::GrossExposure);
    assert!(firm.send(second, Side::Sell, 1).is_ok());
    let mut seen = Vec::new();
    firm.tree.usages(&mut |usage| seen.extend((usage.limit > 90).then_some((usage.limit, usage.used()))));
    let gross = 600 * i128::from(DOLLAR) + 200 * i128::from(DOLLAR) + 150 * i128::from(DOLLAR);
    assert_eq!(seen, [(99, 8), (98, 2), (97, gross)]);
}

#[test]
fn a_last_fill_is_a_fill_and_an_end_at_once() {
    let mut warned = 0;
    for (filled_lots, asked_lots, unbooked_lots) in
        [(9, None, 0), (6, None, 3), (14, None, 0), (9, Some(12), 0), (5, Some(4), 2), (2, Some(20), 7)]
    {
        let ends = |at_once: bool| {
            let mut firm = Firm::new();
            let binding = firm.bind(1, 1);
            firm.set(LimitSet { soft_percent: 50, ..limit(90, DESK, Metric::PositionLong, 10) });
            firm.set(LimitSet { soft_percent: 50, ..limit(91, DESK, Metric::OpenOrders, 2) });
            let _other = firm.send(binding, Side::Sell, 3).unwrap();
            let mut hold = firm.send(binding, Side::Buy, 9).unwrap();
            let _refused_or_asked = asked_lots.map(|lots| firm.replace(&mut hold, lots, 0));
            let excess = if at_once {
                firm.tree.on_last_fill(&mut hold, filled_lots, price(101), unbooked_lots)
            } else {
                let excess = firm.tree.on_fill(&mut hold, filled_lots, price(101));
                firm.tree.on_closed(&mut hold, unbooked_lots);
                excess
            };
            let warnings: Vec<_> = std::iter::from_fn(|| firm.tree.take_warning()).collect();
            (excess, hold, hash(&firm.tree), warnings)
        };
        assert_eq!(ends(true), ends(false), "{filled_lots} {asked_lots:?} {unbooked_lots}");
        warned += ends(true).3.len();
    }
    assert!(warned > 0);
}

#[test]
fn a_limit_lowered_below_its_use_closes_the_side_and_keeps_the_debt() {
    let mut firm = Firm::new();
    let binding = firm.bind(1, 1);
    let mut buy = firm.send(binding, Side::Buy, 80).unwrap();
    firm.set(limit(99, ACCOUNT, Metric::PositionLong, 50));
    assert_eq!(firm.tree.headroom(binding).0, 0);
    assert!(firm.replace(&mut buy, 70, 0).is_ok()); // What shrinks passes.
    firm.tree.on_replaced(&mut buy, 70, 0);
    assert_eq!(firm.refusal(binding, Side::Buy, 1), RejectCode::PosLong);
    firm.tree.on_closed(&mut buy, 0);
    assert_eq!(firm.tree.headroom(binding).0, 50);
}

#[test]
fn a_kill_that_tightens_always_applies() {
    let mut firm = Firm::new();
    let binding = firm.bind(1, 1);
    let kill = |new_orders: KillNew, resting: KillResting, revision| Kill {
        node: FIRM,
        selector: SelectorKind::All.code(),
        new_orders: new_orders.code(),
        resting: resting.code(),
        revision,
        ..Kill::new()
    };
    let table = [
        (kill(KillNew::ReduceOnly, KillResting::Keep, 10), Outcome::Applied, KillNew::ReduceOnly, KillResting::Keep),
        (kill(KillNew::None, KillResting::Keep, 0), Outcome::Applied, KillNew::None, KillResting::Keep),
        (kill(KillNew::Allow, KillResting::Cancel, 3), Outcome::Applied, KillNew::None, KillResting::Cancel),
        (kill(KillNew::Allow, KillResting::Keep, 10), Outcome::Older, KillNew::None, KillResting::Cancel),
        (kill(KillNew::Allow, KillResting::Keep, 11), Outcome::Applied, KillNew::Allow, KillResting::Keep),
    ];
    for (record, outcome, new_orders, resting) in table {
        assert_eq!(firm.tree.apply_kill(&record), outcome);
        let fields = firm.tree.kill_fields(binding);
        assert_eq!((fields.new_orders, fields.resting), (new_orders, resting));
    }
    let mut narrow = kill(KillNew::None, KillResting::Keep, 12);
    narrow.venue = 2;
    assert_eq!(firm.tree.apply_kill(&narrow), Outcome::Applied);
    assert_eq!(firm.tree.kill_fields(binding).new_orders, KillNew::Allow);
    let there = firm.bind(2, 1);
    assert_eq!(firm.tree.kill_fields(there).new_orders, KillNew::None);
}

#[test]
fn wrong_records_are_refused_and_change_nothing() {
    let mut firm = Firm::new();
    let good = limit(99, DESK, Metric::PriceCollar, 5);
    let table = [
        (LimitSet { node: 88, ..good }, Refused::Node),
        (LimitSet { metric: 1, ..good }, Refused::Code),
        (LimitSet { selector: 0, ..good }, Refused::Code),
        (LimitSet { selected: 3, ..good }, Refused::Value),
        (LimitSet { window_ns: 0, ..good }, Refused::Value),
        (LimitSet { soft_percent: 101, ..good }, Refused::Value),
        (LimitSet { limit: 0, ..good }, Refused::Value),
    ];
    let before = hash(&firm.tree);
    for (record, refused) in table {
        assert_eq!(firm.try_set(record), Outcome::Refused(refused));
    }
    assert_eq!(hash(&firm.tree), before);
    assert_eq!(firm.tree.apply_kill(&Kill { node: FIRM, ..Kill::new() }), Outcome::Refused(Refused::Code));
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut tree = LimitTree::new(Capacity { limits_max: 1, nodes_max: 1, ..Capacity::default() });
    let node = |node, parent, level| records::Node { node, parent, level, ..records::Node::new() };
    assert_eq!(tree.apply_node(&node(1, 0, 1)), Outcome::Applied);
    assert_eq!(tree.apply_node(&node(2, 1, 2)), Outcome::Refused(Refused::Capacity));
    assert_eq!(tree.apply_node(&node(1, 1, 1)), Outcome::Refused(Refused::Node));
    let first = LimitSet { revision: 1, ..limit(1, 1, Metric::OpenOrders, 1) };
    assert_eq!(tree.apply_limit(&first), Outcome::Applied);
    assert_eq!(tree.apply_limit(&LimitSet { limit: 2, ..first }), Outcome::Refused(Refused::Capacity));
    assert_eq!(tree.apply_limit(&LimitSet { revision: 2, ..first }), Outcome::Applied);
}

fn hash(tree: &LimitTree) -> u64 {
    let mut hash = Hash64::default();
    tree.hash(&mut hash);
    hash.value()
}
