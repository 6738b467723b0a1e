//! What goes wrong in a run, and when: a list that its seed decides, or a part of it.
//!
//! Invariant: a fault means the same whichever others are left out, so that a run can be shrunk by leaving out faults.

use crate::random::Random;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $word:literal;)*) => {
        /// A kind of fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kind {
            $($(#[$doc])* $name,)*
        }

        impl Kind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its word in reports.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

kinds! {
    /// Datagrams of a venue's feed are lost.
    FeedLoss = "feed loss";
    /// They are doubled and overtaken.
    FeedDisorder = "feed disorder";
    /// Between the regions: loss, doubling, overtaking.
    LineTrouble = "line trouble";
    /// Nothing passes between the regions.
    Partition = "partition";
    /// Nothing passes from one region to the other; the way back is open.
    HalfPartition = "partition one way";
    /// Nothing passes between a region and its venue.
    VenueAway = "venue away";
    /// Nothing passes from the venue to the region, or the other way.
    VenueHalfAway = "venue away one way";
    /// Nothing passes between a region and the store.
    StoreAway = "store away";
    /// The region hears the store, which does not hear it, or the other way.
    StoreHalfAway = "store away one way";
    /// Connections between a region and its venue break.
    Cut = "connections cut";
    /// They break in the midst of writes, again and again.
    CutOften = "connections cut in writes";
    /// Little fits into a connection, and it is slow.
    ThinStream = "thin connection";
    /// A process dies and starts again.
    CrashEngine = "engine crash";
    /// As above.
    CrashGateway = "gateway crash";
    /// As above.
    CrashExchange = "exchange crash";
    /// As above.
    CrashFeed = "feed crash";
    /// As above.
    CrashAgent = "agent crash";
    /// Engine and gateway die at one moment, and come back one after the other.
    CrashBoth = "engine and gateway crash";
    /// A process stands still, and goes on.
    PauseEngine = "engine pause";
    /// As above.
    PauseGateway = "gateway pause";
    /// As above.
    PauseExchange = "exchange pause";
    /// As above.
    PauseFeed = "feed pause";
    /// As above.
    PauseAgent = "agent pause";
    /// An engine takes what is for it only now and then.
    SlowEngine = "slow engine";
    /// A gateway does.
    SlowGateway = "slow gateway";
    /// A region's clock runs too fast or too slow.
    ClockDrift = "clock drift";
    /// It jumps ahead, or stands still for a while.
    ClockStep = "clock step";
    /// The strategy raises.
    StrategyFails = "strategy fails";
    /// It burns its fuel.
    StrategyLoops = "strategy loops";
    /// It floods.
    StrategyFloods = "strategy floods";
    /// It writes beyond its buffer.
    StrategyOverfills = "strategy overfills";
    /// Commands of an engine that has been replaced still reach its gateway.
    StaleCommands = "commands of an older epoch";
    /// A disk takes no new file.
    DiskFull = "disk full";
    /// Parts of the global limits move from one region to the other.
    PartsMove = "parts of a limit move";
    /// An officer kills a region's strategy, and arms it again.
    Killed = "kill and re-arm";
    /// A venue breaks a trade of ours.
    TradeBroken = "trade broken";
    /// The host of a region is lost with all its processes and with what its engine's disk was not made to keep.
    HostLost = "host lost";
    /// A disk takes nothing for a while, and does not say so.
    DiskStalls = "disk stalls";
    /// A disk refuses to take anything, until somebody puts another in its place.
    DiskRefuses = "disk refuses";
    /// A bit of what a disk has kept flips while its engine is dead.
    DiskRots = "disk rots";
    /// It corrects one: fewer lots, another price, or both.
    TradeCorrected = "trade corrected";
    /// The engine that follows dies.
    CrashStandby = "crash standby";
    /// It stands still.
    PauseStandby = "pause standby";
    /// An operator has the engine that leads make way for the one that follows.
    HandOver = "hand-over";
}

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Its place in the whole list of its seed.
    pub number: usize,
    /// What.
    pub kind: Kind,
    /// When, ns after the start.
    pub at_ns: u64,
    /// For how long, ns.
    pub for_ns: u64,
    /// Where: 1 or 2.
    pub region: u16,
    /// What else there is to decide about it.
    pub draw: u64,
}

const SECOND_NS: u64 = 1_000_000_000;
/// Kinds of fault that a whole run sees at least.
pub const KINDS_MIN: usize = 3;
/// A process stands still for so long at most, ns (FAILURES E6).
const PAUSE_NS_MAX: u64 = 60 * SECOND_NS;

impl Kind {
    /// Whether it says something of engines at durability `disk` alone.
    pub const fn needs_disk(self) -> bool {
        matches!(self, Self::HostLost | Self::DiskStalls | Self::DiskRefuses)
    }

    /// Whether it is about an engine that follows another one.
    pub const fn is_of_standby(self) -> bool {
        matches!(self, Self::CrashStandby | Self::PauseStandby | Self::HandOver)
    }

    /// Whether a process stands still.
    pub const fn is_pause(self) -> bool {
        matches!(
            self,
            Self::PauseEngine | Self::PauseGateway | Self::PauseExchange | Self::PauseFeed | Self::PauseAgent
        )
    }
}

/// What goes wrong in a run of this length: a fault every `every_ns` on average, of some kinds that the seed chooses. `disk` says
/// which engines are at durability `disk`.
pub fn plan(seed: u64, run_ns: u64, every_ns: u64, disk: [bool; 2]) -> Vec<Fault> {
    let mut random = Random::new(seed ^ 0xFA17);
    // Not every run sees everything: three kinds at least, all at most.
    let mut kinds: Vec<Kind> = Kind::ALL.to_vec();
    kinds.retain(|kind| !kind.is_of_standby() && (disk != [false; 2] || !kind.needs_disk()));
    let count = random.between(KINDS_MIN as u64, kinds.len() as u64) as usize;
    for at in (1..kinds.len()).rev() {
        kinds.swap(at, random.between(0, at as u64) as usize);
    }
    // A bit of a closed segment or of a snapshot flips: a run that never has one of these has another kind in its place.
    let spare = usize::from(count == KINDS_MIN && kinds[..count].contains(&Kind::DiskRots));
    kinds.truncate(count + spare);
    let mut faults = Vec::new();
    let mut at_ns = random.between(SECOND_NS / 2, SECOND_NS / 2 + every_ns);
    while at_ns < run_ns {
        // The first ones are of different kinds, so that each run has that many.
        let place = random.between(0, kinds.len() as u64 - 1) as usize;
        let kind = kinds[if faults.len() < KINDS_MIN + spare { faults.len() } else { place }];
        // Short ones are common, long ones are not: 1 ms to 16 s, 60 s where somebody stands still; each power of two as often.
        let doubled_max = if kind.is_pause() { 15 } else { 13 };
        let for_ns = (random.between(1_000_000, 2_000_000) << random.between(0, doubled_max)).min(PAUSE_NS_MAX);
        let for_ns = for_ns.min(run_ns.saturating_sub(at_ns)).max(1_000_000);
        let region = random.between(1, 2) as u16;
        let elsewhere = kind.needs_disk() && !disk[usize::from(region) - 1];
        let region = if elsewhere { 3 - region } else { region };
        faults.push(Fault { number: faults.len(), kind, at_ns, for_ns, region, draw: random.number() });
        at_ns += random.between(every_ns / 4, every_ns * 7 / 4);
    }
    faults
}

/// What goes wrong with the engines that follow others, in the regions that have one: beside all else, numbered after it.
pub fn plan_of_standbys(seed: u64, run_ns: u64, every_ns: u64, pairs: [bool; 2], first: usize) -> Vec<Fault> {
    let mut random = Random::new(seed ^ 0x57A2);
    let mut faults = Vec::new();
    let mut at_ns = random.between(every_ns, 8 * every_ns);
    while at_ns < run_ns && pairs != [false; 2] {
        let kind = [Kind::CrashStandby, Kind::PauseStandby][random.between(0, 1) as usize];
        let for_ns = random.between(1_000_000, 2_000_000) << random.between(0, 12);
        let for_ns = for_ns.min(run_ns - at_ns).max(1_000_000);
        let region = random.between(1, 2) as u16;
        let region = if pairs[usize::from(region) - 1] { region } else { 3 - region };
        faults.push(Fault { number: first + faults.len(), kind, at_ns, for_ns, region, draw: random.number() });
        at_ns += random.between(4 * every_ns, 12 * every_ns);
    }
    faults
}

/// When engines make way for those that follow them, in the regions that have one: numbered after all else.
pub fn plan_of_hand_overs(seed: u64, run_ns: u64, every_ns: u64, pairs: [bool; 2], first: usize) -> Vec<Fault> {
    let mut random = Random::new(seed ^ 0x4A0D);
    let mut faults = Vec::new();
    let mut at_ns = random.between(SECOND_NS, 8 * every_ns);
    while at_ns < run_ns && pairs != [false; 2] {
        let region = random.between(1, 2) as u16;
        let region = if pairs[usize::from(region) - 1] { region } else { 3 - region };
        let (number, draw) = (first + faults.len(), random.number());
        faults.push(Fault { number, kind: Kind::HandOver, at_ns, for_ns: 1_000_000, region, draw });
        at_ns += random.between(2 * every_ns, 8 * every_ns);
    }
    faults
}
