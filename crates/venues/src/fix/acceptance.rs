//! The application of acceptance runs: sends orders, cancels and security definitions back, knows nothing else.
//!
//! What goes back has its fields in the order of their tags, groups whole behind their counts, so that a script can say what
//! to expect.
//!
//! Invariant: an order marked as possibly sent again (97=Y) whose ClOrdID came before on this connection is not sent back.

use std::collections::BTreeSet;
use std::rc::Rc;

use sessions::fix::{Answer, Application, Inbound, Session, is_header};
use wire::fix::{Builder, Dictionary, Message};

/// ClOrdIDs remembered; more are one connection's own fault, and the oldest names go.
const REMEMBERED_MAX: usize = 65_536;

/// One session's application.
pub(super) struct Acceptance {
    dictionary: Rc<Dictionary>,
    seen: BTreeSet<Vec<u8>>,
}

impl Acceptance {
    /// Knows groups by this dictionary.
    pub fn new(dictionary: Rc<Dictionary>) -> Self {
        Self { dictionary, seen: BTreeSet::new() }
    }

    /// Whether this order is one that came before.
    fn is_again(&mut self, inbound: &Inbound<'_>) -> bool {
        let Some(name) = inbound.message.get(11) else { return false };
        if self.seen.len() >= REMEMBERED_MAX {
            self.seen.pop_first();
        }
        let new = self.seen.insert(name.to_vec());
        inbound.poss_resend && !new
    }

    fn write_back(&self, builder: &mut Builder<'_>, message: &Message<'_>) {
        let fields = message.fields();
        // The checksum is the last field.
        let header = |tag| is_header(tag) || self.dictionary.is_header(tag);
        let body = fields.iter().position(|field| !header(field.tag)).unwrap_or(fields.len());
        let end = fields.iter().rposition(|field| !self.dictionary.is_trailer(field.tag)).map_or(body, |last| last + 1);
        for field in &fields[..body.min(end)] {
            // The session writes these itself.
            if !matches!(field.tag, 8 | 9 | 34 | 35 | 43 | 49 | 52 | 56 | 122) {
                builder.header_field(field.tag, message.value(*field));
            }
        }
        let mut spans = Vec::new();
        let mut at = body;
        while at < end {
            let next = self.dictionary.span(message, at).clamp(at + 1, end);
            spans.push((fields[at].tag, at, next));
            at = next;
        }
        spans.sort_by_key(|span| span.0);
        for (_, from, to) in spans {
            // As it stands, data with a field's end inside included.
            let (start, end) = (fields[from - 1].end as usize + 1, fields[to - 1].end as usize + 1);
            builder.fields(&message.bytes()[start..end]);
        }
    }
}

impl Application for Acceptance {
    fn on_logon(&mut self, _: &mut Session, _: u64) {
        self.seen.clear();
    }

    fn on_message(&mut self, session: &mut Session, now_ns: u64, inbound: &Inbound<'_>) -> Answer {
        let message = &inbound.message;
        match message.kind() {
            b"D" | b"C" | b"d" => {
                if message.kind() != b"D" || !self.is_again(inbound) {
                    let _ended_if_not = session.send(now_ns, message.kind(), |body| self.write_back(body, message));
                }
                Answer::Taken
            }
            _ => Answer::Unsupported,
        }
    }
}
