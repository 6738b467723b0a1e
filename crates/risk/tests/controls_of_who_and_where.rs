//! Controls 21, 23 and 32: permissions, the restricted list, price bands, and parts of global limits.

mod common;

use common::*;
use records::{
    Allocation, Definition, Enforcement, Hash64, KillNew, KillResting, LimitSet, Metric, MoneyNanos, Permission,
    RejectCode, Restricted, SelectorKind, Side,
};
use risk::{Outcome, Refused};

const CENT_PRICE: i64 = 100 * DOLLAR;
const HOLDER: u32 = 3;

fn permission(node: u32, allow: u8, revision: u64) -> Permission {
    Permission { node, allow, revision, selector: SelectorKind::All.code(), ..Permission::new() }
}

#[test]
fn control_21_default_deny_once_the_firm_switches_it_on() {
    let of_instrument = |node, instrument, allow, revision| Permission {
        selector: SelectorKind::Instrument.code(),
        selected: instrument,
        ..permission(node, allow, revision)
    };
    let of_sector = |node, sector, allow, revision| Permission {
        selector: SelectorKind::Sector.code(),
        selected: sector,
        ..permission(node, allow, revision)
    };
    // Each row: a record, then whether account A may trade instruments 1 and 3 at venue 1, and account B instrument 1.
    let table = [
        ("allowed before it is on", permission(DESK, 1, 1), [true, true, true]),
        ("withdrawn again", Permission { removed: 1, ..permission(DESK, 1, 2) }, [true, true, true]),
        ("switched on", permission(FIRM, 0, 3), [false, false, false]),
        ("one instrument for a strategy", of_instrument(STRATEGY, 1, 1, 4), [true, false, false]),
        ("a sector for a desk", of_sector(DESK, 2, 1, 5), [true, true, false]),
        ("everything for an account", permission(ACCOUNT_B, 1, 6), [true, true, true]),
        ("what forbids goes before what allows", of_instrument(REGION, 1, 0, 7), [false, true, false]),
        ("its end", Permission { removed: 1, ..of_instrument(REGION, 1, 0, 8) }, [true, true, true]),
        ("another trader's", Permission { trader: 99, ..permission(DESK, 0, 9) }, [true, true, true]),
        ("another venue's", Permission { venue: 2, ..permission(DESK, 0, 10) }, [true, true, true]),
        ("this trader's", Permission { trader: TRADER, venue: 1, ..permission(DESK, 0, 11) }, [false, false, false]),
        ("and its end", Permission { removed: 1, trader: TRADER, venue: 1, ..permission(DESK, 0, 12) }, [true; 3]),
        ("switched off", permission(FIRM, 1, 13), [true, true, true]),
    ];
    let mut firm = Firm::new();
    let bindings = [firm.bind(1, 1), firm.bind(1, 3), firm.tree.bind(ACCOUNT_B, TRADER, 1, 1).unwrap()];
    for (name, record, expected) in table {
        assert_eq!(firm.tree.apply_permission(&record), Outcome::Applied, "{name}");
        for (binding, passes) in bindings.into_iter().zip(expected) {
            let result = firm.send(binding, Side::Buy, 1);
            assert_eq!(
                result.as_ref().err().map(|refusal| refusal.code),
                (!passes).then_some(RejectCode::NotPermitted),
                "{name}"
            );
            assert!(result.is_ok() || result.unwrap_err().node != 0, "{name}: who forbids is said");
            assert_eq!(firm.tree.headroom(binding).0 > 0, passes, "{name}");
        }
    }
}

#[test]
fn control_21_binds_what_is_bound_later_and_refuses_what_makes_no_sense() {
    let mut firm = Firm::new();
    assert_eq!(firm.tree.apply_permission(&permission(FIRM, 0, 5)), Outcome::Applied);
    assert_eq!(firm.tree.apply_permission(&permission(FIRM, 1, 5)), Outcome::Older);
    assert_eq!(firm.tree.apply_permission(&permission(FIRM, 2, 6)), Outcome::Refused(Refused::Code));
    assert_eq!(firm.tree.apply_permission(&permission(77, 1, 6)), Outcome::Refused(Refused::Node));
    let wrong = Permission { selected: 4, ..permission(FIRM, 1, 6) };
    assert_eq!(firm.tree.apply_permission(&wrong), Outcome::Refused(Refused::Value));
    let binding = firm.bind(1, 1);
    assert_eq!(firm.refusal(binding, Side::Buy, 1), RejectCode::NotPermitted);
}

fn listed(instrument: u32, new_orders: KillNew, revision: u64) -> Restricted {
    let mut record = Restricted { new_orders: new_orders.code(), revision, ..Restricted::new() };
    record.header.instrument = instrument;
    record
}

#[test]
fn control_21_the_restricted_list() {
    let mut firm = Firm::new();
    assert_eq!(firm.tree.apply_restricted(&listed(2, KillNew::None, 1)), Outcome::Applied);
    let (binding, second) = (firm.bind(1, 1), firm.bind(1, 2));
    assert_eq!(firm.refusal(second, Side::Buy, 1), RejectCode::Restricted); // Listed before it was bound.
    firm.tree.adopt_position(binding, 10);
    let table = [
        (listed(1, KillNew::ReduceOnly, 5), Outcome::Applied, Some(RejectCode::Restricted), None, (0, 10)),
        (listed(1, KillNew::Allow, 4), Outcome::Older, Some(RejectCode::Restricted), None, (0, 10)),
        (
            listed(1, KillNew::None, 6),
            Outcome::Applied,
            Some(RejectCode::Restricted),
            Some(RejectCode::Restricted),
            (0, 0),
        ),
        (listed(1, KillNew::Allow, 7), Outcome::Applied, None, None, (999_990, 1_000_000)),
    ];
    for (record, outcome, buy, sell, headroom) in table {
        assert_eq!(firm.tree.apply_restricted(&record), outcome);
        assert_eq!(firm.tree.headroom(binding), headroom);
        for (side, expected) in [(Side::Buy, buy), (Side::Sell, sell)] {
            let mut result = firm.send(binding, side, 10);
            assert_eq!(result.as_ref().err().map(|refusal| refusal.code), expected);
            result.iter_mut().for_each(|hold| firm.tree.on_closed(hold, 0));
        }
    }
    // The stricter of list and kill answers, with its own code.
    assert_eq!(firm.tree.apply_restricted(&listed(1, KillNew::ReduceOnly, 8)), Outcome::Applied);
    assert_eq!(firm.refusal(binding, Side::Sell, 11), RejectCode::Restricted); // Never through zero.
    firm.kill(FIRM, KillNew::None, KillResting::Keep);
    assert_eq!(firm.refusal(binding, Side::Sell, 1), RejectCode::StateNone);
    for (record, refused) in [
        (listed(0, KillNew::None, 9), Refused::Instrument),
        (listed(9_999, KillNew::None, 9), Refused::Instrument),
        (Restricted { new_orders: 0, ..listed(1, KillNew::None, 9) }, Refused::Code),
    ] {
        assert_eq!(firm.tree.apply_restricted(&record), Outcome::Refused(refused));
    }
}

#[test]
fn control_23_prices_inside_the_instruments_bands() {
    let mut firm = Firm::new();
    let binding = firm.bind(1, 1);
    let mut definition = Definition {
        units_per_lot_e8: 100_000_000,
        prior_close_nanos: CENT_PRICE,
        underlying: 1,
        sector: 1,
        currency: *b"USD\0",
        active: 1,
        band_low_nanos: 95 * DOLLAR,
        band_high_nanos: 105 * DOLLAR,
        ..Definition::new()
    };
    definition.header.instrument = 1;
    assert_eq!(firm.tree.apply_definition(&definition), Outcome::Applied);
    let table = [
        (105 * DOLLAR, None, 0),
        (105 * DOLLAR + CENT, Some(RejectCode::PriceBand), 105 * DOLLAR),
        (95 * DOLLAR, None, 0),
        (95 * DOLLAR - CENT, Some(RejectCode::PriceBand), 95 * DOLLAR),
        (100 * DOLLAR + 1, Some(RejectCode::BadTick), 0),
    ];
    for (price_nanos, code, bound) in table {
        for side in [Side::Buy, Side::Sell] {
            let result = firm.tree.check_new(binding, &order(side, 1, price_nanos), NOW, &touch(CENT_PRICE, NOW));
            assert_eq!(result.as_ref().err().map(|refusal| refusal.code), code, "{price_nanos}");
            assert_eq!(result.err().map_or(0, |refusal| refusal.bound), bound.into(), "{price_nanos}");
        }
    }
    // New bands are in force at once, also for a replace; none at all are none.
    let mut hold = firm.send(binding, Side::Buy, 1).unwrap();
    definition.band_high_nanos = 99 * DOLLAR;
    assert_eq!(firm.tree.apply_definition(&definition), Outcome::Applied);
    assert_eq!(firm.replace(&mut hold, 2, 0).unwrap_err().code, RejectCode::PriceBand);
    (definition.band_low_nanos, definition.band_high_nanos) = (0, 0);
    assert_eq!(firm.tree.apply_definition(&definition), Outcome::Applied);
    assert!(firm.replace(&mut hold, 2, 0).is_ok());
}

fn global(id: u32, node: u32, metric: Metric, value: i128) -> LimitSet {
    LimitSet { enforcement: Enforcement::Global.code(), ..limit(id, node, metric, value) }
}

fn part(limit: u32, upper: i128, lower: i128, revision: u64) -> Allocation {
    let (upper, lower) = (MoneyNanos::new(upper), MoneyNanos::new(lower));
    Allocation { limit, holder: HOLDER, upper, lower, revision, ..Allocation::new() }
}

fn holder() -> Firm {
    let mut firm = Firm::new();
    firm.tree.set_holder(HOLDER);
    firm
}

#[test]
fn control_32_without_a_part_nothing_that_is_counted_grows() {
    let dollar = i128::from(DOLLAR);
    // Metric, its part, what passes beside it, what does not, by side.
    let table = [
        (Metric::PositionLong, (10, 0), Side::Buy, 10),
        (Metric::PositionShort, (0, 10), Side::Sell, 10),
        (Metric::GrossExposure, (1_000 * dollar, 0), Side::Buy, 10),
        (Metric::DailyValue, (1_000 * dollar, 0), Side::Buy, 10),
        (Metric::DailyQuantity, (10, 0), Side::Buy, 10),
        (Metric::OpenOrders, (1, 0), Side::Buy, 10),
        (Metric::MessageRate, (1, 0), Side::Buy, 10),
    ];
    for (metric, (upper, lower), side, lots) in table {
        let mut firm = holder();
        firm.set(global(99, FIRM, metric, 1_000_000 * dollar));
        let binding = firm.bind(1, 1);
        let refusal = firm.send(binding, side, 1).unwrap_err();
        assert_eq!((refusal.code, refusal.limit, refusal.node, refusal.bound), (RejectCode::GlobalQuota, 99, FIRM, 0));
        let room = firm.tree.headroom_at(binding, CENT_PRICE);
        assert_eq!(if side == Side::Buy { room.0 } else { room.1 }, 0, "{metric:?}");
        firm.revision += 1;
        assert_eq!(firm.tree.apply_allocation(&part(99, upper, lower, firm.revision)), Outcome::Applied);
        let _held = firm.send(binding, side, lots).unwrap_or_else(|refusal| panic!("{metric:?}: {refusal:?}"));
        let refusal = firm.send(binding, side, 1).unwrap_err();
        let expected = if metric == Metric::PositionShort { lower } else { upper };
        assert_eq!((refusal.code, refusal.limit, refusal.bound), (RejectCode::GlobalQuota, 99, expected), "{metric:?}");
        assert!(refusal.observed > refusal.bound);
    }
    let mut firm = holder();
    for metric in [Metric::OrderQuantity, Metric::PriceCollar, Metric::CancelRate, Metric::DuplicateOrders] {
        assert_eq!(firm.try_set(global(99, FIRM, metric, 5)), Outcome::Refused(Refused::Enforcement), "{metric:?}");
    }
    assert_eq!(
        firm.try_set(LimitSet { enforcement: 9, ..limit(99, FIRM, Metric::OpenOrders, 5) }),
        Outcome::Refused(Refused::Code)
    );
}

#[test]
fn control_32_parts_older_newer_and_foreign() {
    let mut firm = holder();
    firm.set(global(99, FIRM, Metric::PositionLong, 1_000));
    let binding = firm.bind(1, 1);
    let table = [
        ("the first", part(99, 50, 0, 10), Outcome::Applied, 50),
        ("the same again", part(99, 90, 0, 10), Outcome::Older, 50),
        ("an older one", part(99, 90, 0, 9), Outcome::Older, 50),
        ("another engine's", Allocation { holder: 4, ..part(99, 90, 0, 11) }, Outcome::Refused(Refused::Holder), 50),
        ("of no limit here", part(77, 90, 0, 11), Outcome::Refused(Refused::Limit), 50),
        ("a newer one", part(99, 60, 0, 11), Outcome::Applied, 60),
        ("a higher generation", Allocation { generation: 1, ..part(99, 70, 0, 1) }, Outcome::Applied, 70),
        ("a lower one, whatever its revision", part(99, 80, 0, 99), Outcome::Older, 70),
        ("below zero", Allocation { generation: 1, ..part(99, -5, 0, 2) }, Outcome::Applied, 0),
    ];
    for (name, record, outcome, headroom) in table {
        assert_eq!(firm.tree.apply_allocation(&record), outcome, "{name}");
        assert_eq!(firm.tree.headroom(binding).0, headroom, "{name}");
    }
    // A part below zero leaves a short position room up to it, and no further.
    firm.tree.adopt_position(binding, -12);
    assert_eq!(firm.tree.headroom(binding).0, 7);
    let mut unnamed = Firm::new();
    unnamed.set(global(99, FIRM, Metric::PositionLong, 1_000));
    assert_eq!(unnamed.tree.apply_allocation(&part(99, 50, 0, 10)), Outcome::Refused(Refused::Holder));
}

#[test]
fn control_32_from_engine_to_global_and_back() {
    let mut firm = holder();
    let binding = firm.bind(1, 1);
    let at = |record: LimitSet, revision| LimitSet { revision, ..record };
    let engine = limit(99, FIRM, Metric::PositionLong, 100);
    let divided = global(99, FIRM, Metric::PositionLong, 100);
    enum Step {
        Limit(LimitSet),
        Part(Allocation),
    }
    let table = [
        ("an engine's own bound", Step::Limit(at(engine, 100)), 100),
        ("its part arrives ahead", Step::Part(part(99, 30, 0, 110)), 100),
        ("then the limit is divided", Step::Limit(at(divided, 110)), 30),
        ("another part", Step::Part(part(99, 20, 0, 115)), 20),
        ("a new bound leaves the part", Step::Limit(at(LimitSet { value: MoneyNanos::new(500), ..divided }, 118)), 20),
        ("back to the engine", Step::Limit(at(engine, 120)), 100),
        ("divided anew: the old part is void", Step::Limit(at(divided, 130)), 0),
        ("until the new one comes", Step::Part(part(99, 40, 0, 130)), 40),
        ("removed", Step::Limit(at(LimitSet { removed: 1, ..divided }, 140)), 1_000_000),
        ("set again: the part is void", Step::Limit(at(divided, 150)), 0),
        ("and given again", Step::Part(part(99, 60, 0, 150)), 60),
    ];
    for (name, step, headroom) in table {
        let outcome = match step {
            Step::Limit(record) => firm.tree.apply_limit(&record),
            Step::Part(record) => firm.tree.apply_allocation(&record),
        };
        assert_eq!(outcome, Outcome::Applied, "{name}");
        assert_eq!(firm.tree.headroom(binding).0, headroom, "{name}");
    }
}

#[test]
fn control_32_several_global_limits_bind_together_and_each_instrument_apart() {
    let mut firm = holder();
    firm.set(global(98, FIRM, Metric::PositionLong, 1_000));
    let mut of_sector = global(99, FIRM, Metric::PositionLong, 1_000);
    (of_sector.selector, of_sector.selected) = (SelectorKind::Sector.code(), 1);
    firm.set(of_sector);
    let (first, second, future) = (firm.bind(1, 1), firm.bind(2, 2), firm.bind(1, 3));
    for (id, upper) in [(98, 50), (99, 20)] {
        assert_eq!(firm.tree.apply_allocation(&part(id, upper, 0, 900)), Outcome::Applied);
    }
    let _held = firm.send(first, Side::Buy, 15).unwrap();
    assert_eq!([first, second, future].map(|binding| firm.tree.headroom(binding).0), [5, 20, 50]);
    let refusal = firm.send(second, Side::Buy, 21).unwrap_err();
    assert_eq!((refusal.code, refusal.limit, refusal.bound), (RejectCode::GlobalQuota, 99, 20));
    let mut seen = Vec::new();
    firm.tree.usages(&mut |one| {
        seen.extend((one.limit > 90).then_some((one.limit, one.instrument, one.used(), one.free())))
    });
    assert_eq!(seen, [(98, 1, 15, 35), (99, 1, 15, 5)]);
}

#[test]
fn control_32_a_part_below_its_use_closes_the_side_and_says_so() {
    let mut firm = holder();
    firm.set(global(99, FIRM, Metric::PositionLong, 1_000));
    let binding = firm.bind(1, 1);
    let usage = |firm: &Firm| {
        let place = firm.tree.limit_place(99).unwrap();
        let usage = firm.tree.usage(place).unwrap();
        (usage.bound, usage.filled, usage.open, usage.free())
    };
    assert_eq!(usage(&firm), (None, 0, 0, 0));
    assert_eq!(firm.tree.apply_allocation(&part(99, 100, 0, 900)), Outcome::Applied);
    let mut filled = firm.send(binding, Side::Buy, 60).unwrap();
    firm.tree.on_fill(&mut filled, 60, CENT_PRICE);
    firm.tree.on_closed(&mut filled, 0);
    let mut open = firm.send(binding, Side::Buy, 30).unwrap();
    assert_eq!(usage(&firm), (Some(100), 60, 30, 10));
    assert_eq!(firm.tree.apply_allocation(&part(99, 50, 0, 901)), Outcome::Applied);
    assert_eq!(usage(&firm), (Some(50), 60, 30, -40));
    assert_eq!(firm.refusal(binding, Side::Buy, 1), RejectCode::GlobalQuota);
    firm.tree.on_closed(&mut open, 0); // What is freed does not trade again.
    assert_eq!(usage(&firm).3, -10);
    assert_eq!(firm.refusal(binding, Side::Buy, 1), RejectCode::GlobalQuota);
    let mut sale = firm.send(binding, Side::Sell, 20).unwrap(); // What reduces passes.
    assert_eq!(usage(&firm).3, -10); // An open sale lends nothing.
    firm.tree.on_fill(&mut sale, 20, CENT_PRICE);
    assert_eq!((usage(&firm).3, firm.tree.headroom(binding).0), (10, 10));
}

#[test]
fn what_was_configured_is_part_of_the_state() {
    let state = |act: &dyn Fn(&mut Firm)| {
        let mut firm = holder();
        firm.set(global(99, FIRM, Metric::PositionLong, 1_000));
        act(&mut firm);
        let mut hash = Hash64::default();
        firm.tree.hash(&mut hash);
        hash.value()
    };
    let plain = state(&|_| {});
    let changes: [&dyn Fn(&mut Firm); 3] = [
        &|firm| assert_eq!(firm.tree.apply_allocation(&part(99, 5, 0, 900)), Outcome::Applied),
        &|firm| assert_eq!(firm.tree.apply_permission(&permission(DESK, 1, 1)), Outcome::Applied),
        &|firm| assert_eq!(firm.tree.apply_restricted(&listed(1, KillNew::ReduceOnly, 1)), Outcome::Applied),
    ];
    for change in changes {
        assert_ne!(state(change), plain);
        assert_eq!(state(change), state(change));
    }
}
