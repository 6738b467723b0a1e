"""Commands of the matching core, each a record of its sequenced input.

Invariant: nothing is decided here: these functions only fill in records.
"""

from __future__ import annotations

from typing import Any

from meridian import records


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


def auction(instrument: int, action: records.AuctionAction, **fields: Any) -> bytes:
    """A call of an instrument (0: of all) begins, says where it stands, or ends; further fields as in `ExchangeAuction`."""
    asked = {"reference_nanos": records.CONSTANTS["UNDEF_PRICE"], **fields}
    return records.new("ExchangeAuction", instrument=instrument, action=int(action), **asked).tobytes()


def state(instrument: int, trading: records.TradingState) -> bytes:
    """The trading state of an instrument (0: of all)."""
    action = int(records.ExchangeAction.STATE)
    return records.new("ExchangeControl", instrument=instrument, action=action, state=int(trading)).tobytes()
