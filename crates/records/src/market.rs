//! What venues publish, normalised; and the reference data it refers to.
//!
//! Invariant: one venue event is one or more records, the last of which carries `FLAG_LAST`; a book is read only after it.

use crate::layout::record;

record! {
    /// One order of a venue's book changed (a [`crate::BookAction`]).
    pub struct MarketOrder [96] v 1 {
        /// The venue's reference of the order.
        pub order_ref: u64,
        /// Replace: the reference it has from now on; else 0.
        pub new_order_ref: u64,
        /// Add, Replace, Modify: its price. Execute: the trade's price where it differs from the order's, else [`crate::UNDEF_PRICE`].
        pub price_nanos: i64,
        /// Add, Replace, Modify: lots it has now. Execute: lots traded. Reduce: lots taken off. Delete, Clear: 0.
        pub lots: i64,
        /// Execute: the venue's match number; else 0.
        pub match_id: u64,
        /// A [`crate::BookAction`] code.
        pub action: u8,
        /// A [`crate::Side`] code; 0 where the venue does not repeat it.
        pub side: u8,
        /// Execute: 1 when the print counts in volume statistics.
        pub printable: u8,
        /// Zero.
        pub reserved: [u8; 1],
        /// Market participant (four ASCII letters) or 0.
        pub participant: [u8; 4],
        /// Order priority where the venue states it, else 0.
        pub priority: u64,
    }
}

record! {
    /// One price level of a venue's book changed.
    pub struct MarketLevel [80] v 1 {
        /// The level's price.
        pub price_nanos: i64,
        /// Lots there now; 0 deletes the level.
        pub lots: i64,
        /// Orders there now, 0 when not told.
        pub orders: u32,
        /// A [`crate::Side`] code.
        pub side: u8,
        /// A [`crate::BookAction`] code: Add, Modify, Delete or Clear.
        pub action: u8,
        /// Depth of the level, from 1; 0 when not told.
        pub depth: u16,
        /// Zero.
        pub reserved: [u64; 2],
    }
}

record! {
    /// A trade that is not the execution of a displayed order (hidden, cross), or a trade's bust.
    pub struct Trade [80] v 1 {
        /// The trade's price.
        pub price_nanos: i64,
        /// Lots traded; 0 for a bust.
        pub lots: i64,
        /// The venue's match number.
        pub match_id: u64,
        /// Order reference where the venue gives one, else 0.
        pub order_ref: u64,
        /// Side of the resting order, a [`crate::Side`] code; 0 when not told.
        pub side: u8,
        /// 1: this breaks the earlier trade `match_id`.
        pub busted: u8,
        /// 1: an auction's cross.
        pub cross: u8,
        /// Venue's letter for the kind of cross, else 0.
        pub cross_type: u8,
        /// Zero.
        pub reserved: [u8; 4],
    }
}

record! {
    /// Trading state of an instrument (0: of all) at a venue, and state of the feed that carries it.
    pub struct Status [64] v 1 {
        /// A [`crate::TradingState`] code; 0 when this record speaks of the feed alone.
        pub trading: u8,
        /// A [`crate::FeedState`] code; 0 when this record speaks of trading alone.
        pub feed: u8,
        /// 1: short sales are restricted. 2: not. 0: nothing is said.
        pub short_sale: u8,
        /// Venue's letter of the system event, else 0.
        pub system_event: u8,
        /// Venue's reason, ASCII, zero-padded.
        pub reason: [u8; 4],
        /// Messages known to be lost, for a stale feed.
        pub lost: u64,
        /// Zero.
        pub reserved: u64,
    }
}

record! {
    /// Auction imbalance.
    pub struct Imbalance [96] v 1 {
        /// Lots that pair at the reference price.
        pub paired_lots: i64,
        /// Lots that do not.
        pub imbalance_lots: i64,
        /// Reference price.
        pub reference_nanos: i64,
        /// Price of the auction with its orders alone, or undefined.
        pub far_nanos: i64,
        /// Price of the auction with all orders, or undefined.
        pub near_nanos: i64,
        /// Side of the imbalance, a [`crate::Side`] code; 0: none.
        pub side: u8,
        /// Venue's letter of the kind of cross.
        pub cross_type: u8,
        /// Venue's letter of the price variation.
        pub variation: u8,
        /// Zero.
        pub reserved: [u8; 13],
    }
}

record! {
    /// An instrument of the reference data. `header.instrument` is its dense id.
    pub struct Definition [168] v 1 {
        /// The stable key, ASCII, zero-padded: what limits, positions and traffic between regions use.
        pub key: [u8; 24],
        /// ISIN, or zeros.
        pub isin: [u8; 12],
        /// FIGI, or zeros.
        pub figi: [u8; 12],
        /// Units of one lot times 1e8 (1 share: 1e8; one ES contract: 50e8).
        pub units_per_lot_e8: i64,
        /// Yesterday's close, or undefined.
        pub prior_close_nanos: i64,
        /// Average daily volume, lots; 0 when not known.
        pub average_daily_lots: i64,
        /// Lower price band, or undefined.
        pub band_low_nanos: i64,
        /// Upper price band, or undefined.
        pub band_high_nanos: i64,
        /// Underlying id (an instrument id or a group's), 0: none.
        pub underlying: u32,
        /// Sector id, 0: none.
        pub sector: u32,
        /// ISO 4217 letters, zero-padded.
        pub currency: [u8; 4],
        /// A [`crate::InstrumentClass`] code.
        pub class: u8,
        /// 1: active. Inactive instruments are refused.
        pub active: u8,
        /// 1: short sales restricted.
        pub short_restricted: u8,
        /// Zero.
        pub reserved: [u8; 25],
    }
}

record! {
    /// An instrument at a venue (`header.venue`, `header.instrument`).
    pub struct Listing [104] v 1 {
        /// The venue's symbol, ASCII, zero-padded.
        pub symbol: [u8; 16],
        /// Tick table; its rows are [`TickBand`] records that came before.
        pub tick_table: u32,
        /// The venue's own number (ITCH stock locate), 0 when it is told by the feed.
        pub locate: u32,
        /// Quantities must be multiples of this many lots.
        pub increment_lots: i64,
        /// The venue's round lot.
        pub round_lot_lots: i64,
        /// Smallest price, or undefined.
        pub price_min_nanos: i64,
        /// Largest price, or undefined.
        pub price_max_nanos: i64,
        /// 1: active.
        pub active: u8,
        /// 1: the venue's replace quantity is the total, 2: the remaining.
        pub replace_quantity: u8,
        /// Zero.
        pub reserved: [u8; 6],
    }
}

record! {
    /// One row of a tick table: at and above `from_nanos` (of the price's absolute value) prices are multiples of `tick_nanos`.
    pub struct TickBand [64] v 1 {
        /// Lower end of the band.
        pub from_nanos: i64,
        /// The tick there.
        pub tick_nanos: i64,
        /// Which table.
        pub table: u32,
        /// Row in it, from 0, rising with `from_nanos`; row 0 starts at 0.
        pub row: u32,
    }
}
