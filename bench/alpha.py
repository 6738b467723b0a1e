"""The linear model of the signals row, as `meridian strategy signal` would write it."""

from meridian.strategies import Orders, channel
from meridian.strategies.signals.alpha import Alpha


class TouchAlpha(Alpha):
    """Publishes its score."""

    api = 1

    def score(self) -> float:
        """The model."""
        total = 0.1
        total += 0.5 * self.queue + 0.1 * self.depth + 0.3 * self.flow
        total += 0.4 * self.trades - 0.2 * self.lean + 0.01 * self.variance
        return total

    def publish(self, value: float, orders: Orders) -> None:
        """To every strategy that listens."""
        orders.signal(channel("bench-touch"), value)
