//! How a venue speaks FIX: what its version has, and where venues of one version differ.
//!
//! Invariant: what a venue does not have is known before the first order, so that no order depends on a message that is refused.

use sessions::fix::{Profile, Version};
use tiles::settings;

use super::messages::{QUOTE_BYTES, QUOTES_HEAD_BYTES};

settings! {
    /// A venue's dialect of order entry. Keys that are absent follow the version.
    pub struct Dialect {
        /// What OrderQty (38) of a replace is: all of the order, executed lots included, or what shall be open.
        pub replace_quantity: String = "total".to_owned(), "total or remaining", |word| ["total", "remaining"].contains(&word.as_str());
        /// Whether OrderMassCancelRequest (q) is answered.
        pub mass_cancel: Option<bool> = None, "true or false";
        /// Whether OrderMassStatusRequest (AF) is answered, each open order with a report that names the question.
        pub mass_status: Option<bool> = None, "true or false";
        /// Whether OrderStatusRequest (H) is answered.
        pub order_status: bool = true, "true or false";
        /// What names an execution: ExecID (17) and ExecRefID (19), the number that their digits make, or TrdMatchID (880) where
        /// fills, busts and corrections all carry it. The last two agree with what other reports of the venue name a trade by.
        pub execution_id: String = "exec_id".to_owned(), "exec_id, digits or match", |word| ExecutionNames::of(word).is_some();
        /// Account (1) of every order; empty: none is sent.
        pub account: String = String::new(), "up to 32 printable ASCII characters",
            |account| account.len() <= 32 && account.bytes().all(|byte| byte.is_ascii_graphic());
        /// Whether orders carry HandlInst (21); absent: up to FIX.4.2.
        pub handling: Option<bool> = None, "true or false";
        /// Whether orders may live beyond the day (59=1).
        pub good_till_cancel: bool = false, "true or false";
        /// Every order asks to be cancelled when the connection is lost (18=o).
        pub cancel_on_connection_loss: bool = false, "true or false";
        /// CxlRejReason (102) by which the venue says that a cancel came too soon after others; absent: none.
        pub throttled_cancel: Option<u32> = None, "a whole number";
        /// How the quotes of strategies leave: each side as an order of its own, or those of one callback as a MassQuote (i).
        pub quotes: String = "orders".to_owned(), "orders or mass", |word| ["orders", "mass"].contains(&word.as_str());
        /// Entries of one MassQuote at most.
        pub quote_entries_max: usize = 50, "a whole number from 2 to 100", |entries| (2..=100).contains(entries);
        /// Whether statuses (AF, H) tell of quotes; where not, all of them are pulled (Z) after each logon.
        pub quote_status: bool = true, "true or false";
        /// How long the venue may take over the next answer to a question for statuses.
        pub status_ns_max: u64 = 5_000_000_000, "a whole number of ns from 1000000 to 600000000000",
            |ns| (1_000_000..=600_000_000_000).contains(ns);
    }
}

/// What names an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecutionNames {
    /// The whole name.
    Whole,
    /// Its digits.
    Digits,
    /// The match.
    Match,
}

impl ExecutionNames {
    /// By its word.
    pub fn of(word: &str) -> Option<Self> {
        Some(match word {
            "exec_id" => Self::Whole,
            "digits" => Self::Digits,
            "match" => Self::Match,
            _ => return None,
        })
    }
}

/// Versions of the application's messages, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// FIX 4.0 and 4.1.
    Fix41,
    /// FIX 4.2.
    Fix42,
    /// FIX 4.3.
    Fix43,
    /// FIX 4.4.
    Fix44,
    /// FIX 5.0 and its service packs.
    Fix50,
}

impl Level {
    /// What a session's application speaks.
    pub fn of(profile: &Profile) -> Self {
        match profile.version() {
            Version::Fix40 | Version::Fix41 => Self::Fix41,
            Version::Fix42 => Self::Fix42,
            Version::Fix43 => Self::Fix43,
            Version::Fix44 => Self::Fix44,
            Version::Fixt11 => match profile.default_appl_ver_id.as_str() {
                "2" | "3" => Self::Fix41,
                "4" => Self::Fix42,
                "5" => Self::Fix43,
                "6" => Self::Fix44,
                _ => Self::Fix50,
            },
        }
    }
}

impl Dialect {
    /// What is wrong with keys that are each right, at `place`.
    pub fn errors(&self, place: &str, profile: &Profile, errors: &mut Vec<String>) {
        let level = Level::of(profile);
        if self.quotes == "mass" {
            if level < Level::Fix43 {
                errors.push(format!(
                    "{place}.quotes = \"mass\": the venue needs FIX.4.3 or later for it; must be orders"
                ));
            }
            let (entries, bytes) = (self.quote_entries_max, profile.message_bytes_max);
            let most = bytes.saturating_sub(QUOTES_HEAD_BYTES) / QUOTE_BYTES;
            if entries > most {
                errors.push(format!(
                    "{place}.quote_entries_max = {entries}: a message of so many may be longer than message_bytes_max = {bytes} of \
                     the profile; at most {most}"
                ));
            }
        }
        for (key, value) in [("mass_cancel", self.mass_cancel), ("mass_status", self.mass_status)] {
            if value == Some(true) && level < Level::Fix43 {
                errors.push(format!(
                    "{place}.{key} = true: the session's version has no such message; allowed from FIX.4.3 on"
                ));
            }
        }
        if self.execution_id == "match" && level < Level::Fix44 {
            errors.push(format!(
                "{place}.execution_id = \"match\": the session's version has no TrdMatchID (880); allowed from FIX.4.4 on"
            ));
        }
    }
}
