"""Time for processes beside the engine: never back, whatever the host's clock does; UTC as of the start.

Invariant: intervals, ages and expiries follow the monotonic clock alone. A host's clock that is set moves nothing here but the
sentence that says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable

JUMP_NS_MIN = 1_000_000_000
"""A smaller difference is the clocks' own."""


class Clock:
    """A clock; `wall` and `monotonic` are the host's, or a test's."""

    def __init__(
        self, wall: Callable[[], int] = time.time_ns, monotonic: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self.wall, self.monotonic = wall, monotonic
        self.base_ns = wall() - monotonic()

    def now_ns(self) -> int:
        """Nanoseconds, UTC as of the start."""
        return self.base_ns + self.monotonic()

    def sentence(self) -> str | None:
        """What a person is told of a clock that was set since the start."""
        jump_ns = self.wall() - self.now_ns()
        if abs(jump_ns) < JUMP_NS_MIN:
            return None
        way = "ahead" if jump_ns > 0 else "back"
        return (
            f"clock: the host's was set {way} by {abs(jump_ns) / 1e9:,.0f} s since this process started; ages, leases and "
            "expiries do not follow it, times are told by the clock as it was until a restart"
        )
