//! Reports as FIX messages, by version (FIX Trading Community, FIX 4.2 to FIX 5.0 SP2).
//!
//! Invariant: a function of the report, the session's dialect and the listings alone; no field that the version's message does
//! not have, no value that its field does not have.

use records::{OrderType, Reason, Side, TimeInForce, UNDEF_PRICE};
use wire::fix::{Builder, Precision, Version};

use super::report::{AUCTION, Report};
use crate::listings::Listings;

/// The application's version, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Dialect {
    Fix42,
    Fix43,
    Fix44,
    Fix50,
    Fix50Sp1,
    Fix50Sp2,
}

impl Dialect {
    /// By BeginString and, over FIXT, ApplVerID.
    pub fn of(begin_string: &str, application: &str) -> Self {
        match (begin_string, application) {
            ("FIX.4.2", _) => Self::Fix42,
            ("FIX.4.3", _) => Self::Fix43,
            ("FIXT.1.1", "7") => Self::Fix50,
            ("FIXT.1.1", "8") => Self::Fix50Sp1,
            ("FIXT.1.1", _) => Self::Fix50Sp2,
            _ => Self::Fix44,
        }
    }

    /// The standard's version.
    pub const fn version(self) -> Version {
        match self {
            Self::Fix42 => Version::Fix42,
            Self::Fix43 => Version::Fix43,
            Self::Fix44 => Version::Fix44,
            Self::Fix50 => Version::Fix50,
            Self::Fix50Sp1 => Version::Fix50Sp1,
            Self::Fix50Sp2 => Version::Fix50Sp2,
        }
    }

    /// Digits of a matching time.
    pub const fn precision(self) -> Precision {
        match self {
            Self::Fix50 | Self::Fix50Sp1 | Self::Fix50Sp2 => Precision::Nanoseconds,
            _ => Precision::Milliseconds,
        }
    }
}

/// Whom a report is for.
pub(crate) struct Reader<'a> {
    pub dialect: Dialect,
    pub listings: &'a Listings,
    /// A drop copy: the client whose report this is.
    pub on_behalf_of: Option<&'a [u8]>,
}

/// Writes a report's body.
pub(crate) fn write(report: &Report, reader: &Reader<'_>, body: &mut Builder<'_>) {
    if let Some(client) = reader.on_behalf_of {
        body.header_field(115, client);
    }
    match report.kind {
        b'9' => cancel_reject(report, reader, body),
        b'r' => mass_cancel_report(report, reader, body),
        b'b' => quote_acknowledgement(report, reader.dialect, body),
        _ => execution(report, reader, body),
    }
}

fn execution(report: &Report, reader: &Reader<'_>, body: &mut Builder<'_>) {
    let dialect = reader.dialect;
    reference(37, report, body);
    if report.feed_ref != report.order_ref {
        body.unsigned(198, report.feed_ref);
    }
    if text(&report.tag).is_empty() {
        // No order is named: the status of all where none is open.
    } else {
        body.field(11, text(&report.tag));
    }
    if report.original_tag != [0; 16] {
        body.field(41, text(&report.original_tag));
    }
    question(report, dialect, body);
    exec_id(17, report, body);
    if matches!(report.exec_type, b'G' | b'H') {
        trade_id(19, report, body);
    }
    if dialect == Dialect::Fix42 {
        body.field(
            20,
            match report.exec_type {
                b'H' => b"1",
                b'G' => b"2",
                b'I' => b"3",
                _ => b"0",
            },
        );
    }
    body.field(150, &[exec_type(report, dialect)]);
    body.field(39, &[order_status(report, dialect)]);
    if report.exec_type == b'8' || report.status == b'8' && report.reason != 0 {
        body.unsigned(103, reject_reason(report.reason, dialect));
    }
    if report.unasked {
        body.unsigned(378, restatement(report, dialect));
    }
    symbol(report, reader, body);
    body.field(54, &[side(report)]);
    if report.lots != 0 {
        body.integer(38, report.lots);
    }
    terms(report, dialect, body);
    if report.last_lots != 0 {
        fill(report, dialect, body);
    }
    body.integer(151, report.leaves_lots).integer(14, report.executed_lots);
    let average = if report.executed_lots > 0 { report.executed_nanos / i128::from(report.executed_lots) } else { 0 };
    body.decimal(6, average as i64);
    body.time(60, report.time_ns, dialect.precision());
    if report.reason != 0 {
        body.field(58, words(report.reason));
    }
    if reader.on_behalf_of.is_some() && dialect >= Dialect::Fix44 {
        body.field(797, b"Y");
    }
}

/// What the order asks for.
fn terms(report: &Report, dialect: Dialect, body: &mut Builder<'_>) {
    if let Some(kind) = OrderType::from_code(report.order_type) {
        body.field(40, if kind == OrderType::Market { b"1" } else { b"2" });
    }
    if report.price_nanos != UNDEF_PRICE && report.order_type == OrderType::Limit.code() {
        body.decimal(44, report.price_nanos);
    }
    let time_in_force = match TimeInForce::from_code(report.time_in_force) {
        Some(TimeInForce::Day) => b"0",
        Some(TimeInForce::GoodTillCancel) => b"1",
        Some(TimeInForce::ImmediateOrCancel) => b"3",
        Some(TimeInForce::FillOrKill) => b"4",
        Some(TimeInForce::GoodTillTime) => b"6",
        Some(TimeInForce::AtOpen) => b"2",
        Some(TimeInForce::AtClose) => b"7",
        None => return,
    };
    body.field(59, time_in_force);
    if report.expire_time_ns != 0 {
        body.time(126, report.expire_time_ns, Precision::Milliseconds);
    }
    if report.minimum_lots != 0 {
        body.integer(110, report.minimum_lots);
    }
    if report.display_lots != 0 {
        body.integer(if dialect >= Dialect::Fix50 { 1138 } else { 111 }, report.display_lots);
    }
}

fn fill(report: &Report, dialect: Dialect, body: &mut Builder<'_>) {
    body.integer(32, report.last_lots).decimal(31, report.last_price_nanos);
    if dialect >= Dialect::Fix44 && (report.liquidity != AUCTION || dialect >= Dialect::Fix50Sp1) {
        body.unsigned(851, u64::from(report.liquidity));
    }
    match dialect {
        Dialect::Fix42 => {}
        Dialect::Fix50Sp1 | Dialect::Fix50Sp2 => drop(body.unsigned(880, report.match_id)),
        _ => drop(body.unsigned(527, report.match_id)),
    }
}

fn question(report: &Report, dialect: Dialect, body: &mut Builder<'_>) {
    if report.exec_type != b'I' || dialect < Dialect::Fix44 {
        return;
    }
    // A status of all has a scope, a status of one has none.
    let of_all = report.scope != 0;
    if report.question != [0; 16] {
        body.field(if of_all { 584 } else { 790 }, text(&report.question));
    }
    if of_all {
        body.unsigned(911, u64::from(report.total)).boolean(912, report.last);
    }
}

fn cancel_reject(report: &Report, reader: &Reader<'_>, body: &mut Builder<'_>) {
    reference(37, report, body);
    body.field(11, text(&report.tag)).field(41, text(&report.original_tag));
    body.field(39, &[order_status(report, reader.dialect)]).field(434, &[report.response]);
    let reason = match (Reason::from_code(report.reason), reader.dialect) {
        (Some(Reason::UnknownOrder), _) if report.known => 0,
        (Some(Reason::UnknownOrder), _) => 1,
        (Some(Reason::TooLate), _) => 0,
        (Some(Reason::DuplicateId), Dialect::Fix42) => 2,
        (Some(Reason::DuplicateId), _) => 6,
        (_, Dialect::Fix42 | Dialect::Fix43) => 2,
        (Some(Reason::InvalidPrice), Dialect::Fix50Sp1 | Dialect::Fix50Sp2) => 18,
        _ => 99,
    };
    body.unsigned(102, reason);
    let late = report.known && report.reason == Reason::UnknownOrder.code();
    body.field(58, if late { b"Too late" } else { words(report.reason) });
    body.time(60, report.time_ns, reader.dialect.precision());
}

fn mass_cancel_report(report: &Report, reader: &Reader<'_>, body: &mut Builder<'_>) {
    body.field(11, text(&report.tag));
    exec_id(37, report, body);
    if reader.dialect >= Dialect::Fix50Sp1 {
        exec_id(1369, report, body);
    }
    body.field(530, &[report.scope]).field(531, &[report.response]);
    if report.response == b'0' {
        let unknown = report.reason == Reason::InvalidInstrument.code();
        // FIX.4.3 knows no other reason than those of its scopes.
        let other = if reader.dialect >= Dialect::Fix44 { 99 } else { 0 };
        body.unsigned(532, if unknown { 1 } else { other }).field(58, words(report.reason));
    } else {
        body.unsigned(533, u64::from(report.total));
    }
    if report.scope == b'1' {
        symbol(report, reader, body);
    }
    if report.side != 0 {
        body.field(54, &[side(report)]);
    }
    body.time(60, report.time_ns, reader.dialect.precision());
}

/// MassQuoteAcknowledgement: of all, or of one side that is refused. Of a QuoteCancel the status is what was cancelled (298).
fn quote_acknowledgement(report: &Report, dialect: Dialect, body: &mut Builder<'_>) {
    body.field(117, text(&report.tag));
    let old = dialect < Dialect::Fix44;
    let reason = match Reason::from_code(report.reason) {
        Some(Reason::InvalidInstrument) => 1,
        Some(Reason::Halted | Reason::Closed) => 2,
        Some(Reason::DuplicateId) => 6,
        Some(Reason::InvalidPrice) => 8,
        _ if old => 9,
        _ => 99,
    };
    let of_all = report.original_tag == [0; 16];
    if of_all && report.reason != 0 {
        body.unsigned(297, 5).unsigned(300, reason).field(58, words(report.reason));
    } else if of_all {
        body.field(297, if report.response == 0 { b"0" } else { std::slice::from_ref(&report.response) });
    } else {
        // The name of a side is set, stroke, entry, and the side's letter.
        let name = text(&report.original_tag);
        let stroke = name.iter().position(|letter| *letter == b'/').unwrap_or(0);
        let (set, entry) = (&name[..stroke], &name[stroke + 1..name.len() - 1]);
        body.unsigned(297, 5).field(58, words(report.reason));
        body.unsigned(296, 1).field(302, set).unsigned(295, 1).field(299, entry).unsigned(368, reason);
    }
}

/// The venue's number of an order.
fn reference(tag: u32, report: &Report, body: &mut Builder<'_>) {
    if report.order_ref == 0 {
        body.field(tag, b"NONE");
    } else {
        body.unsigned(tag, report.order_ref);
    }
}

/// A fill is named by its match, and by the side of it that this report is about; everything else by its place in the input.
fn exec_id(tag: u32, report: &Report, body: &mut Builder<'_>) {
    if report.kind == b'8' && report.exec_type == b'F' {
        return trade_id(tag, report, body);
    }
    let mut letters = [0; 32];
    let mut at = digits_before(&mut letters, 32, u64::from(report.ordinal));
    at -= 1;
    letters[at] = b'-';
    at = digits_before(&mut letters, at, report.sequence);
    body.field(tag, &letters[at..]);
}

fn trade_id(tag: u32, report: &Report, body: &mut Builder<'_>) {
    let mut letters = [0; 32];
    // An auction's trade is kept as one between a sale that rested and a purchase.
    let first = report.liquidity == 1 || report.liquidity == AUCTION && report.side == Side::Sell.code();
    letters[31] = if first { b'A' } else { b'R' };
    let mut at = digits_before(&mut letters, 31, report.match_id);
    at -= 1;
    letters[at] = b'M';
    body.field(tag, &letters[at..]);
}

/// Writes a number so that it ends before `end`; where it begins.
fn digits_before(letters: &mut [u8; 32], end: usize, mut number: u64) -> usize {
    let mut at = end;
    loop {
        at -= 1;
        letters[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return at;
        }
    }
}

fn exec_type(report: &Report, dialect: Dialect) -> u8 {
    match (report.exec_type, dialect) {
        (b'F', Dialect::Fix42) => {
            if report.leaves_lots == 0 {
                b'2'
            } else {
                b'1'
            }
        }
        (b'G' | b'H' | b'I', Dialect::Fix42) => report.status,
        (letter, _) => letter,
    }
}

/// "Replaced" is a status of its own until FIX.4.3; the entry of an order that was replaced has it in every version's stead.
fn order_status(report: &Report, dialect: Dialect) -> u8 {
    match (report.status, dialect) {
        (b'0', Dialect::Fix42) if report.exec_type == b'5' => b'5',
        (b'5', dialect) if dialect >= Dialect::Fix44 => b'4',
        (letter, _) => letter,
    }
}

fn symbol(report: &Report, reader: &Reader<'_>, body: &mut Builder<'_>) {
    let listed = reader.listings.get(report.instrument);
    let name = if listed.known { &listed.symbol } else { &report.symbol };
    let end = name.iter().position(|letter| matches!(letter, 0 | b' ')).unwrap_or(name.len());
    body.field(55, if end == 0 { b"[N/A]" } else { &name[..end] });
}

fn side(report: &Report) -> u8 {
    match (Side::from_code(report.side), report.short_sale) {
        (Some(Side::Buy), _) => b'1',
        (Some(Side::Sell), 1) => b'5',
        (Some(Side::Sell), 2) => b'6',
        (Some(Side::Sell), _) => b'2',
        // Undisclosed.
        (None, _) => b'7',
    }
}

fn reject_reason(reason: u8, dialect: Dialect) -> u64 {
    let Some(reason) = Reason::from_code(reason) else { return 0 };
    // Before FIX.4.4 there is no "other", nor a reason for quantities.
    let old = dialect < Dialect::Fix44;
    match reason {
        Reason::InvalidInstrument => 1,
        Reason::Halted | Reason::Closed => 2,
        Reason::TooLate => 4,
        Reason::UnknownOrder => 5,
        Reason::DuplicateId => 6,
        Reason::InvalidField if dialect >= Dialect::Fix43 => 11,
        Reason::InvalidQuantity | Reason::MinimumQuantity if !old => 13,
        Reason::InvalidPrice if dialect >= Dialect::Fix50 => 18,
        _ if old => 0,
        _ => 99,
    }
}

/// Why the order is not what it was though nobody asked.
fn restatement(report: &Report, dialect: Dialect) -> u64 {
    if report.exec_type == b'D' {
        return 5;
    }
    match (Reason::from_code(report.reason), dialect) {
        (_, Dialect::Fix42) => 4,
        (Some(Reason::Halted), _) => 6,
        (Some(Reason::Disconnected), _) => 7,
        _ => 8,
    }
}

/// For people.
fn words(reason: u8) -> &'static [u8] {
    match Reason::from_code(reason) {
        Some(Reason::UserRequested) => b"Cancelled on request",
        Some(Reason::Immediate) => b"Not executed at once",
        Some(Reason::Timeout) => b"Expired",
        Some(Reason::SelfTradePrevention) => b"Self-trade prevention",
        Some(Reason::Halted) => b"Trading is halted",
        Some(Reason::Supervisory) => b"Supervision",
        Some(Reason::Disconnected) => b"Connection lost",
        Some(Reason::InvalidPrice) => b"Price is not taken",
        Some(Reason::InvalidQuantity) => b"Quantity is not taken",
        Some(Reason::InvalidInstrument) => b"Unknown symbol",
        Some(Reason::WouldCross) => b"Would take liquidity",
        Some(Reason::MinimumQuantity) => b"Minimum quantity cannot be met",
        Some(Reason::Closed) => b"Closed",
        Some(Reason::InvalidField) => b"A field or its value is not supported",
        Some(Reason::UnknownOrder) => b"Unknown order",
        Some(Reason::DuplicateId) => b"ClOrdID was used before",
        Some(Reason::Throttled) => b"Too many messages",
        Some(Reason::BackPressure) => b"No room",
        Some(Reason::DayEnd) => b"End of day",
        Some(Reason::TooLate) => b"Too late for the auction",
        _ => b"Other",
    }
}

/// A text without the zeros behind it.
pub(crate) fn text<const N: usize>(padded: &[u8; N]) -> &[u8] {
    let end = padded.iter().position(|letter| *letter == 0).unwrap_or(N);
    &padded[..end]
}
