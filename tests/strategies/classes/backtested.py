"""Strategies for tests of backtests."""

from meridian.strategies import Book, Orders, Side, Strategy, Timer, param, state


class Joiner(Strategy):
    """Joins the best bid once and stays."""

    size_lots: int = param(50, ge=1, help="Lots.")
    sent: bool = state(False)

    def on_book(self, book: Book, orders: Orders) -> None:
        """Joins."""
        if not self.sent and book.two_sided:
            self.sent = True
            orders.new(Side.BUY, book.bid_nanos, self.size_lots)


class Quoter(Strategy):
    """Quotes the touch on its timer."""

    size_lots: int = param(10, ge=1, help="Lots of each quote.")
    limit_lots: int = param(100, ge=1, help="Position beyond which it leaves.")

    def on_timer(self, timer: Timer, orders: Orders) -> None:
        """Quotes anew."""
        if orders.bid_nanos == orders.ask_nanos or abs(orders.position_lots) > self.limit_lots:
            orders.cancel_all()
        else:
            orders.quote(orders.bid_nanos, orders.ask_nanos, self.size_lots)


class Late(Strategy):
    """Fails on its hundredth book."""

    after: int = param(100, ge=1, help="Books before it fails.")
    seen: int = state(0)

    def on_book(self, book: Book, orders: Orders) -> None:
        """Divides by what becomes zero."""
        self.seen += 1
        if self.seen == 50:
            orders.new(Side.BUY, book.bid_nanos, 10)
        if self.seen // (self.after - self.seen) > 1_000_000_000:
            orders.cancel_all()
