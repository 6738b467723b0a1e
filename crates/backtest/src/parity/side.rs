//! One venue of a parity run: its captured feed without us, and the house's matching with the backtest's orders among it.
//!
//! A command of ours reaches the venue where the feed shows that the live one did: at the record that bears its order's
//! reference or a match number of its fills. One that the feed never shows arrives at the venue's time in its answer; one
//! that the live run never sent, after the median of all measured delays.
//!
//! Invariant: records are taken in the feed's order; each gives one outcome, for the engine's side to take at the live time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use book::flow::FlowRecord;
use journal::{JournalError, Reader};
use records::{
    BookAction, CancelOrder, Kind, MarketOrder, NewOrder, OrderEvent, OrderEventKind, Reason, UNDEF_PRICE, bytes_of,
    read_from,
};

use super::live::{Live, Sent};
use super::steps::{Key, REPORT};
use crate::capture::{OwnCross, OwnTrade, Whose, flow_of, latest_of, met_ours};
use crate::exact::Exact;
use crate::fees::Fees;
use crate::venue::Made;

/// What a record of the feed became.
pub(crate) enum Outcome {
    /// It goes on as it stands.
    Same,
    /// It is our doing: what our orders made of it here.
    Ours(Vec<FlowRecord>),
    /// The market's, changed by our orders here.
    Changed(Vec<FlowRecord>),
    /// No record of the feed: what our orders made here after all that stands before this.
    Made(Vec<FlowRecord>),
}

/// A word of this venue to our engine.
pub(crate) struct Report {
    pub event: OrderEvent,
    /// When it arrives if the live run has none to say when.
    pub due_ns: u64,
}

/// The venue.
pub(crate) struct Side {
    pub id: u16,
    pub reports: VecDeque<Report>,
    pub outcomes: VecDeque<Outcome>,
    /// Records of ours in the feed that await the live ones' times.
    pub shown: VecDeque<FlowRecord>,
    /// Orders that the record filled out of their turn: order, match number, lots ahead.
    pub out_of_turn: Vec<(OwnTrade, u64, i64)>,
    /// The venue's time.
    pub now_ns: u64,
    exact: Exact,
    made: Made,
    reader: Reader,
    /// The feed's next record.
    next: Option<FlowRecord>,
    arrivals: VecDeque<usize>,
    flying: BTreeMap<Key, Vec<u8>>,
    late: VecDeque<(u64, Vec<u8>)>,
    /// Trades of ours in auctions whose lots are taken off: order, match number.
    crossed: BTreeSet<(u64, u64)>,
    /// How many more of each report the live run will hear.
    expected: BTreeMap<(u64, u16), u32>,
    report_ns: u64,
}

impl Side {
    /// `forced`: commands and reports take their given delays, whatever the live ones took.
    pub fn new(id: u16, directory: &Path, live: &Live, forced: bool, report_ns: u64) -> Result<Self, JournalError> {
        let self_trade = live.self_trade.get(&id).copied().unwrap_or(0);
        let empty = Vec::new();
        let listed = live.listed.get(&id).unwrap_or(&empty);
        let mut expected: BTreeMap<(u64, u16), u32> = BTreeMap::new();
        let mut arrivals = VecDeque::new();
        if !forced {
            let theirs = live.steps.all.iter().filter(|step| step.venue == id && step.key.what & REPORT != 0);
            for step in theirs.filter(|step| !live.ruled.contains_key(&step.key)) {
                *expected.entry((step.key.order_id, step.key.what)).or_default() += 1;
            }
            let commands = live.commands.iter().enumerate();
            arrivals.extend(commands.filter(|(_, sent)| sent.venue == id && !sent.lost).map(|(at, _)| at));
        }
        Ok(Self {
            id,
            reports: VecDeque::new(),
            outcomes: VecDeque::new(),
            shown: VecDeque::new(),
            out_of_turn: Vec::new(),
            now_ns: 0,
            exact: Exact::guarded(id, listed, live.config.book_orders_max, Fees::default(), self_trade),
            made: Made::default(),
            reader: Reader::open_whole(directory)?,
            next: None,
            arrivals,
            flying: BTreeMap::new(),
            late: VecDeque::new(),
            crossed: BTreeSet::new(),
            expected,
            report_ns,
        })
    }

    /// A command sets out; `key`: the live one's that it is, which says where it arrives.
    pub fn send(&mut self, command: Vec<u8>, key: Option<Key>, due_ns: u64) {
        match key {
            Some(key) => {
                self.flying.insert(key, command);
            }
            None => self.late.push_back((due_ns, command)),
        }
    }

    /// Takes the feed's next record if the venue had it by then, and nothing in it is of a command that only this input or a
    /// later one leads to; false when there is none. `input`: the journal's record under way.
    pub fn advance(&mut self, live: &Live, until_ns: u64, input: u64) -> Result<bool, JournalError> {
        while self.next.is_none() {
            let Some((_, record)) = self.reader.next()? else { return Ok(false) };
            self.next = flow_of(record).filter(|flow| flow.header().venue == self.id);
        }
        let Some(flow) = self.next.filter(|flow| venue_time_of(flow) <= until_ns) else { return Ok(false) };
        let whose = live.marks.whose(self.id, &flow);
        // Times of sessions that tell milliseconds reach further than what had happened by then.
        let place = self.brings(live, &flow, &whose);
        if place.is_some_and(|place| live.commands[self.arrivals[place]].input >= input) {
            return Ok(false);
        }
        self.next = None;
        self.arrive_unseen(live, &flow, input);
        self.pass_time(venue_time_of(&flow));
        let place = self.brings(live, &flow, &whose);
        if let Some(outcome) = self.auction(live, &flow, place) {
            self.outcomes.push_back(outcome);
            return Ok(true);
        }
        let outcome = match whose {
            Whose::Market => self.market(&flow),
            Whose::Hidden(_) => {
                self.arrive(live, place);
                self.market(&flow)
            }
            Whose::Took(_) => {
                self.arrive(live, place);
                if let FlowRecord::Order(order) = &flow {
                    self.exact.settle_taken(order, &mut self.made);
                }
                self.ours()
            }
            Whose::Rested(own) => {
                if place.is_some() {
                    // It was met under the id of a replace that left it as it was, and that the feed did not show.
                    self.arrive(live, place);
                    self.say();
                    self.set_out();
                }
                self.rested(&flow, &own)
            }
            Whose::Shown(order_id) => self.shown(live, &flow, order_id, place),
        };
        self.outcomes.push_back(outcome);
        Ok(true)
    }

    /// What is due by time at the venue: ends of orders, commands that the live run never sent.
    pub fn pass_time(&mut self, time_ns: u64) {
        loop {
            let expiry_ns = self.exact.next_expiry_ns();
            let late_ns = self.late.front().map_or(u64::MAX, |(due_ns, _)| *due_ns);
            if expiry_ns.min(late_ns) > time_ns {
                break;
            }
            self.now_ns = self.now_ns.max(expiry_ns.min(late_ns));
            if late_ns < expiry_ns {
                let Some((_, command)) = self.late.pop_front() else { break };
                self.exact.on_command(self.now_ns, &command, &mut self.made);
            } else {
                self.exact.expire(self.now_ns, &mut self.made);
            }
            self.say();
            self.set_out();
        }
        self.now_ns = self.now_ns.max(time_ns);
    }

    /// Market data that was made between two records of the feed: the engine hears it after all that the feed told before.
    fn set_out(&mut self) {
        let made = self.take_made();
        match self.outcomes.is_empty() {
            true => self.shown.extend(made),
            false if made.is_empty() => {}
            false => self.outcomes.push_back(Outcome::Made(made)),
        }
    }

    /// What the feed's next record became; what was made before it is shown before it.
    pub fn next_outcome(&mut self) -> Option<Outcome> {
        let outcome = loop {
            match self.outcomes.pop_front() {
                Some(Outcome::Made(made)) => self.shown.extend(made),
                outcome => break outcome?,
            }
        };
        let Outcome::Ours(made) = outcome else { return Some(outcome) };
        self.shown.extend(made);
        while self.shown.is_empty()
            && let Some(Outcome::Made(_)) = self.outcomes.front()
        {
            // A report was heard before the feed's own word of it.
            if let Some(Outcome::Made(made)) = self.outcomes.pop_front() {
                self.shown.extend(made);
            }
        }
        Some(Outcome::Ours(Vec::new()))
    }

    fn market(&mut self, flow: &FlowRecord) -> Outcome {
        if self.exact.on_record(self.now_ns, flow, &mut self.made) {
            return Outcome::Same;
        }
        self.say();
        Outcome::Changed(self.take_made())
    }

    /// What the feed says of an auction. Who met whom in it no feed tells: our part is what the live reports say.
    fn auction(&mut self, live: &Live, flow: &FlowRecord, place: Option<usize>) -> Option<Outcome> {
        match flow {
            FlowRecord::Trade(trade) if trade.cross == 1 && trade.busted == 0 => {
                for own in live.marks.crosses(self.id, trade) {
                    let place = self.arrivals.iter().position(|at| live.commands[*at].enters(own.trade.order_id));
                    self.arrive(live, place);
                    self.take_cross(own.trade.order_id, own.match_id, own.trade.lots);
                }
                self.exact.end_cross(self.now_ns, trade, &mut self.made);
                self.say();
                Some(Outcome::Same)
            }
            FlowRecord::Order(order) if !live.marks.crosses_of(self.id, order).is_empty() => {
                self.arrive(live, place);
                let own = live.marks.crosses_of(self.id, order);
                let resting = live.marks.order(self.id, order.order_ref);
                let ours = |own: &OwnCross| Some(live.marks.root(own.trade.order_id)) == resting;
                match own.into_iter().find(ours).map(|own| (own.trade.order_id, own)) {
                    Some((order_id, own)) => {
                        let here = self.has(order_id);
                        self.take_cross(order_id, order.match_id, own.trade.lots);
                        Some(if here { Outcome::Same } else { Outcome::Changed(Vec::new()) })
                    }
                    // Another's displayed order that met ours leaves as in any auction.
                    _ => Some(self.market(flow)),
                }
            }
            _ => None,
        }
    }

    /// Whether the feed was read as far as an auction in which this trade was.
    pub fn has_crossed(&self, order_id: u64, match_id: u64) -> bool {
        self.crossed.contains(&(order_id, match_id))
    }

    /// Lots of a trade of ours in an auction come off its order, once; the feed has its own record of them.
    fn take_cross(&mut self, order_id: u64, match_id: u64, lots: i64) {
        if self.crossed.insert((order_id, match_id)) {
            self.set_out();
            self.take_back(order_id, lots);
            let _shown_by_the_feed = self.take_made();
        }
    }

    /// Somebody met our resting order: whoever it was is in the feed by this alone.
    fn rested(&mut self, flow: &FlowRecord, own: &OwnTrade) -> Outcome {
        let FlowRecord::Order(order) = flow else { return Outcome::Same };
        let ahead_lots = self.exact.lots_ahead(own.order_id);
        if ahead_lots > 0 {
            self.out_of_turn.push((*own, order.match_id, ahead_lots));
        }
        let trade = FlowRecord::Trade(met_ours(order, own));
        if self.exact.on_record(self.now_ns, &trade, &mut self.made) {
            return Outcome::Ours(vec![trade]);
        }
        self.ours()
    }

    /// Market data that was made: it goes the way of the live feed.
    fn take_made(&mut self) -> Vec<FlowRecord> {
        self.made.market.take()
    }

    fn ours(&mut self) -> Outcome {
        self.say();
        Outcome::Ours(self.take_made())
    }

    fn shown(&mut self, live: &Live, flow: &FlowRecord, order_id: u64, place: Option<usize>) -> Outcome {
        let FlowRecord::Order(order) = flow else { return Outcome::Same };
        match BookAction::from_code(order.action) {
            Some(BookAction::Execute) => {
                let order_id = self.in_force(live, order_id);
                // A fill that no report tells of: its price is the order's.
                if let Some(own) = self.exact.own_trade(order_id, order.lots) {
                    return self.rested(flow, &own);
                }
            }
            Some(BookAction::Add | BookAction::Replace) => {
                self.arrive(live, place);
                let order_id = self.in_force(live, order_id);
                self.exact.show(self.now_ns, order_id, &mut self.made);
            }
            action
                if place.is_none()
                    && (action == Some(BookAction::Reduce)
                        || live.crossed_by(order_id, order.header.venue_time_ns).is_none()) =>
            {
                self.take_back(self.in_force(live, order_id), off_lots(order));
            }
            _ => self.arrive(live, place),
        }
        self.ours()
    }

    /// The id under which an order is open here, of those that the feed shows by one reference.
    fn in_force(&self, live: &Live, order_id: u64) -> u64 {
        live.marks.ids(order_id).find(|id| self.has(*id)).unwrap_or(order_id)
    }

    /// Place among the arrivals of the command whose doing the record shows.
    fn brings(&self, live: &Live, flow: &FlowRecord, whose: &Whose) -> Option<usize> {
        let place = |fits: &dyn Fn(&Sent) -> bool| self.arrivals.iter().position(|at| fits(&live.commands[*at]));
        match (whose, flow) {
            (Whose::Hidden(own) | Whose::Took(own) | Whose::Rested(own), _) => place(&|sent| sent.enters(own.order_id)),
            (Whose::Shown(order_id), FlowRecord::Order(order)) => match BookAction::from_code(order.action) {
                Some(BookAction::Execute) => None,
                Some(BookAction::Add | BookAction::Replace) => place(&|sent| sent.enters(*order_id)),
                action => {
                    let (time_ns, gone) = (order.header.venue_time_ns, action != Some(BookAction::Reduce));
                    let crossed = live.crossed_by(*order_id, time_ns).filter(|_| gone);
                    match (crossed, live.ended_by(*order_id, gone, time_ns)) {
                        (Some(other), _) => place(&|sent| sent.enters(other)),
                        (_, Some(ended)) => place(&ended),
                        _ => place(&|sent| sent.ends(*order_id)),
                    }
                }
            },
            _ => None,
        }
    }

    /// The command at a place among the arrivals reaches the venue now, after all that were sent there before it, each at the
    /// venue's time in its answer if that was earlier.
    fn arrive(&mut self, live: &Live, place: Option<usize>) {
        let Some(place) = place else { return };
        for at in self.arrivals.drain(..=place).collect::<Vec<_>>() {
            let sent = &live.commands[at];
            let time_ns = if sent.answered_ns == 0 { self.now_ns } else { self.now_ns.min(sent.answered_ns) };
            if let Some(command) = self.flying.remove(&sent.key) {
                self.exact.on_command(time_ns, &command, &mut self.made);
            }
        }
    }

    /// Commands that the venue had answered before this record, of which the feed showed nothing until then, and what was sent
    /// before them: they were there, and the record meets what they left. Where the answer tells milliseconds, an order that took
    /// nothing was there before whatever it would have taken.
    fn arrive_unseen(&mut self, live: &Live, flow: &FlowRecord, input: u64) {
        let until_ns = venue_time_of(flow);
        let was_there = |at: &usize| {
            let sent = &live.commands[*at];
            sent.answered_ns != 0 && latest_of(sent.answered_ns) < until_ns && sent.input < input
        };
        while let Some(place) = self.arrivals.iter().position(was_there).or_else(|| self.met_by(live, flow, input)) {
            let answered_ns = live.commands[self.arrivals[place]].answered_ns;
            self.pass_time(answered_ns);
            self.arrive(live, Some(place));
            self.say();
            self.set_out();
        }
    }

    /// Place among the arrivals of an order that took nothing, though it would have traded with the one that the record brings.
    fn met_by(&self, live: &Live, flow: &FlowRecord, input: u64) -> Option<usize> {
        let FlowRecord::Order(order) = flow else { return None };
        if !matches!(live.marks.whose(self.id, flow), Whose::Market) {
            return None;
        }
        let (side, price_nanos) = match BookAction::from_code(order.action)? {
            BookAction::Add => (records::Side::from_code(order.side)?, order.price_nanos),
            BookAction::Replace | BookAction::Modify => (self.exact.recorded_side(order.order_ref)?, order.price_nanos),
            _ => return None,
        };
        let took_nothing = |at: &&usize| live.took_nothing.contains(&live.commands[**at].key.order_id);
        let enters = |at: &usize| live.commands[*at].key.what != Kind::CancelOrder as u16;
        let pending = self.arrivals.iter().enumerate().take_while(|(_, at)| took_nothing(at) || !enters(at));
        let mut met = pending.filter(|(_, at)| took_nothing(at) && enters(at));
        met.find(|(_, at)| {
            let sent = &live.commands[**at];
            let at_once = (sent.answered_ns..=latest_of(sent.answered_ns)).contains(&venue_time_of(flow));
            let command = self.flying.get(&sent.key).and_then(|command| read_from::<NewOrder>(command));
            at_once
                && sent.input < input
                && command.is_some_and(|command| {
                    let here =
                        (command.header.instrument, command.side) == (order.header.instrument, side.opposite().code());
                    here && (command.price_nanos == UNDEF_PRICE
                        || side.sign() * price_nanos >= side.sign() * command.price_nanos)
                })
        })
        .map(|(place, _)| place)
    }

    /// The command that a report answers, where the feed does not show it: it arrives at the venue's time in the report.
    pub fn arrive_answered(&mut self, live: &Live, event: &OrderEvent) {
        self.pass_time(event.header.venue_time_ns);
        let cancels = [OrderEventKind::Canceled, OrderEventKind::CancelRejected, OrderEventKind::Restated];
        let cancel = cancels.iter().any(|kind| kind.code() == event.event);
        let order_id = event.owner.order_id;
        let answers =
            |sent: &Sent| sent.key.order_id == order_id && (cancel || sent.key.what != Kind::CancelOrder as u16);
        let place = match live.crossed_by(order_id, event.header.venue_time_ns) {
            Some(other) if event.event == OrderEventKind::Canceled.code() => {
                self.arrivals.iter().position(|at| live.commands[*at].enters(other))
            }
            _ => self.arrivals.iter().position(|at| answers(&live.commands[*at])),
        };
        self.arrive(live, place);
        self.say();
        self.set_out();
    }

    /// Lots of an order of ours are gone by what only the live run heard of.
    pub fn take_back(&mut self, order_id: u64, lots: i64) {
        let Some(open_lots) = self.exact.open_lots(order_id) else { return };
        let mut cancel = CancelOrder::new();
        (cancel.header.venue, cancel.owner.order_id) = (self.id, order_id);
        cancel.reason = Reason::Supervisory.code();
        cancel.lots = self.exact.filled_lots(order_id) + open_lots - lots.clamp(0, open_lots);
        if lots >= open_lots {
            cancel.lots = 0;
        }
        let before = self.made.reports.take();
        self.exact.on_command(self.now_ns, bytes_of(&cancel), &mut self.made);
        // The live run's own word of it is given to the engine; the feed has its own record.
        self.made.reports.take();
        self.made.reports.extend(before);
    }

    /// Whether the order is open here.
    pub fn has(&self, order_id: u64) -> bool {
        self.exact.open_lots(order_id).is_some()
    }

    /// Reports set out: those that the live run heard as well wait for its times.
    fn say(&mut self) {
        for event in self.made.reports.take() {
            let expected = self.expected.get_mut(&(event.owner.order_id, REPORT | u16::from(event.event)));
            let due_ns = match expected.filter(|left| **left > 0) {
                Some(left) => {
                    *left -= 1;
                    u64::MAX
                }
                None => self.now_ns.saturating_add(self.report_ns),
            };
            self.reports.push_back(Report { event, due_ns });
        }
    }

    /// The first report that no live one stands for and that has arrived by then.
    pub fn take_due(&mut self, time_ns: u64) -> Option<Report> {
        let at = self.reports.iter().position(|report| report.due_ns <= time_ns)?;
        self.reports.remove(at)
    }

    /// The report that the live one is.
    pub fn take_like(&mut self, event: &OrderEvent) -> Option<Report> {
        let at = self.reports.iter().position(|report| {
            report.due_ns == u64::MAX
                && (report.event.owner.order_id, report.event.event) == (event.owner.order_id, event.event)
        })?;
        self.reports.remove(at)
    }
}

/// A record's time at the venue; a feed's word about itself has none, though it bears a time of its own.
fn venue_time_of(flow: &FlowRecord) -> u64 {
    match flow {
        FlowRecord::Status(status) if status.trading == 0 && status.feed != 0 => 0,
        _ => flow.header().venue_time_ns,
    }
}

fn off_lots(order: &MarketOrder) -> i64 {
    if order.action == BookAction::Reduce.code() { order.lots } else { i64::MAX }
}
