//! What a region's agent decides: what of the store goes to the engine, what of the engine goes to the store and to the
//! agents of other regions. A state machine without I/O, clock or randomness: events in, actions out.
//!
//! Invariants: a kill once in force is loosened only by a newer value of a trusted store; a limit never changes but by one.
//! What the store says is taken only while the store is trusted (see `trust`), but kills that tighten are taken always.
//! Whatever was not confirmed by the engine is sent again; an acknowledgement names the input sequence in force.

mod actions;
mod deliver;
mod engine;
mod local;
mod others;
mod peers;
mod publish;
mod requests;
mod rules;
mod status;
mod store;
mod trust;

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::rules::Rule;
use crate::values::{Directory, KillAt, Limit, PartText, Version};

pub use actions::Action;
pub use local::LocalKill;
pub use peers::{DATAGRAM_BYTES_MAX, datagram_region};
pub use store::{Entry, StoreEvent};
pub use trust::Trust;

use deliver::Delivery;
use engine::EngineView;
use local::Overrides;
use peers::{Outgoing, PeerView};
use publish::Outbound;
use requests::Requests;
use trust::StoreState;

/// Who an agent is and what it knows from the start.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentConfig {
    /// The region's name.
    pub region: String,
    /// The shard of its engine.
    pub shard: u32,
    /// Larger at every start of this region's agent.
    pub start: u64,
    /// The other regions.
    #[serde(default)]
    pub peers: Vec<String>,
    /// Names and ids.
    pub directory: Directory,
    /// What an earlier run of this agent was told to remember.
    #[serde(default)]
    pub memory: Memory,
}

/// What must outlive an agent: written by the process whenever it is told to ([`Action::Remember`]).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// The store that was trusted last.
    #[serde(default)]
    pub trust: Option<Trust>,
    /// Kills that the store has not taken over.
    #[serde(default)]
    pub local_kills: Vec<LocalKill>,
    /// Kills that the store said and that are in force: its keys may be gone or edited when it is read again.
    #[serde(default)]
    pub store_kills: Vec<LocalKill>,
}

/// A value of the store that was valid, and when it was written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Known<T> {
    pub value: T,
    pub version: Version,
}

/// The agent of a region.
pub struct Agent {
    pub(crate) region: String,
    pub(crate) shard: u32,
    pub(crate) start: u64,
    pub(crate) directory: Directory,
    pub(crate) now_ns: u64,
    pub(crate) store: StoreState,
    pub(crate) limits: BTreeMap<u32, Known<Limit>>,
    pub(crate) parts: BTreeMap<u32, Known<PartText>>,
    /// Parts of other holders, by limit and holder.
    pub(crate) other_parts: BTreeMap<(u32, String), PartText>,
    pub(crate) kills: BTreeMap<String, Known<KillAt>>,
    pub(crate) overrides: Overrides,
    /// Permissions, the restricted list, epoch, reference data; by key.
    pub(crate) rules: BTreeMap<String, Known<Rule>>,
    /// What is wrong, by key.
    pub(crate) findings: BTreeMap<String, String>,
    pub(crate) engine: EngineView,
    pub(crate) delivery: Delivery,
    pub(crate) outgoing: Outgoing,
    pub(crate) peers: BTreeMap<String, PeerView>,
    pub(crate) outbound: Outbound,
    pub(crate) requests: Requests,
    pub(crate) actions: VecDeque<Action>,
    remembered: Memory,
}

impl Agent {
    /// An agent that has heard of nothing yet.
    pub fn new(config: AgentConfig) -> Self {
        let mut agent = Self {
            store: StoreState::new(config.memory.trust.clone()),
            region: config.region,
            shard: config.shard,
            start: config.start,
            directory: config.directory,
            now_ns: 0,
            limits: BTreeMap::new(),
            parts: BTreeMap::new(),
            other_parts: BTreeMap::new(),
            kills: BTreeMap::new(),
            overrides: Overrides::default(),
            rules: BTreeMap::new(),
            findings: BTreeMap::new(),
            engine: EngineView::default(),
            delivery: Delivery::default(),
            outgoing: Outgoing::default(),
            peers: config.peers.into_iter().map(|region| (region, PeerView::default())).collect(),
            outbound: Outbound::default(),
            requests: Requests::default(),
            actions: VecDeque::new(),
            remembered: config.memory.clone(),
        };
        agent.recall_kills(&config.memory.store_kills);
        for kill in config.memory.local_kills {
            agent.override_kill(kill);
        }
        agent
    }

    /// The holder's name in the store.
    pub fn holder(&self) -> String {
        format!("{}-{}", self.region, self.shard)
    }

    /// Time passes. Every other event counts as happening at the last time told.
    pub fn on_tick(&mut self, now_ns: u64) {
        self.now_ns = self.now_ns.max(now_ns);
        self.watch_engine();
        self.send_requests();
        self.publish_regularly();
    }

    /// The next thing to do; `None` when everything is done for now.
    pub fn next_action(&mut self) -> Option<Action> {
        if self.actions.is_empty() {
            self.deliver();
            self.publish();
            self.remember();
        }
        self.actions.pop_front()
    }

    /// What has to outlive this process, when it has changed.
    fn remember(&mut self) {
        let memory =
            Memory { trust: self.store.trust(), local_kills: self.overrides.local(), store_kills: self.store_kills() };
        if memory != self.remembered {
            self.remembered = memory.clone();
            self.actions.push_back(Action::Remember(memory));
        }
    }
}
