//! The region agent's state machine for the process around it. Times are ns UTC; keys are text, values and records bytes.

use coordination::agent as machine;
use coordination::agent::{Action, AgentConfig, Entry, StoreEvent};
use coordination::keys;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3::{IntoPyObjectExt, Py, PyAny, Python};

fn bad(why: impl ToString) -> PyErr {
    PyValueError::new_err(why.to_string())
}

/// A region's agent: events in, actions out. Every event tells the time first.
#[pyclass(module = "meridian._native.coordination")]
pub struct Agent(machine::Agent);

#[pymethods]
impl Agent {
    /// From its configuration as JSON. Raises ValueError.
    #[new]
    fn new(config_json: &str) -> PyResult<Self> {
        let config: AgentConfig = serde_json::from_str(config_json).map_err(bad)?;
        Ok(Self(machine::Agent::new(config)))
    }

    /// Time passes.
    fn on_tick(&mut self, now_ns: u64) {
        self.0.on_tick(now_ns);
    }

    /// Everything below the root: (key, value, revision that wrote it) each.
    fn on_reset(&mut self, now_ns: u64, cluster: u64, revision: u64, entries: Vec<(String, Vec<u8>, u64)>) {
        self.0.on_tick(now_ns);
        let entries = entries.into_iter().map(|(key, value, revision)| Entry { key, value, revision }).collect();
        self.0.on_store(StoreEvent::Reset { cluster, revision, entries });
    }

    /// A key was written.
    fn on_put(&mut self, now_ns: u64, key: String, value: Vec<u8>, revision: u64) {
        self.0.on_tick(now_ns);
        self.0.on_store(StoreEvent::Put(Entry { key, value, revision }));
    }

    /// A key was taken away.
    fn on_delete(&mut self, now_ns: u64, key: String, revision: u64) {
        self.0.on_tick(now_ns);
        self.0.on_store(StoreEvent::Delete { key, revision });
    }

    /// Everything up to this revision was told.
    fn on_progress(&mut self, now_ns: u64, revision: u64) {
        self.0.on_tick(now_ns);
        self.0.on_store(StoreEvent::Progress(revision));
    }

    /// The store does not answer.
    fn on_store_lost(&mut self, now_ns: u64) {
        self.0.on_tick(now_ns);
        self.0.on_store(StoreEvent::Lost);
    }

    /// What became of a write.
    fn on_stored(&mut self, key: &str, done: bool) {
        self.0.on_stored(key, done);
    }

    /// The membership's lease ended.
    fn on_lease_lost(&mut self) {
        self.0.on_lease_lost();
    }

    /// Outputs of the engine.
    fn on_engine(&mut self, now_ns: u64, outputs: Vec<Vec<u8>>) {
        self.0.on_tick(now_ns);
        for output in outputs {
            self.0.on_engine(&output);
        }
    }

    /// Outputs of the engine were lost.
    fn on_engine_lost(&mut self, count: u64) {
        self.0.on_engine_lost(count);
    }

    /// A datagram of another region's agent, its sender proved.
    fn on_peer(&mut self, now_ns: u64, datagram: &[u8]) {
        self.0.on_tick(now_ns);
        self.0.on_peer(datagram);
    }

    /// A kill through the local socket, as JSON. Raises ValueError with a sentence; nothing is done then.
    fn on_local_kill(&mut self, now_ns: u64, kill_json: &str) -> PyResult<()> {
        let kill: machine::LocalKill = serde_json::from_str(kill_json).map_err(bad)?;
        if let Some(problem) = self.0.local_kill_problem(&kill) {
            return Err(bad(problem));
        }
        self.0.on_tick(now_ns);
        self.0.on_local_kill(kill).map_err(bad)
    }

    /// What is to be done now, in order: (`engine`, record), (`store`, key, value or None, leased), (`peers`, datagram),
    /// (`resync`,), (`remember`, JSON).
    fn actions(&mut self, py: Python<'_>) -> PyResult<Vec<Py<PyAny>>> {
        let mut actions = Vec::new();
        while let Some(action) = self.0.next_action() {
            actions.push(match action {
                Action::ToEngine(record) => ("engine", PyBytes::new(py, &record)).into_py_any(py)?,
                Action::ToStore { key, value, lease } => ("store", key, value, lease).into_py_any(py)?,
                Action::ToPeers(datagram) => ("peers", PyBytes::new(py, &datagram)).into_py_any(py)?,
                Action::Resync => ("resync",).into_py_any(py)?,
                Action::Remember(memory) => ("remember", serde_json::to_string(&memory).map_err(bad)?).into_py_any(py)?,
            });
        }
        Ok(actions)
    }

    /// All that is known, as JSON.
    fn status(&self) -> String {
        self.0.status().to_string()
    }
}

/// The region that a datagram says it is from; None for what is no datagram.
#[pyfunction]
pub fn datagram_region(datagram: &[u8]) -> Option<String> {
    machine::datagram_region(datagram)
}

/// A key that agents know, by its name and fields, as `crates/coordination` builds it. Raises ValueError.
#[pyfunction]
#[pyo3(signature = (name, *fields))]
pub fn agent_key(name: &str, fields: Vec<String>) -> PyResult<String> {
    let number = |text: &String| text.parse::<u32>().map_err(bad);
    Ok(match (name, fields.as_slice()) {
        ("limits", [limit]) => keys::limit(number(limit)?),
        ("parts", [limit, holder]) => keys::part(number(limit)?, holder),
        ("kill", [node, selector]) => keys::kill(&format!("{}/{selector}", keys::quoted(node))),
        ("epochs", [holder]) => keys::epoch(holder),
        ("local", [region, place]) => keys::local_kill(region, place),
        ("acks", [region, key]) => keys::ack(region, key),
        (what @ ("regions" | "positions" | "usage" | "slots" | "sessions"), [region]) => keys::of_region(what, region),
        _ => return Err(bad(format!("{name} with {} fields: no key of an agent", fields.len()))),
    })
}
