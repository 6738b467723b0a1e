//! The head of every record and the list of kinds.
//!
//! Invariant: kinds are appended and never renumbered; journals outlive code.

use crate::codes::codes;
use crate::layout::part;

codes! {
    /// What a record is. Values are written to journals: append, never renumber.
    pub enum Kind: u16 {
        /// One order of a venue's book: added, executed, reduced, deleted, replaced.
        MarketOrder = 1,
        /// One price level of a venue's book.
        MarketLevel = 2,
        /// A trade, or its bust.
        Trade = 3,
        /// Trading state of an instrument at a venue, and of the feed itself.
        Status = 4,
        /// Auction imbalance.
        Imbalance = 5,
        /// An instrument.
        Definition = 6,
        /// An instrument at a venue.
        Listing = 7,
        /// One row of a tick table.
        TickBand = 8,
        /// Order command: new.
        NewOrder = 16,
        /// Order command: replace.
        ReplaceOrder = 17,
        /// Order command: cancel.
        CancelOrder = 18,
        /// Order command: cancel many.
        MassCancel = 19,
        /// Order command: the quotes before it are a set, and it is whole.
        QuoteSet = 20,
        /// What a venue or gateway says of an order.
        OrderEvent = 32,
        /// A node of the limit tree.
        Node = 48,
        /// A limit at a node.
        LimitSet = 49,
        /// A holder's part of a global limit.
        Allocation = 50,
        /// Kill fields of a node.
        Kill = 51,
        /// A strategy slot.
        Slot = 52,
        /// A slot's interest in a listing.
        SlotBind = 53,
        /// Start or stop of a slot.
        StrategyControl = 54,
        /// A parameter of a slot.
        Parameter = 55,
        /// Time passes.
        Timer = 56,
        /// A venue session went up or down.
        Session = 57,
        /// The trading day changes.
        DayRoll = 58,
        /// A snapshot is to be made here.
        SnapshotMark = 59,
        /// An order intent of a strategy in its own process.
        Intent = 60,
        /// A value of an alpha tile.
        Signal = 61,
        /// First record of an engine's input: who it is, what it runs.
        EngineStart = 62,
        /// A reader of a feed wants everything again.
        Resync = 63,
        /// Someone asks for the whole state as outputs.
        StateRequest = 64,
        /// Who may trade what at a node.
        Permission = 65,
        /// An instrument on or off the restricted list.
        Restricted = 66,
        /// In a gateway's journal: the venue's session, and how far it was heard.
        VenueSession = 67,
        /// When a venue session is no longer trusted with new orders, and how many messages it takes.
        SessionGuard = 68,
        /// Someone asks that an open breaker lets probes through.
        SessionReset = 69,
        /// What the coordination store says of this engine's epoch.
        EpochSet = 72,
        /// The reference data that the coordination store names.
        ReferenceSet = 73,
        /// A position of another region.
        RegionPosition = 74,
        /// The best prices of an instrument in another region.
        RegionQuote = 75,
        /// A word of a slot's kept state: said when the slot stops, given to it before a start.
        KeptState = 76,
        /// Another engine that runs legs for this one, or asks this one to.
        Peer = 77,
        /// An engine asks another for a leg.
        ExecutorRequest = 78,
        /// How a leg stands at the engine that runs it.
        ExecutorAnswer = 79,
        /// One input of the engine that leads, for its standby.
        InputFrame = 80,
        /// How the engine that leads stands, for its standby.
        LeaderMark = 81,
        /// How a standby stands.
        StandbyWord = 82,
        /// A standby is to lead.
        Lead = 83,
        /// An engine that leads is to make way for its standby.
        Cede = 84,
        /// A slot's code ended or hung the process that called it: from that call on it is not called.
        Quarantine = 85,
        /// Output: an order intent that risk refused.
        RiskReject = 96,
        /// Output: a slot changed its state.
        SlotState = 97,
        /// Output: a position changed.
        Position = 98,
        /// Output: a difference between us and a venue.
        Break = 99,
        /// Output: a control record is in force.
        Applied = 100,
        /// Output: the engine is alive.
        Heartbeat = 101,
        /// Output: the soft value of a limit was reached.
        LimitWarning = 102,
        /// Output: how far a limit is used.
        LimitUsage = 103,
        /// Output: how a venue session does, and the state of its breaker.
        SessionHealth = 104,
        /// Output: a multi-leg order, or a leg of it, changed its state.
        MultiLeg = 105,
        /// House exchange: a new order.
        ExchangeEnter = 128,
        /// House exchange: new terms for an order.
        ExchangeReplace = 129,
        /// House exchange: cancel or reduce an order.
        ExchangeCancel = 130,
        /// House exchange: cancel many.
        ExchangeMassCancel = 131,
        /// House exchange: states, busts, day roll, sessions, time.
        ExchangeControl = 132,
        /// House exchange: an instrument.
        ExchangeListing = 133,
        /// House exchange: a session that may order.
        ExchangeSession = 134,
        /// House exchange: a request by the client's own name for it.
        ExchangeRequest = 135,
        /// House exchange: new terms for a trade.
        ExchangeCorrection = 136,
        /// House exchange: a call phase begins, says where it stands, or ends.
        ExchangeAuction = 137,
        /// House exchange: what it says.
        ExchangeEvent = 144,
        /// House exchange: what an auction would give.
        ExchangeIndication = 145,
    }
}

/// Header flag: the last record of one venue event; books may be read after it.
pub const FLAG_LAST: u8 = 1;
/// Header flag: part of a snapshot, not of the live stream.
pub const FLAG_SNAPSHOT: u8 = 2;
/// Header flag: made by us (seeded liquidity, generator), not by a venue.
pub const FLAG_SYNTHETIC: u8 = 4;

part! {
    /// Kind, version, venue, instrument, sequence, times: the first 40 bytes of every record.
    pub struct Header [40] {
        /// A [`Kind`] code.
        pub kind: u16,
        /// Version of this kind's layout.
        pub version: u8,
        /// `FLAG_*` bits.
        pub flags: u8,
        /// Venue id of the reference data; 0 when none.
        pub venue: u16,
        /// Bytes of the whole record.
        pub length: u16,
        /// Instrument id of the reference data; 0 when none.
        pub instrument: u32,
        /// Which source of that venue (line, session, agent); 0 when it has one only.
        pub source: u32,
        /// The source's own sequence number. An engine's input sequence is in its [`Stamp`].
        pub sequence: u64,
        /// When the venue says it happened.
        pub venue_time_ns: u64,
        /// When its bytes reached us.
        pub receive_time_ns: u64,
    }
}

impl Header {
    /// The kind, or `None` for one this build does not know.
    pub const fn kind(&self) -> Option<Kind> {
        Kind::from_code(self.kind)
    }

    /// Whether this is the last record of one venue event.
    pub const fn is_last(&self) -> bool {
        self.flags & FLAG_LAST != 0
    }
}

part! {
    /// What the input merger adds to a record: its place in the engine's input and the engine's time.
    pub struct Stamp [16] {
        /// From 1, without gaps.
        pub sequence: u64,
        /// Engine time, never decreasing, ns UTC. The fold knows no other clock.
        pub time_ns: u64,
    }
}
