//! The exchange that comes for the place of another one.
//!
//! Invariant: it writes nothing and opens nothing for writing before the other one's word `Yours`; that it is equal it says only of
//! the very record behind which the other one stopped.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

use journal::Follower;
use links::{Counter, Counters};
use records::Stamp;
use tiles::{Context, Neighbour, StartError};

use super::{Parts, Said, Stage, VERSION, Why, Words, kind, read_mark};
use crate::config::ExchangeConfig;
use crate::fix::Desks;
use crate::fold::{Fold, Mark};

/// What it has when the place is its own.
pub(crate) struct Taken {
    pub fold: Fold,
    /// The segment to be written next.
    pub segment: u64,
    pub parts: Parts,
    /// Since when nothing is taken, ns UTC.
    pub held_ns: u64,
}

/// Says that it runs.
pub(crate) fn begun(line: &mut Neighbour) {
    let _who_is_not_there_writes_nothing_either = line.send(Words::of(kind::BEGUN).as_slice(), Vec::new());
}

/// What it waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Awaits {
    /// The journal's end.
    Level,
    /// The other one's mark.
    Mark,
    /// To be as far as a mark; the other one trades on.
    Equal(Mark),
    /// What is given.
    Parts,
    /// To be as far as the last mark; the other one takes nothing.
    Last(Mark),
    /// The place.
    Yours,
    /// Nothing any more.
    Nothing,
}

/// Follows.
pub(crate) struct Taker {
    config: ExchangeConfig,
    line: Neighbour,
    fold: Fold,
    follower: Follower,
    awaits: Awaits,
    parts: Vec<(Vec<u8>, VecDeque<OwnedFd>)>,
    held_ns: u64,
    stage: Counter,
    why: Counter,
    input: Counter,
}

impl Taker {
    /// Reads the journal as far as it goes now.
    ///
    /// # Errors
    /// When it cannot be read from its first record on.
    pub fn open(
        config: &ExchangeConfig,
        context: &Context,
        mut line: Neighbour,
        counters: &Counters,
    ) -> Result<Self, StartError> {
        let named = |error: &dyn std::fmt::Display| StartError(format!("tile {}: journal: {error}", config.name));
        let directory = context.storage.directory().ok_or_else(|| named(&"lies where nobody else sees it"))?;
        let follower = Follower::open(directory).map_err(|error| named(&error))?;
        line.send(Words::of(kind::HELLO).number(VERSION).as_slice(), Vec::new())?;
        let scope = counters.scope("handover");
        let mut taker = Self {
            config: config.clone(),
            line,
            fold: Fold::new(config, Desks::of(config, true)),
            follower: follower.ok_or_else(|| named(&"there is none"))?,
            awaits: Awaits::Level,
            parts: Vec::new(),
            held_ns: 0,
            stage: scope.counter("stage"),
            why: scope.counter("why"),
            input: scope.counter("input"),
        };
        taker.stage.set(Stage::Follows as u64);
        while taker.follow(u64::MAX).map_err(|error| named(&error))?.0 > 0 {}
        Ok(taker)
    }

    /// One turn: how much was done, and whether the place is its own now.
    pub fn work(&mut self) -> (usize, bool) {
        match self.step() {
            Ok(Some(work)) => (work, false),
            Ok(None) => (1, true),
            Err(why) => {
                self.awaits = Awaits::Nothing;
                // The other one need not wait for what does not come.
                self.line.close();
                self.why.set(why as u64);
                self.stage.set(Stage::Gone as u64);
                (0, false)
            }
        }
    }

    /// All that it has, and the line, over which it says [`begun`] once it runs.
    pub fn taken(self) -> (Taken, Neighbour) {
        let segment = self.follower.mark().map_or(0, |mark| mark.segment + 1);
        let Self { fold, parts, held_ns, line, .. } = self;
        (Taken { fold, segment, parts: parts.into_iter(), held_ns }, line)
    }

    /// `None`: the place is its own.
    fn step(&mut self) -> Result<Option<usize>, Why> {
        match &self.awaits {
            Awaits::Nothing => Ok(Some(0)),
            Awaits::Level => {
                let (work, _) = self.follow(u64::MAX).map_err(|_| Why::Journal)?;
                if work == 0 {
                    self.say(kind::COMPARE)?;
                    self.awaits = Awaits::Mark;
                }
                Ok(Some(work))
            }
            Awaits::Equal(_) | Awaits::Last(_) => self.catch_up().map(Some),
            Awaits::Mark | Awaits::Parts | Awaits::Yours => self.listen(),
        }
    }

    fn say(&mut self, kind: u64) -> Result<(), Why> {
        // The other one reads; where it does not, its line ends.
        self.line.send(Words::of(kind).as_slice(), Vec::new()).map(drop).map_err(|_| Why::Kept)
    }

    fn listen(&mut self) -> Result<Option<usize>, Why> {
        let Some(message) = self.line.receive().map_err(|_| Why::Kept)? else { return Ok(Some(0)) };
        let mut said = Said(&message.bytes);
        match (said.number(), &self.awaits) {
            (Some(kind::MARK), Awaits::Mark) => {
                self.awaits = Awaits::Equal(read_mark(&mut said).ok_or(Why::Unknown)?);
            }
            (Some(kind::PART), Awaits::Parts) => {
                let bytes = said.bytes().ok_or(Why::Unknown)?.to_vec();
                self.parts.push((bytes, message.sockets));
            }
            (Some(kind::LAST), Awaits::Parts) => {
                self.held_ns = said.number().ok_or(Why::Unknown)?;
                self.awaits = Awaits::Last(read_mark(&mut said).ok_or(Why::Unknown)?);
            }
            (Some(kind::YOURS), Awaits::Yours) => return Ok(None),
            _ => return Err(Why::Unknown),
        }
        Ok(Some(1))
    }

    /// Reads as far as the mark, and compares.
    fn catch_up(&mut self) -> Result<usize, Why> {
        let (Awaits::Equal(wanted) | Awaits::Last(wanted)) = self.awaits.clone() else { return Ok(0) };
        if self.fold.last.sequence > wanted.sequence {
            return Err(Why::Differs);
        }
        let mut found = (self.fold.last.sequence == wanted.sequence).then(|| self.fold.mark(&self.config));
        let mut work = 1;
        while found.is_none() && work > 0 {
            (work, found) = self.follow(wanted.sequence).map_err(|_| Why::Journal)?;
        }
        // What the other one appended is read as soon as it is seen: not yet is no difference.
        let Some(found) = found else { return Ok(0) };
        if found != wanted {
            return Err(Why::Differs);
        }
        if matches!(self.awaits, Awaits::Last(_)) {
            self.say(kind::EQUAL)?;
            self.awaits = Awaits::Yours;
        } else {
            self.stage.set(Stage::Compared as u64);
            self.say(kind::MAKE_WAY)?;
            self.awaits = Awaits::Parts;
        }
        Ok(1)
    }

    /// Folds what was written since, a buffer full at most: how many records, and the mark behind one of them.
    fn follow(&mut self, wanted: u64) -> Result<(usize, Option<Mark>), String> {
        let (fold, config) = (&mut self.fold, &self.config);
        let (mut found, mut wrong) = (None, None);
        let mut each = |stamp: Stamp, record: &[u8]| {
            if wrong.is_none() {
                wrong = fold.apply(stamp, record).err();
            }
            fold.outputs.heard.clear();
            fold.outputs.changed.clear();
            if stamp.sequence == wanted {
                found = Some(fold.mark(config));
            }
        };
        let taken = self.follower.poll(&mut each).map_err(|error| error.to_string())?;
        self.input.set(self.fold.last.sequence);
        wrong.map_or(Ok((taken, found)), Err)
    }
}
