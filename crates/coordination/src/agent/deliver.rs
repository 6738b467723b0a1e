//! What the engine is to have, what it was sent, and what it has confirmed.
//!
//! Invariant: everything that differs from what was confirmed is sent, the limits that differ as one set, applied whole; what
//! stays without an answer is sent again. An acknowledgement is written only after the engine's `Applied`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use records::{Applied, Kind, Node, bytes_of};
use serde_json::json;

use super::{Action, Agent};
use crate::keys;
use crate::values::{self, KillFields, Part, Version};

/// An engine that is there answers within a cycle; a longer wait means that record or answer were lost.
const RESEND_NS: u64 = 1_000_000_000;
/// Outcomes of `Applied`.
pub(super) const APPLIED: u8 = 1;
pub(super) const OLDER: u8 = 2;
pub(super) const REFUSED: u8 = 3;
/// A kill is in force but for its flatten, which engines do not do yet.
const WITHOUT_FLATTEN: u8 = 5;
const FLATTEN_WORDS: &str = "in force but for flatten, which the engine does not do: positions stay open";

/// One thing that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent<T> {
    pub version: Version,
    pub what: T,
    at_ns: u64,
    /// Input sequence in force.
    pub confirmed: Option<u64>,
    pub refused: bool,
    /// Answers to come until this one's: an earlier record of the same version is under way.
    answers: u32,
}

/// Limits sent as one set; the engine answers with the last one's id and version.
#[derive(Clone, Debug)]
struct Set {
    last: (u32, Version),
    /// Each with the version it was sent with: a newer one may be under way when the answer comes.
    limits: Vec<(u32, Version)>,
}

/// What was sent and what became of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Delivery {
    /// Nodes that the store's tree added, by id.
    pub nodes: BTreeMap<u32, String>,
    nodes_sent: BTreeSet<u32>,
    pub limits: BTreeMap<u32, Sent<()>>,
    pub parts: BTreeMap<u32, Sent<Part>>,
    pub kills: BTreeMap<String, Sent<KillFields>>,
    /// By key.
    pub rules: BTreeMap<String, Sent<()>>,
    sets: VecDeque<Set>,
    /// Limits of a set that was refused: each is tried by itself.
    alone: BTreeSet<u32>,
    /// Acknowledgements as they were written: (version, outcome, input, inside).
    acks: BTreeMap<String, (Version, u8, u64, bool)>,
}

pub(super) fn due<T: PartialEq>(sent: Option<&Sent<T>>, version: Version, what: &T, now_ns: u64) -> bool {
    sent.is_none_or(|sent| {
        let other = sent.version != version || sent.what != *what;
        other || (sent.confirmed.is_none() && !sent.refused && now_ns >= sent.at_ns.saturating_add(RESEND_NS))
    })
}

pub(super) fn sent<T>(version: Version, what: T, now_ns: u64) -> Sent<T> {
    Sent { version, what, at_ns: now_ns, confirmed: None, refused: false, answers: 1 }
}

impl Agent {
    /// Sends what the engine does not have.
    pub(super) fn deliver(&mut self) {
        self.deliver_nodes();
        // Kills first: nothing that is looser may reach the engine before them.
        self.deliver_kills();
        self.deliver_rules();
        self.deliver_limits();
        self.deliver_parts();
    }

    fn send_engine(&mut self, record: &[u8]) {
        self.actions.push_back(Action::ToEngine(record.to_vec()));
    }

    fn deliver_nodes(&mut self) {
        let Delivery { nodes, nodes_sent, .. } = &self.delivery;
        let missing: Vec<(u32, String)> =
            nodes.iter().filter(|(id, _)| !nodes_sent.contains(id)).map(|(id, name)| (*id, name.clone())).collect();
        let mut records = Vec::new();
        for (id, name) in missing {
            let Some(node) = self.directory.nodes.get(&name) else { continue };
            let mut record = Node::new();
            let parent = node.parent.as_ref().and_then(|parent| self.directory.nodes.get(parent));
            (record.node, record.parent) = (id, parent.map_or(0, |parent| parent.id));
            record.level = values::level(&node.level).unwrap_or(0);
            record.name[..name.len()].copy_from_slice(name.as_bytes());
            records.push(record);
            self.delivery.nodes_sent.insert(id);
        }
        records.sort_by_key(|record| (record.level, record.node));
        for record in records {
            self.send_engine(bytes_of(&record));
        }
    }

    fn deliver_kills(&mut self) {
        let places: BTreeSet<String> = self.kills.keys().chain(self.overrides.0.keys()).cloned().collect();
        for place in places {
            let Some((fields, version)) = self.effective(&place) else { continue };
            if due(self.delivery.kills.get(&place), version, &fields, self.now_ns) {
                let record = self.kill_record(&place);
                self.send_engine(bytes_of(&record));
                self.kill_sent(&place);
            }
        }
    }

    pub(super) fn kill_record(&self, place: &str) -> records::Kill {
        let (fields, version) = self.effective(place).expect("a kill that is known");
        let at = self.overrides.0.get(place).map(|one| &one.kill);
        let at = at.or(self.kills.get(place).map(|known| &known.value)).expect("a kill that is known");
        at.record(fields, version)
    }

    pub(super) fn kill_sent(&mut self, place: &str) {
        let Some((fields, version)) = self.effective(place) else { return };
        let before = self.delivery.kills.get(place).filter(|before| {
            let fresh = self.now_ns < before.at_ns.saturating_add(RESEND_NS);
            before.version == version && before.confirmed.is_none() && fresh
        });
        let answers = before.map_or(1, |before| before.answers + 1);
        let sent = Sent { answers, ..sent(version, fields, self.now_ns) };
        self.delivery.kills.insert(place.to_owned(), sent);
    }

    fn deliver_limits(&mut self) {
        let is_due = |id: &u32, version: Version| due(self.delivery.limits.get(id), version, &(), self.now_ns);
        let waiting: Vec<u32> =
            self.limits.iter().filter(|(id, known)| is_due(id, known.version)).map(|(id, _)| *id).collect();
        let (alone, set): (Vec<u32>, Vec<u32>) = waiting.iter().partition(|id| self.delivery.alone.contains(id));
        for id in alone {
            self.send_set(&[id]);
        }
        if !set.is_empty() {
            self.send_set(&set);
        }
    }

    fn send_set(&mut self, ids: &[u32]) {
        let last = *ids.last().expect("a set of some limits");
        for id in ids {
            let known = &self.limits[id];
            let mut record = known.value.record;
            record.last_of_set = u8::from(*id == last);
            (record.generation, record.revision) = known.version;
            let version = known.version;
            self.send_engine(bytes_of(&record));
            self.delivery.limits.insert(*id, sent(version, (), self.now_ns));
        }
        let limits: Vec<(u32, Version)> = ids.iter().map(|id| (*id, self.limits[id].version)).collect();
        self.delivery.sets.push_back(Set { last: (last, self.limits[&last].version), limits });
        while self.delivery.sets.len() > 64 {
            self.delivery.sets.pop_front();
        }
    }

    /// The part of a global limit that this region's engine is to have.
    fn part_of(&self, id: u32) -> Option<Result<(Part, Version), String>> {
        let limit = self.limits.get(&id).filter(|known| known.value.global && known.value.record.removed == 0)?;
        let known = self.parts.get(&id)?;
        let part = known.value.read(limit.value.decimals());
        let version = known.version.max(limit.version);
        Some(part.map(|part| {
            let pending = &limit.value.pending;
            let target = (!pending.is_empty()).then(|| pending.get(&self.holder())).flatten();
            (target.map_or(part, |target| part.tighter(*target)), version)
        }))
    }

    fn deliver_parts(&mut self) {
        let ids: Vec<u32> = self.parts.keys().copied().collect();
        for id in ids {
            match self.part_of(id) {
                None => {}
                Some(Err(why)) => {
                    self.findings.insert(keys::part(id, &self.holder()), why);
                }
                Some(Ok((part, version))) => self.deliver_part(id, part, version),
            }
        }
    }

    /// Whether the parts of a global limit are more than there is to give: somebody wrote past the API. An engine then keeps
    /// the part that it has, or none.
    fn is_overdrawn(&self, id: u32, own: Part) -> bool {
        let Some(limit) = self.limits.get(&id) else { return false };
        let places = limit.value.decimals();
        let others = self.other_parts.range((id, String::new())..).take_while(|((limit, _), _)| *limit == id);
        let read = others.filter_map(|(_, part)| part.read(places).ok());
        let (upper, lower) = read.fold((own.upper, own.lower), |sum, part| {
            (sum.0.saturating_add(part.upper), sum.1.saturating_add(part.lower))
        });
        upper.max(lower) > limit.value.record.value.get()
    }

    /// Parts that are not given to the engine.
    pub(super) fn parts_held(&self) -> Vec<String> {
        let told = |id: &u32| {
            let (part, _) = self.part_of(*id)?.ok()?;
            let key = keys::part(*id, &self.holder());
            let sentence =
                format!("{key}: the parts of limit {id} are more than its bound; the engine keeps the part it has");
            self.is_held(*id, part).then_some(sentence)
        };
        self.parts.keys().filter_map(told).collect()
    }

    fn is_held(&self, id: u32, part: Part) -> bool {
        let had = self.delivery.parts.get(&id).map(|sent| sent.what);
        had.is_none_or(|had| had.tighter(part) != part) && self.is_overdrawn(id, part)
    }

    fn deliver_part(&mut self, id: u32, part: Part, version: Version) {
        if due(self.delivery.parts.get(&id), version, &part, self.now_ns) && !self.is_held(id, part) {
            let record = part.record(id, self.shard, version);
            self.send_engine(bytes_of(&record));
            self.delivery.parts.insert(id, sent(version, part, self.now_ns));
        }
    }

    /// Nothing is known any more of what the engine has; `anew`: it does not know of what it had itself.
    pub(super) fn forget_confirmed(&mut self, anew: bool) {
        let delivery = &mut self.delivery;
        delivery.nodes_sent.clear();
        delivery.sets.clear();
        delivery.alone.clear();
        delivery.limits.clear();
        delivery.parts.clear();
        delivery.kills.clear();
        delivery.rules.clear();
        if anew {
            delivery.acks.clear();
        }
    }

    /// The engine's answer to a control record.
    pub(super) fn on_applied(&mut self, applied: &Applied) {
        match Kind::from_code(applied.control) {
            Some(Kind::LimitSet) => self.limits_applied(applied),
            Some(Kind::Allocation) => self.part_applied(applied),
            Some(Kind::Kill) => self.kill_applied(applied),
            Some(Kind::Permission | Kind::Restricted | Kind::EpochSet | Kind::ReferenceSet) => {
                self.rule_applied(applied)
            }
            Some(Kind::EngineStart) => self.engine_started(applied),
            Some(Kind::StateRequest) => self.state_told(applied.request),
            Some(Kind::SessionReset) => self.request_applied(applied),
            _ => {}
        }
    }

    fn limits_applied(&mut self, applied: &Applied) {
        let version = (applied.generation, applied.revision);
        let answered = (applied.subject, version);
        let Some(at) = self.delivery.sets.iter().position(|set| set.last == answered) else {
            // One of many that the engine tells: what it has of this limit.
            if applied.outcome != REFUSED {
                self.limit_confirmed(applied.subject, version, applied);
            }
            return;
        };
        let set = self.delivery.sets.drain(..=at).next_back().expect("the set at this place");
        if applied.outcome == REFUSED && set.limits.len() > 1 {
            for (id, _) in set.limits {
                self.delivery.limits.remove(&id);
                self.delivery.alone.insert(id);
            }
            return;
        }
        for (id, version) in set.limits {
            if applied.outcome == REFUSED {
                self.limit_refused(id, version);
            } else {
                self.limit_confirmed(id, version, applied);
            }
        }
    }

    fn limit_refused(&mut self, id: u32, version: Version) {
        let Some(sent) = self.delivery.limits.get_mut(&id).filter(|sent| sent.version == version) else { return };
        sent.refused = true;
        self.findings.insert(keys::limit(id), "the engine refuses it; what was before stays in force".to_owned());
        self.acknowledge(keys::limit(id), version, REFUSED, 0, false);
    }

    fn limit_confirmed(&mut self, id: u32, version: Version, applied: &Applied) {
        self.delivery.alone.remove(&id);
        let Some(sent) = self.delivery.limits.get_mut(&id).filter(|sent| version >= sent.version) else { return };
        let fresh = sent.confirmed.is_none();
        sent.confirmed.get_or_insert(applied.input);
        if fresh && applied.outcome == OLDER {
            self.keep_input(&keys::limit(id), version);
        }
        self.acknowledge_limit(id);
    }

    fn part_applied(&mut self, applied: &Applied) {
        let id = applied.subject;
        let version = (applied.generation, applied.revision);
        let key = keys::part(id, &self.holder());
        let Some(sent) = self.delivery.parts.get_mut(&id).filter(|sent| version >= sent.version) else { return };
        if applied.outcome == REFUSED {
            sent.refused = true;
            self.findings.insert(key.clone(), "the engine refuses it; what was before stays in force".to_owned());
            self.acknowledge(key, version, REFUSED, 0, false);
            return;
        }
        let fresh = sent.confirmed.is_none();
        sent.confirmed.get_or_insert(applied.input);
        if fresh && applied.outcome == OLDER {
            self.keep_input(&key, version);
        }
        self.acknowledge_limit(id);
    }

    /// A limit is acknowledged when it is in force; a global one when its part is, too.
    pub(super) fn acknowledge_limit(&mut self, id: u32) {
        let Some(limit) = self.delivery.limits.get(&id).filter(|sent| !sent.refused).copied() else { return };
        let Some(mut input) = limit.confirmed else { return };
        let mut inside = true;
        if let Some(Ok((_, version))) = self.part_of(id) {
            let part = self.delivery.parts.get(&id).filter(|sent| sent.version == version).copied();
            let Some(confirmed) = part.and_then(|part| part.confirmed) else { return };
            input = input.max(confirmed);
            inside = self.engine.is_inside(id, confirmed);
            let key = keys::part(id, &self.holder());
            self.acknowledge(key, version, APPLIED, confirmed, inside);
        }
        self.acknowledge(keys::limit(id), limit.version, APPLIED, input, inside);
    }

    fn kill_applied(&mut self, applied: &Applied) {
        let version = (applied.generation, applied.revision);
        let nodes: BTreeMap<&String, u32> =
            self.delivery.kills.keys().map(|place| (place, self.kill_node(place))).collect();
        let waits = |place: &&String, sent: &&Sent<KillFields>| {
            sent.version == version && nodes.get(*place) == Some(&applied.subject)
        };
        let waiting = self.delivery.kills.iter().filter(|(place, sent)| waits(place, sent));
        // Several places of a node may have the same version: answers come in the order in which they were sent.
        let first =
            waiting.min_by_key(|(_, sent)| (sent.confirmed.is_some(), sent.at_ns)).map(|(place, _)| place.clone());
        let Some(place) = first else { return };
        let key = keys::kill(&place);
        let sent = self.delivery.kills.get_mut(&place).expect("found above");
        if applied.outcome == REFUSED {
            sent.refused = true;
            self.findings.insert(key.clone(), "the engine refuses it; what was before stays in force".to_owned());
            self.acknowledge(key, version, REFUSED, 0, false);
            return;
        }
        sent.answers = sent.answers.saturating_sub(1);
        if sent.answers > 0 {
            return;
        }
        let fresh = sent.confirmed.is_none();
        let input = *sent.confirmed.get_or_insert(applied.input);
        let undone = applied.outcome == WITHOUT_FLATTEN || applied.outcome == OLDER && sent.what.flatten;
        let told = if undone { WITHOUT_FLATTEN } else { APPLIED };
        if fresh && applied.outcome == OLDER {
            self.keep_input(&key, version);
        }
        let over = self.overrides.0.get(&place);
        // One that is only remembered is acknowledged when the store says it again.
        let covers = version.1 > 0 && self.kills.get(&place).is_some_and(|known| known.version == version);
        if let Some(one) = over.filter(|one| one.local.is_some()) {
            let key = keys::local_kill(&self.region, &one.kill.place);
            self.acknowledge(key, version, told, input, true);
        }
        if covers {
            self.acknowledge(key, version, told, input, true);
        }
    }

    fn kill_node(&self, place: &str) -> u32 {
        let over = self.overrides.0.get(place).map(|one| one.kill.record.node);
        over.or(self.kills.get(place).map(|known| known.value.record.node)).unwrap_or(0)
    }

    /// The engine had it before this agent asked: the input that was acknowledged then stands.
    pub(super) fn keep_input(&mut self, key: &str, version: Version) {
        let ack = keys::ack(&self.region, key);
        let Some(text) = self.outbound.there(&ack) else { return };
        let Ok(value) = serde_json::from_str::<serde_json::Value>(text) else { return };
        let number = |name: &str| value.get(name).and_then(serde_json::Value::as_u64);
        let same = number("generation") == Some(version.0) && number("revision") == Some(version.1);
        if same && value.get("outcome").and_then(serde_json::Value::as_str) == Some("in_force") {
            let input = number("input").unwrap_or(0);
            let inside = value.get("inside").and_then(serde_json::Value::as_bool).unwrap_or(false);
            self.delivery.acks.insert(ack.clone(), (version, APPLIED, input, inside));
            self.outbound.set(ack, Some(text.to_owned()), false);
        }
    }

    pub(super) fn acknowledge(&mut self, key: String, version: Version, outcome: u8, input: u64, inside: bool) {
        let ack = keys::ack(&self.region, &key);
        let known = self.delivery.acks.get(&ack).copied();
        let input = match known {
            Some((same, before, first, _)) if same == version && before != REFUSED && outcome != REFUSED => first,
            _ => input,
        };
        if known == Some((version, outcome, input, inside)) {
            return;
        }
        self.delivery.acks.insert(ack.clone(), (version, outcome, input, inside));
        let why = match outcome {
            REFUSED => self.findings.get(&key).map(String::as_str),
            WITHOUT_FLATTEN => Some(FLATTEN_WORDS),
            _ => None,
        };
        let word = if outcome == REFUSED { "refused" } else { "in_force" };
        let value = json!({
            "v": 1, "revision": version.1, "generation": version.0, "outcome": word, "input": input, "inside": inside,
            "at_ns": self.now_ns, "why": why,
        });
        self.outbound.set(ack, Some(value.to_string()), false);
    }
}
