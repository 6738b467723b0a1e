//! Recorded flow read as it is asked for: memory does not grow with the file.
//!
//! The same readers as those of whole files ([`super::open`]), fed piece by piece. Symbols are numbered as they are met, or
//! as the caller numbers them; those that nobody asked for are passed over.
//!
//! Invariant: the records of a file are those that the whole file's reader gives, in the same order; the first thing that is
//! wrong ends the stream with its place in words.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use records::{Imbalance, MarketOrder, Status, Trade};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use wire::WireError;
use wire::files::Messages;
use wire::itch50::{Message, decode};
use wire::normalise::{ItchNormaliser, MarketSink};

use super::error::FlowErrors;
use super::itch::ends_well;
use super::time::midnight_of;
use super::{FlowRecord, Format, capture, dbn, flat, lobster, tardis};

/// Bytes that are asked of a file at once; no message is longer.
const PIECE_BYTES: usize = 1 << 20;
/// Bytes by which a capture is known: more than its reader wants to see at once.
const HEAD_BYTES: usize = 4_096;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Where bytes come from: a file as it is or unpacked, or the messages of a packet capture.
enum Source {
    File(Box<dyn Read + Send>),
    Capture(Box<capture::Blocks>),
}

impl Read for Source {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::File(source) => source.read(out),
            Self::Capture(source) => source.read(out),
        }
    }
}

/// Bytes of a file in order, unpacked where they are packed: a window that moves forward.
pub(crate) struct Window {
    source: Source,
    bytes: Vec<u8>,
    from: usize,
    ended: bool,
    /// Bytes given up before the window.
    pub(crate) passed: u64,
}

impl Window {
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        let unreadable = |error: std::io::Error| format!("cannot be read ({error})");
        let (path, port) = capture::named(path);
        let mut file = BufReader::with_capacity(PIECE_BYTES, File::open(path).map_err(unreadable)?);
        let magic = file.fill_buf().map_err(unreadable)?;
        let mut source: Box<dyn Read + Send> = if magic.starts_with(&GZIP_MAGIC) {
            Box::new(flate2::bufread::MultiGzDecoder::new(file))
        } else if magic.starts_with(&ZSTD_MAGIC) {
            Box::new(ZstdFrames { source: file, decoder: FrameDecoder::new(), inside: false })
        } else {
            Box::new(file)
        };
        let mut head = Vec::with_capacity(HEAD_BYTES);
        // What is broken within its first bytes is told when they are read.
        let _ = source.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head);
        let is_capture = capture::is_capture(&head);
        let whole = Cursor::new(head).chain(source);
        let source = match port {
            _ if is_capture => Source::Capture(Box::new(capture::Blocks::open(whole, port)?)),
            None => Source::File(Box::new(whole)),
            Some(port) => {
                return Err(format!("no packet capture, of which port {port} could be read; FILE alone is allowed"));
            }
        };
        Ok(Self { source, bytes: Vec::with_capacity(2 * PIECE_BYTES), from: 0, ended: false, passed: 0 })
    }

    /// When the first datagram of a capture was captured, ns UTC.
    pub(crate) fn captured_ns(&self) -> Option<u64> {
        match &self.source {
            Source::Capture(blocks) => Some(blocks.first_ns),
            Source::File(_) => None,
        }
    }

    /// What was read and not yet given up.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.bytes[self.from..]
    }

    pub(crate) fn give_up(&mut self, bytes: usize) {
        self.from += bytes;
        self.passed += bytes as u64;
    }

    /// Reads one more piece; false when there is nothing more.
    pub(crate) fn read_more(&mut self) -> Result<bool, String> {
        if self.ended {
            return Ok(false);
        }
        self.bytes.drain(..self.from);
        self.from = 0;
        let before = self.bytes.len();
        self.bytes.resize(before + PIECE_BYTES, 0);
        let mut read = 0;
        while read < PIECE_BYTES {
            match self.source.read(&mut self.bytes[before + read..]) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(more) => read += more,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.bytes.truncate(before + read);
                    return Err(match error.get_ref().and_then(|inner| inner.downcast_ref::<capture::Refused>()) {
                        Some(refused) => refused.0.clone(),
                        None => format!("its packed data are broken ({error}); whole files are allowed"),
                    });
                }
            }
        }
        self.bytes.truncate(before + read);
        Ok(read > 0)
    }
}

/// zstd frames, one after the other.
struct ZstdFrames {
    source: BufReader<File>,
    decoder: FrameDecoder,
    inside: bool,
}

impl Read for ZstdFrames {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        loop {
            if !self.inside {
                if self.source.fill_buf()?.is_empty() {
                    return Ok(0);
                }
                self.decoder.reset(&mut self.source).map_err(std::io::Error::other)?;
                self.inside = true;
            }
            if !self.decoder.is_finished() {
                let more = BlockDecodingStrategy::UptoBytes(out.len());
                self.decoder.decode_blocks(&mut self.source, more).map_err(std::io::Error::other)?;
            }
            let read = self.decoder.read(out)?;
            if read > 0 {
                return Ok(read);
            }
            self.inside = !self.decoder.is_finished() || self.decoder.can_collect() > 0;
        }
    }
}

enum Reading {
    Itch(Box<Itch>),
    Dbn(Box<dbn::Stream>),
    Lobster(Box<lobster::Stream>),
    Tardis(Box<tardis::Stream>),
    Flat(Box<flat::Stream>),
}

/// A file that is being read.
pub struct FlowStream {
    path: PathBuf,
    format: Format,
    reading: Reading,
}

impl FlowStream {
    /// Opens a file: a LOBSTER message file (its order book lies beside it), Databento `mbo`, ITCH 5.0 or a capture of its feed,
    /// Tardis CSV, or what was read of Parquet.
    ///
    /// # Errors
    /// In words, when it is none of these or cannot be read.
    pub fn open(path: &Path) -> Result<Self, FlowErrors> {
        let wrong = |words: String| FlowErrors::one(path, "", words);
        if !capture::named(path).0.is_file() {
            return Err(wrong("there is no such file; a file of order-by-order flow is allowed".to_owned()));
        }
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let (format, reading) = if name.ends_with(".csv") && name.contains("_message_") {
            (Format::Lobster, Reading::Lobster(Box::new(lobster::Stream::open(path)?)))
        } else if name.ends_with(".dbn") || name.ends_with(".dbn.zst") {
            (Format::Dbn, Reading::Dbn(Box::new(dbn::Stream::open(path).map_err(wrong)?)))
        } else {
            Self::by_head(path, name).map_err(wrong)?
        };
        Ok(Self { path: path.to_path_buf(), format, reading })
    }

    /// What a file is that its name does not tell.
    fn by_head(path: &Path, name: &str) -> Result<(Format, Reading), String> {
        let head = head(path)?;
        if tardis::looks_like_tardis(&head) {
            return Ok((Format::Tardis, Reading::Tardis(Box::new(tardis::Stream::open(path)?))));
        }
        if flat::looks_flat(&head) {
            let stream = flat::Stream::open(path)?;
            let format = if stream.by_level { Format::ParquetLevels } else { Format::ParquetOrders };
            return Ok((format, Reading::Flat(Box::new(stream))));
        }
        Ok((Format::Itch, Reading::Itch(Box::new(Itch::open(path, name)?))))
    }

    /// What it is.
    pub const fn format(&self) -> Format {
        self.format
    }

    /// Adds the next records, some thousands at most; false when there are none left.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn read(&mut self, out: &mut Vec<FlowRecord>) -> Result<bool, FlowErrors> {
        let result = match &mut self.reading {
            Reading::Itch(reading) => reading.read(out),
            Reading::Dbn(reading) => reading.read(out),
            Reading::Tardis(reading) => reading.read(out),
            Reading::Flat(reading) => reading.read(out),
            Reading::Lobster(reading) => return reading.read(&self.path, out),
        };
        result.map_err(|(place, words)| FlowErrors::one(&self.path, place, words))
    }

    /// Symbols met so far; `instrument - 1` of a record is the place.
    pub fn symbols(&self) -> Vec<String> {
        match &self.reading {
            Reading::Itch(reading) => reading.names.clone(),
            Reading::Dbn(reading) => reading.symbols(),
            Reading::Tardis(reading) => reading.symbols(),
            Reading::Flat(reading) => reading.symbols(),
            Reading::Lobster(reading) => vec![reading.symbol().to_owned()],
        }
    }
}

/// The first bytes of a file, unpacked.
fn head(path: &Path) -> Result<Vec<u8>, String> {
    let mut window = Window::open(path)?;
    window.read_more()?;
    Ok(window.rest()[..window.rest().len().min(256)].to_vec())
}

struct Itch {
    window: Window,
    framing: Option<Messages<'static>>,
    normaliser: ItchNormaliser,
    known: Box<[bool; 1 << 16]>,
    names: Vec<String>,
    midnight_ns: u64,
    sequence: u64,
}

/// Records of one call.
const BATCH: usize = 4_096;

impl Itch {
    fn open(path: &Path, name: &str) -> Result<Self, String> {
        let mut window = Window::open(path)?;
        window.read_more()?;
        let allowed =
            "LOBSTER message files, Databento mbo, ITCH 5.0, its captures, Tardis CSV and Parquet are allowed";
        if window.rest().len() < 3 {
            return Err(format!("is empty; {allowed}"));
        }
        let first = Messages::new(window.rest()).next();
        if !matches!(first, Some(Ok(message)) if decode(message).is_ok()) {
            return Err(format!("neither LOBSTER, Databento, ITCH nor Tardis data; {allowed}"));
        }
        let framing = Some(Messages::new(window.rest()).with(&[]));
        let midnight_ns = midnight_of(name, window.captured_ns());
        Ok(Self {
            window,
            framing,
            normaliser: ItchNormaliser::new(0),
            known: vec![false; 1 << 16].into_boxed_slice().try_into().expect("as long as it was made"),
            names: Vec::new(),
            midnight_ns,
            sequence: 0,
        })
    }

    fn read(&mut self, out: &mut Vec<FlowRecord>) -> Result<bool, (String, String)> {
        let Some(framing) = self.framing else { return Ok(false) };
        let wanted = out.len() + BATCH;
        loop {
            let mut messages = framing.with(self.window.rest());
            let mut used = 0;
            let mut failed = None;
            while out.len() < wanted {
                let message = match messages.next() {
                    Some(Ok(message)) => message,
                    // One that is not whole waits for the next piece.
                    None | Some(Err(WireError::Truncated { .. })) => break,
                    Some(Err(error)) => {
                        failed = Some((used, error));
                        break;
                    }
                };
                self.sequence += 1;
                if matches!(message.first(), Some(b'A' | b'F' | b'R')) {
                    meet(message, &mut self.known, &mut self.names, &mut self.normaliser);
                }
                let mut sink = Push(out);
                let told = self.normaliser.normalise(message, self.sequence, 0, self.midnight_ns, &mut sink);
                if let Err(error) = told {
                    failed = Some((used, error));
                    break;
                }
                used += message.len() + 2;
            }
            if let Some((at, error)) = failed {
                let place = format!("message {} at byte {}", self.sequence, self.window.passed + at as u64);
                let allowed = "messages of the specification's types and lengths are allowed";
                return Err((place, format!("no ITCH 5.0 message ({error}); {allowed}")));
            }
            self.window.give_up(used);
            if out.len() >= wanted {
                return Ok(true);
            }
            let place = |window: &Window| format!("byte {}", window.passed);
            if !self.window.read_more().map_err(|words| (place(&self.window), words))? {
                self.framing = None;
                return self.ended().map(|()| false);
            }
        }
    }

    /// A length of zero ends a file; anything else that is left is none of its messages.
    fn ended(&self) -> Result<(), (String, String)> {
        let left = self.window.rest();
        if ends_well(left) {
            return Ok(());
        }
        let words = format!("{} bytes that are no whole message; none are allowed", left.len());
        Err((format!("byte {}", self.window.passed), words))
    }
}

/// Numbers a symbol when it is first met: in the directory, or by its first order.
fn meet(message: &[u8], known: &mut [bool; 1 << 16], names: &mut Vec<String>, normaliser: &mut ItchNormaliser) {
    let Some(locate) = message.get(1..3).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]])) else { return };
    if known[usize::from(locate)] {
        return;
    }
    let stock = match decode(message) {
        Ok(Message::StockDirectory(view)) => view.stock(),
        Ok(Message::AddOrder(view)) => view.stock(),
        Ok(Message::AddOrderMpid(view)) => view.stock(),
        _ => return,
    };
    known[usize::from(locate)] = true;
    names.push(String::from_utf8_lossy(&stock).trim().to_owned());
    normaliser.map(locate, names.len() as u32);
}

/// A message's record goes to the end of the batch, received when the venue says it happened.
struct Push<'a>(&'a mut Vec<FlowRecord>);

impl MarketSink for Push<'_> {
    #[inline]
    fn market_order(&mut self, record: &MarketOrder) {
        let mut record = *record;
        record.header.receive_time_ns = record.header.venue_time_ns;
        self.0.push(FlowRecord::Order(record));
    }

    fn trade(&mut self, record: &Trade) {
        let mut record = *record;
        record.header.receive_time_ns = record.header.venue_time_ns;
        self.0.push(FlowRecord::Trade(record));
    }

    fn status(&mut self, record: &Status) {
        let mut record = *record;
        record.header.receive_time_ns = record.header.venue_time_ns;
        self.0.push(FlowRecord::Status(record));
    }

    fn imbalance(&mut self, record: &Imbalance) {
        let mut record = *record;
        record.header.receive_time_ns = record.header.venue_time_ns;
        self.0.push(FlowRecord::Imbalance(record));
    }
}
