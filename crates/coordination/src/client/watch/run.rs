//! The task behind a watch: finds a member, makes sure of the store, reads on, and begins again whenever that ends.
//!
//! Invariant: it ends only with an error delivered, when the answer would be the same for ever (a user that may not read), or
//! when nobody listens any more.

use std::time::Duration;

use etcd_client::{Client, EventType, WatchResponse, WatchStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::super::call::{Etcd, kv, watching};
use super::super::error::{Error, Kind, Result, classify};
use super::super::types::{Header, KeyValue, Keys};
use super::state::State;
use super::{Change, Delivery, Position, Reason, Shared, WatchOptions, WatchStatus};

const MAIN: i64 = 1;
const GENERATION: i64 = 2;
const PAUSE_MIN: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(1);

pub(super) struct Runner {
    etcd: Etcd,
    options: WatchOptions,
    sender: mpsc::Sender<Result<Delivery>>,
    status: Shared,
    state: State,
    /// A full set is needed, for this reason.
    resync: Option<Reason>,
    audit_due: Option<Instant>,
}

/// Why a session with a member ended without fault.
enum Ended {
    /// Begin the next one at once.
    Again,
    /// Nobody listens.
    Alone,
}

impl Runner {
    pub(super) fn new(
        etcd: Etcd,
        options: WatchOptions,
        sender: mpsc::Sender<Result<Delivery>>,
        status: Shared,
    ) -> Self {
        let state = State { position: options.after, delivered: None };
        Self { etcd, options, sender, status, state, resync: None, audit_due: None }
    }

    pub(super) async fn run(mut self) {
        let mut member = self.etcd.index();
        let (mut pause, mut refusals) = (PAUSE_MIN, 0);
        loop {
            let ended = self.session(member, &mut pause, &mut refusals).await;
            let was_live = self.note(|status| std::mem::take(&mut status.live));
            let error = match ended {
                Ok(Ended::Again) => continue,
                Ok(Ended::Alone) => return,
                Err(error) => error,
            };
            self.note(|status| {
                status.last_error = format!("{}: {error}", self.etcd.endpoint(member));
                status.reconnects += u64::from(was_live);
            });
            if !error.passes() {
                refusals += 1;
                // One member may refuse what the others take; when all of them do, that is the answer.
                if refusals >= 2 * self.etcd.members() {
                    let _ = self.sender.send(Err(error)).await;
                    return;
                }
            }
            self.etcd.drop_connection(member).await;
            self.etcd.turn_from(member);
            member = (member + 1) % self.etcd.members();
            sleep(pause).await;
            pause = (2 * pause).min(PAUSE_MAX);
        }
    }

    fn note<T>(&self, change: impl FnOnce(&mut WatchStatus) -> T) -> T {
        change(&mut self.status.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Serves from one member as long as it goes well.
    async fn session(&mut self, member: usize, pause: &mut Duration, refusals: &mut usize) -> Result<Ended> {
        let until = Instant::now() + 2 * self.options.silence_max;
        let client = match self.etcd.connect(member, until).await {
            // The handle tells its own callers; here the store is looked at below.
            Err(error) if error.kind == Kind::StoreReplaced => self.etcd.connect(member, until).await?,
            other => other?,
        };
        let (header, generation, generation_revision) = self.look(&client, until).await?;
        let reason = self.state.resync_reason(header.cluster_id, generation, header.revision);
        if reason == Some(Reason::Replaced) {
            self.surely_replaced(&client).await?;
        }
        if let Some(reason) = reason.or(self.resync) {
            if !self.full_set(&client, reason, generation).await? {
                return Ok(Ended::Alone);
            }
        } else if self.state.delivered.is_none() {
            self.recall(&client).await?;
            if self.resync.is_some() {
                return Ok(Ended::Again);
            }
        }
        let mut stream = self.open(&client, generation_revision.max(0)).await?;
        *pause = PAUSE_MIN;
        *refusals = 0;
        self.note(|status| {
            status.live = true;
            status.heard = std::time::Instant::now();
            status.endpoint = self.etcd.endpoint(member).to_owned();
        });
        self.read_on(&client, &mut stream).await
    }

    /// Reads the generation through the majority: proves that this member has one, and which store it is.
    async fn look(&self, client: &Client, until: Instant) -> Result<(Header, i64, i64)> {
        let key = self.etcd.config().generation_key.clone();
        let read = timeout_at(until, kv(client).get(key.clone(), None)).await.map_err(|_| silent())?;
        let read = read.map_err(|error| classify(&error).0)?;
        let header = Header::from(read.header());
        let Some(found) = read.kvs().first() else { return Ok((header, 0, header.revision)) };
        let text = String::from_utf8_lossy(found.value()).trim().to_owned();
        let told = crate::values::generation(found.value()).ok().and_then(|told| i64::try_from(told.generation).ok());
        let number = told.or_else(|| text.parse().ok()).filter(|number| *number >= 0).ok_or_else(|| {
            let key = String::from_utf8_lossy(&key).into_owned();
            Error::new(Kind::Refused, format!("{key} holds {text:?}; allowed: a whole number, 0 or more"))
        })?;
        Ok((header, number, header.revision))
    }

    /// A store that says an earlier revision than before is asked again: a leader that was paused may not know yet that it leads
    /// no more, and must not bring an old set back.
    async fn surely_replaced(&self, client: &Client) -> Result<()> {
        let Some(position) = self.state.position else { return Ok(()) };
        for pause_ms in [300, 700] {
            sleep(Duration::from_millis(pause_ms)).await;
            let (header, _, _) = self.look(client, Instant::now() + 2 * self.options.silence_max).await?;
            if header.cluster_id == position.cluster_id && header.revision >= position.revision {
                return Err(Error::new(Kind::Unreachable, "a member answered with an old state"));
            }
        }
        Ok(())
    }

    /// Reads all keys at one revision and delivers them. False: nobody listens.
    async fn full_set(&mut self, client: &Client, reason: Reason, generation: i64) -> Result<bool> {
        let (header, key_values) = self.read_all(client, 0, false).await?;
        let position = Position { cluster_id: header.cluster_id, generation, revision: header.revision };
        self.state.reset(position, &key_values);
        self.resync = None;
        self.audit_due = self.next_audit();
        self.note(|status| {
            status.position = position;
            status.resyncs += u64::from(reason != Reason::Start);
        });
        Ok(self.sender.send(Ok(Delivery::Resync { reason, position, key_values })).await.is_ok())
    }

    /// Before going on after a given place: which keys there were then, for later comparisons.
    async fn recall(&mut self, client: &Client) -> Result<()> {
        let Some(position) = self.state.position else { return Ok(()) };
        match self.read_all(client, position.revision, true).await {
            Ok((_, key_values)) => {
                self.state.reset(position, &key_values);
                self.audit_due = self.next_audit();
                Ok(())
            }
            Err(error) if error.kind == Kind::Compacted => {
                self.resync = Some(Reason::Compacted);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn next_audit(&self) -> Option<Instant> {
        (!self.options.audit_every.is_zero()).then(|| Instant::now() + self.options.audit_every)
    }

    /// All keys at `revision` (0: now), from this member, in pages of one revision.
    async fn read_all(&self, client: &Client, revision: i64, keys_only: bool) -> Result<(Header, Vec<KeyValue>)> {
        // A full set may be long; a member that falls silent within it is left as soon as in any other silence.
        let page_max = 2 * self.options.silence_max;
        self.etcd.range_on(client, &self.options.keys, revision, keys_only, page_max).await
    }

    /// Opens the stream after the position, with a second watch on the generation.
    async fn open(&self, client: &Client, generation_revision: i64) -> Result<WatchStream> {
        let from = self.state.position.map_or(1, |position| position.revision + 1);
        let mut options =
            etcd_client::WatchOptions::new().with_start_revision(from).with_watch_id(MAIN).with_progress_notify();
        if let Keys::Prefix(prefix) = &self.options.keys {
            options = if prefix.is_empty() { options.with_all_keys() } else { options.with_prefix() };
        }
        let key = self.etcd.config().generation_key.clone();
        let second =
            etcd_client::WatchOptions::new().with_start_revision(generation_revision + 1).with_watch_id(GENERATION);
        let begun = async {
            let mut stream = watching(client).watch(self.options.keys.first().to_vec(), Some(options)).await?;
            stream.watch(key, Some(second)).await?;
            Ok(stream)
        };
        let begun = timeout(2 * self.options.silence_max, begun).await.map_err(|_| silent())?;
        begun.map_err(|error| classify(&error).0)
    }

    async fn read_on(&mut self, client: &Client, stream: &mut WatchStream) -> Result<Ended> {
        let mut asked = false;
        let mut quiet_from = Instant::now();
        loop {
            let silence = quiet_from + self.options.silence_max;
            let wake = self.audit_due.map_or(silence, |due| due.min(silence));
            let Ok(message) = timeout_at(wake, stream.message()).await else {
                if self.audit_due.is_some_and(|due| Instant::now() >= due) {
                    self.audit(client).await?;
                    if self.resync.is_some() {
                        return Ok(Ended::Again);
                    }
                } else if asked {
                    return Err(Error::new(Kind::Unreachable, "nothing was heard, not even when asked"));
                } else {
                    timeout(self.options.silence_max, stream.request_progress())
                        .await
                        .map_err(|_| silent())?
                        .map_err(|error| classify(&error).0)?;
                    asked = true;
                    quiet_from = Instant::now();
                }
                continue;
            };
            let Some(response) = message.map_err(|error| classify(&error).0)? else {
                return Err(Error::new(Kind::Unreachable, "the member ended the watch"));
            };
            asked = false;
            quiet_from = Instant::now();
            self.note(|status| status.heard = std::time::Instant::now());
            if let Some(ended) = self.take(&response).await? {
                return Ok(ended);
            }
        }
    }

    /// Handles one message. `Some`: the session is over.
    async fn take(&mut self, response: &WatchResponse) -> Result<Option<Ended>> {
        if response.canceled() {
            return self.cancelled(response).map(Some);
        }
        let header = Header::from(response.header());
        if self.state.position.is_some_and(|position| position.cluster_id != header.cluster_id) {
            return Err(Error::new(Kind::Unreachable, "another store answers"));
        }
        self.etcd.saw(header);
        if response.watch_id() == GENERATION && !response.events().is_empty() {
            self.resync = Some(Reason::Generation);
            return Ok(Some(Ended::Again));
        }
        if response.created() || response.watch_id() == GENERATION {
            return Ok(None);
        }
        if response.events().is_empty() {
            // A word of progress: all before it was sent.
            self.state.progress(header.revision);
            self.publish_position();
            return Ok(None);
        }
        let changes = response.events().iter().filter_map(|event| {
            let key_value = KeyValue::from(event.kv()?);
            Some(Change { deleted: event.event_type() == EventType::Delete, key_value })
        });
        let (changes, repeated) = self.state.admit(changes.collect());
        self.note(|status| status.repeated += repeated);
        self.publish_position();
        let Some(position) = self.state.position.filter(|_| !changes.is_empty()) else { return Ok(None) };
        let heard = self.sender.send(Ok(Delivery::Changes { position, changes })).await;
        Ok(heard.is_err().then_some(Ended::Alone))
    }

    fn publish_position(&self) {
        if let Some(position) = self.state.position {
            self.note(|status| status.position = position);
        }
    }

    fn cancelled(&mut self, response: &WatchResponse) -> Result<Ended> {
        let why = response.cancel_reason();
        if response.compact_revision() > 0 {
            self.resync = Some(Reason::Compacted);
            Ok(Ended::Again)
        } else if why.contains("permission denied") {
            Err(Error::new(Kind::Forbidden, format!("this user may not watch these keys ({why})")))
        } else {
            Err(Error::new(Kind::Unreachable, format!("the member ended the watch: {why}")))
        }
    }

    /// Compares all keys at the position with what was delivered.
    async fn audit(&mut self, client: &Client) -> Result<()> {
        self.audit_due = self.next_audit();
        let Some(position) = self.state.position else { return Ok(()) };
        match self.read_all(client, position.revision, true).await {
            Ok((_, key_values)) => {
                let agrees = self.state.agrees(&key_values);
                self.note(|status| {
                    status.audits += 1;
                    status.audits_failed += u64::from(!agrees);
                });
                self.resync = (!agrees).then_some(Reason::Audit);
                Ok(())
            }
            // The history is gone up to here and nothing new came; the next comparison has a newer position.
            Err(error) if error.kind == Kind::Compacted => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn silent() -> Error {
    Error::new(Kind::Unreachable, "no answer in time")
}
