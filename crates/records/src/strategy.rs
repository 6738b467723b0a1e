//! What a strategy's callbacks are given: the binary interface between the engine and compiled or plain strategies.
//!
//! A callback is `extern "C" fn(record: *mut u8, event: *const Event, orders: *mut OrdersView) -> u32`: `record` holds the
//! slot's parameters and state, the result is 0 or a [`crate::CallStatus`] with the source line shifted left by eight bits.
//!
//! Before each call the host clears `intents_count` and `failure`; the engine has set `time_ns`, `fuel` (from the slot),
//! `current`, and keeps listings and working orders. Code of a strategy reads every field as signed.
//!
//! Invariant: the engine alone writes views; a strategy appends intents and burns fuel, nothing else counts. A strategy
//! writes its intents into the buffer; the fold takes them in order after the callback returned 0, and none otherwise.

use crate::layout::part;

/// Listings one slot may bind.
pub const LISTINGS_MAX: usize = 8;
/// Levels of each side that a book view shows.
pub const VIEW_LEVELS: usize = 5;
/// Orders of a slot that its view shows; also how many it may have.
pub const WORKING_MAX: usize = 64;
/// Intents one callback may make.
pub const INTENTS_MAX: usize = 32;
/// Rows of a listing's tick table in a view.
pub const TICK_ROWS: usize = 6;

/// Venues of an instrument that a consolidated book takes.
pub const CONSOLIDATED_VENUES_MAX: usize = 16;

/// Book flag: both sides have a price.
pub const BOOK_TWO_SIDED: u32 = 1;
/// Book flag: the feed is not to be trusted.
pub const BOOK_STALE: u32 = 2;
/// Book flag: bid above or at ask.
pub const BOOK_CROSSED: u32 = 4;
/// Book flag: the instrument trades now.
pub const BOOK_TRADABLE: u32 = 8;

/// Why a venue is out of a consolidated book: its feed says that the book is not to be trusted.
pub const OUT_STALE: u32 = 1;
/// The same: its feed has fallen silent.
pub const OUT_SILENT: u32 = 2;
/// The same: the instrument does not trade there (halted, closed, or nobody has said that it does).
pub const OUT_NOT_TRADING: u32 = 4;

part! {
    /// A price level.
    pub struct Level [24] {
        /// Its price; undefined when there is none.
        pub price_nanos: i64,
        /// Lots there.
        pub lots: i64,
        /// Orders there.
        pub orders: i64,
    }
}

part! {
    /// A book as a strategy sees it, best levels first.
    pub struct BookView [304] {
        /// Engine time.
        pub time_ns: u64,
        /// When the last change reached us.
        pub receive_time_ns: u64,
        /// When the venue says it happened.
        pub venue_time_ns: u64,
        /// Engine input sequence.
        pub sequence: u64,
        /// Age of the book: engine time since the feed last spoke.
        pub age_ns: i64,
        /// Instrument id.
        pub instrument: u32,
        /// Venue id.
        pub venue: u32,
        /// Index among the slot's listings.
        pub listing: u32,
        /// `BOOK_*` bits.
        pub flags: u32,
        /// Bids, best first.
        pub bids: [Level; VIEW_LEVELS],
        /// Asks, best first.
        pub asks: [Level; VIEW_LEVELS],
        /// Zero.
        pub reserved: u64,
    }
}

part! {
    /// The best prices of one venue.
    pub struct VenueTop [40] {
        /// Best bid, undefined: none.
        pub bid_nanos: i64,
        /// Lots there.
        pub bid_lots: i64,
        /// Best ask, undefined: none.
        pub ask_nanos: i64,
        /// Lots there.
        pub ask_lots: i64,
        /// Venue id.
        pub venue: u32,
        /// `OUT_*` bits, 0: it counts.
        pub out: u32,
    }
}

part! {
    /// The best prices of an instrument over all venues that the engine hears. A venue that is out has no part in them.
    pub struct ConsolidatedView [736] {
        /// Engine time of the last change.
        pub time_ns: u64,
        /// Engine time when the state was entered.
        pub since_ns: u64,
        /// Best bid over venues, undefined: none.
        pub bid_nanos: i64,
        /// Lots there, all venues.
        pub bid_lots: i64,
        /// Best ask over venues, undefined: none.
        pub ask_nanos: i64,
        /// Lots there, all venues.
        pub ask_lots: i64,
        /// Engine input sequence of the last change.
        pub sequence: u64,
        /// A [`crate::ConsolidatedState`] code.
        pub state: u32,
        /// The venue that shows most lots at the best bid (of equals the one listed first), 0: none.
        pub bid_venue: u32,
        /// The same of the best ask.
        pub ask_venue: u32,
        /// Venues that count.
        pub live_count: u32,
        /// Venues in `tops`.
        pub venues_count: u32,
        /// Bit k: the venue of `tops[k]` shows the best bid.
        pub bid_venues: u32,
        /// The same of the best ask.
        pub ask_venues: u32,
        /// Instrument id.
        pub instrument: u32,
        /// Index of the slot's first listing of the instrument.
        pub listing: u32,
        /// Zero.
        pub reserved: u32,
        /// Each venue, in the order in which they were listed; those beyond `venues_count` have the venue 0.
        pub tops: [VenueTop; CONSOLIDATED_VENUES_MAX],
    }
}

part! {
    /// The head of a consolidated book, as `orders` shows it in every callback.
    pub struct ConsolidatedTop [56] {
        /// Engine time when the state was entered.
        pub since_ns: u64,
        /// Best bid over venues, undefined: none.
        pub bid_nanos: i64,
        /// Lots there, all venues.
        pub bid_lots: i64,
        /// Best ask over venues, undefined: none.
        pub ask_nanos: i64,
        /// Lots there, all venues.
        pub ask_lots: i64,
        /// A [`crate::ConsolidatedState`] code.
        pub state: u32,
        /// The venue that shows most lots at the best bid, 0: none.
        pub bid_venue: u32,
        /// The same of the best ask.
        pub ask_venue: u32,
        /// Venues that count.
        pub live_count: u32,
    }
}

part! {
    /// A trade that printed.
    pub struct TradeView [64] {
        /// Engine time.
        pub time_ns: u64,
        /// When the venue says it happened.
        pub venue_time_ns: u64,
        /// Price.
        pub price_nanos: i64,
        /// Lots.
        pub lots: i64,
        /// Match number.
        pub match_id: u64,
        /// Instrument id.
        pub instrument: u32,
        /// Venue id.
        pub venue: u32,
        /// Index among the slot's listings.
        pub listing: u32,
        /// Side of the taker, a [`crate::Side`] code; 0 when not told.
        pub taker_side: u32,
        /// 1: this breaks the trade.
        pub busted: u32,
        /// 1: an auction's cross.
        pub cross: u32,
    }
}

part! {
    /// Trading or feed state changed.
    pub struct StatusView [40] {
        /// Engine time.
        pub time_ns: u64,
        /// Instrument id.
        pub instrument: u32,
        /// Venue id.
        pub venue: u32,
        /// Index among the slot's listings.
        pub listing: u32,
        /// 1: the instrument trades now.
        pub tradable: u32,
        /// 1: the feed is not to be trusted.
        pub stale: u32,
        /// A [`crate::TradingState`] code.
        pub trading: u32,
        /// 1: the order session is up.
        pub connected: u32,
        /// Zero.
        pub reserved: u32,
    }
}

part! {
    /// An order of the slot changed state, or an intent was refused.
    pub struct OrderView [80] {
        /// Engine time.
        pub time_ns: u64,
        /// The order; for a refused new order 0.
        pub order_id: u64,
        /// Its price.
        pub price_nanos: i64,
        /// Total lots.
        pub lots: i64,
        /// Lots open.
        pub leaves_lots: i64,
        /// Lots filled.
        pub filled_lots: i64,
        /// Instrument id.
        pub instrument: u32,
        /// Venue id.
        pub venue: u32,
        /// Index among the slot's listings.
        pub listing: u32,
        /// A [`crate::Side`] code.
        pub side: u32,
        /// An [`crate::OrderState`] code.
        pub state: u32,
        /// An [`crate::OrderEventKind`] code, 0 when risk refused.
        pub event: u32,
        /// A [`crate::Reason`] code, or a [`crate::RejectCode`] when `event` is 0.
        pub reason: u32,
        /// The limit that refused, 0: none.
        pub limit: u32,
    }
}

part! {
    /// An order of the slot traded.
    pub struct FillView [88] {
        /// Engine time.
        pub time_ns: u64,
        /// The order.
        pub order_id: u64,
        /// Execution id.
        pub execution_id: u64,
        /// Trade price.
        pub price_nanos: i64,
        /// Lots traded.
        pub lots: i64,
        /// Lots open afterwards.
        pub leaves_lots: i64,
        /// Position of the slot's account afterwards.
        pub position_lots: i64,
        /// Instrument id.
        pub instrument: u32,
        /// Venue id.
        pub venue: u32,
        /// Index among the slot's listings.
        pub listing: u32,
        /// A [`crate::Side`] code.
        pub side: u32,
        /// 1 added liquidity, 2 removed, 3 auction, 0 not told.
        pub liquidity: u32,
        /// 1: this breaks an earlier fill.
        pub broken: u32,
        /// Zero.
        pub reserved: u64,
    }
}

part! {
    /// The slot's timer, start or stop.
    pub struct TimerView [24] {
        /// Engine time.
        pub time_ns: u64,
        /// The time it was due.
        pub due_ns: u64,
        /// A [`crate::Callback`] code: Timer, Start or Stop.
        pub callback: u64,
    }
}

part! {
    /// A row of a tick table: at and above `from_nanos` prices are multiples of `tick_nanos`.
    pub struct TickRow [16] {
        /// Lower end; `i64::MAX` in unused rows.
        pub from_nanos: i64,
        /// The tick.
        pub tick_nanos: i64,
    }
}

part! {
    /// A bound listing: identity, position, headroom, prices allowed.
    pub struct ListingView [216] {
        /// Position of the slot's account in the instrument, all venues.
        pub position_lots: i64,
        /// Open buys of the slot at this listing.
        pub open_buy_lots: i64,
        /// Open sells of the slot at this listing.
        pub open_sell_lots: i64,
        /// Lots that a further buy may have now under position limits and order quantity.
        pub headroom_buy_lots: i64,
        /// The same for a sale.
        pub headroom_sell_lots: i64,
        /// Smallest price.
        pub price_min_nanos: i64,
        /// Largest price.
        pub price_max_nanos: i64,
        /// Quantities are multiples of this.
        pub increment_lots: i64,
        /// Units of one lot times 1e8.
        pub units_per_lot_e8: i64,
        /// Best bid, undefined: none.
        pub bid_nanos: i64,
        /// Best ask, undefined: none.
        pub ask_nanos: i64,
        /// Lots at the best bid.
        pub bid_lots: i64,
        /// Lots at the best ask.
        pub ask_lots: i64,
        /// Instrument id.
        pub instrument: u32,
        /// Venue id.
        pub venue: u32,
        /// `BOOK_*` bits.
        pub flags: u32,
        /// 1: the slot may only watch it.
        pub watch_only: u32,
        /// Tick table.
        pub ticks: [TickRow; TICK_ROWS],
    }
}

part! {
    /// A live order of the slot.
    pub struct WorkingOrder [56] {
        /// Its id.
        pub order_id: u64,
        /// Its price.
        pub price_nanos: i64,
        /// Total lots.
        pub lots: i64,
        /// Lots open.
        pub leaves_lots: i64,
        /// A price asked for and not yet answered, undefined: none.
        pub pending_nanos: i64,
        /// Index among the slot's listings.
        pub listing: u32,
        /// A [`crate::Side`] code.
        pub side: u32,
        /// An [`crate::OrderState`] code; only `Live` ones can be replaced.
        pub state: u32,
        /// A [`crate::TimeInForce`] code.
        pub time_in_force: u32,
    }
}

part! {
    /// What a callback asks for.
    pub struct OrderIntent [56] {
        /// Order meant, for replace and cancel.
        pub order_id: u64,
        /// Price.
        pub price_nanos: i64,
        /// Lots (total, for a replace).
        pub lots: i64,
        /// Displayed lots, 0: all.
        pub display_lots: i64,
        /// Good-till-time end.
        pub expire_time_ns: u64,
        /// An [`crate::IntentKind`] code.
        pub intent: u32,
        /// Index among the slot's listings.
        pub listing: u32,
        /// A [`crate::Side`] code, 0: both or none.
        pub side: u32,
        /// A [`crate::OrderType`] code.
        pub order_type: u16,
        /// A [`crate::TimeInForce`] code.
        pub time_in_force: u8,
        /// 1: post-only.
        pub post_only: u8,
    }
}

part! {
    /// The `orders` argument of every callback: the slot's listings and live orders, and the buffer of intents.
    pub struct OrdersView [7600] {
        /// Engine time.
        pub time_ns: u64,
        /// Fuel left; a callback that takes it below zero fails.
        pub fuel: i64,
        /// Index of the listing that `orders` is bound to in this callback.
        pub current: u32,
        /// Listings bound.
        pub listings_count: u32,
        /// Live orders.
        pub working_count: u32,
        /// Intents made so far in this callback.
        pub intents_count: u32,
        /// The listings.
        pub listings: [ListingView; LISTINGS_MAX],
        /// The live orders, in no order that may be relied on; unused ones beyond `working_count`.
        pub working: [WorkingOrder; WORKING_MAX],
        /// The intents.
        pub intents: [OrderIntent; INTENTS_MAX],
        /// Why the callback failed: a [`crate::CallStatus`] with the line shifted left by eight bits; 0 when it did not.
        pub failure: u64,
        /// Zero.
        pub reserved: u64,
        /// The consolidated book of each listing's instrument; kept only for classes that look at it.
        pub consolidated: [ConsolidatedTop; LISTINGS_MAX],
    }
}
