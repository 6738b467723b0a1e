//! What a topology file says of a feed or a gateway tile, and the tile made from it.
//!
//! Invariant: what the types here cannot hold is refused with the key before a socket is opened; an unknown key, too.

use std::net::{Ipv4Addr, SocketAddrV4};

use records::CancelOnDisconnect;
use sessions::soup::ClientConfig;
use tiles::settings::{none_all_or_word, secret};
use tiles::{Context, Ends, StartError, Tile, TileKind, TileSpec, settings};

use crate::feed::{FeedConfig, FeedListing, FeedTile};
use crate::gateway::{GatewayConfig, GatewayTile, OuchConfig, OuchVenue};
use crate::samples::SAMPLES_BYTES;

settings! {
    /// An instrument by the venue's symbol.
    struct ListingSettings {
        symbol: String, "one to eight printable ASCII characters", |symbol| fits(symbol, 8);
        instrument: u32, "a whole number from 1 to 16777215", |id| (1..1 << 24).contains(id);
    }
}

settings! {
    /// What stands under `[tiles.NAME.settings]` for `kind = "feed"`.
    struct FeedSettings {
        venue: u16, "a whole number from 1 to 65535", |venue| *venue > 0;
        lines: Vec<SocketAddrV4>, "one or two multicast groups such as 239.77.1.1:9000",
            |lines| (1..=2).contains(&lines.len()) && lines.iter().all(|line| line.ip().is_multicast());
        interface: Ipv4Addr, "the address of an interface, such as 127.0.0.1";
        retransmission: SocketAddrV4, "an address such as 127.0.0.1:9000";
        snapshot: SocketAddrV4, "an address such as 127.0.0.1:9000";
        username: String, "one to six printable ASCII characters", |name| fits(name, 6);
        password: String as "password_file" by secret, "a file that holds one to ten printable ASCII characters",
            |password| fits(password, 10);
        listings: Vec<ListingSettings>, "tables with symbol and instrument", |listings| !listings.is_empty();
        midnight_ns: u64, "the UTC of the venue's midnight in ns, a whole number";
        link: String, "the name of a link";
        /// Link by which the reader asks for everything again.
        requests: Option<String> = None, "the name of a link";
        request_interval_ns: u64 = 1_000_000, "a whole number of ns from 1000 to 10000000000",
            |ns| (1_000..=10_000_000_000).contains(ns);
        gap_age_ns_max: u64 = 500_000_000, "a whole number of ns above 0", |ns| *ns > 0;
        gap_messages_max: u64 = 5_000, "a whole number above 0", |messages| *messages > 0;
        silence_ns: u64 = 3_000_000_000, "a whole number of ns above 0", |ns| *ns > 0;
    }
}

settings! {
    /// What stands under `[tiles.NAME.settings]` for `kind = "gateway"`.
    struct GatewaySettings {
        venue: u16, "a whole number from 1 to 65535", |venue| *venue > 0;
        source: u32, "a whole number above 0", |source| *source > 0;
        address: SocketAddrV4, "an address such as 127.0.0.1:9000", |address| address.port() != 0;
        username: String, "one to six printable ASCII characters", |name| fits(name, 6);
        password: String as "password_file" by secret, "a file that holds one to ten printable ASCII characters",
            |password| fits(password, 10);
        listings: Vec<ListingSettings>, "tables with symbol and instrument", |listings| !listings.is_empty();
        midnight_ns: u64, "the UTC of the venue's midnight in ns, a whole number";
        commands: String, "the name of a link";
        events: String, "the name of a link";
        cancel_on_disconnect: String as "cancel_on_disconnect" by none_all_or_word, "none, all or day_orders", |word| CancelOnDisconnect::code_of_word(word).is_some();
        orders_max: usize = 100_000, "a whole number from 1 to 16777216", |orders| (1..=1 << 24).contains(orders);
        engine_silence_ns_max: u64 = 500_000_000, "a whole number of ns from 1000000 to 60000000000",
            |ns| (1_000_000..=60_000_000_000).contains(ns);
        reconnect_ns: u64 = 500_000_000, "a whole number of ns from 1000000 to 60000000000",
            |ns| (1_000_000..=60_000_000_000).contains(ns);
        journal_segment_bytes: usize = 4 << 20, "a multiple of 4096 from 65536 to 1073741824",
            |bytes| (64 << 10..=1 << 30).contains(bytes) && bytes % 4096 == 0;
    }
}

/// The kind `feed` of topology files.
pub const FEED: TileKind = TileKind { check: check_feed, disk_bytes: |_| SAMPLES_BYTES, make: make_feed };
/// The kind `gateway` of topology files.
pub const GATEWAY: TileKind = TileKind { check: check_gateway, disk_bytes: gateway_disk_bytes, make: make_gateway };

/// Two segments of the journal of ids, and samples.
fn gateway_disk_bytes(spec: &TileSpec) -> u64 {
    spec.settings::<GatewaySettings>().map_or(0, |settings| 2 * settings.journal_segment_bytes as u64 + SAMPLES_BYTES)
}

/// Everything that is wrong with a feed's settings.
fn check_feed(spec: &TileSpec, ends: &Ends) -> Vec<String> {
    let key = spec.key();
    spec.errors::<FeedSettings>(|settings, errors| {
        distinct(&key, &named(&settings.listings), errors);
        ends.produces(&format!("{key}.link"), &settings.link, errors);
        if let Some(link) = &settings.requests {
            ends.consumes(&format!("{key}.requests"), link, errors);
        }
    })
}

/// Everything that is wrong with a gateway's settings.
fn check_gateway(spec: &TileSpec, ends: &Ends) -> Vec<String> {
    let key = spec.key();
    spec.errors::<GatewaySettings>(|settings, errors| {
        distinct(&key, &named(&settings.listings), errors);
        ends.consumes(&format!("{key}.commands"), &settings.commands, errors);
        ends.produces(&format!("{key}.events"), &settings.events, errors);
    })
}

/// Each instrument and each symbol of a tile's listings stands once.
pub(crate) fn distinct(key: &str, listings: &[(u32, &str)], errors: &mut Vec<String>) {
    for (at, (instrument, symbol)) in listings.iter().enumerate() {
        if listings[..at].iter().any(|(other, _)| other == instrument) {
            errors.push(format!("{key}.listings[{at}].instrument = {instrument}: stands twice"));
        }
        if listings[..at].iter().any(|(_, other)| other == symbol) {
            errors.push(format!("{key}.listings[{at}].symbol = {symbol:?}: stands twice"));
        }
    }
}

fn named(listings: &[ListingSettings]) -> Vec<(u32, &str)> {
    listings.iter().map(|listing| (listing.instrument, listing.symbol.as_str())).collect()
}

fn fits(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Makes a feed tile: the kind `feed` of topology files.
///
/// # Errors
/// Everything that is wrong with the settings, a line each.
fn make_feed(spec: &TileSpec, mut context: Context) -> Result<Box<dyn Tile>, StartError> {
    let settings: FeedSettings = spec.settings()?;
    let config = FeedConfig {
        name: spec.name.clone(),
        venue: settings.venue,
        lines: settings.lines,
        interface: settings.interface,
        retransmission: settings.retransmission,
        snapshot: settings.snapshot,
        username: padded(&settings.username),
        password: padded(&settings.password),
        listings: listings(&settings.listings)
            .into_iter()
            .map(|(instrument, symbol)| FeedListing { symbol, instrument })
            .collect(),
        midnight_ns: settings.midnight_ns,
        link: settings.link,
        requests: settings.requests,
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
/// Everything that is wrong with the settings, a line each.
fn make_gateway(spec: &TileSpec, mut context: Context) -> Result<Box<dyn Tile>, StartError> {
    let settings: GatewaySettings = spec.settings()?;
    let config = GatewayConfig {
        name: spec.name.clone(),
        venue: settings.venue,
        source: settings.source,
        address: settings.address,
        commands: settings.commands,
        events: settings.events,
        engine_silence_ns_max: settings.engine_silence_ns_max,
        reconnect_ns: settings.reconnect_ns,
        cancel_on_disconnect: CancelOnDisconnect::code_of_word(&settings.cancel_on_disconnect).unwrap_or(0),
        journal_segment_bytes: settings.journal_segment_bytes,
    };
    let login = ClientConfig {
        username: padded(&settings.username),
        password: padded(&settings.password),
        session: [b' '; 10],
        first_sequence: 1,
    };
    let ouch = OuchConfig {
        venue: settings.venue,
        source: settings.source,
        symbols: listings(&settings.listings),
        midnight_ns: settings.midnight_ns,
    };
    let venue = OuchVenue::new(login, ouch, settings.orders_max);
    Ok(Box::new(GatewayTile::new(config, venue, &mut context)?))
}

fn listings(listings: &[ListingSettings]) -> Vec<(u32, [u8; 8])> {
    listings.iter().map(|listing| (listing.instrument, padded(&listing.symbol))).collect()
}

/// Text padded with spaces to its field; its length was checked.
fn padded<const N: usize>(text: &str) -> [u8; N] {
    wire::padded(text.as_bytes()).unwrap_or([b' '; N])
}
