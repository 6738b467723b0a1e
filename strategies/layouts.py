"""The views of a callback as memory: ctypes structures derived from the records' layouts.

Invariant: nothing about a layout is written down here. Integers are read as signed 64-bit values in both modes (compiled
code widens in the same way), so that no value changes its kind between plain and compiled.
"""

import ctypes
from typing import Any

from meridian._native import records as _records

__all__ = ["STRUCTURES", "LISTINGS_MAX", "INTENTS_MAX", "WORKING_MAX", "structure"]

VIEWS = ("Level", "BookView", "TradeView", "StatusView", "OrderView", "FillView", "TimerView", "TickRow", "ListingView",
         "WorkingOrder", "OrderIntent", "VenueTop", "ConsolidatedView", "ConsolidatedTop", "QueuePlace", "ListingState",
         "RegionView", "ListingRegions", "RiskView", "AuctionView", "SignalView", "LegView", "MultiLegView",
         "OrdersView")  # fmt: skip

LISTINGS_MAX: int = _records.CONSTANTS["LISTINGS_MAX"]
INTENTS_MAX: int = _records.CONSTANTS["INTENTS_MAX"]
WORKING_MAX: int = _records.CONSTANTS["WORKING_MAX"]

_SIGNED = {1: ctypes.c_int8, 2: ctypes.c_int16, 4: ctypes.c_int32, 8: ctypes.c_int64}


def _build() -> dict[str, type[ctypes.Structure]]:
    entries = {entry["name"]: entry for entry in _records.LAYOUTS}
    built: dict[str, type[ctypes.Structure]] = {}
    for name in VIEWS:
        fields: list[tuple[str, Any]] = []
        for field, _offset, form, shape in entries[name]["fields"]:
            element: Any = built[form] if form in built else _SIGNED[int(form[-1])]
            fields.append((field, element * shape[0] if shape else element))
        built[name] = type(name, (ctypes.Structure,), {"_fields_": fields, "__slots__": ()})
        for field, offset, _form, _shape in entries[name]["fields"]:
            assert getattr(built[name], field).offset == offset, f"{name}.{field}"
        assert ctypes.sizeof(built[name]) == entries[name]["size"], name
    return built


STRUCTURES: dict[str, type[ctypes.Structure]] = _build()


def structure(name: str) -> Any:
    """The ctypes structure of a view, by the layout's name."""
    return STRUCTURES[name]
