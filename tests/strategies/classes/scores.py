"""Strategies that listen to an alpha tile."""

from meridian.strategies import Orders, Signal, Strategy, state


class Listening(Strategy):
    """Keeps what it was told last, and asks for nothing."""

    api = 1

    told: int = state(0)
    stale: int = state(0)
    value: float = state(0.0)
    age_ns: int = state(0)
    based_on: int = state(0)

    def on_signal(self, signal: Signal, orders: Orders) -> None:
        """A score, or that there is none."""
        if signal.stale:
            self.stale += 1
            return
        self.told += 1
        self.value = signal.value
        self.age_ns = signal.age_ns
        self.based_on = signal.based_on
