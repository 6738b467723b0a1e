//! What a topology file says of a FIX gateway or a drop-copy reader, and the tile made from it.
//!
//! Invariant: what the types here cannot hold is refused with the key before a socket is opened; an unknown key, too.

use std::net::SocketAddrV4;
use std::rc::Rc;

use records::CancelOnDisconnect;
use sessions::fix::{FileLog, JournalSize, JournalStore, LogSize, Profile, Session};
use tiles::settings::none_all_or_word;
use tiles::{Context, Ends, Json, Setting, StartError, Tile, TileKind, TileSpec, settings};

use super::ending::{ENDING_BYTES, EndingFile};
use super::{Dialect, DropCopyConfig, DropCopyTile, FixConfig, FixVenue, Symbol};
use crate::fix::HoursSettings;
use crate::gateway::{GatewayConfig, GatewayTile};
use crate::route::RouteSettings;
use crate::samples::SAMPLES_BYTES;
use crate::settings::distinct;

/// The store's name among the tile's files.
const STORE: &str = "fix";
const NUMBERS_BYTES: u64 = 4096;
/// Bytes behind the last message whose pages are met before an order needs them.
const STORE_AHEAD_BYTES: usize = 256 << 10;
/// Name of the message log's files.
const LOG: &str = "messages";

settings! {
    /// An instrument by the venue's symbol.
    struct ListingSettings {
        symbol: String, "one to 24 printable ASCII characters",
            |symbol| (1..=Symbol::LETTERS_MAX).contains(&symbol.len()) && symbol.bytes().all(|byte| byte.is_ascii_graphic());
        instrument: u32, "a whole number from 1 to 16777215", |id| (1..1 << 24).contains(id);
    }
}

settings! {
    /// Where what is sent is kept.
    struct StoreSettings {
        messages_max: usize = 1 << 20, "a whole number from 1024 to 16777216", |m| (1_024..=1 << 24).contains(m);
        segment_bytes: usize = 16 << 20, "a multiple of 4096 from 65536 to 1073741824",
            |bytes| (64 << 10..=1 << 30).contains(bytes) && bytes % 4096 == 0;
        segments_max: usize = 64, "a whole number from 1 to 4096", |segments| (1..=4_096).contains(segments);
    }
}

settings! {
    /// What stands under `[tiles.NAME.settings]` for `kind = "fix_gateway"`.
    struct FixGatewaySettings {
        venue: u16, "a whole number from 1 to 65535", |venue| *venue > 0;
        source: u32, "a whole number above 0", |source| *source > 0;
        address: SocketAddrV4, "an address such as 127.0.0.1:9000", |address| address.port() != 0;
        route: RouteSettings = empty(), "a table with backups and tls";
        /// Where the session's messages are written down; absent: nowhere.
        log: Option<LogSize> = None, "a table with file_bytes and files_max";
        profile: Profile, "a table";
        dialect: Dialect = Dialect::default(), "a table";
        /// Absent: always open.
        hours: Option<HoursSettings> = None, "a table";
        store: StoreSettings = StoreSettings::absent(), "a table";
        listings: Vec<ListingSettings>, "tables with symbol and instrument", |listings| !listings.is_empty();
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

fn empty<T: Setting>() -> T {
    let table = Json::Object(Default::default());
    T::read(&table, "", "", &mut Vec::new()).expect("every key has a default")
}

impl StoreSettings {
    fn absent() -> Self {
        empty()
    }
}

impl Default for Dialect {
    fn default() -> Self {
        empty()
    }
}

settings! {
    /// What stands under `[tiles.NAME.settings]` for `kind = "fix_drop_copy"`.
    struct DropCopySettings {
        venue: u16, "a whole number from 1 to 65535", |venue| *venue > 0;
        source: u32, "a whole number above 0", |source| *source > 0;
        address: SocketAddrV4, "an address such as 127.0.0.1:9000", |address| address.port() != 0;
        route: RouteSettings = empty(), "a table with backups and tls";
        /// Where the session's messages are written down; absent: nowhere.
        log: Option<LogSize> = None, "a table with file_bytes and files_max";
        profile: Profile, "a table";
        dialect: Dialect = Dialect::default(), "a table";
        /// Absent: always open.
        hours: Option<HoursSettings> = None, "a table";
        store: StoreSettings = StoreSettings::absent(), "a table";
        listings: Vec<ListingSettings>, "tables with symbol and instrument", |listings| !listings.is_empty();
        reconnect_ns: u64 = 500_000_000, "a whole number of ns from 1000000 to 60000000000",
            |ns| (1_000_000..=60_000_000_000).contains(ns);
        journal_segment_bytes: usize = 4 << 20, "a multiple of 4096 from 65536 to 1073741824",
            |bytes| (64 << 10..=1 << 30).contains(bytes) && bytes % 4096 == 0;
    }
}

/// The kind `fix_drop_copy` of topology files.
pub const DROP_COPY: TileKind =
    TileKind { check: check_drop_copy, disk_bytes: drop_copy_disk_bytes, make: make_drop_copy };
/// The kind `fix_gateway` of topology files.
pub const KIND: TileKind = TileKind { check, disk_bytes, make };

/// What both kinds say of their session.
struct SessionParts<'a> {
    profile: &'a Profile,
    dialect: &'a Dialect,
    hours: Option<&'a HoursSettings>,
    listings: &'a [ListingSettings],
    store: &'a StoreSettings,
    log: Option<LogSize>,
    address: SocketAddrV4,
    route: &'a RouteSettings,
}

macro_rules! session_parts {
    ($settings:expr) => {
        SessionParts {
            profile: &$settings.profile,
            dialect: &$settings.dialect,
            hours: $settings.hours.as_ref(),
            listings: &$settings.listings,
            store: &$settings.store,
            log: $settings.log.clone(),
            address: $settings.address,
            route: &$settings.route,
        }
    };
}

/// Everything that is wrong with the settings.
fn check(spec: &TileSpec, ends: &Ends) -> Vec<String> {
    let key = spec.key();
    spec.errors::<FixGatewaySettings>(|settings, errors| {
        check_session(&key, &session_parts!(settings), errors);
        ends.consumes(&format!("{key}.commands"), &settings.commands, errors);
        ends.produces(&format!("{key}.events"), &settings.events, errors);
    })
}

/// Everything that is wrong with a drop-copy reader's settings.
fn check_drop_copy(spec: &TileSpec, _: &Ends) -> Vec<String> {
    let key = spec.key();
    spec.errors::<DropCopySettings>(|settings, errors| {
        check_session(&key, &session_parts!(settings), errors);
    })
}

/// What is wrong with the session and what it trades.
fn check_session(key: &str, parts: &SessionParts<'_>, errors: &mut Vec<String>) {
    let SessionParts { profile, dialect, hours, listings, route, .. } = *parts;
    if let Err(found) = route.check(&format!("{key}.route")) {
        errors.extend(found);
    }
    profile.errors(&format!("{key}.profile"), errors);
    if !profile.initiator {
        errors.push(format!("{key}.profile.initiator = false: this tile logs on; must be true"));
    }
    if let Some(age_ns) = profile.replay_order_age_ns_max.filter(|age_ns| *age_ns > 0) {
        let sentence = "no order is ever sent again; must be 0 or absent";
        errors.push(format!("{key}.profile.replay_order_age_ns_max = {age_ns}: {sentence}"));
    }
    dialect.errors(&format!("{key}.dialect"), profile, errors);
    if let Some(Err(found)) = hours.map(HoursSettings::hours) {
        errors.extend(found.into_iter().map(|error| format!("{key}.hours.{error}")));
    }
    let named: Vec<_> = listings.iter().map(|listing| (listing.instrument, listing.symbol.as_str())).collect();
    distinct(key, &named, errors);
}

fn disk_bytes(spec: &TileSpec) -> u64 {
    let settings = spec.settings::<FixGatewaySettings>();
    settings.map_or(0, |settings| session_bytes(&session_parts!(settings), settings.journal_segment_bytes))
}

fn drop_copy_disk_bytes(spec: &TileSpec) -> u64 {
    let settings = spec.settings::<DropCopySettings>();
    settings.map_or(0, |settings| session_bytes(&session_parts!(settings), settings.journal_segment_bytes))
}

/// Two segments of the journal, of the session's store and of its log, numbers and samples.
fn session_bytes(parts: &SessionParts<'_>, journal_segment_bytes: usize) -> u64 {
    let log = parts.log.as_ref().map_or(0, |log| log.file_bytes);
    2 * (journal_segment_bytes + parts.store.segment_bytes + log) as u64 + NUMBERS_BYTES + SAMPLES_BYTES + ENDING_BYTES
}

/// The session with its store, hours and log; the context's network goes its way from here on.
fn session(spec: &TileSpec, parts: &SessionParts<'_>, context: &mut Context) -> Result<Session, StartError> {
    let StoreSettings { messages_max, segment_bytes, segments_max } = *parts.store;
    let size = JournalSize { segment_bytes, segments_max, messages_max };
    let opened = JournalStore::open(Rc::clone(&context.storage), STORE, size, context.clock.now_ns());
    let store = opened.map_err(|error| StartError(format!("tile {}: {}", spec.name, error.0)))?;
    let store = store.with_ahead(STORE_AHEAD_BYTES);
    let mut session = Session::new(parts.profile.clone(), Box::new(store), None);
    if let Some(hours) = parts.hours {
        session = session.with_hours(hours.hours().map_err(|errors| StartError(errors.join("\n")))?);
    }
    if let Some(size) = parts.log.clone() {
        let log = FileLog::open(Rc::clone(&context.storage), LOG, size);
        let failed = |error: std::io::Error| StartError(format!("tile {}: message log: {error}", spec.name));
        session = session.with_log(Box::new(log.map_err(failed)?));
    }
    let route = parts.route.over(Rc::clone(&context.net), parts.address, &format!("{}.route", spec.key()));
    context.net = route.map_err(|errors| StartError(errors.join("\n")))?;
    Ok(session)
}

fn symbols(listings: &[ListingSettings]) -> Vec<(u32, Symbol)> {
    listings.iter().map(|listing| (listing.instrument, Symbol::new(&listing.symbol))).collect()
}

/// Makes a drop-copy reader.
fn make_drop_copy(spec: &TileSpec, mut context: Context) -> Result<Box<dyn Tile>, StartError> {
    let settings: DropCopySettings = spec.settings()?;
    let session = session(spec, &session_parts!(settings), &mut context)?;
    let config = DropCopyConfig {
        name: spec.name.clone(),
        venue: settings.venue,
        source: settings.source,
        address: settings.address,
        symbols: symbols(&settings.listings),
        dialect: settings.dialect,
        reconnect_ns: settings.reconnect_ns,
        journal_segment_bytes: settings.journal_segment_bytes,
    };
    Ok(Box::new(DropCopyTile::new(config, session, &context)))
}

/// Makes a gateway.
fn make(spec: &TileSpec, mut context: Context) -> Result<Box<dyn Tile>, StartError> {
    let settings: FixGatewaySettings = spec.settings()?;
    let session = session(spec, &session_parts!(settings), &mut context)?;
    let fix = FixConfig {
        venue: settings.venue,
        source: settings.source,
        symbols: symbols(&settings.listings),
        dialect: settings.dialect,
        orders_max: settings.orders_max,
    };
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
    let endings = EndingFile::open(&*context.storage)?;
    let venue = FixVenue::new(fix, session, &context.counters).with_endings(endings);
    Ok(Box::new(GatewayTile::new(config, venue, &mut context)?))
}
