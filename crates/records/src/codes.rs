//! Enumerations as they are stored in records.
//!
//! Invariant: codes are stable: appended, never renumbered. Zero means absent and is never a variant.

/// Declares an enumeration with stable codes, a checked reader and a table for export.
macro_rules! codes {
    ($(#[doc = $doc:literal])* pub enum $name:ident : $repr:ty { $($(#[doc = $variant_doc:literal])* $variant:ident = $code:literal),* $(,)? }) => {
        $(#[doc = $doc])*
        #[repr($repr)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[doc = $variant_doc])* $variant = $code,)* }

        impl $name {
            /// Every variant with its code.
            pub const ALL: &'static [($name, &'static str, u64)] = &[$(($name::$variant, stringify!($variant), $code)),*];

            /// The same as a table for export.
            pub const TABLE: $crate::CodeTable = $crate::CodeTable {
                name: stringify!($name),
                size: size_of::<$repr>(),
                about: &[$($doc),*],
                variants: &[$((stringify!($variant), $code, &[$($variant_doc),*])),*],
            };

            /// The variant of a code, or `None` for one this build does not know.
            pub const fn from_code(code: $repr) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)* _ => None }
            }

            /// The stored code.
            pub const fn code(self) -> $repr { self as $repr }
        }

        $crate::state::coded!($name: $repr);
    };
}
pub(crate) use codes;

codes! {
    /// Side of an order or a level.
    pub enum Side: u8 {
        /// Buys; bids.
        Buy = 1,
        /// Sells (short sales included); asks.
        Sell = 2,
    }
}

impl Side {
    /// The other side.
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }

    /// +1 for a buy, −1 for a sale.
    pub const fn sign(self) -> i64 {
        match self {
            Self::Buy => 1,
            Self::Sell => -1,
        }
    }

    /// 0 for a buy, 1 for a sale: an array index.
    pub const fn index(self) -> usize {
        self as usize - 1
    }
}

codes! {
    /// What happened to one order of a venue's book.
    pub enum BookAction: u8 {
        /// A new order rests.
        Add = 1,
        /// Lots of a resting order traded (`lots` traded).
        Execute = 2,
        /// Lots of a resting order were cancelled (`lots` cancelled).
        Reduce = 3,
        /// A resting order is gone.
        Delete = 4,
        /// A resting order became another, which loses priority (`new_order_ref`, price, lots).
        Replace = 5,
        /// The side or, with side 0, the whole book is empty.
        Clear = 6,
        /// A resting order has now this price and these lots (venues that modify in place: CME).
        Modify = 7,
    }
}

codes! {
    /// Order type.
    pub enum OrderType: u8 {
        /// At the price or better.
        Limit = 1,
        /// At any price the venue's protection allows.
        Market = 2,
    }
}

codes! {
    /// How long an order lives.
    pub enum TimeInForce: u8 {
        /// Until the end of the trading day.
        Day = 1,
        /// Trade at once, cancel the rest.
        ImmediateOrCancel = 2,
        /// Trade whole at once or not at all.
        FillOrKill = 3,
        /// Until `expire_time_ns`.
        GoodTillTime = 4,
        /// Until cancelled.
        GoodTillCancel = 5,
        /// In the opening or a reopening auction alone: what does not trade there ends.
        AtOpen = 6,
        /// In the closing auction alone: what does not trade there ends.
        AtClose = 7,
    }
}

codes! {
    /// What happens when an order would trade with one of the same owner.
    pub enum SelfTrade: u8 {
        /// The incoming order is cancelled.
        CancelNewest = 1,
        /// The resting order is cancelled.
        CancelOldest = 2,
        /// Both are cancelled.
        CancelBoth = 3,
        /// Both lose the smaller quantity, no trade.
        Decrement = 4,
    }
}

codes! {
    /// What a venue or gateway says of an order.
    pub enum OrderEventKind: u8 {
        /// The venue took a new order.
        Accepted = 1,
        /// The venue or gateway refused a new order.
        Rejected = 2,
        /// Lots traded (`lots`, `price_nanos`).
        Filled = 3,
        /// The order is gone; `lots` were taken off.
        Canceled = 4,
        /// Time in force ran out; as `Canceled`.
        Expired = 5,
        /// A replace took effect: price, leaves and cumulative are the new order's.
        Replaced = 6,
        /// A replace was refused; the order stands as it was, if it still stands.
        ReplaceRejected = 7,
        /// A cancel was refused.
        CancelRejected = 8,
        /// The venue took lots off without being asked (self-trade decrement, quantity restated).
        Restated = 9,
        /// A trade was broken (`execution_id`, lots, price of the original).
        Broken = 10,
        /// A trade's price or lots were corrected.
        Corrected = 11,
        /// The gateway states that the bytes never reached the socket.
        NotSent = 12,
        /// The gateway cannot say whether the venue has the command.
        Unknown = 13,
        /// Venue says it is working on a cancel that cannot be done at once.
        CancelPending = 14,
        /// The venue answered a status question: it does not know the order.
        NotFound = 15,
        /// A new book reference for a resting order (reserve refill), same order otherwise.
        Refreshed = 16,
    }
}

codes! {
    /// Why an order ended or was refused, in our terms; the venue's own code is kept beside it.
    pub enum Reason: u8 {
        /// Our own request.
        UserRequested = 1,
        /// Immediate-or-cancel remainder.
        Immediate = 2,
        /// Time in force ran out.
        Timeout = 3,
        /// Self-trade prevention.
        SelfTradePrevention = 4,
        /// Trading is halted.
        Halted = 5,
        /// The venue's supervision.
        Supervisory = 6,
        /// Session lost, cancelled on disconnect.
        Disconnected = 7,
        /// The engine fell silent and the gateway pulled its orders.
        EngineSilent = 8,
        /// Price outside what the venue takes.
        InvalidPrice = 9,
        /// Quantity outside what the venue takes.
        InvalidQuantity = 10,
        /// Unknown instrument.
        InvalidInstrument = 11,
        /// Post-only order would have traded.
        WouldCross = 12,
        /// Minimum quantity cannot be met.
        MinimumQuantity = 13,
        /// The venue or the gateway is closed or not connected.
        Closed = 14,
        /// A field the venue does not take, or takes only otherwise.
        InvalidField = 15,
        /// The order to replace or cancel is not there.
        UnknownOrder = 16,
        /// An id that was used before.
        DuplicateId = 17,
        /// A message-rate limit.
        Throttled = 18,
        /// Kill or risk took it.
        Risk = 19,
        /// An older epoch.
        StaleEpoch = 20,
        /// Link or queue full: refused at the source.
        BackPressure = 21,
        /// The trading day ended.
        DayEnd = 22,
        /// Anything else; see the venue's code.
        Other = 23,
        /// Too late for the auction that is under way.
        TooLate = 24,
        /// The device refused what the journal wrote: nothing new is sent.
        NotDurable = 25,
    }
}

impl TimeInForce {
    /// Whether an order lives for one auction alone.
    pub const fn is_at_auction(self) -> bool {
        matches!(self, Self::AtOpen | Self::AtClose)
    }
}

codes! {
    /// Trading state of an instrument at a venue.
    pub enum TradingState: u8 {
        /// Orders and trades flow.
        Trading = 1,
        /// No trading, by rule or news.
        Halted = 2,
        /// Paused (volatility).
        Paused = 3,
        /// Quotes only.
        QuoteOnly = 4,
        /// An auction collects orders.
        Auction = 5,
        /// Before the open.
        PreOpen = 6,
        /// After the close.
        Closed = 7,
    }
}

codes! {
    /// What an auction is for.
    pub enum AuctionKind: u8 {
        /// Opens the day.
        Opening = 1,
        /// Closes the day.
        Closing = 2,
        /// Ends a halt, or brings a new issue.
        Halt = 3,
        /// Crosses at any other time.
        Intraday = 4,
    }
}

impl AuctionKind {
    /// The letter by which ITCH names it.
    pub const fn letter(self) -> u8 {
        match self {
            Self::Opening => b'O',
            Self::Closing => b'C',
            Self::Halt => b'H',
            Self::Intraday => b'I',
        }
    }

    /// The auction of a letter.
    pub const fn from_letter(letter: u8) -> Option<Self> {
        match letter {
            b'O' => Some(Self::Opening),
            b'C' => Some(Self::Closing),
            b'H' => Some(Self::Halt),
            b'I' | b'A' => Some(Self::Intraday),
            _ => None,
        }
    }

    /// Whether orders that live for one auction alone take part in this one.
    pub const fn takes(self, time_in_force: u8) -> bool {
        match self {
            Self::Opening | Self::Halt => time_in_force == TimeInForce::AtOpen as u8,
            Self::Closing => time_in_force == TimeInForce::AtClose as u8,
            Self::Intraday => false,
        }
    }
}

codes! {
    /// State of the feed that carries a book.
    pub enum FeedState: u8 {
        /// Complete and current.
        Live = 1,
        /// A gap is open or the snapshot is under way: the book is not to be trusted.
        Stale = 2,
        /// Nothing arrives.
        Silent = 3,
    }
}

codes! {
    /// How the best prices of an instrument over venues stand to each other.
    pub enum ConsolidatedState: u8 {
        /// The best bid lies below the best ask.
        Normal = 1,
        /// They are equal.
        Locked = 2,
        /// The best bid lies above the best ask.
        Crossed = 3,
        /// Only one side has a price.
        OneSided = 4,
        /// Neither side has a price, or no venue counts.
        Empty = 5,
    }
}

codes! {
    /// What another region says of the best prices that it tells.
    pub enum RegionQuoteState: u8 {
        /// They stand: the book is complete, its instrument trades. A side without orders has no price.
        Priced = 1,
        /// No price: a gap of the feed is open, or it is silent.
        Stale = 2,
        /// No price: the instrument does not trade, or its venue has not said that it does.
        NotTrading = 3,
        /// No price: the best bid is not below the best ask.
        Crossed = 4,
    }
}

codes! {
    /// A level of the limit tree.
    pub enum NodeLevel: u8 {
        /// The firm.
        Firm = 1,
        /// A region.
        Region = 2,
        /// A desk.
        Desk = 3,
        /// A strategy.
        Strategy = 4,
        /// An account.
        Account = 5,
    }
}

codes! {
    /// What a limit measures. The control's number in the catalogue is beside it.
    pub enum Metric: u16 {
        /// 2: lots of one order.
        OrderQuantity = 2,
        /// 3: notional of one order.
        OrderNotional = 3,
        /// 4: distance of the price from the reference, in parts per million.
        PriceCollar = 4,
        /// 5: how far through the touch a market order may go, in parts per million; 0: market orders are not allowed.
        MarketOrder = 5,
        /// 7: equal new orders in a window.
        DuplicateOrders = 7,
        /// 8: new orders and replaces in a window.
        MessageRate = 8,
        /// 11: live orders.
        OpenOrders = 11,
        /// 12: long position, worst case.
        PositionLong = 12,
        /// 12: short position, worst case.
        PositionShort = 13,
        /// 14: gross notional, working and filled, both sides.
        GrossExposure = 14,
        /// 8: cancels in a window; counted and warned of, never blocked.
        CancelRate = 15,
        /// 15: money executed today and open, both sides.
        DailyValue = 16,
        /// 15: lots executed today and open, both sides.
        DailyQuantity = 17,
    }
}

codes! {
    /// Where a limit's bound is enforced; 0: each engine enforces the whole of it for itself.
    pub enum Enforcement: u8 {
        /// Each engine enforces its part of the bound ([`crate::Allocation`]); the parts add up to it.
        Global = 1,
    }
}

codes! {
    /// What an instrument selector selects.
    pub enum SelectorKind: u8 {
        /// Every instrument.
        All = 1,
        /// One instrument.
        Instrument = 2,
        /// Every instrument of an underlying.
        Underlying = 3,
        /// Every instrument of a sector.
        Sector = 4,
    }
}

codes! {
    /// Why risk refused. Stable: written to journals and shown to officers.
    pub enum RejectCode: u8 {
        /// No limit is set for a mandatory metric.
        NoLimit = 1,
        /// 1: unknown or inactive instrument, or not listed there.
        UnknownInstrument = 2,
        /// 1: price is not on the tick table.
        BadTick = 3,
        /// 1: quantity is not a positive multiple of the lot.
        BadLot = 4,
        /// 2: one order is too large.
        MaxOrderQty = 5,
        /// 3: one order is worth too much.
        MaxOrderNotional = 6,
        /// 4: the price is too far from the reference.
        PriceCollar = 7,
        /// 4: there is no fresh reference price.
        RefStale = 8,
        /// 8: too many messages.
        MsgRate = 9,
        /// 11: too many live orders.
        MaxOpenOrders = 10,
        /// 12: long side.
        PosLong = 11,
        /// 12: short side.
        PosShort = 12,
        /// 14: gross exposure.
        GrossExposure = 13,
        /// 31: no new orders here.
        StateNone = 14,
        /// 31: only orders that reduce.
        StateReduceOnly = 15,
        /// 23: the instrument is not tradable now.
        Halted = 16,
        /// 23: the gateway is not ready, or its link is full.
        GatewayNotReady = 17,
        /// The slot is not running.
        SlotStopped = 18,
        /// No such order, or it is no longer working.
        UnknownOrder = 19,
        /// A request on this order is still under way.
        OrderBusy = 20,
        /// An intent that makes no sense (side, type, price absent).
        BadIntent = 21,
        /// 5: market orders are not allowed here.
        MarketNotAllowed = 22,
        /// Out of order slots in the engine.
        Capacity = 23,
        /// 32: beyond this engine's part of a global limit, or it has none.
        GlobalQuota = 24,
        /// 7: the same order too often in the window.
        Duplicate = 25,
        /// 15: money of the day.
        DailyValue = 26,
        /// 15: lots of the day.
        DailyQty = 27,
        /// 21: the instrument is on the restricted list.
        Restricted = 28,
        /// 21: no permission here, or one that forbids.
        NotPermitted = 29,
        /// 23: the price is outside the instrument's bands.
        PriceBand = 30,
        /// 25: it would cross an order of our own.
        SelfTrade = 31,
        /// The breaker of the venue session is open, or its probes are under way.
        BreakerOpen = 32,
        /// The venue's throttle would hold the message up.
        Throttle = 33,
        /// More signals than one pass carries: strategies answer each other in a circle.
        SignalFlood = 34,
    }
}

codes! {
    /// New orders under a kill field.
    pub enum KillNew: u8 {
        /// Allowed.
        Allow = 1,
        /// Only such that reduce the worst case.
        ReduceOnly = 2,
        /// None.
        None = 3,
    }
}

codes! {
    /// Resting orders under a kill field.
    pub enum KillResting: u8 {
        /// Left alone.
        Keep = 1,
        /// Those that increase are cancelled.
        CancelIncreasing = 2,
        /// All are cancelled.
        Cancel = 3,
    }
}

codes! {
    /// A slot's state.
    pub enum SlotRun: u8 {
        /// Known, not started.
        Stopped = 1,
        /// Called.
        Running = 2,
        /// Disabled by the fold; see the reason.
        Disabled = 3,
    }
}

codes! {
    /// Why a callback failed, as the trampoline returns it (0: it did not).
    pub enum CallStatus: u8 {
        /// The callback raised.
        Raised = 1,
        /// It burnt its fuel.
        OutOfFuel = 2,
        /// It wrote or read out of bounds.
        OutOfBounds = 3,
        /// Integer overflow.
        Overflow = 4,
        /// Division by zero.
        DivisionByZero = 5,
        /// `to_price` of NaN, infinity or out of range.
        BadPrice = 6,
        /// More intents than the buffer holds: a flood.
        TooManyIntents = 7,
        /// Quarantined by the supervisor.
        Quarantined = 8,
        /// Too many of its intents and orders were refused within a short time (control 33).
        RejectStorm = 9,
        /// A number that must be finite is not.
        BadNumber = 10,
    }
}

codes! {
    /// What differs between us and a venue.
    pub enum BreakKind: u8 {
        /// A fill for an order we do not know.
        UnknownOrder = 1,
        /// A fill beyond what was open.
        Overfill = 2,
        /// A bust for an execution we do not know.
        UnknownExecution = 3,
        /// The same execution again.
        DuplicateExecution = 4,
        /// A report that the order's state does not allow.
        ImpossibleTransition = 5,
        /// Cumulative quantity differs from the fills seen.
        CumulativeMismatch = 6,
        /// A trade was busted by the venue.
        Bust = 7,
    }
}

codes! {
    /// Which orders a venue promises to cancel when the session that they came over drops; 0: none. A promise: only its
    /// reports end an order.
    pub enum CancelOnDisconnect: u8 {
        /// All.
        All = 1,
        /// All but those that name their own end (good till time, good till cancel).
        DayOrders = 2,
    }
}

impl CancelOnDisconnect {
    /// The code of a settings file's word; `None` for a word that is none of `none`, `all`, `day_orders`.
    pub fn code_of_word(word: &str) -> Option<u8> {
        match word {
            "none" => Some(0),
            "all" => Some(Self::All.code()),
            "day_orders" => Some(Self::DayOrders.code()),
            _ => None,
        }
    }
}

codes! {
    /// What a strategy asks for.
    pub enum IntentKind: u8 {
        /// A new order.
        New = 1,
        /// Replace price and lots of an order.
        Replace = 2,
        /// Cancel an order.
        Cancel = 3,
        /// Cancel a side of the listing.
        CancelSide = 4,
        /// Cancel all of the slot's orders.
        CancelAll = 5,
        /// Publish a number on a channel: `order_id` names the channel, `price_nanos` holds the bits of the f64.
        Signal = 6,
        /// A leg of the multi-leg order that a later intent asks for: `expire_time_ns` holds the bits of the worst price at
        /// which it is unwound (undefined: what it filled is kept).
        Leg = 7,
        /// The legs since the last such intent as one multi-leg order: `order_id` is the strategy's own tag, `expire_time_ns` the
        /// time that the legs have, `lots` the time that unwinding has (both in ns), `post_only` 1: leg after leg.
        MultiLeg = 8,
    }
}

codes! {
    /// How a multi-leg order stands. From `Completed` on it has ended.
    pub enum MultiLegState: u8 {
        /// Its legs are at work.
        Working = 1,
        /// A leg failed, time is over or its slot stopped: the other legs are cancelled, what filled is unwound.
        Compensating = 2,
        /// Ended: every leg filled.
        Completed = 3,
        /// Ended: nothing of it is left.
        Unwound = 4,
        /// Ended: not every leg filled, and some of what filled is left.
        Incomplete = 5,
        /// Ended before it began: no leg left.
        Refused = 6,
    }
}

codes! {
    /// How a leg of a multi-leg order stands.
    pub enum LegState: u8 {
        /// Its worst case is reserved, its order is not sent yet.
        Waiting = 1,
        /// Its order may trade.
        Working = 2,
        /// Its order filled.
        Filled = 3,
        /// It will not fill; what it filled is not unwound yet.
        Ended = 4,
        /// The order that unwinds it may trade.
        Unwinding = 5,
        /// Nothing of it is left.
        Unwound = 6,
        /// What it filled is left as it is.
        Left = 7,
    }
}

codes! {
    /// Why a multi-leg order does not go on.
    pub enum MultiLegCause: u8 {
        /// A leg's order ended before it had filled, or a trade of a filled one was broken.
        LegEnded = 1,
        /// A leg could not be sent when its turn came: a `RejectCode` says why.
        LegRefused = 2,
        /// The time that its legs had is over.
        Timeout = 3,
        /// Its slot stopped with its orders, or was disabled.
        Stopped = 4,
        /// The engine that runs a leg answered nothing for too long.
        PeerSilent = 5,
    }
}

codes! {
    /// What an engine asks of the one that runs a leg for it. Each later one supersedes those before.
    pub enum LegAsk: u8 {
        /// Hold its worst case; nothing is sent.
        Reserve = 1,
        /// Its order.
        Send = 2,
        /// The end of its order; what it filled stays ready to be unwound.
        Cancel = 3,
        /// An order that trades back so many lots.
        Unwind = 4,
        /// The end of that order.
        StopUnwind = 5,
        /// The end: everything is let go.
        Close = 6,
    }
}

codes! {
    /// A callback of the plugin API.
    pub enum Callback: u8 {
        /// The slot starts.
        Start = 1,
        /// The touch or the visible levels of a bound book changed.
        Book = 2,
        /// A trade printed.
        Trade = 3,
        /// Trading or feed state changed.
        Status = 4,
        /// An order of the slot changed state.
        Order = 5,
        /// An order of the slot traded.
        Fill = 6,
        /// The slot's timer.
        Timer = 7,
        /// The slot stops.
        Stop = 8,
        /// The consolidated book of a bound instrument changed: its best prices, their lots or venues, its state, who counts.
        Consolidated = 9,
        /// What risk or the venue allow the slot at a listing changed.
        Risk = 10,
        /// An auction says what it would give now.
        Auction = 11,
        /// A number was published.
        Signal = 12,
        /// A multi-leg order of the slot changed its state.
        MultiLeg = 13,
    }
}

codes! {
    /// State of a venue session.
    pub enum SessionState: u8 {
        /// Logged in; orders flow.
        Up = 1,
        /// Not connected.
        Down = 2,
        /// Connected, recovering what was missed.
        Recovering = 3,
    }
}

codes! {
    /// State of a venue session's circuit breaker.
    pub enum BreakerState: u8 {
        /// Orders flow.
        Closed = 1,
        /// New orders are refused; cancels pass.
        Open = 2,
        /// A few new orders pass as probes: their answers decide.
        HalfOpen = 3,
    }
}

codes! {
    /// Why a breaker opened.
    pub enum BreakerCause: u8 {
        /// Too many of the venue's answers were rejects.
        Rejects = 1,
        /// Too many answers took too long.
        RoundTrip = 2,
        /// A request was not answered for too long.
        Unanswered = 3,
        /// The session went down, and what was under way then is not known until it is back.
        Session = 4,
    }
}

codes! {
    /// How an order's life goes, in the engine.
    pub enum OrderState: u8 {
        /// Sent, not yet answered.
        PendingNew = 1,
        /// Resting or working at the venue.
        Live = 2,
        /// A replace is under way.
        PendingReplace = 3,
        /// A cancel is under way.
        PendingCancel = 4,
        /// Nobody can say; the hold stays.
        Unknown = 5,
        /// Gone, all filled.
        Filled = 6,
        /// Gone, cancelled or expired.
        Canceled = 7,
        /// Refused by the venue.
        Rejected = 8,
        /// Never left.
        NotSent = 9,
    }
}

codes! {
    /// What kind of instrument.
    pub enum InstrumentClass: u8 {
        /// A share.
        Equity = 1,
        /// A future.
        Future = 2,
        /// A coin pair.
        Crypto = 3,
        /// An option.
        Option = 4,
    }
}
