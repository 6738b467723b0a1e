"""A strategy that asks for nothing: in tests orders come from intent records."""

from meridian.strategies import Orders, Strategy, Timer, state


class Idle(Strategy):
    """Counts its timers."""

    timers: int = state(0)

    def on_timer(self, timer: Timer, orders: Orders) -> None:
        """Does nothing of weight."""
        self.timers += 1
