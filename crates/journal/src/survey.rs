//! The survey: everything that is wrong with a journal, and what of it can be recovered.
//!
//! Invariant: a bit that differs from what was written, and a byte that is gone, is found and told by the place of what it lies
//! in: a frame, a head, the mark of an end, or space where nothing was written. A survey changes nothing.

use std::path::Path;

use records::Stamp;

use crate::frame::{self, Found, frame_bytes};
use crate::head::{HEAD_BYTES, Head, Identity};
use crate::pack::PackError;
use crate::reader::{JournalError, Reader, Summary};
use crate::source::{self, Source};

/// Faults that are told, of which there may be more.
const FAULTS_MAX: usize = 64;

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which segment.
    pub segment: u64,
    /// Where in its file: the begin of what is damaged.
    pub offset: u64,
    /// A sentence for a person.
    pub what: String,
}

/// Records that follow each other without a gap.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Run {
    /// How many.
    pub records: u64,
    /// Bytes of them and their frames.
    pub bytes: u64,
    /// The first one; zero when there is none.
    pub first: Stamp,
    /// The last one.
    pub last: Stamp,
}

/// What stands of a segment behind the damage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rest {
    /// Which segment.
    pub segment: u64,
    /// Whether all of it is whole: head, frames to its end, nothing between.
    pub whole: bool,
    /// Its records behind the damage; they need not follow each other where it is not whole.
    pub records: Run,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// Whose journal it is, where a head said so.
    pub identity: Option<Identity>,
    /// What a reader takes: all before the first fault that ends the reading.
    pub summary: Summary,
    /// In the order of their places; the reading ended at [`Survey::stopped`].
    pub faults: Vec<Fault>,
    /// The fault that ended the reading, if one did.
    pub stopped: Option<Fault>,
    /// All before the first fault that is whole.
    pub before: Run,
    /// What stands behind it, by segment.
    pub after: Vec<Rest>,
    /// Where the last record ends that a writer did not finish: it is cut when the journal is gone on with.
    pub torn_at: Option<(u64, u64)>,
    /// Size of its segments' files.
    segment_bytes: u64,
}

impl Run {
    fn take(&mut self, stamp: Stamp, record_bytes: usize) {
        if self.records == 0 {
            self.first = stamp;
        }
        self.records += 1;
        self.bytes += frame_bytes(record_bytes) as u64;
        self.last = stamp;
    }
}

/// Looks at the whole journal in a directory.
///
/// # Errors
/// When there is none, or a file cannot be read.
pub fn survey(directory: &Path) -> Result<Survey, JournalError> {
    let sources = || Reader::sources(directory);
    look(&sources, tiles::boot())
}

/// As [`survey`], at segments in memory.
///
/// # Errors
/// When there is none.
pub fn survey_segments(segments: &[(u64, Vec<u8>)]) -> Result<Survey, JournalError> {
    look(&|| Ok(segments.iter().map(|(number, bytes)| (*number, Source::Bytes(bytes.clone()))).collect()), 0)
}

type Sources<'a> = &'a dyn Fn() -> Result<Vec<(u64, Source)>, JournalError>;

fn look(sources: Sources<'_>, boot: u64) -> Result<Survey, JournalError> {
    let mut survey = Survey::default();
    let ended = match Reader::start(sources()?, boot) {
        Ok(mut reader) => survey.read(&mut reader),
        Err(error) => Err(error),
    };
    let error = match ended {
        // What a lost host left behind is cut with all that it is.
        Ok(()) if survey.summary.cut => return Ok(survey),
        Ok(()) => {
            survey.look_at_spare(sources()?)?;
            return Ok(survey);
        }
        Err(error) => error,
    };
    // A reader that meets no segment tells so whatever lies there.
    let Some((segment, offset)) = error.place() else { return Err(error) };
    survey.note(segment, offset, error.to_string());
    survey.stopped = Some(Fault { segment, offset, what: error.to_string() });
    survey.look_behind(&error, segment, offset as usize, sources()?)?;
    survey.faults.sort_by_key(|fault| (fault.segment, fault.offset));
    Ok(survey)
}

impl Survey {
    fn note(&mut self, segment: u64, offset: u64, what: String) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(Fault { segment, offset, what });
        }
    }

    /// Reads as a reader does, and looks at what it does not look at.
    fn read(&mut self, reader: &mut Reader) -> Result<(), JournalError> {
        self.identity = Some(*reader.identity());
        let mut segments = 0;
        loop {
            let read = reader.next().map(|record| record.map(|(stamp, record)| (stamp, record.len())));
            self.summary = reader.summary();
            let Some((stamp, record_bytes)) = read? else { break };
            self.before.take(stamp, record_bytes);
            let Some((head, bytes)) = reader.segment() else { break };
            let end = reader.end_of_frames();
            self.segment_bytes = head.segment_bytes;
            if self.summary.segments > segments {
                segments = self.summary.segments;
                self.look_at_unused(head, bytes);
            }
            let padding = end - frame_bytes(record_bytes) + frame::FRAME_HEAD_BYTES + record_bytes..end;
            if let Some(at) = bytes[padding.clone()].iter().position(|byte| *byte != 0) {
                let offset = (padding.start + at) as u64;
                let what = changed(head.segment, offset, "a byte that fills up a record was changed");
                self.note(head.segment, offset, what);
            }
        }
        let Some((head, bytes)) = reader.segment() else { return Ok(()) };
        let end = reader.end_of_frames() as u64;
        if self.summary.segments > segments {
            self.look_at_unused(head, bytes); // It holds no record.
        }
        if let Some(at) = head.stray_byte(bytes, end).filter(|_| head.end == 0) {
            self.note(head.segment, at, changed(head.segment, at, "a byte of the head was changed"));
        }
        if self.summary.torn_bytes > 0 {
            self.torn_at = Some((head.segment, end));
        }
        Ok(())
    }

    /// Where nothing was written, zeros stand; of a segment that is not closed only its writer's death may say otherwise.
    fn look_at_unused(&mut self, head: &Head, bytes: &[u8]) {
        let segment = head.segment;
        if head.end == 0 {
            return;
        }
        if let Some(at) = head.stray_byte(bytes, head.end) {
            self.note(segment, at, changed(segment, at, "a byte of the head was changed"));
        }
        let rest = bytes.get(head.end as usize..).unwrap_or_default();
        if let Some(at) = rest.iter().position(|byte| *byte != 0).filter(|_| head.clean) {
            let offset = head.end + at as u64;
            self.note(segment, offset, changed(segment, offset, "a byte behind the end was changed"));
        }
    }

    /// The file after the last segment, made ahead for the next one.
    fn look_at_spare(&mut self, mut sources: Vec<(u64, Source)>) -> Result<(), JournalError> {
        sources.sort_by_key(|(number, _)| *number);
        let Some((segment, source)) = sources.last_mut() else { return Ok(()) };
        if *segment <= self.summary.last_segment {
            return Ok(());
        }
        let bytes = source.load()?;
        if let Some(at) = bytes.iter().position(|byte| *byte != 0) {
            let what = changed(*segment, at as u64, "a byte of a segment that is not used yet was changed");
            self.note(*segment, at as u64, what);
        }
        let made = self.segment_bytes;
        if !bytes.is_empty() && made != 0 && bytes.len() as u64 != made {
            let error = JournalError::Length { segment: *segment, bytes: bytes.len() as u64, made };
            self.note(*segment, made.min(bytes.len() as u64), error.to_string());
        }
        if bytes.is_empty() && self.summary.closed {
            let before = *segment - 1;
            let what = format!(
                "journal: segment {segment} is empty and segment {before} is closed: it was cut, or its writer died at once"
            );
            self.note(*segment, 0, what);
        }
        Ok(())
    }

    /// What of the damaged segment, and of those that follow, is whole.
    fn look_behind(
        &mut self,
        error: &JournalError,
        segment: u64,
        offset: usize,
        mut sources: Vec<(u64, Source)>,
    ) -> Result<(), JournalError> {
        sources.sort_by_key(|(number, _)| *number);
        for (number, source) in sources.iter_mut().filter(|(number, _)| *number >= segment) {
            let (bytes, wrong) = source.load_sound()?;
            self.note_blocks(*number, &wrong);
            // A place in a compressed file is none in its segment.
            let packed = *number == segment && !wrong.is_empty();
            let begin = if *number > segment || offset < HEAD_BYTES || packed { HEAD_BYTES } else { offset + 8 };
            let cut = matches!(error, JournalError::Length { .. }) && *number == segment;
            let at = if cut { self.up_to_the_cut(&bytes) } else { begin };
            let whole = wrong.is_empty() && is_whole(&bytes);
            let records = scan(&bytes, at);
            if *number > segment || records.records > 0 {
                // A spare holds nothing and says nothing.
                let spare = *number > segment && bytes.iter().all(|byte| *byte == 0);
                if !spare {
                    self.after.push(Rest { segment: *number, whole, records });
                }
            }
        }
        Ok(())
    }

    /// Every block of a compressed segment that cannot be read.
    fn note_blocks(&mut self, segment: u64, wrong: &[PackError]) {
        for error in wrong {
            let what = source::damaged(segment, error.clone()).to_string();
            if self.faults.iter().all(|fault| fault.what != what) {
                self.note(segment, error.offset, what);
            }
        }
    }

    /// A file whose end is gone: what follows the journal so far without a gap.
    fn up_to_the_cut(&mut self, bytes: &[u8]) -> usize {
        let mut at = HEAD_BYTES;
        while let Some(Found::Frame(stamp, record)) = bytes.get(at..).map(frame::read)
            && (self.before.records == 0 || stamp.sequence == self.before.last.sequence + 1)
        {
            self.before.take(stamp, record.len());
            at += frame_bytes(record.len());
        }
        at
    }
}

fn changed(segment: u64, offset: u64, what: &str) -> String {
    format!("journal: segment {segment}, byte {offset}: {what} after it was written")
}

/// Whether a segment by itself has nothing wrong with it.
fn is_whole(bytes: &[u8]) -> bool {
    let Ok(head) = Head::read(bytes) else { return false };
    if head.segment_bytes != bytes.len() as u64 {
        return false;
    }
    let (mut at, mut due) = (HEAD_BYTES, head.first_sequence);
    let end = if head.end == 0 { bytes.len() } else { (head.end as usize).min(bytes.len()) };
    while let Found::Frame(stamp, record) = frame::read(&bytes[at.min(end)..end]) {
        if stamp.sequence != due {
            return false;
        }
        at += frame_bytes(record.len());
        due += 1;
    }
    if head.end == 0 { bytes[at..].iter().all(|byte| *byte == 0) } else { at as u64 == head.end }
}

/// The whole frames from a place on, wherever they begin.
fn scan(bytes: &[u8], mut at: usize) -> Run {
    let mut run = Run::default();
    while at + frame::FRAME_HEAD_BYTES < bytes.len() {
        match frame::read(&bytes[at..]) {
            Found::Frame(stamp, record) => {
                run.take(stamp, record.len());
                at += frame_bytes(record.len());
            }
            _ => at += 8,
        }
    }
    run
}
