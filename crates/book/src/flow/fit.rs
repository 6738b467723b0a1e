//! Figures of real flow: rates, mix, sizes and distances that the generator reproduces; measured, written, read back.
//!
//! Invariant: figures are integers with their units in their names; a text with a missing or impossible figure is refused
//! with every error in it.

use std::collections::BTreeMap;
use std::fmt::Write;

use records::{BookAction, FLAG_LAST, FLAG_SNAPSHOT, FLAG_SYNTHETIC, MarketOrder, Side};

use super::{FlowFile, FlowRecord};
use crate::{Capacity, VenueBooks};

/// Quantiles kept of each distribution: the minimum, every fifth per cent, the maximum.
const QUANTILES: usize = 21;

/// Figures of one instrument's flow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlowFit {
    /// Smallest price step.
    pub tick_nanos: i64,
    /// A price of the day, where a book is to start from nothing.
    pub price_nanos: i64,
    /// Adds among a million events.
    pub add_ppm: u64,
    /// Cancels, whole or in part, among a million events.
    pub cancel_ppm: u64,
    /// Executions among a million events.
    pub execute_ppm: u64,
    /// Buys among a million adds.
    pub buy_ppm: u64,
    /// Orders that rest on one side, as found.
    pub side_orders: u64,
    /// Time between events.
    pub gap_ns: Vec<i64>,
    /// Lots of an add.
    pub add_lots: Vec<i64>,
    /// Lots of an execution.
    pub execute_lots: Vec<i64>,
    /// Ticks of an add behind the best price of its side; negative: before it.
    pub add_ticks: Vec<i64>,
    /// Ticks of a cancelled order behind the best price of its side.
    pub cancel_ticks: Vec<i64>,
}

/// AAPL at Nasdaq, measured from a LOBSTER sample.
pub const AAPL: &str = include_str!("../../../../venues/flow/fitted/aapl.toml");
/// ES at CME, measured from a Databento sample.
pub const ES: &str = include_str!("../../../../venues/flow/fitted/es.toml");

impl FlowFit {
    /// Reads figures from their text: `name = number` and `name = [numbers]`, comments after `#`.
    ///
    /// # Errors
    /// Every line that is wrong and every figure that is missing or impossible.
    pub fn parse(text: &str) -> Result<Self, Vec<String>> {
        let mut errors = Vec::new();
        let mut values: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            let parsed = line.split_once('=').map(|(key, value)| (key.trim(), numbers(value)));
            match parsed {
                Some(("source", _)) => {}
                Some((key, Some(numbers))) => drop(values.insert(key, numbers)),
                _ => errors.push(format!(
                    "line {}: \"{line}\"; a name, = and a whole number or a list of such are allowed",
                    at + 1
                )),
            }
        }
        let mut fit = Self::default();
        for (key, place) in fit.singles() {
            match values.remove(key).as_deref() {
                Some(&[value]) if value >= 0 => *place = value,
                Some(found) => errors.push(format!("{key} is {found:?}; one number from 0 is allowed")),
                None => errors.push(format!("{key} is missing; one number from 0 is needed")),
            }
        }
        let [mut add_ppm, mut cancel_ppm, mut execute_ppm, mut buy_ppm, mut side_orders] = [0_i64; 5];
        let counts = [
            ("add_ppm", &mut add_ppm),
            ("cancel_ppm", &mut cancel_ppm),
            ("execute_ppm", &mut execute_ppm),
            ("buy_ppm", &mut buy_ppm),
            ("side_orders", &mut side_orders),
        ];
        for (key, place) in counts {
            match values.remove(key).as_deref() {
                Some(&[value]) if (0..=1_000_000).contains(&value) => *place = value,
                Some(found) => errors.push(format!("{key} is {found:?}; one number from 0 to 1000000 is allowed")),
                None => errors.push(format!("{key} is missing; one number from 0 to 1000000 is needed")),
            }
        }
        for (key, place) in fit.lists() {
            match values.remove(key) {
                Some(list) if list.len() >= 2 && list.is_sorted() => *place = list,
                Some(list) => {
                    errors.push(format!("{key} is {list:?}; two or more numbers that never fall are allowed"))
                }
                None => errors.push(format!("{key} is missing; two or more numbers that never fall are needed")),
            }
        }
        errors.extend(values.keys().map(|key| format!("{key} is no figure of a flow")));
        fit.add_ppm = add_ppm.unsigned_abs();
        fit.cancel_ppm = cancel_ppm.unsigned_abs();
        fit.execute_ppm = execute_ppm.unsigned_abs();
        fit.buy_ppm = buy_ppm.unsigned_abs();
        fit.side_orders = side_orders.unsigned_abs();
        if errors.is_empty() {
            fit.check(&mut errors);
        }
        if errors.is_empty() { Ok(fit) } else { Err(errors) }
    }

    fn check(&self, errors: &mut Vec<String>) {
        if self.tick_nanos == 0 || self.price_nanos < 100 * self.tick_nanos {
            let words = format!(
                "price_nanos {} with tick_nanos {}; a tick above 0 and a price of 100 ticks or more are allowed",
                self.price_nanos, self.tick_nanos
            );
            errors.push(words);
        }
        if self.add_ppm + self.cancel_ppm + self.execute_ppm != 1_000_000 {
            errors.push("add_ppm, cancel_ppm and execute_ppm add up to something other than 1000000".to_owned());
        }
        let minimum = [
            ("gap_ns", self.gap_ns[0], 0),
            ("add_lots", self.add_lots[0], 1),
            ("execute_lots", self.execute_lots[0], 1),
        ];
        for (key, found, least) in minimum.into_iter().filter(|(_, found, least)| found < least) {
            errors.push(format!("{key} starts at {found}; {least} or more is allowed"));
        }
    }

    fn singles(&mut self) -> [(&'static str, &mut i64); 2] {
        [("tick_nanos", &mut self.tick_nanos), ("price_nanos", &mut self.price_nanos)]
    }

    fn lists(&mut self) -> [(&'static str, &mut Vec<i64>); 5] {
        [
            ("gap_ns", &mut self.gap_ns),
            ("add_lots", &mut self.add_lots),
            ("execute_lots", &mut self.execute_lots),
            ("add_ticks", &mut self.add_ticks),
            ("cancel_ticks", &mut self.cancel_ticks),
        ]
    }

    /// The text that [`FlowFit::parse`] reads, with its source named.
    pub fn to_toml(&self, source: &str) -> String {
        let mut copy = self.clone();
        let mut text = format!("source = {source:?}\n");
        let counts = [
            ("add_ppm", self.add_ppm),
            ("cancel_ppm", self.cancel_ppm),
            ("execute_ppm", self.execute_ppm),
            ("buy_ppm", self.buy_ppm),
            ("side_orders", self.side_orders),
        ];
        // Writing to a string does not fail.
        copy.singles().iter().for_each(|(key, value)| _ = writeln!(text, "{key} = {value}"));
        counts.iter().for_each(|(key, value)| _ = writeln!(text, "{key} = {value}"));
        copy.lists().iter().for_each(|(key, list)| _ = writeln!(text, "{key} = {list:?}"));
        text
    }

    /// Measures one instrument of a file. `None` when it has fewer than 20 live events.
    pub fn measure(file: &FlowFile, instrument: u32, tick_nanos: i64) -> Option<Self> {
        let mut measured = Measured::new(file, tick_nanos);
        let of_instrument = |record: &FlowRecord| record.header().instrument == instrument;
        for record in file.records().filter(of_instrument) {
            if let FlowRecord::Order(order) = record {
                measured.take(&order);
            }
        }
        measured.finish(instrument)
    }
}

fn numbers(text: &str) -> Option<Vec<i64>> {
    let text = text.trim();
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let parts = inner.unwrap_or(text).split(',').map(str::trim).filter(|part| !part.is_empty());
    parts
        .map(|part| part.replace('_', "").parse().ok())
        .collect::<Option<Vec<i64>>>()
        .filter(|_| inner.is_some() || !text.contains(','))
}

/// Samples of everything that is fitted.
struct Measured {
    books: VenueBooks,
    tick_nanos: i64,
    gaps: Vec<i64>,
    last_ns: u64,
    add_lots: Vec<i64>,
    execute_lots: Vec<i64>,
    add_ticks: Vec<i64>,
    cancel_ticks: Vec<i64>,
    buys: u64,
    price_nanos: i64,
}

impl Measured {
    fn new(file: &FlowFile, tick_nanos: i64) -> Self {
        let orders = file.records().count().max(1);
        let capacity = Capacity { instruments: file.symbols.len(), orders, levels_per_side: orders.min(1 << 16) };
        Self {
            books: VenueBooks::new(capacity),
            tick_nanos,
            gaps: Vec::new(),
            last_ns: 0,
            add_lots: Vec::new(),
            execute_lots: Vec::new(),
            add_ticks: Vec::new(),
            cancel_ticks: Vec::new(),
            buys: 0,
            price_nanos: 0,
        }
    }

    fn take(&mut self, order: &MarketOrder) {
        if order.header.flags & (FLAG_SNAPSHOT | FLAG_SYNTHETIC) == 0 {
            self.sample(order);
        }
        self.books.apply(order);
        let best = self.books.best(order.header.instrument, Side::Buy);
        if let Some(level) = best.filter(|_| order.header.flags & FLAG_LAST != 0) {
            self.price_nanos = level.price_nanos;
        }
    }

    fn sample(&mut self, order: &MarketOrder) {
        let time_ns = order.header.venue_time_ns;
        if self.last_ns > 0 {
            self.gaps.push(time_ns.saturating_sub(self.last_ns).cast_signed());
        }
        self.last_ns = time_ns;
        match BookAction::from_code(order.action) {
            Some(BookAction::Add) => self.sample_add(order, Side::from_code(order.side), order.price_nanos, order.lots),
            Some(BookAction::Modify | BookAction::Replace) => {
                // A move is a cancel and an add.
                self.sample_cancel(order);
                let side = self.books.order(order.order_ref).map(|resting| resting.side);
                self.sample_add(order, side, order.price_nanos, order.lots);
            }
            Some(BookAction::Reduce | BookAction::Delete) => self.sample_cancel(order),
            Some(BookAction::Execute) => self.execute_lots.push(order.lots),
            _ => {}
        }
    }

    fn ticks_behind(&self, instrument: u32, side: Side, price_nanos: i64) -> Option<i64> {
        let best = self.books.best(instrument, side)?;
        Some((best.price_nanos - price_nanos) * side.sign() / self.tick_nanos)
    }

    fn sample_add(&mut self, order: &MarketOrder, side: Option<Side>, price_nanos: i64, lots: i64) {
        let Some(side) = side else { return };
        self.buys += u64::from(side == Side::Buy);
        self.add_lots.push(lots);
        self.add_ticks.extend(self.ticks_behind(order.header.instrument, side, price_nanos));
    }

    fn sample_cancel(&mut self, order: &MarketOrder) {
        let Some(resting) = self.books.order(order.order_ref) else { return };
        self.cancel_ticks.extend(self.ticks_behind(order.header.instrument, resting.side, resting.price_nanos));
    }

    fn finish(mut self, instrument: u32) -> Option<FlowFit> {
        let (adds, cancels, executes) = (self.add_lots.len(), self.cancel_ticks.len(), self.execute_lots.len());
        let events = adds + cancels + executes;
        if events < 20 || adds == 0 || cancels == 0 || executes == 0 {
            return None;
        }
        let share = |count: usize| (count as u64 * 1_000_000) / events as u64;
        let mut side_orders = 0;
        for side in [Side::Buy, Side::Sell] {
            self.books.visit(instrument, side, |_| {
                side_orders += 1;
                true
            });
        }
        Some(FlowFit {
            tick_nanos: self.tick_nanos,
            price_nanos: self.price_nanos,
            add_ppm: 1_000_000 - share(cancels) - share(executes),
            cancel_ppm: share(cancels),
            execute_ppm: share(executes),
            buy_ppm: self.buys * 1_000_000 / adds as u64,
            side_orders: side_orders / 2,
            gap_ns: quantiles(&mut self.gaps),
            add_lots: quantiles(&mut self.add_lots),
            execute_lots: quantiles(&mut self.execute_lots),
            add_ticks: quantiles(&mut self.add_ticks),
            cancel_ticks: quantiles(&mut self.cancel_ticks),
        })
    }
}

fn quantiles(values: &mut [i64]) -> Vec<i64> {
    values.sort_unstable();
    let last = values.len().saturating_sub(1);
    (0..QUANTILES).filter_map(|step| values.get(step * last / (QUANTILES - 1)).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_figures_are_read_and_written_back() {
        for text in [AAPL, ES] {
            let fit = FlowFit::parse(text).unwrap_or_else(|errors| panic!("{errors:?}"));
            assert_eq!(FlowFit::parse(&fit.to_toml("somewhere")), Ok(fit));
        }
    }

    #[test]
    fn every_wrong_figure_is_told() {
        let errors = FlowFit::parse("tick_nanos = x\nadd_lots = [3, 1]\nbuy_ppm = 2000000\ncolour = 1").unwrap_err();
        let told = |word: &str| errors.iter().any(|error| error.contains(word));
        assert!(told("line 1") && told("add_lots is [3, 1]") && told("buy_ppm is [2000000]") && told("colour"));
        assert!(told("cancel_ticks is missing"));
    }
}
