//! A session's message log: every message, either way, with its time, as a line that a person and `meridian fix log` read.
//!
//! ```text
//! 20260115-14:30:00.123456789 out 8=FIX.4.4^A9=...^A10=123^A
//! ```
//!
//! The files are mapped and their space is reserved when they are made, ahead of need: a write is a copy. Of a full file the next
//! one takes over, and the oldest goes. What is not written yet is zeros.
//!
//! Passwords of logons are stars.
//!
//! Invariant: a log never holds up or ends its session; a message that could not be written is counted. It takes at most
//! `files_max` files of `file_bytes`.

use std::collections::VecDeque;
use std::io;
use std::rc::Rc;

use tiles::{Segment, Storage, settings};
use wire::fix::{Precision, SOH};

/// A file that could not be made is tried again after this long.
const TRY_AGAIN_NS: u64 = 1_000_000_000;
/// Letters of a time with nanoseconds.
const TIME_LETTERS: usize = 27;

/// Which way a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// It came.
    In,
    /// It was sent.
    Out,
}

impl Direction {
    /// As it stands in a log.
    const fn word(self) -> &'static [u8] {
        match self {
            Self::In => b" in  ",
            Self::Out => b" out ",
        }
    }
}

/// Where a session's messages are written down.
pub trait MessageLog {
    /// Writes one down; whether it could be.
    fn write(&mut self, now_ns: u64, direction: Direction, message: &[u8]) -> bool;
    /// Does ahead of need what takes time: called between messages.
    fn maintain(&mut self, now_ns: u64) {
        let _ = now_ns;
    }
}

settings! {
    /// How large a log may grow.
    pub struct LogSize {
        /// Bytes of a file.
        pub file_bytes: usize = 4 << 20, "a multiple of 4096 from 65536 to 1073741824",
            |bytes| (64 << 10..=1 << 30).contains(bytes) && bytes % 4096 == 0;
        /// Files at most, the one ahead of need among them.
        pub files_max: usize = 16, "a whole number from 3 to 4096", |files| (3..=4_096).contains(files);
    }
}

impl Default for LogSize {
    fn default() -> Self {
        Self { file_bytes: 4 << 20, files_max: 16 }
    }
}

/// Whether a message is a Logon: the one that bears passwords.
fn is_logon(message: &[u8]) -> bool {
    message.splitn(4, |byte| *byte == SOH).nth(2) == Some(b"35=A")
}

/// Stars for passwords (554, 925), and the checksum of what is left, so that the message is found in the log as one.
fn mask(message: &mut [u8]) {
    let (mut at, mut found) = (0, false);
    while let Some(length) = message[at..].iter().position(|byte| *byte == SOH) {
        let field = &mut message[at..at + length];
        if field.starts_with(b"554=") || field.starts_with(b"925=") {
            field[4..].fill(b'*');
            found = true;
        }
        at += length + 1;
    }
    let body = message.len().saturating_sub(b"10=000|".len());
    if found && message[body..].starts_with(b"10=") {
        let sum = message[..body].iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        for (letter, digit) in message[body + 3..].iter_mut().zip([sum / 100, sum / 10 % 10, sum % 10]) {
            *letter = b'0' + digit;
        }
    }
}

/// A log in files `NAME.NNNNNNNN.log`, each run of the session beginning a new one.
pub struct FileLog {
    storage: Rc<dyn Storage>,
    name: String,
    size: LogSize,
    current: Box<dyn Segment>,
    end: usize,
    spare: Option<Box<dyn Segment>>,
    failed_ns: u64,
    /// Numbers of the files that exist, the oldest first.
    kept: VecDeque<u64>,
}

impl FileLog {
    /// Begins a file behind those of earlier runs.
    ///
    /// # Errors
    /// When no file can be made.
    pub fn open(storage: Rc<dyn Storage>, name: &str, size: LogSize) -> io::Result<Self> {
        let prefix = format!("{name}.");
        let number = |file: &String| file.strip_prefix(&prefix)?.strip_suffix(".log")?.parse::<u64>().ok();
        let mut kept: VecDeque<u64> = storage.list()?.iter().filter_map(number).collect();
        kept.make_contiguous().sort_unstable();
        // The last run's file ahead of need is this run's first.
        let last = kept.back().map(|last| storage.open(&file_name(name, *last), size.file_bytes));
        let unwritten = last.and_then(Result::ok).filter(|last| last.bytes()[0] == 0);
        let next = kept.back().map_or(1, |last| last + 1);
        let current = match unwritten {
            Some(current) => current,
            None => {
                kept.push_back(next);
                storage.open(&file_name(name, next), size.file_bytes)?
            }
        };
        let mut log = Self { storage, name: name.to_owned(), size, current, end: 0, spare: None, failed_ns: 0, kept };
        log.forget();
        log.maintain(0);
        Ok(log)
    }

    /// Takes the oldest files away.
    fn forget(&mut self) {
        while self.kept.len() > self.size.files_max {
            let oldest = self.kept.pop_front().expect("there are too many");
            // One that cannot be taken away is in nobody's way but the disk's.
            let _gone_or_not = self.storage.remove(&file_name(&self.name, oldest));
        }
    }
}

fn file_name(name: &str, number: u64) -> String {
    format!("{name}.{number:08}.log")
}

impl MessageLog for FileLog {
    fn write(&mut self, now_ns: u64, direction: Direction, message: &[u8]) -> bool {
        let word = direction.word();
        let length = TIME_LETTERS + word.len() + message.len() + 1;
        if self.size.file_bytes - self.end < length {
            if length > self.size.file_bytes {
                return false;
            }
            let Some(spare) = self.spare.take() else { return false };
            (self.current, self.end) = (spare, 0);
        }
        let line = &mut self.current.bytes_mut()[self.end..self.end + length];
        let mut time = [0; TIME_LETTERS];
        wire::fix::write_time(&mut time, now_ns, Precision::Nanoseconds);
        let (stamp, rest) = line.split_at_mut(TIME_LETTERS);
        let (way, rest) = rest.split_at_mut(word.len());
        let (body, last) = rest.split_at_mut(message.len());
        body.copy_from_slice(message);
        if is_logon(message) {
            mask(body);
        }
        way.copy_from_slice(word);
        last[0] = b'\n';
        stamp.copy_from_slice(&time);
        self.end += length;
        true
    }

    fn maintain(&mut self, now_ns: u64) {
        if self.spare.is_some() || self.failed_ns != 0 && now_ns.saturating_sub(self.failed_ns) < TRY_AGAIN_NS {
            return;
        }
        let next = self.kept.back().map_or(1, |last| last + 1);
        match self.storage.open(&file_name(&self.name, next), self.size.file_bytes) {
            Ok(segment) => {
                (self.spare, self.failed_ns) = (Some(segment), 0);
                self.kept.push_back(next);
                self.forget();
            }
            Err(_) => self.failed_ns = now_ns.max(1),
        }
    }
}
