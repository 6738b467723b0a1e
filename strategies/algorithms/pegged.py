"""Pegged: one order that stays at a distance from the market.

`peg` 1 follows the best price of its own side (primary), 2 the middle, 3 the best price of the other side (market).
`offset_nanos` moves it towards the market above zero, away from it below. The order itself is left out of what it follows, so
that it never follows itself: where all that is shown at the best price is its own, the next level counts.

Invariant: as in `parent.py`; one child, which never takes unless `cross` allows it.
"""

from meridian.strategies import UNDEF_PRICE, Book, Orders, Side, param, state
from meridian.strategies.algorithms.parent import Parent


class Pegged(Parent):
    """Follows the market at a distance."""

    peg: int = param(1, ge=1, le=3, help="1 own side's best price, 2 the middle, 3 the other side's.")
    offset_nanos: int = param(0, live=True, help="Towards the market; below zero away from it.")
    move_nanos_min: int = param(0, ge=0, live=True, help="Moves only when its price is off by more than this.")
    display_lots: int = param(1_000_000_000, ge=1, live=True, help="Lots that rest at a time.")
    cross: bool = param(False, live=True, help="May be at or beyond the other side's best price.")

    bid_nanos: int = state(UNDEF_PRICE)
    ask_nanos: int = state(UNDEF_PRICE)

    def on_book(self, book: Book, orders: Orders) -> None:
        """Reads the best prices without its own order."""
        self.bid_nanos = book.bid_nanos
        self.ask_nanos = book.ask_nanos
        for order in orders.working:
            if order.side == Side.BUY and order.price_nanos == book.bid_nanos and order.leaves_lots >= book.bid_lots:
                self.bid_nanos = book.bids[1].price_nanos
            if order.side == Side.SELL and order.price_nanos == book.ask_nanos and order.leaves_lots >= book.ask_lots:
                self.ask_nanos = book.asks[1].price_nanos
        self.act(orders)

    def work(self, orders: Orders) -> None:
        """Moves where it should be."""
        if self.bid_nanos == UNDEF_PRICE or self.ask_nanos == UNDEF_PRICE:
            self.withdraw(orders)
            return
        wanted_nanos = self.wanted_nanos(orders)
        for order in orders.working:
            if abs(order.price_nanos - wanted_nanos) <= self.move_nanos_min and self.allowed(order.price_nanos):
                wanted_nanos = order.price_nanos
        self.rest(wanted_nanos, min(self.display_lots, self.left_lots()), not self.cross, orders)

    def allowed(self, price_nanos: int) -> bool:
        """Whether a price keeps the limit."""
        return self.bounded(price_nanos) == price_nanos

    def wanted_nanos(self, orders: Orders) -> int:
        """The price at its distance."""
        near_nanos = self.bid_nanos if self.is_buy() else self.ask_nanos
        far_nanos = self.ask_nanos if self.is_buy() else self.bid_nanos
        reference = (
            near_nanos if self.peg == 1 else far_nanos if self.peg == 3 else near_nanos + (far_nanos - near_nanos) // 2
        )
        price_nanos = reference + self.offset_nanos if self.is_buy() else reference - self.offset_nanos
        if not self.cross:
            price_nanos = min(price_nanos, far_nanos - 1) if self.is_buy() else max(price_nanos, far_nanos + 1)
        return self.tick_price(self.bounded(price_nanos), orders)
