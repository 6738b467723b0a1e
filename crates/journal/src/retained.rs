//! `retained.json` beside a journal: what was taken away of its begin, and where it was put before.
//!
//! Invariant: it is written, whole, before the first segment that it tells of goes: whoever finds the begin missing finds out why.

use std::path::Path;

use tiles::Storage;

/// The file's name.
pub const RETAINED_FILE: &str = "retained.json";

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retained {
    /// The first segment that is kept.
    pub segment: u64,
    /// The first record that is kept.
    pub sequence: u64,
    /// Where the earlier segments were shipped to.
    pub shipped_to: Option<String>,
}

impl Retained {
    /// Reads the file's text; `None` when it is no such file.
    pub fn read(text: &str) -> Option<Self> {
        let value = |key: &str| {
            let start = text.find(&format!("\"{key}\": "))? + key.len() + 4;
            let rest = &text[start..];
            rest.strip_prefix('"').map_or_else(|| rest.split([',', '}']).next(), |quoted| quoted.split('"').next())
        };
        (value("version")? == "1").then_some(())?;
        let shipped_to = value("shipped_to").filter(|place| *place != "null").map(str::to_owned);
        Some(Self { segment: value("segment")?.parse().ok()?, sequence: value("sequence")?.parse().ok()?, shipped_to })
    }

    /// Of the journal in a directory; `None` where nothing was taken away, or nobody said so.
    pub fn of(directory: &Path) -> Option<Self> {
        Self::read(&std::fs::read_to_string(directory.join(RETAINED_FILE)).ok()?)
    }

    /// Of the journal in a tile's storage.
    pub fn of_storage(storage: &dyn Storage) -> Option<Self> {
        Self::read(std::str::from_utf8(&storage.read(RETAINED_FILE).ok()?).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_is_written() {
        let text = r#"{"version": 1, "segment": 3, "sequence": 501, "shipped_to": "s3://books/firm-1"}"#;
        let shipped_to = Some("s3://books/firm-1".to_owned());
        assert_eq!(Retained::read(text), Some(Retained { segment: 3, sequence: 501, shipped_to }));
        let alone = text.replace("\"s3://books/firm-1\"", "null");
        assert_eq!(Retained::read(&alone).map(|retained| retained.shipped_to), Some(None));
        assert_eq!(Retained::read(&text.replace("\"version\": 1", "\"version\": 2")), None);
        assert_eq!(Retained::read("{}"), None);
    }
}
