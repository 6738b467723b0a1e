"""A naive order-by-order book: lists, no indices. Tests compare the real book's levels, queues and hash with it.

Invariant: the state is a list of orders in time priority and nothing else; everything is searched for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

MASK = (1 << 64) - 1
FIRST = 0x9E3779B97F4A7C15
SECOND = 0xD6E8FEB86659FD93


class Hash64:
    """The rolling hash of states: see crates/records/src/hash.rs."""

    def __init__(self) -> None:
        self.value = FIRST

    def word(self, word: int) -> None:
        """Adds one 64-bit word."""
        word &= MASK
        rotated = (word << 32 | word >> 32) & MASK
        product = (self.value ^ (word * FIRST & MASK)) * (SECOND ^ rotated)
        folded = ((product & MASK) ^ (product >> 64)) + FIRST & MASK
        self.value = (folded << 23 | folded >> 41) & MASK


@dataclass(slots=True)
class Order:
    """A resting order."""

    order_ref: int
    side: int
    price: int
    lots: int


@dataclass(slots=True)
class Twin:
    """All orders in time priority. `apply` returns whether the record fitted."""

    orders: list[Order] = field(default_factory=list)

    def apply(self, record: Any) -> bool:
        """One `MarketOrder`: Add 1, Execute 2, Reduce 3, Delete 4, Replace 5, Clear 6, Modify 7."""
        action, side = int(record["action"]), int(record["side"])
        price, lots = int(record["price_nanos"]), int(record["lots"])
        if action == 6:
            self.orders = [order for order in self.orders if side not in (0, order.side)]
            return True
        found = next((order for order in self.orders if order.order_ref == int(record["order_ref"])), None)
        if action == 1:
            return self._enter(Order(int(record["order_ref"]), side, price, lots)) if found is None else False
        if found is None:
            return False
        if action in (2, 3):
            found.lots -= lots
            fits = found.lots >= 0
            if found.lots <= 0:
                self.orders.remove(found)
            return fits
        if action == 7 and (price, lots) <= (found.price, found.lots) and price == found.price:
            found.lots = lots
            return True
        self.orders.remove(found)
        if action == 4:
            return True
        reference = int(record["new_order_ref"]) if action == 5 else found.order_ref
        return self._enter(Order(reference, found.side, price, lots))

    def _enter(self, order: Order) -> bool:
        if any(other.order_ref == order.order_ref for other in self.orders):
            return False
        self.orders.append(order)
        return True

    def levels(self, side: int) -> list[tuple[int, int, int]]:
        """Price, lots, orders, best first."""
        prices = sorted({order.price for order in self.orders if order.side == side}, reverse=side == 1)
        return [(price, sum(order.lots for order in at), len(at)) for price in prices if (at := self._at(side, price))]

    def _at(self, side: int, price: int) -> list[Order]:
        return [order for order in self.orders if (order.side, order.price) == (side, price)]

    def state_hash(self) -> int:
        """As the real book hashes its state."""
        state = Hash64()
        for side in (1, 2):
            levels = self.levels(side)
            state.word(len(levels))
            for price, lots, count in levels:
                for word in (price, lots, count):
                    state.word(word)
                for order in self._at(side, price):
                    state.word(order.order_ref)
                    state.word(order.lots)
        return state.value
