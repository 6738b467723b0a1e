"""Iceberg: one order of which the market sees a part at a time.

Its own way: a child of `display_lots` rests; when it is gone the next one does, a little larger or smaller with `vary_percent`,
so that the size does not give it away. Or the venue's: with `venue_display` one child for everything, of which the venue shows a
part.

Invariant: as in `parent.py`; never more than one child, and in its own way that is never larger than the part may be.
"""

from meridian.strategies import Order, Orders, param, state
from meridian.strategies.algorithms.parent import Parent


class Iceberg(Parent):
    """Shows a part at a time."""

    display_lots: int = param(10, ge=1, help="Lots that are shown.")
    vary_percent: int = param(0, ge=0, le=90, help="How much the shown lots differ from part to part.")
    venue_display: bool = param(False, help="Let the venue hide and refill, where it can.")
    follow: bool = param(True, live=True, help="Move with the best price of its side; else stay where it first stood.")

    price_nanos: int = state(0)
    part_lots: int = state(0)
    turn: int = state(1)

    def on_order(self, order: Order, orders: Orders) -> None:
        """A part that has ended is followed by another of another size."""
        if not order.live and order.leaves_lots == 0:
            self.part_lots = 0

    def work(self, orders: Orders) -> None:
        """One part at a price."""
        if self.part_lots == 0:
            self.part_lots = self.next_part()
        if self.price_nanos == 0 or self.follow:
            self.price_nanos = self.tick_price(self.bounded(self.near_nanos(orders)), orders)
        if self.venue_display:
            self.whole(orders)
            return
        wanted_lots = self.part_lots
        for order in orders.working:
            # A part that has begun to trade is not made larger again: that would cost its place.
            if order.side == self.side and order.leaves_lots < wanted_lots:
                wanted_lots = order.leaves_lots
        self.rest(self.price_nanos, wanted_lots, False, orders)

    def whole(self, orders: Orders) -> None:
        """Everything at once; the venue shows a part."""
        if not self.settled(orders):
            return
        for order in orders.working:
            if order.price_nanos != self.price_nanos:
                orders.replace(order, self.price_nanos, order.lots)
                self.asked(orders)
            return
        lots = min(self.left_lots(), orders.headroom_lots(self.side))
        lots -= lots % max(1, orders.increment_lots)
        if lots > 0:
            orders.new(self.side, self.price_nanos, lots, display_lots=min(lots, self.display_lots))
            self.asked(orders)

    def next_part(self) -> int:
        """Lots of the next part: spread evenly around what is shown, by a fixed sequence."""
        self.turn = (self.turn * 1103515245 + 12345) % 2147483648
        spread = self.display_lots * self.vary_percent // 100
        return max(1, self.display_lots - spread + self.turn // 65536 % (2 * spread + 1))
