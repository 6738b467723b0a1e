//! Best prices of other regions: how an engine says its own, and what a slot elsewhere sees of them, over a line that loses, doubles,
//! delays and overtakes.
//!
//! The seed is in the assertion's words; running [`run`] with it alone is the reproduction.

mod support;

use std::collections::BTreeMap;

use engine::{BestPrices, Engine, NoOutbox, QuoteSettings, QuotedListing, RegionQuotes, Wants};
use records::*;
use support::{FUTURE, OTHER_VENUE, PRICE, SHARE, Script, TICK, VENUE, World, config};

const INTERVAL_NS: u64 = 10_000;
const REPEAT_NS: u64 = 200_000;
const FAR: u16 = 2;
const LISTED: [(u16, u32); 3] = [(VENUE, SHARE), (OTHER_VENUE, SHARE), (VENUE, FUTURE)];

/// Tells these shards of every listing.
fn teller(shards: std::ops::RangeInclusive<u16>) -> RegionQuotes {
    let all = || LISTED.map(|(venue, instrument)| QuotedListing { venue, instrument }).to_vec();
    RegionQuotes::new(Some(&QuoteSettings {
        region: "new-york".to_owned(),
        interval_ns: INTERVAL_NS,
        repeat_ns: REPEAT_NS,
        to: shards.map(|shard| (shard, all())).collect(),
    }))
}

/// What it says now.
fn said(teller: &mut RegionQuotes, world: &World) -> Vec<(u16, RegionQuote)> {
    let mut out = Vec::new();
    teller.work(world.now_ns, &world.engine, &mut |shard, record| {
        out.push((shard, read_from(record).expect("whole")));
        true
    });
    out
}

/// An engine whose slot looks at other regions.
fn looking() -> World {
    let mut world = World::untold(config(), 0);
    world.script.0.borrow_mut().wants = Wants::new(u64::MAX, |_| true);
    for record in support::records_of(&support::bootstrap(1)).into_iter().skip(1) {
        world.give_bytes(&record);
    }
    world.quote_all();
    world.script.0.borrow_mut().keep_views = true;
    world
}

/// What the slot sees of its first listing's instrument when it is called.
fn seen(world: &mut World) -> [RegionView; REGIONS_MAX] {
    world.intend(vec![]);
    let view = *world.script.0.borrow().views.last().expect("a call");
    world.script.0.borrow_mut().views.clear();
    view.regions[0].regions
}

fn best(world: &World) -> BestPrices {
    world.engine.best_prices(VENUE, SHARE).expect("listed")
}

fn quote(world: &World, venue: u16, bid_nanos: i64) -> RegionQuote {
    let mut record = RegionQuote::new();
    (record.header.venue, record.header.instrument, record.region) = (venue, SHARE, 7);
    (record.bid_nanos, record.bid_lots, record.ask_nanos, record.ask_lots) = (bid_nanos, 5, bid_nanos + TICK, 6);
    (record.time_ns, record.changed_ns, record.state) = (world.now_ns, 1, RegionQuoteState::Priced.code());
    record
}

#[test]
fn a_book_that_cannot_be_relied_on_says_no_price_and_why() {
    let mut world = World::untold(config(), 1);
    assert_eq!(best(&world), BestPrices::none(RegionQuoteState::NotTrading, 0), "nobody has said that it trades");
    assert_eq!(world.engine.best_prices(OTHER_VENUE, FUTURE), None, "not listed");
    world.quote_all();
    let stands = best(&world);
    assert_eq!((stands.bid, stands.ask), ((PRICE - TICK, 100), (PRICE + TICK, 100)));
    assert_eq!(stands.state, RegionQuoteState::Priced);
    world.rest(VENUE, SHARE, Side::Buy, PRICE - TICK, 7);
    assert_eq!((best(&world).bid, best(&world).changed_ns), ((PRICE - TICK, 107), world.now_ns));
    let changed_ns = world.now_ns;
    world.rest(VENUE, SHARE, Side::Buy, PRICE - 5 * TICK, 7);
    assert_eq!(best(&world).changed_ns, changed_ns, "below the best price nothing is told");
    world.trading(VENUE, SHARE, TradingState::Halted);
    assert_eq!(best(&world), BestPrices::none(RegionQuoteState::NotTrading, changed_ns));
    world.trading(VENUE, SHARE, TradingState::Trading);
    let mut status = Status::new();
    (status.header.venue, status.feed) = (VENUE, FeedState::Stale.code());
    world.give(&status);
    assert_eq!(best(&world), BestPrices::none(RegionQuoteState::Stale, changed_ns));
    status.feed = FeedState::Live.code();
    world.give(&status);
    assert_eq!(best(&world).state, RegionQuoteState::Priced);
    world.now_ns += config().feed_silence_ns;
    world.give(&Timer::new());
    assert_eq!(best(&world).state, RegionQuoteState::Stale, "a silent feed");
    world.rest(VENUE, SHARE, Side::Buy, PRICE + TICK, 7);
    assert_eq!(best(&world), BestPrices::none(RegionQuoteState::Crossed, world.now_ns), "locked is as bad");
}

#[test]
fn a_side_without_orders_has_no_price() {
    let mut world = World::untold(config(), 1);
    world.trading(VENUE, SHARE, TradingState::Trading);
    assert_eq!(best(&world), BestPrices::none(RegionQuoteState::Priced, 0), "an empty book that trades");
    world.rest(VENUE, SHARE, Side::Sell, PRICE, 3);
    assert_eq!((best(&world).bid, best(&world).ask), ((UNDEF_PRICE, 0), (PRICE, 3)));
}

#[test]
fn what_changed_is_said_once_an_interval_and_what_stayed_once_a_repetition() {
    let mut world = World::new();
    let mut teller = teller(FAR..=FAR);
    let first = said(&mut teller, &world);
    assert_eq!(first.iter().map(|(_, one)| (one.header.venue, one.header.instrument)).collect::<Vec<_>>(), LISTED);
    let (shard, one) = first[0];
    assert_eq!((shard, one.region, one.time_ns), (FAR, region_number("new-york"), world.engine.time_ns()));
    assert_eq!((one.header.sequence, one.header.receive_time_ns), (world.engine.input(), 0));
    for step in 1..=5 {
        world.rest(VENUE, SHARE, Side::Buy, PRICE - TICK, step);
        assert!(said(&mut teller, &world).is_empty(), "within the interval");
    }
    world.now_ns += INTERVAL_NS;
    let newest = said(&mut teller, &world);
    assert_eq!(newest.len(), 1, "only what changed, once");
    assert_eq!((newest[0].1.bid_lots, newest[0].1.header.venue), (115, VENUE));
    let begun_ns = world.now_ns;
    let mut again: BTreeMap<(u16, u32), usize> = BTreeMap::new();
    while world.now_ns < begun_ns + 10 * REPEAT_NS {
        world.now_ns += 1_000;
        for (_, one) in said(&mut teller, &world) {
            *again.entry((one.header.venue, one.header.instrument)).or_default() += 1;
        }
    }
    assert!(again.len() == 3 && again.values().all(|count| (9..=10).contains(count)), "{again:?}");
}

#[test]
fn a_record_that_did_not_leave_is_due_again_and_time_grows_with_each() {
    let mut world = World::new();
    let mut teller = teller(FAR..=FAR);
    let mut asked = 0;
    teller.work(world.now_ns, &world.engine, &mut |_, _| {
        asked += 1;
        false
    });
    assert_eq!(asked, 3);
    world.now_ns += INTERVAL_NS;
    let first = said(&mut teller, &world);
    assert_eq!(first.len(), 3);
    // The engine took nothing in meanwhile: its time stands still.
    world.now_ns += REPEAT_NS;
    let second = said(&mut teller, &world);
    assert_eq!(second.len(), 3);
    assert!(first.iter().zip(&second).all(|((_, one), (_, other))| one.time_ns + 1 == other.time_ns));
}

#[test]
fn between_two_inputs_a_few_listings_are_looked_at_and_a_round_reaches_all() {
    let world = World::new();
    let mut teller = teller(2..=13);
    let turns: Vec<usize> = (0..4).map(|_| said(&mut teller, &world).len()).collect();
    assert_eq!(turns, [16, 16, 4, 0]);
}

#[test]
fn what_is_late_doubled_or_unsound_changes_nothing() {
    let mut world = looking();
    let newer = quote(&world, VENUE, PRICE);
    world.give(&newer);
    let heard_ns = world.now_ns;
    world.give(&RegionQuote { bid_nanos: PRICE - TICK, time_ns: newer.time_ns - 1, ..newer });
    world.give(&RegionQuote { bid_lots: 9, ..newer });
    assert_eq!(world.engine.statistics().unused, 0);
    let unsound = [
        RegionQuote { region: 0, ..newer },
        RegionQuote { time_ns: 0, ..newer },
        RegionQuote { bid_lots: 0, ..newer },
        RegionQuote { ask_lots: -1, ..newer },
        RegionQuote { ask_lots: i64::MAX, ..newer },
        RegionQuote { bid_nanos: UNDEF_PRICE, ..newer },
        RegionQuote { bid_nanos: newer.ask_nanos, ..newer },
        RegionQuote { state: 0, ..newer },
        RegionQuote { state: 99, ..newer },
        RegionQuote { state: RegionQuoteState::Stale.code(), ..newer },
    ];
    for one in unsound {
        world.give(&RegionQuote { time_ns: if one.time_ns == 0 { 0 } else { newer.time_ns + 1 }, ..one });
    }
    assert_eq!(world.engine.statistics().unused, unsound.len() as u64, "counted");
    let [view, free, ..] = seen(&mut world);
    assert_eq!((view.region, view.venue, free.region), (7, u32::from(VENUE), 0));
    assert_eq!((view.bid_nanos, view.bid_lots, view.ask_nanos, view.ask_lots), (PRICE, 5, PRICE + TICK, 6));
    assert_eq!((view.quote_time_ns, view.quote_changed_ns), (newer.time_ns, 1));
    assert_eq!(view.quote_state, u32::from(RegionQuoteState::Priced.code()));
    assert_eq!(view.quote_age_ns as u64, world.now_ns - newer.time_ns, "of when it was so, not of {heard_ns}");
    world.now_ns += 7_000_000_000;
    let [view, ..] = seen(&mut world);
    assert_eq!(view.quote_age_ns as u64, world.now_ns - newer.time_ns, "nothing more is heard");
}

#[test]
fn a_clock_there_that_is_ahead_makes_nothing_younger_than_it_was_heard() {
    let mut world = looking();
    let mut ahead = quote(&world, VENUE, PRICE);
    ahead.time_ns += 3_600_000_000_000;
    world.give(&ahead);
    let heard_ns = world.now_ns;
    world.now_ns += 50_000_000;
    let [view, ..] = seen(&mut world);
    assert_eq!((view.quote_time_ns, view.quote_age_ns as u64), (ahead.time_ns, world.now_ns - heard_ns));
}

#[test]
fn each_venue_of_a_region_has_a_place_and_the_position_stands_in_the_first() {
    let mut world = looking();
    let mut position = RegionPosition::new();
    (position.header.instrument, position.account, position.region) = (SHARE, support::ACCOUNT, 7);
    (position.lots, position.time_ns) = (-40, world.now_ns);
    let one = quote(&world, VENUE, PRICE);
    let other = quote(&world, OTHER_VENUE, PRICE - TICK);
    for record in [bytes_of(&one), bytes_of(&other), bytes_of(&position)] {
        world.give_bytes(record);
    }
    let [first, second, free, _] = seen(&mut world);
    assert_eq!((first.region, first.venue, first.bid_nanos), (7, u32::from(VENUE), PRICE));
    assert_eq!((second.region, second.venue, second.bid_nanos), (7, u32::from(OTHER_VENUE), PRICE - TICK));
    assert_eq!((first.position_lots, second.position_lots, second.position_age_ns), (-40, 0, -1), "a sum is right");
    assert_eq!(free.region, 0);
    for venue in 3..9 {
        let more = quote(&world, venue, PRICE);
        world.give(&more);
    }
    let views = seen(&mut world);
    assert_eq!(views.map(|view| view.venue), [1, 2, 3, 4], "there are no more places");
}

struct Rng(u64);

impl Rng {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % end
    }
}

/// Two engines, and a line from the one that tells to the one that looks.
struct Chaos {
    here: World,
    there: World,
    teller: RegionQuotes,
    rng: Rng,
    seed: u64,
    lost: u64,
    delay_ns_max: u64,
    flying: Vec<(u64, Vec<u8>)>,
    /// What was so at each time at which it was said, by venue.
    truth: BTreeMap<(u16, u64), BestPrices>,
    orders: Vec<(u16, u64)>,
    shown_ns: BTreeMap<u32, u64>,
    overtaken: u64,
}

impl Chaos {
    fn new(seed: u64) -> Self {
        let mut rng = Rng(seed);
        let (lost, delay_ns_max) = (rng.below(40), rng.below(300_000));
        let (here, there) = (looking(), World::new());
        let teller = teller(FAR..=FAR);
        Self {
            here,
            there,
            teller,
            rng,
            seed,
            lost,
            delay_ns_max,
            flying: Vec::new(),
            truth: BTreeMap::new(),
            orders: Vec::new(),
            shown_ns: BTreeMap::new(),
            overtaken: 0,
        }
    }

    /// The market there moves.
    fn market(&mut self) {
        let venue = if self.rng.below(2) == 0 { VENUE } else { OTHER_VENUE };
        match self.rng.below(8) {
            0 => {
                let states = [TradingState::Trading, TradingState::Halted];
                let state = states[self.rng.below(2) as usize];
                self.there.trading(venue, SHARE, state);
            }
            1..=3 if !self.orders.is_empty() => {
                let at = self.rng.below(self.orders.len() as u64) as usize;
                let (venue, order_ref) = self.orders.swap_remove(at);
                let mut record = MarketOrder::new();
                (record.header.venue, record.header.instrument) = (venue, SHARE);
                (record.header.flags, record.order_ref) = (FLAG_LAST, order_ref);
                record.action = BookAction::Delete.code();
                self.there.give(&record);
            }
            _ => {
                let side = if self.rng.below(2) == 0 { Side::Buy } else { Side::Sell };
                let ticks = self.rng.below(4) as i64 - 1;
                let price_nanos = PRICE - side.sign() * ticks * TICK;
                let lots = 1 + self.rng.below(90) as i64;
                let order_ref = self.there.rest(venue, SHARE, side, price_nanos, lots);
                self.orders.push((venue, order_ref));
            }
        }
    }

    fn tell(&mut self, lost: u64) {
        for (_, one) in said(&mut self.teller, &self.there) {
            let best = self.there.engine.best_prices(one.header.venue, one.header.instrument).unwrap();
            if one.header.instrument == SHARE {
                self.truth.insert((one.header.venue, one.time_ns), best);
            }
            if self.rng.below(100) < lost {
                continue;
            }
            for _ in 0..1 + u64::from(self.rng.below(100) < 20) {
                let due_ns = self.there.now_ns + self.rng.below(self.delay_ns_max + 1);
                self.flying.push((due_ns, bytes_of(&one).to_vec()));
            }
        }
    }

    fn arrive(&mut self) {
        let now_ns = self.here.now_ns.max(self.there.now_ns);
        (self.here.now_ns, self.there.now_ns) = (now_ns, now_ns);
        let (mut due, wait): (Vec<_>, Vec<_>) = self.flying.drain(..).partition(|one| one.0 <= now_ns);
        self.flying = wait;
        due.sort();
        for (_, record) in due {
            self.here.give_bytes(&record);
        }
        self.there.now_ns = self.here.now_ns;
        self.there.give(&Timer::new());
    }

    /// What is shown was so when it says that it was, and nothing goes back.
    fn check(&mut self) {
        for view in seen(&mut self.here).iter().filter(|view| view.quote_time_ns != 0) {
            let seed = self.seed;
            let told = self.truth[&(view.venue as u16, view.quote_time_ns)];
            assert_eq!((view.bid_nanos, view.bid_lots), told.bid, "seed {seed}");
            assert_eq!((view.ask_nanos, view.ask_lots), told.ask, "seed {seed}");
            assert_eq!((view.quote_state, view.quote_changed_ns), (u32::from(told.state.code()), told.changed_ns));
            assert_eq!(view.quote_age_ns as u64, self.here.now_ns - view.quote_time_ns, "seed {seed}: its age");
            let before = self.shown_ns.insert(view.venue, view.quote_time_ns).unwrap_or(0);
            assert!(view.quote_time_ns >= before, "seed {seed}: it went back");
            self.overtaken += u64::from(self.flying.iter().any(|(_, one)| {
                let one: RegionQuote = read_from(one).unwrap();
                u32::from(one.header.venue) == view.venue
                    && one.header.instrument == SHARE
                    && one.time_ns < view.quote_time_ns
            }));
        }
    }
}

/// One run; how often something older was still on its way.
fn run(seed: u64) -> u64 {
    let mut chaos = Chaos::new(seed);
    for _ in 0..150 {
        for _ in 0..chaos.rng.below(4) {
            chaos.market();
        }
        chaos.there.now_ns += chaos.rng.below(2 * INTERVAL_NS);
        let lost = chaos.lost;
        chaos.tell(lost);
        chaos.arrive();
        chaos.check();
    }
    // The line is good: within a repetition and a way what is shown is what is so.
    let good_ns = chaos.there.now_ns;
    while chaos.there.now_ns < good_ns + REPEAT_NS + INTERVAL_NS + chaos.delay_ns_max + 20_000 {
        chaos.there.now_ns += 2_000;
        chaos.tell(0);
        chaos.arrive();
    }
    chaos.check();
    for venue in [VENUE, OTHER_VENUE] {
        let told = chaos.there.engine.best_prices(venue, SHARE).unwrap();
        let shown = seen(&mut chaos.here).into_iter().find(|view| view.venue == u32::from(venue)).expect("it is heard");
        assert_eq!(((shown.bid_nanos, shown.bid_lots), (shown.ask_nanos, shown.ask_lots)), (told.bid, told.ask));
        assert!(shown.quote_age_ns as u64 <= REPEAT_NS + INTERVAL_NS + chaos.delay_ns_max + 20_000, "seed {seed}");
    }
    // The journal alone gives the same.
    let script = Script::default();
    script.0.borrow_mut().wants = Wants::new(u64::MAX, |_| true);
    let mut again = Engine::new(config(), Box::new(script));
    for (stamp, record) in &chaos.here.inputs {
        again.apply(*stamp, record, &mut NoOutbox);
    }
    assert_eq!(again.full_hash(), chaos.here.engine.full_hash(), "seed {seed}: a replay differs");
    chaos.overtaken
}

#[test]
fn what_a_slot_sees_was_so_and_is_mended_whatever_the_line_does() {
    let overtaken: u64 = (0..200).map(run).sum();
    assert!(overtaken > 1_000, "the test says little: {overtaken}");
}

#[test]
fn the_hash_over_the_whole_state_tells_one_price_from_another() {
    let hash = |bid_nanos: i64| {
        let mut world = looking();
        let record = RegionQuote { bid_nanos, bid_lots: 5, ..quote(&world, VENUE, PRICE) };
        world.give(&record);
        world.engine.full_hash()
    };
    assert_ne!(hash(PRICE), hash(PRICE - TICK));
    assert_eq!(hash(PRICE), hash(PRICE));
}
