//! The engine that follows: journals and folds what its leader sends, says how far it has come, and may be told to lead.
//!
//! Invariant: it says of an input that it has it only when the input is in its journal. It reads its own input links no further than
//! its leader is known to have read them, so that what the leader left there is there when it leads.

use journal::JournalError;
use links::{Offer, Publication, Subscription};
use records::{
    Hash64, Header, InputFrame, Kind, LeaderMark, Quarantine, SCHEMA, STANDBY_BEHIND, STANDBY_DIVERGED,
    STANDBY_IN_STEP, Stamp, StandbyWord, bytes_of, read_from,
};

use super::{History, WORD_NS};
use crate::fold::{Engine, MarkTaken};
use crate::merger::Merger;
use crate::outbox::NoOutbox;

/// Messages taken in one cycle.
const TAKEN_A_CYCLE: usize = 256;
/// Polls at most of what is left behind by a leader, when it is to lead.
const LAST_POLLS_MAX: usize = 1 << 16;
/// It asks when its leader is ahead and nothing that follows has come for so long, ns.
const PATIENCE_NS: u64 = 50_000_000;
const FRAME_BYTES: usize = size_of::<InputFrame>();

/// Why an engine that follows does not lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// It never had all that its leader had.
    NeverInStep = 1,
    /// Its state or its inputs differ from its leader's.
    Diverged = 2,
    /// An input link went past it: something that its leader never read is lost.
    Overrun = 3,
    /// The epoch is not above its own.
    OldEpoch = 4,
    /// Its leader is of a newer release, whose records it may not know.
    Newer = 5,
    /// It made a call that is marked since: it begins again, with the mark.
    Unmarked = 6,
    /// Its device took not all that its leader had, and orders wait for the device.
    NotDurable = 7,
}

/// The follower's half.
pub(crate) struct Following {
    shard: u16,
    history: Option<Box<dyn History>>,
    silence_ns: u64,
    /// What its leader said of itself last.
    mark: LeaderMark,
    heard_ns: u64,
    /// When an input came over the link.
    flowed_ns: u64,
    asked_ns: u64,
    /// Compared when it is reached: input and hash.
    due: Option<(u64, u64)>,
    compared: u64,
    in_step: bool,
    diverged: bool,
    newer: bool,
    unmarked: bool,
    /// How far its leader has read each input link; known once that was said.
    read: Vec<u64>,
    read_known: bool,
    said: u64,
    said_ns: u64,
    /// Hashes of its leader's last inputs, where nobody said over which link they came.
    tail: Vec<u64>,
}

impl Following {
    pub(crate) fn new(
        shard: u16,
        history: Option<Box<dyn History>>,
        silence_ns: u64,
        inputs: usize,
        now_ns: u64,
    ) -> Self {
        Self {
            shard,
            history,
            silence_ns,
            mark: LeaderMark::new(),
            heard_ns: now_ns,
            flowed_ns: 0,
            asked_ns: 0,
            due: None,
            compared: 0,
            in_step: false,
            diverged: false,
            newer: false,
            unmarked: false,
            read: vec![0; inputs],
            read_known: false,
            said: 0,
            said_ns: 0,
            tail: Vec::new(),
        }
    }

    /// Reads what it lacks there.
    pub(crate) fn read_from(&mut self, history: Box<dyn History>) {
        self.history = Some(history);
    }

    /// Whether nothing was heard of its leader for so long that it may be dead.
    pub(crate) fn suspects(&self, now_ns: u64) -> bool {
        now_ns > self.heard_ns.saturating_add(self.silence_ns)
    }

    /// As its leader's counter says it: 0 nobody heard, 1 behind, 2 in step, 3 diverged.
    pub(crate) fn state(&self, now_ns: u64) -> u64 {
        match (self.diverged, self.suspects(now_ns), self.in_step) {
            (true, ..) => 3,
            (_, true, _) => 0,
            (_, _, in_step) => 1 + u64::from(in_step),
        }
    }

    /// Why it could not lead, whoever asked; 0: nothing that lasts.
    pub(crate) fn unfit(&self) -> u64 {
        match (self.unmarked, self.newer) {
            (true, _) => Unfit::Unmarked as u64,
            (_, true) => Unfit::Newer as u64,
            _ => 0,
        }
    }

    /// Takes a mark of a call that is not to be made.
    pub(crate) fn mark(&mut self, mark: &Quarantine, engine: &mut Engine) {
        self.unmarked |= matches!(engine.expect_mark(mark), MarkTaken::Late | MarkTaken::Full);
    }

    /// How often its hash was compared with its leader's and equal.
    pub(crate) fn compared(&self) -> u64 {
        self.compared
    }

    /// What there is to do in a cycle; how much was done.
    ///
    /// # Panics
    /// When its journal can take no more.
    pub(crate) fn work(
        &mut self,
        now_ns: u64,
        (to, from): (&mut dyn Publication, &mut dyn Subscription),
        (merger, engine): (&mut Merger, &mut Engine),
        inputs: &mut [Box<dyn Subscription>],
    ) -> usize {
        let mut work = from.poll(TAKEN_A_CYCLE, &mut |message| self.hear(now_ns, message, merger, engine));
        let behind = self.mark.input > merger.last().sequence;
        if behind && now_ns > self.flowed_ns.saturating_add(PATIENCE_NS) {
            self.in_step = false;
            if self.mark.sends_from == 0 || self.mark.sends_from > merger.last().sequence + 1 {
                // One that cannot be read now is read again later.
                work += self.read_history(merger, engine, false).unwrap_or(0);
            }
        }
        self.pass_by(inputs);
        self.say(now_ns, to, merger);
        work
    }

    fn hear(&mut self, now_ns: u64, message: &[u8], merger: &mut Merger, engine: &mut Engine) {
        match read_from::<Header>(message).and_then(|header| header.kind()) {
            Some(Kind::LeaderMark) => {
                if let Some(mark) = read_from::<LeaderMark>(message) {
                    self.hear_mark(now_ns, mark, merger, engine);
                }
            }
            Some(Kind::InputFrame) => {
                let Some(frame) = read_from::<InputFrame>(message) else { return };
                let stamp = Stamp { sequence: frame.input, time_ns: frame.time_ns };
                let taken = frame.input != 0 && self.take(stamp, &message[FRAME_BYTES..], merger, engine);
                if taken {
                    self.flowed_ns = now_ns;
                }
                self.read_known |= frame.input == 0;
                if (taken || frame.input == 0)
                    && let Some(read) = usize::from(frame.link).checked_sub(1).and_then(|link| self.read.get_mut(link))
                {
                    *read = (*read).max(frame.link_sequence);
                }
            }
            _ => {}
        }
    }

    fn hear_mark(&mut self, now_ns: u64, mark: LeaderMark, merger: &Merger, engine: &Engine) {
        let own = engine.identity();
        // One that leads by an older epoch than this engine has seen is no leader.
        if mark.shard != self.shard || mark.epoch < self.mark.epoch.max(own.epoch) {
            return;
        }
        self.heard_ns = now_ns;
        // One of a newer release is not followed: what this build does not know of it would be lost.
        self.newer = mark.schema > SCHEMA;
        if self.newer {
            self.in_step = false;
            return;
        }
        self.mark = mark;
        // Behind the first input of a newer epoch its leader's journal and an older life's are two.
        self.diverged |= mark.epoch > own.epoch && merger.last().sequence >= mark.first_input;
        if mark.input > engine.input() {
            self.due.get_or_insert((mark.input, mark.state_hash));
        } else {
            self.compare(mark.input, mark.state_hash, engine);
            self.step();
        }
    }

    /// It has all that its leader had, and is sent what comes.
    fn step(&mut self) {
        self.in_step |= !self.diverged && self.mark.sends_from != 0;
    }

    fn compare(&mut self, input: u64, theirs: u64, engine: &Engine) {
        if input == engine.input() {
            let equal = theirs == engine.state_hash();
            self.compared += u64::from(equal);
            self.diverged |= !equal;
        }
    }

    /// Journals and folds the next input; `false` when it is not the next one.
    fn take(&mut self, stamp: Stamp, record: &[u8], merger: &mut Merger, engine: &mut Engine) -> bool {
        if self.diverged || self.newer || self.unmarked {
            return false;
        }
        match merger.follow(stamp, record) {
            Ok(true) => {}
            Ok(false) => return false,
            Err(full) => panic!("{full}"),
        }
        engine.apply(stamp, record, &mut NoOutbox);
        if let Some((input, theirs)) = self.due.take_if(|(input, _)| *input <= stamp.sequence) {
            self.compare(input, theirs, engine);
            self.step();
        }
        true
    }

    /// Takes what it lacks from its leader's journal; how much was there.
    fn read_history(&mut self, merger: &mut Merger, engine: &mut Engine, last: bool) -> Result<usize, JournalError> {
        let Some(mut history) = self.history.take() else { return Ok(0) };
        let read = history.read(merger.last().sequence, &mut |stamp, record| {
            if self.take(stamp, record, merger, engine) && last {
                self.tail.push(hash_of(record));
            }
        });
        self.history = Some(history);
        read
    }

    /// Reads past what its leader has read.
    fn pass_by(&mut self, inputs: &mut [Box<dyn Subscription>]) {
        for (input, read) in inputs.iter_mut().zip(&self.read) {
            let passed = read.saturating_sub(input.sequence()).min(TAKEN_A_CYCLE as u64);
            if passed > 0 {
                input.poll(passed as usize, &mut |_| {});
            }
        }
    }

    fn say(&mut self, now_ns: u64, to: &mut dyn Publication, merger: &Merger) {
        let input = merger.last().sequence;
        let news = input != self.said && self.in_step;
        if !news && now_ns < self.said_ns.saturating_add(WORD_NS) {
            return;
        }
        let mut word = StandbyWord::new();
        (word.input, word.epoch, word.shard) = (input, self.mark.epoch, self.shard);
        word.state = match (self.diverged, self.in_step) {
            (true, _) => STANDBY_DIVERGED,
            (_, true) => STANDBY_IN_STEP,
            _ => STANDBY_BEHIND,
        };
        let due = self.flowed_ns.max(self.asked_ns).saturating_add(PATIENCE_NS);
        let lacks = self.mark.input > input || self.mark.sends_from == 0 || !self.read_known;
        let asks = self.mark.epoch != 0 && lacks && now_ns >= due;
        word.asks = if asks { input + 1 } else { 0 };
        if to.offer(bytes_of(&word)) == Offer::Sent {
            (self.said, self.said_ns) = (input, now_ns);
            if asks {
                self.asked_ns = now_ns;
            }
        }
    }

    /// Takes all that its leader left: what is in the link, and in the journal where that can be read.
    ///
    /// # Errors
    /// Why it cannot lead.
    pub(crate) fn finish(
        &mut self,
        epoch: u16,
        from: &mut dyn Subscription,
        (merger, engine): (&mut Merger, &mut Engine),
        inputs: &mut [Box<dyn Subscription>],
    ) -> Result<(), Unfit> {
        if self.unmarked {
            return Err(Unfit::Unmarked); // It takes nothing any more.
        }
        let heard_ns = self.heard_ns;
        let mut take_link = || from.poll(TAKEN_A_CYCLE, &mut |message| self.hear(heard_ns, message, merger, engine));
        (0..LAST_POLLS_MAX).take_while(|_| take_link() > 0).for_each(drop);
        let mut take_history = || self.read_history(merger, engine, true).unwrap_or(0);
        (0..LAST_POLLS_MAX).take_while(|_| take_history() > 0).for_each(drop);
        let passed = |inputs: &[Box<dyn Subscription>]| inputs.iter().map(|input| input.sequence()).sum::<u64>();
        for _ in 0..LAST_POLLS_MAX {
            let before = passed(inputs);
            self.pass_by(inputs);
            if passed(inputs) == before {
                break;
            }
        }
        match () {
            () if self.diverged => Err(Unfit::Diverged),
            () if self.newer => Err(Unfit::Newer),
            () if engine.marks_refused().next().is_some() => Err(Unfit::Unmarked),
            () if !self.in_step || !self.read_known => Err(Unfit::NeverInStep),
            () if epoch <= engine.identity().epoch => Err(Unfit::OldEpoch),
            () if inputs.iter().zip(&self.read).any(|(input, read)| input.sequence() > *read) => Err(Unfit::Overrun),
            () => Ok(()),
        }
    }

    /// Whether a record of an input link is one that its leader read and of which only its journal tells.
    pub(crate) fn was_read(&mut self, record: &[u8]) -> bool {
        if self.tail.is_empty() {
            return false;
        }
        let hash = hash_of(record);
        let found = self.tail.iter().position(|other| *other == hash);
        found.map(|at| self.tail.swap_remove(at)).is_some()
    }
}

fn hash_of(record: &[u8]) -> u64 {
    let mut hash = Hash64::default();
    hash.bytes(record);
    hash.value()
}
