//! The consolidated book against a naive twin: random tops and standings of up to sixteen venues, over several instruments.
//!
//! Invariant: after every change the whole view, the times in it, the spells and what is said to have changed agree with what
//! is computed anew from all venues.

use std::collections::BTreeMap;

use book::{Consolidated, Spells};
use records::{CONSOLIDATED_VENUES_MAX, ConsolidatedState, ConsolidatedView, Level, UNDEF_PRICE};

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

#[derive(Clone, Copy)]
struct Venue {
    id: u16,
    bid: Level,
    ask: Level,
    out: u32,
}

/// Venues in the order in which they were listed; everything is looked for anew.
#[derive(Default)]
struct Twin {
    venues: Vec<Venue>,
    told: Option<Told>,
    time_ns: u64,
    sequence: u64,
    since_ns: u64,
    spells: Spells,
}

/// What a change has to change to be one.
type Told = (ConsolidatedState, [(i64, i64, u32, u32); 2], Vec<u16>);

impl Twin {
    fn best(&self, side: usize) -> (i64, i64, u32, u32) {
        let mut levels: BTreeMap<i64, Vec<(usize, &Venue, i64)>> = BTreeMap::new();
        for (place, venue) in self.venues.iter().enumerate().filter(|(_, venue)| venue.out == 0) {
            let level = if side == 0 { venue.bid } else { venue.ask };
            if level.price_nanos != UNDEF_PRICE {
                levels.entry(level.price_nanos).or_default().push((place, venue, level.lots));
            }
        }
        let found = if side == 0 { levels.last_key_value() } else { levels.first_key_value() };
        let Some((price, shown)) = found else { return (UNDEF_PRICE, 0, 0, 0) };
        let most = shown.iter().map(|(_, _, lots)| *lots).max().unwrap();
        let first = shown.iter().find(|(_, _, lots)| *lots == most).unwrap();
        let bits = shown.iter().map(|(place, _, _)| 1 << place).sum();
        (*price, shown.iter().map(|(_, _, lots)| lots).sum(), bits, u32::from(first.1.id))
    }

    fn told(&self) -> Told {
        let (bid, ask) = (self.best(0), self.best(1));
        let state = match (bid.0, ask.0) {
            (UNDEF_PRICE, UNDEF_PRICE) => ConsolidatedState::Empty,
            (UNDEF_PRICE, _) | (_, UNDEF_PRICE) => ConsolidatedState::OneSided,
            (bid, ask) if bid > ask => ConsolidatedState::Crossed,
            (bid, ask) if bid == ask => ConsolidatedState::Locked,
            _ => ConsolidatedState::Normal,
        };
        (state, [bid, ask], self.venues.iter().filter(|venue| venue.out == 0).map(|venue| venue.id).collect())
    }

    fn update(&mut self, place: usize, venue: Venue, time_ns: u64, sequence: u64) -> bool {
        let before = self.told.clone().unwrap_or_else(|| self.told());
        self.venues[place] = venue;
        let after = self.told();
        self.told = Some(after.clone());
        if before == after {
            return false;
        }
        (self.time_ns, self.sequence) = (time_ns, sequence);
        if before.0 != after.0 {
            let past_ns = time_ns - self.since_ns;
            self.spells.locked_ns += if before.0 == ConsolidatedState::Locked { past_ns } else { 0 };
            self.spells.crossed_ns += if before.0 == ConsolidatedState::Crossed { past_ns } else { 0 };
            self.spells.locked += u64::from(after.0 == ConsolidatedState::Locked);
            self.spells.crossed += u64::from(after.0 == ConsolidatedState::Crossed);
            self.since_ns = time_ns;
        }
        true
    }

    fn view(&self, instrument: u32) -> ConsolidatedView {
        let (state, [bid, ask], live) = self.told();
        let mut view = ConsolidatedView::zeroed();
        (view.time_ns, view.sequence, view.since_ns) = (self.time_ns, self.sequence, self.since_ns);
        (view.bid_nanos, view.bid_lots, view.bid_venues, view.bid_venue) = bid;
        (view.ask_nanos, view.ask_lots, view.ask_venues, view.ask_venue) = ask;
        (view.state, view.instrument) = (u32::from(state.code()), instrument);
        (view.live_count, view.venues_count) = (live.len() as u32, self.venues.len() as u32);
        for (top, venue) in view.tops.iter_mut().zip(&self.venues) {
            (top.bid_nanos, top.bid_lots) = (venue.bid.price_nanos, venue.bid.lots);
            (top.ask_nanos, top.ask_lots) = (venue.ask.price_nanos, venue.ask.lots);
            (top.venue, top.out) = (u32::from(venue.id), venue.out);
        }
        view
    }
}

const ABSENT: Level = Level { price_nanos: UNDEF_PRICE, lots: 0, orders: 0 };

/// A price near the middle, often one that another venue has, at times beyond the other side's.
fn level(random: &mut Random, base: i64) -> Level {
    if random.below(8) == 0 {
        return ABSENT;
    }
    Level { price_nanos: base + random.below(4) as i64, lots: 1 + random.below(5) as i64, orders: 1 }
}

fn stream_agrees(seed: u64) -> [u64; 5] {
    let mut random = Random(seed);
    let (mut book, mut twins, mut states) = (Consolidated::new(3), Vec::new(), [0; 5]);
    for instrument in 1..=3 {
        let cell = book.add(instrument);
        let mut twin = Twin::default();
        let venues = [2, 3, CONSOLIDATED_VENUES_MAX][random.below(3) as usize];
        for venue in 1..=venues as u16 {
            assert_eq!(book.add_venue(cell, venue * 3, 4), Some(usize::from(venue) - 1));
            twin.venues.push(Venue { id: venue * 3, bid: ABSENT, ask: ABSENT, out: 4 });
        }
        twins.push(twin);
    }
    let mut now_ns = 1_000;
    for sequence in 1..=4_000 {
        now_ns += random.below(100);
        let cell = random.below(3) as usize;
        let twin = &mut twins[cell];
        let place = random.below(twin.venues.len() as u64) as usize;
        let mut venue = twin.venues[place];
        match random.below(10) {
            0 => venue.out = [0, 1, 2, 4, 3][random.below(5) as usize],
            1..=3 => venue.out = 0,
            4..=6 => venue.bid = level(&mut random, 100),
            _ => venue.ask = level(&mut random, 102),
        }
        let changed = book.update(cell, place, (&venue.bid, &venue.ask), venue.out, (now_ns, sequence));
        assert_eq!(changed, twin.update(place, venue, now_ns, sequence), "seed {seed}, change {sequence}");
        assert_eq!(*book.view(cell), twin.view(cell as u32 + 1), "seed {seed}, change {sequence}");
        states[book.view(cell).state as usize - 1] += 1;
        let (state, open_ns) = (twin.told().0, now_ns - twin.since_ns);
        let mut spells = twin.spells;
        spells.locked_ns += if state == ConsolidatedState::Locked { open_ns } else { 0 };
        spells.crossed_ns += if state == ConsolidatedState::Crossed { open_ns } else { 0 };
        assert_eq!(book.spells(cell, now_ns), spells, "seed {seed}, change {sequence}");
    }
    states
}

#[test]
fn random_streams_agree_with_a_computation_anew() {
    let mut states = [0; 5];
    for seed in 0..60 {
        for (sum, count) in states.iter_mut().zip(stream_agrees(seed)) {
            *sum += count;
        }
    }
    assert!(states.iter().all(|count| *count > 1_000), "every state was met: {states:?}");
}
