//! OUCH 5.0 (Nasdaq, "OUCH 5.0 Specification"): our commands to its messages, its messages to our events.
//!
//! Fill-or-kill is immediate-or-cancel with the minimum quantity equal to the quantity; a market order is the
//! specification's market price; a replace names total shares, executed ones included.
//!
//! Invariant: every message of the venue about a known order becomes exactly one event; the open quantity is the venue's
//! own arithmetic followed message by message.

use records::{
    IdMap, NewOrder, OrderEvent, OrderEventKind, OrderType, Reason, ReplaceOrder, Side, TimeInForce, UNDEF_PRICE,
};
use wire::ouch50::{self, AppendageBuffer, Outbound};

use super::orders::{Entry, Orders, Phase, told_by_id};

/// Nanos of one unit of a wire price (four decimals).
const PRICE_UNIT_NANOS: i64 = 100_000;
/// Price that means "market".
const MARKET_PRICE: u64 = 0x7fff_ffff;
/// Largest limit price that the venue takes (199,999.9900).
const PRICE_MAX: u64 = 1_999_999_900;
/// Largest quantity that the venue takes.
const LOTS_MAX: i64 = 999_999;

/// What the session trades and how it signs.
#[derive(Clone, Debug)]
pub struct OuchConfig {
    /// Venue id.
    pub venue: u16,
    /// Session id, for `header.source`.
    pub source: u32,
    /// Instruments and their symbols, padded with spaces.
    pub symbols: Vec<(u32, [u8; 8])>,
    /// UTC of the venue's midnight: its times count from there.
    pub midnight_ns: u64,
}

/// Orders of the session and the translation both ways.
#[derive(Debug)]
pub struct Ouch {
    config: OuchConfig,
    /// By instrument.
    symbols: IdMap<[u8; 8]>,
    /// The orders.
    pub orders: Orders,
}

impl Ouch {
    /// Room for so many orders and replaces a day.
    pub fn new(config: OuchConfig, capacity: usize) -> Self {
        let mut symbols = IdMap::with_capacity(config.symbols.len());
        for (instrument, symbol) in &config.symbols {
            symbols.insert(u64::from(*instrument), *symbol);
        }
        Self { config, symbols, orders: Orders::with_capacity(capacity) }
    }

    /// Writes a new order's message; keeps the order. Nothing is kept on an error.
    ///
    /// # Errors
    /// Why this session cannot send it.
    pub fn enter(&mut self, order: &NewOrder, now_ns: u64, out: &mut [u8]) -> Result<usize, Reason> {
        let symbol = self.symbol(order.header.instrument).ok_or(Reason::InvalidInstrument)?;
        let side = Side::from_code(order.side).ok_or(Reason::InvalidField)?;
        let tif = TimeInForce::from_code(order.time_in_force).ok_or(Reason::InvalidField)?;
        let price = match OrderType::from_code(order.order_type).ok_or(Reason::InvalidField)? {
            OrderType::Limit => wire_price(order.price_nanos)?,
            OrderType::Market => MARKET_PRICE,
        };
        let quantity = wire_quantity(order.lots)?;
        let mut extra = AppendageBuffer::default();
        let minimum = if tif == TimeInForce::FillOrKill { order.lots } else { order.minimum_lots };
        if minimum > 0 {
            extra.min_qty(wire_quantity(minimum)?);
        }
        if order.display_lots > 0 && order.display_lots < order.lots {
            extra.max_floor(wire_quantity(order.display_lots)?);
        }
        if tif == TimeInForce::GoodTillTime {
            extra.expire_time(self.expiry_seconds(order.expire_time_ns)?);
        }
        if !self.orders.has_room() || self.orders.reference(order.owner.order_id).is_some() {
            return Err(if self.orders.has_room() { Reason::DuplicateId } else { Reason::Throttled });
        }
        let user_ref = self.orders.push(Entry::of_new(order, now_ns));
        Ok(ouch50::EnterOrderFields {
            user_ref_num: user_ref,
            side: wire_side(side, order.short_sale != 0),
            quantity,
            symbol,
            price,
            time_in_force: wire_time_in_force(tif)?,
            display: if order.post_only != 0 { b'P' } else { b'Y' },
            capacity: b'P',
            inter_market_sweep_eligibility: b'N',
            cross_type: match tif {
                TimeInForce::AtOpen => b'O',
                TimeInForce::AtClose => b'C',
                _ => b'N',
            },
            cl_ord_id: client_order_id(order.owner.order_id),
            appendage: extra.bytes(),
        }
        .encode(out))
    }

    /// Writes a replace's message; keeps the replacement as sent.
    ///
    /// # Errors
    /// Why this session cannot send it.
    pub fn replace(&mut self, order: &ReplaceOrder, now_ns: u64, out: &mut [u8]) -> Result<usize, Reason> {
        let original_ref = self.orders.reference(order.original_id).ok_or(Reason::UnknownOrder)?;
        let tif = TimeInForce::from_code(order.time_in_force).ok_or(Reason::InvalidField)?;
        let (price, quantity) = (wire_price(order.price_nanos)?, wire_quantity(order.lots)?);
        let mut extra = AppendageBuffer::default();
        if order.display_lots > 0 && order.display_lots < order.lots {
            extra.max_floor(wire_quantity(order.display_lots)?);
        }
        if !self.orders.has_room() || self.orders.reference(order.owner.order_id).is_some() {
            return Err(if self.orders.has_room() { Reason::DuplicateId } else { Reason::Throttled });
        }
        let original = *self.orders.get(original_ref).ok_or(Reason::UnknownOrder)?;
        if original.phase == Phase::Gone {
            return Err(Reason::UnknownOrder);
        }
        let replacement = Entry::of_replace(order, original_ref, now_ns);
        let user_ref = self.orders.push(Entry { instrument: original.instrument, side: original.side, ..replacement });
        Ok(ouch50::ReplaceOrderFields {
            orig_user_ref_num: original_ref,
            user_ref_num: user_ref,
            quantity,
            price,
            time_in_force: wire_time_in_force(tif)?,
            display: if order.post_only != 0 { b'P' } else { b'Y' },
            inter_market_sweep_eligibility: b'N',
            cl_ord_id: client_order_id(order.owner.order_id),
            appendage: extra.bytes(),
        }
        .encode(out))
    }

    /// Writes a cancel's message (or a reduction's: `lots` is the total that may still be executed).
    ///
    /// # Errors
    /// [`Reason::UnknownOrder`] when the session has no such order open.
    pub fn cancel_reference(&mut self, user_ref: u32, lots: i64, out: &mut [u8]) -> Result<usize, Reason> {
        let entry = self.orders.get(user_ref).ok_or(Reason::UnknownOrder)?;
        if entry.phase == Phase::Gone {
            return Err(Reason::UnknownOrder);
        }
        entry.cancelling = true;
        let quantity = u32::try_from(lots).map_err(|_| Reason::InvalidQuantity)?;
        Ok(ouch50::CancelOrderFields { user_ref_num: user_ref, quantity, ..Default::default() }.encode(out))
    }

    /// The event of one of the venue's messages; `None` for messages that are about no order, `Err` for bytes that are none.
    ///
    /// # Errors
    /// The codec's, for the caller to count and sample.
    pub fn on_message(
        &mut self,
        bytes: &[u8],
        sequence: u64,
        now_ns: u64,
    ) -> Result<Option<OrderEvent>, wire::WireError> {
        let message = ouch50::decode_outbound(bytes)?;
        let mut event = match message {
            Outbound::Accepted(view) => self.on_accepted(&view),
            Outbound::Replaced(view) => self.on_replaced(&view),
            Outbound::Canceled(view) => self.on_taken_off(
                view.user_ref_num(),
                view.quantity(),
                cancel_reason(view.cancel_order_reason()),
                view.cancel_order_reason(),
            ),
            Outbound::AiqCanceled(view) => self.on_taken_off(
                view.user_ref_num(),
                view.decrement_shares(),
                Reason::SelfTradePrevention,
                view.cancel_order_reason(),
            ),
            Outbound::Executed(view) => self.on_executed(&view),
            Outbound::BrokenTrade(view) => {
                let mut event = self.event(view.user_ref_num(), OrderEventKind::Broken);
                event.execution_id = view.match_number();
                event.venue_reason = u32::from(view.broken_trade_reason());
                event
            }
            Outbound::TradeCorrection(view) => {
                let mut event = self.event(view.user_ref_num(), OrderEventKind::Corrected);
                event.execution_id = view.match_number();
                (event.lots, event.price_nanos) = (i64::from(view.quantity()), price_nanos(view.price()));
                event
            }
            Outbound::Rejected(view) => self.on_rejected(&view),
            Outbound::CancelPending(view) => self.event(view.user_ref_num(), OrderEventKind::CancelPending),
            Outbound::CancelReject(view) => {
                if let Some(entry) = self.orders.get(view.user_ref_num()) {
                    entry.cancelling = false;
                }
                self.event(view.user_ref_num(), OrderEventKind::CancelRejected)
            }
            Outbound::PriorityUpdate(view) => {
                if let Some(entry) = self.orders.get(view.user_ref_num()) {
                    entry.venue_order_ref = view.order_reference_number();
                }
                let mut event = self.event(view.user_ref_num(), OrderEventKind::Refreshed);
                event.price_nanos = price_nanos(view.price());
                event
            }
            Outbound::Restated(view) => {
                let fresh_ref = view.appendage().secondary_ord_ref_num();
                if let (Some(entry), Some(reference)) = (self.orders.get(view.user_ref_num()), fresh_ref) {
                    entry.venue_order_ref = reference;
                }
                self.event(view.user_ref_num(), OrderEventKind::Refreshed)
            }
            Outbound::Modified(view) => self.on_modified(view.user_ref_num(), i64::from(view.quantity())),
            Outbound::SystemEvent(_)
            | Outbound::MassCancelResponse(_)
            | Outbound::DisableOrderEntryResponse(_)
            | Outbound::EnableOrderEntryResponse(_)
            | Outbound::AccountQueryResponse(_) => return Ok(None),
        };
        event.header.sequence = sequence;
        event.header.receive_time_ns = now_ns;
        event.header.venue_time_ns = self.config.midnight_ns + timestamp(bytes);
        Ok(Some(event))
    }

    /// An event of our own making about an order: what the gateway itself states.
    pub fn statement(&mut self, user_ref: u32, kind: OrderEventKind, reason: Reason, now_ns: u64) -> OrderEvent {
        let mut event = self.event(user_ref, kind);
        event.reason = reason.code();
        (event.header.receive_time_ns, event.header.venue_time_ns) = (now_ns, now_ns);
        event
    }

    fn on_accepted(&mut self, view: &ouch50::Accepted<'_>) -> OrderEvent {
        let dead = view.order_state() == b'D';
        self.adopt(view.user_ref_num(), |ouch| Entry {
            price_nanos: price_nanos(view.price()),
            lots: i64::from(view.quantity()),
            instrument: ouch.instrument(view.symbol()),
            side: side_code(view.side()),
            time_in_force: time_in_force_code(view.time_in_force(), view.cross_type()),
            ..told_by_id(order_id(view.cl_ord_id()))
        });
        if let Some(entry) = self.orders.get(view.user_ref_num()) {
            entry.phase = if dead { Phase::Gone } else { Phase::Live };
            entry.venue_order_ref = view.order_reference_number();
            entry.lots = i64::from(view.quantity());
            entry.leaves_lots = if dead { 0 } else { entry.lots - entry.filled_lots };
        }
        let mut event = self.event(view.user_ref_num(), OrderEventKind::Accepted);
        event.price_nanos = price_nanos(view.price());
        event.lots = i64::from(view.quantity());
        event.dead = u8::from(dead);
        event
    }

    /// The venue's quantity is what is open now; what was filled before is carried over.
    fn on_replaced(&mut self, view: &ouch50::Replaced<'_>) -> OrderEvent {
        let dead = view.order_state() == b'D';
        self.adopt(view.user_ref_num(), |ouch| Entry {
            original_id: ouch.orders.get(view.orig_user_ref_num()).map_or(0, |original| original.owner.order_id),
            original_ref: view.orig_user_ref_num(),
            instrument: ouch.instrument(view.symbol()),
            side: side_code(view.side()),
            time_in_force: time_in_force_code(view.time_in_force(), view.cross_type()),
            ..told_by_id(order_id(view.cl_ord_id()))
        });
        let mut filled_lots = 0;
        if let Some(original) = self.orders.get(view.orig_user_ref_num()) {
            filled_lots = original.filled_lots;
            (original.phase, original.leaves_lots) = (Phase::Gone, 0);
        }
        if let Some(entry) = self.orders.get(view.user_ref_num()) {
            entry.phase = if dead { Phase::Gone } else { Phase::Live };
            entry.venue_order_ref = view.order_reference_number();
            entry.filled_lots = filled_lots;
            entry.leaves_lots = if dead { 0 } else { i64::from(view.quantity()) };
            entry.lots = filled_lots + i64::from(view.quantity());
            entry.price_nanos = price_nanos(view.price());
        }
        let mut event = self.event(view.user_ref_num(), OrderEventKind::Replaced);
        event.price_nanos = price_nanos(view.price());
        event.lots = filled_lots + i64::from(view.quantity());
        event.dead = u8::from(dead);
        event
    }

    fn on_taken_off(&mut self, user_ref: u32, quantity: u32, reason: Reason, letter: u8) -> OrderEvent {
        let lots = i64::from(quantity);
        let mut gone = true;
        if let Some(entry) = self.orders.get(user_ref) {
            entry.leaves_lots = (entry.leaves_lots - lots).max(0);
            entry.cancelling = false;
            gone = entry.leaves_lots == 0;
            if gone {
                entry.phase = Phase::Gone;
            }
        }
        let kind = match (gone, reason) {
            (false, _) => OrderEventKind::Restated,
            (true, Reason::Timeout) => OrderEventKind::Expired,
            (true, _) => OrderEventKind::Canceled,
        };
        let mut event = self.event(user_ref, kind);
        event.lots = lots;
        let pulled = self.orders.get(user_ref).is_some_and(|entry| entry.pulled) && reason == Reason::UserRequested;
        event.reason = if pulled { Reason::EngineSilent } else { reason }.code();
        event.venue_reason = u32::from(letter);
        event
    }

    fn on_executed(&mut self, view: &ouch50::Executed<'_>) -> OrderEvent {
        let lots = i64::from(view.quantity());
        if let Some(entry) = self.orders.get(view.user_ref_num()) {
            entry.filled_lots += lots;
            entry.leaves_lots = (entry.leaves_lots - lots).max(0);
            if entry.leaves_lots == 0 {
                entry.phase = Phase::Gone;
            }
        }
        let mut event = self.event(view.user_ref_num(), OrderEventKind::Filled);
        event.execution_id = view.match_number();
        (event.lots, event.price_nanos) = (lots, price_nanos(view.price()));
        event.liquidity = match view.liquidity_flag() {
            b'A' | b'J' | b'j' | b'k' | b'N' | b'e' | b'7' | b'8' => 1,
            b'K' | b'L' | b'M' | b'H' | b'O' => 3,
            _ => 2,
        };
        event.venue_reason = u32::from(view.liquidity_flag());
        event
    }

    fn on_rejected(&mut self, view: &ouch50::Rejected<'_>) -> OrderEvent {
        let (user_ref, code) = (view.user_ref_num(), view.reason());
        self.adopt(user_ref, |_| told_by_id(order_id(view.cl_ord_id())));
        let mut kind = OrderEventKind::Rejected;
        if let Some(entry) = self.orders.get(user_ref) {
            (entry.phase, entry.leaves_lots) = (Phase::Gone, 0);
            if entry.original_ref != 0 {
                kind = OrderEventKind::ReplaceRejected;
            }
        }
        let mut event = self.event(user_ref, kind);
        event.reason = reject_reason(code).code();
        event.venue_reason = u32::from(code);
        event
    }

    fn on_modified(&mut self, user_ref: u32, lots: i64) -> OrderEvent {
        let mut off = 0;
        if let Some(entry) = self.orders.get(user_ref) {
            off = (entry.lots - lots).max(0);
            entry.lots = lots;
            entry.leaves_lots = (entry.leaves_lots - off).max(0);
        }
        let mut event = self.event(user_ref, OrderEventKind::Restated);
        event.lots = off;
        event
    }

    fn event(&mut self, user_ref: u32, kind: OrderEventKind) -> OrderEvent {
        let mut event = OrderEvent::new();
        (event.header.venue, event.header.source) = (self.config.venue, self.config.source);
        event.event = kind.code();
        (event.price_nanos, event.leaves_lots, event.cumulative_lots) = (UNDEF_PRICE, -1, -1);
        if let Some(entry) = self.orders.get(user_ref) {
            event.owner = entry.owner;
            event.original_id = entry.original_id;
            event.header.instrument = entry.instrument;
            event.venue_order_ref = entry.venue_order_ref;
            (event.leaves_lots, event.cumulative_lots) = (entry.leaves_lots, entry.filled_lots);
            (event.side, event.slot, event.sent_time_ns) = (entry.side, entry.slot, entry.sent_time_ns);
        }
        event
    }

    /// The venue tells of a number: when it stands for nothing here, it is one of ours of before the map was lost.
    fn adopt(&mut self, user_ref: u32, entry: impl FnOnce(&mut Self) -> Entry) {
        self.orders.told_of(user_ref);
        if self.orders.get(user_ref).is_some_and(|known| known.owner.order_id != 0) {
            return;
        }
        let entry = entry(self);
        self.orders.adopt(user_ref, entry);
    }

    fn instrument(&self, symbol: [u8; 8]) -> u32 {
        let found = self.config.symbols.iter().find(|(_, known)| *known == symbol);
        found.map_or(0, |(instrument, _)| *instrument)
    }

    fn symbol(&self, instrument: u32) -> Option<[u8; 8]> {
        self.symbols.get(u64::from(instrument))
    }

    fn expiry_seconds(&self, expire_time_ns: u64) -> Result<u32, Reason> {
        let seconds = expire_time_ns.checked_sub(self.config.midnight_ns).ok_or(Reason::InvalidField)? / 1_000_000_000;
        u32::try_from(seconds).ok().filter(|seconds| *seconds < 86_400).ok_or(Reason::InvalidField)
    }
}

/// Our order id in base 36: thirteen characters hold 64 bits, so the venue's own record leads back to the order.
pub fn client_order_id(order_id: u64) -> [u8; 14] {
    let mut text = [b' '; 14];
    let mut rest = order_id;
    for place in text[..13].iter_mut().rev() {
        *place = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[(rest % 36) as usize];
        rest /= 36;
    }
    text
}

/// The id in a text that is ours; 0 in any other.
fn order_id(text: [u8; 14]) -> u64 {
    let digit = |letter: u8| char::from(letter).to_digit(36).filter(|_| !letter.is_ascii_lowercase());
    let id =
        text[..13].iter().try_fold(0_u64, |sum, letter| sum.checked_mul(36)?.checked_add(u64::from(digit(*letter)?)));
    if text[13] == b' ' { id.unwrap_or(0) } else { 0 }
}

fn side_code(letter: u8) -> u8 {
    match letter {
        b'B' => Side::Buy.code(),
        b'S' | b'T' | b'E' => Side::Sell.code(),
        _ => 0,
    }
}

fn time_in_force_code(letter: u8, cross_type: u8) -> u8 {
    match letter {
        _ if matches!(cross_type, b'O' | b'H') => TimeInForce::AtOpen.code(),
        _ if cross_type == b'C' => TimeInForce::AtClose.code(),
        b'3' => TimeInForce::ImmediateOrCancel.code(),
        b'6' => TimeInForce::GoodTillTime.code(),
        _ => TimeInForce::Day.code(),
    }
}

/// All messages about orders carry their time right after the type.
fn timestamp(bytes: &[u8]) -> u64 {
    bytes.get(1..9).and_then(|field| field.first_chunk::<8>()).map_or(0, |field| u64::from_be_bytes(*field))
}

fn price_nanos(price: u64) -> i64 {
    i64::try_from(price).unwrap_or(i64::MAX / PRICE_UNIT_NANOS).saturating_mul(PRICE_UNIT_NANOS)
}

fn wire_price(price_nanos: i64) -> Result<u64, Reason> {
    let price = u64::try_from(price_nanos / PRICE_UNIT_NANOS).map_err(|_| Reason::InvalidPrice)?;
    let fits = price_nanos % PRICE_UNIT_NANOS == 0 && (1..=PRICE_MAX).contains(&price);
    if fits { Ok(price) } else { Err(Reason::InvalidPrice) }
}

fn wire_quantity(lots: i64) -> Result<u32, Reason> {
    if (1..=LOTS_MAX).contains(&lots) { Ok(lots as u32) } else { Err(Reason::InvalidQuantity) }
}

fn wire_side(side: Side, short_sale: bool) -> u8 {
    match (side, short_sale) {
        (Side::Buy, _) => b'B',
        (Side::Sell, false) => b'S',
        (Side::Sell, true) => b'T',
    }
}

fn wire_time_in_force(time_in_force: TimeInForce) -> Result<u8, Reason> {
    match time_in_force {
        // The auction is named by the cross type.
        TimeInForce::Day | TimeInForce::AtOpen | TimeInForce::AtClose => Ok(b'0'),
        TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill => Ok(b'3'),
        TimeInForce::GoodTillTime => Ok(b'6'),
        TimeInForce::GoodTillCancel => Err(Reason::InvalidField), // The venue knows no order beyond its day.
    }
}

fn cancel_reason(letter: u8) -> Reason {
    match letter {
        b'U' => Reason::UserRequested,
        b'I' => Reason::Immediate,
        b'T' => Reason::Timeout,
        b'S' | b'D' => Reason::Supervisory,
        b'Q' => Reason::SelfTradePrevention,
        b'H' => Reason::Halted,
        b'E' => Reason::Closed,
        b'F' | b'G' => Reason::WouldCross,
        _ => Reason::Other,
    }
}

fn reject_reason(code: u16) -> Reason {
    match code {
        2 => Reason::Closed,
        3..=5 | 9 | 17 => Reason::InvalidField,
        6 | 29 => Reason::InvalidPrice,
        7 => Reason::Halted,
        13 | 19 | 30 => Reason::InvalidQuantity,
        16 | 21 => Reason::UnknownOrder,
        23 => Reason::InvalidInstrument,
        31 => Reason::Risk,
        _ => Reason::Other,
    }
}

#[cfg(test)]
#[path = "ouch_tests.rs"]
mod tests;
