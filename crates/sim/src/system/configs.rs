//! Two regions as every run has them: at each a venue, its feed, a gateway, an engine with a strategy and an executor, an agent;
//! a line between them.
//!
//! Invariant: every record here is applied; an engine that refuses one does not start.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

use engine::{
    EngineConfig, EngineTileConfig, PartnerSettings, PeerSettings, QuoteSettings, QuotedListing, SessionSettings,
    WaitsFor,
};
use exchange::{DoorConfig, ExchangeConfig, FixPortConfig, InnerConfig, ListingConfig, PortConfig, ThrottleConfig};
use records::{
    CancelOnDisconnect, DAY_NS, Definition, Enforcement, EngineStart, Header, LimitSet, Listing, Metric, MoneyNanos,
    NANOS, Node, NodeLevel, OrderId, Record, SelectorKind, SessionGuard, Slot, SlotBind, SlotRun, StrategyControl,
    TickBand, UNDEF_PRICE, UNITS_E8, bytes_of,
};
use sessions::fix::{JournalSize, JournalStore, Profile, Session};
use sessions::soup::ClientConfig;
use tiles::{Context, Json, Setting};
use venues::feed::{FeedConfig, FeedListing};
use venues::gateway::fix::{FixConfig, FixVenue, Symbol};
use venues::gateway::{GatewayConfig, OuchConfig, OuchVenue};

use super::{Settings, Standby};

/// The regions; a region's number is its place here and one, and the number of its engine's shard and of its venue.
pub const REGIONS: [&str; 2] = ["new-york", "chicago"];
/// The one instrument.
pub const INSTRUMENT: u32 = 1;
/// Its tick.
pub const TICK: i64 = NANOS / 100;
/// Our session at every venue.
pub const OUR_SESSION: u32 = 1;
/// The session of everybody else's orders.
pub const FLOW_SESSION: u32 = 100;
/// The strategy's slot.
pub const SLOT: u8 = 1;
/// The executor's slot.
pub const EXECUTOR: u8 = 2;
/// The strategy's code.
pub const CODE: [u8; 32] = [7; 32];
/// Lots that an account may be long or short, at the firm's node and at the strategy's.
pub const POSITION_LOTS_MAX: i64 = 400;
/// Orders open at once.
pub const OPEN_ORDERS_MAX: usize = 24;
/// Lots that all regions together may be long or short.
pub const GLOBAL_LOTS_MAX: i64 = 600;
/// The global limits: long, short.
pub const GLOBAL_LIMITS: [(u32, &str); 2] = [(90, "position_long"), (91, "position_short")];
/// Orders that an engine keeps.
const ORDERS_MAX: usize = 4_096;
/// Commands that wait for a disk at once.
const HELD_MAX: usize = 256;
/// An engine that is silent for so long has its orders pulled.
const ENGINE_SILENCE_NS_MAX: u64 = 500_000_000;
const MILLISECOND: u64 = 1_000_000;
const SYMBOL: [u8; 8] = *b"AAPL    ";

/// Midnight of the first day.
pub fn midnight_ns() -> u64 {
    crate::Simulation::START_NS / DAY_NS * DAY_NS
}

fn at(port: u16, venue: u16) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::LOCALHOST, port + venue)
}

/// Where a region's end of the line listens.
pub fn line_address(region: u16) -> SocketAddrV4 {
    at(7_400, region)
}

/// Where a region's agent hears the others.
pub fn agent_address(region: u16) -> SocketAddrV4 {
    at(7_500, region)
}

fn lines(venue: u16) -> Vec<SocketAddrV4> {
    (1..=2).map(|line| SocketAddrV4::new(Ipv4Addr::new(239, 77, venue as u8, line), 5_000 + venue)).collect()
}

/// Settings as a topology gives them, of tables in JSON; later ones replace what earlier ones say.
///
/// # Panics
/// With what is wrong with them.
pub fn table<T: Setting>(texts: &[&str]) -> T {
    let mut whole = Json::Object(Default::default());
    for text in texts {
        let more: Json = text.parse().expect("a table");
        for (key, value) in more.as_object().expect("a table") {
            whole[key] = value.clone();
        }
    }
    let mut errors = Vec::new();
    T::read(&whole, "simulator", "", &mut errors).unwrap_or_else(|| panic!("{errors:?}"))
}

fn fix_port(settings: &Settings, venue: u16) -> FixPortConfig {
    let text = format!(
        r#"{{"session":{OUR_SESSION},"role":"orders","listen":"{}","begin_string":"FIX.4.4","sender_comp_id":"HOUSE",
        "target_comp_id":"CLIENT","username":"mrdn","store_bytes":{},"store_messages_max":65536}}"#,
        at(7_200, venue),
        settings.segment_bytes
    );
    FixPortConfig {
        password: "secret".into(),
        owner: 1,
        self_trade: "oldest".into(),
        cancel_on_disconnect: settings.cancel_on_disconnect.into(),
        ..table(&[&text])
    }
}

fn ouch_port(settings: &Settings, venue: u16) -> PortConfig {
    PortConfig {
        session: OUR_SESSION,
        listen: at(7_200, venue),
        username: "mrdn".into(),
        password: "secret".into(),
        owner: 1,
        participant: String::new(),
        cancel_on_disconnect: settings.cancel_on_disconnect.into(),
        self_trade: "oldest".into(),
        throttle: ThrottleConfig::default(),
    }
}

/// What a venue lists.
pub fn listing() -> ListingConfig {
    ListingConfig {
        instrument: INSTRUMENT,
        symbol: "AAPL".into(),
        locate: 11,
        tick_nanos: TICK,
        small_tick_nanos: 0,
        small_below_nanos: 0,
        price_max_nanos: 0,
        increment_lots: 1,
        round_lot: 100,
        protection_ppm: 50_000,
    }
}

/// A venue.
pub fn exchange(settings: &Settings, venue: u16) -> ExchangeConfig {
    let fix = settings.fix[usize::from(venue) - 1];
    ExchangeConfig {
        name: format!("exchange{venue}"),
        venue,
        feed_session: format!("HOUSE{venue:05}"),
        lines: lines(venue),
        interface: Ipv4Addr::LOCALHOST,
        retransmission: at(7_000, venue),
        snapshot: at(7_100, venue),
        snapshot_username: "feed".into(),
        snapshot_password: "secret".into(),
        fix_ports: fix.then(|| fix_port(settings, venue)).into_iter().collect(),
        ports: (!fix).then(|| ouch_port(settings, venue)).into_iter().collect(),
        inner: vec![InnerConfig { session: FLOW_SESSION, owner: 0 }],
        flow: Vec::new(),
        door: DoorConfig::default(),
        listings: vec![listing()],
        timetable: Vec::new(),
        indicate_ms: 1,
        orders: 1 << 10,
        levels_per_side: 512,
        trades: 1 << 10,
        midnight_ns: midnight_ns(),
        feed_messages: 1 << 12,
        session_messages: 1 << 16,
        segment_bytes: settings.segment_bytes,
    }
}

/// The feed of a venue.
pub fn feed(venue: u16) -> FeedConfig {
    FeedConfig {
        name: format!("feed{venue}"),
        venue,
        lines: lines(venue),
        interface: Ipv4Addr::LOCALHOST,
        retransmission: at(7_000, venue),
        snapshot: at(7_100, venue),
        username: *b"feed  ",
        password: *b"secret    ",
        listings: vec![FeedListing { symbol: SYMBOL, instrument: INSTRUMENT }],
        midnight_ns: midnight_ns(),
        link: format!("feed{venue}_engine{venue}"),
        requests: Some(format!("engine{venue}_feed{venue}")),
        request_interval_ns: 5 * MILLISECOND,
        gap_age_ns_max: 50 * MILLISECOND,
        gap_messages_max: 2_000,
        silence_ns: 3_000 * MILLISECOND,
    }
}

/// The gateway to a venue.
pub fn gateway(settings: &Settings, venue: u16) -> GatewayConfig {
    GatewayConfig {
        name: format!("gateway{venue}"),
        venue,
        source: OUR_SESSION,
        address: at(7_200, venue),
        commands: format!("engine{venue}_gateway{venue}"),
        events: format!("gateway{venue}_engine{venue}"),
        engine_silence_ns_max: ENGINE_SILENCE_NS_MAX,
        reconnect_ns: 100 * MILLISECOND,
        cancel_on_disconnect: CancelOnDisconnect::code_of_word(settings.cancel_on_disconnect).expect("a word"),
        journal_segment_bytes: settings.segment_bytes,
    }
}

/// What a gateway speaks at a venue of OUCH.
pub fn ouch(venue: u16) -> OuchVenue {
    let login = ClientConfig { username: *b"mrdn  ", password: *b"secret    ", session: [b' '; 10], first_sequence: 1 };
    let symbols = vec![(INSTRUMENT, SYMBOL)];
    let ouch = OuchConfig { venue, source: OUR_SESSION, symbols, midnight_ns: midnight_ns() };
    OuchVenue::new(login, ouch, settings_orders())
}

const fn settings_orders() -> usize {
    1 << 16
}

/// What a gateway speaks at a venue of FIX, its session kept on the gateway's disk.
///
/// # Errors
/// When the session's store cannot be opened.
pub fn fix(settings: &Settings, venue: u16, context: &Context) -> Result<FixVenue, String> {
    let names = r#"{"begin_string":"FIX.4.4","sender_comp_id":"CLIENT","target_comp_id":"HOUSE","next_expected":true,
        "initiator":true,"username":"mrdn","heartbeat_s":6,"logon_ns_max":1000000000,"takes_expected":true}"#;
    let mut profile: Profile = table(&[names]);
    profile.password = "secret".into();
    let size = JournalSize { segment_bytes: settings.segment_bytes, segments_max: 1_024, messages_max: 1 << 17 };
    let store = JournalStore::open(context.storage.clone(), "fix", size, context.clock.now_ns());
    let store = store.map_err(|error| error.0)?;
    let session = Session::new(profile, Box::new(store), None);
    let dialect = table(&[r#"{"execution_id":"digits","status_ns_max":100000000}"#]);
    let symbols = vec![(INSTRUMENT, Symbol::new("AAPL"))];
    let config = FixConfig { venue, source: OUR_SESSION, symbols, dialect, orders_max: settings_orders() };
    Ok(FixVenue::new(config, session, &context.counters))
}

/// The engine of a region, started with these records.
pub fn engine(settings: &Settings, region: u16, bootstrap: Vec<u8>) -> EngineTileConfig {
    let other = 3 - region;
    let mut config = EngineTileConfig::new(&format!("engine{region}"), bootstrap);
    config.engine = EngineConfig {
        orders_max: ORDERS_MAX,
        executions_max: 1 << 14,
        positions_max: 16,
        instruments_max: 4,
        venues_max: 2,
        listings_max: 8,
        slots_max: 4,
        book_orders_max: 1 << 10,
        book_levels_max: 512,
        ..EngineConfig::default()
    };
    config.segment_bytes = settings.engine_segment_bytes(region);
    let place = usize::from(region) - 1;
    let waits_for =
        WaitsFor { device: settings.disk[place], standby: settings.standbys[place] == Standby::IsWaitedFor };
    config.held_max = if waits_for.device || waits_for.standby { HELD_MAX } else { 0 };
    config.waits_for = waits_for;
    config.inputs = vec![
        format!("gateway{region}_engine{region}"),
        format!("feed{region}_engine{region}"),
        format!("agent{region}_engine{region}"),
        format!("line{region}_engine{region}"),
        format!("operator{region}_engine{region}"),
    ];
    config.commands = vec![(region, format!("engine{region}_gateway{region}"))];
    config.feeds = vec![(region, format!("engine{region}_feed{region}"))];
    let guard = SessionSettings::default().record(0);
    config.guards = vec![SessionGuard { header: Header { venue: region, ..guard.header }, ..guard }];
    let peer: PeerSettings = table(&[r#"{"link":"-"}"#]);
    config.peers = vec![(peer.record(other), format!("engine{region}_line{region}"))];
    let listings = vec![QuotedListing { venue: region, instrument: INSTRUMENT }];
    config.quotes = Some(QuoteSettings {
        region: REGIONS[usize::from(region) - 1].to_owned(),
        interval_ns: 10 * MILLISECOND,
        repeat_ns: 200 * MILLISECOND,
        to: BTreeMap::from([(other, listings)]),
    });
    config.outputs = Some(format!("engine{region}_agent{region}"));
    (config.timer_ns, config.heartbeat_ns) = (10 * MILLISECOND, 100 * MILLISECOND);
    config
}

/// The two engines of a region, each to the other: the names of their links end as their processes' do.
pub fn partner(region: u16, [own, other]: [&str; 2]) -> PartnerSettings {
    PartnerSettings {
        to: format!("pair{region}{own}"),
        from: format!("pair{region}{other}"),
        lead: format!("lead{region}{own}"),
        history: None,
        silence_ns: 200 * MILLISECOND,
    }
}

/// Adds a record's bytes.
pub fn push<T: Record>(bytes: &mut Vec<u8>, record: T) {
    bytes.extend_from_slice(bytes_of(&record));
}

/// One instrument, listed at so many venues.
pub fn reference_data(bytes: &mut Vec<u8>, venues: u16) {
    let mut band = TickBand::new();
    (band.table, band.tick_nanos) = (1, TICK);
    push(bytes, band);
    let mut definition = Definition::new();
    definition.header.instrument = INSTRUMENT;
    definition.key[..4].copy_from_slice(b"AAPL");
    definition.units_per_lot_e8 = UNITS_E8 as i64;
    definition.prior_close_nanos = super::flow::MIDDLE;
    (definition.band_low_nanos, definition.band_high_nanos) = (UNDEF_PRICE, UNDEF_PRICE);
    definition.currency = *b"USD\0";
    (definition.class, definition.active) = (1, 1);
    push(bytes, definition);
    for venue in 1..=venues {
        let mut listing = Listing::new();
        (listing.header.venue, listing.header.instrument) = (venue, INSTRUMENT);
        listing.symbol[..4].copy_from_slice(b"AAPL");
        (listing.tick_table, listing.increment_lots, listing.round_lot_lots) = (1, 1, 100);
        (listing.price_min_nanos, listing.price_max_nanos) = (TICK, 100_000 * NANOS);
        (listing.active, listing.replace_quantity) = (1, 1);
        push(bytes, listing);
    }
}

fn limits(bytes: &mut Vec<u8>) {
    for (node, parent, level, name) in [
        (1, 0, NodeLevel::Firm, "firm"),
        (2, 1, NodeLevel::Desk, "desk"),
        (3, 2, NodeLevel::Strategy, "strategy"),
        (4, 3, NodeLevel::Account, "account"),
    ] {
        let mut record = Node::new();
        (record.node, record.parent, record.level) = (node, parent, level.code());
        record.name[..name.len()].copy_from_slice(name.as_bytes());
        push(bytes, record);
    }
    let money = i128::from(NANOS);
    let lots = i128::from(POSITION_LOTS_MAX);
    let values = [
        (Metric::OrderQuantity, 1_000),
        (Metric::OrderNotional, 10_000_000 * money),
        (Metric::PriceCollar, 100_000),
        (Metric::MessageRate, 1_000_000),
        (Metric::OpenOrders, OPEN_ORDERS_MAX as i128),
        (Metric::PositionLong, lots),
        (Metric::PositionShort, lots),
        (Metric::GrossExposure, 1_000_000_000 * money),
    ];
    let everywhere = [1, 3].into_iter().flat_map(|node| values.map(|value| (node, value)));
    for (at, (node, (metric, value))) in everywhere.enumerate() {
        push(bytes, limit(at as u32 + 1, node, metric, value));
    }
    for ((id, _), metric) in GLOBAL_LIMITS.into_iter().zip([Metric::PositionLong, Metric::PositionShort]) {
        let global = i128::from(GLOBAL_LOTS_MAX);
        push(bytes, LimitSet { enforcement: Enforcement::Global.code(), ..limit(id, 1, metric, global) });
    }
}

/// A limit of all instruments at a node, with the windows that its metric wants.
pub fn limit(id: u32, node: u32, metric: Metric, value: i128) -> LimitSet {
    let mut record = LimitSet::new();
    (record.limit, record.node, record.metric) = (id, node, metric.code());
    record.value = MoneyNanos::new(value);
    record.selector = SelectorKind::All.code();
    (record.generation, record.revision, record.last_of_set) = (0, 1, 1);
    if metric == Metric::MessageRate {
        (record.window_ns, record.burst) = (1_000_000_000, 100_000);
    }
    if metric == Metric::PriceCollar {
        record.window_ns = 5_000_000_000;
    }
    record
}

fn slots(bytes: &mut Vec<u8>, region: u16) {
    let other = 3 - region;
    for slot in [SLOT, EXECUTOR] {
        let mut record = Slot::new();
        record.code_hash = CODE;
        (record.account, record.strategy, record.desk, record.trader) = (4, 3, 2, 9);
        (record.slot, record.slot_version, record.fuel, record.timer_ns) = (slot, 1, 1_000, 20 * MILLISECOND);
        if slot == EXECUTOR {
            (record.origin, record.serves, record.timer_ns) = (other, 3, 0);
        }
        push(bytes, record);
    }
    for (slot, venue, index, executor) in
        [(SLOT, region, 0, 0), (SLOT, other, 1, other as u8), (EXECUTOR, region, 0, 0)]
    {
        let mut bind = SlotBind::new();
        (bind.header.venue, bind.header.instrument) = (venue, INSTRUMENT);
        (bind.slot, bind.index, bind.executor) = (slot, index, executor);
        push(bytes, bind);
    }
    for slot in [SLOT, EXECUTOR] {
        let mut control = StrategyControl::new();
        (control.slot, control.run) = (slot, SlotRun::Running.code());
        push(bytes, control);
    }
}

/// The first inputs of a life of an engine: everything for the first, its epoch alone for a later one.
pub fn bootstrap(region: u16, epoch: u16, first: bool, unconfirmed: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut start = EngineStart::new();
    (start.day, start.day_start_ns) = (OrderId::day_of(crate::Simulation::START_NS), midnight_ns());
    (start.shard, start.epoch, start.firm, start.unconfirmed) = (region, epoch, 1, u8::from(unconfirmed));
    push(&mut bytes, start);
    if first {
        reference_data(&mut bytes, 2);
        limits(&mut bytes);
        slots(&mut bytes, region);
    }
    bytes
}
