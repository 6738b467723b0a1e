"""Sniper: rests nowhere, and takes when enough is there at the limit or better.

Invariant: as in `parent.py`; every child is immediate-or-cancel at the other side's best price, for no more than is shown there.
"""

from meridian.strategies import Orders, Timer, param
from meridian.strategies.algorithms.parent import Parent


class Sniper(Parent):
    """Waits for its price."""

    least_lots: int = param(
        1, ge=1, live=True, help="Takes only when so many are shown at the best price, or all it needs."
    )
    spread_nanos_max: int = param(
        1_000_000_000_000, ge=0, live=True, help="Takes only when the spread is at most this."
    )

    def on_timer(self, timer: Timer, orders: Orders) -> None:
        """Nothing of it rests that time could take back."""

    def work(self, orders: Orders) -> None:
        """Takes what is worth taking."""
        price_nanos = self.far_nanos(orders)
        shown_lots = self.far_lots(orders)
        fits = self.bounded(price_nanos) == price_nanos and orders.ask_nanos - orders.bid_nanos <= self.spread_nanos_max
        if fits and shown_lots >= min(self.least_lots, self.left_lots()):
            self.take(price_nanos, shown_lots, orders)
