//! Kills that the trusted store does not say: from the region's local socket, found in a store that is not trusted, or said by
//! the store until its key was deleted or edited by hand.
//!
//! Invariant: such a kill stays until the trusted store has a value for the same place that was written after the store knew
//! of the kill (whoever wrote that value could see it) and that stops as much or was confirmed by a second person. Until then
//! the strictest of both is in force. Nothing here loosens.

use std::collections::BTreeMap;

use records::bytes_of;
use serde::{Deserialize, Serialize};

use super::{Action, Agent, Known};
use crate::keys;
use crate::values::{KillAt, KillFields, Selector, Version, kill_at};

/// Who keeps a kill in force whose key somebody edited by hand.
const KEEPER: &str = "the agent";

/// A kill as a person gives it at the local socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalKill {
    /// Name of a node.
    pub node: String,
    /// What it concerns there.
    #[serde(default)]
    pub selector: Selector,
    /// allow, reduce_only, none.
    pub new_orders: String,
    /// keep, cancel_increasing, cancel.
    pub resting: String,
    /// Whether positions are to be closed.
    #[serde(default)]
    pub flatten: bool,
    /// Who asks.
    #[serde(default)]
    pub by: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// When, ns UTC; filled in by the agent.
    #[serde(default)]
    pub at_ns: u64,
    /// When it was asked for, ns UTC by who asks; 0: not told. One kill may come on two ways.
    #[serde(default)]
    pub asked_ns: u64,
    /// How often the store's value was written, of one that the store said.
    #[serde(default)]
    pub count: u64,
}

impl LocalKill {
    /// The kill at a place, as it is remembered and published.
    pub(super) fn of(at: &KillAt, by: &str, reason: &str, at_ns: u64) -> Self {
        let (new_orders, resting, flatten) = at.fields.words();
        Self {
            node: at.node.clone(),
            selector: at.selector.clone(),
            new_orders: new_orders.to_owned(),
            resting: resting.to_owned(),
            flatten,
            by: by.to_owned(),
            reason: reason.to_owned(),
            at_ns,
            asked_ns: 0,
            count: at.count,
        }
    }

    fn is_same_asked(&self, other: &Self) -> bool {
        self.asked_ns != 0 && (self.asked_ns, &self.by) == (other.asked_ns, &other.by)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Override {
    pub kill: KillAt,
    /// What the store says after this version takes its place; `None`: the store does not know of it yet.
    pub after: Option<Version>,
    pub local: Option<LocalKill>,
    /// What is to be published of it.
    text: String,
}

impl Override {
    /// Where it is from, for a person.
    pub fn origin(&self) -> String {
        match &self.local {
            Some(kill) if kill.by == KEEPER => kill.reason.clone(),
            Some(_) => "from the local socket".to_owned(),
            None => "from a store that was not trusted".to_owned(),
        }
    }
}

/// By place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overrides(pub BTreeMap<String, Override>);

impl Overrides {
    pub fn local(&self) -> Vec<LocalKill> {
        self.0.values().filter_map(|one| one.local.clone()).collect()
    }
}

impl Agent {
    /// A kill through the local socket: it goes to the engine at once, whatever the store does.
    ///
    /// # Errors
    /// A sentence when it names what is not here, or would kill nothing.
    pub fn on_local_kill(&mut self, mut kill: LocalKill) -> Result<(), String> {
        kill.at_ns = self.now_ns;
        let place = self.override_kill(kill).ok_or("")?;
        let record = self.kill_record(&place);
        // First of all that is to be done.
        self.actions.push_front(Action::ToEngine(bytes_of(&record).to_vec()));
        self.kill_sent(&place);
        Ok(())
    }

    /// What is wrong with a kill from the local socket.
    pub fn local_kill_problem(&self, kill: &LocalKill) -> Option<String> {
        match self.read_local(kill) {
            Ok(at) if at.fields == KillFields::ARMED => {
                Some("new_orders, resting, flatten: the local socket kills; it never re-arms".to_owned())
            }
            Ok(_) => None,
            Err(why) => Some(why),
        }
    }

    fn read_local(&self, kill: &LocalKill) -> Result<KillAt, String> {
        let fields = KillFields::read(&kill.new_orders, &kill.resting, kill.flatten)?;
        kill_at(&kill.node, &kill.selector, fields, &self.directory)
    }

    /// Puts a kill in force beside what the store says; its place.
    pub(super) fn override_kill(&mut self, mut kill: LocalKill) -> Option<String> {
        if let Some(why) = self.local_kill_problem(&kill) {
            self.findings.insert(format!("local kill at {}", kill.node), why);
            return None;
        }
        let mut at = self.read_local(&kill).ok()?;
        let place = at.place.clone();
        if let Some(known) = self.overrides.0.get(&place) {
            if known.kill.fields.covers(at.fields) && known.local.as_ref().is_some_and(|one| one.is_same_asked(&kill)) {
                return Some(place); // It came on another way before.
            }
            at.fields = at.fields.strictest(known.kill.fields);
        }
        let (new_orders, resting, flatten) = at.fields.words();
        (kill.new_orders, kill.resting, kill.flatten) = (new_orders.to_owned(), resting.to_owned(), flatten);
        let text = published(&kill);
        let key = keys::local_kill(&self.region, &place);
        self.outbound.set(key, Some(text.clone()), false);
        self.overrides.0.insert(place.clone(), Override { kill: at, after: None, local: Some(kill), text });
        Some(place)
    }

    /// The store's key of a kill in force was deleted or edited by hand: the kill stays, and everybody is told.
    pub(super) fn keep_kill(&mut self, place: &str, why: &str) {
        let Some(known) = self.kills.get(place).filter(|known| known.value.fields != KillFields::ARMED) else { return };
        let kept = |one: &Override| one.local.is_some() && one.kill.fields.covers(known.value.fields);
        if !self.overrides.0.get(place).is_some_and(kept) {
            let kill = LocalKill::of(&known.value, KEEPER, why, self.now_ns);
            self.override_kill(kill);
        }
    }

    /// Kills of the store that are in force, to be remembered.
    pub(super) fn store_kills(&self) -> Vec<LocalKill> {
        let stopped = self.kills.values().filter(|known| known.value.fields != KillFields::ARMED);
        stopped.map(|known| LocalKill::of(&known.value, "", "", 0)).collect()
    }

    /// Takes back what an earlier run of this agent remembered: kills that the store said, older than whatever it says now.
    pub(super) fn recall_kills(&mut self, kills: &[LocalKill]) {
        let version = (self.store.generation(), 0);
        for kill in kills {
            if let Ok(mut value) = self.read_local(kill) {
                value.count = kill.count;
                self.kills.insert(value.place.clone(), Known { value, version });
            }
        }
    }

    /// A kill of a store that is not trusted: only what it tightens is taken.
    pub(super) fn tighten(&mut self, kill: KillAt) {
        let now = self.effective(&kill.place).map_or(KillFields::ARMED, |(fields, _)| fields);
        if now.covers(kill.fields) {
            return;
        }
        match self.overrides.0.get_mut(&kill.place) {
            Some(known) => known.kill.fields = known.kill.fields.strictest(kill.fields),
            None => {
                let after = Some((self.store.generation(), self.store.revision));
                let text = String::new();
                self.overrides.0.insert(kill.place.clone(), Override { kill, after, local: None, text });
            }
        }
    }

    /// The store shows a kill that this region's agent published.
    pub(super) fn local_kill_published(&mut self, place: &str, value: &[u8], version: Version) {
        let key = keys::local_kill(&self.region, place);
        let read = serde_json::from_slice::<LocalKill>(value).ok();
        let said = read.as_ref().and_then(|kill| self.read_local(kill).ok());
        if let Some(newer) = self.kills.get(place).filter(|known| known.version > version)
            && said.is_none_or(|said| newer.value.confirmed || newer.value.fields.covers(said.fields))
        {
            let unpublished = self.overrides.0.get(place).is_some_and(|one| one.text.as_bytes() != value);
            if !unpublished {
                self.overrides.0.remove(place);
                self.outbound.set(key, None, false);
            }
            return;
        }
        match self.overrides.0.get_mut(place) {
            Some(one) if one.text.as_bytes() == value => one.after = Some(version),
            Some(_) => {}
            None => {
                // An agent before this one published it and was forgotten.
                if let Some(kill) = read
                    && self.override_kill(kill).is_some()
                    && let Some(one) = self.overrides.0.get_mut(place)
                {
                    one.after = Some(version);
                    one.text = String::from_utf8_lossy(value).into_owned();
                    self.outbound.set(key, Some(one.text.clone()), false);
                }
            }
        }
    }

    /// The trusted store has a value for the place: if it was written with the kill there in sight, and by two persons or as
    /// strict, it stands alone.
    pub(super) fn take_over(&mut self, place: &str, by_two: bool) {
        let Some(known) = self.kills.get(place) else { return };
        let is_seen = |one: &Override| one.after.is_some_and(|after| known.version > after);
        let gives_way = |one: &Override| by_two || known.value.fields.covers(one.kill.fields);
        let over = self.overrides.0.get(place).is_some_and(|one| is_seen(one) && gives_way(one));
        let gone = if over { self.overrides.0.remove(place) } else { None };
        if gone.is_some_and(|gone| gone.local.is_some()) {
            self.outbound.set(keys::local_kill(&self.region, place), None, false);
        }
    }

    /// What is to be in force at a place, and its version.
    pub(super) fn effective(&self, place: &str) -> Option<(KillFields, Version)> {
        let known = self.kills.get(place);
        let over = self.overrides.0.get(place);
        let fields = match (known, over) {
            (None, None) => return None,
            (Some(known), None) => known.value.fields,
            (None, Some(over)) => over.kill.fields,
            (Some(known), Some(over)) => known.value.fields.strictest(over.kill.fields),
        };
        Some((fields, known.map_or((0, 0), |known| known.version)))
    }
}

fn published(kill: &LocalKill) -> String {
    serde_json::json!({
        "v": 1, "node": kill.node, "selector": kill.selector, "new_orders": kill.new_orders, "resting": kill.resting,
        "flatten": kill.flatten, "by": kill.by, "reason": kill.reason, "at_ns": kill.at_ns,
    })
    .to_string()
}
