"""The strategy that keeps the features of one instrument and publishes a model's score of them.

It trades nothing. A model is a class that derives from it and defines `score` and `publish`; `meridian strategy signal` writes
one from a file. A slot with several listings follows the instrument that it hears of first.

Invariant: a score is published only of a two-sided book that is not stale, after the first one, and when it moved by `step`.
"""

from meridian.strategies import Book, Orders, Strategy, Trade, param, state
from meridian.strategies.signals.features import (
    decayed,
    depth_weight,
    imbalance,
    lean,
    order_flow,
    ratio,
    squared_return,
)

LEVELS = 5
BUY = 1
SELL = 2


class Alpha(Strategy):
    """Features of an instrument, one event after the other."""

    api = 1

    half_ns: int = param(1_000_000_000, ge=1, live=True, help="After so long a past event counts half.")
    step: float = param(0.0, ge=0, live=True, help="Publishes when the score moved by more than this.")

    queue: float = state(0.0)
    depth: float = state(0.0)
    flow: float = state(0.0)
    lean: float = state(0.0)
    trades: float = state(0.0)
    variance: float = state(0.0)
    score_now: float = state(0.0)
    published: float = state(0.0)
    updates: int = state(0)

    instrument: int = state(0)
    last_ns: int = state(0)
    bid: float = state(0.0)
    bid_lots: float = state(0.0)
    ask: float = state(0.0)
    ask_lots: float = state(0.0)
    usual: float = state(0.0)
    flow_lots: float = state(0.0)
    depth_lots: float = state(0.0)
    bought_lots: float = state(0.0)
    sold_lots: float = state(0.0)

    def on_book(self, book: Book, orders: Orders) -> None:
        """Takes a book in, and scores it."""
        if self.instrument == 0:
            self.instrument = book.instrument
        if not book.two_sided or book.stale or book.instrument != self.instrument:
            return
        bid = float(book.bid_nanos)
        ask = float(book.ask_nanos)
        bid_lots = float(book.bid_lots)
        ask_lots = float(book.ask_lots)
        middle = 0.5 * (bid + ask)
        age_ns = self.pass_time(book.time_ns)
        half_ns = float(self.half_ns)
        if self.updates == 0:
            self.usual = middle
        else:
            was = 0.5 * (self.bid + self.ask)
            self.variance += squared_return(was, middle)
            self.usual = middle + decayed(self.usual - middle, age_ns, half_ns)
            self.flow_lots += order_flow(self.bid, self.bid_lots, self.ask, self.ask_lots, bid, bid_lots, ask, ask_lots)
        self.depth_lots = bid_lots + ask_lots + decayed(self.depth_lots, 1.0, 1.0)
        self.queue = imbalance(bid_lots, ask_lots)
        self.flow = ratio(self.flow_lots, self.depth_lots)
        self.lean = lean(bid, bid_lots, ask, ask_lots, self.usual)
        bids = 0.0
        asks = 0.0
        for level in range(LEVELS):
            weight = depth_weight(level)
            bids += weight * float(book.bids[level].lots)
            asks += weight * float(book.asks[level].lots)
        self.depth = imbalance(bids, asks)
        self.bid = bid
        self.ask = ask
        self.bid_lots = bid_lots
        self.ask_lots = ask_lots
        self.updates += 1
        self.tell(orders)

    def on_trade(self, trade: Trade, orders: Orders) -> None:
        """Takes a trade in; its score comes with the next book."""
        if trade.busted or trade.instrument != self.instrument:
            return
        self.pass_time(trade.time_ns)
        if trade.taker_side == BUY:
            self.bought_lots += float(trade.lots)
        elif trade.taker_side == SELL:
            self.sold_lots += float(trade.lots)
        self.trades = imbalance(self.bought_lots, self.sold_lots)

    def pass_time(self, now_ns: int) -> float:
        """Lets what is past fade; ns since the last event."""
        age_ns = float(now_ns - self.last_ns) if self.last_ns > 0 else 0.0
        half_ns = float(self.half_ns)
        self.flow_lots = decayed(self.flow_lots, age_ns, half_ns)
        self.variance = decayed(self.variance, age_ns, half_ns)
        self.bought_lots = decayed(self.bought_lots, age_ns, half_ns)
        self.sold_lots = decayed(self.sold_lots, age_ns, half_ns)
        self.last_ns = now_ns
        return age_ns

    def tell(self, orders: Orders) -> None:
        """Scores, and publishes what moved."""
        self.score_now = self.score()
        if self.updates > 1 and abs(self.score_now - self.published) > self.step:
            self.published = self.score_now
            self.publish(self.score_now, orders)

    def score(self) -> float:
        """The model."""
        return 0.0

    def publish(self, value: float, orders: Orders) -> None:
        """Where the score goes."""
