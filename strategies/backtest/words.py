"""Times of a backtest's figures in words. Invariant: what is printed has at most three digits that count, and its unit."""

__all__ = ["in_time"]

UNITS = (("min", 60 * 10**9), ("s", 10**9), ("ms", 10**6), ("µs", 10**3), ("ns", 1))


def in_time(nanos: float) -> str:
    """A span of ns in its largest unit: 50 ms, 1.25 s."""
    for unit, size in UNITS:
        if nanos >= size:
            return f"{nanos / size:.3g} {unit}"
    return f"{nanos:g} ns"
