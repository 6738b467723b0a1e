"""The two auctions of a generated day: calls that collect orders unseen, what they say every second, and the cross.

Messages are those of Nasdaq TotalView-ITCH 5.0 (sections 1.2.2 trading action, 1.4 order executed with price, 1.5.2 cross trade,
1.6 net order imbalance) as the house exchange sends them: phases by the reasons PREO, AUCO, AUCC and CLSD, `I` each second, and
at the cross a `C` that does not count for each displayed order, the `Q`, then what came in the call and is shown from now on.

One large order of a day, for the auction alone and bound to its price, finds less than it wants: it is what is left over, and
who sent it goes on after the open (`pressed`). Prices are in ticks, times in ns after the open.

Invariant: one price, at which no other price trades more; no order trades beyond its limit; lots are neither made nor lost.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["CALL_NS", "INDICATE_NS", "Call", "Clearing", "Collected", "clear", "leaning", "pressed"]

CALL_NS = 60 * 10**9
"""Either call lasts so long."""
INDICATE_NS = 10**9
CROWD, PIECES = 16, 5
"""Orders of a side that come in an opening call besides the large one, and into how many that one is split."""
SHARE = (0.3, 0.9)
"""What is left over, as a share of what pairs."""
PRESS_TICKS, PRESS_NS = 8, 2 * 10**9
"""So far those who were left over move the value, most of it within this time."""
MARKET = 0
"""The limit of an order that takes any price."""


@dataclass(slots=True)
class Collected:
    """An order in a call. `alone`: it lives for this auction only; `shown`: it was in the book before."""

    side: str
    ticks: int
    lots: int
    came_ns: int
    reference: int = 0
    alone: bool = False
    shown: bool = False

    def takes(self, ticks: int) -> bool:
        """Whether it may trade at a price."""
        return self.ticks == MARKET or (self.ticks >= ticks if self.side == "B" else self.ticks <= ticks)

    def rank(self) -> tuple[float, bool, int, int]:
        """Who trades first: market orders, better prices, displayed ones, earlier ones."""
        price = math.inf if self.ticks == MARKET else self.ticks if self.side == "B" else -self.ticks
        return (-price, not self.shown, self.came_ns, self.reference)


@dataclass(frozen=True, slots=True)
class Clearing:
    """A price, the lots that pair at it, and the buys (above 0) or sells (below 0) that are left."""

    ticks: int
    paired: int
    surplus: int


def _standing(orders: Sequence[Collected], side: str, ticks: int) -> int:
    """Lots of a side that may trade at a price."""
    return sum(order.lots for order in orders if order.side == side and order.takes(ticks))


def clear(orders: Sequence[Collected], reference: int) -> Clearing | None:
    """What a call gives: most lots, then fewest left over, then market pressure, then nearest to the reference price.

    The rules of `crates/exchange/src/matching/clearing.rs`, which names their sources. None: nothing trades.
    """
    found = []
    for ticks in sorted({reference} | {order.ticks for order in orders if order.ticks != MARKET}):
        demand, supply = (_standing(orders, side, ticks) for side in "BS")
        found.append(Clearing(ticks, min(demand, supply), demand - supply))
    most = max(each.paired for each in found)
    if most == 0:
        return None
    best = [each for each in found if each.paired == most]
    least = min(abs(each.surplus) for each in best)
    best = [each for each in best if abs(each.surplus) == least]
    if all(each.surplus > 0 for each in best):
        return best[-1]
    if all(each.surplus < 0 for each in best):
        return best[0]
    return min(best, key=lambda each: (abs(each.ticks - reference), each.ticks))


def leaning(seed: int, symbol: str) -> int:
    """Which side of a symbol's opening auction is left over: 1 buys, -1 sells. A future's is its symbol's."""
    return random.Random(f"{seed}/{symbol[:4]}/opening").choice((-1, 1))


def pressed(now_ns: int, lean: int) -> float:
    """How far those who were left over have moved the value, ticks."""
    return lean * PRESS_TICKS * (1 - math.exp(-now_ns / PRESS_NS))


class Call:
    """One book's call: its orders are all known when it begins, and count from when they come."""

    def __init__(self, letter: str, begins_ns: int, price: int, resting: Sequence[Collected] = ()) -> None:
        self.letter, self.begins_ns, self.price = letter, begins_ns, price
        self.orders = list(resting)

    def fill(self, chance: random.Random, lean: int) -> None:
        """A crowd on both sides, and the large order that finds too little at the price."""
        side, other = ("B", "S") if lean > 0 else ("S", "B")
        for number in range(CROWD):
            # Ordinary orders that stay behind in the book: an opening's alone, since after a close there is none.
            if self.letter == "O":
                self._come(chance, side, self.price - lean * chance.randint(1, 6), 10 * chance.randint(1, 8))
                self._come(chance, other, self.price + lean * chance.randint(1, 6), 10 * chance.randint(1, 8))
            through = MARKET if number % 4 == 0 else self.price - lean * chance.randint(0, 4)
            self._come(chance, other, through, 10 * chance.randint(1, 6), alone=number % 2 == 0 or self.letter == "C")
        here, there = (_standing(self.orders, each, self.price) for each in (side, other))
        large = max(int(there * (1 + chance.uniform(*SHARE))) - here, 10 * PIECES)
        for _ in range(PIECES):
            self._come(chance, side, self.price, large // PIECES // 10 * 10, alone=True)

    def _come(self, chance: random.Random, side: str, ticks: int, lots: int, *, alone: bool = False) -> None:
        came_ns = self.begins_ns + chance.randrange(CALL_NS - INDICATE_NS)
        self.orders.append(Collected(side, ticks, lots, came_ns, alone=alone))

    def said(self, now_ns: int) -> dict[str, int | str]:
        """An `I`'s content: what the call would give of what has come so far."""
        come = [order for order in self.orders if order.came_ns <= now_ns]
        found, far = (clear(each, self.price) for each in (come, [order for order in come if order.alone]))
        reference = found.ticks if found else self.price
        left = _standing(come, "B", reference) - _standing(come, "S", reference)
        return {
            "paired_shares": found.paired if found else 0, "imbalance_shares": abs(left),
            "imbalance_direction": "B" if left > 0 else "S" if left < 0 else "N" if found else "O",
            "far_price": far.ticks * 100 if far else 0, "near_price": found.ticks * 100 if found else 0,
            "current_reference_price": reference * 100, "cross_type": self.letter, "price_variation_indicator": " ",
        }  # fmt: skip

    def cross(self) -> tuple[Clearing | None, list[tuple[int, int]]]:
        """What it gives, and (reference, lots) of each trade of a displayed order. Traded lots leave the orders."""
        found = clear(self.orders, self.price)
        told: list[tuple[int, int]] = []
        if found is None:
            return None, told
        takers = (sorted((order for order in self.orders if order.side == side and order.takes(found.ticks)),
                         key=Collected.rank) for side in "BS")  # fmt: skip
        buys, sells = map(iter, takers)
        buy, sell, open_lots = next(buys), next(sells), found.paired
        while open_lots:
            traded = min(open_lots, buy.lots, sell.lots)
            open_lots -= traded
            for order in (sell, buy):
                order.lots -= traded
                if order.shown:
                    told.append((order.reference, traded))
            if open_lots:
                buy = buy if buy.lots else next(buys)
                sell = sell if sell.lots else next(sells)
        return found, told

    def indications(self) -> Iterator[int]:
        """When it says where it stands, ns after the open."""
        yield from range(self.begins_ns, self.begins_ns + CALL_NS, INDICATE_NS)
