//! Seeded order flow with the figures of real flow, from an empty book or from the book as it stands.
//!
//! Invariant: the same figures, seed and books give the same commands; an add never crosses the flow's own other side.

use records::{Level, Side};

use super::driver::FlowCommand;
use super::fit::FlowFit;
use super::random::Random;
use crate::OrderBook;

/// Levels of a side that an empty book is given.
const SEED_LEVELS: i64 = 12;
/// Levels among which a cancel looks for its price.
const SEARCH_LEVELS: usize = 64;
/// Orders of a side below which executions become adds, and the most below which cancels do: a book from nothing fills up
/// before it thins out, however deep the sample's was.
const SIDE_ORDERS_MIN: u64 = 8;
const SIDE_ORDERS_THIN: u64 = 24;

/// What one step looks like.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Add,
    Cancel,
    Execute,
}

/// Makes the next event of a flow whenever it is asked.
pub struct Generator {
    fit: FlowFit,
    random: Random,
    /// The last price known of each side, for a side that is empty.
    last: [i64; 2],
}

impl Generator {
    /// From figures and a seed.
    pub const fn new(fit: FlowFit, seed: u64) -> Self {
        let price_nanos = fit.price_nanos - fit.price_nanos % fit.tick_nanos;
        let last = [price_nanos, price_nanos + fit.tick_nanos];
        Self { fit, random: Random::new(seed), last }
    }

    /// Time to the next event.
    pub fn gap_ns(&mut self) -> u64 {
        self.random.from_quantiles(&self.fit.gap_ns).max(0).unsigned_abs()
    }

    /// One event, given the flow's own orders. `next_ref` counts the references it uses.
    pub fn step(&mut self, book: &OrderBook, next_ref: &mut u64, mut out: impl FnMut(FlowCommand)) {
        let bests = [book.best(Side::Buy), book.best(Side::Sell)];
        for (last, best) in self.last.iter_mut().zip(&bests) {
            *last = best.map_or(*last, |level| level.price_nanos);
        }
        if bests.iter().all(Option::is_none) {
            return self.seed(next_ref, &mut out);
        }
        let side = if self.random.happens(self.fit.buy_ppm) { Side::Buy } else { Side::Sell };
        let orders = self.orders_of(book, side);
        let wanted = self.fit.side_orders.max(SIDE_ORDERS_MIN);
        let step = match self.random.below(1_000_000) {
            roll if roll < self.fit.add_ppm => Step::Add,
            roll if roll < self.fit.add_ppm + self.fit.cancel_ppm => Step::Cancel,
            _ => Step::Execute,
        };
        match step {
            Step::Add if orders > 2 * wanted => self.cancel(book, side, &mut out),
            Step::Cancel if orders < (wanted / 2).min(SIDE_ORDERS_THIN) => self.add(side, &bests, next_ref, &mut out),
            Step::Execute if orders < SIDE_ORDERS_MIN => self.add(side, &bests, next_ref, &mut out),
            Step::Add => self.add(side, &bests, next_ref, &mut out),
            Step::Cancel => self.cancel(book, side, &mut out),
            Step::Execute => self.execute(side, &bests, next_ref, &mut out),
        }
    }

    fn orders_of(&self, book: &OrderBook, side: Side) -> u64 {
        let mut levels = [Level::zeroed(); SEARCH_LEVELS];
        let count = book.fill_levels(side, &mut levels);
        levels[..count].iter().map(|level| level.orders.unsigned_abs()).sum()
    }

    fn lots_of_add(&mut self) -> i64 {
        self.random.from_quantiles(&self.fit.add_lots).max(1)
    }

    /// Levels of both sides around the figure's price, thinning out with the distance found in the sample.
    fn seed(&mut self, next_ref: &mut u64, out: &mut impl FnMut(FlowCommand)) {
        let median = self.fit.add_ticks[self.fit.add_ticks.len() / 2];
        let spacing = (median / SEED_LEVELS).clamp(1, 50) * self.fit.tick_nanos;
        for level in 0..SEED_LEVELS {
            for side in [Side::Buy, Side::Sell] {
                let price_nanos = self.last[side.index()] - side.sign() * level * spacing;
                let lots = self.lots_of_add();
                enter(next_ref, side, price_nanos, lots, out);
            }
        }
    }

    fn add(&mut self, side: Side, bests: &[Option<Level>; 2], next_ref: &mut u64, out: &mut impl FnMut(FlowCommand)) {
        let tick = self.fit.tick_nanos;
        let ticks = self.random.from_quantiles(&self.fit.add_ticks);
        let mut price_nanos = self.last[side.index()] - side.sign() * ticks.saturating_mul(tick);
        if let Some(opposite) = &bests[side.opposite().index()] {
            let nearest = opposite.price_nanos - side.sign() * tick;
            price_nanos = if side == Side::Buy { price_nanos.min(nearest) } else { price_nanos.max(nearest) };
        }
        let lots = self.lots_of_add();
        if price_nanos >= tick {
            enter(next_ref, side, price_nanos, lots, out);
        }
    }

    /// The order nearest to a distance that the sample's cancels had; any order of its level.
    fn cancel(&mut self, book: &OrderBook, side: Side, out: &mut impl FnMut(FlowCommand)) {
        let mut levels = [Level::zeroed(); SEARCH_LEVELS];
        let count = book.fill_levels(side, &mut levels);
        let ticks = self.random.from_quantiles(&self.fit.cancel_ticks);
        let target = self.last[side.index()] - side.sign() * ticks.saturating_mul(self.fit.tick_nanos);
        let nearest = levels[..count].iter().min_by_key(|level| level.price_nanos.abs_diff(target));
        let Some(level) = nearest else { return };
        let mut skip = self.random.below(level.orders.unsigned_abs());
        let mut found = None;
        book.visit(side, |order| {
            if order.price_nanos != level.price_nanos {
                return true;
            }
            found = Some(order.order_ref);
            skip = skip.wrapping_sub(1);
            skip != u64::MAX
        });
        if let Some(flow_ref) = found {
            out(FlowCommand::Cancel { flow_ref, lots: 0 });
        }
    }

    fn execute(
        &mut self,
        side: Side,
        bests: &[Option<Level>; 2],
        next_ref: &mut u64,
        out: &mut impl FnMut(FlowCommand),
    ) {
        let lots = self.random.from_quantiles(&self.fit.execute_lots).max(1);
        if let Some(resting) = &bests[side.opposite().index()] {
            *next_ref += 1;
            out(FlowCommand::Ioc { flow_ref: *next_ref, side, price_nanos: resting.price_nanos, lots });
        }
    }
}

fn enter(next_ref: &mut u64, side: Side, price_nanos: i64, lots: i64, out: &mut impl FnMut(FlowCommand)) {
    *next_ref += 1;
    out(FlowCommand::Enter { flow_ref: *next_ref, side, price_nanos, lots });
}
