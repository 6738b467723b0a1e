"""One point on one day: what a worker is given and what it gives back.

A job carries all that its run needs but the strategy's class, which the worker reads from where it was found, or from the text
that the job carries where there is no such file (another machine).

Invariant: what a job gives follows from the job alone: no clock and no worker's name is in it.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meridian.strategies import discover
from meridian.strategies.backtest import measures, running
from meridian.strategies.backtest.result import Result
from meridian.strategies.strategy import Strategy

__all__ = ["FIGURES", "Job", "Source", "failed", "profits", "run_job"]

FIGURES = ("net", "gross", "fees", "orders", "fills", "filled_lots", "fill_rate", "maker_share", "max_drawdown")
"""Of a backtest's summary, those that a sweep keeps of each point and day."""
DONE, FAILED, LOST = "done", "failed", "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a strategy's class is read from."""

    spec: str
    text: str = ""  # Of its file; empty where it belongs to a module that is installed everywhere.

    @classmethod
    def of(cls, strategy: type[Strategy]) -> Source:
        """Where workers find a class: its module where that can be imported by name, else its file."""
        module, name = strategy.__module__, strategy.__name__
        if module != "__main__" and not module.startswith("meridian_strategy_"):
            return cls(spec=f"{module}:{name}")
        file = Path(inspect.getfile(strategy)).resolve()
        return cls(spec=f"{file}:{name}", text=file.read_text(encoding="utf-8"))

    def find(self) -> type[Strategy]:
        """The class. Raises what its file raises, and LookupError where it is not there."""
        if not self.text:
            return discover.find(self.spec)
        path, _, name = self.spec.rpartition(":")
        file = Path(path)
        if not file.is_file() or file.read_text(encoding="utf-8") != self.text:
            folder = (
                Path(tempfile.gettempdir()) / f"meridian-sweep-{hashlib.sha256(self.text.encode()).hexdigest()[:16]}"
            )
            folder.mkdir(exist_ok=True, mode=0o700)
            if folder.stat().st_uid != os.getuid():
                raise LookupError(f"{folder}: it is another user's")
            file = folder / file.name
            making = file.with_name(f".{os.getpid()}.py")
            making.write_text(self.text, encoding="utf-8")
            making.replace(file)
        return discover.find(f"{file}:{name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A point on a day."""

    key: str
    point: int
    day: str
    parameters: dict[str, Any]
    source: Source
    plan: running.Plan  # Its class is a stand-in.
    periods: int

    def about(self) -> dict[str, Any]:
        """What names it in results."""
        return {"key": self.key, "point": self.point, "day": self.day, "parameters": self.parameters}


@functools.cache
def _found(source: Source) -> type[Strategy]:
    return source.find()


def run_job(job: Job) -> dict[str, Any]:
    """Runs it. Never raises: what keeps it from its result is the result's reason."""
    try:
        cls = _found(job.source)
        plan = dataclasses.replace(job.plan, cls=cls, parameters=cls.table.validate(job.parameters))
        result = running.start(plan)
        if result.errors:
            return failed(job, "; ".join(result.errors), FAILED)
        figures = {name: result.summary[name] for name in FIGURES}
        made = profits(result, plan.market.first_ns, plan.market.last_ns, job.periods)
        return {**job.about(), "status": DONE, "reason": "", "state_hash": result.summary["state_hash"],
                "figures": figures, "profits": made.tolist()}  # fmt: skip
    except (
        Exception
    ) as error:  # Whatever a strategy, its data or the machine does: the sweep goes on without this point.
        return failed(job, f"{type(error).__name__}: {error}", LOST)


def failed(job: Job, reason: str, status: str) -> dict[str, Any]:
    """The outcome of a job that has no result. FAILED: it would fail again; LOST: it is tried again on the next run."""
    return {**job.about(), "status": status, "reason": reason, "state_hash": "",
            "figures": dict.fromkeys(FIGURES), "profits": []}  # fmt: skip


def profits(result: Result, first_ns: int, last_ns: int, periods: int) -> NDArray[np.float64]:
    """Profit after fees in each of so many equal spans of the day, in the currency: the same spans for every point."""
    times, equity = result.equity["time_ns"].astype(np.int64), result.equity["equity_nanos"]
    ends = first_ns + (last_ns - first_ns) * np.arange(1, periods + 1, dtype=object) // periods
    at = np.searchsorted(times, ends.astype(np.int64), side="right")
    at[-1] = len(times)
    curve = np.concatenate(([0.0], equity / measures.NANOS))[at]
    return np.diff(np.concatenate(([0.0], curve)))
