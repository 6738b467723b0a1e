//! Level data and trades as Tardis writes them: CSV, plain or gzipped, times in µs, amounts in decimals.
//!
//! `incremental_book_L2`: `exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount`, the amount being what the
//! level now has. `trades`: `exchange,symbol,timestamp,local_timestamp,id,side,price,amount`, the side being the taker's. A lot
//! is 1e-8 of the amount's unit.
//!
//! Invariant: rows of one symbol with one local time are one event; a snapshot begins with a clear; a field that is none ends
//! the stream with its line.

use std::path::Path;

use records::{BookAction, FLAG_LAST, FLAG_SNAPSHOT, MarketLevel, Record, Side, Trade, UNDEF_PRICE};

use super::FlowRecord;
use super::stream::Window;

const HEAD: &str = "exchange,symbol,timestamp,local_timestamp,";
const BOOK: &str = "is_snapshot,side,price,amount";
const TRADES: &str = "id,side,price,amount";
/// Rows of one call.
const BATCH: usize = 4_096;
const NANOS_PER_MICRO: u64 = 1_000;
/// Decimals of a lot: 1e-8.
const LOT_DECIMALS: u32 = 8;
const PRICE_DECIMALS: u32 = 9;

/// A file that is read row by row.
pub(crate) struct Stream {
    window: Window,
    trades: bool,
    line: u64,
    names: Vec<String>,
    /// The last row's symbol and local time: what ends an event.
    last: (u32, u64),
    /// Whether the symbol's last row was of a snapshot.
    in_snapshot: Vec<bool>,
    held: Option<FlowRecord>,
}

/// Whether the bytes begin with the head of such a file.
pub(crate) fn looks_like_tardis(bytes: &[u8]) -> bool {
    bytes.starts_with(HEAD.as_bytes())
}

impl Stream {
    /// Opens a file and reads its head.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        let mut window = Window::open(path)?;
        window.read_more()?;
        let end = window.rest().iter().position(|byte| *byte == b'\n').unwrap_or(window.rest().len());
        let head = String::from_utf8_lossy(&window.rest()[..end]).trim().to_owned();
        let trades = match head.strip_prefix(HEAD) {
            Some(BOOK) => false,
            Some(TRADES) => true,
            _ => return Err(format!("its columns are {head:?}; {HEAD}{BOOK} or {HEAD}{TRADES} are allowed")),
        };
        let used = (end + 1).min(window.rest().len());
        window.give_up(used);
        Ok(Self { window, trades, line: 1, names: Vec::new(), last: (0, 0), in_snapshot: Vec::new(), held: None })
    }

    /// Symbols met so far.
    pub(crate) fn symbols(&self) -> Vec<String> {
        self.names.clone()
    }

    /// Adds the records of the next rows; false at the end.
    pub(crate) fn read(&mut self, out: &mut Vec<FlowRecord>) -> Result<bool, (String, String)> {
        let mut rows = 0;
        while rows < BATCH {
            let rest = self.window.rest();
            let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
                let place = format!("line {}", self.line + 1);
                if self.window.read_more().map_err(|words| (place, words))? {
                    continue;
                }
                if !self.window.rest().is_empty() {
                    let row = self.window.rest().to_vec();
                    self.window.give_up(row.len());
                    self.row(&row, out)?;
                }
                self.release(true, out);
                return Ok(false);
            };
            let row = rest[..end].to_vec();
            self.window.give_up(end + 1);
            self.row(&row, out)?;
            rows += 1;
        }
        Ok(true)
    }

    /// The record held back goes out; `last`: it ends its event.
    fn release(&mut self, last: bool, out: &mut Vec<FlowRecord>) {
        if let Some(mut held) = self.held.take() {
            held.header_mut().flags |= if last { FLAG_LAST } else { 0 };
            out.push(held);
        }
    }

    fn row(&mut self, row: &[u8], out: &mut Vec<FlowRecord>) -> Result<(), (String, String)> {
        self.line += 1;
        let line = self.line;
        let wrong = move |words: String| (format!("line {line}"), words);
        let Ok(text) = std::str::from_utf8(row) else {
            return Err(wrong("is no text; numbers and words between commas are allowed".to_owned()));
        };
        let text = text.trim();
        if text.is_empty() {
            return Ok(());
        }
        let fields = fields(text).map_err(|count| wrong(format!("{count} fields; eight are needed")))?;
        let [_, symbol, time, local, fifth, side, price, amount] = fields;
        let micros = |text: &str, name: &str| {
            text.parse::<u64>()
                .ok()
                .and_then(|time| time.checked_mul(NANOS_PER_MICRO))
                .ok_or_else(|| wrong(format!("{name} is {text:?}; whole microseconds are allowed")))
        };
        let (time_ns, local_ns) = (micros(time, "timestamp")?, micros(local, "local_timestamp")?);
        let price_nanos = decimal(price, PRICE_DECIMALS)
            .filter(|price_nanos| *price_nanos != UNDEF_PRICE)
            .ok_or_else(|| wrong(format!("price is {price:?}; a number with at most nine decimals is allowed")))?;
        let lots = decimal(amount, LOT_DECIMALS).filter(|lots| *lots >= 0).ok_or_else(|| {
            wrong(format!("amount is {amount:?}; a number from 0 with at most eight decimals is allowed"))
        })?;
        let instrument = self.instrument(symbol);
        let same_event = self.last == (instrument, local_ns);
        self.release(!same_event, out);
        self.last = (instrument, local_ns);
        let times = (line, time_ns, local_ns);
        let made = if self.trades {
            let taker = match side {
                "buy" => Some(Side::Buy),
                "sell" => Some(Side::Sell),
                "unknown" | "" => None,
                _ => return Err(wrong(format!("side is {side:?}; buy, sell and unknown are allowed"))),
            };
            FlowRecord::Trade(trade(instrument, times, (taker, price_nanos, lots)))
        } else {
            let side = match side {
                "bid" => Side::Buy,
                "ask" => Side::Sell,
                _ => return Err(wrong(format!("side is {side:?}; bid and ask are allowed"))),
            };
            let snapshot = match fifth {
                "true" => true,
                "false" => false,
                _ => return Err(wrong(format!("is_snapshot is {fifth:?}; true and false are allowed"))),
            };
            let was = std::mem::replace(&mut self.in_snapshot[instrument as usize - 1], snapshot);
            if snapshot && !was {
                let mut clear = level(instrument, times, (Side::Buy, UNDEF_PRICE, 0), true);
                (clear.action, clear.side) = (BookAction::Clear.code(), 0);
                out.push(FlowRecord::Level(clear));
            }
            FlowRecord::Level(level(instrument, times, (side, price_nanos, lots), snapshot))
        };
        self.held = Some(made);
        Ok(())
    }

    fn instrument(&mut self, symbol: &str) -> u32 {
        if let Some(at) = self.names.iter().position(|name| name == symbol) {
            return at as u32 + 1;
        }
        self.names.push(symbol.to_owned());
        self.in_snapshot.push(false);
        self.names.len() as u32
    }
}

/// The fields of a row; how many there are when they are not eight.
fn fields(text: &str) -> Result<[&str; 8], usize> {
    let mut fields = [""; 8];
    let mut count = 0;
    for field in text.split(',') {
        if let Some(place) = fields.get_mut(count) {
            *place = field;
        }
        count += 1;
    }
    if count == fields.len() { Ok(fields) } else { Err(count) }
}

fn level(
    instrument: u32,
    (line, time_ns, local_ns): (u64, u64, u64),
    (side, price_nanos, lots): (Side, i64, i64),
    snapshot: bool,
) -> MarketLevel {
    let mut record = MarketLevel::new();
    stamp(&mut record, instrument, line, time_ns, local_ns);
    record.header.flags = if snapshot { FLAG_SNAPSHOT } else { 0 };
    (record.side, record.price_nanos, record.lots) = (side.code(), price_nanos, lots);
    record.action = if lots == 0 { BookAction::Delete.code() } else { BookAction::Modify.code() };
    record
}

fn trade(
    instrument: u32,
    (line, time_ns, local_ns): (u64, u64, u64),
    (taker, price_nanos, lots): (Option<Side>, i64, i64),
) -> Trade {
    let mut record = Trade::new();
    stamp(&mut record, instrument, line, time_ns, local_ns);
    (record.price_nanos, record.lots, record.match_id) = (price_nanos, lots, line);
    record.side = taker.map_or(0, |taker| taker.opposite().code());
    record
}

fn stamp<R: Record>(record: &mut R, instrument: u32, line: u64, time_ns: u64, local_ns: u64) {
    let header = record.header_mut();
    (header.instrument, header.sequence) = (instrument, line);
    (header.venue_time_ns, header.receive_time_ns) = (time_ns, local_ns);
}

/// A decimal number as a whole number of its last allowed decimal, exactly.
fn decimal(text: &str, decimals: u32) -> Option<i64> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() || part.trim_end_matches('0').len() > decimals as usize {
        return None;
    }
    let mut value: i64 = 0;
    let padded = part.bytes().chain(std::iter::repeat(b'0')).take(decimals as usize);
    for byte in whole.bytes().chain(padded) {
        let digit = byte.is_ascii_digit().then(|| i64::from(byte - b'0'))?;
        value = value.checked_mul(10)?.checked_add(digit)?;
    }
    let odd = part.bytes().skip(decimals as usize).any(|byte| byte != b'0');
    (!odd).then_some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_exactly() {
        assert_eq!(decimal("50000.01", 9), Some(50_000_010_000_000));
        assert_eq!(decimal("0.00000001", 8), Some(1));
        assert_eq!(decimal("1.500000000000", 8), Some(150_000_000));
        assert_eq!(decimal("-0.5", 9), Some(-500_000_000));
        for bad in ["", ".5", "1e3", "nan", "0.123456789", "1.2.3", "99999999999999999999"] {
            assert_eq!(decimal(bad, 8), None, "{bad}");
        }
    }
}
