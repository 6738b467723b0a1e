//! The consolidated book over recorded arrays of several venues.
//!
//! Invariant: records enter in the order of the venues' times, each venue's own order kept; a row is written when the fold
//! would tell a strategy, and then only.

use book::{Consolidated, OrderBook};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use records::{CONSOLIDATED_VENUES_MAX, Level, MarketOrder, Side, UNDEF_PRICE, read_from};

/// Adds this part to the room's module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("CONSOLIDATED_COLUMNS", COLUMNS.to_vec())?;
    module.add_function(wrap_pyfunction!(consolidate, module)?)
}

const COLUMNS: [&str; 11] = [
    "time_ns",
    "since_ns",
    "state",
    "bid_nanos",
    "bid_lots",
    "ask_nanos",
    "ask_lots",
    "bid_venue",
    "ask_venue",
    "bid_venues",
    "ask_venues",
];
const RECORD: usize = size_of::<MarketOrder>();

fn best(book: &OrderBook, side: Side) -> Level {
    let mut levels = [Level { price_nanos: UNDEF_PRICE, lots: 0, orders: 0 }];
    book.fill_levels(side, &mut levels);
    levels[0]
}

/// A row each time when the best prices over the streams changed, their lots, their venues or their state. A venue is its
/// stream's place, from 1. Each stream is `MarketOrder` records of one instrument in the order of the venue's time.
#[pyfunction]
#[pyo3(signature = (streams, orders_max=65_536))]
fn consolidate<'py>(
    py: Python<'py>,
    streams: Vec<Vec<u8>>,
    orders_max: usize,
) -> PyResult<(Bound<'py, PyBytes>, Vec<u64>)> {
    check(&streams, orders_max)?;
    let (rows, anomalies) = py.detach(|| merge(&streams, orders_max));
    Ok((PyBytes::new(py, &rows), anomalies))
}

fn check(streams: &[Vec<u8>], orders_max: usize) -> PyResult<()> {
    let mut errors = Vec::new();
    if !(1..=CONSOLIDATED_VENUES_MAX).contains(&streams.len()) {
        errors.push(format!("{} venues; 1 to {CONSOLIDATED_VENUES_MAX} are allowed", streams.len()));
    }
    if !(1..=1 << 28).contains(&orders_max) {
        errors.push(format!("orders_max is {orders_max}; 1 to {} is allowed", 1 << 28));
    }
    for (place, stream) in streams.iter().enumerate() {
        let (chunks, rest) = stream.as_chunks::<RECORD>();
        if !rest.is_empty() {
            errors.push(format!("venue {}: {} bytes; a multiple of {RECORD} is allowed", place + 1, stream.len()));
            continue;
        }
        let back = chunks.windows(2).position(|pair| time_of(&pair[1]) < time_of(&pair[0]));
        errors.extend(
            back.map(|at| format!("venue {}: record {}: its time lies before the last one's", place + 1, at + 1)),
        );
    }
    if errors.is_empty() { Ok(()) } else { Err(PyValueError::new_err(errors.join("\n"))) }
}

fn time_of(chunk: &[u8]) -> u64 {
    read_from::<MarketOrder>(chunk).map_or(0, |record| record.header.venue_time_ns)
}

fn merge(streams: &[Vec<u8>], orders_max: usize) -> (Vec<u8>, Vec<u64>) {
    let chunks: Vec<_> = streams.iter().map(|stream| stream.as_chunks::<RECORD>().0).collect();
    let mut books: Vec<_> = streams.iter().map(|_| OrderBook::with_capacity(orders_max)).collect();
    let mut anomalies = vec![0; streams.len()];
    let mut next = vec![0; streams.len()];
    let mut consolidated = Consolidated::new(1);
    let cell = consolidated.add(1);
    for place in 0..streams.len() {
        consolidated.add_venue(cell, place as u16 + 1, 0);
    }
    let (mut rows, mut sequence) = (Vec::new(), 0);
    loop {
        let waiting = (0..streams.len()).filter(|place| next[*place] < chunks[*place].len());
        let Some(place) = waiting.min_by_key(|place| (time_of(&chunks[*place][next[*place]]), *place)) else { break };
        let record: MarketOrder = read_from(&chunks[place][next[place]]).expect("a chunk is a record");
        next[place] += 1;
        sequence += 1;
        anomalies[place] += u64::from(books[place].apply(&record).anomaly.is_some());
        if !record.header.is_last() {
            continue;
        }
        let (bid, ask) = (best(&books[place], Side::Buy), best(&books[place], Side::Sell));
        let at = (record.header.venue_time_ns, sequence);
        if consolidated.update(cell, place, (&bid, &ask), 0, at) {
            let view = consolidated.view(cell);
            let row = [
                view.time_ns as i64,
                view.since_ns as i64,
                i64::from(view.state),
                view.bid_nanos,
                view.bid_lots,
                view.ask_nanos,
                view.ask_lots,
                i64::from(view.bid_venue),
                i64::from(view.ask_venue),
                i64::from(view.bid_venues),
                i64::from(view.ask_venues),
            ];
            row.iter().for_each(|word| rows.extend_from_slice(&word.to_le_bytes()));
        }
    }
    (rows, anomalies)
}
