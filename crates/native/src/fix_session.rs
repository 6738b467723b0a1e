//! `meridian._native.venues.FixSession`: a FIX session for Python, without its socket: bytes and time in, bytes and messages out.
//!
//! Invariant: bytes may come in any pieces; a message is handed out once, in its turn.

use std::path::PathBuf;
use std::rc::Rc;

use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use sessions::fix::{
    Answer, Application, Count, DictionaryRules, FileLog, Hours, Inbound, JournalSize, JournalStore, LogSize,
    MemoryStore, NUMBER_MAX, Profile, SendError, Session, State, Store,
};
use tiles::{RealStorage, Setting};
use venues::fix::HoursSettings;
use wire::fix::{Fields, Framed, Garbled, Message, Validation, frame};

/// A store for cold use: a day of a person's or a test's messages.
const SIZE: JournalSize = JournalSize { segment_bytes: 1 << 20, segments_max: 256, messages_max: 1 << 18 };
const MEMORY_BYTES: usize = 64 << 20;

/// MsgType, number, whether it may be a duplicate, the message.
type Taken = (Vec<u8>, u64, bool, Vec<u8>);

#[derive(Default)]
struct Inbox {
    taken: Vec<Taken>,
    texts: Vec<String>,
}

impl Application for Inbox {
    fn on_message(&mut self, _: &mut Session, _: u64, inbound: &Inbound<'_>) -> Answer {
        let message = &inbound.message;
        self.taken.push((message.kind().to_vec(), inbound.sequence, inbound.poss_dup, message.bytes().to_vec()));
        Answer::Taken
    }

    fn on_session_message(&mut self, _: &mut Session, _: u64, message: &Message<'_>) {
        if let Some(text) = message.get(58) {
            self.texts.push(String::from_utf8_lossy(text).into_owned());
        }
    }
}

/// A profile and its hours; else everything that is wrong with them.
fn read(profile_json: &str, hours_json: Option<&str>, place: &str) -> Result<(Profile, Option<Hours>), Vec<String>> {
    let parsed = |text: &str| serde_json::from_str(text).map_err(|error| vec![format!("{place}: {error}")]);
    let mut errors = Vec::new();
    let profile = Profile::read(&parsed(profile_json)?, place, "a table", &mut errors);
    if let Some(profile) = &profile {
        profile.errors(place, &mut errors);
    }
    let mut hours = None;
    if let Some(text) = hours_json {
        let place = format!("{place}.hours");
        match HoursSettings::read(&parsed(text)?, &place, "a table", &mut errors).map(|read| read.hours()) {
            Some(Ok(found)) => hours = Some(found),
            Some(Err(found)) => errors.extend(found.into_iter().map(|error| format!("{place}.{error}"))),
            None => {}
        }
    }
    profile.filter(|_| errors.is_empty()).map(|profile| (profile, hours)).ok_or(errors)
}

/// Why a message was not sent, in words.
fn not_sent(error: SendError) -> PyErr {
    PyRuntimeError::new_err(match error {
        SendError::NotUp => "not sent: the session is not logged on",
        SendError::Unfit => "not sent: the message is longer than message_bytes_max, or a value holds a field's end",
        SendError::Overflow => "not sent: the other side does not read; the session has ended",
        SendError::StoreFailed => "not sent: the store cannot keep it; the session has ended",
        SendError::Throttled => "not sent: it is beyond out_messages_max",
    })
}

/// One session.
#[pyclass(name = "FixSession", unsendable)]
pub(crate) struct PyFixSession {
    session: Session,
    inbox: Inbox,
    fields: Fields,
    input: Vec<u8>,
    message_bytes_max: usize,
}

#[pymethods]
impl PyFixSession {
    #[new]
    #[pyo3(signature = (profile_json, now_ns, *, directory = None, rules = None, hours_json = None, log_directory = None))]
    fn new(
        profile_json: &str,
        now_ns: u64,
        directory: Option<PathBuf>,
        rules: Option<&crate::fix::FixDictionary>,
        hours_json: Option<&str>,
        log_directory: Option<PathBuf>,
    ) -> PyResult<Self> {
        let (profile, hours) =
            read(profile_json, hours_json, "profile").map_err(|errors| PyValueError::new_err(errors.join("\n")))?;
        let store: Box<dyn Store> = match directory {
            None => Box::new(MemoryStore::with_capacity(SIZE.messages_max, MEMORY_BYTES, now_ns)),
            Some(directory) => {
                let storage = RealStorage::new(&directory).map_err(|error| PyOSError::new_err(error.to_string()))?;
                let opened = JournalStore::open(Rc::new(storage), "fix", SIZE, now_ns);
                Box::new(opened.map_err(|error| PyOSError::new_err(error.0))?)
            }
        };
        let rules = rules.map(|dictionary| {
            let rules = DictionaryRules::new(Rc::new(dictionary.inner.clone()), Validation::FULL);
            Rc::new(rules) as Rc<dyn sessions::fix::Rules>
        });
        let message_bytes_max = profile.message_bytes_max;
        let mut session = Session::new(profile, store, rules);
        if let Some(hours) = hours {
            session = session.with_hours(hours);
        }
        if let Some(directory) = log_directory {
            let failed = |error: std::io::Error| PyOSError::new_err(error.to_string());
            let storage = RealStorage::new(&directory).map_err(failed)?;
            let log = FileLog::open(Rc::new(storage), "messages", LogSize::default()).map_err(failed)?;
            session = session.with_log(Box::new(log));
        }
        Ok(Self { session, inbox: Inbox::default(), fields: Fields::default(), input: Vec::new(), message_bytes_max })
    }

    /// Everything that is wrong with a profile and its hours, a sentence each, by their keys under `place`.
    #[staticmethod]
    #[pyo3(signature = (profile_json, hours_json = None, place = "profile"))]
    fn errors(profile_json: &str, hours_json: Option<&str>, place: &str) -> Vec<String> {
        read(profile_json, hours_json, place).err().unwrap_or_default()
    }

    /// A connection is made.
    fn connect(&mut self, now_ns: u64) -> PyResult<()> {
        if self.session.state() != State::Down {
            return Err(PyRuntimeError::new_err("the session has a connection already"));
        }
        self.input.clear();
        self.session.connect(now_ns);
        Ok(())
    }

    /// The connection is gone.
    fn disconnected(&mut self, now_ns: u64) {
        self.session.disconnected(now_ns);
    }

    /// Bytes came in; returns the messages of the application in their turn.
    fn receive(&mut self, now_ns: u64, bytes: &[u8]) -> Vec<Taken> {
        self.input.extend_from_slice(bytes);
        let input = std::mem::take(&mut self.input);
        let mut at = 0;
        while self.session.state() != State::Down {
            match frame(&input[at..], self.message_bytes_max) {
                Framed::Message { length } => {
                    let message = &input[at..at + length];
                    self.session.receive(now_ns, message, &mut self.fields, &mut self.inbox);
                    at += length;
                }
                Framed::Garbled { skip, why } => {
                    if why == Garbled::TooLong {
                        let most = self.message_bytes_max;
                        self.inbox
                            .texts
                            .push(format!("a message longer than message_bytes_max = {most} was left behind"));
                    }
                    self.session.garbled();
                    at += skip;
                }
                Framed::Incomplete => break,
            }
        }
        self.input = input[at..].to_vec();
        std::mem::take(&mut self.inbox.taken)
    }

    /// Time passes: heartbeats, test requests, patience, replays.
    fn on_time(&mut self, now_ns: u64) {
        self.session.on_time(now_ns, &mut self.inbox);
    }

    /// Bytes for the socket; they are taken.
    fn output<'py>(&mut self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let bytes = PyBytes::new(py, self.session.output());
        self.session.written(bytes.as_bytes().len());
        bytes
    }

    /// Sends a message of the application; returns its number.
    fn send(&mut self, now_ns: u64, kind: &[u8], fields: Vec<(u32, Vec<u8>)>) -> PyResult<u64> {
        let sent = self.session.send(now_ns, kind, |body| {
            for (tag, value) in &fields {
                body.field(*tag, value);
            }
        });
        sent.map_err(not_sent)
    }

    /// Says goodbye.
    fn log_out(&mut self, now_ns: u64, text: &str) {
        self.session.log_out(now_ns, text);
    }

    /// Sends a TestRequest under this name.
    fn ask_whether_there(&mut self, now_ns: u64, name: &[u8]) -> PyResult<()> {
        self.session.ask_whether_there(now_ns, name).map_err(not_sent)
    }

    /// Sends a ResendRequest for what was taken before, to see it once more; `end` 0: all from `begin` on.
    fn ask_for(&mut self, now_ns: u64, begin: u64, end: u64) -> PyResult<()> {
        self.session.ask_for(now_ns, begin, end).map_err(not_sent)
    }

    /// Begins both numbers at 1 by a logon that asks for it.
    fn reset_numbers(&mut self, now_ns: u64) -> PyResult<()> {
        self.session.reset_numbers(now_ns).map_err(not_sent)
    }

    /// The next logon, and that one alone, begins both numbers at 1.
    fn reset_at_next_logon(&mut self) {
        self.session.reset_at_next_logon();
    }

    /// Takes both numbers to where a person says they stand; `outgoing` 1 with `incoming` 1 begins anew. Between connections.
    fn set_numbers(&mut self, now_ns: u64, incoming: u64, outgoing: u64) -> PyResult<()> {
        if self.session.state() != State::Down {
            return Err(PyRuntimeError::new_err("numbers are set between connections; log out first"));
        }
        if incoming == 0 || outgoing == 0 {
            return Err(PyValueError::new_err("numbers begin at 1"));
        }
        if incoming.max(outgoing) >= NUMBER_MAX {
            return Err(PyValueError::new_err(format!(
                "numbers = {incoming}, {outgoing}: allowed are those below {NUMBER_MAX}"
            )));
        }
        if outgoing < self.session.numbers().1 {
            let full = |_| PyRuntimeError::new_err("the store cannot keep the beginning");
            self.session.begin_anew(now_ns).map_err(full)?;
        }
        self.session.set_numbers(incoming, outgoing);
        Ok(())
    }

    /// Texts of rejects and logouts that came in; they are taken.
    fn texts(&mut self) -> Vec<String> {
        std::mem::take(&mut self.inbox.texts)
    }

    /// down, waiting, logon_sent, up or logout_sent.
    #[getter]
    fn state(&self) -> &'static str {
        match self.session.state() {
            State::Down => "down",
            State::Waiting => "waiting",
            State::LogonSent => "logon_sent",
            State::Up => "up",
            State::LogoutSent => "logout_sent",
        }
    }

    /// Why the last connection ended, or None.
    #[getter]
    fn ended(&self) -> Option<&'static str> {
        self.session.ended().map(sessions::fix::End::name)
    }

    /// The number expected next, and the one sent next.
    #[getter]
    fn numbers(&self) -> (u64, u64) {
        self.session.numbers()
    }

    /// What was counted, by name.
    #[getter]
    fn counts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let counts = PyDict::new(py);
        for count in Count::ALL {
            counts.set_item(count.name(), self.session.counts().get(*count))?;
        }
        Ok(counts)
    }
}
