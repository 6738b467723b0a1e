//! The client of the coordination store: one handle over all members, on the crate `etcd-client`.
//!
//! Invariant: every call ends by its deadline. A read is asked of further members until one answers; a write is sent once, and
//! again only where it surely did not happen. Answers never go back to an older revision: a store that was replaced is told.

mod call;
mod config;
mod error;
mod kv;
mod lease;
mod lock;
mod members;
mod types;
mod users;
mod watch;

pub use call::{Etcd, Identity};
pub use config::{Config, Tls};
pub use error::{Error, Kind, Result};
pub use lease::Lease;
pub use lock::Lock;
pub use types::{
    Compare, Header, KeyValue, Keys, MemberStatus, Order, Outcome, Step, Target, Transacted, Transaction, VERSION_MIN,
    version_is_safe,
};
pub use users::{Access, Permission};
pub use watch::{Change, Delivery, Position, Reason, Watch, WatchOptions, WatchStatus};
