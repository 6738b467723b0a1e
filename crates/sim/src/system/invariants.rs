//! What must hold of a system at every moment, and once it is at rest, by name.
//!
//! Invariant: an order, a fill, a position and a limit are judged by what the venues' cores did.

use std::collections::BTreeMap;
use std::fmt;

use coordination::keys::ROOT;
use engine::{Engine, NoOutbox, Outbox};
use exchange::RestingOrder;
use journal::Reader;
use records::{BOOK_STALE, Break, BreakKind, Metric, OrderEventKind, RecordRef, Side, UNDEF_PRICE, VIEW_LEVELS, parse};
use tiles::Clock;

use super::configs::{GLOBAL_LIMITS, GLOBAL_LOTS_MAX, INSTRUMENT, OPEN_ORDERS_MAX, POSITION_LOTS_MAX, REGIONS};
use super::faults::{Fault, Kind};
use super::memory::Memory;
use super::start::{Role, System};
use super::store::holder;
use super::truth::{TrueOrder, Truth};

macro_rules! invariants {
    ($($(#[$doc:meta])* $name:ident = $word:literal;)*) => {
        /// What must hold.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Invariant {
            $($(#[$doc])* $name,)*
        }

        impl Invariant {
            /// Its name in reports.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

invariants! {
    /// No process stops by an assertion of its own.
    Assertion = "no assertion fails";
    /// A process starts again on what it left.
    Starts = "every process starts again";
    /// The venue takes each of our orders once, and none of an epoch that another followed.
    TakenOnce = "an order is taken once, of the newest epoch";
    /// Lots of ours that may still trade are held by the engine.
    Held = "what may trade is held";
    /// Limits hold at the venue: position with open lots, and open orders.
    Limits = "limits hold at the venue";
    /// The regions together stay inside a global limit.
    Global = "global limits hold over regions";
    /// The engine's counters are the sums of its orders.
    Counters = "holds equal the worst case";
    /// A replay of the journal gives the engine's hash.
    Replay = "a replay gives the engine's hash";
    /// An engine and the one that follows it have the same state after the same input.
    Standby = "a standby is its leader's equal";
    /// Orders of an engine that says nothing are pulled by its gateway, while that has nothing in its way.
    Pulled = "a silent engine's orders are pulled";
    /// Everything ends: each command is answered and nothing stays reserved.
    Answered = "every command is answered";
    /// Positions, orders and fills are the venue's.
    Positions = "positions and fills are the venue's";
    /// At durability `disk` no venue sees an order whose cause the disk does not have.
    Durable = "what a venue saw is on the disk";
    /// A disk that forgot or changed something is not believed.
    Told = "damage is told";
    /// Nothing differs that was not made to.
    Breaks = "no break is told";
    /// The engine's book is the venue's.
    Book = "the book is the venue's";
    /// What is held does not grow with time.
    Memory = "memory is bounded";
    /// A run is one: several kinds of fault were done in it.
    Faults = "several kinds of fault are done";
}

/// How long a gateway that nothing is in the way of may take from its engine's last word to the last of its orders, ns.
const PULLED_NS_MAX: u64 = 5_000_000_000;
/// How long what was disturbed may need to find itself again, ns.
const DISTURBED_NS: u64 = 5_000_000_000;

/// An invariant that does not hold.
#[derive(Clone, Debug)]
pub struct Broken {
    /// Which.
    pub invariant: Invariant,
    /// Simulated time, ns after the start.
    pub at_ns: u64,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, at) = (self.invariant.word(), self.at_ns as f64 / 1e9);
        write!(formatter, "{word}: broken at {at:.3} s: {}", self.what)
    }
}

/// A move of a part that is not done.
struct Move {
    giver: u16,
    taker: u16,
    lots: i64,
}

/// Of so many looks at an engine and its standby, one compares all that they are; the others what they said and changed.
const IN_FULL: u64 = 16;

/// What the looks need to remember.
pub struct Looked {
    looks: u64,
    replays: u64,
    standbys: u64,
    moves: u64,
    pub(super) snapshots: u64,
    pub(super) hosts_lost: u64,
    pub(super) damage_told: u64,
    hash: u64,
    /// Full hash of the engine that is about to die, and its input.
    dying: Option<(u64, u64)>,
    /// By limit: the regions' parts as written, and a move under way.
    parts: BTreeMap<u32, ([i64; 2], Option<Move>)>,
    /// By region: until when something other than the engine is disturbed.
    disturbed_until_ns: [u64; 2],
    memory: Memory,
    /// By region: since when the engine says nothing and nothing else is in its gateway's way.
    silent_since_ns: [u64; 2],
}

pub(super) fn broken(system: &System, invariant: Invariant, what: String) -> Broken {
    Broken { invariant, at_ns: system.processes.clock.now_ns() - crate::Simulation::START_NS, what }
}

impl Looked {
    /// Nothing looked at yet.
    pub fn new(system: &System) -> Self {
        let parts = GLOBAL_LIMITS.into_iter().map(|(id, _)| (id, ([GLOBAL_LOTS_MAX / 2; 2], None))).collect();
        Self {
            looks: 0,
            replays: 0,
            standbys: 0,
            moves: 0,
            snapshots: 0,
            hosts_lost: 0,
            damage_told: 0,
            hash: 0,
            dying: None,
            parts,
            disturbed_until_ns: [0; 2],
            memory: Memory::new(system),
            silent_since_ns: [0; 2],
        }
    }

    /// What was looked at, by word.
    pub fn counts(&self) -> [(&'static str, u64); 7] {
        [
            ("looks", self.looks),
            ("replays compared", self.replays),
            ("standbys compared", self.standbys),
            ("parts moved", self.moves),
            ("snapshots left", self.snapshots),
            ("hosts lost and disks read", self.hosts_lost),
            ("damaged segments refused", self.damage_told),
        ]
    }

    /// The most bytes that the system held beyond those with which it began.
    pub fn growth_bytes_max(&self) -> u64 {
        self.memory.growth_bytes_max.cast_unsigned()
    }

    /// Hash over the states at the end.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// Something goes wrong with a gateway, its venue, or the way between them.
    pub fn disturbed(&mut self, fault: &Fault, now_ns: u64) {
        let disturbs = matches!(
            fault.kind,
            Kind::CrashGateway
                | Kind::CrashBoth
                | Kind::CrashExchange
                | Kind::PauseGateway
                | Kind::PauseExchange
                | Kind::SlowGateway
                | Kind::VenueAway
                | Kind::VenueHalfAway
                | Kind::Cut
                | Kind::CutOften
                | Kind::ThinStream
                | Kind::ClockDrift
                | Kind::ClockStep
                | Kind::DiskFull
                | Kind::StaleCommands
                | Kind::HostLost
        );
        if disturbs {
            let until_ns = &mut self.disturbed_until_ns[usize::from(fault.region) - 1];
            *until_ns = (*until_ns).max(now_ns + fault.for_ns + DISTURBED_NS);
        }
    }

    /// Orders that a silent engine still has at its venue, for longer than its gateway may leave them there.
    fn unpulled(&mut self, system: &System, place: usize) -> Option<String> {
        let region = &system.regions[place];
        let now_ns = system.processes.clock.now_ns();
        let (engine, gateway) = (region.id(Role::Engine), region.id(Role::Gateway));
        let silent = !system.processes.runs(engine) || system.processes.stands(engine);
        let stands = [gateway, region.id(Role::Exchange)]
            .into_iter()
            .any(|id| !system.processes.runs(id) || system.processes.stands(id));
        if !silent || stands || now_ns < self.disturbed_until_ns[place] {
            self.silent_since_ns[place] = now_ns;
            return None;
        }
        let alive = region.truth.borrow().alive.len();
        // A life that began between two looks may have said something; a gateway's begins with its venue's whole day.
        let began_ns = system.processes.started_ns(engine).max(system.processes.started_ns(gateway));
        let since_ns = now_ns - self.silent_since_ns[place].max(began_ns);
        (since_ns > PULLED_NS_MAX && alive > 0).then(|| {
            format!("{alive} orders of an engine that has said nothing for {} ms are still open", since_ns / 1_000_000)
        })
    }

    /// An engine and its standby that differ after the same input; the standby of a lost host is its operator's affair.
    fn unequal(&mut self, system: &System, place: usize) -> Option<String> {
        let region = &system.regions[place];
        let pair = region.pair.as_ref().filter(|pair| pair.in_step)?;
        let (leads, follows) = (region.engine.as_ref()?.borrow(), pair.tile.as_ref()?.borrow());
        let [leads, follows] = [leads.engine(), follows.engine()];
        if leads.input() != follows.input() {
            return None;
        }
        self.standbys += 1;
        let in_full = self.standbys.is_multiple_of(IN_FULL);
        let [one, other] =
            [leads, follows].map(|engine| if in_full { engine.full_hash() } else { engine.state_hash() });
        (one != other).then(|| format!("at input {} the leader has hash {one:x}, its standby {other:x}", leads.input()))
    }

    /// What must hold at every moment.
    pub fn look(&mut self, system: &mut System) -> Result<(), Broken> {
        self.looks += 1;
        self.carry_moves(system);
        if let Some(what) = self.memory.look(system) {
            return Err(broken(system, Invariant::Memory, what));
        }
        let (mut worst_of_all, mut imposed_of_all) = ([0; 2], [0; 2]);
        for place in 0..system.regions.len() {
            let number = system.regions[place].number;
            let (worst, alive) = system.regions[place].truth.borrow_mut().take_worst();
            let truth = std::rc::Rc::clone(&system.regions[place].truth);
            let truth = truth.borrow();
            let imposed = truth.imposed;
            let wrong = if let Some(what) = &truth.wrong {
                Some((Invariant::TakenOnce, what.clone()))
            } else if (0..2).any(|side| worst[side] > POSITION_LOTS_MAX + imposed[side]) || alive > OPEN_ORDERS_MAX {
                let what = format!(
                    "at worst {worst:?} lots long and short (allowed {POSITION_LOTS_MAX} and {imposed:?} that the venue \
                     imposed), {alive} orders open (allowed {OPEN_ORDERS_MAX})"
                );
                Some((Invariant::Limits, what))
            } else {
                let engine = system.regions[place].engine.as_ref().map(|engine| engine.borrow());
                engine.and_then(|engine| look_at_engine(engine.engine(), &truth))
            };
            let wrong = wrong.or_else(|| self.unpulled(system, place).map(|what| (Invariant::Pulled, what)));
            let wrong = wrong.or_else(|| self.unequal(system, place).map(|what| (Invariant::Standby, what)));
            worst_of_all = [worst_of_all[0] + worst[0], worst_of_all[1] + worst[1]];
            imposed_of_all = [imposed_of_all[0] + imposed[0], imposed_of_all[1] + imposed[1]];
            drop(truth);
            if let Some((invariant, what)) = wrong {
                return Err(broken(system, invariant, format!("region {number}: {what}")));
            }
        }
        // The worst of each region since the last look: what they were at one moment is no more.
        let allowed = imposed_of_all.map(|lots| GLOBAL_LOTS_MAX + lots);
        if (0..2).any(|side| worst_of_all[side] > allowed[side]) {
            let now = |side: usize| -> i64 {
                let at = |truth: &Truth| [truth.position + truth.open[0], truth.open[1] - truth.position][side];
                system.regions.iter().map(|region| at(&region.truth.borrow())).sum()
            };
            if now(0) > allowed[0] || now(1) > allowed[1] {
                let what = format!("both regions at worst {} lots long, {} short; {allowed:?} allowed", now(0), now(1));
                return Err(broken(system, Invariant::Global, what));
            }
        }
        Ok(())
    }

    /// Lots of a global limit are to go from one region's part to the other's: the giver's tightens first.
    pub fn move_part(&mut self, system: &mut System, id: u32, giver: u16, taker: u16, lots: i64) {
        let (parts, under_way) = self.parts.get_mut(&id).expect("a global limit");
        let left = parts[usize::from(giver) - 1] - lots;
        if under_way.is_some() || left < 0 {
            return;
        }
        *under_way = Some(Move { giver, taker, lots });
        system.store.borrow_mut().put_pending(id, giver, left);
    }

    /// Records the moves whose givers are inside what they are to keep.
    fn carry_moves(&mut self, system: &mut System) {
        for (id, (parts, under_way)) in &mut self.parts {
            let Some(Move { giver, taker, lots }) = under_way else { continue };
            let mut store = system.store.borrow_mut();
            let (region, holder) = (REGIONS[usize::from(*giver) - 1], holder(*giver));
            let ack = store.value(&format!("{ROOT}acks/{region}/parts/{id}/{holder}"));
            let ack: Option<serde_json::Value> = ack.and_then(|text| serde_json::from_str(text).ok());
            let revision = store.revision_of(&format!("{ROOT}limits/{id}"));
            let inside = ack.is_some_and(|ack| ack["inside"] == true && ack["revision"].as_u64() == Some(revision));
            if !inside {
                continue;
            }
            parts[usize::from(*giver) - 1] -= *lots;
            parts[usize::from(*taker) - 1] += *lots;
            store.put_parts(*id, *parts);
            self.moves += 1;
            *under_way = None;
        }
    }

    /// What the engine is when it dies.
    pub fn before_death(&mut self, system: &mut System, number: u16) -> Result<(), Broken> {
        self.look(system)?;
        let engine = system.region(number).engine.clone();
        self.dying = engine.map(|engine| {
            let tile = engine.borrow();
            (tile.engine().full_hash(), tile.engine().input())
        });
        Ok(())
    }

    /// A replay of what it left gives the same.
    pub fn after_death(&mut self, system: &mut System, number: u16) -> Result<(), Broken> {
        self.replay(system, number, &mut NoOutbox)
    }

    fn replay(&mut self, system: &mut System, number: u16, out: &mut dyn Outbox) -> Result<(), Broken> {
        let Some((hash, input)) = self.dying.take() else { return Ok(()) };
        self.replays += 1;
        let disk = system.disk_of(number, Role::Engine);
        let host = system.region(number).host();
        let reader = Reader::from_storage(&disk, system.settings.engine_segment_bytes(number));
        let replay = reader.map_err(|error| error.to_string()).and_then(|mut reader| {
            engine::replay_reader(&mut reader, None, host, out, &mut |_, _| {}).map_err(|error| error.to_string())
        });
        self.hash = self.hash.rotate_left(7) ^ hash;
        match replay {
            Ok(replay) if (replay.full_hash, replay.summary.last.sequence) == (hash, input) => Ok(()),
            Ok(replay) => {
                let what = format!(
                    "engine {number} had hash {hash:x} at input {input}, its journal gives {:x} at {}",
                    replay.full_hash, replay.summary.last.sequence
                );
                Err(broken(system, Invariant::Replay, what))
            }
            Err(why) => Err(broken(system, Invariant::Replay, format!("engine {number}: {why}"))),
        }
    }

    /// Why the system is not at rest.
    pub fn unrest(&mut self, system: &mut System) -> Option<String> {
        for region in &system.regions {
            let number = region.number;
            if region.pair.as_ref().is_some_and(|pair| !pair.in_step || pair.is_undecided()) {
                let of = |role: Role| {
                    let counters = system.processes.counters.scope(system.processes.name(region.id(role)));
                    ["role", "partner", "followed", "suspects", "unfit"].map(|name| counters.counter(name).get())
                };
                let (leads, follows) = (of(Role::Engine), of(Role::Standby));
                return Some(format!("the standby of engine {number} is not in step: {leads:?}, {follows:?}"));
            }
            let truth = region.truth.borrow();
            let engine = region.engine.as_ref().map(|engine| engine.borrow());
            let Some(tile) = engine else { return Some(format!("engine {number} does not run")) };
            let engine = tile.engine();
            if let Some((order, held)) = engine.live_orders().next() {
                let open = truth.orders.values().find(|one| one.id == order.owner.order_id);
                return Some(format!("engine {number} has {order:?}, held {held}; the venue {open:?}"));
            }
            if let Some(first) = truth.alive.first() {
                let order = &truth.orders[first];
                return Some(format!("venue {number} has {order:?}; engine {:?}", engine.order(order.id)));
            }
            let mut reserved = None;
            engine.limits().usages(&mut |usage| {
                if usage.open != 0 && reserved.is_none() {
                    reserved = Some(format!("engine {number} still holds something: {usage:?}"));
                }
            });
            if reserved.is_some() {
                return reserved;
            }
            let stale = engine.book_view(number, INSTRUMENT).is_none_or(|view| view.flags & BOOK_STALE != 0);
            if stale {
                return Some(format!("engine {number}: its book stays stale"));
            }
        }
        None
    }

    /// What must hold at rest. Ends the engines.
    pub fn at_rest(&mut self, system: &mut System) -> Result<(), Broken> {
        for number in 1..=2 {
            let wrong = {
                let region = system.region(number);
                let tile = region.engine.as_ref().expect("at rest it runs").borrow();
                let exchange = region.exchange.as_ref().expect("at rest it runs").borrow();
                let truth = region.truth.borrow();
                self.hash = self.hash.rotate_left(7) ^ tile.engine().full_hash() ^ exchange.state_hash().rotate_left(1);
                let mut resting = Vec::new();
                exchange.for_each_resting(|order| resting.push(*order));
                compare(tile.engine(), &truth).or_else(|| compare_book(tile.engine(), number, &resting))
            };
            if let Some((invariant, what)) = wrong {
                return Err(broken(system, invariant, format!("region {number}: {what}")));
            }
            self.before_death(system, number)?;
            system.kill(Role::Engine, number);
            let mut breaks = Breaks(Vec::new(), 0);
            self.replay(system, number, &mut breaks)?;
            let Breaks(told, changed) = breaks;
            let changes = system.region(number).truth.borrow().changes;
            if let Some(first) = told.first() {
                return Err(broken(system, Invariant::Breaks, format!("region {number}: {first:?}")));
            }
            // Fewer: a trade of which an engine heard only when it had been changed.
            if changed > changes {
                let what = format!("region {number}: {changed} trades told as changed, the venue changed {changes}");
                return Err(broken(system, Invariant::Breaks, what));
            }
        }
        Ok(())
    }
}

/// Keeps the breaks that an engine tells, and counts the trades that its venue changed.
struct Breaks(Vec<Break>, u64);

impl Outbox for Breaks {
    fn command(&mut self, _venue: u16, _record: &[u8]) {}

    fn output(&mut self, record: &[u8]) {
        // What an engine that was replaced still said, and its gateway refused, is told to the one in its place as a stranger's.
        // An engine that died amid what it had polled hears that again, after its journal: told, and booked once.
        if let Ok(RecordRef::Break(told)) = parse(record)
            && told.event != OrderEventKind::NotSent.code()
            && told.kind != BreakKind::DuplicateExecution.code()
        {
            if told.kind == BreakKind::Bust.code() { self.1 += 1 } else { self.0.push(told) }
        }
    }
}

type Wrong = Option<(Invariant, String)>;

/// What an engine holds against what is true.
fn look_at_engine(engine: &Engine, truth: &Truth) -> Wrong {
    let mut held_by: BTreeMap<u64, i64> = BTreeMap::new();
    let mut sums = [0i128; 2];
    for (order, held) in engine.live_orders() {
        sums[usize::from(order.side != Side::Buy)] += i128::from(held);
        for id in [order.owner.order_id, order.pending_id].into_iter().filter(|id| *id != 0) {
            held_by.insert(id, held);
        }
    }
    for first in &truth.alive {
        let order: &TrueOrder = &truth.orders[first];
        let held = held_by.get(&order.id).copied().or_else(|| {
            // A replacement that was taken, and another asked for since.
            let now = engine.order(order.id).map(|known| known.owner.order_id);
            now.and_then(|now| held_by.get(&now).copied())
        });
        if held.unwrap_or(0) < order.open {
            return Some((
                Invariant::Held,
                format!("{order:?} may trade, {held:?} held; {:?}", engine.order(order.id)),
            ));
        }
    }
    let position: i64 = engine.positions().iter().map(|cell| cell.lots).sum();
    let mut wrong = None;
    engine.limits().usages(&mut |usage| {
        let (side, filled) = match usage.metric {
            Metric::PositionLong => (0, i128::from(position)),
            Metric::PositionShort => (1, -i128::from(position)),
            _ => return,
        };
        if usage.open < sums[side] || usage.filled != filled {
            wrong = Some((Invariant::Counters, format!("{usage:?}: orders hold {}, booked {filled}", sums[side])));
        }
    });
    wrong
}

/// The engine against the venue, nothing being under way.
fn compare(engine: &Engine, truth: &Truth) -> Wrong {
    let position: i64 = engine.positions().iter().map(|cell| cell.lots).sum();
    let fills = engine.statistics().fills;
    if (position, fills) != (truth.position, truth.fills) {
        let what = format!(
            "the engine has {position} lots after {fills} fills, the venue {} after {}",
            truth.position, truth.fills
        );
        return Some((Invariant::Positions, what));
    }
    for order in truth.orders.values() {
        let Some(known) = engine.order(order.id) else { continue };
        if known.filled_lots != order.filled || known.ended.is_none() {
            return Some((Invariant::Positions, format!("the venue has {order:?}, the engine {known:?}")));
        }
    }
    None
}

/// The engine's best levels against what rests at the venue.
fn compare_book(engine: &Engine, venue: u16, resting: &[RestingOrder]) -> Wrong {
    let view = engine.book_view(venue, INSTRUMENT)?;
    for (side, levels) in [(Side::Buy, &view.bids), (Side::Sell, &view.asks)] {
        let mut sums: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
        for order in resting.iter().filter(|order| order.side == side && !order.hidden) {
            let level = sums.entry(-side.sign() * order.price_nanos).or_default();
            *level = (level.0 + order.front_lots, level.1 + 1);
        }
        let right: Vec<_> = sums
            .into_iter()
            .take(VIEW_LEVELS)
            .map(|(key, (lots, orders))| (-side.sign() * key, lots, orders))
            .collect();
        let seen: Vec<_> = levels
            .iter()
            .filter(|level| level.price_nanos != UNDEF_PRICE)
            .map(|level| (level.price_nanos, level.lots, level.orders))
            .collect();
        if right != seen {
            return Some((Invariant::Book, format!("{side:?}: the venue has {right:?}, the engine {seen:?}")));
        }
    }
    None
}
