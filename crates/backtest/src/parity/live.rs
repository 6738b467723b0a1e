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
    Applied, Definition, Header, Kind, Listing, OrderEventKind, Reason, RecordRef, SelfTrade, Stamp, TickBand,
    UNDEF_PRICE, read_from,
};

use super::steps::{Because, Key, REPORT, Step, Steps, own_rule};
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
    /// Orders that the venue cancelled because another of ours came in to meet them, and which that was.
    pub crossed: BTreeMap<u64, u64>,
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
    pub fn read(directory: &Path, host: Box<dyn Host>) -> Result<Self, ReplayError> {
        let config =
            EngineConfig::from_words(&Reader::open(directory)?.identity().settings).ok_or(ReplayError::Settings)?;
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
    crossed: BTreeMap<u64, u64>,
    self_trade: BTreeMap<u16, u8>,
    gaps: Vec<(u16, u64)>,
    given: BTreeMap<u16, u64>,
    order_ns: Vec<u64>,
    report_ns: Vec<u64>,
    /// Commands that wait for a first answer, by order.
    waiting: BTreeMap<u64, Vec<usize>>,
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
        let (Stamp { sequence: input, time_ns }, original_id) = (stamp, step.original_id);
        self.commands.push(Sent { key, venue, time_ns, input, original_id, answered_ns: 0, lost: false });
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

    fn report(&mut self, event: &records::OrderEvent, stamp: Stamp) {
        let key = self.steps.push(Step::of_report(event, stamp.sequence, stamp.time_ns));
        if let Some(rule) = own_rule(event) {
            self.ruled.insert(key, rule);
        } else {
            self.report_ns.push(stamp.time_ns.saturating_sub(event.header.venue_time_ns));
        }
        let kind = OrderEventKind::from_code(event.event);
        if kind == Some(OrderEventKind::Filled) {
            self.fills.push(((event.header.venue, event.execution_id), key));
        }
        // A cancel is not sent under its order's own id twice; the first that waits is meant.
        if let Some(command) = self.waiting.get_mut(&event.owner.order_id).and_then(|waiting| waiting.first().copied())
        {
            if kind == Some(OrderEventKind::NotSent) {
                let meant = self.meant(event);
                self.commands[meant.unwrap_or(command)].lost = true;
            } else if !self.ruled.contains_key(&key) {
                let sent = &mut self.commands[command];
                self.order_ns.push(event.header.venue_time_ns.saturating_sub(sent.time_ns));
                if sent.answered_ns == 0 {
                    sent.answered_ns = event.header.venue_time_ns;
                }
                if kind != Some(OrderEventKind::Filled) {
                    self.waiting.get_mut(&event.owner.order_id).map(|waiting| waiting.remove(0));
                }
            }
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

    /// Cancels that nobody asked for, at the venue's time at which another order of ours came in: it keeps our orders from
    /// trading with each other, and the matching can do the same.
    fn rule_crossed(&mut self) {
        let what = |kind: OrderEventKind| REPORT | u16::from(kind.code());
        let entered = [what(OrderEventKind::Accepted), what(OrderEventKind::Replaced)];
        let reasons = [Reason::SelfTradePrevention.code(), Reason::Other.code()];
        let came_in: Vec<Step> =
            self.steps.all.iter().filter(|step| entered.contains(&step.key.what)).copied().collect();
        for step in self.steps.all.iter().filter(|step| step.key.what == what(OrderEventKind::Canceled)) {
            if !reasons.contains(&step.reason) {
                continue;
            }
            let at_once = |other: &&Step| {
                (other.venue, other.instrument) == (step.venue, step.instrument) && other.is_at_once(step)
            };
            let (own, others): (Vec<&Step>, Vec<&Step>) =
                came_in.iter().filter(at_once).partition(|other| other.key.order_id == step.key.order_id);
            if let Some(other) = others.iter().find(|other| other.side != step.side) {
                self.crossed.insert(step.key.order_id, other.key.order_id);
                self.self_trade.insert(step.venue, SelfTrade::CancelOldest.code());
                self.ruled.remove(&step.key);
            } else if !own.is_empty() && step.reason == reasons[0] {
                self.self_trade.entry(step.venue).or_insert(SelfTrade::CancelNewest.code());
            }
        }
    }

    /// The command that a `NotSent` speaks of: a cancel names its order twice, a replace its original, a new order nobody.
    fn meant(&self, event: &records::OrderEvent) -> Option<usize> {
        let what = match event.original_id {
            0 => Kind::NewOrder,
            id if id == event.owner.order_id => Kind::CancelOrder,
            _ => Kind::ReplaceOrder,
        };
        let waiting = self.waiting.get(&event.owner.order_id)?;
        waiting.iter().rev().copied().find(|at| self.commands[*at].key.what == what as u16)
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

    /// Whether it took the order, or what was left of it, from the venue.
    pub fn ends(&self, order_id: u64) -> bool {
        self.original_id == order_id || (self.key.order_id, self.key.what) == (order_id, Kind::CancelOrder as u16)
    }
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
