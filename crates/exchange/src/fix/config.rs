//! What a topology file says of the exchange's FIX ports.
//!
//! Invariant: everything is checked before anything starts, all errors at once.

use std::net::SocketAddrV4;

use records::{CancelOnDisconnect, ExchangeSession};
use sessions::fix::{JournalSize, LogSize, Profile};
use tiles::settings::{none_all_or_word, secret};
use tiles::{TlsServer, TlsServerSettings, settings};

use super::write::Dialect;
use crate::config::{ExchangeConfig, self_trade};
use crate::throttle::ThrottleConfig;

/// Orders of any kind by their names: FIX before 4.2 has no business rejects and no types of execution.
const VERSIONS: [&str; 4] = ["FIX.4.2", "FIX.4.3", "FIX.4.4", "FIXT.1.1"];

settings! {
    /// A FIX session with a listener of its own.
    pub struct FixPortConfig {
        /// Its number, from 1, unique among all sessions of the exchange.
        pub session: u32, "a whole number from 1 to 4096", |session| (1..=4096).contains(session);
        /// What it is for.
        pub role: String, "orders, drop_copy or market_data", |role| FixRole::of(role).is_some();
        /// Where it listens.
        pub listen: SocketAddrV4, "an address such as 127.0.0.1:9880";
        /// The version in tag 8.
        pub begin_string: String, "FIX.4.2, FIX.4.3, FIX.4.4 or FIXT.1.1", |version| VERSIONS.contains(&version.as_str());
        /// Over FIXT.1.1 the application's version.
        pub default_appl_ver_id: String = String::new(), "7 (FIX.5.0), 8 (SP1) or 9 (SP2), over FIXT.1.1 alone",
            |code| ["", "7", "8", "9"].contains(&code.as_str());
        /// The exchange's name in tag 49.
        pub sender_comp_id: String, "one to 64 printable ASCII characters", |name| is_name(name);
        /// The client's name.
        pub target_comp_id: String, "one to 64 printable ASCII characters", |name| is_name(name);
        /// Username that logons must carry (553); empty: none.
        pub username: String = String::new(), "up to 64 printable ASCII characters", |name| name.is_empty() || is_name(name);
        /// Password that they must carry (554), read from the file that the topology names.
        pub password: String as "password_file" by secret = String::new(), "a file that holds up to 64 printable ASCII characters",
            |password| password.is_empty() || is_name(password);
        /// Self-trade group; 0: none.
        pub owner: u32 = 0, "a whole number, 0 for none";
        /// `none`, `newest`, `oldest`, `both` or `decrement`.
        pub self_trade: String = String::new(), "none, newest, oldest, both or decrement",
            |word| self_trade(word).is_some();
        /// Which of its orders are cancelled when the connection is lost: `none`, `all`, or `day_orders` (all but those that
        /// name their own end). An order may ask for it by itself (ExecInst `o`).
        pub cancel_on_disconnect: String as "cancel_on_disconnect" by none_all_or_word = "none".into(), "none, all or day_orders",
            |word| CancelOnDisconnect::code_of_word(word).is_some();
        /// Accounts whose orders are cancelled when the connection is lost, whatever the session promises.
        pub cancel_on_disconnect_accounts: Vec<String> = Vec::new(), "a list of accounts, each up to 64 printable ASCII characters",
            |accounts| accounts.iter().all(|account| is_name(account));
        /// A drop copy's sessions, by number.
        pub copies: Vec<u32> = Vec::new(), "numbers of FIX sessions that order";
        /// How many messages it may send in a window.
        pub throttle: ThrottleConfig = ThrottleConfig::default(), "a table";
        /// Absent: in the clear.
        pub tls: Option<TlsServerSettings> = None, "a table with certificate_file and key_file";
        /// Where its messages are written down; absent: nowhere.
        pub log: Option<LogSize> = None, "a table with file_bytes and files_max";
        /// Whether the client may begin the numbers at 1 (141=Y).
        pub takes_reset: bool = true, "true or false";
        /// Longest heartbeat interval that a logon may ask for.
        pub heartbeat_s_max: u32 = 300, "a whole number of seconds from 1 to 3600", |s| (1..=3_600).contains(s);
        /// Market data: a book is sent again after this long at the earliest.
        pub book_interval_ns: u64 = 1_000_000, "a whole number of ns up to 60000000000", |ns| *ns <= 60_000_000_000;
        /// Reports that may wait for the client.
        pub reports_waiting_max: usize = 1 << 16, "a whole number from 1024 to 1048576", |m| (1_024..=1 << 20).contains(m);
        /// Orders and replaces of a day, refused ones too.
        pub orders_max: usize = 1 << 18, "a whole number from 16 to 16777216", |orders| (16..=1 << 24).contains(orders);
        /// Messages kept to be given again.
        pub store_messages_max: usize = 1 << 20, "a whole number from 16 to 16777216", |m| (16..=1 << 24).contains(m);
        /// Bytes of a segment of the kept messages.
        pub store_bytes: usize = 4 << 20, "a multiple of 4096 from 65536 to 1073741824",
            |bytes| (64 << 10..=1 << 30).contains(bytes) && bytes % 4096 == 0;
        /// Segments of kept messages.
        pub store_segments_max: usize = 256, "a whole number from 1 to 4096", |segments| (1..=4_096).contains(segments);
    }
}

/// What a FIX session is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FixRole {
    /// Orders.
    Orders,
    /// Copies of other sessions' reports.
    DropCopy,
    /// Market data.
    MarketData,
}

impl FixRole {
    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "orders" => Self::Orders,
            "drop_copy" => Self::DropCopy,
            "market_data" => Self::MarketData,
            _ => return None,
        })
    }
}

impl FixPortConfig {
    /// What the session is for.
    pub(crate) fn role(&self) -> FixRole {
        FixRole::of(&self.role).expect("the settings take no other")
    }

    /// How it speaks.
    pub(crate) fn dialect(&self) -> Dialect {
        Dialect::of(&self.begin_string, &self.default_appl_ver_id)
    }

    /// The record that makes the session known to the core.
    pub(crate) fn record(&self, venue: u16) -> ExchangeSession {
        let mut record = ExchangeSession::new();
        record.header.venue = venue;
        record.header.source = self.session;
        record.owner = self.owner;
        record.rising = 1;
        record.cancel_on_disconnect = CancelOnDisconnect::code_of_word(&self.cancel_on_disconnect).unwrap_or(0);
        record.self_trade = self_trade(&self.self_trade).unwrap_or(0);
        record
    }

    /// How large its store may grow.
    pub(crate) fn store_size(&self) -> JournalSize {
        JournalSize {
            segment_bytes: self.store_bytes,
            segments_max: self.store_segments_max,
            messages_max: self.store_messages_max,
        }
    }

    /// Bytes of its files: two segments, numbers, and what was said.
    pub(crate) fn disk_bytes(&self) -> usize {
        2 * self.store_bytes + 2 * 4096 + self.log.as_ref().map_or(0, |log| 2 * log.file_bytes)
    }

    /// The session's rules.
    pub(crate) fn profile(&self) -> Profile {
        Profile {
            begin_string: self.begin_string.clone(),
            sender_comp_id: self.sender_comp_id.clone(),
            target_comp_id: self.target_comp_id.clone(),
            sender_sub_id: String::new(),
            target_sub_id: String::new(),
            default_appl_ver_id: self.default_appl_ver_id.clone(),
            default_appl_ext_id: 0,
            initiator: false,
            heartbeat_s: 30,
            heartbeat_s_max: self.heartbeat_s_max,
            reset_on_logon: false,
            reset_on_logout: false,
            reset_on_disconnect: false,
            takes_reset: self.takes_reset,
            takes_expected: false,
            next_expected: self.begin_string == "FIX.4.4" || self.begin_string == "FIXT.1.1",
            checks_sending_time: true,
            sending_time_ns_max: 120_000_000_000,
            time_digits: None,
            resend_chunk: 0,
            resend_ns_max: 10_000_000_000,
            resend_repeats_max: 16,
            replay_messages_a_cycle: 256,
            // A port's own throttle answers each order that is too many by its name.
            out_messages_max: 0,
            out_window_ns: 1_000_000_000,
            in_messages_max: 0,
            in_window_ns: 1_000_000_000,
            in_excess: "reject".to_owned(),
            checks_sub_ids: false,
            replay_order_age_ns_max: None,
            ahead_messages_max: 1_024,
            ahead_bytes_max: 256 << 10,
            message_bytes_max: 16 << 10,
            output_bytes: OUTPUT_BYTES,
            logon_ns_max: 10_000_000_000,
            logout_ns_max: 2_000_000_000,
            username: self.username.clone(),
            password: self.password.clone(),
        }
    }
}

/// Bytes that a client may leave unread; reports wait beyond half of it.
pub(crate) const OUTPUT_BYTES: usize = 256 << 10;

/// What the tables of FIX ports say of one another and of the rest.
pub(crate) fn check(config: &ExchangeConfig, must: &mut dyn FnMut(bool, String)) {
    for (at, port) in config.fix_ports.iter().enumerate() {
        let (place, before) = (format!("fix_ports[{at}]"), &config.fix_ports[..at]);
        if let Some(Err(errors)) = port.tls.as_ref().map(|tls| TlsServer::new(tls, &format!("{place}.tls"))) {
            errors.into_iter().for_each(|error| must(false, error));
        }
        let fixt = port.begin_string == "FIXT.1.1";
        let code = &port.default_appl_ver_id;
        must(
            !fixt || !code.is_empty(),
            format!("{place}.default_appl_ver_id: is missing; over FIXT.1.1 it must be 7, 8 or 9"),
        );
        must(
            fixt || code.is_empty(),
            format!("{place}.default_appl_ver_id = {code:?}: is for begin_string = \"FIXT.1.1\" alone"),
        );
        let names = |port: &FixPortConfig| (port.sender_comp_id.clone(), port.target_comp_id.clone());
        let (sender, target) = names(port);
        let twice = before.iter().any(|other| names(other) == names(port));
        must(
            !twice,
            format!(
                "{place}.target_comp_id = {target:?}: {sender} with {target} stands twice; each session has names of its own"
            ),
        );
        let listen = port.listen;
        let taken = before.iter().any(|other| other.listen == listen)
            || config.ports.iter().any(|other| other.listen == listen);
        must(
            !taken || listen.port() == 0,
            format!("{place}.listen = {listen}: stands twice; each session has an address of its own"),
        );
        let copier = port.role() == FixRole::DropCopy;
        must(
            copier || port.copies.is_empty(),
            format!("{place}.copies = {:?}: is for role = \"drop_copy\" alone", port.copies),
        );
        must(
            !copier || !port.copies.is_empty(),
            format!("{place}.copies: is missing; a drop copy has the number of one session at least"),
        );
        for session in &port.copies {
            let orders = |other: &FixPortConfig| other.session == *session && other.role() == FixRole::Orders;
            let known = config.fix_ports.iter().any(orders);
            must(known, format!("{place}.copies = {session}: must be a session of fix_ports with role = \"orders\""));
        }
        let once = port.copies.iter().enumerate().all(|(at, session)| !port.copies[..at].contains(session));
        must(once, format!("{place}.copies = {:?}: names a session twice", port.copies));
    }
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
}
