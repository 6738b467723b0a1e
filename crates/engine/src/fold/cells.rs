//! What the fold keeps of venues, listings and slots.
//!
//! Invariant: all of it is made from configuration records, before the first order, and nothing of it grows afterwards.

use records::{
    BOOK_CROSSED, BOOK_STALE, BOOK_TRADABLE, BOOK_TWO_SIDED, BookView, LEGS_MAX, LISTINGS_MAX, Listing,
    OUT_NOT_TRADING, OUT_SILENT, OUT_STALE, OrderIntent, OrdersView, REGIONS_MAX, Slot, SlotRun, TICK_ROWS, TickRow,
    TradingState, UNDEF_PRICE, WORKING_MAX,
};
use risk::Binding;

use super::guard::Guard;
use super::states::{Latencies, RiskTold};
use crate::host::Wants;

/// A venue: its order session and its feed.
pub(crate) struct VenueCell {
    pub up: bool,
    /// A `CancelOnDisconnect` code, 0: none.
    pub cancel_on_disconnect: u8,
    /// Its session takes quotes in sets.
    pub quotes: bool,
    /// Commands of the set that is being asked for.
    pub quoted: u32,
    /// How often its order session was another one than before.
    pub generation: u16,
    /// The epoch that its gateway said it obeys.
    pub obeys: u16,
    pub trading: u8,
    pub feed_stale: bool,
    pub silent: bool,
    /// The feed has spoken.
    pub fed: bool,
    /// Engine time when the feed last spoke.
    pub fed_at_ns: u64,
    /// When its last packet reached us, as the feed's tile stamped it.
    pub received_ns: u64,
    /// Breaker and throttle of its order session.
    pub guard: Guard,
    pub books: Option<book::VenueBooks>,
}

records::state!(VenueCell {
    up,
    cancel_on_disconnect,
    quotes,
    quoted,
    generation,
    obeys,
    trading,
    feed_stale,
    silent,
    fed,
    fed_at_ns,
    received_ns,
    guard,
} without {
    books,
});

impl VenueCell {
    pub fn new() -> Self {
        Self {
            up: false,
            cancel_on_disconnect: 0,
            quotes: false,
            quoted: 0,
            generation: 0,
            obeys: 0,
            trading: 0,
            feed_stale: false,
            silent: false,
            fed: false,
            fed_at_ns: 0,
            received_ns: 0,
            guard: Guard::new(),
            books: None,
        }
    }

    pub fn stale(&self) -> bool {
        self.feed_stale || self.silent
    }
}

/// An instrument at a venue.
#[derive(Debug)]
pub(crate) struct ListingCell {
    pub view: BookView,
    pub venue: u16,
    pub instrument: u32,
    pub record: Listing,
    pub units_e8: i64,
    pub ticks: [TickRow; TICK_ROWS],
    pub trading: u8,
    pub feed_stale: bool,
    /// A record of an event that is not complete changed what is visible.
    pub changed: bool,
    /// The same, of the touch.
    pub touched: bool,
    /// Its instrument's consolidated book is kept: it is at several venues, or a slot looks.
    pub consolidated: bool,
    /// Its venue's place in that book.
    pub consolidated_place: u8,
    /// The book's cell.
    pub consolidated_cell: u16,
    /// Its latencies are measured: a slot looks.
    pub timed: bool,
    pub latencies: Latencies,
    pub touch_time_ns: u64,
    pub last_nanos: i64,
    pub last_time_ns: u64,
    /// Slots bound to it, by bit.
    pub watchers: u64,
    /// Those of them that are called when its book changed.
    pub book_watchers: u64,
    /// Those of them that are called when a trade printed.
    pub trade_watchers: u64,
    /// Its index in each slot.
    pub index_in: [u8; 64],
}

records::state_value!(ListingCell {
    view,
    venue,
    instrument,
    record,
    units_e8,
    ticks,
    trading,
    feed_stale,
    changed,
    touched,
    consolidated,
    consolidated_place,
    consolidated_cell,
    timed,
    latencies,
    touch_time_ns,
    last_nanos,
    last_time_ns,
    watchers,
    book_watchers,
    trade_watchers,
    index_in,
});

impl ListingCell {
    pub fn new(record: &Listing, units_e8: i64, ticks: [TickRow; TICK_ROWS]) -> Self {
        let mut view = BookView::zeroed();
        view.instrument = record.header.instrument;
        view.venue = u32::from(record.header.venue);
        for level in view.bids.iter_mut().chain(&mut view.asks) {
            level.price_nanos = UNDEF_PRICE;
        }
        Self {
            view,
            venue: record.header.venue,
            instrument: record.header.instrument,
            record: *record,
            units_e8,
            ticks,
            trading: 0,
            feed_stale: false,
            changed: false,
            touched: false,
            consolidated: false,
            consolidated_place: 0,
            consolidated_cell: 0,
            timed: false,
            latencies: Latencies::NEVER,
            touch_time_ns: 0,
            last_nanos: UNDEF_PRICE,
            last_time_ns: 0,
            watchers: 0,
            book_watchers: 0,
            trade_watchers: 0,
            index_in: [0; 64],
        }
    }

    /// Whether new orders make sense now: the venue has said that this instrument trades, and nothing against it of all of
    /// them. What nobody has spoken of yet does not trade: it may be halted since before we joined.
    pub fn tradable(&self, venue: &VenueCell) -> bool {
        let trading = TradingState::Trading.code();
        self.record.active == 1 && self.trading == trading && (venue.trading == 0 || venue.trading == trading)
    }

    /// Whether a new order makes sense now though nothing trades: any in a call, of the instrument or of the whole venue, one for an
    /// auction alone as soon as the venue has spoken of the instrument, and until it is closed.
    #[cold]
    pub fn collects(&self, venue: &VenueCell, at_auction: bool) -> bool {
        let [trading, auction, closed] =
            [TradingState::Trading, TradingState::Auction, TradingState::Closed].map(TradingState::code);
        let calls = match (self.trading, venue.trading) {
            (own, all) if own == auction => all == 0 || all == trading || all == auction,
            (own, all) => own == trading && all == auction,
        };
        let waits = at_auction && self.trading != 0 && self.trading != closed && venue.trading != closed;
        self.record.active == 1 && (calls || waits)
    }

    pub fn stale(&self, venue: &VenueCell) -> bool {
        self.feed_stale || venue.stale()
    }

    /// Why it has no part in the consolidated book, as `OUT_*` bits.
    pub fn out(&self, venue: &VenueCell) -> u32 {
        let mut out = 0;
        for (bit, set) in [
            (OUT_STALE, self.feed_stale || venue.feed_stale),
            (OUT_SILENT, venue.silent),
            (OUT_NOT_TRADING, !self.tradable(venue)),
        ] {
            out |= if set { bit } else { 0 };
        }
        out
    }

    pub fn flags(&self, venue: &VenueCell) -> u32 {
        let (bid, ask) = (self.view.bids[0].price_nanos, self.view.asks[0].price_nanos);
        let two_sided = bid != UNDEF_PRICE && ask != UNDEF_PRICE;
        let mut flags = 0;
        for (bit, set) in [
            (BOOK_TWO_SIDED, two_sided),
            (BOOK_STALE, self.stale(venue)),
            (BOOK_CROSSED, two_sided && bid >= ask),
            (BOOK_TRADABLE, self.tradable(venue)),
        ] {
            flags |= if set { bit } else { 0 };
        }
        flags
    }
}

/// A strategy slot.
pub(crate) struct SlotCell {
    pub record: Slot,
    pub run: SlotRun,
    pub loaded: bool,
    pub view: Box<OrdersView>,
    /// Listings by index.
    pub listings: [u16; LISTINGS_MAX],
    pub bindings: [Binding; LISTINGS_MAX],
    /// The shard of the engine that runs legs at each listing, 0: this one.
    pub executors: [u8; LISTINGS_MAX],
    pub listings_count: usize,
    /// Places of its orders, in the order of the view's.
    pub working: [u32; WORKING_MAX],
    pub working_count: usize,
    pub timer_due_ns: u64,
    /// Listings whose touch or flags changed since the last call, by bit.
    pub touched: u8,
    /// Listings whose consolidated book changed since the last call, by bit; only for slots that look.
    pub consolidated_touched: u8,
    pub wants: Wants,
    /// It wants more than what every refresh brings.
    pub looks: bool,
    /// Version of exposures when its states were filled last.
    pub states_seen: u64,
    pub risk_told: [Option<RiskTold>; LISTINGS_MAX],
    /// Prices at which the queue places of its orders were counted, by place.
    pub queued_at: [i64; WORKING_MAX],
    /// When the prices of other regions in its view were heard, 0: never.
    pub quotes_heard_ns: [[u64; REGIONS_MAX]; LISTINGS_MAX],
    /// Its orders changed since the last call.
    pub orders_changed: bool,
    /// Version of exposures at the last call.
    pub exposures_seen: u64,
    /// Legs asked for that no multi-leg order has taken yet; one more than there is room for: too many.
    pub legs: [OrderIntent; LEGS_MAX],
    pub legs_count: usize,
    /// Refusals since `refusals_since_ns`.
    pub refusals: u64,
    pub refusals_since_ns: u64,
}

records::state_value!(SlotCell {
    record,
    run,
    loaded,
    view,
    listings,
    bindings,
    executors,
    listings_count,
    working,
    working_count,
    timer_due_ns,
    touched,
    consolidated_touched,
    wants,
    looks,
    states_seen,
    risk_told,
    queued_at,
    quotes_heard_ns,
    orders_changed,
    exposures_seen,
    legs,
    legs_count,
    refusals,
    refusals_since_ns,
});

impl SlotCell {
    pub fn new(record: Slot) -> Self {
        Self {
            record,
            run: SlotRun::Stopped,
            loaded: false,
            view: Box::new(OrdersView::zeroed()),
            listings: [0; LISTINGS_MAX],
            bindings: [Binding(0); LISTINGS_MAX],
            executors: [0; LISTINGS_MAX],
            listings_count: 0,
            working: [0; WORKING_MAX],
            working_count: 0,
            timer_due_ns: u64::MAX,
            touched: u8::MAX,
            consolidated_touched: 0,
            wants: Wants::default(),
            looks: false,
            states_seen: 0,
            risk_told: [None; LISTINGS_MAX],
            queued_at: [UNDEF_PRICE; WORKING_MAX],
            quotes_heard_ns: [[0; REGIONS_MAX]; LISTINGS_MAX],
            orders_changed: true,
            exposures_seen: 0,
            legs: [OrderIntent::zeroed(); LEGS_MAX],
            legs_count: 0,
            refusals: 0,
            refusals_since_ns: 0,
        }
    }

    /// Counts a refusal; whether it is the last of `storm_count` within `storm_ns` of their first.
    pub fn is_storm(&mut self, now_ns: u64, storm_count: u64, storm_ns: u64) -> bool {
        if now_ns.saturating_sub(self.refusals_since_ns) > storm_ns {
            (self.refusals, self.refusals_since_ns) = (0, now_ns);
        }
        self.refusals += 1;
        self.refusals == storm_count
    }

    /// Whether its lists are within their room and name listings that there are.
    pub fn fits(&self, listings: usize) -> bool {
        let bound = self.listings.get(..self.listings_count);
        let known = bound.is_some_and(|bound| bound.iter().all(|place| usize::from(*place) < listings));
        known && self.working_count <= WORKING_MAX && self.legs_count <= LEGS_MAX + 1
    }

    /// The index of a listing in this slot.
    pub fn index_of(&self, listing: u16) -> Option<usize> {
        self.listings[..self.listings_count].iter().position(|bound| *bound == listing)
    }
}
