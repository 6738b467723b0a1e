//! What any bytes must leave whole: the codec's answers, and a session that hears them in pieces.
//!
//! An input is what one connection sends. Outcomes are words: how bytes were framed, what was wrong with a message, how the
//! session answered and ended. A fuzzer keeps the inputs that lead to new ones.
//!
//! Invariant: whatever comes in, memory is bounded, numbers only grow but for resets, the application hears each number once
//! and in order, and what goes out are whole messages with numbers that were used.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::json;
use sessions::ByteQueue;
use sessions::fix::{
    Answer, Application, Count, DictionaryRules, End, Inbound, MemoryStore, Profile, Rules, Session, State,
};
use tiles::Setting;
use wire::fix::{DataFields, Dictionary, Fields, Framed, Message, SOH, Validation, Version, frame};

pub const SECOND: u64 = 1_000_000_000;
/// 2026-01-15 14:30:00 UTC.
pub const START_NS: u64 = 1_768_487_400 * SECOND;
pub const MESSAGE_BYTES_MAX: usize = 4096;
const STEPS_MAX: usize = 2_000;

/// What an input led to.
pub type Outcomes = BTreeSet<String>;

/// What the application heard: numbers, in order.
#[derive(Clone, Default)]
struct Heard(Rc<RefCell<Vec<u64>>>);

impl Application for Heard {
    fn on_message(&mut self, session: &mut Session, now_ns: u64, inbound: &Inbound<'_>) -> Answer {
        self.0.borrow_mut().push(inbound.sequence);
        // Every third is answered with its own name, so that there is something to be given again.
        if inbound.sequence.is_multiple_of(3) {
            let name = inbound.message.get(11).unwrap_or(b"none").to_vec();
            let _refused_where_unfit = session.send(now_ns, b"D", |body| {
                body.field(11, &name).field(55, b"A").field(54, b"1").unsigned(38, 1);
            });
        }
        match inbound.message.kind() {
            b"8" => Answer::Unsupported,
            b"F" => Answer::Refused { reason: 5, tag: 41 },
            _ => Answer::Taken,
        }
    }
}

/// Dictionaries and tables that are kept over inputs.
pub struct Harness {
    dictionary: Rc<Dictionary>,
    data: DataFields,
    reused: Fields,
}

impl Harness {
    pub fn new() -> Self {
        let dictionary = Rc::new(Version::Fix44.dictionary());
        let data = dictionary.data_fields().clone();
        Self { dictionary, data, reused: Fields::new(64) }
    }

    /// Runs an input; `seed` cuts it into pieces and chooses the session's rules.
    ///
    /// # Panics
    /// When something that must hold does not.
    pub fn run(&mut self, input: &[u8], seed: u64) -> Outcomes {
        let mut outcomes = Outcomes::new();
        self.codec(input, &mut outcomes);
        self.session(input, seed, &mut outcomes);
        outcomes
    }

    /// Frames, fields and the dictionary's answers.
    fn codec(&mut self, input: &[u8], outcomes: &mut Outcomes) {
        let mut rest = input;
        while !rest.is_empty() {
            match frame(rest, MESSAGE_BYTES_MAX) {
                Framed::Incomplete => break,
                Framed::Garbled { skip, why } => {
                    assert!(
                        (1..=rest.len()).contains(&skip),
                        "at least one byte is left behind, and no more than there are"
                    );
                    outcomes.insert(format!("garbled {}", why.name()));
                    rest = &rest[skip..];
                }
                Framed::Message { length } => {
                    self.message(&rest[..length], outcomes);
                    rest = &rest[length..];
                }
            }
        }
        // Bytes that nobody framed are read all the same.
        self.message(input, outcomes);
    }

    fn message(&mut self, bytes: &[u8], outcomes: &mut Outcomes) {
        let read = self.reused.read(bytes, &self.data);
        let mut fresh = Fields::new(64);
        assert_eq!(read, fresh.read(bytes, &self.data), "what was read before changes nothing");
        assert_eq!(self.reused.as_slice(), fresh.as_slice());
        let message = self.reused.message(bytes);
        match read {
            Err(error) => drop(outcomes.insert(format!("fields {:?}", error.fault))),
            Ok(()) => assert_eq!(joined(&message), bytes, "nothing lies between the fields"),
        }
        for (name, rules) in [("full", Validation::FULL), ("none", Validation::NONE)] {
            if let Err(reject) = self.dictionary.validate(&message, &rules) {
                outcomes.insert(format!("dictionary {name} {}", reject.text()));
            }
        }
        for field in message.fields() {
            let (value, known) = (message.value(*field), message.decimal_nanos(*field));
            assert_eq!(known, wire::fix::decimal_nanos(value), "two ways, one number");
            assert_eq!(message.integer(*field), wire::fix::integer(value), "two ways, one number");
        }
    }

    fn session(&self, input: &[u8], seed: u64, outcomes: &mut Outcomes) {
        let strict = seed.is_multiple_of(3);
        let rules: Option<Rc<dyn Rules>> =
            strict.then(|| Rc::new(DictionaryRules::new(self.dictionary.clone(), Validation::FULL)) as Rc<dyn Rules>);
        let store = MemoryStore::with_capacity(64, 16 << 10, START_NS);
        let mut session = Session::new(profile(seed), Box::new(store), rules);
        let (heard, mut fields, mut chance) = (Heard::default(), Fields::default(), seed);
        let mut queue = ByteQueue::with_capacity(2 * MESSAGE_BYTES_MAX);
        let (mut rest, mut now_ns) = (input, START_NS);
        let mut watch = Watch { expected: session.numbers().0, heard: 0 };
        session.connect(now_ns);
        for _ in 0..STEPS_MAX {
            if session.state() == State::Down || rest.is_empty() {
                break;
            }
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let piece = (1 + (chance >> 33) as usize % 700).min(rest.len()).min(queue.room());
            queue.push(&[&rest[..piece]]);
            rest = &rest[piece..];
            while session.state() != State::Down {
                match frame(queue.as_slice(), MESSAGE_BYTES_MAX) {
                    Framed::Incomplete => break,
                    Framed::Garbled { skip, .. } => {
                        queue.consume(skip);
                        session.garbled();
                    }
                    Framed::Message { length } => {
                        let bytes = queue.as_slice()[..length].to_vec();
                        session.receive(now_ns, &bytes, &mut fields, &mut heard.clone());
                        queue.consume(length);
                    }
                }
                watch.look(&session, &heard);
            }
            now_ns += (chance >> 60) * SECOND / 4;
            session.on_time(now_ns, &mut heard.clone());
            watch.look(&session, &heard);
            said(&mut session, outcomes);
        }
        said(&mut session, outcomes);
        outcomes.insert(format!("end {}", session.ended().map_or("none", End::name)));
        for count in Count::ALL {
            let seen = session.counts().get(*count);
            if seen > 0 {
                outcomes.insert(format!("count {} {}", count.name(), seen.ilog2().min(4)));
            }
        }
    }
}

/// What must hold from one message to the next.
struct Watch {
    expected: u64,
    heard: usize,
}

impl Watch {
    fn look(&mut self, session: &Session, heard: &Heard) {
        let (incoming, _) = session.numbers();
        let heard = heard.0.borrow();
        for number in &heard[self.heard..] {
            let reset = *number == 1 || session.counts().get(Count::Resets) > 0;
            assert!(*number >= self.expected || reset, "{number} was heard where {} was expected", self.expected);
            self.expected = number + 1;
        }
        self.heard = heard.len();
        let reset = session.counts().get(Count::Resets) > 0;
        assert!(
            incoming >= self.expected || reset,
            "the number expected went back from {} to {incoming}",
            self.expected
        );
        if !reset {
            self.expected = incoming;
        }
    }
}

/// What the session said since, message by message.
fn said(session: &mut Session, outcomes: &mut Outcomes) {
    let bytes = session.output().to_vec();
    session.written(bytes.len());
    let (mut rest, mut fields) = (&bytes[..], Fields::default());
    while let Framed::Message { length } = frame(rest, MESSAGE_BYTES_MAX) {
        fields.read(&rest[..length], &DataFields::standard()).expect("what goes out is sound");
        let message = fields.message(&rest[..length]);
        let text = |tag| String::from_utf8_lossy(message.get(tag).unwrap_or(b"-")).into_owned();
        let kind = text(35);
        outcomes.insert(match kind.as_str() {
            "3" => format!("said 3 {} {}", text(373), text(371).chars().take(4).collect::<String>()),
            "j" => format!("said j {}", text(380)),
            "4" => format!("said 4 {}", text(123)),
            "2" => format!("said 2 {}", text(16) == "0"),
            _ => format!("said {kind} {}", text(43)),
        });
        rest = &rest[length..];
    }
    assert!(rest.is_empty(), "what goes out are whole messages: {}", rest.escape_ascii());
}

fn joined(message: &Message<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut end = 0;
    for field in message.fields() {
        bytes.extend_from_slice(&message.bytes()[end..field.end as usize]);
        bytes.push(SOH);
        end = field.end as usize + 1;
    }
    bytes
}

fn profile(seed: u64) -> Profile {
    let table = json!({
        "begin_string": "FIX.4.4", "sender_comp_id": "ISLD", "target_comp_id": "TW", "next_expected": seed.is_multiple_of(5),
        "message_bytes_max": MESSAGE_BYTES_MAX, "output_bytes": 4 * MESSAGE_BYTES_MAX, "ahead_messages_max": 4,
        "ahead_bytes_max": MESSAGE_BYTES_MAX, "resend_chunk": seed % 2 * 3, "resend_repeats_max": 4,
        "replay_messages_a_cycle": 2, "takes_reset": !seed.is_multiple_of(7), "reset_on_logout": seed.is_multiple_of(11),
    });
    let mut errors = Vec::new();
    Profile::read(&table, "profile", "", &mut errors).unwrap_or_else(|| panic!("{errors:?}"))
}

/// The bytes of a line, as `escape_ascii` wrote them.
pub fn unescaped(line: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), line.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let (letter, after) = rest.split_first().expect("a letter follows");
        rest = after;
        bytes.push(match letter {
            b't' => b'\t',
            b'r' => b'\r',
            b'n' => b'\n',
            b'x' => {
                let digits = std::str::from_utf8(&rest[..2]).expect("two digits");
                rest = &rest[2..];
                u8::from_str_radix(digits, 16).expect("two digits")
            }
            other => *other,
        });
    }
    bytes
}
