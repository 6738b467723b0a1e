//! The writer: appends stamped records to preallocated, mapped segments.
//!
//! Invariant: when [`Writer::append`] returns, the record is in the mapped segment (durability `process`): it survives this
//! process. Nothing is allocated and no system call is made on the way, as long as a spare segment is ready; whoever owns
//! the writer calls [`Writer::prepare`] whenever it has time, outside its pass.

use std::io;
use std::rc::Rc;

use records::broken::{Variant, is_broken};
use records::{Stamp, prefetch_bytes};
use tiles::{FlushFailed, Flusher, Segment, Storage};

use crate::frame::{self, Found, frame_bytes};
use crate::head::{HEAD_BYTES, Head, HeadError, Identity};
use crate::pack::packed_name;

/// Bytes that [`Writer::prepare`] touches in one call, so that it never takes long.
const TOUCH_BYTES: usize = 64 * 1024;

/// How a journal is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalConfig {
    /// Whose journal.
    pub identity: Identity,
    /// Size of a segment's file.
    pub segment_bytes: usize,
    /// Where to go on: the segment number and sequence after the last ones of the journal that stands; (0, 1) for a new one.
    pub next: (u64, u64),
    /// Whether what stands from there on is a tail that a lost host left ([`crate::Summary::cut`]), to be taken away.
    pub cut: bool,
    /// Whether what is appended is forced to the device all the time ([`Writer::durable`]).
    pub forced: bool,
    /// Whether the segment before the one that is written stays mapped, for [`Writer::read`].
    pub read_back: bool,
}

impl JournalConfig {
    /// A new journal with segments of 16 MiB.
    pub fn new(identity: Identity) -> Self {
        Self { identity, segment_bytes: 16 << 20, next: (0, 1), cut: false, forced: false, read_back: false }
    }
}

/// The record cannot be made durable: the engine must stop before it says anything that rests on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl std::fmt::Display for Full {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("journal: no room for a further segment")
    }
}

impl std::error::Error for Full {}

/// The name of a segment's file.
pub fn segment_name(segment: u64) -> String {
    format!("journal-{segment:08}.segment")
}

/// The number in a segment's file name.
pub fn segment_number(name: &str) -> Option<u64> {
    name.strip_prefix("journal-")?.strip_suffix(".segment")?.parse().ok()
}

/// A place in what a writer still has before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    segment: u64,
    at: usize,
}

/// What [`Writer::read`] finds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Back<'a> {
    /// The record at the cursor, which has moved behind it.
    Record(Stamp, &'a [u8]),
    /// Nothing was appended since.
    End,
    /// The cursor's segment is no longer here.
    Gone,
}

struct Spare {
    segment: Box<dyn Segment>,
    touched: usize,
}

/// What forces the journal to the device.
enum Device {
    /// Nobody does.
    Ignored,
    /// A thread beside this one.
    Flushed(Flusher),
    /// This thread, when it is asked; up to this sequence it has.
    Forced(u64),
    /// It refused.
    Failed,
}

impl Device {
    fn of(segment: &dyn Segment, number: u64, durable: u64) -> io::Result<Self> {
        let Some(file) = segment.forced()? else { return Ok(Self::Forced(durable)) };
        let flusher = Flusher::start(durable)?;
        flusher.add(number, file);
        flusher.rolled(number);
        Ok(Self::Flushed(flusher))
    }

    /// Up to which sequence it is known to have everything; `unknown` where nobody knows.
    #[inline]
    fn word(&self, unknown: u64) -> u64 {
        match self {
            Self::Flushed(flusher) => flusher.durable().unwrap_or(unknown),
            Self::Forced(up_to) => *up_to,
            Self::Ignored | Self::Failed => unknown,
        }
    }
}

/// Appends to a journal.
pub struct Writer {
    storage: Rc<dyn Storage>,
    config: JournalConfig,
    segment: Box<dyn Segment>,
    number: u64,
    at: usize,
    last: Stamp,
    spare: Option<Spare>,
    /// The segment before, where it is kept to be read.
    previous: Option<Box<dyn Segment>>,
    /// Segments that were full: to be let go of, and first forced where this thread does that.
    retired: Vec<Box<dyn Segment>>,
    rolls_unprepared: u64,
    device: Device,
}

impl Writer {
    /// Reserves and maps the first segment and a spare.
    ///
    /// # Errors
    /// When the storage cannot reserve them, when the segment to create is already there, or when a segment is too small
    /// for one record.
    pub fn create(storage: Rc<dyn Storage>, config: JournalConfig) -> io::Result<Self> {
        if config.segment_bytes < HEAD_BYTES + frame_bytes(records::RECORD_BYTES_MAX) {
            let text = format!("segment_bytes = {}: must hold a head and one record", config.segment_bytes);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let (number, sequence) = config.next;
        if config.cut {
            remove_from(storage.as_ref(), number)?;
        }
        if number > 0 {
            seal(storage.as_ref(), number - 1, config.segment_bytes, config.cut)?;
            if config.forced {
                force_before(storage.as_ref(), number, config.segment_bytes)?;
            }
        }
        let mut segment = open_unused(storage.as_ref(), number, config.segment_bytes)?;
        segment.meet(0..config.segment_bytes);
        let durable = config.forced.then_some(sequence - 1);
        begin(&config, storage.as_ref(), (number, sequence), durable, segment.bytes_mut());
        let device = if config.forced { Device::of(segment.as_ref(), number, sequence - 1)? } else { Device::Ignored };
        let mut writer = Self {
            storage,
            config,
            segment,
            number,
            at: HEAD_BYTES,
            last: Stamp { sequence: sequence - 1, time_ns: 0 },
            spare: None,
            previous: None,
            retired: Vec::with_capacity(4),
            rolls_unprepared: 0,
            device,
        };
        writer.open_spare()?;
        if let Some(spare) = &mut writer.spare {
            spare.segment.meet(0..config.segment_bytes);
            spare.touched = config.segment_bytes;
        }
        Ok(writer)
    }

    /// Appends one record.
    ///
    /// # Errors
    /// [`Full`] when the segment is full and there is none to follow it.
    ///
    /// # Panics
    /// When the stamp does not follow the last one, or the record is empty or too long: the journal would lie.
    #[inline]
    pub fn append(&mut self, stamp: Stamp, record: &[u8]) -> Result<(), Full> {
        assert!(stamp.sequence == self.last.sequence + 1 && stamp.time_ns >= self.last.time_ns);
        assert!(!record.is_empty() && record.len() <= records::RECORD_BYTES_MAX);
        let bytes = frame_bytes(record.len());
        if self.at + bytes > self.config.segment_bytes {
            self.roll(stamp.sequence)?;
        }
        let durable = self.device.word(stamp.sequence);
        let part = self.segment.part_mut(self.at..self.at + bytes);
        frame::write(part, stamp, record, durable);
        self.at += bytes;
        // The lines of the next frame: nobody has written there yet.
        prefetch_bytes(part.as_ptr().wrapping_add(bytes), bytes);
        self.last = stamp;
        if let Device::Flushed(flusher) = &self.device {
            flusher.written(stamp.sequence);
        }
        Ok(())
    }

    /// Up to which sequence all is on the device; where nothing is forced, the last one. To be asked between two passes.
    ///
    /// # Errors
    /// [`FlushFailed`], for good, once the device refused.
    #[inline]
    pub fn durable(&mut self) -> Result<u64, FlushFailed> {
        match &self.device {
            Device::Ignored => Ok(self.last.sequence),
            Device::Flushed(flusher) => flusher.durable(),
            Device::Failed => Err(FlushFailed),
            Device::Forced(up_to) if *up_to == self.last.sequence => Ok(*up_to),
            Device::Forced(up_to) => self.force(*up_to),
        }
    }

    /// Forces what was appended since, in this thread: for storage without a thread beside it.
    #[cold]
    fn force(&mut self, up_to: u64) -> Result<u64, FlushFailed> {
        let mut before = self.retired.iter_mut().chain(self.previous.as_mut());
        let retired = before.try_for_each(|segment| segment.sync());
        match retired.and_then(|()| self.segment.sync()) {
            Ok(()) => {
                self.retired.clear();
                self.device = Device::Forced(self.last.sequence);
                Ok(self.last.sequence)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(up_to),
            Err(_) if is_broken(Variant::FailedFlushBelieved) => Ok(self.last.sequence),
            Err(_) => {
                self.device = Device::Failed;
                Err(FlushFailed)
            }
        }
    }

    /// Does one bounded piece of cold work: lets go of the last segment, reserves the next spare, touches its pages.
    /// Returns whether there is more to do.
    ///
    /// # Errors
    /// When the storage has no room. The journal goes on until its segment is full.
    pub fn prepare(&mut self) -> io::Result<bool> {
        // One that is still to be forced waits for that.
        if !matches!(self.device, Device::Forced(_)) && self.retired.pop().is_some() {
            return Ok(true);
        }
        let Some(spare) = &mut self.spare else {
            self.open_spare()?;
            return Ok(true);
        };
        if spare.touched == self.config.segment_bytes {
            return Ok(false);
        }
        let end = (spare.touched + TOUCH_BYTES).min(self.config.segment_bytes);
        spare.segment.meet(spare.touched..end);
        spare.touched = end;
        Ok(true)
    }

    /// Marks the end, forces all to the device and takes the unused spare away.
    ///
    /// # Errors
    /// When the device refuses.
    pub fn close(&mut self) -> io::Result<()> {
        let at = self.at as u64;
        Head::write_end(self.segment.bytes_mut(), at);
        if self.durable().is_err() {
            return Err(io::Error::other(FlushFailed));
        }
        self.segment.sync()?;
        if self.spare.take().is_some() {
            self.storage.remove(&segment_name(self.number + 1))?;
        }
        Ok(())
    }

    /// Bytes of frames ([`frame_bytes`]) that have a place for certain: what a frame leaves at a segment's end is not counted.
    pub fn room_bytes(&self) -> usize {
        let waste = frame_bytes(records::RECORD_BYTES_MAX);
        let whole = self.config.segment_bytes - HEAD_BYTES;
        let left = (self.config.segment_bytes - self.at).saturating_sub(waste);
        left + self.spare.as_ref().map_or(0, |_| whole.saturating_sub(waste))
    }

    /// Makes the spare where there is none; whether there is one. For who finds too little room within a pass.
    pub fn make_room(&mut self) -> bool {
        if self.spare.is_none() {
            self.rolls_unprepared += u64::from(self.open_spare().is_ok());
        }
        self.spare.is_some()
    }

    /// The last stamp appended.
    pub fn last(&self) -> Stamp {
        self.last
    }

    /// The segment that is written to and the bytes in it.
    pub fn position(&self) -> (u64, usize) {
        (self.number, self.at)
    }

    /// Where to read from so that the record of this sequence is met; records before it may be met first. `None` when it is no
    /// longer here, or is beyond the next one to be appended.
    pub fn cursor(&self, sequence: u64) -> Option<Cursor> {
        let first = |segment: &dyn Segment| Head::read(segment.bytes()).map_or(u64::MAX, |head| head.first_sequence);
        if sequence > self.last.sequence + 1 {
            return None;
        }
        if sequence >= first(self.segment.as_ref()) {
            return Some(Cursor { segment: self.number, at: HEAD_BYTES });
        }
        let previous = self.previous.as_deref().filter(|segment| sequence >= first(*segment));
        previous.map(|_| Cursor { segment: self.number - 1, at: HEAD_BYTES })
    }

    /// The record at a cursor, as it lies in the segment.
    #[inline]
    pub fn read(&self, cursor: &mut Cursor) -> Back<'_> {
        if cursor.segment + 1 == self.number
            && let Some(previous) = &self.previous
        {
            if let Found::Frame(stamp, record) = frame::read(&previous.bytes()[cursor.at..]) {
                cursor.at += frame_bytes(record.len());
                return Back::Record(stamp, record);
            }
            *cursor = Cursor { segment: self.number, at: HEAD_BYTES };
        }
        if cursor.segment != self.number {
            return Back::Gone;
        }
        match frame::read(&self.segment.bytes()[cursor.at..self.at]) {
            Found::Frame(stamp, record) => {
                cursor.at += frame_bytes(record.len());
                Back::Record(stamp, record)
            }
            Found::Empty | Found::Damaged => Back::End,
        }
    }

    /// How often a segment was full before its successor was prepared: the pass then waited for the storage.
    pub fn rolls_unprepared(&self) -> u64 {
        self.rolls_unprepared
    }

    fn open_spare(&mut self) -> io::Result<()> {
        let segment = open_unused(self.storage.as_ref(), self.number + 1, self.config.segment_bytes)?;
        if let Device::Flushed(flusher) = &self.device
            && let Some(file) = segment.forced()?
        {
            flusher.add(self.number + 1, file);
        }
        self.spare = Some(Spare { segment, touched: 0 });
        Ok(())
    }

    #[cold]
    fn roll(&mut self, sequence: u64) -> Result<(), Full> {
        if self.spare.is_none() {
            self.rolls_unprepared += 1;
            self.open_spare().map_err(|_| Full)?;
        }
        let Some(mut spare) = self.spare.take() else { return Err(Full) };
        let at = self.at as u64;
        Head::write_end(self.segment.bytes_mut(), at);
        self.number += 1;
        let durable = self.config.forced.then(|| self.device.word(0));
        let bytes = spare.segment.bytes_mut();
        begin(&self.config, self.storage.as_ref(), (self.number, sequence), durable, bytes);
        if let Device::Flushed(flusher) = &self.device {
            flusher.rolled(self.number);
        }
        let full = std::mem::replace(&mut self.segment, spare.segment);
        let unread = if self.config.read_back { self.previous.replace(full) } else { Some(full) };
        // Unmapping is a system call: it waits for `prepare`.
        self.retired.extend(unread);
        self.at = HEAD_BYTES;
        Ok(())
    }
}

/// Writes the head of a segment that begins with this sequence.
fn begin(
    config: &JournalConfig,
    storage: &dyn Storage,
    (segment, first_sequence): (u64, u64),
    durable: Option<u64>,
    to: &mut [u8],
) {
    let segment_bytes = config.segment_bytes as u64;
    let (identity, boot) = (config.identity, storage.boot());
    Head { identity, segment, first_sequence, segment_bytes, boot, durable, end: 0, clean: false }.write(to);
}

/// Takes away this segment and what follows it.
pub(crate) fn remove_from(storage: &dyn Storage, first: u64) -> io::Result<()> {
    for name in storage.list()? {
        if segment_number(&name).is_some_and(|number| number >= first) {
            storage.remove(&name)?;
        }
    }
    Ok(())
}

/// Forces what lives before left in the system's memory.
fn force_before(storage: &dyn Storage, number: u64, size: usize) -> io::Result<()> {
    let numbers = storage.list()?.into_iter().filter_map(|name| segment_number(&name));
    for before in numbers.filter(|before| *before < number) {
        storage.force(&segment_name(before), size)?;
    }
    Ok(())
}

/// Opens a segment that holds nothing: a new one, or the spare of a writer that died. A device may have written later pages of one
/// whose head was lost with the host: that one is made anew.
fn open_unused(storage: &dyn Storage, number: u64, size: usize) -> io::Result<Box<dyn Segment>> {
    let segment = storage.open(&segment_name(number), size)?;
    if segment.bytes().len() >= HEAD_BYTES && Head::read(segment.bytes()) == Err(HeadError::Unused) {
        if segment.bytes().iter().all(|byte| *byte == 0) {
            return Ok(segment);
        }
        drop(segment);
        storage.remove(&segment_name(number))?;
        return storage.open(&segment_name(number), size);
    }
    let text = format!("journal: segment {number} is already there; recover it or take it away");
    Err(io::Error::new(io::ErrorKind::AlreadyExists, text))
}

/// Marks the end of the last segment of a writer that died: what is torn there is cut for good, also `before` its end where a lost
/// host left a hole in a closed one.
fn seal(storage: &dyn Storage, number: u64, size: usize, before: bool) -> io::Result<()> {
    let there = storage.list()?;
    if !there.contains(&segment_name(number)) && there.contains(&packed_name(number)) {
        return Ok(()); // Only one that was closed, and is on the device, is compressed.
    }
    let mut segment = storage.open(&segment_name(number), size)?;
    let head = Head::read(segment.bytes())
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("journal: segment {number}: {error}")))?;
    if head.end != 0 && !before {
        return Ok(());
    }
    let mut at = HEAD_BYTES;
    while let Found::Frame(_, record) = frame::read(&segment.bytes()[at..]) {
        at += frame_bytes(record.len());
    }
    if head.end == at as u64 {
        return Ok(());
    }
    Head::cut(segment.bytes_mut(), at);
    segment.sync()
}
