"""The limit tree for notebooks, tests and what-if: the engine's own checks, five lines from a file to an answer.

Invariant: nothing is decided here: every answer comes from `crates/risk`.

    reference = ReferenceData.load("venues/reference/house.toml")
    tree = LimitTree(Limits.load("limits.toml", reference))
    line = tree.bind("mm-1", "AAPL", "XNAS")
    answer = line.hold(Side.BUY, 100, 585_330_000_000)      # a Hold, or a Refusal with code, limit, bound, observed
    line.headroom()                                         # lots that a further buy and sale may have
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from meridian._native import risk as _native
from meridian.records import RejectCode, Side
from meridian.risk.limits import Limits

Hold = _native.Hold
Refusal = _native.Refusal


class Exposure(NamedTuple):
    """What is booked and held: lots, orders, and money in nanos."""

    position_lots: int
    open_buy_lots: int
    open_sell_lots: int
    open_orders: int
    gross_used_nanos: int
    gross_held_nanos: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What is known of prices when an order is checked. Nothing at all: the prior close stands in."""

    bid_nanos: int | None = None
    ask_nanos: int | None = None
    touch_time_ns: int = 0
    last_nanos: int | None = None
    last_time_ns: int = 0
    live: bool = True

    def packed(self) -> tuple[int | None, int | None, int, int | None, int, bool]:
        """As the extension takes it."""
        return self.bid_nanos, self.ask_nanos, self.touch_time_ns, self.last_nanos, self.last_time_ns, self.live


class LimitTree:
    """The limits of a file, resolved. Raises ValueError when the tree refuses one of its records."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.native = _native.LimitTree()
        self.apply(limits.reference.records() + limits.records())

    def apply(self, records: bytes) -> list[str]:
        """Applies further records (limits, kills, reference data); raises ValueError when one is refused."""
        outcomes = self.native.apply(records)
        refused = [f"record {at}: {outcome}" for at, outcome in enumerate(outcomes) if outcome.startswith("refused")]
        if refused:
            raise ValueError("; ".join(refused))
        return outcomes

    def bind(self, account: str, instrument: str, venue: str, *, trader: int = 0) -> Line:
        """An account's line at a listing. Raises KeyError for a name that is not there."""
        reference = self.limits.reference
        listing = reference.listing(instrument, venue)
        number = self.native.bind(
            self.limits.node(account),
            trader,
            reference.venues[listing.venue].id,
            reference.instruments[listing.instrument].id,
        )
        return Line(self.native, number)

    def usages(self) -> list[tuple[int, int, int, int, int]]:
        """Limit, node, metric, bound and use of every limit in force."""
        return self.native.usages()

    def day_roll(self) -> None:
        """The trading day changes: day counters start again."""
        self.native.day_roll()


class Line:
    """One account at one listing."""

    def __init__(self, tree: _native.LimitTree, binding: int) -> None:
        self.tree = tree
        self.binding = binding

    def hold(
        self, side: Side, lots: int, price_nanos: int | None, *, now_ns: int = 0, prices: Prices | None = None
    ) -> _native.Hold | _native.Refusal:
        """Checks a new order (None: a market order) and holds it."""
        packed = prices.packed() if prices else None
        return self.tree.hold(self.binding, side, lots, price_nanos, now_ns, packed)

    def replace(
        self,
        hold: _native.Hold,
        total_lots: int,
        price_nanos: int,
        *,
        filled_lots: int = 0,
        now_ns: int = 0,
        prices: Prices | None = None,
    ) -> _native.Refusal | None:
        """Checks a replace and holds the larger of old and new; None when it passed."""
        packed = prices.packed() if prices else None
        return self.tree.replace(hold, total_lots, filled_lots, price_nanos, now_ns, packed)

    def fill(self, hold: _native.Hold, lots: int, price_nanos: int) -> int:
        """Books a fill; returns lots beyond what was held."""
        return self.tree.fill(hold, lots, price_nanos)

    def release(self, hold: _native.Hold, unbooked_lots: int = 0) -> None:
        """The order is gone; lots that the venue counts as filled and we have not booked stay held."""
        self.tree.release(hold, unbooked_lots)

    def headroom(self) -> tuple[int, int]:
        """Lots that a further buy and a further sale may have now."""
        return self.tree.headroom(self.binding)

    def exposure(self) -> Exposure:
        """What this line has booked and holds."""
        return Exposure(*self.tree.exposure(self.binding))


def code_of(refusal: _native.Refusal) -> RejectCode:
    """The reject code as a name."""
    return RejectCode(refusal.code)
