//! A venue with the ways to and from it.
//!
//! Invariant: what left first arrives first on each way; a command acts at the venue when it arrives there, never earlier.

use std::collections::VecDeque;

use book::flow::FlowRecord;
use records::{FLAG_LAST, OrderEvent};

use crate::exact::{Exact, RECORD};
use crate::fees::Fees;
use crate::impact::Impact;
use crate::latency::{Latency, Way};
use crate::level::Levels;
use crate::level_book::Book;
use crate::queue::QueueModel;

/// An instrument as a venue lists it.
#[derive(Clone, Copy, Debug)]
pub struct Listed {
    /// Instrument.
    pub instrument: u32,
    /// Units of one lot times 1e8.
    pub units_e8: i64,
    /// Prices are multiples of this.
    pub tick_nanos: i64,
    /// Smallest price.
    pub price_min_nanos: i64,
    /// Largest price.
    pub price_max_nanos: i64,
    /// Quantities are multiples of this.
    pub increment_lots: i64,
}

/// What a venue is made of.
#[derive(Clone, Debug)]
pub struct VenueConfig {
    /// Venue id.
    pub venue: u16,
    /// What it lists.
    pub listed: Vec<Listed>,
    /// Market data's way to the engine.
    pub feed: Latency,
    /// A command's way to the venue.
    pub order: Latency,
    /// A report's way back.
    pub report: Latency,
    /// Its charges.
    pub fees: Fees,
    /// Resting orders of all its books.
    pub orders_max: usize,
    /// `None`: order by order. Else data by level, and how our place in a level's queue is estimated.
    pub queue: Option<QueueModel>,
}

/// What one thing that happened at a venue led to.
#[derive(Default)]
pub(crate) struct Made {
    pub market: Outgoing<FlowRecord>,
    pub reports: Outgoing<OrderEvent>,
}

/// What is on its way to the engine; behind it, what was made and has not set out.
pub(crate) struct Outgoing<T> {
    records: VecDeque<T>,
    set_out: usize,
}

impl<T> Outgoing<T> {
    /// One more is made.
    #[inline]
    pub fn push(&mut self, record: T) {
        self.records.push_back(record);
    }

    /// What was made.
    #[inline]
    pub fn made(&mut self) -> impl DoubleEndedIterator<Item = &mut T> {
        self.records.range_mut(self.set_out..)
    }

    /// All of it has set out.
    #[inline]
    pub fn leave(&mut self) {
        self.set_out = self.records.len();
    }

    /// The first one on its way.
    #[inline]
    pub fn front(&self) -> Option<&T> {
        if self.set_out > 0 { self.records.front() } else { None }
    }

    /// The first one has arrived.
    #[inline]
    pub fn pop(&mut self) {
        if self.set_out > 0 {
            self.set_out -= 1;
            self.records.pop_front();
        }
    }

    /// All that was made, which does not set out from here.
    pub fn take(&mut self) -> Vec<T> {
        self.records.drain(std::mem::take(&mut self.set_out)..).collect()
    }
}

impl<T> Default for Outgoing<T> {
    fn default() -> Self {
        Self { records: VecDeque::with_capacity(64), set_out: 0 }
    }
}

impl<T> Extend<T> for Outgoing<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, records: I) {
        self.records.extend(records);
    }
}

impl Made {
    /// Everything in it is one venue event.
    pub fn end_event(&mut self) {
        self.end_event_as(FLAG_LAST);
    }

    /// The last of it ends a venue event if the record that it stands for did.
    pub fn end_event_as(&mut self, flags: u8) {
        if let Some(last) = self.market.made().next_back() {
            last.header_mut().flags |= flags & FLAG_LAST;
        }
    }
}

enum Model {
    Exact(Box<Exact>),
    Levels(Box<Levels>),
}

/// A command on its way.
pub(crate) struct Command {
    arrival_ns: u64,
    length: u8,
    bytes: [u8; COMMAND_BYTES],
}

/// The longest command.
pub(crate) const COMMAND_BYTES: usize = 128;

impl Command {
    pub fn new(record: &[u8]) -> Self {
        let mut bytes = [0; COMMAND_BYTES];
        bytes[..record.len()].copy_from_slice(record);
        Self { arrival_ns: 0, length: record.len() as u8, bytes }
    }
}

/// What is due at a venue or at the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    Expiry,
    Command,
    Report,
    Feed,
    /// A number of the alpha tile.
    Signal,
}

/// The venue.
pub(crate) struct Venue {
    pub id: u16,
    model: Model,
    made: Made,
    commands: VecDeque<Command>,
    /// The earliest of expiries, commands and reports.
    other_due: (u64, Due),
    feed_way: Way,
    order_way: Way,
    report_way: Way,
}

impl Venue {
    pub fn new(config: &VenueConfig) -> Self {
        let model = match &config.queue {
            None => Model::Exact(Box::new(Exact::new(config.venue, &config.listed, config.orders_max, config.fees))),
            Some(queue) => Model::Levels(Box::new(Levels::new(config.venue, &config.listed, *queue, config.fees))),
        };
        Self {
            id: config.venue,
            model,
            made: Made::default(),
            commands: VecDeque::with_capacity(64),
            other_due: (u64::MAX, Due::Expiry),
            feed_way: Way::new(config.feed.clone()),
            order_way: Way::new(config.order.clone()),
            report_way: Way::new(config.report.clone()),
        }
    }

    /// The earliest that is on its way or ends here, and what it is; on one instant in the order of [`Due`].
    #[inline(always)]
    pub fn due(&self) -> (u64, Due) {
        let arrival_ns = self.made.market.front().map_or(u64::MAX, |record| record.header().receive_time_ns);
        if arrival_ns < self.other_due.0 { (arrival_ns, Due::Feed) } else { self.other_due }
    }

    /// Finds the earliest of what is no market data: called wherever one of them may have changed.
    fn look(&mut self) {
        let expiry_ns = match &self.model {
            Model::Exact(exact) => exact.next_expiry_ns(),
            Model::Levels(levels) => levels.next_expiry_ns(),
        };
        let mut due = (expiry_ns, Due::Expiry);
        if let Some(command) = self.commands.front() {
            due = due.min((command.arrival_ns, Due::Command));
        }
        if let Some(report) = self.made.reports.front() {
            due = due.min((report.header.receive_time_ns, Due::Report));
        }
        self.other_due = due;
    }

    /// A word of the record. If it goes to the engine as it stands, and nothing else happened, it is stamped so where it lies,
    /// and this says when it arrives.
    #[inline]
    pub fn on_record(&mut self, now_ns: u64, record: &mut FlowRecord) -> Option<u64> {
        let as_it_stands = match &mut self.model {
            Model::Exact(exact) => exact.on_record(now_ns, record, &mut self.made),
            Model::Levels(levels) => levels.on_record(now_ns, record, &mut self.made),
        };
        if !as_it_stands {
            self.leave(now_ns);
            return None;
        }
        let arrival_ns = self.feed_way.arrival_ns(now_ns);
        let header = record.header_mut();
        (header.venue, header.receive_time_ns) = (self.id, arrival_ns);
        if let Model::Levels(_) = self.model {
            header.venue_time_ns = now_ns;
        }
        Some(arrival_ns)
    }

    /// Whether no report overtakes market data that left before it.
    #[inline]
    pub fn tells_first(&self) -> bool {
        self.feed_way.is_before(&self.report_way)
    }

    /// Where records of an instrument may reach none of our orders: its book, and how long the feed always takes.
    #[inline(always)]
    pub fn quiet(&mut self, instrument: u32) -> Option<(&mut Book, QueueModel, u64)> {
        let Model::Levels(levels) = &mut self.model else { return None };
        let (book, model) = levels.quiet(instrument)?;
        Some((book, model, self.feed_way.constant_ns()?))
    }

    /// A record that [`Venue::on_record`] stamped sets out.
    #[inline]
    pub fn set_out(&mut self, record: &FlowRecord) {
        self.made.market.push(*record);
        self.made.market.leave();
    }

    /// Market data on its way to the engine.
    #[inline]
    pub fn feed(&mut self) -> &mut Outgoing<FlowRecord> {
        &mut self.made.market
    }

    /// Whether [`Venue::prefetch`] is of use.
    pub fn looks_ahead(&self) -> bool {
        matches!(self.model, Model::Exact(_))
    }

    /// Asks for memory that a coming record will look at.
    #[inline]
    pub fn prefetch(&self, order_ref: u64, near: bool) {
        if let Model::Exact(exact) = &self.model {
            exact.matching.prefetch_recorded(RECORD, order_ref, near);
        }
    }

    /// A command leaves the engine.
    pub fn send(&mut self, now_ns: u64, mut command: Command) {
        command.arrival_ns = self.order_way.arrival_ns(now_ns);
        self.commands.push_back(command);
        self.look();
    }

    /// The first report on its way.
    pub fn report(&self) -> Option<&OrderEvent> {
        self.made.reports.front()
    }

    /// The first report has arrived.
    pub fn pop_report(&mut self) {
        self.made.reports.pop();
        self.look();
    }

    /// The first command arrives.
    pub fn take_command(&mut self, now_ns: u64) {
        let Some(command) = self.commands.pop_front() else { return };
        let bytes = &command.bytes[..usize::from(command.length)];
        match &mut self.model {
            Model::Exact(exact) => exact.on_command(now_ns, bytes, &mut self.made),
            Model::Levels(levels) => levels.on_command(now_ns, bytes, &mut self.made),
        }
        self.leave(now_ns);
    }

    /// Orders of ours end by time.
    pub fn expire(&mut self, now_ns: u64) {
        match &mut self.model {
            Model::Exact(exact) => exact.expire(now_ns, &mut self.made),
            Model::Levels(levels) => levels.expire(now_ns, &mut self.made),
        }
        self.leave(now_ns);
    }

    /// What was made sets out.
    fn leave(&mut self, now_ns: u64) {
        for report in self.made.reports.made() {
            report.header.receive_time_ns = self.report_way.arrival_ns(now_ns);
        }
        self.made.reports.leave();
        for record in self.made.market.made() {
            let header = record.header_mut();
            (header.venue, header.venue_time_ns) = (self.id, now_ns);
            header.receive_time_ns = self.feed_way.arrival_ns(now_ns);
        }
        self.made.market.leave();
        self.look();
    }

    /// Where it parted from the record.
    pub fn impact(&self) -> &Impact {
        match &self.model {
            Model::Exact(exact) => &exact.impact,
            Model::Levels(levels) => &levels.impact,
        }
    }
}
