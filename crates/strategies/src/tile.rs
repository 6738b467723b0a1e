//! The engine tile of topology files: the engine with the host of compiled strategies.
//!
//! Invariant: settings are read whole before anything starts.

use engine::{EngineSettings, EngineTile, check_engine, disk_bytes};
use tiles::{Context, StartError, Tile, TileKind, TileSpec};

use crate::CompiledHost;

/// The kind `engine` of topology files.
pub const ENGINE: TileKind = TileKind { check: check_engine, disk_bytes, make: make_engine };

/// Makes an engine tile with compiled strategies: the kind `engine` of topology files.
///
/// # Errors
/// A sentence that names the tile and the key, one a line.
fn make_engine(spec: &TileSpec, context: Context) -> Result<Box<dyn Tile>, StartError> {
    let settings: EngineSettings = spec.settings()?;
    let config = settings.config(&spec.name)?;
    let libraries = settings.libraries.unwrap_or_default();
    Ok(Box::new(EngineTile::new(context, config, Box::new(CompiledHost::new(&libraries)))?))
}
