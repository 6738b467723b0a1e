//! The run: recorded flow, venues, ways with latency, and the live engine's fold between them, in one thread;
//! records may be read on another.
//!
//! On one instant what is on its way arrives before the record goes on: expiries and commands at venues, then reports, then
//! market data at the engine. A timer record enters when nothing else did for a while, as the live engine's tile does it.
//!
//! Invariant: the result depends on records, strategies, models and seeds alone; there is no clock. The engine is the one of
//! live trading, durability `none`: the same fold, risk and hosts.

use book::flow::FlowErrors;
use book::flow::FlowRecord;
use engine::{Engine, EngineConfig, Host};
use records::{Header, SlotRun, Stamp, StrategyControl, Timer, bytes_of, read_from};

use crate::alpha::{Alpha, AlphaConfig};
use crate::blotter::Blotter;
use crate::flow::Flow;
use crate::impact::Impact;
use crate::source::Source;
use crate::venue::{Due, Venue, VenueConfig};

/// How a run is set up.
pub struct Config {
    /// Sizes and times of the fold.
    pub engine: EngineConfig,
    /// The engine's first inputs, one after the other.
    pub bootstrap: Vec<u8>,
    /// The venues.
    pub venues: Vec<VenueConfig>,
    /// Between two points of the equity curve.
    pub sample_ns: u64,
    /// A timer enters when nothing else did for so long.
    pub timer_ns: u64,
    /// Records before this set the books up at this time; 0: from the first record.
    pub from_ns: u64,
    /// Records after this are not looked at.
    pub until_ns: u64,
    /// The alpha tile beside the engine.
    pub alpha: Option<AlphaConfig>,
    /// A thread of its own reads and orders records ahead of the run. What a run leaves is the same either way.
    pub reads_ahead: bool,
}

/// What a run is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There are more records.
    More,
    /// The records have ended and everything that was on its way has arrived.
    Done,
}

/// How far the engine's input is.
pub(crate) struct Pace {
    pub stamp: Stamp,
    timer_due_ns: u64,
    pub timer_ns: u64,
    sample_ns: u64,
    pub next_sample_ns: u64,
}

impl Pace {
    /// The engine took an input, or several.
    #[inline(always)]
    pub fn went_on(&mut self, stamp: Stamp) {
        self.stamp = stamp;
        self.timer_due_ns = stamp.time_ns.saturating_add(self.timer_ns);
    }
}

/// The engine's side: one input after the other, and the rows that they leave.
pub(crate) struct Intake {
    pub engine: Engine,
    blotter: Blotter,
    pub pace: Pace,
    pub alpha: Option<Alpha>,
}

/// A run.
pub struct Simulation {
    pub(crate) intake: Intake,
    pub(crate) flow: Flow,
    pub(crate) venues: Vec<Venue>,
    /// Place in `venues` by venue id.
    pub(crate) place_of: Vec<u8>,
    /// Some venue asks for memory before a record comes.
    looks_ahead: bool,
    /// What is due first of all that is on its way.
    pub(crate) due_ns: u64,
    due: (usize, Due),
    first_ns: u64,
    ended: bool,
}

/// Records ahead whose memory is asked for: the index, then the order.
const AHEAD_FAR: usize = 9;
const AHEAD_NEAR: usize = 4;
const NO_PLACE: u8 = u8::MAX;

impl Intake {
    /// One input of the engine; its commands wait in the blotter.
    #[inline]
    fn fold(&mut self, now_ns: u64, record: &[u8]) {
        let stamp = Stamp { sequence: self.pace.stamp.sequence + 1, time_ns: now_ns.max(self.pace.stamp.time_ns) };
        if stamp.time_ns >= self.pace.next_sample_ns {
            self.sample(stamp.time_ns);
        }
        self.blotter.at(stamp.time_ns);
        self.engine.apply(stamp, record, &mut self.blotter);
        if let Some(header) = read_from::<Header>(record) {
            self.blotter.look(stamp.time_ns, header.instrument, &self.engine);
        }
        self.pace.went_on(stamp);
        if let Some(alpha) = &mut self.alpha {
            alpha.see(stamp, record);
        }
    }

    /// When the alpha tile's next number arrives.
    #[inline]
    fn signal_due_ns(&self) -> u64 {
        self.alpha.as_ref().map_or(u64::MAX, Alpha::due_ns)
    }

    #[cold]
    fn sample(&mut self, now_ns: u64) {
        while now_ns >= self.pace.next_sample_ns {
            let sample_ns = self.pace.next_sample_ns;
            self.blotter.sample(sample_ns, &self.engine);
            self.pace.next_sample_ns = self.pace.next_sample_ns.saturating_add(self.pace.sample_ns);
        }
    }
}

impl Simulation {
    /// Opens the streams and folds the first inputs at the time of the first record.
    ///
    /// # Errors
    /// What is wrong with a stream's beginning.
    pub fn new(config: Config, sources: Vec<Source>, host: Box<dyn Host>) -> Result<Self, FlowErrors> {
        let span_ns = (config.from_ns, config.until_ns);
        let flow = Flow::new(sources, &config.venues, span_ns, config.reads_ahead)?;
        let venues: Vec<Venue> = config.venues.iter().map(Venue::new).collect();
        let most = venues.iter().map(|venue| usize::from(venue.id)).max().unwrap_or(0);
        let mut place_of = vec![NO_PLACE; most + 1];
        for (place, venue) in venues.iter().enumerate() {
            place_of[usize::from(venue.id)] = place as u8;
        }
        let first_ns = if flow.next_ns() == u64::MAX { config.from_ns } else { flow.next_ns() };
        let pace = Pace {
            stamp: Stamp { sequence: 0, time_ns: first_ns },
            timer_due_ns: u64::MAX,
            timer_ns: config.timer_ns.max(1),
            sample_ns: config.sample_ns.max(1),
            next_sample_ns: first_ns.saturating_add(config.sample_ns.max(1)),
        };
        let alpha = config.alpha.map(|alpha| Alpha::new(config.engine, alpha));
        let intake = Intake { engine: Engine::new(config.engine, host), blotter: Blotter::new(), pace, alpha };
        let mut simulation = Self {
            intake,
            flow,
            looks_ahead: venues.iter().any(Venue::looks_ahead),
            venues,
            place_of,
            due_ns: u64::MAX,
            due: (0, Due::Feed),
            first_ns,
            ended: false,
        };
        simulation.intake.blotter.at(first_ns);
        let mut rest = &config.bootstrap[..];
        while let Some(header) = read_from::<Header>(rest) {
            let length = usize::from(header.length).clamp(size_of::<Header>(), rest.len());
            simulation.fold(first_ns, &rest[..length]);
            rest = &rest[length..];
        }
        simulation.intake.engine.touch_some_memory();
        simulation.intake.blotter.sample(first_ns, &simulation.intake.engine);
        simulation.look();
        Ok(simulation)
    }

    /// Runs on for so many records.
    ///
    /// # Errors
    /// What is wrong with the next records; the run has ended there.
    pub fn run(&mut self, records_max: u64) -> Result<Progress, FlowErrors> {
        let wanted = self.flow.taken.saturating_add(records_max);
        while !self.ended && self.flow.taken < wanted {
            let record_ns = self.flow.next_ns();
            if self.due_ns.min(self.intake.pace.timer_due_ns) <= record_ns {
                if record_ns == u64::MAX && self.due_ns == u64::MAX {
                    self.finish();
                    break;
                }
                self.deliver();
                continue;
            }
            if let Err(errors) = self.go(wanted) {
                self.finish();
                return Err(errors);
            }
        }
        // Marks that were due meanwhile: of the middles that stood until now.
        self.intake.blotter.mark(self.intake.pace.stamp.time_ns);
        Ok(if self.ended { Progress::Done } else { Progress::More })
    }

    /// Takes the next record, and those around it of which nothing comes but what they say.
    #[inline(always)]
    fn go(&mut self, wanted: u64) -> Result<(), FlowErrors> {
        if !self.looks_ahead {
            let about = self.flow.about();
            let taken = self.run_quietly(wanted - self.flow.taken)?;
            let next_ns = self.flow.next_ns();
            let is_next = next_ns < self.due_ns.min(self.intake.pace.timer_due_ns);
            if taken > 0 && !(is_next && self.flow.taken < wanted && self.flow.about() == about) {
                return Ok(());
            }
        }
        self.happen(self.flow.next_ns());
        self.flow.pass(1)
    }

    /// The record's next word, at its venue.
    #[inline]
    fn happen(&mut self, now_ns: u64) {
        if self.looks_ahead {
            self.look_ahead();
        }
        let (venue, record, quiet_ns) = self.flow.record();
        let place = self.place_of.get(usize::from(venue)).copied().unwrap_or(NO_PLACE);
        if let FlowRecord::Order(order) = record {
            self.intake.engine.prefetch(bytes_of(order));
        }
        let Some(venue) = self.venues.get_mut(usize::from(place)) else { return };
        let before_ns = quiet_ns.min(self.intake.pace.timer_due_ns);
        let (due_ns, due) = match venue.on_record(now_ns, record) {
            // Nothing comes between: it arrives from where it lies.
            Some(arrival_ns) if arrival_ns < self.due_ns && arrival_ns <= before_ns => {
                self.intake.fold(arrival_ns, bytes(record));
                if !self.intake.blotter.commands.is_empty() || self.intake.alpha.is_some() {
                    self.send();
                    self.look();
                }
                return;
            }
            Some(arrival_ns) => {
                venue.set_out(record);
                (arrival_ns, Due::Feed)
            }
            None => venue.due(),
        };
        if (due_ns, due) < (self.due_ns, self.due.1) {
            (self.due_ns, self.due) = (due_ns, (usize::from(place), due));
        }
    }

    /// Asks for memory that records further on will look at.
    #[inline]
    fn look_ahead(&self) {
        for (distance, near) in [(AHEAD_FAR, false), (AHEAD_NEAR, true)] {
            if let Some((of, order_ref)) = self.flow.ahead(distance)
                && let Some(venue) = self.venues.get(usize::from(self.place_of[usize::from(of)]))
            {
                venue.prefetch(order_ref, near);
            }
        }
    }

    /// Finds what is due first; a number of the alpha tile comes after what venues say at that time.
    #[inline]
    fn look(&mut self) {
        self.look_at_venues();
        let signal_ns = self.intake.signal_due_ns();
        if signal_ns < self.due_ns {
            (self.due_ns, self.due) = (signal_ns, (0, Due::Signal));
        }
    }

    #[inline]
    fn look_at_venues(&mut self) {
        if let [only] = &self.venues[..] {
            let (due_ns, due) = only.due();
            (self.due_ns, self.due) = (due_ns, (0, due));
            return;
        }
        self.due_ns = u64::MAX;
        for (place, venue) in self.venues.iter().enumerate() {
            let (due_ns, due) = venue.due();
            if (due_ns, due) < (self.due_ns, self.due.1) || place == 0 {
                (self.due_ns, self.due) = (due_ns, (place, due));
            }
        }
    }

    /// What is due first arrives.
    #[inline]
    fn deliver(&mut self) {
        let now_ns = self.due_ns;
        if self.intake.pace.timer_due_ns < now_ns {
            let due_ns = self.intake.pace.timer_due_ns;
            return self.fold(due_ns, bytes_of(&Timer::new()));
        }
        let (place, due) = self.due;
        if due == Due::Signal {
            if let Some(signal) = self.intake.alpha.as_mut().and_then(Alpha::take) {
                self.fold(now_ns, bytes_of(&signal));
            }
            return;
        }
        let venue = &mut self.venues[place];
        match due {
            Due::Expiry => venue.expire(now_ns),
            Due::Command => venue.take_command(now_ns),
            Due::Report => {
                if let Some(report) = venue.report() {
                    self.intake.fold(now_ns, bytes_of(report));
                    self.intake.blotter.reported(report, &self.intake.engine);
                }
                venue.pop_report();
            }
            Due::Signal => {}
            Due::Feed => {
                if let Some(record) = venue.feed().front() {
                    self.intake.fold(now_ns, bytes(record));
                }
                venue.feed().pop();
            }
        }
        if !self.intake.blotter.commands.is_empty() {
            self.send();
        }
        self.look();
    }

    /// One input of the engine that no venue sent; the commands set out.
    fn fold(&mut self, now_ns: u64, record: &[u8]) {
        self.intake.fold(now_ns, record);
        self.send();
        self.look();
    }

    /// Commands of the input before this set out.
    fn send(&mut self) {
        let now_ns = self.intake.pace.stamp.time_ns;
        for (venue, command) in self.intake.blotter.commands.drain(..) {
            let place = self.place_of.get(usize::from(venue)).copied().unwrap_or(NO_PLACE);
            if let Some(venue) = self.venues.get_mut(usize::from(place)) {
                venue.send(now_ns, command);
            }
        }
    }

    /// The record has ended: slots stop and take their orders back, and all that is on its way arrives.
    fn finish(&mut self) {
        if let Some(alpha) = &mut self.intake.alpha {
            alpha.end();
        }
        for slot in 1..=u8::MAX {
            if self.intake.engine.slot_run(slot) == Some(SlotRun::Running) {
                let mut control = StrategyControl::new();
                (control.slot, control.run, control.cancel) = (slot, SlotRun::Stopped.code(), 1);
                let now_ns = self.intake.pace.stamp.time_ns;
                self.fold(now_ns, bytes_of(&control));
            }
        }
        self.intake.pace.timer_due_ns = u64::MAX;
        self.look();
        while self.due_ns != u64::MAX && self.due.1 != Due::Expiry {
            self.intake.pace.timer_due_ns = u64::MAX;
            self.deliver();
        }
        let now_ns = self.intake.pace.stamp.time_ns;
        self.intake.blotter.mark(now_ns.saturating_add(1));
        self.intake.blotter.sample(now_ns, &self.intake.engine);
        self.ended = true;
    }

    /// The engine as it stands.
    pub fn engine(&self) -> &Engine {
        &self.intake.engine
    }

    /// The rows so far.
    pub fn blotter(&self) -> &Blotter {
        &self.intake.blotter
    }

    /// Where each venue parted from its record.
    pub fn impact(&self) -> impl Iterator<Item = (u16, &Impact)> {
        self.venues.iter().map(|venue| (venue.id, venue.impact()))
    }

    /// Records taken, inputs of the engine, records whose time went back.
    pub fn counts(&self) -> (u64, u64, u64) {
        (self.flow.taken, self.intake.pace.stamp.sequence, self.flow.backwards())
    }

    /// Time of the first record and of the last input, ns.
    pub fn span_ns(&self) -> (u64, u64) {
        (self.first_ns, self.intake.pace.stamp.time_ns)
    }
}

#[inline]
fn bytes(record: &FlowRecord) -> &[u8] {
    match record {
        FlowRecord::Order(record) => bytes_of(record),
        FlowRecord::Level(record) => bytes_of(record),
        FlowRecord::Trade(record) => bytes_of(record),
        FlowRecord::Status(record) => bytes_of(record),
        FlowRecord::Imbalance(record) => bytes_of(record),
    }
}
