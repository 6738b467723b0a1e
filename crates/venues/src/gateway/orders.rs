//! The orders of one venue session: our ids, the venue's numbers, and how much is open.
//!
//! UserRefNums count up from 1 within a session's day, so the table is an array; memory is taken once.
//!
//! Invariant: a UserRefNum is given out once, and what it stands for never changes.

use records::{IdMap, Owner, prefetch_bytes};

/// What is known of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Sent; the venue has not answered.
    Sent,
    /// The venue took it.
    Live,
    /// It is gone: filled, cancelled, replaced or rejected.
    Gone,
}

/// An order as the session knows it.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Whose.
    pub owner: Owner,
    /// Order that this one replaces, or 0.
    pub original_id: u64,
    /// The venue's reference, 0 until it is told.
    pub venue_order_ref: u64,
    /// Price asked for or confirmed.
    pub price_nanos: i64,
    /// Total lots, those filled before a replace included.
    pub lots: i64,
    /// Lots filled, those of replaced orders included.
    pub filled_lots: i64,
    /// Lots open.
    pub leaves_lots: i64,
    /// When the command left.
    pub sent_time_ns: u64,
    /// Instrument.
    pub instrument: u32,
    /// UserRefNum of the replaced order, or 0.
    pub original_ref: u32,
    /// Side code.
    pub side: u8,
    /// Slot.
    pub slot: u8,
    /// Time in force code.
    pub time_in_force: u8,
    /// Phase.
    pub phase: Phase,
    /// A cancel is under way.
    pub cancelling: bool,
    /// The gateway itself wants it gone because its engine fell silent.
    pub pulled: bool,
}

/// All orders of the session's day.
#[derive(Debug)]
pub struct Orders {
    entries: Vec<Entry>,
    by_order: IdMap<u32>,
    /// Every number given out so far stands for an order that is known here.
    whole: bool,
}

impl Orders {
    /// Room for so many orders and replaces a day.
    pub fn with_capacity(capacity: usize) -> Self {
        // Written once, so that no order of the day is the first to meet a page.
        let mut entries = vec![super::ouch::fresh(Owner::zeroed(), 0); capacity];
        entries.clear();
        let mut by_order = IdMap::with_capacity(capacity);
        by_order.touch_memory();
        Self { entries, by_order, whole: true }
    }

    /// The number that the next order gets.
    pub fn next_ref(&self) -> u32 {
        self.entries.len() as u32 + 1
    }

    /// Whether one more fits.
    pub fn has_room(&self) -> bool {
        self.entries.len() < self.entries.capacity() && self.by_order.has_room()
    }

    /// Keeps an order under the next number.
    ///
    /// # Panics
    /// Without room: ask [`Orders::has_room`] first.
    pub fn push(&mut self, entry: Entry) -> u32 {
        assert!(self.has_room());
        let user_ref = self.next_ref();
        self.entries.push(entry);
        // The next order's memory: nobody has met it today.
        prefetch_bytes(self.entries.as_ptr().wrapping_add(self.entries.len()), size_of::<Entry>());
        assert!(self.by_order.insert(entry.owner.order_id, user_ref));
        user_ref
    }

    /// Passes numbers over that were used by someone else, so that the next one is `next`.
    pub fn skip_to(&mut self, next: u32, filler: Entry) {
        while self.next_ref() < next && self.entries.len() < self.entries.capacity() {
            self.entries.push(filler);
            self.whole = false;
        }
    }

    /// Whether no number was passed over: then an order that is not here was never sent.
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// Number of one of our orders.
    pub fn reference(&self, order_id: u64) -> Option<u32> {
        self.by_order.get(order_id)
    }

    /// The order of a number.
    pub fn get(&mut self, user_ref: u32) -> Option<&mut Entry> {
        self.entries.get_mut(usize::try_from(user_ref.checked_sub(1)?).ok()?)
    }

    /// Numbers with their orders.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut Entry)> {
        self.entries.iter_mut().enumerate().map(|(index, entry)| (index as u32 + 1, entry))
    }
}
