//! Which files a path means, and what each of them is.
//!
//! Invariant: a file named by itself must be order-by-order flow, or it is an error; in a directory whatever is not is
//! named and skipped with the reason; a file that is flow and is broken is an error either way.

use std::path::{Path, PathBuf};

use super::error::FlowErrors;
use super::{FlowFile, capture, dbn, flat, itch, lobster};

/// A file of a directory that carries no order-by-order data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The file.
    pub path: PathBuf,
    /// Why it was skipped.
    pub reason: String,
}

/// What the paths held.
pub struct Opened {
    /// Checked files, in the order of the paths, within a directory by name.
    pub files: Vec<FlowFile>,
    /// What was passed over.
    pub skipped: Vec<Skipped>,
}

/// What a file turned out to be.
enum Found {
    Flow(Box<FlowFile>),
    NotFlow(String),
    /// Read with the file that it belongs to.
    Part,
}

const ALLOWED: &str =
    "LOBSTER pairs, Databento mbo, ITCH 5.0 files, captures of its feed (pcap, pcapng) and Parquet are allowed";

/// Opens files and directories. A directory means the files directly in it.
///
/// # Errors
/// Everything that is wrong with any of them.
pub fn open(paths: &[PathBuf]) -> Result<Opened, FlowErrors> {
    let mut errors = FlowErrors::default();
    let mut opened = Opened { files: Vec::new(), skipped: Vec::new() };
    for path in paths {
        let result = if path.is_dir() { open_directory(path, &mut opened) } else { open_file(path, &mut opened) };
        if let Err(wrong) = result {
            errors.extend(wrong);
        }
    }
    if errors.is_empty() && opened.files.is_empty() {
        let named = paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
        errors.add(Path::new(&named), "", format!("holds no order-by-order flow; {ALLOWED}"));
    }
    if errors.is_empty() { Ok(opened) } else { Err(errors) }
}

fn open_file(path: &Path, opened: &mut Opened) -> Result<(), FlowErrors> {
    if !capture::named(path).0.is_file() {
        return Err(FlowErrors::one(path, "", "there is no such file; a flow file or a directory of such is allowed"));
    }
    match identify(path)? {
        Found::Flow(file) => opened.files.push(*file),
        Found::NotFlow(reason) => {
            return Err(FlowErrors::one(path, "", format!("{reason}; {ALLOWED}")));
        }
        Found::Part => {
            let message = message_path(path);
            return open_file(&message, opened);
        }
    }
    Ok(())
}

fn open_directory(path: &Path, opened: &mut Opened) -> Result<(), FlowErrors> {
    let unreadable = |error: std::io::Error| FlowErrors::one(path, "", format!("cannot be read ({error})"));
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        entries.push(entry.map_err(unreadable)?.path());
    }
    entries.sort();
    let mut errors = FlowErrors::default();
    for entry in entries {
        if entry.is_dir() {
            let reason = "a directory; the files directly in the one named are read".to_owned();
            opened.skipped.push(Skipped { path: entry, reason });
            continue;
        }
        match identify(&entry) {
            Ok(Found::Flow(file)) => opened.files.push(*file),
            Ok(Found::NotFlow(reason)) => opened.skipped.push(Skipped { path: entry, reason }),
            Ok(Found::Part) => {}
            Err(wrong) => errors.extend(wrong),
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// The message file of an order-book file.
fn message_path(path: &Path) -> PathBuf {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    path.with_file_name(name.replacen("_orderbook_", "_message_", 1))
}

fn identify(path: &Path) -> Result<Found, FlowErrors> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let flow = |file: FlowFile| Found::Flow(Box::new(file));
    if name.ends_with(".csv") {
        return match () {
            () if name.contains("_message_") => lobster::read(path).map(flow),
            () if name.contains("_orderbook_") && message_path(path).is_file() => Ok(Found::Part),
            () if name.contains("_orderbook_") => {
                Ok(Found::NotFlow("a LOBSTER order book without its messages".to_owned()))
            }
            () => Ok(Found::NotFlow("a table that is no LOBSTER message file".to_owned())),
        };
    }
    if name.ends_with(".dbz") {
        return Ok(Found::NotFlow("the legacy encoding that came before DBN".to_owned()));
    }
    if name.contains(".frag") {
        return Ok(Found::NotFlow("a fragment without its head".to_owned()));
    }
    if name.ends_with(".dbn") || name.ends_with(".dbn.zst") {
        let wrong = |words: String| FlowErrors::one(path, "", words);
        let bytes = dbn::load(path).map_err(wrong)?;
        let metadata = dbn::metadata(&bytes).map_err(wrong)?;
        return match metadata.skip_reason() {
            Some(reason) => Ok(Found::NotFlow(reason)),
            None => dbn::read(path, &bytes, &metadata).map(flow),
        };
    }
    if itch::captures(path) {
        return match itch::read(path) {
            Err(wrong) if wrong.errors.iter().any(|error| error.words.starts_with(capture::NONE)) => {
                Ok(Found::NotFlow(wrong.errors[0].words.clone()))
            }
            result => result.map(flow),
        };
    }
    if flat::is_flat(path) {
        let wrong = |words: String| FlowErrors::one(path, "", words);
        return match flat::Stream::open(path).map_err(wrong)?.by_level {
            true => Ok(Found::NotFlow("levels and trades, which tell of no order".to_owned())),
            false => flat::read(path).map(flow),
        };
    }
    let itch_by_name = name.to_ascii_uppercase().contains("ITCH");
    if itch_by_name || itch::looks_like_itch(path) {
        return itch::read(path).map(flow);
    }
    Ok(Found::NotFlow("neither LOBSTER, Databento nor ITCH data".to_owned()))
}
