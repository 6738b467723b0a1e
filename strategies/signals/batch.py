"""Features and scores of many instruments at once, and of models too large for the engine's pass.

    batch = Batch(model, instruments=100)                    # engine="numba"; "numpy", or "cupy" on a GPU
    scores = batch.update(bid, bid_lots, ask, ask_lots, time_ns)      # arrays of one number an instrument

With numba the scalar functions of `features.py` themselves are compiled; numpy and CuPy run the same steps over whole arrays.
CuPy is imported only when it is asked for. The features of a batch are those of best prices: `depth` and `trades` are given to
`update` by who has them, 0 without.

Invariant: the engines give the same features and scores, and `alpha.Alpha` the same again, in the engine's pass.
"""

from __future__ import annotations

import functools
import importlib
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from meridian.strategies.signals import features
from meridian.strategies.signals.features import FEATURES
from meridian.strategies.signals.model import Model

__all__ = ["Batch", "Engine", "Scorer", "module_of", "predict"]

Engine = Literal["numba", "numpy", "cupy"]
STATE = ("bid", "bid_lots", "ask", "ask_lots", "time_ns", "usual", "flow_lots", "depth_lots", "variance", "updates")
QUEUE, DEPTH, FLOW, LEAN, TRADES, VARIANCE = range(len(FEATURES))


class Scorer:
    """A model's scores of columns of features (one line for each of `FEATURES`). Raises ValueError for an engine that is none
    or not there."""

    def __init__(self, model: Model, engine: Engine = "numba") -> None:
        self._xp = module_of(engine)
        self.model, self.engine = model, engine
        self._places = np.array([FEATURES.index(name) for name in model.features], dtype=np.int64)
        self._flat = _flattened(model)
        self._weights = np.array(model.weights, dtype=np.float64)
        self._scores = np.zeros(0)

    def __call__(self, found: NDArray[np.float64]) -> NDArray[np.float64]:
        """The scores, valid until the next call."""
        if self.engine == "numba":
            if len(self._scores) < found.shape[1]:
                self._scores = np.zeros(found.shape[1])
            scores = self._scores[: found.shape[1]]
            _score(self.model, found, self._places, self._weights, self._flat, scores)
            return scores
        scores = predict(self.model, self._xp.asarray(found[self._places]), xp=self._xp)
        return np.asarray(scores if self.engine == "numpy" else scores.get())


def module_of(engine: str) -> Any:
    """The module of arrays that an engine works with. Raises ValueError for one that is none or not there."""
    if engine not in ("numba", "numpy", "cupy"):
        raise ValueError(f"engine = {engine!r}: numba, numpy or cupy is allowed.")
    if engine != "cupy":
        return np
    try:
        cupy = importlib.import_module("cupy")
        if cupy.cuda.runtime.getDeviceCount() > 0:
            return cupy
    except Exception:  # No package, no driver, no device: all say that no GPU answers.
        pass
    raise ValueError("engine = 'cupy': the Python package cupy and a GPU that answers are needed.") from None


class Batch:
    """The features of so many instruments. Raises ValueError for an engine that is none or not there."""

    def __init__(self, model: Model, instruments: int, *, half_ns: float = 1e9, engine: Engine = "numba") -> None:
        self._xp: Any = module_of(engine)
        self.model, self.engine, self.half_ns = model, engine, float(half_ns)
        self.state: Any = self._xp.zeros((len(STATE), instruments))
        self.features: Any = self._xp.zeros((len(FEATURES), instruments))
        self.scores: Any = self._xp.zeros(instruments)
        self._places = np.array([FEATURES.index(name) for name in model.features], dtype=np.int64)
        self._flat = _flattened(model)
        self._weights = np.array(model.weights, dtype=np.float64)

    def update(
        self, bid: Any, bid_lots: Any, ask: Any, ask_lots: Any, time_ns: Any, depth: Any = None, trades: Any = None
    ) -> Any:
        """Takes the best prices of all instruments in, as floats of nanos, lots and ns since any start; their scores."""
        if depth is not None:
            self.features[DEPTH] = self._xp.asarray(depth)
        if trades is not None:
            self.features[TRADES] = self._xp.asarray(trades)
        if self.engine == "numba":
            _kernels()["update"](self.state, self.features, bid, bid_lots, ask, ask_lots, time_ns, self.half_ns)
            _score(self.model, self.features, self._places, self._weights, self._flat, self.scores)
            return self.scores
        self._step(*(self._xp.asarray(each) for each in (bid, bid_lots, ask, ask_lots, time_ns)))
        return predict(self.model, self.features[self._xp.asarray(self._places)], xp=self._xp)

    def _step(self, bid: Any, bid_lots: Any, ask: Any, ask_lots: Any, time_ns: Any) -> None:
        """The kernel's steps over whole arrays."""
        xp, half = self._xp, self.half_ns
        bid_was, bid_lots_were, ask_was, ask_lots_were, was_ns, usual, flow, depth, variance, updates = self.state
        old = updates > 0
        age = xp.where(old, time_ns - was_ns, 0.0)
        keep = xp.where(age > 0, half / (half + age), 1.0)
        middle, was = 0.5 * (bid + ask), 0.5 * (bid_was + ask_was)
        change = (middle - was) / xp.where(was > 0, was, 1.0) * features.BASIS_POINTS
        variance = variance * keep + xp.where(old & (was > 0), change * change, 0.0)
        usual = xp.where(old, middle + (usual - middle) * keep, middle)
        came = xp.where(bid >= bid_was, bid_lots, 0.0)
        came = came - xp.where(bid <= bid_was, bid_lots_were, 0.0)
        came = came - xp.where(ask <= ask_was, ask_lots, 0.0)
        came = came + xp.where(ask >= ask_was, ask_lots_were, 0.0)
        flow = flow * keep + xp.where(old, came, 0.0)
        lots = bid_lots + ask_lots
        depth = lots + depth * 0.5
        some, spread = xp.where(lots > 0, lots, 1.0), ask - bid
        off = (bid * ask_lots + ask * bid_lots) / some - usual
        self.features[QUEUE] = xp.where(lots > 0, (bid_lots - ask_lots) / some, 0.0)
        self.features[FLOW] = xp.where(depth > 0, flow / xp.where(depth > 0, depth, 1.0), 0.0)
        self.features[LEAN] = xp.where((lots > 0) & (spread > 0), off / xp.where(spread > 0, spread, 1.0), 0.0)
        self.features[VARIANCE] = variance
        for place, value in enumerate(
            (bid, bid_lots, ask, ask_lots, time_ns, usual, flow, depth, variance, updates + 1)
        ):
            self.state[place] = value


def predict(model: Model, rows: Any, *, xp: Any = np) -> Any:
    """Scores of many sets of features; `rows` has a line for each of the model's features. Term by term, in order."""
    total = xp.full(rows.shape[1], model.bias)
    for weight, row in zip(model.weights, rows, strict=False):
        total = total + weight * row
    if model.trees:
        roots, feature, at_most, left, right, value = (xp.asarray(each) for each in _flattened(model))
        column = xp.arange(rows.shape[1])
        for root in roots.tolist():
            node = xp.full(rows.shape[1], root)
            while bool((feature[node] >= 0).any()):
                goes = rows[xp.maximum(feature[node], 0), column] <= at_most[node]
                node = xp.where(feature[node] < 0, node, xp.where(goes, left[node], right[node]))
            total = total + value[node]
    return total


def _flattened(model: Model) -> tuple[NDArray[Any], ...]:
    """All trees as arrays: where each begins, and feature, threshold, left, right and value of every node."""
    roots: list[int] = []
    rows: list[tuple[int, float, int, int, float]] = []
    for tree in model.trees:
        base = len(rows)
        roots.append(base)
        rows += [(node.feature, node.at_most, node.left + base, node.right + base, node.value) for node in tree]
    columns = list(zip(*rows, strict=True)) if rows else [()] * 5
    kinds = (np.int64, np.float64, np.int64, np.int64, np.float64)
    return (np.array(roots, dtype=np.int64), *(np.array(c, dtype=k) for c, k in zip(columns, kinds, strict=True)))


def _score(
    model: Model, rows: NDArray[np.float64], places: NDArray[np.int64], weights: NDArray[np.float64],
    flat: tuple[NDArray[Any], ...], scores: NDArray[np.float64],
) -> None:  # fmt: skip
    if model.trees:
        _kernels()["trees"](rows, places, model.bias, *flat, scores)
    else:
        _kernels()["linear"](rows, places, model.bias, weights, scores)


@functools.cache
def _kernels() -> dict[str, Any]:
    """The compiled loops; made when first needed, since numba is slow to load."""
    from numba import njit

    decayed, order_flow, imbalance, lean, ratio, squared = (
        njit(getattr(features, name))
        for name in ("decayed", "order_flow", "imbalance", "lean", "ratio", "squared_return")
    )

    def update(
        state: Any, rows: Any, bids: Any, bids_lots: Any, asks: Any, asks_lots: Any, times_ns: Any, half: float
    ) -> None:
        for at in range(state.shape[1]):
            bid, bid_lots, ask, ask_lots = bids[at], bids_lots[at], asks[at], asks_lots[at]
            middle = 0.5 * (bid + ask)
            age = times_ns[at] - state[4, at] if state[9, at] > 0 else 0.0
            state[6, at] = decayed(state[6, at], age, half)
            state[8, at] = decayed(state[8, at], age, half)
            if state[9, at] > 0:
                state[8, at] += squared(0.5 * (state[0, at] + state[2, at]), middle)
                state[5, at] = middle + decayed(state[5, at] - middle, age, half)
                state[6, at] += order_flow(
                    state[0, at], state[1, at], state[2, at], state[3, at], bid, bid_lots, ask, ask_lots
                )
            else:
                state[5, at] = middle
            state[7, at] = bid_lots + ask_lots + decayed(state[7, at], 1.0, 1.0)
            rows[QUEUE, at] = imbalance(bid_lots, ask_lots)
            rows[FLOW, at] = ratio(state[6, at], state[7, at])
            rows[LEAN, at] = lean(bid, bid_lots, ask, ask_lots, state[5, at])
            rows[VARIANCE, at] = state[8, at]
            state[0, at], state[1, at], state[2, at], state[3, at] = bid, bid_lots, ask, ask_lots
            state[4, at] = times_ns[at]
            state[9, at] += 1.0

    def linear(rows: Any, places: Any, bias: float, weights: Any, scores: Any) -> None:
        for at in range(rows.shape[1]):
            total = bias
            for term in range(len(weights)):
                total += weights[term] * rows[places[term], at]
            scores[at] = total

    def trees(
        rows: Any, places: Any, bias: float, roots: Any, feature: Any, at_most: Any, left: Any, right: Any, value: Any,
        scores: Any,
    ) -> None:  # fmt: skip
        for at in range(rows.shape[1]):
            total = bias
            for tree in range(len(roots)):
                node = roots[tree]
                while feature[node] >= 0:
                    node = left[node] if rows[places[feature[node]], at] <= at_most[node] else right[node]
                total += value[node]
            scores[at] = total

    return {name: njit(made) for name, made in (("update", update), ("linear", linear), ("trees", trees))}
