//! What an exchange process is told: where it listens and publishes, who may order, what it lists.
//!
//! Invariant: everything is checked before anything starts, all errors at once; what orders depend on becomes the first
//! records of the sequenced input, so that the journal alone replays.

use std::net::{Ipv4Addr, SocketAddrV4};

use records::{ExchangeListing, ExchangeSession, SelfTrade, TradingState, UNDEF_PRICE};
use serde::Deserialize;
use tiles::StartError;

use crate::door::DoorConfig;
use crate::flow::FlowConfig;

/// Longest day of a session kept for those who reconnect.
const SESSION_MESSAGES: usize = 1 << 17;
const FEED_MESSAGES: usize = 1 << 19;

/// The whole process.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExchangeConfig {
    /// The tile's name.
    pub name: String,
    /// Venue id of the reference data.
    pub venue: u16,
    /// Name of the feed's session, at most ten characters.
    pub feed_session: String,
    /// Multicast groups of lines A and B.
    pub lines: Vec<SocketAddrV4>,
    /// Interface that multicast leaves through.
    pub interface: Ipv4Addr,
    /// Where missing messages are asked for.
    pub retransmission: SocketAddrV4,
    /// Where snapshots are given.
    pub snapshot: SocketAddrV4,
    /// Login of the snapshot server.
    pub snapshot_username: String,
    /// Its password, read from the file that the topology names.
    #[serde(rename = "snapshot_password_file", deserialize_with = "secret")]
    pub snapshot_password: String,
    /// Sessions that may order over OUCH.
    #[serde(default)]
    pub ports: Vec<PortConfig>,
    /// How long and how many connections may wait for their login, at each port and at the snapshot server.
    #[serde(default)]
    pub door: DoorConfig,
    /// Sessions whose commands come from inside the process or over links (flow).
    #[serde(default)]
    pub inner: Vec<InnerConfig>,
    /// Recorded or generated flow, each through a session of `inner`.
    #[serde(default)]
    pub flow: Vec<FlowConfig>,
    /// What is traded.
    pub listings: Vec<ListingConfig>,
    /// Resting orders of all books.
    #[serde(default = "orders_default")]
    pub orders: usize,
    /// Price levels of one side of one book.
    #[serde(default = "levels_default")]
    pub levels_per_side: usize,
    /// Latest trades that can still be broken.
    #[serde(default = "trades_default")]
    pub trades: usize,
    /// UTC of the midnight that the protocols' times count from; 0: of UTC.
    #[serde(default)]
    pub midnight_ns: u64,
    /// Feed messages kept for retransmission.
    #[serde(default = "feed_messages_default")]
    pub feed_messages: usize,
    /// Messages of an order session kept for a day.
    #[serde(default = "session_messages_default")]
    pub session_messages: usize,
    /// Size of a journal segment's file.
    #[serde(default = "segment_default")]
    pub segment_bytes: usize,
}

/// An order session.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortConfig {
    /// Its number, from 1, unique in the exchange.
    pub session: u32,
    /// Where it listens.
    pub listen: SocketAddrV4,
    /// At most six characters.
    pub username: String,
    /// At most ten characters, read from the file that the topology names.
    #[serde(rename = "password_file", deserialize_with = "secret")]
    pub password: String,
    /// Self-trade group; 0: none.
    #[serde(default)]
    pub owner: u32,
    /// Participant shown for attributable orders, four letters.
    #[serde(default)]
    pub participant: String,
    /// Whether losing the connection cancels its orders.
    #[serde(default)]
    pub cancel_on_disconnect: bool,
    /// `none`, `newest`, `oldest`, `both` or `decrement`.
    #[serde(default)]
    pub self_trade: String,
}

/// A session without a socket.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InnerConfig {
    /// Its number, from 1, unique in the exchange.
    pub session: u32,
    /// Self-trade group; 0: none.
    #[serde(default)]
    pub owner: u32,
}

/// A listed instrument.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListingConfig {
    /// Instrument id of the reference data.
    pub instrument: u32,
    /// At most eight characters.
    pub symbol: String,
    /// The feed's own number.
    pub locate: u16,
    /// Prices are multiples of this.
    pub tick_nanos: i64,
    /// Below `small_below_nanos` they are multiples of this; 0: no such band.
    #[serde(default)]
    pub small_tick_nanos: i64,
    /// Where the small band ends.
    #[serde(default)]
    pub small_below_nanos: i64,
    /// Largest price; 0: what the protocols carry.
    #[serde(default)]
    pub price_max_nanos: i64,
    /// Quantities are multiples of this.
    #[serde(default = "one")]
    pub increment_lots: i64,
    /// The feed's round lot.
    #[serde(default = "round_lot_default")]
    pub round_lot: u32,
    /// How far from the touch a market order may trade, parts per million; 0: no bound.
    #[serde(default)]
    pub protection_ppm: u32,
}

/// Secrets come by file, so that they are in no topology, argument or environment.
fn secret<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let path = std::path::PathBuf::deserialize(deserializer)?;
    let text = std::fs::read_to_string(&path)
        .map_err(|error| serde::de::Error::custom(format!("{}: {error}", path.display())))?;
    Ok(text.trim_end().to_owned())
}

fn orders_default() -> usize {
    1 << 17
}
fn levels_default() -> usize {
    8192
}
fn trades_default() -> usize {
    1 << 17
}
fn feed_messages_default() -> usize {
    FEED_MESSAGES
}
fn session_messages_default() -> usize {
    SESSION_MESSAGES
}
fn segment_default() -> usize {
    16 << 20
}
fn one() -> i64 {
    1
}
fn round_lot_default() -> u32 {
    100
}

/// Largest price of the protocols: 199,999.9900.
pub(crate) const WIRE_PRICE_MAX_NANOS: i64 = 199_999_990_000_000;
/// Largest quantity of the order protocol.
const WIRE_LOTS_MAX: i64 = 999_999;
/// One unit of a wire price.
const WIRE_UNIT_NANOS: i64 = 100_000;

impl ExchangeConfig {
    /// Checks everything.
    ///
    /// # Errors
    /// One sentence a line for each thing that is wrong.
    pub fn check(&self) -> Result<(), StartError> {
        let mut errors = Vec::new();
        let mut must = |holds: bool, error: String| {
            if !holds {
                errors.push(format!("tile {}: {error}", self.name));
            }
        };
        must(self.venue > 0, "venue = 0: ids start at 1".into());
        let name = &self.feed_session;
        must(fits(name, 10), format!("feed_session = {name:?}: one to ten printable ASCII characters"));
        must(!self.lines.is_empty(), "lines = []: at least line A".into());
        for line in &self.lines {
            must(line.ip().is_multicast(), format!("lines: {line} is no multicast group"));
        }
        must(!self.listings.is_empty(), "listings = []: nothing to trade".into());
        must(self.orders > 0, "orders = 0: at least 1".into());
        must(self.levels_per_side > 0, "levels_per_side = 0: at least 1".into());
        must(self.feed_messages > 0, "feed_messages = 0: at least 1".into());
        must(self.session_messages > 0, "session_messages = 0: at least 1".into());
        self.door.problems().into_iter().for_each(|problem| must(false, problem));
        let mut sessions: Vec<u32> = self.ports.iter().map(|port| port.session).collect();
        sessions.extend(self.inner.iter().map(|inner| inner.session));
        must(sessions.iter().all(|session| (1..=4096).contains(session)), "sessions: numbers from 1 to 4096".into());
        must(distinct(sessions), "ports, inner: two sessions have the same number".into());
        must(fits(&self.snapshot_username, 6), "snapshot_username: one to six characters".into());
        must(fits(&self.snapshot_password, 10), "snapshot_password: one to ten characters".into());
        for flow in &self.flow {
            let at = format!("flow.{}", flow.symbol);
            let inner = self.inner.iter().any(|inner| inner.session == flow.session);
            must(inner, format!("{at}.session = {}: must be one of inner", flow.session));
            let listed = self.listings.iter().any(|listing| listing.instrument == flow.instrument);
            must(listed, format!("{at}.instrument = {}: must be one of listings", flow.instrument));
        }
        for port in &self.ports {
            let at = format!("ports.{}", port.session);
            must(fits(&port.username, 6), format!("{at}.username = {:?}: one to six characters", port.username));
            must(fits(&port.password, 10), format!("{at}.password: one to ten characters"));
            must(port.participant.len() <= 4, format!("{at}.participant = {:?}: at most four", port.participant));
            let allowed = "allowed are none, newest, oldest, both, decrement";
            must(self_trade(&port.self_trade).is_some(), format!("{at}.self_trade = {:?}: {allowed}", port.self_trade));
        }
        must(distinct(self.listings.iter().map(|l| l.instrument).collect()), "listings: an instrument twice".into());
        must(distinct(self.listings.iter().map(|l| u32::from(l.locate)).collect()), "listings: a locate twice".into());
        for listing in &self.listings {
            let at = format!("listings.{}", listing.symbol);
            must(fits(&listing.symbol, 8), format!("{at}.symbol: one to eight characters"));
            must(
                (1..=65_535).contains(&listing.instrument),
                format!("{at}.instrument = {}: from 1 to 65535", listing.instrument),
            );
            let on_wire = listing.tick_nanos > 0 && listing.tick_nanos % WIRE_UNIT_NANOS == 0;
            must(on_wire, format!("{at}.tick_nanos = {}: a multiple of {WIRE_UNIT_NANOS}", listing.tick_nanos));
            let small = listing.small_tick_nanos;
            must(
                small >= 0 && small % WIRE_UNIT_NANOS == 0,
                format!("{at}.small_tick_nanos = {small}: 0 or a multiple of {WIRE_UNIT_NANOS}"),
            );
            must(listing.increment_lots > 0, format!("{at}.increment_lots = {}: at least 1", listing.increment_lots));
        }
        if errors.is_empty() { Ok(()) } else { Err(StartError(errors.join("\n"))) }
    }

    /// Largest session and instrument numbers.
    pub(crate) fn largest(&self) -> (usize, usize) {
        let ports = self.ports.iter().map(|port| port.session);
        let sessions = ports.chain(self.inner.iter().map(|inner| inner.session)).max().unwrap_or(0);
        let instruments = self.listings.iter().map(|listing| listing.instrument).max().unwrap_or(0);
        (sessions as usize, instruments as usize)
    }
}

/// Text padded with spaces to its field; its length was checked.
pub(crate) fn padded<const N: usize>(text: &str) -> [u8; N] {
    wire::padded(text.as_bytes()).unwrap_or([b' '; N])
}

fn fits(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn distinct(mut numbers: Vec<u32>) -> bool {
    let count = numbers.len();
    numbers.sort_unstable();
    numbers.dedup();
    numbers.len() == count
}

fn self_trade(word: &str) -> Option<u8> {
    match word {
        "" | "none" => Some(0),
        "newest" => Some(SelfTrade::CancelNewest.code()),
        "oldest" => Some(SelfTrade::CancelOldest.code()),
        "both" => Some(SelfTrade::CancelBoth.code()),
        "decrement" => Some(SelfTrade::Decrement.code()),
        _ => None,
    }
}

impl PortConfig {
    /// The record that makes the session known.
    pub(crate) fn record(&self, venue: u16) -> ExchangeSession {
        let mut record = ExchangeSession::new();
        record.header.venue = venue;
        record.header.source = self.session;
        record.owner = self.owner;
        if !self.participant.is_empty() {
            record.participant = padded(&self.participant);
        }
        record.rising = 1;
        record.cancel_on_disconnect = u8::from(self.cancel_on_disconnect);
        record.self_trade = self_trade(&self.self_trade).unwrap_or(0);
        record
    }
}

impl InnerConfig {
    /// The record that makes the session known.
    pub(crate) fn record(&self, venue: u16) -> ExchangeSession {
        let mut record = ExchangeSession::new();
        record.header.venue = venue;
        record.header.source = self.session;
        record.owner = self.owner;
        record
    }
}

impl ListingConfig {
    /// The record that lists it.
    pub(crate) fn record(&self, venue: u16) -> ExchangeListing {
        let mut record = ExchangeListing::new();
        record.header.venue = venue;
        record.header.instrument = self.instrument;
        record.symbol[..8].copy_from_slice(&padded::<8>(&self.symbol));
        record.tick_nanos = self.tick_nanos;
        record.small_tick_nanos = self.small_tick_nanos;
        record.small_below_nanos = self.small_below_nanos;
        // The wire's prices are unsigned and end at its market price.
        record.price_min_nanos = WIRE_UNIT_NANOS;
        let most =
            if matches!(self.price_max_nanos, 0 | UNDEF_PRICE) { WIRE_PRICE_MAX_NANOS } else { self.price_max_nanos };
        record.price_max_nanos = most.min(WIRE_PRICE_MAX_NANOS);
        record.increment_lots = self.increment_lots;
        record.lots_max = WIRE_LOTS_MAX;
        record.round_lot = self.round_lot;
        record.locate = u32::from(self.locate);
        record.protection_ppm = self.protection_ppm;
        record.state = TradingState::Trading.code();
        record
    }
}
