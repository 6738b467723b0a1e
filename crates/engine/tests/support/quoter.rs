//! A strategy for tests of the tile, and what makes it act.

use engine::{EventRef, Host};
use records::*;

use crate::support::{self, PRICE, SHARE, TICK, VENUE, cancel_intent, new_intent, replace_intent};

/// Enters, replaces and cancels by what it sees alone, so that a replay of its inputs does the same.
pub struct Quoter;

impl Host for Quoter {
    fn call(&mut self, _slot: u8, callback: Callback, event: EventRef<'_>, orders: &mut OrdersView) -> u32 {
        let EventRef::Book(view) = event else { return 0 };
        assert_eq!(callback, Callback::Book);
        let working = orders.working[0];
        let intent = match (view.bids[0].lots % 10, orders.working_count) {
            (0..3, count) if count > 0 => cancel_intent(working.order_id),
            (3..5, count) if count > 0 => replace_intent(working.order_id, PRICE - 2 * TICK, 1 + view.bids[0].lots % 7),
            _ => new_intent(Side::Buy, 1 + view.bids[0].lots % 5),
        };
        orders.intents[0] = intent;
        orders.intents_count = 1;
        0
    }
}

/// The first inputs of a life with this epoch, of so many slots.
pub fn bootstrap_of(epoch: u16, slots: u8) -> Vec<u8> {
    let mut bootstrap = support::bootstrap(slots);
    let mut start: EngineStart = read_from(&bootstrap).unwrap();
    start.epoch = epoch;
    bootstrap[..size_of::<EngineStart>()].copy_from_slice(bytes_of(&start));
    bootstrap
}

/// The session is up, the venue trades and someone offers.
pub fn opening() -> [Vec<u8>; 3] {
    let mut session = Session::new();
    (session.header.venue, session.state) = (VENUE, SessionState::Up.code());
    let mut status = Status::new();
    (status.header.venue, status.header.instrument) = (VENUE, SHARE);
    status.trading = TradingState::Trading.code();
    let mut ask = MarketOrder::new();
    (ask.header.venue, ask.header.instrument, ask.header.flags) = (VENUE, SHARE, FLAG_LAST);
    (ask.order_ref, ask.action, ask.side) = (u64::MAX, BookAction::Add.code(), Side::Sell.code());
    (ask.price_nanos, ask.lots) = (PRICE + TICK, 10);
    [bytes_of(&session).to_vec(), bytes_of(&status).to_vec(), bytes_of(&ask).to_vec()]
}

/// One more order to buy, of a reference of its own.
pub fn bid(reference: u64, lots: i64) -> Vec<u8> {
    let mut record = MarketOrder::new();
    (record.header.venue, record.header.instrument, record.header.flags) = (VENUE, SHARE, FLAG_LAST);
    (record.order_ref, record.action, record.side) = (reference, BookAction::Add.code(), Side::Buy.code());
    (record.price_nanos, record.lots) = (PRICE - TICK, lots);
    bytes_of(&record).to_vec()
}
