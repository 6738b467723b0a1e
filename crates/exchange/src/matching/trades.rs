//! The latest trades, so that they can be broken.
//!
//! Invariant: match numbers are given from 1 without gaps; a trade is broken once.

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

    /// Breaks a trade of today that is still kept and not yet broken.
    pub fn break_trade(&mut self, match_id: u64) -> Option<Trade> {
        let at = match_id as usize & (self.ring.len() - 1);
        let trade = &mut self.ring[at];
        if match_id < self.day_first || trade.match_id != match_id || trade.broken {
            return None;
        }
        trade.broken = true;
        Some(*trade)
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
