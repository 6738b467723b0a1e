"""Order-by-order flow as a venue of levels would tell it: what each change leaves of an order, and of its level.

Invariant: after every time the lots of a price are the sum of the orders that rest there; lots that traded are told before the
level that they leave.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meridian.codes import BookAction, Side

__all__ = ["CHANGES", "LEVELS", "changes", "levels", "save_tardis"]

CHANGES = np.dtype(
    [("time_ns", "<u8"), ("order_ref", "<u8"), ("price_nanos", "<i8"), ("lots", "<i8"), ("left_lots", "<i8"),
     ("traded_lots", "<i8"), ("side", "u1")]
)  # fmt: skip
"""A change of a resting order: lots before it (0: it is new) and after it (0: it is gone), and how many of them traded."""
LEVELS = np.dtype([("time_ns", "<u8"), ("price_nanos", "<i8"), ("lots", "<i8"), ("side", "u1"), ("trade", "u1")])
"""A trade's lots at a price (`trade` 1, the side that rested), or the lots that a price now has (`trade` 0)."""
LOT_E8, NANOS = 10**8, 10**9


def changes(records: NDArray[Any]) -> NDArray[Any]:
    """`MarketOrder` records of one instrument as changes of orders, `CHANGES`; a replacement is two, one goes and one is new.

    A record about an order that never began says nothing of a level and is left out.
    """
    return np.array(list(_changes(records)), dtype=CHANGES)


def _changes(records: NDArray[Any]) -> Iterator[tuple[int, ...]]:
    resting: dict[int, tuple[int, int, int]] = {}

    def begin(time_ns: int, reference: int, side: int, price: int, lots: int) -> tuple[int, ...]:
        resting[reference] = (side, price, lots)
        return time_ns, reference, price, 0, lots, 0, side

    def lose(time_ns: int, reference: int, lots: int, *, traded: bool) -> tuple[int, ...]:
        side, price, before = resting.pop(reference)
        lots = min(lots, before)
        if lots < before:
            resting[reference] = (side, price, before - lots)
        return time_ns, reference, price, before, before - lots, lots if traded else 0, side

    for time_ns, action, reference, renamed, side, price, lots in _columns(records):
        if action == BookAction.ADD:
            yield begin(time_ns, reference, side, price, lots)
        elif action == BookAction.CLEAR:
            for each in [each for each, held in resting.items() if side in (0, held[0])]:
                yield lose(time_ns, each, resting[each][2], traded=False)
        elif reference not in resting:
            continue
        elif action in (BookAction.EXECUTE, BookAction.REDUCE):
            yield lose(time_ns, reference, lots, traded=action == BookAction.EXECUTE)
        else:
            held = resting[reference]
            yield lose(time_ns, reference, held[2], traded=False)
            if action != BookAction.DELETE:
                name = renamed if action == BookAction.REPLACE else reference
                yield begin(time_ns, name, held[0], price, lots)


def _columns(records: NDArray[Any]) -> Iterable[tuple[int, ...]]:
    names = ("action", "order_ref", "new_order_ref", "side", "price_nanos", "lots")
    times = records["header"]["venue_time_ns"].tolist()
    return zip(times, *(records[name].tolist() for name in names), strict=True)


def levels(records: NDArray[Any], *, grid_ns: int = 1) -> NDArray[Any]:
    """`MarketOrder` records of one instrument as trades and levels, `LEVELS`; times are cut to whole `grid_ns`.

    What happens at one time is one word: its trades, then each price that changed, once, with what it now has. A level told
    between two trades of one taker would look like a cancel to whoever takes the trades from it.
    """
    held: dict[tuple[int, int], int] = {}
    rows: list[tuple[int, ...]] = []
    changed: dict[tuple[int, int], int] = {}
    last_ns = 0

    def tell() -> None:
        for (side, price), before in changed.items():
            if held[side, price] != before:
                rows.append((last_ns, price, held[side, price], side, 0))
        changed.clear()

    for time_ns, _, price, before, left, traded, side in changes(records).tolist():
        now_ns = time_ns - time_ns % grid_ns
        if now_ns != last_ns:
            tell()
            last_ns = now_ns
        if traded:
            rows.append((now_ns, price, traded, side, 1))
        there = held.get((side, price), 0)
        changed.setdefault((side, price), there)
        held[side, price] = there + left - before
    tell()
    return np.array(rows, dtype=LEVELS)


def save_tardis(rows: NDArray[Any], folder: Path, symbol: str) -> list[Path]:
    """Trades and levels (`LEVELS`, of a grid of whole microseconds) as two files in Tardis' columns, the trades first.

    A lot is written as 1e-8, as a reader of such files takes it.
    """
    head = "exchange,symbol,timestamp,local_timestamp,"
    told = {1: [head + "id,side,price,amount"], 0: [head + "is_snapshot,side,price,amount"]}
    names = ("time_ns", "price_nanos", "lots", "side", "trade")
    for at, row in enumerate(zip(*(rows[name].tolist() for name in names), strict=True)):
        time_ns, price, lots, side, trade = row
        micros, buy = time_ns // 1_000, side == Side.BUY
        # A trade is told by its taker's side.
        words = f"{at},{'sell' if buy else 'buy'}" if trade else f"false,{'bid' if buy else 'ask'}"
        told[trade].append(f"own,{symbol},{micros},{micros},{words},{_decimal(price, NANOS)},{_decimal(lots, LOT_E8)}")
    paths = [folder / "trades.csv", folder / "levels.csv"]
    for path, lines in zip(paths, told.values(), strict=True):
        path.write_text("\n".join(lines) + "\n")
    return paths


def _decimal(value: int, one: int) -> str:
    whole, part = divmod(abs(value), one)
    return f"{'-' if value < 0 else ''}{whole}.{part:0{len(str(one)) - 1}}"
