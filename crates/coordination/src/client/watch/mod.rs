//! Watches that do not end: what is delivered, and what can be asked of one.
//!
//! Invariant: deliveries of one store and generation have rising revisions, each change once and none left out. Where that cannot
//! be kept (start, compaction, another store, a restore) the full set is delivered instead, and then the changes after it.

mod run;
mod state;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::call::Etcd;
use super::error::{Error, Result};
use super::types::{KeyValue, Keys};

/// A place in the history of a store. Only places of one cluster and generation can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// The store.
    pub cluster_id: u64,
    /// The number that an operator raises after a restore; 0 where there is none.
    pub generation: i64,
    /// The store's revision.
    pub revision: i64,
}

/// Why a full set is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The watch begins.
    Start,
    /// The history after the last change was compacted away.
    Compacted,
    /// Another store stands there, or an earlier state of the same one.
    Replaced,
    /// An operator raised the generation.
    Generation,
    /// A comparison found that the watch had missed something.
    Audit,
}

impl Reason {
    /// One word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Compacted => "compacted",
            Self::Replaced => "replaced",
            Self::Generation => "generation",
            Self::Audit => "audit",
        }
    }
}

/// One change of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Whether the key is gone; `key_value` then holds its name and the revision at which it went.
    pub deleted: bool,
    /// The key as it is now.
    pub key_value: KeyValue,
}

/// What a watch delivers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// All keys as they were at the position; what was known before is void.
    Resync {
        /// Why.
        reason: Reason,
        /// Of when it is true.
        position: Position,
        /// Every key there is.
        key_values: Vec<KeyValue>,
    },
    /// Changes in their order; those of one revision are never divided.
    Changes {
        /// The last one's.
        position: Position,
        /// At least one.
        changes: Vec<Change>,
    },
}

/// How to watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchOptions {
    /// Which keys.
    pub keys: Keys,
    /// Go on after this place, where it can still be done; else begin with the full set.
    pub after: Option<Position>,
    /// After so long without a word the store is asked for one; after as long again another member is asked.
    pub silence_max: Duration,
    /// How often all keys are read and compared with what was delivered; zero: never.
    pub audit_every: Duration,
}

impl WatchOptions {
    /// The usual times.
    #[must_use]
    pub fn new(keys: Keys) -> Self {
        Self { keys, after: None, silence_max: Duration::from_secs(2), audit_every: Duration::from_secs(60) }
    }
}

/// How a watch is.
#[derive(Debug, Clone)]
pub struct WatchStatus {
    /// Whether a member serves it at present.
    pub live: bool,
    /// Up to where it surely delivered everything.
    pub position: Position,
    /// The last time that a member was heard.
    pub heard: Instant,
    /// The member that serves it, or served it last.
    pub endpoint: String,
    /// Times that it was taken up anew.
    pub reconnects: u64,
    /// Full sets delivered after the first.
    pub resyncs: u64,
    /// Changes that came twice, or from before; left out.
    pub repeated: u64,
    /// Comparisons made.
    pub audits: u64,
    /// Comparisons that found a difference.
    pub audits_failed: u64,
    /// Why it last lost its member; empty when it never did.
    pub last_error: String,
}

type Shared = Arc<Mutex<WatchStatus>>;

/// A running watch. Dropping it ends it.
pub struct Watch {
    receiver: tokio::sync::Mutex<mpsc::Receiver<Result<Delivery>>>,
    task: AbortHandle,
    status: Shared,
    ended: Mutex<Option<Error>>,
}

/// Deliveries that wait for the reader; beyond these the store keeps them, and compacts what waits too long.
const WAITING_MAX: usize = 256;

impl Etcd {
    /// Begins a watch. Must be called within the runtime.
    pub fn watch(&self, options: WatchOptions) -> Watch {
        let status = Arc::new(Mutex::new(WatchStatus {
            live: false,
            position: options.after.unwrap_or_default(),
            heard: Instant::now(),
            endpoint: String::new(),
            reconnects: 0,
            resyncs: 0,
            repeated: 0,
            audits: 0,
            audits_failed: 0,
            last_error: String::new(),
        }));
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let runner = run::Runner::new(self.clone(), options, sender, status.clone());
        let task = tokio::spawn(runner.run()).abort_handle();
        Watch { receiver: tokio::sync::Mutex::new(receiver), task, status, ended: Mutex::new(None) }
    }
}

impl Watch {
    /// The next delivery, however long it takes. An error is final and is given again to whoever asks again.
    pub async fn next(&self) -> Result<Delivery> {
        if let Some(error) = self.ended() {
            return Err(error);
        }
        let received = self.receiver.lock().await.recv().await;
        let outcome = received.unwrap_or_else(|| {
            Err(self.ended().unwrap_or_else(|| Error::new(super::Kind::Refused, "the watch was closed")))
        });
        if let Err(error) = &outcome {
            self.ended.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| error.clone());
        }
        outcome
    }

    fn ended(&self) -> Option<Error> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How it is.
    #[must_use]
    pub fn status(&self) -> WatchStatus {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends it.
    pub fn close(&self) {
        self.task.abort();
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.close();
    }
}
