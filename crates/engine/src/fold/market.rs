//! Market data: books, trades, trading and feed states.
//!
//! Invariant: strategies see a book only after the last record of a venue event, and only when something visible changed.

use records::{
    BookAction, BookView, Callback, FeedState, Header, Level, MarketLevel, MarketOrder, RegionQuoteState, Side, Status,
    StatusView, Trade, TradeView, UNDEF_PRICE, VIEW_LEVELS,
};
use risk::Reference;

use super::{Engine, absent};
use crate::host::EventRef;
use crate::outbox::{Outbox, Stage};
use crate::region_quotes::BestPrices;

/// Half of the sum of two prices, rounded down.
#[inline(always)]
pub(super) const fn middle(bid_nanos: i64, ask_nanos: i64) -> i64 {
    (bid_nanos & ask_nanos) + ((bid_nanos ^ ask_nanos) >> 1)
}

/// What the hash has of a touch.
#[inline(always)]
pub(super) const fn touch_words(place: u64, bid: &Level, ask: &Level) -> [u64; 5] {
    [place, bid.price_nanos as u64, bid.lots as u64, ask.price_nanos as u64, ask.lots as u64]
}

impl Engine {
    #[inline]
    pub(super) fn on_market_order(&mut self, record: &MarketOrder, out: &mut dyn Outbox) {
        let (venue, instrument) = (record.header.venue, record.header.instrument);
        if let Some(books) = self.venues.get(usize::from(venue)).and_then(|venue| venue.books.as_ref()) {
            books.prefetch_found(record);
        }
        self.feed_spoke(&record.header, out);
        let Some(place) = self.listing(venue, instrument) else {
            self.statistics.unlisted += 1;
            return;
        };
        let Some(books) = &mut self.venues[usize::from(venue)].books else { return };
        let listing = &mut self.listings[usize::from(place)];
        let printed = (record.action == BookAction::Execute.code() && listing.watchers != 0)
            .then(|| books.order(record.order_ref).map(|order| (order.price_nanos, order.side)))
            .flatten();
        let change = books.apply(record);
        self.statistics.book_anomalies += u64::from(change.anomaly.is_some());
        listing.changed |= change.visible_changed;
        listing.touched |= change.touch_changed;
        if record.action == BookAction::Execute.code() {
            let price_nanos =
                if absent(record.price_nanos) { printed.map(|(price, _)| price) } else { Some(record.price_nanos) };
            let resting = Side::from_code(record.side).or(printed.map(|(_, side)| side));
            self.on_printed(place, record, price_nanos, resting, out);
        }
        self.end_of_record(place, &record.header, out);
    }

    /// A venue told how many lots stand at a price.
    #[inline]
    pub(super) fn on_market_level(&mut self, record: &MarketLevel, out: &mut dyn Outbox) {
        let (venue, instrument) = (record.header.venue, record.header.instrument);
        self.feed_spoke(&record.header, out);
        let Some(place) = self.listing(venue, instrument) else {
            self.statistics.unlisted += 1;
            return;
        };
        let Some(books) = &mut self.venues[usize::from(venue)].books else { return };
        let change = books.apply_level(record);
        self.statistics.book_anomalies += u64::from(change.anomaly.is_some());
        let listing = &mut self.listings[usize::from(place)];
        listing.changed |= change.visible_changed;
        listing.touched |= change.touch_changed;
        self.end_of_record(place, &record.header, out);
    }

    /// Where the venue's event is complete and changed something visible, the book is shown.
    #[inline(always)]
    fn end_of_record(&mut self, place: u16, header: &Header, out: &mut dyn Outbox) {
        let listing = &mut self.listings[usize::from(place)];
        if !header.is_last() || !listing.changed {
            return;
        }
        if !listing.touched && listing.book_watchers == 0 && !listing.timed {
            // Without anyone to be shown the levels, only the touch is kept.
            listing.changed = false;
            return out.stage(Stage::Booked);
        }
        self.on_book_changed(place, header, out);
    }

    /// A displayed order traded.
    fn on_printed(
        &mut self,
        place: u16,
        record: &MarketOrder,
        price_nanos: Option<i64>,
        resting: Option<Side>,
        out: &mut dyn Outbox,
    ) {
        let listing = &mut self.listings[usize::from(place)];
        let Some(price_nanos) = price_nanos else { return };
        (listing.last_nanos, listing.last_time_ns) = (price_nanos, self.time_ns);
        if listing.trade_watchers == 0 || record.printable == 2 {
            return;
        }
        let mut view = TradeView::zeroed();
        view.venue_time_ns = record.header.venue_time_ns;
        view.price_nanos = price_nanos;
        view.lots = record.lots;
        view.match_id = record.match_id;
        view.taker_side = resting.map_or(0, |side| u32::from(side.opposite().code()));
        self.call_trade(place, view, out);
    }

    fn on_book_changed(&mut self, place: u16, header: &Header, out: &mut dyn Outbox) {
        let listing = &mut self.listings[usize::from(place)];
        let venue = &self.venues[usize::from(listing.venue)];
        let Some(books) = &venue.books else { return };
        listing.changed = false;
        if listing.timed {
            let received_ns = if header.receive_time_ns == 0 { self.time_ns } else { header.receive_time_ns };
            listing.latencies.book(header.venue_time_ns, received_ns);
        }
        // Without anyone to be shown the levels, only the touch is kept.
        let depth = if listing.book_watchers != 0 { VIEW_LEVELS } else { 1 };
        if depth == 1 && !listing.touched {
            return out.stage(Stage::Booked);
        }
        let BookView { bids, asks, .. } = &mut listing.view;
        for (side, levels) in [(Side::Buy, bids), (Side::Sell, asks)] {
            let count = books.fill_levels(listing.instrument, side, &mut levels[..depth]);
            levels[count.min(depth)..depth].fill(Level { price_nanos: UNDEF_PRICE, lots: 0, orders: 0 });
        }
        let flags = listing.flags(venue);
        let view = &mut listing.view;
        view.time_ns = self.time_ns;
        view.receive_time_ns = header.receive_time_ns;
        view.venue_time_ns = header.venue_time_ns;
        view.sequence = self.input;
        view.flags = flags;
        let (bid, ask) = (listing.view.bids[0], listing.view.asks[0]);
        let consolidated = listing.touched && listing.consolidated;
        if listing.touched {
            listing.touched = false;
            listing.touch_time_ns = self.time_ns;
            touch_words(u64::from(place), &bid, &ask).into_iter().for_each(|word| self.hash.word(word));
            if !absent(bid.price_nanos) && !absent(ask.price_nanos) {
                self.marks[listing.instrument as usize] = middle(bid.price_nanos, ask.price_nanos);
            }
        }
        let (mut watchers, called) = (listing.watchers, listing.book_watchers);
        let told = consolidated && self.consolidate(place);
        out.stage(Stage::Booked);
        while watchers != 0 {
            let slot = watchers.trailing_zeros() as u8;
            watchers &= watchers - 1;
            if let Some(index) = self.note_touch(slot, place)
                && called >> slot & 1 != 0
            {
                self.call_book(slot, place, index, out);
            }
        }
        if told {
            self.call_consolidated(place, out);
        }
    }

    pub(super) fn on_trade(&mut self, record: &Trade, out: &mut dyn Outbox) {
        self.feed_spoke(&record.header, out);
        let Some(place) = self.listing(record.header.venue, record.header.instrument) else {
            self.statistics.unlisted += 1;
            return;
        };
        let listing = &mut self.listings[usize::from(place)];
        if record.busted != 1 && !absent(record.price_nanos) && record.lots > 0 {
            (listing.last_nanos, listing.last_time_ns) = (record.price_nanos, self.time_ns);
        }
        let mut view = TradeView::zeroed();
        view.venue_time_ns = record.header.venue_time_ns;
        view.price_nanos = record.price_nanos;
        view.lots = record.lots;
        view.match_id = record.match_id;
        view.taker_side = Side::from_code(record.side).map_or(0, |side| u32::from(side.opposite().code()));
        view.busted = u32::from(record.busted);
        view.cross = u32::from(record.cross);
        self.call_trade(place, view, out);
    }

    fn call_trade(&mut self, place: u16, mut view: TradeView, out: &mut dyn Outbox) {
        let listing = &self.listings[usize::from(place)];
        view.time_ns = self.time_ns;
        view.instrument = listing.instrument;
        view.venue = u32::from(listing.venue);
        let mut watchers = listing.trade_watchers;
        while watchers != 0 {
            let slot = watchers.trailing_zeros() as u8;
            watchers &= watchers - 1;
            view.listing = u32::from(self.listings[usize::from(place)].index_in[usize::from(slot)]);
            self.call(slot, Callback::Trade, EventRef::Trade(&view), view.listing, true, out);
        }
    }

    pub(super) fn on_status(&mut self, record: &Status, out: &mut dyn Outbox) {
        let Some(venue) = self.venues.get_mut(usize::from(record.header.venue)) else {
            self.statistics.unlisted += 1;
            return;
        };
        let feed = FeedState::from_code(record.feed);
        let stale = feed.map(|state| state != FeedState::Live);
        // A feed with nothing else to say repeats how it stands: only what differs is told on.
        let mut differs = false;
        if record.header.instrument == 0 {
            let before = (venue.trading, venue.feed_stale);
            venue.trading = if record.trading == 0 { venue.trading } else { record.trading };
            venue.feed_stale = stale.unwrap_or(venue.feed_stale);
            differs = before != (venue.trading, venue.feed_stale);
        }
        if feed != Some(FeedState::Silent) {
            self.feed_spoke(&record.header, out);
        }
        for place in 0..self.listings.len() as u16 {
            let listing = &mut self.listings[usize::from(place)];
            let all = record.header.instrument == 0;
            if listing.venue != record.header.venue || !(all || listing.instrument == record.header.instrument) {
                continue;
            }
            if !all {
                let before = (listing.trading, listing.feed_stale);
                listing.trading = if record.trading == 0 { listing.trading } else { record.trading };
                listing.feed_stale = stale.unwrap_or(listing.feed_stale);
                differs = before != (listing.trading, listing.feed_stale);
            }
            if differs {
                self.status_changed(place, out);
            }
        }
    }

    /// Tells the watchers of a listing how it stands.
    pub(super) fn status_changed(&mut self, place: u16, out: &mut dyn Outbox) {
        let listing = &mut self.listings[usize::from(place)];
        let venue = &self.venues[usize::from(listing.venue)];
        listing.view.flags = listing.flags(venue);
        let trading = if listing.trading == 0 { venue.trading } else { listing.trading };
        let mut view = StatusView::zeroed();
        view.time_ns = self.time_ns;
        view.instrument = listing.instrument;
        view.venue = u32::from(listing.venue);
        view.tradable = u32::from(listing.tradable(venue));
        view.stale = u32::from(listing.stale(venue));
        view.trading = u32::from(trading);
        view.connected = u32::from(venue.up);
        for word in
            [u64::from(place) << 32 | u64::from(view.tradable), u64::from(view.stale) << 32 | u64::from(view.connected)]
        {
            self.hash.word(word);
        }
        let mut watchers = listing.watchers;
        let told = self.consolidate(place);
        while watchers != 0 {
            let slot = watchers.trailing_zeros() as u8;
            watchers &= watchers - 1;
            view.listing = u32::from(self.listings[usize::from(place)].index_in[usize::from(slot)]);
            if let Some(cell) = &mut self.slots[usize::from(slot)] {
                cell.touched |= 1 << view.listing;
            }
            self.call(slot, Callback::Status, EventRef::Status(&view), view.listing, true, out);
        }
        if told {
            self.call_consolidated(place, out);
        }
    }

    /// Notes that a venue's feed is alive; wakes those who were told it is silent.
    #[inline]
    pub(super) fn feed_spoke(&mut self, header: &Header, out: &mut dyn Outbox) {
        let Some(venue) = self.venues.get_mut(usize::from(header.venue)) else { return };
        venue.fed_at_ns = self.time_ns;
        venue.received_ns = if header.receive_time_ns == 0 { self.time_ns } else { header.receive_time_ns };
        if !venue.fed {
            venue.fed = true;
            self.next_due_ns = self.next_due_ns.min(self.time_ns.saturating_add(self.config.feed_silence_ns));
        }
        if venue.silent {
            venue.silent = false;
            self.venue_changed(header.venue, out);
        }
    }

    /// The state of a whole venue changed: all its listings' watchers are told.
    pub(super) fn venue_changed(&mut self, venue: u16, out: &mut dyn Outbox) {
        for place in 0..self.listings.len() as u16 {
            if self.listings[usize::from(place)].venue == venue {
                self.status_changed(place, out);
            }
        }
    }

    /// Finds feeds that say nothing; returns when to look again.
    pub(super) fn check_silence(&mut self, out: &mut dyn Outbox) -> u64 {
        let mut due = u64::MAX;
        for venue in 0..self.venues.len() {
            let cell = &mut self.venues[venue];
            if !cell.fed || cell.silent {
                continue;
            }
            let silent_at = cell.fed_at_ns.saturating_add(self.config.feed_silence_ns);
            if silent_at > self.time_ns {
                due = due.min(silent_at);
                continue;
            }
            cell.silent = true;
            self.venue_changed(venue as u16, out);
        }
        due
    }

    /// The best prices of a listing as others may rely on them; `None` where it is not listed.
    pub fn best_prices(&self, venue: u16, instrument: u32) -> Option<BestPrices> {
        let listing = &self.listings[usize::from(self.listing(venue, instrument)?)];
        let venue = &self.venues[usize::from(listing.venue)];
        let (bid, ask) = (listing.view.bids[0], listing.view.asks[0]);
        let crosses = !absent(bid.price_nanos) && !absent(ask.price_nanos) && bid.price_nanos >= ask.price_nanos;
        let state = if listing.stale(venue) {
            RegionQuoteState::Stale
        } else if !listing.tradable(venue) {
            RegionQuoteState::NotTrading
        } else if crosses {
            RegionQuoteState::Crossed
        } else {
            let of = |level: Level| {
                if absent(level.price_nanos) { (UNDEF_PRICE, 0) } else { (level.price_nanos, level.lots) }
            };
            let (state, changed_ns) = (RegionQuoteState::Priced, listing.touch_time_ns);
            return Some(BestPrices { bid: of(bid), ask: of(ask), state, changed_ns });
        };
        Some(BestPrices::none(state, listing.touch_time_ns))
    }

    pub(super) fn reference(&self, place: u16) -> Reference {
        let listing = &self.listings[usize::from(place)];
        let venue = &self.venues[usize::from(listing.venue)];
        let stale = listing.stale(venue);
        Reference {
            bid_nanos: listing.view.bids[0].price_nanos,
            ask_nanos: listing.view.asks[0].price_nanos,
            // A feed that is complete and speaks confirms every book it carries.
            touch_time_ns: if listing.touch_time_ns == 0 { 0 } else { venue.fed_at_ns },
            last_nanos: listing.last_nanos,
            last_time_ns: listing.last_time_ns,
            live: !stale,
        }
    }
}
