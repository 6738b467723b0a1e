//! Each way to break a bound that holding knows: a rule taken away somewhere, replayed here against the rule in place.

mod common;

use common::*;
use records::{Metric, RejectCode, Side};
use risk::{Binding, Phase};

const PRICE: i64 = 100 * DOLLAR;

/// Long at most 10, short at most 10.
fn tight() -> (Firm, Binding) {
    let mut firm = Firm::new();
    firm.set(limit(99, ACCOUNT, Metric::PositionLong, 10));
    firm.set(limit(98, ACCOUNT, Metric::PositionShort, 10));
    let binding = firm.bind(1, 1);
    (firm, binding)
}

#[test]
fn an_open_sale_lends_no_headroom() {
    let (mut firm, binding) = tight();
    let mut sale = firm.send(binding, Side::Sell, 10).unwrap();
    let mut buy = firm.send(binding, Side::Buy, 10).unwrap();
    assert_eq!(firm.refusal(binding, Side::Buy, 1), RejectCode::PosLong);
    firm.tree.on_fill(&mut sale, 4, PRICE); // A filled one does.
    assert_eq!(firm.tree.headroom(binding), (4, 0));
    firm.tree.on_fill(&mut buy, 10, PRICE);
    assert_eq!(firm.tree.account_position(binding), 6);
}

#[test]
fn a_close_keeps_what_the_venue_counted_and_we_have_not_booked() {
    let (mut firm, binding) = tight();
    let mut buy = firm.send(binding, Side::Buy, 10).unwrap();
    firm.tree.on_fill(&mut buy, 2, PRICE);
    firm.tree.on_closed(&mut buy, 5); // Cancelled, cumulative seven: five fills are on their way.
    assert_eq!(firm.tree.headroom(binding).0, 3);
    assert_eq!(firm.refusal(binding, Side::Buy, 4), RejectCode::PosLong);
    assert_eq!(firm.tree.on_fill(&mut buy, 5, PRICE), 0);
    assert_eq!((firm.tree.headroom(binding).0, buy.phase()), (3, Phase::Closed));
}

#[test]
fn a_cancel_asked_or_an_unknown_state_releases_nothing() {
    let (mut firm, binding) = tight();
    let mut buy = firm.send(binding, Side::Buy, 10).unwrap();
    firm.tree.count_cancel(binding, NOW); // Asked; then the session dies: no call at all.
    assert_eq!(firm.refusal(binding, Side::Buy, 1), RejectCode::PosLong);
    assert_eq!(firm.tree.exposure(binding).open_orders, 1);
    assert_eq!(firm.tree.on_fill(&mut buy, 10, PRICE), 0); // It had traded meanwhile.
    assert_eq!(firm.tree.account_position(binding), 10);
}

#[test]
fn a_replace_upwards_is_held_when_it_is_sent() {
    let (mut firm, binding) = tight();
    let mut buy = firm.send(binding, Side::Buy, 4).unwrap();
    let _other = firm.send(binding, Side::Buy, 3).unwrap();
    let refusal = firm.replace(&mut buy, 8, 0).unwrap_err();
    assert_eq!((refusal.code, refusal.observed), (RejectCode::PosLong, 11));
    assert_eq!(buy.held_lots(), 4);
    firm.replace(&mut buy, 7, 0).unwrap();
    assert_eq!(firm.refusal(binding, Side::Buy, 1), RejectCode::PosLong);
    firm.tree.on_replace_rejected(&mut buy);
    assert!(firm.send(binding, Side::Buy, 3).is_ok());
}

#[test]
fn a_replace_downwards_is_released_only_by_its_answer() {
    let (mut firm, binding) = tight();
    let mut buy = firm.send(binding, Side::Buy, 10).unwrap();
    firm.replace(&mut buy, 2, 0).unwrap();
    assert_eq!(firm.refusal(binding, Side::Buy, 1), RejectCode::PosLong);
    firm.tree.on_fill(&mut buy, 1, PRICE);
    firm.tree.on_replaced(&mut buy, 1, 0);
    assert_eq!(firm.tree.headroom(binding).0, 8);
}

#[test]
fn where_the_venue_takes_what_remains_the_larger_is_not_enough() {
    let (mut firm, _) = tight();
    let binding = firm.bind(2, 1);
    let mut buy = firm.send(binding, Side::Buy, 6).unwrap();
    // Five of the six may fill before the replace arrives and opens six anew: eleven.
    assert_eq!(firm.replace(&mut buy, 6, 0).unwrap_err().code, RejectCode::PosLong);
    firm.replace(&mut buy, 5, 0).unwrap();
    assert_eq!(buy.held_lots(), 10);
    firm.tree.on_fill(&mut buy, 5, PRICE);
    firm.tree.on_replaced(&mut buy, 5, 0);
    assert_eq!((firm.tree.headroom(binding).0, buy.held_lots()), (0, 5));
    firm.tree.on_fill(&mut buy, 5, PRICE);
    firm.tree.on_closed(&mut buy, 0);
    assert_eq!(firm.tree.account_position(binding), 10);
}

#[test]
fn an_overfill_is_booked_and_never_clamped() {
    let (mut firm, binding) = tight();
    let mut buy = firm.send(binding, Side::Buy, 10).unwrap();
    assert_eq!(firm.tree.on_fill(&mut buy, 13, PRICE), 3);
    assert_eq!(firm.tree.account_position(binding), 13);
    assert_eq!(firm.tree.headroom(binding), (0, 23));
    assert_eq!(firm.refusal(binding, Side::Buy, 1), RejectCode::PosLong);
    firm.tree.on_closed(&mut buy, 0);
    let mut sale = firm.send(binding, Side::Sell, 4).unwrap();
    firm.tree.on_fill(&mut sale, 2, PRICE);
    assert_eq!(firm.refusal(binding, Side::Buy, 1), RejectCode::PosLong); // 11 is beyond it still: the debt counts.
    firm.tree.on_fill(&mut sale, 2, PRICE);
    assert_eq!(firm.tree.headroom(binding).0, 1);
}

#[test]
fn a_bust_is_a_debt_of_the_other_side() {
    let (mut firm, binding) = tight();
    let mut buy = firm.send(binding, Side::Buy, 8).unwrap();
    firm.tree.on_fill(&mut buy, 8, PRICE);
    firm.tree.on_closed(&mut buy, 0);
    let mut sale = firm.send(binding, Side::Sell, 18).unwrap();
    firm.tree.on_bust(binding, Side::Buy, 8); // The sale was held against these lots.
    assert_eq!(firm.tree.headroom(binding).1, 0);
    assert_eq!(firm.refusal(binding, Side::Sell, 1), RejectCode::PosShort);
    firm.tree.on_fill(&mut sale, 18, PRICE);
    assert_eq!(firm.tree.account_position(binding), -18);
    assert_eq!(firm.tree.headroom(binding), (28, 0));
}

#[test]
fn a_correction_moves_lots_and_adds_money_but_gives_none_back() {
    let (mut firm, binding) = tight();
    let mut buy = firm.send(binding, Side::Buy, 5).unwrap();
    firm.tree.on_fill(&mut buy, 5, PRICE);
    firm.tree.on_correction(binding, Side::Buy, 5, PRICE, 3, PRICE);
    assert_eq!(firm.tree.exposure(binding).gross_used_nanos, 500 * i128::from(DOLLAR));
    firm.tree.on_correction(binding, Side::Buy, 3, PRICE, 3, 2 * PRICE);
    assert_eq!(firm.tree.exposure(binding).gross_used_nanos, 800 * i128::from(DOLLAR));
    assert_eq!(firm.tree.account_position(binding), 3);
}

#[test]
fn what_the_venue_takes_off_is_free_again() {
    let (mut firm, binding) = tight();
    let mut buy = firm.send(binding, Side::Buy, 10).unwrap();
    firm.tree.on_reduced(&mut buy, 4);
    assert_eq!((firm.tree.headroom(binding).0, buy.held_lots()), (4, 6));
    firm.replace(&mut buy, 8, 0).unwrap();
    firm.tree.on_reduced(&mut buy, 2); // Which of the two versions it was taken off nobody can say.
    assert_eq!(buy.held_lots(), 8);
}

#[test]
fn adopted_orders_and_positions_count_unchecked() {
    let (mut firm, binding) = tight();
    firm.tree.adopt_position(binding, 7);
    let mut found = firm.tree.adopt_order(binding, Side::Buy, 6, PRICE);
    assert_eq!(firm.refusal(binding, Side::Buy, 1), RejectCode::PosLong);
    firm.tree.on_closed(&mut found, 0);
    assert_eq!(firm.tree.headroom(binding), (3, 17));
}

#[test]
#[should_panic(expected = "an order that ends twice")]
fn a_hold_is_released_once() {
    let (mut firm, binding) = tight();
    let mut buy = firm.send(binding, Side::Buy, 10).unwrap();
    firm.tree.on_closed(&mut buy, 0);
    firm.tree.on_closed(&mut buy, 0);
}
