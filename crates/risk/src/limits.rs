//! The table of limits and the table of kills: what is set, at which node, with which selector and revision.
//!
//! Invariant: an entry changes only by a record newer than the one it has, by (generation, revision); an ended limit keeps
//! its place, so that an older record cannot bring it back. The one exception is a kill that tightens: it always applies.

use records::{
    Allocation, Enforcement, IdMap, Kill, KillNew, KillResting, LimitSet, Metric, SelectorKind, State, StateError,
    StateReader, StateWriter,
};

use crate::cells::{Bound, MoneyBound, NO_SLOT};
use crate::types::{KillFields, Outcome, Refused};

/// Metrics whose bound can be divided into parts that add up to it.
const DIVISIBLE: [Metric; 7] = [
    Metric::PositionLong,
    Metric::PositionShort,
    Metric::GrossExposure,
    Metric::DailyValue,
    Metric::DailyQuantity,
    Metric::OpenOrders,
    Metric::MessageRate,
];

/// What an order must match for a limit or kill to concern it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Selector {
    pub kind: SelectorKind,
    pub selected: u32,
    /// 0: all.
    pub venue: u16,
    /// 0: all.
    pub trader: u32,
}

records::state_value!(Selector { kind, selected, venue, trader });

/// What selectors are matched against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject {
    pub venue: u16,
    pub instrument: u32,
    pub underlying: u32,
    pub sector: u32,
    pub trader: u32,
}

records::state_value!(Subject { venue, instrument, underlying, sector, trader });

impl Selector {
    pub fn read(kind: u8, selected: u32, venue: u16, trader: u32) -> Result<Self, Refused> {
        let kind = SelectorKind::from_code(kind).ok_or(Refused::Code)?;
        if (kind == SelectorKind::All) != (selected == 0) {
            return Err(Refused::Value);
        }
        Ok(Self { kind, selected, venue, trader })
    }

    pub fn selects(&self, instrument: u32, underlying: u32, sector: u32) -> bool {
        match self.kind {
            SelectorKind::All => true,
            SelectorKind::Instrument => self.selected == instrument,
            SelectorKind::Underlying => self.selected == underlying,
            SelectorKind::Sector => self.selected == sector,
        }
    }

    pub fn matches(&self, subject: &Subject) -> bool {
        let selected = self.selects(subject.instrument, subject.underlying, subject.sector);
        let venue = self.venue == 0 || self.venue == subject.venue;
        let trader = self.trader == 0 || self.trader == subject.trader;
        selected && venue && trader
    }
}

/// This engine's part of a global limit.
///
/// It stands while it is newer than the last record that took the limit out of global enforcement: what was divided before
/// that is void, and a part that arrives ahead of its limit's record is kept for it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Part {
    pub upper: i128,
    pub lower: i128,
    pub version: (u64, u64),
    void_until: (u64, u64),
}

records::state_value!(Part { upper, lower, version, void_until });

/// A limit as it is set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub id: u32,
    pub node: u32,
    pub metric: Metric,
    pub selector: Selector,
    pub value: i128,
    pub window_ns: u64,
    pub burst: u32,
    pub soft_percent: u8,
    pub removed: bool,
    /// What binds is the part, not the value.
    pub global: bool,
    pub part: Part,
    pub version: (u64, u64),
    /// The next limit at the same node, [`NO_SLOT`]: none.
    next: u32,
}

records::state_value!(Limit {
    id,
    node,
    metric,
    selector,
    value,
    window_ns,
    burst,
    soft_percent,
    removed,
    global,
    part,
    version,
    next,
});

impl Limit {
    fn read(record: &LimitSet) -> Result<Self, Refused> {
        let metric = Metric::from_code(record.metric).ok_or(Refused::Code)?;
        let value = record.value.get();
        let timed =
            matches!(metric, Metric::MessageRate | Metric::CancelRate | Metric::PriceCollar | Metric::DuplicateOrders);
        let global = match record.enforcement {
            0 => false,
            code if Enforcement::from_code(code).is_some() => true,
            _ => return Err(Refused::Code),
        };
        if global && !DIVISIBLE.contains(&metric) {
            return Err(Refused::Enforcement);
        }
        if record.limit == 0 || value < 0 || record.soft_percent > 100 || (timed && record.window_ns == 0) {
            return Err(Refused::Value);
        }
        Ok(Self {
            id: record.limit,
            node: record.node,
            metric,
            selector: Selector::read(record.selector, record.selected, record.venue, record.trader)?,
            value,
            window_ns: record.window_ns,
            burst: record.burst,
            soft_percent: record.soft_percent,
            removed: record.removed == 1,
            global,
            part: Part::default(),
            version: (record.generation, record.revision),
            next: NO_SLOT,
        })
    }

    /// What binds here; `None`: a global limit of which this engine has no part, so that nothing it counts may grow. Not
    /// even what closes a position passes then: a part may be below zero.
    pub fn in_force(&self) -> Option<i128> {
        match (self.global, self.metric) {
            (false, _) => Some(self.value),
            (true, _) if self.part.version <= self.part.void_until => None,
            (true, Metric::PositionShort) => Some(self.part.lower),
            (true, _) => Some(self.part.upper),
        }
    }

    /// The burst of a rate that binds here.
    pub fn burst_in_force(&self) -> u32 {
        if self.global { u32::try_from(self.part.lower.max(0)).unwrap_or(u32::MAX) } else { self.burst }
    }

    /// The bound of a metric that counts lots, orders or parts per million.
    pub fn bound(&self, slot: u32) -> Bound {
        let word = |value: i128| i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX });
        let hard = self.in_force().map_or(i64::MIN, word);
        Bound { hard, soft: word(self.soft_value()), slot, soft_slot: slot, warned: false }
    }

    /// The bound of a metric that counts money.
    pub fn money_bound(&self, slot: u32) -> MoneyBound {
        let hard_nanos = self.in_force().unwrap_or(i128::MIN);
        MoneyBound { hard_nanos, soft_nanos: self.soft_value(), slot, soft_slot: slot, warned: false }
    }

    /// The soft bound; the largest number when there is none.
    pub fn soft_value(&self) -> i128 {
        match (self.soft_percent, self.in_force()) {
            (percent @ 1.., Some(value @ 0..)) => {
                value / 100 * i128::from(percent) + value % 100 * i128::from(percent) / 100
            }
            _ => i128::MAX,
        }
    }
}

#[derive(Debug)]
pub(crate) struct LimitTable {
    limits: Vec<Limit>,
    by_id: IdMap<u32>,
    /// First limit by node.
    first: Box<[u32]>,
    limits_max: usize,
    /// Records of a set whose last one has not come.
    waiting: Vec<Limit>,
    waiting_refused: Option<Refused>,
    /// What the set under way has replaced, newest last; `None`: the entry is new.
    undo: Vec<(u32, Option<Limit>)>,
}

/// The ids and the nodes' lists follow from the limits.
impl State for LimitTable {
    fn save(&self, out: &mut StateWriter) {
        let Self { limits, by_id: _, first: _, limits_max: _, waiting, waiting_refused, undo } = self;
        assert!(undo.is_empty(), "a set is kept or undone in the pass that ends it");
        limits.save(out);
        waiting.save(out);
        waiting_refused.save(out);
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        let Self { limits, by_id, first, limits_max: _, waiting, waiting_refused, undo } = self;
        limits.load(from.of("LimitTable.limits"))?;
        waiting.load(from.of("LimitTable.waiting"))?;
        waiting_refused.load(from.of("LimitTable.waiting_refused"))?;
        undo.clear();
        by_id.clear();
        first.fill(NO_SLOT);
        let told: Vec<u32> = limits.iter().map(|limit| limit.next).collect();
        for slot in 0..self.limits.len() {
            let Limit { id, node, .. } = self.limits[slot];
            if node as usize >= self.first.len() || self.by_id.get(u64::from(id)).is_some() {
                return Err(from.wrong(format!("limit {id} at node {node}; allowed are nodes and ids that have room")));
            }
            self.by_id.insert(u64::from(id), slot as u32);
            self.link(slot as u32);
        }
        if self.limits.iter().map(|limit| limit.next).ne(told) {
            return Err(from.wrong("a node's list in another order; allowed is that of its limits".to_owned()));
        }
        Ok(())
    }
}

impl LimitTable {
    pub fn new(limits_max: usize, nodes_max: usize) -> Self {
        Self {
            limits: Vec::with_capacity(limits_max),
            by_id: IdMap::with_capacity(limits_max),
            first: vec![NO_SLOT; nodes_max + 1].into_boxed_slice(),
            limits_max,
            waiting: Vec::with_capacity(limits_max),
            waiting_refused: None,
            undo: Vec::with_capacity(limits_max),
        }
    }

    pub fn get(&self, slot: u32) -> &Limit {
        &self.limits[slot as usize]
    }

    pub fn count(&self) -> u32 {
        self.limits.len() as u32
    }

    pub fn place(&self, id: u32) -> Option<u32> {
        self.by_id.get(u64::from(id))
    }

    pub fn iter(&self) -> impl Iterator<Item = (u32, &Limit)> {
        (0_u32..).zip(&self.limits).filter(|(_, limit)| !limit.removed)
    }

    /// Limits in force at a node, in the order in which they first came.
    pub fn at_node(&self, node: u32) -> impl Iterator<Item = (u32, &Limit)> {
        let mut next = self.first[node as usize];
        std::iter::from_fn(move || {
            let slot = next;
            let limit = self.limits.get(slot as usize)?;
            next = limit.next;
            Some((slot, limit))
        })
        .filter(|(_, limit)| !limit.removed)
    }

    /// Takes a record of a set. `Some` when the set is complete: whether any of it was newer, or why it is refused. The
    /// caller then says [`Self::keep`] or [`Self::undo`].
    pub fn take(&mut self, record: &LimitSet, node_known: bool) -> Option<Result<bool, Refused>> {
        let read = if node_known { Limit::read(record) } else { Err(Refused::Node) };
        match read {
            Ok(_) if self.waiting.len() == self.limits_max => self.waiting_refused = Some(Refused::Capacity),
            Ok(limit) => self.waiting.push(limit),
            Err(refused) => self.waiting_refused = self.waiting_refused.or(Some(refused)),
        }
        if record.last_of_set != 1 {
            return None;
        }
        let refused = self.waiting_refused.take();
        let result = match refused {
            Some(refused) => Err(refused),
            None => self.set_waiting(),
        };
        self.waiting.clear();
        if result.is_err() {
            self.undo();
        }
        Some(result)
    }

    fn set_waiting(&mut self) -> Result<bool, Refused> {
        for at in 0..self.waiting.len() {
            let limit = self.waiting[at];
            self.set(limit)?;
        }
        Ok(!self.undo.is_empty())
    }

    fn set(&mut self, mut limit: Limit) -> Result<(), Refused> {
        let slot = self.by_id.get(u64::from(limit.id));
        limit.part = slot.map_or(Part::default(), |slot| self.limits[slot as usize].part);
        if !limit.global || limit.removed {
            limit.part.void_until = limit.version;
        }
        if let Some(slot) = slot {
            let known = self.limits[slot as usize];
            if limit.version <= known.version {
                return Ok(());
            }
            self.undo.push((slot, Some(known)));
            self.unlink(slot);
            self.limits[slot as usize] = limit;
            self.link(slot);
            return Ok(());
        }
        let slot = self.limits.len() as u32;
        if self.limits.len() == self.limits_max || !self.by_id.insert(u64::from(limit.id), slot) {
            return Err(Refused::Capacity);
        }
        self.limits.push(limit);
        self.link(slot);
        self.undo.push((slot, None));
        Ok(())
    }

    /// Takes a part. `Ok(None)`: it is not newer than the one that stands.
    pub fn set_part(&mut self, record: &Allocation) -> Result<Option<u32>, Refused> {
        let slot = self.by_id.get(u64::from(record.limit)).ok_or(Refused::Limit)?;
        let part = &mut self.limits[slot as usize].part;
        let version = (record.generation, record.revision);
        if version <= part.version {
            return Ok(None);
        }
        *part = Part { upper: record.upper.get(), lower: record.lower.get(), version, ..*part };
        Ok(Some(slot))
    }

    /// Keeps the list of a node sorted by slot: its order must not depend on the order of changes.
    fn link(&mut self, slot: u32) {
        let node = self.limits[slot as usize].node as usize;
        let mut before = NO_SLOT;
        let mut after = self.first[node];
        while after < slot {
            (before, after) = (after, self.limits[after as usize].next);
        }
        self.limits[slot as usize].next = after;
        match self.limits.get_mut(before as usize) {
            Some(limit) => limit.next = slot,
            None => self.first[node] = slot,
        }
    }

    fn unlink(&mut self, slot: u32) {
        let Limit { node, next, .. } = self.limits[slot as usize];
        let mut at = self.first[node as usize];
        if at == slot {
            self.first[node as usize] = next;
            return;
        }
        while self.limits[at as usize].next != slot {
            at = self.limits[at as usize].next;
        }
        self.limits[at as usize].next = next;
    }

    /// Slots that the set under way changed.
    pub fn changed(&self) -> impl Iterator<Item = u32> {
        self.undo.iter().map(|(slot, _)| *slot)
    }

    /// The set under way stands.
    pub fn keep(&mut self) {
        self.undo.clear();
    }

    /// The set under way did not happen.
    pub fn undo(&mut self) {
        while let Some((slot, known)) = self.undo.pop() {
            self.unlink(slot);
            match known {
                Some(limit) => {
                    self.limits[slot as usize] = limit;
                    self.link(slot);
                }
                None => {
                    let limit = self.limits.pop().expect("an entry to undo");
                    self.by_id.remove(u64::from(limit.id));
                }
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct KillEntry {
    node: u32,
    selector: Selector,
    fields: KillFields,
    version: (u64, u64),
}

records::state_value!(KillEntry { node, selector, fields, version });

#[derive(Debug)]
pub(crate) struct KillTable {
    entries: Vec<KillEntry>,
    kills_max: usize,
}

records::state!(KillTable { entries } without { kills_max });

impl KillTable {
    pub fn new(kills_max: usize) -> Self {
        Self { entries: Vec::with_capacity(kills_max), kills_max }
    }

    pub fn apply(&mut self, record: &Kill) -> Outcome {
        match Self::read(record) {
            Ok(entry) => self.set(entry),
            Err(refused) => Outcome::Refused(refused),
        }
    }

    fn read(record: &Kill) -> Result<KillEntry, Refused> {
        let fields = KillFields {
            new_orders: KillNew::from_code(record.new_orders).ok_or(Refused::Code)?,
            resting: KillResting::from_code(record.resting).ok_or(Refused::Code)?,
            flatten: match record.flatten {
                0 => false,
                1 => true,
                _ => return Err(Refused::Code),
            },
        };
        let selector = Selector::read(record.selector, record.selected, record.venue, record.trader)?;
        Ok(KillEntry { node: record.node, selector, fields, version: (record.generation, record.revision) })
    }

    fn set(&mut self, entry: KillEntry) -> Outcome {
        let same = |known: &&mut KillEntry| (known.node, known.selector) == (entry.node, entry.selector);
        if let Some(known) = self.entries.iter_mut().find(same) {
            if entry.version > known.version {
                *known = entry;
                return Outcome::Applied;
            }
            let tightened = known.fields.strictest(entry.fields);
            let tightens = tightened != known.fields;
            known.fields = tightened;
            return if tightens { Outcome::Applied } else { Outcome::Older };
        }
        if self.entries.len() < self.kills_max {
            self.entries.push(entry);
            return Outcome::Applied;
        }
        // An entry that kills nothing may be forgotten: what it would have ignored as older either tightens or changes nothing.
        match self.entries.iter_mut().find(|known| known.fields == KillFields::ARMED) {
            Some(known) => *known = entry,
            None => return Outcome::Refused(Refused::Capacity),
        }
        Outcome::Applied
    }

    /// The strictest of each field that concerns a path.
    pub fn resolve(&self, nodes: &[u32], subject: &Subject) -> KillFields {
        self.entries
            .iter()
            .filter(|entry| nodes.contains(&entry.node) && entry.selector.matches(subject))
            .fold(KillFields::ARMED, |fields, entry| fields.strictest(entry.fields))
    }

    /// Node, venue, selected and version of every entry.
    pub fn versions(&self) -> impl Iterator<Item = (u32, u16, u32, (u64, u64))> {
        self.entries.iter().map(|one| (one.node, one.selector.venue, one.selector.selected, one.version))
    }

    pub fn words(&self) -> impl Iterator<Item = u64> {
        self.entries.iter().map(|entry| {
            let fields = entry.fields;
            let codes = u64::from(fields.new_orders.code()) << 16
                | u64::from(fields.resting.code()) << 8
                | u64::from(fields.flatten);
            u64::from(entry.node) << 32 | codes
        })
    }
}
