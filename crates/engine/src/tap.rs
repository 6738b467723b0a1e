//! What strategies would be called with, out of an engine's input: books and trades of chosen listings, a row for each.
//!
//! An alpha tile follows a journal with it, a backtest its own input; both see what a strategy in the pass would. A beat's rows
//! come at the first input at or after each multiple of the beat, by engine time.
//!
//! Invariant: rows follow from the input alone. It is a fold beside the engine's, of market data only, and says nothing.

use std::cell::RefCell;
use std::rc::Rc;

use records::{
    BOOK_STALE, BOOK_TWO_SIDED, BookView, Callback, Header, Kind, LISTINGS_MAX, OrdersView, Slot, SlotBind, SlotRun,
    Stamp, StrategyControl, TradeView, VIEW_LEVELS, bytes_of, read_from,
};

use crate::config::EngineConfig;
use crate::fold::Engine;
use crate::host::{EventRef, Host, Wants};
use crate::outbox::NoOutbox;

/// Words of a row: place, what, input sequence, engine time, the venue's time, what a flag says, best bid and its lots, best ask
/// and its lots, lots of the five best bids, of the five best asks. Of a trade: the taker's side for the flag, price and lots.
pub const TAP_WORDS: usize = 10 + 2 * VIEW_LEVELS;
/// The flag is 1 when the book is two-sided and not stale.
pub const TAP_BOOK: i64 = 0;
/// The flag is the taker's side; busted trades are left out.
pub const TAP_TRADE: i64 = 1;
/// A beat: the other words are zero.
pub const TAP_BEAT: i64 = 2;
/// Listings that one tap follows.
pub const TAP_LISTINGS_MAX: usize = 128;
/// Timers are not asked for.
const NEVER_NS: u64 = 1 << 62;

/// One row.
pub type TapRow = [i64; TAP_WORDS];

struct Rows {
    listings: Vec<(u16, u32)>,
    stamp: Stamp,
    rows: Vec<TapRow>,
}

impl Rows {
    fn place(&self, venue: u32, instrument: u32) -> Option<i64> {
        let found = self.listings.iter().position(|one| (u32::from(one.0), one.1) == (venue, instrument));
        found.map(|place| place as i64)
    }

    fn row(&self, place: i64, what: i64, venue_time_ns: u64) -> TapRow {
        let venue_time_ns = if venue_time_ns == 0 { self.stamp.time_ns } else { venue_time_ns };
        let mut row = [0; TAP_WORDS];
        row[..5].copy_from_slice(&[
            place,
            what,
            self.stamp.sequence as i64,
            self.stamp.time_ns as i64,
            venue_time_ns as i64,
        ]);
        row
    }

    fn book(&mut self, view: &BookView) {
        let Some(place) = self.place(view.venue, view.instrument) else { return };
        let mut row = self.row(place, TAP_BOOK, view.venue_time_ns);
        row[5] = i64::from(view.flags & (BOOK_TWO_SIDED | BOOK_STALE) == BOOK_TWO_SIDED);
        let (bid, ask) = (view.bids[0], view.asks[0]);
        row[6..10].copy_from_slice(&[bid.price_nanos, bid.lots, ask.price_nanos, ask.lots]);
        for (at, level) in view.bids.iter().chain(&view.asks).enumerate() {
            row[10 + at] = level.lots;
        }
        self.rows.push(row);
    }

    fn trade(&mut self, view: &TradeView) {
        let Some(place) = self.place(view.venue, view.instrument).filter(|_| view.busted != 1) else { return };
        let mut row = self.row(place, TAP_TRADE, view.venue_time_ns);
        row[5..8].copy_from_slice(&[i64::from(view.taker_side), view.price_nanos, view.lots]);
        self.rows.push(row);
    }
}

/// In the strategies' place.
struct Listener(Rc<RefCell<Rows>>);

impl Host for Listener {
    fn wants(&self, _slot: u8) -> Wants {
        Wants::new(0, |callback| matches!(callback, Callback::Book | Callback::Trade))
    }

    fn call(&mut self, _slot: u8, _callback: Callback, event: EventRef<'_>, orders: &mut OrdersView) -> u32 {
        orders.intents_count = 0;
        match event {
            EventRef::Book(view) => self.0.borrow_mut().book(view),
            EventRef::Trade(view) => self.0.borrow_mut().trade(view),
            _ => {}
        }
        0
    }
}

/// Follows an engine's input.
pub struct Tap {
    engine: Engine,
    rows: Rc<RefCell<Rows>>,
    /// Sequence of the fold beside the engine's: it leaves most inputs out.
    at: u64,
    beat_ns: u64,
    next_beat_ns: u64,
    bound: bool,
}

impl Tap {
    /// Follows these listings (venue, instrument), each at its place; `beat_ns` is above zero.
    ///
    /// # Panics
    /// When there are more listings than [`TAP_LISTINGS_MAX`].
    pub fn new(config: EngineConfig, listings: Vec<(u16, u32)>, beat_ns: u64) -> Self {
        assert!(listings.len() <= TAP_LISTINGS_MAX);
        let slots_max = config.slots_max.max(TAP_LISTINGS_MAX / LISTINGS_MAX);
        let rows = Rows { listings, stamp: Stamp::default(), rows: Vec::with_capacity(1024) };
        let rows = Rc::new(RefCell::new(rows));
        let config = EngineConfig { slots_max, ..config };
        let engine = Engine::new(config, Box::new(Listener(Rc::clone(&rows))));
        Self { engine, rows, at: 0, beat_ns: beat_ns.max(1), next_beat_ns: 0, bound: false }
    }

    /// Takes an input of the engine in.
    pub fn see(&mut self, stamp: Stamp, record: &[u8]) {
        self.rows.borrow_mut().stamp = stamp;
        match read_from::<Header>(record).and_then(|header| header.kind()) {
            Some(Kind::EngineStart | Kind::TickBand | Kind::Definition | Kind::Listing | Kind::Timer) => {
                self.apply(stamp.time_ns, record);
            }
            Some(Kind::MarketOrder | Kind::MarketLevel | Kind::Trade | Kind::Status) => {
                if !self.bound {
                    self.bind(stamp.time_ns);
                }
                self.apply(stamp.time_ns, record);
            }
            _ => {}
        }
        if stamp.time_ns >= self.next_beat_ns {
            self.beat(stamp.time_ns);
        }
    }

    /// The rows since the last call.
    pub fn drain(&mut self, to: &mut Vec<TapRow>) {
        to.append(&mut self.rows.borrow_mut().rows);
    }

    fn apply(&mut self, time_ns: u64, record: &[u8]) {
        self.at += 1;
        let time_ns = time_ns.max(self.engine.time_ns());
        self.engine.apply(Stamp { sequence: self.at, time_ns }, record, &mut NoOutbox);
    }

    fn beat(&mut self, time_ns: u64) {
        let first = self.next_beat_ns == 0;
        self.next_beat_ns = (time_ns / self.beat_ns).saturating_add(1).saturating_mul(self.beat_ns);
        if first {
            return;
        }
        let mut rows = self.rows.borrow_mut();
        for place in 0..rows.listings.len() as i64 {
            let row = rows.row(place, TAP_BEAT, 0);
            rows.rows.push(row);
        }
    }

    /// Slots of the fold's own, bound to the listings.
    fn bind(&mut self, time_ns: u64) {
        self.bound = true;
        let listings = self.rows.borrow().listings.clone();
        for (at, chunk) in listings.chunks(LISTINGS_MAX).enumerate() {
            let number = at as u8 + 1;
            let mut slot = Slot::new();
            (slot.slot, slot.slot_version, slot.timer_ns, slot.fuel) = (number, 1, NEVER_NS, 1);
            self.apply(time_ns, bytes_of(&slot));
            for (index, (venue, instrument)) in chunk.iter().enumerate() {
                let mut bind = SlotBind::new();
                (bind.header.venue, bind.header.instrument) = (*venue, *instrument);
                (bind.slot, bind.index, bind.watch_only) = (number, index as u8, 1);
                self.apply(time_ns, bytes_of(&bind));
            }
            let mut control = StrategyControl::new();
            (control.slot, control.run) = (number, SlotRun::Running.code());
            self.apply(time_ns, bytes_of(&control));
        }
    }
}
