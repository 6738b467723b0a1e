//! Levels of which a venue tells the sum alone: how many lots stand at a price, and of no order.
//!
//! Invariant: a sum is the first of its level's ring, and the only one there; it is in no map of orders. Orders that are shown
//! beside it (our own, in a backtest) stand behind it, and the level has the lots of all.

use records::{BookAction, Level, MarketLevel, Side, Trade, UNDEF_PRICE};

use crate::anomaly::{Anomaly, Change};
use crate::books::{Applied, VenueBooks, told};
use crate::orders::SUM;
use crate::sides::key_at;

/// Levels that were found last, by hash.
pub(crate) const HINTS: usize = 4_096;

/// What a record says of a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelTold {
    /// The level's side.
    pub side: Side,
    /// Its price.
    pub price_nanos: i64,
    /// Lots there now, 0: it goes.
    pub lots: i64,
    /// The record ends a venue's event.
    pub is_last: bool,
}

impl LevelTold {
    /// Reads a record; `None` where it says nothing of a single level.
    #[inline(always)]
    pub fn of(record: &MarketLevel) -> Option<Self> {
        let lots = match record.action {
            code if code == BookAction::Modify as u8 || code == BookAction::Add as u8 => record.lots,
            code if code == BookAction::Delete as u8 => 0,
            _ => return None,
        };
        let (side, is_last) = (Side::from_code(record.side)?, record.header.is_last());
        Some(Self { side, price_nanos: record.price_nanos, lots, is_last })
    }
}

/// What a record says of a trade that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TradeTold {
    /// The side that rested, where it is told.
    pub side: Option<Side>,
    /// Its price.
    pub price_nanos: i64,
    /// Lots traded.
    pub lots: i64,
}

impl TradeTold {
    /// Reads a record; `None` where it is a bust, has no price or no lots, or tells of no side that there is.
    #[inline(always)]
    pub fn of(record: &Trade) -> Option<Self> {
        let side = if record.side == 0 { None } else { Some(Side::from_code(record.side)?) };
        let counts = record.busted != 1 && record.price_nanos != UNDEF_PRICE && record.lots > 0;
        counts.then_some(Self { side, price_nanos: record.price_nanos, lots: record.lots })
    }
}

/// What [`VenueBooks::renew_sum`] did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Renewed {
    /// Nothing: a best price would come or go, or the word is not in order.
    Not,
    /// A level behind the best one is as it was told.
    Behind,
    /// The best level has other lots, and the price that it had.
    Best(Level),
}

/// Both sides of an instrument of one [`VenueBooks`].
#[derive(Clone, Copy, Debug)]
pub struct InstrumentSides {
    /// Number of the first side, the bids'.
    first: u32,
}

/// Prices of one instrument mostly differ by few ticks, so that one multiplication keeps them apart.
#[inline(always)]
fn hint_of(side: u32, price_nanos: i64) -> usize {
    let key = price_nanos.cast_unsigned().wrapping_add(u64::from(side).wrapping_mul(0xd6e8_feb8_6659_fd93));
    (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - HINTS.trailing_zeros())) as usize
}

impl VenueBooks {
    /// The sides of an instrument that has a book here.
    #[inline(always)]
    pub fn sides_of(&self, instrument: u32) -> Option<InstrumentSides> {
        self.check_instrument(instrument).ok().map(|()| InstrumentSides { first: instrument * 2 })
    }

    /// Takes what a venue tells of a level, where the best price of the side stays; nothing of it otherwise.
    #[inline(always)]
    pub fn renew_sum(&mut self, sides: InstrumentSides, level: &LevelTold) -> Renewed {
        let LevelTold { side, price_nanos, lots, .. } = *level;
        let side = sides.first | side.index() as u32;
        let known = self.hinted(side, price_nanos).and_then(|level| Some((level, self.sum_of(level)?)));
        let Some((level, sum)) = known.filter(|_| lots > 0) else { return self.renew_another(side, price_nanos, lots) };
        let (whole, before) = (self.node(level).lots, self.node(sum).lots);
        let Some(whole) = (whole - before).checked_add(lots) else { return Renewed::Not };
        self.nodes.items[sum as usize].lots = lots;
        let node = &mut self.nodes.items[level as usize];
        node.lots = whole;
        let is_best = self.sides.is_best_is_visible(side, key_at(side, price_nanos)).0;
        if is_best { Renewed::Best(told(node)) } else { Renewed::Behind }
    }

    /// The same of a level that comes or goes, or that was not found at once.
    #[inline(never)]
    fn renew_another(&mut self, side: u32, price_nanos: i64, lots: i64) -> Renewed {
        let is_best = self.sides.is_best_is_visible(side, key_at(side, price_nanos)).0;
        let is_best_renewed =
            lots > 0 && self.find_level(side, price_nanos).is_some_and(|level| self.sum_of(level.place).is_some());
        if lots < 0 || price_nanos == UNDEF_PRICE || is_best && !is_best_renewed {
            return Renewed::Not;
        }
        match self.set_level_at(side, price_nanos, lots) {
            Ok(()) if is_best => {
                let level = self.find_level(side, price_nanos).expect("it was there before");
                Renewed::Best(told(self.node(level.place)))
            }
            Ok(()) => Renewed::Behind,
            Err(_) => Renewed::Not,
        }
    }

    /// Applies what a venue tells of a level to the book of its instrument. A level that goes and was not there is no anomaly:
    /// a venue that tells the best few says so of levels which it never told.
    #[inline]
    pub fn apply_level(&mut self, record: &MarketLevel) -> Change {
        let instrument = record.header.instrument;
        let applied = match record.action {
            code if code == BookAction::Modify as u8 || code == BookAction::Add as u8 => {
                self.set_level(instrument, record, record.lots)
            }
            code if code == BookAction::Delete as u8 => self.set_level(instrument, record, 0),
            code if code == BookAction::Clear as u8 => self.clear_as_told(instrument, record.side),
            _ => Err(Anomaly::BadAction),
        };
        applied.unwrap_or_else(|anomaly| self.refuse(instrument, anomaly))
    }

    #[inline(always)]
    fn set_level(&mut self, instrument: u32, record: &MarketLevel, lots: i64) -> Applied {
        self.check_instrument(instrument)?;
        let side = Side::from_code(record.side).ok_or(Anomaly::BadSide)?;
        if lots < 0 {
            return Err(Anomaly::BadLots);
        }
        if record.price_nanos == UNDEF_PRICE {
            return Err(Anomaly::BadPrice);
        }
        let side = instrument * 2 + side.index() as u32;
        if lots == 0 && self.level_of(side, record.price_nanos).is_none() {
            return Ok(Change::default());
        }
        self.set_level_at(side, record.price_nanos, lots)?;
        Ok(self.change_at(side, record.price_nanos))
    }

    /// A level has other lots, comes or goes; where it cannot, nothing has changed.
    #[inline(always)]
    pub(crate) fn set_level_at(&mut self, side: u32, price_nanos: i64, lots: i64) -> Result<(), Anomaly> {
        match self.level_of(side, price_nanos) {
            Some(level) => self.set_sum(level, lots),
            None if lots == 0 => Ok(()),
            None => {
                if !self.nodes.has_room() {
                    return Err(Anomaly::OrdersFull);
                }
                let level = self.make_level(side, price_nanos)?;
                self.set_sum(level, lots)
            }
        }
    }

    /// The level of a price, where one was found last under the price's hash.
    #[inline(always)]
    fn hinted(&self, side: u32, price_nanos: i64) -> Option<u32> {
        let level = self.hints[hint_of(side, price_nanos)];
        let node = self.node(level);
        (node.price_nanos() == price_nanos && node.owner == side && node.extra > 0).then_some(level)
    }

    /// The level of a price: where one was found last under the price's hash, or else by the map.
    #[inline(always)]
    fn level_of(&mut self, side: u32, price_nanos: i64) -> Option<u32> {
        if let Some(level) = self.hinted(side, price_nanos) {
            return Some(level);
        }
        let found = self.find_level(side, price_nanos)?.place;
        self.hints[hint_of(side, price_nanos)] = found;
        Some(found)
    }

    /// The node of a level's sum.
    #[inline(always)]
    pub(crate) fn sum_of(&self, level: u32) -> Option<u32> {
        let first = self.node(level).next;
        (first != level && self.node(first).extra & SUM != 0).then_some(first)
    }

    #[inline(always)]
    fn set_sum(&mut self, level: u32, lots: i64) -> Result<(), Anomaly> {
        match self.sum_of(level) {
            Some(sum) if lots > 0 => {
                let before = self.node(sum).lots;
                let others = self.node(level).lots - before;
                self.nodes.items[level as usize].lots = others.checked_add(lots).ok_or(Anomaly::BadLots)?;
                self.nodes.items[sum as usize].lots = lots;
                Ok(())
            }
            other => self.begin_or_end_sum(level, other, lots),
        }
    }

    #[inline(never)]
    fn begin_or_end_sum(&mut self, level: u32, sum: Option<u32>, lots: i64) -> Result<(), Anomaly> {
        if let Some(sum) = sum {
            self.unlink(sum, level);
            self.nodes.give_order(sum);
            self.live_orders -= 1;
        } else if lots > 0 {
            self.node(level).lots.checked_add(lots).ok_or(Anomaly::BadLots)?;
            let place = self.nodes.take_order().ok_or(Anomaly::OrdersFull)?;
            self.nodes.prepend(place, level, lots);
            self.live_orders += 1;
        }
        Ok(())
    }

    /// Lots that the venue tells of at a price as a sum, or those of all orders there where it tells none.
    pub fn lots_told_at(&self, instrument: u32, side: Side, price_nanos: i64) -> i64 {
        let number = instrument * 2 + side.index() as u32;
        let Some(found) = self.find_level(number, price_nanos) else { return 0 };
        self.node(self.sum_of(found.place).unwrap_or(found.place)).lots
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use records::{Hash64, MarketOrder};

    use super::*;
    use crate::Capacity;
    use crate::flow::Random;

    fn told(side: Side, price_nanos: i64, lots: i64) -> MarketLevel {
        let mut record = MarketLevel::new();
        (record.header.instrument, record.side) = (1, side.code());
        (record.price_nanos, record.lots) = (price_nanos, lots);
        record.action = if lots == 0 { BookAction::Delete.code() } else { BookAction::Modify.code() };
        record
    }

    fn shown(action: BookAction, order_ref: u64, side: Side, price_nanos: i64, lots: i64) -> MarketOrder {
        let mut record = MarketOrder::new();
        (record.header.instrument, record.side, record.action) = (1, side.code(), action.code());
        (record.order_ref, record.price_nanos, record.lots) = (order_ref, price_nanos, lots);
        record
    }

    #[test]
    fn sums_and_orders_beside_them_agree_with_plain_maps() {
        let capacity = Capacity { instruments: 1, orders: 400, levels_per_side: 200 };
        let (mut books, mut random) = (VenueBooks::new(capacity), Random::new(3));
        let mut sums: [BTreeMap<i64, i64>; 2] = Default::default();
        let mut own: BTreeMap<u64, (Side, i64, i64)> = BTreeMap::new();
        for step in 0..40_000_u64 {
            let side = if random.below(2) == 0 { Side::Buy } else { Side::Sell };
            let price_nanos = 500 + random.below(150) as i64;
            let lots = if random.below(3) == 0 { 0 } else { 1 + random.below(90) as i64 };
            match random.below(10) {
                0 => {
                    books.apply(&shown(BookAction::Add, step + 1, side, price_nanos, lots + 1));
                    own.insert(step + 1, (side, price_nanos, lots + 1));
                }
                1 | 2 => {
                    if let Some((order_ref, _)) = own.pop_first() {
                        books.apply(&shown(BookAction::Delete, order_ref, side, UNDEF_PRICE, 0));
                    }
                }
                _ => {
                    books.apply_level(&told(side, price_nanos, lots));
                    sums[side.index()].insert(price_nanos, lots);
                    sums[side.index()].retain(|_, lots| *lots > 0);
                }
            }
            assert_eq!(books.anomalies().total(), 0, "step {step}");
            let beside = || own.values().filter(|order| order.0 == side && order.1 == price_nanos);
            let sum = sums[side.index()].get(&price_nanos).copied();
            let count = beside().count() as i64 + i64::from(sum.is_some());
            let level = books.level_at(1, side, price_nanos);
            let expected = (count > 0).then(|| (sum.unwrap_or(0) + beside().map(|order| order.2).sum::<i64>(), count));
            assert_eq!(level.map(|level| (level.lots, level.orders)), expected, "step {step}");
            let of_all = expected.map_or(0, |(lots, _)| lots);
            assert_eq!(books.lots_told_at(1, side, price_nanos), sum.unwrap_or(of_all));
            assert_eq!(books.live_orders(), own.len() + sums[0].len() + sums[1].len());
        }
        assert!(own.keys().any(|order_ref| books.lots_ahead(*order_ref).is_none()), "no order has a place in a sum");
        let mut clear = told(Side::Buy, UNDEF_PRICE, 0);
        (clear.action, clear.side) = (BookAction::Clear.code(), 0);
        books.apply_level(&clear);
        assert_eq!((books.live_orders(), books.level_count(1, Side::Buy), books.level_count(1, Side::Sell)), (0, 0, 0));
    }

    #[test]
    fn what_is_wrong_is_counted_and_what_was_never_told_may_go() {
        let mut books = VenueBooks::new(Capacity { instruments: 1, orders: 2, levels_per_side: 2 });
        assert_eq!(books.apply_level(&told(Side::Buy, 7, 0)), Change::default());
        let mut sideless = told(Side::Buy, 7, 5);
        sideless.side = 0;
        let mut elsewhere = told(Side::Buy, 7, 5);
        elsewhere.header.instrument = 9;
        let mut replaced = told(Side::Buy, 7, 5);
        replaced.action = BookAction::Replace.code();
        for (record, anomaly) in [
            (told(Side::Buy, 7, -5), Anomaly::BadLots),
            (told(Side::Buy, UNDEF_PRICE, 5), Anomaly::BadPrice),
            (sideless, Anomaly::BadSide),
            (elsewhere, Anomaly::UnknownInstrument),
            (replaced, Anomaly::BadAction),
        ] {
            assert_eq!(books.apply_level(&record).anomaly, Some(anomaly));
            assert_eq!(books.anomalies().of(anomaly), 1);
        }
        assert!(books.apply_level(&told(Side::Buy, 7, 5)).touch_changed);
        assert!(!books.apply_level(&told(Side::Buy, 6, 5)).touch_changed);
        assert_eq!(books.apply_level(&told(Side::Sell, 9, 5)).anomaly, Some(Anomaly::OrdersFull));
        assert_eq!(books.level_count(1, Side::Sell), 0, "nothing of it stays");
        assert_eq!(books.apply_level(&told(Side::Buy, 7, i64::MAX)).anomaly, None);
        let (mut one, mut two) = (Hash64::default(), Hash64::default());
        books.hash(1, &mut one);
        books.apply_level(&told(Side::Buy, 7, 4));
        books.hash(1, &mut two);
        assert_ne!(one.value(), two.value());
    }
}
