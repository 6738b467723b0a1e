//! A run of market records of one listing of which nothing comes but its book: what is the same for all is looked up once.
//!
//! Most of what a venue tells is lots of levels. Where no strategy is called for a book, such a record changes a level, the touch
//! and their hash, and no more, until something is due or a best price moves.
//!
//! Invariant: a record that a run takes leaves the engine as [`Engine::apply`] leaves it; one that it does not take leaves no
//! trace and goes that way. Within a run there is no command, no output and no call of a strategy.

use book::{InstrumentSides, LevelTold, Renewed, TradeTold, VenueBooks};
use records::{BookView, Hash64, Level, Side, Stamp};

use super::market::{middle, touch_words};
use super::{Engine, absent};

/// A run under way. It tells no stages: who measures them takes records one by one.
pub struct MarketRun<'a> {
    books: &'a mut VenueBooks,
    view: &'a mut BookView,
    sides: InstrumentSides,
    /// The listing's place, as the hash has it.
    place: u64,
    hash: Hash64,
    /// From this time on something is due, or the run is over.
    due_ns: u64,
    last: Word,
    /// The last one that changed the touch.
    touched: Word,
    printed: Option<(i64, u64)>,
}

/// A record's place and times; sequence 0: none.
#[derive(Clone, Copy)]
struct Word {
    stamp: Stamp,
    /// When the venue says it happened, and when it reached us.
    times_ns: (u64, u64),
}

const NO_WORD: Word = Word { stamp: Stamp { sequence: 0, time_ns: 0 }, times_ns: (0, 0) };

impl Engine {
    /// A run of a listing's records before `until_ns`: `take` gives them to it. The stamp of the last one, or the engine's own
    /// where it took none; `None` where more than its book can come of any of them now.
    #[inline(always)]
    pub fn market_run(
        &mut self,
        venue: u16,
        instrument: u32,
        until_ns: u64,
        take: impl FnOnce(&mut MarketRun<'_>),
    ) -> Option<Stamp> {
        let place = self.listing(venue, instrument)?;
        let mark_nanos = self.mark(instrument);
        let (venue, listing) = (&mut self.venues[usize::from(venue)], &mut self.listings[usize::from(place)]);
        let (bid, ask) = (listing.view.bids[0].price_nanos, listing.view.asks[0].price_nanos);
        let is_marked = !absent(bid) && !absent(ask) && middle(bid, ask) == mark_nanos;
        let is_shown = listing.book_watchers | listing.trade_watchers != 0 || listing.timed || listing.consolidated;
        let is_whole = !listing.changed && !listing.touched && venue.fed && !venue.silent;
        if !is_marked || is_shown || !is_whole || !self.queue.is_empty() || self.risk_slots != 0 {
            return None;
        }
        let before = Stamp { sequence: self.input, time_ns: self.time_ns };
        let books = venue.books.as_mut()?;
        let mut run = MarketRun {
            sides: books.sides_of(instrument)?,
            books,
            view: &mut listing.view,
            place: u64::from(place),
            hash: self.hash,
            due_ns: self.next_due_ns.min(until_ns),
            last: Word { stamp: before, ..NO_WORD },
            touched: NO_WORD,
            printed: None,
        };
        take(&mut run);
        let MarketRun { hash, last, touched, printed, .. } = run;
        if last.stamp.sequence == before.sequence {
            return Some(before);
        }
        (self.input, self.time_ns, self.received_ns) = (last.stamp.sequence, last.stamp.time_ns, last.times_ns.1);
        (self.signals, self.hash) = (0, hash);
        venue.fed_at_ns = last.stamp.time_ns;
        venue.received_ns = if last.times_ns.1 == 0 { last.stamp.time_ns } else { last.times_ns.1 };
        if let Some((price_nanos, time_ns)) = printed {
            (listing.last_nanos, listing.last_time_ns) = (price_nanos, time_ns);
        }
        if touched.stamp.sequence != 0 {
            self.touched_in_run(place, &touched);
        }
        Some(last.stamp)
    }

    /// After a run in which the touch had other lots.
    #[inline(always)]
    fn touched_in_run(&mut self, place: u16, word: &Word) {
        let listing = &mut self.listings[usize::from(place)];
        listing.touch_time_ns = word.stamp.time_ns;
        listing.view.time_ns = word.stamp.time_ns;
        listing.view.sequence = word.stamp.sequence;
        (listing.view.venue_time_ns, listing.view.receive_time_ns) = word.times_ns;
        listing.view.flags = listing.flags(&self.venues[usize::from(listing.venue)]);
        let mut watchers = listing.watchers;
        while watchers != 0 {
            let slot = watchers.trailing_zeros() as usize;
            watchers &= watchers - 1;
            if let Some(cell) = &mut self.slots[slot] {
                cell.touched |= 1 << listing.index_in[slot];
            }
        }
    }
}

impl MarketRun<'_> {
    /// Folds a level of the run's listing next; false: it is for [`Engine::apply`]. `times_ns`: when the venue says it happened, and
    /// when it reached us, which is the engine's time unless the record before it came later.
    #[inline(always)]
    pub fn level(&mut self, times_ns: (u64, u64), level: &LevelTold) -> bool {
        let time_ns = times_ns.1.max(self.last.stamp.time_ns);
        if time_ns >= self.due_ns || !level.is_last {
            return false;
        }
        match self.books.renew_sum(self.sides, level) {
            Renewed::Not => return false,
            Renewed::Behind => self.go_on(time_ns, times_ns),
            Renewed::Best(best) => {
                self.go_on(time_ns, times_ns);
                self.touch(level.side, best);
            }
        }
        true
    }

    /// Whether a record that reaches us then is taken.
    #[inline(always)]
    pub fn is_before(&self, received_ns: u64) -> bool {
        received_ns.max(self.last.stamp.time_ns) < self.due_ns
    }

    /// Folds a trade, as [`MarketRun::level`] a level.
    #[inline(always)]
    pub fn trade(&mut self, times_ns: (u64, u64), trade: &TradeTold) -> bool {
        let time_ns = times_ns.1.max(self.last.stamp.time_ns);
        if time_ns >= self.due_ns {
            return false;
        }
        self.printed = Some((trade.price_nanos, time_ns));
        self.go_on(time_ns, times_ns);
        true
    }

    /// Stamp of the run's last record, or of the one before the run.
    #[inline(always)]
    pub fn last(&self) -> Stamp {
        self.last.stamp
    }

    #[inline(always)]
    fn go_on(&mut self, time_ns: u64, times_ns: (u64, u64)) {
        self.last = Word { stamp: Stamp { sequence: self.last.stamp.sequence + 1, time_ns }, times_ns };
    }

    /// The best level of a side has other lots, at the price that it had: what hangs on prices alone stays.
    #[inline(never)]
    fn touch(&mut self, side: Side, best: Level) {
        let shown = if side == Side::Buy { &mut self.view.bids[0] } else { &mut self.view.asks[0] };
        assert!(shown.price_nanos == best.price_nanos, "the touch that is shown is the book's");
        *shown = best;
        self.touched = self.last;
        touch_words(self.place, &self.view.bids[0], &self.view.asks[0])
            .into_iter()
            .for_each(|word| self.hash.word(word));
    }
}
