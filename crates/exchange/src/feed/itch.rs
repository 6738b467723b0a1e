//! What the exchange says, as ITCH 5.0 messages (Nasdaq, "TotalView-ITCH 5.0").
//!
//! Invariant: the feed shows displayed lots alone; a hidden order is seen only as a trade (`P`). Executions are at the
//! resting order's price, but in auctions: there a displayed order's are `C` that do not count, and the whole is one `Q`, which
//! does. The protocol has no letters for the phases of a day: a call is `Q` (quotation only) with the reason `AUC` and the
//! auction's letter, what is before the open and after the close is `H` with the reasons `PREO` and `CLSD`.

use records::{
    AuctionKind, BookEffect, DAY_NS, ExchangeEvent, ExchangeEventKind, ExchangeIndication, Side, TradingState,
    UNDEF_PRICE,
};
use wire::itch50::{
    AddOrderFields, AddOrderMpidFields, BrokenTradeFields, CrossTradeFields, NetOrderImbalanceFields,
    OrderCancelFields, OrderDeleteFields, OrderExecutedFields, OrderExecutedWithPriceFields, OrderReplaceFields,
    RegShoRestrictionFields, StockDirectoryFields, StockTradingActionFields, SystemEventFields, TradeFields,
};

use super::history::History;
use crate::listings::{Listed, Listings};
use crate::matching::RestingOrder;

/// Nanos of one unit of a wire price (four decimals).
const UNIT_NANOS: i64 = 100_000;

/// What every message of one event shares.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub listed: Listed,
    pub timestamp: u64,
}

impl Place {
    /// Where and when; `midnight_ns` is where the feed's times count from.
    #[inline]
    pub fn of(event: &ExchangeEvent, listings: &Listings, midnight_ns: u64) -> Self {
        Self::at(listings.get(event.header.instrument), event.header.venue_time_ns, midnight_ns)
    }

    /// As [`Place::of`], from its parts.
    #[inline]
    pub fn at(listed: Listed, time_ns: u64, midnight_ns: u64) -> Self {
        Self { listed, timestamp: time_ns.wrapping_sub(midnight_ns) % DAY_NS }
    }

    fn system_event(self, letter: u8, out: &mut [u8]) -> usize {
        SystemEventFields { timestamp: self.timestamp, event_code: letter, ..Default::default() }.encode(out)
    }

    /// The instrument's directory entry.
    pub fn directory(self, out: &mut [u8]) -> usize {
        StockDirectoryFields {
            stock_locate: self.listed.locate,
            timestamp: self.timestamp,
            stock: self.listed.symbol,
            market_category: b'Q',
            financial_status_indicator: b'N',
            round_lot_size: self.listed.round_lot,
            round_lots_only: b'N',
            issue_classification: b'C',
            issue_sub_type: *b"Z ",
            authenticity: b'P',
            short_sale_threshold_indicator: b'N',
            ipo_flag: b'N',
            luld_reference_price_tier: b'1',
            etp_flag: b'N',
            etp_leverage_factor: 0,
            inverse_indicator: b'N',
            ..Default::default()
        }
        .encode(out)
    }

    /// The instrument's trading state; `letter` is that of the auction whose call is on.
    pub fn trading_action(self, state: u8, reason: [u8; 4], letter: u8, out: &mut [u8]) -> usize {
        let (trading_state, reason) = match TradingState::from_code(state) {
            Some(TradingState::Trading) => (b'T', reason),
            Some(TradingState::Paused) => (b'P', reason),
            Some(TradingState::QuoteOnly) => (b'Q', reason),
            Some(TradingState::Auction) => (b'Q', [b'A', b'U', b'C', letter]),
            Some(TradingState::PreOpen) => (b'H', *b"PREO"),
            Some(TradingState::Closed) => (b'H', *b"CLSD"),
            _ => (b'H', reason),
        };
        let reason = reason.map(|letter| if letter == 0 { b' ' } else { letter });
        StockTradingActionFields {
            stock_locate: self.listed.locate,
            timestamp: self.timestamp,
            stock: self.listed.symbol,
            trading_state,
            reserved: b' ',
            reason,
            ..Default::default()
        }
        .encode(out)
    }

    fn short_sale(self, letter: u8, out: &mut [u8]) -> usize {
        RegShoRestrictionFields {
            stock_locate: self.listed.locate,
            timestamp: self.timestamp,
            stock: self.listed.symbol,
            reg_sho_action: letter,
            ..Default::default()
        }
        .encode(out)
    }

    fn add(self, order: &Shown, out: &mut [u8]) -> usize {
        let (stock_locate, timestamp, stock) = (self.listed.locate, self.timestamp, self.listed.symbol);
        if order.participant == [0; 4] {
            return AddOrderFields {
                stock_locate,
                timestamp,
                order_reference_number: order.order_ref,
                buy_sell_indicator: side_letter(order.side),
                shares: shares(order.lots),
                stock,
                price: price(order.price_nanos),
                ..Default::default()
            }
            .encode(out);
        }
        AddOrderMpidFields {
            stock_locate,
            timestamp,
            order_reference_number: order.order_ref,
            buy_sell_indicator: side_letter(order.side),
            shares: shares(order.lots),
            stock,
            price: price(order.price_nanos),
            attribution: order.participant,
            ..Default::default()
        }
        .encode(out)
    }

    /// A resting order in a snapshot.
    pub fn resting(self, order: &RestingOrder, out: &mut [u8]) -> usize {
        let shown = Shown {
            order_ref: order.order_ref,
            side: order.side.code(),
            lots: order.front_lots,
            price_nanos: order.price_nanos,
            participant: order.participant,
        };
        self.add(&shown, out)
    }

    /// Lots off a displayed order: some of them, or the order itself.
    fn off(self, order_ref: u64, lots: i64, left: i64, out: &mut [u8]) -> usize {
        let (stock_locate, timestamp) = (self.listed.locate, self.timestamp);
        if left == 0 {
            return OrderDeleteFields {
                stock_locate,
                timestamp,
                order_reference_number: order_ref,
                ..Default::default()
            }
            .encode(out);
        }
        OrderCancelFields {
            stock_locate,
            timestamp,
            order_reference_number: order_ref,
            canceled_shares: shares(lots),
            ..Default::default()
        }
        .encode(out)
    }

    /// A displayed order's part in an auction, told so that it leaves the book; the volume is that of the auction.
    fn crossed(self, event: &ExchangeEvent, out: &mut [u8]) -> usize {
        OrderExecutedWithPriceFields {
            stock_locate: self.listed.locate,
            timestamp: self.timestamp,
            order_reference_number: event.order_ref,
            executed_shares: shares(event.shown_change_lots),
            match_number: event.match_id,
            printable: b'N',
            execution_price: price(event.price_nanos),
            ..Default::default()
        }
        .encode(out)
    }

    /// An auction as a whole.
    fn cross(self, event: &ExchangeEvent, out: &mut [u8]) -> usize {
        CrossTradeFields {
            stock_locate: self.listed.locate,
            timestamp: self.timestamp,
            shares: event.lots.unsigned_abs(),
            stock: self.listed.symbol,
            cross_price: price(event.price_nanos),
            match_number: event.match_id,
            cross_type: event.letter,
            ..Default::default()
        }
        .encode(out)
    }

    /// What a call would give now.
    pub fn imbalance(self, indication: &ExchangeIndication, out: &mut [u8]) -> usize {
        let known = |price_nanos: i64| if price_nanos == UNDEF_PRICE { 0 } else { price(price_nanos) };
        let few = indication.price_nanos == UNDEF_PRICE;
        NetOrderImbalanceFields {
            stock_locate: self.listed.locate,
            timestamp: self.timestamp,
            paired_shares: indication.paired_lots.unsigned_abs(),
            imbalance_shares: indication.imbalance_lots.unsigned_abs(),
            imbalance_direction: match Side::from_code(indication.side) {
                Some(Side::Buy) => b'B',
                Some(Side::Sell) => b'S',
                None => b"NO"[usize::from(few)],
            },
            stock: self.listed.symbol,
            far_price: known(indication.far_nanos),
            near_price: known(indication.price_nanos),
            current_reference_price: known(indication.reference_nanos),
            cross_type: AuctionKind::from_code(indication.kind).map_or(b' ', AuctionKind::letter),
            price_variation_indicator: b' ',
            ..Default::default()
        }
        .encode(out)
    }

    fn executed(self, event: &ExchangeEvent, out: &mut [u8]) -> usize {
        let (stock_locate, timestamp) = (self.listed.locate, self.timestamp);
        if event.hidden == 0 {
            return OrderExecutedFields {
                stock_locate,
                timestamp,
                order_reference_number: event.order_ref,
                executed_shares: shares(event.lots),
                match_number: event.match_id,
                ..Default::default()
            }
            .encode(out);
        }
        TradeFields {
            stock_locate,
            timestamp,
            order_reference_number: 0,
            buy_sell_indicator: b'B',
            shares: shares(event.lots),
            stock: self.listed.symbol,
            price: price(event.price_nanos),
            match_number: event.match_id,
            ..Default::default()
        }
        .encode(out)
    }

    fn replaced(self, event: &ExchangeEvent, out: &mut [u8]) -> usize {
        OrderReplaceFields {
            stock_locate: self.listed.locate,
            timestamp: self.timestamp,
            original_order_reference_number: event.other_ref,
            new_order_reference_number: event.order_ref,
            shares: shares(event.shown_lots),
            price: price(event.price_nanos),
            ..Default::default()
        }
        .encode(out)
    }

    fn broken(self, event: &ExchangeEvent, out: &mut [u8]) -> usize {
        BrokenTradeFields {
            stock_locate: self.listed.locate,
            timestamp: self.timestamp,
            match_number: event.match_id,
            ..Default::default()
        }
        .encode(out)
    }
}

struct Shown {
    order_ref: u64,
    side: u8,
    lots: i64,
    price_nanos: i64,
    participant: [u8; 4],
}

/// Appends what the feed says of an event.
#[inline]
pub(crate) fn publish(event: &ExchangeEvent, place: Place, history: &mut History) {
    let Some(kind) = ExchangeEventKind::from_code(event.event) else { return };
    match kind {
        ExchangeEventKind::Rested | ExchangeEventKind::Refilled if event.hidden == 0 => {
            let shown = Shown {
                order_ref: event.order_ref,
                side: event.side,
                lots: event.shown_lots,
                price_nanos: event.price_nanos,
                participant: event.participant,
            };
            history.append(|out| place.add(&shown, out));
        }
        ExchangeEventKind::Executed => history.append(|out| place.executed(event, out)),
        ExchangeEventKind::Canceled if event.shown_change_lots > 0 => {
            history.append(|out| place.off(event.order_ref, event.shown_change_lots, event.shown_lots, out));
        }
        ExchangeEventKind::Replaced => publish_replaced(event, place, history),
        ExchangeEventKind::Broken => history.append(|out| place.broken(event, out)),
        ExchangeEventKind::Listed => {
            history.append(|out| place.directory(out));
            history.append(|out| place.trading_action(event.state, [0; 4], event.letter, out));
            history.append(|out| place.short_sale(b'0', out));
        }
        ExchangeEventKind::State => {
            history.append(|out| place.trading_action(event.state, event.letters, event.letter, out));
        }
        ExchangeEventKind::Crossed if event.shown_change_lots > 0 => history.append(|out| place.crossed(event, out)),
        ExchangeEventKind::Uncrossed => history.append(|out| place.cross(event, out)),
        ExchangeEventKind::ShortSale => history.append(|out| place.short_sale(event.letter, out)),
        ExchangeEventKind::SystemEvent => history.append(|out| place.system_event(event.letter, out)),
        _ => {}
    }
}

fn publish_replaced(event: &ExchangeEvent, place: Place, history: &mut History) {
    match BookEffect::from_code(event.effect) {
        Some(BookEffect::Replaced) => history.append(|out| place.replaced(event, out)),
        Some(BookEffect::Removed) => history.append(|out| place.off(event.other_ref, 0, 0, out)),
        Some(BookEffect::Reduced) => {
            history.append(|out| place.off(event.order_ref, event.shown_change_lots, event.shown_lots, out));
        }
        Some(BookEffect::None) | None => {}
    }
}

fn side_letter(side: u8) -> u8 {
    if side == 1 { b'B' } else { b'S' }
}

/// Quantities fit: listings bound them.
fn shares(lots: i64) -> u32 {
    u32::try_from(lots).unwrap_or(u32::MAX)
}

/// Prices fit: listings bound them.
fn price(price_nanos: i64) -> u32 {
    u32::try_from(price_nanos / UNIT_NANOS).unwrap_or(u32::MAX)
}
