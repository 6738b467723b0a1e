//! Recorded order flow: LOBSTER, Databento order by order, ITCH 5.0 files, as normalised records.
//!
//! Invariant: a file is checked whole when it is opened; every error in it is told at once, in words, and a file with an
//! error gives no record. What a reader leaves out is counted by reason.

mod capture;
mod dbn;
mod driver;
mod error;
mod fit;
mod flat;
mod generator;
mod itch;
mod lobster;
mod open;
mod random;
mod stream;
mod tardis;
mod time;
mod touches;

use std::collections::BTreeMap;
use std::path::PathBuf;

use records::{Header, Imbalance, MarketLevel, MarketOrder, Record, Status, Trade};

pub use driver::{DriverConfig, DriverCounts, FlowCommand, FlowDriver, Noise};
pub use error::{FlowError, FlowErrors};
pub use fit::{AAPL, ES, FlowFit};
pub use generator::Generator;
pub use open::{Opened, Skipped, open};
pub use random::Random;
pub use stream::FlowStream;
pub use touches::{BookSummary, Touch, TouchRecorder, replay};

/// One record of a file, in file order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FlowRecord {
    /// An order changed.
    Order(MarketOrder),
    /// A level changed: of data that tells of no orders.
    Level(MarketLevel),
    /// A trade that no displayed order explains (hidden, cross, implied), or a bust.
    Trade(Trade),
    /// Trading state.
    Status(Status),
    /// Where an auction stands.
    Imbalance(Imbalance),
}

impl FlowRecord {
    /// The record's header.
    pub fn header(&self) -> &Header {
        match self {
            Self::Order(record) => record.header(),
            Self::Level(record) => record.header(),
            Self::Trade(record) => record.header(),
            Self::Status(record) => record.header(),
            Self::Imbalance(record) => record.header(),
        }
    }

    /// The record's header, to renumber it.
    pub fn header_mut(&mut self) -> &mut Header {
        match self {
            Self::Order(record) => record.header_mut(),
            Self::Level(record) => record.header_mut(),
            Self::Trade(record) => record.header_mut(),
            Self::Status(record) => record.header_mut(),
            Self::Imbalance(record) => record.header_mut(),
        }
    }
}

/// What kind of file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A LOBSTER message file with its order-book file.
    Lobster,
    /// Databento binary encoding, schema `mbo`.
    Dbn,
    /// Nasdaq TotalView-ITCH 5.0.
    Itch,
    /// Tardis CSV: levels or trades.
    Tardis,
    /// Parquet, order by order, as [`flat`] hands it over.
    ParquetOrders,
    /// Parquet: levels or trades.
    ParquetLevels,
}

impl Format {
    /// Whether it tells of levels instead of orders.
    pub const fn is_by_level(self) -> bool {
        matches!(self, Self::Tardis | Self::ParquetLevels)
    }

    /// The word that reports use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lobster => "lobster",
            Self::Dbn => "dbn",
            Self::Itch => "itch",
            Self::Tardis => "tardis",
            Self::ParquetOrders | Self::ParquetLevels => "parquet",
        }
    }
}

/// A symbol of a file: an instrument of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowSymbol {
    /// The venue's symbol.
    pub name: String,
    /// Its number in this file's records, from 1.
    pub instrument: u32,
    /// Records that change its book live: not of a snapshot, not seeded.
    pub live_records: u64,
    /// Records that set up its book: a snapshot's, or seeded levels.
    pub setup_records: u64,
    /// Times of the first and the last live record, ns UTC; 0 without one.
    pub live_span_ns: (u64, u64),
}

/// What a file held, in its own terms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadCounts {
    /// Messages (rows, records) of the file.
    pub messages: u64,
    /// Messages that gave no record, by reason.
    pub left_out: BTreeMap<&'static str, u64>,
}

impl ReadCounts {
    fn leave_out(&mut self, reason: &'static str) {
        *self.left_out.entry(reason).or_default() += 1;
    }
}

enum Content {
    Parsed(Vec<FlowRecord>),
    Itch(itch::ItchContent),
}

/// A checked file. Iterate its records as often as you like.
pub struct FlowFile {
    /// Where it lies.
    pub path: PathBuf,
    /// What it is.
    pub format: Format,
    /// Its symbols; `instrument - 1` is the position.
    pub symbols: Vec<FlowSymbol>,
    /// What it held.
    pub counts: ReadCounts,
    content: Content,
}

impl FlowFile {
    /// The records in file order. `FLAG_LAST` ends each venue event of an instrument.
    pub fn records(&self) -> Box<dyn Iterator<Item = FlowRecord> + Send + '_> {
        match &self.content {
            Content::Parsed(records) => Box::new(records.iter().copied()),
            Content::Itch(content) => Box::new(content.records()),
        }
    }

    /// Builds symbols' counts from the records: for readers.
    fn count_symbols(names: Vec<String>, records: impl Iterator<Item = FlowRecord>) -> Vec<FlowSymbol> {
        let mut symbols: Vec<FlowSymbol> = (1..)
            .zip(names)
            .map(|(instrument, name)| FlowSymbol {
                name,
                instrument,
                live_records: 0,
                setup_records: 0,
                live_span_ns: (0, 0),
            })
            .collect();
        for record in records {
            let header = record.header();
            let Some(symbol) = (header.instrument as usize).checked_sub(1).and_then(|at| symbols.get_mut(at)) else {
                continue;
            };
            if header.flags & (records::FLAG_SNAPSHOT | records::FLAG_SYNTHETIC) != 0 {
                symbol.setup_records += 1;
                continue;
            }
            symbol.live_records += 1;
            if symbol.live_span_ns.0 == 0 {
                symbol.live_span_ns.0 = header.venue_time_ns;
            }
            symbol.live_span_ns.1 = symbol.live_span_ns.1.max(header.venue_time_ns);
        }
        symbols
    }
}
