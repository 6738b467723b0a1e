//! A lock: at most one holder a name, as far as the store can promise.
//!
//! A lock by lease does not keep two processes apart by itself: a paused holder does not know that its lease ran out. What does
//! is the guard: the holder's key with the revision at which it came to be, compared in every transaction that the lock is for,
//! and the same number as a fence wherever the work is done outside the store.
//!
//! Invariant: a lock is returned only with its key in the store under a lease that still held then. Unlocking deletes the key
//! only if it is the very one that was made.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::call::Etcd;
use super::error::{Error, Kind, Result};
use super::lease::Lease;
use super::types::{Compare, Keys, Order, Outcome, Step, Target, Transaction};

/// A lock that is held, or was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// The holder's key.
    pub key: Vec<u8>,
    /// The revision at which it came to be: the fence.
    pub fence: i64,
    /// The lease it goes with.
    pub lease_id: i64,
}

impl Lock {
    /// What a transaction compares so that it takes place only while the lock is held.
    #[must_use]
    pub fn guard(&self) -> Vec<Compare> {
        let compare = |target| Compare { key: self.key.clone(), order: Order::Equal, target };
        vec![compare(Target::CreateRevision(self.fence)), compare(Target::Lease(self.lease_id))]
    }
}

/// How often a waiting caller looks; the store is not told of waiters, so that a lost one costs nothing.
const LOOK: Duration = Duration::from_millis(20);

impl Etcd {
    /// Takes the lock `name` under a lease; waits for its turn until the deadline. `value` says who holds it.
    pub async fn lock(&self, name: &[u8], value: Vec<u8>, lease: &Lease, deadline: Instant) -> Result<Lock> {
        let queue = [name, b"/"].concat();
        let key = [queue.clone(), format!("{:016x}", lease.id()).into_bytes()].concat();
        let waited = self.wait_for_turn(&queue, &key, value, lease, deadline).await;
        if waited.is_err() {
            // What we put must not stand in others' way; where the store is away the lease takes it.
            let until = Instant::now() + self.config().attempt;
            let _ = self.delete(&Keys::One(key), until).await;
        }
        waited
    }

    async fn wait_for_turn(
        &self,
        queue: &[u8],
        key: &[u8],
        value: Vec<u8>,
        lease: &Lease,
        deadline: Instant,
    ) -> Result<Lock> {
        let fence = self.stand_in(key, value, lease, deadline).await?;
        let lock = Lock { key: key.to_vec(), fence, lease_id: lease.id() };
        let mut pause = LOOK;
        loop {
            lease.check()?;
            let (_, waiting) = self.range(&Keys::Prefix(queue.to_vec()), 0, 0, true, deadline).await?;
            if !waiting.iter().any(|one| one.key == key && one.create_revision == fence) {
                return Err(Error::new(
                    Kind::LeaseLost,
                    "the place in the lock's queue is gone, and with it its lease",
                ));
            }
            if waiting.iter().all(|one| one.create_revision >= fence) {
                // Held only if the lease still did when the store had said so.
                lease.check()?;
                return Ok(lock);
            }
            if Instant::now() + pause >= deadline {
                return Err(Error::new(Kind::Unreachable, "the lock is held by another; it was not free in time"));
            }
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(200));
        }
    }

    /// Puts our key into the queue unless it is there; returns the revision at which it came to be.
    async fn stand_in(&self, key: &[u8], value: Vec<u8>, lease: &Lease, deadline: Instant) -> Result<i64> {
        let put = Transaction {
            compare: vec![Compare { key: key.to_vec(), order: Order::Equal, target: Target::CreateRevision(0) }],
            success: vec![Step::Put { key: key.to_vec(), value, lease: lease.id() }],
            failure: vec![Step::Get(Keys::One(key.to_vec()))],
        };
        loop {
            match self.transact(&put, deadline).await {
                // The condition makes it safe to ask again.
                Err(error) if error.kind == Kind::OutcomeUnknown && Instant::now() < deadline => {}
                Err(error) => return Err(error),
                Ok(done) => {
                    return match done.outcomes.first() {
                        Some(Outcome::Get(found)) if !found.is_empty() => Ok(found[0].create_revision),
                        _ => Ok(done.header.revision),
                    };
                }
            }
        }
    }

    /// Gives the lock back. False: it was no longer held. Asking again does no harm: a newer holder's key is another one.
    pub async fn unlock(&self, lock: &Lock, deadline: Instant) -> Result<bool> {
        let delete = Transaction {
            compare: lock.guard(),
            success: vec![Step::Delete(Keys::One(lock.key.clone()))],
            failure: Vec::new(),
        };
        let mut asked_before = false;
        loop {
            match self.transact(&delete, deadline).await {
                Err(error) if error.kind == Kind::OutcomeUnknown && Instant::now() < deadline => asked_before = true,
                Err(error) => return Err(error),
                Ok(done) => return Ok(done.succeeded || asked_before),
            }
        }
    }
}
