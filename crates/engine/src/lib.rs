//! The deterministic engine: books, orders, positions, strategy slots, and the tile that runs it.
//!
//! Invariant: state is the fold of stamped records. Live trading, recovery, replay and backtest run this same code.

mod breaker;
mod config;
mod consolidated_counters;
mod executions;
mod executor;
mod far;
mod fold;
mod host;
mod inbox;
mod index;
mod marks;
mod merger;
mod multi_leg;
mod order_table;
mod orders;
mod outbox;
mod partner;
mod peers;
mod positions;
mod region_quotes;
mod release;
mod replay;
mod sessions;
mod settings;
mod start;
mod state_file;
mod tap;
mod throttle;
mod tile;

pub use config::EngineConfig;
pub use fold::{Engine, EngineIdentity, Inside, MarkTaken, MarketRun, STATE_VERSION, Standing, Statistics, Unrestored};
pub use host::{EventRef, Host, NoHost, Settable, Wants};
pub use inbox::{INBOX, MESSAGE_BYTES};
pub use marks::{MARKS_FILE, MARKS_MAX, Marks, MarksError, mark_of};
pub use merger::Merger;
pub use orders::Order;
pub use outbox::{NoOutbox, Outbox, Stage};
pub use partner::{History, PartnerSettings};
pub use peers::PeerSettings;
pub use positions::PositionCell;
pub use region_quotes::{BestPrices, QuoteSettings, QuotedListing, RegionQuotes};
pub use replay::{Replay, ReplayError, recorded, replay, replay_from, replay_reader};
pub use sessions::SessionSettings;
pub use settings::{EngineSettings, check_engine, disk_bytes};
pub use start::{PassedOver, PassedOverCounts, Shadow, ShadowError, Started, verify_snapshots};
pub use state_file::{Recorded, STATE_FILE, STATE_FILE_BYTES};
pub use tap::{TAP_BEAT, TAP_BOOK, TAP_LISTINGS_MAX, TAP_TRADE, TAP_WORDS, Tap, TapRow};
pub use tile::{EngineTile, EngineTileConfig, WaitsFor, not_sent};
