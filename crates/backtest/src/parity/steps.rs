//! What was done with an order, one step after the other: commands of the engine, words of venues and gateways.
//!
//! Invariant: a live run and its backtest write the same steps where they agree, so that comparing them is comparing rows.

use std::collections::BTreeMap;

use records::{
    CancelOrder, Header, Kind, NewOrder, OrderEvent, OrderEventKind, Reason, ReplaceOrder, UNDEF_PRICE, read_from,
};

/// Which step: an order's own id, what it is (a command's [`Kind`], or 256 and an [`OrderEventKind`]), and the how many-th.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The order.
    pub order_id: u64,
    /// See [`Key`].
    pub what: u16,
    /// From 0.
    pub number: u32,
}

/// Reports are told apart from commands by this in [`Key::what`].
pub const REPORT: u16 = 256;

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which.
    pub key: Key,
    /// Engine time.
    pub time_ns: u64,
    /// When it was at the venue, 0: not known.
    pub venue_time_ns: u64,
    /// Sequence of the journal's record under way.
    pub input: u64,
    /// The other order of a replace, else 0.
    pub original_id: u64,
    /// Price, or undefined.
    pub price_nanos: i64,
    /// Lots.
    pub lots: i64,
    /// Lots open afterwards, −1: not told.
    pub leaves_lots: i64,
    /// Displayed lots of a command.
    pub display_lots: i64,
    /// Instrument.
    pub instrument: u32,
    /// Venue.
    pub venue: u16,
    /// Slot.
    pub slot: u8,
    /// A [`records::Side`] code, 0: not told.
    pub side: u8,
    /// Of a report.
    pub reason: u8,
    /// Of a fill.
    pub liquidity: u8,
    /// Time in force, kind of order and post-only of a command.
    pub terms: [u8; 3],
}

/// In what two steps differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Field {
    /// Only one of both has it.
    Presence = 1,
    /// Engine time.
    Time = 2,
    /// The venue's time.
    VenueTime = 3,
    /// Price.
    Price = 4,
    /// Lots.
    Lots = 5,
    /// Lots left open.
    Leaves = 6,
    /// Side.
    Side = 7,
    /// Reason.
    Reason = 8,
    /// Maker or taker.
    Liquidity = 9,
    /// Where: instrument, venue or slot.
    Place = 10,
    /// Time in force, kind, post-only, displayed lots, the order that is replaced.
    Terms = 11,
    /// Lots that stood before ours when it traded.
    Queue = 12,
    /// The engine's state at the end.
    State = 13,
}

impl Step {
    /// A command's step; `None` for other records.
    pub fn of_command(record: &[u8], input: u64, time_ns: u64) -> Option<Self> {
        let header: Header = read_from(record)?;
        let kind = header.kind()?;
        let mut step = Self {
            key: Key { order_id: 0, what: kind as u16, number: 0 },
            time_ns,
            venue_time_ns: 0,
            input,
            original_id: 0,
            price_nanos: UNDEF_PRICE,
            lots: 0,
            leaves_lots: -1,
            display_lots: 0,
            instrument: header.instrument,
            venue: header.venue,
            slot: 0,
            side: 0,
            reason: 0,
            liquidity: 0,
            terms: [0; 3],
        };
        match kind {
            Kind::NewOrder => {
                let order: NewOrder = read_from(record)?;
                (step.key.order_id, step.price_nanos, step.lots) =
                    (order.owner.order_id, order.price_nanos, order.lots);
                (step.display_lots, step.slot, step.side) = (order.display_lots, order.slot, order.side);
                step.terms = [order.time_in_force, order.order_type, order.post_only];
            }
            Kind::ReplaceOrder => {
                let order: ReplaceOrder = read_from(record)?;
                (step.key.order_id, step.price_nanos, step.lots) =
                    (order.owner.order_id, order.price_nanos, order.lots);
                (step.display_lots, step.slot, step.side) = (order.display_lots, order.slot, order.side);
                step.original_id = order.original_id;
                step.terms = [order.time_in_force, 0, order.post_only];
            }
            Kind::CancelOrder => {
                let order: CancelOrder = read_from(record)?;
                (step.key.order_id, step.lots, step.slot) = (order.owner.order_id, order.lots, order.slot);
                step.reason = order.reason;
            }
            _ => return None,
        }
        Some(step)
    }

    /// A report's step.
    pub fn of_report(event: &OrderEvent, input: u64, time_ns: u64) -> Self {
        Self {
            key: Key { order_id: event.owner.order_id, what: REPORT | u16::from(event.event), number: 0 },
            time_ns,
            venue_time_ns: event.header.venue_time_ns,
            input,
            original_id: 0,
            price_nanos: event.price_nanos,
            lots: event.lots,
            leaves_lots: event.leaves_lots,
            display_lots: 0,
            instrument: event.header.instrument,
            venue: event.header.venue,
            slot: event.slot,
            side: event.side,
            reason: event.reason,
            liquidity: event.liquidity,
            terms: [0; 3],
        }
    }

    /// Whether both were at the venue at once, as exactly as both tell.
    pub(crate) fn is_at_once(&self, other: &Self) -> bool {
        let (one, two) = self.venue_times(other);
        one == two
    }

    /// Whether it was at the venue at this time, as exactly as both tell.
    pub(crate) fn is_at(&self, venue_time_ns: u64) -> bool {
        self.is_at_once(&Self { venue_time_ns, ..*self })
    }

    /// Both times at the venue, as exactly as both are told: some sessions tell milliseconds.
    fn venue_times(&self, other: &Self) -> (i64, i64) {
        let (one, two) = (self.venue_time_ns, other.venue_time_ns);
        let whole = one % MILLISECOND_NS == 0 || two % MILLISECOND_NS == 0;
        let unit = if whole { MILLISECOND_NS } else { 1 };
        ((one / unit * unit) as i64, (two / unit * unit) as i64)
    }

    /// The first field in which the backtest's step differs, with both values; what one of both does not tell is equal.
    pub fn differs(&self, other: &Self) -> Option<(Field, i64, i64)> {
        let told = |one: i64, two: i64, absent: i64| one != absent && two != absent && one != two;
        let venue_times = self.venue_times(other);
        let pairs = [
            (Field::Side, i64::from(self.side), i64::from(other.side), 0),
            (Field::Price, self.price_nanos, other.price_nanos, UNDEF_PRICE),
            (Field::Lots, self.lots, other.lots, i64::MIN),
            (Field::Leaves, self.leaves_lots, other.leaves_lots, -1),
            (Field::Reason, reason(self), reason(other), 0),
            (Field::Liquidity, i64::from(self.liquidity), i64::from(other.liquidity), 0),
            (Field::Place, place(self), place(other), i64::MIN),
            (Field::Terms, terms(self), terms(other), i64::MIN),
            (Field::Terms, self.display_lots, other.display_lots, i64::MIN),
            (Field::Terms, self.original_id as i64, other.original_id as i64, i64::MIN),
            (Field::Time, self.time_ns as i64, other.time_ns as i64, i64::MIN),
            (Field::VenueTime, venue_times.0, venue_times.1, 0),
        ];
        pairs
            .into_iter()
            .find(|(_, one, two, absent)| told(*one, *two, *absent))
            .map(|(field, one, two, _)| (field, one, two))
    }
}

pub(crate) const MILLISECOND_NS: u64 = 1_000_000;

/// A reason that a session has no word of its own for is not told.
fn reason(step: &Step) -> i64 {
    if step.reason == Reason::Other.code() { 0 } else { i64::from(step.reason) }
}

fn place(step: &Step) -> i64 {
    i64::from(step.instrument) << 24 | i64::from(step.venue) << 8 | i64::from(step.slot)
}

fn terms(step: &Step) -> i64 {
    step.terms.iter().fold(0, |all, one| all << 8 | i64::from(*one))
}

/// Steps by key, in the order in which they were made.
#[derive(Debug, Default)]
pub struct Steps {
    /// All.
    pub all: Vec<Step>,
    counts: BTreeMap<(u64, u16), u32>,
}

impl Steps {
    /// Adds a step; its number is how many of its kind the order had before.
    pub fn push(&mut self, mut step: Step) -> Key {
        let count = self.counts.entry((step.key.order_id, step.key.what)).or_default();
        step.key.number = *count;
        *count += 1;
        self.all.push(step);
        step.key
    }
}

/// What a backtest has not, each known by a fact of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Because {
    /// No rule explains it.
    Unexplained = 0,
    /// The gateway's own statement: not sent, not known, pulled; the venue said nothing.
    Gateway = 1,
    /// A report that the session repeated.
    Repeated = 2,
    /// The venue ended, reduced or renamed the order of itself: no command of ours asked for it.
    Venue = 3,
    /// A trade off the displayed book: the feed prints its match number without an order.
    Hidden = 4,
    /// The venue broke or corrected a trade.
    Amended = 5,
    /// The feed lost messages while the order was open: the record of it has a hole.
    Gap = 6,
    /// A cancel that came after the order's end: the venue's word about nothing.
    TooLate = 7,
    /// A trade in an auction that the feed prints as one: who met whom in it, and with how many lots, no feed tells.
    Auction = 8,
}

/// The rule that explains a live report by itself, before any backtest is run; `None`: the venue's answer to our commands. What a
/// session says again after a break and nobody had `heard` before is such an answer.
pub(crate) fn own_rule(event: &OrderEvent, heard: bool) -> Option<Because> {
    let header = &event.header;
    match OrderEventKind::from_code(event.event) {
        Some(OrderEventKind::NotSent | OrderEventKind::Unknown | OrderEventKind::NotFound) | None => {
            Some(Because::Gateway)
        }
        _ if event.possible_duplicate == 1 && heard => Some(Because::Repeated),
        Some(OrderEventKind::Broken | OrderEventKind::Corrected) => Some(Because::Amended),
        Some(OrderEventKind::CancelPending | OrderEventKind::Refreshed) => Some(Because::Venue),
        // A statement of the gateway bears its own time twice.
        _ if header.venue_time_ns == header.receive_time_ns => Some(Because::Gateway),
        Some(OrderEventKind::Canceled | OrderEventKind::Expired | OrderEventKind::Restated) => {
            let asked = [Reason::UserRequested, Reason::Immediate, Reason::Timeout, Reason::SelfTradePrevention];
            let known = event.reason == 0 || asked.iter().any(|reason| reason.code() == event.reason);
            (!known).then_some(Because::Venue)
        }
        _ => None,
    }
}
