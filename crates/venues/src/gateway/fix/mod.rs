//! FIX order entry as a gateway's protocol: D, G, F, q, i and Z out; 8, 9, 3, j, r and b in; AF and H after each logon.
//!
//! The session keeps numbers and messages in its store (`sessions::fix`), the gateway the map of ids and every event in its
//! journal. So a restart goes on where the numbers stand: what the venue said meanwhile is resent by number. What was said before is
//! handed on again, marked as possibly said before: the venue does not say it twice, and an engine whose host was lost with the
//! link, or with what its disk did not have, knows it no more. Over OUCH the venue's replay of the day does that.
//!
//! Invariant: an order is journaled here, then kept by the session's store, then queued for the socket; an event is journaled,
//! then handed on, then its number counts as received. No order is sent again.

mod dialect;
mod drop_copy;
mod ending;
mod messages;
mod orders;
mod quotes;
mod recovery;
mod report;
mod settings;
mod statuses;
mod stream;

use std::collections::VecDeque;

use links::{Counter, Counters};
use records::broken::{Variant, is_broken};
use records::{
    NewOrder, OrderEvent, OrderEventKind, Reason, RecordRef, ReplaceOrder, SessionState, Side, Stamp, VenueSession,
    bytes_of,
};
use sessions::fix::{Answer, Application, Inbound, SendError, Session, State};
use wire::fix::{Garbled, Message};

pub use dialect::{Dialect, Level};
pub use drop_copy::{DropCopyConfig, DropCopyTile};
pub use ending::EndingFile;
pub use messages::{ClientId, Symbol, Voice};
pub use report::{Report, number_of};
pub use settings::{DROP_COPY, KIND};

use super::orders::{Entry, Orders, Phase};
use super::socket::Happened;
use super::sweep::{SWEEPS_MAX, Sweep};
use super::{Core, Protocol};
use messages::Replacing;
use orders::{Came, FixOrders, Ready};
use quotes::Quotes;
use recovery::Questions;
use stream::{FixStream, Taker};

/// How far the venue was heard is journaled so often at most.
const MARK_NS: u64 = 1_000_000_000;

/// Whether an event says something that later ones do not change: a beginning, a trade, an end. What else it may have been is known
/// from the session that is up.
fn lasts(event: &OrderEvent) -> bool {
    matches!(
        OrderEventKind::from_code(event.event),
        Some(
            OrderEventKind::Accepted
                | OrderEventKind::Rejected
                | OrderEventKind::Filled
                | OrderEventKind::Canceled
                | OrderEventKind::Expired
                | OrderEventKind::Replaced
                | OrderEventKind::ReplaceRejected
                | OrderEventKind::NotFound
                | OrderEventKind::Broken
                | OrderEventKind::Corrected
        )
    )
}

/// What a session trades.
#[derive(Clone, Debug)]
pub struct FixConfig {
    /// Venue id.
    pub venue: u16,
    /// Session id, for `header.source`.
    pub source: u32,
    /// Instruments and their symbols.
    pub symbols: Vec<(u32, Symbol)>,
    /// The venue's ways.
    pub dialect: Dialect,
    /// Orders and replaces a day.
    pub orders_max: usize,
}

struct Counts {
    forgotten: Counter,
    fills_by_status: Counter,
    resent: Counter,
    unkept: Counter,
    unasked: Counter,
    garbled: Counter,
}

/// A venue that speaks FIX.
pub struct FixVenue {
    stream: FixStream,
    desk: Desk,
}

/// Everything but the session: what its messages are handed to.
struct Desk {
    fix: FixOrders,
    quotes: Quotes,
    sweeps: Vec<Sweep>,
    questions: Questions,
    /// A mass cancel that is not answered: its ClOrdID, number, and the sweep that it stands for.
    mass: Option<(u64, u64, Sweep)>,
    /// The last ClOrdID or MassStatusReqID of a message about many orders.
    last_id: u64,
    /// Events of earlier lives in this session of the venue, to be handed on again: of those that were handed on for certain what
    /// lasts, then the rest; and how many the first are.
    again: VecDeque<OrderEvent>,
    again_lasting: usize,
    /// The numbers as they were last journaled: when they began, and how far the venue was heard.
    venue_session: Option<VenueSession>,
    marked_ns: u64,
    /// When those numbers began that were last met as other ones than the journal's.
    renewed_ns: u64,
    counts: Counts,
}

impl FixVenue {
    /// Around a session, an initiator with its store.
    pub fn new(config: FixConfig, session: Session, counters: &Counters) -> Self {
        let profile = session.profile();
        let voice = Voice::new(config.dialect, Level::of(profile), profile.precision());
        let ids = (config.venue, config.source);
        let quotes = Quotes::new(voice.dialect.quote_entries_max);
        Self {
            stream: FixStream::new(session, &counters.scope("gateway.fix")),
            desk: Desk {
                fix: FixOrders::new(ids, config.symbols, voice, config.orders_max),
                quotes,
                sweeps: Vec::with_capacity(SWEEPS_MAX + 1),
                questions: Questions::default(),
                mass: None,
                last_id: 0,
                again: VecDeque::new(),
                again_lasting: 0,
                venue_session: None,
                marked_ns: 0,
                renewed_ns: 0,
                counts: Counts::new(counters),
            },
        }
    }

    /// Writes down how each connection ended.
    #[must_use]
    pub fn with_endings(mut self, file: EndingFile) -> Self {
        self.stream.tell_endings(file);
        self
    }

    /// Connects, reads, takes messages, lets time pass, writes.
    fn run_session(&mut self, core: &mut Core, now_ns: u64) -> usize {
        let mut work = 0;
        if core.events.has_room() {
            match core.socket.step(&*core.net, &mut self.stream, now_ns) {
                Happened::Nothing => {}
                Happened::Connected => core.counts.connects.add(1),
                Happened::Read(count) => {
                    work += 1;
                    self.stream.input.commit(count);
                }
                Happened::Lost => {
                    // What was read whole before still counts.
                    self.stream.take(&mut Reader { core, desk: &mut self.desk }, now_ns);
                    self.on_lost(core, now_ns);
                }
            }
        }
        let mut reader = Reader { core, desk: &mut self.desk };
        work += self.stream.take(&mut reader, now_ns);
        self.stream.settle(&mut reader.core.socket);
        self.stream.session.on_time(now_ns, &mut reader);
        let written = core.socket.flush(&mut self.stream);
        if !written || self.stream.has_ended() {
            self.on_lost(core, now_ns);
        }
        work
    }
}

impl Protocol for FixVenue {
    type Stream = FixStream;

    fn stream(&mut self) -> &mut FixStream {
        &mut self.stream
    }

    fn orders(&mut self) -> &mut Orders {
        &mut self.desk.fix.orders
    }

    fn sweeps(&mut self) -> &mut Vec<Sweep> {
        &mut self.desk.sweeps
    }

    fn is_up(&self) -> bool {
        self.stream.session.state() == State::Up
    }

    fn enter(&mut self, order: &NewOrder, now_ns: u64) -> Result<(), Reason> {
        self.desk.fix.enter(order, now_ns)
    }

    fn replace(&mut self, order: &ReplaceOrder, now_ns: u64) -> Result<(), Reason> {
        self.desk.fix.replace(order, now_ns)
    }

    fn cancel(&mut self, user_ref: u32, lots: i64, now_ns: u64) -> Result<(), Reason> {
        self.desk.fix.cancel(user_ref, lots, now_ns)
    }

    fn cancel_many(&mut self, sweep: &Sweep, core: &mut Core, now_ns: u64) -> bool {
        self.desk.cancel_many(sweep, core, &mut self.stream.session, now_ns)
    }

    fn quotes_in_sets(&self) -> bool {
        self.desk.fix.voice.quotes_in_sets()
    }

    fn takes_as_quote(&self, order: &NewOrder) -> bool {
        self.quotes_in_sets() && quotes::is_quotable(order)
    }

    fn gathered_bytes(&self) -> usize {
        self.desk.quotes.gathered_bytes()
    }

    fn is_set_full(&self) -> bool {
        self.desk.quotes.is_full()
    }

    fn end_set(&mut self, core: &mut Core, asked: bool, now_ns: u64) -> bool {
        self.desk.end_set(core, &mut self.stream.session, asked, now_ns)
    }

    fn drop_set(&mut self, core: &mut Core, reason: Reason, now_ns: u64) {
        self.desk.refuse_gathered(core, reason, true, now_ns);
    }

    fn send(&mut self, now_ns: u64) -> Result<(), Reason> {
        self.desk.send(&mut self.stream.session, now_ns)
    }

    /// The venue knows orders by their ids: our own numbers need not be those of the earlier life.
    fn restore_order(&mut self, _: u32, entry: Entry) {
        let orders = &mut self.desk.fix.orders;
        if orders.has_room() && orders.reference(entry.owner.order_id).is_none() {
            orders.push(entry);
        }
    }

    fn restore(&mut self, _: Stamp, record: &RecordRef) {
        let desk = &mut self.desk;
        match record {
            RecordRef::OrderEvent(event) => {
                desk.fix.restore(event);
                desk.again.push_back(*event);
            }
            RecordRef::VenueSession(session) => {
                // It is journaled only when everything before it was handed on.
                let mut handed_on = desk.again.split_off(desk.again_lasting);
                handed_on.retain(|_| !is_broken(Variant::ReportsNotSaidAgain));
                desk.again.extend(handed_on.into_iter().filter(lasts));
                if desk.venue_session.is_some_and(|known| known.name != session.name) {
                    desk.fix.orders.forget_gone();
                    desk.again.clear();
                }
                desk.again_lasting = desk.again.len();
                desk.venue_session = Some(*session);
            }
            _ => {}
        }
    }

    fn run(&mut self, core: &mut Core, now_ns: u64) -> usize {
        let mut work = self.desk.hand_on_again(core);
        if !self.desk.again.is_empty() {
            return work;
        }
        work += self.run_session(core, now_ns);
        work += self.desk.recover(core, &mut self.stream.session, now_ns);
        let (fix, counts) = (&self.desk.fix, &self.desk.counts);
        core.counts.adopted.set(fix.orders.adopted());
        counts.forgotten.set(fix.forgotten);
        counts.fills_by_status.set(fix.fills_by_status);
        self.stream.tell(now_ns);
        work
    }

    fn on_lost(&mut self, core: &mut Core, now_ns: u64) {
        self.stream.lose(&mut core.socket, now_ns);
        self.desk.on_lost(core, now_ns);
    }

    fn mark(&mut self, core: &mut Core, now_ns: u64) {
        if !core.recovered || now_ns.saturating_sub(self.desk.marked_ns) < MARK_NS {
            return;
        }
        let (next, began_ns) = (self.stream.session.numbers().0, self.stream.session.numbers_began_ns());
        let name = hexadecimal(began_ns);
        if self.desk.venue_session.is_none_or(|known| known.next_sequence != next || known.name != name) {
            self.desk.journal_session(core, began_ns, next, now_ns);
        }
    }

    fn log_out(&mut self, now_ns: u64) {
        self.stream.session.log_out(now_ns, "");
    }
}

impl Desk {
    /// Hands on what an earlier life may not have, as far as there is room.
    fn hand_on_again(&mut self, core: &mut Core) -> usize {
        let mut work = 0;
        while core.events.has_room()
            && let Some(mut event) = self.again.pop_front()
        {
            event.possible_duplicate = 1;
            core.events.offer(&event);
            self.counts.resent.add(1);
            work += 1;
        }
        work
    }

    /// Sends what was made ready; the session keeps it first.
    fn send(&mut self, session: &mut Session, now_ns: u64) -> Result<(), Reason> {
        let fix = &mut self.fix;
        let ready = std::mem::replace(&mut fix.ready, Ready::Nothing);
        let (voice, symbols, orders) = (&fix.voice, &fix.symbols, &mut fix.orders);
        match ready {
            Ready::Nothing => Err(Reason::Other),
            Ready::Quote(line) => {
                self.quotes.gather(line);
                Ok(())
            }
            Ready::New(order) => {
                let symbol = symbols.get(u64::from(order.header.instrument)).unwrap_or_default();
                let sent = session.send(now_ns, b"D", |body| voice.new_order(body, &order, &symbol, now_ns));
                let number = sent.map_err(reason_of)?;
                let user_ref = orders.next_ref() - 1;
                orders.get(user_ref).map_or(Err(Reason::Other), |entry| {
                    entry.sent_number = number;
                    Ok(())
                })
            }
            Ready::Replace(replacing, user_ref) => {
                let Some(entry) = orders.get(user_ref) else { return Err(Reason::Other) };
                let symbol = symbols.get(u64::from(entry.instrument)).unwrap_or_default();
                let sent = session.send(now_ns, b"G", |body| voice.replace(body, &replacing, entry, &symbol, now_ns));
                match (sent, is_reduction(&replacing)) {
                    (Ok(number), false) => entry.sent_number = number,
                    // A reduction keeps its order.
                    (Ok(number), true) => entry.cancel_number = number,
                    (Err(_), reduces) => entry.cancelling &= !reduces,
                }
                sent.map(drop).map_err(reason_of)
            }
            Ready::Cancel(client, user_ref) => {
                let Some(entry) = orders.get(user_ref) else { return Err(Reason::Other) };
                let symbol = symbols.get(u64::from(entry.instrument)).unwrap_or_default();
                let ids = (ClientId::of(entry), client);
                let sent = session.send(now_ns, b"F", |body| voice.cancel(body, ids, entry, &symbol, now_ns));
                match sent {
                    Ok(number) => entry.cancel_number = number,
                    Err(_) => entry.cancelling = false,
                }
                sent.map(drop).map_err(reason_of)
            }
        }
    }

    /// A ClOrdID or MassStatusReqID that was not used before, by an earlier life neither.
    fn next_id(&mut self, now_ns: u64) -> u64 {
        self.last_id = (self.last_id + 1).max(now_ns / 1_000);
        self.last_id
    }

    fn cancel_many(&mut self, sweep: &Sweep, core: &mut Core, session: &mut Session, now_ns: u64) -> bool {
        if !self.fix.voice.has_mass_cancel() || !sweep.is_of_all_owners() || self.mass.is_some() {
            return false;
        }
        let symbol = self.fix.symbol(sweep.instrument);
        if sweep.instrument != 0 && symbol.is_none() || sweep.side != 0 && Side::from_code(sweep.side).is_none() {
            return false;
        }
        let is_meant = |entry: &Entry| entry.phase != Phase::Gone && !entry.cancelling && sweep.matches(entry);
        if self.fix.orders.iter_mut().any(|(_, entry)| entry.quote && is_meant(entry)) {
            return false; // Not every venue's q takes quotes, too: they go by sets of size 0.
        }
        if !self.fix.orders.iter_mut().any(|(_, entry)| is_meant(entry)) {
            return true;
        }
        let id = self.next_id(now_ns);
        let voice = &self.fix.voice;
        let sent = session.send(now_ns, b"q", |body| {
            voice.mass_cancel(body, id, symbol.as_ref(), sweep.side, now_ns);
        });
        let Ok(number) = sent else { return false };
        self.mass = Some((id, number, *sweep));
        for (_, entry) in self.fix.orders.iter_mut().filter(|(_, entry)| is_meant(entry)) {
            entry.cancelling = true;
            entry.pulled |= sweep.pulled;
            if sweep.pulled {
                core.counts.pulled.add(1);
            }
        }
        core.counts.sent.add(1);
        true
    }

    /// The venue will not cancel many with one message: the sweep begins again, one by one.
    fn mass_refused(&mut self) {
        let Some((_, _, mut sweep)) = self.mass.take() else { return };
        for (_, entry) in self.fix.orders.iter_mut().filter(|(_, entry)| sweep.matches(entry)) {
            entry.cancelling = false;
        }
        sweep.one_by_one = true;
        sweep.begin_again();
        self.sweeps.insert(0, sweep);
    }

    fn journal_session(&mut self, core: &mut Core, began_ns: u64, next: u64, now_ns: u64) -> bool {
        if !core.events.is_empty() {
            return false; // What waits would be taken for handed on.
        }
        let mut session = VenueSession::new();
        session.name = hexadecimal(began_ns);
        session.next_sequence = next;
        let journaled = core.journal(bytes_of(&session), now_ns);
        if journaled {
            (self.venue_session, self.marked_ns) = (Some(session), now_ns);
        }
        journaled
    }
}

/// A session as its messages come in: each becomes events, journaled and handed on before its number counts.
struct Reader<'a> {
    core: &'a mut Core,
    desk: &'a mut Desk,
}

impl Reader<'_> {
    fn take(core: &mut Core, unkept: &Counter, event: &OrderEvent, now_ns: u64) {
        if !core.journal(bytes_of(event), now_ns) {
            unkept.add(1);
        }
        let answers = [OrderEventKind::Accepted.code(), OrderEventKind::Replaced.code()];
        if answers.contains(&event.event) && event.possible_duplicate == 0 && event.sent_time_ns != 0 {
            core.counts.round_trip.record(now_ns.saturating_sub(event.sent_time_ns));
        }
        core.events.offer(event);
    }

    fn bad(&mut self, error: wire::WireError, inbound: &Inbound<'_>, now_ns: u64) {
        self.core.counts.malformed.add(1);
        self.core.sampler.add(error, inbound.message.bytes(), inbound.sequence, now_ns);
    }

    fn on_report(&mut self, report: &Report<'_>, inbound: &Inbound<'_>, now_ns: u64) {
        let came = Came { sequence: inbound.sequence, again: inbound.poss_dup || inbound.poss_resend, now_ns };
        let Self { core, desk } = self;
        let status = desk.questions.hears(report, now_ns);
        if status && inbound.poss_resend {
            return;
        }
        let (fix, counts) = (&mut desk.fix, &desk.counts);
        let taken = fix.on_report(report, came, &mut |event| Self::take(core, &counts.unkept, event, now_ns));
        if let Err(error) = taken {
            self.bad(error, inbound, now_ns);
        }
    }

    fn on_cancel_rejected(&mut self, report: &Report<'_>, inbound: &Inbound<'_>, now_ns: u64) {
        let came = Came { sequence: inbound.sequence, again: inbound.poss_dup || inbound.poss_resend, now_ns };
        let event = self.desk.fix.on_cancel_rejected(report, came);
        Self::take(self.core, &self.desk.counts.unkept, &event, now_ns);
        if event.reason == Reason::UnknownOrder.code() {
            let user_ref = self.desk.fix.orders.reference(event.owner.order_id);
            self.desk.questions.asks(user_ref);
        }
    }

    /// A message of ours was refused as such (3 or j): what it asked for is refused.
    fn on_refused(&mut self, report: &Report<'_>, now_ns: u64) {
        let desk = &mut *self.desk;
        let reason = if report.business_reason == 2 { Reason::InvalidInstrument } else { Reason::InvalidField };
        let number = report.number;
        let event = match report.kind {
            b"AF" => return desk.questions.mass_refused(now_ns),
            b"Z" => return desk.questions.quotes_refused(),
            b"i" => return self.on_set_refused(report, now_ns),
            b"H" => return desk.questions.status_refused(),
            b"q" => {
                if desk.mass.is_some_and(|(_, sent, _)| sent == number) {
                    desk.mass_refused();
                }
                return;
            }
            b"D" | b"G" | b"F" if number != 0 => {
                let found = desk.fix.orders.iter_mut().find_map(|(user_ref, entry)| {
                    let open = entry.phase != Phase::Gone;
                    let new = open && entry.sent_number == number && entry.phase == Phase::Sent;
                    let cancel = open && entry.cancel_number == number;
                    (new || cancel).then_some((user_ref, new))
                });
                match found {
                    Some((user_ref, true)) => desk.fix.refused(user_ref, reason),
                    Some((user_ref, false)) => {
                        if let Some(entry) = desk.fix.orders.get(user_ref) {
                            entry.cancelling = false;
                        }
                        desk.fix.statement(user_ref, OrderEventKind::CancelRejected, reason, now_ns)
                    }
                    None => return desk.counts.unasked.add(1),
                }
            }
            _ => return desk.counts.unasked.add(1),
        };
        Self::take(self.core, &desk.counts.unkept, &event, now_ns);
    }
}

impl Taker for Reader<'_> {
    fn has_room(&self) -> bool {
        self.core.events.has_room()
    }

    fn on_garbled(&mut self, bytes: &[u8], _: Garbled, now_ns: u64) {
        self.desk.counts.garbled.add(1);
        self.core.counts.malformed.add(1);
        self.core.sampler.add(wire::WireError::UnknownType { code: 0, skip: bytes.len() }, bytes, 0, now_ns);
    }
}

impl Application for Reader<'_> {
    fn on_logon(&mut self, _: &mut Session, now_ns: u64) {
        self.desk.questions.begin(now_ns);
        self.core.recovered = false;
        self.core.publish_state(SessionState::Recovering, now_ns);
    }

    fn on_message(&mut self, _: &mut Session, now_ns: u64, inbound: &Inbound<'_>) -> Answer {
        self.core.counts.messages.add(1);
        let kind = inbound.message.kind();
        if kind == b"b" {
            self.on_quotes_answered(&inbound.message, inbound, now_ns);
            return Answer::Taken;
        }
        if !matches!(kind, b"8" | b"9" | b"r" | b"j") {
            self.desk.counts.unasked.add(1);
            return Answer::Unsupported;
        }
        let report = match Report::read(&inbound.message) {
            Ok(report) => report,
            Err(error) => {
                self.bad(error, inbound, now_ns);
                return Answer::Taken;
            }
        };
        match kind {
            b"8" => self.on_report(&report, inbound, now_ns),
            b"9" => self.on_cancel_rejected(&report, inbound, now_ns),
            b"j" => self.on_refused(&report, now_ns),
            _ => {
                let id = wire::fix::unsigned(report.client).unwrap_or(0);
                if self.desk.mass.is_some_and(|(asked, _, _)| asked == id) {
                    if report.mass_response == b'0' {
                        self.desk.mass_refused();
                    }
                    self.desk.mass = None;
                }
            }
        }
        Answer::Taken
    }

    fn on_session_message(&mut self, _: &mut Session, now_ns: u64, message: &Message<'_>) {
        if message.kind() == b"3"
            && let Ok(report) = Report::read(message)
        {
            self.on_refused(&report, now_ns);
        }
    }

    /// A question is asked anew after each logon; an old one has nobody waiting for it.
    fn may_replay(&mut self, kind: &[u8], _: &[u8], _: u64) -> bool {
        !matches!(kind, b"H" | b"AF" | b"Z")
    }
}

impl Counts {
    fn new(counters: &Counters) -> Self {
        Self {
            forgotten: counters.counter("gateway.orders_forgotten"),
            fills_by_status: counters.counter("gateway.fills_by_status"),
            resent: counters.counter("gateway.events_again"),
            unkept: counters.counter("gateway.events_unkept"),
            unasked: counters.counter("gateway.messages_unasked"),
            garbled: counters.counter("gateway.messages_garbled"),
        }
    }
}

fn reason_of(error: SendError) -> Reason {
    match error {
        SendError::NotUp => Reason::Closed,
        SendError::Unfit => Reason::InvalidField,
        SendError::Overflow | SendError::StoreFailed => Reason::BackPressure,
        SendError::Throttled => Reason::Throttled,
    }
}

fn is_reduction(replacing: &Replacing) -> bool {
    ClientId::read(replacing.client.letters()).1 != 0
}

/// Sixteen letters of a number, so that a person finds it in the journal.
fn hexadecimal(number: u64) -> [u8; 16] {
    std::array::from_fn(|at| b"0123456789abcdef"[(number >> (60 - 4 * at) & 15) as usize])
}
