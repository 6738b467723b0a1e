//! Databento binary encoding, versions 1 to 3, schema `mbo`: order by order, plain or in zstd frames.
//!
//! A fill there is told before the change of the resting order that it causes; both become one `Execute`. The change
//! that follows a fill is a cancel of the filled lots, or a modify to what is left.
//!
//! Invariant: after each event flagged last the records given so far build the book that the file's own records build.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use records::{BookAction, FLAG_LAST, FLAG_SNAPSHOT, MarketOrder, Record, Side, Trade, UNDEF_PRICE};

use super::error::FlowErrors;
use super::stream::Window;
use super::{Content, FlowFile, FlowRecord, Format, ReadCounts};

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const METADATA_FIXED_BYTES: usize = 100;
const MBO_BYTES: usize = 56;
const MBO_TYPE: u8 = 0xa0;
const EVENT_LAST: u8 = 1 << 7;
const IN_SNAPSHOT: u8 = 1 << 5;

/// Schemas by code, for the reason why a file is skipped.
const SCHEMAS: [&str; 20] = [
    "mbo",
    "mbp-1",
    "mbp-10",
    "tbbo",
    "trades",
    "ohlcv-1s",
    "ohlcv-1m",
    "ohlcv-1h",
    "ohlcv-1d",
    "definition",
    "statistics",
    "status",
    "imbalance",
    "ohlcv-eod",
    "cmbp-1",
    "cbbo-1s",
    "cbbo-1m",
    "tcbbo",
    "bbo-1s",
    "bbo-1m",
];

/// What the head of a file says.
pub(crate) struct Metadata {
    version: u8,
    schema: u16,
    /// Where the records start.
    records_at: usize,
    /// Symbols by the file's own instrument numbers.
    names: HashMap<u32, String>,
}

impl Metadata {
    /// Why a sound file carries no order-by-order data, if it does not.
    pub(crate) fn skip_reason(&self) -> Option<String> {
        let name = SCHEMAS.get(usize::from(self.schema)).copied().unwrap_or("of mixed or unknown schema");
        (self.schema != 0).then(|| format!("Databento data, {name}: not order by order"))
    }
}

/// The whole file, out of its zstd frames where it is in some.
pub(crate) fn load(path: &Path) -> Result<Vec<u8>, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("cannot be read ({error})"))?;
    if !bytes.starts_with(&ZSTD_MAGIC) {
        return Ok(bytes);
    }
    let mut rest = &bytes[..];
    let mut plain = Vec::new();
    while !rest.is_empty() {
        let at = bytes.len() - rest.len();
        let broken = || format!("the zstd frame at byte {at} is broken or cut off; whole frames are allowed");
        let mut frame = ruzstd::decoding::StreamingDecoder::new(&mut rest).map_err(|_| broken())?;
        frame.read_to_end(&mut plain).map_err(|_| broken())?;
    }
    Ok(plain)
}

/// Cursor over bytes that may end at any point.
struct Cursor<'a>(&'a [u8], usize);

impl<'a> Cursor<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let taken = self.0.get(self.1..self.1.saturating_add(length));
        let taken =
            taken.ok_or_else(|| format!("the head ends at byte {}; {length} more bytes are needed", self.0.len()))?;
        self.1 += length;
        Ok(taken)
    }

    fn u32(&mut self) -> Result<u32, String> {
        Ok(u32::from_le_bytes(self.take(4)?.try_into().expect("four bytes")))
    }

    fn text(&mut self, length: usize) -> Result<String, String> {
        let bytes = self.take(length)?;
        let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(length);
        Ok(String::from_utf8_lossy(&bytes[..end]).into_owned())
    }
}

/// Reads the head.
pub(crate) fn metadata(bytes: &[u8]) -> Result<Metadata, String> {
    let mut cursor = Cursor(bytes, 0);
    let magic = cursor.take(4)?;
    if &magic[..3] != b"DBN" {
        return Err(format!("starts with {:02x?}; a file that starts with \"DBN\" is allowed", &magic[..3]));
    }
    let version = magic[3];
    if !(1..=3).contains(&version) {
        return Err(format!("is of DBN version {version}; 1, 2 and 3 are allowed"));
    }
    let length = cursor.u32()? as usize;
    let records_at = cursor.1 + length;
    if records_at > bytes.len() || length < METADATA_FIXED_BYTES {
        return Err(format!(
            "its head is said to be {length} bytes long; {METADATA_FIXED_BYTES} to what the file holds is allowed"
        ));
    }
    let fixed = cursor.take(METADATA_FIXED_BYTES)?;
    let schema = u16::from_le_bytes([fixed[16], fixed[17]]);
    let symbol_bytes = if version == 1 { 22 } else { usize::from(u16::from_le_bytes([fixed[45], fixed[46]])) };
    let mut cursor = Cursor(&bytes[..records_at], cursor.1);
    let definitions = cursor.u32()? as usize;
    cursor.take(definitions)?;
    for _ in 0..3 {
        let count = cursor.u32()? as usize;
        cursor.take(count.saturating_mul(symbol_bytes))?;
    }
    let mut names = HashMap::new();
    for _ in 0..cursor.u32()? {
        let raw = cursor.text(symbol_bytes)?;
        for _ in 0..cursor.u32()? {
            cursor.take(8)?;
            let symbol = cursor.text(symbol_bytes)?;
            // Mapped either way: names to numbers or numbers to names.
            match (symbol.parse::<u32>(), raw.parse::<u32>()) {
                (Ok(number), _) => names.entry(number).or_insert_with(|| raw.clone()),
                (_, Ok(number)) => names.entry(number).or_insert(symbol),
                _ => continue,
            };
        }
    }
    Ok(Metadata { version, schema, records_at, names })
}

/// One `mbo` record as it lies in the file.
#[derive(Clone, Copy)]
struct Mbo {
    instrument: u32,
    event_ns: u64,
    order_ref: u64,
    price_nanos: i64,
    lots: i64,
    flags: u8,
    action: u8,
    side: u8,
    receive_ns: u64,
    sequence: u32,
}

impl Mbo {
    fn parse(bytes: &[u8]) -> Self {
        let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        let half = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        Self {
            instrument: half(4),
            event_ns: word(8),
            order_ref: word(16),
            price_nanos: word(24).cast_signed(),
            lots: i64::from(half(32)),
            flags: bytes[36],
            action: bytes[38],
            side: bytes[39],
            receive_ns: word(40),
            sequence: half(52),
        }
    }

    fn side(&self) -> Option<Side> {
        match self.side {
            b'B' => Some(Side::Buy),
            b'A' => Some(Side::Sell),
            _ => None,
        }
    }

    fn wrong(&self) -> Option<String> {
        let letter =
            |byte: u8| if byte.is_ascii_graphic() { char::from(byte).to_string() } else { format!("0x{byte:02x}") };
        if !b"ACMRTFN".contains(&self.action) {
            return Some(format!("action is {}; A, C, M, R, T, F and N are allowed", letter(self.action)));
        }
        if !b"ABN".contains(&self.side) {
            return Some(format!("side is {}; A (sell), B (buy) and N (none) are allowed", letter(self.side)));
        }
        let needs = matches!(self.action, b'A' | b'M');
        if needs && self.side().is_none() {
            return Some(format!("an order without a side (action {}); A and B are allowed", letter(self.action)));
        }
        if needs && (self.price_nanos == UNDEF_PRICE || self.lots == 0) {
            return Some(format!(
                "an order of {} at {}; a price and a size above 0 are allowed",
                self.lots, self.price_nanos
            ));
        }
        None
    }
}

/// Reads a file that was loaded and whose schema is `mbo`.
pub(crate) fn read(path: &Path, bytes: &[u8], metadata: &Metadata) -> Result<FlowFile, FlowErrors> {
    let mut errors = FlowErrors::default();
    let mut reader = Reader::default();
    let mut rest = &bytes[metadata.records_at..];
    let mut number = 0_u64;
    while let [words, kind, ..] = *rest {
        number += 1;
        let length = usize::from(words) * 4;
        if length < 16 || length > rest.len() {
            let words =
                format!("{length} bytes long with {} left in the file; 16 to what is left is allowed", rest.len());
            errors.add(path, format!("record {number}"), words);
            break;
        }
        if kind != MBO_TYPE {
            reader.counts.messages += 1;
            reader.counts.leave_out("record of another kind");
        } else if length < MBO_BYTES {
            errors.add(
                path,
                format!("record {number}"),
                format!("{length} bytes long; an order record has {MBO_BYTES}"),
            );
        } else {
            let record = Mbo::parse(rest);
            match record.wrong() {
                Some(words) => errors.add(path, format!("record {number}"), words),
                None => reader.take(&record),
            }
        }
        rest = &rest[length..];
    }
    if rest.len() == 1 {
        errors.add(path, format!("record {}", number + 1), "one byte long; whole records are allowed");
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    reader.finish();
    let names = reader.names(metadata);
    let symbols = FlowFile::count_symbols(names, reader.records.iter().copied());
    debug_assert!(metadata.version <= 3);
    Ok(FlowFile {
        path: path.to_path_buf(),
        format: Format::Dbn,
        symbols,
        counts: reader.counts,
        content: Content::Parsed(reader.records),
    })
}

/// A file that is read record by record.
pub(crate) struct Stream {
    window: Window,
    metadata: Metadata,
    reader: Reader,
    number: u64,
    ended: bool,
}

/// Records of the file that one call takes.
const BATCH: usize = 4_096;

impl Stream {
    /// Opens a file and reads its head.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        let mut window = Window::open(path)?;
        let metadata = loop {
            let more = window.read_more()?;
            match metadata(window.rest()) {
                Ok(metadata) => break metadata,
                Err(words) if !more => return Err(words),
                Err(_) => {}
            }
        };
        if let Some(reason) = metadata.skip_reason() {
            return Err(format!("{reason}; Databento data of schema mbo are allowed"));
        }
        window.give_up(metadata.records_at);
        Ok(Self { window, metadata, reader: Reader::default(), number: 0, ended: false })
    }

    /// Adds the records of the next part of the file; false when it has ended.
    pub(crate) fn read(&mut self, out: &mut Vec<FlowRecord>) -> Result<bool, (String, String)> {
        for _ in 0..BATCH {
            let length = self.window.rest().first().map_or(0, |words| usize::from(*words) * 4);
            if self.window.rest().len() < length.max(2) && !self.ended {
                let place = format!("record {}", self.number + 1);
                self.ended = !self.window.read_more().map_err(|words| (place, words))?;
                continue;
            }
            let rest = self.window.rest();
            if rest.is_empty() {
                self.reader.finish();
                out.append(&mut self.reader.records);
                return Ok(false);
            }
            self.number += 1;
            let place = || format!("record {}", self.number);
            if length < 16 || length > rest.len() {
                let left = rest.len();
                let words = format!("{length} bytes long with {left} left in the file; 16 to what is left is allowed");
                return Err((place(), words));
            }
            if rest[1] != MBO_TYPE {
                self.reader.counts.messages += 1;
                self.reader.counts.leave_out("record of another kind");
            } else if length < MBO_BYTES {
                return Err((place(), format!("{length} bytes long; an order record has {MBO_BYTES}")));
            } else {
                let record = Mbo::parse(rest);
                if let Some(words) = record.wrong() {
                    return Err((place(), words));
                }
                self.reader.take(&record);
            }
            self.window.give_up(length);
        }
        out.append(&mut self.reader.records);
        Ok(true)
    }

    /// Symbols met so far.
    pub(crate) fn symbols(&self) -> Vec<String> {
        self.reader.names(&self.metadata)
    }
}

/// An instrument's open event and its orders.
#[derive(Default)]
struct Instrument {
    instrument: u32,
    event: Vec<FlowRecord>,
    /// Open orders: lots, price, side.
    open: HashMap<u64, (i64, i64, Side)>,
    /// Lots filled of an order whose change was not told yet, and their price.
    filled: HashMap<u64, (i64, i64)>,
    /// The aggressor's trade: lots that no fill explained yet.
    traded: Option<Mbo>,
}

#[derive(Default)]
struct Reader {
    instruments: HashMap<u32, Instrument>,
    records: Vec<FlowRecord>,
    counts: ReadCounts,
}

impl Reader {
    /// Symbols by the records' instrument numbers.
    fn names(&self, metadata: &Metadata) -> Vec<String> {
        let mut names = vec![String::new(); self.instruments.len()];
        for (&number, instrument) in &self.instruments {
            let name = metadata.names.get(&number).cloned().unwrap_or_else(|| format!("#{number}"));
            names[instrument.instrument as usize - 1] = name;
        }
        names
    }

    fn take(&mut self, record: &Mbo) {
        self.counts.messages += 1;
        let next = self.instruments.len() as u32 + 1;
        let instrument = self.instruments.entry(record.instrument).or_default();
        if instrument.instrument == 0 {
            instrument.instrument = next;
        }
        if let Some(reason) = instrument.take(record) {
            self.counts.leave_out(reason);
        }
        if record.flags & EVENT_LAST != 0 {
            instrument.end_event(&mut self.records);
        }
    }

    fn finish(&mut self) {
        let mut open: Vec<&mut Instrument> =
            self.instruments.values_mut().filter(|each| !each.event.is_empty()).collect();
        open.sort_by_key(|instrument| instrument.instrument);
        for instrument in open {
            instrument.end_event(&mut self.records);
            self.counts.leave_out("end of the file within an event");
        }
    }
}

impl Instrument {
    /// Takes one record; says why it gave nothing, if so.
    fn take(&mut self, record: &Mbo) -> Option<&'static str> {
        match record.action {
            b'A' => self.add(record),
            b'C' => return self.cancel(record),
            b'M' => self.modify(record),
            b'R' => {
                self.open.clear();
                self.filled.clear();
                let mut cleared = self.order(record, BookAction::Clear);
                (cleared.order_ref, cleared.price_nanos, cleared.lots, cleared.side) = (0, UNDEF_PRICE, 0, 0);
                self.event.push(FlowRecord::Order(cleared));
            }
            b'T' => {
                self.tell_trade();
                self.traded = Some(*record);
                return Some("trade told by its fills");
            }
            b'F' => {
                let filled = self.filled.entry(record.order_ref).or_insert((0, record.price_nanos));
                filled.0 += record.lots;
                if let Some(traded) = &mut self.traded {
                    traded.lots = (traded.lots - record.lots).max(0);
                }
                return Some("fill told with its order's change");
            }
            _ => return Some("record without a change"),
        }
        None
    }

    fn stamp<R: Record>(&self, out: &mut R, record: &Mbo) {
        let header = out.header_mut();
        header.instrument = self.instrument;
        header.sequence = u64::from(record.sequence);
        header.venue_time_ns = record.event_ns;
        header.receive_time_ns = record.receive_ns;
        header.flags = if record.flags & IN_SNAPSHOT != 0 { FLAG_SNAPSHOT } else { 0 };
    }

    fn order(&self, record: &Mbo, action: BookAction) -> MarketOrder {
        let mut out = MarketOrder::new();
        self.stamp(&mut out, record);
        out.action = action as u8;
        out.order_ref = record.order_ref;
        out.side = record.side().map_or(0, |side| side as u8);
        out.price_nanos = record.price_nanos;
        out.lots = record.lots;
        out
    }

    fn add(&mut self, record: &Mbo) {
        if let Some(side) = record.side() {
            self.open.insert(record.order_ref, (record.lots, record.price_nanos, side));
        }
        self.event.push(FlowRecord::Order(self.order(record, BookAction::Add)));
    }

    /// The part of a change that a fill told before explains.
    fn execute(&mut self, record: &Mbo, lots: i64, price_nanos: i64) {
        let mut out = self.order(record, BookAction::Execute);
        out.lots = lots;
        let own = self.open.get(&record.order_ref).map(|open| open.1);
        out.price_nanos = if own == Some(price_nanos) { UNDEF_PRICE } else { price_nanos };
        out.match_id = u64::from(record.sequence);
        out.printable = 1;
        self.event.push(FlowRecord::Order(out));
    }

    fn cancel(&mut self, record: &Mbo) -> Option<&'static str> {
        let mut left = record.lots;
        if let Some((filled, price_nanos)) = self.filled.remove(&record.order_ref) {
            let executed = filled.min(left);
            if executed > 0 {
                self.execute(record, executed, price_nanos);
            }
            left -= executed;
        }
        let open = self.open.get_mut(&record.order_ref).map_or(0, |open| {
            open.0 -= record.lots;
            open.0
        });
        if open <= 0 {
            self.open.remove(&record.order_ref);
        }
        if left > 0 {
            let action = if open <= 0 && left == record.lots { BookAction::Delete } else { BookAction::Reduce };
            let mut out = self.order(record, action);
            out.price_nanos = UNDEF_PRICE;
            out.lots = if action == BookAction::Delete { 0 } else { left };
            self.event.push(FlowRecord::Order(out));
        }
        None
    }

    fn modify(&mut self, record: &Mbo) {
        let Some(side) = record.side() else { return };
        let held = self.open.insert(record.order_ref, (record.lots, record.price_nanos, side));
        let Some(((filled, price_nanos), (open, own_price, _))) = self.filled.remove(&record.order_ref).zip(held)
        else {
            self.event.push(FlowRecord::Order(self.order(record, BookAction::Modify)));
            return;
        };
        self.execute(record, filled.min(open), price_nanos);
        if filled >= open {
            // All that was shown traded and more came from the order's reserve: a new place in the queue.
            self.event.push(FlowRecord::Order(self.order(record, BookAction::Add)));
        } else if (record.lots, record.price_nanos) != (open - filled, own_price) {
            self.event.push(FlowRecord::Order(self.order(record, BookAction::Modify)));
        }
    }

    /// A trade that no resting order explains: implied, or against what is not shown.
    fn tell_trade(&mut self) {
        let Some(traded) = self.traded.take().filter(|traded| traded.lots > 0) else { return };
        let mut out = Trade::new();
        self.stamp(&mut out, &traded);
        out.price_nanos = traded.price_nanos;
        out.lots = traded.lots;
        out.match_id = u64::from(traded.sequence);
        out.side = traded.side().map_or(0, |side| side.opposite() as u8);
        self.event.push(FlowRecord::Trade(out));
    }

    fn end_event(&mut self, records: &mut Vec<FlowRecord>) {
        self.tell_trade();
        if let Some(last) = self.event.last_mut() {
            last.header_mut().flags |= FLAG_LAST;
        }
        records.append(&mut self.event);
    }
}
