//! Our commands as FIX messages: new (D), replace (G), cancel (F), mass cancel (q), and the questions for statuses (H, AF).
//!
//! A ClOrdID is our order id in base 36, thirteen letters; cancels and reductions add three of their own, so that whatever the
//! venue says of one leads back to its order.
//!
//! Invariant: nothing here takes memory; what a message cannot say was refused before.

use records::{NewOrder, OrderType, Side, TimeInForce, UNDEF_PRICE};
use wire::fix::{Builder, Precision};

use super::dialect::{Dialect, ExecutionNames, Level};
use crate::gateway::orders::Entry;
use crate::gateway::ouch::client_order_id;

/// Letters of an order's own ClOrdID, and of one with a suffix.
pub const ID_LETTERS: usize = 13;
const SUFFIXED_LETTERS: usize = 16;
/// Name of the one set that our quotes are in.
const QUOTE_SET: &[u8] = b"1";
/// Bytes of a MassQuote beside its entries, and of an entry, at most.
pub const QUOTES_HEAD_BYTES: usize = 512;
/// See there.
pub const QUOTE_BYTES: usize = 128;
/// Suffixes that there are, 0 among them: none.
pub const SUFFIXES: u16 = 46_656;

/// A symbol as the venue writes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Symbol {
    letters: [u8; 24],
    length: u8,
}

impl Symbol {
    /// Letters that one has at most.
    pub const LETTERS_MAX: usize = 24;

    /// Of its letters; those beyond the twenty-fourth are left out, which settings do not allow.
    pub fn new(text: &str) -> Self {
        let length = text.len().min(Self::LETTERS_MAX);
        let mut letters = [0; Self::LETTERS_MAX];
        letters[..length].copy_from_slice(&text.as_bytes()[..length]);
        Self { letters, length: length as u8 }
    }

    /// Its letters.
    pub fn letters(&self) -> &[u8] {
        &self.letters[..usize::from(self.length)]
    }
}

/// A ClOrdID of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientId {
    letters: [u8; SUFFIXED_LETTERS],
    length: usize,
}

impl ClientId {
    /// Of an order; with a suffix other than 0, of a request about it.
    pub fn new(order_id: u64, suffix: u16) -> Self {
        let mut letters = [b' '; SUFFIXED_LETTERS];
        letters[..ID_LETTERS].copy_from_slice(&client_order_id(order_id)[..ID_LETTERS]);
        if suffix == 0 {
            return Self { letters, length: ID_LETTERS };
        }
        let mut rest = suffix;
        for place in letters[ID_LETTERS..].iter_mut().rev() {
            *place = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[usize::from(rest % 36)];
            rest /= 36;
        }
        Self { letters, length: SUFFIXED_LETTERS }
    }

    /// Of an order as the venue knows it now.
    pub fn of(entry: &Entry) -> Self {
        let mut name = Self::new(entry.owner.order_id, entry.suffix);
        if entry.quote {
            // Set, stroke, entry, side: as venues say it whose quotes have a ClOrdID.
            let entry_name = name.letters;
            name.letters[..2].copy_from_slice(b"1/");
            name.letters[2..SUFFIXED_LETTERS - 1].copy_from_slice(&entry_name[..ID_LETTERS]);
            name.letters[SUFFIXED_LETTERS - 1] = if entry.side == Side::Buy.code() { b'B' } else { b'S' };
            name.length = SUFFIXED_LETTERS;
        }
        name
    }

    /// Its letters.
    pub fn letters(&self) -> &[u8] {
        &self.letters[..self.length]
    }

    /// Whether letters name a side of a quote.
    pub fn is_quote(letters: &[u8]) -> bool {
        letters.len() == SUFFIXED_LETTERS && letters.starts_with(b"1/") && matches!(letters.last(), Some(b'B' | b'S'))
    }

    /// Order and suffix of letters that are ours; order 0 of any others.
    pub fn read(letters: &[u8]) -> (u64, u16) {
        let digit = |letter: u8| char::from(letter).to_digit(36).filter(|_| !letter.is_ascii_lowercase());
        let sum = |letters: &[u8]| {
            letters.iter().try_fold(0_u64, |sum, letter| sum.checked_mul(36)?.checked_add(u64::from(digit(*letter)?)))
        };
        match letters.len() {
            ID_LETTERS => (sum(letters).unwrap_or(0), 0),
            _ if Self::is_quote(letters) => (sum(&letters[2..SUFFIXED_LETTERS - 1]).unwrap_or(0), 0),
            SUFFIXED_LETTERS => match (sum(&letters[..ID_LETTERS]), sum(&letters[ID_LETTERS..])) {
                (Some(order), Some(suffix)) => (order, suffix as u16),
                _ => (0, 0),
            },
            _ => (0, 0),
        }
    }
}

/// What every message of a session says in the same way.
#[derive(Clone, Debug)]
pub struct Voice {
    /// The venue's ways.
    pub dialect: Dialect,
    /// What the version has.
    pub level: Level,
    /// Digits of times.
    pub precision: Precision,
    /// What names an execution.
    pub names: ExecutionNames,
    handling: bool,
}

impl Voice {
    /// Of a venue.
    pub fn new(dialect: Dialect, level: Level, precision: Precision) -> Self {
        let handling = dialect.handling.unwrap_or(level <= Level::Fix42);
        let names = ExecutionNames::of(&dialect.execution_id).unwrap_or(ExecutionNames::Whole);
        Self { dialect, level, precision, names, handling }
    }

    /// Whether a message about many orders is answered.
    pub fn has_mass_cancel(&self) -> bool {
        self.dialect.mass_cancel.unwrap_or(self.level >= Level::Fix43)
    }

    /// Whether quotes leave in sets.
    pub fn quotes_in_sets(&self) -> bool {
        self.dialect.quotes == "mass"
    }

    /// Whether one question brings the statuses of all open orders.
    pub fn has_mass_status(&self) -> bool {
        self.dialect.mass_status.unwrap_or(self.level >= Level::Fix44)
    }

    /// NewOrderSingle (D).
    pub fn new_order(&self, body: &mut Builder<'_>, order: &NewOrder, symbol: &Symbol, now_ns: u64) {
        body.field(11, ClientId::new(order.owner.order_id, 0).letters());
        self.account_and_handling(body, order.post_only != 0);
        if order.minimum_lots > 0 && order.time_in_force != TimeInForce::FillOrKill.code() {
            body.unsigned(110, order.minimum_lots.unsigned_abs());
        }
        self.display(body, order.display_lots, order.lots);
        body.field(55, symbol.letters()).field(54, side(order.side, order.short_sale != 0));
        body.time(60, now_ns, self.precision).unsigned(38, order.lots.unsigned_abs());
        if order.order_type == OrderType::Market.code() {
            body.field(40, b"1");
        } else {
            body.field(40, b"2").decimal(44, order.price_nanos);
        }
        self.time_in_force(body, order.time_in_force, order.expire_time_ns);
    }

    /// OrderCancelReplaceRequest (G): `entry` is the replacement, with its price and all its lots.
    pub fn replace(&self, body: &mut Builder<'_>, of: &Replacing, entry: &Entry, symbol: &Symbol, now_ns: u64) {
        body.field(41, of.original.letters()).field(11, of.client.letters());
        self.account_and_handling(body, of.post_only);
        self.display(body, of.display_lots, entry.lots);
        body.field(55, symbol.letters()).field(54, side(entry.side, false));
        let lots = if self.dialect.replace_quantity == "total" { of.lots } else { of.lots - of.filled_lots };
        body.time(60, now_ns, self.precision).unsigned(38, lots.unsigned_abs());
        if entry.price_nanos == UNDEF_PRICE {
            body.field(40, b"1");
        } else {
            body.field(40, b"2").decimal(44, entry.price_nanos);
        }
        self.time_in_force(body, entry.time_in_force, entry.expire_time_ns);
    }

    /// OrderCancelRequest (F).
    pub fn cancel(
        &self,
        body: &mut Builder<'_>,
        ids: (ClientId, ClientId),
        entry: &Entry,
        symbol: &Symbol,
        now_ns: u64,
    ) {
        body.field(41, ids.0.letters()).field(11, ids.1.letters());
        body.field(55, symbol.letters()).field(54, side(entry.side, false));
        body.time(60, now_ns, self.precision).unsigned(38, entry.lots.unsigned_abs());
    }

    /// OrderMassCancelRequest (q): of one symbol or all, of one side or both.
    pub fn mass_cancel(&self, body: &mut Builder<'_>, id: u64, symbol: Option<&Symbol>, of_side: u8, now_ns: u64) {
        body.unsigned(11, id).field(530, if symbol.is_some() { b"1" } else { b"7" });
        if let Some(symbol) = symbol {
            body.field(55, symbol.letters());
        }
        if of_side != 0 {
            body.field(54, side(of_side, false));
        }
        body.time(60, now_ns, self.precision);
    }

    /// MassQuote (i): each entry is one side, named by its order; those of size 0 are pulled, and stand before what is new.
    pub fn mass_quote<'a>(
        &self,
        body: &mut Builder<'_>,
        id: u64,
        count: usize,
        quotes: impl Iterator<Item = (&'a Entry, Symbol, bool)>,
    ) {
        body.unsigned(117, id).field(301, b"2");
        if !self.dialect.account.is_empty() {
            body.field(1, self.dialect.account.as_bytes());
        }
        body.field(296, b"1").field(302, QUOTE_SET).unsigned(304, count as u64).unsigned(295, count as u64);
        for (entry, symbol, pulls) in quotes {
            body.field(299, ClientId::new(entry.owner.order_id, 0).letters()).field(55, symbol.letters());
            let (price, size) = if entry.side == Side::Buy.code() { (132, 134) } else { (133, 135) };
            if pulls {
                body.field(price, b"0").field(size, b"0");
            } else {
                body.decimal(price, entry.price_nanos).unsigned(size, entry.lots.unsigned_abs());
            }
        }
    }

    /// QuoteCancel (Z) of all quotes.
    pub fn quote_cancel(&self, body: &mut Builder<'_>, id: u64) {
        body.unsigned(117, id).field(298, b"4").field(301, b"2");
        if !self.dialect.account.is_empty() {
            body.field(1, self.dialect.account.as_bytes());
        }
    }

    /// OrderStatusRequest (H).
    pub fn status(&self, body: &mut Builder<'_>, id: ClientId, entry: &Entry, symbol: &Symbol) {
        body.field(11, id.letters()).field(55, symbol.letters()).field(54, side(entry.side, false));
    }

    /// OrderMassStatusRequest (AF) for all orders.
    pub fn mass_status(&self, body: &mut Builder<'_>, id: u64) {
        body.unsigned(584, id).unsigned(585, 7);
    }

    fn account_and_handling(&self, body: &mut Builder<'_>, post_only: bool) {
        if !self.dialect.account.is_empty() {
            body.field(1, self.dialect.account.as_bytes());
        }
        if self.handling {
            body.field(21, b"1");
        }
        let instructions: &[u8] = match (post_only, self.dialect.cancel_on_connection_loss) {
            (true, true) => b"6 o",
            (true, false) => b"6",
            (false, true) => b"o",
            (false, false) => return,
        };
        body.field(18, instructions);
    }

    fn display(&self, body: &mut Builder<'_>, display_lots: i64, lots: i64) {
        if display_lots > 0 && display_lots < lots {
            body.unsigned(if self.level >= Level::Fix50 { 1138 } else { 111 }, display_lots.unsigned_abs());
        }
    }

    fn time_in_force(&self, body: &mut Builder<'_>, code: u8, expire_time_ns: u64) {
        let letter = match TimeInForce::from_code(code) {
            Some(TimeInForce::GoodTillCancel) => b"1",
            Some(TimeInForce::ImmediateOrCancel) => b"3",
            Some(TimeInForce::FillOrKill) => b"4",
            Some(TimeInForce::GoodTillTime) => b"6",
            Some(TimeInForce::AtOpen) => b"2",
            Some(TimeInForce::AtClose) => b"7",
            Some(TimeInForce::Day) | None => b"0",
        };
        body.field(59, letter);
        if letter == b"6" && expire_time_ns != 0 {
            body.time(126, expire_time_ns, self.precision);
        }
    }
}

/// What a replace says beside the replacement.
#[derive(Clone, Copy, Debug)]
pub struct Replacing {
    /// The ClOrdID in force.
    pub original: ClientId,
    /// The new one.
    pub client: ClientId,
    /// All lots, those filled included.
    pub lots: i64,
    /// Those filled.
    pub filled_lots: i64,
    /// Shown, 0: all.
    pub display_lots: i64,
    /// Must not take liquidity.
    pub post_only: bool,
}

fn side(code: u8, short_sale: bool) -> &'static [u8] {
    match (Side::from_code(code), short_sale) {
        (Some(Side::Buy), _) => b"1",
        (_, true) => b"5",
        _ => b"2",
    }
}
