//! FIX order entry for one session: what our commands become, and what the venue's reports become for the engine.
//!
//! Counts are the venue's own (CumQty, LeavesQty), so a report that comes twice changes nothing. A status that tells of more
//! fills than were reported is booked as one fill of the difference, at the price that makes the average right; the reports
//! themselves, should they come after all, are then passed over.
//!
//! Invariant: a report about an order of ours becomes one event, or is counted; only the venue's word ends an order.

use records::{
    IdMap, NewOrder, OrderEvent, OrderEventKind, OrderType, Reason, ReplaceOrder, Side, TimeInForce, UNDEF_PRICE,
};
use wire::WireError;

use super::dialect::ExecutionNames;
use super::messages::{ClientId, Replacing, SUFFIXES, Symbol, Voice};
use super::quotes::{Line, stamped};
use super::report::{Report, digits_of, number_of};
use crate::gateway::orders::{Entry, Orders, Phase, told_by_id};

/// More lots than any order has: beyond it sums could overflow.
const LOTS_MAX: i64 = 1 << 40;

/// The message that was made ready and not queued yet.
#[derive(Clone, Copy, Debug)]
pub enum Ready {
    /// None.
    Nothing,
    /// A new order.
    New(NewOrder),
    /// A replacement of its own, or a reduction of an order that stays; and the entry's number.
    Replace(Replacing, u32),
    /// The cancel of an order under this name.
    Cancel(ClientId, u32),
    /// A side of a quote, for the set that is gathered.
    Quote(Line),
}

/// How a message came.
#[derive(Clone, Copy, Debug)]
pub struct Came {
    /// Its number.
    pub sequence: u64,
    /// It may have been said before.
    pub again: bool,
    /// When.
    pub now_ns: u64,
}

/// What a report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    New,
    Fill,
    Gone(OrderEventKind),
    Replaced,
    CancelPending,
    Rejected,
    Restated,
    Bust,
    Correction,
    Status,
    Nothing,
}

/// Takes events, in order.
pub type Emit<'a> = &'a mut dyn FnMut(&OrderEvent);

/// Orders of the session and the translation both ways.
pub struct FixOrders {
    venue: u16,
    source: u32,
    /// By instrument.
    pub symbols: IdMap<Symbol>,
    names: Vec<(u32, Symbol)>,
    /// How messages are written.
    pub voice: Voice,
    /// The orders.
    pub orders: Orders,
    /// What is to be sent.
    pub ready: Ready,
    /// Orders of ours that the venue tells of and that are not known here are kept; else each report is taken for itself.
    pub adopts: bool,
    /// Orders that the venue knew once and says it does not know.
    pub forgotten: u64,
    /// Fills that a status told of.
    pub fills_by_status: u64,
}

impl FixOrders {
    /// Room for so many orders and replaces a day.
    pub fn new(ids: (u16, u32), names: Vec<(u32, Symbol)>, voice: Voice, capacity: usize) -> Self {
        let mut symbols = IdMap::with_capacity(names.len());
        for (instrument, symbol) in &names {
            symbols.insert(u64::from(*instrument), *symbol);
        }
        Self {
            venue: ids.0,
            source: ids.1,
            symbols,
            names,
            voice,
            orders: Orders::with_capacity(capacity),
            ready: Ready::Nothing,
            adopts: true,
            forgotten: 0,
            fills_by_status: 0,
        }
    }

    /// The symbol of an instrument.
    pub fn symbol(&self, instrument: u32) -> Option<Symbol> {
        self.symbols.get(u64::from(instrument))
    }

    /// Makes a new order ready; nothing is kept on an error.
    ///
    /// # Errors
    /// Why this session cannot send it.
    pub fn enter(&mut self, order: &NewOrder, now_ns: u64) -> Result<(), Reason> {
        self.symbol(order.header.instrument).ok_or(Reason::InvalidInstrument)?;
        Side::from_code(order.side).ok_or(Reason::InvalidField)?;
        let lives = TimeInForce::from_code(order.time_in_force).ok_or(Reason::InvalidField)?;
        match OrderType::from_code(order.order_type).ok_or(Reason::InvalidField)? {
            OrderType::Limit if order.price_nanos == UNDEF_PRICE => return Err(Reason::InvalidPrice),
            _ => {}
        }
        if !(1..=LOTS_MAX).contains(&order.lots) || order.minimum_lots > order.lots {
            return Err(Reason::InvalidQuantity);
        }
        self.lives(lives, order.expire_time_ns)?;
        self.admit(order.owner.order_id)?;
        let user_ref = self.orders.push(Entry::of_new(order, now_ns));
        self.ready = match order.quote {
            1 => Ready::Quote(Line { user_ref, pulls: false }),
            _ => Ready::New(*order),
        };
        Ok(())
    }

    /// Makes a replace ready.
    ///
    /// # Errors
    /// Why this session cannot send it.
    pub fn replace(&mut self, order: &ReplaceOrder, now_ns: u64) -> Result<(), Reason> {
        let original_ref = self.orders.reference(order.original_id).ok_or(Reason::UnknownOrder)?;
        let original = *self.orders.get(original_ref).ok_or(Reason::UnknownOrder)?;
        if original.phase == Phase::Gone {
            return Err(Reason::UnknownOrder);
        }
        if original.quote {
            return Err(Reason::InvalidField); // A quote moves by another in its place; this was asked for otherwise.
        }
        if order.price_nanos == UNDEF_PRICE {
            return Err(Reason::InvalidPrice);
        }
        if !(1..=LOTS_MAX).contains(&order.lots) || order.lots <= original.filled_lots {
            return Err(Reason::InvalidQuantity);
        }
        self.admit(order.owner.order_id)?;
        let (instrument, side) = (original.instrument, original.side);
        let expire_time_ns = original.expire_time_ns;
        let replacement = Entry::of_replace(order, original_ref, now_ns);
        let user_ref = self.orders.push(Entry { instrument, side, expire_time_ns, ..replacement });
        let replacing = Replacing {
            original: ClientId::new(order.original_id, original.suffix),
            client: ClientId::new(order.owner.order_id, 0),
            lots: order.lots,
            filled_lots: original.filled_lots,
            display_lots: order.display_lots,
            post_only: order.post_only != 0,
        };
        self.ready = Ready::Replace(replacing, user_ref);
        Ok(())
    }

    /// Makes a cancel ready, or a reduction to `lots` in all.
    ///
    /// # Errors
    /// [`Reason::UnknownOrder`] when the session has no such order open.
    pub fn cancel(&mut self, user_ref: u32, lots: i64, now_ns: u64) -> Result<(), Reason> {
        let entry = self.orders.get(user_ref).filter(|entry| entry.phase != Phase::Gone).ok_or(Reason::UnknownOrder)?;
        if entry.quote {
            // It is not made smaller either: what was filled meanwhile would come on top.
            entry.cancelling = true;
            self.ready = Ready::Quote(Line { user_ref, pulls: true });
            return Ok(());
        }
        // Endings go on from the clock's, so that an earlier life's are not used again.
        let begin = (now_ns / 2_000_000_000 % 43_200) as u16;
        entry.last_suffix = entry.last_suffix.max(begin) % (SUFFIXES - 1) + 1;
        entry.cancelling = true;
        let id = entry.owner.order_id;
        let client = ClientId::new(id, entry.last_suffix);
        if lots <= entry.filled_lots {
            self.ready = Ready::Cancel(client, user_ref);
            return Ok(());
        }
        let replacing = Replacing {
            original: ClientId::new(id, entry.suffix),
            client,
            lots,
            filled_lots: entry.filled_lots,
            display_lots: 0,
            post_only: false,
        };
        self.ready = Ready::Replace(replacing, user_ref);
        Ok(())
    }

    fn lives(&self, lives: TimeInForce, expire_time_ns: u64) -> Result<(), Reason> {
        match lives {
            TimeInForce::GoodTillCancel if !self.voice.dialect.good_till_cancel => Err(Reason::InvalidField),
            TimeInForce::GoodTillTime if expire_time_ns == 0 => Err(Reason::InvalidField),
            _ => Ok(()),
        }
    }

    /// Room, and a fresh id.
    fn admit(&self, order_id: u64) -> Result<(), Reason> {
        if !self.orders.has_room() {
            return Err(Reason::Throttled);
        }
        if self.orders.reference(order_id).is_some() {
            return Err(Reason::DuplicateId);
        }
        Ok(())
    }

    /// The events of a report (8).
    ///
    /// # Errors
    /// When it cannot be what it says, for the caller to count and sample.
    pub fn on_report(&mut self, report: &Report<'_>, came: Came, emit: Emit<'_>) -> Result<(), WireError> {
        let bad = WireError::Value { code: b'8', offset: 0, skip: 0 };
        let what = self.what(report).ok_or(bad)?;
        let counts = [report.lots, report.last_lots, report.leaves_lots, report.cumulative_lots];
        if counts.into_iter().flatten().any(|lots| !(0..=LOTS_MAX).contains(&lots)) {
            return Err(bad);
        }
        if what == What::Status {
            self.on_status(report, came, emit);
            return Ok(());
        }
        if what == What::Fill
            && let Some(event) = self.begun_by_fill(report)
        {
            emit(&stamped(event, &came));
        }
        let mut event = match what {
            What::New => self.on_new(report),
            What::Fill => match self.on_fill(report, bad)? {
                Some(event) => event,
                None => return Ok(()),
            },
            What::Gone(kind) => self.on_gone(report, kind, came),
            What::Replaced => self.on_replaced(report),
            What::CancelPending => self.event(report, OrderEventKind::CancelPending),
            What::Rejected => self.on_rejected(report),
            What::Restated => self.on_restated(report),
            What::Bust | What::Correction => self.on_execution_changed(report, what, bad)?,
            What::Status | What::Nothing => return Ok(()),
        };
        event = stamped(event, &came);
        emit(&event);
        Ok(())
    }

    fn what(&self, report: &Report<'_>) -> Option<What> {
        match report.transaction {
            b'1' => return Some(What::Bust),
            b'2' => return Some(What::Correction),
            b'3' => return Some(What::Status),
            _ => {}
        }
        let filled = report.last_lots.is_some_and(|lots| lots > 0);
        // Before FIX 4.1 there is no ExecType: OrdStatus says both.
        Some(match if report.exec_type == 0 { report.status } else { report.exec_type } {
            b'0' => What::New,
            b'1' | b'2' if filled => What::Fill,
            b'F' => What::Fill,
            b'3' | b'C' => What::Gone(OrderEventKind::Expired),
            b'4' => What::Gone(OrderEventKind::Canceled),
            b'5' => What::Replaced,
            b'6' => What::CancelPending,
            b'8' => What::Rejected,
            b'D' => What::Restated,
            b'G' => What::Correction,
            b'H' => What::Bust,
            b'I' => What::Status,
            b'1' | b'2' | b'7' | b'9' | b'A' | b'B' | b'E' | b'L' => What::Nothing,
            _ => return None,
        })
    }

    /// Number of the order that a report is about; one that is ours and not known here is adopted. 0: nobody's.
    pub(super) fn place(&mut self, report: &Report<'_>) -> u32 {
        let ids = [report.client, report.original, report.quote_entry].map(|name| ClientId::read(name).0);
        let own = ids.into_iter().filter(|id| *id != 0);
        if let Some(known) = own.clone().find_map(|id| self.orders.reference(id)) {
            return known;
        }
        own.clone().next().map_or(0, |id| self.adopt(id, report))
    }

    pub(super) fn adopt(&mut self, order_id: u64, report: &Report<'_>) -> u32 {
        if !self.adopts {
            return 0;
        }
        let lots = report.lots.unwrap_or(0);
        let entry = Entry {
            price_nanos: report.price_nanos.unwrap_or(UNDEF_PRICE),
            lots,
            leaves_lots: report.leaves_lots.unwrap_or(lots),
            // What was filled before was told before, or is told as a difference by the engine.
            filled_lots: report.cumulative_lots.unwrap_or(0) - report.last_lots.unwrap_or(0),
            instrument: self.instrument(report.symbol),
            side: side_code(report.side),
            time_in_force: time_in_force_code(report.time_in_force),
            quote: ClientId::is_quote(report.client) || !report.quote_entry.is_empty(),
            ..told_by_id(order_id)
        };
        self.orders.adopt_next(entry).unwrap_or(0)
    }

    fn instrument(&self, symbol: &[u8]) -> u32 {
        let found = self.names.iter().find(|(_, known)| known.letters() == symbol);
        found.map_or(0, |(instrument, _)| *instrument)
    }

    /// An event about the order of a report.
    fn event(&mut self, report: &Report<'_>, kind: OrderEventKind) -> OrderEvent {
        let user_ref = self.place(report);
        self.event_of(user_ref, report, kind)
    }

    pub(super) fn event_of(&mut self, user_ref: u32, report: &Report<'_>, kind: OrderEventKind) -> OrderEvent {
        let mut event = self.plain_event(user_ref, kind);
        if event.owner.order_id == 0 {
            event.header.instrument = self.instrument(report.symbol);
            event.side = side_code(report.side);
            event.leaves_lots = report.leaves_lots.unwrap_or(-1);
            event.cumulative_lots = report.cumulative_lots.unwrap_or(-1);
        }
        event.header.venue_time_ns = report.time_ns.unwrap_or(0);
        if event.venue_order_ref == 0 {
            event.venue_order_ref = order_ref(report);
        }
        event
    }

    fn plain_event(&mut self, user_ref: u32, kind: OrderEventKind) -> OrderEvent {
        let mut event = OrderEvent::new();
        (event.header.venue, event.header.source) = (self.venue, self.source);
        event.event = kind.code();
        (event.price_nanos, event.leaves_lots, event.cumulative_lots) = (UNDEF_PRICE, -1, -1);
        if let Some(entry) = self.orders.get(user_ref) {
            event.owner = entry.owner;
            event.original_id = entry.original_id;
            event.header.instrument = entry.instrument;
            event.venue_order_ref = entry.venue_order_ref;
            (event.leaves_lots, event.cumulative_lots) = (entry.leaves_lots, entry.filled_lots);
            (event.side, event.slot, event.sent_time_ns) = (entry.side, entry.slot, entry.sent_time_ns);
        }
        event
    }

    /// An event of our own making about an order: what the gateway itself states.
    pub fn statement(&mut self, user_ref: u32, kind: OrderEventKind, reason: Reason, now_ns: u64) -> OrderEvent {
        let mut event = self.plain_event(user_ref, kind);
        event.reason = reason.code();
        (event.header.receive_time_ns, event.header.venue_time_ns) = (now_ns, now_ns);
        event
    }

    pub(super) fn on_new(&mut self, report: &Report<'_>) -> OrderEvent {
        let user_ref = self.place(report);
        if let Some(entry) = self.orders.get(user_ref).filter(|entry| entry.phase == Phase::Sent) {
            entry.phase = Phase::Live;
            entry.venue_order_ref = order_ref(report);
            entry.lots = report.lots.unwrap_or(entry.lots);
            entry.leaves_lots = report.leaves_lots.unwrap_or(entry.lots - entry.filled_lots);
        }
        let mut event = self.event_of(user_ref, report, OrderEventKind::Accepted);
        event.price_nanos = report.price_nanos.unwrap_or(UNDEF_PRICE);
        event.lots = report.lots.unwrap_or(0);
        event
    }

    fn on_fill(&mut self, report: &Report<'_>, bad: WireError) -> Result<Option<OrderEvent>, WireError> {
        let (Some(lots), Some(price_nanos)) = (report.last_lots.filter(|lots| *lots > 0), report.last_price_nanos)
        else {
            return Err(bad);
        };
        let user_ref = self.place(report);
        if let Some(entry) = self.orders.get(user_ref) {
            let told = report.cumulative_lots.unwrap_or(entry.filled_lots + lots);
            if told > entry.filled_lots {
                entry.filled_lots = told;
                entry.traded_nanos += i128::from(lots) * i128::from(price_nanos);
                entry.leaves_lots = report.leaves_lots.unwrap_or((entry.leaves_lots - lots).max(0));
                if entry.phase == Phase::Sent {
                    entry.phase = Phase::Live;
                    entry.venue_order_ref = order_ref(report);
                }
                if entry.leaves_lots == 0 {
                    entry.phase = Phase::Gone;
                }
            } else if entry.by_status.0 < told && told <= entry.by_status.1 {
                return Ok(None);
            }
        }
        let mut event = self.event_of(user_ref, report, OrderEventKind::Filled);
        event.execution_id = self.execution_id(report.execution, report.match_id);
        (event.lots, event.price_nanos) = (lots, price_nanos);
        event.liquidity = match report.liquidity {
            1 => 1,
            2 => 2,
            4 => 3,
            _ => 0,
        };
        if report.commission_type == b'3' {
            event.fee_nanos = report.commission_nanos.unwrap_or(0);
        }
        // What the report says, not what is known since: it may be an old one.
        event.cumulative_lots = report.cumulative_lots.unwrap_or(event.cumulative_lots);
        Ok(Some(event))
    }

    pub(super) fn on_gone(&mut self, report: &Report<'_>, kind: OrderEventKind, came: Came) -> OrderEvent {
        let user_ref = self.place(report);
        let leaves_lots = report.leaves_lots.unwrap_or(0);
        let (mut off, mut pulled, mut asked, mut immediate) = (0, false, false, false);
        if let Some(entry) = self.orders.get(user_ref)
            && !(came.again && entry.phase == Phase::Gone)
        {
            off = (entry.leaves_lots - leaves_lots).max(0);
            (pulled, asked) = (entry.pulled, entry.cancelling);
            immediate =
                [TimeInForce::ImmediateOrCancel.code(), TimeInForce::FillOrKill.code()].contains(&entry.time_in_force);
            entry.filled_lots = report.cumulative_lots.unwrap_or(entry.filled_lots);
            entry.leaves_lots = leaves_lots;
            entry.cancelling = false;
            if leaves_lots == 0 {
                entry.phase = Phase::Gone;
            }
        }
        let kind = if leaves_lots > 0 { OrderEventKind::Restated } else { kind };
        let mut event = self.event_of(user_ref, report, kind);
        event.lots = off;
        let named = ClientId::read(report.client).1 != 0;
        let answered = asked && (named || report.restatement.is_none());
        let reason = match (kind, report.restatement) {
            // It ends in any case; a cancel that was under way is answered by a report that names it.
            (_, None) if immediate && !named && !pulled => Reason::Immediate,
            _ if answered && pulled => Reason::EngineSilent,
            _ if answered => Reason::UserRequested,
            (_, Some(6)) => Reason::Halted,
            (_, Some(7)) => Reason::Disconnected,
            _ if immediate => Reason::Immediate,
            (OrderEventKind::Expired, _) if report.exec_type == b'3' => Reason::DayEnd,
            (OrderEventKind::Expired, _) => Reason::Timeout,
            (_, Some(8)) => Reason::Other,
            (_, Some(_)) => Reason::Supervisory,
            (_, None) => Reason::UserRequested,
        };
        event.reason = reason.code();
        event.venue_reason = report.restatement.unwrap_or(0) as u32;
        event
    }

    /// A replacement is in force; or an order of ours was reduced, and has a new name at the venue.
    pub(super) fn on_replaced(&mut self, report: &Report<'_>) -> OrderEvent {
        let (own, original) = (ClientId::read(report.client), ClientId::read(report.original));
        if own.0 != 0 && own.0 == original.0 {
            return self.on_reduced(report, own.1);
        }
        // One that an earlier life sent and that is not known here stands for itself, not for the order that it replaced.
        let user_ref = match self.orders.reference(own.0) {
            Some(known) => known,
            None if own.0 != 0 && self.adopts => self.adopt(own.0, report),
            None => self.place(report),
        };
        let original_ref = self.orders.reference(original.0).unwrap_or(0);
        let mut carried = (0, 0, (0, 0));
        if original_ref != user_ref
            && let Some(entry) = self.orders.get(original_ref)
        {
            carried = (entry.filled_lots, entry.traded_nanos, entry.by_status);
            (entry.phase, entry.leaves_lots) = (Phase::Gone, 0);
        }
        if let Some(entry) = self.orders.get(user_ref).filter(|entry| entry.phase == Phase::Sent) {
            entry.original_id = original.0;
            entry.filled_lots = report.cumulative_lots.unwrap_or(carried.0);
            (entry.traded_nanos, entry.by_status) = (carried.1, carried.2);
            entry.lots = report.lots.unwrap_or(entry.lots);
            entry.leaves_lots = report.leaves_lots.unwrap_or((entry.lots - entry.filled_lots).max(0));
            entry.phase = if entry.leaves_lots == 0 { Phase::Gone } else { Phase::Live };
            entry.venue_order_ref = order_ref(report);
            entry.price_nanos = report.price_nanos.unwrap_or(entry.price_nanos);
        }
        let mut event = self.event_of(user_ref, report, OrderEventKind::Replaced);
        event.original_id = original.0;
        event.price_nanos = report.price_nanos.unwrap_or(UNDEF_PRICE);
        event.lots = event.leaves_lots + event.cumulative_lots;
        event
    }

    fn on_reduced(&mut self, report: &Report<'_>, suffix: u16) -> OrderEvent {
        if let Some(entry) = self.orders.reference(ClientId::read(report.client).0).and_then(|at| self.orders.get(at)) {
            (entry.suffix, entry.cancelling) = (suffix, false);
        }
        self.on_restated(report)
    }

    fn on_restated(&mut self, report: &Report<'_>) -> OrderEvent {
        let user_ref = self.place(report);
        let mut off = 0;
        if let Some(entry) = self.orders.get(user_ref).filter(|entry| entry.phase != Phase::Gone) {
            let leaves_lots = report.leaves_lots.unwrap_or(entry.leaves_lots);
            off = (entry.leaves_lots - leaves_lots).max(0);
            entry.leaves_lots = leaves_lots;
            entry.lots = report.lots.unwrap_or(entry.lots);
            entry.price_nanos = report.price_nanos.unwrap_or(entry.price_nanos);
            entry.phase = if leaves_lots == 0 { Phase::Gone } else { Phase::Live };
        }
        let mut event = self.event_of(user_ref, report, OrderEventKind::Restated);
        event.lots = off;
        event.venue_reason = report.restatement.unwrap_or(0) as u32;
        if report.restatement == Some(5) {
            event.reason = Reason::SelfTradePrevention.code();
        }
        event
    }

    fn on_rejected(&mut self, report: &Report<'_>) -> OrderEvent {
        let user_ref = self.place(report);
        let reason = reject_reason(report.reject_reason.unwrap_or(99));
        let mut event = self.refused(user_ref, reason);
        event.venue_reason = report.reject_reason.unwrap_or(0) as u32;
        if event.owner.order_id == 0 {
            event = OrderEvent { event: event.event, ..self.event_of(user_ref, report, OrderEventKind::Rejected) };
        }
        event.header.venue_time_ns = report.time_ns.unwrap_or(0);
        event
    }

    /// The venue refused a new order or a replacement.
    pub fn refused(&mut self, user_ref: u32, reason: Reason) -> OrderEvent {
        let mut kind = OrderEventKind::Rejected;
        if let Some(entry) = self.orders.get(user_ref) {
            (entry.phase, entry.leaves_lots) = (Phase::Gone, 0);
            if entry.original_id != 0 {
                kind = OrderEventKind::ReplaceRejected;
            }
        }
        let mut event = self.plain_event(user_ref, kind);
        event.reason = reason.code();
        event
    }

    /// The event of a refused cancel or replace (9).
    pub fn on_cancel_rejected(&mut self, report: &Report<'_>, came: Came) -> OrderEvent {
        let (own, original) = (ClientId::read(report.client), ClientId::read(report.original));
        let of_replacement = own.0 != 0 && own.0 != original.0 && own.1 == 0;
        let code = report.cancel_reject_reason.unwrap_or(99);
        let mut event = if of_replacement {
            let user_ref = self.place(report);
            self.refused(user_ref, reject_reason(if code == 1 { 5 } else { 99 }))
        } else {
            let user_ref = self.orders.reference(original.0).or_else(|| self.orders.reference(own.0)).unwrap_or(0);
            if let Some(entry) = self.orders.get(user_ref) {
                entry.cancelling = false;
            }
            let mut event = self.event_of(user_ref, report, OrderEventKind::CancelRejected);
            let throttled = self.voice.dialect.throttled_cancel.map(u64::from) == Some(code);
            event.reason = match code {
                _ if throttled => Reason::Throttled.code(),
                0 => 0,
                1 => Reason::UnknownOrder.code(),
                6 => Reason::DuplicateId.code(),
                _ => Reason::Other.code(),
            };
            event
        };
        event.venue_reason = code as u32;
        event.header.sequence = came.sequence;
        (event.header.receive_time_ns, event.header.venue_time_ns) = (came.now_ns, report.time_ns.unwrap_or(0));
        event.possible_duplicate = u8::from(came.again);
        event
    }

    fn on_execution_changed(
        &mut self,
        report: &Report<'_>,
        what: What,
        bad: WireError,
    ) -> Result<OrderEvent, WireError> {
        let user_ref = self.place(report);
        if let Some(entry) = self.orders.get(user_ref) {
            entry.filled_lots = report.cumulative_lots.unwrap_or(entry.filled_lots);
            if entry.phase != Phase::Gone {
                entry.leaves_lots = report.leaves_lots.unwrap_or(entry.leaves_lots); // Some venues open broken lots again.
            }
            if let (Some(average), Some(filled)) = (report.average_nanos, report.cumulative_lots) {
                entry.traded_nanos = i128::from(average) * i128::from(filled);
            }
        }
        let broken = what == What::Bust;
        let kind = if broken { OrderEventKind::Broken } else { OrderEventKind::Corrected };
        let mut event = self.event_of(user_ref, report, kind);
        event.execution_id = self.execution_id(report.refers_to, report.match_id);
        event.lots = report.last_lots.unwrap_or(0);
        event.price_nanos = report.last_price_nanos.unwrap_or(UNDEF_PRICE);
        let whole = broken || event.lots > 0 && report.last_price_nanos.is_some();
        if event.execution_id == 0 || !whole { Err(bad) } else { Ok(event) }
    }

    fn execution_id(&self, execution: &[u8], match_id: &[u8]) -> u64 {
        match self.voice.names {
            ExecutionNames::Match if !match_id.is_empty() => number_of(match_id),
            ExecutionNames::Digits => digits_of(execution),
            _ => number_of(execution),
        }
    }
}

/// The venue's name of an order where it is a number: what its feed shows.
fn order_ref(report: &Report<'_>) -> u64 {
    let name = if report.feed_id.is_empty() { report.order_id } else { report.feed_id };
    wire::fix::unsigned(name).unwrap_or(0)
}

fn side_code(letter: u8) -> u8 {
    match letter {
        b'1' => Side::Buy.code(),
        b'2' | b'5' | b'6' => Side::Sell.code(),
        _ => 0,
    }
}

fn time_in_force_code(letter: u8) -> u8 {
    match letter {
        b'1' => TimeInForce::GoodTillCancel.code(),
        b'2' => TimeInForce::AtOpen.code(),
        b'7' => TimeInForce::AtClose.code(),
        b'3' => TimeInForce::ImmediateOrCancel.code(),
        b'4' => TimeInForce::FillOrKill.code(),
        b'6' => TimeInForce::GoodTillTime.code(),
        _ => TimeInForce::Day.code(),
    }
}

/// OrdRejReason (103) in our terms.
fn reject_reason(code: u64) -> Reason {
    match code {
        1 => Reason::InvalidInstrument,
        2 | 4 => Reason::Closed,
        3 => Reason::Risk,
        5 => Reason::UnknownOrder,
        6 => Reason::DuplicateId,
        11 | 15 => Reason::InvalidField,
        13 | 14 => Reason::InvalidQuantity,
        16 => Reason::InvalidPrice,
        _ => Reason::Other,
    }
}
