//! What an exchange process is told: where it listens and publishes, who may order, what it lists.
//!
//! Invariant: everything is checked before anything starts, all errors at once; what orders depend on becomes the first
//! records of the sequenced input, so that the journal alone replays.

use std::net::{Ipv4Addr, SocketAddrV4};

use records::{CancelOnDisconnect, ExchangeListing, ExchangeSession, SelfTrade, TradingState, UNDEF_PRICE};
use tiles::settings::{none_all_or_word, secret};
use tiles::{DoorConfig, StartError, settings};

use crate::fix::FixPortConfig;
use crate::flow::FlowConfig;
use crate::schedule::PhaseConfig;
use crate::throttle::ThrottleConfig;

/// Longest day of a session kept for those who reconnect.
const SESSION_MESSAGES: usize = 1 << 17;
const FEED_MESSAGES: usize = 1 << 19;

settings! {
    /// The whole process.
    pub struct ExchangeConfig {
        /// The tile's name.
        pub name: String, "the tile's name", |name| !name.is_empty();
        /// Venue id of the reference data.
        pub venue: u16, "a whole number from 1 to 65535", |venue| *venue > 0;
        /// Name of the feed's session, at most ten characters.
        pub feed_session: String, "one to ten printable ASCII characters", |name| fits(name, 10);
        /// Multicast groups of lines A and B.
        pub lines: Vec<SocketAddrV4>, "one or two multicast groups such as 239.77.1.1:9000",
            |lines| (1..=2).contains(&lines.len()) && lines.iter().all(|line| line.ip().is_multicast());
        /// Interface that multicast leaves through.
        pub interface: Ipv4Addr, "the address of an interface, such as 127.0.0.1";
        /// Where missing messages are asked for.
        pub retransmission: SocketAddrV4, "an address such as 127.0.0.1:9000";
        /// Where snapshots are given.
        pub snapshot: SocketAddrV4, "an address such as 127.0.0.1:9000";
        /// Login of the snapshot server.
        pub snapshot_username: String, "one to six printable ASCII characters", |name| fits(name, 6);
        /// Its password, read from the file that the topology names.
        pub snapshot_password: String as "snapshot_password_file" by secret,
            "a file that holds one to ten printable ASCII characters", |password| fits(password, 10);
        /// Sessions that may order over OUCH.
        pub ports: Vec<PortConfig> = Vec::new(), "a list of tables";
        /// FIX sessions: orders, drop copies, market data.
        pub fix_ports: Vec<FixPortConfig> = Vec::new(), "a list of tables";
        /// How long and how many connections may wait for their login, at each port and at the snapshot server.
        pub door: DoorConfig = DoorConfig::default(), "a table";
        /// Sessions whose commands come from inside the process or over links (flow).
        pub inner: Vec<InnerConfig> = Vec::new(), "a list of tables";
        /// Recorded or generated flow, each through a session of `inner`.
        pub flow: Vec<FlowConfig> = Vec::new(), "a list of tables";
        /// What is traded.
        pub listings: Vec<ListingConfig>, "a list of tables, one at least", |listings| !listings.is_empty();
        /// What happens by itself; without it everything trades from the start.
        pub timetable: Vec<PhaseConfig> = Vec::new(), "a list of tables";
        /// How often a call says what it would give.
        pub indicate_ms: u64 = 1000, "a whole number of ms from 1 to 3600000", |ms| (1..=3_600_000).contains(ms);
        /// Resting orders of all books.
        pub orders: usize = 1 << 17, "a whole number from 1 to 134217728", |orders| (1..=1 << 27).contains(orders);
        /// Price levels of one side of one book.
        pub levels_per_side: usize = 8192, "a whole number from 1 to 1048576", |levels| (1..=1 << 20).contains(levels);
        /// Latest trades that can still be broken.
        pub trades: usize = 1 << 17, "a whole number up to 134217728", |trades| *trades <= 1 << 27;
        /// UTC of the midnight that the protocols' times count from; 0: of UTC.
        pub midnight_ns: u64 = 0, "the UTC of the venue's midnight in ns, a whole number";
        /// Feed messages kept for retransmission.
        pub feed_messages: usize = FEED_MESSAGES, "a whole number from 1 to 134217728", |kept| (1..=1 << 27).contains(kept);
        /// Messages of an order session kept for a day.
        pub session_messages: usize = SESSION_MESSAGES, "a whole number from 1 to 134217728",
            |kept| (1..=1 << 27).contains(kept);
        /// Size of a journal segment's file.
        pub segment_bytes: usize = 16 << 20, "a multiple of 4096 from 65536 to 1073741824",
            |bytes| (64 << 10..=1 << 30).contains(bytes) && bytes % 4096 == 0;
    }
}

settings! {
    /// An order session.
    pub struct PortConfig {
        /// Its number, from 1, unique in the exchange.
        pub session: u32, "a whole number from 1 to 4096", |session| (1..=4096).contains(session);
        /// Where it listens.
        pub listen: SocketAddrV4, "an address such as 127.0.0.1:9000";
        /// At most six characters.
        pub username: String, "one to six printable ASCII characters", |name| fits(name, 6);
        /// At most ten characters, read from the file that the topology names.
        pub password: String as "password_file" by secret, "a file that holds one to ten printable ASCII characters",
            |password| fits(password, 10);
        /// Self-trade group; 0: none.
        pub owner: u32 = 0, "a whole number, 0 for none";
        /// Participant shown for attributable orders, four letters.
        pub participant: String = String::new(), "at most four characters", |text| text.len() <= 4;
        /// Which of its orders are cancelled when the connection is lost: `none`, `all`, or `day_orders` (all but those that
        /// name their own end).
        pub cancel_on_disconnect: String as "cancel_on_disconnect" by none_all_or_word = "none".into(), "none, all or day_orders",
            |word| CancelOnDisconnect::code_of_word(word).is_some();
        /// `none`, `newest`, `oldest`, `both` or `decrement`.
        pub self_trade: String = String::new(), "none, newest, oldest, both or decrement",
            |word| self_trade(word).is_some();
        /// How many messages it may send in a window.
        pub throttle: ThrottleConfig = ThrottleConfig::default(), "a table";
    }
}

settings! {
    /// A session without a socket.
    pub struct InnerConfig {
        /// Its number, from 1, unique in the exchange.
        pub session: u32, "a whole number from 1 to 4096", |session| (1..=4096).contains(session);
        /// Self-trade group; 0: none.
        pub owner: u32 = 0, "a whole number, 0 for none";
    }
}

settings! {
    /// A listed instrument.
    pub struct ListingConfig {
        /// Instrument id of the reference data.
        pub instrument: u32, "a whole number from 1 to 65535", |id| (1..=65_535).contains(id);
        /// At most eight characters.
        pub symbol: String, "one to eight printable ASCII characters", |symbol| fits(symbol, 8);
        /// The feed's own number.
        pub locate: u16, "a whole number from 1 to 65535", |locate| *locate > 0;
        /// Prices are multiples of this.
        pub tick_nanos: i64, "a multiple of 100000, above 0", |tick| *tick > 0 && tick % WIRE_UNIT_NANOS == 0;
        /// Below `small_below_nanos` they are multiples of this; 0: no such band.
        pub small_tick_nanos: i64 = 0, "0 or a multiple of 100000, above 0",
            |tick| *tick >= 0 && tick % WIRE_UNIT_NANOS == 0;
        /// Where the small band ends.
        pub small_below_nanos: i64 = 0, "a price in nanos, not below 0", |price| *price >= 0;
        /// Largest price; 0: what the protocols carry.
        pub price_max_nanos: i64 = 0, "a price in nanos, not below 0", |price| *price >= 0;
        /// Quantities are multiples of this.
        pub increment_lots: i64 = 1, "a whole number from 1 to 999999", |lots| (1..=WIRE_LOTS_MAX).contains(lots);
        /// The feed's round lot.
        pub round_lot: u32 = 100, "a whole number above 0", |lots| *lots > 0;
        /// How far from the touch a market order may trade, parts per million; 0: no bound.
        pub protection_ppm: u32 = 0, "a whole number from 0 to 1000000", |ppm| *ppm <= 1_000_000;
    }
}

/// Largest price of the protocols: 199,999.9900.
pub(crate) const WIRE_PRICE_MAX_NANOS: i64 = 199_999_990_000_000;
/// Largest quantity of the order protocol.
const WIRE_LOTS_MAX: i64 = 999_999;
/// One unit of a wire price.
const WIRE_UNIT_NANOS: i64 = 100_000;

impl ExchangeConfig {
    /// Checks what its tables say of one another; each key alone was checked when it was read.
    ///
    /// # Errors
    /// One sentence a line for each thing that is wrong.
    pub fn check(&self) -> Result<(), StartError> {
        let mut errors = Vec::new();
        let key = format!("tiles.{}.settings", self.name);
        let mut must = |holds: bool, error: String| {
            if !holds {
                errors.push(format!("{key}.{error}"));
            }
        };
        let sessions: Vec<(String, u32)> = (self.ports.iter().map(|port| port.session).enumerate())
            .map(|(at, session)| (format!("ports[{at}]"), session))
            .chain(self.inner.iter().enumerate().map(|(at, inner)| (format!("inner[{at}]"), inner.session)))
            .chain(self.fix_ports.iter().enumerate().map(|(at, port)| (format!("fix_ports[{at}]"), port.session)))
            .collect();
        for (at, (place, session)) in sessions.iter().enumerate() {
            let twice = sessions[..at].iter().any(|(_, other)| other == session);
            must(!twice, format!("{place}.session = {session}: stands twice; each session has a number of its own"));
        }
        for (at, flow) in self.flow.iter().enumerate() {
            let inner = self.inner.iter().any(|inner| inner.session == flow.session);
            must(inner, format!("flow[{at}].session = {}: must be a session of inner", flow.session));
            let listed = self.listings.iter().any(|listing| listing.instrument == flow.instrument);
            must(listed, format!("flow[{at}].instrument = {}: must be an instrument of listings", flow.instrument));
        }
        for (at, phase) in self.timetable.iter().enumerate() {
            let listed = self.listings.iter().any(|listing| [0, listing.instrument].contains(&phase.instrument));
            let instrument = phase.instrument;
            must(listed, format!("timetable[{at}].instrument = {instrument}: must be 0 or an instrument of listings"));
        }
        for (at, listing) in self.listings.iter().enumerate() {
            let before = &self.listings[..at];
            let ListingConfig { instrument, symbol, locate, .. } = listing;
            let twice = before.iter().any(|other| other.instrument == *instrument);
            must(!twice, format!("listings[{at}].instrument = {instrument}: stands twice"));
            let twice = before.iter().any(|other| other.locate == *locate);
            must(!twice, format!("listings[{at}].locate = {locate}: stands twice"));
            let twice = before.iter().any(|other| other.symbol == *symbol);
            must(!twice, format!("listings[{at}].symbol = {symbol:?}: stands twice"));
        }
        crate::fix::check(self, &mut must);
        if errors.is_empty() { Ok(()) } else { Err(StartError(errors.join("\n"))) }
    }

    /// Largest session and instrument numbers.
    pub(crate) fn largest(&self) -> (usize, usize) {
        let ports = self.ports.iter().map(|port| port.session).chain(self.fix_ports.iter().map(|port| port.session));
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

pub(crate) fn self_trade(word: &str) -> Option<u8> {
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
        record.cancel_on_disconnect = CancelOnDisconnect::code_of_word(&self.cancel_on_disconnect).unwrap_or(0);
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
    /// The record that lists it, in a state.
    pub(crate) fn record(&self, venue: u16, state: TradingState) -> ExchangeListing {
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
        record.state = state.code();
        record
    }
}
