//! The best bid and offer of an instrument over several venues.
//!
//! Invariant: a venue whose book is not to be trusted has no part in it; equal prices add their lots.

use records::{Level, Side};

/// The best price over venues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BestOffer {
    /// The price.
    pub price_nanos: i64,
    /// Lots at that price, all venues.
    pub lots: i64,
    /// Bit k: the venue at position k has that price.
    pub venues: u64,
}

/// Touches of up to 64 venues for a fixed number of instruments.
pub struct Consolidated {
    /// `touches[(instrument * venues + venue) * 2 + side]`.
    touches: Vec<Option<(i64, i64)>>,
    venues: usize,
}

impl Consolidated {
    /// For instruments `0..=instruments` and venues at positions `0..venues`.
    ///
    /// # Panics
    /// When there are more than 64 venues.
    pub fn new(instruments: usize, venues: usize) -> Self {
        assert!(venues <= 64, "a consolidated book has at most 64 venues");
        Self { touches: vec![None; (instruments + 1) * venues * 2], venues }
    }

    /// Sets a venue's touch of a side; `None`: no price there, or its book is stale. Positions out of range are ignored.
    pub fn update(&mut self, instrument: u32, venue: usize, side: Side, best: Option<&Level>) {
        if venue >= self.venues {
            return;
        }
        let index = (instrument as usize * self.venues + venue) * 2 + side.index();
        if let Some(touch) = self.touches.get_mut(index) {
            *touch = best.map(|level| (level.price_nanos, level.lots));
        }
    }

    /// The best price of a side over all venues.
    pub fn best(&self, instrument: u32, side: Side) -> Option<BestOffer> {
        let base = instrument as usize * self.venues * 2;
        let mut best: Option<BestOffer> = None;
        for (venue, touches) in self.touches.get(base..base + self.venues * 2)?.chunks_exact(2).enumerate() {
            let Some((price_nanos, lots)) = touches[side.index()] else { continue };
            best = Some(match best {
                Some(held) if held.price_nanos == price_nanos => {
                    BestOffer { lots: held.lots.saturating_add(lots), venues: held.venues | 1 << venue, ..held }
                }
                Some(held) if (held.price_nanos > price_nanos) == (side == Side::Buy) => held,
                _ => BestOffer { price_nanos, lots, venues: 1 << venue },
            });
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(price_nanos: i64, lots: i64) -> Level {
        Level { price_nanos, lots, orders: 1 }
    }

    #[test]
    fn the_better_price_wins_and_equal_prices_add() {
        let mut book = Consolidated::new(1, 3);
        book.update(1, 0, Side::Buy, Some(&level(10, 1)));
        book.update(1, 1, Side::Buy, Some(&level(11, 2)));
        book.update(1, 2, Side::Buy, Some(&level(11, 3)));
        book.update(1, 0, Side::Sell, Some(&level(12, 1)));
        book.update(1, 1, Side::Sell, Some(&level(13, 2)));
        assert_eq!(book.best(1, Side::Buy), Some(BestOffer { price_nanos: 11, lots: 5, venues: 0b110 }));
        assert_eq!(book.best(1, Side::Sell), Some(BestOffer { price_nanos: 12, lots: 1, venues: 0b001 }));
        book.update(1, 0, Side::Sell, None);
        assert_eq!(book.best(1, Side::Sell), Some(BestOffer { price_nanos: 13, lots: 2, venues: 0b010 }));
        assert_eq!(book.best(0, Side::Sell), None);
        assert_eq!(book.best(9, Side::Sell), None);
    }
}
