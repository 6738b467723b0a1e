//! A model of the coordination store, and the process around a region's agent: the real agent, what it keeps, its way to the store
//! and to the other agents.
//!
//! Invariant: the store's revisions grow by one; what an agent was told happened there in that order. A write whose answer was
//! lost may have been done.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::rc::Rc;

use coordination::agent::{Action, Agent, AgentConfig, Entry, Memory, StoreEvent};
use coordination::keys::ROOT;
use links::{Publication, Subscription};
use tiles::{Context, StartError, Tile, Udp};

use super::configs::{GLOBAL_LIMITS, GLOBAL_LOTS_MAX, REGIONS, agent_address};
use crate::net::SimNet;
use crate::random::Random;

/// The store's host.
pub const STORE_HOST: u8 = 20;
const CLUSTER: u64 = 0xa;
/// An agent hears nothing of the store for so long: it is away.
const AWAY_NS: u64 = 1_000_000_000;
/// Deliveries of a look.
const BATCH_MAX: usize = 64;
const DATAGRAM_BYTES: usize = 65_536;

#[derive(Clone)]
enum Change {
    Put(String, String),
    Delete(String),
}

/// The store.
#[derive(Default)]
pub struct Store {
    revision: u64,
    keys: BTreeMap<String, (String, u64)>,
    history: BTreeMap<u64, Vec<Change>>,
}

impl Store {
    /// One that names both regions' parts of the global limits.
    pub fn new() -> Self {
        let mut store = Self { revision: 100, ..Self::default() };
        store.put(&format!("{ROOT}generation"), &format!(r#"{{"v":1,"generation":1,"cluster":"{CLUSTER:x}"}}"#));
        for (id, _) in GLOBAL_LIMITS {
            store.put_parts(id, [GLOBAL_LOTS_MAX / 2; 2]);
        }
        store
    }

    /// A part of a global limit is to be lowered to so many lots: what engines are given until it is recorded.
    pub fn put_pending(&mut self, id: u32, region: u16, lots: i64) {
        let part = format!(r#"{{"upper":"{lots}","lower":"{lots}"}}"#);
        let pending = format!(r#"{{"value":"{GLOBAL_LOTS_MAX}","parts":{{"{}":{part}}}}}"#, holder(region));
        self.put_all(&[limit(id, &pending)]);
    }

    /// Both regions' parts of a global limit, which then has nothing pending.
    pub fn put_parts(&mut self, id: u32, parts: [i64; 2]) {
        let part = |(region, lots): (u16, i64)| {
            let key = format!("{ROOT}parts/{id}/{}", holder(region));
            (key, format!(r#"{{"v":1,"upper":"{lots}","lower":"{lots}"}}"#))
        };
        let [first, second] = parts;
        self.put_all(&[limit(id, "null"), part((1, first)), part((2, second))]);
    }

    /// The revision that wrote a key, 0: none did.
    pub fn revision_of(&self, key: &str) -> u64 {
        self.keys.get(key).map_or(0, |(_, revision)| *revision)
    }

    /// A region's epoch.
    pub fn put_epoch(&mut self, region: u16, epoch: u16) {
        self.put(&format!("{ROOT}epochs/{}", holder(region)), &format!(r#"{{"v":1,"epoch":{epoch}}}"#));
    }

    /// Writes a key.
    pub fn put(&mut self, key: &str, value: &str) {
        self.put_all(&[(key.to_owned(), value.to_owned())]);
    }

    /// Writes keys in one transaction.
    fn put_all(&mut self, written: &[(String, String)]) {
        self.revision += 1;
        for (key, value) in written {
            self.keys.insert(key.clone(), (value.clone(), self.revision));
        }
        let changes = written.iter().map(|(key, value)| Change::Put(key.clone(), value.clone()));
        self.history.insert(self.revision, changes.collect());
        self.compact();
    }

    /// Takes a key away.
    pub fn delete(&mut self, key: &str) {
        if self.keys.remove(key).is_some() {
            self.revision += 1;
            self.history.insert(self.revision, vec![Change::Delete(key.to_owned())]);
            self.compact();
        }
    }

    fn compact(&mut self) {
        while self.history.len() > 4_096 {
            self.history.pop_first();
        }
    }

    /// A key's value.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.keys.get(key).map(|(value, _)| value.as_str())
    }

    fn reset(&self) -> StoreEvent {
        let entries = self.keys.iter().map(|(key, (value, revision))| Entry {
            key: key.clone(),
            value: value.clone().into_bytes(),
            revision: *revision,
        });
        StoreEvent::Reset { cluster: CLUSTER, revision: self.revision, entries: entries.collect() }
    }

    /// What a revision did; `None`: that is no longer known.
    fn events(&self, revision: u64) -> Option<Vec<StoreEvent>> {
        let event = |change: &Change| match change {
            Change::Put(key, value) => {
                StoreEvent::Put(Entry { key: key.clone(), value: value.clone().into_bytes(), revision })
            }
            Change::Delete(key) => StoreEvent::Delete { key: key.clone(), revision },
        };
        Some(self.history.get(&revision)?.iter().map(event).collect())
    }
}

/// A global limit's key and definition.
fn limit(id: u32, pending: &str) -> (String, String) {
    let metric = GLOBAL_LIMITS.iter().find(|known| known.0 == id).expect("a global limit").1;
    let value = format!(
        r#"{{"v":1,"id":{id},"version":1,"node":"firm","metric":"{metric}","enforcement":"global",
        "value":"{GLOBAL_LOTS_MAX}","pending":{pending},"by":"a","confirmed_by":"b"}}"#
    );
    (format!("{ROOT}limits/{id}"), value)
}

/// The name of a region's holder.
pub fn holder(region: u16) -> String {
    format!("{}-{region}", REGIONS[usize::from(region) - 1])
}

/// What outlives an agent's process.
pub type Kept = Rc<RefCell<(u64, Memory)>>;

/// The process around an agent.
pub struct AgentTile {
    name: String,
    region: u16,
    agent: Agent,
    kept: Kept,
    store: Rc<RefCell<Store>>,
    net: SimNet,
    sockets: Rc<dyn tiles::Net>,
    udp: Option<Box<dyn Udp>>,
    outputs: Box<dyn Subscription>,
    controls: Box<dyn Publication>,
    lost: u64,
    random: Random,
    watched: Option<u64>,
    heard_ns: u64,
    away: bool,
    buffer: Vec<u8>,
    said: Vec<Vec<u8>>,
}

impl AgentTile {
    /// An agent of this region, anew.
    ///
    /// # Errors
    /// When the context lacks one of its links.
    pub fn new(
        region: u16,
        kept: Kept,
        store: Rc<RefCell<Store>>,
        net: SimNet,
        seed: u64,
        mut context: Context,
    ) -> Result<Self, StartError> {
        let name = format!("agent{region}");
        let (start, memory) = {
            let mut kept = kept.borrow_mut();
            kept.0 += 1;
            (kept.0, kept.1.clone())
        };
        let directory = r#"{"nodes": {"firm": {"id": 1, "name": "firm", "level": "firm"},
            "desk": {"id": 2, "name": "desk", "level": "desk", "parent": "firm"},
            "strategy": {"id": 3, "name": "strategy", "level": "strategy", "parent": "desk"},
            "account": {"id": 4, "name": "account", "level": "account", "parent": "strategy"}},
            "instruments": {"AAPL": 1}, "venues": {"V1": 1, "V2": 2}, "reference": ""}"#;
        let agent = Agent::new(AgentConfig {
            region: REGIONS[usize::from(region) - 1].to_owned(),
            shard: region.into(),
            start,
            peers: vec![REGIONS[usize::from(2 - region)].to_owned()],
            directory: serde_json::from_str(directory).map_err(|error| StartError(error.to_string()))?,
            memory,
        });
        Ok(Self {
            region,
            agent,
            kept,
            store,
            net,
            udp: None,
            outputs: context.take_subscription(&name, &format!("engine{region}_agent{region}"))?,
            controls: context.take_publication(&name, &format!("agent{region}_engine{region}"))?,
            sockets: context.net,
            name,
            lost: 0,
            random: Random::new(seed),
            watched: None,
            heard_ns: 0,
            away: false,
            buffer: vec![0; DATAGRAM_BYTES],
            said: Vec::new(),
        })
    }

    fn host(&self) -> u8 {
        self.region as u8
    }

    fn store_answers(&self) -> bool {
        self.net.is_open(self.host(), STORE_HOST) && self.net.is_open(STORE_HOST, self.host())
    }

    fn watch(&mut self, now_ns: u64) -> usize {
        if !self.net.is_open(STORE_HOST, self.host()) {
            if !self.away && now_ns > self.heard_ns + AWAY_NS {
                self.away = true;
                self.agent.on_store(StoreEvent::Lost);
                // A watch that was gone for long is begun anew, sometimes.
                self.watched = self.watched.filter(|_| !self.random.chance(500_000));
            }
            return 0;
        }
        (self.heard_ns, self.away) = (now_ns, false);
        let Some(mut watched) = self.watched else {
            let reset = self.store.borrow().reset();
            self.watched = Some(self.store.borrow().revision);
            self.agent.on_store(reset);
            return 1;
        };
        let mut work = 0;
        while work < BATCH_MAX && watched < self.store.borrow().revision {
            let events = self.store.borrow().events(watched + 1);
            let Some(events) = events else {
                self.watched = None;
                return work;
            };
            events.into_iter().for_each(|event| self.agent.on_store(event));
            watched += 1;
            work += 1;
        }
        if work == 0 {
            self.agent.on_store(StoreEvent::Progress(watched));
        }
        self.watched = Some(watched);
        work
    }

    fn act(&mut self) -> usize {
        let mut work = 0;
        while let Some(action) = self.agent.next_action() {
            work += 1;
            match action {
                Action::ToEngine(record) => {
                    let _again_later = self.controls.offer(&record);
                }
                Action::ToStore { key, value, .. } => {
                    let arrives = self.net.is_open(self.host(), STORE_HOST);
                    if arrives {
                        match &value {
                            Some(value) => self.store.borrow_mut().put(&key, value),
                            None => self.store.borrow_mut().delete(&key),
                        }
                    }
                    let answered = self.store_answers();
                    self.agent.on_stored(&key, answered);
                    if !answered {
                        break;
                    }
                }
                Action::ToPeers(datagram) => {
                    if let Some(udp) = &mut self.udp {
                        let _lost_perhaps = udp.send_to(&datagram, agent_address(3 - self.region));
                    }
                }
                Action::Resync => self.watched = None,
                Action::Remember(memory) => self.kept.borrow_mut().1 = memory,
            }
        }
        work
    }
}

impl Tile for AgentTile {
    fn name(&self) -> &str {
        &self.name
    }

    fn on_start(&mut self, now_ns: u64) -> Result<(), StartError> {
        self.udp = Some(self.sockets.udp(agent_address(self.region), Ipv4Addr::UNSPECIFIED)?);
        self.agent.on_tick(now_ns);
        self.heard_ns = now_ns;
        Ok(())
    }

    fn do_work(&mut self, now_ns: u64) -> usize {
        self.agent.on_tick(now_ns);
        let mut said = std::mem::take(&mut self.said);
        let mut work = self.outputs.poll(BATCH_MAX, &mut |record| said.push(record.to_vec()));
        said.drain(..).for_each(|record| self.agent.on_engine(&record));
        self.said = said;
        let lost = self.outputs.lost();
        if lost > self.lost {
            self.agent.on_engine_lost(lost - self.lost);
            self.lost = lost;
        }
        while let Some(udp) = &mut self.udp
            && let Ok(Some((length, _))) = udp.receive(&mut self.buffer)
        {
            self.agent.on_peer(&self.buffer[..length]);
            work += 1;
        }
        work += self.watch(now_ns);
        self.act();
        work
    }

    fn on_close(&mut self, _now_ns: u64) {
        self.udp = None;
    }
}
