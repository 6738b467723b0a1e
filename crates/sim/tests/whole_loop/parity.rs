//! A region's run beside its backtest: its journal heard again between simulated venues has no difference that no record explains,
//! whatever crossed what on the way: replaces and fills, cancels and replaces, orders of ours and each other, reports and the feed.
//!
//! Invariant: every failure names the seed that repeats it, with the first differences.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use backtest::parity::{Because, Departures, Parity, Parted, REPORT, parity};
use records::{OrderEventKind, Reason};
use sim::{Faults, Random};
use tiles::{Clock, Storage};

use crate::world::{MILLISECOND, Setup, World};

/// The engine's journal as files.
fn written(world: &mut World, name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("meridian-loop-{name}-{}", std::process::id()));
    let _not_there = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let disk = world.sim.disk("engine");
    for file in disk.list().unwrap() {
        let size = if file == engine::STATE_FILE { engine::STATE_FILE_BYTES } else { world.setup.segment_bytes };
        fs::write(folder.join(&file), disk.open(&file, size).unwrap().bytes()).unwrap();
    }
    folder
}

/// What is counted of a run's steps, for tests that must have met it.
#[derive(Debug, Default)]
struct Met {
    /// Live reports by kind.
    reports: BTreeMap<u16, usize>,
    /// Orders that the venue cancelled since another of ours came in.
    crossed: usize,
    /// Reports that a session said again.
    repeated: usize,
}

impl Met {
    fn add(&mut self, parity: &Parity) {
        for row in &parity.steps {
            let Some(step) = row.live.filter(|step| step.key.what & REPORT != 0) else { continue };
            *self.reports.entry(step.key.what & !REPORT).or_default() += 1;
            // FIX has no word for it.
            let crossed = [Reason::SelfTradePrevention, Reason::Other].map(Reason::code).contains(&step.reason);
            let canceled = step.key.what & !REPORT == u16::from(OrderEventKind::Canceled.code());
            self.crossed += usize::from(crossed && canceled);
            self.repeated += usize::from(row.difference.is_some_and(|one| one.because == Because::Repeated));
        }
    }

    fn count(&self, kind: OrderEventKind) -> usize {
        self.reports.get(&u16::from(kind.code())).copied().unwrap_or(0)
    }
}

/// Runs a world to its end and its journal again; both must agree.
fn beside(mut world: World, name: &str, met: &mut Met) {
    let seed = world.setup.seed;
    world.run_to_rest();
    world.close_engine();
    let spoken = world.setup.fix.unwrap_or("OUCH");
    let folder = written(&mut world, &format!("{name}-{spoken}-{seed}"));
    let found = parity(&folder, world.host(), world.host(), &Departures::default()).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(found.replay.agrees(), Some(true), "{name}: seed {seed}");
    let told = |row: &&Parted| row.difference.is_some_and(|one| one.because == Because::Unexplained);
    let wrong: Vec<&Parted> = found.steps.iter().filter(told).collect();
    assert!(
        wrong.is_empty(),
        "{name}: seed {seed}: {} of {} unexplained, first {:#?}",
        wrong.len(),
        found.steps.len(),
        &wrong[..wrong.len().min(3)]
    );
    assert_eq!(found.state_hash, found.replay.state_hash, "{name}: seed {seed}");
    met.add(&found);
}

/// With something happening every few milliseconds.
fn troubled(setup: Setup, mut happen: impl FnMut(&mut World, &mut Random)) -> World {
    let mut world = World::new(Setup { venues: 2, run_ns: 100 * MILLISECOND, ..setup });
    let mut random = Random::new(world.setup.seed + 77);
    while world.sim.clock.now_ns() < world.stop_ns {
        world.run(random.between(3 * MILLISECOND, 15 * MILLISECOND));
        happen(&mut world, &mut random);
    }
    world
}

/// Streams are slow, arrive in pieces, and take little at a time.
const SLOW: Faults = Faults { tcp_delay_ns: (5_000, 300_000), tcp_window_bytes: 300, ..Faults::NONE };

#[test]
pub fn a_run_is_its_backtest_whatever_crosses_on_the_way() {
    let mut met = Met::default();
    for seed in 1..=24 {
        beside(troubled(Setup::new(seed), |_, _| {}), "calm", &mut met);
    }
    let kinds = [OrderEventKind::Filled, OrderEventKind::Replaced, OrderEventKind::Canceled, OrderEventKind::NotSent];
    let crossings = [OrderEventKind::ReplaceRejected, OrderEventKind::CancelRejected];
    let rare = kinds.iter().chain(&crossings).map(|kind| met.count(*kind)).min();
    assert!(rare > Some(50) && met.crossed > 1_000, "{met:?}");
}

#[test]
pub fn the_same_where_reports_are_slow_and_the_feed_overtakes_itself() {
    let mut met = Met::default();
    let faults = [SLOW, Faults { udp_delay_ns: (5_000, 200_000), udp_reorder: 10_000, ..Faults::NONE }];
    for seed in 1..=12 {
        beside(troubled(Setup { faults: faults[seed as usize % 2], ..Setup::new(seed) }, |_, _| {}), "slow", &mut met);
    }
    assert!(met.count(OrderEventKind::Filled) > 1_000, "{met:?}");
}

#[test]
pub fn the_same_where_sessions_break_and_say_again_what_was_lost() {
    let mut met = Met::default();
    for seed in 1..=10 {
        let world = troubled(Setup { faults: SLOW, ..Setup::new(seed) }, |world, random| {
            if random.between(0, 2) == 0 { world.sim.net.cut_streams() } else { world.sim.net.break_streams() }
        });
        beside(world, "cut", &mut met);
    }
    assert!(met.count(OrderEventKind::Unknown) + met.count(OrderEventKind::NotFound) > 20, "{met:?}");
}

#[test]
pub fn the_same_where_a_gateway_dies_and_goes_on_from_its_journal() {
    let mut met = Met::default();
    for seed in 1..=8 {
        let world = troubled(Setup { faults: SLOW, ..Setup::new(seed) }, |world, random| {
            world.kill_gateway(1);
            world.run(random.between(0, 3 * MILLISECOND));
            world.start_gateway(1);
        });
        beside(world, "killed", &mut met);
    }
    assert!(met.repeated > 500, "{met:?}");
}
