//! What a session counts, and why one ends.
//!
//! Invariant: nothing that is left out, refused or answered with a reject goes uncounted; each reason has its own counter.

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// What is counted. Places in [`Counts`]; appended, never renumbered.
        #[repr(usize)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Count { $($(#[$doc])* $name,)* }

        impl Count {
            /// All, in order.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// A word for counters and tables.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

counts! {
    /// Messages taken from the connection.
    In = "in",
    /// Messages sent, those given again not counted.
    Out = "out",
    /// Messages without sound fields, or whose third is not MsgType: ignored.
    Garbled = "garbled",
    /// Rejects (3) sent.
    Rejects = "rejects",
    /// Rejects (3) received.
    RejectsIn = "rejects_in",
    /// Business rejects (j) sent.
    BusinessRejects = "business_rejects",
    /// Logons refused.
    LogonsRefused = "logons_refused",
    /// Messages with a number above the expected one.
    TooHigh = "too_high",
    /// Messages with a number below it that are not marked as possible duplicates.
    TooLow = "too_low",
    /// Possible duplicates of what was taken already: left out.
    Duplicates = "duplicates",
    /// Messages ahead of a gap that found no room to wait.
    AheadFull = "ahead_full",
    /// Resend requests sent.
    ResendsAsked = "resends_asked",
    /// Resend requests received.
    Resends = "resends",
    /// Resend requests for nothing that was ever sent.
    ResendsEmpty = "resends_empty",
    /// Messages given again.
    Replayed = "replayed",
    /// Gap fills sent.
    GapFills = "gap_fills",
    /// Damage found in the store when it was opened, and messages not given again because of it.
    StoreDamaged = "store_damaged",
    /// Orders not given again because of their age.
    OrdersPassedOver = "orders_passed_over",
    /// Sequence resets and gap fills that would go backwards, or nowhere.
    ResetsRefused = "resets_refused",
    /// Refused logons whose text told the number to go on from.
    NumbersTaken = "numbers_taken",
    /// Test requests sent.
    TestRequests = "test_requests",
    /// Numbers begun at 1 again.
    Resets = "resets",
    /// Messages of the application that could not be sent.
    SendsRefused = "sends_refused",
    /// Of these, those beyond the rate that we keep.
    Throttled = "throttled",
    /// Messages of the application beyond the rate that they may keep.
    TooMany = "too_many",
    /// Messages that the message log had no room for.
    LogLost = "log_lost",
}

/// How often each was seen.
#[derive(Clone, Debug)]
pub struct Counts([u64; Count::ALL.len()]);

impl Default for Counts {
    fn default() -> Self {
        Self([0; Count::ALL.len()])
    }
}

impl Counts {
    /// One more.
    pub(super) fn add(&mut self, count: Count) {
        self.0[count as usize] += 1;
    }

    /// As it was found.
    pub(super) fn set(&mut self, count: Count, seen: u64) {
        self.0[count as usize] = seen;
    }

    /// How often this was seen.
    pub fn get(&self, count: Count) -> u64 {
        self.0[count as usize]
    }
}

/// Why a session's connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The connection broke or was closed by the other side.
    Disconnected,
    /// Logged out by both sides.
    LoggedOut,
    /// Our logout was not answered in time.
    LogoutUnanswered,
    /// No logon in time.
    NoLogon,
    /// The first message is no logon, or a logon is not sound.
    BadLogon,
    /// The logon was refused: name or password.
    NotAuthorized,
    /// Nothing was heard, a test request notwithstanding.
    Silence,
    /// A number below the expected one, not marked as a possible duplicate.
    TooLow,
    /// Our logon was refused for its number, below the one they expect: we have forgotten what we sent.
    OursTooLow,
    /// A message that the session's state does not allow, a second logon say.
    Unexpected,
    /// A message without a number.
    NoNumber,
    /// What is to be sent does not fit any more: the other side does not read.
    Overflow,
    /// The store cannot keep what is to be sent.
    StoreFailed,
    /// The same messages are asked for, or not given, again and again.
    ResendLoop,
    /// The two sides disagree about a reset of the numbers.
    ResetDisagreed,
    /// The profile takes no reset from the other side.
    ResetRefused,
    /// The session's hours are over.
    OutOfHours,
    /// They send more than their rate allows.
    TooMany,
}

impl End {
    /// A word for counters and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::LoggedOut => "logged_out",
            Self::LogoutUnanswered => "logout_unanswered",
            Self::NoLogon => "no_logon",
            Self::BadLogon => "bad_logon",
            Self::NotAuthorized => "not_authorized",
            Self::Silence => "silence",
            Self::TooLow => "too_low",
            Self::OursTooLow => "ours_too_low",
            Self::Unexpected => "unexpected",
            Self::NoNumber => "no_number",
            Self::Overflow => "overflow",
            Self::StoreFailed => "store_failed",
            Self::ResendLoop => "resend_loop",
            Self::ResetDisagreed => "reset_disagreed",
            Self::ResetRefused => "reset_refused",
            Self::OutOfHours => "out_of_hours",
            Self::TooMany => "too_many",
        }
    }
}
