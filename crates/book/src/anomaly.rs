//! What a book says of a record: what moved, or why the record made no sense.
//!
//! Invariant: every record that a book cannot take as it stands is counted under exactly one code; codes are appended.

/// Why a record does not fit the book. What the book does then is said at each.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Anomaly {
    /// No such order: ignored.
    UnknownOrder = 1,
    /// The reference is in use: the new order is ignored (of a replace, the old one is gone).
    DuplicateOrder = 2,
    /// More lots executed than rest: the order is gone.
    ExecutedBeyondSize = 3,
    /// More lots cancelled than rest: the order is gone.
    ReducedBeyondSize = 4,
    /// Zero or negative lots, or a level's sum beyond 64 bits: ignored.
    BadLots = 5,
    /// A side is needed and absent, or is not the order's: ignored.
    BadSide = 6,
    /// A price is needed and absent: ignored.
    BadPrice = 7,
    /// An action this build does not know: ignored.
    BadAction = 8,
    /// The order rests in another instrument's book: ignored.
    WrongInstrument = 9,
    /// An instrument beyond the capacity: ignored.
    UnknownInstrument = 10,
    /// No room for another order: ignored.
    OrdersFull = 11,
    /// No room for another price level on that side: ignored.
    LevelsFull = 12,
}

impl Anomaly {
    /// Every code with the word that reports use.
    pub const ALL: [(Self, &'static str); 12] = [
        (Self::UnknownOrder, "unknown_order"),
        (Self::DuplicateOrder, "duplicate_order"),
        (Self::ExecutedBeyondSize, "executed_beyond_size"),
        (Self::ReducedBeyondSize, "reduced_beyond_size"),
        (Self::BadLots, "bad_lots"),
        (Self::BadSide, "bad_side"),
        (Self::BadPrice, "bad_price"),
        (Self::BadAction, "bad_action"),
        (Self::WrongInstrument, "wrong_instrument"),
        (Self::UnknownInstrument, "unknown_instrument"),
        (Self::OrdersFull, "orders_full"),
        (Self::LevelsFull, "levels_full"),
    ];

    /// The word that reports use.
    pub const fn name(self) -> &'static str {
        Self::ALL[self as usize - 1].1
    }
}

/// How often each anomaly was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Anomalies {
    counts: [u64; Anomaly::ALL.len()],
}

records::state_value!(Anomalies { counts });

impl Anomalies {
    /// Counts one.
    pub fn count(&mut self, anomaly: Anomaly) {
        self.counts[anomaly as usize - 1] += 1;
    }

    /// How often this one was seen.
    pub const fn of(&self, anomaly: Anomaly) -> u64 {
        self.counts[anomaly as usize - 1]
    }

    /// All of them together.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Names and counts of those that were seen.
    pub fn seen(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        Anomaly::ALL.iter().map(|&(anomaly, name)| (name, self.of(anomaly))).filter(|&(_, count)| count > 0)
    }
}

/// What one record did to a book.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// The best price of a side, or its lots or order count, differ from before.
    pub touch_changed: bool,
    /// One of the best `records::VIEW_LEVELS` levels of a side differs from before.
    pub visible_changed: bool,
    /// The record did not fit; it is counted.
    pub anomaly: Option<Anomaly>,
}
