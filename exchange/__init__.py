"""The house exchange: a real matching engine that is a venue of its own and stands in for others.

The core alone, for research and tests:

    from meridian import records
    from meridian.exchange import Matching, limit, session, listing

    house = Matching()
    house.apply(listing(1, tick_nanos=10_000_000) + session(1))
    events = house.apply(limit(1, 1, records.Side.BUY, lots=100, price_nanos=99_990_000_000))
    records.array(events, "ExchangeEvent")["event"]     # accepted, rested

The whole exchange (sockets, journal, feed) is the tile `exchange` of a topology.

Invariant: nothing is decided here: these functions only fill in the records of the sequenced input.
"""

from __future__ import annotations

from typing import Any

from meridian import records
from meridian._native.exchange import Matching, bench_matching

__all__ = ["Matching", "bench_matching", "cancel", "limit", "listing", "replace", "session"]


def listing(instrument: int, *, tick_nanos: int, increment_lots: int = 1, **fields: Any) -> bytes:
    """The command that lists an instrument; further fields as in `ExchangeListing`."""
    fields |= {"instrument": instrument, "tick_nanos": tick_nanos, "increment_lots": increment_lots}
    return records.new("ExchangeListing", **fields).tobytes()


def session(number: int, **fields: Any) -> bytes:
    """The command that makes a session known; further fields as in `ExchangeSession`."""
    return records.new("ExchangeSession", source=number, **fields).tobytes()


def limit(source: int, user_ref: int, side: records.Side, *, lots: int, price_nanos: int, **fields: Any) -> bytes:
    """A limit order of a session, for instrument 1 and good till cancelled unless the fields say otherwise."""
    asked = {"instrument": 1, "time_in_force": int(records.TimeInForce.GOOD_TILL_CANCEL), **fields}
    asked |= {"source": source, "user_ref": user_ref, "side": int(side), "lots": lots, "price_nanos": price_nanos}
    return records.new("ExchangeEnter", order_type=int(records.OrderType.LIMIT), **asked).tobytes()


def cancel(source: int, user_ref: int, *, lots: int = 0) -> bytes:
    """Cancels an order, or reduces it to `lots` in all, executed ones included."""
    reason = int(records.Reason.USER_REQUESTED)
    return records.new("ExchangeCancel", source=source, user_ref=user_ref, lots=lots, reason=reason).tobytes()


def replace(source: int, original_ref: int, user_ref: int, *, lots: int, price_nanos: int, **fields: Any) -> bytes:
    """New price and total lots (executed ones included) for an order, under a new number."""
    fields |= {"original_ref": original_ref, "user_ref": user_ref, "lots": lots, "price_nanos": price_nanos}
    return records.new("ExchangeReplace", source=source, **fields).tobytes()
