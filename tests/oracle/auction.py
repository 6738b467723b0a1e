"""Auctions, naively: every price is tried, every order is looked at, nothing is remembered.

Invariant: it is written from the rules as the exchange's documents state them, not from the Rust code.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from meridian.records import UNDEF_PRICE, AuctionKind, Side, TimeInForce, TradingState

Wanted = tuple[int, int]
"""A limit (UNDEF_PRICE: a market order) and lots."""

AT_AUCTION = (TimeInForce.AT_OPEN, TimeInForce.AT_CLOSE)


@dataclass
class Call:
    """A call that is on."""

    kind: int
    reference: int = UNDEF_PRICE
    cutoff: int = 0
    restricts: int = 0
    side: int = 0

    def late(self, what: int, now: int) -> bool:
        """Whether it is too late for 1 cancels or 2 more of the side that is left."""
        return bool(self.restricts & what) and self.cutoff != 0 and now >= self.cutoff


@dataclass(frozen=True)
class Clearing:
    """The price, the lots that trade, and the buys (above 0) or sells (below 0) left at it."""

    price: int
    paired: int
    surplus: int


def takes(kind: int, time_in_force: int) -> bool:
    """Whether an order that lives for one auction alone takes part in this one."""
    if time_in_force == TimeInForce.AT_OPEN:
        return kind in (AuctionKind.OPENING, AuctionKind.HALT)
    return time_in_force == TimeInForce.AT_CLOSE and kind == AuctionKind.CLOSING


def kind_after(state: int) -> int:
    """The auction that a call is for which does not say it."""
    if state in (TradingState.HALTED, TradingState.PAUSED):
        return AuctionKind.HALT
    if state in (TradingState.PRE_OPEN, TradingState.CLOSED):
        return AuctionKind.OPENING
    return AuctionKind.INTRADAY


def standing(side: int, orders: Iterable[Wanted], price: int) -> int:
    """Lots of a side that may trade at a price."""
    sign = 1 if side == Side.BUY else -1
    return sum(lots for limit, lots in orders if limit == UNDEF_PRICE or sign * limit >= sign * price)


def clearing(buys: list[Wanted], sells: list[Wanted], reference: int) -> Clearing | None:
    """The price of a call by the four rules, one after another."""
    prices = {limit for limit, _ in (*buys, *sells)} | {reference}
    tried = []
    for price in sorted(prices - {UNDEF_PRICE}):
        demand, supply = standing(Side.BUY, buys, price), standing(Side.SELL, sells, price)
        tried.append(Clearing(price, min(demand, supply), demand - supply))
    most = max((one.paired for one in tried), default=0)
    if most == 0:
        return None
    tried = [one for one in tried if one.paired == most]
    least = min(abs(one.surplus) for one in tried)
    tried = [one for one in tried if abs(one.surplus) == least]
    if all(one.surplus > 0 for one in tried):
        return tried[-1]
    if all(one.surplus < 0 for one in tried) or reference == UNDEF_PRICE:
        return tried[0]
    return min(tried, key=lambda one: (abs(one.price - reference), one.price))


def left_over(buys: list[Wanted], sells: list[Wanted], reference: int) -> int:
    """What is left where nothing trades: at the reference price, else of market orders."""
    if reference == UNDEF_PRICE:
        buys, sells = ([one for one in side if one[0] == UNDEF_PRICE] for side in (buys, sells))
    return standing(Side.BUY, buys, reference) - standing(Side.SELL, sells, reference)
