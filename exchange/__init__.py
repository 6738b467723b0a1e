"""The house exchange: a real matching engine that is a venue of its own and stands in for others.

The core alone, for research and tests:

    from meridian import records
    from meridian.exchange import Matching, limit, session, listing

    house = Matching()
    house.apply(listing(1, tick_nanos=10_000_000) + session(1))
    events = house.apply(limit(1, 1, records.Side.BUY, lots=100, price_nanos=99_990_000_000))
    records.array(events, "ExchangeEvent")["event"]     # accepted, rested

The whole exchange (sockets, journal, feed) is the tile `exchange` of a topology; alone in a process, `meridian exchange run`.

The whole exchange (sockets, journal, feed) is the tile `exchange` of a topology; alone in a process, `meridian exchange run`.

Invariant: importing this package imports nothing heavy; a name is loaded when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from meridian._native.exchange import Matching, bench_matching
    from meridian.exchange.commands import auction, cancel, limit, listing, replace, session, state

__all__ = ["Matching", "auction", "bench_matching", "cancel", "limit", "listing", "replace", "session", "state"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    native = name in ("Matching", "bench_matching")
    return getattr(import_module("meridian._native.exchange" if native else "meridian.exchange.commands"), name)
