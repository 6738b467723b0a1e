//! Feed, engine and gateway tiles on one thread, as the one-thread runner has them: each in turn, the clock read after each.
//!
//! Invariant: the tiles are those that trade, with their links, journals and counters; only the sockets given to them differ
//! from row to row.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use engine::{EngineConfig, EngineTile, EngineTileConfig};
use links::{Counter, Counters, HistogramSnapshot, Publication, Reading, Ring, RingConfig, Subscription};
use sessions::soup::ClientConfig;
use strategies::CompiledHost;
use tiles::{Clock, Context, Net, RealClock, RealStorage, StartError, Tile};
use venues::feed::{FeedConfig, FeedListing, FeedTile};
use venues::gateway::{GatewayConfig, GatewayTile, OuchConfig, OuchVenue};

use super::firm::{self, Strategy, VENUE};

const DAY_NS: u64 = 86_400_000_000_000;
/// Nothing of the runner's patience plays a part in these rows.
const NEVER_NS: u64 = 1 << 62;
const RING_RECORDS: usize = 4_096;
const SEGMENT_BYTES: usize = 16 << 20;

/// What a plant is made of.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Symbols of the flow.
    pub symbols: u16,
    /// The strategy.
    pub strategy: Strategy,
    /// Directory of its object code.
    pub libraries: PathBuf,
    /// Where journals go; emptied by whoever made it.
    pub directory: PathBuf,
    /// Orders and replaces that the session has room for.
    pub orders_max: usize,
}

/// Where the sockets are.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// Lines of the feed.
    pub lines: Vec<SocketAddrV4>,
    /// The order port.
    pub port: SocketAddrV4,
}

/// The three tiles.
pub struct Plant {
    tiles: [Box<dyn Tile>; 3],
    clock: Rc<RealClock>,
    counters: Counters,
    outputs: Box<dyn Subscription + Send>,
}

/// UTC of the last midnight.
pub fn midnight_ns(now_ns: u64) -> u64 {
    now_ns / DAY_NS * DAY_NS
}

impl Plant {
    /// Makes and starts the tiles.
    pub fn start(setup: &Setup, net: &Rc<dyn Net>, clock: &Rc<RealClock>, at: &Addresses) -> Result<Self, StartError> {
        let counters = Counters::local();
        let ring = |reliable: bool| {
            let record_bytes_max = records::RECORD_BYTES_MAX;
            Ring::heap(&RingConfig { depth_records: RING_RECORDS, record_bytes_max, reliable: vec![reliable] })
        };
        let (feed_engine, engine_gateway, gateway_engine) = (ring(true)?, ring(true)?, ring(true)?);
        let engine_report = ring(false)?;
        let context = |name: &str, out: &[(&str, &Ring)], ins: &[(&str, &Ring)]| -> Result<Context, StartError> {
            let clock: Rc<dyn Clock> = clock.clone();
            let end =
                |(name, ring): &(&str, &Ring)| ((*name).to_owned(), Box::new(ring.producer()) as Box<dyn Publication>);
            let mut subscriptions: BTreeMap<String, Box<dyn Subscription>> = BTreeMap::new();
            for (name, ring) in ins {
                subscriptions.insert((*name).to_owned(), ring.consumer(0)?);
            }
            Ok(Context {
                clock,
                net: net.clone(),
                storage: Rc::new(RealStorage::new(&setup.directory.join(name))?),
                publications: out.iter().map(end).collect(),
                subscriptions,
                counters: counters.scope(name),
            })
        };
        let midnight_ns = midnight_ns(clock.now_ns());
        let mut feed = context("feed", &[("feed_engine", &feed_engine)], &[])?;
        let mut gateway =
            context("gateway", &[("gateway_engine", &gateway_engine)], &[("engine_gateway", &engine_gateway)])?;
        let engine = context(
            "engine",
            &[("engine_gateway", &engine_gateway), ("engine_report", &engine_report)],
            &[("feed_engine", &feed_engine), ("gateway_engine", &gateway_engine)],
        )?;
        let outputs = engine_report.consumer(0)?;
        let mut tiles: [Box<dyn Tile>; 3] = [
            Box::new(FeedTile::new(feed_config(setup, at, midnight_ns), &mut feed)?),
            Box::new(EngineTile::new(engine, engine_config(setup, clock.now_ns()), host(&setup.libraries))?),
            Box::new(GatewayTile::new(gateway_config(at), ouch(setup, midnight_ns), &mut gateway)?),
        ];
        for tile in &mut tiles {
            tile.on_start(clock.now_ns())?;
        }
        Ok(Self { tiles, clock: clock.clone(), counters, outputs })
    }

    /// One cycle that begins at `now_ns`; how much work was done.
    #[inline]
    pub fn cycle(&mut self, mut now_ns: u64) -> usize {
        let mut work = 0;
        for tile in &mut self.tiles {
            work += tile.do_work(now_ns);
            now_ns = self.clock.now_ns();
        }
        work
    }

    /// Reads what the engine reports, as whoever reports would in a process of its own.
    pub fn drain(&mut self) {
        while self.outputs.poll(RING_RECORDS, &mut |_| {}) > 0 {}
    }

    /// A counter, by its full name.
    pub fn counter(&self, name: &str) -> Counter {
        self.counters.counter(name)
    }

    /// All counters.
    pub fn counters(&self) -> Vec<(String, u64)> {
        let value = |(name, reading)| match reading {
            Reading::Counter(value) => Some((name, value)),
            Reading::Histogram(_) => None,
        };
        self.counters.readings().into_iter().filter_map(value).collect()
    }

    /// Latency histograms of the tiles, whole.
    pub fn stages(&self) -> Vec<(String, HistogramSnapshot)> {
        let value = |(name, reading)| match reading {
            Reading::Counter(_) => None,
            Reading::Histogram(snapshot) => Some((name, snapshot)),
        };
        self.counters.readings().into_iter().filter_map(value).collect()
    }

    /// Closes the tiles.
    pub fn close(&mut self) {
        for tile in self.tiles.iter_mut().rev() {
            tile.on_close(self.clock.now_ns());
        }
    }
}

fn host(libraries: &Path) -> Box<CompiledHost> {
    Box::new(CompiledHost::new(libraries))
}

fn feed_config(setup: &Setup, at: &Addresses, midnight_ns: u64) -> FeedConfig {
    let nowhere = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9);
    FeedConfig {
        name: "feed".to_owned(),
        venue: VENUE,
        lines: at.lines.clone(),
        interface: Ipv4Addr::LOCALHOST,
        retransmission: nowhere,
        snapshot: nowhere,
        username: *b"bench ",
        password: *b"bench     ",
        listings: (1..=u32::from(setup.symbols))
            .map(|instrument| FeedListing { symbol: firm::symbol(instrument), instrument })
            .collect(),
        midnight_ns,
        requests: None,
        link: "feed_engine".to_owned(),
        request_interval_ns: 1_000_000,
        gap_age_ns_max: NEVER_NS,
        gap_messages_max: u64::MAX,
        silence_ns: NEVER_NS,
    }
}

fn engine_config(setup: &Setup, now_ns: u64) -> EngineTileConfig {
    let symbols = usize::from(setup.symbols);
    EngineTileConfig {
        engine: EngineConfig {
            instruments_max: symbols,
            listings_max: symbols,
            venues_max: 1,
            book_orders_max: 262_144,
            feed_silence_ns: NEVER_NS,
            ..EngineConfig::default()
        },
        inputs: vec!["feed_engine".to_owned(), "gateway_engine".to_owned()],
        commands: vec![(VENUE, "engine_gateway".to_owned())],
        outputs: Some("engine_report".to_owned()),
        segment_bytes: SEGMENT_BYTES,
        ..EngineTileConfig::new("engine", firm::bootstrap(setup.symbols, &setup.strategy, now_ns))
    }
}

fn gateway_config(at: &Addresses) -> GatewayConfig {
    GatewayConfig {
        name: "gateway".to_owned(),
        venue: VENUE,
        source: 1,
        address: at.port,
        commands: "engine_gateway".to_owned(),
        events: "gateway_engine".to_owned(),
        engine_silence_ns_max: NEVER_NS,
        reconnect_ns: 1_000_000,
        cancel_on_disconnect: 0,
        journal_segment_bytes: SEGMENT_BYTES,
    }
}

fn ouch(setup: &Setup, midnight_ns: u64) -> OuchVenue {
    let login = ClientConfig { username: *b"bench ", password: *b"bench     ", session: [b' '; 10], first_sequence: 1 };
    let symbols = (1..=u32::from(setup.symbols)).map(|instrument| (instrument, firm::symbol(instrument))).collect();
    OuchVenue::new(login, OuchConfig { venue: VENUE, source: 1, symbols, midnight_ns }, setup.orders_max)
}
