"""Rows of the cores: matching, the exchange around it, pre-trade risk, a compiled strategy's call and its build.

Invariant: each block does the same work from the same seed; where a hash of the result exists, it must not change.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from itertools import count
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from meridian.bench.row import Goal, Peer, Result, Row, Run, need_builder

if TYPE_CHECKING:
    from meridian._native.exchange import PipelineBench


def matching(run: Run) -> Result:
    """The matching core alone, one thread."""
    from meridian._native import exchange

    commands = run.pick(500_000, 5_000)
    hashes, resting = set(), 0

    def ours() -> float:
        nonlocal resting
        measured = exchange.bench_matching(commands, run.seed)
        hashes.add(measured["state_hash"])
        resting = measured["resting"]
        return measured["ns_per_command"]

    value, _, _ = run.compare(ours, None)
    if len(hashes) != 1:
        raise AssertionError("equal commands gave different states")
    return Result(
        name="matching", title="matching, one thread, GTC/IOC/cancel/move/reduce mix", unit="ns/command",
        input=f"{commands:,} commands a block, seed {run.seed}: 9 % GTC, 3 % IOC, 6 % cancel, the rest moves and "
        f"reductions; {resting:,} orders rest at the end; every event written to memory",
        value=value,
        peers=[Peer(name="exchange-core (direct)", table_value=128, why_missing="needs a Java runtime and Maven")],
        goals=[Goal(bound=64)], blocks=run.blocks,
        details={"commands": commands, "resting": resting, "state_hash": f"{next(iter(hashes)):016x}"},
    )  # fmt: skip


def exchange_pipeline(run: Run) -> Result:
    """The whole exchange but its sockets, one thread."""
    from meridian._native import exchange

    commands = run.pick(200_000, 5_000)
    seen: list[PipelineBench] = []
    whole: list[float] = []

    def ours() -> float:
        with tempfile.TemporaryDirectory(prefix="meridian-bench-") as directory:
            measured = exchange.bench_pipeline(directory, commands, run.seed)
        seen.append(measured)
        whole.append(measured["commands"] * 1e9 / measured["elapsed_ns"])
        return 1e12 / measured["median_ps"]

    value, _, _ = run.compare(ours, None)
    told = [
        {key: count for key, count in measured.items() if key not in ("elapsed_ns", "median_ps")} for measured in seen
    ]
    if any(each != told[0] for each in told):
        raise AssertionError("equal requests gave different packets, answers or states")
    return Result(
        name="exchange_pipeline",
        title="the house exchange's pipeline, one thread: OUCH in, sequence, journal, matching, ITCH on two lines, OUCH out",
        unit="commands/s",
        input=f"{commands:,} OUCH requests a block in reads of 32, seed {run.seed}, the mix of the row matching; journal in "
        "mapped segments at durability process; MoldUDP64 packets for lines A and B and SoupBinTCP frames copied to memory",
        value=value,
        peers=[Peer(name="exchange-core (whole pipeline)", table_value=4_400_000,
                    why_missing="needs a Java runtime and Maven")],
        goals=[Goal(bound=5_000_000, at_most=False)], blocks=run.blocks,
        details={**told[0], "state_hash": f"{seen[0]['state_hash']:016x}",
                 "whole_block_commands_per_second": run.estimate(whole).median},
    )  # fmt: skip


def risk(run: Run) -> Result:
    """Check and hold of a new order under all controls built."""
    from meridian._native import risk as native

    orders = run.pick(1_000_000, 20_000)
    found = native.bench_row(1, run.seed)
    controls = found["controls"]
    others: dict[str, list[float]] = {"release_ns": [], "headroom_ns": [], "limit_change_ns": []}

    def ours() -> float:
        measured = native.bench_row(orders, run.seed)
        others["release_ns"].append(measured["release_ns"])
        others["headroom_ns"].append(measured["headroom_ns"])
        others["limit_change_ns"].append(measured["limit_change_ns"])
        return measured["ns_per_order"]

    value, _, _ = run.compare(ours, None)
    return Result(
        name=f"risk_{len(controls)}_controls",
        title=f"pre-trade risk, {len(controls)} controls on a five-level tree: check and hold of a new order",
        unit="ns/order",
        input=f"{orders:,} orders a block, {found['instruments']:,} instruments by Zipf, seed {run.seed}; firm, region, "
        "desk, strategy and account, each with every mandatory limit; every order passes and holds",
        value=value, peers=[Peer(name="none", why_missing="nobody publishes one")], goals=[Goal(bound=100)],
        blocks=run.blocks,
        details={"orders": orders, "controls": controls,
                 **{name: run.estimate(samples).median for name, samples in others.items()}},
    )  # fmt: skip


def strategy_call(run: Run) -> Result:
    """The market maker's book callback, compiled, as the engine calls it; the same class as plain Python beside it."""
    need_builder()
    from meridian import strategies
    from meridian._native import strategies as native
    from meridian.strategies.plugins.market_maker import InventoryMaker

    artifact = strategies.build(InventoryMaker)
    compiled = native.SlotRunner.compiled(artifact.path)
    plain = native.SlotRunner.plain(strategies.Plain(InventoryMaker))
    calls, plain_calls = run.pick(200_000, 2_000), run.pick(500, 20)
    intents = set()

    def measured(runner: native.SlotRunner, count: int, *, told: bool = True) -> float:
        each_ns, made, status = runner.measure(count, told)
        if status:
            raise AssertionError(f"the callback failed with status {status & 0xFF} at line {status >> 8}")
        intents.add(made / count)
        return each_ns

    value, peer_value, ratio = run.compare(lambda: measured(compiled, calls), lambda: measured(plain, plain_calls))
    # What it costs that the engine says which call it is at: block by block beside the same without.
    more = [measured(compiled, calls) - measured(compiled, calls, told=False) for _ in range(run.blocks)]
    return Result(
        name="strategy_call", title="compiled strategy call (market maker), fuel, bounds checks and status on",
        unit="ns/call",
        input=f"{calls:,} book callbacks a block of the InventoryMaker plugin, the book a tick up or down each time; "
        f"{max(intents):.2f} intents a call",
        value=value, peers=[Peer(name="the same class as plain Python", value=peer_value, ratio=ratio)],
        goals=[Goal(bound=25)], blocks=run.blocks,
        details={"calls": calls, "code_hash": artifact.code_hash, "telling_which_call_ns": round(median(more), 2)},
    )  # fmt: skip


FIRST = """
import sys
from meridian.strategies import build, discover
print(build(discover.find(sys.argv[1])).code_hash)
"""


def strategy_build(run: Run) -> Result:
    """The plugin that `meridian strategy new` writes, built by a fresh process into an empty cache."""
    need_builder()
    from meridian.strategies import new

    hashes: set[str] = set()
    # Compiled Python is kept as an installation keeps it, whatever this process was told: a figure is not of the first import.
    words = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}

    with tempfile.TemporaryDirectory(prefix="meridian-bench-") as made:
        folder, turns = Path(made), count()

        def block() -> float:
            turn = next(turns)
            plugin = f"{new.make(f'first-{turn}', folder).plugin}:First{turn}"
            own = words | {"MERIDIAN_STRATEGIES_CACHE": f"{folder}/{turn}", "PYTHONPYCACHEPREFIX": f"{folder}/python"}
            begun = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-c", FIRST, plugin], env=own, capture_output=True, text=True, check=True
            )
            hashes.add(done.stdout.strip())
            return time.perf_counter() - begun

        value, _, _ = run.compare(block, None)
    if len(hashes) != 1:
        raise AssertionError("the same class under another name is the same code")
    return Result(
        name="strategy_build", title="first compile of a plugin, in a fresh process, nothing cached", unit="s",
        input="the plugin of `meridian strategy new`, interpreter and numba's import included",
        value=value, goals=[Goal(bound=3)], blocks=run.blocks,
    )  # fmt: skip


ROWS = [
    Row(name="matching", title="matching core", unit="ns/command", measure=matching),
    Row(name="exchange_pipeline", title="the house exchange's pipeline", unit="commands/s", measure=exchange_pipeline),
    Row(name="risk", title="pre-trade risk, all controls", unit="ns/order", measure=risk),
    Row(name="strategy_call", title="compiled strategy call", unit="ns/call", measure=strategy_call),
    Row(name="strategy_build", title="first compile of a plugin", unit="s", measure=strategy_build),
]
