//! What the live run did, out of its journal: replayed through the fold, with every command and every report.
//!
//! Invariant: commands are what the replay sends, so they are the live engine's only as far as the replay agrees with what
//! the live engine recorded; who reads this looks there first.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;

use engine::{EngineConfig, Host, Outbox, Replay, ReplayError};
use journal::Reader;
use records::{
    Applied, Definition, Header, Kind, Listing, OrderEvent, OrderEventKind, Reason, RecordRef, SelfTrade, Side, Stamp,
    TickBand, TimeInForce, UNDEF_PRICE, read_from,
};

use super::steps::{Because, Key, MILLISECOND_NS, REPORT, Step, Steps, own_rule};
use crate::capture::{OwnMarks, Whose, flow_of};
use crate::venue::Listed;

/// A command and where it stands among the steps.
pub(crate) struct Sent {
    pub key: Key,
    pub venue: u16,
    pub time_ns: u64,
    /// Sequence of the input that led to it.
    pub input: u64,
    pub original_id: u64,
    /// Both orders under the first ids that the feed shows them by.
    pub roots: [u64; 2],
    /// The venue's time in its first answer, 0 without one.
    pub answered_ns: u64,
    /// It never reached the venue.
    pub lost: bool,
}

/// All of it.
pub(crate) struct Live {
    pub replay: Replay,
    pub config: EngineConfig,
    pub steps: Steps,
    pub commands: Vec<Sent>,
    pub marks: OwnMarks,
    pub listed: BTreeMap<u16, Vec<Listed>>,
    /// Live reports that a rule explains by themselves.
    pub ruled: BTreeMap<Key, Because>,
    /// Orders that the venue cancelled because another of ours came in to meet them, by the first id that the feed showed them by,
    /// and which that was, with the venue's time of it.
    pub crossed: BTreeMap<u64, (u64, Step)>,
    /// Orders that were to trade at once or end, and of which the feed shows nothing.
    pub took_nothing: BTreeSet<u64>,
    /// Reports of orders that ended, shrank or were replaced as we asked, by the first id that the feed showed them by.
    endings: BTreeMap<u64, Vec<Step>>,
    /// What each venue does with such, a [`SelfTrade`] code, by what it did.
    pub self_trade: BTreeMap<u16, u8>,
    /// Times at which a venue's feed had lost messages.
    pub gaps: Vec<(u16, u64)>,
    /// Inputs that are neither a market's nor about an order, by kind: given to the backtest as they were.
    pub given: BTreeMap<u16, u64>,
    /// Delays of commands to venues and of reports back, ns.
    pub order_ns: Vec<u64>,
    pub report_ns: Vec<u64>,
    /// Slots whose code was not found.
    pub slots_refused: Vec<u32>,
}

#[derive(Clone, Default)]
pub(crate) struct Collected(pub Rc<RefCell<Seen>>);

/// What a pass sent, and the slots that the fold refused.
#[derive(Default)]
pub(crate) struct Seen {
    pub commands: Vec<(u16, Vec<u8>)>,
    pub slots_refused: Vec<u32>,
}

impl Outbox for Collected {
    fn command(&mut self, venue: u16, record: &[u8]) {
        self.0.borrow_mut().commands.push((venue, record.to_vec()));
    }

    fn output(&mut self, record: &[u8]) {
        let refused = read_from::<Applied>(record).filter(|applied| {
            applied.header.kind == Kind::Applied as u16 && applied.control == Kind::Slot as u16 && applied.outcome == 3
        });
        self.0.borrow_mut().slots_refused.extend(refused.map(|applied| applied.subject));
    }
}

#[derive(Default)]
struct Reference {
    units_e8: BTreeMap<u32, i64>,
    ticks: BTreeMap<u32, i64>,
    listings: BTreeMap<(u16, u32), Listing>,
}

impl Reference {
    fn listed(&self) -> BTreeMap<u16, Vec<Listed>> {
        let mut found: BTreeMap<u16, Vec<Listed>> = BTreeMap::new();
        for ((venue, instrument), listing) in &self.listings {
            let bound = |price_nanos: i64, none: i64| if price_nanos == UNDEF_PRICE { none } else { price_nanos };
            found.entry(*venue).or_default().push(Listed {
                instrument: *instrument,
                units_e8: self.units_e8.get(instrument).copied().unwrap_or(0),
                tick_nanos: self.ticks.get(&listing.tick_table).copied().unwrap_or(1),
                price_min_nanos: bound(listing.price_min_nanos, -(1 << 61)),
                price_max_nanos: bound(listing.price_max_nanos, 1 << 61),
                increment_lots: listing.increment_lots.max(1),
            });
        }
        found
    }
}

impl Live {
    /// The order of ours that came in at this venue's time and met this one, which the venue cancelled for it.
    pub fn crossed_by(&self, order_id: u64, venue_time_ns: u64) -> Option<u64> {
        let (other, step) = self.crossed.get(&self.marks.root(order_id))?;
        step.is_at(venue_time_ns).then_some(*other)
    }

    /// Whether a command took an order, or part of it, from the venue at this time, by the venue's report of the end and by its
    /// answer to the command; `None`: no report tells. An id that a replace had ended by then is not meant, though a cancel may
    /// have named it; and a replace may end an order that it was refused for.
    pub fn ended_by(&self, order_id: u64, gone: bool, venue_time_ns: u64) -> Option<impl Fn(&Sent) -> bool> {
        let root = self.marks.root(order_id);
        let told = self.endings.get(&root).map_or(&[][..], Vec::as_slice);
        let what = |kind: OrderEventKind| REPORT | u16::from(kind.code());
        let replaced = move |step: &Step| step.key.what == what(OrderEventKind::Replaced);
        // The replace that gave the order this reference took nothing off it.
        let fits = |step: &&Step| {
            let this = step.is_at(venue_time_ns) && gone == (step.key.what == what(OrderEventKind::Canceled));
            this && !(replaced(step) && step.key.order_id == root)
        };
        let ends: Vec<Step> = told.iter().filter(fits).copied().collect();
        let replaces = Kind::ReplaceOrder as u16;
        let took = move |sent: &Sent, step: &Step| match sent.key.what == replaces {
            true if replaced(step) => sent.key.order_id == step.key.order_id,
            true => sent.original_id == step.key.order_id && step.is_at(sent.answered_ns),
            false => {
                let cancel = (step.key.order_id, Kind::CancelOrder as u16);
                !replaced(step) && (sent.key.order_id, sent.key.what) == cancel
            }
        };
        (!ends.is_empty()).then_some(move |sent: &Sent| ends.iter().any(|step| took(sent, step)))
    }

    pub fn read(directory: &Path, host: Box<dyn Host>) -> Result<Self, ReplayError> {
        let config = EngineConfig::from_words(&Reader::open_whole(directory)?.identity().settings)
            .ok_or(ReplayError::Settings)?;
        let mut outbox = Collected::default();
        let seen = outbox.clone();
        let mut reference = Reference::default();
        let mut found = Found { marks: OwnMarks::read(directory)?, ..Found::default() };
        let mut input = 0;
        let replay = engine::replay(directory, host, &mut outbox, &mut |record, engine| {
            input += 1;
            found.take(record, Stamp { sequence: input, time_ns: engine.time_ns() }, &mut reference);
            for (venue, command) in seen.0.borrow_mut().commands.drain(..) {
                found.sent(venue, &command, Stamp { sequence: input, time_ns: engine.time_ns() });
            }
        })?;
        found.rule_hidden();
        found.rule_auctions();
        found.rule_crossed();
        let took_nothing = found.took_nothing();
        let mut seen = seen.0.take();
        seen.slots_refused.sort_unstable();
        Ok(Self {
            replay,
            config,
            steps: found.steps,
            commands: found.commands,
            marks: found.marks,
            listed: reference.listed(),
            ruled: found.ruled,
            crossed: found.crossed,
            took_nothing,
            endings: found.endings,
            self_trade: found.self_trade,
            gaps: found.gaps,
            given: found.given,
            order_ns: found.order_ns,
            report_ns: found.report_ns,
            slots_refused: seen.slots_refused,
        })
    }
}

#[derive(Default)]
struct Found {
    steps: Steps,
    commands: Vec<Sent>,
    marks: OwnMarks,
    ruled: BTreeMap<Key, Because>,
    crossed: BTreeMap<u64, (u64, Step)>,
    endings: BTreeMap<u64, Vec<Step>>,
    self_trade: BTreeMap<u16, u8>,
    gaps: Vec<(u16, u64)>,
    given: BTreeMap<u16, u64>,
    order_ns: Vec<u64>,
    report_ns: Vec<u64>,
    /// Commands that wait for a first answer, by order.
    waiting: BTreeMap<u64, Vec<usize>>,
    /// All commands, by order.
    sent: BTreeMap<u64, Vec<usize>>,
    /// Reports that were heard: order, kind, the venue's time, match number.
    heard: BTreeSet<(u64, u8, u64, u64)>,
    hidden: BTreeSet<(u16, u64)>,
    /// Match numbers of ours in auctions that the feed printed.
    auctions: BTreeSet<(u16, u64)>,
    fills: Vec<((u16, u64), Key)>,
}

impl Found {
    fn sent(&mut self, venue: u16, record: &[u8], stamp: Stamp) {
        let Some(step) = Step::of_command(record, stamp.sequence, stamp.time_ns) else { return };
        let key = self.steps.push(step);
        self.waiting.entry(key.order_id).or_default().push(self.commands.len());
        self.sent.entry(key.order_id).or_default().push(self.commands.len());
        let (Stamp { sequence: input, time_ns }, original_id) = (stamp, step.original_id);
        let roots = [key.order_id, original_id].map(|id| self.marks.root(id));
        self.commands.push(Sent { key, venue, time_ns, input, original_id, roots, answered_ns: 0, lost: false });
    }

    fn take(&mut self, record: &[u8], stamp: Stamp, reference: &mut Reference) {
        match records::parse(record) {
            Ok(RecordRef::OrderEvent(event)) => self.report(&event, stamp),
            Ok(RecordRef::MarketOrder(_) | RecordRef::MarketLevel(_) | RecordRef::Imbalance(_)) => {}
            Ok(RecordRef::Trade(trade)) if trade.cross == 1 => {
                let venue = trade.header.venue;
                self.auctions.extend(self.marks.crosses(venue, &trade).map(|own| (venue, own.match_id)));
            }
            Ok(RecordRef::Trade(trade)) => {
                let flow = flow_of(record);
                if flow.is_some_and(|flow| matches!(self.marks.whose(trade.header.venue, &flow), Whose::Hidden(_))) {
                    self.hidden.insert((trade.header.venue, trade.match_id));
                }
            }
            Ok(RecordRef::Status(status)) => {
                if status.lost > 0 {
                    self.gaps.push((status.header.venue, stamp.time_ns));
                }
            }
            Ok(other) => {
                match other {
                    RecordRef::Definition(definition) => reference.define(&definition),
                    RecordRef::TickBand(band) => reference.band(&band),
                    RecordRef::Listing(listing) => {
                        reference.listings.insert((listing.header.venue, listing.header.instrument), listing);
                    }
                    _ => {}
                }
                let kind = read_from::<Header>(record).map_or(0, |header| header.kind);
                *self.given.entry(kind).or_default() += 1;
            }
            Err(_) => *self.given.entry(0).or_default() += 1,
        }
    }

    fn report(&mut self, event: &OrderEvent, stamp: Stamp) {
        let step = Step::of_report(event, stamp.sequence, stamp.time_ns);
        let key = self.steps.push(step);
        let said = (key.order_id, event.event, event.header.venue_time_ns, event.execution_id);
        if let Some(rule) = own_rule(event, !self.heard.insert(said)) {
            self.ruled.insert(key, rule);
        } else {
            self.report_ns.push(stamp.time_ns.saturating_sub(event.header.venue_time_ns));
        }
        let kind = OrderEventKind::from_code(event.event);
        if kind == Some(OrderEventKind::Filled) {
            self.fills.push(((event.header.venue, event.execution_id), key));
        }
        let ending = match kind {
            Some(OrderEventKind::Canceled | OrderEventKind::Restated) => is_asked_for(event.reason),
            _ => kind == Some(OrderEventKind::Replaced),
        };
        if ending {
            self.endings.entry(self.marks.root(key.order_id)).or_default().push(step);
        }
        if self.ruled.get(&key) == Some(&Because::Gateway) {
            self.had_no_effect(event, kind);
        } else if !self.ruled.contains_key(&key) {
            self.answer(event, kind);
        }
    }

    /// The venue's word about an order: which of its commands it answers, and when each was there at the latest.
    fn answer(&mut self, event: &OrderEvent, kind: Option<OrderEventKind>) {
        let (order_id, venue_time_ns) = (event.owner.order_id, event.header.venue_time_ns);
        let enters = |what: u16| what != Kind::CancelOrder as u16;
        // An order of which anything is said was there by then, whatever is said; a fill answers nothing, and neither does an end
        // that no cancel asked for.
        let (entered, ended) = match kind {
            Some(OrderEventKind::Canceled | OrderEventKind::Restated) => (false, is_asked_for(event.reason)),
            Some(OrderEventKind::CancelRejected) => (false, true),
            Some(OrderEventKind::Filled | OrderEventKind::Expired) => (false, false),
            _ => (true, false),
        };
        let Some(waiting) = self.waiting.get_mut(&order_id) else { return };
        let commands = &mut self.commands;
        waiting.retain(|at| {
            let sent = &mut commands[*at];
            let answered = enters(sent.key.what);
            if answered && sent.answered_ns == 0 {
                sent.answered_ns = venue_time_ns;
                self.order_ns.push(venue_time_ns.saturating_sub(sent.time_ns));
            }
            !(answered && entered)
        });
        let cancel = waiting.iter().position(|at| !enters(commands[*at].key.what));
        if let Some(place) = cancel.filter(|_| ended) {
            let sent = &mut commands[waiting.remove(place)];
            sent.answered_ns = venue_time_ns;
            self.order_ns.push(venue_time_ns.saturating_sub(sent.time_ns));
        }
    }

    /// The gateway's own word that a command did nothing at the venue: it did not leave, did not arrive, or was refused as a message.
    fn had_no_effect(&mut self, event: &OrderEvent, kind: Option<OrderEventKind>) {
        let order_id = event.owner.order_id;
        match kind {
            Some(OrderEventKind::NotSent | OrderEventKind::CancelRejected) => {
                let Some(meant) = self.meant(event, kind) else { return };
                self.commands[meant].lost = true;
                self.waiting.entry(order_id).or_default().retain(|at| *at != meant);
            }
            // The venue never had it: nothing that was asked of it arrived.
            Some(OrderEventKind::NotFound | OrderEventKind::Rejected | OrderEventKind::ReplaceRejected) => {
                for at in self.waiting.remove(&order_id).unwrap_or_default() {
                    self.commands[at].lost = true;
                }
            }
            _ => {}
        }
    }

    /// Fills whose match number the feed printed without an order. The print may come before or after the report.
    fn rule_hidden(&mut self) {
        for (place, key) in &self.fills {
            if self.hidden.contains(place) {
                self.ruled.entry(*key).or_insert(Because::Hidden);
            }
        }
    }

    /// Fills in an auction, or of which nobody says that they were in none, at the price and the venue's time of one that the
    /// feed printed.
    fn rule_auctions(&mut self) {
        for (place, key) in &self.fills {
            if self.auctions.contains(place) {
                self.ruled.entry(*key).or_insert(Because::Auction);
            }
        }
    }

    /// Cancels that nobody asked for, at the venue's time at which another order of ours came in to meet them: it keeps our orders
    /// from trading with each other, and the matching can do the same. Of several that came in at once it is the last that was
    /// told of before the cancel: a session tells in the order in which the venue did it.
    fn rule_crossed(&mut self) {
        let what = |kind: OrderEventKind| REPORT | u16::from(kind.code());
        let entered = [what(OrderEventKind::Accepted), what(OrderEventKind::Replaced)];
        let reasons = [Reason::SelfTradePrevention.code(), Reason::Other.code()];
        let place = |step: &Step| (step.venue, step.instrument, step.venue_time_ns / MILLISECOND_NS);
        let mut came_in: BTreeMap<_, Vec<(usize, Step)>> = BTreeMap::new();
        let mut prices = BTreeMap::new();
        let answers = |step: &Step| !matches!(self.ruled.get(&step.key), Some(Because::Repeated | Because::Gateway));
        let said = |(_, step): &(usize, &Step)| entered.contains(&step.key.what) && answers(step);
        for (at, step) in self.steps.all.iter().enumerate().filter(said) {
            came_in.entry(place(step)).or_default().push((at, *step));
            prices.insert(step.key.order_id, step.price_nanos);
        }
        let refused = self.refused_replaces();
        for (at, step) in self.steps.all.iter().enumerate() {
            let repeated = self.ruled.get(&step.key) == Some(&Because::Repeated);
            if step.key.what != what(OrderEventKind::Canceled) || !reasons.contains(&step.reason) || repeated {
                continue;
            }
            let at_once = came_in.get(&place(step)).map_or(&[][..], Vec::as_slice);
            let at_once = at_once.iter().filter(|(_, other)| other.is_at_once(step));
            let (own, others): (Vec<_>, Vec<_>) =
                at_once.partition(|(_, other)| other.key.order_id == step.key.order_id);
            let price_nanos = prices.get(&step.key.order_id).copied().unwrap_or(UNDEF_PRICE);
            let mut others =
                others.iter().filter(|(_, other)| other.side != step.side && meet(other, price_nanos)).peekable();
            let first = others.peek().copied().filter(|_| step.reason == reasons[0]);
            let before = others.take_while(|(other, _)| *other < at).last();
            let refused = refused.get(&step.key.order_id).filter(|(refused, other)| {
                *refused < at && other.is_at_once(step) && before.is_none_or(|(before, _)| before < refused)
            });
            if refused.is_some() {
                self.ruled.remove(&step.key); // A replace that is refused may end its original: the matching does the same.
            } else if let Some((_, other)) = before.or(first) {
                self.crossed.insert(self.marks.root(step.key.order_id), (other.key.order_id, *step));
                self.self_trade.insert(step.venue, SelfTrade::CancelOldest.code());
                self.ruled.remove(&step.key);
            } else if !own.is_empty() && step.reason == reasons[0] {
                self.self_trade.entry(step.venue).or_insert(SelfTrade::CancelNewest.code());
            }
        }
    }

    /// Orders that were to trade at once or end, and of which the feed shows nothing.
    fn took_nothing(&self) -> BTreeSet<u64> {
        let lives = [TimeInForce::ImmediateOrCancel.code(), TimeInForce::FillOrKill.code()];
        let new = |step: &&Step| step.key.what == Kind::NewOrder as u16 && lives.contains(&step.terms[0]);
        let mut found: BTreeSet<u64> = self.steps.all.iter().filter(new).map(|step| step.key.order_id).collect();
        for (_, filled) in &self.fills {
            found.remove(&filled.order_id);
        }
        // What the feed shows of one that ended others of ours says when it came.
        for (other, _) in self.crossed.values() {
            found.remove(other);
        }
        found
    }

    /// Refused replaces by the order that each was to replace, with their place among the steps.
    fn refused_replaces(&self) -> BTreeMap<u64, (usize, Step)> {
        let what = REPORT | u16::from(OrderEventKind::ReplaceRejected.code());
        let refused = self.steps.all.iter().enumerate().filter(|(_, step)| step.key.what == what);
        let original = |step: &Step| self.sent.get(&step.key.order_id).map(|sent| self.commands[sent[0]].original_id);
        refused.filter_map(|(at, step)| Some((original(step)?, (at, *step)))).collect()
    }

    /// The command that a gateway's statement speaks of, whether it waits or something else seemed to answer it: of a `NotSent`, a
    /// cancel names its order twice, a replace its original, a new order nobody.
    fn meant(&self, event: &OrderEvent, kind: Option<OrderEventKind>) -> Option<usize> {
        let order_id = event.owner.order_id;
        let what = match event.original_id {
            _ if kind == Some(OrderEventKind::CancelRejected) => Kind::CancelOrder,
            0 => Kind::NewOrder,
            id if id == order_id => Kind::CancelOrder,
            _ => Kind::ReplaceOrder,
        };
        let fits = |at: &usize| self.commands[*at].key.what == what as u16 && !self.commands[*at].lost;
        let waits = self.waiting.get(&order_id).and_then(|waiting| waiting.iter().copied().find(fits));
        waits.or_else(|| self.sent.get(&order_id).and_then(|sent| sent.iter().rev().copied().find(fits)))
    }
}

impl Reference {
    fn define(&mut self, definition: &Definition) {
        self.units_e8.insert(definition.header.instrument, definition.units_per_lot_e8);
    }

    /// A venue's book takes prices of the finest band; the risk check has refused the others.
    fn band(&mut self, band: &TickBand) {
        let tick = self.ticks.entry(band.table).or_insert(band.tick_nanos);
        *tick = (*tick).min(band.tick_nanos).max(1);
    }
}

impl Sent {
    /// Whether it brought the order to the venue.
    pub fn enters(&self, order_id: u64) -> bool {
        let entered = [Kind::NewOrder as u16, Kind::ReplaceOrder as u16];
        self.key.order_id == order_id && entered.contains(&self.key.what)
    }

    /// Whether it took the order that the feed first showed by this id, or part of it, from the venue.
    pub fn ends(&self, root: u64) -> bool {
        let [order, original] = self.roots;
        original == root || (order, self.key.what) == (root, Kind::CancelOrder as u16)
    }
}

/// Whether a cancel of ours, or of the gateway for us, is a reason that a venue tells, or it tells none.
fn is_asked_for(reason: u8) -> bool {
    [Reason::UserRequested.code(), Reason::EngineSilent.code(), Reason::Other.code(), 0].contains(&reason)
}

/// Whether an order that came in trades with one that rests on the other side at this price; one without a price meets any.
fn meet(came_in: &Step, resting_nanos: i64) -> bool {
    let sign = Side::from_code(came_in.side).map_or(1, Side::sign);
    let any = came_in.price_nanos == UNDEF_PRICE || resting_nanos == UNDEF_PRICE;
    any || sign * came_in.price_nanos >= sign * resting_nanos
}

/// Whether a step is a report.
pub(crate) const fn is_report(key: Key) -> bool {
    key.what & REPORT != 0
}

/// The middle of measured delays, 0 without any.
pub(crate) fn median(values: &mut [u64]) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}
