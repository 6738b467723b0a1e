"""The strategies of the row `kill_to_wire`: orders that rest away from the market, as many as a slot is to have.

Invariant: their prices never meet: buys lie below the middle, sales above it; what is gone is placed anew by the next timer.
"""

from meridian.strategies import Orders, Strategy, Timer, param

INTENTS = 24
"""Of one call, below what a call may ask for."""


class Resting(Strategy):
    """Keeps so many orders at rest, one lot each, in turn a buy and a sale."""

    middle_nanos: int = param(100_000_000_000, ge=1, help="Buys rest below it, sales above.")
    distance_nanos: int = param(1_000_000_000, ge=1, help="How far from the middle.")
    orders_max: int = param(50, ge=0, le=64, help="How many.")

    def on_timer(self, timer: Timer, orders: Orders) -> None:
        """Places what is missing."""
        count = 0
        for order in orders.working:
            count += int(order.order_id != 0)
        placed = 0
        while count < self.orders_max and placed < INTENTS:
            if count % 2 == 0:
                orders.buy(self.middle_nanos - self.distance_nanos, 1)
            else:
                orders.sell(self.middle_nanos + self.distance_nanos, 1)
            count += 1
            placed += 1
