"""Takes at one venue what another venue pays more for.

When the ask of the instrument at one venue lies below the bid at another by an edge, it buys at the first (immediate or
cancel); the other way round it sells where the bid is high. It holds no resting orders and ends each day as flat as it can:
its position is bounded, and while it has one the side that reduces it needs a smaller edge.

Invariant: no order takes the position past `position_lots_max`, counting what is under way.
"""

from meridian.strategies import Book, Fill, Orders, Side, Strategy, TimeInForce, Timer, param, state


class CrossTaker(Strategy):
    """Buys below and sells above the other venue."""

    venue_a: int = param(1, ge=1, le=65535, help="A venue's id.")
    venue_b: int = param(2, ge=1, le=65535, help="The other's.")
    edge_nanos: int = param(10_000_000, help="How much better than the other venue a price must be.")
    reduce_edge_nanos: int = param(0, help="The same for an order that reduces the position.")
    size_lots: int = param(20, ge=1, help="Most lots of an order.")
    position_lots_max: int = param(200, ge=1, help="Most lots long or short.")
    book_age_ns_max: int = param(250_000_000, ge=1, help="Age from which a book is not acted on.")
    pause_ns: int = param(5_000_000, ge=0, help="Least time between two orders.")

    last_ns: int = state(0)
    sent: int = state(0)
    fills: int = state(0)
    bought_lots: int = state(0)
    sold_lots: int = state(0)

    def on_book(self, book: Book, orders: Orders) -> None:
        """Compares the two venues."""
        if not book.two_sided or not book.tradable or book.stale or book.age_ns > self.book_age_ns_max:
            return
        if book.venue != self.venue_a and book.venue != self.venue_b:
            return
        if self.sent > 0 and book.time_ns - self.last_ns < self.pause_ns:
            return
        other = orders.on(book.instrument, self.venue_b if book.venue == self.venue_a else self.venue_a)
        if not other.two_sided or not other.tradable or other.stale:
            return
        position_lots = orders.position_lots
        buy_edge_nanos = self.reduce_edge_nanos if position_lots < 0 else self.edge_nanos
        sell_edge_nanos = self.reduce_edge_nanos if position_lots > 0 else self.edge_nanos
        if other.bid_nanos - book.ask_nanos >= buy_edge_nanos:
            self.take(Side.BUY, book.ask_nanos, book.ask_lots, book.time_ns, orders)
        elif other.ask_nanos - book.bid_nanos <= -sell_edge_nanos:
            self.take(Side.SELL, book.bid_nanos, book.bid_lots, book.time_ns, orders)
        elif book.bid_nanos - other.ask_nanos >= buy_edge_nanos:
            self.take(Side.BUY, other.ask_nanos, other.ask_lots, book.time_ns, other)
        elif book.ask_nanos - other.bid_nanos <= -sell_edge_nanos:
            self.take(Side.SELL, other.bid_nanos, other.bid_lots, book.time_ns, other)

    def on_fill(self, fill: Fill, orders: Orders) -> None:
        """Counts."""
        self.fills += 1
        if fill.side == Side.BUY:
            self.bought_lots += fill.lots
        else:
            self.sold_lots += fill.lots

    def on_timer(self, timer: Timer, orders: Orders) -> None:
        """Nothing of it is meant to rest: what still works is taken back."""
        if timer.time_ns - self.last_ns > self.pause_ns:
            orders.cancel_all()

    def take(self, side: int, price_nanos: int, shown_lots: int, now_ns: int, orders: Orders) -> None:
        """An immediate-or-cancel order for what is shown, as far as the bounds allow."""
        position_lots = orders.position_lots
        if side == Side.BUY:
            room_lots = self.position_lots_max - position_lots - orders.open_buy_lots
        else:
            room_lots = self.position_lots_max + position_lots - orders.open_sell_lots
        lots = min(self.size_lots, shown_lots, room_lots, orders.headroom_lots(side))
        lots -= lots % max(1, orders.increment_lots)
        if lots <= 0:
            return
        self.last_ns = now_ns
        self.sent += 1
        orders.new(side, price_nanos, lots, time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL)
