//! What arrives: is it sound, is it its turn, what follows from it.
//!
//! The order of the checks is the specification's: what is garbled is ignored and has no number; then version, state,
//! number, the dictionary, time and names; only then does a message count as received.
//!
//! Invariant: every message of the application is handed over once and in the order of its number; whatever is not handed
//! over is answered, asked for again, or counted as a duplicate.

use wire::fix::{DayCache, FieldError, Fields, Message, boolean, reject, unsigned, utc_time_ns};

use super::counts::{Count, End};
use super::profile::Version;
use super::session::{Answer, Application, Fault, Inbound, Session, State};

/// What they are told who send too much.
const TOO_MANY: &str = "Message rate exceeded";
/// `YYYYMMDD-HH:MM:SS`.
const WHOLE_SECONDS_LETTERS: usize = 17;

/// What the header says that the session asks for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen<'a> {
    pub number: Option<&'a [u8]>,
    pub sender: Option<&'a [u8]>,
    pub target: Option<&'a [u8]>,
    pub sender_sub: Option<&'a [u8]>,
    pub target_sub: Option<&'a [u8]>,
    pub sending_time: Option<&'a [u8]>,
    /// What SendingTime says, where it is a time.
    pub sent_ns: Option<u64>,
    pub original_time: Option<&'a [u8]>,
    pub poss_dup: bool,
    pub poss_resend: bool,
}

impl<'a> Seen<'a> {
    fn of(message: &Message<'a>, last: &mut DayCache) -> Self {
        let mut seen = Self::default();
        for field in message.fields() {
            let place = match field.tag {
                34 => &mut seen.number,
                49 => &mut seen.sender,
                56 => &mut seen.target,
                50 => &mut seen.sender_sub,
                57 => &mut seen.target_sub,
                52 => &mut seen.sending_time,
                122 => &mut seen.original_time,
                43 => {
                    seen.poss_dup |= boolean(message.value(*field)) == Some(true);
                    continue;
                }
                97 => {
                    seen.poss_resend |= boolean(message.value(*field)) == Some(true);
                    continue;
                }
                _ => continue,
            };
            place.get_or_insert(message.value(*field));
        }
        seen.sent_ns = seen.sending_time.and_then(|time| last.utc_time_ns(time));
        seen
    }
}

impl Session {
    /// A whole message, framed and with the right checksum. `fields` is a table to work in.
    pub fn receive(&mut self, now_ns: u64, bytes: &[u8], fields: &mut Fields, application: &mut dyn Application) {
        if self.state == State::Down {
            return; // Whatever comes after the end is not for us.
        }
        self.counts.add(Count::In);
        self.note_in(now_ns, bytes);
        self.handle(now_ns, bytes, fields, false, application);
        while matches!(self.state, State::Up | State::LogoutSent) {
            let mut waited = std::mem::take(&mut self.ahead_bytes);
            let found = self.ahead.take(self.next_in, &mut waited);
            if found.is_some() {
                self.handle(now_ns, &waited, fields, true, application);
            }
            self.ahead_bytes = waited;
            if found.is_none() {
                break;
            }
        }
        self.after_gap(now_ns);
    }

    /// Bytes that are no message (a wrong checksum, say) came in. Before the logon they end the connection.
    pub fn garbled(&mut self) {
        self.counts.add(Count::Garbled);
        if matches!(self.state, State::Waiting | State::LogonSent) {
            self.end(End::BadLogon);
        }
    }

    fn handle(
        &mut self,
        now_ns: u64,
        bytes: &[u8],
        fields: &mut Fields,
        waited: bool,
        application: &mut dyn Application,
    ) {
        let fault = fields.read(bytes, &self.data).err();
        let message = fields.message(bytes);
        let third = message.fields().get(2).is_some_and(|field| field.tag == 35);
        if !third || fault.is_some_and(|fault| fault.reason().is_none()) {
            return self.garbled();
        }
        let seen = Seen::of(&message, &mut self.last_time);
        let kind = message.kind();
        if self.deaf && kind != b"5" {
            return;
        }
        if message.value(message.fields()[0]) != self.profile.begin_string.as_bytes() {
            return self.on_other_version(now_ns, &message, application);
        }
        if matches!(self.state, State::Waiting | State::LogonSent) {
            return self.on_first(now_ns, &message, &seen, fault, application);
        }
        (self.last_heard_ns, self.tests) = (now_ns, 0);
        let Some(number) = seen.number else {
            return self.end_saying(now_ns, "Received message without MsgSeqNum", End::NoNumber);
        };
        if waited && matches!(kind, b"A" | b"2") {
            return self.advance(); // Handled when it came.
        }
        if let Some(fault) = fault {
            let letters = &bytes[fault.start as usize..fault.end as usize];
            return self.reject_field(now_ns, &message, fault, letters);
        }
        let Some(number) = unsigned(number) else {
            return self.reject(now_ns, &message, Fault { reason: reject::DATA_FORMAT, tag: 34 });
        };
        let numbered = !matches!(kind, b"2" | b"5" | b"A") && !is_reset(&message);
        if numbered && number > self.next_in && self.is_from_them(now_ns, &seen) {
            return self.on_too_high(now_ns, number, bytes);
        }
        if let Err(fault) = self.check(&message, &seen) {
            return self.reject(now_ns, &message, fault);
        }
        if !self.is_timely(now_ns, &seen) {
            return self.reject_and_log_out(now_ns, &message, reject::SENDING_TIME);
        }
        if !self.is_named_right(&seen) {
            return self.reject_and_log_out(now_ns, &message, reject::COMP_ID);
        }
        if numbered && number < self.next_in {
            return self.on_too_low(now_ns, number, &message, &seen);
        }
        self.dispatch(now_ns, &message, number, &seen, application);
    }

    /// A message in its turn (or one to which turns do not apply).
    fn dispatch(
        &mut self,
        now_ns: u64,
        message: &Message<'_>,
        number: u64,
        seen: &Seen<'_>,
        application: &mut dyn Application,
    ) {
        match message.kind() {
            b"0" => self.advance(),
            b"1" => {
                let id = message.get(112);
                self.send_own(now_ns, b"0", |body| {
                    if let Some(id) = id {
                        body.field(112, id);
                    }
                });
                self.advance();
            }
            b"2" => self.on_resend_request(now_ns, message, number, application),
            b"3" => {
                self.counts.add(Count::RejectsIn);
                application.on_session_message(self, now_ns, message);
                self.advance();
            }
            b"4" => self.on_sequence_reset(now_ns, message),
            b"5" => self.on_logout(now_ns, message, number, application),
            b"A" => self.on_second_logon(now_ns, message, number, application),
            _ if !seen.poss_dup && !self.in_rate.passes(now_ns, false) => self.on_too_many(now_ns, message),
            _ => {
                let (poss_dup, poss_resend) = (seen.poss_dup, seen.poss_resend);
                let inbound = Inbound { message: *message, sequence: number, poss_dup, poss_resend };
                let answer = application.on_message(self, now_ns, &inbound);
                self.answer(now_ns, message, answer);
            }
        }
    }

    /// More messages than they may send: this one is left out, and they are told.
    fn on_too_many(&mut self, now_ns: u64, message: &Message<'_>) {
        self.counts.add(Count::TooMany);
        if self.profile.in_excess == "reject" {
            return self.reject_business_saying(now_ns, message, (0, 0), TOO_MANY);
        }
        self.advance();
        self.end_saying(now_ns, TOO_MANY, End::TooMany);
    }

    fn answer(&mut self, now_ns: u64, message: &Message<'_>, answer: Answer) {
        match answer {
            Answer::Taken => self.advance(),
            Answer::Unsupported => self.reject_business(now_ns, message, 3, 0),
            Answer::Refused { reason, tag } => self.reject_business(now_ns, message, reason, tag),
            Answer::Fault(fault) => self.reject(now_ns, message, fault),
            Answer::NotNow(words) => self.reject_business_saying(now_ns, message, (4, 0), words),
        }
    }

    /// What the dictionary says; without one, what the session itself cannot do without.
    fn check(&self, message: &Message<'_>, seen: &Seen<'_>) -> Result<(), Fault> {
        if let Some(rules) = &self.rules {
            rules.check(message)?;
        }
        for (tag, value) in [(49, seen.sender), (52, seen.sending_time), (56, seen.target)] {
            if value.is_none() {
                return Err(Fault { reason: reject::REQUIRED_MISSING, tag });
            }
        }
        seen.sent_ns.map(drop).ok_or(Fault { reason: reject::DATA_FORMAT, tag: 52 })
    }

    fn is_from_them(&self, now_ns: u64, seen: &Seen<'_>) -> bool {
        self.is_named_right(seen) && self.is_timely(now_ns, seen)
    }

    pub(super) fn is_named_right(&self, seen: &Seen<'_>) -> bool {
        seen.sender == Some(self.profile.target_comp_id.as_bytes())
            && seen.target == Some(self.profile.sender_comp_id.as_bytes())
            && (!self.profile.checks_sub_ids || self.is_sub_named_right(seen))
    }

    /// Whether the sub ids are ours turned round, where we have any.
    fn is_sub_named_right(&self, seen: &Seen<'_>) -> bool {
        let is = |ours: &str, theirs: Option<&[u8]>| ours.is_empty() || theirs == Some(ours.as_bytes());
        is(&self.profile.target_sub_id, seen.sender_sub) && is(&self.profile.sender_sub_id, seen.target_sub)
    }

    pub(super) fn is_timely(&self, now_ns: u64, seen: &Seen<'_>) -> bool {
        if !self.profile.checks_sending_time {
            return true;
        }
        let Some(text) = seen.sending_time else { return false };
        // A time without a fraction is held against the clock's whole second: the way here counts for nothing then.
        let now_ns = if text.len() == WHOLE_SECONDS_LETTERS { now_ns - now_ns % 1_000_000_000 } else { now_ns };
        seen.sent_ns.is_some_and(|time_ns| now_ns.abs_diff(time_ns) < self.profile.sending_time_ns_max)
    }

    fn on_other_version(&mut self, now_ns: u64, message: &Message<'_>, application: &mut dyn Application) {
        match self.state {
            State::Waiting | State::LogonSent => self.end(End::BadLogon),
            _ if message.kind() == b"5" => {
                let number = message.get(34).and_then(unsigned).unwrap_or(0);
                self.on_logout(now_ns, message, number, application);
            }
            _ => {
                self.send_logout(now_ns, "Incorrect BeginString");
                self.deaf = true;
                self.advance();
            }
        }
    }

    /// A number below the expected one.
    fn on_too_low(&mut self, now_ns: u64, number: u64, message: &Message<'_>, seen: &Seen<'_>) {
        if !seen.poss_dup {
            return self.end_too_low(now_ns, number);
        }
        if message.kind() != b"4" {
            let Some(original) = seen.original_time else {
                return self.reject(now_ns, message, Fault { reason: reject::REQUIRED_MISSING, tag: 122 });
            };
            if utc_time_ns(original) > seen.sent_ns {
                return self.reject_and_log_out(now_ns, message, reject::SENDING_TIME);
            }
        }
        self.counts.add(Count::Duplicates);
    }

    /// The one fault of numbers that nothing mends: they have forgotten what they sent.
    pub(super) fn end_too_low(&mut self, now_ns: u64, number: u64) {
        self.counts.add(Count::TooLow);
        let text = format!("MsgSeqNum too low, expecting {} but received {number}", self.next_in);
        self.end_saying(now_ns, &text, End::TooLow);
    }

    fn on_logout(&mut self, now_ns: u64, message: &Message<'_>, number: u64, application: &mut dyn Application) {
        application.on_session_message(self, now_ns, message);
        self.note_words(message);
        if self.state == State::Up {
            self.send_own(now_ns, b"5", |_| ());
        }
        if number == self.next_in {
            self.advance();
        }
        self.end(End::LoggedOut);
        if self.profile.reset_on_logout {
            let _kept_as_they_were = self.reset(now_ns);
        }
    }

    /// A field whose form is wrong.
    fn reject_field(&mut self, now_ns: u64, message: &Message<'_>, fault: FieldError, letters: &[u8]) {
        let reason = fault.reason().expect("garbled messages were ignored before");
        self.reject_lettered(now_ns, message, reason, letters);
    }
}

/// Whether this is a SequenceReset that resets: its number does not matter.
fn is_reset(message: &Message<'_>) -> bool {
    message.kind() == b"4" && message.get(123).and_then(boolean) != Some(true)
}

impl Session {
    /// Whether rejects carry their reason (from 4.2 on), and whether this one was known then.
    pub(super) fn tells_reason(&self, reason: u16) -> bool {
        self.version > Version::Fix42 || self.version == Version::Fix42 && reason <= reject::MESSAGE_TYPE
    }
}
