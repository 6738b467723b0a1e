"""The parent order that an algorithm works off: what is done, what is left, when, at which worst price.

Every algorithm derives from `Parent` and sends by `rest` and `take` alone.

Invariant: what has traded and what works together never exceed the parent's lots: a child is sent or changed only while no other
request is under way, and for no more than what has not traded. No child's price is worse than the limit. Nothing is sent before
the start, after the end, on a book that is stale or one-sided, or while the venue does not trade; at the end and at a stop all
that works is cancelled.
"""

from meridian.strategies import (
    UNDEF_PRICE,
    Book,
    Fill,
    Orders,
    Side,
    Status,
    Strategy,
    TimeInForce,
    Timer,
    param,
    state,
)


class Parent(Strategy):
    """One order to buy or sell so many lots between a start and an end. Not traded itself: derive and define `work`."""

    api = 1

    side: int = param(1, ge=1, le=2, help="1 buys, 2 sells.")
    lots: int = param(100, ge=1, le=1_000_000_000, help="Lots of the whole order; never more is traded.")
    limit_nanos: int = param(UNDEF_PRICE, live=True, help="Worst price of any child; none unless given.")
    start_ns: int = param(0, ge=0, help="Nothing is sent before this time (ns UTC); 0: begins when it is started.")
    duration_ns: int = param(60_000_000_000, ge=1, help="From start to end; what is left then is cancelled.")
    pause_ns: int = param(1_000_000, ge=0, live=True, help="Least time between two requests of its own.")

    begin_ns: int = state(0)
    done_lots: int = state(0)
    last_ns: int = state(0)
    requests: int = state(0)

    def on_start(self, orders: Orders) -> None:
        """The clock starts."""
        self.begin_ns = max(orders.time_ns, self.start_ns)

    def on_book(self, book: Book, orders: Orders) -> None:
        """The book changed."""
        self.act(orders)

    def on_timer(self, timer: Timer, orders: Orders) -> None:
        """Time passed."""
        self.act(orders)

    def on_fill(self, fill: Fill, orders: Orders) -> None:
        """Counts; a trade that was taken back has to be done again."""
        self.done_lots += -fill.lots if fill.broken else fill.lots

    def on_status(self, status: Status, orders: Orders) -> None:
        """Leaves when trading stops or the feed cannot be trusted."""
        if not status.tradable or status.stale:
            self.withdraw(orders)

    def on_stop(self, orders: Orders) -> None:
        """Takes back what works."""
        orders.cancel_all()

    def act(self, orders: Orders) -> None:
        """Works while it may, else takes everything back."""
        if self.may_work(orders):
            self.work(orders)
        else:
            self.withdraw(orders)

    def work(self, orders: Orders) -> None:
        """What the algorithm does now."""

    def may_work(self, orders: Orders) -> bool:
        """Inside its time, with lots left, in a book that can be relied on."""
        now_ns = orders.time_ns
        inside = self.begin_ns > 0 and self.begin_ns <= now_ns and now_ns - self.begin_ns < self.duration_ns
        return inside and self.left_lots() > 0 and orders.tradable and orders.two_sided and not orders.stale

    def left_lots(self) -> int:
        """Lots that have not traded."""
        return self.lots - self.done_lots

    def share_gone(self, orders: Orders) -> float:
        """Which share of its time has passed, 0 to 1."""
        return min(1.0, max(0.0, float(orders.time_ns - self.begin_ns) / float(self.duration_ns)))

    def is_buy(self) -> bool:
        """Whether it buys."""
        return self.side == Side.BUY

    def near_nanos(self, orders: Orders) -> int:
        """The best price of its own side."""
        return orders.bid_nanos if self.is_buy() else orders.ask_nanos

    def far_nanos(self, orders: Orders) -> int:
        """The best price that it could take."""
        return orders.ask_nanos if self.is_buy() else orders.bid_nanos

    def far_lots(self, orders: Orders) -> int:
        """What is shown there."""
        return orders.ask_lots if self.is_buy() else orders.bid_lots

    def bounded(self, price_nanos: int) -> int:
        """The price, or the limit where that is stricter."""
        if self.limit_nanos == UNDEF_PRICE:
            return price_nanos
        return min(price_nanos, self.limit_nanos) if self.is_buy() else max(price_nanos, self.limit_nanos)

    def open_lots(self, orders: Orders) -> int:
        """Lots of children at the bound listing that may still trade."""
        return orders.open_buy_lots if self.is_buy() else orders.open_sell_lots

    def settled(self, orders: Orders) -> bool:
        """Whether no child at the bound listing waits for an answer, and the last request is long enough ago."""
        for order in orders.working:
            if not order.live:
                return False
        return self.requests == 0 or orders.time_ns - self.last_ns >= self.pause_ns

    def asked(self, orders: Orders) -> None:
        """Notes a request."""
        self.requests += 1
        self.last_ns = orders.time_ns

    def rest(self, price_nanos: int, lots: int, post_only: bool, orders: Orders) -> None:
        """One child rests at a price with so many lots, bounded by limit and by what has not traded; made or moved to it."""
        wanted_lots = min(lots, self.left_lots())
        wanted_nanos = self.tick_price(self.bounded(price_nanos), orders)
        if not self.settled(orders):
            return
        for order in orders.working:
            if order.side == self.side and order.price_nanos == wanted_nanos and order.leaves_lots == wanted_lots:
                return
        before = self.open_lots(orders)
        if wanted_lots > 0 or before > 0:
            signed_lots = wanted_lots if self.is_buy() else -wanted_lots
            orders.target(orders.position_lots + signed_lots, wanted_nanos, post_only)
            self.asked(orders)

    def take(self, price_nanos: int, lots: int, orders: Orders) -> None:
        """Takes at a price or better what is there at once; what rests is taken back first."""
        if not self.settled(orders):
            return
        if self.open_lots(orders) > 0:
            orders.cancel_side(self.side)
            self.asked(orders)
            return
        wanted_nanos = self.tick_price(self.bounded(price_nanos), orders)
        wanted_lots = min(lots, self.left_lots(), orders.headroom_lots(self.side))
        wanted_lots -= wanted_lots % max(1, orders.increment_lots)
        if wanted_lots > 0:
            orders.new(self.side, wanted_nanos, wanted_lots, time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL)
            self.asked(orders)

    def tick_price(self, price_nanos: int, orders: Orders) -> int:
        """The price on the tick, never worse than it."""
        return orders.to_price(price_nanos, self.side)

    def withdraw(self, orders: Orders) -> None:
        """Takes everything back."""
        self.leave(orders)

    def leave(self, orders: Orders) -> None:
        """Takes back what is live at the bound listing, once."""
        live = 0
        for order in orders.working:
            if order.live:
                live += 1
        if live > 0:
            orders.cancel_side(self.side)
