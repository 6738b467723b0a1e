//! The record as a run takes it: one word after the other, whoever makes them.
//!
//! Words are made a block at a time: in the run's own thread when it has none left, or on a thread beside it, which is some blocks
//! ahead. Blocks go there and back, so that memory stays what it is.
//!
//! Invariant: what comes, and when an error is told, is the same either way; the thread ends with the run.

use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};

use book::flow::{FlowErrors, FlowRecord};
use records::Status;

use crate::source::{Merge, Source};
use crate::venue::VenueConfig;
use crate::words::{About, Behind, Block, Word};

/// Words of a block that is made when it is asked for: half of a processor's nearest memory.
const WORDS_HERE: usize = 512;
/// Words of a block that is made ahead.
const WORDS_AHEAD: usize = 4_096;
/// Blocks on their way. Half of them go back at a time, so that the thread is woken seldom.
const BLOCKS: usize = 8;

/// Who makes blocks.
enum Maker {
    Here(Box<Merge>),
    Ahead(Ahead),
}

/// A thread that makes blocks. Where it has none ready, since its core does something else, the run makes the next one itself.
struct Ahead {
    /// Whoever holds it makes the next block; the thread hands its own over before it lets go.
    merge: Arc<Mutex<Merge>>,
    made: Receiver<Block>,
    /// Blocks that are done with; `None`: the run is over.
    done: Option<SyncSender<Block>>,
    /// Those that have not gone back yet.
    kept: Vec<Block>,
    thread: Option<JoinHandle<()>>,
}

impl Ahead {
    fn new(merge: Merge) -> Self {
        let (done, to_fill) = sync_channel::<Block>(BLOCKS);
        let (filled, made) = sync_channel(BLOCKS);
        // One more is with the run. Before the thread begins: a record that fits one block is at its end before the next is given.
        for _ in 1..BLOCKS {
            done.send(Block::default()).expect("there is room for all, and the thread is still to come");
        }
        let merge = Arc::new(Mutex::new(merge));
        let shared = Arc::clone(&merge);
        let work = move || {
            while let Ok(mut block) = to_fill.recv() {
                let mut merge = shared.lock().expect("the run has not failed");
                merge.fill(&mut block);
                let goes_on = matches!(block.behind, Behind::More);
                // There is room for all blocks that there are.
                if filled.send(block).is_err() || !goes_on {
                    return;
                }
            }
        };
        let thread = Builder::new().name("records".to_owned()).spawn(work).expect("the system starts a thread");
        Self { merge, made, done: Some(done), kept: Vec::with_capacity(BLOCKS), thread: Some(thread) }
    }

    fn turn(&mut self, block: &mut Block) {
        if let Ok(next) = self.made.try_recv() {
            return self.give(std::mem::replace(block, next));
        }
        let Ok(mut merge) = self.merge.lock() else { return self.fail() };
        // The thread may have made one until it let go.
        match self.made.try_recv() {
            Ok(next) => {
                drop(merge);
                self.give(std::mem::replace(block, next));
            }
            Err(_) => merge.fill(block),
        }
    }

    /// A block that is done with.
    fn give(&mut self, block: Block) {
        self.kept.push(block);
        if let Some(done) = self.done.as_ref().filter(|_| self.kept.len() == BLOCKS / 2) {
            for block in self.kept.drain(..) {
                // A thread that has ended has made the last block.
                let _ = done.send(block);
            }
        }
    }

    /// The thread failed: what it has to say is a panic.
    #[cold]
    fn fail(&mut self) {
        match self.thread.take().map(JoinHandle::join) {
            Some(Err(panic)) => resume_unwind(panic),
            _ => panic!("a thread that makes blocks fails by a panic"),
        }
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.done = None;
        // A panic of its own was told where a block was missing, or is of no use any more.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// The record.
pub(crate) struct Flow {
    maker: Maker,
    block: Block,
    position: usize,
    next_ns: u64,
    /// The record that goes the long way.
    current: FlowRecord,
    /// Records taken.
    pub taken: u64,
    /// Of blocks before this one.
    backwards: u64,
}

impl Flow {
    /// `ahead`: on a thread of its own.
    ///
    /// # Errors
    /// What is wrong with a stream's beginning.
    pub fn new(
        sources: Vec<Source>,
        venues: &[VenueConfig],
        span_ns: (u64, u64),
        ahead: bool,
    ) -> Result<Self, FlowErrors> {
        let merge = Merge::new(sources, venues, span_ns, if ahead { WORDS_AHEAD } else { WORDS_HERE });
        let maker = if ahead { Maker::Ahead(Ahead::new(merge)) } else { Maker::Here(Box::new(merge)) };
        let current = FlowRecord::Status(Status::new());
        let block = Block { far: if ahead { 0 } else { WORDS_HERE }, ..Block::default() };
        let mut flow = Self { maker, block, position: 0, next_ns: 0, current, taken: 0, backwards: 0 };
        flow.turn()?;
        Ok(flow)
    }

    /// When the next record is due; `u64::MAX`: there is none.
    #[inline(always)]
    pub fn next_ns(&self) -> u64 {
        self.next_ns
    }

    /// What the next record is about; `None`: there is none.
    #[inline]
    pub fn about(&self) -> Option<About> {
        self.words().first().map(|word| word.about)
    }

    /// The next words, as far as they are made; none where there are no more.
    #[inline(always)]
    pub fn words(&self) -> &[Word] {
        &self.block.words[self.position..]
    }

    /// The block in which the next words are.
    #[inline(always)]
    pub fn block(&self) -> &Block {
        &self.block
    }

    /// The next record with its venue, and a time before which there is no other.
    #[inline]
    pub fn record(&mut self) -> (u16, &mut FlowRecord, u64) {
        let words = &self.block.words[self.position..];
        let quiet_ns = words.get(1).map_or(self.next_ns, |word| word.due_ns);
        self.current = *self.block.record(&words[0]);
        self.block.prefetch_far(&words[0]);
        (words[0].about.venue(), &mut self.current, quiet_ns)
    }

    /// Asks for the memory of the next record, which may have been made on another core.
    #[inline(always)]
    pub fn prefetch(&self) {
        if let Some(word) = self.words().first() {
            self.block.prefetch(word);
        }
    }

    /// Reference of the order that a record so much further on will be about, and its venue; as far as it is known.
    #[inline]
    pub fn ahead(&self, records: usize) -> Option<(u16, u64)> {
        let word = self.words().get(records)?;
        match self.block.record(word) {
            FlowRecord::Order(order) => Some((word.about.venue(), order.order_ref)),
            _ => None,
        }
    }

    /// Goes on behind so many words.
    ///
    /// # Errors
    /// What is wrong with the records behind them.
    #[inline(always)]
    pub fn pass(&mut self, count: usize) -> Result<(), FlowErrors> {
        self.taken += count as u64;
        self.position += count;
        match self.block.words.get(self.position) {
            Some(word) => {
                self.next_ns = word.due_ns;
                Ok(())
            }
            None => self.turn(),
        }
    }

    /// All words of the block are taken: the next one.
    #[inline(never)]
    fn turn(&mut self) -> Result<(), FlowErrors> {
        self.backwards += self.block.backwards.len() as u64;
        loop {
            let behind = std::mem::replace(&mut self.block.behind, Behind::Nothing);
            self.block.words.clear();
            self.block.backwards.clear();
            (self.position, self.next_ns) = (0, u64::MAX);
            match behind {
                Behind::Wrong(errors) => return Err(errors),
                Behind::Nothing => return Ok(()),
                Behind::More => {}
            }
            match &mut self.maker {
                Maker::Here(merge) => merge.fill(&mut self.block),
                Maker::Ahead(ahead) => ahead.turn(&mut self.block),
            }
            if let Some(word) = self.block.words.first() {
                self.next_ns = word.due_ns;
                return Ok(());
            }
        }
    }

    /// Records so far that were due later than their own time, since one before them was.
    pub fn backwards(&self) -> u64 {
        let passed = self.block.backwards.iter().filter(|place| (**place as usize) < self.position);
        self.backwards + passed.count() as u64
    }
}

#[cfg(test)]
mod tests {
    use book::flow::{FlowError, Random};
    use records::{MarketLevel, Trade};

    use super::*;
    use crate::source::Records;

    const FROM_NS: u64 = 1_500;
    const UNTIL_NS: u64 = 150_000;

    /// Batches, and then an end, an error or a panic.
    struct Batches {
        left: Vec<Vec<FlowRecord>>,
        then: Result<(), &'static str>,
        /// Whoever holds this is not gone.
        _held: Arc<()>,
    }

    impl Records for Batches {
        fn read(&mut self, out: &mut Vec<FlowRecord>) -> Result<bool, FlowErrors> {
            match (self.left.pop(), self.then) {
                (Some(batch), _) => out.extend(batch),
                (None, Ok(())) => return Ok(false),
                (None, Err("panic")) => panic!("a record that breaks the reader"),
                (None, Err(words)) => {
                    let error = FlowError { path: "some.csv".into(), place: "line 7".into(), words: words.into() };
                    return Err(FlowErrors { errors: vec![error], more: 0 });
                }
            }
            Ok(true)
        }
    }

    /// Times that mostly rise, batches of any size, some of them empty.
    fn batches(random: &mut Random, records: u64) -> Vec<Vec<FlowRecord>> {
        let (mut time_ns, mut made, mut batch) = (1_000, Vec::new(), Vec::new());
        for at in 0..records {
            time_ns += random.below(40);
            let mut record = match random.below(4) {
                0 => FlowRecord::Trade(Trade::new()),
                _ => FlowRecord::Level(MarketLevel::new()),
            };
            let header = record.header_mut();
            (header.instrument, header.sequence) = (1 + random.below(3) as u32, at);
            header.venue_time_ns = time_ns - random.below(9) * random.below(20);
            batch.push(record);
            if random.below(700) == 0 {
                made.push(std::mem::take(&mut batch));
                made.extend((random.below(3) == 0).then(Vec::new));
            }
        }
        made.push(batch);
        made.reverse();
        made
    }

    fn sources(seed: u64, then: Result<(), &'static str>, held: &Arc<()>) -> Vec<Source> {
        let mut random = Random::new(seed);
        let source = |at: u64| {
            let left = batches(&mut random, 3_000 + at * 9_000);
            let records = Box::new(Batches { left, then: if at == 1 { then } else { Ok(()) }, _held: held.clone() });
            Source { venue: 1 + (at / 2) as u16, records, instruments: vec![0, 7, 8, 0] }
        };
        (0..1 + seed % 3).map(source).collect()
    }

    /// Every record with when it was due, and how it ended.
    fn taken(seed: u64, then: Result<(), &'static str>, ahead: bool) -> (Vec<(u64, u16, FlowRecord)>, String) {
        let (held, mut found) = (Arc::new(()), Vec::new());
        let until_ns = if then.is_ok() { UNTIL_NS } else { u64::MAX };
        let sources = sources(seed, then, &held);
        let mut flow = Flow::new(sources, &[], (FROM_NS, until_ns), ahead).expect("a sound beginning");
        let mut ended = Ok(());
        while flow.next_ns() != u64::MAX && ended.is_ok() {
            let due_ns = flow.next_ns();
            let (venue, record, quiet_ns) = flow.record();
            assert!(quiet_ns >= due_ns);
            found.push((due_ns, venue, *record));
            ended = flow.pass(1);
        }
        assert_eq!(flow.taken, found.len() as u64);
        let told = format!("{ended:?}, {} back", flow.backwards());
        drop(flow);
        assert_eq!(Arc::strong_count(&held), 1, "whoever read is gone");
        (found, told)
    }

    /// The same by sorting: by when each is due in its stream, then by stream.
    fn sorted(seed: u64) -> (Vec<(u64, u16, FlowRecord)>, usize) {
        let (held, mut all, mut back) = (Arc::new(()), Vec::new(), 0);
        for (at, mut source) in sources(seed, Ok(()), &held).into_iter().enumerate() {
            let mut batch = Vec::new();
            while source.records.read(&mut batch).expect("sound") {}
            let mut due_ns = 0;
            for mut record in batch {
                let instrument = source.instruments[record.header().instrument as usize];
                if instrument == 0 {
                    continue;
                }
                record.header_mut().instrument = instrument;
                let time_ns = record.header().venue_time_ns.max(FROM_NS);
                if time_ns > UNTIL_NS {
                    break;
                }
                back += usize::from(time_ns < due_ns);
                due_ns = time_ns.max(due_ns);
                all.push((due_ns, at, source.venue, record));
            }
        }
        all.sort_by_key(|(due_ns, at, ..)| (*due_ns, *at));
        (all.into_iter().map(|(due_ns, _, venue, record)| (due_ns, venue, record)).collect(), back)
    }

    #[test]
    fn records_come_by_time_whoever_reads_them() {
        for seed in 1..=12 {
            let (expected, back) = sorted(seed);
            for ahead in [false, true] {
                let (found, told) = taken(seed, Ok(()), ahead);
                assert_eq!(found.len(), expected.len(), "seed {seed}, ahead {ahead}");
                assert!(found == expected, "seed {seed}, ahead {ahead}");
                assert_eq!(told, format!("Ok(()), {back} back"), "seed {seed}, ahead {ahead}");
            }
        }
    }

    #[test]
    fn what_is_wrong_is_told_behind_the_same_record() {
        for seed in [1, 2, 4, 5, 7, 8] {
            let (here, ahead) = (taken(seed, Err("is no record"), false), taken(seed, Err("is no record"), true));
            assert!(here == ahead, "seed {seed}");
            assert!(here.1.contains("is no record"), "{}", here.1);
        }
    }

    #[test]
    fn a_run_that_ends_early_ends_the_thread() {
        for records in [0, 1, 5_000] {
            let held = Arc::new(());
            let mut flow = Flow::new(sources(2, Ok(()), &held), &[], (0, u64::MAX), true).expect("a sound beginning");
            for _ in 0..records {
                flow.pass(1).expect("sound");
            }
            drop(flow);
            assert_eq!(Arc::strong_count(&held), 1, "after {records} records");
        }
    }

    /// The thread ends with the first block, whoever is slower to begin.
    #[test]
    fn a_record_of_nothing_is_read_ahead() {
        for round in 0..2_000 {
            let flow = Flow::new(Vec::new(), &[], (0, u64::MAX), true);
            assert_eq!(flow.map(|flow| flow.next_ns()).ok(), Some(u64::MAX), "round {round}");
        }
    }

    #[test]
    #[should_panic(expected = "a record that breaks the reader")]
    fn a_panic_of_the_thread_is_the_runs() {
        taken(1, Err("panic"), true);
    }
}
