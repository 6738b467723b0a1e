//! The sample data beside the tree, for the Rust tests of every crate: `#[path = "../../../tests/samples.rs"] mod samples;`.
//!
//! Invariant: a missing sample never fails a test and never hides: it is named at the end of `make test`, through the file
//! that `MERIDIAN_NOT_CHECKED` names.

use std::io::Write;
use std::path::{Path, PathBuf};

/// A file or folder of the sample data, or `None` after saying that `what` is not checked.
pub fn sample(part: &str, what: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(part);
    if path.exists() {
        return Some(path);
    }
    let line = format!("{what} (the sample data {part} is not beside the tree)");
    eprintln!("not checked: {line}");
    if let Ok(list) = std::env::var("MERIDIAN_NOT_CHECKED") {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(list);
        file.and_then(|mut file| writeln!(file, "{line}")).expect("the list of what is not checked can be written");
    }
    None
}
