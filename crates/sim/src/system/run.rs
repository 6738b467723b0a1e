//! A run: what goes wrong is done at its time, what must hold is looked at again and again; then all comes to rest and is compared.
//!
//! Invariant: a run that ends well has been looked at from its first moment to its end; one that does not says what broke.

use std::collections::{BTreeMap, VecDeque};

use links::Offer;
use records::{
    Kill, KillNew, KillResting, NewOrder, OrderId, OrderIdParts, OrderType, SelectorKind, SlotRun, StrategyControl,
    TimeInForce, bytes_of,
};
use tiles::Clock;

use super::configs::{EXECUTOR, GLOBAL_LIMITS, INSTRUMENT, SLOT, TICK};
use super::faults::{Fault, KINDS_MIN, Kind};
use super::invariants::{Broken, Invariant, Looked};
use super::processes::{NOBODY, Ran};
use super::start::{FAR, Role, System, region_host, venue_host};
use super::store::STORE_HOST;
use super::{Settings, Standby, pair};
use crate::net::{Faults, Happened};
use crate::random::Random;

const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;
/// Events that a report shows.
const EVENTS_MAX: usize = 40;
/// Simulated time that a system may take to come to rest once nothing goes wrong any more, ns.
const REST_NS_MAX: u64 = 90 * SECOND;
/// And at least: what was lost last of a feed is missed when its next heartbeat comes, ns.
const REST_NS_MIN: u64 = 4 * SECOND;

/// A fault that could not be done, its process being dead, is tried again after so long, ns.
const AGAIN_NS: u64 = 500 * MILLISECOND;
/// A run with all its faults that is as long as this has several kinds of them, ns.
const WHOLE_NS: u64 = 20 * SECOND;

/// Something that happened, for a report.
#[derive(Clone, Debug)]
pub struct Event {
    /// Simulated time, ns after the start.
    pub at_ns: u64,
    /// What.
    pub what: String,
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What broke, if something did.
    pub broken: Option<Broken>,
    /// The last that happened before.
    pub events: Vec<Event>,
    /// Hash over every call of every process, and the states at the end.
    pub hash: u64,
    /// Simulated time until everything was at rest, or until it broke, ns.
    pub simulated_ns: u64,
    /// Faults done, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Commands of everybody else.
    pub flow: u64,
    /// Orders of ours that venues took.
    pub orders: u64,
    /// Their fills.
    pub fills: u64,
    /// Calls of processes.
    pub calls: u64,
    /// The most bytes that the system held beyond those with which it began; 0 where nothing counts them.
    pub growth_bytes_max: u64,
    /// Every counter of every process that is not zero.
    pub readings: Vec<(String, u64)>,
    /// What else happened, by word.
    pub counts: BTreeMap<&'static str, u64>,
}

/// What is to be done at a time.
pub(super) enum Deed {
    Begin(Fault),
    End(Fault),
    Start(Role, u16),
    /// The engine of a region dies, and perhaps its gateway starts again.
    Fence(Fault),
    /// What the engine before the one that is dead still had to say reaches the gateway.
    Stale(Fault),
    /// Pairs of engines are looked at.
    Pairs,
}

pub(super) struct Run {
    pub(super) system: System,
    agenda: BTreeMap<(u64, u64), Deed>,
    deeds: u64,
    events: VecDeque<Event>,
    faults: BTreeMap<&'static str, u64>,
    /// By region: whether its disks take no new file, and whether the engine's takes nothing.
    full: [bool; 2],
    pub(super) ill: [bool; 2],
    /// By region: the epoch of an engine that died after its gateway had heard of it.
    fenced: [Option<u16>; 2],
    pub(super) random: Random,
    pub(super) looked: Looked,
    stale: u64,
    /// Commands that a gateway was given again.
    again: u64,
    revision: u64,
}

/// Runs one seed to its end.
pub fn run(settings: &Settings) -> Outcome {
    let plan = settings.plan();
    let system = match System::new(settings.clone()) {
        Ok(system) => system,
        Err(why) => return never(why),
    };
    let start_ns = system.processes.clock.now_ns();
    let looked = Looked::new(&system);
    let mut run = Run {
        random: Random::new(settings.seed ^ 0x2042),
        system,
        agenda: BTreeMap::new(),
        deeds: 0,
        events: VecDeque::new(),
        faults: BTreeMap::new(),
        full: [false; 2],
        ill: [false; 2],
        fenced: [None; 2],
        looked,
        stale: 0,
        again: 0,
        revision: 1 << 20,
    };
    for fault in plan {
        run.put(start_ns + fault.at_ns, Deed::Begin(fault));
    }
    if settings.standbys != [Standby::None; 2] {
        run.put(start_ns + pair::LOOK_NS, Deed::Pairs);
    }
    let broken = run.go().err();
    run.outcome(broken, start_ns)
}

fn never(why: String) -> Outcome {
    Outcome {
        broken: Some(Broken { invariant: Invariant::Starts, at_ns: 0, what: why }),
        events: Vec::new(),
        hash: 0,
        simulated_ns: 0,
        faults: BTreeMap::new(),
        flow: 0,
        orders: 0,
        fills: 0,
        calls: 0,
        growth_bytes_max: 0,
        counts: BTreeMap::new(),
        readings: Vec::new(),
    }
}

impl Run {
    fn outcome(self, broken: Option<Broken>, start_ns: u64) -> Outcome {
        let truths = || self.system.regions.iter().map(|region| region.truth.borrow());
        let pairs = |of: fn(&pair::Pair) -> u64| {
            self.system.regions.iter().filter_map(|region| region.pair.as_ref()).map(of).sum()
        };
        let Happened { lost, doubled, overtaken, closed, cut, full } = self.system.processes.net.happened();
        let mut counts = BTreeMap::from([
            ("datagrams lost", lost),
            ("datagrams doubled", doubled),
            ("datagrams overtaken", overtaken),
            ("datagrams into a closed way", closed),
            ("connections cut in a write", cut),
            ("stale commands sent", self.stale),
            ("commands given again", self.again),
            ("datagrams beyond a full socket", full),
            ("hand-overs done", pairs(|pair| pair.handed_over)),
            ("hand-overs that came to nothing", pairs(|pair| pair.went_on)),
        ]);
        counts.extend(self.looked.counts());
        Outcome {
            readings: self.system.processes.readings(),
            hash: self.system.processes.hash() ^ self.looked.hash(),
            simulated_ns: self.system.processes.clock.now_ns() - start_ns,
            faults: self.faults.clone(),
            flow: self.system.regions.iter().map(|region| region.flow.0.borrow().made).sum(),
            orders: truths().map(|truth| truth.accepted).sum(),
            fills: truths().map(|truth| truth.fills).sum(),
            calls: self.system.processes.calls(),
            growth_bytes_max: self.looked.growth_bytes_max(),
            events: self.events.into(),
            broken,
            counts,
        }
    }

    pub(super) fn put(&mut self, at_ns: u64, deed: Deed) {
        self.deeds += 1;
        self.agenda.insert((at_ns, self.deeds), deed);
    }

    pub(super) fn now_ns(&self) -> u64 {
        self.system.processes.clock.now_ns()
    }

    pub(super) fn say(&mut self, what: String) {
        if self.events.len() == EVENTS_MAX {
            self.events.pop_front();
        }
        let at_ns = self.now_ns() - crate::Simulation::START_NS;
        self.events.push_back(Event { at_ns, what });
    }

    fn broken(&self, invariant: Invariant, what: String) -> Broken {
        Broken { invariant, at_ns: self.now_ns() - crate::Simulation::START_NS, what }
    }

    /// Runs until then, whoever dies of a full disk meanwhile.
    fn run_until(&mut self, end_ns: u64) -> Result<(), Broken> {
        loop {
            let Ran::Died(id, why) = self.system.processes.run_until(end_ns) else { return Ok(()) };
            let found = self.system.regions.iter().find_map(|region| region.role(id).map(|role| (role, region.number)));
            let (role, number) = found.expect("a process of a region");
            if !self.full[usize::from(number) - 1] {
                let text = format!("{}: {why}", self.system.processes.name(id));
                return Err(self.broken(Invariant::Assertion, text));
            }
            self.say(format!("{role:?} {number} died: {why}"));
            self.crash(role, number)?;
            let at_ns = self.now_ns() + SECOND;
            self.put(at_ns, Deed::Start(role, number));
        }
    }

    fn go(&mut self) -> Result<(), Broken> {
        let stop_ns = self.system.stop_ns;
        let mut look_ns = self.now_ns() + 10 * MILLISECOND;
        while self.now_ns() < stop_ns {
            let deed_ns = self.agenda.first_key_value().map_or(u64::MAX, |((at_ns, _), _)| *at_ns);
            self.run_until(deed_ns.min(look_ns).min(stop_ns))?;
            if self.now_ns() >= look_ns {
                self.looked.look(&mut self.system)?;
                look_ns = self.now_ns() + self.random.between(MILLISECOND, 100 * MILLISECOND);
            }
            while let Some(((at_ns, _), _)) = self.agenda.first_key_value()
                && *at_ns <= self.now_ns()
                && let Some((_, deed)) = self.agenda.pop_first()
            {
                self.act(deed)?;
            }
        }
        self.several_kinds()?;
        self.heal()?;
        let (healed_ns, end_ns) = (self.now_ns(), self.now_ns() + REST_NS_MAX);
        loop {
            for _ in 0..25 {
                self.run_until(self.now_ns() + 10 * MILLISECOND)?;
                self.look_at_pairs()?;
                self.start_engines()?;
            }
            self.looked.look(&mut self.system)?;
            match self.looked.unrest(&mut self.system) {
                None if self.now_ns() >= healed_ns + REST_NS_MIN => break,
                None => {}
                Some(what) if self.now_ns() >= end_ns => return Err(self.broken(Invariant::Answered, what)),
                Some(_) => self.arm_all(),
            }
        }
        self.looked.at_rest(&mut self.system)
    }

    /// A whole run saw as many kinds of fault as its seed chose at least.
    fn several_kinds(&self) -> Result<(), Broken> {
        let Settings { faults, fault_every_ns, run_ns, .. } = &self.system.settings;
        if faults.is_none() && *fault_every_ns > 0 && *run_ns >= WHOLE_NS && self.faults.len() < KINDS_MIN {
            let kinds = format!("{:?} alone; a run has {KINDS_MIN} kinds of fault at least", self.faults);
            return Err(self.broken(Invariant::Faults, kinds));
        }
        Ok(())
    }

    fn act(&mut self, deed: Deed) -> Result<(), Broken> {
        match deed {
            Deed::Begin(fault) => {
                let done = self.begin(&fault)?;
                if done {
                    self.looked.disturbed(&fault, self.system.processes.clock.now_ns());
                    *self.faults.entry(fault.kind.word()).or_default() += 1;
                    let (word, region) = (fault.kind.word(), fault.region);
                    self.say(format!(
                        "fault {}: {word}, region {region}, {} ms",
                        fault.number,
                        fault.for_ns / MILLISECOND
                    ));
                    let end_ns = self.now_ns() + fault.for_ns;
                    self.put(end_ns, Deed::End(fault));
                } else if self.now_ns() + AGAIN_NS < self.system.stop_ns {
                    let again_ns = self.now_ns() + AGAIN_NS;
                    self.put(again_ns, Deed::Begin(fault));
                }
            }
            Deed::End(fault) => self.end(&fault)?,
            Deed::Start(role, region) => self.start(role, region)?,
            Deed::Fence(fault) => self.fence(&fault)?,
            Deed::Stale(fault) => self.say_stale(&fault),
            Deed::Pairs => {
                self.look_at_pairs()?;
                self.put(self.now_ns() + pair::LOOK_NS, Deed::Pairs);
            }
        }
        Ok(())
    }

    /// Once nothing goes wrong any more: who was to come back, comes back.
    fn start_engines(&mut self) -> Result<(), Broken> {
        for deed in std::mem::take(&mut self.agenda).into_values() {
            if let Deed::Start(role, region) = deed {
                self.start(role, region)?;
            }
        }
        Ok(())
    }

    fn start(&mut self, role: Role, region: u16) -> Result<(), Broken> {
        if matches!(role, Role::Engine | Role::Standby) && self.is_undecided(region) {
            let at_ns = self.now_ns() + pair::LOOK_NS;
            self.put(at_ns, Deed::Start(role, region));
            return Ok(());
        }
        let refused = self.system.start(role, region);
        self.say(format!("{role:?} {region} starts"));
        match refused {
            Ok(()) => Ok(()),
            // It is tried again, as a supervisor does.
            Err(why) if self.full[usize::from(region) - 1] || self.ill[usize::from(region) - 1] => {
                self.say(why);
                let at_ns = self.now_ns() + SECOND;
                self.put(at_ns, Deed::Start(role, region));
                Ok(())
            }
            Err(why) => Err(self.broken(Invariant::Starts, why)),
        }
    }

    pub(super) fn crash(&mut self, role: Role, region: u16) -> Result<(), Broken> {
        if role == Role::Engine {
            self.looked.before_death(&mut self.system, region)?;
        }
        self.system.kill(role, region);
        if role == Role::Engine {
            self.looked.after_death(&mut self.system, region)?;
            self.leave_snapshot(region);
        }
        Ok(())
    }

    /// Begins a fault; whether it could be.
    fn begin(&mut self, fault: &Fault) -> Result<bool, Broken> {
        let (region, until_ns) = (fault.region, self.now_ns() + fault.for_ns);
        let (here, venue) = (region_host(region), venue_host(region));
        let draws = fault.draw & 1 == 0;
        let net = self.system.processes.net.clone();
        let close = |ways: &[(u8, u8)]| ways.iter().for_each(|(from, to)| net.close_way(*from, *to, until_ns));
        match fault.kind {
            Kind::FeedLoss => {
                let udp_loss = 1_000 << (fault.draw % 9);
                net.set_way(venue, here, Some(Faults { udp_loss, ..near() }));
            }
            Kind::FeedDisorder => {
                let bad =
                    Faults { udp_duplicate: 50_000, udp_reorder: 50_000, udp_delay_ns: (5_000, 200_000), ..near() };
                net.set_way(venue, here, Some(bad));
            }
            Kind::LineTrouble => {
                let bad = Faults { udp_loss: 300_000, udp_duplicate: 200_000, udp_reorder: 100_000, ..FAR };
                net.set_way(1, 2, Some(bad));
                net.set_way(2, 1, Some(Faults { udp_delay_ns: (4_000_000, 80_000_000), ..bad }));
            }
            Kind::Partition => close(&[(1, 2), (2, 1)]),
            Kind::HalfPartition => close(if draws { &[(1, 2)] } else { &[(2, 1)] }),
            Kind::VenueAway => close(&[(here, venue), (venue, here)]),
            Kind::VenueHalfAway => close(&if draws { [(here, venue)] } else { [(venue, here)] }),
            Kind::StoreAway => close(&[(here, STORE_HOST), (STORE_HOST, here)]),
            Kind::StoreHalfAway => close(&if draws { [(here, STORE_HOST)] } else { [(STORE_HOST, here)] }),
            Kind::Cut => return Ok(net.break_between(here, venue) > 0),
            Kind::CutOften => {
                for (from, to) in [(here, venue), (venue, here)] {
                    net.set_way(from, to, Some(Faults { tcp_cut: 20_000, ..near() }));
                }
            }
            Kind::ThinStream => {
                let thin = Faults { tcp_window_bytes: 300, tcp_delay_ns: (100_000, 5_000_000), ..near() };
                for (from, to) in [(here, venue), (venue, here)] {
                    net.set_way(from, to, Some(thin));
                }
            }
            Kind::ClockDrift => {
                let rate_ppm = (fault.draw % 1_001) as i64 - 500;
                self.system.processes.host_clock(here).set(0, rate_ppm);
            }
            Kind::ClockStep => {
                let offset_ns = (fault.draw % 400_000_000) as i64 - 200_000_000;
                self.system.processes.host_clock(here).set(offset_ns, 0);
            }
            Kind::StrategyFails | Kind::StrategyLoops | Kind::StrategyFloods | Kind::StrategyOverfills => {}
            Kind::DiskFull => self.set_full(region, true),
            Kind::PartsMove => {
                self.move_parts(fault);
                // The giver loses sight of the store soon after, sometimes.
                if fault.draw & 1 << 40 != 0 {
                    let later = Fault { kind: Kind::StoreAway, ..*fault };
                    let at_ns = self.now_ns() + 20 * MILLISECOND + (fault.draw >> 20) % (200 * MILLISECOND);
                    self.put(at_ns, Deed::Begin(later));
                }
            }
            Kind::Killed => return Ok(self.kill_strategy(fault, true)),
            Kind::TradeBroken | Kind::TradeCorrected => return Ok(self.change_trade(fault)),
            Kind::HostLost | Kind::DiskStalls | Kind::DiskRefuses | Kind::DiskRots => return self.begin_of_disk(fault),
            Kind::CrashStandby | Kind::PauseStandby => return self.begin_of_standby(fault, until_ns),
            Kind::HandOver => return Ok(self.ask_to_make_way(region)),
            _ => return self.begin_of_process(fault, until_ns),
        }
        Ok(true)
    }

    /// A fault of an engine that follows.
    fn begin_of_standby(&mut self, fault: &Fault, until_ns: u64) -> Result<bool, Broken> {
        let region = fault.region;
        let id = self.system.region(region).id(Role::Standby);
        if !self.system.processes.runs(id) {
            return Ok(false);
        }
        if fault.kind == Kind::PauseStandby {
            self.system.processes.pause(id, until_ns);
        } else {
            self.crash(Role::Standby, region)?;
            self.put(until_ns, Deed::Start(Role::Standby, region));
        }
        Ok(true)
    }

    /// A fault of one process.
    fn begin_of_process(&mut self, fault: &Fault, until_ns: u64) -> Result<bool, Broken> {
        let region = fault.region;
        let role = match fault.kind {
            Kind::CrashEngine | Kind::PauseEngine | Kind::SlowEngine | Kind::CrashBoth | Kind::StaleCommands => {
                Role::Engine
            }
            Kind::CrashGateway | Kind::PauseGateway | Kind::SlowGateway => Role::Gateway,
            Kind::CrashExchange | Kind::PauseExchange => Role::Exchange,
            Kind::CrashFeed | Kind::PauseFeed => Role::Feed,
            _ => Role::Agent,
        };
        let id = self.system.region(region).id(role);
        if !self.system.processes.runs(id) {
            return Ok(false);
        }
        match fault.kind {
            Kind::PauseEngine | Kind::PauseGateway | Kind::PauseExchange | Kind::PauseFeed | Kind::PauseAgent => {
                self.system.processes.pause(id, until_ns);
            }
            Kind::SlowEngine | Kind::SlowGateway => self.system.processes.slow(id, 1_000_000 << (fault.draw % 6)),
            Kind::StaleCommands => {
                // One life ends, another is heard of, and dies as well.
                self.crash(role, region)?;
                self.start(role, region)?;
                let heard_ns = self.now_ns() + 300 * MILLISECOND;
                self.put(heard_ns, Deed::Fence(*fault));
                self.put(heard_ns + 400 * MILLISECOND, Deed::Stale(*fault));
                self.put(heard_ns + 500 * MILLISECOND + fault.for_ns, Deed::Start(role, region));
            }
            _ => {
                self.crash(role, region)?;
                self.put(until_ns, Deed::Start(role, region));
                if fault.kind == Kind::CrashBoth {
                    self.crash(Role::Gateway, region)?;
                    let apart_ns = fault.draw % SECOND;
                    self.put(until_ns + apart_ns, Deed::Start(Role::Gateway, region));
                }
                if matches!(fault.kind, Kind::CrashGateway | Kind::CrashBoth) && fault.draw >> 32 & 1 == 0 {
                    let gateway = self.system.region(region).id(Role::Gateway);
                    let again = self.system.processes.give_again(gateway, (fault.draw >> 33) as usize % 48);
                    self.again += again as u64;
                }
            }
        }
        Ok(true)
    }

    fn end(&mut self, fault: &Fault) -> Result<(), Broken> {
        let (here, venue) = (region_host(fault.region), venue_host(fault.region));
        let net = self.system.processes.net.clone();
        match fault.kind {
            Kind::FeedLoss | Kind::FeedDisorder | Kind::CutOften | Kind::ThinStream => {
                net.set_way(venue, here, None);
                net.set_way(here, venue, None);
            }
            Kind::LineTrouble => {
                net.set_way(1, 2, Some(FAR));
                net.set_way(2, 1, Some(FAR));
            }
            Kind::SlowEngine | Kind::SlowGateway => {
                let role = if fault.kind == Kind::SlowEngine { Role::Engine } else { Role::Gateway };
                let id = self.system.region(fault.region).id(role);
                self.system.processes.slow(id, 0);
            }
            Kind::StrategyFails | Kind::StrategyLoops | Kind::StrategyFloods | Kind::StrategyOverfills => {
                self.arm(fault.region);
            }
            Kind::DiskFull => self.set_full(fault.region, false),
            Kind::Killed => {
                self.kill_strategy(fault, false);
            }
            Kind::DiskStalls | Kind::DiskRefuses => self.end_of_disk(fault)?,
            _ => {}
        }
        Ok(())
    }

    /// Whether the disks of a region's engine and gateway take no new file.
    fn set_full(&mut self, region: u16, full: bool) {
        self.full[usize::from(region) - 1] = full;
        let second = self.system.region(region).pair.is_some().then_some(Role::Standby);
        for role in [Role::Engine, Role::Gateway].into_iter().chain(second) {
            self.system.disk_of(region, role).set_full(full);
        }
    }

    fn tell(&mut self, region: u16, record: &[u8]) -> bool {
        let mut link = self.system.processes.producer(&format!("operator{region}_engine{region}"), NOBODY);
        link.offer(record) == Offer::Sent
    }

    /// An operator starts the slots of a region that do not run.
    fn arm(&mut self, region: u16) {
        for slot in [SLOT, EXECUTOR] {
            let engine = self.system.region(region).engine.clone();
            let run = engine.and_then(|engine| engine.borrow().engine().slot_run(slot));
            if run.is_some_and(|run| run != SlotRun::Running) {
                let mut control = StrategyControl::new();
                (control.slot, control.run) = (slot, SlotRun::Running.code());
                self.tell(region, bytes_of(&control));
            }
        }
    }

    /// As [`Self::arm`], of both regions, so that a slot that was stopped can take back what it has.
    fn arm_all(&mut self) {
        for region in 1..=2 {
            self.arm(region);
        }
    }

    /// The second life of an engine ends, and its gateway starts again, sometimes.
    fn fence(&mut self, fault: &Fault) -> Result<(), Broken> {
        let region = fault.region;
        let (engine, gateway) =
            (self.system.region(region).id(Role::Engine), self.system.region(region).id(Role::Gateway));
        // Only if the gateway has heard of it: nobody is replaced before that, and heartbeats come each 100 ms.
        let heard = [engine, gateway].into_iter().all(|id| self.system.processes.has_run(id, 150 * MILLISECOND));
        if !heard {
            return Ok(());
        }
        self.crash(Role::Engine, region)?;
        if fault.draw & 2 != 0 {
            self.crash(Role::Gateway, region)?;
            self.start(Role::Gateway, region)?;
        }
        self.fenced[usize::from(region) - 1] = Some(self.system.region(region).epoch);
        Ok(())
    }

    /// Commands of the engine that was here before the one that is dead reach the gateway now.
    fn say_stale(&mut self, fault: &Fault) {
        let region = fault.region;
        let (epoch, id) = (self.system.region(region).epoch, self.system.region(region).id(Role::Engine));
        // Nobody else may write to the link; and that the epoch is over was heard.
        let fenced = self.fenced[usize::from(region) - 1].take();
        if self.system.processes.runs(id) || fenced != Some(epoch) {
            return;
        }
        let mut link = self.system.processes.producer(&format!("engine{region}_gateway{region}"), id);
        for number in 0..1 + fault.draw % 4 {
            let mut order = NewOrder::new();
            (order.header.venue, order.header.instrument) = (region, INSTRUMENT);
            let parts = OrderIdParts {
                day: OrderId::day_of(self.system.processes.clock.now_ns()),
                shard: region.into(),
                epoch: u32::from(epoch) - 1,
                counter: (1 << 20) + (fault.draw >> 40) as u32 + number as u32,
            };
            order.owner.order_id = OrderId::new(parts).0;
            (order.owner.shard, order.owner.epoch, order.owner.account) = (region, epoch - 1, 4);
            (order.lots, order.price_nanos) = (5, super::flow::MIDDLE - 20 * TICK);
            (order.side, order.order_type) = (1, OrderType::Limit.code());
            order.time_in_force = TimeInForce::Day.code();
            self.stale += u64::from(link.offer(bytes_of(&order)) == Offer::Sent);
        }
    }

    /// Lots of each global limit go from one region's part to the other's: less first, more when that is in force.
    fn move_parts(&mut self, fault: &Fault) {
        let (giver, taker) = (fault.region, 3 - fault.region);
        let place = (fault.draw % GLOBAL_LIMITS.len() as u64) as usize;
        self.looked.move_part(
            &mut self.system,
            GLOBAL_LIMITS[place].0,
            giver,
            taker,
            1 + (fault.draw >> 8) as i64 % 150,
        );
    }

    /// Kills the strategy's node over the operator's own way, or arms it again.
    fn kill_strategy(&mut self, fault: &Fault, kills: bool) -> bool {
        let mut kill = Kill::new();
        self.revision += 1;
        (kill.node, kill.selector) = (3, SelectorKind::All.code());
        (kill.generation, kill.revision) = (1, self.revision);
        let (new, resting) = match (kills, fault.draw % 3) {
            (false, _) => (KillNew::Allow, KillResting::Keep),
            (true, 0) => (KillNew::ReduceOnly, KillResting::CancelIncreasing),
            (true, 1) => (KillNew::None, KillResting::Keep),
            (true, _) => (KillNew::None, KillResting::Cancel),
        };
        (kill.new_orders, kill.resting) = (new.code(), resting.code());
        self.tell(fault.region, bytes_of(&kill))
    }

    /// The venue breaks or corrects one of our latest trades; whether there is one.
    fn change_trade(&mut self, fault: &Fault) -> bool {
        let region = self.system.region(fault.region);
        let truth = region.truth.borrow();
        let place = fault.draw as usize % truth.trades.len().max(1);
        let Some((match_id, price_nanos, lots)) = truth.trades.get(place).copied() else { return false };
        let mut flow = region.flow.0.borrow_mut();
        if fault.kind == Kind::TradeBroken {
            flow.bust(match_id);
            return true;
        }
        let price_nanos = price_nanos + ((fault.draw >> 8) as i64 % 5 - 2) * TICK;
        flow.correct(match_id, price_nanos, 1 + (fault.draw >> 16) as i64 % lots);
        true
    }

    /// Nothing goes wrong any more, and everything runs.
    fn heal(&mut self) -> Result<(), Broken> {
        self.say("everything heals".to_owned());
        self.system.processes.net.mend_ways();
        for (from, to) in [(1, 2), (2, 1)] {
            self.system.processes.net.set_way(from, to, Some(FAR));
        }
        self.system.processes.hurry();
        let left: Vec<Deed> = std::mem::take(&mut self.agenda).into_values().collect();
        for deed in &left {
            if let Deed::End(fault) = deed {
                self.end(fault)?;
            }
        }
        for region in 1..=2 {
            self.set_full(region, false);
            self.system.processes.host_clock(region_host(region)).set(0, 0);
        }
        for role in Role::ALL.into_iter().chain([Role::Standby]) {
            for region in 1..=2 {
                self.start(role, region)?;
            }
        }
        self.arm_all();
        Ok(())
    }
}

/// Between a region and its venue, nothing wrong.
const fn near() -> Faults {
    Faults { udp_delay_ns: (5_000, 40_000), tcp_delay_ns: (5_000, 60_000), ..Faults::NONE }
}
