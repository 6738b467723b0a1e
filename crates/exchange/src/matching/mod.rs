//! The matching core: commands in, events out; pure, deterministic, no I/O.
//!
//! Invariant: the state and every event are a function of the stamped commands alone, in order; lots are neither made nor
//! lost: what came in is executed, cancelled or resting. After `new` and the listings nothing is allocated.

mod auction;
mod cancel;
mod clearing;
mod control;
mod crossing;
mod enter;
mod expiry;
mod ids;
mod ladder;
mod listing;
mod orders;
mod recorded;
mod replace;
mod trades;
mod walk;

use records::{
    ExchangeAuction, ExchangeCancel, ExchangeControl, ExchangeCorrection, ExchangeEnter, ExchangeEvent,
    ExchangeEventKind, ExchangeIndication, ExchangeListing, ExchangeMassCancel, ExchangeReplace, ExchangeRequest,
    ExchangeSession, Hash64, Header, Kind, ParseError, Reason, Side, Stamp, TradingState, read_from,
};

use auction::Call;
use clearing::Point;
use expiry::Expiry;
use ids::Ids;
use ladder::{Ladder, Levels};
use listing::Rules;
use orders::{NO_TIMER, Orders};
pub use recorded::{RecordedChange, RecordedOrder};
use trades::Trades;
pub use walk::RestingOrder;

/// Who hears the events, in order.
pub trait Sink {
    /// Takes one event.
    fn event(&mut self, event: &ExchangeEvent);

    /// Takes what a call would give now.
    fn indication(&mut self, _indication: &ExchangeIndication) {}
}

impl Sink for Vec<ExchangeEvent> {
    fn event(&mut self, event: &ExchangeEvent) {
        self.push(*event);
    }
}

/// Nobody listens: replay that only wants the state.
pub struct NoSink;

impl Sink for NoSink {
    fn event(&mut self, _event: &ExchangeEvent) {}
}

/// How much memory to take at the start.
#[derive(Clone, Copy, Debug)]
pub struct Capacity {
    /// Largest instrument id.
    pub instruments: usize,
    /// Largest session id.
    pub sessions: usize,
    /// Resting orders of all books.
    pub orders: usize,
    /// Price levels of one side of one book.
    pub levels_per_side: usize,
    /// Latest trades that can still be broken.
    pub trades: usize,
}

impl Default for Capacity {
    fn default() -> Self {
        Self { instruments: 64, sessions: 64, orders: 1 << 17, levels_per_side: 8192, trades: 1 << 17 }
    }
}

/// One instrument's book.
struct Book {
    rules: Rules,
    ladders: [Ladder; 2],
    /// Levels beside the ladders, one a side: orders that live for one auction alone, by time.
    waiting: [u32; 2],
    /// Its orders may cross one another: it does not trade before they have met at one price.
    call: Option<Call>,
}

/// One session that may order.
#[derive(Clone, Copy)]
struct Port {
    record: ExchangeSession,
    last_user_ref: u64,
    disabled: bool,
    /// Some of its orders go with its connection.
    tied: bool,
}

/// What is the same for every event of one command.
#[derive(Clone, Copy)]
struct Moment {
    stamp: Stamp,
    venue: u16,
}

/// The core.
pub struct Matching {
    books: Vec<Option<Book>>,
    ports: Vec<Option<Port>>,
    orders: Orders,
    levels: Levels,
    ids: Ids,
    expiry: Expiry,
    trades: Trades,
    next_order_ref: u64,
    next_expiry_ns: u64,
    levels_per_side: usize,
    /// Session of recorded orders (0: none), and how many of them rest.
    recorded_session: u32,
    recorded: usize,
    /// Books whose call is on.
    calls: u32,
    /// Scratch of auctions: what wants which price, and who trades first on either side.
    points: Vec<Point>,
    queues: [Vec<u32>; 2],
    hash: Hash64,
}

impl Matching {
    /// Takes all memory but that of the books, which comes with their listings.
    ///
    /// # Panics
    /// When more sessions are asked for than fit 16 bits.
    pub fn new(capacity: Capacity) -> Self {
        assert!(capacity.sessions <= usize::from(u16::MAX), "sessions fit 16 bits");
        let books = (0..=capacity.instruments).map(|_| None).collect();
        let levels = capacity.orders.max(1) + 2 * (capacity.instruments + 1);
        Self {
            books,
            ports: vec![None; capacity.sessions + 1],
            orders: Orders::with_capacity(capacity.orders, levels),
            levels: Levels::with_capacity(levels),
            ids: Ids::with_capacity(capacity.orders),
            expiry: Expiry::with_capacity(capacity.orders),
            trades: Trades::with_capacity(capacity.trades),
            next_order_ref: 1,
            next_expiry_ns: u64::MAX,
            levels_per_side: capacity.levels_per_side,
            recorded_session: 0,
            recorded: 0,
            calls: 0,
            points: Vec::with_capacity(capacity.orders + 1),
            queues: [Vec::with_capacity(capacity.orders), Vec::with_capacity(capacity.orders)],
            hash: Hash64::default(),
        }
    }

    /// Applies one command of the sequenced input, at any alignment.
    ///
    /// # Errors
    /// When the bytes are no exchange command; nothing changes then.
    pub fn apply<S: Sink>(&mut self, stamp: Stamp, record: &[u8], sink: &mut S) -> Result<(), ParseError> {
        let header: Header = read_from(record).ok_or(ParseError::Short)?;
        macro_rules! command {
            ($type:ty, $method:ident) => {{
                if usize::from(header.length) != size_of::<$type>() {
                    return Err(ParseError::Length(header.kind, header.length));
                }
                if header.version != 1 {
                    return Err(ParseError::UnknownVersion(header.kind, header.version));
                }
                let command = read_from::<$type>(record).ok_or(ParseError::Short)?;
                self.$method(stamp, &command, sink);
                Ok(())
            }};
        }
        match header.kind() {
            Some(Kind::ExchangeEnter) => command!(ExchangeEnter, enter),
            Some(Kind::ExchangeCancel) => command!(ExchangeCancel, cancel),
            Some(Kind::ExchangeReplace) => command!(ExchangeReplace, replace),
            Some(Kind::ExchangeMassCancel) => command!(ExchangeMassCancel, mass_cancel),
            Some(Kind::ExchangeControl) => command!(ExchangeControl, control),
            Some(Kind::ExchangeListing) => command!(ExchangeListing, list),
            Some(Kind::ExchangeSession) => command!(ExchangeSession, session),
            Some(Kind::ExchangeRequest) => command!(ExchangeRequest, request),
            Some(Kind::ExchangeCorrection) => command!(ExchangeCorrection, correct),
            Some(Kind::ExchangeAuction) => command!(ExchangeAuction, auction),
            _ => Err(ParseError::UnknownKind(header.kind)),
        }
    }

    /// When the next good-till-time order ends; the sequencer sends a timer then. `u64::MAX`: none.
    pub fn next_expiry_ns(&self) -> u64 {
        self.next_expiry_ns
    }

    /// Orders that rest.
    pub fn resting(&self) -> usize {
        self.orders.live()
    }

    /// Highest order number seen from a rising session today, 0: none.
    pub fn last_user_ref(&self, session: u32) -> u64 {
        self.port(session).map_or(0, |port| port.last_user_ref)
    }

    /// The hash that rolls over every event; equal for equal inputs.
    pub fn events_hash(&self) -> u64 {
        self.hash.value()
    }

    /// Best displayed or hidden price and the lots behind it.
    pub fn best(&self, instrument: u32, side: Side) -> Option<(i64, i64)> {
        let book = self.book(instrument)?;
        let (key, number) = book.ladders[side.index()].best()?;
        Some((side.sign() * key, self.levels.all[number as usize].lots))
    }

    /// Trading state of a listed instrument.
    pub fn state(&self, instrument: u32) -> Option<TradingState> {
        self.book(instrument).map(|book| book.rules.state)
    }

    fn book(&self, instrument: u32) -> Option<&Book> {
        self.books.get(instrument as usize)?.as_ref()
    }

    fn port(&self, session: u32) -> Option<&Port> {
        self.ports.get(session as usize)?.as_ref()
    }

    /// Every command begins here: what ended before it is taken off first.
    #[inline]
    fn begin<S: Sink>(&mut self, stamp: Stamp, venue: u16, sink: &mut S) -> Moment {
        let moment = Moment { stamp, venue };
        if stamp.time_ns >= self.next_expiry_ns {
            self.expire(moment, sink);
        }
        moment
    }

    #[cold]
    fn expire<S: Sink>(&mut self, moment: Moment, sink: &mut S) {
        while self.expiry.next_ns() <= moment.stamp.time_ns {
            let place = self.expiry.first().expect("a time stands for an order");
            self.cancel_place(moment, place, i64::MAX, Reason::Timeout, sink);
        }
        self.next_expiry_ns = self.expiry.next_ns();
    }

    /// Sends an event, rolling the hash over it.
    #[inline]
    fn say<S: Sink>(&mut self, event: &ExchangeEvent, sink: &mut S) {
        self.hash.word(digest(event));
        sink.event(event);
    }

    /// Takes a resting order out of its level, the maps and the slab.
    #[inline]
    fn remove(&mut self, place: u32) {
        self.withdraw(place);
        self.orders.give_back(place);
    }

    /// As [`Self::remove`], but the place stays taken: a moved order goes on there.
    #[inline]
    fn withdraw(&mut self, place: u32) {
        let order = &self.orders.hot[place as usize];
        self.ids.remove(order.session, order.user_ref);
        self.recorded -= usize::from(self.recorded_session != 0 && order.session == self.recorded_session);
        self.leave(place);
        self.clear_timer(place);
    }

    /// Takes an order out of its level, which goes with its last order (one beside the ladders stays).
    #[inline]
    fn leave(&mut self, place: u32) {
        self.orders.unlink(place);
        let order = &self.orders.hot[place as usize];
        let level = &mut self.levels.all[order.level as usize];
        level.lots -= order.leaves_lots();
        level.orders -= 1;
        if level.orders == 0 && order.waits == 0 {
            let key = level.key;
            let book = self.books[order.instrument as usize].as_mut().expect("an order's book is listed");
            book.ladders[usize::from(order.side)].drop_level(key, &mut self.levels);
        }
    }

    #[inline]
    fn clear_timer(&mut self, place: u32) {
        if self.orders.terms[place as usize].expiry != NO_TIMER {
            self.expiry.clear(place, &mut self.orders.terms);
            self.next_expiry_ns = self.expiry.next_ns();
        }
    }

    fn set_timer(&mut self, place: u32, order_ref: u64, time_ns: u64) {
        self.expiry.set(place, order_ref, time_ns, &mut self.orders.terms);
        self.next_expiry_ns = self.expiry.next_ns();
    }

    /// Puts an order that is in the slab and knows its level at the end of its queue there.
    #[inline]
    fn join(&mut self, place: u32) {
        self.orders.link(place);
        let order = &self.orders.hot[place as usize];
        let level = &mut self.levels.all[order.level as usize];
        level.lots += order.leaves_lots();
        level.orders += 1;
    }
}

/// An event with what all events of a command share.
#[inline]
fn event_of(moment: Moment, kind: ExchangeEventKind, instrument: u32, session: u32) -> ExchangeEvent {
    let mut event = ExchangeEvent::new();
    event.header.venue = moment.venue;
    event.header.instrument = instrument;
    event.header.source = session;
    event.header.sequence = moment.stamp.sequence;
    event.header.venue_time_ns = moment.stamp.time_ns;
    event.event = kind.code();
    event
}

/// One word of an event's meaning. The factors are odd and differ, so that fields do not stand for each other; the chain
/// over events is [`Hash64`]'s.
#[inline]
fn digest(event: &ExchangeEvent) -> u64 {
    let codes = u64::from_le_bytes([
        event.event,
        event.reason,
        event.side,
        event.resting,
        event.hidden,
        event.effect,
        event.state,
        event.letter,
    ]);
    let whose = u64::from(event.header.source) | u64::from(event.header.instrument) << 32;
    codes
        ^ whose.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ event.order_ref.wrapping_mul(0xbf58_476d_1ce4_e5b9)
        ^ event.user_ref.wrapping_mul(0x94d0_49bb_1331_11eb)
        ^ event.match_id.wrapping_mul(0xd6e8_feb8_6659_fd93)
        ^ (event.price_nanos as u64).wrapping_mul(0xff51_afd7_ed55_8ccd)
        ^ (event.lots as u64).wrapping_mul(0xc4ce_b9fe_1a85_ec53)
        ^ (event.leaves_lots as u64).wrapping_mul(0xa076_1d64_78bd_642f)
}
