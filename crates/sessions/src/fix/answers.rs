//! Rejects: the session's (3) and the application's (j).
//!
//! Invariant: a reject names the message that it is about, goes back the way that one came, and counts it as received where
//! it was that one's turn.

use wire::fix::{Builder, Message, reject, unsigned};

use super::counts::{Count, End};
use super::profile::Version;
use super::session::{Fault, Session, State};

/// Routing tags and what they become on the way back.
const ROUTES: [(u32, u32); 4] = [(128, 115), (129, 116), (115, 128), (116, 129)];
/// Those that came with FIX.4.1.
const ROUTES_41: [(u32, u32); 2] = [(145, 144), (144, 145)];

impl Session {
    pub(super) fn reject(&mut self, now_ns: u64, message: &Message<'_>, fault: Fault) {
        let text = fault.tag.to_string();
        let letters = if fault.tag == 0 { &[] } else { text.as_bytes() };
        self.reject_lettered(now_ns, message, fault.reason, letters);
    }

    /// Rejects for a tag as it was written; no letters: no tag in particular.
    pub(super) fn reject_lettered(&mut self, now_ns: u64, message: &Message<'_>, reason: u16, tag: &[u8]) {
        if !matches!(self.state, State::Up | State::LogoutSent) {
            return self.end(End::BadLogon);
        }
        self.counts.add(Count::Rejects);
        let kind = message.kind();
        let number = message.get(34).unwrap_or(&[]);
        if !matches!(kind, b"A" | b"4") && unsigned(number) == Some(self.next_in) {
            self.advance();
        }
        let (version, tells_reason) = (self.version, self.tells_reason(reason));
        let words = reject::text(reason);
        self.send_own(now_ns, b"3", |body| {
            route_back(body, message, version);
            if !number.is_empty() {
                body.field(45, number);
            }
            if version >= Version::Fix42 {
                body.field(58, words.as_bytes());
                if !tag.is_empty() {
                    body.field(371, tag);
                }
                body.field(372, kind);
            } else if tag.is_empty() {
                body.field(58, words.as_bytes());
            } else {
                let tag = String::from_utf8_lossy(tag);
                body.field(58, format!("{words} ({tag})").as_bytes());
            }
            if tells_reason {
                body.unsigned(373, u64::from(reason));
            }
        });
    }

    /// A reject after which there is nothing to talk about.
    pub(super) fn reject_and_log_out(&mut self, now_ns: u64, message: &Message<'_>, reason: u16) {
        self.reject(now_ns, message, Fault { reason, tag: 0 });
        if self.state == State::Up {
            self.send_logout(now_ns, "");
            self.deaf = true;
        }
    }

    pub(super) fn reject_business(&mut self, now_ns: u64, message: &Message<'_>, reason: u16, tag: u32) {
        let words = if self.version < Version::Fix42 { old_words(reason) } else { business_words(reason) };
        self.reject_business_saying(now_ns, message, (reason, tag), words);
    }

    /// A business reject in these words; `why`: reason and tag.
    pub(super) fn reject_business_saying(&mut self, now_ns: u64, message: &Message<'_>, why: (u16, u32), words: &str) {
        let (reason, tag) = why;
        let (kind, number) = (message.kind(), message.get(34).unwrap_or(&[]));
        self.advance();
        if self.version < Version::Fix42 {
            self.counts.add(Count::Rejects);
            let version = self.version;
            return self.send_own(now_ns, b"3", |body| {
                route_back(body, message, version);
                body.field(45, number).field(58, words.as_bytes());
            });
        }
        self.counts.add(Count::BusinessRejects);
        let application = self.profile.default_appl_ver_id.clone();
        let sent = self.emit(now_ns, b"j", true, |body| {
            body.field(45, number);
            if tag == 0 {
                body.field(58, words.as_bytes());
            } else {
                body.field(58, format!("{words} ({tag})").as_bytes());
            }
            body.field(372, kind).unsigned(380, u64::from(reason));
            if !application.is_empty() {
                body.field(1137, application.as_bytes());
            }
        });
        let _ended_if_not = sent;
    }
}

/// Header fields that send an answer back the way that the message came.
fn route_back(body: &mut Builder<'_>, message: &Message<'_>, version: Version) {
    let later = if version >= Version::Fix41 { &ROUTES_41[..] } else { &[] };
    for (theirs, ours) in ROUTES.iter().chain(later) {
        if let Some(value) = message.get(*theirs).filter(|value| !value.is_empty()) {
            body.header_field(*ours, value);
        }
    }
}

const fn business_words(reason: u16) -> &'static str {
    match reason {
        1 => "Unknown ID",
        2 => "Unknown Security",
        3 => "Unsupported Message Type",
        4 => "Application not available",
        5 => "Conditionally Required Field Missing",
        6 => "Not Authorized",
        7 => "DeliverTo firm not available at this time",
        _ => "Other",
    }
}

/// Before FIX.4.2 there is no business reject.
const fn old_words(reason: u16) -> &'static str {
    match reason {
        3 => "Unsupported message type",
        other => business_words(other),
    }
}
