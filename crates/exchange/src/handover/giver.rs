//! The exchange that has the place, and gives it up when a successor is level.
//!
//! Invariant: from its answer to `MakeWay` on nothing is taken, and from its word `Yours` on nothing is written; a successor that does
//! not come to its end in time, or at all, costs that time alone.

use links::{Counter, Counters};
use tiles::{Neighbour, Neighbours, Net, StartError};

use super::{Part, Said, Stage, VERSION, Words, kind, write_mark};
use crate::fold::Mark;

/// So often who has the place looks whether somebody comes for it.
const LOOK_NS: u64 = 5_000_000;
/// A successor that has not said that it is equal by then, since nothing is taken, does not get the place.
const HELD_NS_MAX: u64 = 700_000_000;

/// What the tile may do in this turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// All that it does.
    Own,
    /// Say what it has: [`Giver::give`], and nothing else.
    Give,
    /// Nothing: it holds what comes.
    Hold,
    /// Nothing ever again.
    Over,
    /// The place is its own again, as after a death: it begins from the journal.
    Again,
}

/// What it says.
pub(crate) struct Giver {
    successors: Option<Neighbours>,
    line: Option<Neighbour>,
    stage: Stage,
    /// `Yours` waits in the line's output.
    given: bool,
    held_ns: u64,
    looked_ns: u64,
    shown: Counter,
    kept: Counter,
}

impl Giver {
    /// Listens where its network says so; `stage`: how it came to its place.
    ///
    /// # Errors
    /// When it cannot listen there.
    pub fn open(net: &dyn Net, counters: &Counters, stage: Stage) -> Result<Self, StartError> {
        let scope = counters.scope("handover");
        let shown = scope.counter("stage");
        shown.set(stage as u64);
        Ok(Self {
            successors: net.successors()?,
            line: None,
            stage: Stage::Keeps,
            given: false,
            held_ns: 0,
            looked_ns: 0,
            shown,
            kept: scope.counter("kept"),
        })
    }

    /// Looks what a successor says. `mark` is asked for when it wants to compare.
    pub fn turn(&mut self, now_ns: u64, mark: impl FnOnce() -> Mark) -> Turn {
        match self.stage {
            Stage::Gives => self.hold(now_ns),
            Stage::Gave => self.gave(),
            Stage::Gone => Turn::Over,
            _ if now_ns.saturating_sub(self.looked_ns) < LOOK_NS => Turn::Own,
            _ => self.look(now_ns, mark),
        }
    }

    fn look(&mut self, now_ns: u64, mark: impl FnOnce() -> Mark) -> Turn {
        self.looked_ns = now_ns;
        let Some(line) = &mut self.line else {
            self.line = self.successors.as_mut().and_then(Neighbours::accept);
            return Turn::Own;
        };
        let heard = line.receive().map(|message| message.map(|message| message.bytes));
        let answered = match heard.as_ref().map(|bytes| bytes.as_deref().map(Said)) {
            Ok(None) => line.flush().map(drop).is_ok(),
            Ok(Some(mut said)) => match said.number() {
                Some(kind::HELLO) => said.number() == Some(VERSION),
                Some(kind::COMPARE) => {
                    let words = write_mark(Words::of(kind::MARK), &mark());
                    line.send(words.as_slice(), Vec::new()).is_ok()
                }
                Some(kind::MAKE_WAY) => {
                    self.held_ns = now_ns;
                    return Turn::Give;
                }
                _ => false,
            },
            Err(_) => false,
        };
        if !answered {
            self.line = None;
        }
        Turn::Own
    }

    /// Gives all parts, and the mark behind which nothing was taken. `None` among them: there is one that cannot be given.
    pub fn give(&mut self, parts: impl Iterator<Item = Option<Part>>, mark: &Mark) {
        let Some(line) = &mut self.line else { return };
        let mut all = true;
        for part in parts {
            all &= part.is_some_and(|(words, sockets)| {
                line.send(Words::of(kind::PART).bytes(words.as_slice()).as_slice(), sockets).is_ok()
            });
        }
        let last = write_mark(Words::of(kind::LAST).number(self.held_ns), mark);
        if all && line.send(last.as_slice(), Vec::new()).is_ok() {
            self.show(Stage::Gives);
        } else {
            self.keep();
        }
    }

    /// Between its last words and the successor's.
    fn hold(&mut self, now_ns: u64) -> Turn {
        let Some(line) = &mut self.line else { return self.keep() };
        if !self.given {
            let equal = match line.receive() {
                Ok(None) => line.flush().map(|_| false),
                Ok(Some(message)) => match Said(&message.bytes).number() {
                    Some(kind::EQUAL) => Ok(true),
                    _ => return self.keep(),
                },
                Err(error) => Err(error),
            };
            let late = now_ns.saturating_sub(self.held_ns) > HELD_NS_MAX;
            match equal {
                Ok(true) if !late => self.given = true,
                Ok(false) if !late => return Turn::Hold,
                _ => return self.keep(),
            }
            match line.send(Words::of(kind::YOURS).as_slice(), Vec::new()) {
                Ok(true) => {}
                Ok(false) => return Turn::Hold,
                Err(_) => return self.keep(),
            }
        } else {
            match line.flush() {
                Ok(true) => {}
                Ok(false) => return Turn::Hold,
                // It did not get the whole word.
                Err(_) => return self.keep(),
            }
        }
        self.show(Stage::Gave);
        Turn::Over
    }

    /// The place is given, and nobody has said yet that he has it.
    fn gave(&mut self) -> Turn {
        let heard = self.line.as_mut().map(Neighbour::receive);
        match heard {
            Some(Ok(None)) => return Turn::Over,
            Some(Ok(Some(message))) if Said(&message.bytes).number() == Some(kind::BEGUN) => {
                self.stage = Stage::Gone;
                (self.line, self.successors) = (None, None);
                return Turn::Over;
            }
            _ => {}
        }
        // A process's line breaks after its memory is gone: it writes nothing any more.
        self.keep();
        Turn::Again
    }

    fn keep(&mut self) -> Turn {
        (self.line, self.given) = (None, false);
        self.kept.add(1);
        self.show(Stage::Keeps);
        Turn::Own
    }

    fn show(&mut self, stage: Stage) {
        self.stage = stage;
        self.shown.set(stage as u64);
    }
}
