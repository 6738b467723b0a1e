//! Recorded flow as orders at an exchange: what to enter and cancel when, given what became of it so far.
//!
//! Adds become orders. Cancels act on what is left. An execution becomes an immediate order of its size from the other
//! side at the historical price. Records for quantity that someone else took are counted and dropped. When the file
//! ends the generator goes on from the book as it stands.
//!
//! Invariant: pure: time and what happened come in, commands go out; the same input gives the same commands. The mirror
//! holds exactly the driver's own orders that rest at the exchange, as far as the exchange has told.

use std::collections::{BTreeMap, HashMap};

use records::{BookAction, FLAG_SNAPSHOT, FLAG_SYNTHETIC, MarketOrder, Side, UNDEF_PRICE};

use super::FlowRecord;
use super::fit::FlowFit;
use super::generator::Generator;
use super::random::Random;
use crate::OrderBook;

/// What the exchange is to do. References are the driver's own, dense from 1, each used once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowCommand {
    /// A limit order that may rest.
    Enter {
        /// The driver's reference.
        flow_ref: u64,
        /// Its side.
        side: Side,
        /// Its price.
        price_nanos: i64,
        /// Its lots.
        lots: i64,
    },
    /// Lots of a resting order are to go.
    Cancel {
        /// The order.
        flow_ref: u64,
        /// How many; 0: all.
        lots: i64,
    },
    /// An order that trades at once and does not rest.
    Ioc {
        /// The driver's reference.
        flow_ref: u64,
        /// Its side.
        side: Side,
        /// Its limit.
        price_nanos: i64,
        /// Its lots.
        lots: i64,
    },
}

/// How a lagged copy differs from the flow it copies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Noise {
    /// Adds left out, of a million; so is all that is later said of them.
    pub leave_out_ppm: u64,
    /// Adds moved one tick away from the touch, of a million.
    pub shift_ppm: u64,
    /// Each record comes up to so much later; the order of records stays.
    pub jitter_ns: u64,
}

/// How a driver runs.
#[derive(Clone, Debug)]
pub struct DriverConfig {
    /// Seed of noise and generator.
    pub seed: u64,
    /// Recorded time runs so fast: 1,000,000 is as recorded, 10,000,000 ten times faster.
    pub speed_ppm: u64,
    /// The whole flow comes so much later.
    pub lag_ns: u64,
    /// How it differs from the record.
    pub noise: Noise,
    /// Figures with which the generator goes on, and the tick.
    pub fit: FlowFit,
    /// Orders of its own that may rest at once.
    pub orders_max: usize,
    /// Whether the generator goes on when the records end.
    pub goes_on: bool,
}

/// What became of a file's records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DriverCounts {
    /// Orders entered to set up the book: a snapshot's or seeded.
    pub setup: u64,
    /// Real messages that became commands.
    pub replayed: u64,
    /// Messages that ask for nothing, by reason.
    pub skipped: BTreeMap<&'static str, u64>,
    /// Messages for quantity that is no longer there, by reason.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Lots of such messages, whole or in part.
    pub dropped_lots: u64,
    /// Events of the generator.
    pub generated: u64,
}

/// A recorded order and what it is at the exchange.
#[derive(Clone, Copy)]
struct Recorded {
    flow_ref: u64,
    /// Lots it has in the record.
    lots: i64,
}

/// Drives one instrument at one venue.
pub struct FlowDriver {
    records: Vec<FlowRecord>,
    position: usize,
    config: DriverConfig,
    random: Random,
    generator: Generator,
    mirror: OrderBook,
    recorded: HashMap<u64, Recorded>,
    next_ref: u64,
    start_ns: u64,
    base_ns: u64,
    /// When the next record or generated event is due.
    due_ns: u64,
    end_ns: Option<u64>,
    counts: DriverCounts,
}

const TAKEN: &str = "the quantity was taken before";
const NO_ROOM: &str = "no room for another order";
const LEFT_OUT: &str = "left out by the copy's noise";

impl FlowDriver {
    /// Of the records of one instrument, in file order; none: the generator alone.
    pub fn new(records: Vec<FlowRecord>, config: DriverConfig, start_ns: u64) -> Self {
        let base_ns = records.iter().find(|record| !is_setup(record)).map_or(0, |record| record.header().venue_time_ns);
        let mut driver = Self {
            records,
            position: 0,
            random: Random::new(config.seed),
            generator: Generator::new(config.fit.clone(), config.seed ^ 0x5bd1_e995),
            mirror: OrderBook::with_capacity(config.orders_max.max(1)),
            recorded: HashMap::with_capacity(config.orders_max),
            next_ref: 0,
            start_ns,
            base_ns,
            due_ns: start_ns,
            end_ns: None,
            counts: DriverCounts::default(),
            config,
        };
        driver.schedule();
        driver
    }

    /// When something is due next; `u64::MAX`: never again.
    pub const fn due_ns(&self) -> u64 {
        self.due_ns
    }

    /// What became of the records so far.
    pub const fn counts(&self) -> &DriverCounts {
        &self.counts
    }

    /// Records not looked at yet.
    pub fn records_left(&self) -> usize {
        self.records.len() - self.position
    }

    /// How much of the time up to now was driven by real records, ns.
    pub fn real_ns(&self, now_ns: u64) -> u64 {
        if self.base_ns == 0 {
            return 0;
        }
        self.end_ns.unwrap_or(now_ns).min(now_ns).saturating_sub(self.start_ns + self.config.lag_ns)
    }

    /// The driver's own resting orders.
    pub const fn mirror(&self) -> &OrderBook {
        &self.mirror
    }

    /// The exchange traded lots of an order of ours.
    pub fn on_filled(&mut self, flow_ref: u64, lots: i64) {
        if let Some(order) = self.mirror.order(flow_ref) {
            self.mirror_take(flow_ref, lots.min(order.lots));
        }
    }

    /// The exchange ended or refused an order of ours.
    pub fn on_closed(&mut self, flow_ref: u64) {
        if let Some(order) = self.mirror.order(flow_ref) {
            self.mirror_take(flow_ref, order.lots);
        }
    }

    /// Gives the commands that are due, up to about `commands_max`; says how many. What a command leads to is best told
    /// ([`FlowDriver::on_filled`], [`FlowDriver::on_closed`]) before the next record is looked at: poll with a maximum
    /// of 1 until nothing is given.
    pub fn poll(&mut self, now_ns: u64, commands_max: usize, out: &mut impl FnMut(FlowCommand)) -> usize {
        let mut given = 0;
        while given < commands_max && self.due_ns <= now_ns {
            let mut count = |command: FlowCommand| {
                given += 1;
                out(command);
            };
            if let Some(record) = self.records.get(self.position).copied() {
                self.position += 1;
                self.replay(&record, &mut count);
            } else {
                self.generate(&mut count);
            }
            self.schedule();
        }
        given
    }

    fn schedule(&mut self) {
        if let Some(record) = self.records.get(self.position) {
            if is_setup(record) && self.counts.replayed == 0 {
                return;
            }
            let recorded_ns = u128::from(record.header().venue_time_ns.saturating_sub(self.base_ns));
            let scaled_ns = recorded_ns * 1_000_000 / u128::from(self.config.speed_ppm.max(1));
            let jitter_ns = self.random.below(self.config.noise.jitter_ns);
            let due_ns =
                self.start_ns + self.config.lag_ns + u64::try_from(scaled_ns).unwrap_or(u64::MAX / 2) + jitter_ns;
            self.due_ns = self.due_ns.max(due_ns);
            return;
        }
        if self.end_ns.is_none() {
            self.end_ns = Some(self.due_ns);
            self.due_ns = self.due_ns.max(self.start_ns + self.config.lag_ns);
        }
        if self.config.goes_on {
            self.due_ns += self.generator.gap_ns();
        } else {
            self.due_ns = u64::MAX;
        }
    }

    fn replay(&mut self, record: &FlowRecord, out: &mut impl FnMut(FlowCommand)) {
        let order = match record {
            FlowRecord::Order(order) => order,
            FlowRecord::Level(_) => return self.skip("a level, which tells of no order"),
            FlowRecord::Trade(_) => return self.skip("a trade that no displayed order explains"),
            FlowRecord::Status(_) => return self.skip("trading state"),
            FlowRecord::Imbalance(_) => return self.skip("a word about an auction"),
        };
        match BookAction::from_code(order.action) {
            Some(BookAction::Add) => self.add(record, order, out),
            Some(BookAction::Execute) => self.execute(order, out),
            Some(BookAction::Reduce) => self.reduce(order, order.lots, out),
            Some(BookAction::Delete) => self.reduce(order, i64::MAX, out),
            Some(BookAction::Modify) => self.modify(order, order.order_ref, out),
            Some(BookAction::Replace) => self.modify(order, order.new_order_ref, out),
            Some(BookAction::Clear) => self.clear(order, out),
            None => self.skip("an action that is not known"),
        }
    }

    fn skip(&mut self, reason: &'static str) {
        *self.counts.skipped.entry(reason).or_default() += 1;
    }

    fn drop_record(&mut self, reason: &'static str, lots: i64) {
        *self.counts.dropped.entry(reason).or_default() += 1;
        self.counts.dropped_lots += lots.unsigned_abs();
    }

    /// The order at the exchange of a recorded order, and what is left of it.
    fn find(&mut self, order_ref: u64) -> Option<(Recorded, i64, Side, i64)> {
        let Some(recorded) = self.recorded.get(&order_ref).copied() else {
            self.drop_record(LEFT_OUT, 0);
            return None;
        };
        let resting = self.mirror.order(recorded.flow_ref);
        Some(resting.map_or((recorded, 0, Side::Buy, 0), |order| (recorded, order.lots, order.side, order.price_nanos)))
    }

    fn add(&mut self, record: &FlowRecord, order: &MarketOrder, out: &mut impl FnMut(FlowCommand)) {
        let Some(side) = Side::from_code(order.side) else { return self.skip("an order without a side") };
        let noise = self.config.noise;
        if noise.leave_out_ppm > 0 && self.random.happens(noise.leave_out_ppm) {
            return self.skip(LEFT_OUT);
        }
        let mut price_nanos = order.price_nanos;
        if noise.shift_ppm > 0 && self.random.happens(noise.shift_ppm) && price_nanos > self.config.fit.tick_nanos {
            price_nanos -= side.sign() * self.config.fit.tick_nanos;
        }
        if self.enter(order.order_ref, side, price_nanos, order.lots, order.lots, out) {
            if is_setup(record) {
                self.counts.setup += 1;
            } else {
                self.counts.replayed += 1;
            }
        }
    }

    fn enter(
        &mut self,
        order_ref: u64,
        side: Side,
        price_nanos: i64,
        lots: i64,
        recorded_lots: i64,
        out: &mut impl FnMut(FlowCommand),
    ) -> bool {
        self.next_ref += 1;
        let flow_ref = self.next_ref;
        if !self.mirror_add(flow_ref, side, price_nanos, lots) {
            self.drop_record(NO_ROOM, lots);
            return false;
        }
        self.recorded.insert(order_ref, Recorded { flow_ref, lots: recorded_lots });
        out(FlowCommand::Enter { flow_ref, side, price_nanos, lots });
        true
    }

    /// An execution trades as much as is left of its order; what someone else took cannot trade again.
    fn execute(&mut self, order: &MarketOrder, out: &mut impl FnMut(FlowCommand)) {
        let Some((recorded, left, side, own_price)) = self.find(order.order_ref) else { return };
        self.set_recorded(order.order_ref, recorded, recorded.lots - order.lots);
        let lots = order.lots.min(left);
        if lots < order.lots {
            self.counts.dropped_lots += (order.lots - lots).unsigned_abs();
        }
        if lots == 0 {
            return self.drop_record(TAKEN, 0);
        }
        self.counts.replayed += 1;
        self.next_ref += 1;
        let price_nanos = if order.price_nanos == UNDEF_PRICE { own_price } else { order.price_nanos };
        out(FlowCommand::Ioc { flow_ref: self.next_ref, side: side.opposite(), price_nanos, lots });
    }

    /// A cancel leaves no more than the record leaves; where less is left already it asks for nothing.
    fn reduce(&mut self, order: &MarketOrder, lots: i64, out: &mut impl FnMut(FlowCommand)) {
        let Some((recorded, left, ..)) = self.find(order.order_ref) else { return };
        let remaining = recorded.lots.saturating_sub(lots).max(0);
        self.set_recorded(order.order_ref, recorded, remaining);
        let surplus = (left - remaining).max(0);
        if surplus == 0 {
            return self.drop_record(TAKEN, lots.min(recorded.lots).max(0));
        }
        if order.header.flags & (FLAG_SNAPSHOT | FLAG_SYNTHETIC) == 0 {
            self.counts.replayed += 1;
        } else {
            self.counts.setup += 1;
        }
        self.cancel(recorded.flow_ref, surplus, left, out);
    }

    fn cancel(&mut self, flow_ref: u64, lots: i64, left: i64, out: &mut impl FnMut(FlowCommand)) {
        out(FlowCommand::Cancel { flow_ref, lots: if lots == left { 0 } else { lots } });
        self.mirror_take(flow_ref, lots);
    }

    fn set_recorded(&mut self, order_ref: u64, recorded: Recorded, lots: i64) {
        // An order that is over in the record but rests at the exchange (someone ahead of it traded instead) stays
        // known to the mirror: the generator cancels it in time.
        if lots <= 0 {
            self.recorded.remove(&order_ref);
        } else {
            self.recorded.insert(order_ref, Recorded { lots, ..recorded });
        }
    }

    /// Modify and Replace: less at the same price is a cancel; anything else is a cancel and a new order, less what
    /// someone else took.
    fn modify(&mut self, order: &MarketOrder, new_ref: u64, out: &mut impl FnMut(FlowCommand)) {
        let Some((recorded, left, side, own_price)) = self.find(order.order_ref) else { return };
        let taken = (recorded.lots - left).max(0);
        if left == 0 {
            self.recorded.remove(&order.order_ref);
            return self.drop_record(TAKEN, order.lots);
        }
        let in_place = new_ref == order.order_ref && order.price_nanos == own_price && order.lots <= recorded.lots;
        if in_place {
            return self.reduce(order, recorded.lots - order.lots, out);
        }
        self.counts.replayed += 1;
        self.recorded.remove(&order.order_ref);
        self.cancel(recorded.flow_ref, left, left, out);
        let lots = order.lots - taken;
        if lots > 0 {
            self.enter(new_ref, side, order.price_nanos, lots, order.lots, out);
        }
        self.counts.dropped_lots += taken.min(order.lots).unsigned_abs();
    }

    fn clear(&mut self, order: &MarketOrder, out: &mut impl FnMut(FlowCommand)) {
        let mut resting = Vec::new();
        for side in [Side::Buy, Side::Sell] {
            if order.side == 0 || order.side == side as u8 {
                self.mirror.visit(side, |order| {
                    resting.push(order);
                    true
                });
            }
        }
        if resting.is_empty() {
            return self.skip("a clear of an empty book");
        }
        self.counts.replayed += 1;
        resting.iter().for_each(|order| self.cancel(order.order_ref, order.lots, order.lots, out));
        if order.side == 0 {
            self.recorded.clear();
        }
    }

    fn generate(&mut self, out: &mut impl FnMut(FlowCommand)) {
        let mut commands = [None; 32];
        let mut count = 0;
        self.generator.step(&self.mirror, &mut self.next_ref, |command| {
            if let Some(place) = commands.get_mut(count) {
                *place = Some(command);
                count += 1;
            }
        });
        self.counts.generated += 1;
        for command in commands.into_iter().flatten() {
            match command {
                FlowCommand::Enter { flow_ref, side, price_nanos, lots } => {
                    if self.mirror_add(flow_ref, side, price_nanos, lots) {
                        out(command);
                    }
                }
                FlowCommand::Cancel { flow_ref, .. } => {
                    out(command);
                    self.on_closed(flow_ref);
                }
                FlowCommand::Ioc { .. } => out(command),
            }
        }
    }

    fn mirror_add(&mut self, flow_ref: u64, side: Side, price_nanos: i64, lots: i64) -> bool {
        let mut record = MarketOrder::new();
        record.action = BookAction::Add as u8;
        (record.order_ref, record.side, record.price_nanos, record.lots) = (flow_ref, side as u8, price_nanos, lots);
        self.mirror.apply(&record).anomaly.is_none()
    }

    fn mirror_take(&mut self, flow_ref: u64, lots: i64) {
        let mut record = MarketOrder::new();
        record.action = BookAction::Reduce as u8;
        (record.order_ref, record.lots) = (flow_ref, lots);
        self.mirror.apply(&record);
    }
}

fn is_setup(record: &FlowRecord) -> bool {
    record.header().flags & (FLAG_SNAPSHOT | FLAG_SYNTHETIC) != 0
}
