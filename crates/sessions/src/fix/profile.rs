//! What a FIX session is told about its counterparty: the dialect, the numbers, the patience.
//!
//! Invariant: a profile that could be read is one that a session can keep; everything that is wrong with one is told at once.

use tiles::settings;
use wire::fix::Precision;

settings! {
    /// One session's rules, the same for both sides where not said otherwise.
    pub struct Profile {
        /// The version in tag 8.
        pub begin_string: String, "FIX.4.0, FIX.4.1, FIX.4.2, FIX.4.3, FIX.4.4 or FIXT.1.1",
            |version| Version::of(version).is_some();
        /// Our name in tag 49.
        pub sender_comp_id: String, "one to 64 printable characters", |name| named(name);
        /// Their name.
        pub target_comp_id: String, "one to 64 printable characters", |name| named(name);
        /// Our name in tag 50; empty: none is sent.
        pub sender_sub_id: String = String::new(), "up to 64 printable characters", |name| name.is_empty() || named(name);
        /// Their name in tag 57; empty: none is sent.
        pub target_sub_id: String = String::new(), "up to 64 printable characters", |name| name.is_empty() || named(name);
        /// The application's version over FIXT (tag 1137), by its code.
        pub default_appl_ver_id: String = String::new(), "a code of ApplVerID, from 2 to 10, or nothing",
            |code| code.is_empty() || code.parse::<u8>().is_ok_and(|code| (2..=10).contains(&code));
        /// The extension pack of the application's version over FIXT (tag 1407); 0: none is said.
        pub default_appl_ext_id: u32 = 0, "a whole number up to 65535, 0 for none", |pack| *pack <= 65_535;
        /// Whether we log on first.
        pub initiator: bool = false, "true or false";
        /// The initiator's interval; what an acceptor takes at most.
        pub heartbeat_s: u32 = 30, "a whole number of seconds from 0 to 3600", |seconds| *seconds <= 3_600;
        /// What an acceptor takes at most.
        pub heartbeat_s_max: u32 = 3_600, "a whole number of seconds from 1 to 86400", |s| (1..=86_400).contains(s);
        /// Numbers begin at 1 with each logon; an initiator says so (141=Y).
        pub reset_on_logon: bool = false, "true or false";
        /// Numbers begin at 1 after each logout.
        pub reset_on_logout: bool = false, "true or false";
        /// Numbers begin at 1 after each lost connection.
        pub reset_on_disconnect: bool = false, "true or false";
        /// Whether they may reset the numbers (141=Y) without our having asked.
        pub takes_reset: bool = true, "true or false";
        /// Whether an initiator whose logon is refused for its low number goes on from the one that the refusal's text expects: its
        /// store was lost. Otherwise a person sets the numbers.
        pub takes_expected: bool = false, "true or false";
        /// Logons carry NextExpectedMsgSeqNum (789); both sides then fill the gaps without being asked.
        pub next_expected: bool = false, "true or false";
        /// Whether SendingTime is compared with the clock.
        pub checks_sending_time: bool = true, "true or false";
        /// How far SendingTime may be off.
        pub sending_time_ns_max: u64 = 120_000_000_000, "a whole number of ns from 1000000 to 86400000000000",
            |ns| (1_000_000..=86_400_000_000_000).contains(ns);
        /// Digits of a second's fraction in our times; absent: what the version has.
        pub time_digits: Option<u32> = None, "0, 3, 6 or 9", |digits| digits.is_none_or(|digits| digits.is_multiple_of(3) && digits <= 9);
        /// Messages that one resend request asks for; 0: all that are missing.
        pub resend_chunk: u64 = 0, "a whole number up to 1000000", |messages| *messages <= 1_000_000;
        /// A gap that nothing fills for so long is asked for again.
        pub resend_ns_max: u64 = 10_000_000_000, "a whole number of ns from 1000000 to 3600000000000",
            |ns| (1_000_000..=3_600_000_000_000).contains(ns);
        /// The same messages are asked for, or given, so often without progress; then the session ends.
        pub resend_repeats_max: u32 = 16, "a whole number from 1 to 1000", |repeats| (1..=1_000).contains(repeats);
        /// Messages given again in one cycle at most, so that live ones pass.
        pub replay_messages_a_cycle: u32 = 256, "a whole number from 1 to 65536", |messages| (1..=65_536).contains(messages);
        /// Orders and what changes them are given again only while they are younger; older ones are passed over. Absent: an
        /// acceptor gives all again, an initiator none.
        pub replay_order_age_ns_max: Option<u64> = None, "a whole number of ns";
        /// Messages that may wait ahead of a gap.
        pub ahead_messages_max: usize = 1_024, "a whole number from 1 to 1048576", |m| (1..=1 << 20).contains(m);
        /// Bytes of these.
        pub ahead_bytes_max: usize = 256 << 10, "a whole number from 4096 to 67108864", |b| (4_096..=64 << 20).contains(b);
        /// Longest message taken or sent.
        pub message_bytes_max: usize = 16 << 10, "a whole number from 1024 to 1048576", |b| (1_024..=1 << 20).contains(b);
        /// Bytes that they may leave unread before the session ends.
        pub output_bytes: usize = 256 << 10, "a whole number from 4096 to 67108864", |b| (4_096..=64 << 20).contains(b);
        /// How long a logon may take.
        pub logon_ns_max: u64 = 10_000_000_000, "a whole number of ns from 1000000 to 600000000000",
            |ns| (1_000_000..=600_000_000_000).contains(ns);
        /// How long the answer to a logout may take.
        pub logout_ns_max: u64 = 2_000_000_000, "a whole number of ns from 1000000 to 600000000000",
            |ns| (1_000_000..=600_000_000_000).contains(ns);
        /// Messages of the application that we send in a window at most; what is beyond is refused where it comes from, cancels
        /// excepted. What is given again counts, and waits. 0: any number.
        pub out_messages_max: u32 = 0, "a whole number up to 65536", |messages| *messages <= 65_536;
        /// The window.
        pub out_window_ns: u64 = 1_000_000_000, "a whole number of ns from 1000000 to 3600000000000",
            |ns| (1_000_000..=3_600_000_000_000).contains(ns);
        /// Messages of the application that they may send in a window. 0: any number.
        pub in_messages_max: u32 = 0, "a whole number up to 65536", |messages| *messages <= 65_536;
        /// The window.
        pub in_window_ns: u64 = 1_000_000_000, "a whole number of ns from 1000000 to 3600000000000",
            |ns| (1_000_000..=3_600_000_000_000).contains(ns);
        /// What becomes of those beyond: each a business reject, or the end of the session.
        pub in_excess: String = "reject".to_owned(), "reject or logout", |word| ["reject", "logout"].contains(&word.as_str());
        /// Whether their messages must bear our sub ids turned round (50 and 57), where we have any.
        pub checks_sub_ids: bool = false, "true or false";
        /// Username in logons (553).
        pub username: String = String::new(), "up to 64 printable characters", |name| name.is_empty() || named(name);
        /// Password in logons (554).
        pub password: String as "password_file" by tiles::settings::secret = String::new(), "a file that holds up to 64 printable characters",
            |name| name.is_empty() || named(name);
    }
}

impl Profile {
    /// What is wrong with values that are each right, at `place`.
    pub fn errors(&self, place: &str, errors: &mut Vec<String>) {
        let fixt = self.version() == Version::Fixt11;
        if fixt && self.default_appl_ver_id.is_empty() {
            errors
                .push(format!("{place}.default_appl_ver_id: is missing; over FIXT.1.1 it must be a code from 2 to 10"));
        }
        if !fixt && !self.default_appl_ver_id.is_empty() {
            let code = &self.default_appl_ver_id;
            errors.push(format!("{place}.default_appl_ver_id = {code:?}: is for begin_string = \"FIXT.1.1\" alone"));
        }
        if !fixt && self.default_appl_ext_id != 0 {
            let pack = self.default_appl_ext_id;
            errors.push(format!("{place}.default_appl_ext_id = {pack}: is for begin_string = \"FIXT.1.1\" alone"));
        }
        if self.next_expected && self.version() < Version::Fix44 {
            let version = &self.begin_string;
            errors.push(format!("{place}.next_expected = true: {version} has no tag 789; allowed from FIX.4.4 on"));
        }
        let needed = 4 * self.message_bytes_max;
        if self.output_bytes < needed {
            let bytes = self.output_bytes;
            errors.push(format!("{place}.output_bytes = {bytes}: must be four longest messages, {needed}, or more"));
        }
        if self.ahead_bytes_max < self.message_bytes_max {
            let (bytes, needed) = (self.ahead_bytes_max, self.message_bytes_max);
            errors.push(format!("{place}.ahead_bytes_max = {bytes}: must hold a longest message, {needed}"));
        }
        if self.initiator && self.heartbeat_s > self.heartbeat_s_max {
            let (asked, most) = (self.heartbeat_s, self.heartbeat_s_max);
            errors.push(format!("{place}.heartbeat_s = {asked}: must be at most heartbeat_s_max, {most}"));
        }
    }

    /// The version of the session layer.
    pub fn version(&self) -> Version {
        Version::of(&self.begin_string).expect("the settings take no other")
    }

    /// Digits of our times.
    pub fn precision(&self) -> Precision {
        match self.time_digits {
            Some(0) => Precision::Seconds,
            Some(6) => Precision::Microseconds,
            Some(9) => Precision::Nanoseconds,
            None if self.version() < Version::Fix42 => Precision::Seconds,
            _ => Precision::Milliseconds,
        }
    }

    /// Age from which orders are not given again.
    pub fn order_age_ns_max(&self) -> u64 {
        self.replay_order_age_ns_max.unwrap_or(if self.initiator { 0 } else { u64::MAX })
    }
}

/// Versions of the session layer, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// FIX.4.0
    Fix40,
    /// FIX.4.1
    Fix41,
    /// FIX.4.2
    Fix42,
    /// FIX.4.3
    Fix43,
    /// FIX.4.4
    Fix44,
    /// FIXT.1.1, below FIX 5.0 and later.
    Fixt11,
}

impl Version {
    /// By its BeginString.
    pub fn of(begin_string: &str) -> Option<Self> {
        Some(match begin_string {
            "FIX.4.0" => Self::Fix40,
            "FIX.4.1" => Self::Fix41,
            "FIX.4.2" => Self::Fix42,
            "FIX.4.3" => Self::Fix43,
            "FIX.4.4" => Self::Fix44,
            "FIXT.1.1" => Self::Fixt11,
            _ => return None,
        })
    }
}

fn named(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
}
