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

impl Stream {
    /// Reads a batch and makes of it what the engine knows: its instruments, references told apart, and nothing that nobody
    /// asked for.
    fn read(&mut self) -> Result<(), FlowErrors> {
        self.batch.clear();
        self.position = 0;
        self.more = self.source.records.read(&mut self.batch)?;
        let (instruments, mark) = (&self.source.instruments, self.mark);
        self.batch.retain_mut(|record| {
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
        Ok(())
    }
}

/// All of them.
pub(crate) struct Merge {
    streams: Vec<Stream>,
    first: usize,
    next_ns: u64,
    /// The first stream is the first as long as its records are before this time.
    others_ns: u64,
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
        let mut merge = Self { streams, first: 0, next_ns: 0, others_ns: 0, from_ns, until_ns, taken: 0, backwards: 0 };
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

    /// The next record with its venue, and a time before which there is no other.
    #[inline]
    pub fn record(&mut self) -> (u16, &mut FlowRecord, u64) {
        let stream = &mut self.streams[self.first];
        let after = stream.batch.get(stream.position + 1).map_or(0, |record| record.header().venue_time_ns);
        let quiet_ns = after.max(stream.next_ns).min(self.others_ns);
        (stream.source.venue, &mut stream.batch[stream.position], quiet_ns)
    }

    /// Goes on to the one after it.
    #[inline]
    pub fn advance(&mut self) -> Result<(), FlowErrors> {
        let at = self.first;
        self.streams[at].position += 1;
        self.taken += 1;
        self.find(at)?;
        self.next_ns = self.streams[at].next_ns;
        if self.next_ns >= self.others_ns {
            self.choose();
        }
        Ok(())
    }

    /// Reference of the order that a record so much further on will be about, and its venue; as far as it is known.
    #[inline]
    pub fn ahead(&self, records: usize) -> Option<(u16, u64)> {
        let stream = self.streams.get(self.first)?;
        match stream.batch.get(stream.position + records)? {
            FlowRecord::Order(order) => Some((stream.source.venue, order.order_ref)),
            _ => None,
        }
    }

    /// Looks at a stream's next record.
    #[inline]
    fn find(&mut self, at: usize) -> Result<(), FlowErrors> {
        let stream = &mut self.streams[at];
        loop {
            let Some(record) = stream.batch.get(stream.position) else {
                if !stream.more {
                    stream.next_ns = u64::MAX;
                    return Ok(());
                }
                stream.read()?;
                continue;
            };
            // What comes before the beginning sets the books up.
            let time_ns = record.header().venue_time_ns.max(self.from_ns);
            if time_ns > self.until_ns {
                stream.next_ns = u64::MAX;
                return Ok(());
            }
            self.backwards += u64::from(time_ns < stream.next_ns);
            stream.next_ns = stream.next_ns.max(time_ns);
            return Ok(());
        }
    }

    #[inline(never)]
    fn choose(&mut self) {
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
