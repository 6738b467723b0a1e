//! What runs came to, as tables for people and as JSON for programs; counters that go on from run to run.
//!
//! Invariant: a failure is told with its seed, its simulated time, what broke, what happened last, and the command to see it again.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};

use super::{Outcome, Settings};

const DAY_NS: f64 = 86_400e9;

/// Sums over runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    /// Runs.
    pub seeds: u64,
    /// Those in which something broke.
    pub failed: u64,
    /// Simulated time, ns.
    pub simulated_ns: u64,
    /// Time that it took, ns.
    pub wall_ns: u64,
    /// Commands of everybody else.
    pub flow: u64,
    /// Orders of ours that venues took.
    pub orders: u64,
    /// Their fills.
    pub fills: u64,
    /// The most bytes that a system held beyond those with which it began.
    pub growth_bytes_max: u64,
    /// Runs by how many kinds of fault were done in them.
    pub kinds: BTreeMap<String, u64>,
    /// Faults by kind.
    pub faults: BTreeMap<String, u64>,
    /// What else happened, by word.
    pub counts: BTreeMap<String, u64>,
}

impl Totals {
    /// Adds a run.
    pub fn add(&mut self, outcome: &Outcome, wall_ns: u64) {
        self.seeds += 1;
        self.failed += u64::from(outcome.broken.is_some());
        self.simulated_ns += outcome.simulated_ns;
        self.wall_ns += wall_ns;
        self.flow += outcome.flow;
        self.orders += outcome.orders;
        self.fills += outcome.fills;
        self.growth_bytes_max = self.growth_bytes_max.max(outcome.growth_bytes_max);
        *self.kinds.entry(format!("{:02}", outcome.faults.len())).or_default() += 1;
        for (sums, more) in [(&mut self.faults, &outcome.faults), (&mut self.counts, &outcome.counts)] {
            for (word, count) in more {
                *sums.entry((*word).to_owned()).or_default() += count;
            }
        }
    }

    /// As JSON, with the seed that comes next.
    pub fn json(&self, next_seed: u64) -> Value {
        json!({
            "v": 1, "next_seed": next_seed, "seeds": self.seeds, "failed": self.failed,
            "simulated_ns": self.simulated_ns, "simulated_days": self.simulated_ns as f64 / DAY_NS,
            "wall_ns": self.wall_ns, "speed": self.speed(), "flow": self.flow, "orders": self.orders,
            "fills": self.fills, "growth_bytes_max": self.growth_bytes_max, "kinds": self.kinds, "faults": self.faults, "counts": self.counts,
        })
    }

    /// Of what [`Totals::json`] made, with the seed that comes next; `None` for anything else.
    pub fn read(text: &str) -> Option<(Self, u64)> {
        let value: Value = serde_json::from_str(text).ok()?;
        let number = |key: &str| value[key].as_u64();
        let words = |key: &str| -> Option<BTreeMap<String, u64>> {
            value[key].as_object()?.iter().map(|(word, count)| Some((word.clone(), count.as_u64()?))).collect()
        };
        if number("v") != Some(1) {
            return None;
        }
        let totals = Self {
            seeds: number("seeds")?,
            failed: number("failed")?,
            simulated_ns: number("simulated_ns")?,
            wall_ns: number("wall_ns")?,
            flow: number("flow")?,
            orders: number("orders")?,
            fills: number("fills")?,
            // Counters of an older build lack these.
            growth_bytes_max: number("growth_bytes_max").unwrap_or(0),
            kinds: words("kinds").unwrap_or_default(),
            faults: words("faults")?,
            counts: words("counts")?,
        };
        Some((totals, number("next_seed")?))
    }

    /// Simulated time by time that it took.
    pub fn speed(&self) -> f64 {
        self.simulated_ns as f64 / (self.wall_ns.max(1)) as f64
    }

    /// For people.
    pub fn table(&self) -> String {
        let mut text = String::new();
        let rows: [(&str, String); 10] = [
            ("seeds", self.seeds.to_string()),
            ("of them failed", self.failed.to_string()),
            ("simulated days", format!("{:.3}", self.simulated_ns as f64 / DAY_NS)),
            ("times real time", format!("{:.0}", self.speed())),
            ("commands of others", self.flow.to_string()),
            ("orders of ours", self.orders.to_string()),
            ("fills of ours", self.fills.to_string()),
            ("faults", self.faults.values().sum::<u64>().to_string()),
            (
                "kinds of fault, fewest in a run",
                self.kinds.keys().next().map_or(0, |kinds| kinds.parse().unwrap_or(0)).to_string(),
            ),
            ("memory grown by at most, KiB", (self.growth_bytes_max >> 10).to_string()),
        ];
        for (word, value) in rows {
            let _ = writeln!(text, "{word:<32}{value:>14}");
        }
        for (word, count) in self.faults.iter().chain(&self.counts) {
            let _ = writeln!(text, "  {word:<30}{count:>14}");
        }
        text
    }
}

/// The command that does this run again.
pub fn command(settings: &Settings, variant: Option<&str>) -> String {
    let mut text = format!("make sim SEED={} SECONDS={}", settings.seed, settings.run_ns as f64 / 1e9);
    let _ = write!(text, " RATE={}", settings.rate);
    if let Some(faults) = &settings.faults {
        let numbers: Vec<String> = faults.iter().map(usize::to_string).collect();
        let _ = write!(text, " FAULTS={}", if numbers.is_empty() { "none".to_owned() } else { numbers.join(",") });
    }
    if settings.acts_max != u64::MAX {
        let _ = write!(text, " ACTS={}", settings.acts_max);
    }
    if let Some(variant) = variant {
        let _ = write!(text, " VARIANT={variant}");
    }
    text
}

/// A failure, for people.
pub fn failure(settings: &Settings, outcome: &Outcome, variant: Option<&str>) -> String {
    let mut text = String::new();
    let Some(broken) = &outcome.broken else { return text };
    let _ = writeln!(text, "seed {}: {broken}", settings.seed);
    let _ = writeln!(text, "what happened last:");
    for event in &outcome.events {
        let _ = writeln!(text, "  {:>12.6} s  {}", event.at_ns as f64 / 1e9, event.what);
    }
    let _ = writeln!(text, "to see it again: {}", command(settings, variant));
    text
}

/// The same for programs.
pub fn failure_json(settings: &Settings, outcome: &Outcome, variant: Option<&str>) -> Value {
    let broken = outcome.broken.as_ref();
    json!({
        "seed": settings.seed, "invariant": broken.map(|broken| broken.invariant.word()),
        "at_ns": broken.map(|broken| broken.at_ns), "what": broken.map(|broken| broken.what.clone()),
        "events": outcome.events.iter().map(|event| json!({"at_ns": event.at_ns, "what": event.what})).collect::<Vec<_>>(),
        "faults": settings.plan().iter().map(|fault| fault.kind.word()).collect::<Vec<_>>(),
        "command": command(settings, variant),
    })
}
