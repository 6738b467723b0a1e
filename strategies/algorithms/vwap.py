"""VWAP: lots in proportion to the market's usual volume over the day.

The time from start to end is cut into eight equal parts; the share of volume that each usually has is given by eight weights, or
learned: with `learn` the volumes of past runs, which are kept over restarts and days, take the weights' place.

Invariant: as in `schedule.py`; a curve without any volume is a straight line.
"""

from meridian.strategies import Orders, Trade, param, state
from meridian.strategies.algorithms.schedule import Scheduled, in_slices

PARTS = 8


class Vwap(Scheduled):
    """Buys or sells along a volume curve."""

    weight_1: float = param(1.0, ge=0, le=1e9, help="Usual volume in the first eighth of the time, in any unit.")
    weight_2: float = param(1.0, ge=0, le=1e9, help="In the second.")
    weight_3: float = param(1.0, ge=0, le=1e9, help="In the third.")
    weight_4: float = param(1.0, ge=0, le=1e9, help="In the fourth.")
    weight_5: float = param(1.0, ge=0, le=1e9, help="In the fifth.")
    weight_6: float = param(1.0, ge=0, le=1e9, help="In the sixth.")
    weight_7: float = param(1.0, ge=0, le=1e9, help="In the seventh.")
    weight_8: float = param(1.0, ge=0, le=1e9, help="In the last.")
    learn: bool = param(False, help="Follow the mean of past runs' volumes once there is one.")
    memory: float = param(0.2, gt=0, le=1, help="Weight of the newest run in that mean.")

    learned: list[float] = state([0.0] * PARTS, keep=True)
    seen: list[float] = state([0.0] * PARTS)

    def on_trade(self, trade: Trade, orders: Orders) -> None:
        """Counts what the market trades in each part."""
        now_ns = orders.time_ns
        inside = self.begin_ns > 0 and self.begin_ns <= now_ns and now_ns - self.begin_ns < self.duration_ns
        if inside and not trade.busted:
            self.seen[self.part_of(self.share_gone(orders))] += float(trade.lots)

    def on_stop(self, orders: Orders) -> None:
        """Takes back what works, and remembers today."""
        orders.cancel_all()
        known = self.total(True) > 0.0
        for part in range(PARTS):
            weight = self.memory if known else 1.0
            self.learned[part] += weight * (self.seen[part] - self.learned[part])

    def due_lots(self, orders: Orders) -> int:
        """The curve."""
        learned = self.learn and self.total(True) > 0.0
        total = self.total(learned)
        share = self.share_gone(orders)
        if total <= 0.0:
            return in_slices(float(self.lots) * share, self.slice_lots)
        here = self.part_of(share)
        before = 0.0
        for part in range(PARTS):
            if part < here:
                before += self.volume(part, learned)
        inside = share * PARTS - float(here)
        return in_slices(float(self.lots) * ((before + inside * self.volume(here, learned)) / total), self.slice_lots)

    def part_of(self, share: float) -> int:
        """The part in which a share of the time ends."""
        return min(PARTS - 1, int(share * PARTS))

    def total(self, learned: bool) -> float:
        """Volume of the whole curve."""
        volume = 0.0
        for part in range(PARTS):
            volume += self.volume(part, learned)
        return volume

    def volume(self, part: int, learned: bool) -> float:
        """Usual volume of a part."""
        if learned:
            return self.learned[part]
        first = (
            self.weight_1
            if part == 0
            else self.weight_2
            if part == 1
            else self.weight_3
            if part == 2
            else self.weight_4
        )
        last = (
            self.weight_5
            if part == 4
            else self.weight_6
            if part == 5
            else self.weight_7
            if part == 6
            else self.weight_8
        )
        return first if part < 4 else last
