//! A tap beside an engine: what strategies would be called with, row by row.
//!
//! Invariant: rows are those of a slot in the pass, whatever else is among the input.

mod support;

use engine::{TAP_BEAT, TAP_BOOK, TAP_LISTINGS_MAX, Tap, TapRow};
use records::*;
use support::{FUTURE, Heard, OTHER_VENUE, PRICE, SHARE, TICK, VENUE, World, config};

const BEAT_NS: u64 = 10_000;

/// The input of a market that moves, and the books that the slot was called with.
fn moved() -> (World, Vec<BookView>) {
    let mut world = World::untold(config(), 1);
    world.trading(VENUE, SHARE, TradingState::Trading);
    for turn in 0..40 {
        world.rest(VENUE, SHARE, Side::Buy, PRICE - TICK * (1 + turn % 7), 100 + turn);
        world.rest(VENUE, SHARE, Side::Sell, PRICE + TICK * (1 + turn % 5), 100 + turn);
        world.rest(OTHER_VENUE, SHARE, Side::Buy, PRICE - TICK, 1 + turn);
    }
    let books = world.heard().into_iter().filter_map(|heard| match heard {
        Heard::Book(view) if view.venue == u32::from(VENUE) && view.instrument == SHARE => Some(view),
        _ => None,
    });
    let books = books.collect();
    (world, books)
}

fn rows(world: &World, listings: Vec<(u16, u32)>) -> Vec<TapRow> {
    let (mut tap, mut rows) = (Tap::new(config(), listings, BEAT_NS), Vec::new());
    for (stamp, record) in &world.inputs {
        tap.see(*stamp, record);
        tap.drain(&mut rows);
    }
    rows
}

#[test]
fn its_books_are_those_that_a_slot_is_called_with() {
    let (world, books) = moved();
    let rows = rows(&world, vec![(VENUE, FUTURE), (VENUE, SHARE)]);
    let found: Vec<_> = rows.iter().filter(|row| row[1] == TAP_BOOK && row[0] == 1).collect();
    assert!(books.len() > 60 && found.len() == books.len(), "{} and {}", books.len(), found.len());
    for (row, book) in found.iter().zip(&books) {
        let times = [book.sequence as i64, book.time_ns as i64];
        assert_eq!(row[2..4], times);
        assert_eq!(row[5], i64::from(book.flags & (BOOK_TWO_SIDED | BOOK_STALE) == BOOK_TWO_SIDED));
        assert_eq!(row[6..8], [book.bids[0].price_nanos, book.bids[0].lots]);
        assert_eq!(row[8..10], [book.asks[0].price_nanos, book.asks[0].lots]);
        let lots: Vec<_> = book.bids.iter().chain(&book.asks).map(|level| level.lots).collect();
        assert_eq!(row[10..], lots);
    }
    assert!(found.iter().any(|row| row[5] == 1));
}

#[test]
fn a_beat_has_a_row_for_each_listing_at_its_first_input() {
    let (world, _) = moved();
    let rows = rows(&world, vec![(VENUE, FUTURE), (VENUE, SHARE)]);
    let beats: Vec<_> = rows.iter().filter(|row| row[1] == TAP_BEAT).collect();
    let (first, last) = (world.inputs[0].0.time_ns, world.inputs[world.inputs.len() - 1].0.time_ns);
    assert_eq!(beats.len() as u64, 2 * (last / BEAT_NS - first / BEAT_NS));
    for pair in beats.chunks(2) {
        assert_eq!((pair[0][0], pair[1][0], pair[0][2]), (0, 1, pair[1][2]));
    }
}

#[test]
fn it_follows_as_many_listings_as_it_says() {
    let (world, books) = moved();
    let mut many = vec![(VENUE, SHARE); TAP_LISTINGS_MAX];
    many[1..].fill((OTHER_VENUE, FUTURE));
    let found = rows(&world, many).iter().filter(|row| row[1] == TAP_BOOK).count();
    assert_eq!(found, books.len());
}
