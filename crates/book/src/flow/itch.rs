//! Nasdaq TotalView-ITCH 5.0 files, plain or gzipped: two length bytes and a message, over and over; and captures of the feed.
//!
//! Invariant: the file is walked once when it is opened, and any message that is none is an error with its byte; what is
//! iterated afterwards is the same bytes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use records::{Imbalance, MarketOrder, Status, Trade};
use wire::files::Messages;
use wire::itch50::{Message, decode};
use wire::normalise::{ItchNormaliser, MarketSink};

use super::error::FlowErrors;
use super::stream::Window;
use super::time::midnight_of;
use super::{Content, FlowFile, FlowRecord, Format, ReadCounts, capture};

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

enum Bytes {
    Mapped(memmap2::Mmap),
    Unpacked(Vec<u8>),
}

impl Bytes {
    fn get(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Unpacked(bytes) => bytes,
        }
    }
}

/// The bytes of a checked file and how its locates are numbered here.
pub(crate) struct ItchContent {
    bytes: Bytes,
    instruments: BTreeMap<u16, u32>,
    midnight_ns: u64,
}

/// Opens a file: mapped where it is plain, unpacked into memory where it is gzipped or a packet capture. And New York's midnight of
/// its day, ns UTC; 0 when that is not known.
fn load(path: &Path) -> Result<(Bytes, u64), String> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if captures(path) {
        let mut window = Window::open(path)?;
        while window.read_more()? {}
        let midnight_ns = midnight_of(name, window.captured_ns());
        return Ok((Bytes::Unpacked(window.rest().to_vec()), midnight_ns));
    }
    Ok((load_file(path)?, midnight_of(name, None)))
}

/// Whether a file is a packet capture, or `FILE:PORT` which no other may be.
pub(crate) fn captures(path: &Path) -> bool {
    let (file, port) = capture::named(path);
    let mut head = Vec::new();
    let Ok(file) = File::open(file) else { return false };
    let _ = file.take(2).read_to_end(&mut head);
    let packed = head == GZIP_MAGIC;
    let Ok(file) = File::open(capture::named(path).0) else { return false };
    head.clear();
    let _ = if packed {
        flate2::read::MultiGzDecoder::new(file).take(4).read_to_end(&mut head)
    } else {
        file.take(4).read_to_end(&mut head)
    };
    port.is_some() || capture::is_capture(&head)
}

fn load_file(path: &Path) -> Result<Bytes, String> {
    let unreadable = |error: std::io::Error| format!("cannot be read ({error})");
    let mut file = File::open(path).map_err(unreadable)?;
    let mut magic = [0; 2];
    let found = file.read(&mut magic).map_err(unreadable)?;
    if found < 2 {
        return Err("is empty; ITCH messages, each after its two length bytes, are allowed".to_owned());
    }
    if magic == GZIP_MAGIC {
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(unreadable)?;
        let unpacked = flate2::read::MultiGzDecoder::new(file).read_to_end(&mut bytes);
        unpacked.map_err(|error| format!("its gzip data are broken ({error}); whole gzip members are allowed"))?;
        return Ok(Bytes::Unpacked(bytes));
    }
    // SAFETY: the map is read only; a file that another process cuts short while it is mapped ends this process, as it
    // would end any reader of a file that vanishes.
    let map = unsafe { memmap2::Mmap::map(&file) }.map_err(unreadable)?;
    Ok(Bytes::Mapped(map))
}

/// Whether the first message is an ITCH message: how a file without a telling name is known.
pub(crate) fn looks_like_itch(path: &Path) -> bool {
    let mut head = Vec::new();
    let Ok(mut file) = File::open(path) else { return false };
    let read = if file.by_ref().take(2).read_to_end(&mut head).is_ok() && head == GZIP_MAGIC {
        head.clear();
        let Ok(file) = File::open(path) else { return false };
        flate2::read::MultiGzDecoder::new(file).take(256).read_to_end(&mut head)
    } else {
        file.take(254).read_to_end(&mut head)
    };
    if read.is_err() && head.is_empty() {
        return false;
    }
    matches!(Messages::new(&head).next(), Some(Ok(message)) if decode(message).is_ok())
}

/// Reads and checks a file.
pub(crate) fn read(path: &Path) -> Result<FlowFile, FlowErrors> {
    let (bytes, midnight_ns) = load(path).map_err(|words| FlowErrors::one(path, "", words))?;
    let mut counts = ReadCounts::default();
    let (instruments, names) = check(path, bytes.get(), &mut counts)?;
    let content = ItchContent { bytes, instruments, midnight_ns };
    let symbols = FlowFile::count_symbols(names, content.records());
    Ok(FlowFile { path: path.to_path_buf(), format: Format::Itch, symbols, counts, content: Content::Itch(content) })
}

/// Walks every message: errors, counts, and the instruments that have orders, in the order of their first one.
fn check(path: &Path, bytes: &[u8], counts: &mut ReadCounts) -> Result<(BTreeMap<u16, u32>, Vec<String>), FlowErrors> {
    let mut errors = FlowErrors::default();
    let mut directory: BTreeMap<u16, [u8; 8]> = BTreeMap::new();
    let mut instruments: BTreeMap<u16, u32> = BTreeMap::new();
    let mut names = Vec::new();
    let mut messages = Messages::new(bytes);
    loop {
        let at = bytes.len() - messages.rest().len();
        let Some(message) = messages.next() else { break };
        counts.messages += 1;
        let added = match message.and_then(decode) {
            Ok(Message::StockDirectory(view)) => {
                directory.insert(view.stock_locate(), view.stock());
                None
            }
            Ok(Message::AddOrder(view)) => Some((view.stock_locate(), view.stock())),
            Ok(Message::AddOrderMpid(view)) => Some((view.stock_locate(), view.stock())),
            Ok(_) => None,
            Err(error) => {
                let words = format!(
                    "no ITCH 5.0 message ({error}); messages of the specification's types and lengths are allowed"
                );
                errors.add(path, format!("message {} at byte {at}", counts.messages), words);
                None
            }
        };
        if let Some((locate, stock)) = added
            && !instruments.contains_key(&locate)
        {
            let symbol = directory.get(&locate).copied().unwrap_or(stock);
            names.push(String::from_utf8_lossy(&symbol).trim().to_owned());
            instruments.insert(locate, names.len() as u32);
        }
    }
    let left = messages.rest();
    if errors.is_empty() && !ends_well(left) {
        let at = bytes.len() - left.len();
        errors.add(
            path,
            format!("byte {at}"),
            format!("{} bytes after the end of the messages; none are allowed", left.len()),
        );
    }
    if errors.is_empty() { Ok((instruments, names)) } else { Err(errors) }
}

/// Whether this may stand behind the last message: nothing, or a length of zero and more zeros. One zero alone is a length cut off.
pub(crate) fn ends_well(left: &[u8]) -> bool {
    left.len() != 1 && left.iter().all(|byte| *byte == 0)
}

impl ItchContent {
    /// The records, made on the way.
    pub(crate) fn records(&self) -> impl Iterator<Item = FlowRecord> + Send + '_ {
        let mut normaliser = ItchNormaliser::new(0);
        self.instruments.iter().for_each(|(&locate, &instrument)| normaliser.map(locate, instrument));
        let midnight_ns = self.midnight_ns;
        let mut sequence = 0;
        Messages::new(self.bytes.get()).filter_map(move |message| {
            sequence += 1;
            let mut sink = OneRecord(None);
            // Checked when the file was opened; a message that is none gives no record.
            normaliser.normalise(message.ok()?, sequence, 0, midnight_ns, &mut sink).ok()?;
            let mut record = sink.0?;
            let header = record.header_mut();
            header.receive_time_ns = header.venue_time_ns;
            Some(record)
        })
    }
}

/// A message gives at most one record.
struct OneRecord(Option<FlowRecord>);

impl MarketSink for OneRecord {
    fn market_order(&mut self, record: &MarketOrder) {
        self.0 = Some(FlowRecord::Order(*record));
    }

    fn trade(&mut self, record: &Trade) {
        self.0 = Some(FlowRecord::Trade(*record));
    }

    fn status(&mut self, record: &Status) {
        self.0 = Some(FlowRecord::Status(*record));
    }

    fn imbalance(&mut self, record: &Imbalance) {
        self.0 = Some(FlowRecord::Imbalance(*record));
    }
}

#[cfg(test)]
mod tests {
    use super::ends_well;

    #[test]
    fn a_length_that_is_cut_off_is_no_end() {
        for (left, well) in
            [(&[][..], true), (&[0], false), (&[0, 0], true), (&[0, 0, 0], true), (&[1], false), (&[0, 7], false)]
        {
            assert_eq!(ends_well(left), well, "{left:?}");
        }
    }
}
