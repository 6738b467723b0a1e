"""How far the queue models of level data are from exact queues, on a recording that tells order by order.

The recording is run twice: as it is, where an order of ours stands in the record's own queue, and as the levels that a venue
would have told of it, where its place is a model's. The strategy's orders do not hang on their fills (`Prober`), so that each
order of one run has its twin in the other.

Invariant: orders are compared that were sent at the same beat, on the same side, at the same price, and rested in both.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from meridian.strategies.backtest import options, running
from meridian.strategies.backtest.prober import Prober
from meridian.strategies.backtest.result import Result

__all__ = ["QUEUES", "QueueError", "lines", "queue_errors"]

QUEUES = ("pessimistic", "power:1", "power:2", "power:3", "power:5")
LIMITS = {"order_quantity": 10**12, "position_long": 10**12, "position_short": 10**12}
TAKER = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueError:
    """A queue model beside the exact queue, over the same orders."""

    queue: str
    orders: int
    filled_exact: int
    """Orders that traded at least a lot in the exact queue."""
    filled_model: int
    filled_both: int
    lots_exact: int
    lots_model: int
    lots_error: float
    """Mean over the orders of the difference in filled lots, without its sign."""
    time_error_ns: float
    """Mean over orders filled in both of the difference in the time of the first fill, without its sign, ns."""
    time_bias_ns: float
    """The same with its sign: above zero the model fills later, ns."""


@dataclass(frozen=True, slots=True)
class _Probe:
    price_nanos: int
    lots: int
    first_ns: int
    took: bool


def queue_errors(
    path: Path,
    *,
    queues: Sequence[str] = QUEUES,
    beat: str = "500ms",
    size_lots: int = 10,
    latency: Sequence[str] = ("feed=10us,order=20us,report=20us",),
    directory: Path | None = None,
) -> list[QueueError]:
    """Runs a file of one symbol, order by order, and as levels under each queue model. `directory`: where object code is kept.

    Raises OptionsError with every error, ValueError when the file tells of several symbols or of levels.
    """
    from meridian.venues import flow

    words: dict[str, Any] = {
        "timer": beat, "latency": latency, "limits": LIMITS, "parameters": {"size_lots": size_lots}, "directory": directory,
    }  # fmt: skip
    files = flow.open_files([path]).files
    symbols = [symbol for file in files for symbol in file.symbols]
    if len(symbols) != 1:
        raise ValueError(f"{path}: {len(symbols)} symbols; a file of one symbol, order by order, is allowed")
    beat_ns = options.duration_ns(beat) or 1
    exact = _probes(running.run(Prober, [path], **words), beat_ns)
    with tempfile.TemporaryDirectory(prefix="meridian-levels-") as folder:
        rows = flow.levels(flow.orders(files[0]), grid_ns=1_000)
        paths = flow.save_tardis(rows, Path(folder), symbols[0]["name"])
        found = []
        for queue in queues:
            model = _probes(running.run(Prober, paths, queue=queue, **words), beat_ns)
            found.append(_error(queue, exact, model))
    return found


def _probes(result: Result, beat_ns: int) -> dict[tuple[int, int], _Probe]:
    """Each order by its beat and side. The beat's first input sends it, so the time it was sent at lies behind the beat."""
    orders, fills = result.orders, result.fills
    first: dict[int, tuple[int, int]] = {}
    for order, time_ns, liquidity in zip(
        *(fills[name].tolist() for name in ("order_id", "venue_time_ns", "liquidity")), strict=True
    ):
        first.setdefault(order, (time_ns, liquidity))
    found = {}
    names = ("order_id", "sent_ns", "side", "price_nanos", "filled_lots")
    for order, sent_ns, side, price, lots in zip(*(orders[name].tolist() for name in names), strict=True):
        time_ns, liquidity = first.get(order, (0, 0))
        at = ((sent_ns - result.summary["first_ns"]) // beat_ns, side)
        found[at] = _Probe(price, lots, time_ns, liquidity == TAKER)
    return found


def _error(queue: str, exact: dict[tuple[int, int], _Probe], model: dict[tuple[int, int], _Probe]) -> QueueError:
    pairs = [
        (one, model[at])
        for at, one in exact.items()
        if at in model and one.price_nanos == model[at].price_nanos and not (one.took or model[at].took)
    ]
    if not pairs:
        raise ValueError("no order rested in both runs; a longer recording, or a shorter beat, is needed")
    lots = np.array([(one.lots, other.lots) for one, other in pairs])
    times = np.array([other.first_ns - one.first_ns for one, other in pairs if one.lots and other.lots], dtype=np.int64)
    return QueueError(
        queue=queue,
        orders=len(pairs),
        filled_exact=int((lots[:, 0] > 0).sum()),
        filled_model=int((lots[:, 1] > 0).sum()),
        filled_both=int(((lots[:, 0] > 0) & (lots[:, 1] > 0)).sum()),
        lots_exact=int(lots[:, 0].sum()),
        lots_model=int(lots[:, 1].sum()),
        lots_error=float(np.abs(lots[:, 1] - lots[:, 0]).mean()),
        time_error_ns=float(np.abs(times).mean()) if len(times) else 0.0,
        time_bias_ns=float(times.mean()) if len(times) else 0.0,
    )


def lines(found: Sequence[QueueError]) -> list[str]:
    """The errors as rows of a table in Markdown."""
    head = (
        "| queue model | orders | filled, exact | filled, model | filled in both | lots, exact | lots, model "
        "| lots off, an order | first fill off, mean | later by, mean |"
    )
    rows = [head, "| --- " + "| ---: " * 9 + "|"]
    for each in found:
        rows.append(
            f"| `{each.queue}` | {each.orders:,} | {each.filled_exact:,} | {each.filled_model:,} | {each.filled_both:,} "
            f"| {each.lots_exact:,} | {each.lots_model:,} | {each.lots_error:.3f} | {each.time_error_ns / 1e6:.3f} ms "
            f"| {each.time_bias_ns / 1e6:+.3f} ms |"
        )
    return rows
