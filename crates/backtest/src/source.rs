//! Streams of recorded flow as one, by the venues' own times.
//!
//! Invariant: records come by time, those of one stream in its own order, ties by the order of the streams; a record whose
//! time lies before the one before it comes at that one's time. Memory is a batch a stream, whatever the files' lengths.

use book::flow::{FlowErrors, FlowRecord, FlowStream};
use records::BookAction;

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
    batch: Vec<FlowRecord>,
    position: usize,
    more: bool,
    /// Keeps references of different files of one venue apart.
    mark: u64,
    next_ns: u64,
}

/// All of them.
pub(crate) struct Merge {
    streams: Vec<Stream>,
    first: usize,
    next_ns: u64,
    from_ns: u64,
    until_ns: u64,
    /// Records taken, and records before the one before them.
    pub taken: u64,
    pub backwards: u64,
}

/// The bits of a reference in which streams are told apart.
const MARK_SHIFT: u32 = 56;
/// Streams that can be told apart.
pub const SOURCES_MAX: usize = 63;

impl Merge {
    pub fn new(sources: Vec<Source>, from_ns: u64, until_ns: u64) -> Result<Self, FlowErrors> {
        assert!(sources.len() <= SOURCES_MAX, "streams are told apart by six bits");
        let streams = sources
            .into_iter()
            .enumerate()
            .map(|(at, source)| Stream {
                source,
                batch: Vec::new(),
                position: 0,
                more: true,
                mark: (at as u64) << MARK_SHIFT,
                next_ns: 0,
            })
            .collect();
        let mut merge = Self { streams, first: 0, next_ns: 0, from_ns, until_ns, taken: 0, backwards: 0 };
        for at in 0..merge.streams.len() {
            merge.find(at)?;
        }
        merge.choose();
        Ok(merge)
    }

    /// When the next record is due; `u64::MAX`: there is none.
    #[inline]
    pub fn next_ns(&self) -> u64 {
        self.next_ns
    }

    /// The next record with its venue, once: where it lies it becomes what the engine knows it as.
    #[inline]
    pub fn record(&mut self) -> (u16, &mut FlowRecord) {
        let stream = &mut self.streams[self.first];
        let record = &mut stream.batch[stream.position];
        let header = record.header_mut();
        let instrument = header.instrument as usize;
        header.instrument = stream.source.instruments.get(instrument).copied().unwrap_or(0);
        if stream.mark != 0
            && let FlowRecord::Order(order) = record
        {
            order.order_ref ^= stream.mark;
            if order.action == BookAction::Replace.code() {
                order.new_order_ref ^= stream.mark;
            }
        }
        (stream.source.venue, record)
    }

    /// Goes on to the one after it.
    #[inline]
    pub fn advance(&mut self) -> Result<(), FlowErrors> {
        let at = self.first;
        self.streams[at].position += 1;
        self.taken += 1;
        self.find(at)?;
        self.choose();
        Ok(())
    }

    /// Reference of the order that a record so much further on will be about, and its venue; as far as it is known.
    #[inline]
    pub fn ahead(&self, records: usize) -> Option<(u16, u64)> {
        let stream = self.streams.get(self.first)?;
        match stream.batch.get(stream.position + records)? {
            FlowRecord::Order(order) => Some((stream.source.venue, order.order_ref ^ stream.mark)),
            _ => None,
        }
    }

    /// Moves a stream on to the next record that somebody asked for.
    #[inline]
    fn find(&mut self, at: usize) -> Result<(), FlowErrors> {
        let stream = &mut self.streams[at];
        loop {
            let Some(record) = stream.batch.get(stream.position) else {
                stream.batch.clear();
                stream.position = 0;
                if !stream.more {
                    stream.next_ns = u64::MAX;
                    return Ok(());
                }
                stream.more = stream.source.records.read(&mut stream.batch)?;
                continue;
            };
            let header = record.header();
            let instrument = header.instrument;
            let wanted = stream.source.instruments.get(instrument as usize).is_some_and(|engine| *engine != 0)
                || instrument == 0 && matches!(record, FlowRecord::Status(_));
            if !wanted {
                stream.position += 1;
                continue;
            }
            // What comes before the beginning sets the books up.
            let time_ns = header.venue_time_ns.max(self.from_ns);
            if time_ns > self.until_ns {
                stream.next_ns = u64::MAX;
                return Ok(());
            }
            self.backwards += u64::from(time_ns < stream.next_ns);
            stream.next_ns = stream.next_ns.max(time_ns);
            return Ok(());
        }
    }

    #[inline]
    fn choose(&mut self) {
        if let [only] = &self.streams[..] {
            self.next_ns = only.next_ns;
            return;
        }
        self.next_ns = u64::MAX;
        for (at, stream) in self.streams.iter().enumerate() {
            if stream.next_ns < self.next_ns {
                (self.first, self.next_ns) = (at, stream.next_ns);
            }
        }
    }
}
