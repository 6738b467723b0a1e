//! Both runs' steps side by side: what differs, and why, by rules that look at facts.
//!
//! Invariant: a rule names a record of the journal; what no rule names is unexplained, and there is no rule for the rest.

use std::collections::{BTreeMap, BTreeSet};

use records::{Kind, OrderEventKind};

use super::live::{Live, is_report};
use super::steps::{Because, Field, Key, REPORT, Step, Steps};
use crate::capture::OwnTrade;

/// In what two steps differ, with the live value and the backtest's, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The field.
    pub field: Field,
    /// Live.
    pub live: i64,
    /// Backtest.
    pub backtest: i64,
    /// Why.
    pub because: Because,
}

/// A step of both runs.
#[derive(Clone, Copy, Debug)]
pub struct Parted {
    /// Live.
    pub live: Option<Step>,
    /// Backtest.
    pub backtest: Option<Step>,
    /// What differs.
    pub difference: Option<Difference>,
}

pub(crate) fn compare(
    live: &Live,
    backtest: &Steps,
    too_late: &[Key],
    out_of_turn: &[(OwnTrade, u64, i64)],
    same_state: bool,
) -> Vec<Parted> {
    let sent_ns = sent_times(&live.steps);
    let mut theirs: BTreeMap<Key, Step> = backtest.all.iter().map(|step| (step.key, *step)).collect();
    let mut rows = Vec::new();
    for step in &live.steps.all {
        let other = theirs.remove(&step.key);
        let found = match other {
            Some(other) => step.differs(&other),
            None => Some((Field::Presence, 1, 0)),
        };
        let ruled = live.ruled.get(&step.key).copied().or(too_late.contains(&step.key).then_some(Because::TooLate));
        let difference = match (found, ruled) {
            // Given as it was: a backtest alone would not have had it.
            (None, Some(because)) => Some(Difference { field: Field::Presence, live: 1, backtest: 0, because }),
            (None, None) => None,
            (Some((field, live_value, backtest)), ruled) => {
                let because = ruled.or_else(|| hole(live, step, &sent_ns)).unwrap_or(Because::Unexplained);
                Some(Difference { field, live: live_value, backtest, because })
            }
        };
        rows.push(Parted { live: Some(*step), backtest: other, difference });
    }
    for step in theirs.values() {
        let because = hole(live, step, &sent_ns).unwrap_or(Because::Unexplained);
        let difference = Some(Difference { field: Field::Presence, live: 0, backtest: 1, because });
        rows.push(Parted { live: None, backtest: Some(*step), difference });
    }
    queues(live, out_of_turn, &sent_ns, &mut rows);
    rows.sort_by_key(|row| row.live.or(row.backtest).map_or((0, 0), |step| (step.input, step.time_ns)));
    let any = rows.iter().any(|row| row.difference.is_some_and(|found| found.because == Because::Unexplained));
    if !same_state && !any {
        // Every order is equal, and still the engine has ended in another state: that is told too.
        let difference = Difference { field: Field::State, live: 0, backtest: 0, because: Because::Unexplained };
        rows.push(Parted { live: None, backtest: None, difference: Some(difference) });
    }
    rows
}

/// When each order was sent, for rules about what happened while it was open.
fn sent_times(steps: &Steps) -> BTreeMap<u64, u64> {
    let mut found = BTreeMap::new();
    let entered = [Kind::NewOrder as u16, Kind::ReplaceOrder as u16];
    for step in steps.all.iter().filter(|step| entered.contains(&step.key.what)) {
        found.entry(step.key.order_id).or_insert(step.time_ns);
    }
    found
}

/// The feed lost messages between an order's command and this report of it.
fn hole(live: &Live, step: &Step, sent_ns: &BTreeMap<u64, u64>) -> Option<Because> {
    let from_ns = sent_ns.get(&step.key.order_id).copied().filter(|_| is_report(step.key))?;
    let lost =
        live.gaps.iter().any(|(venue, time_ns)| *venue == step.venue && (from_ns..=step.time_ns).contains(time_ns));
    lost.then_some(Because::Gap)
}

/// Fills of orders that, by the record, others stood before.
fn queues(live: &Live, out_of_turn: &[(OwnTrade, u64, i64)], sent_ns: &BTreeMap<u64, u64>, rows: &mut [Parted]) {
    let filled = REPORT | OrderEventKind::Filled.code() as u16;
    let mut seen = BTreeSet::new();
    for (own, match_id, ahead_lots) in out_of_turn {
        let row = rows.iter_mut().find(|row| {
            row.difference.is_none()
                && row.live.is_some_and(|step| {
                    (step.key.order_id, step.key.what, step.lots) == (own.order_id, filled, own.lots)
                })
        });
        let Some((row, step)) = row.and_then(|row| row.live.map(|step| (row, step))) else { continue };
        if seen.insert((step.key, *match_id)) {
            let because = hole(live, &step, sent_ns).unwrap_or(Because::Unexplained);
            row.difference = Some(Difference { field: Field::Queue, live: 0, backtest: *ahead_lots, because });
        }
    }
}
