"""Rows of market data: ITCH 5.0 decoded, and books kept of it, on the project's own seeded flow.

Invariant: ours reads every field of every message into the normalised record and hashes all records, in order, inside the
timed part; the hash is printed, and a block whose hash differs ends the row.
"""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING, Any

from meridian.bench.row import Goal, Peer, Result, Row, Run

if TYPE_CHECKING:
    from collections.abc import Callable

SYMBOLS = 500
PEER_MESSAGES = 20_000


def flow(run: Run) -> tuple[bytes, dict[str, int], int]:
    """The run's ITCH messages, how many of each type, and the most orders that rest at once."""
    from meridian._native import book

    messages = run.pick(8_000_000, 30_000)
    made: tuple[bytes, dict[str, int], int] = run.once(
        "itch flow", lambda: book.itch_stream(messages, SYMBOLS, seed=run.seed)
    )
    return made


def described(run: Run) -> str:
    """The flow in a sentence, its mix included."""
    data, mix, resting = flow(run)
    total = sum(mix.values())
    shares = ", ".join(f"{code} {count / total:.1%}" for code, count in sorted(mix.items()))
    return (
        f"own seeded flow: {total:,} messages ({len(data):,} bytes in memory), {SYMBOLS} symbols, seed {run.seed}, "
        f"up to {resting:,} resting orders, mix {shares}"
    )


def first_messages(data: bytes, count: int) -> bytes:
    """The first `count` messages, each with the two length bytes before it."""
    at = 0
    for _ in range(count):
        if at >= len(data):
            break
        at += 2 + int.from_bytes(data[at : at + 2], "big")
    return data[:at]


def itchfeed_block(run: Run) -> Callable[[], float] | None:
    """A block of the peer from PyPI in ns a message: its own parser over the file's bytes; None where it is not there."""
    try:
        from itch.parser import MessageParser
    except ImportError:
        return None
    count = run.pick(PEER_MESSAGES, 500)
    part = first_messages(flow(run)[0], count)

    def block() -> float:
        parser = MessageParser()
        begun = time.perf_counter_ns()
        seen = sum(1 for _ in parser.parse_file(io.BytesIO(part)))
        return (time.perf_counter_ns() - begun) / seen

    return block


def itch_decode(run: Run) -> Result:
    """Decoding alone."""
    from meridian._native import wire

    data, mix, _ = flow(run)
    total = sum(mix.values())
    hashes = set()

    def ours() -> float:
        messages, elapsed_ns, value = wire.bench_decode(data)
        if messages != total:
            raise AssertionError(f"{messages} of {total} messages were decoded")
        hashes.add(value)
        return elapsed_ns / messages

    theirs = itchfeed_block(run)
    value, peer_value, ratio = run.compare(ours, theirs)
    if len(hashes) != 1:
        raise AssertionError(f"equal bytes gave different records: hashes {sorted(hashes)}")
    why = None if theirs else "the Python package itchfeed is not installed"
    return Result(
        name="itch_decode", title="ITCH 5.0 decode", unit="ns/message", input=described(run), value=value,
        peers=[
            Peer(name="itchfeed", value=peer_value, ratio=ratio, table_value=2_445, why_missing=why),
            Peer(name="itch-order-book", table_value=23, why_missing="in no package registry"),
            Peer(name="CppTrader", table_value=28, why_missing="in no package registry"),
            Peer(name="itchy", table_value=51, why_missing="not built into the extension"),
        ],
        goals=[Goal(bound=10)], blocks=run.blocks,
        details={"messages": total, "records_hash": f"{next(iter(hashes)):016x}", "mix": mix,
                 "peer_messages": run.pick(PEER_MESSAGES, 500)},
    )  # fmt: skip


def books(run: Run, *, bijection: bool) -> Result:
    """Decoding and order-by-order books of all symbols."""
    from meridian._native import book

    data, mix, resting = flow(run)
    orders_max = max(4_096, 1 << resting.bit_length())
    seen: list[Any] = []

    def ours() -> float:
        measured = book.bench_books(data, bijection, SYMBOLS, orders_max)
        if measured["bad"] or measured["anomalies"]:
            raise AssertionError(f"the flow is sound, yet: {measured}")
        seen.append(measured)
        return measured["ns_per_message"]

    value, peer_value, ratio = run.compare(ours, itchfeed_block(run) if bijection else None)
    if len({measured["state_hash"] for measured in seen}) != 1:
        raise AssertionError("equal bytes gave different books")
    goals = [Goal(bound=50)] if bijection else []
    peers = [
        Peer(name="itch-order-book (levels only)", table_value=63.5, why_missing="in no package registry"),
        Peer(name="CppTrader", table_value=268, why_missing="in no package registry"),
    ]
    if bijection:
        # It keeps no books: it stands here for the speed of this machine.
        peers.insert(0, Peer(name="itchfeed (decode only)", value=peer_value, ratio=ratio, table_value=2_445))
    numbers = "passed through a 64-bit bijection" if bijection else "dense, as generated"
    return Result(
        name="itch_books" if bijection else "itch_books_dense",
        title=f"ITCH 5.0 decode and order-by-order books of {SYMBOLS} symbols, order numbers {numbers}",
        unit="ns/message", input=described(run), value=value, peers=peers, goals=goals, blocks=run.blocks,
        details={"messages": sum(mix.values()), "state_hash": f"{seen[0]['state_hash']:016x}",
                 "touch_changes": seen[0]["touch_changes"],
                 "processor_ns_per_message": run.estimate([each["processor_ns_per_message"] for each in seen]).median},
    )  # fmt: skip


ROWS = [
    Row(name="itch_decode", title="ITCH 5.0 decode", unit="ns/message", measure=itch_decode),
    Row(
        name="itch_books", title="ITCH 5.0 decode and books, any order numbers", unit="ns/message",
        measure=lambda run: books(run, bijection=True),
    ),
    Row(
        name="itch_books_dense", title="ITCH 5.0 decode and books, dense order numbers", unit="ns/message",
        measure=lambda run: books(run, bijection=False),
    ),
]  # fmt: skip
