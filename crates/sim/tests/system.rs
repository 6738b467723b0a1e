//! Whole systems of two regions by seed: what must hold holds, a seed repeats itself, and a failing run is shrunk.
//!
//! The seed is in each assertion's words; `make sim SEED=` with it is the reproduction.

use std::collections::BTreeSet;

use sim::system::faults::{KINDS_MIN, Kind};
use sim::system::report::{Totals, command, failure};
use sim::system::shrink::shrink_by;
use sim::system::{Broken, Counting, Invariant, Outcome, Settings, Standby, kept, run};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const KEPT: &str = include_str!("../seeds.txt");

#[test]
fn kept_seeds_hold() {
    let list = kept::read(KEPT).expect("a good list");
    assert!(!list.is_empty());
    for one in list {
        let outcome = run(&one.settings);
        assert!(outcome.broken.is_none(), "{} ({})", failure(&one.settings, &outcome, None), one.why);
    }
}

#[test]
fn a_seed_repeats_itself_and_another_does_not() {
    for seed in [3, 4] {
        let settings = Settings::of_seed(seed, 8);
        let (one, two) = (run(&settings), run(&settings));
        assert!(one.orders > 20 && one.fills > 10 && one.calls > 10_000, "seed {seed}: {one:?}");
        assert_eq!((one.hash, one.calls, one.orders), (two.hash, two.calls, two.orders), "seed {seed}");
        assert_ne!(one.hash, run(&Settings::of_seed(seed + 100, 8)).hash, "seed {seed}");
        let calm = Settings { faults: Some(Vec::new()), ..settings };
        assert_ne!(one.hash, run(&calm).hash, "seed {seed}: faults do something");
    }
}

#[test]
fn seeds_together_see_every_kind_of_fault() {
    let kinds: BTreeSet<&str> =
        (1..200).flat_map(|seed| Settings::of_seed(seed, 60).plan()).map(|fault| fault.kind.word()).collect();
    assert_eq!(kinds.len(), Kind::ALL.len());
    for seed in 1..200 {
        for seconds in [20, 60] {
            let plan = Settings::of_seed(seed, seconds).plan();
            let kinds: BTreeSet<&str> = plan.iter().map(|fault| fault.kind.word()).collect();
            assert!(kinds.len() >= KINDS_MIN, "seed {seed}, {seconds} s: {kinds:?}");
        }
    }
    let plan = Settings::of_seed(7, 60).plan();
    let less = Settings { faults: Some(vec![plan[1].number]), ..Settings::of_seed(7, 60) };
    assert_eq!(less.plan(), [plan[1]], "a fault means the same without the others");
}

#[test]
fn nobody_is_called_to_wait() {
    // A standby is called for what its leader sends, and its leader for its answers: two each have at most twice as much to do.
    for (seed, standby, calls_max) in [500_003, 500_004]
        .into_iter()
        .flat_map(|seed| [(seed, Standby::None, 8_000), (seed, Standby::IsWaitedFor, 16_000)])
    {
        let outcome = run(&Settings { standbys: [standby; 2], ..Settings::of_seed(seed, 30) });
        assert!(outcome.broken.is_none() && outcome.readings.iter().any(|(name, _)| name.ends_with("feed.snapshots")));
        // A feed that waited for a snapshot said once that it worked, and was called fifty thousand times a second.
        let calls_a_second = outcome.calls * 1_000_000_000 / outcome.simulated_ns;
        let told = format!("seed {seed}, {standby:?}: {calls_a_second} calls a simulated second");
        assert!((1_000..calls_max).contains(&calls_a_second), "{told}");
        println!("{told}");
    }
}

#[test]
fn what_a_system_holds_is_counted_and_stays_small() {
    let outcome = run(&Settings::of_seed(4, 20));
    assert!(outcome.broken.is_none(), "{outcome:?}");
    assert!(outcome.faults.len() >= KINDS_MIN, "{outcome:?}");
    // Queues fill while somebody stands still, so it is not nothing; and the bound is far away.
    assert!((1 << 10..4 << 20).contains(&outcome.growth_bytes_max), "{}", outcome.growth_bytes_max);
}

/// A run that breaks where faults 3 and 7 are there, the second of them at its time.
fn breaks(settings: &Settings) -> Outcome {
    let plan = settings.plan();
    let at_ns = plan.iter().find(|fault| fault.number == 7).map(|fault| fault.at_ns);
    let mut outcome = run(&Settings { run_ns: 100_000_000, fault_every_ns: 0, ..settings.clone() });
    outcome.orders = 1_000;
    let there = plan.iter().any(|fault| fault.number == 3) && settings.acts_max > 100;
    outcome.broken = at_ns.filter(|_| there).map(|at_ns| Broken {
        invariant: Invariant::Limits,
        at_ns,
        what: "as the test has it".to_owned(),
    });
    outcome
}

#[test]
fn a_failing_run_is_shrunk_to_the_faults_that_it_needs() {
    let settings = Settings::of_seed(9, 60);
    let broken = breaks(&settings);
    let (small, outcome, runs) = shrink_by(&settings, broken, &breaks);
    let numbers: Vec<usize> = small.plan().iter().map(|fault| fault.number).collect();
    assert_eq!(numbers, [3, 7], "after {runs} runs");
    assert!(small.run_ns < settings.run_ns && small.acts_max < 1_000, "{small:?}");
    let told = failure(&small, &outcome, None);
    for word in ["seed 9", "limits hold at the venue", "FAULTS=3,7", "make sim SEED=9", "ACTS="] {
        assert!(told.contains(word), "{word} is not in {told}");
    }
    // What is told is what runs it again.
    assert!(command(&small, None).contains(&format!("SECONDS={}", small.run_ns as f64 / 1e9)));
}

#[test]
fn counters_go_on_from_what_was_written() {
    let outcome = run(&Settings::of_seed(5, 2));
    let mut totals = Totals::default();
    totals.add(&outcome, 1_000);
    let written = totals.json(6).to_string();
    let (mut read, next_seed) = Totals::read(&written).expect("what was written");
    assert_eq!((&read, next_seed), (&totals, 6));
    read.add(&outcome, 1_000);
    assert_eq!((read.seeds, read.simulated_ns), (2, 2 * outcome.simulated_ns));
    let mut both = Totals::default();
    both.merge(&totals);
    both.merge(&totals);
    both.wall_ns = read.wall_ns;
    assert_eq!(both, read, "what two processes did is what one does");
    let (fewest, median) = read.kinds_of_fault();
    assert_eq!((fewest, median), (outcome.faults.len() as u64, outcome.faults.len() as u64));
    let page = read.page("abc", (5, 6), &[]);
    for word in ["| commit | abc |", "| seeds | 5 to 6 |", "| failed | 0 |"] {
        assert!(page.contains(word), "{word} is not in {page}");
    }
    assert!(Totals::read("{}").is_none() && Totals::read("x").is_none());
}

#[test]
fn a_bad_line_of_the_list_is_told_with_its_number() {
    let errors = kept::read("seed=1\nsteps=4\nseed=x\nseed=1 colour=2\n").expect_err("three bad lines");
    assert_eq!(errors.len(), 3);
    assert!(errors[0].starts_with("line 2: seed") && errors[1].contains("whole number"), "{errors:?}");
    assert!(errors[2].contains("colour"), "{errors:?}");
}
