//! A whole system of two regions in one thread: venues, feeds, gateways over OUCH and FIX, engines with strategies and executors,
//! agents, a store, and the network between them, on a seeded clock; what goes wrong in it and what must hold meanwhile.
//!
//! Invariant: a seed and its settings decide everything. What is true is what the venues' cores did.

pub mod configs;
mod deaths;
pub mod faults;
mod flow;
mod invariants;
pub mod kept;
mod lost;
mod memory;
mod pair;
mod processes;
pub mod report;
mod run;
pub mod shrink;
mod start;
mod store;
pub mod traders;
mod truth;
pub mod variants;

pub use invariants::{Broken, Invariant};
pub use memory::Counting;
pub use run::{Outcome, run};
pub use shrink::shrink;
pub use start::clean_up;

use faults::Fault;

/// Whether a region's engine has a second one that follows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standby {
    /// It has none.
    #[default]
    None,
    /// One that nobody waits for.
    Follows,
    /// One that has the cause of whatever leaves (durability `standby`).
    IsWaitedFor,
}

/// What a run is made of.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The seed.
    pub seed: u64,
    /// Simulated time in which things happen, ns; then all comes to rest.
    pub run_ns: u64,
    /// Commands of everybody else, over both venues, a second.
    pub rate: u64,
    /// A fault every so often on average, ns; 0: none.
    pub fault_every_ns: u64,
    /// Only these faults of the seed's list; `None`: all.
    pub faults: Option<Vec<usize>>,
    /// Things that a strategy does at most.
    pub acts_max: u64,
    /// Which venues speak FIX.
    pub fix: [bool; 2],
    /// The word of both sides' settings.
    pub cancel_on_disconnect: &'static str,
    /// Bytes of a journal's segment.
    pub segment_bytes: usize,
    /// What arrives is looked at in steps of so long, ns.
    pub grain_ns: u64,
    /// Which engines are at durability `disk`; the others at `process`.
    pub disk: [bool; 2],
    /// Which engines have a standby.
    pub standbys: [Standby; 2],
    /// A dead engine has a snapshot beside its journal so many times of a million.
    pub snapshots: u32,
}

impl Settings {
    /// Everything as this seed decides, for so many simulated seconds.
    pub fn of_seed(seed: u64, seconds: u64) -> Self {
        let mut random = crate::Random::new(seed ^ 0x5E77);
        let fix = [[false, true], [true, false], [false, false], [true, true]][random.between(0, 3) as usize];
        // Drawn apart: what a seed decided before there were standbys, it decides still.
        let mut apart = crate::Random::new(seed ^ 0x57B4);
        let standbys = [(); 2].map(|()| match apart.between(0, 5) {
            0..=2 => Standby::None,
            3 => Standby::Follows,
            _ => Standby::IsWaitedFor,
        });
        Self {
            seed,
            standbys,
            run_ns: seconds * 1_000_000_000,
            rate: 500,
            fault_every_ns: random.between(1, 8) * 500_000_000,
            faults: None,
            acts_max: u64::MAX,
            fix,
            cancel_on_disconnect: ["none", "all", "day_orders"][random.between(0, 2) as usize],
            segment_bytes: 1 << 20,
            grain_ns: 1 << random.between(12, 17),
            disk: [[false, false], [true, false], [false, true], [true, true]][random.between(0, 3) as usize],
            snapshots: [0, 300_000, 600_000][random.between(0, 2) as usize],
        }
    }

    /// Bytes of a segment of an engine's journal: small where each flush copies one.
    pub fn engine_segment_bytes(&self, region: u16) -> usize {
        if self.disk[usize::from(region) - 1] { self.segment_bytes >> 4 } else { self.segment_bytes }
    }

    /// The faults of the run.
    pub fn plan(&self) -> Vec<Fault> {
        if self.fault_every_ns == 0 {
            return Vec::new();
        }
        let mut plan = faults::plan(self.seed, self.run_ns, self.fault_every_ns, self.disk);
        let pairs = self.standbys.map(|standby| standby != Standby::None);
        plan.extend(faults::plan_of_standbys(self.seed, self.run_ns, self.fault_every_ns, pairs, plan.len()));
        plan.extend(faults::plan_of_hand_overs(self.seed, self.run_ns, self.fault_every_ns, pairs, plan.len()));
        if let Some(kept) = &self.faults {
            plan.retain(|fault| kept.contains(&fault.number));
        }
        plan
    }
}
