//! What a message of the venue about orders says, read in one pass over its fields.
//!
//! Invariant: a value that is not of its field's type is told as bad, never taken for another; lots are whole.

use wire::WireError;
use wire::fix::{Message, boolean, unsigned, utc_time_ns};

const NANOS: i64 = 1_000_000_000;

/// The fields of reports (8), cancel rejects (9), mass cancel reports (r) and business rejects (j) that a gateway asks for.
/// Letters are empty and characters zero where a field is absent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report<'a> {
    /// OrderID (37).
    pub order_id: &'a [u8],
    /// SecondaryOrderID (198): what the venue's feed shows.
    pub feed_id: &'a [u8],
    /// ClOrdID (11).
    pub client: &'a [u8],
    /// OrigClOrdID (41).
    pub original: &'a [u8],
    /// ExecID (17).
    pub execution: &'a [u8],
    /// ExecRefID (19).
    pub refers_to: &'a [u8],
    /// QuoteEntryID (299).
    pub quote_entry: &'a [u8],
    /// TrdMatchID (880).
    pub match_id: &'a [u8],
    /// Symbol (55).
    pub symbol: &'a [u8],
    /// ExecTransType (20), up to FIX 4.2.
    pub transaction: u8,
    /// ExecType (150).
    pub exec_type: u8,
    /// OrdStatus (39).
    pub status: u8,
    /// Side (54).
    pub side: u8,
    /// TimeInForce (59).
    pub time_in_force: u8,
    /// CxlRejResponseTo (434).
    pub answers: u8,
    /// OrderQty (38), lots.
    pub lots: Option<i64>,
    /// Price (44), nanos.
    pub price_nanos: Option<i64>,
    /// LastQty (32), lots.
    pub last_lots: Option<i64>,
    /// LastPx (31), nanos.
    pub last_price_nanos: Option<i64>,
    /// LeavesQty (151), lots.
    pub leaves_lots: Option<i64>,
    /// CumQty (14), lots.
    pub cumulative_lots: Option<i64>,
    /// AvgPx (6), nanos.
    pub average_nanos: Option<i64>,
    /// Commission (12) where it is absolute (13=3), nanos.
    pub commission_nanos: Option<i64>,
    /// CommType (13).
    pub commission_type: u8,
    /// LastLiquidityInd (851).
    pub liquidity: u64,
    /// OrdRejReason (103).
    pub reject_reason: Option<u64>,
    /// CxlRejReason (102).
    pub cancel_reject_reason: Option<u64>,
    /// ExecRestatementReason (378).
    pub restatement: Option<u64>,
    /// TransactTime (60), ns UTC.
    pub time_ns: Option<u64>,
    /// MassStatusReqID (584).
    pub mass_id: &'a [u8],
    /// TotNumReports (911).
    pub reports: Option<u64>,
    /// LastRptRequested (912).
    pub last: bool,
    /// MassCancelResponse (531).
    pub mass_response: u8,
    /// RefSeqNum (45).
    pub number: u64,
    /// RefMsgType (372).
    pub kind: &'a [u8],
    /// BusinessRejectReason (380).
    pub business_reason: u64,
}

impl<'a> Report<'a> {
    /// Reads a message.
    ///
    /// # Errors
    /// The first field that cannot be what it should be, for the caller to count and sample.
    pub fn read(message: &Message<'a>) -> Result<Self, WireError> {
        let mut report = Self::default();
        for field in message.fields() {
            let value = message.value(*field);
            let decimal = || message.decimal_nanos(*field);
            let lots = || decimal().filter(|nanos| nanos % NANOS == 0).map(|nanos| nanos / NANOS);
            let whole = match field.tag {
                37 => text(&mut report.order_id, value),
                198 => text(&mut report.feed_id, value),
                11 => text(&mut report.client, value),
                41 => text(&mut report.original, value),
                17 => text(&mut report.execution, value),
                19 => text(&mut report.refers_to, value),
                880 => text(&mut report.match_id, value),
                299 => text(&mut report.quote_entry, value),
                55 => text(&mut report.symbol, value),
                584 => text(&mut report.mass_id, value),
                372 => text(&mut report.kind, value),
                20 => letter(&mut report.transaction, value),
                150 => letter(&mut report.exec_type, value),
                39 => letter(&mut report.status, value),
                54 => letter(&mut report.side, value),
                59 => letter(&mut report.time_in_force, value),
                434 => letter(&mut report.answers, value),
                531 => letter(&mut report.mass_response, value),
                13 => letter(&mut report.commission_type, value),
                38 => some(&mut report.lots, lots()),
                32 => some(&mut report.last_lots, lots()),
                151 => some(&mut report.leaves_lots, lots()),
                14 => some(&mut report.cumulative_lots, lots()),
                44 => some(&mut report.price_nanos, decimal()),
                31 => some(&mut report.last_price_nanos, decimal()),
                6 => some(&mut report.average_nanos, decimal()),
                12 => some(&mut report.commission_nanos, decimal()),
                103 => some(&mut report.reject_reason, unsigned(value)),
                102 => some(&mut report.cancel_reject_reason, unsigned(value)),
                378 => some(&mut report.restatement, unsigned(value)),
                911 => some(&mut report.reports, unsigned(value)),
                60 => some(&mut report.time_ns, utc_time_ns(value)),
                851 => unsigned(value).map(|value| report.liquidity = value),
                45 => unsigned(value).map(|value| report.number = value),
                380 => unsigned(value).map(|value| report.business_reason = value),
                912 => boolean(value).map(|value| report.last = value),
                _ => Some(()),
            };
            if whole.is_none() {
                let (offset, skip) = (field.start as usize, message.bytes().len());
                return Err(WireError::Value { code: message.kind().first().copied().unwrap_or(0), offset, skip });
            }
        }
        Ok(report)
    }
}

fn text<'a>(place: &mut &'a [u8], value: &'a [u8]) -> Option<()> {
    *place = value;
    Some(())
}

fn letter(place: &mut u8, value: &[u8]) -> Option<()> {
    *place = *value.first().filter(|_| value.len() == 1)?;
    Some(())
}

fn some<T>(place: &mut Option<T>, value: Option<T>) -> Option<()> {
    *place = Some(value?);
    Some(())
}

/// A name as a number: its digits, or a sum of its letters with the highest bit set, so that neither is taken for the other.
pub fn number_of(name: &[u8]) -> u64 {
    match unsigned(name).filter(|number| *number != 0 && *number < 1 << 63 && name[0] != b'0') {
        Some(number) => number,
        None if name.is_empty() => 0,
        None => {
            let sum = name
                .iter()
                .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
            sum | 1 << 63
        }
    }
}

/// The number that a name's digits make together; 0 where it has none, or too many.
pub fn digits_of(name: &[u8]) -> u64 {
    let digits = name.iter().filter(|byte| byte.is_ascii_digit());
    let number =
        digits.clone().try_fold(0_u64, |number, digit| number.checked_mul(10)?.checked_add(u64::from(digit - b'0')));
    number.filter(|number| *number < 1 << 63).unwrap_or(0)
}
