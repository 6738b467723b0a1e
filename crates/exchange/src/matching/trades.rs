//! The latest trades, so that they can be broken and corrected.
//!
//! Invariant: match numbers are given from 1 without gaps; a trade is broken once, and not corrected afterwards.

/// Both sides of a trade.
#[derive(Clone, Copy, Default)]
pub(crate) struct Trade {
    pub match_id: u64,
    pub price_nanos: i64,
    pub lots: i64,
    pub resting_user_ref: u64,
    pub incoming_user_ref: u64,
    pub resting_session: u32,
    pub incoming_session: u32,
    pub instrument: u32,
    /// Code of the resting order's side.
    pub side: u8,
    pub broken: bool,
}

/// A ring of trades.
pub(crate) struct Trades {
    ring: Box<[Trade]>,
    next_match: u64,
    /// First match of the present day: earlier ones are settled.
    day_first: u64,
}

impl Trades {
    pub fn with_capacity(trades: usize) -> Self {
        Self {
            ring: vec![Trade::default(); trades.next_power_of_two().max(1)].into_boxed_slice(),
            next_match: 1,
            day_first: 1,
        }
    }

    /// Keeps a trade and numbers it.
    #[inline]
    pub fn keep(&mut self, mut trade: Trade) -> u64 {
        let match_id = self.next_match;
        self.next_match += 1;
        trade.match_id = match_id;
        let at = match_id as usize & (self.ring.len() - 1);
        self.ring[at] = trade;
        match_id
    }

    /// A trade of today that is still kept and not broken.
    pub fn standing(&mut self, match_id: u64) -> Option<&mut Trade> {
        let at = match_id as usize & (self.ring.len() - 1);
        let trade = &mut self.ring[at];
        (match_id >= self.day_first && trade.match_id == match_id && !trade.broken).then_some(trade)
    }

    /// Price of the latest trade of an instrument that is kept and not broken, of earlier days, too. It looks for it.
    pub fn last_price_nanos(&self, instrument: u32) -> Option<i64> {
        let first = self.next_match.saturating_sub(self.ring.len() as u64).max(1);
        let mut kept = (first..self.next_match).rev().map(|number| &self.ring[number as usize & (self.ring.len() - 1)]);
        kept.find(|trade| trade.instrument == instrument && !trade.broken).map(|trade| trade.price_nanos)
    }

    /// A new day.
    pub fn roll(&mut self) {
        self.day_first = self.next_match;
    }

    /// The number the next trade gets.
    pub fn next_match(&self) -> u64 {
        self.next_match
    }
}
