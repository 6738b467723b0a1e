//! The fast path against a plain twin over the generated views.

mod common;

use common::{Random, sensible_itch};
use records::{
    BookAction, FLAG_LAST, MarketOrder, Record, RecordRef, Status, Trade, TradingState, UNDEF_PRICE, bytes_of, parse,
};
use wire::itch50::{self, Message};
use wire::normalise::{ItchNormaliser, NANOS_PER_PRICE4, Normalised};

const MIDNIGHT_NS: u64 = 1_700_000_000_000_000_000;

fn side(letter: u8) -> u8 {
    if letter == b'B' { 1 } else { 2 }
}

/// The record of an order message, field by field, without a table.
fn twin(message: &[u8]) -> Option<MarketOrder> {
    let mut record = MarketOrder::new();
    record.price_nanos = UNDEF_PRICE;
    let (locate, timestamp) = match itch50::decode(message).ok()? {
        Message::AddOrder(view) => {
            record.action = BookAction::Add.code();
            record.order_ref = view.order_reference_number();
            record.side = side(view.buy_sell_indicator());
            record.lots = view.shares().into();
            record.price_nanos = i64::from(view.price()) * NANOS_PER_PRICE4;
            (view.stock_locate(), view.timestamp())
        }
        Message::AddOrderMpid(view) => {
            record.action = BookAction::Add.code();
            record.order_ref = view.order_reference_number();
            record.side = side(view.buy_sell_indicator());
            record.lots = view.shares().into();
            record.price_nanos = i64::from(view.price()) * NANOS_PER_PRICE4;
            record.participant = view.attribution();
            (view.stock_locate(), view.timestamp())
        }
        Message::OrderExecuted(view) => {
            record.action = BookAction::Execute.code();
            record.order_ref = view.order_reference_number();
            record.lots = view.executed_shares().into();
            record.match_id = view.match_number();
            record.printable = 1;
            (view.stock_locate(), view.timestamp())
        }
        Message::OrderExecutedWithPrice(view) => {
            record.action = BookAction::Execute.code();
            record.order_ref = view.order_reference_number();
            record.lots = view.executed_shares().into();
            record.match_id = view.match_number();
            record.printable = u8::from(view.printable() == b'Y');
            record.price_nanos = i64::from(view.execution_price()) * NANOS_PER_PRICE4;
            (view.stock_locate(), view.timestamp())
        }
        Message::OrderCancel(view) => {
            record.action = BookAction::Reduce.code();
            record.order_ref = view.order_reference_number();
            record.lots = view.canceled_shares().into();
            (view.stock_locate(), view.timestamp())
        }
        Message::OrderDelete(view) => {
            record.action = BookAction::Delete.code();
            record.order_ref = view.order_reference_number();
            (view.stock_locate(), view.timestamp())
        }
        Message::OrderReplace(view) => {
            record.action = BookAction::Replace.code();
            record.order_ref = view.original_order_reference_number();
            record.new_order_ref = view.new_order_reference_number();
            record.lots = view.shares().into();
            record.price_nanos = i64::from(view.price()) * NANOS_PER_PRICE4;
            (view.stock_locate(), view.timestamp())
        }
        _ => return None,
    };
    record.header.flags = FLAG_LAST;
    record.header.venue = 3;
    record.header.instrument = locate.into();
    record.header.source = 9;
    record.header.sequence = 11;
    record.header.venue_time_ns = MIDNIGHT_NS + timestamp;
    record.header.receive_time_ns = 12;
    (locate != 0).then_some(record)
}

fn normaliser() -> ItchNormaliser {
    let mut normaliser = ItchNormaliser::new(3);
    normaliser.set_source(9);
    normaliser.map_all();
    normaliser
}

fn records_of(normaliser: &mut ItchNormaliser, message: &[u8]) -> (Normalised, Vec<RecordRef>) {
    let mut records = Vec::new();
    let mut sink = |bytes: &[u8]| records.push(parse(bytes).expect("a record"));
    let outcome = normaliser.normalise(message, 11, 12, MIDNIGHT_NS, &mut sink).expect("a good message");
    (outcome, records)
}

#[test]
fn the_fast_path_equals_the_views_seed_8() {
    let mut random = Random(8);
    let mut normaliser = normaliser();
    let mut compared = 0;
    for _ in 0..20_000 {
        let message = sensible_itch(&mut random);
        let (_, records) = records_of(&mut normaliser, &message);
        let Some(expected) = twin(&message) else { continue };
        let [RecordRef::MarketOrder(found)] = records[..] else { panic!("one order record for {message:?}") };
        assert_eq!(bytes_of(&found), bytes_of(&expected), "type {}", char::from(message[0]));
        compared += 1;
    }
    assert!(compared > 4_000);
}

#[test]
fn every_sensible_message_gives_at_most_one_record_flagged_last_seed_9() {
    let mut random = Random(9);
    let mut normaliser = normaliser();
    for _ in 0..20_000 {
        let message = sensible_itch(&mut random);
        let (outcome, records) = records_of(&mut normaliser, &message);
        assert_eq!(records.len(), usize::from(outcome == Normalised::Record));
        let header = match records.first() {
            Some(RecordRef::MarketOrder(record)) => *record.header(),
            Some(RecordRef::Trade(record)) => *record.header(),
            Some(RecordRef::Status(record)) => *record.header(),
            Some(RecordRef::Imbalance(record)) => *record.header(),
            Some(_) => panic!("no other kind is made"),
            None => continue,
        };
        assert!(header.is_last());
        assert_eq!((header.venue, header.source, header.sequence, header.receive_time_ns), (3, 9, 11, 12));
    }
}

#[test]
fn unmapped_locates_are_told_apart_and_a_directory_maps_them() {
    let mut normaliser = ItchNormaliser::new(1);
    normaliser.list(*b"AAPL    ", 42);
    let mut out = [0; 64];
    let add = itch50::AddOrderFields { stock_locate: 77, buy_sell_indicator: b'S', ..Default::default() };
    let length = add.encode(&mut out);
    assert_eq!(records_of(&mut normaliser, &out[..length]).0, Normalised::Unmapped);
    let directory = itch50::StockDirectoryFields { stock_locate: 77, stock: *b"AAPL    ", ..Default::default() };
    let mut listed = [0; 64];
    let end = directory.encode(&mut listed);
    assert_eq!(records_of(&mut normaliser, &listed[..end]).0, Normalised::Silent);
    let (_, records) = records_of(&mut normaliser, &out[..length]);
    let [RecordRef::MarketOrder(order)] = records[..] else { panic!("an order") };
    assert_eq!((order.header.instrument, order.side), (42, 2));
}

fn status_of(fields: impl Fn(&mut [u8]) -> usize) -> Status {
    let mut out = [0; 64];
    let length = fields(&mut out);
    match records_of(&mut normaliser(), &out[..length]).1[..] {
        [RecordRef::Status(status)] => status,
        _ => panic!("one status"),
    }
}

#[test]
fn states_halts_and_short_sale_rules_are_told() {
    let action = |state, reason| {
        let fields =
            itch50::StockTradingActionFields { stock_locate: 5, trading_state: state, reason, ..Default::default() };
        status_of(move |out| fields.encode(out))
    };
    let halted = action(b'H', *b"T1  ");
    assert_eq!((halted.trading, halted.reason), (TradingState::Halted.code(), *b"T1\0\0"));
    assert_eq!(action(b'P', *b"LUDP").trading, TradingState::Paused.code());
    assert_eq!(action(b'T', *b"    ").trading, TradingState::Trading.code());
    assert_eq!(action(b'Q', *b"    ").trading, TradingState::QuoteOnly.code());
    assert_eq!(action(b'Q', *b"AUCC").trading, TradingState::Auction.code());
    assert_eq!(action(b'H', *b"PREO").trading, TradingState::PreOpen.code());
    assert_eq!(action(b'H', *b"CLSD").trading, TradingState::Closed.code());
    let restricted = itch50::RegShoRestrictionFields { stock_locate: 5, reg_sho_action: b'1', ..Default::default() };
    assert_eq!(status_of(|out| restricted.encode(out)).short_sale, 1);
    let open = itch50::SystemEventFields { event_code: b'Q', ..Default::default() };
    let open = status_of(|out| open.encode(out));
    assert_eq!((open.header.instrument, open.system_event, open.trading), (0, b'Q', TradingState::Trading.code()));
}

#[test]
fn a_bust_and_a_cross_are_trades() {
    let trade_of = |message: &[u8]| -> Trade {
        match records_of(&mut normaliser(), message).1[..] {
            [RecordRef::Trade(trade)] => trade,
            _ => panic!("one trade"),
        }
    };
    let mut out = [0; 64];
    let end = itch50::BrokenTradeFields { stock_locate: 5, match_number: 99, ..Default::default() }.encode(&mut out);
    let bust = trade_of(&out[..end]);
    assert_eq!((bust.busted, bust.match_id, bust.price_nanos), (1, 99, UNDEF_PRICE));
    let cross = itch50::CrossTradeFields {
        stock_locate: 5,
        shares: 1_000,
        cross_price: 1_234_500,
        cross_type: b'O',
        ..Default::default()
    };
    let end = cross.encode(&mut out);
    let cross = trade_of(&out[..end]);
    assert_eq!((cross.cross, cross.cross_type, cross.lots, cross.price_nanos), (1, b'O', 1_000, 123_450_000_000));
}

#[test]
fn an_add_without_a_side_is_refused_at_its_length() {
    let mut out = [0; 64];
    let end = itch50::AddOrderFields { stock_locate: 5, ..Default::default() }.encode(&mut out);
    let error = normaliser().normalise(&out[..end], 1, 1, 1, &mut |_: &[u8]| {}).unwrap_err();
    assert_eq!((error.reason(), error.skip()), (wire::Reason::Value, 36));
}
