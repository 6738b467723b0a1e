//! What a topology file says of a feed or a gateway tile, and the tile made from it.
//!
//! Invariant: what the types here cannot hold is refused with the key before a socket is opened; an unknown key, too.

use std::net::{Ipv4Addr, SocketAddrV4};

use serde::Deserialize;
use sessions::soup::ClientConfig;
use tiles::{Context, StartError, Tile, TileSpec};

use crate::feed::{FeedConfig, FeedListing, FeedTile};
use crate::gateway::{GatewayConfig, GatewayTile, OuchConfig};

/// An instrument by the venue's symbol.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListingSettings {
    symbol: String,
    instrument: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FeedSettings {
    venue: u16,
    lines: Vec<SocketAddrV4>,
    interface: Ipv4Addr,
    retransmission: SocketAddrV4,
    snapshot: SocketAddrV4,
    username: String,
    password_file: std::path::PathBuf,
    listings: Vec<ListingSettings>,
    midnight_ns: u64,
    link: String,
    #[serde(default = "one_millisecond")]
    request_interval_ns: u64,
    #[serde(default = "half_a_second")]
    gap_age_ns_max: u64,
    #[serde(default = "five_thousand")]
    gap_messages_max: u64,
    #[serde(default = "three_seconds")]
    silence_ns: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GatewaySettings {
    venue: u16,
    source: u32,
    address: SocketAddrV4,
    username: String,
    password_file: std::path::PathBuf,
    listings: Vec<ListingSettings>,
    midnight_ns: u64,
    commands: String,
    events: String,
    cancel_on_disconnect: bool,
    #[serde(default = "hundred_thousand")]
    orders_max: usize,
    #[serde(default = "half_a_second")]
    engine_silence_ns_max: u64,
    #[serde(default = "half_a_second")]
    reconnect_ns: u64,
    #[serde(default = "four_mebibytes")]
    journal_segment_bytes: usize,
}

const fn one_millisecond() -> u64 {
    1_000_000
}

const fn half_a_second() -> u64 {
    500_000_000
}

const fn three_seconds() -> u64 {
    3_000_000_000
}

const fn five_thousand() -> u64 {
    5_000
}

const fn hundred_thousand() -> usize {
    100_000
}

const fn four_mebibytes() -> usize {
    4 << 20
}

/// Makes a feed tile: the kind `feed` of topology files.
///
/// # Errors
/// A sentence that names the tile and the key.
pub fn make_feed(spec: &TileSpec, mut context: Context) -> Result<Box<dyn Tile>, StartError> {
    let settings: FeedSettings = spec.settings()?;
    if settings.lines.is_empty() {
        return Err(StartError(format!(
            "tiles.{}.settings.lines = []: at least one multicast group is needed",
            spec.name
        )));
    }
    let config = FeedConfig {
        name: spec.name.clone(),
        venue: settings.venue,
        lines: settings.lines,
        interface: settings.interface,
        retransmission: settings.retransmission,
        snapshot: settings.snapshot,
        username: padded(spec, "username", &settings.username)?,
        password: password(spec, &settings.password_file)?,
        listings: listings(spec, &settings.listings)?
            .into_iter()
            .map(|(instrument, symbol)| FeedListing { symbol, instrument })
            .collect(),
        midnight_ns: settings.midnight_ns,
        link: settings.link,
        request_interval_ns: settings.request_interval_ns,
        gap_age_ns_max: settings.gap_age_ns_max,
        gap_messages_max: settings.gap_messages_max,
        silence_ns: settings.silence_ns,
    };
    Ok(Box::new(FeedTile::new(config, &mut context)?))
}

/// Makes a gateway tile: the kind `gateway` of topology files.
///
/// # Errors
/// A sentence that names the tile and the key.
pub fn make_gateway(spec: &TileSpec, mut context: Context) -> Result<Box<dyn Tile>, StartError> {
    let settings: GatewaySettings = spec.settings()?;
    let config = GatewayConfig {
        name: spec.name.clone(),
        address: settings.address,
        login: ClientConfig {
            username: padded(spec, "username", &settings.username)?,
            password: password(spec, &settings.password_file)?,
            session: [b' '; 10],
            first_sequence: 1,
        },
        ouch: OuchConfig {
            venue: settings.venue,
            source: settings.source,
            symbols: listings(spec, &settings.listings)?,
            midnight_ns: settings.midnight_ns,
        },
        orders_max: settings.orders_max,
        commands: settings.commands,
        events: settings.events,
        engine_silence_ns_max: settings.engine_silence_ns_max,
        reconnect_ns: settings.reconnect_ns,
        cancel_on_disconnect: settings.cancel_on_disconnect,
        journal_segment_bytes: settings.journal_segment_bytes,
    };
    Ok(Box::new(GatewayTile::new(config, &mut context)?))
}

fn listings(spec: &TileSpec, listings: &[ListingSettings]) -> Result<Vec<(u32, [u8; 8])>, StartError> {
    listings.iter().map(|listing| Ok((listing.instrument, padded(spec, "listings.symbol", &listing.symbol)?))).collect()
}

/// A secret comes by file, so that it is in no topology, argument or environment.
fn password(spec: &TileSpec, path: &std::path::Path) -> Result<[u8; 10], StartError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        StartError(format!("tiles.{}.settings.password_file = {}: {error}", spec.name, path.display()))
    })?;
    // Not through `padded`: its error would print the secret.
    wire::padded(text.trim_end().as_bytes()).ok_or_else(|| {
        StartError(format!("tiles.{}.settings.password_file: the password must have at most 10 characters", spec.name))
    })
}

fn padded<const N: usize>(spec: &TileSpec, key: &str, value: &str) -> Result<[u8; N], StartError> {
    wire::padded(value.as_bytes()).ok_or_else(|| {
        StartError(format!("tiles.{}.settings.{key} = {value:?}: must have at most {N} characters", spec.name))
    })
}
