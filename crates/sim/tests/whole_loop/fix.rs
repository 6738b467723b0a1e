//! Our session with a stand-in venue over FIX: its port, our gateway's protocol, and the reader of its drop copy.
//!
//! Invariant: both sides speak of the same sessions and versions.

use std::cell::Cell;
use std::collections::BTreeMap;

use exchange::FixPortConfig;
use journal::Reader;
use records::{OrderEventKind, RecordRef, Side, parse};
use sessions::fix::{JournalSize, JournalStore, Profile, Session};
use sim::SimDisk;
use tiles::Context;
use venues::gateway::fix::{DropCopyConfig, DropCopyTile, FixConfig, FixVenue, Symbol};

use crate::bootstrap::INSTRUMENT;
use crate::truth::Truth;
use crate::world::{MILLISECOND, OUR_SESSION, Setup, World, at};
use sim::system::configs::table;

/// It is told what ours is told.
pub const COPY_SESSION: u32 = 2;

thread_local! {
    static OVER_FIX: Cell<Option<&'static str>> = const { Cell::new(None) };
    static IN_SETS: Cell<bool> = const { Cell::new(false) };
}

/// The version of FIX that this thread's worlds speak, if any.
pub fn spoken() -> Option<&'static str> {
    OVER_FIX.get()
}

/// Runs a test with venues and gateways that speak this version of FIX.
pub fn over_fix(version: &'static str, test: fn()) {
    OVER_FIX.set(Some(version));
    test();
    OVER_FIX.set(None);
}

/// Whether strategies of this thread's worlds quote, and gateways send their quotes in sets.
pub fn quotes() -> bool {
    IN_SETS.get()
}

/// As [`over_fix`], with everything that a strategy asks for as a quote, in sets.
pub fn in_sets(version: &'static str, test: fn()) {
    set_quotes(true);
    over_fix(version, test);
    set_quotes(false);
}

pub fn set_quotes(quotes: bool) {
    IN_SETS.set(quotes);
}

/// Our session over FIX, and the one that repeats it.
pub fn fix_ports(setup: &Setup, venue: u16) -> Vec<FixPortConfig> {
    let Some(version) = setup.fix else { return Vec::new() };
    let application = if version == "FIXT.1.1" { r#"{"default_appl_ver_id":"9"}"# } else { "{}" };
    let port = |session, role: &str, port| {
        let names = format!(
            r#"{{"session":{session},"role":"{role}","listen":"{}","begin_string":"{version}","sender_comp_id":"HOUSE",
            "target_comp_id":"CLIENT{session}","username":"mrdn","store_bytes":{},"store_messages_max":65536}}"#,
            at(port, venue),
            setup.segment_bytes
        );
        FixPortConfig { password: "secret".into(), throttle: setup.throttle.clone(), ..table(&[&names, application]) }
    };
    let orders = FixPortConfig {
        owner: 1,
        self_trade: "oldest".into(),
        cancel_on_disconnect: setup.cancel_on_disconnect.into(),
        ..port(OUR_SESSION, "orders", setup.ports.orders)
    };
    let copies = vec![OUR_SESSION];
    vec![orders, FixPortConfig { copies, ..port(COPY_SESSION, "drop_copy", setup.ports.orders + 50) }]
}

/// A session of ours and its store, which lies on the tile's disk.
fn fix_session(setup: &Setup, session: u32, context: &Context) -> Session {
    let version = setup.fix.expect("venues speak FIX");
    let application = if version == "FIXT.1.1" { r#"{"default_appl_ver_id":"9"}"# } else { "{}" };
    let next = if version < "FIX.4.4" { "{}" } else { r#"{"next_expected":true}"# };
    let names =
        format!(r#"{{"begin_string":"{version}","sender_comp_id":"CLIENT{session}","target_comp_id":"HOUSE"}}"#);
    let ours =
        r#"{"initiator":true,"username":"mrdn","heartbeat_s":6,"logon_ns_max":1000000000,"takes_expected":true}"#;
    let mut profile: Profile = table(&[&names, application, next, ours, setup.fix_keys.0]);
    profile.password = "secret".into();
    let size = JournalSize { segment_bytes: setup.segment_bytes, segments_max: 64, messages_max: 1 << 15 };
    let store = JournalStore::open(context.storage.clone(), "fix", size, context.clock.now_ns()).unwrap();
    Session::new(profile, Box::new(store), None)
}

pub fn fix_venue(setup: &Setup, venue: u16, context: &Context) -> FixVenue {
    let session = fix_session(setup, OUR_SESSION, context);
    let quotes = if quotes() { r#"{"quotes":"mass","quote_entries_max":5}"# } else { "{}" };
    let dialect = table(&[r#"{"execution_id":"digits","status_ns_max":100000000}"#, quotes, setup.fix_keys.1]);
    let symbols = vec![(INSTRUMENT, Symbol::new("AAPL"))];
    let config = FixConfig { venue, source: OUR_SESSION, symbols, dialect, orders_max: setup.orders_max };
    FixVenue::new(config, session, &context.counters)
}

/// Reads what the venue repeats of our session.
fn drop_copy(setup: &Setup, venue: u16, context: &Context) -> DropCopyTile {
    let config = DropCopyConfig {
        name: format!("drop_copy{venue}"),
        venue,
        source: COPY_SESSION,
        address: at(setup.ports.orders + 50, venue),
        symbols: vec![(INSTRUMENT, Symbol::new("AAPL"))],
        dialect: table(&[r#"{"execution_id":"digits"}"#]),
        reconnect_ns: 2 * MILLISECOND,
        journal_segment_bytes: setup.segment_bytes,
    };
    DropCopyTile::new(config, fix_session(setup, COPY_SESSION, context), context)
}

/// Number and side of every execution in a drop copy's journal, with lots and price as it says them last.
fn copied_executions(disk: &SimDisk, segment_bytes: usize) -> BTreeMap<(u64, u8), (i64, i64)> {
    let mut found = BTreeMap::new();
    let mut reader = Reader::from_storage(disk, segment_bytes).unwrap();
    while let Some((_, record)) = reader.next().unwrap() {
        let Ok(RecordRef::OrderEvent(event)) = parse(record) else { continue };
        let (key, terms) = ((event.execution_id, event.side), (event.lots, event.price_nanos));
        match OrderEventKind::from_code(event.event) {
            Some(OrderEventKind::Filled) => {
                // What comes again was corrected meanwhile, perhaps.
                assert!(!found.contains_key(&key) || event.possible_duplicate == 1, "told twice: {event:?}");
                found.entry(key).or_insert(terms);
            }
            Some(OrderEventKind::Corrected) => drop(found.insert(key, terms)),
            Some(OrderEventKind::Broken) => drop(found.insert(key, (0, 0))),
            _ => {}
        }
    }
    found
}

impl World {
    pub fn start_drop_copy(&mut self, venue: u16) {
        let context = self.context(&format!("drop_copy{venue}"));
        let tile = drop_copy(&self.setup, venue, &context);
        let id = self.sim.add(Box::new(tile)).unwrap();
        self.venue(venue).drop_copy = Some(id);
    }

    /// The drop copy tells of every fill that the venue made, with its changes. Ends its reader.
    pub fn check_drop_copy(&mut self, venue: u16, truth: &Truth) {
        let Some(id) = self.venue(venue).drop_copy.take() else { return };
        self.sim.kill(id);
        let disk = self.sim.disk(&format!("drop_copy{venue}"));
        let copied = copied_executions(&disk, self.setup.segment_bytes);
        assert_eq!(copied.len() as u64, truth.fills, "seed {}: fills that the drop copy tells of", self.setup.seed);
        let (mut position, mut notional_nanos) = (0, 0);
        for ((_, side), (lots, price_nanos)) in &copied {
            let lots = Side::from_code(*side).expect("a side").sign() * lots;
            position += lots;
            notional_nanos += i128::from(lots) * i128::from(*price_nanos);
        }
        let said = (position, notional_nanos);
        assert_eq!(said, (truth.position, truth.notional_nanos), "seed {}: the drop copy's sum", self.setup.seed);
    }
}
