//! `meridian._native.risk`: the limit tree for research, tests and what-if, and its benchmark.
//!
//! Invariant: the checks are the engine's own; what would be the engine's own bug (an order that ends twice) is a
//! ValueError here.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use records::{Hash64, NewOrder, OrderType, RecordRef, Side, UNDEF_PRICE};
use risk::{Binding, Capacity, Hold, LimitTree, Outcome, Reference, Refusal};

/// Adds this room's classes and functions.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyLimitTree>()?;
    module.add_class::<PyHold>()?;
    module.add_class::<PyRefusal>()?;
    module.add_function(wrap_pyfunction!(bench_order, module)?)?;
    module.add_function(wrap_pyfunction!(bench_row, module)?)
}

/// Exposure held for one order.
#[pyclass(name = "Hold", unsendable)]
struct PyHold(Hold);

#[pymethods]
impl PyHold {
    #[getter]
    fn held_lots(&self) -> i64 {
        self.0.held_lots()
    }

    #[getter]
    fn held_price_nanos(&self) -> i64 {
        self.0.held_price_nanos()
    }

    #[getter]
    fn alive(&self) -> bool {
        self.0.is_alive()
    }

    #[getter]
    fn replacing(&self) -> bool {
        self.0.phase() == risk::Phase::Replacing
    }
}

/// The first check that failed.
#[pyclass(name = "Refusal", frozen)]
struct PyRefusal(Refusal);

#[pymethods]
impl PyRefusal {
    #[getter]
    fn code(&self) -> u8 {
        self.0.code.code()
    }

    #[getter]
    fn limit(&self) -> u32 {
        self.0.limit
    }

    #[getter]
    fn node(&self) -> u32 {
        self.0.node
    }

    #[getter]
    fn bound(&self) -> i128 {
        self.0.bound
    }

    #[getter]
    fn observed(&self) -> i128 {
        self.0.observed
    }

    #[getter]
    fn reference_nanos(&self) -> Option<i64> {
        (self.0.reference_nanos != UNDEF_PRICE).then_some(self.0.reference_nanos)
    }

    fn __repr__(&self) -> String {
        let Refusal { code, limit, node, bound, observed, .. } = self.0;
        format!("Refusal({code:?}, limit={limit}, node={node}, bound={bound}, observed={observed})")
    }
}

/// Bid, ask, their time, last trade, its time: prices undefined and times 0 where there is none.
type Prices = (Option<i64>, Option<i64>, u64, Option<i64>, u64, bool);

fn reference(prices: Option<Prices>) -> Reference {
    let Some((bid, ask, touch_time_ns, last, last_time_ns, live)) = prices else {
        return Reference::NONE;
    };
    Reference {
        bid_nanos: bid.unwrap_or(UNDEF_PRICE),
        ask_nanos: ask.unwrap_or(UNDEF_PRICE),
        touch_time_ns,
        last_nanos: last.unwrap_or(UNDEF_PRICE),
        last_time_ns,
        live,
    }
}

fn side_of(code: u8) -> PyResult<Side> {
    Side::from_code(code).ok_or_else(|| PyValueError::new_err(format!("side {code}: allowed are 1 (buy) and 2 (sell)")))
}

fn must(holds: bool, sentence: &str) -> PyResult<()> {
    if holds { Ok(()) } else { Err(PyValueError::new_err(sentence.to_owned())) }
}

fn word(outcome: Outcome) -> String {
    match outcome {
        Outcome::Applied => "applied".to_owned(),
        Outcome::Older => "older".to_owned(),
        Outcome::InSet => "in set".to_owned(),
        Outcome::Refused(refused) => format!("refused: {refused:?}"),
    }
}

/// The limit tree.
#[pyclass(name = "LimitTree", unsendable)]
struct PyLimitTree {
    tree: LimitTree,
    bindings: u32,
}

impl PyLimitTree {
    fn binding(&self, binding: u32) -> PyResult<Binding> {
        must((1..=self.bindings).contains(&binding), "no such binding: `bind` gives them")?;
        Ok(Binding(binding))
    }
}

#[pymethods]
impl PyLimitTree {
    #[new]
    fn new() -> Self {
        Self { tree: LimitTree::new(Capacity::default()), bindings: 0 }
    }

    /// Which holder of global parts this tree is: an engine's shard.
    fn set_holder(&mut self, holder: u32) {
        self.tree.set_holder(holder);
    }

    /// Applies configuration records, one after another; an outcome in words for each.
    fn apply(&mut self, records: &[u8]) -> PyResult<Vec<String>> {
        let mut words = Vec::new();
        let mut at = 0;
        while at < records.len() {
            let record = records::parse(&records[at..])
                .map_err(|error| PyValueError::new_err(format!("no record at byte {at}: {error:?}")))?;
            let (outcome, length) = match &record {
                RecordRef::TickBand(record) => (self.tree.apply_tick_band(record), size_of_val(record)),
                RecordRef::Definition(record) => (self.tree.apply_definition(record), size_of_val(record)),
                RecordRef::Listing(record) => (self.tree.apply_listing(record), size_of_val(record)),
                RecordRef::Node(record) => (self.tree.apply_node(record), size_of_val(record)),
                RecordRef::LimitSet(record) => (self.tree.apply_limit(record), size_of_val(record)),
                RecordRef::Kill(record) => (self.tree.apply_kill(record), size_of_val(record)),
                RecordRef::Permission(record) => (self.tree.apply_permission(record), size_of_val(record)),
                RecordRef::Restricted(record) => (self.tree.apply_restricted(record), size_of_val(record)),
                RecordRef::Allocation(record) => (self.tree.apply_allocation(record), size_of_val(record)),
                _ => return Err(PyValueError::new_err(format!("the record at byte {at} configures no limits"))),
            };
            words.push(word(outcome));
            at += length;
        }
        Ok(words)
    }

    /// Resolves (account node, trader) at a listing.
    fn bind(&mut self, account: u32, trader: u32, venue: u16, instrument: u32) -> PyResult<u32> {
        let bound = self.tree.bind(account, trader, venue, instrument);
        let binding = bound.map_err(|refused| {
            let what = format!("account {account} at venue {venue}, instrument {instrument}");
            PyValueError::new_err(format!("{what} cannot be bound: {refused:?}"))
        })?;
        self.bindings = self.bindings.max(binding.0);
        Ok(binding.0)
    }

    /// Checks a new order; `price_nanos` None is a market order.
    #[pyo3(signature = (binding, side, lots, price_nanos, now_ns, prices = None))]
    #[allow(clippy::too_many_arguments)] // Python names them.
    fn hold<'py>(
        &mut self,
        py: Python<'py>,
        binding: u32,
        side: u8,
        lots: i64,
        price_nanos: Option<i64>,
        now_ns: u64,
        prices: Option<Prices>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let kind = if price_nanos.is_some() { OrderType::Limit } else { OrderType::Market };
        let mut order = NewOrder {
            side,
            lots,
            price_nanos: price_nanos.unwrap_or(UNDEF_PRICE),
            order_type: kind.code(),
            ..NewOrder::new()
        };
        let (binding, reference) = (self.binding(binding)?, reference(prices));
        let protected = self.tree.protect(binding, &mut order, now_ns, &reference);
        let held = protected.and_then(|()| self.tree.check_new(binding, &order, now_ns, &reference));
        Ok(match held {
            Ok(hold) => Bound::new(py, PyHold(hold))?.into_any(),
            Err(refusal) => Bound::new(py, PyRefusal(refusal))?.into_any(),
        })
    }

    /// Checks a replace; None when it is held.
    #[pyo3(signature = (hold, total_lots, filled_lots, price_nanos, now_ns, prices = None))]
    fn replace(
        &mut self,
        hold: &mut PyHold,
        total_lots: i64,
        filled_lots: i64,
        price_nanos: i64,
        now_ns: u64,
        prices: Option<Prices>,
    ) -> PyResult<Option<PyRefusal>> {
        must(hold.0.is_alive() && !hold.replacing(), "the order is gone, or a replace is under way")?;
        let reference = reference(prices);
        let result = self.tree.check_replace(&mut hold.0, total_lots, filled_lots, price_nanos, false, now_ns, &reference);
        Ok(result.err().map(PyRefusal))
    }

    /// Books a fill; lots beyond what was held.
    fn fill(&mut self, hold: &mut PyHold, lots: i64, price_nanos: i64) -> PyResult<i64> {
        must(lots > 0, "a fill has at least one lot")?;
        Ok(self.tree.on_fill(&mut hold.0, lots, price_nanos))
    }

    /// The venue took lots off.
    fn reduce(&mut self, hold: &mut PyHold, lots: i64) -> PyResult<()> {
        must(hold.0.is_alive() && lots >= 0, "the order is gone, or lots are negative")?;
        self.tree.on_reduced(&mut hold.0, lots);
        Ok(())
    }

    /// A replace took effect.
    #[pyo3(signature = (hold, leaves_lots, unbooked_lots = 0))]
    fn replaced(&mut self, hold: &mut PyHold, leaves_lots: i64, unbooked_lots: i64) -> PyResult<()> {
        must(hold.replacing() && unbooked_lots >= 0, "no replace is under way, or unbooked lots are negative")?;
        self.tree.on_replaced(&mut hold.0, leaves_lots, unbooked_lots);
        Ok(())
    }

    /// A replace was refused.
    fn replace_rejected(&mut self, hold: &mut PyHold) -> PyResult<()> {
        must(hold.replacing(), "no replace is under way")?;
        self.tree.on_replace_rejected(&mut hold.0);
        Ok(())
    }

    /// The order is gone.
    #[pyo3(signature = (hold, unbooked_lots = 0))]
    fn release(&mut self, hold: &mut PyHold, unbooked_lots: i64) -> PyResult<()> {
        must(hold.0.is_alive() && unbooked_lots >= 0, "the order is gone already, or unbooked lots are negative")?;
        self.tree.on_closed(&mut hold.0, unbooked_lots);
        Ok(())
    }

    /// Counts a cancel.
    fn cancel(&mut self, binding: u32, now_ns: u64) -> PyResult<()> {
        let binding = self.binding(binding)?;
        self.tree.count_cancel(binding, now_ns);
        Ok(())
    }

    /// The venue broke a trade.
    fn bust(&mut self, binding: u32, side: u8, lots: i64) -> PyResult<()> {
        let (binding, side) = (self.binding(binding)?, side_of(side)?);
        self.tree.on_bust(binding, side, lots);
        Ok(())
    }

    /// Books lots that came from no order here.
    fn adopt_position(&mut self, binding: u32, lots: i64) -> PyResult<()> {
        let binding = self.binding(binding)?;
        self.tree.adopt_position(binding, lots);
        Ok(())
    }

    /// The trading day changes.
    fn day_roll(&mut self) {
        self.tree.day_roll();
    }

    /// Lots that a further buy and sale may have.
    fn headroom(&self, binding: u32) -> PyResult<(i64, i64)> {
        Ok(self.tree.headroom(self.binding(binding)?))
    }

    /// Whether an order's side may carry the position away from zero.
    fn increases(&self, hold: &PyHold) -> bool {
        self.tree.increases(&hold.0)
    }

    /// Position, open buys, open sales, open orders, gross used and held of a binding.
    fn exposure(&self, binding: u32) -> PyResult<(i64, i64, i64, i64, i128, i128)> {
        let one = self.tree.exposure(self.binding(binding)?);
        let lots = (one.position_lots, one.open_buy_lots, one.open_sell_lots, one.open_orders);
        Ok((lots.0, lots.1, lots.2, lots.3, one.gross_used_nanos, one.gross_held_nanos))
    }

    /// Kill fields along a binding's path.
    fn kill_fields(&self, binding: u32) -> PyResult<(u8, u8, bool)> {
        let fields = self.tree.kill_fields(self.binding(binding)?);
        Ok((fields.new_orders.code(), fields.resting.code(), fields.flatten))
    }

    /// Limit, node, metric, bound and use of every limit in force.
    fn usages(&self) -> Vec<(u32, u32, u16, i128, i128)> {
        let mut found = Vec::new();
        self.tree.usages(&mut |one| found.push((one.limit, one.node, one.metric.code(), one.bound.unwrap_or(0), one.used().max(0))));
        found
    }

    /// Soft warnings since they were last asked for: limit, node, metric, bound, use, binding.
    fn warnings(&mut self) -> Vec<(u32, u32, u16, i128, i128, u32)> {
        std::iter::from_fn(|| self.tree.take_warning())
            .map(|one| (one.limit, one.node, one.metric.code(), one.bound, one.observed, one.binding.0))
            .collect()
    }

    #[getter]
    fn state_hash(&self) -> u64 {
        let mut hash = Hash64::default();
        self.tree.hash(&mut hash);
        hash.value()
    }
}

/// Nanoseconds of a check that holds, the mean over `orders` orders.
#[pyfunction]
#[pyo3(name = "bench")]
fn bench_order(py: Python<'_>, orders: usize, seed: u64) -> f64 {
    py.detach(|| risk::bench::run(orders, seed)).check_hold_ns
}

/// As `bench`, with releases and headrooms, and what was measured.
#[pyfunction]
fn bench_row(py: Python<'_>, orders: usize, seed: u64) -> PyResult<Bound<'_, PyDict>> {
    let measured = py.detach(|| risk::bench::run(orders, seed));
    let row = PyDict::new(py);
    row.set_item("orders", orders)?;
    row.set_item("ns_per_order", measured.check_hold_ns)?;
    row.set_item("release_ns", measured.release_ns)?;
    row.set_item("headroom_ns", measured.headroom_ns)?;
    row.set_item("limit_change_ns", measured.limit_change_ns)?;
    row.set_item("controls", risk::bench::CONTROLS.map(u32::from).to_vec())?;
    row.set_item("instruments", risk::bench::INSTRUMENTS)?;
    Ok(row)
}
