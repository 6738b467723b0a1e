//! The handle: connections to the members, which one serves, and what is tried again.
//!
//! Invariant: a connection is used only after its server's version was found safe and its store found to be the one seen before.
//! What a caller saw last (`Identity`) never goes back silently.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use etcd_client::{Channel, Client, ConnectOptions};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout_at};
use tonic::transport::Endpoint;

use super::config::Config;
use super::error::{Error, Fate, Kind, Result, classify};
use super::types::{Header, VERSION_MIN, version_is_safe};

/// Which store was seen last and how far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Identity {
    /// The store; 0: none seen yet.
    pub cluster_id: u64,
    /// The highest revision seen of it.
    pub revision: i64,
    /// How often another store, or an earlier state, stood in its place.
    pub replaced: u64,
}

/// Whether asking twice can do harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Read,
    Write,
}

struct Member {
    endpoint: String,
    way: Endpoint,
    client: Mutex<Option<Client>>,
}

struct Inner {
    config: Config,
    members: Vec<Member>,
    serving: AtomicUsize,
    identity: std::sync::Mutex<Identity>,
}

/// The store. Cloning gives another handle on the same connections.
#[derive(Clone)]
pub struct Etcd {
    inner: Arc<Inner>,
}

/// The largest message taken: a catching-up watch may bring a thousand revisions at once.
const MESSAGE_BYTES_MAX: usize = 1 << 30;
const PAUSE_MIN: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_millis(500);

impl Etcd {
    /// A handle; it connects when it is first used. All that is wrong with the configuration is told at once.
    pub fn new(config: Config) -> std::result::Result<Self, Vec<String>> {
        let wrong = config.check();
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let ways = config.ways().map_err(|sentence| vec![sentence])?;
        let members = config
            .endpoints
            .iter()
            .zip(ways)
            .map(|(endpoint, way)| Member { endpoint: endpoint.clone(), way, client: Mutex::new(None) })
            .collect();
        let identity = std::sync::Mutex::new(Identity::default());
        Ok(Self { inner: Arc::new(Inner { config, members, serving: AtomicUsize::new(0), identity }) })
    }

    /// What it was made with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// The store as seen last.
    #[must_use]
    pub fn identity(&self) -> Identity {
        *self.inner.identity.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The member that answers at present.
    #[must_use]
    pub fn serving(&self) -> &str {
        &self.inner.members[self.index()].endpoint
    }

    pub(crate) fn members(&self) -> usize {
        self.inner.members.len()
    }

    pub(crate) fn endpoint(&self, member: usize) -> &str {
        &self.inner.members[member].endpoint
    }

    pub(crate) fn index(&self) -> usize {
        self.inner.serving.load(Ordering::Relaxed) % self.inner.members.len()
    }

    /// Lets the next member serve, unless another caller did so already.
    pub(crate) fn turn_from(&self, member: usize) {
        let next = (member + 1) % self.inner.members.len();
        let _ = self.inner.serving.compare_exchange(member, next, Ordering::Relaxed, Ordering::Relaxed);
    }

    fn identity_mut<T>(&self, change: impl FnOnce(&mut Identity) -> T) -> T {
        change(&mut self.inner.identity.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Notes what an answer says of the store.
    pub(crate) fn saw(&self, header: Header) {
        self.identity_mut(|identity| {
            if header.cluster_id == identity.cluster_id {
                identity.revision = identity.revision.max(header.revision);
            }
        });
    }

    /// A connection to a member, made where there is none. `Err(StoreReplaced)` once where another store stands there.
    pub(crate) async fn connect(&self, member: usize, deadline: Instant) -> Result<Client> {
        let member = &self.inner.members[member];
        let mut held = member.client.lock().await;
        if let Some(client) = &*held {
            return Ok(client.clone());
        }
        let deadline = deadline.min(Instant::now() + 3 * self.inner.config.connect);
        let made = timeout_at(deadline, self.make(member)).await;
        let client = made.unwrap_or_else(|_| Err(Error::new(Kind::Unreachable, "no answer in time")))?;
        *held = Some(client.clone());
        Ok(client)
    }

    async fn make(&self, member: &Member) -> Result<Client> {
        let say = |error: &etcd_client::Error| classify(error).0;
        let channel = member.way.connect().await.map_err(|error| say(&error.into()))?;
        let mut options = ConnectOptions::new().with_require_leader(true);
        if let Some((user, password)) = &self.inner.config.user {
            options = options.with_user(user, password).with_auto_token_refresh(true);
        }
        let mut client =
            Client::from_channel(Channel::Tonic(channel), Some(options)).await.map_err(|error| say(&error))?;
        let status = client.status().await.map_err(|error| say(&error))?;
        if !version_is_safe(status.version()) {
            let sentence = format!("{} is etcd {}; needed: {VERSION_MIN}", member.endpoint, status.version());
            return Err(Error::new(Kind::TooOld, sentence));
        }
        self.recognise(&mut client, Header::from(status.header()), &member.endpoint).await?;
        Ok(client)
    }

    /// Finds whether this is the store seen before, at least as far as it was then.
    async fn recognise(&self, client: &mut Client, header: Header, endpoint: &str) -> Result<()> {
        let known = self.identity();
        if known.cluster_id == 0 {
            self.identity_mut(|identity| identity.cluster_id = header.cluster_id);
            return Ok(());
        }
        let earlier = header.cluster_id == known.cluster_id
            && header.revision < known.revision
            && self.earlier_than(client, known.revision).await?;
        if header.cluster_id == known.cluster_id && !earlier {
            return Ok(());
        }
        self.identity_mut(|identity| {
            *identity = Identity { cluster_id: header.cluster_id, revision: 0, replaced: identity.replaced + 1 };
        });
        let what = if earlier { "the store was put back to an earlier state" } else { "another store stands" };
        let sentence = format!(
            "{what} at {endpoint}: cluster {:x} at revision {}, before cluster {:x} at revision {}",
            header.cluster_id, header.revision, known.cluster_id, known.revision
        );
        Err(Error::new(Kind::StoreReplaced, sentence))
    }

    /// Whether the store as a whole is before `revision`. A member that lags behind is given time to catch up, and a leader
    /// that was paused time to learn that it leads no more.
    async fn earlier_than(&self, client: &mut Client, revision: i64) -> Result<bool> {
        for pause_ms in [0, 400, 800] {
            sleep(Duration::from_millis(pause_ms)).await;
            let key = self.inner.config.generation_key.clone();
            let options = etcd_client::GetOptions::new().with_count_only();
            let read = client.get(key, Some(options)).await.map_err(|error| classify(&error).0)?;
            if Header::from(read.header()).revision >= revision {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Drops the connection to a member, so that the next use makes a new one.
    pub(crate) async fn drop_connection(&self, member: usize) {
        self.inner.members[member].client.lock().await.take();
    }

    /// Does one call: asks the serving member, then the others, until the deadline.
    pub(crate) async fn call<T, F, W>(&self, effect: Effect, deadline: Instant, ask: F) -> Result<T>
    where
        F: Fn(Client) -> W,
        W: Future<Output = std::result::Result<T, etcd_client::Error>>,
    {
        let mut pause = PAUSE_MIN;
        let mut reasons = Reasons::default();
        loop {
            for tried in 0..self.members() {
                // A member that takes a connection and says nothing (paused) leaves time for the others; with none left the
                // next call begins at the next member, not at this one again.
                if tried > 0 && Instant::now() >= deadline {
                    return Err(reasons.sum());
                }
                let member = self.index();
                let until = self.share_of(deadline, tried);
                let (error, fate) = match self.attempt(member, effect, deadline, until, &ask).await {
                    Ok(answer) => return Ok(answer),
                    Err(failed) => failed,
                };
                if error.kind == Kind::StoreReplaced || fate == Fate::Refused {
                    return Err(error);
                }
                if fate == Fate::Unknown && effect == Effect::Write {
                    self.turn_from(member);
                    return Err(unknown(self.endpoint(member), &error));
                }
                reasons.note(self.endpoint(member), error);
                self.turn_from(member);
            }
            if Instant::now() + pause >= deadline {
                return Err(reasons.sum());
            }
            sleep(pause).await;
            pause = (2 * pause).min(PAUSE_MAX);
        }
    }

    /// Until when a member may take, where so many were tried and the others need as much.
    pub(crate) fn share_of(&self, deadline: Instant, tried: usize) -> Instant {
        let now = Instant::now();
        let left = u32::try_from(self.members() - tried).unwrap_or(u32::MAX);
        now + deadline.saturating_duration_since(now) / left
    }

    async fn attempt<T, F, W>(
        &self,
        member: usize,
        effect: Effect,
        deadline: Instant,
        connected: Instant,
        ask: &F,
    ) -> std::result::Result<T, (Error, Fate)>
    where
        F: Fn(Client) -> W,
        W: Future<Output = std::result::Result<T, etcd_client::Error>>,
    {
        let client = self.connect(member, connected).await.map_err(|error| {
            let later = error.passes() || error.kind == Kind::CertificateRefused || error.is_of_token();
            let fate = if later { Fate::NotDone } else { Fate::Refused };
            (error, fate)
        })?;
        let until = match effect {
            Effect::Read => deadline.min(Instant::now() + self.inner.config.attempt),
            Effect::Write => deadline,
        };
        let failed = match timeout_at(until, ask(client)).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => classify(&error),
            Err(_) => (Error::new(Kind::Unreachable, "no answer in time"), Fate::Unknown),
        };
        if failed.1 != Fate::Refused {
            self.drop_connection(member).await;
        }
        Err(failed)
    }

    /// The revision below which an answer is stale, taken before the question is asked.
    pub(crate) fn floor(&self) -> Identity {
        self.identity()
    }

    /// Refuses an answer that is older than what was seen before it was asked.
    pub(crate) fn not_stale(&self, floor: Identity, header: Header) -> std::result::Result<(), etcd_client::Error> {
        if header.cluster_id == floor.cluster_id && header.revision < floor.revision {
            let sentence = format!("stale answer: revision {} after {}", header.revision, floor.revision);
            return Err(etcd_client::Error::Internal(sentence));
        }
        self.saw(header);
        Ok(())
    }
}

/// Sets messages as large as a watch or a range may need.
pub(crate) fn kv(client: &Client) -> etcd_client::KvClient {
    client.kv_client().max_decoding_message_size(MESSAGE_BYTES_MAX)
}

/// As `kv`, for watches.
pub(crate) fn watching(client: &Client) -> etcd_client::WatchClient {
    client.watch_client().max_decoding_message_size(MESSAGE_BYTES_MAX)
}

fn unknown(endpoint: &str, error: &Error) -> Error {
    let sentence =
        format!("{endpoint} took the request and gave no answer ({error}); it may or may not have been done");
    Error::new(Kind::OutcomeUnknown, sentence)
}

/// Why each member gave no answer.
#[derive(Default)]
struct Reasons(Vec<(String, Error)>);

impl Reasons {
    fn note(&mut self, endpoint: &str, error: Error) {
        match self.0.iter_mut().find(|(known, _)| known == endpoint) {
            // A connection may break before its refusal is read; what was said once is kept.
            Some(entry) if error.kind != Kind::Unreachable || entry.1.kind == Kind::Unreachable => entry.1 = error,
            Some(_) => {}
            None => self.0.push((endpoint.to_owned(), error)),
        }
    }

    /// One error of all: the kind that says most.
    fn sum(self) -> Error {
        let order = [Kind::CertificateRefused, Kind::Unauthenticated, Kind::NoQuorum];
        let kind = order
            .into_iter()
            .find(|kind| self.0.iter().any(|(_, error)| error.kind == *kind))
            .unwrap_or(Kind::Unreachable);
        let each: Vec<String> = self.0.iter().map(|(endpoint, error)| format!("{endpoint}: {error}")).collect();
        // A connection that was made and then broke at once is what the wrong scheme looks like.
        let broke = |scheme: &str| {
            self.0.iter().any(|(endpoint, error)| {
                let text = &error.message;
                endpoint.starts_with(scheme) && text.contains("transport error") && !text.contains("tcp connect error")
            })
        };
        let hint = if kind == Kind::Unreachable && broke("http://") {
            "; if the store speaks TLS, its endpoints begin with https://"
        } else if kind == Kind::Unreachable && broke("https://") {
            "; if the store does not speak TLS, its endpoints begin with http://"
        } else {
            ""
        };
        Error::new(kind, format!("no member of the store answered: {}{hint}", each.join("; ")))
    }
}
