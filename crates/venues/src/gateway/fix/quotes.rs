//! Quotes as MassQuotes: what is gathered of a set, what was sent and is not answered, and what the answers (b) become.
//!
//! Each side is an entry of its own, named by its order, so that a fill names the order whatever crossed it on the wire, and the
//! venue's record leads back to the order without a table. An entry of size 0 pulls; what is pulled stands before what is new.
//!
//! Invariant: an order ends, or begins, when the venue has answered its set, or said so in a report; never when it is sent. A set
//! without an answer is settled by statuses after the next logon, or by the answer to a QuoteCancel of all.

use std::collections::VecDeque;

use records::{NewOrder, OrderEvent, OrderEventKind, OrderType, Reason, TimeInForce};
use sessions::fix::{Inbound, SendError, Session};
use wire::fix::{Message, unsigned};

use super::messages::{ClientId, QUOTE_BYTES, QUOTES_HEAD_BYTES, Voice};
use super::orders::{Came, FixOrders};
use super::report::Report;
use super::{Desk, Reader, reason_of};
use crate::gateway::Core;
use crate::gateway::orders::Phase;

/// Sets that may wait for their answers.
const SETS_MAX: usize = 64;

/// One entry of a MassQuote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Number of the order.
    pub user_ref: u32,
    /// It is to go; else it is new.
    pub pulls: bool,
}

/// A set that was sent.
#[derive(Debug)]
struct Sent {
    /// QuoteID.
    id: u64,
    /// Number of the message.
    number: u64,
    /// What of it is not answered.
    lines: Vec<Line>,
}

/// The set that is gathered, and those that wait for their answers.
#[derive(Debug)]
pub struct Quotes {
    gathered: Vec<Line>,
    sent: VecDeque<Sent>,
    /// Memory for sets.
    spare: Vec<Vec<Line>>,
    lines_max: usize,
}

/// Whether an entry of a MassQuote says all that an order says.
pub fn is_quotable(order: &NewOrder) -> bool {
    let plain = (order.minimum_lots, order.display_lots) == (0, 0) && (order.post_only, order.short_sale) == (0, 0);
    plain && order.order_type == OrderType::Limit.code() && order.time_in_force == TimeInForce::Day.code()
}

impl Quotes {
    /// Sets of so many entries at most.
    pub fn new(lines_max: usize) -> Self {
        let lines = || Vec::with_capacity(lines_max);
        Self {
            gathered: lines(),
            sent: VecDeque::with_capacity(SETS_MAX),
            spare: (0..SETS_MAX).map(|_| lines()).collect(),
            lines_max,
        }
    }

    /// One more; there is room while [`Quotes::is_full`] was asked after each.
    pub fn gather(&mut self, line: Line) {
        assert!(self.gathered.len() < self.lines_max, "a full set was not sent");
        self.gathered.push(line);
    }

    /// Whether it takes no further one.
    pub fn is_full(&self) -> bool {
        self.gathered.len() >= self.lines_max
    }

    /// Bytes that the gathered set may need, 0: there is none.
    pub fn gathered_bytes(&self) -> usize {
        if self.gathered.is_empty() { 0 } else { QUOTES_HEAD_BYTES + QUOTE_BYTES * self.gathered.len() }
    }

    /// The connection is gone: what was sent is settled otherwise.
    pub fn forget_sent(&mut self) {
        while let Some(sent) = self.sent.pop_front() {
            self.give_back(sent.lines);
        }
    }

    /// Memory for one more set; that of one whose entries were all refused, where there is no other.
    fn memory(&mut self) -> Option<Vec<Line>> {
        self.spare.pop().or_else(|| {
            let at = self.sent.iter().position(|sent| sent.lines.is_empty())?;
            self.answered(at)
        })
    }

    fn give_back(&mut self, mut lines: Vec<Line>) {
        lines.clear();
        self.spare.push(lines);
    }

    /// Takes a set out that is answered.
    fn answered(&mut self, at: usize) -> Option<Vec<Line>> {
        self.sent.remove(at).map(|sent| sent.lines)
    }
}

impl Desk {
    /// Sends what is gathered. Where it cannot leave whole, what pulls leaves without the rest.
    pub(super) fn end_set(&mut self, core: &mut Core, session: &mut Session, asked: bool, now_ns: u64) -> bool {
        if self.quotes.gathered.is_empty() {
            return false;
        }
        let Err(reason) = self.send_gathered(session, now_ns) else { return true };
        self.refuse_new(core, reason, now_ns);
        let pulls = !self.quotes.gathered.is_empty();
        let pulled = pulls && self.send_gathered(session, now_ns).is_ok();
        if pulls && !pulled {
            self.refuse_gathered(core, reason, asked, now_ns);
        }
        pulled
    }

    fn send_gathered(&mut self, session: &mut Session, now_ns: u64) -> Result<(), Reason> {
        if session.output_room() < self.quotes.gathered_bytes() {
            return Err(Reason::BackPressure); // The session would end.
        }
        let Some(spare) = self.quotes.memory() else { return Err(Reason::BackPressure) };
        let id = self.next_id(now_ns);
        let sent = write(&self.fix, &self.quotes.gathered, session, id, now_ns);
        let number = match sent {
            Ok(number) => number,
            Err(error) => {
                self.quotes.spare.push(spare);
                return Err(reason_of(error));
            }
        };
        let lines = std::mem::replace(&mut self.quotes.gathered, spare);
        for line in &lines {
            let Some(entry) = self.fix.orders.get(line.user_ref) else { continue };
            *if line.pulls { &mut entry.cancel_number } else { &mut entry.sent_number } = number;
        }
        self.quotes.sent.push_back(Sent { id, number, lines });
        Ok(())
    }

    /// States that the gathered new quotes never leave.
    fn refuse_new(&mut self, core: &mut Core, reason: Reason, now_ns: u64) {
        let Self { fix, quotes, .. } = self;
        quotes.gathered.retain(|line| {
            if line.pulls {
                return true;
            }
            if let Some(entry) = fix.orders.get(line.user_ref) {
                (entry.phase, entry.leaves_lots) = (Phase::Gone, 0);
            }
            let event = fix.statement(line.user_ref, OrderEventKind::NotSent, reason, now_ns);
            core.counts.not_sent.add(1);
            core.events.offer(&event);
            false
        });
    }

    /// States that nothing that is gathered leaves; of what pulls, where the engine `asked`.
    pub(super) fn refuse_gathered(&mut self, core: &mut Core, reason: Reason, asked: bool, now_ns: u64) {
        self.refuse_new(core, reason, now_ns);
        let Self { fix, quotes, .. } = self;
        for line in &quotes.gathered {
            if let Some(entry) = fix.orders.get(line.user_ref) {
                entry.cancelling = false;
            }
            if asked {
                core.counts.not_sent.add(1);
                let event = fix.statement(line.user_ref, OrderEventKind::CancelRejected, reason, now_ns);
                core.events.offer(&event);
            }
        }
        quotes.gathered.clear();
    }
}

/// Writes the message: what pulls first, so that our own sides do not meet on their way.
fn write(fix: &FixOrders, lines: &[Line], session: &mut Session, id: u64, now_ns: u64) -> Result<u64, SendError> {
    let of = |pulls: bool| {
        lines.iter().filter(move |line| line.pulls == pulls).filter_map(move |line| {
            let entry = fix.orders.at(line.user_ref)?;
            Some((entry, fix.symbol(entry.instrument).unwrap_or_default(), pulls))
        })
    };
    let voice: &Voice = &fix.voice;
    let body = |body: &mut wire::fix::Builder<'_>| {
        voice.mass_quote(body, id, lines.len(), of(true).chain(of(false)));
    };
    let only_pulls = lines.iter().all(|line| line.pulls);
    if only_pulls { session.send_pull(now_ns, b"i", body) } else { session.send(now_ns, b"i", body) }
}

/// What an answer (b) says beside its entries.
struct Head {
    id: u64,
    status: u64,
    reason: u64,
    /// It names entries.
    entries: bool,
}

impl Head {
    fn read(message: &Message<'_>) -> Self {
        let number = |tag: u32| message.get(tag).and_then(unsigned).unwrap_or(0);
        Self { id: number(117), status: number(297), reason: number(300), entries: message.get(299).is_some() }
    }

    /// Accepted, cancelled as asked, accepted with a warning, active.
    const fn is_taken(&self) -> bool {
        matches!(self.status, 0..=4 | 12 | 13 | 16)
    }

    /// Neither taken nor pending.
    const fn is_refused(&self) -> bool {
        !self.is_taken() && self.status != 10
    }
}

impl Reader<'_> {
    /// A MassQuoteAcknowledgement: entries that it names with a reason are refused; one that names none, or takes the rest, is of
    /// all that is left of the set.
    pub(super) fn on_quotes_answered(&mut self, message: &Message<'_>, inbound: &Inbound<'_>, now_ns: u64) {
        let came = Came { sequence: inbound.sequence, again: inbound.poss_dup || inbound.poss_resend, now_ns };
        let head = Head::read(message);
        if head.id != 0 && self.desk.questions.hears_quotes(head.id, head.is_taken(), now_ns) {
            return;
        }
        let Some(at) = self.desk.quotes.sent.iter().position(|sent| sent.id == head.id) else {
            // Of an earlier connection: statuses have told, or tell.
            return self.desk.counts.unasked.add(1);
        };
        let (mut name, mut reason) = (&b""[..], None);
        for field in message.fields() {
            match field.tag {
                299 => {
                    self.refuse_entry(at, name, reason, &came);
                    (name, reason) = (message.value(*field), head.is_refused().then_some(head.reason));
                }
                368 => reason = unsigned(message.value(*field)),
                _ => {}
            }
        }
        self.refuse_entry(at, name, reason, &came);
        if head.is_taken() {
            self.settle_set(at, None, &came);
        } else if head.is_refused() && !head.entries {
            self.settle_set(at, Some(quote_reason(head.reason)), &came);
        }
    }

    /// The venue refused a set as a message: nothing of it was done.
    pub(super) fn on_set_refused(&mut self, report: &Report<'_>, now_ns: u64) {
        let number = report.number;
        let found = self.desk.quotes.sent.iter().position(|sent| sent.number == number && number != 0);
        let Some(at) = found else { return self.desk.counts.unasked.add(1) };
        // "Not available" is how a venue says that it takes no more messages now.
        let reason = if report.business_reason == 4 { Reason::Throttled } else { Reason::InvalidField };
        self.settle_set(at, Some(reason), &Came { sequence: 0, again: false, now_ns });
    }

    fn refuse_entry(&mut self, at: usize, name: &[u8], reason: Option<u64>, came: &Came) {
        let Some(reason) = reason else { return };
        let Some(user_ref) = self.desk.fix.orders.reference(ClientId::read(name).0) else { return };
        let lines = &mut self.desk.quotes.sent[at].lines;
        let Some(place) = lines.iter().position(|line| line.user_ref == user_ref) else { return };
        let line = lines.remove(place);
        self.settle(line, Some(quote_reason(reason)), came);
    }

    /// What is left of a set is answered; `refused`: nothing of it was done.
    fn settle_set(&mut self, at: usize, refused: Option<Reason>, came: &Came) {
        let Some(lines) = self.desk.quotes.answered(at) else { return };
        for pulls in [true, false] {
            lines.iter().filter(|line| line.pulls == pulls).for_each(|line| self.settle(*line, refused, came));
        }
        self.desk.quotes.give_back(lines);
    }

    fn settle(&mut self, line: Line, refused: Option<Reason>, came: &Came) {
        let fix = &mut self.desk.fix;
        let Some(entry) = fix.orders.get(line.user_ref) else { return };
        let event = match (line.pulls, refused) {
            // A report said already how it ended, or that it began.
            (true, _) if entry.phase == Phase::Gone => return,
            (false, _) if entry.phase != Phase::Sent => return,
            (true, None) => fix.quote_gone(line.user_ref, came),
            (true, Some(reason)) => {
                entry.cancelling = false;
                fix.statement(line.user_ref, OrderEventKind::CancelRejected, reason, came.now_ns)
            }
            (false, None) => fix.quote_taken(line.user_ref, came),
            (false, Some(reason)) => fix.refused(line.user_ref, reason),
        };
        let event = stamped(event, came);
        Self::take(self.core, &self.desk.counts.unkept, &event, came.now_ns);
    }
}

/// An event with the message that it came by.
pub(super) fn stamped(mut event: OrderEvent, came: &Came) -> OrderEvent {
    (event.header.sequence, event.header.receive_time_ns) = (came.sequence, came.now_ns);
    event.possible_duplicate = u8::from(came.again);
    event
}

impl FixOrders {
    /// A set with this quote was taken.
    fn quote_taken(&mut self, user_ref: u32, came: &Came) -> OrderEvent {
        if let Some(entry) = self.orders.get(user_ref) {
            entry.phase = Phase::Live;
        }
        let mut event = self.statement(user_ref, OrderEventKind::Accepted, Reason::Other, came.now_ns);
        event.reason = 0;
        if let Some(entry) = self.orders.get(user_ref) {
            (event.price_nanos, event.lots) = (entry.price_nanos, entry.lots);
        }
        event
    }

    /// A quote trades before the answer to its set, or before anything else was said of it: it was taken.
    pub(super) fn begun_by_fill(&mut self, report: &Report<'_>) -> Option<OrderEvent> {
        let lots = report.last_lots.filter(|lots| *lots > 0).and(report.last_price_nanos).and(report.lots);
        let user_ref = self.place(report);
        let entry = self.orders.get(user_ref).filter(|entry| entry.quote && entry.phase == Phase::Sent)?;
        entry.phase = Phase::Live;
        entry.lots = lots.unwrap_or(entry.lots);
        entry.leaves_lots = (entry.lots - entry.filled_lots).max(0);
        let (price_nanos, lots) = (entry.price_nanos, entry.lots);
        let mut event = self.event_of(user_ref, report, OrderEventKind::Accepted);
        if let Some(entry) = self.orders.get(user_ref) {
            entry.venue_order_ref = event.venue_order_ref;
        }
        (event.price_nanos, event.lots) = (price_nanos, lots);
        Some(event)
    }

    /// A quote was pulled: what was filled of it was told before.
    pub(super) fn quote_gone(&mut self, user_ref: u32, came: &Came) -> OrderEvent {
        let (mut off, mut pulled) = (0, false);
        if let Some(entry) = self.orders.get(user_ref) {
            (off, pulled) = (entry.leaves_lots, entry.pulled);
            (entry.phase, entry.leaves_lots, entry.cancelling) = (Phase::Gone, 0, false);
        }
        let reason = if pulled { Reason::EngineSilent } else { Reason::UserRequested };
        let mut event = self.statement(user_ref, OrderEventKind::Canceled, reason, came.now_ns);
        event.lots = off;
        event
    }
}

/// QuoteRejectReason (300) and QuoteEntryRejectReason (368) in our terms.
fn quote_reason(code: u64) -> Reason {
    match code {
        1 => Reason::InvalidInstrument,
        2 => Reason::Closed,
        3 => Reason::Risk,
        4 => Reason::Timeout,
        6 => Reason::DuplicateId,
        5 | 7 | 8 => Reason::InvalidPrice,
        _ => Reason::Other,
    }
}
