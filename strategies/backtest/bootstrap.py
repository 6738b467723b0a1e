"""The first inputs of a backtest's engine: reference data, a limit tree, one slot; the records that a live engine is given.

Invariant: risk is on: the tree has a firm, a desk, a strategy and an account, and every metric that an order needs has a
limit at firm and strategy. The limits are wide unless the person narrows them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from meridian import records
from meridian.codes import Metric, NodeLevel, SelectorKind, SessionState, SlotRun, TradingState
from meridian.strategies.artifact import Artifact
from meridian.strategies.backtest.data import Market

__all__ = ["LIMITS", "Slot", "bootstrap"]

FIRM, DESK, STRATEGY, ACCOUNT, TRADER, SLOT, TICK_TABLE = 1, 2, 3, 4, 1, 1, 0
DAY_NS = 86_400 * 10**9
EPOCH_DAY_NS = 1_577_836_800 * 10**9
"""2020-01-01, from which trading days count."""
DAY_MAX = (1 << 14) - 1

LIMITS: dict[str, int] = {
    "order_quantity": 10**6,
    "order_notional": 10**9,
    "price_collar": 50,
    "message_rate": 10**6,
    "open_orders": 1000,
    "position_long": 10**6,
    "position_short": 10**6,
    "gross_exposure": 10**11,
}
"""Lots, whole units of the currency, percent, messages a second, orders."""
MONEY = ("order_notional", "gross_exposure")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """The strategy that runs."""

    artifact: Artifact
    parameters: list[tuple[str, int, int, int]]
    timer_ns: int
    fuel: int


def _record(kind: str, /, **fields: Any) -> bytes:
    return records.new(kind, **fields).tobytes()


def bootstrap(market: Market, slot: Slot, limits: Mapping[str, int]) -> bytes:
    """All records in the order in which an engine takes them."""
    day = min(max((market.first_ns - EPOCH_DAY_NS) // DAY_NS, 0), DAY_MAX)
    start = _record("EngineStart", day=day, day_start_ns=market.first_ns // DAY_NS * DAY_NS, shard=1, epoch=1, firm=1)
    parts = [start, *_reference(market), *_tree(limits), *_slot(market, slot)]
    venues = range(1, len(market.venues) + 1)
    parts += [
        _record("Status", venue=market.venue_id(one.venue), instrument=one.instrument.id, trading=TradingState.TRADING)
        for one in market.listings
    ]
    parts += [_record("Session", venue=venue, state=SessionState.UP) for venue in venues]
    parts.append(_record("StrategyControl", slot=SLOT, run=SlotRun.RUNNING))
    return b"".join(parts)


def _reference(market: Market) -> Iterator[bytes]:
    tables = {listing.tick_nanos: at for at, listing in enumerate(market.listings, 1)}
    for tick_nanos, table in tables.items():
        yield _record("TickBand", table=table, tick_nanos=tick_nanos)
    for instrument in market.instruments:
        yield _record(
            "Definition", instrument=instrument.id, key=instrument.symbol[:24], units_per_lot_e8=instrument.units_e8,
            prior_close_nanos=records.UNDEF_PRICE, band_low_nanos=records.UNDEF_PRICE,
            band_high_nanos=records.UNDEF_PRICE, currency="USD", active=1,
        )  # fmt: skip
    for listing in market.listings:
        yield _record(
            "Listing", venue=market.venue_id(listing.venue), instrument=listing.instrument.id,
            symbol=listing.instrument.symbol[:16], tick_table=tables[listing.tick_nanos], increment_lots=1,
            round_lot_lots=1, price_min_nanos=price_min(listing.low_nanos, listing.tick_nanos),
            price_max_nanos=records.UNDEF_PRICE, active=1, replace_quantity=1,
        )  # fmt: skip


def price_min(low_nanos: int, tick_nanos: int) -> int:
    """The least price of a listing: one tick, or none where the data have prices below zero."""
    return tick_nanos if low_nanos > 0 else int(records.UNDEF_PRICE)


def _tree(limits: Mapping[str, int]) -> Iterator[bytes]:
    levels = [(FIRM, 0, NodeLevel.FIRM), (DESK, FIRM, NodeLevel.DESK), (STRATEGY, DESK, NodeLevel.STRATEGY),
              (ACCOUNT, STRATEGY, NodeLevel.ACCOUNT)]  # fmt: skip
    for node, parent, level in levels:
        yield _record("Node", node=node, parent=parent, level=level, name=level.name.lower())
    for node in (FIRM, STRATEGY):
        for name, value in (LIMITS | dict(limits)).items():
            metric = Metric[name.upper()]
            yield _limit(100 * node + int(metric), node, metric, value * 10**9 if name in MONEY else value)


def _limit(number: int, node: int, metric: Metric, value: int) -> bytes:
    made = records.new("LimitSet", limit=number, node=node, metric=metric, selector=SelectorKind.ALL, generation=1,
                       revision=1, last_of_set=1)  # fmt: skip
    hard = value * 10_000 if metric is Metric.PRICE_COLLAR else value
    made["value"]["low"], made["value"]["high"] = np.uint64(hard & (2**64 - 1)), hard >> 64
    if metric is Metric.MESSAGE_RATE:
        made["window_ns"], made["burst"] = 10**9, min(value, 2**32 - 1)
    if metric is Metric.PRICE_COLLAR:
        # A book that stands is a reference however long it stands.
        made["window_ns"] = DAY_NS
    return made.tobytes()


def _slot(market: Market, slot: Slot) -> Iterator[bytes]:
    made = records.new("Slot", account=ACCOUNT, strategy=STRATEGY, desk=DESK, trader=TRADER, slot=SLOT, slot_version=1,
                       fuel=slot.fuel, timer_ns=slot.timer_ns, name=slot.artifact.name[:32])  # fmt: skip
    made["code_hash"] = list(slot.artifact.code_hash_bytes)
    yield made.tobytes()
    for index, listing in enumerate(market.listings):
        yield _record("SlotBind", venue=market.venue_id(listing.venue), instrument=listing.instrument.id, slot=SLOT,
                      index=index)  # fmt: skip
    for name, offset, scalar, bits in slot.parameters:
        yield _record("Parameter", name=name, offset=offset, scalar=scalar, bits=np.uint64(bits), slot=SLOT)
