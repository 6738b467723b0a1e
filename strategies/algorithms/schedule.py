"""Algorithms that follow a schedule: how many lots are due by now, and what is done about those that are behind.

A schedule says what is due (`due_lots`); the work is the same for all: one child for what is due and not done rests at its own
best price; when too much is behind, or the end is near, it is taken from the other side instead, as far as the limit allows.

Invariant: no child is for more than what is due and not done, and what is due never falls: the schedule is never run ahead of by
more than the slice that `due_lots` may be rounded up by.
"""

from meridian.strategies import Orders, param
from meridian.strategies.algorithms.parent import Parent


class Scheduled(Parent):
    """A parent order by a schedule. Not traded itself: derive and define `due_lots`."""

    slice_lots: int = param(10, ge=1, help="Lots come due in slices of so many, the first at the start.")
    behind_lots_max: int = param(20, ge=1, live=True, help="Lots behind the schedule from which it takes.")
    finish_ns: int = param(0, ge=0, help="So long before the end it takes whatever is left.")

    def due_lots(self, orders: Orders) -> int:
        """Lots that should have traded by now."""
        return 0

    def work(self, orders: Orders) -> None:
        """Rests what is due, takes what is late."""
        remaining_ns = self.duration_ns - (orders.time_ns - self.begin_ns)
        finishing = remaining_ns <= self.finish_ns
        due_lots = self.lots if finishing else min(self.lots, self.due_lots(orders))
        behind_lots = due_lots - self.done_lots
        far_nanos = self.far_nanos(orders)
        if behind_lots <= 0:
            self.rest(self.near_nanos(orders), 0, False, orders)
        elif (finishing or behind_lots >= self.behind_lots_max) and self.bounded(far_nanos) == far_nanos:
            self.take(far_nanos, behind_lots, orders)
        else:
            self.rest(self.near_nanos(orders), behind_lots, False, orders)


def in_slices(lots: float, slice_lots: int) -> int:
    """Lots rounded up to a whole slice, and one slice at the least."""
    return (int(lots) // slice_lots + 1) * slice_lots
