//! Leases: a promise to be here, with a limit in time; keys go with it when it is not renewed.
//!
//! Invariant: a lease that was ever found lost stays lost. By our own clock, which goes on while the process or the host is
//! paused, it ends no later than at the store, since the time counts from before the last renewal was sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};

use super::call::{Effect, Etcd};
use super::error::{Error, Kind, Result};

struct State {
    /// End by our own clock, ns.
    end_ns: AtomicI64,
    lost: AtomicBool,
}

/// A lease of ours. Dropping it stops the renewal and leaves the lease to run out.
pub struct Lease {
    etcd: Etcd,
    id: i64,
    ttl: Duration,
    state: Arc<State>,
    renewal: Option<AbortHandle>,
}

/// Nanoseconds of the clock that also counts while the host sleeps.
fn now_ns() -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock exists on every Linux since 2.6.39 and `time` is ours to write.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut time) };
    assert_eq!(failed, 0, "the clock of this host does not answer");
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

fn lost() -> Error {
    Error::new(Kind::LeaseLost, "the lease is gone: it expired or was revoked")
}

impl Etcd {
    /// Takes a lease of at least so many seconds. With `renew` it is kept by itself as long as this process runs.
    pub async fn grant(&self, ttl_seconds: i64, renew: bool, deadline: Instant) -> Result<Lease> {
        let began_ns = now_ns();
        // A lease that nobody knows of runs out, so granting twice does no harm.
        let (id, ttl_seconds) = self
            .call(Effect::Read, deadline, |mut client| async move {
                let granted = client.lease_grant(ttl_seconds, None).await?;
                Ok((granted.id(), granted.ttl()))
            })
            .await?;
        let ttl = Duration::from_secs(u64::try_from(ttl_seconds).unwrap_or(0));
        let end_ns = AtomicI64::new(began_ns + ttl_seconds * 1_000_000_000);
        let state = Arc::new(State { end_ns, lost: AtomicBool::new(false) });
        let renewal = renew.then(|| tokio::spawn(keep(self.clone(), id, ttl, state.clone())).abort_handle());
        Ok(Lease { etcd: self.clone(), id, ttl, state, renewal })
    }
}

impl Lease {
    /// The store's name for it.
    #[must_use]
    pub fn id(&self) -> i64 {
        self.id
    }

    /// How long it lasts after a renewal.
    #[must_use]
    pub fn ttl(&self) -> Duration {
        self.ttl
    }

    /// How long it still lasts if it is never renewed again; zero when it is lost.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.state.remaining()
    }

    /// `Err(LeaseLost)` unless it surely still holds.
    pub fn check(&self) -> Result<()> {
        if self.state.remaining().is_zero() { Err(lost()) } else { Ok(()) }
    }

    /// Renews it once.
    pub async fn renew(&self, deadline: Instant) -> Result<()> {
        self.check()?;
        renew(&self.etcd, self.id, self.ttl, &self.state, deadline).await
    }

    /// Gives it back; its keys go at once.
    pub async fn revoke(&self, deadline: Instant) -> Result<()> {
        self.stop();
        self.state.lost.store(true, Ordering::SeqCst);
        let id = self.id;
        let done = self
            .etcd
            .call(Effect::Read, deadline, |mut client| async move { client.lease_revoke(id).await.map(drop) })
            .await;
        match done {
            Err(error) if error.kind == Kind::LeaseLost => Ok(()),
            other => other,
        }
    }

    /// Stops the renewal; the lease runs out by itself.
    pub fn stop(&self) {
        if let Some(renewal) = &self.renewal {
            renewal.abort();
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.stop();
    }
}

impl State {
    fn remaining(&self) -> Duration {
        let left = self.end_ns.load(Ordering::SeqCst) - now_ns();
        if left <= 0 {
            self.lost.store(true, Ordering::SeqCst);
        }
        if self.lost.load(Ordering::SeqCst) { Duration::ZERO } else { Duration::from_nanos(left.unsigned_abs()) }
    }
}

async fn renew(etcd: &Etcd, id: i64, ttl: Duration, state: &State, deadline: Instant) -> Result<()> {
    let began_ns = now_ns();
    let done = etcd
        .call(Effect::Read, deadline, |mut client| async move { client.lease_keep_alive(id).await.map(drop) })
        .await;
    match done {
        Ok(()) => {
            // A renewal that comes after the end by our clock does not bring the lease back.
            if state.remaining().is_zero() {
                return Err(lost());
            }
            let ttl_ns = i64::try_from(ttl.as_nanos()).unwrap_or(i64::MAX);
            state.end_ns.fetch_max(began_ns.saturating_add(ttl_ns), Ordering::SeqCst);
            Ok(())
        }
        Err(error) => {
            if error.kind == Kind::LeaseLost {
                state.lost.store(true, Ordering::SeqCst);
            }
            Err(error)
        }
    }
}

/// Renews three times in its length until it is lost.
async fn keep(etcd: Etcd, id: i64, ttl: Duration, state: Arc<State>) {
    loop {
        sleep(ttl / 3).await;
        let left = state.remaining();
        if left.is_zero() {
            return;
        }
        let _ = renew(&etcd, id, ttl, &state, Instant::now() + left).await;
    }
}
