"""Research over recorded flow with the code that trades: events as an engine gives them, features as the engine computes them.

    tape = research.record(["01032019.FLOW_ITCH50"])          # every book and trade that a strategy would be called with
    rows = research.over(Alpha, tape, half_ns=10_000_000)     # the class's state after each of them, a structured array
    y = research.ahead(tape, 1_000_000)                       # change of the middle over the next millisecond

Invariant: `record` takes the events out of a backtest's own engine, and `over` calls the strategy's object code with their very
bytes: rows equal the live strategy's state, bit by bit.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meridian import records
from meridian._native import strategies as native
from meridian.codes import Callback, CallStatus
from meridian.strategies import Book, Orders, Plain, Strategy, Trade
from meridian.strategies.artifact import build
from meridian.strategies.backtest import running
from meridian.strategies.layouts import structure

__all__ = ["Tape", "ahead", "over", "record"]

BOOK, TRADE = int(Callback.BOOK), int(Callback.TRADE)
VIEWS = {BOOK: "BookView", TRADE: "TradeView"}
FUEL = 1_000_000


class Listener(Strategy):
    """Is called with books and trades, and does nothing."""

    def on_book(self, book: Book, orders: Orders) -> None:
        """A book."""

    def on_trade(self, trade: Trade, orders: Orders) -> None:
        """A trade."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tape:
    """Events in the order in which a strategy is called: `kinds` says which array the next one is in."""

    kinds: NDArray[np.uint8]  # Callback.BOOK or Callback.TRADE.
    books: NDArray[np.void]  # BookView records.
    trades: NDArray[np.void]  # TradeView records.

    def __len__(self) -> int:
        return len(self.kinds)


@dataclass(slots=True)
class _Recorder:
    """In a plain strategy's place: keeps each event's bytes."""

    plain: Plain
    kinds: bytearray = field(default_factory=bytearray)
    events: dict[int, bytearray] = field(default_factory=lambda: {kind: bytearray() for kind in VIEWS})

    def __getattr__(self, name: str) -> Any:
        return getattr(self.plain, name)

    def call(self, callback: int, record: int, event: int, orders: int) -> int:
        """Keeps the event."""
        if callback in VIEWS:
            self.kinds.append(callback)
            self.events[callback] += bytes(structure(VIEWS[callback]).from_address(event))
        return self.plain.call(callback, record, event, orders)


def record(data: Sequence[str | Path], **words: Any) -> Tape:
    """Every book and trade that a strategy would be called with. `words`: those of a backtest (symbols, latency, …)."""
    plan = running.prepare(Listener, data, **words)
    recorders: list[_Recorder] = []

    def host(cls: type[Strategy]) -> Any:
        recorders.append(_Recorder(Plain(cls)))
        return recorders[0]

    running.start(dataclasses.replace(plan, mode="plain"), host=host)
    (found,) = recorders
    books, trades = (np.frombuffer(bytes(found.events[kind]), dtype=records.dtype(VIEWS[kind])) for kind in VIEWS)
    return Tape(kinds=np.frombuffer(bytes(found.kinds), dtype=np.uint8), books=books, trades=trades)


def over(cls: type[Strategy], tape: Tape, **parameters: Any) -> NDArray[np.void]:
    """The class's parameters and state after each event. Raises ParameterError, and RuntimeError for a call that fails."""
    artifact = build(cls)
    runner = native.SlotRunner.compiled(artifact.path)
    for bits in artifact.bits(parameters):
        runner.set_parameter(*bits)
    orders = structure("OrdersView")()
    orders.listings_count, orders.fuel = 1, FUEL
    rows = bytearray()
    places = dict.fromkeys(VIEWS, 0)
    held = {BOOK: tape.books, TRADE: tape.trades}
    for kind in tape.kinds.tolist():
        event = held[kind][places[kind]]
        places[kind] += 1
        orders.time_ns = int(event["time_ns"])
        listing = orders.listings[0]
        listing.instrument, listing.venue = int(event["instrument"]), int(event["venue"])
        status, _ = runner.call(kind, event.tobytes(), bytes(orders))
        if status:
            words = CallStatus(status & 0xFF).name.lower().replace("_", " ")
            raise RuntimeError(f"{cls.__name__}: line {status >> 8} failed ({words}) at {orders.time_ns} ns")
        rows += runner.record()
    return np.frombuffer(bytes(rows), dtype=cls.table.dtype())


def ahead(tape: Tape, horizon_ns: int) -> NDArray[np.float64]:
    """For each event: how far the middle of the book has moved in nanos `horizon_ns` later, NaN past the end."""
    books = tape.books
    middle = 0.5 * (books["bids"]["price_nanos"][:, 0].astype(np.float64) + books["asks"]["price_nanos"][:, 0])
    middle[(books["flags"] & records.CONSTANTS["BOOK_TWO_SIDED"]) == 0] = np.nan
    times = books["time_ns"].astype(np.int64)
    known = np.cumsum(tape.kinds == BOOK) - 1
    at = np.zeros(len(tape), dtype=np.int64)
    at[tape.kinds == BOOK] = times
    at[tape.kinds == TRADE] = tape.trades["time_ns"].astype(np.int64)
    later = np.searchsorted(times, at + horizon_ns, side="right") - 1
    moved = middle[later] - middle[np.maximum(known, 0)]
    return np.where((known >= 0) & (at + horizon_ns <= times[-1]), moved, np.nan)
