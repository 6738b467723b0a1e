//! What an engine says besides order commands. Outputs are recomputed by replay; the state hash rolls over them.

use crate::layout::record;
use crate::money::MoneyNanos;
use crate::orders::Owner;

record! {
    /// An intent that risk refused. Payload as an officer needs it: limit, scope, bound, observed, reference.
    pub struct RiskReject [176] v 1 {
        /// Whose (the order id is the one it would have had, or the order meant).
        pub owner: Owner,
        /// The bound.
        pub bound: MoneyNanos,
        /// What would have been.
        pub observed: MoneyNanos,
        /// Reference price used, or undefined.
        pub reference_nanos: i64,
        /// Price of the intent, or undefined.
        pub price_nanos: i64,
        /// Lots of the intent.
        pub lots: i64,
        /// Engine time.
        pub time_ns: u64,
        /// The limit, 0: none is set.
        pub limit: u32,
        /// The node it sits at.
        pub node: u32,
        /// Slot that asked.
        pub slot: u8,
        /// A [`crate::RejectCode`] code.
        pub code: u8,
        /// A [`crate::Side`] code.
        pub side: u8,
        /// An [`crate::IntentKind`] code.
        pub intent: u8,
        /// Zero.
        pub reserved: [u8; 20],
    }
}

record! {
    /// A slot changed its state.
    pub struct SlotState [64] v 1 {
        /// The slot.
        pub slot: u8,
        /// A [`crate::SlotRun`] code.
        pub run: u8,
        /// A [`crate::CallStatus`] code, 0: stopped by request.
        pub status: u8,
        /// The [`crate::Callback`] that failed, 0: none.
        pub callback: u8,
        /// Line of the strategy's source, 0: not known.
        pub line: u32,
        /// Engine time.
        pub time_ns: u64,
        /// Input sequence.
        pub input: u64,
    }
}

record! {
    /// A position after a change (`header.instrument`), per account.
    pub struct Position [144] v 1 {
        /// Signed lots.
        pub lots: i64,
        /// Lots bought today.
        pub bought_lots: i64,
        /// Lots sold today.
        pub sold_lots: i64,
        /// Price at which the position is marked.
        pub mark_nanos: i64,
        /// Cash from trades, negative when paid out; the position's value is not in it.
        pub cash: MoneyNanos,
        /// Realised by average cost.
        pub realised: MoneyNanos,
        /// Marked at `mark_nanos`, minus cost.
        pub unrealised: MoneyNanos,
        /// Engine time.
        pub time_ns: u64,
        /// Account.
        pub account: u32,
        /// Strategy.
        pub strategy: u32,
        /// Slot.
        pub slot: u8,
        /// Zero.
        pub reserved: [u8; 7],
    }
}

record! {
    /// A difference between us and a venue: someone must see it.
    pub struct Break [136] v 1 {
        /// Whose, as far as it is known.
        pub owner: Owner,
        /// Execution, or 0.
        pub execution_id: u64,
        /// What the venue says.
        pub venue_lots: i64,
        /// What we have.
        pub our_lots: i64,
        /// Price, or undefined.
        pub price_nanos: i64,
        /// Engine time.
        pub time_ns: u64,
        /// Input sequence.
        pub input: u64,
        /// A [`crate::BreakKind`] code.
        pub kind: u8,
        /// The [`crate::OrderEventKind`] that showed it.
        pub event: u8,
        /// Zero.
        pub reserved: [u8; 6],
    }
}

record! {
    /// A control record is in force, at this input sequence.
    pub struct Applied [80] v 1 {
        /// Input sequence at which it took effect.
        pub input: u64,
        /// Its generation.
        pub generation: u64,
        /// Its revision.
        pub revision: u64,
        /// Limit, node or slot it was about.
        pub subject: u32,
        /// Kind of the control record.
        pub control: u16,
        /// 1: applied, 2: ignored as older, 3: refused as invalid, 5: a kill is in force but for `flatten`, which this
        /// engine does not carry out.
        pub outcome: u8,
        /// Zero.
        pub reserved: [u8; 1],
        /// Token of who asked, or 0.
        pub request: u64,
    }
}

record! {
    /// The engine is alive; gateways pull its orders when these cease.
    pub struct Heartbeat [64] v 1 {
        /// Input sequence so far.
        pub input: u64,
        /// Engine time.
        pub time_ns: u64,
        /// Epoch.
        pub epoch: u16,
        /// Shard.
        pub shard: u16,
        /// Why new orders may not increase positions, as bits: 1 the epoch is not confirmed, 2 a newer epoch is there, 4 the
        /// store names other reference data, 8 a gateway does not obey the epoch yet.
        pub standing: u8,
        /// Zero.
        pub reserved: [u8; 3],
    }
}

record! {
    /// The use of a limit went above its soft value: told once until it has been below again. The limit's selector and the
    /// order that crossed it say where (`header.venue`, `header.instrument`).
    pub struct LimitWarning [112] v 1 {
        /// The hard bound.
        pub bound: MoneyNanos,
        /// The use that crossed the soft value, in the metric's unit.
        pub observed: MoneyNanos,
        /// Engine time when it was told, within a second of the crossing.
        pub time_ns: u64,
        /// Warnings that found no room to wait, since the engine's start.
        pub dropped: u64,
        /// The limit.
        pub limit: u32,
        /// The node it sits at.
        pub node: u32,
        /// Account whose order crossed it.
        pub account: u32,
        /// Its trader, 0: none.
        pub trader: u32,
        /// A [`crate::Metric`] code.
        pub metric: u16,
        /// Zero.
        pub reserved: [u8; 6],
    }
}

record! {
    /// How far a limit is used, in the metric's unit. A position limit counts each instrument apart: the one that has least
    /// left (`header.instrument`).
    pub struct LimitUsage [168] v 1 {
        /// What binds in this engine: the bound, or its part of a global one.
        pub bound: MoneyNanos,
        /// Booked: position on that side, or what was traded today.
        pub used_filled: MoneyNanos,
        /// Held by orders that may still trade, unknown ones included.
        pub reserved_open: MoneyNanos,
        /// The share of `reserved_open` that orders in an unknown state hold.
        pub unknown: MoneyNanos,
        /// What is left; below zero: the side is closed until it is inside again.
        pub free: MoneyNanos,
        /// Most that was booked and held since the day began, as seen whenever usage is told.
        pub high_water: MoneyNanos,
        /// Input sequence.
        pub input: u64,
        /// Engine time.
        pub time_ns: u64,
        /// The limit.
        pub limit: u32,
        /// Its node.
        pub node: u32,
        /// A [`crate::Metric`] code.
        pub metric: u16,
        /// An [`crate::Enforcement`] code, 0: this engine.
        pub enforcement: u8,
        /// 1: a global limit of which this engine has no part yet.
        pub no_part: u8,
        /// Zero.
        pub reserved: [u8; 4],
    }
}

record! {
    /// How the session of a venue (`header.venue`) does and what state its breaker is in: said when the breaker changes, and
    /// regularly where anything changed.
    pub struct SessionHealth [192] v 1 {
        /// Answers of the venue to new orders and replaces.
        pub answers: u64,
        /// Rejects among them that count against the session.
        pub rejects: u64,
        /// Slow ones among them.
        pub slow: u64,
        /// New orders and replaces that the breaker refused.
        pub refused_breaker: u64,
        /// New orders and replaces that would have met the venue's throttle.
        pub refused_throttle: u64,
        /// Requests that the venue refused for its throttle all the same.
        pub throttled: u64,
        /// How often the breaker opened.
        pub trips: u64,
        /// From request to answer, the latest; 0: none yet.
        pub round_trip_ns: u64,
        /// The longest since this was said last.
        pub round_trip_max_ns: u64,
        /// Engine time of the session's last word; 0: none yet.
        pub heard_ns: u64,
        /// While open: engine time when probes may pass; 0: when the session is up, or not open.
        pub until_ns: u64,
        /// How long it stays open the next time.
        pub hold_ns: u64,
        /// Engine time.
        pub time_ns: u64,
        /// Input sequence.
        pub input: u64,
        /// Rejects that count now.
        pub rejects_now: u32,
        /// Slow answers that count now.
        pub slow_now: u32,
        /// Messages in the throttle's window.
        pub throttle_used: u32,
        /// Messages that the venue takes in a window; 0: any number.
        pub throttle_messages: u32,
        /// How many of them are for cancels alone.
        pub throttle_reserved: u32,
        /// Half open: probes that may still pass.
        pub probes_left: u32,
        /// A [`crate::BreakerState`] code.
        pub state: u8,
        /// A [`crate::BreakerCause`] code of when it opened last, 0: never.
        pub cause: u8,
        /// A [`crate::SessionState`] code.
        pub session: u8,
        /// 1: the breaker has this state from this input on.
        pub changed: u8,
        /// Zero.
        pub reserved: [u8; 12],
    }
}

record! {
    /// A multi-leg order (`leg` 0), or a leg of it, changed its state. `header` names a leg's venue and instrument.
    pub struct MultiLeg [176] v 1 {
        /// Whose; `order_id` is the multi-leg order's id.
        pub owner: Owner,
        /// The leg's order, or the one that unwinds it; 0: none was sent.
        pub leg_order_id: u64,
        /// The strategy's own number for it.
        pub tag: i64,
        /// The leg's price.
        pub price_nanos: i64,
        /// The worst price at which the leg is unwound; undefined: what it filled is kept.
        pub unwind_nanos: i64,
        /// The leg's lots.
        pub lots: i64,
        /// Lots that it filled, broken trades taken off.
        pub filled_lots: i64,
        /// Lots of them that were traded back.
        pub unwound_lots: i64,
        /// Engine time until which the legs, or unwinding them, may go on.
        pub until_ns: u64,
        /// Engine time.
        pub time_ns: u64,
        /// Input sequence.
        pub input: u64,
        /// The limit that refused a leg, 0: none.
        pub limit: u32,
        /// Which leg, from 1; 0: the multi-leg order itself.
        pub leg: u8,
        /// How many legs it has.
        pub legs: u8,
        /// A [`crate::LegState`] code, or a [`crate::MultiLegState`] code where `leg` is 0.
        pub state: u8,
        /// A [`crate::MultiLegCause`] code, 0: nothing stands in its way.
        pub cause: u8,
        /// A [`crate::RejectCode`] code, 0: none.
        pub reason: u8,
        /// Slot.
        pub slot: u8,
        /// The leg's side, a [`crate::Side`] code.
        pub side: u8,
        /// Zero.
        pub reserved: [u8; 5],
    }
}
