//! One instrument of a venue by level: its levels, our orders behind them, and what a word of the record does to both.
//!
//! Invariant: `reach` has the prices of our worst and best orders of a side, turned so that the best is the greatest; a trade
//! that [`Book::quiet_trade`] does not take has changed nothing.

use book::{LevelTold, TradeTold};
use records::{Reason, Side, TradingState};

use crate::ladder::Ladder;
use crate::prices::{Prices, turned};
use crate::queue::{Place, QueueModel};
use crate::venue::Listed;

/// One resting order of ours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resting {
    pub id: u64,
    pub feed_ref: u64,
    pub price_nanos: i64,
    pub leaves_lots: i64,
    pub expire_time_ns: u64,
    pub place: Place,
}

/// What a level that is told comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Nothing: the book stands so already.
    Same,
    /// The level at this place, and what hangs on it.
    Renewed(usize),
    /// More than that.
    More,
}

/// Prices between which our orders of a side stand, turned.
#[derive(Clone, Copy)]
struct Reach {
    worst: i64,
    best: i64,
}

const NO_REACH: Reach = Reach { worst: i64::MAX, best: i64::MIN };

/// One instrument.
pub(crate) struct Book {
    pub listed: Listed,
    prices: Prices,
    /// By key: a bid's tick, an ask's negated one; the best is the greatest.
    pub levels: [Ladder; 2],
    own: [Vec<Resting>; 2],
    reach: [Reach; 2],
    pub trading: TradingState,
}

impl Book {
    pub fn new(listed: Listed) -> Self {
        Self {
            prices: Prices::new(&listed),
            listed,
            levels: Default::default(),
            own: Default::default(),
            reach: [NO_REACH; 2],
            trading: TradingState::Trading,
        }
    }

    pub fn lots_at(&self, side: Side, price_nanos: i64) -> i64 {
        self.levels[side.index()].get(side.sign() * (price_nanos / self.listed.tick_nanos))
    }

    /// Our orders of a side, in the order in which they came.
    pub fn own(&self, side: Side) -> &[Resting] {
        &self.own[side.index()]
    }

    /// The same; prices stay.
    pub fn own_mut(&mut self, side: Side) -> &mut [Resting] {
        &mut self.own[side.index()]
    }

    /// One more of ours rests.
    pub fn rest(&mut self, side: Side, order: Resting) {
        self.own[side.index()].push(order);
        self.renew_reach(side);
    }

    /// Takes one of ours out.
    pub fn take_out(&mut self, side: Side, at: usize) -> Resting {
        let order = self.own[side.index()].remove(at);
        self.renew_reach(side);
        order
    }

    fn renew_reach(&mut self, side: Side) {
        let keys = self.own[side.index()].iter().map(|order| turned(side, order.price_nanos));
        let widened = |reach: Reach, key: i64| Reach { worst: reach.worst.min(key), best: reach.best.max(key) };
        self.reach[side.index()] = keys.fold(NO_REACH, widened);
    }

    /// The key of a level that is told, unless no venue could tell it.
    #[inline(always)]
    pub fn key_of(&self, level: &LevelTold) -> Result<i64, Reason> {
        let key = self.prices.key(level.side, level.price_nanos).ok_or(Reason::InvalidPrice)?;
        if level.lots < 0 { Err(Reason::InvalidQuantity) } else { Ok(key) }
    }

    /// Whether a level stands at or through prices of ours.
    #[inline(always)]
    pub fn crosses(&self, level: &LevelTold) -> bool {
        let other = level.side.opposite();
        level.lots > 0 && self.reach[other.index()].best >= turned(other, level.price_nanos)
    }

    /// A level is as it was told; false: it was so before.
    #[inline]
    pub fn renew(&mut self, key: i64, level: &LevelTold, model: QueueModel) -> bool {
        let before_lots = self.levels[level.side.index()].set(key, level.lots);
        if before_lots == level.lots {
            return false;
        }
        self.queue(level, before_lots, model);
        true
    }

    /// Our orders at a level that is renewed. Apart: with it in their loop, runs would keep less in registers.
    #[inline(never)]
    fn queue(&mut self, level: &LevelTold, before_lots: i64, model: QueueModel) {
        for order in &mut self.own[level.side.index()] {
            if order.price_nanos == level.price_nanos {
                order.place.on_level(model, before_lots, level.lots);
            }
        }
    }

    /// What a level of the record comes to whose price has this key. Nothing has changed yet.
    #[inline(always)]
    pub fn told(&self, key: i64, level: &LevelTold) -> Told {
        if self.crosses(level) {
            return Told::More;
        }
        match self.levels[level.side.index()].near(key) {
            Some((_, before_lots)) if before_lots == level.lots => Told::Same,
            Some((place, _)) => Told::Renewed(place),
            None => Told::More,
        }
    }

    /// The level at a place that [`Book::told`] gave is as it was told.
    #[inline(always)]
    pub fn renew_at(&mut self, place: usize, level: &LevelTold, model: QueueModel) {
        let before_lots = self.levels[level.side.index()].set_near(place, level.lots);
        let (reach, key) = (self.reach[level.side.index()], turned(level.side, level.price_nanos));
        if reach.worst <= key && key <= reach.best {
            self.queue(level, before_lots, model);
        }
    }

    /// A trade of the record, where it reaches none of our orders; false: it reaches one, and nothing was done.
    #[inline(never)]
    pub fn quiet_trade(&mut self, trade: &TradeTold) -> bool {
        if self.trading != TradingState::Trading {
            return true;
        }
        for side in resting_sides(trade) {
            let reach = self.reach[side.index()].best;
            let key = turned(side, trade.price_nanos);
            let filled = |order: &Resting| order.price_nanos == trade.price_nanos && !order.place.holds(trade.lots);
            if reach > key || reach == key && self.own[side.index()].iter().any(filled) {
                return false;
            }
        }
        for side in resting_sides(trade) {
            for order in &mut self.own[side.index()] {
                if order.price_nanos == trade.price_nanos {
                    order.place.on_trade(trade.lots);
                }
            }
        }
        true
    }
}

/// The sides on which a trade's lots may have rested: where the record does not say which, both.
#[inline(always)]
pub(crate) fn resting_sides(trade: &TradeTold) -> impl Iterator<Item = Side> + use<> {
    let told = trade.side;
    [Side::Buy, Side::Sell].into_iter().filter(move |side| told.is_none_or(|told| told == *side))
}
