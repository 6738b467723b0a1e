//! What the exchange says, as OUCH 5.0 messages to the sessions it concerns (Nasdaq, "OUCH 5.0").
//!
//! Invariant: a function of the event and of the session's earlier messages alone, so that a replay rebuilds every
//! session's sequence byte for byte.

use records::{DAY_NS, ExchangeEvent, ExchangeEventKind, Reason, TimeInForce, UNDEF_PRICE};
use sessions::{MemoryStore, MessageStore, StoreFull};
use wire::ouch50::{
    AcceptedFields, AccountQueryResponseFields, AiqCanceledFields, AppendageBuffer, BrokenTradeFields,
    CancelRejectFields, CanceledFields, DisableOrderEntryResponseFields, EnableOrderEntryResponseFields,
    ExecutedFields, MassCancelResponseFields, ModifiedFields, Outbound, RejectedFields, ReplacedFields, RestatedFields,
    SystemEventFields, TradeCorrectionFields, decode_outbound,
};

/// Longest message with its appendage.
const MESSAGE_BYTES_MAX: usize = 256;
/// Nanos of one unit of a wire price (four decimals).
const UNIT_NANOS: i64 = 100_000;
const MARKET_PRICE: u64 = 0x7fff_ffff;

/// What every message of one event shares.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub symbol: [u8; 8],
    pub timestamp: u64,
}

impl Place {
    /// From the symbol and the event's time.
    pub fn new(symbol: [u8; 8], event: &ExchangeEvent, midnight_ns: u64) -> Self {
        Self { symbol, timestamp: event.header.venue_time_ns.wrapping_sub(midnight_ns) % DAY_NS }
    }
}

/// One session's messages of the day.
pub(crate) struct Answers {
    pub store: MemoryStore,
    /// The store had no room: the session cannot go on.
    pub full: bool,
}

impl Answers {
    /// Room for that many messages.
    pub fn with_capacity(messages: usize) -> Self {
        Self { store: MemoryStore::with_capacity(messages, messages * 64), full: false }
    }

    fn put(&mut self, encode: impl FnOnce(&mut [u8]) -> usize) {
        let mut message = [0; MESSAGE_BYTES_MAX];
        let length = encode(&mut message);
        self.full |= matches!(self.store.append(&message[..length]), Err(StoreFull));
    }

    /// What an event says to the session of its own order (`header.source`).
    pub fn tell(&mut self, event: &ExchangeEvent, place: Place) {
        let Some(kind) = ExchangeEventKind::from_code(event.event) else { return };
        match kind {
            ExchangeEventKind::Accepted => self.put(|out| accepted(event, place, out)),
            ExchangeEventKind::Replaced => self.put(|out| replaced(event, place, out)),
            // The specification ignores numbers that were used before: an answer could be taken for the live order's.
            ExchangeEventKind::Rejected | ExchangeEventKind::ReplaceRejected
                if event.reason == Reason::DuplicateId.code() => {}
            ExchangeEventKind::Rejected | ExchangeEventKind::ReplaceRejected => {
                self.put(|out| rejected(event, place, out));
            }
            ExchangeEventKind::Executed => {
                let flag = if event.hidden == 0 { b'A' } else { b'J' };
                self.put(|out| executed(event, event.user_ref, flag, place, out));
            }
            ExchangeEventKind::Crossed => {
                let flag = match event.letter {
                    b'O' => b'M',
                    b'C' => b'L',
                    b'H' => b'K',
                    _ => b'O',
                };
                self.put(|out| executed(event, event.user_ref, flag, place, out));
            }
            // Of orders that it does not know the specification says nothing.
            ExchangeEventKind::CancelRejected if event.reason == Reason::TooLate.code() => self.put(|out| {
                let (timestamp, user_ref_num) = (place.timestamp, event.user_ref as u32);
                CancelRejectFields { timestamp, user_ref_num, ..Default::default() }.encode(out)
            }),
            ExchangeEventKind::Canceled => self.put(|out| canceled(event, place, out)),
            ExchangeEventKind::Refilled => self.put(|out| refilled(event, place, out)),
            ExchangeEventKind::Broken => self.broken(event, event.user_ref, place),
            ExchangeEventKind::Corrected => self.corrected(event, event.user_ref, b'A', place),
            ExchangeEventKind::Answered => self.put(|out| answered(event, place, out)),
            _ => {}
        }
    }

    /// What an event says to the session of the incoming order (`other_source`).
    pub fn tell_other(&mut self, event: &ExchangeEvent, place: Place) {
        match ExchangeEventKind::from_code(event.event) {
            Some(ExchangeEventKind::Executed) => {
                self.put(|out| executed(event, event.other_user_ref, b'R', place, out));
            }
            Some(ExchangeEventKind::Broken) => self.broken(event, event.other_user_ref, place),
            Some(ExchangeEventKind::Corrected) => self.corrected(event, event.other_user_ref, b'R', place),
            _ => {}
        }
    }

    /// Start and end of the day, to every session.
    pub fn tell_all(&mut self, event: &ExchangeEvent, place: Place) {
        let letter = event.letter;
        if matches!(letter, b'S' | b'E') {
            self.put(|out| {
                SystemEventFields { timestamp: place.timestamp, event_code: letter, ..Default::default() }.encode(out)
            });
        }
    }

    fn broken(&mut self, event: &ExchangeEvent, user_ref: u64, place: Place) {
        let cl_ord_id = self.client_text(user_ref as u32);
        let reason = if event.letter == 0 { b'S' } else { event.letter };
        self.put(|out| {
            BrokenTradeFields {
                timestamp: place.timestamp,
                user_ref_num: user_ref as u32,
                match_number: event.match_id,
                broken_trade_reason: reason,
                cl_ord_id,
                ..Default::default()
            }
            .encode(out)
        });
    }

    /// OUCH corrects prices and quantities in one message; its one reason is not ours, so the letter stays what was given.
    fn corrected(&mut self, event: &ExchangeEvent, user_ref: u64, flag: u8, place: Place) {
        let cl_ord_id = self.client_text(user_ref as u32);
        let reason = if event.letter == 0 { b' ' } else { event.letter };
        self.put(|out| {
            TradeCorrectionFields {
                timestamp: place.timestamp,
                user_ref_num: user_ref as u32,
                quantity: event.lots as u32,
                price: price(event.price_nanos),
                liquidity_flag: flag,
                match_number: event.match_id,
                trade_correction_reason: reason,
                cl_ord_id,
                ..Default::default()
            }
            .encode(out)
        });
    }

    /// The client's own text of an order, found in what it was told: busts are rare and the order may be long gone.
    fn client_text(&self, user_ref: u32) -> [u8; 14] {
        for sequence in (1..=self.store.last()).rev() {
            match self.store.get(sequence).map(decode_outbound) {
                Some(Ok(Outbound::Accepted(view))) if view.user_ref_num() == user_ref => return view.cl_ord_id(),
                Some(Ok(Outbound::Replaced(view))) if view.user_ref_num() == user_ref => return view.cl_ord_id(),
                _ => {}
            }
        }
        [b' '; 14]
    }
}

fn accepted(event: &ExchangeEvent, place: Place, out: &mut [u8]) -> usize {
    AcceptedFields {
        timestamp: place.timestamp,
        user_ref_num: event.user_ref as u32,
        side: side_letter(event),
        quantity: event.lots as u32,
        symbol: place.symbol,
        price: price(event.price_nanos),
        time_in_force: tif_letter(event.time_in_force),
        display: event.letters[3],
        order_reference_number: event.order_ref,
        capacity: event.letters[0],
        inter_market_sweep_eligibility: event.letters[1],
        cross_type: event.letters[2],
        order_state: b'L',
        cl_ord_id: client_text(event),
        appendage: &[],
    }
    .encode(out)
}

fn replaced(event: &ExchangeEvent, place: Place, out: &mut [u8]) -> usize {
    ReplacedFields {
        timestamp: place.timestamp,
        orig_user_ref_num: event.other_user_ref as u32,
        user_ref_num: event.user_ref as u32,
        side: side_letter(event),
        quantity: event.lots as u32,
        symbol: place.symbol,
        price: price(event.price_nanos),
        time_in_force: tif_letter(event.time_in_force),
        display: event.letters[3],
        order_reference_number: event.order_ref,
        capacity: event.letters[0],
        inter_market_sweep_eligibility: event.letters[1],
        cross_type: event.letters[2],
        order_state: b'L',
        cl_ord_id: client_text(event),
        appendage: &[],
    }
    .encode(out)
}

fn rejected(event: &ExchangeEvent, place: Place, out: &mut [u8]) -> usize {
    let reason = match Reason::from_code(event.reason) {
        Some(Reason::Closed) => 0x0002,
        Some(Reason::Halted) => 0x0007,
        Some(Reason::BackPressure) => 0x000a,
        Some(Reason::MinimumQuantity) => 0x000d,
        Some(Reason::InvalidQuantity) => 0x0013,
        Some(Reason::UnknownOrder) => 0x0015,
        Some(Reason::InvalidInstrument) => 0x0017,
        Some(Reason::InvalidPrice) => 0x001d,
        Some(Reason::TooLate) if event.event == ExchangeEventKind::Rejected.code() => 0x0019,
        Some(Reason::TooLate) => 0x0010,
        _ => 0x000f,
    };
    RejectedFields {
        timestamp: place.timestamp,
        user_ref_num: event.user_ref as u32,
        reason,
        cl_ord_id: client_text(event),
        ..Default::default()
    }
    .encode(out)
}

fn executed(event: &ExchangeEvent, user_ref: u64, flag: u8, place: Place, out: &mut [u8]) -> usize {
    ExecutedFields {
        timestamp: place.timestamp,
        user_ref_num: user_ref as u32,
        quantity: event.lots as u32,
        price: price(event.price_nanos),
        liquidity_flag: flag,
        match_number: event.match_id,
        appendage: &[],
    }
    .encode(out)
}

fn canceled(event: &ExchangeEvent, place: Place, out: &mut [u8]) -> usize {
    let (timestamp, user_ref_num) = (place.timestamp, event.user_ref as u32);
    let reason = Reason::from_code(event.reason);
    if event.letter == 1 {
        // A modify: total lots it now has, executed ones included.
        let quantity = (event.leaves_lots + event.other_leaves_lots) as u32;
        let side = side_letter(event);
        return ModifiedFields { timestamp, user_ref_num, side, quantity, ..Default::default() }.encode(out);
    }
    if reason == Some(Reason::SelfTradePrevention) {
        return AiqCanceledFields {
            timestamp,
            user_ref_num,
            decrement_shares: event.lots as u32,
            cancel_order_reason: b'Q',
            quantity_prevented_from_trading: event.lots as u32,
            execution_price: price(event.price_nanos),
            liquidity_flag: if event.resting == 1 { b'A' } else { b'R' },
            ..Default::default()
        }
        .encode(out);
    }
    let letter = match reason {
        Some(Reason::UserRequested) => b'U',
        Some(Reason::Immediate | Reason::MinimumQuantity) => b'I',
        Some(Reason::Timeout) => b'T',
        Some(Reason::WouldCross) => b'F',
        Some(Reason::DayEnd) => b'E',
        Some(Reason::Halted) => b'H',
        Some(Reason::Supervisory) => b'S',
        _ => b'Z',
    };
    CanceledFields {
        timestamp,
        user_ref_num,
        quantity: event.lots as u32,
        cancel_order_reason: letter,
        ..Default::default()
    }
    .encode(out)
}

fn refilled(event: &ExchangeEvent, place: Place, out: &mut [u8]) -> usize {
    let mut extra = AppendageBuffer::default();
    extra.secondary_ord_ref_num(event.order_ref).display_quantity(event.shown_lots as u32);
    RestatedFields {
        timestamp: place.timestamp,
        user_ref_num: event.user_ref as u32,
        restated_reason: b'R',
        appendage: extra.bytes(),
    }
    .encode(out)
}

fn answered(event: &ExchangeEvent, place: Place, out: &mut [u8]) -> usize {
    let (timestamp, user_ref_num) = (place.timestamp, event.user_ref as u32);
    let firm = event.participant.map(|letter| if letter == 0 { b' ' } else { letter });
    match event.letter {
        b'C' => {
            let symbol = place.symbol.map(|letter| if letter == 0 { b' ' } else { letter });
            MassCancelResponseFields { timestamp, user_ref_num, firm, symbol, ..Default::default() }.encode(out)
        }
        b'D' => DisableOrderEntryResponseFields { timestamp, user_ref_num, firm, ..Default::default() }.encode(out),
        b'E' => EnableOrderEntryResponseFields { timestamp, user_ref_num, firm, ..Default::default() }.encode(out),
        _ => {
            let next_user_ref_num = event.lots as u32;
            AccountQueryResponseFields { timestamp, next_user_ref_num, ..Default::default() }.encode(out)
        }
    }
}

fn side_letter(event: &ExchangeEvent) -> u8 {
    match (event.side, event.short_sale) {
        (1, _) => b'B',
        (_, 1) => b'T',
        (_, 2) => b'E',
        _ => b'S',
    }
}

fn tif_letter(code: u8) -> u8 {
    match TimeInForce::from_code(code) {
        Some(TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill) => b'3',
        Some(TimeInForce::GoodTillTime) => b'6',
        _ => b'0',
    }
}

fn price(price_nanos: i64) -> u64 {
    if price_nanos == UNDEF_PRICE { MARKET_PRICE } else { (price_nanos / UNIT_NANOS).max(0) as u64 }
}

fn client_text(event: &ExchangeEvent) -> [u8; 14] {
    let mut text = [b' '; 14];
    text.copy_from_slice(&event.tag[..14]);
    text
}
