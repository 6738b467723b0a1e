//! `meridian._native.strategies`: opening object code, calling strategies from Python, hosts for an engine.
//!
//! Invariant: a plain strategy is called over the same record and views as a compiled one; an exception that leaves Python
//! is a failed callback, never a panic.

use std::path::PathBuf;
use std::sync::Arc;

use engine::{Engine, EngineConfig, EventRef, Host, Outbox, Settable, Wants};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use records::{
    AuctionView, BookView, CallStatus, Callback, ConsolidatedView, FillView, KeptState, MultiLegView, OrderView, OrdersView, Parameter,
    Plain, RiskView, Side, SignalView, Slot, Stamp, StateError, StateReader, StateWriter, StatusView, TimerView, TradeView, UNDEF_PRICE,
};
use strategies::{CompiledHost, Failure, Hosts, KeptPlace, Library, LoadError, Orders, ParameterPlace, RustHost, SlotRecord, measure_calls, time_calls};

/// Adds this room's classes and functions.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<StrategyHosts>()?;
    module.add_class::<SlotRunner>()?;
    module.add_class::<Fold>()?;
    module.add_function(wrap_pyfunction!(bench_call, module)?)?;
    module.add_function(wrap_pyfunction!(ask, module)?)
}

fn refused(error: &LoadError) -> PyErr {
    PyValueError::new_err(format!("{error}."))
}

/// What a Python `Plain` tells of itself, and the object.
struct PlainClass {
    object: Py<PyAny>,
    initial: Vec<u8>,
    state_offset: usize,
    parameters: Vec<ParameterPlace>,
    kept: Vec<KeptPlace>,
    wants: Wants,
}

impl PlainClass {
    fn read(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let initial: Vec<u8> = object.getattr("initial")?.extract()?;
        let state_offset: usize = object.getattr("state_offset")?.extract()?;
        let listed: Vec<(String, u32, u32)> = object.getattr("parameters")?.extract()?;
        let parameters = listed
            .into_iter()
            .map(|(text, offset, scalar)| ParameterPlace { name: padded(&text), offset, scalar })
            .collect();
        let listed: Vec<(String, u32, u32, u32)> = object.getattr("kept")?.extract()?;
        let kept = listed
            .into_iter()
            .map(|(text, offset, scalar, length)| KeptPlace { name: padded(&text), offset, scalar, length, reserved: 0 })
            .collect();
        if initial.is_empty() || !initial.len().is_multiple_of(8) || state_offset > initial.len() {
            return Err(PyValueError::new_err("The record of a plain strategy is a positive multiple of 8 bytes."));
        }
        let reads: u64 = object.getattr("reads")?.extract()?;
        let has: Vec<u8> = object.getattr("callbacks")?.extract()?;
        let wants = Wants::new(reads, |callback| has.contains(&callback.code()));
        Ok(Self { object: object.clone().unbind(), initial, state_offset, parameters, kept, wants })
    }
}

/// A name, padded with zeros.
fn padded(text: &str) -> [u8; 32] {
    let mut name = [0; 32];
    let count = text.len().min(name.len() - 1);
    name[..count].copy_from_slice(&text.as_bytes()[..count]);
    name
}

/// Runs plain Python strategies in the fold: by the code hash that they were added under, with the GIL taken for each call.
struct PlainHost {
    classes: Vec<([u8; 32], Arc<PlainClass>)>,
    slots: Vec<Option<(Arc<PlainClass>, SlotRecord)>>,
}

impl PlainHost {
    fn new(classes: Vec<([u8; 32], Arc<PlainClass>)>) -> Self {
        Self { classes, slots: (0..=u8::MAX).map(|_| None).collect() }
    }

    fn put(&mut self, slot: u8, class: Arc<PlainClass>) {
        let before = self.slots[usize::from(slot)].as_ref().map(|(_, record)| record);
        let record = SlotRecord::new(&class.initial, class.state_offset, &class.parameters);
        let record = record.keeping(&class.kept, before);
        self.slots[usize::from(slot)] = Some((class, record));
    }
}

impl Host for PlainHost {
    fn load(&mut self, slot: &Slot) -> Result<(), CallStatus> {
        let found = self.classes.iter().find(|(hash, _)| *hash == slot.code_hash).map(|(_, class)| Arc::clone(class));
        let class = found.ok_or(CallStatus::Raised)?;
        self.put(slot.slot, class);
        Ok(())
    }

    fn set_parameter(&mut self, parameter: &Parameter) -> Result<(), CallStatus> {
        let (_, record) = self.slots[usize::from(parameter.slot)].as_mut().ok_or(CallStatus::OutOfBounds)?;
        record.set(parameter)
    }

    fn settable(&self, parameter: &Parameter) -> Settable {
        let slot = self.slots[usize::from(parameter.slot)].as_ref();
        slot.map_or(Settable::Always, |(_, record)| record.settable(parameter))
    }

    fn save(&mut self, slot: u8, say: &mut dyn FnMut(KeptState)) {
        if let Some((_, record)) = &mut self.slots[usize::from(slot)] {
            record.save(say);
        }
    }

    fn restore(&mut self, record: &KeptState) -> Result<(), CallStatus> {
        let (_, kept) = self.slots[usize::from(record.slot)].as_mut().ok_or(CallStatus::OutOfBounds)?;
        kept.restore(record)
    }

    fn reset(&mut self, slot: u8) {
        if let Some((_, record)) = &mut self.slots[usize::from(slot)] {
            record.reset();
        }
    }

    fn call(&mut self, slot: u8, callback: Callback, event: EventRef<'_>, orders: &mut OrdersView) -> u32 {
        orders.intents_count = 0;
        orders.failure = 0;
        let Some((class, record)) = &mut self.slots[usize::from(slot)] else {
            return u32::from(CallStatus::Raised.code());
        };
        let addresses = (
            callback.code(),
            record.as_mut_ptr() as usize,
            event.as_ptr() as usize,
            std::ptr::from_mut(orders) as usize,
        );
        Python::attach(|py| {
            let answer =
                class.object.bind(py).call_method1("call", addresses).and_then(|status| status.extract::<u32>());
            answer.unwrap_or_else(|error| {
                // An interrupt or an error of the runner itself: the slot fails, and the person reads why.
                error.print(py);
                u32::from(CallStatus::Raised.code())
            })
        })
    }

    fn wants(&self, slot: u8) -> Wants {
        self.slots[usize::from(slot)].as_ref().map_or(Wants::default(), |(class, _)| class.wants)
    }

    fn state_hash(&self, slot: u8) -> u64 {
        self.slots[usize::from(slot)].as_ref().map_or(0, |(_, record)| record.hash())
    }

    fn save_state(&self, slot: u8, out: &mut StateWriter) {
        self.slots[usize::from(slot)].as_ref().inspect(|(_, record)| record.save_state(out));
    }

    fn load_state(&mut self, slot: u8, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.slots[usize::from(slot)].as_mut().map_or(Ok(()), |(_, record)| record.load_state(from))
    }

    fn forget(&mut self, slot: u8) {
        self.slots[usize::from(slot)] = None;
    }
}

/// The hosts of an engine: object code from directories, plain Python by hash. The engine's binding takes them with
/// [`StrategyHosts::host`].
#[pyclass(module = "meridian._native.strategies")]
#[derive(Default)]
pub struct StrategyHosts {
    directories: Vec<PathBuf>,
    plain: Vec<([u8; 32], Arc<PlainClass>)>,
}

impl StrategyHosts {
    /// A host for one engine; plain classes are asked first, so that a class can be run plain under its compiled hash.
    pub fn host(&self) -> Hosts {
        let mut hosts: Vec<Box<dyn Host + Send>> = vec![Box::new(PlainHost::new(self.plain.clone()))];
        for directory in &self.directories {
            hosts.push(Box::new(CompiledHost::new(directory)));
        }
        hosts.push(Box::new(RustHost::default()));
        Hosts::new(hosts)
    }
}

#[pymethods]
impl StrategyHosts {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Looks for object code in a directory, after those added before.
    fn add_compiled(&mut self, directory: PathBuf) {
        self.directories.push(directory);
    }

    /// Runs slots with this code hash (32 bytes) as plain Python.
    fn add_plain(&mut self, code_hash: &[u8], plain: &Bound<'_, PyAny>) -> PyResult<()> {
        let hash = code_hash.try_into().map_err(|_| PyValueError::new_err("code_hash: 32 bytes are allowed."))?;
        self.plain.push((hash, Arc::new(PlainClass::read(plain)?)));
        Ok(())
    }
}

/// What the fold sent and said since the last look.
#[derive(Default)]
struct Collected {
    commands: Vec<Vec<u8>>,
    outputs: Vec<Vec<u8>>,
}

impl Outbox for Collected {
    fn command(&mut self, _venue: u16, record: &[u8]) {
        self.commands.push(record.to_vec());
    }

    fn output(&mut self, record: &[u8]) {
        self.outputs.push(record.to_vec());
    }
}

/// An engine's fold in this process, fed record by record: for tests and research.
#[pyclass(module = "meridian._native.strategies", unsendable)]
struct Fold {
    engine: Engine,
    stamp: Stamp,
}

#[pymethods]
impl Fold {
    /// A new engine that runs its slots with these hosts.
    #[new]
    fn new(hosts: &StrategyHosts) -> Self {
        Self { engine: Engine::new(EngineConfig::default(), Box::new(hosts.host())), stamp: Stamp::zeroed() }
    }

    /// Applies one record at an engine time, which never goes back. Returns the commands and the outputs that it caused.
    /// Raises ValueError for what is no record.
    fn apply<'py>(&mut self, py: Python<'py>, time_ns: u64, record: &[u8]) -> PyResult<Caused<'py>> {
        if records::parse(record).is_err() || time_ns < self.stamp.time_ns {
            return Err(PyValueError::new_err(
                "A whole record at a time that is not before the last one's is allowed.",
            ));
        }
        self.stamp.sequence += 1;
        self.stamp.time_ns = time_ns;
        let mut collected = Collected::default();
        self.engine.apply(self.stamp, record, &mut collected);
        let bytes = |all: Vec<Vec<u8>>| all.iter().map(|each| PyBytes::new(py, each)).collect();
        Ok((bytes(collected.commands), bytes(collected.outputs)))
    }

    /// The rolling hash over outputs and changed cells.
    fn state_hash(&self) -> u64 {
        self.engine.state_hash()
    }

    /// The hash over the whole state.
    fn full_hash(&self) -> u64 {
        self.engine.full_hash()
    }
}

type Caused<'py> = (Vec<Bound<'py, PyBytes>>, Vec<Bound<'py, PyBytes>>);

enum Runner {
    Compiled(CompiledHost),
    Plain(PlainHost),
}

/// One strategy outside an engine, called over views that Python made: for tests and checks.
#[pyclass(module = "meridian._native.strategies")]
struct SlotRunner {
    runner: Runner,
}

impl SlotRunner {
    fn host(&mut self) -> &mut dyn Host {
        match &mut self.runner {
            Runner::Compiled(host) => host,
            Runner::Plain(host) => host,
        }
    }
}

const SLOT: u8 = 1;

#[pymethods]
impl SlotRunner {
    /// Opens object code.
    #[staticmethod]
    fn compiled(path: PathBuf) -> PyResult<Self> {
        let library = Library::open(&path, None).map_err(|error| refused(&error))?;
        let mut host = CompiledHost::new(path.parent().unwrap_or(&path));
        host.load_library(SLOT, Arc::new(library));
        Ok(Self { runner: Runner::Compiled(host) })
    }

    /// Takes a `meridian.strategies.Plain`.
    #[staticmethod]
    fn plain(plain: &Bound<'_, PyAny>) -> PyResult<Self> {
        let mut host = PlainHost::new(Vec::new());
        host.put(SLOT, Arc::new(PlainClass::read(plain)?));
        Ok(Self { runner: Runner::Plain(host) })
    }

    /// The bytes of the record.
    fn record<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let record = match &self.runner {
            Runner::Compiled(host) => host.record(SLOT),
            Runner::Plain(host) => host.slots[usize::from(SLOT)].as_ref().map(|(_, record)| record),
        };
        PyBytes::new(py, record.expect("the slot is loaded").bytes())
    }

    /// Hash of the record.
    fn state_hash(&mut self) -> u64 {
        self.host().state_hash(SLOT)
    }

    /// Puts the state back to its initial values.
    fn reset(&mut self) {
        self.host().reset(SLOT);
    }

    /// Sets a parameter by name, offset, scalar code and bits, as `Artifact.bits` gives them. Raises ValueError when the
    /// class has no such parameter.
    fn set_parameter(&mut self, name: &str, offset: u32, scalar: u8, bits: u64) -> PyResult<()> {
        let mut parameter = Parameter::new();
        let count = name.len().min(31);
        parameter.name[..count].copy_from_slice(&name.as_bytes()[..count]);
        (parameter.offset, parameter.scalar, parameter.bits, parameter.slot) = (offset, scalar, bits, SLOT);
        let sentence = || format!("{name}: the class has no such parameter at byte {offset} with scalar {scalar}.");
        self.host().set_parameter(&parameter).map_err(|_| PyValueError::new_err(sentence()))
    }

    /// Calls a callback with the bytes of its view and of the orders view. Returns the status (0: done) and the bytes of
    /// the orders view afterwards.
    fn call<'py>(
        &mut self,
        py: Python<'py>,
        callback: u8,
        event: &[u8],
        orders: &[u8],
    ) -> PyResult<(u32, Bound<'py, PyBytes>)> {
        let callback = callback_of(callback)?;
        let mut view = Box::new(view_of::<OrdersView>("orders", orders)?);
        let host = self.host();
        let status = with_event(callback, event, |event| host.call(SLOT, callback, event, &mut view))?;
        Ok((status, PyBytes::new(py, records::bytes_of(view.as_ref()))))
    }

    /// Time of one call in ns on fixed views (median over batches), fuel filled up each time.
    fn time(&mut self, callback: u8, event: &[u8], orders: &[u8], calls: u64) -> PyResult<f64> {
        let callback = callback_of(callback)?;
        let view = view_of::<OrdersView>("orders", orders)?;
        let host = self.host();
        with_event(callback, event, |event| time_calls(host, SLOT, callback, event, &view, calls))
    }

    /// Time per book callback in ns (median over batches); intents made; the first status that was not 0. `told`: each is said, as an
    /// engine says which call it is at.
    #[pyo3(signature = (calls, told=true))]
    fn measure(&mut self, calls: u64, told: bool) -> (f64, u64, u32) {
        let inside = told.then(|| engine::Inside::new(&links::Counters::local()));
        let measured = measure_calls(self.host(), SLOT, calls, inside.as_ref());
        (measured.call_ns, measured.intents, measured.status)
    }
}

fn callback_of(code: u8) -> PyResult<Callback> {
    Callback::from_code(code)
        .ok_or_else(|| PyValueError::new_err(format!("callback = {code}: a Callback code is allowed.")))
}

/// Reads the event's bytes as the callback's view.
fn with_event<R>(callback: Callback, bytes: &[u8], run: impl FnOnce(EventRef<'_>) -> R) -> PyResult<R> {
    Ok(match callback {
        Callback::Book => run(EventRef::Book(&view_of::<BookView>("event", bytes)?)),
        Callback::Trade => run(EventRef::Trade(&view_of::<TradeView>("event", bytes)?)),
        Callback::Status => run(EventRef::Status(&view_of::<StatusView>("event", bytes)?)),
        Callback::Order => run(EventRef::Order(&view_of::<OrderView>("event", bytes)?)),
        Callback::Fill => run(EventRef::Fill(&view_of::<FillView>("event", bytes)?)),
        Callback::Consolidated => run(EventRef::Consolidated(&view_of::<ConsolidatedView>("event", bytes)?)),
        Callback::Risk => run(EventRef::Risk(&view_of::<RiskView>("event", bytes)?)),
        Callback::Auction => run(EventRef::Auction(&view_of::<AuctionView>("event", bytes)?)),
        Callback::Signal => run(EventRef::Signal(&view_of::<SignalView>("event", bytes)?)),
        Callback::MultiLeg => run(EventRef::MultiLeg(&view_of::<MultiLegView>("event", bytes)?)),
        Callback::Timer | Callback::Start | Callback::Stop => {
            run(EventRef::Timer(&view_of::<TimerView>("event", bytes)?))
        }
    })
}

fn view_of<T: Plain>(name: &str, bytes: &[u8]) -> PyResult<T> {
    let wanted = size_of::<T>();
    if bytes.len() != wanted {
        return Err(PyValueError::new_err(format!("{name} has {} bytes: {wanted} are allowed.", bytes.len())));
    }
    Ok(records::read_from(bytes).expect("the length was checked"))
}

/// Time in ns of a compiled book callback (median over batches), as the engine calls it, without the GIL.
#[pyfunction]
fn bench_call(py: Python<'_>, path: PathBuf, calls: u64) -> PyResult<f64> {
    let library = Library::open(&path, None).map_err(|error| refused(&error))?;
    let mut host = CompiledHost::new(&path);
    host.load_library(SLOT, Arc::new(library));
    let measured = py.detach(|| {
        measure_calls(&mut host, SLOT, calls / 10 + 1, None);
        measure_calls(&mut host, SLOT, calls, None)
    });
    if measured.status != 0 {
        let (status, line) = (measured.status & 0xff, measured.status >> 8);
        return Err(PyValueError::new_err(format!("the callback failed with status {status} at line {line}.")));
    }
    Ok(measured.call_ns)
}

/// A buy and a sale as one multi-leg order, leg after leg where the lots are odd.
fn legs(bound: &mut Orders<'_>, price_nanos: i64, lots: i64, tag: i64) -> Result<(), Failure> {
    bound.leg(Side::Buy, price_nanos, lots, UNDEF_PRICE)?;
    bound.leg(Side::Sell, price_nanos, lots, price_nanos)?;
    bound.multi_leg(price_nanos, lots, lots % 2 != 0, tag)
}

/// Makes one call of the plugin API in its Rust form on the bytes of an orders view: `target` (lots, price, post-only),
/// `mass_quote` (lots, post-only; both lists), `signal` (channel, bits), `legs` (price, lots, tag). Returns the status (0: done) and the view's bytes.
#[pyfunction]
fn ask<'py>(
    py: Python<'py>,
    call: &str,
    orders: &[u8],
    arguments: [i64; 3],
    bids: Vec<i64>,
    asks: Vec<i64>,
) -> PyResult<(u8, Bound<'py, PyBytes>)> {
    let mut view = Box::new(view_of::<OrdersView>("orders", orders)?);
    let mut bound = Orders::new(&mut view);
    let [first, second, third] = arguments;
    let asked: Result<(), Failure> = match call {
        "target" => bound.target(first, second, third != 0),
        "mass_quote" => bound.mass_quote(&bids, &asks, first, second != 0),
        "signal" => bound.signal(first.cast_unsigned(), second.cast_unsigned()),
        "cancel_all" => bound.cancel_all(),
        "legs" => legs(&mut bound, first, second, third),
        _ => {
            let sentence = format!("call = {call}: target, mass_quote, signal, cancel_all or legs is allowed.");
            return Err(PyValueError::new_err(sentence));
        }
    };
    let status = asked.map_or_else(|failure| failure.status.code(), |()| 0);
    Ok((status, PyBytes::new(py, records::bytes_of(view.as_ref()))))
}
