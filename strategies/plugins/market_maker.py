"""A market maker that leans against its inventory.

Fair value is the smoothed microprice. Both quotes stand off it by a half spread that widens with the book's own spread, and
move against the position, so that the side that reduces it is the better one.

Its limits: it earns the spread from those who know nothing and loses to those who do; the markouts of its fills say which it met.
It keeps one fair value: bind one listing to its slot (`--symbol` in a backtest).

Invariant: it quotes only in a two-sided, tradable, fresh book; otherwise nothing of it rests.
"""

from meridian.strategies import Book, Fill, Orders, Side, Status, Strategy, Trade, param, state


class InventoryMaker(Strategy):
    """Quotes both sides around the smoothed microprice."""

    api = 1

    half_spread_nanos: int = param(10_000_000, ge=1, live=True, help="Least distance of a quote from fair value.")
    spread_share: float = param(
        0.25, ge=0, le=1, live=True, help="Share of the book's spread that is kept as distance."
    )
    skew_nanos_per_lot: int = param(100_000, ge=0, live=True, help="How far one lot of position moves both quotes.")
    lean_lots_max: int = param(500, ge=1, live=True, help="Position beyond which the side that adds to it is left out.")
    size_lots: int = param(10, ge=1, live=True, help="Lots of each quote.")
    book_age_ns_max: int = param(250_000_000, ge=1, live=True, help="Age from which a book is no longer quoted on.")
    smoothing: float = param(0.2, gt=0, le=1, live=True, help="Weight of the newest microprice.")

    fair_nanos: float = state(0.0)
    quoting: bool = state(False)
    fills: int = state(0)
    traded_lots: int = state(0)

    def on_book(self, book: Book, orders: Orders) -> None:
        """Quotes anew."""
        if not book.two_sided or not book.tradable or book.stale or book.age_ns > self.book_age_ns_max:
            self.leave(orders)
            return
        micro_nanos = book.microprice_nanos
        if self.fair_nanos == 0.0:
            self.fair_nanos = micro_nanos
        else:
            self.fair_nanos += self.smoothing * (micro_nanos - self.fair_nanos)
        position_lots = orders.position_lots
        distance_nanos = max(float(self.half_spread_nanos), self.spread_share * book.spread_nanos)
        centre_nanos = self.fair_nanos - float(self.skew_nanos_per_lot) * position_lots
        # Never through the touch: a quote that would take pays for it.
        bid_nanos = orders.to_price(min(centre_nanos - distance_nanos, float(book.bid_nanos)), Side.BUY)
        ask_nanos = orders.to_price(max(centre_nanos + distance_nanos, float(book.ask_nanos)), Side.SELL)
        if position_lots >= self.lean_lots_max:
            orders.cancel_side(Side.BUY)
            self.only(Side.SELL, ask_nanos, orders)
        elif position_lots <= -self.lean_lots_max:
            orders.cancel_side(Side.SELL)
            self.only(Side.BUY, bid_nanos, orders)
        else:
            orders.quote(bid_nanos, ask_nanos, self.size_lots)
        self.quoting = True

    def on_status(self, status: Status, orders: Orders) -> None:
        """Leaves when trading stops or the feed cannot be trusted."""
        if not status.tradable or status.stale:
            self.leave(orders)

    def on_trade(self, trade: Trade, orders: Orders) -> None:
        """Counts what the market trades."""
        if not trade.busted:
            self.traded_lots += trade.lots

    def on_fill(self, fill: Fill, orders: Orders) -> None:
        """Leaves a side without room for another quote."""
        self.fills += 1
        if orders.headroom_lots(fill.side) < self.size_lots:
            orders.cancel_side(fill.side)

    def leave(self, orders: Orders) -> None:
        """Takes everything back."""
        self.fair_nanos = 0.0
        self.quoting = False
        orders.cancel_all()

    def only(self, side: int, price_nanos: int, orders: Orders) -> None:
        """One side alone: keeps an order at the price, replaces another, else sends one."""
        resting = False
        for order in orders.working:
            if order.side == side:
                resting = True
                if order.live and order.price_nanos != price_nanos:
                    orders.replace(order, price_nanos, order.lots)
        if not resting and orders.headroom_lots(side) >= self.size_lots:
            orders.new(side, price_nanos, self.size_lots)
