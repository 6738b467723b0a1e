"""The alpha stage: scores of many instruments from the rows that an engine's input gives, as signal records.

A live tile (`tile`) and a backtest (`--alpha`) give it the same rows: what `alpha.Alpha` would be called with, and beats.

    stage = Stage(model, channels, on="step", step=0.01, beat_ns=1_000_000_000)
    signals = stage.take(rows)              # records of dtype Signal, in the order in which they are published

Features are those of `features.py`, compiled by numba; a score is made of them by numba, numpy or, on a GPU, CuPy. Time is the
venue's, so that live and backtest have the same ages.

Invariant: equal rows give equal signals, however they are cut into calls; features and scores are those of `alpha.Alpha` called
with the same events, bit by bit.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from meridian import records
from meridian._native import alpha as native
from meridian.strategies.signals import batch, features
from meridian.strategies.signals.alpha import LEVELS
from meridian.strategies.signals.features import FEATURES
from meridian.strategies.signals.model import Model

__all__ = ["ROWS_MAX", "Stage"]

ROWS_MAX = 4_096
"""Rows that are worked on at once; more are taken in parts."""
BEATS_OF_SILENCE = 3
"""So many beats without a number, and the engine tells strategies that it is stale."""
WITHIN_US_MAX = 2**32 - 1
FLOATS = ("bid", "bid_lots", "ask", "ask_lots", "usual", "flow_lots", "depth_lots", "bought_lots", "sold_lots", "variance",
          "trades", "score", "published")  # fmt: skip
BID, BID_LOTS, ASK, ASK_LOTS, USUAL, FLOW_LOTS, DEPTH_LOTS, BOUGHT, SOLD, VARIANCE, TRADES, SCORE, PUBLISHED = range(
    len(FLOATS)
)
WHOLES = ("heard", "updates", "last_ns", "scored", "scored_on", "scored_ns")
HEARD, UPDATES, LAST_NS, SCORED, SCORED_ON, SCORED_NS = range(len(WHOLES))
BUY, SELL = 1, 2


class Stage:
    """Scores of the listings at places 0 and up, each on its channel. Raises ValueError for an engine that is not there."""

    def __init__(
        self, model: Model, channels: Sequence[int], *, on: Literal["step", "beat"] = "step", step: float = 0.0,
        beat_ns: int = 1_000_000_000, half_ns: float = 1e9, compute: batch.Engine = "numba",
    ) -> None:  # fmt: skip
        self.model, self.step, self.half_ns = model, step if on == "step" else float("inf"), float(half_ns)
        self._scorer = batch.Scorer(model, compute)
        self._channels = np.array(channels, dtype=np.int64)
        self.floats = np.zeros((len(channels), len(FLOATS)))
        self.wholes = np.zeros((len(channels), len(WHOLES)), dtype=np.int64)
        self._features = np.zeros((len(FEATURES), ROWS_MAX))
        self._sound = np.zeros(ROWS_MAX, dtype=np.uint8)
        made = records.new("Signal", within_us=min(BEATS_OF_SILENCE * beat_ns // 1_000, WITHIN_US_MAX))
        self._signals = np.tile(np.atleast_1d(made), ROWS_MAX)
        self._words = self._signals.view(np.int64).reshape(ROWS_MAX, -1)
        self._values = self._signals.view(np.float64).reshape(ROWS_MAX, -1)
        self._at = _places(self._signals.dtype)

    def warm(self) -> None:
        """Compiles everything, so that the first row waits for nothing."""
        self._take(np.zeros((0, native.WORDS), dtype=np.int64))

    def take(self, rows: NDArray[np.int64] | bytes) -> NDArray[np.void]:
        """Takes rows in (n × `WORDS`, or their bytes); the signals that they give, valid until the next call."""
        if isinstance(rows, bytes):
            rows = np.frombuffer(rows, dtype=np.int64).reshape(-1, native.WORDS)
        if len(rows) <= ROWS_MAX:
            return self._take(rows)
        parts = [self._take(rows[at : at + ROWS_MAX]).copy() for at in range(0, len(rows), ROWS_MAX)]
        return np.concatenate(parts)

    def take_bytes(self, rows: bytes) -> bytes:
        """As `take`, from bytes to bytes: what a backtest calls."""
        return self.take(rows).tobytes()

    def _take(self, rows: NDArray[np.int64]) -> NDArray[np.void]:
        count = len(rows)
        found = self._features[:, :count]
        _fold()(rows, self.floats, self.wholes, self.half_ns, found, self._sound)
        scores = self._scorer(found)
        chosen = _choose()(
            rows, self._sound, scores, self.floats, self.wholes, self.step, self._channels, self._at, self._words,
            self._values,
        )  # fmt: skip
        return self._signals[:chosen]


def _places(dtype: Any) -> NDArray[np.int64]:
    """Where a signal's fields lie, in words of eight bytes: the time of what it is based on, its sequence, value and channel, and
    the time of the input at which it was published: the same, but on a beat."""
    header = dtype.fields["header"]
    offsets = [header[1] + header[0].fields["venue_time_ns"][1]]
    offsets += [dtype.fields[name][1] for name in ("based_on", "bits", "signal")]
    offsets.append(header[1] + header[0].fields["receive_time_ns"][1])
    assert all(offset % 8 == 0 for offset in offsets) and dtype.itemsize % 8 == 0
    return np.array(offsets, dtype=np.int64) // 8


def _compiled(*names: str) -> list[Any]:
    """Functions of `features`, each compiled by itself; numba is slow to load, and so only where it is needed."""
    from numba import njit

    return [njit(getattr(features, name)) for name in names]


@functools.cache
def _events() -> tuple[Any, Any]:
    """What a trade and a sound book change."""
    from numba import njit

    decayed, imbalance, order_flow, squared = _compiled("decayed", "imbalance", "order_flow", "squared_return")

    @njit
    def pass_time(now_ns: int, state: Any, wholes: Any, half: float) -> float:
        age = float(now_ns - wholes[LAST_NS]) if wholes[LAST_NS] > 0 else 0.0
        for place in (FLOW_LOTS, VARIANCE, BOUGHT, SOLD):
            state[place] = decayed(state[place], age, half)
        wholes[LAST_NS] = now_ns
        return age

    @njit
    def on_trade(row: Any, state: Any, wholes: Any, half: float) -> None:
        if wholes[HEARD] == 0:
            return
        pass_time(row[4], state, wholes, half)
        if row[5] == BUY:
            state[BOUGHT] += float(row[7])
        elif row[5] == SELL:
            state[SOLD] += float(row[7])
        state[TRADES] = imbalance(state[BOUGHT], state[SOLD])

    @njit
    def on_book(row: Any, state: Any, wholes: Any, half: float) -> None:
        bid, bid_lots, ask, ask_lots = float(row[6]), float(row[7]), float(row[8]), float(row[9])
        middle = 0.5 * (bid + ask)
        age = pass_time(row[4], state, wholes, half)
        if wholes[UPDATES] == 0:
            state[USUAL] = middle
        else:
            was = 0.5 * (state[BID] + state[ASK])
            state[VARIANCE] += squared(was, middle)
            state[USUAL] = middle + decayed(state[USUAL] - middle, age, half)
            state[FLOW_LOTS] += order_flow(
                state[BID], state[BID_LOTS], state[ASK], state[ASK_LOTS], bid, bid_lots, ask, ask_lots
            )
        state[DEPTH_LOTS] = bid_lots + ask_lots + decayed(state[DEPTH_LOTS], 1.0, 1.0)
        state[BID], state[BID_LOTS], state[ASK], state[ASK_LOTS] = bid, bid_lots, ask, ask_lots
        wholes[UPDATES] += 1

    return on_trade, on_book


@functools.cache
def _fold() -> Any:
    """Rows into state, and the features after each sound book."""
    from numba import njit

    depth_weight, imbalance, lean, ratio = _compiled("depth_weight", "imbalance", "lean", "ratio")
    on_trade, on_book = _events()
    trade, beat = native.TRADE, native.BEAT

    @njit
    def tell(row: Any, state: Any, found: Any, at: int) -> None:
        bids, asks = 0.0, 0.0
        for level in range(LEVELS):
            weight = depth_weight(level)
            bids += weight * float(row[10 + level])
            asks += weight * float(row[10 + LEVELS + level])
        found[batch.QUEUE, at] = imbalance(state[BID_LOTS], state[ASK_LOTS])
        found[batch.DEPTH, at] = imbalance(bids, asks)
        found[batch.FLOW, at] = ratio(state[FLOW_LOTS], state[DEPTH_LOTS])
        found[batch.LEAN, at] = lean(state[BID], state[BID_LOTS], state[ASK], state[ASK_LOTS], state[USUAL])
        found[batch.TRADES, at] = state[TRADES]
        found[batch.VARIANCE, at] = state[VARIANCE]

    @njit
    def fold(rows: Any, floats: Any, wholes: Any, half: float, found: Any, sound: Any) -> None:
        for at in range(rows.shape[0]):
            row, place = rows[at], rows[at, 0]
            sound[at] = 0
            if row[1] == trade:
                on_trade(row, floats[place], wholes[place], half)
            elif row[1] != beat:
                wholes[place, HEARD] = 1
                if row[5] == 1:
                    sound[at] = 1
                    on_book(row, floats[place], wholes[place], half)
                    tell(row, floats[place], found, at)

    return fold


@functools.cache
def _choose() -> Any:
    """Scores into signals: what is published, and in which order."""
    from numba import njit

    beat = native.BEAT

    @njit
    def choose(
        rows: Any, sound: Any, scores: Any, floats: Any, wholes: Any, step: float, channels: Any, at_words: Any,
        words: Any, values: Any,
    ) -> int:  # fmt: skip
        count = 0
        for at in range(rows.shape[0]):
            place = rows[at, 0]
            is_beat = rows[at, 1] == beat
            if sound[at]:
                score = scores[at]
                wholes[place, SCORED] += 1
                floats[place, SCORE] = score
                wholes[place, SCORED_ON], wholes[place, SCORED_NS] = rows[at, 2], rows[at, 3]
                if wholes[place, SCORED] < 2 or not abs(score - floats[place, PUBLISHED]) > step:
                    continue
                floats[place, PUBLISHED] = score
            elif not is_beat or wholes[place, SCORED] < 2:
                continue
            words[count, at_words[0]] = wholes[place, SCORED_NS]
            words[count, at_words[1]] = wholes[place, SCORED_ON]
            values[count, at_words[2]] = floats[place, SCORE]
            words[count, at_words[3]] = channels[place]
            words[count, at_words[4]] = rows[at, 3]
            count += 1
        return count

    return choose
