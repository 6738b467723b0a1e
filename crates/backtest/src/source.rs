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

/// Records of one stream that come one after the other, before any of another stream.
pub(crate) struct Stretch<'a> {
    pub venue: u16,
    pub records: &'a [FlowRecord],
    others_ns: u64,
    from_ns: u64,
    end_ns: u64,
    /// When its first record is due.
    pub now_ns: u64,
}

/// Records of a stretch that were taken, and when the last of them was due.
#[derive(Clone, Copy)]
pub(crate) struct Passed {
    pub count: usize,
    pub last_ns: u64,
    /// What comes next is not in the stretch, or not known to be.
    pub is_all: bool,
}

impl Stretch<'_> {
    /// When the record behind one that was due then is due; `None`: that is not known to come next.
    #[inline(always)]
    pub fn due_ns(&self, record: &FlowRecord, last_ns: u64) -> Option<u64> {
        let time_ns = record.header().venue_time_ns.max(self.from_ns);
        (time_ns >= last_ns && time_ns < self.end_ns).then_some(time_ns)
    }

    /// Whether its first record is due at its own time, and no later.
    #[inline(always)]
    pub fn is_in_time(&self) -> bool {
        self.records.first().is_some_and(|record| self.due_ns(record, self.now_ns) == Some(self.now_ns))
    }

    /// A time before which no other record than the one at this place, which is due now, is due.
    #[inline(always)]
    pub fn quiet_ns(&self, place: usize, now_ns: u64) -> u64 {
        let after = self.records.get(place + 1).map_or(0, |record| record.header().venue_time_ns);
        after.max(now_ns).min(self.others_ns)
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

    /// Venue and instrument of the next record; `None`: there is none.
    #[inline]
    pub fn about(&self) -> Option<(u16, u32)> {
        if self.next_ns == u64::MAX {
            return None;
        }
        let stream = &self.streams[self.first];
        Some((stream.source.venue, stream.batch[stream.position].header().instrument))
    }

    /// The next record and those after it, as far as they are known to come next.
    #[inline]
    pub fn stretch(&self) -> Stretch<'_> {
        let stream = &self.streams[self.first];
        Stretch {
            venue: stream.source.venue,
            records: &stream.batch[stream.position..],
            others_ns: self.others_ns,
            from_ns: self.from_ns,
            end_ns: self.others_ns.min(self.until_ns.saturating_add(1)),
            now_ns: stream.next_ns,
        }
    }

    /// Goes on behind the records of a stretch that were taken.
    #[inline]
    pub fn pass(&mut self, passed: Passed) -> Result<(), FlowErrors> {
        if passed.count == 0 {
            return Ok(());
        }
        self.streams[self.first].next_ns = passed.last_ns;
        self.go_on(passed.count)
    }

    /// Goes on to the one after it.
    #[inline(always)]
    pub fn advance(&mut self) -> Result<(), FlowErrors> {
        self.go_on(1)
    }

    #[inline(always)]
    fn go_on(&mut self, count: usize) -> Result<(), FlowErrors> {
        self.taken += count as u64;
        let stream = &mut self.streams[self.first];
        stream.position += count;
        if stream.position < stream.batch.len() {
            self.note(self.first);
        } else {
            self.find(self.first)?;
        }
        self.next_ns = self.streams[self.first].next_ns;
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

    /// Reads on until a stream has a next record, or has ended.
    #[inline(never)]
    fn find(&mut self, at: usize) -> Result<(), FlowErrors> {
        let stream = &mut self.streams[at];
        while stream.position >= stream.batch.len() {
            if !stream.more {
                stream.next_ns = u64::MAX;
                return Ok(());
            }
            stream.read()?;
        }
        self.note(at);
        Ok(())
    }

    /// When the record at which a stream stands is due.
    #[inline(always)]
    fn note(&mut self, at: usize) {
        let stream = &mut self.streams[at];
        // What comes before the beginning sets the books up.
        let time_ns = stream.batch[stream.position].header().venue_time_ns.max(self.from_ns);
        if time_ns > self.until_ns {
            stream.next_ns = u64::MAX;
            return;
        }
        self.backwards += u64::from(time_ns < stream.next_ns);
        stream.next_ns = stream.next_ns.max(time_ns);
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
