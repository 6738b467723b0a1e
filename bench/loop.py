"""Rows of the whole loop: tick to trade in memory and on the wire, and the journal's append.

Invariant: only passes that end in order bytes are timed as tick to trade; those that end without are told apart.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meridian.bench.row import Goal, Missing, Peer, Result, Row, Run, need_builder

if TYPE_CHECKING:
    from numpy.typing import NDArray

SYMBOLS = 500
SLOTS = 16
PERCENTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p99.9": 99.9, "p99.99": 99.99}
ORDERS_MAX = 400_000
JOINS_THE_TOUCH = {
    "half_spread_nanos": 1,
    "spread_share": 0.0,
    "smoothing": 1.0,
    # A book never counts as old here: pauses between passes are the measuring's, not the market's.
    "book_age_ns_max": 10**15,
}
"""Parameters under which the market maker quotes at the touch, and so anew whenever that moves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the extension needs to know of the strategy and the world."""

    library: Path
    code_hash: bytes
    parameters: list[tuple[str, int, int, int]]
    directory: Path
    symbols: int
    slots: int
    orders_max: int


@contextmanager
def plan(run: Run, messages: int) -> Iterator[Plan]:
    """The market maker on the most popular symbols, with a directory for journals that is gone afterwards."""
    need_builder()
    from meridian import strategies
    from meridian.strategies.plugins.market_maker import InventoryMaker

    artifact = strategies.build(InventoryMaker)
    with tempfile.TemporaryDirectory(prefix="meridian-bench-") as directory:
        yield Plan(
            library=artifact.path, code_hash=artifact.code_hash_bytes,
            parameters=artifact.bits(JOINS_THE_TOUCH), directory=Path(directory), symbols=SYMBOLS,
            slots=SLOTS, orders_max=ORDERS_MAX,
        )  # fmt: skip


def nanoseconds(data: bytes) -> NDArray[Any]:
    """Figures of the extension as an array."""
    import numpy as np

    return np.frombuffer(data, dtype="<u4")


def percentiles(values: NDArray[Any]) -> dict[str, float]:
    """The percentiles that a latency is told by, and the worst."""
    import numpy as np

    found = {name: float(np.percentile(values, share)) for name, share in PERCENTILES.items()}
    return {**found, "max": float(values.max())}


def in_memory(run: Run) -> Result:
    """Packet bytes to order bytes on one thread, no sockets."""
    import numpy as np

    from meridian._native import bench as native
    from meridian.bench import machine

    messages = run.pick(400_000, 24_000)
    warm_up = run.pick(60_000, 12_000)
    with plan(run, messages) as how:
        loop = native.TickToTrade(how, messages, run.seed)
        loop.run(warm_up)
        each = loop.left // run.blocks
        orders, quiet, medians = [], [], []
        for _ in range(run.blocks):
            sent, other = map(nanoseconds, loop.run(each))
            if len(sent):
                orders.append(sent)
                medians.append(float(np.median(sent)))
            quiet.append(other)
            run.done()
        requests, unread = loop.requests
        counters, stages = loop.counters(), loop.stages()
        packet_bytes = loop.packet_bytes
        loop.close()
    if not orders:
        raise AssertionError("no pass ended in order bytes")
    names = ("count", "p50", "p99", "p99.9")
    staged = {name: dict(zip(names, values, strict=True)) for name, values in stages.items() if values[0]}
    all_orders, all_quiet = np.concatenate(orders), np.concatenate(quiet)
    cache = machine.level_2_cache_bytes()
    return Result(
        name="tick_to_trade", title="tick to trade in memory: packet bytes in, order bytes out, one thread",
        unit="ns",
        input=f"own seeded flow, seed {run.seed}: {each * run.blocks:,} distinct packets of one message (one in eight moves a "
        f"touch) after {warm_up:,} that fill the books ({packet_bytes:,} bytes; second-level cache {cache or 0:,}); "
        f"{SYMBOLS} symbols, InventoryMaker on the {SLOTS} most popular; feed, engine and gateway tiles with their rings, "
        "journals (durability process) and counters; the venue's answers come between passes",
        value=run.estimate(medians), percentiles=percentiles(all_orders),
        peers=[Peer(name="none", why_missing="nobody publishes one")],
        goals=[Goal(bound=1_000, of="p50"), Goal(bound=5_000, of="p99.9")], blocks=run.blocks,
        details={"passes_with_order": len(all_orders), "passes_without": len(all_quiet),
                 "without_order_ns": percentiles(all_quiet), "stages_ns": staged, "requests": requests,
                 "requests_unread": unread,
                 "engine_refused": counters.get("engine.refused", 0),
                 "feed_malformed": counters.get("feed.feed.messages_malformed", 0),
                 "packet_bytes": packet_bytes, "code_hash": how.code_hash.hex()},
    )  # fmt: skip


def on_the_wire(run: Run) -> Result:
    """UDP in to TCP out over loopback, beside an echo of the same sockets."""
    import numpy as np

    from meridian._native import bench as native

    usable = sorted(run.cores)
    if len(usable) < 2:
        raise Missing("it needs two cores, and this process may use one")
    cores = (usable[-2], usable[-1])
    packets, warm_up = run.pick(500, 40), run.pick(60_000, 12_000)
    messages = warm_up + (run.blocks + 2) * packets * 24 + 2_000
    with plan(run, messages) as how:
        found = native.tick_to_trade_wire(how, messages, run.seed, cores, run.blocks, packets, warm_up, run.done)
    ours, floor = (list(map(nanoseconds, found[side])) for side in ("tiles", "echo"))
    mine = [float(np.median(block)) for block in ours]
    theirs = [float(np.median(block)) for block in floor]
    floor_told = percentiles(np.concatenate(floor))
    return Result(
        name="tick_to_trade_wire", title="tick to trade on the wire: UDP packet in, TCP order out, over loopback",
        unit="ns",
        input=f"own seeded flow, seed {run.seed}: {run.blocks} pairs of blocks of {packets} packets that lead to orders, after "
        f"{warm_up:,} that fill the books; {SYMBOLS} symbols, InventoryMaker on the {SLOTS} most popular; one thread on core "
        f"{cores[0]} sends and awaits, feed (lines A and B), engine and gateway tiles spin on core {cores[1]}; the floor is "
        "the same two threads with an echo",
        value=run.estimate(mine), percentiles=percentiles(np.concatenate(ours)),
        peers=[Peer(name="floor (echo)", value=run.estimate(theirs),
                    ratio=run.estimate([one / other for one, other in zip(mine, theirs, strict=True)]))],
        goals=[Goal(bound=1.3, of="ratio")], blocks=run.blocks,
        details={"packets": sum(map(len, ours)), "floor_ns": floor_told, "unanswered": found["unanswered"],
                 "gaps": found["gaps"]},
    )  # fmt: skip


def journal_append(run: Run) -> Result:
    """Appending a market order's record to the journal, durability process."""
    from meridian._native import bench as native

    records = run.pick(100_000, 5_000)

    def ours() -> float:
        with tempfile.TemporaryDirectory(prefix="meridian-bench-") as directory:
            return native.journal_append(directory, records)

    value, peer_value, ratio = run.compare(ours, lambda: native.journal_copy(records))
    return Result(
        name="journal_append", title="journal append, durability process, checksum included", unit="ns/record",
        input=f"{records:,} market order records a block, into a mapped segment whose pages were touched", value=value,
        peers=[Peer(name="memcpy of the same bytes", value=peer_value, ratio=ratio)], goals=[Goal(bound=100)],
        blocks=run.blocks, details={"records": records},
    )  # fmt: skip


ROWS = [
    Row(name="journal_append", title="journal append beside a copy", unit="ns/record", measure=journal_append),
    Row(name="tick_to_trade", title="tick to trade in memory", unit="ns", measure=in_memory),
    Row(name="tick_to_trade_wire", title="tick to trade on the wire", unit="ns", measure=on_the_wire),
]
