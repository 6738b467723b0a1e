//! FIX sessions, initiator and acceptor (FIX Trading Community, "FIX Session Layer", and FIX 4.0 to FIXT 1.1), without I/O.
//!
//! One [`Session`] is one pair of names for good; connections come and go. Its owner frames what a socket brings
//! ([`wire::fix::frame`]), hands messages over with the time, writes [`Session::output`] to the socket, and calls
//! [`Session::on_time`] once a cycle. The application behind it is an [`Application`]; what was sent lies in a [`Store`].
//!
//! Invariant: a message of the application is handed over once and in order; one that was sent is kept first; whatever the
//! other side does, memory is bounded and the session goes on, or ends with its reason.

mod answers;
mod connection;
mod counts;
mod hours;
mod journal;
mod kept;
mod logon;
mod message_log;
mod profile;
mod queue;
mod rate;
mod receive;
mod recover;
mod rules;
mod session;
mod store;
mod tells;

pub use connection::{Connection, GarbledCounts, Next};
pub use counts::{Count, Counts, End};
pub use hours::{Hours, Span};
pub use journal::{JournalSize, JournalStore, StoreError};
pub use kept::SessionKept;
pub use message_log::{Direction, FileLog, LogSize, MessageLog};
pub use profile::{Profile, Version};
pub use recover::{NUMBER_MAX, is_header, is_own};
pub use rules::DictionaryRules;
pub use session::{Answer, Application, Fault, Inbound, Rules, SendError, Session, State};
pub use store::{MemoryStore, Numbers, Store, StoreFailed, Stored};
pub use tells::SessionCounters;

#[cfg(test)]
#[path = "tests/mod.rs"]
mod tests;
