"""Trades two instruments that move together against each other when they have parted, and leaves when they are back.

The idea: the difference of the logarithms of two related prices wanders around a level. How far it is from that level,
in standard deviations, is the score. Far above: sell the first and buy the second for the same money; far below: the
reverse; near zero: flat.

Its limits: the level is an average of the past. Nothing says that a pair comes back, and the day on which it does not
is the day on which the position is largest: `score_stop` gives up. Both legs pay the spread, so that the swing must be
worth two of them. One leg may trade without the other; the targets are looked at again on each beat of the timer until
both stand.

Invariant: no more than `lots_max` of the first instrument, and what matches it of the second; nothing new while either
book is one-sided, stale or not tradable.
"""

from meridian.strategies import Orders, Strategy, Timer, param, state
from meridian.strategies.math import log, sqrt


class Pairs(Strategy):
    """Mean reversion of one price against another."""

    api = 1

    first: int = param(1, ge=1, help="An instrument's id.")
    second: int = param(2, ge=1, help="The other's.")
    venue: int = param(1, ge=1, le=65535, help="Where both trade.")
    lots_max: int = param(100, ge=1, live=True, help="Most lots of the first instrument.")
    score_in: float = param(2.0, gt=0, live=True, help="Standard deviations from the level at which it goes in.")
    score_out: float = param(0.5, ge=0, live=True, help="Where it is back.")
    score_stop: float = param(6.0, gt=0, live=True, help="Where it gives up, until the score is back inside score_out.")
    samples: int = param(100, ge=2, live=True, help="Beats of the timer over which level and deviation are averaged.")

    level: float = state(0.0)
    variance: float = state(0.0)
    seen: int = state(0)
    side: int = state(0)
    stopped: bool = state(False)

    def on_timer(self, timer: Timer, orders: Orders) -> None:
        """One sample of the difference, and what follows from it."""
        one = orders.on(self.first, self.venue)
        two = orders.on(self.second, self.venue)
        if not self.is_good(one) or not self.is_good(two):
            return
        difference = log(self.mid(one)) - log(self.mid(two))
        score = self.score(difference)
        self.learn(difference)
        if self.seen <= self.samples:
            return  # The averages know too little yet.
        if abs(score) > self.score_stop:
            self.stopped = True
        elif abs(score) < self.score_out:
            self.stopped = False
        if self.stopped or abs(score) < self.score_out:
            self.side = 0
        elif score > self.score_in:
            self.side = -1
        elif score < -self.score_in:
            self.side = 1
        lots = self.side * self.lots_max
        self.go(one, lots)
        # As much money of the second as of the first.
        self.go(two, -round(lots * self.mid(one) / self.mid(two)))

    def score(self, difference: float) -> float:
        """Standard deviations from the level; 0 while nothing is known."""
        return (difference - self.level) / sqrt(self.variance) if self.variance > 0.0 else 0.0

    def learn(self, difference: float) -> None:
        """Exponential averages, plain ones at the start."""
        self.seen += 1
        weight = 1.0 / min(self.seen, self.samples)
        away = difference - self.level
        self.level += weight * away
        self.variance += weight * (away * (difference - self.level) - self.variance)

    def go(self, orders: Orders, lots: int) -> None:
        """Heads for a position, at the price at which it can be had now."""
        buying = lots > orders.position_lots
        orders.target(lots, orders.ask_nanos if buying else orders.bid_nanos)

    def mid(self, orders: Orders) -> float:
        """Middle of a listing's book."""
        return (orders.bid_nanos + orders.ask_nanos) / 2

    def is_good(self, orders: Orders) -> bool:
        """Whether its prices mean something."""
        return orders.two_sided and orders.tradable and not orders.stale
