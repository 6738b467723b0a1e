//! Books from a flow file, and the list of their best prices.
//!
//! Invariant: a book is looked at after each complete event; a row is written whenever a best price or its size differs
//! from the row before; the first row is the book after its snapshot or its seeded levels.

use std::collections::BTreeMap;
use std::io::{self, Write};

use records::{FLAG_LAST, FLAG_SNAPSHOT, FLAG_SYNTHETIC, Hash64, Header, Level, Side};

use super::{FlowFile, FlowRecord};
use crate::{Anomalies, Capacity, VenueBooks};

/// A book's best prices after an event; an absent side is 0, 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Touch {
    /// When the venue says the event happened.
    pub venue_time_ns: u64,
    /// Its sequence number.
    pub sequence: u64,
    /// Best bid.
    pub bid_nanos: i64,
    /// Lots there.
    pub bid_lots: i64,
    /// Best ask.
    pub ask_nanos: i64,
    /// Lots there.
    pub ask_lots: i64,
}

impl Touch {
    fn prices(&self) -> (i64, i64, i64, i64) {
        (self.bid_nanos, self.bid_lots, self.ask_nanos, self.ask_lots)
    }
}

/// Keeps the rows of one instrument.
#[derive(Debug, Default)]
pub struct TouchRecorder {
    rows: Vec<Touch>,
}

impl TouchRecorder {
    /// The columns of [`TouchRecorder::write`].
    pub const COLUMNS: &'static str = "ts_event,sequence,bid_px,bid_sz,ask_px,ask_sz";

    /// Looks at a book after a complete event.
    pub fn look(&mut self, books: &VenueBooks, instrument: u32, header: &Header) {
        let bid = books.best(instrument, Side::Buy).unwrap_or_default();
        let ask = books.best(instrument, Side::Sell).unwrap_or_default();
        let touch = Touch {
            venue_time_ns: header.venue_time_ns,
            sequence: header.sequence,
            bid_nanos: bid.price_nanos,
            bid_lots: bid.lots,
            ask_nanos: ask.price_nanos,
            ask_lots: ask.lots,
        };
        if self.rows.last().is_none_or(|last| last.prices() != touch.prices()) {
            self.rows.push(touch);
        }
    }

    /// The rows so far.
    pub fn rows(&self) -> &[Touch] {
        &self.rows
    }

    /// Writes the rows as CSV.
    ///
    /// # Errors
    /// The writer's.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{}", Self::COLUMNS)?;
        for row in &self.rows {
            let Touch { venue_time_ns, sequence, bid_nanos, bid_lots, ask_nanos, ask_lots } = row;
            writeln!(out, "{venue_time_ns},{sequence},{bid_nanos},{bid_lots},{ask_nanos},{ask_lots}")?;
        }
        Ok(())
    }
}

/// One instrument's book at the end of a file.
#[derive(Debug)]
pub struct BookSummary {
    /// The symbol.
    pub symbol: String,
    /// Complete events.
    pub events: u64,
    /// Records that changed orders.
    pub order_records: u64,
    /// Lots executed against displayed orders.
    pub executed_lots: u64,
    /// Trades that no displayed order explains.
    pub trades: u64,
    /// Resting orders.
    pub orders: u64,
    /// Best levels, best first.
    pub bids: Vec<Level>,
    /// Best levels, best first.
    pub asks: Vec<Level>,
    /// Whether bid and ask cross at the end.
    pub crossed: bool,
    /// Records that did not fit the book.
    pub anomalies: Anomalies,
    /// Hash of the whole book.
    pub hash: u64,
    /// Rows of best prices.
    pub touches: TouchRecorder,
}

/// Builds every book of a file; `levels` best levels of each are kept.
pub fn replay(file: &FlowFile, levels: usize) -> Vec<BookSummary> {
    let mut books = VenueBooks::new(capacity_for(file));
    let mut summaries: BTreeMap<u32, BookSummary> =
        file.symbols.iter().map(|symbol| (symbol.instrument, empty(&symbol.name))).collect();
    for record in file.records() {
        let header = *record.header();
        let Some(summary) = summaries.get_mut(&header.instrument) else { continue };
        match record {
            FlowRecord::Order(order) => {
                summary.order_records += 1;
                if order.action == records::BookAction::Execute as u8 {
                    summary.executed_lots += order.lots.unsigned_abs();
                }
                if let Some(anomaly) = books.apply(&order).anomaly {
                    summary.anomalies.count(anomaly);
                }
            }
            FlowRecord::Trade(_) => summary.trades += 1,
            FlowRecord::Level(_) | FlowRecord::Status(_) | FlowRecord::Imbalance(_) => {}
        }
        if header.flags & FLAG_LAST != 0 {
            summary.events += u64::from(header.flags & (FLAG_SNAPSHOT | FLAG_SYNTHETIC) == 0);
            summary.touches.look(&books, header.instrument, &header);
        }
    }
    for (&instrument, summary) in &mut summaries {
        finish(&books, instrument, levels, summary);
    }
    summaries.into_values().collect()
}

/// Room for every order that a file adds: a reader's books are never full.
fn capacity_for(file: &FlowFile) -> Capacity {
    let mut live: u64 = 0;
    let mut most: u64 = 1;
    for record in file.records() {
        let FlowRecord::Order(order) = record else { continue };
        match records::BookAction::from_code(order.action) {
            Some(records::BookAction::Add) => live += 1,
            Some(records::BookAction::Delete) => live = live.saturating_sub(1),
            _ => {}
        }
        most = most.max(live);
    }
    let orders = usize::try_from(most).unwrap_or(usize::MAX).clamp(1, 1 << 30);
    // A file of all symbols of a venue has shallower books than one of a few.
    let sides = (file.symbols.len() + 1) * 2;
    Capacity { instruments: file.symbols.len(), orders, levels_per_side: orders.min(1 << 16).min((1 << 26) / sides) }
}

fn empty(symbol: &str) -> BookSummary {
    BookSummary {
        symbol: symbol.to_owned(),
        events: 0,
        order_records: 0,
        executed_lots: 0,
        trades: 0,
        orders: 0,
        bids: Vec::new(),
        asks: Vec::new(),
        crossed: false,
        anomalies: Anomalies::default(),
        hash: 0,
        touches: TouchRecorder::default(),
    }
}

fn finish(books: &VenueBooks, instrument: u32, levels: usize, summary: &mut BookSummary) {
    let top = |side: Side| {
        let mut top = vec![Level::zeroed(); levels.min(books.level_count(instrument, side))];
        books.fill_levels(instrument, side, &mut top);
        top
    };
    (summary.bids, summary.asks) = (top(Side::Buy), top(Side::Sell));
    for side in [Side::Buy, Side::Sell] {
        books.visit(instrument, side, |_| {
            summary.orders += 1;
            true
        });
    }
    summary.crossed = books.is_crossed(instrument);
    let mut hash = Hash64::default();
    books.hash(instrument, &mut hash);
    summary.hash = hash.value();
}
