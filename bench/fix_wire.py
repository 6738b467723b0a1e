"""Rows of FIX sessions over loopback TCP: an order out and its report in, one after the other and many under way.

Both ends are sessions as they trade, an initiator and an acceptor, each with its store in files; the venue reads the order's
values and answers with a full execution report, whose values are read.

Invariant: QuickFIX's blocks run between ours, on the same cores, while ours rest; a row that QuickFIX is missing from says why.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from meridian.bench.fix import QuickFix
from meridian.bench.loop import nanoseconds, percentiles
from meridian.bench.method import ratios
from meridian.bench.row import Goal, Missing, Peer, Result, Row, Run
from meridian.ports import free_ports

WINDOW = 1_024
QUICKFIX_WINDOW = 256
"""More under way make it no faster."""
TABLE_TRIP_NS, TABLE_RATE = 45_900.0, 31_500.0
FLOOR_TABLE_NS = 7_800.0
PROGRAM = "quickfix_session.cpp"
SIZES = "orders of 185 bytes and reports of 263 (a byte more each from the ten thousandth on), FIX 4.4"


class QuickFixSessions:
    """QuickFIX's initiator and acceptor in a process of their own; `missing` says why not."""

    def __init__(self, built: QuickFix, cores: frozenset[int]) -> None:
        program, self.missing = built.program(PROGRAM)
        self._folder = tempfile.TemporaryDirectory()
        self._child: subprocess.Popen[str] | None = None
        if program is None:
            return
        for name in ("MERIDNY1", "HOUSEVEN1"):
            (Path(self._folder.name) / name).mkdir()
        port = str(free_ports(1, "127.0.0.1")[0])
        self._child = subprocess.Popen(
            [program, self._folder.name, port], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        if cores:
            os.sched_setaffinity(self._child.pid, cores)

    def ask(self, command: str) -> list[int]:
        """The figures that it answers with. Raises AssertionError when it ended."""
        assert self._child is not None and self._child.stdin is not None and self._child.stdout is not None
        self._child.stdin.write(command + "\n")
        self._child.stdin.flush()
        line = self._child.stdout.readline()
        if not line:
            raise AssertionError(f"QuickFIX ended at {command}")
        return [int(word) for word in line.split()]

    def close(self) -> None:
        """Ends it."""
        if self._child is not None:
            try:
                self._child.communicate(timeout=10)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.communicate()
        self._folder.cleanup()


@dataclass(slots=True)
class Measured:
    """What one run of the sessions gave, and QuickFIX between its blocks."""

    trips: list[Any]
    echo: list[Any]
    rates: list[float]
    bytes: tuple[int, int]
    orders: tuple[int, int]
    theirs: list[list[int]] = field(default_factory=list)
    their_rates: list[float] = field(default_factory=list)
    missing: str | None = None


def _measure(run: Run) -> Measured:
    from meridian._native import bench as native

    usable = sorted(run.cores)
    if len(usable) < 2:
        raise Missing("it needs two cores, and this process may use one")
    orders, pipelined = run.pick(1_000, 50), run.pick(30_000, 2_000)
    peer_orders, peer_pipelined = run.pick(400, 30), run.pick(3_000, 300)
    peer = QuickFixSessions(run.once("quickfix c++", QuickFix), run.cores)
    theirs: list[list[int]] = []
    their_rates: list[float] = []

    def between() -> None:
        if peer.missing is None:
            theirs.append(peer.ask(f"trip {peer_orders}"))
            their_rates.append(peer_pipelined * 1e9 / peer.ask(f"rate {peer_pipelined} {QUICKFIX_WINDOW}")[0])
        run.done()

    try:
        with tempfile.TemporaryDirectory(prefix="meridian-bench-") as directory:
            found = native.fix_wire_trips(
                Path(directory), cores=(usable[-2], usable[-1]), blocks=run.blocks, orders=orders, pipelined=pipelined,
                window=WINDOW, done=between,
            )  # fmt: skip
    finally:
        peer.close()
    return Measured(
        trips=list(map(nanoseconds, found["trips"])), echo=list(map(nanoseconds, found["echo"])), rates=found["rates"],
        bytes=found["bytes"], orders=(orders, pipelined), theirs=theirs[1:], their_rates=their_rates[1:],
        missing=peer.missing,
    )  # fmt: skip


def measured(run: Run) -> Measured:
    """Both rows come of one run."""
    found: Measured = run.once("fix sessions", lambda: _measure(run))
    return found


def round_trip(run: Run) -> Result:
    """Order out to report in."""
    import numpy as np

    found = measured(run)
    mine = [float(np.median(block)) for block in found.trips]
    floor = [float(np.median(block)) for block in found.echo]
    theirs = [float(block[0]) for block in found.theirs]
    peers = [
        Peer(name="floor (echo)", value=run.estimate(floor), ratio=run.estimate(ratios(mine, floor)),
             table_value=FLOOR_TABLE_NS),
        Peer(name="QuickFIX C++", value=run.estimate(theirs) if theirs else None,
             ratio=run.estimate(ratios(mine, theirs)) if theirs else None, table_value=TABLE_TRIP_NS,
             why_missing=found.missing),
    ]  # fmt: skip
    details: dict[str, Any] = {"orders_a_block": found.orders[0], "bytes": found.bytes}
    details["floor_ns"] = percentiles(np.concatenate(found.echo))
    if theirs:
        details["quickfix_p99_ns"] = float(np.median([block[1] for block in found.theirs]))
    return Result(
        name="fix_round_trip", title="FIX order out to report in over loopback TCP, both ends sessions with stores", unit="ns",
        input=f"{run.blocks} blocks of {found.orders[0]} {SIZES}; both sides spin, each on a core; the floor is the same two "
        "threads with an echo of as many bytes",
        value=run.estimate(mine), percentiles=percentiles(np.concatenate(found.trips)), peers=peers,
        goals=[Goal(bound=1.3, of="ratio")], blocks=run.blocks, details=details,
    )  # fmt: skip


def rate(run: Run) -> Result:
    """Orders a second with many under way."""
    found = measured(run)
    theirs = found.their_rates
    return Result(
        name="fix_rate", title="FIX orders answered a second, many under way, both ends sessions with stores",
        unit="orders/s",
        input=f"{run.blocks} blocks of {found.orders[1]:,} {SIZES}; {WINDOW} under way (QuickFIX: {QUICKFIX_WINDOW}); stores "
        "in files, not synced",
        value=run.estimate(found.rates),
        peers=[Peer(name="QuickFIX C++", value=run.estimate(theirs) if theirs else None,
                    ratio=run.estimate(ratios(found.rates, theirs)) if theirs else None, table_value=TABLE_RATE,
                    why_missing=found.missing)],
        goals=[Goal(bound=500_000, at_most=False)], blocks=run.blocks,
        details={"orders_a_block": found.orders[1], "window": WINDOW},
    )  # fmt: skip


def _row(name: str, title: str, unit: str, measure: Callable[[Run], Result]) -> Row:
    return Row(name=name, title=title, unit=unit, measure=measure)


ROWS = [
    _row("fix_round_trip", "FIX order out to report in", "ns", round_trip),
    _row("fix_rate", "FIX orders answered a second", "orders/s", rate),
]
