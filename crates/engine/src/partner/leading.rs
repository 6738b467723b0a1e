//! The engine that leads: sends its inputs out of its journal, and knows how far its standby has come.
//!
//! Invariant: it waits for nobody. A standby that is away or behind costs it nothing but what waits for an acknowledgement.

use journal::{Back, Cursor};
use links::{Offer, Publication, Subscription};
use records::{
    Header, InputFrame, Kind, LeaderMark, RECORD_BYTES_MAX, SCHEMA, STANDBY_DIVERGED, STANDBY_IN_STEP, StandbyWord,
    bytes_of, read_from,
};

use super::WORD_NS;
use crate::fold::Engine;
use crate::merger::Merger;

/// Inputs of which it is known over which link they came: those that may not have been sent yet.
const ORIGINS: usize = 1 << 16;
/// Records sent, or passed over on the way to the first one that was asked for, in one cycle.
const SENT_A_CYCLE: usize = 64;
/// Words heard in one cycle.
const HEARD_A_CYCLE: usize = 16;
/// One that makes way goes on when its standby has not been let lead after so long, ns.
const CEDE_NS_MAX: u64 = 1_000_000_000;
const FRAME_BYTES: usize = size_of::<InputFrame>();

/// How a standby stands, as its leader knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Standby {
    /// Nobody is heard.
    #[default]
    Away = 0,
    /// It lacks inputs.
    Behind = 1,
    /// It has all that there is, but for what is under way.
    InStep = 2,
    /// It is not to lead.
    Diverged = 3,
}

#[derive(Clone, Copy, Default)]
struct Origin {
    input: u64,
    link_sequence: u64,
    link: u16,
}

/// The leader's half.
pub(crate) struct Leading {
    /// Its epoch's first input.
    first_input: u64,
    silence_ns: u64,
    cursor: Option<Cursor>,
    sends_from: u64,
    /// Where the asked-for input stands is still looked for.
    seeks: bool,
    origins: Box<[Origin]>,
    /// A frame under way: its head and the record.
    frame: Box<[u8; FRAME_BYTES + RECORD_BYTES_MAX]>,
    /// Bytes of it; 0: none.
    pending: usize,
    standby: Standby,
    heard_ns: u64,
    acknowledged: u64,
    /// Nobody is waited for.
    pub(crate) alone: bool,
    /// Up to which input all was released.
    released: u64,
    word_due_ns: u64,
    /// An epoch above its own was heard: another leads.
    pub(crate) superseded: bool,
    /// Where its inputs stand is to be said.
    positions_owed: bool,
    /// It makes way, and takes no input, until then.
    cedes_until_ns: Option<u64>,
}

impl Leading {
    pub(crate) fn new(silence_ns: u64, first_input: u64, alone: bool) -> Self {
        Self {
            first_input,
            silence_ns,
            cursor: None,
            sends_from: 0,
            seeks: false,
            // Not zeros: the pages are to be there before they are needed.
            origins: vec![Origin { link: u16::MAX, ..Origin::default() }; ORIGINS].into_boxed_slice(),
            frame: Box::new([0; FRAME_BYTES + RECORD_BYTES_MAX]),
            pending: 0,
            standby: Standby::Away,
            heard_ns: 0,
            acknowledged: 0,
            alone,
            released: 0,
            word_due_ns: 0,
            superseded: false,
            positions_owed: false,
            cedes_until_ns: None,
        }
    }

    /// From now on it takes no input, as long as its standby could lead; again is no longer.
    pub(crate) fn cede(&mut self, now_ns: u64) {
        if self.standby == Standby::InStep && !self.alone {
            self.cedes_until_ns.get_or_insert(now_ns.saturating_add(CEDE_NS_MAX));
        }
    }

    /// It goes on.
    pub(crate) fn go_on(&mut self) {
        self.cedes_until_ns = None;
    }

    /// Whether it makes way now.
    #[inline]
    pub(crate) fn cedes(&self) -> bool {
        self.cedes_until_ns.is_some()
    }

    /// Whether its standby has all that it took.
    pub(crate) fn ceded(&self, last: u64) -> bool {
        self.cedes() && self.acknowledged == last
    }

    /// Inputs `first` and those behind it came over this link (from 1); the last one was this record of it.
    #[inline]
    pub(crate) fn came(&mut self, first: u64, count: usize, link: u16, last_sequence: u64) {
        for index in 0..count as u64 {
            let (input, link_sequence) = (first + index, (last_sequence + 1 + index).saturating_sub(count as u64));
            self.origins[(input % ORIGINS as u64) as usize] = Origin { input, link_sequence, link };
        }
    }

    pub(crate) fn standby(&self) -> Standby {
        self.standby
    }

    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Up to which input nothing waits for the standby; `None`: it is away, and nothing new is to wait for it.
    pub(crate) fn durable(&mut self, last: u64) -> Option<u64> {
        if self.alone {
            self.released = last;
        } else if matches!(self.standby, Standby::Away | Standby::Diverged) {
            return None;
        } else {
            self.released = self.released.max(self.acknowledged.min(last));
        }
        Some(self.released)
    }

    /// What there is to do between two passes; how much was done.
    pub(crate) fn work(
        &mut self,
        now_ns: u64,
        (to, from): (&mut dyn Publication, &mut dyn Subscription),
        (merger, engine): (&Merger, &Engine),
        inputs: &[Box<dyn Subscription>],
    ) -> usize {
        let mut work = from.poll(HEARD_A_CYCLE, &mut |record| self.hear(now_ns, record, merger, engine));
        if self.standby != Standby::Away && now_ns > self.heard_ns.saturating_add(self.silence_ns) {
            (self.standby, self.cursor, self.pending) = (Standby::Away, None, 0);
        }
        if now_ns >= self.word_due_ns && self.say(now_ns, to, merger, engine) {
            self.word_due_ns = now_ns + WORD_NS;
        }
        if self.cursor.is_some() {
            work += self.send(to, merger, inputs);
        }
        if self.cedes_until_ns.is_some_and(|until_ns| now_ns >= until_ns || self.standby != Standby::InStep) {
            self.go_on();
        }
        work
    }

    fn hear(&mut self, now_ns: u64, record: &[u8], merger: &Merger, engine: &Engine) {
        let identity = engine.identity();
        match read_from::<Header>(record).and_then(|header| header.kind()) {
            Some(Kind::LeaderMark) => {
                let newer = |mark: LeaderMark| mark.shard == identity.shard && mark.epoch > identity.epoch;
                self.superseded |= read_from::<LeaderMark>(record).is_some_and(newer);
            }
            Some(Kind::StandbyWord) => {
                if let Some(word) = read_from::<StandbyWord>(record).filter(|word| word.shard == identity.shard) {
                    self.hear_standby(now_ns, &word, merger, identity.epoch);
                }
            }
            _ => {}
        }
    }

    fn hear_standby(&mut self, now_ns: u64, word: &StandbyWord, merger: &Merger, epoch: u16) {
        self.heard_ns = now_ns;
        if word.state == STANDBY_DIVERGED {
            (self.standby, self.cursor, self.pending) = (Standby::Diverged, None, 0);
            return;
        }
        // One that asks again for what is still looked for would have it looked for from the beginning each time.
        if word.asks != 0 && !(self.seeks && self.cursor.is_some() && self.sends_from == word.asks) {
            self.seeks = true;
            self.cursor = merger.cursor(word.asks);
            self.pending = 0;
            self.sends_from = if self.cursor.is_some() { word.asks } else { 0 };
            self.positions_owed = true;
        }
        // What it says of another epoch is no word on this one's inputs.
        let whole = word.epoch == epoch && word.state == STANDBY_IN_STEP;
        self.standby = if whole { Standby::InStep } else { Standby::Behind };
        if whole && word.input <= merger.last().sequence {
            self.acknowledged = self.acknowledged.max(word.input);
            // One that is whole again is waited for again, before anybody else takes it for whole.
            self.alone = false;
        }
    }

    fn say(&mut self, now_ns: u64, to: &mut dyn Publication, merger: &Merger, engine: &Engine) -> bool {
        let identity = engine.identity();
        let mut mark = LeaderMark::new();
        (mark.input, mark.state_hash) = (merger.last().sequence, engine.state_hash());
        (mark.first_input, mark.sends_from) = (self.first_input, self.sends_from);
        (mark.time_ns, mark.epoch, mark.shard) = (now_ns, identity.epoch, identity.shard);
        mark.schema = SCHEMA;
        to.offer(bytes_of(&mark)) == Offer::Sent
    }

    /// Sends what was journaled since, as long as the link takes it.
    fn send(&mut self, to: &mut dyn Publication, merger: &Merger, inputs: &[Box<dyn Subscription>]) -> usize {
        for sent in 0..SENT_A_CYCLE {
            if self.pending == 0 && !self.next(merger) {
                // Only now: what was read up to here is sent.
                self.positions_owed &= self.cursor.is_some() && !say_positions(to, inputs);
                return sent;
            }
            if self.pending != 0 && to.offer(&self.frame[..self.pending]) != Offer::Sent {
                return sent;
            }
            self.pending = 0;
        }
        SENT_A_CYCLE
    }

    /// Makes the next frame; `false`: there is none now.
    fn next(&mut self, merger: &Merger) -> bool {
        let Some(cursor) = &mut self.cursor else { return false };
        match merger.read(cursor) {
            Back::Record(stamp, record) => {
                if stamp.sequence >= self.sends_from {
                    self.seeks = false;
                    let origin = self.origins[(stamp.sequence % ORIGINS as u64) as usize];
                    let mut frame = InputFrame::new();
                    (frame.input, frame.time_ns) = (stamp.sequence, stamp.time_ns);
                    if origin.input == stamp.sequence {
                        (frame.link, frame.link_sequence) = (origin.link, origin.link_sequence);
                    }
                    self.pending = FRAME_BYTES + record.len();
                    self.frame[..FRAME_BYTES].copy_from_slice(bytes_of(&frame));
                    self.frame[FRAME_BYTES..self.pending].copy_from_slice(record);
                }
                true
            }
            Back::End => false,
            Back::Gone => {
                (self.cursor, self.sends_from) = (None, 0);
                false
            }
        }
    }
}

/// How far each input link was read: frames without a record.
fn say_positions(to: &mut dyn Publication, inputs: &[Box<dyn Subscription>]) -> bool {
    inputs.iter().enumerate().all(|(index, input)| {
        let mut frame = InputFrame::new();
        (frame.link, frame.link_sequence) = (index as u16 + 1, input.sequence());
        to.offer(bytes_of(&frame)) == Offer::Sent
    })
}
