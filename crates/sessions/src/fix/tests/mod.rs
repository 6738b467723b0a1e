//! Two sessions that talk to each other in memory, on a clock that the test moves; and what each must hold.

use std::cell::RefCell;
use std::rc::Rc;

use serde_json::json;
use tiles::Setting;
use wire::fix::{Builder, DataFields, Fields, Framed, Header, Message, frame};

use super::*;

mod failures;
mod fuzz;
mod gaps;
mod limits;
mod logons;
mod stores;

pub(super) const SECOND: u64 = 1_000_000_000;
/// 2026-01-15 14:30:00 UTC.
pub(super) const START_NS: u64 = 1_768_487_400 * SECOND;

/// What an application saw.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// MsgType, number, ClOrdID, and whether it was marked as a possible duplicate.
    pub messages: Vec<(String, u64, String, bool)>,
    pub logons: usize,
    pub texts: Vec<String>,
}

/// Takes everything down.
#[derive(Clone, Default)]
pub(super) struct Notes(pub Rc<RefCell<Seen>>);

impl Application for Notes {
    fn on_logon(&mut self, _: &mut Session, _: u64) {
        self.0.borrow_mut().logons += 1;
    }

    fn on_message(&mut self, _: &mut Session, _: u64, inbound: &Inbound<'_>) -> Answer {
        let text = |tag| String::from_utf8_lossy(inbound.message.get(tag).unwrap_or(b"")).into_owned();
        let kind = String::from_utf8_lossy(inbound.message.kind()).into_owned();
        self.0.borrow_mut().messages.push((kind, inbound.sequence, text(11), inbound.poss_dup));
        Answer::Taken
    }

    fn on_session_message(&mut self, _: &mut Session, _: u64, message: &Message<'_>) {
        let text = String::from_utf8_lossy(message.get(58).unwrap_or(b"")).into_owned();
        self.0.borrow_mut().texts.push(text);
    }
}

/// A profile from its table; the test fails on any error.
pub(super) fn profile(table: serde_json::Value) -> Profile {
    let mut errors = Vec::new();
    let read = Profile::read(&table, "profile", "", &mut errors);
    assert_eq!(errors, Vec::<String>::new());
    let profile = read.expect("no errors");
    profile.errors("profile", &mut errors);
    assert_eq!(errors, Vec::<String>::new());
    profile
}

/// One side.
pub(super) struct Side {
    pub session: Session,
    pub notes: Notes,
    fields: Fields,
}

impl Side {
    pub fn new(profile: Profile, store: Box<dyn Store>) -> Self {
        Self { session: Session::new(profile, store, None), notes: Notes::default(), fields: Fields::default() }
    }

    pub fn memory(table: serde_json::Value) -> Self {
        Self::new(profile(table), Box::new(MemoryStore::with_capacity(10_000, 1 << 20, START_NS)))
    }

    /// Messages that wait to be written, each with `|` for the end of a field; they are taken.
    pub fn said(&mut self) -> Vec<String> {
        let bytes = self.session.output().to_vec();
        self.session.written(bytes.len());
        messages(&bytes).iter().map(|message| shown(message)).collect()
    }

    /// Hands a message over.
    pub fn hears(&mut self, now_ns: u64, message: &[u8]) {
        self.session.receive(now_ns, message, &mut self.fields, &mut self.notes);
    }

    pub fn passes(&mut self, now_ns: u64) {
        self.session.on_time(now_ns, &mut self.notes);
    }

    /// ClOrdIDs of the messages that the application got, in order.
    pub fn orders(&self) -> Vec<String> {
        self.notes.0.borrow().messages.iter().map(|message| message.2.clone()).collect()
    }

    /// Sends an order of this name.
    pub fn order(&mut self, now_ns: u64, name: &str) -> Result<u64, SendError> {
        self.session.send(now_ns, b"D", |body| {
            body.field(11, name.as_bytes()).field(55, b"AAPL").field(54, b"1").unsigned(38, 100);
        })
    }
}

pub(super) fn messages(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    while let Framed::Message { length } = frame(bytes, 1 << 20) {
        found.push(bytes[..length].to_vec());
        bytes = &bytes[length..];
    }
    assert!(bytes.is_empty(), "what a session sends is whole messages");
    found
}

pub(super) fn shown(message: &[u8]) -> String {
    String::from_utf8_lossy(message).replace('\x01', "|")
}

/// A value out of a message that is shown.
pub(super) fn value(message: &str, tag: u32) -> Option<&str> {
    let start = format!("|{tag}=");
    let at = message.find(&start)? + start.len();
    message[at..].split('|').next()
}

/// A message from ISLD's counterparty TW, as `write` has it behind the header.
pub(super) fn from_tw(now_ns: u64, kind: &str, sequence: u64, write: impl FnOnce(&mut Builder<'_>)) -> Vec<u8> {
    let header = Header::new("FIX.4.4", "TW", "ISLD");
    let mut out = vec![0; 4096];
    let mut builder = Builder::new(&header, &mut out);
    builder.begin(kind.as_bytes());
    write(&mut builder);
    builder.finish(sequence, now_ns).expect("it fits").to_vec()
}

/// An acceptor that is logged on.
pub(super) fn acceptor(more: serde_json::Value) -> Side {
    let mut table = json!({"begin_string": "FIX.4.4", "sender_comp_id": "ISLD", "target_comp_id": "TW"});
    table.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let mut side = Side::memory(table);
    side.session.connect(START_NS);
    side.hears(START_NS, &from_tw(START_NS, "A", 1, |body| body.unsigned(98, 0).unsigned(108, 30).at()));
    assert_eq!(side.session.state(), State::Up);
    side.said();
    side
}

/// Ends a chain of writes.
pub(super) trait At {
    fn at(&mut self) {}
}

impl At for Builder<'_> {}

/// Two sides and the wire between them.
pub(super) struct Pair {
    pub initiator: Side,
    pub acceptor: Side,
    pub now_ns: u64,
}

impl Pair {
    pub fn new(both: serde_json::Value) -> Self {
        Self::with(both, |_| Box::new(MemoryStore::with_capacity(10_000, 1 << 20, START_NS)))
    }

    pub fn with(both: serde_json::Value, mut store: impl FnMut(&str) -> Box<dyn Store>) -> Self {
        let table = |sender: &str, target: &str, initiator: bool| {
            let mut table = json!({
                "begin_string": "FIX.4.4", "sender_comp_id": sender, "target_comp_id": target, "initiator": initiator
            });
            table.as_object_mut().unwrap().extend(both.as_object().unwrap().clone());
            profile(table)
        };
        let initiator = Side::new(table("TW", "ISLD", true), store("initiator"));
        let acceptor = Side::new(table("ISLD", "TW", false), store("acceptor"));
        Self { initiator, acceptor, now_ns: START_NS }
    }

    pub fn connect(&mut self) {
        self.acceptor.session.connect(self.now_ns);
        self.initiator.session.connect(self.now_ns);
        self.run();
    }

    /// The connection breaks; what is on the wire is lost.
    pub fn cut(&mut self) {
        self.initiator.said();
        self.acceptor.said();
        self.initiator.session.disconnected(self.now_ns);
        self.acceptor.session.disconnected(self.now_ns);
    }

    /// Carries messages both ways until neither has more to say.
    pub fn run(&mut self) {
        for _ in 0..10_000 {
            let (there, back) = (take(&mut self.initiator), take(&mut self.acceptor));
            if there.is_empty() && back.is_empty() {
                if !self.initiator.session.is_replaying() && !self.acceptor.session.is_replaying() {
                    return;
                }
                self.initiator.passes(self.now_ns);
                self.acceptor.passes(self.now_ns);
            }
            there.iter().for_each(|message| self.acceptor.hears(self.now_ns, message));
            back.iter().for_each(|message| self.initiator.hears(self.now_ns, message));
        }
        panic!("they never come to rest");
    }

    /// Time passes in steps of a tenth of a second.
    pub fn pass(&mut self, ns: u64) {
        let until_ns = self.now_ns + ns;
        while self.now_ns < until_ns {
            self.now_ns += SECOND / 10;
            self.initiator.passes(self.now_ns);
            self.acceptor.passes(self.now_ns);
            self.run();
        }
    }

    pub fn is_up(&self) -> bool {
        self.initiator.session.state() == State::Up && self.acceptor.session.state() == State::Up
    }
}

fn take(side: &mut Side) -> Vec<Vec<u8>> {
    let bytes = side.session.output().to_vec();
    side.session.written(bytes.len());
    messages(&bytes)
}

#[test]
fn what_a_session_sends_parses_and_stands_in_the_headers_order() {
    let mut side = acceptor(json!({}));
    side.order(START_NS, "one").unwrap();
    let said = side.said();
    assert_eq!(said.len(), 1);
    let start = "8=FIX.4.4|9=89|35=D|34=2|49=ISLD|52=20260115-14:30:00.000|56=TW|11=one|55=AAPL|54=1|38=100|10=";
    assert!(said[0].starts_with(&start.replace("9=89", &format!("9={}", value(&said[0], 9).unwrap()))), "{}", said[0]);
    let mut fields = Fields::default();
    let bytes = said[0].replace('|', "\x01").into_bytes();
    assert_eq!(fields.read(&bytes, &DataFields::standard()), Ok(()));
}

#[test]
fn heartbeats_keep_an_idle_pair_up_and_silence_ends_it() {
    let mut pair = Pair::new(json!({"heartbeat_s": 5}));
    pair.connect();
    assert!(pair.is_up());
    pair.pass(120 * SECOND);
    assert!(pair.is_up());
    let (_, before) = pair.initiator.session.numbers();
    assert!((20..=30).contains(&before), "a heartbeat each five seconds: {before}");
    // The acceptor hears nothing more: a test request, then the end.
    for _ in 0..130 {
        pair.now_ns += SECOND / 10;
        pair.acceptor.passes(pair.now_ns);
    }
    assert_eq!(pair.acceptor.session.ended(), Some(End::Silence));
    assert_eq!(pair.acceptor.session.counts().get(Count::TestRequests), 1);
}

#[test]
fn a_test_request_is_answered_with_its_name() {
    let mut side = acceptor(json!({}));
    side.hears(START_NS, &from_tw(START_NS, "1", 2, |body| body.field(112, b"HELLO").at()));
    let said = side.said();
    assert_eq!((value(&said[0], 35), value(&said[0], 112)), (Some("0"), Some("HELLO")));
}

#[test]
fn both_sides_log_out_and_the_numbers_go_on() {
    let mut pair = Pair::new(json!({}));
    pair.connect();
    pair.initiator.order(pair.now_ns, "one").unwrap();
    pair.run();
    pair.initiator.session.log_out(pair.now_ns, "done");
    pair.run();
    assert_eq!(pair.initiator.session.ended(), Some(End::LoggedOut));
    assert_eq!(pair.acceptor.session.ended(), Some(End::LoggedOut));
    assert_eq!(pair.initiator.session.numbers(), (3, 4));
    assert_eq!(pair.acceptor.session.numbers(), (4, 3));
    pair.connect();
    assert!(pair.is_up());
    assert_eq!(pair.acceptor.session.counts().get(Count::TooHigh), 0);
    assert_eq!(
        pair.initiator.session.send(pair.now_ns, b"D", |body| body.field(11, b"a\x01b").at()),
        Err(SendError::Unfit)
    );
}

#[test]
fn nothing_is_sent_without_a_session() {
    let mut pair = Pair::new(json!({}));
    assert_eq!(pair.initiator.order(START_NS, "one"), Err(SendError::NotUp));
    assert_eq!(pair.initiator.session.numbers(), (1, 1));
}

#[test]
fn a_side_that_does_not_read_ends_the_session_and_nothing_is_lost() {
    let more = json!({"output_bytes": 4096, "message_bytes_max": 1024, "ahead_bytes_max": 4096, "replay_order_age_ns_max": u64::MAX});
    let mut pair = Pair::new(more);
    pair.connect();
    let mut sent = 0;
    let refused = loop {
        match pair.initiator.order(pair.now_ns, &format!("o{sent}")) {
            Ok(_) => sent += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(refused, SendError::Overflow);
    assert_eq!(pair.initiator.session.ended(), Some(End::Overflow));
    pair.cut();
    pair.connect();
    let expected: Vec<String> = (0..sent).map(|at| format!("o{at}")).collect();
    assert_eq!(pair.acceptor.orders(), expected);
}

#[test]
fn every_error_of_a_profile_is_told_at_once() {
    let mut errors = Vec::new();
    let table =
        json!({"begin_string": "FIX.9.9", "sender_comp_id": "", "target_comp_id": "B", "heartbeat_s": -1, "x": 1});
    assert!(Profile::read(&table, "p", "", &mut errors).is_none());
    assert_eq!(errors.len(), 4, "{errors:?}");
    let table = json!({
        "begin_string": "FIX.4.2", "sender_comp_id": "A", "target_comp_id": "B", "default_appl_ver_id": "9",
        "default_appl_ext_id": 97, "next_expected": true, "output_bytes": 4096, "ahead_bytes_max": 4096
    });
    let (mut none, mut errors) = (Vec::new(), Vec::new());
    Profile::read(&table, "p", "", &mut none).expect("each value is right").errors("p", &mut errors);
    assert_eq!(errors.len(), 5, "{errors:?}");
}
