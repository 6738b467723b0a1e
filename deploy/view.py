"""What `status` and `top` show of a run, read from its counters.

Invariant: rates and percentiles are those of the last interval, taken as differences of two readings; totals are since the
start of the process.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meridian import release
from meridian._native import links as native
from meridian.codes import ConsolidatedState
from meridian.deploy.condition import state_of
from meridian.deploy.metrics import read
from meridian.deploy.reserves import BESIDE
from meridian.deploy.runs import Run
from meridian.deploy.specs import RELEASES

if TYPE_CHECKING:
    from rich.console import Group

SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "p99.99": 0.9999}
RUNNER = ("cycles", "busy_cycles", "busy_ns", "cycle_ns_max", "heartbeat_ns")
"""What the runner itself writes for every tile."""
CONSOLIDATED = ".consolidated."
"""In the names of counters that an engine writes for each instrument at several venues."""


def processes(run: Run) -> list[dict[str, Any]]:
    """Each process: whether it lives and is ready."""
    rows = []
    for name, about in run.processes.items():
        counters = dict(read(run.counters(name)))
        alive = state_of(about["pid"]) != "gone"
        # Services and the media driver write no counters of ours: one says so by a file, the other is ready when it lives.
        ready = counters.get("process.ready") == 1 if counters else alive
        if about.get("service"):
            ready = alive and (Path(run.run_directory) / f"{name}.ready").exists()
        said = release.attested(Path(run.run_directory) / RELEASES / name, about["pid"])
        rows.append({"name": name, "pid": about["pid"], "alive": alive, "ready": ready, "restarts": about["restarts"],
                     "release": said, "installation": about.get("installation"),
                     "reserve": _reserve(run, name, about)})  # fmt: skip
    return rows


def _reserve(run: Run, name: str, about: dict[str, Any]) -> str | None:
    """How the one in reserve for a process stands; None where none is asked for."""
    if "reserve" not in about:
        return None
    pid = about["reserve"]
    if pid is None or (state := state_of(pid)) == "gone":
        return "none"
    if state == "paused":
        return state
    said = release.attested(Path(run.run_directory) / RELEASES / f"{name}{BESIDE}", pid)
    return "starts" if said is None else "ready"


class Look:
    """Compares the counters of a run with those of the look before."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._time = time.monotonic()
        self._before = self._read()

    def _read(self) -> dict[str, dict[str, int | native.Histogram]]:
        return {name: dict(read(self.run.counters(name))) for name in self.run.processes}

    def take(self) -> dict[str, Any]:
        """Tiles, counters and latencies over the time since the last call."""
        now, after = time.monotonic(), self._read()
        seconds, before = max(now - self._time, 1e-9), self._before
        self._time, self._before = now, after
        tiles, counters, latencies = [], [], []
        consolidated = [row for name, readings in after.items() for row in _consolidated(name, readings)]
        for process, readings in after.items():
            earlier = before.get(process, {})
            tiles += [_tile(process, name, readings, earlier, seconds) for name in _tile_names(readings)]
            for name, value in readings.items():
                then = earlier.get(name)
                if isinstance(value, native.Histogram):
                    since = value.since(then) if isinstance(then, native.Histogram) else value
                    latencies.append({"process": process, "name": name, "count": since.count} | _percentiles(since))
                elif name.rpartition(".")[2] not in RUNNER and name != "process.ready" and CONSOLIDATED not in name:
                    rate = round((value - (then if isinstance(then, int) else 0)) / seconds, 1)
                    counters.append({"process": process, "name": name, "value": value, "per_second": rate})
        return {
            "run": self.run.name,
            "seconds": round(seconds, 3),
            "tiles": tiles,
            "consolidated": consolidated,
            "counters": counters,
            "latencies": latencies,
        }


def _tile_names(readings: dict[str, int | native.Histogram]) -> list[str]:
    return [name.removesuffix(".heartbeat_ns") for name in readings if name.endswith(".heartbeat_ns")]


def _tile(process: str, tile: str, after: dict[str, Any], before: dict[str, Any], seconds: float) -> dict[str, Any]:
    def change(name: str) -> int:
        return int(after.get(f"{tile}.{name}", 0)) - int(before.get(f"{tile}.{name}", 0))

    silence_ns = max(time.time_ns() - int(after[f"{tile}.heartbeat_ns"]), 0)
    return {
        "process": process,
        "tile": tile,
        "cycles_per_second": round(change("cycles") / seconds),
        "busy_share": round(min(change("busy_ns") / 1e9 / seconds, 1.0), 4),
        "cycle_us_max": round(int(after.get(f"{tile}.cycle_ns_max", 0)) / 1e3, 1),
        "silent_ms": round(silence_ns / 1e6, 1),
    }


def _consolidated(process: str, readings: dict[str, int | native.Histogram]) -> list[dict[str, Any]]:
    """The best prices over venues of each instrument that an engine hears from several."""
    books: dict[str, dict[str, int]] = {}
    for name, value in readings.items():
        if CONSOLIDATED in name and isinstance(value, int):
            instrument, _, field = name.partition(CONSOLIDATED)[2].rpartition(".")
            books.setdefault(instrument, {})[field] = value
    rows = []
    for instrument, book in books.items():
        known = book.get("state", 0) in list(ConsolidatedState)
        rows.append(
            {
                "process": process,
                "instrument": instrument,
                "state": ConsolidatedState(book["state"]).name.lower() if known else "not known",
                "venues": book.get("live", 0),
                "bid_lots": book.get("bid_lots", 0),
                "bid": book.get("bid_nanos", 0) / 1e9,
                "ask": book.get("ask_nanos", 0) / 1e9,
                "ask_lots": book.get("ask_lots", 0),
                "locked_ms": round(book.get("locked_ns", 0) / 1e6, 1),
                "crossed_ms": round(book.get("crossed_ns", 0) / 1e6, 1),
                "crossings": book.get("crossings", 0),
            }
        )
    return rows


def _percentiles(histogram: native.Histogram) -> dict[str, float]:
    values = {f"{name}_us": round(histogram.percentile_ns(share) / 1e3, 3) for name, share in SHARES.items()}
    return values | {"max_us": round(histogram.max_ns / 1e3, 3)}


def tables(look: dict[str, Any]) -> Group:
    """The look as tables for a terminal."""
    from rich.console import Group
    from rich.table import Table

    def table(title: str, rows: list[dict[str, Any]]) -> Table:
        made = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
        for column in rows[0]:
            number = isinstance(rows[0][column], int | float)
            made.add_column(column.replace("_", " "), justify="right" if number else "left", no_wrap=True)
        for row in rows:
            made.add_row(*(f"{value:,}" if isinstance(value, int | float) else str(value) for value in row.values()))
        return made

    names = {
        "Tiles": "tiles",
        "Best prices over venues": "consolidated",
        "Latencies": "latencies",
        "Counters": "counters",
    }
    parts = {title: look[name] for title, name in names.items()}
    return Group(*(table(title, rows) for title, rows in parts.items() if rows))


def print_look(look: dict[str, Any]) -> None:
    """Prints one look."""
    from meridian.console import console

    console().print(tables(look))


def live(look: Look, interval: float, going_on: Callable[[], bool]) -> None:
    """Shows look after look until the run ends."""
    from rich.live import Live

    from meridian.console import console

    with Live(console=console(), auto_refresh=False, screen=False) as screen:
        while going_on():
            time.sleep(interval)
            screen.update(tables(look.take()), refresh=True)
