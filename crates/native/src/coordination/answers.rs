//! How a call waits or reports later, and what answers and errors are in Python.
//!
//! Invariant: the runtime's own threads never wait for the interpreter: answers for `done` go through one thread made for it, so
//! that a busy interpreter cannot hold up the renewal of a lease.

use std::future::Future;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use coordination::client::{Error, Kind, Result};
use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tokio::runtime::Runtime;
use tokio::task::AbortHandle;

create_exception!(meridian._native.coordination, EtcdError, PyException, "What the coordination store reports.");
create_exception!(meridian._native.coordination, Unreachable, EtcdError, "No member answered; nothing was done.");
create_exception!(meridian._native.coordination, NoQuorum, Unreachable, "Members answer and have no leader.");
create_exception!(meridian._native.coordination, OutcomeUnknown, EtcdError, "A write may or may not have been done.");
create_exception!(meridian._native.coordination, Unauthenticated, EtcdError, "The store does not know this user.");
create_exception!(meridian._native.coordination, Forbidden, EtcdError, "This user may not do this.");
create_exception!(meridian._native.coordination, CertificateRefused, EtcdError, "A certificate was refused or missing.");
create_exception!(meridian._native.coordination, Compacted, EtcdError, "The revision is compacted away.");
create_exception!(meridian._native.coordination, LeaseLost, EtcdError, "The lease has expired or was revoked.");
create_exception!(meridian._native.coordination, StoreReplaced, EtcdError, "Another store, or an earlier state, stands there.");
create_exception!(meridian._native.coordination, TooOld, EtcdError, "The server's version is not safe.");
create_exception!(meridian._native.coordination, Corrupt, EtcdError, "The store's members disagree.");
create_exception!(meridian._native.coordination, Refused, EtcdError, "The store refused the request.");

pub fn add_errors(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    for class in [
        py.get_type::<EtcdError>(),
        py.get_type::<Unreachable>(),
        py.get_type::<NoQuorum>(),
        py.get_type::<OutcomeUnknown>(),
        py.get_type::<Unauthenticated>(),
        py.get_type::<Forbidden>(),
        py.get_type::<CertificateRefused>(),
        py.get_type::<Compacted>(),
        py.get_type::<LeaseLost>(),
        py.get_type::<StoreReplaced>(),
        py.get_type::<TooOld>(),
        py.get_type::<Corrupt>(),
        py.get_type::<Refused>(),
    ] {
        module.add(class.name()?, &class)?;
    }
    Ok(())
}

pub fn raise(py: Python<'_>, error: &Error) -> PyErr {
    let message = error.message.clone();
    let raised = match error.kind {
        Kind::Unreachable => Unreachable::new_err(message),
        Kind::NoQuorum => NoQuorum::new_err(message),
        Kind::OutcomeUnknown => OutcomeUnknown::new_err(message),
        Kind::Unauthenticated => Unauthenticated::new_err(message),
        Kind::Forbidden => Forbidden::new_err(message),
        Kind::CertificateRefused => CertificateRefused::new_err(message),
        Kind::Compacted => Compacted::new_err(message),
        Kind::LeaseLost => LeaseLost::new_err(message),
        Kind::StoreReplaced => StoreReplaced::new_err(message),
        Kind::TooOld => TooOld::new_err(message),
        Kind::Corrupt => Corrupt::new_err(message),
        Kind::Refused => Refused::new_err(message),
    };
    if error.kind == Kind::Compacted {
        let _ = raised.value(py).setattr("compact_revision", error.compact_revision);
    }
    raised
}

/// A key with its value and history.
#[pyclass(frozen, eq, module = "meridian._native.coordination")]
#[derive(PartialEq, Eq)]
pub struct KeyValue(pub coordination::client::KeyValue);

#[pymethods]
impl KeyValue {
    /// The key. Bytes that are no UTF-8 are kept as lone surrogates.
    #[getter]
    fn key<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match std::str::from_utf8(&self.0.key) {
            Ok(text) => Ok(text.into_pyobject(py)?.into_any()),
            Err(_) => PyBytes::new(py, &self.0.key).call_method1("decode", ("utf-8", "surrogateescape")),
        }
    }

    /// The value.
    #[getter]
    fn value<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.value)
    }

    /// Revision at which the key came to be.
    #[getter]
    fn create_revision(&self) -> i64 {
        self.0.create_revision
    }

    /// Revision of its last change.
    #[getter]
    fn mod_revision(&self) -> i64 {
        self.0.mod_revision
    }

    /// Changes since it came to be.
    #[getter]
    fn version(&self) -> i64 {
        self.0.version
    }

    /// The lease it goes with; 0 for none.
    #[getter]
    fn lease(&self) -> i64 {
        self.0.lease
    }

    fn __repr__(&self) -> String {
        let (key, value) = (String::from_utf8_lossy(&self.0.key), String::from_utf8_lossy(&self.0.value));
        format!("KeyValue({key:?}, {value:?}, mod_revision={})", self.0.mod_revision)
    }
}

/// A call that reports later.
#[pyclass(frozen, module = "meridian._native.coordination")]
pub struct Pending(AbortHandle);

#[pymethods]
impl Pending {
    /// Gives it up; `done` is not called any more, unless it was about to be.
    fn cancel(&self) {
        self.0.abort();
    }
}

/// The runtime of this process. A fork gets one of its own; clients made before it refuse.
pub fn runtime() -> PyResult<&'static Runtime> {
    static HELD: Mutex<Option<(u32, &'static Runtime)>> = Mutex::new(None);
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    let process = std::process::id();
    if let Some((owner, runtime)) = *held
        && owner == process
    {
        return Ok(runtime);
    }
    let made = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("etcd-client")
        .enable_all()
        .build()
        .map_err(|error| PyRuntimeError::new_err(format!("no threads for the store's client: {error}")))?;
    let made: &'static Runtime = Box::leak(Box::new(made));
    *held = Some((process, made));
    Ok(made)
}

type Report = Box<dyn FnOnce(Python<'_>) + Send>;

/// Hands a report to the thread that calls back into Python.
fn report(what: Report) {
    static SENDER: OnceLock<Mutex<(u32, Sender<Report>)>> = OnceLock::new();
    let begin = || {
        let (sender, receiver) = channel::<Report>();
        let run = move || {
            for report in receiver {
                // No interpreter any more: nobody waits for the answer.
                let _ = Python::try_attach(report);
            }
        };
        std::thread::Builder::new().name("etcd-answers".into()).spawn(run).expect("a thread for answers");
        (std::process::id(), sender)
    };
    let mut held = SENDER.get_or_init(|| Mutex::new(begin())).lock().unwrap_or_else(PoisonError::into_inner);
    if held.0 != std::process::id() {
        *held = begin();
    }
    let _ = held.1.send(what);
}

const SIGNALS_EVERY: Duration = Duration::from_millis(50);

/// Does `work` and converts its answer: now, with signals heard, or later through `done`.
pub fn go<T, W, C>(py: Python<'_>, done: Option<Py<PyAny>>, work: W, convert: C) -> PyResult<Py<PyAny>>
where
    T: Send + 'static,
    W: Future<Output = Result<T>> + Send + 'static,
    C: FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
{
    let runtime = runtime()?;
    let Some(done) = done else {
        let answer = py.detach(|| runtime.block_on(until_signal(work)))?;
        return answer.map_err(|error| raise(py, &error)).and_then(|answer| convert(py, answer));
    };
    let task = runtime.spawn(async move {
        let answer = work.await;
        report(Box::new(move |py| {
            let outcome = answer.map_err(|error| raise(py, &error)).and_then(|answer| convert(py, answer));
            let called = match outcome {
                Ok(value) => done.call1(py, (value, py.None())),
                Err(error) => done.call1(py, (py.None(), error.into_value(py))),
            };
            if let Err(error) = called {
                error.write_unraisable(py, None);
            }
        }));
    });
    Ok(Py::new(py, Pending(task.abort_handle()))?.into_any())
}

async fn until_signal<T>(work: impl Future<Output = T>) -> PyResult<T> {
    tokio::pin!(work);
    loop {
        tokio::select! {
            answer = &mut work => return Ok(answer),
            () = tokio::time::sleep(SIGNALS_EVERY) => Python::attach(|py| py.check_signals())?,
        }
    }
}
