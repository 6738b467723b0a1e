//! What is wrong with a file, in words for the person who named it.
//!
//! Invariant: an error names the path, the place, the value found and what is allowed; all errors of all files come
//! together.

use std::fmt;
use std::path::{Path, PathBuf};

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowError {
    /// The file.
    pub path: PathBuf,
    /// `line 3`, `record 17`, `byte 120`; empty: the file itself.
    pub place: String,
    /// What was found and what is allowed.
    pub words: String,
}

impl fmt::Display for FlowError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.path.display())?;
        if !self.place.is_empty() {
            write!(formatter, ", {}", self.place)?;
        }
        write!(formatter, ": {}", self.words)
    }
}

/// Everything that is wrong. Never empty when it is an `Err`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlowErrors {
    /// The first errors, up to 50 of each file.
    pub errors: Vec<FlowError>,
    /// How many more there were.
    pub more: u64,
}

/// Errors of one file that are told; more are counted.
const TOLD_MAX: usize = 50;

impl FlowErrors {
    /// One error alone.
    pub fn one(path: &Path, place: impl Into<String>, words: impl Into<String>) -> Self {
        let mut errors = Self::default();
        errors.add(path, place, words);
        errors
    }

    /// Adds one.
    pub fn add(&mut self, path: &Path, place: impl Into<String>, words: impl Into<String>) {
        if self.errors.len() >= TOLD_MAX {
            self.more += 1;
            return;
        }
        self.errors.push(FlowError { path: path.to_path_buf(), place: place.into(), words: words.into() });
    }

    /// Adds another file's.
    pub fn extend(&mut self, other: Self) {
        self.errors.extend(other.errors);
        self.more += other.more;
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }
}

impl fmt::Display for FlowErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, error) in self.errors.iter().enumerate() {
            if position > 0 {
                writeln!(formatter)?;
            }
            write!(formatter, "{error}")?;
        }
        if self.more > 0 {
            write!(formatter, "\nand {} more", self.more)?;
        }
        Ok(())
    }
}

impl std::error::Error for FlowErrors {}
