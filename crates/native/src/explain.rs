//! `meridian._native.engine.paths` and `ouch_bytes`: how orders came to be, out of a replay, and what a gateway sent of them.
//!
//! Invariant: a replay says it all: the record that came in, what strategies were called with in that pass and asked for, what
//! the checks looked at; bytes are made by the gateway's own code from its own journal.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::rc::Rc;

use engine::{Engine, EventRef, Host, Outbox, ReplayError, Settable, Wants};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use records::{
    CallStatus, Callback, CancelOrder, Header, INTENTS_MAX, KeptState, OrdersView, Owner, Parameter, RecordRef,
    ReplaceOrder, Slot, StateError, StateReader, StateWriter, bytes_of, read_from,
};
use strategies::{CompiledHost, Hosts, RustHost};
use venues::gateway::{Ouch, OuchConfig};

/// One call of a strategy, and what it asked for.
#[derive(Clone)]
struct Call {
    slot: u8,
    callback: u8,
    intents: Vec<Vec<u8>>,
}

/// What a pass did, until the next one begins.
#[derive(Default)]
struct Pass {
    calls: Vec<Call>,
    commands: Vec<Vec<u8>>,
}

type Shared = Rc<RefCell<Pass>>;

/// A host that notes its calls.
struct Watching {
    host: Hosts,
    pass: Shared,
}

impl Host for Watching {
    fn load(&mut self, slot: &Slot) -> Result<(), CallStatus> {
        self.host.load(slot)
    }

    fn set_parameter(&mut self, parameter: &Parameter) -> Result<(), CallStatus> {
        self.host.set_parameter(parameter)
    }

    fn settable(&self, parameter: &Parameter) -> Settable {
        self.host.settable(parameter)
    }

    fn save(&mut self, slot: u8, say: &mut dyn FnMut(KeptState)) {
        self.host.save(slot, say);
    }

    fn restore(&mut self, record: &KeptState) -> Result<(), CallStatus> {
        self.host.restore(record)
    }

    fn reset(&mut self, slot: u8) {
        self.host.reset(slot);
    }

    fn call(&mut self, slot: u8, callback: Callback, event: EventRef<'_>, orders: &mut OrdersView) -> u32 {
        let status = self.host.call(slot, callback, event, orders);
        let count = (orders.intents_count as usize).min(INTENTS_MAX);
        if count > 0 {
            let intents = orders.intents[..count].iter().map(|intent| bytes_of(intent).to_vec()).collect();
            self.pass.borrow_mut().calls.push(Call { slot, callback: callback as u8, intents });
        }
        status
    }

    fn wants(&self, slot: u8) -> Wants {
        self.host.wants(slot)
    }

    fn state_hash(&self, slot: u8) -> u64 {
        self.host.state_hash(slot)
    }

    fn save_state(&self, slot: u8, out: &mut StateWriter) {
        self.host.save_state(slot, out);
    }

    fn load_state(&mut self, slot: u8, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.host.load_state(slot, from)
    }

    fn forget(&mut self, slot: u8) {
        self.host.forget(slot);
    }
}

struct Noting(Shared);

impl Outbox for Noting {
    fn command(&mut self, _venue: u16, record: &[u8]) {
        self.0.borrow_mut().commands.push(record.to_vec());
    }

    fn output(&mut self, _record: &[u8]) {}
}

/// A command of an order that was asked for.
struct Command {
    input: u64,
    time_ns: u64,
    record: Vec<u8>,
    cause: Vec<u8>,
    book: Vec<u8>,
    calls: Vec<Call>,
    checks: Vec<(u8, u32, u32, i128, i128)>,
}

#[derive(Default)]
struct Paths {
    wanted: BTreeSet<u64>,
    /// Order, the one it replaces, venue, the venue's reference, when it was sent.
    ids: BTreeMap<u64, (u64, u16, u64, u64)>,
    commands: Vec<Command>,
    reports: Vec<(u64, u64, Vec<u8>)>,
    input: u64,
}

impl Paths {
    fn take(&mut self, record: &[u8], engine: &Engine, pass: &Shared) {
        self.input += 1;
        let time_ns = engine.time_ns();
        if let Ok(RecordRef::OrderEvent(event)) = records::parse(record) {
            if let Some(id) = self.ids.get_mut(&event.owner.order_id)
                && event.venue_order_ref != 0
            {
                id.2 = event.venue_order_ref;
            }
            if self.wanted.contains(&event.owner.order_id) || self.wanted.contains(&event.original_id) {
                self.reports.push((self.input, time_ns, record.to_vec()));
            }
        }
        let mut pass = pass.borrow_mut();
        for command in pass.commands.drain(..).collect::<Vec<_>>() {
            let (Some(header), Some(owner)) =
                (read_from::<Header>(&command), command.get(size_of::<Header>()..).and_then(read_from::<Owner>))
            else {
                continue;
            };
            let original = read_from::<ReplaceOrder>(&command)
                .filter(|order| order.header.kind == records::Kind::ReplaceOrder as u16)
                .map_or(0, |order| order.original_id);
            self.ids.entry(owner.order_id).or_insert((original, header.venue, 0, time_ns));
            if !self.wanted.contains(&owner.order_id) {
                continue;
            }
            let checks = engine.checks_of(owner.order_id);
            let view = engine.book_view(header.venue, header.instrument);
            self.commands.push(Command {
                input: self.input,
                time_ns,
                cause: record.to_vec(),
                book: view.map_or_else(Vec::new, |view| bytes_of(view).to_vec()),
                calls: pass.calls.clone(),
                checks: checks
                    .iter()
                    .map(|check| (check.code.code(), check.limit, check.node, check.bound, check.observed))
                    .collect(),
                record: command,
            });
        }
        pass.calls.clear();
    }
}

/// Folds an engine's journal for how orders came to be: `ids`, every order (id, the one it replaces, venue, the venue's
/// reference, when sent); and of the wanted ones `commands`, each with its cause, book, calls and checks, and `reports`.
///
/// Raises FileNotFoundError when there is no journal, ValueError when it is damaged or not an engine's.
#[pyfunction]
#[pyo3(signature = (directory, libraries, wanted))]
pub fn paths(
    py: Python<'_>,
    directory: PathBuf,
    libraries: Option<PathBuf>,
    wanted: Vec<u64>,
) -> PyResult<Bound<'_, PyDict>> {
    let found = py.detach(|| {
        let pass = Shared::default();
        let compiled = CompiledHost::new(libraries.as_deref().unwrap_or(std::path::Path::new("")));
        let host = Hosts::new(vec![Box::new(compiled), Box::new(RustHost::default())]);
        let watching = Box::new(Watching { host, pass: Rc::clone(&pass) });
        let mut paths = Paths { wanted: wanted.into_iter().collect(), ..Paths::default() };
        let mut noting = Noting(Rc::clone(&pass));
        let replay = engine::replay(&directory, watching, &mut noting, &mut |record, engine| {
            paths.take(record, engine, &pass);
        })?;
        Ok::<_, ReplayError>((paths, replay.agrees()))
    });
    let (found, agrees) = found.map_err(|error| crate::engine::raised(&error))?;
    let entry = PyDict::new(py);
    entry.set_item("agrees", agrees)?;
    let ids = found
        .ids
        .iter()
        .map(|(id, (original, venue, venue_ref, time_ns))| (*id, *original, *venue, *venue_ref, *time_ns));
    entry.set_item("ids", PyList::new(py, ids)?)?;
    let commands = found.commands.iter().map(|command| command_entry(py, command)).collect::<PyResult<Vec<_>>>()?;
    entry.set_item("commands", PyList::new(py, commands)?)?;
    let reports = found.reports.iter().map(|(input, time_ns, record)| (*input, *time_ns, PyBytes::new(py, record)));
    entry.set_item("reports", PyList::new(py, reports)?)?;
    Ok(entry)
}

fn command_entry<'py>(py: Python<'py>, command: &Command) -> PyResult<Bound<'py, PyDict>> {
    let entry = PyDict::new(py);
    entry.set_item("input", command.input)?;
    entry.set_item("time_ns", command.time_ns)?;
    entry.set_item("record", PyBytes::new(py, &command.record))?;
    entry.set_item("cause", PyBytes::new(py, &command.cause))?;
    entry.set_item("book", PyBytes::new(py, &command.book))?;
    let calls = command.calls.iter().map(|call| {
        let intents: Vec<_> = call.intents.iter().map(|intent| PyBytes::new(py, intent)).collect();
        (call.slot, call.callback, intents)
    });
    entry.set_item("calls", PyList::new(py, calls)?)?;
    entry.set_item("checks", command.checks.clone())?;
    Ok(entry)
}

/// When it was journaled, kind of command, order, its number at the venue, bytes.
type SentBytes<'py> = (u64, u16, u64, u32, Bound<'py, PyBytes>);

/// Orders of a session's whole day.
const ORDERS_MAX: usize = 1 << 16;
const MESSAGE_BYTES_MAX: usize = 256;

/// What an OUCH gateway sent of orders, made again by its own code from its journal: (when it was journaled, kind of command,
/// order, its number at the venue, bytes). `symbols`: the venue's by instrument. Cancels are not journaled; each order's is
/// made too, as it would be.
///
/// Raises FileNotFoundError when there is no journal, ValueError when it is damaged.
#[pyfunction]
pub fn ouch_bytes<'py>(
    py: Python<'py>,
    directory: PathBuf,
    symbols: Vec<(u32, String)>,
    midnight_ns: u64,
) -> PyResult<Vec<SentBytes<'py>>> {
    let raised = |error: journal::JournalError| crate::journal::raised(&error);
    let padded = |text: &str| {
        let mut symbol = [b' '; 8];
        symbol.iter_mut().zip(text.bytes()).for_each(|(place, letter)| *place = letter);
        symbol
    };
    let symbols = symbols.iter().map(|(instrument, symbol)| (*instrument, padded(symbol))).collect();
    let mut ouch = Ouch::new(OuchConfig { venue: 0, source: 0, symbols, midnight_ns }, ORDERS_MAX);
    let mut reader = journal::Reader::open_whole(&directory).map_err(raised)?;
    let (mut found, mut out) = (Vec::new(), [0; MESSAGE_BYTES_MAX]);
    while let Some((stamp, record)) = reader.next().map_err(raised)? {
        let (kind, id, written) = match records::parse(record) {
            Ok(RecordRef::NewOrder(order)) => {
                (order.header.kind, order.owner.order_id, ouch.enter(&order, stamp.time_ns, &mut out).ok())
            }
            Ok(RecordRef::ReplaceOrder(order)) => {
                (order.header.kind, order.owner.order_id, ouch.replace(&order, stamp.time_ns, &mut out).ok())
            }
            _ => continue,
        };
        let Some(bytes) = written else { continue };
        let number = ouch.orders.reference(id).unwrap_or(0);
        found.push((stamp.time_ns, kind, id, number, PyBytes::new(py, &out[..bytes])));
        if let Ok(bytes) = ouch.cancel_reference(number, 0, &mut out) {
            found.push((0, CancelOrder::new().header.kind, id, number, PyBytes::new(py, &out[..bytes])));
        }
    }
    Ok(found)
}
