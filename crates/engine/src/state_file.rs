//! `state.json` beside a journal: the hash that the live engine had at an input, for a replay to compare with.
//!
//! Invariant: it is written from a cold place, whole, with the input it belongs to; a replay compares at that input.

use std::fmt::Write;

/// The file's name.
pub const STATE_FILE: &str = "state.json";
/// Its size; what is not used is spaces.
pub const STATE_FILE_BYTES: usize = 4096;

/// What a live engine recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// After this input.
    pub input: u64,
    /// Engine time then.
    pub time_ns: u64,
    /// Rolling hash over outputs and changed cells.
    pub state_hash: u64,
    /// Hash over the whole state; 0 unless it was closed.
    pub full_hash: u64,
    /// Whether the engine ended in order.
    pub closed: bool,
}

struct Text<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.at + text.len();
        self.bytes.get_mut(self.at..end).ok_or(std::fmt::Error)?.copy_from_slice(text.as_bytes());
        self.at = end;
        Ok(())
    }
}

impl Recorded {
    /// Writes it over a file's bytes without allocating.
    pub fn write(&self, bytes: &mut [u8]) {
        bytes.fill(b' ');
        let Self { input, time_ns, state_hash, full_hash, closed } = self;
        let mut text = Text { bytes, at: 0 };
        let written = writeln!(
            text,
            "{{\"version\": 1, \"input\": {input}, \"time_ns\": {time_ns}, \"state_hash\": \"{state_hash:016x}\", \
             \"full_hash\": \"{full_hash:016x}\", \"closed\": {closed}}}"
        );
        assert!(written.is_ok(), "a state file holds a state");
    }

    /// Reads it back; `None` when the text is not such a file.
    pub fn read(text: &str) -> Option<Self> {
        let value = |key: &str| {
            let start = text.find(&format!("\"{key}\": "))? + key.len() + 4;
            let rest = &text[start..];
            let end = rest.find([',', '}'])?;
            Some(rest[..end].trim_matches('"'))
        };
        (value("version")? == "1").then_some(())?;
        Some(Self {
            input: value("input")?.parse().ok()?,
            time_ns: value("time_ns")?.parse().ok()?,
            state_hash: u64::from_str_radix(value("state_hash")?, 16).ok()?,
            full_hash: u64::from_str_radix(value("full_hash")?, 16).ok()?,
            closed: value("closed")? == "true",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_was_written() {
        let recorded = Recorded { input: 12, time_ns: 1 << 60, state_hash: 0xfeed, full_hash: u64::MAX, closed: true };
        let mut bytes = [0; STATE_FILE_BYTES];
        recorded.write(&mut bytes);
        assert_eq!(Recorded::read(std::str::from_utf8(&bytes).unwrap()), Some(recorded));
        assert_eq!(Recorded::read("{}"), None);
    }
}
