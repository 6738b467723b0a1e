//! A tile that is one of two of its shard: it leads, or follows until it is told to lead.
//!
//! Invariant: while it follows nothing leaves it but words to the other one. It leads from one cycle on, as in a new life.

use journal::{JournalError, Reader, Retained, is_segment};
use links::{Counter, Publication, Subscription};
use records::{EngineStart, bytes_of, read_from};
use tiles::{Context, FlushFailed, StartError};

use super::{EngineTile, EngineTileConfig, take};
use crate::merger::Merger;
use crate::partner::{Folder, Following, History, Leading, Standby, Told, Unfit};
use crate::release::Release;

/// The half that it is.
enum Half {
    Leads(Leading),
    Follows(Following),
}

struct PairCounters {
    role: Counter,
    partner: Counter,
    acknowledged: Counter,
    followed: Counter,
    compared: Counter,
    suspects: Counter,
    superseded: Counter,
    alone: Counter,
    unfit: Counter,
    cedes: Counter,
    ceded: Counter,
}

/// What a tile has beside itself for the other one.
pub(super) struct Pair {
    to: Box<dyn Publication>,
    from: Box<dyn Subscription>,
    lead: Box<dyn Subscription>,
    history: Option<Box<dyn History>>,
    silence_ns: u64,
    start: EngineStart,
    half: Half,
    /// It was told to lead with this epoch, and waits for its device.
    to_lead: Option<u16>,
    counters: PairCounters,
}

impl Pair {
    /// Its links and counters; `None` where there is no other one.
    pub(super) fn new(config: &EngineTileConfig, context: &mut Context, problems: &mut Vec<String>) -> Option<Self> {
        let partner = config.partner.as_ref()?;
        let to = context.take_publication(&config.name, &partner.to);
        let from = context.take_subscription(&config.name, &partner.from);
        let lead = context.take_subscription(&config.name, &partner.lead);
        let (to, from, lead) = match (to, from, lead) {
            (Ok(to), Ok(from), Ok(lead)) => (to, from, lead),
            (to, from, lead) => {
                problems.extend(to.err().into_iter().chain(from.err()).chain(lead.err()).map(|StartError(text)| text));
                return None;
            }
        };
        if config.segment_bytes == 0 {
            problems.push(format!(
                "{}.partner: a pair of engines needs journals; durability must not be none",
                config.name
            ));
        }
        let history = partner.history.clone().map(|directory| Box::new(Folder::new(directory)) as Box<dyn History>);
        let counter = |name: &str| context.counters.counter(name);
        let counters = PairCounters {
            role: counter("role"),
            partner: counter("partner"),
            acknowledged: counter("partner_acked"),
            followed: counter("followed"),
            compared: counter("hashes_compared"),
            suspects: counter("suspects"),
            superseded: counter("superseded"),
            alone: counter("alone"),
            unfit: counter("unfit"),
            cedes: counter("cedes"),
            ceded: counter("ceded"),
        };
        let half = Half::Leads(Leading::new(partner.silence_ns, 0, false));
        let start = read_from(&config.bootstrap).unwrap_or_default();
        Some(Self { to, from, lead, history, silence_ns: partner.silence_ns, start, half, to_lead: None, counters })
    }

    /// The last `count` inputs came over this link.
    #[inline]
    pub(super) fn came(&mut self, last: u64, count: usize, index: usize, sequence: u64) {
        if let Half::Leads(leading) = &mut self.half {
            leading.came(last + 1 - count as u64, count, index as u16 + 1, sequence);
        }
    }
}

impl EngineTile {
    /// Reads the leader's journal there, in the place of the configured directory.
    #[must_use]
    pub fn with_history(mut self, history: Box<dyn History>) -> Self {
        match &mut self.pair {
            Some(Pair { half: Half::Follows(following), .. }) => following.read_from(history),
            Some(pair) => pair.history = Some(history),
            None => {}
        }
        self
    }

    /// Whether this engine leads its shard; one that has no partner does.
    pub fn leads(&self) -> bool {
        !self.follows()
    }

    #[inline]
    pub(super) fn follows(&self) -> bool {
        self.pair.as_ref().is_some_and(|pair| matches!(pair.half, Half::Follows(_)))
    }

    /// Whether it takes no input, so that its standby has all of them.
    #[inline]
    pub(super) fn cedes(&self) -> bool {
        matches!(&self.pair, Some(Pair { half: Half::Leads(leading), .. }) if leading.cedes())
    }

    /// Whether an engine that follows has files of a journal of which no begin was ever forced, its host being lost: they are taken
    /// away, and it asks its leader for all. Nobody rests on what a standby has but while it runs.
    pub(super) fn begins_anew(&self) -> Result<bool, StartError> {
        let follows = self.pair.as_ref().is_some_and(|pair| pair.start.epoch == 0);
        let beginless = || {
            let retained = || Retained::of_storage(self.storage.as_ref());
            let first = Reader::from_storage(self.storage.as_ref(), self.config.segment_bytes);
            let whole = first.and_then(|mut first| first.require_begin(&retained));
            matches!(whole, Err(JournalError::Empty | JournalError::Lost { .. }))
        };
        if !follows || !beginless() {
            return Ok(false);
        }
        for name in self.storage.list()?.iter().filter(|name| is_segment(name)) {
            self.storage.remove(name)?;
        }
        Ok(true)
    }

    /// Decides what this life begins as: an engine that was given no epoch follows. Whether it does.
    pub(super) fn start_pair(&mut self, now_ns: u64) -> bool {
        let first = self.merger.last().sequence + 1;
        let inputs = self.subscriptions.len();
        let Some(pair) = &mut self.pair else { return false };
        let follows = pair.start.epoch == 0;
        pair.half = if follows {
            let history = pair.history.take();
            Half::Follows(Following::new(pair.start.shard, history, pair.silence_ns, inputs, now_ns))
        } else {
            Half::Leads(Leading::new(pair.silence_ns, first, false))
        };
        pair.counters.role.set(u64::from(!follows));
        follows
    }

    /// Up to which input the device has all, where that is waited for.
    #[inline]
    pub(super) fn device_durable(&mut self) -> Result<u64, FlushFailed> {
        if self.config.waits_for.device { self.merger.durable() } else { Ok(self.merger.last().sequence) }
    }

    /// The same of the standby; `None`: it is away.
    #[inline]
    pub(super) fn standby_durable(&mut self) -> Option<u64> {
        let last = self.merger.last().sequence;
        match &mut self.pair {
            Some(Pair { half: Half::Leads(leading), .. }) if self.config.waits_for.standby => leading.durable(last),
            _ => Some(last),
        }
    }

    /// What the one that leads does for the other between two passes; how much was done.
    pub(super) fn lead(&mut self, now_ns: u64) -> usize {
        let Self { pair, merger, engine, subscriptions, outbox, .. } = self;
        let Some(Pair { half: Half::Leads(leading), to, from, lead, counters, start, .. }) = pair else { return 0 };
        let work = leading.work(now_ns, (to.as_mut(), from.as_mut()), (merger, engine), subscriptions);
        let (told, epoch) = (Told::hear(lead.as_mut(), start.shard, &mut |_| {}), Some(engine.identity().epoch));
        if told.cede == epoch {
            leading.cede(now_ns);
        }
        if told.lead == epoch {
            leading.go_on();
            leading.alone |= leading.standby() != Standby::InStep;
        }
        let waiting = outbox.release.as_ref().map_or(0, Release::waiting) + outbox.returned.len();
        counters.cedes.set(u64::from(leading.cedes()));
        counters.ceded.set(u64::from(waiting == 0 && leading.ceded(merger.last().sequence)));
        counters.partner.set(leading.standby() as u64);
        counters.acknowledged.set(leading.acknowledged());
        counters.superseded.set(u64::from(leading.superseded));
        counters.alone.set(u64::from(leading.alone));
        work
    }

    /// A cycle of the one that follows.
    pub(super) fn follow(&mut self, now_ns: u64) -> usize {
        let Self { pair, merger, engine, subscriptions, .. } = self;
        let Some(Pair { half: Half::Follows(following), to, from, lead, counters, start, .. }) = pair else { return 0 };
        let before = merger.last().sequence;
        // First: a mark is of an input that may be what it takes next.
        let told = Told::hear(lead.as_mut(), start.shard, &mut |mark| following.mark(mark, engine)).lead;
        let work = following.work(now_ns, (to.as_mut(), from.as_mut()), (merger, engine), subscriptions);
        let last = merger.last().sequence;
        counters.followed.set(last);
        counters.partner.set(following.state(now_ns));
        counters.compared.set(following.compared());
        counters.suspects.set(u64::from(following.suspects(now_ns)));
        // Why it could not lead when it was told to stays; what it may get over does not.
        if [0, Unfit::Newer as u64].contains(&counters.unfit.get()) {
            counters.unfit.set(following.unfit());
        }
        self.counters.inputs.add(last - before);
        // What its leader sent rests on it once that one is gone.
        let _what_failed_is_told_when_it_is_to_lead = self.device_durable();
        if let Some(epoch) = told.or(self.pair.as_ref().and_then(|pair| pair.to_lead)) {
            self.take_over(now_ns, epoch);
            return work + usize::from(told.is_some());
        }
        if work == 0 && self.merger.prepare().is_err() {
            self.counters.prepare_failed.add(1);
        }
        if now_ns >= self.state_due_ns {
            self.write_state(now_ns, false);
        }
        work
    }

    /// Takes its leader's place, as in a new life with this epoch; where it cannot, a counter says why.
    #[cold]
    fn take_over(&mut self, now_ns: u64, epoch: u16) {
        let Self { pair, merger, engine, subscriptions, .. } = self;
        let Some(pair) = pair else { return };
        let Half::Follows(following) = &mut pair.half else { return };
        // A venue may have orders whose causes only the device of the one that led has, and who leads has the journal that counts.
        let ready = |merger: &mut Merger| match merger.durable() {
            _ if !self.config.waits_for.device => Ok(true),
            Ok(durable) => Ok(durable == merger.last().sequence),
            Err(FlushFailed) => Err(Unfit::NotDurable),
        };
        let waits = pair.to_lead.is_some() && ready(merger) == Ok(false);
        let finished = match waits {
            true => Ok(false),
            false => following
                .finish(epoch, pair.from.as_mut(), (merger, engine), subscriptions)
                .and_then(|()| ready(merger)),
        };
        pair.to_lead = (finished == Ok(false)).then_some(epoch);
        match finished {
            Ok(true) => {}
            Ok(false) => return,
            Err(unfit) => return pair.counters.unfit.set(unfit as u64),
        }
        let leading = Leading::new(pair.silence_ns, self.merger.last().sequence + 1, true);
        let Half::Follows(mut following) = std::mem::replace(&mut pair.half, Half::Leads(leading)) else { return };
        pair.counters.role.set(1);
        pair.counters.suspects.set(0);
        pair.counters.unfit.set(0);
        let mut start = pair.start;
        (start.epoch, start.unconfirmed, start.takes_over) = (epoch, 0, 1);
        let head = bytes_of(&start);
        self.config.bootstrap[..head.len()].copy_from_slice(head);
        self.owe_resync();
        if let Err(StartError(text)) = self.bootstrap(now_ns) {
            panic!("{}: cannot lead: {text}", self.config.name);
        }
        // What its leader left in the links, but for what it had read and only its journal tells of.
        let Self { merger, engine, outbox, subscriptions, .. } = self;
        for input in subscriptions.iter_mut() {
            let left = &mut |record: &[u8]| {
                if !following.was_read(record) {
                    take(merger, engine, outbox, now_ns, record);
                }
            };
            while input.poll(LEFT_AT_ONCE, left) == LEFT_AT_ONCE {}
        }
        self.last_input_ns = now_ns;
        self.heartbeat_due_ns = 0;
    }
}

/// Records polled at once of what a leader left.
const LEFT_AT_ONCE: usize = 64;
