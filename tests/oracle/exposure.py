"""The naive twin of the limit tree: on every step it derives worst cases anew from the list of live orders.

Invariant: no counter, no increment, no code of `crates/risk`. An order's worst case is found by asking what the venue may
still do with it; limits are looked at one by one. A venue stands behind it that fills, answers and cancels in any order.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

DOLLAR = 10**9


@dataclass
class Line:
    """One account at one listing, as the twin sees it."""

    account: str
    strategy: str
    instrument: str
    venue: str
    remaining: bool
    units: int
    handle: Any = None


@dataclass
class Order:
    """A live order: what we know of it, and what its venue does."""

    line: Line
    buy: bool
    price: int
    total: int
    hold: Any
    booked: int = 0
    asked: tuple[int, int] | None = None
    """Price and total (or, where the venue takes that, what remains) of a replace under way."""
    ended: int | None = None
    """Fills still to come of an order that the venue has ended."""
    venue_open: int = 0
    unreported: list[tuple[int, int]] = field(default_factory=list)
    """Fills at the venue whose reports are under way: lots, price."""

    def held(self) -> int:
        """The most that may still be booked."""
        if self.ended is not None:
            return self.ended
        open_lots = self.total - self.booked
        if self.asked is None:
            return max(open_lots, 0)
        if self.line.remaining:
            return max(open_lots, open_lots - 1 + self.asked[1], 0)
        return max(self.total, self.asked[1]) - self.booked if max(self.total, self.asked[1]) > self.booked else 0

    def worst_price(self, edge: int) -> int:
        """The worst price it may trade at: a sale as far up as the collar."""
        prices = [self.price, *([self.asked[0]] if self.asked else [])]
        return max(prices) if self.buy else max(*prices, edge)


@dataclass
class Limit:
    """A bound: which lines it adds up, what it counts, how much."""

    metric: str
    bound: int
    account: str | None = None
    strategy: str | None = None
    venue: str | None = None

    def counts(self, line: Line) -> bool:
        """Whether a line is in its scope."""
        return (
            self.account in (None, line.account)
            and self.strategy in (None, line.strategy)
            and self.venue in (None, line.venue)
        )


@dataclass
class WorstCase:
    """All lines, orders and bookings."""

    limits: list[Limit]
    edges: dict[str, int]
    """Upper end of the collar by instrument."""
    lines: list[Line] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    fills: list[tuple[Line, int, int]] = field(default_factory=list)
    """Line, signed lots, money: every booking."""
    traded: list[tuple[Line, int]] = field(default_factory=list)
    """Line and lots of every fill of the day."""

    def position(self, lines: list[Line]) -> int:
        """Booked lots of some lines."""
        return sum(lots for line, lots, _ in self.fills if line in lines)

    def open_lots(self, lines: list[Line], buy: bool) -> int:
        """Lots that may still be booked on a side."""
        return sum(order.held() for order in self.orders if order.line in lines and order.buy == buy)

    def held_money(self, lines: list[Line]) -> int:
        """Money that may still be booked."""
        return sum(
            order.held() * order.line.units * order.worst_price(self.edges[order.line.instrument])
            for order in self.orders
            if order.line in lines
        )

    def used_money(self, lines: list[Line]) -> int:
        """Money booked."""
        return sum(money for line, _, money in self.fills if line in lines)

    def exposure(self, line: Line) -> tuple[int, int, int, int, int, int]:
        """In the order of `meridian.risk.Exposure`."""
        lines = [line]
        live = sum(1 for order in self.orders if order.line is line and order.ended is None)
        sides = self.open_lots(lines, True), self.open_lots(lines, False)
        return self.position(lines), *sides, live, self.used_money(lines), self.held_money(lines)

    def worst_lots(self, limit: Limit, instrument: str, buy: bool) -> int:
        """The worst case of a side in a limit's scope: positive where it is beyond zero on that side."""
        lines = [line for line in self.lines if line.instrument == instrument and limit.counts(line)]
        position = self.position(lines)
        return (position if buy else -position) + self.open_lots(lines, buy)

    def day_lots(self, limit: Limit) -> int:
        """Lots traded today and open, both sides, in a limit's scope."""
        lines = [line for line in self.lines if limit.counts(line)]
        traded = sum(lots for line, lots in self.traded if line in lines)
        return traded + self.open_lots(lines, True) + self.open_lots(lines, False)

    def refuses(self, line: Line, *, buy: bool, lots: int, money: int, orders: int) -> str | None:
        """The first metric whose limit an addition would break."""
        for metric in ("open_orders", "position", "gross_exposure", "daily_quantity"):
            for limit in self.limits:
                if (
                    limit.metric == metric
                    and limit.counts(line)
                    and self._breaks(limit, line, buy, lots, money, orders)
                ):
                    return metric
        return None

    def _breaks(self, limit: Limit, line: Line, buy: bool, lots: int, money: int, orders: int) -> bool:
        lines = [one for one in self.lines if limit.counts(one)]
        if limit.metric == "open_orders":
            live = sum(1 for order in self.orders if order.line in lines and order.ended is None)
            return orders > 0 and live + orders > limit.bound
        if limit.metric == "position":
            return lots > 0 and self.worst_lots(limit, line.instrument, buy) + lots > limit.bound
        if limit.metric == "daily_quantity":
            return lots > 0 and self.day_lots(limit) + lots > limit.bound
        return money > 0 and self.used_money(lines) + self.held_money(lines) + money > limit.bound

    def headroom(self, line: Line, buy: bool, clip: int) -> int:
        """Lots that a further order of a side may have, money not looked at."""
        free = [clip]
        for limit in self.limits:
            if not limit.counts(line):
                continue
            if limit.metric == "position":
                free.append(limit.bound - self.worst_lots(limit, line.instrument, buy))
            elif limit.metric == "daily_quantity":
                free.append(limit.bound - self.day_lots(limit))
            elif limit.metric == "open_orders" and self._breaks(limit, line, buy, 1, 0, 1):
                free.append(0)
        return max(min(free), 0)

    def book(self, order: Order, lots: int, price: int) -> None:
        """A fill's report."""
        self.fills.append((order.line, lots if order.buy else -lots, lots * order.line.units * price))
        self.traded.append((order.line, lots))
        order.booked += lots
        if order.ended is not None:
            order.ended = max(order.ended - lots, 0)

    def trade(self, order: Order, rng: random.Random) -> None:
        """The venue fills some of an order, at its price or better."""
        if order.venue_open > 0:
            lots = rng.randint(1, order.venue_open)
            edge = self.edges[order.line.instrument]
            price = order.price if order.buy else rng.randint(order.price // DOLLAR, edge // DOLLAR) * DOLLAR
            order.venue_open -= lots
            order.unreported.append((lots, price))
