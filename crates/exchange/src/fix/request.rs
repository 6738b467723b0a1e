//! FIX requests as commands: NewOrderSingle, OrderCancelRequest, OrderCancelReplaceRequest, OrderMassCancelRequest,
//! OrderStatusRequest, OrderMassStatusRequest.
//!
//! Invariant: a request whose form is sound becomes a command of the sequenced input, refused ones too, so that a replay
//! answers them again; one whose form is not is answered by the session and changes nothing.

use records::{
    ExchangeEnter, ExchangeReplace, ExchangeRequest, Header, OrderType, Reason, TimeInForce, UNDEF_PRICE, bytes_of,
};
use sessions::fix::{Answer, Fault, Inbound};
use wire::fix::{Message, decimal_nanos, reject, utc_time_ns};

use super::desk::Desk;
use crate::listings::Listings;

/// One lot in the wire's decimals.
const LOT_NANOS: i64 = 1_000_000_000;
/// OrdRejReason's kin: the application cannot take it now.
const NOT_AVAILABLE: Answer = Answer::Refused { reason: 4, tag: 0 };

/// Where requests come from and when.
pub(crate) struct Origin<'a> {
    pub venue: u16,
    pub session: u32,
    pub now_ns: u64,
    pub sequence: u64,
    pub listings: &'a Listings,
    pub desk: &'a Desk,
    /// Accounts whose orders end with the connection.
    pub tied_accounts: &'a [String],
}

/// The fields that requests have, as they stand in one.
#[derive(Default)]
struct Asked<'a> {
    name: Option<&'a [u8]>,
    original: Option<&'a [u8]>,
    question: Option<&'a [u8]>,
    symbol: Option<&'a [u8]>,
    side: Option<&'a [u8]>,
    kind: Option<&'a [u8]>,
    time_in_force: Option<&'a [u8]>,
    transact_time: Option<&'a [u8]>,
    expire_time: Option<&'a [u8]>,
    quantity: Option<&'a [u8]>,
    price: Option<&'a [u8]>,
    minimum: Option<&'a [u8]>,
    display: Option<&'a [u8]>,
    instructions: Option<&'a [u8]>,
    account: Option<&'a [u8]>,
    scope: Option<&'a [u8]>,
}

impl<'a> Asked<'a> {
    fn of(message: &Message<'a>) -> Self {
        let mut asked = Self::default();
        for field in message.fields() {
            let place = match field.tag {
                1 => &mut asked.account,
                11 => &mut asked.name,
                18 => &mut asked.instructions,
                38 => &mut asked.quantity,
                40 => &mut asked.kind,
                41 => &mut asked.original,
                44 => &mut asked.price,
                54 => &mut asked.side,
                55 => &mut asked.symbol,
                59 => &mut asked.time_in_force,
                60 => &mut asked.transact_time,
                110 => &mut asked.minimum,
                111 | 1138 => &mut asked.display,
                126 => &mut asked.expire_time,
                530 | 585 => &mut asked.scope,
                584 | 790 => &mut asked.question,
                _ => continue,
            };
            place.get_or_insert(message.value(*field));
        }
        asked
    }
}

type Asks<T> = Result<T, Answer>;

/// Hands the command of one request over.
///
/// # Errors
/// What the session answers where the message's form is not sound, or there is no room.
pub(crate) fn command(inbound: &Inbound<'_>, origin: &Origin<'_>, take: impl FnOnce(&[u8])) -> Asks<()> {
    let asked = Asked::of(&inbound.message);
    match inbound.message.kind() {
        b"D" => {
            let order = enter(&asked, origin)?;
            let again = order.refused == Reason::DuplicateId.code() && inbound.poss_resend;
            // It may have been sent before, and was: its state is the answer.
            if again { take(bytes_of(&status(&asked, origin)?)) } else { take(bytes_of(&order)) }
        }
        b"G" => replace(&asked, origin, take)?,
        b"F" => take(bytes_of(&cancel(&asked, origin)?)),
        b"q" => take(bytes_of(&mass_cancel(&asked, origin)?)),
        b"H" => take(bytes_of(&status(&asked, origin)?)),
        b"AF" => take(bytes_of(&mass_status(&asked, origin)?)),
        _ => return Err(Answer::Unsupported),
    }
    Ok(())
}

fn enter(asked: &Asked<'_>, origin: &Origin<'_>) -> Asks<ExchangeEnter> {
    let mut order = ExchangeEnter::new();
    origin.mark(&mut order.header);
    order.tag = name(asked.name, 11)?;
    let symbol = needed(asked.symbol, 55)?;
    time(needed(asked.transact_time, 60)?, 60)?;
    (order.side, order.short_sale) = side(needed(asked.side, 54)?)?;
    order.user_ref = origin.desk.entries.next_ref();
    order.header.instrument = origin.instrument(symbol);
    if order.header.instrument == 0 {
        // The answer names what was asked for.
        let letters: [u8; 8] = padded(&symbol[..symbol.len().min(8)]);
        order.letters.copy_from_slice(&letters[..4]);
        order.participant.copy_from_slice(&letters[4..]);
    }
    let kind = needed(asked.kind, 40)?;
    let market = kind == b"1";
    order.order_type = if market { OrderType::Market } else { OrderType::Limit }.code();
    let quantity = asked.quantity.ok_or(Answer::Refused { reason: 5, tag: 38 })?;
    order.lots = lots(quantity, 38)?;
    order.price_nanos = match asked.price {
        Some(price) => decimal(price, 44)?,
        None if market => UNDEF_PRICE,
        None => return Err(Answer::Refused { reason: 5, tag: 44 }),
    };
    let terms = Terms::of(asked, b"0")?;
    order.time_in_force = terms.time_in_force;
    order.expire_time_ns = terms.expire_time_ns;
    order.minimum_lots = terms.minimum_lots;
    order.display_lots = terms.display_lots;
    order.post_only = u8::from(terms.post_only);
    let tied = asked.account.is_some_and(|account| origin.tied_accounts.iter().any(|tied| tied.as_bytes() == account));
    order.ends_with_connection = u8::from(terms.ends_with_connection || tied);
    let sound = terms.known && matches!(kind, b"1" | b"2");
    order.refused = origin.refusal(&order.tag, sound, order.lots)?;
    if order.refused == 0 && order.header.instrument == 0 {
        order.refused = Reason::InvalidInstrument.code();
    }
    Ok(order)
}

fn replace(asked: &Asked<'_>, origin: &Origin<'_>, take: impl FnOnce(&[u8])) -> Asks<()> {
    let mut order = ExchangeReplace::new();
    origin.mark(&mut order.header);
    order.tag = name(asked.name, 11)?;
    let original = name(asked.original, 41)?;
    time(needed(asked.transact_time, 60)?, 60)?;
    side(needed(asked.side, 54)?)?;
    let kind = needed(asked.kind, 40)?;
    let quantity = asked.quantity.ok_or(Answer::Refused { reason: 5, tag: 38 })?;
    order.lots = lots(quantity, 38)?;
    let price = asked.price.ok_or(Answer::Refused { reason: 5, tag: 44 });
    order.price_nanos = if kind == b"1" { UNDEF_PRICE } else { decimal(price?, 44)? };
    let terms = Terms::of(asked, b"")?;
    let Some(number) = origin.desk.entries.find(&original) else {
        let mut request = origin.request(b'G', order.tag);
        (request.original_tag, request.refused) = (original, Reason::UnknownOrder.code());
        take(bytes_of(&request));
        return Ok(());
    };
    order.original_ref = u64::from(number);
    order.user_ref = origin.desk.entries.next_ref();
    order.time_in_force = terms.time_in_force;
    order.expire_time_ns = terms.expire_time_ns;
    order.minimum_lots = terms.minimum_lots;
    order.display_lots = terms.display_lots;
    order.post_only = u8::from(terms.post_only);
    order.refused = origin.refusal(&order.tag, terms.known && kind == b"2", order.lots)?;
    let entry = origin.desk.entries.get(order.original_ref).copied().unwrap_or_default();
    if order.refused == Reason::InvalidField.code() && !entry.open {
        order.refused = Reason::UnknownOrder.code();
    }
    take(bytes_of(&order));
    Ok(())
}

fn cancel(asked: &Asked<'_>, origin: &Origin<'_>) -> Asks<ExchangeRequest> {
    let mut request = origin.request(b'F', name(asked.name, 11)?);
    request.original_tag = name(asked.original, 41)?;
    time(needed(asked.transact_time, 60)?, 60)?;
    side(needed(asked.side, 54)?)?;
    request.original_ref = origin.desk.entries.find(&request.original_tag).map_or(0, u64::from);
    if request.original_ref == 0 {
        request.refused = Reason::UnknownOrder.code();
    } else if origin.desk.entries.find(&request.tag).is_some() {
        request.refused = Reason::DuplicateId.code();
    }
    Ok(request)
}

fn mass_cancel(asked: &Asked<'_>, origin: &Origin<'_>) -> Asks<ExchangeRequest> {
    let mut request = origin.request(b'q', name(asked.name, 11)?);
    let scope = needed(asked.scope, 530)?;
    time(needed(asked.transact_time, 60)?, 60)?;
    if let Some(letters) = asked.side {
        request.side = side(letters)?.0;
    }
    request.scope = *scope.first().unwrap_or(&b'0');
    match scope {
        b"7" => {}
        b"1" => {
            let symbol = asked.symbol.ok_or(Answer::Refused { reason: 5, tag: 55 })?;
            request.header.instrument = origin.instrument(symbol);
            if request.header.instrument == 0 {
                request.refused = Reason::InvalidInstrument.code();
            }
        }
        [b'2'..=b'6' | b'8' | b'9' | b'A'..=b'C'] => request.refused = Reason::InvalidField.code(),
        _ => return Err(Answer::Fault(Fault { reason: reject::VALUE_OUT_OF_RANGE, tag: 530 })),
    }
    Ok(request)
}

fn status(asked: &Asked<'_>, origin: &Origin<'_>) -> Asks<ExchangeRequest> {
    let mut request = origin.request(b'H', name(asked.name, 11)?);
    request.side = side(needed(asked.side, 54)?)?.0;
    request.header.instrument = asked.symbol.map_or(0, |symbol| origin.instrument(symbol));
    request.original_ref = origin.desk.entries.find(&request.tag).map_or(0, u64::from);
    if let Some(question) = asked.question {
        request.question = name(Some(question), 790)?;
    }
    Ok(request)
}

fn mass_status(asked: &Asked<'_>, origin: &Origin<'_>) -> Asks<ExchangeRequest> {
    let mut request = origin.request(b'A', [0; 16]);
    request.question = name(asked.question, 584)?;
    let scope = needed(asked.scope, 585)?;
    request.scope = *scope.first().unwrap_or(&b'0');
    match scope {
        b"7" => {}
        b"1" => {
            let symbol = asked.symbol.ok_or(Answer::Refused { reason: 5, tag: 55 })?;
            request.header.instrument = origin.instrument(symbol);
            if request.header.instrument == 0 {
                request.refused = Reason::InvalidInstrument.code();
            }
        }
        [b'2'..=b'6' | b'8' | b'9'] | b"10" => request.refused = Reason::InvalidField.code(),
        _ => return Err(Answer::Fault(Fault { reason: reject::VALUE_OUT_OF_RANGE, tag: 585 })),
    }
    Ok(request)
}

impl Origin<'_> {
    fn mark(&self, header: &mut Header) {
        header.venue = self.venue;
        header.source = self.session;
        header.sequence = self.sequence;
        header.receive_time_ns = self.now_ns;
    }

    fn request(&self, what: u8, tag: [u8; 16]) -> ExchangeRequest {
        let mut request = ExchangeRequest::new();
        self.mark(&mut request.header);
        (request.what, request.tag) = (what, tag);
        request
    }

    fn instrument(&self, symbol: &[u8]) -> u32 {
        self.listings.named(symbol)
    }

    /// Why an order or a replace is refused whatever the book says; 0: it is not.
    fn refusal(&self, tag: &[u8; 16], sound: bool, lots: i64) -> Asks<u8> {
        if self.desk.entries.find(tag).is_some() {
            return Ok(Reason::DuplicateId.code());
        }
        if !self.desk.entries.has_room_for(tag) {
            return Err(NOT_AVAILABLE);
        }
        Ok(if !sound {
            Reason::InvalidField.code()
        } else if lots == 0 {
            Reason::InvalidQuantity.code()
        } else {
            0
        })
    }
}

/// What orders and replacements have in common.
struct Terms {
    time_in_force: u8,
    expire_time_ns: u64,
    minimum_lots: i64,
    display_lots: i64,
    post_only: bool,
    ends_with_connection: bool,
    /// Nothing is asked for that is not done here.
    known: bool,
}

impl Terms {
    fn of(asked: &Asked<'_>, absent: &[u8]) -> Asks<Self> {
        let mut known = true;
        let time_in_force = match asked.time_in_force.unwrap_or(absent) {
            b"" => 0,
            b"0" => TimeInForce::Day.code(),
            b"3" => TimeInForce::ImmediateOrCancel.code(),
            b"4" => TimeInForce::FillOrKill.code(),
            b"6" => TimeInForce::GoodTillTime.code(),
            b"2" => TimeInForce::AtOpen.code(),
            b"7" => TimeInForce::AtClose.code(),
            _ => {
                known = false;
                TimeInForce::Day.code()
            }
        };
        let mut expire_time_ns = 0;
        if time_in_force == TimeInForce::GoodTillTime.code() {
            let text = asked.expire_time.ok_or(Answer::Refused { reason: 5, tag: 126 })?;
            expire_time_ns = time(text, 126)?;
        }
        let (mut post_only, mut ends_with_connection) = (false, false);
        for word in asked.instructions.unwrap_or(b"").split(|letter| *letter == b' ') {
            match word {
                b"6" => post_only = true,
                b"o" => ends_with_connection = true,
                b"" => {}
                _ => known = false,
            }
        }
        let minimum_lots = asked.minimum.map_or(Ok(Some(0)), |minimum| whole_lots(minimum, 110))?;
        let display_lots = asked.display.map_or(Ok(Some(0)), |display| whole_lots(display, 111))?;
        known &= minimum_lots.is_some() && display_lots.is_some();
        Ok(Self {
            time_in_force,
            expire_time_ns,
            minimum_lots: minimum_lots.unwrap_or(0),
            display_lots: display_lots.unwrap_or(0),
            post_only,
            ends_with_connection,
            known,
        })
    }
}

fn fault(reason: u16, tag: u32) -> Answer {
    Answer::Fault(Fault { reason, tag })
}

fn needed(value: Option<&[u8]>, tag: u32) -> Asks<&[u8]> {
    value.ok_or(fault(reject::REQUIRED_MISSING, tag))
}

/// One to sixteen printable letters.
pub(crate) fn name(value: Option<&[u8]>, tag: u32) -> Asks<[u8; 16]> {
    let value = needed(value, tag)?;
    let sound = (1..=16).contains(&value.len()) && value.iter().all(|letter| (b' '..=b'~').contains(letter));
    if sound { Ok(padded(value)) } else { Err(fault(reject::VALUE_OUT_OF_RANGE, tag)) }
}

fn padded<const N: usize>(value: &[u8]) -> [u8; N] {
    let mut padded = [0; N];
    padded[..value.len()].copy_from_slice(value);
    padded
}

fn side(value: &[u8]) -> Asks<(u8, u8)> {
    match value {
        b"1" => Ok((1, 0)),
        b"2" => Ok((2, 0)),
        b"5" => Ok((2, 1)),
        b"6" => Ok((2, 2)),
        _ => Err(fault(reject::VALUE_OUT_OF_RANGE, 54)),
    }
}

fn decimal(value: &[u8], tag: u32) -> Asks<i64> {
    decimal_nanos(value).ok_or(fault(reject::DATA_FORMAT, tag))
}

/// Whole lots; `None` for parts of one and for what is negative.
fn whole_lots(value: &[u8], tag: u32) -> Asks<Option<i64>> {
    let nanos = decimal(value, tag)?;
    Ok((nanos >= 0 && nanos % LOT_NANOS == 0).then_some(nanos / LOT_NANOS))
}

/// An order's lots; 0, which no rule takes, where they are not whole.
fn lots(value: &[u8], tag: u32) -> Asks<i64> {
    Ok(whole_lots(value, tag)?.unwrap_or(0))
}

fn time(value: &[u8], tag: u32) -> Asks<u64> {
    utc_time_ns(value).ok_or(fault(reject::DATA_FORMAT, tag))
}
