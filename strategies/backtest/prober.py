"""A strategy whose orders do not hang on what became of the ones before: what compares queue models order by order."""

from meridian.strategies import Orders, Side, Strategy, Timer, param, state


class Prober(Strategy):
    """One order a side at the touch at every second beat, all of them cancelled at every other, whatever was filled."""

    size_lots: int = param(10, ge=1, help="Lots of each order.")
    beats: int = state(0)

    def on_timer(self, timer: Timer, orders: Orders) -> None:
        """Sends or cancels."""
        self.beats += 1
        if self.beats % 2 == 0:
            orders.cancel_all()
        elif orders.bid_nanos < orders.ask_nanos:
            orders.new(Side.BUY, orders.bid_nanos, self.size_lots)
            orders.new(Side.SELL, orders.ask_nanos, self.size_lots)
