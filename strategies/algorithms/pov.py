"""POV: a share of what the market trades, ours included.

Invariant: as in `schedule.py`: never more than the share of the volume seen since the start and one slice; cancelled trades do
not count, and the slice that begins it is sent only after the first trade.
"""

from meridian.strategies import Orders, Trade, param, state
from meridian.strategies.algorithms.schedule import Scheduled, in_slices


class Pov(Scheduled):
    """Buys or sells with the market's volume."""

    share: float = param(0.1, gt=0, le=0.5, help="Our share of all lots that trade.")
    with_auctions: bool = param(False, help="Count what trades in auctions.")

    volume_lots: int = state(0)

    def on_trade(self, trade: Trade, orders: Orders) -> None:
        """Counts."""
        now_ns = orders.time_ns
        inside = self.begin_ns > 0 and self.begin_ns <= now_ns and now_ns - self.begin_ns < self.duration_ns
        if inside and not trade.busted and (self.with_auctions or not trade.cross):
            self.volume_lots += trade.lots

    def due_lots(self, orders: Orders) -> int:
        """The share of what has traded."""
        if self.volume_lots == 0:
            return 0
        return in_slices(self.share * float(self.volume_lots), self.slice_lots)
