//! The day's executions: what was booked, so that none is booked twice and a bust finds what it breaks.
//!
//! Invariant: an execution is entered in the pass that books it, never before. It is known by venue, instrument, the
//! venue's number and side: a trade between two of our orders is two executions.

use records::broken::{Variant, is_broken};
use records::{Owner, Side, State, StateError, StateReader, StateValue, StateWriter};

use crate::index::{Index, spread};
use crate::order_table::touch;

/// One booked execution.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Execution {
    pub execution_id: u64,
    pub owner: Owner,
    pub price_nanos: i64,
    pub lots: i64,
    /// As it was booked first: a fill that is replayed after its correction says this.
    pub first_price_nanos: i64,
    pub first_lots: i64,
    /// Which of the venue's sessions told it: another one gives the same numbers to other executions.
    pub generation: u16,
    /// The session's number of the latest report that changed it, 0: none.
    pub changed_by: u64,
    pub instrument: u32,
    pub venue: u16,
    pub side: Side,
    pub slot: u8,
    pub broken: bool,
}

records::state_value!(Execution {
    execution_id,
    owner,
    price_nanos,
    lots,
    first_price_nanos,
    first_lots,
    generation,
    changed_by,
    instrument,
    venue,
    side,
    slot,
    broken,
});

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub execution_id: u64,
    pub instrument: u32,
    pub venue: u16,
    pub side: Side,
}

/// Executions in a row that share a line of the index, where each such row begins at its own turn: numbers that differ by a
/// multiple of this do not meet.
const STRETCH_BITS: u32 = 4;
const STRETCH_MASK: u64 = (1 << STRETCH_BITS) - 1;

impl Key {
    /// A venue's numbers count up, so neighbours in number are neighbours in the index.
    fn hash(self) -> u64 {
        let about = (u64::from(self.instrument) << 34) ^ (u64::from(self.venue) << 18) ^ self.side as u64;
        let stretch = spread((self.execution_id >> STRETCH_BITS).wrapping_mul(5) ^ about);
        let turn = stretch >> (u64::BITS - STRETCH_BITS);
        stretch << STRETCH_BITS | (self.execution_id.wrapping_add(turn) & STRETCH_MASK)
    }
}

impl Execution {
    /// Whether a bust or correction (no lots: a bust) that may be a replay has been applied before.
    pub fn was_changed_by(&self, number: u64, corrected: Option<(i64, i64)>) -> bool {
        corrected == Some((self.lots, self.price_nanos)) || (self.changed_by != 0 && number <= self.changed_by)
    }

    /// Whether it says so of itself, or said so before it was corrected.
    pub fn is_told_as(&self, lots: i64, price_nanos: i64) -> bool {
        (self.lots, self.price_nanos) == (lots, price_nanos)
            || (self.first_lots, self.first_price_nanos) == (lots, price_nanos)
    }

    fn key(&self) -> Key {
        Key { execution_id: self.execution_id, instrument: self.instrument, venue: self.venue, side: self.side }
    }
}

/// Executions of the day in the order they were booked; beyond its capacity the oldest are forgotten and counted.
#[derive(Debug)]
pub(crate) struct Executions {
    entries: Vec<Execution>,
    capacity: usize,
    oldest: usize,
    index: Index,
    pub forgotten: u64,
}

/// The index follows from the entries.
impl State for Executions {
    fn save(&self, out: &mut StateWriter) {
        let Self { entries, capacity: _, oldest, index: _, forgotten } = self;
        out.list(entries.iter());
        oldest.save(out);
        forgotten.save(out);
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.clear();
        for _ in 0..from.of("Executions.entries").count(self.capacity)? {
            let execution = Execution::take(from)?;
            if self.find(execution.key()).is_some() {
                return Err(from.wrong(format!("{:?} twice; allowed is once", execution.key())));
            }
            self.index.insert(execution.key().hash(), self.entries.len() as u32);
            self.entries.push(execution);
        }
        self.oldest = from.of("Executions.oldest").below::<u64>(self.entries.len().max(1))? as usize;
        self.forgotten.load(from.of("Executions.forgotten"))
    }
}

impl Executions {
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.max(4);
        Self { entries: Vec::with_capacity(capacity), capacity, oldest: 0, index: Index::new(capacity), forgotten: 0 }
    }

    /// Writes to all pages, so that none is met for the first time in a pass.
    pub fn touch_memory(&mut self) {
        touch(&mut self.entries);
    }

    pub fn find(&self, key: Key) -> Option<u32> {
        if is_broken(Variant::FillsBookedAgain) {
            return None;
        }
        self.index.find(key.hash(), |place| self.entries[place as usize].key() == key)
    }

    pub fn get_mut(&mut self, place: u32) -> &mut Execution {
        &mut self.entries[place as usize]
    }

    /// Keeps an execution; one of an earlier session under the same number gives way.
    pub fn enter(&mut self, execution: Execution) {
        let hash = execution.key().hash();
        if let Some(place) = self.find(execution.key()) {
            self.entries[place as usize] = execution;
            return;
        }
        if self.entries.len() < self.capacity {
            self.index.insert(hash, self.entries.len() as u32);
            self.entries.push(execution);
            return;
        }
        let place = self.oldest as u32;
        let entries = &self.entries;
        let gone = entries[self.oldest].key();
        self.index.remove(gone.hash(), |other| other == place, |other| entries[other as usize].key().hash());
        self.entries[self.oldest] = execution;
        self.index.insert(hash, place);
        self.oldest = (self.oldest + 1) % self.capacity;
        self.forgotten += 1;
    }

    /// A new day: venues count anew.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.index.clear();
        self.oldest = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn execution(execution_id: u64) -> Execution {
        Execution {
            execution_id,
            owner: Owner::zeroed(),
            price_nanos: 1,
            lots: 1,
            first_price_nanos: 1,
            first_lots: 1,
            generation: 0,
            changed_by: 0,
            instrument: 1,
            venue: 1,
            side: Side::Buy,
            slot: 1,
            broken: false,
        }
    }

    #[test]
    fn the_oldest_are_forgotten_and_counted() {
        let mut executions = Executions::new(8);
        for id in 1..=20 {
            executions.enter(execution(id));
            assert!(executions.find(execution(id).key()).is_some());
            assert!(executions.find(Key { side: Side::Sell, ..execution(id).key() }).is_none());
        }
        assert!(executions.find(execution(12).key()).is_none());
        assert!(executions.find(execution(13).key()).is_some());
        assert_eq!(executions.forgotten, 12);
        executions.clear();
        assert!(executions.find(execution(20).key()).is_none());
    }
}
