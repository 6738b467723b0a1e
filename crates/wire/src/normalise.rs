//! ITCH 5.0 messages to the normalised records of `records`.
//!
//! Nine messages of ten change one order. They share one path without a branch on their type: a table says where each
//! type keeps its fields and masks those it has not. Everything else goes a plain, colder way.
//!
//! Invariant: a message gives at most one record, complete, flagged last; the table's loads lie inside the message.

use crate::error::WireError;
use crate::itch50::{self, Message};
use records::{
    BookAction, FLAG_LAST, Header, Imbalance, Kind, MarketOrder, Record, Side, Status, Trade, TradingState,
    UNDEF_PRICE, bytes_of,
};

/// Nanos of one ten-thousandth, the unit of ITCH prices.
pub const NANOS_PER_PRICE4: i64 = 100_000;

/// Who takes normalised records. A closure over record bytes is one.
pub trait MarketSink {
    /// An order changed.
    fn market_order(&mut self, record: &MarketOrder);
    /// A trade off the displayed book, or a bust.
    fn trade(&mut self, record: &Trade);
    /// A trading state or an event of the day.
    fn status(&mut self, record: &Status);
    /// An auction's imbalance.
    fn imbalance(&mut self, record: &Imbalance);
}

impl<F: FnMut(&[u8])> MarketSink for F {
    #[inline]
    fn market_order(&mut self, record: &MarketOrder) {
        self(bytes_of(record));
    }

    fn trade(&mut self, record: &Trade) {
        self(bytes_of(record));
    }

    fn status(&mut self, record: &Status) {
        self(bytes_of(record));
    }

    fn imbalance(&mut self, record: &Imbalance) {
        self(bytes_of(record));
    }
}

/// What became of a good message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalised {
    /// One record was handed over.
    Record,
    /// Its locate is mapped to no instrument.
    Unmapped,
    /// Its type says nothing that a record holds.
    Silent,
}

/// Where a type that changes an order keeps its fields. A mask of zero stands for a field it has not.
#[derive(Clone, Copy)]
struct Shape {
    new_ref_mask: u64,
    match_mask: u64,
    price_mask: i64,
    price_absent: i64,
    lots_mask: u32,
    participant_mask: u32,
    /// The message's length; 0: not of this path.
    size: u8,
    action: u8,
    lots_at: u8,
    price_at: u8,
    new_ref_at: u8,
    match_at: u8,
    participant_at: u8,
    side_at: u8,
    side_mask: u8,
    printable_at: u8,
    printable_mask: u8,
    /// Printable without being told.
    printable: u8,
}

const OTHER: Shape = Shape {
    new_ref_mask: 0,
    match_mask: 0,
    price_mask: 0,
    price_absent: UNDEF_PRICE,
    lots_mask: 0,
    participant_mask: 0,
    size: 0,
    action: 0,
    lots_at: 0,
    price_at: 0,
    new_ref_at: 0,
    match_at: 0,
    participant_at: 0,
    side_at: 0,
    side_mask: 0,
    printable_at: 0,
    printable_mask: 0,
    printable: 0,
};

/// Shapes by type. Offsets are those of `venues/nasdaq/wire/itch50.toml`; a test compares every field with the views.
static SHAPES: [Shape; 256] = {
    let mut shapes = [OTHER; 256];
    let rests = Shape { price_mask: -1, price_absent: 0, lots_mask: u32::MAX, ..OTHER };
    let add = Shape { action: BookAction::Add as u8, side_at: 19, side_mask: 0xff, lots_at: 20, price_at: 32, ..rests };
    shapes[b'A' as usize] = Shape { size: 36, ..add };
    shapes[b'F' as usize] = Shape { size: 40, participant_at: 36, participant_mask: u32::MAX, ..add };
    let execute = Shape {
        action: BookAction::Execute as u8,
        lots_at: 19,
        lots_mask: u32::MAX,
        match_at: 23,
        match_mask: u64::MAX,
        ..OTHER
    };
    shapes[b'E' as usize] = Shape { size: 31, printable: 1, ..execute };
    shapes[b'C' as usize] = Shape {
        size: 36,
        printable_at: 31,
        printable_mask: 0xff,
        price_at: 32,
        price_mask: -1,
        price_absent: 0,
        ..execute
    };
    shapes[b'X' as usize] =
        Shape { size: 23, action: BookAction::Reduce as u8, lots_at: 19, lots_mask: u32::MAX, ..OTHER };
    shapes[b'D' as usize] = Shape { size: 19, action: BookAction::Delete as u8, ..OTHER };
    shapes[b'U' as usize] = Shape {
        size: 35,
        action: BookAction::Replace as u8,
        new_ref_at: 19,
        new_ref_mask: u64::MAX,
        lots_at: 27,
        price_at: 31,
        ..rests
    };
    let mut at = 0;
    while at < 256 {
        let shape = &shapes[at];
        let size = shape.size as usize;
        // What `order` relies on: 19 bytes at least, and every load inside the message.
        assert!(size == 0 || size >= 19 && shape.lots_at as usize + 4 <= size && shape.price_at as usize + 4 <= size);
        assert!(size == 0 || shape.new_ref_at as usize + 8 <= size && shape.match_at as usize + 8 <= size);
        assert!(size == 0 || shape.participant_at as usize + 4 <= size);
        assert!(size == 0 || (shape.side_at as usize) < size && (shape.printable_at as usize) < size);
        at += 1;
    }
    shapes
};

/// Turns one venue's ITCH messages into records.
pub struct ItchNormaliser {
    instruments: Box<[u32; 65_536]>,
    /// Symbols wanted, sorted, with their instruments.
    listed: Vec<([u8; 8], u32)>,
    venue: u16,
    source: u32,
    /// First word of every [`MarketOrder`]: kind, version, flags, venue, length.
    head_word: u64,
}

// Words are put together by shifts, so that the first field is the lowest byte.
const _: () = assert!(cfg!(target_endian = "little"), "records are laid out for little-endian machines");

impl ItchNormaliser {
    /// For a venue of the reference data; no locate is mapped yet.
    pub fn new(venue: u16) -> Self {
        let instruments = vec![0_u32; 65_536].into_boxed_slice().try_into().expect("65,536 are 65,536");
        let mut record = MarketOrder::new();
        record.header.flags = FLAG_LAST;
        record.header.venue = venue;
        let head_word = u64::from_le_bytes(*bytes_of(&record).first_chunk().expect("a header is 40 bytes"));
        Self { instruments, listed: Vec::new(), venue, source: 0, head_word }
    }

    /// Stamps records with a source (line, session).
    pub const fn set_source(&mut self, source: u32) {
        self.source = source;
    }

    /// Maps a locate number to an instrument; 0 takes it away.
    pub fn map(&mut self, locate: u16, instrument: u32) {
        self.instruments[usize::from(locate)] = instrument;
    }

    /// Maps every locate number to the instrument of the same number: for files without reference data.
    pub fn map_all(&mut self) {
        (0_u32..).zip(self.instruments.iter_mut()).for_each(|(locate, instrument)| *instrument = locate);
    }

    /// Maps the locate number that the feed's directory will give this symbol (padded with spaces). Cold; before start.
    pub fn list(&mut self, symbol: [u8; 8], instrument: u32) {
        match self.listed.binary_search_by_key(&symbol, |each| each.0) {
            Ok(at) => self.listed[at].1 = instrument,
            Err(at) => self.listed.insert(at, (symbol, instrument)),
        }
    }

    /// The instrument of a locate number, 0 where it is not mapped.
    pub fn instrument(&self, locate: u16) -> u32 {
        self.instruments[usize::from(locate)]
    }

    /// Turns one message into at most one record. `midnight_ns` is the UTC time of the feed's midnight.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are no message or hold an impossible value; it says how many to skip.
    #[inline]
    pub fn normalise<S: MarketSink>(
        &mut self,
        message: &[u8],
        sequence: u64,
        receive_time_ns: u64,
        midnight_ns: u64,
        sink: &mut S,
    ) -> Result<Normalised, WireError> {
        let Some(&code) = message.first() else { return Err(WireError::Empty) };
        let shape = &SHAPES[usize::from(code)];
        let stamp = Times { sequence, receive_time_ns, midnight_ns };
        if shape.size == 0 {
            return self.other(message, stamp, sink);
        }
        if message.len() != usize::from(shape.size) {
            return Err(WireError::Length { code, expected: usize::from(shape.size), found: message.len() });
        }
        self.order(message, shape, stamp, sink)
    }

    /// The path of all messages that change one order.
    #[inline(always)]
    fn order<S: MarketSink>(
        &self,
        message: &[u8],
        shape: &Shape,
        times: Times,
        sink: &mut S,
    ) -> Result<Normalised, WireError> {
        let load = Loads(message.as_ptr());
        assert!(message.len() >= 19);
        // SAFETY: the message has its shape's length (checked by the caller), that is 19 at least, and the shape's
        // offsets lie inside it (asserted where the shapes are made).
        let (locate, timestamp, order_ref, lots, price, new_order_ref, match_id, participant, side, printable) = unsafe {
            (
                load.u16(1),
                load.u64(3) & 0xffff_ffff_ffff,
                load.u64(11),
                load.u32(shape.lots_at) & shape.lots_mask,
                load.u32(shape.price_at),
                load.u64(shape.new_ref_at) & shape.new_ref_mask,
                load.u64(shape.match_at) & shape.match_mask,
                load.bytes4(shape.participant_at) & shape.participant_mask,
                load.u8(shape.side_at) & shape.side_mask,
                load.u8(shape.printable_at) & shape.printable_mask,
            )
        };
        let instrument = self.instruments[usize::from(locate)];
        if instrument == 0 {
            return Ok(Normalised::Unmapped);
        }
        let (buys, sells) = (u8::from(side == b'B'), u8::from(side == b'S'));
        let side_code = buys | sells << 1;
        // One comparison that is true for every good message: types alternate, so a branch on the type would cost most.
        if (buys | sells) != shape.side_mask & 1 {
            return Err(WireError::Value { code: message[0], offset: usize::from(shape.side_at), skip: message.len() });
        }
        let printable = shape.printable | u8::from(printable == b'Y');
        let price = ((i64::from(price) * NANOS_PER_PRICE4) & shape.price_mask) | shape.price_absent;
        // Whole words, so that whoever reads the record next finds each in one store; a test compares with the fields.
        let words: [u64; 12] = [
            self.head_word,
            u64::from(instrument) | u64::from(self.source) << 32,
            times.sequence,
            times.midnight_ns.wrapping_add(timestamp),
            times.receive_time_ns,
            order_ref,
            new_order_ref,
            price.cast_unsigned(),
            u64::from(lots),
            match_id,
            u64::from(shape.action)
                | u64::from(side_code) << 8
                | u64::from(printable) << 16
                | u64::from(participant) << 32,
            0,
        ];
        // SAFETY: a record is Plain: 96 bytes without padding, any bits are a value.
        let record: MarketOrder = unsafe { std::mem::transmute(words) };
        sink.market_order(&record);
        Ok(Normalised::Record)
    }

    #[inline(always)]
    fn header(&self, kind: Kind, length: usize, instrument: u32, timestamp: u64, times: Times) -> Header {
        Header {
            kind: kind as u16,
            version: 1,
            flags: FLAG_LAST,
            venue: self.venue,
            length: length as u16,
            instrument,
            source: self.source,
            sequence: times.sequence,
            venue_time_ns: times.midnight_ns.wrapping_add(timestamp),
            receive_time_ns: times.receive_time_ns,
        }
    }

    /// The header of a colder record.
    fn stamped<R: Record>(&self, record: &mut R, locate: u16, timestamp: u64, times: Times) -> bool {
        let instrument = self.instruments[usize::from(locate)];
        *record.header_mut() = self.header(R::KIND, size_of::<R>(), instrument, timestamp, times);
        record.header_mut().version = R::VERSION;
        instrument != 0
    }

    /// Everything that does not change one order.
    #[inline(never)]
    fn other<S: MarketSink>(&mut self, message: &[u8], times: Times, sink: &mut S) -> Result<Normalised, WireError> {
        match itch50::decode(message)? {
            Message::StockDirectory(view) => {
                if let Ok(at) = self.listed.binary_search_by_key(&view.stock(), |each| each.0) {
                    self.instruments[usize::from(view.stock_locate())] = self.listed[at].1;
                }
                Ok(Normalised::Silent)
            }
            Message::Trade(_) | Message::CrossTrade(_) | Message::BrokenTrade(_) => self.trade(message, times, sink),
            Message::NetOrderImbalance(view) => {
                let mut record = imbalance(view)?;
                Ok(match self.stamped(&mut record, view.stock_locate(), view.timestamp(), times) {
                    true => {
                        sink.imbalance(&record);
                        Normalised::Record
                    }
                    false => Normalised::Unmapped,
                })
            }
            _ => self.status(message, times, sink),
        }
    }

    fn trade<S: MarketSink>(&self, message: &[u8], times: Times, sink: &mut S) -> Result<Normalised, WireError> {
        let mut record = Trade::new();
        let (locate, timestamp) = match itch50::decode(message)? {
            Message::Trade(view) => {
                record.price_nanos = i64::from(view.price()) * NANOS_PER_PRICE4;
                record.lots = i64::from(view.shares());
                record.match_id = view.match_number();
                record.order_ref = view.order_reference_number();
                record.side = side(view.buy_sell_indicator()).ok_or(WireError::Value {
                    code: b'P',
                    offset: 19,
                    skip: message.len(),
                })?;
                (view.stock_locate(), view.timestamp())
            }
            Message::CrossTrade(view) => {
                record.price_nanos = i64::from(view.cross_price()) * NANOS_PER_PRICE4;
                record.lots = lots(view.shares(), b'Q', 11, message.len())?;
                record.match_id = view.match_number();
                record.cross = 1;
                record.cross_type = view.cross_type();
                (view.stock_locate(), view.timestamp())
            }
            Message::BrokenTrade(view) => {
                record.price_nanos = UNDEF_PRICE;
                record.match_id = view.match_number();
                record.busted = 1;
                (view.stock_locate(), view.timestamp())
            }
            _ => return Ok(Normalised::Silent),
        };
        if !self.stamped(&mut record, locate, timestamp, times) {
            return Ok(Normalised::Unmapped);
        }
        sink.trade(&record);
        Ok(Normalised::Record)
    }

    fn status<S: MarketSink>(&self, message: &[u8], times: Times, sink: &mut S) -> Result<Normalised, WireError> {
        let mut record = Status::new();
        let bad = |code, offset| WireError::Value { code, offset, skip: message.len() };
        let (locate, timestamp) = match itch50::decode(message)? {
            Message::SystemEvent(view) => {
                record.system_event = view.event_code();
                record.trading = match view.event_code() {
                    b'O' | b'S' => TradingState::PreOpen.code(),
                    b'Q' => TradingState::Trading.code(),
                    b'M' | b'E' | b'C' => TradingState::Closed.code(),
                    _ => return Err(bad(b'S', 11)),
                };
                (view.stock_locate(), view.timestamp())
            }
            Message::StockTradingAction(view) => {
                record.trading = match view.trading_state() {
                    b'H' => TradingState::Halted.code(),
                    b'P' => TradingState::Paused.code(),
                    b'Q' => TradingState::QuoteOnly.code(),
                    b'T' => TradingState::Trading.code(),
                    _ => return Err(bad(b'H', 19)),
                };
                record.reason = view.reason().map(|letter| if letter == b' ' { 0 } else { letter });
                // The protocol has no letters for the phases of a day: the house exchange names them by its reasons.
                record.trading = match (record.reason, view.trading_state()) {
                    ([b'A', b'U', b'C', _], b'Q') => TradingState::Auction.code(),
                    ([b'P', b'R', b'E', b'O'], b'H') => TradingState::PreOpen.code(),
                    ([b'C', b'L', b'S', b'D'], b'H') => TradingState::Closed.code(),
                    _ => record.trading,
                };
                (view.stock_locate(), view.timestamp())
            }
            // A halt of another market leaves this feed's market alone.
            Message::OperationalHalt(view) if view.market_code() == b'Q' => {
                record.trading = match view.operational_halt_action() {
                    b'H' => TradingState::Halted.code(),
                    b'T' => TradingState::Trading.code(),
                    _ => return Err(bad(b'h', 20)),
                };
                record.reason = [b'O', b'P', 0, 0];
                (view.stock_locate(), view.timestamp())
            }
            Message::RegShoRestriction(view) => {
                record.short_sale = match view.reg_sho_action() {
                    b'0' => 2,
                    b'1' | b'2' => 1,
                    _ => return Err(bad(b'Y', 19)),
                };
                (view.stock_locate(), view.timestamp())
            }
            // A market-wide halt (W) is followed by one H message a security, and those count.
            _ => return Ok(Normalised::Silent),
        };
        let mapped = self.stamped(&mut record, locate, timestamp, times);
        if !mapped && record.system_event == 0 {
            return Ok(Normalised::Unmapped);
        }
        sink.status(&record);
        Ok(Normalised::Record)
    }
}

/// What a record's header takes from outside its message.
#[derive(Clone, Copy)]
struct Times {
    sequence: u64,
    receive_time_ns: u64,
    midnight_ns: u64,
}

fn side(letter: u8) -> Option<u8> {
    match letter {
        b'B' => Some(Side::Buy.code()),
        b'S' => Some(Side::Sell.code()),
        _ => None,
    }
}

fn lots(shares: u64, code: u8, offset: usize, skip: usize) -> Result<i64, WireError> {
    i64::try_from(shares).map_err(|_| WireError::Value { code, offset, skip })
}

fn imbalance(view: itch50::NetOrderImbalance<'_>) -> Result<Imbalance, WireError> {
    let price = |price: u32| if price == 0 { UNDEF_PRICE } else { i64::from(price) * NANOS_PER_PRICE4 };
    let size = itch50::NetOrderImbalance::SIZE;
    let mut record = Imbalance::new();
    record.paired_lots = lots(view.paired_shares(), b'I', 11, size)?;
    record.imbalance_lots = lots(view.imbalance_shares(), b'I', 19, size)?;
    record.reference_nanos = price(view.current_reference_price());
    record.far_nanos = price(view.far_price());
    record.near_nanos = price(view.near_price());
    record.side = side(view.imbalance_direction()).unwrap_or(0);
    record.cross_type = view.cross_type();
    record.variation = view.price_variation_indicator();
    Ok(record)
}

/// Unaligned big-endian loads off a message's start.
struct Loads(*const u8);

impl Loads {
    /// # Safety
    /// Two bytes lie at `at`.
    #[inline(always)]
    unsafe fn u16(&self, at: u8) -> u16 {
        // SAFETY: the caller's promise.
        u16::from_be(unsafe { self.0.add(usize::from(at)).cast::<u16>().read_unaligned() })
    }

    /// # Safety
    /// Four bytes lie at `at`.
    #[inline(always)]
    unsafe fn u32(&self, at: u8) -> u32 {
        // SAFETY: the caller's promise.
        u32::from_be(unsafe { self.bytes4(at) })
    }

    /// Four letters, as they lie.
    ///
    /// # Safety
    /// Four bytes lie at `at`.
    #[inline(always)]
    unsafe fn bytes4(&self, at: u8) -> u32 {
        // SAFETY: the caller's promise.
        unsafe { self.0.add(usize::from(at)).cast::<u32>().read_unaligned() }
    }

    /// # Safety
    /// Eight bytes lie at `at`.
    #[inline(always)]
    unsafe fn u64(&self, at: u8) -> u64 {
        // SAFETY: the caller's promise.
        u64::from_be(unsafe { self.0.add(usize::from(at)).cast::<u64>().read_unaligned() })
    }

    /// # Safety
    /// A byte lies at `at`.
    #[inline(always)]
    unsafe fn u8(&self, at: u8) -> u8 {
        // SAFETY: the caller's promise.
        unsafe { self.0.add(usize::from(at)).read() }
    }
}
