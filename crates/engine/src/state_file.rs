//! `state.json` beside a journal: the hash that the live engine had at an input, for a replay to compare with.
//!
//! Invariant: it is written from a cold place, whole, with the input it belongs to; a replay compares at that input.

use std::fmt::Write;

use crate::fold::{Engine, STATE_VERSION};

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
    /// The layout of the state that was hashed ([`STATE_VERSION`]); 0 in files of builds that hashed parts of it.
    pub state_version: u32,
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
    /// What an engine has now; its full hash, which is slow, where it closes.
    pub fn of(engine: &Engine, closed: bool) -> Self {
        Self {
            input: engine.input(),
            time_ns: engine.time_ns(),
            state_hash: engine.state_hash(),
            full_hash: if closed { engine.full_hash() } else { 0 },
            state_version: STATE_VERSION,
            closed,
        }
    }

    /// Whether the full hash is one of an engine that folded all `inputs` and hashed what this build hashes.
    pub fn has_full_hash(&self, inputs: u64) -> bool {
        self.closed && self.input == inputs && self.state_version == STATE_VERSION
    }

    /// Writes it over a file's bytes without allocating.
    pub fn write(&self, bytes: &mut [u8]) {
        bytes.fill(b' ');
        let Self { input, time_ns, state_hash, full_hash, state_version, closed } = self;
        let mut text = Text { bytes, at: 0 };
        let written = writeln!(
            text,
            "{{\"version\": 2, \"input\": {input}, \"time_ns\": {time_ns}, \"state_hash\": \"{state_hash:016x}\", \
             \"full_hash\": \"{full_hash:016x}\", \"state_version\": {state_version}, \"closed\": {closed}}}"
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
        let version = value("version")?;
        ["1", "2"].contains(&version).then_some(())?;
        Some(Self {
            input: value("input")?.parse().ok()?,
            time_ns: value("time_ns")?.parse().ok()?,
            state_hash: u64::from_str_radix(value("state_hash")?, 16).ok()?,
            full_hash: u64::from_str_radix(value("full_hash")?, 16).ok()?,
            state_version: if version == "1" { 0 } else { value("state_version")?.parse().ok()? },
            closed: value("closed")? == "true",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_was_written() {
        let recorded = Recorded {
            input: 12,
            time_ns: 1 << 60,
            state_hash: 0xfeed,
            full_hash: u64::MAX,
            state_version: 7,
            closed: true,
        };
        let mut bytes = [0; STATE_FILE_BYTES];
        recorded.write(&mut bytes);
        assert_eq!(Recorded::read(std::str::from_utf8(&bytes).unwrap()), Some(recorded));
        assert_eq!(Recorded::read("{}"), None);
        let earlier = std::str::from_utf8(&bytes).unwrap().replace("\"version\": 2", "\"version\": 1");
        assert_eq!(Recorded::read(&earlier), Some(Recorded { state_version: 0, ..recorded }));
        assert!(!recorded.has_full_hash(12), "another layout's hash says nothing here");
    }
}
