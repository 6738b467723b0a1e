use records::{OrderId, OrderIdParts};
use wire::ouch50::{
    AcceptedFields, CanceledFields, ExecutedFields, Inbound, RejectedFields, ReplacedFields, decode_inbound,
};

use super::*;

const MIDNIGHT: u64 = 1_700_000_000_000_000_000;

fn ouch() -> Ouch {
    let config =
        OuchConfig { venue: 2, source: 7, symbols: vec![(1, *b"AAPL    "), (3, *b"ESM4    ")], midnight_ns: MIDNIGHT };
    Ouch::new(config, 100)
}

fn id(counter: u32) -> u64 {
    OrderId::new(OrderIdParts { day: 2_500, shard: 1, epoch: 1, counter }).0
}

fn order(counter: u32) -> NewOrder {
    let mut order = NewOrder::new();
    order.owner.order_id = id(counter);
    order.owner.strategy = 5;
    order.header.instrument = 1;
    (order.price_nanos, order.lots) = (585_330_000_000, 300);
    (order.side, order.order_type) = (Side::Buy.code(), OrderType::Limit.code());
    order.time_in_force = TimeInForce::Day.code();
    order.slot = 4;
    order
}

fn enter(ouch: &mut Ouch, order: &NewOrder) -> Result<Vec<u8>, Reason> {
    let mut out = [0; 256];
    ouch.enter(order, MIDNIGHT + 1, &mut out).map(|length| out[..length].to_vec())
}

fn event(ouch: &mut Ouch, encode: impl FnOnce(&mut [u8]) -> usize) -> OrderEvent {
    let mut bytes = [0; 256];
    let length = encode(&mut bytes);
    ouch.on_message(&bytes[..length], 9, MIDNIGHT + 50).expect("a message").expect("about an order")
}

fn accept(ouch: &mut Ouch, user_ref_num: u32, quantity: u32) -> OrderEvent {
    let fields = AcceptedFields {
        user_ref_num,
        quantity,
        timestamp: 77,
        price: 5_853_300,
        order_reference_number: 4_242,
        order_state: b'L',
        ..Default::default()
    };
    event(ouch, |out| fields.encode(out))
}

fn execute(ouch: &mut Ouch, user_ref_num: u32, quantity: u32, match_number: u64) -> OrderEvent {
    let fields = ExecutedFields {
        user_ref_num,
        quantity,
        match_number,
        price: 5_853_300,
        liquidity_flag: b'A',
        ..Default::default()
    };
    event(ouch, |out| fields.encode(out))
}

#[test]
fn a_new_order_says_what_was_asked() {
    let mut ouch = ouch();
    let bytes = enter(&mut ouch, &order(1)).expect("allowed");
    let Ok(Inbound::EnterOrder(view)) = decode_inbound(&bytes) else { panic!("not an order: {bytes:?}") };
    assert_eq!((view.user_ref_num(), view.side(), view.quantity()), (1, b'B', 300));
    assert_eq!((&view.symbol(), view.price(), view.time_in_force()), (b"AAPL    ", 5_853_300, b'0'));
    let text = String::from_utf8(view.cl_ord_id().to_vec()).expect("letters");
    assert_eq!(u64::from_str_radix(text.trim(), 36), Ok(id(1)));
}

#[test]
fn fill_or_kill_market_reserve_and_expiry_follow_the_specification() {
    let mut ouch = ouch();
    let mut kill = order(1);
    kill.time_in_force = TimeInForce::FillOrKill.code();
    let bytes = enter(&mut ouch, &kill).expect("allowed");
    let Ok(Inbound::EnterOrder(view)) = decode_inbound(&bytes) else { panic!() };
    assert_eq!((view.time_in_force(), view.appendage().min_qty()), (b'3', Some(300)));

    let mut market = order(2);
    (market.order_type, market.price_nanos) = (OrderType::Market.code(), UNDEF_PRICE);
    let bytes = enter(&mut ouch, &market).expect("allowed");
    let Ok(Inbound::EnterOrder(view)) = decode_inbound(&bytes) else { panic!() };
    assert_eq!(view.price(), 0x7fff_ffff);

    let mut reserve = order(3);
    reserve.display_lots = 100;
    reserve.time_in_force = TimeInForce::GoodTillTime.code();
    reserve.expire_time_ns = MIDNIGHT + 57_600_000_000_000;
    let bytes = enter(&mut ouch, &reserve).expect("allowed");
    let Ok(Inbound::EnterOrder(view)) = decode_inbound(&bytes) else { panic!() };
    assert_eq!((view.appendage().max_floor(), view.appendage().expire_time()), (Some(100), Some(57_600)));
}

#[test]
fn what_the_venue_cannot_take_is_refused_with_its_reason() {
    type Spoil = fn(&mut NewOrder);
    let refused: [(Spoil, Reason); 8] = [
        (|order| order.header.instrument = 9, Reason::InvalidInstrument),
        (|order| order.price_nanos += 1, Reason::InvalidPrice),
        (|order| order.price_nanos = -100_000, Reason::InvalidPrice),
        (|order| order.price_nanos = UNDEF_PRICE, Reason::InvalidPrice),
        (|order| order.lots = 1_000_000, Reason::InvalidQuantity),
        (|order| order.lots = 0, Reason::InvalidQuantity),
        (|order| order.time_in_force = TimeInForce::GoodTillCancel.code(), Reason::InvalidField),
        (|order| order.side = 9, Reason::InvalidField),
    ];
    for (spoil, reason) in refused {
        let mut ouch = ouch();
        let mut spoilt = order(1);
        spoil(&mut spoilt);
        assert_eq!(enter(&mut ouch, &spoilt), Err(reason));
        if reason != Reason::InvalidField {
            assert_eq!(ouch.orders.next_ref(), 1, "nothing is kept: {reason:?}");
        }
    }
    let mut ouch = ouch();
    assert!(enter(&mut ouch, &order(1)).is_ok());
    assert_eq!(enter(&mut ouch, &order(1)), Err(Reason::DuplicateId));
}

#[test]
fn the_open_quantity_follows_the_venue() {
    let mut ouch = ouch();
    enter(&mut ouch, &order(1)).expect("allowed");
    let accepted = accept(&mut ouch, 1, 300);
    assert_eq!((accepted.event, accepted.leaves_lots), (OrderEventKind::Accepted.code(), 300));
    assert_eq!((accepted.owner.order_id, accepted.venue_order_ref, accepted.slot), (id(1), 4_242, 4));
    assert_eq!(accepted.header.venue_time_ns, MIDNIGHT + 77);
    let filled = execute(&mut ouch, 1, 100, 88);
    assert_eq!((filled.leaves_lots, filled.cumulative_lots, filled.execution_id, filled.liquidity), (200, 100, 88, 1));
    let fields = CanceledFields { user_ref_num: 1, quantity: 50, cancel_order_reason: b'U', ..Default::default() };
    let reduced = event(&mut ouch, |out| fields.encode(out));
    assert_eq!((reduced.event, reduced.lots, reduced.leaves_lots), (OrderEventKind::Restated.code(), 50, 150));
    let fields = CanceledFields { user_ref_num: 1, quantity: 150, cancel_order_reason: b'T', ..Default::default() };
    let gone = event(&mut ouch, |out| fields.encode(out));
    assert_eq!(
        (gone.event, gone.leaves_lots, gone.reason),
        (OrderEventKind::Expired.code(), 0, Reason::Timeout.code())
    );
}

#[test]
fn a_replace_carries_what_was_filled() {
    let mut ouch = ouch();
    enter(&mut ouch, &order(1)).expect("allowed");
    accept(&mut ouch, 1, 300);
    execute(&mut ouch, 1, 100, 88);
    let mut replace = ReplaceOrder::new();
    replace.owner.order_id = id(2);
    replace.original_id = id(1);
    (replace.price_nanos, replace.lots) = (585_400_000_000, 400);
    replace.time_in_force = TimeInForce::Day.code();
    let mut out = [0; 256];
    let length = ouch.replace(&replace, MIDNIGHT, &mut out).expect("allowed");
    let Ok(Inbound::ReplaceOrder(view)) = decode_inbound(&out[..length]) else { panic!() };
    assert_eq!((view.orig_user_ref_num(), view.user_ref_num(), view.quantity()), (1, 2, 400));
    execute(&mut ouch, 1, 50, 89); // Crosses the replace.
    let fields = ReplacedFields {
        orig_user_ref_num: 1,
        user_ref_num: 2,
        quantity: 250,
        price: 5_854_000,
        order_state: b'L',
        ..Default::default()
    };
    let replaced = event(&mut ouch, |out| fields.encode(out));
    assert_eq!(
        (replaced.event, replaced.owner.order_id, replaced.original_id),
        (OrderEventKind::Replaced.code(), id(2), id(1))
    );
    assert_eq!((replaced.lots, replaced.leaves_lots, replaced.cumulative_lots), (400, 250, 150));
    let filled = execute(&mut ouch, 2, 250, 90);
    assert_eq!((filled.leaves_lots, filled.cumulative_lots), (0, 400));
    assert_eq!(ouch.cancel_reference(2, 0, &mut out), Err(Reason::UnknownOrder));
}

#[test]
fn a_rejected_replace_leaves_the_original() {
    let mut ouch = ouch();
    enter(&mut ouch, &order(1)).expect("allowed");
    accept(&mut ouch, 1, 300);
    let mut replace = ReplaceOrder::new();
    (replace.owner.order_id, replace.original_id) = (id(2), id(1));
    (replace.price_nanos, replace.lots, replace.time_in_force) = (585_400_000_000, 400, TimeInForce::Day.code());
    let mut out = [0; 256];
    ouch.replace(&replace, MIDNIGHT, &mut out).expect("allowed");
    let fields = RejectedFields { user_ref_num: 2, reason: 7, ..Default::default() };
    let rejected = event(&mut ouch, |out| fields.encode(out));
    assert_eq!((rejected.event, rejected.reason), (OrderEventKind::ReplaceRejected.code(), Reason::Halted.code()));
    assert_eq!((rejected.original_id, rejected.venue_reason), (id(1), 7));
    assert!(ouch.cancel_reference(1, 0, &mut out).is_ok());
}

#[test]
fn reports_about_nobody_have_no_owner() {
    let mut ouch = ouch();
    let filled = execute(&mut ouch, 55, 10, 1);
    assert_eq!((filled.owner.order_id, filled.lots, filled.leaves_lots), (0, 10, -1));
    assert!(ouch.on_message(b"?", 1, 1).is_err());
    assert!(ouch.on_message(b"", 1, 1).is_err());
}
