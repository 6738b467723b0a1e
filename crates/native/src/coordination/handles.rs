//! Watches and leases for Python.

use std::sync::Arc;
use std::time::{Duration, Instant};

use coordination::client::{Delivery, Position};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use tokio::time::timeout;

use super::answers::{KeyValue, go, raise};
use super::client::deadline;

/// A running watch.
#[pyclass(frozen, module = "meridian._native.coordination")]
pub struct Watch(Arc<coordination::client::Watch>);

impl Watch {
    pub fn new(watch: coordination::client::Watch) -> Self {
        Self(Arc::new(watch))
    }
}

fn place(position: Position) -> (u64, i64, i64) {
    (position.cluster_id, position.generation, position.revision)
}

fn delivery(py: Python<'_>, delivered: Option<Delivery>) -> PyResult<Py<PyAny>> {
    match delivered {
        None => Ok(py.None()),
        Some(Delivery::Resync { reason, position, key_values }) => {
            let all = key_values.into_iter().map(|one| Py::new(py, KeyValue(one))).collect::<PyResult<Vec<_>>>()?;
            (reason.name(), place(position), all).into_py_any(py)
        }
        Some(Delivery::Changes { position, changes }) => {
            let each = changes.into_iter().map(|one| Ok((one.deleted, Py::new(py, KeyValue(one.key_value))?)));
            ("", place(position), each.collect::<PyResult<Vec<_>>>()?).into_py_any(py)
        }
    }
}

#[pymethods]
impl Watch {
    /// The next delivery: (reason, position, keys), where a reason means the full set; or ("", position, changes). None when
    /// there was none in time; without a time it waits as long as it takes.
    #[pyo3(signature = (timeout_s=None, done=None))]
    fn next(&self, py: Python<'_>, timeout_s: Option<f64>, done: Option<Py<PyAny>>) -> PyResult<Py<PyAny>> {
        let watch = self.0.clone();
        let wait = timeout_s.map(Duration::from_secs_f64);
        let work = async move {
            match wait {
                None => watch.next().await.map(Some),
                Some(wait) => timeout(wait, watch.next()).await.ok().transpose(),
            }
        };
        go(py, done, work, delivery)
    }

    /// How it is.
    fn status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let status = self.0.status();
        let all = PyDict::new(py);
        all.set_item("live", status.live)?;
        all.set_item("position", place(status.position))?;
        all.set_item("silent_s", Instant::now().saturating_duration_since(status.heard).as_secs_f64())?;
        all.set_item("endpoint", status.endpoint)?;
        all.set_item("reconnects", status.reconnects)?;
        all.set_item("resyncs", status.resyncs)?;
        all.set_item("repeated", status.repeated)?;
        all.set_item("audits", status.audits)?;
        all.set_item("audits_failed", status.audits_failed)?;
        all.set_item("last_error", status.last_error)?;
        Ok(all)
    }

    /// Ends it.
    fn close(&self) {
        self.0.close();
    }
}

/// A lease of ours.
#[pyclass(frozen, module = "meridian._native.coordination")]
pub struct Lease(Arc<coordination::client::Lease>);

impl Lease {
    pub fn new(lease: coordination::client::Lease) -> Self {
        Self(Arc::new(lease))
    }

    pub fn shared(&self) -> Arc<coordination::client::Lease> {
        self.0.clone()
    }
}

#[pymethods]
impl Lease {
    /// The store's name for it.
    #[getter]
    fn id(&self) -> i64 {
        self.0.id()
    }

    /// How long it lasts after a renewal.
    #[getter]
    fn ttl_s(&self) -> u64 {
        self.0.ttl().as_secs()
    }

    /// How long it still lasts without a renewal; 0 when it is lost.
    #[getter]
    fn remaining_s(&self) -> f64 {
        self.0.remaining().as_secs_f64()
    }

    /// Raises LeaseLost unless it surely still holds.
    fn check(&self, py: Python<'_>) -> PyResult<()> {
        self.0.check().map_err(|error| raise(py, &error))
    }

    #[pyo3(signature = (timeout_s, done=None))]
    fn renew(&self, py: Python<'_>, timeout_s: f64, done: Option<Py<PyAny>>) -> PyResult<Py<PyAny>> {
        let (lease, deadline) = (self.0.clone(), deadline(timeout_s)?);
        go(py, done, async move { lease.renew(deadline).await }, |py, ()| Ok(py.None()))
    }

    #[pyo3(signature = (timeout_s, done=None))]
    fn revoke(&self, py: Python<'_>, timeout_s: f64, done: Option<Py<PyAny>>) -> PyResult<Py<PyAny>> {
        let (lease, deadline) = (self.0.clone(), deadline(timeout_s)?);
        go(py, done, async move { lease.revoke(deadline).await }, |py, ()| Ok(py.None()))
    }

    /// Stops its renewal by itself; it runs out.
    fn stop(&self) {
        self.0.stop();
    }
}
