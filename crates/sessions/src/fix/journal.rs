//! A session's store in files: two slots of numbers, and segments of messages, each message with its checksum.
//!
//! The files are mapped, so that what was kept survives the process from the instruction on that wrote it, without a system
//! call; their space is reserved when they are made, so that a full disk is met then and not in the middle of a message. A
//! message is written before its entry, the entry's checksum last: one that a kill cut short was never kept.
//!
//! Invariant: a message whose checksum is not right is never given back; a reset is one write, the slot that names the next
//! generation of segments.

use std::io;
use std::rc::Rc;

use records::{FixStoreEntry, FixStoreNumbers, bytes_of, read_from};
use tiles::{Segment, Storage};

use super::store::{Numbers, Store, StoreFailed, Stored};

const ENTRY_BYTES: usize = size_of::<FixStoreEntry>();
const SLOT_BYTES: usize = size_of::<FixStoreNumbers>();
const NUMBERS_FILE_BYTES: usize = 4096;
/// The second slot stands in another cache line and another sector.
const SLOT_STRIDE: usize = 2048;
/// A message of ordinary length, with its entry.
const ORDINARY_BYTES: usize = 1 << 10;
/// Bytes whose pages one call of [`Store::maintain`] meets at most, so that it never takes long.
const MEET_BYTES: usize = 64 << 10;

/// How large a store may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalSize {
    /// Bytes of a segment, a multiple of 4096.
    pub segment_bytes: usize,
    /// Segments at most.
    pub segments_max: usize,
    /// Messages at most.
    pub messages_max: usize,
}

/// Why a store cannot be opened: a sentence for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreError(pub String);

#[derive(Clone, Copy, Debug)]
struct Place {
    sequence: u64,
    segment: u32,
    start: u32,
}

/// Messages and numbers in files.
pub struct JournalStore {
    storage: Rc<dyn Storage>,
    name: String,
    size: JournalSize,
    slots: Box<dyn Segment>,
    numbers: FixStoreNumbers,
    segments: Vec<Box<dyn Segment>>,
    /// The segment after the last, made ahead of need.
    spare: Option<Box<dyn Segment>>,
    /// The next segment could not be made; tried again when it is needed.
    no_room: bool,
    /// Where the next entry begins in the last segment.
    end: usize,
    places: Vec<Place>,
    damaged: u64,
    /// Bytes behind the last message whose pages are met before they are needed; 0: none.
    ahead_bytes: usize,
    /// How far the last segment's pages were met, and the spare one's.
    met: [usize; 2],
}

impl JournalStore {
    /// Opens or makes the store of this name.
    ///
    /// # Errors
    /// A sentence: no room, not readable, or another segment size than the store was made with.
    pub fn open(storage: Rc<dyn Storage>, name: &str, size: JournalSize, now_ns: u64) -> Result<Self, StoreError> {
        let said = |error: io::Error| StoreError(format!("store {name}: {error}"));
        let slots = storage.open(&format!("{name}.numbers"), NUMBERS_FILE_BYTES).map_err(said)?;
        let found = [0, SLOT_STRIDE].map(|at| slot(&slots.bytes()[at..]));
        let newest = found.into_iter().flatten().max_by_key(|numbers| numbers.change);
        if newest.is_none() && slots.bytes().iter().any(|byte| *byte != 0) {
            return Err(StoreError(format!("store {name}: both slots of its numbers are damaged")));
        }
        let fresh = FixStoreNumbers {
            incoming: 1,
            outgoing: 1,
            created_ns: now_ns,
            segment_bytes: size.segment_bytes as u64,
            generation: 1,
            ..FixStoreNumbers::zeroed()
        };
        let numbers = newest.unwrap_or(fresh);
        if numbers.segment_bytes != size.segment_bytes as u64 {
            let text = format!("store {name}: was made with segments of {} bytes", numbers.segment_bytes);
            return Err(StoreError(format!("{text}, not of {}", size.segment_bytes)));
        }
        let places = Vec::with_capacity(size.messages_max);
        let segments = Vec::with_capacity(size.segments_max);
        let name = name.to_owned();
        let (spare, no_room, end, damaged) = (None, false, 0, 0);
        let (ahead_bytes, met) = (0, [0; 2]);
        let mut store = Self {
            storage,
            name,
            size,
            slots,
            numbers,
            segments,
            spare,
            no_room,
            end,
            places,
            damaged,
            ahead_bytes,
            met,
        };
        store.take_up().map_err(|error| StoreError(format!("store {}: {error}", store.name)))?;
        store.write_numbers();
        Ok(store)
    }

    /// Meets the pages of so many bytes behind the last message now, and goes on doing so in [`Store::maintain`]: a message
    /// is then kept without the system's help. At most what is left of the segment, and the one after it.
    #[must_use]
    pub fn with_ahead(mut self, bytes: usize) -> Self {
        self.ahead_bytes = bytes;
        while self.meet() {}
        self
    }

    /// Meets some of the pages that come next; returns whether there are more.
    fn meet(&mut self) -> bool {
        let wanted = self.end + self.ahead_bytes;
        let last = self.segments.last_mut().map(|segment| (segment, 0, wanted));
        let spare = self.spare.as_mut().map(|segment| (segment, 1, wanted.saturating_sub(self.size.segment_bytes)));
        for (segment, which, wanted) in last.into_iter().chain(spare) {
            let wanted = wanted.min(self.size.segment_bytes);
            if self.met[which] < wanted {
                let from = self.met[which].max(if which == 0 { self.end } else { 0 });
                let to = (from + MEET_BYTES).min(wanted);
                segment.meet(from..to);
                self.met[which] = to;
                return true;
            }
        }
        false
    }

    fn segment_name(&self, generation: u32, index: usize) -> String {
        format!("{}.{generation:08}.{index:06}", self.name)
    }

    /// Opens the generation's segments and finds their messages; takes away what other generations left.
    fn take_up(&mut self) -> io::Result<()> {
        let own = format!("{}.{:08}.", self.name, self.numbers.generation);
        let (any, numbers_file) = (format!("{}.", self.name), format!("{}.numbers", self.name));
        let mut count = 0;
        for file in self.storage.list()? {
            if file.starts_with(&own) {
                count += 1;
            } else if file.starts_with(&any) && file != numbers_file {
                self.storage.remove(&file)?;
            }
        }
        for index in 0..count.max(1) {
            let name = self.segment_name(self.numbers.generation, index);
            self.segments.push(self.storage.open(&name, self.size.segment_bytes)?);
            self.scan(index);
        }
        // A segment that was made ahead of need holds nothing: it is the last one's follower.
        let last = self.places.last().map_or(0, |place| place.segment as usize);
        while self.segments.len() > last + 1 {
            self.spare = self.segments.pop();
        }
        if self.segments.len() < count {
            self.scan(last);
        }
        let after = self.places.last().map_or(1, |place| place.sequence + 1);
        self.numbers.outgoing = self.numbers.outgoing.max(after);
        Ok(())
    }

    /// Finds the messages of a segment; sets where the next one goes.
    fn scan(&mut self, index: usize) {
        let bytes = self.segments[index].bytes();
        let mut at = 0;
        let mut last = self.places.last().map_or(0, |place| place.sequence);
        let mut lost = false;
        while at + ENTRY_BYTES <= bytes.len() {
            let head = &bytes[at..at + ENTRY_BYTES];
            match entry(head).filter(|entry| at + ENTRY_BYTES + entry.length as usize <= bytes.len()) {
                Some(entry) if entry.sequence > last && self.places.len() < self.places.capacity() => {
                    self.places.push(Place { sequence: entry.sequence, segment: index as u32, start: at as u32 });
                    last = entry.sequence;
                    at += span(entry.length as usize);
                    lost = false;
                }
                Some(entry) => at += span(entry.length as usize),
                None if !lost && head.iter().all(|byte| *byte == 0) => break,
                // A rotten entry: those behind it still count.
                None => {
                    self.damaged += u64::from(!lost);
                    lost = true;
                    at += 8;
                }
            }
        }
        if lost {
            // Nothing sound follows: what is written next goes behind the last sound entry.
            let behind = self.places.last().filter(|place| place.segment as usize == index);
            at = behind.map_or(0, |place| {
                let found = entry(&bytes[place.start as usize..]).expect("it was sound a moment ago");
                place.start as usize + span(found.length as usize)
            });
        }
        self.end = at;
    }

    fn write_numbers(&mut self) {
        self.numbers.change += 1;
        self.numbers.sum = sum_before_last_word(bytes_of(&self.numbers));
        let at = if self.numbers.change.is_multiple_of(2) { 0 } else { SLOT_STRIDE };
        self.slots.bytes_mut()[at..at + SLOT_BYTES].copy_from_slice(bytes_of(&self.numbers));
    }

    fn make_spare(&mut self) {
        let name = self.segment_name(self.numbers.generation, self.segments.len());
        self.spare = self.storage.open(&name, self.size.segment_bytes).ok();
        self.no_room = self.spare.is_none();
    }

    /// Whether there is a segment to follow the last; makes it where it may.
    fn has_next(&mut self) -> bool {
        if self.segments.len() == self.size.segments_max {
            return false;
        }
        if self.spare.is_none() {
            self.make_spare();
        }
        self.spare.is_some()
    }

    /// Makes sure that `bytes` fit behind the last message.
    fn make_room(&mut self, bytes: usize) -> Result<(), StoreFailed> {
        if self.end + bytes <= self.size.segment_bytes {
            return Ok(());
        }
        if bytes > self.size.segment_bytes || !self.has_next() {
            return Err(StoreFailed);
        }
        self.segments.push(self.spare.take().ok_or(StoreFailed)?);
        (self.end, self.met) = (0, [self.met[1], 0]);
        Ok(())
    }
}

impl Store for JournalStore {
    fn numbers(&self) -> Numbers {
        let FixStoreNumbers { incoming, outgoing, created_ns, .. } = self.numbers;
        Numbers { incoming, outgoing, created_ns }
    }

    fn append(&mut self, sequence: u64, now_ns: u64, message: &[u8]) -> Result<(), StoreFailed> {
        assert_eq!(sequence, self.numbers.outgoing, "messages are kept in the order of their numbers");
        if self.places.len() == self.places.capacity() {
            return Err(StoreFailed);
        }
        self.make_room(span(message.len()))?;
        let mut entry = FixStoreEntry {
            sequence,
            stored_ns: now_ns,
            length: message.len() as u32,
            message_sum: crc32fast::hash(message),
            ..FixStoreEntry::zeroed()
        };
        entry.sum = sum_before_last_word(bytes_of(&entry));
        let (segment, start) = (self.segments.len() - 1, self.end);
        let place = &mut self.segments[segment].bytes_mut()[start..start + span(message.len())];
        place[ENTRY_BYTES..ENTRY_BYTES + message.len()].copy_from_slice(message);
        place[..ENTRY_BYTES].copy_from_slice(bytes_of(&entry));
        self.places.push(Place { sequence, segment: segment as u32, start: start as u32 });
        self.end = start + span(message.len());
        self.numbers.outgoing = sequence + 1;
        Ok(())
    }

    fn set_incoming(&mut self, next: u64) {
        self.numbers.incoming = next;
        self.write_numbers();
    }

    fn set_outgoing(&mut self, next: u64) {
        assert!(next >= self.numbers.outgoing, "a number is never used twice");
        self.numbers.outgoing = next;
        self.write_numbers();
    }

    fn read(&mut self, sequence: u64) -> Stored<'_> {
        let Ok(at) = self.places.binary_search_by_key(&sequence, |place| place.sequence) else {
            return Stored::Missing;
        };
        let place = self.places[at];
        let bytes = &self.segments[place.segment as usize].bytes()[place.start as usize..];
        let found = entry(bytes).filter(|entry| entry.sequence == sequence);
        let found = found.and_then(|entry| {
            let message = bytes.get(ENTRY_BYTES..ENTRY_BYTES + entry.length as usize)?;
            (crc32fast::hash(message) == entry.message_sum).then_some((message, entry.stored_ns))
        });
        match found {
            Some((bytes, stored_ns)) => Stored::Message { bytes, stored_ns },
            None => {
                self.damaged += 1;
                Stored::Damaged
            }
        }
    }

    fn reset(&mut self, now_ns: u64) -> Result<(), StoreFailed> {
        let generation = self.numbers.generation + 1;
        let first = self.segment_name(generation, 0);
        let first = self.storage.open(&first, self.size.segment_bytes).map_err(|_| StoreFailed)?;
        let old: Vec<String> =
            (0..=self.segments.len()).map(|index| self.segment_name(self.numbers.generation, index)).collect();
        self.numbers = FixStoreNumbers { incoming: 1, outgoing: 1, created_ns: now_ns, generation, ..self.numbers };
        self.write_numbers();
        self.places.clear();
        (self.spare, self.end, self.met) = (None, 0, [0; 2]);
        self.segments.clear();
        self.segments.push(first);
        for name in old {
            // Left where it cannot go; the next start takes it away.
            let _goes_later = self.storage.remove(&name);
        }
        Ok(())
    }

    fn damaged(&self) -> u64 {
        self.damaged
    }

    fn is_full(&mut self) -> bool {
        let ordinary = ORDINARY_BYTES.min(self.size.segment_bytes / 4);
        self.places.len() == self.places.capacity() || self.end + ordinary > self.size.segment_bytes && !self.has_next()
    }

    fn maintain(&mut self) {
        let half_full = self.end > self.size.segment_bytes / 2;
        if half_full && self.spare.is_none() && !self.no_room && self.segments.len() < self.size.segments_max {
            self.make_spare();
        }
        if self.ahead_bytes > 0 {
            self.meet();
        }
    }
}

/// Bytes of a message with its entry, up to the next multiple of eight.
const fn span(length: usize) -> usize {
    ENTRY_BYTES + length.next_multiple_of(8)
}

fn sum_before_last_word(bytes: &[u8]) -> u32 {
    crc32fast::hash(&bytes[..bytes.len() - 4])
}

fn slot(bytes: &[u8]) -> Option<FixStoreNumbers> {
    let slot: FixStoreNumbers = read_from(bytes)?;
    (slot.change != 0 && slot.sum == sum_before_last_word(bytes_of(&slot))).then_some(slot)
}

fn entry(bytes: &[u8]) -> Option<FixStoreEntry> {
    let entry: FixStoreEntry = read_from(bytes)?;
    (entry.sequence != 0 && entry.sum == sum_before_last_word(bytes_of(&entry))).then_some(entry)
}
