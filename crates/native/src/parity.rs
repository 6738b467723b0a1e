//! `meridian._native.backtest.parity`: a live run's journal through the backtest, step by step beside what the live run did.
//!
//! Invariant: nothing is judged here; steps, differences and reasons are the crate's, in columns.

use std::path::PathBuf;

use ::backtest::parity::{Departures, Parted, Step};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::strategies::StrategyHosts;

/// One column of the table.
type Column = (&'static str, fn(&Parted) -> i64);

fn either(row: &Parted, of: fn(&Step) -> i64) -> i64 {
    row.live.as_ref().or(row.backtest.as_ref()).map_or(0, of)
}

macro_rules! both {
    ($($live:literal, $backtest:literal: $field:ident),* $(,)?) => {
        [$(
            ($live, (|row| row.live.map_or(0, |step| step.$field as i64)) as fn(&Parted) -> i64),
            ($backtest, (|row| row.backtest.map_or(0, |step| step.$field as i64)) as fn(&Parted) -> i64),
        )*]
    };
}

const SHARED: [Column; 9] = [
    ("order_id", |row| either(row, |step| step.key.order_id as i64)),
    ("what", |row| either(row, |step| i64::from(step.key.what))),
    ("number", |row| either(row, |step| i64::from(step.key.number))),
    ("input", |row| either(row, |step| step.input as i64)),
    ("instrument", |row| either(row, |step| i64::from(step.instrument))),
    ("venue", |row| either(row, |step| i64::from(step.venue))),
    ("slot", |row| either(row, |step| i64::from(step.slot))),
    ("side", |row| either(row, |step| i64::from(step.side))),
    ("original_id", |row| either(row, |step| step.original_id as i64)),
];

const BOTH: [Column; 12] = both!(
    "live_time_ns", "backtest_time_ns": time_ns,
    "live_venue_time_ns", "backtest_venue_time_ns": venue_time_ns,
    "live_price_nanos", "backtest_price_nanos": price_nanos,
    "live_lots", "backtest_lots": lots,
    "live_leaves_lots", "backtest_leaves_lots": leaves_lots,
    "live_reason", "backtest_reason": reason,
);

/// `field` 0: nothing differs; `because` −1 then.
const DIFFERENCE: [Column; 6] = [
    ("in_live", |row| i64::from(row.live.is_some())),
    ("in_backtest", |row| i64::from(row.backtest.is_some())),
    ("field", |row| row.difference.map_or(0, |found| found.field as i64)),
    ("because", |row| row.difference.map_or(-1, |found| found.because as i64)),
    ("live_value", |row| row.difference.map_or(0, |found| found.live)),
    ("backtest_value", |row| row.difference.map_or(0, |found| found.backtest)),
];

/// Runs a journal through the backtest. `replay_hosts` run the slots of the replay, `hosts` those of the backtest;
/// `latency_ns` (commands, reports) stands in place of the measured ways, `parameters` (slot, offset, bits) of the journal's.
///
/// Raises FileNotFoundError when there is no journal, ValueError when it is damaged or not an engine's.
#[pyfunction]
#[pyo3(signature = (directory, replay_hosts, hosts, *, latency_ns=None, parameters=None))]
pub fn parity<'py>(
    py: Python<'py>,
    directory: PathBuf,
    replay_hosts: &StrategyHosts,
    hosts: &StrategyHosts,
    latency_ns: Option<(u64, u64)>,
    parameters: Option<Vec<(u8, u32, u64)>>,
) -> PyResult<Bound<'py, PyDict>> {
    let departures = Departures { latency_ns, parameters: parameters.unwrap_or_default() };
    // Plain classes are called while it runs: it keeps the interpreter.
    let found =
        ::backtest::parity::parity(&directory, Box::new(replay_hosts.host()), Box::new(hosts.host()), &departures)
            .map_err(|error| crate::engine::raised(&error))?;
    let entry = crate::journal::summary_entry(py, &found.replay.summary)?;
    entry.set_item("agrees", found.replay.agrees())?;
    entry.set_item("replay_hash", format!("{:016x}", found.replay.state_hash))?;
    entry.set_item("backtest_hash", format!("{:016x}", found.state_hash))?;
    entry.set_item("slots_refused", found.slots_refused)?;
    entry.set_item("given", found.given)?;
    entry.set_item("order_ns", found.order_ns)?;
    entry.set_item("report_ns", found.report_ns)?;
    let steps = PyDict::new(py);
    for (name, of) in SHARED.iter().chain(&BOTH).chain(&DIFFERENCE) {
        let bytes: Vec<u8> = found.steps.iter().flat_map(|row| of(row).to_le_bytes()).collect();
        steps.set_item(name, ("int64", PyBytes::new(py, &bytes)))?;
    }
    entry.set_item("steps", steps)?;
    Ok(entry)
}
