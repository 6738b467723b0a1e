//! Control events: everything that reaches an engine beside market data and order events, and what configures it.
//!
//! Invariant: an engine's input is whole: who it is, its reference data, its limits and its slots enter as records, so
//! that a journal alone (with the strategies' object code, named by hash) replays it.

use crate::codes::codes;
use crate::layout::record;
use crate::money::MoneyNanos;

record! {
    /// First record of an engine's input.
    pub struct EngineStart [176] v 1 {
        /// Hash of the reference data (SHA-256).
        pub reference_hash: [u8; 32],
        /// Hash of the release: code, configuration, strategies (SHA-256).
        pub release_hash: [u8; 32],
        /// Start of the trading day, ns UTC.
        pub day_start_ns: u64,
        /// Trading day, days since 2020-01-01.
        pub day: u32,
        /// Region node of the limit tree.
        pub region: u32,
        /// Engine shard.
        pub shard: u16,
        /// Epoch.
        pub epoch: u16,
        /// Firm.
        pub firm: u16,
        /// 1: no store gave this epoch; until one confirms it ([`EpochSet`]), new orders may only reduce positions.
        pub unconfirmed: u8,
        /// 1: it takes the place of an engine that may still run: nothing new leaves it before every gateway obeys its epoch.
        pub takes_over: u8,
        /// Zero.
        pub reserved: [u8; 48],
    }
}

record! {
    /// A node of the limit tree. Parents come before their children; the firm's parent is 0.
    pub struct Node [80] v 1 {
        /// Its id, from 1, dense.
        pub node: u32,
        /// Its parent.
        pub parent: u32,
        /// Its stable name, ASCII, zero-padded.
        pub name: [u8; 24],
        /// A [`crate::NodeLevel`] code.
        pub level: u8,
        /// Zero.
        pub reserved: [u8; 7],
    }
}

record! {
    /// A limit at a node with its selector, or (removed) its end.
    pub struct LimitSet [136] v 1 {
        /// The limit's id, unique in the tree.
        pub limit: u32,
        /// The node it sits at.
        pub node: u32,
        /// Hard value: lots, count, parts per million, or nanos of money, by metric.
        pub value: MoneyNanos,
        /// Window of a rate, ns; else 0. A collar: reference age allowed, ns.
        pub window_ns: u64,
        /// etcd's cluster id and raised number: compared before the revision.
        pub generation: u64,
        /// etcd's revision: older or equal is ignored.
        pub revision: u64,
        /// The instrument, underlying or sector selected; 0 with `All`.
        pub selected: u32,
        /// Trader selected, 0: all.
        pub trader: u32,
        /// A [`crate::Metric`] code.
        pub metric: u16,
        /// Venue selected, 0: all.
        pub venue: u16,
        /// A [`crate::SelectorKind`] code.
        pub selector: u8,
        /// Soft warning at this share of the hard value, percent; 0: none.
        pub soft_percent: u8,
        /// 1: the limit is removed.
        pub removed: u8,
        /// 1: last record of a set that is applied whole.
        pub last_of_set: u8,
        /// Rate: burst allowed above the steady count; else 0.
        pub burst: u32,
        /// An [`crate::Enforcement`] code, 0: this engine. Global: `value` is the firm's bound, and what binds is the [`Allocation`].
        pub enforcement: u8,
        /// Zero.
        pub reserved: [u8; 27],
    }
}

record! {
    /// A holder's part of a global limit (ESCROW: U and D, or A).
    pub struct Allocation [104] v 1 {
        /// The limit it belongs to.
        pub limit: u32,
        /// The holder: engine shard.
        pub holder: u32,
        /// Long rights (net position, signed) or the amount (consumable, count, rate).
        pub upper: MoneyNanos,
        /// Short rights (net position, signed); a rate: its burst; else 0.
        pub lower: MoneyNanos,
        /// As in [`LimitSet`].
        pub generation: u64,
        /// As in [`LimitSet`].
        pub revision: u64,
        /// Transfer id this belongs to, or 0.
        pub transfer: u64,
    }
}

record! {
    /// Kill fields of a node, with the same selectors as limits.
    pub struct Kill [88] v 1 {
        /// The node.
        pub node: u32,
        /// The instrument, underlying or sector selected; 0 with `All`.
        pub selected: u32,
        /// As in [`LimitSet`].
        pub generation: u64,
        /// As in [`LimitSet`]; a kill that tightens always applies.
        pub revision: u64,
        /// Trader selected, 0: all.
        pub trader: u32,
        /// Venue selected, 0: all.
        pub venue: u16,
        /// A [`crate::SelectorKind`] code.
        pub selector: u8,
        /// A [`crate::KillNew`] code.
        pub new_orders: u8,
        /// A [`crate::KillResting`] code.
        pub resting: u8,
        /// 1: flatten.
        pub flatten: u8,
        /// Zero.
        pub reserved: [u8; 14],
    }
}

record! {
    /// Who may trade what: a permission at a node with its selector, or (removed) its end.
    ///
    /// `allow` 0 at the firm: what it selects is forbidden unless a node below allows it (default deny). `allow` 0 below the
    /// firm forbids whatever others allow.
    pub struct Permission [88] v 1 {
        /// The node.
        pub node: u32,
        /// The instrument, underlying or sector selected; 0 with `All`.
        pub selected: u32,
        /// As in [`LimitSet`].
        pub generation: u64,
        /// As in [`LimitSet`].
        pub revision: u64,
        /// Trader selected, 0: all.
        pub trader: u32,
        /// Venue selected, 0: all.
        pub venue: u16,
        /// A [`crate::SelectorKind`] code.
        pub selector: u8,
        /// 1: allowed, 0: not.
        pub allow: u8,
        /// 1: the permission is removed.
        pub removed: u8,
        /// Zero.
        pub reserved: [u8; 15],
    }
}

record! {
    /// An instrument (`header.instrument`) on the firm's restricted list, or off it.
    pub struct Restricted [64] v 1 {
        /// As in [`LimitSet`].
        pub generation: u64,
        /// As in [`LimitSet`].
        pub revision: u64,
        /// A [`crate::KillNew`] code: none, reduce-only, or allowed (off the list).
        pub new_orders: u8,
        /// Zero.
        pub reserved: [u8; 7],
    }
}

record! {
    /// The epoch of this engine's holder in the coordination store. The engine's own: confirmed. A newer one: another engine
    /// is in its place, and nothing new leaves this one.
    pub struct EpochSet [64] v 1 {
        /// As in [`LimitSet`].
        pub generation: u64,
        /// As in [`LimitSet`].
        pub revision: u64,
        /// The epoch.
        pub epoch: u16,
        /// Zero.
        pub reserved: [u8; 6],
    }
}

record! {
    /// The reference data that every region is to run. An engine that was started with other data only reduces positions.
    pub struct ReferenceSet [88] v 1 {
        /// Its hash (SHA-256).
        pub hash: [u8; 32],
        /// As in [`LimitSet`].
        pub generation: u64,
        /// As in [`LimitSet`].
        pub revision: u64,
    }
}

record! {
    /// Someone asks for the whole state: the engine says its positions, limit usages, slots, sessions and what is in force,
    /// then [`crate::Applied`] of this record.
    pub struct StateRequest [48] v 1 {
        /// Token of who asked.
        pub request: u64,
    }
}

record! {
    /// A strategy slot: what runs there and for whom. Parameters follow, then `SlotBind`s, then a start.
    pub struct Slot [152] v 1 {
        /// Hash of the object code and class (SHA-256).
        pub code_hash: [u8; 32],
        /// Name, ASCII, zero-padded.
        pub name: [u8; 32],
        /// Instructions' worth of loop turns a callback may burn.
        pub fuel: u64,
        /// Interval of its timer, 0: none.
        pub timer_ns: u64,
        /// Account node of the limit tree.
        pub account: u32,
        /// Strategy node of the limit tree.
        pub strategy: u32,
        /// Desk node of the limit tree.
        pub desk: u32,
        /// Trader.
        pub trader: u32,
        /// Version of code and parameters.
        pub slot_version: u32,
        /// The slot, from 1.
        pub slot: u8,
        /// A [`crate::SelfTrade`] code for its orders, 0: none.
        pub self_trade: u8,
        /// An executor: it runs no code, but legs that the engine of this shard asks for. 0: a strategy.
        pub origin: u16,
        /// With `origin`: the strategy node there whose legs it runs.
        pub serves: u32,
        /// Zero.
        pub reserved: [u8; 4],
    }
}

record! {
    /// A slot watches and may trade a listing (`header.venue`, `header.instrument`).
    pub struct SlotBind [48] v 1 {
        /// The slot.
        pub slot: u8,
        /// Its index among the slot's listings, from 0, dense.
        pub index: u8,
        /// 1: it may only watch.
        pub watch_only: u8,
        /// The shard of the engine whose executor runs the slot's legs at this listing; here it only watches. 0: this engine.
        pub executor: u8,
        /// Zero.
        pub reserved: [u8; 4],
    }
}

record! {
    /// Starts or stops a slot.
    pub struct StrategyControl [64] v 1 {
        /// The slot.
        pub slot: u8,
        /// A [`crate::SlotRun`] code: Running starts, Stopped stops, Disabled disables.
        pub run: u8,
        /// 1: cancel its orders on stop.
        pub cancel: u8,
        /// A [`crate::CallStatus`] code with Disabled; with Running, Quarantined starts a slot that is in quarantine, which is not
        /// started else.
        pub status: u8,
        /// Zero.
        pub reserved: [u8; 4],
        /// As in [`LimitSet`].
        pub revision: u64,
        /// Token of who asked, for the answer.
        pub request: u64,
    }
}

record! {
    /// Sets a parameter of a slot.
    pub struct Parameter [96] v 1 {
        /// Name, ASCII, zero-padded.
        pub name: [u8; 32],
        /// The value's bits: i64 or f64 as the class declares, or a bool as 0 or 1.
        pub bits: u64,
        /// Byte offset in the slot's record; checked against the class when the record was made.
        pub offset: u32,
        /// The slot.
        pub slot: u8,
        /// 1: i64, 2: f64, 3: bool (one byte).
        pub scalar: u8,
        /// Zero.
        pub reserved: [u8; 2],
        /// Token of who asked.
        pub request: u64,
    }
}

record! {
    /// Time passes: sent when nothing else does, so that the fold can notice silence.
    pub struct Timer [48] v 1 {
        /// Zero.
        pub reserved: u64,
    }
}

record! {
    /// A venue session went up or down (`header.venue`, `header.source`).
    pub struct Session [64] v 1 {
        /// A [`crate::SessionState`] code.
        pub state: u8,
        /// A [`crate::CancelOnDisconnect`] code, 0: none: what the venue promises to cancel when this session drops.
        pub cancel_on_disconnect: u8,
        /// A [`crate::Reason`] code, 0: none.
        pub reason: u8,
        /// 1, with `Up`: not the session that was up before; it knows nothing of earlier orders.
        pub renewed: u8,
        /// 1: quotes leave in sets, as quotes; else each as an order of its own.
        pub quotes: u8,
        /// Zero.
        pub reserved: [u8; 3],
        /// Epoch the gateway obeys.
        pub epoch: u64,
        /// Free slots in the gateway's window (mirrored throttle), 0: not told.
        pub window: u64,
    }
}

record! {
    /// When the session of a venue (`header.venue`) is no longer trusted with new orders, and how many messages it takes.
    /// Without such a record it is trusted always, and takes any number.
    pub struct SessionGuard [128] v 1 {
        /// Bad answers count while they are younger than this and among the last `answers`.
        pub window_ns: u64,
        /// An answer that took longer is slow.
        pub round_trip_ns_max: u64,
        /// A request without an answer for so long opens the breaker.
        pub answer_ns_max: u64,
        /// How long the breaker stays open at first.
        pub hold_ns_min: u64,
        /// The hold doubles with each probe that fails, up to this.
        pub hold_ns_max: u64,
        /// The venue counts messages in any window of this length, what they may be delayed on their way included.
        pub throttle_window_ns: u64,
        /// Latest answers looked at.
        pub answers: u32,
        /// So many rejects among them open the breaker.
        pub rejects_max: u32,
        /// So many slow ones among them open it, too.
        pub slow_max: u32,
        /// Orders that pass while it is half open; that many good answers close it.
        pub probes: u32,
        /// Messages that the venue takes in a window; 0: any number.
        pub throttle_messages: u32,
        /// How many of them new orders and replaces leave to cancels.
        pub throttle_reserved: u32,
        /// 1: the breaker works; 0: the session is trusted as long as it is up.
        pub breaker: u8,
        /// Zero.
        pub reserved: [u8; 15],
    }
}

record! {
    /// An open breaker (`header.venue`) is to let probes through now.
    pub struct SessionReset [152] v 1 {
        /// Token of who asked, for the answer.
        pub request: u64,
        /// Who asked, UTF-8, zero-padded.
        pub by: [u8; 24],
        /// Why, UTF-8, zero-padded; what does not fit is with who asked.
        pub reason: [u8; 80],
    }
}

record! {
    /// The trading day changes: day limits reset, DAY orders are gone.
    pub struct DayRoll [64] v 1 {
        /// Start of the new day, ns UTC.
        pub day_start_ns: u64,
        /// The new day, days since 2020-01-01.
        pub day: u32,
        /// Zero.
        pub reserved: [u8; 12],
    }
}

record! {
    /// A snapshot of the state after this record is to be made (by a standby or a shadow).
    pub struct SnapshotMark [48] v 1 {
        /// Which.
        pub snapshot: u64,
    }
}

record! {
    /// An intent of a strategy in its own process; `based_on` is the input sequence it had seen.
    pub struct Intent [104] v 1 {
        /// Input sequence the decision was based on.
        pub based_on: u64,
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
        pub intent: u8,
        /// A [`crate::Side`] code.
        pub side: u8,
        /// A [`crate::OrderType`] code.
        pub order_type: u8,
        /// A [`crate::TimeInForce`] code.
        pub time_in_force: u8,
        /// 1: post-only.
        pub post_only: u8,
        /// The slot.
        pub slot: u8,
        /// 1: a quote ([`crate::INTENT_QUOTE`]).
        pub quote: u8,
        /// Zero.
        pub reserved: [u8; 9],
    }
}

record! {
    /// A number of an alpha tile or a strategy. The header's venue time is the engine time of the input that it was based on.
    pub struct Signal [72] v 1 {
        /// Input sequence the number was based on.
        pub based_on: u64,
        /// Bits of the f64.
        pub bits: u64,
        /// The channel, by the number of its name.
        pub signal: u32,
        /// The slot that published it, 0: a tile.
        pub slot: u8,
        /// Zero.
        pub reserved: [u8; 3],
        /// A tile's word that another number of this channel comes within so many microseconds; 0: none.
        pub within_us: u32,
        /// Zero.
        pub reserved_end: [u8; 4],
    }
}

record! {
    /// A position of another region in an instrument (`header.instrument`), as its agent told it.
    pub struct RegionPosition [80] v 1 {
        /// The position.
        pub lots: i64,
        /// Input sequence of that region's engine up to which it is told.
        pub watermark: u64,
        /// Time of that region at which it was so, ns UTC.
        pub time_ns: u64,
        /// Account node of the limit tree.
        pub account: u32,
        /// The region, by its number: its name's FNV-1a of 32 bits (0 becomes 1).
        pub region: u32,
        /// 1: something that the region told was lost, or it cannot say itself what it holds.
        pub unsure: u8,
        /// Zero.
        pub reserved: [u8; 7],
    }
}

record! {
    /// The best prices of a listing (`header.venue`, `header.instrument`) that another region hears. The header's sequence is
    /// the input of that region's engine up to which they are told.
    pub struct RegionQuote [96] v 1 {
        /// Best bid, undefined: none.
        pub bid_nanos: i64,
        /// Lots there.
        pub bid_lots: i64,
        /// Best ask, undefined: none.
        pub ask_nanos: i64,
        /// Lots there.
        pub ask_lots: i64,
        /// Time of that region at which they were so, ns UTC. It grows with each that an engine says of a listing.
        pub time_ns: u64,
        /// The region, as in [`RegionPosition`].
        pub region: u32,
        /// A [`crate::RegionQuoteState`] code: why there are no prices, where there are none.
        pub state: u8,
        /// Zero.
        pub reserved: [u8; 3],
        /// Time of that region at which its book's best prices or their lots changed last, ns UTC; 0: never.
        pub changed_ns: u64,
    }
}

record! {
    /// A word of a slot's kept state. The engine says all of them when the slot stops; given to it before a start, they stand
    /// in the place of the class's own initial values.
    pub struct KeptState [104] v 1 {
        /// Name of the field, ASCII, zero-padded.
        pub name: [u8; 32],
        /// The value's bits: i64 or f64 as the class declares, or a bool as 0 or 1.
        pub bits: u64,
        /// Element of a list, else 0.
        pub element: u32,
        /// Elements of the list, 0: no list.
        pub length: u32,
        /// The slot.
        pub slot: u8,
        /// 1: i64, 2: f64, 3: bool (one byte).
        pub scalar: u8,
        /// Zero.
        pub reserved: [u8; 6],
        /// Token of who asked.
        pub request: u64,
    }
}

record! {
    /// In a gateway's journal: the venue's session, as it names it, and how far it was heard. Orders that follow were sent in it.
    pub struct VenueSession [64] v 1 {
        /// The name, padded with zeros.
        pub name: [u8; 16],
        /// Number of the venue's next message.
        pub next_sequence: u64,
    }
}

record! {
    /// From an engine to a feed (`header.venue`): its books cannot be trusted, everything is to be told again.
    pub struct Resync [56] v 1 {
        /// Epoch of who asks.
        pub epoch: u64,
        /// Which request of this epoch: the input sequence it was made at. One that was answered is not answered again.
        pub request: u64,
    }
}

codes! {
    /// Why a slot is put in quarantine.
    pub enum QuarantineCause: u8 {
        /// Its process ended within the call: by a fault, an abort, or by itself.
        Crashed = 1,
        /// The call did not end, and its process was ended for that.
        Hung = 2,
        /// Its process was killed from outside, twice within the same call at the same input.
        KilledTwice = 3,
    }
}

record! {
    /// A slot's code ended or hung the process that called it: at that call it fails, and it is not called any more until a person
    /// starts it as one that is in quarantine, or it is loaded with other code. In marks beside a journal and, once an engine has
    /// begun a life with the mark, in the journal.
    pub struct Quarantine [96] v 1 {
        /// The input in whose pass it was called.
        pub input: u64,
        /// The engine's time of that input, ns UTC: an input at this place with another time is another journal's.
        pub input_time_ns: u64,
        /// When it was decided, ns UTC.
        pub time_ns: u64,
        /// The first eight bytes of its code's hash, little-endian.
        pub code: u64,
        /// Which call of the pass it was, of those of all slots, from 1.
        pub call: u32,
        /// The slot's version.
        pub slot_version: u32,
        /// The engine's firm.
        pub firm: u16,
        /// The engine's shard.
        pub shard: u16,
        /// The slot.
        pub slot: u8,
        /// A [`crate::Callback`] code.
        pub callback: u8,
        /// A [`crate::QuarantineCause`] code.
        pub cause: u8,
        /// The signal that ended the process, 0: it ended by itself.
        pub signal: u8,
        /// Zero.
        pub reserved: [u8; 8],
    }
}
