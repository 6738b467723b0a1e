//! Controls 5, 7, 15 and 25: what passes at the bound, what is refused one beyond it, and what is warned of.

mod common;

use common::*;
use records::{Metric, NewOrder, OrderType, RejectCode, SelfTrade, Side, TimeInForce, UNDEF_PRICE};
use risk::{Binding, Hold, Reference, Refusal};

const CENT_PRICE: i64 = 100 * DOLLAR;

fn market(side: Side, time_in_force: TimeInForce) -> NewOrder {
    NewOrder { time_in_force: time_in_force.code(), ..order(side, 1, UNDEF_PRICE) }
}

/// As an engine does: a market order is given its price first.
fn send_market(firm: &mut Firm, binding: Binding, side: Side, reference: &Reference) -> Result<i64, Refusal> {
    let mut order = market(side, TimeInForce::Day);
    firm.tree.protect(binding, &mut order, NOW, reference)?;
    firm.tree.check_new(binding, &order, NOW, reference).map(|_| order.price_nanos)
}

#[test]
fn control_5_a_market_order_goes_so_far_through_the_touch() {
    let base = touch(CENT_PRICE, NOW); // 99.99 by 100.01, collar fifty percent.
    let stale = Reference { touch_time_ns: NOW - SECOND - 1, ..base };
    let one_sided = Reference { ask_nanos: UNDEF_PRICE, last_nanos: CENT_PRICE, last_time_ns: NOW, ..base };
    let table = [
        ("one percent up", 10_000, Side::Buy, base, Ok(101 * DOLLAR + CENT)), // 101.0101, down to the tick.
        ("one percent down", 10_000, Side::Sell, base, Ok(99 * DOLLAR)),      // 98.9901, up to the tick.
        ("hardly through", 1, Side::Buy, base, Ok(100 * DOLLAR + CENT)),
        ("never beyond the collar", 900_000, Side::Buy, base, Ok(150 * DOLLAR)),
        ("nor below it", 900_000, Side::Sell, base, Ok(50 * DOLLAR)),
        ("forbidden", 0, Side::Buy, base, Err(RejectCode::MarketNotAllowed)),
        ("an old touch", 10_000, Side::Buy, stale, Err(RejectCode::RefStale)),
        ("no touch on its side", 10_000, Side::Buy, one_sided, Err(RejectCode::RefStale)),
        ("a stale feed", 10_000, Side::Sell, Reference { live: false, ..base }, Err(RejectCode::RefStale)),
    ];
    for (name, parts, side, reference, expected) in table {
        let mut firm = Firm::new();
        firm.set(limit(99, DESK, Metric::MarketOrder, parts));
        let binding = firm.bind(1, 1);
        let sent = send_market(&mut firm, binding, side, &reference);
        assert_eq!(
            sent.map_err(|refusal| (refusal.code, refusal.limit)),
            expected.map_err(|code| (code, 99)),
            "{name}"
        );
    }
}

#[test]
fn control_5_a_market_order_for_an_auction_is_a_limit_order_at_the_collars_end() {
    let untouched = Reference { touch_time_ns: 0, last_time_ns: 0, last_nanos: UNDEF_PRICE, ..touch(CENT_PRICE, NOW) };
    let closed = Reference { bid_nanos: UNDEF_PRICE, ask_nanos: UNDEF_PRICE, ..untouched };
    let last = Reference { last_nanos: CENT_PRICE, last_time_ns: NOW, ..closed };
    for (side, parts, reference, expected) in [
        (Side::Buy, 10_000, last, Ok(150 * DOLLAR)),
        (Side::Sell, 10_000, last, Ok(50 * DOLLAR)),
        (Side::Buy, 0, last, Err(RejectCode::MarketNotAllowed)),
        (Side::Buy, 10_000, Reference { last_time_ns: 1, ..last }, Err(RejectCode::RefStale)),
    ] {
        let mut firm = Firm::new();
        firm.set(limit(99, DESK, Metric::MarketOrder, parts));
        let binding = firm.bind(1, 1);
        let mut order = market(side, TimeInForce::AtClose);
        let protected = firm.tree.protect(binding, &mut order, NOW, &reference);
        assert_eq!(protected.map(|()| order.price_nanos).map_err(|refusal| refusal.code), expected);
        if expected.is_ok() {
            let terms = (order.order_type, order.time_in_force);
            assert_eq!(terms, (OrderType::Limit.code(), TimeInForce::AtClose.code()));
            assert!(firm.tree.check_new(binding, &order, NOW, &reference).is_ok(), "and is held there");
        }
    }
}

#[test]
fn control_5_the_strictest_counts_and_the_order_never_rests() {
    let mut firm = Firm::new();
    firm.set(limit(98, ACCOUNT, Metric::MarketOrder, 20_000));
    firm.set(limit(99, FIRM, Metric::MarketOrder, 10_000));
    let binding = firm.bind(1, 1);
    for (asked, sent) in [
        (TimeInForce::Day, TimeInForce::ImmediateOrCancel),
        (TimeInForce::FillOrKill, TimeInForce::FillOrKill),
        (TimeInForce::GoodTillTime, TimeInForce::ImmediateOrCancel),
    ] {
        let mut one = market(Side::Buy, asked);
        firm.tree.protect(binding, &mut one, NOW, &touch(CENT_PRICE, NOW)).unwrap();
        assert_eq!(one.price_nanos, 101 * DOLLAR + CENT);
        assert_eq!((one.order_type, one.time_in_force), (OrderType::Limit.code(), sent.code()));
    }
    // One that nobody gave a price is not let through beside the limit, and a limit order is left alone.
    let bare = firm.tree.check_new(binding, &market(Side::Buy, TimeInForce::Day), NOW, &touch(CENT_PRICE, NOW));
    assert_eq!(bare.unwrap_err().code, RejectCode::MarketNotAllowed);
    let mut priced = order(Side::Buy, 1, 77 * DOLLAR);
    firm.tree.protect(binding, &mut priced, NOW, &touch(CENT_PRICE, NOW)).unwrap();
    assert_eq!(priced, order(Side::Buy, 1, 77 * DOLLAR));
}

/// Sends an order at a time; whether it passed, else the code, what was seen and the limit.
fn at(
    firm: &mut Firm,
    binding: Binding,
    (side, lots, price_nanos): (Side, i64, i64),
    now: u64,
) -> Option<(RejectCode, i128)> {
    let order = order(side, lots, price_nanos);
    let result = firm.tree.check_new(binding, &order, now, &touch(CENT_PRICE, now));
    result.err().map(|refusal| (refusal.code, refusal.observed))
}

#[test]
fn control_7_the_same_order_so_often_in_a_window() {
    let mut firm = Firm::new();
    firm.set(limit(99, STRATEGY, Metric::DuplicateOrders, 2)); // Two in a second.
    let (here, there) = (firm.bind(1, 1), firm.bind(2, 1));
    let other = firm.bind(1, 2);
    let elsewhere = firm.tree.bind(ACCOUNT_B, TRADER, 1, 1).unwrap();
    let same = (Side::Buy, 10, CENT_PRICE);
    let refused = Some((RejectCode::Duplicate, 3));
    let table = [
        ("the first", here, same, 0, None),
        ("the second, at another venue", there, same, 1, None),
        ("the third", here, same, 2, refused),
        ("a refused one counts for nothing", here, same, 3, refused),
        ("the other side", here, (Side::Sell, 10, CENT_PRICE), 4, None),
        ("other lots", here, (Side::Buy, 11, CENT_PRICE), 5, None),
        ("another price", here, (Side::Buy, 10, CENT_PRICE + CENT), 6, None),
        ("a market order", here, (Side::Buy, 10, UNDEF_PRICE), 7, None),
        ("another instrument", other, same, 8, None),
        ("another account, without such a limit", elsewhere, same, 9, None),
        ("as long as the window lasts", here, same, SECOND - 1, refused),
        ("the first one has left it", here, same, SECOND, None),
        ("two are in it again", here, same, SECOND, refused),
        ("and the second one has left it", here, same, SECOND + 1, None),
    ];
    for (name, binding, what, after, expected) in table {
        assert_eq!(at(&mut firm, binding, what, NOW + after), expected, "{name}");
    }
}

#[test]
fn control_7_every_limit_counts_its_own_window_venue_and_trader() {
    let mut firm = Firm::new();
    let mut narrow = limit(98, ACCOUNT, Metric::DuplicateOrders, 1);
    (narrow.window_ns, narrow.venue) = (SECOND / 10, 2);
    firm.set(narrow);
    firm.set(limit(99, FIRM, Metric::DuplicateOrders, 3));
    let (here, there) = (firm.bind(1, 1), firm.bind(2, 1));
    let same = (Side::Sell, 5, CENT_PRICE);
    assert_eq!(at(&mut firm, there, same, NOW), None);
    assert_eq!(at(&mut firm, there, same, NOW), Some((RejectCode::Duplicate, 2)));
    assert_eq!(at(&mut firm, here, same, NOW), None);
    assert_eq!(at(&mut firm, there, same, NOW + SECOND / 10), None);
    assert_eq!(at(&mut firm, here, same, NOW + SECOND / 10), Some((RejectCode::Duplicate, 4)));
    let mut zero = limit(97, DESK, Metric::DuplicateOrders, 0);
    zero.window_ns = 1;
    firm.set(zero);
    assert_eq!(at(&mut firm, here, (Side::Buy, 1, CENT_PRICE), NOW + 9 * SECOND), Some((RejectCode::Duplicate, 1)));
    assert_eq!(firm.tree.headroom(here), (0, 0)); // Zero forbids.
}

#[test]
fn control_7_a_memory_that_is_full_refuses_rather_than_forgets() {
    let mut firm = Firm::with_recent(16);
    firm.set(limit(99, DESK, Metric::DuplicateOrders, 1));
    let binding = firm.bind(1, 1);
    for lots in 1..=16 {
        assert_eq!(at(&mut firm, binding, (Side::Buy, lots, CENT_PRICE), NOW + lots as u64), None);
    }
    let other = (Side::Buy, 17, CENT_PRICE);
    assert_eq!(at(&mut firm, binding, other, NOW + 17).map(|(code, _)| code), Some(RejectCode::Duplicate));
    assert_eq!(at(&mut firm, binding, other, NOW + SECOND + 1), None); // The oldest has left the window.
}

#[test]
fn control_15_money_and_lots_of_the_day() {
    let thousand = 1_000 * i128::from(DOLLAR);
    let table =
        [(Metric::DailyValue, 2 * thousand, RejectCode::DailyValue), (Metric::DailyQuantity, 20, RejectCode::DailyQty)];
    for (metric, bound, code) in table {
        let mut firm = Firm::new();
        firm.set(limit(97, STRATEGY, Metric::PriceCollar, 1)); // A sale is held at its price, all but.
        let mut record =
            limit(99, STRATEGY, metric, bound + if metric == Metric::DailyValue { thousand / 100 } else { 0 });
        record.soft_percent = 70;
        firm.set(record);
        let (binding, other) = (firm.bind(1, 1), firm.bind(1, 2));
        let mut buy = firm.send(binding, Side::Buy, 10).unwrap();
        assert_eq!(firm.tree.take_warning(), None);
        let mut sell = firm.send(other, Side::Sell, 5).unwrap(); // Both sides and all instruments add up.
        assert_eq!(firm.tree.take_warning().map(|warning| (warning.limit, warning.metric)), Some((99, metric)));
        let sold = firm.send(binding, Side::Sell, 5).unwrap();
        assert_eq!(firm.tree.take_warning(), None);
        let refusal = firm.send(binding, Side::Buy, 1).unwrap_err();
        assert_eq!((refusal.code, refusal.limit, refusal.node), (code, 99, STRATEGY));
        assert!(refusal.observed > refusal.bound && refusal.bound >= bound);
        assert_eq!(firm.tree.headroom_at(binding, CENT_PRICE), (0, 0));
        // A fill stays, a cancel returns.
        firm.tree.on_fill(&mut buy, 10, CENT_PRICE);
        firm.tree.on_closed(&mut buy, 0);
        assert_eq!(firm.refusal(binding, Side::Buy, 1), code);
        firm.tree.on_closed(&mut sell, 0);
        assert!(firm.send(binding, Side::Buy, 5).is_ok());
        assert_eq!(firm.refusal(binding, Side::Buy, 1), code);
        firm.tree.on_bust(binding, Side::Buy, 10); // A bust gives nothing back.
        assert_eq!(firm.refusal(binding, Side::Buy, 1), code);
        // At the roll what was traded is gone, what is held is not.
        firm.tree.day_roll();
        assert_eq!(sold.held_lots(), 5);
        assert!(firm.send(binding, Side::Buy, 10).is_ok());
        assert_eq!(firm.refusal(binding, Side::Buy, 1), code);
    }
}

#[test]
fn limits_of_one_scope_share_a_counter_and_the_strictest_of_each_kind_binds() {
    let mut firm = Firm::new();
    let dollars = |count: i64| i128::from(count) * i128::from(DOLLAR);
    firm.set(limit(96, DESK, Metric::GrossExposure, dollars(1_000)));
    let mut soft = limit(97, DESK, Metric::DailyValue, dollars(2_000));
    soft.soft_percent = 25; // Softer in its hard bound, and the first to warn.
    firm.set(soft);
    firm.set(limit(98, DESK, Metric::OpenOrders, 3));
    firm.set(limit(99, DESK, Metric::OpenOrders, 2));
    let binding = firm.bind(1, 1);
    let mut first = firm.send(binding, Side::Buy, 6).unwrap();
    assert_eq!(firm.tree.take_warning().map(|warning| (warning.limit, warning.bound)), Some((97, dollars(2_000))));
    let refusal = firm.send(binding, Side::Buy, 5).unwrap_err();
    assert_eq!((refusal.code, refusal.limit), (RejectCode::GrossExposure, 96));
    let _second = firm.send(binding, Side::Buy, 4).unwrap();
    let refusal = firm.send(binding, Side::Buy, 1).unwrap_err();
    assert_eq!((refusal.code, refusal.limit), (RejectCode::MaxOpenOrders, 99));
    let mut seen = Vec::new();
    firm.tree.usages(&mut |usage| seen.extend((usage.limit > 90).then_some((usage.limit, usage.used()))));
    assert_eq!(seen, [(96, dollars(1_000)), (97, dollars(1_000)), (98, 2), (99, 2)]);
    // With the stricter ones gone the others bind, with what was counted before.
    for id in [96, 99] {
        let mut gone = limit(id, DESK, if id == 96 { Metric::GrossExposure } else { Metric::OpenOrders }, 0);
        gone.removed = 1;
        firm.set(gone);
    }
    firm.tree.on_closed(&mut first, 0);
    let _third = firm.send(binding, Side::Buy, 16).unwrap();
    assert_eq!(firm.refusal(binding, Side::Buy, 1), RejectCode::DailyValue);
}

#[test]
fn headroom_is_what_a_further_order_may_have() {
    let dollars = |count: i64| i128::from(count) * i128::from(DOLLAR);
    let table = [
        (Metric::OrderQuantity, 12, (12, 12)),
        (Metric::PositionLong, 12, (12, 1_000_000)),
        (Metric::PositionShort, 12, (1_000_000, 12)),
        (Metric::OpenOrders, 0, (0, 0)),
        (Metric::MessageRate, 0, (0, 0)),
        (Metric::DailyQuantity, 12, (12, 12)),
        (Metric::GrossExposure, dollars(1_300), (13, 8)), // A sale may fill half as high again.
        (Metric::DailyValue, dollars(1_300), (13, 8)),
        (Metric::OrderNotional, dollars(1_300), (13, 8)),
    ];
    for (metric, value, expected) in table {
        let mut firm = Firm::new();
        firm.set(limit(99, REGION, metric, value));
        let binding = firm.bind(1, 1);
        assert_eq!(firm.tree.headroom_at(binding, CENT_PRICE), expected, "{metric:?}");
        for (side, lots) in [(Side::Buy, expected.0), (Side::Sell, expected.1)] {
            if lots < 1_000_000 {
                let beyond = firm.send(binding, side, lots + 1);
                // The notional of a sale is looked at at its own price: there headroom is on the safe side.
                assert!(beyond.is_err() || metric == Metric::OrderNotional, "{metric:?} {side:?}");
            }
            if (1..1_000_000).contains(&lots) {
                let mut held = firm.send(binding, side, lots).expect("headroom can be had");
                firm.tree.on_closed(&mut held, 0);
            }
        }
    }
    let mut firm = Firm::new();
    let binding = firm.bind(1, 3); // Fifty units a lot.
    firm.set(limit(99, REGION, Metric::GrossExposure, dollars(14_999)));
    assert_eq!(firm.tree.headroom_at(binding, CENT_PRICE).0, 2);
}

fn guarded(firm: &mut Firm, binding: Binding, side: Side, price_nanos: i64) -> Result<Hold, RejectCode> {
    let order = NewOrder { self_trade: SelfTrade::CancelNewest.code(), ..order(side, 1, price_nanos) };
    firm.tree.check_new(binding, &order, NOW, &touch(CENT_PRICE, NOW)).map_err(|refusal| refusal.code)
}

#[test]
fn control_25_no_order_crosses_one_of_our_own() {
    let mut firm = Firm::new();
    let (here, there) = (firm.bind(1, 1), firm.bind(2, 1));
    let other_strategy = firm.tree.bind(ACCOUNT_B, TRADER, 1, 1).unwrap();
    let other_instrument = firm.bind(1, 2);
    let mut resting = guarded(&mut firm, other_strategy, Side::Sell, CENT_PRICE).unwrap();
    let table = [
        ("one tick away", here, Side::Buy, CENT_PRICE - CENT, true),
        ("at its price", here, Side::Buy, CENT_PRICE, false),
        ("through it", here, Side::Buy, CENT_PRICE + CENT, false),
        ("at another venue", there, Side::Buy, CENT_PRICE, false),
        ("a market order", here, Side::Buy, UNDEF_PRICE, false),
        ("on its own side", there, Side::Sell, CENT_PRICE - CENT, false), // Through the buy of the first row.
        ("away from that", there, Side::Sell, CENT_PRICE, true),
        ("another instrument", other_instrument, Side::Buy, CENT_PRICE, true),
    ];
    let mut held = Vec::new();
    for (name, binding, side, price_nanos, passes) in table {
        match guarded(&mut firm, binding, side, price_nanos) {
            Ok(hold) => held.extend(passes.then_some(hold).or_else(|| panic!("{name}"))),
            Err(code) => assert!(!passes && code == RejectCode::SelfTrade, "{name}: {code:?}"),
        }
    }
    let refusal = {
        let order = NewOrder { self_trade: SelfTrade::CancelNewest.code(), ..order(Side::Buy, 1, CENT_PRICE) };
        firm.tree.check_new(here, &order, NOW, &touch(CENT_PRICE, NOW)).unwrap_err()
    };
    assert_eq!((refusal.bound, refusal.observed), (CENT_PRICE.into(), CENT_PRICE.into()));
    // An order that asks for no prevention is not held up; one whose counterparts are gone is not either.
    assert!(firm.send(here, Side::Buy, 1).is_ok());
    firm.tree.on_closed(&mut resting, 0);
    firm.tree.on_closed(&mut held[1], 0);
    assert!(guarded(&mut firm, here, Side::Buy, CENT_PRICE).is_ok());
}

#[test]
fn control_25_a_replace_is_looked_at_too_and_both_its_prices_count() {
    let mut firm = Firm::new();
    let binding = firm.bind(1, 1);
    let reference = touch(CENT_PRICE, NOW);
    let mut sale = guarded(&mut firm, binding, Side::Sell, CENT_PRICE + CENT).unwrap();
    let _buy = guarded(&mut firm, binding, Side::Buy, CENT_PRICE - CENT).unwrap();
    let crossing = firm.tree.check_replace(&mut sale, 1, 0, CENT_PRICE - CENT, true, NOW, &reference).unwrap_err();
    assert_eq!(crossing.code, RejectCode::SelfTrade);
    firm.tree.check_replace(&mut sale, 1, 0, CENT_PRICE, true, NOW, &reference).unwrap();
    assert_eq!(guarded(&mut firm, binding, Side::Buy, CENT_PRICE).unwrap_err(), RejectCode::SelfTrade);
}
