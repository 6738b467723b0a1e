//! Gaps, both ways: what they missed is given again, what we missed is asked for.
//!
//! A message that is too high waits, and one request at a time asks for what is missing, all of it or a chunk. What they ask
//! for is given again from the store a few messages a cycle, so that neither a storm of requests nor one for everything
//! holds up live messages or takes memory.
//!
//! Invariant: one range at most is asked for at a time, and one is given; a gap fill never goes past what was asked for; the
//! session's own messages, orders that are too old, and what the store cannot vouch for are passed over, never sent again.

use wire::fix::{Builder, Message, boolean, reject, unsigned};

use super::counts::{Count, End};
use super::profile::Version;
use super::session::{Application, Fault, Session, State};
use super::store::Stored;

/// Numbers without a message that one cycle passes over: it stays short however far numbers were set ahead.
const PASSED_OVER_A_CYCLE: u64 = 4_096;
/// No session lives to see it: a number above it is a mistake, and sums with it could overflow.
pub const NUMBER_MAX: u64 = 1 << 53;
/// Requests for "everything" before FIX.4.2 name this number as their end.
const INFINITY_41: u64 = 999_999;

/// Messages that are missing and asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gap {
    /// The last number of the present request that is known to be missing.
    end: u64,
    /// The first number that arrived beyond the gap.
    beyond: u64,
    asked_ns: u64,
    asked_from: u64,
    repeats: u32,
}

/// Messages that are to be given again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Replay {
    next: u64,
    end: u64,
    /// First of the numbers that are passed over by the gap fill to come.
    passed_from: Option<u64>,
}

impl Session {
    /// A number above the expected one: the message waits, and what is missing is asked for.
    pub(super) fn on_too_high(&mut self, now_ns: u64, number: u64, bytes: &[u8]) {
        self.counts.add(Count::TooHigh);
        if !self.ahead.put(number, bytes) {
            // It is missing then like those before it, and asked for in its turn.
            self.counts.add(Count::AheadFull);
        }
        match &mut self.gap {
            Some(gap) => gap.beyond = gap.beyond.max(number),
            None => self.ask(now_ns, number, 0),
        }
    }

    /// Notes that messages are missing which they will give without being asked (789).
    pub(super) fn expect_gap(&mut self, now_ns: u64, number: u64) {
        let (end, asked_from) = (number - 1, self.next_in);
        self.gap = Some(Gap { end, beyond: number, asked_ns: now_ns, asked_from, repeats: 0 });
    }

    /// Asks for what is missing before `beyond`.
    pub(super) fn ask(&mut self, now_ns: u64, beyond: u64, repeats: u32) {
        if repeats >= self.profile.resend_repeats_max {
            return self.end_saying(now_ns, "Resend requests are not answered", End::ResendLoop);
        }
        let from = self.next_in;
        let chunk = self.profile.resend_chunk;
        let end = if chunk == 0 { beyond - 1 } else { (beyond - 1).min(from + chunk - 1) };
        let told = match chunk {
            0 if self.version >= Version::Fix42 => 0,
            0 => INFINITY_41,
            _ => end,
        };
        self.gap = Some(Gap { end, beyond, asked_ns: now_ns, asked_from: from, repeats });
        self.counts.add(Count::ResendsAsked);
        self.send_own(now_ns, b"2", |body| {
            body.unsigned(7, from).unsigned(16, told);
        });
    }

    /// After messages were taken: is the gap filled, or does its next chunk follow?
    pub(super) fn after_gap(&mut self, now_ns: u64) {
        let Some(gap) = self.gap.filter(|gap| self.next_in > gap.end) else { return };
        let missing = self.next_in < gap.beyond && self.profile.resend_chunk > 0;
        if missing && matches!(self.state, State::Up | State::LogoutSent) {
            self.ask(now_ns, gap.beyond, 0);
        } else {
            self.gap = None;
        }
    }

    /// Asks again for a gap that nothing fills; progress in between starts the count anew.
    pub(super) fn ask_again(&mut self, now_ns: u64) {
        let Some(gap) = self.gap else { return };
        if now_ns.saturating_sub(gap.asked_ns) > self.profile.resend_ns_max {
            let repeats = if self.next_in > gap.asked_from { 0 } else { gap.repeats + 1 };
            self.ask(now_ns, gap.beyond.max(self.next_in + 1), repeats);
        }
    }

    /// SequenceReset: a gap fill in its turn, or a reset whenever it comes.
    pub(super) fn on_sequence_reset(&mut self, now_ns: u64, message: &Message<'_>) {
        let Some(next) = message.get(36).and_then(unsigned) else {
            let reason = if message.get(36).is_some() { reject::DATA_FORMAT } else { reject::REQUIRED_MISSING };
            return self.reject(now_ns, message, Fault { reason, tag: 36 });
        };
        if next > NUMBER_MAX {
            self.counts.add(Count::ResetsRefused);
            self.reject(now_ns, message, Fault { reason: reject::VALUE_OUT_OF_RANGE, tag: 36 });
        } else if next > self.next_in {
            self.next_in = next;
            self.store.set_incoming(next);
        } else if next < self.next_in {
            self.counts.add(Count::ResetsRefused);
            self.reject(now_ns, message, Fault { reason: reject::VALUE_OUT_OF_RANGE, tag: 0 });
        }
    }

    /// They missed messages.
    pub(super) fn on_resend_request(
        &mut self,
        now_ns: u64,
        message: &Message<'_>,
        number: u64,
        application: &mut dyn Application,
    ) {
        if number < self.next_in {
            let again = message.get(43).and_then(boolean) == Some(true);
            return if again { self.counts.add(Count::Duplicates) } else { self.end_too_low(now_ns, number) };
        }
        self.counts.add(Count::Resends);
        let range = |tag| message.get(tag).and_then(unsigned);
        let (Some(begin), Some(asked_end)) = (range(7), range(16)) else {
            let tag = if range(7).is_none() { 7 } else { 16 };
            return self.reject(now_ns, message, Fault { reason: reject::DATA_FORMAT, tag });
        };
        let last = self.next_out - 1;
        let all = asked_end == 0 || self.version <= Version::Fix42 && asked_end == INFINITY_41;
        let end = if all { last } else { asked_end.min(last) };
        if begin == 0 || !all && asked_end < begin {
            return self.reject(now_ns, message, Fault { reason: reject::VALUE_OUT_OF_RANGE, tag: 7 });
        }
        if number == self.next_in {
            self.advance();
        }
        if begin > end {
            self.counts.add(Count::ResendsEmpty);
            return;
        }
        let (from, to, repeats) = self.asked;
        let repeats = if (from, to) == (begin, asked_end) { repeats + 1 } else { 0 };
        self.asked = (begin, asked_end, repeats);
        if repeats >= self.profile.resend_repeats_max {
            return self.end_saying(now_ns, "The same messages are asked for again and again", End::ResendLoop);
        }
        self.give(begin, end);
        self.pump(now_ns, application);
    }

    /// Gives these messages again, with those that are being given already as one range.
    pub(super) fn give(&mut self, begin: u64, end: u64) {
        self.replay = Some(match self.replay {
            Some(now) if begin >= now.passed_from.unwrap_or(now.next) => Replay { end: now.end.max(end), ..now },
            Some(now) => Replay { next: begin, end: now.end.max(end), passed_from: None },
            None => Replay { next: begin, end, passed_from: None },
        });
    }

    /// Gives again what fits into this cycle and into the output, half of which stays for live messages.
    pub(super) fn pump(&mut self, now_ns: u64, application: &mut dyn Application) {
        let Some(mut replay) = self.replay else { return };
        let (mut messages, mut passed) = (self.profile.replay_messages_a_cycle, PASSED_OVER_A_CYCLE);
        let room = self.profile.output_bytes / 2 + 2 * self.profile.message_bytes_max;
        while replay.next <= replay.end && messages > 0 && passed > 0 {
            if self.output.room() < room.min(self.profile.output_bytes) && !self.output.is_empty() {
                break;
            }
            if self.gives(now_ns, replay.next, application) {
                if !self.out_rate.passes(now_ns, false) {
                    break;
                }
                if let Some(from) = replay.passed_from.take() {
                    self.fill(now_ns, from, replay.next);
                }
                self.give_one(now_ns, replay.next);
                messages -= 1;
            } else {
                replay.passed_from.get_or_insert(replay.next);
                passed -= 1;
            }
            replay.next += 1;
        }
        if self.state == State::Down {
            return;
        }
        if replay.next <= replay.end {
            self.replay = Some(replay);
        } else {
            self.replay = None;
            if let Some(from) = replay.passed_from {
                self.fill(now_ns, from, replay.end + 1);
            }
        }
    }

    /// Whether this message is given again.
    fn gives(&mut self, now_ns: u64, sequence: u64, application: &mut dyn Application) -> bool {
        let order_age_ns_max = self.profile.order_age_ns_max();
        match self.store.read(sequence) {
            Stored::Message { bytes, stored_ns } => {
                let (kind, age_ns) = (kind_of(bytes), now_ns.saturating_sub(stored_ns));
                if is_order(kind) && age_ns >= order_age_ns_max {
                    self.counts.add(Count::OrdersPassedOver);
                    return false;
                }
                !is_own(kind) && application.may_replay(kind, bytes, age_ns)
            }
            Stored::Missing => false,
            Stored::Damaged => {
                self.counts.add(Count::StoreDamaged);
                false
            }
        }
    }

    /// Passes over the numbers from `from` on, up to `next`.
    fn fill(&mut self, now_ns: u64, from: u64, next: u64) {
        let mut time = [0; 27];
        let length = wire::fix::write_time(&mut time, now_ns, self.header.precision());
        let mut builder = Builder::new(&self.header, &mut self.scratch);
        builder.begin(b"4").header_field(43, b"Y").header_field(122, &time[..length]);
        builder.unsigned(36, next).boolean(123, true);
        let message = builder.finish(from, now_ns).expect("a gap fill is shorter than the shortest message allowed");
        let length = message.len();
        if !self.output.push(&[message]) {
            return self.end(End::Overflow);
        }
        self.note_out(now_ns, length);
        self.last_sent_ns = now_ns;
        self.counts.add(Count::GapFills);
    }

    /// Sends a kept message again: marked as a possible duplicate, with the time when it was first sent.
    fn give_one(&mut self, now_ns: u64, sequence: u64) {
        let Stored::Message { bytes, .. } = self.store.read(sequence) else { return };
        let mut builder = Builder::new(&self.header, &mut self.scratch);
        builder.begin(kind_of(bytes)).header_field(43, b"Y");
        let body = own_header(bytes, |tag, value| match tag {
            52 => drop(builder.header_field(122, value)),
            // The header has these itself.
            8 | 9 | 34 | 35 | 49 | 50 | 56 | 57 => {}
            _ => drop(builder.header_field(tag, value)),
        });
        builder.fields(&bytes[body..bytes.len() - TRAILER_BYTES]);
        let Ok(message) = builder.finish(sequence, now_ns) else {
            // Longer by the two fields than a message may be.
            return self.fill(now_ns, sequence, sequence + 1);
        };
        let length = message.len();
        if !self.output.push(&[message]) {
            return self.end(End::Overflow);
        }
        self.note_out(now_ns, length);
        self.last_sent_ns = now_ns;
        self.counts.add(Count::Replayed);
    }
}

/// `10=nnn` and its SOH.
const TRAILER_BYTES: usize = 7;

/// Hands over the header fields of a message that a session wrote; returns where its body begins.
fn own_header<'a>(bytes: &'a [u8], mut field: impl FnMut(u32, &'a [u8])) -> usize {
    let mut at = 0;
    while let Some(length) = bytes[at..].iter().position(|byte| *byte == wire::fix::SOH) {
        let text = &bytes[at..at + length];
        let Some(equals) = text.iter().position(|byte| *byte == b'=') else { break };
        let tag = unsigned(&text[..equals]).unwrap_or(0) as u32;
        if !is_header(tag) {
            break;
        }
        field(tag, &text[equals + 1..]);
        at += length + 1;
    }
    at
}

/// Whether a tag stands in headers: the session's own tags and those that an application may add.
pub const fn is_header(tag: u32) -> bool {
    matches!(
        tag,
        8 | 9
            | 34
            | 35
            | 43
            | 49
            | 50
            | 52
            | 56
            | 57
            | 97
            | 115
            | 116
            | 122
            | 128
            | 129
            | 142
            | 143
            | 144
            | 145
            | 347
            | 369
            | 1128
            | 1129
            | 1156
    )
}

/// MsgType of a message that a session wrote: the third field.
fn kind_of(bytes: &[u8]) -> &[u8] {
    let third = bytes.splitn(4, |byte| *byte == wire::fix::SOH).nth(2);
    third.and_then(|field| field.strip_prefix(b"35=")).unwrap_or(&[])
}

/// Whether a MsgType is one of the session's own: never given again.
pub fn is_own(kind: &[u8]) -> bool {
    matches!(kind, [b'0'..=b'5' | b'A'])
}

/// Orders and what changes them: what must not be done a second time, or late.
fn is_order(kind: &[u8]) -> bool {
    matches!(
        kind,
        b"D" | b"E" | b"F" | b"G" | b"q" | b"s" | b"t" | b"u" | b"AB" | b"AC" | b"S" | b"i" | b"R" | b"CA" | b"k"
    )
}
