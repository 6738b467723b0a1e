"""Rows of FIX sessions over loopback TCP: an order out and its report in, one after the other and many under way.

Both ends are sessions as they trade, an initiator and an acceptor, each with its store in files; the venue reads the order's
values and answers with a full execution report, whose values are read.

Invariant: QuickFIX's blocks run between ours, on the same cores, while ours rest; a row that QuickFIX is missing from says why.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
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
PROGRAM, PROGRAM_SSL = "quickfix_session.cpp", "quickfix_ssl_session.py"
HERE = Path(__file__).resolve().parent
SIZES = "orders of 185 bytes and reports of 263 (a byte more each from the ten thousandth on), FIX 4.4"


class Sessions:
    """A peer's initiator and acceptor in a process of their own; `missing` says why there is none."""

    def __init__(self, name: str, command: list[str], missing: str | None, cores: frozenset[int]) -> None:
        self.name, self.missing = name, missing
        self.trips: list[list[int]] = []
        self.rates: list[float] = []
        self._folder = tempfile.TemporaryDirectory()
        self._child: subprocess.Popen[str] | None = None
        if missing is not None:
            return
        for side in ("MERIDNY1", "HOUSEVEN1"):
            (Path(self._folder.name) / side).mkdir()
        port = str(free_ports(1, "127.0.0.1")[0])
        self._child = subprocess.Popen(
            [*command, self._folder.name, port], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
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
            raise AssertionError(f"{self.name} ended at {command}")
        return [int(word) for word in line.split()]

    def measure(self, orders: int, pipelined: int) -> None:
        """One block of each kind, where it can be run."""
        if self.missing is None:
            self.trips.append(self.ask(f"trip {orders}"))
            self.rates.append(pipelined * 1e9 / self.ask(f"rate {pipelined} {QUICKFIX_WINDOW}")[0])

    def close(self) -> None:
        """Ends it."""
        if self._child is not None:
            try:
                self._child.communicate(timeout=10)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.communicate()
        self._folder.cleanup()


def _peers(run: Run) -> list[Sessions]:
    """QuickFIX by itself, and with Python's bindings."""
    program, missing = run.once("quickfix c++", QuickFix).program(PROGRAM)
    python = os.environ.get("MERIDIAN_PEERS_PYTHON") or sys.executable
    found = subprocess.run([python, "-c", "import quickfix"], capture_output=True, check=False).returncode == 0
    why = None if found else "the Python package quickfix-ssl is not installed"
    bound = [python, str(HERE / "peers" / PROGRAM_SSL)]
    return [
        Sessions("QuickFIX C++", [str(program)], missing, run.cores),
        Sessions("quickfix-ssl", bound, why, run.cores),
    ]


@dataclass(slots=True)
class Measured:
    """What one run of the sessions gave, and the peers between its blocks."""

    trips: list[Any]
    echo: list[Any]
    rates: list[float]
    bytes: tuple[int, int]
    orders: tuple[int, int]
    peers: list[Sessions]


def _measure(run: Run) -> Measured:
    from meridian._native import bench as native

    usable = sorted(run.cores)
    if len(usable) < 2:
        raise Missing("it needs two cores, and this process may use one")
    orders, pipelined = run.pick(1_000, 50), run.pick(30_000, 2_000)
    peer_orders, peer_pipelined = run.pick(400, 30), run.pick(3_000, 300)
    peers = _peers(run)

    def between() -> None:
        for peer in peers:
            peer.measure(peer_orders, peer_pipelined)
        run.done()

    try:
        with tempfile.TemporaryDirectory(prefix="meridian-bench-") as directory:
            found = native.fix_wire_trips(
                Path(directory), cores=(usable[-2], usable[-1]), blocks=run.blocks, orders=orders, pipelined=pipelined,
                window=WINDOW, done=between,
            )  # fmt: skip
    finally:
        for peer in peers:
            peer.close()
    for peer in peers:
        # The first is for warming up, as ours is.
        peer.trips, peer.rates = peer.trips[1:], peer.rates[1:]
    return Measured(
        trips=list(map(nanoseconds, found["trips"])), echo=list(map(nanoseconds, found["echo"])), rates=found["rates"],
        bytes=found["bytes"], orders=(orders, pipelined), peers=peers,
    )  # fmt: skip


def _peer(run: Run, peer: Sessions, mine: list[float], theirs: list[float], table: float) -> Peer:
    """A peer's figures; the goals' table knows QuickFIX itself alone."""
    return Peer(
        name=peer.name,
        value=run.estimate(theirs) if theirs else None,
        ratio=run.estimate(ratios(mine, theirs)) if theirs else None,
        table_value=table if peer.name == "QuickFIX C++" else None,
        why_missing=peer.missing,
    )


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
    peers = [
        Peer(name="floor (echo)", value=run.estimate(floor), ratio=run.estimate(ratios(mine, floor)),
             table_value=FLOOR_TABLE_NS),
        *(_peer(run, one, mine, [float(block[0]) for block in one.trips], TABLE_TRIP_NS) for one in found.peers),
    ]  # fmt: skip
    details: dict[str, Any] = {"orders_a_block": found.orders[0], "bytes": found.bytes}
    details["floor_ns"] = percentiles(np.concatenate(found.echo))
    for peer in found.peers:
        if peer.trips:
            key = f"{peer.name.split()[0].lower().replace('-', '_')}_p99_ns"
            details[key] = float(np.median([block[1] for block in peer.trips]))
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
    return Result(
        name="fix_rate", title="FIX orders answered a second, many under way, both ends sessions with stores",
        unit="orders/s",
        input=f"{run.blocks} blocks of {found.orders[1]:,} {SIZES}; {WINDOW} under way (QuickFIX: {QUICKFIX_WINDOW}); stores "
        "in files, not synced",
        value=run.estimate(found.rates),
        peers=[_peer(run, one, found.rates, one.rates, TABLE_RATE) for one in found.peers],
        goals=[Goal(bound=500_000, at_most=False)], blocks=run.blocks,
        details={"orders_a_block": found.orders[1], "window": WINDOW},
    )  # fmt: skip


def _gateway(run: Run) -> dict[str, list[Any]]:
    from meridian._native import bench as native

    with tempfile.TemporaryDirectory(prefix="meridian-bench-") as directory:
        found = native.fix_gateway_trips(
            Path(directory), blocks=run.blocks, orders=run.pick(10_000, 200), done=run.done
        )
    return {"orders": list(map(nanoseconds, found["orders"])), "reports": list(map(nanoseconds, found["reports"]))}


def gateway(run: Run, what: str, name: str, title: str) -> Result:
    """Through the gateway's own tile; both rows come of one run."""
    import numpy as np

    found: dict[str, list[Any]] = run.once("fix gateway", lambda: _gateway(run))
    blocks = found[what]
    return Result(
        name=name, title=title, unit="ns",
        input=f"{run.blocks} blocks of {len(blocks[0]):,} {SIZES}; the tile that trades with its map's journal and its session's "
        "store, one thread, memory in place of the socket, one order under way",
        value=run.estimate([float(np.median(block)) for block in blocks]), percentiles=percentiles(np.concatenate(blocks)),
        peers=[Peer(name="none", why_missing="nobody publishes one")], goals=[], blocks=run.blocks,
    )  # fmt: skip


def _gateway_row(what: str, name: str, title: str) -> Row:
    return _row(name, title, "ns", lambda run: gateway(run, what, name, title))


def _row(name: str, title: str, unit: str, measure: Callable[[Run], Result]) -> Row:
    return Row(name=name, title=title, unit=unit, measure=measure)


GATEWAY = [
    ("orders", "fix_gateway_order", "FIX gateway: order record in to bytes at the socket"),
    ("reports", "fix_gateway_report", "FIX gateway: report bytes in to record in the link"),
]
ROWS = [
    _row("fix_round_trip", "FIX order out to report in", "ns", round_trip),
    _row("fix_rate", "FIX orders answered a second", "orders/s", rate),
    *(_gateway_row(*one) for one in GATEWAY),
]
