//! A session's orders of the day, by number and by ClOrdID.
//!
//! Invariant: numbers are dense from 1; a name stands for the first order that had it; memory is taken at the start, and
//! names that were made to collide are refused before they cost more than a fixed number of steps.

/// No order.
pub(crate) const NONE_REF: u32 = 0;
/// Steps that a name may take to its place.
const STEPS_MAX: usize = 64;

/// One order under one ClOrdID; a replacement is an entry of its own that goes on with what was executed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Entry {
    pub tag: [u8; 16],
    pub instrument: u32,
    /// The entry that this one replaced, or was to replace; 0: none.
    pub former: u32,
    /// Neighbours among the open ones.
    pub next: u32,
    pub previous: u32,
    /// OrdStatus; 0 until the core has spoken.
    pub status: u8,
    pub open: bool,
    /// A side of a quote: its name stands for the latest that was taken.
    pub quote: bool,
    pub side: u8,
    pub short_sale: u8,
    pub order_type: u8,
    pub time_in_force: u8,
    pub price_nanos: i64,
    pub lots: i64,
    pub leaves_lots: i64,
    pub executed_lots: i64,
    pub executed_nanos: i128,
    pub order_ref: u64,
    pub feed_ref: u64,
    pub expire_time_ns: u64,
    pub minimum_lots: i64,
    pub display_lots: i64,
}

/// The table.
pub(crate) struct Entries {
    all: Vec<Entry>,
    /// Numbers by name, 0: free.
    places: Box<[u32]>,
    first: u32,
    last: u32,
    open: usize,
}

impl Entries {
    /// Room for so many.
    pub fn with_capacity(entries: usize) -> Self {
        let places = (2 * entries).next_power_of_two().max(2 * STEPS_MAX);
        Self {
            all: Vec::with_capacity(entries),
            places: vec![NONE_REF; places].into_boxed_slice(),
            first: NONE_REF,
            last: NONE_REF,
            open: 0,
        }
    }

    /// The number that the next one gets.
    pub fn next_ref(&self) -> u64 {
        self.all.len() as u64 + 1
    }

    /// Whether so many more can be taken in.
    pub fn has_room(&self, entries: usize) -> bool {
        self.all.capacity() - self.all.len() >= entries
    }

    /// Whether an order of this name can be taken in.
    pub fn has_room_for(&self, tag: &[u8; 16]) -> bool {
        self.all.len() < self.all.capacity() && self.place(tag).is_some()
    }

    /// Takes one in; its name stands for it unless it stands for another one already.
    pub fn push(&mut self, entry: Entry) {
        self.all.push(entry);
        let number = self.all.len() as u32;
        if let Some(place) = self.place(&entry.tag)
            && self.places[place] == NONE_REF
        {
            self.places[place] = number;
        }
    }

    /// A quote's name stands for this one from now on.
    pub fn claim(&mut self, number: u64) {
        let Some(entry) = self.get(number).filter(|entry| entry.quote) else { return };
        if let Some(place) = self.place(&entry.tag)
            && self.get(u64::from(self.places[place])).is_some_and(|other| other.quote)
        {
            self.places[place] = number as u32;
        }
    }

    /// The number of a name.
    pub fn find(&self, tag: &[u8; 16]) -> Option<u32> {
        let number = self.places[self.place(tag)?];
        (number != NONE_REF).then_some(number)
    }

    /// Where a name stands or would stand; `None`: too many steps away.
    fn place(&self, tag: &[u8; 16]) -> Option<usize> {
        let mask = self.places.len() - 1;
        let start = hash(tag) as usize;
        (0..STEPS_MAX).map(|step| (start + step) & mask).find(|place| {
            let number = self.places[*place];
            number == NONE_REF || self.all[number as usize - 1].tag == *tag
        })
    }

    pub fn get(&self, number: u64) -> Option<&Entry> {
        self.all.get(usize::try_from(number).ok()?.checked_sub(1)?)
    }

    pub fn get_mut(&mut self, number: u64) -> Option<&mut Entry> {
        self.all.get_mut(usize::try_from(number).ok()?.checked_sub(1)?)
    }

    /// How many are open.
    pub fn open(&self) -> usize {
        self.open
    }

    /// Open from now on, behind the others.
    pub fn begin(&mut self, number: u64) {
        let last = std::mem::replace(&mut self.last, number as u32);
        let Some(entry) = self.get_mut(number) else { return };
        (entry.open, entry.previous, entry.next) = (true, last, NONE_REF);
        match self.get_mut(u64::from(last)) {
            Some(before) => before.next = number as u32,
            None => self.first = number as u32,
        }
        self.open += 1;
    }

    /// No longer open.
    pub fn end(&mut self, number: u64) {
        let Some(entry) = self.get_mut(number).filter(|entry| entry.open) else { return };
        entry.open = false;
        let (previous, next) = (entry.previous, entry.next);
        match self.get_mut(u64::from(previous)) {
            Some(before) => before.next = next,
            None => self.first = next,
        }
        match self.get_mut(u64::from(next)) {
            Some(after) => after.previous = previous,
            None => self.last = previous,
        }
        self.open -= 1;
    }

    /// The first open one, or the one after.
    pub fn open_after(&self, number: u32) -> Option<(u32, &Entry)> {
        let next = if number == NONE_REF { self.first } else { self.get(u64::from(number))?.next };
        self.get(u64::from(next)).map(|entry| (next, entry))
    }

    /// A new day.
    pub fn clear(&mut self) {
        self.all.clear();
        self.places.fill(NONE_REF);
        (self.first, self.last, self.open) = (NONE_REF, NONE_REF, 0);
    }
}

/// Two words mixed so that every letter counts in the low bits.
fn hash(tag: &[u8; 16]) -> u64 {
    let word = |at: usize| u64::from_le_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|byte| tag[at + byte]));
    let mut mixed =
        word(0).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ word(8).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^= mixed >> 32;
    mixed = mixed.wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 29
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(number: u64) -> [u8; 16] {
        let mut tag = [0; 16];
        let text = format!("ORDER{number}");
        tag[..text.len()].copy_from_slice(text.as_bytes());
        tag
    }

    #[test]
    fn names_are_found_and_the_first_of_two_counts() {
        let mut entries = Entries::with_capacity(5_000);
        for number in 1..=5_000 {
            assert_eq!(entries.next_ref(), number);
            assert!(entries.has_room_for(&named(number)));
            entries.push(Entry { tag: named(number), lots: number as i64, ..Entry::default() });
        }
        assert!(!entries.has_room_for(&named(7_000)));
        assert!((1..=5_000).all(|number| entries.find(&named(number)) == Some(number as u32)));
        assert_eq!(entries.find(&named(7_000)), None);
        entries.clear();
        entries.push(Entry { tag: named(3), ..Entry::default() });
        entries.push(Entry { tag: named(3), ..Entry::default() });
        assert_eq!((entries.find(&named(3)), entries.find(&named(4))), (Some(1), None));
    }

    #[test]
    fn open_ones_are_walked_in_order_and_leave_anywhere() {
        let mut entries = Entries::with_capacity(8);
        (1..=4).for_each(|number| entries.push(Entry { tag: named(number), ..Entry::default() }));
        (1..=4).for_each(|number| entries.begin(number));
        let walk = |entries: &Entries| {
            let mut found = Vec::new();
            let mut at = NONE_REF;
            while let Some((number, _)) = entries.open_after(at) {
                found.push(number);
                at = number;
            }
            found
        };
        assert_eq!(walk(&entries), [1, 2, 3, 4]);
        entries.end(2);
        entries.end(4);
        entries.end(4);
        assert_eq!((walk(&entries), entries.open()), (vec![1, 3], 2));
        entries.end(1);
        entries.end(3);
        assert!(walk(&entries).is_empty());
        entries.begin(2);
        assert_eq!(walk(&entries), [2]);
    }
}
