//! No call of an engine's pass allocates: neither orders and their events, nor limits and kills that change under way.

mod common;
#[path = "../../../tests/counting.rs"]
mod counting;

use common::*;
use records::{Allocation, Kill, KillNew, KillResting, LimitSet, Metric, Permission, Restricted, SelectorKind, Side};
use risk::Outcome;

fn allocations(act: impl FnOnce()) -> u64 {
    counting::counted(act).1
}

#[test]
fn orders_events_and_changes_allocate_nothing() {
    let mut firm = Firm::new();
    let mut soft = limit(90, DESK, Metric::PositionLong, 1_000);
    soft.soft_percent = 1;
    firm.set(soft);
    let binding = firm.bind(1, 1);
    let later = firm.bind(2, 1);
    let count = allocations(|| {
        for round in 0..200 {
            let mut buy = firm.send(binding, Side::Buy, 10).expect("it passes");
            assert!(firm.send(later, Side::Sell, 2_000_000).is_err());
            firm.replace(&mut buy, 20, 0).expect("it passes");
            firm.tree.on_fill(&mut buy, 5, price(100));
            firm.tree.on_replaced(&mut buy, 15, 0);
            firm.tree.count_cancel(binding, NOW);
            firm.tree.on_closed(&mut buy, 0);
            firm.tree.on_bust(binding, Side::Buy, 5);
            assert!(firm.tree.headroom(binding).0 > 0);
            let metric = Metric::ALL[round as usize % Metric::ALL.len()].0;
            firm.set(LimitSet { burst: 1_000_000, ..limit(91 + round % 3, DESK, metric, ample(metric)) });
        }
    });
    assert_eq!(count, 0);
    let kill = Kill {
        node: DESK,
        selector: SelectorKind::All.code(),
        new_orders: KillNew::None.code(),
        resting: KillResting::Cancel.code(),
        ..Kill::new()
    };
    assert_eq!(allocations(|| assert_eq!(firm.tree.apply_kill(&kill), Outcome::Applied)), 0);
    assert_eq!(allocations(|| firm.tree.day_roll()), 0);
    firm.tree.set_holder(3);
    let mut part = Allocation { holder: 3, limit: 1, revision: 1, ..Allocation::new() };
    let mut permission = Permission { node: DESK, allow: 1, selector: SelectorKind::All.code(), ..Permission::new() };
    let mut listed = Restricted { new_orders: KillNew::ReduceOnly.code(), ..Restricted::new() };
    listed.header.instrument = 1;
    let count = allocations(|| {
        for revision in 2..50 {
            (part.revision, permission.revision, listed.revision) = (revision, revision, revision);
            assert_eq!(firm.tree.apply_allocation(&part), Outcome::Applied);
            assert_eq!(firm.tree.apply_permission(&permission), Outcome::Applied);
            assert_eq!(firm.tree.apply_restricted(&listed), Outcome::Applied);
            firm.tree.usages(&mut |usage| assert!(usage.limit > 0));
            firm.tree.in_force(&mut |one| assert!(one.subject > 0));
        }
    });
    assert_eq!(count, 0);
    assert_eq!(allocations(|| assert!(firm.tree.bind(ACCOUNT_B, TRADER, 1, 2).is_ok())), 0);
}
