//! Counters and latency histograms that the hot path writes and nobody else does.
//!
//! They live in one block: a directory of names and the numbers themselves, on the heap or in a file of the run
//! directory that `meridian top` and the exporter map and read. Names are entered at start, under a lock.
//!
//! Invariant: one writer each; a write is a plain store to memory taken at the start, on the heap or shared.
//!
//! Layout: head (one page), directory (128 bytes an entry), numbers. An entry is complete before the count of entries
//! in the head includes it.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::histogram::{BUCKETS, HistogramSnapshot, bucket};
use crate::memory::Memory;

const MAGIC: u64 = u64::from_le_bytes(*b"MRIDCNTR");
const LAYOUT_VERSION: u64 = 1;
const AT_MAGIC: usize = 0;
const AT_VERSION: usize = 8;
const AT_ENTRIES_MAX: usize = 16;
const AT_ENTRIES: usize = 24;
const AT_PID: usize = 32;
const AT_START_NS: usize = 40;
const HEAD: usize = 4096;
const ENTRY: usize = 128;
const ENTRY_KIND: usize = 0;
const ENTRY_OFFSET: usize = 8;
const ENTRY_NAME_LENGTH: usize = 16;
const ENTRY_NAME: usize = 24;
/// Bytes of the longest name, scope included.
pub const NAME_BYTES_MAX: usize = ENTRY - ENTRY_NAME;
const KIND_COUNTER: u64 = 1;
const KIND_HISTOGRAM: u64 = 2;
const LINE: usize = 64;
const HISTOGRAM_SUM: usize = 0;
const HISTOGRAM_BUCKETS: usize = 64;
const HISTOGRAM_BYTES: usize = HISTOGRAM_BUCKETS + BUCKETS * 8;

/// How much a block of counters can hold.
#[derive(Clone, Copy, Debug)]
pub struct CountersSize {
    /// Counters and histograms together.
    pub entries_max: usize,
    /// Of these, histograms (35 KiB each).
    pub histograms_max: usize,
}

impl Default for CountersSize {
    fn default() -> Self {
        Self { entries_max: 2048, histograms_max: 128 }
    }
}

impl CountersSize {
    fn bytes(self) -> usize {
        HEAD + self.entries_max * (ENTRY + LINE) + self.histograms_max * HISTOGRAM_BYTES.next_multiple_of(LINE)
    }
}

/// What was entered so far; touched at start only.
#[derive(Default)]
struct Book {
    entries: usize,
    next: usize,
    places: HashMap<String, (u64, usize)>,
    /// Of each scope, the rest of its last line: (offset, words left). Scopes do not share lines.
    lines: HashMap<String, (usize, usize)>,
}

struct Block {
    memory: Memory,
    entries_max: usize,
    book: Mutex<Book>,
}

/// Where a tile's counters live: a block and a scope that goes before each name.
#[derive(Clone)]
pub struct Counters {
    block: Arc<Block>,
    scope: String,
}

/// A number that its one writer raises or sets.
#[derive(Clone)]
pub struct Counter {
    block: Arc<Block>,
    offset: usize,
}

/// A latency histogram in ns.
#[derive(Clone)]
pub struct Histogram {
    block: Arc<Block>,
    offset: usize,
}

impl Default for Counters {
    fn default() -> Self {
        Self::local()
    }
}

impl std::fmt::Debug for Counters {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Counters({})", self.scope)
    }
}

impl std::fmt::Debug for Counter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Counter({})", self.get())
    }
}

impl std::fmt::Debug for Histogram {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Histogram(count {})", self.snapshot().count())
    }
}

impl Counters {
    /// Counters that only this process reads.
    pub fn local() -> Self {
        let size = CountersSize { entries_max: 1024, histograms_max: 32 };
        let memory = Memory::heap(size.bytes());
        fill(&memory, size);
        Self::over(memory, size)
    }

    /// Counters in a new file, for readers in other processes.
    ///
    /// # Errors
    /// When the file cannot be made or its space not be had.
    pub fn create(path: &Path, size: CountersSize) -> io::Result<Self> {
        Ok(Self::over(Memory::create_file(path, size.bytes(), |memory| fill(memory, size))?, size))
    }

    fn over(memory: Memory, size: CountersSize) -> Self {
        let book = Mutex::new(Book { next: HEAD + size.entries_max * ENTRY, ..Book::default() });
        Self { block: Arc::new(Block { memory, entries_max: size.entries_max, book }), scope: String::new() }
    }

    /// The same block, with `scope.` before every name made from it; scopes nest.
    #[must_use]
    pub fn scope(&self, scope: &str) -> Self {
        Self { block: Arc::clone(&self.block), scope: self.full_name(scope) }
    }

    /// The counter of this name; made at start, never on the hot path. Name: `feed.packets`, unit last where it has one.
    ///
    /// # Panics
    /// When the name is longer than [`NAME_BYTES_MAX`], or the block is full.
    pub fn counter(&self, name: &str) -> Counter {
        Counter { block: Arc::clone(&self.block), offset: self.enter(name, KIND_COUNTER) }
    }

    /// The histogram of this name, in ns.
    ///
    /// # Panics
    /// When the name is longer than [`NAME_BYTES_MAX`], or the block is full.
    pub fn histogram(&self, name: &str) -> Histogram {
        Histogram { block: Arc::clone(&self.block), offset: self.enter(name, KIND_HISTOGRAM) }
    }

    /// All that was entered so far, with its values.
    pub fn readings(&self) -> Vec<(String, Reading)> {
        readings(&self.block.memory).unwrap_or_default()
    }

    fn full_name(&self, name: &str) -> String {
        if self.scope.is_empty() { name.to_owned() } else { format!("{}.{name}", self.scope) }
    }

    fn enter(&self, name: &str, kind: u64) -> usize {
        let name = self.full_name(name);
        assert!(name.len() <= NAME_BYTES_MAX, "counter name {name}: longer than {NAME_BYTES_MAX} bytes");
        let mut book = self.block.book.lock().expect("counters are entered without panics");
        if let Some((known, offset)) = book.places.get(&name) {
            assert_eq!(*known, kind, "counter name {name}: used for a counter and for a histogram");
            return *offset;
        }
        assert!(book.entries < self.block.entries_max, "counter name {name}: the block of counters is full");
        let offset = if kind == KIND_COUNTER { self.word(&mut book) } else { self.take(&mut book, HISTOGRAM_BYTES) };
        let memory = &self.block.memory;
        let entry = HEAD + book.entries * ENTRY;
        memory.word(entry + ENTRY_KIND).store(kind, Ordering::Relaxed);
        memory.word(entry + ENTRY_OFFSET).store(offset as u64, Ordering::Relaxed);
        memory.word(entry + ENTRY_NAME_LENGTH).store(name.len() as u64, Ordering::Relaxed);
        for (index, part) in name.as_bytes().chunks(8).enumerate() {
            let mut word = [0; 8];
            word[..part.len()].copy_from_slice(part);
            memory.word(entry + ENTRY_NAME + index * 8).store(u64::from_le_bytes(word), Ordering::Relaxed);
        }
        book.entries += 1;
        memory.word(AT_ENTRIES).store(book.entries as u64, Ordering::Release);
        book.places.insert(name, (kind, offset));
        offset
    }

    /// Whole lines.
    fn take(&self, book: &mut Book, bytes: usize) -> usize {
        let offset = book.next;
        book.next += bytes.next_multiple_of(LINE);
        assert!(book.next <= self.block.memory.bytes(), "the block of counters is full");
        offset
    }

    /// One word of this scope's line.
    fn word(&self, book: &mut Book) -> usize {
        let (offset, left) = match book.lines.get(&self.scope) {
            Some((offset, left)) if *left > 0 => (*offset, *left),
            _ => (self.take(book, LINE), LINE / 8),
        };
        book.lines.insert(self.scope.clone(), (offset + 8, left - 1));
        offset
    }
}

fn fill(memory: &Memory, size: CountersSize) {
    // tidy: allow(clock): once, when the block is made, for its readers
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    memory.word(AT_VERSION).store(LAYOUT_VERSION, Ordering::Relaxed);
    memory.word(AT_ENTRIES_MAX).store(size.entries_max as u64, Ordering::Relaxed);
    memory.word(AT_PID).store(u64::from(std::process::id()), Ordering::Relaxed);
    memory.word(AT_START_NS).store(u64::try_from(now).unwrap_or(0), Ordering::Relaxed);
    memory.word(AT_MAGIC).store(MAGIC, Ordering::Release);
}

impl Counter {
    #[inline]
    fn cell(&self) -> &AtomicU64 {
        self.block.memory.word(self.offset)
    }

    /// Adds.
    #[inline]
    pub fn add(&self, more: u64) {
        let cell = self.cell();
        cell.store(cell.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
    }

    /// Sets.
    #[inline]
    pub fn set(&self, value: u64) {
        self.cell().store(value, Ordering::Relaxed);
    }

    /// Sets a signed number: readers show it as such where the name ends in `_signed`.
    #[inline]
    pub fn set_signed(&self, value: i64) {
        self.cell().store(value.cast_unsigned(), Ordering::Relaxed);
    }

    /// Reads.
    pub fn get(&self) -> u64 {
        self.cell().load(Ordering::Relaxed)
    }
}

impl Histogram {
    /// Records one latency.
    #[inline]
    pub fn record(&self, latency_ns: u64) {
        let memory = &self.block.memory;
        let raise = |cell: &AtomicU64, more: u64| {
            cell.store(cell.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
        };
        raise(memory.word(self.offset + HISTOGRAM_SUM), latency_ns);
        raise(memory.word(self.offset + HISTOGRAM_BUCKETS + bucket(latency_ns) * 8), 1);
    }

    /// What it holds now.
    pub fn snapshot(&self) -> HistogramSnapshot {
        snapshot(&self.block.memory, self.offset)
    }
}

/// One counter or histogram as a reader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// A counter's value.
    Counter(u64),
    /// A histogram's content.
    Histogram(HistogramSnapshot),
}

/// Reads the counters of another process, or of one that has ended, from its file.
pub struct CountersReader {
    memory: Memory,
}

impl CountersReader {
    /// Maps the file.
    ///
    /// # Errors
    /// When it is absent, or not a block of counters of this version.
    pub fn open(path: &Path) -> io::Result<Self> {
        let memory = Memory::open_file(path)?;
        readings(&memory)?;
        Ok(Self { memory })
    }

    /// All names with their values, in the order in which they were entered.
    pub fn readings(&self) -> Vec<(String, Reading)> {
        readings(&self.memory).unwrap_or_default()
    }

    /// One counter's value, without a look at the others; `None` where there is none of this name.
    pub fn counter(&self, name: &str) -> Option<u64> {
        let found =
            entries(&self.memory).ok()?.into_iter().find(|(known, kind, _)| known == name && *kind == KIND_COUNTER);
        found.map(|(_, _, offset)| self.memory.word(offset).load(Ordering::Acquire))
    }

    /// The process that writes them.
    pub fn pid(&self) -> u64 {
        self.memory.word(AT_PID).load(Ordering::Relaxed)
    }

    /// When the block was made, ns UTC.
    pub fn start_ns(&self) -> u64 {
        self.memory.word(AT_START_NS).load(Ordering::Relaxed)
    }
}

fn snapshot(memory: &Memory, offset: usize) -> HistogramSnapshot {
    let get = |at: usize| memory.word(offset + at).load(Ordering::Relaxed);
    let counts = (0..BUCKETS).map(|index| get(HISTOGRAM_BUCKETS + index * 8)).collect();
    HistogramSnapshot::new(counts, get(HISTOGRAM_SUM))
}

/// Name, kind and place of every entry of a block that may be anything: every offset is compared with the size.
fn entries(memory: &Memory) -> io::Result<Vec<(String, u64, usize)>> {
    let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, format!("not a block of counters: {what}"));
    if memory.bytes() < HEAD {
        return Err(bad("shorter than its head"));
    }
    let get = |at: usize| memory.word(at).load(Ordering::Acquire);
    if get(AT_MAGIC) != MAGIC || get(AT_VERSION) != LAYOUT_VERSION {
        return Err(bad("another magic or version"));
    }
    let entries = get(AT_ENTRIES);
    if entries > (memory.bytes() / ENTRY) as u64 || HEAD + entries as usize * ENTRY > memory.bytes() {
        return Err(bad("more entries than fit"));
    }
    let mut found = Vec::new();
    for index in 0..entries as usize {
        let entry = HEAD + index * ENTRY;
        let length = (get(entry + ENTRY_NAME_LENGTH) as usize).min(NAME_BYTES_MAX);
        let name: Vec<u8> =
            (0..length.div_ceil(8)).flat_map(|part| get(entry + ENTRY_NAME + part * 8).to_le_bytes()).collect();
        let name = String::from_utf8_lossy(&name[..length]).into_owned();
        let offset = get(entry + ENTRY_OFFSET);
        let inside = |bytes: usize| offset & 7 == 0 && offset.saturating_add(bytes as u64) <= memory.bytes() as u64;
        let kind = get(entry + ENTRY_KIND);
        match kind {
            KIND_COUNTER if inside(8) => {}
            KIND_HISTOGRAM if inside(HISTOGRAM_BYTES) => {}
            _ => return Err(bad("an entry points outside")),
        }
        found.push((name, kind, offset as usize));
    }
    Ok(found)
}

fn readings(memory: &Memory) -> io::Result<Vec<(String, Reading)>> {
    let read = |(name, kind, offset)| {
        let value = || memory.word(offset).load(Ordering::Acquire);
        (
            name,
            if kind == KIND_COUNTER { Reading::Counter(value()) } else { Reading::Histogram(snapshot(memory, offset)) },
        )
    };
    Ok(entries(memory)?.into_iter().map(read).collect())
}
