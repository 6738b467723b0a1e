//! The store's verbs for Python. Keys and values are bytes; times are seconds.

use std::path::PathBuf;
use std::time::Duration;

use coordination::client::{
    Access, Compare, Config, Error, Etcd, Header, Keys, Kind, Order, Outcome, Permission, Step, Target, Tls,
    Transacted, Transaction, WatchOptions,
};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::PyList;
use tokio::time::Instant;

use super::answers::{KeyValue, go, runtime};
use super::handles::{Lease, Watch};

pub(super) fn deadline(timeout_s: f64) -> PyResult<Instant> {
    let bad = || PyValueError::new_err(format!("timeout_s is {timeout_s}; allowed: more than 0, at most a day"));
    if !(timeout_s > 0.0 && timeout_s <= 86_400.0) {
        return Err(bad());
    }
    Ok(Instant::now() + Duration::from_secs_f64(timeout_s))
}

fn keys(key: Vec<u8>, prefix: bool) -> Keys {
    if prefix { Keys::Prefix(key) } else { Keys::One(key) }
}

fn place(header: Header) -> (u64, i64) {
    (header.cluster_id, header.revision)
}

fn list(py: Python<'_>, found: Vec<coordination::client::KeyValue>) -> PyResult<Py<PyAny>> {
    let found = found.into_iter().map(|one| Py::new(py, KeyValue(one))).collect::<PyResult<Vec<_>>>()?;
    Ok(PyList::new(py, found)?.into_any().unbind())
}

fn header(py: Python<'_>, header: Header) -> PyResult<Py<PyAny>> {
    place(header).into_py_any(py)
}

fn nothing(py: Python<'_>, (): ()) -> PyResult<Py<PyAny>> {
    Ok(py.None())
}

/// A condition as Python gives it: key, order, target, number, value.
type PlainCompare = (Vec<u8>, String, String, i64, Vec<u8>);
/// A step as Python gives it: kind, key, value, and the lease or whether the key is a prefix.
type PlainStep = (String, Vec<u8>, Vec<u8>, i64);

fn compare((key, order, target, number, value): PlainCompare) -> PyResult<Compare> {
    let order = match order.as_str() {
        "==" => Order::Equal,
        ">" => Order::Greater,
        "<" => Order::Less,
        "!=" => Order::NotEqual,
        other => return Err(PyValueError::new_err(format!("order is {other:?}; allowed: ==, !=, <, >"))),
    };
    let target = match target.as_str() {
        "version" => Target::Version(number),
        "create_revision" => Target::CreateRevision(number),
        "mod_revision" => Target::ModRevision(number),
        "lease" => Target::Lease(number),
        "value" => Target::Value(value),
        other => {
            let allowed = "version, create_revision, mod_revision, lease, value";
            return Err(PyValueError::new_err(format!("target is {other:?}; allowed: {allowed}")));
        }
    };
    Ok(Compare { key, order, target })
}

fn step((kind, key, value, number): PlainStep) -> PyResult<Step> {
    match kind.as_str() {
        "put" => Ok(Step::Put { key, value, lease: number }),
        "get" => Ok(Step::Get(keys(key, number != 0))),
        "delete" => Ok(Step::Delete(keys(key, number != 0))),
        other => Err(PyValueError::new_err(format!("step is {other:?}; allowed: put, get, delete"))),
    }
}

fn transacted(py: Python<'_>, done: Transacted) -> PyResult<Py<PyAny>> {
    let outcomes = done.outcomes.into_iter().map(|outcome| match outcome {
        Outcome::Put => Ok(py.None()),
        Outcome::Get(found) => list(py, found),
        Outcome::Deleted(count) => count.into_py_any(py),
    });
    let outcomes = outcomes.collect::<PyResult<Vec<_>>>()?;
    (place(done.header), done.succeeded, outcomes).into_py_any(py)
}

/// A handle on the store.
#[pyclass(frozen, module = "meridian._native.coordination")]
pub struct Client {
    etcd: Etcd,
    process: u32,
}

impl Client {
    fn etcd(&self) -> PyResult<Etcd> {
        if self.process == std::process::id() {
            return Ok(self.etcd.clone());
        }
        Err(PyRuntimeError::new_err("this client was made before a fork; make a new one in this process"))
    }
}

#[pymethods]
impl Client {
    /// Raises ValueError with one sentence a line for all that is wrong.
    #[new]
    #[pyo3(signature = (endpoints, generation_key, ca, identity, user, connect_s, attempt_s))]
    fn new(
        endpoints: Vec<String>,
        generation_key: Vec<u8>,
        ca: Option<Vec<u8>>,
        identity: Option<(Vec<u8>, Vec<u8>)>,
        user: Option<(String, String)>,
        connect_s: f64,
        attempt_s: f64,
    ) -> PyResult<Self> {
        let mut config = Config::new(endpoints, generation_key);
        config.tls = ca.map(|ca_pem| Tls { ca_pem, identity_pem: identity });
        config.user = user;
        config.connect = Duration::from_secs_f64(connect_s);
        config.attempt = Duration::from_secs_f64(attempt_s);
        // Ways to the members are made within the runtime.
        let _within = runtime()?.enter();
        let etcd = Etcd::new(config).map_err(|wrong| PyValueError::new_err(wrong.join("\n")))?;
        Ok(Self { etcd, process: std::process::id() })
    }

    /// The store as last seen: cluster id, highest revision, how often it was replaced.
    fn identity(&self) -> (u64, i64, u64) {
        let identity = self.etcd.identity();
        (identity.cluster_id, identity.revision, identity.replaced)
    }

    /// The member that answers at present.
    fn serving(&self) -> String {
        self.etcd.serving().to_owned()
    }

    #[pyo3(signature = (key, value, lease, timeout_s, done=None))]
    fn put(
        &self,
        py: Python<'_>,
        key: Vec<u8>,
        value: Vec<u8>,
        lease: i64,
        timeout_s: f64,
        done: Option<Py<PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let (etcd, deadline) = (self.etcd()?, deadline(timeout_s)?);
        go(py, done, async move { etcd.put(key, value, lease, deadline).await }, header)
    }

    #[pyo3(signature = (key, timeout_s, done=None))]
    fn get(&self, py: Python<'_>, key: Vec<u8>, timeout_s: f64, done: Option<Py<PyAny>>) -> PyResult<Py<PyAny>> {
        let (etcd, deadline) = (self.etcd()?, deadline(timeout_s)?);
        go(py, done, async move { etcd.get(key, deadline).await }, |py, (header, found)| {
            let found = found.map(|found| Py::new(py, KeyValue(found))).transpose()?;
            (place(header), found).into_py_any(py)
        })
    }

    #[pyo3(signature = (key, prefix, limit, revision, keys_only, timeout_s, done=None))]
    #[expect(clippy::too_many_arguments, reason = "one a parameter of the store's own request")]
    fn range(
        &self,
        py: Python<'_>,
        key: Vec<u8>,
        prefix: bool,
        limit: i64,
        revision: i64,
        keys_only: bool,
        timeout_s: f64,
        done: Option<Py<PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let (etcd, deadline, keys) = (self.etcd()?, deadline(timeout_s)?, keys(key, prefix));
        let work = async move { etcd.range(&keys, limit, revision, keys_only, deadline).await };
        go(py, done, work, |py, (header, found)| (place(header), list(py, found)?).into_py_any(py))
    }

    #[pyo3(signature = (key, prefix, timeout_s, done=None))]
    fn delete(
        &self,
        py: Python<'_>,
        key: Vec<u8>,
        prefix: bool,
        timeout_s: f64,
        done: Option<Py<PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let (etcd, deadline, keys) = (self.etcd()?, deadline(timeout_s)?, keys(key, prefix));
        go(py, done, async move { etcd.delete(&keys, deadline).await }, |py, (header, count)| {
            (place(header), count).into_py_any(py)
        })
    }

    #[pyo3(signature = (compares, success, failure, timeout_s, done=None))]
    fn transact(
        &self,
        py: Python<'_>,
        compares: Vec<PlainCompare>,
        success: Vec<PlainStep>,
        failure: Vec<PlainStep>,
        timeout_s: f64,
        done: Option<Py<PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let (etcd, deadline) = (self.etcd()?, deadline(timeout_s)?);
        let transaction = Transaction {
            compare: compares.into_iter().map(compare).collect::<PyResult<_>>()?,
            success: success.into_iter().map(step).collect::<PyResult<_>>()?,
            failure: failure.into_iter().map(step).collect::<PyResult<_>>()?,
        };
        go(py, done, async move { etcd.transact(&transaction, deadline).await }, transacted)
    }

    #[pyo3(signature = (revision, timeout_s, done=None))]
    fn compact(&self, py: Python<'_>, revision: i64, timeout_s: f64, done: Option<Py<PyAny>>) -> PyResult<Py<PyAny>> {
        let (etcd, deadline) = (self.etcd()?, deadline(timeout_s)?);
        go(py, done, async move { etcd.compact(revision, deadline).await }, header)
    }

    #[pyo3(signature = (ttl_s, renew, timeout_s, done=None))]
    fn grant(
        &self,
        py: Python<'_>,
        ttl_s: i64,
        renew: bool,
        timeout_s: f64,
        done: Option<Py<PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let (etcd, deadline) = (self.etcd()?, deadline(timeout_s)?);
        let work = async move { etcd.grant(ttl_s, renew, deadline).await };
        go(py, done, work, |py, lease| Ok(Py::new(py, Lease::new(lease))?.into_any()))
    }

    #[pyo3(signature = (name, value, lease, timeout_s, done=None))]
    fn lock(
        &self,
        py: Python<'_>,
        name: Vec<u8>,
        value: Vec<u8>,
        lease: &Lease,
        timeout_s: f64,
        done: Option<Py<PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let (etcd, deadline, lease) = (self.etcd()?, deadline(timeout_s)?, lease.shared());
        let work = async move { etcd.lock(&name, value, &lease, deadline).await };
        go(py, done, work, |py, lock| (lock.key, lock.fence, lock.lease_id).into_py_any(py))
    }

    #[pyo3(signature = (key, fence, lease_id, timeout_s, done=None))]
    fn unlock(
        &self,
        py: Python<'_>,
        key: Vec<u8>,
        fence: i64,
        lease_id: i64,
        timeout_s: f64,
        done: Option<Py<PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let (etcd, deadline) = (self.etcd()?, deadline(timeout_s)?);
        let lock = coordination::client::Lock { key, fence, lease_id };
        go(py, done, async move { etcd.unlock(&lock, deadline).await }, |py, held| held.into_py_any(py))
    }

    #[pyo3(signature = (key, prefix, after, silence_max_s, audit_every_s))]
    fn watch(
        &self,
        key: Vec<u8>,
        prefix: bool,
        after: Option<(u64, i64, i64)>,
        silence_max_s: f64,
        audit_every_s: f64,
    ) -> PyResult<Watch> {
        let mut options = WatchOptions::new(keys(key, prefix));
        options.after = after.map(|(cluster_id, generation, revision)| coordination::client::Position {
            cluster_id,
            generation,
            revision,
        });
        options.silence_max = Duration::from_secs_f64(silence_max_s);
        options.audit_every = Duration::from_secs_f64(audit_every_s);
        let _within = runtime()?.enter();
        Ok(Watch::new(self.etcd()?.watch(options)))
    }

    #[pyo3(signature = (timeout_s, done=None))]
    fn status(&self, py: Python<'_>, timeout_s: f64, done: Option<Py<PyAny>>) -> PyResult<Py<PyAny>> {
        let (etcd, deadline) = (self.etcd()?, deadline(timeout_s)?);
        go(py, done, async move { Ok(etcd.status(deadline).await) }, |py, members| {
            let rows = members.into_iter().map(|one| {
                let ids = (one.header.cluster_id, one.header.member_id, one.leader_id);
                let sizes = (one.header.revision, one.raft_term, one.database_bytes);
                (one.endpoint, one.error, one.version, ids, sizes, one.is_learner, one.alarms)
            });
            rows.collect::<Vec<_>>().into_py_any(py)
        })
    }

    #[pyo3(signature = (member, revision, timeout_s, done=None))]
    fn hash(
        &self,
        py: Python<'_>,
        member: usize,
        revision: i64,
        timeout_s: f64,
        done: Option<Py<PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let (etcd, deadline) = (self.etcd()?, deadline(timeout_s)?);
        if member >= etcd.config().endpoints.len() {
            return Err(PyValueError::new_err(format!("member is {member}; allowed: less than the endpoints there are")));
        }
        go(py, done, async move { etcd.hash(member, revision, deadline).await }, |py, hash| hash.into_py_any(py))
    }

    #[pyo3(signature = (path, timeout_s, done=None))]
    fn snapshot(&self, py: Python<'_>, path: PathBuf, timeout_s: f64, done: Option<Py<PyAny>>) -> PyResult<Py<PyAny>> {
        let (etcd, deadline) = (self.etcd()?, deadline(timeout_s)?);
        go(py, done, async move { etcd.snapshot(&path, deadline).await }, |py, bytes| bytes.into_py_any(py))
    }

    #[pyo3(signature = (role, permissions, timeout_s, done=None))]
    fn add_role(
        &self,
        py: Python<'_>,
        role: String,
        permissions: Vec<(Vec<u8>, bool, String)>,
        timeout_s: f64,
        done: Option<Py<PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let (etcd, deadline) = (self.etcd()?, deadline(timeout_s)?);
        let permissions = permissions.into_iter().map(permission).collect::<PyResult<Vec<_>>>()?;
        go(py, done, async move { etcd.add_role(&role, &permissions, deadline).await }, nothing)
    }

    #[pyo3(signature = (user, password, roles, timeout_s, done=None))]
    fn add_user(
        &self,
        py: Python<'_>,
        user: String,
        password: Option<String>,
        roles: Vec<String>,
        timeout_s: f64,
        done: Option<Py<PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let (etcd, deadline) = (self.etcd()?, deadline(timeout_s)?);
        let work = async move {
            if user.is_empty() {
                return Err(Error::new(Kind::Refused, "user is empty; allowed: a name"));
            }
            etcd.add_user(&user, password.as_deref(), &roles, deadline).await
        };
        go(py, done, work, nothing)
    }

    #[pyo3(signature = (timeout_s, done=None))]
    fn require_users(&self, py: Python<'_>, timeout_s: f64, done: Option<Py<PyAny>>) -> PyResult<Py<PyAny>> {
        let (etcd, deadline) = (self.etcd()?, deadline(timeout_s)?);
        go(py, done, async move { etcd.require_users(deadline).await }, nothing)
    }
}

fn permission((key, prefix, access): (Vec<u8>, bool, String)) -> PyResult<Permission> {
    let access = match access.as_str() {
        "read" => Access::Read,
        "write" => Access::Write,
        "read-write" => Access::ReadWrite,
        other => return Err(PyValueError::new_err(format!("access is {other:?}; allowed: read, write, read-write"))),
    };
    Ok(Permission { keys: keys(key, prefix), access })
}

/// Whether a server of this version is safe to use.
#[pyfunction]
pub fn version_is_safe(version: &str) -> bool {
    coordination::client::version_is_safe(version)
}
