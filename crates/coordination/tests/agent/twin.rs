//! An engine's control side, written apart from the engine: versions by key, sets applied whole, kills that tighten always.

use std::collections::BTreeMap;

use coordination::values::Version;
use records::{
    Allocation, Applied, Heartbeat, Kill, Kind, LimitSet, LimitUsage, MoneyNanos, Position, Record, RecordRef,
    RegionPosition, SessionHealth, SessionReset, bytes_of,
};

type KillKey = (u32, u8, u32, u16, u32);
pub type Fields = (u8, u8, u8);

#[derive(Clone, Default)]
pub struct Twin {
    pub input: u64,
    pub limits: BTreeMap<u32, (Version, i128, bool, u64)>,
    pub parts: BTreeMap<u32, (Version, i128, i128, u64)>,
    pub kills: BTreeMap<KillKey, (Version, Fields, u64)>,
    pub positions: BTreeMap<(u32, u32), i64>,
    /// Positions as of each input.
    pub history: BTreeMap<u64, BTreeMap<(u32, u32), i64>>,
    waiting: Vec<LimitSet>,
    pub outputs: Vec<Vec<u8>>,
    /// Limits that it refuses, whatever they say.
    pub refuses: Vec<u32>,
    /// Resets that came, and how they are answered; 0: not at all.
    pub resets: Vec<SessionReset>,
    pub reset_outcome: u8,
    /// Permissions, the restricted list, epochs, reference data, as they came.
    pub rules: Vec<(Kind, u32, Version)>,
    pub epoch: u16,
    /// What it was told of another region, by account and instrument.
    pub regions: BTreeMap<(u32, u32), RegionPosition>,
    /// What global limits use on the long side.
    pub used: BTreeMap<u32, i128>,
}

impl Twin {
    fn say<T: Record>(&mut self, mut record: T) {
        record.header_mut().sequence = self.input;
        self.outputs.push(bytes_of(&record).to_vec());
    }

    fn applied(&mut self, control: Kind, subject: u32, version: Version, outcome: u8, request: u64) {
        let mut record = Applied::new();
        (record.input, record.generation, record.revision) = (self.input, version.0, version.1);
        (record.subject, record.control, record.outcome, record.request) = (subject, control as u16, outcome, request);
        self.say(record);
    }

    fn applied_as(&mut self, mut record: Applied, control: Kind, subject: u32, version: Version) {
        (record.input, record.generation, record.revision) = (self.input, version.0, version.1);
        (record.subject, record.control, record.outcome) = (subject, control as u16, 1);
        self.say(record);
    }

    fn next(&mut self) {
        self.input += 1;
        self.history.insert(self.input, self.positions.clone());
    }

    pub fn take(&mut self, record: &[u8]) {
        self.next();
        match records::parse(record).expect("agents send records") {
            RecordRef::LimitSet(limit) => self.limit(limit),
            RecordRef::Kill(kill) => self.kill(&kill),
            RecordRef::Allocation(part) => self.part(&part),
            RecordRef::StateRequest(ask) => self.tell(ask.request),
            RecordRef::Node(node) => self.applied(Kind::Node, node.node, (0, 0), 1, 0),
            RecordRef::SessionReset(reset) => {
                self.resets.push(reset);
                if self.reset_outcome != 0 {
                    self.applied(
                        Kind::SessionReset,
                        u32::from(reset.header.venue),
                        (0, 0),
                        self.reset_outcome,
                        reset.request,
                    );
                }
            }
            RecordRef::EpochSet(set) => {
                let outcome = if set.epoch < self.epoch { 3 } else { 1 };
                let version = (set.generation, set.revision);
                self.rules.push((Kind::EpochSet, u32::from(set.epoch), version));
                self.applied(Kind::EpochSet, u32::from(set.epoch), version, outcome, 0);
            }
            RecordRef::ReferenceSet(set) => {
                let version = (set.generation, set.revision);
                self.rules.push((Kind::ReferenceSet, 0, version));
                self.applied(Kind::ReferenceSet, 0, version, if set.hash == [0xaa; 32] { 1 } else { 3 }, 0);
            }
            RecordRef::Permission(rule) => {
                let version = (rule.generation, rule.revision);
                self.rules.push((Kind::Permission, rule.node, version));
                let mut record = Applied::new();
                record.header.instrument = rule.header.instrument;
                self.applied_as(record, Kind::Permission, rule.node, version);
            }
            RecordRef::Restricted(rule) => {
                let version = (rule.generation, rule.revision);
                self.rules.push((Kind::Restricted, rule.header.instrument, version));
                self.applied(Kind::Restricted, rule.header.instrument, version, 1, 0);
            }
            RecordRef::RegionPosition(told) => {
                self.regions.insert((told.account, told.header.instrument), told);
            }
            other => panic!("an agent sent {other:?}"),
        }
    }

    fn limit(&mut self, limit: LimitSet) {
        self.waiting.push(limit);
        if limit.last_of_set != 1 {
            return;
        }
        let set = std::mem::take(&mut self.waiting);
        let version = (limit.generation, limit.revision);
        if set.iter().any(|one| self.refuses.contains(&one.limit)) {
            self.applied(Kind::LimitSet, limit.limit, version, 3, 0);
            return;
        }
        let mut changed = false;
        for one in set {
            let version = (one.generation, one.revision);
            if self.limits.get(&one.limit).is_none_or(|known| version > known.0) {
                self.limits.insert(one.limit, (version, one.value.get(), one.removed == 1, self.input));
                changed = true;
            }
        }
        self.applied(Kind::LimitSet, limit.limit, version, if changed { 1 } else { 2 }, 0);
    }

    fn part(&mut self, part: &Allocation) {
        let version = (part.generation, part.revision);
        let newer = self.parts.get(&part.limit).is_none_or(|known| version > known.0);
        if newer {
            self.parts.insert(part.limit, (version, part.upper.get(), part.lower.get(), self.input));
        }
        self.applied(Kind::Allocation, part.limit, version, if newer { 1 } else { 2 }, 0);
        self.usage(part.limit);
    }

    pub fn usage(&mut self, limit: u32) {
        let Some(part) = self.parts.get(&limit) else { return };
        let mut record = LimitUsage::new();
        record.limit = limit;
        record.bound = MoneyNanos::new(part.1);
        record.free = MoneyNanos::new(part.1 - self.used.get(&limit).copied().unwrap_or(0));
        record.input = self.input;
        self.say(record);
    }

    /// Flatten is neither done nor kept, and the answer says so (5).
    fn kill(&mut self, kill: &Kill) {
        let key = (kill.node, kill.selector, kill.selected, kill.venue, kill.trader);
        let (version, fields) = ((kill.generation, kill.revision), (kill.new_orders, kill.resting, 0));
        let mut outcome = 1;
        match self.kills.get_mut(&key) {
            Some(known) if version > known.0 => *known = (version, fields, self.input),
            Some(known) => {
                let tight = (known.1.0.max(fields.0), known.1.1.max(fields.1), known.1.2.max(fields.2));
                outcome = if tight == known.1 { 2 } else { 1 };
                known.1 = tight;
            }
            None => {
                self.kills.insert(key, (version, fields, self.input));
            }
        }
        let outcome = if kill.flatten == 1 && outcome == 1 { 5 } else { outcome };
        self.applied(Kind::Kill, kill.node, version, outcome, 0);
    }

    fn tell(&mut self, request: u64) {
        for ((account, instrument), lots) in self.positions.clone() {
            self.position(account, instrument, lots);
        }
        for (id, (version, ..)) in self.limits.clone() {
            self.applied(Kind::LimitSet, id, version, 1, 0);
        }
        for (id, (version, ..)) in self.parts.clone() {
            self.applied(Kind::Allocation, id, version, 1, 0);
            self.usage(id);
        }
        for ((node, ..), (version, ..)) in self.kills.clone() {
            self.applied(Kind::Kill, node, version, 1, 0);
        }
        self.applied(Kind::StateRequest, 0, (0, 0), 1, request);
    }

    fn position(&mut self, account: u32, instrument: u32, lots: i64) {
        let mut record = Position::new();
        record.header.instrument = instrument;
        (record.account, record.lots) = (account, lots);
        self.say(record);
    }

    pub fn trade(&mut self, account: u32, instrument: u32, lots: i64) {
        let position = self.positions.entry((account, instrument)).or_insert(0);
        *position += lots;
        let lots = *position;
        self.next();
        self.position(account, instrument, lots);
    }

    pub fn health(&mut self, change: impl FnOnce(&mut SessionHealth)) {
        let mut record = SessionHealth::new();
        record.header.venue = 4;
        change(&mut record);
        self.next();
        self.say(record);
    }

    pub fn heartbeat(&mut self) {
        let mut record = Heartbeat::new();
        record.input = self.input;
        self.outputs.push(bytes_of(&record).to_vec());
    }

    /// Starts again; `anew`: without its journal.
    pub fn restart(&mut self, anew: bool) {
        if anew {
            *self = Self { refuses: self.refuses.clone(), ..Self::default() };
        }
        self.outputs.clear();
        self.waiting.clear();
        self.next();
        self.applied(Kind::EngineStart, 1, (0, 0), if anew { 1 } else { 3 }, 0);
    }
}
