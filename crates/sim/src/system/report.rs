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

    /// Adds sums of other runs.
    pub fn merge(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.failed += other.failed;
        self.simulated_ns += other.simulated_ns;
        self.wall_ns += other.wall_ns;
        self.flow += other.flow;
        self.orders += other.orders;
        self.fills += other.fills;
        self.growth_bytes_max = self.growth_bytes_max.max(other.growth_bytes_max);
        let tables =
            [(&mut self.kinds, &other.kinds), (&mut self.faults, &other.faults), (&mut self.counts, &other.counts)];
        for (sums, more) in tables {
            for (word, count) in more {
                *sums.entry(word.clone()).or_default() += count;
            }
        }
    }

    /// Kinds of fault in a run: the fewest, and the median of all runs.
    pub fn kinds_of_fault(&self) -> (u64, u64) {
        let counts = || self.kinds.iter().filter_map(|(kinds, runs)| Some((kinds.parse::<u64>().ok()?, *runs)));
        let (mut left, mut median) = (self.seeds / 2, 0);
        for (kinds, runs) in counts() {
            median = kinds;
            if left < runs {
                break;
            }
            left -= runs;
        }
        (counts().map(|(kinds, _)| kinds).min().unwrap_or(0), median)
    }

    /// The whole as a page: which build, which seeds, and what they came to.
    pub fn page(&self, commit: &str, seeds: (u64, u64), failures: &[Value]) -> String {
        let (fewest, median) = self.kinds_of_fault();
        let mut text = "# Runs of the simulator\n\nMade by `make sim REPORT=`; see `docs/simulator.md`.\n\n".to_owned();
        let rows = [
            ("commit", commit.to_owned()),
            ("seeds", format!("{} to {}", seeds.0, seeds.1)),
            ("runs", self.seeds.to_string()),
            ("failed", self.failed.to_string()),
            ("simulated days", format!("{:.3}", self.simulated_ns as f64 / DAY_NS)),
            ("times real time, each process", format!("{:.0}", self.speed())),
            ("kinds of fault in a run: fewest, median", format!("{fewest}, {median}")),
            ("faults", self.faults.values().sum::<u64>().to_string()),
            ("commands of others", self.flow.to_string()),
            ("orders of ours", self.orders.to_string()),
            ("fills of ours", self.fills.to_string()),
            ("memory grown by at most, KiB", (self.growth_bytes_max >> 10).to_string()),
        ];
        let _ = writeln!(text, "| what | value |\n| --- | --- |");
        for (word, value) in rows {
            let _ = writeln!(text, "| {word} | {value} |");
        }
        let _ = writeln!(text, "\n| fault, or what else happened | times |\n| --- | --- |");
        for (word, count) in self.faults.iter().chain(&self.counts) {
            let _ = writeln!(text, "| {word} | {count} |");
        }
        for failure in failures {
            let _ = writeln!(text, "\n- {}: `{}`", failure["shrunk"]["what"], failure["shrunk"]["command"]);
        }
        text
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

/// What a rule that was taken out led to: in which run, and how long that took.
#[derive(Clone, Debug)]
pub struct Found {
    /// The variant and its rule.
    pub variant: (&'static str, &'static str),
    /// The run, `None`: none of them noticed.
    pub run: Option<(Settings, Outcome)>,
    /// Runs until then.
    pub runs: u64,
}

impl Found {
    /// For programs.
    pub fn json(&self) -> Value {
        let (variant, rule) = self.variant;
        let run = self.run.as_ref().map(|(settings, outcome)| failure_json(settings, outcome, Some(variant)));
        let kinds = self.run.as_ref().map(|(_, outcome)| outcome.faults.keys().copied().collect::<Vec<_>>());
        json!({"variant": variant, "rule": rule, "runs": self.runs, "kinds": kinds, "found": run})
    }

    fn row(&self) -> String {
        let (variant, rule) = self.variant;
        let Some((settings, outcome)) = &self.run else {
            return format!("| `{variant}` | {rule} | not found in {} | | | |", self.runs);
        };
        let kinds: Vec<&str> = outcome.faults.keys().copied().collect();
        let broken = outcome.broken.as_ref();
        let at_s = broken.map_or(0.0, |broken| broken.at_ns as f64 / 1e9);
        let what = broken.map_or("", |broken| broken.invariant.word());
        format!("| `{variant}` | {rule} | {} | {} | {at_s:.1} | {what} |", settings.seed, kinds.join(", "))
    }
}

/// All variants as a page.
pub fn variants_page(commit: &str, seconds: f64, found: &[Found]) -> String {
    let times = found.iter().filter(|found| found.run.is_some()).count();
    let mut text = format!(
        "# Rules taken out, and what noticed\n\nMade by `make sim VARIANTS=1`; see `docs/simulator.md`. Commit {commit}; seeds from 1 \
         on, {seconds} simulated seconds each; {times} of {} found.\n\n",
        found.len()
    );
    text.push_str(
        "| variant | rule | seed | kinds of fault done | at, s | what broke |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for one in found {
        text.push_str(&one.row());
        text.push('\n');
    }
    text
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
    if settings.standbys != Settings::of_seed(settings.seed, 1).standbys {
        text.push_str(" STANDBYS=none");
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
