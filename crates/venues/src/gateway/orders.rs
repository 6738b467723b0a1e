//! The orders of one venue session: our ids, the venue's numbers, and how much is open.
//!
//! UserRefNums count up from 1 within a session's day, so the table is an array; memory is taken once.
//!
//! Invariant: a UserRefNum is given out once, and what it stands for never changes.

use records::{IdMap, NewOrder, Owner, ReplaceOrder, UNDEF_PRICE, prefetch_bytes};

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
    /// What the lots filled were worth, those of replaced orders included.
    pub traded_nanos: i128,
    /// From how many lots filled on, and up to how many, a status told first: reports of these say nothing new.
    pub by_status: (i64, i64),
    /// When the command left.
    pub sent_time_ns: u64,
    /// Number of the session's message that carried it, and of the last request to cancel or reduce it; 0: none.
    pub sent_number: u64,
    /// See there.
    pub cancel_number: u64,
    /// When a good-till-time order ends, 0: it does not.
    pub expire_time_ns: u64,
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
    /// At the venue it is a side of a quote.
    pub quote: bool,
    /// What the venue's name of it ends with: a reduction has renamed it. 0: nothing.
    pub suffix: u16,
    /// Ending of the last request about it.
    pub last_suffix: u16,
    /// The venue has told its status since it was last asked for all.
    pub told: bool,
    /// A cancel is under way.
    pub cancelling: bool,
    /// The gateway itself wants it gone because its engine fell silent.
    pub pulled: bool,
}

impl Entry {
    /// A new order's.
    pub fn of_new(order: &NewOrder, now_ns: u64) -> Self {
        Self {
            price_nanos: order.price_nanos,
            lots: order.lots,
            leaves_lots: order.lots,
            expire_time_ns: order.expire_time_ns,
            instrument: order.header.instrument,
            side: order.side,
            slot: order.slot,
            time_in_force: order.time_in_force,
            quote: order.quote == 1,
            ..fresh(order.owner, now_ns)
        }
    }

    /// A status tells of fills that no report told of: from so many lots on, up to so many.
    pub fn told_by_status(&mut self, from: i64, to: i64) {
        let known = self.by_status;
        self.by_status = if known.1 == 0 { (from, to) } else { (known.0.min(from), known.1.max(to)) };
    }

    /// A replacement's; `original_ref` is the number of the order that it replaces.
    pub fn of_replace(order: &ReplaceOrder, original_ref: u32, now_ns: u64) -> Self {
        Self {
            original_id: order.original_id,
            original_ref,
            price_nanos: order.price_nanos,
            lots: order.lots,
            leaves_lots: order.lots,
            side: order.side,
            slot: order.slot,
            time_in_force: order.time_in_force,
            ..fresh(order.owner, now_ns)
        }
    }
}

/// An entry with nothing but its owner.
pub fn fresh(owner: Owner, now_ns: u64) -> Entry {
    Entry {
        owner,
        original_id: 0,
        venue_order_ref: 0,
        price_nanos: UNDEF_PRICE,
        lots: 0,
        filled_lots: 0,
        leaves_lots: 0,
        traded_nanos: 0,
        by_status: (0, 0),
        sent_time_ns: now_ns,
        sent_number: 0,
        cancel_number: 0,
        expire_time_ns: 0,
        instrument: 0,
        original_ref: 0,
        side: 0,
        slot: 0,
        time_in_force: 0,
        phase: Phase::Sent,
        quote: false,
        suffix: 0,
        last_suffix: 0,
        told: false,
        cancelling: false,
        pulled: false,
    }
}

/// A number that was used, by us before the journal began or by someone else: nothing is open there for us.
pub fn gone() -> Entry {
    Entry { phase: Phase::Gone, ..fresh(Owner::zeroed(), 0) }
}

/// One of ours of which the venue told the id alone.
pub fn told_by_id(order_id: u64) -> Entry {
    fresh(Owner { order_id, ..Owner::zeroed() }, 0)
}

/// All orders of the session's day.
#[derive(Debug)]
pub struct Orders {
    entries: Vec<Entry>,
    by_order: IdMap<u32>,
    /// Every number given out so far stands for an order that is known here.
    whole: bool,
    /// Highest number that the venue has answered about.
    highest_told: u32,
    adopted: u64,
}

/// A number further ahead than that was not given out by an earlier life of ours.
const ADOPT_AHEAD_MAX: u32 = 4_096;

impl Orders {
    /// Room for so many orders and replaces a day.
    pub fn with_capacity(capacity: usize) -> Self {
        // Written once, so that no order of the day is the first to meet a page.
        let mut entries = vec![fresh(Owner::zeroed(), 0); capacity];
        entries.clear();
        let mut by_order = IdMap::with_capacity(capacity);
        by_order.touch_memory();
        Self { entries, by_order, whole: true, highest_told: 0, adopted: 0 }
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

    /// The venue has begun another session: numbers count from 1 again. What was sent in the one before is known to the engine.
    pub fn begin_session(&mut self) {
        self.entries.clear();
        self.by_order.clear();
        // An order that is not here may have been sent in the session before.
        (self.whole, self.highest_told) = (false, 0);
    }

    /// Forgets orders that are gone, where a new session begins and open ones live on. Those left have new numbers, in the same
    /// order.
    pub fn forget_gone(&mut self) {
        self.by_order.clear();
        self.entries.retain(|entry| entry.phase != Phase::Gone);
        for at in 0..self.entries.len() {
            let original = self.by_order.get(self.entries[at].original_id);
            self.entries[at].original_ref = original.unwrap_or(0);
            assert!(self.by_order.insert(self.entries[at].owner.order_id, at as u32 + 1));
        }
        // An order that is not here may have been sent in the session before.
        (self.whole, self.highest_told) = (false, 0);
    }

    /// Keeps an order that the venue tells of by its id alone and that is not known here; its number.
    pub fn adopt_next(&mut self, entry: Entry) -> Option<u32> {
        let number = self.keep_next(entry);
        self.adopted += u64::from(number.is_some());
        number
    }

    /// Keeps an order of an earlier life whose own record is gone; its number.
    pub fn keep_next(&mut self, entry: Entry) -> Option<u32> {
        if entry.owner.order_id == 0 || !self.has_room() {
            return None;
        }
        self.whole = false;
        Some(self.push(entry))
    }

    /// Keeps an order that the venue has under this number and that is not known here: the map was lost; one that cannot be ours
    /// is nobody's.
    pub fn adopt(&mut self, user_ref: u32, entry: Entry) {
        self.adopted += u64::from(self.keep_at(user_ref, entry));
    }

    /// Orders that the venue told of and that were not known here.
    pub fn adopted(&self) -> u64 {
        self.adopted
    }

    fn keep_at(&mut self, user_ref: u32, entry: Entry) -> bool {
        let id = entry.owner.order_id;
        let near = user_ref > 0 && user_ref.saturating_sub(self.next_ref()) <= ADOPT_AHEAD_MAX;
        if id == 0 || !near || !self.by_order.has_room() || self.by_order.get(id).is_some() {
            return false;
        }
        self.skip_to(user_ref, gone());
        if user_ref == self.next_ref() && self.has_room() {
            self.push(entry);
            return true;
        }
        match self.get(user_ref).filter(|known| known.owner.order_id == 0) {
            Some(known) => {
                *known = entry;
                self.by_order.insert(id, user_ref)
            }
            None => false,
        }
    }

    /// The venue has answered about this number.
    pub fn told_of(&mut self, user_ref: u32) {
        self.highest_told = self.highest_told.max(user_ref);
    }

    /// Whether the venue can mean this as the next number that it would take: it is after all that it has answered about,
    /// and a day does not have more orders than there is room for.
    pub fn can_be_next(&self, next: u32) -> bool {
        next > self.highest_told && next as usize <= self.entries.capacity() + 1
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

    /// The order of a number, to look at.
    pub fn at(&self, user_ref: u32) -> Option<&Entry> {
        self.entries.get(usize::try_from(user_ref.checked_sub(1)?).ok()?)
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
