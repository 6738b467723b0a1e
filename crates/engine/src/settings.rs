//! The engine tile's settings in a topology file.
//!
//! Invariant: an unknown key is refused, and so is a value out of range, before anything starts.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use tiles::StartError;

use crate::config::EngineConfig;
use crate::tile::EngineTileConfig;

/// What stands under `[tiles.NAME.settings]` for `kind = "engine"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineSettings {
    /// File of concatenated records: the first inputs.
    pub bootstrap: PathBuf,
    /// Links to read, each with a turn.
    pub inputs: Vec<String>,
    /// Venue id → link to its gateway.
    pub commands: BTreeMap<u16, String>,
    /// Link for outputs.
    #[serde(default)]
    pub outputs: Option<String>,
    /// Directory of the strategies' object code.
    #[serde(default)]
    pub libraries: Option<PathBuf>,
    /// What a record survives.
    #[serde(default)]
    pub durability: Durability,
    /// Size of a journal segment.
    #[serde(default)]
    pub segment_bytes: Option<usize>,
    /// A timer enters when nothing else did for so long.
    #[serde(default)]
    pub timer_ns: Option<u64>,
    /// Heartbeats to gateways.
    #[serde(default)]
    pub heartbeat_ns: Option<u64>,
    /// Records from one link before the next one's turn.
    #[serde(default)]
    pub poll_limit: Option<usize>,
    /// Sizes and times of the fold; what is not named has its default.
    #[serde(default)]
    pub engine: BTreeMap<String, u64>,
}

/// What a record survives once it is folded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// Nothing.
    None,
    /// The end of the process.
    #[default]
    Process,
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
        let bootstrap = std::fs::read(&self.bootstrap).unwrap_or_else(|error| {
            let path = self.bootstrap.display();
            problems.push(format!("tiles.{name}.settings.bootstrap = {path}: {error}"));
            Vec::new()
        });
        let mut config = EngineTileConfig::new(name, bootstrap);
        config.engine = self.engine_config(name, &mut problems);
        config.inputs.clone_from(&self.inputs);
        config.commands = self.commands.iter().map(|(venue, link)| (*venue, link.clone())).collect();
        config.outputs.clone_from(&self.outputs);
        let mut within = |key: &str, value: u64, low: u64, high: u64| {
            if !(low..=high).contains(&value) {
                problems.push(format!("tiles.{name}.settings.{key} = {value}: allowed are {low} to {high}"));
            }
        };
        config.segment_bytes = self.segment_bytes.unwrap_or(config.segment_bytes);
        within("segment_bytes", config.segment_bytes as u64, SEGMENT_BYTES_MIN as u64, SEGMENT_BYTES_MAX as u64);
        config.segment_bytes = config.segment_bytes.min(SEGMENT_BYTES_MAX).next_multiple_of(PAGE_BYTES);
        config.timer_ns = self.timer_ns.unwrap_or(config.timer_ns);
        within("timer_ns", config.timer_ns, 1_000, 1_000_000_000);
        config.heartbeat_ns = self.heartbeat_ns.unwrap_or(config.heartbeat_ns);
        within("heartbeat_ns", config.heartbeat_ns, 100_000, 10_000_000_000);
        config.poll_limit = self.poll_limit.unwrap_or(config.poll_limit);
        within("poll_limit", config.poll_limit as u64, 1, 65_536);
        if self.durability == Durability::None {
            config.segment_bytes = 0;
        }
        if problems.is_empty() { Ok(config) } else { Err(StartError(problems.join("\n"))) }
    }

    fn engine_config(&self, name: &str, problems: &mut Vec<String>) -> EngineConfig {
        let mut config = EngineConfig::default();
        for (key, value) in &self.engine {
            if !config.set(key, *value) {
                let allowed = EngineConfig::KEYS.join(", ");
                problems.push(format!("tiles.{name}.settings.engine.{key}: unknown; allowed are {allowed}"));
            }
        }
        problems.extend(config.problems().iter().map(|problem| format!("tiles.{name}.settings.engine.{problem}")));
        config
    }
}
