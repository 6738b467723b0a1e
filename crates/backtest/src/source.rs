//! Streams of recorded flow as one, by the venues' own times.
//!
//! Invariant: records come by time, those of one stream in its own order, ties by the order of the streams; a record whose
//! time lies before the one before it comes at that one's time. Memory is some batches a stream, whatever the files' lengths.

use std::mem::take;
use std::sync::Arc;

use book::flow::{FlowErrors, FlowRecord, FlowStream};
use records::{BookAction, prefetch_bytes};

use crate::prices::Prices;
use crate::venue::VenueConfig;
use crate::words::{Batch, Behind, Block, Word};

/// Records in order, in batches.
pub trait Records: Send {
    /// Adds the next records; false when there are none left.
    ///
    /// # Errors
    /// What is wrong with them, and where.
    fn read(&mut self, out: &mut Vec<FlowRecord>) -> Result<bool, FlowErrors>;
}

impl Records for FlowStream {
    fn read(&mut self, out: &mut Vec<FlowRecord>) -> Result<bool, FlowErrors> {
        FlowStream::read(self, out)
    }
}

/// Records that lie in memory.
pub struct InMemory(pub Vec<FlowRecord>);

impl Records for InMemory {
    fn read(&mut self, out: &mut Vec<FlowRecord>) -> Result<bool, FlowErrors> {
        out.append(&mut self.0);
        Ok(false)
    }
}

/// A stream, the venue that it comes from, and how its instruments are numbered in the engine.
pub struct Source {
    /// Venue id.
    pub venue: u16,
    /// The records.
    pub records: Box<dyn Records>,
    /// Engine's instrument by the stream's own number; 0: nobody asked for it.
    pub instruments: Vec<u32>,
}

struct Stream {
    source: Source,
    batch: Batch,
    /// Batches that were read, to be used again when nobody looks at them any more.
    read: Vec<Batch>,
    position: usize,
    more: bool,
    /// Keeps references of different files of one venue apart.
    mark: u64,
    next_ns: u64,
    /// The next record's own time lies before that of the one before it.
    is_back: bool,
}

impl Stream {
    /// Reads a batch and makes of it what the engine knows: its instruments, references told apart, and nothing that nobody
    /// asked for.
    fn read(&mut self) -> Result<(), FlowErrors> {
        self.read.push(take(&mut self.batch));
        self.position = 0;
        let free = self.read.iter_mut().position(|batch| Arc::get_mut(batch).is_some());
        let mut batch = free.map(|at| self.read.swap_remove(at)).unwrap_or_default();
        let records = Arc::get_mut(&mut batch).expect("nobody looks at it");
        records.clear();
        self.more = self.source.records.read(records)?;
        let (instruments, mark) = (&self.source.instruments, self.mark);
        records.retain_mut(|record| {
            let number = record.header().instrument;
            let instrument = instruments.get(number as usize).copied().unwrap_or(0);
            record.header_mut().instrument = instrument;
            if let FlowRecord::Order(order) = record {
                order.order_ref ^= mark;
                if order.action == BookAction::Replace.code() {
                    order.new_order_ref ^= mark;
                }
            }
            instrument != 0 || number == 0 && matches!(record, FlowRecord::Status(_))
        });
        self.batch = batch;
        Ok(())
    }

    /// Reads on until it has a next record, or has ended.
    fn find(&mut self, span_ns: (u64, u64)) -> Result<(), FlowErrors> {
        while self.is_read() {
            if !self.more {
                self.next_ns = u64::MAX;
                return Ok(());
            }
            self.read()?;
        }
        (self.next_ns, self.is_back) = due(&self.batch[self.position], self.next_ns, span_ns);
        Ok(())
    }

    /// Whether its batch has no more records.
    fn is_read(&self) -> bool {
        self.position >= self.batch.len()
    }
}

/// When a record is due behind one of its stream that was due then, and whether its own time lies before that; `u64::MAX`: it lies behind
/// the end, and with it all of its stream.
#[inline(always)]
fn due(record: &FlowRecord, before_ns: u64, (from_ns, until_ns): (u64, u64)) -> (u64, bool) {
    // What comes before the beginning sets the books up.
    let time_ns = record.header().venue_time_ns.max(from_ns);
    if time_ns > until_ns { (u64::MAX, false) } else { (time_ns.max(before_ns), time_ns < before_ns) }
}

/// All of them, as words in order.
pub(crate) struct Merge {
    streams: Vec<Stream>,
    /// By venue: the prices of its instruments.
    prices: Vec<Vec<Option<Prices>>>,
    first: usize,
    next_ns: u64,
    /// The first stream is the first as long as its records are before this time.
    others_ns: u64,
    /// From the beginning to the end.
    span_ns: (u64, u64),
    words_max: usize,
    /// The last block was made.
    is_over: bool,
}

/// Records ahead whose memory is asked for: as many as are made words in the time that memory takes.
const AHEAD: usize = 24;
/// The bits of a reference in which streams are told apart.
const MARK_SHIFT: u32 = 56;
/// Streams that can be told apart.
pub const SOURCES_MAX: usize = 63;

impl Merge {
    /// Nothing is read yet. `words_max`: of a block.
    pub fn new(sources: Vec<Source>, venues: &[VenueConfig], span_ns: (u64, u64), words_max: usize) -> Self {
        assert!(sources.len() <= SOURCES_MAX, "streams are told apart by six bits");
        let streams: Vec<Stream> = sources
            .into_iter()
            .enumerate()
            .map(|(at, source)| Stream {
                source,
                batch: Batch::default(),
                read: Vec::new(),
                position: 0,
                more: true,
                mark: (at as u64) << MARK_SHIFT,
                next_ns: 0,
                is_back: false,
            })
            .collect();
        let most = streams.iter().map(|stream| usize::from(stream.source.venue)).max().unwrap_or(0);
        let prices = (0..=most).map(|id| prices_of(venues, id)).collect();
        Self { streams, prices, first: 0, next_ns: 0, others_ns: 0, span_ns, words_max, is_over: false }
    }

    /// The next block, in the place of one that is done with. Where a stream's batch ends the block ends: what is wrong with the next
    /// one is told when all before it has been taken.
    pub fn fill(&mut self, block: &mut Block) {
        block.words.clear();
        block.backwards.clear();
        block.behind =
            if self.is_over { Behind::Nothing } else { self.fill_words(block).unwrap_or_else(Behind::Wrong) };
        self.is_over = !matches!(block.behind, Behind::More);
        block.batches.resize_with(self.streams.len(), Batch::default);
        for (shown, stream) in block.batches.iter_mut().zip(&self.streams) {
            if !Arc::ptr_eq(shown, &stream.batch) {
                *shown = Arc::clone(&stream.batch);
            }
        }
    }

    fn fill_words(&mut self, block: &mut Block) -> Result<Behind, FlowErrors> {
        for stream in &mut self.streams {
            if stream.is_read() && stream.next_ns != u64::MAX {
                stream.find(self.span_ns)?;
            }
        }
        let mut is_whole = true;
        while is_whole && block.words.len() < self.words_max {
            self.choose();
            if self.next_ns == u64::MAX {
                return Ok(Behind::Nothing);
            }
            is_whole = self.take(block);
        }
        Ok(Behind::More)
    }

    /// Records of the first stream, as long as it is the first; false: its batch has ended.
    #[inline(always)]
    fn take(&mut self, block: &mut Block) -> bool {
        let stream = &mut self.streams[self.first];
        let (venue, number, position) = (stream.source.venue, self.first as u8, stream.position as u32);
        let prices = &self.prices[usize::from(venue)][..];
        let records = &stream.batch[stream.position..];
        let (mut due_ns, mut is_back) = (stream.next_ns, stream.is_back);
        let (words, mut count) = (&mut block.words, 0);
        while words.len() < self.words_max {
            prefetch_bytes(records.as_ptr().wrapping_add(count + AHEAD), size_of::<FlowRecord>());
            if is_back {
                block.backwards.push(words.len() as u32);
            }
            words.push(Word::of(&records[count], due_ns, venue, (number, position + count as u32), prices));
            count += 1;
            let Some(next) = records.get(count) else { break };
            (due_ns, is_back) = due(next, due_ns, self.span_ns);
            if due_ns >= self.others_ns {
                break;
            }
        }
        stream.position += count;
        (stream.next_ns, stream.is_back) = (due_ns, is_back);
        !stream.is_read()
    }

    #[inline]
    fn choose(&mut self) {
        if let [one, other] = &self.streams[..] {
            // Of two, the other one is next. On one instant the one that was given first.
            let is_one = one.next_ns <= other.next_ns;
            (self.next_ns, self.others_ns) =
                if is_one { (one.next_ns, other.next_ns) } else { (other.next_ns, one.next_ns) };
            self.first = usize::from(!is_one);
            return;
        }
        self.choose_among();
    }

    #[inline(never)]
    fn choose_among(&mut self) {
        (self.next_ns, self.others_ns) = (u64::MAX, u64::MAX);
        for (at, stream) in self.streams.iter().enumerate() {
            if stream.next_ns < self.next_ns {
                self.others_ns = self.next_ns;
                (self.first, self.next_ns) = (at, stream.next_ns);
            } else {
                self.others_ns = self.others_ns.min(stream.next_ns);
            }
        }
    }
}

/// By instrument, the prices of a venue whose data are by level.
fn prices_of(venues: &[VenueConfig], id: usize) -> Vec<Option<Prices>> {
    let mut prices = Vec::new();
    for venue in venues.iter().filter(|venue| usize::from(venue.venue) == id && venue.queue.is_some()) {
        for listed in &venue.listed {
            let place = listed.instrument as usize;
            prices.resize_with(prices.len().max(place + 1), || None);
            prices[place] = Some(Prices::new(listed));
        }
    }
    prices
}
