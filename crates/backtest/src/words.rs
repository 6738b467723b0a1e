//! What the long way and the runs ask of a record before they look at it: when it is due, what it is about, what it tells.
//!
//! A word is made where records are read, so that whoever takes the record need not look for any of it.
//!
//! Invariant: words stand in the order in which records come, their times never fall, and each says where its record lies; a block
//! holds what its words are about.

use std::sync::Arc;

use book::flow::{FlowErrors, FlowRecord};
use book::{LevelTold, TradeTold};
use records::{Side, prefetch_bytes};

use crate::prices::Prices;

/// A venue and one of its instruments, as one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct About(u64);

impl About {
    pub const fn new(venue: u16, instrument: u32) -> Self {
        Self((venue as u64) << 32 | instrument as u64)
    }

    #[inline(always)]
    pub const fn venue(self) -> u16 {
        (self.0 >> 32) as u16
    }

    #[inline(always)]
    pub const fn instrument(self) -> u32 {
        self.0 as u32
    }
}

/// What a word tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tells {
    /// Of a level at a price that its venue lists, and of the end of the event.
    Level,
    /// Of a trade that counts.
    Trade,
    /// Of anything else.
    Other,
}

/// A record, as far as a run asks for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word {
    /// When it is due.
    pub due_ns: u64,
    pub about: About,
    price_nanos: i64,
    lots: i64,
    /// Of a level: its key.
    pub key: i64,
    position: u32,
    stream: u8,
    pub tells: Tells,
    side: Option<Side>,
}

impl Word {
    /// Of a record of a venue, at its place in its stream; `prices` by instrument.
    #[inline(always)]
    pub fn of(record: &FlowRecord, due_ns: u64, venue: u16, place: (u8, u32), prices: &[Option<Prices>]) -> Self {
        let instrument = record.header().instrument;
        let (stream, position) = place;
        let blank = Self {
            due_ns,
            about: About::new(venue, instrument),
            price_nanos: 0,
            lots: 0,
            key: 0,
            position,
            stream,
            tells: Tells::Other,
            side: None,
        };
        match record {
            FlowRecord::Level(record) => {
                let level = LevelTold::of(record).filter(|level| level.is_last && level.lots >= 0);
                let prices = prices.get(instrument as usize).and_then(Option::as_ref);
                let (Some(level), Some(prices)) = (level, prices) else { return blank };
                let Some(key) = prices.key(level.side, level.price_nanos) else { return blank };
                let LevelTold { side, price_nanos, lots, .. } = level;
                Self { price_nanos, lots, key, tells: Tells::Level, side: Some(side), ..blank }
            }
            FlowRecord::Trade(record) => match TradeTold::of(record) {
                Some(TradeTold { side, price_nanos, lots }) => {
                    Self { price_nanos, lots, tells: Tells::Trade, side, ..blank }
                }
                None => blank,
            },
            _ => blank,
        }
    }

    /// The level that it tells of.
    #[inline(always)]
    pub fn level(&self) -> LevelTold {
        let side = self.side.unwrap_or(Side::Buy);
        LevelTold { side, price_nanos: self.price_nanos, lots: self.lots, is_last: true }
    }

    /// The trade that it tells of.
    #[inline(always)]
    pub fn trade(&self) -> TradeTold {
        TradeTold { side: self.side, price_nanos: self.price_nanos, lots: self.lots }
    }
}

/// A batch of a stream's records.
pub(crate) type Batch = Arc<Vec<FlowRecord>>;

/// What comes behind a block.
#[derive(Debug, Default)]
pub(crate) enum Behind {
    /// Another one.
    #[default]
    More,
    /// Nothing.
    Nothing,
    /// Something that is wrong.
    Wrong(FlowErrors),
}

/// The next words, in order, with their records.
#[derive(Default)]
pub(crate) struct Block {
    pub words: Vec<Word>,
    /// The batch of each stream.
    pub batches: Vec<Batch>,
    /// Places of the words whose record's own time lies before that of the one before it in its stream.
    pub backwards: Vec<u32>,
    pub behind: Behind,
    /// Whoever takes the words makes the next ones: so many records of a stream further on it will look at them. 0: another does.
    pub far: usize,
}

impl Block {
    /// The record of a word.
    #[inline(always)]
    pub fn record(&self, word: &Word) -> &FlowRecord {
        &self.batches[usize::from(word.stream)][word.position as usize]
    }

    /// Asks for the memory that making the next words will look at: a little with each word, since all at once is waited for.
    #[inline(always)]
    pub fn prefetch_far(&self, word: &Word) {
        if self.far > 0 {
            let batch = self.batches[usize::from(word.stream)].as_ptr();
            prefetch_bytes(batch.wrapping_add(word.position as usize + self.far), size_of::<FlowRecord>());
        }
    }

    /// Asks for the memory of a word's record.
    #[inline(always)]
    pub fn prefetch(&self, word: &Word) {
        prefetch_bytes(self.record(word), size_of::<FlowRecord>());
    }
}
