//! The processes of a system: made, wired, started and started again.
//!
//! Invariant: a process that starts again gets its disk and its links as it left them, and nothing else.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::OnceLock;

use engine::EngineTile;
use exchange::ExchangeTile;
use links::RingConfig;
use strategies::RustHost;
use tiles::{Clock, StartError, Storage, Tile, TileSpec};
use venues::feed::FeedTile;
use venues::gateway::GatewayTile;

use super::configs::{self, CODE, OUR_SESSION};
use super::faults::Kind;
use super::flow::{Flow, SharedFlow};
use super::pair::{Pair, TheirJournal};
use super::processes::{NOBODY, ProcessId, Processes};
use super::store::{AgentTile, Kept, Store};
use super::traders::{Plan, Trader, Wrong};
use super::truth::Truth;
use super::{Settings, Standby};
use crate::SimDisk;
use crate::net::Faults;
use crate::random::Random;

const MILLISECOND: u64 = 1_000_000;
/// Between a region and its venue, and within a region.
const NEAR: Faults = Faults { udp_delay_ns: (5_000, 40_000), tcp_delay_ns: (5_000, 60_000), ..Faults::NONE };
/// Between the regions: New York to Chicago.
pub const FAR: Faults =
    Faults { udp_delay_ns: (4_000_000, 4_500_000), tcp_delay_ns: (4_000_000, 4_500_000), ..Faults::NONE };

/// A disk needs longer than a cycle for so many of a million flushes.
const DISK_BUSY: u32 = 300_000;

/// A process of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The venue.
    Exchange,
    /// Its feed.
    Feed,
    /// The gateway to it.
    Gateway,
    /// The engine, of two the one that leads.
    Engine,
    /// The one that follows it, where there are two.
    Standby,
    /// The agent.
    Agent,
    /// The region's end of the line.
    Line,
}

impl Role {
    /// In the order in which they start; a standby, where there is one, starts last.
    pub const ALL: [Self; 6] = [Self::Exchange, Self::Feed, Self::Gateway, Self::Agent, Self::Line, Self::Engine];
}

/// A tile that can be looked at while it runs.
struct Shared<T>(Rc<RefCell<T>>, String);

impl<T: Tile> Tile for Shared<T> {
    fn name(&self) -> &str {
        &self.1
    }
    fn on_start(&mut self, now_ns: u64) -> Result<(), StartError> {
        self.0.borrow_mut().on_start(now_ns)
    }
    fn do_work(&mut self, now_ns: u64) -> usize {
        self.0.borrow_mut().do_work(now_ns)
    }
    fn on_close(&mut self, now_ns: u64) {
        self.0.borrow_mut().on_close(now_ns);
    }
}

/// One region and its venue.
pub struct Region {
    /// Its number: also of its engine's shard and of its venue.
    pub number: u16,
    ids: BTreeMap<Role, ProcessId>,
    /// The engine that runs.
    pub engine: Option<Rc<RefCell<EngineTile>>>,
    /// The engine that follows it.
    pub pair: Option<Pair>,
    /// The exchange that runs.
    pub exchange: Option<Rc<RefCell<ExchangeTile>>>,
    /// What everybody else does there.
    pub flow: SharedFlow,
    /// What is true there.
    pub truth: Rc<RefCell<Truth>>,
    /// What outlives the agent.
    kept: Kept,
    /// The epoch of the engine's latest life.
    pub epoch: u16,
    plan: Plan,
}

/// A system.
pub struct System {
    /// What it is made of.
    pub settings: Settings,
    /// All its processes.
    pub processes: Processes,
    /// Its regions.
    pub regions: Vec<Region>,
    /// The store.
    pub store: Rc<RefCell<Store>>,
    /// When flow and strategies end, ns UTC.
    pub stop_ns: u64,
}

static SECRET_FILE: OnceLock<String> = OnceLock::new();

/// Takes away the file that this process made for its runs.
pub fn clean_up() {
    if let Some(path) = SECRET_FILE.get() {
        let _gone_already = std::fs::remove_file(path);
    }
}

/// A file with the secret of the line, as topologies name one.
fn secret_file() -> &'static str {
    SECRET_FILE.get_or_init(|| {
        let path = std::env::temp_dir().join(format!("meridian-simulator-{}", std::process::id()));
        std::fs::write(&path, "the simulator's secret").expect("a folder for temporary files");
        path.to_string_lossy().into_owned()
    })
}

/// What the names of a second engine and of its links end with.
const SECOND: &str = "-standby";

/// The name of a region's process, as it begins: of two engines each may come to lead.
fn name(role: Role, region: u16) -> String {
    let word = match role {
        Role::Exchange => "exchange",
        Role::Feed => "feed",
        Role::Gateway => "gateway",
        Role::Engine => "engine",
        Role::Standby => return format!("engine{region}{SECOND}"),
        Role::Agent => "agent",
        Role::Line => "line",
    };
    format!("{word}{region}")
}

/// The host of a venue.
pub const fn venue_host(region: u16) -> u8 {
    10 + region as u8
}

/// The host of a region's own processes.
pub const fn region_host(region: u16) -> u8 {
    region as u8
}

impl Region {
    fn new(settings: &Settings, number: u16, processes: &mut Processes, stop_ns: u64) -> Self {
        let start_ns = processes.clock.now_ns();
        let standby = settings.standbys[usize::from(number) - 1];
        let mut ids = BTreeMap::new();
        for role in Role::ALL.into_iter().chain((standby != Standby::None).then_some(Role::Standby)) {
            let (host, tick_ns) = match role {
                Role::Exchange => (venue_host(number), 20 * MILLISECOND),
                Role::Engine | Role::Standby | Role::Gateway => (region_host(number), 10 * MILLISECOND),
                Role::Feed | Role::Agent | Role::Line => (region_host(number), 20 * MILLISECOND),
            };
            ids.insert(role, processes.add(&name(role, number), host, tick_ns));
        }
        link(number, &ids, processes);
        let gap_ns = 2_000_000_000 / settings.rate.max(1);
        let seed = settings.seed.wrapping_mul(1_000) + u64::from(number);
        let wake = processes.waker(ids[&Role::Exchange]);
        let flow = Flow::new(seed, start_ns, stop_ns, gap_ns, wake);
        Self {
            number,
            engine: None,
            pair: (standby != Standby::None).then(|| Pair::new(standby == Standby::IsWaitedFor)),
            exchange: None,
            flow: SharedFlow(Rc::new(RefCell::new(flow))),
            truth: Rc::default(),
            kept: Kept::default(),
            epoch: 0,
            plan: trader_plan(settings, number, start_ns, stop_ns, gap_ns),
            ids,
        }
    }

    /// The process of this role.
    pub fn id(&self, role: Role) -> ProcessId {
        self.ids[&role]
    }

    /// The role of a process.
    pub fn role(&self, id: ProcessId) -> Option<Role> {
        self.ids.iter().find(|(_, known)| **known == id).map(|(role, _)| *role)
    }

    /// The one that follows leads from now on, the other one follows.
    pub fn change_places(&mut self) {
        let (leads, follows) = (self.id(Role::Standby), self.id(Role::Engine));
        self.ids.extend([(Role::Engine, leads), (Role::Standby, follows)]);
        self.engine = self.pair.as_mut().and_then(|pair| pair.tile.take());
    }

    /// What the strategies run, for a life or a replay.
    pub fn host(&self) -> Box<RustHost> {
        let plan = self.plan.clone();
        let mut host = RustHost::default();
        host.register(CODE, Box::new(move |_| Box::new(Trader::new(plan.clone()))));
        Box::new(host)
    }
}

/// A region's links.
fn link(number: u16, ids: &BTreeMap<Role, ProcessId>, processes: &mut Processes) {
    let engine = ids[&Role::Engine];
    let engines: Vec<ProcessId> = [Some(engine), ids.get(&Role::Standby).copied()].into_iter().flatten().collect();
    let ring =
        |depth_records: usize, reliable: Vec<bool>| RingConfig { depth_records, record_bytes_max: 640, reliable };
    let read = |depth: usize| ring(depth, (0..engines.len()).map(|place| place == 0).collect());
    for (role, depth) in [(Role::Feed, 8_192), (Role::Gateway, 1_024), (Role::Line, 1_024), (Role::Agent, 1_024)] {
        let word = name(role, number);
        let reliable = role != Role::Agent;
        processes.link(&format!("{word}_engine{number}"), &read(depth), ids[&role], &engines);
        let (depth, to) = (if reliable { 1_024 } else { 4_096 }, format!("engine{number}_{word}"));
        processes.link(&to, &ring(depth, vec![reliable]), engine, &[ids[&role]]);
        engines.iter().skip(1).for_each(|second| processes.twin(&to, *second));
    }
    processes.watch_tail(&format!("engine{number}_{}", name(Role::Gateway, number)), ids[&Role::Gateway]);
    // The operator's own way to the engine; nobody's process.
    processes.link(&format!("operator{number}_engine{number}"), &read(64), NOBODY, &engines);
    let [first, second] = engines[..] else { return };
    for (own, other, end) in [(first, second, ""), (second, first, SECOND)] {
        processes.link(&format!("pair{number}{end}"), &ring(1_024, vec![true]), own, &[other]);
        processes.link(&format!("lead{number}{end}"), &ring(8, vec![true]), NOBODY, &[own]);
    }
}

fn trader_plan(settings: &Settings, region: u16, start_ns: u64, stop_ns: u64, gap_ns: u64) -> Plan {
    let mut wrong = Vec::new();
    for fault in settings.plan().iter().filter(|fault| fault.region == region) {
        let what = match fault.kind {
            Kind::StrategyFails => Wrong::Fails,
            Kind::StrategyLoops => Wrong::Loops,
            Kind::StrategyFloods => Wrong::Floods,
            Kind::StrategyOverfills => Wrong::Overfills,
            _ => continue,
        };
        wrong.push((start_ns + fault.at_ns, start_ns + fault.at_ns + fault.for_ns.min(200 * MILLISECOND), what));
    }
    let mut random = Random::new(settings.seed ^ u64::from(region) << 8);
    // Some twenty acts a second, whatever the flow.
    let once_in = (50_000_000 / gap_ns.max(1)).clamp(1, 1 << 20) * random.between(1, 4) / 2;
    let seed = random.number();
    Plan { seed, stop_ns, once_in: once_in.max(1), acts_max: settings.acts_max, wrong }
}

impl System {
    /// Everything made and started.
    ///
    /// # Errors
    /// Why a process refuses to start.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let start_ns = crate::Simulation::START_NS;
        let mut processes = Processes::new(settings.seed, start_ns, NEAR, settings.grain_ns);
        for (from, to) in [(1, 2), (2, 1)] {
            processes.net.set_way(from, to, Some(FAR));
        }
        let stop_ns = start_ns + settings.run_ns;
        let regions = (1..=2).map(|number| Region::new(&settings, number, &mut processes, stop_ns)).collect();
        let store = Rc::new(RefCell::new(Store::new()));
        let mut system = Self { settings, processes, regions, store, stop_ns };
        for role in Role::ALL.into_iter().chain([Role::Standby]) {
            for region in 1..=2 {
                system.start(role, region)?;
            }
        }
        Ok(system)
    }

    /// A region by its number.
    pub fn region(&mut self, number: u16) -> &mut Region {
        &mut self.regions[usize::from(number) - 1]
    }

    /// Starts a process, the first time or again. One that runs is left alone.
    ///
    /// # Errors
    /// Why it refuses.
    pub fn start(&mut self, role: Role, region: u16) -> Result<(), String> {
        if role == Role::Standby && self.region(region).pair.is_none() {
            return Ok(());
        }
        let id = self.region(region).id(role);
        if self.processes.runs(id) {
            return Ok(());
        }
        let said = |error: StartError| error.0;
        let started = match role {
            Role::Exchange => self.start_exchange(region),
            Role::Engine => self.start_engine(region),
            Role::Standby => self.start_standby(region),
            Role::Feed => {
                let mut context = self.processes.context(id);
                let tile = FeedTile::new(configs::feed(region), &mut context).map_err(said)?;
                self.processes.start(id, Box::new(tile))
            }
            Role::Gateway => {
                let mut context = self.processes.context(id);
                let config = configs::gateway(&self.settings, region);
                let tile: Box<dyn Tile> = if self.settings.fix[usize::from(region) - 1] {
                    let speaks = configs::fix(&self.settings, region, &context)?;
                    Box::new(GatewayTile::new(config, speaks, &mut context).map_err(said)?)
                } else {
                    Box::new(GatewayTile::new(config, configs::ouch(region), &mut context).map_err(said)?)
                };
                self.processes.start(id, tile)
            }
            Role::Agent => {
                let kept = Rc::clone(&self.region(region).kept);
                let seed = self.settings.seed ^ u64::from(region) << 16;
                let net = self.processes.net.clone();
                let context = self.processes.context(id);
                let tile = AgentTile::new(region, kept, Rc::clone(&self.store), net, seed, context).map_err(said)?;
                self.processes.start(id, Box::new(tile))
            }
            Role::Line => {
                let text = format!(
                    r#"{{"name":"line{region}","kind":"line","settings":{{"listen":"{}","peer":"{}","secret_file":"{}",
                    "outgoing":"engine{region}_line{region}","incoming":"line{region}_engine{region}"}}}}"#,
                    configs::line_address(region),
                    configs::line_address(3 - region),
                    secret_file()
                );
                let spec = TileSpec::parse(&text).map_err(said)?;
                let tile = (tiles::LINE.make)(&spec, self.processes.context(id)).map_err(said)?;
                self.processes.start(id, tile)
            }
        };
        started.map_err(|why| format!("{} does not start: {why}", name(role, region)))
    }

    fn start_exchange(&mut self, number: u16) -> Result<(), String> {
        let config = configs::exchange(&self.settings, number);
        let id = self.region(number).id(Role::Exchange);
        let context = self.processes.context(id);
        let region = &mut self.regions[usize::from(number) - 1];
        let truth = Rc::clone(&region.truth);
        let tile = ExchangeTile::new(config, context).map_err(|error| error.0)?;
        let tile = tile
            .with_source(Box::new(region.flow.clone()))
            .with_observer(Box::new(move |event| truth.borrow_mut().take(event)));
        let tile = Rc::new(RefCell::new(tile));
        self.processes.start(id, Box::new(Shared(Rc::clone(&tile), name(Role::Exchange, number))))?;
        let mut resting = BTreeMap::new();
        tile.borrow().for_each_resting(|order| {
            if order.session == OUR_SESSION {
                resting.insert(order.user_ref, order.front_lots + order.reserve_lots);
            }
        });
        let region = &mut self.regions[usize::from(number) - 1];
        region.truth.borrow_mut().rest_are(&resting);
        region.exchange = Some(tile);
        Ok(())
    }

    fn start_engine(&mut self, number: u16) -> Result<(), String> {
        // Its supervisor advances the epoch in the store; without the store it starts unconfirmed.
        let confirmed = self.store_answers(number);
        let (epoch, first) = self.next_epoch(number);
        let tile = self.begin_engine(Role::Engine, number, configs::bootstrap(number, epoch, first, !confirmed))?;
        let region = self.region(number);
        region.engine = Some(tile);
        let leads = region.id(Role::Engine);
        if let Some(pair) = &mut region.pair {
            pair.led.insert(leads);
        }
        Ok(())
    }

    /// A journal of one that led is set aside: it follows with a new one.
    fn start_standby(&mut self, number: u16) -> Result<(), String> {
        let id = self.region(number).id(Role::Standby);
        let disk = self.disk_of(number, Role::Standby);
        let pair = self.region(number).pair.as_mut().expect("there are two");
        pair.in_step = false;
        if pair.led.remove(&id) {
            disk.list().unwrap_or_default().iter().for_each(|name| disk.remove(name).expect("a file"));
        }
        let tile = self.begin_engine(Role::Standby, number, configs::bootstrap(number, 0, false, false))?;
        self.region(number).pair.as_mut().expect("there are two").tile = Some(tile);
        Ok(())
    }

    fn begin_engine(&mut self, role: Role, number: u16, bootstrap: Vec<u8>) -> Result<Rc<RefCell<EngineTile>>, String> {
        let id = self.region(number).id(role);
        let own = self.processes.name(id).to_owned();
        let mut config = configs::engine(&self.settings, number, bootstrap);
        let paired = self.region(number).pair.is_some();
        if paired {
            let ends = if own.ends_with(SECOND) { [SECOND, ""] } else { ["", SECOND] };
            config.partner = Some(configs::partner(number, ends));
            // No older life's word to lead.
            self.processes.renew_link(&format!("lead{number}{}", ends[0]));
        }
        // A start waits for its disk.
        let disk = self.disk_of(number, role);
        disk.set_busy(0, 0);
        let host = self.region(number).host();
        let context = self.processes.context(id);
        let mut tile = EngineTile::new(context, config, host).map_err(|error| error.0)?;
        if paired {
            let theirs = if role == Role::Engine { Role::Standby } else { Role::Engine };
            let segment_bytes = self.settings.engine_segment_bytes(number);
            tile = tile.with_history(Box::new(TheirJournal {
                disk: self.disk_of(number, theirs),
                segment_bytes,
                handed: 0,
            }));
        }
        let tile = Rc::new(RefCell::new(tile));
        self.processes.start(id, Box::new(Shared(Rc::clone(&tile), own)))?;
        let life = self.region(number).epoch;
        disk.set_busy(DISK_BUSY, self.settings.seed ^ u64::from(life) << 24 ^ u64::from(number));
        Ok(tile)
    }

    /// The epoch that the store gives to an engine of this region now; whether it is the first.
    pub fn next_epoch(&mut self, number: u16) -> (u16, bool) {
        let region = self.region(number);
        region.epoch += 1;
        let epoch = region.epoch;
        self.store.borrow_mut().put_epoch(number, epoch);
        (epoch, epoch == 1)
    }

    /// Whether the store can be asked from this region's host.
    pub fn store_answers(&self, number: u16) -> bool {
        let (net, host, there) = (&self.processes.net, region_host(number), super::store::STORE_HOST);
        net.is_open(host, there) && net.is_open(there, host)
    }

    /// The disk of one of a region's processes.
    pub fn disk_of(&mut self, number: u16, role: Role) -> SimDisk {
        let id = self.region(number).id(role);
        let name = self.processes.name(id).to_owned();
        self.processes.disk(&name)
    }

    /// Kills a process as a crash would.
    pub fn kill(&mut self, role: Role, number: u16) {
        let id = self.region(number).id(role);
        self.processes.kill(id);
        let region = self.region(number);
        match role {
            Role::Engine => region.engine = None,
            Role::Standby => region.pair.iter_mut().for_each(|pair| pair.tile = None),
            Role::Exchange => region.exchange = None,
            _ => {}
        }
    }
}
