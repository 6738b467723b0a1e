//! What the fold asks of whoever runs the strategies.
//!
//! Invariant: a host answers from the slot's own record, the event and the view alone: no clock, random number or
//! environment, so that a replay's calls have the same results. A host never keeps the references it is given.

use records::{
    AuctionView, BookView, CallStatus, Callback, ConsolidatedView, FillView, KeptState, MultiLegView, OrderView,
    OrdersView, Parameter, RiskView, SignalView, Slot, StateError, StateReader, StateValue, StateWriter, StatusView,
    TimerView, TradeView,
};

/// The event of one callback. [`EventRef::as_ptr`] is what compiled code is given.
#[derive(Clone, Copy, Debug)]
pub enum EventRef<'a> {
    /// [`Callback::Book`].
    Book(&'a BookView),
    /// [`Callback::Trade`].
    Trade(&'a TradeView),
    /// [`Callback::Status`].
    Status(&'a StatusView),
    /// [`Callback::Order`].
    Order(&'a OrderView),
    /// [`Callback::Fill`].
    Fill(&'a FillView),
    /// [`Callback::Timer`], [`Callback::Start`], [`Callback::Stop`].
    Timer(&'a TimerView),
    /// [`Callback::Consolidated`].
    Consolidated(&'a ConsolidatedView),
    /// [`Callback::Risk`].
    Risk(&'a RiskView),
    /// [`Callback::Auction`].
    Auction(&'a AuctionView),
    /// [`Callback::Signal`].
    Signal(&'a SignalView),
    /// [`Callback::MultiLeg`].
    MultiLeg(&'a MultiLegView),
}

impl EventRef<'_> {
    /// The view's address: its type follows from the callback.
    pub fn as_ptr(&self) -> *const u8 {
        match self {
            Self::Book(view) => std::ptr::from_ref(*view).cast(),
            Self::Trade(view) => std::ptr::from_ref(*view).cast(),
            Self::Status(view) => std::ptr::from_ref(*view).cast(),
            Self::Order(view) => std::ptr::from_ref(*view).cast(),
            Self::Fill(view) => std::ptr::from_ref(*view).cast(),
            Self::Timer(view) => std::ptr::from_ref(*view).cast(),
            Self::Consolidated(view) => std::ptr::from_ref(*view).cast(),
            Self::Risk(view) => std::ptr::from_ref(*view).cast(),
            Self::Auction(view) => std::ptr::from_ref(*view).cast(),
            Self::Signal(view) => std::ptr::from_ref(*view).cast(),
            Self::MultiLeg(view) => std::ptr::from_ref(*view).cast(),
        }
    }
}

/// What a slot's class looks at, beyond what every slot is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wants {
    /// It is called when a book changed.
    pub book_calls: bool,
    /// It is called when a trade printed.
    pub trade_calls: bool,
    /// It reads the consolidated books in its orders view.
    pub consolidated: bool,
    /// It is called when they change.
    pub consolidated_calls: bool,
    /// It reads the queue places of its orders.
    pub queues: bool,
    /// It reads what risk and the venue allow, or measured latencies.
    pub states: bool,
    /// It reads other regions' positions and prices.
    pub regions: bool,
    /// It is called when risk or the venue allow something else.
    pub risk_calls: bool,
    /// It is called when an auction says what it would give.
    pub auction_calls: bool,
    /// It is called when a number is published.
    pub signal_calls: bool,
    /// It is called when one of its orders stands otherwise, or an intent of its own was refused.
    pub order_calls: bool,
    /// It is called when one of its orders traded.
    pub fill_calls: bool,
}

records::state_value!(Wants {
    book_calls,
    trade_calls,
    consolidated,
    consolidated_calls,
    queues,
    states,
    regions,
    risk_calls,
    auction_calls,
    signal_calls,
    order_calls,
    fill_calls,
});

/// Books, trades and its own orders: what a host that says nothing is called for.
impl Default for Wants {
    fn default() -> Self {
        Self::new(0, |callback| matches!(callback, Callback::Book | Callback::Trade | Callback::Order | Callback::Fill))
    }
}

impl Wants {
    /// What a class reads, as object code and plain classes tell it: bit 0 consolidated books, 1 queue places, 2 states, 3
    /// regions; and the callbacks that it has.
    pub fn new(reads: u64, has: impl Fn(Callback) -> bool) -> Self {
        Self {
            book_calls: has(Callback::Book),
            trade_calls: has(Callback::Trade),
            consolidated: reads & 1 != 0 || has(Callback::Consolidated),
            consolidated_calls: has(Callback::Consolidated),
            queues: reads & 2 != 0,
            states: reads & 4 != 0,
            regions: reads & 8 != 0,
            risk_calls: has(Callback::Risk),
            auction_calls: has(Callback::Auction),
            signal_calls: has(Callback::Signal),
            order_calls: has(Callback::Order),
            fill_calls: has(Callback::Fill),
        }
    }
}

/// When a parameter may be set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Settable {
    /// Whenever: the class is of an interface that did not say.
    #[default]
    Always,
    /// While the slot runs as well, by someone who asks for it.
    Live,
    /// Only while the slot stands.
    Stopped,
}

/// Runs the strategies of an engine's slots.
///
/// The order of calls for a slot: `load` once (or again, with a new `slot_version`, while it is stopped), `set_parameter`
/// for each parameter, then `call` with [`Callback::Start`] and so on until [`Callback::Stop`] or a failure. A slot that is
/// started again is `reset` first.
pub trait Host {
    /// Finds the code of the slot by its hash and lays out its record with initial values.
    ///
    /// # Errors
    /// A [`CallStatus`] when the code is not there or is refused: the slot cannot be started. None here, for hosts whose
    /// strategies are their own code.
    fn load(&mut self, _slot: &Slot) -> Result<(), CallStatus> {
        Ok(())
    }

    /// Writes one parameter into the slot's record.
    ///
    /// # Errors
    /// [`CallStatus::OutOfBounds`] when the offset or the scalar is not the class's.
    fn set_parameter(&mut self, _parameter: &Parameter) -> Result<(), CallStatus> {
        Ok(())
    }

    /// When a parameter of the slot may be set.
    fn settable(&self, _parameter: &Parameter) -> Settable {
        Settable::Always
    }

    /// Saves the slot's kept state as it is now and says each word of it: the slot stops in good order.
    fn save(&mut self, _slot: u8, _say: &mut dyn FnMut(KeptState)) {}

    /// Gives a word of kept state to a slot that stands: it begins with it.
    ///
    /// # Errors
    /// [`CallStatus::OutOfBounds`] when the class keeps no such word.
    fn restore(&mut self, _record: &KeptState) -> Result<(), CallStatus> {
        Err(CallStatus::OutOfBounds)
    }

    /// Puts the slot's state (not its parameters) back to its initial values, before a start; what is kept, to what was saved
    /// or restored last.
    fn reset(&mut self, _slot: u8) {}

    /// Calls the strategy. 0: done, its intents stand in `orders.intents[..intents_count]`. Else a [`CallStatus`] code with
    /// the source line shifted left by eight bits: the fold takes none of its intents and disables the slot. A callback
    /// that the class does not define returns 0.
    fn call(&mut self, slot: u8, callback: Callback, event: EventRef<'_>, orders: &mut OrdersView) -> u32;

    /// What the class of a loaded slot looks at; what it does not want is not kept for it.
    fn wants(&self, _slot: u8) -> Wants {
        Wants::default()
    }

    /// Hash of the slot's record, for comparing primary, standby and replay; 0 when the host keeps none.
    fn state_hash(&self, _slot: u8) -> u64 {
        0
    }

    /// Writes all that the slot's next call depends on; here, for hosts that keep nothing between calls, its hash.
    fn save_state(&self, slot: u8, out: &mut StateWriter) {
        self.state_hash(slot).put(out);
    }

    /// Reads it back, after `load` of the same slot.
    ///
    /// # Errors
    /// [`StateError`] when the bytes are not a state of the class.
    fn load_state(&mut self, slot: u8, from: &mut StateReader<'_>) -> Result<(), StateError> {
        let (saved, own) = (u64::take(from)?, self.state_hash(slot));
        if saved == own {
            return Ok(());
        }
        Err(from
            .wrong(format!("a strategy's state with hash {saved:016x}; allowed are those of hosts that write states")))
    }

    /// Lets go of a slot and of all that was kept for it.
    fn forget(&mut self, _slot: u8) {}
}

/// A host without strategies: engines that only keep books, orders and positions.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHost;

impl Host for NoHost {
    fn call(&mut self, _slot: u8, _callback: Callback, _event: EventRef<'_>, _orders: &mut OrdersView) -> u32 {
        0
    }
}
