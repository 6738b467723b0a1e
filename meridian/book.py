"""Books over recorded arrays: one venue's, order by order, and the consolidated book of several.

    from meridian.book import consolidated
    from meridian.venues import flow

    xnas, xbos = (flow.orders(file) for file in flow.open_files(["xnas/AAPL.dbn", "xbos/AAPL.dbn"]).files)
    rows = consolidated({"XNAS": xnas, "XBOS": xbos})
    rows[rows["state"] == "crossed"]

Invariant: what is computed is what the engine computes, by the same code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meridian import markup, records, rows
from meridian._native import book as _native
from meridian.codes import ConsolidatedState
from meridian.rows import Rows

__all__ = ["Book", "consolidated"]

LEVELS_SHOWN = 10
STATES = ["", *(state.name.lower() for state in sorted(ConsolidatedState))]


class Book:
    """One instrument's book at one venue, order by order; it shows its levels and hands them over by the Arrow C stream."""

    __slots__ = ("_native",)

    def __init__(self, orders_max: int = 65_536) -> None:
        self._native = _native.Book(orders_max)

    def apply(self, orders: records.Bytes | NDArray[np.void]) -> int:
        """Applies `MarketOrder` records, an array or its bytes; how many."""
        return self._native.apply(orders.tobytes() if isinstance(orders, np.ndarray) else bytes(orders))

    def levels(self, side: str, count: int = 10) -> list[tuple[int, int, int]]:
        """(price_nanos, lots, orders) of `buy` or `sell`, best first."""
        return self._native.levels(side, count)

    def orders(self, side: str) -> list[tuple[int, int, int]]:
        """(order_ref, price_nanos, lots), in the order in which they trade."""
        return self._native.orders(side)

    def lots_ahead(self, order_ref: int) -> int:
        """Lots that trade before this order."""
        return self._native.lots_ahead(order_ref)

    def clear(self) -> None:
        """Empties it."""
        self._native.clear()

    @property
    def anomalies(self) -> dict[str, int]:
        """Records that did not fit, by kind."""
        return self._native.anomalies

    @property
    def state_hash(self) -> int:
        """Equal books have equal ones."""
        return self._native.state_hash

    def __len__(self) -> int:
        return len(self._native)

    def _repr_html_(self) -> str:
        sides = [self.levels(side, LEVELS_SHOWN) for side in ("buy", "sell")]
        lines: list[list[Any]] = []
        for at in range(max(map(len, sides))):
            bid, ask = (levels[at] if at < len(levels) else None for levels in sides)
            lines.append(
                [*((bid[2], f"{bid[1]:,}", f"{bid[0] / records.NANOS:,.9g}") if bid else [""] * 3),
                 *((f"{ask[0] / records.NANOS:,.9g}", f"{ask[1]:,}", ask[2]) if ask else [""] * 3)]
            )  # fmt: skip
        names = ["orders", "lots", "bid", "ask", "lots", "orders"]
        return markup.fragment("", names, lines, about=f"{len(self):,} orders; the best {LEVELS_SHOWN} levels at most")

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Every level: side, price_nanos, lots, orders."""
        held = [(side, *level) for side in ("buy", "sell") for level in self.levels(side, max(len(self), 1))]
        kinds = {"side": "U4", "price_nanos": "<i8", "lots": "<i8", "orders": "<i8"}
        columns = {
            name: np.array([row[at] for row in held], dtype=kind) for at, (name, kind) in enumerate(kinds.items())
        }
        return rows.stream(columns, requested_schema)


def consolidated(venues: Mapping[str, NDArray[np.void]], *, orders_max: int = 65_536) -> Rows:
    """The best bid and offer over venues: a row each time when a best price changed, its lots or venues, or the state.

    `venues`: for each venue up to 16, `MarketOrder` records of one instrument in the order of the venue's time. Columns:
    `time_ns`; `state` (normal, locked, crossed, one_sided, empty) and `since_ns`, when it was entered; `bid_nanos`,
    `bid_lots` (all venues), `bid_venue` (shows most of them), `bid_venues` (bits in the order of `venues`), and the same of
    asks. A side without a price has UNDEF_PRICE and the venue "". Raises ValueError with every error, one a line.
    """
    dtype = records.dtype("MarketOrder")
    errors = [f"{name}: {array.dtype} is no MarketOrder" for name, array in venues.items() if array.dtype != dtype]
    if errors:
        raise ValueError("\n".join(errors))
    found, _ = _native.consolidate([array.tobytes() for array in venues.values()], orders_max)
    words = np.frombuffer(found, dtype=[(name, "<i8") for name in _native.CONSOLIDATED_COLUMNS])
    names = np.array(["", *venues])
    texts = {"state": np.array(STATES), "bid_venue": names, "ask_venue": names}
    kinds = [(name, texts[name].dtype if name in texts else np.int64) for name in _native.CONSOLIDATED_COLUMNS]
    made = np.empty(len(words), dtype=kinds)
    for name, _ in kinds:
        made[name] = texts[name][words[name]] if name in texts else words[name]
    return made.view(Rows)
