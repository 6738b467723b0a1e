//! Where an order of ours stands in a level of which only the lots are told.
//!
//! An order joins behind what is there. A trade at its price takes from the front of the queue. When the level shrinks
//! without a trade, somebody cancelled: before us or behind us. The pessimist says: always behind us, until no more can be
//! behind. The other model splits it by a power law of what stands before and behind: with `f(x) = x^n`, a share of
//! `f(back) / (f(front) + f(back))` goes from behind (the family that hftbacktest calls `PowerProbQueueModel`).
//!
//! Invariant: the lots ahead never grow while an order rests, and are never more than the level has.

/// How a level's shrinking is laid to those before us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueModel {
    /// Only trades bring an order forward.
    Pessimistic,
    /// A share by the power law with this exponent, 1 to 8.
    Power(u8),
}

/// An order's place.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Place {
    // tidy: allow(float): an estimate of a model; what it decides is whole lots.
    ahead_lots: f64,
    /// Lots traded at the price that the level's own update has not told of yet.
    traded_lots: i64,
}

impl Place {
    /// Behind everything at the price.
    pub fn behind(level_lots: i64) -> Self {
        Self { ahead_lots: level_lots as f64, traded_lots: 0 }
    }

    /// Lots ahead, rounded up.
    pub fn ahead_lots(&self) -> i64 {
        self.ahead_lots.ceil().max(0.0) as i64
    }

    /// Whether a trade of so many lots at the order's price leaves it without a fill.
    #[inline(always)]
    pub fn holds(&self, lots: i64) -> bool {
        self.ahead_lots - lots as f64 >= 0.0
    }

    /// A trade at the order's price; says how many lots are left for the order.
    pub fn on_trade(&mut self, lots: i64) -> i64 {
        self.traded_lots += lots;
        self.ahead_lots -= lots as f64;
        if self.ahead_lots >= 0.0 {
            return 0;
        }
        let through = (-self.ahead_lots).floor() as i64;
        self.ahead_lots = 0.0;
        through
    }

    /// The level now has other lots.
    pub fn on_level(&mut self, model: QueueModel, before_lots: i64, now_lots: i64) {
        let gone = before_lots - now_lots - self.traded_lots;
        self.traded_lots = 0;
        let now = now_lots.max(0) as f64;
        if gone > 0
            && let QueueModel::Power(exponent) = model
        {
            let (front, back) = (self.ahead_lots, (before_lots as f64 - self.ahead_lots).max(0.0));
            let (front_power, back_power) = (front.powi(i32::from(exponent)), back.powi(i32::from(exponent)));
            let whole = front_power + back_power;
            let behind_share = if whole > 0.0 { back_power / whole } else { 0.0 };
            let gone = gone as f64;
            // More than there is behind cannot go from behind.
            let beyond = (behind_share * gone - back).max(0.0);
            self.ahead_lots = (front - (1.0 - behind_share) * gone - beyond).max(0.0);
        }
        self.ahead_lots = self.ahead_lots.min(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trades_bring_forward_and_then_fill() {
        let mut place = Place::behind(100);
        assert_eq!((place.on_trade(60), place.ahead_lots()), (0, 40));
        assert_eq!(place.on_trade(50), 10, "40 ahead, 10 for us");
        assert_eq!(place.on_trade(5), 5);
    }

    #[test]
    fn the_pessimist_is_brought_forward_by_trades_alone() {
        let mut place = Place::behind(100);
        place.on_level(QueueModel::Pessimistic, 100, 300);
        place.on_level(QueueModel::Pessimistic, 300, 150);
        assert_eq!(place.ahead_lots(), 100);
        place.on_level(QueueModel::Pessimistic, 150, 80);
        assert_eq!(place.ahead_lots(), 80, "no more can be ahead than there is");
    }

    #[test]
    fn a_shrinking_level_is_shared_by_the_power_law() {
        let mut place = Place::behind(100);
        place.on_level(QueueModel::Power(1), 100, 200);
        place.on_level(QueueModel::Power(1), 200, 160);
        assert_eq!(place.ahead_lots(), 80, "half of forty from before us");
        let mut place = Place::behind(100);
        place.on_level(QueueModel::Power(3), 100, 400);
        place.on_level(QueueModel::Power(3), 400, 372);
        assert_eq!(place.ahead_lots(), 99, "one twenty-eighth of twenty-eight from before us");
    }

    #[test]
    fn a_trade_is_not_counted_again_by_the_level_that_tells_of_it() {
        let mut place = Place::behind(100);
        place.on_trade(30);
        place.on_level(QueueModel::Power(2), 100, 70);
        assert_eq!(place.ahead_lots(), 70);
    }

    #[test]
    fn a_place_is_never_worse_than_before() {
        let mut random = book::flow::Random::new(11);
        for model in [QueueModel::Pessimistic, QueueModel::Power(1), QueueModel::Power(3)] {
            let mut lots = 500;
            let mut place = Place::behind(lots);
            for _ in 0..2_000 {
                let before = place.ahead_lots();
                let next = random.below(1_000) as i64;
                place.on_level(model, lots, next);
                lots = next;
                assert!(place.ahead_lots() <= before && place.ahead_lots() <= lots.max(0));
            }
        }
    }
}
