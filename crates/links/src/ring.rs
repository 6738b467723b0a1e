//! A ring of byte records with one producer and up to [`CONSUMERS_MAX`] consumers, on the heap or in a mapped file.
//!
//! A reliable consumer holds the producer back and reads in place. A lossy one never does: it copies each record out,
//! then checks by the producer's intent that no byte of it was being overwritten, and on overrun goes on at the newest
//! record and counts by sequence what it missed.
//!
//! Invariant: `tail` only grows, no byte between a reliable consumer's head and `tail` is written, and a frame never
//! wraps round the end (a padding frame fills it).
//!
//! Frame: length u64 (padding: `PADDING | bytes`), sequence u64, record, zeros to a multiple of 8.

use std::cell::Cell;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use records::prefetch_bytes;

use crate::memory::Memory;
use crate::{Offer, Publication, Subscription};

/// Consumers that one ring can have.
pub const CONSUMERS_MAX: usize = 16;

const MAGIC: u64 = u64::from_le_bytes(*b"MRIDRING");
const LAYOUT_VERSION: u64 = 2;
const AT_MAGIC: usize = 0;
const AT_VERSION: usize = 8;
const AT_CAPACITY: usize = 16;
const AT_RECORD_BYTES_MAX: usize = 24;
const AT_CONSUMERS: usize = 32;
const AT_PRODUCER_PID: usize = 40;
/// Whether a consumer was made lossy: which one it is may change.
const AT_LOSSY: usize = 48;
const AT_TAIL: usize = 128;
const AT_INTENT: usize = 256;
const AT_LATEST: usize = 264;
/// Heads, a line each: only their consumers write there, and the producer looks when the ring seems full.
const AT_HEADS: usize = 384;
const HEAD_STRIDE: usize = 128;
/// Process ids and kinds of consumers, away from the heads: the producer reads these lines at every offer.
const AT_PIDS: usize = 2560;
const AT_RELIABLE: usize = 2688;
const DATA: usize = 4096;
const FRAME_HEAD: usize = 16;
const PADDING: u64 = 1 << 63;
/// A producer that laps its reader again and again must not keep it in one poll.
const OVERRUNS_A_POLL_MAX: usize = 4;

/// What a ring must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingConfig {
    /// Records of the largest size that surely fit.
    pub depth_records: usize,
    /// Bytes of the largest record.
    pub record_bytes_max: usize,
    /// One entry a consumer: whether it is reliable (true) or lossy.
    pub reliable: Vec<bool>,
}

/// A ring, from which both ends are made. See the module.
#[derive(Clone)]
pub struct Ring {
    memory: Arc<Memory>,
    capacity: u64,
    record_bytes_max: usize,
    consumers: usize,
    /// Some consumer is lossy: it may read while the producer writes.
    lossy: bool,
}

/// The producer's end.
pub struct RingProducer {
    ring: Ring,
    tail: u64,
    sequence: u64,
    /// The lowest head seen of any reliable consumer; read again only when it seems full.
    floor: Cell<u64>,
}

/// A reliable consumer's end.
pub struct RingConsumer {
    ring: Ring,
    index: usize,
    head: u64,
    sequence: u64,
}

/// A lossy consumer's end.
pub struct LossyRingConsumer {
    ring: Ring,
    index: usize,
    head: u64,
    /// The sequence that the next record should have.
    expected: u64,
    lost: u64,
    scratch: Box<[u64]>,
}

fn frame_bytes(record_bytes: usize) -> usize {
    FRAME_HEAD + record_bytes.next_multiple_of(8)
}

impl RingConfig {
    fn capacity(&self) -> usize {
        // One frame more than the depth: what padding at the end can waste.
        ((self.depth_records + 1) * frame_bytes(self.record_bytes_max)).next_power_of_two().max(4096)
    }

    fn check(&self) -> io::Result<()> {
        let refuse = |text: String| Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        if self.reliable.is_empty() || self.reliable.len() > CONSUMERS_MAX {
            return refuse(format!("consumers = {}: a ring has 1 to {CONSUMERS_MAX}", self.reliable.len()));
        }
        if self.depth_records == 0 || self.record_bytes_max == 0 || self.record_bytes_max > 1 << 20 {
            return refuse(format!(
                "depth = {}, record_bytes_max = {}: a ring has at least 1 record of 1 to 1048576 bytes",
                self.depth_records, self.record_bytes_max
            ));
        }
        Ok(())
    }

    fn fill(&self, memory: &Memory) {
        let set = |offset: usize, value: u64| memory.word(offset).store(value, Ordering::Relaxed);
        set(AT_VERSION, LAYOUT_VERSION);
        set(AT_CAPACITY, self.capacity() as u64);
        set(AT_RECORD_BYTES_MAX, self.record_bytes_max as u64);
        set(AT_CONSUMERS, self.reliable.len() as u64);
        set(AT_LOSSY, u64::from(self.reliable.contains(&false)));
        for (index, reliable) in self.reliable.iter().enumerate() {
            set(AT_RELIABLE + index * 8, u64::from(*reliable));
        }
        memory.word(AT_MAGIC).store(MAGIC, Ordering::Release);
    }
}

impl Ring {
    /// A ring between threads of this process.
    ///
    /// # Errors
    /// When the configuration is outside its bounds.
    pub fn heap(config: &RingConfig) -> io::Result<Self> {
        config.check()?;
        let memory = Memory::heap(DATA + config.capacity());
        config.fill(&memory);
        Self::over(memory)
    }

    /// A ring in a new file (a tmpfs such as /dev/shm or the run directory), for processes of one host.
    ///
    /// # Errors
    /// When the configuration is outside its bounds or the space cannot be had.
    pub fn create(path: &Path, config: &RingConfig) -> io::Result<Self> {
        config.check()?;
        Self::over(Memory::create_file(path, DATA + config.capacity(), |memory| config.fill(memory))?)
    }

    /// A ring that another process made.
    ///
    /// # Errors
    /// When the file is absent, or not a ring of this version.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::over(Memory::open_file(path)?)
    }

    fn over(memory: Memory) -> io::Result<Self> {
        let bad = |what: &str| Err(io::Error::new(io::ErrorKind::InvalidData, format!("not a ring: {what}")));
        if memory.bytes() < DATA {
            return bad("shorter than its head");
        }
        let get = |offset: usize| memory.word(offset).load(Ordering::Acquire);
        if get(AT_MAGIC) != MAGIC || get(AT_VERSION) != LAYOUT_VERSION {
            return bad("another magic or version");
        }
        let (capacity, record_bytes_max, consumers) = (get(AT_CAPACITY), get(AT_RECORD_BYTES_MAX), get(AT_CONSUMERS));
        if !capacity.is_power_of_two()
            || DATA as u64 + capacity > memory.bytes() as u64
            || record_bytes_max > capacity
            || consumers == 0
            || consumers > CONSUMERS_MAX as u64
        {
            return bad("its head contradicts its size");
        }
        let (record_bytes_max, consumers) = (record_bytes_max as usize, consumers as usize);
        let lossy = get(AT_LOSSY) != 0;
        Ok(Self { memory: Arc::new(memory), capacity, record_bytes_max, consumers, lossy })
    }

    /// The producer's end; goes on where an earlier one ended. There may be one at a time.
    pub fn producer(&self) -> RingProducer {
        let tail = self.memory.word(AT_TAIL).load(Ordering::Acquire);
        let latest = self.memory.word(AT_LATEST).load(Ordering::Acquire);
        let written = if tail == 0 { 0 } else { self.data(latest + 8).load(Ordering::Relaxed) };
        // A predecessor that died just before it moved the tail: its last record was never in the link.
        let sequence = if latest < tail { written } else { written.saturating_sub(1) };
        // A predecessor may have died between intent and tail: its half-written frame is written over.
        self.memory.word(AT_INTENT).store(tail, Ordering::Release);
        self.memory.word(AT_PRODUCER_PID).store(u64::from(std::process::id()), Ordering::Release);
        let producer = RingProducer { ring: self.clone(), tail, sequence, floor: Cell::new(0) };
        producer.refresh_floor();
        producer
    }

    /// The end of consumer `index`, of the kind that the configuration gave it. There may be one of each at a time.
    ///
    /// A reliable one goes on where its predecessor ended; a lossy one begins with the next record.
    ///
    /// # Errors
    /// When there is no such consumer.
    pub fn consumer(&self, index: usize) -> io::Result<Box<dyn Subscription + Send>> {
        if index >= self.consumers {
            let text = format!("consumer = {index}: this ring has {}", self.consumers);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        self.pid_word(index).store(u64::from(std::process::id()), Ordering::Release);
        Ok(if self.reliable(index) {
            let head = self.head_word(index).load(Ordering::Acquire);
            Box::new(RingConsumer { ring: self.clone(), index, head, sequence: self.sequence_before(head) })
        } else {
            let scratch = vec![0; self.record_bytes_max.div_ceil(8)].into_boxed_slice();
            let mut consumer = LossyRingConsumer { ring: self.clone(), index, head: 0, expected: 1, lost: 0, scratch };
            consumer.join();
            Box::new(consumer)
        })
    }

    /// Of the record before a reliable consumer's head.
    fn sequence_before(&self, head: u64) -> u64 {
        let tail = self.memory.word(AT_TAIL).load(Ordering::Acquire);
        if tail == 0 {
            return 0;
        }
        if head == tail {
            let latest = self.memory.word(AT_LATEST).load(Ordering::Acquire);
            // One that was written and not published yet comes behind the tail.
            let beyond = u64::from(latest >= tail);
            return self.data(latest + 8).load(Ordering::Relaxed).saturating_sub(beyond);
        }
        let length = self.data(head).load(Ordering::Relaxed);
        let at = if length & PADDING == 0 { head } else { head + (length & !PADDING) };
        self.data(at + 8).load(Ordering::Relaxed) - 1
    }

    /// Makes a consumer reliable, or lossy: of two that can take each other's place the one that leads is to hold the producer back.
    /// First the one is made reliable, then the other one lossy. A reliable end that is attached reads in place and must be gone
    /// before it is made lossy; a lossy one that is made reliable goes on.
    ///
    /// # Errors
    /// When there is no such consumer, or the ring has no lossy one: its producer then writes in a way that allows for none.
    pub fn set_reliable(&self, index: usize, reliable: bool) -> io::Result<()> {
        if index >= self.consumers || !self.lossy {
            let text = format!("consumer = {index}: this ring has {}, of which none was made lossy", self.consumers);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        self.memory.word(AT_RELIABLE + index * 8).store(u64::from(reliable), Ordering::Release);
        Ok(())
    }

    /// Bytes of the largest record.
    pub fn record_bytes_max(&self) -> usize {
        self.record_bytes_max
    }

    /// Takes away the ends whose process is gone, after a crash; returns how many.
    pub fn detach_dead(&self) -> usize {
        let ends = (0..self.consumers).map(|index| self.pid_word(index));
        let mut gone = 0;
        for word in ends.chain([self.memory.word(AT_PRODUCER_PID)]) {
            let pid = word.load(Ordering::Acquire);
            // SAFETY: signal 0 only asks whether the process exists.
            if pid != 0 && unsafe { libc::kill(pid as libc::pid_t, 0) } != 0 {
                word.store(0, Ordering::Release);
                gone += 1;
            }
        }
        gone
    }

    #[inline]
    fn head_word(&self, index: usize) -> &AtomicU64 {
        self.memory.word(AT_HEADS + index * HEAD_STRIDE)
    }

    #[inline]
    fn pid_word(&self, index: usize) -> &AtomicU64 {
        self.memory.word(AT_PIDS + index * 8)
    }

    fn reliable(&self, index: usize) -> bool {
        self.memory.word(AT_RELIABLE + index * 8).load(Ordering::Relaxed) == 1
    }

    #[inline]
    fn offset(&self, position: u64) -> usize {
        DATA + (position & (self.capacity - 1) & !7) as usize
    }

    #[inline]
    fn data(&self, position: u64) -> &AtomicU64 {
        // SAFETY: the mask keeps the offset aligned and below DATA + capacity, which `over` has compared with the size.
        unsafe { self.memory.word_unchecked(self.offset(position)) }
    }

    fn attached(&self, index: usize) -> bool {
        self.pid_word(index).load(Ordering::Relaxed) != 0
    }
}

impl RingProducer {
    fn refresh_floor(&self) {
        let heads = (0..self.ring.consumers)
            .filter(|index| self.ring.reliable(*index))
            .map(|index| self.ring.head_word(index).load(Ordering::Acquire));
        self.floor.set(heads.min().unwrap_or(self.tail));
    }

    /// Whether that many bytes are free past the tail.
    #[inline]
    fn fits(&self, bytes: u64) -> bool {
        if self.tail + bytes <= self.floor.get() + self.ring.capacity {
            return true;
        }
        self.refresh_floor();
        self.tail + bytes <= self.floor.get() + self.ring.capacity
    }

    /// Puts a record in its frame.
    #[inline]
    fn write(&self, position: u64, record: &[u8]) {
        if self.ring.lossy || !record.len().is_multiple_of(8) {
            return self.write_words(position, record);
        }
        // SAFETY: these bytes lie past the tail and before every head, and all consumers are reliable: nobody reads them
        // before the tail is stored.
        unsafe { self.ring.memory.write(self.ring.offset(position), record) };
    }

    /// Copies word by word: a lossy reader may look at the same words meanwhile, so these must be atomic stores.
    #[inline]
    fn write_words(&self, position: u64, record: &[u8]) {
        let (words, rest) = record.as_chunks::<8>();
        let mut at = position;
        for word in words {
            self.ring.data(at).store(u64::from_ne_bytes(*word), Ordering::Relaxed);
            at += 8;
        }
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            self.ring.data(at).store(u64::from_ne_bytes(last), Ordering::Relaxed);
        }
    }
}

impl Publication for RingProducer {
    #[inline]
    fn offer(&mut self, record: &[u8]) -> Offer {
        assert!(record.len() <= self.ring.record_bytes_max, "a record larger than its link allows");
        if !(0..self.ring.consumers).any(|index| self.ring.attached(index)) {
            return Offer::NotConnected;
        }
        let frame = frame_bytes(record.len()) as u64;
        let to_end = self.ring.capacity - (self.tail & (self.ring.capacity - 1));
        let padding = if frame > to_end { to_end } else { 0 };
        if !self.fits(padding + frame) {
            return Offer::Full;
        }
        let at = self.tail + padding;
        let next = at + frame;
        let memory = &self.ring.memory;
        memory.word(AT_INTENT).store(next, Ordering::Relaxed);
        // The intent must be seen before any byte that it announces.
        fence(Ordering::Release);
        if padding > 0 {
            self.ring.data(self.tail).store(PADDING | padding, Ordering::Relaxed);
        }
        self.sequence += 1;
        self.ring.data(at).store(record.len() as u64, Ordering::Relaxed);
        self.ring.data(at + 8).store(self.sequence, Ordering::Relaxed);
        self.write(at + FRAME_HEAD as u64, record);
        memory.word(AT_LATEST).store(at, Ordering::Release);
        memory.word(AT_TAIL).store(next, Ordering::Release);
        self.tail = next;
        // The lines of the next frame: their last use was a lap ago.
        prefetch_bytes(self.ring.data(next), frame as usize);
        Offer::Sent
    }

    fn has_room(&self, records: usize) -> bool {
        // One frame more: what padding at the end can waste.
        self.fits(((records + 1) * frame_bytes(self.ring.record_bytes_max)) as u64)
    }
}

impl Drop for RingProducer {
    fn drop(&mut self) {
        self.ring.memory.word(AT_PRODUCER_PID).store(0, Ordering::Release);
    }
}

impl Subscription for RingConsumer {
    #[inline]
    fn poll(&mut self, limit: usize, take: &mut dyn FnMut(&[u8])) -> usize {
        let tail = self.ring.memory.word(AT_TAIL).load(Ordering::Acquire);
        let mut taken = 0;
        while self.head < tail && taken < limit {
            let length = self.ring.data(self.head).load(Ordering::Relaxed);
            if length & PADDING != 0 {
                self.head += length & !PADDING;
                continue;
            }
            let length = length as usize;
            assert!(length <= self.ring.record_bytes_max, "a ring with a broken frame");
            self.sequence = self.ring.data(self.head + 8).load(Ordering::Relaxed);
            let at = self.ring.offset(self.head) + FRAME_HEAD;
            // SAFETY: these bytes lie between this reliable consumer's head and the tail; the producer does not write
            // there before the head is stored below.
            take(unsafe { self.ring.memory.slice(at, length) });
            self.head += frame_bytes(length) as u64;
            taken += 1;
        }
        if taken > 0 {
            self.ring.head_word(self.index).store(self.head, Ordering::Release);
        }
        taken
    }

    fn lost(&self) -> u64 {
        0
    }

    fn connected(&self) -> bool {
        self.ring.memory.word(AT_PRODUCER_PID).load(Ordering::Relaxed) != 0
    }

    fn sequence(&self) -> u64 {
        self.sequence
    }
}

impl Drop for RingConsumer {
    fn drop(&mut self) {
        self.ring.pid_word(self.index).store(0, Ordering::Release);
    }
}

impl LossyRingConsumer {
    /// Begins after the newest record.
    fn join(&mut self) {
        loop {
            if self.ring.memory.word(AT_TAIL).load(Ordering::Acquire) == 0 {
                return;
            }
            self.head = self.ring.memory.word(AT_LATEST).load(Ordering::Acquire);
            let length = self.ring.data(self.head).load(Ordering::Relaxed);
            if let Some((length, sequence)) = self.copy(length) {
                self.head += frame_bytes(length) as u64;
                self.expected = sequence + 1;
                self.ring.head_word(self.index).store(self.head, Ordering::Release);
                return;
            }
            std::hint::spin_loop();
        }
    }

    /// Whether no byte from `position` on has been overwritten, or is being, up to now.
    #[inline]
    fn intact(&self, position: u64) -> bool {
        // What was read before this must not be read again after the intent.
        fence(Ordering::Acquire);
        self.ring.memory.word(AT_INTENT).load(Ordering::Relaxed) <= position + self.ring.capacity
    }

    /// Copies the record at the head; its length and sequence, or `None` when it was overrun meanwhile.
    #[inline]
    fn copy(&mut self, length: u64) -> Option<(usize, u64)> {
        let length = usize::try_from(length).ok().filter(|length| *length <= self.ring.record_bytes_max)?;
        let sequence = self.ring.data(self.head + 8).load(Ordering::Relaxed);
        let from = self.head + FRAME_HEAD as u64;
        for (index, word) in self.scratch[..length.div_ceil(8)].iter_mut().enumerate() {
            *word = self.ring.data(from + index as u64 * 8).load(Ordering::Relaxed);
        }
        self.intact(self.head).then_some((length, sequence))
    }
}

impl Subscription for LossyRingConsumer {
    #[inline]
    fn poll(&mut self, limit: usize, take: &mut dyn FnMut(&[u8])) -> usize {
        let tail = self.ring.memory.word(AT_TAIL).load(Ordering::Acquire);
        let (mut taken, mut overruns) = (0, 0);
        while self.head < tail && taken < limit && overruns < OVERRUNS_A_POLL_MAX {
            let length = self.ring.data(self.head).load(Ordering::Relaxed);
            let intact = self.intact(self.head);
            if intact && length & PADDING != 0 {
                self.head += length & !PADDING;
                continue;
            }
            let copied = if intact { self.copy(length) } else { None };
            let Some((length, sequence)) = copied else {
                // Overrun: go on at the newest record; the gap in the sequence says how many were lost.
                self.head = self.ring.memory.word(AT_LATEST).load(Ordering::Acquire);
                overruns += 1;
                continue;
            };
            self.lost += sequence - self.expected;
            self.expected = sequence + 1;
            let words = self.scratch.as_ptr().cast::<u8>();
            // SAFETY: the scratch holds record_bytes_max bytes and more, all initialised, and only this consumer uses it.
            take(unsafe { std::slice::from_raw_parts(words, length) });
            self.head += frame_bytes(length) as u64;
            taken += 1;
        }
        if taken > 0 {
            // Once it is made reliable the producer goes by it.
            self.ring.head_word(self.index).store(self.head, Ordering::Release);
        }
        taken
    }

    fn lost(&self) -> u64 {
        self.lost
    }

    fn connected(&self) -> bool {
        self.ring.memory.word(AT_PRODUCER_PID).load(Ordering::Relaxed) != 0
    }

    fn sequence(&self) -> u64 {
        self.expected - 1
    }
}

impl Drop for LossyRingConsumer {
    fn drop(&mut self) {
        self.ring.pid_word(self.index).store(0, Ordering::Release);
    }
}
