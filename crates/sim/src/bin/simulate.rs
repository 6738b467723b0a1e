//! `make sim`: whole systems of two regions by seed, with what goes wrong in them; what broke, and how to see it again.
//!
//!     simulate --seed 1 [--seeds 10 | --hours 2] [--seconds 60] [--rate 500] [--faults 1,2] [--acts 9] [--variant NAME]
//!              [--kept FILE] [--counters FILE] [--json FILE] [--report FILE] [--commit NAME] [--jobs 2] [--standbys seed|none]
//!
//! `--report` writes a page and, beside it, the same as JSON. `--variant all` tries each variant until a run notices.
//!
//! Invariant: equal arguments give equal runs, but for how many fit into `--hours`. Exit code 0: nothing broke; 1: something did,
//! or nothing did in a variant; 2: bad arguments, all told at once before anything starts.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use serde_json::{Value, json};
use sim::system::report::{Found, Totals, command, failure, failure_json, variants_page};
use sim::system::{Outcome, Settings, Standby, clean_up, kept, run, shrink};

/// So that a run can look at the memory that its system holds.
#[global_allocator]
static ALLOCATOR: sim::system::Counting = sim::system::Counting;

const NAMES: &str = "--seed, --seeds, --hours, --seconds, --rate, --faults, --acts, --variant, --kept, --counters, --json, --report, --commit, --jobs, --standbys";

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
    report: Option<PathBuf>,
    commit: Option<String>,
    jobs: Option<u64>,
    standbys: Option<String>,
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
                "--report" => asked.report = Some(value.into()),
                "--commit" => asked.commit = Some(value.clone()),
                "--standbys" if ["seed", "none"].contains(&value.as_str()) => asked.standbys = Some(value.clone()),
                "--standbys" => errors.push(format!("--standbys = {value:?}: must be seed or none")),
                "--jobs" => asked.jobs = whole(name, value, 1, 256, &mut errors),
                _ => errors.push(format!("{name}: is not known; allowed are {NAMES}")),
            }
        }
        if asked.seeds.is_some() && asked.hours.is_some() {
            errors.push("--seeds: stands beside --hours; one of the two".to_owned());
        }
        if asked.jobs.is_some_and(|jobs| jobs > 1) && (asked.seeds.is_none() || asked.variant.is_some()) {
            errors.push("--jobs: several processes share --seeds, of no variant".to_owned());
        }
        if errors.is_empty() { Ok(asked) } else { Err(errors) }
    }

    /// Writes a page, and the same for programs beside it.
    fn report(&self, page: &str, value: &Value) -> Result<(), String> {
        let Some(path) = &self.report else { return Ok(()) };
        let written = std::fs::write(path, page)
            .and_then(|()| std::fs::write(path.with_extension("json"), format!("{value:#}\n")));
        written.map_err(|error| format!("--report = {}: {error}", path.display()))
    }

    fn settings(&self, seed: u64) -> Settings {
        let mut settings = Settings::of_seed(seed, 60);
        settings.run_ns = self.seconds.map_or(settings.run_ns, |seconds| (seconds * 1e9) as u64);
        settings.rate = self.rate.unwrap_or(settings.rate);
        settings.acts_max = self.acts.unwrap_or(settings.acts_max);
        settings.faults.clone_from(&self.faults);
        if self.standbys.as_deref() == Some("none") {
            settings.standbys = [Standby::None; 2];
        }
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

/// The seeds in several processes, each with a part of them in one piece; what they came to together.
fn run_jobs(asked: &Asked, jobs: u64, runs: &mut Runs) -> Result<(), String> {
    let (first, seeds) = (runs.next_seed, asked.seeds.unwrap_or(1));
    let folder = std::env::temp_dir().join(format!("meridian-simulator-jobs-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut children = Vec::new();
    for job in 0..jobs.min(seeds) {
        let (from, to) = (first + seeds * job / jobs.min(seeds), first + seeds * (job + 1) / jobs.min(seeds));
        let path = folder.join(format!("{job}.json"));
        let mut command = std::process::Command::new(&program);
        command
            .arg("--seed")
            .arg(from.to_string())
            .arg("--seeds")
            .arg((to - from).to_string())
            .arg("--json")
            .arg(&path);
        let settings = [
            ("--seconds", asked.seconds.map(|value| value.to_string())),
            ("--rate", asked.rate.map(|value| value.to_string())),
            ("--standbys", asked.standbys.clone()),
        ];
        for (name, value) in settings.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            command.arg(name).arg(value);
        }
        children.push((path, command.spawn().map_err(|error| format!("{}: {error}", program.display()))?));
    }
    for (path, mut child) in children {
        child.wait().map_err(|error| error.to_string())?;
        let said = |what: String| format!("{}: {what}", path.display());
        let text = std::fs::read_to_string(&path).map_err(|error| said(error.to_string()))?;
        let report: Value = serde_json::from_str(&text).map_err(|error| said(error.to_string()))?;
        let (totals, next) =
            Totals::read(&report["totals"].to_string()).ok_or_else(|| said("is no report".to_owned()))?;
        runs.totals.merge(&totals);
        runs.next_seed = runs.next_seed.max(next);
        runs.failures.extend(report["failures"].as_array().cloned().unwrap_or_default());
    }
    std::fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))
}

/// Each variant, until a run notices or so many did not; whether all were noticed.
fn run_variants(asked: &Asked) -> Result<bool, String> {
    let mut all = Vec::new();
    for variant in sim::system::variants::all() {
        sim::system::variants::choose(variant.0)?;
        let mut found = Found { variant, run: None, runs: 0 };
        let first = asked.seed.unwrap_or(1);
        for seed in first..first + asked.seeds.unwrap_or(200) {
            let settings = asked.settings(seed);
            let outcome = run(&settings);
            found.runs += 1;
            if outcome.broken.is_some() {
                found.run = Some((settings, outcome));
                break;
            }
        }
        let told = found.run.as_ref().and_then(|(_, outcome)| outcome.broken.as_ref()).map(ToString::to_string);
        println!("{}: after {} runs: {}", variant.0, found.runs, told.unwrap_or_else(|| "NOT found".to_owned()));
        all.push(found);
    }
    if all.is_empty() {
        return choose(Some("all")).map(|()| false);
    }
    let page = variants_page(asked.commit.as_deref().unwrap_or("unknown"), asked.seconds.unwrap_or(60.0), &all);
    let value = json!({"v": 1, "commit": asked.commit, "variants": all.iter().map(Found::json).collect::<Vec<_>>()});
    asked.report(&page, &value)?;
    Ok(all.iter().all(|found| found.run.is_some()))
}

fn choose(variant: Option<&str>) -> Result<(), String> {
    let Some(name) = variant.filter(|name| *name != "all" || sim::system::variants::all().is_empty()) else {
        return Ok(());
    };
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

/// Runs what was asked for and writes what it came to.
fn run_and_tell(asked: &Asked, runs: &mut Runs) -> Result<(), String> {
    let first = runs.next_seed;
    match asked.jobs {
        Some(jobs) if jobs > 1 => run_jobs(asked, jobs, runs)?,
        _ if asked.kept.is_none() || asked.seed.is_some() || asked.hours.is_some() => run_seeds(asked, runs),
        _ => {}
    }
    clean_up();
    println!("{}", runs.totals.table());
    let commit = asked.commit.as_deref().unwrap_or("unknown");
    let report = json!({
        "v": 1, "variant": asked.variant, "commit": commit, "first_seed": first, "last_seed": runs.next_seed - 1,
        "totals": runs.totals.json(runs.next_seed), "failures": runs.failures,
    });
    if let Some(path) = &asked.json {
        std::fs::write(path, format!("{report:#}\n"))
            .map_err(|error| format!("--json = {}: {error}", path.display()))?;
    }
    asked.report(&runs.totals.page(commit, (first, runs.next_seed - 1), &runs.failures), &report)
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
    if let Some(errors) = asked.kept.as_ref().and_then(|path| run_kept(path, &mut runs).err()) {
        errors.iter().for_each(|error| eprintln!("{error}"));
        return ExitCode::from(2);
    }
    if asked.variant.as_deref() == Some("all") {
        return match run_variants(&asked) {
            Ok(all) => ExitCode::from(u8::from(!all)),
            Err(error) => {
                eprintln!("{error}");
                ExitCode::from(2)
            }
        };
    }
    if let Err(error) = run_and_tell(&asked, &mut runs) {
        eprintln!("{error}");
        return ExitCode::from(2);
    }
    let found = !runs.failures.is_empty();
    if let Some(variant) = &asked.variant {
        println!("{variant}: {}", if found { "found" } else { "NOT found" });
    }
    ExitCode::from(u8::from(found != asked.variant.is_some()))
}
