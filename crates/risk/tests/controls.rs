//! A table for each control: what passes at the bound, what is refused beyond it, with which payload.

mod common;

use common::*;
use records::{KillNew, KillResting, Metric, RejectCode, SelectorKind, Side, UNDEF_PRICE};
use risk::{Outcome, Reference, Refused};

const CENT_PRICE: i64 = 100 * DOLLAR;

#[test]
fn every_mandatory_metric_needs_a_limit_at_firm_and_strategy() {
    for (base, node) in [(0, FIRM), (10, STRATEGY)] {
        for (at, metric) in MANDATORY.into_iter().enumerate() {
            let mut firm = Firm::new();
            let binding = firm.bind(1, 1);
            assert!(firm.send(binding, Side::Buy, 1).is_ok());
            let mut record = limit(base + at as u32 + 1, node, metric, 0);
            record.removed = 1;
            firm.set(record);
            let refusal = firm.send(binding, Side::Buy, 1).unwrap_err();
            assert_eq!((refusal.code, refusal.node), (RejectCode::NoLimit, node), "{metric:?}");
            assert_eq!(refusal.bound, i128::from(metric.code()));
            assert_eq!(firm.tree.headroom(binding), (0, 0));
        }
    }
}

#[test]
fn a_limit_elsewhere_does_not_stand_in() {
    let mut firm = Firm::new();
    let mut record = limit(1, FIRM, Metric::OrderQuantity, 100);
    record.selector = SelectorKind::Instrument.code();
    record.selected = 2; // Now only instrument 2 has one at the firm.
    firm.set(record);
    let (first, second) = (firm.bind(1, 1), firm.bind(1, 2));
    assert_eq!(firm.refusal(first, Side::Buy, 1), RejectCode::NoLimit);
    assert!(firm.send(second, Side::Buy, 1).is_ok());
}

#[test]
fn zero_forbids() {
    let table = [
        (Metric::OrderQuantity, RejectCode::MaxOrderQty),
        (Metric::OrderNotional, RejectCode::MaxOrderNotional),
        (Metric::MessageRate, RejectCode::MsgRate),
        (Metric::OpenOrders, RejectCode::MaxOpenOrders),
        (Metric::PositionLong, RejectCode::PosLong),
        (Metric::GrossExposure, RejectCode::GrossExposure),
    ];
    for (metric, code) in table {
        let mut firm = Firm::new();
        firm.set(limit(99, DESK, metric, 0));
        let binding = firm.bind(1, 1);
        let refusal = firm.send(binding, Side::Buy, 1).unwrap_err();
        assert_eq!((refusal.code, refusal.limit, refusal.node), (code, 99, DESK));
    }
}

#[test]
fn control_1_tick_lot_and_activity() {
    let mut firm = Firm::new();
    let binding = firm.bind(1, 1);
    let table = [
        (1, CENT_PRICE, None),
        (1, CENT_PRICE + CENT / 2, Some(RejectCode::BadTick)),
        (1, CENT_PRICE + 1, Some(RejectCode::BadTick)),
        (0, CENT_PRICE, Some(RejectCode::BadLot)),
        (-5, CENT_PRICE, Some(RejectCode::BadLot)),
        (i64::MIN, CENT_PRICE, Some(RejectCode::BadLot)),
    ];
    for (lots, price_nanos, expected) in table {
        let result = firm.tree.check_new(binding, &order(Side::Buy, lots, price_nanos), NOW, &touch(CENT_PRICE, NOW));
        assert_eq!(result.err().map(|refusal| refusal.code), expected, "{lots} at {price_nanos}");
    }
    // Below one dollar the finer row holds.
    let cheap = order(Side::Buy, 1, DOLLAR / 2 + CENT / 100);
    assert!(firm.tree.check_new(binding, &cheap, NOW, &touch(DOLLAR / 2, NOW)).is_ok());
    let mut wrong = order(Side::Buy, 1, CENT_PRICE);
    wrong.side = 9;
    let refusal = firm.tree.check_new(binding, &wrong, NOW, &touch(CENT_PRICE, NOW)).unwrap_err();
    assert_eq!(refusal.code, RejectCode::BadIntent);
    assert_eq!(firm.tree.bind(ACCOUNT, TRADER, 1, 77).unwrap_err(), Refused::Instrument);
    assert_eq!(firm.tree.bind(ACCOUNT, TRADER, 9, 1).unwrap_err(), Refused::Listing);
    assert_eq!(firm.tree.bind(STRATEGY, TRADER, 1, 1).unwrap_err(), Refused::Node);
}

#[test]
fn controls_2_and_3_quantity_and_notional_of_one_order() {
    let mut firm = Firm::new();
    firm.set(limit(99, ACCOUNT, Metric::OrderQuantity, 50));
    firm.set(limit(98, REGION, Metric::OrderNotional, 4_000 * i128::from(DOLLAR)));
    let binding = firm.bind(1, 1);
    assert!(firm.send(binding, Side::Buy, 40).is_ok());
    let refusal = firm.send(binding, Side::Buy, 41).unwrap_err();
    assert_eq!((refusal.code, refusal.limit), (RejectCode::MaxOrderNotional, 98));
    assert_eq!((refusal.bound, refusal.observed), (4_000 * i128::from(DOLLAR), 4_100 * i128::from(DOLLAR)));
    let refusal = firm.send(binding, Side::Buy, 51).unwrap_err();
    assert_eq!((refusal.code, refusal.bound, refusal.observed), (RejectCode::MaxOrderQty, 50, 51));
    // The multiplier counts: one lot of instrument 3 is fifty units.
    let future = firm.bind(1, 3);
    assert_eq!(firm.refusal(future, Side::Sell, 1), RejectCode::MaxOrderNotional);
}

#[test]
fn control_4_the_waterfall_of_reference_prices() {
    let mut firm = Firm::new();
    firm.set(limit(99, STRATEGY, Metric::PriceCollar, 50_000)); // Five percent, one second.
    let binding = firm.bind(1, 1);
    let base = touch(CENT_PRICE, NOW);
    let old = NOW - SECOND - 1;
    let stale = Reference { touch_time_ns: old, ..base };
    let last = |nanos, time| Reference { last_nanos: nanos, last_time_ns: time, ..stale };
    let table = [
        ("at the touch's collar", base, 105 * DOLLAR, None),
        ("beyond it", base, 105 * DOLLAR + CENT, Some(RejectCode::PriceCollar)),
        ("below it: passive too", base, 95 * DOLLAR - CENT, Some(RejectCode::PriceCollar)),
        ("as old as allowed", Reference { touch_time_ns: NOW - SECOND, ..base }, CENT_PRICE, None),
        ("too old", stale, CENT_PRICE, Some(RejectCode::RefStale)),
        ("a stale feed", Reference { live: false, ..base }, CENT_PRICE, Some(RejectCode::RefStale)),
        ("crossed", Reference { bid_nanos: 101 * DOLLAR, ..base }, CENT_PRICE, Some(RejectCode::RefStale)),
        ("one-sided", Reference { ask_nanos: UNDEF_PRICE, ..base }, CENT_PRICE, Some(RejectCode::RefStale)),
        ("a fresh last trade", last(200 * DOLLAR, NOW), 200 * DOLLAR, None),
        ("an old last trade", last(200 * DOLLAR, old), 200 * DOLLAR, Some(RejectCode::RefStale)),
        ("nothing seen: the prior close", Reference::NONE, 101 * DOLLAR, None),
        ("far from the prior close", Reference::NONE, 200 * DOLLAR, Some(RejectCode::PriceCollar)),
    ];
    for (name, reference, price_nanos, expected) in table {
        let result = firm.tree.check_new(binding, &order(Side::Sell, 1, price_nanos), NOW, &reference);
        assert_eq!(result.err().map(|refusal| refusal.code), expected, "{name}");
    }
    let far = order(Side::Buy, 1, 110 * DOLLAR);
    let refusal = firm.tree.check_new(binding, &far, NOW, &base).unwrap_err();
    assert_eq!((refusal.limit, refusal.bound, refusal.observed), (99, 50_000, 100_000));
    assert_eq!(refusal.reference_nanos, CENT_PRICE);
}

#[test]
fn a_market_order_counts_at_the_collars_end() {
    let mut firm = Firm::new();
    firm.set(limit(99, STRATEGY, Metric::PriceCollar, 50_000));
    firm.set(limit(98, STRATEGY, Metric::OrderNotional, 1_050 * i128::from(DOLLAR)));
    let binding = firm.bind(1, 1);
    let reference = touch(CENT_PRICE, NOW);
    assert!(firm.tree.check_new(binding, &order(Side::Buy, 10, UNDEF_PRICE), NOW, &reference).is_ok());
    assert_eq!(firm.tree.exposure(binding).gross_held_nanos, 1_050 * i128::from(DOLLAR));
    let refusal = firm.tree.check_new(binding, &order(Side::Buy, 11, UNDEF_PRICE), NOW, &reference).unwrap_err();
    assert_eq!(refusal.code, RejectCode::MaxOrderNotional);
    let stale = firm.tree.check_new(binding, &order(Side::Buy, 1, UNDEF_PRICE), NOW + 2 * SECOND, &reference);
    assert_eq!(stale.unwrap_err().code, RejectCode::RefStale);
}

#[test]
fn control_8_messages_pass_by_engine_time_and_cancels_always() {
    let mut firm = Firm::new();
    let mut record = limit(99, STRATEGY, Metric::MessageRate, 10); // One each 100 ms, and two more at once.
    record.burst = 2;
    firm.set(record);
    firm.set(limit(97, STRATEGY, Metric::CancelRate, 1));
    let binding = firm.bind(1, 1);
    let mut ask = |now| {
        let result = firm.tree.check_new(binding, &order(Side::Buy, 1, CENT_PRICE), now, &touch(CENT_PRICE, now));
        result.err().map(|refusal| (refusal.code, refusal.limit))
    };
    for _ in 0..3 {
        assert_eq!(ask(NOW), None);
    }
    assert_eq!(ask(NOW), Some((RejectCode::MsgRate, 99)));
    assert_eq!(ask(NOW + SECOND / 10 - 1), Some((RejectCode::MsgRate, 99)));
    assert_eq!(ask(NOW + SECOND / 10), None);
    assert_eq!(ask(NOW + SECOND / 10), Some((RejectCode::MsgRate, 99)));
    for _ in 0..5 {
        firm.tree.count_cancel(binding, NOW);
    }
}

#[test]
fn a_refused_order_takes_no_token_and_a_replace_does() {
    let mut firm = Firm::new();
    let mut record = limit(99, STRATEGY, Metric::MessageRate, 1);
    record.burst = 1;
    firm.set(record);
    firm.set(limit(98, STRATEGY, Metric::OrderQuantity, 5));
    let binding = firm.bind(1, 1);
    assert_eq!(firm.refusal(binding, Side::Buy, 6), RejectCode::MaxOrderQty);
    let mut hold = firm.send(binding, Side::Buy, 5).unwrap();
    assert!(firm.replace(&mut hold, 4, 0).is_ok());
    assert_eq!(firm.refusal(binding, Side::Buy, 1), RejectCode::MsgRate);
}

#[test]
fn control_11_live_orders_end_one_by_one() {
    let mut firm = Firm::new();
    firm.set(limit(99, DESK, Metric::OpenOrders, 2));
    let binding = firm.bind(1, 1);
    let mut first = firm.send(binding, Side::Buy, 5).unwrap();
    let _second = firm.send(binding, Side::Sell, 5).unwrap();
    let refusal = firm.send(binding, Side::Buy, 5).unwrap_err();
    assert_eq!((refusal.code, refusal.limit, refusal.observed), (RejectCode::MaxOpenOrders, 99, 3));
    firm.tree.on_fill(&mut first, 5, CENT_PRICE);
    assert_eq!(firm.refusal(binding, Side::Buy, 5), RejectCode::MaxOpenOrders); // A full fill's end is an end, too.
    firm.tree.on_closed(&mut first, 0);
    assert!(firm.send(binding, Side::Buy, 5).is_ok());
}

#[test]
fn control_12_worst_case_of_each_side() {
    let mut firm = Firm::new();
    firm.set(limit(99, ACCOUNT, Metric::PositionLong, 100));
    firm.set(limit(98, ACCOUNT, Metric::PositionShort, 50));
    let (first, other_venue, other) = (firm.bind(1, 1), firm.bind(2, 1), firm.bind(1, 2));
    let mut buy = firm.send(first, Side::Buy, 60).unwrap();
    let refusal = firm.send(other_venue, Side::Buy, 41).unwrap_err();
    assert_eq!((refusal.code, refusal.bound, refusal.observed), (RejectCode::PosLong, 100, 101));
    assert!(firm.send(other, Side::Buy, 100).is_ok()); // Each instrument apart.
    assert_eq!(firm.refusal(first, Side::Sell, 51), RejectCode::PosShort);
    assert_eq!(firm.tree.headroom(first), (40, 50));
    firm.tree.on_fill(&mut buy, 60, CENT_PRICE);
    assert_eq!(firm.tree.headroom(other_venue), (40, 110));
    assert!(firm.send(other_venue, Side::Sell, 110).is_ok());
    assert_eq!(firm.tree.headroom(first), (40, 0)); // The open sale lends nothing to buys.
}

#[test]
fn control_14_gross_counts_both_sides_and_survives_the_day_only_as_holds() {
    let mut firm = Firm::new();
    firm.set(limit(97, STRATEGY, Metric::PriceCollar, 100_000)); // A sale at 100 may fill up to 110.
    firm.set(limit(99, STRATEGY, Metric::GrossExposure, 3_000 * i128::from(DOLLAR)));
    let binding = firm.bind(1, 1);
    let mut buy = firm.send(binding, Side::Buy, 10).unwrap();
    let mut sell = firm.send(binding, Side::Sell, 10).unwrap();
    assert_eq!(firm.tree.exposure(binding).gross_held_nanos, 2_100 * i128::from(DOLLAR));
    assert_eq!(firm.refusal(binding, Side::Buy, 10), RejectCode::GrossExposure);
    firm.tree.on_fill(&mut sell, 10, 101 * DOLLAR); // Trued up on the fill.
    firm.tree.on_fill(&mut buy, 4, 99 * DOLLAR);
    let exposure = firm.tree.exposure(binding);
    assert_eq!(exposure.gross_used_nanos, (1_010 + 396) * i128::from(DOLLAR));
    assert_eq!(exposure.gross_held_nanos, 600 * i128::from(DOLLAR));
    firm.tree.on_bust(binding, Side::Buy, 4);
    assert_eq!(firm.tree.exposure(binding).gross_used_nanos, (1_010 + 396) * i128::from(DOLLAR));
    firm.tree.day_roll();
    let exposure = firm.tree.exposure(binding);
    assert_eq!((exposure.gross_used_nanos, exposure.gross_held_nanos), (0, 600 * i128::from(DOLLAR)));
    assert!(firm.send(binding, Side::Buy, 24).is_ok());
    assert_eq!(firm.refusal(binding, Side::Buy, 1), RejectCode::GrossExposure);
}

#[test]
fn control_31_the_strictest_field_along_the_path() {
    let mut firm = Firm::new();
    let binding = firm.bind(1, 1);
    firm.tree.adopt_position(binding, 10);
    let resting_buy = firm.send(binding, Side::Buy, 5).unwrap();
    firm.kill(DESK, KillNew::ReduceOnly, KillResting::CancelIncreasing);
    assert_eq!(firm.refusal(binding, Side::Buy, 1), RejectCode::StateReduceOnly);
    assert_eq!(firm.refusal(binding, Side::Sell, 11), RejectCode::StateReduceOnly); // Never through zero.
    assert_eq!(firm.tree.headroom(binding), (0, 10));
    let sell = firm.send(binding, Side::Sell, 10).unwrap();
    assert_eq!(firm.refusal(binding, Side::Sell, 1), RejectCode::StateReduceOnly);
    assert!(firm.tree.increases(&resting_buy) && !firm.tree.increases(&sell));
    firm.kill(STRATEGY, KillNew::None, KillResting::Keep);
    assert_eq!(firm.refusal(binding, Side::Sell, 1), RejectCode::StateNone);
    let fields = firm.tree.kill_fields(binding);
    assert_eq!((fields.new_orders, fields.resting), (KillNew::None, KillResting::CancelIncreasing));
    firm.kill(DESK, KillNew::Allow, KillResting::Keep);
    assert_eq!(firm.refusal(binding, Side::Buy, 1), RejectCode::StateNone);
    firm.kill(STRATEGY, KillNew::Allow, KillResting::Keep);
    assert!(firm.send(binding, Side::Buy, 1).is_ok());
}

#[test]
fn limits_of_a_parent_hold_for_the_sum_of_its_children() {
    let mut firm = Firm::new();
    firm.set(limit(99, DESK, Metric::PositionLong, 100));
    let first = firm.bind(1, 1);
    let second = firm.tree.bind(ACCOUNT_B, TRADER, 2, 1).unwrap();
    firm.send(first, Side::Buy, 70).unwrap();
    assert_eq!(firm.refusal(second, Side::Buy, 31), RejectCode::PosLong);
    assert!(firm.send(second, Side::Buy, 30).is_ok());
    assert_eq!(firm.tree.account_position(second), 0);
}

#[test]
fn selectors_take_venue_trader_sector_and_underlying() {
    let mut firm = Firm::new();
    let mut by_venue = limit(99, FIRM, Metric::OrderQuantity, 5);
    by_venue.venue = 2;
    firm.set(by_venue);
    let mut by_trader = limit(98, FIRM, Metric::OrderQuantity, 3);
    by_trader.trader = 12;
    firm.set(by_trader);
    let mut by_sector = limit(97, FIRM, Metric::OrderQuantity, 2);
    (by_sector.selector, by_sector.selected) = (SelectorKind::Sector.code(), 2);
    firm.set(by_sector);
    let mut by_underlying = limit(96, FIRM, Metric::OrderQuantity, 7);
    (by_underlying.selector, by_underlying.selected) = (SelectorKind::Underlying.code(), 2);
    firm.set(by_underlying);
    let table = [
        (TRADER, 1, 1, 1_000_000),
        (TRADER, 2, 1, 5),
        (12, 1, 1, 3),
        (12, 2, 1, 3),
        (TRADER, 1, 3, 2),
        (TRADER, 1, 2, 7),
    ];
    for (trader, venue, instrument, headroom) in table {
        let binding = firm.tree.bind(ACCOUNT, trader, venue, instrument).unwrap();
        assert_eq!(firm.tree.headroom(binding).0, headroom, "trader {trader}, venue {venue}, instrument {instrument}");
    }
}

#[test]
fn soft_bounds_warn_once_for_each_crossing() {
    let mut firm = Firm::new();
    let mut record = limit(99, ACCOUNT, Metric::PositionLong, 100);
    record.soft_percent = 70;
    firm.set(record);
    let mut record = limit(98, ACCOUNT, Metric::OrderQuantity, 100);
    record.soft_percent = 50;
    firm.set(record);
    let binding = firm.bind(1, 1);
    let _first = firm.send(binding, Side::Buy, 50).unwrap();
    assert_eq!(firm.tree.take_warning(), None);
    let mut second = firm.send(binding, Side::Buy, 21).unwrap();
    let warning = firm.tree.take_warning().unwrap();
    assert_eq!((warning.limit, warning.metric, warning.bound, warning.observed), (99, Metric::PositionLong, 100, 71));
    let _third = firm.send(binding, Side::Buy, 1).unwrap();
    assert_eq!(firm.tree.take_warning(), None);
    firm.tree.on_closed(&mut second, 0);
    let _fourth = firm.send(binding, Side::Buy, 40).unwrap();
    assert_eq!(firm.tree.take_warning().unwrap().observed, 91);
    let _sale = firm.send(binding, Side::Sell, 51).unwrap();
    assert_eq!(firm.tree.take_warning().unwrap().limit, 98);
}

#[test]
fn absurd_numbers_are_over_every_limit() {
    let mut firm = Firm::new();
    for (id, node, metric) in [(1, FIRM, Metric::OrderQuantity), (11, STRATEGY, Metric::OrderQuantity)] {
        firm.set(limit(id, node, metric, i128::MAX));
    }
    let binding = firm.bind(1, 3);
    let huge = order(Side::Buy, i64::MAX, CENT_PRICE);
    let refusal = firm.tree.check_new(binding, &huge, NOW, &touch(CENT_PRICE, NOW)).unwrap_err();
    assert_eq!(refusal.code, RejectCode::MaxOrderNotional);
    assert_eq!(firm.try_set(limit(99, FIRM, Metric::OpenOrders, -1)), Outcome::Refused(Refused::Value));
}
