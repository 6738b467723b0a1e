//! Order commands (engine → gateway) and order events (gateway → engine).
//!
//! Invariant: every order record says whose it is; a gateway refuses commands of an older epoch.

use crate::layout::{part, record};

part! {
    /// Whose order this is: carried by every order record, never looked up after the fact.
    pub struct Owner [40] {
        /// Our order id ([`crate::OrderId`]).
        pub order_id: u64,
        /// Parent order of an algorithm, or 0.
        pub parent_id: u64,
        /// Strategy id.
        pub strategy: u32,
        /// Trader id.
        pub trader: u32,
        /// Account id.
        pub account: u32,
        /// Version of the slot's code and parameters.
        pub slot_version: u32,
        /// Firm id.
        pub firm: u16,
        /// Desk id.
        pub desk: u16,
        /// Engine shard.
        pub shard: u16,
        /// Epoch of the shard.
        pub epoch: u16,
    }
}

record! {
    /// A new order. `header.sequence` is the engine's input sequence that caused it.
    pub struct NewOrder [128] v 1 {
        /// Whose.
        pub owner: Owner,
        /// Limit price; undefined for a market order.
        pub price_nanos: i64,
        /// Lots.
        pub lots: i64,
        /// Least lots of the first trade, 0: none.
        pub minimum_lots: i64,
        /// Displayed lots of a reserve order, 0: all.
        pub display_lots: i64,
        /// Good-till-time: when it ends; else 0.
        pub expire_time_ns: u64,
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
        /// Slot that asked.
        pub slot: u8,
        /// 1: the sale is short.
        pub short_sale: u8,
        /// 1: part of the set of quotes that the next [`QuoteSet`] ends.
        pub quote: u8,
    }
}

record! {
    /// New price and total lots of an order. The replacement has an id of its own; the original's is kept for the answer.
    pub struct ReplaceOrder [120] v 1 {
        /// Whose; `order_id` is the replacement's id.
        pub owner: Owner,
        /// The order to replace.
        pub original_id: u64,
        /// New limit price.
        pub price_nanos: i64,
        /// New total lots, filled ones of the original's chain included.
        pub lots: i64,
        /// New displayed lots, 0: all.
        pub display_lots: i64,
        /// A [`crate::Side`] code (unchanged, for gateways that must repeat it).
        pub side: u8,
        /// A [`crate::TimeInForce`] code (unchanged).
        pub time_in_force: u8,
        /// 1: must not take liquidity.
        pub post_only: u8,
        /// Slot that asked.
        pub slot: u8,
        /// Zero.
        pub reserved: [u8; 4],
    }
}

record! {
    /// Cancel an order, or reduce it to `lots` total.
    pub struct CancelOrder [96] v 1 {
        /// Whose; `order_id` is the order to cancel.
        pub owner: Owner,
        /// Total lots the order shall have, filled ones included; 0 cancels it.
        pub lots: i64,
        /// A [`crate::Reason`] code: who wants it gone.
        pub reason: u8,
        /// Slot, or 0.
        pub slot: u8,
        /// 1: part of the set of quotes that the next [`QuoteSet`] ends.
        pub quote: u8,
        /// Zero.
        pub reserved: [u8; 5],
    }
}

record! {
    /// The commands before it that are marked so (`quote`) are a set, and it is whole: a gateway that quotes in sets may send it.
    /// One that is lost ends with the next record of the link.
    pub struct QuoteSet [48] v 1 {
        /// Commands of the set.
        pub commands: u32,
        /// Slot that asked.
        pub slot: u8,
        /// Zero.
        pub reserved: [u8; 3],
    }
}

record! {
    /// Cancel many: all of the owner's that match (zero fields match all).
    pub struct MassCancel [88] v 1 {
        /// Whose; zero fields match all, `order_id` is 0.
        pub owner: Owner,
        /// A [`crate::Side`] code, 0: both.
        pub side: u8,
        /// A [`crate::Reason`] code.
        pub reason: u8,
        /// Zero.
        pub reserved: [u8; 6],
    }
}

record! {
    /// What a venue, or the gateway itself, says of an order (an [`crate::OrderEventKind`]).
    ///
    /// `header.sequence` is the session's sequence number; `header.source` the gateway's session.
    pub struct OrderEvent [168] v 1 {
        /// Whose. For a replace: `order_id` is the replacement's id.
        pub owner: Owner,
        /// The replaced order, for the replace events; else 0.
        pub original_id: u64,
        /// The venue's order reference (what its feed shows), 0 when not told.
        pub venue_order_ref: u64,
        /// Execution id (match number), for fills, busts and corrections; else 0.
        pub execution_id: u64,
        /// Fill: trade price. Accepted, Replaced, Restated: the order's price. Else undefined.
        pub price_nanos: i64,
        /// Fill, bust: lots traded. Canceled, Restated: lots taken off. Accepted, Replaced: total lots.
        pub lots: i64,
        /// Lots still open afterwards; −1 when the venue does not say.
        pub leaves_lots: i64,
        /// Lots filled so far in the venue's count; −1 when it does not say.
        pub cumulative_lots: i64,
        /// Fee in nanos of the currency, negative for a rebate, when told; else 0.
        pub fee_nanos: i64,
        /// When the command left the gateway, for latency; 0 when not known.
        pub sent_time_ns: u64,
        /// An [`crate::OrderEventKind`] code.
        pub event: u8,
        /// A [`crate::Reason`] code, 0: none.
        pub reason: u8,
        /// A [`crate::Side`] code.
        pub side: u8,
        /// Fill: 1 added liquidity, 2 removed, 3 auction; 0 not told.
        pub liquidity: u8,
        /// The venue's own reason code, 0: none.
        pub venue_reason: u32,
        /// 1: this report may have been seen before (replayed).
        pub possible_duplicate: u8,
        /// 1: the venue says the order is dead on arrival (accepted and gone).
        pub dead: u8,
        /// Slot, when the gateway was told.
        pub slot: u8,
        /// Zero.
        pub reserved: [u8; 5],
    }
}
