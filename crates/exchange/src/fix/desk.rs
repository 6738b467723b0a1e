//! What the input makes for FIX sessions: each order's state as FIX sees it, and the reports.
//!
//! A command is seen before the core applies it ([`Desks::before`]), the core's events as they come ([`Desks::tell`]), and
//! what is left to say when it is done ([`Desks::after`]); all three the same when the journal is replayed.
//!
//! Invariant: nothing here depends on anything but the journal; a session's reports come out in one order, with their numbers.

use records::{
    ExchangeAction, ExchangeControl, ExchangeEnter, ExchangeEvent, ExchangeEventKind, ExchangeReplace, ExchangeRequest,
    Header, Kind, Reason, Stamp, read_from,
};

use super::entries::{Entries, Entry, NONE_REF};
use super::report::{AUCTION, Report, Reports};

/// One session that orders.
pub(crate) struct Desk {
    pub entries: Entries,
    /// When the message numbers began of which `taken` is one.
    pub began_ns: u64,
    /// The quotes that are being taken: their name, how many sides, and how many were refused.
    quotes: Quotes,
    /// MsgSeqNum of the last request that is in the input.
    pub taken: u64,
    /// Sessions that get its reports: its own first, then its drop copies.
    listeners: Vec<u32>,
}

/// The command that is being applied.
#[derive(Clone, Copy, Debug, Default)]
struct Asked {
    /// MsgType's letter of a FIX session's request, else 0.
    what: u8,
    session: u32,
    request: Request,
    /// Reports made for it so far.
    ordinal: u32,
    /// Orders that it cancelled.
    cancelled: u32,
    sequence: u64,
    time_ns: u64,
}

/// A MassQuote that is being taken.
#[derive(Clone, Copy, Debug, Default)]
struct Quotes {
    name: [u8; 16],
    /// QuoteResponseLevel's letter.
    level: u8,
    refused: u32,
}

/// What of a request stands in its answer.
#[derive(Clone, Copy, Debug, Default)]
struct Request {
    original_ref: u64,
    instrument: u32,
    tag: [u8; 16],
    original_tag: [u8; 16],
    question: [u8; 16],
    side: u8,
    scope: u8,
    refused: u8,
    /// A refused order's symbol that is not listed.
    symbol: [u8; 8],
}

/// All FIX sessions' sides of the input.
pub(crate) struct Desks {
    /// By session; `None` for others.
    desks: Vec<Option<Desk>>,
    /// By session: of those that order and of drop copies.
    reports: Vec<Option<Reports>>,
    asked: Asked,
    any: bool,
}

impl Desks {
    /// For sessions up to this number.
    pub fn new(sessions: usize) -> Self {
        Self {
            desks: (0..=sessions).map(|_| None).collect(),
            reports: (0..=sessions).map(|_| None).collect(),
            asked: Asked::default(),
            any: false,
        }
    }

    /// A session that orders.
    pub fn add(&mut self, session: u32, orders: usize) {
        let desk = Desk {
            entries: Entries::with_capacity(orders),
            quotes: Quotes::default(),
            began_ns: 0,
            taken: 0,
            listeners: vec![session],
        };
        self.desks[session as usize] = Some(desk);
        self.any = true;
    }

    /// What a session (one that orders, or a drop copy) is told.
    pub fn listen(&mut self, session: u32, reports: Reports) {
        self.reports[session as usize] = Some(reports);
    }

    /// One session gets copies of what another one is told.
    pub fn copy(&mut self, to: u32, from: u32) {
        self.desk_mut(from).listeners.push(to);
    }

    /// A session's orders.
    ///
    /// # Panics
    /// When it does not order.
    pub fn desk(&self, session: u32) -> &Desk {
        self.desks[session as usize].as_ref().expect("a FIX session that orders")
    }

    fn desk_mut(&mut self, session: u32) -> &mut Desk {
        self.desks[session as usize].as_mut().expect("a FIX session that orders")
    }

    /// Whether this session orders over FIX.
    #[inline]
    pub fn is_desk(&self, session: u32) -> bool {
        self.any && self.desks.get(session as usize).is_some_and(Option::is_some)
    }

    /// What waits to be said to a session.
    pub fn reports(&self, session: u32) -> &Reports {
        self.reports[session as usize].as_ref().expect("a FIX session that is told reports")
    }

    /// As [`Self::reports`].
    pub fn reports_mut(&mut self, session: u32) -> &mut Reports {
        self.reports[session as usize].as_mut().expect("a FIX session that is told reports")
    }

    /// A command is about to be applied.
    #[inline]
    pub fn before(&mut self, stamp: Stamp, record: &[u8]) {
        if !self.any {
            return;
        }
        self.asked = Asked { sequence: stamp.sequence, time_ns: stamp.time_ns, ..Asked::default() };
        let Some(header) = read_from::<Header>(record).filter(|header| self.is_desk(header.source)) else { return };
        let desk = self.desks[header.source as usize].as_mut().expect("looked at above");
        let asked = match header.kind() {
            Some(Kind::ExchangeEnter) => read_from(record).and_then(|command| desk.enter(&command)),
            Some(Kind::ExchangeReplace) => read_from(record).and_then(|command| desk.replace(&command)),
            Some(Kind::ExchangeRequest) => read_from(record).map(|command| {
                desk.on_quotes(&command);
                desk.request(&command)
            }),
            Some(Kind::ExchangeControl) => {
                if let Some(command) = read_from::<ExchangeControl>(record) {
                    desk.control(&command);
                }
                None
            }
            _ => None,
        };
        if header.sequence != 0 {
            desk.taken = header.sequence;
        }
        if let Some((what, request)) = asked {
            (self.asked.what, self.asked.session, self.asked.request) = (what, header.source, request);
        }
    }

    /// The core says something of a session's order; `other`: of the order that came in.
    #[inline]
    pub fn tell(&mut self, event: &ExchangeEvent, other: bool) {
        let session = if other { event.other_source } else { event.header.source };
        let Some(kind) = ExchangeEventKind::from_code(event.event) else { return };
        let Some(desk) = self.desks[session as usize].as_mut() else { return };
        let asked = &self.asked;
        let report = match kind {
            ExchangeEventKind::Accepted => desk.accepted(event),
            ExchangeEventKind::Rejected => desk.rejected(event, asked),
            ExchangeEventKind::Executed => desk.executed(event, other),
            ExchangeEventKind::Crossed => {
                desk.executed(event, false).map(|report| Report { liquidity: AUCTION, ..report })
            }
            ExchangeEventKind::CancelRejected if event.reason == Reason::TooLate.code() => {
                self.asked.request.refused = event.reason;
                None
            }
            ExchangeEventKind::Canceled => desk.cancelled(event, asked),
            ExchangeEventKind::Replaced => desk.replaced(event),
            ExchangeEventKind::ReplaceRejected => desk.replace_rejected(event),
            ExchangeEventKind::Broken | ExchangeEventKind::Corrected => desk.trade_changed(event, kind, other),
            ExchangeEventKind::Refilled => {
                if let Some(entry) = desk.entries.get_mut(event.user_ref) {
                    entry.feed_ref = event.order_ref;
                }
                None
            }
            _ => None,
        };
        let Some(report) = report else { return };
        if kind == ExchangeEventKind::Canceled && session == self.asked.session {
            self.asked.cancelled += 1;
        }
        self.say(session, report);
    }

    /// The day rolled: every order has ended and names may be used again.
    pub fn roll(&mut self) {
        self.desks.iter_mut().flatten().for_each(|desk| desk.entries.clear());
    }

    /// The command was applied: what is still unanswered is answered.
    #[inline]
    pub fn after(&mut self) {
        if matches!(self.asked.what, b'F' | b'q' | b'H' | b'A' | b'b')
            || self.asked.what == b'G' && self.asked.request.refused != 0
        {
            self.answer();
        }
    }

    fn answer(&mut self) {
        let (session, request) = (self.asked.session, self.asked.request);
        let desk = self.desk(session);
        match self.asked.what {
            b'F' if self.asked.cancelled == 0 => {
                let report = desk.cancel_rejected(&request, b'1');
                self.say(session, report);
            }
            b'G' => {
                let report = desk.cancel_rejected(&request, b'2');
                self.say(session, report);
            }
            b'q' => {
                let (total, refused) = (self.asked.cancelled, request.refused != 0);
                let mut report = request.report(b'r');
                report.total = total;
                report.reason = request.refused;
                report.response = if refused { b'0' } else { request.scope };
                self.say(session, report);
            }
            b'H' => {
                let report = desk.status(&request);
                self.say(session, report);
            }
            b'A' => self.status_of_all(session, &request),
            b'b' => {
                let quotes = desk.quotes;
                let negative = request.refused != 0;
                if quotes.level == b'2' || quotes.level == b'1' && negative {
                    let mut report = request.report(b'b');
                    (report.tag, report.reason, report.total) = (quotes.name, request.refused, quotes.refused);
                    report.response = request.scope;
                    self.say(session, report);
                }
            }
            _ => {}
        }
    }

    fn status_of_all(&mut self, session: u32, request: &Request) {
        let entries = &self.desk(session).entries;
        let picks = |entry: &Entry| request.instrument == 0 || entry.instrument == request.instrument;
        let (mut total, mut at) = (0, NONE_REF);
        while let Some((number, entry)) = entries.open_after(at).filter(|_| request.refused == 0) {
            total += u32::from(picks(entry));
            at = number;
        }
        if total == 0 {
            let mut report = request.report(b'8');
            (report.exec_type, report.status, report.last, report.reason) = (b'I', b'8', true, request.refused);
            return self.say(session, report);
        }
        let (mut said, mut at) = (0, NONE_REF);
        while let Some((number, entry)) = self.desk(session).entries.open_after(at) {
            at = number;
            if picks(entry) {
                said += 1;
                let mut report = entry.report(b'I');
                (report.question, report.total, report.last) = (request.question, total, said == total);
                report.scope = request.scope;
                self.say(session, report);
            }
        }
    }

    /// Gives a report its place, and to those who hear it.
    fn say(&mut self, session: u32, mut report: Report) {
        self.asked.ordinal += 1;
        report.session = session;
        (report.sequence, report.ordinal, report.time_ns) =
            (self.asked.sequence, self.asked.ordinal, self.asked.time_ns);
        let copied = report.kind == b'8' && report.exec_type != b'I';
        let listeners = &self.desks[session as usize].as_ref().expect("it says something").listeners;
        for to in &listeners[..if copied { listeners.len() } else { 1 }] {
            self.reports[*to as usize].as_mut().expect("it listens").push(&report);
        }
    }
}

impl Request {
    /// An answer that begins with what the request says.
    fn report(&self, kind: u8) -> Report {
        Report {
            kind,
            tag: self.tag,
            original_tag: self.original_tag,
            question: self.question,
            instrument: self.instrument,
            symbol: self.symbol,
            side: self.side,
            scope: self.scope,
            ..Report::default()
        }
    }
}

impl Entry {
    /// A report on an order as it stands.
    fn report(&self, exec_type: u8) -> Report {
        Report {
            kind: b'8',
            exec_type,
            status: self.status,
            known: true,
            tag: self.tag,
            instrument: self.instrument,
            side: self.side,
            short_sale: self.short_sale,
            order_type: self.order_type,
            time_in_force: self.time_in_force,
            order_ref: self.order_ref,
            feed_ref: self.feed_ref,
            price_nanos: self.price_nanos,
            lots: self.lots,
            leaves_lots: self.leaves_lots,
            executed_lots: self.executed_lots,
            executed_nanos: self.executed_nanos,
            expire_time_ns: self.expire_time_ns,
            minimum_lots: self.minimum_lots,
            display_lots: self.display_lots,
            ..Report::default()
        }
    }

    /// The status of an order that is open.
    fn settle(&mut self) {
        self.status = match (self.leaves_lots, self.executed_lots) {
            (0, executed) if executed == self.lots => b'2',
            (0, _) => b'4',
            (_, 0) => b'0',
            _ => b'1',
        };
    }
}

impl Desk {
    fn enter(&mut self, command: &ExchangeEnter) -> Option<(u8, Request)> {
        if command.user_ref != self.entries.next_ref() {
            return None; // Not this session's port's.
        }
        self.entries.push(Entry {
            tag: command.tag,
            instrument: command.header.instrument,
            side: command.side,
            short_sale: command.short_sale,
            order_type: command.order_type,
            quote: command.quote == 1,
            time_in_force: command.time_in_force,
            price_nanos: command.price_nanos,
            lots: command.lots,
            expire_time_ns: command.expire_time_ns,
            minimum_lots: command.minimum_lots,
            display_lots: command.display_lots,
            ..Entry::default()
        });
        let mut symbol = [0; 8];
        if command.header.instrument == 0 {
            symbol[..4].copy_from_slice(&command.letters);
            symbol[4..].copy_from_slice(&command.participant);
        }
        Some((b'D', Request { symbol, ..Request::default() }))
    }

    fn replace(&mut self, command: &ExchangeReplace) -> Option<(u8, Request)> {
        if command.user_ref != self.entries.next_ref() {
            return None;
        }
        let former = self.entries.get(command.original_ref).copied()?;
        self.entries.push(Entry {
            tag: command.tag,
            former: command.original_ref as u32,
            price_nanos: command.price_nanos,
            lots: command.lots,
            leaves_lots: 0,
            time_in_force: if command.time_in_force == 0 { former.time_in_force } else { command.time_in_force },
            expire_time_ns: command.expire_time_ns,
            minimum_lots: command.minimum_lots,
            display_lots: command.display_lots,
            order_type: records::OrderType::Limit.code(),
            status: 0,
            open: false,
            quote: command.quote == 1,
            ..former
        });
        Some((b'G', Request { original_ref: command.original_ref, ..Request::default() }))
    }

    fn request(&self, command: &ExchangeRequest) -> (u8, Request) {
        let request = Request {
            original_ref: command.original_ref,
            instrument: command.header.instrument,
            tag: command.tag,
            original_tag: command.original_tag,
            question: command.question,
            side: command.side,
            scope: command.scope,
            refused: command.refused,
            symbol: [0; 8],
        };
        (command.what, request)
    }

    /// Quotes begin: those before, of which a kill may have left a part, are over.
    fn on_quotes(&mut self, command: &ExchangeRequest) {
        if command.what == b'i' {
            self.quotes = Quotes { name: command.tag, level: command.scope, refused: 0 };
        }
    }

    /// A side of a quote is refused: told on its own where refusals are asked for.
    fn quote_refused(&mut self, user_ref: u64, reason: u8) -> Option<Report> {
        let entry = self.entries.get_mut(user_ref)?;
        entry.status = b'8';
        let (tag, instrument, side) = (entry.tag, entry.instrument, entry.side);
        self.quotes.refused += 1;
        let told = matches!(self.quotes.level, b'1' | b'2');
        let (kind, original_tag) = (b'b', tag);
        let report =
            Report { kind, tag: self.quotes.name, original_tag, instrument, side, reason, ..Report::default() };
        told.then_some(report)
    }

    fn control(&mut self, command: &ExchangeControl) {
        if command.action == ExchangeAction::Connect.code() && command.numbers_began_ns != self.began_ns {
            (self.began_ns, self.taken) = (command.numbers_began_ns, 0);
        }
    }

    fn accepted(&mut self, event: &ExchangeEvent) -> Option<Report> {
        let entry = self.entries.get_mut(event.user_ref)?;
        entry.leaves_lots = event.leaves_lots;
        (entry.order_ref, entry.feed_ref) = (event.order_ref, event.order_ref);
        entry.settle();
        let report = (!entry.quote).then(|| entry.report(b'0'));
        self.entries.begin(event.user_ref);
        self.entries.claim(event.user_ref);
        report
    }

    fn rejected(&mut self, event: &ExchangeEvent, asked: &Asked) -> Option<Report> {
        if self.entries.get(event.user_ref)?.quote {
            return self.quote_refused(event.user_ref, event.reason);
        }
        let entry = self.entries.get_mut(event.user_ref)?;
        entry.status = b'8';
        let symbol = asked.request.symbol;
        Some(Report { reason: event.reason, symbol, ..entry.report(b'8') })
    }

    fn executed(&mut self, event: &ExchangeEvent, other: bool) -> Option<Report> {
        let (user_ref, leaves_lots) =
            if other { (event.other_user_ref, event.other_leaves_lots) } else { (event.user_ref, event.leaves_lots) };
        let entry = self.entries.get_mut(user_ref)?;
        entry.leaves_lots = leaves_lots;
        entry.executed_lots += event.lots;
        entry.executed_nanos += i128::from(event.lots) * i128::from(event.price_nanos);
        entry.settle();
        let mut report = entry.report(b'F');
        (report.last_lots, report.last_price_nanos) = (event.lots, event.price_nanos);
        (report.match_id, report.liquidity) = (event.match_id, 1 + u8::from(other));
        if leaves_lots == 0 {
            self.entries.end(user_ref);
        }
        Some(report)
    }

    fn cancelled(&mut self, event: &ExchangeEvent, asked: &Asked) -> Option<Report> {
        let entry = self.entries.get_mut(event.user_ref)?;
        entry.leaves_lots = event.leaves_lots;
        let reason = Reason::from_code(event.reason);
        let own = reason == Some(Reason::UserRequested) && asked.session == event.header.source;
        let mut report;
        if event.leaves_lots > 0 {
            entry.lots -= event.lots;
            entry.settle();
            report = entry.report(b'D');
        } else {
            let expired = matches!(reason, Some(Reason::Timeout | Reason::DayEnd));
            entry.status = if expired { b'C' } else { b'4' };
            report = entry.report(entry.status);
            self.entries.end(event.user_ref);
        }
        if own && asked.what == b'P' {
            return None;
        }
        report.reason = event.reason;
        let asked_for = own && matches!(asked.what, b'F' | b'q') || reason == Some(Reason::Immediate);
        report.unasked = !asked_for;
        if own && asked.what == b'F' && asked.request.original_ref == event.user_ref {
            (report.original_tag, report.tag) = (report.tag, asked.request.tag);
        }
        Some(report)
    }

    fn replaced(&mut self, event: &ExchangeEvent) -> Option<Report> {
        let old = *self.entries.get(event.other_user_ref)?;
        let entry = self.entries.get_mut(event.user_ref)?;
        entry.leaves_lots = event.leaves_lots;
        (entry.executed_lots, entry.executed_nanos) = (old.executed_lots, old.executed_nanos);
        (entry.order_ref, entry.feed_ref) = (old.order_ref, event.order_ref);
        entry.time_in_force = event.time_in_force;
        entry.settle();
        let report = (!entry.quote).then(|| Report { original_tag: old.tag, ..entry.report(b'5') });
        self.entries.end(event.other_user_ref);
        if let Some(old) = self.entries.get_mut(event.other_user_ref) {
            old.status = b'5';
        }
        self.entries.begin(event.user_ref);
        self.entries.claim(event.user_ref);
        report
    }

    fn replace_rejected(&mut self, event: &ExchangeEvent) -> Option<Report> {
        if self.entries.get(event.user_ref)?.quote {
            return self.quote_refused(event.user_ref, event.reason);
        }
        let tag = self.entries.get(event.user_ref)?.tag;
        if let Some(entry) = self.entries.get_mut(event.user_ref) {
            entry.status = b'8';
        }
        let request = Request {
            original_ref: event.other_user_ref,
            original_tag: self.entries.get(event.other_user_ref)?.tag,
            tag,
            refused: event.reason,
            ..Request::default()
        };
        Some(self.cancel_rejected(&request, b'2'))
    }

    /// A cancel or replace that was not done, with the order's true state.
    fn cancel_rejected(&self, request: &Request, response: u8) -> Report {
        let mut report = request.report(b'9');
        report.reason = if request.refused == 0 { Reason::UnknownOrder.code() } else { request.refused };
        (report.response, report.status) = (response, b'8');
        if let Some(entry) = self.entries.get(request.original_ref) {
            (report.known, report.status, report.order_ref) = (true, entry.status, entry.order_ref);
            report.feed_ref = entry.feed_ref;
        }
        report
    }

    /// A trade is broken, or has other terms.
    fn trade_changed(&mut self, event: &ExchangeEvent, kind: ExchangeEventKind, other: bool) -> Option<Report> {
        let user_ref = if other { event.other_user_ref } else { event.user_ref };
        // The trade's order may have been replaced since: what is executed counts where the chain stands now.
        let user_ref = self.end_of_chain(user_ref);
        let entry = self.entries.get_mut(user_ref)?;
        let worth = |lots: i64, price_nanos: i64| i128::from(lots) * i128::from(price_nanos);
        let now = worth(event.lots, event.price_nanos);
        let exec_type = if kind == ExchangeEventKind::Broken {
            entry.executed_lots -= event.lots;
            entry.executed_nanos -= now;
            b'H'
        } else {
            entry.executed_lots -= event.shown_change_lots;
            entry.executed_nanos += now - worth(event.lots + event.shown_change_lots, event.former_price_nanos);
            b'G'
        };
        if entry.status != b'C' {
            entry.settle();
        }
        let mut report = entry.report(exec_type);
        (report.last_lots, report.last_price_nanos) = (event.lots, event.price_nanos);
        (report.match_id, report.liquidity) = (event.match_id, 1 + u8::from(other));
        Some(report)
    }

    /// The entry that an order goes on under: the last of its replacements that was taken.
    fn end_of_chain(&self, user_ref: u64) -> u64 {
        let mut at = user_ref;
        for number in user_ref + 1..self.entries.next_ref() {
            let Some(entry) = self.entries.get(at) else { break };
            if entry.status != b'5' {
                break;
            }
            let follows =
                self.entries.get(number).is_some_and(|next| u64::from(next.former) == at && next.status != b'8');
            if follows {
                at = number;
            }
        }
        at
    }

    fn status(&self, request: &Request) -> Report {
        match self.entries.get(request.original_ref) {
            Some(entry) => Report { question: request.question, ..entry.report(b'I') },
            None => {
                let mut report = request.report(b'8');
                (report.exec_type, report.status, report.reason) = (b'I', b'8', Reason::UnknownOrder.code());
                report
            }
        }
    }
}
