"""Quotes a future around its underlying's price, and buys or sells the underlying for each lot that trades.

The idea: a future is worth its underlying and the cost of carrying it, the basis, which moves slowly. Where the
underlying can be had at once, a quote in the future can be hedged as it trades: bid below the underlying's bid plus the
fair basis by an edge, offer above its offer plus the fair basis. What is earned is the edge; what is borne is the basis
between now and the end.

Its limits: the fair basis is a slow average and lags a true change (a dividend, a rate); then the future is bought from
somebody who knows. The hedge is late by a round trip, and the underlying may have moved. Lots are hedged one for one:
give `hedge_lots` where a lot of the future is more than a lot of the underlying.

Invariant: the future's position is at most `lots_max`; lots that are not hedged are sent again on each beat of the
timer, and while there are any the side that would add to them does not quote.
"""

from meridian.strategies import Book, Fill, Orders, Side, Status, Strategy, TimeInForce, Timer, param, state


class FuturesBasis(Strategy):
    """Makes in the future, takes in the underlying."""

    api = 1

    spot: int = param(1, ge=1, help="The underlying's instrument id.")
    future: int = param(2, ge=1, help="The future's.")
    venue: int = param(1, ge=1, le=65535, help="Where both trade.")
    edge_nanos: int = param(
        10_000_000, ge=0, live=True, help="Least gain of a quote over the hedge, by the fair basis."
    )
    size_lots: int = param(20, ge=1, live=True, help="Lots of each quote.")
    lots_max: int = param(200, ge=1, live=True, help="Most lots of the future, long or short.")
    hedge_lots: int = param(1, ge=1, help="Lots of the underlying for one of the future.")
    smoothing: float = param(0.001, gt=0, le=1, live=True, help="Weight of the newest basis in the fair one.")
    warm_up: int = param(500, ge=1, live=True, help="Books seen before the first quote.")

    basis_nanos: float = state(0.0)
    seen: int = state(0)

    def on_book(self, book: Book, orders: Orders) -> None:
        """Either book changed: the basis is learned, and the future quoted anew."""
        under = orders.on(self.spot, self.venue)
        ahead = orders.on(self.future, self.venue)
        if not self.is_good(under) or not self.is_good(ahead):
            ahead.cancel_all()
            return
        basis_nanos = (ahead.bid_nanos + ahead.ask_nanos - under.bid_nanos - under.ask_nanos) / 2
        self.seen += 1
        self.basis_nanos += max(self.smoothing, 1.0 / self.seen) * (basis_nanos - self.basis_nanos)
        if self.seen > self.warm_up:
            self.quote(under, ahead)

    def quote(self, under: Orders, ahead: Orders) -> None:
        """Both sides where the hedge earns the edge, never through the future's own touch."""
        bid = min(under.bid_nanos + self.basis_nanos - self.edge_nanos, float(ahead.bid_nanos))
        ask = max(under.ask_nanos + self.basis_nanos + self.edge_nanos, float(ahead.ask_nanos))
        bare_lots = self.bare_lots(under, ahead)
        if bare_lots > 0 or ahead.position_lots >= self.lots_max:
            ahead.cancel_side(Side.BUY)
        elif bare_lots < 0 or ahead.position_lots <= -self.lots_max:
            ahead.cancel_side(Side.SELL)
        else:
            ahead.quote(ahead.to_price(bid, Side.BUY), ahead.to_price(ask, Side.SELL), self.size_lots)

    def on_fill(self, fill: Fill, orders: Orders) -> None:
        """What traded in the future is hedged at once."""
        if fill.instrument == self.future:
            self.hedge(orders)

    def on_timer(self, timer: Timer, orders: Orders) -> None:
        """A hedge that missed is sent again."""
        self.hedge(orders)

    def on_status(self, status: Status, orders: Orders) -> None:
        """Without the underlying there is no price to quote by."""
        if not status.tradable or status.stale:
            orders.on(self.future, self.venue).cancel_all()

    def hedge(self, orders: Orders) -> None:
        """Takes in the underlying what is bare, unless a hedge is under way."""
        under = orders.on(self.spot, self.venue)
        bare_lots = self.bare_lots(under, orders.on(self.future, self.venue))
        if bare_lots == 0 or under.open_buy_lots + under.open_sell_lots > 0 or not self.is_good(under):
            return
        side = Side.SELL if bare_lots > 0 else Side.BUY
        lots = min(abs(bare_lots), under.headroom_lots(side))
        if lots > 0:
            price_nanos = under.bid_nanos if bare_lots > 0 else under.ask_nanos
            under.new(side, price_nanos, lots, time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL)

    def bare_lots(self, under: Orders, ahead: Orders) -> int:
        """Lots of the underlying that the future's position leaves without a hedge; above zero: too long."""
        return ahead.position_lots * self.hedge_lots + under.position_lots

    def is_good(self, orders: Orders) -> bool:
        """Whether its prices mean something."""
        return orders.two_sided and orders.tradable and not orders.stale
