//! `make sim`: whole systems of two regions by seed, with what goes wrong in them; what broke, and how to see it again.
//!
//!     simulate --seed 1 [--seeds 10 | --hours 2] [--seconds 60] [--rate 500] [--faults 1,2] [--acts 9] [--variant NAME]
//!              [--kept FILE] [--counters FILE] [--json FILE]
//!
//! Invariant: equal arguments give equal runs, but for how many fit into `--hours`. Exit code 0: nothing broke; 1: something did,
//! or nothing did in a variant; 2: bad arguments, all told at once before anything starts.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use serde_json::{Value, json};
use sim::system::report::{Totals, command, failure, failure_json};
use sim::system::{Outcome, Settings, clean_up, kept, run, shrink};

/// So that a run can look at the memory that its system holds.
#[global_allocator]
static ALLOCATOR: sim::system::Counting = sim::system::Counting;

const NAMES: &str =
    "--seed, --seeds, --hours, --seconds, --rate, --faults, --acts, --variant, --kept, --counters, --json";

/// What was asked for.
#[derive(Default)]
struct Asked {
    seed: Option<u64>,
    seeds: Option<u64>,
    hours: Option<f64>,
    seconds: Option<f64>,
    rate: Option<u64>,
    faults: Option<Vec<usize>>,
    acts: Option<u64>,
    variant: Option<String>,
    kept: Option<PathBuf>,
    counters: Option<PathBuf>,
    json: Option<PathBuf>,
}

fn whole(name: &str, value: &str, low: u64, high: u64, errors: &mut Vec<String>) -> Option<u64> {
    let read = value.parse().ok().filter(|number| (low..=high).contains(number));
    if read.is_none() {
        errors.push(format!("{name} = {value:?}: must be a whole number from {low} to {high}"));
    }
    read
}

fn share(name: &str, value: &str, low: f64, high: f64, errors: &mut Vec<String>) -> Option<f64> {
    let read = value.parse().ok().filter(|number| (low..=high).contains(number));
    if read.is_none() {
        errors.push(format!("{name} = {value:?}: must be a number from {low} to {high}"));
    }
    read
}

fn faults(value: &str, errors: &mut Vec<String>) -> Option<Vec<usize>> {
    if value == "none" {
        return Some(Vec::new());
    }
    let read: Option<Vec<usize>> = value.split(',').map(|one| one.parse().ok()).collect();
    if read.is_none() {
        errors.push(format!("--faults = {value:?}: must be numbers with commas between them, or none"));
    }
    read
}

impl Asked {
    fn read(words: &[String]) -> Result<Self, Vec<String>> {
        let (mut asked, mut errors) = (Self::default(), Vec::new());
        for pair in words.chunks(2) {
            let [name, value] = pair else {
                errors.push(format!("{}: needs a value; allowed are {NAMES}, each with one", pair[0]));
                continue;
            };
            match name.as_str() {
                "--seed" => asked.seed = whole(name, value, 0, u64::MAX / 2_000, &mut errors),
                "--seeds" => asked.seeds = whole(name, value, 1, 1_000_000_000, &mut errors),
                "--hours" => asked.hours = share(name, value, 0.0001, 100_000.0, &mut errors),
                "--seconds" => asked.seconds = share(name, value, 0.1, 86_400.0, &mut errors),
                "--rate" => asked.rate = whole(name, value, 1, 1_000_000, &mut errors),
                "--faults" => asked.faults = faults(value, &mut errors),
                "--acts" => asked.acts = whole(name, value, 0, u64::MAX, &mut errors),
                "--variant" => asked.variant = Some(value.clone()),
                "--kept" => asked.kept = Some(value.into()),
                "--counters" => asked.counters = Some(value.into()),
                "--json" => asked.json = Some(value.into()),
                _ => errors.push(format!("{name}: is not known; allowed are {NAMES}")),
            }
        }
        if asked.seeds.is_some() && asked.hours.is_some() {
            errors.push("--seeds: stands beside --hours; one of the two".to_owned());
        }
        if errors.is_empty() { Ok(asked) } else { Err(errors) }
    }

    fn settings(&self, seed: u64) -> Settings {
        let mut settings = Settings::of_seed(seed, 60);
        settings.run_ns = self.seconds.map_or(settings.run_ns, |seconds| (seconds * 1e9) as u64);
        settings.rate = self.rate.unwrap_or(settings.rate);
        settings.acts_max = self.acts.unwrap_or(settings.acts_max);
        settings.faults.clone_from(&self.faults);
        settings
    }
}

/// What runs came to so far.
struct Runs {
    totals: Totals,
    next_seed: u64,
    failures: Vec<Value>,
    counters: Option<PathBuf>,
}

impl Runs {
    /// Goes on from the counters that are there.
    fn begin(asked: &Asked) -> Result<Self, String> {
        let mut runs =
            Self { totals: Totals::default(), next_seed: 1, failures: Vec::new(), counters: asked.counters.clone() };
        if let Some(path) = asked.counters.as_ref().filter(|path| path.exists()) {
            let text =
                std::fs::read_to_string(path).map_err(|error| format!("--counters = {}: {error}", path.display()))?;
            let read = Totals::read(&text);
            let what = "holds no counters of the simulator; take it away, or name another file";
            (runs.totals, runs.next_seed) = read.ok_or_else(|| format!("--counters = {}: {what}", path.display()))?;
        }
        runs.next_seed = asked.seed.unwrap_or(runs.next_seed);
        Ok(runs)
    }

    fn one(&mut self, settings: &Settings, variant: Option<&str>) {
        let began = Instant::now();
        let outcome = run(settings);
        self.totals.add(&outcome, began.elapsed().as_nanos() as u64);
        if outcome.broken.is_some() {
            self.fail(settings, outcome, variant);
        }
        if let Some(path) = &self.counters {
            // Written beside and moved over it: whoever stops us in the midst leaves the one before.
            let beside = path.with_extension("new");
            let text = format!("{:#}\n", self.totals.json(self.next_seed));
            let written = std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, path));
            if let Err(error) = written {
                eprintln!("the counters were not written to {}: {error}", path.display());
            }
        }
    }

    fn fail(&mut self, settings: &Settings, outcome: Outcome, variant: Option<&str>) {
        println!("{}", failure(settings, &outcome, variant));
        let whole = failure_json(settings, &outcome, variant);
        let (small, smaller, runs) = shrink(settings, outcome);
        println!("shrunk in {runs} runs to {} faults:\n{}", small.plan().len(), failure(&small, &smaller, variant));
        self.failures.push(json!({"found": whole, "shrunk": failure_json(&small, &smaller, variant)}));
    }
}

/// Every run of the list of kept ones.
fn run_kept(path: &PathBuf, runs: &mut Runs) -> Result<(), Vec<String>> {
    let said = |error: String| format!("--kept = {}: {error}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| vec![said(error.to_string())])?;
    let list = kept::read(&text).map_err(|errors| errors.into_iter().map(said).collect::<Vec<_>>())?;
    for one in list {
        println!("kept: {} ({})", command(&one.settings, None), one.why);
        runs.one(&one.settings, None);
    }
    Ok(())
}

fn choose(variant: Option<&str>) -> Result<(), String> {
    let Some(name) = variant else { return Ok(()) };
    sim::system::variants::choose(name)
}

/// Seeds one after the other: so many, or for so long, or until the variant is found.
fn run_seeds(asked: &Asked, runs: &mut Runs) {
    let (began, variant) = (Instant::now(), asked.variant.as_deref());
    let seeds = asked.seeds.unwrap_or(if asked.hours.is_some() { u64::MAX } else { 1 });
    let wall_s = asked.hours.map_or(f64::MAX, |hours| hours * 3_600.0);
    let mut told = 0.0;
    for _ in 0..seeds {
        let settings = asked.settings(runs.next_seed);
        runs.next_seed += 1;
        runs.one(&settings, variant);
        let spent_s = began.elapsed().as_secs_f64();
        if spent_s > told + 60.0 {
            told = spent_s;
            println!(
                "{} seeds, {} failed, {:.0} times real time",
                runs.totals.seeds,
                runs.totals.failed,
                runs.totals.speed()
            );
        }
        if spent_s >= wall_s || (variant.is_some() && !runs.failures.is_empty()) || runs.failures.len() >= 5 {
            break;
        }
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let begun = Asked::read(&words).and_then(|asked| {
        let runs = Runs::begin(&asked).map_err(|error| vec![error])?;
        choose(asked.variant.as_deref()).map_err(|error| vec![error])?;
        Ok((asked, runs))
    });
    let (asked, mut runs) = match begun {
        Ok(begun) => begun,
        Err(errors) => {
            errors.iter().for_each(|error| eprintln!("{error}"));
            return ExitCode::from(2);
        }
    };
    // What a process says when it dies is told with the run.
    std::panic::set_hook(Box::new(|_| {}));
    if let Some(errors) = asked.kept.as_ref().and_then(|path| run_kept(path, &mut runs).err()) {
        errors.iter().for_each(|error| eprintln!("{error}"));
        return ExitCode::from(2);
    }
    if asked.kept.is_none() || asked.seed.is_some() || asked.hours.is_some() {
        run_seeds(&asked, &mut runs);
    }
    clean_up();
    println!("{}", runs.totals.table());
    if let Some(path) = &asked.json {
        let report = json!({"v": 1, "variant": asked.variant, "totals": runs.totals.json(runs.next_seed), "failures": runs.failures});
        if let Err(error) = std::fs::write(path, format!("{report:#}\n")) {
            eprintln!("--json = {}: {error}", path.display());
            return ExitCode::from(2);
        }
    }
    let found = !runs.failures.is_empty();
    if let Some(variant) = &asked.variant {
        println!("{variant}: {}", if found { "found" } else { "NOT found" });
    }
    ExitCode::from(u8::from(found != asked.variant.is_some()))
}
