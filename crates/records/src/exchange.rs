//! The house exchange's own records: commands of its one sequenced input, and the events that come out of it.
//!
//! Invariant: everything that changes a book is one of these commands, journaled before it acts; replaying the journal
//! gives the same events. `header.source` is the session (port) that asks, 0 for the exchange itself.

use crate::codes::codes;
use crate::layout::record;

codes! {
    /// What an [`ExchangeControl`] record asks for.
    pub enum ExchangeAction: u8 {
        /// The trading state of `header.instrument` (0: of all) becomes `state`.
        State = 1,
        /// The trade with match number `value` is broken.
        Bust = 2,
        /// The trading day ends: DAY orders and good-till-time orders are cancelled, session numbers start again.
        DayRoll = 3,
        /// The session `header.source` lost its connection.
        Disconnect = 4,
        /// The session `header.source` logged in.
        Connect = 5,
        /// Time passes; only the stamp matters.
        Timer = 6,
        /// A system event of the feed, letter in `letter`.
        SystemEvent = 7,
        /// Short-sale price test of `header.instrument` is as `letter` says.
        ShortSale = 8,
        /// The session asks which order number comes next.
        Query = 9,
        /// The session takes no new orders from now on (request `value`).
        DisableEntry = 10,
        /// It takes them again (request `value`).
        EnableEntry = 11,
    }
}

codes! {
    /// What an [`ExchangeAuction`] record asks for.
    pub enum AuctionAction: u8 {
        /// A call begins: orders are collected and do not trade.
        Call = 1,
        /// What the auction would give now is said, if a call is on and something changed.
        Indicate = 2,
        /// The call ends: what can trade trades at one price, the state becomes `then`.
        Uncross = 3,
    }
}

codes! {
    /// What happened, as the exchange says it.
    pub enum ExchangeEventKind: u8 {
        /// A new order was taken.
        Accepted = 1,
        /// A new order was refused.
        Rejected = 2,
        /// An order (or what is left of it) now rests; `order_ref`, displayed lots and price are what the feed shows.
        Rested = 3,
        /// Lots traded: `order_ref` rested, `other_ref` came in.
        Executed = 4,
        /// Lots of an order were taken off; `leaves_lots` are left.
        Canceled = 5,
        /// A replace took effect.
        Replaced = 6,
        /// A replace was refused; the order stands as it was.
        ReplaceRejected = 7,
        /// A cancel found nothing to cancel.
        CancelRejected = 8,
        /// A reserve order shows its next part under a new reference.
        Refilled = 9,
        /// A trade is broken.
        Broken = 10,
        /// A bust found no such trade.
        BustRejected = 11,
        /// The trading state changed.
        State = 12,
        /// The day rolled.
        DayRolled = 13,
        /// A system event.
        SystemEvent = 14,
        /// An instrument is listed.
        Listed = 15,
        /// The short-sale price test changed.
        ShortSale = 16,
        /// A session's request was done; `letter` says which (`Q`, `C`, `D`, `E`). Query: `lots` is the next number.
        Answered = 17,
        /// A trade has other terms from now on: `price_nanos` and `lots`.
        Corrected = 18,
        /// A correction found no such trade, or terms that it cannot have (`reason`).
        CorrectionRejected = 19,
        /// Lots of a resting order traded in an auction, at its price; one event for each of the two orders.
        Crossed = 20,
        /// An auction is over: all its lots (0: none met) and its price.
        Uncrossed = 21,
    }
}

codes! {
    /// What a [`ExchangeEventKind::Replaced`] event did to the book that the feed shows.
    pub enum BookEffect: u8 {
        /// Nothing visible.
        None = 1,
        /// The order shows `shown_change_lots` fewer under the same reference.
        Reduced = 2,
        /// The old reference is gone; if anything rests, a `Rested` event follows.
        Removed = 3,
        /// The old reference became the new one, price and displayed lots as in the event.
        Replaced = 4,
    }
}

record! {
    /// A new order.
    pub struct ExchangeEnter [128] v 1 {
        /// The session's own number of the order (OUCH: UserRefNum; flow: the historical reference).
        pub user_ref: u64,
        /// Limit price; market order: the worst price it may trade at, or undefined (the listing's protection holds).
        pub price_nanos: i64,
        /// Lots.
        pub lots: i64,
        /// Immediate orders: least lots that must trade at once, else nothing does; 0: none.
        pub minimum_lots: i64,
        /// Displayed lots of a reserve order; 0: all.
        pub display_lots: i64,
        /// Good-till-time: when it ends; else 0.
        pub expire_time_ns: u64,
        /// The client's own text, echoed (OUCH: ClOrdID), padded.
        pub tag: [u8; 16],
        /// Self-trade group: orders of one group do not trade with each other when `self_trade` says so; 0: none.
        pub owner: u32,
        /// Attribution that the feed shows, or zeros.
        pub participant: [u8; 4],
        /// Letters of the venue's protocol that are only echoed: capacity, sweep eligibility, cross type, display.
        pub letters: [u8; 4],
        /// A [`crate::Side`] code.
        pub side: u8,
        /// A [`crate::OrderType`] code.
        pub order_type: u8,
        /// A [`crate::TimeInForce`] code.
        pub time_in_force: u8,
        /// 1: must not take liquidity.
        pub post_only: u8,
        /// A [`crate::SelfTrade`] code, 0: none.
        pub self_trade: u8,
        /// 1: short, 2: short exempt.
        pub short_sale: u8,
        /// 1: not displayed at all.
        pub hidden: u8,
        /// A [`crate::Reason`] code for which the port refuses the order (so that the refusal is sequenced too), else 0.
        pub refused: u8,
        /// 1: cancelled when its session's connection is lost, whatever the session itself promises.
        pub ends_with_connection: u8,
        /// 1: one side of a quote: its name stands for the latest order of that name.
        pub quote: u8,
        /// Zero.
        pub reserved: [u8; 2],
    }
}

record! {
    /// New terms for an order, under a new number.
    pub struct ExchangeReplace [120] v 1 {
        /// The order to replace.
        pub original_ref: u64,
        /// Its number from now on.
        pub user_ref: u64,
        /// Limit price.
        pub price_nanos: i64,
        /// Total lots, those already executed in the order's chain included.
        pub lots: i64,
        /// Displayed lots; 0: all.
        pub display_lots: i64,
        /// Immediate replacements: as for a new order.
        pub minimum_lots: i64,
        /// Good-till-time: when it ends; else 0.
        pub expire_time_ns: u64,
        /// The client's own text.
        pub tag: [u8; 16],
        /// A [`crate::TimeInForce`] code; 0: as it was.
        pub time_in_force: u8,
        /// 1: must not take liquidity.
        pub post_only: u8,
        /// 1: not displayed at all.
        pub hidden: u8,
        /// Letters of the venue's protocol that are only echoed: sweep eligibility, display.
        pub letters: [u8; 2],
        /// A [`crate::Reason`] code for which the port refuses the replace, else 0.
        pub refused: u8,
        /// 1: one side of a quote.
        pub quote: u8,
        /// Zero.
        pub reserved: [u8; 1],
    }
}

record! {
    /// Cancel an order, or reduce it.
    pub struct ExchangeCancel [64] v 1 {
        /// The order.
        pub user_ref: u64,
        /// Total lots the order shall have, executed ones included; 0 cancels it.
        pub lots: i64,
        /// A [`crate::Reason`] code.
        pub reason: u8,
        /// 1: the request was the protocol's modify, and is answered as such.
        pub modify: u8,
        /// Modify: 1 short, 2 short exempt, 0 as it was.
        pub short_sale: u8,
        /// 1: `lots` is the number of lots to take off, not the total to keep (feeds say it so).
        pub relative: u8,
        /// Zero.
        pub reserved: [u8; 4],
    }
}

record! {
    /// Cancel all orders that match; zero fields match all. `header.source` 0: of every session.
    pub struct ExchangeMassCancel [56] v 1 {
        /// The session's number of the request, answered when it is not 0.
        pub user_ref: u64,
        /// Self-trade group.
        pub owner: u32,
        /// A [`crate::Side`] code.
        pub side: u8,
        /// A [`crate::Reason`] code.
        pub reason: u8,
        /// Zero.
        pub reserved: [u8; 2],
    }
}

record! {
    /// A request that is known by a name of the client's own, as FIX has them: a cancel, a mass cancel, a question; or one that
    /// is refused for what it names. It stands in the sequence so that a replay gives the same answer.
    pub struct ExchangeRequest [104] v 1 {
        /// The session's number of the order that is meant; 0: none is known.
        pub original_ref: u64,
        /// The request's name.
        pub tag: [u8; 16],
        /// The name by which the request calls the order.
        pub original_tag: [u8; 16],
        /// Name of the question (FIX: OrdStatusReqID), or zeros.
        pub question: [u8; 16],
        /// What is asked, a MsgType's letter: `F` cancel, `G` a replace that is refused, `q` mass cancel, `H` an order's
        /// status, `A` the status of all orders, `i` the quotes that follow are of this name, `b` they are done; `P` a side of a
        /// quote is pulled.
        pub what: u8,
        /// A [`crate::Side`] code, 0: both.
        pub side: u8,
        /// A [`crate::Reason`] code for which the port refuses the request, else 0.
        pub refused: u8,
        /// The letter of the request's scope (FIX: MassCancelRequestType, MassStatusReqType), else 0.
        pub scope: u8,
        /// Zero.
        pub reserved: [u8; 4],
    }
}

record! {
    /// Everything else that the exchange does at a place in its sequence (an [`ExchangeAction`]).
    pub struct ExchangeControl [64] v 1 {
        /// Match number of a bust; the session's number of a request; else 0.
        pub value: u64,
        /// An [`ExchangeAction`] code.
        pub action: u8,
        /// A [`crate::TradingState`] code.
        pub state: u8,
        /// Letter of a system event, of a bust's reason, or of a short-sale state.
        pub letter: u8,
        /// Zero.
        pub reserved: [u8; 1],
        /// Reason shown on the feed, ASCII, zero-padded.
        pub reason: [u8; 4],
        /// Connect: when the session's message numbers began at 1, where its protocol counts messages both ways (FIX); else 0.
        pub numbers_began_ns: u64,
    }
}

record! {
    /// New terms for a trade of today that is not broken. The trade stays the trade of its match number.
    pub struct ExchangeCorrection [72] v 1 {
        /// Match number of the trade.
        pub match_id: u64,
        /// Price from now on; undefined: as it was.
        pub price_nanos: i64,
        /// Lots from now on, from 1 to what was traded at first; 0: as they were.
        pub lots: i64,
        /// Letter of the reason.
        pub letter: u8,
        /// Zero.
        pub reserved: [u8; 7],
    }
}

record! {
    /// An auction's place in the sequence (an [`AuctionAction`]), of `header.instrument` (0: of all).
    pub struct ExchangeAuction [64] v 1 {
        /// Call: the price that settles what orders leave open; undefined: that of the last trade.
        pub reference_nanos: i64,
        /// Call: from then on it is too late for what `restricts` says; 0: never.
        pub cutoff_ns: u64,
        /// An [`AuctionAction`] code.
        pub action: u8,
        /// Call: an [`crate::AuctionKind`] code; 0: by the state before (a halt's after a halt, the opening's before the open).
        pub kind: u8,
        /// Uncross: a [`crate::TradingState`] code; 0: closed after a closing auction, else trading.
        pub then: u8,
        /// Call: 1 cancels and replaces, 2 new orders of the imbalance's side, 3 both.
        pub restricts: u8,
        /// Zero.
        pub reserved: [u8; 4],
    }
}

record! {
    /// What a call would give if it ended now (`header` as of an [`ExchangeEvent`]).
    pub struct ExchangeIndication [96] v 1 {
        /// The price at which it would cross, undefined: nothing would trade.
        pub price_nanos: i64,
        /// That of the orders which live for this auction alone, or undefined.
        pub far_nanos: i64,
        /// The price at which lots are counted: the crossing price, else the reference price, or undefined.
        pub reference_nanos: i64,
        /// Lots that would trade.
        pub paired_lots: i64,
        /// Lots of one side at that price or better that would not.
        pub imbalance_lots: i64,
        /// Side of the imbalance, a [`crate::Side`] code; 0: none.
        pub side: u8,
        /// An [`crate::AuctionKind`] code.
        pub kind: u8,
        /// Zero.
        pub reserved: [u8; 14],
    }
}

record! {
    /// An instrument that the exchange trades (`header.instrument`). Before its first order.
    pub struct ExchangeListing [128] v 1 {
        /// The symbol, ASCII, zero-padded.
        pub symbol: [u8; 16],
        /// Prices are multiples of this.
        pub tick_nanos: i64,
        /// Below `small_below_nanos` they are multiples of this; 0: no such band.
        pub small_tick_nanos: i64,
        /// Where the small band ends.
        pub small_below_nanos: i64,
        /// Smallest price.
        pub price_min_nanos: i64,
        /// Largest price.
        pub price_max_nanos: i64,
        /// Quantities are multiples of this.
        pub increment_lots: i64,
        /// Largest quantity.
        pub lots_max: i64,
        /// The feed's round lot.
        pub round_lot: u32,
        /// The feed's own number of the instrument (ITCH stock locate).
        pub locate: u32,
        /// How far from the touch a market order without a price of its own may trade, parts per million; 0: no bound.
        pub protection_ppm: u32,
        /// A [`crate::TradingState`] code to start in.
        pub state: u8,
        /// Zero.
        pub reserved: [u8; 3],
    }
}

record! {
    /// A session (port) that may order (`header.source`, dense from 1). Before its first command.
    pub struct ExchangeSession [64] v 1 {
        /// Self-trade group of orders that name none; 0: none.
        pub owner: u32,
        /// Attribution.
        pub participant: [u8; 4],
        /// 1: order numbers must rise (OUCH); 0: they must only differ from those of live orders.
        pub rising: u8,
        /// A [`crate::CancelOnDisconnect`] code, 0: none.
        pub cancel_on_disconnect: u8,
        /// A [`crate::SelfTrade`] code for orders that name none, 0: none.
        pub self_trade: u8,
        /// Zero.
        pub reserved: [u8; 13],
    }
}

record! {
    /// What the exchange says (an [`ExchangeEventKind`]). `header.source` is the session of the order; `header.sequence`
    /// the input sequence that caused it; `header.venue_time_ns` the stamp's time.
    pub struct ExchangeEvent [176] v 1 {
        /// Reference that the feed shows. Executed: of the resting order. Replaced: the new one.
        pub order_ref: u64,
        /// Executed: of the incoming order. Replaced, Refilled: the old one.
        pub other_ref: u64,
        /// The session's number of the order. Replaced: the new one.
        pub user_ref: u64,
        /// Executed: the incoming order's. Replaced: the old one.
        pub other_user_ref: u64,
        /// Match number of a trade, bust or correction.
        pub match_id: u64,
        /// Limit price; Executed and self-trade prevention: the price of the trade, done or prevented.
        pub price_nanos: i64,
        /// Accepted, Replaced: lots open. Executed: traded. Canceled: taken off. Rested, Refilled: displayed.
        pub lots: i64,
        /// Lots still open afterwards (Executed: of the resting order).
        pub leaves_lots: i64,
        /// Executed: lots still open of the incoming order. Canceled: lots executed in the order's chain.
        pub other_leaves_lots: i64,
        /// By how many lots the order shows less on the feed (Executed, Canceled, Replaced). Corrected: by how many lots the
        /// trade is smaller than before.
        pub shown_change_lots: i64,
        /// Lots it shows afterwards.
        pub shown_lots: i64,
        /// The client's own text (Accepted, Replaced, Rejected), else zeros.
        pub tag: [u8; 16],
        /// Executed, Broken, Corrected: session of the incoming order.
        pub other_source: u32,
        /// Attribution, or zeros.
        pub participant: [u8; 4],
        /// An [`ExchangeEventKind`] code.
        pub event: u8,
        /// A [`crate::Reason`] code.
        pub reason: u8,
        /// A [`crate::Side`] code (Executed: of the resting order).
        pub side: u8,
        /// 1: the order rested when it happened (the feed must be told if it is displayed).
        pub resting: u8,
        /// 1: not displayed at all.
        pub hidden: u8,
        /// A [`BookEffect`] code of a replace.
        pub effect: u8,
        /// A [`crate::TradingState`] code.
        pub state: u8,
        /// Letter of a system event, bust, correction or short-sale state; cancel: 1 when it answers a modify.
        pub letter: u8,
        /// Reason shown on the feed with a state; Accepted, Replaced: letters that are echoed.
        pub letters: [u8; 4],
        /// A [`crate::TimeInForce`] code.
        pub time_in_force: u8,
        /// 1: short, 2: short exempt.
        pub short_sale: u8,
        /// Zero.
        pub reserved: [u8; 2],
        /// Corrected: the price before.
        pub former_price_nanos: i64,
    }
}
