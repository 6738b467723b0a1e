//! Parity: a live run's captured input again through the backtest, step by step beside what the live run did.
//!
//! The journal is read in its own order. What no backtest has (operators, limits, sessions, time) is given as it was; market
//! data come from the captured feed without our orders, through the house's matching with the backtest's orders among it, at
//! the live times of arrival; reports come from that matching, at the live times where it says what the venue said.
//!
//! Invariant: nothing of the live engine's decisions reaches the backtest but through its commands' measured ways: an order
//! that the backtest does not send is not there. Without a difference the engine has heard the journal byte for byte, and
//! ends in the same state.

mod compare;
mod live;
mod side;
mod steps;

use std::collections::BTreeMap;
use std::path::Path;

use book::flow::FlowRecord;
use engine::{Engine, Host, Replay, ReplayError};
use journal::Reader;
use records::{OrderEvent, OrderEventKind, Parameter, RecordRef, Stamp, UNDEF_PRICE, bytes_of};

use crate::capture::{bytes_of_flow, flow_of, latest};
use crate::own::OWN_REF;
use compare::compare;
pub use compare::{Difference, Parted};
use live::{Collected, Live, median};
use side::{Outcome, Side};
use steps::Steps;
pub use steps::{Because, Field, Key, REPORT, Step};

/// How a parity run departs from the live one, on purpose; the default does not.
#[derive(Clone, Debug, Default)]
pub struct Departures {
    /// Ways of commands and of reports in place of the measured ones, ns.
    pub latency_ns: Option<(u64, u64)>,
    /// Parameters: slot, offset, bits.
    pub parameters: Vec<(u8, u32, u64)>,
}

impl Departures {
    fn is_none(&self) -> bool {
        self.latency_ns.is_none() && self.parameters.is_empty()
    }
}

/// What a parity run found.
pub struct Parity {
    /// The journal against itself.
    pub replay: Replay,
    /// Slots whose code was not found.
    pub slots_refused: Vec<u32>,
    /// State hash at the end of the backtest; equal to the replay's where nothing differs.
    pub state_hash: u64,
    /// Every step, of both.
    pub steps: Vec<Parted>,
    /// Inputs given as they were, by kind.
    pub given: BTreeMap<u16, u64>,
    /// Median delays of commands and of reports, ns.
    pub order_ns: u64,
    /// See `order_ns`.
    pub report_ns: u64,
}

/// Runs it.
///
/// # Errors
/// When the journal is damaged or not an engine's.
pub fn parity(
    directory: &Path,
    replay_host: Box<dyn Host>,
    backtest_host: Box<dyn Host>,
    departures: &Departures,
) -> Result<Parity, ReplayError> {
    let mut live = Live::read(directory, replay_host)?;
    let order_ns = median(&mut live.order_ns);
    let report_ns = median(&mut live.report_ns);
    let mut again = Again::new(directory, &live, backtest_host, departures, (order_ns, report_ns))?;
    again.run(directory)?;
    let Again { engine, steps, too_late, sides, .. } = again;
    let state_hash = engine.state_hash();
    let same_state = state_hash == live.replay.state_hash || !departures.is_none();
    let out_of_turn = sides.values().flat_map(|side| side.out_of_turn.iter().copied()).collect::<Vec<_>>();
    Ok(Parity {
        replay: live.replay,
        slots_refused: std::mem::take(&mut live.slots_refused),
        state_hash,
        steps: compare(&live, &steps, &too_late, &out_of_turn, same_state),
        given: live.given,
        order_ns,
        report_ns,
    })
}

/// The backtest's side of it.
struct Again<'a> {
    live: &'a Live,
    engine: Engine,
    outbox: Collected,
    sides: BTreeMap<u16, Side>,
    steps: Steps,
    /// Live commands by key, with whether they reached the venue.
    known: BTreeMap<Key, bool>,
    /// How many of each report were taken.
    heard: BTreeMap<(u64, u16), u32>,
    /// Live reports that speak of nothing: cancels after an order's end.
    too_late: Vec<Key>,
    departures: &'a Departures,
    order_ns: u64,
    stamp: Stamp,
    /// Sequence of the journal's record under way.
    at: u64,
}

impl<'a> Again<'a> {
    fn new(
        directory: &Path,
        live: &'a Live,
        host: Box<dyn Host>,
        departures: &'a Departures,
        (order_ns, report_ns): (u64, u64),
    ) -> Result<Self, ReplayError> {
        let (order_ns, report_ns) = departures.latency_ns.unwrap_or((order_ns, report_ns));
        let forced = departures.latency_ns.is_some();
        let mut sides = BTreeMap::new();
        for venue in live.listed.keys() {
            sides.insert(*venue, Side::new(*venue, directory, live, forced, report_ns)?);
        }
        Ok(Self {
            live,
            engine: Engine::new(live.config, host),
            outbox: Collected::default(),
            sides,
            steps: Steps::default(),
            known: live.commands.iter().map(|sent| (sent.key, sent.lost)).collect(),
            heard: BTreeMap::new(),
            too_late: Vec::new(),
            departures,
            order_ns,
            stamp: Stamp::default(),
            at: 0,
        })
    }

    fn run(&mut self, directory: &Path) -> Result<(), ReplayError> {
        let mut reader = Reader::open_whole(directory)?;
        while let Some((stamp, record)) = reader.next()? {
            self.at = stamp.sequence;
            self.hear_due(stamp.time_ns);
            match flow_of(record) {
                Some(flow) => self.market(stamp.time_ns, record, &flow)?,
                None => self.other(stamp.time_ns, record)?,
            }
        }
        Ok(())
    }

    /// One input of the engine; its commands set out.
    fn fold(&mut self, time_ns: u64, record: &[u8]) {
        self.stamp = Stamp { sequence: self.stamp.sequence + 1, time_ns: time_ns.max(self.stamp.time_ns) };
        self.engine.apply(self.stamp, record, &mut self.outbox);
        let commands = std::mem::take(&mut self.outbox.0.borrow_mut().commands);
        for (venue, command) in commands {
            let Some(step) = Step::of_command(&command, self.at, self.stamp.time_ns) else { continue };
            let key = self.steps.push(step);
            let lost = self.known.get(&key).copied();
            if lost == Some(true) {
                continue;
            }
            let due_ns = self.stamp.time_ns.saturating_add(self.order_ns);
            let measured = lost.is_some() && self.departures.latency_ns.is_none();
            if let Some(side) = self.sides.get_mut(&venue) {
                side.send(command, measured.then_some(key), due_ns);
            }
        }
    }

    /// Reports that the live run had not.
    fn hear_due(&mut self, time_ns: u64) {
        let venues: Vec<u16> = self.sides.keys().copied().collect();
        for venue in venues {
            while let Some(report) = self.sides.get_mut(&venue).and_then(|side| side.take_due(time_ns)) {
                let mut event = report.event;
                event.header.receive_time_ns = report.due_ns;
                // A match number of its own: the venue's are taken.
                event.execution_id |= if event.execution_id == 0 { 0 } else { OWN_REF };
                self.steps.push(Step::of_report(&event, self.at, report.due_ns.max(self.stamp.time_ns)));
                self.fold(report.due_ns, bytes_of(&event));
            }
        }
    }

    fn market(&mut self, time_ns: u64, record: &[u8], flow: &FlowRecord) -> Result<(), ReplayError> {
        let Some(side) = self.sides.get_mut(&flow.header().venue) else {
            self.fold(time_ns, record);
            return Ok(());
        };
        let mut outcome = side.next_outcome();
        while outcome.is_none() && side.advance(self.live, u64::MAX, self.at)? {
            outcome = side.next_outcome();
        }
        let mut out = Vec::new();
        match outcome {
            Some(Outcome::Ours(made) | Outcome::Made(made)) => {
                side.shown.extend(made);
                // What the live feed showed of ours, here as there; where the orders differ, what ours show here.
                let ours = side.shown.pop_front();
                out.extend(ours.map(|ours| if is_like(&ours, flow) { *flow } else { placed(&ours, flow) }));
            }
            Some(Outcome::Changed(made)) => {
                out.extend(side.shown.drain(..).chain(made).map(|ours| placed(&ours, flow)));
            }
            Some(Outcome::Same) | None => {
                out.extend(side.shown.drain(..).map(|ours| placed(&ours, flow)));
                out.push(*flow);
            }
        }
        for flow in &out {
            self.fold(time_ns, bytes_of_flow(flow));
        }
        Ok(())
    }

    fn other(&mut self, time_ns: u64, record: &[u8]) -> Result<(), ReplayError> {
        match records::parse(record) {
            Ok(RecordRef::OrderEvent(event)) => self.report(time_ns, &event),
            Ok(RecordRef::Parameter(parameter)) => {
                let parameter = self.departed(&parameter);
                self.fold(time_ns, bytes_of(&parameter));
                Ok(())
            }
            _ => {
                self.fold(time_ns, record);
                Ok(())
            }
        }
    }

    fn departed(&self, parameter: &Parameter) -> Parameter {
        let found = self
            .departures
            .parameters
            .iter()
            .find(|(slot, offset, _)| (*slot, *offset) == (parameter.slot, parameter.offset));
        found.map_or(*parameter, |(_, _, bits)| Parameter { bits: *bits, ..*parameter })
    }

    fn report(&mut self, time_ns: u64, event: &OrderEvent) -> Result<(), ReplayError> {
        let count = self.heard.entry((event.owner.order_id, REPORT | u16::from(event.event))).or_default();
        let step = Step::of_report(event, self.at, time_ns);
        let key = Key { number: *count, ..step.key };
        *count += 1;
        let Some(side) = self.sides.get_mut(&event.header.venue) else {
            return self.given(time_ns, event, step);
        };
        if let Some(because) = self.live.ruled.get(&key) {
            let kind = OrderEventKind::from_code(event.event);
            if *because == Because::Auction {
                // Its lots go with the auction's own print, wherever the feed is heard.
                let (order_id, match_id) = (event.owner.order_id, event.execution_id);
                while !side.has_crossed(order_id, match_id) && side.advance(self.live, latest(event), self.at)? {}
            } else if kind == Some(OrderEventKind::Filled) {
                side.take_back(event.owner.order_id, event.lots);
            } else if event.leaves_lots == 0 && kind != Some(OrderEventKind::NotSent) {
                // Whatever was not sent, a cancel say, leaves the order that it spoke of where it is.
                side.take_back(event.owner.order_id, i64::MAX);
            }
            return self.given(time_ns, event, step);
        }
        if self.departures.latency_ns.is_some() {
            return Ok(());
        }
        let mut like = side.take_like(event);
        while like.is_none() && side.advance(self.live, latest(event), self.at)? {
            like = side.take_like(event);
        }
        if like.is_none() {
            side.arrive_answered(self.live, event);
            like = side.take_like(event);
        }
        match like {
            Some(report) => {
                self.answer(time_ns, event, &report.event);
                Ok(())
            }
            None if event.event == OrderEventKind::CancelRejected.code() && !side.has(event.owner.order_id) => {
                self.too_late.push(key);
                self.given(time_ns, event, step)
            }
            None => Ok(()),
        }
    }

    /// What no backtest has goes to the engine as it was.
    fn given(&mut self, time_ns: u64, event: &OrderEvent, step: Step) -> Result<(), ReplayError> {
        self.steps.push(step);
        self.fold(time_ns, bytes_of(event));
        Ok(())
    }

    /// The matching's report at the live one's time: as the live one where it says the same.
    fn answer(&mut self, time_ns: u64, event: &OrderEvent, ours: &OrderEvent) {
        let said = Step::of_report(ours, self.at, time_ns);
        if said.differs(&Step::of_report(event, self.at, time_ns)).is_none() {
            self.steps.push(Step::of_report(event, self.at, time_ns));
            self.fold(time_ns, bytes_of(event));
            return;
        }
        let mut heard = *ours;
        heard.header = event.header;
        heard.header.venue_time_ns = ours.header.venue_time_ns;
        (heard.venue_order_ref, heard.sent_time_ns) = (event.venue_order_ref, event.sent_time_ns);
        heard.execution_id = event.execution_id;
        heard.fee_nanos = event.fee_nanos;
        self.steps.push(said);
        self.fold(time_ns, bytes_of(&heard));
    }
}

/// Whether a record of ours says what the live feed's says; references and match numbers are the venue's own.
fn is_like(ours: &FlowRecord, live: &FlowRecord) -> bool {
    match (ours, live) {
        (FlowRecord::Order(ours), FlowRecord::Order(live)) => {
            let side = ours.side == 0 || live.side == 0 || ours.side == live.side;
            let market = ours.order_ref & OWN_REF != 0 || ours.order_ref == live.order_ref;
            let price = ours.price_nanos == live.price_nanos
                || ours.price_nanos == UNDEF_PRICE
                || live.price_nanos == UNDEF_PRICE;
            side && market && price && (ours.action, ours.lots) == (live.action, live.lots)
        }
        (FlowRecord::Trade(ours), FlowRecord::Trade(live)) => {
            (ours.price_nanos, ours.lots) == (live.price_nanos, live.lots)
        }
        _ => false,
    }
}

/// A record of ours in the place of a live one.
fn placed(ours: &FlowRecord, live: &FlowRecord) -> FlowRecord {
    let mut out = *ours;
    let header = out.header_mut();
    let live = live.header();
    (header.venue, header.source, header.sequence) = (live.venue, live.source, live.sequence);
    (header.venue_time_ns, header.receive_time_ns, header.flags) =
        (live.venue_time_ns, live.receive_time_ns, live.flags);
    out
}
