//! Records of which nothing comes but what they say: venue and engine take each at once, without the ways between.
//!
//! Between two instants at which something is due, most of what a record says by level reaches none of our orders and calls no
//! strategy. What venue and engine make of it then is the same in any order, and what is the same for all is looked up once.
//!
//! Invariant: a run leaves what the long way leaves, record by record; where that is not sure it ends before the record.

use book::LevelTold;
use book::flow::{FlowErrors, FlowRecord};
use engine::MarketRun;

use crate::level_book::{Book, Told};
use crate::queue::QueueModel;
use crate::simulation::Simulation;
use crate::source::{Passed, Stretch};

/// What a run asks and changes for each record.
struct Run<'a, 'e> {
    instrument: u32,
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
        let about = self.merge.about().filter(|_| self.intake.alpha.is_none());
        let Some((venue_id, instrument)) = about else { return Ok(0) };
        let is_only = matches!(&self.venues[..], [venue] if venue.tells_first());
        let place = self.place_of.get(usize::from(venue_id)).map_or(usize::MAX, |place| usize::from(*place));
        let Some((book, model, delay_ns)) = self.venues.get_mut(place).and_then(|venue| venue.quiet(instrument)) else {
            return Ok(0);
        };
        let pace = &mut self.intake.pace;
        let until_ns = pace.next_sample_ns;
        let (timer_ns, due_ns) = (pace.timer_ns, self.due_ns);
        let (merge, mut taken, mut wrong) = (&mut self.merge, 0, Ok(()));
        let ended = self.intake.engine.market_run(venue_id, instrument, until_ns, |engine| {
            let mut run = Run { instrument, book, model, engine, delay_ns, timer_ns, due_ns, is_only };
            let mut goes_on = true;
            while goes_on && taken < records_max && merge.about().is_some() {
                let stretch = merge.stretch();
                if stretch.venue != venue_id || !stretch.is_in_time() {
                    break;
                }
                let passed = run.take(&stretch, records_max - taken);
                taken += passed.count as u64;
                wrong = merge.pass(passed);
                goes_on = passed.is_all && wrong.is_ok();
            }
        });
        if let Some(last) = ended.filter(|last| last.sequence != pace.stamp.sequence) {
            pace.went_on(last);
        }
        wrong.map(|()| taken)
    }
}

impl Run<'_, '_> {
    /// Takes records of a stretch, at most so many, until there is one for the long way or one that is not due yet.
    #[inline(always)]
    fn take(&mut self, stretch: &Stretch<'_>, records_max: u64) -> Passed {
        let mut passed = Passed { count: 0, last_ns: stretch.now_ns, is_all: false };
        let records = &stretch.records[..stretch.records.len().min(usize::try_from(records_max).unwrap_or(usize::MAX))];
        let mut before_ns = self.before_ns();
        for record in records {
            let Some(now_ns) = stretch.due_ns(record, passed.last_ns) else { return Passed { is_all: true, ..passed } };
            let arrival_ns = now_ns.saturating_add(self.delay_ns);
            if arrival_ns >= before_ns || !self.is_only && arrival_ns > stretch.quiet_ns(passed.count, now_ns) {
                return passed;
            }
            let times_ns = (now_ns, arrival_ns);
            match record {
                FlowRecord::Level(record) if record.header.instrument == self.instrument => {
                    let Some(level) = LevelTold::of(record) else { return passed };
                    match self.book.told(&level) {
                        Told::Same => {}
                        Told::Renewed(place) if self.engine.level(times_ns, &level) => {
                            self.book.renew_at(place, &level, self.model);
                            before_ns = self.before_ns();
                        }
                        _ => return passed,
                    }
                }
                FlowRecord::Trade(record) if record.header.instrument == self.instrument => {
                    if !self.engine.is_before(arrival_ns) || !self.book.quiet_trade(record) {
                        return passed;
                    }
                    self.engine.trade(times_ns, record);
                    before_ns = self.before_ns();
                }
                _ => return passed,
            }
            passed = Passed { count: passed.count + 1, last_ns: now_ns, is_all: false };
        }
        Passed { is_all: true, ..passed }
    }

    /// What arrives before this is the engine's next input.
    #[inline(always)]
    fn before_ns(&self) -> u64 {
        self.due_ns.min(self.engine.last().time_ns.saturating_add(self.timer_ns))
    }
}
