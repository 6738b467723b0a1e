"""Follows the imbalance of the order flow at the best prices.

The idea: each change at the best bid or offer adds to demand or to supply. More at the bid, or a better bid, pushes up;
less, or a worse one, lets down; the offer is the mirror of it (R. Cont, A. Kukanov and S. Stoikov, "The Price Impact of
Order Book Events", Journal of Financial Econometrics 12, 2014). The sum of the last changes, against the usual depth,
goes with the price's move over the same seconds; what of it lasts into the next ones is what this trades.

Its limits: it takes, so that each round trip pays the spread and two fees; the signal fades within seconds and is known
to everybody, so that latency decides. With real fees it rarely earns on its own: use it as one feature among others, or
to lean quotes.

Invariant: at most `lots_max` long or short in one instrument at one venue, held no longer than `hold_ns` without a
fresh signal.
"""

from meridian.strategies import Book, Orders, Status, Strategy, Timer, param, state
from meridian.strategies.math import exp


class OrderFlow(Strategy):
    """Takes in the direction of the flow, and leaves when it is gone."""

    api = 1

    instrument: int = param(1, ge=1, help="The instrument's id; others of the slot are left alone.")
    venue: int = param(1, ge=1, le=65535, help="Where it trades.")
    lots_max: int = param(50, ge=1, live=True, help="Lots of the position.")
    score_in: float = param(3.0, gt=0, live=True, help="Imbalance, in usual depths, at which it takes.")
    memory_ns: int = param(500_000_000, ge=1, live=True, help="Time in which the imbalance fades to a third.")
    hold_ns: int = param(2_000_000_000, ge=1, live=True, help="Longest time in a position without a fresh signal.")

    bid_nanos: int = state(0)
    bid_lots: int = state(0)
    ask_nanos: int = state(0)
    ask_lots: int = state(0)
    updated_ns: int = state(0)
    imbalance: float = state(0.0)
    depth: float = state(0.0)
    wanted_lots: int = state(0)
    signal_ns: int = state(0)

    def on_book(self, book: Book, orders: Orders) -> None:
        """Adds the change at the best prices, and acts on what stands."""
        if book.instrument != self.instrument or book.venue != self.venue:
            return
        if not book.two_sided or not book.tradable or book.stale:
            self.bid_nanos = 0
            orders.cancel_all()
            return
        if self.bid_nanos != 0:
            self.imbalance *= exp(-(book.time_ns - self.updated_ns) / self.memory_ns)
            self.imbalance += self.change(book)
            self.depth += 0.01 * ((book.bid_lots + book.ask_lots) / 2 - self.depth)
        else:
            self.imbalance = 0.0
            self.depth = (book.bid_lots + book.ask_lots) / 2
        self.bid_nanos = book.bid_nanos
        self.bid_lots = book.bid_lots
        self.ask_nanos = book.ask_nanos
        self.ask_lots = book.ask_lots
        self.updated_ns = book.time_ns
        score = self.imbalance / max(self.depth, 1.0)
        if abs(score) >= self.score_in:
            self.wanted_lots = self.lots_max if score > 0 else -self.lots_max
            self.signal_ns = book.time_ns
        self.act(book.time_ns, orders)

    def change(self, book: Book) -> float:
        """What the update added to demand, less what it added to supply, in lots."""
        added = 0
        if book.bid_nanos >= self.bid_nanos:
            added += book.bid_lots
        if book.bid_nanos <= self.bid_nanos:
            added -= self.bid_lots
        if book.ask_nanos <= self.ask_nanos:
            added -= book.ask_lots
        if book.ask_nanos >= self.ask_nanos:
            added += self.ask_lots
        return float(added)

    def on_timer(self, timer: Timer, orders: Orders) -> None:
        """A quiet book must not keep a position."""
        here = orders.on(self.instrument, self.venue)
        if self.bid_nanos != 0 and here.two_sided and not here.stale:
            self.act(timer.time_ns, here)

    def on_status(self, status: Status, orders: Orders) -> None:
        """Nothing of it waits for a market that stopped."""
        if not status.tradable or status.stale:
            orders.cancel_all()

    def act(self, now_ns: int, orders: Orders) -> None:
        """Heads for the wanted position at the price at which it can be had."""
        if now_ns - self.signal_ns > self.hold_ns:
            self.wanted_lots = 0
        buying = self.wanted_lots > orders.position_lots
        orders.target(self.wanted_lots, orders.ask_nanos if buying else orders.bid_nanos)
