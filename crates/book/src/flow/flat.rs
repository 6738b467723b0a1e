//! Flow that somebody else has read: a head with the symbols, and records as they lie in memory, one behind the other.
//!
//! How the Python half hands over what it reads (`venues/flow/parquet.py`). Little-endian: `MERIDFL1`, 1 where the records are of
//! levels (u32), the number of symbols (u32), each symbol as its length (u16) and its bytes; then records by their headers.
//!
//! Invariant: a record is taken only with the kind, version and length of its type, and a symbol that the head names; anything else
//! ends the stream with its byte.

use std::io::Read;
use std::path::Path;

use records::{Header, MarketLevel, MarketOrder, Plain, Record, Status, Trade, read_from};

use super::FlowRecord;
use super::stream::Window;

const MAGIC: &[u8] = b"MERIDFL1";
const ALLOWED: &str = "a file that this version wrote is allowed";
/// Records of one call.
const BATCH: usize = 4_096;
const SYMBOLS_MAX: usize = 1 << 20;

/// A file that is read record by record.
pub(crate) struct Stream {
    window: Window,
    names: Vec<String>,
    pub(crate) by_level: bool,
}

/// Whether the bytes begin with the head of such a file.
pub(crate) fn looks_flat(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Whether a file does.
pub(crate) fn is_flat(path: &Path) -> bool {
    let mut head = [0; MAGIC.len()];
    std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok() && looks_flat(&head)
}

impl Stream {
    /// Opens a file and reads its head.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        let mut window = Window::open(path)?;
        let head = take(&mut window, MAGIC.len() + 8)?;
        let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (by_level, count) = (word(MAGIC.len()), word(MAGIC.len() + 4) as usize);
        if !looks_flat(&head) || by_level > 1 || count > SYMBOLS_MAX {
            return Err(format!("no file of records; {ALLOWED}"));
        }
        let mut names = Vec::with_capacity(count);
        for _ in 0..count {
            let length = take(&mut window, 2)?;
            let name = take(&mut window, usize::from(u16::from_le_bytes([length[0], length[1]])))?;
            names.push(String::from_utf8(name).map_err(|_| format!("a symbol is no text; {ALLOWED}"))?);
        }
        Ok(Self { window, names, by_level: by_level == 1 })
    }

    /// Its symbols.
    pub(crate) fn symbols(&self) -> Vec<String> {
        self.names.clone()
    }

    /// Adds the next records; false at the end.
    pub(crate) fn read(&mut self, out: &mut Vec<FlowRecord>) -> Result<bool, (String, String)> {
        let mut count = 0;
        while count < BATCH {
            let at = self.window.passed;
            let wrong = |words: &str| (format!("byte {at}"), format!("{words}; {ALLOWED}"));
            let rest = self.window.rest();
            let header = read_from::<Header>(rest);
            let length = header.map_or(size_of::<Header>(), |header| usize::from(header.length));
            if rest.len() < length.max(size_of::<Header>()) {
                if self.window.read_more().map_err(|words| (format!("byte {at}"), words))? {
                    continue;
                }
                return if self.window.rest().is_empty() { Ok(false) } else { Err(wrong("ends within a record")) };
            }
            let Some(record) = header.and_then(|header| whole(&header, rest)) else {
                return Err(wrong("no record of orders, levels, trades or status"));
            };
            if record.header().instrument == 0 || record.header().instrument as usize > self.names.len() {
                return Err(wrong("a record of a symbol that the head does not name"));
            }
            out.push(record);
            self.window.give_up(length);
            count += 1;
        }
        Ok(true)
    }
}

/// The record that a header promises.
fn whole(header: &Header, bytes: &[u8]) -> Option<FlowRecord> {
    fn of<R: Record + Plain>(header: &Header, bytes: &[u8]) -> Option<R> {
        let known = header.kind == R::KIND as u16 && header.version == R::VERSION;
        (known && usize::from(header.length) == size_of::<R>()).then(|| read_from(bytes)).flatten()
    }
    of::<MarketOrder>(header, bytes)
        .map(FlowRecord::Order)
        .or_else(|| of::<MarketLevel>(header, bytes).map(FlowRecord::Level))
        .or_else(|| of::<Trade>(header, bytes).map(FlowRecord::Trade))
        .or_else(|| of::<Status>(header, bytes).map(FlowRecord::Status))
}

fn take(window: &mut Window, count: usize) -> Result<Vec<u8>, String> {
    while window.rest().len() < count {
        if !window.read_more()? {
            return Err(format!("ends within its head; {ALLOWED}"));
        }
    }
    let taken = window.rest()[..count].to_vec();
    window.give_up(count);
    Ok(taken)
}

/// All records of a file, when it is of orders.
pub(crate) fn read(path: &Path) -> Result<super::FlowFile, super::FlowErrors> {
    let wrong = |words: String| super::FlowErrors::one(path, "", words);
    let mut stream = Stream::open(path).map_err(wrong)?;
    let mut records = Vec::new();
    while stream.read(&mut records).map_err(|(place, words)| super::FlowErrors::one(path, place, words))? {}
    let counts = super::ReadCounts { messages: records.len() as u64, ..super::ReadCounts::default() };
    Ok(super::FlowFile {
        path: path.to_path_buf(),
        format: super::Format::ParquetOrders,
        symbols: super::FlowFile::count_symbols(stream.symbols(), records.iter().copied()),
        counts,
        content: super::Content::Parsed(records),
    })
}

#[cfg(test)]
mod tests {
    use records::{BookAction, bytes_of};

    use super::*;

    fn file(name: &str, by_level: u32, symbols: &[&str], records: &[u8]) -> std::path::PathBuf {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(by_level.to_le_bytes());
        bytes.extend((symbols.len() as u32).to_le_bytes());
        for symbol in symbols {
            bytes.extend((symbol.len() as u16).to_le_bytes());
            bytes.extend(symbol.as_bytes());
        }
        bytes.extend(records);
        let path = std::env::temp_dir().join(format!("meridian-flat-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn order(instrument: u32) -> MarketOrder {
        let mut order = MarketOrder::new();
        (order.header.instrument, order.action, order.lots) = (instrument, BookAction::Add.code(), 7);
        order
    }

    fn words(path: &Path) -> String {
        let mut out = Vec::new();
        let result = Stream::open(path).map_err(|words| (String::new(), words)).and_then(|mut stream| {
            while stream.read(&mut out)? {}
            Ok(())
        });
        let (place, words) = result.unwrap_err();
        format!("{place}: {words}")
    }

    #[test]
    fn records_come_as_they_were_written() {
        let (one, two) = (order(1), order(2));
        let mut level = MarketLevel::new();
        level.header.instrument = 2;
        let bytes = [bytes_of(&one), bytes_of(&level), bytes_of(&two)].concat();
        let path = file("good", 0, &["A", "LONGER"], &bytes);
        let mut stream = Stream::open(&path).unwrap();
        let mut out = Vec::new();
        assert!(!stream.read(&mut out).unwrap());
        assert_eq!(out, [FlowRecord::Order(one), FlowRecord::Level(level), FlowRecord::Order(two)]);
        assert_eq!(stream.symbols(), ["A", "LONGER"]);
        assert_eq!(read(&path).unwrap().symbols.len(), 2);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn what_is_no_record_is_named_by_its_byte() {
        let good = order(1);
        let whole = bytes_of(&good);
        let mut other_kind = whole.to_vec();
        other_kind[0] = 0xee;
        let cases = [
            ("cut", [whole, &whole[..50]].concat(), "byte 115: ends within a record"),
            ("kind", other_kind, "byte 19: no record of orders"),
            ("symbol", bytes_of(&order(2)).to_vec(), "byte 19: a record of a symbol that the head does not name"),
        ];
        for (name, bytes, expected) in cases {
            let path = file(name, 0, &["A"], &bytes);
            assert!(words(&path).starts_with(expected), "{name}: {}", words(&path));
            std::fs::remove_file(path).unwrap();
        }
        let path = file("head", 7, &[], &[]);
        assert!(words(&path).starts_with(": no file of records"));
        std::fs::write(&path, MAGIC).unwrap();
        assert!(words(&path).starts_with(": ends within its head"));
        std::fs::remove_file(path).unwrap();
    }
}
