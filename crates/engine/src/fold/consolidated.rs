//! Consolidated books: kept for instruments at several venues and for those that a slot looks at, told to the slots that ask.
//!
//! Invariant: a book holds each listing's last touch and standing before any slot is called in the same pass; an instrument at
//! one venue that nobody looks at costs one comparison.

use book::{Consolidated, Spells};
use records::{Callback, ConsolidatedTop, ConsolidatedView, LISTINGS_MAX, OUT_NOT_TRADING};

use super::Engine;
use crate::config::EngineConfig;
use crate::host::{EventRef, Wants};
use crate::outbox::Outbox;

const NO_CELL: u16 = u16::MAX;

/// Which slots look at a book.
struct Lookers {
    /// Slots that read it, by bit.
    readers: u64,
    /// Slots that are called when it changes, by bit.
    called: u64,
    /// Listings of the instrument in each slot that looks, by bit.
    listings_in: [u8; 64],
}

records::state_value!(Lookers { readers, called, listings_in });

/// The books of all instruments, and who looks at them.
pub(crate) struct Consolidations {
    books: Consolidated,
    lookers: Vec<Lookers>,
    cell_of: Box<[u16]>,
}

records::state!(Consolidations { books, lookers, cell_of });

const _: () = assert!(LISTINGS_MAX == 8, "listings of a slot are bits of a byte");

impl Consolidations {
    pub fn new(config: &EngineConfig) -> Self {
        let count = config.listings_max.min(config.instruments_max);
        Self {
            books: Consolidated::new(count),
            lookers: Vec::with_capacity(count),
            cell_of: vec![NO_CELL; config.instruments_max + 1].into_boxed_slice(),
        }
    }

    fn cell(&self, instrument: u32) -> Option<u16> {
        self.cell_of.get(instrument as usize).copied().filter(|cell| *cell != NO_CELL)
    }

    /// Whether an instrument may be listed at a further venue.
    pub fn has_room(&self, instrument: u32) -> bool {
        self.cell(instrument).is_none_or(|cell| !self.books.is_full(usize::from(cell)))
    }

    pub fn forget_slot(&mut self, slot: u8) {
        for lookers in &mut self.lookers {
            lookers.readers &= !(1 << slot);
            lookers.called &= !(1 << slot);
            lookers.listings_in[usize::from(slot)] = 0;
        }
    }

    /// The head of a book.
    pub fn top(&self, cell: u16) -> ConsolidatedTop {
        let view = self.books.view(usize::from(cell));
        ConsolidatedTop {
            since_ns: view.since_ns,
            bid_nanos: view.bid_nanos,
            bid_lots: view.bid_lots,
            ask_nanos: view.ask_nanos,
            ask_lots: view.ask_lots,
            state: view.state,
            bid_venue: view.bid_venue,
            ask_venue: view.ask_venue,
            live_count: view.live_count,
        }
    }
}

impl Engine {
    /// The consolidated books of instruments at several venues, and how often and how long each was locked and crossed.
    pub fn consolidated(&self) -> impl Iterator<Item = (&ConsolidatedView, Spells)> {
        let books = &self.consolidations.books;
        let several = books.views().iter().enumerate().filter(|(_, view)| view.venues_count > 1);
        several.map(|(cell, view)| (view, books.spells(cell, self.time_ns)))
    }

    /// Gives a new listing its place; from the second venue on the book is kept.
    pub(super) fn join_consolidated(&mut self, place: u16) {
        let listing = &self.listings[usize::from(place)];
        let (instrument, venue) = (listing.instrument, listing.venue);
        let consolidations = &mut self.consolidations;
        let cell = match consolidations.cell(instrument) {
            Some(cell) => cell,
            None => {
                let cell = consolidations.books.add(instrument) as u16;
                consolidations.lookers.push(Lookers { readers: 0, called: 0, listings_in: [0; 64] });
                consolidations.cell_of[instrument as usize] = cell;
                cell
            }
        };
        let joined = consolidations.books.add_venue(usize::from(cell), venue, OUT_NOT_TRADING);
        let at = joined.expect("a listing without room is refused");
        let kept = at > 0 || consolidations.lookers[usize::from(cell)].readers != 0;
        let listing = &mut self.listings[usize::from(place)];
        (listing.consolidated_cell, listing.consolidated_place) = (cell, at as u8);
        if kept {
            self.keep_consolidated(instrument);
        }
    }

    /// From now on the instrument's book is kept; it starts with what its venues show.
    fn keep_consolidated(&mut self, instrument: u32) {
        for place in 0..self.listings.len() as u16 {
            if self.listings[usize::from(place)].instrument == instrument {
                self.listings[usize::from(place)].consolidated = true;
                self.consolidate(place);
            }
        }
    }

    /// Notes what a slot that was bound to a listing looks at.
    pub(super) fn look_at_consolidated(&mut self, slot: u8, place: u16, index: u8, wants: Wants) {
        if !wants.consolidated && !wants.consolidated_calls {
            return;
        }
        let (cell, instrument) = {
            let listing = &self.listings[usize::from(place)];
            (listing.consolidated_cell, listing.instrument)
        };
        let lookers = &mut self.consolidations.lookers[usize::from(cell)];
        lookers.readers |= 1 << slot;
        lookers.called |= u64::from(wants.consolidated_calls) << slot;
        lookers.listings_in[usize::from(slot)] |= 1 << index;
        if let Some(Some(cell)) = self.slots.get_mut(usize::from(slot)) {
            cell.consolidated_touched |= 1 << index;
        }
        self.keep_consolidated(instrument);
    }

    /// Brings a listing's touch and standing into its instrument's book; whether what it says changed.
    #[inline]
    pub(super) fn consolidate(&mut self, place: u16) -> bool {
        let listing = &self.listings[usize::from(place)];
        if !listing.consolidated {
            return false;
        }
        let (cell, at) = (usize::from(listing.consolidated_cell), usize::from(listing.consolidated_place));
        let out = listing.out(&self.venues[usize::from(listing.venue)]);
        let touch = (&listing.view.bids[0], &listing.view.asks[0]);
        let state = self.consolidations.books.view(cell).state;
        if !self.consolidations.books.update(cell, at, touch, out, (self.time_ns, self.input)) {
            return false;
        }
        let view = self.consolidations.books.view(cell);
        if view.state != state {
            self.hash.word(u64::from(view.instrument) << 32 | u64::from(view.state));
        }
        let lookers = &self.consolidations.lookers[cell];
        let mut readers = lookers.readers;
        while readers != 0 {
            let slot = readers.trailing_zeros() as usize;
            readers &= readers - 1;
            if let Some(cell) = &mut self.slots[slot] {
                cell.consolidated_touched |= lookers.listings_in[slot];
            }
        }
        true
    }

    /// Calls the slots that asked to be told of a listing's consolidated book.
    #[inline(never)]
    pub(super) fn call_consolidated(&mut self, place: u16, out: &mut dyn Outbox) {
        let cell = usize::from(self.listings[usize::from(place)].consolidated_cell);
        let mut called = self.consolidations.lookers[cell].called;
        while called != 0 {
            let slot = called.trailing_zeros() as u8;
            called &= called - 1;
            let mut view = *self.consolidations.books.view(cell);
            view.listing = self.consolidations.lookers[cell].listings_in[usize::from(slot)].trailing_zeros();
            self.call(slot, Callback::Consolidated, EventRef::Consolidated(&view), view.listing, true, out);
        }
    }
}
