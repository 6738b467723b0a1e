//! Positions and profit by account and instrument, all venues together.
//!
//! Invariant: realised plus unrealised profit equals cash plus the marked value of the position, exactly: amounts are kept
//! in nanos times 1e8 (units per lot are stored so) and rounded, against ourselves, only when they are told. A bust is
//! booked as the opposite trade at the broken price.

use records::{Hash64, MoneyNanos, State, StateError, StateReader, StateValue, StateWriter, UNITS_E8, down_e8};

use crate::index::{Index, spread};

/// One account's position in one instrument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PositionCell {
    /// Account node.
    pub account: u32,
    /// Instrument.
    pub instrument: u32,
    /// Signed lots.
    pub lots: i64,
    /// Lots bought today, busts taken off.
    pub bought_lots: i64,
    /// Lots sold today, busts taken off.
    pub sold_lots: i64,
    /// Last mark, 0 before the first.
    pub mark_nanos: i64,
    /// Cash from trades and fees, in nanos × 1e8.
    pub cash_e8: i128,
    /// What the open position cost (negative: what its sale brought), in nanos × 1e8.
    pub cost_e8: i128,
    /// Realised by average cost, fees included, in nanos × 1e8.
    pub realised_e8: i128,
    /// Fees paid, rebates negative, in nanos.
    pub fees_nanos: i128,
    /// Strategy of the last change.
    pub strategy: u32,
    /// Slot of the last change.
    pub slot: u8,
    pub(crate) units_e8: i64,
    pub(crate) told_mark_nanos: i64,
}

records::state_value!(PositionCell {
    account,
    instrument,
    lots,
    bought_lots,
    sold_lots,
    mark_nanos,
    cash_e8,
    cost_e8,
    realised_e8,
    fees_nanos,
    strategy,
    slot,
    units_e8,
    told_mark_nanos,
});

impl PositionCell {
    /// Value of the position at its mark, nanos × 1e8.
    pub fn value_e8(&self) -> i128 {
        i128::from(self.lots).saturating_mul(i128::from(self.units_e8)).saturating_mul(i128::from(self.mark_nanos))
    }

    /// Marked profit of the open position, nanos, rounded down.
    pub fn unrealised_nanos(&self) -> i128 {
        down_e8(self.value_e8().saturating_sub(self.cost_e8))
    }

    /// Realised profit, nanos, rounded down.
    pub fn realised_nanos(&self) -> i128 {
        down_e8(self.realised_e8)
    }

    /// Cash, nanos, rounded down.
    pub fn cash_nanos(&self) -> i128 {
        down_e8(self.cash_e8)
    }

    /// Books a trade: `signed_lots` above zero were bought.
    pub fn trade(&mut self, signed_lots: i64, price_nanos: i64) {
        let amount = |lots: i64| {
            i128::from(lots).saturating_mul(i128::from(self.units_e8)).saturating_mul(i128::from(price_nanos))
        };
        self.cash_e8 = self.cash_e8.saturating_sub(amount(signed_lots));
        let closes = self.lots.signum() == -signed_lots.signum();
        let closed = if closes { signed_lots.unsigned_abs().min(self.lots.unsigned_abs()) as i64 } else { 0 };
        let closed_signed = closed * signed_lots.signum();
        if closed > 0 {
            let cost_closed = self.cost_of(closed);
            self.cost_e8 -= cost_closed;
            self.realised_e8 = self.realised_e8.saturating_sub(amount(closed_signed)).saturating_sub(cost_closed);
        }
        let opened = signed_lots - closed_signed;
        self.cost_e8 = self.cost_e8.saturating_add(amount(opened));
        self.lots = self.lots.saturating_add(signed_lots);
        if self.mark_nanos == 0 {
            self.mark_nanos = price_nanos;
        }
    }

    /// The part of the cost that `closed` of the open lots carry; what it is rounded by counts against ourselves.
    fn cost_of(&self, closed: i64) -> i128 {
        let open = i128::from(self.lots.unsigned_abs());
        let closed = i128::from(closed);
        if closed == open {
            return self.cost_e8;
        }
        // Split first: a product of a large cost and many lots would not fit.
        let whole = self.cost_e8.div_euclid(open);
        let rest = self.cost_e8 - whole * open;
        whole.saturating_mul(closed).saturating_add((rest * closed + open - 1) / open)
    }

    /// Books a fee, negative for a rebate.
    pub fn fee(&mut self, fee_nanos: i64) {
        let fee = i128::from(fee_nanos);
        self.fees_nanos += fee;
        self.cash_e8 -= fee * UNITS_E8;
        self.realised_e8 -= fee * UNITS_E8;
    }

    /// The record of it.
    pub(crate) fn record(&self, venue: u16, time_ns: u64) -> records::Position {
        let mut record = records::Position::new();
        record.header.venue = venue;
        record.header.instrument = self.instrument;
        record.lots = self.lots;
        record.bought_lots = self.bought_lots;
        record.sold_lots = self.sold_lots;
        record.mark_nanos = self.mark_nanos;
        record.cash = MoneyNanos::new(self.cash_nanos());
        record.realised = MoneyNanos::new(self.realised_nanos());
        record.unrealised = MoneyNanos::new(self.unrealised_nanos());
        record.time_ns = time_ns;
        record.account = self.account;
        record.strategy = self.strategy;
        record.slot = self.slot;
        record
    }

    pub(crate) fn hash(&self, hash: &mut Hash64) {
        hash.word(u64::from(self.account) << 32 | u64::from(self.instrument));
        hash.word(self.lots as u64);
        hash.word(self.cash_e8 as u64);
        hash.word(self.realised_e8 as u64);
    }
}

/// All positions, in the order in which they were opened.
#[derive(Debug)]
pub(crate) struct Positions {
    cells: Vec<PositionCell>,
    index: Index,
}

/// The index follows from the cells.
impl State for Positions {
    fn save(&self, out: &mut StateWriter) {
        let Self { cells, index: _ } = self;
        cells.save(out);
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.cells.clear();
        self.index.clear();
        for _ in 0..from.of("Positions.cells").count(self.cells.capacity())? {
            let cell = PositionCell::take(from)?;
            if self.find(cell.account, cell.instrument).is_some() {
                let (account, instrument) = (cell.account, cell.instrument);
                return Err(from.wrong(format!("account {account} in {instrument} twice; allowed is once")));
            }
            self.index.insert(Self::key(cell.account, cell.instrument), self.cells.len() as u32);
            self.cells.push(cell);
        }
        Ok(())
    }
}

impl Positions {
    pub fn new(capacity: usize) -> Self {
        Self { cells: Vec::with_capacity(capacity.max(4)), index: Index::new(capacity) }
    }

    fn key(account: u32, instrument: u32) -> u64 {
        spread(u64::from(account) << 32 | u64::from(instrument))
    }

    pub fn find(&self, account: u32, instrument: u32) -> Option<&PositionCell> {
        let is = |place: u32| {
            let cell = &self.cells[place as usize];
            cell.account == account && cell.instrument == instrument
        };
        self.index.find(Self::key(account, instrument), is).map(|place| &self.cells[place as usize])
    }

    pub fn lots(&self, account: u32, instrument: u32) -> i64 {
        self.find(account, instrument).map_or(0, |cell| cell.lots)
    }

    /// The cell, made when it is not there.
    ///
    /// # Panics
    /// When there are more pairs than the engine was made for: a position that is not kept is worse than a dead engine.
    pub fn cell(&mut self, account: u32, instrument: u32, units_e8: i64) -> &mut PositionCell {
        let cells = &self.cells;
        let is = |place: u32| {
            let cell = &cells[place as usize];
            cell.account == account && cell.instrument == instrument
        };
        let key = Self::key(account, instrument);
        let place = match self.index.find(key, is) {
            Some(place) => place as usize,
            None => {
                assert!(self.cells.len() < self.cells.capacity(), "positions_max is reached");
                self.index.insert(key, self.cells.len() as u32);
                self.cells.push(PositionCell { account, instrument, units_e8, ..PositionCell::default() });
                self.cells.len() - 1
            }
        };
        &mut self.cells[place]
    }

    pub fn cells(&self) -> &[PositionCell] {
        &self.cells
    }

    pub fn cells_mut(&mut self) -> &mut [PositionCell] {
        &mut self.cells
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lots one by one with their own prices: average cost falls out of the mean of what is open.
    fn naive(trades: &[(i64, i64)], units_e8: i128) -> (i64, f64) {
        let (mut lots, mut average, mut realised) = (0_i64, 0.0_f64, 0.0_f64);
        for (signed, price) in trades {
            for _ in 0..signed.abs() {
                let sign = signed.signum();
                if lots == 0 || lots.signum() == sign {
                    average = (average * lots.abs() as f64 + *price as f64) / (lots.abs() + 1) as f64;
                } else {
                    realised += (*price as f64 - average) * -sign as f64;
                }
                lots += sign;
            }
        }
        (lots, realised * units_e8 as f64)
    }

    #[test]
    fn profit_agrees_with_a_naive_twin_and_adds_up() {
        let mut random = 7_u64;
        for _ in 0..200 {
            let units_e8 = 5_000_000_000;
            let mut cell = PositionCell { units_e8, ..PositionCell::default() };
            let mut trades = Vec::new();
            for _ in 0..30 {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
                let signed = ((random >> 33) % 21) as i64 - 10;
                let price = 100_000 + ((random >> 40) % 1000) as i64;
                if signed == 0 {
                    continue;
                }
                trades.push((signed, price));
                cell.trade(signed, price);
                cell.mark_nanos = price + 3;
                let total = cell.cash_e8 + cell.value_e8();
                assert_eq!(cell.realised_e8 + cell.value_e8() - cell.cost_e8, total);
                assert!(cell.lots != 0 || cell.cost_e8 == 0);
            }
            let (lots, realised) = naive(&trades, i128::from(units_e8));
            assert_eq!(cell.lots, lots);
            assert!((cell.realised_e8 as f64 - realised).abs() < 1e5, "{} {realised}", cell.realised_e8);
        }
    }

    #[test]
    fn a_bust_takes_the_trade_back() {
        let mut cell = PositionCell { units_e8: 100_000_000, ..PositionCell::default() };
        cell.trade(10, 1_000);
        cell.trade(-4, 1_500);
        let before = (cell.lots, cell.cash_e8);
        cell.trade(5, 2_000);
        cell.trade(-5, 2_000);
        assert_eq!((cell.lots, cell.cash_e8), before);
    }

    #[test]
    fn fees_count_in_cash_and_realised() {
        let mut cell = PositionCell { units_e8: 100_000_000, ..PositionCell::default() };
        cell.trade(1, 1_000);
        cell.fee(30);
        cell.fee(-10);
        assert_eq!((cell.cash_nanos(), cell.realised_nanos(), cell.fees_nanos), (-1_020, -20, 20));
    }

    #[test]
    fn absurd_prices_saturate() {
        let mut cell = PositionCell { units_e8: i64::MAX, ..PositionCell::default() };
        cell.trade(i64::MAX, i64::MAX);
        cell.trade(-1, i64::MAX);
        assert_eq!(cell.lots, i64::MAX - 1);
    }
}
