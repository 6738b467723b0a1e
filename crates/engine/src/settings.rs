//! The engine tile's settings in a topology file.
//!
//! Invariant: an unknown key is refused, and so is a value out of range, before anything starts; all errors at once.

use std::collections::BTreeMap;
use std::path::PathBuf;

use records::{EngineStart, Header, Record, SessionGuard, read_from};
use tiles::{Ends, StartError, TileSpec, settings};

use crate::config::EngineConfig;
use crate::partner::PartnerSettings;
use crate::peers::PeerSettings;
use crate::region_quotes::QuoteSettings;
use crate::sessions::SessionSettings;
use crate::state_file::STATE_FILE_BYTES;
use crate::tile::{EngineTileConfig, WaitsFor};

settings! {
    /// What stands under `[tiles.NAME.settings]` for `kind = "engine"`.
    pub struct EngineSettings {
        /// File of concatenated records: the first inputs.
        pub bootstrap: PathBuf, "the path of a file of records";
        /// Links to read, each with a turn.
        pub inputs: Vec<String>, "names of links", |inputs| !inputs.is_empty();
        /// Venue id → link to its gateway.
        pub commands: BTreeMap<u16, String>, "names of links by the number of their venue";
        /// Venue id → link to its feed, for asking it for everything again.
        pub feeds: BTreeMap<u16, String> = BTreeMap::new(), "names of links by the number of their venue";
        /// Venue id → when its session is trusted with orders and how many messages it takes; the usual rules where not named.
        pub sessions: BTreeMap<u16, SessionSettings> = BTreeMap::new(), "tables by the number of their venue";
        /// Shard of another engine → the way to it, where legs of multi-leg orders go there or come from there.
        pub peers: BTreeMap<u16, PeerSettings> = BTreeMap::new(), "tables by the number of their shard";
        /// The best prices that engines of other regions are told.
        pub quotes: Option<QuoteSettings> = None, "a table";
        /// Link for outputs.
        pub outputs: Option<String> = None, "the name of a link";
        /// Directory of the strategies' object code.
        pub libraries: Option<PathBuf> = None, "the path of a directory";
        /// The other engine of this shard, which takes this one's place or whose place this one takes.
        pub partner: Option<PartnerSettings> = None, "a table";
        /// What a record survives before anything that rests on it is sent: `none` nothing, `process` the end of the process, `disk` the
        /// loss of the host, `standby` the loss of the host or of its disk, `standby+disk` the loss of both hosts.
        pub durability: String = "process".to_owned(), "none, process, disk, standby or standby+disk",
            |word| ["none", "process", "disk", "standby", "standby+disk"].contains(&word.as_str());
        /// Commands that may wait for the disk or the standby.
        pub held_max: usize = 4096, "a whole number from 1 to 65536", |held| (1..=65_536).contains(held);
        /// Size of a journal segment.
        pub segment_bytes: usize = 16 << 20, "a whole number from 65536 to 1073741824",
            |bytes| (SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(bytes);
        /// A timer enters when nothing else did for so long.
        pub timer_ns: u64 = 10_000_000, "a whole number from 1000 to 1000000000", |ns| (1_000..=1_000_000_000).contains(ns);
        /// Heartbeats to gateways.
        pub heartbeat_ns: u64 = 100_000_000, "a whole number from 100000 to 10000000000",
            |ns| (100_000..=10_000_000_000).contains(ns);
        /// Records from one link before the next one's turn.
        pub poll_limit: usize = 16, "a whole number from 1 to 65536", |limit| (1..=65_536).contains(limit);
        /// Sizes and times of the fold; what is not named has its default.
        pub engine: BTreeMap<String, u64> = BTreeMap::new(), "whole numbers by name";
    }
}

const SEGMENT_BYTES_MIN: usize = 64 << 10;
const SEGMENT_BYTES_MAX: usize = 1 << 30;
const PAGE_BYTES: usize = 4096;

impl EngineSettings {
    /// The tile's configuration; reads the bootstrap file.
    ///
    /// # Errors
    /// [`StartError`] with everything that is wrong, a line each.
    pub fn config(&self, name: &str) -> Result<EngineTileConfig, StartError> {
        let mut problems = Vec::new();
        let key = format!("tiles.{name}.settings");
        let bootstrap = self.read_bootstrap(&key, &mut problems);
        let mut config = EngineTileConfig::new(name, bootstrap);
        config.engine = self.engine_config(&key, &mut problems);
        config.inputs.clone_from(&self.inputs);
        config.commands = self.commands.iter().map(|(venue, link)| (*venue, link.clone())).collect();
        config.feeds = self.feeds.iter().map(|(venue, link)| (*venue, link.clone())).collect();
        config.outputs.clone_from(&self.outputs);
        config.segment_bytes =
            if self.durability == "none" { 0 } else { self.segment_bytes.next_multiple_of(PAGE_BYTES) };
        let waits_for =
            WaitsFor { device: self.durability.ends_with("disk"), standby: self.durability.starts_with("standby") };
        config.held_max = if waits_for.device || waits_for.standby { self.held_max } else { 0 };
        config.waits_for = waits_for;
        config.partner.clone_from(&self.partner);
        problems.extend(self.partner_problems(&key));
        (config.timer_ns, config.heartbeat_ns) = (self.timer_ns, self.heartbeat_ns);
        config.poll_limit = self.poll_limit;
        for venue in self.commands.keys() {
            if !(1..=config.engine.venues_max).contains(&usize::from(*venue)) {
                let most = config.engine.venues_max;
                problems.push(format!("{key}.commands.{venue}: the number of a venue must be from 1 to {most}"));
            }
        }
        config.guards = self.guards(&key, &mut problems);
        let own = read_from::<EngineStart>(&config.bootstrap).map_or(0, |start| start.shard);
        for (shard, peer) in &self.peers {
            problems.extend(peer.problems(&format!("{key}.peers.{shard}"), *shard, own));
            config.peers.push((peer.record(*shard), peer.link.clone()));
        }
        if let Some(quotes) = &self.quotes {
            let peers: Vec<u16> = self.peers.keys().copied().collect();
            problems.extend(quotes.problems(&format!("{key}.quotes"), &peers));
            config.quotes = Some(quotes.clone());
        }
        if problems.is_empty() { Ok(config) } else { Err(StartError(problems.join("\n"))) }
    }

    fn partner_problems(&self, key: &str) -> Option<String> {
        let durability = &self.durability;
        match self.partner {
            None if durability.starts_with("standby") => Some(format!(
                "{key}.durability = \"{durability}\": needs a partner that acknowledges; without one none, process and disk are allowed"
            )),
            Some(_) if durability == "none" => Some(format!(
                "{key}.durability = \"none\": a partner follows a journal; process, disk, standby and standby+disk are allowed"
            )),
            _ => None,
        }
    }

    /// The rules of every venue that orders go to.
    fn guards(&self, key: &str, problems: &mut Vec<String>) -> Vec<SessionGuard> {
        for (venue, session) in &self.sessions {
            let key = format!("{key}.sessions.{venue}");
            if !self.commands.contains_key(venue) {
                let known: Vec<String> = self.commands.keys().map(u16::to_string).collect();
                problems.push(format!("{key}: no orders go to this venue; allowed are {}", known.join(", ")));
            }
            problems.extend(session.problems(&key));
        }
        let usual = SessionSettings::default();
        self.commands.keys().map(|venue| self.sessions.get(venue).unwrap_or(&usual).record(*venue)).collect()
    }

    fn read_bootstrap(&self, key: &str, problems: &mut Vec<String>) -> Vec<u8> {
        let path = self.bootstrap.display();
        match std::fs::read(&self.bootstrap) {
            Ok(bytes) => {
                if read_from::<Header>(&bytes).is_none_or(|header| header.kind != EngineStart::KIND as u16) {
                    problems.push(format!("{key}.bootstrap = \"{path}\": must begin with an EngineStart record"));
                }
                bytes
            }
            Err(error) => {
                problems.push(format!("{key}.bootstrap = \"{path}\": {}", tiles::reason(&error)));
                Vec::new()
            }
        }
    }

    fn engine_config(&self, key: &str, problems: &mut Vec<String>) -> EngineConfig {
        let mut config = EngineConfig::default();
        for (word, value) in &self.engine {
            if !config.set(word, *value) {
                let allowed = EngineConfig::KEYS.join(", ");
                problems.push(format!("{key}.engine.{word} = {value}: is not a key here; allowed are {allowed}"));
            }
        }
        problems.extend(config.problems().iter().map(|problem| format!("{key}.engine.{problem}")));
        config
    }
}

/// Bytes of the files that an engine makes when it starts: two journal segments and its state.
pub fn disk_bytes(spec: &TileSpec) -> u64 {
    match spec.settings::<EngineSettings>() {
        Ok(settings) if settings.durability != "none" => (2 * settings.segment_bytes + STATE_FILE_BYTES) as u64,
        _ => 0,
    }
}

/// Everything that is wrong with an engine's settings.
pub fn check_engine(spec: &TileSpec, ends: &Ends) -> Vec<String> {
    let key = spec.key();
    spec.errors::<EngineSettings>(|settings, errors| {
        if let Err(wrong) = settings.config(&spec.name) {
            errors.extend(wrong.0.lines().map(str::to_owned));
        }
        for (at, link) in settings.inputs.iter().enumerate() {
            ends.consumes(&format!("{key}.inputs[{at}]"), link, errors);
            if settings.inputs[..at].contains(link) {
                errors.push(format!("{key}.inputs[{at}] = {link:?}: stands twice; each link has one turn"));
            }
        }
        for (venue, link) in &settings.commands {
            ends.produces(&format!("{key}.commands.{venue}"), link, errors);
        }
        for (venue, link) in &settings.feeds {
            ends.produces(&format!("{key}.feeds.{venue}"), link, errors);
        }
        for (shard, peer) in &settings.peers {
            ends.produces(&format!("{key}.peers.{shard}.link"), &peer.link, errors);
        }
        if let Some(partner) = &settings.partner {
            ends.produces(&format!("{key}.partner.to"), &partner.to, errors);
            ends.consumes(&format!("{key}.partner.from"), &partner.from, errors);
            ends.consumes(&format!("{key}.partner.lead"), &partner.lead, errors);
        }
        if let Some(link) = &settings.outputs {
            ends.produces(&format!("{key}.outputs"), link, errors);
        }
        if let Some(path) = settings.libraries.as_ref().filter(|path| !path.is_dir()) {
            errors.push(format!("{key}.libraries = \"{}\": there is no such directory", path.display()));
        }
    })
}
