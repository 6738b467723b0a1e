//! The consolidated book in the fold: what it says, who is told, and when.
//!
//! Invariant: after every input it is what the listings' own books and standings give when computed anew.

mod support;

use engine::Wants;
use records::*;
use support::{Heard, OTHER_VENUE, PRICE, SHARE, SLOT, START_NS, TICK, VENUE, World, config};

const READS: Wants = Wants {
    book_calls: true,
    trade_calls: true,
    consolidated: true,
    consolidated_calls: false,
    queues: false,
    states: false,
    regions: false,
    risk_calls: false,
    auction_calls: false,
    signal_calls: false,
    order_calls: true,
    fill_calls: true,
};
const CALLED: Wants = Wants { consolidated_calls: true, ..READS };

/// A world whose slot wants this, without a venue that has spoken.
fn unspoken(wants: Wants) -> World {
    let mut world = World::untold(config(), 0);
    world.script.0.borrow_mut().wants = wants;
    for record in support::records_of(&support::bootstrap(1)).into_iter().skip(1) {
        world.give_bytes(&record);
    }
    world
}

/// The same, where both venues quote a tick around the price.
fn world(wants: Wants) -> World {
    let mut world = unspoken(wants);
    world.quote_all();
    world
}

fn told(world: &World) -> Vec<ConsolidatedView> {
    let heard = world.heard().into_iter();
    heard.filter_map(|heard| if let Heard::Consolidated(view) = heard { Some(view) } else { None }).collect()
}

fn share(world: &World) -> ConsolidatedView {
    *world.engine.consolidated().find(|(view, _)| view.instrument == SHARE).unwrap().0
}

fn state(world: &World) -> ConsolidatedState {
    ConsolidatedState::from_code(share(world).state as u8).unwrap()
}

fn delete(world: &mut World, venue: u16, order_ref: u64) {
    let mut record = MarketOrder::new();
    (record.header.venue, record.header.instrument, record.header.flags) = (venue, SHARE, FLAG_LAST);
    (record.order_ref, record.action) = (order_ref, BookAction::Delete.code());
    world.give(&record);
}

fn feed(world: &mut World, venue: u16, state: FeedState) {
    let mut record = Status::new();
    (record.header.venue, record.feed) = (venue, state.code());
    world.give(&record);
}

#[test]
fn a_slot_is_told_when_the_best_prices_or_the_state_change_and_then_only() {
    let mut world = world(CALLED);
    world.rest(OTHER_VENUE, SHARE, Side::Buy, PRICE - 2 * TICK, 5);
    assert!(told(&world).is_empty(), "a second level is nobody's best");
    world.rest(OTHER_VENUE, SHARE, Side::Buy, PRICE, 7);
    let locked = world.rest(OTHER_VENUE, SHARE, Side::Buy, PRICE + TICK, 30);
    let entered_ns = world.now_ns;
    let crossed = world.rest(VENUE, SHARE, Side::Sell, PRICE - TICK, 9);
    let seen = told(&world);
    let states: Vec<u32> = seen.iter().map(|view| view.state).collect();
    assert_eq!(states, [1, 2, 3]);
    assert_eq!((seen[0].bid_nanos, seen[0].bid_lots, seen[0].bid_venue), (PRICE, 7, u32::from(OTHER_VENUE)));
    assert_eq!((seen[0].ask_nanos, seen[0].ask_lots, seen[0].ask_venues), (PRICE + TICK, 200, 0b11));
    assert_eq!((seen[1].since_ns, seen[1].venues_count, seen[1].live_count), (entered_ns, 2, 2));
    assert_eq!((seen[2].bid_venue, seen[2].ask_venue), (u32::from(OTHER_VENUE), u32::from(VENUE)));
    assert_eq!((seen[2].ask_lots, seen[2].listing, seen[2].sequence), (9, 0, world.sequence));
    delete(&mut world, VENUE, crossed);
    delete(&mut world, OTHER_VENUE, locked);
    let (_, spells) = world.engine.consolidated().next().unwrap();
    assert_eq!((spells.locked, spells.crossed), (2, 1));
    assert_eq!((spells.locked_ns, spells.crossed_ns), (2_000, 1_000));
}

#[test]
fn books_are_told_before_the_consolidated_book_and_both_see_it() {
    let mut world = world(CALLED);
    world.script.0.borrow_mut().keep_views = true;
    world.rest(OTHER_VENUE, SHARE, Side::Buy, PRICE + TICK, 30);
    let heard = world.heard();
    assert!(matches!(heard[..], [Heard::Book(_), Heard::Consolidated(_)]), "{heard:?}");
    let views = world.script.0.borrow().views.clone();
    for view in views {
        for listing in [0, 1] {
            let top = view.consolidated[listing];
            assert_eq!((top.state, top.bid_nanos, top.bid_venue), (2, PRICE + TICK, u32::from(OTHER_VENUE)));
        }
        assert_eq!(view.consolidated[2].bid_nanos, PRICE - TICK, "the other instrument's own");
    }
}

#[test]
fn a_venue_without_a_whole_feed_or_without_trading_is_out_and_that_is_told() {
    let mut world = world(CALLED);
    world.rest(OTHER_VENUE, SHARE, Side::Buy, PRICE + 2 * TICK, 30);
    assert_eq!(state(&world), ConsolidatedState::Crossed);
    type Step = fn(&mut World);
    let steps: [(Step, Step, u32); 3] = [
        (|w| feed(w, OTHER_VENUE, FeedState::Stale), |w| feed(w, OTHER_VENUE, FeedState::Live), OUT_STALE),
        (
            |w| w.trading(OTHER_VENUE, SHARE, TradingState::Halted),
            |w| w.trading(OTHER_VENUE, SHARE, TradingState::Trading),
            OUT_NOT_TRADING,
        ),
        (
            |w| w.trading(OTHER_VENUE, 0, TradingState::Closed),
            |w| w.trading(OTHER_VENUE, 0, TradingState::Trading),
            OUT_NOT_TRADING,
        ),
    ];
    for (leave, join, why) in steps {
        world.clear();
        leave(&mut world);
        let seen = told(&world);
        assert_eq!((seen.len(), seen[0].live_count, seen[0].tops[1].out), (1, 1, why));
        assert_eq!((state(&world), share(&world).bid_nanos), (ConsolidatedState::Normal, PRICE - TICK));
        world.clear();
        join(&mut world);
        assert_eq!((told(&world).len(), state(&world)), (1, ConsolidatedState::Crossed));
    }
}

#[test]
fn a_silent_feed_is_out_until_it_speaks() {
    let mut world = world(CALLED);
    world.rest(OTHER_VENUE, SHARE, Side::Buy, PRICE + TICK, 30);
    world.now_ns += config().feed_silence_ns - 2_000;
    world.rest(VENUE, SHARE, Side::Buy, PRICE - 3 * TICK, 1);
    world.clear();
    world.now_ns += 10_000;
    world.give(&Timer::new());
    assert_eq!((share(&world).live_count, share(&world).tops[1].out), (1, OUT_SILENT));
    assert_eq!(told(&world).len(), 1);
    world.rest(OTHER_VENUE, SHARE, Side::Buy, PRICE - 3 * TICK, 1);
    assert_eq!((share(&world).live_count, state(&world)), (2, ConsolidatedState::Locked));
}

#[test]
fn one_side_and_no_side() {
    let mut world = World::untold(config(), 1);
    world.trading(VENUE, SHARE, TradingState::Trading);
    assert_eq!(state(&world), ConsolidatedState::Empty);
    let order = world.rest(VENUE, SHARE, Side::Sell, PRICE, 3);
    assert_eq!(state(&world), ConsolidatedState::OneSided);
    world.rest(OTHER_VENUE, SHARE, Side::Buy, PRICE, 3);
    assert_eq!(state(&world), ConsolidatedState::OneSided, "nobody has said that it trades there");
    world.trading(OTHER_VENUE, SHARE, TradingState::Trading);
    assert_eq!(state(&world), ConsolidatedState::Locked);
    world.trading(OTHER_VENUE, SHARE, TradingState::Halted);
    delete(&mut world, VENUE, order);
    assert_eq!((state(&world), share(&world).live_count), (ConsolidatedState::Empty, 1));
}

#[test]
fn who_only_reads_is_not_called_and_who_does_not_ask_is_shown_nothing() {
    for (wants, shown) in [(READS, 2), (Wants::default(), 0)] {
        let mut world = world(wants);
        world.script.0.borrow_mut().keep_views = true;
        world.rest(OTHER_VENUE, SHARE, Side::Buy, PRICE + TICK, 30);
        assert!(told(&world).is_empty());
        assert_eq!(world.script.0.borrow().views[0].consolidated[0].state, shown);
        assert_eq!(state(&world), ConsolidatedState::Locked, "kept all the same: it is at two venues");
    }
}

#[test]
fn a_slot_loaded_anew_looks_no_more_and_may_look_again() {
    let mut world = world(CALLED);
    let mut control = StrategyControl::new();
    (control.slot, control.run) = (SLOT, SlotRun::Stopped.code());
    world.give(&control);
    world.script.0.borrow_mut().wants = Wants::default();
    for record in support::records_of(&support::bootstrap(1)) {
        let kind = read_from::<Header>(&record).unwrap().kind();
        if matches!(kind, Some(Kind::Slot | Kind::SlotBind | Kind::StrategyControl)) {
            world.give_bytes(&record);
        }
    }
    world.clear();
    world.rest(OTHER_VENUE, SHARE, Side::Buy, PRICE + TICK, 30);
    assert!(matches!(world.heard()[..], [Heard::Book(_)]));
}

#[test]
fn an_instrument_at_more_venues_than_a_book_takes_is_refused() {
    let mut world = World::untold(engine::EngineConfig { venues_max: 40, listings_max: 40, ..config() }, 0);
    let mut outcomes = Vec::new();
    for venue in 3..=CONSOLIDATED_VENUES_MAX as u16 + 1 {
        let mut listing = Listing::new();
        (listing.header.venue, listing.header.instrument) = (venue, SHARE);
        (listing.tick_table, listing.increment_lots, listing.round_lot_lots) = (1, 1, 100);
        (listing.price_min_nanos, listing.price_max_nanos) = (TICK, 100_000 * NANOS);
        (listing.active, listing.replace_quantity) = (1, 1);
        world.give(&listing);
        outcomes.push(world.outputs::<Applied>().last().unwrap().outcome);
    }
    let accepted = outcomes.iter().filter(|outcome| **outcome == 1).count();
    assert_eq!((accepted, outcomes.last()), (CONSOLIDATED_VENUES_MAX - 2, Some(&3)));
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// The state, the best prices with their lots, and how many venues count, from the listings' own views.
fn anew(world: &World) -> (u32, [(i64, i64); 2], u32) {
    let views = [VENUE, OTHER_VENUE].map(|venue| *world.engine.book_view(venue, SHARE).unwrap());
    let live: Vec<_> = views.iter().filter(|view| view.flags & (BOOK_STALE | BOOK_TRADABLE) == BOOK_TRADABLE).collect();
    let best = |levels: Vec<Level>, is_bid: bool| {
        let prices = levels.iter().map(|level| level.price_nanos).filter(|price| *price != UNDEF_PRICE);
        let Some(price) = (if is_bid { prices.max() } else { prices.min() }) else { return (UNDEF_PRICE, 0) };
        (price, levels.iter().filter(|level| level.price_nanos == price).map(|level| level.lots).sum())
    };
    let bid = best(live.iter().map(|view| view.bids[0]).collect(), true);
    let ask = best(live.iter().map(|view| view.asks[0]).collect(), false);
    let state = match (bid.0, ask.0) {
        (UNDEF_PRICE, UNDEF_PRICE) => ConsolidatedState::Empty,
        (UNDEF_PRICE, _) | (_, UNDEF_PRICE) => ConsolidatedState::OneSided,
        (bid, ask) if bid < ask => ConsolidatedState::Normal,
        (bid, ask) if bid == ask => ConsolidatedState::Locked,
        _ => ConsolidatedState::Crossed,
    };
    (u32::from(state.code()), [bid, ask], live.len() as u32)
}

#[test]
fn random_streams_agree_with_the_listings_own_books() {
    let mut met = [0; 5];
    for seed in 0..20 {
        let mut world = unspoken(CALLED);
        let mut random = Random(seed);
        let mut resting = Vec::new();
        for turn in 0..1_000 {
            let venue = 1 + random.below(2) as u16;
            match random.below(20) {
                0 => feed(&mut world, venue, [FeedState::Stale, FeedState::Live][random.below(2) as usize]),
                1 => world.trading(
                    venue,
                    [0, SHARE][random.below(2) as usize],
                    [TradingState::Halted, TradingState::Trading][random.below(2) as usize],
                ),
                2 => {
                    world.now_ns += random.below(2) * config().feed_silence_ns;
                    world.give(&Timer::new());
                }
                3 => {
                    feed(&mut world, venue, FeedState::Live);
                    world.trading(venue, 0, TradingState::Trading);
                    world.trading(venue, SHARE, TradingState::Trading);
                }
                4..=11 if !resting.is_empty() => {
                    let (venue, order) = resting.swap_remove(random.below(resting.len() as u64) as usize);
                    delete(&mut world, venue, order);
                }
                _ => {
                    let side = if random.below(2) == 0 { Side::Buy } else { Side::Sell };
                    let price = PRICE + (random.below(7) as i64 - 3) * TICK;
                    let order = world.rest(venue, SHARE, side, price, 1 + random.below(9) as i64);
                    resting.push((venue, order));
                }
            }
            let view = share(&world);
            let said =
                (view.state, [(view.bid_nanos, view.bid_lots), (view.ask_nanos, view.ask_lots)], view.live_count);
            assert_eq!(said, anew(&world), "seed {seed}, turn {turn}");
            met[view.state as usize - 1] += 1;
        }
        let last = told(&world).into_iter().rfind(|view| view.instrument == SHARE).unwrap();
        assert_eq!(
            (last.state, last.time_ns),
            (share(&world).state, share(&world).time_ns),
            "the last change was told"
        );
        assert!(last.time_ns > START_NS);
    }
    assert!(met.iter().all(|count| *count > 100), "{met:?}");
}
