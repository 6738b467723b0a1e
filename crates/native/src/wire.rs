//! `meridian._native.wire`: messages as dicts, captures, ITCH files as records, and the decoding benchmark.

use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use records::{Imbalance, MarketOrder, Status, Trade, bytes_of};
use wire::capture::{Choice, Found, decode as decode_packets};
use wire::describe::{Field, Kind, Message, PROTOCOLS, Protocol, Readable, Tail, Value, identify};
use wire::files::{Messages, decode_all};
use wire::normalise::{ItchNormaliser, MarketSink, Normalised};
use wire::{BadCounts, Reason, Sampler, padded};

/// Samples of bad bytes kept for one file.
const SAMPLES_MAX: usize = 256;

fn protocol_of(name: &str) -> PyResult<&'static Protocol> {
    PROTOCOLS.into_iter().find(|protocol| protocol.name == name).ok_or_else(|| {
        let names: Vec<_> = PROTOCOLS.iter().map(|protocol| protocol.name).collect();
        PyValueError::new_err(format!("protocol {name:?} is unknown; allowed: {}", names.join(", ")))
    })
}

/// Letters as text with the padding on the right taken off, tails as bytes, numbers as integers (decimals implied).
fn set_value(dict: &Bound<'_, PyDict>, name: &str, kind: Kind, value: &Value) -> PyResult<()> {
    match (kind, value) {
        (_, Value::Number(number)) => dict.set_item(name, *number),
        (Kind::Char, Value::Bytes(bytes)) => dict.set_item(name, latin(bytes)),
        (Kind::Alpha(_) | Kind::Digits(_), Value::Bytes(bytes)) => {
            dict.set_item(name, latin(bytes).trim_end_matches(' '))
        }
        (_, Value::Bytes(bytes)) => dict.set_item(name, PyBytes::new(dict.py(), bytes)),
    }
}

fn latin(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn as_dict<'py>(py: Python<'py>, readable: &Readable) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("type", readable.message.name)?;
    for (field, value) in &readable.fields {
        set_value(&dict, field.name, field.kind, value)?;
    }
    if let Some(elements) = &readable.appendage {
        let appendage = PyDict::new(py);
        for (tag, field, value) in elements {
            match field {
                Some(field) => set_value(&appendage, field.name, field.kind, value)?,
                None => set_value(&appendage, &format!("tag_{tag}"), Kind::Tail, value)?,
            }
        }
        dict.set_item("appendage", appendage)?;
    }
    Ok(dict)
}

/// One message as a dict: its `type`, its fields, and its `appendage` where it has one.
#[pyfunction]
#[pyo3(signature = (protocol, data, group=None))]
fn decode<'py>(py: Python<'py>, protocol: &str, data: &[u8], group: Option<&str>) -> PyResult<Bound<'py, PyDict>> {
    let protocol = protocol_of(protocol)?;
    let (message, size) = identify(protocol, group, data)
        .map_err(|error| PyValueError::new_err(format!("{}: {error}", protocol.name)))?;
    as_dict(py, &protocol.read(message, &data[..size]))
}

/// A Python value as a field's: integers, text or bytes; digits may be given as an integer.
fn value_of(field: &Field, value: &Bound<'_, PyAny>) -> Option<Value> {
    if let Ok(number) = value.extract::<i128>() {
        return Some(match field.kind {
            Kind::Number { .. } => Value::Number(number),
            _ => Value::Bytes(number.to_string().into_bytes()),
        });
    }
    if let Ok(text) = value.extract::<String>() {
        let bytes: Option<Vec<u8>> = text.chars().map(|letter| u8::try_from(u32::from(letter)).ok()).collect();
        return bytes.map(Value::Bytes);
    }
    value.extract::<Vec<u8>>().ok().map(Value::Bytes)
}

fn appendage_of(protocol: &Protocol, appendage: &Bound<'_, PyDict>) -> PyResult<Vec<(u8, Vec<u8>)>> {
    let mut elements = Vec::new();
    for (name, value) in appendage {
        let name: String = name.extract()?;
        let bad = || PyValueError::new_err(format!("appendage: {name} is unknown or its value does not fit"));
        if let Some(field) = protocol.elements.iter().find(|field| field.name == name) {
            elements.push((field.tag, value_of(field, &value).and_then(|value| field.write(&value)).ok_or_else(bad)?));
        } else {
            let tag = name.strip_prefix("tag_").and_then(|tag| tag.parse().ok()).ok_or_else(bad)?;
            elements.push((tag, value.extract().map_err(|_| bad())?));
        }
    }
    Ok(elements)
}

/// The bytes of a message given as a dict like [`decode`] returns; absent fields are blank or zero.
#[pyfunction]
fn encode<'py>(py: Python<'py>, protocol: &str, message: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyBytes>> {
    let protocol = protocol_of(protocol)?;
    let name: String = message.get_item("type")?.ok_or_else(|| PyKeyError::new_err("type"))?.extract()?;
    let described = protocol
        .by_name(&name)
        .ok_or_else(|| PyValueError::new_err(format!("{}: there is no message {name:?}", protocol.name)))?;
    for key in message.keys() {
        let key: String = key.extract()?;
        let with = matches!(described.tail, Tail::Appendage | Tail::OptionalAppendage);
        let known =
            key == "type" || (with && key == "appendage") || described.fields.iter().any(|field| field.name == key);
        if !known {
            return Err(PyValueError::new_err(format!("{name} has no field {key:?}")));
        }
    }
    let appendage = match message.get_item("appendage")? {
        Some(given) => Some(appendage_of(protocol, given.cast::<PyDict>()?)?),
        None => None,
    };
    let value = |field: &Field| match message.get_item(field.name) {
        Ok(Some(value)) => value_of(field, &value),
        Ok(None) => Some(match field.kind {
            Kind::Number { .. } => Value::Number(0),
            _ => Value::Bytes(Vec::new()),
        }),
        Err(_) => None,
    };
    let bytes = protocol
        .write(described, &value, appendage.as_deref())
        .map_err(|field| PyValueError::new_err(format!("{name}: the value of {field} does not fit")))?;
    Ok(PyBytes::new(py, &bytes))
}

fn kind_name(kind: Kind) -> String {
    match kind {
        Kind::Number { bytes, signed, decimals } => {
            let points = if decimals > 0 { format!(".{decimals}") } else { String::new() };
            format!("{}{}{points}", if signed { "i" } else { "u" }, u32::from(bytes) * 8)
        }
        Kind::Char => "char".to_owned(),
        Kind::Alpha(size) => format!("alpha{size}"),
        Kind::Digits(size) => format!("digits{size}"),
        Kind::Tail => "tail".to_owned(),
    }
}

fn describe_field<'py>(py: Python<'py>, field: &Field) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("name", field.name)?;
    dict.set_item("offset", field.offset)?;
    dict.set_item("tag", field.tag)?;
    dict.set_item("kind", kind_name(field.kind))?;
    dict.set_item("size", field.kind.size())?;
    dict.set_item("about", field.about)?;
    let values = PyDict::new(py);
    field.values.iter().try_for_each(|(code, meaning)| values.set_item(code, meaning))?;
    dict.set_item("values", values)?;
    Ok(dict)
}

fn describe_message<'py>(py: Python<'py>, message: &Message) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("name", message.name)?;
    dict.set_item("group", message.group)?;
    dict.set_item("code", message.code.map(|code| char::from(code).to_string()))?;
    dict.set_item("size", message.size)?;
    let tail = match message.tail {
        Tail::None => "",
        Tail::Bytes => "bytes",
        Tail::Appendage => "appendage",
        Tail::OptionalAppendage => "optional appendage",
    };
    dict.set_item("tail", tail)?;
    dict.set_item("about", message.about)?;
    let fields: PyResult<Vec<_>> = message.fields.iter().map(|field| describe_field(py, field)).collect();
    dict.set_item("fields", fields?)?;
    Ok(dict)
}

/// A protocol's messages and optional fields, as its table has them.
#[pyfunction]
fn describe<'py>(py: Python<'py>, protocol: &str) -> PyResult<Bound<'py, PyDict>> {
    let protocol = protocol_of(protocol)?;
    let dict = PyDict::new(py);
    dict.set_item("name", protocol.name)?;
    dict.set_item("title", protocol.title)?;
    dict.set_item("about", protocol.about)?;
    let messages: PyResult<Vec<_>> = protocol.messages.iter().map(|message| describe_message(py, message)).collect();
    dict.set_item("messages", messages?)?;
    let elements: PyResult<Vec<_>> = protocol.elements.iter().map(|field| describe_field(py, field)).collect();
    dict.set_item("elements", elements?)?;
    Ok(dict)
}

/// Names of the protocols.
#[pyfunction]
fn protocols() -> Vec<&'static str> {
    PROTOCOLS.iter().map(|protocol| protocol.name).collect()
}

fn found_dict<'py>(py: Python<'py>, found: &Found<'_>) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("packet", found.packet)?;
    dict.set_item("time_ns", found.time_ns)?;
    dict.set_item("sequence", found.sequence)?;
    dict.set_item("protocol", found.protocol.name)?;
    dict.set_item("counted", found.counted)?;
    dict.set_item("bytes", PyBytes::new(py, found.bytes))?;
    match found.message {
        Ok(message) => dict.set_item("message", as_dict(py, &found.protocol.read(message, found.bytes))?)?,
        Err(error) => dict.set_item("error", error.to_string())?,
    }
    Ok(dict)
}

/// Reads a capture file's bytes, calls `visit` with a dict a message, and returns the totals.
#[pyfunction]
#[pyo3(signature = (data, protocol=None, visit=None))]
fn decode_capture<'py>(
    py: Python<'py>,
    data: &[u8],
    protocol: Option<&str>,
    visit: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let choice = match protocol {
        None => Choice::Any,
        Some(name) => Choice::from_name(protocol_of(name)?.name).unwrap_or(Choice::Any),
    };
    let mut failure = None;
    let mut take = |found: &Found<'_>| {
        let Some(visit) = visit.filter(|_| failure.is_none()) else { return };
        failure = found_dict(py, found).and_then(|dict| visit.call1((dict,))).err();
    };
    let summary = decode_packets(data, choice, &mut take).map_err(|error| PyValueError::new_err(error.to_string()))?;
    if let Some(failure) = failure {
        return Err(failure);
    }
    let totals = PyDict::new(py);
    totals.set_item("packets", summary.packets)?;
    totals.set_item("messages", summary.messages)?;
    totals.set_item("bytes", summary.bytes)?;
    totals.set_item("uncovered_bytes", summary.uncovered_bytes)?;
    totals.set_item("unknown", summary.unknown)?;
    Ok(totals)
}

/// Records by kind, as bytes one after the other.
#[derive(Default)]
struct Collected {
    orders: Vec<u8>,
    trades: Vec<u8>,
    statuses: Vec<u8>,
    imbalances: Vec<u8>,
}

impl MarketSink for Collected {
    fn market_order(&mut self, record: &MarketOrder) {
        self.orders.extend_from_slice(bytes_of(record));
    }

    fn trade(&mut self, record: &Trade) {
        self.trades.extend_from_slice(bytes_of(record));
    }

    fn status(&mut self, record: &Status) {
        self.statuses.extend_from_slice(bytes_of(record));
    }

    fn imbalance(&mut self, record: &Imbalance) {
        self.imbalances.extend_from_slice(bytes_of(record));
    }
}

fn counts_dict<'py>(py: Python<'py>, counts: &BadCounts) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    Reason::ALL.iter().try_for_each(|reason| dict.set_item(reason.name(), counts.of(*reason)))?;
    Ok(dict)
}

/// Normalises an ITCH file. `instruments` maps symbols to ids; without it every locate number is its own instrument.
/// Returns the records' bytes by layout, message counts, bad counts by reason, and samples of bad bytes as lines.
#[pyfunction]
#[pyo3(signature = (data, venue=1, midnight_ns=0, instruments=None))]
fn normalise_itch<'py>(
    py: Python<'py>,
    data: &[u8],
    venue: u16,
    midnight_ns: u64,
    instruments: Option<Vec<(String, u32)>>,
) -> PyResult<Bound<'py, PyDict>> {
    let mut normaliser = ItchNormaliser::new(venue);
    match instruments {
        None => normaliser.map_all(),
        Some(instruments) => {
            for (symbol, instrument) in instruments {
                let letters = padded(symbol.as_bytes())
                    .ok_or_else(|| PyValueError::new_err(format!("symbol {symbol:?} is longer than 8 letters")))?;
                normaliser.list(letters, instrument);
            }
        }
    }
    let (mut collected, mut sampler) = (Collected::default(), Sampler::new(SAMPLES_MAX, SAMPLES_MAX as u64));
    let (mut messages, mut unmapped, mut silent, mut sequence) = (0_u64, 0_u64, 0_u64, 0_u64);
    for message in Messages::new(data) {
        sequence += 1;
        let bytes = message.unwrap_or(&[]);
        match message.and_then(|bytes| normaliser.normalise(bytes, sequence, 0, midnight_ns, &mut collected)) {
            Ok(outcome) => {
                messages += 1;
                unmapped += u64::from(outcome == Normalised::Unmapped);
                silent += u64::from(outcome == Normalised::Silent);
            }
            Err(error) => sampler.add(error, bytes, sequence, 0),
        }
    }
    let dict = PyDict::new(py);
    dict.set_item("MarketOrder", PyBytes::new(py, &collected.orders))?;
    dict.set_item("Trade", PyBytes::new(py, &collected.trades))?;
    dict.set_item("Status", PyBytes::new(py, &collected.statuses))?;
    dict.set_item("Imbalance", PyBytes::new(py, &collected.imbalances))?;
    dict.set_item("messages", messages)?;
    dict.set_item("unmapped", unmapped)?;
    dict.set_item("silent", silent)?;
    dict.set_item("bad", counts_dict(py, &sampler.counts)?)?;
    dict.set_item("bad_bytes", sampler.counts.bytes)?;
    let mut lines = Vec::new();
    sampler.drain(&mut lines)?;
    dict.set_item("samples", String::from_utf8_lossy(&lines).into_owned())?;
    Ok(dict)
}

/// The messages of an ITCH file, as bytes; iteration ends at the first that is cut.
#[pyfunction]
fn itch_messages<'py>(py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    Messages::new(data).map_while(Result::ok).try_for_each(|message| list.append(PyBytes::new(py, message)))?;
    Ok(list)
}

/// Decodes an ITCH file into normalised records and hashes all of them, in order, inside the timed part.
/// Returns messages, nanoseconds, hash.
#[pyfunction]
fn bench_decode(py: Python<'_>, data: &[u8]) -> (u64, u64, u64) {
    py.detach(|| {
        let start = std::time::Instant::now();
        let done = decode_all(std::hint::black_box(data));
        let elapsed_ns = start.elapsed().as_nanos() as u64;
        (done.messages, elapsed_ns, done.hash)
    })
}

/// Adds this room's classes and functions.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(protocols, module)?)?;
    module.add_function(wrap_pyfunction!(describe, module)?)?;
    module.add_function(wrap_pyfunction!(decode, module)?)?;
    module.add_function(wrap_pyfunction!(encode, module)?)?;
    module.add_function(wrap_pyfunction!(decode_capture, module)?)?;
    module.add_function(wrap_pyfunction!(normalise_itch, module)?)?;
    module.add_function(wrap_pyfunction!(itch_messages, module)?)?;
    module.add_function(wrap_pyfunction!(bench_decode, module)?)?;
    crate::fix::register(module)?;
    crate::fix_speed::register(module)
}
