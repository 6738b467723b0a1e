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

import numpy as np
from numpy.typing import NDArray

from meridian import records
from meridian._native import book as _native
from meridian.codes import ConsolidatedState

__all__ = ["Book", "consolidated"]

Book = _native.Book
STATES = ["", *(state.name.lower() for state in sorted(ConsolidatedState))]


def consolidated(venues: Mapping[str, NDArray[np.void]], *, orders_max: int = 65_536) -> NDArray[np.void]:
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
    rows = np.empty(len(words), dtype=kinds)
    for name, _ in kinds:
        rows[name] = texts[name][words[name]] if name in texts else words[name]
    return rows
