//! Records of which nothing comes but what they say: venue and engine take each at once, without the ways between.
//!
//! Between two instants at which something is due, most of what a record says by level reaches none of our orders and calls no
//! strategy. What venue and engine make of it then is the same in any order, and what is the same for all is looked up once.
//!
//! Invariant: a run leaves what the long way leaves, record by record; where that is not sure it ends before the record.

use book::flow::FlowErrors;
use engine::MarketRun;
use records::prefetch;

use crate::level_book::{Book, Told};
use crate::queue::QueueModel;
use crate::simulation::Simulation;
use crate::words::{About, Block, Tells, Word};

/// Words ahead whose memory is asked for: they may have been made on another core, and so may what a trade's record says of it,
/// which is asked where it fills an order of ours.
const AHEAD_FAR: usize = 16;
const AHEAD_NEAR: usize = 6;

/// What a run asks and changes for each record.
struct Run<'a, 'e> {
    about: About,
    book: &'a mut Book,
    model: QueueModel,
    engine: &'a mut MarketRun<'e>,
    /// The feed's way takes so long.
    delay_ns: u64,
    /// A timer enters when nothing else did for so long.
    timer_ns: u64,
    /// What is on its way arrives from here on.
    due_ns: u64,
    /// Neither another venue's records nor a report can come between what is told and its arrival.
    is_only: bool,
}

impl Simulation {
    /// Takes records as long as nothing comes of them, at most so many; how many.
    ///
    /// # Errors
    /// What is wrong with the next records.
    #[inline(never)]
    pub(crate) fn run_quietly(&mut self, records_max: u64) -> Result<u64, FlowErrors> {
        // An alpha tile sees every input, and its numbers come between them.
        let about = self.flow.about().filter(|_| self.intake.alpha.is_none());
        let Some(about) = about else { return Ok(0) };
        let is_only = matches!(&self.venues[..], [venue] if venue.tells_first());
        let place = self.place_of.get(usize::from(about.venue())).map_or(usize::MAX, |place| usize::from(*place));
        let quiet = self.venues.get_mut(place).and_then(|venue| venue.quiet(about.instrument()));
        let Some((book, model, delay_ns)) = quiet else { return Ok(0) };
        let pace = &mut self.intake.pace;
        let until_ns = pace.next_sample_ns;
        let (timer_ns, due_ns) = (pace.timer_ns, self.due_ns);
        let (flow, mut taken, mut wrong) = (&mut self.flow, 0, Ok(()));
        let ended = self.intake.engine.market_run(about.venue(), about.instrument(), until_ns, |engine| {
            let mut run = Run { about, book, model, engine, delay_ns, timer_ns, due_ns, is_only };
            let mut goes_on = true;
            while goes_on && taken < records_max {
                let words = flow.words();
                let words = &words[..words.len().min(usize::try_from(records_max - taken).unwrap_or(usize::MAX))];
                let count = run.take(words, flow.block());
                goes_on = count > 0 && count == words.len();
                taken += count as u64;
                wrong = flow.pass(count);
                goes_on &= wrong.is_ok();
            }
        });
        flow.prefetch();
        if let Some(last) = ended.filter(|last| last.sequence != pace.stamp.sequence) {
            pace.went_on(last);
        }
        wrong.map(|()| taken)
    }
}

impl Run<'_, '_> {
    /// Takes words of a block until there is one for the long way or one that is not due yet; how many.
    #[inline(always)]
    fn take(&mut self, words: &[Word], block: &Block) -> usize {
        let mut before_ns = self.before_ns();
        for (at, word) in words.iter().enumerate() {
            prefetch(words.as_ptr().wrapping_add(at + AHEAD_FAR));
            block.prefetch_far(word);
            if let Some(trade) = words.get(at + AHEAD_NEAR).filter(|word| word.tells == Tells::Trade) {
                block.prefetch(trade);
            }
            let now_ns = word.due_ns;
            let arrival_ns = now_ns.saturating_add(self.delay_ns);
            if arrival_ns >= before_ns || word.about != self.about {
                return at;
            }
            if !self.is_only && arrival_ns > words.get(at + 1).map_or(now_ns, |next| next.due_ns) {
                return at;
            }
            let times_ns = (now_ns, arrival_ns);
            match word.tells {
                Tells::Level => {
                    let level = word.level();
                    match self.book.told(word.key, &level) {
                        Told::Same => {}
                        Told::Renewed(place) if self.engine.level(times_ns, &level) => {
                            self.book.renew_at(place, &level, self.model);
                            before_ns = self.before_ns();
                        }
                        _ => return at,
                    }
                }
                Tells::Trade => {
                    let trade = word.trade();
                    if !self.engine.is_before(arrival_ns) || !self.book.quiet_trade(&trade) {
                        return at;
                    }
                    self.engine.trade(times_ns, &trade);
                    before_ns = self.before_ns();
                }
                Tells::Other => return at,
            }
        }
        words.len()
    }

    /// What arrives before this is the engine's next input.
    #[inline(always)]
    fn before_ns(&self) -> u64 {
        self.due_ns.min(self.engine.last().time_ns.saturating_add(self.timer_ns))
    }
}
