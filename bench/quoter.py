"""The strategy of the backtest rows: one order a side at the touch, looked at in a fixed beat."""

from meridian.strategies import Orders, Strategy, Timer, param


class TouchQuoter(Strategy):
    """Quotes the touch on its timer, within a position."""

    size_lots: int = param(1_000_000, ge=1, help="Lots of each quote.")
    limit_lots: int = param(100_000_000, ge=1, help="Position beyond which it leaves.")

    def on_timer(self, timer: Timer, orders: Orders) -> None:
        """Quotes anew."""
        if orders.bid_nanos >= orders.ask_nanos or abs(orders.position_lots) > self.limit_lots:
            orders.cancel_all()
        else:
            orders.quote(orders.bid_nanos, orders.ask_nanos, self.size_lots)
