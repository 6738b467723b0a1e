//! What a strategy's callbacks are given: the binary interface between the engine and compiled or plain strategies.
//!
//! A callback is `extern "C" fn(record: *mut u8, event: *const Event, orders: *mut OrdersView) -> u32`: `record` holds the
//! slot's parameters and state, the result is 0 or a [`crate::CallStatus`] with the source line shifted left by eight bits.
//!
//! Before each call the host clears `intents_count` and `failure`; the engine has set `time_ns`, `fuel` (from the slot),
//! `current`, and keeps listings and working orders. Code of a strategy reads every field as signed.
//!
//! The layouts are final: they grow at the end of [`OrdersView`] alone, so that object code of every earlier interface still
//! finds what it knows where it lay; a callback's own view changes by a new callback.
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
/// Beside the kind of an intent: it is a quote. Where the venue's session quotes in sets, those of one callback leave as one.
pub const INTENT_QUOTE: u32 = 1 << 8;
/// Rows of a listing's tick table in a view.
pub const TICK_ROWS: usize = 6;

/// Other regions that a view shows of an instrument.
pub const REGIONS_MAX: usize = 4;
/// In a signal's flags: the tile that published it has been silent for longer than it said; the number is its last.
pub const SIGNAL_STALE: u64 = 1;
/// Channels of tiles whose silence is told.
pub const TILE_CHANNELS_MAX: usize = 256;
/// Signals that strategies may publish while one input is folded; more are refused.
pub const SIGNALS_MAX: usize = 64;

/// Legs of a multi-leg order.
pub const LEGS_MAX: usize = 8;

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

/// What a risk event says has changed: whether new orders are allowed.
pub const RISK_NEW_ORDERS: u32 = 1;
/// The same: a side was shut or opened.
pub const RISK_SIDE: u32 = 2;
/// The same: another limit, or another reason, binds a side.
pub const RISK_LIMIT: u32 = 4;
/// The same: the venue's order session or its breaker.
pub const RISK_VENUE: u32 = 8;

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
        /// An [`crate::IntentKind`] code, and [`INTENT_QUOTE`] for a quote.
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
    /// Where an order stands in the queue of its price; beside [`WorkingOrder`], by the same place.
    pub struct QueuePlace [16] {
        /// The order.
        pub order_id: u64,
        /// Lots that trade before it; -1: not known.
        pub ahead_lots: i64,
    }
}

part! {
    /// How a bound listing stands beyond its book: risk, the venue's order session, times measured. Times are integers of
    /// the records' own stamps.
    pub struct ListingState [96] {
        /// From the venue's stamp of the last change to its arrival here; -1: not known.
        pub feed_latency_ns: i64,
        /// Its running mean (a sixteenth of each new one).
        pub feed_latency_mean_ns: i64,
        /// From a request of ours to its answer, both in engine time; -1: not known.
        pub order_latency_ns: i64,
        /// Its running mean (a sixteenth of each new one).
        pub order_latency_mean_ns: i64,
        /// From a request of ours to the venue's stamp of the answer; -1: not known.
        pub entry_latency_ns: i64,
        /// From the venue's stamp of the answer to its arrival here; -1: not known.
        pub response_latency_ns: i64,
        /// New orders and replaces that the venue takes now; `i64::MAX`: it has no throttle that we know of.
        pub throttle_left: i64,
        /// The limit that holds a further buy, 0: what holds it is no limit.
        pub buy_limit: u32,
        /// The same of a sale.
        pub sell_limit: u32,
        /// The [`crate::RejectCode`] that a larger buy would meet.
        pub buy_reason: u32,
        /// The same of a sale.
        pub sell_reason: u32,
        /// A [`crate::KillNew`] code: whether new orders are allowed.
        pub new_orders: u32,
        /// 1: the order session is up.
        pub connected: u32,
        /// A [`crate::BreakerState`] code.
        pub breaker: u32,
        /// Zero.
        pub reserved: u32,
        /// Zero.
        pub reserved_too: u64,
    }
}

part! {
    /// An instrument as another region sees it.
    pub struct RegionView [96] {
        /// The region's position of the slot's account.
        pub position_lots: i64,
        /// Time of that region at which it was so, 0: never heard.
        pub position_time_ns: u64,
        /// How old that is; -1: never heard.
        pub position_age_ns: i64,
        /// Best bid there, undefined: none.
        pub bid_nanos: i64,
        /// Lots there.
        pub bid_lots: i64,
        /// Best ask there, undefined: none.
        pub ask_nanos: i64,
        /// Lots there.
        pub ask_lots: i64,
        /// Time of that region at which they were so, 0: never heard.
        pub quote_time_ns: u64,
        /// How old they are; -1: never heard.
        pub quote_age_ns: i64,
        /// The region, 0: this place is free, and so are those behind it.
        pub region: u32,
        /// Venue of the prices.
        pub venue: u32,
        /// 1: the region has not told all that it booked.
        pub position_unsure: u32,
        /// A [`crate::RegionQuoteState`] code, 0: never heard.
        pub quote_state: u32,
        /// Time of that region at which the best prices or their lots changed last, 0: never.
        pub quote_changed_ns: u64,
    }
}

part! {
    /// Other regions' view of a listing's instrument.
    pub struct ListingRegions [384] {
        /// The regions, in the order in which they were first heard.
        pub regions: [RegionView; REGIONS_MAX],
    }
}

part! {
    /// What risk or the venue allow a slot at a listing changed.
    pub struct RiskView [80] {
        /// Engine time.
        pub time_ns: u64,
        /// Lots that a further buy may have now.
        pub headroom_buy_lots: i64,
        /// The same for a sale.
        pub headroom_sell_lots: i64,
        /// Instrument id.
        pub instrument: u32,
        /// Venue id.
        pub venue: u32,
        /// Index among the slot's listings.
        pub listing: u32,
        /// `RISK_*` bits: what differs from what was told last.
        pub changed: u32,
        /// A [`crate::KillNew`] code: whether new orders are allowed.
        pub new_orders: u32,
        /// The limit that holds a further buy, 0: what holds it is no limit.
        pub buy_limit: u32,
        /// The same of a sale.
        pub sell_limit: u32,
        /// The [`crate::RejectCode`] that a larger buy would meet.
        pub buy_reason: u32,
        /// The same of a sale.
        pub sell_reason: u32,
        /// 1: the order session is up.
        pub connected: u32,
        /// A [`crate::BreakerState`] code.
        pub breaker: u32,
        /// Zero.
        pub reserved: u32,
        /// Zero.
        pub reserved_too: u64,
    }
}

part! {
    /// An auction that collects orders: what it would give now.
    pub struct AuctionView [96] {
        /// Engine time.
        pub time_ns: u64,
        /// When the venue says it was so.
        pub venue_time_ns: u64,
        /// Price of the auction with all orders, undefined: none.
        pub indicative_nanos: i64,
        /// Price of the auction with its own orders alone, undefined: none.
        pub far_nanos: i64,
        /// The price at which lots were paired, undefined: none.
        pub reference_nanos: i64,
        /// Lots that pair at the reference price.
        pub paired_lots: i64,
        /// Lots that do not.
        pub imbalance_lots: i64,
        /// Instrument id.
        pub instrument: u32,
        /// Venue id.
        pub venue: u32,
        /// Index among the slot's listings.
        pub listing: u32,
        /// Side of the imbalance, a [`crate::Side`] code; 0: none.
        pub side: u32,
        /// An [`crate::AuctionKind`] code; 0: another.
        pub kind: u32,
        /// The instrument's phase, a [`crate::TradingState`] code; 0: not told yet.
        pub phase: u32,
        /// Zero.
        pub reserved: [u64; 2],
    }
}

part! {
    /// A number that another strategy or a tile published.
    pub struct SignalView [48] {
        /// Engine time.
        pub time_ns: u64,
        /// Input sequence that the number was based on.
        pub based_on: u64,
        /// Bits of the f64.
        pub bits: u64,
        /// The channel, by the number of its name.
        pub channel: u32,
        /// The slot that published it, 0: a tile.
        pub source: u32,
        /// [`SIGNAL_STALE`], or 0.
        pub flags: u64,
        /// Engine time since the input that the number was based on, ns.
        pub age_ns: u64,
    }
}

part! {
    /// A leg of a multi-leg order.
    pub struct LegView [56] {
        /// Its order, 0: not sent yet.
        pub order_id: u64,
        /// Its price.
        pub price_nanos: i64,
        /// Its lots.
        pub lots: i64,
        /// Lots that its order filled, broken trades taken off.
        pub filled_lots: i64,
        /// Lots of them that were traded back.
        pub unwound_lots: i64,
        /// Instrument id.
        pub instrument: u32,
        /// Venue id.
        pub venue: u32,
        /// A [`crate::Side`] code.
        pub side: u32,
        /// A [`crate::LegState`] code.
        pub state: u32,
    }
}

part! {
    /// A multi-leg order of the slot changed its state.
    pub struct MultiLegView [496] {
        /// Engine time.
        pub time_ns: u64,
        /// Its id: its orders carry it as their parent's; 0: it was refused.
        pub multi_leg_id: u64,
        /// The strategy's own number for it.
        pub tag: i64,
        /// A [`crate::MultiLegState`] code.
        pub state: u32,
        /// A [`crate::MultiLegCause`] code, 0: nothing stands in its way.
        pub cause: u32,
        /// The [`crate::RejectCode`] of the leg that was refused, else 0.
        pub reason: u32,
        /// The limit that refused, 0: none.
        pub limit: u32,
        /// The leg that it is about, from 0.
        pub leg: u32,
        /// Legs in `legs`.
        pub legs_count: u32,
        /// The legs, as they were asked for; unused ones beyond `legs_count`.
        pub legs: [LegView; LEGS_MAX],
    }
}

part! {
    /// The `orders` argument of every callback: the slot's listings and live orders, and the buffer of intents.
    pub struct OrdersView [12720] {
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
        /// Queue places of the live orders, by their places in `working`; kept only for classes that look.
        pub queues: [QueuePlace; WORKING_MAX],
        /// 1, by the same place: `ahead_lots` was counted in an order-by-order book; 0: it is an estimate from above.
        pub queues_exact: [u32; WORKING_MAX],
        /// Risk, venue and latency of each listing; kept only for classes that look.
        pub states: [ListingState; LISTINGS_MAX],
        /// Other regions, by listing; kept only for classes that look.
        pub regions: [ListingRegions; LISTINGS_MAX],
    }
}
