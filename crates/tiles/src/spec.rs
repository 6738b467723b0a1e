//! What one process of a topology runs: its links, its threads and their tiles. Written as JSON by the topology's validation
//! (deploy/topology.py), which has checked the whole; read here.
//!
//! Invariant: an unknown key is refused, so that both sides speak of the same version.

use std::path::PathBuf;

use serde::Deserialize;

use crate::{Idle, Setting, StartError};

/// The version of the layout below.
pub const SPEC_VERSION: u32 = 1;

/// How a link crosses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkKind {
    /// A ring on the heap: both ends in this process.
    Ring,
    /// A ring in a file: processes of one host.
    Shm,
    /// Aeron over shared memory: processes of one host.
    AeronIpc,
    /// Aeron over UDP: between hosts and regions.
    AeronUdp,
}

/// A consumer of a link.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsumerSpec {
    /// The tile that consumes.
    pub tile: String,
    /// Whether it must get every record.
    pub reliable: bool,
}

/// A link that has at least one end in this process.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkSpec {
    /// `producer_consumer` by custom.
    pub name: String,
    /// The name under which tiles know it, where that is another: the link of a standby bears the name of its engine's own, and
    /// consumers of both see one link.
    #[serde(default)]
    pub known_as: Option<String>,
    /// How it crosses.
    pub kind: LinkKind,
    /// Records of the largest size that surely fit.
    pub depth_records: usize,
    /// Bytes of the largest record.
    pub record_bytes_max: usize,
    /// The tile that produces.
    pub producer: String,
    /// The tiles that consume, in the order of the ring's consumer slots.
    pub consumers: Vec<ConsumerSpec>,
    /// The ring's file (`shm`).
    #[serde(default)]
    pub path: Option<PathBuf>,
    /// Aeron's channel and stream (`aeron-ipc`, `aeron-udp`).
    #[serde(default)]
    pub channel: Option<String>,
    /// Aeron's stream.
    #[serde(default)]
    pub stream_id: Option<i32>,
}

impl LinkSpec {
    /// The name under which tiles know it.
    pub fn shown_name(&self) -> &str {
        self.known_as.as_deref().unwrap_or(&self.name)
    }
}

/// One tile.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TileSpec {
    /// Its name, unique in the topology.
    pub name: String,
    /// Which constructor of the factory makes it.
    pub kind: String,
    /// What its constructor reads, as the topology file has it, ports and directories filled in.
    #[serde(default)]
    pub settings: serde_json::Map<String, serde_json::Value>,
}

impl TileSpec {
    /// Reads the JSON of one tile.
    ///
    /// # Errors
    /// A sentence that names the key.
    pub fn parse(json: &str) -> Result<Self, StartError> {
        serde_json::from_str(json).map_err(|error| StartError(format!("tile specification: {error}")))
    }

    /// The settings as the constructor's own type.
    ///
    /// # Errors
    /// Everything that is wrong with them, a line each.
    pub fn settings<T: Setting>(&self) -> Result<T, StartError> {
        let mut errors = Vec::new();
        let table = serde_json::Value::Object(self.settings.clone());
        let read = T::read(&table, &self.key(), "a table", &mut errors);
        read.filter(|_| errors.is_empty()).ok_or_else(|| StartError(errors.join("\n")))
    }

    /// Everything that is wrong with the settings: key by key, then what `more` says of settings that could be read.
    pub fn errors<T: Setting>(&self, more: impl FnOnce(&T, &mut Vec<String>)) -> Vec<String> {
        match self.settings::<T>() {
            Ok(settings) => {
                let mut errors = Vec::new();
                more(&settings, &mut errors);
                errors
            }
            Err(error) => error.0.lines().map(str::to_owned).collect(),
        }
    }

    /// The error of a tile that takes no settings and was given some.
    pub fn unknown_settings(&self) -> Vec<String> {
        let unknown = |(key, value)| {
            let shown = crate::settings::shown(value);
            format!("{}.{key} = {shown}: is not a key here; a {} has no settings", self.key(), self.kind)
        };
        self.settings.iter().map(unknown).collect()
    }

    /// Where its settings stand in the topology file.
    pub fn key(&self) -> String {
        format!("tiles.{}.settings", self.name)
    }
}

/// One thread and the tiles that take turns on it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThreadSpec {
    /// Its name in the system's lists.
    pub name: String,
    /// The core that it is bound to.
    #[serde(default)]
    pub core: Option<usize>,
    /// What it does when no tile has work.
    #[serde(default)]
    pub idle: Idle,
    /// Its tiles, in the order of their turns.
    pub tiles: Vec<TileSpec>,
}

/// One process.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessSpec {
    /// [`SPEC_VERSION`].
    pub version: u32,
    /// The topology's name.
    pub topology: String,
    /// The process's name.
    pub process: String,
    /// Where its counters go.
    pub counters_path: PathBuf,
    /// Below this each tile has a directory of its own, which outlives the run.
    pub data_directory: PathBuf,
    /// The media driver's directory, where a link needs it.
    #[serde(default)]
    pub aeron_directory: Option<PathBuf>,
    /// Links with an end here.
    pub links: Vec<LinkSpec>,
    /// Threads.
    pub threads: Vec<ThreadSpec>,
    /// Of a process of one tile, which another process may follow in its place.
    #[serde(default)]
    pub succession: Option<Succession>,
}

/// How a process gives its place to another one.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Succession {
    /// The socket at which who has the place listens for who takes it.
    pub at: PathBuf,
    /// This process takes it.
    #[serde(default)]
    pub takes_over: bool,
}

impl ProcessSpec {
    /// Reads the JSON.
    ///
    /// # Errors
    /// A sentence that names the key.
    pub fn parse(json: &str) -> Result<Self, StartError> {
        let spec: Self =
            serde_json::from_str(json).map_err(|error| StartError(format!("process specification: {error}")))?;
        if spec.version == SPEC_VERSION {
            Ok(spec)
        } else {
            Err(StartError(format!("process specification: version = {}, must be {SPEC_VERSION}", spec.version)))
        }
    }
}
