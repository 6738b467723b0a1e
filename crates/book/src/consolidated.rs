//! The best bid and offer of an instrument over venues: prices, lots, who shows them, who counts, and how bid and ask stand to
//! each other (normal, locked, crossed, one-sided, empty) since when.
//!
//! Invariant: what a view says follows from the last top and the last standing of each of its venues, and from nothing else;
//! a venue that is out has no part in it. A change of one venue looks at each venue of the instrument once.

use records::{CONSOLIDATED_VENUES_MAX, ConsolidatedState, ConsolidatedView, Level, UNDEF_PRICE, VenueTop};

/// How often, and how long in all, an instrument was locked and crossed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spells {
    /// Times that it became locked.
    pub locked: u64,
    /// Times that it became crossed.
    pub crossed: u64,
    /// Time locked.
    pub locked_ns: u64,
    /// Time crossed.
    pub crossed_ns: u64,
}

records::state_value!(Spells { locked, crossed, locked_ns, crossed_ns });

/// Consolidated books of instruments, one cell each.
#[derive(Debug)]
pub struct Consolidated {
    views: Vec<ConsolidatedView>,
    spells: Vec<Spells>,
}

records::state!(Consolidated { views, spells });

/// The best price of a side so far.
struct Best {
    price_nanos: i64,
    lots: i64,
    venues: u32,
    venue: u32,
    venue_lots: i64,
}

impl Best {
    const NONE: Self = Self { price_nanos: UNDEF_PRICE, lots: 0, venues: 0, venue: 0, venue_lots: 0 };

    #[inline]
    fn take(&mut self, place: usize, venue: u32, (price_nanos, lots): (i64, i64), is_bid: bool) {
        if price_nanos == UNDEF_PRICE {
            return;
        }
        if self.price_nanos == price_nanos {
            self.lots = self.lots.saturating_add(lots);
            self.venues |= 1 << place;
            if lots > self.venue_lots {
                (self.venue, self.venue_lots) = (venue, lots);
            }
        } else if self.price_nanos == UNDEF_PRICE || (price_nanos > self.price_nanos) == is_bid {
            *self = Self { price_nanos, lots, venues: 1 << place, venue, venue_lots: lots };
        }
    }
}

fn state_of(bid_nanos: i64, ask_nanos: i64) -> ConsolidatedState {
    match (bid_nanos == UNDEF_PRICE, ask_nanos == UNDEF_PRICE) {
        (true, true) => ConsolidatedState::Empty,
        (false, false) if bid_nanos < ask_nanos => ConsolidatedState::Normal,
        (false, false) if bid_nanos == ask_nanos => ConsolidatedState::Locked,
        (false, false) => ConsolidatedState::Crossed,
        _ => ConsolidatedState::OneSided,
    }
}

impl Consolidated {
    /// Room for so many instruments.
    pub fn new(instruments: usize) -> Self {
        Self { views: Vec::with_capacity(instruments), spells: Vec::with_capacity(instruments) }
    }

    /// The cell of a further instrument, without venues. Takes memory when there is more than `new` was told.
    pub fn add(&mut self, instrument: u32) -> usize {
        let mut view = ConsolidatedView::zeroed();
        (view.bid_nanos, view.ask_nanos) = (UNDEF_PRICE, UNDEF_PRICE);
        view.state = u32::from(ConsolidatedState::Empty.code());
        view.instrument = instrument;
        self.views.push(view);
        self.spells.push(Spells::default());
        self.views.len() - 1
    }

    /// The place of a further venue in a cell: without prices and out, as nobody has spoken of it; `None` when the cell is full.
    pub fn add_venue(&mut self, cell: usize, venue: u16, out: u32) -> Option<usize> {
        let view = &mut self.views[cell];
        let place = view.venues_count as usize;
        let top = view.tops.get_mut(place)?;
        *top = VenueTop { bid_nanos: UNDEF_PRICE, ask_nanos: UNDEF_PRICE, venue: u32::from(venue), out, ..*top };
        view.venues_count += 1;
        view.live_count += u32::from(out == 0);
        Some(place)
    }

    /// Whether a cell has no room for a further venue.
    pub fn is_full(&self, cell: usize) -> bool {
        self.views[cell].venues_count as usize == CONSOLIDATED_VENUES_MAX
    }

    /// Sets a venue's best levels (price undefined: none) and why it is out (`OUT_*`, 0: it counts). Whether the best prices,
    /// their lots or venues, the state or the set of venues that count changed.
    #[inline]
    pub fn update(
        &mut self,
        cell: usize,
        place: usize,
        (bid, ask): (&Level, &Level),
        out: u32,
        (time_ns, sequence): (u64, u64),
    ) -> bool {
        let view = &mut self.views[cell];
        let top = &mut view.tops[place];
        let before = *top;
        (top.bid_nanos, top.bid_lots, top.ask_nanos, top.ask_lots) =
            (bid.price_nanos, bid.lots, ask.price_nanos, ask.lots);
        top.out = out;
        if *top == before || (before.out != 0 && out != 0) {
            return false;
        }
        let (mut bids, mut asks, mut live_count) = (Best::NONE, Best::NONE, 0);
        for (place, top) in view.tops[..view.venues_count as usize].iter().enumerate() {
            if top.out == 0 {
                live_count += 1;
                bids.take(place, top.venue, (top.bid_nanos, top.bid_lots), true);
                asks.take(place, top.venue, (top.ask_nanos, top.ask_lots), false);
            }
        }
        let changed = (before.out == 0) != (out == 0)
            || (bids.price_nanos, bids.lots, bids.venues, bids.venue)
                != (view.bid_nanos, view.bid_lots, view.bid_venues, view.bid_venue)
            || (asks.price_nanos, asks.lots, asks.venues, asks.venue)
                != (view.ask_nanos, view.ask_lots, view.ask_venues, view.ask_venue);
        if !changed {
            return false;
        }
        (view.bid_nanos, view.bid_lots, view.bid_venues, view.bid_venue) =
            (bids.price_nanos, bids.lots, bids.venues, bids.venue);
        (view.ask_nanos, view.ask_lots, view.ask_venues, view.ask_venue) =
            (asks.price_nanos, asks.lots, asks.venues, asks.venue);
        view.live_count = live_count;
        (view.time_ns, view.sequence) = (time_ns, sequence);
        let state = state_of(bids.price_nanos, asks.price_nanos);
        if u32::from(state.code()) != view.state {
            self.enter(cell, state, time_ns);
        }
        true
    }

    fn enter(&mut self, cell: usize, state: ConsolidatedState, time_ns: u64) {
        self.spells[cell] = self.spells(cell, time_ns);
        let (view, spells) = (&mut self.views[cell], &mut self.spells[cell]);
        spells.locked += u64::from(state == ConsolidatedState::Locked);
        spells.crossed += u64::from(state == ConsolidatedState::Crossed);
        (view.state, view.since_ns) = (u32::from(state.code()), time_ns);
    }

    /// What a cell says.
    pub fn view(&self, cell: usize) -> &ConsolidatedView {
        &self.views[cell]
    }

    /// All cells, in the order in which they were added.
    pub fn views(&self) -> &[ConsolidatedView] {
        &self.views
    }

    /// How often and how long a cell was locked and crossed, until `now_ns`.
    pub fn spells(&self, cell: usize, now_ns: u64) -> Spells {
        let (view, mut spells) = (&self.views[cell], self.spells[cell]);
        let open_ns = now_ns.saturating_sub(view.since_ns);
        match ConsolidatedState::from_code(view.state as u8) {
            Some(ConsolidatedState::Locked) => spells.locked_ns += open_ns,
            Some(ConsolidatedState::Crossed) => spells.crossed_ns += open_ns,
            _ => {}
        }
        spells
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(price_nanos: i64, lots: i64) -> Level {
        Level { price_nanos, lots, orders: 1 }
    }

    const ABSENT: Level = Level { price_nanos: UNDEF_PRICE, lots: 0, orders: 0 };

    #[test]
    fn the_better_price_wins_and_equal_prices_add() {
        let mut book = Consolidated::new(1);
        let cell = book.add(7);
        for venue in [3, 5, 9] {
            assert!(book.add_venue(cell, venue, 0).is_some());
        }
        for (place, bid, ask) in
            [(0, level(10, 1), level(12, 1)), (1, level(11, 2), level(13, 2)), (2, level(11, 3), ABSENT)]
        {
            assert!(book.update(cell, place, (&bid, &ask), 0, (place as u64 + 1, 1)));
        }
        let view = *book.view(cell);
        assert_eq!((view.bid_nanos, view.bid_lots, view.bid_venues, view.bid_venue), (11, 5, 0b110, 9));
        assert_eq!((view.ask_nanos, view.ask_lots, view.ask_venues, view.ask_venue), (12, 1, 0b001, 3));
        assert!(!book.update(cell, 0, (&level(9, 4), &level(12, 1)), 0, (9, 9)), "a worse bid is nobody's best");
        assert!(book.update(cell, 0, (&level(9, 4), &ABSENT), 0, (10, 10)));
        assert_eq!((book.view(cell).ask_nanos, book.view(cell).ask_venue), (13, 5));
    }

    #[test]
    fn a_venue_that_is_out_has_no_part_and_comes_back_with_its_last_prices() {
        let mut book = Consolidated::new(1);
        let cell = book.add(1);
        assert_eq!((book.add_venue(cell, 1, 0), book.add_venue(cell, 2, 0)), (Some(0), Some(1)));
        let (bid, ask) = (level(10, 1), level(12, 1));
        book.update(cell, 0, (&bid, &ask), 0, (1, 1));
        book.update(cell, 1, (&level(12, 5), &level(14, 5)), 0, (5, 2));
        assert_eq!(book.view(cell).state, u32::from(ConsolidatedState::Locked.code()));
        assert!(book.update(cell, 1, (&level(12, 5), &level(14, 5)), records::OUT_STALE, (25, 3)));
        assert!(!book.update(cell, 1, (&level(13, 5), &level(14, 5)), records::OUT_STALE, (26, 4)), "out is out");
        let view = *book.view(cell);
        assert_eq!((view.state, view.live_count), (u32::from(ConsolidatedState::Normal.code()), 1));
        assert_eq!(book.spells(cell, 100), Spells { locked: 1, locked_ns: 20, ..Spells::default() });
        assert!(book.update(cell, 1, (&level(13, 5), &level(14, 5)), 0, (30, 5)));
        assert_eq!(book.view(cell).state, u32::from(ConsolidatedState::Crossed.code()));
        assert_eq!(book.view(cell).since_ns, 30);
        assert_eq!(book.spells(cell, 37), Spells { locked: 1, locked_ns: 20, crossed: 1, crossed_ns: 7 });
    }

    #[test]
    fn a_cell_takes_so_many_venues_and_no_more() {
        let mut book = Consolidated::new(1);
        let cell = book.add(1);
        for venue in 1..=CONSOLIDATED_VENUES_MAX as u16 {
            assert!(!book.is_full(cell) && book.add_venue(cell, venue, 0).is_some());
        }
        assert!(book.is_full(cell) && book.add_venue(cell, 99, 0).is_none());
    }
}
