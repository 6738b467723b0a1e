//! Two engines of a region, and the hand over them: which of them leads, and who takes the place of one that is gone. As
//! `deploy/hand.py` does it for real processes.
//!
//! Invariant: nobody is promoted without an epoch of the store, and none that the leader may have stopped waiting for. A standby
//! whose state differs from its leader's is a finding, but where a lost host took the end of one of the two journals.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use engine::{EngineTile, History};
use journal::{JournalError, Reader};
use records::{Cede, EngineStart, Header, Kind, Lead, Stamp, bytes_of, read_from};

use super::invariants::{Broken, Invariant, broken};
use super::processes::ProcessId;
use super::run::{Deed, Run};
use super::start::Role;
use crate::SimDisk;

const MILLISECOND: u64 = 1_000_000;
/// Between two looks at a pair, ns.
pub(super) const LOOK_NS: u64 = 10 * MILLISECOND;
/// From the word to lead to its being done; one that takes longer is not waited for.
const LEAD_NS_MAX: u64 = 5_000 * MILLISECOND;
/// Between two tries, where the store does not answer; between two words to a leader that its standby is not waited for.
const AGAIN_NS: u64 = 200 * MILLISECOND;
/// A leader waits so long for a standby that is away, before it is let off.
const GRACE_NS: u64 = 100 * MILLISECOND;
/// An engine that makes way is waited for so long.
const CEDE_NS_MAX: u64 = 500 * MILLISECOND;
/// Until who led is started again as the one that follows, at least and at most.
const BACK_NS: (u64, u64) = (20 * MILLISECOND, 2_000 * MILLISECOND);
/// As an engine's counters say it.
const FOLLOWS: u64 = 0;
const LEADS: u64 = 1;
const IN_STEP: u64 = 2;
const DIVERGED: u64 = 3;
const UNFIT_DIVERGED: u64 = 2;

/// What is known of a region's second engine.
pub struct Pair {
    /// The tile, while it runs.
    pub tile: Option<Rc<RefCell<EngineTile>>>,
    /// Those whose journals are of one that led.
    pub led: BTreeSet<ProcessId>,
    /// Whether it was when its leader was last heard.
    pub in_step: bool,
    /// One of the two journals lost its end with its host.
    pub lost: bool,
    /// The leader is to wait for it.
    waits: bool,
    /// Written down: the leader is let off.
    alone: bool,
    /// One that was told to lead: with which epoch, until when.
    pending: Option<(u16, u64)>,
    /// The leader was told to make way: until when that is waited for.
    ceding_until_ns: Option<u64>,
    again_ns: u64,
    away_since_ns: Option<u64>,
    /// How often one took the other's place.
    pub promoted: u64,
    /// How often one made way for the other.
    pub handed_over: u64,
    /// How often one that was to make way went on.
    pub went_on: u64,
}

impl Pair {
    /// Both begin.
    pub const fn new(waits: bool) -> Self {
        Self {
            tile: None,
            led: BTreeSet::new(),
            in_step: false,
            lost: false,
            waits,
            alone: false,
            pending: None,
            ceding_until_ns: None,
            again_ns: 0,
            away_since_ns: None,
            promoted: 0,
            handed_over: 0,
            went_on: 0,
        }
    }

    /// Both are gone, and one of the journals may have lost more of its end than the other.
    pub fn host_is_lost(&mut self) {
        (self.lost, self.in_step, self.pending, self.ceding_until_ns) = (true, false, None, None);
    }

    /// Whether who leads is not decided yet.
    pub const fn is_undecided(&self) -> bool {
        self.pending.is_some()
    }
}

/// The other one's journal, on the same host.
pub struct TheirJournal {
    /// Where it lies.
    pub disk: SimDisk,
    /// Bytes of a segment.
    pub segment_bytes: usize,
    /// The last input that was handed over.
    pub handed: u64,
}

impl History for TheirJournal {
    fn read(&mut self, sequence: u64, each: &mut dyn FnMut(Stamp, &[u8])) -> Result<usize, JournalError> {
        let mut reader = Reader::from_storage(&self.disk, self.segment_bytes)?;
        let mut count = 0;
        let handed = self.handed;
        while let Some((stamp, record)) = reader.next()? {
            if stamp.sequence > sequence {
                each(stamp, record);
                // What was handed over and not taken is nothing new.
                count += usize::from(stamp.sequence > handed);
                self.handed = self.handed.max(stamp.sequence);
            }
        }
        Ok(count)
    }
}

impl Run {
    /// Looks at the engines of every region that has two.
    pub(super) fn look_at_pairs(&mut self) -> Result<(), Broken> {
        for region in 1..=2 {
            if self.system.region(region).pair.is_some() {
                self.look_at_pair(region)?;
            }
        }
        Ok(())
    }

    /// Whether it is not decided which of a region's engines leads.
    pub(super) fn is_undecided(&mut self, region: u16) -> bool {
        self.system.region(region).pair.as_ref().is_some_and(Pair::is_undecided)
    }

    fn pair(&mut self, region: u16) -> &mut Pair {
        self.system.region(region).pair.as_mut().expect("a region with two engines")
    }

    fn counter(&mut self, region: u16, role: Role, name: &str) -> u64 {
        let id = self.system.region(region).id(role);
        let own = self.system.processes.name(id).to_owned();
        self.system.processes.counters.scope(&own).counter(name).get()
    }

    fn runs(&mut self, region: u16, role: Role) -> bool {
        let id = self.system.region(region).id(role);
        self.system.processes.runs(id)
    }

    fn look_at_pair(&mut self, region: u16) -> Result<(), Broken> {
        if self.is_undecided(region) {
            return self.follow_up(region);
        }
        if self.runs(region, Role::Standby) && self.counter(region, Role::Standby, "partner") == DIVERGED {
            return self.differs(region, "differs from its leader");
        }
        if let Some(until_ns) = self.pair(region).ceding_until_ns {
            return self.see_it_make_way(region, until_ns);
        }
        if self.is_to_be_replaced(region) {
            self.promote(region)
        } else {
            if self.runs(region, Role::Engine) {
                self.let_off(region);
            }
            Ok(())
        }
    }

    /// A standby differs: a finding, or what a lost host explains; then it begins with a new journal, as an operator sees to.
    fn differs(&mut self, region: u16, what: &str) -> Result<(), Broken> {
        if !self.pair(region).lost {
            return Err(broken(&self.system, Invariant::Standby, format!("region {region}: the standby {what}")));
        }
        self.crash(Role::Standby, region)?;
        let id = self.system.region(region).id(Role::Standby);
        self.pair(region).led.insert(id);
        self.come_back(Role::Standby, region);
        Ok(())
    }

    fn come_back(&mut self, role: Role, region: u16) {
        let at_ns = self.now_ns() + self.random.between(BACK_NS.0, BACK_NS.1);
        self.put(at_ns, Deed::Start(role, region));
    }

    fn is_to_be_replaced(&mut self, region: u16) -> bool {
        if !self.runs(region, Role::Standby) || self.counter(region, Role::Standby, "role") == LEADS {
            return false;
        }
        let suspects = self.counter(region, Role::Standby, "suspects") == 1;
        if !suspects {
            let in_step = self.counter(region, Role::Standby, "partner") == IN_STEP;
            let pair = self.pair(region);
            pair.in_step = in_step;
            pair.lost &= !in_step;
        }
        let leader_runs = self.runs(region, Role::Engine);
        let pair = self.pair(region);
        pair.in_step && !(pair.waits && pair.alone) && (suspects || !leader_runs)
    }

    fn promote(&mut self, region: u16) -> Result<(), Broken> {
        let now_ns = self.now_ns();
        if now_ns < self.pair(region).again_ns {
            return Ok(());
        }
        if !self.system.store_answers(region) {
            self.pair(region).again_ns = now_ns + AGAIN_NS;
            return Ok(());
        }
        self.replace(region)
    }

    /// The one that follows is told to lead, with the store's next epoch; the one that led is ended.
    fn replace(&mut self, region: u16) -> Result<(), Broken> {
        let now_ns = self.now_ns();
        let (epoch, _) = self.system.next_epoch(region);
        let follows = self.system.region(region).id(Role::Standby);
        if self.runs(region, Role::Engine) {
            self.crash(Role::Engine, region)?;
        }
        self.say(format!("the standby of engine {region} is to lead with epoch {epoch}"));
        let pair = self.pair(region);
        pair.led.insert(follows);
        pair.pending = Some((epoch, now_ns + LEAD_NS_MAX));
        self.say_lead(region, Role::Standby, epoch);
        Ok(())
    }

    fn say_lead(&mut self, region: u16, role: Role, epoch: u16) {
        let mut lead = Lead::new();
        (lead.shard, lead.epoch) = (region, epoch);
        self.offer(region, role, bytes_of(&lead));
    }

    /// A word for one of the two.
    fn offer(&mut self, region: u16, role: Role, record: &[u8]) {
        let id = self.system.region(region).id(role);
        let link = self.system.processes.name(id).replace("engine", "lead");
        let _full_is_told_again = self.system.processes.producer(&link, super::processes::NOBODY).offer(record);
    }

    /// An operator asks the one that leads to make way; whether it can be asked.
    pub(super) fn ask_to_make_way(&mut self, region: u16) -> bool {
        let each = [(Role::Engine, LEADS), (Role::Standby, FOLLOWS)];
        let ready = each.into_iter().all(|(role, does)| {
            self.runs(region, role)
                && self.counter(region, role, "role") == does
                && self.counter(region, role, "partner") == IN_STEP
        });
        let alone = self.counter(region, Role::Engine, "alone") == 1;
        let answers = self.system.store_answers(region);
        let (now_ns, epoch) = (self.now_ns(), self.system.region(region).epoch);
        let pair = self.pair(region);
        let asked_before = pair.is_undecided() || pair.ceding_until_ns.is_some();
        if !ready || alone || pair.waits && pair.alone || asked_before || !answers {
            return false;
        }
        pair.ceding_until_ns = Some(now_ns + CEDE_NS_MAX);
        let mut cede = Cede::new();
        (cede.shard, cede.epoch) = (region, epoch);
        self.offer(region, Role::Engine, bytes_of(&cede));
        true
    }

    /// Whether the standby has all that the one took that makes way for it: then it leads. Else that one goes on.
    fn see_it_make_way(&mut self, region: u16, until_ns: u64) -> Result<(), Broken> {
        let run = [Role::Engine, Role::Standby].map(|role| self.runs(region, role)) == [true; 2];
        let ceded = run && self.counter(region, Role::Engine, "ceded") == 1;
        if run && !ceded && self.now_ns() <= until_ns {
            return Ok(());
        }
        self.pair(region).ceding_until_ns = None;
        if ceded && self.system.store_answers(region) {
            self.nothing_is_left(region)?;
            self.pair(region).handed_over += 1;
            return self.replace(region);
        }
        self.pair(region).went_on += 1;
        let epoch = self.system.region(region).epoch;
        self.say_lead(region, Role::Engine, epoch);
        Ok(())
    }

    /// One that says that it made way has journaled nothing that the other one has not.
    fn nothing_is_left(&mut self, region: u16) -> Result<(), Broken> {
        let segment_bytes = self.system.settings.engine_segment_bytes(region);
        let mut last = [0; 2];
        for (role, last) in [Role::Engine, Role::Standby].into_iter().zip(&mut last) {
            let disk = self.system.disk_of(region, role);
            let read = Reader::from_storage(&disk, segment_bytes).and_then(|mut reader| {
                while let Some((stamp, _)) = reader.next()? {
                    *last = stamp.sequence;
                }
                Ok(())
            });
            read.map_err(|error| broken(&self.system, Invariant::Standby, format!("region {region}: {error}")))?;
        }
        let [made_way, leads] = last;
        let what = format!("region {region}: who made way took input {made_way}, its standby has {leads}");
        if made_way == leads { Ok(()) } else { Err(broken(&self.system, Invariant::Standby, what)) }
    }

    /// Whether one that was told to lead does.
    fn follow_up(&mut self, region: u16) -> Result<(), Broken> {
        let Some((epoch, until_ns)) = self.pair(region).pending else { return Ok(()) };
        let runs = self.runs(region, Role::Standby);
        let unfit = self.counter(region, Role::Standby, "unfit");
        if runs && self.counter(region, Role::Standby, "role") == LEADS {
            self.leads_now(region, epoch);
            return Ok(());
        }
        if runs && unfit == 0 && self.now_ns() <= until_ns {
            return Ok(());
        }
        if runs && unfit == UNFIT_DIVERGED && !self.pair(region).lost {
            return self.differs(region, "was told to lead and differs from its leader");
        }
        if runs {
            self.crash(Role::Standby, region)?;
        }
        if self.has_led(region, epoch) {
            self.say(format!("the standby of engine {region} led, and died before that was seen"));
            self.leads_now(region, epoch);
            self.come_back(Role::Engine, region);
            return Ok(());
        }
        self.say(format!("the standby of engine {region} does not lead (unfit {unfit}); who led is started again"));
        let pair = self.pair(region);
        (pair.pending, pair.in_step) = (None, false);
        self.come_back(Role::Engine, region);
        self.come_back(Role::Standby, region);
        Ok(())
    }

    /// It has the place of the one that led, which comes back to follow.
    fn leads_now(&mut self, region: u16, epoch: u16) {
        let (was, leads) = {
            let region = self.system.region(region);
            (region.id(Role::Engine), region.id(Role::Standby))
        };
        self.system.processes.wait_for(leads, was);
        self.system.region(region).change_places();
        let pair = self.pair(region);
        (pair.pending, pair.away_since_ns, pair.in_step) = (None, None, false);
        pair.promoted += 1;
        self.say(format!("the standby of engine {region} leads with epoch {epoch}"));
        self.come_back(Role::Standby, region);
    }

    /// Whether one that was told to lead began to, by its journal: nothing leaves it before that stands there.
    fn has_led(&mut self, region: u16, epoch: u16) -> bool {
        let disk = self.system.disk_of(region, Role::Standby);
        let Ok(mut reader) = Reader::from_storage(&disk, self.system.settings.engine_segment_bytes(region)) else {
            return false;
        };
        while let Ok(Some((_, record))) = reader.next() {
            let kind = read_from::<Header>(record).and_then(|header| header.kind());
            if kind == Some(Kind::EngineStart)
                && read_from::<EngineStart>(record).is_some_and(|start| start.epoch == epoch)
            {
                return true;
            }
        }
        false
    }

    /// Tells a leader whose standby is away or behind that it is not waited for, once that is written down; and writes down when it
    /// is waited for again.
    fn let_off(&mut self, region: u16) {
        let now_ns = self.now_ns();
        if !self.pair(region).waits || self.counter(region, Role::Engine, "role") != LEADS {
            return;
        }
        let in_step = self.counter(region, Role::Engine, "partner") == IN_STEP;
        let alone = self.counter(region, Role::Engine, "alone") == 1;
        let epoch = self.system.region(region).epoch;
        let pair = self.pair(region);
        if in_step || alone {
            pair.away_since_ns = None;
            pair.alone &= !in_step || alone;
            return;
        }
        let since_ns = *pair.away_since_ns.get_or_insert(now_ns);
        if now_ns - since_ns >= GRACE_NS && now_ns >= pair.again_ns {
            (pair.again_ns, pair.alone) = (now_ns + AGAIN_NS, true);
            self.say_lead(region, Role::Engine, epoch);
        }
    }
}
