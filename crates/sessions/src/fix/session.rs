//! The session itself: its state, what it sends, and what time does to it.
//!
//! Invariant: a number is used once, and only for bytes that the store has kept first (messages of the application) or will
//! pass over (the session's own); a session that cannot keep what it sends ends before it sends it.

use std::rc::Rc;

use wire::fix::{Builder, DataFields, DayCache, Header, Message};

use super::counts::{Count, Counts, End};
use super::hours::Hours;
use super::message_log::{Direction, MessageLog};
use super::profile::{Profile, Version};
use super::queue::AheadQueue;
use super::rate::Rate;
use super::recover::{Gap, Replay};
use super::store::{Numbers, Store, StoreFailed};
use crate::ByteQueue;

/// Of a text of theirs that is kept.
const WORDS_BYTES: usize = 112;

/// Where the session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No connection, or one that is to be closed when its output is written.
    Down,
    /// Connected; the other side logs on first.
    Waiting,
    /// Our logon is sent.
    LogonSent,
    /// Logged on by both sides.
    Up,
    /// Our logout is sent.
    LogoutSent,
}

/// What is wrong with a message, by the standard's reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// SessionRejectReason (373).
    pub reason: u16,
    /// RefTagID (371); 0: none in particular.
    pub tag: u32,
}

/// What messages must look like: a dictionary and how strictly it is kept.
pub trait Rules {
    /// Looks at a message.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    fn check(&self, message: &Message<'_>) -> Result<(), Fault>;
    /// Which fields hold data.
    fn data_fields(&self) -> &DataFields;
}

/// A message of the application, in its turn.
#[derive(Clone, Copy, Debug)]
pub struct Inbound<'a> {
    /// The message with its fields.
    pub message: Message<'a>,
    /// Its number.
    pub sequence: u64,
    /// PossDupFlag: it may have been sent before under this number, and was not taken then.
    pub poss_dup: bool,
    /// PossResend: its content may have been sent before under another number.
    pub poss_resend: bool,
}

/// What the application makes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is taken.
    Taken,
    /// The application knows no such message: a business reject says so (before FIX.4.2, a reject).
    Unsupported,
    /// A business reject with this reason (380); of reason 5, the tag that is missing.
    Refused {
        /// BusinessRejectReason.
        reason: u16,
        /// The tag that is missing, or 0.
        tag: u32,
    },
    /// A session reject.
    Fault(Fault),
    /// A business reject of an application that takes nothing now (380=4), in these words.
    NotNow(&'static str),
}

/// The application behind a session.
pub trait Application {
    /// Whether this logon may be taken; `Err` is told to the other side before the connection ends.
    ///
    /// # Errors
    /// Why not, in a few words.
    fn may_log_on(&mut self, logon: &Message<'_>) -> Result<(), &'static str> {
        let _ = logon;
        Ok(())
    }
    /// The session is up.
    fn on_logon(&mut self, session: &mut Session, now_ns: u64) {
        let _ = (session, now_ns);
    }
    /// A message in its turn, once.
    fn on_message(&mut self, session: &mut Session, now_ns: u64, inbound: &Inbound<'_>) -> Answer;
    /// A message of the session's own: a reject or a logout with its text, for people.
    fn on_session_message(&mut self, session: &mut Session, now_ns: u64, message: &Message<'_>) {
        let _ = (session, now_ns, message);
    }
    /// Whether a message that is asked for is given again; else it is passed over.
    fn may_replay(&mut self, kind: &[u8], message: &[u8], age_ns: u64) -> bool {
        let _ = (kind, message, age_ns);
        true
    }
}

/// Why a message was not sent. It has no number then and reached nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The session is not up.
    NotUp,
    /// The message is longer than allowed, or a value holds a field's end.
    Unfit,
    /// The other side does not read; the session has ended.
    Overflow,
    /// The store cannot keep it; the session has ended.
    StoreFailed,
    /// It is beyond the rate that the profile allows.
    Throttled,
}

/// One session, either side.
pub struct Session {
    pub(super) profile: Profile,
    pub(super) version: Version,
    pub(super) header: Header,
    pub(super) rules: Option<Rc<dyn Rules>>,
    pub(super) data: DataFields,
    pub(super) store: Box<dyn Store>,
    pub(super) hours: Option<Hours>,
    pub(super) state: State,
    pub(super) end: Option<End>,
    /// Number expected next; the store's, at hand.
    pub(super) next_in: u64,
    /// Number sent next; the store's, at hand.
    pub(super) next_out: u64,
    pub(super) heartbeat_ns: u64,
    pub(super) since_ns: u64,
    pub(super) last_sent_ns: u64,
    pub(super) last_heard_ns: u64,
    /// Their SendingTime, as it was read last.
    pub(super) last_time: DayCache,
    /// Test requests sent since something was heard.
    pub(super) tests: u64,
    /// Our next logon asks for a reset, whatever the profile says.
    pub(super) resets_next: bool,
    /// Our logon asked for a reset.
    pub(super) sent_reset: bool,
    /// After a serious fault nothing but the answer to our logout is looked at.
    pub(super) deaf: bool,
    pub(super) gap: Option<Gap>,
    pub(super) ahead: AheadQueue,
    /// The message that is taken from `ahead`.
    pub(super) ahead_bytes: Vec<u8>,
    pub(super) replay: Option<Replay>,
    /// First number of the last resend request, and how often it was asked for.
    pub(super) asked: (u64, u64, u32),
    pub(super) scratch: Vec<u8>,
    pub(super) output: ByteQueue,
    pub(super) counts: Counts,
    pub(super) out_rate: Rate,
    pub(super) in_rate: Rate,
    /// What their last logout, or the reject of our logon, said (58): its beginning.
    words: Words,
    log: Option<Box<dyn MessageLog>>,
}

/// The beginning of a text of theirs.
#[derive(Clone, Copy)]
struct Words([u8; WORDS_BYTES], usize);

impl Session {
    /// A session without a connection, going on with the store's numbers.
    pub fn new(profile: Profile, store: Box<dyn Store>, rules: Option<Rc<dyn Rules>>) -> Self {
        let mut header = Header::new(&profile.begin_string, &profile.sender_comp_id, &profile.target_comp_id)
            .with_precision(profile.precision());
        for (tag, value) in [(50, &profile.sender_sub_id), (57, &profile.target_sub_id)] {
            if !value.is_empty() {
                header = header.with(tag, value.as_bytes());
            }
        }
        let Numbers { incoming, outgoing, .. } = store.numbers();
        let scratch = vec![0; profile.message_bytes_max + header.room()];
        let mut counts = Counts::default();
        counts.set(Count::StoreDamaged, store.damaged());
        let out_rate = Rate::new(profile.out_messages_max, profile.out_window_ns);
        let in_rate = Rate::new(profile.in_messages_max, profile.in_window_ns);
        let data = rules.as_ref().map_or_else(DataFields::standard, |rules| rules.data_fields().clone());
        Self {
            version: profile.version(),
            header,
            rules,
            data,
            store,
            hours: None,
            state: State::Down,
            end: None,
            next_in: incoming,
            next_out: outgoing,
            heartbeat_ns: u64::from(profile.heartbeat_s) * 1_000_000_000,
            since_ns: 0,
            last_sent_ns: 0,
            last_heard_ns: 0,
            last_time: DayCache::default(),
            tests: 0,
            resets_next: false,
            sent_reset: false,
            deaf: false,
            gap: None,
            ahead: AheadQueue::with_capacity(profile.ahead_messages_max, profile.ahead_bytes_max),
            ahead_bytes: Vec::with_capacity(profile.message_bytes_max),
            replay: None,
            asked: (0, 0, 0),
            scratch,
            output: ByteQueue::with_capacity(profile.output_bytes),
            counts,
            out_rate,
            in_rate,
            words: Words([0; WORDS_BYTES], 0),
            log: None,
            profile,
        }
    }

    /// Keeps these hours.
    #[must_use]
    pub fn with_hours(mut self, hours: Hours) -> Self {
        self.hours = Some(hours);
        self
    }

    /// Writes every message down.
    #[must_use]
    pub fn with_log(mut self, log: Box<dyn MessageLog>) -> Self {
        self.log = Some(log);
        self
    }

    /// Where the session stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// Why the last connection ended; `None` while there is one, or before the first.
    pub fn ended(&self) -> Option<End> {
        self.end
    }

    /// What their last logout of this connection, or the reject of our logon, said (58): its beginning.
    pub fn last_words(&self) -> &[u8] {
        &self.words.0[..self.words.1]
    }

    /// Keeps what they say at the end.
    pub(super) fn note_words(&mut self, message: &Message<'_>) {
        let text = message.get(58).unwrap_or_default();
        let length = text.len().min(WORDS_BYTES);
        self.words.0[..length].copy_from_slice(&text[..length]);
        self.words.1 = length;
    }

    /// What it was told about its counterparty.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// What it counted.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The number expected next, and the one sent next.
    pub fn numbers(&self) -> (u64, u64) {
        (self.next_in, self.next_out)
    }

    /// When both numbers began at 1, ns UTC.
    pub fn numbers_began_ns(&self) -> u64 {
        self.store.numbers().created_ns
    }

    /// Bytes that the output still takes: a message that does not fit ends the session.
    pub fn output_room(&self) -> usize {
        self.output.room()
    }

    /// Whether the store has no place for a further message: what is sent next ends the session.
    pub fn is_store_full(&mut self) -> bool {
        self.store.is_full()
    }

    /// Whether messages are missing and asked for.
    pub fn has_gap(&self) -> bool {
        self.gap.is_some()
    }

    /// Whether messages that were asked for are still to be given again.
    pub fn is_replaying(&self) -> bool {
        self.replay.is_some()
    }

    /// A connection is made. An initiator logs on; an acceptor waits for the logon.
    ///
    /// # Panics
    /// When there is one already.
    pub fn connect(&mut self, now_ns: u64) {
        assert_eq!(self.state, State::Down, "one connection at a time");
        self.output.clear();
        self.ahead.clear();
        (self.end, self.gap, self.replay, self.asked) = (None, None, None, (0, 0, 0));
        (self.tests, self.sent_reset, self.deaf, self.words.1) = (0, false, false, 0);
        (self.since_ns, self.last_sent_ns, self.last_heard_ns) = (now_ns, now_ns, now_ns);
        if !self.is_open(now_ns) {
            return self.end(End::OutOfHours);
        }
        self.begin_new_day(now_ns);
        self.state = State::Waiting;
        if self.profile.initiator {
            self.heartbeat_ns = u64::from(self.profile.heartbeat_s) * 1_000_000_000;
            self.send_first_logon(now_ns);
        }
    }

    /// The connection is gone.
    pub fn disconnected(&mut self, now_ns: u64) {
        if self.state != State::Down {
            self.end(End::Disconnected);
        }
        if self.profile.reset_on_disconnect {
            let _kept_as_they_were = self.reset(now_ns);
        }
    }

    /// Says goodbye; the connection ends when the other side has answered.
    pub fn log_out(&mut self, now_ns: u64, text: &str) {
        if self.state == State::Up {
            self.send_logout(now_ns, text);
        } else if self.state != State::LogoutSent {
            self.end(End::LoggedOut);
        }
    }

    /// Sends a message of the application: `kind` is its MsgType, `body` writes its fields. Returns its number.
    ///
    /// # Errors
    /// [`SendError`]: nothing was sent, and no number was used.
    pub fn send(&mut self, now_ns: u64, kind: &[u8], body: impl FnOnce(&mut Builder<'_>)) -> Result<u64, SendError> {
        self.send_as(now_ns, kind, matches!(kind, b"F" | b"q" | b"Z"), body)
    }

    /// As [`Session::send`], of a message that only takes orders out of the market, whatever its type (a MassQuote of sizes of 0).
    ///
    /// # Errors
    /// [`SendError`]: nothing was sent, and no number was used.
    pub fn send_pull(
        &mut self,
        now_ns: u64,
        kind: &[u8],
        body: impl FnOnce(&mut Builder<'_>),
    ) -> Result<u64, SendError> {
        self.send_as(now_ns, kind, true, body)
    }

    fn send_as(
        &mut self,
        now_ns: u64,
        kind: &[u8],
        pulls: bool,
        body: impl FnOnce(&mut Builder<'_>),
    ) -> Result<u64, SendError> {
        if self.state != State::Up {
            self.counts.add(Count::SendsRefused);
            return Err(SendError::NotUp);
        }
        // What takes orders out of the market is never held up by our own caution.
        if !self.out_rate.passes(now_ns, pulls) {
            self.counts.add(Count::Throttled);
            self.counts.add(Count::SendsRefused);
            return Err(SendError::Throttled);
        }
        let sent = self.emit(now_ns, kind, true, body);
        if sent.is_err() {
            self.counts.add(Count::SendsRefused);
        }
        sent
    }

    /// Asks whether they are there: a TestRequest under this name, which a heartbeat answers.
    ///
    /// # Errors
    /// [`SendError::NotUp`].
    pub fn ask_whether_there(&mut self, now_ns: u64, name: &[u8]) -> Result<(), SendError> {
        if self.state != State::Up {
            return Err(SendError::NotUp);
        }
        self.counts.add(Count::TestRequests);
        self.send_own(now_ns, b"1", |body| {
            body.field(112, name);
        });
        Ok(())
    }

    /// Asks for messages as a person wants to see them once more (`end` 0: all from `begin` on). What was taken before counts as
    /// a duplicate and goes to nobody.
    ///
    /// # Errors
    /// [`SendError::NotUp`].
    pub fn ask_for(&mut self, now_ns: u64, begin: u64, end: u64) -> Result<(), SendError> {
        if self.state != State::Up {
            return Err(SendError::NotUp);
        }
        self.counts.add(Count::ResendsAsked);
        self.send_own(now_ns, b"2", |body| {
            body.unsigned(7, begin).unsigned(16, end);
        });
        Ok(())
    }

    /// Begins both numbers at 1 without ending the connection: a logon that asks for it (141=Y). For sessions that never
    /// close. Messages go on when the answer has come.
    ///
    /// # Errors
    /// [`SendError`] when the session is not up, or cannot send.
    pub fn reset_numbers(&mut self, now_ns: u64) -> Result<(), SendError> {
        if self.state != State::Up {
            return Err(SendError::NotUp);
        }
        self.reset(now_ns).map_err(|_| SendError::StoreFailed)?;
        (self.sent_reset, self.since_ns) = (true, now_ns);
        self.send_logon(now_ns, self.heartbeat_ns / 1_000_000_000, true, 1);
        if self.state != State::Down {
            self.state = State::LogonSent;
        }
        Ok(())
    }

    /// Takes both numbers to where a person says they stand. Only without a connection.
    ///
    /// # Panics
    /// While there is a connection, or when `outgoing` was used already.
    pub fn set_numbers(&mut self, incoming: u64, outgoing: u64) {
        assert_eq!(self.state, State::Down, "numbers are set between connections");
        self.store.set_incoming(incoming);
        self.store.set_outgoing(outgoing);
        (self.next_in, self.next_out) = (incoming, outgoing);
    }

    /// An initiator's next logon, and that one alone, begins both numbers at 1 (141=Y).
    pub fn reset_at_next_logon(&mut self) {
        self.resets_next = true;
    }

    /// Begins both numbers at 1. Only without a connection.
    ///
    /// # Errors
    /// [`StoreFailed`] when the store cannot keep the beginning.
    pub fn begin_anew(&mut self, now_ns: u64) -> Result<(), StoreFailed> {
        assert_eq!(self.state, State::Down, "numbers are set between connections");
        self.reset(now_ns)
    }

    /// Bytes for the socket.
    pub fn output(&self) -> &[u8] {
        self.output.as_slice()
    }

    /// The socket took so many.
    pub fn written(&mut self, count: usize) {
        self.output.consume(count);
    }

    /// What time alone causes: heartbeats, test requests, patience that is over, a replay that goes on.
    pub fn on_time(&mut self, now_ns: u64, application: &mut dyn Application) {
        match self.state {
            State::Down => return,
            State::Waiting | State::LogonSent => {
                if now_ns.saturating_sub(self.since_ns) > self.profile.logon_ns_max {
                    self.end(End::NoLogon);
                }
                return;
            }
            State::LogoutSent if now_ns.saturating_sub(self.since_ns) > self.profile.logout_ns_max => {
                return self.end(End::LogoutUnanswered);
            }
            State::Up if !self.is_open(now_ns) => self.send_logout(now_ns, "Out of session hours"),
            State::LogoutSent | State::Up => {}
        }
        if self.state == State::Up {
            self.keep_alive(now_ns);
        }
        self.ask_again(now_ns);
        self.pump(now_ns, application);
        self.store.maintain();
        if let Some(log) = &mut self.log {
            log.maintain(now_ns);
        }
    }

    fn keep_alive(&mut self, now_ns: u64) {
        let interval_ns = self.heartbeat_ns;
        if interval_ns == 0 {
            return;
        }
        let silent_ns = now_ns.saturating_sub(self.last_heard_ns);
        // A transmission may take a fifth of the interval; a test request is given as long as the silence before it.
        if silent_ns >= interval_ns / 5 * 12 {
            self.end(End::Silence);
        } else if silent_ns >= interval_ns / 5 * 6 * (self.tests + 1) {
            self.tests += 1;
            self.counts.add(Count::TestRequests);
            self.send_own(now_ns, b"1", |body| {
                body.field(112, b"TEST");
            });
        } else if now_ns.saturating_sub(self.last_sent_ns) >= interval_ns && self.tests == 0 {
            self.send_own(now_ns, b"0", |_| ());
        }
    }

    /// Whether the hours, if any, are open.
    pub(super) fn is_open(&self, now_ns: u64) -> bool {
        self.hours.as_ref().is_none_or(|hours| hours.open_since(now_ns).is_some())
    }

    /// Begins the numbers at 1 where they were last begun before the present session's opening.
    fn begin_new_day(&mut self, now_ns: u64) {
        let opened_ns = self.hours.as_ref().and_then(|hours| hours.open_since(now_ns));
        if opened_ns.is_some_and(|opened_ns| self.store.numbers().created_ns < opened_ns) {
            let _ended_if_not = self.reset(now_ns);
        }
    }

    /// Both numbers begin at 1.
    pub(super) fn reset(&mut self, now_ns: u64) -> Result<(), StoreFailed> {
        if self.store.reset(now_ns).is_err() {
            if self.state != State::Down {
                self.end(End::StoreFailed);
            }
            return Err(StoreFailed);
        }
        self.counts.add(Count::Resets);
        self.ahead.clear();
        (self.gap, self.replay, self.next_in, self.next_out) = (None, None, 1, 1);
        Ok(())
    }

    /// The connection is over; it is closed when the output is written.
    pub(super) fn end(&mut self, why: End) {
        self.state = State::Down;
        self.end.get_or_insert(why);
        (self.gap, self.replay) = (None, None);
        self.ahead.clear();
    }

    /// The message of the expected number is taken.
    pub(super) fn advance(&mut self) {
        self.next_in += 1;
        self.store.set_incoming(self.next_in);
    }

    /// Sends a message of the session's own, which is passed over when it is asked for again.
    pub(super) fn send_own(&mut self, now_ns: u64, kind: &[u8], body: impl FnOnce(&mut Builder<'_>)) {
        // Where it does not fit, the session has ended.
        let _ended_if_not = self.emit(now_ns, kind, false, body);
    }

    /// Says goodbye and waits for the answer.
    pub(super) fn send_logout(&mut self, now_ns: u64, text: &str) {
        self.send_own(now_ns, b"5", |body| {
            if !text.is_empty() {
                body.field(58, text.as_bytes());
            }
        });
        if self.state != State::Down {
            (self.state, self.since_ns) = (State::LogoutSent, now_ns);
        }
    }

    /// Says why, and ends without waiting for an answer.
    pub(super) fn end_saying(&mut self, now_ns: u64, text: &str, why: End) {
        self.send_own(now_ns, b"5", |body| {
            body.field(58, text.as_bytes());
        });
        self.end(why);
    }

    /// Builds, keeps, queues: in this order.
    pub(super) fn emit(
        &mut self,
        now_ns: u64,
        kind: &[u8],
        kept: bool,
        body: impl FnOnce(&mut Builder<'_>),
    ) -> Result<u64, SendError> {
        let sequence = self.next_out;
        let mut builder = Builder::new(&self.header, &mut self.scratch);
        builder.begin(kind);
        body(&mut builder);
        let fits = builder.finish(sequence, now_ns).ok().filter(|built| built.len() <= self.profile.message_bytes_max);
        let Some(message) = fits else { return Err(SendError::Unfit) };
        if self.output.room() < message.len() {
            self.end(End::Overflow);
            return Err(SendError::Overflow);
        }
        if kept && self.store.append(sequence, now_ns, message).is_err() {
            self.end_unkept(now_ns);
            return Err(SendError::StoreFailed);
        }
        if !kept {
            self.store.set_outgoing(sequence + 1);
        }
        let length = message.len();
        let queued = self.output.push(&[message]);
        assert!(queued, "its room was looked at above");
        self.note_out(now_ns, length);
        self.next_out = sequence + 1;
        self.last_sent_ns = now_ns;
        self.counts.add(Count::Out);
        Ok(sequence)
    }

    /// The store is full: says so, which needs no store, and ends.
    fn end_unkept(&mut self, now_ns: u64) {
        let sequence = self.next_out;
        let mut builder = Builder::new(&self.header, &mut self.scratch);
        builder.begin(b"5").field(58, b"Message store is full");
        if let Ok(message) = builder.finish(sequence, now_ns)
            && self.output.push(&[message])
        {
            let length = message.len();
            self.note_out(now_ns, length);
            self.store.set_outgoing(sequence + 1);
            self.next_out = sequence + 1;
        }
        self.end(End::StoreFailed);
    }
}

impl Session {
    /// Writes down what came.
    pub(super) fn note_in(&mut self, now_ns: u64, message: &[u8]) {
        if let Some(log) = &mut self.log
            && !log.write(now_ns, Direction::In, message)
        {
            self.counts.add(Count::LogLost);
        }
    }

    /// Writes down what was queued last, so many bytes.
    pub(super) fn note_out(&mut self, now_ns: u64, length: usize) {
        let end = self.output.as_slice().len();
        if let Some(log) = &mut self.log
            && !log.write(now_ns, Direction::Out, &self.output.as_slice()[end - length..])
        {
            self.counts.add(Count::LogLost);
        }
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = (&self.profile.sender_comp_id, &self.profile.target_comp_id);
        let mut shown = formatter.debug_struct("Session");
        shown.field("names", &names).field("state", &self.state).field("end", &self.end);
        shown.field("next_in", &self.next_in).field("next_out", &self.next_out).finish_non_exhaustive()
    }
}
