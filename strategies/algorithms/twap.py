"""TWAP: equal lots in equal times.

What is due grows in a straight line from nothing at the start to the whole order at the end, in slices.

Invariant: as in `schedule.py`: never more than one slice ahead of the line, and, where the limit and the book allow, never much
more than `behind_lots_max` behind it (what comes due while a request is under way).
"""

from meridian.strategies import Orders
from meridian.strategies.algorithms.schedule import Scheduled, in_slices


class Twap(Scheduled):
    """Buys or sells at an even pace."""

    def due_lots(self, orders: Orders) -> int:
        """The straight line."""
        return in_slices(float(self.lots) * self.share_gone(orders), self.slice_lots)
