//! Logons: the first message of each side, a second one that resets the numbers, and what the two say of gaps.
//!
//! Invariant: nothing but a sound logon of the right names brings a session up; the numbers begin at 1 on both sides or on
//! neither (141=Y), and where the sides disagree the session ends and says so.

use wire::fix::{FieldError, Message, boolean, integer, unsigned};

use super::counts::{Count, End};
use super::profile::Version;
use super::receive::Seen;
use super::session::{Application, Session, State};

impl Session {
    /// An initiator's first message.
    pub(super) fn send_first_logon(&mut self, now_ns: u64) {
        if std::mem::take(&mut self.resets_next) || self.profile.reset_on_logon {
            if self.reset(now_ns).is_err() {
                return;
            }
            self.sent_reset = true;
        }
        let next = self.next_in;
        self.send_logon(now_ns, u64::from(self.profile.heartbeat_s), self.sent_reset, next);
        if self.state != State::Down {
            self.state = State::LogonSent;
        }
    }

    pub(super) fn send_logon(&mut self, now_ns: u64, heartbeat_s: u64, resets: bool, next_expected: u64) {
        let profile = &self.profile;
        let (username, password) = (profile.username.clone(), profile.password.clone());
        let (tells_next, application) = (profile.next_expected, profile.default_appl_ver_id.clone());
        let (initiator, extension_pack) = (profile.initiator, profile.default_appl_ext_id);
        self.send_own(now_ns, b"A", |body| {
            body.unsigned(98, 0).unsigned(108, heartbeat_s);
            if resets {
                body.boolean(141, true);
            }
            if initiator && !username.is_empty() {
                body.field(553, username.as_bytes());
            }
            if initiator && !password.is_empty() {
                body.field(554, password.as_bytes());
            }
            if tells_next {
                body.unsigned(789, next_expected);
            }
            if !application.is_empty() {
                body.field(1137, application.as_bytes());
            }
            if extension_pack != 0 {
                body.unsigned(1407, u64::from(extension_pack));
            }
        });
    }

    /// The first message of a connection.
    pub(super) fn on_first(
        &mut self,
        now_ns: u64,
        message: &Message<'_>,
        seen: &Seen<'_>,
        fault: Option<FieldError>,
        application: &mut dyn Application,
    ) {
        let kind = message.kind();
        if self.state == State::LogonSent && matches!(kind, b"3" | b"5") {
            // The logon is refused, and its text says why.
            application.on_session_message(self, now_ns, message);
            self.note_words(message);
            self.counts.add(Count::LogonsRefused);
            return self.on_refused(message);
        }
        let sound =
            kind == b"A" && fault.is_none() && self.rules.as_ref().is_none_or(|rules| rules.check(message).is_ok());
        let number = seen.number.and_then(unsigned);
        let Some(number) = number.filter(|_| sound && self.is_named_right(seen) && self.is_timely(now_ns, seen)) else {
            self.counts.add(Count::LogonsRefused);
            return self.end(End::BadLogon);
        };
        self.on_logon(now_ns, message, number, application);
    }

    /// Our logon is refused; where that is for its number, and the profile trusts their word, ours go on from the one they expect.
    fn on_refused(&mut self, message: &Message<'_>) {
        let Some(expected) = message.get(58).and_then(expected_number).filter(|number| *number >= self.next_out) else {
            return self.end(End::NotAuthorized);
        };
        self.end(End::OursTooLow);
        if self.profile.takes_expected {
            self.counts.add(Count::NumbersTaken);
            self.store.set_outgoing(expected);
            self.next_out = expected;
        }
    }

    /// A logon while the session is up: a reset of the numbers, or a mistake.
    pub(super) fn on_second_logon(
        &mut self,
        now_ns: u64,
        message: &Message<'_>,
        number: u64,
        application: &mut dyn Application,
    ) {
        if message.get(141).and_then(boolean) == Some(true) {
            self.on_logon(now_ns, message, number, application);
        } else if number < self.next_in && message.get(43).and_then(boolean) == Some(true) {
            self.counts.add(Count::Duplicates);
        } else {
            self.end(End::Unexpected);
        }
    }

    /// A sound logon of the right names.
    fn on_logon(&mut self, now_ns: u64, message: &Message<'_>, number: u64, application: &mut dyn Application) {
        let answers = self.state == State::LogonSent;
        let resets = message.get(141).and_then(boolean) == Some(true);
        if let Err((text, why)) = self.may_log_on(message, number, resets, application) {
            self.counts.add(Count::LogonsRefused);
            return if text.is_empty() { self.end(why) } else { self.end_saying(now_ns, text, why) };
        }
        let asked_for_reset = std::mem::take(&mut self.sent_reset);
        let begins_anew =
            resets && !asked_for_reset || !answers && self.profile.reset_on_logon && self.state == State::Waiting;
        if begins_anew && self.reset(now_ns).is_err() {
            return;
        }
        if number < self.next_in {
            return self.end_too_low(now_ns, number);
        }
        let heartbeat_s = message.get(108).and_then(unsigned).unwrap_or(u64::MAX);
        if heartbeat_s > u64::from(self.profile.heartbeat_s_max) {
            self.counts.add(Count::LogonsRefused);
            let text =
                if heartbeat_s == u64::MAX { "HeartBtInt must not be negative" } else { "HeartBtInt is too long" };
            return self.end_saying(now_ns, text, End::BadLogon);
        }
        if !answers {
            self.heartbeat_ns = heartbeat_s * 1_000_000_000;
        }
        let in_turn = number == self.next_in;
        (self.state, self.last_heard_ns, self.tests) = (State::Up, now_ns, 0);
        let logon_sent = self.next_out - 1;
        if !answers || begins_anew {
            let next = self.next_in + u64::from(in_turn);
            self.send_logon(now_ns, heartbeat_s, resets, next);
        }
        let own_logon = if answers && !begins_anew { logon_sent } else { self.next_out - 1 };
        if in_turn {
            self.advance();
        }
        if let Some(theirs) = message.get(789).and_then(unsigned).filter(|_| self.profile.next_expected) {
            // An acceptor's own logon comes after their word, an initiator's before it.
            let expected = own_logon + u64::from(answers);
            if theirs > expected {
                let text = format!("NextExpectedMsgSeqNum too high, expecting {expected} but received {theirs}");
                return self.end_saying(now_ns, &text, End::TooLow);
            }
            if theirs > 0 && theirs < expected {
                self.give(theirs, own_logon);
            }
        }
        if !in_turn && self.state == State::Up {
            self.counts.add(Count::TooHigh);
            let waits = self.ahead.put(number, message.bytes());
            assert!(waits, "nothing waits yet, and a logon fits");
            if self.profile.next_expected && message.get(789).is_some() {
                self.expect_gap(now_ns, number);
            } else {
                self.ask(now_ns, number, 0);
            }
        }
        if self.state == State::Up {
            application.on_logon(self, now_ns);
        }
    }

    /// What keeps a logon out: the text that says so, and why.
    fn may_log_on(
        &mut self,
        message: &Message<'_>,
        number: u64,
        resets: bool,
        application: &mut dyn Application,
    ) -> Result<(), (&'static str, End)> {
        let profile = &self.profile;
        let answers = self.state == State::LogonSent;
        if message.get(108).and_then(integer).is_none() {
            return Err(("", End::BadLogon));
        }
        if self.version == Version::Fixt11 && message.get(1137).is_none() {
            return Err(("", End::BadLogon));
        }
        if !answers {
            let is = |tag, own: &str| own.is_empty() || message.get(tag) == Some(own.as_bytes());
            if !is(553, &profile.username) || !is(554, &profile.password) {
                // Without a word: an answer would take a number of the session, and anybody could move its numbers on.
                return Err(("", End::NotAuthorized));
            }
            application.may_log_on(message).map_err(|text| (text, End::NotAuthorized))?;
            // A reset empties the store; without one the first message that is to be kept would end the session again.
            let empties = resets && profile.takes_reset || profile.reset_on_logon;
            if !empties && self.store.is_full() {
                return Err(("Message store is full", End::StoreFailed));
            }
        }
        if resets && number != 1 {
            return Err(("MsgSeqNum must be 1 where ResetSeqNumFlag is Y", End::ResetDisagreed));
        }
        if resets && !self.sent_reset && !profile.takes_reset {
            return Err(("ResetSeqNumFlag is not taken", End::ResetRefused));
        }
        if answers && self.sent_reset && !resets && number != 1 {
            return Err(("ResetSeqNumFlag was not answered", End::ResetDisagreed));
        }
        Ok(())
    }
}

/// The number that a text such as `MsgSeqNum too low, expecting 12 but received 1` asks for. The standard has no field for it.
fn expected_number(text: &[u8]) -> Option<u64> {
    let at = text.windows(6).position(|word| word.eq_ignore_ascii_case(b"expect"))?;
    let rest = &text[at..];
    let digits = &rest[rest.iter().position(u8::is_ascii_digit)?..];
    let count = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    // Nobody sends a thousand million messages in a session.
    unsigned(&digits[..count]).filter(|_| count <= 9)
}
