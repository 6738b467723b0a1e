"""Rows of the backtest: order by order with the whole engine and risk, and by level, with a quoting strategy.

The data lie in memory in both: reading files is not timed. A run of ours is timed from its first record to its end; the engine
is set up before, as the peer's is. Peers run in the Python that MERIDIAN_PEERS_PYTHON names, else in this one.

Invariant: ours and the peer get the same levels, trades, delays and beat; a peer that is not there says so.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from meridian.bench.method import ratios
from meridian.bench.row import Goal, Missing, Peer, Result, Row, Run

BEAT = "10ms"
BEAT_NS = 10_000_000
START_NS = 1_704_067_200 * 10**9
HERE = Path(__file__).resolve().parent
HEAD = "exchange,symbol,timestamp,local_timestamp,"
LIMITS = {"order_quantity": 10**12, "position_long": 10**12, "position_short": 10**12}


def levels(count: int, seed: int) -> dict[str, Any]:
    """Seeded levels around a touch that wanders, a tenth of them trades at the touch."""
    import numpy as np

    random = np.random.default_rng(seed)
    time_ns = START_NS + np.cumsum(random.integers(1, 300, count)) * 1_000
    trade = (random.random(count) < 0.1).astype(np.int8)
    side = random.integers(1, 3, count).astype(np.int8)
    away = np.minimum(random.exponential(4, count).astype(np.int64), 60)
    touch = np.where(side == 1, 41_999, 42_000)
    price = np.where(trade == 1, np.where(side == 1, 42_000, 41_999), np.where(side == 1, touch - away, touch + away))
    amount = np.round(random.random(count) * 2 + 0.0001, 4)
    return {"time_ns": time_ns, "side": side, "trade": trade, "price": price.astype(float), "amount": amount}


def save(made: dict[str, Any], folder: Path) -> list[Path]:
    """The data as the files that ours and the peer read."""
    import numpy as np

    np.savez(folder / "levels.npz", **made)
    rows = {0: [HEAD + "is_snapshot,side,price,amount"], 1: [HEAD + "id,side,price,amount"]}
    columns = [made[name].tolist() for name in ("time_ns", "side", "trade", "price", "amount")]
    for at, (time_ns, side, trade, price, amount) in enumerate(zip(*columns, strict=True)):
        micros = time_ns // 1_000
        told = f"{at},{'buy' if side == 1 else 'sell'}" if trade else f"false,{'bid' if side == 1 else 'ask'}"
        rows[trade].append(f"own,LEVELS,{micros},{micros},{told},{price:.0f},{amount:.4f}")
    paths = [folder / "levels.csv", folder / "trades.csv"]
    for trade, path in enumerate(paths):
        path.write_text("\n".join(rows[trade]) + "\n")
    return paths


def runner(
    paths: list[Path], beat: str, told: dict[str, Any], size: dict[str, int], reader: frozenset[int] = frozenset()
) -> Callable[[], float]:
    """A block of ours: records a second of one whole run. `reader`: cores of a thread that reads ahead; none: there is none."""
    from meridian._native import backtest as native
    from meridian._native.strategies import StrategyHosts
    from meridian.bench.quoter import TouchQuoter
    from meridian.strategies.artifact import build
    from meridian.strategies.backtest import bootstrap, running

    threads = 2 if reader else 1
    plan = running.prepare(TouchQuoter, paths, timer=beat, limits=LIMITS, parameters=size, threads=threads)
    artifact = build(TouchQuoter)
    hosts = StrategyHosts()
    hosts.add_compiled(artifact.path.parent)
    slot = bootstrap.Slot(
        artifact=artifact, parameters=artifact.bits(plan.parameters), timer_ns=plan.timer_ns, fuel=running.FUEL
    )
    first = bootstrap.bootstrap(plan.market, slot, plan.limits)
    config = running.config(plan)
    for source in config["sources"]:
        source["in_memory"] = True

    def block() -> float:
        with on_cores(reader):
            run = native.Run(json.dumps(config), first, hosts)
        begun = time.perf_counter()
        while run.run(1 << 62):
            pass
        seconds = time.perf_counter() - begun
        summary = run.summary()
        orders = summary["statistics"]["orders"] + summary["statistics"]["replaces"]
        if orders == 0 or summary["controls_refused"]:
            raise AssertionError(f"the strategy quotes, yet: {summary['statistics']}")
        told.update(
            records=run.records, orders=orders, fills=summary["statistics"]["fills"], hash=summary["state_hash"]
        )
        return run.records / seconds

    return block


@contextmanager
def on_cores(cores: frozenset[int]) -> Iterator[None]:
    """Threads that begin in here run on these cores, if there are any; this one goes back to its own."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores or before)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def changes(path: Path, count: int) -> dict[str, Any]:
    """The first `count` records of an ITCH file as changes of resting orders, by column, as a peer's book takes them.

    action: 1 new, 2 changed, 3 gone; lots: what rests after it, of an order that goes what rested before; traded_lots.
    """
    import numpy as np

    from meridian.venues import flow

    rows = flow.changes(flow.orders(flow.open_files([path]).files[0])[:count])
    action = np.where(rows["lots"] == 0, 1, np.where(rows["left_lots"] == 0, 3, 2))
    lots = np.where(action == 3, rows["lots"], rows["left_lots"])
    kept = ("time_ns", "side", "price_nanos", "order_ref", "traded_lots")
    return {"action": action, "lots": lots} | {name: rows[name].astype(np.int64) for name in kept}


class Apart:
    """A peer in a process of its own; `missing` says why there is none. `told`: what its last run said."""

    def __init__(self, package: str, script: str, events: int, data: Path, beat_ns: int) -> None:
        self.package, self.events = package, events
        self.told: dict[str, Any] = {}
        python = os.environ.get("MERIDIAN_PEERS_PYTHON") or sys.executable
        probe = subprocess.run([python, "-c", f"import {package}"], capture_output=True, check=False)
        self.missing = None if probe.returncode == 0 else f"the Python package {package} is not installed"
        if self.missing is None:
            command = [python, str(HERE / "peers" / script), str(data), str(beat_ns)]
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            self.block()  # It compiles its strategy.

    def block(self) -> float:
        """Events a second of one run."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise Missing(f"{self.package} ended without a figure")
        self.told = json.loads(line)
        if not self.told["orders"]:
            raise AssertionError(f"the strategy quotes, yet {self.package} says {self.told}")
        return self.events / float(self.told["seconds"])

    def end(self) -> None:
        """Ends its process."""
        if self.missing is None:
            self.process.communicate()


def by_level(run: Run) -> Result:
    """Level data, a quoting strategy, the whole engine with risk, on one thread.

    Where there are two cores each block is run with two threads as well, the other one reading ahead.
    """
    count = run.pick(1_000_000, 20_000)
    told: dict[str, Any] = {}
    told_alone: dict[str, Any] = {}
    one_thread: list[float] = []
    two_threads: list[float] = []
    reader = frozenset(sorted(run.cores)[:-1])
    with tempfile.TemporaryDirectory(prefix="meridian-bench-") as name:
        folder = Path(name)
        paths = save(levels(count, run.seed), folder)
        ahead, alone = runner(paths, BEAT, told, {}, reader), runner(paths, BEAT, told_alone, {})

        def ours() -> float:
            two_threads.append(ahead())
            one_thread.append(alone())
            if told != told_alone:
                raise AssertionError(f"one thread and two differ: {told_alone}, {told}")
            return one_thread[-1]

        peer = Apart("hftbacktest", "hftbacktest_levels.py", count, folder / "levels.npz", BEAT_NS)
        try:
            value, theirs, ratio = run.compare(ours, None if peer.missing else peer.block)
        finally:
            peer.end()
    gain = ratios(one_thread, two_threads)
    return Result(
        name="backtest_levels", title="backtest by level, quoting strategy", unit="events/s",
        input=f"own seeded levels: {count:,} events in memory, seed {run.seed}, a beat of {BEAT}; one thread",
        value=value,
        peers=[
            Peer(name="hftbacktest", value=theirs, ratio=ratio, table_value=7_400_000, why_missing=peer.missing),
            Peer(name="ours on two threads", value=run.estimate(two_threads[1:]), ratio=run.estimate(gain[1:])),
        ],
        goals=[Goal(bound=15_000_000, at_most=False)], blocks=run.blocks,
        details=told | {"threads": 1, "threads_beside": 2 if reader else 1},
    )  # fmt: skip


def by_order(run: Run) -> Result:
    """Order by order, a quoting strategy, the whole engine with risk, our orders in the record's queues."""
    import numpy as np

    from meridian._native import book

    count, first = run.pick(2_000_000, 20_000), run.pick(20_000, 4_000)
    told: dict[str, Any] = {}
    data = book.itch_stream(count, 1, seed=run.seed)[0]
    with tempfile.TemporaryDirectory(prefix="meridian-bench-") as name:
        path, theirs_path = Path(name) / "01032019.FLOW_ITCH50", Path(name) / "orders.npz"
        path.write_bytes(data)
        np.savez(theirs_path, **changes(path, first))
        ours = runner([path], "1ms", told, {"size_lots": 10, "limit_lots": 1_000})
        peer = Apart("nautilus_trader", "nautilus_orders.py", first, theirs_path, 1_000_000)
        try:
            value, theirs, ratio = run.compare(ours, None if peer.missing else peer.block)
        finally:
            peer.end()
    if theirs is not None:
        told["peer"] = {"records": first, "orders": peer.told["orders"], "fills": peer.told["fills"]}
    return Result(
        name="backtest_orders", title="backtest order by order, full engine with risk", unit="events/s",
        input=f"own seeded ITCH flow: {count:,} messages of one symbol in memory, seed {run.seed}, a beat of 1ms; "
        f"nautilus_trader gets the first {first:,} of them",
        value=value,
        peers=[
            Peer(name="nautilus_trader", value=theirs, ratio=ratio, table_value=34_000, why_missing=peer.missing)
        ],
        goals=[Goal(bound=5_000_000, at_most=False)], blocks=run.blocks, details=told,
    )  # fmt: skip


ROWS = [
    Row(name="backtest_orders", title="backtest order by order", unit="events/s", measure=by_order),
    Row(name="backtest_levels", title="backtest by level", unit="events/s", measure=by_level),
]
